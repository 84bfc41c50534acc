"""Connected components of many small graphs, for the search for lattices in `_lattice`."""

from __future__ import annotations

import numpy as np
from numba import njit

from modadd._compiled.store import kept


@kept
@njit(nogil=True)
def components(matches, steps):
    """Label and size (M, N) of the component of each token, joined by two steps (M, 2).

    matches (M, 2, N) says whether a token a is joined with a + step. A component is labelled by
    its first token.
    """
    graphs, _, modulus = matches.shape
    label = np.empty((graphs, modulus), np.int64)
    size = np.zeros((graphs, modulus), np.int64)
    for m in range(graphs):
        first = label[m]
        for a in range(modulus):
            first[a] = a
        for axis in range(2):
            for a in range(modulus):
                if matches[m, axis, a]:
                    one, other = _root(first, a), _root(first, (a + steps[m, axis]) % modulus)
                    first[max(one, other)] = min(one, other)
        for a in range(modulus):
            first[a] = _root(first, a)
            size[m, first[a]] += 1
        for a in range(modulus - 1, -1, -1):
            size[m, a] = size[m, first[a]]
    return label, size


@njit(nogil=True)
def _root(first, a):
    """The first token that a is joined to; the way there becomes shorter."""
    while first[a] != a:
        first[a] = first[first[a]]
        a = first[a]
    return a
