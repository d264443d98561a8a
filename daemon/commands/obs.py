"""`obs-portrait obs …`: everything between OBS Portrait and OBS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from obs_portrait.errors import ObsError

if TYPE_CHECKING:
    from obs_portrait.obs.client import ObsClient
    from obs_portrait.obs.setup import Step

__all__ = ["register"]

_WAIT_S = 6.0
_OUTPUTS = {
    "streaming": "GetStreamStatus",
    "recording": "GetRecordStatus",
    "replay buffer": "GetReplayBufferStatus",
    "virtual camera": "GetVirtualCamStatus",
}

obs_app = typer.Typer(help="OBS: look, set up, measure.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(obs_app, name="obs")


@contextmanager
def connected() -> Iterator[ObsClient]:
    """A client with a link. Raises `ObsError` with why there is none."""
    from obs_portrait.obs.client import ObsClient
    from obs_portrait.obs.keeping import find_address

    address = find_address()
    with ObsClient(address) as client:
        if not client.wait_connected(_WAIT_S):
            raise ObsError(client.problem or f"OBS did not answer at {address} within {_WAIT_S:.0f} s.")
        yield client


@obs_app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False) -> None:
    """Is OBS there, what does it show, and is our source in it."""
    from obs_portrait.obs.setup import source_names

    with connected() as client:
        version = client.version
        scenes = client.request("GetSceneList")
        inputs = [str(one["inputName"]) for one in client.request("GetInputList").get("inputs", [])]
        ours = sorted(name for name in source_names() if name in inputs)
        outputs = {}
        for name, request in _OUTPUTS.items():
            try:
                outputs[name] = "on" if client.request(request).get("outputActive") else "off"
            except ObsError as error:
                outputs[name] = "not set up in OBS" if error.code == 604 else str(error)
        answer: dict[str, Any] = {
            "obs": version.get("obsVersion"), "websocket": version.get("obsWebSocketVersion"),
            "platform": version.get("platformDescription"), "scene": scenes.get("currentProgramSceneName"),
            "scenes": [scene["sceneName"] for scene in reversed(scenes.get("scenes", []))], "sources": ours, **outputs,
        }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    typer.echo(f"OBS {answer['obs']} with obs-websocket {answer['websocket']} on {answer['platform']}")
    typer.echo(f"on program   {answer['scene']}")
    typer.echo(f"our sources  {', '.join(ours) or 'none yet; type: obs-portrait obs setup'}")
    for name, state in outputs.items():
        typer.echo(f"{name:<15}{state}")


@obs_app.command()
def setup(
    *,
    scene: Annotated[
        list[str] | None, typer.Option(help="Where to put it; repeatable. [default: the one on program]")
    ] = None,
    kind: Annotated[
        str, typer.Option(help="stream: picture and voice as one source; devices: virtual camera and microphone.")
    ] = "stream",
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Port of the stream.")] = 47650,
    camera: Annotated[str, typer.Option(help="Part of the virtual camera's name.")] = "OBS Virtual Camera",
    microphone: Annotated[str, typer.Option(help="Part of the virtual microphone's name.")] = "portrait_mic",
    offset_ms: Annotated[
        int, typer.Option(min=-950, max=20000, help="How much OBS delays the virtual microphone.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put our source into OBS's scenes. Doing it again changes nothing; `obs undo` takes it back."""
    from obs_portrait.obs.setup import plan

    if kind not in ("stream", "devices"):
        raise typer.BadParameter(f"'{kind}' is neither stream nor devices.", param_hint="--kind")
    with connected() as client:
        steps = plan(
            client, scene or (), kind="stream" if kind == "stream" else "devices", port=port, camera=camera,
            microphone=microphone, offset_ms=offset_ms,
        )  # fmt: skip
        if not steps:
            typer.echo("Everything is as it should be; nothing to do.")
            return
        if _carry_out(steps, dry_run, yes) and kind == "stream":
            sink = "--sink obs" if port == 47650 else f"--sink obs:{port}"
            typer.echo(f"Done. Type `obs-portrait run {sink}`, and OBS shows you as your persona.")


