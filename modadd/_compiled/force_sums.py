"""Sums over charged pairs: the checked arguments of `forces`, and its compiled rows.

Each row p of a sum over q is added up in order by one thread, without any P × P matrix, so memory
is O(P) and the result does not depend on the number of threads. Equations stand in `forces`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from modadd import _checks, kernel
from modadd._checks import LARGEST
from modadd.task import ModularAddition

EXACT, CLUSTERING = 0, 1


@dataclass(frozen=True)
class Charges:
    """Checked arguments with leading axes flattened to one batch axis B."""

    task: ModularAddition
    batch: tuple[int, ...]
    sums: np.ndarray
    """(B, P, 2) pair sums."""
    weights: np.ndarray
    """(B, P) number of ordered training pairs behind each unordered pair: 0, 1 or 2."""
    residuals: np.ndarray
    """(B, P, N), or (B, P, 0) for label charges."""
    free_gauge: bool

    @classmethod
    def of(cls, embeddings, residuals, training) -> Charges:
        """Check everything before any work."""
        embeddings = _checks.embeddings("embeddings", embeddings, limit=LARGEST)
        batch, n = embeddings.shape[:-2], embeddings.shape[-2]
        task = cached_task(n)
        size, count = math.prod(batch), len(task.pairs)
        sums = np.ascontiguousarray(task.pair_sums(embeddings)).reshape(size, count, 2)
        every = np.ones(count, dtype=bool)
        chosen = every if training is None else _checks.bools("training", training, count)
        weights = _fitted(
            "training", chosen * task.multiplicity.astype(np.float64), batch, (count,)
        )
        free = residuals is None and bool(chosen.all())
        if residuals is None:
            residuals = np.empty((*batch, count, 0))
        else:
            residuals = _checks.array("residuals", residuals, (..., count, n), limit=LARGEST)
            residuals = _fitted("residuals", residuals, batch, (count, n))
        return cls(
            task,
            batch,
            sums,
            weights.reshape(size, count),
            residuals.reshape(size, count, residuals.shape[-1]),
            free,
        )

    @property
    def from_labels(self) -> bool:
        return self.residuals.shape[-1] == 0

    def felt_at(self, values: np.ndarray) -> np.ndarray:
        """Σ_q c_pq values_q over ordered pairs q, (B, P, D) to (B, P, D), through N channels."""
        weighted = self.weights[..., None] * values
        if not self.from_labels:
            return self.residuals @ (self.residuals.mT @ weighted)
        by_label = label_sums(weighted, self.task)
        return (by_label - by_label.mean(axis=1, keepdims=True))[:, self.task.labels]

    def applied_to(self, values: np.ndarray) -> np.ndarray:
        """The same as a force on unordered pairs: zero outside the training set."""
        return self.weights[..., None] * self.felt_at(values)


@lru_cache(maxsize=16)
def cached_task(modulus: int) -> ModularAddition:
    """One task for each modulus, so that its tables are built once."""
    return ModularAddition(modulus)


@lru_cache(maxsize=16)
def pair_table(modulus: int) -> np.ndarray:
    """Index of the unordered pair of tokens a and b, (N, N)."""
    pairs = cached_task(modulus).pairs
    table = np.empty((modulus, modulus), dtype=np.intp)
    table[pairs[:, 0], pairs[:, 1]] = table[pairs[:, 1], pairs[:, 0]] = np.arange(len(pairs))
    return table


def _fitted(name: str, array: np.ndarray, batch: tuple, trailing: tuple) -> np.ndarray:
    """Broadcast `array` to the batch of the embeddings, or raise ValueError naming it."""
    try:
        return np.ascontiguousarray(np.broadcast_to(array, (*batch, *trailing)))
    except ValueError:
        raise ValueError(
            f"{name} must have shape {trailing} with leading axes that fit {batch}, "
            f"got {array.shape}"
        ) from None


def choose_gauge(gauge: float | None, charges: Charges) -> float:
    """The gauge asked for, or the one that is both right and keeps most digits."""
    if gauge is None:
        return 0.0 if charges.free_gauge else math.pi
    return _checks.real("gauge", gauge, -LARGEST, LARGEST)


def label_sums(values: np.ndarray, task: ModularAddition) -> np.ndarray:
    """Sum values over the unordered pairs of each label, (B, P, D) to (B, N, D)."""
    totals = np.zeros((task.modulus, len(values), values.shape[-1]))
    np.add.at(totals, task.labels, values.swapaxes(0, 1))
    return totals.swapaxes(0, 1)


def component_along(forces: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Component of forces along the pair sums; all of it (that is, zero) where the sum is 0."""
    square = np.square(sums).sum(-1, keepdims=True)
    share = (forces * sums).sum(-1, keepdims=True) / np.where(square == 0, 1.0, square)
    return share * sums


