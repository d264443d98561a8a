"""`obs-portrait autostart on|off|status`: start at login, or no longer."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["register"]


class _What(StrEnum):
    ON = "on"
    OFF = "off"
    STATUS = "status"


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command()
    def autostart(
        what: Annotated[_What, typer.Argument(help="on, off, or status.")] = _What.STATUS,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    ) -> None:
        """Start `obs-portrait run` with your session, as settings.toml says; or no longer."""
        from dataclasses import asdict

        from daemon import autostart as login

        found = {_What.ON: login.switch_on, _What.OFF: login.switch_off, _What.STATUS: login.status}[what]()
        typer.echo(json.dumps(asdict(found)) if as_json else found.sentence)
