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
`charges.prefactor` turns them into −∂L/∂E. A force on an unordered pair p is −∂/∂x_p as in
`modadd.model`: the force on the ordered pair times its multiplicity, and zero outside the
training set. `embedding_forces` scatters it: F_a = Σ_{p ∋ a} f_p, twice for p = (a, a).

*Cost.* P = N (N + 1) / 2 pairs, P² kernel evaluations (41 million at N = 113), in compiled rows
and O(P) memory: time grows as N⁴. Each row is summed in order by one thread, so the result does
not depend on the number of threads. `benchmarks/bench_forces.py` measures it.
"""

from __future__ import annotations

import math

import numpy as np

from modadd import _checks
from modadd._compiled.force_sums import (
    CLUSTERING,
    EXACT,
    Charges,
    cached_task,
    choose_gauge,
    component_along,
    pair_table,
    quadratic_sums,
    summed,
)
from modadd.task import ModularAddition

LAWS = ("exact", "clustering", "alignment", "torque", "stretch", "linear", "quadratic")


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
        (..., N, 2) float64, without `charges.prefactor`.

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
        (..., N, 2) float64, without `charges.prefactor`.

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
        (..., N, 2) float64, without `charges.prefactor`.

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
        (..., N, 2) float64, without `charges.prefactor`.

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
        (..., N, 2) float64, without `charges.prefactor`.

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
        (..., N, 2) float64, without `charges.prefactor`.

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
    *had*; `charges.memory_weights` tells how much of each past step is left. No mesh, no fit.

    Args:
        embeddings: (..., N, 2), now.
        residuals: (..., P, N), now.
        past_embeddings: (T, ..., N, 2), where the pairs were at T past steps.
        past_residuals: (T, ..., P, N), what they had then.
        weights: (T,) from `charges.memory_weights`.
        bias_scale: β in [0, 1e30].
        training: (..., P) bools; all pairs if None.

    Returns:
        (..., N, 2) float64. Times `charges.prefactor` with `memory=1` it is −∂L/∂E.

    Raises:
        ValueError: as for `exact`, or if the past's shapes differ from the present's.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> alpha = np.eye(5)[ModularAddition(5).labels] - 1 / 5  # residuals of a uniform guess
    >>> np.allclose(field_law(E, alpha, E[None], alpha[None], weights=[1.0]), exact(E))
    True
    """
    beta = _checks.real("bias_scale", bias_scale, 0.0, _checks.LARGEST)
    if residuals is None:
        raise ValueError("residuals must be of shape (..., P, N), got None")
    now = Charges.of(embeddings, residuals, training)
    weights = _checks.array("weights", weights, ("T",), limit=_checks.LARGEST)
    past = [("past_embeddings", past_embeddings, embeddings)]
    past += [("past_residuals", past_residuals, residuals)]
    past_embeddings, past_residuals = (
        _checks.array(name, then, (len(weights), *np.shape(present)), limit=_checks.LARGEST)
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
    beta = _checks.real(
        "bias_scale", bias_scale, 0.0, _checks.LARGEST, open_low=law == "clustering"
    )
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


def _on_embeddings(embeddings, law, bias_scale, gauge, residuals, training) -> np.ndarray:
    """One law, scattered to the embeddings."""
    embeddings = _checks.embeddings("embeddings", embeddings)
    forces = pair_forces(embeddings, law, bias_scale, gauge, residuals, training)
    return embedding_forces(forces, cached_task(embeddings.shape[-2]))
