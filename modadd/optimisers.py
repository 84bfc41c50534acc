"""More ways to train the same network: other update rules, noise, and a price for long wires.

The gradient is that of the compiled engine; what is done with it differs:

- "sign": every parameter moves by the learning rate η against the sign of its averaged gradient,
  m ← 0.9 m + 0.1 g; decay is decoupled, θ ← θ − η (sign m + λθ). η falls linearly to zero.
- "madam": multiplicative updates (Bernstein et al. 2020), θ ← θ exp(−η sign(θ) ĝ), ĝ = g / rms(g)
  with the rms over past steps (β2 = 0.999), |ĝ| <= 10, and |θ| at most `amount` times the rms
  of its group at the start. No parameter ever changes its sign. No decay. η falls linearly to zero.
- "minibatch": gradient descent; each step sees each training pair with probability `amount`.
- "dropout": gradient descent; each step leaves out each hidden unit with probability `amount`, for
  all pairs alike, and scales up the others.
- "wiring": gradient descent; a weight w between units at a distance d costs amount · |w| (d + 0.1),
  in place of its decay. Units of each layer lie evenly spread on parallel segments of length 1,
  the two coordinates of the embedding at 1/4 and 3/4, and d is measured along them. This is the
  idea of brain-inspired modular training (Liu et al. 2023) without its swapping of neurons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import numpy as np

from modadd import _checks
from modadd._compiled import engine as _engine
from modadd._compiled import rules as _rules
from modadd._compiled.rules import _WIRING, RULES
from modadd._threads import run_in_threads
from modadd.cache import cached
from modadd.run import SCALARS, Run
from modadd.training import TrainingConfig, prepare, recorded, snapshot_steps


def train_with(
    rule: str,
    config: TrainingConfig,
    seeds: int | Iterable[int],
    amount: float = 0.0,
    *,
    snapshots: int | Iterable[int] = 60,
    keep_parameters: bool = False,
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Run:
    """Train an ensemble by another rule, from the start and on the pairs that `train` would use.

    Args:
        rule: one of RULES.
        config: the recipe; its optimiser must be "gradient_descent". Decay is always on.
        seeds: distinct integers >= 0; a seed also decides the noise.
        amount: the number named `amount` in this module's list of rules: in ]0, 1] for
            "minibatch", [0, 1[ for "dropout", ]0, 1e9] for "madam", [0, 1e9] for "wiring".
        snapshots, keep_parameters, threads, cache, progress: as for `training.train`.

    Returns:
        a Run with source "network"; its scalars are measured without noise or wiring cost.

    Raises:
        ValueError: for an argument out of range, before any training.
        DivergenceError: naming step and seed, when a seed's loss stops being finite.

    >>> config = TrainingConfig(modulus=5, hidden=8, steps=20)
    >>> run = train_with("dropout", config, seeds=0, amount=0.1, cache=False, progress=False)
    >>> run.settings["optimiser"], run.final.shape
    ('dropout', (1, 5, 2))
    """
    kind = RULES.index(_checks.choice("rule", rule, RULES))
    _checks.instance("config", config, TrainingConfig)
    seeds, steps = _checks.seeds("seeds", seeds), snapshot_steps(config.steps, snapshots)
    _checks.choice("config.optimiser", config.optimiser, ("gradient_descent",))
    amount = _checks.real("amount", amount, 0.0, 1.0 if rule in ("minibatch", "dropout") else 1e9)
    if (rule == "dropout" and amount == 1) or (rule in ("minibatch", "madam") and amount == 0):
        raise ValueError(f"amount must leave something to train with {rule}, got {amount:g}")
    _checks.options(threads, keep_parameters=keep_parameters, cache=cache, progress=progress)
    settings = asdict(config) | {"optimiser": rule, "amount": amount}

    def work(seed: int, stop: np.ndarray) -> Run:
        theta, recipe, pairs = prepare(config, config.task, seed, None)
        flat = np.empty((len(steps), theta.size), np.float32)
        scalars = np.empty((len(steps), len(SCALARS)), np.float32)
        reached = _rules.trace(
            *(
                theta,
                kind,
                amount,
                seed,
                config.steps,
                *_per_parameter(theta, recipe, kind, amount),
            ),
            *(recipe, pairs, steps, stop, flat, scalars),
        )
        whose = ("network", settings, seed, recipe)
        return recorded(*whose, steps, flat, scalars, reached, keep_parameters)

    def compute(missing, keep) -> None:
        run_in_threads(work, missing, keep, threads, progress, rule)

    code = sha256(Path(__file__).read_bytes()).hexdigest()
    key = {"settings": settings, "steps": steps.tolist(), "parameters": keep_parameters}
    return cached(key | {"by": code} if cache else None, seeds, compute, progress)


def wire_lengths(tokens: int, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths d + 0.1 of the wires of the two layers, as this module defines them.

    Args:
        tokens: N, 3 to 4096.
        hidden: width H, 1 to 65536.

    Returns:
        (2, H) and (H, N) float64, over the length of a layer.

    Raises:
        ValueError: if an argument is outside its range.

    >>> first, second = wire_lengths(tokens=5, hidden=2)
    >>> first.tolist(), second.shape
    ([[0.1, 0.6], [0.6, 0.1]], (2, 5))
    """
    tokens = _checks.integer("tokens", tokens, 3, _checks.MODULUS)
    hidden = _checks.integer("hidden", hidden, 1, _checks.HIDDEN)
    units, labels = ((np.arange(count) + 0.5) / count for count in (hidden, tokens))
    inputs = np.array([0.25, 0.75])
    return tuple(np.abs(a[:, None] - b) + 0.1 for a, b in ((inputs, units), (units, labels)))


def _per_parameter(theta, recipe, kind, amount):
    """Decay, largest size and wire length of each parameter, (D,) float32 each."""
    n, h = recipe.tokens, recipe.hidden
    ends = np.cumsum([2 * n, 3 * h, n * h, n])
    decays = np.repeat(recipe.decays, np.diff(ends, prepend=0))
    groups = np.split(theta, ends[:-1])
    sizes = [np.full(g.size, amount * np.sqrt((g.astype(float) ** 2).mean())) for g in groups]
    first, second = wire_lengths(n, h)
    none = (np.zeros((n, 2)), np.zeros(h), np.zeros(n))
    lengths = _engine.pack(none[0], first, none[1], second, none[2])
    if kind == _WIRING:
        decays = np.where(lengths > 0, 0, decays)
    bounds = np.minimum(np.concatenate(sizes), np.finfo(np.float32).max)
    arrays = (decays, bounds, lengths)
    return tuple(array.astype(np.float32) for array in arrays)
