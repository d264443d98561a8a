"""The virtual microphone with a real PulseAudio of the test's own: what goes in comes out, and nothing stays behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media import devices
from obs_portrait.media.sinks import open_audio, virtualmic
from obs_portrait.media.sinks.virtualmic import VirtualMicSink, virtual_mic_problem
from obs_portrait.media.types import SAMPLE_RATE, MicBlock
from obs_portrait.pipeline.guard import AudioGuard
from obs_portrait.pipeline.live.returning import ReturningAudioSink
from tests.media.real_pulse import RealPulse, why_not
from tests.obs.real_obs import until

BLOCK = 480
pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealPulse]:
    made = RealPulse(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.start()
    yield made
    made.kill()


def _speak(sink: VirtualMicSink | ReturningAudioSink, seconds: float, guard: AudioGuard, hz: float = 440.0) -> None:
    """A persona's tone at the pace of the clock."""
    begun, rng = time.monotonic(), np.random.default_rng(1)
    for n in range(int(seconds * 100)):
        at = (np.arange(BLOCK) + n * BLOCK) / SAMPLE_RATE
        tone = (0.3 * np.sin(2 * np.pi * hz * at)).astype(np.float32)
        mic = MicBlock(rng.normal(0, 0.1, BLOCK).astype(np.float32), n * 10_000_000, n * BLOCK)
        time.sleep(max(0.0, begun + n / 100 - time.monotonic()))
        sink.write(guard.admit(tone, mic))


@contextmanager
def _recorded(path: Path) -> Iterator[None]:
    """What any program hears that has chosen the virtual microphone."""
    command = [
        "parec",
        "--device=obs_portrait_mic",
        "--rate=48000",
        "--channels=1",
        "--format=s16le",
        "--raw",
        "--latency-msec=30",
    ]
    with path.open("wb") as out, subprocess.Popen(command, stdout=out) as recorder:
        yield
        recorder.terminate()


def _tone(path: Path, hz: float) -> float:
    """Share of the sound's power that lies at a frequency."""
    sound = np.frombuffer(path.read_bytes()[: path.stat().st_size // 2 * 2], "<i2").astype(np.float64)
    sound = sound[np.abs(sound).cumsum() > 0]
    if sound.size < SAMPLE_RATE // 4:
        return 0.0
    power = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) ** 2
    at = np.fft.rfftfreq(sound.size, 1 / SAMPLE_RATE)
    return float(power[np.abs(at - hz) < 10].sum() / max(power.sum(), 1e-9))


def test_what_the_persona_says_is_heard_from_the_microphone_and_nothing_stays(
    server: RealPulse, tmp_path: Path
) -> None:
    before = server.names("modules")
    sink = open_audio("virtualmic")
    assert isinstance(sink, VirtualMicSink)
    sink.open()
    assert "obs_portrait_mic" in server.names("sources")
    told = subprocess.run(["pactl", "list", "sources"], capture_output=True, text=True, check=True).stdout
    assert "OBS Portrait microphone" in told
    with _recorded(tmp_path / "heard.raw"):
        _speak(sink, 2.0, AudioGuard("ada", 0))
    sink.close()
    sink.close()
    assert _tone(tmp_path / "heard.raw", 440.0) > 0.6  # the rest: gaps where the machine was busy
    assert server.names("modules") == before


def test_what_a_killed_predecessor_left_is_used_again_and_taken_away(server: RealPulse) -> None:
    before = server.names("modules")
    first = VirtualMicSink()
    first.open()
    sources = server.names("sources")
    second = VirtualMicSink()
    second.open()
    assert server.names("sources").split()[:2] == sources.split()[:2]  # the same one: who records stays connected
    second.close()
    assert server.names("modules") == before
    first.close()


def test_it_survives_the_end_of_the_sound_server(server: RealPulse, tmp_path: Path) -> None:
    told: list[tuple[str, bool]] = []
    sink = ReturningAudioSink(VirtualMicSink, lambda text, problem: told.append((text, problem)))
    sink.open()
    guard = AudioGuard("ada", 0)
    _speak(sink, 0.3, guard)
    server.kill()

    def lost() -> bool:
        _speak(sink, 0.1, guard)
        return bool(told)

    until(lost, 10, "the loss is noticed")
    assert told[0][1] is True
    assert "opened again as soon as" in told[0][0]
    server.start()

    def back() -> bool:
        _speak(sink, 0.1, guard)
        return len(told) == 2

    until(back, 20, "it is back")
    assert told[1] == ("virtual microphone is back.", False)
    with _recorded(tmp_path / "after.raw"):
        _speak(sink, 1.5, guard, 600.0)
    sink.close()
    assert _tone(tmp_path / "after.raw", 600.0) > 0.6
    assert "obs_portrait" not in server.names("modules")


def test_no_sound_server_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/none")
    assert virtual_mic_problem() is not None
    with pytest.raises(MediaError, match="start PulseAudio or PipeWire"):
        VirtualMicSink().open()


@pytest.mark.parametrize(
    ("platform", "outputs", "chosen"),
    [
        ("win32", ["Realtek", "CABLE Input (VB-Audio Virtual Cable)"], "CABLE Input (VB-Audio Virtual Cable)"),
        ("win32", ["VoiceMeeter Input (VB-Audio)", "Line 1 (Virtual Audio Cable)"], "Line 1 (Virtual Audio Cable)"),
        ("darwin", ["MacBook Pro Speakers", "BlackHole 2ch"], "BlackHole 2ch"),
        ("win32", ["Speakers (Realtek)"], None),
    ],
)  # fmt: skip
def test_elsewhere_the_cable_that_is_installed_is_chosen(
    monkeypatch: pytest.MonkeyPatch, platform: str, outputs: list[str], chosen: str | None
) -> None:
    found = [devices.SoundDevice(n, name, 2, SAMPLE_RATE, n == 0) for n, name in enumerate(outputs)]
    monkeypatch.setattr(virtualmic.sys, "platform", platform)
    monkeypatch.setattr(devices, "list_sound_devices", lambda direction: found if direction == "output" else [])
    assert virtualmic._cable() == chosen
    problem = virtual_mic_problem()
    assert problem is None if chosen else problem is not None and "install VB-CABLE" in problem
