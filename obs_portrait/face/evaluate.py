"""Self-reenactment: how well an engine redraws a clip from one of its own frames.

The source frame becomes the portrait, the rest of the clip drives it, and every frame that the engine draws is compared
with the frame that was there. Two baselines say what the figures are worth: the source as it is ("static"), and the
source turned, scaled and moved so that its eye corners meet the target's ("similarity").

Pictures are compared on the face box: the bounding box of the target's landmarks, a tenth wider on every side. The
tracker drives in "video" mode, as on air, and scores in "image" mode, where it looks at every picture afresh. Driving
and scoring with one tracker flatters engines that draw from landmarks: with two faces looked for, MediaPipe sees the
same points in both modes, so that the floor of AKD is the tracker's noise on the engine's own picture.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.metrics import IRIS, LIPS, akd, face_box, l1, psnr, ssim
from obs_portrait.face.metrics.spread import Spread
from obs_portrait.face.reenact import Progress, find_source, make_engine, reenact
from obs_portrait.face.topology import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Canvas, Portrait
from obs_portrait.media.types import CameraFrame

__all__ = ["FIGURES", "Sheet", "align", "evaluate", "evaluate_video", "mean_figures"]

Picture = NDArray[np.uint8]

FIGURES: Final = ("psnr", "ssim", "l1", "akd", "akd_lip", "akd_iris")
"""dB, 0 to 1, levels of 255, and three times pixels at 256. The first two grow with quality, the others fall."""
_CORNERS: Final = RIGHT_EYE_CORNERS + LEFT_EYE_CORNERS


def align(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, 3) float64: the similarity that brings the four eye corners of `source` onto those of `target` with the least
    squared distance (both (478, 3) landmarks in pixels)."""
    points = source[list(_CORNERS), :2].astype(np.float64) @ (1, 1j)
    wanted = target[list(_CORNERS), :2].astype(np.float64) @ (1, 1j)
    a, b = points - points.mean(), wanted - wanted.mean()
    spread = float((np.abs(a) ** 2).sum())
    turn = complex((a.conj() * b).sum() / spread) if spread > 0 else 1 + 0j  # scale and rotation as one number
    shift = complex(wanted.mean() - turn * points.mean())
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


class Sheet:
    """A contact sheet: rows of target | static | similarity | engine, spread evenly over what was scored, without
    knowing beforehand how much that will be."""

    def __init__(self, rows: int = 8, side: int = 256) -> None:
        self.side = side
        self._kept: Spread[Picture] = Spread(rows)

    def add(self, pictures: list[Picture]) -> None:
        """One scored frame: pictures of one size."""
        if self._kept.due():
            self._kept.add(np.hstack([_fit(picture, self.side) for picture in pictures]))
        else:
            self._kept.skip()

    def picture(self) -> Picture:
        """The sheet, (rows * side, 4 * side, 3) uint8 RGB. Raises `FaceError` if nothing was added."""
        chosen = self._kept.chosen()
        if not chosen:
            raise FaceError("There is no frame to put onto the contact sheet.")
        return np.vstack(chosen)


def _fit(picture: Picture, side: int) -> Picture:
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    out = np.zeros((side, side, 3), np.uint8)
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    out[y : y + size[1], x : x + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return out


class _Judge:
    """Scores pictures of one clip against their targets."""

    def __init__(self, source: CameraFrame, landmarks: NDArray[np.float32]) -> None:
        self._tracker = FaceTracker("image")
        self._source, self._landmarks = source.image, landmarks
        self.scores: dict[str, list[dict[str, float]]] = {"engine": [], "static": [], "similarity": []}
        self.lost = 0

    def score(self, target: Picture, drawn: Picture) -> list[Picture] | None:
        """Keeps the figures of one frame; None if no face is seen in the target."""
        seen = self._tracker.track(target, 0)
        if seen is None:
            return None
        height, width = target.shape[:2]
        matrix = align(self._landmarks, seen.landmarks)
        similar = np.asarray(
            cv2.warpAffine(self._source, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        left, top, right, bottom = face_box(seen.landmarks, width, height)
        box = np.s_[top:bottom, left:right]
        for name, picture in (("static", self._source), ("similarity", similar), ("engine", drawn)):
            found = None if name == "static" else self._tracker.track(picture, 0)
            self.lost += name == "engine" and found is None
            # No face in the picture counts like a picture that never moved: failing must not flatter.
            points = self._landmarks if found is None else found.landmarks
            self.scores[name].append(
                {
                    "psnr": psnr(picture[box], target[box]),
                    "ssim": ssim(picture[box], target[box]),
                    "l1": l1(picture[box], target[box]),
                    "akd": akd(points, seen.landmarks, width, height),
                    "akd_lip": akd(points, seen.landmarks, width, height, LIPS),
                    "akd_iris": akd(points, seen.landmarks, width, height, IRIS),
                }
            )
        return [target, self._source, similar, drawn]

    def close(self) -> None:
        self._tracker.close()


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: fmean(row[key] for row in rows) for key in FIGURES}


def evaluate_video(
    video: Path,
    *,
    engine: str = "mesh",
    source_frame: int = 0,
    step: int = 1,
    settings: dict[str, Any] | None = None,
    sheet: Sheet | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Self-reenactment of one clip.

    step: every so manieth frame is scored (the tracker sees all of them); the source frame itself never is. settings:
    changes to the engine's settings. progress(done, total) is called after each frame read, total None if unknown.

    Returns "video", "frames" (scored), the `FIGURES`, "baselines" {"static", "similarity"} with the same figures,
    "held" (frames without an engine's picture; the one before is judged instead) and "lost" (engine's pictures in
    which no face is found). Raises `FaceError` or `MediaError` with one sentence if the clip cannot serve.
    """
    if step < 1 or source_frame < 0:
        raise FaceError("The step must be 1 or more, the source frame 0 or more.")
    source, portrait, reference = find_source(video, source_frame)
    height, width = source.image.shape[:2]
    worker = make_engine(
        engine,
        Portrait(source.image, portrait.landmarks, video.stem),
        (source, reference),
        settings or {},
        Canvas(width, height),
    )
    judge = _Judge(source, portrait.landmarks)
    held = 0
    try:
        for seen in reenact(worker, video, source.image, progress):
            frame = seen.frame
            if frame.index != source_frame and frame.index % step == 0:
                pictures = judge.score(frame.image, seen.picture)
                held += pictures is not None and not seen.drawn
                if pictures is not None and sheet is not None:
                    sheet.add(pictures)
    finally:
        judge.close()
        worker.close()
    scored = judge.scores["engine"]
    if not scored:
        raise FaceError(f"{video}: no frame but the source shows a face; there is nothing to compare.")
    return {
        "video": str(video),
        "frames": len(scored),
        **_mean(scored),
        "baselines": {name: _mean(judge.scores[name]) for name in ("static", "similarity")},
        "held": held,
        "lost": judge.lost,
    }


def mean_figures(videos: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean of the figures over clips (each clip counts the same), baselines included; "frames" is the sum."""
    return {
        "frames": sum(row["frames"] for row in videos),
        **_mean(videos),
        "baselines": {name: _mean([row["baselines"][name] for row in videos]) for name in ("static", "similarity")},
    }


def evaluate(videos: list[Path], **options: Any) -> dict[str, Any]:
    """{"videos": [`evaluate_video` of each], "mean": `mean_figures`}; options as for `evaluate_video`."""
    rows = [evaluate_video(Path(video), **options) for video in videos]
    return {"videos": rows, "mean": mean_figures(rows)}
