"""Sums over charged pairs, of which the laws of `forces` are made, and their compiled rows.

Each row p of a sum over q is added up in order by one thread, without any P × P matrix, so memory
is O(P) and the result does not depend on the number of threads. Equations stand in `forces`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np

from modadd._compiled.store import kept
from modadd._threads import share_out
from modadd.task import ModularAddition

EXACT, CLUSTERING = 0, 1


class Pairs(NamedTuple):
    """The pairs of embeddings (..., N, 2), their leading axes flattened to one batch axis B."""

    task: ModularAddition
    batch: tuple[int, ...]
    sums: np.ndarray
    """(B, P, 2) pair sums."""
    weights: np.ndarray
    """(P,) number of ordered training pairs behind each unordered pair: 0, 1 or 2."""

    @classmethod
    def of(cls, E: np.ndarray, training: np.ndarray) -> Pairs:
        """From E (..., N, 2) float64 and the training pairs (P,) bools."""
        task, batch = cached_task(E.shape[-2]), E.shape[:-2]
        sums = np.ascontiguousarray(task.pair_sums(E))
        sums = sums.reshape(math.prod(batch), *sums.shape[-2:])
        return cls(task, batch, sums, training * task.multiplicity.astype(np.float64))

    def felt(self, values: np.ndarray) -> np.ndarray:
        """Σ_q c_pq values_q of label charges, on unordered pairs, (B, P, D) to (B, P, D).

        Through sums by label, at cost O(P).
        """
        weights, labels = self.weights[:, None], self.task.labels
        by_label = np.zeros((self.task.modulus, len(values), values.shape[-1]))
        np.add.at(by_label, labels, (weights * values).swapaxes(0, 1))
        by_label -= by_label.mean(axis=0)
        return weights * by_label[labels].swapaxes(0, 1)

    def summed(self, law: int, beta: float, gauge: float) -> np.ndarray:
        """Σ_q of one law's force by label charges, on unordered pairs, (B, P, 2)."""
        none = np.empty((*self.sums.shape[:2], 0))
        return self._rows(law, none, self.sums, none, beta, gauge)

    def summed_by_residuals(
        self, alpha: np.ndarray, past: np.ndarray, past_alpha: np.ndarray, beta: float
    ) -> np.ndarray:
        """Σ_q α_p · α_q ∇k(x_p, x_q) on unordered pairs, from where pairs were, (B, P, 2).

        With residuals alpha (..., P, N) now, and past_alpha at the pair sums past (B, P, 2).
        """
        alpha, past_alpha = (a.reshape(*past.shape[:2], a.shape[-1]) for a in (alpha, past_alpha))
        return self._rows(EXACT, alpha, past, past_alpha, beta, math.pi)

    def _rows(self, law, alpha, sources, source_alpha, beta, gauge) -> np.ndarray:
        source_alpha = np.ascontiguousarray(source_alpha.mT)
        charges = self.weights, self.task.labels, alpha, source_alpha
        total = np.zeros(self.sums.shape)

        def rows(first: int, apart: int) -> None:
            _sum_rows(law, self.sums, sources, charges, beta, gauge, total, first, apart)

        share_out(rows, operations=total.size * total.shape[1])
        return total


@lru_cache(maxsize=16)
def cached_task(modulus: int) -> ModularAddition:
    """One task for each modulus, so that its tables are built once."""
    return ModularAddition(modulus)


# atan(t) = t Σ c_n t^2n for |t| <= tan(π/8), highest power first: interpolation of atan(t) / t at
# Chebyshev points in t², in 50 digits. The relative error is 4e-18, below the rounding.
@numba.njit
def _arctangent_series(z):
    """Sum c_n z^n, spelt out: the compiler does not unroll a loop over constants."""
    total = -0.017805397205419446
    total = 0.03796525745386593 + z * total
    total = -0.05035102456601552 + z * total
    total = 0.05846878297330872 + z * total
    total = -0.06662951813629191 + z * total
    total = 0.07692045330902225 + z * total
    total = -0.09090896809064027 + z * total
    total = 0.11111110744919658 + z * total
    total = -0.14285714279250245 + z * total
    total = 0.19999999999940893 + z * total
    total = -0.3333333333333312 + z * total
    return 1.0 + z * total


_EIGHTH = math.tan(math.pi / 8)
_QUARTER, _HALF, _FULL = math.pi / 4, math.pi / 2, math.pi


