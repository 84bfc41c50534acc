"""Figures of notebook 2: what the networks build, why it works, and how often."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import _checks, structure
from modadd.plots.palette import STYLES, blend, theme
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.traces import axes_of_labels, centred, clumps, joined, strip, whisker


def explained(E_grid: np.ndarray, E_circle: np.ndarray) -> go.Figure:
    """Why a grid and a circle can tell labels apart: embeddings (N, 2) beside their pair sums.

    Args:
        E_grid: embeddings of a grid.
        E_circle: embeddings of a circle.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    E_grid, E_circle = _checks.tokens("E_grid", E_grid), _checks.tokens("E_circle", E_circle)
    side, rows = 340, (50, 458)
    figure, panels = sheet(824, [(x, y, side, side) for y in rows for x in (24, 436)])
    for E, i, kind in ((centred(E_grid), 0, "grid"), (E_circle - E_circle.mean(0), 2, "circle")):
        before, after = panels[i : i + 2]
        reach = 1.1 * np.abs(E).max()
        before.plane(reach)
        before.add(*joined(E, 20))
        before.note(f"<b>Embeddings on a {kind}</b>", yshift=16, font=font(14))
        after.plane(2.04 * reach)
        after.add(*(clumps(E) if kind == "grid" else axes_of_labels(E)))
        text = {"grid": "each lattice point has one label", "circle": "each label lies on one line"}
        after.note(f"<b>Pair sums</b>: {text[kind]}", yshift=16, font=font(14))
    return figure


def census_bars(kinds: ArrayLike, **measures: np.ndarray) -> go.Figure:
    """Share of each kind with its Wilson interval; beside it measures, one point an embedding.

    Args:
        kinds: (S,) words of structure.KINDS.
        **measures: title=(S,) values, say accuracy=run.accuracy[-1].

    Raises:
        ValueError: naming the argument that does not fit.
    """
    kinds = _checks.words("kinds", kinds, ("S",), structure.KINDS)
    measures = {
        title: _checks.array(title, values, (len(kinds),), finite=False)
        for title, values in measures.items()
    }
    found = structure.census(kinds)
    left, top, height = 76, 44, 44 * len(structure.KINDS)
    share = 330 if measures else WIDTH - left - 30
    each = (WIDTH - left - share - 14) / max(1, len(measures)) - 40
    boxes = [(left, top, share, height)]
    boxes += [
        (left + share + 40 + i * (each + 40), top, each, height) for i in range(len(measures))
    ]
    figure, panels = sheet(height + 96, boxes)
    rows = {"range": [len(structure.KINDS) - 0.5, -0.5], "visible": False}
    _shares(panels[0], found)
    for panel in panels:
        panel.axes(y=rows)
    for panel, (title, values) in zip(panels[1:], measures.items(), strict=True):
        panel.axes({"nticks": 4})
        panel.note(f"<b>{title.capitalize().replace('_', ' ')}</b>", yshift=12)
        for y, kind in enumerate(structure.KINDS):
            panel.add(*strip(values[kinds == kind], y, kind))
    return figure


def _shares(panel: Panel, found: structure.Census) -> None:
    """Bars, marks and whiskers of a census, named and numbered beside them."""
    limits = [found.interval(kind) for kind in structure.KINDS]
    title = f"share of {found.total} runs, with 95% Wilson interval"
    reach = [0, 1.4 * max(high for _, high in limits)]
    panel.axes({"range": reach, "tickformat": ".0%", "nticks": 6, "title": {"text": title}})
    panel.note("<b>Kind</b>", yshift=12)
    for y, (kind, (low, high)) in enumerate(zip(structure.KINDS, limits, strict=True)):
        style, value = STYLES[kind], found.share(kind)
        pale = blend(style.color, theme().paper, 0.7)
        hover = f"{kind}: {value:.1%} ({low:.1%} to {high:.1%})<extra></extra>"
        bar = {"x": [value], "y": [y], "orientation": "h", "width": 0.5, "hoverinfo": "skip"}
        panel.add(go.Bar(**bar, marker={"color": pale, "line": {"width": 0}}))
        panel.add(
            go.Scatter(
                x=[value],
                y=[y],
                mode="markers",
                name=kind,
                marker={"size": 10, "color": style.color, "symbol": style.symbol},
                error_x=whisker(value, low, high, style.color),
                hovertemplate=hover,
            )
        )
        place = {"y": y, "xref": panel.x, "yref": panel.y}
        count = f"<b>{value:.0%}</b>  {found.count(kind)} of {found.total}"
        panel.figure.add_annotation(x=high, xanchor="left", xshift=8, text=count, **place)
        name = {"text": f"<b>{kind}</b>", "font": font(13, style.color)}
        panel.figure.add_annotation(x=0, xanchor="right", xshift=-10, **name, **place)
