"""The field on part of the pairs: against the whole field, and against the force law."""

import numpy as np
import pytest

from modadd import ModularAddition, forces, particles
from modadd.model import initialise
from modadd.partial_field import partial_field

TASK = ModularAddition(17)
QUIET = {"cache": False, "progress": False}


def start(seeds):
    return np.stack([initialise(TASK, 64, seed).embeddings for seed in seeds])


@pytest.mark.parametrize("shrinking", [0.0, 3e-3])
def test_with_all_pairs_it_is_the_whole_field(shrinking):
    one = partial_field([3, 9], 1.0, 2e-3, 60, shrinking=shrinking, snapshots=[0, 60], **QUIET)
    E, rates = start([3, 9]), {"weight_decay": 2e-3, "embedding_decay": shrinking}
    other = particles.field(E, 60, **rates, seeds=[3, 9], snapshots=[0, 60], **QUIET)
    np.testing.assert_array_equal(one.embeddings, other.embeddings)
    np.testing.assert_array_equal(one.force_rms, other.force_rms)


def test_only_training_pairs_exert_and_feel_forces():
    """At step 1 the force is the exact law's, of residuals that are still label charges."""
    slow = {"learning_rate": 0.03, "momentum": 0.0}
    run = partial_field([4], 0.7, 0.0, 2, snapshots=[0, 1, 2], **slow, **QUIET)
    training = TASK.training_pairs(0.7, 4)
    law = forces.exact(run.embeddings[1, 0], training=training)
    moved = run.embeddings[2, 0] - run.embeddings[1, 0]
    cosine = (law * moved).sum() / np.linalg.norm(law) / np.linalg.norm(moved)
    assert cosine > 0.999
    whole = forces.exact(run.embeddings[1, 0])
    assert (whole * moved).sum() / np.linalg.norm(whole) / np.linalg.norm(moved) < 0.99


def test_a_seed_does_not_depend_on_its_ensemble():
    together = partial_field([1, 2], steps=30, **QUIET)
    alone = partial_field(2, steps=30, **QUIET)
    np.testing.assert_array_equal(together.select(2).embeddings, alone.embeddings)


def test_cached_runs_come_back_the_same():
    first, second = (partial_field([5], steps=20, progress=False) for _ in range(2))
    np.testing.assert_array_equal(first.embeddings, second.embeddings)
    assert first.settings["forgetting"] == 3e-3


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"train_share": 0.0}, "train_share must be"),
        ({"forgetting": -1.0}, "forgetting must be"),
        ({"shrinking": "no"}, "shrinking must be"),
        ({"steps": -1}, "steps must be"),
        ({"learning_rate": 0.0}, "learning_rate must be"),
    ],
)
def test_bad_arguments_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        partial_field([0], **bad)
