"""The child process: it refuses with a sentence, dies alone, ends by itself, and keeps the daemon small."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.rooms import errands as module
from daemon.rooms.errands import ErrandError, Errands, receive, send
from obs_portrait import resources
from obs_portrait.errors import ControlError
from tests.daemon.waiting import until

ADA = str(resources.profiles_dir() / "ada" / "portrait.png")


@pytest.fixture
def made() -> Iterator[Errands]:
    own = Errands("own", idle_s=60)
    yield own
    own.close()


def test_one_child_does_one_errand_after_the_other(made: Errands) -> None:
    assert made.pid is None  # nothing is started before it is needed
    first = made.do("thumbnail of a picture", {"path": ADA}, timeout=30)
    pid = made.pid
    assert first.content.startswith(b"\xff\xd8\xff")
    assert made.do("thumbnail of a picture", {"path": ADA}, timeout=30).content == first.content
    assert made.pid == pid


def test_a_refusal_is_the_childs_sentence_and_the_child_lives_on(made: Errands) -> None:
    with pytest.raises(ErrandError, match="there is no such picture"):
        made.do("thumbnail of a picture", {"path": "/nowhere/at/all.png"}, timeout=30)
    pid = made.pid
    with pytest.raises(ErrandError, match="cannot be used"):
        made.do("no such job", timeout=30)
    assert made.pid == pid is not None


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_child_that_is_killed_costs_one_errand(made: Errands) -> None:
    made.do("thumbnail of a picture", {"path": ADA}, timeout=30)
    first = made.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # so that it is surely at work when it dies
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()
    with pytest.raises(ControlError, match="could not be finished"):
        made.do("thumbnail of a picture", {"path": ADA}, timeout=30)
    killer.join()
    assert made.do("thumbnail of a picture", {"path": ADA}, timeout=30).content
    assert made.pid != first


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_child_that_hangs_is_killed_after_its_time(made: Errands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TERM_S", 0.2)
    made.do("thumbnail of a picture", {"path": ADA}, timeout=30)
    pid = made.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ControlError, match="took longer than"):
        made.do("thumbnail of a picture", {"path": ADA}, timeout=0.3)
    assert not psutil.pid_exists(pid)


def test_it_ends_when_there_is_nothing_to_do() -> None:
    brief = Errands("brief", idle_s=0.05)
    try:
        brief.do("thumbnail of a picture", {"path": ADA}, timeout=30)
        until(lambda: brief.pid is None, "the child has ended", 20)
        assert brief.do("thumbnail of a picture", {"path": ADA}, timeout=30).content  # and comes again
    finally:
        brief.close()


def test_after_the_end_nothing_is_started(made: Errands) -> None:
    made.do("thumbnail of a picture", {"path": ADA}, timeout=30)
    pid = made.pid
    assert pid is not None
    made.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(ControlError, match="ending"):
        made.do("thumbnail of a picture", {"path": ADA}, timeout=30)


def test_who_waits_too_long_for_a_turn_is_told(made: Errands) -> None:
    with made._turn, pytest.raises(ControlError, match="try again") as caught:
        made.do("thumbnail of a picture", {"path": ADA}, timeout=0.05)
    assert caught.value.status == 429


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_no_child_outlives_a_daemon_that_is_killed() -> None:
    text = (
        "import sys, time\nfrom daemon.rooms.errands import Errands\none = Errands()\n"
        f"one.do('thumbnail of a picture', {{'path': {ADA!r}}}, timeout=30)\n"
        "print(one.pid, flush=True)\ntime.sleep(60)\n"
    )
    daemon = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    try:
        assert daemon.stdout is not None
        child = int(daemon.stdout.readline())
    finally:
        daemon.kill()
        daemon.communicate()
    until(lambda: not _lives(child), "the child has ended", 20)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_daemon_loads_nothing_that_is_large() -> None:
    """Everything that the page asks for, in a fresh process: no decoder comes into it."""
    text = (
        "import sys\nfrom daemon.rooms.errands import Errands\nfrom daemon.rooms.newcomers import NewcomerRoom\n"
        "import daemon.rooms.house, daemon.rooms.pictures, daemon.rooms.previews, daemon.rooms.devices\n"
        "one = Errands()\nroom = NewcomerRoom(one)\n"
        f"found = room.look(open({ADA!r}, 'rb').read())\nassert found['found'], found\n"
        "one.do('devices', timeout=30)\none.close()\n"
        "heavy = {'cv2', 'mediapipe', 'numba', 'PIL', 'av', 'sounddevice'} & set(sys.modules)\n"
        "print(sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


@given(
    st.dictionaries(st.text(max_size=20), st.none() | st.booleans() | st.integers() | st.text(max_size=50), max_size=8),
    st.binary(max_size=4000),
)
def test_what_is_sent_is_what_is_received(told: dict[str, object], content: bytes) -> None:
    told.pop("bytes", None)
    line = io.BytesIO()
    send(line, told, content)
    send(line, {"next": 1})
    line.seek(0)
    first, second = receive(line), receive(line)
    assert first is not None
    assert second is not None
    assert (first.told, first.content, second.told) == (told, content, {"next": 1})
    assert receive(line) is None


@pytest.mark.parametrize("row", [b"", b"{}", b"[]\n", b"nonsense\n", b'{"bytes": -1}\n', b'{"bytes": 1e99}\n',
                                 b'{"bytes": 99999999999}\n', b'{"bytes": 5}\nab', b"[" * 99999 + b"\n"])  # fmt: skip
def test_what_is_no_message_is_none(row: bytes) -> None:
    try:
        assert receive(io.BytesIO(row)) is None
    except ValueError:
        return  # `_do` takes both for a child that cannot be used
