"""Training: one recipe, `TrainingConfig`, and the rules by which it is carried out.

The loops are compiled (`_compiled/engine.py`, `_compiled/rules.py`) and train one seed a thread.
They compute what `model` defines, in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from modadd import _checks, model
from modadd._compiled import engine as _engine
from modadd._compiled import rules as _rules
from modadd._compiled.rules import RULES
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

    def __post_init__(self) -> None:
        """Check every field; keep it as a plain Python value, which any cache key can hold."""

        def integer(name: str, low: int, high: int) -> int:
            return _checks.integer(name, getattr(self, name), low, high)

        def real(name: str, high: float = _checks.LARGEST, open_low: bool = False) -> float:
            return _checks.real(name, getattr(self, name), 0.0, high, open_low=open_low)

        found = {
            "modulus": ModularAddition(self.modulus).modulus,
            "hidden": integer("hidden", 1, _checks.HIDDEN),
            "steps": integer("steps", 0, _checks.STEPS),
            "optimiser": _checks.choice("optimiser", self.optimiser, OPTIMISERS),
            "learning_rate": real("learning_rate", open_low=True),
            "momentum": real("momentum", 1.0),
            "weight_decay": real("weight_decay"),
            "decay_from": integer("decay_from", 0, _checks.STEPS),
            "train_share": real("train_share", 1.0, open_low=True),
            "bias_scale": real("bias_scale"),
            "embedding_scale": real("embedding_scale", open_low=True),
            "readout_init": _checks.choice("readout_init", self.readout_init, ("zero", "standard")),
            "label_smoothing": real("label_smoothing", 1.0),
        }
        if self.embedding_decay is not None:
            found["embedding_decay"] = real("embedding_decay")
        if self.decay_until is not None:
            found["decay_until"] = integer("decay_until", found["decay_from"], _checks.STEPS)
        for name, value in found.items():
            object.__setattr__(self, name, value)

    @property
    def task(self) -> ModularAddition:
        """The task of this modulus."""
        return ModularAddition(self.modulus)

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
    """Steps at which a run is recorded, (T,) increasing int64.

    Args:
        steps: number of training steps, 0 to 1e12.
        snapshots: how many, 2 to 1,000,000, from 0 to `steps`, dense early and sparse late
            (quadratic spacing, fewer where neighbours would coincide); or the steps themselves.

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
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
    stop: np.ndarray | None = None,
) -> Run:
    """Train an ensemble of networks.

    A seed's run has the same bits whatever ensemble it runs in and however many threads there are.
    Memory: the Run that is returned, and a few seeds under way.

    Args:
        config: the recipe.
        seeds: distinct integers >= 0; a seed decides split and initialisation.
        snapshots: how many steps to record, or which; see `snapshot_steps`.
        initial_embeddings: (S, N, 2), to start the seeds from given embeddings.
        initial_parameters: with a leading axis S, to start the seeds from given networks, such as
            the end of another run, `run.parameters.map(lambda array: array[-1])`. The optimiser's
            moments start from zero.
        keep_parameters: record all parameters, not only the embeddings.
        threads: how many, 1 to 1024; None: one per core.
        cache: take finished seeds from the cache and leave new ones there.
        progress: show a progress bar where it takes longer than a second.
        stop: (1,) uint8; training is interrupted once another thread sets it to 1.

    Returns:
        a Run with source "network"; a snapshot shows the state before the update of its step.

    Raises:
        DivergenceError: naming step and seed, when a seed's loss stops being finite.
        Interrupted: on Ctrl-C, within a second; it holds what was recorded until then.

    >>> run = train(TrainingConfig(modulus=5, hidden=8, steps=200), seeds=[3, 4], progress=False)
    >>> run.final.shape, run.accuracy[-1].tolist()
    ((2, 5, 2), [1.0, 1.0])
    """
    _checks.instance("config", config, TrainingConfig)
    seeds = _checks.seeds("seeds", seeds)
    _checks.options(threads, keep_parameters=keep_parameters, cache=cache, progress=progress)
    steps = snapshot_steps(config.steps, snapshots)
    there = isinstance(stop, np.ndarray) and stop.dtype == np.uint8 and stop.shape == (1,)
    if stop is not None and not there:
        raise _checks.refuse("stop", "an array of uint8 of shape (1,)", stop)
    given = _given(config, len(seeds), initial_embeddings, initial_parameters)
    place, task, settings = {seed: i for i, seed in enumerate(seeds)}, config.task, asdict(config)

    def work(seed: int, stop: np.ndarray) -> Run:
        start = {name: array[place[seed]] for name, array in given.items()}
        ready = prepare(config, task, seed, start)
        return record("network", settings, seed, *ready, steps, keep_parameters, stop)

    options = {"threads": threads, "cache": cache, "progress": progress, "stop": stop}
    options |= {"given": given, "parameters": keep_parameters}
    return cached("training", settings, steps, seeds, work, **options)


