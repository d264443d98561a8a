"""Keys that work whatever window is in front: `Hotkeys(stage).start(settings)`.

One registry, three doors: keys of the whole desktop (`daemon.hotkeys.doors`), OBS's own hotkeys (the script inside OBS,
`obs_portrait/obs/script`) and the command line (`obs-portrait switch|calibrate|clip|panic|status`).
"""

from daemon.hotkeys.desk import Hotkeys
from daemon.hotkeys.settings import HotkeySettings

__all__ = ["HotkeySettings", "Hotkeys"]
