"""`obs-portrait crop`: square crops about the faces of a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from obs_portrait.face.crop import Crop

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command(no_args_is_help=True)
    def crop(
        video: Annotated[Path, typer.Argument(help="A recording that shows one face or several.")],
        *,
        write: Annotated[bool, typer.Option("--write", "-w", help="Make the files, not only the suggestion.")] = False,
        out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")] = Path(),
        size: Annotated[int, typer.Option(min=64, max=2160, help="Width and height of a crop.")] = 512,
        increase: Annotated[
            float, typer.Option(min=0.0, max=3.0, help="Room on every side, in sizes of the face's way.")
        ] = 0.4,
        min_seconds: Annotated[float, typer.Option(min=0.0, help="Shorter crops are dropped.")] = 3.0,
        overlap: Annotated[
            float, typer.Option(min=0.0, max=0.99, help="A face that overlaps its first box by less begins a new crop.")
        ] = 0.25,
        force: Annotated[bool, typer.Option("--force", "-f", help="Replace files that are there already.")] = False,
    ) -> None:
        """Suggest square crops of a recording, one for each face and shot; --write makes them, sound included.

        Prints a line for FFmpeg for each crop. Ctrl-C leaves playable files.
        """
        from obs_portrait.face.crop import CropSettings, find_crops
        from obs_portrait.face.crop_file import crop_names, write_crops
        from obs_portrait.media.files import check_output

        if size % 2:
            raise typer.BadParameter(f"{size} is odd; H.264 takes even sizes.", param_hint="--size")
        if write:  # better now than after looking through the whole recording
            check_output(crop_names(video, out, 1)[0], force)
        with _progress("Looking for faces") as advance:
            crops = find_crops(video, CropSettings(increase, min_seconds, overlap), advance)
        if not crops:
            typer.echo(f"{video}: no face stays in view for {min_seconds:g} s; try a smaller --min-seconds.", err=True)
            raise typer.Exit(1)
        names = crop_names(video, out, len(crops))
        for each, name in zip(crops, names, strict=True):
            typer.echo(each.command(video, name, size))
        if write:
            with _progress("Writing crops") as advance:
                written = write_crops(video, crops, names, size=size, force=force, progress=advance)
            for each, name in zip(crops, names, strict=True):
                if name in written:
                    typer.echo(f"{name}: {_describe(each)}", err=True)
        else:
            typer.echo("Type the lines above where FFmpeg is installed, or add --write.", err=True)


def _describe(crop: Crop) -> str:
    seconds = (crop.end_ns - crop.start_ns) / 1e9
    return f"{seconds:.1f} s from {crop.start_ns / 1e9:.1f} s, {crop.side}x{crop.side} at {crop.left},{crop.top}"


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar with the time left, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
