"""The field simulation on part of the pairs: the particles of a network with validation pairs.

The law is that of `particles.field`, with sums over the training pairs alone: only they leave
their residuals in the field, and only they are moved by it. Forgetting the field and shrinking
the positions are two separate rates here, as the two kinds of weight decay are in a network.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np

from modadd import _checks, _engine, _particles
from modadd.model import initialise, pair_weights
from modadd.particles import DEGREE, _recorded
from modadd.run import SCALARS, Run, cached, join
from modadd.task import ModularAddition
from modadd.training import run_in_threads, snapshot_steps


def partial_field(
    seeds: int | Iterable[int],
    train_share: float = 0.8,
    forgetting: float = 3e-3,
    steps: int = 2500,
    *,
    shrinking: float = 0.0,
    modulus: int = 17,
    hidden: int = 64,
    learning_rate: float = 0.3,
    momentum: float = 0.9,
    snapshots: int | Iterable[int] = 60,
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Run:
    """Let particles move in the field of their training pairs.

    A seed has the initial embeddings and the training pairs of the network of that seed.

    Args:
        seeds: distinct integers >= 0.
        train_share: share of the pairs in ]0, 1].
        forgetting: decay λ >= 0 of the field.
        steps: number of steps, >= 0.
        shrinking: decay >= 0 of the positions.
        modulus, hidden, learning_rate, momentum: as in TrainingConfig.
        snapshots, threads, cache, progress: as for `training.train`.

    Returns:
        Run with source "field"; the scalars mean the same as a network's, on training pairs; the
        validation accuracy is NaN.

    Raises:
        ValueError: for an argument out of range, before any work.
        DivergenceError: naming step and seed, when positions or loss stop being finite.
    """
    task, seeds = ModularAddition(modulus), _checks.seeds("seeds", seeds)
    at = snapshot_steps(_checks.integer("steps", steps, 0), snapshots)
    settings = {
        "train_share": _checks.real("train_share", train_share, 0.0, 1.0, open_low=True),
        "forgetting": _checks.real("forgetting", forgetting, 0.0),
        "shrinking": _checks.real("shrinking", shrinking, 0.0),
        "modulus": task.modulus,
        "hidden": _checks.integer("hidden", hidden, 1),
        "learning_rate": _checks.real("learning_rate", learning_rate, 0.0, open_low=True),
        "momentum": _checks.real("momentum", momentum, 0.0, 1.0),
    }
    rates = (learning_rate, momentum, forgetting, shrinking)
    rule = _particles.Rule(hidden / 6, 1.0, *(float(rate) for rate in rates))

    def work(seed: int, stop: np.ndarray) -> Run:
        E = initialise(task, hidden, seed).embeddings
        weights = pair_weights(task, task.training_pairs(train_share, seed))
        pairs = _engine.padded_pairs(task.pairs, task.labels, weights, 0 * weights)
        positions = np.empty((len(at), *E.shape), np.float32)
        scalars = np.empty((len(at), len(SCALARS)), np.float32)
        table = _particles.multipole_table(DEGREE)
        count, bad = _particles.deposit_and_move(
            E, pairs, table, rule, False, at, stop, positions, scalars
        )
        return _recorded("field", settings, seed, at, positions, scalars, count, bad)

    def compute(missing, keep) -> None:
        run_in_threads(work, missing, keep, threads, progress, "field")

    if cache:
        code = sha256(Path(__file__).read_bytes()).hexdigest()
        return cached({"settings": settings, "steps": at.tolist(), "by": code}, seeds, compute)
    runs = {}
    compute(seeds, lambda run: runs.__setitem__(int(run.seeds[0]), run))
    return join([runs[seed] for seed in seeds])
