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
    """All parameters of an ensemble; torch tensors or numpy arrays with the same leading axes.

    >>> initialise(ModularAddition(5), hidden=4, seed=0).map(np.shape).w2
    (4, 5)
    """

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
        hidden: width H, 1 to 65536.
        seed: integer in [0, 2**63).
        embedding_scale: standard deviation of the embeddings' entries, in ]0, 1e30].
        readout_init: "zero" or "standard".

    Returns:
        numpy float32 arrays of shapes (N, 2), (2, H), (H,), (H, N), (N,).

    Raises:
        ValueError: if an argument is outside its range.

    >>> network = initialise(ModularAddition(5), hidden=4, seed=0)
    >>> network.embeddings.shape, bool(network.w2.any())
    ((5, 2), False)
    """
    _checks.instance("task", task, ModularAddition)
    hidden = _checks.integer("hidden", hidden, 1, _checks.HIDDEN)
    seed = _checks.integer("seed", seed, 0, _checks.SEED)
    scale = _checks.real("embedding_scale", embedding_scale, 0.0, _checks.LARGEST, open_low=True)
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
        training: (..., P) bools, True for training pairs, at least one.

    Returns:
        (..., P) float64 that sum to 1; zero for validation pairs.

    Raises:
        ValueError: if training has another shape or type, or a set of it is empty.

    >>> pair_weights(ModularAddition(3), np.ones(6, bool)) * 9
    array([1., 2., 2., 1., 2., 1.])
    """
    _checks.instance("task", task, ModularAddition)
    training = _checks.bools("training", training, len(task.pairs))
    weights = training * task.multiplicity
    return weights / weights.sum(axis=-1, keepdims=True)


def logits(parameters: Parameters, points: Tensor, bias_scale: float = 1.0) -> Tensor:
    """Logits z = W2ᵀ ReLU(W1ᵀ x + β b1) + b2 at points x of the plane.

    Args:
        parameters: tensors with leading axes (...).
        points: (..., M, 2) tensor, of the parameters' precision.
        bias_scale: β in [0, 1e30].

    Returns:
        (..., M, N).

    Raises:
        ValueError: if a shape does not fit, or the bias scale is outside its range.

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0, readout_init="standard").map(torch.tensor)
    >>> logits(network, torch.zeros(7, 2)).shape
    torch.Size([7, 5])
    """
    _check_parameters(parameters)
    bias_scale = _checks.real("bias_scale", bias_scale, 0.0, _checks.LARGEST)
    kind = parameters.w1.dtype
    there = isinstance(points, Tensor) and points.ndim >= 2 and points.shape[-1] == 2
    if not there or points.dtype != kind:
        raise _checks.refuse("points", f"a tensor of shape (..., M, 2) and {kind}", points)
    bias = bias_scale * parameters.b1.unsqueeze(-2)
    hidden = torch.relu(points @ parameters.w1 + bias)
    return hidden @ parameters.w2 + parameters.b2.unsqueeze(-2)


def pair_sums(parameters: Parameters, task: ModularAddition) -> Tensor:
    """Pair sums x_p = E_a + E_b of the parameters' embeddings.

    Args:
        parameters: tensors with leading axes (...).
        task: the task.

    Returns:
        (..., P, 2), in the order of `ModularAddition.pairs`.

    Raises:
        ValueError: if the parameters are those of another modulus.

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0, readout_init="standard").map(torch.tensor)
    >>> pair_sums(network, task).shape
    torch.Size([15, 2])
    """
    _check_task(parameters, task)
    first, second = torch.as_tensor(task.pairs, device=parameters.embeddings.device).T
    return parameters.embeddings[..., first, :] + parameters.embeddings[..., second, :]


