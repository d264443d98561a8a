"""A process that dies again and again is given up: the card is held, and a persona that is asked for tries again."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from obs_portrait.clock import now_ns
from obs_portrait.pipeline.live.options import LiveOptions
from obs_portrait.pipeline.live.session import LiveSession
from obs_portrait.pipeline.live.supervisor import Phase
from tests.pipeline.live import doubles
from tests.pipeline.live.test_faults import Show
from tests.pipeline.live.test_panic import Revealer


def _kill_until_given_up(show: Show, path: str) -> None:
    notices = len(show.notices)

    def given_up() -> bool:
        if any("given up" in notice.text for notice in show.notices[notices:]):
            return True
        pid = show.session.pids.get(path)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return False

    show.until(given_up, 60)


def test_the_card_is_held_in_the_place_of_a_video_process_that_was_given_up(tmp_path: Path) -> None:
    show = Show(tmp_path)
    with show.session:
        show.heals()
        _kill_until_given_up(show, "video")
        show.state("card")
        begun = now_ns()
        show.goes_on("video", "cards", 10)
        show.speaks()  # the voice minds nothing
        previews = show.session.previews  # who looks sees it as well, and no camera
        previews.camera.allow(60_000_000_000)

        def preview() -> bytes | None:
            previews.persona.ask()
            previews.camera.ask()
            return previews.persona.take()

        show.until(lambda: preview() is not None)
        assert not previews.camera.holds
        previews.camera.allow(0)
        problems = show.session.status().problems
        assert any("The card is held; choose a persona" in text for text in problems)
        ended = now_ns()
        os.kill(show.session.pids["video"], signal.SIGKILL)  # the stand-in is kept alive as well
        show.until(lambda: show.session.status().video.phase is not Phase.RUNNING)
        show.state("card")
        show.session._crew.order(
            lambda: show.session._crew._requested("persona", 2)
        )  # a key in the preview window; the card's window has them too
        show.heals()
        assert show.session.persona == "green"
    kinds = {one.origin for one in doubles.caught_frames(show.frames_path) if begun < one.written_ns < ended}
    assert kinds == {"card"}


def test_a_panic_ends_also_where_the_card_stands_in_for_who_reveals(tmp_path: Path) -> None:
    """The card puts nobody on stage, so nobody waits for it to do so. And what a killed process has left on the sinks
    may be the real person: that is told until the card is there."""
    show = Show(tmp_path)
    fields = {name: getattr(show.session.options, name) for name in LiveOptions.__dataclass_fields__}
    personas = (Revealer("red", (200, 40, 40), 500.0), doubles.PERSONAS[1])
    frozen: list[bool] = []
    with LiveSession(LiveOptions(**{**fields, "personas": personas}), show.notices.append) as session:
        show.session = session
        session.on_frozen = frozen.append
        show.heals()
        assert session.status().reveals
        _kill_until_given_up(show, "video")
        assert frozen[0]
        show.state("card")
        show.until(lambda: not frozen[-1], 20)
        session.panic()
        session.panic(False, timeout=20)
        assert session.status().persona == "green"
        assert not session.status().reveals
        show.speaks()
        session.switch("green")
        show.heals()


def test_a_voice_that_was_given_up_is_tried_again_with_the_next_persona(tmp_path: Path) -> None:
    show = Show(tmp_path)
    with show.session:
        show.heals()
        _kill_until_given_up(show, "audio")
        show.goes_on("video", "from_engine", 10)
        show.session.switch("blue")
        show.heals()


def test_nobody_is_blamed_for_the_time_in_which_everybody_slept(tmp_path: Path) -> None:
    """As after a suspend: the daemon and its processes are stopped together, for longer than a silence may last."""
    show = Show(tmp_path)
    with show.session:
        show.heals()
        pids = list(show.session.pids.values())
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        woken: list[int] = []

        def sleep() -> None:  # in the supervisor's thread, which is so away as well
            threading.Event().wait(5.0)  # what is tested is time itself
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            woken.append(1)

        show.session._crew.order(sleep)
        show.until(lambda: bool(woken), 30)
        show.heals()
        assert list(show.session.pids.values()) == pids
        assert show.session.status().video.restarts == 0
