"""Real OBS plays flashes and tones; what is saved from it is looked at frame by frame."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from obs_portrait import __version__
from obs_portrait.errors import ObsError
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.clips.diary import Diary
from obs_portrait.obs.clips.library import Library
from obs_portrait.obs.clips.recorder import ClipRecorder, Outcome, Staged
from obs_portrait.obs.clips.sidecar import sidecar_path
from tests.obs.clips.making import decodes_to_its_end, flash_times, make_clip, pictures, tone_times
from tests.obs.conftest import address_of, needs_obs
from tests.obs.real_obs import RealObs, until

CLIPS = 20 if os.environ.get("OBS_PORTRAIT_LONG") else 6
"""Twenty take two minutes of recording: OBS_PORTRAIT_LONG=1 pytest tests/obs/clips"""
NASTY = 'CON: "Küche" <🎭👩‍💻> ' + "x" * 300


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealObs]:
    """An OBS that plays a clip with a flash and a tone every second, again and again."""
    needs_obs()
    folder = tmp_path_factory.mktemp("studio")
    played = make_clip(folder / "played.mkv", seconds=10, flashes=tuple(n + 0.5 for n in range(10)), size=(320, 240))
    with RealObs(folder / "obs", profile={"SimpleOutput": {"RecRBTime": 3}}) as real:
        with ObsClient(address_of(real)) as client:
            assert client.wait_connected(20), client.problem
            settings = {"local_file": str(played), "is_local_file": True, "looping": True, "hw_decode": False}
            client.request(
                "CreateInput",
                {"sceneName": "Ada", "inputName": "Metronome", "inputKind": "ffmpeg_source", "inputSettings": settings},
                timeout=10,
            )
        yield real


@pytest.fixture
def client(studio: RealObs) -> Iterator[ObsClient]:
    with ObsClient(address_of(studio)) as link:
        assert link.wait_connected(20), link.problem
        link.request("SetCurrentProgramScene", {"sceneName": "Ada"})
        yield link


@pytest.fixture
def recorder(client: ObsClient, library: Library) -> Iterator[ClipRecorder]:
    diary = Diary()
    diary.note("persona", "ada", 0)
    made = ClipRecorder(client, library, diary=diary, staged=lambda name: Staged("mesh", "dsp", {"picture_ms": 41.0}))
    yield made
    made.close()


def runs(client: ObsClient, what: str) -> bool:
    return bool(client.request(f"Get{what}Status")["outputActive"])


def written(client: ObsClient, kind: str, seconds: float) -> None:
    """Waits until an output ("ffmpeg_muxer", "replay_buffer") has got so much."""

    def long_enough() -> bool:
        outputs = client.request("GetOutputList")["outputs"]
        name = next(output["outputName"] for output in outputs if output["outputKind"] == kind)
        return bool(client.request("GetOutputStatus", {"outputName": name})["outputDuration"] >= seconds * 1000)

    until(long_enough, 60, f"{kind} has {seconds} s")


def switched_on(recorder: ClipRecorder, client: ObsClient, seconds: float = 0.0) -> None:
    """The replay buffer runs and holds so much."""
    if not runs(client, "ReplayBuffer"):
        recorder.save()
    written(client, "replay_buffer", seconds)


def is_right(outcome: Outcome, kind: str, skews: list[float]) -> float:
    """Looks at everything that a clip promises; returns its length. skews: how much later than its tone a flash is."""
    clip = outcome.clip
    assert clip is not None
    info = clip.info
    frames = decodes_to_its_end(clip.path)
    times = [at for at, _ in pictures(clip.path)]
    steps = np.diff(times)
    # OBS cuts in the order of encoding: of the last pictures one that others lean on may be there without them.
    assert np.allclose(steps[:-3], 1 / 30, atol=0.002), "a hole in the picture"
    assert info.duration_s is not None
    assert abs(info.duration_s - (times[-1] + 1 / 30)) <= 1 / 30 + 0.002
    written = json.loads(sidecar_path(clip.path).read_text("utf-8"))
    assert written["file"] == clip.path.name
    assert written["kind"] == kind
    assert (written["persona"], written["engine"], written["converter"]) == ("ada", "mesh", "dsp")
    assert written["scene"] == "Ada"
    assert written["versions"]["obs_portrait"] == __version__
    assert re.match(r"\d+\.\d+", written["versions"]["obs"])
    assert written["timings"]["picture_ms"] == 41.0
    assert written["marks"][0] == {"at_s": 0.0, "kind": "persona", "name": "ada"}
    assert written["picture"]["width"] == 640
    assert not Path(written["source_file"]).exists()
    flashes, tones = flash_times(clip.path, 90), tone_times(clip.path, 0.05)
    assert flashes, "OBS shows no flash: the test sees nothing"
    skews.extend(min((flash - tone for tone in tones), key=abs) for flash in flashes if 0.2 < flash < frames / 30 - 0.2)
    return frames / 30


@pytest.mark.slow
def test_clips_are_whole_in_sync_and_described(
    recorder: ClipRecorder, client: ObsClient, studio: RealObs, library: Library
) -> None:
    skews: list[float] = []
    switched_on(recorder, client, 6)  # on a busy machine OBS encodes late
    for number in range(CLIPS):
        if number % 2:
            # 3 s are asked for; OBS keeps whole groups of pictures, of 250 each.
            assert 2.5 <= is_right(recorder.save(), "replay", skews) <= 3 + 2 * 250 / 30
        else:
            recorder.start()
            written(client, "ffmpeg_muxer", 1.6)
            length = is_right(recorder.stop(), "recording", skews)
            reported = re.findall(r"Output 'simple_file_output'.*?Total frames output: (\d+)", studio.log(), re.DOTALL)
            assert abs(length - int(reported[-1]) / 30) <= 1 / 30 + 0.002
    # OBS itself keeps picture and sound of a media source within two pictures, now and then worse on a busy machine.
    print(f"picture after sound: median {1000 * statistics.median(skews):.0f} ms of {len(skews)}")
    assert abs(statistics.median(skews)) <= 2 / 30 + 0.002, sorted(skews)
    assert len(library.list()) == CLIPS
    assert not [path for path in studio.videos.iterdir() if path.suffix == ".mkv"]
    newest = recorder.last().clip
    assert newest is not None
    assert newest.path == library.list()[0].path


def test_recording_is_marked_where_personas_change(client: ObsClient, library: Library) -> None:
    diary = Diary()
    diary.note("persona", "ada", 0)
    recorder = ClipRecorder(client, library, diary=diary)
    recorder.start()
    written(client, "ffmpeg_muxer", 0.5)
    diary.note("persona", "ink")
    written(client, "ffmpeg_muxer", 0.9)
    clip = recorder.stop().clip
    recorder.close()
    assert clip is not None
    assert [mark.name for mark in clip.info.marks] == ["ada", "ink"]
    assert clip.info.duration_s is not None
    assert 0.3 < clip.info.marks[1].at_s < clip.info.duration_s
    assert clip.info.persona == "ink"


def test_hostile_scene_name(recorder: ClipRecorder, client: ObsClient) -> None:
    client.request("CreateScene", {"sceneName": NASTY})
    try:
        client.request("SetCurrentProgramScene", {"sceneName": NASTY})
        until(
            lambda: client.request("GetCurrentProgramScene")["currentProgramSceneName"] == NASTY, 5, "the scene is on"
        )
        switched_on(recorder, client, 1)
        clip = recorder.save().clip
    finally:
        client.request("SetCurrentProgramScene", {"sceneName": "Ada"})
        client.request("RemoveScene", {"sceneName": NASTY})
    assert clip is not None
    assert clip.info.scene == NASTY
    assert "🎭👩‍💻" in clip.path.name
    assert len(clip.path.name.encode()) < 255
    assert decodes_to_its_end(clip.path) > 0


def test_two_at_once_become_two_clips(recorder: ClipRecorder, client: ObsClient, library: Library) -> None:
    switched_on(recorder, client, 1)
    threads = [threading.Thread(target=recorder.save) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(library.list()) == 2


def test_states_that_do_not_allow_it(recorder: ClipRecorder, client: ObsClient) -> None:
    with pytest.raises(ObsError, match="not recording; begin with"):
        recorder.stop()
    with pytest.raises(ObsError, match="There is no clip in"):
        recorder.last()
    recorder.start()
    try:
        with pytest.raises(ObsError, match="recording already"):
            recorder.start()
    finally:
        recorder.stop()
    if runs(client, "ReplayBuffer"):
        with client.expect("ReplayBufferStateChanged", lambda e: e.data["outputState"].endswith("STOPPED")) as ended:
            client.request("StopReplayBuffer")
            ended.wait(10)
    cautious = ClipRecorder(client, recorder.library, switch_on=False)
    with pytest.raises(ObsError, match="replay buffer is off"):
        cautious.save()
    cautious.close()
    outcome = recorder.save()
    assert outcome.clip is None
    assert "is on now" in outcome.message
    assert runs(client, "ReplayBuffer")


def test_folder_that_is_gone_is_noticed_before_obs_opens_a_dialog(
    recorder: ClipRecorder, client: ObsClient, studio: RealObs
) -> None:
    away = studio.videos.with_name("away")
    shutil.move(studio.videos, away)
    try:
        with pytest.raises(ObsError, match="is not there"):
            recorder.start()
        assert not runs(client, "Record")
    finally:
        shutil.move(away, studio.videos)
    recorder.start()
    recorder.stop()


def test_obs_without_a_replay_buffer(make_obs: type[RealObs], tmp_path: Path, library: Library) -> None:
    with (
        make_obs(tmp_path / "obs", profile={"SimpleOutput": {"RecRB": "false"}}) as plain,
        ObsClient(address_of(plain)) as client,
    ):
        assert client.wait_connected(20)
        with pytest.raises(ObsError, match="Enable Replay Buffer"):
            ClipRecorder(client, library).save()


def test_obs_that_is_killed_while_it_records(make_obs: type[RealObs], tmp_path: Path, library: Library) -> None:
    with make_obs(tmp_path / "obs") as plain, ObsClient(address_of(plain)) as client:
        assert client.wait_connected(20)
        recorder = ClipRecorder(client, library)
        recorder.start()
        plain.kill()
        until(lambda: not client.connected, 10, "the end is noticed")
        with pytest.raises(ObsError):
            recorder.stop()
        plain.start()
        assert client.wait_connected(30)
        recorder.start()
        written(client, "ffmpeg_muxer", 0.5)
        assert recorder.stop().clip is not None
