"""The curtain: during a panic our sources are hidden in OBS as well, in every scene, and shown again afterwards.

The card and silence are there already, whatever OBS does; this is the second lock on the same door. It is the only one
where the process that could write the card was killed and its last picture is the real person. Only what was visible is
shown again. OBS may come, go and come back in between: the curtain is drawn again when it is back.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection

from obs_portrait.errors import ObsError
from obs_portrait.obs.client import LINK_UP, ObsClient, ObsEvent

__all__ = ["Curtain"]


class Curtain:
    """sources(): names of the inputs to hide, asked each time."""

    def __init__(self, client: ObsClient, sources: Callable[[], Collection[str]]) -> None:
        self._client, self._sources = client, sources
        self._hidden: list[tuple[str, int]] = []
        self._reasons: set[str] = set()
        self._wake = threading.Condition()
        self._changed = False
        self._halt = False
        self._end = client.subscribe(self._back, LINK_UP)
        self._thread = threading.Thread(target=self._run, name="curtain", daemon=True)
        self._thread.start()

    @property
    def hidden(self) -> list[tuple[str, int]]:
        """(scene, id of the scene item) of everything that is hidden now."""
        return list(self._hidden)

    def draw(self, closed: bool, why: str = "panic") -> None:
        """Hides, or shows again once no other reason holds: "panic", "frozen" (`LiveSession.on_frozen`). Returns at
        once; OBS is told by a thread of its own."""
        with self._wake:
            if closed:
                self._reasons.add(why)
            else:
                self._reasons.discard(why)
            self._changed = True
            self._wake.notify()

    def close(self) -> None:
        """Ends the thread. What is hidden is shown again if OBS is there: with us ends the stream, and its last picture
        is the card. Unless there is nobody who could write it."""
        self._end()
        with self._wake:
            self._halt = True
            self._wake.notify()
        self._thread.join(5)
        if "frozen" not in self._reasons:
            with contextlib.suppress(ObsError):
                self._show()

    def _back(self, event: ObsEvent) -> None:
        with self._wake:
            self._changed = True
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._halt and not self._changed:
                    self._wake.wait()
                if self._halt:
                    return
                self._changed, wanted = False, bool(self._reasons)
            try:
                if wanted:
                    self._hide()
                else:
                    self._show()
            except ObsError:
                continue  # no link: done when it is back

    def _hide(self) -> None:
        names = set(self._sources())
        program = self._client.request("GetCurrentProgramScene").get("currentProgramSceneName")
        scenes = [str(scene["sceneName"]) for scene in self._client.request("GetSceneList").get("scenes", [])]
        for scene in sorted(scenes, key=lambda name: name != program):  # what viewers see comes first
            for item in self._client.request("GetSceneItemList", {"sceneName": scene}).get("sceneItems", []):
                if item.get("sourceName") in names and item.get("sceneItemEnabled"):
                    self._set(scene, int(item["sceneItemId"]), False)
                    if (scene, item["sceneItemId"]) not in self._hidden:
                        self._hidden.append((scene, int(item["sceneItemId"])))

    def _show(self) -> None:
        while self._hidden:
            scene, item = self._hidden[0]
            try:
                self._set(scene, item, True)
            except ObsError as error:
                if error.code is None:
                    raise  # the link fell: the rest is shown when it is back
            self._hidden.pop(0)  # shown; or its owner has deleted it meanwhile

    def _set(self, scene: str, item: int, visible: bool) -> None:
        given = {"sceneName": scene, "sceneItemId": item, "sceneItemEnabled": visible}
        self._client.request("SetSceneItemEnabled", given)