def train_with(
    rule: str,
    config: TrainingConfig,
    seeds: int | Iterable[int],
    amount: float = 0.0,
    *,
    snapshots: int | Iterable[int] = 60,
    keep_parameters: bool = False,
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Run:
    """Train an ensemble by another rule, from the start and on the pairs that `train` would use.

    The rules have the gradient g in common, and the rate η and the decay λ of the recipe:

    - "sign": every parameter moves by η against the sign of its averaged gradient,
      m ← 0.9 m + 0.1 g; θ ← θ − η (sign m + λθ). η falls linearly to zero.
    - "madam": multiplicative updates (Bernstein et al. 2020), θ ← θ exp(−η sign(θ) ĝ), with
      ĝ = g / rms(g), the rms over past steps (β2 = 0.999), |ĝ| <= 10, and |θ| at most `amount`
      times the rms of its group at the start. No parameter ever changes its sign. No decay. η falls
      linearly to zero.
    - "minibatch": gradient descent; each step sees each training pair with probability `amount`.
    - "dropout": gradient descent; each step leaves out each hidden unit with probability `amount`,
      for all pairs alike, and scales up the others.
    - "wiring": gradient descent; a weight w between units at a distance d costs
      amount · |w| (d + 0.1), in place of its decay. Units of each layer lie evenly spread on
      parallel segments of length 1, the two coordinates of the embedding at 1/4 and 3/4, and d is
      measured along them. This is the idea of brain-inspired modular training (Liu et al. 2023)
      without its swapping of neurons.

    Args:
        rule: one of RULES.
        config: the recipe; its optimiser must be "gradient_descent". Decay is always on.
        seeds: distinct integers >= 0; a seed also decides the noise.
        amount: in ]0, 1] for "minibatch", [0, 1[ for "dropout", ]0, 1e9] for "madam", [0, 1e9]
            for "wiring".
        snapshots, keep_parameters, threads, cache, progress: as for `train`.

    Returns:
        a Run with source "network"; its scalars are measured without noise or wiring cost.

    >>> config = TrainingConfig(modulus=5, hidden=8, steps=20)
    >>> run = train_with("dropout", config, seeds=0, amount=0.1, cache=False, progress=False)
    >>> run.settings["optimiser"], run.final.shape
    ('dropout', (1, 5, 2))
    """
    _checks.choice("rule", rule, RULES)
    _checks.instance("config", config, TrainingConfig)
    seeds, steps = _checks.seeds("seeds", seeds), snapshot_steps(config.steps, snapshots)
    _checks.choice("config.optimiser", config.optimiser, ("gradient_descent",))
    amount = _checks.real("amount", amount, 0.0, 1.0 if rule in ("minibatch", "dropout") else 1e9)
    if (rule == "dropout" and amount == 1) or (rule in ("minibatch", "madam") and amount == 0):
        raise ValueError(f"amount must leave something to train with {rule}, got {amount:g}")
    _checks.options(threads, keep_parameters=keep_parameters, cache=cache, progress=progress)
    task, settings = config.task, asdict(config) | {"optimiser": rule, "amount": amount}

    def work(seed: int, stop: np.ndarray) -> Run:
        theta, recipe, pairs = prepare(config, task, seed)
        by = _rules.rule_for(rule, amount, seed, config.steps, theta, recipe)
        ready = (theta, recipe, pairs, steps, keep_parameters, stop, by)
        return record("network", settings, seed, *ready)

    options = {"threads": threads, "cache": cache, "progress": progress}
    return cached(rule, settings, steps, seeds, work, parameters=keep_parameters, **options)


def _given(
    config: TrainingConfig, count: int, embeddings: object, parameters: object
) -> dict[str, np.ndarray]:
    """Arrays (S, ...) float32 that replace those of the seeds, by field of Parameters."""
    n, h = config.modulus, config.hidden
    values = {} if embeddings is None else {"initial_embeddings": embeddings}
    if parameters is not None:
        if embeddings is not None:
            raise ValueError("initial_embeddings must be None beside initial_parameters")
        _checks.instance("initial_parameters", parameters, Parameters)
        values = {f"initial_parameters.{k}": v for k, v in parameters._asdict().items()}
    shapes = zip(Parameters._fields, ((n, 2), (2, h), (h,), (h, n), (n,)))
    return {
        field: _checks.array(name, value, (count, *shape), limit=_checks.LARGEST).astype("f4")
        for (name, value), (field, shape) in zip(values.items(), shapes)
    }


# --- one seed, for what trains it -----------------------------------------------------------------


def prepare(
    config: TrainingConfig,
    task: ModularAddition,
    seed: int,
    start: Mapping[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, _engine.Recipe, _engine.Pairs]:
    """Flat parameters (D,), recipe and pairs of one seed, as the compiled loops take them.

    `start` holds arrays that replace those of the seed, by field of Parameters; `task` is that of
    `config`, whose pairs all seeds share.
    """
    parameters = config.initial(seed)._replace(**start or {})
    training = task.training_pairs(config.train_share, seed)
    weights, held_out = model.pair_weights(task, training), task.multiplicity * ~training
    pairs = _engine.Pairs(
        *(np.ascontiguousarray(column, np.int64) for column in (*task.pairs.T, task.labels)),
        *(column.astype(np.float32) for column in (weights, held_out)),
    )
    decays = np.full(4, config.weight_decay, np.float32)
    if config.embedding_decay is not None:
        decays[0] = config.embedding_decay
    recipe = _engine.Recipe(
        tokens=config.modulus,
        hidden=config.hidden,
        bias_scale=config.bias_scale,
        label_smoothing=config.label_smoothing,
        optimiser=OPTIMISERS.index(config.optimiser),
        momentum=config.momentum,
        rates=np.full(4, config.learning_rate, np.float32),
        decays=decays,
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
    rule: _rules.Rule | None = None,
) -> Run:
    """The Run of one seed that starts from theta (D,), by the recipe's optimiser or another rule.

    It is recorded at the `steps` (T,), and ends early once another thread sets stop[0]. `source`,
    `settings` and `keep_parameters` are for the Run.
    """
    theta = theta.copy()
    flat = np.empty((len(steps), theta.size), np.float32)
    scalars = np.empty((len(steps), len(SCALARS)), np.float32)
    if rule is None:
        state = _engine.begin(theta, pairs)
        found = _engine.trace(theta, state, recipe, pairs, 0, steps, stop, flat, scalars)
    else:
        found = _rules.trace(theta, rule, recipe, pairs, steps, stop, flat, scalars)
    count, bad = found
    check_finite(seed, steps, scalars[:count], bad)
    parameters = Parameters(*_engine.unpack(flat[:count, None], recipe.tokens, recipe.hidden))
    return Run(
        source=source,
        settings=settings,
        seeds=np.array([seed]),
        steps=steps[:count],
        embeddings=parameters.embeddings.copy(),
        parameters=parameters.map(np.copy) if keep_parameters else None,
        **dict(zip(SCALARS, scalars[:count].T[..., None], strict=True)),
    )
