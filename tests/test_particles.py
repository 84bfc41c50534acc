"""The particle simulations, against torch autograd, plain sums, symmetries and real structures."""

import dataclasses
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
from modadd._compiled import field as _field
from modadd._compiled import two_forces as _two_forces
from modadd.model import Parameters
from modadd.run import DivergenceError
from modadd.task import ModularAddition
from modadd.training import prepare

QUIET = {"cache": False, "progress": False}
SIMULATIONS = [particles.two_force, particles.field]
ALL = [(particles.two_force, {}), (particles.field, {}), (particles.field, {"features": "moving"})]


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
    rule = _two_forces.TwoForces(alignment, 0.6, 0.3, 0.9)
    force = np.empty_like(E)
    weights = task.multiplicity.astype(np.float32)
    V = _two_forces._two_forces(E, task.pairs, task.labels, weights, rule, force)
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


def first_force(E, degree, bias_scale):
    """Force on E (N, 2) in the field that one deposit of label charges leaves, learning rate 1."""
    config = TrainingConfig(len(E), bias_scale=bias_scale)
    _, recipe, pairs = prepare(config, config.task, 0)
    blocks = _field.in_blocks(pairs)
    table = _field.multipole_table(degree)
    theta = np.zeros(E.size + len(E) * (len(table[0]) + 1), np.float32)
    theta[: E.size] = E.ravel()
    gradient, scalars = np.empty_like(theta), np.empty(5)
    for _ in range(2):
        _field._field_gradient(theta, recipe, *blocks, table, True, gradient, scalars)
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
    rows, factors = _field.multipole_table(16)
    x = (2 * starts(1, 12)[0]).T.astype(np.float32)
    phi = np.empty((3, len(rows) + 1, 12), np.float32)
    _field._multipoles(x, np.float32(1.0), 1.0, rows, factors, phi)
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
    config = TrainingConfig(7, steps=30, learning_rate=1.0, momentum=0.0, weight_decay=0.01)
    run = particles.field(E, config, degree=16, **QUIET)
    expected = history_sum(E, 30, 1.0, 0.01, 64)
    assert relative(expected, E * 0.99**30) > 0.1  # the forces did something
    assert relative(run.final[0] - E, expected - E) < 0.01


def descend(parameters, config, frozen=False):
    """The reference network in float64, moved by torch.optim; returns its embeddings."""
    task, s = config.task, config.label_smoothing
    weights = torch.tensor(model.pair_weights(task, task.training_pairs(config.train_share, 0)))
    leaves = [
        array.requires_grad_(not (frozen and i in (1, 2))) for i, array in enumerate(parameters)
    ]
    groups = [
        {"params": [p], "weight_decay": config.weight_decay} for p in leaves if p.requires_grad
    ]
    if config.embedding_decay is not None:
        groups[0]["weight_decay"] = config.embedding_decay
    rate = config.learning_rate
    optimiser = {
        "gradient_descent": lambda: torch.optim.SGD(groups, rate, config.momentum),
        "adam": lambda: torch.optim.Adam(groups, rate),
        "adamw": lambda: torch.optim.AdamW(groups, rate),
    }[config.optimiser]()
    for step in range(config.steps):
        if step == config.decay_until:
            for group in optimiser.param_groups:
                group["weight_decay"] = 0.0
        optimiser.zero_grad()
        model.loss(Parameters(*leaves), task, weights, label_smoothing=s).backward()
        optimiser.step()
    return leaves[0].detach().numpy()


def wide_network(E, nodes, hidden):
    """Reference parameters whose features, rows of nodes (M, 3), stand for `hidden` units."""
    nodes, n = torch.tensor(nodes * math.sqrt(hidden / len(nodes))), len(E)
    shape = nodes.new_zeros(len(nodes), n)
    return [torch.tensor(E), nodes[:, :2].T, nodes[:, 2], shape, shape.new_zeros(n)]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"label_smoothing": 0.3, "train_share": 0.8},
        {"weight_decay": 0.05, "embedding_decay": 0.0, "decay_until": 30},
    ],
)
def test_field_is_the_limit_of_wide_networks_with_a_frozen_first_layer(change):
    E, config = starts(1)[0], TrainingConfig(7, steps=60, **change)
    normal = qmc.MultivariateNormalQMC(np.zeros(3), rng=np.random.default_rng(1))
    nodes = np.concatenate([half := normal.random(2**12) / math.sqrt(6), -half])
    network = descend(wide_network(E, nodes, 64), config, frozen=True)
    run = particles.field(E, config, degree=16, **QUIET)
    assert relative(network, E) > 0.1
    assert relative(run.final[0] - E, network - E) < 0.03


