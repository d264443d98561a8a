"""The face tracker: MediaPipe's Face Landmarker (Kartynnik et al., Real-time Facial Surface Geometry from Monocular
Video on Mobile GPUs, 2019) behind a small door of our own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from obs_portrait.checkpoints.catalog import locate
from obs_portrait.errors import FaceError
from obs_portrait.face.plotless import plots_later
from obs_portrait.face.types import LANDMARKS, Observation

__all__ = ["FaceTracker", "plausibility"]

_BLENDSHAPES: Final = 52
_JUMP: Final = 0.6
"""A face that moved farther than this (in diagonals of its box, plus the logarithm of its growth) between two frames is
taken for another person's, if there was another person."""
_PATIENCE_NS: Final = 1_000_000_000
"""So long the tracker waits for the driver to come back before it follows the other person."""
_CPUS: Final = Path("/sys/devices/system/cpu/possible")
"""MediaPipe's allocator (TCMalloc) counts the processors here, and ends the whole process where it cannot."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the C++ start-up chatter off the user's terminal: it is written straight to descriptor 2."""
    try:
        if sys.stderr is None:
            raise OSError
        saved = os.dup(2)
    except OSError:  # no standard error at all (a windowed program)
        yield
        return
    sys.stderr.flush()
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def _box(landmarks: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Centre and diagonal of the face's bounding box in pixels."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    return (low + high) / 2, float(np.hypot(*(high - low)))


class FaceTracker:
    """Finds the driver's face in pictures.

    mode "video" follows one face through a stream (fast, steady): the largest at the start, then the one nearest to the
    last. When the driver is hidden while somebody else is in view, there is no face for a second rather than the wrong
    one. "image" looks at every picture afresh and takes the largest face (for portraits and for scoring). At most
    `max_faces` faces are looked for. Not safe for use from several threads at once.
    """

    def __init__(self, mode: Literal["video", "image"] = "video", max_faces: int = 2) -> None:
        """Loads the model (about 0.1 s). Raises `CheckpointError` or `FaceError` with one sentence if it cannot."""
        model = locate("face_landmarker")
        if sys.platform == "linux" and not _CPUS.exists():
            raise FaceError(f"The face tracker needs {_CPUS}, and there is none (a chroot?): mount -t sysfs sysfs /sys")
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with _quiet():
                with plots_later():
                    import mediapipe
                    from mediapipe.tasks.python import BaseOptions, vision

                running = vision.RunningMode
                self._landmarker: Any = vision.FaceLandmarker.create_from_options(
                    vision.FaceLandmarkerOptions(
                        base_options=BaseOptions(model_asset_buffer=model.read_bytes()),
                        running_mode=running.VIDEO if mode == "video" else running.IMAGE,
                        num_faces=max_faces,
                        output_face_blendshapes=True,
                        output_facial_transformation_matrixes=True,
                    )
                )
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise FaceError(
                f"The face tracker cannot start: {error}. Type `obs-portrait doctor` to see which library is missing."
            ) from error
        self._mediapipe: Any = mediapipe
        self._video = mode == "video"
        self._clock_ms = -1
        self._last: NDArray[np.float32] | None = None
        self._seen_ms = self._crowd_ms = -(10**15)
        self._chatty = True

    def track(self, image: NDArray[np.uint8], captured_ns: int) -> Observation | None:
        """The driver's face in `image` ((H, W, 3) uint8 RGB), or None if there is none that can be trusted.

        captured_ns may repeat or go back (a clip that starts again): the tracker keeps time of its own for that.
        Raises `FaceError` for a picture of another form.
        """
        return self._choose(self.track_all(image, captured_ns))

    def track_all(self, image: NDArray[np.uint8], captured_ns: int) -> list[Observation]:
        """All faces in `image` that can be trusted, the largest first; arguments and errors as for `track`."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 16:
            raise FaceError(f"The tracker takes RGB pictures of 16x16 pixels or more, got {image.shape} {image.dtype}.")
        if self._landmarker is None:
            raise FaceError("The face tracker was used after it was closed.")
        picture = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(image))
        with _quiet() if self._chatty else contextlib.nullcontext():
            # MediaPipe insists on strictly increasing milliseconds.
            self._clock_ms = max(self._clock_ms + 1, captured_ns // 1_000_000)
            if self._video:
                result = self._landmarker.detect_for_video(picture, self._clock_ms)
            else:
                result = self._landmarker.detect(picture)
        self._chatty = False  # the delegates introduce themselves at the first picture only
        faces = _observations(result, image.shape[1], image.shape[0], captured_ns)
        return sorted(faces, key=lambda face: -_box(face.landmarks)[1])

    def _choose(self, faces: list[Observation]) -> Observation | None:
        now = self._clock_ms
        patience = _PATIENCE_NS // 1_000_000
        if len(faces) > 1:
            self._crowd_ms = now
        if not self._video or (self._last is not None and now - self._seen_ms > patience):
            self._last = None
        if not faces:
            return None
        chosen = faces[0]
        if self._last is not None:
            last = self._last
            chosen = min(faces, key=lambda face: _jump(last, face.landmarks))
            if _jump(last, chosen.landmarks) > _JUMP and now - self._crowd_ms <= patience:
                return None
        self._last, self._seen_ms = chosen.landmarks, now
        return chosen

    def reset(self) -> None:
        """Forgets which face was followed."""
        self._last = None

    def close(self) -> None:
        """Releases the model. May be called twice."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _jump(last: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """How far a face went and how much it grew, as one number without a unit."""
    (last_centre, last_size), (centre, size) = _box(last), _box(now)
    return float(np.hypot(*(centre - last_centre))) / last_size + abs(float(np.log(size / last_size)))


def _observations(result: Any, width: int, height: int, captured_ns: int) -> list[Observation]:
    """MediaPipe's result as observations, without those that cannot be a face."""
    scale = np.array([width, height, width], np.float32)
    out = []
    for index, points in enumerate(result.face_landmarks):
        landmarks = np.array([(p.x, p.y, p.z) for p in points], np.float32) * scale
        confidence = plausibility(landmarks, width, height)
        if confidence <= 0:
            continue
        shapes = np.zeros(_BLENDSHAPES, np.float32)
        if index < len(result.face_blendshapes):
            for category in result.face_blendshapes[index]:
                if 0 <= category.index < _BLENDSHAPES and np.isfinite(category.score):
                    shapes[category.index] = min(max(category.score, 0.0), 1.0)
        matrices = result.facial_transformation_matrixes
        pose = np.asarray(matrices[index], np.float32) if index < len(matrices) else np.eye(4, dtype=np.float32)
        if not np.isfinite(pose).all():
            continue
        faces = len(result.face_landmarks)
        out.append(Observation(landmarks, shapes, pose, confidence, width, height, captured_ns, faces))
    return out


def plausibility(landmarks: NDArray[np.float32], width: int, height: int) -> float:
    """0 to 1. MediaPipe keeps its own confidence to itself, so ours is what can be seen from outside: the share of
    the face that lies inside the picture, and 0 for what cannot be a face (not finite, tiny, collapsed)."""
    if landmarks.shape != (LANDMARKS, 3) or not np.isfinite(landmarks).all():
        return 0.0
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    span = high - low
    if span.min() < 8 or span.max() > 4 * max(width, height) or span.max() > 6 * span.min():
        return 0.0
    inside = (landmarks[:, :2] >= 0) & (landmarks[:, :2] < (width, height))
    return float(inside.all(1).mean())
