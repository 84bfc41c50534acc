"""Run: the snapshots of an ensemble over steps; saving and loading; what ends a run early.

A run file is an npz archive without pickle: one JSON header and the arrays of the Run. Loading
checks both and refuses what it does not understand.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import metadata

import numpy as np

from modadd import _checks, _run_file
from modadd._run_file import RunFileError
from modadd.model import Parameters
from modadd.task import ModularAddition

SCALARS = ("loss", "accuracy", "validation_accuracy", "force_rms", "residual_rms")


@dataclass(frozen=True, eq=False)
class Run:
    """What an ensemble of S seeds did at T recorded steps.

    `force_rms` is √(mean over tokens of |F_a|²) with F = −∂L/∂E, without weight decay;
    `residual_rms` is √(mean over ordered training pairs of |α_p|²). What a source does not have
    (a validation accuracy without validation pairs, say) is NaN.
    """

    source: str
    """What made the run: "network", "two_force" or "field"."""
    settings: dict
    """All settings, as JSON-compatible values; for a network those of its TrainingConfig."""
    seeds: np.ndarray
    """(S,) int64"""
    steps: np.ndarray
    """(T,) int64, increasing"""
    embeddings: np.ndarray
    """(T, S, N, 2) float32"""
    loss: np.ndarray
    """(T, S) float32, in nats (the potential, for a simulation without a loss)"""
    accuracy: np.ndarray
    """(T, S) float32 share of the ordered training pairs"""
    validation_accuracy: np.ndarray
    """(T, S) float32 share of the ordered validation pairs"""
    force_rms: np.ndarray
    """(T, S) float32"""
    residual_rms: np.ndarray
    """(T, S) float32"""
    parameters: Parameters | None = field(default=None, repr=False)
    """All parameters with leading axes (T, S), where they were asked for."""

    def __post_init__(self) -> None:
        """Check that all arrays belong together."""
        t, s = len(self.steps), len(self.seeds)
        n = self.embeddings.shape[-2] if self.embeddings.ndim == 4 else 0
        expected = {"embeddings": (t, s, n, 2), **dict.fromkeys(SCALARS, (t, s))}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {getattr(self, name).shape}")
        if self.parameters is None:
            return
        h = self.parameters.b1.shape[-1] if self.parameters.b1.ndim else 0
        trailing = Parameters((n, 2), (2, h), (h,), (h, n), (n,))
        for name, array in self.parameters._asdict().items():
            shape = (t, s, *getattr(trailing, name))
            if array.shape != shape:
                raise ValueError(f"parameters.{name} must have shape {shape}, got {array.shape}")

    @property
    def modulus(self) -> int:
        """N, the number of tokens."""
        return self.embeddings.shape[-2]

    @property
    def final(self) -> np.ndarray:
        """Embeddings at the last step, (S, N, 2)."""
        return self.embeddings[-1]

    def nearest(self, step: float) -> int:
        """Index of the recorded step nearest to `step`.

        Raises:
            ValueError: if that is no number.
        """
        step = _checks.real("step", step, -math.inf)
        return int(np.abs(self.steps - step).argmin())

    def select(self, seeds: int | Iterable[int]) -> Run:
        """The same run with only the given seeds, in the given order.

        Args:
            seeds: one or several of the run's.

        Raises:
            ValueError: if a seed is not in the run.
        """
        position = {int(seed): i for i, seed in enumerate(self.seeds)}
        chosen = _checks.seeds("seeds", seeds)
        missing = [seed for seed in chosen if seed not in position]
        if missing:
            raise ValueError(f"seeds must be among those of the run, got {missing[0]}")
        index = [position[seed] for seed in chosen]
        return self._map(lambda array: array[:, index], seeds=self.seeds[index])

    def held_out(self, seed: int) -> np.ndarray:
        """Validation pairs of one seed, (P,) bools in the order of `ModularAddition.pairs`.

        Args:
            seed: one of the run's.

        Raises:
            ValueError: if it is no integer in [0, 2**63).
        """
        share = self.settings.get("train_share", 1.0)
        return ~ModularAddition(self.modulus).training_pairs(share, seed)

    def _map(self, change: Callable[[np.ndarray], np.ndarray], **others) -> Run:
        """The run with every array of axes (T, S, ...) changed alike, and other fields replaced."""
        arrays = {name: change(getattr(self, name)) for name in ("embeddings", *SCALARS)}
        parameters = self.parameters and self.parameters.map(change)
        return replace(self, parameters=parameters, **arrays, **others)

    def save(self, path: str | os.PathLike) -> None:
        """Write a run file; it appears whole or not at all.

        Args:
            path: of the file, in a folder that exists.

        Raises:
            ValueError: if an array is of another type than the fields of Run say.
            OSError: where the file cannot be written.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.parameters is not None:
            arrays |= {f"parameters.{k}": v for k, v in self.parameters._asdict().items()}
        for name, array in arrays.items():
            if array.dtype != _TYPES[name]:
                raise ValueError(f"{name} must be {_TYPES[name]} to be saved, got {array.dtype}")
        header = {
            "modadd": metadata.version("modadd"),
            "numpy": np.__version__,
            "source": self.source,
            "settings": self.settings,
        }
        _run_file.write(path, header, arrays)

    @staticmethod
    def load(path: str | os.PathLike) -> Run:
        """Read a run file; nothing in it is executed.

        Memory stays below the file's size and some megabytes, whatever the file says of itself.

        Args:
            path: of the file.

        Raises:
            RunFileError: if the file is damaged, is no run file, or has another format version.
            FileNotFoundError: if there is none.
        """
        header, arrays = _run_file.read(path, _TYPES)
        names = [f"parameters.{name}" for name in Parameters._fields]
        try:
            source, settings = header["source"], header["settings"]
            if not isinstance(source, str) or not isinstance(settings, dict):
                raise TypeError("source and settings must be a text and an object")
            parameters = None
            if set(names) & set(arrays):
                parameters = Parameters(*(arrays.pop(name) for name in names))
            run = Run(source, settings, **arrays, parameters=parameters)
            _check_axes(run)
        except (KeyError, ValueError, TypeError) as error:
            raise RunFileError(f"{path} is damaged: {error}") from error
        return run