@pytest.mark.parametrize("features", ["fixed", "moving"])
@pytest.mark.parametrize("change", [{}, {"label_smoothing": 0.3, "train_share": 0.8}])
def test_features_are_the_reference_network_on_even_nodes(features, change):
    E, config = starts(1)[0], TrainingConfig(7, steps=30, **change)
    nodes = particles._even_cube(particles.NODES)
    # Not much longer: where a unit stands on its kink, rounding decides, and grows from there.
    network = descend(wide_network(E, nodes, 64), config, frozen=features == "fixed")
    run = particles.field(E, config, features=features, **QUIET)
    assert relative(network, E) > 0.3
    assert relative(run.final[0] - E, network - E) < 1e-5


def test_pace_leads_from_fixed_features_to_moving_ones():
    E, config = starts(1)[0], TrainingConfig(7, steps=40)
    found = {
        pace: particles.field(E, config, features="moving", pace=pace, **QUIET).final
        for pace in (0.0, 0.25, 1.0)
    }
    np.testing.assert_array_equal(
        found[0.0], particles.field(E, config, features="fixed", **QUIET).final
    )
    assert 0 < relative(found[0.25], found[0.0]) < relative(found[1.0], found[0.0])


def test_isotropic_features_that_do_not_learn_are_the_ideal_kernel():
    E, config = starts(1)[0], TrainingConfig(7, steps=60)
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


def test_a_feature_of_mass_two_is_two_units():
    E, config = starts(1)[0], TrainingConfig(7, steps=60)
    nodes = np.random.default_rng(2).uniform(-(0.5**0.5), 0.5**0.5, (12, 3))
    one = descend(wide_network(E, nodes, 24), config)
    two = descend(wide_network(E, np.concatenate([nodes, nodes]), 24), config)
    np.testing.assert_allclose(one, two, rtol=1e-9)


@pytest.mark.parametrize("features", ["fixed", "moving"])
@pytest.mark.parametrize(("optimiser", "decay"), [("adam", 1e-3), ("adamw", 0.5)])
def test_by_adam_a_feature_still_stands_for_all_of_its_units(features, optimiser, decay):
    """Each feature against the two units that it stands for, in a network of twice the width."""
    E, hidden = starts(1)[0], 2 * particles.NODES
    options = {"optimiser": optimiser, "weight_decay": decay, "learning_rate": 0.01}
    # On all pairs the first gradient of the output bias is 0, and Adam steps along its rounding.
    config = TrainingConfig(7, hidden, steps=20, train_share=0.8, **options)
    nodes = particles._even_cube(particles.NODES)
    network = wide_network(E, np.concatenate([nodes, nodes]), hidden)
    network = descend(network, config, frozen=features == "fixed")
    run = particles.field(E, config, features=features, **QUIET)
    assert relative(network, E) > 0.05
    assert relative(run.final[0] - E, network - E) < 5e-3  # at the plain rate 0.3


def test_nodes_are_as_even_and_as_wide_as_the_weights_they_stand_for():
    nodes = particles._even_cube(particles.NODES)
    np.testing.assert_allclose(nodes.mean(0), 0, atol=1e-12)
    moments = nodes.T @ nodes / len(nodes)
    np.testing.assert_allclose(moments, np.eye(3) / 6, atol=1e-12)
    assert np.abs(nodes).max() < 0.5**0.5


def test_the_first_two_multipoles_push_only_along_the_pair_sums():
    """Degree 1 is 3/16 ñ_x ñ_y and a linear kernel, which by the sum rules exerts no force."""
    E, task = starts(1)[0], ModularAddition(7)
    x = task.pair_sums(E)
    length = np.sqrt((x**2).sum(-1) + 1)
    pull = forces.label_charges(task) @ (task.multiplicity * length)
    pairs = (task.multiplicity * pull / length)[:, None] * x
    expected = 64 / 6 * 0.1**2 / 7**4 * 3 / 16 * task.scatter(pairs)
    config = TrainingConfig(7, steps=2, weight_decay=0.0, learning_rate=0.1, momentum=0.0)
    run = particles.field(E, config, degree=1, **QUIET)
    # The residuals have already moved by some per cent; at smaller steps float32 would not resolve.
    assert relative(run.final[0] - E, expected) < 0.06


