"""The compiled engine: the recipe of `training`, one seed at a time, all arrays in cache.

It computes what `model` defines, in float32, without multiplying matrices. The inputs of the
network are points of a plane, the pair sums. A hidden unit is on, that is positive, on one side of
a straight line, and between the lines the logits are affine, z = A x + c. So the pair sums are
visited in an order in which few units switch between neighbours, a tour (see `tour`), and

- forward, A and c are carried along: a unit k that switches adds or subtracts its share, u_k W2_k
  and v_k W2_k to the columns of A and β b_k W2_k to c;
- the force on a pair sum is Aᵀδ with δ = ∂L/∂z;
- backward, Σ δ, Σ δ x and Σ δ y over the pairs at which a unit is on follow from the running sums
  of these three along the tour: add them where it goes off, subtract them where it comes on. They
  give the gradients of the unit's outgoing weights, W2_k, and of its incoming ones.

A pair with s switches costs O((1 + s) N) operations, instead of O(N H) as a product does.

Softmax knows differences of logits only. Those to the last label's are used, so that vectors have
N − 1 entries: one register at N = 17, seven at N = 113.

All parameters of a seed live in one flat vector θ, so that an optimiser is one loop:
E (N, 2) | W1 (2, H) | b1 (H) | W2 (H, N) | b2 (N).

Nothing here depends on other seeds or on threads: the same θ and settings give the same bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from modadd._compiled.simd import (
    LANES,
    UNCOUNTED,
    bits_set,
    entry,
    exp,
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
    row_maxima,
    row_sums,
    spread,
    store,
    times,
    times_plus,
)

GRADIENT_DESCENT, ADAM, ADAMW = range(3)
NEVER = 2**62
"""A step that no training reaches."""
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Constants of Adam and AdamW (Kingma & Ba 2015)."""


class Recipe(NamedTuple):
    """What one seed's training needs besides its data; rates and decays are per group.

    The groups are E, the first layer (W1 and b1), W2 and b2, in that order.
    """

    tokens: int
    hidden: int
    bias_scale: float
    label_smoothing: float
    optimiser: int
    momentum: float
    rates: np.ndarray
    """(4,) float32 learning rates."""
    decays: np.ndarray
    """(4,) float32 weight decays."""
    decay_from: int
    """First step with decay."""
    decay_until: int
    """First step without decay again."""


class Pairs(NamedTuple):
    """Pairs padded to whole blocks; padding has weight and count zero."""

    first: np.ndarray
    """(Q,) int64"""
    second: np.ndarray
    """(Q,) int64"""
    labels: np.ndarray
    """(Q,) int64"""
    weights: np.ndarray
    """(Q,) float32 weights in the loss."""
    validation: np.ndarray
    """(Q,) float32 weights in the validation accuracy."""
    block: int
    """Pairs per block; divides Q."""


