"""When a media process dies another one that has rehearsed goes on: as whoever is on stage now, with nothing leaked."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.live.session import LiveSession
from obs_portrait.pipeline.live.understudy import Understudy
from tests.pipeline.live import doubles
from tests.pipeline.live.test_faults import Show
from tests.pipeline.live.test_panic import Revealer


def _with_understudies(folder: Path, **more: object) -> Show:
    show = Show(folder)
    show.session = LiveSession(replace(show.session.options, understudies=True, **more), show.notices.append)  # type: ignore[arg-type]
    return show


def _of(show: Show, path: str) -> Understudy:
    keeper = show.session._crew.video if path == "video" else show.session._crew.audio
    assert keeper is not None
    assert keeper._understudy is not None
    return keeper._understudy


def _ready(show: Show, path: str) -> int:
    """Process id of the one that waits."""
    show.until(lambda: _of(show, path).rehearsed, 60)
    pid = _of(show, path).pid
    assert pid is not None
    return pid


@pytest.mark.parametrize("path", ["video", "audio"])
def test_it_goes_on_in_the_place_of_a_killed_one(tmp_path: Path, path: str) -> None:
    show = _with_understudies(tmp_path)
    with show.session:
        show.heals()
        waits = _ready(show, path)
        show.session.switch("green", timeout=20)  # after it has rehearsed
        os.kill(show.session.pids[path], signal.SIGKILL)
        show.until(lambda: show.session.pids.get(path) == waits)
        show.heals()
        assert show.session.status().persona == "green"
        show.goes_on(path, "frames_in" if path == "video" else "blocks", 20)
        after = _ready(show, path)  # and there is another one
        assert after != waits
    for pid in (waits, after):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    pictures = list(doubles.caught_frames(show.frames_path))
    made = [one for one in pictures if one.origin == "engine"]  # the very last one may be a stand-in
    assert made[-1].data[0, -1].tolist() == list(doubles.PERSONAS[1].colour)
    assert not any(PictureMark.found(one.data) for one in pictures[::5])


def test_one_that_is_told_of_an_edit_too_late_prepares_first(tmp_path: Path) -> None:
    show = _with_understudies(tmp_path)
    with show.session:
        show.heals()
        waits = _ready(show, "video")
        edited = replace(doubles.PERSONAS[0], colour=(7, 90, 200))
        show.session.renew(edited)
        show.until(lambda: show.session.profile("red") is edited and show.session._crew.cast.complete)
        os.kill(show.session.pids["video"], signal.SIGKILL)
        show.until(lambda: show.session.pids.get("video") == waits)
        show.heals()
        show.goes_on("video", "from_engine", 10)
    made = [one for one in doubles.caught_frames(show.frames_path) if one.origin == "engine"]
    assert made[-1].data[0, -1].tolist() == [7, 90, 200]


def test_whoever_reveals_and_has_left_does_not_come_back_with_it(tmp_path: Path) -> None:
    """Killed at the very moment of the switch, with an understudy that rehearsed while "me" was on stage."""
    me = Revealer("me", (9, 9, 9), 300.0)
    show = _with_understudies(tmp_path, personas=(me, *doubles.PERSONAS), audio=None, audio_sinks=())
    with show.session:
        show.until(lambda: show.video("frames_in") > 5)
        waits = _ready(show, "video")
        begun = len(list(doubles.caught_frames(show.frames_path)))
        os.kill(show.session.pids["video"], signal.SIGKILL)
        show.session.switch("red")
        show.until(lambda: show.session.pids.get("video") == waits)
        show.state("live")
        show.goes_on("video", "from_engine", 60)
    after = [one for one in list(doubles.caught_frames(show.frames_path))[begun + 30 :] if one.origin == "engine"]
    assert after
    assert {tuple(one.data[0, -1].tolist()) for one in after} == {doubles.PERSONAS[0].colour}


def test_one_that_dies_is_replaced_and_the_show_does_not_notice(tmp_path: Path) -> None:
    show = _with_understudies(tmp_path)
    with show.session:
        show.heals()
        first = _ready(show, "audio")
        os.kill(first, signal.SIGKILL)
        show.until(lambda: not _of(show, "audio").rehearsed)
        show.goes_on("audio", "blocks", 50)
        audio = show.session.status().audio
        assert audio is not None
        assert audio.restarts == 0
        assert not show.session.status().problems


def test_there_is_none_unless_it_is_asked_for(tmp_path: Path) -> None:
    show = Show(tmp_path)
    assert show.session._crew.video._understudy is None


def test_one_that_is_stopped_is_replaced_before_two_seconds_are_over(tmp_path: Path) -> None:
    """While another one waits nobody gives it the usual three."""
    show = _with_understudies(tmp_path, hung_s=20.0)
    with show.session:
        show.heals()
        waits = _ready(show, "video")
        keeper = show.session._crew.video
        show.until(lambda: keeper.settled)
        assert keeper._patience_ns() < keeper._silent_ns
        stopped = show.session.pids["video"]
        os.kill(stopped, signal.SIGSTOP)
        show.until(lambda: show.session.pids.get("video") == waits)
        assert show.said("no sign of life").text.startswith("The video process gave no sign of life for 1 s")
        show.heals()
        assert keeper._patience_ns() == keeper._silent_ns  # nobody waits yet
