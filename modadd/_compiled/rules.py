"""The loops of the other update rules: one seed at a time, on the gradient of the engine."""

from __future__ import annotations

import numpy as np
from numba import njit

from modadd._compiled.engine import BETA2, EPSILON, _gradient, _measure, _workspace

RULES = ("sign", "madam", "minibatch", "dropout", "wiring")
_SIGN, _MADAM, _MINIBATCH, _DROPOUT, _WIRING = range(5)


@njit(nogil=True)
def _sample(kind, amount, weights, theta, mask, recipe, pairs):
    """Draw the noise of one step: pairs of a mini-batch, or a mask over W2 put onto theta."""
    if kind == _MINIBATCH:
        total = 0.0
        for p in range(weights.size):
            pairs.weights[p] = weights[p] * (np.random.random() < amount)  # noqa: NPY002
            total += pairs.weights[p]
        if total > 0:
            pairs.weights[:] /= np.float32(total)
    if kind == _DROPOUT:
        n, h = recipe.tokens, recipe.hidden
        for k in range(h):
            mask[k] = (np.random.random() >= amount) / (1.0 - amount)  # noqa: NPY002
            for m in range(n):
                theta[2 * n + 3 * h + m * h + k] *= mask[k]


@njit(nogil=True)
def _move(
    theta, first, second, gradient, kind, amount, decays, bounds, lengths, recipe, step, last
):
    """Update theta (D,) by one step, number `step` of `last`."""
    rate = recipe.rates[0]
    if kind == _SIGN or kind == _MADAM:
        rate *= np.float32(1 - step / last)
    full = 1 - BETA2 ** (step + 1)
    for i in range(theta.size):
        g = gradient[i]
        if kind == _SIGN:
            first[i] += np.float32(0.1) * (g - first[i])
            theta[i] -= rate * (np.sign(first[i]) + decays[i] * theta[i])
        elif kind == _MADAM:
            second[i] += np.float32(1 - BETA2) * (g * g - second[i])
            size = np.sqrt(second[i] / full) + EPSILON
            change = min(max(g / size, -10.0), 10.0)
            grown = theta[i] * np.exp(-rate * np.sign(theta[i]) * change)
            theta[i] = min(max(grown, -bounds[i]), bounds[i])
        else:
            if kind == _WIRING:
                g += np.float32(amount) * lengths[i] * np.sign(theta[i])
            first[i] = np.float32(recipe.momentum) * first[i] + g + decays[i] * theta[i]
            theta[i] -= rate * first[i]


@njit(nogil=True, cache=True)
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
    """The counterpart of `_engine.trace`, with the same result; `last` is where η falls to zero."""
    np.random.seed(seed % 2**32)  # noqa: NPY002 (numba has its own state for each thread)
    work, gradient = _workspace(recipe, pairs), np.empty_like(theta)
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    weights, mask, now = pairs.weights.copy(), np.ones(recipe.hidden, np.float32), 0
    kept = theta.copy()
    start, stop_at = 2 * recipe.tokens + 3 * recipe.hidden, theta.size - recipe.tokens
    for t in range(steps.size):
        while now < steps[t]:
            if stop[0]:
                return t, -1
            kept[:] = theta
            _sample(kind, amount, weights, theta, mask, recipe, pairs)
            _gradient(theta, recipe, pairs, work, gradient)
            for i in range(start, stop_at):
                gradient[i] *= mask[(i - start) % recipe.hidden]
            theta[:] = kept
            _move(
                *(theta, first, second, gradient, kind, amount, decays, bounds, lengths),
                *(recipe, now, last),
            )
            now += 1
            if not np.isfinite(theta.sum()):
                return t, now
        pairs.weights[:] = weights
        snapshots[t] = theta
        measured = _measure(theta, recipe, pairs, work, gradient)
        for i in range(5):
            scalars[t, i] = measured[i]
        if not np.isfinite(scalars[t, 0]):
            return t, now
    return steps.size, -1
