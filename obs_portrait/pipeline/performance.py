"""The bundled performance: a driver for machines without a camera, and a motion to be idle with.

The package carries numbers (landmarks over time, recorded from a real performance) and a synthetic voice, no picture
of anybody. `PerformanceVideoSource` plays the numbers on a clay bust and hands out its pictures as a camera would; the
real tracker then has to find the face in them. How it was made: obs_portrait/assets/performance/README.md.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock
from obs_portrait.resources import assets_dir

if TYPE_CHECKING:  # the audio process must not load what draws faces
    from obs_portrait.face.engine import FaceEngine
    from obs_portrait.face.types import Observation

__all__ = ["Facts", "PerformanceAudioSource", "PerformanceVideoSource", "facts", "speech", "track"]

_NS: Final = 1_000_000_000
DRIVER: Final = "driver.png"


def _folder() -> Path:
    return assets_dir() / "performance"


def _missing(path: Path, error: Exception) -> MediaError:
    return MediaError(f"{path}: the bundled performance cannot be read ({error}); install OBS Portrait again.")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the performance beforehand.

    event_s: the moment, in s of media time, at which closed lips part within one frame and a pop begins in the sound;
    A/V skew is measured by it. text: what is said.
    """

    rate: Fraction
    frames: int
    duration_s: float
    event_s: float
    text: str


@cache
def facts() -> Facts:
    """Raises `MediaError` if the package is damaged."""
    path = _folder() / "performance.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Facts(Fraction(data["fps"]), data["frames"], data["duration_s"], data["event"]["time_s"], data["text"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _missing(path, error) from error


def track() -> list[Observation]:
    """The performance as observations, one for each frame at `facts().rate`, in pixels of a 512x512 picture.

    It ends in the pose in which it begins, so it can be repeated (the idle animation is made of it). Raises
    `MediaError` if the package is damaged.
    """
    from obs_portrait.face.types import Observation

    path = _folder() / "track.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            # Stored as differences from frame to frame in units of a fraction of a pixel: a third of the size.
            landmarks = (
                np.cumsum(archive["landmark_steps"], axis=0, dtype=np.int32).astype(np.float32) * archive["unit"]
            )
            shapes, poses = archive["blendshapes"].astype(np.float32), archive["pose"].astype(np.float32)
            times, (width, height) = archive["times"], archive["size"].tolist()
    except Exception as error:  # a damaged zip raises many kinds
        raise _missing(path, error) from error
    return [
        Observation(points, shape, pose, 1.0, width, height, round(float(when) * _NS))
        for points, shape, pose, when in zip(landmarks, shapes, poses, times, strict=True)
    ]


def speech() -> NDArray[np.float32]:
    """(n,) float32 mono at `SAMPLE_RATE`: the performance's sound. Raises `MediaError` if the package is damaged."""
    import av

    path = _folder() / "speech.flac"
    try:
        with av.open(str(path)) as file:
            blocks = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
            rate = file.streams.audio[0].rate
        samples = np.concatenate(blocks)
    except (OSError, IndexError, ValueError, av.FFmpegError) as error:
        raise _missing(path, error) from error
    if rate != SAMPLE_RATE or samples.dtype != np.int16:
        raise MediaError(f"{path}: the bundled performance is not as it was made; install OBS Portrait again.")
    return np.asarray(samples, np.float32) / np.float32(32768)


class PerformanceVideoSource(VideoSource):
    """The driver's picture: 512x512, drawn frame by frame.

    live: pictures come at their time (the newest one, others are dropped) and carry the monotonic clock; else media
    time, any speed. epoch_ns: what time 0 of the performance is on that clock (default: when it is opened). loop: start
    again at the end, for ever.
    """

    name = "the bundled performance"
    width = 512
    height = 512

    def __init__(self, live: bool = False, loop: bool = False, epoch_ns: int | None = None) -> None:
        known = facts()
        self.live, self.rate = live, known.rate
        self.frame_count = None if loop else known.frames
        self.duration_ns = None if loop else round(known.duration_s * _NS)
        self._loop, self._epoch = loop, epoch_ns
        self._index = 0
        self._engine: FaceEngine | None = None
        self._stop = threading.Event()

    def open(self) -> None:
        from obs_portrait.errors import FaceError
        from obs_portrait.face.mesh.engine import MeshEngine
        from obs_portrait.face.mesh.settings import MeshSettings
        from obs_portrait.face.portrait import load_portrait
        from obs_portrait.face.types import Canvas

        self._track = track()
        engine = MeshEngine()
        try:
            # Nothing is smoothed: the lips must part within one frame for the sync event.
            settings = MeshSettings(crop="none", smoothing=0.0, translation=1.0)
            engine.prepare(load_portrait(_folder() / DRIVER), settings, Canvas(self.width, self.height))
            engine.set_reference(self._track[0])
        except FaceError as error:
            raise MediaError(f"The bundled performance cannot be drawn: {error}") from error
        self._engine = engine
        self._start = now_ns() if self._epoch is None else self._epoch

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        engine = self._engine
        if engine is None:
            raise MediaError("The bundled performance was read before it was opened.")
        if self.live and not self._wait(timeout):
            return None
        if not self._loop and self._index >= len(self._track):
            return None
        index, self._index = self._index, self._index + 1
        image = engine.render(self._track[index % len(self._track)])
        return CameraFrame(image, self._due(index) if self.live else self._media(index), index)

    def _media(self, index: int) -> int:
        return int(index * _NS / self.rate)

    def _due(self, index: int) -> int:
        return self._start + self._media(index)

    def _wait(self, timeout: float) -> bool:
        """Moves to the frame that is due now, or waits for the next one; False once closed."""
        self._index = max(self._index, int((now_ns() - self._start) * self.rate / _NS))
        missing = (self._due(self._index) - now_ns()) / _NS
        if missing > timeout:
            raise MediaError(f"The bundled performance begins only in {missing:.1f} s.")
        return not self._stop.wait(max(0.0, missing))

    def close(self) -> None:
        self._stop.set()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


class PerformanceAudioSource(AudioSource):
    """The driver's voice, mono. Parameters as for `PerformanceVideoSource`; with the same epoch both are in sync."""

    name = "the bundled performance"

    def __init__(self, live: bool = False, loop: bool = False, epoch_ns: int | None = None) -> None:
        self.live, self._loop, self._epoch = live, loop, epoch_ns
        self.duration_ns = None if loop else round(facts().duration_s * _NS)
        self._samples: NDArray[np.float32] | None = None
        self._position = 0
        self._stop = threading.Event()

    def open(self) -> None:
        self._samples = speech()
        self._start = now_ns() if self._epoch is None else self._epoch

    def read(self, samples: int) -> MicBlock | None:
        if self._samples is None:
            raise MediaError("The bundled performance was read before it was opened.")
        total = self._samples.size
        if self._loop:
            block = self._samples[(self._position + np.arange(samples)) % total]
        else:
            block = self._samples[self._position : self._position + samples].copy()
            if block.size == 0 and samples:
                return None
        first, self._position = self._position, self._position + block.size
        captured = first * _NS // SAMPLE_RATE
        if self.live:
            captured += self._start
            ready = self._start + self._position * _NS // SAMPLE_RATE  # a block is there when its last sample is
            if self._stop.wait(max(0.0, (ready - now_ns()) / _NS)):
                return None
        return MicBlock(block, captured, first)

    def close(self) -> None:
        self._stop.set()
        self._samples = None
