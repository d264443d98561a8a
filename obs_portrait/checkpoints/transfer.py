"""Bringing all bytes of one address into a part: resumed where it was cut, never longer than it may be."""

from __future__ import annotations

import errno
import http.client
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from io import RawIOBase
from typing import Final

from obs_portrait.checkpoints.catalog import Entry
from obs_portrait.checkpoints.digests import megabytes
from obs_portrait.checkpoints.part import Part, State
from obs_portrait.checkpoints.web import TIMEOUT_S, AddressError, printable, request, why
from obs_portrait.errors import CheckpointError
from obs_portrait.folders import WEIGHTS_VARIABLE

__all__ = ["Patience", "Progress", "transfer"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and of all (None if unknown)."""

SPARE: Final = 64 << 20
"""Bytes of the disk that are left free."""
_BLOCK: Final = 1 << 18
_NUMBER: Final = "([0-9]{1,18})"
"""A count of bytes in a header; a longer one is nonsense, and one of thousands of digits is an attack."""
_TEXT: Final = re.compile(r"text/.*|.*[/+](xml|json)")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an address is tried: `tries` times in a row without a new byte, `pause_s` seconds in between (doubled
    each time), `timeout_s` for the server to say something."""

    tries: int = 4
    pause_s: float = 1.0
    timeout_s: float = TIMEOUT_S


def transfer(entry: Entry, url: str, part: Part, patience: Patience, progress: Progress | None = None) -> None:
    """Returns when `part` holds as many bytes as `url` says the file has.

    Raises `AddressError` if this address cannot give them (what came is kept in the part), and `CheckpointError` if
    there is no room on this disk, which no other address would change.
    """
    fruitless, most = 0, part.size()
    while True:
        try:
            if _once(entry, url, part, patience.timeout_s, progress):
                return
            cut = AddressError("the connection was cut", final=False)
        except AddressError as error:
            if error.final:
                raise
            cut = error
        # More than ever before, not than last time: a server that cannot resume begins anew with every request.
        fruitless = 0 if part.size() > most else fruitless + 1
        most = max(most, part.size())
        if fruitless >= patience.tries:
            raise AddressError(f"{cut} (tried {fruitless} times)") from cut
        if fruitless:
            time.sleep(patience.pause_s * 2 ** (fruitless - 1))


def _once(entry: Entry, url: str, part: Part, timeout: float, progress: Progress | None) -> bool:
    """One request; True if the part is complete now."""
    state = part.state()
    have = part.size() if state is not None and _usable(state, url, entry) else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and state is not None and state.url == url and state.validator:
        headers["If-Range"] = state.validator
    with request(url, headers, entry.redirects, timeout) as answer:
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if not have:
                raise AddressError("it answers that there is no such part, though the whole file was asked for")
            whole = re.fullmatch(rf"bytes \*/{_NUMBER}", answer.headers.get("Content-Range", ""))
            if whole and int(whole[1]) == have:  # the last byte was here before the program ended
                _check_size(entry, have)
                return True
            part.discard()
            raise AddressError("the file there is another one now", final=False)
        told = _told(answer, url, have)
        if told is None:
            part.discard()  # to ask for the rest of this part again would give the same
            raise AddressError("it answers with another part of the file than was asked for", final=False)
        _check(entry, answer, told.total)
        if have and answer.status == HTTPStatus.PARTIAL_CONTENT and _changed(state, told):
            part.discard()  # the rest of another file: begin anew with the next request
            raise AddressError("the file there is another one now", final=False)
        if not have or answer.status == HTTPStatus.OK:
            part.begin(told)
            have = 0
        _check_room(part, (told.total or entry.limit) - have)
        have = _write(entry, answer, part, have, told.total, progress)
    return have == (entry.size if told.total is None else told.total)


def _usable(state: State, url: str, entry: Entry) -> bool:
    """Whether bytes that came from `state.url` may be gone on with from `url`: if a public hash will tell in the end,
    or if it is the same place and the server tells files apart."""
    return bool(entry.hashes) or (state.url == url and state.validator is not None)


def _told(answer: http.client.HTTPResponse, url: str, have: int) -> State | None:
    """What the answer says of the whole file; None if it is a part that does not begin at `have` or ends too early."""
    headers = answer.headers
    etag = headers.get("ETag")
    validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        span = re.fullmatch(rf"bytes {_NUMBER}-{_NUMBER}/{_NUMBER}", headers.get("Content-Range", ""))
        if not span or int(span[1]) != have or int(span[2]) != int(span[3]) - 1:
            return None
        return State(url, validator, int(span[3]))
    length = headers.get("Content-Length")
    if length is not None and not re.fullmatch(_NUMBER, length):
        raise AddressError("the length that it tells is no number of bytes")
    return State(url, validator, None if length is None else int(length))


def _changed(state: State | None, told: State) -> bool:
    """Whether the file is another one than that which the part was begun with."""
    if state is None:
        return False
    other = (
        state.url == told.url and None not in (state.validator, told.validator) and state.validator != told.validator
    )
    return other or (state.total is not None and state.total != told.total)


def _check(entry: Entry, answer: http.client.HTTPResponse, total: int | None) -> None:
    kind = answer.headers.get_content_type() if answer.headers.get("Content-Type") else ""
    if kind in ("text/html", "application/xhtml+xml"):
        raise AddressError("it answers with a web page instead of the file")
    if _TEXT.fullmatch(kind):  # how stores tell that they refuse
        raise AddressError(f"it answers with text ({printable(kind)}) instead of the file")
    if (coding := answer.headers.get("Content-Encoding", "identity")) != "identity":
        raise AddressError(f"it sends the file in the coding '{printable(coding)}', which was not asked for")
    if total is None and entry.size is None:
        raise AddressError("it does not say how long the file is")
    if total is not None:
        _check_size(entry, total)


def _check_size(entry: Entry, total: int) -> None:
    if entry.size is not None and total != entry.size:
        raise AddressError(f"its file has {total:,} bytes where {entry.size:,} are known")
    if total < entry.min_size:
        raise AddressError(f"its file has {total:,} bytes, such weights have {entry.min_size:,} at least")
    if total > entry.limit:
        raise AddressError(f"its file has {total:,} bytes, more than the {entry.limit:,} that are taken")


def _check_room(part: Part, missing: int) -> None:
    part.path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(part.path.parent).free
    if missing > free - SPARE:
        raise CheckpointError(
            f"{part.path.parent}: there is no room; {megabytes(missing)} and {megabytes(SPARE)} to spare are needed, "
            f"{megabytes(free)} are free. Make room, or name another folder in {WEIGHTS_VARIABLE}."
        )


def _write(
    entry: Entry, answer: http.client.HTTPResponse, part: Part, have: int, total: int | None, progress: Progress | None
) -> int:
    """Appends what comes; returns the bytes that are here when no more come."""
    end = entry.limit if total is None else total
    with part.path.open("ab", buffering=0) as file:
        while have <= end:
            if progress is not None:
                progress(have, total)
            try:
                block = answer.read1(_BLOCK)  # what is there, without waiting for a whole block
            except (http.client.HTTPException, OSError) as error:
                raise why(error) from error
            if not block:
                return have
            if have + len(block) > end:
                break
            have += _append(file, block, part)
    part.discard()
    raise AddressError(f"it sends more than the {end:,} bytes that are taken")


def _append(file: RawIOBase, block: bytes, part: Part) -> int:
    """Writes all of the block: without a buffer, a disk that is nearly full takes a piece of it and says no word."""
    done = 0
    while done < len(block):
        try:
            done += file.write(memoryview(block)[done:]) or 0
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise CheckpointError(
                f"{part.path}: the disk is full after {megabytes(part.size())}. Make room and type the same again: "
                "it goes on from there."
            ) from error
    return done
