from __future__ import annotations

import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from daemon.cli import app
from obs_portrait.errors import FaceError, MediaError
from obs_portrait.face.crop import Crop, CropSettings, FollowCrop, Splitter, find_crops, iou, square
from obs_portrait.face.crop_file import crop_names, write_crops
from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame
from tests.face.conftest import FRAMES, write_clip
from tests.face.drawn import face, observation, points

STEP = 40_000_000
spot = st.floats(-400, 800)
boxes = st.tuples(spot, spot, st.floats(1, 500), st.floats(1, 500)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_bounded(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    assert iou(a, b) == pytest.approx(iou(b, a))  # type: ignore[arg-type]
    assert 0 <= iou(a, b) <= 1 and iou(a, a) == pytest.approx(1)  # type: ignore[arg-type]


@given(boxes, st.floats(0, 3), st.integers(16, 2000), st.integers(16, 2000))
def test_a_square_is_even_and_inside(box: tuple[float, ...], increase: float, width: int, height: int) -> None:
    left, top, side = square(box, increase, width, height)  # type: ignore[arg-type]
    assert left % 2 == top % 2 == side % 2 == 0 and side >= 2
    assert 0 <= left <= width - side and 0 <= top <= height - side


def test_a_square_holds_its_face_where_there_is_room() -> None:
    left, top, side = square((400, 300, 500, 420), 0.4, 1280, 720)
    assert side == 216 and left <= 400 and left + side >= 500 and top <= 300 and top + side >= 420


def split(*spots: tuple[float, float] | None, settings: CropSettings | None = None, shade: int = 90) -> list[Crop]:
    """Crops of one face that is at these places in turn; None where it is not seen."""
    splitter = Splitter(800, 400, settings or CropSettings(least_seconds=0.2))
    for number, place in enumerate(spots):
        frame = CameraFrame(np.full((400, 800, 3), shade, np.uint8), number * STEP, number)
        splitter.add(frame, [] if place is None else [observation(points(centre=place, scale=6))])
    return splitter.finish()


def test_a_still_face_is_one_crop() -> None:
    (crop,) = split(*[(300.0, 200.0)] * 20)
    assert (crop.start_ns, crop.end_ns, crop.frames) == (0, 20 * STEP, 20)


def test_a_face_that_blinks_out_is_one_crop_and_one_that_leaves_two() -> None:
    here = (300.0, 200.0)
    assert len(split(*[here] * 10, *[None] * 4, *[here] * 10)) == 1
    first, second = split(*[here] * 10, *[None] * 12, *[here] * 10)
    assert first.end_ns == 10 * STEP and second.start_ns == 22 * STEP


def test_a_face_that_wanders_gives_several_crops() -> None:
    crops = split(*[(150 + 10.0 * n, 200.0) for n in range(50)])
    assert len(crops) > 2
    assert all(one.end_ns <= two.start_ns + STEP and one.left < two.left for one, two in pairwise(crops))


def test_short_ones_are_dropped() -> None:
    assert split(*[(300.0, 200.0)] * 20, settings=CropSettings(least_seconds=1.0)) == []


def test_two_people_are_two_crops() -> None:
    splitter = Splitter(800, 400, CropSettings(least_seconds=0.2))
    faces = [observation(points(centre=place, scale=6)) for place in ((200.0, 200.0), (600.0, 200.0))]
    for number in range(20):
        frame = CameraFrame(np.zeros((400, 800, 3), np.uint8), number * STEP, number)
        splitter.add(frame, faces[:: -1 if number % 3 else 1])  # the landmarker's order means nothing
    one, two = splitter.finish()
    assert one.frames == two.frames == 20 and one.left + one.side < two.left + two.side


def test_a_new_shot_is_a_new_crop() -> None:
    splitter = Splitter(800, 400, CropSettings(least_seconds=0.2))
    here = observation(points(centre=(300, 200), scale=6))
    for number in range(30):
        shade = 40 if number < 15 else 180
        splitter.add(CameraFrame(np.full((400, 800, 3), shade, np.uint8), number * STEP, number), [here])
    assert [(crop.start_ns, crop.frames) for crop in splitter.finish()] == [(0, 15), (15 * STEP, 15)]


@pytest.mark.parametrize("bad", [{"increase": -1}, {"overlap": 1.0}, {"least_seconds": float("nan")}])
def test_settings_that_make_no_sense(bad: dict[str, float]) -> None:
    with pytest.raises(FaceError):
        CropSettings(**bad)


def sound_level(path: Path) -> tuple[float, float]:
    """Seconds and root mean square of a file's sound."""
    with av.open(str(path)) as clip:
        parts = [frame.to_ndarray()[0] for frame in clip.decode(audio=0)]
        samples = np.concatenate(parts)
        return samples.size / clip.streams.audio[0].rate, float(np.sqrt(np.square(samples).mean()))


def test_crops_are_written_with_their_sound(clip: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    crops = find_crops(clip, CropSettings(least_seconds=0.3), lambda done, _: seen.append(done))
    assert len(crops) == 1 and seen == list(range(1, FRAMES + 1))
    late = Crop(20, 30, 180, 5 * STEP, 15 * STEP, 10)
    names = crop_names(clip, tmp_path, 2)
    assert write_crops(clip, [*crops, late], names, size=128) in ([*names], [*names[::-1]])
    for name, count in zip(names, (FRAMES, 10), strict=True):
        with av.open(str(name)) as made:
            pictures = [frame.to_ndarray(format="rgb24") for frame in made.decode(video=0)]
        assert len(pictures) == count and pictures[0].shape == (128, 128, 3)
        seconds, level = sound_level(name)
        assert seconds == pytest.approx(count / 25, abs=0.05) and level == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    with av.open(str(clip)) as original:
        frames = [frame.to_ndarray(format="rgb24") for frame in original.decode(video=0)]
    assert np.abs(pictures[0].astype(int) - late.cut(frames[5], 128)).mean() < 4
    assert {path.name for path in tmp_path.iterdir()} == {name.name for name in names}


def test_nothing_is_overwritten(clip: Path, tmp_path: Path) -> None:
    crop = Crop(0, 0, 200, 0, 5 * STEP, 5)
    name = tmp_path / "drawn clip-face1.mp4"
    name.write_bytes(b"mine")
    with pytest.raises(MediaError, match="exists already"):
        write_crops(clip, [crop], [name])
    assert name.read_bytes() == b"mine"
    with pytest.raises(MediaError, match="recording itself"):
        write_crops(clip, [crop], [clip], force=True)
    with pytest.raises(MediaError, match="even number"):
        write_crops(clip, [crop], [tmp_path / "x.mp4"], size=129)
    write_crops(clip, [crop], [name], size=64, force=True)
    with av.open(str(name)) as made:
        assert made.streams.video[0].frames == 5


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_what_is_left_behind_when_it_is_stopped(clip: Path, tmp_path: Path, fault: type[BaseException]) -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 8:
            raise fault

    name = tmp_path / "a.mp4"
    with pytest.raises(fault):
        write_crops(clip, [Crop(0, 0, 200, 0, FRAMES * STEP, FRAMES)], [name], size=64, progress=stop)
    if fault is KeyboardInterrupt:
        with av.open(str(name)) as made:
            assert len(list(made.decode(video=0))) == 8
        assert list(tmp_path.iterdir()) == [name]
    else:
        assert list(tmp_path.iterdir()) == []


def test_a_silent_recording(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "silent.mp4", [face(points())] * 6)
    (name,) = write_crops(clip, [Crop(0, 0, 128, 0, 6 * STEP, 6)], [tmp_path / "out.mp4"], size=64)
    with av.open(str(name)) as made:
        assert not made.streams.audio and made.streams.video[0].frames == 6


def test_the_command(clip: Path, tmp_path: Path) -> None:
    def call(*more: str) -> object:
        return CliRunner().invoke(app, ["crop", str(clip), "--min-seconds", "0.3", "-o", str(tmp_path), *more])

    suggested = call()
    assert suggested.exit_code == 0 and list(tmp_path.iterdir()) == []  # type: ignore[attr-defined]
    words = shlex.split(suggested.stdout)  # type: ignore[attr-defined]
    made = tmp_path / "drawn clip-face1.mp4"
    assert words[0] == "ffmpeg" and words[-1] == str(made) and str(clip) in words
    if ffmpeg := shutil.which("ffmpeg"):
        subprocess.run([ffmpeg, "-v", "error", *words[1:]], check=True, timeout=60)
        with av.open(str(made)) as cut:
            assert cut.streams.video[0].width == cut.streams.video[0].height == 512
    again = call("--write")
    assert ffmpeg is None or isinstance(again.exception, MediaError)  # type: ignore[attr-defined]
    written = call("--write", "--force", "--size", "128")
    assert written.exit_code == 0 and made.is_file()  # type: ignore[attr-defined]


def test_the_command_finds_no_face(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "blank.mp4", [np.full((128, 128, 3), 90, np.uint8)] * 4)
    result = CliRunner().invoke(app, ["crop", str(clip)])
    assert result.exit_code == 1 and "no face" in result.stderr and not result.stdout


def seen_at(number: int, centre: tuple[float, float], scale: float = 6.0) -> Observation:
    return observation(points(centre=centre, scale=scale), captured_ns=number * STEP)


def test_the_live_square_rests_then_follows_without_jumping() -> None:
    follow = FollowCrop()
    assert follow.update(None) is None
    first = follow.update(seen_at(0, (300, 200)))
    assert first is not None
    assert follow.update(seen_at(1, (305, 203))) == first == follow.update(None)
    side, last = first[2] - first[0], first
    for number in range(2, 100):
        box = follow.update(seen_at(number, (600, 200)))
        assert box is not None and abs(box[0] - last[0]) < 0.2 * side
        assert box[0] >= last[0] and box[2] - box[0] == pytest.approx(side)
        last = box
    assert last[0] - first[0] == pytest.approx(300 - 0.12 * side, abs=2)


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000), st.floats(1, 30)), min_size=1, max_size=20))
def test_the_live_square_stays_a_square(path: list[tuple[float, float, float]]) -> None:
    follow = FollowCrop()
    for number, (x, y, scale) in enumerate(path):
        box = follow.update(seen_at(number, (x, y), scale))
        assert box is not None and np.isfinite(box).all()
        assert box[2] - box[0] == pytest.approx(box[3] - box[1]) and box[2] > box[0]
