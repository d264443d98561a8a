"""Cross-identity reenactment: one person's motion on another one's face, where nobody knows what the right picture is.

What can be told all the same: whether the result is still the person of the source and not the driver (identity
embeddings), whether its head turned as far as the driver's since the reference frame (APD, average pose distance),
whether its expression changed as the driver's did, whether its landmarks moved as relative motion says they should
(Siarohin et al., First Order Motion Model for Image Animation, 2019, section 3.3), and whether there is a face at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.crop import square
from obs_portrait.face.metrics import akd
from obs_portrait.face.metrics.plot import Strip
from obs_portrait.face.metrics.report import Report
from obs_portrait.face.portrait import load_portrait
from obs_portrait.face.reconstruct import Judge, distance
from obs_portrait.face.reenact import Progress, find_source, make_engine, reenact
from obs_portrait.face.types import Canvas, Observation, Portrait

__all__ = ["expected_landmarks", "fit_portrait", "judge_pair", "load_source", "turn"]

SIDE: Final = 512
"""Side in pixels at which a pair is judged at most."""
_MARGIN: Final = 0.65  # of the face on every side: a square of 2.3 faces, as on air
_PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
_OVAL: Final = 468  # without the irises
_FIGURES: Final = ("aed", "aed_driver", "motion_akd", "pose", "expression")


def fit_portrait(portrait: Portrait) -> Portrait:
    """The portrait cropped to a square about the face, at most `SIDE` pixels wide: judged are faces, not galleries."""
    height, width = portrait.image.shape[:2]
    low, high = portrait.landmarks[:, :2].min(0), portrait.landmarks[:, :2].max(0)
    box = float(low[0]), float(low[1]), float(high[0]), float(high[1])
    left, top, side = square(box, _MARGIN, width, height)
    size = min(side, SIDE)
    image = portrait.image[top : top + side, left : left + side]
    landmarks = (portrait.landmarks - np.array([left, top, 0], np.float32)) * np.float32(size / side)
    shrunk = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return Portrait(np.ascontiguousarray(shrunk, np.uint8), landmarks, portrait.name)


def load_source(path: Path, frame: int = 0) -> Portrait:
    """A portrait from a picture, or from frame `frame` of a clip. Raises `FaceError` or `MediaError`."""
    if path.suffix.lower() in _PICTURES:
        return load_portrait(path)
    source, seen, _ = find_source(path, frame)
    return Portrait(source.image, seen.landmarks, path.stem)


def face_size(landmarks: NDArray[np.float32]) -> float:
    """Square root of the area of the landmarks' convex hull in pixels, first-order-model's measure of a face."""
    hull = cv2.convexHull(np.ascontiguousarray(landmarks[:_OVAL, :2], np.float32))
    return float(np.sqrt(cv2.contourArea(hull)))


def expected_landmarks(
    source: NDArray[np.float32], reference: NDArray[np.float32], driving: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Where relative motion with adapted scale puts the source's landmarks: what the driver's moved since then,
    times the ratio of both faces' sizes. All (478, 3), in pixels of their pictures."""
    ratio = face_size(source) / max(face_size(reference), 1e-6)
    return np.asarray(source + ratio * (driving - reference), np.float32)


def turn(reference: NDArray[np.float32], pose: NDArray[np.float32]) -> NDArray[np.float64]:
    """(3, 3): the rotation from one (4, 4) pose to another, in the head's own axes; scales are taken out."""
    return _rotation(reference).T @ _rotation(pose)


def _rotation(pose: NDArray[np.float32]) -> NDArray[np.float64]:
    """The rotation that is nearest to the upper left of a pose."""
    u, _, v = np.linalg.svd(np.asarray(pose, np.float64)[:3, :3])
    sign = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ v)))])
    return np.asarray(u @ sign @ v)


def angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Degrees between two rotations (the geodesic distance)."""
    return float(np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1.0, 1.0))))


def judge_pair(
    source: Portrait,
    driving: Path,
    *,
    engine: str = "mesh",
    reference_frame: int = 0,
    step: int = 1,
    settings: dict[str, Any] | None = None,
    strip: Strip | None = None,
    progress: Progress | None = None,
) -> Report:
    """The motion of `driving` since its frame `reference_frame` on the face of `source`.

    step: every so manieth frame is scored (the engine sees all of them). settings: changes to the engine's. strip: is
    shown pairs of driver and result. The still source is scored beside the engine: no motion, and the right identity.

    Raises `FaceError` or `MediaError` with one sentence if the pair cannot serve.
    """
    if step < 1 or reference_frame < 0:
        raise FaceError("The step must be 1 or more, the reference frame 0 or more.")
    portrait = fit_portrait(source)
    height, width = portrait.image.shape[:2]
    at_reference, _, reference = find_source(driving, reference_frame)
    with Judge() as judge:
        at_rest = judge.see(portrait.image)
        if at_rest is None:
            raise FaceError(f"{source.name}: the landmarker sees no face in this portrait; nothing could be compared.")
        shown_first = at_reference, reference
        worker = make_engine(engine, portrait, shown_first, settings or {}, Canvas(width, height))
        try:
            report = Report(
                "pairs",
                f"the motion of {driving.name} on {source.name}",
                engine,
                tuple(key for key in _FIGURES if not (key.startswith("aed") and "aed" in judge.left_out)),
                {
                    "source": source.name,
                    "driving": str(driving),
                    "reference_frame": reference_frame,
                    "step": step,
                    "size": [width, height],
                },
                [reason for key, reason in judge.left_out.items() if key == "aed"],
            )
            who = judge.who(portrait.image, at_rest)
            for shown in reenact(worker, driving, portrait.image, progress):
                number = shown.frame.index
                if number == reference_frame or number % step:
                    continue
                seen = judge.see(shown.frame.image)
                if seen is None:
                    continue
                driver = judge.who(shown.frame.image, seen)
                found = judge.see(shown.picture)
                identity = judge.who(shown.picture, found)
                row = _motion(at_rest, reference, seen, found)
                row |= {"aed": distance(who, identity), "aed_driver": distance(driver, identity)}
                static = _motion(at_rest, reference, seen, at_rest)
                static |= {"aed": distance(who, who), "aed_driver": distance(driver, who)}
                report.add(number, row, static, lost=found is None, held=not shown.drawn, why=shown.why)
                if strip is not None:
                    strip.add(number, [shown.frame.image, shown.picture])
        finally:
            worker.close()
    if not report.rows:
        raise FaceError(f"{driving}: no frame but the reference shows a face; there is nothing to compare.")
    return report


def _motion(
    source: Observation, reference: Observation, driving: Observation, found: Observation | None
) -> dict[str, float | None]:
    """How far the result's motion lies from the driver's; None without a face in the result."""
    if found is None:
        return {"motion_akd": None, "pose": None, "expression": None}
    expected = expected_landmarks(source.landmarks, reference.landmarks, driving.landmarks)
    changed = (driving.blendshapes - reference.blendshapes) - (found.blendshapes - source.blendshapes)
    return {
        "motion_akd": akd(found.landmarks, expected, source.width, source.height),
        "pose": angle(turn(reference.pose, driving.pose), turn(source.pose, found.pose)),
        "expression": float(np.abs(changed[1:]).mean()),
    }
