"""Live recordings: parts by two processes, one of them killed in the middle, put together at their capture times."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from obs_portrait.errors import MediaError, PipelineError
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.recording import Recorder
from obs_portrait.pipeline.live.session import LiveSession
from tests.pipeline.live import doubles


def _until(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_killed_process_loses_a_moment_of_the_recording_and_no_sync(tmp_path: Path) -> None:
    faults = Board(*doubles.FAULTS)
    target = tmp_path / "show.mp4"
    options = LiveOptions(
        source=doubles.Camera(faults),
        personas=doubles.PERSONAS[:2],
        sinks=(doubles.VideoCatch(tmp_path / "frames"),),
        audio=doubles.Microphone(faults),
        audio_sinks=(doubles.AudioCatch(tmp_path / "blocks"),),
        record=target,
        width=96,
        height=96,
        makers=Makers(doubles.MakeFace(faults), doubles.MakeVoice(faults), doubles.Tracker(faults)),
    )
    with LiveSession(options) as session:
        _until(lambda: session.status().video.cells["from_engine"] > 50)
        os.kill(session.pids["video"], signal.SIGKILL)
        _until(lambda: session.status().video.restarts == 1 and session.status().video.cells["from_engine"] > 20)
        session.switch("green", timeout=10)
        switched_ns = session.cues[-1][0]
        frames_now = session.status().video.cells["from_engine"]
        _until(lambda: session.status().video.cells["from_engine"] > frames_now + 30)
    assert session.stop().recording == str(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocks", "frames", "show.mp4"]  # no part is left

    caught = doubles.caught_frames(tmp_path / "frames")
    end = caught[-1].captured_ns
    with av.open(str(target)) as file:
        pictures = [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    with av.open(str(target)) as file:
        sound = [(float(frame.time or 0), frame.to_ndarray()[0]) for frame in file.decode(audio=0)]
    # The recording begins when face and voice are both there, which may be a moment after the first picture. From then
    # on nothing is lost but what the killed process had not yet flushed (200 ms) and the time until the next picture.
    held = max(b.captured_ns - a.captured_ns for a, b in pairwise(caught)) / 1e9
    assert max(b[0] - a[0] for a, b in pairwise(pictures)) < held + 0.2 + 2 / 30 + 0.05
    assert abs(pictures[-1][0] - sound[-1][0]) < 0.4
    assert len(pictures) > 70
    # The persona changes at one moment in picture and sound, also behind the gap that the kill left.
    change = next(time for time, picture in pictures if picture[0, 0, 1] > picture[0, 0, 0])
    samples = np.concatenate([block for _, block in sound])
    step = 48_000 // 50  # 20 ms hold whole periods of both tones at the windows' places
    pitches = [
        _loudness(samples[at : at + step], 700.0) > _loudness(samples[at : at + step], 500.0)
        for at in range(0, samples.size - step, step // 2)
    ]
    heard = pitches.index(True) * step / 2 / 48_000 + sound[0][0]
    assert abs(change - heard) < 0.08  # a frame, a window, and the crossfade
    assert abs((pictures[-1][0] - change) - (end - switched_ns) / 1e9) < 0.4  # counted from the end, which both share


def _loudness(samples: np.ndarray, hz: float) -> float:  # type: ignore[type-arg]
    return float(abs(samples @ np.exp(-2j * np.pi * hz * np.arange(samples.size) / 48_000)))


def test_what_cannot_be_recorded_is_said_before_the_show(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.write_bytes(b"mine")
    with pytest.raises(PipelineError, match="exists"):
        Recorder(there)
    Recorder(there, force=True)
    assert there.read_bytes() == b"mine"  # until there is something to put in its place
    with pytest.raises(PipelineError, match="cannot be written"):
        Recorder(tmp_path / "nowhere" / "show.mp4")
    with pytest.raises(PipelineError, match=r"\.mp4"):
        Recorder(tmp_path / "show.xyz")


def test_nothing_recorded_is_no_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "show.mp4")
    recorder.part("video").write_bytes(b"")
    recorder.part("audio").write_bytes(b"not a recording")
    assert recorder.assemble() is None
    assert list(tmp_path.iterdir()) == []


def _film(part: Path) -> None:
    with av.open(str(part), "w", format="matroska") as file:
        stream = file.add_stream("libx264", rate=Fraction(30))
        stream.width = stream.height = 96
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame(96, 96, "yuv420p")))
        file.mux(stream.encode(None))


def test_parts_that_cannot_be_assembled_are_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "show.mp4")
    part = recorder.part("video")
    _film(part)
    recorder.target = tmp_path / "gone" / "show.mp4"  # the folder vanished during the show
    with pytest.raises(MediaError, match="its parts are kept"):
        recorder.assemble()
    assert part.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; what is in a user's folder is the user's")
def test_a_recording_and_its_parts_are_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        recorder = Recorder(tmp_path / "show.mp4")
        part = recorder.part("video")
        _film(part)
        recorder.part("audio")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert set(modes.values()) == {0o600} and len(modes) == 2
        recorder.assemble()
    finally:
        os.umask(before)
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()] == [("show.mp4", 0o600)]


def test_a_part_never_takes_the_place_of_one_that_was_left_behind(tmp_path: Path) -> None:
    """Process ids come again."""
    recorder = Recorder(tmp_path / "show.mp4")
    there = tmp_path / f".show.{os.getpid()}.video0.mkv"
    there.write_bytes(b"mine")
    assert recorder.part("video") != there
    assert there.read_bytes() == b"mine"


def test_parts_of_a_program_that_was_killed_are_named_and_those_of_one_that_runs_are_not(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "show.mp4")
    assert recorder.left_over() is None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    recorder.part("video")
    for name in (f".before.{gone.pid}.video3.mkv", f".before.{gone.pid}.partial.mp4", ".other.mkv", "a.1.video0.mkv"):
        (tmp_path / name).write_bytes(b"")
    said = recorder.left_over()
    assert said is not None
    assert f"{tmp_path} " in said and f": .before.{gone.pid}.partial.mp4, .before.{gone.pid}.video3.mkv;" in said
