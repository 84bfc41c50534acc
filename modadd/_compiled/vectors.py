"""Vectors as a type of numba: what stays in registers, said by name.

A loop that a vectoriser finds by itself keeps no sums in registers over an inner loop, and adds up
across lanes one at a time. These few functions compile to the instructions that they are named
after, on any processor that numba knows, and leave no rounding to the compiler but one: it may fuse
a product and a sum.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model

from modadd._compiled.simd import FLAGS, LANES, PART, POWERS

UNCOUNTED = {"nogil": True, "fastmath": FLAGS, "error_model": "numpy", "_nrt": False}
"""Options of functions that allocate nothing, so that no references to arrays need be counted, and
that may divide by zero, so that loops with a quotient are vectors too."""

lean = njit(**PART, **UNCOUNTED)
"""The same as `inlined`, for functions that allocate nothing."""

FUSED = ("contract",)
"""Of its liberties the compiler takes one alone here: to fuse a product and a sum. Without any flag
an operation would get all those of the function around it."""


class Vector(types.Type):
    """A number of float32 that stay in registers: LANES of them, or a few times as many."""

    def __init__(self, lanes: int):
        super().__init__(name=f"Vector({lanes})")
        self.lanes = lanes


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(ir.FloatType(), kind.lanes))


def _make_nought(lanes):
    @intrinsic
    def nought(typingctx):
        kind = Vector(lanes)

        def codegen(context, builder, signature, args):
            return ir.Constant(context.get_value_type(kind), None)

        return kind(), codegen

    return nought


nought1, nought2, nought4 = (_make_nought(count * LANES) for count in (1, 2, 4))


def _pointer(context, builder, kind, array, at, target):
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), target.as_pointer())


@intrinsic
def load(typingctx, like, array, at):
    """The entries of a float32 array from `at` on, as many as the vector `like` has."""

    def codegen(context, builder, signature, args):
        target = context.get_value_type(like)
        return builder.load(_pointer(context, builder, array, args[1], args[2], target), align=4)

    return like(like, array, types.int64), codegen


@intrinsic
def store(typingctx, array, at, value):
    """Put a vector into a float32 array from `at` on."""

    def codegen(context, builder, signature, args):
        target = context.get_value_type(value)
        builder.store(args[2], _pointer(context, builder, array, args[0], args[1], target), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), codegen


@intrinsic
def put(typingctx, array, at, value):
    """array[at] = value for a place that is surely in it."""

    def codegen(context, builder, signature, args):
        data = context.make_array(array)(context, builder, args[0]).data
        builder.store(args[2], builder.gep(data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), codegen


@intrinsic
def entry(typingctx, array, at):
    """array[at] for a place that is surely in it: no wrapping around of negative ones."""

    def codegen(context, builder, signature, args):
        data = context.make_array(array)(context, builder, args[0]).data
        return builder.load(builder.gep(data, [args[1]]))

    return array.dtype(array, types.int64), codegen


def _spread(builder, scalar, kind):
    """A vector with the scalar in every lane."""
    lane = ir.IntType(32)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(lane, 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(lane, kind.count), None))


def _make_arithmetic(function):
    """Intrinsic of vectors and float32 scalars, which are spread; the last must be a vector."""

    def typed(*kinds):
        target = kinds[-1]

        def codegen(context, builder, signature, args):
            whole = context.get_value_type(target)
            spread = [
                value if isinstance(kind, Vector) else _spread(builder, value, whole)
                for value, kind in zip(args, signature.args, strict=True)
            ]
            return function(builder, *spread)

        return target(*(k if isinstance(k, Vector) else types.float32 for k in kinds)), codegen

    return typed


_times = _make_arithmetic(lambda b, x, y: b.fmul(x, y, flags=FUSED))
_plus = _make_arithmetic(lambda b, x, y: b.fadd(x, y, flags=FUSED))
_times_plus = _make_arithmetic(lambda b, x, y, z: b.fadd(b.fmul(x, y, flags=FUSED), z, flags=FUSED))
_larger = _make_arithmetic(lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))


@intrinsic
def times(typingctx, x, y):
    """x y for a vector y, and a vector or scalar x."""
    return _times(x, y)


@intrinsic
def plus(typingctx, x, y):
    """x + y for a vector y, and a vector or scalar x."""
    return _plus(x, y)


@intrinsic
def times_plus(typingctx, x, y, z):
    """x y + z for a vector z, and vectors or scalars x and y."""
    return _times_plus(x, y, z)


@intrinsic
def spread(typingctx, x, like):
    """A vector like another one, with the scalar x in every lane."""

    def codegen(context, builder, signature, args):
        return _spread(builder, args[0], context.get_value_type(like))

    return like(types.float32, like), codegen


@intrinsic
def larger(typingctx, x, y):
    """The larger of x and y, lane by lane; y where one of them is no number."""
    return _larger(x, y)


@intrinsic
def positive(typingctx, x):
    """A word with one bit for each of the 64 lanes of x, set where it is greater than zero."""

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(x)
        return builder.bitcast(
            builder.fcmp_ordered(">", args[0], ir.Constant(kind, None)), ir.IntType(64)
        )

    return types.uint64(x), codegen


@intrinsic
def lowest_bit(typingctx, word):
    """Place of the lowest bit that is set in a word; 64 if none is."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic
