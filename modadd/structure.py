"""Structure in embeddings: circles, grids, closure, and how often each occurs.

`describe` sees all of it at one look; the other measures answer one question each. They take
embeddings E of shape (..., N, 2), one point of the plane for each token of Z_N; leading axes are
batches and come back as the axes of the result. Translation, rotation, reflection and scale change
no score. Relabelling the tokens, a -> u a + v with u a unit of Z_N, changes no score either: it
only multiplies frequencies and steps. An embedding collapsed to one point has no structure and
scores 0 on every measure.

Source: grids and circles are the paper's words for what it sees in trained embeddings. The measures
below, and their thresholds, are defined in this project and not quoted from the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from modadd import _checks
from modadd._lattice import patch, spacing
from modadd.intervals import wilson

KINDS = ("circle", "grid", "stripe", "other")

CIRCLE_SCORE = 0.9  # share of Fourier power in one frequency, above which an embedding is a circle
CIRCLE_ROUNDNESS = 0.2  # short over long axis of that frequency, below which it is a line instead
GRID_SCORE = 0.75  # share of tokens in one lattice patch, above which an embedding is a grid
STRIPE_ROWS = 3  # a stripe is a grid of at most so many rows ...
STRIPE_ASPECT = 1.5  # ... whose longest row has more than so many times as many tokens
CLOSURE_TOLERANCE = 0.35  # pair sums this near (in spacings) coincide


class Circle(NamedTuple):
    """The strongest frequency of each embedding; every field has the batch axes of E."""

    score: np.ndarray  #: share of the centred Fourier power in that frequency, 0 to 1
    frequency: np.ndarray  #: 1 to N // 2; 0 where all tokens coincide
    roundness: np.ndarray  #: short over long axis of its ellipse: 1 for a circle, 0 for a line


class Grid(NamedTuple):
    """The largest lattice patch of each embedding; every field begins with the batch axes of E.

    Where no patch exists, counts and score are 0, vectors and r2 are NaN.
    """

    score: np.ndarray  #: share of the tokens in the patch, 0 to 1
    steps: np.ndarray  #: (..., 2) u <= v in 1 to N // 2: the tokens a + u and a + v are neighbours
    vectors: np.ndarray  #: (..., 2, 2) g1 and g2, the displacements of steps u and v, units of E
    r2: np.ndarray  #: R² of the affine fit of the patch to its integer coordinates
    rows: np.ndarray  #: the fewest parallel lattice lines that hold the patch
    columns: np.ndarray  #: tokens on the longest of those lines
    joined: np.ndarray  #: (..., N) bool: which tokens belong to the patch
    bonds: np.ndarray  #: (..., N, 2) ints: the tokens that a token is joined to, −1 for none


class Structure(NamedTuple):
    """What `describe` sees; every field begins with the batch axes of E."""

    kind: np.ndarray  #: (...) str, one of KINDS, as `classify` tells them
    circle: Circle
    grid: Grid
    bonds: np.ndarray  #: (..., N, 2) ints: the tokens that a token is joined to, −1 for none


def describe(E: ArrayLike) -> Structure:
    """Kind, circle, grid and bonds of embeddings (..., N, 2), with one search for lattices.

    Bonds are those of the grid, or on a circle of frequency k those to the token next to it,
    a + 1/k (mod N).

    >>> angle = 2 * np.pi * np.arange(5) / 5
    >>> found = describe(np.stack([np.cos(angle), np.sin(angle)], -1))
    >>> print(found.kind, found.bonds[:, 0])
    circle [1 2 3 4 0]
    """
    ring, lattice = circle(E), grid(E)
    kind, bonds = _kinds(ring, lattice), lattice.bonds.copy()
    for index in np.argwhere(kind == "circle"):
        here = tuple(index)
        bonds[here][:, 0] = _next_on_circle(int(ring.frequency[here]), bonds.shape[-2])
        bonds[here][:, 1] = -1
    return Structure(kind, ring, lattice, bonds)


def circle(E: ArrayLike) -> Circle:
    """How far embeddings (..., N, 2) are a circle, and of which frequency.

    A circle of frequency k is E_a = R (cos(2πka/N + φ), ± sin(2πka/N + φ)). The score is the share
    of the centred Fourier power that sits in one frequency, k and N - k together, because a circle
    may be traversed in either direction. Every affine image of a circle, down to a line, scores 1
    too; `roundness` tells them apart.

    >>> angle = 2 * np.pi * 3 * np.arange(17) / 17
    >>> found = circle(np.stack([np.cos(angle), np.sin(angle)], -1))
    >>> print(found.score.round(6), found.frequency, found.roundness.round(6))
    1.0 3 1.0
    """
    shape, _ = _shape_and_size(E)
    modulus = shape.shape[-2]
    amplitude = np.abs(np.fft.fft(shape[..., 0] + 1j * shape[..., 1], axis=-1))
    k = np.arange(1, modulus // 2 + 1)
    forward, backward = amplitude[..., k], amplitude[..., modulus - k]
    # At k = N/2 both are the same coefficient, which must count once.
    power = forward**2 + np.where(2 * k == modulus, 0.0, backward**2)
    total = power.sum(-1)
    best = power.argmax(-1)
    forward, backward, strongest = (
        np.take_along_axis(x, best[..., None], -1)[..., 0] for x in (forward, backward, power)
    )
    return Circle(
        score=_ratio(strongest, total),
        frequency=np.where(total > 0, best + 1, 0)[()],
        roundness=_ratio(np.abs(forward - backward), forward + backward),
    )


def grid(E: ArrayLike) -> Grid:
    """How far embeddings (..., N, 2) are a patch of a lattice, and of which one.

    On a grid E_a = E_0 + i g1 + j g2 with a = i u + j v (mod N). For every step u the differences
    E_{a+u} - E_a have a mode, the vector with most others within 0.3 of the *spacing* (the
    median distance of a token to its nearest neighbour). Join a with a + u and a with a + v
    wherever the difference matches the mode of its step; the two non-collinear steps that join most
    tokens win. The score is the share of tokens in the largest joined component. An affine fit of
    that patch to its integer coordinates gives g1, g2 and R².

    The basis is reduced (no shorter pair of vectors spans the same lattice), each vector is signed
    so that its step lies in 1 to N // 2, and the smaller step comes first. Only an exactly
    hexagonal lattice has more than one such basis; then one of them is returned. Bonds join
    neighbours in that basis, from a to a + u and a + v; a token of the patch that has no such
    neighbour keeps those by which it was joined.

    A lattice spanned by three steps, which composite N allows, counts only the tokens that two of
    them join; `closure` sees all of it. Time and memory grow as N³.

    >>> i, j = np.divmod(np.arange(16), 4)      # 4 x 4 tokens, a = 4 i + j
    >>> found = grid(np.stack([2.0 * i, 3.0 * j], -1))
    >>> print(found.score, found.steps, found.rows, found.columns)
    1.0 [1 4] 4 4
    >>> found.vectors.round(6) + 0.0
    array([[0., 3.],
           [2., 0.]])
    """
    shape, size = _shape_and_size(E)
    modulus = shape.shape[-2]
    steps, vectors, *rest, joined, bonds = _in_chunks(patch, shape, modulus**3 // 2)
    vectors = vectors * size[..., None, None]
    return Grid(joined.mean(-1), steps, vectors, *rest, joined, bonds)


def closure(E: ArrayLike) -> np.ndarray:
    """Share (...), 0 to 1, of same-label pairs of pairs whose pair sums coincide.

    Over all {(a, b), (c, d)} of unordered pairs with a + b = c + d (mod N), the share with
    |E_a + E_b - E_c - E_d| <= CLOSURE_TOLERANCE times the spacing of the embeddings (the median
    distance of a token to its nearest neighbour): closed parallelograms. It presumes no shape. Of
    17 tokens, Gaussian noise closes 0.003, a trained grid about 0.3 (0.37 if it is perfect and
    compact), and a circle next to nothing: its sums share a line, not a point.

    >>> line = np.stack([np.arange(5.0), np.zeros(5)], -1)
    >>> print(closure(line).round(3))      # 7 of 15 close, among them 0 + 2 = 1 + 1
    0.467
    """
    shape, _ = _shape_and_size(E)
    return _in_chunks(_closed_share, shape, shape.shape[-2] ** 3 // 8)[0]


def classify(E: ArrayLike) -> np.ndarray:
    """The kind of each embedding of (..., N, 2), one of KINDS: str (...).

    In this order, so that what matches twice is the first of them:

    - circle: score above CIRCLE_SCORE and rounder than CIRCLE_ROUNDNESS;
    - stripe: grid score above GRID_SCORE, at most STRIPE_ROWS rows and a longest row of more than
      STRIPE_ASPECT times as many tokens;
    - grid: grid score above GRID_SCORE;
    - other.

    Few tokens look like structure by chance. Of Gaussian noise, 3.5 % reads as a circle and 3.3 %
    as a grid at N = 5, 0.4 % and 0.4 % at N = 6, and nothing in 10,000 embeddings at N = 17. Below
    N = 5 the kind says little: any three tokens are an affine image of a circle.

    >>> angle = 2 * np.pi * np.arange(17) / 17
    >>> print(classify(np.stack([np.cos(angle), np.sin(angle)], -1)))
    circle
    """
    E = _checks.embeddings("E", E)
    ring = circle(E)
    kinds = np.full(E.shape[:-2], "circle", dtype="<U6")
    others = ~_round(ring)  # what is a circle is not searched for lattices, which take the time
    chosen = Circle(*(np.asarray(field)[others] for field in ring))
    kinds[others] = _kinds(chosen, grid(E[others]))
    return kinds[()]


def coarse_kinds(E: ArrayLike) -> np.ndarray:
    """The kind of each embedding (..., N, 2), with stripes counted as grids.

    >>> angle = 2 * np.pi * np.arange(17) / 17
    >>> str(coarse_kinds(np.stack([np.cos(angle), np.sin(angle)], -1)))
    'circle'
    """
    kinds = classify(E)
    return np.where(kinds == "stripe", "grid", kinds)


def procrustes_r2(A: ArrayLike, B: ArrayLike) -> np.ndarray:
    """Agreement R² (...) of two embeddings of the same tokens, 1 for equal shapes, symmetric.

    The share of the spread of one that the other explains after the best translation, rotation,
    reflection and scaling: with A and B centred and of unit norm, the squared sum of the singular
    values of AᵀB. It is 0 where either has all tokens in one point.

    Args:
        A, B: embeddings (..., N, 2) with the same N; their batch axes broadcast.

    >>> A = np.random.default_rng(0).normal(size=(17, 2))
    >>> print(procrustes_r2(A, 5 - 3 * A[:, ::-1]).round(9))
    1.0
    """
    A, B = _checks.embeddings("A", A), _checks.embeddings("B", B)
    try:
        fits = A.shape[-2] == B.shape[-2] and np.broadcast_shapes(A.shape, B.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"B must have as many tokens as A, {A.shape}, and batch axes that broadcast with those"
            f" of A, got {B.shape}"
        )
    (A, _), (B, _) = _shape_and_size(A), _shape_and_size(B)
    M = np.swapaxes(A, -1, -2) @ B / A.shape[-2]
    # In two dimensions (σ1 + σ2)² = |M|² + 2 |det M|, so no decomposition is needed.
    determinant = M[..., 0, 0] * M[..., 1, 1] - M[..., 0, 1] * M[..., 1, 0]
    return np.minimum((M**2).sum((-2, -1)) + 2 * np.abs(determinant), 1.0)


@dataclass(frozen=True)
class Census:
    """How many embeddings of an ensemble are of each kind.

    `counts` has every one of KINDS as a key. The methods take one kind or several together: grids
    proper are `count("grid")`, all lattice patches `count("grid", "stripe")`. They raise ValueError
    for a word that is not one of KINDS.

    >>> found = census(["circle", "grid", "grid", "stripe"])
    >>> found.count("grid"), found.count("grid", "stripe"), found.share("circle")
    (2, 3, 0.25)
    >>> found.mismatch(census(["circle", "grid", "grid", "grid"]))
    0.25
    """

    counts: dict[str, int]

    @property
    def total(self) -> int:
        """Number of embeddings."""
        return sum(self.counts.values())

    @property
    def lattices(self) -> int:
        """Number of grids and stripes together."""
        return self.count("grid", "stripe")

    def count(self, *kinds: str) -> int:
        """Number of embeddings of any of the kinds."""
        return sum(self.counts[_checks.choice("kind", kind, KINDS)] for kind in set(kinds))

    def share(self, *kinds: str) -> float:
        """Share of embeddings of any of the kinds."""
        return self.count(*kinds) / self.total

    def mismatch(self, other: Census) -> float:
        """Total variation distance, 0 to 1: the share of this census to relabel for the other."""
        return 0.5 * sum(abs(self.share(kind) - other.share(kind)) for kind in KINDS)

    def interval(self, *kinds: str) -> tuple[float, float]:
        """95 % Wilson interval of the share of any of the kinds."""
        return wilson(self.count(*kinds), self.total)

    def __str__(self) -> str:
        """One line a kind, and one for grids and stripes together: count, share, interval."""
        rows = [(kind,) for kind in KINDS] + [("grid", "stripe")]
        return "\n".join(
            f"{' + '.join(row):14}{self.count(*row):6d} of {self.total}  {self.share(*row):6.1%}"
            "  ({:.1%} to {:.1%})".format(*self.interval(*row))
            for row in rows
        )


def census(E_or_kinds: ArrayLike) -> Census:
    """Count the kinds in embeddings (..., N, 2), or in the kinds (...) that `classify` gave.

    All batch axes count together.

    >>> print(census(["circle"] * 16 + ["grid"] * 30 + ["stripe"] * 10 + ["other"] * 4))
    circle            16 of 60   26.7%  (17.1% to 39.0%)
    grid              30 of 60   50.0%  (37.7% to 62.3%)
    stripe            10 of 60   16.7%  (9.3% to 28.0%)
    other              4 of 60    6.7%  (2.6% to 15.9%)
    grid + stripe     40 of 60   66.7%  (54.1% to 77.3%)
    """
    given = _checks.numeric("E_or_kinds", E_or_kinds, (...,), kinds="iufUO")
    if given.size == 0:
        raise ValueError(f"E_or_kinds must hold at least one embedding, got shape {given.shape}")
    if given.dtype.kind in "UO":
        kinds = _checks.words("E_or_kinds", given, (...,), KINDS)
    else:
        kinds = classify(_checks.embeddings("E_or_kinds", given))
    return Census({kind: int(np.sum(kinds == kind)) for kind in KINDS})


# --- kinds and bonds -----------------------------------------------------------------------------


def _kinds(ring: Circle, patch: Grid) -> np.ndarray:
    """The kinds (...), by the thresholds that `classify` states."""
    long = (patch.rows <= STRIPE_ROWS) & (patch.columns > STRIPE_ASPECT * patch.rows)
    lattice = np.where(long, "stripe", "grid")
    kinds = np.where(patch.score > GRID_SCORE, lattice, "other")
    return np.where(_round(ring), "circle", kinds)[()]


def _round(ring: Circle) -> np.ndarray:
    return (ring.score > CIRCLE_SCORE) & (ring.roundness > CIRCLE_ROUNDNESS)


def _next_on_circle(k: int, modulus: int) -> np.ndarray:
    """The token next to each on a circle of frequency k, (N,): a + 1/k (mod N).

    Where k and N share a factor, tokens lie on one another, and 1/k is that without the factor.
    """
    shared = gcd(k, modulus)
    return (np.arange(modulus) + pow(k // shared, -1, modulus // shared)) % modulus


# --- normalisation -------------------------------------------------------------------------------


def _shape_and_size(E: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """E centred and divided by its rms radius, and that radius (...); zeros where E is a point."""
    E = _checks.embeddings("E", E)
    peak = np.abs(E).max((-2, -1), keepdims=True)  # divided out first: squares could overflow
    shape = E / np.where(peak > 0, peak, 1.0)
    shape -= shape.mean(-2, keepdims=True)
    radius = np.sqrt((shape**2).sum(-1).mean(-1))[..., None, None]
    radius[radius < 1e-12] = 0.0  # what is left is rounding
    shape = np.where(radius > 0, shape / np.where(radius > 0, radius, 1.0), 0.0)
    return shape, (radius * peak)[..., 0, 0]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where whole is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)[()]


def _in_chunks(measure: Callable, E: np.ndarray, work: int) -> list[np.ndarray]:
    """The fields of measure(z), in chunks that bound memory: `work` numbers for an embedding."""
    batch, modulus = E.shape[:-2], E.shape[-2]
    z = (E[..., 0] + 1j * E[..., 1]).reshape(-1, modulus)
    size = max(1, 2**21 // work)
    chunks = [measure(z[s : s + size]) for s in range(0, max(len(z), 1), size)]
    fields = (np.concatenate(field) for field in zip(*chunks, strict=True))
    return [field.reshape(batch + field.shape[1:])[()] for field in fields]


def _closed_share(z: np.ndarray) -> tuple[np.ndarray]:
    """The closure of each embedding (S,)."""
    a, b, c, d = _pairs_of_pairs(z.shape[-1])
    reach = CLOSURE_TOLERANCE * spacing(z)
    gap = np.abs(z[:, a] + z[:, b] - z[:, c] - z[:, d])
    return (np.where(reach > 0, (gap <= reach[:, None]).mean(-1), 0.0),)


@lru_cache(maxsize=8)
def _pairs_of_pairs(modulus: int) -> np.ndarray:
    """Tokens a, b, c, d (4, M) of every {(a, b), (c, d)} with a <= b, c <= d and one label."""
    a, b = np.triu_indices(modulus)
    found = []
    for label in range(modulus):
        same = np.flatnonzero((a + b) % modulus == label)
        first, second = same[np.stack(np.triu_indices(len(same), 1))]
        found.append([a[first], b[first], a[second], b[second]])
    return np.concatenate(found, axis=1)
