"""The largest lattice patch of an embedding: what `structure.grid` reports.

The plane is complex here: z (S, N) of unit rms radius, vectors (S,). Step u has index u - 1 on axes
of all K = N // 2 steps. Definitions, units and sources stand with `structure.grid`.
"""

from __future__ import annotations

import numpy as np

from modadd._compiled.components import components

STEP_TOLERANCE = 0.3
"""Differences this near (in spacings) to their mode are the same lattice vector."""
COINCIDENT = 1e-6
"""Tokens nearer than this (in rms radii) are one point, not neighbours."""
COLLINEAR = 0.2
"""Sine of the angle below which two vectors do not span a lattice."""


def spacing(z: np.ndarray) -> np.ndarray:
    """Median distance of a token to its nearest neighbour (S,); 0 where all tokens coincide.

    Coincident tokens are no neighbours: a circle of a frequency that shares a factor with N lays
    its tokens on top of one another, yet has a spacing.
    """
    distance = np.abs(z[:, :, None] - z[:, None, :])
    distance[distance < COINCIDENT] = np.inf
    spacing = np.median(distance.min(-1), axis=-1)
    return np.where(np.isfinite(spacing), spacing, 0.0)


def patch(z: np.ndarray) -> tuple[np.ndarray, ...]:
    """The fields of Grid after the score: steps, vectors, r2, rows, columns, joined, bonds."""
    modulus = z.shape[-1]
    reach = STEP_TOLERANCE * spacing(z)
    modes, matches = _modes(z, reach)
    best = _best_steps(modes, matches, reach)
    there = best[:, 0] > 0
    joining = best[there]
    modes = np.take_along_axis(modes[there], joining - 1, 1)
    matches = np.take_along_axis(matches[there], joining[..., None] - 1, 1)
    label, size = components(matches, joining)
    joined = label == np.take_along_axis(label, size.argmax(-1)[:, None], 1)
    coordinates = _coordinates(matches, joining, joined)
    vectors, r2 = _affine_fit(z[there], coordinates, joined, modes)
    steps, vectors, coordinates = _reduced(joining, vectors, coordinates, modulus)
    rows, columns = _rows_and_columns(coordinates, joined)
    bonds = _bonds(steps, coordinates, joined, joining, matches)
    vectors = np.stack([vectors.real, vectors.imag], -1)
    fields = (steps, vectors, r2, rows, columns, joined, bonds)
    empty = (0, np.nan, np.nan, 0, 0, False, -1)
    return tuple(_scattered(there, *field) for field in zip(fields, empty, strict=True))


def _scattered(there: np.ndarray, found: np.ndarray, empty: float) -> np.ndarray:
    """An array (S, ...) with `found` where `there`, `empty` elsewhere."""
    everywhere = np.full(there.shape + found.shape[1:], empty, dtype=found.dtype)
    everywhere[there] = found
    return everywhere


