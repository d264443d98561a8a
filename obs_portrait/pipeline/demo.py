"""The demonstration: the bundled performance through two personas, into a file, and the file measured.

What can be measured on the finished file is: leaks are looked for in its pictures and its sound, where the driver's
marks would give them away, and sync is read off the persona's mouth and the persona's voice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import PipelineError
from obs_portrait.face.types import Canvas
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.sources.file import FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.pipeline.contact import Shot, contact_sheet
from obs_portrait.pipeline.excerpt import AudioExcerpt, VideoExcerpt
from obs_portrait.pipeline.leak import MarkedAudioSource, MarkedVideoSource, PictureMark, ToneMark
from obs_portrait.pipeline.offline import Change, Job, Result, render
from obs_portrait.pipeline.prepare import Persona
from obs_portrait.pipeline.verify import (
    ENVELOPE_HZ,
    Pictures,
    envelope,
    lag,
    look,
    opening_time,
    read_sound,
    sound_onset,
)

__all__ = ["Demo", "Stage", "run"]

PICTURE_MARK: Final = PictureMark(5.0)
"""Faint enough to look at, and after H.264 still far above the detector's threshold."""
TONE_MARK: Final = ToneMark(-54.0)
_MOST_LAG_S: Final = 0.3
_SPAN_S: Final = 3.5
"""How much of each persona's time the mouths are followed for, in seconds."""
_SHOTS: Final = 4
"""Pictures of each persona on the contact sheet."""

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and how much there is (None: unknown)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is played. Sources are functions that make them; event_s: media time at which shut lips part with a pop."""

    video: Callable[[], VideoSource]
    audio: Callable[[], AudioSource]
    seconds: float
    event_s: float | None = None


@dataclass(frozen=True, slots=True)
class Demo:
    """The files that were written, and what was measured; `report` is what report.json holds."""

    video: Path
    contact: Path
    report_path: Path
    report: dict[str, Any]


def run(
    folder: Path,
    personas: Sequence[Persona],
    stage: Stage,
    canvas: Canvas | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Demo:
    """Renders `stage` through the first persona and, from the middle on, the second; writes demo.mp4, contact.png and
    report.json into `folder` (made if need be; nothing else in it is touched) and measures.

    Raises `PortraitError` with one sentence if a persona cannot be used or the folder not written.
    """
    if len(personas) != 2:
        raise PipelineError("The demo shows two personas; name two.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PipelineError(f"{folder}: the folder cannot be made ({error.strerror}); choose another one.") from error
    canvas = canvas or Canvas()
    middle_ns = round(stage.seconds / 2 * 1e9)
    job = Job(
        persona=personas[0],
        video=lambda: VideoExcerpt(MarkedVideoSource(stage.video(), PICTURE_MARK), stage.seconds),
        audio=lambda: AudioExcerpt(MarkedAudioSource(stage.audio(), TONE_MARK), stage.seconds),
        out=folder / "demo.mp4",
        canvas=canvas,
        side_by_side=True,
        changes=(Change(middle_ns, personas[1]),),
        force=True,
    )
    progress("Preparing personas", 0, None)
    result = render(job, lambda done, of: progress("Rendering", done, of))
    if result.interrupted:
        raise KeyboardInterrupt
    spans = [(begin, begin + _SPAN_S) for begin in (0.0, stage.seconds / 2)]
    pictures = look(
        job.out, result.width - canvas.width, spans, lambda n: progress("Measuring the file", n, result.frames)
    )
    progress("Measuring the file", result.frames, result.frames)
    names = [persona.name for persona in personas]
    report = _report(job, result, pictures, stage, names)
    demo = Demo(job.out, folder / "contact.png", folder / "report.json", report)
    _contact(demo, stage.seconds, names, result.frames)
    demo.report_path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return demo


def _report(job: Job, result: Result, pictures: Pictures, stage: Stage, names: list[str]) -> dict[str, Any]:
    figures = result.summary()
    played, said = _all_sound(job), read_sound(job.out)
    frame = figures["stages"]["frame"]
    latency = {
        "video_p50": frame["p50_ms"],
        "video_p95": frame["p95_ms"],
        "voice": figures["voice_latency_ms"] + figures["stages"]["voice"]["p50_ms"],
    }
    return {
        "personas": names,
        "switch_s": stage.seconds / 2,
        "frames": result.frames,
        "fps": figures["fps"],
        "stages_ms": {
            name: {key: value for key, value in stage_.items() if key in ("p50_ms", "p95_ms", "p99_ms")}
            for name, stage_ in figures["stages"].items()
        },
        "latency_ms": latency | {"end_to_end": max(latency["video_p95"], latency["voice"])},
        "skew": _skew(pictures, played, said, stage, float(result.rate)),
        "leaks": {
            "frames": pictures.leaked,
            "samples": TONE_MARK.leaked(said),
            "attempts_stopped": sum(events.get("leaks", 0) for events in figures["events"].values()),
            "control_frames_found": pictures.marked,
            "control_samples_found": TONE_MARK.leaked(played),
            "control_samples": int(played.size),
        },
        "origins": figures["origins"],
        "rendering": figures,
    }


def _all_sound(job: Job) -> NDArray[np.float32]:
    """The driver's sound as the pipeline was given it: marked."""
    parts = [np.zeros(0, np.float32)]
    if job.audio is not None:
        with job.audio() as source:
            while (block := source.read(SAMPLE_RATE)) is not None:
                parts.append(block.samples)
    return np.concatenate(parts)


