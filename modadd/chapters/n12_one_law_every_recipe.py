"""Notebook 12: many recipes, what the law grows under each, and a start read before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import forecasts, intervals, structure
from modadd.forecasts import Agreement
from modadd.intervals import Effect
from modadd.plots.palette import INK, LINE, MUTED, STYLES, Style
from modadd.plots.panels import Panel, font, sheet, tiles
from modadd.plots.shares import diagonal, effect_sheet, mean, upright, wilsons
from modadd.plots.traces import marks, segments, whisker
from modadd.run import Run
from modadd.sweep import sweep
from modadd.training import TrainingConfig

# --- recipes --------------------------------------------------------------------------------------


class Recipe(NamedTuple):
    """A recipe, and which knob was turned to make it from the default one."""

    knob: str  #: one of KNOBS
    config: TrainingConfig


KNOBS = {
    "default": Style(INK, "star", "solid"),
    "bias scale": Style(INK, "circle", "solid"),
    "initial scale": Style(INK, "square", "solid"),
    "modulus": Style(INK, "diamond", "solid"),
    "width": Style(INK, "triangle-up", "solid"),
    "weight decay": Style(INK, "triangle-down", "solid"),
    "rate and momentum": Style(INK, "pentagon", "solid"),
    "training pairs": Style(INK, "hexagon", "solid"),
    "label smoothing": Style(INK, "x", "solid"),
    "drawn": Style(MUTED, "cross", "solid"),
}
"""Knobs, and how their recipes are drawn."""


def recipes(steps: int) -> list[Recipe]:
    """The recipes of this notebook: the default one first, those drawn at random last."""
    return [
        *turned("default", steps, modulus=[17]),
        *turned("bias scale", steps, bias_scale=[0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.4, 2, 3]),
        *turned("initial scale", steps, embedding_scale=[0.125, 0.25, 0.5, 0.7, 1.5, 2, 3, 4]),
        *turned("modulus", steps, modulus=[7, 11, 12, 13, 19, 23, 31]),
        *turned("width", steps, hidden=[16, 32, 128, 256]),
        *turned("weight decay", steps, weight_decay=[0, 0.001, 0.005, 0.008, 0.012]),
        *turned(
            "rate and momentum", steps, learning_rate=[0.1, 0.3, 0.15], momentum=[0.9, 0.5, 0.95]
        ),
        *turned("training pairs", steps, train_share=[0.9, 0.8, 0.7]),
        *turned("label smoothing", steps, label_smoothing=[0.1, 0.2, 0.4]),
        *drawn(20, steps),
    ]


def turned(knob: str, steps: int, **values: Sequence) -> list[Recipe]:
    """The default recipe with each of the values in turn; several lists are read side by side.

    >>> [recipe.config.bias_scale for recipe in turned("bias scale", 100, bias_scale=[0, 2])]
    [0.0, 2.0]
    """
    changes = [dict(zip(values, row)) for row in zip(*values.values(), strict=True)]
    return [Recipe(knob, TrainingConfig(steps=steps, **change)) for change in changes]


def drawn(count: int, steps: int) -> list[Recipe]:
    """Recipes with all knobs drawn at random at once, the same at each call.

    >>> drawn(2, 100) == drawn(3, 100)[:2]
    True
    """
    draw, found = np.random.default_rng(12), []

    def between(low: float, high: float) -> float:
        """Evenly in the logarithm, to two digits."""
        return float(f"{np.exp(draw.uniform(np.log(low), np.log(high))):.2g}")

    def one_of(*values):
        return values[draw.integers(len(values))]

    for _ in range(count):
        changes = {
            "modulus": one_of(11, 12, 13, 17, 17, 17, 19),
            "hidden": one_of(16, 32, 64, 128),
            "bias_scale": between(0.05, 4),
            "embedding_scale": between(1 / 8, 4),
            "learning_rate": between(0.15, 0.4),
            "momentum": one_of(0.8, 0.9),
            "weight_decay": between(0.001, 0.008),
            "train_share": one_of(1.0, 1.0, 0.9),
            "label_smoothing": one_of(0.0, 0.0, 0.1, 0.2),
        }
        found.append(Recipe("drawn", TrainingConfig(steps=steps, **changes)))
    return found


def words(recipe: Recipe) -> str:
    """What differs from the default recipe."""
    plain = TrainingConfig(steps=recipe.config.steps)
    changes = [
        f"{name.replace('_', ' ')} {value:g}"
        for name, value in vars(recipe.config).items()
        if value != getattr(plain, name)
    ]
    return ", ".join(changes) or "the default recipe"


def grown(recipes: Sequence[Recipe], seeds: Sequence[int]) -> dict[str, list[Run]]:
    """Networks of each recipe, and what three forecasts grow from the same starts."""
    configs, others = [recipe.config for recipe in recipes], [seed + 10**6 for seed in seeds]
    networks = sweep(configs, seeds, snapshots=2)
    starts = [run.embeddings[0] for run in networks]
    return {
        "Networks": networks,
        "Mean-field law": forecasts.laws(configs, starts, seeds),
        "Another network": forecasts.twins(configs, starts, others),
        "Pure kernel": forecasts.laws(configs, starts, seeds, "isotropic", pace=0),
    }


def compared(
    runs: Mapping[str, Sequence[Run]],
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, dict[str, Agreement]]]:
    """Kinds of the networks, those of the forecasts by name, and how these agree on each kind."""
    kinds = {name: forecasts.kinds_of(found) for name, found in runs.items()}
    measured = kinds.pop("Networks")
    given = measured, kinds, "Another network"
    return measured, kinds, {k: forecasts.agreements(*given, k) for k in ("circle", "grid")}


# --- a start before training ----------------------------------------------------------------------


def one_start_each(
    steps: int, seeds: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Starts (S, N, 2) and details of what grows from them.

    Those of five networks that share no layer (5, S), of the mean-field law (S,) and of the pure
    kernel (S,).
    """
    config, count = TrainingConfig(steps=steps), len(seeds)
    starts = np.stack([config.initial(seed).embeddings for seed in seeds])
    layers = (range(k, k + count) for k in range(2 * 10**6, 2 * 10**6 + 5 * count, count))
    networks = [forecasts.twins([config], [starts], other) for other in layers]
    moving = forecasts.laws([config], [starts], seeds)
    kernel = forecasts.laws([config], [starts], seeds, "isotropic", pace=0)
    *five, law, pure = (details(run.final) for (run,) in (*networks, moving, kernel))
    return starts, np.array(five), law, pure


