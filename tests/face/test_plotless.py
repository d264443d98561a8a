"""MediaPipe comes without matplotlib, and whoever wants to plot has the real one."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from obs_portrait.face.tracker import FaceTracker
FaceTracker().close()
assert "matplotlib" not in sys.modules, "loaded"
from mediapipe.tasks.python.vision import drawing_utils
plt = drawing_utils.plt
{then}
import matplotlib, matplotlib.pyplot
assert matplotlib.__version__ and matplotlib.pyplot.figure is plt.figure
print("fine")
"""


def _run(then: str) -> str:
    done = subprocess.run([sys.executable, "-c", CODE.format(then=then)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_tracker_does_not_load_it_and_others_can() -> None:
    assert "fine" in _run("")


def test_mediapipes_own_drawing_still_works() -> None:
    assert "fine" in _run("assert plt.figure")
