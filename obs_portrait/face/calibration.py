"""Choosing the driver's reference frame: how fit a frame is, the best of a second, the one most like the portrait.

Relative motion is counted from the reference. It should show the driver as the portrait shows the persona, which for
most portraits means: from the front, at rest, eyes open, sharp.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.headpose import angles
from obs_portrait.face.topology import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Observation, Portrait
from obs_portrait.media.sources import open_video

__all__ = [
    "Assessment",
    "BestFrame",
    "Calibrator",
    "ReferenceSearch",
    "assess",
    "find_best_frame",
    "quality",
    "sharpness",
]

_ANGLE: Final = 15.0  # degrees of turn that take a frame's rating down to 0.6
_BLINK: Final = (9, 10)
_STRAIN: Final[tuple[tuple[float, tuple[int, ...]], ...]] = (
    # Weight of the strongest of these blendshapes (MediaPipe's order). Brows and gaze count little: where they rest
    # differs from person to person.
    (1.6, (25, 23, 24, 26)),  # jaw: open, forward, left, right
    (1.0, (44, 45, 30, 31, 46, 47)),  # mouth: smile, frown, stretch
    (0.8, (32, 38, 33, 39, 34, 35, 48, 49)),  # mouth: funnel, pucker, sideways, lower lip down, upper lip up
    (0.5, (6, 50, 51)),  # cheek puff, nose sneer
    (0.2, (1, 2, 3, 4, 5)),  # brows
    (0.3, (11, 12, 13, 14, 15, 16, 17, 18)),  # gaze
)
_AT_REST: Final = 0.1  # blendshapes of a resting face hover below this
_INNER_LIPS: Final = (13, 14)
_SOFT: Final = 0.02
_SIDE: Final = 128
_FACE: Final = 468


@dataclass(frozen=True, slots=True)
class Assessment:
    """How fit a frame is as a reference. Angles in degrees (`headpose.angles`); the ratings from 0 to 1.

    frontal, neutral, eyes_open, sharp (1 where no picture was given), confidence; score is the product of all.
    """

    yaw: float
    pitch: float
    roll: float
    frontal: float
    neutral: float
    eyes_open: float
    sharp: float
    confidence: float

    @property
    def score(self) -> float:
        """0 to 1; from about `Calibrator.least` on a frame will do."""
        return self.frontal * self.neutral * self.eyes_open * self.sharp * self.confidence

    @property
    def advice(self) -> str:
        """One sentence for the driver about the worst rating."""
        ratings = {
            "frontal": self.frontal,
            "neutral": self.neutral,
            "eyes": self.eyes_open,
            "sharp": self.sharp,
            "inside": self.confidence,
        }
        match min(ratings, key=lambda name: ratings[name]):
            case "frontal":
                return f"Look straight into the camera: {self._turn()}."
            case "neutral":
                return "Relax your face and close your mouth."
            case "eyes":
                return "Keep your eyes open."
            case "sharp":
                return "Hold still and see to more light: the picture of your face is not sharp."
            case _:
                return "Move your whole face into the picture."

    def _turn(self) -> str:
        size, text = max(
            (abs(self.yaw), f"your head is turned by {abs(self.yaw):.0f}°"),
            (abs(self.pitch), f"your head looks {'up' if self.pitch > 0 else 'down'} by {abs(self.pitch):.0f}°"),
            (abs(self.roll), f"your head is tilted by {abs(self.roll):.0f}°"),
        )
        return text if size >= 1 else "your head is turned"


def sharpness(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float:
    """0 to 1: detail of the face region against its contrast, at one size for near and far faces. It compares frames of
    one camera; between cameras it tells no more than sharp from blurred. image (H, W, 3) uint8 RGB."""
    height, width = image.shape[:2]
    low = np.clip(landmarks[:, :2].min(0), 0, (width - 2, height - 2)).astype(int)
    high = np.clip(np.ceil(landmarks[:, :2].max(0)), low + 2, (width, height)).astype(int)
    face = cv2.cvtColor(np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(face, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = float(cv2.Laplacian(grey, cv2.CV_32F).var()) / (float(grey.var()) + 1.0)
    return detail / (detail + _SOFT)


def _mouth_gap(landmarks: NDArray[np.float32]) -> float:
    """Opening of the lips in distances of the outer eye corners."""
    upper, lower = landmarks[list(_INNER_LIPS)]
    eyes = landmarks[RIGHT_EYE_CORNERS[0]] - landmarks[LEFT_EYE_CORNERS[0]]
    return float(np.linalg.norm(upper - lower) / max(float(np.linalg.norm(eyes)), 1e-6))


def assess(observation: Observation, image: NDArray[np.uint8] | None = None) -> Assessment:
    """Rates a frame as a reference. `image` is the picture that was observed, for its sharpness; may be None."""
    yaw, pitch, roll = angles(observation.pose)
    # Roll harms least: it is undone exactly, turns are not.
    turn = (yaw / _ANGLE) ** 2 + (pitch / _ANGLE) ** 2 + (roll / (2 * _ANGLE)) ** 2
    shapes = observation.blendshapes
    strain = sum(weight * max(0.0, max(float(shapes[i]) for i in group) - _AT_REST) for weight, group in _STRAIN)
    strain += 2.0 * max(0.0, _mouth_gap(observation.landmarks) - 0.05)
    blink = max(float(shapes[i]) for i in _BLINK)
    return Assessment(
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        frontal=float(np.exp(-turn / 2)),
        neutral=float(np.exp(-strain)),
        eyes_open=float(np.clip(1.25 - 1.5 * max(0.0, blink - 0.15), 0.0, 1.0)),
        sharp=1.0 if image is None else sharpness(image, observation.landmarks),
        confidence=float(np.clip(observation.confidence, 0.0, 1.0)),
    )


def quality(observation: Observation, image: NDArray[np.uint8] | None = None) -> float:
    """`assess(...).score`: 0 (unfit) to 1 (perfect)."""
    return assess(observation, image).score


class Calibrator:
    """Takes the best of about a second of frames as the reference, or says why none will do and goes on.

    Feed it every frame until `reference` is there. `best` is the best frame so far, fit or not, for those who cannot
    wait; `message` is one sentence for the driver.
    """

    def __init__(self, seconds: float = 1.0, least: float = 0.25) -> None:
        """seconds: time with a face in view; least: score below which no frame is taken."""
        self.least = least
        self.reference: Observation | None = None
        self.best: Observation | None = None
        self.message = "Look straight into the camera with a calm face."
        self._window_ns = int(seconds * 1e9)
        self._begin_ns: int | None = None
        self._top: tuple[float, Observation, Assessment] | None = None
        self._best_score = -1.0

    @property
    def leading(self) -> Observation | None:
        """The best frame of the present second: the reference, if no better one comes. None between two seconds."""
        return None if self._top is None else self._top[1]

    def add(self, observation: Observation | None, image: NDArray[np.uint8] | None = None) -> Observation | None:
        """One frame's face (None: there is none). Returns the reference as soon as it is found, and from then on."""
        if self.reference is not None:
            return self.reference
        if observation is None:
            self._begin_ns = self._top = None
            self.message = "No face is in view: move into the picture and see to more light."
            return None
        rating = assess(observation, image)
        if rating.score > self._best_score:
            self.best, self._best_score = observation, rating.score
        if self._top is None or rating.score > self._top[0]:
            self._top = (rating.score, observation, rating)
        if self._begin_ns is None or observation.captured_ns < self._begin_ns:  # the first, or the clip began again
            self._begin_ns = observation.captured_ns
        if observation.captured_ns - self._begin_ns < self._window_ns:
            return None
        score, chosen, rating = self._top
        self._begin_ns = self._top = None
        if score < self.least:
            self.message = rating.advice
            return None
        self.reference, self.message = chosen, "Calibrated."
        return chosen


