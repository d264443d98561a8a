"""Start, stop, second start, and what a crash leaves behind."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.control.client import ControlClient
from daemon.control.instance import InstanceLock
from daemon.control.server import ControlServer
from daemon.control.token import publish, running
from obs_portrait.errors import ControlError
from tests.daemon.control.stand_in import StageStandIn

ROOT = Path(__file__).resolve().parents[3]


def test_control_json_is_for_this_user_alone(server: ControlServer, folder: Path) -> None:
    path = folder / "control.json"
    content = json.loads(path.read_text("utf-8"))
    assert content == {"version": 1, "url": server.url, "token": content["token"], "pid": os.getpid()}
    assert len(content["token"]) >= 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert content["token"] not in repr(server)
    server.stop()
    assert not path.exists()


def test_each_start_has_a_token_of_its_own(serve: Callable[..., ControlServer], folder: Path) -> None:
    seen = set()
    for _ in range(3):
        server = serve()
        seen.add(json.loads((folder / "control.json").read_text("utf-8"))["token"])
        server.stop()
    assert len(seen) == 3


def test_a_second_start_is_refused_and_harms_nothing(serve: Callable[..., ControlServer], folder: Path) -> None:
    first = serve()
    before = (folder / "control.json").read_bytes()
    with pytest.raises(ControlError, match=rf"already runs \(process {os.getpid()}\)"):
        serve()
    assert (folder / "control.json").read_bytes() == before
    assert ControlClient(folder).running()
    first.stop()
    serve()
    assert ControlClient(folder).running()


def test_a_daemon_that_was_killed_leaves_nothing_in_the_way(serve: Callable[..., ControlServer], folder: Path) -> None:
    """SIGKILL leaves control.json and the lock file; neither stops the next start, and nobody takes it for running."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from daemon.control.server import ControlServer\n"
        "from tests.daemon.control.stand_in import StageStandIn\n"
        "server = ControlServer(StageStandIn(), path=Path(sys.argv[1]) / 'control.json'); server.start()\n"
        "print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        with pytest.raises(ControlError, match=rf"already runs \(process {other.pid}\)"):
            serve()
        assert running(folder / "control.json") == other.pid
        other.send_signal(signal.SIGKILL)
    assert (folder / "control.json").exists()
    assert running(folder / "control.json") is None
    with pytest.raises(ControlError, match="is not running"):
        ControlClient(folder).status()
    serve()
    assert ControlClient(folder).status()["running"] is True
    assert running(folder / "control.json") == os.getpid()


def test_only_one_of_many_simultaneous_starts_wins(stage: StageStandIn, folder: Path) -> None:
    servers = [ControlServer(stage, path=folder / "control.json") for _ in range(8)]
    outcomes: list[str] = []
    ready = threading.Barrier(len(servers))

    def start(server: ControlServer) -> None:
        ready.wait()
        try:
            server.start()
            outcomes.append("up")
        except ControlError:
            outcomes.append("refused")

    threads = [threading.Thread(target=start, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["refused"] * 7 + ["up"]
    assert ControlClient(folder).running()
    for server in servers:
        server.stop()


def test_a_stopped_server_does_not_remove_what_another_wrote(server: ControlServer, folder: Path) -> None:
    publish(folder / "control.json", "http://127.0.0.1:1", "another-token-of-another-daemon")
    server.stop()
    assert "another-token" in (folder / "control.json").read_text("utf-8")


def test_a_port_of_ones_own_and_one_that_is_taken(serve: Callable[..., ControlServer]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ControlError, match=rf"port {port}"):
            serve(port=port)
    assert serve(port=port).port == port
    with pytest.raises(ControlError, match="99999"):
        ControlServer(StageStandIn(), port=99999, path=Path(os.devnull).parent / "nowhere").start()


def test_a_folder_that_cannot_be_written_is_one_sentence(stage: StageStandIn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ControlError, match="OBS_PORTRAIT_RUNTIME_DIR"):
        ControlServer(stage, path=tmp_path / "file" / "control.json").start()


def test_stop_leaves_no_thread_and_no_port(serve: Callable[..., ControlServer]) -> None:
    before = set(threading.enumerate())
    server = serve()
    port = server.port
    server.stop()
    server.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_stop_without_start(stage: StageStandIn, folder: Path) -> None:
    ControlServer(stage, path=folder / "control.json").stop()


def test_who_comes_while_it_stops_is_sent_away(serve: Callable[..., ControlServer]) -> None:
    """Accepted in the very turn of the event loop in which the server ends: not a connection yet, and not nothing."""
    server = serve()
    inner = server._server
    assert inner is not None and inner._end is not None
    end = inner._end
    late: list[socket.socket] = []

    def knock() -> None:
        late.extend(socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(5))
        inner.soon(end.set)  # the turn in which they are accepted

    inner.soon(knock)
    server._thread.join(10)
    assert not server.serving
    gc.disable()  # a collection would close what was forgotten
    try:
        for link in late:
            with link, contextlib.suppress(ConnectionError):
                assert link.recv(1) == b""
    finally:
        gc.enable()
    assert len(late) == 5


def test_stop_does_not_wait_for_a_call_that_hangs(
    serve: Callable[..., ControlServer], stage: StageStandIn, folder: Path
) -> None:
    server = serve()
    stage.go.clear()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            ControlClient(folder, timeout=30).calibrate()
        except ControlError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert stage.entered.wait(10)
    server.stop()
    assert not server.serving
    asking.join(20)
    assert len(errors) == 1  # it was told, not left hanging
    stage.go.set()


def test_our_signal_handlers_stay_ours(serve: Callable[..., ControlServer]) -> None:
    watched = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in watched]
    server = serve()
    assert [signal.getsignal(number) for number in watched] == before
    server.stop()
    assert [signal.getsignal(number) for number in watched] == before


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "lock"), InstanceLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    first.release()
    assert second.acquire()
    second.release()
