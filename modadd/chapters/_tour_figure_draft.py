"""For notebook 10: the tour that training takes through the plane of pair sums, and its figure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd._compiled import engine
from modadd._compiled.tour import TOUR
from modadd.model import Parameters
from modadd.plots.palette import INK, LINE, MUTED, PAPER, STYLES, blend
from modadd.plots.panels import Panel, font, sheet
from modadd.plots.traces import pair_sums, regions, segments
from modadd.training import TrainingConfig, prepare


class Tour(NamedTuple):
    """The order in which training visits the pairs of one network."""

    order: np.ndarray
    """(P,) ints, pairs as `ModularAddition.pairs` numbers them."""
    on: np.ndarray
    """(P, H) bools: the hidden units that are on at each pair of the tour."""
    switches: np.ndarray
    """(P − 1,) ints: how many of them switch on the way to the next pair."""


def tour_through(parameters: Parameters, bias_scale: float = 1.0) -> Tour:
    """The tour that training would plan for these parameters of one seed.

    >>> tour = tour_through(TrainingConfig(5, hidden=8).initial(0))
    >>> sorted(tour.order.tolist()) == list(range(15)), tour.on.shape, tour.switches.shape
    (True, (15, 8), (14,))
    """
    E, w1, b1, *_ = (np.asarray(array, dtype=float) for array in parameters)
    config = TrainingConfig(len(E), len(b1), steps=0, bias_scale=bias_scale)
    theta, recipe, pairs = prepare(config, config.task, 0, parameters._asdict())
    state, stop, none = engine.begin(theta, pairs), np.zeros(1, np.uint8), np.zeros(1, np.int64)
    flat, scalars = np.empty((1, theta.size), np.float32), np.empty((1, 5), np.float32)
    engine.trace(theta, state, recipe, pairs, 0, none, stop, flat, scalars)
    order = state[:, theta.size + TOUR :].ravel()[: len(config.task.pairs)].astype(int)
    on = config.task.pair_sums(E)[order] @ w1 + bias_scale * b1 > 0
    return Tour(order, on, (on[1:] != on[:-1]).sum(1))


def tour_figure(parameters: Parameters, bias_scale: float = 1.0) -> go.Figure:
    """The lines of the hidden units over the plane of pair sums, and the tour through the regions.

    Left, all of it: pair sums in the colours of their labels, over the decision regions. Right, the
    middle, with a dot wherever the tour crosses a line, that is where a unit switches; below, the
    switches so far, along the tour and along the rows of the table of pairs.
    """
    parameters = Parameters(*(np.asarray(array, dtype=np.float32) for array in parameters))
    tour = tour_through(parameters, bias_scale)
    config = TrainingConfig(len(parameters.embeddings))
    x = config.task.pair_sums(parameters.embeddings.astype(float))
    reach = 1.06 * np.abs(x).max()
    near = np.quantile(np.abs(x).max(1), 0.3)
    boxes = [(0, 0, 470, 470), (490, 0, 310, 310), (532, 338, 256, 92)]
    figure, (whole, middle, course) = sheet(470, boxes)
    for panel, limit, dots in ((whole, reach, 7), (middle, near, 11)):
        panel.add(*regions(parameters, limit, bias_scale))
        panel.add(*_lines(parameters, limit, bias_scale))
        panel.add(*_path(x[tour.order], 1.5 if panel is whole else 2.2))
        if panel is middle:
            panel.add(_crossings(x[tour.order], parameters, bias_scale))
        panel.add(*pair_sums(parameters.embeddings, size=dots)[:1])
        panel.plane(limit)
    box = np.array([[-near, -near], [near, -near], [near, near], [-near, near]])
    whole.add(*segments(box, np.roll(box, -1, axis=0), INK, 1.2))
    _so_far(course, tour, x, parameters, bias_scale)
    return figure


def _lines(parameters: Parameters, reach: float, bias_scale: float) -> list[go.Trace]:
    """Where u·x + βb = 0, for each hidden unit (u, b)."""
    (u, v), c = parameters.w1.astype(float), bias_scale * parameters.b1.astype(float)
    size = np.hypot(u, v)
    foot = -c / size**2 * np.stack([u, v])
    along = 3 * reach * np.stack([-v, u]) / size
    return segments((foot - along).T, (foot + along).T, blend(INK, PAPER, 0.35), 0.6)


def _path(points: np.ndarray, width: float) -> list[go.Trace]:
    """The tour as one line with a rim of paper."""
    look = {"x": points[:, 0], "y": points[:, 1], "mode": "lines", "hoverinfo": "skip"}
    return [
        go.Scatter(line={"color": PAPER, "width": width + 2.4}, **look),
        go.Scatter(line={"color": INK, "width": width}, **look),
    ]


def _crossings(points: np.ndarray, parameters: Parameters, bias_scale: float) -> go.Scatter:
    """Points at which the tour crosses a line."""
    height = points @ parameters.w1 + bias_scale * parameters.b1
    leg, unit = np.nonzero((height[1:] > 0) != (height[:-1] > 0))
    before, after = height[leg, unit], height[leg + 1, unit]
    share = (before / (before - after))[:, None]
    at = points[leg] + share * (points[leg + 1] - points[leg])
    return go.Scatter(
        x=at[:, 0],
        y=at[:, 1],
        mode="markers",
        marker={"size": 4.5, "color": PAPER, "line": {"width": 1.2, "color": INK}},
        customdata=unit,
        hovertemplate="hidden unit %{customdata} switches<extra></extra>",
    )


def _so_far(
    panel: Panel, tour: Tour, x: np.ndarray, parameters: Parameters, bias_scale: float
) -> None:
    """Switches so far, over pairs visited: along the tour, and in the order of the table."""
    on = x @ parameters.w1 + bias_scale * parameters.b1 > 0
    rows = (on[1:] != on[:-1]).sum(1)
    last = len(rows)
    for name, switches, color in (
        ("row by row", rows, STYLES["floor"].color),
        ("along the tour", tour.switches, INK),
    ):
        total = np.concatenate([[0], np.cumsum(switches)])
        panel.add(
            go.Scatter(
                x=np.arange(last + 1),
                y=total,
                mode="lines",
                line={"color": color, "width": 2},
                hovertemplate="%{y} switches at %{x} pairs<extra>" + name + "</extra>",
            )
        )
        anchor = {"xanchor": "right", "yanchor": "bottom", "showarrow": False}
        words = f"{name}: {switches.mean():.1f} a pair"
        where = (0.72 * last, 0.72 * total[-1]) if color != INK else (last, total[-1])
        panel.text(words, *where, xshift=-6, font=font(12, color), **anchor)
    grid = {"gridcolor": LINE, "tickfont": font(11, MUTED), "fixedrange": True}
    panel.axes(
        {"title": {"text": "pairs visited", "font": font(12, MUTED)}, "range": [0, last], **grid},
        {"title": {"text": "switches", "font": font(12, MUTED)}, "rangemode": "tozero", **grid},
    )