def _skew(
    pictures: Pictures, played: NDArray[np.float32], said: NDArray[np.float32], stage: Stage, rate: float
) -> dict[str, float | None]:
    """Positive: the picture is late. `event_ms`: the persona's lips part and the pop begins, both as they are in the
    file. `whole_ms`: how far the persona's mouth lags behind the driver's, less how far the persona's voice lags behind
    the driver's, over seconds of both personas."""
    mouth = lag(pictures.persona, pictures.driver, round(_MOST_LAG_S * rate)) / rate
    voice = lag(envelope(said), envelope(played), round(_MOST_LAG_S * ENVELOPE_HZ)) / ENVELOPE_HZ
    picture = sound = float("nan")
    if stage.event_s is not None:
        picture = opening_time(pictures.times, pictures.persona, stage.event_s)
        sound = sound_onset(said, stage.event_s)
    return {
        "event_ms": _ms(picture - sound),
        "event_picture_s": picture if np.isfinite(picture) else None,
        "event_sound_s": sound if np.isfinite(sound) else None,
        "whole_ms": _ms(mouth - voice),
        "mouth_lag_ms": _ms(mouth),
        "voice_lag_ms": _ms(voice),
    }


def _ms(seconds: float) -> float | None:
    return seconds * 1e3 if np.isfinite(seconds) else None


def _contact(demo: Demo, seconds: float, names: list[str], frames: int) -> None:
    """Frames of the finished file, evenly spread over the time of each persona, a row for each."""
    wanted = {round((k + 0.5) / (2 * _SHOTS) * frames) for k in range(2 * _SHOTS)}
    shots = []
    with FileVideoSource(demo.video) as source:
        while (frame := source.read()) is not None:
            if frame.index in wanted:
                at = frame.captured_ns / 1e9
                shots.append(Shot(frame.image, names[at >= seconds / 2], f"{at:.1f} s"))
    report = demo.report
    skew = report["skew"]["event_ms"] if report["skew"]["event_ms"] is not None else report["skew"]["whole_ms"]
    shown = "not measurable" if skew is None else f"{skew:+.1f} ms"
    footing = (
        f"Driver left, persona right.  {report['fps']:.0f} fps   ·   A/V skew {shown}   ·   "
        f"leaked: {report['leaks']['frames']} frames, {report['leaks']['samples']} samples"
    )
    contact_sheet(shots, f"OBS Portrait   {names[0]}  /  {names[1]}", footing, columns=_SHOTS).save(demo.contact)
