"""Forces between pairs: a kernel, charges, and one exact law with two faces.

While the readout does most of the learning, the network's logits are a field laid down by the pairs
through the kernel k of its hidden features, and the pairs move in that field. All that follows is
derived here, and checked against autograd, against Monte Carlo and against networks.

*Kernel.* A point x of the plane enters the network with its bias β, as the *lifted* point
x̃ = (x, β) of length ñ = √(|x|² + β²). Random features w ~ N(0, σ² I₃) give, with θ the angle
between x̃ and ỹ, E[ReLU(w·x̃) ReLU(w·ỹ)] = σ² k(x, y) with

    k(x, y) = ñ_x ñ_y (sin θ + (π − θ) cos θ) / 2π
    ∇_x k(x, y) = [ (ñ_y / ñ_x) sin θ · x + (π − θ) y ] / 2π

the arc-cosine kernel of order 1 (Cho & Saul 2009, "Kernel methods for deep learning"). A network
draws its first layer from U(±1/√2), of variance σ² = 1/6 but not isotropic: for it the formula is
close at any width, not exact (`prefactor` says how close).

*Charges.* With residuals α and charges c_pq = α_p · α_q, sums over ordered pairs q,

    force on the ordered pair p    ∝ Σ_q c_pq ∇k(x_p, x_q)        i.e. −∂/∂x_p of −½ Σ c_pq k_pq

While softmax is uniform, c_pq = [y_p = y_q] − 1/N, the *label charges*. Over all pairs they obey
two *sum rules*, Σ_q c_pq = 0 and Σ_q c_pq x_q = 0: a linear kernel exerts no net force. Hence the
*gauge freedom* of the laws:

    exact        c_pq [ (ñ_q / ñ_p) sin θ · x_p + (θ0 − θ) x_q ] / 2π      for any gauge θ0
    clustering   c_pq (θ0 − r / β) (x_q − x_p) / 2π                          its limit |x| ≪ β
    alignment    the exact law with β = 0                                    its limit |x| ≫ β

θ0 = π is the gradient of k itself. Clustering: like labels nearer than θ0 β attract, farther ones
repel. Alignment is a torque across x_p, c_pq (θ0 − θ) |x_q| sin θ / 2π, which for θ0 = π/2 turns
x_p onto the axis of x_q (parallel or antiparallel, whichever is nearer), and a stretch along x_p.

For a partial training set the sum rules fail, so only θ0 = π is the force; the gauge of 0 drops the
force of the kernel x·y/2, returned by `linear`:

    exact(gauge=π) = exact(gauge=0) + linear        always
    linear = 0                                      over all pairs

Clustering and alignment are returned in the gauge of 0, so `linear` stands beside them.

*Units.* Laws take embeddings E (..., N, 2), leading axes being batches, and return the forces on
them (..., N, 2) in float64: sums over ordered pairs, without `prefactor`, which turns them into
−∂L/∂E. `training` (P,) bools tells which pairs exert and feel forces; None: all.

*Cost.* P = N (N + 1) / 2 pairs, P² kernel evaluations (41 million at N = 113), in compiled rows
and O(P) memory: time grows as N⁴. Each row is summed in order by one thread, so the result does
not depend on the number of threads. `benchmarks/bench_forces.py` measures it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from modadd import _checks
from modadd._checks import LARGEST
from modadd._compiled.force_sums import CLUSTERING, EXACT, Pairs
from modadd.task import ModularAddition

# --- kernel --------------------------------------------------------------------------------------


def arc_cosine(x: ArrayLike, y: ArrayLike, bias_scale: float = 1.0) -> np.ndarray:
    """Kernel k(x, y) of unit-variance features; the equation stands at the top of this module.

    Args:
        x, y: (..., 2) points, whose leading axes broadcast.
        bias_scale: β in [0, 1e30], in the unit of the points.

    Returns:
        (...) float64, in that unit squared. Multiply by σ² for features of variance σ².

    >>> float(arc_cosine([3.0, 4.0], [3.0, 4.0], bias_scale=0.0))  # θ = 0: |x|² / 2
    12.5
    >>> float(arc_cosine([3.0, 4.0], [-3.0, -4.0], bias_scale=0.0))  # θ = π: no common feature
    0.0
    """
    x, y, beta = _points(x, y, bias_scale)
    norms, delta, _ = _lifted(x, y, beta)
    return norms[0] * norms[1] * (np.sin(delta) - delta * np.cos(delta)) / (2 * np.pi)


def arc_cosine_gradient(x: ArrayLike, y: ArrayLike, bias_scale: float = 1.0) -> np.ndarray:
    """Gradient (..., 2) of k(x, y) with respect to x, in the unit of the points.

    With bias_scale = 0, k has a kink at x = 0, like a norm. The gradient there is 0 by
    convention: a point that switches on no feature is not moved, as with ReLU'(0) = 0.
    x, y and bias_scale are as for `arc_cosine`.

    >>> arc_cosine_gradient([3.0, 4.0], [3.0, 4.0]).tolist()  # θ = 0: y / 2
    [1.5, 2.0]
    """
    x, y, beta = _points(x, y, bias_scale)
    norms, delta, cross = _lifted(x, y, beta)
    kink = norms[0] == 0
    # (ñ_y / ñ_x) sin θ = |x̃ × ỹ| / ñ_x²: no sine needed, and no division by ñ_y.
    along = cross / np.where(kink, 1.0, norms[0]) ** 2
    gradient = along[..., None] * x + delta[..., None] * y
    return np.where(kink[..., None], 0.0, gradient) / (2 * np.pi)


def _points(x: ArrayLike, y: ArrayLike, bias_scale: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Both points, broadcast to one shape (..., 2), and β."""
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST)
    x, y = (_checks.array(n, v, (..., 2), limit=LARGEST) for n, v in (("x", x), ("y", y)))
    try:
        return *np.broadcast_arrays(x, y), beta
    except ValueError:
        raise ValueError(
            f"y must have leading axes that broadcast with those of x, {x.shape}, got {y.shape}"
        ) from None


