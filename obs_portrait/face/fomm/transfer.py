"""From the driver's keypoints to the persona's: absolute, or relative to a reference frame."""

from __future__ import annotations

import math

import cv2
from torch import Tensor

from obs_portrait.face.fomm.geometry import Keypoints, inverse, product

__all__ = ["hull_area", "relative", "scale"]


def hull_area(points: Tensor) -> float:
    """Area of the convex hull of `points` (K, 2)."""
    return float(cv2.contourArea(cv2.convexHull(points.detach().float().cpu().numpy())))


def scale(source: Keypoints, reference: Keypoints) -> float:
    """Size of the persona's face over that of the driver's, by the areas of the keypoints' hulls (--adapt_scale).

    Both depend on source and reference alone, so that this is computed when the reference changes, never in the loop:
    the points come to the processor for it. The first picture of a batch counts.
    """
    return math.sqrt(hull_area(source.value[0]) / max(hull_area(reference.value[0]), 1e-9))


def relative(source: Keypoints, reference: Keypoints, driving: Keypoints, factor: Tensor | float = 1.0) -> Keypoints:
    """The persona's keypoints: moved and stretched as the driver's are since `reference`; section 3.3 of the paper.

    value = p_source + factor (p_driving - p_reference), jacobian = J_driving J_reference^-1 J_source. All (N, K, 2) and
    (N, K, 2, 2); factor is a number or (N, 1, 1).
    """
    value = source.value + (driving.value - reference.value) * factor
    jacobian = product(product(driving.jacobian, inverse(reference.jacobian)), source.jacobian)
    return Keypoints(value, jacobian)
