"""How far pair sums with one label cluster, and how far they align.

Distances and angles between couples of pair sums, within labels and over all of them. That the two
tendencies build grids and circles is the paper's idea; these measures are defined here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from modadd import _checks
from modadd._compiled.force_sums import Charges, label_sums
from modadd.task import ModularAddition


class Couples(NamedTuple):
    """One number a couple of distinct unordered pairs; D couples in all, M of one label."""

    same_label: np.ndarray
    """(..., M)"""
    everything: np.ndarray
    """(..., D)"""


class Order(NamedTuple):
    """Nematic order, −1 to 1: 1 if all sums lie on one axis, 0 if their axes are independent."""

    same_label: np.ndarray
    """(...): within labels."""
    everything: np.ndarray
    """(...): over all couples."""


def distances(E: ArrayLike) -> Couples:
    """Distances |x_p − x_q| between pair sums, over the root mean square distance of all sums.

    The unit is taken over ordered pairs (`mean_squared_distances`), in which the mean
    square within labels is 1 as well, whatever the embeddings. Among the distinct unordered pairs
    returned here both mean squares are a little above 1.

    Args:
        E: embeddings (..., N, 2), not all equal.

    Returns:
        Couples of distances.

    Raises:
        ValueError: E is not (..., N >= 3, 2), not within ±1e30, or all of it is one point.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> same, everything = distances(E)
    >>> same.shape, everything.shape
    ((15,), (105,))
    """
    E = _checks.embeddings("E", E, limit=_checks.LARGEST)
    task = ModularAddition(E.shape[-2])
    x = task.pair_sums(E)
    unit = np.sqrt(mean_squared_distances(E).all_pairs)[..., None]
    if not (unit > 0).all():
        raise ValueError("E must not have all tokens in one point")
    same, everything = _couples(task)
    return Couples(
        *(
            np.linalg.norm(x[..., p, :] - x[..., q, :], axis=-1) / unit
            for p, q in (same, everything)
        )
    )


def angles(E: ArrayLike) -> tuple[Couples, Couples]:
    """Angles between pair sums seen from the origin, in [0, π], and their weights |x_p|² |x_q|².

    Args:
        E: embeddings (..., N, 2).

    Returns:
        Couples of angles, and of weights in the embeddings' unit to the fourth power.

    Raises:
        ValueError: E is not (..., N >= 3, 2), or not within ±1e30.

    >>> quarter, _ = angles([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> float(quarter.everything.max() / np.pi)
    0.5
    """
    E = _checks.embeddings("E", E, limit=_checks.LARGEST)
    task = ModularAddition(E.shape[-2])
    x = task.pair_sums(E)
    z = x[..., 0] + 1j * x[..., 1]
    turns = [z[..., q] * z[..., p].conj() for p, q in _couples(task)]
    weights = Couples(*(np.abs(turn) ** 2 for turn in turns))
    return Couples(*(np.abs(np.angle(turn)) for turn in turns)), weights


def nematic_order(E: ArrayLike) -> Order:
    """Mean of cos 2Δφ over couples of distinct pairs, weighted by |x_p|² |x_q|².

    Δφ is the angle between two pair sums seen from the origin; cos 2Δφ is 1 for parallel and for
    antiparallel sums. On a circle the order within labels is 1 and that of all couples near 0.
    Elongated embeddings raise both, so the tendency to share axes *because of the label* is the
    difference.

    Args:
        E: embeddings (..., N, 2).

    Returns:
        Order of arrays (...).

    Raises:
        ValueError: E is not (..., N >= 3, 2), or not within ±1e30.

    >>> angle = 2 * np.pi * 3 * np.arange(17) / 17
    >>> order = nematic_order(np.stack([np.cos(angle), np.sin(angle)], -1))
    >>> print(order.same_label.round(6))
    1.0
    """
    E = _checks.embeddings("E", E, limit=_checks.LARGEST)
    task = ModularAddition(E.shape[-2])
    x = task.pair_sums(E)
    double = (x[..., 0] + 1j * x[..., 1]) ** 2  # |x|² at twice the angle
    size = np.abs(double)
    onehot = np.eye(task.modulus)[task.labels]

    def mean(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        # Σ_p≠q Re(d_p d̄_q) = |Σ d|² − Σ |d|², and the same for the weights.
        own = (size**2).sum(-1)
        whole = (sizes**2).sum(-1) - own
        return ((np.abs(sums) ** 2).sum(-1) - own) / np.where(whole > 0, whole, 1.0)

    return Order(
        mean(double @ onehot, size @ onehot),
        mean(double.sum(-1, keepdims=True), size.sum(-1, keepdims=True)),
    )


@lru_cache(maxsize=4)
def _couples(task: ModularAddition) -> tuple[np.ndarray, np.ndarray]:
    """Indices of distinct unordered pairs: (2, M) couples of one label, (2, D) all."""
    everything = np.stack(np.triu_indices(len(task.pairs), 1))
    same = task.labels[everything[0]] == task.labels[everything[1]]
    return everything[:, same], everything


class MeanSquares(NamedTuple):
    """Mean squared distances between pair sums, over ordered pairs."""

    same_label: np.ndarray
    """(...): over couples with one label."""
    all_pairs: np.ndarray
    """(...): over all couples."""


def mean_squared_distances(
    embeddings: np.ndarray, training: np.ndarray | None = None
) -> MeanSquares:
    """Mean |x_p − x_q|² over couples of ordered pairs: same label, and all.

    Over all pairs the two are equal for any embeddings (derived here, from the sum rules): like
    pair sums can never all come close. The couples include each pair with itself and with its
    twin (b, a), at distance zero; these are a share of about 2/N of the same-label couples and
    2/N² of all, so among *distinct* unordered pairs the same-label mean is the larger one, by a
    factor of about 1 + 2/N. For a partial training set there is no such identity.

    Args:
        embeddings: (..., N, 2).
        training: (..., P) bools; all pairs if None.

    Returns:
        MeanSquares, in the embeddings' unit squared.

    Raises:
        ValueError: if a shape does not fit or an entry is not within ±1e30.

    >>> same, every = mean_squared_distances(np.random.default_rng(0).standard_normal((5, 2)))
    >>> np.isclose(same, every)
    np.True_
    """
    charges = Charges.of(embeddings, None, training)
    weights, centre = charges.weights, charges.sums.mean(axis=1, keepdims=True)
    x = charges.sums - centre
    # Σ_pq w_p w_q |x_p − x_q|² = 2 (Σ w) (Σ w |x|²) − 2 |Σ w x|², within labels and over all.
    features = np.concatenate(
        [weights[..., None], (weights * np.square(x).sum(-1))[..., None], weights[..., None] * x],
        -1,
    )
    by_label = label_sums(features, charges.task)
    couples, squares = (_moments(sums) for sums in (by_label, by_label.sum(1, keepdims=True)))
    same, everything = (squared / count for count, squared in (couples, squares))
    return MeanSquares(same.reshape(charges.batch), everything.reshape(charges.batch))


def _moments(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of couples and sum of their squared distances, from (B, labels, 4) moments."""
    count, square, first = sums[..., 0], sums[..., 1], sums[..., 2:]
    squared = 2 * count * square - 2 * np.square(first).sum(-1)
    return np.square(count).sum(-1), squared.sum(-1)
