"""`obs setup`: puts our sources into OBS's scenes, and takes them out again.

First a plan is made, a list of steps in words, then it is carried out; a plan for what is there already is empty.
What is made or changed is written down step by step (`setup_record`), so that the undo takes back exactly that, also
after a setup that was interrupted. Nothing of the user's is moved, resized or renamed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from obs_portrait.errors import ObsError
from obs_portrait.media.sinks.obs_stream import DEFAULT_PORT, input_settings
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.setup_record import SetupRecord

__all__ = [
    "CAMERA",
    "MICROPHONE",
    "STREAM",
    "Kind",
    "Step",
    "plan",
    "plan_undo",
    "remove_input",
    "show_stream",
    "source_names",
]

STREAM: Final = "OBS Portrait"
CAMERA: Final = "OBS Portrait camera"
MICROPHONE: Final = "OBS Portrait microphone"
Kind = Literal["stream", "devices"]
"""stream: picture and voice as one source, no driver. devices: a virtual camera and a virtual microphone."""

_GONE_S: Final = 10.0
_ASK_AGAIN_S: Final = 1.0
_CAMERA_KINDS: Final = ("v4l2_input", "dshow_input", "macos-avcapture", "av_capture_input_v2", "av_capture_input")
_MICROPHONE_KINDS: Final = ("pulse_input_capture", "wasapi_input_capture", "coreaudio_input_capture")
_DEVICE_PROPERTY: Final = {
    "dshow_input": "video_device_id",
    "macos-avcapture": "device",
    "av_capture_input_v2": "device",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One change. text: what it is, for people. do(): makes it; raises `ObsError`."""

    text: str
    do: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    kind: str
    settings: Mapping[str, Any]
    device: str | None = None
    """Part of the name of the device that it must capture."""
    sound: bool = False
    picture: bool = True
    offset_ms: int = 0


def source_names() -> set[str]:
    """Names of our sources in OBS, as far as we made them."""
    return set(SetupRecord.load().inputs)


def plan(
    client: ObsClient,
    scenes: Sequence[str] = (),
    *,
    kind: Kind = "stream",
    port: int = DEFAULT_PORT,
    camera: str = "OBS Virtual Camera",
    microphone: str = "portrait_mic",
    offset_ms: int = 0,
    record: SetupRecord | None = None,
) -> list[Step]:
    """What is to be done so that our source is in these scenes (the one on program if none is named).

    camera, microphone: parts of the names of the devices, for kind "devices". offset_ms: how much OBS has to delay the
    microphone (positive) so that it meets the picture. Raises `ObsError`: no such scene, a source of that name that
    is something else, or a kind of source that this OBS does not have.
    """
    record = record if record is not None else SetupRecord.load()
    collection = str(client.request("GetSceneCollectionList").get("currentSceneCollectionName", ""))
    there = [str(scene["sceneName"]) for scene in client.request("GetSceneList").get("scenes", [])]
    chosen = list(scenes) or [str(client.request("GetCurrentProgramScene")["currentProgramSceneName"])]
    for scene in chosen:
        if scene not in there:
            raise ObsError(
                f"OBS has no scene '{scene[:80]}'; it has: {', '.join(name[:40] for name in reversed(there))}."
            )
    wanted = _stream(client, port) if kind == "stream" else _devices(client, camera, microphone, offset_ms)
    inputs = {str(one["inputName"]): one for one in client.request("GetInputList").get("inputs", [])}
    steps: list[Step] = []
    for want in wanted:
        found = inputs.get(want.name)
        if found is not None and found.get("unversionedInputKind", found.get("inputKind")) != want.kind:
            raise ObsError(
                f"OBS has a source '{want.name}' already that is something else ({found.get('inputKind')}); rename it."
            )
        if found is None and want.name in there:
            raise ObsError(f"OBS has a scene called '{want.name}'; rename it, our source needs that name.")
        steps += _steps(client, want, chosen, collection, record, new=found is None)
    return steps


def _stream(client: ObsClient, port: int) -> list[_Wanted]:
    _first_kind(client, ("ffmpeg_source",), "Media Source")
    return [_Wanted(STREAM, "ffmpeg_source", input_settings(port), sound=True)]


def _devices(client: ObsClient, camera: str, microphone: str, offset_ms: int) -> list[_Wanted]:
    return [
        _Wanted(CAMERA, _first_kind(client, _CAMERA_KINDS, "camera"), {}, device=camera),
        _Wanted(
            MICROPHONE, _first_kind(client, _MICROPHONE_KINDS, "microphone"), {}, device=microphone, sound=True,
            picture=False, offset_ms=offset_ms,
        ),
    ]  # fmt: skip


