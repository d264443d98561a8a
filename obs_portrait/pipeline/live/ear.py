"""The audio process's way to a microphone that may be lost: blocks keep coming, silent ones if need be."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import AudioSource
from obs_portrait.media.types import SAMPLE_RATE, MicBlock
from obs_portrait.pipeline.live.policy import Backoff

__all__ = ["Ear"]

_NS = 1_000_000_000
_STALE_NS = 150_000_000
_AT_ONCE_NS = 2_000_000


class Ear:
    """`read` gives the next block of the source, renumbered so that the count never starts anew.

    When the source raises, a helper thread opens it again with back-off; until then `read` gives zeros at the pace of
    the clock, so that the converter's state, the delay line and the sinks go on without a jump.
    """

    def __init__(
        self,
        make: Callable[[], AudioSource],
        source: AudioSource,
        notice: Callable[[str, bool], None],
        block: int = 480,
    ) -> None:
        """`source` is open already."""
        self._make, self._source, self._notice, self._block = make, source, notice, block
        self._index = 0
        self._next_ns = 0  # capture time that follows the last block
        self._reopened: AudioSource | None = None
        self._helper: threading.Thread | None = None
        self._halt = threading.Event()
        self._backoff = Backoff()
        self._usable = True
        self._told = self._changed = False
        self.skipped = 0
        """Samples that came too late to be of use."""
        self.ok = True
        """False from the loss of the source until its first block after that."""
        self.name = source.name

    def read(self) -> MicBlock | None:
        """The next block, waiting for it; None when a file has ended."""
        self._settle()
        if self._changed and self._helper is None:  # what is being opened just now is taken, and then exchanged
            self._changed = self._usable = False
            self.ok = False
        if not self._usable:
            if self._helper is None:  # after a rest, or for another source
                self._open_again(at_once=True)
            return self._silence()
        try:
            block = self._read_fresh()
        except Exception as error:
            self._lost(str(error) if isinstance(error, MediaError) else f"{type(error).__name__}: {error}")
            return self._silence()
        if block is None:
            return None
        if not self.ok:
            self.ok = True
            self._backoff.succeeded()
            if self._told:
                self._told = False
                self._notice(f"{self.name} is back.", False)
        return self._numbered(block.samples, block.captured_ns)

    def use(self, make: Callable[[], AudioSource]) -> None:
        """Another source from now on. From any thread."""
        self._make, self._changed = make, True

    def rest(self) -> None:
        """Frees the device. The next `read` opens it again, in the background, with silence until it is there."""
        self._settle()
        if self._usable:
            self._usable, self.ok = False, False
            with contextlib.suppress(Exception):
                self._source.close()

    def _settle(self) -> None:
        """Takes what the helper thread has opened."""
        if self._reopened is not None:
            self._source, self._reopened, self._helper, self._usable = self._reopened, None, None, True

    def _read_fresh(self) -> MicBlock | None:
        """Old blocks that were there already are left out: a backlog (the device ran before the loop did, the machine
        stalled) would otherwise stay as delay. A device that is slow by itself makes us wait, and loses nothing."""
        while True:
            asked = now_ns()
            block = self._source.read(self._block)
            now = now_ns()
            if block is None or now - asked > _AT_ONCE_NS or now - block.captured_ns < _STALE_NS:
                return block
            self.skipped += block.samples.size

    def _numbered(self, samples: np.ndarray[tuple[int], np.dtype[np.float32]], captured_ns: int) -> MicBlock:
        index = self._index
        self._index += samples.size
        self._next_ns = captured_ns + samples.size * _NS // SAMPLE_RATE
        return MicBlock(samples, captured_ns, index)

    def _silence(self) -> MicBlock:
        length = self._block * _NS // SAMPLE_RATE
        start = self._next_ns
        wait = start + length - now_ns()
        if wait > 0:
            time.sleep(wait / _NS)
        elif wait < -10 * length:
            start = now_ns() - length
        return self._numbered(np.zeros(self._block, np.float32), start)

    def _lost(self, why: str) -> None:
        self._usable = self.ok = False
        self._tell(why)
        self._open_again()

    def _tell(self, why: str) -> None:
        if not self._told:
            self._told = True
            self._notice(f"{why.rstrip('.')}; silence goes out until it is back.", True)

    def _open_again(self, *, at_once: bool = False) -> None:
        self._helper = threading.Thread(target=self._reopen, args=(self._source, at_once), name="reopen", daemon=True)
        self._helper.start()

    def _reopen(self, lost: AudioSource, at_once: bool) -> None:
        with contextlib.suppress(Exception):
            lost.close()
        while not self._halt.wait(0.0 if at_once else self._backoff.failed()):
            at_once = False
            source = None
            try:
                source = self._make()
                source.open()
            except Exception as error:
                self._tell(str(error) if isinstance(error, MediaError) else f"{type(error).__name__}: {error}")
                if source is not None:
                    with contextlib.suppress(Exception):
                        source.close()
                continue
            self.name = source.name
            self._reopened = source
            return

    def close(self) -> None:
        """Releases the device."""
        self._halt.set()
        if self._helper is not None:
            self._helper.join(1.0)
        for source in (self._reopened, self._source):
            if source is not None:
                with contextlib.suppress(Exception):
                    source.close()
