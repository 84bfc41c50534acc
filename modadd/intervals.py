"""Every interval that is stated, of 95 %: of shares, means, paired differences, correlations."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

NORMAL = 1.959963984540054
"""Quantile of the normal distribution at 97.5 %."""


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
    """Mean of values (S,), one a seed, S >= 2, with Student's t interval.

    >>> print(mean([1.0, 2.0, 3.0, 4.0]))
    +2.500 (+0.446 to +4.554)
    """
    values = np.asarray(values, np.float64)
    centre = float(values.mean())
    if np.ptp(values) <= 1e-12 * np.abs(values).max():  # equal up to rounding
        return Effect(centre, centre, centre)

    count = len(values)
    quantile = scipy.special.stdtrit(count - 1, (1 + confidence) / 2)
    reach = quantile * values.std(ddof=1) / count**0.5
    return Effect(centre, float(centre - reach), float(centre + reach))


def paired(treated: ArrayLike, control: ArrayLike, confidence: float = 0.95) -> Effect:
    """Mean difference, treated minus control, (S,) each, over the same seeds in the same order.

    The interval is Student's t of the differences, so what a seed adds to both drops out.

    >>> print(paired([1.1, 2.3, 3.2], [1.0, 2.0, 3.0]))
    +0.200 (-0.048 to +0.448)
    """
    return mean([float(a) - float(b) for a, b in zip(treated, control, strict=True)], confidence)


def bootstrap_mean(values: ArrayLike) -> Effect:
    """Mean of values (S,) with the percentile interval of the bootstrap over them.

    >>> bootstrap_mean([0.5] * 10)
    Effect(mean=0.5, low=0.5, high=0.5)
    """
    values = np.asarray(values, np.float64)
    chosen = np.random.default_rng(0).integers(len(values), size=(4000, len(values)))
    low, high = np.quantile(values[chosen].mean(1), [0.025, 0.975])
    return Effect(float(values.mean()), float(low), float(high))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Ends of the Wilson score interval of a share (Wilson 1927), successes of trials.

    >>> low, high = wilson(16, 60)
    >>> print(f"{low:.3f} {high:.3f}")
    0.171 0.390
    """
    n, share = int(trials), int(successes) / int(trials)
    middle = share + NORMAL**2 / (2 * n)
    reach = NORMAL * math.sqrt(share * (1 - share) / n + (NORMAL / (2 * n)) ** 2)
    low, high = ((middle + end) / (1 + NORMAL**2 / n) for end in (-reach, reach))
    return max(low, 0.0), min(high, 1.0)


class Correlation(NamedTuple):
    """A rank correlation with its bootstrap interval."""

    value: float
    low: float
    high: float
    draws: np.ndarray  #: (draws,) its values under resampling of the seeds, to compare predictors


def rank_correlation(circles: np.ndarray, predictor: ArrayLike) -> Correlation:
    """Spearman's correlation over cells of the share of circles with a predictor.

    Args:
        circles: (..., S) bools: which seeds became circles in each cell; the same seeds in all.
        predictor: (...) one number a cell, or (..., S) one a seed, of which each cell takes the
            mean over those that are not NaN; it is then resampled along with the circles.

    Returns:
        Correlation, −1 to 1, over the cells that have a predictor; 0 where fewer than two have one,
        or either is the same in all of them. The interval is over 1,000 resamples of the seeds.

    >>> circles = np.arange(4)[:, None] > np.arange(5)
    >>> rank_correlation(circles, [1, 2, 3, 4]).value
    1.0
    """
    predictor = np.asarray(predictor, np.float64)
    if predictor.ndim < circles.ndim:
        predictor = np.broadcast_to(predictor[..., None], circles.shape)
    count = circles.shape[-1]
    circles, predictor = circles.reshape(-1, count), predictor.reshape(-1, count)
    known = np.isfinite(predictor)
    predictor = np.where(known, predictor, 0.0)
    chosen = np.random.default_rng(0).integers(count, size=(1000, count))
    rho = np.array([_spearman(circles, predictor, known, c) for c in [np.arange(count), *chosen]])
    low, high = np.quantile(rho[1:], [0.025, 0.975])
    return Correlation(float(rho[0]), float(low), float(high), rho[1:])


def _spearman(circles, predictor, known, chosen) -> float:
    """Rank correlation over cells, of the chosen seeds alone."""
    counted = known[:, chosen].sum(-1)
    there = counted > 0
    if there.sum() < 2:
        return 0.0
    x = ranks(predictor[:, chosen].sum(-1)[there] / counted[there])
    return float(pearson(x, ranks(circles[:, chosen].mean(-1)[there])))


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each of the values (C,), from 1 on; the mean rank for those that are equal.

    >>> ranks(np.array([0.5, 0.1, 0.5])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (count.cumsum() - (count - 1) / 2)[place]


def resample(values: ArrayLike, draws: int = 1000) -> np.ndarray:
    """Means over the seeds of values (..., S), then over `draws` resamples of them.

    The same seeds are drawn for all arrays of as many seeds, so that what is made of two of them
    can be compared draw by draw.

    Returns:
        (1 + draws, ...), first that of the seeds as they are.

    >>> resample([[0.0, 1.0], [2.0, 2.0]])[0].tolist()
    [0.5, 2.0]
    """
    values = np.asarray(values, np.float64)
    count = values.shape[-1]
    chosen = np.random.default_rng(0).integers(count, size=(draws, count))
    times = np.stack([np.bincount(c, minlength=count) for c in [np.arange(count), *chosen]])
    return np.moveaxis(values @ times.T / count, -1, 0)


def of_draws(values: ArrayLike) -> Effect:
    """What was found (the first of values), with the percentile interval of its draws (the rest).

    >>> of_draws([0.5, 0.25, 0.75, 0.5])
    Effect(mean=0.5, low=0.2625, high=0.7375)
    """
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Effect(float(values[0]), float(low), float(high))


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's correlation over the last axis of x and y (..., C), (...); 0 where one is constant.

    >>> pearson(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 4.0, 6.0]])).tolist()
    [1.0]
    """
    x, y = (v - v.mean(-1, keepdims=True) for v in (x, y))
    size = np.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    return np.divide((x * y).sum(-1), size, out=np.zeros_like(size), where=size > 0)
