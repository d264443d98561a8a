"""Whether the real person may stand still on somebody's screen, because the video process is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from obs_portrait.clock import now_ns
from obs_portrait.pipeline.live.status import STATES
from obs_portrait.pipeline.live.supervisor import Keeper, Phase

__all__ = ["Frozen"]

_SEEN_NS: Final = 1_000_000_000
"""So long a program needs to show what it receives again."""


class Frozen:
    """A process that is killed cannot write the card: whoever took its pictures shows the last one on.

    Belongs to the supervisor's thread. told(on): the last picture may be the real person; or another one has taken its
    place, also where the stream to OBS is played, if it was.
    """

    def __init__(self, told: Callable[[bool], None]) -> None:
        self._told = told
        self._players = False
        self._since: int | None = None
        self.on = False
        """What was told last."""

    def fell(self, keeper: Keeper, reveals: bool) -> None:
        """The video process is down. reveals: who was on stage shows the real face or voice."""
        cells = keeper.board
        if not reveals and STATES[cells.get("state")] != "revealed":
            return
        self._players = self._players if self.on else cells.get("players") > 0
        self._since = None
        self.on = True
        self._told(True)

    def look(self, keeper: Keeper) -> None:
        """Now and then: whether the process that took its place has shown something else for long enough."""
        if not self.on:
            return
        cells = keeper.board
        shows = keeper.phase is Phase.RUNNING and cells.get("frames_out") > 0
        if not shows or (self._players and not cells.get("players")):
            self._since = None
        elif self._since is None:
            self._since = now_ns()
        elif now_ns() - self._since > _SEEN_NS:
            self.on = False
            self._told(False)
