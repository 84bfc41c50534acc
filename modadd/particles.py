"""Particle simulations: token embeddings that move under pair forces, with no network.

Both return a Run, so that whatever reads a trained ensemble reads them too.

`two_force` is the simplest: clustering and alignment, each bounded, with one knob between them.
Positions are rescaled to unit rms, and the particles descend the potential (derived here)

    V = −1/(2N²) Σ_pq c_pq [ (1 − a) exp(−|x_p − x_q|² / 2s²) + a cos²θ_pq ]
    c_pq = [y_p = y_q] − 1/N        cos²θ_pq = (x_p·x_q)² / ((|x_p|² + s²) (|x_q|² + s²))

over ordered pairs p, q with pair sums x and labels y; 1/N² makes forces comparable at all N. These
are the bounded counterparts of the exact law's two faces: like labels attract within the reach s
instead of repelling farther out, and alignment, a torque and a pull along the sums, does not grow
with sums longer than s.

`field` has no free parameter: it is the network's own law once its hidden layer is replaced by the
kernel of infinitely many units (derived here). A logit field Z over the plane receives from every
pair its residual α_q through the kernel k, forgets at the rate λ of weight decay, and moves the
particles; without momentum, and with κ = H σ², σ² = 1/6,

    Z_t+1(x) = (1 − ηλ) Z_t(x) + η/N² Σ_q α_q (1 + κ k(x, x_q))
    E_a,t+1 = (1 − ηλ) E_a,t + η/N² Σ_p∋a α_p · ∇Z_t(x_p)

The 1 is the output bias. The field is stored, without a mesh, by its multipoles: on the sphere of
directions of the lifted points x̃ = (x, β), of lengths ñ, k is a sum of spherical harmonics,

    k(x, y) = ñ_x ñ_y Σ_l a_l P_l(cos θ)    a_l = ¾ (2l + 1) c_l²    c_l = ∫₀¹ t P_l(t) dt

with l = 0, 1, 2, 4, 6, ...; up to degree L the harmonics are features whose readout is the field.
Cut at any L, the law stays exactly invariant under rotation, and its domain is the whole plane.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
from numpy.typing import ArrayLike

from modadd import _checks
from modadd._compiled import engine as _engine
from modadd._compiled import field as _field
from modadd._compiled import two_forces as _two_forces
from modadd.cache import cached
from modadd.run import SCALARS, DivergenceError, Run
from modadd.task import ModularAddition
from modadd.training import OPTIMISERS, TrainingConfig, prepare, record, snapshot_steps

DEGREE = 10
"""Highest multipole of the kernel in `field`, unless another is asked for."""
NODES = 128
"""Features in `field(features="fixed")` and `field(features="moving")`."""
FEATURES = ("ideal", "isotropic", "fixed", "moving")
"""What the field's kernel is made of, see `field`."""


