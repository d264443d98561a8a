"""A playback stream of PulseAudio's simple API (libpulse-simple, which PipeWire's users have as well), by ctypes."""

from __future__ import annotations

import ctypes
from typing import Any, Final

from obs_portrait.errors import MediaError

__all__ = ["PulsePlayback", "library_problem"]

_LIBRARY: Final = "libpulse-simple.so.0"
_PLAYBACK: Final = 1
_S16LE: Final = 3
_UNSET: Final = 0xFFFFFFFF


class _Spec(ctypes.Structure):
    """pa_sample_spec."""

    _fields_ = (("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8))


class _Attributes(ctypes.Structure):
    """pa_buffer_attr, in bytes."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize"))


def library_problem() -> str | None:
    """None if the library is here, else one sentence."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return f"The virtual microphone needs {_LIBRARY}; type: sudo apt install libpulse0 (Debian's name)."
    return None


class PulsePlayback:
    """16 bit mono into one of the sound server's sinks. Not safe for several threads.

    The calls release the interpreter's lock, and `write` waits until the server has room, so it wants a thread.
    """

    def __init__(self, sink: str, title: str, rate: int, latency_ms: int) -> None:
        """Raises `MediaError` if the server or the sink is not there."""
        library = self._library = ctypes.CDLL(_LIBRARY)
        library.pa_simple_new.restype = ctypes.c_void_p
        library.pa_simple_new.argtypes = [
            ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_Spec),
            ctypes.c_void_p, ctypes.POINTER(_Attributes), ctypes.POINTER(ctypes.c_int),
        ]  # fmt: skip
        library.pa_simple_write.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int),
        ]  # fmt: skip
        library.pa_simple_free.argtypes = [ctypes.c_void_p]
        library.pa_simple_free.restype = None
        library.pa_strerror.restype = ctypes.c_char_p
        self._error = ctypes.c_int(0)
        wanted = rate * 2 * latency_ms // 1000
        attributes = _Attributes(_UNSET, wanted, wanted // 4, wanted // 4, _UNSET)
        self._stream: Any = library.pa_simple_new(
            None, b"OBS Portrait", _PLAYBACK, sink.encode(), title.encode(), ctypes.byref(_Spec(_S16LE, rate, 1)),
            None, ctypes.byref(attributes), ctypes.byref(self._error),
        )  # fmt: skip
        if not self._stream:
            raise MediaError(f"The sound server takes no sound for '{sink}' ({self._why()}); is it running?")

    def write(self, data: bytes) -> None:
        """Whole samples, little-endian. Waits for room. Raises `MediaError` when the server is gone."""
        if self._library.pa_simple_write(self._stream, data, len(data), ctypes.byref(self._error)) < 0:
            raise MediaError(f"The sound server is gone ({self._why()}).")

    def close(self) -> None:
        """May be called twice."""
        stream, self._stream = self._stream, None
        if stream:
            self._library.pa_simple_free(stream)

    def _why(self) -> str:
        return str(self._library.pa_strerror(self._error.value).decode("utf-8", "replace"))
