"""A writer of NUT streams: one raw picture stream and one raw sound stream, every packet out at once.

Written after the NUT specification (the NUT Open Container Format, version 3). FFmpeg has a NUT muxer, but what one
gives it waits for a packet of the other stream to be interleaved by time stamps, which costs a frame or two; here
sound and picture are written in the order in which they come, and a receiver is free to wait for neither.

A packet is given out as pieces (header, payload), so that a picture is never copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["AUDIO", "VIDEO", "NutWriter", "crc32"]

VIDEO: Final = 0
"""Number of the picture stream."""
AUDIO: Final = 1
"""Number of the sound stream."""

_FILE_ID: Final = b"nut/multimedia container\0"
_MAIN: Final = (0x4E4D << 48) + 0x7A561F5F04AD
_STREAM: Final = (0x4E53 << 48) + 0x11405BF2F9DB
_SYNC: Final = (0x4E4B << 48) + 0xE4ADEECA4569
_KEY, _CODED_PTS, _STREAM_ID, _SIZE, _CHECKSUM, _CODED = 1, 8, 16, 32, 64, 4096
_FRAME_FLAGS: Final = _KEY | _CODED_PTS | _STREAM_ID | _SIZE | _CHECKSUM
_MAX_DISTANCE: Final = 65536
_FRAMECODES: Final = 255  # all 256 but 'N', which begins a start code


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_TABLE: Final = _table()


def crc32(data: bytes) -> int:
    """NUT's checksum: polynomial 0x04C11DB7, most significant bit first, from 0 and without a final inversion."""
    value = 0
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value


def _v(value: int) -> bytes:
    """An unsigned number: 7 bits a byte, the most significant first, the high bit set on all but the last."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append((value & 0x7F) | 0x80)
    return bytes(reversed(out))


def _vb(data: bytes) -> bytes:
    return _v(len(data)) + data


def _packet(startcode: int, payload: bytes) -> bytes:
    """A header packet: start code, length, content, checksum of the content."""
    return startcode.to_bytes(8, "big") + _v(len(payload) + 4) + payload + crc32(payload).to_bytes(4, "big")


@dataclass
class NutWriter:
    """width, height: of BGRA pictures, 8 bits a channel. rate: samples a second of mono signed 16-bit little-endian
    sound. Time stamps of pictures count in 1/`ticks` s, those of sound in samples."""

    width: int
    height: int
    rate: int = 48_000
    ticks: int = 10_000

    def __post_init__(self) -> None:
        self._written = 0
        self._last_sync = 0

    def header(self) -> bytes:
        """The beginning of the stream."""
        # One row of the frame code table: every code means "all is said in the frame itself".
        codes = b"".join(map(_v, (_CODED, 6))) + _v(0) + b"".join(map(_v, (1, 0, 0, 0, _FRAMECODES)))
        bases = _v(2) + _v(1) + _v(self.ticks) + _v(1) + _v(self.rate)
        main = _v(3) + _v(2) + _v(_MAX_DISTANCE) + bases + codes + _v(0)
        # id, class, fourcc, time base, msb_pts_shift, max_pts_distance, decode_delay, flags, codec specific data
        video = _v(VIDEO) + _v(0) + _vb(b"BGRA") + _v(0) + _v(0) + _v(self.ticks) + _v(0) + _v(0) + _vb(b"")
        video += _v(self.width) + _v(self.height) + _v(1) + _v(1) + _v(0)
        audio = _v(AUDIO) + _v(1) + _vb(b"PSD\x10") + _v(1) + _v(0) + _v(self.rate) + _v(0) + _v(0) + _vb(b"")
        audio += _v(self.rate) + _v(1) + _v(1)
        out = _FILE_ID + _packet(_MAIN, main) + _packet(_STREAM, video) + _packet(_STREAM, audio)
        self._written = len(out)
        return out

    def frame(self, stream: int, pts: int, size: int) -> bytes:
        """What stands before a payload of `size` bytes: a sync point, and the frame's own header."""
        back = (self._written - self._last_sync) // 16 if self._last_sync else 0
        sync = _packet(_SYNC, _v(pts * 2 + stream) + _v(back))
        self._last_sync = self._written
        # 1 is added to the stamp because numbers below 1 << msb_pts_shift would be abbreviations.
        header = _v(0) + _v(_FRAME_FLAGS) + _v(stream) + _v(pts + 1) + _v(size)
        out = sync + header + crc32(header).to_bytes(4, "big")
        self._written += len(out) + size
        return out
