"""The library in one function: `render` turns a driving clip into a persona, face and voice, in sync.

>>> from obs_portrait import render
>>> render(driving="clip.mp4", persona="marble", out="out.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from obs_portrait.errors import PipelineError

if TYPE_CHECKING:  # importing this module stays light: everything heavy is imported in `render`
    from obs_portrait.media.sources.base import AudioSource, VideoSource
    from obs_portrait.persona.profile import Profile
    from obs_portrait.pipeline.offline import Result

__all__ = ["PERFORMANCE", "render"]

PERFORMANCE: Final = "performance"
"""As `driving`: the bundled performance, for machines without a camera."""


def render(
    driving: str | Path,
    out: str | Path,
    *,
    persona: str | None = None,
    source: str | Path | None = None,
    engine: str | None = None,
    motion: Literal["relative", "absolute"] | None = None,
    adapt_scale: bool | None = None,
    best_frame: int | None = None,
    find_best_frame: bool = False,
    face: Mapping[str, Any] | None = None,
    sound: Literal["convert", "none", "reveal"] = "convert",
    side_by_side: bool = False,
    size: tuple[int, int] = (512, 512),
    force: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> Result:
    """Renders every frame of `driving` as a persona into the file `out`.

    driving: a video of any kind that FFmpeg reads, a picture, or "performance". out: .mp4, .mov, .mkv or .webm.
    persona: name of a profile. source: a picture with a face; with `persona` it takes the place of the profile's
    picture, alone it gets the default settings and a disguised voice. One of the two is needed.
    motion: "relative" moves the portrait by the driver's motion since the reference frame, "absolute" takes the
    driver's pose as it is. The reference is the calmest frame of the first second, `best_frame` if given, or the one
    that looks most like the portrait (`find_best_frame`).
    face: more settings of the engine, as in a profile's [face] section: {"checkpoint": "vox-adv-cpk.pth.tar"}.
    sound: "convert" to the persona's voice, "none" for a silent file, "reveal" to keep the real voice.
    side_by_side: shows the driver on the left, as he or she is. size: of the persona's picture, width and height.
    progress: called after each frame with the number done and of all (None if unknown).

    Returns what came out: counts of frames by origin, times of each stage (`Result.summary()`). Raises `PortraitError`
    with one sentence that says what to do; never overwrites a file unless `force`.
    """
    from obs_portrait.face.types import Canvas
    from obs_portrait.pipeline.offline import Job
    from obs_portrait.pipeline.offline import render as run
    from obs_portrait.pipeline.reference import Reference

    if find_best_frame and best_frame is not None:
        raise PipelineError("A best frame is either named or searched for; leave one of the two out.")
    reference: Reference = "best" if find_best_frame else "calibrate" if best_frame is None else best_frame
    video, audio = _sources(driving)
    job = Job(
        persona=_persona(
            persona, source, {**(face or {}), "engine": engine, "motion": motion, "adapt_scale": adapt_scale}
        ),
        video=video,
        audio=audio,
        out=Path(out),
        canvas=Canvas(*size),
        sound=sound,
        side_by_side=side_by_side,
        reference=reference,
        force=force,
    )
    return run(job, progress)


def _sources(
    driving: str | Path,
) -> tuple[Callable[[], VideoSource], Callable[[], AudioSource] | None]:
    """How to open the driver's picture, and the sound if there is any."""
    if str(driving) == PERFORMANCE:
        from obs_portrait.pipeline.performance import PerformanceAudioSource, PerformanceVideoSource

        return PerformanceVideoSource, PerformanceAudioSource
    from obs_portrait.media.files import probe
    from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
    from obs_portrait.media.sources.still import StillSource

    path = Path(driving)
    if path.suffix.lower() in _PICTURES:
        return lambda: StillSource(path), None
    found = probe(path)
    return lambda: FileVideoSource(path), (lambda: FileAudioSource(path)) if found.audio_codec else None


_PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


def _persona(persona: str | None, source: str | Path | None, changes: dict[str, Any]) -> Profile:
    """The persona as the options change it."""
    from obs_portrait.persona.profile import from_picture
    from obs_portrait.persona.store import load

    profile = load(persona) if persona is not None else None
    changes = {key: value for key, value in changes.items() if value is not None}
    if source is not None:
        return from_picture(Path(source), profile, **changes)
    if profile is None:
        raise PipelineError("Who shall it be? Give a persona's name or a source picture.")
    if changes:
        return from_picture(profile.portrait_path, profile, **changes).model_copy(update={"name": profile.name})
    return profile
