"""The task: learn a + b mod N from pairs of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from modadd import _checks


@dataclass(frozen=True)
class ModularAddition:
    """Addition modulo N on unordered pairs.

    The pairs (a, b) and (b, a) have the same pair sum and the same label, so they are computed
    once, with multiplicity 2; pairs (a, a) have multiplicity 1. Multiplicities add up to N².

    Args:
        modulus: N, 3 to 4096; it need not be prime.

    >>> task = ModularAddition(3)
    >>> task.pairs.tolist()
    [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]
    >>> task.labels.tolist()
    [0, 1, 2, 2, 0, 1]
    """

    modulus: int

    def __post_init__(self) -> None:
        """Check the modulus before anything is built on it."""
        modulus = _checks.integer("modulus", self.modulus, 3, _checks.MODULUS)
        object.__setattr__(self, "modulus", modulus)

    @cached_property
    def pairs(self) -> np.ndarray:
        """Unordered pairs a <= b in row-major order, (P, 2) ints with P = N (N + 1) / 2."""
        return np.stack(np.triu_indices(self.modulus), axis=-1)

    @cached_property
    def labels(self) -> np.ndarray:
        """Label (a + b) mod N of each pair, (P,) ints."""
        return self.pairs.sum(axis=-1) % self.modulus

    @cached_property
    def multiplicity(self) -> np.ndarray:
        """Number of ordered pairs behind each unordered one: 1 for (a, a), else 2; (P,) ints."""
        return np.where(self.pairs[:, 0] == self.pairs[:, 1], 1, 2)

    @cached_property
    def pair_of(self) -> np.ndarray:
        """Place in `pairs` of the unordered pair of tokens a and b, (N, N) ints."""
        first, second = self.pairs.T
        table = np.empty((self.modulus, self.modulus), np.intp)
        table[first, second] = table[second, first] = np.arange(len(self.pairs))
        return table

    def scatter(self, on_pairs: np.ndarray) -> np.ndarray:
        """Forces (..., P, 2) on unordered pairs as forces (..., N, 2) on embeddings.

        F_a = Σ_{p ∋ a} f_p, and twice for p = (a, a). Of tensors too.

        >>> ModularAddition(3).scatter(np.ones((6, 2))).tolist()
        [[4.0, 4.0], [4.0, 4.0], [4.0, 4.0]]
        """
        twice = self.pair_of.diagonal().copy()  # torch takes no read-only view
        return on_pairs[..., self.pair_of, :].sum(-2) + on_pairs[..., twice, :]

    def pair_sums(self, embeddings: np.ndarray) -> np.ndarray:
        """Pair sums x_p = E_a + E_b (..., P, 2) of E (..., N, 2), in the order of `pairs`.

        >>> ModularAddition(3).pair_sums([[0.0, 1.0], [10.0, 1.0], [100.0, 1.0]])[:, 0].tolist()
        [0.0, 10.0, 100.0, 20.0, 110.0, 200.0]
        """
        shape = (..., self.modulus, 2)
        _checks.array("embeddings", embeddings, shape)
        embeddings = _checks.numeric("embeddings", embeddings, shape)  # of its own precision
        return embeddings[..., self.pairs[:, 0], :] + embeddings[..., self.pairs[:, 1], :]

    def training_pairs(self, share: float, seed: int) -> np.ndarray:
        """Draw the training pairs: (P,) bools, True where a pair is trained on.

        Whole unordered pairs are drawn, so (a, b) and (b, a) never straddle the split.

        Args:
            share: share of the pairs to train on, in ]0, 1]; at least one pair is kept.
            seed: integer in [0, 2**63) of the draw; the draw does not depend on anything else.

        >>> ModularAddition(3).training_pairs(share=0.5, seed=0).tolist()
        [False, True, False, True, True, False]
        """
        share = _checks.real("train_share", share, 0.0, 1.0, open_low=True)
        seed = _checks.integer("seed", seed, 0, _checks.SEED)
        count = len(self.pairs)
        chosen = np.zeros(count, dtype=bool)
        kept = max(1, round(share * count))
        # A stream of its own: the split must not shift when the initialisation draws more numbers.
        order = np.random.default_rng([seed, 1]).permutation(count)
        chosen[order[:kept]] = True
        return chosen
