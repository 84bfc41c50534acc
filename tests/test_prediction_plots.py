"""The figures of the predictions: their measures against known cases, and what they draw."""

import numpy as np
import pytest

from modadd import TrainingConfig, structure, train
from modadd import prediction_plots as plots
from modadd.panels import WIDTH
from modadd.run import Run

SIZES = [0.5, 1.0, 2.0]


def ring(N: int, k: int) -> np.ndarray:
    angle = 2 * np.pi * k * np.arange(N) / N
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((*shape, 2))


def a_run(embeddings: np.ndarray, accuracy: np.ndarray | None = None) -> Run:
    T, S, N, _ = embeddings.shape
    nothing = np.full((T, S), np.nan, np.float32)
    scalars = dict.fromkeys(
        ("loss", "accuracy", "validation_accuracy", "force_rms", "residual_rms"), nothing
    )
    if accuracy is not None:
        scalars["accuracy"] = accuracy
    return Run("network", {}, np.arange(S), 10 * np.arange(T), embeddings, **scalars)


@pytest.fixture
def kinds() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.choice(structure.KINDS, (3, 3, 5))


# phases


def test_rank_correlation_is_spearmans():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(2)
    circles, predictor = rng.random((6, 6, 20)) < 0.4, rng.random((6, 6))
    found = plots.rank_correlation(circles, predictor)
    expected = spearmanr(circles.mean(-1).ravel(), predictor.ravel()).statistic
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high
    assert found.draws.shape == (1000,)
    assert plots.rank_correlation(circles, -predictor).value == pytest.approx(-expected)


def test_no_circle_anywhere_correlates_with_nothing():
    found = plots.rank_correlation(np.zeros((4, 3), bool), [1, 2, 3, 4])
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_half_learnt_takes_each_seed_at_its_own_step():
    E = noise(4, 2, 5)
    accuracy = np.array([[0.1, 0.2], [0.5, 0.3], [0.8, 0.6], [0.9, 1.0]], np.float32)
    np.testing.assert_array_equal(plots.half_learnt(a_run(E, accuracy)), [E[1, 0], E[2, 1]])


def test_alignment_weight_runs_from_0_to_1():
    E = noise(8, 17)
    weights = [plots.alignment_weight(size * E, 1.0) for size in (0.05, 0.3, 1, 3, 20)]
    assert weights == sorted(weights)
    assert weights[0] < 0.05
    assert weights[-1] > 0.95
    assert plots.alignment_weight(E, 0.0) == 1.0
    assert plots.alignment_weight(3 * E, 3.0) == pytest.approx(plots.alignment_weight(E, 1.0))


def test_phase_diagram_marks_every_run_once(kinds):
    weight = np.add.outer([0, 0.1, 0.2], [0.1, 0.4, 0.7])
    figure = plots.phase_diagram(kinds, SIZES, SIZES, {"a": weight, "b": weight})
    marks = {t.name: len(t.x) for t in figure.data if t.name in structure.KINDS}
    assert marks == {kind: int((kinds == kind).sum()) for kind in structure.KINDS}
    assert figure.layout.width <= WIDTH
    (hover,) = [t for t in figure.data if t.hovertext is not None]
    assert hover.hovertext[5].startswith("β = 2, scale 1<br>circle ")
    assert f"grid {(kinds[1, 2] == 'grid').sum()} of 5" in hover.hovertext[5]


def test_examples_have_a_frame_for_every_seed(kinds):
    E = noise(3, 3, 5, 17)
    figure = plots.phase_examples(E, kinds, SIZES, SIZES, range(40, 45))
    assert [frame.name for frame in figure.frames] == ["40", "41", "42", "43", "44"]
    assert [step.label for step in figure.layout.sliders[0].steps] == [
        f.name for f in figure.frames
    ]
    lines, dots, words = figure.frames[3].data
    assert len(dots.x) == 9 * 17
    assert list(words.text) == kinds[:, :, 3].ravel().tolist()
    inside = np.abs(np.asarray(dots.x) - np.rint(np.asarray(dots.x)))
    assert inside.max() < 0.47


def test_predictors_say_their_correlation(kinds):
    x, y = np.moveaxis(noise(3, 3), -1, 0)
    figure = plots.predictors(kinds, SIZES, {"One": ("x", x), "Two": ("y", y)})
    words = [note.text for note in figure.layout.annotations]
    assert sum("rank correlation" in word for word in words) == 2
    assert len(figure.data) == 6


# the lottery


def test_fourier_power_finds_the_frequency_and_adds_up():
    for k in range(1, 9):
        power = plots.fourier_power(ring(17, k))
        assert power.argmax() + 1 == k
        assert power.sum() == pytest.approx(power[k - 1])
    E = noise(4, 17)
    centred = E - E.mean(-2, keepdims=True)
    total = 17 * np.square(centred).sum((-2, -1))
    np.testing.assert_allclose(plots.fourier_power(E).sum(-1), total)
    scores = plots.fourier_power(E).max(-1) / total
    np.testing.assert_allclose(scores, structure.circle(E).score)


