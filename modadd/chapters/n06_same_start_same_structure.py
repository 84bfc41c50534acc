"""Figures of notebook 6: what grew from the same starts, and how well it agrees.

Networks are green, simulations without a network violet, floors grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import _checks, structure
from modadd.intervals import Effect, bootstrap_mean
from modadd.plots.palette import STYLES, theme
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.traces import embeddings, joined, whisker
from modadd.same_start import ROLES, Comparison


def starts(
    rows: Mapping[str, ArrayLike], colors: Sequence[str], loose: Sequence[str] = ()
) -> go.Figure:
    """Final embeddings that grew from the same starts: one row a system, one column a start.

    Each start has one scale for all systems, no rotation and no reflection. From the second row
    on, the number is the Procrustes R² with the first; rows named in `loose` get no bonds.

    Args:
        rows: name to embeddings (S, N, 2), S at most 8.
        colors: one for each row, of its name.
        loose: names of rows whose embeddings are no result, say the start itself.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.mapping("rows", rows)
    colors = _checks.sequence("colors", colors, len(rows), len(rows))
    for color in colors:
        _checks.instance("colors", color, str)
    loose = [
        _checks.choice("loose", name, tuple(rows)) for name in _checks.sequence("loose", loose, 0)
    ]
    every = [_checks.ensemble("rows", E) for E in rows.values()]
    if len({E.shape for E in every}) > 1:
        raise ValueError("rows must hold embeddings of one shape, got several")
    every = [E - E.mean(1, keepdims=True) for E in every]
    left, columns = 34, len(every[0])
    side, tall = (WIDTH - left - 4) / columns, 18
    boxes = [
        (left + i * side, 8 + j * (side + tall), side, side)
        for j in range(len(every))
        for i in range(columns)
    ]
    figure, panels = sheet(8 + len(every) * (side + tall) + 4, boxes)
    reach = [1.2 * max(np.abs(E[i]).max() for E in every) for i in range(columns)]
    for j, (name, E, color) in enumerate(zip(rows, every, colors, strict=True)):
        place = {"x": 0, "y": 0.5, "xshift": -6, "xanchor": "right", "yanchor": "middle"}
        panels[j * columns].note(f"<b>{name}</b>", **place, textangle=-90, font=font(12, color))
        agreement = structure.procrustes_r2(E, every[0])
        for i, panel in enumerate(panels[j * columns : (j + 1) * columns]):
            panel.plane(reach[i])
            panel.add(*(embeddings if name in loose else joined)(E[i], 7))
            if j:
                text = f"{agreement[i]:.2f}"
                under = {"xanchor": "center", "yanchor": "top", "yshift": 2}
                panel.note(text, 0.5, 0, **under, font=font(11, theme().muted))
    return figure


def comparison_rows(rows: Mapping[str, Comparison]) -> go.Figure:
    """R² as one point a start with mean and bootstrap interval; beside it agreement on the kind.

    Args:
        rows: name to comparison, drawn from top to bottom.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    for row in _checks.mapping("rows", rows).values():
        _checks.instance("rows", row, Comparison)
        _checks.choice("role", row.role, ROLES)
    left, top, each = 206, 46, 46
    height = each * len(rows)
    figure, panels = sheet(
        top + height + 54, [(left, top, 370, height), (left + 424, top, 150, height)]
    )
    vertical = {"range": [len(rows) - 0.5, -0.5], "visible": False}
    ticks = {"range": [-0.02, 1.03], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    panels[0].axes(ticks | {"title": {"text": "Procrustes R²"}}, vertical)
    share = {"range": [0, 1.03], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}
    panels[1].axes(share | {"title": {"text": "share of comparisons"}}, vertical)
    panels[0].note("<b>Same structure</b>", yshift=10)
    panels[1].note("<b>Same kind</b>", yshift=10)
    for y, (name, row) in enumerate(rows.items()):
        color, symbol, _ = STYLES[row.role]
        word = {"xanchor": "right", "xshift": -12, "align": "right"}
        place = {"x": -0.02, "y": y, "xref": panels[0].x, "yref": panels[0].y}
        figure.add_annotation(text=name, font=font(12, color), **word, **place)
        _cloud(panels[0], row.r2, y, color, symbol)
        mean = bootstrap_mean(row.r2)
        _interval(panels[0], mean, y, theme().ink, "line-ns", f"{mean.mean:.2f}")
        kind = Effect(row.same_kind, *row.same_kind_interval)
        _interval(panels[1], kind, y, color, symbol, f"{row.same_kind:.0%}")
    return figure


def _cloud(panel: Panel, values: np.ndarray, y: float, color: str, symbol: str) -> None:
    """One point a value, spread upwards where many values are alike."""
    bins = np.clip((np.asarray(values) * 40).astype(int), 0, 39)
    rank = np.array([(bins[:i] == b).sum() for i, b in enumerate(bins)])
    full = np.bincount(bins, minlength=40)[bins]
    rise = 0.5 * rank / np.maximum(full, 12)
    marker = {"size": 5.5, "color": color, "symbol": symbol, "opacity": 0.5}
    hover = "R² %{x:.3f}<extra></extra>"
    panel.add(
        go.Scatter(x=values, y=y + 0.02 - rise, mode="markers", marker=marker, hovertemplate=hover)
    )


def _interval(panel: Panel, found: Effect, y: float, color: str, symbol: str, text: str) -> None:
    """Mean and interval as a mark with a whisker below the points, its value under it."""
    y = y + 0.22 if symbol == "line-ns" else y
    marker = {"size": 9, "color": color, "symbol": symbol, "line": {"width": 2, "color": color}}
    hover = f"mean {found.mean:.3f} ({found.low:.3f} to {found.high:.3f})<extra></extra>"
    where = {"x": [found.mean], "y": [y], "mode": "markers", "cliponaxis": False}
    panel.add(
        go.Scatter(**where, marker=marker, error_x=whisker(*found, color, 2), hovertemplate=hover)
    )
    place = {"xref": panel.x, "yref": panel.y, "y": y, "yanchor": "middle"}
    right = found.high < 0.86
    place |= {"x": found.high if right else found.low, "xanchor": "left" if right else "right"}
    panel.figure.add_annotation(text=f"<b>{text}</b>", xshift=7 if right else -7, **place)
