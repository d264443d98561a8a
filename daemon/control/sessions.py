"""Who of the browsers may use the API: one-time codes, and the sessions that they are exchanged for.

The daemon's token never goes into a browser. Who can read control.json asks for a code (`obs-portrait dock`), valid for
two minutes and once; the page exchanges it for two secrets that are worth nothing alone:

- a **cookie**, HttpOnly and SameSite=Strict: no script reads it, no other site's request carries it. But browsers know
  no ports: they would show it to whatever else listens on 127.0.0.1.
- a **page key**, kept by the page in its own storage, which ends at the port, and sent as a header.

pages.json holds the hashes of both beside control.json, so that OBS's dock stays signed in when the daemon restarts.

Whoever listens at the page's address while no daemon runs is shown both by OBS's dock, which cannot know. So a session
holds for the port that it was made on; when somebody else has that port, all of them end; and one from before this
start of the daemon does not show the camera (`new`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from daemon.control.token import write_private
from obs_portrait.errors import ControlError

__all__ = ["CODE_S", "SESSION_S", "Pass", "Sessions"]

CODE_S: Final = 120.0
"""For so long a code can be used, in s."""
SESSION_S: Final = 400 * 24 * 3600
"""For so long a browser stays signed in, in s: the longest that Chromium keeps a cookie."""
_LETTERS: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""No I, L, O, U, 0, 1: somebody may have to type a code into OBS."""
_CODES: Final = 8
_SESSIONS: Final = 32
_LARGEST_FILE: Final = 64 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pass:
    """What a code is exchanged for. first: nobody was signed in before, so this is somebody's first look."""

    cookie: str
    key: str
    first: bool

    def __repr__(self) -> str:
        return f"Pass(first={self.first})"


class Sessions:
    """Codes and signed-in browsers; every method may be called from any thread.

    path: of pages.json, None keeps nothing. port: that the pages are served on. moved: it is another one than was
    wanted, which another program has. clock: seconds since the epoch.
    """

    def __init__(
        self,
        path: Path | None = None,
        port: int = 0,
        *,
        moved: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._port, self._clock = path, port, clock
        self._lock = threading.Lock()
        self._codes: dict[str, float] = {}
        kept = _read(path) if path is not None else []
        self._known = {row.cookie: (row.key, row.made) for row in kept if row.port == port and not moved}
        self._new: set[str] = set()
        self._before = bool(kept)
        if kept and moved:  # for good: what the other program was shown is worth nothing when the port is ours again
            self._write()

    def new_code(self) -> str:
        """A code as "K7QF-93MX-2TPA" (58 bits) for `enter`; the oldest gives way if there are many."""
        letters = "".join(secrets.choice(_LETTERS) for _ in range(12))
        with self._lock:
            self._forget_old_codes()
            while len(self._codes) >= _CODES:
                del self._codes[next(iter(self._codes))]
            self._codes[_hash(letters)] = self._clock() + CODE_S
        return "-".join(letters[at : at + 4] for at in (0, 4, 8))

    def enter(self, code: str) -> Pass | None:
        """Exchanges a code; None if it is wrong, too old or used. Small letters and missing hyphens are forgiven."""
        letters = "".join(code.upper().split()).replace("-", "")
        cookie, key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with self._lock:
            self._forget_old_codes()
            if self._codes.pop(_hash(letters), None) is None:
                return None
            first = not self._known and not self._before
            while len(self._known) >= _SESSIONS:
                del self._known[next(iter(self._known))]
            self._known[_hash(cookie)] = (_hash(key), self._clock())
            self._new.add(_hash(cookie))
            self._write()
        return Pass(cookie, key, first)

    def knows(self, cookie: str) -> bool:
        """Whether this cookie belongs to a signed-in browser."""
        with self._lock:
            return self._find(cookie) is not None

    def new(self, cookie: str) -> bool:
        """Whether this cookie belongs to a browser that signed in since the daemon started."""
        with self._lock:
            return self._find(cookie) is not None and _hash(cookie) in self._new

    def matches(self, cookie: str, key: str) -> bool:
        """Whether cookie and page key belong to the same signed-in browser."""
        with self._lock:
            expected = self._find(cookie)
        return expected is not None and hmac.compare_digest(expected, _hash(key))

    def leave(self, cookie: str) -> None:
        """Signs this browser out."""
        with self._lock:
            if self._known.pop(_hash(cookie), None) is not None:
                self._write()

    def leave_all(self) -> None:
        """Signs every browser out."""
        with self._lock:
            self._known.clear()
            self._new.clear()
            self._before = False
            self._write()

    # ---- behind the lock -----------------------------------------------------------------------------------------

    def _find(self, cookie: str) -> str | None:
        """The hash of the page key that belongs to a cookie."""
        found = self._known.get(_hash(cookie))
        return found[0] if found is not None and self._clock() - found[1] < SESSION_S else None

    def _forget_old_codes(self) -> None:
        now = self._clock()
        for code in [code for code, until in self._codes.items() if not now < until <= now + CODE_S]:
            del self._codes[code]

    def _write(self) -> None:
        if self._path is None:
            return
        rows = [
            {"cookie": cookie, "key": key, "made": made, "port": self._port}
            for cookie, (key, made) in self._known.items()
        ]
        try:
            write_private(self._path, {"version": 1, "pages": rows})
        except OSError as error:
            _log.warning("%s cannot be written (%s): pages stay signed in until the next start only", self._path, error)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class _Row(NamedTuple):
    """port: None in a file from before ports were written there."""

    cookie: str
    key: str
    made: float
    port: int | None


def _read(path: Path) -> list[_Row]:
    """What pages.json says; nothing if it is absent, damaged or another user's."""
    try:
        with path.open("rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                raise ControlError("it belongs to another user")
            content = json.loads(file.read(_LARGEST_FILE))
        return [_row(row) for row in content["pages"][-_SESSIONS:]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, ControlError) as error:
        _log.warning("%s is not used (%s): pages have to sign in again", path, error)
        return []


def _row(row: Any) -> _Row:
    cookie, key, made = row["cookie"], row["key"], row["made"]
    if not all(isinstance(value, str) and len(value) == 64 for value in (cookie, key)):
        raise ValueError("an entry is not a hash")
    return _Row(cookie, key, float(made), row.get("port"))
