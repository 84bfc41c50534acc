"""Intervals of means and of paired differences: against the textbook formula and by coverage."""

import numpy as np
import pytest
from scipy.stats import spearmanr, t

from modadd import intervals


def test_interval_is_students():
    values = np.random.default_rng(0).normal(size=12)
    found = intervals.mean(values)
    reach = t.ppf(0.975, 11) * values.std(ddof=1) / np.sqrt(12)
    np.testing.assert_allclose(found, values.mean() + np.array([0, -reach, reach]))


def test_intervals_cover_the_truth_as_often_as_they_say():
    samples = np.random.default_rng(1).normal(3.0, 2.0, size=(2000, 8))
    held = [found.low < 3 < found.high for found in map(intervals.mean, samples)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_equal_values_have_an_interval_of_no_width():
    assert intervals.mean(1 + 1e-16 * np.arange(5)) == (1, 1, 1)


def test_unequal_ensembles_are_refused():
    for control in ([1, 2], [1]):
        with pytest.raises(ValueError):
            intervals.paired([1, 2, 3], control)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (16, 60), (40, 60), (60, 60)])
def test_wilson_agrees_with_its_formula(successes, trials):
    z, p = 1.959963984540054, successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    low, high = intervals.wilson(successes, trials)
    assert low == pytest.approx(max(0.0, centre - half), abs=1e-12)
    assert high == pytest.approx(min(1.0, centre + half), abs=1e-12)


def test_the_bootstrap_has_the_width_of_the_standard_error():
    values = np.random.default_rng(3).normal(size=200)
    found = intervals.bootstrap_mean(values)
    assert found.mean == pytest.approx(values.mean())
    error = values.std() / np.sqrt(len(values))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_resampling_draws_the_same_seeds_for_all():
    a, b = np.random.default_rng(1).random((2, 5, 9))
    sums = intervals.resample(a + b, 50)
    np.testing.assert_allclose(sums, intervals.resample(a, 50) + intervals.resample(b, 50))
    np.testing.assert_allclose(sums[0], (a + b).mean(-1))
    assert np.ptp(sums[1:], axis=0).min() > 0


def test_pearson_is_numpys_and_none_where_nothing_varies():
    x, y = np.random.default_rng(2).random((2, 3, 8))
    expected = [np.corrcoef(u, v)[0, 1] for u, v in zip(x, y)]
    np.testing.assert_allclose(intervals.pearson(x, y), expected)
    assert intervals.pearson(np.ones((1, 4)), y[:1, :4]).tolist() == [0]


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(2)
    circles, predictor = rng.random((6, 6, 20)) < 0.4, rng.random((6, 6))
    found = intervals.rank_correlation(circles, predictor)
    expected = spearmanr(circles.mean(-1).ravel(), predictor.ravel()).statistic
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high
    nothing = intervals.rank_correlation(np.zeros((4, 3), bool), [1, 2, 3, 4])
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


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
