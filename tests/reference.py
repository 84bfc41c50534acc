"""Training as a reader of torch's manual would write it, with autograd and torch.optim; the kernel.

Slow, and independent of the compiled loops.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from modadd import TrainingConfig, model
from modadd.model import Parameters

OPTIMISERS = {"gradient_descent": torch.optim.SGD, "adam": torch.optim.Adam}
OPTIMISERS |= {"adamw": torch.optim.AdamW}


def train(
    config: TrainingConfig,
    seed: int,
    *,
    start: Parameters | None = None,
    frozen: bool = False,
    paces: Sequence[float] = (1, 1, 1, 1, 1),
) -> Parameters:
    """Parameters of one seed at every step, with a leading axis of steps + 1.

    They begin at `start`, or as the seed has it; if `frozen`, the first layer does not learn. Each
    array learns at its pace, and decays at the same pace as all.
    """
    parameters = (config.initial(seed) if start is None else start).map(
        lambda array: torch.tensor(array, dtype=torch.float64, requires_grad=True)
    )
    if frozen:
        for layer in (parameters.w1, parameters.b1):
            layer.requires_grad_(False)
    own = config.weight_decay if config.embedding_decay is None else config.embedding_decay
    decays = [own, *[config.weight_decay] * 4]
    options, rates = {}, [pace * config.learning_rate for pace in paces]
    if config.optimiser == "adamw":  # its steps of decay grow with the rate
        decays = [decay / pace for decay, pace in zip(decays, paces)]
    if config.optimiser == "gradient_descent":
        options["momentum"] = config.momentum
    groups = [{"params": [array], "lr": rate} for array, rate in zip(parameters, rates)]
    optimiser = OPTIMISERS[config.optimiser](groups, **options)
    until, states = np.inf if config.decay_until is None else config.decay_until, []
    for step in range(config.steps + 1):
        states.append(parameters.map(lambda array: array.detach().numpy().copy()))
        optimiser.zero_grad()
        _loss(config, seed, parameters).backward()
        for group, decay in zip(optimiser.param_groups, decays):
            group["weight_decay"] = decay * (config.decay_from <= step < until)
        optimiser.step()
    return Parameters(*map(np.stack, zip(*states)))


def measure(config: TrainingConfig, seed: int, parameters: Parameters) -> dict[str, float]:
    """The scalars of a Run from their definitions, of one seed's parameters at one step."""
    task = config.task
    parameters = parameters.map(lambda array: torch.tensor(array).double().requires_grad_())
    loss = _loss(config, seed, parameters)
    (slope,) = torch.autograd.grad(loss, parameters.embeddings)
    z = model.logits(parameters, model.pair_sums(parameters, task), config.bias_scale).detach()
    smooth = config.label_smoothing
    target = (1 - smooth) * np.eye(task.modulus)[task.labels] + smooth / task.modulus
    squares = ((target - torch.softmax(z, -1).numpy()) ** 2).sum(-1)
    hit, mask = z.argmax(-1).numpy() == task.labels, task.training_pairs(config.train_share, seed)

    def mean(values: np.ndarray, over: np.ndarray) -> float:
        return np.average(values[over], weights=task.multiplicity[over]) if over.any() else np.nan

    return {
        "loss": loss.item(),
        "accuracy": mean(hit, mask),
        "validation_accuracy": mean(hit, ~mask),
        "force_rms": slope.square().sum(-1).mean().sqrt().item(),
        "residual_rms": np.sqrt(mean(squares, mask)),
    }


def _loss(config: TrainingConfig, seed: int, parameters: Parameters) -> torch.Tensor:
    """Mean cross-entropy over the ordered training pairs, by torch's own function."""
    task = config.task
    mask = task.training_pairs(config.train_share, seed)
    z = model.logits(parameters, model.pair_sums(parameters, task), config.bias_scale)[mask]
    labels, weight = torch.tensor(task.labels[mask]), torch.tensor(task.multiplicity[mask])
    losses = torch.nn.functional.cross_entropy(
        z, labels, reduction="none", label_smoothing=config.label_smoothing
    )
    return (losses * weight).sum() / weight.sum()


def kernel(x: torch.Tensor, y: torch.Tensor, beta: float) -> torch.Tensor:
    """The arc-cosine kernel (...) of points (..., 2), by its angle, for autograd."""
    dot = (x * y).sum(-1) + beta**2
    plane = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
    square = plane**2 + beta**2 * ((x - y) ** 2).sum(-1)
    parallel = square == 0  # where a root has no slope
    cross = torch.where(parallel, 0.0, torch.where(parallel, 1.0, square).sqrt())
    return (cross + (math.pi - torch.atan2(cross, dot)) * dot) / (2 * math.pi)
