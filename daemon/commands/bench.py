"""`obs-portrait bench face|voice`: how fast this machine is, measured now."""

from __future__ import annotations

import json
from typing import Any

import typer

__all__ = ["register"]


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a size; write it as 512x512.") from None
    if not (64 <= width <= 3840 and 64 <= height <= 2160):
        raise typer.BadParameter(f"{width}x{height} is outside 64x64 to 3840x2160.")
    return width, height


def _show(title: str, figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=False, title_justify="left")
    for key, value in figures.items():
        if isinstance(value, dict):
            for name, part in value.items():
                table.add_row(f"  {name}", f"{part:.2f}" if isinstance(part, float) else str(part))
        else:
            table.add_row(key, f"{value:.4g}" if isinstance(value, float) else str(value))
    Console().print(table)


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    bench = typer.Typer(no_args_is_help=True, help="Measure this machine: frames a second, delay, time for each stage.")
    app.add_typer(bench, name="bench")

    @bench.command()
    def face(
        size: str = typer.Option("512x512", help="Canvas, as WIDTHxHEIGHT."),
        seconds: float = typer.Option(10.0, min=1.0, max=600.0, help="How long to measure."),
        as_json: bool = typer.Option(False, "--json", help="Print JSON only."),
    ) -> None:
        """Tracker and mesh engine, one frame after the other, on the bundled performance."""
        from obs_portrait.face import benchmark

        figures = benchmark.run(size=_size(size), seconds=seconds)
        if as_json:
            typer.echo(json.dumps(figures))
        else:
            _show("face", figures)

    @bench.command()
    def voice(
        seconds: float = typer.Option(30.0, min=1.0, max=600.0, help="How much sound to convert."),
        as_json: bool = typer.Option(False, "--json", help="Print JSON only."),
    ) -> None:
        """The voice converter, one 10 ms block after the other, on the bundled speech."""
        from obs_portrait.voice import benchmark

        figures = benchmark.run(seconds=seconds)
        if as_json:
            typer.echo(json.dumps(figures))
        else:
            _show("voice", figures)
