"""A daemon for the page's tests: the real control server in front of a stage that is played.

What the stage tells moves as a real one's does, so that meters and pictures have something to show. The operations
with pictures, clips and devices are answered here by routes of the contract (docs/api.md), whatever the daemon's own
are made of; they note what they are asked for in `asked`, beside the stage's.
"""

from __future__ import annotations

import base64
import io
import json
import math
import random
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from daemon.control.server import ControlServer
from daemon.control.stage import Binding, Persona, Status
from daemon.settings import Settings
from tests.daemon.control.stand_in import StageStandIn

__all__ = ["Double", "PageStage"]

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


@cache
def _portrait(name: str, size: int) -> bytes:
    path = PROFILES / name / "portrait.png"
    with Image.open(path if path.is_file() else PROFILES / "ada" / "portrait.png") as picture:
        return jpeg(ImageOps.fit(picture.convert("RGB"), (size, size)))


class PageStage(StageStandIn):
    """A stage on which everything is there. `phase` in s moves what it tells; None: the clock does.

    `absent`: entries that the status leaves out, as an older daemon would.
    """

    def __init__(self, *names: str) -> None:
        super().__init__(*(names or WHAT))
        self.rules = {"Just chatting": "ada", "Gaming": "bronze"}
        self.scene_names = ["Starting soon", "Just chatting", "Gaming", "Interview – two cameras", "Be right back"]
        self.switches = {"off": False, "face_on": True, "voice_on": True}
        self.searching = False
        self.phase: float | None = None
        self.begun = time.monotonic()
        self.kept: dict[str, Any] = {}
        self.settings_path = Path("/home/me/.config/obs-portrait/settings.toml")
        self.absent: set[str] = set()
        self.more_personas: list[Persona] = []

    @property
    def now(self) -> float:
        return time.monotonic() - self.begun if self.phase is None else self.phase

    def status(self) -> Status:
        at = self.now
        wave = math.sin(at * 1.7)
        told: dict[str, Any] = {
            **super().status(), **self.switches,
            "state": "panic" if self.in_panic else "off" if self.switches["off"] else "live",
            "fps": round(29.6 + 0.3 * wave, 1), "uptime_s": round(4215 + at, 1), "dropped": 14, "late_blocks": 2,
            "latency": {"picture_ms": round(58 + 4 * wave, 1), "voice_ms": round(62 - 2 * wave, 1), "skew_ms": 3.6},
            "stage_ms": {"track": 11.4, "render": 8.7},
            "voice": {"in_db": round(-19 + 7 * wave, 1), "out_db": round(-16 + 6 * wave, 1), "pitch_hz": 118.0,
                      "pitch_out_hz": 196.0},
            "quality": {"score": 0.82, "advice": "Turn your head a little to the left."},
            "reference": {"current": 0.61, "best": 0.87} if self.searching else None,
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
                "hotkey": f"ctrl+alt+{at + 1}", "problem": None,
            }
            for at, name in enumerate(self.names)
        ] + self.more_personas  # fmt: skip

    def bindings(self) -> list[Binding]:
        self._wait()
        rows: list[Binding] = [
            {"scene": scene, "persona": name, "where": "bindings.toml"} for scene, name in self.rules.items()
        ]
        return [*rows, {"scene": "Interview*", "persona": "marble", "where": "bindings.toml"}]

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
        made = Settings.model_validate(self.kept) if self.kept else Settings()
        return {
            "settings": made.model_dump(mode="json"), "schema": Settings.model_json_schema(),
            "path": str(self.settings_path), "problem": None,
        }  # fmt: skip

    def change_settings(self, changes: dict[str, Any]) -> None:
        self._note("settings", changes)
        for section, entries in changes.items():
            self.kept.setdefault(section, {}).update(entries or {})


