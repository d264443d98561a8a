"""Draws docs/pictures/obs-*.png: real OBS under Xvfb with the bundled performance as its driver.

python tools/obs_pictures.py [FOLDER]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from obs_portrait.obs.address import Address, Secret  # noqa: E402
from obs_portrait.obs.client import ObsClient  # noqa: E402
from tests.obs.real_obs import RealObs, until  # noqa: E402

COMMAND = str(Path(sys.executable).with_name("obs-portrait"))


def shoot(obs: RealObs, path: Path) -> None:
    """OBS's window, without what is black around it."""
    obs.picture(path)
    subprocess.run(["mogrify", "-trim", "+repage", "-resize", "1100x>", "-strip", str(path)], check=True)


def keys(obs: RealObs, *names: str) -> None:
    """Types into whatever has the focus."""
    for name in names:
        subprocess.run(["xdotool", "key", "--clearmodifiers", name], env=obs.env, check=True)
        time.sleep(0.25)


def main(folder: Path) -> None:
    """All pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        obs = RealObs(Path(scratch) / "obs", sound=True, size=(854, 480))
        env = {**os.environ, "XDG_CONFIG_HOME": str(obs.home / ".config")}
        env |= {"OBS_PORTRAIT_CONFIG_DIR": f"{scratch}/config", "OBS_PORTRAIT_RUNTIME_DIR": f"{scratch}/run"}
        with obs, ObsClient(Address(port=obs.port, password=Secret(obs.password))) as client:
            client.wait_connected(30)

            def run(*arguments: str) -> None:
                subprocess.run([COMMAND, *arguments], env=env, check=True)

            subprocess.run(["xdotool", "mousemove", "700", "40"], env=obs.env, check=True)
            keys(obs, "alt+t")
            time.sleep(1)
            keys(obs, "Up", "Return")
            time.sleep(2)
            shoot(obs, folder / "obs-websocket.png")
            keys(obs, "Escape")
            run("obs", "setup", "--yes", *(part for scene in ("Ada", "Bronze", "Ink") for part in ("--scene", scene)))
            for scene, persona in (("Ada", "ada"), ("Bronze", "bronze"), ("Ink", "ink")):
                run("bindings", "set", scene, persona)
            arguments = ["run", "--source", "performance", "--loop", "--sink", "obs", "--persona", "bronze"]
            show = subprocess.Popen(
                [COMMAND, *arguments], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

            def live() -> bool:
                told = subprocess.run(
                    [COMMAND, "status", "--json"], env=env, capture_output=True, text=True, check=False
                )
                return '"state": "live"' in told.stdout

            until(live, 120, "the show is live")
            for scene in ("Ada", "Bronze"):
                client.request("SetCurrentProgramScene", {"sceneName": scene})
                time.sleep(8)
                shoot(obs, folder / f"obs-{scene.lower()}.png")
            run("panic")
            time.sleep(2)
            shoot(obs, folder / "obs-panic.png")
            show.terminate()
            show.wait(30)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