def _modes(z: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The modal difference of every step (S, K), and which differences match it (S, K, N)."""
    tokens = np.arange(z.shape[-1])
    u = np.arange(1, z.shape[-1] // 2 + 1)
    difference = z[:, (tokens + u[:, None]) % len(tokens)] - z[:, None, :]
    reach = reach[:, None, None, None]
    near = np.abs(difference[..., :, None] - difference[..., None, :]) <= reach
    # Equally frequent: take the shorter, a choice that no rotation or relabelling changes.
    rank = near.sum(-1) - np.abs(difference).round(9) / (4 * len(tokens))
    near = np.take_along_axis(near, rank.argmax(-1)[..., None, None], 2)[:, :, 0]
    mode = (difference * near).sum(-1) / near.sum(-1)
    return mode, np.abs(difference - mode[..., None]) <= reach[..., 0]


def _best_steps(modes: np.ndarray, matches: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The two non-collinear steps (S, 2) that join most tokens; 0 where there are none.

    Of equal patches the one with more matching differences wins.
    """
    S, K, modulus = matches.shape
    support, length = matches.sum(-1), np.abs(modes)
    first, second = np.triu_indices(K, 1)
    area = np.abs((modes[:, first].conj() * modes[:, second]).imag)
    spans = area > COLLINEAR * length[:, first] * length[:, second]
    # One matching difference is no mode: it takes two to close a parallelogram.
    able = (support >= 2) & (length > reach[:, None])
    s, pair = np.nonzero(able[:, first] & able[:, second] & spans)
    candidates = np.stack([first[pair], second[pair]], -1)
    _, size = components(matches[s[:, None], candidates], candidates + 1)
    merit = np.zeros((S, len(first) + 1), int)  # one more, so that no axis is empty
    merit[s, pair] = 2 * modulus * size.max(-1, initial=0) + support[s[:, None], candidates].sum(-1)
    best = merit.argmax(-1)
    steps = np.stack([np.append(first, 0)[best], np.append(second, 0)[best]], -1) + 1
    return np.where(merit.max(-1, keepdims=True) > 0, steps, 0)


def _coordinates(matches: np.ndarray, steps: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Integers i, j (M, N, 2) of the joined tokens, counted from the first of them."""
    M, modulus = joined.shape
    coordinates = np.zeros((M, modulus, 2), int)
    known = np.zeros_like(joined)
    known[np.arange(M), joined.argmax(-1)] = True
    while (known != joined).any():  # neighbours of known tokens become known
        for axis in (0, 1):
            for sign in (1, -1):
                source = (np.arange(modulus) - sign * steps[:, axis, None]) % modulus
                match = matches[:, axis]
                if sign == 1:
                    match = np.take_along_axis(match, source, 1)
                new = np.take_along_axis(known, source, 1) & match & ~known
                m, b = np.nonzero(new)
                coordinates[m, b] = coordinates[m, source[m, b]]
                coordinates[m, b, axis] += sign
                known |= new
    return coordinates


def _affine_fit(
    z: np.ndarray, coordinates: np.ndarray, joined: np.ndarray, modes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares vectors (M, 2) of z = z_0 + i g1 + j g2 on the joined tokens, and R² (M,)."""
    share = joined / joined.sum(-1, keepdims=True)
    y = np.where(joined, z - (share * z).sum(-1, keepdims=True), 0.0)[..., None]
    x = coordinates - (share[..., None] * coordinates).sum(1, keepdims=True)
    x = np.where(joined[..., None], x, 0.0)
    scatter, moment = x.swapaxes(1, 2) @ x, x.swapaxes(1, 2) @ y
    flat = np.linalg.det(scatter) < 1e-6  # all on one lattice line: the fit leaves a vector open
    scatter[flat], moment[flat] = np.eye(2), modes[flat][..., None]
    vectors = np.linalg.solve(scatter, moment)
    residual = (np.abs(y - x @ vectors) ** 2).sum((1, 2))
    return vectors[..., 0], 1 - residual / (np.abs(y) ** 2).sum((1, 2))


def _reduced(
    steps: np.ndarray, vectors: np.ndarray, coordinates: np.ndarray, modulus: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same patches in a basis that is reduced (Lagrange), signed and ordered as `grid` says."""
    while True:
        order = np.abs(vectors).argsort(-1, kind="stable")
        steps, vectors, coordinates = _ordered(order, steps, vectors, coordinates)
        short, long = vectors.T
        overlap = (short.conj() * long).real / np.abs(short) ** 2
        turns = np.where(np.abs(overlap) > 0.5 + 1e-9, overlap.round().astype(int), 0)
        if not turns.any():
            break
        vectors[:, 1] -= turns * short
        steps[:, 1] -= turns * steps[:, 0]
        coordinates[..., 0] += turns[:, None] * coordinates[..., 1]
    steps %= modulus
    back = (2 * steps > modulus) | ((2 * steps == modulus) & (vectors.real < 0))
    sign = np.where(back, -1, 1)
    steps = np.where(back, modulus - steps, steps)
    vectors, coordinates = vectors * sign, coordinates * sign[:, None]
    return _ordered(steps.argsort(-1, kind="stable"), steps, vectors, coordinates)


def _ordered(
    order: np.ndarray, steps: np.ndarray, vectors: np.ndarray, coordinates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two steps of every patch in the given order (M, 2)."""
    return (
        np.take_along_axis(steps, order, 1),
        np.take_along_axis(vectors, order, 1),
        np.take_along_axis(coordinates, order[:, None], 2),
    )


def _bonds(
    steps: np.ndarray,
    coordinates: np.ndarray,
    joined: np.ndarray,
    joining: np.ndarray,
    matches: np.ndarray,
) -> np.ndarray:
    """The tokens (M, N, 2) that each is joined to, −1 for none: its neighbours in the basis.

    Where the steps that joined the patch are not those of the basis, a token at its rim may have
    no neighbour; it keeps a difference by which it was joined.
    """
    tokens = np.arange(joined.shape[-1])
    m = np.arange(len(joined))[:, None]
    bonds = np.full((*joined.shape, 2), -1)
    for axis in (0, 1):
        there = (tokens + steps[:, axis, None]) % len(tokens)
        apart = coordinates[m, there] - coordinates
        near = joined & joined[m, there] & (apart == np.eye(2, dtype=int)[axis]).all(-1)
        bonds[..., axis] = np.where(near, there, -1)
    bonded = (bonds >= 0).any(-1)
    row, a, axis = np.nonzero(bonds >= 0)
    bonded[row, bonds[row, a, axis]] = True
    for axis in (0, 1):
        there, back = ((tokens + sign * joining[:, axis, None]) % len(tokens) for sign in (1, -1))
        old = np.where(matches[:, axis], there, np.where(matches[m, axis, back], back, -1))
        bonds[..., axis] = np.where(joined & ~bonded, old, bonds[..., axis])
    return bonds


def _rows_and_columns(coordinates: np.ndarray, joined: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fewest parallel lattice lines that hold the patch (M,), tokens on the longest of them (M,).

    Lines of one direction are the values of p i + q j for coprime p and q. In a reduced basis small
    p and q are enough: others cut a patch into more lines.
    """
    rows, columns = np.full((2, len(joined)), 0)
    rows += joined.shape[-1] + 1
    for p, q in ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)):
        line = coordinates @ np.array([p, q])
        same = (line[:, :, None] == line[:, None, :]) & joined[:, None, :] & joined[:, :, None]
        on_line = same.sum(-1)  # how many tokens share the line of a token
        lines = (joined / np.maximum(on_line, 1)).sum(-1).round().astype(int)
        longest = on_line.max(-1, initial=0)
        better = (lines < rows) | ((lines == rows) & (longest > columns))
        rows, columns = np.where(better, lines, rows), np.where(better, longest, columns)
    return rows, columns
