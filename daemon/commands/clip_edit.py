"""`obs-portrait clip trim|crop|gif|…`: the work on clips afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obs_portrait.errors import MediaError

if TYPE_CHECKING:
    from obs_portrait.obs.clips.edit.making import Made, Progress

__all__ = ["register"]

File = Annotated[Path | None, typer.Argument(help="A clip. [default: the last one]", show_default=False)]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Name of the new file. [default: beside the clip]")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace a file that exists.")]
In = Annotated[str | None, typer.Option("--in", help="Where it begins: 83.5 or 1:23.5.")]
Out = Annotated[str | None, typer.Option("--out", help="Where it ends.")]


def register(clip: typer.Typer) -> None:
    """Adds the commands to `obs-portrait clip`."""
    _cuts(clip)
    _stills(clip)
    _sounds(clip)
    _several(clip)


def _cuts(clip: typer.Typer) -> None:
    @clip.command()
    def trim(
        file: File = None,
        *,
        start: In = None,
        end: Out = None,
        copy: Annotated[
            bool, typer.Option("--copy", help="Never encode: move the cut to where a copy is possible.")
        ] = False,
        output: Output = None,
        force: Force = False,
    ) -> None:
        """Cut from --in to --out: copied without loss where the cut allows it."""
        from obs_portrait.obs.clips.edit.trim import trim as work

        source = _source(file)
        target = _target(source, output, "trim")
        window = (_time(start) or Fraction(0), _time(end))
        _do("Trimming", lambda progress: work(source, target, *window, copy=copy, force=force, progress=progress))

    @clip.command()
    def crop(
        file: File = None,
        *,
        shape: Annotated[str, typer.Option(help="square, 9:16, 4:5 or 16:9.")] = "9:16",
        width: Annotated[
            int | None, typer.Option(help="Of the new picture, in pixels. [default: what there is]")
        ] = None,
        close: Annotated[bool, typer.Option("--close", help="About two faces wide.")] = False,
        output: Output = None,
        force: Force = False,
    ) -> None:
        """Square or tall, following the face."""
        from obs_portrait.obs.clips.edit.crop import crop as work

        source = _source(file)
        target = _target(source, output, shape.replace(":", "x"), ".mp4")
        _do(
            "Following the face",
            lambda progress: work(source, target, shape, width=width, close=close, force=force, progress=progress),
        )

    @clip.command()
    def speed(
        factor: Annotated[float, typer.Argument(help="2 is twice as fast, 0.5 half as fast.")],
        file: File = None,
        *,
        output: Output = None,
        force: Force = False,
    ) -> None:
        """Faster or slower; the voice keeps its pitch."""
        from obs_portrait.obs.clips.edit.speed import change_speed

        source = _source(file)
        target = _target(source, output, f"{factor:g}x")
        _do("Changing the speed", lambda progress: change_speed(source, target, factor, force=force, progress=progress))

    @clip.command()
    def caption(
        srt: Annotated[Path, typer.Argument(help="Captions as .srt.")],
        file: File = None,
        *,
        track: Annotated[
            bool, typer.Option("--track", help="As a track that players can switch off; nothing is encoded.")
        ] = False,
        font: Annotated[Path | None, typer.Option(help="A .ttf or .otf. [default: one of the system]")] = None,
        size: Annotated[float, typer.Option(help="Height of a line, as a share of the picture.")] = 0.06,
        language: Annotated[str, typer.Option(help="Of the track: eng, deu, spa …")] = "eng",
        output: Output = None,
        force: Force = False,
    ) -> None:
        """Captions: drawn into the picture, or as a track."""
        from obs_portrait.obs.clips.edit import captions

        source = _source(file)
        target = _target(source, output, "captions", None if track else ".mp4")
        if track:
            _do("Adding captions", lambda _: captions.mux(source, target, srt, language=language, force=force))
        else:
            _do(
                "Drawing captions",
                lambda progress: captions.burn(
                    source, target, srt, font=font, size=size, force=force, progress=progress
                ),
            )


def _stills(clip: typer.Typer) -> None:
    @clip.command()
    def still(
        file: File = None,
        *,
        at: Annotated[str, typer.Option(help="Which picture: 83.5 or 1:23.5.")] = "0",
        output: Output = None,
        force: Force = False,
    ) -> None:
        """One picture as PNG (or JPEG, WebP)."""
        from obs_portrait.obs.clips.edit.still import still as work

        source = _source(file)
        target = _target(source, output, "still", ".png")
        when = _time(at) or Fraction(0)
        _do("Taking a picture", lambda _: work(source, target, when, force=force))

    def moving(suffix: str) -> Callable[..., None]:
        def command(
            file: File = None,
            *,
            start: In = None,
            end: Out = None,
            fps: Annotated[float, typer.Option(help="Pictures a second.")] = 15.0,
            width: Annotated[int, typer.Option(help="In pixels, at most.")] = 480,
            output: Output = None,
            force: Force = False,
        ) -> None:
            from obs_portrait.obs.clips.edit.still import animate

            source = _source(file)
            target = _target(source, output, "moving", suffix)
            begin, until = _time(start) or Fraction(0), _time(end)
            _do(
                "Drawing",
                lambda progress: animate(
                    source, target, start=begin, end=until, rate=fps, width=width, force=force, progress=progress
                ),
            )

        return command

    clip.command(name="gif", help="A moving GIF, without sound.")(moving(".gif"))
    clip.command(name="webp", help="A moving WebP, without sound: smaller and finer than a GIF.")(moving(".webp"))


def _sounds(clip: typer.Typer) -> None:
    @clip.command()
    def audio(file: File = None, *, output: Output = None, force: Force = False) -> None:
        """The sound alone, copied where the kind of file takes it (.m4a, .mka, .mp3, .ogg, .flac, .wav)."""
        from obs_portrait.obs.clips.edit.sound import audio_only

        source = _source(file)
        target = _target(source, output, "sound", ".m4a")
        _do("Taking the sound", lambda progress: audio_only(source, target, force=force, progress=progress))

    @clip.command()
    def loudness(
        file: File = None,
        *,
        lufs: Annotated[float, typer.Option(help="Integrated loudness to reach.")] = -14.0,
        measure: Annotated[bool, typer.Option("--measure", help="Only say how loud it is.")] = False,
        output: Output = None,
        force: Force = False,
    ) -> None:
        """As loud as streaming services play (BS.1770); the picture is copied."""
        from obs_portrait.obs.clips.edit import loudness as sound

        source = _source(file)
        if measure:
            found = sound.measure(source)
            typer.echo(f"{found.lufs:.1f} LUFS, true peak {found.peak_db:.1f} dBTP")
            return
        target = _target(source, output, "loud")
        _do("Measuring", lambda progress: sound.normalise(source, target, lufs, force=force, progress=progress))


def _several(clip: typer.Typer) -> None:
    @clip.command(name="side-by-side")
    def side_by_side(
        driver: Annotated[Path, typer.Argument(help="The driver's recording, on the left.")],
        persona: File = None,
        *,
        offset: Annotated[float, typer.Option(help="Seconds into the driver's at which the persona's begins.")] = 0.0,
        sound: Annotated[str, typer.Option(help="Whose is heard: left or right.")] = "right",
        height: Annotated[int | None, typer.Option(help="In pixels. [default: the smaller of both]")] = None,
        output: Output = None,
        force: Force = False,
    ) -> None:
        """Driver and persona in one picture. It shows the real face: think before you share it."""
        from obs_portrait.obs.clips.edit.side_by_side import side_by_side as work

        if sound not in ("left", "right"):
            raise MediaError(f"'{sound}' is neither left nor right.")
        source = _source(persona)
        target = _target(source, output, "side by side", ".mp4")
        exact = Fraction(offset).limit_denominator(1_000_000)
        _do(
            "Putting side by side",
            lambda progress: work(
                driver, source, target, offset=exact, sound="left" if sound == "left" else "right", height=height,
                force=force, progress=progress,
            ),
        )  # fmt: skip

    @clip.command()
    def join(
        files: Annotated[list[Path], typer.Argument(help="Two clips or more, in their order.")],
        *,
        output: Output = None,
        force: Force = False,
    ) -> None:
        """One after the other: copied without loss where their parameters agree."""
        from obs_portrait.obs.clips.edit.join import join as work

        target = _target(files[0], output, "joined")
        _do("Joining", lambda progress: work(files, target, force=force, progress=progress))

    @clip.command()
    def preset(
        name: Annotated[str, typer.Argument(help="Which one; `list` shows them.")],
        file: File = None,
        *,
        output: Output = None,
        force: Force = False,
    ) -> None:
        """What a place wants, under one name: shorts, square, share, chat, gif …"""
        from obs_portrait.obs.clips.edit.presets import PRESETS, apply

        if name == "list":
            for each, one in PRESETS.items():
                typer.echo(f"{each:<9} {one.about}")
            return
        source = _source(file)
        target = _target(source, output, name, PRESETS[name].suffix if name in PRESETS else None)
        _do(f"Making {name}", lambda progress: apply(name, source, target, force=force, progress=progress))


def _source(file: Path | None) -> Path:
    if file is not None:
        return file
    from obs_portrait.obs.clips.library import Library

    return Library().last().path


def _target(source: Path, output: Path | None, what: str, suffix: str | None = None) -> Path:
    """The chosen name, or a free one beside the clip."""
    from obs_portrait.obs.clips.edit.making import beside
    from obs_portrait.obs.clips.edit.writing import CONTAINERS

    if output is not None:
        return output
    if suffix is None and source.suffix.lower() not in CONTAINERS:
        suffix = ".mkv"  # .flv, .ts and others that OBS can write: their packets fit into this one
    return beside(source, what, suffix)


def _time(text: str | None) -> Fraction | None:
    from obs_portrait.obs.clips.edit.making import parse_time

    return None if text is None else parse_time(text)


def _do(title: str, work: Callable[[Progress], Made]) -> None:
    with _progress(title) as progress:
        made = work(progress)
    typer.echo(str(made.path))
    typer.echo(f"{made.how}.", err=True)


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    """A bar with the time left, on standard error; Ctrl-C leaves no half file."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda done: bar.update(task, completed=done)
