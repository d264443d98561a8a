"""`PictureMail`: the newest small picture on its way from the video process to whoever asks for it.

Memory of a fixed size, shared by inheritance as a `Board` is, behind a sequence counter (a seqlock) and a checksum.
Nothing is queued and nobody waits. Who wants pictures says until when: the writer makes none that nobody has asked for.

On Linux the memory is a file without a name in /dev/shm, which is memory. Where that is missing or full, and on macOS,
it is one without a name in the folder for temporary files: the system may put it on a disk until it is wiped.
"""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Callable
from ctypes import addressof, c_int64, c_uint8, memset
from dataclasses import dataclass, field
from typing import Any, Final

from obs_portrait.clock import now_ns

__all__ = ["ASKED_NS", "CAPACITY", "FRESH_NS", "Mails", "PictureMail"]

CAPACITY: Final = 256 * 1024
"""Bytes of a picture at most."""
ASKED_NS: Final = 2_000_000_000
"""For so long after it was asked for pictures are made."""
FRESH_NS: Final = 1_000_000_000
"""An older picture is none."""
_TRIES: Final = 50
_SEQUENCE, _SIZE, _CHECK, _MADE_NS, _ASKED_NS, _ALLOWED_NS, _REFUSED_NS = range(7)


class PictureMail:
    """One mailbox, with exactly one writer at a time (the video process) and any number of readers in one other.

    guarded: pictures are made, and given out, only until the time up to which `allow` allows it. Both sides look at
    that time for themselves.
    """

    def __init__(self, *, guarded: bool = False, clock: Callable[[], int] | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._cells: Any = context.RawArray(c_int64, 7)
        self._bytes: Any = context.RawArray(c_uint8, CAPACITY)
        self._guarded, self._clock = guarded, clock

    def _now(self) -> int:
        return self._clock() if self._clock is not None else now_ns()

    # ---- the reader's side ---------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Pictures are wanted for the next two seconds."""
        self._cells[_ASKED_NS] = self._now() + ASKED_NS

    def allow(self, for_ns: int) -> None:
        """Of a guarded mailbox: pictures may be made for so long from now on; 0: none any more."""
        self._cells[_ALLOWED_NS] = self._now() + for_ns if for_ns > 0 else 0

    def refuse_older(self) -> None:
        """What was captured until now is neither taken any more nor put: a panic has begun."""
        self._cells[_REFUSED_NS] = self._now()

    @property
    def allowed(self) -> bool:
        """Whether pictures may be made and looked at now."""
        return not self._guarded or self._now() < self._cells[_ALLOWED_NS]

    def take(self) -> bytes | None:
        """The newest picture; None if there is none, if it is older than a second or than the last `refuse_older`,
        or if it may not be looked at."""
        for _ in range(_TRIES):
            before = self._cells[_SEQUENCE]
            size, check, made = self._cells[_SIZE], self._cells[_CHECK], self._cells[_MADE_NS]
            if before & 1 or not 0 < size <= CAPACITY:
                continue
            picture = bytes(memoryview(self._bytes)[:size])
            if self._cells[_SEQUENCE] == before and zlib.crc32(picture) == check:
                fresh = made > self._cells[_REFUSED_NS] and 0 <= self._now() - made < FRESH_NS
                return picture if self.allowed and fresh else None
        return None

    # ---- the writer's side ---------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether somebody has asked within the last two seconds, and may look."""
        return self._now() < self._cells[_ASKED_NS] and self.allowed

    def put(self, picture: bytes, captured_ns: int | None = None) -> bool:
        """Puts a picture in the place of the one before; False if it is too large, or no longer wanted, or shows what
        was captured before the last `refuse_older`. captured_ns: None: now."""
        refused = captured_ns is not None and captured_ns <= self._cells[_REFUSED_NS]
        if not 0 < len(picture) <= CAPACITY or not self.wanted or refused:
            return False
        self._cells[_SEQUENCE] |= 1
        self._cells[_SIZE], self._cells[_CHECK] = len(picture), zlib.crc32(picture)
        memoryview(self._bytes).cast("B")[: len(picture)] = picture
        self._cells[_MADE_NS] = self._now()
        self._cells[_SEQUENCE] += 1
        return True

    def wipe(self) -> None:
        """Overwrites the picture with zeroes, whatever the cells say. For the writer, or anybody once the writer is
        dead. Its size goes last: whoever is killed inside leaves a mail that still `holds`."""
        self._cells[_SEQUENCE] |= 1
        memset(addressof(self._bytes), 0, CAPACITY)
        self._cells[_SIZE] = 0
        self._cells[_SEQUENCE] += 1

    @property
    def holds(self) -> bool:
        """Whether there is a picture in the memory, however old."""
        return bool(self._cells[_SIZE])


@dataclass(frozen=True, slots=True)
class Mails:
    """Of a session. camera: gives nothing unless `allow` was called within the last minute."""

    persona: PictureMail = field(default_factory=PictureMail)
    camera: PictureMail = field(default_factory=lambda: PictureMail(guarded=True))

    def wipe(self) -> None:
        """Nothing is left in either. Once their writer is dead: the persona may be one that shows the real face."""
        self.persona.wipe()
        self.camera.wipe()

    def refuse_older(self) -> None:
        """A panic has begun: no picture of before is given out any more, nor made."""
        self.persona.refuse_older()
        self.camera.refuse_older()
