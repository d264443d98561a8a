"""What OBS does at the moment, kept up to date by its own events, so that nobody who asks has to wait for OBS."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace

from obs_portrait.errors import ObsError
from obs_portrait.obs.client import LINK_DOWN, LINK_UP, ObsClient, ObsEvent

__all__ = ["ObsNow", "ObsWatch"]


@dataclass(frozen=True, slots=True)
class ObsNow:
    """connected: there is a link. version: OBS's own, "" without a link. The rest: which outputs run."""

    connected: bool = False
    version: str = ""
    streaming: bool = False
    recording: bool = False
    replay: bool = False
    virtual_camera: bool = False


_OUTPUTS = {
    "StreamStateChanged": "streaming",
    "RecordStateChanged": "recording",
    "ReplayBufferStateChanged": "replay",
    "VirtualcamStateChanged": "virtual_camera",
}
_ASKED = {
    "streaming": "GetStreamStatus",
    "recording": "GetRecordStatus",
    "replay": "GetReplayBufferStatus",
    "virtual_camera": "GetVirtualCamStatus",
}


class ObsWatch:
    """`now` is always there at once."""

    def __init__(self, client: ObsClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._now = ObsNow()
        self._end = client.subscribe(self._heard, LINK_UP, LINK_DOWN, *_OUTPUTS)

    @property
    def now(self) -> ObsNow:
        """The newest that is known."""
        return self._now

    def close(self) -> None:
        """Watches no more."""
        self._end()

    def _heard(self, event: ObsEvent) -> None:
        if event.name == LINK_DOWN:
            changes: dict[str, object] = {"connected": False, **dict.fromkeys(_ASKED, False)}
        elif event.name == LINK_UP:
            changes = {"connected": True, "version": str(event.data.get("obsVersion", ""))}
            for name, request in _ASKED.items():
                changes[name] = False
                with contextlib.suppress(ObsError):  # no replay buffer in the settings, no virtual camera here
                    changes[name] = bool(self._client.request(request).get("outputActive"))
        else:
            changes = {_OUTPUTS[event.name]: bool(event.data.get("outputActive"))}
        with self._lock:
            self._now = replace(self._now, **changes)  # type: ignore[arg-type]
