"""Forward and backward along a strip of the tour, a few pairs that fit the cache; see `engine`."""

from __future__ import annotations

import numpy as np

from modadd._compiled.simd import LANES
from modadd._compiled.tour import EVEN, ROWS, SCALE, TOP, TOTAL, X, Y
from modadd._compiled.vectors import (
    entry,
    exponential,
    folded,
    larger,
    lean,
    load,
    lowest_bit,
    nought1,
    nought2,
    nought4,
    plus,
    positive,
    put,
    row_maxima,
    row_sums,
    spread,
    store,
    times,
    times_plus,
)

NONE = np.float32(-3e38)
"""Logit of what is no label."""


@lean
def _switches(work, width, count, begins, ends):
    """List the switches before each pair of a strip in twos, with the dummy unit where one lacks.

    Returns:
        number of such twos up to the last pair and, where a segment ends, after it; and number of
        switches.
    """
    words, events, where = work.words, work.events, work.where
    dummy = np.int32(work.turns.size // 4 - 2)
    one, few = np.uint64(1), 6 if width == 1 else 2
    n = g = before = switches = 0
    for p in range(count + ends):
        start = n
        for w in range(width):
            now = entry(words, width * (p + 1) + w)
            changed = now ^ entry(words, width * p + w)
            for _ in range(few):  # without a branch for the processor to guess
                put(events, n, _event(w, lowest_bit(changed) & 63, now))
                n += changed != 0
                changed &= changed - one
            while changed != 0:
                put(events, n, _event(w, lowest_bit(changed), now))
                n += 1
                changed &= changed - one
        found = n - start
        put(events, n, dummy)
        put(events, n + 1, dummy)
        n = start + (found + (found & 1) if found else 2)
        if p == count:
            before = g
        elif p > 0 or not begins:
            switches += found
        while 2 * g < n:
            put(where, g, np.int32(p))
            g += 1
    return before if ends else g, g, switches


@lean
def _event(w, k, now):
    """The switch of the unit of bit k in the word `now`, the w-th."""
    return np.int32(128 * w + 2 * k + np.int64((now >> np.uint64(k)) & np.uint64(1)))


@lean
def _carry(like, first, row, twos, work):
    """Carry A and c along a strip, for as many labels from `first` on as `like` has lanes."""
    carry, planes = work.carry, work.planes
    ax, ay = load(like, carry, first), load(like, carry, row + first)
    c = load(like, carry, 2 * row + first)
    for g in range(twos):
        one = np.int64(entry(work.events, 2 * g))
        two = np.int64(entry(work.events, 2 * g + 1))
        w = load(like, work.readout, (one >> 1) * row + first)
        w_two = load(like, work.readout, (two >> 1) * row + first)
        i, j = 4 * one, 4 * two
        turns = work.turns
        ax = plus(times_plus(entry(turns, i), w, times(entry(turns, j), w_two)), ax)
        ay = plus(times_plus(entry(turns, i + 1), w, times(entry(turns, j + 1), w_two)), ay)
        c = plus(times_plus(entry(turns, i + 2), w, times(entry(turns, j + 2), w_two)), c)
        at = 3 * row * np.int64(entry(work.where, g)) + first
        store(planes, at, ax)
        store(planes, at + row, ay)
        store(planes, at + 2 * row, c)
    store(carry, first, ax)
    store(carry, row + first, ay)
    store(carry, 2 * row + first, c)


@lean
def _add_up(like, first, row, count, work):
    """Carry the running sums along a strip, and keep what is to be the force on its pairs."""
    planes, sums, strip, rows = work.planes, work.sums, work.strip, work.rows
    b, at_end = strip.size // ROWS, 3 * row + first
    sx, sy = load(like, work.carry, at_end), load(like, work.carry, row + at_end)
    s = load(like, work.carry, 2 * row + at_end)
    for p in range(count + 1):
        at = 3 * row * p + first
        store(sums, at, sx)
        store(sums, at + row, sy)
        store(sums, at + 2 * row, s)
        if p == count:
            break
        x, y = entry(strip, X * b + p), entry(strip, Y * b + p)
        even = spread(entry(strip, EVEN * b + p), like)
        delta = times_plus(entry(strip, SCALE * b + p), load(like, planes, at + 2 * row), even)
        fx = folded(times(delta, load(like, planes, at)))
        fy = folded(times(delta, load(like, planes, at + row)))
        if first > 0:
            fx = plus(fx, load(nought1(), rows, LANES * p))
            fy = plus(fy, load(nought1(), rows, LANES * (b + p)))
        store(rows, LANES * p, fx)
        store(rows, LANES * (b + p), fy)
        s, sx, sy = plus(delta, s), times_plus(x, delta, sx), times_plus(y, delta, sy)
    store(work.carry, at_end, sx)
    store(work.carry, row + at_end, sy)
    store(work.carry, 2 * row + at_end, s)


@lean
def _settle(row, twos, work):
    """Add the running sums at each switch to the sums of the unit that switches."""
    turns, shares, sums = work.turns, work.shares, work.sums
    for g in range(twos):
        one = np.int64(entry(work.events, 2 * g))
        two = np.int64(entry(work.events, 2 * g + 1))
        at = 3 * row * np.int64(entry(work.where, g))
        i, j = 3 * row * (one >> 1), 3 * row * (two >> 1)
        sign, sign_two = entry(turns, 4 * one + 3), entry(turns, 4 * two + 3)
        for m in range(0, 3 * row, LANES):
            s = load(nought1(), sums, at + m)
            store(shares, i + m, times_plus(sign, s, load(nought1(), shares, i + m)))
            store(shares, j + m, times_plus(sign_two, s, load(nought1(), shares, j + m)))


@lean
def forward(theta, recipe, work, start, count, begins, ends):
    """Logits, less the last label's, of `count` pairs of the tour from `start` on, into planes.

    Returns:
        as `_switches`.
    """
    n, row, width = recipe.tokens, work.real.size, (recipe.hidden + 63) // 64
    strip, words, planes, rows, carry = work.strip, work.words, work.planes, work.rows, work.carry
    b = strip.size // ROWS
    for p in range(count):
        i = 2 * np.int64(entry(work.first, start + p))
        j = 2 * np.int64(entry(work.second, start + p))
        put(strip, X * b + p, entry(theta, i) + entry(theta, j))
        put(strip, Y * b + p, entry(theta, i + 1) + entry(theta, j + 1))
    for w in range(width):
        words[w] = np.uint64(0) if begins else words[width * b + w]
        words[width * (count + 1) + w] = np.uint64(0)
        u = load(nought4(), work.lines, 64 * w)
        v = load(nought4(), work.lines, 64 * (width + w))
        c = load(nought4(), work.lines, 64 * (2 * width + w))
        for p in range(count):
            line = times_plus(entry(strip, X * b + p), u, times_plus(entry(strip, Y * b + p), v, c))
            put(words, width * (p + 1) + w, positive(line))
    if begins:
        for i in range(6 * row):
            carry[i] = np.float32(0.0)
        for m in range(row):
            b2 = theta.size - n
            carry[2 * row + m] = theta[b2 + m] - theta[b2 + n - 1] if m < n - 1 else NONE
    found = _switches(work, width, count, begins, ends)
    first = np.int64(0)
    while row - first >= 4 * LANES:
        _carry(nought4(), first, row, found[0], work)
        first += 4 * LANES
    if row - first >= 2 * LANES:
        _carry(nought2(), first, row, found[0], work)
        first += 2 * LANES
    if row > first:
        _carry(nought1(), first, row, found[0], work)
    for p in range(count):
        x, y, top = entry(strip, X * b + p), entry(strip, Y * b + p), nought1()
        for m in range(3 * row * p, 3 * row * p + row, LANES):
            c = load(nought1(), planes, m + 2 * row)
            z = times_plus(y, load(nought1(), planes, m + row), c)
            z = times_plus(x, load(nought1(), planes, m), z)
            store(planes, m + 2 * row, z)
            top = larger(z, top)
        store(rows, LANES * p, top)
    for p in range(0, count, LANES):
        store(strip, TOP * b + p, row_maxima(rows, LANES * p))
    return found


@lean
def softmax(row, count, work):
    """Turn logits z in planes into exp(z − top), and note their sums."""
    strip, planes, rows = work.strip, work.planes, work.rows
    b = strip.size // ROWS
    for p in range(count):
        top, total = -entry(strip, TOP * b + p), nought1()
        for m in range(3 * row * p + 2 * row, 3 * row * (p + 1), LANES):
            e = exponential(plus(top, load(nought1(), planes, m)))
            store(planes, m, e)
            total = plus(e, total)
        store(rows, LANES * p, total)
    for p in range(0, count, LANES):
        last = exponential(times(np.float32(-1.0), load(nought1(), strip, TOP * b + p)))
        store(strip, TOTAL * b + p, plus(last, row_sums(rows, LANES * p)))


@lean
def backward(recipe, pairs, work, start, count, twos):
    """Turn exponentials into ∂L/∂z, and these into forces and shares of each unit."""
    n, row, strip, planes = recipe.tokens, work.real.size, work.strip, work.planes
    b = strip.size // ROWS
    hit = np.float32(1.0 - recipe.label_smoothing)
    miss = np.float32(recipe.label_smoothing / n)
    for p in range(count):
        weight = entry(pairs.weights, entry(work.order, start + p))
        total = entry(strip, TOTAL * b + p)
        put(strip, SCALE * b + p, weight / total)
        put(strip, EVEN * b + p, -miss * weight)
        label = np.int64(entry(work.labels, start + p))
        if label < n - 1:
            at = 3 * row * p + 2 * row + label
            put(planes, at, entry(planes, at) - hit * total)
    first = np.int64(0)
    while row - first >= 4 * LANES:
        _add_up(nought4(), first, row, count, work)
        first += 4 * LANES
    if row - first >= 2 * LANES:
        _add_up(nought2(), first, row, count, work)
        first += 2 * LANES
    if row > first:
        _add_up(nought1(), first, row, count, work)
    for p in range(0, count, LANES):
        store(work.push_x, start + p, row_sums(work.rows, LANES * p))
        store(work.push_y, start + p, row_sums(work.rows, LANES * (b + p)))
    _settle(row, twos, work)
