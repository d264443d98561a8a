"""An engine that may fail: it is asked, watched, and made anew when it fails too often."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from obs_portrait.errors import EngineLostError
from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.prepare import PreparedFace
from obs_portrait.pipeline.stats import Stats

__all__ = ["PATIENCE", "WatchedEngine"]

PATIENCE: Final = 30
"""Failures of an engine or tracker in a row after which it is made anew."""
_BACK_OFF: Final = (1.0, 30.0)
"""Seconds of capture time until the next new engine, if that one fails as well: doubles from the first to the last."""


class WatchedEngine:
    """A persona's engine, watched: counts failures in a row and makes it anew when there are too many."""

    def __init__(self, face: PreparedFace, background: bool) -> None:
        self.background = background
        self._face = face
        self._renewed: PreparedFace | None = None
        self._worker: threading.Thread | None = None
        self._failures = 0
        self._wait_s, self._not_before = _BACK_OFF[0], 0
        self._referred: Observation | None = None
        self._fresh = True  # the engine has not been told a reference yet
        self.lost: str | None = None
        self.failure = ""
        """Type of the last error."""

    def refer(self, reference: Observation | None) -> None:
        """Tells the engine the driver's neutral frame, at the next rendering."""
        self._referred, self._fresh = reference, True

    def render(
        self,
        seen: Observation,
        frame: CameraFrame,
        reference: Observation,
        reference_frame: CameraFrame | None,
        stats: Stats,
    ) -> object:
        """What the engine returns, or None if it fails. Never raises."""
        if self._renewed is not None:
            self._face, self._renewed, self._failures, self._fresh = self._renewed, None, 0, True
            stats.events["engine_renewed"] += 1
        engine = self._face.engine
        try:
            if self._fresh:
                if reference_frame is not None and engine.needs_pixels:
                    engine.show_reference(_read_only(reference_frame))
                engine.set_reference(self._referred or reference)
                self._fresh = False
            result = engine.render(seen, _read_only(frame) if engine.needs_pixels else None)
        except Exception as error:  # whatever a plug-in raises, the guard's stand-in is shown
            stats.events["engine_errors"] += 1
            self.failure = type(error).__name__
            if isinstance(error, EngineLostError):
                self.lost = str(error)
            self._failures += 1
            if self._failures >= PATIENCE and frame.captured_ns >= self._not_before:
                self._renew(frame.captured_ns)
            return None
        self._failures = 0
        return result if result is not None else "nothing"

    def stages(self) -> Mapping[str, int]:
        """Times in ns of the engine's own stages in its last frame, where it keeps them in `stage_ns`."""
        own = getattr(self._face.engine, "stage_ns", None)
        return own if isinstance(own, dict) else {}

    def _renew(self, now_ns: int) -> None:
        if self._worker is not None and self._worker.is_alive():
            return
        self._not_before = now_ns + round(self._wait_s * 1e9)
        self._wait_s = min(self._wait_s * 2, _BACK_OFF[1])
        if self.background:
            self._worker = threading.Thread(target=self._make, name="engine-renewal", daemon=True)
            self._worker.start()
        else:
            self._make()

    def _make(self) -> None:
        try:
            self._renewed = self._face.renew()
        except Exception:  # tried again after the pause
            self._renewed = None


def _read_only(frame: CameraFrame) -> CameraFrame:
    view = frame.image.view()
    view.flags.writeable = False
    return CameraFrame(view, frame.captured_ns, frame.index)
