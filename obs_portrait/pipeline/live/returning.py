"""A sound device that may be lost: the others go on, and it is opened again as soon as it is back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from obs_portrait.errors import LeakError, PortraitError
from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import PersonaBlock
from obs_portrait.pipeline.live.policy import Backoff

__all__ = ["ReturningSink"]


class ReturningSink(AudioSink):
    """Stands before the sink that `make` makes. `notice(text, problem)`: one sentence when it is lost, one when it is
    back. What is written meanwhile is heard nowhere."""

    def __init__(self, make: Callable[[], AudioSink], notice: Callable[[str, bool], None]) -> None:
        self._make, self._notice = make, notice
        self._sink = make()
        self._usable = self._lost = False
        self._returned: AudioSink | None = None
        self._helper: threading.Thread | None = None
        self._halt = threading.Event()
        self.name = self._sink.name

    @property
    def adds_ns(self) -> int:  # type: ignore[override]
        """That of the sink."""
        return self._sink.adds_ns

    @property
    def underruns(self) -> int:
        """That of the sink since it was opened last."""
        return int(getattr(self._sink, "underruns", 0))

    @property
    def dropped(self) -> int:
        """As `underruns`."""
        return int(getattr(self._sink, "dropped", 0))

    def open(self) -> None:
        """The first opening: its error is the caller's."""
        self._sink.open()
        self.name, self._usable = self._sink.name, True

    def open_aside(self) -> None:
        """The first opening, in a thread of its own: whoever takes a dead process's place does not wait for a sound
        server. A device that is not there is looked for from then on."""
        self._helper = threading.Thread(target=self._reopen, args=(None,), name="open", daemon=True)
        self._helper.start()

    def _write(self, block: PersonaBlock) -> None:
        if self._returned is not None:
            self._sink, self._returned, self._helper = self._returned, None, None
            self._usable, self.name = True, self._sink.name
            if self._lost:
                self._lost = False
                self._notice(f"{self.name} is back.", False)
        if not self._usable:
            return
        try:
            self._sink.write(block)
        except LeakError:
            raise
        except Exception as error:
            self._usable = False
            self._tell_lost(error)
            self._helper = threading.Thread(target=self._reopen, args=(self._sink,), name="reopen", daemon=True)
            self._helper.start()

    def _tell_lost(self, error: Exception) -> None:
        self._lost = True
        why = str(error) if isinstance(error, PortraitError) else f"{self.name}: {type(error).__name__}: {error}"
        self._notice(f"{why.rstrip('.')}; it is opened again as soon as it is there.", True)

    def _reopen(self, lost: AudioSink | None) -> None:
        if lost is not None:
            with contextlib.suppress(Exception):
                lost.close()
        backoff = Backoff()
        while not self._halt.wait(backoff.failed() if lost is not None else 0.0):
            sink = None
            try:
                sink = self._make()
                sink.open()
            except Exception as error:
                if sink is not None:
                    with contextlib.suppress(Exception):
                        sink.close()
                if lost is None:
                    self._tell_lost(error)
                    lost = self._sink
                continue
            if self._halt.is_set():
                sink.close()
            else:
                self._returned = sink
            return

    def close(self) -> None:
        """Releases the device; a helper that opens it just now gives it back."""
        self._halt.set()
        if self._helper is not None:
            self._helper.join(2.0)
        for sink in (self._returned, self._sink):
            if sink is not None:
                sink.close()
