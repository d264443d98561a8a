"""A daemon for the page's tests: the real control server in front of a stage that is played.

Everything between the browser and the stage is the daemon's own: guard, checks, operations, events. What the stage
tells moves as a real one's does, so that meters and pictures have something to show.
"""

from __future__ import annotations

import io
import math
import random
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from daemon.control.rooms import Clip, Consent, Device, DeviceKind, Devices, Look, Newcomer, Points, Trimmed
from daemon.control.server import ControlServer
from daemon.control.stage import Binding, Persona, Quality, Status
from daemon.settings import Settings, SettingsFile
from obs_portrait.errors import ControlError, PortraitError
from tests.daemon.control.stand_in import StageStandIn

__all__ = ["Double", "PageRooms", "PageStage"]

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
WHAT = {
    "ada": "Ada, a drawn portrait with a calm, warm voice.",
    "bronze": "A bust of bronze, deep and slow.",
    "ink": "A face of ink strokes.",
    "marble": "A statue with a hall around its voice.",
    "nova": "A hologram of light on a grid, breathy and shimmering.",
    "robot": "A tin robot that hums.",
}


def jpeg(picture: Image.Image) -> bytes:
    """As the daemon sends pictures."""
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=82)
    return out.getvalue()


class PageStage(StageStandIn):
    """A stage on which everything is there. `phase` in s moves what it tells; None: the clock does.

    `file`: the settings, those of a `Double` in its folder. `absent`: entries that the status leaves out, as an older
    daemon would. `looks`: how often the status was asked for.
    """

    def __init__(self, *names: str) -> None:
        super().__init__(*(names or WHAT))
        self.rules = {"Just chatting": "ada", "Gaming": "bronze"}
        self.scene_names = ["Starting soon", "Just chatting", "Gaming", "Interview – two cameras", "Be right back"]
        self.switches = {"off": False, "face_on": True, "voice_on": True}
        self.searching = False
        self.phase: float | None = None
        self.begun = time.monotonic()
        self.looks = 0
        self.file: SettingsFile | None = None
        self.settings_path = Path("/home/me/.config/obs-portrait/settings.toml")
        self.settings_problem: str | None = None
        self.absent: set[str] = set()
        self.best = 0.87
        self.quality: Quality = {"score": 0.82, "advice": "Look straight into the camera: your head is turned by 12°."}
        self.calibrating = threading.Event()
        self.calibrating.set()
        self.uncalibrated: PortraitError | None = None
        self.more_personas: list[Persona] = []
        self.rooms: PageRooms = PageRooms(self)  # type: ignore[assignment]

    @property
    def now(self) -> float:
        return time.monotonic() - self.begun if self.phase is None else self.phase

    def status(self) -> Status:
        self.looks += 1
        at = self.now
        wave = math.sin(at * 1.7)
        told: dict[str, Any] = {
            **super().status(), **self.switches,
            "state": "panic" if self.in_panic else "off" if self.switches["off"] else "live",
            "fps": round(29.6 + 0.3 * wave, 1), "uptime_s": round(4215 + at, 1), "dropped": 14, "late_blocks": 2,
            "blocks": 210_750, "blocks_over_60_ms": 84,
            "latency": {"picture_ms": round(58 + 4 * wave, 1), "voice_ms": round(62 - 2 * wave, 1), "skew_ms": 3.6},
            "stage_ms": {"track": 11.4, "render": 8.7},
            "voice": {"in_db": round(-19 + 7 * wave, 1), "out_db": round(-16 + 6 * wave, 1), "pitch_hz": 118.0,
                      "pitch_out_hz": 196.0},
            "quality": self.quality,
            "reference": {"current": 0.61, "best": self.best} if self.searching else None,
            "obs": {"connected": True, "version": "29.0.2", "scene": "Just chatting", "streaming": True,
                    "recording": False, "replay": True, "problem": None},
            "hints": [], **self.extra,
        }  # fmt: skip
        return {key: value for key, value in told.items() if key not in self.absent}  # type: ignore[return-value]

    def personas(self) -> list[Persona]:
        self._wait()
        return [
            {
                "name": name, "description": WHAT.get(name, ""), "ready": at < 5, "on_stage": name == self.persona,
                "hotkey": f"ctrl+alt+{at + 1}", "problem": None, "reveals": False,
            }
            for at, name in enumerate(self.names)
        ] + self.more_personas  # fmt: skip

    def bindings(self) -> list[Binding]:
        self._wait()
        rows: list[Binding] = [
            {"scene": scene, "persona": name, "where": "bindings.toml"} for scene, name in self.rules.items()
        ]
        return [*rows, {"scene": "Interview*", "persona": "marble", "where": "bindings.toml"}]

    def calibrate(self) -> None:
        """Takes as long as `calibrating` is cleared; `uncalibrated`: why it fails."""
        self._note("calibrate")
        self.calibrating.wait()
        if self.uncalibrated is not None:
            raise self.uncalibrated

    def search_reference(self) -> None:
        self._note("search")
        self.searching = not self.searching

    def off(self, on: bool) -> None:
        self._note("off", on)
        self.switches["off"] = on

    def face(self, on: bool) -> None:
        self._note("face", on)
        self.switches["face_on"] = on

    def voice(self, on: bool) -> None:
        self._note("voice", on)
        self.switches["voice_on"] = on

    def hold(self, name: str | None) -> None:
        self._note("hold", name)

    def quit(self) -> None:
        self._note("quit")

    def history(self) -> Any:
        chance = random.Random(7)
        level = {
            "fps": (29.6, 0.5), "picture_ms": (58, 5), "voice_ms": (62, 3), "skew_ms": (3, 6), "cpu_percent": (84, 9),
            "memory_mb": (618, 2),
        }  # fmt: skip
        series: dict[str, list[float | None]] = {
            name: [round(chance.gauss(*around), 1) for _ in range(180)] for name, around in level.items()
        }
        series["dropped"] = [float(chance.random() < 0.06) for _ in range(180)]
        series["late_blocks"] = [float(at in {60, 131}) for at in range(180)]
        series["picture_ms"][100:104] = [None] * 4
        return {"step_s": 1.0, "series": series}

    def settings(self) -> Any:
        made = self.file.now if self.file is not None else Settings()
        return {
            "settings": made.model_dump(mode="json"), "schema": Settings.model_json_schema(),
            "path": str(self.settings_path), "problem": self.settings_problem,
        }  # fmt: skip

    def change_settings(self, changes: dict[str, Any]) -> None:
        self._note("settings", changes)
        if self.file is not None:
            self.file.change(changes)