def _first_kind(client: ObsClient, kinds: Sequence[str], what: str) -> str:
    known = client.request("GetInputKindList", {"unversioned": True}).get("inputKinds", [])
    for kind in kinds:
        if kind in known:
            return kind
    raise ObsError(f"This OBS has no source for a {what} ({', '.join(kinds)}); is the plug-in missing (obs-plugins)?")


def _steps(
    client: ObsClient, want: _Wanted, scenes: Sequence[str], collection: str, record: SetupRecord, *, new: bool
) -> list[Step]:
    steps: list[Step] = []
    rest = list(scenes)
    if new:
        first = rest.pop(0)
        steps.append(
            Step(
                f"make the source '{want.name}' in scene '{first}'",
                lambda: _create(client, want, first, collection, record),
            )
        )
    else:
        now = client.request("GetInputSettings", {"inputName": want.name}).get("inputSettings", {})
        if any(now.get(key) != value for key, value in want.settings.items()):
            steps.append(Step(f"set up '{want.name}' again", lambda: _set_settings(client, want, now, record)))
    if not new and want.sound and _sound_is_wrong(client, want):
        steps.append(
            Step(f"switch '{want.name}' off in the headphones and set its delay", lambda: _set_sound(client, want))
        )
    for scene in rest:
        items = client.request("GetSceneItemList", {"sceneName": scene}).get("sceneItems", [])
        if not any(item.get("sourceName") == want.name for item in items):
            steps.append(
                Step(
                    f"put '{want.name}' into scene '{scene}'",
                    lambda scene=scene: _place(client, want, scene, collection, record),  # type: ignore[misc]
                )
            )
    return steps


def _create(client: ObsClient, want: _Wanted, scene: str, collection: str, record: SetupRecord) -> None:
    given = {"sceneName": scene, "inputName": want.name, "inputKind": want.kind, "inputSettings": dict(want.settings)}
    item = int(client.request("CreateInput", given)["sceneItemId"])
    record.inputs[want.name] = want.kind
    record.items.append([collection, scene, want.name])
    record.save()
    try:
        if want.device is not None:
            _choose_device(client, want)
    except ObsError:
        remove_input(client, want.name)
        record.inputs.pop(want.name, None)
        record.items.remove([collection, scene, want.name])
        record.save()
        raise
    if want.picture:
        _fit(client, scene, item)
    if want.sound:
        _set_sound(client, want)


def _choose_device(client: ObsClient, want: _Wanted) -> None:
    name = _DEVICE_PROPERTY.get(want.kind, "device_id")
    asked = {"inputName": want.name, "propertyName": name}
    items = client.request("GetInputPropertiesListPropertyItems", asked).get("propertyItems", [])
    part = str(want.device).lower()
    for item in items:
        if part in str(item.get("itemName", "")).lower() or part in str(item.get("itemValue", "")).lower():
            settings = {name: item.get("itemValue")}
            client.request("SetInputSettings", {"inputName": want.name, "inputSettings": settings, "overlay": True})
            return
    names = ", ".join(str(item.get("itemName")) for item in items) or "none"
    raise ObsError(f"OBS sees no device '{want.device}'; it sees: {names}. The stream needs none: leave --kind out.")


def _fit(client: ObsClient, scene: str, item: int) -> None:
    """As large as the canvas allows, in the middle. Only for a source that we have just made."""
    canvas = client.request("GetVideoSettings")
    transform = {
        "boundsType": "OBS_BOUNDS_SCALE_INNER",
        "boundsWidth": float(canvas["baseWidth"]),
        "boundsHeight": float(canvas["baseHeight"]),
        "positionX": 0.0,
        "positionY": 0.0,
    }
    given = {"sceneName": scene, "sceneItemId": item, "sceneItemTransform": transform}
    client.request("SetSceneItemTransform", given)


def show_stream(client: ObsClient, scene: str, name: str, port: int) -> None:
    """The stream in a new Media Source over the whole canvas, not remembered as ours: for whoever measures. Raises
    `ObsError`."""
    given = {"sceneName": scene, "inputName": name, "inputKind": "ffmpeg_source", "inputSettings": input_settings(port)}
    item = client.request("CreateInput", given)["sceneItemId"]
    canvas = client.request("GetVideoSettings")
    transform = {
        "boundsType": "OBS_BOUNDS_STRETCH",
        "boundsWidth": canvas["baseWidth"],
        "boundsHeight": canvas["baseHeight"],
    }
    client.request("SetSceneItemTransform", {"sceneName": scene, "sceneItemId": item, "sceneItemTransform": transform})


def _place(client: ObsClient, want: _Wanted, scene: str, collection: str, record: SetupRecord) -> None:
    item = int(client.request("CreateSceneItem", {"sceneName": scene, "sourceName": want.name})["sceneItemId"])
    record.inputs.setdefault(want.name, want.kind)
    record.items.append([collection, scene, want.name])
    record.save()
    if want.picture:
        _fit(client, scene, item)


