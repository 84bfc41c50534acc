"""Forces between pairs: one exact law with two faces, clustering and alignment.

While the readout does most of the learning, the network's logits are a field laid down by the
pairs through the kernel k of `modadd.kernel`, and the pairs move in that field. With residuals
α, charges c_pq = α_p · α_q and sums over ordered pairs q (derived here):

    force on the ordered pair p    ∝ Σ_q c_pq ∇k(x_p, x_q)        i.e. −∂/∂x_p of −½ Σ c_pq k_pq

*Label charges.* While softmax is uniform, c_pq = [y_p = y_q] − 1/N. Over all pairs they obey two
*sum rules*, Σ_q c_pq = 0 and Σ_q c_pq x_q = 0: a linear kernel exerts no net force. Hence the
*gauge freedom*: with θ the angle between lifted points x̃ = (x, β) of length ñ,

    exact        c_pq [ (ñ_q / ñ_p) sin θ · x_p + (θ0 − θ) x_q ] / 2π      for any gauge θ0
    clustering   c_pq (θ0 − r / β) (x_q − x_p) / 2π                          its limit |x| ≪ β
    alignment    the exact law with β = 0                                    its limit |x| ≫ β

θ0 = π is the gradient of k itself. Clustering: like labels nearer than θ0 β attract, farther ones
repel. Alignment splits into *torque*, across x_p, c_pq (θ0 − θ) |x_q| sin θ / 2π, which for
θ0 = π/2 turns x_p onto the axis of x_q (parallel or antiparallel, whichever is nearer), and
*stretch*, along x_p.

*What changes for a partial training set, or for real residuals.* The sum rules fail, so only
θ0 = π is the force; the gauge of 0 drops the force of the kernel x·x'/2, returned by `linear`:

    exact(gauge=π) = exact(gauge=0) + linear        always
    linear = 0                                      label charges over all pairs

Clustering and alignment are returned in the gauge of 0, so `linear` stands beside them.

*Units.* Forces are sums over *ordered* pairs, without prefactor, in the embeddings' unit;
`prefactor` turns them into −∂L/∂E. A force on an unordered pair p is −∂/∂x_p as in
`modadd.model`: the force on the ordered pair times its multiplicity, and zero outside the
training set. `embedding_forces` scatters it: F_a = Σ_{p ∋ a} f_p, twice for p = (a, a).

*Cost.* P = N (N + 1) / 2 pairs, P² kernel evaluations (41 million at N = 113), in compiled rows
and O(P) memory: time grows as N⁴. Each row is summed in order by one thread, so the result does
not depend on the number of threads. `benchmarks/bench_forces.py` measures it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from modadd import _checks
from modadd._force_sums import (
    CLUSTERING,
    EXACT,
    LARGEST,
    Charges,
    cached_task,
    charge_matrix,
    choose_gauge,
    clustering_matrix,
    component_along,
    exact_matrix,
    label_sums,
    pair_table,
    quadratic_sums,
    summed,
)
from modadd.task import ModularAddition

LAWS = ("exact", "clustering", "alignment", "torque", "stretch", "linear", "quadratic")
_MATRIX_LIMIT = 2**29


# --- forces on embeddings -------------------------------------------------------------------------


def exact(
    embeddings: np.ndarray,
    bias_scale: float = 1.0,
    gauge: float | None = None,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Exact law, on embeddings: Σ_q c_pq [ (ñ_q / ñ_p) sin θ x_p + (θ0 − θ) x_q ] / 2π, scattered.

    Args:
        embeddings: (..., N, 2).
        bias_scale: β >= 0, in the embeddings' unit. With β = 0, a pair sum at 0 feels no force.
        gauge: θ0. By default 0 where the choice is free (label charges over all pairs; it loses
            the fewest digits for |x| ≪ β) and π, the gradient of the kernel, elsewhere.
        residuals: (..., P, N) residuals α_p, for charges α_p · α_q; label charges if None.
        training: (..., P) bools, the pairs that exert and feel forces; all pairs if None.

    Returns:
        (..., N, 2) float64, without `prefactor`.

    Raises:
        ValueError: if a shape does not fit, an entry is not within ±1e30 or bias_scale not in
            [0, 1e30].

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(exact(E, gauge=0.0), exact(E, gauge=np.pi))
    True
    """
    return _on_embeddings(embeddings, "exact", bias_scale, gauge, residuals, training)


