"""Training: one recipe, `TrainingConfig`, and two engines that carry it out.

The compiled engine (`_engine`) trains one seed per thread on the CPU. The torch engine
(`_torch_engine`) trains a batch of seeds with autograd on the reference model; it is slower on a
CPU, and runs on CUDA. Both agree, step by step, to float32 rounding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from modadd import _checks, model
from modadd._compiled import engine as _engine
from modadd._threads import run_in_threads
from modadd._torch_engine import train_in_batches
from modadd.cache import cached
from modadd.model import Parameters
from modadd.run import SCALARS, Run, check_finite
from modadd.task import ModularAddition

OPTIMISERS = ("gradient_descent", "adam", "adamw")


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of one training run; the defaults give textbook structures at N = 17.

    Weight decay follows torch.optim: added to the gradient for gradient descent and Adam,
    decoupled for AdamW. Momentum belongs to gradient descent; Adam and AdamW use β1 = 0.9,
    β2 = 0.999 and ε = 1e-8.

    Raises:
        ValueError: naming the argument, its value and the allowed range.

    >>> config = TrainingConfig(modulus=12, steps=100)
    >>> config.hidden, config.task.modulus
    (64, 12)
    """

    modulus: int = 17
    """N, 3 to 4096"""
    hidden: int = 64
    """hidden width H, 1 to 65536"""
    steps: int = 2500
    """full-batch steps, 0 to 1e12"""
    optimiser: str = "gradient_descent"
    """"gradient_descent", "adam" or "adamw\""""
    learning_rate: float = 0.3
    """in ]0, 1e30]"""
    momentum: float = 0.9
    """in [0, 1]; below 1 to be of use"""
    weight_decay: float = 3e-3
    """in [0, 1e30], on all parameters"""
    embedding_decay: float | None = None
    """in [0, 1e30], on the embeddings in place of `weight_decay`; None: the same"""
    decay_from: int = 0
    """first step with decay, >= 0"""
    decay_until: int | None = None
    """first step without decay again, >= `decay_from`; None: never"""
    train_share: float = 1.0
    """share of the unordered pairs to train on, in ]0, 1]"""
    bias_scale: float = 1.0
    """β in [0, 1e30]"""
    embedding_scale: float = 1.0
    """standard deviation of the initial embeddings, in ]0, 1e30]"""
    readout_init: str = "zero"
    """"zero" or "standard\""""
    label_smoothing: float = 0.0
    """in [0, 1]"""
    freeze_first_layer: bool = False
    """keep W1 and b1 at their initial values"""

    def __post_init__(self) -> None:
        """Check every field; keep it as a plain Python value, which any cache key can hold."""
        integer, real, largest = _checks.integer, _checks.real, _checks.LARGEST
        start = integer("decay_from", self.decay_from, 0, _checks.STEPS)
        known = {
            "modulus": ModularAddition(self.modulus).modulus,
            "hidden": integer("hidden", self.hidden, 1, _checks.HIDDEN),
            "steps": integer("steps", self.steps, 0, _checks.STEPS),
            "optimiser": _checks.choice("optimiser", self.optimiser, OPTIMISERS),
            "learning_rate": real("learning_rate", self.learning_rate, 0, largest, open_low=True),
            "momentum": real("momentum", self.momentum, 0, 1),
            "weight_decay": real("weight_decay", self.weight_decay, 0, largest),
            "decay_from": start,
            "train_share": real("train_share", self.train_share, 0, 1, open_low=True),
            "bias_scale": real("bias_scale", self.bias_scale, 0, largest),
            "embedding_scale": real(
                "embedding_scale", self.embedding_scale, 0, largest, open_low=True
            ),
            "readout_init": _checks.choice("readout_init", self.readout_init, ("zero", "standard")),
            "label_smoothing": real("label_smoothing", self.label_smoothing, 0, 1),
            "freeze_first_layer": _checks.flag("freeze_first_layer", self.freeze_first_layer),
        }
        if self.embedding_decay is not None:
            known["embedding_decay"] = real("embedding_decay", self.embedding_decay, 0, largest)
        if self.decay_until is not None:
            until = integer("decay_until", self.decay_until, start, _checks.STEPS)
            known["decay_until"] = until
        for name, value in known.items():
            object.__setattr__(self, name, value)

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
        steps: number of training steps, 0 to 1e12.
        snapshots: how many, from 0 to `steps`, dense early and sparse late (quadratic spacing,
            fewer where neighbours would coincide); or the steps themselves.

    Returns:
        (T,) increasing int64.

    Raises:
        ValueError: if a count is outside [2, 1,000,000] or a step outside [0, steps].

    >>> snapshot_steps(100, snapshots=6).tolist()
    [0, 4, 16, 36, 64, 100]
    """
    steps = _checks.integer("steps", steps, 0, _checks.STEPS)
    if _checks.is_single(snapshots):
        count = _checks.integer("snapshots", snapshots, 2, _checks.SNAPSHOTS)
        return np.unique(np.rint(steps * np.linspace(0, 1, count) ** 2).astype(np.int64))
    chosen = _checks.sequence("snapshots", snapshots)
    return np.unique([_checks.integer("snapshots", step, 0, steps) for step in chosen])


def train(
    config: TrainingConfig,
    seeds: int | Iterable[int],
    *,
    snapshots: int | Iterable[int] = 60,
    initial_embeddings: np.ndarray | None = None,
    initial_parameters: Parameters | None = None,
    keep_parameters: bool = False,
    engine: str = "compiled",
    device: str = "cpu",
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
    stop: np.ndarray | None = None,
) -> Run:
    """Train an ensemble of networks.

    With the compiled engine a seed's run has the same bits whatever ensemble it runs in and
    however many threads there are. Memory: the Run that is returned, and a few seeds under way.

    Args:
        config: the recipe.
        seeds: distinct integers >= 0; a seed decides split and initialisation.
        snapshots: how many steps to record, or which; see `snapshot_steps`.
        initial_embeddings: (S, N, 2), to start the seeds from given embeddings.
        initial_parameters: with leading axis (S,), to start the seeds from given networks: to go on
            from the end of a run with another recipe, `run.parameters.map(lambda a: a[-1])`. The
            moments of the optimiser start from zero.
        keep_parameters: record all parameters, not only the embeddings.
        engine: "compiled" or "torch".
        device: "cpu"; for the torch engine any torch device.
        threads: threads of the compiled engine; None: one per core.
        cache: take finished seeds from the cache and leave new ones there.
        progress: show a progress bar where it takes longer than a second.
        stop: (1,) uint8; training is interrupted once another thread sets it to 1.

    Returns:
        a Run with source "network"; a snapshot shows the state before the update of its step.

    Raises:
        ValueError: for an argument out of range, before any training.
        DivergenceError: naming step and seed, when a seed's loss stops being finite.
        Interrupted: on Ctrl-C, within a second; it holds what was recorded until then.

    >>> run = train(TrainingConfig(modulus=5, hidden=8, steps=200), seeds=[3, 4], progress=False)
    >>> run.final.shape, run.accuracy[-1].tolist()
    ((2, 5, 2), [1.0, 1.0])
    """
    _checks.instance("config", config, TrainingConfig)
    seeds = _checks.seeds("seeds", seeds)
    _check_device(_checks.choice("engine", engine, ("compiled", "torch")), device)
    _checks.options(threads, keep_parameters=keep_parameters, cache=cache, progress=progress)
    _check_stop(stop)
    steps = snapshot_steps(config.steps, snapshots)
    given = _given(config, len(seeds), initial_embeddings, initial_parameters)
    start = {seed: {name: a[i] for name, a in given.items()} for i, seed in enumerate(seeds)}

    def compute(missing: Sequence[int], keep: Callable[[Run], None]) -> None:
        if engine == "torch":
            options = (steps, keep_parameters, device, progress, keep, stop)
            train_in_batches(config, missing, start, *options)
            return
        task = config.task

        def work(seed: int, stop: np.ndarray) -> Run:
            theta, recipe, pairs = prepare(config, task, seed, start[seed])
            settings = asdict(config)
            return record(
                "network", settings, seed, theta, recipe, pairs, steps, keep_parameters, stop
            )

        run_in_threads(work, missing, keep, threads, progress, "training", stop)

    key = {
        "settings": asdict(config),
        "steps": steps.tolist(),
        "parameters": keep_parameters,
        "engine": engine if device == "cpu" else f"{engine} {device}",
    }
    if given:
        key["start"] = hashlib.sha256(b"".join(a.tobytes() for a in given.values())).hexdigest()
        key["seeds"] = seeds
    return cached(key if cache else None, seeds, compute, progress)


def _given(
    config: TrainingConfig, count: int, embeddings: object, parameters: object
) -> dict[str, np.ndarray]:
    """What replaces arrays of the seeds, by field of Parameters, with leading axis (S,)."""
    n, h = config.modulus, config.hidden
    shapes = Parameters((n, 2), (2, h), (h,), (h, n), (n,))._asdict()
    given, name = {} if embeddings is None else {"embeddings": embeddings}, "initial_embeddings"
    if parameters is not None:
        if given:
            raise ValueError("initial_embeddings must be None beside initial_parameters")
        given = _checks.instance("initial_parameters", parameters, Parameters)._asdict()
        name = "initial_parameters ({})"
    return {
        field: _checks.array(
            name.format(field), value, (count, *shapes[field]), limit=_checks.LARGEST
        ).astype("f4")
        for field, value in given.items()
    }


def _check_stop(stop: object) -> None:
    """Raise ValueError unless it is None or what the engines look at between two steps."""
    there = isinstance(stop, np.ndarray) and stop.dtype == np.uint8 and stop.shape == (1,)
    if stop is not None and not there:
        raise _checks.refuse("stop", "an array of uint8 of shape (1,)", stop)


def _check_device(engine: str, device: object) -> None:
    """Raise ValueError where the engine cannot compute on the device."""
    if engine == "compiled" and not (isinstance(device, str) and device == "cpu"):
        raise _checks.refuse("device", "'cpu' for the compiled engine", device)
    try:
        torch.zeros(1, device=torch.device(device)).item()
    except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise _checks.refuse("device", f"one that torch can use ({reason})", device) from None


# --- the compiled engine -------------------------------------------------------------------------


def prepare(
    config: TrainingConfig, task: ModularAddition, seed: int, start: Mapping[str, np.ndarray] | None
) -> tuple[np.ndarray, _engine.Recipe, _engine.Pairs]:
    """Flat parameters, recipe and pairs of one seed for the compiled engine.

    Args:
        config: the recipe.
        task: its task.
        seed: integer >= 0.
        start: arrays that replace those of the seed, by field of Parameters; None: none.

    Raises:
        ValueError: as for `train`.

    >>> config = TrainingConfig(modulus=5, hidden=8)
    >>> theta, recipe, pairs = prepare(config, config.task, 0, {})
    >>> theta.size == 5 * 2 + 3 * 8 + 8 * 5 + 5
    True
    """
    parameters = config.initial(seed)._replace(**start or {})
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
        decay_until=_engine.NEVER if config.decay_until is None else config.decay_until,
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
    """Advance one seed on the compiled engine, and record it.

    Args:
        source: of the Run.
        settings: of the Run.
        seed: its name.
        theta: (D,) float32, the flat parameters at the start; left as they are.
        recipe: what the engine is told.
        pairs: the same.
        steps: (T,) increasing int64, when to record.
        keep_parameters: record all of them, not only the embeddings.
        stop: (1,) uint8.

    Returns:
        the Run of this seed; ends early, with the snapshots so far, once `stop[0]` is set.

    Raises:
        DivergenceError: when loss or parameters stop being finite.

    >>> config = TrainingConfig(modulus=5, hidden=8)
    >>> ready = prepare(config, config.task, 0, {})
    >>> run = record("network", {}, 0, *ready, np.array([0, 9]), False, np.zeros(1, np.uint8))
    >>> run.embeddings.shape
    (2, 1, 5, 2)
    """
    theta, state = theta.copy(), _engine.begin(theta, pairs)
    flat = np.empty((len(steps), theta.size), np.float32)
    scalars = np.empty((len(steps), len(SCALARS)), np.float32)
    reached = _engine.trace(theta, state, recipe, pairs, 0, steps, stop, flat, scalars)
    return recorded(source, settings, seed, recipe, steps, flat, scalars, reached, keep_parameters)


def recorded(
    source: str,
    settings: dict,
    seed: int,
    recipe: _engine.Recipe,
    steps: np.ndarray,
    flat: np.ndarray,
    scalars: np.ndarray,
    reached: tuple[int, int],
    keep_parameters: bool,
) -> Run:
    """The Run of one seed from what `_engine.trace`, or a loop like it, has filled.

    Args:
        source: of the Run.
        settings: of the Run.
        seed: its name.
        recipe: for the sizes.
        steps: (T,) when it was to record.
        flat: (T, D) the flat parameters.
        scalars: (T, 5) those of `Run`.
        reached: what the loop returned.
        keep_parameters: record all of them, not only the embeddings.

    Raises:
        DivergenceError: when loss or parameters stopped being finite.

    >>> config = TrainingConfig(modulus=5, hidden=8)
    >>> theta, recipe, _ = prepare(config, config.task, 0, {})
    >>> flat, scalars = theta[None], np.zeros((1, 5), np.float32)
    >>> recorded("network", {}, 0, recipe, np.array([0]), flat, scalars, (1, -1), True).modulus
    5
    """
    count, bad = reached
    check_finite(seed, steps, scalars[:count], bad)
    found = Parameters(*_engine.unpack(flat[:count, None], recipe.tokens, recipe.hidden))
    return Run(
        source=source,
        settings=settings,
        seeds=np.array([seed], np.int64),
        steps=steps[:count],
        embeddings=found.embeddings.copy(),
        parameters=found.map(np.copy) if keep_parameters else None,
        **dict(zip(SCALARS, scalars[:count].T[..., None], strict=True)),
    )
