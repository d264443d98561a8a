"""When programs may still show the real person, because who could write the card is gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from obs_portrait.pipeline.live import frozen
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.frozen import Frozen
from obs_portrait.pipeline.live.options import VIDEO_CELLS
from obs_portrait.pipeline.live.status import STATES
from obs_portrait.pipeline.live.supervisor import Phase


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    monkeypatch.setattr(frozen, "_SEEN_NS", -1)
    return []


def _keeper(state: str, players: int = 0) -> Any:
    board = Board(*VIDEO_CELLS)
    board.publish({"state": STATES.index(state), "frames_out": 9, "players": players})
    return SimpleNamespace(board=board, phase=Phase.PAUSING)


def _again(keeper: Any) -> None:
    keeper.board.clear()
    keeper.phase = Phase.RUNNING


def test_a_persona_that_falls_is_no_matter(told: list[bool]) -> None:
    watch = Frozen(told.append)
    watch.fell(_keeper("live"), reveals=False)
    watch.look(_keeper("live"))
    assert told == []


@pytest.mark.parametrize(("state", "reveals"), [("revealed", False), ("live", True)])
def test_the_real_person_is_frozen_until_the_next_process_has_shown_something(
    told: list[bool], state: str, reveals: bool
) -> None:
    watch, keeper = Frozen(told.append), _keeper(state)
    watch.fell(keeper, reveals)
    assert told == [True]
    for _ in range(3):
        watch.look(keeper)  # its board still says what the dead one wrote
    _again(keeper)
    for _ in range(3):
        watch.look(keeper)
    assert told == [True]
    keeper.board.set("frames_out", 1)
    watch.look(keeper)
    watch.look(keeper)
    assert told == [True, False]
    watch.look(keeper)
    assert told == [True, False]


def test_who_played_the_stream_has_to_play_it_again(told: list[bool]) -> None:
    watch, keeper = Frozen(told.append), _keeper("revealed", players=1)
    watch.fell(keeper, reveals=True)
    _again(keeper)
    keeper.board.set("frames_out", 1)
    keeper.phase = Phase.PAUSING
    watch.fell(keeper, reveals=True)  # once more, before the player was back
    _again(keeper)
    keeper.board.set("frames_out", 1)
    for _ in range(3):
        watch.look(keeper)
    assert told == [True, True]
    keeper.board.set("players", 1)
    watch.look(keeper)
    watch.look(keeper)
    assert told == [True, True, False]
