"""From the driver's keypoints to the persona's: absolute, or relative to a reference frame."""

from __future__ import annotations

from torch import Tensor

from obs_portrait.face.fomm.geometry import Keypoints, inverse, product

__all__ = ["hull_area", "relative", "scale"]


def hull_area(points: Tensor) -> Tensor:
    """Area of the convex hull of each set of `points` (N, K, 2): (N,), on the points' device, without a round trip.

    A line through two points is an edge of the hull if no point lies to its right; the shoelace formula over those
    edges is the area. Points on an edge's line do not count as corners. O(K^3), which for K = 10 is 1000 sums.
    """
    start, end = points[:, :, None], points[:, None]  # (N, K, 1, 2), (N, 1, K, 2)
    along = end - start  # (N, K, K, 2)
    away = points[:, None, None] - start[:, :, :, None]  # (N, K, 1, K, 2)
    side = along[..., None, 0] * away[..., 1] - along[..., None, 1] * away[..., 0]  # (N, K, K, K)
    length = along.square().sum(-1)
    limit = -1e-7 * length.sqrt()[..., None]
    edge = (side >= limit).all(-1) & (length > 0)
    # Of several points on one line only the longest edge counts.
    between = (side.abs() <= -limit) & ((along[..., None, :] * away).sum(-1) > length[..., None] * (1 + 1e-6))
    behind = (side.abs() <= -limit) & ((along[..., None, :] * away).sum(-1) < -1e-6 * length[..., None])
    edge &= ~(between | behind).any(-1)
    shoelace = start[..., 0] * end[..., 1] - start[..., 1] * end[..., 0]  # (N, K, K)
    return (shoelace * edge).sum((1, 2)) / 2


def scale(source: Keypoints, reference: Keypoints) -> Tensor:
    """(N, 1, 1): persona's face over driver's, by the areas of the keypoints' hulls (--adapt_scale)."""
    ratio = hull_area(source.value) / hull_area(reference.value).clamp_min(1e-9)
    return ratio.sqrt()[:, None, None]


def relative(source: Keypoints, reference: Keypoints, driving: Keypoints, factor: Tensor | float = 1.0) -> Keypoints:
    """The persona's keypoints: moved and stretched as the driver's are since `reference`; section 3.3 of the paper.

    value = p_source + factor (p_driving - p_reference), jacobian = J_driving J_reference^-1 J_source. All (N, K, 2) and
    (N, K, 2, 2); factor is a number or (N, 1, 1).
    """
    value = source.value + (driving.value - reference.value) * factor
    jacobian = product(product(driving.jacobian, inverse(reference.jacobian)), source.jacobian)
    return Keypoints(value, jacobian)
