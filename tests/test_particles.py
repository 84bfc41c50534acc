"""The particle simulations, against torch autograd, plain sums, symmetries and real structures."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import qmc

from modadd import (
    TrainingConfig,
    forces,
    model,
    particles,
    structure,
    train,
)
from modadd._compiled import particles as _particles
from modadd._compiled.engine import padded_pairs
from modadd.model import Parameters
from modadd.run import DivergenceError
from modadd.task import ModularAddition

QUIET = {"cache": False, "progress": False}
SIMULATIONS = [particles.two_force, particles.field]


def starts(count, modulus=7, seed=0):
    return np.random.default_rng(seed).standard_normal((count, modulus, 2))


def network_starts(seeds):
    return np.stack([TrainingConfig().initial(seed).embeddings for seed in seeds])


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


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


@pytest.mark.parametrize("alignment", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("modulus", [6, 7])
def test_two_forces_match_autograd(alignment, modulus):
    task = ModularAddition(modulus)
    E = starts(1, modulus)[0]
    E /= np.sqrt((E**2).mean())
    values = np.array([alignment, 0.6, 0.3, 0.9])
    force = np.empty_like(E)
    weights = task.multiplicity.astype(np.float32)
    V = _particles._two_forces(E, task.pairs, task.labels, weights, values, force)
    X = torch.tensor(E, requires_grad=True)
    expected = potential(X, task, alignment, 0.6)
    (gradient,) = torch.autograd.grad(expected, X)
    assert V == pytest.approx(expected.item(), rel=1e-5)
    assert relative(force, -gradient.numpy()) < 1e-5


def test_potential_decreases_and_rms_stays_one():
    run = particles.two_force(starts(4, 11), 0.5, 200, step_size=0.05, momentum=0.0, **QUIET)
    assert (np.diff(run.loss, axis=0) <= 1e-6).all()
    assert run.loss[-1].max() < run.loss[0].min()
    np.testing.assert_allclose((run.embeddings**2).mean((-1, -2)), 1, rtol=1e-5)
    assert np.isnan(run.accuracy).all() and np.isnan(run.residual_rms).all()


def test_two_force_ignores_the_scale_of_its_start():
    E0 = starts(2)
    a, b = (particles.two_force(s * E0, 0.5, 20, **QUIET).final for s in (1, 7))
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_alignment_makes_circles_and_clustering_makes_grids():
    E0 = network_starts(range(2000, 2024))
    aligned = structure.census(particles.two_force(E0, 1.0, **QUIET).final)
    clustered = structure.census(particles.two_force(E0, 0.0, **QUIET).final)
    assert aligned.count("circle") >= 17 and aligned.lattices <= 2
    assert clustered.count("circle") == 0 and clustered.lattices >= 10


# --- the field ------------------------------------------------------------------------------------


def first_force(E, degree, bias_scale, hidden=64):
    """Force on E (N, 2) in the field that one deposit of label charges leaves, learning rate 1."""
    task = ModularAddition(len(E))
    pairs = padded_pairs(
        task.pairs, task.labels, task.multiplicity / task.modulus**2, np.zeros(len(task.pairs))
    )
    table = _particles.multipole_table(degree)
    rule = _particles.Rule(hidden / 6, bias_scale, 1.0, 0.0, 0.0, 0.0)
    theta = np.zeros(E.size + task.modulus * (len(table[0]) + 1), np.float32)
    theta[: E.size] = E.ravel()
    gradient, scalars = np.empty_like(theta), np.empty(5)
    for _ in range(2):
        _particles._field_gradient(theta, len(E), pairs, table, rule, True, gradient, scalars)
        theta[E.size :] -= gradient[E.size :]
    return -gradient[: E.size].reshape(E.shape).astype(np.float64)


def force_error(E, degree, bias_scale):
    task = ModularAddition(len(E))
    exact = forces.exact(E.astype(np.float64), bias_scale)
    return relative(
        first_force(E, degree, bias_scale), exact * forces.prefactor(task, 64, memory=1.0)
    )


def shapes():
    """Embeddings (.., 17, 2) of every kind, scaled as in training: random, circle, grid."""
    angle = 2 * np.pi * 3 * np.arange(17) / 17
    i, j = np.divmod(np.arange(17), 4)
    grid = np.stack([i - 2.0, j - 1.5], axis=-1)
    noise = 0.05 * starts(1, 17, 1)[0]
    circle = 2.5 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return [*starts(6, 17), circle + noise, grid + noise, 0.34 * starts(1, 17, 5)[0]]


@pytest.mark.parametrize("E", shapes())
def test_force_of_the_field_errs_by_less_than_a_percent(E):
    assert force_error(E, particles.DEGREE, 1.0) < 0.01


@pytest.mark.parametrize("bias_scale", [0.0, 0.3, 3.0])
def test_force_converges_with_the_degree_at_any_bias_scale(bias_scale):
    error = [force_error(starts(1, 17)[0], degree, bias_scale) for degree in (4, 8, 16)]
    assert error[0] > 2 * error[1] > 4 * error[2]
    assert error[2] < 0.02


def test_multipoles_sum_to_the_kernel():
    rows, factors = _particles.multipole_table(16)
    x = (2 * starts(1, 12)[0]).T.astype(np.float32)
    phi = np.empty((3, len(rows) + 1, 12), np.float32)
    _particles._multipoles(x, np.float32(1.0), 1.0, rows, factors, phi)
    expected = forces.arc_cosine(x.T[:, None], x.T[None])
    slope = forces.arc_cosine_gradient(x.T[:, None], x.T[None])
    np.testing.assert_allclose(phi[0, :-1].T @ phi[0, :-1], expected, atol=1e-3)
    for axis in range(2):
        found = phi[1 + axis, :-1].T @ phi[0, :-1]
        np.testing.assert_allclose(found, slope[..., axis], atol=6e-3)


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
    E = starts(1)[0]
    settings = {"learning_rate": 1.0, "momentum": 0.0, "weight_decay": 0.01, "degree": 16}
    run = particles.field(E, 30, **settings, **QUIET)
    expected = history_sum(E, 30, 1.0, 0.01, 64)
    assert relative(expected, E * 0.99**30) > 0.1  # the forces did something
    assert relative(run.final[0] - E, expected - E) < 0.01


def descend(parameters, task, steps, rate, momentum, decay, frozen):
    """Gradient descent on the reference network in float64; returns its embeddings."""
    weights = torch.tensor(model.pair_weights(task, np.ones(len(task.pairs), bool)))
    speed = [torch.zeros_like(array) for array in parameters]
    for _ in range(steps):
        leaves = [array.detach().requires_grad_() for array in parameters]
        gradients = torch.autograd.grad(model.loss(Parameters(*leaves), task, weights), leaves)
        for i, (array, gradient) in enumerate(zip(leaves, gradients, strict=True)):
            if not (frozen and i in (1, 2)):
                speed[i] = momentum * speed[i] + gradient + decay * array.detach()
        parameters = [a.detach() - rate * v for a, v in zip(leaves, speed, strict=True)]
    return parameters[0].numpy()


def wide_network(E, nodes, hidden):
    """Reference parameters whose features, rows of nodes (M, 3), stand for `hidden` units."""
    nodes, n = torch.tensor(nodes * math.sqrt(hidden / len(nodes))), len(E)
    shape = nodes.new_zeros(len(nodes), n)
    return [torch.tensor(E), nodes[:, :2].T, nodes[:, 2], shape, shape.new_zeros(n)]


def test_field_is_the_limit_of_wide_networks_with_a_frozen_first_layer():
    E, task = starts(1)[0], ModularAddition(7)
    normal = qmc.MultivariateNormalQMC(np.zeros(3), rng=np.random.default_rng(1))
    nodes = np.concatenate([half := normal.random(2**12) / math.sqrt(6), -half])
    network = descend(wide_network(E, nodes, 64), task, 60, 0.3, 0.9, 3e-3, frozen=True)
    run = particles.field(E, 60, degree=16, **QUIET)
    assert relative(network, E) > 0.1
    assert relative(run.final[0] - E, network - E) < 0.03


@pytest.mark.parametrize("features", ["fixed", "moving"])
def test_features_are_the_reference_network_on_even_nodes(features):
    E, task = starts(1)[0], ModularAddition(7)
    nodes = particles._even_cube(particles.NODES)
    # Not much longer: where a unit stands on its kink, rounding decides, and grows from there.
    recipe = (task, 40, 0.3, 0.9, 3e-3)
    network = descend(wide_network(E, nodes, 64), *recipe, frozen=features == "fixed")
    run = particles.field(E, 40, features=features, **QUIET)
    assert relative(network, E) > 0.5
    assert relative(run.final[0] - E, network - E) < 1e-5


def test_a_feature_of_mass_two_is_two_units():
    E, task = starts(1)[0], ModularAddition(7)
    nodes = np.random.default_rng(2).uniform(-(0.5**0.5), 0.5**0.5, (12, 3))
    one = descend(wide_network(E, nodes, 24), task, 60, 0.3, 0.9, 3e-3, frozen=False)
    twins = np.concatenate([nodes, nodes])
    two = descend(wide_network(E, twins, 24), task, 60, 0.3, 0.9, 3e-3, frozen=False)
    np.testing.assert_allclose(one, two, rtol=1e-9)


def test_nodes_are_as_even_and_as_wide_as_the_weights_they_stand_for():
    nodes = particles._even_cube(particles.NODES)
    np.testing.assert_allclose(nodes.mean(0), 0, atol=1e-12)
    moments = nodes.T @ nodes / len(nodes)
    np.testing.assert_allclose(np.diag(moments), 1 / 6, atol=3e-3)
    np.testing.assert_allclose(moments, np.eye(3) / 6, atol=8e-3)
    assert np.abs(nodes).max() < 0.5**0.5


def test_the_first_two_multipoles_push_only_along_the_pair_sums():
    """Degree 1 is 3/16 ñ_x ñ_y and a linear kernel, which by the sum rules exerts no force."""
    E, task = starts(1)[0], ModularAddition(7)
    x = task.pair_sums(E)
    length = np.sqrt((x**2).sum(-1) + 1)
    pull = forces.label_charges(task) @ (task.multiplicity * length)
    pairs = (task.multiplicity * pull / length)[:, None] * x
    expected = 64 / 6 * 0.1**2 / 7**4 * 3 / 16 * forces.scatter(pairs, task)
    run = particles.field(E, 2, 64, 0.0, learning_rate=0.1, momentum=0.0, degree=1, **QUIET)
    # The residuals have already moved by some per cent; at smaller steps float32 would not resolve.
    assert relative(run.final[0] - E, expected) < 0.06


def test_forgetting_is_apart_from_the_decay_of_the_positions():
    E = starts(1)
    slow, fast = (
        particles.field(E, 100, weight_decay=d, embedding_decay=3e-3, **QUIET) for d in (3e-3, 0.3)
    )
    assert fast.loss[-1] > slow.loss[-1]
    assert fast.residual_rms[-1] > slow.residual_rms[-1]
    same = particles.field(E, 100, weight_decay=3e-3, **QUIET)
    np.testing.assert_array_equal(same.final, slow.final)


def test_the_field_ends_in_the_structure_of_the_network():
    """Unseen starts; over more of them the mean is about 0.88, that of the start itself 0.44."""
    seeds = range(3000, 3012)
    E0 = network_starts(seeds)
    network = train(TrainingConfig(), seeds, snapshots=2, **QUIET).final
    moving = particles.field(E0, features="moving", snapshots=2, **QUIET).final
    agreement = structure.procrustes_r2(moving, network)
    assert agreement.mean() > 0.7
    assert agreement.mean() > structure.procrustes_r2(E0, network).mean() + 0.2


def test_on_part_of_the_pairs_only_those_exert_and_feel_forces():
    """At step 1 the force is the exact law's, of residuals that are still label charges."""
    task, E0 = ModularAddition(17), starts(1, 17)[0]
    slow = {"learning_rate": 0.03, "momentum": 0.0, "weight_decay": 0.0, "seeds": [4]}
    run = particles.field(E0, 2, train_share=0.7, snapshots=[0, 1, 2], **slow, **QUIET)
    training = task.training_pairs(0.7, 4)
    law = forces.exact(run.embeddings[1, 0], training=training)
    moved = run.embeddings[2, 0] - run.embeddings[1, 0]
    assert (law * moved).sum() / np.linalg.norm(law) / np.linalg.norm(moved) > 0.999
    whole = forces.exact(run.embeddings[1, 0])
    assert (whole * moved).sum() / np.linalg.norm(whole) / np.linalg.norm(moved) < 0.99