def test_race_knows_lead_winner_and_circle():
    mixed = 2 * ring(17, 3) + ring(17, 5)
    start = np.stack([mixed, mixed])
    end = np.stack([ring(17, 3), ring(17, 5)])
    found = plots.race(a_run(np.stack([start, end])))
    np.testing.assert_allclose(found.lead, 4)
    assert found.won.tolist() == [True, False]
    assert found.circle.tolist() == [True, True]


def test_hit_rates_count_circles_by_lead():
    lead = np.array([1.05, 1.1, 1.2, 2.0, 2.5, 3.0])
    won = np.array([True, False, True, True, True, False])
    circle = np.array([True, True, False, True, True, True])
    rates = plots.hit_rates(plots.Race(lead, won, circle))
    assert [(wins, number) for _, wins, number in rates] == [(1, 2), (2, 3)]
    assert rates[1][0] == 2.5


def test_lottery_draws_circles_and_all_runs():
    rng = np.random.default_rng(3)
    found = plots.Race(1 + rng.random(60), rng.random(60) < 0.8, rng.random(60) < 0.5)
    never = found._replace(circle=np.zeros(60, bool))
    figure = plots.lottery({"a": found, "no circles": never}, {"a": found}, 17)
    values = [t.x[0] for t in figure.data if len(t.x) == 1]
    assert values[0] == pytest.approx(found.won[found.circle].mean())
    assert values[1] == values[2] == pytest.approx(found.won.mean())
    assert {shape.x0 for shape in figure.layout.shapes} == {0.125, 0}


def test_power_movie_moves():
    config = TrainingConfig(7, 8, 60)
    run = train(config, [3, 4], snapshots=[0, 20, 60], progress=False)
    figure = plots.power_movie(run, 4)
    assert [frame.name for frame in figure.frames] == ["0", "20", "60"]
    share = plots.fourier_power(run.embeddings[:, 1])
    for frame, power in zip(figure.frames, share):
        np.testing.assert_allclose(frame.data[0].y, power / power.sum(), rtol=1e-5)


# larger moduli


def patch(g1, g2, count: int = 5) -> np.ndarray:
    i, j = np.divmod(np.arange(count * count), count)
    return i[:, None] * np.array(g1, float) + j[:, None] * np.array(g2, float)


@pytest.mark.parametrize(
    ("g1", "g2", "tau"),
    [
        ((1, 0), (0, 1), plots.SQUARE),
        ((1, 0), (0.5, 3**0.5 / 2), plots.HEXAGONAL),
        ((0, 2), (3, 0), 1.5j),
        ((1, 0), (-0.3, 1.1), 0.3 + 1.1j),
    ],
)
def test_lattice_shape_of_known_lattices(g1, g2, tau):
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    for E in (patch(g1, g2), 7 * patch(g1, g2) @ turn, patch(g1, g2) * [1, -1]):
        assert plots.lattice_shape(structure.grid(E)) == pytest.approx(tau, abs=1e-6)


def test_no_patch_has_no_shape():
    E = np.stack([patch((1, 0), (0, 1)), np.zeros((25, 2))])
    assert np.isnan(plots.lattice_shape(structure.grid(E))).tolist() == [False, True]


def test_third_bonds_make_triangles_of_a_hexagonal_lattice():
    E = patch((1, 0), (0.5, 3**0.5 / 2))
    joined = plots.third_bonds(E, structure.grid(E))
    assert len(joined) == 16
    np.testing.assert_allclose(np.linalg.norm(E[joined[:, 0]] - E[joined[:, 1]], axis=-1), 1)
    for other in (patch((1, 0), (0, 1)), patch((1, 0), (0, 2)), patch((1, 0), (0.5, 2))):
        assert not len(plots.third_bonds(other, structure.grid(other)))


def test_galleries_of_moduli():
    runs = {12: noise(5, 12), 113: noise(3, 113)}
    figure = plots.moduli_gallery(runs)
    titles = [note.text for note in figure.layout.annotations]
    assert len([t for t in titles if "other" in t]) == 4 + 2
    assert "<b>N = 113</b>" in titles
    figure = plots.lattices({25: np.stack([patch((1, 0), (0, 1)), ring(25, 3)]), 12: noise(4, 12)})
    bars = [t for t in figure.data if t.type == "bar"]
    assert sorted(t.text for t in bars) == ["circle 1", "grid 1", "other 4"]


def test_cost_grows_with_the_modulus():
    costs = plots.training_cost([TrainingConfig(5, 8), TrainingConfig(41, 64)])
    assert 0 < costs[0].seconds < costs[1].seconds
    if np.isfinite(costs[0].bytes):
        assert costs[1].bytes > 60 * 4 * 64 * 41
    figure = plots.cost_over_moduli([5, 41], costs, 64)
    assert len(figure.layout.annotations) >= 2


def test_unknown_memory_is_said():
    costs = [plots.Cost(1e-4, float("nan")), plots.Cost(1e-3, float("nan"))]
    words = [note.text for note in plots.cost_over_moduli([12, 59], costs, 64).layout.annotations]
    assert "not known on this machine" in words
