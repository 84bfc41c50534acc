"""Training: one recipe, `TrainingConfig`, and two engines that carry it out.

The compiled engine (`_engine`) trains one seed per thread on the CPU. The torch engine trains a
batch of seeds with autograd on the reference model; it is slower on a CPU, and runs on CUDA. Both
agree, step by step, to float32 rounding.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass

import numpy as np
import torch
from tqdm.auto import tqdm

from modadd import _checks, _engine, model
from modadd.model import Parameters
from modadd.run import SCALARS, Run, cached, join
from modadd.task import ModularAddition

OPTIMISERS = ("gradient_descent", "adam", "adamw")
NEVER = 2**62


class DivergenceError(ArithmeticError):
    """The loss or the parameters of a seed stopped being finite."""


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of one training run; the defaults give textbook structures at N = 17.

    Weight decay follows torch.optim: added to the gradient for gradient descent and Adam,
    decoupled for AdamW. Momentum belongs to gradient descent; Adam and AdamW use β1 = 0.9,
    β2 = 0.999 and ε = 1e-8.

    Raises:
        ValueError: naming the argument, its value and the allowed range.
    """

    modulus: int = 17
    """N >= 3"""
    hidden: int = 64
    """hidden width H >= 1"""
    steps: int = 2500
    """full-batch steps, >= 0"""
    optimiser: str = "gradient_descent"
    """"gradient_descent", "adam" or "adamw\""""
    learning_rate: float = 0.3
    """> 0"""
    momentum: float = 0.9
    """in [0, 1]; below 1 to be of use"""
    weight_decay: float = 3e-3
    """>= 0, on all parameters"""
    embedding_decay: float | None = None
    """>= 0, on the embeddings in place of `weight_decay`; None: the same"""
    decay_from: int = 0
    """first step with decay"""
    decay_until: int | None = None
    """first step without decay again; None: never"""
    train_share: float = 1.0
    """share of the unordered pairs to train on, in ]0, 1]"""
    bias_scale: float = 1.0
    """β >= 0"""
    embedding_scale: float = 1.0
    """standard deviation of the initial embeddings, > 0"""
    readout_init: str = "zero"
    """"zero" or "standard\""""
    label_smoothing: float = 0.0
    """in [0, 1]"""
    freeze_first_layer: bool = False
    """keep W1 and b1 at their initial values"""

    def __post_init__(self) -> None:
        """Check every field."""
        ModularAddition(self.modulus)
        _checks.integer("hidden", self.hidden, 1)
        _checks.integer("steps", self.steps, 0)
        _checks.choice("optimiser", self.optimiser, OPTIMISERS)
        _checks.real("learning_rate", self.learning_rate, 0.0, open_low=True)
        _checks.real("momentum", self.momentum, 0.0, 1.0)
        _checks.real("weight_decay", self.weight_decay, 0.0)
        if self.embedding_decay is not None:
            _checks.real("embedding_decay", self.embedding_decay, 0.0)
        _checks.integer("decay_from", self.decay_from, 0)
        if self.decay_until is not None:
            _checks.integer("decay_until", self.decay_until, self.decay_from)
        _checks.real("train_share", self.train_share, 0.0, 1.0, open_low=True)
        _checks.real("bias_scale", self.bias_scale, 0.0)
        _checks.real("embedding_scale", self.embedding_scale, 0.0, open_low=True)
        _checks.choice("readout_init", self.readout_init, ("zero", "standard"))
        _checks.real("label_smoothing", self.label_smoothing, 0.0, 1.0)
        if not isinstance(self.freeze_first_layer, bool):
            raise ValueError(
                f"freeze_first_layer must be True or False, got {self.freeze_first_layer!r}"
            )

    @property
    def task(self) -> ModularAddition:
        """The task of this modulus."""
        return ModularAddition(self.modulus)

    @property
    def rates(self) -> np.ndarray:
        """Learning rates of the groups E, first layer, W2, b2: (4,) float32."""
        rates = np.full(4, self.learning_rate, np.float32)
        rates[1] *= not self.freeze_first_layer
        return rates

    @property
    def decays(self) -> np.ndarray:
        """Weight decays of the groups E, first layer, W2, b2: (4,) float32."""
        decays = np.full(4, self.weight_decay, np.float32)
        if self.embedding_decay is not None:
            decays[0] = self.embedding_decay
        return decays

    def initial(self, seed: int) -> Parameters:
        """Initial parameters of one seed, see `model.initialise`."""
        return model.initialise(
            self.task,
            self.hidden,
            seed,
            embedding_scale=self.embedding_scale,
            readout_init=self.readout_init,
        )


