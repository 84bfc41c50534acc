"""Notebook 3: how far pair sums with one label cluster, and how far they align.

Distances and angles between couples of pair sums, within labels and over all of them. That the two
tendencies build grids and circles is the paper's idea; these measures are defined here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from modadd import structure
from modadd.intervals import Effect
from modadd.plots.palette import INK, MUTED, STROKES, STYLES, colored, faded
from modadd.plots.panels import Panel, font, holding, over_steps, sheet, square_root
from modadd.plots.sliders import animate, frames_of
from modadd.plots.traces import band, joined, line, pair_sums
from modadd.run import Run
from modadd.task import ModularAddition


class Couples(NamedTuple):
    """Something of the couples of pair sums: one number for each couple, or for all together."""

    same_label: np.ndarray  #: (..., M) of the M couples with one label, or (...)
    everything: np.ndarray  #: (..., D) of all D couples, or (...)


def distances(E: ArrayLike) -> Couples:
    """Distances |x_p − x_q| between the pair sums of E (..., N, 2), over the rms of all of them.

    One a couple of distinct unordered pairs.

    The unit is taken over ordered pairs (`mean_squared_distances`), in which the mean
    square within labels is 1 as well, whatever the embeddings. Among the distinct unordered pairs
    returned here both mean squares are a little above 1.

    >>> E = np.random.default_rng(0).standard_normal((5, 2))
    >>> same, everything = distances(E)
    >>> same.shape, everything.shape
    ((15,), (105,))
    """
    task, x = _pair_sums(E)
    unit = np.sqrt(mean_squared_distances(E).everything)[..., None]
    return Couples(
        *(np.linalg.norm(x[..., p, :] - x[..., q, :], axis=-1) / unit for p, q in _couples(task))
    )


def angles(E: ArrayLike) -> tuple[Couples, Couples]:
    """Angles between the pair sums of E (..., N, 2) seen from the origin, and their weights.

    Angles lie in [0, π]; the weights |x_p|² |x_q|² are in the embeddings' unit to the fourth power.

    >>> quarter, _ = angles([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> float(quarter.everything.max() / np.pi)
    0.5
    """
    task, x = _pair_sums(E)
    z = x[..., 0] + 1j * x[..., 1]
    turns = [z[..., q] * z[..., p].conj() for p, q in _couples(task)]
    weights = Couples(*(np.abs(turn) ** 2 for turn in turns))
    return Couples(*(np.abs(np.angle(turn)) for turn in turns)), weights


def nematic_order(E: ArrayLike) -> Couples:
    """Mean of cos 2Δφ over couples of distinct pairs of E (..., N, 2), weighted by |x_p|² |x_q|².

    1 if all sums lie on one axis, 0 if their axes are independent, −1 at least.
    Δφ is the angle between two pair sums seen from the origin; cos 2Δφ is 1 for parallel and for
    antiparallel sums. On a circle the order within labels is 1 and that of all couples near 0.
    Elongated embeddings raise both, so the tendency to share axes *because of the label* is the
    difference.

    >>> angle = 2 * np.pi * 3 * np.arange(17) / 17
    >>> order = nematic_order(np.stack([np.cos(angle), np.sin(angle)], -1))
    >>> print(order.same_label.round(6))
    1.0
    """
    task, x = _pair_sums(E)
    double = (x[..., 0] + 1j * x[..., 1]) ** 2  # |x|² at twice the angle
    size = np.abs(double)
    onehot = np.eye(task.modulus)[task.labels]

    def mean(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        # Σ_p≠q Re(d_p d̄_q) = |Σ d|² − Σ |d|², and the same for the weights.
        own = (size**2).sum(-1)
        whole = (sizes**2).sum(-1) - own
        return ((np.abs(sums) ** 2).sum(-1) - own) / np.where(whole > 0, whole, 1.0)

    return Couples(
        mean(double @ onehot, size @ onehot),
        mean(double.sum(-1, keepdims=True), size.sum(-1, keepdims=True)),
    )


def mean_squared_distances(E: ArrayLike) -> Couples:
    """Mean |x_p − x_q|² over couples of ordered pairs of E (..., N, 2), in the unit of E squared.

    The two are equal for any embeddings (derived here, from the sum rules): like pair sums can
    never all come close. The couples include each pair with itself and with its twin (b, a), at
    distance zero; these are a share of about 2/N of the same-label couples and 2/N² of all, so
    among *distinct* unordered pairs the same-label mean is the larger one, by a factor of about
    1 + 2/N.

    >>> same, every = mean_squared_distances(np.random.default_rng(0).standard_normal((5, 2)))
    >>> np.isclose(same, every)
    np.True_
    """
    task, x = _pair_sums(E)
    x = x - x.mean(-2, keepdims=True)
    ordered = np.eye(task.modulus)[task.labels] * task.multiplicity[:, None]

    def mean(weights: np.ndarray) -> np.ndarray:
        # Σ_pq w_p w_q |x_p − x_q|² = 2 (Σ w) (Σ w |x|²) − 2 |Σ w x|², summed over columns of w.
        count = weights.sum(0)
        first = np.square(np.swapaxes(x, -1, -2) @ weights).sum(-2)
        squared = 2 * count * (np.square(x).sum(-1) @ weights) - 2 * first
        return squared.sum(-1) / np.square(count).sum()

    return Couples(mean(ordered), mean(ordered.sum(1, keepdims=True)))


def _pair_sums(E: ArrayLike) -> tuple[ModularAddition, np.ndarray]:
    """The task of E (..., N, 2), and its pair sums (..., P, 2) in float64."""
    E = np.asarray(E, np.float64)
    task = ModularAddition(E.shape[-2])
    return task, task.pair_sums(E)


@lru_cache(maxsize=4)
def _couples(task: ModularAddition) -> tuple[np.ndarray, np.ndarray]:
    """Indices of distinct unordered pairs: (2, M) couples of one label, (2, D) all."""
    everything = np.stack(np.triu_indices(len(task.pairs), 1))
    same = task.labels[everything[0]] == task.labels[everything[1]]
    return everything[:, same], everything


# --- what foretells a kind -----------------------------------------------------------------------

RIVALS = (
    ("shared axes", "circle score", "circles"),
    ("closure", "grid score", "lattices"),
)
"""A tendency, the shape that it is said to make, and which runs both are to foretell."""


def examples(run: Run) -> tuple[int, int]:
    """Two seeds of a run: the cleanest grid and the cleanest circle, or what is nearest to them."""
    kinds, ring = structure.classify(run.final), structure.circle(run.final)
    grids = run.accuracy[-1] * structure.closure(run.final) + (kinds == "grid")
    circles = ring.score * ring.roundness + (kinds == "circle")
    best = int(grids.argmax())
    circles[best] = -1
    return int(run.seeds[best]), int(run.seeds[circles.argmax()])


def signs(run: Run) -> dict[str, np.ndarray]:
    """The measures of RIVALS at every snapshot of a run, (T, S) each."""
    _, ring, patch, _ = structure.describe(run.embeddings)
    order = nematic_order(run.embeddings)
    return {
        "shared axes": order.same_label - order.everything,
        "circle score": ring.score,
        "closure": structure.closure(run.embeddings),
        "grid score": patch.score,
    }


def hits(kinds: np.ndarray, ends: str) -> np.ndarray:
    """Which of kinds (S,) are "circles", or "lattices"."""
    return np.isin(kinds, ("circle",) if ends == "circles" else ("grid", "stripe"))


def guessed(values: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """How often a run that hits (S,) has the larger of two values (..., S), one of each kind.

    Ties count half (the area under the ROC curve); NaN where only one sort of run is there.

    >>> guessed(np.array([3.0, 1.0, 2.0]), np.array([True, True, False])).item()
    0.5
    """
    some, others = values[..., hit, None], values[..., None, ~hit]
    if not hit.any() or hit.all():
        return np.full(values.shape[:-1], np.nan)
    return ((some > others).mean((-2, -1)) + (some >= others).mean((-2, -1))) / 2


def foretells(signs: Mapping[str, np.ndarray], kinds: np.ndarray) -> dict[str, np.ndarray]:
    """How well each sign foretells the final kinds (S,) at every snapshot, (T,): see `guessed`."""
    return {
        name: guessed(signs[name], hits(kinds, ends)) for *names, ends in RIVALS for name in names
    }


def lead(
    signs: Mapping[str, np.ndarray], kinds: np.ndarray, t: int, rivals: tuple[str, str, str]
) -> Effect:
    """How much better the tendency foretells at snapshot t than the shape, with 95 % interval."""
    *names, ends = rivals
    hit, pair = hits(kinds, ends), np.stack([signs[name][t] for name in names])

    def difference(seeds: np.ndarray) -> float:
        tendency, shape = guessed(pair[:, seeds], hit[seeds])
        return float(tendency - shape)

    rng, every = np.random.default_rng(0), np.arange(len(hit))
    draws = [difference(rng.choice(every, len(every))) for _ in range(500)]
    return Effect(difference(every), *np.nanquantile(draws, [0.025, 0.975]).tolist())


# --- figures -------------------------------------------------------------------------------------


def density(
    values: np.ndarray, top: float, width: float, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed histogram of values in [0, top], reflected at both ends: (120,) places and heights.

    Heights are square roots of the density over [0, 1] (a *rootogram*), so that one figure holds
    sharp peaks and flat distributions. `width` is the standard deviation of the smoothing.

    >>> places, heights = density(np.linspace(0, 1, 1001), top=1.0, width=0.05)
    >>> heights.mean().round(2)
    np.float32(1.0)
    """
    counts, edges = np.histogram(values, 120, (0, top), weights=weights)
    whole = len(values) if weights is None else weights.sum()
    step = edges[1]
    middle = (edges[:-1] + step / 2).astype(np.float32)
    smooth = gaussian_filter1d(counts / (whole * step), width / step, mode="reflect")
    return middle, np.sqrt(top * smooth).astype(np.float32)


def tendencies(
    run: Run,
    seeds: Sequence[int],
    steps: Sequence[int],
    kinds: np.ndarray,
    signs: Mapping[str, np.ndarray],
) -> go.Figure:
    """Same-label pair sums of two runs at a few steps, and the time courses of the population.

    Of two seeds of the run, one row each: final embeddings, and distances and angles at the
    recorded steps nearest to those given. Of all seeds: their final kinds (S,) and their `signs`.
    """
    tall, left = 46 * len(steps), (8, 268, 600)
    top = (62, 62 + tall + 92)
    boxes = [(x, y, w, tall) for y in top for x, w in zip(left, (186, 290, 180), strict=True)]
    below = top[1] + tall + 124
    boxes += [(44 + 262 * i, below, 212, 130) for i in range(3)]
    figure, panels = sheet(below + 130 + 48, boxes)
    chosen = [run.nearest(step) for step in steps]
    runs = [run.select(seed) for seed in seeds]
    top = _farthest([one.embeddings[chosen, 0] for one in runs])
    for one, (shape, near, turn) in zip(runs, (panels[:3], panels[3:6]), strict=True):
        kind = str(structure.classify(one.final)[0])
        _structure(shape, one.final[0], kind)
        near.note("<b>Distances</b> within labels, root scale", yshift=12, font=font(13))
        turn.note("<b>Angles</b> within labels", yshift=12, font=font(13))
        _scales(near, turn, top, {"range": [len(steps) - 0.85, -0.6], "visible": False})
        for i, t in enumerate(chosen):
            _ridge(near, turn, one.embeddings[t, 0], i, kind, top)
            place = {"x": 0, "y": 1 - (i + 0.6) / (len(steps) - 0.25), "xshift": -8}
            words = f"step {one.steps[t]:,}"
            near.note(words, **place, xanchor="right", font=font(11, MUTED))
    _population(panels[6:8], run, kinds, signs)
    _foretelling(panels[8], run.steps, foretells(signs, kinds))
    return figure


def _structure(panel: Panel, E: np.ndarray, kind: str) -> None:
    """Final embeddings with their bonds, under the coloured name of their kind."""
    E = E - E.mean(0)
    panel.plane(1.15 * np.abs(E).max())
    panel.add(*joined(E, 14))
    name = f"<b>ends as a {colored(kind, STYLES[kind].color)}</b>"
    panel.note(name, 0.5, yshift=12, xanchor="center", font=font(13))


def _farthest(E: ArrayLike) -> float:
    """Where an axis ends that holds all distances of E (..., N, 2)."""
    return float(np.ceil(10 * distances(E).everything.max()) / 10)


def _scales(near: Panel, turn: Panel, top: float, y: dict) -> None:
    """Axes of distances up to `top`, and of angles; `y`: properties of the other axis of both."""
    title = {"text": "distance, in rms of all pair sums"}
    near.axes({"range": [0, top], "tickvals": list(range(int(top) + 1)), "title": title}, y)
    degrees = {"range": [0, 180], "tickvals": [0, 90, 180], "ticktext": ["0°", "90°", "180°"]}
    turn.axes(degrees | {"title": {"text": "angle seen from the origin"}}, y)


def _ridge(near: Panel, turn: Panel, E: np.ndarray, row: int, kind: str, top: float) -> None:
    """Distributions of same-label distances and angles of E (N, 2), standing on a row."""
    for panel, traces in zip((near, turn), _shapes(E, kind, top), strict=True):
        for trace in traces:
            trace.y = row - trace.y
            panel.add(trace)
    mean = np.sqrt(np.square(distances(E).same_label).mean())
    marker = {"symbol": "triangle-up", "size": 7, "color": INK}
    hover = f"rms within labels: {mean:.3f}<extra></extra>"
    near.add(go.Scatter(x=[mean], y=[row + 0.11], marker=marker, hovertemplate=hover))


def _shapes(E: np.ndarray, kind: str, top: float) -> tuple[list, list]:
    """Densities of distances and of angles of E (N, 2), within labels filled, of all a line.

    Heights are in units of a ridge's row.
    """
    turns, weights = angles(E)
    near = [density(values, top, 0.05) for values in distances(E)]
    turn = [
        density(np.degrees(values), 180, 5, weight)
        for values, weight in zip(turns, weights, strict=True)
    ]
    return _hill(*near, 0.32, kind), _hill(*turn, 0.28, kind)


def _hill(within: tuple, every: tuple, rise: float, kind: str) -> list[go.Trace]:
    """The density within labels in its kind's colour, that over all couples as a line."""
    (x, y), (every_x, every_y) = within, every
    x, y = np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[0], rise * y, [0]])
    color = STYLES[kind].color
    fill = {"fill": "toself", "fillcolor": faded(color, 0.28)}
    filled = line(x, y.astype(np.float32), color, 1.4, **fill)
    return [filled, line(every_x, rise * every_y, MUTED, 1.2, "dot")]


