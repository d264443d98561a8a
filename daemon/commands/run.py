"""`obs-portrait run`: live, from a camera (or file, screen, the bundled performance) to windows, devices and files."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from obs_portrait.errors import PortraitError

if TYPE_CHECKING:
    from daemon.app import Doors
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


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """A terminated program stops as orderly as one that is interrupted."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _play(options: LiveOptions, doors: Doors, seconds: float | None) -> tuple[LiveReport, str | None]:
    from daemon.app import App
    from daemon.live_status import LiveLine

    line = LiveLine()
    app = App(options, doors, line.notice)
    session = app.session
    try:
        with line:
            line.waiting(session.personas)
            app.start()
            line.watch(session, seconds)
    except KeyboardInterrupt:
        line.notice_text("Stopping …")
    except PortraitError as error:
        if line.told(str(error)):
            raise typer.Exit(1) from error
        raise
    finally:
        report = app.stop()
    return report, session.error


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""

    @app.command()
    def run(
        *,
        source: Annotated[
            str, typer.Option(help="camera:0, camera:NAME, screen, screen:X,Y,WxH, performance, or a file.")
        ] = "camera:0",
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
            typer.Option(help="speaker, speaker:NAME (a virtual cable, for instance) or null; repeatable."),
        ] = None,
        size: Annotated[str, typer.Option(help="Size of the persona's picture, WIDTHxHEIGHT.")] = "512x512",
        fps: Annotated[str, typer.Option(help="Pictures a second at the sinks.")] = "30",
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
    ) -> None:
        """Be a persona live: face and voice together. In the preview window press ? for the keys."""
        from daemon.app import Doors
        from daemon.control.server import DEFAULT_PORT
        from obs_portrait.pipeline.live.options import LiveOptions

        width, height = _size(size)
        live_sinks, record = _sinks(sink if sink else ["window"])
        streams = any(one.partition(":")[0] == "obs" for one in live_sinks)
        wants_sound = bool(audio or audio_sink or record or streams)
        options = LiveOptions(
            source=source,
            personas=_personas(persona or []),
            sinks=live_sinks,
            audio=(audio or _audio_of(source)) if wants_sound else None,
            audio_sinks=audio_sink or [],
            record=record,
            width=width,
            height=height,
            rate=_rate(fps),
            loop=loop,
            force=force,
        )
        with _sigterm_as_ctrl_c():
            result, error = _play(options, Doors(obs, control, DEFAULT_PORT), seconds)
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
