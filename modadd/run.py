"""Run: the snapshots of an ensemble over steps; saving, loading, and the cache.

A run file is an npz archive without pickle: one JSON header and the arrays of the Run. Loading
checks both and refuses what it does not understand. The cache holds one run file per seed; what is
not whole never bears an entry's name, and what is damaged is set aside.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import platformdirs
from tqdm.auto import tqdm

from modadd import _checks, _run_file
from modadd._run_file import RunFileError
from modadd.model import Parameters

SCALARS = ("loss", "accuracy", "validation_accuracy", "force_rms", "residual_rms")

KEEP_DAMAGED = 10
"""Damaged entries that the cache keeps for inspection."""

STALE = 3600.0
"""Seconds after which an unfinished file in the cache has surely lost its writer."""


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


# --- ensembles -----------------------------------------------------------------------------------


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


# --- the cache -----------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Folder of the cache: $MODADD_CACHE, or the platform's cache folder for modadd.

    >>> cache_folder().name in ("cache", "modadd")
    True
    """
    return Path(os.environ.get("MODADD_CACHE") or platformdirs.user_cache_dir("modadd"))


@cache
def code_version() -> str:
    """Hash of what decides a run's bits, besides its key: part of every cache key.

    >>> len(code_version())
    64
    """
    packages = ("numpy", "numba", "torch")
    digest = hashlib.sha256(" ".join(map(metadata.version, packages)).encode())
    for name in ("task", "model", "run", "_simd", "_engine", "training", "particles", "_particles"):
        source = Path(__file__).with_name(f"{name}.py")
        digest.update(source.read_bytes() if source.exists() else b"")
    return digest.hexdigest()


def cached(
    key: dict | None,
    seeds: Sequence[int],
    compute: Callable[[list[int], Callable[[Run], None]], None],
    progress: bool = False,
) -> Run:
    """Collect the runs of all seeds, from the cache where they are there.

    Args:
        key: JSON-compatible; everything that decides the result, besides seed and code version;
            "settings" and "steps" in it are those of the Run. None: do without the cache.
        seeds: (S,) seeds.
        compute: called with the missing seeds and a function that it must call with the Run of
            each seed as soon as this is done; so that what is finished survives an interruption.
        progress: show a progress bar where loading takes longer than a second.

    Returns:
        the Run of all seeds in the order of `seeds`. A damaged entry is set aside, with a warning,
        and computed again. Where the cache cannot be written, a warning says so and the result is
        returned all the same.

    Raises:
        Interrupted: on Ctrl-C during `compute`.

    >>> from modadd import TrainingConfig, train
    >>> run = train(TrainingConfig(modulus=5, hidden=8, steps=9), seeds=3, progress=False)
    >>> cached(None, [3], lambda missing, keep: keep(run)).seeds.tolist()
    [3]
    """
    ensemble = Ensemble(seeds)
    folder = None if key is None else _folder(key)
    if folder is not None:
        _load_entries(folder, key, ensemble, progress)

    def keep(run: Run) -> None:
        nonlocal folder
        ensemble.add(run)
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                run.save(folder / f"{run.seeds[0]}.npz")
            except OSError as error:
                warnings.warn(f"the cache {folder} cannot be written: {error}", stacklevel=6)
                folder = None

    if ensemble.missing:
        try:
            compute(ensemble.missing, keep)
        except Interrupted as stopped:
            others = ensemble.others(stopped.under_way)
            raise Interrupted(ensemble.finished, others, len(seeds)) from None
    return ensemble.whole


def _folder(key: dict) -> Path:
    text = json.dumps(key | {"code": code_version()}, sort_keys=True)
    return cache_folder() / hashlib.sha256(text.encode()).hexdigest()[:24]


def _load_entries(folder: Path, key: dict, ensemble: Ensemble, progress: bool) -> None:
    """Add the entries that are there; set damaged ones aside, delete unfinished ones."""
    settings, damaged = json.loads(json.dumps(key["settings"])), []
    quiet = not progress or len(ensemble.place) < 500 or not folder.exists()
    for seed in tqdm(ensemble.place, desc="loading", unit="seed", delay=1, disable=quiet):
        path = folder / f"{seed}.npz"
        try:
            run = Run.load(path)
            content = (run.seeds.tolist(), run.steps.tolist(), run.settings)
            if content != ([seed], key["steps"], settings):
                raise RunFileError(f"{path} holds another run than its place says")
            ensemble.add(run)
        except OSError:
            continue
        except RunFileError as error:
            damaged.append(f"{error}; {_set_aside(path)}")
    if damaged:
        what = "entry" if len(damaged) == 1 else "entries, of which the first"
        text = f"{len(damaged)} damaged {what} in the cache, to be computed again: {damaged[0]}"
        warnings.warn(text, stacklevel=4)
    if ensemble.missing:
        _delete_stale(folder)


def _set_aside(path: Path) -> str:
    """Rename a damaged entry and keep the last few of them; say what became of it."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        os.replace(path, aside)
        others = [other for other in _cache_files() if other.suffix == ".damaged"]
        for old in sorted(others, key=lambda p: p.stat().st_ctime)[:-KEEP_DAMAGED]:
            old.unlink(missing_ok=True)
    except OSError as error:
        return f"it could not be renamed: {error}"
    return f"it is now {aside.name}"


def _delete_stale(folder: Path) -> None:
    """Delete what writers that were killed have left unfinished."""
    for path in folder.glob(".*.npz.*"):
        try:
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()
        except OSError:  # another process was faster, or the folder is read-only
            continue


def _cache_files() -> Iterator[Path]:
    """Entries of the cache, damaged and unfinished ones too; nothing that others put there."""
    for folder in cache_folder().glob("*/"):
        if re.fullmatch(r"[0-9a-f]{24}", folder.name) and not folder.is_symlink():
            for path in folder.iterdir():
                if re.fullmatch(r"\d+\.npz(\.damaged)?|\.\d+\.npz\.\w+", path.name):
                    yield path


def cache_size() -> int:
    """Bytes in the cache.

    >>> cache_size() >= 0
    True
    """
    return sum(path.lstat().st_size for path in _cache_files())


def clear_cache() -> int:
    """Delete all cache entries, and nothing else; return the bytes freed.

    >>> clear_cache()  # doctest: +SKIP
    1048576
    """
    freed = 0
    for path in list(_cache_files()):
        freed += path.lstat().st_size
        path.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return freed
