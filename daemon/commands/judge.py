"""`obs-portrait eval reconstruct|pairs`: JSON and a page of plots for each clip."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from obs_portrait.errors import FaceError

if TYPE_CHECKING:
    from obs_portrait.face.metrics.plot import Strip
    from obs_portrait.face.metrics.report import Report
    from obs_portrait.face.types import Portrait

__all__ = ["register"]

_Engine = Annotated[str | None, typer.Option(help="Face engine to judge (default: the persona's, else mesh).")]
_Persona = Annotated[str | None, typer.Option("--persona", "-p", help="Judge with the settings of this persona.")]
_Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another setting of the engine, as in a profile.")
]
_Step = Annotated[int, typer.Option(min=1, help="Score every so manieth frame.")]
_Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for JSON and plot of each run.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
_Force = Annotated[bool, typer.Option("--force", "-f", help="Replace what is there already.")]
_OUT = Path("out/eval")


def register(group: typer.Typer) -> None:
    """Adds both commands to `obs-portrait eval`."""

    @group.command("reconstruct", no_args_is_help=True)
    def reconstruct_(
        videos: Annotated[list[Path], typer.Argument(help="Recordings of one talking head each.")],
        *,
        engine: _Engine = None,
        persona: _Persona = None,
        settings: _Settings = None,
        source_frame: Annotated[int, typer.Option(min=0, help="Frame that becomes the portrait.")] = 0,
        step: _Step = 1,
        out: _Out = _OUT,
        as_json: _Json = False,
        force: _Force = False,
    ) -> None:
        """Redraws each clip from one of its own frames and compares every frame: L1, AKD, MKR, AED, PSNR, SSIM, LPIPS.

        The figures of Siarohin et al. (First Order Motion Model, 2019), of whole pictures, for the engine and for the
        source as it is. AED needs the extra 'eval', LPIPS weights that are not bundled; what is missing is told.
        """
        from obs_portrait.face.reconstruct import reconstruct

        name, changes = _engine(engine, persona, settings)
        paths = _all_paths(out, [f"reconstruct-{video.stem}-{name}" for video in videos], force)
        reports = []
        for video, (data, page) in zip(videos, paths, strict=True):

            def run(strip: Strip, progress: Any, video: Path = video) -> Report:
                return reconstruct(
                    video,
                    engine=name,
                    source_frame=source_frame,
                    step=step,
                    settings=changes,
                    strip=strip,
                    progress=progress,
                )

            reports.append(_run(run, video.name, ("truth", "result"), data, page))
        _tell(reports, paths, as_json)
        _fail_if_nothing_was_drawn(reports)

    @group.command("pairs", no_args_is_help=True)
    def pairs_(
        source: Annotated[str, typer.Argument(metavar="A", help="Whose face: a picture, a clip, or a persona.")],
        driving: Annotated[list[Path], typer.Argument(metavar="B…", help="Whose motion: recordings.")],
        *,
        engine: _Engine = None,
        persona: _Persona = None,
        settings: _Settings = None,
        source_frame: Annotated[int, typer.Option(min=0, help="Frame of A, if it is a clip.")] = 0,
        reference_frame: Annotated[int, typer.Option(min=0, help="Frame of B that motion is counted from.")] = 0,
        step: _Step = 1,
        out: _Out = _OUT,
        as_json: _Json = False,
        force: _Force = False,
    ) -> None:
        """Puts B's motion onto A's face. No picture is the right one here, so that other things are compared.

        AED: is it still A? AED to the driver: is it B by now? Motion, head pose and expression: do they change as B's
        do? MKR: is there a face? Beside the engine stands the source as it is.
        """
        from obs_portrait.face.pairs import judge_pair

        portrait = _portrait(source, source_frame)
        name, changes = _engine(engine, persona, settings)
        paths = _all_paths(out, [f"pairs-{portrait.name}-{clip.stem}-{name}" for clip in driving], force)
        reports = []
        for clip, (data, page) in zip(driving, paths, strict=True):

            def run(strip: Strip, progress: Any, clip: Path = clip) -> Report:
                return judge_pair(
                    portrait,
                    clip,
                    engine=name,
                    reference_frame=reference_frame,
                    step=step,
                    settings=changes,
                    strip=strip,
                    progress=progress,
                )

            reports.append(_run(run, clip.name, ("driver", "result"), data, page))
        _tell(reports, paths, as_json)
        _fail_if_nothing_was_drawn(reports)


def _portrait(text: str, frame: int) -> Portrait:
    """A file if there is one, else a persona's picture."""
    from obs_portrait.face.pairs import load_source
    from obs_portrait.face.portrait import load_portrait
    from obs_portrait.persona.store import load

    path = Path(text)
    return load_source(path, frame) if path.exists() or path.suffix else load_portrait(load(text).portrait_path)


