"""Draws docs/pictures/obs-script.png and obs-hotkeys.png: the script's page and its keys in real OBS.

python tools/obs_script_picture.py (needs what tests/obs needs: OBS, Xvfb, PulseAudio, xdotool, ImageMagick)
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from daemon.control.server import ControlServer  # noqa: E402
from obs_portrait.obs.script.install import install_script  # noqa: E402
from tests.daemon.control.stand_in import StageStandIn  # noqa: E402
from tests.obs.real_obs import RealObs, collection, until  # noqa: E402
from tests.obs.scripts_dialog import ScriptsDialog  # noqa: E402

OUT = ROOT / "docs" / "pictures"
SCENES = ("Starting soon", "Just chatting", "Interview", "Be right back")
PERSONAS = ("ada", "bronze", "ink", "nova", "robot")
KEYS = {
    **{f"persona.{name}": [{"control": True, "key": f"OBS_KEY_F{number + 1}"}] for number, name in enumerate(PERSONAS)},
    "calibrate": [{"key": "OBS_KEY_F9"}],
    "clip": [{"key": "OBS_KEY_F10"}],
    "panic": [{"key": "OBS_KEY_PAUSE"}],
}


def hotkeys(obs: RealObs, target: Path) -> None:
    """Settings > Hotkeys, only ours shown."""

    def do(*words: str) -> str:
        command = ["xdotool", *words]
        return subprocess.run(command, env=obs.env, capture_output=True, text=True, timeout=20, check=False).stdout

    def click(x: int, y: int) -> None:
        do("mousemove", str(x), str(y))
        do("click", "1")

    def windows() -> list[str]:
        return do("search", "--onlyvisible", "--name", "^Settings$").split()

    click(1066, 681)
    until(lambda: bool(windows()), 20, "the settings are open")
    window = windows()[0]
    do("windowsize", window, "1000", "640", "windowmove", window, "0", "0", "windowfocus", window)
    do("sleep", "1")
    click(80, 213)
    do("sleep", "1")
    click(380, 29)
    do("sleep", "0.5", "type", "--delay", "120", "portrait")
    do("sleep", "1")
    command = ["import", "-window", "root", "-crop", "1000x640+0+0", "+repage", str(target)]
    subprocess.run(command, env=obs.env, check=True)


def main() -> None:
    """Starts OBS, opens both, takes the pictures."""
    OUT.mkdir(parents=True, exist_ok=True)
    stage = StageStandIn(*PERSONAS)
    stage.persona = "nova"
    stage.rules = {"Starting soon": "robot", "Just chatting": "nova", "Interview": "ada"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # With sound: without a server OBS 29 hangs when its settings are opened.
        obs = RealObs(
            folder / "obs", collection=collection(scenes=SCENES), sound=True,
            environment={"OBS_PORTRAIT_RUNTIME_DIR": str(folder / "run")},
        )  # fmt: skip
        install_script(obs.config_dir, target=folder / "script")
        path = obs.config_dir / "basic" / "scenes" / "Tests.json"
        content = json.loads(path.read_text("utf-8"))
        content["modules"]["scripts-tool"][0]["settings"] = {
            **{f"obs_portrait.{name}": keys for name, keys in KEYS.items()}, "personas": json.dumps(PERSONAS),
        }  # fmt: skip
        path.write_text(json.dumps(content), "utf-8")
        with ControlServer(stage, path=folder / "run" / "control.json"), obs:
            until(lambda: "OBS Portrait: connected" in obs.log(), 20, "the script is connected")
            page = ScriptsDialog(obs)
            page.picture(OUT / "obs-script.png")
            page.close()
            hotkeys(obs, OUT / "obs-hotkeys.png")


if __name__ == "__main__":
    main()
