"""An opening that has a time to be done in."""

from __future__ import annotations

import threading
from fractions import Fraction

import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live import reading
from obs_portrait.pipeline.live.reading import open_in_time

PATIENCE = 20.0


class Door(VideoSource):
    """Opens when the test lets it."""

    live, width, height, rate, name = True, 4, 4, Fraction(30), "camera door"

    def __init__(self, there: bool = True) -> None:
        self.go, self.closed, self.there = threading.Event(), threading.Event(), there

    def open(self) -> None:
        assert self.go.wait(PATIENCE)
        if not self.there:
            raise MediaError("There is no door.")

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        return None

    def close(self) -> None:
        self.closed.set()


def test_what_opens_in_time_is_open_and_what_is_not_there_says_so() -> None:
    there, gone = Door(), Door(there=False)
    there.go.set()
    gone.go.set()
    open_in_time(there)
    assert not there.closed.is_set()
    with pytest.raises(MediaError, match="no door"):
        open_in_time(gone)


def test_what_hangs_is_an_error_that_says_what_to_do_and_is_closed_when_it_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "ANSWERS_NS", 100_000_000)
    door = Door()
    with pytest.raises(MediaError, match="camera door does not answer; unplug it and plug it in again"):
        open_in_time(door)
    door.go.set()
    assert door.closed.wait(PATIENCE)
