"""Our sink writes into /dev/video9; OpenCV and FFmpeg, which know nothing of us, read."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from obs_portrait.errors import MediaError
from obs_portrait.media.sinks.virtualcam import VirtualCameraSink
from tests.vm.pictures import HEIGHT, RATE, WIDTH, Sealed, errors_of, number_of

DEVICE: Final = "/dev/video9"
LOAD: Final = ("modprobe", "v4l2loopback", "exclusive_caps=1", "card_label=Portrait", "video_nr=9")


_OTHER_PROGRAM: Final = """
import sys, time, numpy, pyvirtualcam
with pyvirtualcam.Camera(160, 120, 10, device=sys.argv[1]) as camera:
    while True:
        camera.send(numpy.zeros((120, 160, 3), numpy.uint8))
        time.sleep(0.1)
"""


class Writer(threading.Thread):
    """Sends numbered pictures through our sink at RATE until it is stopped."""

    def __init__(self, had_died: bool = False) -> None:
        super().__init__(daemon=True)
        self._had_died = had_died
        self.sent = 0
        self.times: list[float] = []
        """When each picture was handed over, in s."""
        self.fault = ""
        self.ready = threading.Event()
        self._halt = threading.Event()

    def run(self) -> None:
        try:
            sealed = Sealed()
            with VirtualCameraSink(DEVICE) as sink:
                sink.had_died = self._had_died
                sink.open(WIDTH, HEIGHT, RATE)
                while not self._halt.wait(float(1 / RATE)):
                    sink.write(sealed.frame(self.sent))
                    self.times.append(time.monotonic())
                    self.sent += 1
                    self.ready.set()
        except Exception as error:
            self.fault = repr(error)
            self.ready.set()

    def __enter__(self) -> Writer:
        self.start()
        self.ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        self.join(30)


def sentence(device: str | None = DEVICE, width: int = WIDTH, height: int = HEIGHT) -> str:
    """What our sink says when it is opened: the error's text, or "" where it opened."""
    sink = VirtualCameraSink(device)
    try:
        sink.open(width, height, RATE)
    except MediaError as error:
        return str(error)
    finally:
        sink.close()
    return ""


def kernel_format() -> str:
    """How the driver describes its format, such as "YU12:320x240@15"."""
    return Path("/sys/class/video4linux/video9/format").read_text().strip()


def without_a_device() -> dict[str, Any]:
    """No driver at all; then the driver is loaded and a device is named that is not there."""
    nothing = sentence(None)
    subprocess.run(LOAD, check=True)
    deadline = time.monotonic() + 20
    while not Path(DEVICE).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return {"no_driver": nothing, "named": sentence("/dev/video77"), "no_camera": sentence("/dev/null")}


def opencv_in_step() -> dict[str, Any]:
    """One picture in, one picture out, twenty-four times: nothing lost, doubled or out of order."""
    sealed = Sealed()
    with VirtualCameraSink() as sink:  # no name: it finds the device itself
        sink.open(WIDTH, HEIGHT, RATE)
        sink.write(sealed.frame(0))
        capture = cv2.VideoCapture(9, cv2.CAP_V4L2)
        numbers, errors = [], []
        for number in range(1, 25):
            sink.write(sealed.frame(number))
            good, image = capture.read()
            if not good:
                break
            rgb = np.ascontiguousarray(np.asarray(image, np.uint8)[..., ::-1])
            numbers.append(number_of(rgb))
            errors.append(errors_of(rgb))
        seen = {"name": sink.name, "numbers": numbers, "errors": errors, "format": kernel_format()}
        capture.release()
    return seen


def ffmpeg_at_its_pace() -> dict[str, Any]:
    """FFmpeg records 20 pictures while the sink sends at its rate; the stamps are the driver's."""
    with Writer() as writer, tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        told = subprocess.run(
            [
                *["ffmpeg", "-hide_banner", "-nostdin", "-f", "v4l2", "-i"],
                DEVICE,
                *["-frames:v", "20", "-vf", "showinfo"],
                *["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24"],
                str(raw),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        writer_format = kernel_format()
        images = np.frombuffer(raw.read_bytes(), np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
        return {
            "numbers": [number_of(image) for image in images],
            "errors": [errors_of(image) for image in images],
            "sent": list(writer.times),
            "format": writer_format,
            "stamps": [float(stamp) for stamp in re.findall(r"pts_time:([\d.]+)", told.stderr)],
            "said": told.stderr[-500:] if told.returncode else "",
            "fault": writer.fault,
        }


def readers_come_and_go() -> dict[str, Any]:
    """Three readers, one after the other, each leaves in the middle; the sink goes on."""
    with Writer() as writer:
        visits = []
        for _ in range(3):
            before = writer.sent
            capture = cv2.VideoCapture(9, cv2.CAP_V4L2)
            good = [bool(capture.read()[0]) for _ in range(3)]
            capture.release()
            visits.append({"good": good, "sent_meanwhile": writer.sent - before})
        return {"visits": visits, "fault": writer.fault}


def busy() -> dict[str, Any]:
    """Another program writes to the device already; then it is killed and can clean nothing up."""
    other = subprocess.Popen([sys.executable, "-c", _OTHER_PROGRAM, DEVICE])
    try:
        deadline = time.monotonic() + 30
        while "160x120" not in kernel_format() and time.monotonic() < deadline:
            time.sleep(0.1)
        seen = {"format": kernel_format(), "named": sentence(), "found": sentence(None), "after": kernel_format()}
    finally:
        other.kill()
        other.wait(20)
    return seen | {"killed": sentence()}


def killed_under_a_reader() -> dict[str, Any]:
    """The video process is killed while a program reads; the next one takes the device over, the reader reads on."""
    program = "from tests.vm.sink_checks import Writer\nwriter = Writer()\nwriter.start()\nwriter.join()"
    first = subprocess.Popen([sys.executable, "-c", program])
    try:
        deadline = time.monotonic() + 60
        while "320x240" not in kernel_format() and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        capture = cv2.VideoCapture(9, cv2.CAP_V4L2)
        before = _read(capture, 5)
    finally:
        first.kill()
        first.wait(20)
    stranger = sentence()  # who did not write until now may not take it while somebody reads
    with Writer(had_died=True) as writer:
        after = _read(capture, 12)
        sent = writer.sent
    capture.release()
    return {"before": before, "stranger": stranger, "after": after, "sent": sent, "fault": writer.fault}


def _read(capture: cv2.VideoCapture, count: int) -> dict[str, Any]:
    """`count` pictures at most; stops at the first that does not come."""
    numbers, errors = [], []
    for _ in range(count):
        good, image = capture.read()
        if not good:
            break
        rgb = np.ascontiguousarray(np.asarray(image, np.uint8)[..., ::-1])
        numbers.append(number_of(rgb))
        errors.append(errors_of(rgb))
    return {"numbers": numbers, "errors": errors}


def wrong_sizes() -> dict[str, Any]:
    """Sizes that the driver cannot carry; and a picture that changes its size under way."""
    said = {f"{w}x{h}": sentence(DEVICE, w, h) for w, h in ((321, 240), (320, 241), (16384, 9216))}
    with VirtualCameraSink(DEVICE) as sink:
        sink.open(160, 120, RATE)
        try:
            sink.write(Sealed().frame(1))
            said["changed"] = ""
        except MediaError as error:
            said["changed"] = str(error)
    return said


def back_after_all_that() -> dict[str, Any]:
    """After every refusal above the device still works."""
    return opencv_in_step()
