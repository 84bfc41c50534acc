"""Measures of structure on embeddings whose structure is known, and on noise that has none."""

from itertools import combinations, combinations_with_replacement
from math import gcd, sqrt

import numpy as np
import pytest
from samples import HEXAGONAL, SQUARE, lattice, noise, ring, turned

from modadd import intervals, structure

SKEWED = ((1.0, 0.2), (0.5, 1.4))


def square_columns(modulus):
    """Columns of the most compact patch."""
    return int(np.ceil(sqrt(modulus)))


def units(modulus):
    return [u for u in range(1, modulus) if gcd(u, modulus) == 1]


def moved(E, flip=True, scale=3.0):
    """E rotated, reflected, scaled and translated."""
    return scale * (E @ turned(0.7, flip) + (5.0, -2.0))


def folded(frequency, modulus):
    """The frequency in 0 to N // 2 that is the same up to direction."""
    return min(frequency % modulus, -frequency % modulus)


# --- circles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("modulus", [5, 12, 31])
def test_every_frequency_is_a_circle_in_either_direction(modulus):
    frequencies = np.arange(1, (modulus + 1) // 2)
    one_way = np.stack([ring(modulus, k) for k in frequencies])
    for E in (one_way, one_way * [1, -1]):
        found = structure.circle(E)
        np.testing.assert_allclose(found.score, 1)
        np.testing.assert_allclose(found.roundness, 1)
        np.testing.assert_array_equal(found.frequency, frequencies)
        assert (structure.classify(E) == "circle").all()
        noisy = structure.circle(E + 0.05 * noise(*E.shape[:-1]))
        np.testing.assert_array_equal(noisy.frequency, frequencies)
        assert (noisy.score > 0.95).all()


def test_circle_score_is_the_share_of_power():
    # Orthogonal frequencies of radius 2 and 1: four parts of power in five.
    found = structure.circle(2 * ring(17, 3) + ring(17, 5) * [1, -1])
    assert found.score == pytest.approx(0.8)
    assert found.frequency == 3
    # Ellipse with axes 1 and 0.5, as its own frequency.
    assert structure.circle(ring(17, 2, axes=(1.0, 0.5))).roundness == pytest.approx(0.5)


def test_a_line_is_no_circle():
    line = ring(17, 3, axes=(1.0, 0.0))
    assert structure.circle(line).score == pytest.approx(1)
    assert structure.circle(line).roundness == pytest.approx(0, abs=1e-12)
    assert structure.classify(line) == "other"
    two_clumps = np.stack([(-1.0) ** np.arange(12), np.zeros(12)], -1)
    assert structure.circle(two_clumps).score == pytest.approx(1)
    assert structure.circle(two_clumps).frequency == 6
    assert structure.classify(two_clumps) == "other"


# --- grids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("modulus", [7, 12, 31])
@pytest.mark.parametrize("vectors", [SKEWED, HEXAGONAL])
def test_lattice_patches_are_grids(modulus, vectors):
    columns = square_columns(modulus)
    steps = units(modulus)[:4]
    E = np.stack([lattice(modulus, columns, vectors, unit) for unit in steps])
    E = moved(E) + 0.05 * noise(len(E), modulus, seed=1)
    found = structure.grid(E)
    assert (found.score == 1).all()
    assert found.joined.all()
    assert (found.r2 > 0.98).all()
    assert (structure.classify(E) != "other").all()
    # What was found says how to walk: adding a step moves a token by its vector.
    for e, (u, v), (g1, g2) in zip(E, found.steps, found.vectors, strict=True):
        for step, vector in ((u, g1), (v, g2)):
            assert 1 <= step <= modulus // 2
            gap = np.linalg.norm(np.roll(e, -step, 0) - e - vector, axis=-1)
            # A mode matches at least the shorter side of the patch; 3 is the scale of `moved`.
            assert (gap < 3 * 0.3).sum() >= modulus // 2


@pytest.mark.parametrize(
    ("modulus", "columns", "rows", "kind"),
    [
        (17, 9, 2, "stripe"),
        (17, 6, 3, "stripe"),
        (17, 4, 5, "grid"),
        (12, 4, 3, "grid"),  # three rows, but none of them long
        (31, 6, 6, "grid"),
        (59, 20, 3, "stripe"),
    ],
)
@pytest.mark.parametrize("vectors", [SQUARE, HEXAGONAL])
def test_rows_and_columns_tell_stripes_from_grids(modulus, columns, rows, kind, vectors):
    E = lattice(modulus, columns, vectors) + 0.03 * noise(modulus, seed=2)
    found = structure.grid(E)
    assert found.rows in (rows, modulus // columns)  # a last row of few tokens may lie elsewhere
    assert found.columns >= columns
    assert structure.classify(E) == kind


def test_the_basis_is_reduced():
    found = structure.grid(lattice(31, 6, ((1.0, 0.0), (2.3, 1.0))))
    g1, g2 = found.vectors
    shorter = min(g1 @ g1, g2 @ g2)
    assert abs(g1 @ g2) <= shorter / 2 + 1e-9
    assert abs(np.linalg.det(found.vectors)) == pytest.approx(1)


def slow_grid_score(E):
    """The grid score by its definition: loops, sets and no array operations on batches."""
    modulus = len(E)
    gap = np.linalg.norm(E[:, None] - E[None, :], axis=-1)
    np.fill_diagonal(gap, np.inf)
    reach = 0.3 * np.median(gap.min(0))
    modes = {}
    for u in range(1, modulus // 2 + 1):
        difference = np.roll(E, -u, 0) - E
        near = [np.linalg.norm(difference - d, axis=-1) <= reach for d in difference]
        most = max(n.sum() for n in near)
        length = {a: np.linalg.norm(difference[a]) for a in range(modulus) if near[a].sum() == most}
        mode = difference[near[min(length, key=length.get)]].mean(0)
        match = np.linalg.norm(difference - mode, axis=-1) <= reach
        if match.sum() >= 2 and np.linalg.norm(mode) > reach:
            modes[u] = mode, match
    best = 0
    for u, v in combinations(modes, 2):
        (g, match_u), (h, match_v) = modes[u], modes[v]
        if abs(g[0] * h[1] - g[1] * h[0]) <= 0.2 * np.linalg.norm(g) * np.linalg.norm(h):
            continue
        component = list(range(modulus))
        edges = [(a, (a + u) % modulus) for a in np.flatnonzero(match_u)]
        edges += [(a, (a + v) % modulus) for a in np.flatnonzero(match_v)]
        for a, b in edges:
            old, new = component[a], component[b]
            component = [new if c == old else c for c in component]
        best = max(best, *(component.count(c) for c in component))
    return best / modulus


@pytest.mark.parametrize("modulus", [5, 12, 17])
def test_grid_score_agrees_with_its_definition(modulus):
    E = [*noise(10, modulus)]
    E += [
        lattice(modulus, columns, SKEWED) + spread * noise(modulus, seed=6)
        for columns in (3, 4)
        for spread in (0.05, 0.1, 0.15, 0.2, 0.3)
    ]
    wanted = [slow_grid_score(e) for e in E]
    np.testing.assert_allclose(structure.grid(E).score, wanted)


# --- invariances ----------------------------------------------------------------------------------


def zoo(modulus):
    """A circle, a grid, a stripe and noise, none of them exact."""
    columns = square_columns(modulus)
    shapes = [ring(modulus, 2), lattice(modulus, columns), lattice(modulus, -(-modulus // 2))]
    shapes = [e + 0.04 * noise(modulus, seed=7) for e in shapes]
    return np.stack([*shapes, noise(modulus, seed=8)])


ZOO = ["circle", "grid", "stripe", "other"]


@pytest.mark.parametrize("modulus", [12, 17])
def test_motion_scale_and_relabelling_change_nothing_but_frequencies_and_steps(modulus):
    E = zoo(modulus)
    circle, patch = structure.circle(E), structure.grid(E)
    assert structure.classify(E).tolist() == ZOO
    for i, unit in enumerate(units(modulus)):
        scale = (1e-300, 1e-6, 1.0, 1e6, 1e300)[i % 5]
        relabelled = E[:, (unit * np.arange(modulus) + 3) % modulus]  # a becomes unit · a + 3
        F = moved(relabelled, flip=i % 2 == 0, scale=scale)
        assert structure.classify(F).tolist() == ZOO
        np.testing.assert_allclose(structure.circle(F).score, circle.score)
        wanted = [folded(unit * k, modulus) for k in circle.frequency.tolist()]
        assert structure.circle(F).frequency.tolist() == wanted
        np.testing.assert_allclose(structure.closure(F), structure.closure(E))
        np.testing.assert_allclose(structure.procrustes_r2(F, relabelled), 1)
        found = structure.grid(F)
        np.testing.assert_array_equal(found.score, patch.score)
        np.testing.assert_array_equal(found.rows, patch.rows)
        inverse = pow(unit, -1, modulus)
        for kind in (1, 2):  # grid and stripe: noise may tie
            steps = sorted(folded(inverse * s, modulus) for s in patch.steps[kind].tolist())
            assert found.steps[kind].tolist() == steps
            sizes = [sorted(np.hypot(*g.vectors[kind].T)) for g in (found, patch)]
            np.testing.assert_allclose(sizes[0], scale * np.array(sizes[1]))


def test_batch_axes_are_independent():
    E = zoo(17)
    batch = np.stack([E, E[::-1], moved(E)]).reshape(3, 2, 2, 17, 2)
    before = batch.copy()
    for measure in (structure.closure, structure.classify):
        assert measure(batch).shape == (3, 2, 2)
        np.testing.assert_array_equal(measure(batch)[0, 1, 0], measure(E[2]))
    for measure in (structure.circle, structure.grid):
        for whole, alone in zip(measure(batch), measure(E[2]), strict=True):
            np.testing.assert_allclose(whole[0, 1, 0], alone)
    np.testing.assert_array_equal(batch, before)
    assert structure.grid(batch[:0]).steps.shape == (0, 2, 2, 2)
    assert structure.classify(batch[:0]).shape == (0, 2, 2)


def test_a_batch_larger_than_a_chunk():
    E = np.tile(zoo(31), (40, 1, 1))  # 160 embeddings, in two chunks
    assert (structure.classify(E[::-1]).reshape(40, 4) == ZOO[::-1]).all()
    assert (structure.describe(E).kind.reshape(40, 4) == ZOO).all()


# --- one look -------------------------------------------------------------------------------------


def test_one_look_searches_once_and_sees_what_the_measures_see(monkeypatch):
    searched, search = [], structure.patch
    monkeypatch.setattr(structure, "patch", lambda z: searched.append(len(z)) or search(z))
    E = np.stack([zoo(17), moved(zoo(17))])
    found = structure.describe(E)
    assert searched == [8]
    np.testing.assert_array_equal(found.kind, structure.classify(E))
    assert found.kind[0].tolist() == ZOO
    for seen, measured in ((found.circle, structure.circle(E)), (found.grid, structure.grid(E))):
        for one, other in zip(seen, measured, strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found.bonds[1:, 1:], found.grid.bonds[1:, 1:])
    assert structure.describe(E[1, 2]).kind == "stripe"


def pairs(bonds):
    """The unordered pairs of tokens that bonds (N, 2) join."""
    return {frozenset((a, int(b))) for a, row in enumerate(bonds) for b in row if b >= 0}


@pytest.mark.parametrize(("modulus", "columns"), [(17, 4), (31, 6), (20, 5)])
def test_bonds_of_a_lattice_join_its_neighbours_and_no_others(modulus, columns):
    found = structure.grid(lattice(modulus, columns))
    wanted = {frozenset((a, a + columns)) for a in range(modulus - columns)}
    wanted |= {frozenset((a, a + 1)) for a in range(modulus - 1) if (a + 1) % columns}
    assert pairs(found.bonds) == wanted


def test_bonds_join_the_patch_and_nothing_else():
    """Also at its rim and in noise; what they join is close to one of the vectors, or their sum."""
    E = np.stack([noise(17, seed=seed) for seed in range(40)])
    E = np.concatenate([E, lattice(17, 4, SKEWED) + 0.12 * E[:20]])
    E = np.concatenate([E, lattice(17, 4, HEXAGONAL) + 0.12 * E[20:40]])
    found = structure.grid(E)
    for joined, bonds in zip(found.joined, found.bonds, strict=True):
        assert {token for pair in pairs(bonds) for token in pair} == set(np.flatnonzero(joined))
    for e, bonds, vectors in zip(E[40:], found.bonds[40:], found.vectors[40:], strict=True):
        g, h = vectors
        for a, b in map(sorted, pairs(bonds)):
            gaps = [e[b] - e[a] - sign * v for sign in (1, -1) for v in (g, h, g + h, g - h)]
            assert min(np.linalg.norm(gaps, axis=-1)) < 0.75


def test_bonds_of_a_circle_join_tokens_that_lie_next_to_each_other():
    for modulus, frequency in ((17, 5), (12, 4), (12, 3)):
        bonds = structure.describe(ring(modulus, frequency)).bonds
        assert (bonds[:, 1] == -1).all()
        gap = ring(modulus, frequency)[bonds[:, 0]] - ring(modulus, frequency)
        side = 2 * np.sin(np.pi * gcd(frequency, modulus) / modulus)
        np.testing.assert_allclose(np.linalg.norm(gap, axis=-1), side)


# --- degenerate embeddings ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.1, 1e300])
def test_a_point_has_no_structure(value):
    E = np.full((17, 2), value)
    assert tuple(structure.circle(E)) == (0, 0, 0)
    found = structure.grid(E)
    assert (found.score, found.rows, found.columns) == (0, 0, 0)
    assert found.steps.tolist() == [0, 0]
    assert np.isnan(found.r2) and np.isnan(found.vectors).all() and not found.joined.any()
    assert structure.closure(E) == 0
    assert structure.classify(E) == "other"
    assert structure.procrustes_r2(E, ring(17)) == 0


def test_collinear_tokens_are_no_grid():
    E = np.stack([np.arange(17.0), 2 * np.arange(17.0)], -1)
    assert structure.grid(E).score == 0
    assert structure.classify(E + 0.02 * noise(17, seed=9)) == "other"


def test_coincident_tokens():
    E = lattice(17, 4)
    E[3] = E[7]
    assert structure.classify(E) == "grid"
    # A frequency that shares a factor with N lays tokens on top of each other: still a circle.
    assert structure.classify(ring(12, 4)) == "circle"
    assert structure.closure(ring(12, 4)) > 0.2
    assert structure.grid(np.zeros((3, 2))).score == 0


# --- noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modulus", "embeddings", "share"),
    # Upper bounds on the share of Gaussian noise that passes for structure.
    [
        (5, 2000, 0.045),  # inevitable: four tokens of five need one coincidence
        (7, 2000, 0.002),
        (12, 1000, 0.0),
    ],
)
def test_false_positives_on_noise(modulus, embeddings, share):
    found = structure.census(noise(embeddings, modulus, seed=10))
    assert found.share("circle") <= share
    assert found.share("grid", "stripe") <= share


def test_scores_of_noise_are_far_below_the_thresholds():
    E = noise(1000, 17, seed=11)
    scores = structure.grid(E).score
    assert structure.circle(E).score.max() < 0.75
    assert scores.max() < 0.45 and np.median(scores) < 0.3
    assert structure.closure(E).mean() == pytest.approx(0.003, abs=0.0005)
    assert structure.grid(np.stack([ring(17, k) for k in range(1, 9)])).score.max() < 0.3


# --- closure --------------------------------------------------------------------------------------


def slow_closure(E):
    """Closure by its definition, over sets of pairs."""
    modulus = len(E)
    gap = np.linalg.norm(E[:, None] - E[None, :], axis=-1)
    np.fill_diagonal(gap, np.inf)
    reach = 0.35 * np.median(gap.min(0))
    closed = total = 0
    for p, q in combinations(combinations_with_replacement(range(modulus), 2), 2):
        if (sum(p) - sum(q)) % modulus == 0:
            total += 1
            closed += np.linalg.norm(E[list(p)].sum(0) - E[list(q)].sum(0)) <= reach
    return closed / total


@pytest.mark.parametrize("modulus", [5, 12])
def test_closure_agrees_with_its_definition(modulus):
    E = np.stack([*zoo(modulus), noise(modulus)])
    np.testing.assert_allclose(structure.closure(E), [slow_closure(e) for e in E])


# --- agreement and census -------------------------------------------------------------------------


def test_procrustes_r2():
    A, B = noise(20, 17, seed=12), noise(20, 17, seed=13)
    r2 = structure.procrustes_r2(A, B)
    np.testing.assert_allclose(structure.procrustes_r2(B, A), r2)
    np.testing.assert_allclose(structure.procrustes_r2(moved(A), B), r2)
    for a, b, value in zip(A, B, r2, strict=True):
        a, b = a - a.mean(0), b - b.mean(0)
        nuclear = np.linalg.svd(a.T @ b, compute_uv=False).sum()
        assert value == pytest.approx(nuclear**2 / (a**2).sum() / (b**2).sum())
    every = structure.procrustes_r2(A[:, None], B)
    np.testing.assert_allclose(np.diagonal(every), r2)


def test_census_counts_every_kind():
    E = zoo(17)[[0, 1, 1, 2, 3, 3, 3]]
    found = structure.census(E)
    assert found.counts == {"circle": 1, "grid": 2, "stripe": 1, "other": 3}
    assert found == structure.census(structure.classify(E)) == structure.census(E[None])
    assert (found.total, found.lattices) == (7, 3)
    assert found.count("grid", "stripe", "grid") == 3
    assert found.interval("grid", "stripe") == intervals.wilson(3, 7)
    one_kind = structure.census(["grid"])
    assert one_kind.mismatch(structure.census(["grid"] * 3)) == 0
    assert one_kind.mismatch(structure.census(["circle"])) == 1


def test_an_error_says_what_can_be_done():
    with pytest.raises(ValueError, match=r"^E must have shape \(..., N, 2\).*principal components"):
        structure.describe(np.zeros((17, 5)))
    with pytest.raises(ValueError, match=r"^B must .* broadcast"):
        structure.procrustes_r2(np.zeros((2, 17, 2)), np.zeros((3, 17, 2)))
    with pytest.raises(ValueError, match="^kind must be one of circle"):
        structure.census(["circle"]).share("square")
