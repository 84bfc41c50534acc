"""A tour through the pair sums: an order in which few hidden units switch between neighbours.

Each hidden unit is on, that is positive, on one side of a straight line of the plane, so that as
many units switch between two pair sums as lines lie between them. The tour visits the cells of a
grid column by column, and goes to the nearest of a pool of coming pairs, by the number of switches.
It is planned anew when it has grown by a third, or is old. It is part of the state of a training:
the same start gives the same tours, and the same bits.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from modadd._compiled.simd import LANES
from modadd._compiled.vectors import (
    bits_set,
    entry,
    lean,
    load,
    nought1,
    nought4,
    plus,
    positive,
    put,
    store,
    times_plus,
)

AGED, PLANNED, SWITCHES, READY, TOUR = range(5)
"""Places of the state behind the D moments: steps of the tour so far, plus one; its switches when
it was planned, and last; whether it is the one for the next step; and from here on its order."""
AGE = 200
"""Steps after which a tour is planned anew, if its switches have not grown by a third before."""
POOL = 64
"""Pairs among which the tour's next one is chosen."""


X, Y, TOP, TOTAL, SCALE, EVEN, ROWS = range(7)
"""Rows of the workspace's `strip`: the pair sum's x and y; the largest logit; the sum of
exponentials; the pair's weight over this sum; minus the share of the weight that smoothing puts on
each label; and how many they are."""


Workspace = namedtuple(
    "Workspace",
    "order first second labels place push_x push_y counts real lines turns readout shares words "
    "events where planes sums carry rows strip gradient measured cell old fill pool far pooled "
    "here",
)
"""Arrays of one seed, used again at every step; `workspace` says what they hold."""