def quadratic_sums(charges: Charges) -> np.ndarray:
    """Σ_q c_pq 2 (x_p·x_q) x_q: through the second moments of the pair sums, with no P² loop."""
    x = charges.sums
    outer = (x[..., :, None] * x[..., None, :]).reshape(*x.shape[:2], 4)
    moments = charges.applied_to(outer).reshape(*x.shape, 2)
    return 2 * (moments @ x[..., None])[..., 0]


def summed(
    charges: Charges, law: int, beta: float, gauge: float, sources: Charges | None = None
) -> np.ndarray:
    """Σ_q over sources (by default the pairs themselves) of one law's force, (B, P, 2)."""
    sources = charges if sources is None else sources
    return _row_sums(
        law,
        charges.sums,
        sources.sums,
        charges.weights,
        sources.weights,
        charges.task.labels,
        charges.residuals,
        np.ascontiguousarray(sources.residuals.mT),
        beta,
        gauge,
    )


def charge_matrix(charges: Charges) -> np.ndarray:
    """c_pq times the orderings of both pairs, (B, P, P, 1)."""
    if charges.from_labels:
        labels = charges.task.labels
        signs = (labels[:, None] == labels) - 1 / charges.task.modulus
    else:
        signs = charges.residuals @ charges.residuals.mT
    return (signs * charges.weights[:, :, None] * charges.weights[:, None, :])[..., None]


def exact_matrix(sums: np.ndarray, beta: float, gauge: float) -> np.ndarray:
    """Every single force of the exact law for unit charges, (B, P, P, 2)."""
    x, sources = sums[:, :, None, :], sums[:, None, :, :]
    shift = (gauge - math.pi) / (2 * math.pi) * sources
    kink = (beta == 0) & (x == 0).all(axis=-1, keepdims=True)
    return kernel.arc_cosine_gradient(x, sources, beta) + np.where(kink, 0.0, shift)


def clustering_matrix(sums: np.ndarray, beta: float, gauge: float) -> np.ndarray:
    """Every single force of the clustering law for unit charges, (B, P, P, 2)."""
    apart = sums[:, None, :, :] - sums[:, :, None, :]
    distance = np.hypot(apart[..., :1], apart[..., 1:])
    return (gauge - distance / beta) * apart / (2 * math.pi)


# atan(t) = t Σ c_n t^2n for |t| <= tan(π/8), highest power first: interpolation of atan(t) / t at
# Chebyshev points in t², in 50 digits. The relative error is 4e-18, below the rounding.
@numba.njit(cache=True)
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


@numba.njit(cache=True, error_model="numpy")
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


@numba.njit(cache=True, error_model="numpy")
def angles_between(crosses, dots):
    """One angle each; a loop of its own, or the compiler would not do several at a time."""
    angles = np.empty(len(crosses))
    for q in range(len(crosses)):
        angles[q] = _angle(crosses[q], dots[q])
    return angles


@numba.njit(cache=True, error_model="numpy")
def _exact_row(x, sources, charges, beta, gauge):
    """Force on a pair sum x from all sources under the exact law.

    Rounding is relative to the largest source here, so kernel.py's care with tiny angles is spared.
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


@numba.njit(cache=True, error_model="numpy")
def _clustering_row(x, sources, charges, beta, gauge):
    """Force on a pair sum x from all sources under the clustering law."""
    fx = fy = 0.0
    for q in range(len(sources)):
        dx, dy = sources[q, 0] - x[0], sources[q, 1] - x[1]
        pull = charges[q] * (gauge - math.sqrt(dx * dx + dy * dy) / beta)
        fx += pull * dx
        fy += pull * dy
    return fx / (2 * math.pi), fy / (2 * math.pi)


@numba.njit(cache=True, error_model="numpy")
def _charge_row(p, weight, source_weights, labels, residuals, source_residuals):
    """Charges of the pair p with all sources, times the number of orderings of both."""
    count = source_weights.shape[0]
    row = np.empty(count)
    if residuals.shape[1] == 0:
        uniform = 1.0 / (labels.max() + 1)
        for q in range(count):
            row[q] = weight * source_weights[q] * ((labels[q] == labels[p]) - uniform)
        return row
    row[:] = 0.0
    for label in range(residuals.shape[1]):
        for q in range(count):
            row[q] += residuals[p, label] * source_residuals[label, q]
    for q in range(count):
        row[q] *= weight * source_weights[q]
    return row


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _row_sums(
    law, sums, sources, weights, source_weights, labels, residuals, source_residuals, beta, gauge
):
    """One row for each target: threads share rows, never a row, so sums keep their order."""
    batch, count = sums.shape[:2]
    total = np.zeros((batch, count, 2))
    for row in numba.prange(batch * count):
        b, p = row // count, row % count
        if weights[b, p] == 0.0:
            continue
        charges = _charge_row(
            p, weights[b, p], source_weights[b], labels, residuals[b], source_residuals[b]
        )
        if law == EXACT:
            fx, fy = _exact_row(sums[b, p], sources[b], charges, beta, gauge)
        else:
            fx, fy = _clustering_row(sums[b, p], sources[b], charges, beta, gauge)
        total[b, p, 0], total[b, p, 1] = fx, fy
    return total