@obs_app.command()
def undo(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take back what `obs setup` did."""
    from obs_portrait.obs.setup import plan_undo

    with connected() as client:
        steps, others = plan_undo(client)
        if steps:
            _carry_out(steps, dry_run, yes)
        else:
            typer.echo("There is nothing of ours in this scene collection.")
        for name in others:
            typer.echo(f"Scene collection '{name}' has some too: open it in OBS and type this again.")


def _carry_out(steps: list[Step], dry_run: bool, yes: bool) -> bool:
    for step in steps:
        typer.echo(f"  - {step.text}")
    if dry_run:
        return False
    if not yes and not typer.confirm("Do that?", default=True):
        typer.echo("Nothing was changed.")
        return False
    for step in steps:
        step.do()
    return True


@obs_app.command()
def latency(
    *,
    source: Annotated[str, typer.Option(help="performance, camera:0, or what `run` takes.")] = "performance",
    audio: Annotated[str, typer.Option(help="performance or mic.")] = "performance",
    persona: Annotated[str | None, typer.Option(help="Whose engine works. [default: the first]")] = None,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT.")] = "512x512",
    seconds: Annotated[float, typer.Option(min=2, max=600)] = 8.0,
    port: Annotated[int, typer.Option(min=1024, max=65535)] = 47650,
    plot: Annotated[Path | None, typer.Option(help="Where to put the plot. [default: obs-latency.png here]")] = None,
    write: Annotated[
        bool | None, typer.Option("--write/--no-write", help="Write the correction into OBS. [default: ask]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Measure capture -> OBS for picture and sound, with marks through the real chain. OBS shows them for 20 s."""
    from daemon.commands.run import _size
    from daemon.latency import measure_chain
    from obs_portrait.obs.latency.plot import plot as draw

    with connected() as client:
        found = measure_chain(
            client, source=source, audio=audio, persona=persona, size=_size(size), port=port, seconds=seconds,
            say=lambda text: typer.echo(text, err=True),
        )  # fmt: skip
        picture = draw(found, plot or Path("obs-latency.png"))
        if as_json:
            typer.echo(json.dumps(found.as_dict()))
            return
        typer.echo(
            f"picture  {found.picture.median:5.0f} ms   95 % within {found.picture.p95:.0f} ms, "
            f"{found.picture.count} looks"
        )
        if found.skew_ms is None or found.sound_ms is None:
            typer.echo("sound    not measured: OBS could not make a short recording")
        else:
            typer.echo(
                f"sound    {found.sound_ms:5.0f} ms   {len(found.skews)} chirps, spread {found.skew_spread_ms:.1f} ms"
            )
            typer.echo(f"skew     {found.skew_ms:+5.0f} ms   (sound after picture)")
            _correct(client, -round(found.skew_ms), write)
    typer.echo(f"plot     {picture}")


def _correct(client: ObsClient, offset_ms: int, write: bool | None) -> None:
    """Offers to write the sync offset of our sources: positive delays the sound."""
    from obs_portrait.obs.setup import MICROPHONE, STREAM, source_names

    names = [name for name in (STREAM, MICROPHONE) if name in source_names()]
    if not names or abs(offset_ms) < 10:
        if abs(offset_ms) < 10:
            typer.echo("Less than 10 ms: nothing to correct.")
        return
    if write is None:
        write = typer.confirm(
            f"Set the sync offset of {' and '.join(names)} in OBS to {offset_ms:+d} ms?", default=False
        )
    if write:
        for name in names:
            client.request("SetInputAudioSyncOffset", {"inputName": name, "inputAudioSyncOffset": offset_ms})
        typer.echo("Written. `obs-portrait obs setup` would set it back to 0.")


@obs_app.command()
def password(
    *,
    address: Annotated[
        str | None, typer.Option(help="HOST:PORT of OBS. [default: as OBS's own configuration says]")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Use OBS's own configuration again.")] = False,
) -> None:
    """Keep OBS's password (and address): needed only if OBS's own configuration cannot be found or is elsewhere."""
    from obs_portrait.obs import keeping
    from obs_portrait.obs.address import Address, Secret
    from obs_portrait.obs.discovery import look

    if forget:
        typer.echo("Forgotten." if keeping.forget() else "There was nothing to forget.")
        return
    if address is not None:
        host, port = keeping.parse_address(address)
    else:
        found = look()
        host, port = ("127.0.0.1", found[0].port if found else Address().port)
    text = typer.prompt(f"Password of OBS at {host}:{port}", hide_input=True, default="", show_default=False)
    typer.echo(f"Kept in {keeping.remember(Address(host, port, Secret(text)))}.")


@obs_app.command("install-script")
def install_script(
    remove: Annotated[bool, typer.Option("--remove", help="Take it out again.")] = False,
) -> None:
    """Put our script into OBS (Tools > Scripts): hotkeys for personas, panic, recalibration and clips."""
    from obs_portrait.obs.script import install

    done = install.uninstall_script() if remove else install.install_script()
    for name in done.changed:
        typer.echo(f"{'taken out of' if remove else 'entered into'} scene collection '{name}'")
    for problem in done.problems:
        typer.secho(problem, fg=typer.colors.YELLOW, err=True)
    if done.running:
        typer.echo("OBS is running, so its scene collections were left alone.")
    if remove:
        return
    if done.complete:
        typer.echo(f"The script is in OBS: {done.script}. Hotkeys are in Settings > Hotkeys.")
    else:
        typer.echo(install.by_hand(done.script))
