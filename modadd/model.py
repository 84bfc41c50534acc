"""The network: the readable reference that everything faster is checked against.

Tokens a have embeddings E_a in the plane. A pair (a, b) enters as its pair sum x = E_a + E_b:

    h = ReLU(W1ᵀ x + β b1)        z = W2ᵀ h + b2        p = softmax(z)

β is the bias scale, 1 in the standard network. The loss is the cross-entropy against the label,
averaged over the ordered training pairs. The closed forms of the forces below are derived here and
tested against autograd.

Throughout, `parameters` are numpy arrays or torch tensors, and results are of the same sort; `loss`
takes tensors, to be differentiated. Leading axes (...) are batches, such as an ensemble of S seeds;
`task` is theirs; `weights` are those of `pair_weights`, (..., P); `bias_scale` is β;
`label_smoothing` is s, the share of each target that is spread evenly over all labels. Results have
the precision of the parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from modadd.task import ModularAddition

if TYPE_CHECKING:
    from torch import Tensor

    Array = np.ndarray | Tensor


class Parameters(NamedTuple):
    """All parameters of an ensemble; arrays or tensors with the same leading axes.

    >>> initialise(ModularAddition(5), hidden=4, seed=0).map(np.shape).w2
    (4, 5)
    """

    embeddings: Array
    """(..., N, 2)"""
    w1: Array
    """(..., 2, H)"""
    b1: Array
    """(..., H)"""
    w2: Array
    """(..., H, N)"""
    b2: Array
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
    """Draw the initial parameters of one seed, as numpy float32 arrays.

    E ~ N(0, scale²); W1, b1 ~ U(±1/√2); W2, b2 are zero or ~ U(±1/√H). Embeddings and layers
    come from two separate streams, so the embeddings of a seed do not depend on the width.

    Args:
        task: the task, for N.
        hidden: width H.
        seed: integer in [0, 2**63).
        embedding_scale: standard deviation of the embeddings' entries.
        readout_init: "zero" or "standard".

    >>> network = initialise(ModularAddition(5), hidden=4, seed=0)
    >>> network.embeddings.shape, bool(network.w2.any())
    ((5, 2), False)
    """
    n = task.modulus
    layers = np.random.default_rng([seed, 2])
    first, second = 2**-0.5, hidden**-0.5 if readout_init == "standard" else 0.0
    return Parameters(
        embeddings=embedding_scale * np.random.default_rng([seed, 0]).standard_normal((n, 2)),
        w1=layers.uniform(-first, first, (2, hidden)),
        b1=layers.uniform(-first, first, hidden),
        w2=layers.uniform(-second, second, (hidden, n)),
        b2=layers.uniform(-second, second, n),
    ).map(lambda array: array.astype(np.float32))


def pair_weights(task: ModularAddition, training: np.ndarray) -> np.ndarray:
    """Weight of each unordered pair in the loss: its share of the ordered training pairs.

    `training` (..., P) is True for training pairs; the result (..., P) float64 adds up to 1 and is
    zero for validation pairs. The pairs are those of the `task`.

    >>> pair_weights(ModularAddition(3), np.ones(6, bool)) * 9
    array([1., 2., 2., 1., 2., 1.])
    """
    weights = training * task.multiplicity
    return weights / weights.sum(axis=-1, keepdims=True)


def logits(parameters: Parameters, points: Array, bias_scale: float = 1.0) -> Array:
    """Logits z = W2ᵀ ReLU(W1ᵀ x + β b1) + b2 (..., M, N) at points x of the plane (..., M, 2)."""
    before = points @ parameters.w1 + bias_scale * parameters.b1[..., None, :]
    return (before * (before > 0)) @ parameters.w2 + parameters.b2[..., None, :]


def pair_sums(parameters: Parameters, task: ModularAddition) -> Array:
    """Pair sums x_p = E_a + E_b (..., P, 2) of the parameters, in the order of `task.pairs`."""
    first, second = task.pairs.T
    return parameters.embeddings[..., first, :] + parameters.embeddings[..., second, :]


def predicted_labels(
    parameters: Parameters, task: ModularAddition, bias_scale: float = 1.0
) -> np.ndarray:
    """The label that the network gives each pair: that of its largest logit, (..., P) int64.

    >>> task = ModularAddition(5)
    >>> predicted_labels(initialise(task, hidden=4, seed=0), task).tolist()  # a readout of zero
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    parameters = parameters.map(np.asarray)
    return logits(parameters, pair_sums(parameters, task), bias_scale).argmax(-1)


