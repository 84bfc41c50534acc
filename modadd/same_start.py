"""How alike the structures are that grew from the same starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from modadd import _checks, structure
from modadd.intervals import bootstrap_mean

ROLES = ("floor", "network", "simulation")
"""What is compared: something for comparison, two networks, or a simulation with networks."""


def coarse_kinds(E: ArrayLike) -> np.ndarray:
    """The kind of each embedding (..., N, 2), with stripes counted as grids.

    Args:
        E: embeddings (..., N, 2).

    Returns:
        Array of str (...).

    Raises:
        ValueError: E is not (..., N >= 3, 2) or not finite.

    >>> angle = 2 * np.pi * np.arange(17) / 17
    >>> str(coarse_kinds(np.stack([np.cos(angle), np.sin(angle)], -1)))
    'circle'
    """
    kinds = structure.classify(E)
    return np.where(kinds == "stripe", "grid", kinds)


class Comparison(NamedTuple):
    """How alike embeddings and others of the same starts are."""

    role: str
    """one of ROLES"""
    r2: np.ndarray
    """(S,) Procrustes R², one a start"""
    same_kind: float
    """share of comparisons in which both are circles, both lattices, or both neither"""
    same_kind_interval: tuple[float, float]


def compare(role: str, pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> Comparison:
    """Agreement of embeddings (S, N, 2) with others of the same starts, in one or several pairs.

    R² and agreement on the coarse kind are averaged over the pairs of a start first, so that a
    start counts once; the interval is a bootstrap over starts.

    Args:
        role: one of ROLES.
        pairs: of embeddings (S, N, 2), S >= 2, and others of the same starts.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> A = np.random.default_rng(0).standard_normal((4, 7, 2))
    >>> compare("network", [(A, 2 * A)]).same_kind
    1.0
    """
    _checks.choice("role", role, ROLES)
    pairs = _pairs(pairs)
    r2 = np.mean([structure.procrustes_r2(A, B) for A, B in pairs], axis=0)
    kind = np.mean([coarse_kinds(A) == coarse_kinds(B) for A, B in pairs], axis=0)
    share = bootstrap_mean(kind)
    return Comparison(role, r2, share.mean, (share.low, share.high))


def same_frequency(
    pairs: Sequence[tuple[ArrayLike, ArrayLike]],
) -> tuple[np.ndarray, np.ndarray]:
    """In how many comparisons of each start both are circles of one frequency, or both circles.

    Args:
        pairs: of embeddings (S, N, 2) and others of the same starts.

    Returns:
        two (S,) counts, the second at least the first.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> A = np.stack([np.cos(np.arange(7) * 4 * np.pi / 7), np.sin(np.arange(7) * 4 * np.pi / 7)])
    >>> equal, both = same_frequency([([A.T], [2 * A.T])])
    >>> equal.tolist(), both.tolist()
    ([1], [1])
    """
    equal, both = [], []
    for A, B in _pairs(pairs):
        rings = (structure.classify(A) == "circle") & (structure.classify(B) == "circle")
        both.append(rings)
        equal.append(rings & (structure.circle(A).frequency == structure.circle(B).frequency))
    return np.sum(equal, axis=0), np.sum(both, axis=0)


def _pairs(pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return checked pairs of embeddings (S, N, 2), or raise ValueError naming them."""
    found = []
    for pair in _checks.sequence("pairs", pairs):
        A, B = (_checks.ensemble("pairs", E) for E in _checks.sequence("pairs", pair, 2, 2))
        if A.shape != B.shape:
            raise ValueError(f"pairs must be of one shape, got {A.shape} and {B.shape}")
        found.append((A, B))
    return found
