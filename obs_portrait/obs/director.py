"""The director: OBS changes its scene, and the persona that belongs to it comes on stage.

Events are noted by the client's dispatcher thread and acted on by one thread of our own, which always looks at the
newest: fifty scene changes in a second are not fifty switches but as many as the stage can carry out, and the last
scene wins. A switch by hand stays until the next scene change.

OBS reports CurrentProgramSceneChanged at the *end* of a transition (measured: 753 ms after the request with a fade of
700 ms), SceneTransitionStarted at its start, when GetCurrentProgramScene names the new scene already. So the start is
taken from the one and the end from the other, and the middle is the cut point that the transition itself has
(a stinger's transition point), else half its duration.

And OBS does not report every change: a scene chosen while a cut is under way comes without any event (seen with
29.0.2). So OBS is asked soon after each event and once a second.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from obs_portrait.clock import now_ns
from obs_portrait.errors import ObsError, PortraitError
from obs_portrait.obs.binding_file import BindingFile
from obs_portrait.obs.bindings import Decision
from obs_portrait.obs.client import LINK_UP, ObsClient, ObsEvent

__all__ = ["Director", "Followed", "Performers"]

_PROGRAM = "CurrentProgramSceneChanged"
_PREVIEW = "CurrentPreviewSceneChanged"
_STARTED = "SceneTransitionStarted"
_SOON_NS = 80_000_000
_IDLE_NS = 1_000_000_000
_RESCAN = frozenset({LINK_UP, "SceneListChanged", "CurrentSceneCollectionChanged", "SceneCollectionListChanged"})


class Performers(Protocol):
    """What the director needs of a live session."""

    @property
    def persona(self) -> str:
        """The one on stage, or about to be."""

    def switch(self, name: str) -> None:
        """Puts a persona on stage; returns at once. Raises `PortraitError` if there is none of that name."""

    def prepare(self, name: str) -> None:
        """Makes a persona ready for a later switch; returns at once. Raises `PortraitError`."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A scene change that was acted on: times on the monotonic clock, in ns."""

    scene: str
    persona: str
    heard_ns: int
    ordered_ns: int


@dataclass(slots=True)
class _Wish:
    """A scene that the persona is to follow, at `due_ns`."""

    scene: str
    heard_ns: int
    due_ns: int
    decision: Decision


