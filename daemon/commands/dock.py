"""`obs-portrait dock`: the way to the page, in a browser or as a dock of OBS."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from obs_portrait.errors import ControlError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command()
    def dock(
        *,
        open_it: Annotated[bool, typer.Option("--open", help="Open the page in the browser, signed in.")] = False,
        forget: Annotated[bool, typer.Option("--forget", help="Sign every browser and dock out instead.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    ) -> None:
        """The page of the running daemon: its link, valid once and for two minutes, and how it becomes OBS's dock."""
        if forget:
            _forget()
            typer.echo("Every browser and dock is signed out; `obs-portrait dock` lets one in again.")
            return
        link, seconds = _link()
        if as_json:
            typer.echo(json.dumps({"url": link, "seconds": seconds}))
        else:
            typer.echo(f"{link}\n")
            typer.echo("Open it in a browser on this computer within two minutes; it works once, and stays signed in.")
            typer.echo("In OBS: menu Docks > Custom Browser Docks, any name, this link as the URL, Apply.")
        if open_it and not _opened(link):
            raise ControlError("No browser could be started; open the link above yourself.")


def _link() -> tuple[str, float]:
    from daemon.control.client import ControlClient
    from daemon.control.token import control_file
    from obs_portrait.obs.script.obs_portrait_link import UnreachableError, read_endpoint

    given = ControlClient().request("POST", "/v1/session/code", {})
    try:
        port = read_endpoint(control_file()).port
    except UnreachableError as error:
        raise ControlError(str(error)) from None
    return f"http://127.0.0.1:{port}/#{given['code']}", float(given["seconds"])


def _forget() -> None:
    from daemon.control.client import ControlClient

    ControlClient().request("DELETE", "/v1/session")


def _opened(link: str) -> bool:
    from daemon.control.browser import open_page

    try:
        return open_page(link)
    except OSError as error:
        raise ControlError(f"The link could not be handed to the browser ({error}); open it yourself.") from error
