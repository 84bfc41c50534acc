"""Notebook 13: circles whose decay is turned up, held against the curve computed beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from scipy.optimize import minimize
from scipy.special import logsumexp

from modadd import TrainingConfig, structure, theory, train
from modadd._progress import progress_bar
from modadd.model import Parameters
from modadd.plots.palette import INK, LINE, MUTED, PAPER, STYLES, blend, colored
from modadd.plots.panels import Panel, font, rows, sheet
from modadd.plots.shares import wilsons
from modadd.plots.sliders import animate
from modadd.plots.traces import embeddings, line, marks, whisker
from modadd.run import Run

SHARES = (0.5, 0.8, 0.93, 0.97, 0.985, 1.0, 1.015, 1.03)
"""Of the predicted end, at which the circles of the test are held in turn."""

CONDITIONS = {
    "N = 7": TrainingConfig(7, 32, learning_rate=0.1),
    "N = 7, longer steps": TrainingConfig(7, 32),
    "N = 11": TrainingConfig(11, 32),
    "N = 13": TrainingConfig(13, 32),
    "N = 17": TrainingConfig(),
    "N = 17, β = 0": TrainingConfig(bias_scale=0.0),
    "N = 17, β = 0.5": TrainingConfig(bias_scale=0.5),
    "N = 17, no momentum": TrainingConfig(momentum=0.0, learning_rate=1.0),
    "N = 17, Adam": TrainingConfig(optimiser="adam", learning_rate=0.003),
    "N = 17, H = 256": TrainingConfig(hidden=256),
    "N = 17, H = 32 < 2N": TrainingConfig(hidden=32),
    "N = 17, H = 16 < N": TrainingConfig(hidden=16),
    "N = 17, 80 % of the pairs": TrainingConfig(train_share=0.8),
    "N = 19": TrainingConfig(19),
    "N = 23": TrainingConfig(23),
    "N = 23, Adam": TrainingConfig(23, optimiser="adam", learning_rate=0.003),
    "N = 31": TrainingConfig(31, 64),
    "N = 59": TrainingConfig(59, 128, learning_rate=2.0),
    "N = 113": TrainingConfig(113, 256, learning_rate=4.0),
}
"""Recipes of the test. The theory speaks of all pairs, short steps and at least 2N units."""


# --- networks whose decay changes ----------------------------------------------------------------


def last(run: Run) -> Parameters:
    """All parameters at the end of a run, with leading axis (S,)."""
    return run.parameters.map(lambda array: array[-1])


def go_on(
    run: Run, weight_decay: float, steps: int, snapshots: Sequence[int] = (), **changes
) -> Run:
    """The same networks, trained on at another decay; recorded at the end, and where asked."""
    settings = {**run.settings, **changes, "weight_decay": weight_decay, "steps": steps}
    return train(
        TrainingConfig(**settings),
        run.seeds,
        snapshots=[*snapshots, steps],
        initial_parameters=last(run),
        keep_parameters=True,
        progress=False,
    )


def regularised_loss(run: Run) -> np.ndarray:
    """Loss plus λ/2 times all squared parameters, at every snapshot: (T, S)."""
    squares = (np.square(a).reshape(*a.shape[:2], -1).sum(-1) for a in run.parameters)
    return run.loss + run.settings["weight_decay"] / 2 * sum(squares)


def radius(E: np.ndarray) -> np.ndarray:
    """Root mean squared distance of embeddings (..., N, 2) from the origin."""
    return np.sqrt((E**2).sum(-1).mean(-1))


class Ramp(NamedTuple):
    """S circles held at L decays in turn, each for long enough to come to rest."""

    decays: np.ndarray  #: (L,) λ, increasing
    radius: np.ndarray  #: (L, S) at the end of each hold
    loss: np.ndarray  #: (L, S) regularised
    embeddings: np.ndarray  #: (L, S, N, 2)
    alive: np.ndarray  #: (L, S) bools: larger than half the radius at which circles end
    rest: Run  #: the networks that were still alive before the last hold, at its end


def pace(config: TrainingConfig) -> float:
    """How far one step goes in the time of gradient flow; for Adam, which has none, 1 was tried."""
    if config.optimiser != "gradient_descent":
        return 1.0
    return config.learning_rate / (1 - config.momentum)


def turn_up(run: Run, decays: Sequence[float], patience: float = 40) -> Ramp:
    """Hold the networks at the end of a run at each decay in turn, for a time of `patience` / λ.

    A network that has let go is trained no further: it stands as it was at the end of that hold.
    """
    place = {int(seed): i for i, seed in enumerate(run.seeds)}
    limit = theory.critical_decay(run.modulus).radius / 2
    E, loss, held = run.final.copy(), regularised_loss(run)[-1], []
    for decay in progress_bar("decays", len(decays), True, decays, "decay"):
        living = [seed for seed, i in place.items() if radius(E[i]) > limit]
        if living:
            steps = int(np.ceil(patience / decay / pace(TrainingConfig(**run.settings))))
            run = go_on(run.select(living), float(decay), steps)
            index = [place[seed] for seed in living]
            E[index], loss[index] = run.final, regularised_loss(run)[-1]
        held.append((radius(E), loss.copy(), E.copy(), radius(E) > limit))
    return Ramp(np.array(decays), *map(np.array, zip(*held)), run)


def ring(modulus: int, frequency: int, size: float) -> np.ndarray:
    """A circle of that frequency and radius, (N, 2)."""
    angle = 2 * np.pi * frequency * np.arange(modulus) / modulus
    return size * np.stack([np.cos(angle), np.sin(angle)], -1)


def placed(config: TrainingConfig, share: float, seeds: Sequence[int]) -> Run:
    """Networks with random layers, put on circles and trained at a share of the end of circles.

    Frequencies are 1, 2, 3 and 5 in turn, the radius is the computed one, the time is 40 / λ.
    """
    decay = share * theory.critical_decay(config.modulus).ends
    size = theory.circle(config.modulus, decay).radius
    steps = int(np.ceil(40 / decay / pace(config)))
    return train(
        replace(config, weight_decay=decay, steps=steps),
        seeds,
        snapshots=[steps],
        initial_embeddings=[ring(config.modulus, (1, 2, 3, 5)[s % 4], size) for s in seeds],
        keep_parameters=True,
        progress=False,
    )


def survival(config: TrainingConfig, seeds: Sequence[int]) -> Ramp:
    """Networks with random layers on circles, held at SHARES of the end in turn."""
    end = theory.critical_decay(config.modulus).ends
    return turn_up(placed(config, SHARES[0], seeds), end * np.array(SHARES))


def relative_errors(ramp: Ramp) -> tuple[np.ndarray, np.ndarray]:
    """Of radius and regularised loss at the decays below the end, measured over theory less 1.

    One row a decay, one column a network, NaN where it had let go.
    """
    n = ramp.embeddings.shape[-2]
    below = ramp.decays < theory.critical_decay(n).ends
    known = [theory.circle(n, decay) for decay in ramp.decays[below]]
    r, u = (np.array([[getattr(k, name)] for k in known]) for name in ("radius", "loss"))
    kept = np.where(ramp.alive, 1.0, np.nan)[below]
    return kept * ramp.radius[below] / r - 1, kept * ramp.loss[below] / u - 1


def simplest(modulus: int, sizes: np.ndarray) -> np.ndarray:
    """λ of circles of sizes s = R³ (M,) whose unit axes each speak against one label alone."""
    k = np.arange(modulus)
    d, sine = 2 * np.abs(np.cos(np.pi * k / modulus)), np.abs(np.sin(np.pi * k / modulus))
    # Without its mean, which no softmax sees, a profile of size s has the depth s/2 / √(1 − 1/N).
    depth = 0.5 / np.sqrt(1 - 1 / modulus)
    slopes = depth * d[:, None] * (sine - sine.mean())
    z = -sizes[:, None, None] * slopes
    share = np.exp(z - z.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    # −dC/ds, the mean over t of −dz₀/ds + Σ_k p_k dz_k/ds
    falls = (slopes * (share - (k == 0))).sum(-1).mean(-1)
    return np.cbrt(sizes) * falls / modulus


def two_sided(modulus: int, weight_decay: float) -> tuple[float, float]:
    """Radius and regularised loss of the best circle whose units n and −n may say different things.

    The pair sums of a label lie at R · 2 cos(2πt/N) on its axis: the two sides are not alike. The
    unit to the left of a label's axis still says what the one to the right says, mirrored.
    """
    t = np.arange(modulus)
    turn = 2 * np.pi * t / modulus
    left, right = (np.sin(turn[:, None] + sign * turn) for sign in (-1, 1))
    along = 2 * np.cos(turn)[:, None, None]
    answers = np.maximum(-along * left, 0) + np.maximum(along * right, 0)  # (t, label, profile)

    def loss(u):  # see `theory`; s is 2 |u|
        z = answers @ u
        entropy = (logsumexp(z, axis=1) - z[:, 0]).mean()
        return entropy + 1.5 * modulus * weight_decay * np.cbrt(2 * np.linalg.norm(u)) ** 2

    start = theory.circle(modulus, weight_decay)
    u = start.radius * start.profile[2 * t % modulus]  # from axis to axis it is half a turn
    found = minimize(loss, u + 1e-4 * t)
    return float(np.cbrt(2 * np.linalg.norm(found.x))), float(found.fun)


# --- hidden units of circles ---------------------------------------------------------------------


class Units(NamedTuple):
    """The U hidden units of circles, in the circle's own order of axes: that of label y at ky."""

    place: np.ndarray  #: (U,) direction, 0 to N: integers are axes of labels
    strength: np.ndarray  #: (U,) |w1| |w2|, as a share of all units of its network
    profile: np.ndarray  #: (U, N) of length 1, to the label k axes from the one it is normal to