def bits_set(typingctx, word):
    """Number of bits that are set in a word."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@intrinsic
def folded(typingctx, x):
    """LANES sums over every LANES-th lane of x."""

    def codegen(context, builder, signature, args):
        lane = ir.IntType(32)
        parts = [
            builder.shuffle_vector(
                args[0],
                args[0],
                ir.Constant(ir.VectorType(lane, LANES), list(range(i, i + LANES))),
            )
            for i in range(0, x.lanes, LANES)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = builder.fadd(total, part, flags=FUSED)
        return total

    return Vector(LANES)(x), codegen


def _across(builder, rows, combine):
    """Combine the lanes of each of 16 vectors, into one vector: 15 steps of two shuffles."""

    def pick(x, y, lanes):
        kind = ir.VectorType(ir.IntType(32), LANES)
        return builder.shuffle_vector(x, y, ir.Constant(kind, lanes))

    def step(vectors, chosen, apart):
        """Interleave neighbours so that what is to be combined lies in the same lanes."""
        return [
            combine(pick(x, y, chosen), pick(x, y, [lane + apart for lane in chosen]))
            for x, y in zip(vectors[::2], vectors[1::2], strict=True)
        ]

    quads, halves = range(0, LANES, 4), (0, 4)
    rows = step(rows, [q + s + i for q in quads for i in (0, 1) for s in (0, LANES)], 2)
    rows = step(rows, [q + s + i for q in quads for s in (0, LANES) for i in (0, 1)], 2)
    for _ in halves:
        rows = step(rows, [s + q + i for s in (0, LANES) for q in (0, 8) for i in range(4)], 4)
    return rows[0]


def _make_across(combine):
    @intrinsic
    def across(typingctx, array, at):
        def codegen(context, builder, signature, args):
            kind = ir.VectorType(ir.FloatType(), LANES)
            rows = [
                builder.load(
                    _pointer(
                        context,
                        builder,
                        array,
                        args[0],
                        builder.add(args[1], ir.Constant(ir.IntType(64), LANES * row)),
                        kind,
                    ),
                    align=4,
                )
                for row in range(LANES)
            ]
            return _across(builder, rows, lambda x, y: combine(builder, x, y))

        return Vector(LANES)(array, types.int64), codegen

    return across


row_sums = _make_across(lambda b, x, y: b.fadd(x, y, flags=FUSED))
"""Sums of the LANES rows of LANES entries each of an array from a place on."""
row_maxima = _make_across(lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))
"""The largest entries of such rows."""


@intrinsic
def exponential(typingctx, x):
    """Exponential of a vector whose entries are at most 0, as `exp`, but never below 2**-100.

    So that no product with it falls below 2**-126, where processors are a hundred times slower.
    """

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(x)
        whole = ir.VectorType(ir.IntType(32), x.lanes)

        def number(value):
            return ir.Constant(kind, [float(np.float32(value))] * x.lanes)

        def integer(value):
            return ir.Constant(whole, [value] * x.lanes)

        y = builder.fmul(args[0], number(1.4426950408889634), flags=FUSED)
        y = builder.select(builder.fcmp_ordered("<", y, number(-100.0)), number(-100.0), y)
        # Adding 1.5 * 2**23 rounds to an integer, which the lowest bits then hold.
        shifted = builder.fadd(y, number(12582912.0), flags=FUSED)
        whole_part = builder.fsub(shifted, number(12582912.0), flags=FUSED)
        f = builder.fsub(y, whole_part, flags=FUSED)
        p = number(POWERS[0])
        for power in POWERS[1:]:
            p = builder.fadd(builder.fmul(p, f, flags=FUSED), number(power), flags=FUSED)
        bits = builder.shl(builder.bitcast(shifted, whole), integer(23))
        scale = builder.bitcast(builder.add(bits, integer(127 << 23)), kind)
        return builder.fmul(p, scale, flags=FUSED)

    return x(x), codegen
