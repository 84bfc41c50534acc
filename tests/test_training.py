"""Training: the compiled loops against torch.optim; reproducible bits; clear errors."""

import dataclasses

import numpy as np
import pytest
import reference
from samples import QUIET

from modadd import TrainingConfig, train
from modadd.run import SCALARS
from modadd.training import snapshot_steps

SHORT = TrainingConfig(modulus=7, hidden=10, steps=12)


def change(**fields):
    return dataclasses.replace(SHORT, **fields)


OPTIONS = {
    "default": {},
    "plain": {"momentum": 0.0},
    "standard readout": {"readout_init": "standard"},
    "no bias": {"bias_scale": 0.0},
    "large bias": {"bias_scale": 4.0},
    "smoothing": {"label_smoothing": 0.3},
    "split": {"train_share": 0.6},
    "small start": {"embedding_scale": 0.1},
    "decay on embeddings": {"weight_decay": 0.0, "embedding_decay": 0.05},
    "decay on layers": {"weight_decay": 0.05, "embedding_decay": 0.0},
    "decay switched": {"weight_decay": 0.05, "decay_from": 3, "decay_until": 8},
    "wide": {"hidden": 37},
    "composite modulus": {"modulus": 12},
    "several blocks": {"modulus": 17, "hidden": 16},
}


@pytest.mark.parametrize("optimiser", ["gradient_descent", "adam", "adamw"])
@pytest.mark.parametrize("option", OPTIONS)
def test_every_step_is_that_of_torch_in_double_precision(optimiser, option):
    settings = {"optimiser": optimiser, "learning_rate": 0.3}
    if optimiser != "gradient_descent":
        # With a zero readout the first gradient of b2 is nothing but rounding, and Adam, which
        # divides it by its own size, takes a full step in a random direction.
        settings |= {"learning_rate": 0.01, "readout_init": "standard"}
    config = change(**(settings | OPTIONS[option]))
    run = train(config, [0, 4], snapshots=range(13), keep_parameters=True, **QUIET)
    # Adam divides by the root of the second moment, which magnifies rounding where it is tiny.
    tolerance = 2e-6 if optimiser == "gradient_descent" else 2e-4
    for i, seed in enumerate((0, 4)):
        for found, expected in zip(run.parameters, reference.train(config, seed), strict=True):
            atol = tolerance * max(1, np.abs(expected).max())
            np.testing.assert_allclose(found[:, i], expected, rtol=0, atol=atol)


@pytest.mark.parametrize("option", OPTIONS)
def test_scalars_are_what_they_are_defined_to_be(option):
    config = change(**({"readout_init": "standard", "steps": 30} | OPTIONS[option]))
    run = train(config, [5], snapshots=[0, 9, 30], keep_parameters=True, **QUIET)
    for t in range(3):
        expected = reference.measure(config, 5, run.parameters.map(lambda a, t=t: a[t, 0]))
        found = {name: getattr(run, name)[t, 0] for name in SCALARS}
        assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_logits_of_any_size_become_shares():
    config = change(readout_init="standard", steps=0)
    start = config.initial(5)
    start = start._replace(w2=1e4 * start.w2)
    run = train(config, 5, initial_parameters=start.map(lambda a: a[None]), **QUIET)
    expected = reference.measure(config, 5, start)
    found = {name: getattr(run, name)[0, 0] for name in SCALARS}
    assert found == pytest.approx(expected, rel=1e-4, nan_ok=True)
    assert expected["loss"] > 100


def test_recording_does_not_change_the_training():
    often = train(change(steps=100), [1], snapshots=range(101), **QUIET)
    rarely = train(change(steps=100), [1], snapshots=[100], **QUIET)
    assert often.final.tobytes() == rarely.final.tobytes()


def test_given_embeddings_replace_those_of_the_seed():
    start = np.random.default_rng(0).normal(size=(2, 7, 2))
    run = train(SHORT, [0, 1], initial_embeddings=start, **QUIET)
    np.testing.assert_array_equal(run.embeddings[0], start.astype(np.float32))
    own = train(SHORT, [0, 1], **QUIET)
    again = train(SHORT, [5, 6], initial_embeddings=own.embeddings[0], **QUIET)
    assert np.abs(again.final - own.final).max() > 1e-4  # the layers still come from the seed


def test_training_goes_on_from_given_parameters():
    options = {"snapshots": range(9), "keep_parameters": True, **QUIET}
    whole = train(change(steps=8, momentum=0.0), [0, 1], **options)
    middle = whole.parameters.map(lambda array: array[5])
    options |= {"snapshots": range(4)}
    rest = train(change(steps=3, momentum=0.0), [7, 8], initial_parameters=middle, **options)
    for there, again in zip(whole.parameters, rest.parameters, strict=True):
        np.testing.assert_array_equal(there[5], again[0])  # nothing is left of the seeds
        np.testing.assert_allclose(there[5:], again, atol=1e-6)


def test_snapshots_are_dense_early_and_sparse_late():
    gaps = np.diff(snapshot_steps(2500))
    assert gaps[0] == 1 and gaps[-1] > 50 and (np.diff(gaps) >= -1).all()
    np.testing.assert_array_equal(snapshot_steps(9, [5, 0, 5]), [0, 5])


def test_given_embeddings_and_parameters_exclude_each_other():
    given = {"initial_parameters": SHORT.initial(0), "initial_embeddings": np.zeros((1, 7, 2))}
    with pytest.raises(ValueError, match="initial_embeddings must be None beside"):
        train(SHORT, 0, **given, **QUIET)
