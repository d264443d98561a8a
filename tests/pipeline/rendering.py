"""What the tests of rendering share: a painted persona, and a look at the file for what must not be in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from obs_portrait.face.types import Canvas, Observation
from obs_portrait.media.files import probe
from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import CameraFrame
from obs_portrait.persona.profile import Profile, from_picture
from obs_portrait.pipeline import offline
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.offline import Job, Result
from obs_portrait.pipeline.verify import read_sound
from obs_portrait.voice.dsp.settings import DspSettings
from tests.pipeline.doubles import BlockEngine, blocks
from tests.pipeline.studio import TONE_MARK, pictures

SIDE = 128
CANVAS = Canvas(SIDE, SIDE)


class Painter(BlockEngine):
    """A persona that is painted, not rendered: what is tested here is everything around the engine."""

    needs_pixels = True
    fault: Callable[[int, CameraFrame | None], Any] | None = None

    def __init__(self) -> None:
        super().__init__(500, type(self).fault)

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> Any:
        result = super().render(observation, frame)
        made = result is not None and isinstance(result, np.ndarray) and result.shape == (64, 96, 3)
        return blocks(self.seed, SIDE, SIDE) if made else result

    def still(self) -> np.ndarray:
        return blocks(self.seed + 1, SIDE, SIDE)


def persona(portrait: Path, name: str = "ann") -> Profile:
    voice = DspSettings(pitch_hz=210.0, formant=1.2) if name == "ann" else DspSettings(pitch_hz=95.0, formant=0.85)
    return from_picture(portrait).model_copy(update={"name": name, "voice": voice})


def play(clip: Path, portrait: Path, out: Path, **options: Any) -> Result:
    """Renders a clip and looks for the driver in what came out."""
    sound = probe(clip).audio_codec is not None
    job = Job(
        persona=options.pop("persona", None) or persona(portrait),
        video=lambda: FileVideoSource(clip),
        audio=(lambda: FileAudioSource(clip)) if sound else None,
        out=out,
        canvas=CANVAS,
        **options,
    )
    result = offline.render(job)
    assert_clean(out)
    return result


def assert_clean(out: Path) -> None:
    """Not one frame and not one sample of the driver is in the file."""
    shown = pictures(out)
    assert shown
    assert [k for k, picture in enumerate(shown) if PictureMark.found(picture)] == []
    assert TONE_MARK.leaked(read_sound(out)) == 0


def counts(result: Result) -> dict[str, int]:
    return {origin.value: count for origin, count in result.face.origins.items()}
