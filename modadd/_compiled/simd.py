"""What the compiled loops have in common: how they are compiled, and an exponential."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import intrinsic

LANES = 16
"""Entries of the shortest vector: two AVX2 registers or one of AVX-512."""

FLAGS = {"contract", "reassoc", "nsz", "arcp"}
"""Liberties of the compiler; not nnan and ninf, for divergence must stay visible as NaN."""


class _Part(JITCodeLibrary):
    """Code of a function that lives inside others alone: optimised there, and never run by itself.

    Numba would optimise it apart as well, and make machine code of it, for each function on the way
    to the one that runs; this takes a third of the time.
    """

    codegen = property(lambda self: self)

    def set_env(self, name, environment):
        pass

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True


class PartOfOthers(Compiler):
    """Compiles a function that is always inlined, as a `_Part`."""

    def define_pipelines(self):
        codegen = self.state.targetctx.codegen()
        self.state.library = _Part(codegen, self.state.func_id.func_qualname)
        return super().define_pipelines()


PART = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
PART |= {"pipeline_class": PartOfOthers}
"""Options of functions that are compiled into others and have no machine code of their own."""

inlined = njit(nogil=True, fastmath=FLAGS, **PART)
"""Compiles a function into those that call it, and never calls it.

With such liberties the last bits depend on what a function is compiled into. Otherwise a process
that compiles would call the function's own version, one that loads from numba's cache the version
inside the caller, and the two would train networks that drift apart.
"""


@njit(nogil=True)
def finite(value):
    """Whether a number is finite; apart, because reassociation may fold the test away."""
    return np.isfinite(value)


@intrinsic
def _power_of_two(typingctx, exponent):
    """2**exponent for an int32 in [-126, 127], built from its bits so that loops vectorise."""

    def codegen(context, builder, signature, args):
        bits = builder.shl(
            builder.add(args[0], ir.Constant(ir.IntType(32), 127)), ir.Constant(ir.IntType(32), 23)
        )
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.int32), codegen


POWERS = (
    1.535336188319500e-4,
    1.339887440266574e-3,
    9.618437357674640e-3,
    5.550332471162809e-2,
    2.402264791363012e-1,
    6.931472028550421e-1,
    1.0,
)
"""Coefficients of a polynomial for 2**f, |f| <= 1/2, highest power first."""


@njit(inline="always", fastmath=FLAGS)
def exp(x):
    """Exponential of a float32 x <= 0, to a relative error below 3e-7 + 1e-7 |x|.

    x is split into an integer and a fraction of log2(e); a polynomial gives the power of the
    fraction. Below 2**-126, where float32 loses precision, the result stays there.
    """
    y = max(x * np.float32(1.4426950408889634), np.float32(-126.0))
    n = np.floor(y + np.float32(0.5))
    f = y - n
    p = np.float32(POWERS[0])
    p = p * f + np.float32(POWERS[1])
    p = p * f + np.float32(POWERS[2])
    p = p * f + np.float32(POWERS[3])
    p = p * f + np.float32(POWERS[4])
    p = p * f + np.float32(POWERS[5])
    p = p * f + np.float32(POWERS[6])
    return p * _power_of_two(np.int32(n))
