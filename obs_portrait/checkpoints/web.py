"""One HTTP request of a download: encrypted, only to hosts that the catalogue names, and with few redirects."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from functools import cache
from http import HTTPStatus
from importlib import metadata
from typing import Final
from urllib.parse import urljoin, urlsplit

__all__ = ["AddressError", "allowed", "printable", "request", "why"]

REDIRECTS: Final = 5
TIMEOUT_S: Final = 30.0
"""A server that says nothing for so long counts as gone."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class AddressError(Exception):
    """An address does not give the file; the text says why, as a part of a sentence. `final`: to ask the same address
    again would give the same."""

    def __init__(self, reason: str, *, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


def printable(text: str) -> str:
    """What a server says, fit for a terminal: no escapes, 80 characters at most."""
    shown = "".join(one if one.isprintable() else "?" for one in text[:81])
    return shown if len(shown) <= 80 else f"{shown[:79]}…"


def allowed(start: str, target: str, redirects: tuple[str, ...]) -> str | None:
    """None if a download may go on from `start` to `target`, else why not. redirects: hosts, or ".host" for all hosts
    below it. Without encryption a download may only stay on this machine."""
    old = urlsplit(start)
    try:
        new = urlsplit(target)
        host = (new.hostname or "").lower()
        _ = new.port  # raises if it is none
    except ValueError:
        return "it redirects to what is no address"
    if new.scheme != "https" and (old.scheme == "https" or new.scheme != "http" or host not in _LOOPBACK):
        return f"it redirects to {printable(f'{new.scheme}://{host}')}, which is not encrypted"
    if host != old.hostname and not any(host == one or (one[:1] == "." and host.endswith(one)) for one in redirects):
        return f"it redirects to {printable(host)}, which the catalogue does not name"
    return None


@cache
def _version() -> str:
    try:
        return metadata.version("obs-portrait")
    except metadata.PackageNotFoundError:
        return "0"


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Speaks http and https and nothing else (urllib's own would also read file: and ftp:), honours the proxy that the
    system names, and follows no redirect: that is `request`'s."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.UnknownHandler())
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    if urlsplit(url).hostname not in _LOOPBACK:
        opener.add_handler(urllib.request.ProxyHandler())
    return opener


def request(
    url: str, headers: dict[str, str], redirects: tuple[str, ...], timeout: float = TIMEOUT_S
) -> http.client.HTTPResponse:
    """The answer to a GET: status 200, 206 or 416 (a range beyond the end). The caller closes it.

    Raises `AddressError` for every other status, for a redirect that is not `allowed`, and if nobody answers.
    """
    told = {"User-Agent": f"obs-portrait/{_version()}", "Accept-Encoding": "identity", **headers}
    place = url
    for _ in range(REDIRECTS + 1):
        try:
            asked = urllib.request.Request(place, headers=told)  # noqa: S310 - see `_opener`
            answer = _opener(place).open(asked, timeout=timeout)
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise why(error) from error
        assert isinstance(answer, http.client.HTTPResponse)  # noqa: S101 - the opener knows nothing else
        if answer.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            return answer
        with answer:
            location = answer.headers.get("Location")
            if not 300 <= answer.status < 400 or not location:
                passing = answer.status >= 500 or answer.status in _PASSING
                raise AddressError(f"HTTP {answer.status} {printable(answer.reason)}".strip(), final=not passing)
        try:
            target = urljoin(place, location)
        except ValueError:
            raise AddressError("it redirects to what is no address") from None
        if reason := allowed(place, target, (*redirects, urlsplit(url).hostname or "")):
            raise AddressError(reason)
        place = target
    raise AddressError(f"it redirects more than {REDIRECTS} times")


def why(error: Exception) -> AddressError:
    """What the network said, in a few words."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return AddressError(f"its certificate is not trusted ({cause.verify_message})")
    if isinstance(cause, TimeoutError):
        return AddressError("no answer in time", final=False)
    if isinstance(cause, ConnectionRefusedError):
        return AddressError("the connection was refused", final=False)
    if isinstance(cause, ConnectionError | http.client.HTTPException | ssl.SSLError):
        return AddressError("the connection was cut", final=False)
    if isinstance(cause, OSError) and cause.strerror:
        return AddressError(cause.strerror[:1].lower() + cause.strerror[1:], final=False)
    return AddressError(printable(str(cause)) or type(cause).__name__)
