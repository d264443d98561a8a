"""Real OBS changes scenes, and the persona on stage follows: at the sinks of a real live session."""

from __future__ import annotations

import contextlib
import statistics
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from obs_portrait.clock import now_ns
from obs_portrait.errors import ObsError, ProfileError
from obs_portrait.obs.binding_file import BindingFile
from obs_portrait.obs.client import ObsClient, ObsEvent
from obs_portrait.obs.director import Director
from tests.obs.conftest import address_of
from tests.obs.real_obs import CAST, RealObs, collection, until
from tests.pipeline.live import doubles
from tests.pipeline.live.test_faults import Show

SCENES = dict(zip(CAST[:3], ("red", "green", "blue"), strict=True))
RULES = "".join(f'[[bind]]\nscene = "{scene}"\npersona = "{persona}"\n\n' for scene, persona in SCENES.items())


class Actors:
    """Stands where a live session does: who was called, and when."""

    def __init__(self) -> None:
        self.persona = "nobody"
        self.calls: list[tuple[str, int]] = []
        self.prepared: list[str] = []
        self.block = threading.Event()
        self.block.set()

    def switch(self, name: str) -> None:
        self.block.wait(5)
        if name == "ghost":
            raise ProfileError("There is no persona 'ghost'; there is: ada.")
        self.persona = name
        self.calls.append((name, now_ns()))

    def prepare(self, name: str) -> None:
        self.prepared.append(name)

    def becomes(self, name: str, seconds: float = 10) -> None:
        until(lambda: self.persona == name, seconds, f"{name} on stage, it is {self.persona}")


class Stage:
    """A director between `obs_client` and actors."""

    def __init__(self, client: ObsClient, folder: Path, rules: str = RULES) -> None:
        self.client, self.actors = client, Actors()
        self.file = folder / "bindings.toml"
        self.file.write_text(rules, "utf-8")
        self.notices: list[tuple[str, str, bool]] = []
        self.bindings = BindingFile(self.file, profiles=lambda: [("cyan", ("Empty*",))])
        self.director = Director(client, self.bindings, self.actors, lambda *notice: self.notices.append(notice))

    def show(self, scene: str) -> None:
        self.client.request("SetCurrentProgramScene", {"sceneName": scene})

    def __enter__(self) -> Stage:
        self.director.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.director.close()


def settled(client: ObsClient) -> None:
    """Waits until no transition is under way: OBS forgets what is asked of it in the last moments of one."""
    calm = 0

    def still() -> bool:
        nonlocal calm
        cursor = client.request("GetCurrentSceneTransitionCursor")["transitionCursor"]
        calm = calm + 1 if cursor in (0.0, 1.0) else 0
        return calm >= 5

    until(still, 10, "no transition")


@pytest.fixture
def stage(obs_client: ObsClient, tmp_path: Path) -> Iterator[Stage]:
    settled(obs_client)
    obs_client.request("SetCurrentSceneTransition", {"transitionName": "Cut"})
    obs_client.request("SetCurrentProgramScene", {"sceneName": "Ada"})
    settled(obs_client)
    with Stage(obs_client, tmp_path) as stage:
        stage.actors.becomes("red")
        yield stage


def test_it_starts_where_obs_is_and_has_everybody_ready(stage: Stage) -> None:
    assert stage.actors.prepared == ["red", "green", "blue", "cyan"]
    assert stage.director.scenes == CAST
    assert stage.director.collection == "Tests"


def test_each_scene_calls_its_persona_and_the_profile_has_its_say(stage: Stage) -> None:
    for scene, persona in [("Bronze", "green"), ("Empty", "cyan"), ("Ink", "blue"), ("Ada", "red")]:
        stage.show(scene)
        stage.actors.becomes(persona)
    assert [one.scene for one in stage.director.followed] == ["Ada", "Bronze", "Empty", "Ink", "Ada"]


def test_a_switch_by_hand_stays_until_the_next_scene_change(stage: Stage) -> None:
    stage.actors.switch("by hand")
    stage.client.request("CreateScene", {"sceneName": "new scene"})
    until(lambda: "new scene" in stage.director.scenes, 10, "the new scene is known")
    stage.client.request("RemoveScene", {"sceneName": "new scene"})
    assert stage.actors.persona == "by hand"
    stage.show("Bronze")
    stage.actors.becomes("green")


def test_a_burst_of_scene_changes_ends_in_the_right_persona_without_a_backlog(stage: Stage) -> None:
    stage.actors.block.clear()  # a stage that takes its time
    scenes = [CAST[n % 3] for n in range(50)]
    for scene in scenes:
        stage.show(scene)
    stage.actors.block.set()
    stage.actors.becomes(SCENES[scenes[-1]])
    assert len(stage.actors.calls) < 30
    stage.show("Ink" if scenes[-1] != "Ink" else "Ada")
    stage.actors.becomes("blue" if scenes[-1] != "Ink" else "red")


