"""PortAudio's habits in one place: its list of devices that never changes, its chatter, its rates."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Literal

from obs_portrait.errors import MediaError
from obs_portrait.media.types import SAMPLE_RATE

if TYPE_CHECKING:
    from obs_portrait.media.devices import SoundDevice

__all__ = ["WASAPI", "load", "quiet", "rescan", "start", "stop", "stuck", "turn"]

WASAPI: Final = "Windows WASAPI"
"""Windows' own way to sound devices, as PortAudio calls it. Never run; from the documentation of both."""
_PATIENCE: Final = 1.0
"""Seconds that a stream may take to end."""
_ANSWERS_S: Final = 10.0
"""Seconds that anybody's turn may last; then PortAudio hangs."""

_streams: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_turn: Final = threading.RLock()
"""Held while PortAudio is loaded anew, its devices are listed or a stream is opened: a microphone and a loudspeaker
that come back at the same time do so in threads of their own."""
_since: Final[list[float]] = []
"""When each turn began that is not over: one within the other, all of one thread."""
_stuck: Final = threading.Event()


def load() -> Any:
    """The module sounddevice. Raises `MediaError` if the C library behind it is missing."""
    try:
        import sounddevice
    except OSError as error:  # the package is there, the C library is not
        raise MediaError(
            f"PortAudio is missing ({error}); on Debian or Ubuntu type: apt install libportaudio2"
        ) from error
    return sounddevice


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what C libraries print off the terminal: our one sentence says it. For the whole process, so keep it short.

    PortAudio and ALSA print up to twenty lines for every device that cannot be opened.
    """
    try:
        if sys.stderr is None:
            raise OSError
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # a program without a standard error
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _extra(sounddevice: Any, device: SoundDevice) -> dict[str, Any]:
    """WASAPI takes no rate but the device's unless it is asked to convert."""
    if sys.platform != "win32":
        return {}
    host = sounddevice.query_devices(device.index)["hostapi"]
    if sounddevice.query_hostapis(host)["name"] != WASAPI:
        return {}
    return {"extra_settings": sounddevice.WasapiSettings(auto_convert=True)}


def _enter_com() -> None:
    """WASAPI is reached through COM, which each thread has to enter; twice is no error."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.ole32.CoInitializeEx(None, 0)


def rescan() -> bool:
    """Looks for devices anew: PortAudio sees only those that were there when it was loaded.

    Does nothing and returns False while a stream of ours is open, as it would end that stream.
    """
    with turn():
        if any(not stream.closed for stream in _streams):
            return False
        sounddevice = load()
        with quiet(), contextlib.suppress(sounddevice.PortAudioError):
            sounddevice._terminate()
            sounddevice._initialize()
        return True


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """While it is held nobody else loads PortAudio anew or opens a stream.

    Raises `MediaError` if somebody has had it for ten seconds: their device does not answer, and no other one can be
    opened in this process.
    """
    while not _turn.acquire(timeout=0.05):
        if time.monotonic() - min(_since, default=time.monotonic()) > _ANSWERS_S:
            _stuck.set()
            raise MediaError("Another sound device does not answer; unplug it, or restart the sound server.")
    try:
        _since.append(time.monotonic())
        yield
    finally:
        _since.pop()
        _turn.release()


def stuck() -> bool:
    """A stream could not be ended, or a device hangs while it is opened and another one is wanted. No new device can be
    had in this process any more."""
    return _stuck.is_set()


def start(
    direction: Literal["input", "output"],
    name: str,
    device: SoundDevice,
    prepare: Callable[[int], None],
    **options: Any,
) -> Any:
    """A running float32 stream of one or two channels, at 48 kHz or, where the device refuses that, at its own rate.

    prepare: called with the rate in Hz before each try. options: for sounddevice (callback, finished_callback …).
    Raises `MediaError`; the next try then sees devices that have come since.
    """
    sounddevice = load()
    _enter_com()
    kind = sounddevice.InputStream if direction == "input" else sounddevice.OutputStream
    problem: Exception | None = None
    for rate in dict.fromkeys((SAMPLE_RATE, device.rate)):
        prepare(rate)
        try:
            with turn(), quiet():
                stream = kind(
                    samplerate=rate,
                    device=device.index,
                    channels=min(2, device.channels),
                    dtype="float32",
                    latency="low",
                    **_extra(sounddevice, device),
                    **options,
                )
                _streams.add(stream)
                try:
                    stream.start()
                except sounddevice.PortAudioError:
                    stream.close(ignore_errors=True)
                    raise
        except (sounddevice.PortAudioError, ValueError) as error:
            problem = error
        else:
            return stream
    rescan()
    raise MediaError(f"{name} cannot be opened ({problem}); is it used by another program?") from problem


def stop(stream: Any) -> None:
    """Ends a stream at once; never raises and never hangs.

    When PulseAudio dies, ALSA's plug-in for it now and then waits for an answer for ever, and ending the stream waits
    for it. Such a stream is left behind, and so is PortAudio's own clean-up at the program's exit, which would hang.
    """

    def end() -> None:
        _enter_com()
        with contextlib.suppress(Exception):
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    ending = threading.Thread(target=end, name="stop sound", daemon=True)
    ending.start()
    ending.join(_PATIENCE)
    if ending.is_alive():
        _stuck.set()
        atexit.unregister(load()._exit_handler)
