"""The exponential of the compiled loops, and how they are compiled."""

import numpy as np
import pytest
from numba import njit
from numba.core.dispatcher import Dispatcher

from modadd._compiled import engine, field, gradient, rules, simd, strip, tour, two_forces
from modadd._compiled.simd import FLAGS, exp


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
