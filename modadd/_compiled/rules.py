"""The compiled loop of the rules of `optimisers`: the gradient of `engine`, moved along otherwise."""

from __future__ import annotations

import numpy as np
from numba import njit

from modadd._compiled import engine
from modadd._compiled.engine import BETA2, EPSILON, _enter, _follow, _gradient
from modadd._compiled.simd import UNCOUNTED, lean

SIGN, MADAM, MINIBATCH, DROPOUT, WIRING = range(5)


@lean
def _sample(kind, amount, weights, theta, mask, recipe, pairs):
    """Draw the noise of one step: pairs of a mini-batch, or a mask over W2 put onto theta."""
    if kind == MINIBATCH:
        total = 0.0
        for p in range(weights.size):
            pairs.weights[p] = weights[p] * (np.random.random() < amount)  # noqa: NPY002
            total += pairs.weights[p]
        if total > 0:
            for p in range(weights.size):
                pairs.weights[p] /= np.float32(total)
    if kind == DROPOUT:
        n, w2 = recipe.tokens, 2 * recipe.tokens + 3 * recipe.hidden
        for k in range(recipe.hidden):
            mask[k] = (np.random.random() >= amount) / (1.0 - amount)  # noqa: NPY002
            for m in range(n):
                theta[w2 + n * k + m] *= mask[k]


@lean
def _move(
    theta, first, second, gradient, kind, amount, decays, bounds, lengths, recipe, step, last
):
    """Update theta (D,) by one step, number `step` of `last`."""
    rate = recipe.rates[0]
    if kind == SIGN or kind == MADAM:
        rate *= np.float32(1 - step / last)
    full = 1 - BETA2 ** (step + 1)
    for i in range(theta.size):
        g = gradient[i]
        if kind == SIGN:
            first[i] += np.float32(0.1) * (g - first[i])
            theta[i] -= rate * (np.sign(first[i]) + decays[i] * theta[i])
        elif kind == MADAM:
            second[i] += np.float32(1 - BETA2) * (g * g - second[i])
            size = np.sqrt(second[i] / full) + EPSILON
            change = min(max(g / size, -10.0), 10.0)
            grown = theta[i] * np.exp(-rate * np.sign(theta[i]) * change)
            theta[i] = min(max(grown, -bounds[i]), bounds[i])
        else:
            if kind == WIRING:
                g += np.float32(amount) * lengths[i] * np.sign(theta[i])
            first[i] = np.float32(recipe.momentum) * first[i] + g + decays[i] * theta[i]
            theta[i] -= rate * first[i]


def trace(
    theta,
    kind,
    amount,
    seed,
    last,
    decays,
    bounds,
    lengths,
    recipe,
    pairs,
    steps,
    stop,
    snapshots,
    scalars,
):
    """The counterpart of `engine.trace`, with the same result.

    Args:
        kind: SIGN, MADAM, MINIBATCH, DROPOUT or WIRING.
        amount: what `optimisers` calls so.
        seed: of the noise.
        last: step at which the rate of SIGN and MADAM has fallen to zero.
        decays, bounds, lengths: (D,) float32 decay, largest size and wire length of each parameter.
    """
    state = engine.begin(theta, pairs)
    work = engine.workspace(theta, state, recipe, pairs)
    noise = (pairs.weights.copy(), theta.copy(), np.ones(recipe.hidden, np.float32))
    rule = (kind, float(amount), seed % 2**32, last, decays, bounds, lengths, *noise)
    return advance(theta, state, rule, recipe, pairs, work, steps, stop, snapshots, scalars)


@njit(cache=True, **UNCOUNTED)
def advance(theta, state, rule, recipe, pairs, work, steps, stop, snapshots, scalars):
    """`trace` in a workspace of the engine; `rule` are its arguments from kind to
    lengths, and weights, parameters and a mask over units, to be changed."""
    kind, amount, seed, last, decays, bounds, lengths, weights, kept, mask = rule
    np.random.seed(seed)  # noqa: NPY002 (numba has its own state for each thread)
    gradient, w2 = work.gradient, 2 * recipe.tokens + 3 * recipe.hidden
    _enter(recipe, pairs, work)
    now = t = 0
    while t < steps.size:
        record = now == steps[t]
        if not record:
            if stop[0]:
                return t, -1
            for i in range(theta.size):
                kept[i] = theta[i]
            _sample(kind, amount, weights, theta, mask, recipe, pairs)
        _follow(theta, recipe, pairs, work, state)
        _gradient(theta, recipe, pairs, work, state, record)
        if record:
            for i in range(theta.size):
                snapshots[t, i] = theta[i]
            for i in range(5):
                scalars[t, i] = work.measured[i]
            if not np.isfinite(scalars[t, 0]):
                return t, now
            t += 1
            continue
        for k in range(recipe.hidden):
            for m in range(recipe.tokens):
                gradient[w2 + recipe.tokens * k + m] *= mask[k]
        total = np.float32(0.0)
        for i in range(theta.size):
            theta[i] = kept[i]
        _move(
            *(theta, state[0], state[1], gradient, kind, amount, decays, bounds, lengths),
            *(recipe, now, last),
        )
        now += 1
        state[0, theta.size] += 1
        state[0, theta.size + 3] = 0
        for i in range(theta.size):
            total += theta[i]
        if not np.isfinite(total):
            return t, now
        for p in range(weights.size):
            pairs.weights[p] = weights[p]
    return t, -1
