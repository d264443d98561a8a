"""A real HTTP server on the loopback whose faults a test chooses."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Site:
    """What the server does. `cuts`: after so many bytes of a body the connection is cut, one entry for each request;
    0 cuts before the header. `hold`: bytes after which a body stops until `release` is set."""

    body: bytes = b""
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    honours_if_range: bool = True
    always_partial: bool = False  # 206 though nobody asked for a range
    shift: int = 0  # a range begins so many bytes beside what was asked for
    tells_length: bool = True
    length: int | None = None  # a lie
    status: int | None = None
    raw: bytes | None = None  # the whole answer, header and all
    location: str | None = None
    content_type: str = "application/octet-stream"
    encoding: str | None = None
    cuts: list[int] = field(default_factory=list)
    hold: int | None = None
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, str]] = field(default_factory=list)  # headers of each request, and ":path"
    sent: int = 0  # bytes of bodies
    url: str = ""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            site.asked.append({**dict(self.headers.items()), ":path": self.path})
            self.close_connection = True
            cut = site.cuts.pop(0) if site.cuts else None
            if cut == 0:
                return
            if site.raw is not None:
                self.wfile.write(site.raw)
                return
            if site.location is not None and self.path != "/final":
                self.send_response(302)
                self.send_header("Location", site.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if site.status is not None:
                self.send_error(site.status)
                return
            self._send(cut)

        def _start(self) -> int | None:
            """The first byte that is asked for, or None for the whole file."""
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if not wanted or not site.ranges:
                return 0 if site.always_partial else None
            condition = self.headers.get("If-Range")
            if condition and site.honours_if_range and condition not in (site.etag, site.modified):
                return None
            return int(wanted[1]) + site.shift

        def _send(self, cut: int | None) -> None:
            start = self._start()
            whole = len(site.body)
            if start is not None and start >= whole:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{whole}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200 if start is None else 206)
            body = site.body[start or 0 :]
            if start is not None:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            if site.tells_length:
                self.send_header("Content-Length", str(len(body) if site.length is None else site.length))
            for name, value in (
                ("ETag", site.etag),
                ("Last-Modified", site.modified),
                ("Content-Type", site.content_type),
                ("Content-Encoding", site.encoding),
            ):
                if value:
                    self.send_header(name, value)
            self.end_headers()
            stop = len(body) if cut is None else cut
            first = stop if site.hold is None else min(stop, site.hold)
            try:
                self.wfile.write(body[:first])
                site.sent += first
                if first < stop:
                    self.wfile.flush()
                    site.held.set()
                    site.release.wait(60)
                    self.wfile.write(body[first:stop])
                    site.sent += stop - first
            except OSError:  # the client has enough
                pass

    return Handler


@contextmanager
def serve(site: Site, certificate: tuple[Path, Path] | None = None) -> Iterator[Site]:
    """Serves `site` until the block ends; `site.url` is its address. certificate: files with certificate and key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = True
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/weights.bin"
    try:
        yield site
    finally:
        site.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
