"""`obs-portrait switch`, `panic`, `off`, `status` and the like: what the running daemon is told in a terminal.

For keys of the desktop, a Stream Deck and Wayland, where no program hears keys of others: each is one quick command.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from obs_portrait.errors import ControlError

__all__ = ["register"]

_WATCH_S = 0.5


class _Switch(StrEnum):
    ON = "on"
    OFF = "off"


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""

    @app.command()
    def switch(name: str = typer.Argument(help="Name of a persona.")) -> None:
        """Become another persona; holds until the next scene change in OBS."""
        _client().switch(name)
        typer.echo(f"You are {name} now.")

    @app.command()
    def calibrate() -> None:
        """Take the neutral reference frame anew: look straight ahead with a calm face."""
        typer.echo("Look straight into the camera with a calm face …")
        _client().calibrate()
        typer.echo("Calibrated: your face of this moment is the neutral one.")

    @app.command()
    def search() -> None:
        """Begin, or end, the search for a better reference frame; `status --watch` shows its figures."""
        _client().search_reference()

    @app.command()
    def panic(off: bool = typer.Option(False, "--off", help="End it: back to the persona.")) -> None:
        """Card and silence at once, the source in OBS hidden, until `panic --off`."""
        _client().panic(on=not off)
        typer.echo("Back to the persona." if off else "Card and silence, until `obs-portrait panic --off`.")

    @app.command()
    def off() -> None:
        """Rest: camera and microphone are closed and the card is shown, until `on`."""
        _client().request("POST", "/v1/off", {"on": True})
        typer.echo("Camera and microphone are closed, until `obs-portrait on`.")

    @app.command()
    def on() -> None:
        """End the rest: the persona is back."""
        _client().request("POST", "/v1/off", {"on": False})
        typer.echo("The persona is back.")

    @app.command()
    def face(state: Annotated[_Switch, typer.Argument(help="off: the portrait stands still.")]) -> None:
        """Switch the persona's face on or off."""
        _client().request("POST", "/v1/face", {"on": state is _Switch.ON})

    @app.command()
    def mute(state: Annotated[_Switch, typer.Argument(help="on: silence.")] = _Switch.ON) -> None:
        """Switch the persona's voice off, or (`mute off`) on again."""
        _client().request("POST", "/v1/voice", {"on": state is _Switch.OFF})

    @app.command("quit")
    def quit_() -> None:
        """End the running OBS Portrait in order."""
        _client().request("POST", "/v1/quit", {})
        typer.echo("OBS Portrait ends.")

    @app.command()
    def status(
        *,
        as_json: Annotated[
            bool, typer.Option("--json", help="Print JSON only, with --watch a line each time.")
        ] = False,
        watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    ) -> None:
        """Who you are now, how well it goes, and what is wrong."""
        if as_json:
            for answer in _looks(watch):
                typer.echo(json.dumps(answer, ensure_ascii=False))
                if not watch and "error" in answer:
                    raise typer.Exit(1)
        elif watch:
            _watch()
        else:
            from rich.console import Console

            from daemon.status_view import view

            Console(highlight=False).print(view(_client().status()))


def _client() -> Any:
    from daemon.control.client import ControlClient

    return ControlClient()


def _looks(again: bool) -> Iterator[dict[str, Any]]:
    """The status, or {"running": False, "error": sentence}; for ever if `again`, a daemon may come and go meanwhile."""
    client = _client()
    while True:
        try:
            yield client.status()
        except ControlError as error:
            yield {"running": False, "error": str(error)}
        if not again:
            return
        time.sleep(_WATCH_S)


def _watch() -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from daemon.status_view import view

    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        for answer in _looks(again=True):
            text = Text(answer["error"], style="yellow") if "error" in answer else view(answer)
            live.update(text, refresh=True)