def _population(
    panels: Sequence[Panel], run: Run, kinds: np.ndarray, signs: Mapping[str, np.ndarray]
) -> None:
    """Time courses of closure and shared axes, by final kind."""
    ticks = [t for t in (0, 100, 500, 1000, 2000, 5000) if t <= run.steps[-1]]
    places = {"tickvals": square_root(ticks), "ticktext": [f"{t:,}" for t in ticks]}
    present = [kind for kind in ("stripe", "grid", "circle") if (kinds == kind).any()]
    for panel, name, limits in zip(
        panels, ("closure", "shared axes"), ([-0.02, 0.42], [-0.12, 1.05]), strict=True
    ):
        bands = []
        for kind in present:
            bands += band(run.steps, signs[name][:, kinds == kind], STYLES[kind], kind)
        if bands:
            limits = holding(limits, np.concatenate([trace.y for trace in bands]))
        over_steps(panel, run.steps[-1], name.capitalize(), range=limits, nticks=4)
        panel.axes(places)
        panel.add(*bands)
    for i, kind in enumerate(present[::-1]):
        words = f"<b>{(kinds == kind).sum()} {kind}s</b>"
        look = {"yshift": 34, "xshift": 80 * i, "font": font(12, STYLES[kind].color)}
        panels[0].note(words, **look)


