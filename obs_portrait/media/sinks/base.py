"""The contracts of sinks, and the gate at their door."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from types import TracebackType
from typing import Self, final

from obs_portrait.errors import LeakError
from obs_portrait.media.types import PersonaBlock, PersonaFrame

__all__ = ["AudioSink", "VideoSink"]


class VideoSink(ABC):
    """Takes the persona's pictures. Implement `_open`, `_write`, `_close`; the public methods hold the gate."""

    name: str
    adds_ns: int = 0
    """How much later than `write` returns the picture is seen, as far as that is known and constant."""
    takes_all: bool = False
    """False: a live sink that wants the newest frame. True: a recorder that must get every frame."""
    had_died: bool = False
    """The process that had this sink open before was ours and was killed: who holds the device now only reads it."""

    @final
    def open(self, width: int, height: int, rate: Fraction) -> None:
        """Called once. Must raise `MediaError` if the sink cannot take such pictures."""
        self._open(width, height, rate)

    @final
    def write(self, frame: PersonaFrame) -> None:
        """Sends one frame. Raises `LeakError` for anything but a `PersonaFrame`, `MediaError` if the sink is gone."""
        if type(frame) is not PersonaFrame:
            raise LeakError(f"{self.name}: refused a {type(frame).__name__}; a sink takes persona frames only.")
        self._write(frame)

    @abstractmethod
    def _open(self, width: int, height: int, rate: Fraction) -> None: ...

    @abstractmethod
    def _write(self, frame: PersonaFrame) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Finishes and releases. May be called twice; must leave a playable file where the sink is one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class AudioSink(ABC):
    """Takes the persona's voice, mono at `SAMPLE_RATE`."""

    name: str
    adds_ns: int = 0
    """How much later than `write` returns the sound is heard, as far as that is known and constant."""

    @abstractmethod
    def open(self) -> None:
        """Called once. Must raise `MediaError` if the sink cannot take sound."""

    @final
    def write(self, block: PersonaBlock) -> None:
        """Sends one block; may wait until the device has room. Raises as `VideoSink.write` does."""
        if type(block) is not PersonaBlock:
            raise LeakError(f"{self.name}: refused a {type(block).__name__}; a sink takes persona blocks only.")
        self._write(block)

    @abstractmethod
    def _write(self, block: PersonaBlock) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Finishes and releases. May be called twice."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
