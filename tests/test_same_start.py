"""The measures and figures of notebooks 5 and 6."""

import numpy as np
import pytest
from samples import lattice, noise, ring, words

from modadd import particles, plots, structure
from modadd.chapters import n05_particle_simulation
from modadd.chapters import n06_same_start_same_structure as same_start
from modadd.chapters.n06_same_start_same_structure import compare
from modadd.plots import Course, palette


@pytest.fixture(scope="module")
def runs():
    E0 = noise(1, 7)
    return {
        a: particles.two_force(E0, a, steps=9, snapshots=[0, 3, 9], progress=False)
        for a in (0.0, 1.0)
    }


def courses(runs):
    return {
        f"a = {a:g}": Course(
            run, None if a else run.loss[:, 0], n05_particle_simulation.force_color(a)
        )
        for a, run in runs.items()
    }


def test_force_color_runs_from_clustering_to_alignment():
    styles = palette.STYLES
    assert n05_particle_simulation.force_color(0) == styles["clustering"].color
    assert n05_particle_simulation.force_color(1) == styles["alignment"].color


def test_race_moves_every_embedding_without_turning_it(runs):
    figure = plots.side_by_side(courses(runs), "V", frames=3)
    assert [trace.name for trace in figure.data if trace.name] == ["a = 0"]  # it has values
    assert [frame.name for frame in figure.frames] == ["0", "3", "9"]
    first, last = figure.frames[0].data, figure.frames[-1].data
    assert len(first) == len(figure.frames[0].traces) == 3
    assert np.allclose(first[0].x, first[1].x) and np.allclose(first[0].y, first[1].y)
    for trace, run in zip(last[:2], runs.values(), strict=True):
        E = run.final[0] - run.final[0].mean(0)
        assert np.allclose(np.stack([trace.x, trace.y], -1), E, atol=1e-6)


def test_starts_writes_agreement_with_the_first_row():
    A, B = noise(3, 11, seed=1), noise(3, 11, seed=2)
    rows = {"one": ("network", A), "two": ("simulation", B), "three": ("floor", A)}
    figure = same_start.starts(rows, 2)
    written = [a.text for a in figure.layout.annotations if not a.text.startswith("<b>")]
    expected = [f"{r2:.2f}" for r2 in structure.procrustes_r2(A, B)[:2]]
    assert written == [*expected, "1.00", "1.00"]
    assert len(figure.data) == 2 * (2 + 2 + 1)  # the start has no bonds


def test_coarse_kinds_count_stripes_as_grids():
    stripe = lattice(16, 8, ((3, 0), (0, 1)))
    assert structure.classify(stripe) == "stripe"
    assert list(structure.coarse_kinds([stripe, ring(16, 2)])) == ["grid", "circle"]


def test_compare_counts_a_start_once():
    A, B = noise(4, 7, seed=4), noise(4, 7, seed=5)
    found = compare("floor", [(A, B), (A, A)])
    assert np.allclose(found.r2, (structure.procrustes_r2(A, B) + 1) / 2)
    same = structure.coarse_kinds(A) == structure.coarse_kinds(B)
    assert found.same_kind.mean == pytest.approx((same.mean() + 1) / 2)
    assert found.same_kind.low <= found.same_kind.mean <= found.same_kind.high


def test_same_frequency_counts_circles_only():
    A = np.stack([ring(11, 2), ring(11, 2), noise(11)])
    B = np.stack([3 * ring(11, 2), ring(11, 3), noise(11)])
    found = same_start.same_frequency([(A, B)])
    assert (found.equal.tolist(), found.both.tolist()) == ([1, 0, 0], [1, 1, 0])
    found = same_start.same_frequency([(A, A), (A, B)])
    assert (found.equal.tolist(), found.both.tolist()) == ([2, 1, 0], [2, 2, 0])
    assert (found.agreeing, found.starts) == (1, 2)


def test_agreement_rows_shows_every_start_and_mean():
    rows = {
        "floor": compare("floor", [(noise(5, 7, seed=6), noise(5, 7, seed=7))]),
        "equal": compare("network", [(noise(5, 7, seed=6), 2 * noise(5, 7, seed=6))]),
    }
    figure = same_start.comparison_rows(rows)
    clouds = [trace for trace in figure.data if trace.error_x.array is None]
    assert [len(trace.x) for trace in clouds] == [5, 5]
    assert np.allclose(clouds[1].x, 1.0)
    assert all(text in words(figure) for text in ("<b>1.00</b>", "<b>100%</b>", "floor"))


def test_constant_charges_without_bound_end_on_a_line():
    E = noise(3, 17, seed=9)
    assert not n05_particle_simulation.thin(E).any()
    ended = n05_particle_simulation.at_constant_size(E, 1.0, steps=150)
    assert n05_particle_simulation.thin(ended).all()
    assert np.allclose(np.square(ended).mean((1, 2)), 1)
    figure = n05_particle_simulation.ends({"start": E, "end": ended})
    assert words(figure).index("0 of 3 on a line") < words(figure).index("3 of 3 on a line")


def test_the_example_passes_through_all_kinds():
    grid, stripe = lattice(16, 4), lattice(16, 8)
    swept = np.array([[ring(16, 3), grid], [ring(16, 3), stripe], [ring(16, 3), ring(16, 3)]])
    assert n05_particle_simulation.example(swept, structure.classify(swept)) == 1


def test_batches_are_as_far_apart_as_chance_has_it():
    kinds = np.array(["circle", "grid"] * 100)
    found = n05_particle_simulation.distances_of_batches(kinds, size=100)
    spread = np.sqrt(2 * 0.25 / 100)  # of the difference of two shares
    assert found.std() < spread
    assert found.mean() == pytest.approx(np.sqrt(2 / np.pi) * spread, rel=0.1)


def test_courses_begin_where_all_are_alike(runs):
    one, other = runs.values()
    found = same_start.courses(one, other, one)
    assert found["network"].values is None
    assert found["other network"].values[0] == pytest.approx(1, abs=1e-6)
    assert np.allclose(found["simulation"].values, 1)


def test_knob_shows_shares_bands_and_the_network():
    censuses = [structure.census(["grid", "grid", "circle"]), structure.census(["circle"] * 4)]
    censuses, network = [*censuses, censuses[1]], structure.census(["stripe", "other"])
    forces, examples = [0.0, 0.5, 1.0], np.stack([noise(7, seed=8), ring(7, 2), ring(7, 2)])
    draw = n05_particle_simulation.kinds_over_force
    for count in (1, 2):  # few forces leave the names less room, and are drawn
        draw(forces[:count], examples[:count], censuses[:count], network, 0.0)
    figure = draw(forces, examples, censuses, network, 0.5)
    lines = {t.name: t for t in figure.data if t.name in structure.KINDS and t.line.width}
    assert np.allclose(lines["circle"].y, [1 / 3, 1, 1]) and list(lines["circle"].x) == forces
    whiskers = {t.name: t for t in figure.data if t.error_y.array is not None}
    assert {kind: float(t.y[0]) for kind, t in whiskers.items()} == {
        kind: network.share(kind) for kind in structure.KINDS
    }


def test_carry_over_puts_both_censuses_in_each_panel():
    pair = structure.census(["grid", "circle"]), structure.census(["grid", "other"])
    figure = n05_particle_simulation.carry_over({"same": (pair[0], pair[0]), "other": pair})
    assert words(figure).index("0% apart") < words(figure).index("50% apart")
    assert len(figure.data) == 2 * 2 * len(structure.KINDS)