def test_forgetting_is_apart_from_the_decay_of_the_positions():
    E = starts(1)
    recipes = [
        TrainingConfig(7, steps=100, weight_decay=d, embedding_decay=3e-3) for d in (3e-3, 0.3)
    ]
    slow, fast = (particles.field(E, config, **QUIET) for config in recipes)
    assert fast.loss[-1] > slow.loss[-1]
    assert fast.residual_rms[-1] > slow.residual_rms[-1]
    same = particles.field(E, TrainingConfig(7, steps=100, weight_decay=3e-3), **QUIET)
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
    slow = {"learning_rate": 0.03, "momentum": 0.0, "weight_decay": 0.0}
    config = TrainingConfig(17, steps=2, train_share=0.7, **slow)
    run = particles.field(E0, config, seeds=[4], snapshots=[0, 1, 2], **QUIET)
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
    config = TrainingConfig(17, steps=60, train_share=0.7)
    run = particles.field(starts(1, 17), config, **some, **QUIET)
    ordered = task.multiplicity[task.training_pairs(0.7, 4)].sum()
    for values, count in ((run.accuracy, ordered), (run.validation_accuracy, 17**2 - ordered)):
        np.testing.assert_allclose(values * count, np.rint(values * count), atol=1e-3)
        assert 0 < values[-1] <= 1
    whole = particles.field(starts(1, 17), TrainingConfig(17, steps=60), **some, **QUIET)
    assert np.isnan(whole.validation_accuracy).all()


# --- both -----------------------------------------------------------------------------------------


def simulation(simulate, E, steps, **options):
    """Either simulation for a number of steps."""
    if simulate is particles.field:
        options["config"] = TrainingConfig(E.shape[-2], steps=steps)
    else:
        options["steps"] = steps
    return simulate(E, **{"progress": False} | options)


def few_steps(simulate, E, **options):
    return simulation(simulate, E, 40, cache=False, **options)


@pytest.mark.parametrize("simulate", SIMULATIONS)
@pytest.mark.parametrize("reflect", [1, -1])
def test_rotations_and_reflections_commute_with_time(simulate, reflect):
    c, s = math.cos(0.7), math.sin(0.7)
    turn = np.array([[c, -s], [s, c]]) * [1, reflect]
    E = starts(2, 11)
    a, b = few_steps(simulate, E @ turn.T).final, few_steps(simulate, E).final @ turn.T
    assert relative(b, E @ turn.T) > 0.05
    assert relative(a, b) < 1e-3


@pytest.mark.parametrize(("simulate", "options"), ALL)
def test_relabelling_commutes_with_time(simulate, options):
    E = starts(2, 9)
    order = (2 * np.arange(9) + 4) % 9  # token a becomes 2 a + 4; 2 is a unit modulo 9
    moved = np.empty_like(E)
    moved[:, order] = E
    a = few_steps(simulate, moved, **options).final[:, order]
    assert relative(a, few_steps(simulate, E, **options).final) < 1e-3


@pytest.mark.parametrize(("simulate", "options"), ALL)
def test_bits_do_not_depend_on_company_or_threads(simulate, options):
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
    fresh = simulation(simulate, E, 5, cache=True)
    files = list(tmp_path.rglob("*.npz"))
    again = simulation(simulate, E, 5, cache=True)
    assert len(files) == 2 and again.source == fresh.source == simulate.__name__
    np.testing.assert_array_equal(again.embeddings, fresh.embeddings)
    other = simulation(simulate, 2 * E[:, ::-1], 5, cache=True)
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
        particles.field(starts(1), **{"config": TrainingConfig(7)} | options, **QUIET)


@pytest.mark.parametrize("simulate", SIMULATIONS)
def test_a_tensor_that_learns_is_a_start_like_any_other(simulate):
    E = torch.tensor(starts(2), requires_grad=True)
    found, expected = (few_steps(simulate, start).final for start in (E, starts(2)))
    np.testing.assert_array_equal(found, expected)


def test_a_field_that_overshoots_is_reported():
    """Features that stay, at a rate too high for their number and bias."""
    E0 = network_starts(range(2))
    steep = TrainingConfig(hidden=256, bias_scale=2.5, steps=400)
    with pytest.warns(RuntimeWarning, match=r"the loss of 2 of 2 starts \(seed 0 first\) ends"):
        particles.field(E0, steep, features="fixed", **QUIET)
    calm = dataclasses.replace(steep, learning_rate=0.03)
    assert particles.field(E0, calm, features="fixed", **QUIET).loss[-1].max() < math.log(17)


@pytest.mark.parametrize("features", ["ideal", "moving"])
def test_divergence_names_step_and_seed(features):
    config = TrainingConfig(7, steps=3000, momentum=0.999, learning_rate=1e3)
    with pytest.raises(DivergenceError, match=r"step \d+ of seed 8"):
        particles.field(starts(1), config, seeds=8, features=features, **QUIET)


def test_label_charges_run_away():
    with pytest.raises(DivergenceError, match="seed 0"):
        particles.field(starts(1, 17), TrainingConfig(steps=3000), label_charges=True, **QUIET)
