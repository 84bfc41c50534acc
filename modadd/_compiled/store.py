"""Where compiled code is kept between processes: never longer than its source, never in the way.

By itself numba compares what it has kept with the file of the function alone, not with those of the
functions that are compiled into it; and it fails where it finds no place to keep anything. Here the
names of the files hold the version of all compiled code, and without a place it is compiled anew.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.dispatcher import Dispatcher


def version_of(folder: Path) -> str:
    """Hash of all modules in a folder."""
    digest = sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


VERSION = version_of(Path(__file__).parent)
"""That of all functions which numba compiles here: any may be compiled into any other."""


class _OfThisVersion:
    """What a numba locator, to which it is added, takes for the version of a function."""

    def get_source_stamp(self) -> str:
        return VERSION

    def get_disambiguator(self) -> str:
        return VERSION[:16]

    def ensure_cache_path(self) -> None:
        if self.get_cache_path().startswith("~"):
            raise OSError("there is no home folder")
        super().ensure_cache_path()


class _Files(CompileResultCacheImpl):
    _locator_classes = tuple(
        type(locator.__name__, (_OfThisVersion, locator), {})
        for locator in CompileResultCacheImpl._locator_classes
    )


class _Cache(FunctionCache):
    _impl_class = _Files

    def save_overload(self, sig, data):
        """Keep what was compiled, in place of what other versions have left."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn(error)
        name = self._impl.filename_base
        for path in Path(self.cache_path).glob(name.replace(VERSION[:16], "*") + ".*nb[ic]"):
            with suppress(OSError):  # another process was faster, or it is not ours to delete
                if not path.name.startswith(name):
                    path.unlink()


def kept(function: Dispatcher) -> Dispatcher:
    """Keep what numba compiles of a function for processes to come, where there is a place."""
    try:
        function._cache = _Cache(function.py_func)
    except (RuntimeError, OSError) as error:
        _warn(error)
    return function


def _warn(error: Exception) -> None:
    text = f"compiled code cannot be kept, so that every process compiles it again: {error}"
    if not _told:
        _told.append(text)
        warnings.warn(text, stacklevel=3)


_told: list[str] = []