def workspace(theta, state, recipe, pairs) -> Workspace:
    """What one call of `engine.trace` works with, for the tour that the state holds.

    There are P pairs, of which B make a strip; R is N − 1, rounded up to whole vectors, and W is
    H / 64, rounded up to whole words. All arrays are flat, so that a place in them is one number:
    the entry (i, j) of what is called (I, J) here stands at J i + j.
    """
    n, h, q = recipe.tokens, recipe.hidden, pairs.labels.size
    row, width = _row(n), (h + 63) // 64
    strip = max(LANES, min(64, 1024 // row // LANES * LANES))
    trains = pairs.weights > 0
    order = np.argsort(np.where(trains, 0, np.where(pairs.validation > 0, 1, 2)), kind="stable")
    if state[0, theta.size] > 0:
        order[:] = state[:, theta.size + TOUR :].ravel()[:q]
    return Workspace(
        # (P,) the tour: indices of the pairs, those with a weight before the others
        order=order,
        # (P,) their first tokens, second tokens and labels, in this order
        first=np.zeros(q, np.int32),
        second=np.zeros(q, np.int32),
        labels=np.zeros(q, np.int32),
        # (N, N) place of two tokens' pair in the tour; behind all if it has no weight
        place=np.zeros(n * n, np.int32),
        # ∂L/∂x and ∂L/∂y of the pair sum at each place of the tour; zero behind all
        push_x=_zeros(q + LANES + 1),
        push_y=_zeros(q + LANES + 1),
        # number of pairs with a weight, and of all that are visited
        counts=np.array([trains.sum(), (trains | (pairs.validation > 0)).sum()]),
        # (R,) 1 for each of N − 1 labels; 0 for padding
        real=(np.arange(row) < n - 1).astype(np.float32),
        # (3, 64 W) u, v and β b of each unit; zero for padding
        lines=_zeros(3 * 64 * width),
        # (2 (H + 1), 4) u, v, β b and 1 of each unit, with a minus sign where it goes off
        turns=_zeros(2 * (h + 1) * 4),
        # (H + 1, R) W2 less its last column
        readout=_zeros((h + 1) * row),
        # (H + 1, 3, R) Σ δx, Σ δy and Σ δ over the pairs at which a unit is on
        shares=_zeros((h + 1) * 3 * row),
        # (B + 2, W) bits of the units that are on: at the pair before the strip, its pairs, none
        words=np.zeros((strip + 2) * width, np.uint64),
        # switches of the strip, 2 k where the unit k goes off and 2 k + 1 where it comes on
        events=np.zeros((strip + 1) * (64 * width + 2) + 8, np.int32),
        # place in the strip of each two events
        where=np.zeros((strip + 1) * (32 * width + 1) + 4, np.int32),
        # (B, 3, R) A and c at each pair; then in place of c the logits, exponentials
        planes=_zeros(strip * 3 * row),
        # (B + 1, 3, R) running sums of δx, δy and δ before each pair
        sums=_zeros((strip + 1) * 3 * row),
        # (2, 3, R) A and c, and the running sums, where the strip ends
        carry=_zeros(6 * row),
        # (2, B, LANES) what is added up across lanes
        rows=_zeros(max(2 * strip, 4 * LANES) * LANES),
        # (ROWS, B) numbers of each pair of the strip
        strip=_zeros(ROWS * strip),
        # (D,) ∂L/∂θ, and the scalars of `Run`
        gradient=_zeros(theta.size),
        measured=np.zeros(5),
        # (P,) the cell of each pair, by its place; and the order of the tour before this one
        cell=np.zeros(q, np.int32),
        old=np.zeros(q, np.int64),
        # how many pairs are in the cells before each one
        fill=np.zeros(2 * q + 16, np.int32),
        # (POOL,) the pairs of the pool, −1 for none; how many switches away each is, and which
        pool=np.zeros(POOL, np.int64),
        far=np.zeros(POOL, np.int64),
        # (W, POOL) their words, and (W,) those of the last pair
        pooled=np.zeros(width * POOL, np.uint64),
        here=np.zeros(width, np.uint64),
    )


def _zeros(size: int) -> np.ndarray:
    """Zeros whose place in memory suits whole registers, (size,) float32."""
    whole = np.zeros(size + LANES, np.float32)
    skip = -(whole.ctypes.data // 4) % LANES
    return whole[skip : skip + size]


def _row(n):
    """N − 1, rounded up to whole vectors."""
    return (n - 1 + LANES - 1) // LANES * LANES


@lean
def _on(lines, width, x, y, words, at, apart):
    """Put the bits of the units that are on at one point into words, from `at` on, `apart`."""
    for w in range(width):
        u = load(nought4(), lines, 64 * w)
        v = load(nought4(), lines, 64 * (width + w))
        c = load(nought4(), lines, 64 * (2 * width + w))
        words[at + w * apart] = positive(times_plus(x, u, times_plus(y, v, c)))


@lean
def _by_cells(theta, pairs, work, first, last):
    """Order the pairs in these places by cells of the plane, column by column, up and down."""
    order, count = work.order, last - first
    columns = max(1, int(np.sqrt(count) / 2))
    rows = 8 * columns
    cell, old, fill = work.cell, work.old, work.fill
    for i in range(columns * rows + 1):
        fill[i] = 0
    for axis in range(2):
        low, high = np.inf, -np.inf
        for p in range(first, last):
            i, j = pairs.first[order[p]], pairs.second[order[p]]
            value = theta[2 * i + axis] + theta[2 * j + axis]
            low, high = min(low, value), max(high, value)
        parts = rows if axis else columns
        scale = parts / max(high - low, 1e-30)
        for p in range(first, last):
            i, j = pairs.first[order[p]], pairs.second[order[p]]
            at = (theta[2 * i + axis] + theta[2 * j + axis] - low) * scale
            part = 0 if not at > 0 else int(at) if at < parts else parts - 1
            if axis == 0:
                cell[p] = part * rows
            else:
                odd = cell[p] // rows % 2
                cell[p] += rows - 1 - part if odd else part
    for p in range(first, last):
        fill[cell[p] + 1] += 1
        old[p] = order[p]
    for i in range(columns * rows):
        fill[i + 1] += fill[i]
    for p in range(first, last):
        order[first + fill[cell[p]]] = old[p]
        fill[cell[p]] += 1


@lean
def _nearest_first(theta, recipe, pairs, work, first, last):
    """Order pairs greedily: next comes the one of the pool with the fewest switches from here.

    The pool holds the next POOL pairs of the given order that have not been visited.

    Returns:
        number of switches.
    """
    width, order = (recipe.hidden + 63) // 64, work.order
    coming, total, best = first, 0, 0
    pool, far, pooled, here = work.pool, work.far, work.pooled, work.here
    for w in range(width):
        here[w] = np.uint64(0)
    for p in range(first, last):
        work.old[p] = order[p]
    for p in range(first - POOL, last):
        if p < first:
            best = p - first + POOL
        else:
            for j in range(POOL):
                far[j] = j if pool[j] >= 0 else 1 << 40
            for w in range(width):
                word, at = here[w], POOL * w
                for j in range(POOL):
                    apart = bits_set(entry(pooled, at + j) ^ word)
                    put(far, j, entry(far, j) + POOL * apart)
            nearest = far[0]
            for j in range(1, POOL):
                nearest = min(nearest, far[j])
            best = nearest % POOL
            total += nearest // POOL * (p > first)
            order[p] = pool[best]
            for w in range(width):
                here[w] = pooled[POOL * w + best]
        if coming < last:
            pair = work.old[coming]
            coming += 1
            pool[best] = pair
            i, j = 2 * pairs.first[pair], 2 * pairs.second[pair]
            x, y = theta[i] + theta[j], theta[i + 1] + theta[j + 1]
            _on(work.lines, width, x, y, pooled, best, POOL)
        else:
            pool[best] = -1
    return total


@lean
def follow(theta, recipe, pairs, work, state):
    """Plan the tour anew for this θ where it is old or its switches have grown by a third."""
    size = theta.size
    mark = state[0, size : size + TOUR]
    young, low = 0 < mark[AGED] <= AGE, mark[SWITCHES] <= mark[PLANNED] * 4 / 3 + LANES
    if mark[READY] > 0 or (young and low):
        mark[READY] = 1.0
        return
    trained, both = work.counts[0], work.counts[1]
    half, switches = (work.order.size + 1) // 2, 0
    lay_out(theta, recipe, work)
    for part in range(2):
        first, last = (trained, both) if part else (0, trained)
        if first < last:
            _by_cells(theta, pairs, work, first, last)
            found = _nearest_first(theta, recipe, pairs, work, first, last)
            switches += 0 if part else found
    for p in range(both):
        state[p // half, size + TOUR + p % half] = work.order[p]
    mark[AGED], mark[PLANNED], mark[SWITCHES], mark[READY] = 1.0, switches, switches, 1.0
    enter(recipe, pairs, work)


@lean
def grow_older(theta, state):
    """Note that a step was taken, before whose successor `follow` looks at the tour again."""
    state[0, theta.size + AGED] += 1
    state[0, theta.size + READY] = 0


@lean
def enter(recipe, pairs, work):
    """Bring the pairs into the order of the tour."""
    n, trained = recipe.tokens, work.counts[0]
    for i in range(n * n):
        work.place[i] = work.push_x.size - 1
    for p in range(work.counts[1]):
        i, j = pairs.first[work.order[p]], pairs.second[work.order[p]]
        work.first[p], work.second[p] = i, j
        work.labels[p] = pairs.labels[work.order[p]]
        if p < trained:
            work.place[n * i + j] = work.place[n * j + i] = p


@lean
def lay_out(theta, recipe, work):
    """Bring the weights into the form in which the tour takes them."""
    n, h = recipe.tokens, recipe.hidden
    row, units, w1, w2 = work.real.size, (h + 63) // 64 * 64, 2 * n, 2 * n + 3 * h
    beta = np.float32(recipe.bias_scale)
    for k in range(h):
        u, v = entry(theta, w1 + k), entry(theta, w1 + h + k)
        c = beta * entry(theta, w1 + 2 * h + k)
        put(work.lines, k, u)
        put(work.lines, units + k, v)
        put(work.lines, 2 * units + k, c)
        for sign in range(2):
            s, at = np.float32(2 * sign - 1), 8 * k + 4 * sign
            put(work.turns, at, s * u)
            put(work.turns, at + 1, s * v)
            put(work.turns, at + 2, s * c)
            put(work.turns, at + 3, -s)
    for k in range(h):
        at = w2 + n * k
        last = -entry(theta, at + n - 1)
        for m in range(0, row, LANES):
            if m + LANES <= n - 1:
                store(work.readout, row * k + m, plus(last, load(nought1(), theta, at + m)))
            else:
                for i in range(m, n - 1):
                    put(work.readout, row * k + i, entry(theta, at + i) + last)
