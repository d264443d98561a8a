"""A camera's thread on real captures of OpenCV (a file stands for the device), and what is said when there is none."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media import devices
from obs_portrait.media.devices import Device
from obs_portrait.media.sinks import open_video as open_sink
from obs_portrait.media.sources import camera, open_video
from obs_portrait.media.sources.camera import CameraSource
from tests.media.conftest import frame, write_clip
from tests.media.real import run_python


class Gated:
    """A real capture that gives its next picture when the test says so, like a device that has its own pace."""

    def __init__(self, path: Path) -> None:
        self._capture = cv2.VideoCapture(str(path))
        self._allowed = threading.Semaphore(1)
        self.delivered = threading.Semaphore(0)
        self.released = threading.Event()
        self.unplugged = False

    def give(self) -> None:
        """Lets one picture come and waits until the thread has come back for more, thus has kept it."""
        self._allowed.release()
        assert self.delivered.acquire(timeout=10)

    def wake(self) -> None:
        """Lets one picture come and does not wait."""
        self._allowed.release()

    def unplug(self) -> None:
        self.unplugged = True
        self._allowed.release()

    def read(self) -> tuple[bool, Any]:
        self.delivered.release()
        self._allowed.acquire()
        return (False, None) if self.unplugged else self._capture.read()

    def release(self) -> None:
        self._capture.release()
        self.released.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._capture, name)


class FileCamera(CameraSource):
    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__("0")
        self._make = make

    def _connect(self, index: int) -> Any:
        return self._make()


@pytest.fixture
def gate(tmp_path: Path) -> Gated:
    return Gated(write_clip(tmp_path / "a.mkv"))


@pytest.fixture
def source(gate: Gated) -> CameraSource:
    source = FileCamera(lambda: gate)
    source.open()
    assert gate.delivered.acquire(timeout=10)  # the first picture
    assert gate.delivered.acquire(timeout=10)  # and the thread waits for the second
    return source


def test_the_newest_picture_wins_and_the_others_are_counted(gate: Gated, source: CameraSource) -> None:
    assert (source.width, source.height, source.rate) == (96, 64, Fraction(25))
    first = source.read()
    for _ in range(5):
        gate.give()
    newest = source.read()
    gate.give()
    third = source.read()
    assert first is not None and newest is not None and third is not None
    assert [first.index, newest.index, third.index] == [0, 5, 6]
    assert source.dropped == 4
    assert first.captured_ns < newest.captured_ns < third.captured_ns
    assert newest.image.shape == (64, 96, 3)
    assert newest.image.flags.c_contiguous
    gate.unplug()
    source.close()


def test_a_camera_that_stops_and_one_that_goes_are_told_apart(gate: Gated, source: CameraSource) -> None:
    source.read()
    with pytest.raises(MediaError, match="gave no picture for"):
        source.read(0.05)
    gate.give()
    assert source.read() is not None  # it went on
    gate.unplug()
    with pytest.raises(MediaError, match="unplugged"):
        source.read(10)
    source.close()
    source.close()
    assert gate.released.is_set()


def test_a_lost_camera_can_be_opened_again_while_the_old_driver_still_hangs(
    gate: Gated, source: CameraSource, tmp_path: Path
) -> None:
    assert source.let_go  # nothing of an earlier one
    source.close()  # its thread hangs in the driver
    assert not gate.released.is_set() and not source.let_go
    fresh = Gated(write_clip(tmp_path / "b.mkv"))
    again = FileCamera(lambda: fresh)
    again.open()
    gate.wake()  # the old thread wakes up, sees that nobody wants it, and lets its device go
    assert gate.released.wait(10)
    assert source._stopped is not None
    source._stopped.join(10)
    assert source.let_go
    shown = again.read()
    assert shown is not None and shown.index == 0
    fresh.unplug()
    again.close()
    assert fresh.released.is_set()


def test_a_camera_without_a_picture_is_refused_at_once(tmp_path: Path) -> None:
    dead = Gated(write_clip(tmp_path / "a.mkv"))
    dead.unplugged = True
    with pytest.raises(MediaError, match="gives no picture"):
        FileCamera(lambda: dead).open()
    assert dead.released.is_set()


class Sleepy:
    """A device of a driver that gives up early: pictures, and in between reads that give none."""

    def __init__(self, *reads: bool) -> None:
        self.reads, self.settings, self.released = list(reads), list[int](), threading.Event()

    def read(self) -> tuple[bool, Any]:
        if not self.reads:
            return False, None
        return (True, np.zeros((64, 96, 3), np.uint8)) if self.reads.pop(0) else (False, None)

    def set(self, what: int, value: float) -> bool:
        self.settings.append(what)
        return True

    def get(self, what: int) -> float:
        return 30.0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's
        return True

    def release(self) -> None:
        self.released.set()


def test_where_the_driver_gives_up_early_we_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Sleepy(False, False, False, True, False, False, True)
    with pytest.raises(MediaError, match="gives no picture"):
        FileCamera(lambda: Sleepy(False, True)).open()
    monkeypatch.setattr(camera, "_GIVES_UP_EARLY", True)
    source = FileCamera(lambda: device)
    source.open()
    assert device.released.wait(10)  # three in a row in the end
    shown = source.read()
    assert shown is not None and shown.index == 6
    with pytest.raises(MediaError, match="unplugged"):
        source.read()
    source.close()


@pytest.mark.parametrize(("platform", "last"), [("linux", cv2.CAP_PROP_FPS), ("win32", cv2.CAP_PROP_FOURCC)])
def test_what_directshow_forgets_is_asked_for_last(monkeypatch: pytest.MonkeyPatch, platform: str, last: int) -> None:
    device = Sleepy(True)
    monkeypatch.setattr(camera.sys, "platform", platform)
    with FileCamera(lambda: device):
        pass
    assert device.settings[-2:] == [last, cv2.CAP_PROP_BUFFERSIZE]
    assert set(device.settings[:4]) == {
        cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS
    }  # fmt: skip


def test_colours_are_rgb(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    cv2.imwrite(str(path), red[..., ::-1])
    with FileCamera(lambda: cv2.VideoCapture(str(path), cv2.CAP_IMAGES)) as source:
        shown = source.read()
    assert shown is not None
    assert np.array_equal(shown.image, red)


@pytest.mark.parametrize(("wish", "index"), [("hd", 2), ("Virtual", 4)])
def test_a_camera_is_found_by_a_part_of_its_name(wish: str, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "list_cameras", lambda: [Device(2, "USB HD Cam"), Device(4, "OBS Virtual")])
    opened = []

    class Remembering(CameraSource):
        def _connect(self, index: int) -> cv2.VideoCapture:
            opened.append(index)
            return cv2.VideoCapture()

    with pytest.raises(MediaError, match="cannot be opened"):
        Remembering(wish).open()
    assert opened == [index]
    with pytest.raises(MediaError, match=r"no camera named 'Leica'; there is: 2: USB HD Cam, 4: OBS Virtual"):
        Remembering("Leica").open()


def test_cameras_are_listed_by_their_picture_nodes_and_our_own_virtual_one_is_none(tmp_path: Path) -> None:
    nodes = {"video2": ("0", "Cam"), "video3": ("1", "Cam"), "video10": ("0", "OBS"), "video11": ("0", "OBS Portrait")}
    for node, (index, name) in nodes.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "index").write_text(index + "\n")
        (tmp_path / node / "name").write_text(name + "\n")
    (tmp_path / "video4").mkdir()  # vanishes while we look
    assert devices._cameras_of_v4l2(tmp_path) == [Device(2, "Cam"), Device(10, "OBS")]
    assert devices._cameras_of_v4l2(tmp_path / "none") == []


def test_reading_before_opening_is_told() -> None:
    with pytest.raises(MediaError, match="before it was opened"):
        open_video("camera:0").read()


@pytest.mark.skipif(sys.platform != "linux" or Path("/dev/video63").exists(), reason="needs a number without a camera")
def test_no_camera_is_one_sentence_and_no_chatter(tmp_path: Path) -> None:
    done = run_python(
        "from obs_portrait.errors import MediaError\nfrom obs_portrait.media.sources import open_video\n"
        "try:\n    open_video('camera:63').open()\nexcept MediaError as error:\n    print(error)",
        {"HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "camera 63 cannot be opened" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_no_virtual_camera_is_one_sentence_with_what_to_do() -> None:
    sink = open_sink("virtualcam:/dev/nothing-here" if sys.platform == "linux" else "virtualcam:Nothing Here")
    with pytest.raises(MediaError, match="There is no virtual camera to write to") as caught:
        sink.open(64, 64, Fraction(30))
    assert "install" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(MediaError, match="before it was opened"):
        sink.write(frame(np.zeros((64, 64, 3), np.uint8), 0))
    sink.close()
    sink.close()


def test_a_sink_that_makes_no_sense_is_refused() -> None:
    for spec in ("", "cloud", "virtual"):
        with pytest.raises(MediaError, match="no picture sink"):
            open_sink(spec)
