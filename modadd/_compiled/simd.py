"""Two building blocks of the compiled loops: an exponential and a small matrix product.

Both compile to vector instructions on any processor that numba knows, without a compiler on the
user's machine and without BLAS, whose calls cost more than such small products themselves.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Columns of a product's tile: two AVX2 or one AVX-512 register."""

FLAGS = {"contract", "reassoc", "nsz", "arcp"}
"""Liberties of the compiler; not nnan and ninf, for divergence must stay visible as NaN."""

inlined = njit(forceinline=True, nogil=True, fastmath=FLAGS)
"""Compiles a function into those that call it, and never calls it.

With such liberties the last bits depend on what a function is compiled into. Otherwise a process
that compiles would call the function's own version, one that loads from numba's cache the version
inside the caller, and the two would train networks that drift apart.
"""


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


def _make_tile(rows):
    """Intrinsic that adds `rows` rows of a matrix product, `LANES` columns wide.

    The sums stay in registers over the whole inner dimension, which no loop that a vectoriser
    finds by itself does; 6 rows fill the 16 registers of AVX2.
    """

    @intrinsic
    def tile(
        typingctx,
        out,
        out_at,
        left,
        left_at,
        left_row,
        left_step,
        right,
        right_at,
        row_length,
        count,
    ):
        def codegen(context, builder, signature, args):
            data = [
                context.make_array(kind)(context, builder, value).data
                for kind, value in zip(signature.args, args, strict=True)
                if isinstance(kind, types.Array)
            ]
            _, out_at, _, left_at, left_row, left_step, _, right_at, row_length, count = args
            vector = ir.VectorType(ir.FloatType(), LANES)

            def vector_pointer(pointer, offset):
                return builder.bitcast(builder.gep(pointer, [offset]), vector.as_pointer())

            index = [ir.Constant(ir.IntType(64), row) for row in range(rows)]
            out_at = [builder.add(out_at, builder.mul(row_length, i)) for i in index]
            left_at = [builder.add(left_at, builder.mul(left_row, i)) for i in index]
            sums = [cgutils.alloca_once(builder, vector) for _ in index]
            for total, at in zip(sums, out_at, strict=True):
                builder.store(builder.load(vector_pointer(data[0], at), align=4), total)
            with cgutils.for_range(builder, count, intp=ir.IntType(64)) as loop:
                step = builder.mul(loop.index, left_step)
                at = builder.add(right_at, builder.mul(loop.index, row_length))
                row = builder.load(vector_pointer(data[2], at), align=4)
                for total, at in zip(sums, left_at, strict=True):
                    scalar = builder.load(builder.gep(data[1], [builder.add(at, step)]))
                    one = builder.insert_element(
                        ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
                    )
                    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
                    splat = builder.shuffle_vector(one, one, zeros)
                    product = builder.fmul(splat, row, flags=["contract"])
                    builder.store(
                        builder.fadd(builder.load(total), product, flags=["contract"]), total
                    )
            for total, at in zip(sums, out_at, strict=True):
                builder.store(builder.load(total), vector_pointer(data[0], at), align=4)
            return context.get_dummy_value()

        i = types.int64
        signature = types.void(out, i, left, i, i, i, right, i, i, i)
        return signature, codegen

    return tile


_tile1, _tile2, _tile3, _tile4, _tile5, _tile6 = (_make_tile(rows) for rows in range(1, 7))


@inlined
def add_product(out, left, left_row, left_step, right, m, k, columns):
    """out (M, B) += left (M, K) @ right (K, B) on the first `columns`, a multiple of LANES.

    out and right are C-ordered with rows of equal length; left is any array whose entry (i, j)
    lies left_row i + left_step j entries from its start.
    """
    b = out.shape[1]
    full = m - m % 6
    rest = m - full
    start = full * left_row
    for p in range(0, columns, LANES):
        for i in range(0, full, 6):
            _tile6(out, i * b + p, left, i * left_row, left_row, left_step, right, p, b, k)
        at = full * b + p
        if rest == 1:
            _tile1(out, at, left, start, left_row, left_step, right, p, b, k)
        elif rest == 2:
            _tile2(out, at, left, start, left_row, left_step, right, p, b, k)
        elif rest == 3:
            _tile3(out, at, left, start, left_row, left_step, right, p, b, k)
        elif rest == 4:
            _tile4(out, at, left, start, left_row, left_step, right, p, b, k)
        elif rest == 5:
            _tile5(out, at, left, start, left_row, left_step, right, p, b, k)
