"""The engine on the contract that all engines share, found through the public door."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from obs_portrait.checkpoints.catalog import lookup, place
from obs_portrait.checkpoints.trust import convert
from obs_portrait.clock import now_ns
from obs_portrait.errors import CheckpointError, FaceError
from obs_portrait.face import fomm
from obs_portrait.face.engine import engine_class
from obs_portrait.face.fomm.budget import Budget, Ladder, Step
from obs_portrait.face.fomm.device import choose_device, choose_dtype
from obs_portrait.face.fomm.engine import FommEngine, find_checkpoint
from obs_portrait.face.fomm.settings import FommSettings
from obs_portrait.face.portrait import load_portrait
from obs_portrait.face.types import Canvas, Observation, Portrait
from obs_portrait.media.types import CameraFrame
from obs_portrait.resources import assets_dir
from tests.face.conftest import write_clip
from tests.face.drawn import face, points

CANVAS = Canvas(320, 240)


def sight(captured_ns: int, x: float = 128.0, jaw: float = 0.0) -> tuple[Observation, CameraFrame]:
    """The drawn driver, with the picture locked as the pipeline locks it."""
    landmarks = points(centre=(x, 128.0), jaw=jaw)
    picture = face(landmarks)
    picture.flags.writeable = False
    seen = Observation(landmarks, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, 256, 256, captured_ns)
    return seen, CameraFrame(picture, captured_ns, 0)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return load_portrait(assets_dir() / "performance" / "driver.png")


@pytest.fixture(scope="module")
def prepared(converted: Path, portrait: Portrait) -> Iterator[FommEngine]:
    engine = FommEngine()
    engine.prepare(portrait, FommSettings(checkpoint=str(converted), device="cpu", dtype="float32"), CANVAS)
    yield engine
    engine.close()
    engine.close()


@pytest.fixture
def engine(prepared: FommEngine) -> FommEngine:
    """As new."""
    prepared._ladder = Ladder(10.0, prepared._ladder.steps)
    prepared._budget = Budget()
    prepared.set_reference(None)
    return prepared


def test_it_is_found_by_name_and_asks_for_pixels() -> None:
    kind = engine_class("fomm")
    assert kind is FommEngine
    assert kind.needs_pixels
    assert not kind.reveals
    assert kind.validate_environment() is None


def test_pictures_are_new_and_on_the_canvas(engine: FommEngine) -> None:
    still = engine.still()
    assert still is not None
    assert still.shape == (240, 320, 3)
    at_rest = engine.render(*sight(0))
    moved = engine.render(*sight(40_000_000, jaw=1.5))
    for out in (at_rest, moved):
        assert out.shape == (240, 320, 3)
        assert out.dtype == np.uint8
        assert out.flags.c_contiguous
        assert out.flags.writeable
    assert np.abs(at_rest.astype(int) - still).max() <= 1  # the first frame is the reference
    assert not np.array_equal(at_rest, moved)
    assert not np.shares_memory(at_rest, moved)
    assert set(engine.stage_ns) == {"crop", "networks", "paste"}


def test_the_reference_that_was_shown_counts(engine: FommEngine) -> None:
    """Rest, seen at another moment and place, is no motion: the square is cut about the face."""
    seen, frame = sight(900_000_000, x=128)
    engine.show_reference(frame)
    engine.set_reference(seen)
    still = engine.still()
    assert still is not None
    again = engine.render(*sight(0, x=128))
    assert np.abs(again.astype(int) - still).max() <= 1


def test_files_are_drawn_frame_by_frame_however_long_it_takes(engine: FommEngine) -> None:
    engine._ladder = Ladder(120.0, engine._ladder.steps, patience_s=0)
    engine._budget = Budget(max_fps=1)
    first = engine.render(*sight(now_ns()))  # whatever their stamps say
    for index in range(1, 4):
        assert not np.array_equal(engine.render(*sight(now_ns(), jaw=index / 2)), first)
    assert engine.step is Step.FULL


def test_live_it_steps_down_to_the_mesh_and_never_stops(engine: FommEngine) -> None:
    engine.on_air = True
    engine._ladder = Ladder(1e6, engine._ladder.steps, patience_s=0)  # nothing is fast enough
    taken = []
    for index in range(24):
        out = engine.render(*sight(now_ns(), jaw=index % 3 / 2))
        assert out.shape == (240, 320, 3)
        taken.append(engine.step)
        if engine.step is Step.MESH:
            break
    assert taken == sorted(taken)
    assert taken[-1] is Step.MESH
    assert (Step.LOW_PRECISION in taken) == (choose_dtype("auto", torch.device("cpu")) is not torch.float32)
    out = engine.render(*sight(now_ns()))
    assert engine.stage_ns["networks"] == -1
    assert out.std() > 5


def test_live_within_its_budget_it_shows_the_last_picture_again(engine: FommEngine) -> None:
    engine.on_air = True
    engine._budget = Budget(max_fps=0.01)
    first = engine.render(*sight(now_ns()))
    second = engine.render(*sight(now_ns(), jaw=2.0))
    assert np.array_equal(first, second)
    assert not np.shares_memory(first, second)
    engine.set_reference(None)  # a new reference is seen at once
    assert engine.render(*sight(now_ns(), jaw=2.0)) is not None
    assert engine.stage_ns["networks"] > 0


def test_one_sentence_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch, portrait: Portrait, tmp_path: Path) -> None:
    with pytest.raises(FaceError, match="not prepared"):
        FommEngine().render(*sight(0))
    with pytest.raises(CheckpointError, match=r"no such checkpoint; give the path"):
        FommEngine().prepare(portrait, FommSettings(checkpoint=str(tmp_path / "none.pth.tar")), CANVAS)
    with pytest.raises(FaceError, match="device 'cuda:77' is not there"):
        FommEngine().prepare(portrait, FommSettings(device="cuda:77"), CANVAS)
    monkeypatch.setenv("OBS_PORTRAIT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(CheckpointError, match="checkpoints pull fomm_vox"):
        FommEngine().prepare(portrait, FommSettings(checkpoint="fomm-vox"), CANVAS)
    with pytest.raises(CheckpointError, match="another family"):
        find_checkpoint("face_landmarker")
    with pytest.raises(CheckpointError, match="Did you mean"):
        find_checkpoint("fomm_voxx")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else real(name))
    told = FommEngine.validate_environment()
    assert told is not None
    assert "pip install 'obs-portrait[neural]'" in told
    with pytest.raises(FaceError, match="needs torch"):
        FommEngine().prepare(portrait, FommSettings(), CANVAS)


def test_a_checkpoint_is_verified_by_name_and_by_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_WEIGHTS_DIR", str(tmp_path / "weights"))
    row = replace(lookup("fomm_vox"), min_size=1)
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"fomm_vox": row})
    file, own = place(row), tmp_path / "own.pth.tar"
    file.parent.mkdir(parents=True)
    safetensors = b"\x02" + bytes(7) + b"{}"
    file.write_bytes(safetensors)
    own.write_bytes(b"anything")
    assert find_checkpoint("fomm-vox") == file, "and pinned"
    assert find_checkpoint(str(file)) == file
    assert find_checkpoint(str(own)) == own, "nothing is known of it"
    copy = file.with_name("vox-cpk.safetensors")
    convert(file, copy, shutil.copyfile)
    assert find_checkpoint("fomm-vox") == find_checkpoint(str(copy)) == copy
    for path in (file, copy):
        path.write_bytes(safetensors + b"other")
        with pytest.raises(CheckpointError, match="was pinned on"):
            find_checkpoint(str(path))
    with pytest.raises(CheckpointError, match="was pinned on"):
        find_checkpoint("fomm_vox")


def test_without_pixels_it_says_so(engine: FommEngine) -> None:
    with pytest.raises(FaceError, match="no camera frame"):
        engine.render(sight(0)[0])


def test_devices_and_dtypes() -> None:
    device, why = choose_device("auto")
    assert fomm.device_report() == (str(device), why)
    assert choose_device("cpu") == (torch.device("cpu"), "asked for")
    for wrong in ("gpu9", "meta", "cuda:77"):
        with pytest.raises(FaceError):
            choose_device(wrong)
    assert choose_dtype("auto", torch.device("cuda")) is torch.float16
    assert choose_dtype("bfloat16", device) is torch.bfloat16
    with pytest.raises(FaceError, match="dtype 'int8'"):
        choose_dtype("int8", device)


def test_neither_the_package_nor_the_engine_loads_pytorch() -> None:
    code = (
        "import sys, obs_portrait.face.fomm, obs_portrait.face.fomm.engine as e;"
        "assert e.FommEngine.validate_environment() is None; e.FommSettings(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_render_takes_a_checkpoint(converted: Path, tmp_path: Path) -> None:
    from daemon.cli import app

    clip = write_clip(tmp_path / "clip.mp4", [face(points(jaw=jaw)) for jaw in (1.0, 0.0, 0.5)], sound=True)
    out, report = tmp_path / "out.mp4", tmp_path / "report.json"
    source = str(assets_dir() / "performance" / "driver.png")
    line = ["render", "-d", str(clip), "-s", source, "-o", str(out), "--size", "128x128", "--report", str(report)]
    options = ["--engine", "fomm", "--checkpoint", str(converted), "--cpu", "--relative", "--adapt_scale", "--audio"]
    done = CliRunner().invoke(app, [*line, *options, "--best_frame", "1"])
    assert done.exit_code == 0, done.output
    told = json.loads(report.read_text())
    assert told["reference_frame"] == 1
    assert told["origins"]["video_frames"] == {"engine": 3}
    assert set(told["origins"]["audio_samples"]) == {"reveal"}
    assert told["stages"]["networks"]["count"] == 3
    again = CliRunner().invoke(app, [*line, *options, "--force", "--find_best_frame"])
    assert again.exit_code == 0, again.output
    wrong: Any = CliRunner().invoke(app, [*line, "--force", "--checkpoint", "x.pth.tar", "--engine", "mesh"])
    assert wrong.exit_code != 0
    assert "add --engine fomm" in re.sub(r"[\s│]+", " ", wrong.output)