def _set_settings(client: ObsClient, want: _Wanted, before: Mapping[str, Any], record: SetupRecord) -> None:
    if want.name not in record.inputs:
        record.before.setdefault(want.name, dict(before))
        record.save()
    client.request("SetInputSettings", {"inputName": want.name, "inputSettings": dict(want.settings), "overlay": True})


def _sound_is_wrong(client: ObsClient, want: _Wanted) -> bool:
    monitor = client.request("GetInputAudioMonitorType", {"inputName": want.name}).get("monitorType")
    offset = client.request("GetInputAudioSyncOffset", {"inputName": want.name}).get("inputAudioSyncOffset")
    return monitor != "OBS_MONITORING_TYPE_NONE" or offset != want.offset_ms


def _set_sound(client: ObsClient, want: _Wanted) -> None:
    """Nobody wants to hear himself late in his headphones; and where the voice comes apart from the picture it is
    delayed to meet it."""
    off = {"inputName": want.name, "monitorType": "OBS_MONITORING_TYPE_NONE"}
    client.request("SetInputAudioMonitorType", off)
    client.request("SetInputAudioSyncOffset", {"inputName": want.name, "inputAudioSyncOffset": want.offset_ms})


def plan_undo(client: ObsClient, record: SetupRecord | None = None) -> tuple[list[Step], list[str]]:
    """The way back in the scene collection that is open, and the names of others that have something of ours."""
    record = record if record is not None else SetupRecord.load()
    listed = client.request("GetSceneCollectionList")
    collection = str(listed.get("currentSceneCollectionName", ""))
    inputs = {str(one["inputName"]) for one in client.request("GetInputList").get("inputs", [])}
    others = sorted(
        {items[0] for items in record.items if items[0] != collection} & set(listed.get("sceneCollections", []))
    )
    steps: list[Step] = []
    for name, settings in list(record.before.items()):
        if name in inputs:
            steps.append(
                Step(
                    f"give '{name}' its settings from before back",
                    lambda name=name, settings=settings: _give_back(client, name, settings, record),  # type: ignore[misc]
                )
            )
    ours = [
        name for name in record.inputs if any(items[0] == collection and items[2] == name for items in record.items)
    ]
    for name in ours:
        if name in inputs:
            text = f"remove the source '{name}' from every scene of '{collection}'"
        else:
            text = f"forget '{name}', which is not in OBS any more"
        steps.append(
            Step(
                text,
                lambda name=name, there=name in inputs: _remove(client, name, collection, record, there),  # type: ignore[misc]
            )
        )
    return steps, others


def remove_input(client: ObsClient, name: str) -> None:
    """Removes an input and waits until it is gone.

    First from every scene: a scene that is not shown holds on to a removed source, and OBS to its name. A busy OBS has
    to be asked more than once: a source that is just being made may not yet be in its scene's list.
    """
    end = time.monotonic() + _GONE_S
    asked = float("-inf")
    while any(one.get("inputName") == name for one in client.request("GetInputList", timeout=_GONE_S)["inputs"]):
        if time.monotonic() - asked > _ASK_AGAIN_S:
            _take_from_scenes(client, name)
            with contextlib.suppress(ObsError):  # with its last item it may have gone already
                client.request("RemoveInput", {"inputName": name})
            asked = time.monotonic()
        if time.monotonic() > end:
            raise ObsError(
                f"OBS has not let go of '{name}' within {_GONE_S:.0f} s; it will be gone when OBS is closed."
            )
        time.sleep(0.02)


def _take_from_scenes(client: ObsClient, name: str) -> None:
    for scene in client.request("GetSceneList").get("scenes", []):
        where = {"sceneName": scene["sceneName"]}
        # OBS answers nothing while a player that cannot connect is taken down.
        for item in client.request("GetSceneItemList", where, timeout=_GONE_S).get("sceneItems", []):
            if item.get("sourceName") == name:
                client.request("RemoveSceneItem", {**where, "sceneItemId": item["sceneItemId"]})


def _give_back(client: ObsClient, name: str, settings: Mapping[str, Any], record: SetupRecord) -> None:
    client.request("SetInputSettings", {"inputName": name, "inputSettings": dict(settings), "overlay": False})
    record.before.pop(name, None)
    record.save()


def _remove(client: ObsClient, name: str, collection: str, record: SetupRecord, there: bool) -> None:
    if there:
        remove_input(client, name)
    record.items[:] = [items for items in record.items if not (items[0] == collection and items[2] == name)]
    if not any(items[2] == name for items in record.items):
        record.inputs.pop(name, None)
    record.save()
