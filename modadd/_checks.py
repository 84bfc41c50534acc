"""Checks of what a reader types: every error names the argument, its value and what is allowed.

They stand at the doors (ModularAddition, TrainingConfig, Run, train, sweep, simulations, forces,
measures of structure, widgets) and nowhere behind them.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np

LARGEST = 1e30
"""Bound of every size and rate: what is computed in float32 must have room to be multiplied."""
MODULUS = 4096
"""Largest N: the unordered pairs, 8.4 million there, are held in memory."""
HIDDEN = 2**16
"""Largest hidden width H."""
STEPS = 10**12
"""Most steps: beyond them a float64 no longer tells neighbours in a schedule apart."""
SEED = 2**63 - 1
"""Largest seed: a run keeps its seeds as int64."""
THREADS = 1024
"""Most threads or jobs at a time."""
SNAPSHOTS = 10**6
"""Most snapshots that may be asked for by number."""
_MANY = 10**6
"""Most elements of an argument that may be any iterable, so that an endless one is refused."""


def shown(value: object) -> str:
    """A value as errors show it: on one line, and short however large it is."""
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"an array of {value.dtype} of shape {value.shape}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a value that cannot even be printed is still a bad value
        return f"a {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:80]}... ({type(value).__name__})"


def refuse(name: str, allowed: str, value: object) -> ValueError:
    """The error for a value that is not what is allowed."""
    return ValueError(f"{name} must be {allowed}, got {shown(value)}")


def integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """An int in [low, high]."""
    allowed = f"an integer of at least {low}" if high is None else f"an integer in [{low}, {high}]"
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise refuse(name, allowed, value) from None
    if number < low or (high is not None and number > high):
        raise refuse(name, allowed, value)
    return number


def real(
    name: str, value: object, low: float, high: float = math.inf, *, open_low: bool = False
) -> float:
    """A finite float in [low, high], or ]low, high]."""
    left, right = "]" if open_low else "[", "[" if math.isinf(high) else "]"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    try:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    inside = low <= number <= high and not (open_low and number == low)
    if not inside or math.isinf(number):
        raise refuse(name, f"a finite number in {left}{low:g}, {high:g}{right}", value)
    return number


def flag(name: str, value: object) -> bool:
    """True or False, and nothing that is merely as good as one of them."""
    if not isinstance(value, bool | np.bool_):
        raise refuse(name, "True or False", value)
    return bool(value)


def choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """One of the allowed words."""
    words = tuple(allowed)
    if not isinstance(value, str) or value not in words:
        raise refuse(name, f"one of {', '.join(words)}", value)
    return str(value)


def instance(name: str, value: object, kind: type) -> object:
    """An object of a class of this package."""
    if not isinstance(value, kind):
        raise refuse(name, f"a {kind.__name__}", value)
    return value


def mapping(name: str, value: object, low: int = 1) -> Mapping:
    """A dict that maps words to something, at least so many of them."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise refuse(name, "a dict whose keys are str", value)
    if len(value) < low:
        raise ValueError(f"{name} must hold at least {low}, got {len(value) or 'none'}")
    return value


def sequence(name: str, value: object, low: int = 1, high: int = _MANY) -> list:
    """A list of low to high elements, from any iterable but a word or a dict."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise refuse(name, "a sequence", value)
    try:
        found = list(islice(value, high + 1))
    except TypeError:  # an array of no dimension
        raise refuse(name, "a sequence", value) from None
    if len(found) < low:
        raise ValueError(f"{name} must hold at least {low}, got {len(found) or 'none'}")
    if len(found) > high:
        raise ValueError(f"{name} must hold at most {high:,}, got more")
    return found


_KINDS = {"iuf": "real numbers", "iu": "integers", "b": "bools", "UO": "words"}
"""What numpy's kinds of types are called."""