def targets(task: ModularAddition, label_smoothing: float) -> np.ndarray:
    """Target distribution (1 − s) onehot(label) + s / N of each pair of the task, (P, N).

    >>> targets(ModularAddition(3), label_smoothing=0.3)[0].round(6).tolist()
    [0.8, 0.1, 0.1]
    """
    onehot = np.eye(task.modulus)[task.labels]
    return (1 - label_smoothing) * onehot + label_smoothing / task.modulus


def loss(
    parameters: Parameters,
    task: ModularAddition,
    weights: Tensor,
    *,
    bias_scale: float = 1.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy averaged over the ordered training pairs, (...) in nats.

    A readout of zero guesses uniformly, at a loss of log N:

    >>> import torch
    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0).map(torch.tensor)
    >>> weights = torch.tensor(pair_weights(task, np.ones(15, bool)))
    >>> loss(network, task, weights).exp().round(decimals=5).item()
    5.0
    """
    z = logits(parameters, pair_sums(parameters, task), bias_scale)
    goal = z.new_tensor(targets(task, label_smoothing))
    return -(weights * (goal * z.log_softmax(-1)).sum(-1)).sum(-1)


def residuals(
    parameters: Parameters,
    task: ModularAddition,
    *,
    bias_scale: float = 1.0,
    label_smoothing: float = 0.0,
) -> Array:
    """Residuals α_p = target_p − softmax(z_p) of every pair, (..., P, N).

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0, readout_init="standard")
    >>> float(np.abs(residuals(network, task).sum(-1)).max()) < 1e-6
    True
    """
    z = logits(parameters, pair_sums(parameters, task), bias_scale)
    goal = targets(task, label_smoothing)
    if not isinstance(z, np.ndarray):
        return z.new_tensor(goal) - z.softmax(-1)
    shares = np.exp(z - z.max(-1, keepdims=True))
    return goal.astype(z.dtype) - shares / shares.sum(-1, keepdims=True)


def pair_forces(
    parameters: Parameters,
    task: ModularAddition,
    weights: Array,
    *,
    bias_scale: float = 1.0,
    label_smoothing: float = 0.0,
) -> Array:
    """Force −∂L/∂x_p on each unordered pair, (..., P, 2), in closed form (derived here).

    f_p = w_p W1 (ReLU'(W1ᵀ x_p + β b1) ⊙ W2 α_p), where w_p is the pair's weight: the force on
    an unordered pair is that on one ordered pair times the multiplicity; zero for validation pairs.

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0, readout_init="standard")
    >>> training = task.training_pairs(0.5, seed=0)
    >>> f = pair_forces(network, task, pair_weights(task, training))
    >>> f.shape, bool(f[~training].any())
    ((15, 2), False)
    """
    alpha = residuals(parameters, task, bias_scale=bias_scale, label_smoothing=label_smoothing)
    x = pair_sums(parameters, task)
    active = (x @ parameters.w1 + bias_scale * parameters.b1[..., None, :]) > 0
    return weights[..., None] * ((alpha @ parameters.w2.mT * active) @ parameters.w1.mT)


def embedding_forces(
    parameters: Parameters, task: ModularAddition, weights: Array, **options: float
) -> Array:
    """Force F_a = −∂L/∂E_a on each embedding, (..., N, 2), in closed form (derived here).

    F_a is the sum of the forces on the unordered pairs that contain a, twice for (a, a). The
    options are those of `pair_forces`.
    """
    return task.scatter(pair_forces(parameters, task, weights, **options))


def regions(
    parameters: Parameters, x: ArrayLike, y: ArrayLike, bias_scale: float = 1.0
) -> np.ndarray:
    """Predicted label at every node of a grid over the plane of pair sums, (Y, X) ints.

    The parameters are of one seed; x (X,) are abscissae, y (Y,) ordinates.
    """
    parameters = parameters.map(np.asarray)
    grid = np.stack(np.meshgrid(x, y), axis=-1).astype(parameters.w1.dtype)
    points = grid.reshape(-1, 2)
    return logits(parameters, points, bias_scale).argmax(-1).reshape(grid.shape[:2])
