"""The audio process's way to a microphone that may be lost or hang: blocks keep coming, silent ones if need be."""

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
from obs_portrait.pipeline.live.reading import ANSWERS_NS, silent

__all__ = ["Ear"]

_NS = 1_000_000_000
_STALE_NS = 150_000_000
_AT_ONCE_NS = 2_000_000


class Ear:
    """`read` gives the next block of the source, renumbered so that the count never starts anew.

    When the source raises, a helper thread opens it again with back-off; until then `read` gives zeros at the pace of
    the clock, so that the converter's state, the delay line and the sinks go on without a jump. A helper whose device
    hangs is waited for until another one is chosen, and then left behind. (A read that hangs stops the loop, and its
    process is replaced.)
    """

    def __init__(
        self,
        make: Callable[[], AudioSource],
        source: AudioSource,
        notice: Callable[[str, bool], None],
        block: int = 480,
        *,
        opened: bool = True,
    ) -> None:
        """`source` is open already. opened=False: it is not, and what `make` makes is opened in the background."""
        self._make, self._source, self._notice, self._block = make, source, notice, block
        self._index = 0
        self._next_ns = 0  # capture time that follows the last block
        self._helper: _Helper | None = None
        self._backoff = Backoff()
        self._usable = opened
        self._told = self._changed = False
        self.skipped = 0
        """Samples that came too late to be of use."""
        self.ok = opened
        """False from the loss of the source until its first block after that."""
        self.name = source.name

    def read(self) -> MicBlock | None:
        """The next block, waiting for it; None when a file has ended."""
        self._settle()
        if self._changed:
            self._changed = self._usable = self.ok = False
            self._backoff.succeeded()
            self._leave_helper()
        if not self._usable:
            if self._helper is None:  # at the start, after a rest, or for another source
                self._open_again(at_once=True)
            elif self._helper.hangs and not self._helper.told:
                self._helper.told, self._told = True, False
                self._tell(silent(self._helper.device))
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
        self._leave_helper()
        if self._usable:
            self._usable, self.ok = False, False
            _close(self._source)

    def _settle(self) -> None:
        """Takes what the helper thread has opened."""
        found = self._helper.take() if self._helper is not None else None
        if found is not None:
            self._source, self._helper, self._usable, self.name = found, None, True, found.name

    def _leave_helper(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.leave()

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
        self._helper = _Helper(self._make, self._source, self._backoff, self._tell, at_once)
        self._helper.start()

    def close(self) -> None:
        """Releases the device."""
        helper = self._helper
        self._leave_helper()
        if helper is not None:
            helper.join(1.0)
        _close(self._source)


class _Helper(threading.Thread):
    """Closes a source and opens what `make` makes, again and again until that works or it is left."""

    def __init__(
        self,
        make: Callable[[], AudioSource],
        lost: AudioSource,
        backoff: Backoff,
        tell: Callable[[str], None],
        at_once: bool,
    ) -> None:
        super().__init__(name="reopen", daemon=True)
        self._make, self._lost, self._backoff, self._tell, self._at_once = make, lost, backoff, tell, at_once
        self._left = threading.Event()
        self._handing = threading.Lock()
        self._found: AudioSource | None = None
        self._since_ns = now_ns()  # 0: it waits for the next try
        self.device = lost.name
        self.told = False
        """That it hangs."""

    def run(self) -> None:
        _close(self._lost)
        while not self._left.is_set():
            if not self._at_once:
                self._since_ns = 0
                if self._left.wait(self._backoff.failed()):
                    return
            self._at_once = False
            self._since_ns = now_ns()
            source = None
            try:
                source = self._make()
                self.device = source.name
                source.open()
            except Exception as error:
                if not self._left.is_set():
                    self._tell(str(error) if isinstance(error, MediaError) else f"{type(error).__name__}: {error}")
                if source is not None:
                    _close(source)
                continue
            with self._handing:
                left = self._left.is_set()
                self._found = None if left else source
            if left:
                _close(source)
            return

    @property
    def hangs(self) -> bool:
        """What it does now takes too long."""
        return bool(self._since_ns) and now_ns() - self._since_ns > ANSWERS_NS

    def take(self) -> AudioSource | None:
        """What it has opened, once."""
        with self._handing:
            found, self._found = self._found, None
            return found

    def leave(self) -> None:
        """Nobody wants what it opens any more; from now on it tells nothing, and closes what it gets."""
        with self._handing:
            self._left.set()
            found, self._found = self._found, None
        if found is not None:  # whoever plays on does not wait for it
            threading.Thread(target=_close, args=(found,), name="close", daemon=True).start()


def _close(source: AudioSource) -> None:
    with contextlib.suppress(Exception):
        source.close()
