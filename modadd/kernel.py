"""The kernel of wide ReLU features: through it, pairs feel each other.

A point x of the plane enters the network with its bias β, as the *lifted* point x̃ = (x, β) of
length ñ = √(|x|² + β²). Random features w ~ N(0, σ² I₃) give, with θ the angle between x̃ and ỹ,

    E[ReLU(w·x̃) ReLU(w·ỹ)] = σ² k(x, y)        k(x, y) = ñ_x ñ_y (sin θ + (π − θ) cos θ) / 2π
    ∇_x k(x, y) = [ (ñ_y / ñ_x) sin θ · x + (π − θ) y ] / 2π

k is the arc-cosine kernel of order 1 (Cho & Saul 2009, "Kernel methods for deep learning"); the
lift and the gradient are derived here, and checked against autograd and against Monte Carlo over
features. A network draws its first layer from U(±1/√2), of variance σ² = 1/6 but not isotropic:
for it the formula is close at any width, not exact (`modadd.charges.prefactor` says how close).

Nothing is clamped. The angle comes from atan2 of cross and dot product of the lifted points, so
that θ = 0 and θ = π are ordinary values; near-coincident and near-opposite points keep their
digits because the cross product is taken with the difference (or the sum) of the two points.
"""

from __future__ import annotations

import numpy as np

from modadd import _checks

# sin δ − δ cos δ = Σ_n (−1)^(n+1) 2n δ^(2n+1) / (2n+1)!, coefficients of δ³, δ⁵, ...
_SERIES = (1 / 3, -1 / 30, 1 / 840, -1 / 45360, 1 / 3991680)
# Below this δ five terms are exact to rounding, while the closed form loses digits as 1/δ².
_SMALL = 0.2

WIDEST = 1e100
"""Largest coordinate and bias scale: what is computed holds their third powers."""


def arc_cosine(x: np.ndarray, y: np.ndarray, bias_scale: float = 1.0) -> np.ndarray:
    """Kernel k(x, y) of unit-variance features; the equation stands at the top of this module.

    Args:
        x: (..., 2) points; leading axes broadcast against those of y.
        y: (..., 2) points.
        bias_scale: β in [0, 1e100], in the unit of the points.

    Returns:
        (...) float64, in that unit squared. Multiply by σ² for features of variance σ².

    Raises:
        ValueError: if a shape is not (..., 2), an entry is not within ±1e100 or β outside.

    >>> float(arc_cosine([3.0, 4.0], [3.0, 4.0], bias_scale=0.0))  # θ = 0: |x|² / 2
    12.5
    >>> float(arc_cosine([3.0, 4.0], [-3.0, -4.0], bias_scale=0.0))  # θ = π: no common feature
    0.0
    """
    norm_x, norm_y, cross, dot = _lift(x, y, bias_scale)
    # δ = π − θ, straight from atan2: the kernel vanishes as δ³ and must not inherit π's rounding.
    delta = np.arctan2(cross, -dot)
    return norm_x * norm_y * _profile(delta) / (2 * np.pi)


def arc_cosine_gradient(x: np.ndarray, y: np.ndarray, bias_scale: float = 1.0) -> np.ndarray:
    """Gradient of k(x, y) with respect to x; the equation stands at the top of this module.

    With bias_scale = 0, k has a kink at x = 0, like a norm. The gradient there is 0 by
    convention: a point that switches on no feature is not moved, as with ReLU'(0) = 0.

    Args:
        x: (..., 2) points; leading axes broadcast against those of y.
        y: (..., 2) points.
        bias_scale: β in [0, 1e100], in the unit of the points.

    Returns:
        (..., 2) float64, in the unit of the points.

    Raises:
        ValueError: if a shape is not (..., 2), an entry is not within ±1e100 or β outside.

    >>> arc_cosine_gradient([3.0, 4.0], [3.0, 4.0]).tolist()  # θ = 0: y / 2
    [1.5, 2.0]
    """
    norm_x, _, cross, dot = _lift(x, y, bias_scale)
    delta = np.arctan2(cross, -dot)
    kink = norm_x == 0
    # (ñ_y / ñ_x) sin θ = |x̃ × ỹ| / ñ_x²: no sine needed, and no division by ñ_y.
    along = cross / np.where(kink, 1.0, norm_x) ** 2
    gradient = along[..., None] * np.asarray(x) + delta[..., None] * np.asarray(y)
    return np.where(kink[..., None], 0.0, gradient) / (2 * np.pi)


def lifted_angle(x: np.ndarray, y: np.ndarray, bias_scale: float = 1.0) -> np.ndarray:
    """Angle θ between the lifted points (x, β) and (y, β), in [0, π].

    The angle with a lifted point of length 0 is 0.

    Args:
        x: (..., 2) points; leading axes broadcast against those of y.
        y: (..., 2) points.
        bias_scale: β in [0, 1e100], in the unit of the points.

    Returns:
        (...) float64, in radians.

    Raises:
        ValueError: if a shape is not (..., 2), an entry is not within ±1e100 or β outside.

    >>> float(lifted_angle([1.0, 0.0], [-1.0, 0.0], bias_scale=1.0) / np.pi)
    0.5
    """
    _, _, cross, dot = _lift(x, y, bias_scale)
    # + 0.0 turns −0.0 into 0.0, whose angle with a vanishing cross product is 0, not π.
    return np.arctan2(cross, dot + 0.0)


def _lift(x, y, bias_scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lengths of both lifted points, length of their cross product, and their dot product."""
    beta = _checks.real("bias_scale", bias_scale, 0.0, WIDEST)
    x, y = _points("x", x), _points("y", y)
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ValueError(
            f"y must have leading axes that broadcast with those of x, {x.shape}, got {y.shape}"
        ) from None
    x, y = np.broadcast_to(x, shape), np.broadcast_to(y, shape)
    plane_dot = (x * y).sum(axis=-1)
    # x × y = x × (y ∓ x), and y ∓ x is exact near x = ±y (Sterbenz), where x × y would cancel.
    # From the shorter of the two: a step from the longer one would forget a tiny other.
    size = np.hypot(x[..., 0], x[..., 1]), np.hypot(y[..., 0], y[..., 1])
    step = np.where((plane_dot >= 0)[..., None], y - x, y + x)
    base = np.where((size[0] <= size[1])[..., None], x, y)
    plane_cross = base[..., 0] * step[..., 1] - base[..., 1] * step[..., 0]
    gap = np.hypot(y[..., 0] - x[..., 0], y[..., 1] - x[..., 1])
    # The lifted cross product is (β (x₂ − y₂), β (y₁ − x₁), x₁ y₂ − x₂ y₁).
    cross = np.hypot(plane_cross, beta * gap)
    return np.hypot(size[0], beta), np.hypot(size[1], beta), cross, plane_dot + beta**2


def _profile(delta: np.ndarray) -> np.ndarray:
    """Kernel over norms, sin δ − δ cos δ, to rounding at both ends: the series is for small δ."""
    square = delta**2
    series = np.zeros_like(delta)
    for coefficient in reversed(_SERIES):
        series = coefficient + square * series
    closed = np.sin(delta) - delta * np.cos(delta)
    return np.where(delta < _SMALL, delta * square * series, closed)


def _points(name: str, value) -> np.ndarray:
    """Return `value` as float64 of shape (..., 2), or raise ValueError naming it."""
    return _checks.array(name, value, (..., 2), limit=WIDEST)
