"""What holds a show back: the panic, the rest, a face or a voice that is switched off.

All of it is cells in shared memory that the two processes look at for each frame and block, so it works whatever they
are busy with, and it holds for a process that is started again.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from obs_portrait.errors import PipelineError
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.cast import Cast

__all__ = ["Cover"]

_T = TypeVar("_T")
_GOES_ON: Final = "The panic goes on: the persona on stage shows your real face or voice; switch to another one first."
_NOT_YET: Final = "The panic goes on: another persona is not yet on stage; try again in a moment."


class Cover:
    """Belongs to a session. Its public methods may be called from any thread.

    order(call): runs a call in the supervisor's thread, to which the cast belongs. carried_out(number, timeout): waits
    until both processes have carried out that order of the cast. numbers: the session's count of such orders.
    """

    def __init__(
        self,
        cast: Cast,
        video: Board,
        audio: Board,
        *,
        order: Callable[[Callable[[], None]], None],
        carried_out: Callable[[int, float], bool],
        numbers: Iterator[int] | None = None,
    ) -> None:
        self._cast, self._video, self._audio = cast, video, audio
        self._order, self._carried_out = order, carried_out
        self._numbers = numbers or itertools.count(1)
        self._refuge = 0
        self._lock = threading.Lock()
        self._panics = 0
        """How often a panic has begun. Under the lock, with its cells."""

    @property
    def panic(self) -> bool:
        """Only the card and silence go out."""
        return bool(self._video.get("panic"))

    @property
    def rests(self) -> bool:
        """Camera and microphone are closed, nothing is converted; the card is shown."""
        return bool(self._video.get("rest"))

    @property
    def face_on(self) -> bool:
        """The persona moves; otherwise its still portrait is shown."""
        return not self._video.get("muted")

    @property
    def voice_on(self) -> bool:
        """The persona is heard; otherwise there is silence."""
        return not self._audio.get("muted")

    def set_rest(self, on: bool) -> None:
        """See `rests`. The end of a rest opens the devices again."""
        self._both("rest", on)
        self._order(self._cast.look)

    def set_face(self, on: bool) -> None:
        """See `face_on`."""
        self._video.set("muted", int(not on))

    def set_voice(self, on: bool) -> None:
        """See `voice_on`."""
        self._audio.set("muted", int(not on))

    def hide(self, on: bool) -> None:
        """Face and voice are off besides what the user has said: somebody who reveals is about to leave the stage."""
        self._both("hidden", on)

    def begin_panic(self) -> None:
        """From the next frame and block on; who reveals leaves the stage."""
        with self._lock:
            self._panics += 1
            self._both("panic", True)
        self._order(self._cast.look)
        self._order(self._take_cover)

    def end_panic(self, timeout: float) -> None:
        """Waits, at most `timeout` s, until nobody who reveals is on stage or about to be. Raises `PipelineError`, with
        the panic still on, if there is nobody else to show, if that takes longer, or if a panic began anew
        meanwhile."""
        with self._lock:
            begun = self._panics
        deadline = time.monotonic() + timeout
        refuge = self._asked(self._covered, deadline)
        if refuge is not None and refuge < 0:
            raise PipelineError(_GOES_ON)
        if refuge is None or not self._carried_out(refuge, max(0.0, deadline - time.monotonic())):
            raise PipelineError(_NOT_YET)
        ended = self._asked(lambda: self._end(begun), deadline)
        if self._panics != begun:
            raise PipelineError("The panic goes on: it was called again.")
        if not ended:
            raise PipelineError(_NOT_YET if ended is None else _GOES_ON)

    def _asked(self, call: Callable[[], _T], deadline: float) -> _T | None:
        """What a call in the supervisor's thread comes to; None if it does not come in time, and then it is not made
        later either: who was told that the panic goes on would not expect its end."""
        answered = threading.Event()
        answer: list[_T] = []
        state = threading.Lock()
        given_up = False

        def ask() -> None:
            with state:
                if not given_up:
                    answer.append(call())
            answered.set()

        self._order(ask)
        answered.wait(max(0.0, deadline - time.monotonic()))
        with state:
            given_up = True
        return answer[0] if answer else None

    def _covered(self) -> int:
        """The order whose carrying out makes the end safe; -1: nothing does."""
        self._take_cover()
        return -1 if self._cast.reveals(self._cast.stage) else self._refuge

    def _end(self, begun: int) -> bool:
        """Unless another panic has begun, or somebody who reveals has been asked for since."""
        with self._lock:
            if self._panics != begun or any(map(self._cast.reveals, (self._cast.stage, self._cast.wanted))):
                return False
            self._both("panic", False)
            return True

    def _take_cover(self) -> None:
        """In the supervisor's thread: in a panic nobody who reveals stays on stage, if anybody else is there, and
        nobody who reveals enters it later because they were not yet prepared when they were asked for."""
        if not self.panic:
            return
        self._cast.forget_pending(self._cast.reveals)
        if not self._cast.reveals(self._cast.stage):
            return
        other = next((name for name in self._cast.personas if not self._cast.reveals(name)), None)
        if other is not None:
            self._refuge = next(self._numbers)
            self._cast.switch(other, self._refuge)

    def _both(self, cell: str, on: bool) -> None:
        for board in (self._video, self._audio):
            board.set(cell, int(on))
