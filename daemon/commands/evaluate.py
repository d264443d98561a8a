"""`obs-portrait eval`: how good a face engine is, in figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.commands import judge

__all__ = ["register"]

_HEADINGS = {
    "psnr": "PSNR dB",
    "ssim": "SSIM",
    "l1": "L1",
    "akd": "AKD@256",
    "akd_lip": "lip",
    "akd_iris": "iris",
}


def _advance(bar: Any, task: Any, done: int) -> None:
    bar.update(task, completed=done)


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Judge a face engine on recordings: L1, AKD, MKR, AED, PSNR, SSIM.")
    app.add_typer(group, name="eval")
    judge.register(group)

    @group.command("self", no_args_is_help=True)
    def self_(
        videos: Annotated[list[Path], typer.Argument(help="Recordings of one talking head each.")],
        *,
        engine: Annotated[str, typer.Option(help="Face engine to judge.")] = "mesh",
        source_frame: Annotated[int, typer.Option(min=0, help="Frame that becomes the portrait.")] = 0,
        step: Annotated[int, typer.Option(min=1, help="Score every so manieth frame.")] = 1,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
        contact: Annotated[
            Path | None, typer.Option(help="Write a sheet: target | static | similarity | engine (PNG).")
        ] = None,
        force: Annotated[bool, typer.Option("--force", "-f", help="Replace the sheet if it is there already.")] = False,
    ) -> None:
        """Self-reenactment: each clip is redrawn from one of its own frames and compared with what was there.

        Figures are of the face box: the target's landmarks and a tenth more on every side.
        """
        from obs_portrait.face.evaluate import Sheet, mean_figures
        from obs_portrait.media.files import check_output

        if contact is not None:
            if contact.suffix.lower() != ".png":
                raise typer.BadParameter(f"'{contact}' does not end in .png.", param_hint="--contact")
            check_output(contact, force)
        sheet = Sheet() if contact is not None else None
        rows = _run(videos, {"engine": engine, "source_frame": source_frame, "step": step, "sheet": sheet})
        if contact is not None and sheet is not None:
            from PIL import Image

            Image.fromarray(sheet.picture()).save(contact)
        mean = mean_figures(rows)
        if as_json:
            typer.echo(json.dumps({"videos": rows, "mean": mean}))
        else:
            _show(rows, mean, engine)


def _run(videos: list[Path], options: dict[str, Any]) -> list[dict[str, Any]]:
    """Evaluates behind a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from obs_portrait.face.evaluate import evaluate_video

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    rows = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        for video in videos:
            task = bar.add_task(video.name, total=None)

            def advance(done: int, total: int | None, task: Any = task) -> None:
                bar.update(task, completed=done, total=total)

            rows.append(evaluate_video(video, progress=advance, **options))
            bar.remove_task(task)
    return rows


def _show(rows: list[dict[str, Any]], mean: dict[str, Any], engine: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Self-reenactment, face box", title_justify="left")
    table.add_column("video", overflow="fold")
    table.add_column("method")
    for heading in _HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    shown = [(f"{Path(row['video']).name} ({row['frames']})", row) for row in rows]
    if len(rows) > 1:
        shown.append((f"mean of {len(rows)}", mean))
    for title, row in shown:
        parts = (("static", row["baselines"]["static"]), ("similarity", row["baselines"]["similarity"]), (engine, row))
        for number, (method, figures) in enumerate(parts):
            cells = [f"{figures[key]:.3f}" if key == "ssim" else f"{figures[key]:.2f}" for key in _HEADINGS]
            table.add_row(title if number == 0 else "", method, *cells, end_section=number == len(parts) - 1)
    console = Console()
    console.print(table)
    for row in rows:
        if row["held"] or row["lost"]:
            console.print(
                f"{Path(row['video']).name}: {row['held']} frames without a picture of the engine (the one before was "
                f"judged), {row['lost']} pictures of the engine in which no face is found.",
                highlight=False,
            )