class PageRooms:
    """Pictures of the built-in personas, three clips, some devices. What is asked for is noted with the stage's.

    found: whether a face is found in a new picture. video: the file of every clip. refusing: devices cannot be chosen.
    """

    def __init__(self, stage: PageStage) -> None:
        self._stage = stage
        self._camera_until = 0.0
        self.found = True
        self.video_file: Path | None = None
        self.refusing: PortraitError | None = None
        self.kept: list[Clip] = [
            _clip(3, "2026-11-23 20-41-07.mkv", "ada", 15.0, 8_412_160, "2026-11-23T20:41:22+00:00"),
            _clip(2, "2026-11-23 20-12-55.mkv", "bronze", 42.5, 24_930_004, "2026-11-23T20:13:38+00:00"),
            _clip(1, "2026-11-22 22-03-10.mp4", "marble", 312.0, 131_204_884, "2026-11-22T22:08:22+00:00"),
        ]
        self.plugged: Devices = {
            "cameras": [_device("camera:0", "HD Pro Webcam C920", True), _device("camera:2", "OBSBOT Tiny 2")],
            "microphones": [_device("mic", "Default (Elgato Wave:3)"), _device("mic:Wave", "Elgato Wave:3", True)],
            "speakers": [
                _device("off", "Off"), _device("speaker", "Default (HD 560S)"),
                _device("virtualmic", "OBS Portrait microphone", True), _device("speaker:HD", "HD 560S headphones"),
            ],
            "virtual_cameras": [_device("virtualcam:/dev/video9", "OBS Portrait", True)],
        }  # fmt: skip

    def _note(self, *what: Any) -> None:
        self._stage.asked.append(what)

    def preview(self) -> bytes | None:
        if self._stage.in_panic or self._stage.switches["off"]:
            return _card()
        return _portrait(self._stage.persona, 480)

    def allow_camera(self, on: bool) -> None:
        self._note("camera", on)
        self._camera_until = time.monotonic() + 60 if on else 0.0

    def camera(self) -> bytes | None:
        if time.monotonic() > self._camera_until:
            raise ControlError("The camera is shown only when it is asked for.", 403)
        return _portrait("marble", 480)

    def portrait(self, persona: str) -> bytes:
        if persona not in WHAT:
            raise ControlError("There is no picture.", 404)
        return _portrait(persona, 256)

    def look(self, picture: bytes) -> Look:
        with Image.open(io.BytesIO(picture)) as opened:
            size = opened.size
        self._note("landmarks", size)
        with np.load(PROFILES / "nova" / "landmarks.npz") as kept:
            points = kept["landmarks"][:, :2] * (np.array(size) / kept["size"])
        places = [[round(float(x), 1), round(float(y), 1)] for x, y in points]
        return {"points": places, "names": [""] * len(places), "found": self.found}

    def make(self, name: str, picture: bytes, consent: Consent, landmarks: Points | None) -> Newcomer:
        self._note("newcomer", {"name": name, "consent": consent, "landmarks": landmarks})
        self._stage.names.append(name)
        return {"persona": name, "landmarks": landmarks or [], "found": self.found}

    def clips(self) -> list[Clip]:
        return list(self.kept)

    def thumbnail(self, clip: str) -> bytes:
        persona = next(one["persona"] for one in self.kept if one["id"] == clip)
        return _still(persona or "ada")

    def video(self, clip: str) -> Path:
        if self.video_file is None:
            raise ControlError("There is no such clip.", 404)
        return self.video_file

    def trim(self, clip: str, start_s: float, end_s: float | None) -> Trimmed:
        self._note("trim", clip, start_s, end_s)
        return {"id": "4" * 20, "message": "Saved the part as 2026-11-23 20-41-07 (part).mkv."}

    def discard(self, clip: str) -> None:
        self._note("delete", clip)
        self.kept = [one for one in self.kept if one["id"] != clip]

    def devices(self) -> Devices:
        return self.plugged

    def choose(self, chosen: Mapping[DeviceKind, str]) -> None:
        self._note("devices", dict(chosen))
        if self.refusing is not None:
            raise self.refusing
        for kind, spec in chosen.items():
            for one in self.plugged[f"{kind}s"]:  # type: ignore[literal-required]
                one["chosen"] = one["spec"] == spec


