"""The phase diagram: its measures against known cases, and what its figures draw."""

import numpy as np
import pytest
from samples import check_inside, noise

from modadd import TrainingConfig, plots, structure, train
from modadd.chapters import n08_phase_diagram as chapter
from modadd.forecasts import agreements
from modadd.plots.palette import STYLES
from modadd.plots.panels import WIDTH
from modadd.plots.shares import tables

SIZES = [0.5, 1.0, 2.0]


@pytest.fixture
def kinds() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.choice(structure.KINDS, (3, 3, 5))


def test_alignment_weight_runs_from_0_to_1():
    E = noise(8, 17)
    weights = [chapter.alignment_weight(size * E, 1.0) for size in (0.05, 0.3, 1, 3, 20)]
    assert weights == sorted(weights)
    assert weights[0] < 0.05
    assert weights[-1] > 0.95
    assert chapter.alignment_weight(E, 0.0) == 1.0
    assert chapter.alignment_weight(3 * E, 3.0) == pytest.approx(chapter.alignment_weight(E, 1.0))


def test_phase_diagram_marks_every_run_once(kinds):
    figure = plots.phase_diagram(kinds, SIZES, SIZES)
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
    x, y = np.random.default_rng(0).random((2, 3, 3))
    figure = chapter.predictors(kinds, SIZES, {"One": ("x", x), "Two": ("y", y)})
    words = [note.text for note in figure.layout.annotations]
    assert sum("rank correlation" in word for word in words) == 2
    assert len(figure.data) == 6
    check_inside(figure)


def test_knobs_are_differences_of_the_outermost_rows_and_columns(kinds):
    circles = kinds == "circle"
    found = chapter.knobs(kinds)
    assert found.scale.mean == pytest.approx(circles[-1].mean() - circles[0].mean())
    assert found.bias.mean == pytest.approx(circles[:, -1].mean() - circles[:, 0].mean())
    figure = chapter.effects({"a": found}, {"a": STYLES["network"]})
    assert [t.x[0] for t in figure.data if t.mode == "markers"] == [e.mean for e in found]
    check_inside(figure)


def test_progress_is_nothing_at_the_start_and_something_when_half_is_learnt():
    config = TrainingConfig(7, 8, 400)
    options = {"snapshots": 24, "keep_parameters": True, "cache": False, "progress": False}
    run = train(config, [3, 4], **options)
    found = chapter.progress(run)
    assert (found.turned > 5).all() and (found.turned < 180).all()
    assert (found.kept < 1).all() and (found.bias < 1).all()
    at_once = train(TrainingConfig(7, 8, 1), [3, 4], **options)
    np.testing.assert_allclose(chapter.progress(at_once).turned, 0, atol=0.1)
    np.testing.assert_allclose(chapter.progress(at_once).kept, 1)
    assert chapter.bias_left(at_once) == pytest.approx(1, abs=0.05)
    assert chapter.with_bias(config, 0.25).bias_scale == 0.25
    figure = chapter.first_layer([0.5, 2.0], {"a": [found, found]})
    np.testing.assert_allclose(figure.data[1].y, [found.turned.mean()] * 2)
    check_inside(figure)


def test_a_point_a_cell_on_the_diagonal(kinds):
    flat = kinds.reshape(9, 5)
    others = {"again": flat, "turned": flat[::-1]}
    found = agreements(flat, others, "again")
    figure = chapter.on_the_diagonal(flat, others, found, SIZES, SIZES)
    shares = (flat == "circle").mean(-1)
    x, y = (np.concatenate([t[a] for t in figure.data if t.mode == "markers"]) for a in "xy")
    np.testing.assert_allclose(x, np.tile(shares, 2))
    np.testing.assert_allclose(y, np.concatenate([shares, shares[::-1]]))
    check_inside(figure)


def test_tables_write_their_shares():
    shares = np.array([[0.0, 0.25], [1.0, 0.5]])
    figure = tables({"a": shares}, [1, 2], [3, 4], framed=shares > 0.4)
    assert list(figure.data[0].text) == ["0", "25", "100", "50"]
    assert len([s for s in figure.layout.shapes if s.line.width]) == 2
    check_inside(figure)
