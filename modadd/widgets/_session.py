"""One network in training, held at a step: what the live widget drives, and how to get it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from itertools import pairwise

import numpy as np

from modadd import _checks, training
from modadd._compiled import engine as _engine
from modadd.model import Parameters
from modadd.run import SCALARS, Run, check_finite
from modadd.training import TrainingConfig


class Session:
    """A training run that goes on from wherever it stands, and keeps the states it stopped at.

    Args:
        config: the recipe; its number of steps does not matter.
        seed: integer >= 0.
        keep: number of recorded states beyond which every second one is forgotten; None: no limit.

    Raises:
        ValueError: for a bad seed, or a recipe whose decay has a window or spares the embeddings.
    """

    def __init__(self, config: TrainingConfig, seed: int, keep: int | None = None) -> None:
        if (config.decay_from, config.decay_until, config.embedding_decay) != (0, None, None):
            raise ValueError("config must have one weight_decay from the first step on")
        self.config, self.seed = config, _checks.integer("seed", seed, 0, _checks.SEED)
        self.step, self.keep = 0, keep
        self.decays: list[tuple[int, float]] = [(0, config.weight_decay)]
        self._theta, self._recipe, self._pairs = training.prepare(
            config, config.task, self.seed, {}
        )
        self._state = _engine.begin(self._theta, self._pairs)
        self._steps: list[int] = []
        self._snapshots: list[tuple[np.ndarray, np.ndarray]] = []
        self.advance(0)

    @property
    def weight_decay(self) -> float:
        """Decay of the next step; setting it takes effect there."""
        return self.decays[-1][1]

    @weight_decay.setter
    def weight_decay(self, value: float) -> None:
        value = _checks.real("weight_decay", value, 0.0)
        if self.decays[-1][0] == self.step:
            self.decays.pop()
        if not self.decays or self.decays[-1][1] != value:
            self.decays.append((self.step, value))
        self._recipe = self._recipe._replace(decays=np.full(4, value, np.float32))

    def advance(self, steps: int) -> None:
        """Take so many steps, and record the state after the last.

        Raises:
            DivergenceError: when the loss stops being finite; the session stays where it was.
        """
        end = np.array([self.step + _checks.integer("steps", steps, 0)], np.int64)
        theta, state = self._theta.copy(), self._state.copy()
        flat, scalars = np.empty((1, theta.size), np.float32), np.empty((1, 5), np.float32)
        go = np.zeros(1, np.uint8)
        work = (theta, state, self._recipe, self._pairs, self.step, end, go, flat, scalars)
        count, bad = _engine.trace(*work)
        check_finite(self.seed, end, scalars[:count], bad)
        self._theta, self._state, self.step = theta, state, int(end[0])
        if self.step not in self._steps[-1:]:
            self._steps.append(self.step)
            self._snapshots.append((flat[0], scalars[0]))
        if self.keep is not None and len(self._steps) > self.keep:
            last = len(self._steps) - 1
            kept = [i for i in range(last + 1) if i % 2 == 0 or i == last]
            self._steps = [self._steps[i] for i in kept]
            self._snapshots = [self._snapshots[i] for i in kept]

    def run(self, first: int = 0) -> Run:
        """All recorded states from the index `first` on, with parameters, as a Run."""
        n, hidden = self.config.modulus, self.config.hidden
        flat = np.stack([theta for theta, _ in self._snapshots[first:]])[:, None]
        scalars = np.stack([values for _, values in self._snapshots[first:]])[:, None]
        parameters = Parameters(*_engine.unpack(flat, n, hidden)).map(np.copy)
        settings = asdict(replace(self.config, steps=self.step))
        if len(self.decays) > 1:
            settings["decays"] = [list(change) for change in self.decays]
        return Run(
            source="network",
            settings=settings,
            seeds=np.array([self.seed], np.int64),
            steps=np.array(self._steps[first:], np.int64),
            embeddings=parameters.embeddings,
            parameters=parameters,
            **{name: scalars[..., i] for i, name in enumerate(SCALARS)},
        )

    def states(self, first: int = 0) -> tuple[list[int], bytes]:
        """Steps of the recorded states from the index `first` on, and their parameters in a row.

        float32 in the order of `Parameters`, as `front/network.js` has them.
        """
        run = self.run(first)
        flat = [array.reshape(len(run.steps), -1) for array in run.parameters]
        return run.steps.tolist(), np.concatenate(flat, axis=1).tobytes()

    def at(self, step: int) -> Session:
        """The training as it stood at an earlier step, bit for bit: trained up to there again."""
        step = _checks.integer("step", step, 0, self.step)
        earlier = Session(self.config, self.seed, self.keep)
        stops = [step, *(stop for stop in self._steps if stop < step)]
        earlier._follow(stops, [change for change in self.decays if change[0] <= step])
        return earlier

    def _follow(self, stops: Iterable[int], decays: Iterable[tuple[int, float]]) -> None:
        """Train through these steps, with each decay from its step on."""
        changes = dict(decays)
        for stop in sorted({*stops, *changes}):
            self.advance(stop - self.step)
            if stop in changes:
                self.weight_decay = changes[stop]

    def code(self, step: int) -> str:
        """Python code that ends in a Run whose last snapshot is this state, bit for bit."""
        step = _checks.integer("step", step, 0, self.step)
        config = replace(self.config, steps=step)
        decays = [change for change in self.decays if change[0] < step] or self.decays[:1]
        single = _window(decays)
        config = replace(config, **(single or {"weight_decay": TrainingConfig.weight_decay}))
        given = [
            f"{field.name}={value!r}"
            for field in fields(config)
            if (value := getattr(config, field.name)) != field.default
        ]
        recipe = f"config = TrainingConfig({', '.join(given)})\n"
        if single is not None:
            return (
                "from modadd import TrainingConfig, train\n\n"
                f"{recipe}run = train(config, {self.seed}, keep_parameters=True)\n"
            )
        return (
            "from modadd import TrainingConfig\nfrom modadd.widgets import replay\n\n"
            f"# the decay was changed by hand: (from step, weight decay)\ndecays = {decays!r}\n"
            f"{recipe}run = replay(config, {self.seed}, decays)\n"
        )


def _window(decays: Sequence[tuple[int, float]]) -> dict | None:
    """The decays as fields of one TrainingConfig; None where they do not fit into one."""
    on = [i for i, (_, decay) in enumerate(decays) if decay > 0]
    if not on:
        return {"weight_decay": 0.0}
    if len(on) > 1:
        return None
    found = {"weight_decay": decays[on[0]][1], "decay_from": decays[on[0]][0]}
    if on[0] + 1 < len(decays):
        found["decay_until"] = decays[on[0] + 1][0]
    return found


def replay(
    config: TrainingConfig,
    seed: int,
    decays: Sequence[tuple[int, float]],
) -> Run:
    """Train one network whose weight decay changes at given steps.

    The same bits as if the decay had been changed by hand in `live_training` at these steps.

    Args:
        config: the recipe, of `config.steps` steps; its own decays are not used.
        seed: integer >= 0.
        decays: (first step, weight decay) of each stretch, in order, the first from step 0.

    Returns:
        Run with all parameters at 60 snapshots, as `training.train` spaces them.

    Raises:
        ValueError: for an argument out of range.
        DivergenceError: when the loss stops being finite.

    >>> config = TrainingConfig(modulus=5, hidden=8, steps=20)
    >>> run = replay(config, seed=0, decays=[(0, 0.0), (10, 0.003)])
    >>> run.settings["decays"], run.steps[-1].item()
    ([[0, 0.0], [10, 0.003]], 20)
    """
    _checks.instance("config", config, TrainingConfig)
    wanted = training.snapshot_steps(config.steps)
    decays = [
        _checks.sequence("decays", stretch, 2, 2) for stretch in _checks.sequence("decays", decays)
    ]
    starts = [_checks.integer("decays", start, 0) for start, _ in decays]
    if not starts or starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
        raise ValueError(f"decays must begin at step 0 and increase, got steps {starts}")
    for _, decay in decays:
        _checks.real("decays", decay, 0.0)
    plain = {"decay_from": 0, "decay_until": None, "embedding_decay": None}
    session = Session(replace(config, weight_decay=decays[0][1], **plain), seed)
    session._follow(wanted.tolist(), [change for change in decays if change[0] <= config.steps])
    run = session.run()
    chosen = np.isin(run.steps, wanted)
    return run._map(lambda array: array[chosen], steps=run.steps[chosen])
