"""Checks of what a reader types: every error names the argument, its value and what is allowed.

They stand at the doors (ModularAddition, TrainingConfig, Run, train, sweep, simulations, forces,
measures of structure, widgets) and nowhere behind them.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np

LARGEST = 1e30  # of every size and rate, so that float32 has room for products
MODULUS = 4096  # largest N: its unordered pairs, 8.4 million, are held in memory
HIDDEN = 2**16  # largest hidden width H
STEPS = 10**12  # beyond, a float64 no longer tells neighbours in a schedule apart
SEED = 2**63 - 1  # largest seed: a run keeps its seeds as int64
THREADS = 1024  # most threads or jobs at a time
SNAPSHOTS = 10**6  # most snapshots that may be asked for by number
_MANY = 10**6  # most elements of what may be any iterable, so that an endless one is refused


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


def mapping(name: str, value: object) -> Mapping:
    """A dict that maps words to something."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise refuse(name, "a dict whose keys are str", value)
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


def numeric(name: str, value: object, shape: tuple, kinds: str = "iuf") -> np.ndarray:
    """An array of the wanted shape in its own precision; of a tensor, without its gradient.

    Args:
        name: of the argument.
        value: numbers, nested in lists, in an array or in a torch tensor; or bools, or words.
        shape: axes wanted; a leading ... stands for any number of batch axes, a str for any
            length, as an error shall name it.
        kinds: of numpy's types that are taken.
    """
    axes = ", ".join("..." if axis is ... else str(axis) for axis in shape)
    wanted = f"({axes}{',' * (len(shape) == 1)})"
    try:
        found = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):  # ragged lists, say
        found = None
    if found is None or found.dtype.kind not in kinds:
        raise refuse(name, f"{_KINDS.get(kinds, 'numbers')} of shape {wanted}", value)
    fixed = [axis for axis in shape if axis is not ...]
    ends = found.shape[max(found.ndim - len(fixed), 0) :]
    right = found.ndim == len(fixed) or (found.ndim > len(fixed) and shape[:1] == (...,))
    if not right or any(isinstance(want, int) and want != n for want, n in zip(fixed, ends)):
        raise ValueError(f"{name} must have shape {wanted}, got {found.shape}")
    return found


def array(name: str, value: object, shape: tuple = (...,), limit: float = math.inf) -> np.ndarray:
    """What `numeric` takes, as float64, finite and within ±limit."""
    found = numeric(name, value, shape)
    with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes infinite
        found = found.astype(np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity in it")
    if limit < math.inf and (np.abs(found) > limit).any():
        raise ValueError(f"{name} must be within ±{limit:g}, got {np.abs(found).max():g}")
    return found


def embeddings(name: str, value: object, limit: float = math.inf) -> np.ndarray:
    """Embeddings (..., N, 2) as float64, N >= 3, finite."""
    found = array(name, value, limit=limit)
    if found.ndim < 2 or found.shape[-1] != 2 or found.shape[-2] < 3:
        wide = found.ndim > 1 and found.shape[-1] > 2
        advice = "; of more than two dimensions choose two, such as principal components" * wide
        raise ValueError(
            f"{name} must have shape (..., N, 2) with N >= 3, got {found.shape}{advice}"
        )
    return found


def words(name: str, value: object, shape: tuple, allowed: tuple[str, ...]) -> np.ndarray:
    """Allowed words in an array of the wanted shape."""
    found = numeric(name, value, shape, "UO")
    for word in found.ravel():
        choice(name, word, allowed)
    return found.astype(str)


def seeds(name: str, value: object) -> tuple[int, ...]:
    """Distinct seeds in [0, 2**63), one or several."""
    values = [value] if is_single(value) else sequence(name, value)
    found = Counter(integer(name, each, 0, SEED) for each in values)
    if found.total() > len(found):
        seed = found.most_common(1)[0][0]
        raise ValueError(f"{name} must be distinct, got {seed} more than once")
    return tuple(found)


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