def clustering(
    embeddings: np.ndarray,
    bias_scale: float = 1.0,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Clustering, on embeddings: Σ_q c_pq (−r / β) (x_q − x_p) / 2π, scattered.

    The limit of the exact law for |x| ≪ β (where k = linear + r³ / 6πβ), in the gauge of 0. It
    is central and translation-invariant: the forces add up to zero for any charges. The force is
    exactly inverse to β.

    Args:
        embeddings: (..., N, 2).
        bias_scale: β in ]0, 1e30].
        residuals: (..., P, N) residuals α_p, for charges α_p · α_q; label charges if None.
        training: (..., P) bools, the pairs that exert and feel forces; all pairs if None.

    Returns:
        (..., N, 2) float64, without `prefactor`.

    Raises:
        ValueError: as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(clustering(E, bias_scale=4.0), clustering(E) / 4)
    True
    """
    return _on_embeddings(embeddings, "clustering", bias_scale, None, residuals, training)


def alignment(
    embeddings: np.ndarray,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Alignment, on embeddings: the exact law with β = 0 in the gauge of 0; torque plus stretch.

    Homogeneous of degree 1: embeddings twice as large feel twice the force.

    Args:
        embeddings: (..., N, 2).
        residuals: (..., P, N) residuals α_p, for charges α_p · α_q; label charges if None.
        training: (..., P) bools, the pairs that exert and feel forces; all pairs if None.

    Returns:
        (..., N, 2) float64, without `prefactor`.

    Raises:
        ValueError: as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(alignment(E), exact(E, bias_scale=0.0))
    True
    """
    return _on_embeddings(embeddings, "alignment", 0.0, None, residuals, training)


