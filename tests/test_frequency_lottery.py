"""The frequency lottery: its measures against known cases, and what its figures draw."""

import numpy as np
import pytest
from samples import a_run, check_inside, noise, ring

from modadd import TrainingConfig, structure, train
from modadd.chapters import n09_frequency_lottery as chapter


@pytest.mark.parametrize("modulus", [12, 17])
def test_frequencies_decouple_under_the_toy_kernel(modulus):
    E = noise(5, modulus) + 1.0
    transform = np.fft.fft(E, axis=-2)
    power = np.square(np.abs(transform)).sum(-1, keepdims=True)
    power[..., 0, :] = 0
    expected = 8 * power * transform
    close = {"rtol": 0, "atol": 1e-13 * np.abs(expected).max()}
    np.testing.assert_allclose(np.fft.fft(chapter.toy_force(E), axis=-2), expected, **close)


def test_fourier_power_finds_the_frequency_and_adds_up():
    for k in range(1, 9):
        power = chapter.fourier_power(ring(17, k))
        assert power.argmax() + 1 == k
        assert power.sum() == pytest.approx(power[k - 1])
    E = noise(4, 17)
    centred = E - E.mean(-2, keepdims=True)
    total = 17 * np.square(centred).sum((-2, -1))
    np.testing.assert_allclose(chapter.fourier_power(E).sum(-1), total)
    scores = chapter.fourier_power(E).max(-1) / total
    np.testing.assert_allclose(scores, structure.circle(E).score)


def test_race_knows_lead_winner_and_circle():
    mixed = 2 * ring(17, 3) + ring(17, 5)
    start = np.stack([mixed, mixed])
    end = np.stack([ring(17, 3), ring(17, 5)])
    found = chapter.race(a_run(np.stack([start, end])))
    np.testing.assert_allclose(found.lead, 4)
    assert found.won.tolist() == [True, False]
    assert found.circle.tolist() == [True, True]


def test_hit_rates_count_circles_by_lead():
    lead = np.array([1.05, 1.1, 1.2, 2.0, 2.5, 3.0])
    won = np.array([True, False, True, True, True, False])
    circle = np.array([True, True, False, True, True, True])
    rates = chapter.hit_rates(chapter.Race(lead, won, circle))
    assert [(rate.wins, rate.circles) for rate in rates] == [(1, 2), (2, 3)]
    assert rates[1].lead == 2.5


def test_lottery_draws_circles_and_all_runs():
    rng = np.random.default_rng(3)
    found = chapter.Race(1 + rng.random(60), rng.random(60) < 0.8, rng.random(60) < 0.5)
    never = found._replace(circle=np.zeros(60, bool))
    figure = chapter.lottery({"a": found, "no circles": never}, {"a": found}, 17)
    values = [t.x[0] for t in figure.data if len(t.x) == 1]
    assert values[0] == pytest.approx(found.won[found.circle].mean())
    assert values[1] == values[2] == pytest.approx(found.won.mean())
    assert {shape.x0 for shape in figure.layout.shapes} == {0.125, 0}
    check_inside(figure)


def test_lottery_of_one_start_and_of_a_far_lead():
    one = chapter.Race(np.array([9.0]), np.ones(1, bool), np.ones(1, bool))
    never = one._replace(circle=np.zeros(1, bool))
    figure = chapter.lottery({"one": one}, {"one": one, "never": never}, 17)
    check_inside(figure)
    assert 9.0 in [t.x[0] for t in figure.data]


def test_power_movie_moves():
    config = TrainingConfig(7, 8, 60)
    run = train(config, [3, 4], snapshots=[0, 20, 60], progress=False)
    figure = chapter.power_movie(run, 4)
    assert [frame.name for frame in figure.frames] == ["0", "20", "60"]
    share = chapter.fourier_power(run.embeddings[:, 1])
    for frame, power in zip(figure.frames, share, strict=True):
        np.testing.assert_allclose(frame.data[0].y, power / power.sum(), rtol=1e-5)
