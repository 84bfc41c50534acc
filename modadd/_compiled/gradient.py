"""The gradient of the loss along the tour, and what `Run` records; see `engine`."""

from __future__ import annotations

import numpy as np

from modadd._compiled.simd import LANES, exp
from modadd._compiled.strip import backward, forward, softmax
from modadd._compiled.tour import ROWS, SWITCHES, TOP, TOTAL, lay_out
from modadd._compiled.vectors import (
    entry,
    lean,
    load,
    nought1,
    put,
    row_sums,
    store,
    times,
    times_plus,
)

SEGMENT = 1024
"""Pairs after which A, c and the running sums begin anew, so that rounding does not add up."""


@lean
def fill_gradient(theta, recipe, pairs, work, state, record):
    """Fill work.gradient with ∂L/∂θ, and work.measured if that is asked for."""
    n, row, b = recipe.tokens, work.real.size, work.strip.size // ROWS
    gradient, scalars, trained = work.gradient, work.measured, work.counts[0]
    last, switches, start = work.counts[int(record)], 0, np.int64(0)
    lay_out(theta, recipe, work)
    b2 = theta.size - n
    for m in range(n):
        gradient[b2 + m] = np.float32(0.0)
    for i in range(5):
        scalars[i] = 0.0
    while start < last:
        trains = start < trained
        limit = trained if trains else last
        count = b if start + b < limit else limit - start
        begins = start % SEGMENT == 0 or start == trained
        ends = (start + b) % SEGMENT == 0 or start + b >= limit
        twos, all_twos, found = forward(theta, recipe, work, start, count, begins, ends)
        if record:
            _judge(recipe, pairs, work, start, count, scalars)
        softmax(row, count, work)
        if record:
            _weigh(recipe, pairs, work, start, count, scalars)
        if trains:
            switches += found
            backward(recipe, pairs, work, start, count, all_twos)
            if ends:
                for m in range(n - 1):
                    gradient[b2 + m] += work.carry[5 * row + m]
        start += count
    total = np.float32(0.0)
    for m in range(n - 1):
        total += gradient[b2 + m]
    gradient[b2 + n - 1] = -total
    _collect(recipe, work, gradient)
    for a in range(n):
        fx = fy = np.float32(0.0)
        for other in range(n):
            p = np.int64(entry(work.place, n * a + other))
            fx += entry(work.push_x, p)
            fy += entry(work.push_y, p)
        p = work.place[(n + 1) * a]
        gradient[2 * a], gradient[2 * a + 1] = fx + work.push_x[p], fy + work.push_y[p]
    if record:
        held_out = force = 0.0
        for p in range(pairs.validation.size):
            held_out += pairs.validation[p]
        scalars[2] = scalars[2] / held_out if held_out > 0 else np.nan
        for i in range(2 * n):
            force += gradient[i] ** 2
        scalars[3], scalars[4] = np.sqrt(force / n), np.sqrt(scalars[4])
    state[0, theta.size + SWITCHES] = switches


@lean
def _judge(recipe, pairs, work, start, count, scalars):
    """Add to the loss, but for the log-sum-exp, and to both accuracies, from the logits."""
    n, row, planes = recipe.tokens, work.real.size, work.planes
    smoothing = recipe.label_smoothing
    for p in range(count):
        pair, label = work.order[start + p], work.labels[start + p]
        z = 3 * row * p + 2 * row
        mean, best, top = 0.0, 0, planes[z]
        for m in range(n - 1):
            mean += planes[z + m] / n
            if planes[z + m] > top:
                best, top = m, planes[z + m]
        hit = (best if top >= 0 else n - 1) == label
        own = planes[z + label] if label < n - 1 else np.float32(0.0)
        scalars[0] -= pairs.weights[pair] * ((1.0 - smoothing) * own + smoothing * mean)
        scalars[1] += pairs.weights[pair] * hit
        scalars[2] += pairs.validation[pair] * hit


@lean
def _weigh(recipe, pairs, work, start, count, scalars):
    """Add the log-sum-exp to the loss, and to the squared residuals, from the exponentials."""
    n, row, b = recipe.tokens, work.real.size, work.strip.size // ROWS
    smoothing, strip, planes = recipe.label_smoothing, work.strip, work.planes
    for p in range(count):
        pair, label = work.order[start + p], work.labels[start + p]
        z = 3 * row * p + 2 * row
        weight, top, total = pairs.weights[pair], strip[TOP * b + p], strip[TOTAL * b + p]
        scalars[0] += weight * (top + np.log(total))
        for m in range(n):
            target = smoothing / n + (1.0 - smoothing) * (m == label)
            share = planes[z + m] if m < n - 1 else exp(-top)
            scalars[4] += weight * (target - share / total) ** 2


@lean
def _collect(recipe, work, gradient):
    """Gradients of both layers' weights from each unit's shares, which are set to zero again."""
    n, h, row, beta = recipe.tokens, recipe.hidden, work.real.size, recipe.bias_scale
    units, shares, rows, spare = (h + 63) // 64 * 64, work.shares, work.rows, work.carry
    w1, w2 = 2 * n, 2 * n + 3 * h
    part = LANES * LANES
    for start in range(0, h, LANES):
        count = min(LANES, h - start)
        for k in range(start, start + count):
            u, v = entry(work.lines, k), entry(work.lines, units + k)
            c = entry(work.lines, 2 * units + k)
            gu, gv, gc, total = nought1(), nought1(), nought1(), nought1()
            for m in range(0, row, LANES):
                at = 3 * row * k + m
                dx, dy = load(nought1(), shares, at), load(nought1(), shares, at + row)
                d = load(nought1(), shares, at + 2 * row)
                store(shares, at, nought1())
                store(shares, at + row, nought1())
                store(shares, at + 2 * row, nought1())
                w = load(nought1(), work.readout, row * k + m)
                gu, gv, gc = times_plus(w, dx, gu), times_plus(w, dy, gv), times_plus(w, d, gc)
                g = times_plus(u, dx, times_plus(v, dy, times(c, d)))
                total = times_plus(load(nought1(), work.real, m), g, total)
                if m + LANES <= n - 1:
                    store(gradient, w2 + n * k + m, g)
                else:
                    store(spare, 0, g)
                    for i in range(n - 1 - m):
                        put(gradient, w2 + n * k + m + i, entry(spare, i))
            at = LANES * (k - start)
            store(rows, at, gu)
            store(rows, part + at, gv)
            store(rows, 2 * part + at, gc)
            store(rows, 3 * part + at, total)
        for i in range(4):
            store(spare, LANES * i, row_sums(rows, part * i))
        for i in range(count):
            put(gradient, w1 + start + i, entry(spare, i))
            put(gradient, w1 + h + start + i, entry(spare, LANES + i))
            bias = np.float32(beta) * entry(spare, 2 * LANES + i)
            put(gradient, w1 + 2 * h + start + i, bias)
            put(gradient, w2 + n * (start + i) + n - 1, -entry(spare, 3 * LANES + i))
