"""Notebook 8: the law run forward over the phase diagram, held against networks; its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd import intervals, structure
from modadd.forces import two_term_fit
from modadd.forecasts import Agreement
from modadd.intervals import Effect, rank_correlation
from modadd.plots.palette import INK, LINE, MUTED, PAPER, STYLES, Style, blend, colored
from modadd.plots.panels import Panel, font, sheet, tiles
from modadd.plots.shares import diagonal, effect_sheet, mean, upright, wilsons
from modadd.plots.traces import marks, segments, whisker
from modadd.run import Run
from modadd.training import TrainingConfig


def alignment_weight(E: np.ndarray, bias_scale: float) -> float:
    """Weight w_a of alignment in the two-term formula for E (..., N, 2), at most 1.

    Without bias the exact law is alignment, so the weight is 1.

    >>> E = np.random.default_rng(0).standard_normal((8, 17, 2))
    >>> alignment_weight(E, 0.1) > alignment_weight(E, 10.0)
    True
    """
    return 1.0 if bias_scale == 0 else min(1.0, two_term_fit(E, bias_scale).alignment)


class Knobs(NamedTuple):
    """What the two knobs do to the share of circles."""

    scale: Effect  #: largest less smallest start
    bias: Effect  #: most less least bias


def knobs(kinds: np.ndarray) -> Knobs:
    """Effects of both knobs on kinds (R, C, S), paired over seeds."""
    circles = kinds == "circle"
    by_scale, by_bias = circles.mean(1), circles.mean(0)
    return Knobs(
        intervals.paired(by_scale[-1], by_scale[0]), intervals.paired(by_bias[-1], by_bias[0])
    )


# --- the first layer ------------------------------------------------------------------------------


class Progress(NamedTuple):
    """Where S networks stand at their first snapshot with half of their final accuracy."""

    kept: np.ndarray  #: (S,) R² of the embeddings with their start
    turned: np.ndarray  #: (S,) mean angle of hidden units with their start, degrees
    bias: np.ndarray  #: (S,) mean share of the bias in the length of a unit


def progress(run: Run) -> Progress:
    """Progress of a run with all parameters, by when half of its accuracy is learnt.

    A hidden unit is the vector (w, b) of its weights and bias; units count by |(w, b)| |v|, v being
    their outgoing weights.
    """
    first = (run.accuracy >= 0.5 * run.accuracy[-1]).argmax(axis=0)
    seeds = np.arange(len(run.seeds))
    w1, b1, w2 = (getattr(run.parameters, name) for name in ("w1", "b1", "w2"))
    units = np.concatenate([w1, b1[..., None, :]], -2)
    start, now = units[0], units[first, seeds]
    length = np.linalg.norm(now, axis=-2)
    weight = length * np.linalg.norm(w2[first, seeds], axis=-1) + 1e-12  # zero before any step
    weight /= weight.sum(-1, keepdims=True)
    cosine = (start * now).sum(-2) / (np.linalg.norm(start, axis=-2) * length)
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    kept = structure.procrustes_r2(run.embeddings[0], run.embeddings[first, seeds])
    return Progress(kept, (weight * angle).sum(-1), (weight * np.abs(now[:, 2]) / length).sum(-1))


def bias_left(run: Run) -> float:
    """How much of β a run has left by when half is learnt: 1 at the start.

    Of a unit (w, b), |b| / |w| decides what β b is worth beside w · x.
    """
    found = progress(run)
    start = np.concatenate([run.parameters.w1, run.parameters.b1[..., None, :]], -2)[0]
    before = (np.abs(start[:, 2]) / np.linalg.norm(start, axis=-2)).mean()
    slopes = [share / np.sqrt(1 - share**2) for share in (found.bias.mean(), before)]
    return float(slopes[0] / slopes[1])


def with_bias(config: TrainingConfig, ratio: float) -> TrainingConfig:
    """The recipe with its bias scale times a ratio."""
    return replace(config, bias_scale=config.bias_scale * ratio)


# --- figures --------------------------------------------------------------------------------------


def predictors(
    kinds: np.ndarray, scales: Sequence[float], values: Mapping[str, tuple[str, np.ndarray]]
) -> go.Figure:
    """Share of circles in each cell over up to four quantities that might predict it.

    Args:
        kinds: (R, C, S).
        scales: (R,) initial scales, told apart by colour.
        values: title=(name of the axis, numbers from 0 to 1) of each panel; (R, C) or (R, C, S)
            numbers, as `intervals.rank_correlation` takes them.
    """
    circles = np.asarray(kinds) == "circle"
    figure, panels = sheet(326, tiles(len(values), 84, 180, left=50, right=40, gap=40))
    shades = _shades(scales)
    panels[0].note(_legend(scales), yshift=52)
    upright(panels[0], "circles", -32)
    for panel, (title, (axis, x)) in zip(panels, values.items(), strict=True):
        found = rank_correlation(circles, x)
        panel.note(f"<b>{title}</b>", yshift=24)
        words = f"rank correlation {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
        panel.note(words.replace("-", "−"), yshift=8, font=font(12, MUTED))
        panel.axes(
            {"range": [-0.04, 1.06], "tickvals": [0, 0.5, 1], "title": {"text": axis}},
            {"range": [-0.04, 1.04], "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        )
        middle = x if x.ndim == 2 else np.nanmean(x, axis=-1)
        for row, scale in enumerate(scales):
            _shares_over(panel, middle[row], circles[row], shades[row], f"scale {scale:g}")
    return figure


def _shades(scales: Sequence[float]) -> list[str]:
    """A colour for each initial scale, the darker the larger."""
    return [blend(LINE, INK, t) for t in np.linspace(0, 1, len(scales))]


def _legend(scales: Sequence[float]) -> str:
    pairs = zip(_shades(scales), scales)
    words = [f"{colored('●', color)} {scale:g}" for color, scale in pairs]
    return "scale of initial embeddings   " + "   ".join(words)


def _shares_over(panel: Panel, x: np.ndarray, hits: np.ndarray, color: str, name: str) -> None:
    """Share of hits (C, S) over x (C,), with Wilson intervals."""
    found = wilsons(hits)
    marker = {"size": 8, "color": color, "line": {"width": 0.8, "color": PAPER}}
    look = {"error_y": whisker(*found, blend(color, PAPER, 0.55), 1), "name": name}
    panel.add(marks(x, found[0], marker, "%{y:.0%} circles at %{x:.2f}", name, **look))


def on_the_diagonal(
    networks: np.ndarray,
    others: Mapping[str, np.ndarray],
    found: Mapping[str, Agreement],
    scales: Sequence[float],
    bias_scales: Sequence[float],
) -> go.Figure:
    """Predicted over measured share of circles, a point a cell, one panel for each of the others.

    Kinds are (R × C, S), those of the others by title, as is their agreement with the networks.
    Scales (R,) of the start are told apart by colour; bias scales are (C,).
    """
    boxes = tiles(len(others), 84, left=58, right=22, gap=22)
    figure, panels = sheet(84 + boxes[0][2] + 56, boxes)
    panels[0].note(_legend(scales), yshift=52)
    upright(panels[0], "circles predicted", -34)
    styles = [Style(shade, "circle", "solid") for shade in _shades(scales) for _ in bias_scales]
    words = [f"scale {s:g}, β = {b:g}" for s in scales for b in bias_scales]
    for i, (panel, (title, kinds)) in enumerate(zip(panels, others.items())):
        panel.note(f"<b>{title}</b>", yshift=24)
        r = found[title].pearson
        line = f"r = {r.mean:.2f} ({r.low:.2f} to {r.high:.2f})"
        panel.note(line, yshift=8, font=font(11, MUTED))
        diagonal(panel, networks == "circle", kinds == "circle", styles, words)
        if i:
            panel.axes(None, {"ticktext": ["", "", ""]})
    return figure


def effects(found: Mapping[str, Knobs], styles: Mapping[str, Style]) -> go.Figure:
    """What both knobs do to the share of circles, with 95 % intervals; the networks come first."""
    titles = ("Start, largest less smallest", "Bias, most less least")
    figure, panels = effect_sheet(titles, {name: styles[name] for name in found}, left=190)
    first = next(iter(found.values()))
    ends = [end for pair in found.values() for effect in pair for end in effect]
    reach = [min(ends) - 0.04, max(*ends, 0) + 0.04]
    share = {"range": reach, "tickformat": "+.0%", "nticks": 6}
    for i, panel in enumerate(panels):
        panel.axes(share | {"title": {"text": "change in the share of circles"}})
        for x, color in ((0, MUTED), (first[i].mean, LINE)):
            panel.add(*segments([[x, -0.5]], [[x, len(found) - 0.5]], color))
        for y, (name, pair) in enumerate(found.items()):
            panel.add(mean(pair[i], y, styles[name], name))
    return figure


def first_layer(bias_scales: Sequence[float], rows: Mapping[str, Sequence[Progress]]) -> go.Figure:
    """What networks keep of their start, turn and shed by when half is learnt, over the bias scale.

    β (C,) are evenly spaced in their logarithm; one or two starts have a name, and C runs each.
    """
    titles = ("Start kept, R²", "Units turned, degrees", "Share of the bias in a unit")
    figure, panels = sheet(286, [(56 + 254 * i, 60, 206, 168) for i in range(3)])
    network = STYLES["network"]
    looks = (Style(blend(network.color, PAPER, 0.5), "diamond", "dot"), network)
    panels[0].note("   ".join(look.key(name) for name, look in zip(rows, looks)), yshift=26)
    x = np.log2(bias_scales)
    ticks = {"tickvals": x.tolist(), "ticktext": [f"{b:g}" for b in bias_scales], "tickangle": 0}
    for i, (panel, title) in enumerate(zip(panels, titles)):
        panel.note(f"<b>{title}</b>", yshift=6)
        title = {"title": {"text": "bias scale β"}}
        panel.axes(ticks | title, {"rangemode": "tozero", "nticks": 5})
        for (name, found), look in zip(rows.items(), looks):
            means = np.array([intervals.mean(one[i]) for one in found]).T
            lines = {"line": look.line(), "error_y": whisker(*means, look.color)}
            panel.add(marks(x, means[0], look.marker(8), "%{y:.2f}", name, **lines))
    return figure
