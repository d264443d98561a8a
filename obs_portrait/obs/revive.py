"""Has OBS open our stream again when it has given up on it.

OBS's Media Source opens a stream again a second after it ended, but not always: a connection that is refused at once,
because OBS was started before us, leaves it "playing" nothing for ever (seen with 29.0.2; its RESTART action does
nothing then). Writing its settings, even the same ones, makes it open the stream anew.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from obs_portrait.errors import ObsError
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.setup import STREAM

__all__ = ["Reviver", "revive"]

_LOOK_S = 0.5
_AGAIN_S = 3.0


def revive(client: ObsClient, name: str = STREAM) -> bool:
    """Makes OBS open the stream anew. False if OBS has no such source. Raises `ObsError` without a link."""
    try:
        now = client.request("GetInputSettings", {"inputName": name}).get("inputSettings", {})
    except ObsError as error:
        if error.code is None:
            raise
        return False
    given = {"inputName": name, "inputSettings": {"input": now.get("input", "")}, "overlay": True}
    client.request("SetInputSettings", given)
    return True


class Reviver(threading.Thread):
    """Looks after the stream: while `waiting()` says that it is served and nobody plays it, OBS is told to."""

    def __init__(self, client: ObsClient, waiting: Callable[[], bool]) -> None:
        super().__init__(name="obs reviver", daemon=True)
        self._client, self._waiting = client, waiting
        self._halt = threading.Event()
        self.revived = 0
        """How often OBS was told."""

    def run(self) -> None:
        seen, last = 0, float("-inf")
        while not self._halt.wait(_LOOK_S):
            seen = seen + 1 if self._client.connected and self._waiting() else 0
            if seen < 2 or time.monotonic() - last < _AGAIN_S:
                continue
            last = time.monotonic()
            with contextlib.suppress(ObsError):
                self.revived += revive(self._client)

    def stop(self) -> None:
        """Ends the thread."""
        self._halt.set()
        if self.is_alive():
            self.join(5)
