"""Serves the stream on loopback: one thread for each client, and nobody waits for any of them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.loopback_socket import bound
from obs_portrait.media.sinks.obs_stream.nut import AUDIO, VIDEO, NutWriter
from obs_portrait.media.sinks.obs_stream.pulse import GAP_NS, Debt, Pressure
from obs_portrait.media.sinks.obs_stream.timeline import Timeline
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing, VoiceTap
from obs_portrait.media.types import SAMPLE_RATE

__all__ = ["StreamServer", "listen"]

_BLOCK = SAMPLE_RATE // 200
_BLOCK_NS = 5_000_000
_ANNOUNCED = 4
"""Blocks of silence that tell OBS at once that there is sound."""
_PATIENCE_S = 2.0
_KNOCK_S = 0.25
_MOST_CLIENTS = 8
_SLOW_NS = 1_000_000_000
_SLOW_MOST_NS = 5_000_000_000
_LATE_NS = 40_000_000
_PAUSE_NS = 50_000_000
"""How often is looked whether there is a first picture, or an end."""
_LEAVE_NS = 150_000_000
"""So long the last picture is sent when the stream ends: a player that holds one back until more comes shows it too."""


class StreamServer:
    """listener: where players knock (`listen`); it is closed with the server. width, height: of the pictures. voice:
    where the sound comes from; None: silence.

    period(): OBS's own frame period in s, asked now and then; pictures are repeated in 0.6 of it.
    """

    def __init__(
        self,
        listener: socket.socket,
        width: int,
        height: int,
        voice: VoiceRing | None = None,
        period: Callable[[], float] = lambda: 1 / 60,
    ) -> None:
        self._size, self._voice, self._period = (width, height), voice, period
        self._there = threading.Condition()
        self._picture: memoryview | None = None
        self._number = 0
        self._shown_ns = 0
        self._instead: memoryview | None = None
        self._covered: Callable[[], bool] = lambda: False
        self._old_ns = 0
        self._halt = False
        self._end_ns: int | None = None
        self._clients: dict[socket.socket, threading.Thread] = {}
        self.served = 0
        """Clients that have come so far."""
        self._listener = listener
        listener.settimeout(_KNOCK_S)  # on Windows nothing else ends an `accept`
        self._thread = threading.Thread(target=self._accept, name="obs stream", daemon=True)
        self._thread.start()

    @property
    def clients(self) -> int:
        """How many are connected now."""
        return len(self._clients)

    def show(self, bgra: NDArray[np.uint8]) -> None:
        """The newest picture, (H, W, 4) uint8 BGRA, C-contiguous; it must not be changed afterwards. Never waits.

        Raises `MediaError` if it has another size than the stream.
        """
        picture = self._fitting(bgra)
        with self._there:
            self._picture, self._shown_ns = picture, now_ns()
            self._number += 1
            self._there.notify_all()

    def stand_by(self, bgra: NDArray[np.uint8], covered: Callable[[], bool], old_ns: int) -> None:
        """What is sent in the place of a picture that is older than `old_ns`, because whoever shows them hangs, and
        while `covered()`, which the threads of the clients ask. As for `show`."""
        picture = self._fitting(bgra)
        with self._there:
            self._instead, self._covered, self._old_ns = picture, covered, old_ns

    def _fitting(self, bgra: NDArray[np.uint8]) -> memoryview:
        width, height = self._size
        if bgra.shape != (height, width, 4):
            raise MediaError(f"The OBS stream is {width}x{height}, and was given a picture of shape {bgra.shape}.")
        return memoryview(bgra.data).cast("B")

    def close(self) -> None:
        """Ends the stream for everybody who takes it, when the newest picture has been sent. May be called twice."""
        with self._there:
            self._halt = True
            self._end_ns = self._end_ns or now_ns() + _LEAVE_NS
            self._there.notify_all()
        self._thread.join(2)
        self._listener.close()
        with self._there:
            clients = dict(self._clients)
        for thread in clients.values():
            thread.join(max(0.0, self._end_ns + 2 * _LEAVE_NS - now_ns()) / 1e9)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in clients.values():
            thread.join(1)

    # ---- the listener's thread -----------------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._halt:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                if self._halt:
                    return
                time.sleep(0.05)  # out of descriptors, for instance
                continue
            if self._halt or len(self._clients) >= _MOST_CLIENTS:
                client.close()
                continue
            self.served += 1
            thread = threading.Thread(target=self._serve, args=(client,), name="obs stream client", daemon=True)
            with self._there:
                self._clients[client] = thread
            thread.start()

    # ---- a client's thread ---------------------------------------------------------------------------------------

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                client.settimeout(_PATIENCE_S)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # Small: what waits in a socket is old by the time it is shown.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
                self._stream(client)
        except OSError:
            pass  # it went away, or took nothing for too long; it will come back by itself
        finally:
            with self._there:
                self._clients.pop(client, None)

    def _stream(self, client: socket.socket) -> None:
        writer, tap = NutWriter(*self._size, SAMPLE_RATE), VoiceTap(self._voice)
        pressure, debt = Pressure(), Debt()
        line = Timeline(now_ns())
        client.sendall(writer.header())
        sound = round(line.sound_at * SAMPLE_RATE)  # stamp of the next block, in samples
        for _ in range(_ANNOUNCED):
            self._send_sound(client, writer, sound, bytes(2 * _BLOCK))
            sound += _BLOCK
        due: int | None = None  # when the next block is complete
        shown, sent_ns, last = -1, 0, -1
        tick_ns, repeat_ns, asked_ns = 0, 0, 0
        while not self._is_over:
            if now_ns() - asked_ns > 1_000_000_000:
                asked_ns = now_ns()
                tick_ns = round(min(max(self._period(), 1 / 240), 1 / 10) * 1e9)
                repeat_ns = tick_ns * 6 // 10
            again = sent_ns + repeat_ns if shown >= 0 else now_ns() + _PAUSE_NS
            picture, number = self._next(shown, again if due is None else min(due, again))
            now = now_ns()
            ready = pressure.steady_ns(now) >= _SLOW_NS or now - line.start_ns > _SLOW_MOST_NS
            if due is None and ready and picture is not None:
                line = replace(line, ends_ns=now)
                due = now + (_ANNOUNCED + 1) * _BLOCK_NS
            if due is not None and now - due > _LATE_NS:
                # The client or this machine stood still. Late sound would make OBS delay everything for good, and a
                # gap below 70 ms it takes for none: so a gap that it sees, and then the newest sound.
                missed = max(now - due, GAP_NS) // _BLOCK_NS
                sound, due = sound + missed * _BLOCK, due + missed * _BLOCK_NS
                tap.skip()
            elif due is not None and (stop := debt.due(now)):
                # The stream stands still, and the voice with it; OBS makes good what it has fallen behind.
                line, due = line.stopped(stop), due + stop
                tap.skip()
            while due is not None and due <= now:
                block = tap.take(_BLOCK)
                debt.heard(now, int(np.abs(block.astype(np.int32)).max()))
                self._send_sound(client, writer, sound, block.astype("<i2").tobytes())
                sound, due = sound + _BLOCK, due + _BLOCK_NS
            if picture is None or (number == shown and now - sent_ns < repeat_ns):
                continue
            debt.sent(now, now - sent_ns if shown >= 0 else 0, tick_ns)
            shown, sent_ns = number, now
            last = max(last + 1, round(line.picture(now) * writer.ticks))
            client.sendall(writer.frame(VIDEO, last, picture.nbytes))
            client.sendall(picture)
            if pressure.took(now, now_ns()):
                return  # the player waits for each picture's time: it has lost its lead, and gets a new one

    def _send_sound(self, client: socket.socket, writer: NutWriter, stamp: int, samples: bytes) -> None:
        client.sendall(writer.frame(AUDIO, stamp, len(samples)) + samples)

    def _next(self, shown: int, until_ns: int) -> tuple[memoryview | None, int]:
        """The newest picture and its number, as soon as it is another than `shown`, or at `until_ns`."""
        with self._there:
            while not self._is_over and (self._picture is None or self._number == shown):
                left = (until_ns - now_ns()) / 1e9
                if left <= 0:
                    break
                self._there.wait(left)
            old = now_ns() - self._shown_ns > self._old_ns or self._covered()
            if self._instead is not None and self._picture is not None and old:
                return self._instead, self._number
            return self._picture, self._number

    @property
    def _is_over(self) -> bool:
        return self._end_ns is not None and now_ns() >= self._end_ns


def listen(port: int) -> socket.socket:
    """A socket that players may knock at. Raises `MediaError` if the port is taken.

    Whoever supervises the process with the server makes it and keeps it open while that process is started again:
    OBS's player then waits at the door instead of being refused, and a player that is refused at once is one that OBS
    (seen with 29.0.2) sometimes never opens again.
    """
    try:
        listener = bound(port)
        listener.listen(4)
    except OSError as error:
        raise MediaError(
            f"The OBS stream cannot use port {port} ({error.strerror}): choose another one with --sink obs:PORT, and "
            "type `obs-portrait obs setup` again."
        ) from None
    return listener
