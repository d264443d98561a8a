from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from obs_portrait.face import topology as t

RINGS = {
    "FACE_OVAL": t.FACE_OVAL,
    "LIPS_OUTER": t.LIPS_OUTER,
    "LIPS_INNER": t.LIPS_INNER,
    "RIGHT_EYE": t.RIGHT_EYE,
    "LEFT_EYE": t.LEFT_EYE,
}


def edges() -> Counter[tuple[int, int]]:
    return Counter(tuple(sorted((int(row[i]), int(row[(i + 1) % 3])))) for row in t.triangles() for i in range(3))


def test_shapes_and_guards() -> None:
    assert t.canonical_vertices().shape == (468, 3)
    assert t.triangles().shape == (898, 3)
    assert t.procrustes_weights().shape == (468,)
    assert np.count_nonzero(t.procrustes_weights()) == 33
    for array in (t.canonical_vertices(), t.triangles(), t.procrustes_weights()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_mesh_is_a_disc_whose_rim_is_the_face_oval() -> None:
    count = edges()
    rim = {edge for edge, uses in count.items() if uses == 1}
    assert set(count.values()) == {1, 2}
    assert {vertex for edge in rim for vertex in edge} == set(t.FACE_OVAL)
    assert len(t.canonical_vertices()) - len(count) + len(t.triangles()) == 1  # Euler characteristic of a disc


@pytest.mark.parametrize("name", RINGS)
def test_rings_run_along_edges_of_the_mesh(name: str) -> None:
    ring, count = RINGS[name], edges()
    assert len(set(ring)) == len(ring)
    for one, two in zip(ring, (*ring[1:], ring[0]), strict=True):
        assert count[tuple(sorted((one, two)))], f"{one}-{two} is no edge"


def test_image_axes() -> None:
    v = t.canonical_vertices()
    assert v[152, 1] > v[10, 1]  # the chin is below the forehead
    assert v[t.LEFT_EYE_CORNERS[0], 0] > v[t.RIGHT_EYE_CORNERS[0], 0]  # the person's left is right in the picture
    assert v[4, 2] < v[t.FACE_OVAL[8], 2]  # the tip of the nose is nearest


def test_left_mirrors_right() -> None:
    v = t.canonical_vertices()
    for left, right in ((t.LEFT_EYE, t.RIGHT_EYE), (t.LEFT_BROW, t.RIGHT_BROW)):
        mirrored = v[list(right)] * (-1, 1, 1)
        np.testing.assert_allclose(v[list(left)], mirrored, atol=1e-4)
