"""Shares of kinds over recipes: tables over two knobs, predicted over measured; effects in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd.intervals import Effect, wilson
from modadd.plots.palette import INK, MUTED, PAPER, STYLES, Style, blend, text_on
from modadd.plots.panels import Panel, cells, font, rows, sheet, tiles
from modadd.plots.traces import marks, segments, whisker


def wilsons(hits: np.ndarray) -> np.ndarray:
    """Shares of hits (..., S), and the ends of their 95 % Wilson intervals: (3, ...).

    >>> wilsons(np.arange(60) < 16).round(3).tolist()
    [0.267, 0.171, 0.39]
    """
    counts = np.asarray(hits).sum(-1)
    ends = [wilson(count, hits.shape[-1]) for count in counts.ravel()]
    return np.array([hits.mean(-1), *np.array(ends).T.reshape(2, *counts.shape)])


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
    sides = {"left": 66, "right": 12, "gap": 26}
    wide = tiles(len(shares), 34, **sides)[0][2]
    tall = wide * len(scales) / len(bias_scales)
    figure, panels = sheet(34 + tall + 56, tiles(len(shares), 34, tall, **sides))
    words = [f"{scale:g}" for scale in scales]
    for i, (panel, (title, found)) in enumerate(zip(panels, shares.items())):
        color = STYLES[kinds[i] if kinds else "circle"].color
        panel.note(f"<b>{title}</b>", yshift=6, font=font(13))
        columns = cells([f"{b:g}" for b in bias_scales]) | {"title": {"text": "bias scale β"}}
        panel.axes(columns, cells(words if i == 0 else [""] * len(scales)))
        grounds = [blend(PAPER, color, 0.04 + 0.8 * float(share)) for share in found.ravel()]
        y, x = np.divmod(np.arange(found.size), found.shape[1])
        for row, column, ground in zip(y, x, grounds):
            panel.tile(column, row, 0.475, line={"width": 0}, fillcolor=ground, layer="below")
            if framed is not None and framed[row, column]:
                panel.tile(column, row, 0.475, line={"width": 2, "color": INK})
        panel.add(
            go.Scatter(
                x=x,
                y=y,
                mode="text",
                text=[f"{100 * share:.0f}" for share in found.ravel()],
                textfont={"size": 13, "color": [text_on(ground) for ground in grounds]},
                hovertemplate="%{text} %<extra>" + title + "</extra>",
            )
        )
    upright(panels[0], "scale of initial embeddings", -40)
    return figure


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
    across, along = wilsons(measured), wilsons(predicted)
    for style in dict.fromkeys(styles):
        chosen = np.array([s == style for s in styles])
        pale, rim = blend(style.color, PAPER, 0.65), {"width": 0.8, "color": PAPER}
        bars = {
            "error_x": whisker(*across[:, chosen], pale, 1),
            "error_y": whisker(*along[:, chosen], pale, 1),
            "text": [word for word, there in zip(words, chosen) if there],
        }
        hover = "%{text}<br>measured %{x:.0%}, predicted %{y:.0%}"
        x, y = across[0, chosen], along[0, chosen]
        panel.add(marks(x, y, style.marker(8, line=rim), hover, **bars))
    share = {"range": [-0.04, 1.04], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    panel.axes(share | {"title": {"text": axis}}, share)


def upright(panel: Panel, words: str, shift: float = -34) -> None:
    """Write words beside the vertical axis of a panel, `shift` px from it."""
    look = {"xanchor": "right", "yanchor": "middle", "textangle": -90, "xshift": shift}
    panel.note(words, 0, 0.5, font=font(12, MUTED), **look)


def effect_sheet(
    titles: Sequence[str],
    styles: Mapping[str, Style],
    left: float,
    tall: float = 32,
    below: float = 40,
) -> tuple[go.Figure, list[Panel]]:
    """A panel a title, with a row a name, `tall` px each, and the names in the `left` margin.

    There are `below` px under the panels.
    """
    height = tall * len(styles)
    boxes = tiles(len(titles), 44, height, left=left, right=20, gap=40)
    figure, panels = sheet(44 + height + below, boxes)
    for panel, title in zip(panels, titles, strict=True):
        panel.note(f"<b>{title}</b>", yshift=8)
        panel.axes(None, rows(len(styles)))
    for y, (name, style) in enumerate(styles.items()):
        panels[0].beside(name, y, xshift=-14, font=font(13, style.color))
    return figure, panels


def mean(effect: Effect, y: float, style: Style, name: str) -> go.Scatter:
    """A mean and its interval along the row at y."""
    bars = whisker(*effect, style.color, 2)
    return marks([effect.mean], [y], style.marker(9), f"{name}: {effect}", error_x=bars)
