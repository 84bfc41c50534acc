"""The tour: the gradient along it against autograd, wherever lines and pair sums may lie."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from samples import ring

from modadd import TrainingConfig, model
from modadd._compiled import engine
from modadd._compiled.tour import AGE, AGED, SWITCHES, TOUR
from modadd.training import prepare

GO = np.zeros(1, np.uint8)


def advance(ready, state, start, steps):
    """Take a training from one step to others; return its snapshots and scalars."""
    theta, recipe, pairs = ready
    flat, scalars = np.empty((len(steps), theta.size), "f4"), np.empty((len(steps), 5), "f4")
    found = engine.trace(theta, state, recipe, pairs, start, np.array(steps), GO, flat, scalars)
    assert found == (len(steps), -1)
    return flat, scalars


def begin(config, seed, parameters=None):
    theta, recipe, pairs = prepare(config, config.task, seed, None)
    theta = theta if parameters is None else engine.pack(*parameters)
    return (theta, recipe, pairs), engine.begin(theta, pairs)


def gradients(config, seed, parameters):
    """∂L/∂θ along the tour and by autograd, each as Parameters."""
    plain = dataclasses.replace(config, momentum=0.0, weight_decay=0.0)
    ready, state = begin(plain, seed, parameters)
    advance(ready, state, 0, [1])  # the momentum after one step is the gradient
    theta = ready[0]
    found = engine.unpack(state[0, : theta.size], config.modulus, config.hidden)
    ours = parameters.map(lambda a: torch.tensor(a, dtype=torch.float64, requires_grad=True))
    weights = model.pair_weights(config.task, config.task.training_pairs(config.train_share, seed))
    model.loss(
        ours,
        config.task,
        torch.tensor(weights),
        bias_scale=config.bias_scale,
        label_smoothing=config.label_smoothing,
    ).backward()
    return found, [array.grad.numpy() for array in ours]


def check(config, seed, parameters):
    for along_the_tour, expected in zip(*gradients(config, seed, parameters), strict=True):
        tolerance = 1e-5 * max(0.1, np.abs(expected).max())
        np.testing.assert_allclose(along_the_tour, expected, rtol=0, atol=tolerance)


def network(config, seed):
    return dataclasses.replace(config, readout_init="standard").initial(seed)


# One, two and four registers, and none of them full or one entry more; words of 64 units likewise;
# more pairs than a strip holds, and than a segment.
SIZES = [(3, 1), (4, 2), (16, 63), (17, 64), (18, 65), (32, 5), (33, 128), (34, 129), (49, 7)]
SIZES += [(50, 7), (59, 100), (65, 7), (66, 7), (81, 7), (113, 30)]


@pytest.mark.parametrize(("modulus", "hidden"), SIZES)
def test_the_gradient_is_that_of_autograd_at_every_size(modulus, hidden):
    config = TrainingConfig(modulus, hidden, 1)
    check(config, 3, network(config, 3))


def signs(count):
    return (-1.0) ** np.arange(count)


PLACES = {
    "everywhere": lambda E: E,
    "in one point": lambda E: np.broadcast_to(E[:1], E.shape),
    "in the origin": np.zeros_like,
    "on a line": lambda E: E * [1, 0],
    "on a lattice": lambda E: np.rint(2 * E),
    "on a circle": lambda E: ring(len(E)),
}
"""Where embeddings (N, 2) may lie."""

LINES = {
    "anywhere": lambda w1, b1: (w1, b1),
    "all alike": lambda w1, b1: (0 * w1 + w1[:, :1], 0 * b1 + b1[:1]),
    "without weights": lambda w1, b1: (0 * w1, b1),
    "always off": lambda w1, b1: (0 * w1, -np.abs(b1)),
    "through lattice points": lambda w1, b1: (np.rint(2 * w1), np.rint(2 * b1)),
    "opposite": lambda w1, b1: (w1[:, :1] * signs(len(b1)), b1[:1] * signs(len(b1))),
}
"""Where the lines of hidden units may lie, by w1 (2, H) and b1 (H,)."""


@given(
    config=st.builds(
        TrainingConfig,
        modulus=st.integers(3, 20),
        hidden=st.integers(1, 80),
        steps=st.just(1),
        bias_scale=st.sampled_from([0.0, 1.0, 4.0]),
        label_smoothing=st.sampled_from([0.0, 0.3, 1.0]),
        train_share=st.floats(0.01, 1.0),
    ),
    place=st.sampled_from(sorted(PLACES)),
    lines=st.sampled_from(sorted(LINES)),
    seed=st.integers(0, 2**63 - 1),
)
@example(TrainingConfig(17, 64, 1), "on a lattice", "through lattice points", 0)
@example(TrainingConfig(17, 64, 1), "in one point", "anywhere", 0)
@example(TrainingConfig(12, 65, 1, bias_scale=0.0), "in the origin", "through lattice points", 0)
def test_the_gradient_is_that_of_autograd_wherever_lines_and_pairs_lie(config, place, lines, seed):
    drawn = network(config, seed)
    w1, b1 = (np.asarray(array, "f4") for array in LINES[lines](drawn.w1, drawn.b1))
    E = np.asarray(PLACES[place](drawn.embeddings), "f4")
    height = config.task.pair_sums(E.astype(float)) @ w1 + config.bias_scale * b1
    assume(not ((height != 0) & (np.abs(height) < 1e-5)).any())  # on a line but for rounding
    check(config, seed, drawn._replace(embeddings=E, w1=w1, b1=b1))


@given(
    modulus=st.integers(3, 20),
    share=st.floats(0.05, 1.0),
    steps=st.integers(0, 450),
    seed=st.integers(0, 99),
)
def test_the_tour_visits_every_pair_once_and_counts_its_switches(modulus, share, steps, seed):
    config = TrainingConfig(modulus, 40, steps, train_share=share)
    ready, state = begin(config, seed)
    theta, recipe, pairs = ready
    advance(ready, state, 0, [steps])
    trained = config.task.training_pairs(share, seed)
    count = len(trained)
    order = state[:, theta.size + TOUR :].ravel()[:count].astype(int)
    assert sorted(order[: trained.sum()]) == np.flatnonzero(trained).tolist()
    assert sorted(order[trained.sum() :]) == np.flatnonzero(~trained).tolist()
    E, w1, b1, *_ = (array.astype(float) for array in engine.unpack(theta, modulus, 40))
    on = config.task.pair_sums(E)[order[: trained.sum()]] @ w1 + b1 > 0
    switches = int((on[1:] != on[:-1]).sum())
    # A pair sum on a line, but for rounding, may count on either side.
    assert abs(state[0, theta.size + SWITCHES] - switches) <= 2


def test_the_tour_is_short_and_stays_so():
    config = TrainingConfig(31, 128, 600)
    ready, state = begin(config, 5)
    size = ready[0].size
    advance(ready, state, 0, [0])
    at_first = state[0, size + SWITCHES]
    E, w1, b1, *_ = engine.unpack(ready[0], 31, 128)
    on = config.task.pair_sums(E) @ w1 + b1 > 0
    assert at_first < (on[1:] != on[:-1]).sum() / 5  # row by row, as the table of pairs has them
    advance(ready, state, 0, [600])
    assert state[0, size + SWITCHES] < 1.5 * at_first
    assert state[0, size + AGED] <= AGE  # planned anew


@given(
    cuts=st.lists(st.integers(0, 420), max_size=6),
    optimiser=st.sampled_from(["gradient_descent", "adam"]),
    share=st.sampled_from([1.0, 0.6]),
)
def test_a_training_cut_into_calls_has_the_bits_of_one(cuts, optimiser, share):
    rate = 0.3 if optimiser == "gradient_descent" else 0.01
    config = TrainingConfig(13, 40, 420, optimiser=optimiser, learning_rate=rate, train_share=share)
    ready, state = begin(config, 8)
    flat, scalars = advance(ready, state, 0, [420])
    again, their_state = begin(config, 8)
    now = 0
    for cut in [*sorted(cuts), 420]:
        their_flat, their_scalars = advance(again, their_state, now, [cut])
        now = cut
    assert flat.tobytes() == their_flat.tobytes()
    assert scalars.tobytes() == their_scalars.tobytes()
    assert state.tobytes() == their_state.tobytes()
