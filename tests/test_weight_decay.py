"""Figures of the weight-decay experiment show the data they are given."""

import numpy as np
import pytest
from samples import QUIET, check_inside, lattice, noise, ring

from modadd import TrainingConfig, structure, train
from modadd.chapters.n07_weight_decay import (
    Comparison,
    Condition,
    dose_curve,
    effect_rows,
    finished,
    gains,
    time_courses,
)
from modadd.particles import field as field_simulation

MOMENTS = [0, 20, 80, 160]


@pytest.fixture(scope="module")
def runs():
    def network(decay):
        config = TrainingConfig(steps=160, train_share=0.8, weight_decay=decay)
        return train(config, range(6), snapshots=MOMENTS, **QUIET)

    return {decay: network(decay) for decay in (0.0, 1e-3, 1e-2)}


@pytest.fixture(scope="module")
def comparisons(runs):
    bare = Condition("no decay", "without", runs[0.0])
    field = field_simulation(
        runs[0.0].embeddings[0],
        TrainingConfig(steps=160, train_share=0.8),
        snapshots=MOMENTS,
        **QUIET,
    )
    fields = [Condition("remembers", "without", field), Condition("forgets", "with", field)]
    return [
        Comparison("Decay or not", [bare, Condition("some", "with", runs[1e-3])]),
        Comparison("Changed", [bare, Condition("much", "contrast", runs[1e-2])], switch=80),
        Comparison("Field", fields),
    ]


def test_time_courses_show_medians_of_what_is_there(comparisons, runs):
    figure = time_courses(comparisons)
    assert figure.layout.width <= 800
    lines = [trace for trace in figure.data if trace.name == "some"]
    assert len(lines) == 4  # residual, force, closure, validation
    closure = np.median(structure.closure(runs[1e-3].embeddings), axis=1)
    np.testing.assert_allclose(lines[2].y, closure)
    assert len(lines[1].y) == len(MOMENTS) - 1  # no force at the start, and no logarithm of it
    assert len([trace for trace in figure.data if trace.name == "forgets"]) == 4
    assert [shape.x0 for shape in figure.layout.shapes] == pytest.approx([80**0.5] * 4)


def test_bands_stay_inside_their_axes(comparisons, runs):
    check_inside(time_courses(comparisons))
    check_inside(time_courses(comparisons[:1]))
    tiny = runs[0.0].force_rms * 1e-6  # far below what a trained network shows
    weak = Condition("weak", "without", runs[0.0]._map(lambda a: a * np.float32(1e-6)))
    assert weak.run.force_rms[1:].max() == pytest.approx(tiny[1:].max(), rel=1e-5)
    check_inside(time_courses([Comparison("Two", [weak, *comparisons[0].conditions])]))


def test_gains_are_paired_with_the_first_of_the_comparison(comparisons, runs):
    found = gains(comparisons)
    assert list(found) == ["some", "much", "forgets"]
    assert found["some"].role == "with"
    change = runs[1e-3].validation_accuracy[-1] - runs[0.0].validation_accuracy[-1]
    assert found["some"].validation.mean == pytest.approx(change.mean(), abs=1e-6)
    ratio = np.log10(runs[1e-3].residual_rms[-1] / runs[0.0].residual_rms[-1])
    assert found["some"].residual.mean == pytest.approx(ratio.mean(), abs=1e-5)
    assert [effect.mean for effect in found["forgets"][1:]] == [0, 0, 0]  # twice the same run
    figure = effect_rows(found)
    check_inside(figure)
    shown = [t.x[0] for t in figure.data if t.mode == "markers"]
    assert found["some"].closure.mean in shown and len(shown) == 3 * 3


def test_gains_at_a_higher_confidence_have_wider_intervals(comparisons):
    usual, strict = gains(comparisons), gains(comparisons, 1 - 0.05 / 16)
    assert usual["some"].closure.mean == strict["some"].closure.mean
    assert strict["some"].closure.high > usual["some"].closure.high


def test_finished_counts_kinds_and_closes_lattices_alone(runs):
    grid = lattice(16, 4, ((0, 3), (2, 0)))
    E = np.stack([ring(16, 3), grid, noise(16, seed=1)])
    found = finished(E)
    assert (found.circles, found.lattices) == pytest.approx((1 / 3, 1 / 3))
    assert found.kind.tolist() == [True, True, False]
    np.testing.assert_allclose(found.closure, [structure.closure(grid)])


def test_only_runs_of_as_many_seeds_are_compared(runs):
    fewer = Condition("some", "with", runs[1e-3].select([0, 1, 2]))
    with pytest.raises(ValueError, match="longer|shorter"):
        gains([Comparison("a", [Condition("no decay", "without", runs[0.0]), fewer])])


def test_a_comparison_without_a_treatment_gains_nothing(comparisons):
    assert gains([Comparison("alone", comparisons[0].conditions[:1])]) == {}


def test_dose_curve_shows_means(runs):
    figure = dose_curve(runs, limit=0.03)
    assert [shape.x0 for shape in figure.layout.shapes] == pytest.approx([np.log10(0.03)] * 3)
    marks = [t for t in figure.data if t.mode == "markers"]
    assert len(marks) == 4
    expected = [runs[rate].validation_accuracy[-1].mean() for rate in sorted(runs)]
    np.testing.assert_allclose(marks[0].y, expected, rtol=1e-5)
    check_inside(figure)
