"""Chapters: OBS 30.2 and later writes them, and the OBS that the other tests run does not. A stand-in says what it
would have been asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from obs_portrait.errors import ObsError
from obs_portrait.obs.client import ObsEvent
from obs_portrait.obs.clips.library import Library
from obs_portrait.obs.clips.recorder import ClipRecorder


class NewObs:
    """Knows chapters; refuses them, as OBS does, where the container has none."""

    def __init__(self, knows: bool = True, hybrid: bool = True) -> None:
        self.knows, self.hybrid = knows, hybrid
        self.chapters: list[str] = []
        self.tell: Callable[[ObsEvent], None] = lambda event: None

    def supports(self, kind: str) -> bool:
        return self.knows and kind == "CreateRecordChapter"

    def subscribe(self, handler: Callable[[ObsEvent], None], *names: str) -> Callable[[], None]:
        self.tell = handler
        return lambda: None

    def request(self, kind: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        assert kind == "CreateRecordChapter"
        if not self.hybrid:
            raise ObsError("OBS refuses CreateRecordChapter: not supported by this container.", 207)
        self.chapters.append(dict(data or {})["chapterName"])
        return {}


@pytest.mark.parametrize(("knows", "hybrid"), [(True, True), (False, True), (True, False)])
def test_chapters(library: Library, knows: bool, hybrid: bool) -> None:
    obs = NewObs(knows, hybrid)
    recorder = ClipRecorder(obs, library)  # type: ignore[arg-type]
    assert not recorder.chapter("ada"), "nothing is recorded yet"
    obs.tell(ObsEvent("RecordStateChanged", {"outputState": "OBS_WEBSOCKET_OUTPUT_STARTED"}, 1))
    assert recorder.chapter("ink") == (knows and hybrid)
    assert obs.chapters == (["ink"] if knows and hybrid else [])
