"""Process bodies for the keeper's tests: each behaves badly in one way. Imported by the child, so it stays light."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.pipeline.live.child import Link
from obs_portrait.pipeline.live.messages import Rehearsed, Stop, Stopped


def obedient(link: Link, plan: Any) -> Stopped:
    link.send(Rehearsed())
    while not link.stopping.is_set():
        link.beat()
        link.wait(0.05)
        if any(isinstance(message, Stop) for message in link.receive()):
            break
    if plan is not None:
        plan.set("stopped", 1)
    return Stopped({"pid": os.getpid()})


def dies_at_once(link: Link, plan: Any) -> Stopped:
    os._exit(7)


def refuses(link: Link, plan: Any) -> Stopped:
    raise MediaError("There is no camera 9.")


def crashes(link: Link, plan: Any) -> Stopped:
    raise RuntimeError("a bug")


def falls_silent(link: Link, plan: Any) -> Stopped:
    """The main thread sits in C with the interpreter lock held: nothing of Python runs in this process any more."""
    link.send(Rehearsed())
    link.beat()
    ctypes.PyDLL(None).sleep(60)
    return Stopped()


def hangs_in_the_engine(link: Link, plan: Any) -> Stopped:
    link.send(Rehearsed())
    link.board.set("busy_since_ns", now_ns())
    while True:
        link.beat()
        time.sleep(0.05)


def deaf(link: Link, plan: Any) -> Stopped:
    """Runs on whatever it is told."""
    link.send(Rehearsed())
    while True:
        link.beat()
        time.sleep(0.05)
