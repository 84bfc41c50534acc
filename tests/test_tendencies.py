"""The measures and figures of notebook 3."""

import numpy as np
import pytest
from samples import check_frames, noise, ring, turned, words

from modadd import ModularAddition, TrainingConfig, structure, train
from modadd.chapters import n03_clustering_and_alignment as chapter


def brute_force_couples(E):
    """Same-label flag, distance, angle and weight of every couple, one at a time."""
    task = ModularAddition(len(E))
    x = task.pair_sums(E)
    for p in range(len(x)):
        for q in range(p + 1, len(x)):
            weight = (x[p] @ x[p]) * (x[q] @ x[q])
            cosine = np.clip(x[p] @ x[q] / np.sqrt(weight), -1, 1)
            same = task.labels[p] == task.labels[q]
            yield same, np.linalg.norm(x[p] - x[q]), np.arccos(cosine), weight


def test_distances_and_angles_are_those_of_every_couple():
    E = noise(11)
    same, distance, angle, weight = (np.array(v) for v in zip(*brute_force_couples(E)))
    unit = np.sqrt(chapter.mean_squared_distances(E).everything)
    near = chapter.distances(E)
    turns, weights = chapter.angles(E)
    for found, expected in ((near, distance / unit), (turns, angle), (weights, weight)):
        assert np.allclose(found.everything, expected, atol=1e-6)
        assert np.allclose(found.same_label, expected[same], atol=1e-6)


def test_nematic_order_is_the_weighted_mean_of_the_double_angle():
    E = noise(11)
    same, _, angle, weight = (np.array(v) for v in zip(*brute_force_couples(E)))
    order = chapter.nematic_order(E)
    expected = np.average(np.cos(2 * angle), weights=weight)
    within = np.average(np.cos(2 * angle[same]), weights=weight[same])
    assert order.everything == pytest.approx(expected)
    assert order.same_label == pytest.approx(within)


def test_a_circle_shares_axes_within_labels_only():
    order = chapter.nematic_order(ring(11, 3))
    assert order.same_label == pytest.approx(1)
    assert abs(order.everything) < 0.1


def test_measures_take_batches_and_ignore_rotation_and_scale():
    E = noise(2, 3, 11)
    moved = 3 * E @ turned(0.9, mirrored=True)
    for measure in (chapter.distances, chapter.nematic_order):
        for found, expected in zip(measure(moved), measure(E), strict=True):
            assert np.allclose(found, expected)
            assert found.shape[:2] == (2, 3)
    assert np.allclose(chapter.nematic_order(E).same_label[1, 2],
                       chapter.nematic_order(E[1, 2]).same_label)  # fmt: skip


def test_collapsed_embeddings_have_no_order():
    order = chapter.nematic_order(np.zeros((5, 2)))
    assert order.same_label == 0
    assert order.everything == 0


def test_mean_squared_distances_are_equal_within_labels_and_over_all():
    N, task = 17, ModularAddition(17)
    embeddings = noise(4, N)
    means = chapter.mean_squared_distances(embeddings)
    np.testing.assert_allclose(means.same_label, means.everything, rtol=1e-13)
    # By brute force, over ordered pairs.
    first, second = np.divmod(np.arange(N * N), N)
    x, label = embeddings[0][first] + embeddings[0][second], (first + second) % N
    square = ((x[:, None] - x) ** 2).sum(-1)
    assert means.everything[0] == pytest.approx(square.mean())
    assert means.same_label[0] == pytest.approx(square[label[:, None] == label].mean())
    # Distinct unordered pairs with one label are farther apart, by about 1 + 2/N.
    x, label = task.pair_sums(embeddings), task.labels
    square = ((x[:, :, None] - x[:, None]) ** 2).sum(-1)
    distinct = ~np.eye(len(label), dtype=bool)
    same = distinct & (label[:, None] == label)
    ratio = square[:, same].mean(-1) / square[:, distinct].mean(-1)
    assert (ratio > 1).all() and ratio.mean() == pytest.approx(1 + 2 / N, abs=0.03)


def test_density_is_the_root_of_a_density():
    values = np.random.default_rng(0).uniform(0, 2, 50_000)
    places, heights = chapter.density(values, 2.0, 0.1)
    assert np.allclose(heights, 1, atol=0.05)
    assert np.square(heights).mean() == pytest.approx(1)
    weighted = chapter.density(values, 2.0, 0.1, weights=(values < 1).astype(float))[1]
    assert np.allclose(weighted[places < 0.7], np.sqrt(2), atol=0.05)
    assert np.allclose(weighted[places > 1.5], 0, atol=0.01)


def test_a_sign_is_as_good_as_it_orders_the_runs():
    rng = np.random.default_rng(0)
    hit = np.arange(40) < 12
    values = rng.standard_normal((3, 40)) + hit * np.array([[0.0], [1.0], [9.0]])
    by_hand = [(v[hit][:, None] > v[~hit]).mean() for v in values]
    assert np.allclose(chapter.guessed(values, hit), by_hand)
    kinds = np.where(hit, "circle", "grid")
    signs = {"shared axes": values, "circle score": values[::-1]}
    better = chapter.lead(signs, kinds, 2, chapter.RIVALS[0])
    assert better.mean == pytest.approx(by_hand[2] - by_hand[0])
    assert 0 < better.low < better.mean < better.high
    assert np.isnan(chapter.guessed(values, np.zeros(40, bool))).all()


# The figures: that they can be drawn, and say what they should


@pytest.fixture(scope="module")
def two_kinds():
    """An ensemble of two seeds: noise that turns into a ring, and noise that stays."""
    config = TrainingConfig(modulus=11, hidden=4, steps=20)
    run = train(config, [0, 1], snapshots=[0, 10, 20], progress=False)
    run.embeddings[1:, 0] = ring(11, 3)
    return run


def test_tendencies_name_kinds_and_steps(two_kinds):
    kinds = structure.classify(two_kinds.final)
    assert kinds[0] == "circle"
    signs = chapter.signs(two_kinds)
    text = words(chapter.tendencies(two_kinds, (0, 1), (0, 20), kinds, signs))
    assert "ends as a" in text
    assert "circle" in text
    assert "step 20" in text


def test_scrubbing_frames_carry_what_changes_and_no_more(two_kinds):
    figure = chapter.tendencies_scrub(two_kinds, (0, 1), frames=36)
    check_frames(figure, ["0", "10", "20"])