@pytest.mark.parametrize("features", ["ideal", "moving"])
def test_accuracies_count_the_pairs_of_the_networks_split(features):
    """Shares of ordered pairs: multiples of one over their number."""
    task, some = ModularAddition(17), {"seeds": [4], "features": features}
    run = particles.field(starts(1, 17), 60, train_share=0.7, **some, **QUIET)
    ordered = task.multiplicity[task.training_pairs(0.7, 4)].sum()
    for values, count in ((run.accuracy, ordered), (run.validation_accuracy, 17**2 - ordered)):
        np.testing.assert_allclose(values * count, np.rint(values * count), atol=1e-3)
        assert 0 < values[-1] <= 1
    whole = particles.field(starts(1, 17), 60, **some, **QUIET)
    assert np.isnan(whole.validation_accuracy).all()


# --- both -----------------------------------------------------------------------------------------


def few_steps(simulate, E, **options):
    return simulate(E, steps=40, **QUIET, **options)


@pytest.mark.parametrize("simulate", SIMULATIONS)
@pytest.mark.parametrize("reflect", [1, -1])
def test_rotations_and_reflections_commute_with_time(simulate, reflect):
    c, s = math.cos(0.7), math.sin(0.7)
    turn = np.array([[c, -s], [s, c]]) * [1, reflect]
    E = starts(2, 11)
    a, b = few_steps(simulate, E @ turn.T).final, few_steps(simulate, E).final @ turn.T
    assert relative(b, E @ turn.T) > 0.05
    assert relative(a, b) < 1e-3


