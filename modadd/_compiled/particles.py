"""The compiled loops of both particle simulations, one seed at a time.

They compute what `particles` defines and hold no Python lock; nothing depends on other seeds or on
threads. The field shares the matrix products and the exponential of `_engine`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from modadd._compiled.simd import FLAGS, LANES, add_product, exp, inlined
from modadd._compiled.store import kept


@njit(nogil=True)
def _finite(value):
    """Whether a number is finite; apart, because reassociation may fold the test away."""
    return np.isfinite(value)


class TwoForces(NamedTuple):
    """What `particles.two_force` descends, and how."""

    alignment_force: float
    reach: float
    step_size: float
    momentum: float


# --- two forces -----------------------------------------------------------------------------------


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
        tensor[:, i] -= tensor[:, i].mean()
    for p in range(labels.size):
        u, v = x[0, p], x[1, p]
        xx, xy, yy = tensor[labels[p]]
        size = u * u + v * v + reach**2
        tu, tv = xx * u + xy * v, xy * u + yy * v
        radial = (u * tu + v * tv) / size
        factor = 2.0 * strength * weights[p] / size
        push[0, p] += factor * (tu - radial * u)
        push[1, p] += factor * (tv - radial * v)
    return strength * (tensor[:, 0] ** 2 + 2 * tensor[:, 1] ** 2 + tensor[:, 2] ** 2).sum()


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
    force[:] = 0.0
    for p in range(labels.size):
        for i in range(2):
            force[pairs[p, 0], i] += push[i, p] / n**2
            force[pairs[p, 1], i] += push[i, p] / n**2
    # V depends on E / rms(E): what would only rescale does not count.
    force -= E * ((force * E).sum() / (2 * n))
    return -0.5 * total / n**2


@kept
@njit(nogil=True, fastmath=FLAGS)
def descend(E, pairs, labels, weights, rule, steps, stop, positions, scalars):
    """Gradient descent on V by TwoForces; the counterpart of `_engine.trace`, with its result."""
    force, speed = np.empty_like(E), np.zeros_like(E)
    n, now = E.shape[0], 0
    E /= np.sqrt((E**2).mean())
    for t in range(steps.size):
        while True:
            potential = _two_forces(E, pairs, labels, weights, rule, force)
            if not _finite(potential):
                return t, now
            if now == steps[t]:
                break
            if stop[0]:
                return t, -1
            speed *= rule.momentum
            speed += force
            E += rule.step_size * speed
            E /= np.sqrt((E**2).mean())
            now += 1
        positions[t] = E
        scalars[t, 0] = potential
        scalars[t, 3] = np.sqrt((force**2).sum() / n)
    return steps.size, -1


# --- the field ------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def multipole_table(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Harmonics of k up to a degree: (K, 3) ints l, m and 1 for a sine, and (K,) factors.

    The factors make the sum over m of products of harmonics a_l P_l, by the addition theorem.
    """
    rows, factors = [], []
    for ell in (0, 1, *range(2, degree + 1, 2)):
        legendre = np.polynomial.Legendre.basis(ell).convert(kind=np.polynomial.Polynomial)
        moment = (np.polynomial.Polynomial([0, 1]) * legendre).integ()(1.0)
        power = 0.75 * (2 * ell + 1) * moment**2
        for m in range(ell + 1):
            share = math.factorial(ell - m) / math.factorial(ell + m) * (2 if m else 1)
            for sine in range(2 if m else 1):
                rows.append((ell, m, sine))
                factors.append(math.sqrt(power * share))
    return np.array(rows), np.array(factors)


