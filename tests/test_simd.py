"""The building blocks of the compiled loops against numpy."""

import numpy as np
import pytest
from numba import njit
from numba.core.dispatcher import Dispatcher

from modadd._compiled import engine, field, gradient, rules, simd, strip, tour, two_forces
from modadd._compiled.field import add_product
from modadd._compiled.simd import FLAGS, LANES, exp
from modadd._compiled.vectors import (
    UNCOUNTED,
    bits_set,
    entry,
    exponential,
    folded,
    larger,
    load,
    lowest_bit,
    nought1,
    nought2,
    nought4,
    plus,
    positive,
    row_maxima,
    row_sums,
    spread,
    store,
    times,
    times_plus,
)


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


@pytest.mark.parametrize("module", [simd, tour, strip, gradient, engine, rules, field, two_forces])
def test_what_may_be_rounded_in_several_ways_is_compiled_into_its_callers(module):
    """A call would reach one version where it was compiled, and another where it was loaded."""
    compiled = {k: v for k, v in vars(module).items() if isinstance(v, Dispatcher)}
    assert compiled
    for name, function in compiled.items():
        for callee in function.py_func.__code__.co_names:
            called = function.py_func.__globals__.get(callee)
            if isinstance(called, Dispatcher) and called.targetoptions.get("fastmath"):
                assert called is exp or called.targetoptions.get("forceinline"), (name, callee)


# --- vectors --------------------------------------------------------------------------------------


@njit(**UNCOUNTED)
def vectors(x, out):
    """Every function of `vectors` on 256 entries; what does not fit out is returned."""
    wide, narrow = load(nought4(), x, 0), load(nought1(), x, 0)
    store(out, 0, row_sums(x, 0))
    store(out, 16, row_maxima(x, 0))
    store(out, 32, exponential(narrow))
    store(out, 48, folded(wide))
    store(out, 64, times_plus(np.float32(2), wide, spread(np.float32(1), wide)))
    store(out, 128, plus(load(nought2(), x, 32), times(np.float32(3), load(nought2(), x, 0))))
    store(out, 160, larger(narrow, load(nought1(), x, 16)))
    return positive(wide), entry(x, 7)


def test_vectors_do_what_their_names_say():
    x = np.random.default_rng(0).normal(size=256).astype(np.float32)
    x[:16] = -np.abs(x[:16])
    out, rows = np.zeros(176, np.float32), x.reshape(16, 16)
    word, seventh = vectors(x, out)
    expected = [rows.sum(1), rows.max(1), np.exp(x[:16]), x[:64].reshape(4, 16).sum(0)]
    expected += [2 * x[:64] + 1, x[32:64] + 3 * x[:32], np.maximum(x[:16], x[16:32])]
    np.testing.assert_allclose(out, np.concatenate(expected), rtol=1e-6, atol=2e-6)
    assert [(word >> i) & 1 for i in range(64)] == (x[:64] > 0).tolist() and seventh == x[7]


def test_vectors_pass_on_what_is_not_finite_and_stay_above_the_smallest_numbers():
    x, out = np.full(256, -1e30, np.float32), np.zeros(176, np.float32)
    x[3] = np.nan
    vectors(x, out)
    power = out[32:48]
    assert np.isnan(power[3]) and np.isnan(out[0])
    assert (np.delete(power, 3) == np.float32(2.0**-100)).all()


@njit(**UNCOUNTED)
def bits(word):
    return lowest_bit(word), bits_set(word)


def test_bits_of_words_are_found_and_counted():
    for word in (1, 2, 40, 2**63, 2**64 - 1):
        assert bits(np.uint64(word)) == ((word & -word).bit_length() - 1, word.bit_count())
    assert bits(np.uint64(0)) == (64, 0)
