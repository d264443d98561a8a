"""The driver's reference in a live show: calibration and the search for a better frame. All in the engine's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.calibration import Calibrator, ReferenceSearch, assess
from obs_portrait.face.drift import DriftWatch
from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.prepare import PreparedFace

__all__ = ["Coach"]

_ADVICE_NS = 3_000_000_000
"""A calibration that takes longer than this tells the driver why, and again whenever the reason changes."""
_RATING_NS: Final = 250_000_000
_FIT: Final = 0.6
"""From here on there is nothing to tell the driver; a calibration takes less."""
_NO_FACE: Final = "No face is in view: move into the picture and see to more light."


class Coach:
    """Is shown every frame's face, and now and then gives the pipeline a new reference.

    told(text, problem): one sentence for the user. figures(current, best): the search's two figures, in percent of
    the face's size, smaller is better; (-1, -1) when it ends. kept(reference): so that a restarted process has it.
    rated(score, advice): four times a second, how fit the face is as a reference, 0 to 1, and what to do about it, None
    where it would be taken as it is.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        told: Callable[[str, bool], None],
        figures: Callable[[float, float], None],
        kept: Callable[[Observation], None],
        rated: Callable[[float, str | None], None] = lambda score, advice: None,
    ) -> None:
        self._pipeline, self._told, self._figures, self._kept = pipeline, told, figures, kept
        self._rated, self._rated_ns = rated, -_RATING_NS
        self._calibrator: Calibrator | None = None
        self._since_ns = 0
        self._advice = ""
        self._search: ReferenceSearch | None = None
        self._leading: CameraFrame | None = None
        self._drift: DriftWatch | None = None
        self._stale = False
        self._size: tuple[int, int] | None = None  # of the pictures that a kept reference was seen in

    def calibrate(self) -> None:
        """Begins: the calmest frontal face of about a second becomes the reference, as soon as there is a fit one."""
        self._calibrator, self._since_ns, self._advice = Calibrator(), 0, ""

    def refer(self, reference: Observation) -> None:
        """A reference from before; made anew if it is of a picture of another size."""
        self._pipeline.set_reference(reference)
        self._watch_from(self._drift.since(reference) if self._drift is not None else DriftWatch(reference))
        self._size = (reference.width, reference.height)

    def forget(self) -> None:
        """Another camera: what has begun is given up, and the one picture that may still be the old one's counts for
        nothing."""
        if (self._calibrator is not None and self._advice) or (self._drift is not None and self._drift.away):
            self._told("Another camera: the reference frame is another one now.", False)
        self._calibrator = self._leading = self._drift = None
        self._stale = True
        if self._search is not None:
            self._search = None
            self._figures(-1.0, -1.0)

    def search(self, face: PreparedFace) -> None:
        """Begins the search for the frame that is nearest to the persona's portrait, or ends it."""
        if self._search is not None:
            self._search = None
            self._figures(-1.0, -1.0)
        else:
            self._search = ReferenceSearch(face.portrait)

    def see(self, observation: Observation | None, image: NDArray[np.uint8], captured_ns: int) -> None:
        """One frame: its face (None: there is none) and its picture, for its sharpness. Never raises: a better
        reference is a nicety, the show goes on without."""
        if self._stale:
            self._stale = False
            return
        try:
            self._rate(observation, image, captured_ns)
            if observation is not None and self._drift is not None:
                self._watch(self._drift, observation)
            if self._calibrator is not None:
                self._calibrate(self._calibrator, observation, image, captured_ns)
            if self._search is not None and observation is not None:
                better = self._search.consider(observation)
                self._figures(self._search.current, self._search.best)
                if better:
                    self._take(observation, CameraFrame(image, captured_ns, -1))
        except Exception as error:
            self._calibrator = self._search = None
            self._told(f"The reference stays as it is ({type(error).__name__}: {error}).", True)

    def _watch(self, drift: DriftWatch, observation: Observation) -> None:
        if self._size is not None and self._size != (observation.width, observation.height):
            self._size = None
            self.calibrate()
            return
        said = drift.feed(observation)
        if said is not None:
            self._told(said or "Your head is back where you calibrated.", bool(said))

    def _rate(self, observation: Observation | None, image: NDArray[np.uint8], captured_ns: int) -> None:
        if 0 <= captured_ns - self._rated_ns < _RATING_NS:
            return
        self._rated_ns = captured_ns
        if observation is None:
            self._rated(0.0, _NO_FACE)
            return
        rating = assess(observation, image)
        score = rating.score if np.isfinite(rating.score) else 0.0
        self._rated(round(score, 3), rating.advice if score < _FIT else None)

    def _calibrate(
        self, calibrator: Calibrator, observation: Observation | None, image: NDArray[np.uint8], captured_ns: int
    ) -> None:
        self._since_ns = self._since_ns or captured_ns
        reference = calibrator.add(observation, image)
        if observation is not None and observation in (calibrator.leading, reference):
            self._leading = CameraFrame(image, captured_ns, -1)  # of one frame at a time the picture is kept
        if reference is not None:
            self._calibrator = None
            self._take(reference, self._leading)
            self._leading = None
            self._told("Calibrated: your face of this moment is the neutral one.", False)
        elif captured_ns - self._since_ns > _ADVICE_NS and calibrator.message != self._advice:
            self._advice = calibrator.message
            self._told(f"Calibrating: {calibrator.message}", True)

    def _take(self, reference: Observation, frame: CameraFrame | None) -> None:
        self._pipeline.set_reference(reference, frame)
        self._watch_from(DriftWatch(reference))
        self._size = None
        self._kept(reference)

    def _watch_from(self, watch: DriftWatch) -> None:
        """What was said of the head's being away was said of another reference."""
        said = self._drift is not None and self._drift.away
        self._drift = watch
        if said:
            self._told("The reference frame is another one now.", False)
