"""The engine's exponential and matrix product against numpy."""

import os

import numpy as np
import pytest
from numba import njit
from numba.core.dispatcher import Dispatcher

from modadd._compiled import engine as _engine
from modadd._compiled import particles as _particles
from modadd._compiled import rules
from modadd._compiled import simd as _simd
from modadd._compiled.simd import FLAGS, LANES, add_product, exp, forget_stale


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


@pytest.mark.parametrize("module", [_simd, _engine, _particles, rules])
def test_what_may_be_rounded_in_several_ways_is_compiled_into_its_callers(module):
    """A call would reach one version where it was compiled, and another where it was loaded."""
    compiled = {k: v for k, v in vars(module).items() if isinstance(v, Dispatcher)}
    assert compiled
    for name, function in compiled.items():
        for callee in function.py_func.__code__.co_names:
            called = function.py_func.__globals__.get(callee)
            if isinstance(called, Dispatcher) and called.targetoptions.get("fastmath"):
                assert called is exp or called.targetoptions.get("forceinline"), (name, callee)


def test_what_numba_cached_is_forgotten_when_any_compiled_source_is_newer(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    index, other = (tmp_path / "__pycache__" / name for name in ("f.nbi", "f.pyc"))
    for path in (index, other, *(tmp_path / f"{name}.py" for name in _simd.COMPILED)):
        path.touch()
        os.utime(path, (1000, 1000))
    forget_stale(tmp_path)
    assert index.exists()
    os.utime(tmp_path / "engine.py", (2000, 2000))
    forget_stale(tmp_path)
    assert not index.exists() and other.exists()
