"""The personas that come with the program: a visitor's first sight of it."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obs_portrait.face.portrait import SIDECAR, load_picture, load_portrait
from obs_portrait.face.topology import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.persona.profile import Profile, load
from obs_portrait.resources import profiles_dir
from obs_portrait.voice.dsp.settings import DspSettings, is_disguised

FOLDERS = sorted(path.parent for path in profiles_dir().glob("*/profile.toml"))
WITHOUT_FACE = [folder for folder in FOLDERS if (folder / SIDECAR).is_file()]
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@pytest.fixture(scope="module")
def profiles() -> dict[str, Profile]:
    return {folder.name: load(folder) for folder in FOLDERS}


def test_there_are_at_least_four_and_one_that_no_landmarker_finds() -> None:
    assert len(FOLDERS) >= 4
    assert WITHOUT_FACE


@each
def test_is_fictional_and_says_so(folder: Path, profiles: dict[str, Profile]) -> None:
    profile = profiles[folder.name]
    assert profile.name == folder.name
    assert profile.description
    assert profile.consent.kind == "fictional"
    assert not profile.reveals
    assert profile.disclosure.label


@each
def test_voice_hides_the_speaker(folder: Path, profiles: dict[str, Profile]) -> None:
    profile = profiles[folder.name]
    assert isinstance(profile.voice, DspSettings)
    assert is_disguised(profile.voice)
    assert profile.warnings() == []


@each
def test_portrait_faces_the_camera_with_room_around_it(folder: Path, profiles: dict[str, Profile]) -> None:
    path = profiles[folder.name].portrait_path
    assert path.stat().st_size < 1_200_000
    portrait = load_portrait(path)
    height, width = portrait.image.shape[:2]
    assert min(height, width) >= 768
    points = portrait.landmarks
    face = np.ptp(points[:468, 1]) / height
    assert 0.35 < face < 0.55
    right, left = points[list(RIGHT_EYE_CORNERS), :2].mean(0), points[list(LEFT_EYE_CORNERS), :2].mean(0)
    assert abs(right[1] - left[1]) < 0.02 * height  # upright
    middle = (right + left) / 2
    assert abs(points[1, 0] - middle[0]) < 0.1 * (left[0] - right[0])  # the nose between the eyes: frontal
    assert abs(middle[0] / width - 0.5) < 0.05
    gap = points[14, 1] - points[13, 1]
    assert gap < 0.03 * np.ptp(points[:468, 1])  # mouth closed


@pytest.mark.parametrize("folder", WITHOUT_FACE, ids=lambda folder: folder.name)
def test_face_in_a_sidecar_is_one_that_the_landmarker_does_not_find(folder: Path, profiles: dict[str, Profile]) -> None:
    picture = load_picture(profiles[folder.name].portrait_path)
    with FaceTracker("image", max_faces=5) as tracker:
        assert tracker.track(picture, 0) is None


def test_no_two_look_alike(profiles: dict[str, Profile]) -> None:
    small = {}
    for name, profile in profiles.items():
        with Image.open(profile.portrait_path) as picture:
            small[name] = np.asarray(picture.convert("RGB").resize((32, 32)), np.float32)
    for one, other in itertools.combinations(small, 2):
        assert np.abs(small[one] - small[other]).mean() > 8, (one, other)


def test_no_two_sound_alike(profiles: dict[str, Profile]) -> None:
    """Pitch three semitones apart, or formants 6%, or an effect that one has and the other has not."""
    for one, other in itertools.combinations(profiles.values(), 2):
        a, b = one.voice, other.voice
        assert isinstance(a, DspSettings)
        assert isinstance(b, DspSettings)
        pitch = abs(np.log2((a.pitch_hz or 150) / (b.pitch_hz or 150)))
        formant = abs(np.log(a.formant / b.formant))
        effects = max(abs(getattr(a, key) - getattr(b, key)) for key in ("robot", "breath", "growl", "hall", "shimmer"))
        assert sum([pitch >= 0.25, formant >= np.log(1.06), effects >= 0.2]) >= 2, (one.name, other.name)


def test_hotkeys_are_different() -> None:
    keys = [tomllib.loads((folder / "profile.toml").read_text("utf-8"))["obs"]["hotkey"] for folder in FOLDERS]
    assert len(set(keys)) == len(keys)