@pytest.mark.parametrize(("cut", "least", "most"), [("start", 0.0, 0.35), ("middle", 0.3, 0.65), ("end", 0.75, 5.0)])
def test_the_persona_changes_at_the_cut_point_of_the_transition(
    stage: Stage, cut: str, least: float, most: float
) -> None:
    """Order, not speed: the persona's change is placed between the transition's own start and end."""
    stage.bindings.bind("Bronze", "green", cut=cut)
    stage.client.request("SetCurrentSceneTransition", {"transitionName": "Fade"})
    stage.client.request("SetCurrentSceneTransitionDuration", {"transitionDuration": 1200})
    with (
        stage.client.expect("SceneTransitionStarted") as started,
        stage.client.expect("CurrentProgramSceneChanged") as ended,
    ):
        stage.show("Bronze")
        begin, end = started.wait(10).received_ns, ended.wait(10).received_ns
    stage.actors.becomes("green")
    settled(stage.client)
    part = (stage.actors.calls[-1][1] - begin) / (end - begin)
    assert least <= part <= most
    stage.client.request("SetCurrentSceneTransition", {"transitionName": "Cut"})


class EarlyObs:
    """A FAKE link to an OBS that is in its next scene before it tells of the transition there: a moment of a frame's
    length in the real one, which no test can hit."""

    connected = True

    def __init__(self) -> None:
        self.scene, self.cursor, self.looks = "Ada", 0.0, 0

    def subscribe(self, handler: Callable[[ObsEvent], None], *names: str) -> Callable[[], None]:
        self.tell = handler
        return lambda: None

    def supports(self, kind: str) -> bool:
        return True

    def request(self, kind: str, data: object = None) -> dict[str, object]:
        if kind == "GetCurrentSceneTransitionCursor":
            seen = self.cursor
            if seen == 0.0:  # from here on it moves, and is told of
                self.cursor = 0.02
                self.tell(ObsEvent("SceneTransitionStarted", {}, now_ns()))
            return {"transitionCursor": seen}
        self.looks += kind == "GetCurrentProgramScene" and self.scene == "Bronze"
        return {"currentProgramSceneName": self.scene, "scenes": [{"sceneName": name} for name in CAST]}


def test_a_look_at_the_first_moment_of_a_transition_does_not_go_before_its_cut_point(tmp_path: Path) -> None:
    obs = EarlyObs()
    with Stage(cast(ObsClient, obs), tmp_path) as stage:
        stage.bindings.bind("Bronze", "green", cut="end")
        stage.actors.becomes("red")
        obs.scene = "Bronze"
        until(lambda: obs.looks >= 1, 10, "the look finds it")
        for step in range(1, 8):
            obs.cursor = 0.02 + step / 10
            looks = obs.looks
            obs.tell(ObsEvent("SceneNameChanged", {}))  # has it look again soon
            until(lambda looks=looks: obs.looks > looks, 10, "it looks")
            assert stage.actors.persona == "red"
        obs.tell(ObsEvent("CurrentProgramSceneChanged", {"sceneName": "Bronze"}, now_ns()))
        stage.actors.becomes("green")


def test_a_change_that_obs_does_not_report_is_followed_too(stage: Stage) -> None:
    """OBS 29 says nothing of a scene that is chosen while a cut is under way; the burst above has such changes too."""
    for _ in range(5):
        stage.client.request("SetCurrentProgramScene", {"sceneName": "Bronze"})
        stage.client.request("SetCurrentSceneTransition", {"transitionName": "Fade"})
        stage.client.request("SetCurrentProgramScene", {"sceneName": "Ink"})
        stage.actors.becomes("blue")
        stage.client.request("SetCurrentSceneTransition", {"transitionName": "Cut"})
        stage.client.request("SetCurrentProgramScene", {"sceneName": "Ada"})
        stage.actors.becomes("red")


def test_rules_for_the_preview_of_studio_mode(stage: Stage) -> None:
    stage.bindings.bind("Ink", "preview of ink", studio="preview")
    stage.client.request("SetStudioModeEnabled", {"studioModeEnabled": True})
    try:
        stage.client.request("SetCurrentPreviewScene", {"sceneName": "Ink"})
        stage.actors.becomes("preview of ink")
        stage.client.request("TriggerStudioModeTransition")
        stage.actors.becomes("blue")
    finally:
        stage.client.request("SetStudioModeEnabled", {"studioModeEnabled": False})


AWKWARD = ("Emoji 😀🎮", 'it\'s "quoted" [x] *?', "long " * 60)


@pytest.mark.parametrize("name", AWKWARD, ids=["emoji", "quotes", "long"])
def test_scenes_with_awkward_names_are_renamed_and_their_rules_go_with_them(stage: Stage, name: str) -> None:
    stage.client.request("SetSceneName", {"sceneName": "Bronze", "newSceneName": name})
    until(lambda: any(rule.scene == name for rule in stage.bindings.now.rules), 10, "the rule has the new name")
    stage.show(name)
    stage.actors.becomes("green")
    stage.client.request("SetSceneName", {"sceneName": name, "newSceneName": "Bronze"})
    until(lambda: any(rule.scene == "Bronze" for rule in stage.bindings.now.rules), 10, "the old name is back")
    stage.show("Ada")
    stage.actors.becomes("red")


