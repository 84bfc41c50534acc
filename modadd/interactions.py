"""Clustering and alignment as parts of one force: between two pairs, and as a two-term formula."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from modadd import _checks
from modadd._compiled.force_sums import (
    Charges,
    charge_matrix,
    choose_gauge,
    clustering_matrix,
    component_along,
    exact_matrix,
)
from modadd.forces import alignment, clustering, embedding_forces, exact
from modadd.task import ModularAddition

_MATRIX_LIMIT = 2**29


@dataclass(frozen=True)
class Interactions:
    """The force that each pair exerts on each other pair; [..., p, q, :] is that of q on p.

    Pairs are unordered: an entry counts all orderings of both, so that the sum over q is the
    force on p as returned by `forces.pair_forces`.
    """

    task: ModularAddition
    exact: np.ndarray
    """(..., P, P, 2) the exact law."""
    clustering: np.ndarray
    """(..., P, P, 2) c_pq (θ0 − r / β) (x_q − x_p) / 2π."""
    torque: np.ndarray
    """(..., P, P, 2) the part of the β = 0 law across x_p."""
    stretch: np.ndarray
    """(..., P, P, 2) the part of the β = 0 law along x_p."""
    weights: TwoTermFit
    """Weights with which clustering and alignment add up to the exact force on embeddings."""

    @property
    def alignment(self) -> np.ndarray:
        """(..., P, P, 2) torque plus stretch."""
        return self.torque + self.stretch

    def on_pairs(self, part: str = "exact") -> np.ndarray:
        """Force of one part (exact, clustering, alignment, torque, stretch) on pairs, (..., P, 2).

        Raises:
            ValueError: if there is no such part.
        """
        parts = ("exact", "clustering", "alignment", "torque", "stretch")
        return getattr(self, _checks.choice("part", part, parts)).sum(axis=-2)

    def on_embeddings(self, part: str = "exact") -> np.ndarray:
        """Resulting force of one part on the embeddings, (..., N, 2); parts as in `on_pairs`."""
        return embedding_forces(self.on_pairs(part), self.task)


def interactions(
    embeddings: np.ndarray,
    bias_scale: float = 1.0,
    gauge: float = math.pi / 2,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> Interactions:
    """Force that each pair exerts on each other pair, split into clustering and alignment.

    The gauge moves force between the interactions without changing their sums (label charges
    over all pairs): at π/2, the default, like labels attract when near and align on the nearer
    of two opposite directions. For residual charges or a partial training set the exact part
    sums to the force for gauge=π only, and the gauge adds a linear force to the other parts.

    Args:
        embeddings: (..., N, 2).
        bias_scale: β in ]0, 1e30].
        gauge: θ0, for all parts, within ±1e30.
        residuals: (..., P, N), as in `exact`.
        training: (..., P) bools, as in `exact`.

    Returns:
        Interactions. Meant for small N: memory is 64 P² bytes for each set of embeddings, 1.5 MB
        at N = 17.

    Raises:
        ValueError: as for `exact`, or if the result would take more than 0.5 GiB.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> pushes = interactions(E)
    >>> pushes.clustering.shape
    (15, 15, 2)
    >>> np.allclose(pushes.on_embeddings("clustering"), clustering(E))
    True
    """
    beta = _checks.real("bias_scale", bias_scale, 0.0, _checks.LARGEST, open_low=True)
    charges = Charges.of(embeddings, residuals, training)
    theta0 = choose_gauge(gauge, charges)
    count = charges.sums.shape[0] * charges.sums.shape[1] ** 2
    if 64 * count > _MATRIX_LIMIT:
        raise ValueError(
            f"embeddings must be few enough for the result to fit in 0.5 GiB, got shape "
            f"{np.shape(embeddings)}, which takes {64 * count / 2**30:.1f} GiB; "
            f"exact, clustering and alignment need no such storage"
        )
    matrix, sums = charge_matrix(charges), charges.sums
    aligning = matrix * exact_matrix(sums, 0.0, theta0)
    along = component_along(aligning, sums[:, :, None, :])
    parts = (
        matrix * exact_matrix(sums, beta, theta0),
        matrix * clustering_matrix(sums, beta, theta0),
        aligning - along,
        along,
    )
    fit = two_term_fit(embeddings, beta, residuals, training)
    shaped = (part.reshape(*charges.batch, *part.shape[1:]) for part in parts)
    return Interactions(charges.task, *shaped, weights=fit)


# --- the two-term formula ------------------------------------------------------------------------


class TwoTermFit(NamedTuple):
    """Least-squares weights of clustering and alignment, and the shares of squared force."""

    clustering: float
    """w_c; tends to 1 for |x| ≪ β and to 0 for |x| ≫ β."""
    alignment: float
    """w_a; tends to 0 for |x| ≪ β and to 1 for |x| ≫ β."""
    r2: float
    """R² of both terms together."""
    r2_clustering: float
    """R² of clustering alone, with its own best weight."""
    r2_alignment: float
    """R² of alignment alone, with its own best weight."""


def two_term_fit(
    embeddings: np.ndarray,
    bias_scale: float = 1.0,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> TwoTermFit:
    """Fit the exact force on embeddings by w_c · clustering + w_a · alignment.

    One pair of weights for the whole batch, no constant term: R² is 1 − Σ|F − fit|² / Σ|F|² over
    all components. All three forces are taken in the gauge of 0, so for a partial training set
    the formula describes what is left beside `linear`, which needs no fit.

    Args:
        embeddings: (..., N, 2), not all pair sums equal.
        bias_scale: β > 0.
        residuals: (..., P, N), as in `exact`.
        training: (..., P) bools, as in `exact`.

    Returns:
        TwoTermFit.

    Raises:
        ValueError: as for `exact`, or if the exact force vanishes everywhere.

    >>> E = np.random.default_rng(0).standard_normal((17, 2))
    >>> print(f"{two_term_fit(E).r2:.2f} of the exact force")
    0.98 of the exact force
    """
    beta = _checks.real("bias_scale", bias_scale, 0.0, _checks.LARGEST, open_low=True)
    target = exact(embeddings, beta, 0.0, residuals, training).ravel()
    if not target.any():
        raise ValueError("embeddings must feel a force for a fit, got a force of zero everywhere")
    columns = np.stack(
        [
            clustering(embeddings, beta, residuals, training).ravel(),
            alignment(embeddings, residuals, training).ravel(),
        ],
        axis=-1,
    )

    def fit(chosen: np.ndarray) -> tuple[np.ndarray, float]:
        weights = np.linalg.lstsq(chosen, target, rcond=None)[0]
        return weights, float(1 - np.square(target - chosen @ weights).sum() / target.dot(target))

    weights, r2 = fit(columns)
    return TwoTermFit(
        float(weights[0]), float(weights[1]), r2, fit(columns[:, :1])[1], fit(columns[:, 1:])[1]
    )


def alignment_weight(E: np.ndarray, bias_scale: float) -> float:
    """Weight w_a of alignment in the two-term formula for embeddings (S, N, 2), at most 1.

    Without bias the exact law is alignment, so the weight is 1.

    Args:
        E: embeddings (..., N, 2), not all pair sums equal.
        bias_scale: β in [0, 1e30].

    Raises:
        ValueError: naming the argument that does not fit.

    >>> E = np.random.default_rng(0).standard_normal((8, 17, 2))
    >>> alignment_weight(E, 0.1) > alignment_weight(E, 10.0)
    True
    """
    bias_scale = _checks.real("bias_scale", bias_scale, 0.0, 1e30)
    E = _checks.embeddings("E", E, limit=1e30)
    return 1.0 if bias_scale == 0 else min(1.0, two_term_fit(E, bias_scale).alignment)
