"""`obs-portrait …`: the composition root."""

from __future__ import annotations

import io
import sys
from importlib import import_module

import typer

from obs_portrait import __version__
from obs_portrait.errors import PortraitError

__all__ = ["app", "main"]

app = typer.Typer(
    name="obs-portrait",
    help="Become somebody else, live, face and voice together.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Command modules import heavy libraries inside their functions only, so that --help stays instant.
COMMANDS = (
    "demo",
    "render",
    "run",
    "obs",
    "bindings",
    "remote",
    "dock",
    "clip",
    "profiles",
    "crop",
    "voice",
    "evaluate",
    "checkpoints",
    "bench",
    "autostart",
    "doctor",
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"obs-portrait {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
) -> None:
    """Options before the command."""


for _name in COMMANDS:
    import_module(f"daemon.commands.{_name}").register(app)


def main() -> None:
    """Runs the command line; an error of ours is shown as its one sentence and ends with exit status 1."""
    for stream in (sys.stdout, sys.stderr):  # into a file, Windows writes the letters of one country only
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except PortraitError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.secho("Stopped.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