def test_a_persona_that_is_not_there_is_told_and_nothing_else_stops(stage: Stage) -> None:
    stage.bindings.bind("Ink", "ghost")
    stage.show("Ink")
    until(lambda: any("Scene 'Ink' calls for 'ghost'" in text for _, text, _ in stage.notices), 10, "a sentence")
    stage.client.request("CreateScene", {"sceneName": "gone soon"})
    stage.show("gone soon")
    stage.client.request("RemoveScene", {"sceneName": "gone soon"})
    stage.show("Bronze")
    stage.actors.becomes("green")


def test_another_collection_has_rules_of_its_own(make_obs: Callable[..., RealObs], tmp_path: Path) -> None:
    with make_obs(tmp_path / "obs") as obs, ObsClient(address_of(obs)) as client:
        assert client.wait_connected(20)
        with Stage(client, tmp_path) as stage:
            stage.actors.becomes("red")
            stage.bindings.bind("Scene", "blue", collection="Second*")
            client.request("CreateSceneCollection", {"sceneCollectionName": "Second one"}, timeout=15)
            until(lambda: stage.director.collection == "Second one", 15, "the director knows the collection")
            stage.actors.becomes("blue")


def test_obs_is_not_asked_while_it_changes_its_collection(make_obs: Callable[..., RealObs], tmp_path: Path) -> None:
    """It is undefined what happens then; 29.0.2 ended by itself. Somebody asks all the time, as page and tray do."""
    with make_obs(tmp_path / "obs") as obs, ObsClient(address_of(obs)) as client:
        assert client.wait_connected(20)
        over, answers = threading.Event(), 0

        def ask() -> None:
            nonlocal answers
            while not over.is_set():
                with contextlib.suppress(ObsError):
                    for scene in client.request("GetSceneList")["scenes"]:
                        client.request("GetSceneItemList", {"sceneName": scene["sceneName"]})
                    client.request("GetInputList")
                    answers += 1

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for one in asking:
            one.start()
        try:
            first = str(client.request("GetSceneCollectionList")["currentSceneCollectionName"])
            for number in range(3):
                client.request("CreateSceneCollection", {"sceneCollectionName": f"New {number}"}, timeout=20)
                client.request("SetCurrentSceneCollection", {"sceneCollectionName": first}, timeout=20)
            before = answers
            until(lambda: answers > before + 3, 10, "it answers as before")
        finally:
            over.set()
            for one in asking:
                one.join(30)
        assert client.links == 1


def test_obs_dies_again_and_again_and_the_right_persona_is_on_stage_at_the_end(
    make_obs: Callable[..., RealObs], tmp_path: Path
) -> None:
    with make_obs(tmp_path / "obs", collection=collection()) as obs, ObsClient(address_of(obs)) as client:
        assert client.wait_connected(20)
        with Stage(client, tmp_path) as stage:
            for turn in range(2):
                stage.show(CAST[turn])
                stage.actors.becomes(SCENES[CAST[turn]])
                obs.kill()
                until(lambda: not client.connected, 10, "the fall is noticed")
                before = client.links
                obs.start()
                until(lambda before=before: client.links > before, 20, "the link is back")  # type: ignore[misc]
            stage.show("Ink")
            stage.actors.becomes("blue")
            assert [t.name for t in threading.enumerate() if t.name.startswith("obs")].count("obs link") == 1


def test_scene_change_to_the_sinks_of_a_live_session(stage: Stage, tmp_path: Path) -> None:
    """Twenty scene changes: the sinks' frames and blocks are of the old or the new persona, each change arrives."""
    stage.director.close()
    show = Show(tmp_path)
    with show.session as session:
        show.state("live")
        show.speaks()
        director = Director(stage.client, stage.bindings, session)
        director.start()
        changes = []
        for n in range(1, 21):
            persona = SCENES[CAST[n % 3]]
            frames, begun = show.video("frames_out"), now_ns()
            stage.show(CAST[n % 3])
            show.until(lambda persona=persona: session.status().persona == persona)  # type: ignore[misc]
            show.until(lambda frames=frames: show.video("frames_out") > frames + 6)  # type: ignore[misc]
            changes.append((begun, persona))
        director.close()
    frames_out, blocks_out = doubles.caught_frames(show.frames_path), doubles.caught_blocks(show.blocks_path)
    for kind, caught in (("frame", frames_out), ("block", blocks_out)):
        waits = []
        for (begun, persona), (end, _) in zip(changes, [*changes[1:], (now_ns(), "")], strict=True):
            between = [one for one in caught if begun <= one.written_ns < end]
            order = list(dict.fromkeys(one.persona for one in between))
            assert order[-1] == persona, kind
            assert len(order) <= 2, (kind, order)
            waits.append(next(one.written_ns for one in between if one.persona == persona) - begun)
        middle, most = statistics.median(waits) / 1e6, max(waits) / 1e6
        print(f"scene change -> first {kind}: median {middle:.0f} ms, most {most:.0f} ms")
