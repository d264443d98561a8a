"""`obs-portrait doctor`: what is here, what is missing, what to do."""

from __future__ import annotations

import json

import typer

__all__ = ["register"]

_MARKS = {"ok": "[green]ok", "warn": "[yellow]note", "missing": "[red]missing"}


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command()
    def doctor(as_json: bool = typer.Option(False, "--json", help="Print JSON only.")) -> None:
        """What is here, what is missing, what to do, and why something falls back. Exit status 1 if nothing can run."""
        from daemon.doctor import examine

        rows = examine()
        if as_json:
            typer.echo(json.dumps([row.as_dict() for row in rows], ensure_ascii=False))
        else:
            from rich.console import Console
            from rich.markup import escape
            from rich.table import Table

            table = Table(show_edge=False, show_lines=False)
            for heading in ("", "what", "", "what to do"):
                table.add_column(heading, overflow="fold")
            area = ""
            for row in rows:
                if row.area != area:
                    table.add_section()
                    area = row.area
                table.add_row(_MARKS[row.status], escape(row.what), escape(row.detail), escape(row.todo))
            Console().print(table)
        if any(row.essential and row.status == "missing" for row in rows):
            raise typer.Exit(1)
