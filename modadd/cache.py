"""The cache: one run file for each seed that was ever finished.

What is not whole never bears an entry's name, and what is damaged is set aside. Processes may share
one cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

import platformdirs

from modadd._progress import progress_bar
from modadd._run_file import FORMAT, RunFileError
from modadd.run import Ensemble, Interrupted, Run

DECISIVE = ("task", "model", "run", "training", "particles", "optimisers")
DECISIVE += (
    "_compiled/engine",
    "_compiled/particles",
    "_compiled/simd",
    "_torch_engine",
    "_compiled/rules",
)
"""Modules that decide a run's bits."""

KEEP_DAMAGED = 10
"""Damaged entries that the cache keeps for inspection."""


STALE = 3600.0
"""Seconds after which an unfinished file in the cache has surely lost its writer."""


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
    for name in DECISIVE:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
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
            except FileNotFoundError:  # another process clears the cache: the next entry may stay
                return
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
    text = json.dumps(key | {"code": code_version(), "format": FORMAT}, sort_keys=True)
    return cache_folder() / hashlib.sha256(text.encode()).hexdigest()[:24]


def _load_entries(folder: Path, key: dict, ensemble: Ensemble, progress: bool) -> None:
    """Add the entries that are there; set damaged ones aside, delete unfinished ones."""
    settings, damaged = json.loads(json.dumps(key["settings"])), []
    quiet = not progress or len(ensemble.place) < 500 or not folder.exists()
    for seed in progress_bar("loading", len(ensemble.place), not quiet, ensemble.place):
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
        with suppress(OSError):  # another process was faster, or the folder is read-only
            if _is_stale(path):
                path.unlink()


def _is_stale(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > STALE


def _cache_files() -> Iterator[Path]:
    """Entries of the cache, damaged and unfinished ones too; nothing that others put there."""
    for folder in cache_folder().glob("*/"):
        if re.fullmatch(r"[0-9a-f]{24}", folder.name) and not folder.is_symlink():
            with suppress(FileNotFoundError):
                for path in folder.iterdir():
                    if re.fullmatch(r"\d+\.npz(\.damaged)?|\.\d+\.npz\.\w+", path.name):
                        yield path


def cache_size() -> int:
    """Bytes in the cache, whatever other processes write and delete meanwhile.

    >>> cache_size() >= 0
    True
    """
    size = 0
    for path in _cache_files():
        with suppress(FileNotFoundError):
            size += path.lstat().st_size
    return size


def clear_cache() -> int:
    """Delete all cache entries, and nothing else; return the bytes freed.

    What another process is writing at this moment is left to it.

    >>> clear_cache()  # doctest: +SKIP
    1048576
    """
    freed = 0
    for path in list(_cache_files()):
        with suppress(FileNotFoundError):
            if path.name.startswith(".") and not _is_stale(path):
                continue
            size = path.lstat().st_size
            path.unlink()
            freed += size
        with suppress(OSError):  # there are others in it
            path.parent.rmdir()
    return freed
