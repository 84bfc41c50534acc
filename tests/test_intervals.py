"""Intervals of means and of paired differences: against the textbook formula and by coverage."""

import numpy as np
import pytest
from scipy.stats import t

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


def test_what_a_seed_adds_to_both_drops_out():
    rng = np.random.default_rng(2)
    seeds, gain = 10 * rng.normal(size=50), 0.1 * rng.normal(size=50) + 0.2
    assert intervals.paired(seeds + gain, seeds).low > 0
    np.testing.assert_allclose(intervals.paired(seeds + gain, seeds), intervals.mean(gain))


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