_ARRAYS = tuple(f.name for f in fields(Run) if f.name not in ("source", "settings", "parameters"))
_TYPES = dict.fromkeys(_ARRAYS, np.dtype(np.float32))
_TYPES |= dict.fromkeys(("seeds", "steps"), np.dtype(np.int64))
_TYPES |= dict.fromkeys((f"parameters.{name}" for name in Parameters._fields), np.dtype(np.float32))


def _check_axes(run: Run) -> None:
    """Check seeds, steps and tokens of a Run that was read."""
    if not len(run.seeds) or not len(run.steps):
        raise ValueError("it holds no seed or no step")
    if run.modulus < 3:
        raise ValueError(f"its embeddings are of {run.modulus} tokens")
    if run.seeds.min() < 0 or len(np.unique(run.seeds)) < len(run.seeds):
        raise ValueError("its seeds must be distinct and >= 0")
    if run.steps[0] < 0 or (np.diff(run.steps) <= 0).any():
        raise ValueError("its steps must increase from 0 or later")


# --- what ends a run early -----------------------------------------------------------------------


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button of a notebook; holds what was recorded until then.

    In a notebook or a console, `sys.last_value` is the exception that was shown last:

        import sys
        run = sys.last_value.run

    Args:
        finished: the Runs of the seeds that were done, one for each configuration.
        under_way: Runs of others, up to the snapshot that each had reached.
        total: number of seeds that were asked for.
    """

    finished: list[Run]
    """The seeds that were done, with all snapshots: one Run for each configuration that had any."""
    under_way: list[Run]
    """The seeds that were not, each with the snapshots that it had reached, at least one."""

    def __init__(self, finished: Sequence[Run], under_way: Sequence[Run], total: int) -> None:
        self.finished = list(finished)
        self.under_way = [run for run in under_way if len(run.steps)]
        self.total = total
        done, begun = (sum(len(run.seeds) for run in runs) for runs in (finished, self.under_way))
        text = f"stopped with {done} of {total} seeds finished"
        if begun:
            last = min(run.steps[-1] for run in self.under_way)
            text += f" and {begun} under way, recorded up to step {last}"
        if len(self.finished) > 1:
            text += "; sys.last_value.finished holds a Run for each configuration"
        elif done or begun:
            text += "; sys.last_value.run holds them" + " (.finished the finished)" * bool(done)
        super().__init__(text)

    def __reduce__(self):
        return type(self), (self.finished, self.under_way, self.total)

    @property
    def run(self) -> Run | None:
        """All seeds done or under way, up to the last snapshot that all of them had reached.

        None if there was none.

        Raises:
            ValueError: for a sweep that had finished seeds of several configurations.
        """
        if len(self.finished) > 1:
            raise ValueError("a sweep has one Run for each configuration: see finished")
        runs = self.finished + self.under_way
        count = min((len(run.steps) for run in runs), default=0)
        cut = [run._map(lambda array: array[:count], steps=run.steps[:count]) for run in runs]
        return join(cut) if cut else None


class DivergenceError(ArithmeticError):
    """The loss or the parameters of a seed stopped being finite."""


def check_finite(seed: int, steps: np.ndarray, scalars: np.ndarray, bad: int = -1) -> None:
    """Report divergence, also where the loss is still finite but the force overflows float32.

    Args:
        seed: the seed.
        steps: (T,) steps at which it was to be recorded.
        scalars: (t, 5) what was recorded at the first t of them; NaN where there is no value, as
            for validation accuracies without validation pairs.
        bad: the step at which a loop found a parameter that is not finite; -1: none.

    Raises:
        DivergenceError: naming the first step that is not finite.

    >>> check_finite(0, np.array([0, 9]), np.array([[1.0, 0.0, np.nan, 0.0, 0.0]] * 2))
    """
    held = np.delete(scalars, SCALARS.index("validation_accuracy"), axis=-1)
    wrong = ~np.isfinite(held).all(-1)
    if wrong.any() or bad >= 0:
        step = int(steps[wrong.argmax()]) if wrong.any() else bad
        raise DivergenceError(
            f"the loss stopped being finite at step {step} of seed {seed}; "
            "a smaller learning_rate usually helps"
        )


# --- ensembles -----------------------------------------------------------------------------------


class Ensemble:
    """The Run of many seeds, filled as they come, so that none is held twice.

    Args:
        seeds: (S,) distinct seeds.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.place = {seed: i for i, seed in enumerate(_checks.seeds("seeds", seeds))}
        self.filled = np.zeros(len(self.place), bool)
        self.run: Run | None = None

    def add(self, part: Run) -> None:
        """Copy the Run of some of the seeds to their places.

        Args:
            part: their Run.

        Raises:
            ValueError: if it differs from the others in source, settings, steps or parameters.
        """
        if self.run is None:
            seeds = np.array(list(self.place), np.int64)
            self.run = part._map(
                lambda a: np.empty((len(a), len(seeds), *a.shape[2:]), a.dtype), seeds=seeds
            )
        whole = self.run
        if (part.source, part.settings) != (whole.source, whole.settings):
            raise ValueError("runs must share source and settings")
        if not np.array_equal(part.steps, whole.steps):
            raise ValueError("runs must share their steps")
        if (part.parameters is None) != (whole.parameters is None):
            raise ValueError("runs must all have parameters, or none of them")
        index = [self.place[int(seed)] for seed in part.seeds]
        for name in ("embeddings", *SCALARS):
            getattr(whole, name)[:, index] = getattr(part, name)
        for into, array in zip(whole.parameters or (), part.parameters or ()):
            into[:, index] = array
        self.filled[index] = True

    @property
    def missing(self) -> list[int]:
        """Seeds that are not there yet."""
        return [seed for seed, i in self.place.items() if not self.filled[i]]

    @property
    def finished(self) -> list[Run]:
        """A Run of the seeds that are there, or nothing."""
        seeds = [seed for seed, i in self.place.items() if self.filled[i]]
        return [self.run.select(seeds)] if seeds else []

    def others(self, runs: Sequence[Run]) -> list[Run]:
        """The runs without the seeds that are there."""
        missing = set(self.missing)
        chosen = [[seed for seed in run.seeds if seed in missing] for run in runs]
        return [run.select(seeds) for run, seeds in zip(runs, chosen) if seeds]

    @property
    def whole(self) -> Run:
        """The Run of all seeds.

        Raises:
            ValueError: while seeds are missing.
        """
        if self.missing:
            raise ValueError(f"seed {self.missing[0]} is missing")
        return self.run


def join(runs: Sequence[Run]) -> Run:
    """Put runs of the same settings and steps side by side along the seeds.

    Args:
        runs: at least one.

    Returns:
        the Run of all their seeds, in the order of the runs.

    Raises:
        ValueError: if there is no run, if two share a seed, or if they differ in source, settings,
            steps or in whether they have parameters.

    >>> from modadd import TrainingConfig, train
    >>> run = train(TrainingConfig(modulus=5, hidden=8, steps=9), seeds=[3, 4], progress=False)
    >>> join([run.select(4), run.select(3)]).seeds.tolist()
    [4, 3]
    """
    runs = [_checks.instance("runs", run, Run) for run in _checks.sequence("runs", runs)]
    ensemble = Ensemble([int(seed) for run in runs for seed in run.seeds])
    for run in runs:
        ensemble.add(run)
    return ensemble.whole
