"""The frequency lottery: which frequency of the initial embeddings becomes that of the circle."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from modadd import _checks, structure
from modadd.run import Run


class Race(NamedTuple):
    """Where the frequencies of S embeddings start, and which is strongest at the end."""

    lead: np.ndarray  #: (S,) largest over second largest Fourier power at the start, >= 1
    won: np.ndarray  #: (S,) bool: the strongest frequency of the start is that of the end
    circle: np.ndarray  #: (S,) bool: the end is a circle


def fourier_power(E: np.ndarray) -> np.ndarray:
    """Power of the frequencies 1 to (N − 1) / 2 of embeddings (..., N, 2), for odd N >= 5.

    Unnormalised transform, k and N − k together, summed over both coordinates.

    Args:
        E: embeddings (..., N, 2).

    Returns:
        (..., (N − 1) / 2), in the embeddings' unit squared.

    Raises:
        ValueError: E is not finite, or not (..., N, 2) with an odd N >= 5.

    >>> angle = 2 * np.pi * 3 * np.arange(17) / 17
    >>> print(fourier_power(np.stack([np.cos(angle), np.sin(angle)], -1)).argmax() + 1)
    3
    """
    E = _checks.embeddings("E", E)
    if E.shape[-2] < 5 or E.shape[-2] % 2 == 0:
        raise ValueError(f"E must be of an odd number of at least 5 tokens, got {E.shape[-2]}")
    half = np.fft.rfft(E, axis=-2)[..., 1:, :]
    return 2 * np.square(np.abs(half)).sum(-1)


def race(run: Run) -> Race:
    """The race of frequencies in each seed of a run whose first snapshot is step 0.

    Args:
        run: recorded at step 0.

    Returns:
        Race of arrays (S,).

    Raises:
        ValueError: naming the argument that does not fit.

    >>> from modadd import TrainingConfig, train
    >>> run = train(TrainingConfig(modulus=5, hidden=8, steps=9), [3, 4], progress=False)
    >>> race(run).won.shape
    (2,)
    """
    _checks.instance("run", run, Run)
    first, last = fourier_power(run.embeddings[0]), fourier_power(run.final)
    order = np.sort(first, axis=-1)
    return Race(
        order[:, -1] / order[:, -2],
        first.argmax(-1) == last.argmax(-1),
        structure.classify(run.final) == "circle",
    )


LEADS = (1.0, 1.15, 1.4, 1.8, np.inf)
"""Bounds of the groups of leads in `hit_rates`."""


def hit_rates(found: Race) -> list[tuple[float, int, int]]:
    """Of circles, by LEADS: their median lead, how often the strongest won, their number.

    Args:
        found: of S seeds.

    Returns:
        one triple a group of leads in which there are circles.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> found = Race(np.array([1.1, 1.1, 2.5]), np.array([True, False, True]), np.ones(3, bool))
    >>> [(lead, int(won), int(count)) for lead, won, count in hit_rates(found)]
    [(1.1, 1, 2), (2.5, 1, 1)]
    """
    _checks.instance("found", found, Race)
    rates = []
    for low, high in pairwise(LEADS):
        chosen = found.circle & (found.lead >= low) & (found.lead < high)
        if chosen.any():
            rates.append(
                (float(np.median(found.lead[chosen])), found.won[chosen].sum(), chosen.sum())
            )
    return rates
