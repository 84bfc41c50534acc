"""Checks of arguments: every error names the argument, its value and what is allowed."""

from __future__ import annotations

import math
import operator

import numpy as np


def integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return `value` as an int in [low, high], or raise ValueError naming it."""
    allowed = f"an integer of at least {low}" if high is None else f"an integer in [{low}, {high}]"
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be {allowed}, got {value!r}") from None
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return number


def real(
    name: str, value: object, low: float, high: float = math.inf, *, open_low: bool = False
) -> float:
    """Return `value` as a finite float in [low, high] (or ]low, high]), or raise ValueError."""
    bracket = "]" if open_low else "["
    end = "inf[" if math.isinf(high) else f"{high:g}]"
    message = f"{name} must be a finite number in {bracket}{low:g}, {end}, got {value!r}"
    try:
        if isinstance(value, bool | str):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(message) from None
    if not math.isfinite(number) or number > high or number < low or (open_low and number == low):
        raise ValueError(message)
    return number


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of the allowed words, or raise ValueError naming them."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def embeddings(name: str, value: object) -> np.ndarray:
    """Return `value` as a float64 array of shape (..., N, 2) with N >= 3 and finite entries."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim < 2 or array.shape[-1] != 2 or array.shape[-2] < 3:
        raise ValueError(f"{name} must have shape (..., N, 2) with N >= 3, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity in it")
    return array


def seeds(name: str, value: object) -> tuple[int, ...]:
    """Return `value` as distinct seeds in [0, 2**63), or raise ValueError naming the culprit."""
    values = [value] if np.ndim(value) == 0 and not isinstance(value, range) else list(value)
    numbers = tuple(integer(name, v, 0, 2**63 - 1) for v in values)
    if not numbers:
        raise ValueError(f"{name} must hold at least one seed, got none")
    if len(set(numbers)) < len(numbers):
        twice = next(n for i, n in enumerate(numbers) if n in numbers[:i])
        raise ValueError(f"{name} must be distinct, got {twice} more than once")
    return numbers
