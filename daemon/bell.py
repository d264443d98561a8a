"""Shows notices on the desktop, through desktop-notifier: D-Bus on Linux, toasts on Windows, the centre on macOS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

from daemon.notify import Word
from obs_portrait.errors import DesktopError

__all__ = ["Bell", "notices_available"]

_PATIENCE_S: Final = 4.0
_SHOWN_S: Final = 8
_SERVER: Final = "org.freedesktop.Notifications"


class Bell:
    """`ring` from any thread returns at once. A desktop that shows nothing is no error: `problem` says why."""

    def __init__(self) -> None:
        self._words: queue.SimpleQueue[Word | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._lock = threading.Lock()
        self.problem: str | None = None
        """Why the last notice was not shown, or None."""

    def ring(self, word: Word) -> None:
        """Shows a notice soon; after `close` nothing. The desktop's libraries are loaded for the first one only."""
        with self._lock:
            if self._closed:  # a thread that nobody ends would keep the program from its end
                return
            if self._thread is None or not self._thread.is_alive():  # one that could not begin: now it may
                self._thread = threading.Thread(target=self._work, name="notices", daemon=True)
                self._thread.start()
        self._words.put(word)

    def close(self) -> None:
        """After what was rung; at most some seconds. May be called twice."""
        with self._lock:
            thread, self._thread, self._closed = self._thread, None, True
        if thread is not None:
            self._words.put(None)
            thread.join(_PATIENCE_S)

    def _work(self) -> None:
        try:
            with contextlib.ExitStack() as folders, asyncio.Runner() as runner:
                runner.get_loop()  # raises before there is something to run
                runner.run(self._show_all(folders))
        except Exception as error:  # no file, no thread is left: what was rung waits for the next word
            self.problem = f"The desktop shows no notices ({type(error).__name__}: {error})."

    async def _show_all(self, folders: contextlib.ExitStack) -> None:
        desktop: Any = None
        log, logger = _Reason(), logging.getLogger("desktop_notifier")
        logger.addHandler(log)
        logger.propagate = False
        loop = asyncio.get_running_loop()
        while (word := await loop.run_in_executor(None, self._words.get)) is not None:
            try:
                desktop = desktop or _desktop(folders)
                await asyncio.wait_for(_show(desktop, word, log), _PATIENCE_S)
                self.problem = None
            except Exception as error:  # no bus, no server, a server that is sick: whatever it is, the show goes on
                _hang_up(desktop)
                desktop = None
                self.problem = f"The desktop shows no notices ({type(error).__name__}: {error})."
        _hang_up(desktop)
        logger.removeHandler(log)


def _desktop(folders: contextlib.ExitStack) -> Any:
    from desktop_notifier import DesktopNotifier, Icon

    from daemon.tray.drawing import draw
    from daemon.tray.mood import Mood

    try:
        picture = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="obs-portrait-"))) / "icon.png"
        draw(Mood.LIVE).save(picture)
    except OSError:  # the disk is full: a word without a picture
        return DesktopNotifier("OBS Portrait", None)
    return DesktopNotifier("OBS Portrait", Icon(path=picture))


class _Reason(logging.Handler):
    """desktop-notifier swallows what goes wrong and logs it. It is kept for us, and is not printed into terminals."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.last = record.exc_info[1] if record.exc_info else None


async def _show(desktop: Any, word: Word, log: _Reason) -> None:
    """Raises what went wrong."""
    from desktop_notifier import Urgency

    sent = asyncio.Event()
    urgency = Urgency.Critical if word.urgent else Urgency.Normal
    timeout = -1 if word.urgent else _SHOWN_S
    await desktop.send(word.title, word.text, urgency=urgency, timeout=timeout, on_dispatched=sent.set)
    if not sent.is_set():
        raise log.last or DesktopError("it was not sent")


def _hang_up(desktop: Any) -> None:
    """desktop-notifier keeps its connection to D-Bus for ever; a sick one is not kept."""
    bus = getattr(getattr(desktop, "_backend", None), "bus", None)
    if bus is not None:
        with contextlib.suppress(Exception):
            bus.disconnect()


def notices_available() -> str | None:
    """Why the desktop would show no notices, in one sentence; None if it would, or if only trying can tell."""
    if sys.platform in ("win32", "darwin"):
        return None
    try:
        there = asyncio.run(asyncio.wait_for(_server_is_there(), _PATIENCE_S))
    except Exception as error:  # no bus at all
        return f"There is no session bus ({type(error).__name__}), so no notice can be shown."
    return None if there else "No program on this desktop shows notices (a notification daemon such as dunst does)."


async def _server_is_there() -> bool:
    """Whether a notification server runs, or would be started."""
    from dbus_fast import BusType, Message
    from dbus_fast.aio import MessageBus

    bus = await MessageBus(bus_type=BusType.SESSION).connect()
    try:
        for question in ("ListNames", "ListActivatableNames"):
            answer = await bus.call(
                Message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", question)
            )
            if answer is not None and answer.body and _SERVER in answer.body[0]:
                return True
    finally:
        bus.disconnect()
    return False
