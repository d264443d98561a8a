"""Whose program is at the other end of a connection: the system is asked, before a word is read.

Secrets can be stolen. Another user of this computer who takes the page's port while no daemon runs is shown the cookie
and the page key by OBS's dock, and the token of a daemon that was killed by whoever still believes control.json. On
Linux the kernel knows the owner of the socket at the other end, and no secret makes another user's program ours. It is
asked for exactly this socket (NETLINK_SOCK_DIAG, sock_diag(7)), which costs some microseconds and needs no rights.

Windows and macOS tell this to nobody in time; there secrets are all that counts.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from typing import Final

__all__ = ["Peers"]

Address = tuple[str, int]
"""IPv4 address and port."""

_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST: Final = 1
_ERROR: Final = 2
_ANY_STATE: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ASKED: Final = struct.Struct("=BBBBI")  # inet_diag_req_v2: family, protocol, extensions, -, states
_ENDS: Final = struct.Struct("=2s2s16s16sI8s")  # inet_diag_sockid: ports and addresses in network order, device, cookie
_TOLD: Final = struct.Struct("=BBBB48sIIIII")  # inet_diag_msg: family, state, -, -, ends, -, -, -, uid, inode
_ROOT: Final = 0
_log = logging.getLogger(__name__)


class Peers:
    """Asks the kernel. For one thread at a time; `close` gives its socket back.

    door: the socket that listens. Whether the kernel answers at all is tried with it, because a kernel without the
    module answers as one that knows no such socket. If it does not, nobody is a stranger: secrets have to do.
    """

    def __init__(self, door: socket.socket) -> None:
        self._me = os.geteuid() if hasattr(os, "geteuid") else _ROOT
        self._count = 0
        self._told: set[int] = set()
        self._line = _line()
        if self._line is not None and self._ask(door.getsockname()[:2], ("0.0.0.0", 0)) != (True, self._me):  # noqa: S104
            self.close()

    @property
    def known(self) -> bool:
        """Whether the system tells who is there."""
        return self._line is not None

    def stranger(self, peer: Address | None, here: Address | None) -> bool:
        """Whether the program at the other end belongs to neither this user nor root, or is gone already: whoever sends
        and leaves at once wants no answer, and nobody knows any more whose program it was.

        peer, here: both ends of the connection, None where the system does not know them any more.
        """
        if self._line is None:
            return False
        if peer is None or here is None:
            return True
        held, owner = self._ask(peer, here)
        if held and owner not in (self._me, _ROOT):
            if owner not in self._told:
                self._told.add(owner)
                _log.warning("a program of another user (number %d) knocks and is sent away", owner)
            return True
        return not held

    def close(self) -> None:
        """May be called twice."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _ask(self, end: Address, other: Address) -> tuple[bool, int]:
        """(whether a program holds the socket from `end` to `other`, whose it is). A socket that was closed is the
        kernel's until the last byte is acknowledged: nobody's, and told as root's."""
        if self._line is None:
            return False, -1
        self._count = (self._count + 1) % (1 << 32)
        ends = _ENDS.pack(
            struct.pack("!H", end[1]), struct.pack("!H", other[1]), socket.inet_aton(end[0]),
            socket.inet_aton(other[0]), 0, b"\xff" * 8,
        )  # fmt: skip
        asked = _ASKED.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY_STATE) + ends
        try:
            self._line.send(_HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, self._count, 0) + asked)
            while True:  # the answer is there when `send` returns; an older one may lie before it
                told = self._line.recv(4096)
                _, kind, _, count, _ = _HEADER.unpack_from(told)
                if count == self._count:
                    break
        except (OSError, struct.error):
            return False, -1
        if kind != _BY_FAMILY or len(told) < _HEADER.size + _TOLD.size:
            return False, -1
        found = _TOLD.unpack_from(told, _HEADER.size)
        owner, inode = int(found[8]), int(found[9])
        # A lookup that fails goes on among sockets that listen on the same port; they have no other end. Addresses are
        # told as IPv6 where the program made such a socket (Java does), so the ports are compared.
        return inode != 0 and found[4][:4] == ends[:4], owner


def _line() -> socket.socket | None:
    """To the kernel; None where it does not speak this."""
    if sys.platform != "linux":
        return None
    try:
        line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
    except OSError:
        return None
    line.setblocking(False)
    return line