def _normalised(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(468, 2): the face's points about their mean, in units of the square root of their hull's area."""
    points = np.ascontiguousarray(landmarks[:_FACE, :2], np.float32)
    area = float(cv2.contourArea(cv2.convexHull(points)))
    if not area > 1.0:
        raise FaceError("The face's landmarks have collapsed; no reference can be sought with them.")
    return np.asarray((points - points.mean(0)) / np.sqrt(area), np.float32)


class ReferenceSearch:
    """Seeks the frame whose face is most like the portrait's in pose and expression (avatarify's key F, first-order-
    model's --find-best-frame): the smallest distance between landmarks, position and size taken out.

    current, best: the last and the smallest distance, in percent of the face's size (root mean square); -1 before the
    first frame. They do not reach 0: the driver is another person than the portrait.
    """

    def __init__(self, portrait: Portrait) -> None:
        """Raises `FaceError` if the portrait's landmarks have collapsed."""
        self._wanted = _normalised(portrait.landmarks)
        self.current = -1.0
        self.best = -1.0

    def distance(self, observation: Observation) -> float:
        """Of one frame, smaller is better; infinite where the landmarks cannot be compared."""
        try:
            difference = _normalised(observation.landmarks) - self._wanted
        except FaceError:
            return float("inf")
        return 100.0 * float(np.sqrt(np.square(difference).sum(1).mean()))

    def consider(self, observation: Observation) -> bool:
        """Takes one frame into account. True if it is nearer than all before."""
        self.current = self.distance(observation)
        if np.isfinite(self.current) and (self.best < 0 or self.current < self.best):
            self.best = self.current
            return True
        return False


@dataclass(frozen=True, slots=True)
class BestFrame:
    """The frame of a file that is most like a portrait; distance as in `ReferenceSearch`."""

    index: int
    observation: Observation
    distance: float


def find_best_frame(
    video: Path, portrait: Portrait, progress: Callable[[int, int | None], None] | None = None
) -> BestFrame:
    """Looks through a whole file. progress(done, total) after each frame, total None if unknown.

    Raises `MediaError` if the file cannot be read and `FaceError` if it shows no face.
    """
    search = ReferenceSearch(portrait)
    found: BestFrame | None = None
    with FaceTracker("video") as tracker, open_video(str(video)) as source:
        while (frame := source.read()) is not None:
            observation = tracker.track(frame.image, frame.captured_ns)
            if observation is not None and search.consider(observation):
                found = BestFrame(frame.index, observation, search.best)
            if progress is not None:
                progress(frame.index + 1, source.frame_count)
    if found is None:
        raise FaceError(f"{video}: no face was found in it; use a recording that shows one.")
    return found
