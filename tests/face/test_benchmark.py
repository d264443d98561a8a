"""What `obs-portrait bench face` prints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from obs_portrait.errors import FaceError
from obs_portrait.face import benchmark


def test_figures_are_whole_and_agree_with_each_other() -> None:
    portrait = benchmark.find_portrait()
    frames = benchmark.driver_frames(portrait, 6)
    figures = json.loads(json.dumps(benchmark.run((160, 96), 0.3, frames=frames, portrait=portrait)))
    assert figures["canvas"] == "160x96"
    assert figures["driver"] == "512x512"
    assert figures["frames"] >= 2
    assert figures["lost"] == 0
    assert 0 < figures["p50_ms"] <= figures["p95_ms"]
    mean = sum(figures["stages"].values())
    assert figures["fps"] == pytest.approx(1000 / mean)


def test_a_driver_without_a_face_is_no_measurement() -> None:
    portrait = benchmark.find_portrait()
    grey = np.full((128, 128, 3), 128, np.uint8)
    with pytest.raises(FaceError, match="No face"):
        benchmark.run((96, 96), 0.1, frames=[grey], portrait=portrait)
    with pytest.raises(FaceError, match="no frames"):
        benchmark.run((96, 96), 0.1, frames=[], portrait=portrait)
    with pytest.raises(FaceError, match="Nothing can be measured"):
        benchmark.run(seconds=0)
