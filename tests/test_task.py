"""The task: pairs, multiplicities, labels and the split."""

import numpy as np
import pytest

from modadd import ModularAddition


@pytest.mark.parametrize("modulus", [3, 12, 17])
def test_unordered_pairs_stand_for_all_ordered_ones(modulus):
    task = ModularAddition(modulus)
    ordered = [(a, b) for a in range(modulus) for b in range(modulus)]
    counted = {}
    for a, b in ordered:
        counted[min(a, b), max(a, b)] = counted.get((min(a, b), max(a, b)), 0) + 1
    assert counted == dict(zip(map(tuple, task.pairs.tolist()), task.multiplicity, strict=True))
    assert task.multiplicity.sum() == modulus**2
    assert (task.labels == [(a + b) % modulus for a, b in task.pairs]).all()


def test_pair_sums_broadcast_over_leading_axes():
    rng = np.random.default_rng(0)
    task = ModularAddition(5)
    e = rng.normal(size=(4, 3, 5, 2))
    x = task.pair_sums(e)
    assert x.shape == (4, 3, 15, 2)
    for p, (a, b) in enumerate(task.pairs):
        np.testing.assert_array_equal(x[..., p, :], e[..., a, :] + e[..., b, :])


def test_split_keeps_the_share_and_depends_on_the_seed_alone():
    task = ModularAddition(17)
    mask = task.training_pairs(0.8, 3)
    assert mask.sum() == round(0.8 * 153)
    np.testing.assert_array_equal(mask, task.training_pairs(0.8, 3))
    assert (mask != task.training_pairs(0.8, 4)).any()
    assert task.training_pairs(1.0, 3).all()
    assert task.training_pairs(1e-9, 3).sum() == 1
