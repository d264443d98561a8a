"""The daemon's log files: what it told and what went wrong inside; never a secret, never a picture or a sound."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Final

from obs_portrait.folders import logs_dir
from obs_portrait.pipeline.live.messages import Notice

__all__ = ["log_notice", "logging_to_files"]

_BYTES: Final = 1_000_000
_FILES: Final = 5
_NAME: Final = "obs-portrait.log"
_log = logging.getLogger("obs_portrait.daemon")


def log_notice(notice: Notice) -> None:
    """A sentence that the user was told."""
    _log.log(logging.WARNING if notice.problem else logging.INFO, "%s: %s", notice.about, notice.text)


@contextmanager
def logging_to_files(folder: Path | None = None) -> Iterator[Path | None]:
    """While it lasts, what our loggers say and what no one catches goes into files that rotate (5 of 1 MB).

    Gives the path of the newest; None where the folder cannot be written, which keeps nobody from streaming.
    """
    path = (folder or logs_dir()) / _NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_BYTES, backupCount=_FILES - 1, encoding="utf-8")
    except OSError:
        yield None
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("obs_portrait", "daemon")]
    levels = [one.level for one in loggers]
    hooks = sys.excepthook, threading.excepthook
    for one in loggers:
        one.addHandler(handler)
        one.setLevel(logging.INFO)
    sys.excepthook = _caught(hooks[0])
    threading.excepthook = _caught_in_thread(hooks[1])
    try:
        yield path
    finally:
        sys.excepthook, threading.excepthook = hooks
        for one, level in zip(loggers, levels, strict=True):
            one.removeHandler(handler)
            one.setLevel(level)
        handler.close()


def _caught(before: Callable[..., object]) -> Callable[..., None]:
    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            _log.critical("nobody caught this", exc_info=(kind, error, trace))
        before(kind, error, trace)

    return hook


def _caught_in_thread(before: Callable[..., object]) -> Callable[..., None]:
    def hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            name = args.thread.name if args.thread is not None else "?"
            _log.error("the thread '%s' ended", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
        before(args)

    return hook