_OWN = frozenset({"engine", "source", "crop", "crop_scale", "background"})
"""Settings that the judges set themselves: they bring the picture and its size."""


def _engine(engine: str | None, persona: str | None, settings: list[str] | None) -> tuple[str, dict[str, Any]]:
    """Name of the engine, and how its settings differ from the defaults of judging."""
    from obs_portrait.face.engine import engine_class
    from obs_portrait.persona.store import load

    changes: dict[str, Any] = {}
    name = engine or "mesh"
    if persona is not None:
        face = load(persona).face
        name = engine or face.engine
        known = engine_class(name).settings_model.model_fields
        changes = {key: value for key, value in face.model_dump().items() if key in known and key not in _OWN}
    for text in settings or []:
        key, mark, value = text.partition("=")
        if not mark or not key.strip():
            raise typer.BadParameter(f"'{text}' is not KEY=VALUE.", param_hint="--set")
        try:
            changes[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[key.strip()] = value.strip()  # a word without quotes
    return name, changes


def _all_paths(folder: Path, stems: list[str], force: bool) -> list[tuple[Path, Path]]:
    """Of every run; clips of one name in several folders are numbered."""
    names: list[str] = []
    for stem in stems:
        again = sum(name == stem or name.startswith(f"{stem}~") for name in names)
        names.append(stem if not again else f"{stem}~{again + 1}")
    return [_paths(folder, name, force) for name in names]


def _paths(folder: Path, stem: str, force: bool) -> tuple[Path, Path]:
    """Where JSON and plot of a run go; told before the run if they may not."""
    from obs_portrait.media.files import check_output

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FaceError(f"{folder}: the folder cannot be made ({error.strerror or error}).") from error
    paths = folder / f"{stem}.json", folder / f"{stem}.png"
    for path in paths:
        check_output(path, force)
    return paths


def _run(run: Callable[[Strip, Any], Report], label: str, rows: tuple[str, str], data: Path, page: Path) -> Report:
    """Judges behind a progress bar on standard error, and writes both files."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from obs_portrait.face.metrics.plot import Strip, plot

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    strip = Strip(rows)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        report = run(strip, lambda done, total: bar.update(task, completed=done, total=total))
    _write(data, lambda path: path.write_text(json.dumps(report.json(), indent=1) + "\n", encoding="utf-8"))
    _write(page, plot(report, strip).save)
    return report


def _fail_if_nothing_was_drawn(reports: list[Report]) -> None:
    """What was judged is then no engine."""
    for report in reports:
        if report.held == len(report.rows) and report.why_held is not None:
            raise FaceError(f"{report.subject}: the engine '{report.engine}' made no picture ({report.why_held}).")


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """The file has its name when it is complete."""
    from obs_portrait.media.files import partial_path

    draft = partial_path(path)
    try:
        write(draft)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise FaceError(f"{path}: cannot be written ({error.strerror or error}).") from error


def _tell(reports: list[Report], paths: list[tuple[Path, Path]], as_json: bool) -> None:
    from obs_portrait.face.metrics.report import FIGURES, mean_of

    mean = mean_of(reports)
    if as_json:
        typer.echo(json.dumps({"runs": [report.json() for report in reports], "mean": mean}))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=reports[0].kind, title_justify="left")
    table.add_column("clip", overflow="fold")
    table.add_column("method")
    keys = reports[0].figures
    for heading in ("MKR", *(FIGURES[key].heading for key in keys)):
        table.add_column(heading, justify="right")
    shown = [
        (f"{Path(report.about.get('driving') or report.about['video']).name} ({len(report.rows)})", report.json())
        for report in reports
    ]
    if len(reports) > 1:
        shown.append((f"mean of {len(reports)}", mean))
    for title, row in shown:
        for number, (method, figures, missing) in enumerate(
            ((reports[0].engine, row, f"{row['mkr']:.3f}"), ("static", row["static"], ""))
        ):
            cells = ["" if figures[key] is None else f"{figures[key]:.{FIGURES[key].digits}f}" for key in keys]
            table.add_row(title if not number else "", method, missing, *cells, end_section=bool(number))
    console.print(table)
    for reason in reports[0].left_out:
        console.print(reason, soft_wrap=True)
    for report in reports:
        if report.why_held is not None:
            console.print(
                f"{report.subject}: the engine made no picture for {report.held} of {len(report.rows)} frames "
                f"({report.why_held}); the picture before was judged in their place.",
                style="yellow", soft_wrap=True,
            )  # fmt: skip
    for _, page in paths:
        console.print(str(page), soft_wrap=True)
