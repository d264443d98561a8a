"""`References`: has the session take the driver's neutral reference anew, and waits until it is told how that went."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from obs_portrait.errors import PipelineError
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.status import LiveStatus
from obs_portrait.pipeline.live.supervisor import Phase

__all__ = ["PATIENCE_S", "References", "Session"]

PATIENCE_S: Final = 8.0
"""A calm face takes one; the control API waits for 10."""
_LOOK_S: Final = 0.2
_ABOUT: Final = "reference"
_TAKEN, _NOT_YET, _NEVER = "Calibrated", "Calibrating: ", "The reference stays"
"""How the sentences of `obs_portrait.pipeline.live.coach` begin."""


class Session(Protocol):
    """What is needed of a live session."""

    def calibrate(self) -> None:
        """Returns at once."""

    def status(self) -> LiveStatus:
        """A snapshot."""


class References:
    """`take` may be called from any thread and by several at once: the first reference is everybody's.

    ending: whether the daemon ends. patience: s.
    """

    def __init__(
        self, session: Session, ending: Callable[[], bool] = lambda: False, patience: float = PATIENCE_S
    ) -> None:
        self._session, self._ending, self._patience = session, ending, patience
        self._changed = threading.Condition()
        self._taken = 0
        self._failed: tuple[int, str] = (0, "")
        """How often one could not be taken at all, and why the last time."""
        self._advice = ""

    def hear(self, notice: Notice) -> None:
        """Each notice of the session, from any thread."""
        if notice.about != _ABOUT:
            return
        with self._changed:
            if notice.text.startswith(_TAKEN):
                self._taken += 1
            elif notice.text.startswith(_NEVER):
                self._failed = (self._failed[0] + 1, notice.text)
            elif notice.text.startswith(_NOT_YET):
                self._advice = notice.text.removeprefix(_NOT_YET)
            self._changed.notify_all()

    def take(self) -> None:
        """Returns when the reference was taken. Raises `PipelineError` with why it cannot be, at once where that is
        known, or after `patience` with what the driver may do; then it is taken as soon as there is a fit face."""
        self._look()
        with self._changed:
            taken, failed = self._taken, self._failed[0]
            self._advice = ""
        self._session.calibrate()
        deadline = time.monotonic() + self._patience
        while (left := deadline - time.monotonic()) > 0:
            with self._changed:
                self._changed.wait_for(lambda: self._taken > taken or self._failed[0] > failed, min(left, _LOOK_S))
                if self._taken > taken:
                    return
                if self._failed[0] > failed:
                    raise PipelineError(self._failed[1])
            self._look()
        rated = self._session.status().quality
        advice = self._advice or (rated[1] if rated is not None else None) or "Look straight into the camera."
        todo = f"{advice[:1].lower()}{advice[1:].rstrip('.')}"
        raise PipelineError(
            f"No face was fit within {self._patience:.0f} s: {todo}. The reference is taken as soon as one is."
        )

    def _look(self) -> None:
        """Raises `PipelineError` if nobody is looked at."""
        if self._ending():
            raise PipelineError("OBS Portrait is ending, so no reference is taken.")
        now = self._session.status()
        if not now.running:
            raise PipelineError("The show has not begun, so nobody is looked at; try again when it has.")
        if now.rests:
            raise PipelineError("The camera is closed while the persona rests; switch it on first (`obs-portrait on`).")
        if not now.face_on:
            raise PipelineError(
                "The camera is not looked at while the face is off; switch it on first (`obs-portrait face on`)."
            )
        if now.video.phase is not Phase.RUNNING:
            raise PipelineError("The picture is still being prepared; try again in a moment.")
        if not now.video.cells.get("source_ok"):
            raise PipelineError("No picture comes from the camera, so there is no face; see `obs-portrait status`.")
