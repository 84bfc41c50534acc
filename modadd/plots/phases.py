"""A phase diagram: kinds over two knobs, and examples in its cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import structure
from modadd.plots.palette import PAPER, STYLES, blend, token_colors
from modadd.plots.panels import Panel, cells, font, sheet
from modadd.plots.traces import centred, listed, marks, segments
from modadd.structure import KINDS


def phase_diagram(
    kinds: np.ndarray, scales: Sequence[float], bias_scales: Sequence[float]
) -> go.Figure:
    """Kinds over initial scale and bias scale, one mark a run.

    Args:
        kinds: (R, C, S) words of structure.KINDS.
        scales: (R,) initial scales, of the rows from below.
        bias_scales: (C,) β, of the columns from the left.
    """
    panel = _ground(kinds, scales, bias_scales, 44)
    panel.add(*_marks(kinds), _hover(kinds, scales, bias_scales))
    words = [STYLES[kind].key(f"<b>{kind}</b>") for kind in KINDS]
    panel.note("   ".join(words), yshift=10, font=font(13))
    return panel.figure


def _ground(
    kinds: np.ndarray, scales: Sequence[float], bias_scales: Sequence[float], top: float
) -> Panel:
    """The cells of a table, from `top` px on: the deeper their blue, the more circles."""
    (R, C), side = kinds.shape[:2], 112
    _, (panel,) = sheet(top + side * R + 62, [(84, top, side * C, side * R)])
    x, y = (cells([f"{v:g}" for v in values]) for values in (bias_scales, scales))
    panel.axes(x | {"title": {"text": "bias scale β"}, "fixedrange": True})
    panel.axes(None, y | {"title": {"text": "scale of initial embeddings"}, "fixedrange": True})
    for (row, column), share in np.ndenumerate((kinds == "circle").mean(-1)):
        color = blend(PAPER, STYLES["circle"].color, 0.04 + 0.36 * float(share))
        panel.tile(column, row, 0.47, line={"width": 0}, fillcolor=color, layer="below")
    return panel


def _marks(kinds: np.ndarray) -> list[go.Trace]:
    """One mark a run, sorted by kind, in rows from the top of each cell."""
    R, C, S = kinds.shape
    across = int(np.ceil(np.sqrt(S)))
    order = np.sort((kinds[..., None] == np.array(KINDS)).argmax(-1), axis=-1)
    down, along = np.divmod(np.arange(S), across)
    step, middle = 0.8 / across, (across - 1) / 2
    x = np.arange(C)[None, :, None] + step * (along - middle)
    y = np.arange(R)[:, None, None] - step * (down - middle)
    x, y = (np.broadcast_to(place, order.shape) for place in (x, y))
    size = min(13, 66 / across)
    return [
        marks(x[order == i], y[order == i], STYLES[kind].marker(size), name=kind)
        for i, kind in enumerate(KINDS)
    ]


def _hover(kinds: np.ndarray, scales: Sequence[float], bias_scales: Sequence[float]) -> go.Scatter:
    """An invisible mark over each cell that tells its counts."""
    R, C, S = kinds.shape
    y, x = np.divmod(np.arange(R * C), C)
    text = [
        f"β = {bias_scales[column]:g}, scale {scales[row]:g}<br>"
        + "<br>".join(f"{kind} {(kinds[row, column] == kind).sum()} of {S}" for kind in KINDS)
        for row, column in zip(y, x)
    ]
    marker = {"size": 104, "symbol": "square", "opacity": 0}
    return marks(x, y, marker, "%{hovertext}", hovertext=text, name="")


def phase_examples(
    E: np.ndarray, kinds: np.ndarray, scales: Sequence[float], bias_scales: Sequence[float]
) -> go.Figure:
    """One run of every cell of the phase diagram, drawn in its place.

    Args:
        E: (R, C, N, 2) final embeddings of one seed.
        kinds: (R, C, S) kinds of all seeds, that one first.
        scales, bias_scales: as for `phase_diagram`.
    """
    panel = _ground(kinds, scales, bias_scales, 20)
    panel.add(*_small(E, kinds[:, :, 0]))
    return panel.figure


def _small(E: np.ndarray, kinds: np.ndarray) -> list[go.Trace]:
    """Embeddings (R, C, N, 2), each small in its cell, with bonds and the name of its kind."""
    R, C, N, _ = E.shape
    E = centred(E).reshape(-1, N, 2)
    E = 0.36 * E / np.abs(E).max((-2, -1), keepdims=True)
    joined = [listed(bonds) for bonds in structure.describe(E).bonds]
    centre = np.stack(np.meshgrid(np.arange(C), np.arange(R)), -1).reshape(-1, 2).astype(float)
    E = E + centre[:, None] - [0, 0.05]
    lines = np.concatenate([one[pairs] for one, pairs in zip(E, joined)])
    points = E.reshape(-1, 2).astype(np.float32)
    marker = {"size": 6, "color": token_colors(N) * (R * C), "line": {"width": 0}}
    tokens = [str(a) for a in range(N)] * (R * C)
    dots = marks(*points.T, marker, "token %{text}", text=tokens)
    names = go.Scatter(
        x=centre[:, 0] - 0.44,
        y=centre[:, 1] + 0.41,
        mode="text",
        text=kinds.ravel().tolist(),
        textposition="middle right",
        textfont={"size": 11, "color": [STYLES[kind].color for kind in kinds.ravel()]},
        hoverinfo="skip",
    )
    return [*segments(lines[:, 0], lines[:, 1]), dots, names]
