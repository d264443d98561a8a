"""The mailbox of previews: the newest picture or none, only while it is wanted, never a torn one."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait.pipeline.live import picture_mail as module
from obs_portrait.pipeline.live.picture_mail import ASKED_NS, CAPACITY, FRESH_NS, Mails, PictureMail

_S = 1_000_000_000


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100 * _S

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_is_taken_before_something_was_asked_for(clock: Clock) -> None:
    mail = PictureMail(clock=clock)
    assert not mail.wanted
    assert not mail.put(b"picture")
    assert mail.take() is None
    assert not mail.holds
    mail.ask()
    assert mail.wanted
    assert mail.put(b"picture")
    assert mail.take() == b"picture"


def test_a_wish_lasts_two_seconds_and_a_picture_one(clock: Clock) -> None:
    mail = PictureMail(clock=clock)
    mail.ask()
    clock.now += ASKED_NS - 1
    assert mail.put(b"picture")
    clock.now += 1
    assert not mail.wanted
    assert not mail.put(b"another")
    assert mail.take() == b"picture"
    clock.now += FRESH_NS
    assert mail.take() is None


def test_a_guarded_one_needs_leave_on_both_sides(clock: Clock) -> None:
    mail = PictureMail(guarded=True, clock=clock)
    mail.ask()
    assert not mail.allowed
    assert not mail.wanted
    assert not mail.put(b"camera")
    assert not mail.holds
    mail.allow(3 * _S)
    assert mail.put(b"camera")
    assert mail.take() == b"camera"
    mail.allow(0)
    assert mail.take() is None  # at once, although the picture is fresh
    assert not mail.put(b"camera")


def test_leave_ends_by_itself(clock: Clock) -> None:
    mail = PictureMail(guarded=True, clock=clock)
    mail.allow(60 * _S)
    clock.now += 60 * _S - 1
    mail.ask()
    assert mail.put(b"camera")
    assert mail.take() == b"camera"
    clock.now += 1
    assert mail.take() is None
    assert not mail.wanted


def test_a_wiped_one_holds_nothing(clock: Clock) -> None:
    mail = PictureMail(clock=clock)
    mail.ask()
    mail.put(b"\xff" * 1000)
    mail.wipe()
    assert mail.take() is None
    assert not mail.holds
    assert not any(mail._bytes)
    assert mail.put(b"next")
    assert mail.take() == b"next"


def test_who_is_killed_while_wiping_leaves_a_mail_that_is_wiped_later(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for SIGKILL."""

    def die(*_: object) -> None:
        raise Killed

    mail = PictureMail(clock=clock)
    mail.ask()
    mail.put(b"\xff" * 1000)
    with monkeypatch.context() as patch:
        patch.setattr(module, "memset", die)
        with pytest.raises(Killed):
            mail.wipe()
    assert mail.holds
    mail.wipe()
    assert not mail.holds and not any(mail._bytes)


def test_bytes_without_a_size_are_wiped_as_well(clock: Clock) -> None:
    mails = Mails(PictureMail(clock=clock), PictureMail(guarded=True, clock=clock))
    for mail in (mails.persona, mails.camera):
        mail._bytes[:4] = b"face"  # as a version that cleared the size first left them
        assert not mail.holds
    mails.wipe()
    assert not any(mails.persona._bytes) and not any(mails.camera._bytes)
    mails.persona.ask()
    assert mails.persona.put(b"next") and mails.persona.take() == b"next"


def test_when_a_panic_begins_what_was_captured_before_is_neither_taken_nor_put(clock: Clock) -> None:
    mails = Mails(PictureMail(clock=clock), PictureMail(guarded=True, clock=clock))
    mails.camera.allow(60 * _S)
    for mail in (mails.persona, mails.camera):
        mail.ask()
        captured = clock.now
        clock.now += 1
        assert mail.put(b"before", captured)
        assert mail.take() == b"before"
        clock.now += 1
        mails.refuse_older()
        assert mail.take() is None
        clock.now += 1
        assert not mail.put(b"before, encoded late", captured)
        assert mail.put(b"the card", clock.now)
        assert mail.take() == b"the card"


def test_what_is_too_large_is_not_taken(clock: Clock) -> None:
    mail = PictureMail(clock=clock)
    mail.ask()
    assert mail.put(b"before")
    assert not mail.put(b"x" * (CAPACITY + 1))
    assert not mail.put(b"")
    assert mail.take() == b"before"
    assert mail.put(b"x" * CAPACITY)


def test_a_writer_that_died_in_the_middle_is_survived(clock: Clock) -> None:
    mail = PictureMail(clock=clock)
    mail.ask()
    mail.put(b"before")
    mail._cells[0] |= 1  # as SIGKILL leaves it
    assert mail.take() is None
    assert mail.put(b"after")
    assert mail.take() == b"after"


def test_a_picture_that_does_not_fit_its_checksum_is_none(clock: Clock) -> None:
    mail = PictureMail(clock=clock)
    mail.ask()
    mail.put(b"before")
    mail._bytes[0] ^= 1
    assert mail.take() is None


@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_the_newest_is_what_is_taken(pictures: list[bytes]) -> None:
    mail = PictureMail(clock=Clock())
    mail.ask()
    for picture in pictures:
        assert mail.put(picture)
        assert mail.take() == picture


def _write(mail: PictureMail, line: Connection) -> None:
    line.send("ready")
    mail.ask()
    number = 0
    while not line.poll():
        number += 1
        mail.put(bytes([number % 251]) * (1 + number * 977 % 60_000))
        if number % 16 == 0:
            mail.ask()


def test_no_reader_ever_sees_a_torn_picture() -> None:
    """Another process writes as fast as it can."""
    mail = PictureMail()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    writer = context.Process(target=_write, args=(mail, theirs), daemon=True)
    writer.start()
    try:
        assert ours.recv() == "ready"
        seen: set[bytes] = set()
        give_up = threading.Event()
        watchdog = threading.Timer(60, give_up.set)
        watchdog.start()
        while len(seen) < 60 and not give_up.is_set():
            picture = mail.take()
            if picture is not None:
                assert picture == picture[:1] * len(picture)
                seen.add(picture)
        watchdog.cancel()
        assert len(seen) >= 60
    finally:
        ours.send("stop")
        writer.join(20)
        writer.close()
        ours.close()