class Director:
    """Follows one OBS. `start()` after the client's; `close()` before it.

    on_notice(about, text, problem): one sentence for the user.
    """

    def __init__(
        self,
        client: ObsClient,
        bindings: BindingFile,
        performers: Performers,
        on_notice: Callable[[str, str, bool], None] = lambda about, text, problem: None,
    ) -> None:
        self._client, self._bindings, self._performers, self._notice = client, bindings, performers, on_notice
        self._news: deque[ObsEvent] = deque()
        self._wake = threading.Condition()
        self._halt = False
        self._thread = threading.Thread(target=self._run, name="director", daemon=True)
        self._end: Callable[[], None] = lambda: None
        self._wish: _Wish | None = None
        self._scene: str | None = None
        """The program scene whose persona was called last."""
        self._known: list[str] = []
        self._look_ns = 0
        self._unreported: str | None = None
        """A program scene that the last look found and no event told of."""
        self._cursor: object = None
        self._troubles: set[str] = set()
        self.scenes: tuple[str, ...] = ()
        """Names of OBS's scenes, as OBS's list shows them from top to bottom."""
        self.collection = ""
        self.followed: deque[Followed] = deque(maxlen=256)
        """The last scene changes that were acted on."""

    @property
    def scene(self) -> str | None:
        """The program scene, as far as it is known."""
        return self._scene

    def start(self) -> None:
        """Begins to follow."""
        self._end = self._client.subscribe(
            self._heard, LINK_UP, _PROGRAM, _PREVIEW, _STARTED, "SceneNameChanged", "SceneListChanged",
            "CurrentSceneCollectionChanged", "SceneCollectionListChanged", "StudioModeStateChanged",
        )  # fmt: skip
        self._thread.start()
        if self._client.connected:
            self._heard(ObsEvent(LINK_UP, received_ns=now_ns()))

    def close(self) -> None:
        """Follows no more."""
        self._end()
        with self._wake:
            self._halt = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(5)

    def rescan(self) -> None:
        """The bindings were changed: prepares whom they name."""
        self._heard(ObsEvent("SceneListChanged"))

    # ---- the client's thread -------------------------------------------------------------------------------------

    def _heard(self, event: ObsEvent) -> None:
        with self._wake:
            if event.name in (_PROGRAM, _STARTED):
                # Only the newest program scene matters: an older change that was not acted on yet is void.
                for old in [one for one in self._news if one.name in (_PROGRAM, _STARTED)]:
                    self._news.remove(old)
            self._news.append(event)
            self._wake.notify()

    # ---- the director's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._halt and not self._news and (left := self._left()) > 0:
                    self._wake.wait(left)
                if self._halt:
                    return
                event = self._news.popleft() if self._news else None
            try:
                if event is not None:
                    self._act(event)
                if self._is_due():
                    self._carry_out()
                if now_ns() >= self._look_ns:
                    self._look()
            except ObsError:
                continue  # OBS closed in between; its return is an event of its own
            except PortraitError as error:
                self._trouble("obs", str(error))
            except Exception as error:
                self._trouble("obs", f"A scene change could not be followed ({type(error).__name__}: {error}).")

    def _left(self) -> float:
        """Seconds until there is something to do."""
        due = self._look_ns if self._wish is None else min(self._look_ns, self._wish.due_ns)
        return (due - now_ns()) / 1e9

    def _look(self) -> None:
        """Is OBS where we think it is? A scene that it did not report is followed now."""
        self._look_ns = now_ns() + _IDLE_NS
        if not self._client.connected or self._wish is not None or self._scene is None:
            return
        scene = str(self._client.request("GetCurrentProgramScene").get("currentProgramSceneName") or "")
        unreported, self._unreported = self._unreported, None
        if not scene or scene == self._scene or self._is_changing():
            return
        if scene != unreported:  # OBS is there before it tells so: whether it does is seen at the next look
            self._unreported = scene
            self._look_ns = now_ns() + _SOON_NS
            return
        now = now_ns()
        self._want(scene, now, now)

    def _is_changing(self) -> bool:
        """True in the middle of a transition: its own events say when the persona changes. One that stands still has
        been forgotten by OBS (seen with 29.0.2 when the transition was replaced in its last moments)."""
        if not self._client.supports("GetCurrentSceneTransitionCursor"):
            return False
        cursor = self._client.request("GetCurrentSceneTransitionCursor").get("transitionCursor")
        before, self._cursor = self._cursor, cursor
        return isinstance(cursor, int | float) and 0.0 < cursor < 1.0 and cursor != before

    def _is_due(self) -> bool:
        return self._wish is not None and self._wish.due_ns <= now_ns()

    def _act(self, event: ObsEvent) -> None:
        self._unreported = None
        self._look_ns = min(self._look_ns, now_ns() + _SOON_NS)
        match event.name:
            case "CurrentProgramSceneChanged":
                self._arrived(str(event.data.get("sceneName", "")), event.received_ns)
            case "SceneTransitionStarted":
                self._leaving(event.received_ns)
            case "CurrentPreviewSceneChanged":
                self._previewed(str(event.data.get("sceneName", "")), event.received_ns)
            case "SceneNameChanged":
                self._renamed(str(event.data.get("oldSceneName", "")), str(event.data.get("sceneName", "")))
        if event.name in _RESCAN:
            self._scan(event)

    def _arrived(self, scene: str, heard_ns: int) -> None:
        """The transition is over; with a plain cut it has only just begun."""
        if scene == self._scene and (self._wish is None or self._wish.scene == scene):
            return  # acted on at the start, or about to be
        self._want(scene, heard_ns, heard_ns)

    def _leaving(self, heard_ns: int) -> None:
        with self._wake:
            if any(one.name == _PROGRAM for one in self._news):
                return  # that one names its scene by itself
        scene = str(self._client.request("GetCurrentProgramScene").get("currentProgramSceneName", ""))
        if scene == self._scene:
            self._wish = None  # back before it came to a switch
            return
        cut = self._bindings.now.decide(scene, self.collection).cut
        if cut != "end":
            self._want(scene, heard_ns, heard_ns + (self._cut_point_ns() if cut == "middle" else 0))

    def _cut_point_ns(self) -> int:
        transition = self._client.request("GetCurrentSceneTransition")
        settings: dict[str, Any] = transition.get("transitionSettings") or {}
        point = settings.get("transition_point")
        if transition.get("transitionKind") == "obs_stinger_transition" and isinstance(point, int | float):
            frames = settings.get("tp_type") == 1
            return round(point * (1e9 / 30 if frames else 1e6))
        duration = transition.get("transitionDuration")
        return round(duration * 1e6 / 2) if isinstance(duration, int | float) else 0

    def _previewed(self, scene: str, heard_ns: int) -> None:
        decision = self._bindings.now.decide(scene, self.collection, "preview")
        if decision.persona is not None:
            self._call(decision.persona, scene, heard_ns, decision.why)

    def _want(self, scene: str, heard_ns: int, due_ns: int) -> None:
        self._wish = _Wish(scene, heard_ns, due_ns, self._bindings.now.decide(scene, self.collection))

    def _carry_out(self) -> None:
        wish, self._wish = self._wish, None
        if wish is None:
            return
        self._scene = wish.scene
        if wish.decision.persona is not None:
            self._call(wish.decision.persona, wish.scene, wish.heard_ns, wish.decision.why)

    def _call(self, persona: str, scene: str, heard_ns: int, why: str) -> None:
        about = f"binding {persona}"
        if self._performers.persona != persona:
            try:
                self._performers.switch(persona)
            except PortraitError as error:
                self._trouble(about, f"Scene '{scene[:80]}' calls for '{persona}' ({why}): {error}")
                return
        self.followed.append(Followed(scene, persona, heard_ns, now_ns()))
        if about in self._troubles:
            self._troubles.discard(about)
            self._notice(about, f"'{persona}' can be used again.", False)

    def _trouble(self, about: str, text: str) -> None:
        self._troubles.add(about)
        self._notice(about, text, True)

    # ---- names -----------------------------------------------------------------------------------------------------

    def _renamed(self, old: str, new: str) -> None:
        if self._scene == old:
            self._scene = new
        self.scenes = tuple(new if scene == old else scene for scene in self.scenes)
        if self._bindings.rename_scene(old, new):
            self._notice("bindings", f"Scene '{old[:80]}' is now '{new[:80]}'; its persona goes with it.", False)

    def _scan(self, event: ObsEvent) -> None:
        """Looks at the collection and its scenes, prepares whom they may call, and follows where OBS is now."""
        listed = self._client.request("GetSceneCollectionList")
        names = [str(name) for name in listed.get("sceneCollections", [])]
        current = str(listed.get("currentSceneCollectionName", ""))
        gone = [name for name in self._known if name not in names]
        come = [name for name in names if name not in self._known]
        renamed = event.name == "SceneCollectionListChanged" and len(gone) == len(come) == 1
        if renamed and self._bindings.rename_collection(gone[0], come[0]):
            text = f"The rules of collection '{gone[0][:80]}' are now those of '{come[0][:80]}'."
            self._notice("bindings", text, False)
        self._known, self.collection = names, current
        found = self._client.request("GetSceneList")
        self.scenes = tuple(str(scene.get("sceneName", "")) for scene in reversed(found.get("scenes", [])))
        for persona in self._bindings.now.personas(self.scenes, current):
            try:
                self._performers.prepare(persona)
            except PortraitError as error:
                self._trouble(f"binding {persona}", f"A scene calls for '{persona}': {error}")
        scene = str(found.get("currentProgramSceneName") or "")
        if event.name != "SceneListChanged" and scene != self._scene and self._wish is None:
            now = now_ns()
            self._want(scene, event.received_ns or now, now)
