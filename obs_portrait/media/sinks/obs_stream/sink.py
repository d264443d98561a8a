"""The OBS stream as a video sink."""

from __future__ import annotations

import socket
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import LeakError
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.media.sinks.obs_stream.server import StreamServer, listen
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing
from obs_portrait.media.types import PersonaFrame

__all__ = ["ObsStreamSink"]

_OLD_S = 0.5
"""Whoever writes a picture a tick, and has not for so long, hangs."""


class ObsStreamSink(VideoSink):
    """Serves picture and voice as one stream that OBS plays as a Media Source (`input_settings`)."""

    name = "OBS stream"

    def __init__(
        self,
        port: int,
        voice: VoiceRing | None = None,
        period: Callable[[], float] = lambda: 1 / 60,
        listener: socket.socket | None = None,
    ) -> None:
        """voice: the ring that the audio process fills; None: a silent stream. period(): OBS's frame period in s.
        listener: a socket at that port that somebody else made (`server.listen`); None: one is made here."""
        self._port, self._voice, self._period, self._listener = port, voice, period, listener
        self._server: StreamServer | None = None

    @property
    def clients(self) -> int:
        """How many players are connected."""
        return self._server.clients if self._server is not None else 0

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        self._rate = rate
        self._server = StreamServer(self._listener or listen(self._port), width, height, self._voice, self._period)

    def stand_by(self, card: PersonaFrame, covered: Callable[[], bool]) -> None:
        """Once it is open: the card is sent instead of a picture when whoever writes them hangs, and, whatever is
        written, while `covered()`. Raises as `write` does."""
        if type(card) is not PersonaFrame:
            raise LeakError(f"{self.name}: refused a {type(card).__name__}; a sink takes persona frames only.")
        if self._server is not None:
            self._server.stand_by(_bgra(card), covered, round(max(_OLD_S, float(3 / self._rate)) * 1e9))

    def _write(self, frame: PersonaFrame) -> None:
        if self._server is not None:
            self._server.show(_bgra(frame))

    def close(self) -> None:
        """Ends the stream."""
        if self._server is not None:
            self._server.close()
            self._server = None


def _bgra(frame: PersonaFrame) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGRA), np.uint8)
