"""Shares of kinds over recipes: tables over two knobs, and predicted shares over measured ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd.intervals import wilson
from modadd.plots.palette import INK, MUTED, PAPER, STYLES, Style, blend, text_on
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.traces import segments, whisker


def tables(
    shares: Mapping[str, np.ndarray],
    scales: Sequence[float],
    bias_scales: Sequence[float],
    kinds: Sequence[str] | None = None,
    framed: np.ndarray | None = None,
) -> go.Figure:
    """Shares over two knobs, one table a title, side by side: the deeper the ground, the more.

    Args:
        shares: title to shares (R, C).
        scales: (R,) sizes of the initial embeddings, of the rows from below.
        bias_scales: (C,) β, of the columns from the left.
        kinds: whose colour each table has; None: circles in all.
        framed: (R, C) bools, cells with a frame.
    """
    left, gap, top = 66, 26, 34
    side = (WIDTH - left - 12 - gap * (len(shares) - 1)) / len(shares)
    tall = side * len(scales) / len(bias_scales)
    boxes = [(left + i * (side + gap), top, side, tall) for i in range(len(shares))]
    figure, panels = sheet(top + tall + 56, boxes)
    words = [f"{scale:g}" for scale in scales]
    for i, (panel, (title, found)) in enumerate(zip(panels, shares.items())):
        color = STYLES[kinds[i] if kinds else "circle"].color
        panel.note(f"<b>{title}</b>", yshift=6, font=font(13))
        columns = _ticks([f"{b:g}" for b in bias_scales]) | {"title": {"text": "bias scale β"}}
        panel.axes(columns, _ticks(words if i == 0 else [""] * len(scales)))
        grounds = {}
        for (row, column), share in np.ndenumerate(found):
            grounds[row, column] = blend(PAPER, color, 0.04 + 0.8 * float(share))
            _tile(panel, column, row, {"width": 0}, fillcolor=grounds[row, column], layer="below")
            if framed is not None and framed[row, column]:
                _tile(panel, column, row, {"width": 2, "color": INK})
        y, x = np.divmod(np.arange(found.size), found.shape[1])
        panel.add(
            go.Scatter(
                x=x,
                y=y,
                mode="text",
                text=[f"{100 * share:.0f}" for share in found.ravel()],
                textfont={"size": 13, "color": [text_on(g) for g in grounds.values()]},
                hovertemplate="%{text} %<extra>" + title + "</extra>",
            )
        )
    upright(panels[0], "scale of initial embeddings", -40)
    return figure


def _ticks(words: Sequence[str]) -> dict:
    """An axis of a table of cells with unit distance."""
    axis = {"range": [-0.5, len(words) - 0.5], "tickvals": list(range(len(words)))}
    return axis | {"ticktext": words, "showline": False, "ticks": "", "tickfont": font(12)}


def _tile(panel: Panel, column: int, row: int, line: dict, reach: float = 0.475, **look) -> None:
    place = {"x0": column - reach, "x1": column + reach, "y0": row - reach, "y1": row + reach}
    panel.figure.add_shape(type="rect", xref=panel.x, yref=panel.y, line=line, **place, **look)


def diagonal(
    panel: Panel,
    measured: np.ndarray,
    predicted: np.ndarray,
    styles: Sequence[Style],
    words: Sequence[str],
    axis: str = "measured",
) -> None:
    """Predicted over measured shares with 95 % Wilson intervals, and where both are the same.

    Args:
        panel: to be drawn in.
        measured: (C, S) bools, which of the S starts hit in each of C recipes.
        predicted: (C, S) the same of what is compared with them.
        styles: (C,) how each recipe is drawn.
        words: (C,) what it is, for the hover.
        axis: title of the horizontal axis.
    """
    panel.add(*segments([[0, 0]], [[1, 1]], MUTED))
    x, y = measured.mean(-1), predicted.mean(-1)
    across, along = (
        np.array([wilson(int(hit.sum()), hit.size) for hit in hits]).T
        for hits in (measured, predicted)
    )
    for style in dict.fromkeys(styles):
        chosen = np.array([s == style for s in styles])
        pale = blend(style.color, PAPER, 0.65)
        edge = {"width": 0.8, "color": PAPER}
        panel.add(
            go.Scatter(
                x=x[chosen],
                y=y[chosen],
                mode="markers",
                marker={"size": 8, "color": style.color, "symbol": style.symbol, "line": edge},
                error_x=whisker(x[chosen], *across[:, chosen], pale, 1),
                error_y=whisker(y[chosen], *along[:, chosen], pale, 1),
                text=[word for word, there in zip(words, chosen) if there],
                hovertemplate="%{text}<br>measured %{x:.0%}, predicted %{y:.0%}<extra></extra>",
            )
        )
    share = {"range": [-0.04, 1.04], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    panel.axes(share | {"title": {"text": axis}}, share)


def upright(panel: Panel, words: str, shift: float = -34) -> None:
    """Write words beside the vertical axis of a panel, `shift` px from it."""
    look = {"xanchor": "right", "yanchor": "middle", "textangle": -90, "xshift": shift}
    panel.note(words, 0, 0.5, font=font(12, MUTED), **look)
