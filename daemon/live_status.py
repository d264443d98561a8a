"""What the terminal shows of a live session: one line that is always there, sentences above it, a table at the end."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from daemon.app import App
    from obs_portrait.pipeline.live.messages import Notice
    from obs_portrait.pipeline.live.status import LiveReport, LiveStatus

__all__ = ["LiveLine", "summary"]

_MOST: Final = 200
"""Sentences that are kept while the terminal takes none."""
_LAST_S: Final = 1.0
_COLOURS = {"live": "green", "revealed": "red", "source lost": "red", "portrait": "yellow", "card": "yellow"}


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end the program."""
        raise BrokenPipeError


class LiveLine:
    """The status line; without a terminal only the sentences are printed.

    A terminal may stop taking text at any moment (Ctrl-S, a mark in a Windows console) and the show must not wait for
    it: only this object's own thread writes. Meanwhile the newest sentences and the newest line are kept.
    """

    def __init__(self, file: IO[str] | None = None, terminal: bool | None = None) -> None:
        """file: standard error, unless another one is given. terminal: what it is, None: as it says itself."""
        self._console = _Terminal(file=file or sys.stderr, force_terminal=terminal, highlight=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._told = ""
        self._changed = threading.Condition()
        self._sentences: deque[Text] = deque(maxlen=_MOST)
        self._line: Text | None = None
        self._over = False
        self._writer = threading.Thread(target=self._write, name="terminal", daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """What is left is written, if the terminal takes it."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._writer.join(_LAST_S)

    def waiting(self, personas: list[str]) -> None:
        """Before the show."""
        self._show(Text(f"Preparing {', '.join(personas)} …"))

    def notice(self, notice: Notice) -> None:
        """A sentence of the session, above the line. From any thread. The same one twice in a row, from the process
        that failed and from the show that it ends, is printed once."""
        if self.told(notice.text):
            return
        self._told = notice.text
        self._say(Text(notice.text, style="yellow" if notice.problem else "green"))

    def told(self, text: str) -> bool:
        """Whether this sentence was the last one shown: it need not be said twice."""
        return self._told == text

    def notice_text(self, text: str) -> None:
        """A sentence of our own."""
        self._say(Text(text))

    def watch(self, app: App, seconds: float | None) -> None:
        """Shows the daemon's session until it ends or the time is over. Raises what `App.wait` raises."""
        end = None if seconds is None else seconds
        shown = 0.0
        while end is None or shown < end:
            step = 1.0 if app.session.cover.rests or not self._console.is_terminal else 0.25
            wait = step if end is None else min(step, end - shown)
            if app.wait(wait):
                return
            shown += 0.0 if app.opening else wait
            if self._console.is_terminal:
                self._show(_line(app.session.status()))

    def _say(self, text: Text) -> None:
        with self._changed:
            self._sentences.append(text)
            self._changed.notify_all()

    def _show(self, text: Text) -> None:
        with self._changed:
            self._line = text
            self._changed.notify_all()

    def _write(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._sentences or self._line is not None or self._over)
                    sentences, line, over = list(self._sentences), self._line, self._over
                    self._sentences.clear()
                    self._line = None
                for text in sentences:
                    self._console.print(text)
                if line is not None and not over:
                    if not self._live.is_started:
                        self._live.start()
                    self._live.update(line, refresh=True)
                if over:
                    if self._live.is_started:
                        self._live.stop()
                    return
        except (OSError, ValueError):  # the terminal is gone; the log has everything
            return


def _line(status: LiveStatus) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {status.persona} ", style="bold")
    # A persona may let the real voice out alone, while the picture is live.
    state = "revealed" if status.reveals and not (status.panic or status.rests) else status.state
    text.append(f"{state:<11}", style=_COLOURS.get(state, ""))
    cells = status.video.cells
    text.append(f" {status.fps:4.1f} fps  picture {status.video.latency_ms:4.0f} ms")
    if status.audio is not None:
        text.append(f"  voice {status.audio.latency_ms:3.0f} ms")
        if status.skew_ms is not None:
            text.append(f"  skew {status.skew_ms:+.0f} ms")
        text.append(f"  late blocks {status.audio.cells.get('late', 0)}")
    text.append(f"  dropped {cells.get('frames_dropped', 0)}")
    if status.reference is not None:
        text.append(f"  reference {status.reference[0]:.2f} (best {status.reference[1]:.2f})", style="cyan")
    return text


def summary(report: LiveReport) -> None:
    """The final table."""
    table = Table(title="live session", show_header=False, title_justify="left")
    video, audio = report.video, report.audio

    def row(name: str, value: object) -> None:
        table.add_row(name, str(value))

    row("time", f"{report.seconds:.1f} s, {len(report.cues)} switches")
    row("pictures", f"{video.get('frames_in', 0)} made, {video.get('frames_out', 0)} written")
    stand_ins = video.get("held", 0) + video.get("portraits", 0) + video.get("cards", 0)
    row("stand-ins", f"{stand_ins}, frames without a face {video.get('lost_faces', 0)}")
    row("camera frames dropped", video.get("frames_dropped", 0))
    row("picture capture -> sink", _latency(video))
    if audio is not None:
        row("voice capture -> sink", _latency(audio))
        p50, p99 = audio.get("process_p50_ns", 0) / 1e6, audio.get("process_p99_ns", 0) / 1e6
        row("voice per 10 ms block", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms")
        row("late blocks", f"{audio.get('late', 0)} of {audio.get('blocks', 0)}")
        if report.skew_ms is not None:
            row("A/V skew at the sinks", f"{report.skew_ms:+.1f} ms")
    row("restarts", video.get("restarts", 0) + (audio or {}).get("restarts", 0))
    row("leaks stopped", sum(part.get(key, 0) for part in (video, audio or {}) for key in ("leaks", "refused")))
    if report.recording is not None:
        row("recording", report.recording)
    Console(stderr=True).print(table)


def _latency(figures: Mapping[str, Any]) -> str:
    whole = figures.get("latency")
    if not whole:  # the process did not live to tell
        return f"median {figures.get('latency_ns', 0) / 1e6:.0f} ms"
    return f"median {whole['p50_ms']:.0f} ms, p95 {whole['p95_ms']:.0f} ms, worst {whole['max_ms']:.0f} ms"