@inlined
def _multipoles(x, beta, kappa, rows, factors, phi):
    """Fill phi (3, K + 1, B): features at pair sums x (2, B), and their gradient in x.

    φ = √κ factor ñ S(x̃ / ñ), S = Π_lm(t) Re or Im (u + iv)^m on the sphere (u, v, t), where Π_lm is
    the m-th derivative of P_l. With the gradient G of S as a function of three variables,
    ∇φ = √κ factor [(u, v) (S − (u, v, t)·G) + (G_u, G_v)]. The last feature is the constant 1.
    """
    b, top = x.shape[1], rows[:, 0].max()
    u, v, t, length = np.empty((4, b), np.float32)
    for p in range(b):
        length[p] = np.sqrt(x[0, p] ** 2 + x[1, p] ** 2 + beta * beta)
        inverse = np.float32(1.0) / max(length[p], np.float32(1e-20))
        u[p], v[p], t[p] = x[0, p] * inverse, x[1, p] * inverse, beta * inverse
    real, imag = np.ones((top + 1, b), np.float32), np.zeros((top + 1, b), np.float32)
    for m in range(top):
        for p in range(b):
            real[m + 1, p] = u[p] * real[m, p] - v[p] * imag[m, p]
            imag[m + 1, p] = u[p] * imag[m, p] + v[p] * real[m, p]
    polar = _legendre_derivatives(t, top)
    for k in range(rows.shape[0]):
        ell, m, sine = rows[k]
        factor, order = np.float32(np.sqrt(kappa) * factors[k]), np.float32(m)
        wave, other = (imag, real) if sine else (real, imag)
        sign, below = np.float32(1.0 if sine else -1.0), max(m - 1, 0)
        for p in range(b):
            height, slope = factor * polar[ell, m, p], factor * polar[ell, m + 1, p]
            value = height * wave[m, p]
            radial = value - order * value - t[p] * slope * wave[m, p]
            phi[0, k, p] = length[p] * value
            phi[1, k, p] = u[p] * radial + order * height * wave[below, p]
            phi[2, k, p] = v[p] * radial + sign * order * height * other[below, p]
    phi[0, -1], phi[1, -1], phi[2, -1] = np.float32(1.0), np.float32(0.0), np.float32(0.0)


@inlined
def _legendre_derivatives(t, top):
    """Derivatives m = 0 to top + 1 of P_l at t (B,), l = 0 to top: (top + 1, top + 2, B)."""
    polar = np.zeros((top + 1, top + 2, t.size), np.float32)
    polar[0, 0] = np.float32(1.0)
    for ell in range(1, top + 1):
        polar[ell, ell] = np.float32(2 * ell - 1) * polar[ell - 1, ell - 1]
        for m in range(ell):
            first = np.float32((2 * ell - 1) / (ell - m))
            second = np.float32((ell + m - 1) / (ell - m))
            before = polar[max(ell - 2, 0), m]  # at ell = 1 its factor `second` is 0
            for p in range(t.size):
                polar[ell, m, p] = first * t[p] * polar[ell - 1, m, p] - second * before[p]
    return polar


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
def _charge(z, top, total, pairs, start, smoothing, label_charges, scalars):
    """Turn logits z (N, B) into −w α, add the block's loss, hits and squared residuals to scalars.

    α are the residuals, or label charges in their stead; the scalars always see the residuals.
    """
    n, b = z.shape
    hit, miss = np.float32(1.0 - smoothing), np.float32(smoothing / n)
    for p in range(b):
        label, weight = pairs.labels[start + p], pairs.weights[start + p]
        mean, best = 0.0, 0
        for m in range(n):
            mean += z[m, p] / n
            if z[m, p] > z[best, p]:
                best = m
        scalars[0] -= weight * ((1.0 - smoothing) * z[label, p] + smoothing * mean)
        scalars[1] += weight * (best == label)
        scalars[2] += pairs.validation[start + p] * (best == label)
    _softmax(z, top, total)
    for p in range(b):
        scalars[0] += pairs.weights[start + p] * (top[p] + np.log(total[p]))
        total[p] = np.float32(1.0) / total[p]
    for m in range(n):
        for p in range(b):
            target = miss + hit * np.float32(pairs.labels[start + p] == m)
            z[m, p] = z[m, p] * total[p] - target
            scalars[4] += pairs.weights[start + p] * z[m, p] ** 2
            if label_charges:
                z[m, p] = np.float32(1.0 / n) - target
            z[m, p] *= pairs.weights[start + p]


