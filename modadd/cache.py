"""The cache: one run file for each seed that was ever finished, by version of the code and by key.

What is not whole never bears an entry's name, and what is damaged is computed again. Processes may
share one cache; none waits for another.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import platformdirs

from modadd._progress import progress_bar
from modadd._threads import run_in_threads
from modadd.run import FORMAT, Interrupted, Run, RunFileError

UNUSED = 30 * 24 * 3600.0
"""Seconds after which entries that another version of the code has made are deleted."""


def cache_folder() -> Path:
    """Folder of the cache: $MODADD_CACHE, or the platform's cache folder for modadd."""
    return Path(os.environ.get("MODADD_CACHE") or platformdirs.user_cache_dir("modadd"))


@cache
def code_version() -> str:
    """Hash of what decides a run's bits, besides its key: modules that make runs, and packages."""
    packages = ("numpy", "numba", "llvmlite")
    digest = hashlib.sha256(" ".join(map(metadata.version, packages)).encode())
    for path in modules_behind("training", "particles"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def modules_behind(*names: str) -> list[Path]:
    """Files of these modules of the package, and of all that they import from it.

    >>> [path.stem for path in modules_behind("task")]
    ['_checks', 'task']
    """
    package = Path(__file__).parent
    found, waiting = set(), {package / f"{name}.py" for name in names}
    while waiting:
        path = waiting.pop()
        found.add(path)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "modadd":
                module = package.parent.joinpath(*node.module.split("."))
                named = {module / f"{alias.name}.py" for alias in node.names}
                named |= {module.with_suffix(".py")}
                waiting |= {other for other in named - found if other.is_file()}
    return sorted(found)


def cached(
    title: str,
    settings: dict,
    steps: np.ndarray,
    seeds: Sequence[int],
    work: Callable[[int, np.ndarray], Run],
    *,
    given: Mapping[str, np.ndarray] | None = None,
    parameters: bool = False,
    threads: int | None = None,
    cache: bool = False,
    progress: bool = False,
    stop: np.ndarray | None = None,
) -> Run:
    """The Run of all seeds in their order, from the cache where they are there.

    A damaged entry is computed again, with a warning. Where the cache cannot be written, a warning
    says so and the result is returned all the same. What is finished survives an interruption.

    Args:
        title: what is done.
        settings, steps, seeds: those of the Run.
        work, threads, progress, stop: how to compute a seed, as for `run_in_threads`.
        given: arrays (S, ...) that decide the result besides settings and seeds.
        parameters: whether the Run has them.
        cache: whether to use it.

    >>> from modadd import TrainingConfig, train
    >>> run = train(TrainingConfig(modulus=5, hidden=8, steps=9), seeds=3, progress=False)
    >>> cached("work", run.settings, run.steps, [3], lambda seed, stop: run).seeds.tolist()
    [3]
    """
    ensemble, folder = Ensemble(seeds), None
    if cache and _has_place():
        key = {"settings": settings, "steps": steps.tolist(), "parameters": parameters}
        if given:
            digest = hashlib.sha256(b"".join(array.tobytes() for array in given.values()))
            key |= {"given": [digest.hexdigest(), *given], "seeds": list(seeds)}
        folder = _folder(key | {"title": title})
        _tidy(folder.parent)
        _load_entries(folder, key, ensemble, progress)

    def keep(run: Run) -> None:
        nonlocal folder
        ensemble.add(run)
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                run.save(folder / f"{run.seeds[0]}.npz")
            except FileNotFoundError:  # another process clears the cache: the next entry may stay
                return
            except OSError as error:
                warnings.warn(f"the cache {folder} cannot be written: {error}", stacklevel=6)
                folder = None

    if ensemble.missing:
        try:
            run_in_threads(work, ensemble.missing, keep, threads, progress, title, stop)
        except Interrupted as stopped:
            others = ensemble.others(stopped.under_way)
            raise Interrupted(ensemble.finished, others, len(seeds)) from None
    return ensemble.run


def _has_place() -> bool:
    """Whether there is a folder to have the cache in; warn if a home folder lacks."""
    with suppress(RuntimeError):  # so say newer versions of platformdirs
        if not str(cache_folder()).startswith("~"):
            return True
    text = "there is no home folder for the cache; the variable MODADD_CACHE can name one"
    warnings.warn(text, stacklevel=4)
    return False


def _folder(key: dict) -> Path:
    text = json.dumps(key | {"format": FORMAT}, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:24]
    return cache_folder() / code_version()[:24] / name


def _load_entries(folder: Path, key: dict, ensemble: Ensemble, progress: bool) -> None:
    """Add the entries that are there and whole."""
    damaged = []
    quiet = not progress or len(ensemble.place) < 500 or not folder.exists()
    for seed in progress_bar("loading", len(ensemble.place), not quiet, ensemble.place):
        path = folder / f"{seed}.npz"
        try:
            run = Run.load(path)
            content = (run.seeds.tolist(), run.steps.tolist(), run.settings, bool(run.parameters))
            if content != ([seed], key["steps"], key["settings"], key["parameters"]):
                raise RunFileError(f"{path} holds another run than its place says")
            ensemble.add(run)
        except OSError:
            continue
        except RunFileError as error:
            damaged.append(str(error))
    if damaged:
        what = "entry" if len(damaged) == 1 else "entries"
        text = f"{len(damaged)} damaged {what} in the cache, to be computed again; {damaged[0]}"
        warnings.warn(text, stacklevel=4)


@cache
def _tidy(version: Path) -> None:
    """Once a process: mark a version of the code as in use, and delete those long unused."""
    with suppress(OSError):  # it has no entries yet, or the cache is read-only
        os.utime(version)
    for other in _versions():
        with suppress(FileNotFoundError):  # another process was faster
            if time.time() - other.stat().st_mtime > UNUSED:
                shutil.rmtree(other, ignore_errors=True)


def _versions() -> list[Path]:
    """Folders of the versions of the code; nothing that others put beside them."""
    found = cache_folder().glob("*/")
    return [f for f in found if re.fullmatch(r"[0-9a-f]{24}", f.name) and not f.is_symlink()]


def cache_size() -> int:
    """Bytes in the cache, whatever other processes write and delete meanwhile."""
    size = 0
    for version in _versions():
        for folder, _, names in os.walk(version):
            for name in names:
                with suppress(FileNotFoundError):  # another process was faster
                    size += os.lstat(os.path.join(folder, name)).st_size
    return size


def clear_cache() -> int:
    """Delete all cache entries, and nothing else; return the bytes freed."""
    before = cache_size()
    for version in _versions():
        shutil.rmtree(version, ignore_errors=True)
    return before - cache_size()


class Ensemble:
    """The Run of many distinct seeds (S,), filled as they come, so that none is held twice."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.place = {seed: i for i, seed in enumerate(seeds)}
        self.filled = np.zeros(len(self.place), bool)
        self.run: Run | None = None

    def add(self, part: Run) -> None:
        """Copy a `part`, the Run of some of the seeds under the same recipe, to their places."""
        if self.run is None:
            seeds = np.array(list(self.place), np.int64)
            self.run = part._map(
                lambda a: np.empty((len(a), len(seeds), *a.shape[2:]), a.dtype), seeds=seeds
            )
        index = [self.place[int(seed)] for seed in part.seeds]
        into = self.run._arrays()
        for name, array in part._arrays().items():
            if array.ndim > 1:
                into[name][:, index] = array
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
        """The `runs` without the seeds that are there."""
        missing = set(self.missing)
        chosen = [[seed for seed in run.seeds if seed in missing] for run in runs]
        return [run.select(seeds) for run, seeds in zip(runs, chosen) if seeds]
