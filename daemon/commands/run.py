"""`obs-portrait run`: live, from a camera (or file, screen, the bundled performance) to windows, devices and files."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from obs_portrait.errors import PortraitError

if TYPE_CHECKING:
    from daemon.app import Doors
    from daemon.desktop import Desktop
    from daemon.ending import Ending
    from daemon.settings import SettingsFile
    from obs_portrait.pipeline.live.messages import Notice
    from obs_portrait.pipeline.live.options import LiveOptions
    from obs_portrait.pipeline.live.status import LiveReport

__all__ = ["register"]

_RECORDINGS = {".mp4", ".m4v", ".mov", ".mkv", ".webm"}


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a size; write it as 512x512.") from None
    if not (64 <= width <= 3840 and 64 <= height <= 2160):
        raise typer.BadParameter(f"{width}x{height} is outside 64x64 to 3840x2160.")
    return width, height


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(f"'{text}' is not a rate; write it as 30 or 30000/1001.") from None
    if not 1 <= rate <= 120:
        raise typer.BadParameter(f"{text} frames a second is outside 1 to 120.")
    return rate


def _sinks(specs: list[str]) -> tuple[list[str], Path | None]:
    """Live sinks, and the file to record into."""
    files = [Path(spec) for spec in specs if Path(spec).suffix.lower() in _RECORDINGS]
    if len(files) > 1:
        raise typer.BadParameter("One recording at a time; name one file.")
    return [spec for spec in specs if Path(spec).suffix.lower() not in _RECORDINGS], (files[0] if files else None)


def _audio_of(source: str) -> str:
    """The voice that belongs to a source: a file's own sound, the performance's, else the microphone."""
    if source == "performance":
        return source
    return source if Path(source).suffix.lower() in _RECORDINGS | {".avi", ".flv", ".ts"} else "mic"


def _personas(names: list[str]) -> list[str]:
    from obs_portrait.persona import store

    if names:
        return names
    usable = [one.name for one in store.list_profiles() if one.profile is not None and not one.profile.reveals]
    if not usable:
        raise typer.BadParameter("There is no usable persona; type `obs-portrait profiles check`.")
    return usable[:9]


def _play(
    options: LiveOptions, doors: Doors, seconds: float | None, settings: SettingsFile, ending: Ending, *, tray: bool,
    keys: bool,
) -> tuple[LiveReport, str | None]:  # fmt: skip
    from daemon.app import App
    from daemon.live_status import LiveLine
    from daemon.logs import log_notice, logging_to_files

    line = LiveLine()

    def told(notice: Notice) -> None:
        log_notice(notice)
        line.notice(notice)
        if side is not None:
            side.notice(notice)

    side: Desktop | None = None
    app = App(options, doors, told, settings)
    with logging_to_files(), line:
        try:
            try:
                line.waiting(app.session.personas)
                if tray or keys:  # before the show, whose processes take all the processor's time at first
                    from daemon.desktop import Desktop

                    side = Desktop(app, tray=tray, keys=keys)
                app.start(background=True)
                if side is not None:
                    side.start()
                line.watch(app, seconds)
            finally:
                ending.begin()
        except KeyboardInterrupt:
            line.notice_text("Stopping …")
        except PortraitError as error:
            if line.told(str(error)):
                raise typer.Exit(1) from error
            raise
        finally:
            try:
                if side is not None:
                    side.stop()
            finally:
                report = app.stop()
    return report, app.session.error


def _already_runs(persona: list[str], off: bool | None) -> bool:
    """A second start talks to the first. off: rest, or its end, if that was asked for."""
    from daemon.control.client import ControlClient

    client = ControlClient()
    if not client.running():
        return False
    said = []
    if off is not None:
        client.request("POST", "/v1/off", {"on": off})
        said += ["camera and microphone are closed, until `obs-portrait on`" if off else "the persona is back"]
    if persona:
        client.switch(persona[0])
        said += [f"you are {persona[0]} now"]
    if said:
        typer.echo(f"OBS Portrait already runs; {', and '.join(said)}.")
    else:
        typer.echo(
            f"OBS Portrait already runs, as {client.status().get('persona')}; `obs-portrait status` tells more, "
            "`obs-portrait dock --open` opens its page, `obs-portrait quit` ends it."
        )
    return True


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command()
    def run(
        *,
        source: Annotated[
            str | None,
            typer.Option(
                help="camera:0, camera:NAME, screen, screen:X,Y,WxH, performance, or a file. [default: camera:0]"
            ),
        ] = None,
        persona: Annotated[
            list[str] | None, typer.Option(help="Who to become; repeat it for more, keys 1 to 9 switch. [default: all]")
        ] = None,
        sink: Annotated[
            list[str] | None,
            typer.Option(
                help="obs or obs:PORT (the stream that OBS plays), window, virtualcam, virtualcam:DEVICE, null, or a "
                "file to record into; repeatable. "
                "[default: window]"
            ),
        ] = None,
        audio: Annotated[
            str | None, typer.Option(help="mic, mic:NAME, performance or a file. [default: what belongs to the source]")
        ] = None,
        audio_sink: Annotated[
            list[str] | None,
            typer.Option(help="virtualmic, speaker, speaker:NAME (a virtual cable, for instance) or null; repeatable."),
        ] = None,
        size: Annotated[
            str | None, typer.Option(help="Size of the persona's picture, WIDTHxHEIGHT. [default: 512x512]")
        ] = None,
        fps: Annotated[str | None, typer.Option(help="Pictures a second at the sinks. [default: 30]")] = None,
        seconds: Annotated[
            float | None, typer.Option(min=0.1, help="Stop after so long. [default: until Esc or Ctrl-C]")
        ] = None,
        loop: Annotated[bool, typer.Option("--loop", help="Start a file again at its end.")] = False,
        report: Annotated[Path | None, typer.Option(help="Write the figures as JSON into this file.")] = None,
        force: Annotated[bool, typer.Option("--force", help="Overwrite a recording that exists.")] = False,
        obs: Annotated[bool, typer.Option("--obs/--no-obs", help="Follow OBS: scenes switch personas.")] = True,
        control: Annotated[
            bool,
            typer.Option("--control/--no-control", help="Listen to `obs-portrait switch` and the others, and to OBS."),
        ] = True,
        tray: Annotated[
            bool | None, typer.Option("--tray/--no-tray", help="Show the icon. [default: as in the settings]")
        ] = None,
        keys: Annotated[bool, typer.Option("--keys/--no-keys", help="Listen for the hotkeys of the settings.")] = True,
        off: Annotated[
            bool | None,
            typer.Option("--off/--on", help="Begin at rest: camera and microphone stay closed until you switch it on."),
        ] = None,
    ) -> None:
        """Be a persona live: face and voice together. What is not said here is as settings.toml has it.

        In the preview window press ? for the keys.
        """
        from daemon.app import Doors
        from daemon.ending import Ending
        from daemon.settings import SettingsFile
        from daemon.tray.availability import desktop_is_there
        from obs_portrait.folders import state_dir
        from obs_portrait.pipeline.live.options import LiveOptions

        if control and _already_runs(persona or [], off):
            return
        settings = SettingsFile()
        show = settings.now.show
        width, height = _size(size or show.size)
        live_sinks, record = _sinks(sink or show.sinks)
        streams = any(one.partition(":")[0] == "obs" for one in live_sinks)
        audio_sinks = audio_sink if audio_sink is not None else show.audio_sinks
        source = source or show.source
        audio = audio or show.audio
        wants_sound = bool(audio or audio_sinks or record or streams)
        rests = show.start_off if off is None else off
        # After a login the panel may come later than we do; until then the page and the terminal are there.
        icon = settings.now.tray.enabled if tray is None else tray
        options = LiveOptions(
            source=source,
            personas=_personas(persona or show.personas),
            sinks=live_sinks,
            audio=(audio or _audio_of(source)) if wants_sound else None,
            audio_sinks=audio_sinks,
            record=record,
            width=width,
            height=height,
            rate=_rate(fps or str(show.fps)),
            loop=loop,
            force=force,
            rests=rests,
            understudies=show.understudies and record is None,
            patient=rests or (icon and desktop_is_there()),
            calibrations=state_dir() / "calibrations.json",
        )
        with Ending() as ending:
            doors = Doors(obs, control, settings.now.control.port)
            result, error = _play(options, doors, seconds, settings, ending, tray=icon, keys=keys)
        _finish(result, error, report)


def _finish(result: LiveReport, error: str | None, path: Path | None) -> None:
    from daemon.live_status import summary

    if path is not None:
        figures: dict[str, Any] = result.as_dict()
        path.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    summary(result)
    if error is not None:
        typer.secho(error, fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
