"""Reconstruction and pairs with engines whose quality is known beforehand, and with the real one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from daemon.cli import app
from obs_portrait.errors import FaceError, MediaError
from obs_portrait.face.headpose import rotation
from obs_portrait.face.metrics import identity
from obs_portrait.face.metrics.plot import Strip
from obs_portrait.face.pairs import SIDE, angle, expected_landmarks, fit_portrait, judge_pair, load_source, turn
from obs_portrait.face.reconstruct import reconstruct
from obs_portrait.face.types import Portrait
from tests.face.conftest import FRAMES, write_clip
from tests.face.drawn import face, points

HAS_IDENTITY = identity.missing() is None
DEGREES = st.floats(-60, 60)


@pytest.mark.usefixtures("engines")
def test_the_true_frames_score_perfectly(clip: Path) -> None:
    strip = Strip(("truth", "result"))
    told = reconstruct(clip, engine="judged-oracle", source_frame=3, step=4, strip=strip).json()
    assert told["series"]["frame"] == [n for n in range(0, FRAMES, 4) if n != 3]
    assert (told["l1"], told["psnr"], told["akd"], told["mkr"], told["held"]) == (0.0, 100.0, 0.0, 0.0, 0)
    assert told["ssim"] == pytest.approx(1.0)
    assert told["aed"] == 0.0 if HAS_IDENTITY else "aed" not in told
    assert told["static"]["akd"] > 1 and told["static"]["psnr"] < 40
    assert any("LPIPS" in reason for reason in told["left_out"]) or "lpips" in told
    assert len(strip.columns()) == told["frames"]


@pytest.mark.usefixtures("engines")
def test_an_engine_that_does_not_move_scores_as_the_source_as_it_is(clip: Path) -> None:
    told = reconstruct(clip, engine="judged-still", step=6).json()
    for key in ("l1", "psnr", "ssim", "akd"):
        assert told[key] == pytest.approx(told["static"][key], rel=0.02, abs=0.02)


@pytest.mark.usefixtures("engines")
def test_faces_that_are_missing_are_counted_and_not_averaged(clip: Path) -> None:
    report = reconstruct(clip, engine="judged-fading", step=3)
    odd = [bool(number % 2) for number in report.numbers]
    assert report.lost == [not one for one in odd]
    assert report.series("akd") == [0.0 if one else None for one in odd]
    assert report.mkr == pytest.approx(1 - np.mean(odd)) and report.means()["akd"] == 0.0
    blank = reconstruct(clip, engine="judged-blank", step=6).json()
    assert blank["mkr"] == 1.0 and blank["akd"] is None and blank["l1"] > 0.1


@pytest.mark.usefixtures("engines")
def test_an_engine_that_fails_is_held(clip: Path) -> None:
    told = reconstruct(clip, engine="judged-broken", step=6).json()
    assert told["why_held"]
    assert told["held"] == told["frames"] and told["l1"] == pytest.approx(told["static"]["l1"])


@pytest.mark.usefixtures("engines")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "judged-small"}, "where the canvas is"),
        ({"engine": "judged-elsewhere"}, "buy one"),
        ({"engine": "reveal"}, "nothing to judge"),
        ({"source_frame": 99}, "there is no frame 99"),
        ({"step": 0}, "1 or more"),
        ({"settings": {"colour": "red"}}, r"does not take these settings: colour: "),
        ({"settings": {"smoothing": 7}}, r"does not take these settings: smoothing: "),
    ],
)
def test_faults(clip: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(FaceError, match=words):
        reconstruct(clip, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("engines")
def test_clips_without_a_face(tmp_path: Path, clip: Path) -> None:
    blank, seen = np.full((256, 256, 3), 90, np.uint8), face(points())
    empty = write_clip(tmp_path / "empty.mp4", [blank] * 3)
    with pytest.raises(FaceError, match="frame 0 shows no face"):
        reconstruct(empty, engine="judged-still")
    with pytest.raises(FaceError, match="nothing to compare"):
        reconstruct(write_clip(tmp_path / "one.mp4", [seen] + [blank] * 3), engine="judged-still")
    with pytest.raises(FaceError, match="frame 0 shows no face"):
        judge_pair(load_source(clip), empty, engine="judged-still")
    with pytest.raises(FaceError, match="the landmarker sees no face in this portrait"):
        judge_pair(Portrait(blank, points(), "plain"), clip, engine="judged-still")
    with pytest.raises(MediaError):
        reconstruct(tmp_path / "none.mp4")
    with pytest.raises(FaceError, match="no such picture"):
        load_source(tmp_path / "none.png")


def test_the_mesh_engine_reconstructs_better_than_nothing(clip: Path) -> None:
    told = reconstruct(clip, step=5).json()
    assert told["mkr"] == 0 and told["akd"] < 0.5 * told["static"]["akd"] and told["l1"] < told["static"]["l1"]


def test_the_mesh_engine_moves_another_face_as_the_driver_moves(clip: Path) -> None:
    portrait = Portrait(face(points(0, 0, 0, (150, 140), 7.0), 280, 300), points(0, 0, 0, (150, 140), 7.0), "other")
    told = judge_pair(portrait, clip, step=5).json()
    assert told["mkr"] == 0
    assert told["motion_akd"] < 0.5 * told["static"]["motion_akd"]
    if HAS_IDENTITY:
        assert told["static"]["aed"] == 0 and 0 < told["aed"] < 0.6


@pytest.mark.usefixtures("engines")
def test_a_pair_of_one_and_the_same_person_standing_still(clip: Path) -> None:
    told = judge_pair(load_source(clip), clip, engine="judged-still", step=6).json()
    for key in ("motion_akd", "pose", "expression"):
        assert told[key] == pytest.approx(told["static"][key], rel=0.05, abs=0.05)


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.3, 3), st.floats(-50, 50))
def test_expected_landmarks_take_over_motion_and_not_position(dx: float, dy: float, scale: float, at: float) -> None:
    driver = points()
    source = driver * np.float32(scale) + np.float32(at)
    moved = driver + np.array([dx, dy, 0], np.float32)
    expected = expected_landmarks(source, driver, moved)
    wanted = source + scale * np.array([dx, dy, 0], np.float32)
    np.testing.assert_allclose(expected, wanted, atol=0.02 * max(1, abs(dx), abs(dy)) * scale)
    np.testing.assert_array_equal(expected_landmarks(source, driver, driver), source)


@given(DEGREES, DEGREES, DEGREES, st.floats(0.5, 2), DEGREES)
def test_turns_are_counted_from_each_head_s_own_rest(
    yaw: float, pitch: float, roll: float, size: float, more: float
) -> None:
    def pose(*angles: float) -> np.ndarray:
        matrix = np.eye(4, dtype=np.float32)
        matrix[:3, :3] = rotation(*angles)
        return matrix

    rest, driver = pose(yaw, pitch, roll), pose(0, 0, 0)
    further = rest.copy()
    further[:3, :3] = size * (rest[:3, :3] @ rotation(more, 0, 0))
    # Both heads turn by as much, from different poses and at different scales.
    assert angle(turn(rest, further), turn(driver, pose(more, 0, 0))) == pytest.approx(0, abs=0.1)
    assert angle(turn(rest, rest), turn(driver, pose(more, 0, 0))) == pytest.approx(abs(more), abs=0.1)


@settings(max_examples=30, deadline=None)
@given(st.integers(250, 900), st.integers(250, 900), st.floats(4, 8))
def test_portraits_are_cropped_about_the_face(width: int, height: int, scale: float) -> None:
    marks = points(centre=(width / 2, height / 2), scale=scale)
    portrait = fit_portrait(Portrait(np.zeros((height, width, 3), np.uint8), marks, "x"))
    side = portrait.image.shape[0]
    assert portrait.image.shape == (side, side, 3) and side <= SIDE and side % 2 == 0
    assert (portrait.landmarks[:, :2] >= -1).all() and (portrait.landmarks[:, :2] <= side + 1).all()


def test_a_source_is_a_picture_or_a_frame_of_a_clip(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    Image.fromarray(face(points())).save(path)
    assert load_source(path).name == "face"
    first, later = load_source(clip), load_source(clip, 6)
    assert first.name == clip.stem and not np.array_equal(first.image, later.image)


@pytest.mark.usefixtures("engines")
def test_reconstruct_writes_json_and_a_page(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "eval"
    command = ["eval", "reconstruct", str(clip), "--engine", "judged-oracle", "--step", "9", "-o", str(out), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    stem = f"reconstruct-{clip.stem}-judged-oracle"
    assert json.loads((out / f"{stem}.json").read_text()) == told["runs"][0]
    assert told["mean"]["l1"] == 0
    assert {path.name for path in out.iterdir()} == {f"{stem}.json", f"{stem}.png"}
    with Image.open(out / f"{stem}.png") as page:
        assert page.width == 1200
    again = CliRunner().invoke(app, command)
    assert isinstance(again.exception, MediaError) and "exists already" in str(again.exception)
    assert CliRunner().invoke(app, [*command, "--force"]).exit_code == 0


@pytest.mark.usefixtures("engines")
def test_an_engine_that_draws_nothing_is_no_result(clip: Path, tmp_path: Path) -> None:
    command = ["eval", "reconstruct", str(clip), "--engine", "judged-broken", "--step", "9", "-o", str(tmp_path)]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert isinstance(result.exception, FaceError) and "made no picture" in str(result.exception)
    assert "the engine made no picture for" in result.stdout


@pytest.mark.usefixtures("engines")
def test_clips_of_one_name_have_files_of_their_own(clip: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / clip.name
    other.parent.mkdir()
    other.write_bytes(clip.read_bytes())
    out = tmp_path / "eval"
    command = ["eval", "reconstruct", str(clip), str(other), "--engine", "judged-still", "--step", "9", "-o", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    stem = f"reconstruct-{clip.stem}-judged-still"
    assert {path.name for path in out.glob("*.json")} == {f"{stem}.json", f"{stem}~2.json"}
    assert json.loads((out / f"{stem}~2.json").read_text())["video"] == str(other)


@pytest.mark.usefixtures("engines")
def test_the_scripts_own_definitions_stand_beside_the_papers(clip: Path) -> None:
    report = reconstruct(clip, engine="judged-still", step=6)
    told = report.json()["pose_evaluation"]
    assert 0 < told["akd"] < report.means()["akd"]  # type: ignore[operator]
    if HAS_IDENTITY:
        assert told["aed"] == pytest.approx(np.mean([row["aed"] ** 2 for row in report.rows]))  # type: ignore[operator]


@pytest.mark.usefixtures("engines")
def test_pairs_prints_a_table_and_its_files(clip: Path, tmp_path: Path) -> None:
    picture = tmp_path / "face.png"
    Image.fromarray(face(points())).save(picture)
    command = ["eval", "pairs", str(picture), str(clip), "--engine", "judged-still", "--step", "9", "-o", str(tmp_path)]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "140"})
    assert result.exit_code == 0, result.output
    for word in ("MKR", "Head pose", "Expression", "static", f"pairs-face-{clip.stem}-judged-still.png"):
        assert word in result.stdout
    assert (tmp_path / f"pairs-face-{clip.stem}-judged-still.json").is_file()


def test_a_persona_brings_its_engine_and_settings(clip: Path, tmp_path: Path) -> None:
    from obs_portrait import resources

    name = sorted(path.parent.name for path in resources.profiles_dir().glob("*/portrait.png"))[0]
    command = ["eval", "reconstruct", str(clip), "-p", name, "--set", "smoothing=0.0", "--set", "motion=absolute"]
    result = CliRunner().invoke(app, [*command, "--step", "9", "-o", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["runs"][0]["engine"] == "mesh"
    wrong = CliRunner().invoke(app, ["eval", "reconstruct", str(clip), "--set", "smoothing", "-o", str(tmp_path)])
    assert wrong.exit_code == 2