class Double:
    """`url`, `link()` for a sign-in, `stage`, `asked`. `gone`: prefixes of addresses that are not there (404)."""

    def __init__(self, folder: Path, stage: PageStage | None = None, port: int = 0) -> None:
        self.stage = stage if stage is not None else PageStage()
        self.server = ControlServer(self.stage, path=folder / "control.json", port=port)
        self.gone: set[str] = set()
        self.refusing: dict[str, str] = {}
        self.camera_until = 0.0
        self.found = True
        self.clips: list[dict[str, Any]] = [
            {"id": "c3", "name": "2026-11-23 20-41-07.mkv", "persona": "ada", "seconds": 15.0, "size": 8_412_160,
             "made": "2026-11-23T20:41:22Z"},
            {"id": "c2", "name": "2026-11-23 20-12-55.mkv", "persona": "bronze", "seconds": 42.5, "size": 24_930_004,
             "made": "2026-11-23T20:13:38Z"},
            {"id": "c1", "name": "2026-11-22 22-03-10.mp4", "persona": "marble", "seconds": 312.0, "size": 131_204_884,
             "made": "2026-11-22T22:08:22Z"},
        ]  # fmt: skip
        self.video: Path | None = None
        self.devices: dict[str, list[dict[str, Any]]] = {
            "cameras": [
                {"spec": "camera:0", "name": "HD Pro Webcam C920", "chosen": True},
                {"spec": "camera:2", "name": "OBSBOT Tiny 2", "chosen": False},
            ],
            "microphones": [
                {"spec": "mic", "name": "System default", "chosen": False},
                {"spec": "mic:Wave", "name": "Elgato Wave:3", "chosen": True},
            ],
            "speakers": [
                {"spec": "virtualmic", "name": "OBS Portrait microphone", "chosen": True},
                {"spec": "speaker:HD", "name": "HD 560S headphones", "chosen": False},
            ],
            "virtual_cameras": [{"spec": "virtualcam:/dev/video9", "name": "OBS Portrait", "chosen": True}],
        }

    @property
    def asked(self) -> list[tuple[Any, ...]]:
        return self.stage.asked

    @property
    def url(self) -> str:
        return self.server.url

    def link(self) -> str:
        """A sign-in link."""
        return self.server.sign_in_link()

    def __enter__(self) -> Double:
        self.server.start()
        assert self.server._app is not None
        inside = self.server._app.asgi._app
        assert isinstance(inside, Starlette)
        inside.router.routes[:0] = self._routes()
        for name in WHAT:  # drawn now: the endpoints run in the server's own loop
            self.portrait(name, 256)
        self.portrait(self.stage.persona, 480)
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.go.set()
        self.server.stop()

    # ---- the contract's rooms ------------------------------------------------------------------------------------

    def _routes(self) -> list[Route]:
        rows: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", "/v1/preview", self._preview),
            ("GET", "/v1/preview/camera", self._camera),
            ("POST", "/v1/preview/camera", self._allow_camera),
            ("GET", "/v1/personas/{name}/picture", self._persona_picture),
            ("POST", "/v1/personas", self._new_persona),
            ("POST", "/v1/landmarks", self._landmarks),
            ("GET", "/v1/clips", lambda request: {"clips": self.clips}),
            ("GET", "/v1/clips/{id}/thumbnail", self._thumbnail),
            ("GET", "/v1/clips/{id}/video", self._video),
            ("POST", "/v1/clips/{id}/trim", self._trim),
            ("DELETE", "/v1/clips/{id}", self._delete),
            ("GET", "/v1/devices", lambda request: self.devices),
            ("POST", "/v1/devices", self._use),
            ("GET", "/v1/problems", self._problems),
        ]
        return [Route(path, self._endpoint(path, answer), methods=[method]) for method, path, answer in rows]

    def _endpoint(self, path: str, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if any(path.startswith(one) for one in self.gone):
                return JSONResponse({"error": "There is nothing at this address."}, 404)
            if path in self.refusing:
                return JSONResponse({"error": self.refusing[path]}, 409)
            request.state.said = json.loads(await request.body() or b"{}") if request.method == "POST" else {}
            told = answer(request)
            return told if isinstance(told, Response) else JSONResponse(told)

        return endpoint

    def portrait(self, name: str, size: int) -> bytes:
        """A built-in persona's picture."""
        return _portrait(name, size)

    def _preview(self, request: Request) -> Response:
        if self.stage.in_panic or self.stage.switches["off"]:
            card = Image.new("RGB", (480, 480), "#20242c")
            ImageDraw.Draw(card).ellipse((210, 210, 270, 270), outline="#9aa3b2", width=5)
            return Response(jpeg(card), media_type="image/jpeg")
        return Response(self.portrait(self.stage.persona, 480), media_type="image/jpeg")

    def _allow_camera(self, request: Request) -> Any:
        on = bool(request.state.said["on"])
        self.asked.append(("camera", on))
        self.camera_until = time.monotonic() + 60 if on else 0.0
        return {"ok": True}

    def _camera(self, request: Request) -> Response:
        if time.monotonic() > self.camera_until:
            return JSONResponse({"error": "The camera is shown only when it is asked for."}, 403)
        return Response(self.portrait("marble", 480), media_type="image/jpeg")

    def _persona_picture(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in WHAT:
            return JSONResponse({"error": "There is no picture."}, 404)
        return Response(self.portrait(name, 256), media_type="image/jpeg")

    def _landmarks(self, request: Request) -> Any:
        with Image.open(io.BytesIO(base64.b64decode(request.state.said["picture"]))) as picture:
            size = picture.size
        self.asked.append(("landmarks", size))
        with np.load(PROFILES / "nova" / "landmarks.npz") as kept:
            points = kept["landmarks"][:, :2] * (np.array(size) / kept["size"])
        return {"points": np.round(points, 1).tolist(), "names": [], "found": self.found}

    def _new_persona(self, request: Request) -> Any:
        said = request.state.said
        self.asked.append(("newcomer", {key: value for key, value in said.items() if key != "picture"}))
        self.stage.names.append(said["name"])
        return {"persona": said["name"], "landmarks": [], "found": self.found}

    def _thumbnail(self, request: Request) -> Response:
        clip = next(one for one in self.clips if one["id"] == request.path_params["id"])
        frame = Image.new("RGB", (480, 270), "#1b2030")
        face = Image.open(io.BytesIO(self.portrait(clip["persona"], 256)))
        frame.paste(face, (112, 14))
        return Response(jpeg(frame), media_type="image/jpeg")

    def _video(self, request: Request) -> Response:
        if self.video is None:
            return JSONResponse({"error": "There is no such clip."}, 404)
        return FileResponse(self.video, media_type="video/webm")  # with ranges, without which nobody can seek

    def _trim(self, request: Request) -> Any:
        self.asked.append(("trim", request.path_params["id"], request.state.said))
        return {"id": "c4", "message": "Saved the part as 2026-11-23 20-41-07 (part).mkv."}

    def _delete(self, request: Request) -> Any:
        self.asked.append(("delete", request.path_params["id"]))
        self.clips = [one for one in self.clips if one["id"] != request.path_params["id"]]
        return {"ok": True}

    def _use(self, request: Request) -> Any:
        self.asked.append(("devices", request.state.said))
        for kind, spec in request.state.said.items():
            for one in self.devices[f"{kind}s"]:
                one["chosen"] = one["spec"] == spec
        return {"ok": True}

    def _problems(self, request: Request) -> Any:
        return {"problems": [{"text": text, "fix": None} for text in self.stage.extra.get("problems", [])]}