def details(E: np.ndarray) -> np.ndarray:
    """Kind of each embedding (S, N, 2), with the frequency of a circle or the steps of a grid.

    Steps count up to their sign, as the lattice is the same: "grid 3 5" is spanned by 3 and 5.
    """
    kinds, circles, grids, _ = structure.describe(E)
    words = {"other": "other"}
    found = []
    for kind, frequency, (u, v) in zip(kinds, circles.frequency, grids.steps):
        lattice = f"grid {u} {v}"
        words |= {"circle": f"circle {frequency}", "grid": lattice, "stripe": lattice}
        found.append(words[kind])
    return np.array(found)


def vote(kinds: np.ndarray) -> np.ndarray:
    """What most of K networks say of each start, (S,) of (K, S); of equals the first network's."""
    found = []
    for column in kinds.T:
        values, counts = np.unique(column, return_counts=True)
        best = values[counts == counts.max()]
        found.append(next(kind for kind in column if kind in best))
    return np.array(found)


def usual_steps(networks: np.ndarray) -> str:
    """The steps that most lattices among details (K, S) have."""
    words, counts = np.unique(networks[kind(networks) == "grid"], return_counts=True)
    return words[counts.argmax()].removeprefix("grid ")


def features_of(E: np.ndarray) -> np.ndarray:
    """Five numbers (S, 5) of starts (S, N, 2) that might tell what will grow.

    The logarithm of their size, how round they are, the share of the strongest frequency, its lead
    over the next, and their closure.
    """
    E = np.asarray(E, float) - np.mean(E, axis=-2, keepdims=True)
    axes = np.linalg.svd(E, compute_uv=False)
    power = np.square(np.abs(np.fft.rfft(E, axis=-2)))[:, 1:].sum(-1)
    order = np.sort(power, axis=-1)
    return np.stack(
        [
            np.log(np.sqrt(np.square(E).sum(-1).mean(-1))),
            axes[:, 1] / axes[:, 0],
            order[:, -1] / order.sum(-1),
            np.log(order[:, -1] / order[:, -2]),
            structure.closure(E),
        ],
        -1,
    )