def numeric(name: str, value: object, shape: tuple, kinds: str = "iuf") -> np.ndarray:
    """An array of any shape and precision; of a tensor, without its gradient.

    Args:
        name: of the argument.
        value: numbers, nested in lists, in an array or in a torch tensor; or bools, or words.
        shape: axes wanted, as `array` takes them, for the message.
        kinds: of numpy's types that are taken.
    """
    try:
        found = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):  # ragged lists, say
        found = None
    if found is None or found.dtype.kind not in kinds:
        raise refuse(name, f"{_KINDS.get(kinds, 'numbers')} of shape {_axes(shape)}", value)
    return found


def array(
    name: str, value: object, shape: tuple = (...,), *, finite: bool = True, limit: float = math.inf
) -> np.ndarray:
    """Numbers as a float64 array of the wanted shape.

    Args:
        name: of the argument.
        value: what `numeric` takes.
        shape: axes wanted; a leading ... stands for any number of batch axes, a str for any
            length, as an error shall name it.
        finite: refuse NaN and infinity.
        limit: the largest size that an entry may have.
    """
    found = numeric(name, value, shape)
    with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes infinite
        found = found.astype(np.float64)
    fits(name, found, shape)
    if finite and not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity in it")
    if limit < math.inf and (np.abs(found) > limit).any():
        raise ValueError(f"{name} must be within ±{limit:g}, got {np.abs(found).max():g}")
    return found


def fits(name: str, found: np.ndarray, shape: tuple) -> None:
    """Refuse an array that has other axes than `shape` says, as `array` takes it."""
    fixed = [axis for axis in shape if axis is not ...]
    ends = found.shape[max(found.ndim - len(fixed), 0) :]
    right = found.ndim == len(fixed) or (found.ndim > len(fixed) and shape[:1] == (...,))
    if not right or any(isinstance(want, int) and want != n for want, n in zip(fixed, ends)):
        raise ValueError(f"{name} must have shape {_axes(shape)}, got {found.shape}")


def _axes(shape: tuple) -> str:
    words = ["..." if axis is ... else str(axis) for axis in shape]
    return f"({', '.join(words)}{',' * (len(words) == 1)})"


def embeddings(name: str, value: object, limit: float = math.inf) -> np.ndarray:
    """Embeddings (..., N, 2) as float64, N >= 3, finite."""
    found = array(name, value, finite=False)
    if found.ndim < 2 or found.shape[-1] != 2 or found.shape[-2] < 3:
        wide = found.ndim > 1 and found.shape[-1] > 2
        advice = "; of more than two dimensions choose two, such as principal components" * wide
        raise ValueError(
            f"{name} must have shape (..., N, 2) with N >= 3, got {found.shape}{advice}"
        )
    return array(name, found, (..., "N", 2), limit=limit)


def words(name: str, value: object, shape: tuple, allowed: tuple[str, ...]) -> np.ndarray:
    """Allowed words in an array of the wanted shape."""
    found = numeric(name, value, shape, "UO")
    fits(name, found, shape)
    for word in found.ravel():
        choice(name, word, allowed)
    return found.astype(str)


def bools(name: str, value: object, count: int) -> np.ndarray:
    """Bools (..., count), at least one of each set True."""
    found = numeric(name, value, (..., count), "b")
    fits(name, found, (..., count))
    if not found.any(axis=-1).all():
        raise ValueError(f"{name} must hold at least one pair, got none")
    return found


def seeds(name: str, value: object) -> tuple[int, ...]:
    """Distinct seeds in [0, 2**63), one or several."""
    values = [value] if is_single(value) else sequence(name, value, 0)
    if not values:
        raise ValueError(f"{name} must hold at least one seed, got none")
    known: dict[int, None] = {}
    for each in values:
        number = integer(name, each, 0, SEED)
        if number in known:
            raise ValueError(f"{name} must be distinct, got {number} more than once")
        known[number] = None
    return tuple(known)


def is_single(value: object) -> bool:
    """Whether an argument that may be one thing or several is one: a number, a word, anything."""
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    return not several or getattr(value, "ndim", 1) == 0


def options(threads: object, **flags: object) -> None:
    """Check what everything that takes long has in common."""
    if threads is not None:
        integer("threads", threads, 1, THREADS)
    for name, value in flags.items():
        flag(name, value)
