"""A microphone that is none, for OBS, calls and games: on Linux made by the sound server, without a driver or a cable.

PulseAudio, and PipeWire in its place, have a sink that plays into nothing and a source that listens to it. Both are
made when this is opened and taken away when it is closed; what a killed predecessor left is used again, so that whoever
records from it stays connected. On Windows and macOS no program can make a microphone: there a virtual cable that is
installed is chosen, and where none is, the error says where to get one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Final

import numpy as np

from obs_portrait.errors import MediaError
from obs_portrait.media.pulse_simple import PulsePlayback, library_problem
from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import SAMPLE_RATE, PersonaBlock

__all__ = ["CABLES", "VirtualMicSink", "virtual_mic_problem"]

_SINK: Final = "obs_portrait_voice"
_SOURCE: Final = "obs_portrait_mic"
_TITLE: Final = "OBS Portrait microphone"
_PATIENCE_S: Final = 4.0
_LATENCY_MS: Final = 30
_DEAD_S: Final = 2.5
"""So long the sound server may take nothing although something waits for it."""
_WAITING: Final = 4
"""Blocks that may wait for the sound server: what waits is delay, so older ones are left out (`dropped`)."""
CABLES: Final = {
    "win32": ("CABLE Input", "Virtual Audio Cable", "VoiceMeeter Input"),
    "darwin": ("BlackHole",),
}
"""Virtual cables that are looked for, by a part of their output's name."""
_WHERE: Final = {
    "win32": "install VB-CABLE (free, vb-audio.com/Cable), then choose 'CABLE Output' as microphone in your programs",
    "darwin": "install BlackHole (brew install blackhole-2ch), then choose it as microphone in your programs",
}


def virtual_mic_problem() -> str | None:
    """None if a virtual microphone can be had here, else one sentence that says what to do. For `doctor`."""
    if sys.platform == "linux":
        if shutil.which("pactl") is None:
            return "The virtual microphone needs pactl; type: sudo apt install pulseaudio-utils (Debian's name)."
        if (missing := library_problem()) is not None:
            return missing
        try:
            _pactl("info")
        except MediaError as error:
            return str(error)
        return None
    return None if _cable() else f"There is no virtual cable here; {_WHERE.get(sys.platform, 'install one')}."


def _cable() -> str | None:
    """The output of a virtual cable that is installed."""
    from obs_portrait.media.devices import list_sound_devices

    for wanted in CABLES.get(sys.platform, ()):
        for device in list_sound_devices("output"):
            if wanted.lower() in device.name.lower():
                return device.name
    return None


class VirtualMicSink(AudioSink):
    """`title`: how programs see it. One for each user: what is there already is used, with the title that it has."""

    name = "virtual microphone"

    def __init__(self, title: str | None = None) -> None:
        self._title = title or _TITLE
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._some = threading.Condition()
        self._thread: threading.Thread | None = None
        self._trouble: str | None = None
        self._beat = 0.0
        self._cable_sink: AudioSink | None = None
        self.dropped = 0
        """Samples that were left out, because the sound server did not take them in time."""

    def open(self) -> None:
        if sys.platform != "linux":
            self._open_cable()
            return
        problem = virtual_mic_problem()
        if problem is not None:
            raise MediaError(problem)
        stream: PulsePlayback | None = None
        try:
            self._make()
            stream = PulsePlayback(_SINK, "persona", SAMPLE_RATE, _LATENCY_MS)
            # A new null sink has just taken two seconds of silence, and would take nothing more for so long; woken up
            # again it keeps the pace that our stream asks for.
            for state in ("1", "0"):
                _pactl("suspend-sink", _SINK, state)
        except BaseException:
            if stream is not None:
                stream.close()
            remove()
            raise
        self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._play, args=(stream,), name="virtual microphone", daemon=True)
        self._thread.start()

    def _play(self, stream: PulsePlayback) -> None:
        """The sound server sets the pace."""
        try:
            while True:
                with self._some:
                    while not self._waiting:
                        self._some.wait()
                    data = self._waiting.popleft()
                if not data:
                    return
                stream.write(data)
                self._beat = time.monotonic()
        except MediaError as error:
            self._trouble = str(error)
        finally:
            stream.close()

    def _open_cable(self) -> None:
        from obs_portrait.media.sinks.speaker import SpeakerSink

        cable = _cable()
        if cable is None:
            raise MediaError(f"There is no virtual cable here; {_WHERE.get(sys.platform, 'install one')}.")
        self._cable_sink = SpeakerSink(cable)
        self._cable_sink.open()
        self.name = f"virtual microphone ({cable})"

    def _make(self) -> None:
        """The two modules, unless they are there already."""
        quoted = self._title.replace("\\", "").replace('"', "").replace("'", "")
        sinks, sources = _names("sinks"), _names("sources")
        if _SINK not in sinks:
            _pactl(
                "load-module", "module-null-sink", f"sink_name={_SINK}", f"rate={SAMPLE_RATE}", "channels=1",
                "channel_map=mono", f"sink_properties='device.description=\"{quoted} (persona)\"'",
            )  # fmt: skip
        if _SOURCE not in sources:
            _pactl(
                "load-module", "module-remap-source", f"master={_SINK}.monitor", f"source_name={_SOURCE}",
                "channels=1", "channel_map=mono", f"source_properties='device.description=\"{quoted}\"'",
            )  # fmt: skip

    def _write(self, block: PersonaBlock) -> None:
        if self._cable_sink is not None:
            self._cable_sink.write(block)
            return
        if self._thread is None or not self._thread.is_alive():
            raise MediaError(f"The virtual microphone is gone: {self._trouble or 'it is not open.'}")
        if len(self._waiting) == _WAITING and time.monotonic() - self._beat > _DEAD_S:
            raise MediaError("The virtual microphone takes no sound any more: the sound server hangs.")
        with self._some:
            if len(self._waiting) == _WAITING:
                self.dropped += block.samples.size
            self._waiting.append(np.rint(block.samples * np.float32(32767)).astype("<i2").tobytes())
            self._some.notify()

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            with self._some:
                self._waiting.clear()
                self._waiting.append(b"")
                self._some.notify()
            thread.join(2.0)
            remove()
        cable, self._cable_sink = self._cable_sink, None
        if cable is not None:
            cable.close()


def remove() -> None:
    """Takes the virtual microphone away, whoever made it. Never raises."""
    with contextlib.suppress(MediaError):
        for row in _pactl("list", "short", "modules").splitlines():
            number, _, rest = row.partition("\t")
            if f"source_name={_SOURCE}" in rest:
                with contextlib.suppress(MediaError):
                    _pactl("unload-module", number)
        for row in _pactl("list", "short", "modules").splitlines():
            number, _, rest = row.partition("\t")
            if f"sink_name={_SINK}" in rest:
                with contextlib.suppress(MediaError):
                    _pactl("unload-module", number)


def _names(kind: str) -> set[str]:
    return {row.split("\t")[1] for row in _pactl("list", "short", kind).splitlines() if "\t" in row}


def _pactl(*arguments: str) -> str:
    """What pactl says. Raises `MediaError`."""
    try:
        done = subprocess.run(  # noqa: S603
            ["pactl", *arguments],  # noqa: S607
            capture_output=True, text=True, timeout=_PATIENCE_S, check=False, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise MediaError(f"The sound server does not answer ({type(error).__name__}); is it running?") from error
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no word why"])[-1]
        raise MediaError(f"The sound server refused the virtual microphone ({why}); start PulseAudio or PipeWire.")
    return done.stdout
