"""Microphone and loudspeaker on a real sound server: what is said is heard, and a lost server is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media import devices
from obs_portrait.media.devices import SoundDevice, find_sound_device
from obs_portrait.media.sinks import open_audio as open_sink
from obs_portrait.media.sources import open_audio as open_source
from tests.media.real import SoundServer, run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PulseAudio and its null sink are of Linux")

_HEAD = """
import faulthandler, json, os, sys, time
import numpy as np
from obs_portrait.errors import MediaError
from obs_portrait.media.devices import list_sound_devices
from obs_portrait.media.sinks import open_audio as open_sink
from obs_portrait.media.sources import open_audio as open_source
from tests.media.conftest import block
faulthandler.dump_traceback_later(60, exit=True)
tone = lambda i: (0.5 * np.sin(2 * np.pi * 1000 * (np.arange(480) + 480 * i) / 48000)).astype(np.float32)
"""

_ROUND_TRIP = """
out = {"inputs": [d.name for d in list_sound_devices("input")]}
heard, times, indices, past = [], [], [], True
with open_sink("speaker") as speaker, open_source("mic") as mic:
    for i in range(250):
        got = mic.read(480)
        heard.append(got.samples); times.append(got.captured_ns)
        past = past and got.captured_ns + 10_000_000 <= time.perf_counter_ns(); indices.append(got.index)
        speaker.write(block(tone(i) if i >= 50 else 0 * tone(i), got.captured_ns, got.index))
    out["underruns"] = speaker.underruns
x = np.concatenate(heard)
onset = int(np.argmax(np.abs(x) > 0.1))
out["onset_ms"] = onset / 48 - 500
middle = x[onset + 9600 : onset + 57600]
spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size)))
out |= {"peak_hz": int(spectrum.argmax()), "level": float(np.abs(middle).max()), "finite": bool(np.isfinite(x).all())}
out["indices"] = indices == list(range(0, 480 * 250, 480))
out["increasing"] = all(b > a for a, b in zip(times, times[1:]))
out["past"] = past
print(json.dumps(out))
"""

_KILLED = """
import signal
out = {}
speaker, mic = open_sink("speaker"), open_source("mic")
speaker.open(); mic.open()
mic.read(480)
os.kill(int(sys.argv[1]), signal.SIGKILL)
for what, call in (("mic", lambda: mic.read(480)), ("speaker", lambda: speaker.write(block(tone(0), 0)))):
    while what not in out:
        try:
            call()
        except MediaError as error:
            out[what] = str(error)
mic.close(); speaker.close(); mic.close()
for spec in ("mic", "mic:nobody"):
    try:
        open_source(spec).open()
    except MediaError as error:
        out["again " + spec] = str(error)
print(json.dumps(out))
"""

_LATE = """
import subprocess
out = {}
try:
    open_source("mic").open()
except MediaError as error:
    out["before"] = str(error)
server = ["pulseaudio", "--daemonize=yes", "--exit-idle-time=-1", "--use-pid-file=no", "-n", "-F", sys.argv[1]]
subprocess.run(server, check=True, capture_output=True)
try:
    with open_source("mic") as mic:
        out["after"] = mic.read(480).samples.size
finally:
    subprocess.run(["pactl", "exit"], check=True, capture_output=True)
print(json.dumps(out))
"""


@pytest.fixture
def server(tmp_path: Path) -> SoundServer:
    return SoundServer(tmp_path)


def _told(program: str, server: SoundServer, *arguments: str) -> tuple[dict[str, Any], str]:
    done = run_python(_HEAD + program, server.environment, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.real
def test_a_tone_comes_back_through_loudspeaker_and_microphone(server: SoundServer) -> None:
    with server.running():
        told, _ = _told(_ROUND_TRIP, server)
    assert "pulse" in told["inputs"]
    assert told["peak_hz"] == 1000
    assert told["level"] == pytest.approx(0.5, abs=0.1)
    assert told["finite"]
    assert told["indices"]  # not one sample is left out or twice there
    assert told["increasing"]
    assert told["past"]  # no block is read before its last sample was said
    assert told["onset_ms"] > 0  # heard after it was said


@pytest.mark.real
def test_a_sound_server_that_dies_is_told_by_both_ends(server: SoundServer) -> None:
    with server.running() as process:
        told, chatter = _told(_KILLED, server, str(process.pid))
    assert "stopped giving sound" in told["mic"]
    assert "is gone" in told["speaker"]
    assert "microphone" in told["again mic"]
    assert "no microphone" in told["again mic:nobody"]
    assert all("\n" not in sentence for sentence in told.values())
    assert "ALSA lib pulse.c" not in chatter  # what could not be opened is said once, by us


@pytest.mark.real
def test_a_sound_server_that_comes_later_is_found(server: SoundServer) -> None:
    told, _ = _told(_LATE, server, str(Path(server.environment["HOME"]) / "start.pa"))
    assert "microphone" in told["before"]
    assert told["after"] == 480


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[SoundDevice]:
    """Names that mislead: the number of one device is inside the name of another."""
    there = [
        SoundDevice(0, "HDA Intel (hw:1,0)", 2, 48_000, False),
        SoundDevice(1, "USB Headset", 1, 44_100, True),
        SoundDevice(2, "pulse", 32, 44_100, False),
    ]
    monkeypatch.setattr(devices, "list_sound_devices", lambda direction: there)
    monkeypatch.setattr(devices.portaudio, "rescan", lambda: False)
    return there


@pytest.mark.parametrize(("wish", "index"), [(None, 1), ("1", 1), ("0", 0), ("headset", 1), ("PULSE", 2), ("hw:1", 0)])
def test_a_device_is_found_by_number_or_by_a_part_of_its_name(
    three: list[SoundDevice], wish: str | None, index: int
) -> None:
    assert find_sound_device(wish, "input") is three[index]


def test_a_device_that_is_not_there_is_answered_with_those_that_are(three: list[SoundDevice]) -> None:
    with pytest.raises(MediaError, match="no microphone named 'Yeti'; there is: 0: HDA") as caught:
        find_sound_device("Yeti", "input")
    assert all(device.name in str(caught.value) for device in three)


def test_reading_and_writing_before_opening_is_told() -> None:
    with pytest.raises(MediaError, match="before it was opened"):
        open_source("mic").read(10)
    for spec in ("", "cloud", "speakers"):
        with pytest.raises(MediaError):
            open_sink(spec)


def test_silence_is_silent_and_ends_when_told() -> None:
    from obs_portrait.media.sources.still import SilenceSource

    with SilenceSource(0.1) as source:
        parts = []
        while (got := source.read(1000)) is not None:
            assert got.captured_ns == got.index * 1_000_000_000 // 48_000
            parts.append(got.samples)
    assert not np.concatenate(parts).any()
    assert [part.size for part in parts] == [1000] * 4 + [800]