def _lifted(x: np.ndarray, y: np.ndarray, beta: float) -> tuple[np.ndarray, ...]:
    """Of lifted points: both lengths (2, ...), π − θ, and the length of their cross product.

    The angle is that of atan2, so that θ = 0 and θ = π are ordinary values.
    """
    plane = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
    # The lifted cross product is (β (x₂ − y₂), β (y₁ − x₁), x₁ y₂ − x₂ y₁).
    cross = np.hypot(plane, beta * np.hypot(*np.moveaxis(y - x, -1, 0)))
    norms = np.hypot(np.hypot(*np.moveaxis(np.stack([x, y]), -1, 0)), beta)
    return norms, np.arctan2(cross, -((x * y).sum(-1) + beta**2)), cross


# --- charges, and absolute units -----------------------------------------------------------------


def label_charges(task: ModularAddition) -> np.ndarray:
    """Charges c_pq = [y_p = y_q] − 1/N while softmax is uniform, (P, P); memory is 8 P² bytes.

    >>> label_charges(ModularAddition(3))[0].round(2).tolist()
    [0.67, -0.33, -0.33, -0.33, 0.67, -0.33]
    """
    _checks.instance("task", task, ModularAddition)
    return (task.labels[:, None] == task.labels) - 1 / task.modulus


class SumRules(NamedTuple):
    """Both sums vanish for label charges over all pairs."""

    charge: np.ndarray  #: (P,): Σ_q c_pq over ordered pairs q
    moment: np.ndarray  #: (..., P, 2): Σ_q c_pq x_q over ordered pairs q


