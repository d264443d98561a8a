"""The screen as a camera and the preview window, on a real X server without a monitor."""

from __future__ import annotations

import json
import os
import sys

import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media.sources import open_video
from tests.media.real import display, run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is of Linux")

_LOOK = """
import json, os, sys, time
import numpy as np
from fractions import Fraction
from obs_portrait.errors import MediaError
from obs_portrait.media.devices import list_screens
from obs_portrait.media.sources import open_video
from obs_portrait.pipeline.live.preview import Preview
from obs_portrait.pipeline.live.window import PreviewWindow
from tests.media.conftest import frame
out = {"screens": list_screens(), "before": "", "actions": []}
colour = np.zeros((240, 320, 3), np.uint8)
colour[:] = (200, 40, 10)
window = PreviewWindow(Preview(lambda: []), lambda action, number: out["actions"].append(str(action)))
"""

_SHOW = """
with open_video("screen") as screen, open_video("screen:100,50,64x48") as part:
    shot = screen.read()
    out["size"] = [screen.width, screen.height]
    out["black"] = int(shot.image.max())
    out["part"] = [part.width, part.height, list(part.read().image.shape)]
    window.open(320, 240, Fraction(30))
    times = []
    limit = time.monotonic() + 60  # a window comes when the machine has time for it
    while time.monotonic() < limit:
        window.write(frame(colour, len(times)))
        shot = screen.read()
        times.append(shot.captured_ns)
        seen = int((np.abs(shot.image.astype(int) - (200, 40, 10)).max(2) <= 3).sum())
        if seen > 60_000:
            break
    out["seen"], out["index"] = seen, shot.index
    out["increasing"] = all(b > a for a, b in zip(times, times[1:]))
window.close()
window.close()
print(json.dumps(out))
"""

_NOTHING = """
for what in (lambda: window.open(320, 240, Fraction(30)), lambda: open_video("screen").open()):
    try:
        what()
    except MediaError as error:
        out["actions"].append(str(error))
print(json.dumps(out))
"""

_LOST = """
import signal
screen = open_video("screen")
screen.open()
screen.read()
os.kill(int(sys.argv[1]), signal.SIGKILL)
while not out["before"]:
    try:
        screen.read()
    except MediaError as error:
        out["before"] = str(error)
screen.close()
screen.close()
print(json.dumps(out))
"""


@pytest.mark.real
def test_what_the_window_shows_the_screen_source_sees_in_its_colours() -> None:
    with display(800, 600) as (name, _):
        done = run_python(_LOOK + _SHOW, {**os.environ, "DISPLAY": name})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["screens"] == ["800x600 at 0,0"]
    assert told["size"] == [800, 600]
    assert told["black"] == 0
    assert told["part"] == [64, 48, [48, 64, 3]]
    assert told["seen"] > 60_000  # 320x240 red pixels: neither blue nor missing
    assert told["increasing"]
    assert told["actions"] == []


@pytest.mark.real
def test_a_screen_that_goes_is_told() -> None:
    with display(320, 240) as (name, process):
        done = run_python(_LOOK + _LOST, {**os.environ, "DISPLAY": name}, str(process.pid))
    assert done.returncode == 0, done.stderr
    assert "cannot be captured any more" in json.loads(done.stdout.splitlines()[-1])["before"]


@pytest.mark.parametrize(
    "environment",
    [{}, {"DISPLAY": ":9876"}, {"WAYLAND_DISPLAY": "wayland-9"}, {"DISPLAY": "nonsense"}],
    ids=["none", "stale", "wayland alone", "nonsense"],
)
def test_no_display_is_a_sentence_and_not_the_end_of_the_process(environment: dict[str, str]) -> None:
    bare = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = run_python(_LOOK + _NOTHING, bare | environment)
    assert done.returncode == 0, done.stderr  # Qt would abort here
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["screens"] == []
    assert "no display" in told["actions"][0]
    assert "cannot be captured here" in told["actions"][1]
    assert all("\n" not in sentence for sentence in told["actions"])


@pytest.mark.real
@pytest.mark.parametrize("region", ["9000,0,64x64", "0,0,801x600", "-1,0,64x64", "0,0,8x8"])
def test_a_region_outside_the_desktop_is_refused(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with display(800, 600) as (name, _):
        monkeypatch.setenv("DISPLAY", name)
        with pytest.raises(MediaError, match="outside the desktop of 800x600"), open_video(f"screen:{region}"):
            pass
