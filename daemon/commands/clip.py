"""`obs-portrait clip …`: clips straight from OBS, and the work on them afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.commands import clip_edit

if TYPE_CHECKING:
    from obs_portrait.obs.clips.library import Clip
    from obs_portrait.obs.clips.recorder import ClipRecorder, Outcome

__all__ = ["register"]

_PATIENCE_S = 6.0
_Json = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    clip = typer.Typer(help="Clips straight from OBS, and the work on them afterwards.", no_args_is_help=True)
    _from_obs(clip)
    clip_edit.register(clip)
    app.add_typer(clip, name="clip")


def _from_obs(clip: typer.Typer) -> None:
    @clip.command()
    def save(
        *,
        switch_on: Annotated[
            bool, typer.Option("--switch-on/--no-switch-on", help="Start the replay buffer if it is off.")
        ] = True,
        as_json: _Json = False,
    ) -> None:
        """Save the last seconds: OBS's replay buffer becomes a clip."""
        _act("save", lambda recorder: recorder.save(), as_json, switch_on)

    @clip.command()
    def start(*, as_json: _Json = False) -> None:
        """Begin to record."""
        _act("start", lambda recorder: recorder.start(), as_json)

    @clip.command()
    def stop(*, as_json: _Json = False) -> None:
        """End the recording: it becomes a clip."""
        _act("stop", lambda recorder: recorder.stop(), as_json)

    @clip.command()
    def last(*, as_json: _Json = False) -> None:
        """Print the path of the newest clip."""
        from obs_portrait.obs.clips.library import Library

        newest = Library().last()
        typer.echo(json.dumps(_row(newest), ensure_ascii=False) if as_json else str(newest.path))

    @clip.command(name="list")
    def list_(
        *,
        most: Annotated[int, typer.Option("--most", "-n", min=1, help="Show so many.")] = 20,
        as_json: _Json = False,
    ) -> None:
        """Show the clips, the newest first."""
        from obs_portrait.obs.clips.library import Library

        library = Library()
        clips = library.list()[:most]
        if as_json:
            typer.echo(json.dumps([_row(one) for one in clips], ensure_ascii=False))
        elif not clips:
            typer.echo(f"There is no clip in {library.folder} yet; save one with: obs-portrait clip save")
        else:
            _table(clips)


def _row(clip: Clip) -> dict[str, Any]:
    return {"path": str(clip.path), **json.loads(clip.info.as_json())}


def _table(clips: list[Clip]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for title in ("when", "length", "persona", "scene", "file"):
        table.add_column(title, overflow="fold" if title == "file" else "ellipsis", no_wrap=title in ("when", "length"))
    for clip in clips:
        info = clip.info
        length = f"{info.duration_s:.1f} s" if info.duration_s is not None else "?"
        cells = (f"{info.when:%Y-%m-%d %H:%M}", length, info.persona or "", info.scene or "", str(clip.path))
        table.add_row(*(Text(cell) for cell in cells))  # names may look like markup
    Console(highlight=False).print(table)


def _act(action: str, act: Callable[[ClipRecorder], Outcome], as_json: bool, switch_on: bool = True) -> None:
    """Through the running daemon, which knows the persona; else straight to OBS."""
    from daemon.control.client import ControlClient
    from obs_portrait.errors import ControlError

    daemon = ControlClient()
    try:
        runs = daemon.request("GET", "/v1")
    except ControlError:
        runs = None
    if runs is not None and switch_on:
        result: dict[str, Any] = daemon.clip(action)
    else:
        with _recorder(switch_on) as recorder:
            result = act(recorder).as_dict()
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        typer.echo(result.get("message") or result.get("path") or "Done.")
        if result.get("path") and not as_json:
            typer.echo(result["path"])


@contextmanager
def _recorder(switch_on: bool) -> Iterator[ClipRecorder]:
    from obs_portrait.errors import ObsError
    from obs_portrait.obs.client import ObsClient
    from obs_portrait.obs.clips.recorder import ClipRecorder
    from obs_portrait.obs.keeping import find_address

    address = find_address()
    with ObsClient(address) as client:
        if not client.wait_connected(_PATIENCE_S):
            raise ObsError(client.problem or "OBS cannot be reached.")
        recorder = ClipRecorder(client, local=lambda: address.local, switch_on=switch_on)
        try:
            yield recorder
        finally:
            recorder.close()
