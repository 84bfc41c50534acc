"""Effects: means over seeds with their intervals, and differences between paired conditions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import ttest_1samp

from modadd import _checks


class Effect(NamedTuple):
    """A mean over seeds and the ends of its interval, in the unit of the values.

    >>> print(Effect(mean=0.2, low=0.1, high=0.3))
    +0.200 (+0.100 to +0.300)
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Mean and interval with three decimals."""
        return f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def mean(values: ArrayLike, confidence: float = 0.95) -> Effect:
    """Mean over seeds with Student's t interval.

    Args:
        values: (S,) one value a seed, S >= 2, finite.
        confidence: between 0 and 1.

    Returns:
        Effect, in the unit of the values.

    Raises:
        ValueError: for fewer than two values, values that are not within ±1e100, or a confidence
            outside ]0, 1[.

    >>> print(mean([1.0, 2.0, 3.0, 4.0]))
    +2.500 (+0.446 to +4.554)
    """
    values = _sample("values", values)
    confidence = _checks.real("confidence", confidence, 0.0, 1.0, open_low=True, open_high=True)
    centre = float(values.mean())
    if np.ptp(values) <= 1e-12 * np.abs(values).max():  # equal up to rounding
        return Effect(centre, centre, centre)
    low, high = ttest_1samp(values, centre).confidence_interval(confidence)
    return Effect(centre, float(low), float(high))


def paired(treated: ArrayLike, control: ArrayLike, confidence: float = 0.95) -> Effect:
    """Mean difference, treated minus control, over the same seeds in the same order.

    The interval is Student's t of the differences, so what a seed adds to both drops out.

    Args:
        treated: (S,) one value a seed, S >= 2.
        control: (S,) the values of the same seeds without the treatment.
        confidence: between 0 and 1.

    Returns:
        Effect, in the unit of the values.

    Raises:
        ValueError: if the two do not hold the same number of values, or as in `mean`.

    >>> print(paired([1.1, 2.3, 3.2], [1.0, 2.0, 3.0]))
    +0.200 (-0.048 to +0.448)
    """
    treated, control = _sample("treated", treated), _sample("control", control)
    if treated.shape != control.shape:
        raise ValueError(f"control must have shape {treated.shape}, got {control.shape}")
    return mean(treated - control, confidence)


def _sample(name: str, values: ArrayLike) -> np.ndarray:
    """Return values as (S,) float64, S >= 2, or raise ValueError naming them."""
    found = _checks.array(name, values, limit=1e100)
    if found.ndim != 1 or len(found) < 2:
        raise ValueError(f"{name} must be at least 2 finite numbers, got shape {found.shape}")
    return found
