"""Effects: means over seeds with their intervals, and differences between paired conditions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import ttest_1samp


class Effect(NamedTuple):
    """A mean over seeds and the ends of its interval."""

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

    Raises:
        ValueError: for fewer than two values, or values that are not finite.

    >>> print(mean([1.0, 2.0, 3.0, 4.0]))
    +2.500 (+0.446 to +4.554)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"values must be at least 2 finite numbers, got shape {values.shape}")
    centre = float(values.mean())
    if np.ptp(values) <= 1e-12 * np.abs(values).max():  # equal up to rounding
        return Effect(centre, centre, centre)
    low, high = ttest_1samp(values, centre).confidence_interval(confidence)
    return Effect(centre, float(low), float(high))


def paired(treated: ArrayLike, control: ArrayLike, confidence: float = 0.95) -> Effect:
    """Mean difference, treated minus control, over the same seeds in the same order.

    The interval is Student's t of the differences, so what a seed adds to both drops out.

    Raises:
        ValueError: if the two do not hold the same number of values, or as in `mean`.

    >>> print(paired([1.1, 2.3, 3.2], [1.0, 2.0, 3.0]))
    +0.200 (-0.048 to +0.448)
    """
    treated, control = np.asarray(treated, np.float64), np.asarray(control, np.float64)
    if treated.shape != control.shape:
        raise ValueError(f"control must have shape {treated.shape}, got {control.shape}")
    return mean(treated - control, confidence)