@pytest.mark.parametrize("simulate", SIMULATIONS)
@pytest.mark.parametrize("moving", [False, True])
def test_relabelling_commutes_with_time(simulate, moving):
    options = {"features": "moving"} if moving and simulate is particles.field else {}
    E = starts(2, 9)
    order = (2 * np.arange(9) + 4) % 9  # token a becomes 2 a + 4; 2 is a unit modulo 9
    moved = np.empty_like(E)
    moved[:, order] = E
    a = few_steps(simulate, moved, **options).final[:, order]
    assert relative(a, few_steps(simulate, E, **options).final) < 1e-3


@pytest.mark.parametrize("simulate", SIMULATIONS)
@pytest.mark.parametrize("moving", [False, True])
def test_bits_do_not_depend_on_company_or_threads(simulate, moving):
    options = {"features": "moving"} if moving and simulate is particles.field else {}
    E = starts(3)
    all_three = few_steps(simulate, E, threads=2, seeds=[5, 6, 7], **options)
    swapped = few_steps(simulate, E[::-1], threads=1, seeds=[7, 6, 5], **options)
    alone = few_steps(simulate, E[1], seeds=6, **options)
    np.testing.assert_array_equal(swapped.select([5, 6, 7]).embeddings, all_three.embeddings)
    np.testing.assert_array_equal(alone.embeddings[:, 0], all_three.embeddings[:, 1])
    np.testing.assert_array_equal(alone.loss[:, 0], all_three.loss[:, 1])


