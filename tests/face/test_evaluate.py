from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from daemon.cli import app
from obs_portrait.errors import FaceError, MediaError
from obs_portrait.face.evaluate import FIGURES, Sheet, align, evaluate, evaluate_video
from obs_portrait.face.metrics import PSNR_LIMIT
from tests.face.conftest import FRAMES, write_clip
from tests.face.drawn import face, points


@given(st.floats(-3.1, 3.1), st.floats(0.1, 10), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_recovered(angle: float, scale: float, x: float, y: float) -> None:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    wanted = np.array([[c, -s, x], [s, c, y]])
    source = points()
    target = np.column_stack([source[:, :2] @ wanted[:, :2].T + wanted[:, 2], source[:, 2]]).astype(np.float32)
    np.testing.assert_allclose(align(source, target), wanted, atol=0.02 * max(scale, 1))


def test_eyes_in_one_point_are_only_moved() -> None:
    matrix = align(np.zeros((478, 3), np.float32), points())
    np.testing.assert_allclose(matrix[:, :2], np.eye(2))


@pytest.mark.usefixtures("engines")
def test_the_still_engine_scores_as_the_static_baseline(clip: Path) -> None:
    row = evaluate_video(clip, engine="judged-still", step=3)
    assert row["frames"] == len(range(3, FRAMES, 3)) and row["held"] == row["lost"] == 0
    for figure in FIGURES:
        # Landmarks of the same picture, once from the source and once from the engine's output.
        assert row[figure] == pytest.approx(row["baselines"]["static"][figure], rel=0.02, abs=0.02)
    assert row["baselines"]["similarity"]["akd"] < row["akd"]
    assert row["baselines"]["similarity"]["psnr"] > row["psnr"]


@pytest.mark.usefixtures("engines")
def test_the_true_frames_score_perfectly(clip: Path) -> None:
    row = evaluate_video(clip, engine="judged-oracle", source_frame=7, step=4)
    assert row["psnr"] == PSNR_LIMIT and row["l1"] == 0 and row["ssim"] == pytest.approx(1)
    assert row["akd"] == row["akd_lip"] == row["akd_iris"] == 0


@pytest.mark.usefixtures("engines")
def test_failing_does_not_flatter(clip: Path) -> None:
    blank = evaluate_video(clip, engine="judged-blank", step=5)
    assert blank["lost"] == blank["frames"] and blank["psnr"] < blank["baselines"]["static"]["psnr"]
    assert blank["akd"] == pytest.approx(blank["baselines"]["static"]["akd"])
    broken = evaluate_video(clip, engine="judged-broken", step=5)
    assert broken["held"] == broken["frames"]
    assert broken["psnr"] == pytest.approx(broken["baselines"]["static"]["psnr"])


@pytest.mark.usefixtures("engines")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "judged-small"}, "where the canvas is"),
        ({"engine": "judged-elsewhere"}, "buy one"),
        ({"engine": "reveal"}, "nothing to judge"),
        ({"engine": "judged-stil"}, "Did you mean 'judged-still'"),
        ({"engine": "judged-still", "source_frame": 99}, "there is no frame 99"),
        ({"engine": "judged-still", "step": 0}, "1 or more"),
    ],
)
def test_faults(clip: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(FaceError, match=words):
        evaluate_video(clip, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("engines")
def test_clips_without_a_face(tmp_path: Path) -> None:
    blank, seen = np.full((256, 256, 3), 90, np.uint8), face(points())
    with pytest.raises(FaceError, match="frame 0 shows no face"):
        evaluate_video(write_clip(tmp_path / "a.mp4", [blank] * 3), engine="judged-still")
    with pytest.raises(FaceError, match="nothing to compare"):
        evaluate_video(write_clip(tmp_path / "b.mp4", [seen] + [blank] * 3), engine="judged-still")
    with pytest.raises(MediaError):
        evaluate_video(tmp_path / "none.mp4", engine="judged-still")


@pytest.mark.usefixtures("engines")
def test_the_mean_counts_each_clip_once(clip: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", [face(points(2 * n)) for n in range(4)])
    both = evaluate([clip, other], engine="judged-still", step=3)
    for figure in FIGURES:
        assert both["mean"][figure] == pytest.approx(np.mean([row[figure] for row in both["videos"]]))
        for name in ("static", "similarity"):
            rows = [row["baselines"][name][figure] for row in both["videos"]]
            assert both["mean"]["baselines"][name][figure] == pytest.approx(np.mean(rows))


@given(st.integers(1, 70), st.integers(1, 5))
def test_the_sheet_spreads_over_all_frames(count: int, rows: int) -> None:
    sheet = Sheet(rows=rows, side=4)
    for number in range(count):
        sheet.add([np.full((4, 4, 3), number, np.uint8)] * 4)
    shown = sheet.picture()[::4, 0, 0].astype(int)
    assert len(shown) == min(rows, count) and shown[0] == 0 and (np.diff(shown) > 0).all()
    assert rows == 1 or shown[-1] >= count // 2


def test_an_empty_sheet() -> None:
    with pytest.raises(FaceError, match="no frame"):
        Sheet().picture()


@pytest.mark.usefixtures("engines")
def test_the_command_prints_json_and_nothing_else(clip: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    command = ["eval", "self", str(clip), "--engine", "judged-still", "--step", "6", "--json", "--contact", str(sheet)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    keys = {"video", "frames", *FIGURES, "baselines"}
    assert keys <= set(told["videos"][0]) and {*FIGURES, "baselines"} <= set(told["mean"])
    assert set(told["videos"][0]["baselines"]) == {"static", "similarity"}
    assert told["videos"][0]["baselines"]["static"].keys() == set(FIGURES)
    picture = cv2.imread(str(sheet))
    assert picture is not None and picture.shape == (256 * told["videos"][0]["frames"], 4 * 256, 3)
    again = CliRunner().invoke(app, command)
    assert isinstance(again.exception, MediaError) and "exists already" in str(again.exception)


@pytest.mark.usefixtures("engines")
def test_the_command_prints_a_table(clip: Path) -> None:
    result = CliRunner().invoke(app, ["eval", "self", str(clip), "--engine", "judged-still", "--step", "9"])
    assert result.exit_code == 0, result.output
    for word in ("static", "similarity", "PSNR", "AKD@256"):
        assert word in result.stdout


def test_the_mesh_engine_follows_better_than_either_baseline(clip: Path) -> None:
    row = evaluate_video(clip, engine="mesh", step=4)
    assert row["held"] == row["lost"] == 0
    assert row["akd"] < min(row["baselines"][name]["akd"] for name in ("static", "similarity"))