def sum_rules(E: ArrayLike, training: ArrayLike | None = None) -> SumRules:
    """The two sums Σ_q c_pq and Σ_q c_pq x_q, for every pair p.

    Over all pairs each label owns N ordered pairs, and the sum of its x is 2 Σ_a E_a whatever the
    label: both sums vanish for every p and any E. For a partial training set q runs over training
    pairs, labels own unequal numbers of them, and neither sum vanishes. Memory is 8 P² bytes.

    >>> rules = sum_rules(np.random.default_rng(0).standard_normal((5, 2)))
    >>> np.allclose(rules.charge, 0), np.allclose(rules.moment, 0)
    (True, True)
    """
    pairs = _pairs(E, training)
    charges = label_charges(pairs.task) * pairs.weights  # of ordered pairs q
    moment = charges @ pairs.sums
    return SumRules(charges.sum(-1), moment.reshape(*pairs.batch, *moment.shape[1:]))


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
    task: ModularAddition, hidden: int, memory: float, label_smoothing: float = 0.0
) -> float:
    """Absolute factor κ · memory / N⁴ between a law and −∂L/∂E over all pairs; nothing is fitted.

    κ = H σ² with σ² = 1/6 is the scale of the kernel of H features. One 1/N² is from the loss that
    lays the field down, one from the loss that feels it; of M ordered training pairs it is 1/M.

    Exact for infinitely many Gaussian features and small steps. Features from U(±1/√2) are not
    isotropic: measured on random embeddings (N = 17, E ~ N(0, 1)), their force is 0.98, 0.95 and
    0.75 of the prediction at β = 0, 1 and 4, with R² 0.97 however wide the layer.

    Args:
        task: the task, for N.
        hidden: width H, 1 to 65536.
        memory: Σ_s w_s, `memory_weights(...).sum()`, while embeddings and residuals have hardly
            moved (η t without decay and momentum); 1 for `field_law`, which sums by itself.
        label_smoothing: s in [0, 1], for label charges: residuals start (1 − s) as large.

    >>> prefactor(ModularAddition(5), hidden=6, memory=1.0) * 5**4
    1.0
    """
    _checks.instance("task", task, ModularAddition)
    hidden = _checks.integer("hidden", hidden, 1, _checks.HIDDEN)
    memory = _checks.real("memory", memory, 0.0, LARGEST)
    smoothing = _checks.real("label_smoothing", label_smoothing, 0.0, 1.0)
    return hidden / 6 * memory * (1 - smoothing) ** 2 / task.modulus**4


# --- laws ----------------------------------------------------------------------------------------


def exact(
    E: ArrayLike,
    bias_scale: float = 1.0,
    gauge: float | None = None,
    training: ArrayLike | None = None,
) -> np.ndarray:
    """Exact law: Σ_q c_pq [ (ñ_q / ñ_p) sin θ x_p + (θ0 − θ) x_q ] / 2π, on embeddings.

    Args:
        E: (..., N, 2).
        bias_scale: β in [0, 1e30], in the embeddings' unit. With β = 0, a pair sum at 0 feels no
            force.
        gauge: θ0, within ±1e30. By default 0 over all pairs, where the choice is free (it loses
            the fewest digits for |x| ≪ β), and π, the gradient of the kernel, elsewhere.
        training: (P,) bools, the pairs that exert and feel forces; None: all.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(exact(E, gauge=0.0), exact(E, gauge=np.pi))
    True
    """
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST)
    pairs = _pairs(E, training)
    if gauge is None:
        gauge = 0.0 if pairs.weights.all() else math.pi
    gauge = _checks.real("gauge", gauge, -LARGEST, LARGEST)
    return _on_embeddings(pairs, pairs.summed(EXACT, beta, gauge))


def clustering(
    E: ArrayLike, bias_scale: float = 1.0, training: ArrayLike | None = None
) -> np.ndarray:
    """Clustering: Σ_q c_pq (−r / β) (x_q − x_p) / 2π, on embeddings; β > 0.

    The limit of the exact law for |x| ≪ β (where k = linear + r³ / 6πβ), in the gauge of 0. It
    is central and translation-invariant: the forces add up to zero. The force is exactly inverse
    to β. E and training are as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(clustering(E, bias_scale=4.0), clustering(E) / 4)
    True
    """
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST, open_low=True)
    pairs = _pairs(E, training)
    return _on_embeddings(pairs, pairs.summed(CLUSTERING, beta, 0.0))


def alignment(E: ArrayLike, training: ArrayLike | None = None) -> np.ndarray:
    """Alignment: the exact law with β = 0 in the gauge of 0, on embeddings.

    Homogeneous of degree 1: embeddings twice as large feel twice the force. E and training are as
    for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(alignment(E), exact(E, bias_scale=0.0))
    True
    """
    return exact(E, 0.0, 0.0, training)


def linear(E: ArrayLike, training: ArrayLike | None = None) -> np.ndarray:
    """Force of the kernel x·y/2: ½ Σ_q c_pq x_q, on embeddings.

    Zero over all pairs (a sum rule). Elsewhere it is the difference between the exact law in the
    gauges of π and 0, and it dominates for |x| ≪ β. E and training are as for `exact`.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> np.allclose(linear(E), 0)
    True
    """
    pairs = _pairs(E, training)
    return _on_embeddings(pairs, pairs.felt(pairs.sums) / 2)


