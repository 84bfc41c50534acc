"""Charges c_pq = α_p · α_q: their sum rules, and what turns a law into a force in absolute units.

While softmax is uniform the residuals are those of a uniform guess, and charges depend on labels
alone: c_pq = [y_p = y_q] − 1/N. Laws of `modadd.forces` come without prefactor; `prefactor` times
the readout's memory makes −∂L/∂E of them (derived here).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modadd import _checks
from modadd._compiled.force_sums import Charges
from modadd.task import ModularAddition


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


class SumRules(NamedTuple):
    """Both sums vanish for label charges over all pairs."""

    charge: np.ndarray
    """(..., P): Σ_q c_pq over ordered pairs q."""
    moment: np.ndarray
    """(..., P, 2): Σ_q c_pq x_q over ordered pairs q."""


def sum_rules(
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

    >>> rules = sum_rules(np.random.default_rng(0).standard_normal((5, 2)))
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
    rate = _checks.real("learning_rate", learning_rate, 0.0, _checks.LARGEST, open_low=True)
    decay = _checks.real("weight_decay", weight_decay, 0.0, _checks.LARGEST)
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
    """Absolute factor κ · memory / M² between a law of `forces` and −∂L/∂E; nothing is fitted.

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
    memory = _checks.real("memory", memory, 0.0, _checks.LARGEST)
    variance = _checks.real("weight_variance", weight_variance, 0.0, _checks.LARGEST, open_low=True)
    smoothing = _checks.real("label_smoothing", label_smoothing, 0.0, 1.0)
    numerator = hidden * variance * memory * (1 - smoothing) ** 2
    if training is None:
        return numerator / task.modulus**4
    chosen = _checks.bools("training", training, len(task.pairs))
    ordered = (chosen * task.multiplicity).sum(axis=-1)
    return numerator / ordered.astype(np.float64) ** 2