def predicted_labels(
    parameters: Parameters, task: ModularAddition, bias_scale: float = 1.0
) -> np.ndarray:
    """The label that the network gives each pair: that of its largest logit.

    Args:
        parameters: tensors or numpy arrays with leading axes (...).
        task: the task.
        bias_scale: β in [0, 1e30].

    Returns:
        (..., P) int64, in the order of `ModularAddition.pairs`.

    Raises:
        ValueError: if a shape does not fit, or the bias scale is outside its range.

    >>> task = ModularAddition(5)
    >>> predicted_labels(initialise(task, hidden=4, seed=0), task).tolist()  # a readout of zero
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    _checks.instance("parameters", parameters, Parameters)
    tensors = parameters.map(torch.as_tensor)
    return logits(tensors, pair_sums(tensors, task), bias_scale).argmax(-1).numpy()


def targets(task: ModularAddition, label_smoothing: float, like: Tensor) -> Tensor:
    """Target distribution of each pair, (1 − s) onehot(label) + s / N.

    Args:
        task: the task.
        label_smoothing: s in [0, 1].
        like: a tensor of the wanted precision, on the wanted device.

    Returns:
        (P, N), each row of sum 1.

    Raises:
        ValueError: if the smoothing is outside its range, or `like` is no tensor.

    >>> targets(ModularAddition(3), label_smoothing=0.3, like=torch.zeros(1))[0]
    tensor([0.8000, 0.1000, 0.1000])
    """
    _checks.instance("task", task, ModularAddition)
    _checks.instance("like", like, Tensor)
    label_smoothing = _checks.real("label_smoothing", label_smoothing, 0.0, 1.0)
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
        parameters: tensors with leading axes (...).
        task: the task.
        weights: (..., P) tensor from `pair_weights`.
        bias_scale: β in [0, 1e30].
        label_smoothing: s in [0, 1].

    Returns:
        (...) losses in nats.

    Raises:
        ValueError: if a shape does not fit, or a number is outside its range.

    A readout of zero guesses uniformly, at a loss of log N:

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0).map(torch.tensor)
    >>> weights = torch.tensor(pair_weights(task, np.ones(15, bool)))
    >>> loss(network, task, weights).exp().round(decimals=5).item()
    5.0
    """
    _check_weights(task, weights)
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
    """Residuals α_p = target_p − softmax(z_p) of every pair.

    Args:
        parameters: tensors with leading axes (...).
        task: the task.
        bias_scale: β in [0, 1e30].
        label_smoothing: s in [0, 1].

    Returns:
        (..., P, N); each adds up to zero over labels.

    Raises:
        ValueError: if a shape does not fit, or a number is outside its range.

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0, readout_init="standard").map(torch.tensor)
    >>> residuals(network, task).sum(-1).abs().max() < 1e-6
    tensor(True)
    """
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

    Args:
        parameters: tensors with leading axes (...).
        task: the task.
        weights: (..., P) tensor from `pair_weights`.
        bias_scale: β in [0, 1e30].
        label_smoothing: s in [0, 1].

    Returns:
        (..., P, 2); zero for validation pairs.

    Raises:
        ValueError: if a shape does not fit, or a number is outside its range.

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0, readout_init="standard").map(torch.tensor)
    >>> training = task.training_pairs(0.5, seed=0)
    >>> f = pair_forces(network, task, torch.tensor(pair_weights(task, training)))
    >>> f.shape, f[~training].abs().sum().item()
    (torch.Size([15, 2]), 0.0)
    """
    _check_weights(task, weights)
    bias_scale = _checks.real("bias_scale", bias_scale, 0.0, _checks.LARGEST)
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
    """Force F_a = −∂L/∂E_a on each embedding, in closed form (derived here).

    F_a is the sum of the forces on the unordered pairs that contain a, twice for (a, a).

    Args:
        parameters: tensors with leading axes (...).
        task: the task.
        weights: (..., P) tensor from `pair_weights`.
        bias_scale: β in [0, 1e30].
        label_smoothing: s in [0, 1].

    Returns:
        (..., N, 2), in nats over the embeddings' unit.

    Raises:
        ValueError: if a shape does not fit, or a number is outside its range.

    >>> task = ModularAddition(5)
    >>> network = initialise(task, hidden=4, seed=0, readout_init="standard").map(torch.tensor)
    >>> weights = torch.tensor(pair_weights(task, np.ones(15, bool)))
    >>> embedding_forces(network, task, weights).shape
    torch.Size([5, 2])
    """
    forces = pair_forces(
        parameters, task, weights, bias_scale=bias_scale, label_smoothing=label_smoothing
    )
    first, second = torch.as_tensor(task.pairs, device=forces.device).T
    total = torch.zeros_like(parameters.embeddings, dtype=forces.dtype)
    return total.index_add(-2, first, forces).index_add(-2, second, forces)


def regions(
    parameters: Parameters, x: np.ndarray, y: np.ndarray, bias_scale: float = 1.0
) -> np.ndarray:
    """Predicted label at every node of a grid over the plane of pair sums.

    Args:
        parameters: of one seed, torch or numpy.
        x: (X,) abscissae.
        y: (Y,) ordinates.
        bias_scale: β in [0, 1e30].

    Returns:
        (Y, X) ints: the label with the largest logit at each node.

    Raises:
        ValueError: if a shape does not fit, or a number is outside its range.

    >>> network = initialise(ModularAddition(5), hidden=4, seed=0, readout_init="standard")
    >>> regions(network, [-1.0, 1.0], [-1.0, 0.0, 1.0]).shape
    (3, 2)
    """
    _check_parameters(parameters, lead=0)
    x, y = (_checks.array(name, v, ("M",), limit=1e30) for name, v in (("x", x), ("y", y)))
    points = torch.as_tensor(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32))
    parameters = Parameters(*parameters).map(torch.as_tensor)
    z = logits(parameters, points.to(parameters.w1.dtype), bias_scale)
    return z.argmax(-1).numpy().reshape(len(y), len(x))


def _check_parameters(parameters: Parameters, lead: int | None = None) -> None:
    """Raise ValueError unless the arrays belong together, with `lead` leading axes if given."""
    if not isinstance(parameters, Parameters) or not all(hasattr(a, "shape") for a in parameters):
        raise _checks.refuse("parameters", "a Parameters of arrays", parameters)
    shapes = parameters.map(lambda array: tuple(array.shape))
    *batch, n, _ = shapes.embeddings if len(shapes.embeddings) > 1 else (0, 0)
    h = shapes.b1[-1] if shapes.b1 else 0
    expected = Parameters(*((*batch, *own) for own in ((n, 2), (2, h), (h,), (h, n), (n,))))
    if shapes != expected or (lead is not None and len(batch) != lead):
        raise ValueError(f"parameters must have shapes that fit each other, got {tuple(shapes)}")


def _check_task(parameters: Parameters, task: ModularAddition) -> None:
    """Raise ValueError unless the task is that of the parameters."""
    _check_parameters(parameters)
    n = parameters.embeddings.shape[-2]
    if _checks.instance("task", task, ModularAddition).modulus != n:
        raise ValueError(f"task must have modulus {n}, as the parameters, got {task.modulus}")


def _check_weights(task: ModularAddition, weights: Tensor) -> None:
    """Raise ValueError unless there is a weight for every pair of the task."""
    count = len(_checks.instance("task", task, ModularAddition).pairs)
    if not isinstance(weights, Tensor) or weights.shape[-1:] != (count,):
        raise _checks.refuse("weights", f"a tensor of shape (..., {count})", weights)
