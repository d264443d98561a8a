"""A thousand scene changes while OBS is killed five times: is the daemon alive, right at the end, and no fatter?

    python bench/obs_endurance.py [--changes 1000] [--kills 5] [--json FILE]

The real daemon (`obs-portrait run --sink obs`, mesh personas, the bundled performance) beside an OBS of its own.
Memory and threads are the daemon process's own, from /proc, after the first hundred changes and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from obs_portrait.errors import ObsError
from obs_portrait.obs.address import Address, Secret
from obs_portrait.obs.client import ObsClient
from tests.obs.real_obs import RealObs, until, why_not

COMMAND = str(Path(sys.executable).with_name("obs-portrait"))
CAST = {"Ada": "ada", "Bronze": "bronze", "Ink": "ink"}


def of(pid: int) -> dict[str, int]:
    """Resident kB and threads of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = {line.split(":")[0]: line.split()[1] for line in text.splitlines() if line.startswith(("VmRSS", "Threads"))}
    return {
        "rss_kb": int(found["VmRSS"]),
        "threads": int(found["Threads"]),
        "files": sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
    }


def run(changes: int, kills: int, folder: Path) -> dict[str, Any]:
    """Everything."""
    rng = random.Random(5)
    obs = RealObs(folder / "obs", sound=True)
    env = {**os.environ, "XDG_CONFIG_HOME": str(obs.home / ".config")}
    env |= {"OBS_PORTRAIT_CONFIG_DIR": str(folder / "config"), "OBS_PORTRAIT_RUNTIME_DIR": str(folder / "run")}
    (folder / "config").mkdir()
    rules = "".join(f'[[bind]]\nscene = "{scene}"\npersona = "{name}"\n\n' for scene, name in CAST.items())
    (folder / "config" / "bindings.toml").write_text(rules)

    def status() -> dict[str, Any]:
        told = subprocess.run([COMMAND, "status", "--json"], env=env, capture_output=True, text=True, check=False)
        try:
            return dict(json.loads(told.stdout))
        except ValueError:
            return {}

    with obs, ObsClient(Address(port=obs.port, password=Secret(obs.password))) as client:
        client.wait_connected(30)
        subprocess.run(
            [COMMAND, "obs", "setup", "--yes", *(p for s in CAST for p in ("--scene", s))], env=env, check=True
        )
        arguments = ["run", "--source", "performance", "--loop", "--sink", "obs", "--persona", "ada"]
        log = (folder / "daemon.log").open("wb")
        daemon = subprocess.Popen([COMMAND, *arguments], env=env, stdout=log, stderr=subprocess.STDOUT)
        until(lambda: status().get("state") == "live", 120, "the show is live")
        start, scene, done, lost = of(daemon.pid), "Ada", 0, 0
        warm = start
        dies = {changes * (n + 1) // (kills + 1) for n in range(kills)}
        while done < changes:
            scene = rng.choice([name for name in CAST if name != scene])
            try:
                client.request("SetCurrentProgramScene", {"sceneName": scene})
            except ObsError:
                lost += 1
                client.wait_connected(20)
                continue
            done += 1
            if done == min(100, changes // 2):
                warm = of(daemon.pid)
            if done in dies:
                obs.kill()
                obs.start()
                client.wait_connected(20)
            time.sleep(rng.uniform(0.0, 0.12))
        until(lambda: status().get("persona") == CAST[scene], 20, f"{CAST[scene]} on stage at the end")
        end = of(daemon.pid)
        told = status()
        alive = daemon.poll() is None
        daemon.terminate()
        daemon.wait(30)
    return {"changes": done, "kills": kills, "requests_lost_in_kills": lost, "alive": alive, "persona": told["persona"],
            "wanted": CAST[scene], "start": start, "after_100": warm, "end": end, "restarts": told["restarts"],
            "load": os.getloadavg()[0]}  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    reason = why_not()
    if reason:
        sys.exit(f"not measured: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        result = run(given.changes, given.kills, Path(folder))
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
