"""The torch engine: batches of seeds, with autograd on the reference model; also on CUDA."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch

from modadd import model
from modadd._compiled import engine as _engine
from modadd._compiled.engine import NEVER
from modadd._progress import progress_bar
from modadd.model import Parameters
from modadd.run import SCALARS, Interrupted, Run, check_finite


def train_in_batches(
    config, seeds, start, steps, keep_parameters, device, progress, keep, stop
) -> None:
    """Train all seeds in batches on the reference model and hand each seed's Run to `keep`."""
    on_cpu = torch.device(device).type == "cpu"
    # On a CPU small batches stay in cache, and let Ctrl-C through between their short operations;
    # a GPU wants all that fits in a few gigabytes.
    size = len(config.task.pairs) * config.hidden
    batch = min(32, max(1, 2**22 // size)) if on_cpu else max(1, 2**33 // (48 * size))
    parts = [seeds[first : first + batch] for first in range(0, len(seeds), batch)]
    with progress_bar("training", len(seeds), progress) as bar:
        for part in parts:
            recorded: list[tuple[list, Parameters]] = []
            try:
                _train_batch(config, part, start, steps, device, stop, recorded)
                run = _batch_run(config, part, steps, recorded, keep_parameters)
                for seed in part:
                    keep(run.select(seed))
            except KeyboardInterrupt:
                begun = [_batch_run(config, part, steps, recorded, keep_parameters)] * bool(
                    recorded
                )
                raise Interrupted([], begun, len(seeds)) from None
            bar.update(len(part))


def _train_batch(config, seeds, start, steps, device, stop, recorded) -> None:
    """Train one batch of seeds on a torch device; add (scalars, parameters) to `recorded`."""
    task = config.task
    initial = [config.initial(seed)._replace(**start[seed]) for seed in seeds]
    parameters = Parameters(*(torch.tensor(np.stack(a), device=device) for a in zip(*initial)))
    training = np.stack([task.training_pairs(config.train_share, seed) for seed in seeds])
    weights = torch.tensor(model.pair_weights(task, training).astype(np.float32), device=device)
    held_out = torch.tensor((task.multiplicity * ~training).astype(np.float32), device=device)
    state = [(torch.zeros_like(a), torch.zeros_like(a)) for a in parameters]
    for step in range(int(steps[-1]) + 1):
        if stop is not None and stop[0]:
            raise KeyboardInterrupt
        parameters = parameters.map(lambda array: array.detach().requires_grad_())
        loss = model.loss(
            parameters,
            task,
            weights,
            bias_scale=config.bias_scale,
            label_smoothing=config.label_smoothing,
        )
        gradients = torch.autograd.grad(loss.sum(), parameters)
        with torch.no_grad():
            if step in steps:
                scalars = _measure_torch(
                    config, task, parameters, weights, held_out, loss, gradients[0]
                )
                for seed, values in zip(seeds, np.transpose(scalars)):
                    check_finite(seed, np.array([step]), values[None])
                recorded.append((scalars, parameters.map(lambda a: a.cpu().numpy().copy())))
            parameters = _update_torch(config, parameters, gradients, state, step)


def _batch_run(config, seeds, steps, recorded, keep_parameters) -> Run:
    """The Run of a batch from what was recorded of it."""
    scalars, snapshots = zip(*recorded)
    arrays = dict(zip(SCALARS, np.moveaxis(np.array(scalars, np.float32), 1, 0), strict=True))
    history = Parameters(*(np.stack(column) for column in zip(*snapshots)))
    return Run(
        source="network",
        settings=asdict(config),
        seeds=np.array(seeds, np.int64),
        steps=steps[: len(recorded)],
        embeddings=history.embeddings,
        parameters=history if keep_parameters else None,
        **arrays,
    )


def _measure_torch(config, task, parameters, weights, held_out, loss, gradient) -> list:
    """The scalars of a snapshot, five arrays of shape (S,)."""
    z = model.logits(parameters, model.pair_sums(parameters, task), config.bias_scale)
    hit = (z.argmax(-1) == torch.as_tensor(task.labels, device=z.device)).float()
    target = model.targets(task, config.label_smoothing, z)
    squares = (target - torch.softmax(z, dim=-1)).square().sum(-1)
    values = [
        loss,
        (weights * hit).sum(-1),
        (held_out * hit).sum(-1) / held_out.sum(-1),
        gradient.square().sum((-1, -2)).div(task.modulus).sqrt(),
        (weights * squares).sum(-1).sqrt(),
    ]
    return [value.cpu().numpy() for value in values]


def _update_torch(config, parameters, gradients, state, step) -> Parameters:
    """One step of the optimiser; the groups are E, (W1, b1), W2, b2."""
    rates, decays = config.rates.tolist(), config.decays.tolist()
    decaying = (
        config.decay_from <= step < (NEVER if config.decay_until is None else config.decay_until)
    )
    updated = []
    for group, array, gradient, (first, second) in zip(
        (0, 1, 1, 2, 3), parameters, gradients, state
    ):
        rate, decay = rates[group], decays[group] * decaying
        if config.optimiser == "adamw":
            array, decay = array * (1 - rate * decay), 0.0
        gradient = gradient + decay * array
        if config.optimiser == "gradient_descent":
            first.mul_(config.momentum).add_(gradient)
            updated.append(array - rate * first)
            continue
        first.lerp_(gradient, 1 - _engine.BETA1)
        second.lerp_(gradient.square(), 1 - _engine.BETA2)
        size = (second / (1 - _engine.BETA2 ** (step + 1))).sqrt() + _engine.EPSILON
        updated.append(array - rate * first / (1 - _engine.BETA1 ** (step + 1)) / size)
    return Parameters(*updated)