def two_force(
    E0: ArrayLike,
    alignment_force: float = 0.5,
    steps: int = 1000,
    *,
    step_size: float = 0.3,
    momentum: float = 0.9,
    reach: float = 0.6,
    seeds: int | Iterable[int] | None = None,
    snapshots: int | Iterable[int] = 60,
    threads: int | None = None,
    cache: bool = False,
    progress: bool = True,
) -> Run:
    """Let particles cluster and align: gradient descent on the potential V of this module.

    V is a function of positions over their rms, so its gradient has no component that only
    rescales them; after every step they are scaled back to rms 1, which changes no V. The start
    is scaled likewise, and all recorded embeddings have rms 1 (over both coordinates).

    Args:
        E0: (S, N, 2) or (N, 2) initial positions; only their shape counts, not their scale.
        alignment_force: a in [0, 1]; 0 is clustering alone, 1 alignment alone.
        steps: number of steps, >= 0.
        step_size: in ]0, 1e30], displacement over force; V descends without momentum up to about
            0.3.
        momentum: in [0, 1], the share of the last displacement that a step repeats; it carries
            particles over small barriers, on which more would strand at 0.
        reach: s in ]0, 1e30], in units of the rms.
        seeds: (S,) distinct names of the starts; None: 0 to S − 1.
        snapshots, threads, cache, progress: as for `training.train`.

    Returns:
        Run with source "two_force"; loss is V, force_rms that of −∂V/∂E, other scalars NaN.

    >>> start = np.random.default_rng(0).standard_normal((4, 17, 2))
    >>> run = two_force(start, alignment_force=1.0, progress=False)
    >>> run.source, run.final.shape
    ('two_force', (4, 17, 2))
    """
    E0, start = _starts(E0, seeds)
    steps = snapshot_steps(_checks.integer("steps", steps, 0), snapshots)
    _checks.options(threads, cache=cache, progress=progress)
    rule = _two_forces.TwoForces(
        alignment_force=_checks.real("alignment_force", alignment_force, 0.0, 1.0),
        reach=_checks.real("reach", reach, 0.0, _checks.LARGEST, open_low=True),
        step_size=_checks.real("step_size", step_size, 0.0, _checks.LARGEST, open_low=True),
        momentum=_checks.real("momentum", momentum, 0.0, 1.0),
    )
    settings = rule._asdict()
    task = ModularAddition(E0.shape[1])
    pairs = (task.pairs, task.labels, task.multiplicity.astype(np.float32))

    def work(seed: int, stop: np.ndarray) -> Run:
        E = start[seed].astype(np.float64)
        positions = np.empty((len(steps), *E.shape), np.float32)
        scalars = np.full((len(steps), len(SCALARS)), np.nan, np.float32)
        reached = _two_forces.descend(E, *pairs, rule, steps, stop, positions, scalars)
        return _recorded("two_force", settings, seed, steps, positions, scalars, reached)

    options = {"threads": threads, "cache": cache, "progress": progress}
    return cached("two-force", settings, steps, tuple(start), work, given={"E0": E0}, **options)