def _clip(number: int, name: str, persona: str, seconds: float, size: int, made: str) -> Clip:
    return {"id": str(number) * 20, "name": name, "persona": persona, "seconds": seconds, "size": size, "made": made}


def _device(spec: str, name: str, chosen: bool = False) -> Device:
    return {"spec": spec, "name": name, "chosen": chosen}


@cache
def _portrait(name: str, size: int) -> bytes:
    path = PROFILES / name / "portrait.png"
    with Image.open(path if path.is_file() else PROFILES / "ada" / "portrait.png") as picture:
        return jpeg(ImageOps.fit(picture.convert("RGB"), (size, size)))


@cache
def _still(persona: str) -> bytes:
    frame = Image.new("RGB", (320, 180), "#1b2030")
    with Image.open(io.BytesIO(_portrait(persona, 256))) as face:
        frame.paste(face.resize((166, 166)), (77, 7))
    return jpeg(frame)


@cache
def _card() -> bytes:
    card = Image.new("RGB", (480, 480), "#20242c")
    ImageDraw.Draw(card).ellipse((210, 210, 270, 270), outline="#9aa3b2", width=5)
    return jpeg(card)


class Double:
    """`url`, `link()` for a sign-in, `stage`, `rooms`, and `asked`: what stage and rooms were asked for."""

    def __init__(self, folder: Path, stage: PageStage | None = None, port: int = 0) -> None:
        self.stage = stage if stage is not None else PageStage()
        self.stage.file = SettingsFile(folder / "settings.toml")  # the real one: what it merges, it merges here too
        self.server = ControlServer(self.stage, path=folder / "control.json", port=port)

    @property
    def rooms(self) -> PageRooms:
        return self.stage.rooms

    @property
    def asked(self) -> list[tuple[Any, ...]]:
        return self.stage.asked

    @property
    def url(self) -> str:
        return self.server.url

    def link(self) -> str:
        """A sign-in link."""
        return self.server.sign_in_link()

    def somebody_was_here(self) -> None:
        """A browser has signed in before: the assistant does not come by itself."""
        assert self.server._sessions is not None
        self.server._sessions.enter(self.server._sessions.new_code())

    def __enter__(self) -> Double:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.go.set()
        self.stage.calibrating.set()
        self.server.stop()
