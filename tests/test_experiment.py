"""Figures of the weight-decay experiment show the data they are given."""

import numpy as np
import pytest

from modadd import TrainingConfig, structure, train
from modadd.chapters.n07_weight_decay import dose_curve, effect_rows, time_courses
from modadd.experiment import Condition, gains
from modadd.particles import field as field_simulation

MOMENTS = [0, 20, 80, 160]


@pytest.fixture(scope="module")
def runs():
    def network(decay):
        config = TrainingConfig(steps=160, train_share=0.8, weight_decay=decay)
        return train(config, range(6), snapshots=MOMENTS, cache=False, progress=False)

    return {decay: network(decay) for decay in (0.0, 1e-3, 1e-2)}


@pytest.fixture(scope="module")
def columns(runs):
    bare = Condition("no decay", "without", runs[0.0])
    field = field_simulation(
        runs[0.0].embeddings[0],
        160,
        train_share=0.8,
        snapshots=MOMENTS,
        cache=False,
        progress=False,
    )
    return {
        "Decay or not": [bare, Condition("some", "with", runs[1e-3])],
        "Decay switched": [bare, Condition("much", "contrast", runs[1e-2])],
        "Field": [Condition("remembers", "without", field), Condition("forgets", "with", field)],
    }


def test_time_courses_show_medians_of_what_is_there(columns, runs):
    figure = time_courses(columns, switch=80)
    assert figure.layout.width <= 800
    lines = [trace for trace in figure.data if trace.name == "some"]
    assert len(lines) == 4  # residual, force, closure, validation
    closure = np.median(structure.closure(runs[1e-3].embeddings), axis=1)
    np.testing.assert_allclose(lines[2].y, closure)
    assert len(lines[1].y) == len(MOMENTS) - 1  # no force at the start, and no logarithm of it
    assert len([trace for trace in figure.data if trace.name == "forgets"]) == 4
    assert [shape.x0 for shape in figure.layout.shapes] == pytest.approx([80**0.5] * 4)


def test_gains_are_paired_with_the_first_of_the_column(columns, runs):
    found = gains(columns)
    assert list(found) == ["some", "much", "forgets"]
    role, (residual, closure, validation) = found["some"]
    assert role == "with"
    change = runs[1e-3].validation_accuracy[-1] - runs[0.0].validation_accuracy[-1]
    assert validation.mean == pytest.approx(change.mean(), abs=1e-6)
    ratio = np.log10(runs[1e-3].residual_rms[-1] / runs[0.0].residual_rms[-1])
    assert residual.mean == pytest.approx(ratio.mean(), abs=1e-5)
    assert [effect.mean for effect in found["forgets"][1]] == [0, 0, 0]  # twice the same run
    figure = effect_rows(found)
    shown = [t.x[0] for t in figure.data if t.mode == "markers"]
    assert closure.mean in shown and len(shown) == 3 * 3


def test_conditions_must_have_the_same_seeds_and_names_of_their_own(runs):
    bare = Condition("no decay", "without", runs[0.0])
    others = Condition("some", "with", runs[1e-3].select([5, 4, 3, 2, 1, 0]))
    with pytest.raises(ValueError, match="runs of the same seeds, got others in Decay or not"):
        gains({"Decay or not": [bare, others]})
    some = Condition("some", "with", runs[1e-3])
    with pytest.raises(ValueError, match="name each condition but the controls once"):
        gains({"a": [bare, some], "b": [bare, some]})


def test_dose_curve_shows_means(runs):
    figure = dose_curve(runs)
    marks = [t for t in figure.data if t.mode == "markers"]
    assert len(marks) == 4
    expected = [runs[rate].validation_accuracy[-1].mean() for rate in sorted(runs)]
    np.testing.assert_allclose(marks[0].y, expected, rtol=1e-5)
