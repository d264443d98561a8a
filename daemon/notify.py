"""Notices on the desktop for what a streamer must know, and nothing else.

`Notifier` decides what is worth a notice and when it was said often enough; `daemon.bell` shows it. A notice lies over
whatever is on the screen, so a capture of the screen shows it to everybody: it names no device ("Jane's iPhone") and no
home folder. The page, which nobody else sees, says it all.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from daemon.control.stage import Status
from daemon.tray.words import Words
from obs_portrait.pipeline.live.messages import Notice

__all__ = ["NoticeSettings", "Notifier", "Word"]

_SAME_S: Final = 60.0
"""The same sentence is not shown again within this time."""
_ECHO_S: Final = 3.0
"""Nor within this one, if it answers what was asked: who asks again is answered again, but one refusal may be told by
two."""
_MOST: Final = 4
"""So many within a minute; what is urgent always gets through."""
_ASKED_S: Final = 20.0
"""For so long after the user asked for a calibration its outcome is shown."""
_GRAVE: Final = frozenset(
    {"camera", "microphone", "sink", "video", "audio", "card", "voice", "show", "leak", "sound", "hidden"}
)
"""What a notice may be about to be shown while it is a problem, and once when it is over; it stays until it is seen."""
_LESS_GRAVE: Final = frozenset({"drift", "hotkeys", "settings", "persona", "profile"})
"""The same, for a while: who plays in full screen learns by nothing else that picture or voice come late, that a key is
not heard, that a persona cannot be had, or that an edit is not in force."""
_ANSWERS: Final = ("tray", "hotkey")
"""What the user just asked for and did not get."""
_PROBLEMS: Final = {
    "camera": "The camera gives no picture. The page says which one, why, and what to do.",
    "microphone": "The microphone gives no sound. The page says which one, why, and what to do.",
    "sink": "A device that picture or voice go to is lost. The page says which one, why, and what to do.",
    "video": "The picture's process stopped. The page says why.",
    "audio": "The voice's process stopped. The page says why.",
    "card": "Only the card is shown. The page says why, and what to do.",
    "show": "The show stopped, or could not begin. The page says why, and what to do.",
}
"""Instead of sentences that may name a device."""
_OVER: Final = {
    "camera": "The camera is back.",
    "microphone": "The microphone is back.",
    "sink": "The device that was lost is back.",
}


class NoticeSettings(BaseModel):
    """`[notices]` of settings.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    enabled: bool = True
    """False: nothing is shown on the desktop; the page, the tray and the terminal tell it all."""
    clips: bool = False
    """Tells of every clip that was saved."""


@dataclass(frozen=True, slots=True)
class Word:
    """One notice. urgent: it stays until it is seen, also while the desktop is told not to disturb."""

    title: str
    text: str
    urgent: bool = False


class Notifier:
    """Safe from any thread; `ring` is called outside of any lock and must return at once.

    words: the language of titles. clock: s, never goes back.
    """

    def __init__(
        self,
        ring: Callable[[Word], None],
        settings: NoticeSettings | None = None,
        words: Callable[..., str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or NoticeSettings()
        self._ring, self._clock = ring, clock
        self._words = words or Words("en")
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._recent: deque[float] = deque(maxlen=_MOST)
        self._open: set[str] = set()
        self._asked_at = float("-inf")
        self._panic = self._revealed = False

    def hear(self, notice: Notice) -> None:
        """A sentence of the daemon's."""
        about = notice.about
        kind = about.partition(" ")[0].partition(":")[0]
        if about == "clip":
            if self.settings.clips:
                self._say(Word(self._words("notice_clip"), notice.text))
        elif about == "reference":
            asked = self._clock() - self._asked_at < _ASKED_S
            if notice.problem or asked:
                self._say(Word(self._words("notice_reference"), notice.text), again_s=_ECHO_S if asked else _SAME_S)
        elif kind in _ANSWERS and not notice.problem:
            self._say(Word("OBS Portrait", notice.text), again_s=_ECHO_S)
        elif kind in _GRAVE | _LESS_GRAVE:
            self._grave(about, notice, kind)

    def _grave(self, about: str, notice: Notice, kind: str) -> None:
        with self._lock:
            was_open = about in self._open
            (self._open.add if notice.problem else self._open.discard)(about)
        plain = (_PROBLEMS if notice.problem else _OVER).get(kind, notice.text)
        if notice.problem:
            self._say(Word("OBS Portrait", plain, urgent=kind in _GRAVE), notice.text)
        elif was_open and (kind in _GRAVE or about == "hotkeys door"):
            self._say(Word("OBS Portrait", plain), notice.text)

    def see(self, status: Status) -> None:
        """The daemon's state: what nobody may overlook is told whenever it begins."""
        panic = bool(status.get("panic"))
        real = status.get("state") == "revealed" or bool(status.get("reveals"))
        revealed = real and not panic and not status.get("off")
        with self._lock:
            new_panic, new_reveal = panic and not self._panic, revealed and not self._revealed
            ended = self._panic and not panic
            self._panic, self._revealed = panic, revealed
        name = status.get("persona", "?")
        if new_panic:
            self._say(Word(self._words("notice_panic"), self._words("notice_panic_text"), True), again_s=0.0)
        elif ended:
            over = Word(self._words("notice_panic_over"), self._words("notice_panic_over_text", persona=name))
            self._say(over, again_s=0.0)
        if new_reveal:
            real_one = Word(self._words("notice_revealed"), self._words("notice_revealed_text", persona=name), True)
            self._say(real_one, again_s=0.0)

    def calibrating(self, text: str | None = None) -> None:
        """The user asked for a calibration, by key or in the tray: says what to do now, and later how it went."""
        self._asked_at = self._clock()
        if text is not None:
            self._say(Word(self._words("notice_reference"), text), again_s=_ECHO_S)

    def _say(self, word: Word, instead_of: str | None = None, again_s: float = _SAME_S) -> None:
        """instead_of: the sentence that is not shown again for a while; None: the word's own. again_s: for how long;
        0: it is always shown."""
        now, said = self._clock(), instead_of or word.text
        with self._lock:
            self._said = {text: at for text, at in self._said.items() if now - at < _SAME_S}
            crowded = len(self._recent) == _MOST and now - self._recent[0] < _SAME_S
            echo = now - self._said.get(said, float("-inf")) < again_s
            if not self.settings.enabled or echo or (crowded and not word.urgent and again_s):
                return
            self._said[said] = now
            self._recent.append(now)
        self._ring(replace(word, text=word.text.replace(str(Path.home()), "~")))
