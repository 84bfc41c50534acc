"""The kernel against autograd, against random features and at its awkward points."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modadd import forces

BIASES = [0.0, 0.1, 1.0, 10.0]


def torch_kernel(x, y, beta):
    """The defining formula, with no care taken: for generic points only."""
    lift = torch.full_like(x[..., :1], beta)
    x, y = torch.cat([x, lift], -1), torch.cat([y, lift], -1)
    nx, ny = x.norm(dim=-1), y.norm(dim=-1)
    theta = torch.acos((x * y).sum(-1) / (nx * ny))
    return nx * ny * (torch.sin(theta) + (math.pi - theta) * torch.cos(theta)) / (2 * math.pi)


def lifted_angle(x, y, beta=1.0):
    """The angle between lifted points, from what the kernel makes of it."""
    *_, cross, dot = forces._lifted(np.asarray(x, float), np.asarray(y, float), beta)
    return np.arctan2(cross, dot + 0.0)


@pytest.mark.parametrize("beta", BIASES)
def test_kernel_and_gradient_match_autograd(beta):
    x, y = np.random.default_rng(0).standard_normal((2, 1000, 2))
    at = torch.tensor(x, requires_grad=True)
    value = torch_kernel(at, torch.tensor(y), beta)
    value.sum().backward()
    # Where acos is well conditioned; elsewhere it is the naive formula that loses digits.
    good = np.sin(lifted_angle(x, y, beta)) > 1e-2
    assert good.sum() > 900
    error = np.abs(forces.arc_cosine(x, y, beta) - value.detach().numpy())[good]
    assert error.max() < 1e-11
    error = np.abs(forces.arc_cosine_gradient(x, y, beta) - at.grad.numpy())[good]
    assert error.max() < 1e-11


@pytest.mark.parametrize("beta", BIASES)
def test_kernel_is_the_mean_over_gaussian_features(beta):
    rng = np.random.default_rng(1)
    sigma = 6**-0.5
    x, y = rng.standard_normal((2, 6, 2))
    w, b = sigma * rng.standard_normal((400_000, 2)), sigma * rng.standard_normal(400_000)
    hx, hy = (np.maximum(w @ v.T + beta * b[:, None], 0) for v in (x, y))
    products = hx * hy / sigma**2
    error = products.mean(axis=0) - forces.arc_cosine(x, y, beta)
    assert (np.abs(error) < 5 * products.std(axis=0) / len(w) ** 0.5).all()
    pushes = (hx > 0)[..., None] * w[:, None, :] * hy[..., None] / sigma**2
    error = pushes.mean(axis=0) - forces.arc_cosine_gradient(x, y, beta)
    assert (np.abs(error) < 5 * pushes.std(axis=0) / len(w) ** 0.5).all()


@pytest.mark.parametrize("beta", BIASES)
def test_coincident_points_are_ordinary(beta):
    x = np.random.default_rng(2).standard_normal((100, 2))
    square = (x**2).sum(-1) + beta**2
    np.testing.assert_allclose(forces.arc_cosine(x, x, beta), square / 2, rtol=1e-15)
    np.testing.assert_allclose(forces.arc_cosine_gradient(x, x, beta), x / 2, rtol=1e-15)
    assert (lifted_angle(x, x, beta) == 0).all()


def test_opposite_points_share_no_feature():
    x = np.random.default_rng(3).standard_normal((100, 2))
    assert (forces.arc_cosine(x, -2 * x, 0.0) == 0).all()
    assert (forces.arc_cosine_gradient(x, -2 * x, 0.0) == 0).all()
    np.testing.assert_array_equal(lifted_angle(x, -2 * x, 0.0), np.pi)


@pytest.mark.parametrize("step", [1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("sign", [1, -1])
def test_angle_keeps_its_digits_near_coincidence_and_opposition(step, sign):
    # The exact planar cross product, in rational arithmetic, against the angle.
    x = np.array([0.3, 0.7])
    y = sign * (x + step * np.array([0.9, -0.4]))
    exact = [Fraction(float(v)) for v in (*x, *y)]
    sine = abs(float(exact[0] * exact[3] - exact[1] * exact[2])) / (math.hypot(*x) * math.hypot(*y))
    angle = float(lifted_angle(x, y, 0.0))
    if sign > 0:
        assert angle == pytest.approx(math.asin(sine), rel=1e-12)
    else:
        # Near opposition the kernel itself, of third order in π − θ, keeps its relative accuracy.
        delta = math.asin(sine)
        profile = delta**3 * (1 / 3 - delta**2 / 30 + delta**4 / 840)
        expected = math.hypot(*x) * math.hypot(*y) * profile / (2 * math.pi)
        assert float(forces.arc_cosine(x, y, 0.0)) == pytest.approx(expected, rel=1e-12)


def test_series_and_closed_form_meet():
    edge = forces._SMALL
    below, above = forces._profile(np.array([edge * (1 - 1e-15), edge]))
    assert below == pytest.approx(above, rel=1e-13)


def test_origin_without_bias_follows_the_stated_convention():
    y = np.array([1.0, 2.0])
    assert forces.arc_cosine(np.zeros(2), y, 0.0) == 0
    assert forces.arc_cosine_gradient(np.zeros(2), y, 0.0).tolist() == [0, 0]
    assert forces.arc_cosine_gradient(y, np.zeros(2), 0.0).tolist() == [0, 0]
    assert lifted_angle(np.zeros(2), -y, 0.0) == 0
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
@settings(max_examples=200, deadline=None, derandomize=True)
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


@pytest.mark.parametrize("function", [forces.arc_cosine, forces.arc_cosine_gradient])
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([1.0], [1.0, 2.0]), "x"),
        (([1.0, 2.0], 3.0), "y"),
        (([1.0, math.nan], [1.0, 2.0]), "x"),
        (([1.0, 2.0], [1.0, 2.0], -1.0), "bias_scale"),
        (([1.0, 2.0], [1.0, 2.0], math.inf), "bias_scale"),
        ((np.ones((3, 2)), np.ones((4, 2))), "y"),
    ],
)
def test_bad_input_is_named(function, arguments, name):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        function(*arguments)
