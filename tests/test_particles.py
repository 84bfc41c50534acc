"""The particle simulations, against torch autograd, plain sums, symmetries and real structures."""

import dataclasses
import math

import numpy as np
import pytest
import reference
import torch
from samples import QUIET, lattice, noise, relative, ring, same_run, turned
from scipy.stats import qmc

from modadd import TrainingConfig, forces, particles
from modadd.model import Parameters
from modadd.run import DivergenceError
from modadd.task import ModularAddition

ALL = [(particles.two_force, {}), (particles.field, {}), (particles.field, {"features": "moving"})]


# --- two forces -----------------------------------------------------------------------------------


def potential(E, task, alignment, reach):
    """V of the module's docstring, over ordered pairs, with the rms divided out, in torch."""
    E = E / E.square().mean().sqrt()
    n = task.modulus
    x = (E[:, None] + E[None]).reshape(-1, 2)
    label = (torch.arange(n)[:, None] + torch.arange(n)).remainder(n).ravel()
    charge = (label[:, None] == label).double() - 1 / n
    near = torch.exp(-(x[:, None] - x).square().sum(-1) / (2 * reach**2))
    size = x.square().sum(-1) + reach**2
    aligned = (x @ x.T).square() / (size[:, None] * size)
    return -(charge * ((1 - alignment) * near + alignment * aligned)).sum() / (2 * n**2)


@pytest.mark.parametrize(("alignment", "modulus"), [(0.0, 7), (0.3, 6), (1.0, 7)])
def test_two_forces_match_autograd(alignment, modulus):
    E = noise(modulus)
    # After a step so long that the start is forgotten, what is left is the force, of rms 1.
    run = particles.two_force(E, alignment, 1, step_size=1e9, momentum=0.0, **QUIET)
    force = run.final[0] * run.force_rms[0, 0] / math.sqrt(2)
    X = torch.tensor(E / np.sqrt((E**2).mean()), requires_grad=True)
    expected = potential(X, ModularAddition(modulus), alignment, 0.6)
    (gradient,) = torch.autograd.grad(expected, X)
    assert run.loss[0, 0] == pytest.approx(expected.item(), rel=1e-5)
    assert relative(force, -gradient.numpy()) < 1e-5


def test_potential_decreases_and_rms_stays_one():
    run = particles.two_force(noise(4, 11), 0.5, 200, step_size=0.05, momentum=0.0, **QUIET)
    assert (np.diff(run.loss, axis=0) <= 1e-6).all()
    assert run.loss[-1].max() < run.loss[0].min()
    np.testing.assert_allclose((run.embeddings**2).mean((-1, -2)), 1, rtol=1e-5)
    assert np.isnan(run.accuracy).all() and np.isnan(run.residual_rms).all()


# --- the field ------------------------------------------------------------------------------------


def force_error(E, degree, bias_scale):
    """Of the second step, in the field that one deposit of label charges leaves."""
    rate = 1e4  # so long a step that what it started from does not count
    plain = {"steps": 2, "learning_rate": rate, "momentum": 0.0, "weight_decay": 0.0}
    config = TrainingConfig(len(E), bias_scale=bias_scale, **plain)
    run = particles.field(E, config, degree=degree, label_charges=True, **QUIET)
    law = forces.exact(E, bias_scale) * forces.prefactor(config.task, 64, memory=rate)
    return relative((run.final[0] - E) / rate, law)


def shapes():
    """Embeddings (.., 17, 2) of every kind, scaled as in training: random, circle, grid."""
    known = [2.5 * ring(17, 3), lattice(17, 4) - [1.5, 2.0]]
    rough = [E + 0.05 * noise(17, seed=1) for E in known]
    return [*noise(3, 17), *rough, 0.34 * noise(17, seed=5)]


@pytest.mark.parametrize("E", shapes())
def test_force_of_the_field_errs_by_less_than_a_percent(E):
    assert force_error(E, particles.DEGREE, 1.0) < 0.01


@pytest.mark.parametrize("bias_scale", [0.0, 3.0])
def test_force_converges_with_the_degree_at_any_bias_scale(bias_scale):
    error = [force_error(noise(17), degree, bias_scale) for degree in (4, 8, 16)]
    assert error[0] > 2 * error[1] > 4 * error[2]
    assert error[2] < 0.02