def torque(
    embeddings: np.ndarray,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Part of `alignment` across each pair sum: it turns pairs (the torque, divided by |x_p|).

    Args:
        embeddings: (..., N, 2).
        residuals: (..., P, N) residuals α_p, for charges α_p · α_q; label charges if None.
        training: (..., P) bools, the pairs that exert and feel forces; all pairs if None.

    Returns:
        (..., N, 2) float64, without `prefactor`.

    Raises:
        ValueError: as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(torque(E) + stretch(E), alignment(E))
    True
    """
    return _on_embeddings(embeddings, "torque", 0.0, None, residuals, training)


def stretch(
    embeddings: np.ndarray,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Part of `alignment` along each pair sum: it lengthens or shortens pairs.

    Args:
        embeddings: (..., N, 2).
        residuals: (..., P, N) residuals α_p, for charges α_p · α_q; label charges if None.
        training: (..., P) bools, the pairs that exert and feel forces; all pairs if None.

    Returns:
        (..., N, 2) float64, without `prefactor`.

    Raises:
        ValueError: as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(stretch(E), alignment(E) - torque(E))
    True
    """
    return _on_embeddings(embeddings, "stretch", 0.0, None, residuals, training)


def linear(
    embeddings: np.ndarray,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Force of the kernel x·x'/2, on embeddings: ½ Σ_q c_pq x_q, scattered.

    Zero for label charges over all pairs (a sum rule). Elsewhere it is the difference between the
    exact law in the gauges of π and 0, and it dominates for |x| ≪ β.

    Args:
        embeddings: (..., N, 2).
        residuals: (..., P, N) residuals α_p, for charges α_p · α_q; label charges if None.
        training: (..., P) bools, the pairs that exert and feel forces; all pairs if None.

    Returns:
        (..., N, 2) float64, without `prefactor`.

    Raises:
        ValueError: as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(linear(E), 0)
    True
    """
    return _on_embeddings(embeddings, "linear", 0.0, None, residuals, training)


def quadratic(
    embeddings: np.ndarray,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Force of the toy kernel (x·x')², on embeddings: Σ_q c_pq 2 (x_p·x_q) x_q, scattered.

    For label charges over all pairs, frequencies decouple exactly (derived here). With the
    unnormalised transform Ê_k = Σ_a E_a exp(−2πi k a / N) of either coordinate,

        F̂_k = 8 |Ê_k|² Ê_k for k ≠ 0        F̂_0 = 0        |Ê_k|² summed over both coordinates

    Its cost is O(P N).

    Args:
        embeddings: (..., N, 2).
        residuals: (..., P, N) residuals α_p, for charges α_p · α_q; label charges if None.
        training: (..., P) bools, the pairs that exert and feel forces; all pairs if None.

    Returns:
        (..., N, 2) float64.

    Raises:
        ValueError: as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((7, 2))
    >>> transform = np.fft.fft(E, axis=0)
    >>> power = (abs(transform) ** 2).sum(axis=1, keepdims=True)
    >>> power[0] = 0
    >>> np.allclose(np.fft.fft(quadratic(E), axis=0), 8 * power * transform)
    True
    """
    return _on_embeddings(embeddings, "quadratic", 0.0, None, residuals, training)


def field_law(
    embeddings: np.ndarray,
    residuals: np.ndarray,
    past_embeddings: np.ndarray,
    past_residuals: np.ndarray,
    weights: np.ndarray,
    bias_scale: float = 1.0,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Law with memory: Σ_s w_s Σ_q α_p · α_q(s) ∇k(x_p, x_q(s)), scattered to embeddings.

    The field at a step was laid down by the pairs where they *were*, with the residuals they
    *had*; `memory_weights` tells how much of each past step is left. No mesh, no fit.

    Args:
        embeddings: (..., N, 2), now.
        residuals: (..., P, N), now.
        past_embeddings: (T, ..., N, 2), where the pairs were at T past steps.
        past_residuals: (T, ..., P, N), what they had then.
        weights: (T,) from `memory_weights`.
        bias_scale: β in [0, 1e30].
        training: (..., P) bools; all pairs if None.

    Returns:
        (..., N, 2) float64. Times `prefactor` with `memory=1` it is −∂L/∂E.

    Raises:
        ValueError: as for `exact`, or if the past's shapes differ from the present's.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> alpha = np.eye(5)[ModularAddition(5).labels] - 1 / 5  # residuals of a uniform guess
    >>> np.allclose(field_law(E, alpha, E[None], alpha[None], weights=[1.0]), exact(E))
    True
    """
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST)
    if residuals is None:
        raise ValueError("residuals must be of shape (..., P, N), got None")
    now = Charges.of(embeddings, residuals, training)
    weights = _checks.array("weights", weights, ("T",), limit=LARGEST)
    past = [("past_embeddings", past_embeddings, embeddings)]
    past += [("past_residuals", past_residuals, residuals)]
    past_embeddings, past_residuals = (
        _checks.array(name, then, (len(weights), *np.shape(present)), limit=LARGEST)
        for name, then, present in past
    )
    total = np.zeros_like(now.sums)
    for weight, then_at, then_had in zip(weights, past_embeddings, past_residuals, strict=True):
        then = Charges.of(then_at, then_had, training)
        total += weight * summed(now, EXACT, beta, math.pi, sources=then)
    return embedding_forces(total.reshape(*now.batch, *total.shape[1:]), now.task)


# --- forces on pairs, and from pairs to embeddings ------------------------------------------------


def pair_forces(
    embeddings: np.ndarray,
    law: str = "exact",
    bias_scale: float = 1.0,
    gauge: float | None = None,
    residuals: np.ndarray | None = None,
    training: np.ndarray | None = None,
) -> np.ndarray:
    """Force of one law on every unordered pair, −∂/∂x_p of its potential.

    Args:
        embeddings: (..., N, 2).
        law: one of `LAWS`.
        bias_scale: β in [0, 1e30], > 0 for clustering; used by "exact" and "clustering" alone.
        gauge: θ0, used by "exact" alone; as in `exact`.
        residuals: (..., P, N), as in `exact`.
        training: (..., P) bools, as in `exact`.

    Returns:
        (..., P, 2) float64 in the order of `ModularAddition.pairs`.

    Raises:
        ValueError: if law is not one of `LAWS`; else as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> F = embedding_forces(pair_forces(E, "torque"), ModularAddition(5))
    >>> np.array_equal(F, torque(E))
    True
    """
    _checks.choice("law", law, LAWS)
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST, open_low=law == "clustering")
    charges = Charges.of(embeddings, residuals, training)
    theta0 = choose_gauge(gauge, charges)
    if law == "exact":
        forces = summed(charges, EXACT, beta, theta0)
    elif law == "clustering":
        forces = summed(charges, CLUSTERING, beta, 0.0)
    elif law == "linear":
        forces = charges.applied_to(charges.sums) / 2
    elif law == "quadratic":
        forces = quadratic_sums(charges)
    else:
        forces = summed(charges, EXACT, 0.0, 0.0)
        if law != "alignment":
            along = component_along(forces, charges.sums)
            forces = along if law == "stretch" else forces - along
    return forces.reshape(*charges.batch, *forces.shape[1:])


def embedding_forces(pair_forces: np.ndarray, task: ModularAddition) -> np.ndarray:
    """Scatter forces on unordered pairs to embeddings: F_a = Σ_{p ∋ a} f_p, twice for p = (a, a).

    Args:
        pair_forces: (..., P, 2), −∂/∂x_p for each unordered pair.
        task: the task, for the pairs.

    Returns:
        (..., N, 2).

    Raises:
        ValueError: if the shape is not (..., P, 2).

    >>> embedding_forces(np.ones((6, 2)), ModularAddition(3)).tolist()
    [[4.0, 4.0], [4.0, 4.0], [4.0, 4.0]]
    """
    _checks.instance("task", task, ModularAddition)
    pair_forces = _checks.array("pair_forces", pair_forces, (..., len(task.pairs), 2))
    table = pair_table(task.modulus)
    # A row of the table holds every pair that contains a, once; (a, a) moves E_a at double rate.
    return pair_forces[..., table, :].sum(axis=-2) + pair_forces[..., table.diagonal(), :]


# --- who pushes whom ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interactions:
    """The force that each pair exerts on each other pair; [..., p, q, :] is that of q on p.

    Pairs are unordered: an entry counts all orderings of both, so that the sum over q is the
    force on p as returned by `pair_forces`.
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
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST, open_low=True)
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


# --- the two-term formula -------------------------------------------------------------------------


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
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST, open_low=True)
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


# --- sum rules and charges ------------------------------------------------------------------------


class SumRules(NamedTuple):
    """Both sums vanish for label charges over all pairs."""

    charge: np.ndarray
    """(..., P): Σ_q c_pq over ordered pairs q."""
    moment: np.ndarray
    """(..., P, 2): Σ_q c_pq x_q over ordered pairs q."""


def charge_sum_rules(
    embeddings: np.ndarray,
    training: np.ndarray | None = None,
    residuals: np.ndarray | None = None,
) -> SumRules:
    """The two sums Σ_q c_pq and Σ_q c_pq x_q, for every pair p.

    Over all pairs each label owns N ordered pairs, and the sum of its x is 2 Σ_a E_a whatever the
    label: both sums vanish for every p and any embeddings. For a partial training set q runs over
    training pairs, labels own unequal numbers of them, and neither sum vanishes.

    Args:
        embeddings: (..., N, 2).
        training: (..., P) bools; all pairs if None.
        residuals: (..., P, N) for residual charges; label charges if None.

    Returns:
        SumRules, also for pairs p outside the training set.

    Raises:
        ValueError: if a shape does not fit or an entry is not within ±1e30.

    >>> rules = charge_sum_rules(np.random.default_rng(0).standard_normal((5, 2)))
    >>> np.allclose(rules.charge, 0), np.allclose(rules.moment, 0)
    (True, True)
    """
    charges = Charges.of(embeddings, residuals, training)
    charge = charges.felt_at(np.ones((*charges.weights.shape, 1)))[..., 0]
    moment = charges.felt_at(charges.sums)
    return SumRules(
        charge.reshape(*charges.batch, charge.shape[-1]),
        moment.reshape(*charges.batch, *moment.shape[1:]),
    )


class MeanSquares(NamedTuple):
    """Mean squared distances between pair sums, over ordered pairs."""

    same_label: np.ndarray
    """(...): over couples with one label."""
    all_pairs: np.ndarray
    """(...): over all couples."""


def mean_squared_distances(
    embeddings: np.ndarray, training: np.ndarray | None = None
) -> MeanSquares:
    """Mean |x_p − x_q|² over couples of ordered pairs: same label, and all.

    Over all pairs the two are equal for any embeddings (derived here, from the sum rules): like
    pair sums can never all come close. The couples include each pair with itself and with its
    twin (b, a), at distance zero; these are a share of about 2/N of the same-label couples and
    2/N² of all, so among *distinct* unordered pairs the same-label mean is the larger one, by a
    factor of about 1 + 2/N. For a partial training set there is no such identity.

    Args:
        embeddings: (..., N, 2).
        training: (..., P) bools; all pairs if None.

    Returns:
        MeanSquares, in the embeddings' unit squared.

    Raises:
        ValueError: if a shape does not fit or an entry is not within ±1e30.

    >>> same, every = mean_squared_distances(np.random.default_rng(0).standard_normal((5, 2)))
    >>> np.isclose(same, every)
    np.True_
    """
    charges = Charges.of(embeddings, None, training)
    weights, centre = charges.weights, charges.sums.mean(axis=1, keepdims=True)
    x = charges.sums - centre
    # Σ_pq w_p w_q |x_p − x_q|² = 2 (Σ w) (Σ w |x|²) − 2 |Σ w x|², within labels and over all.
    features = np.concatenate(
        [weights[..., None], (weights * np.square(x).sum(-1))[..., None], weights[..., None] * x],
        -1,
    )
    by_label = label_sums(features, charges.task)
    couples, squares = (_couples(sums) for sums in (by_label, by_label.sum(1, keepdims=True)))
    same, everything = (squared / count for count, squared in (couples, squares))
    return MeanSquares(same.reshape(charges.batch), everything.reshape(charges.batch))


def _couples(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of couples and sum of their squared distances, from (B, labels, 4) moments."""
    count, square, first = sums[..., 0], sums[..., 1], sums[..., 2:]
    squared = 2 * count * square - 2 * np.square(first).sum(-1)
    return np.square(count).sum(-1), squared.sum(-1)


# --- absolute units -------------------------------------------------------------------------------


def label_charges(task: ModularAddition) -> np.ndarray:
    """Charges c_pq = [y_p = y_q] − 1/N while softmax is uniform.

    Args:
        task: the task, of a small N: memory is 8 P² bytes.

    Returns:
        (P, P) float64.

    Raises:
        ValueError: if it is no task.

    >>> label_charges(ModularAddition(3))[0].round(2).tolist()
    [0.67, -0.33, -0.33, -0.33, 0.67, -0.33]
    """
    _checks.instance("task", task, ModularAddition)
    return (task.labels[:, None] == task.labels) - 1 / task.modulus


def memory_weights(
    steps: int, learning_rate: float, weight_decay: float = 0.0, momentum: float = 0.0
) -> np.ndarray:
    """How much of the gradient of each past step the readout still holds after `steps` steps.

    Gradient descent with (heavy-ball) momentum μ and weight decay λ added to the gradient is
    linear in the gradients: W2 = −Σ_s w_s ∂L/∂W2(s) from W2 = 0. Without momentum
    w_s = η (1 − ηλ)^(t − 1 − s): weight decay is the *forgetting rate* (derived here).

    Args:
        steps: t, 0 to 1,000,000.
        learning_rate: η in ]0, 1e30].
        weight_decay: λ in [0, 1e30].
        momentum: μ in [0, 1].

    Returns:
        (t,) float64, oldest step first.

    Raises:
        ValueError: if an argument is outside its range, or the weights grow beyond all numbers.

    >>> memory_weights(3, 0.5, weight_decay=1.0).tolist()
    [0.125, 0.25, 0.5]
    """
    steps = _checks.integer("steps", steps, 0, _checks.SNAPSHOTS)
    rate = _checks.real("learning_rate", learning_rate, 0.0, LARGEST, open_low=True)
    decay = _checks.real("weight_decay", weight_decay, 0.0, LARGEST)
    momentum = _checks.real("momentum", momentum, 0.0, 1.0)
    kept = np.empty(steps)
    velocity, weight = 1.0, 0.0
    for age in range(steps):
        weight += rate * velocity
        kept[steps - 1 - age] = weight
        velocity = momentum * velocity - decay * weight
    if not np.isfinite(kept).all():
        raise ValueError(
            f"learning_rate must leave weights finite after {steps} steps, got {rate:g} "
            f"with weight_decay {decay:g}"
        )
    return kept


def prefactor(
    task: ModularAddition,
    hidden: int,
    memory: float,
    *,
    weight_variance: float = 1 / 6,
    label_smoothing: float = 0.0,
    training: np.ndarray | None = None,
) -> float | np.ndarray:
    """Absolute factor κ · memory / M² between a law of this module and −∂L/∂E; nothing is fitted.

    κ = H σ² is the scale of the kernel of H features, M the number of ordered training pairs (N²
    for all): one 1/M from the loss that lays the field down, one from the loss that feels it.

    Exact for infinitely many Gaussian features and small steps. Features from U(±1/√2) are not
    isotropic: measured on random embeddings (N = 17, E ~ N(0, 1)), their force is 0.98, 0.95 and
    0.75 of the prediction at β = 0, 1 and 4, with R² 0.97 however wide the layer.

    Args:
        task: the task, for N.
        hidden: width H, 1 to 65536.
        memory: Σ_s w_s, `memory_weights(...).sum()`, while embeddings and residuals have hardly
            moved (η t without decay and momentum); 1 for `field_law`, which sums by itself.
        weight_variance: σ² of the first layer's weights and biases; 1/6 for U(±1/√2).
        label_smoothing: s in [0, 1], for label charges: residuals start (1 − s) as large.
        training: (..., P) bools; all pairs if None.

    Returns:
        float, or (...) floats for a batch of training sets.

    Raises:
        ValueError: if an argument is outside its range.

    >>> prefactor(ModularAddition(5), hidden=6, memory=1.0) * 5**4
    1.0
    """
    _checks.instance("task", task, ModularAddition)
    hidden = _checks.integer("hidden", hidden, 1, _checks.HIDDEN)
    memory = _checks.real("memory", memory, 0.0, LARGEST)
    variance = _checks.real("weight_variance", weight_variance, 0.0, LARGEST, open_low=True)
    smoothing = _checks.real("label_smoothing", label_smoothing, 0.0, 1.0)
    numerator = hidden * variance * memory * (1 - smoothing) ** 2
    if training is None:
        return numerator / task.modulus**4
    chosen = _checks.bools("training", training, len(task.pairs))
    ordered = (chosen * task.multiplicity).sum(axis=-1)
    return numerator / ordered.astype(np.float64) ** 2


def _on_embeddings(embeddings, law, bias_scale, gauge, residuals, training) -> np.ndarray:
    """One law, scattered to the embeddings."""
    embeddings = _checks.embeddings("embeddings", embeddings)
    forces = pair_forces(embeddings, law, bias_scale, gauge, residuals, training)
    return embedding_forces(forces, cached_task(embeddings.shape[-2]))
