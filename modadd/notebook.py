"""What a notebook's parameters cell may say, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from modadd import _checks

Sizes = TypeVar("Sizes")


def sizes(profile: str, quick: Sizes, full: Sizes) -> Sizes:
    """What a notebook takes in its two profiles, "quick" and "full".

    >>> sizes("quick", quick=100, full=1000)
    100
    >>> sizes("Quick", quick=100, full=1000)
    Traceback (most recent call last):
    ValueError: PROFILE must be one of quick, full, got 'Quick'
    """
    return {"quick": quick, "full": full}[_checks.choice("PROFILE", profile, ("quick", "full"))]


def within(low: int, high: int, **parameters: int) -> None:
    """Refuse parameters that are no integers from low to high, where a notebook does not work.

    >>> within(5, 31, MODULUS=4)
    Traceback (most recent call last):
    ValueError: MODULUS must be an integer in [5, 31], got 4
    """
    for name, value in parameters.items():
        _checks.integer(name, value, low, high)


def among(values: Collection[int], **parameters: int) -> None:
    """Refuse parameters that are none of some integers, where a notebook does not work.

    >>> among(range(7, 24, 2), MODULUS=12)
    Traceback (most recent call last):
    ValueError: MODULUS must be one of 7, 9, 11, 13, 15, 17, 19, 21, 23, got 12
    """
    for name, value in parameters.items():
        if value not in values:
            words = ", ".join(str(one) for one in values)
            raise ValueError(f"{name} must be one of {words}, got {value!r}")
