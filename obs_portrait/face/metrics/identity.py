"""Who somebody is, as 128 numbers: the identity embedding behind AED (average Euclidean distance).

The network is Davis King's dlib_face_recognition_resnet_model_v1 (a ResNet of 29 layers after He et al., Deep Residual
Learning for Image Recognition, 2016; 99.38% on Labeled Faces in the Wild by its author). Its weights are CC0 and come
inside a package of the extra "eval"; pictures of one person lie closer together than 0.6 as a rule.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.checkpoints.catalog import locate
from obs_portrait.errors import CheckpointError, FaceError

__all__ = ["SAME_PERSON", "IdentityEmbedder", "aed", "missing"]

Picture = NDArray[np.uint8]

SAME_PERSON: Final = 0.6
"""Embeddings that lie closer together count as one person (the threshold that the network was trained for)."""
_SIDE: Final = 150
_PADDING: Final = 0.25
_FIVE_POINTS: Final = (263, 362, 33, 133, 2)
"""Outer and inner corner of the left eye, of the right eye, and the base of the nose: what the network's pictures are
aligned by, in MediaPipe's count. Embeddings of real people lie 0.09 from those that dlib's own landmarks give, and tell
people apart as well."""


def missing() -> str | None:
    """None if identities can be compared here, else one sentence that says what to type."""
    if importlib.util.find_spec("dlib") is None:
        return "AED is left out: the identity network is not installed. Type: pip install 'obs-portrait[eval]'"
    try:
        locate("face_identity")
    except CheckpointError as error:
        return f"AED is left out: {error}"
    return None


class IdentityEmbedder:
    """Embeds faces. Loading takes about half a second, a face about 0.1 s on one core."""

    def __init__(self) -> None:
        """Raises `FaceError` with one sentence if the extra is not installed."""
        if reason := missing():
            raise FaceError(reason)
        import dlib

        self._dlib: Any = dlib
        self._network: Any = dlib.face_recognition_model_v1(str(locate("face_identity")))

    def chip(self, image: Picture, landmarks: NDArray[np.float32]) -> Picture:
        """(150, 150, 3) uint8 RGB: the face turned upright and scaled as in the network's training. image: (H, W, 3)
        uint8 RGB with these (478, 3) landmarks in pixels."""
        height, width = image.shape[:2]
        points = [self._dlib.point(round(float(x)), round(float(y))) for x, y in landmarks[list(_FIVE_POINTS), :2]]
        shape = self._dlib.full_object_detection(self._dlib.rectangle(0, 0, width, height), points)
        picture = np.ascontiguousarray(image)
        return np.asarray(self._dlib.get_face_chip(picture, shape, size=_SIDE, padding=_PADDING), np.uint8)

    def embed(self, image: Picture, landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
        """(128,) float64 of the face with these landmarks. The numbers are of length 1.4 or so, not 1."""
        return np.asarray(self._network.compute_face_descriptor(self.chip(image, landmarks)), np.float64)


def aed(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Euclidean distance of two identity embeddings; the mean of it over frames is AED."""
    return float(np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64)))