@inlined
def _field_gradient(theta, recipe, pairs, table, label_charges, gradient, scalars):
    """Fill gradient with ∂L/∂θ, θ = E | readout (N, K + 1), and scalars (5,) as `Run` has them."""
    n, features, b = recipe.tokens, table[0].shape[0] + 1, pairs.block
    beta, kappa = np.float32(recipe.bias_scale), recipe.hidden / 6
    row = (features + LANES - 1) // LANES * LANES
    x, push = np.empty((2, b), np.float32), np.empty((2, b), np.float32)
    top, total = np.empty((2, b), np.float32)
    phi, back = np.empty((3, features, b), np.float32), np.empty((features, b), np.float32)
    units, turned = np.zeros((b, row), np.float32), np.zeros((n, row), np.float32)
    z = np.empty((n, b), np.float32)
    readout = theta[2 * n :]
    gradient[:] = np.float32(0.0)
    scalars[:] = 0.0
    for start in range(0, pairs.first.size, b):
        for p in range(b):
            i, j = 2 * pairs.first[start + p], 2 * pairs.second[start + p]
            x[0, p], x[1, p] = theta[i] + theta[j], theta[i + 1] + theta[j + 1]
        _multipoles(x, beta, kappa, table[0], table[1], phi)
        z[:], back[:], push[:] = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        add_product(z, readout, features, 1, phi[0], n, features, b)
        _charge(z, top, total, pairs, start, recipe.label_smoothing, label_charges, scalars)
        units[:, :features] = phi[0].T
        add_product(turned, z, b, 1, units, n, b, row)
        add_product(back, readout, 1, features, z, features, n, b)
        for k in range(features):
            for p in range(b):
                push[0, p] += back[k, p] * phi[1, k, p]
                push[1, p] += back[k, p] * phi[2, k, p]
        for p in range(b):
            i, j = 2 * pairs.first[start + p], 2 * pairs.second[start + p]
            for axis in range(2):
                gradient[i + axis] += push[axis, p]
                gradient[j + axis] += push[axis, p]
    gradient[2 * n :] = turned[:, :features].copy().reshape(n * features)
    held_out = pairs.validation.sum()
    scalars[2] = scalars[2] / held_out if held_out > 0 else np.nan
    scalars[3] = np.sqrt((gradient[: 2 * n] ** 2).sum() / n)
    scalars[4] = np.sqrt(scalars[4])


@kept
@njit(nogil=True, fastmath=FLAGS)
def deposit_and_move(E, recipe, pairs, table, label_charges, steps, stop, positions, scalars):
    """Lay down the field and move the particles E (N, 2) in it; as `_engine.trace` otherwise.

    By gradient descent; of the groups of the Recipe only E and W2 are there, the readout of the
    field. Fills positions (T, N, 2) and scalars (T, 5) at the given steps.

    Returns:
        number of snapshots filled, and -1 or the number of steps after which the loss or the
        positions stopped being finite.
    """
    n = E.shape[0]
    theta = np.zeros(2 * n + n * (table[0].shape[0] + 1), np.float32)
    theta[: 2 * n] = E.copy().reshape(2 * n)
    gradient, speed = np.empty_like(theta), np.zeros_like(theta)
    measured, now = np.empty(5), 0
    rate, inertia = recipe.rates[0], np.float32(recipe.momentum)
    for t in range(steps.size):
        while True:
            _field_gradient(theta, recipe, pairs, table, label_charges, gradient, measured)
            if not (_finite(measured[0]) and _finite(theta.sum())):
                return t, now
            if now == steps[t]:
                break
            if stop[0]:
                return t, -1
            decaying = recipe.decay_from <= now < recipe.decay_until
            for i in range(theta.size):
                decay = recipe.decays[0 if i < 2 * n else 2] if decaying else np.float32(0.0)
                speed[i] = inertia * speed[i] + gradient[i] + decay * theta[i]
                theta[i] -= rate * speed[i]
            now += 1
        positions[t] = theta[: 2 * n].copy().reshape(n, 2)
        for i in range(5):
            scalars[t, i] = measured[i]
    return steps.size, -1
