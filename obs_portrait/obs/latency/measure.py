"""Reads the marks back from OBS: screenshots tell how old the picture is, a short recording how sound lies to it."""

from __future__ import annotations

import base64
import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import ObsError
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.latency import pattern

__all__ = ["Figures", "Latency", "measure", "of_recording", "picture_ages", "record"]


@dataclass(frozen=True, slots=True)
class Figures:
    """ms."""

    median: float
    p95: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figures:
        """Raises `ObsError` if there are none."""
        if not values:
            raise ObsError("No mark could be read in OBS: is the source visible in the scene, and not muted?")
        ordered = sorted(values)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        return cls(statistics.median(ordered), p95, ordered[0], ordered[-1], len(ordered))


@dataclass(frozen=True, slots=True)
class Latency:
    """picture: capture -> visible in OBS. skew_ms: how much later the sound of a moment comes in OBS than its picture;
    None if nothing could be recorded. ages: (s since the start, ms) of each screenshot, for the plot."""

    picture: Figures
    skew_ms: float | None = None
    skew_spread_ms: float | None = None
    ages: Sequence[tuple[float, float]] = field(default=(), repr=False)
    skews: Sequence[float] = ()

    @property
    def sound_ms(self) -> float | None:
        """Capture -> audible in OBS, median."""
        return None if self.skew_ms is None else self.picture.median + self.skew_ms

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "sound_ms": self.sound_ms}


def measure(client: ObsClient, source: str, seconds: float = 8.0, *, recording: bool = True) -> Latency:
    """Ages of the picture of `source` for `seconds`, then the skew in a recording of about 5 s, which is deleted."""
    begin = time.monotonic()
    ages = picture_ages(client, source, seconds)
    figures = Figures.of([age for _, age in ages])
    skews: list[float] = []
    if recording:
        with contextlib.suppress(ObsError):
            file = record(client, 5.5)
            try:
                skews = of_recording(file)
            finally:
                with contextlib.suppress(OSError):
                    file.unlink()
    spread = max(skews) - min(skews) if skews else None
    middle = statistics.median(skews) if skews else None
    return Latency(figures, middle, spread, [(at - begin, age) for at, age in ages], skews)


def picture_ages(client: ObsClient, source: str, seconds: float) -> list[tuple[float, float]]:
    """(monotonic s, age in ms when OBS's answer was here), as often as OBS answers, at most 40 times a second.

    The age includes OBS's own work for the screenshot and its way to us, so it is an upper bound.
    """
    asked = {
        "sourceName": source,
        "imageFormat": "png",
        "imageWidth": 128,
        "imageHeight": 128,
        "imageCompressionQuality": 1,
    }
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = client.request("GetSourceScreenshot", asked)
        now = time.monotonic()
        ms = pattern.read(_decoded(str(answer.get("imageData", ""))))
        if ms is not None:
            age = (now * 1000 - ms) % pattern.WRAP_MS
            found.append((now, age if age < pattern.WRAP_MS / 2 else age - pattern.WRAP_MS))
        time.sleep(0.025)
    return found


def _decoded(data_url: str) -> NDArray[np.uint8]:
    import cv2

    try:
        raw = base64.b64decode(data_url.partition(",")[2], validate=True)
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    except (ValueError, cv2.error):
        image = None
    return np.zeros((0, 0, 3), np.uint8) if image is None else np.asarray(image, np.uint8)


def record(client: ObsClient, seconds: float) -> Path:
    """Records what OBS shows for so long; the file. Raises `ObsError`, for instance if OBS records already."""
    folder = Path(str(client.request("GetRecordDirectory").get("recordDirectory", "")))
    if not folder.is_dir():  # OBS would report success, record nothing and open a dialog
        raise ObsError(f"OBS's recording folder {folder} is not there; choose another in Settings > Output.")
    client.request("StartRecord")
    time.sleep(seconds)
    stopped = "OBS_WEBSOCKET_OUTPUT_STOPPED"
    with client.expect("RecordStateChanged", lambda e: e.data.get("outputState") == stopped) as arrival:
        answer = client.request("StopRecord")
        event = arrival.wait(15)
    path = Path(str(event.data.get("outputPath") or answer.get("outputPath") or ""))
    if not path.is_file():
        raise ObsError("OBS did not say where it put the recording.")
    return path


def of_recording(path: Path) -> list[float]:
    """For each chirp: how much later it comes in the file than the picture of its moment, in ms.

    The picture of a moment is placed by the line through all pictures' (stamp, first time shown): stamps and
    presentation times go at one pace, so the line has slope 1 and the median offset.
    """
    import av

    shown: dict[int, float] = {}
    sound: list[NDArray[np.float32]] = []
    begins: float | None = None
    now_ms = now_ns() // 1_000_000  # the marks are younger than the 4.7 hours after which they wrap
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000)
        for packet in container.demux(container.streams.video[0], container.streams.audio[0]):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    ms = pattern.read(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                    if ms is not None and frame.time is not None:
                        shown.setdefault(now_ms - (now_ms - ms) % pattern.WRAP_MS, frame.time)
                elif isinstance(frame, av.AudioFrame):
                    if begins is None:
                        begins = frame.time or 0.0
                    parts = resampler.resample(frame)
                    sound += [np.asarray(part.to_ndarray(), np.float32).reshape(-1) for part in parts]
    if not shown or not sound or begins is None:
        return []
    offset = statistics.median(at * 1000 - ms for ms, at in shown.items())
    skews = []
    for at in pattern.find_chirps(np.concatenate(sound)):
        when = (begins + at) * 1000
        moment = when - offset  # the stamp of the picture that is shown with the chirp
        whole = round(moment / pattern.EVERY_MS) * pattern.EVERY_MS
        skews.append(moment - whole)
    return skews
