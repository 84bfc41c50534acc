"""The reference model: closed forms against autograd, symmetries of the initialisation."""

import numpy as np
import pytest
import torch

from modadd import ModularAddition, model

TASK = ModularAddition(7)


def draw(seeds, task=TASK, hidden=11, readout_init="standard"):
    """Parameters of several seeds in float64, with gradients."""
    drawn = [model.initialise(task, hidden, seed, readout_init=readout_init) for seed in seeds]
    stacked = model.Parameters(*(np.stack(arrays) for arrays in zip(*drawn, strict=True)))
    return stacked.map(lambda a: torch.tensor(a, dtype=torch.float64, requires_grad=True))


def weights_of(share, seeds, task=TASK):
    masks = np.stack([task.training_pairs(share, seed) for seed in seeds])
    return torch.tensor(model.pair_weights(task, masks))


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("bias_scale", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_closed_form_forces_equal_autograd(share, bias_scale, label_smoothing):
    seeds = (0, 1, 2)
    parameters, weights = draw(seeds), weights_of(share, seeds)
    options = {"bias_scale": bias_scale, "label_smoothing": label_smoothing}
    loss = model.loss(parameters, TASK, weights, **options).sum()
    (gradient,) = torch.autograd.grad(loss, parameters.embeddings)
    forces = model.embedding_forces(parameters, TASK, weights, **options)
    torch.testing.assert_close(forces, -gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_is_torchs_cross_entropy_over_ordered_pairs(smoothing):
    parameters = draw([0])
    total = 0.0
    for a in range(7):
        for b in range(7):
            x = parameters.embeddings[:, a] + parameters.embeddings[:, b]
            z, label = model.logits(parameters, x[:, None])[:, 0], torch.tensor([(a + b) % 7])
            total += torch.nn.functional.cross_entropy(z, label, label_smoothing=smoothing)
    loss = model.loss(parameters, TASK, weights_of(1.0, [0]), label_smoothing=smoothing)
    torch.testing.assert_close(loss[0], total / 49)


def test_initial_embeddings_depend_on_the_seed_alone():
    wide = model.initialise(TASK, 100, 5, readout_init="standard")
    narrow = model.initialise(TASK, 3, 5)
    np.testing.assert_array_equal(wide.embeddings, narrow.embeddings)
    scaled = model.initialise(TASK, 3, 5, embedding_scale=0.5)
    np.testing.assert_allclose(scaled.embeddings, 0.5 * narrow.embeddings, rtol=1e-6)
    assert (narrow.w2 == 0).all() and (narrow.b2 == 0).all()
    assert np.abs(wide.w2).max() <= 0.1 and np.abs(wide.w1).max() <= 2**-0.5


def test_initialisation_has_the_stated_moments():
    task = ModularAddition(113)
    p = model.initialise(task, 4000, 0, readout_init="standard")
    assert p.embeddings.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 226))
    assert p.w1.var() == pytest.approx(1 / 6, rel=0.05)
    assert p.w2.var() == pytest.approx(1 / (3 * 4000), rel=0.01)


def test_regions_name_the_label_of_the_largest_logit():
    parameters = draw([0]).map(lambda a: a[0].detach().float())
    x, y = np.linspace(-2, 2, 5), np.linspace(-1, 1, 3)
    regions = model.regions(parameters, x, y)
    assert regions.shape == (3, 5)
    point = torch.tensor([[x[4], y[1]]], dtype=torch.float32)
    assert regions[1, 4] == model.logits(parameters, point)[0].argmax()
