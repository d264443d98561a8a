"""What docs/personas.md shows can be typed as it stands, and leaves no setting out."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import BaseModel

from obs_portrait.face.portrait import load_portrait
from obs_portrait.persona import profile
from obs_portrait.voice.dsp.settings import DspSettings

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "personas.md").read_text(encoding="utf-8")


def block(language: str, holding: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    (found,) = [text for text in blocks if holding in text]
    return str(found)


def draw(folder: Path) -> Path:
    picture = folder / "portrait.png"
    assert cv2.imwrite(str(picture), np.zeros((1024, 1024, 3), np.uint8))
    return picture


def left_out(model: BaseModel) -> set[str]:
    return set(type(model).model_fields) - model.model_fields_set


def test_the_example_is_a_valid_profile_that_names_every_setting(tmp_path: Path) -> None:
    draw(tmp_path)
    vera = profile.parse(block("toml", "[consent]"), tmp_path / "profile.toml")
    assert isinstance(vera.voice, DspSettings)
    for section in (vera.face, vera.voice, vera.consent, vera.disclosure, vera.obs, *vera.voice.equaliser):
        assert not left_out(section), type(section).__name__
    assert vera.voice.equaliser
    assert not vera.warnings()


def test_the_sidecar_of_the_example_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(block("python", "landmarks.npz"), {})  # noqa: S102 - our own text
    portrait = load_portrait(draw(tmp_path))
    assert portrait.landmarks.shape == (478, 3)
