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

from modadd._compiled.gradient import fill_gradient
from modadd._compiled.store import kept
from modadd._compiled.tour import TOUR, enter, follow, grow_older, workspace
from modadd._compiled.vectors import UNCOUNTED, lean

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
    """The unordered pairs of tokens, of which some train and some validate."""

    first: np.ndarray
    """(P,) int64"""
    second: np.ndarray
    """(P,) int64"""
    labels: np.ndarray
    """(P,) int64"""
    weights: np.ndarray
    """(P,) float32 weights in the loss; zero for validation pairs."""
    validation: np.ndarray
    """(P,) float32 weights in the validation accuracy; zero for training pairs."""


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


@lean
def not_tiny(x):
    """Zero in place of numbers with which processors are a hundred times slower.

    Units that no pair turns on decay to such numbers, at the default recipe in 10,000 steps.
    """
    return np.float32(0.0) if abs(x) < np.float32(1e-37) else x


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
                first[i] = not_tiny(mu * first[i] + g[i] + decay * w[i])
                w[i] = not_tiny(w[i] - rate * first[i])
        else:
            for i in range(w.size):
                slope = g[i] + decay * w[i]
                first[i] = not_tiny(beta1 * first[i] + (one - beta1) * slope)
                second[i] = not_tiny(beta2 * second[i] + (one - beta2) * slope * slope)
                size = np.sqrt(second[i] * correct2) + epsilon
                w[i] = not_tiny(keep * w[i] - rate * correct1 * first[i] / size)


@lean
def recorded(theta, work, t, snapshots, scalars):
    """Fill the snapshot t with θ and what was measured of it; return whether its loss is finite."""
    for i in range(theta.size):
        snapshots[t, i] = theta[i]
    for i in range(5):
        scalars[t, i] = work.measured[i]
    return np.isfinite(scalars[t, 0])


@lean
def finite(theta):
    """Whether all parameters are finite, and not so large that their sum is not."""
    total = np.float32(0.0)
    for i in range(theta.size):
        total += theta[i]
    return np.isfinite(total)


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


@kept
@njit(**UNCOUNTED)
def advance(theta, state, recipe, pairs, work, start, steps, stop, snapshots, scalars):
    """`trace` in its workspace."""
    enter(recipe, pairs, work)
    now, t = start, 0
    while t < steps.size:
        follow(theta, recipe, pairs, work, state)
        record = now == steps[t]
        fill_gradient(theta, recipe, pairs, work, state, record)
        if record:
            if not recorded(theta, work, t, snapshots, scalars):
                return t, now
            t += 1
            if t == steps.size:
                break
        if stop[0]:
            return t, -1
        _update(theta, work.gradient, state, recipe, now)
        now += 1
        grow_older(theta, state)
        if not finite(theta):
            return t, now
    return t, -1
