"""Hostile input at the doors: every argument is taken or refused by name, before any work."""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest
import torch
from hostile import NEVER, anything, check, defined_in, names
from hypothesis import given
from hypothesis import strategies as st

from modadd import (
    ModularAddition,
    Run,
    TrainingConfig,
    forces,
    particles,
    structure,
    theory,
    train,
    training,
)
from modadd import sweep as sweeping
from modadd.run import SCALARS

TASK = ModularAddition(5)
E = np.random.default_rng(0).standard_normal((5, 2))
ALPHA = np.eye(5)[TASK.labels] - 0.2
ALL = np.ones(15, bool)
CONFIG = TrainingConfig(modulus=5, hidden=4, steps=3)
CIRCLE = theory.circle(5, 0.01)

EMBEDDINGS = {"E": E}
LAW = {"E": E, "training": ALL}
LONG = {"snapshots": 2, "threads": 1, "cache": False, "progress": False}
KEPT = LONG | {"keep_parameters": False}
KERNEL = {"x": E, "y": E, "bias_scale": 1.0}
DESCENT = {"steps": 3, "momentum": 0.5, "seeds": None, "E0": E}


def training_pairs(train_share, seed):
    return TASK.training_pairs(train_share, seed)


CALLS = {
    ModularAddition: {"modulus": 5},
    TASK.pair_sums: {"embeddings": E},
    training_pairs: {"train_share": 0.5, "seed": 0},
    TrainingConfig: dataclasses.asdict(CONFIG),
    train: KEPT
    | {"config": CONFIG, "seeds": [0], "stop": None}
    | {"initial_embeddings": None, "initial_parameters": None},
    sweeping.sweep: {k: v for k, v in KEPT.items() if k != "threads"}
    | {"configs": [CONFIG], "seeds": [0], "jobs": 1},
    training.train_with: KEPT | {"rule": "dropout", "config": CONFIG, "seeds": [0], "amount": 0.1},
    particles.two_force: LONG | DESCENT | {"alignment_force": 0.5, "step_size": 0.1, "reach": 0.6},
    particles.field: LONG
    | {"E0": E, "config": CONFIG, "seeds": None}
    | {"degree": 4, "label_charges": False, "features": "ideal", "pace": 1.0},
    structure.circle: EMBEDDINGS,
    structure.grid: EMBEDDINGS,
    structure.closure: EMBEDDINGS,
    structure.classify: EMBEDDINGS,
    structure.coarse_kinds: EMBEDDINGS,
    structure.describe: EMBEDDINGS,
    structure.procrustes_r2: {"A": E, "B": E},
    structure.census: {"E_or_kinds": E},
    forces.arc_cosine: KERNEL,
    forces.arc_cosine_gradient: KERNEL,
    forces.exact: LAW | {"bias_scale": 1.0, "gauge": 0.0},
    forces.clustering: LAW | {"bias_scale": 1.0},
    forces.alignment: LAW,
    forces.linear: LAW,
    forces.two_term_fit: EMBEDDINGS | {"bias_scale": 1.0},
    forces.sum_rules: LAW,
    forces.field_law: EMBEDDINGS
    | {"residuals": ALPHA, "past_E": E[None], "past_residuals": ALPHA[None]}
    | {"weights": [1.0], "bias_scale": 1.0},
    forces.label_charges: {"task": TASK},
    forces.memory_weights: {
        "steps": 3,
        "learning_rate": 0.1,
        "weight_decay": 0.1,
        "momentum": 0.5,
    },
    forces.prefactor: {"task": TASK, "hidden": 4, "memory": 1.0, "label_smoothing": 0.1},
    theory.circle: {"modulus": 5, "weight_decay": 0.01},
    theory.critical_decay: {"modulus": 5},
    theory.branch: {"modulus": 5},
    theory.network: {"found": CIRCLE, "hidden": 10, "frequency": 1},
    theory.certificate: {"found": CIRCLE, "bias_scale": 1.0},
    Run: {"source": "network", "settings": {}, "seeds": [0], "steps": [0], "parameters": None}
    | {name: [[0.5]] for name in SCALARS}
    | {"embeddings": E[None, None]},
}
"""A valid call of every door."""
MODULES = (forces, particles, structure, sweeping, theory)
"""Modules whose public functions are all doors."""

