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

import hashlib
import math
from collections.abc import Iterable

import numpy as np

from modadd import _checks
from modadd._compiled import engine as _engine
from modadd._compiled import particles as _particles
from modadd._threads import run_in_threads
from modadd.cache import cached
from modadd.model import pair_weights
from modadd.run import SCALARS, DivergenceError, Run
from modadd.task import ModularAddition
from modadd.training import record, snapshot_steps

DEGREE = 10
"""Highest multipole of the kernel in `field`, unless another is asked for."""
NODES = 256
"""Features in `field(features="fixed")` and `field(features="moving")`."""
FEATURES = ("ideal", "fixed", "moving")
"""What the field's kernel is made of, see `field`."""


def two_force(
    E0: np.ndarray,
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

    Raises:
        ValueError: for an argument out of range, before any work.
        DivergenceError: naming step and seed, when positions stop being finite.

    >>> start = np.random.default_rng(0).standard_normal((4, 17, 2))
    >>> run = two_force(start, alignment_force=1.0, progress=False)
    >>> run.source, run.final.shape
    ('two_force', (4, 17, 2))
    """
    E0, seeds, steps = _arguments(E0, seeds, steps, snapshots)
    _checks.options(threads, cache=cache, progress=progress)
    settings = {
        "alignment_force": _checks.real("alignment_force", alignment_force, 0.0, 1.0),
        "reach": _checks.real("reach", reach, 0.0, _checks.LARGEST, open_low=True),
        "step_size": _checks.real("step_size", step_size, 0.0, _checks.LARGEST, open_low=True),
        "momentum": _checks.real("momentum", momentum, 0.0, 1.0),
    }
    values = np.array(list(settings.values()))
    task = ModularAddition(E0.shape[-2])

    def work(E: np.ndarray, stop: np.ndarray, seed: int) -> Run:
        positions = np.empty((len(steps), *E.shape), np.float32)
        scalars = np.full((len(steps), len(SCALARS)), np.nan, np.float32)
        count, bad = _particles.descend(
            E.astype(np.float64),
            task.pairs,
            task.labels,
            task.multiplicity.astype(np.float32),
            values,
            steps,
            stop,
            positions,
            scalars,
        )
        return _recorded("two_force", settings, seed, steps, positions, scalars, count, bad)

    return _run("two_force", settings, E0, seeds, steps, work, threads, cache, progress)


def field(
    E0: np.ndarray,
    steps: int = 2500,
    hidden: int = 64,
    weight_decay: float = 3e-3,
    *,
    learning_rate: float = 0.3,
    momentum: float = 0.9,
    embedding_decay: float | None = None,
    bias_scale: float = 1.0,
    degree: int = DEGREE,
    label_charges: bool = False,
    features: str = "ideal",
    train_share: float = 1.0,
    seeds: int | Iterable[int] | None = None,
    snapshots: int | Iterable[int] = 60,
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Run:
    """Let particles move in the logit field that they lay down: the network's law without it.

    The recipe is that of a TrainingConfig, with the same defaults and meaning; field and particles
    both carry the momentum. Nothing is random, nothing is fitted.

    Args:
        E0: (S, N, 2) or (N, 2) initial positions.
        steps: number of steps, >= 0.
        hidden: width H, 1 to 65536, of the network that is replaced; sets κ = H / 6.
        weight_decay: λ in [0, 1e30], the forgetting rate of the field, and the decay of the
            positions ...
        embedding_decay: ... unless this is given for them, in [0, 1e30].
        learning_rate: η in ]0, 1e30].
        momentum: in [0, 1].
        bias_scale: β in [0, 1e30].
        degree: highest multipole of the kernel, 1 to 16; 1 leaves 3/16 ñ_x ñ_y, which
            pushes along the pair sums only, and a linear kernel, which by the sum rules exerts no
            force at first. The default errs by less than 1 % in the force down to embeddings of
            rms β / 3 (degree 8: down to β).
        label_charges: put [y_p = m] − 1/N, the residuals at the start, for the residuals always.
        features: "ideal", infinitely many Gaussian ones, whose kernel `degree` cuts; "fixed", the
            wide limit of the network's own: NODES of them, spread evenly over the cube ±1/√2 of its
            initial weights, each standing for H / NODES hidden units; or "moving", where these
            learn as the network's first layer does. `degree` and `label_charges` are for "ideal".
        train_share: share of the pairs in ]0, 1] that leave residuals and are moved; which of
            them, the seed decides as in `training.train`.
        seeds: (S,) distinct names of the starts; None: 0 to S − 1.
        snapshots, threads, cache, progress: as for `training.train`.

    Returns:
        Run with source "field"; the scalars mean the same as a network's.

    Raises:
        ValueError: for an argument out of range, before any work.
        DivergenceError: naming step and seed, when the positions or the loss stop being finite.

    >>> start = np.random.default_rng(0).standard_normal((5, 2))
    >>> run = field(start, steps=200, cache=False, progress=False)
    >>> run.accuracy[-1].tolist()
    [1.0]
    """
    E0, seeds, steps = _arguments(E0, seeds, steps, snapshots)
    _checks.options(threads, cache=cache, progress=progress)
    largest = _checks.LARGEST
    decay = _checks.real("weight_decay", weight_decay, 0.0, largest)
    settings = {
        "hidden": _checks.integer("hidden", hidden, 1, _checks.HIDDEN),
        "learning_rate": _checks.real("learning_rate", learning_rate, 0.0, largest, open_low=True),
        "momentum": _checks.real("momentum", momentum, 0.0, 1.0),
        "weight_decay": decay,
        "embedding_decay": decay
        if embedding_decay is None
        else _checks.real("embedding_decay", embedding_decay, 0.0, largest),
        "bias_scale": _checks.real("bias_scale", bias_scale, 0.0, largest),
        "degree": _checks.integer("degree", degree, 1, 16),
        "label_charges": _checks.flag("label_charges", label_charges),
        "features": _checks.choice("features", features, FEATURES),
        "train_share": _checks.real("train_share", train_share, 0.0, 1.0, open_low=True),
    }
    if features != "ideal" and (label_charges or degree != DEGREE):
        raise ValueError(
            f"features must be 'ideal' with label_charges or another degree, got {features!r}"
        )
    task = ModularAddition(E0.shape[-2])

    def pairs(seed: int) -> _engine.Pairs:
        training = task.training_pairs(train_share, seed)
        weights, held_out = pair_weights(task, training), task.multiplicity * ~training
        return _engine.padded_pairs(task.pairs, task.labels, weights, held_out)

    rule = _particles.Rule(
        settings["hidden"] / 6,
        settings["bias_scale"],
        settings["learning_rate"],
        settings["momentum"],
        settings["weight_decay"],
        settings["embedding_decay"],
    )
    table = _particles.multipole_table(settings["degree"])

    def move(E: np.ndarray, stop: np.ndarray, seed: int) -> Run:
        positions = np.empty((len(steps), *E.shape), np.float32)
        scalars = np.empty((len(steps), len(SCALARS)), np.float32)
        count, bad = _particles.deposit_and_move(
            E, pairs(seed), table, rule, label_charges, steps, stop, positions, scalars
        )
        return _recorded("field", settings, seed, steps, positions, scalars, count, bad)

    def descend(E: np.ndarray, stop: np.ndarray, seed: int) -> Run:
        theta, recipe = _wide_limit(E, settings)
        return record("field", settings, seed, theta, recipe, pairs(seed), steps, False, stop)

    work = move if features == "ideal" else descend
    return _run("field", settings, E0, seeds, steps, work, threads, cache, progress)


# --- what both share ------------------------------------------------------------------------------


def _arguments(E0, seeds, steps, snapshots) -> tuple[np.ndarray, tuple[int, ...], np.ndarray]:
    """Checked starts (S, N, 2) float32, their seeds, and the steps to record."""
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
    return E0, seeds, snapshot_steps(_checks.integer("steps", steps, 0), snapshots)


def _recorded(source, settings, seed, steps, positions, scalars, count, bad) -> Run:
    """The Run of one seed from what a compiled loop has filled."""
    if bad >= 0:
        raise DivergenceError(
            f"the positions stopped being finite at step {bad} of seed {seed}; "
            f"a smaller {'step_size' if source == 'two_force' else 'learning_rate'} usually helps"
        )
    values = dict(zip(SCALARS, scalars[:count].T[..., None], strict=True))
    return Run(
        source,
        settings,
        np.array([seed], np.int64),
        steps[:count],
        positions[:count, None],
        **values,
    )


def _run(source, settings, E0, seeds, steps, work, threads, cache, progress) -> Run:
    """Simulate all starts, one seed per thread, through the cache if wanted."""
    start = dict(zip(seeds, E0, strict=True))

    def compute(missing, keep) -> None:
        run_in_threads(
            lambda seed, stop: work(start[seed], stop, seed),
            missing,
            keep,
            threads,
            progress,
            source.replace("_", "-"),
        )

    digest = hashlib.sha256(E0.tobytes()).hexdigest()
    key = {"source": source, "settings": settings, "steps": steps.tolist()}
    key |= {"seeds": seeds, "start": digest}
    return cached(key if cache else None, seeds, compute, progress)


def _wide_limit(E: np.ndarray, settings: dict) -> tuple[np.ndarray, _engine.Recipe]:
    """Parameters and recipe of NODES evenly spread features that stand for `hidden` random ones.

    A feature that stands for r = H / NODES units has √r times their weights and readouts: ReLU is
    homogeneous, so it acts as r of them and learns at their rates and decays (derived here).
    """
    n, share, moving = len(E), settings["hidden"] / NODES, settings["features"] == "moving"
    nodes = math.sqrt(share) * _even_cube(NODES)
    theta = _engine.pack(E, nodes[:, :2].T, nodes[:, 2], np.zeros((NODES, n)), np.zeros(n))
    recipe = _engine.Recipe(
        tokens=n,
        hidden=NODES,
        bias_scale=settings["bias_scale"],
        label_smoothing=0.0,
        optimiser=_engine.GRADIENT_DESCENT,
        momentum=settings["momentum"],
        rates=np.float32(settings["learning_rate"]) * np.array([1, moving, 1, 1], np.float32),
        decays=np.array([settings["embedding_decay"], *[settings["weight_decay"]] * 3], np.float32),
        decay_from=0,
        decay_until=_engine.NEVER,
    )
    return theta, recipe


def _even_cube(count: int) -> np.ndarray:
    """Evenly spread points of the cube [−1/√2, 1/√2]³, each with its opposite, (count, 3).

    The additive recurrence with the powers of 1/g, g⁴ = g + 1 (Roberts 2018), has low discrepancy.
    """
    g = 1.2207440846057596
    offsets = np.arange(1, count // 2 + 1)[:, None] / g ** np.arange(1, 4)
    half = (2 * ((0.5 + offsets) % 1) - 1) / math.sqrt(2)
    return np.concatenate([half, -half])