def field(
    E0: ArrayLike,
    config: TrainingConfig | None = None,
    *,
    features: str = "ideal",
    pace: float = 1.0,
    degree: int = DEGREE,
    label_charges: bool = False,
    seeds: int | Iterable[int] | None = None,
    snapshots: int | Iterable[int] = 60,
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Run:
    """Let particles move in the logit field that they lay down: the network's law without it.

    The recipe is the one that a network from these starts would be trained by: field and particles
    both follow its update rule, `hidden` sets κ, `weight_decay` is the forgetting rate of the
    field, and a seed decides which pairs leave residuals and are moved, as in `training.train`.
    The field begins empty, whatever `readout_init` says, and the starts are given, so
    `embedding_scale` plays no part. Nothing is random, nothing is fitted.

    Args:
        E0: (S, N, 2) or (N, 2) initial positions.
        config: the recipe, of modulus N; None: the default one.
        features: "ideal", infinitely many Gaussian ones, whose kernel `degree` cuts; "moving", the
            *mean-field limit* of the network: NODES features, spread evenly over the cube ±1/√2 of
            its initial weights, each standing for H / NODES hidden units, which learn as its first
            layer does; "fixed", the same but frozen; or "isotropic", as "moving" but evenly over
            all directions, so that at pace 0 it is the ideal kernel again. A field by the kernel is
            one of gradient descent: with Adam or AdamW features are not "ideal".
        pace: >= 0, how fast moving or isotropic features learn, and forget, beside all else.
        degree: highest multipole of the kernel of ideal features, 1 to 16; 1 leaves 3/16 ñ_x ñ_y,
            which pushes along the pair sums only, and a linear kernel, which by the sum rules
            exerts no force at first. The default errs by less than 1 % in the force down to
            embeddings of rms β / 3 (degree 8: down to β).
        label_charges: for ideal features, put the residuals of the start for the residuals always.
        seeds: (S,) distinct names of the starts; None: 0 to S − 1.
        snapshots, threads, cache, progress: as for `training.train`.

    Returns:
        Run with source "field"; the scalars mean the same as a network's.

    Warns:
        RuntimeWarning: where a loss ends far above that of a guess, ln N: steps are too long for
            so steep a field, and what has grown there is no law's prediction.

    >>> start = np.random.default_rng(0).standard_normal((5, 2))
    >>> run = field(start, TrainingConfig(5, steps=200), cache=False, progress=False)
    >>> run.accuracy[-1].tolist()
    [1.0]
    """
    E0, start = _starts(E0, seeds)
    modulus = E0.shape[1]
    config = TrainingConfig(modulus) if config is None else config
    _checks.instance("config", config, TrainingConfig)
    if config.modulus != modulus:
        raise ValueError(f"config must be of modulus {modulus}, as E0, got {config.modulus}")
    _checks.options(threads, cache=cache, progress=progress)
    own = {
        "features": _checks.choice("features", features, FEATURES),
        "pace": _checks.real("pace", pace, 0.0, _checks.LARGEST),
        "degree": _checks.integer("degree", degree, 1, 16),
        "label_charges": _checks.flag("label_charges", label_charges),
    }
    if features != "ideal" and (label_charges or degree != DEGREE):
        raise ValueError(
            f"features must be 'ideal' with label_charges or another degree, got {features!r}"
        )
    if features in ("ideal", "fixed") and pace != 1:
        raise ValueError(
            f"features must be 'moving' or 'isotropic' with another pace, got {features!r}"
        )
    if features == "ideal" and config.optimiser != "gradient_descent":
        raise ValueError(
            f"features must be 'fixed' or 'moving' with {config.optimiser}, got 'ideal': only by"
            " gradient descent is the field a sum over residuals"
        )
    steps, settings = snapshot_steps(config.steps, snapshots), asdict(config) | own
    table, task = _field.multipole_table(degree), config.task

    nodes = _even_sphere(NODES) if features == "isotropic" else _even_cube(NODES)
    learning = 0.0 if features == "fixed" else pace

    def by_kernel(seed: int, stop: np.ndarray) -> Run:
        _, recipe, pairs = prepare(config, task, seed)
        blocks = _field.in_blocks(pairs)
        positions = np.empty((len(steps), modulus, 2), np.float32)
        scalars = np.empty((len(steps), len(SCALARS)), np.float32)
        reached = _field.deposit_and_move(
            start[seed], recipe, *blocks, table, label_charges, steps, stop, positions, scalars
        )
        return _recorded("field", settings, seed, steps, positions, scalars, reached)

    def by_features(seed: int, stop: np.ndarray) -> Run:
        _, recipe, pairs = prepare(config, task, seed)
        theta, recipe = _wide_limit(start[seed], recipe, nodes, learning)
        return record("field", settings, seed, theta, recipe, pairs, steps, False, stop)

    work = by_kernel if features == "ideal" else by_features
    options = {"threads": threads, "cache": cache, "progress": progress}
    run = cached("field", settings, steps, tuple(start), work, given={"E0": E0}, **options)
    guess = math.log(modulus)
    lost = run.seeds[run.loss[-1] > 2 * guess]
    if len(lost) and not label_charges:
        warnings.warn(
            f"the loss of {len(lost)} of {len(run.seeds)} starts (seed {lost[0]} first) ends at up"
            f" to {run.loss[-1].max():.3g}, far above the {guess:.3g} of a guess: the field"
            " overshoots, and a smaller learning_rate is needed",
            RuntimeWarning,
            stacklevel=2,
        )
    return run


# --- what both share ------------------------------------------------------------------------------


def _starts(
    E0: ArrayLike, seeds: int | Iterable[int] | None
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Checked starts (S, N, 2) float32, and each (N, 2) by its seed."""
    E0 = _checks.embeddings("E0", E0, limit=_checks.LARGEST).astype(np.float32)
    if E0.ndim > 3:
        raise ValueError(f"E0 must have shape (S, N, 2) or (N, 2), got {E0.shape}")
    if not E0.size:
        raise ValueError(f"E0 must hold at least one start, got shape {E0.shape}")
    E0 = E0.reshape(-1, *E0.shape[-2:])
    if (np.ptp(E0, axis=1) == 0).all(axis=-1).any():
        raise ValueError("E0 must not have all tokens of a start in one point")
    seeds = _checks.seeds("seeds", range(len(E0)) if seeds is None else seeds)
    if len(seeds) != len(E0):
        raise ValueError(f"seeds must be {len(E0)}, one for each start, got {len(seeds)}")
    return E0, dict(zip(seeds, E0, strict=True))


def _recorded(
    source: str,
    settings: dict,
    seed: int,
    steps: np.ndarray,
    positions: np.ndarray,
    scalars: np.ndarray,
    reached: tuple[int, int],
) -> Run:
    """The Run of one seed from what a compiled loop has filled and returned."""
    count, bad = reached
    if bad >= 0:
        raise DivergenceError(
            f"the positions stopped being finite at step {bad} of seed {seed}; "
            f"a smaller {'step_size' if source == 'two_force' else 'learning_rate'} usually helps"
        )
    values = dict(zip(SCALARS, scalars[:count].T[..., None], strict=True))
    seeds = np.array([seed], np.int64)
    return Run(source, settings, seeds, steps[:count], positions[:count, None], **values)


def _wide_limit(
    E: np.ndarray, recipe: _engine.Recipe, nodes: np.ndarray, pace: float
) -> tuple[np.ndarray, _engine.Recipe]:
    """Parameters and recipe of few even nodes (K, 3) that stand for `hidden` random features.

    A feature that stands for r = H / K units has √r times their weights and readouts: ReLU is
    homogeneous, so it acts as r of them, with √r times their gradients. By gradient descent it then
    moves √r times as far, as it must. Adam's steps do not grow with the gradient, so that its rate
    is √r times theirs; a decay apart from the gradient must then be less by √r (derived here).
    """
    n, mass = len(E), recipe.hidden / len(nodes)
    nodes = math.sqrt(mass) * nodes
    theta = _engine.pack(E, nodes[:, :2].T, nodes[:, 2], np.zeros((len(nodes), n)), np.zeros(n))
    rates, decays, optimiser = recipe.rates.copy(), recipe.decays.copy(), recipe.optimiser
    if OPTIMISERS[optimiser] != "gradient_descent":
        rates[1:3] *= math.sqrt(mass)
    if OPTIMISERS[optimiser] == "adamw":
        decays[1:3] /= math.sqrt(mass)
    rates[1] *= pace
    return theta, recipe._replace(hidden=len(nodes), rates=rates, decays=decays)


def _even_cube(count: int) -> np.ndarray:
    """Evenly spread points of the cube [−1/√2, 1/√2]³, each with its opposite, (count, 3).

    The additive recurrence with the powers of 1/g, g⁴ = g + 1 (Roberts 2018), has low discrepancy.
    What is left of unevenness in the second moments, some percent, is taken out by a linear map.
    """
    g = 1.2207440846057596
    offsets = np.arange(1, count // 2 + 1)[:, None] / g ** np.arange(1, 4)
    half = (2 * ((0.5 + offsets) % 1) - 1) / math.sqrt(2)
    sizes, axes = np.linalg.eigh(6 * half.T @ half / len(half))
    half = half @ (axes / np.sqrt(sizes)) @ axes.T
    return np.concatenate([half, -half])


def _even_sphere(count: int) -> np.ndarray:
    """Evenly spread points of the sphere of radius 1/√2, each with its opposite, (count, 3).

    Their squared length is that of the weights of the network, in the mean: 3/6. A spiral by the
    golden angle covers half of the sphere (Vogel 1979).
    """
    k = np.arange(count // 2) + 0.5
    z, angle = 1 - k / (count // 2), math.pi * (1 + math.sqrt(5)) * k
    ring = np.sqrt(1 - z**2)
    half = np.stack([ring * np.cos(angle), ring * np.sin(angle), z], -1) / math.sqrt(2)
    return np.concatenate([half, -half])
