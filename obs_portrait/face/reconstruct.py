"""Reconstruction, as Siarohin et al. (First Order Motion Model for Image Animation, 2019, section 4) judge it: one
frame of a clip is the source, the clip itself drives it, and every frame that comes out is compared with the one that
was there. Whole pictures are compared; `face.evaluate` looks at the face alone and has stronger baselines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import CheckpointError, FaceError
from obs_portrait.face.metrics import akd, akd_l1, identity, l1, perceptual, psnr, ssim
from obs_portrait.face.metrics.plot import Strip
from obs_portrait.face.metrics.report import Report
from obs_portrait.face.reenact import Progress, find_source, make_engine, reenact
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Canvas, Observation, Portrait

__all__ = ["Judge", "reconstruct"]

Picture = NDArray[np.uint8]

_ALWAYS: Final = ("l1", "akd", "aed", "psnr", "ssim", "lpips")


class Judge:
    """The networks that look at pictures; what is not installed is left out. Use as a context."""

    def __init__(self) -> None:
        self._tracker = FaceTracker("image")
        self.left_out: dict[str, str] = {}
        self._identity: identity.IdentityEmbedder | None = None
        self._lpips: perceptual.Lpips | None = None
        try:
            self._identity = identity.IdentityEmbedder()
        except (FaceError, CheckpointError) as error:
            self.left_out["aed"] = str(error)
        try:
            self._lpips = perceptual.Lpips()
        except FaceError as error:
            self.left_out["lpips"] = str(error)

    def see(self, picture: Picture) -> Observation | None:
        """The face in a picture that is looked at afresh."""
        return self._tracker.track(picture, 0)

    def who(self, picture: Picture, seen: Observation | None) -> NDArray[np.float64] | None:
        """The identity of a face, None without a face or a network."""
        return self._identity.embed(picture, seen.landmarks) if self._identity and seen is not None else None

    def lpips(self, a: Picture, b: Picture) -> float | None:
        """LPIPS, None without its weights."""
        return self._lpips(a, b) if self._lpips else None

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._tracker.close()


def distance(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> float | None:
    """Distance of two identities, None if either is unknown."""
    return None if a is None or b is None else identity.aed(a, b)


def reconstruct(
    video: Path,
    *,
    engine: str = "mesh",
    source_frame: int = 0,
    step: int = 1,
    settings: dict[str, Any] | None = None,
    strip: Strip | None = None,
    progress: Progress | None = None,
) -> Report:
    """Reconstruction of one clip from its frame `source_frame`.

    step: every so manieth frame is scored (the engine sees all of them); the source frame itself never is, nor a frame
    without a face. settings: changes to the engine's settings. strip: is shown pairs of ground truth and result.

    Raises `FaceError` or `MediaError` with one sentence if the clip or the engine cannot serve.
    """
    if step < 1 or source_frame < 0:
        raise FaceError("The step must be 1 or more, the source frame 0 or more.")
    source, portrait, reference = find_source(video, source_frame)
    still = source.image
    height, width = still.shape[:2]
    worker = make_engine(
        engine,
        Portrait(still, portrait.landmarks, video.stem),
        (source, reference),
        settings or {},
        Canvas(width, height),
    )
    try:
        with Judge() as judge:
            who = judge.who(still, portrait)
            report = Report(
                "reconstruct",
                f"{video.name}, from frame {source_frame}",
                engine,
                tuple(key for key in _ALWAYS if key not in judge.left_out),
                {"video": str(video), "source_frame": source_frame, "step": step, "size": [width, height]},
                list(judge.left_out.values()),
            )
            for shown in reenact(worker, video, still, progress):
                number, truth = shown.frame.index, shown.frame.image
                if number == source_frame or number % step:
                    continue
                seen = judge.see(truth)
                if seen is None:
                    continue
                found = judge.see(shown.picture)
                wanted = judge.who(truth, seen)
                row = _compare(judge, truth, seen, wanted, shown.picture, found)
                row["aed"] = distance(wanted, judge.who(shown.picture, found))
                static = _compare(judge, truth, seen, wanted, still, portrait)
                static["aed"] = distance(wanted, who)
                report.add(number, row, static, lost=found is None, held=not shown.drawn, why=shown.why)
                if strip is not None:
                    strip.add(number, [truth, shown.picture])
    finally:
        worker.close()
    if not report.rows:
        raise FaceError(f"{video}: no frame but the source shows a face; there is nothing to compare.")
    return report


def _compare(
    judge: Judge,
    truth: Picture,
    seen: Observation,
    wanted: NDArray[np.float64] | None,
    picture: Picture,
    found: Observation | None,
) -> dict[str, float | None]:
    height, width = truth.shape[:2]
    return {
        "l1": l1(picture, truth) / 255,
        "akd": None if found is None else akd(found.landmarks, seen.landmarks, width, height),
        "akd_l1": None if found is None else akd_l1(found.landmarks, seen.landmarks, width, height),
        "psnr": psnr(picture, truth),
        "ssim": ssim(picture, truth),
        "lpips": judge.lpips(picture, truth),
    }
