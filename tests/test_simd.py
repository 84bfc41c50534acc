"""The engine's exponential and matrix product against numpy."""

import numpy as np
import pytest
from numba import njit

from modadd._simd import FLAGS, LANES, add_product, exp


@njit(fastmath=FLAGS)
def all_exp(x):
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = exp(x[i])
    return y


def test_exponential_has_the_stated_error():
    x = np.concatenate([-np.geomspace(1e-8, 87, 20000), [0.0]]).astype(np.float32)
    exact = np.exp(x.astype(np.float64))
    error = np.abs(all_exp(x) / exact - 1)
    assert (error <= 3e-7 + 1e-7 * np.abs(x)).all()


def test_exponential_passes_on_what_is_not_finite_or_too_small():
    assert np.isnan(all_exp(np.array([np.nan], np.float32)))[0]
    assert 0 < all_exp(np.array([-1000.0], np.float32))[0] <= 2.0**-125


@njit
def product(out, left, right, columns):
    add_product(out, left, left.shape[1], 1, right, left.shape[0], left.shape[1], columns)


@njit
def product_of_transpose(out, left, right, columns):
    add_product(out, left, 1, left.shape[1], right, left.shape[1], left.shape[0], columns)


@pytest.mark.parametrize("rows", range(1, 14))
@pytest.mark.parametrize("inner", [1, 5, 17])
def test_product_adds_to_the_columns_asked_for_and_leaves_the_rest(rows, inner):
    rng = np.random.default_rng(rows)
    left = rng.normal(size=(rows, inner)).astype(np.float32)
    right = rng.normal(size=(inner, 3 * LANES)).astype(np.float32)
    start = rng.normal(size=(rows, 3 * LANES)).astype(np.float32)
    columns = 2 * LANES
    expected = start.copy()
    expected[:, :columns] += (left.astype(float) @ right.astype(float))[:, :columns]
    for call, operand in ((product, left), (product_of_transpose, np.ascontiguousarray(left.T))):
        out = start.copy()
        call(out, operand, right, columns)
        np.testing.assert_allclose(out, expected, atol=1e-5)
        np.testing.assert_array_equal(out[:, columns:], start[:, columns:])
