"""Run: the snapshots of an ensemble over steps; saving, loading, and the cache.

A run file is an npz archive without pickle: one JSON header and the arrays of the Run. Loading
checks both and refuses what it does not understand. The cache holds one run file per seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import platformdirs

from modadd import _checks
from modadd.model import Parameters

FORMAT = 1
"""Version of the run file; raised when the meaning of its content changes."""

SCALARS = ("loss", "accuracy", "validation_accuracy", "force_rms", "residual_rms")


class RunFileError(ValueError):
    """A run file that is damaged, foreign, or of another version."""


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
        for name, array in (self.parameters or Parameters(*[None] * 5))._asdict().items():
            if array is not None and array.shape[:2] != (t, s):
                raise ValueError(f"parameters.{name} must lead with ({t}, {s}), got {array.shape}")

    @property
    def modulus(self) -> int:
        """N, the number of tokens."""
        return self.embeddings.shape[-2]

    @property
    def final(self) -> np.ndarray:
        """Embeddings at the last step, (S, N, 2)."""
        return self.embeddings[-1]

    def nearest(self, step: float) -> int:
        """Index of the recorded step nearest to `step`."""
        return int(np.abs(self.steps - step).argmin())

    def select(self, seeds: int | Iterable[int]) -> Run:
        """The same run with only the given seeds, in the given order.

        Raises:
            ValueError: if a seed is not in the run.
        """
        position = {int(seed): i for i, seed in enumerate(self.seeds)}
        chosen = _checks.seeds("seeds", seeds)
        missing = [seed for seed in chosen if seed not in position]
        if missing:
            raise ValueError(f"seeds must be among those of the run, got {missing[0]}")
        index = [position[seed] for seed in chosen]
        arrays = {name: getattr(self, name)[:, index] for name in ("embeddings", *SCALARS)}
        parameters = self.parameters and self.parameters.map(lambda array: array[:, index])
        return replace(self, seeds=self.seeds[index], parameters=parameters, **arrays)

    def save(self, path: str | os.PathLike) -> None:
        """Write a run file; it appears whole or not at all."""
        header = {
            "format": FORMAT,
            "modadd": metadata.version("modadd"),
            "numpy": np.__version__,
            "source": self.source,
            "settings": self.settings,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.parameters is not None:
            arrays |= {f"parameters.{k}": v for k, v in self.parameters._asdict().items()}
        path = Path(path)
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                text = np.frombuffer(json.dumps(header).encode(), np.uint8)
                np.savez(file, header=text, **arrays)
            os.replace(partial, path)
        except BaseException:
            os.unlink(partial)
            raise

    @staticmethod
    def load(path: str | os.PathLike) -> Run:
        """Read a run file.

        Raises:
            RunFileError: if the file is damaged, is no run file, or has another format version.
            FileNotFoundError: if there is none.
        """
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            header = json.loads(arrays.pop("header").tobytes())
            version = header["format"]
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise RunFileError(f"{path} is damaged or is no run file: {error}") from error
        if version != FORMAT:
            raise RunFileError(f"{path} has format {version}; this version reads format {FORMAT}")
        names = [f"parameters.{name}" for name in Parameters._fields]
        present = [name for name in names if name in arrays]
        try:
            if present and present != names:
                raise KeyError(next(name for name in names if name not in arrays))
            parameters = Parameters(*(arrays.pop(name) for name in names)) if present else None
            if set(arrays) != set(_ARRAYS):
                raise KeyError(", ".join(sorted(set(arrays) ^ set(_ARRAYS))))
            return Run(header["source"], header["settings"], **arrays, parameters=parameters)
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise RunFileError(f"{path} is damaged: {error}") from error


_ARRAYS = tuple(f.name for f in fields(Run) if f.name not in ("source", "settings", "parameters"))


def join(runs: Sequence[Run]) -> Run:
    """Put runs of the same settings and steps side by side along the seeds.

    Raises:
        ValueError: if there is no run, or if they differ in source, settings or steps.
    """
    if not runs:
        raise ValueError("runs must hold at least one run, got none")
    first = runs[0]
    if len(runs) == 1:
        return first
    for run in runs[1:]:
        if (run.source, run.settings) != (first.source, first.settings):
            raise ValueError("runs must share source and settings")
        if not np.array_equal(run.steps, first.steps):
            raise ValueError("runs must share their steps")
    arrays = {
        name: np.concatenate([getattr(run, name) for run in runs], axis=1)
        for name in ("embeddings", *SCALARS)
    }
    parameters = None
    if all(run.parameters is not None for run in runs):
        columns = zip(*(run.parameters for run in runs), strict=True)
        parameters = Parameters(*(np.concatenate(column, axis=1) for column in columns))
    seeds = np.concatenate([run.seeds for run in runs])
    return replace(first, seeds=seeds, parameters=parameters, **arrays)


# --- the cache -----------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Folder of the cache: $MODADD_CACHE, or the platform's cache folder for modadd."""
    return Path(os.environ.get("MODADD_CACHE") or platformdirs.user_cache_dir("modadd"))


@cache
def code_version() -> str:
    """Hash of the modules that decide what a run contains; part of every cache key."""
    digest = hashlib.sha256(np.__version__.encode())
    for name in ("task", "model", "run", "_simd", "_engine", "training", "particles", "_particles"):
        source = Path(__file__).with_name(f"{name}.py")
        digest.update(source.read_bytes() if source.exists() else b"")
    return digest.hexdigest()


def cached(
    key: dict, seeds: Sequence[int], compute: Callable[[list[int], Callable[[Run], None]], None]
) -> Run:
    """Collect the runs of all seeds, from the cache where they are there.

    Args:
        key: JSON-compatible; everything that decides the result, besides seed and code version.
        seeds: (S,) seeds.
        compute: called with the missing seeds and a function that it must call with the Run of
            each seed as soon as this is done; so that what is finished survives an interruption.

    Returns:
        the Run of all seeds in the order of `seeds`. A damaged entry is computed again. Where the
        cache cannot be written, a warning says so and the result is returned all the same.
    """
    text = json.dumps(key | {"code": code_version()}, sort_keys=True)
    folder = cache_folder() / hashlib.sha256(text.encode()).hexdigest()[:24]
    found: dict[int, Run] = {}
    for seed in seeds:
        try:
            found[seed] = Run.load(folder / f"{seed}.npz")
        except (FileNotFoundError, NotADirectoryError, RunFileError):
            continue
    missing = [seed for seed in seeds if seed not in found]
    writable = True

    def keep(run: Run) -> None:
        nonlocal writable
        seed = int(run.seeds[0])
        found[seed] = run
        if writable:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                run.save(folder / f"{seed}.npz")
            except OSError as error:
                writable = False
                warnings.warn(f"the cache {folder} cannot be written: {error}", stacklevel=2)

    if missing:
        compute(missing, keep)
    return join([found[seed] for seed in seeds])


def cache_size() -> int:
    """Bytes in the cache."""
    return sum(path.stat().st_size for path in cache_folder().glob("*/*.npz"))


def clear_cache() -> int:
    """Delete all cache entries, and nothing else; return the bytes freed."""
    freed = cache_size()
    for path in cache_folder().glob("*/*.npz"):
        path.unlink(missing_ok=True)
    for folder in cache_folder().glob("*/"):
        if not any(folder.iterdir()):
            folder.rmdir()
    return freed