def regression(features: np.ndarray, circles: np.ndarray, folds: int = 10) -> np.ndarray:
    """Chance of a circle (S,) by logistic regression on (S, F), each start from the other folds.

    Args:
        features: of the starts.
        circles: (K, S) bools, which networks became circles.
        folds: parts of the starts, of which one at a time is left out.
    """
    z = (features - features.mean(0)) / np.maximum(features.std(0), 1e-9)
    z = np.column_stack([np.ones(len(z)), z])
    share, part = circles.mean(0), np.arange(len(z)) % folds
    found, ridge = np.empty(len(z)), 2e-3 * np.diag(np.arange(z.shape[1]) > 0)
    for fold in range(folds):
        x, y, w = z[part != fold], share[part != fold], np.zeros(z.shape[1])
        for _ in range(20):  # Newton's steps to the least cross-entropy
            chance = 1 / (1 + np.exp(-x @ w))
            curvature = x.T * (chance * (1 - chance)) @ x / len(x) + ridge
            w -= np.linalg.solve(curvature, x.T @ (chance - y) / len(x) + ridge @ w)
        found[part == fold] = 1 / (1 + np.exp(-z[part == fold] @ w))
    return found


def ranking(scores: ArrayLike, circles: np.ndarray) -> float:
    """Area under the ROC curve: how often of a circle and another the circle has the higher score.

    >>> ranking(np.array([0.1, 0.9, 0.5]), np.array([False, True, True]))
    1.0
    """
    ranks, hits = intervals.ranks(np.asarray(scores)), int(circles.sum())
    if hits in (0, circles.size):
        return 0.5
    return float((ranks[circles].sum() - hits * (hits + 1) / 2) / (hits * (circles.size - hits)))


class Reading(NamedTuple):
    """How well something tells what becomes of a start."""

    kind: Effect  #: share of networks of that kind
    detail: Effect  #: ... and of that frequency, or those steps
    circle: float  #: area under the ROC curve of "a circle"


def read(networks: np.ndarray, said: Sequence[np.ndarray], scores: Sequence[ArrayLike]) -> Reading:
    """Hold what was said of each network (K, S) against it, one said and score (S,) a network.

    A start counts once, with the mean over its networks; the interval is over the starts. Networks
    and what is said are details; scores are the higher the more a circle.
    """
    said = np.array(said)
    coarse, whole = (kind(networks) == kind(said)).mean(0), (networks == said).mean(0)
    areas = [ranking(s, circles) for s, circles in zip(scores, _circles(networks))]
    each = intervals.bootstrap_mean(coarse), intervals.bootstrap_mean(whole)
    return Reading(*each, float(np.mean(areas)))


def answers(
    starts: np.ndarray, five: np.ndarray, law: np.ndarray, kernel: np.ndarray
) -> dict[str, Reading]:
    """How well five networks are told: by nothing, by their start, by the law, by other networks.

    Takes what `one_start_each` gives.
    """
    usual = np.full(len(starts), "grid " + usual_steps(five))
    chance = regression(features_of(starts), _circles(five))
    strongest = np.array([f"circle {k}" for k in structure.circle(starts).frequency])
    guess = np.where(chance > 0.5, strongest, usual)
    rest = [np.delete(five, k, axis=0) for k in range(len(five))]

    def same(said: np.ndarray, scores: ArrayLike) -> Reading:
        """One answer for all five networks."""
        return read(five, [said] * len(five), [scores] * len(five))

    first = [others[0] for others in rest]
    votes, shares = [vote(others) for others in rest], [_circles(others).mean(0) for others in rest]
    return {
        "majority kind": same(usual, np.zeros(len(starts))),
        "five numbers of the start": same(guess, chance),
        "pure kernel": same(kernel, _circles(kernel)),
        "another network": read(five, first, [_circles(one) for one in first]),
        "mean-field law": same(law, _circles(law)),
        "majority of four networks": read(five, votes, shares),
    }


def kind(details: np.ndarray) -> np.ndarray:
    """The kind alone: the first word of each."""
    return np.vectorize(lambda word: word.split()[0])(details)


def _circles(details: np.ndarray) -> np.ndarray:
    return kind(details) == "circle"


# --- figures --------------------------------------------------------------------------------------

_GUESS = STYLES["floor"]
_ASKED = dict.fromkeys(("another network", "majority of four networks"), STYLES["network"])
_ASKED |= dict.fromkeys(("pure kernel", "mean-field law"), STYLES["simulation"])
"""How answers are drawn that ask networks, or the law."""