@numba.njit(error_model="numpy")
def _angle(cross, dot):
    """The angle atan2(cross, dot) for cross >= 0, to rounding.

    Without branches or calls, so that the compiler does several at a time: this made the exact
    law several times as fast as with math.atan2.
    """
    size = abs(dot)
    low = cross if cross < size else size
    high = size if cross < size else cross
    upper = low > _EIGHTH * high
    top = low - high if upper else low
    bottom = low + high if upper else high
    # The smallest normal number keeps 0 / 0, a source of no length, from becoming NaN.
    t = top / (bottom + 2.3e-308)
    angle = t * _arctangent_series(t * t) + (_QUARTER if upper else 0.0)
    angle = _HALF - angle if cross > size else angle
    return _FULL - angle if dot < 0.0 else angle


@numba.njit(error_model="numpy")
def angles_between(crosses, dots):
    """One angle each; a loop of its own, or the compiler would not do several at a time."""
    angles = np.empty(len(crosses))
    for q in range(len(crosses)):
        angles[q] = _angle(crosses[q], dots[q])
    return angles


@numba.njit(error_model="numpy")
def _exact_row(x, sources, charges, beta, gauge):
    """Force on a pair sum x from all sources under the exact law.

    Rounding is relative to the largest source: the kernel's care with tiny angles is spared.
    """
    px, py = x[0], x[1]
    square = px * px + py * py + beta * beta
    if square == 0.0:
        return 0.0, 0.0
    crosses, dots = np.empty(len(sources)), np.empty(len(sources))
    for q in range(len(sources)):
        qx, qy = sources[q, 0], sources[q, 1]
        plane = px * qy - py * qx
        dx, dy = qx - px, qy - py
        crosses[q] = math.sqrt(plane * plane + beta * beta * (dx * dx + dy * dy))
        dots[q] = px * qx + py * qy + beta * beta
    angles = angles_between(crosses, dots)
    along = fx = fy = 0.0
    for q in range(len(sources)):
        turn = charges[q] * (gauge - angles[q])
        along += charges[q] * crosses[q]
        fx += turn * sources[q, 0]
        fy += turn * sources[q, 1]
    along /= square
    return (along * px + fx) / (2 * math.pi), (along * py + fy) / (2 * math.pi)


@numba.njit(error_model="numpy")
def _clustering_row(x, sources, charges, beta):
    """Force on a pair sum x from all sources under the clustering law, in the gauge of 0."""
    fx = fy = 0.0
    for q in range(len(sources)):
        dx, dy = sources[q, 0] - x[0], sources[q, 1] - x[1]
        pull = -charges[q] * (math.sqrt(dx * dx + dy * dy) / beta)
        fx += pull * dx
        fy += pull * dy
    return fx / (2 * math.pi), fy / (2 * math.pi)


@numba.njit(error_model="numpy")
def _charge_row(p, weights, labels, residuals, source_residuals):
    """Charges of the pair p with all sources, times the number of orderings of both."""
    count, weight = weights.shape[0], weights[p]
    row = np.empty(count)
    if residuals.shape[1] == 0:
        uniform = 1.0 / (labels.max() + 1)
        for q in range(count):
            row[q] = weight * weights[q] * ((labels[q] == labels[p]) - uniform)
        return row
    row[:] = 0.0
    for label in range(residuals.shape[1]):
        for q in range(count):
            row[q] += residuals[p, label] * source_residuals[label, q]
    for q in range(count):
        row[q] *= weight * weights[q]
    return row


@kept
@numba.njit(nogil=True, error_model="numpy")
def _sum_rows(law, sums, sources, charges, beta, gauge, total, first, apart):
    """Fill every so manieth row of total (B, P, 2), from the first on: a row is one thread's.

    Charges are made of weights (P,), labels (P,), and residuals, (B, P, N) of the pairs and
    (B, N, P) of the sources; without any, N being 0, they are label charges.
    """
    weights, labels, residuals, source_residuals = charges
    batch, count = sums.shape[:2]
    for row in range(first, batch * count, apart):
        b, p = row // count, row % count
        if weights[p] == 0.0:
            continue
        charged = _charge_row(p, weights, labels, residuals[b], source_residuals[b])
        if law == EXACT:
            fx, fy = _exact_row(sums[b, p], sources[b], charged, beta, gauge)
        else:
            fx, fy = _clustering_row(sums[b, p], sources[b], charged, beta)
        total[b, p, 0], total[b, p, 1] = fx, fy
