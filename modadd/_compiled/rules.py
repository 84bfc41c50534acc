"""The compiled loop of the other update rules: the gradient of `engine`, moved along otherwise.

What each rule does is written at `training.train_with`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from modadd._compiled import engine
from modadd._compiled.engine import BETA2, EPSILON, Recipe, finite, not_tiny, recorded
from modadd._compiled.gradient import fill_gradient
from modadd._compiled.store import kept
from modadd._compiled.tour import enter, follow, grow_older, workspace
from modadd._compiled.vectors import UNCOUNTED, lean

RULES = ("sign", "madam", "minibatch", "dropout", "wiring")
_SIGN, _MADAM, _MINIBATCH, _DROPOUT, _WIRING = range(5)


class Rule(NamedTuple):
    """What one seed's training by another rule needs beside its recipe."""

    kind: int
    """Index in RULES."""
    amount: float
    """What `train_with` calls so."""
    seed: int
    """Of the noise, below 2**32."""
    last: int
    """Step at which the rate of "sign" and "madam" has fallen to zero."""
    decays: np.ndarray
    """(D,) float32 weight decay of each parameter."""
    bounds: np.ndarray
    """(D,) float32 largest size of each parameter."""
    lengths: np.ndarray
    """(D,) float32 length of each wire; 0 for what is no wire."""


def rule_for(
    name: str, amount: float, seed: int, last: int, theta: np.ndarray, recipe: Recipe
) -> Rule:
    """The rule of that name for a seed that starts from theta (D,)."""
    n, h, kind = recipe.tokens, recipe.hidden, RULES.index(name)
    ends = np.cumsum([2 * n, 3 * h, n * h, n])
    decays = np.repeat(recipe.decays, np.diff(ends, prepend=0))
    groups = np.split(theta, ends[:-1])
    sizes = [np.full(g.size, amount * np.sqrt((g.astype(float) ** 2).mean())) for g in groups]
    bounds = np.minimum(np.concatenate(sizes), np.finfo(np.float32).max)
    first, second = _wire_lengths(n, h)
    lengths = engine.pack(np.zeros((n, 2)), first, np.zeros(h), second, np.zeros(n))
    if kind == _WIRING:
        decays = np.where(lengths > 0, 0, decays)
    arrays = (array.astype(np.float32) for array in (decays, bounds, lengths))
    return Rule(kind, float(amount), seed % 2**32, last, *arrays)


def _wire_lengths(tokens: int, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths d + 0.1 of the wires of both layers, (2, H) and (H, N), over that of a layer."""
    units, labels = ((np.arange(count) + 0.5) / count for count in (hidden, tokens))
    inputs = np.array([0.25, 0.75])
    return tuple(np.abs(a[:, None] - b) + 0.1 for a, b in ((inputs, units), (units, labels)))


@lean
def _sample(rule, weights, theta, mask, recipe, pairs):
    """Draw the noise of one step: pairs of a mini-batch, or a mask over W2 put onto theta."""
    if rule.kind == _MINIBATCH:
        total = 0.0
        for p in range(weights.size):
            drawn = np.random.random() < rule.amount  # noqa: NPY002
            pairs.weights[p] = weights[p] * drawn
            total += pairs.weights[p]
        if total > 0:
            for p in range(weights.size):
                pairs.weights[p] /= np.float32(total)
    if rule.kind == _DROPOUT:
        n, w2 = recipe.tokens, 2 * recipe.tokens + 3 * recipe.hidden
        for k in range(recipe.hidden):
            kept = np.random.random() >= rule.amount  # noqa: NPY002
            mask[k] = kept / (1.0 - rule.amount)
            for m in range(n):
                theta[w2 + n * k + m] *= mask[k]


@lean
def _move(theta, first, second, gradient, rule, recipe, step):
    """Update theta (D,) and its moments by one step, number `step` from 0."""
    kind, rate = rule.kind, recipe.rates[0]
    if kind == _SIGN or kind == _MADAM:
        rate *= np.float32(1 - step / rule.last)
    full = 1 - BETA2 ** (step + 1)
    for i in range(theta.size):
        g = gradient[i]
        if kind == _SIGN:
            first[i] += np.float32(0.1) * (g - first[i])
            theta[i] -= rate * (np.sign(first[i]) + rule.decays[i] * theta[i])
        elif kind == _MADAM:
            second[i] += np.float32(1 - BETA2) * (g * g - second[i])
            size = np.sqrt(second[i] / full) + EPSILON
            change = min(max(g / size, -10.0), 10.0)
            grown = theta[i] * np.exp(-rate * np.sign(theta[i]) * change)
            theta[i] = min(max(grown, -rule.bounds[i]), rule.bounds[i])
        else:
            if kind == _WIRING:
                g += np.float32(rule.amount) * rule.lengths[i] * np.sign(theta[i])
            first[i] = not_tiny(
                np.float32(recipe.momentum) * first[i] + g + rule.decays[i] * theta[i]
            )
            theta[i] = not_tiny(theta[i] - rate * first[i])


def trace(theta, rule, recipe, pairs, steps, stop, snapshots, scalars):
    """The counterpart of `engine.trace`, from step 0 on, with the same result."""
    state = engine.begin(theta, pairs)
    work = workspace(theta, state, recipe, pairs)
    noise = (pairs.weights.copy(), theta.copy(), np.ones(recipe.hidden, np.float32))
    return advance(theta, state, rule, noise, recipe, pairs, work, steps, stop, snapshots, scalars)


@kept
@njit(**UNCOUNTED)
def advance(theta, state, rule, noise, recipe, pairs, work, steps, stop, snapshots, scalars):
    """`trace` in a workspace of the engine; `noise` is weights, parameters and a mask to change."""
    np.random.seed(rule.seed)  # noqa: NPY002 (numba has its own state for each thread)
    weights, kept, mask = noise
    gradient, w2 = work.gradient, 2 * recipe.tokens + 3 * recipe.hidden
    enter(recipe, pairs, work)
    now = t = 0
    while t < steps.size:
        record = now == steps[t]
        if not record:
            if stop[0]:
                return t, -1
            for i in range(theta.size):
                kept[i] = theta[i]
            _sample(rule, weights, theta, mask, recipe, pairs)
        follow(theta, recipe, pairs, work, state)
        fill_gradient(theta, recipe, pairs, work, state, record)
        if record:
            if not recorded(theta, work, t, snapshots, scalars):
                return t, now
            t += 1
            continue
        for k in range(recipe.hidden):
            for m in range(recipe.tokens):
                gradient[w2 + recipe.tokens * k + m] *= mask[k]
        for i in range(theta.size):
            theta[i] = kept[i]
        _move(theta, state[0], state[1], gradient, rule, recipe, now)
        now += 1
        grow_older(theta, state)
        if not finite(theta):
            return t, now
        for p in range(weights.size):
            pairs.weights[p] = weights[p]
    return t, -1
