"""A phase diagram: kinds over two knobs, and examples in its cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import structure
from modadd.plots.palette import PAPER, STYLES, blend, token_colors
from modadd.plots.panels import Panel, font, sheet
from modadd.plots.traces import bonds, centred, segments


def phase_diagram(
    kinds: np.ndarray, scales: Sequence[float], bias_scales: Sequence[float]
) -> go.Figure:
    """Kinds over initial scale and bias scale, one mark a run.

    Args:
        kinds: (R, C, S) words of structure.KINDS.
        scales: (R,) initial scales, of the rows from below.
        bias_scales: (C,) β, of the columns from the left.
    """
    R, C = kinds.shape[:2]
    side = 112
    figure, (panel,) = sheet(44 + side * R + 62, [(84, 44, side * C, side * R)])
    _cell_axes(panel, scales, bias_scales)
    for row in range(R):
        for column in range(C):
            _tile(panel, column, row, kinds[row, column])
    _marks(panel, kinds)
    _cell_hover(panel, kinds, scales, bias_scales)
    _keys(panel)
    return figure


def _cell_axes(panel: Panel, scales: Sequence[float], bias_scales: Sequence[float]) -> None:
    """Axes of a table of cells with unit distance."""

    def ticks(values: Sequence[float], title: str) -> dict:
        return {
            "range": [-0.5, len(values) - 0.5],
            "tickvals": list(range(len(values))),
            "ticktext": [f"{value:g}" for value in values],
            "title": {"text": title},
            "showline": False,
            "ticks": "",
            "tickfont": font(12),
            "fixedrange": True,
        }

    panel.axes(ticks(bias_scales, "bias scale β"), ticks(scales, "scale of initial embeddings"))


def _tile(panel: Panel, column: int, row: int, kinds: np.ndarray, reach: float = 0.47) -> None:
    """Ground of a cell: the deeper its blue, the more circles."""
    share = float((kinds == "circle").mean())
    panel.figure.add_shape(
        type="rect",
        x0=column - reach,
        x1=column + reach,
        y0=row - reach,
        y1=row + reach,
        xref=panel.x,
        yref=panel.y,
        line={"width": 0},
        fillcolor=blend(PAPER, STYLES["circle"].color, 0.04 + 0.36 * share),
        layer="below",
    )


def _marks(panel: Panel, kinds: np.ndarray) -> None:
    """One mark a run, sorted by kind, in rows from the top of each cell."""
    R, C, S = kinds.shape
    across = int(np.ceil(np.sqrt(S)))
    order = np.array([structure.KINDS.index(kind) for kind in kinds.ravel()]).reshape(kinds.shape)
    order.sort(axis=-1)
    place = np.arange(S)
    step = 0.8 / across
    x = np.arange(C)[None, :, None] + step * (place % across - (across - 1) / 2)
    y = np.arange(R)[:, None, None] - step * (place // across - (across - 1) / 2)
    for i, kind in enumerate(structure.KINDS):
        chosen = order == i
        size = min(13, 66 / across)
        style = {"color": STYLES[kind].color, "symbol": STYLES[kind].symbol, "size": size}
        where = {
            "x": np.broadcast_to(x, order.shape)[chosen],
            "y": np.broadcast_to(y, order.shape)[chosen],
        }
        panel.add(go.Scatter(**where, mode="markers", marker=style, name=kind, hoverinfo="skip"))


def _cell_hover(panel: Panel, kinds: np.ndarray, scales, bias_scales) -> None:
    """An invisible mark over each cell that tells its counts."""
    R, C, S = kinds.shape
    text = [
        f"β = {bias_scales[c]:g}, scale {scales[r]:g}<br>"
        + "<br>".join(f"{kind} {(kinds[r, c] == kind).sum()} of {S}" for kind in structure.KINDS)
        for r in range(R)
        for c in range(C)
    ]
    y, x = np.divmod(np.arange(R * C), C)
    marker = {"size": 104, "symbol": "square", "opacity": 0}
    hover = "%{hovertext}<extra></extra>"
    panel.add(
        go.Scatter(
            x=x, y=y, mode="markers", marker=marker, hovertext=text, hovertemplate=hover, name=""
        )
    )


def _keys(panel: Panel) -> None:
    """Names of kinds above the cells."""
    symbols = {"circle": "●", "grid": "■", "stripe": "◆", "other": "✚"}
    words = [
        f'<span style="color:{STYLES[kind].color}">{symbols[kind]} <b>{kind}</b></span>'
        for kind in structure.KINDS
    ]
    panel.note("   ".join(words), yshift=10, font=font(13))


def phase_examples(
    E: np.ndarray, kinds: np.ndarray, scales: Sequence[float], bias_scales: Sequence[float]
) -> go.Figure:
    """One run of every cell of the phase diagram, drawn in its place.

    Args:
        E: (R, C, N, 2) final embeddings of one seed.
        kinds: (R, C, S) kinds of all seeds, that one first.
        scales, bias_scales: as for `phase_diagram`.
    """
    R, C = kinds.shape[:2]
    side, top, bottom = 112, 20, 62
    figure, (panel,) = sheet(top + side * R + bottom, [(84, top, side * C, side * R)])
    _cell_axes(panel, scales, bias_scales)
    for row in range(R):
        for column in range(C):
            _tile(panel, column, row, kinds[row, column])
    panel.add(*_small(E, kinds[:, :, 0]))
    return figure


def _small(E: np.ndarray, kinds: np.ndarray) -> list[go.Trace]:
    """Embeddings (R, C, N, 2), each small in its cell, with bonds and the name of its kind."""
    R, C, N, _ = E.shape
    E = centred(E)
    E = 0.36 * E / np.abs(E).max((-2, -1), keepdims=True)
    joined = [[bonds(E[r, c]) for c in range(C)] for r in range(R)]
    centre = np.stack(np.meshgrid(np.arange(C), np.arange(R)), -1).astype(float)
    E = E + centre[:, :, None] - [0, 0.05]
    starts, ends = (
        np.concatenate([E[r, c][joined[r][c][:, i]] for r in range(R) for c in range(C)])
        for i in (0, 1)
    )
    points = E.reshape(-1, 2).astype(np.float32)
    dots = go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        marker={"size": 6, "color": token_colors(N) * (R * C), "line": {"width": 0}},
        text=[str(a) for a in range(N)] * (R * C),
        hovertemplate="token %{text}<extra></extra>",
    )
    names = go.Scatter(
        x=centre[..., 0].ravel() - 0.44,
        y=centre[..., 1].ravel() + 0.41,
        mode="text",
        text=kinds.ravel().tolist(),
        textposition="middle right",
        textfont={"size": 11, "color": [STYLES[kind].color for kind in kinds.ravel()]},
        hoverinfo="skip",
    )
    return [*segments(starts, ends), dots, names]
