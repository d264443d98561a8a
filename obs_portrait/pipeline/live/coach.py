"""The driver's reference in a live show: calibration, and the search for a better frame. All in the engine's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from obs_portrait.face.types import Observation

if TYPE_CHECKING:
    from obs_portrait.face.calibration import ReferenceSearch
    from obs_portrait.pipeline.face_pipeline import FacePipeline
    from obs_portrait.pipeline.prepare import PreparedFace

__all__ = ["Coach"]

_CALIBRATE_NS = 1_000_000_000


class Coach:
    """Is shown every observation, and now and then gives the pipeline a new reference.

    told(text, problem): one sentence for the user. figures(current, best): the search's two figures (smaller is
    better, as avatarify shows them); (-1, -1) when it ends. kept(reference): so that a restarted process has it.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        told: Callable[[str, bool], None],
        figures: Callable[[float, float], None],
        kept: Callable[[Observation], None],
    ) -> None:
        self._pipeline, self._told, self._figures, self._kept = pipeline, told, figures, kept
        self._best: tuple[float, Observation] | None = None
        self._calibrating = False
        self._since_ns = 0
        self._search: ReferenceSearch | None = None

    @property
    def searching(self) -> bool:
        """The search for a better reference is on."""
        return self._search is not None

    def calibrate(self) -> None:
        """Begins: the calmest frontal face of the next second with a face becomes the reference."""
        self._calibrating, self._best, self._since_ns = True, None, 0

    def search(self, face: PreparedFace) -> None:
        """Begins the search for the frame that is nearest to the persona's portrait, or ends it."""
        if self._search is not None:
            self._search = None
            self._figures(-1.0, -1.0)
            return
        from obs_portrait.face.calibration import ReferenceSearch

        self._search = ReferenceSearch(face.portrait)

    def see(self, observation: Observation | None) -> None:
        """One frame's face. Never raises: a reference is a nicety, the show goes on without a new one."""
        if observation is None:
            return
        try:
            self._see(observation)
        except Exception as error:
            self._calibrating, self._search = False, None
            self._told(f"The reference stays as it is ({type(error).__name__}: {error}).", True)

    def _see(self, observation: Observation) -> None:
        if self._calibrating:
            self._calibrate(observation)
        if self._search is not None:
            better = self._search.consider(observation)
            self._figures(self._search.current, self._search.best)
            if better:
                self._take(observation)

    def _calibrate(self, observation: Observation) -> None:
        from obs_portrait.face.calibration import quality

        now = observation.captured_ns
        if self._best is None:
            self._since_ns = now
        score = quality(observation)
        if self._best is None or score > self._best[0]:
            self._best = (score, observation)
        if now - self._since_ns >= _CALIBRATE_NS:
            self._calibrating = False
            self._take(self._best[1])
            self._told("Calibrated: your face of this moment is the neutral one.", False)

    def _take(self, reference: Observation) -> None:
        self._pipeline.set_reference(reference)
        self._kept(reference)
