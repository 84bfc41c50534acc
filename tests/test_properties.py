"""Properties that hold for every valid input: of training and simulation, and of mathematics."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from samples import QUIET, turned

from modadd import ModularAddition, TrainingConfig, forces, model, particles, structure, train
from modadd.run import SCALARS, DivergenceError, Run
from modadd.training import OPTIMISERS, RULES, snapshot_steps, train_with


def sizes(low: float, high: float = 1e30):
    """Numbers over all orders of magnitude from low to high, and the ends."""
    powers = st.floats(math.log10(low), math.log10(high)).map(lambda p: min(10.0**p, high))
    return st.one_of(powers, st.floats(0.01, 2.0), st.sampled_from([low, high]))


rates, decays, shares = sizes(1e-30), st.just(0.0) | sizes(1e-30), st.floats(0.0, 1.0)
moduli = st.integers(3, 13)
configs = st.builds(
    TrainingConfig,
    modulus=moduli,
    hidden=st.integers(1, 20),
    steps=st.integers(0, 40),
    optimiser=st.sampled_from(OPTIMISERS),
    learning_rate=rates,
    momentum=shares,
    weight_decay=decays,
    embedding_decay=st.none() | decays,
    decay_from=st.integers(0, 40),
    decay_until=st.none() | st.integers(40, 80),
    train_share=st.floats(1e-6, 1.0),
    bias_scale=decays,
    embedding_scale=rates,
    readout_init=st.sampled_from(["zero", "standard"]),
    label_smoothing=shares,
)
seeds = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=3, unique=True)


def starts(modulus: int, count: int | None = None, size: float = 3.0):
    """Embeddings (N, 2) or (count, N, 2) that are no single point."""
    shape = (modulus, 2) if count is None else (count, modulus, 2)
    coordinates = st.floats(-size, size, width=32).filter(lambda v: v == 0 or abs(v) > 1e-3)
    return arrays(np.float64, shape, elements=coordinates).filter(
        lambda E: (np.ptp(E, axis=-2) > 0).any(-1).all()
    )


embeddings = moduli.flatmap(starts)


def finished_or_diverged(begin, last: int, known: list[int]) -> Run | None:
    """The Run, all of it finite, or None where it stopped at a named step of a named seed."""
    try:
        run = begin()
    except DivergenceError as error:
        step, seed = re.search(r"at step (\d+) of seed (\d+)", str(error)).groups()
        assert 0 <= int(step) <= last and int(seed) in known
        return None
    arrays_ = [run.embeddings, *(run.parameters or ())]
    arrays_ += [getattr(run, name) for name in SCALARS if not name.startswith("validation")]
    assert all(np.isfinite(array).all() for array in arrays_), run.settings
    assert run.seeds.tolist() == known and run.steps[-1] == last
    return run


# --- whatever is valid trains, or stops with a stated reason -------------------------------------


@given(config=configs, seeds=seeds)
def test_any_valid_recipe_trains_or_diverges_by_name(config, seeds):
    run = finished_or_diverged(
        lambda: train(config, seeds, keep_parameters=True, **QUIET), config.steps, seeds
    )
    if run is None:
        return
    assert ((run.accuracy >= 0) & (run.accuracy <= 1 + 1e-6)).all()
    held_out = [not config.task.training_pairs(config.train_share, s).all() for s in seeds]
    assert (np.isfinite(run.validation_accuracy) == held_out).all()


def test_a_force_beyond_float32_is_reported_though_the_loss_is_finite():
    config = TrainingConfig(3, 1, 1, learning_rate=1e23, weight_decay=0, bias_scale=0)
    with pytest.raises(DivergenceError, match="step 1 of seed 0"):
        train(config, 0, **QUIET)


@given(config=configs, seed=st.integers(0, 99), amount=st.floats(1e-3, 0.999), data=st.data())
def test_any_valid_rule_trains_or_diverges_by_name(config, seed, amount, data):
    rule = data.draw(st.sampled_from(RULES))
    config = dataclasses.replace(config, optimiser="gradient_descent")
    finished_or_diverged(
        lambda: train_with(rule, config, seed, amount, **QUIET), config.steps, [seed]
    )


@given(
    E0=moduli.flatmap(lambda n: starts(n, 2)),
    steps=st.integers(0, 40),
    alignment=shares,
    momentum=shares,
    step_size=rates,
    reach=rates,
    scale=rates,
)
def test_any_two_forces_move_or_diverge_by_name(
    E0, steps, alignment, momentum, step_size, reach, scale
):
    options = {"step_size": step_size, "momentum": momentum, "reach": reach}

    def begin():
        run = particles.two_force(E0 / 3 * scale, alignment, steps, **options, **QUIET)
        nothing = np.zeros_like(run.loss)  # two forces have no accuracy and no residuals
        assert np.isnan([run.accuracy, run.residual_rms]).all()
        return dataclasses.replace(run, accuracy=nothing, residual_rms=nothing)

    finished_or_diverged(begin, steps, [0, 1])


@pytest.mark.filterwarnings("ignore:the loss of:RuntimeWarning")
@given(
    config=configs,
    law=st.one_of(
        st.fixed_dictionaries({"degree": st.integers(1, 16), "label_charges": st.booleans()}),
        st.sampled_from([{"features": "fixed"}, {"features": "moving"}]),
    ),
    scale=rates,
    data=st.data(),
)
def test_any_field_moves_or_diverges_by_name(config, law, scale, data):
    if "features" not in law:
        config = dataclasses.replace(config, optimiser="gradient_descent")
    E0 = data.draw(starts(config.modulus, 2)) / 3 * scale
    finished_or_diverged(lambda: particles.field(E0, config, **law, **QUIET), config.steps, [0, 1])


@given(power=st.floats(0, 30), readout=st.sampled_from(["zero", "standard"]), seed=st.integers(0))
@example(power=18.7, readout="standard", seed=8)
def test_the_engine_reports_divergence_instead_of_returning_it(power, readout, seed):
    # Every step is recorded: no state that has left the numbers may pass, at any of them.
    seed = seed % 2**63
    config = TrainingConfig(5, 8, 60, learning_rate=10.0**power, readout_init=readout)
    options = {"snapshots": range(61), "keep_parameters": True}
    run = finished_or_diverged(lambda: train(config, seed, **options, **QUIET), 60, [seed])
    assert run is not None or power > 0
    assert run is None or power < 25


@pytest.mark.parametrize("place", ["embeddings", "w1", "b1", "w2", "b2"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_the_engine_sees_a_single_bad_number_wherever_it_is(place, value, monkeypatch):
    config = TrainingConfig(modulus=5, hidden=8, steps=3)
    good = TrainingConfig.initial

    def spoilt(self, seed):
        parameters = good(self, seed)
        array = getattr(parameters, place).copy()
        array.flat[-1] = value
        return parameters._replace(**{place: array})

    monkeypatch.setattr(TrainingConfig, "initial", spoilt)
    with pytest.raises(DivergenceError, match=r"step [01] of seed 7"):
        train(config, 7, **QUIET)


@given(steps=st.integers(0, 10**12), count=st.integers(2, 300))
def test_snapshots_begin_at_0_and_end_at_the_last_step(steps, count):
    found = snapshot_steps(steps, count)
    assert found[0] == 0 and found[-1] == steps and len(found) <= count
    assert (np.diff(found) > 0).all()


@given(modulus=moduli, share=st.floats(1e-9, 1), more=shares, seed=st.integers(0, 2**63 - 1))
def test_a_split_holds_its_share_and_lies_in_any_larger_one(modulus, share, more, seed):
    task = ModularAddition(modulus)
    small, large = (task.training_pairs(s, seed) for s in (share, share + more * (1 - share)))
    assert small.sum() == max(1, round(share * len(task.pairs)))
    assert (large | ~small).all()


# --- symmetries of the network -------------------------------------------------------------------


def network(modulus: int, hidden: int, seed: int) -> model.Parameters:
    drawn = model.initialise(ModularAddition(modulus), hidden, seed, readout_init="standard")
    return drawn.map(lambda a: torch.tensor(a, dtype=torch.float64))


def uniform(task: ModularAddition) -> torch.Tensor:
    return torch.tensor(model.pair_weights(task, np.ones(len(task.pairs), bool)))


angles = st.floats(0, 2 * math.pi)
networks = st.builds(network, moduli, st.integers(1, 20), st.integers(0, 2**63 - 1))


@given(net=networks, angle=angles, mirrored=st.booleans(), beta=st.floats(0, 4))
def test_turning_embeddings_and_first_layer_together_changes_no_logit(net, angle, mirrored, beta):
    task, Q = ModularAddition(len(net.embeddings)), torch.tensor(turned(angle, mirrored))
    other = net._replace(embeddings=net.embeddings @ Q, w1=Q.T @ net.w1)
    options = {"bias_scale": beta}
    torch.testing.assert_close(
        model.logits(other, model.pair_sums(other, task), beta),
        model.logits(net, model.pair_sums(net, task), beta),
    )
    before = model.embedding_forces(net, task, uniform(task), **options)
    after = model.embedding_forces(other, task, uniform(task), **options)
    torch.testing.assert_close(after, before @ Q)


@given(net=networks, factor=st.floats(0.01, 100), data=st.data())
def test_units_may_be_rescaled_and_reordered(net, factor, data):
    order = data.draw(st.permutations(range(net.b1.shape[-1])))
    task = ModularAddition(len(net.embeddings))
    other = model.Parameters(
        net.embeddings,
        factor * net.w1[:, order],
        factor * net.b1[order],
        net.w2[order] / factor,
        net.b2,
    )
    for measure in (model.loss, model.embedding_forces):
        torch.testing.assert_close(
            measure(other, task, uniform(task)), measure(net, task, uniform(task))
        )


def relabelled(modulus: int, data) -> np.ndarray:
    """Where a -> u a + v takes tokens."""
    unit = data.draw(st.sampled_from([u for u in range(1, modulus) if math.gcd(u, modulus) == 1]))
    return (unit * np.arange(modulus) + data.draw(st.integers(0, modulus - 1))) % modulus


@given(data=st.data(), modulus=moduli, seed=st.integers(0, 99))
def test_relabelling_commutes_with_training(data, modulus, seed):
    # From a readout of zero no label is special: the same layers serve the relabelled tokens.
    tokens = relabelled(modulus, data)
    config = TrainingConfig(modulus, hidden=8, steps=20, momentum=0.5)
    start = config.initial(seed).embeddings
    moved = np.empty_like(start)
    moved[tokens] = start
    before, after = (
        train(config, seed, initial_embeddings=E[None], **QUIET) for E in (start, moved)
    )
    np.testing.assert_allclose(after.final[0][tokens], before.final[0], atol=2e-4)
    np.testing.assert_allclose(after.loss, before.loss, rtol=1e-4)


# --- the kernel ----------------------------------------------------------------------------------

points = arrays(np.float64, (6, 2), elements=st.floats(-10, 10).filter(lambda v: abs(v) > 1e-6))
betas = st.just(0.0) | st.floats(1e-3, 10)


@given(x=points, beta=betas)
def test_the_kernel_is_positive(x, beta):
    table = forces.arc_cosine(x[:, None], x, beta)
    assert np.linalg.eigvalsh(table)[0] >= -1e-13 * np.trace(table)


# --- forces --------------------------------------------------------------------------------------


def residuals_of(E: np.ndarray, seed: int) -> np.ndarray:
    n = len(E)
    alpha = np.random.default_rng(seed).standard_normal((n * (n + 1) // 2, n))
    return alpha - alpha.mean(-1, keepdims=True)


@given(E=embeddings, beta=betas, seed=st.integers(0, 99))
def test_the_field_of_the_present_is_a_sum_over_the_table_of_charges(E, beta, seed):
    task, alpha = ModularAddition(len(E)), residuals_of(E, seed)
    x = task.pair_sums(E)
    ordered = task.multiplicity[:, None] * (alpha @ alpha.T) * task.multiplicity
    push = forces.arc_cosine_gradient(x[:, None], x, beta)
    law = task.scatter((ordered[..., None] * push).sum(1))
    field = forces.field_law(E, alpha, E[None], alpha[None], [1.0], beta)
    np.testing.assert_allclose(field, law, rtol=1e-9, atol=1e-9 * (1 + np.abs(law).max()))
    twice = forces.field_law(E, alpha, np.stack([E, E]), np.stack([alpha, alpha]), [3, -2], beta)
    np.testing.assert_allclose(twice, law, rtol=1e-9, atol=1e-9 * (1 + np.abs(law).max()))


@given(E=embeddings, seed=st.integers(0, 99), share=st.floats(0.1, 1))
def test_laws_add_up(E, seed, share):
    task = ModularAddition(len(E))
    assume(task.pair_sums(E).any(-1).all())  # without bias, a pair sum at 0 feels no force
    training = task.training_pairs(share, seed)
    at_zero = forces.exact(E, 0.0, gauge=0.0, training=training)
    close = {"rtol": 1e-9, "atol": 1e-9 * (1 + np.abs(at_zero).max())}
    np.testing.assert_allclose(forces.alignment(E, training), at_zero, **close)
    whole = at_zero + forces.linear(E, training)
    np.testing.assert_allclose(
        forces.exact(E, 0.0, gauge=math.pi, training=training), whole, **close
    )


@given(E=embeddings, share=st.floats(0.1, 1), seed=st.integers(0, 99))
def test_sum_rules_are_sums_over_the_table_of_charges(E, share, seed):
    task = ModularAddition(len(E))
    training = task.training_pairs(share, seed)
    ordered = forces.label_charges(task) * (training * task.multiplicity)
    rules = forces.sum_rules(E, training)
    close = {"atol": 1e-12 * (1 + np.abs(E).max()) * len(task.pairs)}
    np.testing.assert_allclose(rules.charge, ordered.sum(-1), **close)
    np.testing.assert_allclose(rules.moment, ordered @ task.pair_sums(E), **close)


# --- structure and statistics --------------------------------------------------------------------


@given(E=embeddings, angle=angles, mirrored=st.booleans(), size=sizes(1e-6, 1e6), data=st.data())
def test_scores_see_the_shape_alone(E, angle, mirrored, size, data):
    tokens = relabelled(len(E), data)
    moved = np.empty_like(E)
    moved[tokens] = size * (E @ turned(angle, mirrored) + 1)
    before, after = structure.circle(E), structure.circle(moved)
    assert after.score == pytest.approx(before.score, abs=1e-6)
    assert structure.procrustes_r2(moved[tokens], E) == pytest.approx(1, abs=1e-6)
    assert 0 <= structure.closure(E) <= 1 and 0 <= structure.grid(E).score <= 1
    assert structure.classify(E) in structure.KINDS
