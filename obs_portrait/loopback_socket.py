"""A door on this machine alone: the sockets of the control API and of the stream to OBS."""

from __future__ import annotations

import socket
import sys
import time
from typing import Final

__all__ = ["bound"]


_PATIENCE_S: Final = 3.0


def _bind(door: socket.socket, port: int) -> None:
    """Windows holds a port as long as a connection of the one before is not quite over."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            if sys.platform != "win32" or not port or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def bound(port: int) -> socket.socket:
    """A TCP socket that nobody else has, on 127.0.0.1 and that port (0: any). Raises OSError with its `strerror`."""
    # With the protocol named: asyncio switches Nagle's algorithm off for such sockets only (40 ms a request otherwise).
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            door.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(door, port)
    except OverflowError as error:
        door.close()
        raise OSError(None, f"a port is 0 to 65535, not {port}") from error
    except OSError:
        door.close()
        raise
    return door
