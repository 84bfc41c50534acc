"""The kernel against autograd, against random features and at its awkward points."""

import math

import numpy as np
import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import noise

from modadd import forces

BIASES = [0.0, 0.1, 1.0, 10.0]


@pytest.mark.parametrize("beta", BIASES)
def test_kernel_and_gradient_match_autograd(beta):
    x, y = noise(2, 1000)
    at = torch.tensor(x, requires_grad=True)
    value = reference.kernel(at, torch.tensor(y), beta)
    value.sum().backward()
    close = {"rtol": 0, "atol": 1e-11}
    np.testing.assert_allclose(forces.arc_cosine(x, y, beta), value.detach(), **close)
    np.testing.assert_allclose(forces.arc_cosine_gradient(x, y, beta), at.grad, **close)


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_kernel_is_the_mean_over_gaussian_features(beta):
    rng = np.random.default_rng(1)
    sigma = 6**-0.5
    x, y = rng.standard_normal((2, 6, 2))
    w, b = sigma * rng.standard_normal((200_000, 2)), sigma * rng.standard_normal(200_000)
    hx, hy = (np.maximum(w @ v.T + beta * b[:, None], 0) for v in (x, y))
    products = hx * hy / sigma**2
    error = products.mean(axis=0) - forces.arc_cosine(x, y, beta)
    assert (np.abs(error) < 5 * products.std(axis=0) / len(w) ** 0.5).all()
    pushes = (hx > 0)[..., None] * w[:, None, :] * hy[..., None] / sigma**2
    error = pushes.mean(axis=0) - forces.arc_cosine_gradient(x, y, beta)
    assert (np.abs(error) < 5 * pushes.std(axis=0) / len(w) ** 0.5).all()


def in_longdouble(x, y, beta):
    """The kernel and its gradient by their definition, in the machine's widest numbers."""
    x, y = (np.column_stack([v, np.full(len(v), beta)]).astype(np.longdouble) for v in (x, y))
    dot, cross = (x * y).sum(-1), np.sqrt((np.cross(x, y) ** 2).sum(-1))
    nx, ny = (np.sqrt((v * v).sum(-1)) for v in (x, y))
    theta = np.arctan2(cross, dot)
    turn = (np.arctan2(np.longdouble(0), np.longdouble(-1)) - theta)[:, None]
    value = nx * ny * (np.sin(theta) + turn[:, 0] * np.cos(theta))
    gradient = (cross / nx**2)[:, None] * x + turn * y
    return value / (2 * np.pi), gradient[:, :2] / (2 * np.pi)


@pytest.mark.parametrize("beta", BIASES)
@pytest.mark.parametrize("step", [0.0, 1e-15, 1e-9, 1e-3])
@pytest.mark.parametrize("sign", [1, -1, 1e-8])
def test_kernel_is_right_to_rounding_near_coincidence_and_opposition(beta, step, sign):
    x = np.random.default_rng(5).standard_normal((100, 2))
    y = sign * (x + step * np.array([0.9, -0.4]))
    value, gradient = in_longdouble(x, y, beta)
    size = [np.hypot(np.hypot(*v.T), beta) for v in (x, y)]
    error = np.abs(forces.arc_cosine(x, y, beta) - value)
    assert (error < 2e-15 * size[0] * size[1]).all()
    error = np.abs(forces.arc_cosine_gradient(x, y, beta) - gradient)
    assert (error < 2e-15 * size[1][:, None] * (1 + np.abs(x) / size[0][:, None])).all()


def test_origin_without_bias_follows_the_stated_convention():
    y = np.array([1.0, 2.0])
    assert forces.arc_cosine(np.zeros(2), y, 0.0) == 0
    assert forces.arc_cosine_gradient(np.zeros(2), y, 0.0).tolist() == [0, 0]
    assert forces.arc_cosine_gradient(y, np.zeros(2), 0.0).tolist() == [0, 0]
    # With a bias the origin is a point like any other.
    step = 1e-6
    slope = [
        (forces.arc_cosine(step * e, y, 0.5) - forces.arc_cosine(-step * e, y, 0.5)) / (2 * step)
        for e in np.eye(2)
    ]
    np.testing.assert_allclose(forces.arc_cosine_gradient(np.zeros(2), y, 0.5), slope, rtol=1e-6)


coordinates = st.floats(-100, 100).filter(lambda v: v == 0 or abs(v) > 1e-100)
points = st.tuples(coordinates, coordinates).map(np.array)


@given(points, points, st.floats(0, 100).filter(lambda v: v == 0 or v > 1e-100))
def test_kernel_is_symmetric_homogeneous_and_bounded(x, y, beta):
    value = forces.arc_cosine(x, y, beta)
    bound = math.hypot(*x, beta) * math.hypot(*y, beta) / 2
    assert -1e-15 * bound <= value <= bound * (1 + 1e-14)
    assert forces.arc_cosine(y, x, beta) == pytest.approx(value, rel=1e-9, abs=1e-13 * bound)
    scaled = forces.arc_cosine(4 * x, 4 * y, 4 * beta)
    assert scaled == pytest.approx(16 * value, rel=1e-12, abs=1e-13 * bound)
    gradient = forces.arc_cosine_gradient(x, y, beta)
    assert np.isfinite(gradient).all()
    assert math.hypot(*gradient) <= math.hypot(*y, beta) * (1 + 1e-12)


def test_leading_axes_broadcast_and_float32_is_computed_in_float64():
    x, y = np.random.default_rng(4).standard_normal((2, 5, 2)).astype(np.float32)
    table = forces.arc_cosine(x[:, None], y)
    assert table.shape == (5, 5) and table.dtype == np.float64
    assert table[1, 2] == forces.arc_cosine(x[1].astype(float), y[2].astype(float))
    gradients = forces.arc_cosine_gradient(x[:, None], y)
    assert gradients.shape == (5, 5, 2) and gradients.dtype == np.float64
