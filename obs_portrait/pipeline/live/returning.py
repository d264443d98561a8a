"""A device that may be lost: the other sinks go on, and it is opened again as soon as it is back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Generic, TypeVar

from obs_portrait.errors import LeakError, PortraitError
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.types import PersonaBlock, PersonaFrame
from obs_portrait.pipeline.live.policy import Backoff

__all__ = ["ReturningAudioSink", "ReturningVideoSink"]

S = TypeVar("S", bound=AudioSink | VideoSink)


class _Device(Generic[S]):
    """The sink that `make` makes, as long as it is there. open_one(sink): opens it. notice(text, problem): a sentence
    when it is lost, one when it is back. Written to by one thread; a helper of its own opens what was lost."""

    def __init__(
        self, make: Callable[[], S], open_one: Callable[[S], None], notice: Callable[[str, bool], None]
    ) -> None:
        self._make, self._open_one, self._notice = make, open_one, notice
        self.sink: S = make()
        self.name: str = self.sink.name
        self._usable = self._lost = False
        self._returned: S | None = None
        self._helper: threading.Thread | None = None
        self._halt = threading.Event()

    def open(self) -> None:
        """The first opening: its error is the caller's."""
        self._open_one(self.sink)
        self.name, self._usable = self.sink.name, True

    def open_aside(self) -> None:
        """The first opening, in a thread of its own: whoever takes a dead process's place does not wait for a sound
        server. A device that is not there is looked for from then on."""
        self._help(None)

    def write(self, send: Callable[[S], None]) -> None:
        """send(sink): hands it what is to be written. What is written while it is lost goes nowhere."""
        if self._returned is not None:
            self.sink, self._returned, self._helper = self._returned, None, None
            self._usable, self.name = True, self.sink.name
            if self._lost:
                self._lost = False
                self._notice(f"{self.name} is back.", False)
        if not self._usable:
            return
        try:
            send(self.sink)
        except LeakError:
            raise
        except Exception as error:
            self.lose(error)

    def lose(self, error: Exception) -> None:
        """It is lost, with this error: from now on it is looked for."""
        self._usable = False
        self._tell_lost(error)
        self._help(self.sink)

    def _help(self, lost: S | None) -> None:
        self._helper = threading.Thread(target=self._reopen, args=(lost,), name="open", daemon=True)
        self._helper.start()

    def _tell_lost(self, error: Exception) -> None:
        self._lost = True
        why = str(error) if isinstance(error, PortraitError) else f"{self.name}: {type(error).__name__}: {error}"
        self._notice(f"{why.rstrip('.')}; it is opened again as soon as it is there.", True)

    def _reopen(self, lost: S | None) -> None:
        if lost is not None:
            with contextlib.suppress(Exception):
                lost.close()
        backoff = Backoff()
        while not self._halt.wait(backoff.failed() if lost is not None else 0.0):
            sink = None
            try:
                sink = self._make()
                self._open_one(sink)
            except Exception as error:
                if sink is not None:
                    with contextlib.suppress(Exception):
                        sink.close()
                if lost is None:
                    self._tell_lost(error)
                    lost = self.sink
                continue
            if self._halt.is_set():
                sink.close()
            else:
                self._returned = sink
            return

    def close(self) -> None:
        """Releases the device; a helper that opens it just now gives it back."""
        self._halt.set()
        if self._helper is not None:
            self._helper.join(2.0)
        for sink in (self._returned, self.sink):
            if sink is not None:
                sink.close()


class ReturningAudioSink(AudioSink):
    """Stands before a sound device. What is written while that is lost is heard nowhere."""

    def __init__(self, make: Callable[[], AudioSink], notice: Callable[[str, bool], None]) -> None:
        """notice(text, problem): one sentence when it is lost, one when it is back."""
        self._device: _Device[AudioSink] = _Device(make, lambda sink: sink.open(), notice)

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the sink."""
        return self._device.name

    @property
    def adds_ns(self) -> int:  # type: ignore[override]
        """That of the sink."""
        return self._device.sink.adds_ns

    @property
    def underruns(self) -> int:
        """That of the sink since it was opened last."""
        return int(getattr(self._device.sink, "underruns", 0))

    @property
    def dropped(self) -> int:
        """As `underruns`."""
        return int(getattr(self._device.sink, "dropped", 0))

    def open(self) -> None:
        """The first opening: its error is the caller's."""
        self._device.open()

    def open_aside(self) -> None:
        """The first opening, in a thread of its own."""
        self._device.open_aside()

    def _write(self, block: PersonaBlock) -> None:
        self._device.write(lambda sink: sink.write(block))

    def close(self) -> None:
        """Releases the device."""
        self._device.close()


class ReturningVideoSink(VideoSink):
    """Stands before a virtual camera. What is written while that is lost is seen nowhere."""

    def __init__(self, make: Callable[[], VideoSink], notice: Callable[[str, bool], None]) -> None:
        """As `ReturningAudioSink`."""
        self._size: tuple[int, int, Fraction] = (0, 0, Fraction(0))
        self._device: _Device[VideoSink] = _Device(make, self._open_one, notice)

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the sink."""
        return self._device.name

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        """In the place of a process that had died, a camera that cannot be opened is looked for."""
        self._size = (width, height, rate)
        try:
            self._device.open()
        except PortraitError as error:
            if not self.had_died:
                raise
            self._device.lose(error)

    def _open_one(self, sink: VideoSink) -> None:
        sink.had_died = self.had_died
        sink.open(*self._size)

    def _write(self, frame: PersonaFrame) -> None:
        self._device.write(lambda sink: sink.write(frame))

    def close(self) -> None:
        """Releases the device."""
        self._device.close()
