"""`obs-portrait demo`: the bundled performance through two personas, measured; no camera and no screen needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from obs_portrait.persona.profile import Profile
    from obs_portrait.pipeline.demo import Demo

__all__ = ["register"]

_FIRST = ("marble", "ink")
"""The personas of the demo, where they are there: as unlike each other as can be."""
_BAR_MS = 20.0


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command()
    def demo(
        *,
        out: Annotated[Path, typer.Option("--out", "-o", help="Folder for demo.mp4, contact.png, report.json.")] = Path(
            "out/demo"
        ),
        seconds: Annotated[float | None, typer.Option(min=2.0, max=60.0, help="Play only the beginning.")] = None,
        persona: Annotated[
            list[str] | None, typer.Option("--persona", "-p", help="A persona; give two to choose both.")
        ] = None,
        show: Annotated[bool, typer.Option("--open", help="Open the video when it is done.")] = False,
    ) -> None:
        """Play the bundled performance through two personas, write the video and measure it."""
        from obs_portrait.pipeline import performance
        from obs_portrait.pipeline.demo import Stage

        known = performance.facts()
        stage = Stage(
            performance.PerformanceVideoSource,
            performance.PerformanceAudioSource,
            min(seconds or known.duration_s, known.duration_s),
            known.event_s,
        )
        done = _run(out, _personas(persona or []), stage)
        _show(done)
        if show:
            typer.launch(str(done.video))
        if done.report["leaks"]["frames"] or done.report["leaks"]["samples"]:
            typer.secho("Something of the driver is in the file. Please report this.", fg=typer.colors.RED, err=True)
            raise typer.Exit(1)


def _personas(named: list[str]) -> list[Profile]:
    """Two personas: those that were named, then the first choices, then whatever is there."""
    from obs_portrait.errors import ProfileError
    from obs_portrait.persona import store

    if len(named) > 2:
        raise typer.BadParameter("The demo shows two personas; name at most two.")
    there = {found.name: found.profile for found in store.list_profiles() if found.profile is not None}
    chosen = [store.load(name) for name in named]
    for name in (*_FIRST, *there):
        profile = there.get(name)
        if len(chosen) < 2 and profile is not None and not profile.reveals and name not in named:
            chosen.append(profile)
    if len(chosen) < 2:
        raise ProfileError("The demo needs two personas that hide the driver; install OBS Portrait again.")
    return chosen


def _run(folder: Path, personas: list[Profile], stage: Any) -> Demo:
    """Runs the demo behind a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from obs_portrait.pipeline.demo import run

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=None)

        def advance(what: str, done: int, of: int | None) -> None:
            bar.update(task, description=what, completed=done, total=of)

        return run(folder, personas, stage, progress=advance)


def _show(demo: Demo) -> None:
    """The figures, as a short table."""
    from rich.console import Console
    from rich.table import Table

    report = demo.report
    stages, latency, leaks = report["stages_ms"], report["latency_ms"], report["leaks"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("personas", f"{' -> '.join(report['personas'])}, switched at {report['switch_s']:.1f} s")
    table.add_row("frames a second", f"{report['fps']:.0f} (tracking, rendering and guard, one after the other)")
    times = ", ".join(f"{name} {stages[name]['p50_ms']:.1f}" for name in ("track", "render", "guard"))
    table.add_row("stages, ms", f"{times}; 95% of frames below {stages['frame']['p95_ms']:.1f}")
    table.add_row(
        "latency, ms",
        f"{latency['end_to_end']:.0f} end to end: picture {latency['video_p95']:.0f} (p95 of processing), "
        f"voice {latency['voice']:.0f} (delay of the converter and processing)",
    )
    table.add_row("A/V skew", _skew(report["skew"]))
    good = "green" if not leaks["frames"] and not leaks["samples"] else "red"
    table.add_row(
        "leaked",
        f"[{good}]{leaks['frames']} frames, {leaks['samples']} samples[/{good}] "
        f"(the driver's mark was found in {leaks['control_frames_found']} of {report['frames']} frames of the driver)",
    )
    console = Console()
    console.print(table)
    console.print(f"\n{demo.video}\n{demo.contact}\n{demo.report_path}", highlight=False)


def _skew(skew: dict[str, float | None]) -> str:
    measured = skew["event_ms"] if skew["event_ms"] is not None else skew["whole_ms"]
    if measured is None:
        return "[yellow]could not be measured: the persona's mouth was not found[/yellow]"
    colour = "green" if abs(measured) <= _BAR_MS else "red"
    whole = "" if skew["whole_ms"] is None else f", {skew['whole_ms']:+.1f} ms over the whole length"
    return f"[{colour}]{measured:+.1f} ms[/{colour}] (lips part and pop, in the file{whole})"
