"""The phase diagram: its measures against known cases, and what its figures draw."""

import numpy as np
import pytest
from samples import a_run, noise

from modadd import intervals, plots, structure
from modadd.chapters import n08_phase_diagram as chapter
from modadd.plots.panels import WIDTH

SIZES = [0.5, 1.0, 2.0]


@pytest.fixture
def kinds() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.choice(structure.KINDS, (3, 3, 5))


def test_rank_correlation_is_spearmans():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(2)
    circles, predictor = rng.random((6, 6, 20)) < 0.4, rng.random((6, 6))
    found = intervals.rank_correlation(circles, predictor)
    expected = spearmanr(circles.mean(-1).ravel(), predictor.ravel()).statistic
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high
    assert found.draws.shape == (1000,)
    assert intervals.rank_correlation(circles, -predictor).value == pytest.approx(-expected)


def test_a_predictor_of_each_seed_is_resampled_with_it():
    rng = np.random.default_rng(4)
    circles = rng.random((12, 40)) < 0.5
    noisy = circles + 0.1 * rng.standard_normal(circles.shape)
    found = intervals.rank_correlation(circles, noisy)
    fixed = intervals.rank_correlation(circles, noisy.mean(-1))
    assert found.value == fixed.value
    # What the seeds share by chance moves both sides together, not one against the other.
    assert found.low > fixed.low + 0.1
    noisy[:, 1:] = np.nan  # one seed is left to speak for each cell
    only = intervals.rank_correlation(circles, noisy)
    assert only.value == intervals.rank_correlation(circles, noisy[:, 0]).value


def test_no_circle_anywhere_correlates_with_nothing():
    found = intervals.rank_correlation(np.zeros((4, 3), bool), [1, 2, 3, 4])
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_half_learnt_takes_each_seed_at_its_own_step():
    E = noise(4, 2, 5)
    accuracy = np.array([[0.1, 0.2], [0.5, 0.3], [0.8, 0.6], [0.9, 1.0]], np.float32)
    found = chapter.half_learnt(a_run(E, accuracy))
    np.testing.assert_array_equal(found, np.float32([E[1, 0], E[2, 1]]))


def test_alignment_weight_runs_from_0_to_1():
    E = noise(8, 17)
    weights = [chapter.alignment_weight(size * E, 1.0) for size in (0.05, 0.3, 1, 3, 20)]
    assert weights == sorted(weights)
    assert weights[0] < 0.05
    assert weights[-1] > 0.95
    assert chapter.alignment_weight(E, 0.0) == 1.0
    assert chapter.alignment_weight(3 * E, 3.0) == pytest.approx(chapter.alignment_weight(E, 1.0))


def test_phase_diagram_marks_every_run_once(kinds):
    weight = np.add.outer([0, 0.1, 0.2], [0.1, 0.4, 0.7])
    figure = plots.phase_diagram(kinds, SIZES, SIZES, {"a": weight, "b": weight})
    marks = {t.name: len(t.x) for t in figure.data if t.name in structure.KINDS}
    assert marks == {kind: int((kinds == kind).sum()) for kind in structure.KINDS}
    assert figure.layout.width <= WIDTH
    (hover,) = [t for t in figure.data if t.hovertext is not None]
    assert hover.hovertext[5].startswith("β = 2, scale 1<br>circle ")
    assert f"grid {(kinds[1, 2] == 'grid').sum()} of 5" in hover.hovertext[5]


def test_examples_stand_in_their_cells(kinds):
    E = noise(3, 3, 17)
    figure = plots.phase_examples(E, kinds, SIZES, SIZES)
    _, dots, words = figure.data[-3:]
    assert len(dots.x) == 9 * 17
    assert list(words.text) == kinds[:, :, 0].ravel().tolist()
    inside = np.abs(np.asarray(dots.x) - np.rint(np.asarray(dots.x)))
    assert inside.max() < 0.47


def test_predictors_say_their_correlation(kinds):
    x, y = np.moveaxis(noise(3, 3), -1, 0)
    figure = chapter.predictors(kinds, SIZES, {"One": ("x", x), "Two": ("y", y)})
    words = [note.text for note in figure.layout.annotations]
    assert sum("rank correlation" in word for word in words) == 2
    assert len(figure.data) == 6
