"""Draws docs/pictures/obs-script.png: the settings page of the script in real OBS, with a daemon of five personas.

python tools/obs_script_picture.py (needs what tests/obs needs: OBS, Xvfb, xdotool, ImageMagick)
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from daemon.control.server import ControlServer  # noqa: E402 - after the path
from obs_portrait.obs.script.install import install_script  # noqa: E402
from tests.daemon.control.stand_in import StageStandIn  # noqa: E402
from tests.obs.real_obs import RealObs, collection, until  # noqa: E402
from tests.obs.scripts_dialog import ScriptsDialog  # noqa: E402

SCENES = ("Starting soon", "Just chatting", "Interview", "Be right back")


def main() -> None:
    """Starts OBS, opens the page, takes the picture."""
    target = ROOT / "docs" / "pictures" / "obs-script.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = StageStandIn("ada", "bronze", "ink", "nova", "robot")
    stage.persona = "nova"
    stage.rules = {"Starting soon": "robot", "Just chatting": "nova", "Interview": "ada"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        obs = RealObs(
            folder / "obs", collection=collection(scenes=SCENES),
            environment={"OBS_PORTRAIT_RUNTIME_DIR": str(folder / "run")},
        )  # fmt: skip
        install_script(obs.config_dir, target=folder / "script")
        with ControlServer(stage, path=folder / "run" / "control.json"), obs:
            until(lambda: "OBS Portrait: connected" in obs.log(), 20, "the script is connected")
            ScriptsDialog(obs).picture(target)
    print(target)


if __name__ == "__main__":
    main()
