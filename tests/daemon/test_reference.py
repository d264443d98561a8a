"""Taking the reference anew: who asks hears how it went."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from daemon.reference import References
from obs_portrait.errors import PipelineError
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.status import LiveStatus, PathStatus
from obs_portrait.pipeline.live.supervisor import Phase
from tests.daemon.waiting import until

LIVE = LiveStatus(True, "ada", ["ada"], PathStatus(Phase.RUNNING, 0, None, {"source_ok": 1}), None)


class Session:
    """`asked`: how often it was to calibrate. answers: what it tells then."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = LIVE
        self.answers: list[Notice] = []
        self.references: References | None = None

    def status(self) -> LiveStatus:
        return self.now

    def calibrate(self) -> None:
        self.asked += 1
        for notice in self.answers:
            assert self.references is not None
            self.references.hear(notice)


@pytest.fixture
def session() -> Session:
    made = Session()
    made.references = References(made, patience=0.5)
    return made


def take(session: Session) -> None:
    assert session.references is not None
    session.references.take()


def test_it_returns_when_it_was_taken(session: Session) -> None:
    session.answers = [
        Notice("reference", "Calibrating: Keep your eyes open."),
        Notice("reference", "Calibrated: your face of this moment is the neutral one.", problem=False),
    ]
    take(session)
    assert session.asked == 1


def test_one_that_was_taken_before_is_not_this_one(session: Session) -> None:
    assert session.references is not None
    session.references.hear(Notice("reference", "Calibrated: your face.", problem=False))
    session.answers = [Notice("clip", "Calibrated: a clip of this name.", problem=False)]
    with pytest.raises(PipelineError, match="No face was fit"):
        take(session)


@pytest.mark.parametrize(
    ("told", "rated", "says"),
    [
        ("Calibrating: Keep your eyes open.", None, "within 0 s: keep your eyes open. The reference"),
        ("Your head has been away from where you calibrated.", "Hold still.", "within 0 s: hold still. The reference"),
        ("Calibrating: Keep your eyes open.", "Hold still.", "keep your eyes open"),
        ("Your head is back where you calibrated.", None, "look straight into the camera"),
    ],
)
def test_a_face_that_is_not_fit_is_told_what_to_do(session: Session, told: str, rated: str | None, says: str) -> None:
    session.answers = [Notice("reference", told)]
    session.now = replace(LIVE, quality=(0.1, rated))
    with pytest.raises(PipelineError, match=says) as caught:
        take(session)
    assert str(caught.value).endswith("is taken as soon as one is.")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"running": False}, "has not begun"),
        ({"rests": True}, "`obs-portrait on`"),
        ({"face_on": False}, "`obs-portrait face on`"),
        ({"video": PathStatus(Phase.PAUSING, 0, None, {"source_ok": 1})}, "still being prepared"),
        ({"video": PathStatus(Phase.RUNNING, 0, None, {"source_ok": 0})}, "No picture comes from the camera"),
    ],
)
def test_where_nobody_is_looked_at_that_is_said(session: Session, change: dict[str, Any], says: str) -> None:
    session.now = replace(LIVE, **change)
    with pytest.raises(PipelineError, match=says):
        take(session)
    assert session.asked == 0  # at once

    session.now = LIVE
    session.calibrate = lambda: setattr(session, "now", replace(LIVE, **change))  # type: ignore[method-assign]
    with pytest.raises(PipelineError, match=says):  # and when it becomes so meanwhile
        take(session)


def test_one_that_fails_is_told_as_it_is(session: Session) -> None:
    session.answers = [Notice("reference", "The reference stays as it is (ValueError: no).")]
    with pytest.raises(PipelineError, match=r"^The reference stays as it is \(ValueError: no\)\.$"):
        take(session)


def test_several_who_ask_have_the_same(session: Session) -> None:
    session.references = references = References(session, patience=20.0)
    done: list[int] = []
    threads = [threading.Thread(target=lambda: (references.take(), done.append(1))) for _ in range(5)]
    for thread in threads:
        thread.start()
    until(lambda: session.asked == 5, "all have asked")
    references.hear(Notice("reference", "Calibrated: it is.", problem=False))
    for thread in threads:
        thread.join(10)
    assert len(done) == 5


def test_a_daemon_that_ends_lets_nobody_wait(session: Session) -> None:
    ending = threading.Event()
    references = References(session, ending.is_set, patience=60.0)
    session.calibrate = ending.set  # type: ignore[method-assign]
    with pytest.raises(PipelineError, match="is ending"):
        references.take()
