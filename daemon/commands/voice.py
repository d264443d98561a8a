"""`obs-portrait voice render`: a recording in, the persona's voice out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from obs_portrait.media.sinks.sound_file import SoundFileSink
    from obs_portrait.media.sources.base import AudioSource
    from obs_portrait.pipeline.prepare import PreparedVoice
    from obs_portrait.voice.settings import VoiceSettings

__all__ = ["register"]

BLOCK = 4800
"""Samples converted at a time (100 ms): often enough for the progress bar and for Ctrl-C."""


def _settings(persona: str | None, changes: dict[str, Any]) -> VoiceSettings:
    """The persona's voice with the changes of the command line."""
    from pydantic import ValidationError

    from obs_portrait.errors import VoiceError
    from obs_portrait.voice.converter import converter_class

    changes = {key: value for key, value in changes.items() if value is not None}
    base: dict[str, Any] = {"converter": "dsp"}
    if persona is not None:
        from obs_portrait.persona.store import load

        base = load(persona).voice.model_dump()
    model = converter_class(base["converter"]).settings_model
    unknown = sorted(changes.keys() - model.model_fields.keys())
    if unknown:
        names = ", ".join("--" + name.replace("_", "-") for name in unknown)
        raise VoiceError(f"The converter '{base['converter']}' of this persona knows no {names}; leave that out.")
    try:
        return model.model_validate(base | changes)
    except ValidationError as error:
        problems = [f"--{'.'.join(map(str, e['loc'])).replace('_', '-')}: {e['msg']}" for e in error.errors()]
        raise VoiceError("The voice cannot be made: " + "; ".join(problems) + ".") from error


def _prepare(name: str, settings: VoiceSettings) -> PreparedVoice:
    from obs_portrait.errors import VoiceError
    from obs_portrait.pipeline.prepare import PreparedVoice
    from obs_portrait.voice.converter import converter_class

    kind = converter_class(settings.converter)
    problem = kind.validate_environment()
    if problem:
        raise VoiceError(problem)
    converter = kind()
    converter.prepare(settings)
    return PreparedVoice(name, converter, settings.converter == "reveal")


def _convert(source: AudioSource, sink: SoundFileSink, voice: PreparedVoice) -> int:
    """Sends the whole source through the voice; returns the number of samples. The delay is taken off."""
    import numpy as np
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from obs_portrait.media.types import SAMPLE_RATE, MicBlock
    from obs_portrait.pipeline.guard import part
    from obs_portrait.pipeline.voice_pipeline import VoicePipeline

    pipeline = VoicePipeline([voice])
    total = None if source.duration_ns is None else source.duration_ns / 1e9
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    heard = 0
    with Progress(*columns, TimeRemainingColumn(), transient=True) as progress:
        task = progress.add_task(source.name, total=total)
        while (mic := source.read(BLOCK)) is not None:
            out = pipeline.process(mic)
            sink.write(part(out, min(max(-out.index, 0), out.samples.size), out.samples.size))
            heard += mic.samples.size
            progress.update(task, completed=heard / SAMPLE_RATE)
        rest = np.zeros(pipeline.latency, np.float32)  # what is still on its way
        out = pipeline.process(MicBlock(rest, round(heard * 1e9 / SAMPLE_RATE), heard))
        sink.write(part(out, min(max(-out.index, 0), out.samples.size), out.samples.size))
    if pipeline.stats.events["leaks"]:
        typer.secho(
            "Parts are silent, because what came out there was still the real voice: move the settings further.",
            fg=typer.colors.YELLOW,
            err=True,
        )
    return heard


def _render(source_path: str, target: Path, settings: VoiceSettings, name: str, force: bool) -> None:
    from obs_portrait.media.sinks.sound_file import SoundFileSink
    from obs_portrait.media.sources.file import FileAudioSource
    from obs_portrait.media.types import SAMPLE_RATE
    from obs_portrait.voice.dsp.settings import DspSettings, is_disguised

    sink = SoundFileSink(target, force=force)  # a name that will not do is said before seconds are spent
    if isinstance(settings, DspSettings) and not is_disguised(settings):
        typer.secho(
            "The voice stays close to the real one; choose a persona, or move --formant and --pitch-hz further.",
            fg=typer.colors.YELLOW,
            err=True,
        )
    with FileAudioSource(source_path) as source:
        voice = _prepare(name, settings)
        with sink:
            try:
                heard = _convert(source, sink, voice)
            except BaseException:  # Ctrl-C too: half a recording is no result
                sink.discard()
                raise
    typer.echo(f"{target}: {heard / SAMPLE_RATE:.1f} s of {name}")


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    voice = typer.Typer(no_args_is_help=True, help="Convert recorded voices.")
    app.add_typer(voice, name="voice")

    @voice.callback()
    def _group() -> None:
        """Convert recorded voices."""

    @voice.command()
    def render(
        source: str = typer.Argument(
            ..., metavar="IN", help="A sound file, or a video with sound: whatever FFmpeg reads."
        ),
        target: str = typer.Argument(..., metavar="OUT", help="Where to: .wav, .flac, .mp3, .m4a, .ogg or .opus."),
        persona: str | None = typer.Option(
            None, "--persona", "-p", help="Whose voice; see `obs-portrait profiles list`."
        ),
        pitch_hz: float | None = typer.Option(None, help="Median pitch in Hz, 50 to 500."),
        pitch_range: float | None = typer.Option(None, help="Intonation: 0 monotone, 1 as spoken, 2 doubled."),
        source_hz: float | None = typer.Option(None, help="The speaker's own median pitch in Hz, if known."),
        formant: float | None = typer.Option(None, help="Formant ratio, 0.7 (larger head) to 1.4 (smaller head)."),
        robot: float | None = typer.Option(None, help="Metal, 0 to 1."),
        breath: float | None = typer.Option(None, help="Breath, 0 to 1 (a whisper)."),
        growl: float | None = typer.Option(None, help="Roughness, 0 to 1."),
        hall: float | None = typer.Option(None, help="Reverberation, 0 to 1."),
        shimmer: float | None = typer.Option(None, help="Hologram, 0 to 1."),
        force: bool = typer.Option(False, "--force", help="Replace OUT if it exists."),
    ) -> None:
        """Convert a recording into a persona's voice: same length, in sync with the original."""
        changes = {
            "pitch_hz": pitch_hz,
            "pitch_range": pitch_range,
            "source_hz": source_hz,
            "formant": formant,
            "robot": robot,
            "breath": breath,
            "growl": growl,
            "hall": hall,
            "shimmer": shimmer,
        }
        settings = _settings(persona, changes)
        _render(source, Path(target), settings, persona or settings.converter, force)
