"""`obs-portrait bindings`: which scene calls whom, and why."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from obs_portrait.errors import ObsError

__all__ = ["register"]

bindings_app = typer.Typer(help="Which scene calls which persona.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(bindings_app, name="bindings")


@bindings_app.callback()
def show(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False
) -> None:
    """The rules in force; and, if OBS runs, what each of its scenes calls for."""
    if context.invoked_subcommand is not None:
        return
    from daemon.commands.obs import connected
    from obs_portrait.obs.binding_file import BindingFile
    from obs_portrait.obs.bindings import LEAVE

    file = BindingFile(on_problem=lambda text: typer.secho(text, fg=typer.colors.RED, err=True))
    now = file.now
    scenes: list[str] = []
    collection, problem = "", None
    try:
        with connected() as client:
            listed = client.request("GetSceneList").get("scenes", [])
            scenes = [str(scene["sceneName"]) for scene in reversed(listed)]
            collection = str(client.request("GetSceneCollectionList").get("currentSceneCollectionName", ""))
    except ObsError as error:
        problem = str(error)
    decided = [(scene, now.decide(scene, collection)) for scene in scenes]
    if as_json:
        answer: dict[str, Any] = {
            "file": str(file.path),
            "rules": [rule.model_dump() for rule in now.rules],
            "profiles": [{"scene": scene, "persona": persona} for scene, persona in now.from_profiles],
            "default": now.default,
            "collection": collection,
            "scenes": [{"scene": s, "persona": d.persona, "cut": d.cut, "why": d.why} for s, d in decided],
            "problem": problem,
        }
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    typer.echo(f"{file.path}{'' if file.path.exists() else ' (not there yet)'}")
    for number, rule in enumerate(now.rules, 1):
        more = "" if rule.studio == "program" else ", in studio mode's preview"
        typer.echo(f"{number:3}. {rule} -> {rule.persona} (at the {rule.cut} of the transition{more})")
    for scene, persona in now.from_profiles:
        typer.echo(f"   . scene {scene!r} -> {persona} (its profile)")
    typer.echo(f"   . all others -> {'whoever is on stage stays' if now.default == LEAVE else now.default}")
    if problem is not None:
        typer.echo(f"OBS's scenes are not known: {problem}")
    elif decided:
        typer.echo(f"\nScenes of '{collection}':")
        wide = max(len(scene[:40]) for scene, _ in decided)
        for scene, decision in decided:
            typer.echo(f"  {scene[:40]:<{wide}}  {decision.persona or '(stays)'}   {decision.why}")


@bindings_app.command("set")
def set_rule(
    scene: str = typer.Argument(help="The scene's exact name."),
    persona: str = typer.Argument(help='A persona, or "leave".'),
    cut: Annotated[str, typer.Option(help="When in a transition: start, middle or end.")] = "start",
    collection: Annotated[str | None, typer.Option(help="Only in this scene collection (a pattern).")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="When it is in studio mode's preview.")] = False,
) -> None:
    """Bind a scene to a persona."""
    from obs_portrait.obs.binding_file import BindingFile
    from obs_portrait.obs.bindings import LEAVE
    from obs_portrait.persona import store

    if persona != LEAVE:
        store.load(persona)
    more = {"cut": cut} if cut != "start" else {}
    if collection is not None:
        more["collection"] = collection
    if preview:
        more["studio"] = "preview"
    file = BindingFile()
    file.bind(scene, persona, **more)
    typer.echo(f"'{scene}' calls {persona}; written into {file.path}.")


@bindings_app.command("remove")
def remove(
    scene: str = typer.Argument(help="The scene's exact name."),
    collection: Annotated[str | None, typer.Option(help="The rule for this collection.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="The rule for the preview.")] = False,
) -> None:
    """Take a scene's own rule away."""
    from obs_portrait.obs.binding_file import BindingFile

    more = {} if collection is None else {"collection": collection}
    if preview:
        more["studio"] = "preview"
    file = BindingFile()
    before = file.now.rules
    file.bind(scene, None, **more)
    typer.echo("Removed." if file.now.rules != before else f"There is no rule for scene '{scene}' in {file.path}.")
