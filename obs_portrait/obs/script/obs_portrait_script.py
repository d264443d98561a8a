"""OBS Portrait inside OBS: Tools > Scripts. Hotkeys for each persona, a settings page, the state of the daemon.

Loaded by OBS (Python 3.6 and later, standard library only). OBS calls these functions in its UI thread, its hotkey
thread and, for timers, its graphics thread: none of them waits for anything. Everything that talks to the daemon is
done by the threads of `obs_portrait_worker.Worker`; what they learn is looked at when OBS calls.

OBS's documentation of scripts: https://docs.obsproject.com/scripting
"""

import functools
import importlib
import json
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Set, Tuple, TypeVar

import obspython as obs

if TYPE_CHECKING:
    from obs_portrait.obs.script.obs_portrait_worker import State, Worker
else:
    import obs_portrait_link
    import obs_portrait_worker

    for _module in (obs_portrait_link, obs_portrait_worker):
        importlib.reload(_module)  # "Reload Scripts" after an update: OBS itself reloads this file only
    State, Worker = obs_portrait_worker.State, obs_portrait_worker.Worker

_TICK_MS = 500
_MOST_PERSONAS = 64
_MOST_SCENES = 60
_LEAVE = ""
"""Value of a scene's list that means: no rule of its own."""
_ACTIONS: Tuple[Tuple[str, str, str, Dict[str, Any]], ...] = (
    ("calibrate", "Recalibrate reference frame", "/v1/calibrate", {}),
    ("search", "Search for a better reference frame", "/v1/search", {}),
    ("clip", "Save clip", "/v1/clip", {"action": "save"}),
    ("panic", "Panic: card and silence", "/v1/panic", {"on": True}),
    ("panic_off", "End panic", "/v1/panic", {"on": False}),
)
"""(name, words, address, body): a hotkey and a button each. OBS keeps keys by these names: never change them."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_told: Set[str] = set()


def _safely(function: _Function) -> _Function:
    """An error is written into OBS's script log, once, and goes no further."""

    @functools.wraps(function)
    def guarded(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            sentence = f"OBS Portrait: {function.__name__} failed ({error!r})."
            if sentence not in _told:
                _told.add(sentence)
                obs.script_log(obs.LOG_WARNING, sentence)
            return None

    return guarded  # type: ignore[return-value]


class _Script:
    """What lives from script_load to script_unload."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.settings: Any = None
        self.hotkeys: Dict[str, int] = {}
        """Name of a hotkey -> OBS's number for it."""
        self.personas: List[str] = []
        """All that were ever seen with this scene collection, so that their hotkeys are there before the daemon is."""
        self.bindings: Dict[str, Optional[str]] = {}
        self.revision = 0
        self.connected: Optional[bool] = None
        self._looking = threading.Lock()

    # ---- hotkeys -------------------------------------------------------------------------------------------------

    def add_hotkey(self, name: str, words: str, act: Callable[[], None]) -> None:
        """Registers a hotkey with the keys that the settings know for it."""
        full = f"obs_portrait.{name}"
        if full in self.hotkeys:
            return

        def pressed_or_released(pressed: bool) -> None:
            if pressed:
                act()

        number = obs.obs_hotkey_register_frontend(full, f"OBS Portrait: {words}", _safely(pressed_or_released))
        keys = obs.obs_data_get_array(self.settings, full)
        obs.obs_hotkey_load(number, keys)
        obs.obs_data_array_release(keys)
        self.hotkeys[full] = number

    def add_persona(self, name: str) -> None:
        """A hotkey that becomes this persona."""
        if name not in self.personas and len(self.personas) < _MOST_PERSONAS:
            self.personas.append(name)
        if name in self.personas:
            self.add_hotkey(f"persona.{name}", f"become {name}", lambda: self.switch(name))

    def save(self, settings: Any) -> None:
        """Into OBS's own settings, which it keeps with the scene collection."""
        used = set()
        for full, number in list(self.hotkeys.items()):
            keys = obs.obs_hotkey_save(number)
            obs.obs_data_set_array(settings, full, keys)
            if obs.obs_data_array_count(keys):
                used.add(full)
            obs.obs_data_array_release(keys)
        # One that is gone is remembered as long as it has a key: it may be back tomorrow.
        there = self.worker.state.personas if self.revision else tuple(self.personas)
        kept = [name for name in self.personas if name in there or f"obs_portrait.persona.{name}" in used]
        obs.obs_data_set_string(settings, "personas", json.dumps(kept))

    def load(self, settings: Any) -> None:
        self.settings = settings
        for name, words, path, body in _ACTIONS:
            self.add_hotkey(name, words, functools.partial(self.order, name, path, body))
        try:
            known = json.loads(obs.obs_data_get_string(settings, "personas") or "[]")
        except ValueError:
            known = []
        for name in known if isinstance(known, list) else []:
            if isinstance(name, str):
                self.add_persona(name)

    # ---- orders --------------------------------------------------------------------------------------------------

    def order(self, name: str, path: str, body: Dict[str, Any]) -> None:
        kind = "panic" if name.startswith("panic") else name
        self.worker.order(kind, path, body, timeout=35.0 if name == "clip" else 12.0 if name == "calibrate" else 4.0)

    def switch(self, persona: str) -> None:
        self.worker.order("switch", "/v1/switch", {"persona": persona})

    def bind(self, scene: str, persona: Optional[str]) -> None:
        if self.bindings.get(scene) != persona:
            self.bindings[scene] = persona
            body = {"scene": scene, "persona": persona}
            self.worker.order(f"bind {scene}", "/v1/bindings", body, method="PUT")

    # ---- news of the daemon --------------------------------------------------------------------------------------

    def look(self) -> None:
        """Takes over what the worker has learnt. OBS may call from two threads at once: one of them is enough."""
        if self._looking.acquire(False):
            try:
                self._take_over(self.worker.state)
            finally:
                self._looking.release()

    def _take_over(self, state: State) -> None:
        if state.connected != self.connected:
            if self.connected is not None or state.connected:
                words = "connected" if state.connected else state.problem
                obs.script_log(obs.LOG_INFO, f"OBS Portrait: {words}")
            self.connected = state.connected
        if state.revision != self.revision:
            self.revision = state.revision
            self.bindings = dict(state.bindings)
            for name in state.personas:
                self.add_persona(name)

    def sentence(self) -> str:
        """The state in one line."""
        state = self.worker.state
        if not state.connected:
            return state.problem
        status = state.status
        said = [
            str(status.get("persona", "")),
            "PANIC" if status.get("panic") is True else str(status.get("state", "")),
        ]
        if isinstance(status.get("fps"), (int, float)):
            said.append("{:.0f} fps".format(status["fps"]))
        latency = status.get("latency")
        if isinstance(latency, dict):
            for name, key in (("picture", "picture_ms"), ("voice", "voice_ms")):
                if isinstance(latency.get(key), (int, float)):
                    said.append(f"{name} {latency[key]:.0f} ms")
        problems = status.get("problems")
        said += [str(problem) for problem in problems[:3]] if isinstance(problems, list) else []
        return " · ".join(part[:200] for part in [*said, state.problem] if part)


_script: Optional[_Script] = None


# ---- the settings page -------------------------------------------------------------------------------------------


def _fill(properties: Any, script: _Script) -> None:
    """Brings what is on the page up to date."""
    state = script.worker.state
    obs.obs_data_set_string(script.settings, "state", script.sentence())
    chosen = obs.obs_properties_get(properties, "persona")
    obs.obs_property_list_clear(chosen)
    for name in state.personas:
        obs.obs_property_list_add_string(chosen, name, name)
    if obs.obs_data_get_string(script.settings, "persona") not in state.personas:
        obs.obs_data_set_string(script.settings, "persona", str(state.status.get("persona", "")))
    buttons = [name for name, _, _, _ in _ACTIONS if name != "panic"]  # which is worth a try at all times
    for button in ("persona", "become", *buttons):
        obs.obs_property_set_enabled(obs.obs_properties_get(properties, button), state.connected)
    for scene in _scenes():
        choices = obs.obs_properties_get(properties, _key(scene))
        if choices is None:
            continue
        bound = script.bindings.get(scene)
        obs.obs_property_list_clear(choices)
        obs.obs_property_list_add_string(choices, "(not bound)", _LEAVE)
        for name in state.personas:
            obs.obs_property_list_add_string(choices, name, name)
        if bound and bound not in state.personas:
            obs.obs_property_list_add_string(choices, f"{bound} (not there)", bound)
        obs.obs_property_set_enabled(choices, state.connected)
        obs.obs_data_set_string(script.settings, _key(scene), bound or _LEAVE)


def _scenes() -> List[str]:
    return list(obs.obs_frontend_get_scene_names() or [])[:_MOST_SCENES]


def _key(scene: str) -> str:
    return f"scene.{scene}"


@_safely
def _on_button(properties: Any, button: Any) -> bool:
    if _script is None:
        return False
    name = obs.obs_property_name(button)
    for action, _, path, body in _ACTIONS:
        if action == name:
            _script.order(action, path, body)
    if name == "become":
        _script.switch(obs.obs_data_get_string(_script.settings, "persona"))
    if name == "refresh":
        _script.worker.refresh()
    _script.look()
    _fill(properties, _script)
    return True


@_safely
def _on_scene(properties: Any, choices: Any, settings: Any) -> bool:
    """OBS calls this for every list when it shows the page, too; `bind` asks for real changes only."""
    if _script is not None and _script.worker.state.connected:
        key = obs.obs_property_name(choices)
        if obs.obs_data_has_user_value(settings, key):  # "Defaults" shall not unbind every scene
            _script.bind(key[len(_key("")) :], obs.obs_data_get_string(settings, key) or None)
    return False


@_safely
def _on_tick() -> None:
    if _script is not None:
        _script.look()


# ---- what OBS calls ----------------------------------------------------------------------------------------------


def script_description() -> str:
    """The text above the settings."""
    return (
        "<b>OBS Portrait</b><br>Become somebody else, live, face and voice together.<br>"
        "Its keys are in Settings &gt; Hotkeys; type &quot;portrait&quot; there."
    )


@_safely
def script_properties() -> Any:
    """The settings page, as the daemon is now; "Refresh" brings it up to date."""
    properties = obs.obs_properties_create()
    if _script is None:
        return properties
    _script.look()
    obs.obs_properties_add_text(properties, "state", "State", getattr(obs, "OBS_TEXT_INFO", obs.OBS_TEXT_DEFAULT))
    obs.obs_properties_add_button(properties, "refresh", "Refresh", _on_button)
    kind, form = obs.OBS_COMBO_TYPE_LIST, obs.OBS_COMBO_FORMAT_STRING
    obs.obs_properties_add_list(properties, "persona", "Persona", kind, form)
    obs.obs_properties_add_button(properties, "become", "Become this persona", _on_button)
    for name, words, _, _ in _ACTIONS:
        obs.obs_properties_add_button(properties, name, words, _on_button)
    group = obs.obs_properties_create()
    for scene in _scenes():
        words = scene if len(scene) <= 40 else scene[:37] + "..."
        choices = obs.obs_properties_add_list(group, _key(scene), words, kind, form)
        obs.obs_property_set_modified_callback(choices, _on_scene)
    obs.obs_properties_add_group(properties, "scenes", "Persona for each scene", obs.OBS_GROUP_NORMAL, group)
    _fill(properties, _script)
    return properties


@_safely
def script_load(settings: Any) -> None:
    """OBS has loaded the script; `settings` lives as long as the script does."""
    global _script  # noqa: PLW0603 - OBS knows functions of the module only
    _script = _Script()
    _script.load(settings)
    _script.worker.start()
    obs.timer_add(_on_tick, _TICK_MS)


@_safely
def script_save(settings: Any) -> None:
    """OBS writes its scene collection."""
    if _script is not None:
        _script.save(settings)


@_safely
def script_unload() -> None:
    """OBS closes, changes its scene collection, or reloads scripts."""
    global _script
    script, _script = _script, None
    if script is not None:
        obs.timer_remove(_on_tick)
        for number in script.hotkeys.values():
            obs.obs_hotkey_unregister(number)
        script.worker.stop()