def snapshot_steps(steps: int, snapshots: int | Iterable[int] = 60) -> np.ndarray:
    """Steps at which a run is recorded.

    Args:
        steps: number of training steps.
        snapshots: how many, from 0 to `steps`, dense early and sparse late (quadratic spacing,
            fewer where neighbours would coincide); or the steps themselves.

    Returns:
        (T,) increasing int64.

    Raises:
        ValueError: if a count is below 2 or a step lies outside [0, steps].
    """
    if np.ndim(snapshots) == 0 and not isinstance(snapshots, range):
        count = _checks.integer("snapshots", snapshots, 2)
        return np.unique(np.rint(steps * np.linspace(0, 1, count) ** 2).astype(np.int64))
    chosen = [_checks.integer("snapshots", step, 0, steps) for step in snapshots]
    if not chosen:
        raise ValueError("snapshots must hold at least one step, got none")
    return np.unique(np.array(chosen, np.int64))


def train(
    config: TrainingConfig,
    seeds: int | Iterable[int],
    *,
    snapshots: int | Iterable[int] = 60,
    initial_embeddings: np.ndarray | None = None,
    keep_parameters: bool = False,
    engine: str = "compiled",
    device: str = "cpu",
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Run:
    """Train an ensemble of networks.

    With the compiled engine a seed's run has the same bits whatever ensemble it runs in and
    however many threads there are.

    Args:
        config: the recipe.
        seeds: distinct integers >= 0; a seed decides split and initialisation.
        snapshots: how many steps to record, or which; see `snapshot_steps`.
        initial_embeddings: (S, N, 2), to start the seeds from given embeddings.
        keep_parameters: record all parameters, not only the embeddings.
        engine: "compiled" or "torch".
        device: "cpu"; for the torch engine any torch device.
        threads: threads of the compiled engine; None: one per core.
        cache: take finished seeds from the cache and leave new ones there.
        progress: show a progress bar where it takes longer than a second.

    Returns:
        a Run with source "network"; a snapshot shows the state before the update of its step.

    Raises:
        ValueError: for an argument out of range, before any training.
        DivergenceError: naming step and seed, when a seed's loss stops being finite.
    """
    seeds = _checks.seeds("seeds", seeds)
    _checks.choice("engine", engine, ("compiled", "torch"))
    if engine == "compiled" and device != "cpu":
        raise ValueError(f"device must be 'cpu' for the compiled engine, got {device!r}")
    steps = snapshot_steps(config.steps, snapshots)
    if initial_embeddings is not None:
        initial_embeddings = _start(initial_embeddings, (len(seeds), config.modulus, 2))

    def compute(missing: Sequence[int], keep: Callable[[Run], None]) -> None:
        start = {}
        if initial_embeddings is not None:
            start = dict(zip(seeds, initial_embeddings, strict=True))
        if engine == "torch":
            _train_torch(config, missing, start, steps, keep_parameters, device, progress, keep)
            return
        task = config.task

        def work(seed: int, stop: np.ndarray) -> Run:
            theta, recipe, pairs = _prepare(config, task, seed, start.get(seed))
            settings = asdict(config)
            return record(
                "network", settings, seed, theta, recipe, pairs, steps, keep_parameters, stop
            )

        run_in_threads(work, missing, keep, threads, progress, "training")

    if not cache:
        runs = {}
        compute(seeds, lambda run: runs.__setitem__(int(run.seeds[0]), run))
        return join([runs[seed] for seed in seeds])
    key = {
        "settings": asdict(config),
        "steps": steps.tolist(),
        "parameters": keep_parameters,
        "engine": engine if device == "cpu" else f"{engine} {device}",
    }
    if initial_embeddings is None:
        return cached(key, seeds, compute)
    key["start"] = hashlib.sha256(initial_embeddings.tobytes()).hexdigest()
    return cached(key | {"seeds": seeds}, seeds, compute)


def _start(value: object, shape: tuple[int, ...]) -> np.ndarray:
    array = _checks.embeddings("initial_embeddings", value)
    if array.shape != shape:
        raise ValueError(f"initial_embeddings must have shape {shape}, got {array.shape}")
    return array.astype(np.float32)


# --- the compiled engine -------------------------------------------------------------------------


def _prepare(
    config: TrainingConfig, task: ModularAddition, seed: int, start: np.ndarray | None
) -> tuple[np.ndarray, _engine.Recipe, _engine.Pairs]:
    """Flat parameters, recipe and pairs of one seed for the compiled engine."""
    parameters = config.initial(seed)
    if start is not None:
        parameters = parameters._replace(embeddings=start)
    training = task.training_pairs(config.train_share, seed)
    pairs = _engine.padded_pairs(
        task.pairs,
        task.labels,
        model.pair_weights(task, training),
        task.multiplicity * ~training,
    )
    recipe = _engine.Recipe(
        tokens=config.modulus,
        hidden=config.hidden,
        bias_scale=config.bias_scale,
        label_smoothing=config.label_smoothing,
        optimiser=OPTIMISERS.index(config.optimiser),
        momentum=config.momentum,
        rates=config.rates,
        decays=config.decays,
        decay_from=config.decay_from,
        decay_until=NEVER if config.decay_until is None else config.decay_until,
    )
    return _engine.pack(*parameters), recipe, pairs


def record(
    source: str,
    settings: dict,
    seed: int,
    theta: np.ndarray,
    recipe: _engine.Recipe,
    pairs: _engine.Pairs,
    steps: np.ndarray,
    keep_parameters: bool,
    stop: np.ndarray,
) -> Run:
    """Advance one seed on the compiled engine and record it at `steps`, (T,).

    Returns:
        the Run of this seed; ends early, with the snapshots so far, once `stop[0]` is set.

    Raises:
        DivergenceError: when loss or parameters stop being finite.
    """
    theta, state = theta.copy(), np.zeros((2, theta.size), np.float32)
    flat = np.empty((len(steps), theta.size), np.float32)
    scalars = np.empty((len(steps), len(SCALARS)), np.float32)
    count, bad = _engine.trace(theta, state, recipe, pairs, 0, steps, stop, flat, scalars)
    if bad >= 0:
        raise _diverged(bad, seed)
    parameters = Parameters(*_engine.unpack(flat[:count, None], recipe.tokens, recipe.hidden))
    return Run(
        source=source,
        settings=settings,
        seeds=np.array([seed], np.int64),
        steps=steps[:count],
        embeddings=parameters.embeddings.copy(),
        parameters=parameters.map(np.copy) if keep_parameters else None,
        **dict(zip(SCALARS, scalars[:count, None].T.swapaxes(1, 2), strict=True)),
    )


def _diverged(step: int, seed: int) -> DivergenceError:
    return DivergenceError(
        f"the loss stopped being finite at step {step} of seed {seed}; "
        "a smaller learning_rate usually helps"
    )


def run_in_threads(
    work: Callable[[int, np.ndarray], Run],
    seeds: Sequence[int],
    keep: Callable[[Run], None],
    threads: int | None,
    progress: bool,
    title: str,
) -> None:
    """Call work(seed, stop) for every seed and hand each Run to `keep` as it is done.

    An interrupt or a failing seed sets stop[0], on which all work ends within a step; what was
    kept until then stays kept.
    """
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    else:
        threads = _checks.integer("threads", threads, 1)
    stop = np.zeros(1, np.uint8)
    with (
        ThreadPoolExecutor(threads or os.cpu_count()) as pool,
        tqdm(total=len(seeds), desc=title, unit="seed", delay=1, disable=not progress) as bar,
    ):
        futures = [pool.submit(work, seed, stop) for seed in seeds]
        try:
            for future in as_completed(futures):
                keep(future.result())
                bar.update()
        except BaseException:
            stop[0] = 1
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# --- the torch engine ----------------------------------------------------------------------------


def _train_torch(config, seeds, start, steps, keep_parameters, device, progress, keep) -> None:
    """Train all seeds in batches on the reference model and hand each seed's Run to `keep`."""
    task = config.task
    on_cpu = torch.device(device).type == "cpu"
    # On a CPU small batches stay in cache; a GPU wants all that fits in a few gigabytes.
    batch = 32 if on_cpu else max(1, 2**33 // (48 * len(task.pairs) * config.hidden))
    with tqdm(total=len(seeds), desc="training", unit="seed", delay=1, disable=not progress) as bar:
        for first in range(0, len(seeds), batch):
            part = seeds[first : first + batch]
            run = _train_batch(config, task, part, start, steps, keep_parameters, device)
            for seed in part:
                keep(run.select(seed))
            bar.update(len(part))


def _train_batch(config, task, seeds, start, steps, keep_parameters, device) -> Run:
    """Train one batch of seeds on a torch device."""
    initial = [config.initial(seed) for seed in seeds]
    initial = [p._replace(embeddings=start.get(s, p.embeddings)) for s, p in zip(seeds, initial)]
    parameters = Parameters(*(torch.tensor(np.stack(a), device=device) for a in zip(*initial)))
    training = np.stack([task.training_pairs(config.train_share, seed) for seed in seeds])
    weights = torch.tensor(model.pair_weights(task, training).astype(np.float32), device=device)
    held_out = torch.tensor((task.multiplicity * ~training).astype(np.float32), device=device)
    state = [(torch.zeros_like(a), torch.zeros_like(a)) for a in parameters]
    scalars, snapshots = [], []
    for step in range(int(steps[-1]) + 1):
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
                scalars.append(
                    _measure_torch(config, task, parameters, weights, held_out, loss, gradients[0])
                )
                snapshots.append(parameters.map(lambda array: array.cpu().numpy().copy()))
                if not np.isfinite(scalars[-1][0]).all():
                    raise _diverged(step, seeds[int(np.argmin(np.isfinite(scalars[-1][0])))])
            parameters = _update_torch(config, parameters, gradients, state, step)
    arrays = dict(zip(SCALARS, np.moveaxis(np.array(scalars, np.float32), 1, 0), strict=True))
    history = Parameters(*(np.stack(column) for column in zip(*snapshots)))
    return Run(
        source="network",
        settings=asdict(config),
        seeds=np.array(seeds, np.int64),
        steps=steps,
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
