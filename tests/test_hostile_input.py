"""Hostile input: whatever an argument is given, it is taken or refused by name, before any work."""

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
    TrainingConfig,
    _torch_engine,
    charges,
    forces,
    interactions,
    intervals,
    kernel,
    model,
    optimisers,
    particles,
    structure,
    tendencies,
    train,
    training,
)
from modadd import sweep as sweeping
from modadd.plots import palette

TASK = ModularAddition(5)
E = np.random.default_rng(0).standard_normal((5, 2))
NETWORK = model.initialise(TASK, 4, 0, readout_init="standard").map(torch.tensor)
ALPHA = model.residuals(NETWORK, TASK).double().numpy()
ALL = np.ones(15, bool)
WEIGHTS = torch.tensor(model.pair_weights(TASK, ALL))
CONFIG = TrainingConfig(modulus=5, hidden=4, steps=3)

EMBEDDINGS = {"E": E}
LAW = {"embeddings": E, "residuals": ALPHA, "training": ALL}
NET = {"parameters": NETWORK, "task": TASK, "bias_scale": 1.0, "label_smoothing": 0.1}
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
    model.initialise: {
        "task": TASK,
        "hidden": 4,
        "seed": 0,
        "embedding_scale": 1.0,
        "readout_init": "zero",
    },
    model.pair_weights: {"task": TASK, "training": ALL},
    model.logits: {"parameters": NETWORK, "points": torch.zeros(3, 2), "bias_scale": 1.0},
    model.pair_sums: {"parameters": NETWORK, "task": TASK},
    model.predicted_labels: {"parameters": NETWORK, "task": TASK, "bias_scale": 1.0},
    model.targets: {"task": TASK, "label_smoothing": 0.1, "like": torch.zeros(1)},
    model.residuals: NET,
    model.loss: NET | {"weights": WEIGHTS},
    model.pair_forces: NET | {"weights": WEIGHTS},
    model.embedding_forces: NET | {"weights": WEIGHTS},
    model.regions: {"parameters": NETWORK, "x": [0.0, 1.0], "y": [0.0], "bias_scale": 1.0},
    training.snapshot_steps: {"steps": 10, "snapshots": 3},
    train: KEPT
    | {"config": CONFIG, "seeds": [0], "initial_embeddings": None}
    | {"engine": "compiled", "device": "cpu", "stop": None},
    sweeping.sweep: {k: v for k, v in KEPT.items() if k != "threads"}
    | {"configs": [CONFIG], "seeds": [0], "jobs": 1},
    optimisers.train_with: KEPT
    | {"rule": "dropout", "config": CONFIG, "seeds": [0], "amount": 0.1},
    optimisers.wire_lengths: {"tokens": 5, "hidden": 4},
    particles.two_force: LONG | DESCENT | {"alignment_force": 0.5, "step_size": 0.1, "reach": 0.6},
    particles.field: LONG
    | DESCENT
    | {"hidden": 4, "weight_decay": 0.1, "learning_rate": 0.1, "embedding_decay": None}
    | {"bias_scale": 1.0, "degree": 4, "label_charges": False, "features": "ideal"}
    | {"train_share": 1.0},
    structure.circle: EMBEDDINGS,
    structure.grid: EMBEDDINGS,
    structure.closure: EMBEDDINGS,
    structure.classify: EMBEDDINGS,
    structure.procrustes_r2: {"A": E, "B": E},
    structure.census: {"E_or_kinds": E},
    intervals.wilson: {"successes": 1, "trials": 3, "confidence": 0.9},
    kernel.arc_cosine: KERNEL,
    kernel.arc_cosine_gradient: KERNEL,
    kernel.lifted_angle: KERNEL,
    forces.exact: LAW | {"bias_scale": 1.0, "gauge": 0.0},
    forces.clustering: LAW | {"bias_scale": 1.0},
    forces.alignment: LAW,
    forces.torque: LAW,
    forces.stretch: LAW,
    forces.linear: LAW,
    forces.quadratic: LAW,
    forces.pair_forces: LAW | {"law": "exact", "bias_scale": 1.0, "gauge": 0.0},
    interactions.interactions: LAW | {"bias_scale": 1.0, "gauge": 0.0},
    interactions.two_term_fit: LAW | {"bias_scale": 1.0},
    charges.sum_rules: LAW,
    tendencies.mean_squared_distances: {"embeddings": E, "training": ALL},
    forces.field_law: LAW
    | {"past_embeddings": E[None], "past_residuals": ALPHA[None]}
    | {"weights": [1.0], "bias_scale": 1.0},
    forces.embedding_forces: {"pair_forces": np.ones((15, 2)), "task": TASK},
    charges.label_charges: {"task": TASK},
    charges.memory_weights: {
        "steps": 3,
        "learning_rate": 0.1,
        "weight_decay": 0.1,
        "momentum": 0.5,
    },
    charges.prefactor: {
        "task": TASK,
        "hidden": 4,
        "memory": 1.0,
        "weight_variance": 0.1,
        "label_smoothing": 0.1,
        "training": ALL,
    },
    intervals.bootstrap_mean: {"values": [0.1, 0.2], "draws": 10, "seed": 0},
    intervals.rank_correlation: {
        "circles": np.ones((2, 3), bool),
        "predictor": [0.1, 0.2],
        "draws": 10,
        "seed": 0,
    },
    interactions.alignment_weight: {"E": E, "bias_scale": 1.0},
    structure.lattice_shape: {"patch": structure.grid(E)},
    structure.kinds_of: {"ring": structure.circle(E), "patch": structure.grid(E)},
    intervals.mean: {"values": [1.0, 2.0], "confidence": 0.9},
    intervals.paired: {"treated": [1.0, 2.0], "control": [2.0, 1.0], "confidence": 0.9},
    palette.theme: {"name": "light"},
    palette.token_colors: {"N": 5},
    palette.blend: {"color": "#000000", "other": "#ffffff", "share": 0.5},
    palette.faded: {"color": "#000000", "opacity": 0.5},
    palette.luminance: {"color": "#000000"},
    palette.contrast: {"color": "#000000", "other": "#ffffff"},
    palette.text_on: {"color": "#ffffff"},
    palette.register: {"theme": palette.THEMES["light"]},
}
"""A valid call of every public function of the package's measures, laws and simulations."""
MODULES = (
    charges,
    forces,
    interactions,
    intervals,
    kernel,
    model,
    optimisers,
    palette,
    particles,
    structure,
    sweeping,
)