COUNT = [-1, 1.5, True, "3", None]
SIZE = [-1.0, -1e-300, math.inf, 1e31, True, "1"]
SHORT = [[], [[]], [[1.0, 2.0]], [[1, 2], [3, 4]], [[[1, 2], [3, 4]]], np.zeros(2), np.zeros(5)]
"""Well-typed, and too small to be embeddings."""
OUTSIDE = {
    "modulus": [2, 4097, 17.0, True],
    "hidden": [0, 2**16 + 1, *COUNT],
    "steps": [10**13, *COUNT],
    "seed": [2**63, *COUNT],
    "seeds": [[], [-1], [1, 1], [2**63], [True], -1, 0.5, "12"],
    "snapshots": [1, 10**7, [], [-1], [11], [0.5], True, None],
    "threads": [0, 1025, 1.5, True],
    "jobs": [0, 1025, 1.5, True],
    "configs": [[], [None], CONFIG],
    "decay_from": COUNT,
    "decay_until": [-1, 1.5, True],
    "degree": [0, 17, *COUNT],
    "learning_rate": [0.0, None, *SIZE],
    "step_size": [0.0, None, *SIZE],
    "reach": [0.0, None, *SIZE],
    "embedding_scale": [0.0, None, *SIZE],
    "weight_decay": [None, *SIZE],
    "embedding_decay": SIZE,
    "memory": [None, *SIZE],
    "bias_scale": [-1.0, -1e-300, math.inf, True, None],
    "gauge": [math.inf, True, "0"],
    "momentum": [1.0000001, None, *SIZE],
    "label_smoothing": [1.0000001, None, *SIZE],
    "alignment_force": [1.0000001, None, *SIZE],
    "train_share": [0.0, 1.0000001, None, *SIZE],
    "amount": [-1.0, 1.0, None, True],
    "optimiser": ["sgd", "", None, 0],
    "readout_init": ["", None, 0],
    "features": ["", None, 0],
    "rule": ["adam", None, 0],
    "task": [None, 5, ModularAddition],
    "config": [5, {}, TrainingConfig],
    "initial_parameters": [0, E, tuple(CONFIG.initial(0)), CONFIG.initial(0)],
    "stop": [0, True, np.zeros(1), np.zeros(2, np.uint8)],
    "training": [~ALL, np.ones(15), np.ones(14, bool), 1],
    "residuals": [1.0, ALPHA[0], ALPHA[:, :4], [[]]],
    "weights": [1.0, [[1.0]], [[]], None],
    "E": [None, 0, "circle", E[:2], E.T, np.zeros((2, 5, 3)), E.astype(bool), *SHORT],
    "E_or_kinds": [["circle", "square"], np.zeros((0, 5, 2)), np.zeros((5, 3)), *SHORT],
    "E0": [E[:2], E.T, np.zeros((0, 5, 2)), np.zeros((5, 2)), np.zeros((1, 1, 5, 2)), *SHORT],
    "A": [None, 0, E[:2], E.T, *SHORT],
    "B": [None, 0, E[:2], E.T, E[:4], np.zeros((2, 4, 2)), *SHORT],
    "x": [[1.0], 3.0],
    "y": [[1.0], 3.0, E[:4]],
    "source": [None, 3],
    "settings": [None, [], {"a": object()}, {"a": {1, 2}}, {("a",): 1}],
    "loss": [None, np.zeros((1, 2)), [[0.5j]], [[1.0], [1.0, 2.0]]],
    "parameters": [3, (1, 2, 3, 4, 5)],
    "embeddings": [None, 0, E[:2], E.T],
    "past_E": [None, E, E[None, :4]],
    "past_residuals": [None, ALPHA, ALPHA[None, :4]],
    "initial_embeddings": [0, E, E[None, :4]],
    "found": [None, 0, tuple(CIRCLE)],
    "frequency": [0, 5, *COUNT],
}
FLAGS = ("keep_parameters", "cache", "progress", "label_charges")
OUTSIDE |= {flag: [None, 0, 1, "yes", [True]] for flag in FLAGS}
"""What lies outside the documented range of the arguments of these names."""


@pytest.fixture(autouse=True)
def no_work_before_checks(monkeypatch):
    """Let refused calls fail the test if they have begun to compute."""
    begun = []
    for module, name in (
        (training._engine, "trace"),
        (particles._two_forces, "descend"),
        (particles._field, "deposit_and_move"),
        (training._rules, "trace"),
    ):
        work = getattr(module, name)

        @functools.wraps(work)
        def watched(*arguments, work=work):
            begun.append(work)
            return work(*arguments)

        monkeypatch.setattr(module, name, watched)
    return begun


def throw(function, arguments, begun, culprit=None):
    begun.clear()
    found = check(function, arguments, culprit)
    if isinstance(found, ValueError):
        assert not begun, f"work began before {found}"


def test_every_public_function_is_in_the_table():
    called = {f"{f.__module__}.{f.__qualname__}" for f in CALLS}
    public = {f"{f.__module__}.{f.__qualname__}" for f in defined_in(*MODULES)}
    assert public <= called, public - called
    for function, arguments in CALLS.items():
        assert names(function) == set(arguments), function


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__qualname__)
def test_what_nothing_takes_is_refused_by_name(function, no_work_before_checks):
    for argument, value in itertools.product(CALLS[function], NEVER.values()):
        throw(function, CALLS[function] | {argument: value}, no_work_before_checks, argument)


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__qualname__)
def test_what_is_out_of_range_is_refused_by_name(function, no_work_before_checks):
    for argument in CALLS[function]:
        for value in OUTSIDE.get(argument, ()):
            throw(function, CALLS[function] | {argument: value}, no_work_before_checks, argument)


@given(data=st.data())
@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__qualname__)
def test_anything_is_taken_or_refused_by_name(function, data, no_work_before_checks):
    argument = data.draw(st.sampled_from(sorted(CALLS[function])))
    value = data.draw(anything)
    throw(function, CALLS[function] | {argument: value}, no_work_before_checks)


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__qualname__)
def test_lists_and_tensors_that_learn_are_as_good_as_arrays(function):
    def found(**changes) -> str:
        result = function(**CALLS[function] | changes)
        with np.printoptions(floatmode="unique"):
            return repr(result.final if isinstance(result, Run) else result)

    for name, value in CALLS[function].items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert found(**{name: value.tolist()}) == found()
            assert found(**{name: torch.tensor(value, requires_grad=True)}) == found()