def over_all(
    recipes: Sequence[Recipe],
    networks: np.ndarray,
    others: Mapping[str, np.ndarray],
    found: Mapping[str, Mapping[str, Agreement]],
) -> go.Figure:
    """Predicted over measured shares of circles, and of lattices, a point a recipe.

    Kinds are (C, S), those of the others by title, one column of panels each; `found` has their
    agreement with the networks, by "circle" and "grid", and by title.
    """
    boxes = tiles(2 * len(others), 96, None, len(others), left=62, right=24, gap=24, below=64)
    _, top, side, _ = boxes[-1]
    figure, panels = sheet(top + side + 52, boxes)
    styles, names = [KNOBS[r.knob] for r in recipes], [words(r) for r in recipes]
    for j, (kind, title) in enumerate((("circle", "circles"), ("grid", "lattices"))):
        upright(panels[j * len(others)], f"{title} predicted", -36)
        for i, (name, kinds) in enumerate(others.items()):
            panel, r = panels[j * len(others) + i], found[kind][name].pearson
            line = f"r = {r.mean:.3f} ({r.low:.2f} to {r.high:.2f})"
            panel.note(line, yshift=4, font=font(11, MUTED))
            if j == 0:
                panel.note(f"<b>{name}</b>", yshift=20)
            axis = "measured" if j else ""
            diagonal(panel, networks == kind, kinds == kind, styles, names, axis)
            if i:
                panel.axes(None, {"ticktext": ["", "", ""]})
    keys = [style.key(knob) for knob, style in KNOBS.items()]
    for line, shift in ((keys[:5], 62), (keys[5:], 44)):
        panels[0].note("   ".join(line), yshift=shift, font=font(11))
    return figure


def knob_by_knob(
    recipes: Sequence[Recipe],
    networks: np.ndarray,
    law: np.ndarray,
    axes: Mapping[str, str],
) -> go.Figure:
    """Share of circles over the values of each knob, measured and by the law: of kinds (C, S).

    `axes` has for each knob the field of TrainingConfig that it turns.
    """
    boxes = tiles(len(axes), 62, 130, across=4, left=52, right=20, gap=20, below=82)
    figure, panels = sheet(boxes[-1][1] + 130 + 68, boxes)
    network, simulation = STYLES["network"], STYLES["simulation"]
    both = f"{network.key('networks')}   {simulation.key('the law, run forward')}"
    panels[0].note(both, yshift=36)
    for i, (panel, (knob, field)) in enumerate(zip(panels, axes.items())):
        chosen = [j for j, r in enumerate(recipes) if r.knob in (knob, "default")]
        chosen.sort(key=lambda j: getattr(recipes[j].config, field))
        labels = [f"{getattr(recipes[j].config, field):g}" for j in chosen]
        panel.note(f"<b>{knob.capitalize()}</b>", yshift=6)
        for kinds, style, shift in ((networks, network, -0.09), (law, simulation, 0.09)):
            _shares(panel, kinds[chosen] == "circle", style, shift)
        x = {"range": [-0.5, len(chosen) - 0.5], "tickvals": list(range(len(chosen)))}
        x |= {"ticktext": labels, "tickangle": -60 if len(chosen) > 5 else 0}
        panel.axes(x, {"range": [-0.03, 1.03], "tickvals": [0, 0.5, 1]})
        panel.axes(None, {"ticktext": ["0%", "50%", "100%"] if i % 4 == 0 else ["", "", ""]})
    return figure


def _shares(panel: Panel, hits: np.ndarray, style: Style, shift: float) -> None:
    """Shares of hits (V, S), one beside the other, with Wilson intervals."""
    found, x = wilsons(hits), np.arange(len(hits)) + shift
    look = {"line": style.line(1.5), "error_y": whisker(*found, style.color, 1)}
    panel.add(marks(x, found[0], style.marker(6), "%{y:.0%} circles", **look))


def readings(found: Mapping[str, Reading]) -> go.Figure:
    """How well each thing, by name, tells what becomes of a start, with 95 % intervals."""
    titles, styles = ("Same kind", "... and frequency, or steps"), dict.fromkeys(found, _GUESS)
    styles |= {name: look for name, look in _ASKED.items() if name in found}
    figure, panels = effect_sheet(titles, styles, left=216, tall=30, below=46)
    share = {"range": [0, 1.03], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    for i, panel in enumerate(panels):
        panel.axes(share | {"title": {"text": "share of networks"}})
        for y, (name, reading) in enumerate(found.items()):
            panel.add(*segments([[0, y]], [[reading[i].low, y]], LINE))
            panel.add(mean(reading[i], y, styles[name], name))
    return figure