def history_sum(E, steps, rate, decay, hidden):
    """The two equations of the field as plain sums over all deposits, with the exact kernel."""
    n, kappa = len(E), hidden / 6
    a, b = (index.ravel() for index in np.indices((n, n)))
    target = np.eye(n)[(a + b) % n]
    deposits = []
    for t in range(steps):
        x = E[a] + E[b]
        Z, slope = np.zeros((n * n, n)), np.zeros((n * n, n, 2))
        for s, (y, alpha) in enumerate(deposits):
            weight = rate * (1 - rate * decay) ** (t - 1 - s) / n**2
            Z += weight * (1 + kappa * forces.arc_cosine(x[:, None], y)) @ alpha
            gradient = forces.arc_cosine_gradient(x[:, None], y)
            slope += weight * kappa * np.einsum("pqi,qm->pmi", gradient, alpha)
        alpha = target - np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
        force = np.einsum("pm,pmi->pi", alpha, slope) / n**2
        F = np.zeros_like(E)
        np.add.at(F, a, force)
        np.add.at(F, b, force)
        deposits.append((x, alpha))
        E = (1 - rate * decay) * E + rate * F
    return E


def test_field_is_the_sum_over_its_history():
    E = noise(7)
    config = TrainingConfig(7, steps=30, learning_rate=1.0, momentum=0.0, weight_decay=0.01)
    run = particles.field(E, config, degree=16, **QUIET)
    expected = history_sum(E, 30, 1.0, 0.01, 64)
    assert relative(expected, E * 0.99**30) > 0.1  # the forces did something
    assert relative(run.final[0] - E, expected - E) < 0.01
    assert np.isnan(run.validation_accuracy).all()  # no pair is held out


def trained(E, nodes, hidden, config, frozen=False):
    """Embeddings of the reference network whose features, nodes (M, 3), stand for `hidden`."""
    nodes, n = nodes * math.sqrt(hidden / len(nodes)), len(E)
    start = Parameters(E, nodes[:, :2].T, nodes[:, 2], np.zeros((len(nodes), n)), np.zeros(n))
    return reference.train(config, 0, start=start, frozen=frozen).embeddings[-1]


def test_field_is_the_limit_of_wide_networks_with_a_frozen_first_layer():
    decay = {"weight_decay": 0.05, "embedding_decay": 0.0, "decay_until": 30}
    config = TrainingConfig(7, steps=60, label_smoothing=0.3, train_share=0.8, **decay)
    E = noise(7)
    normal = qmc.MultivariateNormalQMC(np.zeros(3), rng=np.random.default_rng(1))
    nodes = np.concatenate([half := normal.random(2**11) / math.sqrt(6), -half])
    network = trained(E, nodes, 64, config, frozen=True)
    run = particles.field(E, config, degree=16, **QUIET)
    assert relative(network, E) > 0.1
    assert relative(run.final[0] - E, network - E) < 0.03


@pytest.mark.parametrize("features", ["fixed", "moving"])
@pytest.mark.parametrize("change", [{}, {"label_smoothing": 0.3, "train_share": 0.8}])
def test_features_are_the_reference_network_on_even_nodes(features, change):
    E, config = noise(7), TrainingConfig(7, steps=30, **change)
    nodes = particles._even_cube(particles.NODES)
    # Not much longer: where a unit stands on its kink, rounding decides, and grows from there.
    network = trained(E, nodes, 64, config, frozen=features == "fixed")
    run = particles.field(E, config, features=features, **QUIET)
    assert relative(network, E) > 0.3
    assert relative(run.final[0] - E, network - E) < 1e-5


def test_pace_leads_from_fixed_features_to_moving_ones():
    E, config = noise(7), TrainingConfig(7, steps=40)
    found = {
        pace: particles.field(E, config, features="moving", pace=pace, **QUIET).final
        for pace in (0.0, 0.25, 1.0)
    }
    np.testing.assert_array_equal(
        found[0.0], particles.field(E, config, features="fixed", **QUIET).final
    )
    assert 0 < relative(found[0.25], found[0.0]) < relative(found[1.0], found[0.0])


def test_isotropic_features_that_do_not_learn_are_the_ideal_kernel():
    E, config = noise(7), TrainingConfig(7, steps=60)
    ideal, still, learning = (
        particles.field(E, config, **options, **QUIET).final[0] - E
        for options in (
            {"degree": 16},
            {"features": "isotropic", "pace": 0.0},
            {"features": "isotropic"},
        )
    )
    assert relative(still, ideal) < 0.1 < 0.2 < relative(learning, ideal)
    nodes = particles._even_sphere(particles.NODES)
    np.testing.assert_allclose(nodes.T @ nodes / len(nodes), np.eye(3) / 6, atol=3e-3)


@pytest.mark.parametrize(("optimiser", "decay"), [("adam", 1e-3), ("adamw", 0.5)])
def test_by_adam_a_feature_still_stands_for_all_of_its_units(optimiser, decay):
    """Each feature against the two units that it stands for, in a network of twice the width."""
    E, hidden = noise(7), 2 * particles.NODES
    options = {"optimiser": optimiser, "weight_decay": decay, "learning_rate": 0.01}
    # On all pairs the first gradient of the output bias is 0, and Adam steps along its rounding.
    config = TrainingConfig(7, hidden, steps=20, train_share=0.8, **options)
    nodes = particles._even_cube(particles.NODES)
    network = trained(E, np.concatenate([nodes, nodes]), hidden, config)
    run = particles.field(E, config, features="moving", **QUIET)
    assert relative(network, E) > 0.05
    assert relative(run.final[0] - E, network - E) < 5e-3  # at the plain rate 0.3