@pytest.mark.parametrize("simulate", SIMULATIONS)
def test_the_cache_gives_the_same_run(simulate, tmp_path, monkeypatch):
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path))
    E = starts(2)
    fresh = simulate(E, steps=5, progress=False, cache=True)
    files = list(tmp_path.rglob("*.npz"))
    again = simulate(E, steps=5, progress=False, cache=True)
    assert len(files) == 2 and again.source == fresh.source == simulate.__name__
    np.testing.assert_array_equal(again.embeddings, fresh.embeddings)
    other = simulate(2 * E[:, ::-1], steps=5, progress=False, cache=True)
    assert not np.array_equal(other.embeddings, fresh.embeddings)


@pytest.mark.parametrize("simulate", SIMULATIONS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"E0": np.zeros((5, 3))},
        {"E0": np.full((5, 2), np.nan)},
        {"E0": np.zeros((2, 5, 2))},
        {"E0": np.ones((1, 1, 5, 2))},
        {"steps": -1},
        {"momentum": 1.5},
        {"seeds": [1, 1, 2]},
        {"seeds": [1]},
        {"snapshots": [3, 11]},
        {"threads": 0},
    ],
)
def test_bad_arguments_are_named(simulate, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        simulate(**{"E0": starts(3), "steps": 10} | wrong, **QUIET)


@pytest.mark.parametrize(
    ("simulate", "wrong"),
    [
        (particles.two_force, {"alignment_force": 1.1}),
        (particles.two_force, {"step_size": 0.0}),
        (particles.two_force, {"reach": 0.0}),
        (particles.field, {"hidden": 0}),
        (particles.field, {"weight_decay": -1.0}),
        (particles.field, {"embedding_decay": -1.0}),
        (particles.field, {"learning_rate": 0.0}),
        (particles.field, {"bias_scale": -1.0}),
        (particles.field, {"degree": 17}),
        (particles.field, {"label_charges": 1}),
        (particles.field, {"features": "free"}),
    ],
)
def test_bad_settings_are_named(simulate, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        simulate(starts(1), steps=10, **wrong, **QUIET)


def test_features_of_their_own_take_no_multipoles():
    with pytest.raises(ValueError, match="features must be 'ideal'"):
        particles.field(starts(1), 10, degree=4, features="moving", **QUIET)


@pytest.mark.parametrize("moving", [False, True])
def test_divergence_names_step_and_seed(moving):
    with pytest.raises(DivergenceError, match=r"step \d+ of seed 8"):
        options = {
            "momentum": 0.999,
            "learning_rate": 1e3,
            "features": "moving" if moving else "ideal",
        }
        particles.field(starts(1), 3000, seeds=8, **options, **QUIET)


def test_label_charges_run_away():
    with pytest.raises(DivergenceError, match="seed 0"):
        particles.field(starts(1, 17), 3000, label_charges=True, **QUIET)