def padded_pairs(pairs, labels, weights, validation) -> Pairs:
    """Pad the pairs (P, 2) with labels and weights (P,) to whole blocks.

    A block's rows are an odd number of cache lines long, so that a column of tiles spreads over
    all sets of the cache.
    """
    count = len(labels)
    block = min((80, 48, 112), key=lambda size: -(-count // size) * size)
    extra = (0, -count % block)

    def pad(array, kind):
        return np.pad(np.asarray(array), extra).astype(kind)

    return Pairs(
        *(pad(column, np.int64) for column in (*pairs.T, labels)),
        *(pad(column, np.float32) for column in (weights, validation)),
        block,
    )


def pack(embeddings, w1, b1, w2, b2) -> np.ndarray:
    """Flat θ of one seed from its arrays (N, 2), (2, H), (H,), (H, N), (N,)."""
    parts = (embeddings, w1, b1, w2, b2)
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)


def unpack(theta: np.ndarray, n: int, h: int) -> tuple[np.ndarray, ...]:
    """Views E (..., N, 2), W1 (..., 2, H), b1 (..., H), W2 (..., H, N), b2 (..., N) of flat θ."""
    ends = np.cumsum([2 * n, 2 * h, h, n * h])
    embeddings, w1, b1, w2, b2 = np.split(theta, ends, axis=-1)
    lead = theta.shape[:-1]
    w2 = w2.reshape(*lead, h, n)
    return embeddings.reshape(*lead, n, 2), w1.reshape(*lead, 2, h), b1, w2, b2


def begin(theta: np.ndarray, pairs: Pairs) -> np.ndarray:
    """The `state` of `trace` at the start: no momentum, and no tour yet, (2, D + T) float32."""
    return np.zeros((2, theta.size + TOUR + (pairs.labels.size + 1) // 2), np.float32)


TOUR = 4
"""Places of the state before a tour's order: its steps so far, plus one; its switches when it was
planned, and last; and whether it is the one for the next step."""
AGE = 200
"""Steps after which a tour is planned anew, if its switches have not grown by a third before."""
POOL = 64
"""Pairs among which the tour's next one is chosen."""
NONE = np.float32(-3e38)
"""Logit of what is no label."""
SEGMENT = 1024
"""Pairs after which A, c and the running sums begin anew, so that rounding does not add up."""


class Workspace(NamedTuple):
    """Arrays of one seed, used again at every step; R is N − 1 and W is H / 64, rounded up."""

    tour: np.ndarray
    """(3, Q) int64 tokens and labels of the pairs in the order of the tour, in which all pairs with
    a weight come before the others."""
    order: np.ndarray
    """(Q,) int64 indices of the pairs in that order."""
    place: np.ndarray
    """(N, N) int64 place of two tokens' pair in it; Q where it has no weight."""
    push: np.ndarray
    """∂L/∂x by place, then ∂L/∂y; the last place of each stays zero."""
    counts: np.ndarray
    """(2,) int64: number of pairs with a weight, and of all that are visited."""
    real: np.ndarray
    """(R,) 1 for each of N − 1 labels; 0 for padding."""
    lines: np.ndarray
    """(3, 64 W) u, v and β b of each unit; zero for padding."""
    turns: np.ndarray
    """(2 (H + 1), 4) u, v, β b and 1 of each unit, with a minus sign where it goes off."""
    readout: np.ndarray
    """(H + 1, R) W2 less its last column."""
    shares: np.ndarray
    """(H + 1, 3, R) Σ δx, Σ δy and Σ δ over the pairs at which a unit is on."""
    words: np.ndarray
    """(B + 2, W) bits of the units that are on: at the pair before the strip, its pairs, none."""
    events: np.ndarray
    """Switches of the strip, 2 k where the unit k goes off and 2 k + 1 where it comes on."""
    where: np.ndarray
    """Place in the strip of each two events."""
    planes: np.ndarray
    """(B, 3, R) A and c at each pair; then in place of c the logits, exponentials."""
    sums: np.ndarray
    """(B + 1, 3, R) running sums of δx, δy and δ before each pair."""
    carry: np.ndarray
    """(2, 3, R) A and c, and the running sums, where the strip ends."""
    rows: np.ndarray
    """(2, B, LANES) what is added up across lanes."""
    strip: np.ndarray
    """(6, B) x and y; the largest logit; the sum of exponentials; weight over this sum; share of
    the weight that smoothing puts on each label."""
    gradient: np.ndarray
    """(D,) ∂L/∂θ."""
    measured: np.ndarray
    """(5,) float64 scalars of `Run`."""
    cells: np.ndarray
    """int64: a pair's cell and an order, for each pair; and a count for each cell."""
    pool: np.ndarray
    """uint64: pairs of the pool, how far they are, and words of these and of the last pair."""


def workspace(theta: np.ndarray, state: np.ndarray, recipe: Recipe, pairs: Pairs) -> Workspace:
    """What one call of `trace` works with, for the tour that the state holds."""
    n, h, q = recipe.tokens, recipe.hidden, pairs.labels.size
    row, width = _row(n), (h + 63) // 64
    strip = max(LANES, min(64, 1024 // row // LANES * LANES))
    trains = pairs.weights > 0
    order = np.argsort(np.where(trains, 0, np.where(pairs.validation > 0, 1, 2)), kind="stable")
    counts = np.array([trains.sum(), (trains | (pairs.validation > 0)).sum()])
    if state[0, theta.size] > 0:
        order[:] = state[:, theta.size + TOUR :].ravel()[:q]
    return Workspace(
        tour=np.zeros((3, q), np.int64),
        order=order,
        place=np.zeros(n * n, np.int64),
        push=_zeros(2 * (q + LANES + 1)),
        counts=counts,
        real=(np.arange(row) < n - 1).astype(np.float32),
        lines=_zeros(3 * 64 * width),
        turns=_zeros(2 * (h + 1) * 4),
        readout=_zeros((h + 1) * row),
        shares=_zeros((h + 1) * 3 * row),
        words=np.zeros((strip + 2) * width, np.uint64),
        events=np.zeros((strip + 1) * (64 * width + 2) + 8, np.int32),
        where=np.zeros((strip + 1) * (32 * width + 1) + 4, np.int32),
        planes=_zeros(strip * 3 * row),
        sums=_zeros((strip + 1) * 3 * row),
        carry=_zeros(6 * row),
        rows=_zeros(max(2 * strip, 4 * LANES) * LANES),
        strip=_zeros(6 * strip),
        gradient=_zeros(theta.size),
        measured=np.zeros(5),
        cells=np.zeros(2 * q + 4 * q + 16, np.int64),
        pool=np.zeros((2 + width) * POOL + width, np.uint64),
    )


def _zeros(size: int) -> np.ndarray:
    """Zeros whose place in memory suits whole registers, (size,) float32."""
    whole = np.zeros(size + LANES, np.float32)
    skip = -(whole.ctypes.data // 4) % LANES
    return whole[skip : skip + size]


def _row(n):
    """N − 1, rounded up to whole vectors."""
    return (n - 1 + LANES - 1) // LANES * LANES


# --- the tour -------------------------------------------------------------------------------------


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
    cell, old, fill = 0, work.order.size, 2 * work.order.size
    cells = work.cells
    for i in range(columns * rows + 1):
        cells[fill + i] = 0
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
                cells[cell + p] = part * rows
            else:
                odd = cells[cell + p] // rows % 2
                cells[cell + p] += rows - 1 - part if odd else part
    for p in range(first, last):
        cells[fill + cells[cell + p] + 1] += 1
        cells[old + p] = order[p]
    for i in range(columns * rows):
        cells[fill + i + 1] += cells[fill + i]
    for p in range(first, last):
        at = fill + cells[cell + p]
        order[first + cells[at]] = cells[old + p]
        cells[at] += 1


@lean
def _nearest_first(theta, recipe, pairs, work, first, last):
    """Order pairs greedily: next comes the one of the pool with the fewest switches from here.

    The pool holds the next POOL pairs of the given order that have not been visited.

    Returns:
        number of switches.
    """
    width, order = (recipe.hidden + 63) // 64, work.order
    old, coming, total, best = work.order.size, first, 0, 0
    pool, here = work.pool, (2 + width) * POOL
    gone = np.uint64(1) << np.uint64(32)
    for w in range(width):
        pool[here + w] = np.uint64(0)
    for p in range(first, last):
        work.cells[old + p] = order[p]
    for p in range(first - POOL, last):
        if p < first:
            best = p - first + POOL
        else:
            for j in range(POOL):
                pool[POOL + j] = (pool[j] & gone) | np.uint64(j)
            for w in range(width):
                for j in range(POOL):
                    apart = pool[(2 + w) * POOL + j] ^ pool[here + w]
                    pool[POOL + j] += np.uint64(bits_set(apart)) << np.uint64(6)
            nearest = pool[POOL]
            for j in range(1, POOL):
                nearest = min(nearest, pool[POOL + j])
            best = np.int64(nearest & np.uint64(POOL - 1))
            total += np.int64(nearest >> np.uint64(6)) * (p > first)
            order[p] = np.int64(pool[best])
            for w in range(width):
                pool[here + w] = pool[(2 + w) * POOL + best]
        if coming < last:
            pair = work.cells[old + coming]
            coming += 1
            pool[best] = np.uint64(pair)
            i, j = 2 * pairs.first[pair], 2 * pairs.second[pair]
            x, y = theta[i] + theta[j], theta[i + 1] + theta[j + 1]
            _on(work.lines, width, x, y, pool, 2 * POOL + best, POOL)
        else:
            pool[best] = gone
    return total


@lean
def _follow(theta, recipe, pairs, work, state):
    """Plan the tour anew for this θ where it is old or its switches have grown by a third."""
    size = theta.size
    mark = state[0, size : size + TOUR]
    fit = 0 < mark[0] <= AGE and mark[2] <= mark[1] * 4 / 3 + LANES
    if mark[3] > 0 or fit:
        mark[3] = 1.0
        return
    trained, both = work.counts[0], work.counts[1]
    half, switches = (work.order.size + 1) // 2, 0
    _lay_out(theta, recipe, work)
    for part in range(2):
        first, last = (trained, both) if part else (0, trained)
        if first < last:
            _by_cells(theta, pairs, work, first, last)
            found = _nearest_first(theta, recipe, pairs, work, first, last)
            switches += 0 if part else found
    for p in range(both):
        state[p // half, size + TOUR + p % half] = work.order[p]
    mark[0], mark[1], mark[2], mark[3] = 1.0, switches, switches, 1.0
    _enter(recipe, pairs, work)


@lean
def _enter(recipe, pairs, work):
    """Bring the pairs into the order of the tour."""
    n, trained = recipe.tokens, work.counts[0]
    for i in range(n * n):
        work.place[i] = work.push.size // 2 - 1
    for p in range(work.counts[1]):
        i, j = pairs.first[work.order[p]], pairs.second[work.order[p]]
        work.tour[0, p], work.tour[1, p], work.tour[2, p] = i, j, pairs.labels[work.order[p]]
        if p < trained:
            work.place[n * i + j] = work.place[n * j + i] = p


@lean
def _lay_out(theta, recipe, work):
    """Bring the weights into the form in which the tour takes them."""
    n, h = recipe.tokens, recipe.hidden
    row, units, w1, w2 = work.real.size, (h + 63) // 64 * 64, 2 * n, 2 * n + 3 * h
    beta = np.float32(recipe.bias_scale)
    for k in range(h):
        u, v, c = theta[w1 + k], theta[w1 + h + k], beta * theta[w1 + 2 * h + k]
        work.lines[k], work.lines[units + k], work.lines[2 * units + k] = u, v, c
        for sign in range(2):
            s, at = np.float32(2 * sign - 1), 8 * k + 4 * sign
            work.turns[at], work.turns[at + 1], work.turns[at + 2] = s * u, s * v, s * c
            work.turns[at + 3] = -s
    for k in range(h):
        at = w2 + n * k
        last = theta[at + n - 1]
        for m in range(n - 1):
            work.readout[row * k + m] = theta[at + m] - last


# --- along a strip --------------------------------------------------------------------------------


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
            now = words[width * (p + 1) + w]
            changed = now ^ words[width * p + w]
            for _ in range(few):  # without a branch for the processor to guess
                k = lowest_bit(changed) & 63
                events[n] = 128 * w + 2 * k + np.int64((now >> np.uint64(k)) & one)
                n += changed != 0
                changed &= changed - one
            while changed != 0:
                k = lowest_bit(changed)
                events[n] = 128 * w + 2 * k + np.int64((now >> np.uint64(k)) & one)
                n += 1
                changed &= changed - one
        found = n - start
        events[n] = events[n + 1] = dummy
        n = start + (found + (found & 1) if found else 2)
        if p == count:
            before = g
        elif p > 0 or not begins:
            switches += found
        while 2 * g < n:
            where[g] = p
            g += 1
    return before if ends else g, g, switches


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
    b, at_end = strip.size // 6, 3 * row + first
    sx, sy = load(like, work.carry, at_end), load(like, work.carry, row + at_end)
    s = load(like, work.carry, 2 * row + at_end)
    for p in range(count + 1):
        at = 3 * row * p + first
        store(sums, at, sx)
        store(sums, at + row, sy)
        store(sums, at + 2 * row, s)
        if p == count:
            break
        x, y = entry(strip, p), entry(strip, b + p)
        even = spread(entry(strip, 5 * b + p), like)
        delta = times_plus(entry(strip, 4 * b + p), load(like, planes, at + 2 * row), even)
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
def _forward(theta, recipe, work, start, count, begins, ends):
    """Logits, less the last label's, of `count` pairs of the tour from `start` on, into planes.

    Returns:
        as `_switches`.
    """
    n, row, width = recipe.tokens, work.real.size, (recipe.hidden + 63) // 64
    strip, words, planes, rows, carry = work.strip, work.words, work.planes, work.rows, work.carry
    b = strip.size // 6
    for p in range(count):
        i, j = 2 * work.tour[0, start + p], 2 * work.tour[1, start + p]
        strip[p], strip[b + p] = theta[i] + theta[j], theta[i + 1] + theta[j + 1]
    for w in range(width):
        words[w] = np.uint64(0) if begins else words[width * b + w]
        words[width * (count + 1) + w] = np.uint64(0)
        u = load(nought4(), work.lines, 64 * w)
        v = load(nought4(), work.lines, 64 * (width + w))
        c = load(nought4(), work.lines, 64 * (2 * width + w))
        for p in range(count):
            line = times_plus(entry(strip, p), u, times_plus(entry(strip, b + p), v, c))
            words[width * (p + 1) + w] = positive(line)
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
        x, y, top = entry(strip, p), entry(strip, b + p), nought1()
        for m in range(3 * row * p, 3 * row * p + row, LANES):
            c = load(nought1(), planes, m + 2 * row)
            z = times_plus(y, load(nought1(), planes, m + row), c)
            z = times_plus(x, load(nought1(), planes, m), z)
            store(planes, m + 2 * row, z)
            top = larger(z, top)
        store(rows, LANES * p, top)
    for p in range(0, count, LANES):
        store(strip, 2 * b + p, row_maxima(rows, LANES * p))
    return found


@lean
def _softmax(row, count, work):
    """Turn logits z in planes into exp(z − top), and note their sums."""
    strip, planes, rows = work.strip, work.planes, work.rows
    b = strip.size // 6
    for p in range(count):
        top, total = -entry(strip, 2 * b + p), nought1()
        for m in range(3 * row * p + 2 * row, 3 * row * (p + 1), LANES):
            e = exponential(plus(top, load(nought1(), planes, m)))
            store(planes, m, e)
            total = plus(e, total)
        store(rows, LANES * p, total)
    for p in range(0, count, LANES):
        last = exponential(times(np.float32(-1.0), load(nought1(), strip, 2 * b + p)))
        store(strip, 3 * b + p, plus(last, row_sums(rows, LANES * p)))


@lean
def _backward(recipe, pairs, work, start, count, twos):
    """Turn exponentials into ∂L/∂z, and these into forces and shares of each unit."""
    n, row, strip, planes = recipe.tokens, work.real.size, work.strip, work.planes
    b = strip.size // 6
    hit = np.float32(1.0 - recipe.label_smoothing)
    miss = np.float32(recipe.label_smoothing / n)
    for p in range(count):
        weight, total = pairs.weights[work.order[start + p]], strip[3 * b + p]
        strip[4 * b + p], strip[5 * b + p] = weight / total, -miss * weight
        label = work.tour[2, start + p]
        if label < n - 1:
            planes[3 * row * p + 2 * row + label] -= hit * total
    first = np.int64(0)
    while row - first >= 4 * LANES:
        _add_up(nought4(), first, row, count, work)
        first += 4 * LANES
    if row - first >= 2 * LANES:
        _add_up(nought2(), first, row, count, work)
        first += 2 * LANES
    if row > first:
        _add_up(nought1(), first, row, count, work)
    q = work.push.size // 2
    for p in range(0, count, LANES):
        store(work.push, start + p, row_sums(work.rows, LANES * p))
        store(work.push, q + start + p, row_sums(work.rows, LANES * (b + p)))
    _settle(row, twos, work)


# --- the gradient ---------------------------------------------------------------------------------


@lean
def _gradient(theta, recipe, pairs, work, state, record):
    """Fill work.gradient with ∂L/∂θ, and work.measured if that is asked for."""
    n, row, b = recipe.tokens, work.real.size, work.strip.size // 6
    gradient, scalars, trained = work.gradient, work.measured, work.counts[0]
    last, switches, start = work.counts[int(record)], 0, np.int64(0)
    _lay_out(theta, recipe, work)
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
        twos, all_twos, found = _forward(theta, recipe, work, start, count, begins, ends)
        if record:
            _judge(recipe, pairs, work, start, count, scalars)
        _softmax(row, count, work)
        if record:
            _weigh(recipe, pairs, work, start, count, scalars)
        if trains:
            switches += found
            _backward(recipe, pairs, work, start, count, all_twos)
            if ends:
                for m in range(n - 1):
                    gradient[b2 + m] += work.carry[5 * row + m]
        start += count
    total = np.float32(0.0)
    for m in range(n - 1):
        total += gradient[b2 + m]
    gradient[b2 + n - 1] = -total
    _collect(recipe, work, gradient)
    q = work.push.size // 2
    for a in range(n):
        fx = fy = np.float32(0.0)
        for other in range(n):
            p = work.place[n * a + other]
            fx += work.push[p]
            fy += work.push[q + p]
        p = work.place[(n + 1) * a]
        gradient[2 * a], gradient[2 * a + 1] = fx + work.push[p], fy + work.push[q + p]
    if record:
        held_out = force = 0.0
        for p in range(pairs.validation.size):
            held_out += pairs.validation[p]
        scalars[2] = scalars[2] / held_out if held_out > 0 else np.nan
        for i in range(2 * n):
            force += gradient[i] ** 2
        scalars[3], scalars[4] = np.sqrt(force / n), np.sqrt(scalars[4])
    state[0, theta.size + 2] = switches


@lean
def _judge(recipe, pairs, work, start, count, scalars):
    """Add to the loss, but for the log-sum-exp, and to both accuracies, from the logits."""
    n, row, planes = recipe.tokens, work.real.size, work.planes
    smoothing = recipe.label_smoothing
    for p in range(count):
        pair, label, z = work.order[start + p], work.tour[2, start + p], 3 * row * p + 2 * row
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
    n, row, b = recipe.tokens, work.real.size, work.strip.size // 6
    smoothing, strip, planes = recipe.label_smoothing, work.strip, work.planes
    for p in range(count):
        pair, label, z = work.order[start + p], work.tour[2, start + p], 3 * row * p + 2 * row
        weight, top, total = pairs.weights[pair], strip[2 * b + p], strip[3 * b + p]
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
            u, v, c = work.lines[k], work.lines[units + k], work.lines[2 * units + k]
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
                        gradient[w2 + n * k + m + i] = spare[i]
            at = LANES * (k - start)
            store(rows, at, gu)
            store(rows, part + at, gv)
            store(rows, 2 * part + at, gc)
            store(rows, 3 * part + at, total)
        for i in range(4):
            store(spare, LANES * i, row_sums(rows, part * i))
        for i in range(count):
            gradient[w1 + start + i] = spare[i]
            gradient[w1 + h + start + i] = spare[LANES + i]
            gradient[w1 + 2 * h + start + i] = np.float32(beta) * spare[2 * LANES + i]
            gradient[w2 + n * (start + i) + n - 1] = -spare[3 * LANES + i]


@lean
def _update(theta, gradient, state, recipe, step):
    """One step of the optimiser, number `step` from 0, with the conventions of torch.optim."""
    n, h = recipe.tokens, recipe.hidden
    ends = (0, 2 * n, 2 * n + 3 * h, 2 * n + 3 * h + n * h, theta.size)
    one, mu = np.float32(1.0), np.float32(recipe.momentum)
    beta1, beta2, epsilon = np.float32(BETA1), np.float32(BETA2), np.float32(EPSILON)
    correct1 = np.float32(1.0 / (1.0 - BETA1 ** (step + 1)))
    correct2 = np.float32(1.0 / (1.0 - BETA2 ** (step + 1)))
    for group in range(4):
        rate, decay = recipe.rates[group], recipe.decays[group]
        if step < recipe.decay_from or step >= recipe.decay_until:
            decay = np.float32(0.0)
        keep = one
        if recipe.optimiser == ADAMW:
            keep, decay = one - rate * decay, np.float32(0.0)
        # Arrays of their own: with places from 0 on the compiler knows that no index wraps around.
        own = slice(ends[group], ends[group + 1])
        w, g, first, second = theta[own], gradient[own], state[0][own], state[1][own]
        if recipe.optimiser == GRADIENT_DESCENT:
            for i in range(w.size):
                first[i] = mu * first[i] + g[i] + decay * w[i]
                w[i] -= rate * first[i]
        else:
            for i in range(w.size):
                slope = g[i] + decay * w[i]
                first[i] = beta1 * first[i] + (one - beta1) * slope
                second[i] = beta2 * second[i] + (one - beta2) * slope * slope
                size = np.sqrt(second[i] * correct2) + epsilon
                w[i] = keep * w[i] - rate * correct1 * first[i] / size


def trace(theta, state, recipe, pairs, start, steps, stop, snapshots, scalars):
    """Train one seed and record it, all in one call that holds no Python lock.

    Args:
        theta: (D,) float32 parameters, trained in place.
        state: what `begin` returned, or a call before this one has left there: moments of the
            optimiser and the tour; updated in place.
        recipe: a Recipe.
        pairs: Pairs.
        start: number of steps already taken.
        steps: (T,) increasing int64, at least `start`: when to record.
        stop: (1,) uint8; training ends early, between two steps, once another thread sets it.
        snapshots: (T, D) float32, filled with θ.
        scalars: (T, 5) float32, filled with the five scalars of `Run`.

    Returns:
        number of snapshots filled, and -1 or the number of steps after which the parameters or
        the loss stopped being finite.
    """
    work = workspace(theta, state, recipe, pairs)
    return advance(theta, state, recipe, pairs, work, start, steps, stop, snapshots, scalars)


@njit(cache=True, **UNCOUNTED)
def advance(theta, state, recipe, pairs, work, start, steps, stop, snapshots, scalars):
    """`trace` in its workspace."""
    _enter(recipe, pairs, work)
    now, t = start, 0
    while t < steps.size:
        _follow(theta, recipe, pairs, work, state)
        record = now == steps[t]
        _gradient(theta, recipe, pairs, work, state, record)
        if record:
            for i in range(theta.size):
                snapshots[t, i] = theta[i]
            for i in range(5):
                scalars[t, i] = work.measured[i]
            if not np.isfinite(scalars[t, 0]):
                return t, now
            t += 1
            if t == steps.size:
                break
        if stop[0]:
            return t, -1
        _update(theta, work.gradient, state, recipe, now)
        now += 1
        state[0, theta.size] += 1
        state[0, theta.size + 3] = 0
        total = np.float32(0.0)
        for i in range(theta.size):
            total += theta[i]
        if not np.isfinite(total):
            return t, now
    return t, -1
