"""The force laws against autograd and against the network; their symmetries, limits and rules."""

import math

import numpy as np
import pytest
import reference
import torch
from samples import noise, relative, turned

from modadd import _threads, forces, model
from modadd._compiled import force_sums
from modadd.task import ModularAddition

N = 17
TASK = ModularAddition(N)
LAWS = [forces.exact, forces.clustering, forces.alignment, forces.linear]


def close(actual, expected, tolerance=1e-11):
    """Compare to a tolerance relative to the largest component."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


# --- the laws are gradients -----------------------------------------------------------------------


def torch_cubic(x, y, beta):
    square = ((x - y) ** 2).sum(-1)
    same = torch.eye(len(square), dtype=torch.bool)
    return torch.where(same, 0.0, torch.where(same, 1.0, square) ** 1.5) / (6 * math.pi * beta)


def by_autograd(potential, embeddings, beta, charge, weights):
    """−∂/∂E of −½ Σ m_p m_q c_pq k(x_p, x_q)."""
    at = torch.tensor(embeddings, requires_grad=True)
    x = at[TASK.pairs[:, 0]] + at[TASK.pairs[:, 1]]
    both = torch.tensor(charge * weights[:, None] * weights)
    (both * potential(x[:, None], x[None], beta)).sum().mul(0.5).backward()
    return at.grad.numpy()


@pytest.mark.parametrize("case", ["labels", "training", "residuals"])
@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 20.0])
def test_exact_law_is_the_gradient_of_its_potential(beta, case):
    embeddings = noise(N)
    training = None if case == "labels" else TASK.training_pairs(0.7, 0)
    residuals = noise(len(TASK.pairs), N, seed=1)[..., 0] if case == "residuals" else None
    charge = forces.label_charges(TASK) if residuals is None else residuals @ residuals.T
    weights = TASK.multiplicity * (1.0 if training is None else training)
    expected = by_autograd(reference.kernel, embeddings, beta, charge, weights)
    if residuals is None:
        actual = forces.exact(embeddings, beta, training=training)
    else:
        alpha = residuals * training[:, None]  # a pair without residual neither pushes nor moves
        actual = forces.field_law(embeddings, alpha, embeddings[None], alpha[None], [1.0], beta)
    close(actual, expected, 1e-10)


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_clustering_is_the_gradient_of_its_potential(share):
    embeddings, training = noise(N), TASK.training_pairs(share, 0)
    weights = TASK.multiplicity * training
    expected = by_autograd(torch_cubic, embeddings, 1.0, forces.label_charges(TASK), weights)
    close(forces.clustering(embeddings, training=training), expected)


def test_scatter_counts_a_pair_of_twins_twice():
    # Over all N² ordered pairs (a, b), each moves E_a and E_b.
    per_ordered = noise(N, N)
    per_ordered = per_ordered + per_ordered.transpose(1, 0, 2)
    expected = per_ordered.sum(1) + per_ordered.sum(0)
    on_pairs = per_ordered[*TASK.pairs.T] * TASK.multiplicity[:, None]
    close(TASK.scatter(on_pairs), expected)


# --- symmetries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS[:3])
def test_laws_commute_with_turning_and_renaming_in_any_batch(law):
    embeddings, turn = noise(3, 2, 12), turned(0.7, True)
    force = law(embeddings)
    renamed = (5 * np.arange(12) + 3) % 12  # a becomes 5 a + 3; 5 is a unit modulo 12
    moved = np.empty_like(embeddings)
    moved[..., renamed, :] = embeddings @ turn
    close(law(moved)[..., renamed, :], force @ turn)
    np.testing.assert_array_equal(law(embeddings[[2, 0, 1]]), force[[2, 0, 1]])
    np.testing.assert_array_equal(law(embeddings[1, 0]), force[1, 0])


def test_result_does_not_depend_on_the_number_of_threads(monkeypatch):
    embeddings, results = noise(60, N), []  # as many as it takes for threads to be worth while
    for threads in (1, 2, 7):
        monkeypatch.setattr(_threads, "cores", lambda threads=threads: threads)
        results.append(forces.exact(embeddings))
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize("factor", [1e-3, 40.0])
def test_scale_laws(factor):
    embeddings = noise(N)
    close(forces.exact(factor * embeddings, 0.0), factor * forces.exact(embeddings, 0.0))
    close(forces.alignment(factor * embeddings), factor * forces.alignment(embeddings))
    close(forces.exact(factor * embeddings, factor), factor * forces.exact(embeddings), 1e-10)
    close(forces.clustering(factor * embeddings), factor**2 * forces.clustering(embeddings))
    close(forces.clustering(embeddings, factor), forces.clustering(embeddings) / factor)


@pytest.mark.parametrize("training", [None, TASK.training_pairs(0.6, 1)])
def test_clustering_is_translation_invariant_and_its_total_is_zero(training):
    embeddings = noise(N)
    force = forces.clustering(embeddings, training=training)
    assert np.abs(force.sum(0)).max() < 1e-12 * np.abs(force).max()
    close(forces.clustering(embeddings + np.array([3.0, -2.0]), training=training), force)
    # The exact law knows where the origin is, so its total is not zero.
    exact = forces.exact(embeddings)
    assert np.abs(exact.sum(0)).max() > 1e-2 * np.abs(exact).max()


# --- sum rules and gauge --------------------------------------------------------------------------


def test_gauge_is_free_over_all_pairs():
    embeddings = noise(3, 12)
    for beta in (0.0, 0.5, 8.0):
        for gauge in (math.pi / 2, math.pi, -7.0):
            expected = forces.exact(embeddings, beta, 0.0)
            close(forces.exact(embeddings, beta, gauge), expected, 1e-12)


def test_without_the_rules_the_gauge_is_fixed_and_linear_is_the_difference():
    embeddings, training = noise(N), TASK.training_pairs(0.8, 0)
    default = forces.exact(embeddings, training=training)
    of_kernel = forces.exact(embeddings, 1.0, math.pi, training)
    np.testing.assert_array_equal(default, of_kernel)
    rest = forces.exact(embeddings, 1.0, 0.0, training)
    close(rest + forces.linear(embeddings, training), default)
    assert relative(rest, default) > 0.3


@pytest.mark.parametrize("law", LAWS)
def test_pairs_outside_the_training_set_neither_push_nor_move(law):
    embeddings, training = noise(N), (TASK.pairs != 3).all(-1)
    training[TASK.training_pairs(0.3, 0)] = False
    force = law(embeddings, training=training)
    assert (force[3] == 0).all() and force.any()
    embeddings[3] += 5.0
    np.testing.assert_array_equal(law(embeddings, training=training), force)
    every = np.ones(len(TASK.pairs), bool)
    np.testing.assert_array_equal(law(embeddings, training=every), law(embeddings))


# --- two faces of one law -------------------------------------------------------------------------


def test_near_limit_is_clustering_to_second_order():
    embeddings = noise(N)
    errors = [
        relative(forces.clustering(e), forces.exact(e))
        for e in (0.1 * embeddings, 0.01 * embeddings)
    ]
    assert errors[0] < 0.1
    assert errors[1] == pytest.approx(errors[0] / 100, rel=0.2)


def test_far_limit_is_alignment_to_first_order():
    embeddings = noise(20, N)
    errors = [
        relative(forces.alignment(embeddings), forces.exact(embeddings, beta))
        for beta in (0.1, 0.01)
    ]
    assert errors[0] < 0.06
    assert 5 < errors[0] / errors[1] < 20


# rms |x| / β, and lower bounds of R² together, of clustering alone and of alignment alone.
@pytest.mark.parametrize(
    ("ratio", "both", "near", "far"),
    [(0.5, 0.985, 0.96, 0.6), (2.1, 0.97, 0.7, 0.9), (7.0, 0.99, 0.5, 0.98)],
)
def test_two_terms_nearly_make_the_exact_law(ratio, both, near, far):
    embeddings = noise(40, N)
    rms = np.sqrt(np.square(TASK.pair_sums(embeddings)).sum(-1).mean())
    fit = forces.two_term_fit(embeddings, rms / ratio)
    assert fit.r2 > both and fit.r2_clustering > near and fit.r2_alignment > far
    assert fit.r2 >= max(fit.r2_clustering, fit.r2_alignment)
    assert 0 < fit.clustering < 1 and 0 < fit.alignment < 1


def test_fitted_weights_tend_to_the_limits():
    embeddings = noise(20, N)
    near, far = (forces.two_term_fit(embeddings, beta) for beta in (100.0, 0.01))
    assert near.clustering == pytest.approx(1, abs=0.01)
    assert near.alignment == pytest.approx(0, abs=0.01)
    assert far.alignment == pytest.approx(1, abs=0.01)
    assert far.clustering == pytest.approx(0, abs=0.01)


# --- against networks, in absolute units ----------------------------------------------------------


def feature_forces(embeddings, weights, biases):
    """Label-charge forces through given features: κ ∇k replaced by the sum over H features."""
    x = TASK.pair_sums(embeddings)
    hidden = x @ weights + biases
    laid = (forces.label_charges(TASK) * TASK.multiplicity) @ np.maximum(hidden, 0)
    on_pairs = ((hidden > 0) * laid) @ weights.T * TASK.multiplicity[:, None]
    return TASK.scatter(on_pairs)


def test_prediction_is_absolute_for_gaussian_features_and_close_for_uniform_ones():
    rng, hidden, shape = np.random.default_rng(0), 4096, (8, 3, 4096)
    layers = {"gaussian": rng.standard_normal(shape) / 6**0.5}
    layers["uniform"] = rng.uniform(-(2**-0.5), 2**-0.5, shape)
    embeddings, found = noise(8, N), {}
    predicted = forces.exact(embeddings).ravel() * hidden / 6
    for kind, drawn in layers.items():
        pairs = zip(embeddings, drawn)
        measured = np.ravel([feature_forces(E, layer[:2], layer[2]) for E, layer in pairs])
        coefficient = measured @ predicted / (predicted @ predicted)
        rest = measured - coefficient * predicted
        found[kind] = coefficient, 1 - rest @ rest / (measured @ measured)
    assert found["gaussian"] == pytest.approx((1, 1), abs=0.02)
    # U(±1/√2) is not isotropic: no width brings R² to 1.
    assert found["uniform"][0] == pytest.approx(0.95, abs=0.03)
    assert 0.95 < found["uniform"][1] < 0.985


def test_field_law_with_memory_is_the_network_while_its_features_stay():
    # Wide Gaussian features, frozen; embeddings and readout learn with momentum and decay.
    task, hidden, steps, rate, decay, momentum = ModularAddition(5), 40_000, 6, 5e-4, 30.0, 0.5
    rng = np.random.default_rng(0)
    training = task.training_pairs(0.7, 0)
    weights = torch.tensor(model.pair_weights(task, training))
    learned = [torch.tensor(noise(5)), torch.zeros(hidden, 5, dtype=torch.float64)]
    features = [torch.tensor(rng.standard_normal(s) / 6**0.5) for s in ((2, hidden), (hidden,))]
    velocities = [torch.zeros_like(v) for v in learned]
    past = []
    for step in range(steps + 1):
        leaves = [v.clone().requires_grad_() for v in learned]
        network = model.Parameters(
            leaves[0], *features, leaves[1], torch.zeros(5, dtype=torch.float64)
        )
        gradients = torch.autograd.grad(model.loss(network, task, weights), leaves)
        alpha = model.residuals(network, task).detach().numpy()
        past.append((learned[0].numpy().copy(), alpha * training[:, None]))
        if step == steps:
            break
        for i, gradient in enumerate(gradients):
            velocities[i] = momentum * velocities[i] + gradient + decay * learned[i] * (i == 1)
            learned[i] = learned[i] - (1.0 if i == 1 else 600.0) * rate * velocities[i]
    positions, residuals = (np.stack(v) for v in zip(*past, strict=True))
    # Both must have moved, or memory would not be tested.
    assert relative(positions[0], positions[-1]) > 0.02
    assert relative(residuals[0], residuals[-1]) > 0.05
    predicted = forces.field_law(
        positions[-1],
        residuals[-1],
        positions[:-1],
        residuals[:-1],
        forces.memory_weights(steps, rate, decay, momentum),
    )
    predicted *= hidden / 6 / (training * task.multiplicity).sum() ** 2
    assert relative(predicted, -gradients[0].numpy()) < 0.03


def test_memory_weights_are_a_readout_fed_one_gradient_at_a_time():
    rate, decay, momentum, steps = 0.3, 0.2, 0.9, 12
    expected = []
    for pulse in range(steps):
        readout = torch.zeros(1, requires_grad=True, dtype=torch.float64)
        optimiser = torch.optim.SGD([readout], rate, momentum, weight_decay=decay)
        for step in range(steps):
            readout.grad = torch.full_like(readout, -1.0 if step == pulse else 0.0)
            optimiser.step()
        expected.append(readout.item())
    np.testing.assert_allclose(
        forces.memory_weights(steps, rate, decay, momentum), expected, rtol=1e-12
    )
    assert forces.memory_weights(10, 0.5).sum() == 5.0
    assert forces.memory_weights(0, 0.5).shape == (0,)


# --- the compiled angle ---------------------------------------------------------------------------


def test_compiled_angle_is_atan2_to_rounding():
    rng = np.random.default_rng(0)
    tiny = 10.0 ** rng.uniform(-15, 0, 10_000)
    angle = np.r_[rng.uniform(0, math.pi, 10_000), tiny, math.pi - tiny, 0, math.pi]
    size = 10.0 ** rng.uniform(-8, 8, len(angle))
    cross, dot = size * np.abs(np.sin(angle)), size * np.cos(angle)
    cross, dot = np.r_[cross, 0.0, 1.0, 1.0, 0.0, 0.0], np.r_[dot, 0.0, 0.0, 1.0, 1.0, -1.0]
    found = force_sums.angles_between(cross, dot)
    np.testing.assert_allclose(found, np.arctan2(cross, dot), rtol=1e-15)


# --- awkward input --------------------------------------------------------------------------------


def test_coincident_embeddings_and_the_origin():
    assert np.abs(forces.exact(np.ones((5, 2)))).max() < 1e-13
    assert (forces.exact(np.zeros((5, 2)), 0.0) == 0).all()
    antipodal = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert np.isfinite(forces.exact(antipodal, 0.0)).all()
    alone = np.eye(10, dtype=bool)[[1, 2]].any(0)  # 0 + 1 sit at the origin, and feel no force
    assert (forces.exact(antipodal, 0.0, training=alone)[1] == 0).all()
    with pytest.raises(ValueError, match=r"^E must feel"):
        forces.two_term_fit(np.zeros((5, 2)))
    for law in (forces.clustering, forces.two_term_fit):  # both divide by it
        with pytest.raises(ValueError, match="^bias_scale must be"):
            law(antipodal, 0.0)
