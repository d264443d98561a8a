"""The curtain before a client that answers at once: what is hidden, for which reasons, and what is shown again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.curtain import Curtain
from tests.obs.real_obs import until


class Obs:
    """One scene: ours is visible, another source of ours is not, and one is not ours."""

    def __init__(self) -> None:
        self.visible = {1: True, 2: False, 3: True}

    def subscribe(self, heard: Callable[..., None], *names: str) -> Callable[[], None]:
        return lambda: None

    def request(self, kind: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        if kind == "GetCurrentProgramScene":
            return {"currentProgramSceneName": "Live"}
        if kind == "GetSceneList":
            return {"scenes": [{"sceneName": "Live"}]}
        if kind == "GetSceneItemList":
            names = {1: "OBS Portrait", 2: "OBS Portrait", 3: "Game"}
            return {
                "sceneItems": [
                    {"sceneItemId": item, "sourceName": names[item], "sceneItemEnabled": on}
                    for item, on in self.visible.items()
                ]
            }
        assert kind == "SetSceneItemEnabled"
        assert given is not None
        self.visible[given["sceneItemId"]] = given["sceneItemEnabled"]
        return {}


@pytest.fixture
def obs() -> Obs:
    return Obs()


@pytest.fixture
def curtain(obs: Obs) -> Iterator[Curtain]:
    curtain = Curtain(cast(ObsClient, obs), lambda: ["OBS Portrait"])
    yield curtain
    curtain.close()


def test_what_was_visible_is_hidden_and_shown_again(obs: Obs, curtain: Curtain) -> None:
    curtain.draw(True)
    until(lambda: not obs.visible[1], 30, "hidden")
    assert obs.visible == {1: False, 2: False, 3: True}
    curtain.draw(False)
    until(lambda: obs.visible == {1: True, 2: False, 3: True}, 30, "shown again")


def test_it_is_drawn_as_long_as_one_reason_holds(obs: Obs, curtain: Curtain) -> None:
    curtain.draw(True, "frozen")
    until(lambda: not obs.visible[1], 30, "hidden")
    curtain.draw(True)
    curtain.draw(False)  # a panic ends while the real person stands still on the screen
    curtain.draw(True, "frozen")
    until(lambda: not curtain._changed, 30, "done")
    assert not obs.visible[1]
    curtain.draw(False, "frozen")
    until(lambda: obs.visible[1], 30, "shown again")


@pytest.mark.parametrize(("why", "shown"), [("panic", True), ("frozen", False)])
def test_at_the_end_all_is_shown_again_unless_nobody_can_write_the_card(obs: Obs, why: str, shown: bool) -> None:
    curtain = Curtain(cast(ObsClient, obs), lambda: ["OBS Portrait"])
    curtain.draw(True, why)
    until(lambda: not obs.visible[1], 30, "hidden")
    curtain.close()
    assert obs.visible[1] is shown
