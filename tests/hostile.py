"""What is thrown at public functions: values that nothing may take, and any value at all.

A call must return or raise a ValueError that begins with the name of one of its arguments, within
one short line. Warnings are errors here, as in all tests.
"""

import inspect
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modadd.run import DivergenceError


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no words")


NEVER = {
    "a complex number": 1j,
    "NaN": math.nan,
    "a numpy NaN": np.float32("nan"),
    "bytes": b"3",
    "an object": object(),
    "an object that cannot be printed": Unprintable(),
    "a class": int,
    "a function": len,
    "a set of objects": {len},
    "a ragged list": [1, [2, 3]],
    "a list of None": [None, None],
    "a list without end": itertools.repeat("x"),
    "an array of objects": np.array([[None] * 2] * 5),
    "an array of words": np.array([["1", "2"]] * 5),
    "an array of complex numbers": np.full((5, 2), 1j),
    "an array of NaN": np.full((5, 2), math.nan),
    "an array of infinity": np.full((5, 2), math.inf),
    "an array of dates": np.array(["2020-01-01"] * 5, dtype="M8[D]"),
}
"""What no argument of any function takes."""

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.integers(-3, 20),
    st.floats(-2, 2),
    st.sampled_from([400, 5000]).map(lambda power: -(10**power)),  # too long to be printed
    st.sampled_from([2**31, 2**63, 1e30, 1e31, 5e-324, 1.7e308, -0.0]),
    st.sampled_from([np.int8(-1), np.uint64(2**64 - 1), np.float16(1), np.longdouble("1e4000")]),
    st.fractions(),
    st.decimals(allow_nan=True),
    st.complex_numbers(),
)
tables = arrays.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.bool_, np.complex64, "U3", "O"]),
    st.one_of(
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
        st.sampled_from([(5, 2), (15, 2), (15, 5), (2, 5, 2), (1, 15, 5), (15,), (5,)]),
    ),
)
anything = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    tables,
    tables.filter(lambda a: a.dtype.kind == "f").map(torch.from_numpy),
    st.text(max_size=6),
    st.binary(max_size=3),
    st.lists(numbers, max_size=5),
    st.lists(st.lists(st.floats(), max_size=3), max_size=5),
    st.sets(st.integers(0, 5)),
    st.dictionaries(st.text(max_size=2), numbers, max_size=2),
    st.builds(range, st.integers(-3, 3), st.integers(-3, 5)),
    st.just(torch.zeros(5, 2, requires_grad=True)),
    st.sampled_from(sorted(NEVER)).map(lambda kind: NEVER[kind]),
)


def check(function: Callable, arguments: dict, culprit: str | None = None):
    """Call; return the result, or the ValueError, which must begin with an argument's name.

    A culprit must be refused, and named.
    """
    __tracebackhide__ = True
    try:
        found = function(**arguments)
    except DivergenceError:
        return None
    except ValueError as error:
        message = str(error)
        first = message.split(" ", 1)[0].split(".")[0]
        # A seed is looked for among the seeds of a run.
        known = {*arguments, "seeds"} if culprit is None else {culprit}
        assert first in known, message
        assert len(message) < 400 and "\n" not in message, message
        return error
    if culprit is not None:
        pytest.fail(f"{function.__qualname__} took {culprit}={arguments[culprit]!r:.80}")
    return found


def defined_in(*modules) -> set[Callable]:
    """The public functions that modules define."""
    return {
        value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_")
        if value.__module__ == module.__name__
    }


def names(function: Callable) -> set[str]:
    """The arguments of a function."""
    return set(inspect.signature(function).parameters)
