"""Larger moduli: its measures against known cases, and what its figures draw."""

import numpy as np
import pytest
from samples import check_inside, noise, ring

from modadd import TrainingConfig, structure
from modadd.chapters import n10_larger_moduli as chapter


def patch(g1, g2, count: int = 5) -> np.ndarray:
    i, j = np.divmod(np.arange(count * count), count)
    return i[:, None] * np.array(g1, float) + j[:, None] * np.array(g2, float)


@pytest.mark.parametrize(
    ("g1", "g2", "tau"),
    [
        ((1, 0), (0, 1), chapter.SQUARE),
        ((1, 0), (0.5, 3**0.5 / 2), chapter.HEXAGONAL),
        ((0, 2), (3, 0), 1.5j),
        ((1, 0), (-0.3, 1.1), 0.3 + 1.1j),
    ],
)
def test_lattice_shape_of_known_lattices(g1, g2, tau):
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    for E in (patch(g1, g2), 7 * patch(g1, g2) @ turn, patch(g1, g2) * [1, -1]):
        assert chapter.lattice_shape(structure.grid(E)) == pytest.approx(tau, abs=1e-6)


def test_no_patch_has_no_shape():
    E = np.stack([patch((1, 0), (0, 1)), np.zeros((25, 2))])
    assert np.isnan(chapter.lattice_shape(structure.grid(E))).tolist() == [False, True]


def test_third_bonds_make_triangles_of_a_hexagonal_lattice():
    E = patch((1, 0), (0.5, 3**0.5 / 2))
    joined = chapter.third_bonds(E, structure.grid(E))
    assert len(joined) == 16
    np.testing.assert_allclose(np.linalg.norm(E[joined[:, 0]] - E[joined[:, 1]], axis=-1), 1)
    for other in (patch((1, 0), (0, 1)), patch((1, 0), (0, 2)), patch((1, 0), (0.5, 2))):
        assert not len(chapter.third_bonds(other, structure.grid(other)))


def test_galleries_of_moduli():
    runs = {12: noise(5, 12), 113: noise(3, 113)}
    figure = chapter.moduli_gallery(runs)
    titles = [note.text for note in figure.layout.annotations]
    assert len([t for t in titles if "other" in t]) == 4 + 2
    assert "<b>N = 113</b>" in titles
    figure = chapter.lattices(
        {25: np.stack([patch((1, 0), (0, 1)), ring(25, 3)]), 12: noise(4, 12)}
    )
    bars = [t for t in figure.data if t.type == "bar"]
    assert sorted(t.text for t in bars) == ["circle 1", "grid 1", "other 4"]
    check_inside(figure)


def test_long_rows_are_on_the_map():
    far = patch((0.05, 0), (0.01, 1))
    figure = chapter.lattices({25: far[None]})
    check_inside(figure)
    (tau,) = chapter.shapes(far[None])
    assert tau.imag > 8 and tau.imag in [y for t in figure.data for y in t.y]


def test_a_modulus_without_lattices_has_no_shapes():
    assert chapter.shapes(noise(1, 12)).shape == (0,)
    check_inside(chapter.lattices({12: noise(1, 12)}))


def test_cost_grows_with_the_modulus():
    costs = chapter.training_cost([TrainingConfig(5, 8), TrainingConfig(41, 64)])
    assert 0 < costs[0].seconds < costs[1].seconds
    if np.isfinite(costs[0].bytes):
        assert costs[1].bytes > 60 * 4 * 64 * 41
    figure = chapter.cost_over_moduli([5, 41], costs, 64)
    assert len(figure.layout.annotations) >= 2
    check_inside(figure)


def test_the_time_of_a_step_is_that_of_steps_alone():
    """It must not hold what recording takes: thousands of steps in one call take as long each."""
    (cost,) = chapter.training_cost([TrainingConfig(31, 64)])
    config = TrainingConfig(31, 64, steps=4000)
    each = min(chapter._time_of(config, 2) for _ in range(3)) / config.steps
    assert 0.5 < cost.seconds / each < 2


def test_unknown_memory_is_said():
    costs = [chapter.Cost(1e-4, float("nan")), chapter.Cost(1e-3, float("nan"))]
    words = [note.text for note in chapter.cost_over_moduli([12, 59], costs, 64).layout.annotations]
    assert "not known on this machine" in words
    check_inside(chapter.cost_over_moduli([12], [chapter.Cost(1e-4, 1e6)], 64))


def test_a_cell_of_its_superlattice_is_told_from_other_patches():
    # The hexagonal patch of 19 points around the middle is the Wigner–Seitz cell of L for 3 and 5 …
    i, j = (k.ravel() for k in np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"))
    inside = np.abs(i + j) <= 2
    g = np.array([[1, 0], [0.5, 3**0.5 / 2]])
    points = (np.stack([i, j], -1) @ g)[inside]
    labels = (3 * i + 5 * j)[inside] % 19
    assert len(set(labels.tolist())) == 19
    E = points[np.argsort(labels)]
    a, b = chapter.superlattice(3, 5, g @ [1, 1j], 19)
    assert abs(a) == pytest.approx(19**0.5) == abs(b)
    found = chapter.cells(np.stack([E, E * 7, noise(19)]))
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