def _foretelling(panel: Panel, steps: np.ndarray, found: Mapping[str, np.ndarray]) -> None:
    """How well shared axes and the circle score foretell circles, over the first 200 steps."""
    shown = steps <= 200
    for i, (name, color, dash) in enumerate(
        (("shared axes", STYLES["alignment"].color, "solid"), ("circle score", INK, "dash"))
    ):
        x, y = steps[shown], found[name][shown]
        panel.add(line(x, y, color, dash=dash, name=name, hoverinfo="all"))
        place = {"x": 1, "y": 0.05 + 0.13 * i, "xanchor": "right"}
        panel.note(f"{STROKES[dash]} {name}", **place, font=font(12, color))
    panel.axes(
        {"range": [0, 204], "tickvals": [0, 50, 100, 150, 200], "title": {"text": "step"}},
        {"range": [0.45, 1.03], "tickvals": [0.5, 0.75, 1]},
    )
    panel.note("<b>Foretells a circle</b>", yshift=8)


def tendencies_scrub(run: Run, seeds: Sequence[int], frames: int) -> go.Figure:
    """Pair sums, same-label distances and angles of two runs under one slider.

    `seeds` are two of the run's, one row each; at most so many recorded steps become `frames`.
    """
    boxes = []
    for top in (56, 336):
        boxes += [(8, top, 210, 210), (254, top + 20, 270, 170), (570, top + 20, 208, 170)]
    figure, panels = sheet(672, boxes)
    chosen = frames_of(len(run.steps), frames)
    runs = [run.select(seed) for seed in seeds]
    kinds = [str(structure.classify(one.final)[0]) for one in runs]
    top = _farthest([one.embeddings[chosen, 0] for one in runs])
    shapes = [
        [_shapes(E, kind, top) for E in one.embeddings[chosen, 0]] for one, kind in zip(runs, kinds)
    ]
    heights = [trace.y for row in shapes for both in row for part in both for trace in part]
    tall = {"range": holding([0, 1.3], np.concatenate(heights)), "visible": False}
    for one, kind, (sums, near, turn) in zip(runs, kinds, (panels[:3], panels[3:]), strict=True):
        sums.plane(2.1 * np.abs(one.embeddings).max())
        name = f"<b>{colored(kind, STYLES[kind].color)}</b>"
        sums.note(f"<b>Pair sums</b> of a {name}, label 0 ringed", yshift=6)
        near.note("<b>Distances</b> within labels; of all sums dotted", yshift=12)
        turn.note("<b>Angles</b> within labels", yshift=12)
        _scales(near, turn, top, tall)

    def moving(frame: int) -> list[tuple[int, go.Trace]]:
        traces = []
        for i, one in enumerate(runs):
            E = one.embeddings[chosen[frame], 0].astype(np.float32)
            sums = pair_sums(E, ModularAddition(len(E)).labels != 0, size=6)
            for j, part in enumerate((sums, *shapes[i][frame])):
                traces += [(3 * i + j, trace) for trace in part]
        return traces

    animate(panels, moving, [str(step) for step in run.steps[chosen]])
    return figure