def units(run: Run) -> Units:
    """The hidden units at the end of networks that are circles."""
    found = (_units(*arrays) for arrays in zip(*last(run).map(np.float64)))
    return Units(*map(np.concatenate, zip(*found)))


def _units(E, w1, b1, w2, b2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(E)
    mode = np.fft.fft(E @ [1, 1j])
    winner = int(np.abs(mode[1:]).argmax()) + 1  # k, or N − k on a circle that turns the other way
    along = (np.angle(w1.T @ [1, 1j]) - np.angle(mode[winner])) * n / np.pi % n
    strength = np.linalg.norm(w1, axis=0) * np.linalg.norm(w2, axis=1)
    normal_to = np.rint(along - n / 2).astype(int)
    labels = np.arange(n) * pow(winner, -1, n)  # at the places 0, 1, … N − 1
    order = labels[(np.arange(n) + normal_to[:, None]) % n] % n
    length = np.linalg.norm(w2, axis=1, keepdims=True)
    profile = np.take_along_axis(w2, order, 1) / np.where(length > 0, length, 1)  # some have died
    return along, strength / strength.sum(), profile


def oddness(run: Run) -> float:
    """What of the logits at the pair sums x changes sign with x, rms over rms of the whole."""
    parts = []
    for E, w1, b1, w2, _ in zip(*last(run).map(np.float64)):
        x = (E[:, None] + E).reshape(-1, 2)
        bias = run.settings["bias_scale"] * b1
        here, there = (np.maximum(s * x @ w1 + bias, 0) @ w2 for s in (1, -1))
        centre = here.mean(-1, keepdims=True)
        parts.append([((here - there) ** 2).mean() / 4, ((here - centre) ** 2).mean()])
    odd, whole = np.mean(parts, 0)
    return float(np.sqrt(odd / whole))


# --- the laws of motion --------------------------------------------------------------------------


class Motion(NamedTuple):
    """Two differences that decay as exp(−2λt) whatever the loss, as measured at T steps."""

    time: np.ndarray  #: (T,) λt: decay times steps times learning rate
    ellipses: np.ndarray  #: (T, 2, 2) EᵀE − W1 W1ᵀ
    balance: np.ndarray  #: (T, H) |w1|² + b1² − |w2|² of every hidden unit


def motion(run: Run) -> Motion:
    """The two differences along the first seed of a run that recorded its parameters."""
    E, w1, b1, w2, _ = (a[:, 0].astype(float) for a in run.parameters)
    return Motion(
        run.steps * run.settings["learning_rate"] * run.settings["weight_decay"],
        E.swapaxes(1, 2) @ E - w1 @ w1.swapaxes(1, 2),
        (w1**2).sum(1) + b1**2 - (w2**2).sum(2),
    )


def departure(found: Motion) -> float:
    """Largest error of the law, as a share of the differences at the start."""
    kept = np.exp(-2 * found.time)
    return max(
        float(np.abs(d - d[0] * kept.reshape(-1, *[1] * (d.ndim - 1))).max() / np.abs(d[0]).max())
        for d in (found.ellipses, found.balance)
    )


# --- figures -------------------------------------------------------------------------------------

BLUE = STYLES["circle"].color


def _decay_axis(panel: Panel, high: float, title: str, y: dict) -> None:
    ticks = [t for t in (0, 0.01, 0.02, 0.03, 0.04, 0.05) if t < high]
    x = {"range": [0, high], "tickvals": ticks, "title": {"text": "weight decay λ"}}
    panel.axes(x, {"nticks": 5} | y)
    panel.note(f"<b>{title}</b>", yshift=8)


def _dots(x, y, style: str, size: float, opacity: float = 1.0, hover: str = "%{y:.3f}", **look):
    marker = STYLES[style].marker(size, opacity=opacity)
    return marks(np.ravel(x), np.ravel(y), marker, hover, cliponaxis=False, **look)


def letting_go(ramp: Ramp, falling: Run) -> go.Figure:
    """Circles whose decay is turned up, over the computed curve; the first of them as it lets go.

    The ramp ends just below the end of circles; its `rest` is falling, at a decay just beyond.
    """
    n = falling.modulus
    curve, limit = theory.branch(n), theory.critical_decay(n)
    E = np.concatenate([ramp.embeddings[:, 0], falling.embeddings[:, 0]])
    decay = np.r_[ramp.decays, [falling.settings["weight_decay"]] * len(falling.steps)]
    names = [f"λ = {d:.4f}" for d in ramp.decays]
    names += [f"beyond, step {step}" for step in falling.steps]
    size = np.concatenate([ramp.radius[:, 0], radius(falling.embeddings[:, 0])])
    cost = np.concatenate([ramp.loss[:, 0], regularised_loss(falling)[:, 0]])
    boxes = [(16, 44, 330, 330), (430, 44, 350, 150), (430, 254, 350, 120)]
    figure, (plane, sizes, losses) = sheet(512, boxes)
    plane.plane(1.12 * np.abs(E).max())
    plane.note("<b>Embeddings</b> of one network; dotted: the radius computed", yshift=8)
    high = 1.08 * limit.ends
    _decay_axis(sizes, high, "Radius", {"rangemode": "tozero"})
    _decay_axis(losses, high, "Regularised loss", {"rangemode": "tozero"})
    sizes.axes({"title": {"text": ""}})
    sizes.rule(limit.ends)
    losses.rule(limit.ends)
    at_top = {"yref": f"{sizes.y} domain", "xanchor": "right", "yanchor": "top", "xshift": -4}
    sizes.text("λ<sub>c</sub>, computed", limit.ends, 1, **at_top, font=font(11, MUTED))
    losses.add(line([0, high], [np.log(n)] * 2, MUTED, 1, "dash"))
    losses.note("knowing nothing: ln N", 0.02, 1, font=font(11, MUTED), yanchor="top")
    for panel, y, measured in (
        (sizes, curve.radius, ramp.radius),
        (losses, curve.loss, ramp.loss),
    ):
        shown = curve.weight_decay > 0.8 * ramp.decays[0]
        for chosen, dash in ((shown & curve.stable, "solid"), (shown & ~curve.stable, "dot")):
            panel.add(line(curve.weight_decay[chosen], y[chosen], BLUE, dash=dash))
        decays = np.broadcast_to(ramp.decays[:, None], measured.shape)
        panel.add(_dots(decays, measured, "network", 4, 0.5))

    around = np.linspace(0, 2 * np.pi, 73)
    round_trip = np.stack([np.cos(around), np.sin(around)])

    def moving(t: int) -> list[tuple[int, go.Trace]]:
        there = decay[t] < limit.ends
        expected = theory.circle(n, decay[t]).radius if there else np.nan
        dotted = line(*(expected * round_trip), BLUE, 1.5, "dot")
        here = [_dots([decay[t]], [y], "network", 11) for y in (size[t], cost[t])]
        return [(0, dotted), *((0, trace) for trace in embeddings(E[t], 15)), *enumerate(here, 1)]

    animate((plane, sizes, losses), moving, names, shown=len(ramp.decays) - 1, prefix="")
    return figure


def unit_figure(found: Units, expected: theory.Circle) -> go.Figure:
    """Where the hidden units of trained circles stand, and what they say, against theory."""
    n = expected.modulus
    figure, (places, profiles) = sheet(300, [(56, 44, 250, 190), (390, 44, 390, 190)])
    places.note("<b>Where units stand</b>", yshift=8)
    share, edges = np.histogram(found.place % 1, 20, (0, 1), weights=found.strength)
    middle, color = (edges[1:] + edges[:-1]) / 2, STYLES["network"].color
    share = share / share.sum()
    hover = "%{x:.2f}: %{y:.0%}<extra></extra>"
    bar = go.Bar(x=middle, y=share, width=0.046, marker={"color": color}, hovertemplate=hover)
    places.add(bar)
    ticks = {"tickvals": [0, 0.5, 1], "ticktext": ["axis of a label", "midway", "next axis"]}
    places.axes(
        {"range": [0, 1], **ticks, "title": {"text": "direction of the unit"}},
        {"tickformat": ".0%", "nticks": 4, "title": {"text": "share of |w₁| |w₂|"}},
    )
    profiles.note("<b>What they say</b>, over its length", yshift=8)
    k = (np.arange(n) + n // 2) % n - n // 2
    order = np.argsort(k)
    strong = found.profile[found.strength > np.quantile(found.strength, 0.5)]
    x = np.broadcast_to(k, strong.shape)
    profiles.add(_dots(x, strong, "network", 4, 0.15, "%{x}: %{y:.2f}"))
    v = expected.profile / np.linalg.norm(expected.profile)
    profiles.add(line(k[order], v[order], BLUE))
    plain = (1 / n - (k == 0)) / np.sqrt(1 - 1 / n)
    profiles.add(line(k[order], plain[order], MUTED, 1.5, "dot"))
    profiles.axes({"title": {"text": "label, in axes from the one the unit is normal to"}})
    return figure


def motion_figure(found: Motion) -> go.Figure:
    """The two differences over time, against exp(−2λt)."""
    figure, panels = sheet(290, [(70, 44, 310, 186), (470, 44, 310, 186)])
    units = found.balance[:, np.abs(found.balance[0]).argsort()[-16:]]
    both = (found.ellipses.reshape(-1, 4)[:, [0, 1, 3]], units)
    titles = ("EᵀE − W₁W₁ᵀ, three entries", "|w₁|² + b₁² − |w₂|², 16 units")
    law = np.exp(-2 * found.time)
    for panel, values, title in zip(panels, both, titles, strict=True):
        panel.note(f"<b>{title}</b>", yshift=8)
        for column in (values / values[0]).T:
            panel.add(_dots(found.time, column, "network", 5, 0.5, "%{x:.2f}: %{y:.3f}"))
        panel.add(line(found.time, law, BLUE))
        y = {"type": "log", "tickvals": [1, 0.1, 0.01], "ticktext": ["1", "0.1", "0.01"]}
        panel.axes({"title": {"text": "λt"}}, y)
    panels[0].axes(None, {"title": {"text": "over its value at the start"}})
    return figure


def survival_figure(ramps: Mapping[str, Ramp]) -> go.Figure:
    """Share of circles alive at each share of the predicted end, one row a condition."""
    top, tall = 60, 24 * len(ramps)
    figure, (panel,) = sheet(top + tall + 20, [(250, top, 520, tall)])
    shares = SHARES[2:]
    panel.axes(
        {
            "range": [-0.6, len(shares) - 0.4],
            "tickvals": list(range(len(shares))),
            "ticktext": [f"{share:g}" for share in shares],
            "side": "top",
            "title": {"text": "decay, as a share of the λ<sub>c</sub> computed"},
        },
        rows(len(ramps)),
    )
    for row, (name, ramp) in enumerate(ramps.items()):
        alive = ramp.alive[2:]
        color = [blend(PAPER, BLUE, share) for share in alive.mean(1)]
        marker = {"size": 17, "color": color, "line": {"color": BLUE, "width": 1.5}}
        x, y = list(range(len(shares))), [row] * len(shares)
        words = [f"{held.sum()} of {held.size}" for held in alive]
        panel.add(marks(x, y, marker, "%{text} alive", name, text=words))
        panel.beside(name, row, xshift=-8)
    panel.rule(shares.index(1.0))
    return figure


def scaling_figure(ends: Mapping[int, theory.Limits], ramps: Mapping[int, Ramp]) -> go.Figure:
    """The end of circles over N: computed, and where networks lived and died.

    For each N `theory.critical_decay(N)`, and for some the circles held at SHARES of it.
    """
    figure, (panel, ratio) = sheet(320, [(64, 44, 330, 210), (470, 44, 310, 210)])
    n = np.array(sorted(ends))
    computed = np.array([ends[i].ends for i in n])
    constant = computed[-1] * n[-1] ** (2 / 3)
    law = constant * n ** (-2 / 3)
    ticks = {"type": "log", "tickvals": [5, 10, 20, 50, 100, 200], "title": {"text": "N"}}
    for where, scale, title in (
        (panel, np.ones(len(n)), "Largest decay a circle survives"),
        (ratio, 1 / law, "The same, divided by its N<sup>−2/3</sup> law"),
    ):
        where.note(f"<b>{title}</b>", yshift=8)
        where.add(line(n, law * scale, MUTED, 1.5, "dot"))
        where.add(line(n, computed * scale, BLUE))
        where.axes(ticks)
    panel.axes(None, {"type": "log", "tickvals": [0.005, 0.01, 0.02, 0.05, 0.1]})
    for modulus, ramp in ramps.items():
        share = ramp.alive.mean(1)
        if not (share > 0.5).any() or (share > 0.5).all():
            continue
        lived, died = ramp.decays[share > 0.5].max(), ramp.decays[share <= 0.5].min()
        for where, scale in ((panel, 1.0), (ratio, modulus ** (2 / 3) / constant)):
            middle = scale * np.sqrt(lived * died)
            bars = whisker(middle, scale * lived, scale * died, STYLES["network"].color)
            where.add(_dots([modulus], [middle], "network", 8, error_y=bars))
    return figure


def certificate_figure(found: Mapping[int, Sequence[tuple[float, float]]]) -> go.Figure:
    """How much more than λ the best other hidden unit would earn: N to decays and certificates."""
    figure, (panel,) = sheet(300, [(76, 44, 560, 190)])
    panel.note("<b>Excess of the best other hidden unit over λ</b>", yshift=8)
    moduli = list(found)
    for i, (n, pairs) in enumerate(found.items()):
        decay, value = np.array(pairs).T
        tone = blend(LINE, INK, (i + 1) / len(moduli))
        excess = np.maximum(value - 1, 1e-10)
        share = decay / theory.critical_decay(n).ends
        panel.add(marks(share, excess, {}, "%{x:.2f}: %{y:.1g}", line={"color": tone, "width": 2}))
        panel.note(f"N = {n}", 1, 0.9 - 0.13 * i, xshift=12, font=font(12, tone))
    x = {"tickvals": [0.01, 0.03, 0.1, 0.3, 1], "title": {"text": "λ / λ<sub>c</sub>"}}
    y = {"tickvals": [1e-9, 1e-6, 1e-3, 1], "ticktext": ["10⁻⁹", "10⁻⁶", "10⁻³", "1"]}
    panel.axes({"type": "log"} | x, {"type": "log"} | y)
    return figure


def levels(beta: float, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Losses of the circles and of the lattices among networks of bias scale β at rest.

    Circles hardly form where β is large, so four more networks are put on one at the start.
    """
    config, kept = TrainingConfig(bias_scale=beta), {"snapshots": [2500], "keep_parameters": True}
    found = kind_losses(train(config, seeds, **kept))
    placed = np.array([ring(config.modulus, k, 2.5) for k in (1, 2, 3, 5)])
    four = range(max(seeds) + 1, max(seeds) + 5)
    more = kind_losses(train(config, four, initial_embeddings=placed, **kept))
    return tuple(map(np.concatenate, zip(found, more)))


def grows(share: float, seeds: Sequence[int]) -> np.ndarray:
    """Which random starts, (S,) bools, grow into anything at a share of the computed end."""
    decay = share * theory.critical_decay(TrainingConfig.modulus).ends
    steps = int(np.ceil(40 / decay / pace(TrainingConfig())))
    run = train(TrainingConfig(weight_decay=decay, steps=steps), seeds, snapshots=[steps])
    return kinds(run.final) != "dead"


def kinds(E: np.ndarray) -> np.ndarray:
    """Kinds of embeddings (S, N, 2), or "dead": within half the radius at which circles end."""
    dead = radius(E) <= theory.critical_decay(E.shape[-2]).radius / 2
    return np.where(dead, "dead", structure.classify(E))


def schedule(run: Run, decay: float) -> dict[str, np.ndarray]:
    """Kinds (S,) of networks before and after, first of the control, then with the decay raised."""
    up = go_on(run, decay, 800)
    runs = {
        "at 0.003": run,
        "0.003 all along": go_on(run, 0.003, 1400),
        f"raised to {decay}": up,
        f"back from {decay}": go_on(up, 0.003, 600),
    }
    return {name: kinds(found.final) for name, found in runs.items()}


def kind_losses(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Regularised losses at the end of those seeds that are circles, and of those on lattices."""
    kinds, loss = structure.classify(run.final), regularised_loss(run)[-1]
    return loss[kinds == "circle"], loss[np.isin(kinds, ["grid", "stripe"])]


def levels_figure(levels: Mapping[float, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """Regularised losses over the bias scale: β to those of circles, and of lattices."""
    figure, (panel,) = sheet(300, [(66, 56, 470, 180)])
    panel.note("<b>Regularised loss</b> at rest", yshift=8)
    x = np.log2(list(levels))
    for i, (style, name) in enumerate((("circle", "circles"), ("grid", "lattices"))):
        mark, at = STYLES[style], x + 0.16 * (i - 0.5)
        values = [pair[i] for pair in levels.values()]
        means = [found.mean() if len(found) else np.nan for found in values]
        every = np.repeat(at, [len(found) for found in values])
        panel.add(line(at, means, mark.color, dash=mark.dash))
        panel.add(_dots(every, np.concatenate(values), style, 5, 0.35))
        words = f"{'●■'[i]} {name}, and their mean"
        panel.note(words, 1, 0.9 - 0.14 * i, xshift=14, font=font(12, mark.color))
    ticks = {"tickvals": x, "ticktext": [f"{b:g}" for b in levels]}
    panel.axes(ticks | {"title": {"text": "bias scale β"}}, {"nticks": 5})
    return figure


def schedules_figure(
    schedules: Mapping[str, np.ndarray], born: Mapping[float, np.ndarray]
) -> go.Figure:
    """Kinds after each schedule of decay; and how many networks grew from random starts at all.

    A schedule has a name, and `kinds` (S,) at its end; λ / λc has bools (S,), which networks grew.
    """
    tall = 30 * len(schedules)
    figure, (kinds, births) = sheet(tall + 128, [(170, 62, 330, tall), (590, 62, 190, tall)])
    kinds.note("<b>Kinds of the same networks</b>", yshift=26)
    colors = {k: STYLES[k].color for k in structure.KINDS} | {"dead": blend(LINE, INK, 0.2)}
    kinds.note("  ".join(colored(f"■ {kind}", c) for kind, c in colors.items()), yshift=8)
    for row, (name, found) in enumerate(schedules.items()):
        share = np.array([(found == kind).mean() for kind in colors])
        for kind, part, base in zip(colors, share, share.cumsum() - share):
            bar = {"x": [part], "y": [row], "base": [base], "orientation": "h"}
            bar |= {"width": 0.7, "offset": -0.35}
            hover = f"{kind}: {part:.0%}<extra>{name}</extra>"
            kinds.add(go.Bar(**bar, marker={"color": colors[kind]}, hovertemplate=hover))
        kinds.beside(name, row, xshift=-8, align="right")
    share = {"range": [0, 1.03], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}
    kinds.axes(share, rows(len(schedules)))
    births.note("<b>Grown from random starts</b>", yshift=8)
    grown = np.array([wilsons(grew) for grew in born.values()]).T
    look = {"hover": "%{x}: %{y:.0%}", "error_y": whisker(*grown, STYLES["network"].color)}
    births.add(_dots(list(born), grown[0], "network", 8, **look))
    births.axes({"range": [0, 1.08], "title": {"text": "λ / λ<sub>c</sub>"}}, share)
    births.rule(1.0)
    return figure
