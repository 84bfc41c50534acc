"""More update rules: where they must equal the engine, and what each of them promises."""

import numpy as np
import pytest

from modadd import TrainingConfig, train
from modadd._compiled.rules import _wire_lengths
from modadd.training import RULES, train_with

CONFIG = TrainingConfig(steps=40, readout_init="standard")
QUIET = {"cache": False, "progress": False, "keep_parameters": True}
AMOUNTS = {"sign": 0.0, "madam": 3.0, "minibatch": 0.5, "dropout": 0.2, "wiring": 1e-2}


def both(rule, amount, **changes):
    config = TrainingConfig(steps=40, readout_init="standard", **changes)
    ends = {"snapshots": [0, 40], **QUIET}
    return train_with(rule, config, [3, 9], amount, **ends), train(config, [3, 9], **ends)


@pytest.mark.parametrize(
    ("rule", "amount", "decay"), [("minibatch", 1, 3e-3), ("dropout", 0, 3e-3), ("wiring", 0, 0)]
)
def test_without_its_noise_or_cost_it_is_gradient_descent(rule, amount, decay):
    ours, engine = both(rule, amount, weight_decay=decay)
    for a, b in zip(ours.parameters, engine.parameters, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
    np.testing.assert_allclose(ours.loss, engine.loss, atol=1e-4)


def test_sign_descent_moves_every_parameter_alike():
    config = TrainingConfig(steps=4, learning_rate=0.01, weight_decay=0.0, readout_init="standard")
    run = train_with("sign", config, [3], snapshots=[0, 1, 2], **QUIET)
    for array in run.parameters:
        moved = np.abs(np.diff(array[:, 0], axis=0))
        for step, size in enumerate((0.01, 0.0075)):  # falling to zero over four steps
            some = moved[step] > 0  # a unit that no pair activates feels nothing
            np.testing.assert_allclose(moved[step][some], size, rtol=1e-3)
            assert some.mean() > 0.9


def test_madam_keeps_all_signs_and_stays_within_bounds():
    run = train_with("madam", CONFIG, [3], 3.0, snapshots=[0, 40], **QUIET)
    for array in run.parameters:
        assert (np.sign(array[0]) == np.sign(array[1])).all()
    E = run.parameters.embeddings[:, 0]
    assert np.abs(E[1]).max() <= 3 * np.sqrt((E[0] ** 2).mean()) * 1.001


def test_the_price_of_wires_shortens_them():
    changes = {"steps": 600, "readout_init": "standard"}
    ends = {"snapshots": [600], **QUIET}
    dear, free = (
        train_with("wiring", TrainingConfig(**changes), [3], amount, **ends)
        for amount in (3e-3, 0.0)
    )

    def mean_length(run):
        size = np.abs(run.parameters.w2[0, 0])
        return (size * _wire_lengths(17, 64)[1]).sum() / size.sum()

    assert mean_length(dear) < 0.8 * mean_length(free)
    assert dear.accuracy[-1, 0] > 0.5


@pytest.mark.parametrize("rule", RULES)
def test_a_seed_decides_its_run_and_all_start_alike(rule):
    one, two = (train_with(rule, CONFIG, s, AMOUNTS[rule], **QUIET) for s in ([3], [9, 3]))
    np.testing.assert_array_equal(one.embeddings, two.select(3).embeddings)
    np.testing.assert_array_equal(one.embeddings[0, 0], CONFIG.initial(3).embeddings)
    assert np.isfinite(one.loss).all()


@pytest.mark.parametrize("rule", ["minibatch", "dropout"])
def test_noise_is_not_in_what_is_measured(rule):
    run = train_with(rule, CONFIG, [3], AMOUNTS[rule], **QUIET)
    start = train(CONFIG, [3], **QUIET)
    np.testing.assert_allclose(run.loss[0], start.loss[0], rtol=1e-5)


def test_an_amount_must_leave_something_to_train_with():
    for rule, amount in (("minibatch", 0.0), ("madam", 0.0)):
        with pytest.raises(ValueError, match="amount must leave something"):
            train_with(rule, CONFIG, [0], amount)


def test_another_optimiser_is_refused():
    with pytest.raises(ValueError, match="optimiser must be one of gradient_descent"):
        train_with("sign", TrainingConfig(optimiser="adam"), [0])
