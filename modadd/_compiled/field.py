"""The compiled loop of the logit field and its particles, one seed at a time; see `particles`.

It holds no Python lock, and nothing in it depends on other seeds or on threads. Slices are filled
by loops, which compile in half of the time.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit

from modadd._compiled.engine import Pairs
from modadd._compiled.simd import FLAGS, LANES, exp, finite, inlined
from modadd._compiled.store import kept
from modadd._compiled.vectors import entry, lean, load, nought1, store, times_plus


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
    for p in range(b):
        phi[0, -1, p], phi[1, -1, p], phi[2, -1, p] = 1.0, 0.0, 0.0


@inlined
def _legendre_derivatives(t, top):
    """Derivatives m = 0 to top + 1 of P_l at t (B,), l = 0 to top: (top + 1, top + 2, B)."""
    polar = np.zeros((top + 1, top + 2, t.size), np.float32)
    for ell in range(top + 1):
        for p in range(t.size):
            last = polar[ell - 1, ell - 1, p]
            polar[ell, ell, p] = np.float32(2 * ell - 1) * last if ell > 0 else np.float32(1.0)
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


@lean
def add_product(out, left, left_row, left_step, right, m, k, columns):
    """out (M, B) += left (M, K) @ right (K, B) on the first `columns`, a multiple of LANES.

    out and right are C-ordered with rows of equal length; left is any array whose entry (i, j)
    lies left_row i + left_step j entries from its start. Six sums at a time stay in registers.
    """
    b, full = out.shape[1], m - m % 6
    for p in range(0, columns, LANES):
        for i in range(0, full, 6):
            at, row = b * i + p, left_row
            one, two = load(nought1(), out, at), load(nought1(), out, at + b)
            three, four = load(nought1(), out, at + 2 * b), load(nought1(), out, at + 3 * b)
            five, six = load(nought1(), out, at + 4 * b), load(nought1(), out, at + 5 * b)
            for j in range(k):
                x, here = load(nought1(), right, b * j + p), row * i + left_step * j
                one = times_plus(entry(left, here), x, one)
                two = times_plus(entry(left, here + row), x, two)
                three = times_plus(entry(left, here + 2 * row), x, three)
                four = times_plus(entry(left, here + 3 * row), x, four)
                five = times_plus(entry(left, here + 4 * row), x, five)
                six = times_plus(entry(left, here + 5 * row), x, six)
            store(out, at, one)
            store(out, at + b, two)
            store(out, at + 2 * b, three)
            store(out, at + 3 * b, four)
            store(out, at + 4 * b, five)
            store(out, at + 5 * b, six)
        for i in range(full, m):
            total = load(nought1(), out, b * i + p)
            for j in range(k):
                x = load(nought1(), right, b * j + p)
                total = times_plus(entry(left, left_row * i + left_step * j), x, total)
            store(out, b * i + p, total)


def in_blocks(pairs: Pairs) -> tuple[Pairs, int]:
    """The pairs padded to whole blocks, with weights of zero, and how many a block has.

    A block's rows are an odd number of cache lines long, so that a column of products spreads over
    all sets of the cache.
    """
    count = len(pairs.labels)
    block = min((80, 48, 112), key=lambda size: -(-count // size) * size)
    return Pairs(*(np.pad(column, (0, -count % block)) for column in pairs)), block


@inlined
def _field_gradient(theta, recipe, pairs, b, table, label_charges, gradient, scalars):
    """Fill gradient with ∂L/∂θ, θ = E | readout (N, K + 1), and scalars (5,) as `Run` has them.

    The pairs are in blocks of b.
    """
    n, features = recipe.tokens, table[0].shape[0] + 1
    beta, kappa = np.float32(recipe.bias_scale), recipe.hidden / 6
    row = (features + LANES - 1) // LANES * LANES
    x, push = np.empty((2, b), np.float32), np.empty((2, b), np.float32)
    top, total = np.empty((2, b), np.float32)
    phi, back = np.empty((3, features, b), np.float32), np.empty((features, b), np.float32)
    units, turned = np.zeros((b, row), np.float32), np.zeros((n, row), np.float32)
    z = np.empty((n, b), np.float32)
    readout = theta[2 * n :]
    gradient.fill(0.0)
    scalars.fill(0.0)
    for start in range(0, pairs.first.size, b):
        for p in range(b):
            i, j = 2 * pairs.first[start + p], 2 * pairs.second[start + p]
            x[0, p], x[1, p] = theta[i] + theta[j], theta[i + 1] + theta[j + 1]
        _multipoles(x, beta, kappa, table[0], table[1], phi)
        z.fill(0.0)
        back.fill(0.0)
        push.fill(0.0)
        add_product(z, readout, features, 1, phi[0], n, features, b)
        _charge(z, top, total, pairs, start, recipe.label_smoothing, label_charges, scalars)
        for k in range(features):
            for p in range(b):
                units[p, k] = phi[0, k, p]
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
    for m in range(n):
        for k in range(features):
            gradient[2 * n + features * m + k] = turned[m, k]
    held_out = pairs.validation.sum()
    scalars[2] = scalars[2] / held_out if held_out > 0 else np.nan
    scalars[3] = np.sqrt((gradient[: 2 * n] ** 2).sum() / n)
    scalars[4] = np.sqrt(scalars[4])


@kept
@njit(nogil=True, fastmath=FLAGS)
def deposit_and_move(
    E, recipe, pairs, block, table, label_charges, steps, stop, positions, scalars
):
    """Lay down the field and move the particles E (N, 2) in it; as `engine.trace` otherwise.

    By gradient descent; of the groups of the Recipe only E and W2 are there, the readout of the
    field. Fills positions (T, N, 2) and scalars (T, 5) at the given steps.

    Returns:
        number of snapshots filled, and -1 or the number of steps after which the loss or the
        positions stopped being finite.
    """
    n = E.shape[0]
    theta = np.zeros(2 * n + n * (table[0].shape[0] + 1), np.float32)
    for a in range(n):
        theta[2 * a], theta[2 * a + 1] = E[a, 0], E[a, 1]
    gradient, speed = np.empty_like(theta), np.zeros_like(theta)
    measured, now = np.empty(5), 0
    rate, inertia = recipe.rates[0], np.float32(recipe.momentum)
    for t in range(steps.size):
        while True:
            _field_gradient(theta, recipe, pairs, block, table, label_charges, gradient, measured)
            if not (finite(measured[0]) and finite(theta.sum())):
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
        for a in range(n):
            positions[t, a, 0], positions[t, a, 1] = theta[2 * a], theta[2 * a + 1]
        for i in range(5):
            scalars[t, i] = measured[i]
    return steps.size, -1
