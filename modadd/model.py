"""The network, in torch: the readable reference that everything faster is checked against.

Tokens a have embeddings E_a in the plane. A pair (a, b) enters as its pair sum x = E_a + E_b:

    h = ReLU(W1ᵀ x + β b1)        z = W2ᵀ h + b2        p = softmax(z)

β is the bias scale, 1 in the standard network. The loss is the cross-entropy against the label,
averaged over the ordered training pairs. Leading axes (an ensemble of S seeds) are batches
everywhere. The closed forms of the forces below are derived here and tested against autograd.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from modadd import _checks
from modadd.task import ModularAddition


class Parameters(NamedTuple):
    """All parameters of an ensemble; torch tensors or numpy arrays with the same leading axes."""

    embeddings: Tensor
    """(..., N, 2)"""
    w1: Tensor
    """(..., 2, H)"""
    b1: Tensor
    """(..., H)"""
    w2: Tensor
    """(..., H, N)"""
    b2: Tensor
    """(..., N)"""

    def map(self, function) -> Parameters:
        """Apply one function to every array."""
        return Parameters(*(function(array) for array in self))


def initialise(
    task: ModularAddition,
    hidden: int,
    seed: int,
    *,
    embedding_scale: float = 1.0,
    readout_init: str = "zero",
) -> Parameters:
    """Draw the initial parameters of one seed.

    E ~ N(0, scale²); W1, b1 ~ U(±1/√2); W2, b2 are zero or ~ U(±1/√H). Embeddings and layers
    come from two separate streams, so the embeddings of a seed do not depend on the width.

    Args:
        task: the task, for N.
        hidden: width H >= 1.
        seed: integer >= 0.
        embedding_scale: standard deviation of the embeddings' entries, > 0.
        readout_init: "zero" or "standard".

    Returns:
        numpy float32 arrays of shapes (N, 2), (2, H), (H,), (H, N), (N,).

    Raises:
        ValueError: if an argument is outside its range.
    """
    hidden = _checks.integer("hidden", hidden, 1)
    seed = _checks.integer("seed", seed, 0)
    scale = _checks.real("embedding_scale", embedding_scale, 0.0, open_low=True)
    _checks.choice("readout_init", readout_init, ("zero", "standard"))
    n = task.modulus
    layers = np.random.default_rng([seed, 2])
    first, second = 2**-0.5, hidden**-0.5 if readout_init == "standard" else 0.0
    return Parameters(
        embeddings=scale * np.random.default_rng([seed, 0]).standard_normal((n, 2)),
        w1=layers.uniform(-first, first, (2, hidden)),
        b1=layers.uniform(-first, first, hidden),
        w2=layers.uniform(-second, second, (hidden, n)),
        b2=layers.uniform(-second, second, n),
    ).map(lambda array: array.astype(np.float32))


def pair_weights(task: ModularAddition, training: np.ndarray) -> np.ndarray:
    """Weight of each unordered pair in the loss: its share of the ordered training pairs.

    Args:
        task: the task.
        training: (..., P) bools, True for training pairs.

    Returns:
        (..., P) float64 that sum to 1; zero for validation pairs.
    """
    weights = training * task.multiplicity
    return weights / weights.sum(axis=-1, keepdims=True)


def logits(parameters: Parameters, points: Tensor, bias_scale: float = 1.0) -> Tensor:
    """Logits z at points of the plane: (..., M, 2) to (..., M, N)."""
    bias = bias_scale * parameters.b1.unsqueeze(-2)
    hidden = torch.relu(points @ parameters.w1 + bias)
    return hidden @ parameters.w2 + parameters.b2.unsqueeze(-2)


def pair_sums(parameters: Parameters, task: ModularAddition) -> Tensor:
    """Pair sums of the parameters' embeddings, (..., P, 2)."""
    first, second = torch.as_tensor(task.pairs, device=parameters.embeddings.device).T
    return parameters.embeddings[..., first, :] + parameters.embeddings[..., second, :]


def targets(task: ModularAddition, label_smoothing: float, like: Tensor) -> Tensor:
    """Target distribution of each pair: (1 − s) onehot(label) + s / N, (P, N)."""
    onehot = torch.nn.functional.one_hot(torch.as_tensor(task.labels), task.modulus).to(like)
    return (1 - label_smoothing) * onehot + label_smoothing / task.modulus


def loss(
    parameters: Parameters,
    task: ModularAddition,
    weights: Tensor,
    *,
    bias_scale: float = 1.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy averaged over the ordered training pairs.

    Args:
        parameters: with leading axes (...).
        task: the task.
        weights: (..., P) from `pair_weights`.
        bias_scale: β >= 0.
        label_smoothing: s in [0, 1[.

    Returns:
        (...) losses in nats.
    """
    z = logits(parameters, pair_sums(parameters, task), bias_scale)
    cross_entropy = -(targets(task, label_smoothing, z) * torch.log_softmax(z, dim=-1)).sum(-1)
    return (weights * cross_entropy).sum(-1)


def residuals(
    parameters: Parameters,
    task: ModularAddition,
    *,
    bias_scale: float = 1.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Residuals α_p = target_p − softmax(z_p) of every pair, (..., P, N)."""
    z = logits(parameters, pair_sums(parameters, task), bias_scale)
    return targets(task, label_smoothing, z) - torch.softmax(z, dim=-1)


def pair_forces(
    parameters: Parameters,
    task: ModularAddition,
    weights: Tensor,
    *,
    bias_scale: float = 1.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Force −∂L/∂x_p on each unordered pair, in closed form (derived here).

    f_p = w_p W1 (ReLU'(W1ᵀ x_p + β b1) ⊙ W2 α_p), where w_p is the pair's weight: the force on
    an unordered pair is that on one ordered pair times the multiplicity.

    Returns:
        (..., P, 2); zero for validation pairs.
    """
    alpha = residuals(parameters, task, bias_scale=bias_scale, label_smoothing=label_smoothing)
    x = pair_sums(parameters, task)
    active = (x @ parameters.w1 + bias_scale * parameters.b1.unsqueeze(-2)) > 0
    back = (alpha @ parameters.w2.mT) * active
    return weights.unsqueeze(-1) * (back @ parameters.w1.mT)


def embedding_forces(
    parameters: Parameters,
    task: ModularAddition,
    weights: Tensor,
    *,
    bias_scale: float = 1.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Force F_a = −∂L/∂E_a on each embedding, (..., N, 2), in closed form (derived here).

    F_a is the sum of the forces on the unordered pairs that contain a, twice for (a, a).
    """
    forces = pair_forces(
        parameters, task, weights, bias_scale=bias_scale, label_smoothing=label_smoothing
    )
    first, second = torch.as_tensor(task.pairs, device=forces.device).T
    total = torch.zeros_like(parameters.embeddings)
    return total.index_add(-2, first, forces).index_add(-2, second, forces)


def regions(
    parameters: Parameters, x: np.ndarray, y: np.ndarray, bias_scale: float = 1.0
) -> np.ndarray:
    """Predicted label at every node of a grid over the plane of pair sums.

    Args:
        parameters: of one seed, torch or numpy.
        x: (X,) abscissae.
        y: (Y,) ordinates.
        bias_scale: β >= 0.

    Returns:
        (Y, X) ints: the label with the largest logit at each node.
    """
    points = torch.as_tensor(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32))
    z = logits(parameters.map(torch.as_tensor), points, bias_scale)
    return z.argmax(-1).numpy().reshape(len(y), len(x))