COUNT = [-1, 1.5, True, "3", None]
SIZE = [-1.0, -1e-300, math.inf, 1e31, True, "1"]
OUTSIDE = {
    "modulus": [2, 4097, 17.0, True],
    "tokens": [2, 4097, 5.0],
    "N": [2, 4097, 5.0],
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
    "trials": [0, *COUNT],
    "successes": [4, *COUNT],
    "learning_rate": [0.0, None, *SIZE],
    "step_size": [0.0, None, *SIZE],
    "reach": [0.0, None, *SIZE],
    "embedding_scale": [0.0, None, *SIZE],
    "weight_variance": [0.0, None, *SIZE],
    "weight_decay": [None, *SIZE],
    "embedding_decay": SIZE,
    "memory": [None, *SIZE],
    "bias_scale": [-1.0, -1e-300, math.inf, True, None],
    "gauge": [math.inf, True, "0"],
    "momentum": [1.0000001, None, *SIZE],
    "label_smoothing": [1.0000001, None, *SIZE],
    "alignment_force": [1.0000001, None, *SIZE],
    "share": [1.0000001, None, *SIZE],
    "train_share": [0.0, 1.0000001, None, *SIZE],
    "confidence": [0.0, 1.0, None, *SIZE],
    "amount": [-1.0, 1.0, None, True],
    "optimiser": ["sgd", "", None, 0],
    "readout_init": ["", None, 0],
    "features": ["", None, 0],
    "engine": ["jax", None, 0],
    "device": ["cuda", "", None, 0],
    "rule": ["adam", None, 0],
    "law": ["gravity", None, 0],
    "name": ["sepia", 0],
    "color": ["red", "#fff", "#12345g", None],
    "other": ["red", "#fff", "#12345g\n", None],
    "task": [None, 5, ModularAddition],
    "config": [None, 5, {}],
    "parameters": [None, tuple(NETWORK), NETWORK._replace(w2=torch.zeros(3, 5))],
    "training": [~ALL, np.ones(15), np.ones(14, bool), 1],
    "residuals": [1.0, ALPHA[0], ALPHA[:, :4], [[]]],
    "weights": [1.0, [[1.0]], [[]], None],
    "E": [None, 0, "circle", E[:2], E.T, np.zeros((2, 5, 3)), E.astype(bool)],
    "E0": [None, 0, E[:2], E.T, np.zeros((0, 5, 2)), np.zeros((5, 2)), np.zeros((1, 1, 5, 2))],
    "A": [None, 0, E[:2], E.T],
    "B": [None, 0, E[:2], E.T, E[:4]],
    "embeddings": [None, 0, E[:2], E.T],
    "past_embeddings": [None, E, E[None, :4]],
    "past_residuals": [None, ALPHA, ALPHA[None, :4]],
    "initial_embeddings": [0, E, E[None, :4]],
    "values": [None, 1.0, [1.0], [[1.0, 2.0]], [True, False]],
    "treated": [None, 1.0, [1.0]],
    "control": [None, 1.0, [1.0], [1.0, 2.0, 3.0]],
    "circles": [None, np.ones((2, 3)), np.ones(3, bool), np.ones((0, 3), bool)],
    "predictor": [None, 0.1, [0.1], [[0.1, 0.2]]],
    "draws": [0, 1.5, None],
    "patch": [None, E, (1, 2)],
    "ring": [None, E, (1, 2)],
    "opacity": [-0.1, 1.1, None],
}
FLAGS = ("keep_parameters", "cache", "progress", "label_charges")
OUTSIDE |= {flag: [None, 0, 1, "yes", [True]] for flag in (*FLAGS, "freeze_first_layer")}
"""What lies outside the documented range of the arguments of these names."""


@pytest.fixture(autouse=True)
def no_work_before_checks(monkeypatch):
    """Let refused calls fail the test if they have begun to compute."""
    begun = []
    for module, name in (
        (training._engine, "trace"),
        (particles._particles, "descend"),
        (particles._particles, "deposit_and_move"),
        (optimisers._rules, "trace"),
        (_torch_engine, "_train_batch"),
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
