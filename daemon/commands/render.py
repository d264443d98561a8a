"""`obs-portrait render`: a driving video and a persona go in, the persona's video comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from obs_portrait.pipeline.offline import Result

__all__ = ["register"]

_NAMES = {
    "engine": "persona, live",
    "hold": "last persona frame, held",
    "portrait": "the persona's portrait",
    "card": "neutral card",
    "reveal": "the real person, as the persona's profile says",
}


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a size; write it as 512x512.", param_hint="--size") from None
    if not (64 <= width <= 3840 and 64 <= height <= 2160):
        raise typer.BadParameter(f"{width}x{height} is outside 64x64 to 3840x2160.", param_hint="--size")
    return width, height


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command(no_args_is_help=True)
    def render(
        *,
        driving: Annotated[
            str, typer.Option("--driving", "-d", help="The driver: a video, a picture, or 'performance'.")
        ],
        out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .mp4, .mov, .mkv or .webm.")],
        source: Annotated[
            Path | None, typer.Option("--source", "-s", help="A picture with the face to become.")
        ] = None,
        persona: Annotated[str | None, typer.Option("--persona", "-p", help="A persona (see 'profiles list').")] = None,
        engine: Annotated[str | None, typer.Option(help="Another face engine than the persona's.")] = None,
        relative: Annotated[
            bool | None, typer.Option("--relative/--absolute", help="Motion since the reference frame, or as it is.")
        ] = None,
        adapt_scale: Annotated[
            bool | None,
            typer.Option("--adapt-scale/--no-adapt-scale", "--adapt_scale", help="Fit motion to the size of the face."),
        ] = None,
        find_best_frame: Annotated[
            bool,
            typer.Option("--find-best-frame", "--find_best_frame", help="Reference: the frame most like the picture."),
        ] = False,
        best_frame: Annotated[
            int | None, typer.Option("--best-frame", "--best_frame", min=0, help="Reference: this frame of the driver.")
        ] = None,
        checkpoint: Annotated[
            str | None, typer.Option(help="Weights of the engine 'fomm': a file, or a name (see 'checkpoints list').")
        ] = None,
        crop: Annotated[
            Literal["auto", "none"] | None,
            typer.Option(help="auto: squares about both faces. none: whole pictures, as first-order-model's demo.py."),
        ] = None,
        cpu: Annotated[bool, typer.Option("--cpu", help="The engine 'fomm' runs on the CPU, GPU or not.")] = False,
        voice: Annotated[bool, typer.Option("--voice/--no-voice", help="The persona's voice, or no sound.")] = True,
        reveal_voice: Annotated[
            bool, typer.Option("--reveal-voice", "--audio", help="Keep the real voice as it is. Everybody can know it.")
        ] = False,
        side_by_side: Annotated[
            bool, typer.Option("--side-by-side", help="Show the driver on the left. Everybody can see who it is.")
        ] = False,
        size: Annotated[str, typer.Option(help="Size of the persona's picture.")] = "512x512",
        report: Annotated[Path | None, typer.Option(help="Write figures about the rendering, as JSON.")] = None,
        force: Annotated[bool, typer.Option("--force", "-f", help="Replace files that are there already.")] = False,
    ) -> None:
        """Turn a recording into a persona, face and voice, frame by frame. Ctrl-C leaves a playable file."""
        if reveal_voice and not voice:
            raise typer.BadParameter("--reveal-voice keeps the sound, --no-voice drops it; choose one.")
        if (checkpoint or cpu) and (engine == "mesh" or (engine is None and persona is None)):
            raise typer.BadParameter("--checkpoint and --cpu are for a neural engine; add --engine fomm.")
        from obs_portrait.media.files import check_output

        if report is not None:
            check_output(report, force)
        options: dict[str, Any] = {
            "persona": persona,
            "source": source,
            "engine": engine,
            "motion": None if relative is None else "relative" if relative else "absolute",
            "adapt_scale": adapt_scale,
            "best_frame": best_frame,
            "find_best_frame": find_best_frame,
            "face": _face(checkpoint, cpu, crop),
            "sound": _sound(voice, reveal_voice),
            "side_by_side": side_by_side,
            "size": _size(size),
            "force": force,
        }
        result = _run(driving, out, options)
        if report is not None:
            report.write_text(json.dumps(result.summary(), indent=2) + "\n", encoding="utf-8")
        _say(result)
        if result.problem:
            typer.secho(result.problem, fg=typer.colors.YELLOW, err=True)
            raise typer.Exit(1)
        if result.interrupted:
            raise typer.Exit(130)


def _face(checkpoint: str | None, cpu: bool, crop: str | None) -> dict[str, Any]:
    """Settings of the engine; one that does not know them answers so."""
    found = {"checkpoint": checkpoint, "device": "cpu" if cpu else None, "crop": crop}
    return {key: value for key, value in found.items() if value}


def _sound(voice: bool, reveal: bool) -> Literal["convert", "none", "reveal"]:
    return "reveal" if reveal else "convert" if voice else "none"


def _run(driving: str, out: Path, options: dict[str, Any]) -> Result:
    """Renders behind a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    from obs_portrait.api import render

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Preparing", total=None, fps="")

        def advance(done: int, total: int | None) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, description=out.name, completed=done, total=total, fps=f"{speed:.0f} fps" if speed else "")

        return render(driving, out, progress=advance, **options)


def _say(result: Result) -> None:
    """What came out, in a few lines."""
    from rich.console import Console

    console = Console(highlight=False)
    figures = result.summary()
    seconds = result.frames / float(result.rate) if result.rate else 0.0
    done = "Stopped early" if result.interrupted else "Done"
    console.print(
        f"{done}: [bold]{result.out}[/bold], {result.frames} frames ({seconds:.1f} s) of "
        f"{result.width}x{result.height}, {figures['fps']:.0f} frames a second."
    )
    if result.reference_frame is not None:
        console.print(f"  motion is counted from frame {result.reference_frame}")
    for origin, count in figures["origins"]["video_frames"].items():
        if origin != "engine" or count < result.frames:
            console.print(f"  {count} frames: {_NAMES.get(origin, origin)}")
    if result.damaged:
        console.print(f"  {result.damaged} damaged parts of the driving file were left out")
    leaks = sum(events.get("leaks", 0) for events in figures["events"].values())
    if leaks:
        console.print(f"  [red]{leaks} results were copies of the driver and were not written[/red]")
