"""From what an operation returns to an HTTP answer."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, Final

from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from daemon.control.guard import refusal
from daemon.control.jsontext import as_json
from daemon.control.operation import VIDEO_KINDS, Media, Operation

__all__ = ["UnsatisfiableError", "answer_of", "part"]

_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*", re.IGNORECASE | re.ASCII)


class UnsatisfiableError(Exception):
    """A file has no such part."""


def part(header: str, size: int) -> tuple[int, int] | None:
    """(first, last) byte that a Range header asks for of `size` bytes; None: all of them.

    As RFC 9110, 14.2 has it, what is not understood is as if it were not there; so are several parts at once, which no
    player asks for. Raises `UnsatisfiableError`.
    """
    found = _RANGE.fullmatch(header)
    if found is None or found[0].rstrip(" \t").endswith("=-"):
        return None
    first, last = found[1], found[2]
    if not first:
        if not int(last) or not size:
            raise UnsatisfiableError
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise UnsatisfiableError
    return int(first), min(int(last or size), size - 1)


class _File(FileResponse):
    """A file, or the one part of it that is asked for."""

    def __init__(self, path: Path, size: int, **options: Any) -> None:
        super().__init__(path, **options)
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = [value.decode("latin-1") for name, value in scope["headers"] if name == b"range"]
        try:
            wanted = part(asked[0], self._size) if len(asked) == 1 else None
        except UnsatisfiableError:
            refused = refusal(416, f"The file has only {self._size} bytes.")
            refused.headers["Content-Range"] = f"bytes */{self._size}"
            await refused(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        if wanted is not None:
            headers.append((b"range", f"bytes={wanted[0]}-{wanted[1]}".encode()))
        await super().__call__({**scope, "headers": headers}, receive, send)


def answer_of(row: Operation, made: Any) -> Response:
    """made: what `row.call` returned."""
    if not isinstance(row.answer, Media):
        return Response(as_json(made), media_type="application/json")
    if made is None and row.answer.may_lack:
        return Response(status_code=204)
    if isinstance(made, Path):
        return _file(made)
    return Response(made, media_type=row.answer.kinds[0])


def _file(path: Path) -> Response:
    try:
        known = path.stat()
    except OSError:
        known = None
    if known is None or not stat.S_ISREG(known.st_mode):
        return refusal(404, "The file is not there any more.")
    kind = VIDEO_KINDS.get(path.suffix.lower(), "application/octet-stream")
    return _File(path, known.st_size, media_type=kind, stat_result=known)
