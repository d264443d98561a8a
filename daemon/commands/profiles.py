"""`obs-portrait profiles list|show|new|check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

__all__ = ["register"]

_KINDS = ("fictional", "self", "licensed", "public-domain")


def _row(listing: Any) -> dict[str, Any]:
    """What `list --json` says of one persona."""
    row: dict[str, Any] = {"name": listing.name, "origin": listing.origin, "folder": str(listing.folder)}
    if listing.profile is None:
        return {**row, "problems": listing.problem.problems}
    profile = listing.profile
    return {
        **row,
        "description": profile.description,
        "engine": profile.face.engine,
        "converter": profile.voice.converter,
        "consent": profile.consent.kind,
        "reveals": list(profile.reveals),
    }


def _ask(value: str | None, question: str, choices: Sequence[str] = ()) -> str:
    if value is not None:
        return value
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Give it as an option; `obs-portrait profiles new --help` lists them.")
    import click

    return str(typer.prompt(question, type=click.Choice(choices) if choices else str))


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    group = typer.Typer(no_args_is_help=True, help="The personas: what there is, and making new ones.")
    app.add_typer(group, name="profiles")

    @group.command("list")
    def list_all(as_json: bool = typer.Option(False, "--json", help="Print JSON only.")) -> None:
        """All personas, the built-in ones and yours."""
        from obs_portrait.persona import store

        listings = store.list_profiles()
        if as_json:
            typer.echo(json.dumps([_row(listing) for listing in listings], ensure_ascii=False))
            return
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(show_edge=False)
        for heading in ("persona", "", "face", "voice", "consent", "from"):
            table.add_column(heading)
        for listing in listings:
            if listing.problem is not None:
                table.add_row(
                    escape(listing.name), f"[red]{len(listing.problem.problems)} problem(s)", "", "", "", listing.origin
                )
                continue
            row = _row(listing)
            warning = f" [yellow](shows your {' and '.join(row['reveals'])})" if row["reveals"] else ""
            name, description = escape(row["name"]), escape(row["description"])
            table.add_row(name, description + warning, row["engine"], row["converter"], row["consent"], listing.origin)
        Console().print(table)
        if any(listing.problem for listing in listings):
            typer.echo("Type `obs-portrait profiles check` to see the problems.")

    @group.command()
    def show(
        name: str = typer.Argument(help="Name of a persona, or the folder of one."),
        as_json: bool = typer.Option(False, "--json", help="Print JSON only."),
    ) -> None:
        """Every setting of a persona, defaults included."""
        from obs_portrait.persona import store

        profile = store.load(name)
        settings = profile.model_dump(mode="json")
        if as_json:
            typer.echo(json.dumps({**settings, "folder": str(profile.folder)}, ensure_ascii=False))
            return
        import tomlkit

        typer.echo(f"# {profile.folder}")
        typer.echo(tomlkit.dumps(_without_none(settings)))
        for warning in profile.warnings():
            typer.secho(warning, fg=typer.colors.YELLOW, err=True)

    @group.command()
    def new(
        image: Path = typer.Argument(help="Picture of a face from the front."),
        name: str | None = typer.Option(None, help="Name of the persona; made from the file's name if left out."),
        consent: str | None = typer.Option(None, help=f"Whose face it is: {', '.join(_KINDS)}."),
        subject: str | None = typer.Option(None, help="Who is shown."),
        statement: str | None = typer.Option(None, help="Why you may use the picture."),
        description: str = typer.Option("", help="A line about the persona."),
        landmarks: Path | None = typer.Option(None, help="A landmarks.npz for a face that cannot be found by itself."),
    ) -> None:
        """Make a persona of your own from a picture."""
        from obs_portrait.face.portrait import load_portrait
        from obs_portrait.persona import store
        from obs_portrait.persona.names import slug

        load_portrait(image, landmarks)  # says in one sentence why a picture cannot serve
        name = name or slug(image.stem)
        hidden = any(listing.name == name for listing in store.list_profiles())
        made = store.create(
            image,
            name,
            consent=_ask(consent, "Whose face is it?", _KINDS),
            subject=_ask(subject, "Who is shown?"),
            statement=_ask(statement, "Why may you use the picture?"),
            description=description,
            sidecar=landmarks if landmarks is not None else _beside(image),
        )
        typer.echo(f"Made '{made.name}' in {made.folder}; edit profile.toml there to change its voice.")
        if hidden:
            typer.secho(f"It takes the place of the built-in persona '{name}' until you remove that folder.", err=True)
        for warning in made.warnings():
            typer.secho(warning, fg=typer.colors.YELLOW, err=True)

    @group.command()
    def check(
        names: list[str] = typer.Argument(None, help="Personas or folders; all if left out."),
        faces: bool = typer.Option(True, help="Look for the face in the pictures too."),
    ) -> None:
        """Every problem of every persona, with file and line. Exit status 1 if there is one."""
        from obs_portrait.errors import PortraitError
        from obs_portrait.face.portrait import load_portrait
        from obs_portrait.persona import store

        problems = 0
        for name in names or [listing.name for listing in store.list_profiles()]:
            try:
                profile = store.load(name)
                if faces and "face" not in profile.reveals:
                    load_portrait(profile.portrait_path)
            except PortraitError as error:
                problems += 1
                typer.secho(str(error), fg=typer.colors.RED)
                continue
            typer.echo(f"{profile.name}: ok")
            for warning in profile.warnings():
                typer.secho(f"  {warning}", fg=typer.colors.YELLOW)
        if problems:
            raise typer.Exit(1)


def _beside(image: Path) -> Path | None:
    from obs_portrait.face.portrait import SIDECAR

    sidecar = image.with_name(SIDECAR)
    return sidecar if sidecar.is_file() else None


def _without_none(value: Any) -> Any:
    """TOML has no null: what is not set is left out."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value if item is not None]
    return value
