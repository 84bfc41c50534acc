"""The measures and figures of notebook 4."""

import dataclasses

import numpy as np
import pytest
from samples import check_frames, noise, words

from modadd import TrainingConfig, forces, predictions, train
from modadd.chapters import n04_force_formulae as chapter
from modadd.predictions import LAWS

STEPS = [1, 3, 8]


@pytest.fixture(scope="module")
def run():
    config = TrainingConfig(modulus=7, hidden=16, learning_rate=0.5, momentum=0.5, steps=8)
    return train(config, range(3), snapshots=range(9), keep_parameters=True, progress=False)


def test_agreement_knows_direction_size_and_what_is_unexplained():
    F = noise(4, 5)
    same = predictions.agreement(F, 2 * F)
    assert np.allclose(same, np.array([1, 0.5, 0])[:, None])
    assert np.allclose(predictions.agreement(F, F).r2, 1)
    assert predictions.pooled_r2(F, -3 * F) == pytest.approx(1)


def test_measured_force_is_that_of_the_run(run):
    F = predictions.measured(run, STEPS)
    rms = np.sqrt(np.square(F).sum(-1).mean(-1))
    assert np.allclose(rms, run.force_rms[STEPS], rtol=1e-4)


def test_the_unrolled_network_is_the_network(run):
    found = predictions.agreement(
        predictions.measured(run, STEPS),
        predictions.predicted(run, STEPS, "field, actual features"),
    )
    assert np.allclose(found.r2, 1, atol=1e-6)


def test_features_that_stay_are_the_initial_ones(run):
    kept = run.parameters._replace(
        w1=np.broadcast_to(run.parameters.w1[:1], run.parameters.w1.shape),
        b1=np.broadcast_to(run.parameters.b1[:1], run.parameters.b1.shape),
    )
    still = dataclasses.replace(run, parameters=kept)
    initial = predictions.predicted(still, STEPS, "field, initial features")
    assert np.allclose(initial, predictions.predicted(still, STEPS, "field, actual features"))
    assert not np.allclose(initial, predictions.predicted(run, STEPS, "field, actual features"))


def test_ideal_features_are_the_limit_of_many():
    config = TrainingConfig(modulus=7, hidden=8192, learning_rate=1e-5, momentum=0.0, steps=2)
    run = train(config, range(4), snapshots=range(3), keep_parameters=True, progress=False)
    measured = predictions.measured(run, [1, 2])
    for law in ("label charges", "field, ideal features"):
        found = predictions.agreement(measured, predictions.predicted(run, [1, 2], law))
        assert found.cosine.min() > 0.95
        assert np.abs(found.coefficient - 1).max() < 0.2


def test_smoothed_labels_begin_with_smaller_charges():
    plain = {"modulus": 7, "hidden": 4096, "learning_rate": 1e-5, "momentum": 0.0, "steps": 1}
    config = TrainingConfig(**plain, label_smoothing=0.5)
    run = train(config, range(3), snapshots=[0, 1], keep_parameters=True, progress=False)
    law = predictions.predicted(run, [1], "label charges")
    found = predictions.agreement(predictions.measured(run, [1]), law)
    assert np.abs(found.coefficient - 1).max() < 0.2


def test_predictions_take_a_run_that_is_recorded_at_every_step():
    run = train(TrainingConfig(5, 4, 8), 0, snapshots=[0, 4, 8], progress=False)
    with pytest.raises(ValueError, match="recorded at every step up to 4"):
        predictions.predicted(run, [4], "label charges")


# The figures: that they can be drawn, and say what they should


def test_scrubbing_frames_carry_what_changes_and_no_more(run):
    figure = chapter.forces_scrub(run, 1, STEPS, list(LAWS)[:2])
    check_frames(figure, ["1", "3", "8"])


def test_two_faces_and_two_terms():
    assert "Alignment" in words(chapter.two_faces())
    E, ratios = noise(2, 5), np.array([0.2, 1.0, 5.0])
    fits = [forces.two_term_fit(ratio * E) for ratio in ratios]
    worst = min(fit.r2 for fit in fits)
    assert f"{worst:.3f}" in words(chapter.two_terms(ratios, fits))


def test_force_balance_scores_the_sum(run):
    E, F = run.embeddings[1, 0], predictions.measured(run, STEPS)
    law = predictions.predicted(run, STEPS, "label charges")
    parts = {"clustering": law[0, 0], "alignment": law[0, 0], "sum": 2 * F[0, 0]}
    found = {"label charges": predictions.agreement(F, law)}
    figure = chapter.force_balance(E, F[0, 0], parts, found, found, STEPS)
    assert "direction 1.00, size 0.50" in words(figure)
    direction, size, _ = (trace for trace in figure.data if trace.mode == "lines+markers")
    np.testing.assert_allclose(direction.y, np.median(found["label charges"].cosine, axis=1))
    np.testing.assert_allclose(size.y, np.median(found["label charges"].coefficient, axis=1))


def test_arrows_point_along_their_vectors():
    up, right = chapter.arrows(np.zeros((2, 2)), np.array([[0, 1.0], [2, 0]]), "#000000")[1].x
    assert (up, right) == (0, 2)
    angles = chapter.arrows(np.zeros((2, 2)), np.array([[0, 1.0], [2, 0]]), "#000000")
    assert list(angles[1].marker.angle) == [0, 90]