def test_nodes_are_as_even_and_as_wide_as_the_weights_they_stand_for():
    nodes = particles._even_cube(particles.NODES)
    np.testing.assert_allclose(nodes.mean(0), 0, atol=1e-12)
    moments = nodes.T @ nodes / len(nodes)
    np.testing.assert_allclose(moments, np.eye(3) / 6, atol=1e-12)
    assert np.abs(nodes).max() < 0.5**0.5


@pytest.mark.parametrize("features", ["ideal", "moving"])
def test_accuracies_count_the_pairs_of_the_networks_split(features):
    """Shares of ordered pairs: multiples of one over their number."""
    task, config = ModularAddition(17), TrainingConfig(17, steps=60, train_share=0.7)
    run = particles.field(noise(17), config, features=features, seeds=[4], **QUIET)
    ordered = task.multiplicity[task.training_pairs(0.7, 4)].sum()
    for values, count in ((run.accuracy, ordered), (run.validation_accuracy, 17**2 - ordered)):
        np.testing.assert_allclose(values * count, np.rint(values * count), atol=1e-3)
        assert 0 < values[-1] <= 1


# --- both -----------------------------------------------------------------------------------------


def few_steps(simulate, E, **options):
    """Either simulation for forty steps."""
    if simulate is particles.field:
        options["config"] = TrainingConfig(E.shape[-2], steps=40)
    else:
        options["steps"] = 40
    return simulate(E, **QUIET | options)


@pytest.mark.parametrize("simulate", [particles.two_force, particles.field])
def test_turning_commutes_with_time(simulate):
    E, turn = noise(2, 11), turned(0.7, True)
    a, b = few_steps(simulate, E @ turn).final, few_steps(simulate, E).final @ turn
    assert relative(b, E @ turn) > 0.05
    assert relative(a, b) < 1e-3


@pytest.mark.parametrize(("simulate", "options"), ALL)
def test_relabelling_commutes_with_time(simulate, options):
    E = noise(2, 9)
    order = (2 * np.arange(9) + 4) % 9  # token a becomes 2 a + 4; 2 is a unit modulo 9
    moved = np.empty_like(E)
    moved[:, order] = E
    a = few_steps(simulate, moved, **options).final[:, order]
    assert relative(a, few_steps(simulate, E, **options).final) < 1e-3


def test_bits_do_not_depend_on_company_or_threads():
    E, few = noise(3, 7), lambda E, **options: few_steps(particles.field, E, **options)
    options = {"features": "moving"}
    all_three = few(E, threads=2, seeds=[5, 6, 7], **options)
    swapped = few(E[::-1], threads=1, seeds=[7, 6, 5], **options)
    same_run(swapped.select([5, 6, 7]), all_three)
    same_run(few(E[1], seeds=6, **options), all_three.select(6))


def test_the_cache_gives_the_same_run(tmp_path, monkeypatch):
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path))
    E = noise(2, 7)
    fresh, again = (particles.two_force(E, steps=5, cache=True, progress=False) for _ in "ab")
    assert len(list(tmp_path.rglob("*.npz"))) == 2 and fresh.source == "two_force"
    same_run(again, fresh)
    other = particles.two_force(2 * E[:, ::-1], steps=5, cache=True, progress=False)
    assert not np.array_equal(other.embeddings, fresh.embeddings)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"config": TrainingConfig(17)}, "config"),
        ({"features": "moving", "degree": 4}, "features"),
        ({"features": "fixed", "label_charges": True}, "features"),
        ({"pace": 0.5}, "features"),
        ({"config": TrainingConfig(7, optimiser="adam")}, "features must be 'fixed' or 'moving'"),
        ({"seeds": [1, 2]}, "seeds"),
    ],
)
def test_what_does_not_go_together_is_named(options, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        particles.field(noise(1, 7), **{"config": TrainingConfig(7)} | options, **QUIET)


def test_a_field_that_overshoots_is_reported():
    """Features that stay, at a rate too high for their number and bias."""
    E0 = noise(2, 17)
    steep = TrainingConfig(hidden=256, bias_scale=2.5, steps=200)
    with pytest.warns(RuntimeWarning, match=r"the loss of 2 of 2 starts \(seed 0 first\) ends"):
        particles.field(E0, steep, features="fixed", **QUIET)
    calm = dataclasses.replace(steep, learning_rate=0.03)
    assert particles.field(E0, calm, features="fixed", **QUIET).loss[-1].max() < math.log(17)


def test_label_charges_run_away():
    with pytest.raises(DivergenceError, match="seed 0"):
        particles.field(noise(1, 17), TrainingConfig(steps=3000), label_charges=True, **QUIET)
