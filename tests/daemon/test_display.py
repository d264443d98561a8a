"""A display that is taken away is noticed, one that comes back was not gone, and without one nothing is watched."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest

from daemon import display as display_module
from daemon.display import DisplayWatch
from tests.daemon.waiting import until
from tests.media.real import display

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there sessions end their programs")


class Compositor:
    """Lets clients in and says nothing; `end` is a logout."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        self.listening.settimeout(20)

    def let_in(self) -> socket.socket:
        return self.listening.accept()[0]

    def end(self, *clients: socket.socket) -> None:
        for one in (self.listening, *clients):
            one.close()
        self.path.unlink()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display_module, "_LOOK_S", 0.02)
    monkeypatch.setattr(display_module, "_GONE_S", 0.1)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.real
# python-xlib leaves its socket to the garbage collector where nobody answers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_x_server_that_is_gone_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    looks, is_over = threading.Semaphore(0), display_module._is_over
    monkeypatch.setattr(display_module, "_is_over", lambda line: looks.release() or is_over(line))
    watch = DisplayWatch(told.append)
    with display(320, 240) as (name, _):
        monkeypatch.setenv("DISPLAY", name)
        watch.start()
        for _ in range(3):
            assert looks.acquire(timeout=20)
        assert not told
    until(lambda: told, "it is told")
    watch._thread.join(20)
    assert told == [f"The desktop ({name}) is gone: OBS Portrait ends, so that camera and microphone are closed."]


def test_a_compositor_that_comes_back_was_not_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(display_module, "_GONE_S", 1e9)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    told = threading.Semaphore(0)
    compositor = Compositor(tmp_path / "wayland-7")
    watch = DisplayWatch(lambda text: told.release())
    watch.start()
    for _ in range(2):
        compositor.end(compositor.let_in())
        compositor = Compositor(tmp_path / "wayland-7")
    client = compositor.let_in()
    client.send(b"an event that nobody asked for")
    assert not told.acquire(timeout=0)
    monkeypatch.setattr(display_module, "_GONE_S", 0.1)
    compositor.end(client)
    assert told.acquire(timeout=20)


def test_a_watch_that_is_stopped_tells_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    told: list[str] = []
    compositor = Compositor(tmp_path / "wayland-7")
    watch = DisplayWatch(told.append)
    watch.start()
    client = compositor.let_in()
    watch.stop()
    compositor.end(client)
    watch._thread.join(20)
    assert not told


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", None])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_where_no_desktop_was_none_is_missed(name: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if name is not None:
        monkeypatch.setenv(name, ":4711")
    told: list[str] = []
    watch = DisplayWatch(told.append)
    watch.start()
    watch._thread.join(20)
    assert not watch._thread.is_alive()
    assert not told