def field_law(
    E: ArrayLike,
    residuals: ArrayLike,
    past_E: ArrayLike,
    past_residuals: ArrayLike,
    weights: ArrayLike,
    bias_scale: float = 1.0,
) -> np.ndarray:
    """Law with memory: Σ_s w_s Σ_q α_p · α_q(s) ∇k(x_p, x_q(s)), on embeddings.

    The field at a step was laid down by the pairs where they *were*, with the residuals they
    *had*; `memory_weights` tells how much of each past step is left. No mesh, no fit.

    Args:
        E: (..., N, 2), now.
        residuals: (..., P, N), now; zero for pairs that are not trained on.
        past_E: (T, ..., N, 2), where the pairs were at T past steps.
        past_residuals: (T, ..., P, N), what they had then.
        weights: (T,) from `memory_weights`.
        bias_scale: β in [0, 1e30].

    Returns:
        (..., N, 2) float64. Times `prefactor` with `memory=1` it is −∂L/∂E.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> alpha = np.eye(5)[ModularAddition(5).labels] - 1 / 5  # residuals of a uniform guess
    >>> np.allclose(field_law(E, alpha, E[None], alpha[None], weights=[1.0]), exact(E))
    True
    """
    beta = _checks.real("bias_scale", bias_scale, 0.0, LARGEST)
    pairs = _pairs(E)
    here = (*pairs.batch, len(pairs.task.pairs), pairs.task.modulus)
    alpha = _checks.array("residuals", residuals, here, limit=LARGEST)
    weights = _checks.array("weights", weights, ("T",), limit=LARGEST)
    past_E = _checks.array("past_E", past_E, (len(weights), *np.shape(E)), limit=LARGEST)
    past_alpha = _checks.array(
        "past_residuals", past_residuals, (len(weights), *here), limit=LARGEST
    )
    total = np.zeros_like(pairs.sums)
    for weight, then_at, then_had in zip(weights, past_E, past_alpha, strict=True):
        past = _pairs(then_at).sums
        total += weight * pairs.summed_by_residuals(alpha, past, then_had, beta)
    return _on_embeddings(pairs, total)


# --- two terms -----------------------------------------------------------------------------------


class TwoTermFit(NamedTuple):
    """How far w_c · clustering + w_a · alignment makes up the exact force on embeddings."""

    clustering: float  #: weight w_c
    alignment: float  #: weight w_a
    r2: float  #: R² of both together
    r2_clustering: float  #: R² of clustering alone, with its own best weight
    r2_alignment: float  #: R² of alignment alone, with its own best weight


def two_term_fit(E: ArrayLike, bias_scale: float = 1.0) -> TwoTermFit:
    """Fit the exact force on E (..., N, 2) by w_c · clustering + w_a · alignment; bias_scale β > 0.

    One pair of weights for the whole batch, no constant term: R² is 1 − Σ|F − fit|² / Σ|F|² over
    all components.

    >>> E = np.random.default_rng(0).standard_normal((17, 2))
    >>> print(f"{two_term_fit(E).r2:.2f} of the exact force")
    0.98 of the exact force
    """
    columns = np.stack([clustering(E, bias_scale).ravel(), alignment(E).ravel()], axis=-1)
    target = exact(E, bias_scale).ravel()
    if not target.any():
        raise ValueError("E must feel a force for a fit, got a force of zero everywhere")

    def fit(chosen: np.ndarray) -> tuple[np.ndarray, float]:
        weights = np.linalg.lstsq(chosen, target, rcond=None)[0]
        return weights, float(1 - np.square(target - chosen @ weights).sum() / target.dot(target))

    (near, far), r2 = fit(columns)
    return TwoTermFit(float(near), float(far), r2, fit(columns[:, :1])[1], fit(columns[:, 1:])[1])


# --- what all laws take ---------------------------------------------------------------------------


def _pairs(E: ArrayLike, training: ArrayLike | None = None) -> Pairs:
    """The pairs of checked embeddings and training set."""
    E = _checks.embeddings("E", E, limit=LARGEST)
    count = E.shape[-2] * (E.shape[-2] + 1) // 2
    if training is None:
        return Pairs.of(E, np.ones(count, bool))
    training = _checks.numeric("training", training, (count,), "b")
    if not training.any():
        raise ValueError("training must hold at least one pair, got none")
    return Pairs.of(E, training)


def _on_embeddings(pairs: Pairs, on_pairs: np.ndarray) -> np.ndarray:
    """Forces (B, P, 2) on pairs, scattered, with the batch axes of the embeddings."""
    return pairs.task.scatter(on_pairs.reshape(*pairs.batch, *on_pairs.shape[1:]))
