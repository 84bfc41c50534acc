"""The compiled engine: the recipe of `training`, one seed at a time, all arrays in cache.

It computes what `model` defines, in float32, with closed-form gradients. Pairs are processed in
blocks that fit the cache, stored features-first, (H, block) and (N, block), so that every inner
loop runs along pairs (or hidden units) with unit stride and compiles to vector instructions.
Padding pairs carry weight zero.

All parameters of a seed live in one flat vector θ, so that an optimiser is one loop:
E (N, 2) | W1 (2, H) | b1 (H) | W2ᵀ (N, H) | b2 (N).

Nothing here depends on other seeds or on threads: the same θ and settings give the same bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from modadd._compiled.simd import FLAGS, LANES, add_product, exp, inlined

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


class Workspace(NamedTuple):
    """Arrays of one block of B pairs, used again for every block and step."""

    x: np.ndarray
    """(2, B) pair sums."""
    push: np.ndarray
    """(2, B) ∂L/∂x."""
    hidden: np.ndarray
    """(H, B)"""
    back: np.ndarray
    """(H, B) ∂L/∂hidden."""
    z: np.ndarray
    """(N, B) logits, then exponentials, then ∂L/∂z."""
    top: np.ndarray
    """(B,) largest logit."""
    total: np.ndarray
    """(B,) sum of exponentials."""
    units: np.ndarray
    """(B, R) hidden layer again, units last, for the gradient of W2."""
    g2: np.ndarray
    """(N, R) gradient of W2; R is H rounded up to an odd number of cache lines (see Pairs)."""


@njit(nogil=True)
def _workspace(recipe, pairs):
    n, h, b = recipe.tokens, recipe.hidden, pairs.block
    lines = (h + LANES - 1) // LANES
    row = (lines + 1 - lines % 2) * LANES
    return Workspace(
        np.empty((2, b), np.float32),
        np.empty((2, b), np.float32),
        np.empty((h, b), np.float32),
        np.empty((h, b), np.float32),
        np.empty((n, b), np.float32),
        np.empty(b, np.float32),
        np.empty(b, np.float32),
        np.zeros((b, row), np.float32),
        np.zeros((n, row), np.float32),
    )


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
    parts = (embeddings, w1, b1, w2.T, b2)
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)


def unpack(theta: np.ndarray, n: int, h: int) -> tuple[np.ndarray, ...]:
    """Views E (..., N, 2), W1 (..., 2, H), b1 (..., H), W2 (..., H, N), b2 (..., N) of flat θ."""
    ends = np.cumsum([2 * n, 2 * h, h, n * h])
    embeddings, w1, b1, w2t, b2 = np.split(theta, ends, axis=-1)
    lead = theta.shape[:-1]
    w2 = w2t.reshape(*lead, n, h).swapaxes(-1, -2)
    return embeddings.reshape(*lead, n, 2), w1.reshape(*lead, 2, h), b1, w2, b2


@inlined
def _forward(theta, recipe, pairs, start, x, hidden, z):
    """Pair sums x (2, B), hidden layer (H, B) and logits z (N, B) of the block at `start`."""
    n, h = recipe.tokens, recipe.hidden
    b = x.shape[1]
    for p in range(b):
        i, j = 2 * pairs.first[start + p], 2 * pairs.second[start + p]
        x[0, p] = theta[i] + theta[j]
        x[1, p] = theta[i + 1] + theta[j + 1]
    w1 = theta[2 * n :]
    beta = np.float32(recipe.bias_scale)
    for k in range(h):
        u, v, c = w1[k], w1[h + k], beta * w1[2 * h + k]
        for p in range(b):
            hidden[k, p] = max(u * x[0, p] + v * x[1, p] + c, np.float32(0.0))
    w2 = theta[2 * n + 3 * h :]
    for m in range(n):
        z[m, :] = w2[n * h + m]
    add_product(z, w2, h, 1, hidden, n, h, b)


@inlined
def _softmax(z, top, total):
    """Turn logits z (N, B) into exp(z − top), with top and total = Σ exp(z − top), both (B,)."""
    n, b = z.shape
    for p in range(b):
        top[p] = z[0, p]
        total[p] = np.float32(0.0)
    for m in range(1, n):
        for p in range(b):
            top[p] = max(top[p], z[m, p])
    for m in range(n):
        for p in range(b):
            z[m, p] = exp(z[m, p] - top[p])
            total[p] += z[m, p]


@inlined
def _back_to_logits(recipe, pairs, start, z, total, gb2):
    """Turn exponentials into ∂L/∂z in place and add its sum to the gradient of b2."""
    n, b = z.shape
    hit = np.float32(1.0 - recipe.label_smoothing)
    miss = np.float32(recipe.label_smoothing / n)
    weights = pairs.weights[start : start + b]
    for p in range(b):
        total[p] = weights[p] / total[p]
    for m in range(n):
        for p in range(b):
            z[m, p] = z[m, p] * total[p] - weights[p] * miss
    for p in range(b):
        z[pairs.labels[start + p], p] -= weights[p] * hit
    for m in range(n):
        gb2[m] += z[m].sum()


@inlined
def _back_to_pairs(theta, recipe, x, hidden, back, gradient, push):
    """First-layer gradients and ∂L/∂x, push (2, B), from back = ∂L/∂hidden (H, B)."""
    n, h = recipe.tokens, recipe.hidden
    b = x.shape[1]
    w1 = theta[2 * n :]
    g1 = gradient[2 * n :]
    beta = np.float32(recipe.bias_scale)
    push[:] = np.float32(0.0)
    for k in range(h):
        u, v = w1[k], w1[h + k]
        gu = gv = gc = np.float32(0.0)
        for p in range(b):
            d = back[k, p] if hidden[k, p] > 0 else np.float32(0.0)
            push[0, p] += u * d
            push[1, p] += v * d
            gu += x[0, p] * d
            gv += x[1, p] * d
            gc += d
        g1[k] += gu
        g1[h + k] += gv
        g1[2 * h + k] += beta * gc


@inlined
def _gradient(theta, recipe, pairs, work, gradient):
    """Fill `gradient` with ∂L/∂θ."""
    n, h, b = recipe.tokens, recipe.hidden, pairs.block
    x, push, hidden, back, z, top, total, units, g2 = work
    columns = (h + LANES - 1) // LANES * LANES
    w1, w2 = theta[2 * n :], theta[2 * n + 3 * h :]
    bias = np.float32(recipe.bias_scale) * w1[2 * h : 3 * h]
    gradient[:] = np.float32(0.0)
    g2[:] = np.float32(0.0)
    for start in range(0, pairs.first.size, b):
        _forward(theta, recipe, pairs, start, x, hidden, z)
        _softmax(z, top, total)
        _back_to_logits(recipe, pairs, start, z, total, gradient[2 * n + 3 * h + n * h :])
        for p in range(b):
            u, v = x[0, p], x[1, p]
            for k in range(h):
                units[p, k] = max(u * w1[k] + v * w1[h + k] + bias[k], np.float32(0.0))
        add_product(g2, z, b, 1, units, n, b, columns)
        back[:] = np.float32(0.0)
        add_product(back, w2, 1, h, z, h, n, b)
        _back_to_pairs(theta, recipe, x, hidden, back, gradient, push)
        for p in range(b):
            i, j = 2 * pairs.first[start + p], 2 * pairs.second[start + p]
            gradient[i] += push[0, p]
            gradient[i + 1] += push[1, p]
            gradient[j] += push[0, p]
            gradient[j + 1] += push[1, p]
    for m in range(n):
        for k in range(h):
            gradient[2 * n + 3 * h + m * h + k] = g2[m, k]


@inlined
def _update(theta, gradient, state, recipe, step):
    """One step of the optimiser, number `step` from 0, with the conventions of torch.optim."""
    n, h = recipe.tokens, recipe.hidden
    ends = (0, 2 * n, 2 * n + 3 * h, 2 * n + 3 * h + n * h, theta.size)
    one, mu = np.float32(1.0), np.float32(recipe.momentum)
    beta1, beta2, epsilon = np.float32(BETA1), np.float32(BETA2), np.float32(EPSILON)
    correct1 = np.float32(1.0 / (1.0 - BETA1 ** (step + 1)))
    correct2 = np.float32(1.0 / (1.0 - BETA2 ** (step + 1)))
    first, second = state[0], state[1]
    for group in range(4):
        rate, decay = recipe.rates[group], recipe.decays[group]
        if step < recipe.decay_from or step >= recipe.decay_until:
            decay = np.float32(0.0)
        keep = one
        if recipe.optimiser == ADAMW:
            keep, decay = one - rate * decay, np.float32(0.0)
        if recipe.optimiser == GRADIENT_DESCENT:
            for i in range(ends[group], ends[group + 1]):
                first[i] = mu * first[i] + gradient[i] + decay * theta[i]
                theta[i] -= rate * first[i]
        else:
            for i in range(ends[group], ends[group + 1]):
                g = gradient[i] + decay * theta[i]
                first[i] = beta1 * first[i] + (one - beta1) * g
                second[i] = beta2 * second[i] + (one - beta2) * g * g
                size = np.sqrt(second[i] * correct2) + epsilon
                theta[i] = keep * theta[i] - rate * correct1 * first[i] / size


@inlined
def _measure(theta, recipe, pairs, work, gradient):
    """Loss, accuracy, validation accuracy, rms force and rms residual of one seed.

    Returns:
        five floats as `training.train` defines them; NaN for an empty validation set.
    """
    n, b = recipe.tokens, pairs.block
    x, _, hidden, _, z, top, total, _, _ = work
    smoothing = recipe.label_smoothing
    loss = accuracy = valid = valid_weight = residual = 0.0
    for start in range(0, pairs.first.size, b):
        _forward(theta, recipe, pairs, start, x, hidden, z)
        for p in range(b):
            label, weight = pairs.labels[start + p], pairs.weights[start + p]
            held_out = pairs.validation[start + p]
            mean, best = 0.0, 0
            for m in range(n):
                mean += z[m, p] / n
                if z[m, p] > z[best, p]:
                    best = m
            # The log-sum-exp is added below, once the exponentials are there.
            loss -= weight * ((1.0 - smoothing) * z[label, p] + smoothing * mean)
            hit = best == label
            accuracy += weight * hit
            valid += held_out * hit
            valid_weight += held_out
        _softmax(z, top, total)
        for p in range(b):
            label, weight = pairs.labels[start + p], pairs.weights[start + p]
            loss += weight * (top[p] + np.log(total[p]))
            for m in range(n):
                target = smoothing / n + (1.0 - smoothing) * (m == label)
                residual += weight * (target - z[m, p] / total[p]) ** 2
    _gradient(theta, recipe, pairs, work, gradient)
    force = 0.0
    for i in range(2 * n):
        force += gradient[i] ** 2
    if valid_weight > 0:
        valid /= valid_weight
    else:
        valid = np.nan
    return loss, accuracy, valid, np.sqrt(force / n), np.sqrt(residual)


@njit(nogil=True, cache=True, fastmath=FLAGS)
def trace(theta, state, recipe, pairs, start, steps, stop, snapshots, scalars):
    """Train one seed and record it, all in one call that holds no Python lock.

    Args:
        theta: (D,) float32 parameters, trained in place.
        state: (2, D) float32 moments of the optimiser, updated in place; zero at the start.
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
    work, gradient = _workspace(recipe, pairs), np.empty_like(theta)
    now = start
    for t in range(steps.size):
        while now < steps[t]:
            if stop[0]:
                return t, -1
            _gradient(theta, recipe, pairs, work, gradient)
            _update(theta, gradient, state, recipe, now)
            now += 1
            total = np.float32(0.0)
            for i in range(theta.size):
                total += theta[i]
            if not np.isfinite(total):
                return t, now
        snapshots[t] = theta
        measured = _measure(theta, recipe, pairs, work, gradient)
        for i in range(5):
            scalars[t, i] = measured[i]
        if not np.isfinite(scalars[t, 0]):
            return t, now
    return steps.size, -1
