"""A player as OBS's is, as far as a server can tell: it connects, takes what comes, or does not."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["Player", "packets", "until"]


def until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Looks again and again; fails with `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.005)


def packets(data: bytes) -> list[tuple[int, int, bytes]]:
    """(stream, stamp, payload) of all whole packets in what was received."""
    found: list[tuple[int, int, bytes]] = []
    try:
        with av.open(io.BytesIO(data), format="nut") as container:
            for one in container.demux():
                found += [(one.stream.index, one.pts, bytes(one))] if one.size and not one.is_corrupt else []
    except av.FFmpegError:
        pass  # the end is cut
    return found


class Player:
    """Takes everything in a thread of its own while `takes` is set. size: of a picture in bytes, to leave out what was
    cut at the end."""

    def __init__(self, port: int, size: int, *, takes: bool = True) -> None:
        self._size = size
        self.takes = threading.Event()
        if takes:
            self.takes.set()
        self.ended = False
        self._got = bytearray()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self._socket.settimeout(20)
        self._socket.connect(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._take, name="player", daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            while True:
                self.takes.wait()
                piece = self._socket.recv(1 << 16)
                if not piece:
                    break
                self._got += piece
        except OSError:
            pass
        self.ended = True

    @property
    def received(self) -> int:
        """Bytes."""
        return len(self._got)

    def pictures(self) -> list[tuple[int, NDArray[np.uint8]]]:
        """(stamp, bytes of a BGRA picture)."""
        whole = [(pts, data) for stream, pts, data in packets(bytes(self._got)) if stream == 0]
        return [(pts, np.frombuffer(data, np.uint8)) for pts, data in whole if len(data) == self._size]

    def sound(self) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        """The stamps of all blocks, and their samples as rows."""
        blocks = [(pts, data) for stream, pts, data in packets(bytes(self._got)) if stream == 1 and len(data) == 480]
        stamps = np.array([pts for pts, _ in blocks], np.int64)
        return stamps, np.array([np.frombuffer(data, "<i2") for _, data in blocks], np.int16).reshape(-1, 240)

    def close(self) -> None:
        self.takes.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
