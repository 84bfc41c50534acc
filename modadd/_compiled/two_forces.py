"""The compiled loop of the particles under two forces, one seed at a time; see `particles`.

It holds no Python lock, and nothing in it depends on other seeds or on threads. Slices are filled
by loops, which compile in half of the time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from modadd._compiled.simd import FLAGS, exp, finite, inlined
from modadd._compiled.store import kept


class TwoForces(NamedTuple):
    """What `particles.two_force` descends, and how."""

    alignment_force: float
    reach: float
    step_size: float
    momentum: float


@inlined
def _pull_together(x, labels, weights, strength, reach, push):
    """Add the clustering force on every pair sum, ordered pairs, to push (2, P); return −2V N²."""
    count = labels.size
    n = np.float32(labels.max() + 1)
    shape = np.float32(-0.5 / reach**2)
    scale = np.float32(strength / reach**2)
    total = 0.0
    for p in range(count):
        fx = fy = energy = np.float32(0.0)
        for q in range(count):
            dx, dy = x[0, q] - x[0, p], x[1, q] - x[1, p]
            charge = np.float32(labels[q] == labels[p]) - np.float32(1.0) / n
            near = charge * weights[q] * exp(shape * (dx * dx + dy * dy))
            energy += near
            fx += near * dx
            fy += near * dy
        push[0, p] += scale * weights[p] * fx
        push[1, p] += scale * weights[p] * fy
        total += strength * weights[p] * energy
    return total


@inlined
def _turn_parallel(x, labels, weights, strength, reach, push):
    """Add the alignment force on every pair sum to push (2, P); return its share of −2V N².

    cos²θ_pq = tr Q_p Q_q with Q = x xᵀ / (|x|² + s²), so label sums of Q replace sums over q.
    """
    n = labels.max() + 1
    tensor = np.zeros((n, 3))
    for p in range(labels.size):
        u, v = x[0, p], x[1, p]
        share = weights[p] / (u * u + v * v + reach**2)
        tensor[labels[p], 0] += share * u * u
        tensor[labels[p], 1] += share * u * v
        tensor[labels[p], 2] += share * v * v
    for i in range(3):
        mean = 0.0
        for label in range(n):
            mean += tensor[label, i] / n
        for label in range(n):
            tensor[label, i] -= mean
    for p in range(labels.size):
        u, v = x[0, p], x[1, p]
        xx, xy, yy = tensor[labels[p], 0], tensor[labels[p], 1], tensor[labels[p], 2]
        size = u * u + v * v + reach**2
        tu, tv = xx * u + xy * v, xy * u + yy * v
        radial = (u * tu + v * tv) / size
        factor = 2.0 * strength * weights[p] / size
        push[0, p] += factor * (tu - radial * u)
        push[1, p] += factor * (tv - radial * v)
    total = 0.0
    for label in range(n):
        total += tensor[label, 0] ** 2 + 2 * tensor[label, 1] ** 2 + tensor[label, 2] ** 2
    return strength * total


@inlined
def _two_forces(E, pairs, labels, weights, rule, force):
    """Fill force (N, 2) with −∂V/∂E at positions E of rms 1, and return V."""
    alignment, reach = rule.alignment_force, rule.reach
    n = E.shape[0]
    x = np.empty((2, labels.size), np.float32)
    push = np.zeros((2, labels.size), np.float32)
    for p in range(labels.size):
        for i in range(2):
            x[i, p] = E[pairs[p, 0], i] + E[pairs[p, 1], i]
    total = 0.0
    if alignment < 1.0:
        total += _pull_together(x, labels, weights, 1.0 - alignment, reach, push)
    if alignment > 0.0:
        total += _turn_parallel(x, labels, weights, alignment, reach, push)
    force.fill(0.0)
    for p in range(labels.size):
        for i in range(2):
            force[pairs[p, 0], i] += push[i, p] / n**2
            force[pairs[p, 1], i] += push[i, p] / n**2
    # V depends on E / rms(E): what would only rescale does not count.
    outward = 0.0
    for a in range(n):
        outward += force[a, 0] * E[a, 0] + force[a, 1] * E[a, 1]
    for a in range(n):
        for i in range(2):
            force[a, i] -= outward / (2 * n) * E[a, i]
    return -0.5 * total / n**2


@inlined
def _squares(E):
    """Sum of the squares of E (N, 2)."""
    total = 0.0
    for a in range(E.shape[0]):
        total += E[a, 0] ** 2 + E[a, 1] ** 2
    return total


@inlined
def _to_unit_rms(E):
    """Scale E (N, 2) to rms 1 over both coordinates."""
    size = np.sqrt(_squares(E) / E.size)
    for a in range(E.shape[0]):
        E[a, 0] /= size
        E[a, 1] /= size


@kept
@njit(nogil=True, fastmath=FLAGS)
def descend(E, pairs, labels, weights, rule, steps, stop, positions, scalars):
    """Gradient descent on V by TwoForces; the counterpart of `engine.trace`, with its result."""
    force, speed = np.empty_like(E), np.zeros_like(E)
    n, now = E.shape[0], 0
    _to_unit_rms(E)
    for t in range(steps.size):
        while True:
            potential = _two_forces(E, pairs, labels, weights, rule, force)
            if not finite(potential):
                return t, now
            if now == steps[t]:
                break
            if stop[0]:
                return t, -1
            for a in range(n):
                for i in range(2):
                    speed[a, i] = rule.momentum * speed[a, i] + force[a, i]
                    E[a, i] += rule.step_size * speed[a, i]
            _to_unit_rms(E)
            now += 1
        for a in range(n):
            positions[t, a, 0], positions[t, a, 1] = E[a, 0], E[a, 1]
        scalars[t, 0] = potential
        scalars[t, 3] = np.sqrt(_squares(force) / n)
    return steps.size, -1
