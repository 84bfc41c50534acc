"""What the laws predict of a network's forces, held against the forces that it has.

Networks here are trained by gradient descent on all pairs, their parameters recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from modadd import forces, model
from modadd.run import Run
from modadd.task import ModularAddition

LAWS = (
    "label charges",
    "field, ideal features",
    "field, initial features",
    "field, actual features",
)
"""The laws that are compared with a network's force; see `predicted`."""


class Agreement(NamedTuple):
    """How a predicted force agrees with a measured one, over all components of each seed (...)."""

    cosine: np.ndarray  #: direction; its square is R² with one fitted coefficient
    coefficient: np.ndarray  #: what the prediction must be multiplied by to fit best; 1 is right
    r2: np.ndarray  #: 1 − |F − F̂|² / |F|² with nothing fitted


def agreement(measured: np.ndarray, predicted: np.ndarray) -> Agreement:
    """Compare forces (..., N, 2) on embeddings, one number (...) each; nothing is subtracted.

    >>> force = np.random.default_rng(0).standard_normal((5, 2))
    >>> found = agreement(measured=force, predicted=2 * force)
    >>> float(found.cosine.round(6)), float(found.coefficient), float(found.r2)
    (1.0, 0.5, 0.0)
    """
    dot, own, whole = (
        (a * b).sum((-1, -2))
        for a, b in ((measured, predicted), (predicted, predicted), (measured, measured))
    )
    gap = np.square(measured - predicted).sum((-1, -2))
    return Agreement(dot / np.sqrt(own * whole), dot / own, 1 - gap / whole)


def pooled_r2(measured: np.ndarray, predicted: np.ndarray) -> float:
    """R², 0 to 1, of measured ≈ c · predicted (S, N, 2), one coefficient c for all seeds together.

    >>> force = np.random.default_rng(0).standard_normal((3, 5, 2))
    >>> round(pooled_r2(force, -2 * force), 6)
    1.0
    """
    dot = float((measured * predicted).sum())
    return dot**2 / float((predicted**2).sum() * (measured**2).sum())


def measured(run: Run, steps: Sequence[int]) -> np.ndarray:
    """Force −∂L/∂E of the networks of a run at T recorded steps, (T, S, N, 2) float64.

    >>> from modadd import TrainingConfig, train
    >>> config = TrainingConfig(modulus=5, hidden=8, steps=9)
    >>> run = train(config, [3, 4], keep_parameters=True, progress=False)
    >>> measured(run, steps=[0, 9]).shape
    (2, 2, 5, 2)
    """
    found = []
    for step in steps:
        task, parameters, options = _network(run, step)
        weights = model.pair_weights(task, np.ones(len(task.pairs), bool))
        found.append(model.embedding_forces(parameters, task, weights, **options))
    return np.stack(found)


def predicted(run: Run, steps: Sequence[int], law: str) -> np.ndarray:
    """Force on the embeddings by one of LAWS, (T, S, N, 2), in absolute units: nothing is fitted.

    - label charges: `forces.exact` at the present embeddings, as if softmax were uniform still
      and nothing had moved;
    - field, ideal features: `forces.field_law`, the residuals and positions of all past steps
      through the kernel of infinitely many Gaussian features;
    - field, initial features: the same with the ReLU features that each network started with;
    - field, actual features: the same with the features that it had at each step. From a readout
      of zero this is the network itself, unrolled: exact by construction.

    A readout that starts at random exerts a force of its own, which no law of pairs contains.

    Args:
        run: of networks trained with one decay, recorded at every step up to the last of `steps`.
        steps: T recorded steps, each at least 1.
        law: one of LAWS.

    >>> from modadd import TrainingConfig, train
    >>> config = TrainingConfig(modulus=5, hidden=8, steps=9)
    >>> run = train(config, [3, 4], snapshots=range(10), keep_parameters=True, progress=False)
    >>> predicted(run, steps=[9], law="label charges").shape
    (1, 2, 5, 2)
    """
    last, s = max(steps), run.settings
    if not np.array_equal(run.steps[: last + 1], np.arange(last + 1)):
        raise ValueError(f"run must be recorded at every step up to {last}")
    task, _, options = _network(run, 0)
    beta = options["bias_scale"]
    weights = [
        forces.memory_weights(step, s["learning_rate"], s["weight_decay"], s["momentum"])
        for step in steps
    ]
    E = run.embeddings[: last + 1].astype(np.float64)
    if law == "label charges":
        smoothing = options["label_smoothing"]
        factors = [forces.prefactor(task, s["hidden"], w.sum(), smoothing) for w in weights]
        return np.stack([f * forces.exact(E[t], beta) for f, t in zip(factors, steps, strict=True)])
    alpha = np.stack([_residuals(run, t) for t in range(last + 1)])
    if law == "field, ideal features":
        factor = forces.prefactor(task, s["hidden"], 1.0)
        return factor * np.stack(
            [
                forces.field_law(E[t], alpha[t], E[:t], alpha[:t], w, beta)
                for w, t in zip(weights, steps, strict=True)
            ]
        )
    frozen = {"field, initial features": True, "field, actual features": False}[law]
    return _through_features(run, steps, weights, E, alpha, frozen)


def _through_features(run, steps, weights, E, alpha, frozen: bool) -> np.ndarray:
    """The field of past residuals through the networks' own features, (T, S, N, 2)."""
    task, _, options = _network(run, 0)
    share = task.multiplicity[:, None] / task.modulus**2
    x = task.pair_sums(E)

    def fed(t: int) -> tuple[np.ndarray, np.ndarray]:
        own = _network(run, 0 if frozen else t)[1]
        return own.w1, x[t] @ own.w1 + options["bias_scale"] * own.b1[:, None]

    laid = np.stack(
        [(np.maximum(fed(t)[1], 0) * share).swapaxes(-1, -2) @ alpha[t] for t in range(max(steps))]
    )
    found = []
    for w, t in zip(weights, steps, strict=True):
        readout = np.tensordot(w, laid[:t], 1)
        w1, before = fed(t)
        back = (alpha[t] @ readout.swapaxes(-1, -2)) * (before > 0)
        found.append(task.scatter(share * (back @ w1.swapaxes(-1, -2))))
    return np.stack(found)


def _network(run: Run, step: int) -> tuple[ModularAddition, model.Parameters, dict]:
    """Task, parameters at a recorded step (float64), bias scale and label smoothing."""
    t = run.nearest(step)
    parameters = run.parameters.map(lambda a: a[t].astype(np.float64))
    options = {name: run.settings[name] for name in ("bias_scale", "label_smoothing")}
    return ModularAddition(run.modulus), parameters, options


def _residuals(run: Run, step: int) -> np.ndarray:
    """Residuals of every pair at a recorded step, (S, P, N)."""
    task, parameters, options = _network(run, step)
    return model.residuals(parameters, task, **options)
