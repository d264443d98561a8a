"""One-time codes and signed-in browsers."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.sessions import CODE_S, SESSION_S, Sessions


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_code_is_exchanged_once() -> None:
    sessions = Sessions()
    code = sessions.new_code()
    given_pass = sessions.enter(code)
    assert given_pass is not None
    assert sessions.enter(code) is None
    assert sessions.knows(given_pass.cookie)
    assert sessions.matches(given_pass.cookie, given_pass.key)


@given(st.sampled_from([str.lower, str.upper, lambda code: code.replace("-", ""), lambda code: f" {code} "]))
def test_a_code_may_be_typed_carelessly(careless) -> None:  # type: ignore[no-untyped-def]
    sessions = Sessions()
    assert sessions.enter(careless(sessions.new_code())) is not None


@given(st.text(max_size=40))
def test_nothing_else_is_a_code(text: str) -> None:
    sessions = Sessions()
    sessions.new_code()
    assert sessions.enter(text) is None


def test_a_code_lasts_two_minutes() -> None:
    clock = Clock()
    sessions = Sessions(clock=clock)
    early, late = sessions.new_code(), sessions.new_code()
    clock.now += CODE_S - 1
    assert sessions.enter(early) is not None
    clock.now += 1
    assert sessions.enter(late) is None


def test_a_clock_that_is_set_back_makes_no_code_live_longer() -> None:
    clock = Clock()
    sessions = Sessions(clock=clock)
    code = sessions.new_code()
    clock.now -= 3600
    assert sessions.enter(code) is None


def test_cookie_and_key_belong_together() -> None:
    sessions = Sessions()
    one, other = (sessions.enter(sessions.new_code()) for _ in range(2))
    assert one is not None
    assert other is not None
    assert not sessions.matches(one.cookie, other.key)
    assert not sessions.matches(one.cookie, "")
    assert not sessions.matches(one.key, one.cookie)
    assert (one.first, other.first) == (True, False)
    sessions.leave(one.cookie)
    assert not sessions.knows(one.cookie)
    assert sessions.knows(other.cookie)


def test_sessions_end_after_their_time() -> None:
    clock = Clock()
    sessions = Sessions(clock=clock)
    given_pass = sessions.enter(sessions.new_code())
    assert given_pass is not None
    clock.now += SESSION_S
    assert not sessions.knows(given_pass.cookie)
    assert not sessions.matches(given_pass.cookie, given_pass.key)


def test_they_outlive_the_daemon_as_hashes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pages.json"
    sessions = Sessions(path)
    given_pass = sessions.enter(sessions.new_code())
    assert given_pass is not None
    text = path.read_text("utf-8")
    assert given_pass.cookie not in text
    assert given_pass.key not in text
    assert given_pass.cookie not in repr(given_pass)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Sessions(path)
    assert again.matches(given_pass.cookie, given_pass.key)
    again.leave_all()
    assert not Sessions(path).knows(given_pass.cookie)


def test_they_hold_for_the_port_that_they_were_made_on(tmp_path: Path) -> None:
    """Whoever has the next port is another program, and what it was shown opens nothing here."""
    path = tmp_path / "pages.json"
    given_pass = (sessions := Sessions(path, 47651)).enter(sessions.new_code())
    assert given_pass is not None
    assert not Sessions(path, 47652).knows(given_pass.cookie)
    assert Sessions(path, 47651).knows(given_pass.cookie)
    content = json.loads(path.read_text("utf-8"))
    for row in content["pages"]:
        del row["port"]  # a file from before ports were written there
    path.write_text(json.dumps(content))
    again = Sessions(path, 47651)
    assert not again.knows(given_pass.cookie)
    entered = again.enter(again.new_code())
    assert entered is not None
    assert not entered.first  # somebody was here


def test_where_another_program_has_the_port_all_end_for_good(tmp_path: Path) -> None:
    path = tmp_path / "pages.json"
    for port in (47651, 47652):  # also those that were made on the next port, when it had to be taken before
        sessions = Sessions(path, port)
        given_pass = sessions.enter(sessions.new_code())
        assert given_pass is not None
        assert not Sessions(path, 47652, moved=True).knows(given_pass.cookie)
        assert not Sessions(path, port).knows(given_pass.cookie)


def test_a_session_is_new_until_the_daemon_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "pages.json"
    sessions = Sessions(path)
    old = sessions.enter(sessions.new_code())
    assert old is not None
    assert sessions.new(old.cookie)
    assert not sessions.new("x")
    again = Sessions(path)
    assert again.matches(old.cookie, old.key)
    assert not again.new(old.cookie)
    new = again.enter(again.new_code())
    assert new is not None
    assert again.new(new.cookie)
    assert not again.new(old.cookie)
    again.leave(new.cookie)
    assert not again.new(new.cookie)


def test_there_is_room_for_some_only(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "pages.json")
    codes = [sessions.new_code() for _ in range(20)]
    assert sessions.enter(codes[0]) is None
    assert sessions.enter(codes[-1]) is not None
    passes = [sessions.enter(sessions.new_code()) for _ in range(40)]
    assert passes[0] is not None
    assert passes[-1] is not None
    assert not sessions.knows(passes[0].cookie)  # the oldest gave way
    assert Sessions(tmp_path / "pages.json").knows(passes[-1].cookie)
    assert len(json.loads((tmp_path / "pages.json").read_text("utf-8"))["pages"]) <= 32


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"pages": 1}',
        b'{"pages": [{"cookie": "x"}]}',
        b'{"pages": ["x"]}',
        b'{"pages": {}}',
        b"\xff" * 9,
        b"[" * 5000,
    ],
)
def test_a_damaged_file_is_no_session_and_no_fault(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pages.json"
    path.write_bytes(content)
    sessions = Sessions(path)
    assert sessions.enter(sessions.new_code()) is not None
    assert len(json.loads(path.read_text("utf-8"))["pages"]) == 1


def test_another_users_file_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pages.json"
    given_pass = (first := Sessions(path)).enter(first.new_code())
    assert given_pass is not None
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    assert not Sessions(path).knows(given_pass.cookie)


def test_a_folder_that_cannot_be_written_keeps_it_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sessions = Sessions(tmp_path / "file" / "pages.json")
    given_pass = sessions.enter(sessions.new_code())
    assert given_pass is not None
    assert sessions.knows(given_pass.cookie)


def test_of_many_who_try_one_code_at_once_one_gets_in() -> None:
    sessions = Sessions()
    code = sessions.new_code()
    got: list[object] = []
    ready = threading.Barrier(8)

    def enter() -> None:
        ready.wait()
        got.append(sessions.enter(code))

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in got) == 1
