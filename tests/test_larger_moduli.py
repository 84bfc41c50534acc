"""Larger moduli: its measures against known cases, and what its figures draw."""

import numpy as np
import pytest
from samples import HEXAGONAL, check_inside, lattice, noise, ring, turned

from modadd import TrainingConfig, structure, train
from modadd.chapters import n10_larger_moduli as chapter


def patch(g1, g2) -> np.ndarray:
    """Twenty-five tokens of a lattice, a = 5 i + j, (25, 2)."""
    return lattice(25, 5, (g2, g1))


@pytest.mark.parametrize(
    ("g1", "g2", "tau"),
    [
        ((1, 0), (0, 1), chapter.SQUARE),
        (*HEXAGONAL, chapter.HEXAGONAL),
        ((0, 2), (3, 0), 1.5j),
        ((1, 0), (-0.3, 1.1), 0.3 + 1.1j),
    ],
)
def test_lattice_shape_of_known_lattices(g1, g2, tau):
    for E in (patch(g1, g2), 7 * patch(g1, g2) @ turned(0.9, mirrored=True)):
        assert chapter.lattice_shape(structure.grid(E)) == pytest.approx(tau, abs=1e-6)


def test_the_gallery_has_a_column_a_modulus():
    lattices = np.stack([patch((1, 0), (0, 1)), ring(25, 3)])
    figure = chapter.moduli_gallery({12: noise(5, 12), 25: lattices, 113: noise(3, 113)})
    titles = [note.text for note in figure.layout.annotations]
    assert [t for t in titles if "N =" in t] == [f"<b>N = {n}</b>" for n in (12, 25, 113)]
    kinds = [t for t in titles if "N =" not in t]
    assert sorted(kinds) == ["<b>circle</b>", "<b>grid</b>"] + ["<b>other</b>"] * 4
    check_inside(figure)


def test_networks_are_measured_by_what_they_became():
    E = np.stack([patch(*HEXAGONAL), patch((1, 0), (0, 1)), ring(25, 3), noise(25)])
    found = chapter.measure(E, structure.describe(E), np.array([0.88, 0.86, 0.84, 0.82]))
    assert (found.circles.mean, found.lattices.mean, found.hexagonal.mean) == (0.25, 0.5, 0.5)
    assert found.accuracy.mean == pytest.approx(0.85)
    assert found.closure.mean == pytest.approx(structure.closure(E[:2]).mean())
    nothing = chapter.measure(noise(3, 25), structure.describe(noise(3, 25)), np.ones(3))
    assert np.isnan(nothing.hexagonal.mean) and np.isnan(nothing.closure.mean)
    shapes = {len(one[0]): chapter.shapes(structure.describe(one)) for one in (E, noise(3, 12))}
    assert shapes[12].shape == (0,)
    check_inside(chapter.over_moduli({25: found, 12: nothing}, shapes))


def test_long_rows_are_on_the_map():
    (tau,) = shape = chapter.shapes(structure.describe(patch((0.05, 0), (0.01, 1))[None]))
    rings = ring(25, 3)[None].repeat(2, 0)
    one = chapter.measure(rings, structure.describe(rings), np.ones(2))
    figure = chapter.over_moduli({25: one}, {25: shape})
    check_inside(figure)
    assert tau.imag > 8 and tau.imag in [y for t in figure.data for y in t.y]


def test_a_cell_of_its_superlattice_is_told_from_other_patches():
    # The hexagonal patch of 19 points around the middle is the Wigner–Seitz cell of L for 3 and 5 …
    i, j = (k.ravel() for k in np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"))
    inside = np.abs(i + j) <= 2
    g = np.array(HEXAGONAL)
    points = (np.stack([i, j], -1) @ g)[inside]
    labels = (3 * i + 5 * j)[inside] % 19
    assert len(set(labels.tolist())) == 19
    E = points[np.argsort(labels)]
    a, b = chapter.superlattice(3, 5, g @ [1, 1j], 19)
    assert abs(a) == pytest.approx(19**0.5) == abs(b)
    three = np.stack([E, E * 7, noise(19)])
    found = chapter.cells(three, structure.describe(three))
    assert found.nearest.tolist() == [1, 1]
    assert found.moment == pytest.approx([found.moment[0]] * 2)
    assert found.moment[0] == pytest.approx(5 / (18 * 3**0.5), rel=0.05)
    np.testing.assert_allclose(np.abs(found.shape - chapter.HEXAGONAL), 0, atol=1e-6)
    assert (found.random_moment > found.moment).all()
    assert (found.random_nearest < 1).all()
    check_inside(chapter.cell_figure(E, {19: found}))


def test_the_border_of_a_cell_is_as_near_to_two_copies():
    a, b = 1 + 0j, 0.3 + 1.1j
    for corner in chapter._corners(a, b):
        copies = np.abs(corner - np.array([a, -a, b, -b, b - a, a - b]))
        assert np.isclose(copies, abs(corner)).sum() == 2
        assert (copies > abs(corner) - 1e-9).all()


def test_random_patches_hold_each_label_once():
    z = chapter._random(3, 5, np.array([1, 1j]), 17, np.random.default_rng(0))
    labels = (3 * z.real + 5 * z.imag).round().astype(int) % 17
    assert sorted(labels.tolist()) == list(range(17))


def test_a_tour_visits_every_pair_and_switches_little():
    config = TrainingConfig(17, steps=300)
    run = train(config, 5, snapshots=2, keep_parameters=True, cache=False, progress=False)
    parameters = run.parameters.map(lambda array: array[-1, 0])
    tour = chapter.tour_through(parameters)
    assert sorted(tour.order.tolist()) == list(range(len(config.task.pairs)))
    x = config.task.pair_sums(parameters.embeddings.astype(float))[tour.order]
    assert (tour.on == (x @ parameters.w1 + parameters.b1 > 0)).all()
    assert chapter.switches(tour.on) < chapter.switches(tour.on[np.argsort(tour.order)]) / 2
    every = chapter._crossings(x, parameters, np.inf)
    assert len(every.customdata) == (tour.on[1:] != tour.on[:-1]).sum()
    near = chapter._crossings(x, parameters, 1.0)
    inside = (np.abs([every.x, every.y]) <= 1).all(0)
    assert near.customdata.tolist() == every.customdata[inside].tolist() and inside.any()


def test_segments_are_cut_at_the_edge():
    starts, ends = np.array([[-3, 0], [0, 0], [2, 2]]), np.array([[3, 0], [0, 4], [3, 3]])
    inside = chapter._within(starts.astype(float), ends.astype(float), 1.0)
    assert np.allclose(inside, [[[-1, 0], [0, 0]], [[1, 0], [0, 1]]])


def test_switches_are_counted_a_pair():
    assert chapter.switches(np.array([[True, False], [False, True], [False, True]])) == 1.0
