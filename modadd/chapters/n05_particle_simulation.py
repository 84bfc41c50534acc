"""Figures of notebook 5: runs from one start side by side, and the alignment force.

A two-force run has a colour between that of clustering and that of alignment, as its alignment
force says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import _checks, structure
from modadd.plots.palette import STYLES, blend, faded, theme
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.traces import centred, joined, segments, whisker
from modadd.structure import KINDS, Census


def force_color(alignment_force: float) -> str:
    """Colour of a two-force run: from that of clustering at 0 to that of alignment at 1.

    Args:
        alignment_force: a in [0, 1].

    Raises:
        ValueError: if it is outside its range.

    >>> force_color(0.0)
    '#c04a17'
    """
    ends = STYLES["clustering"].color, STYLES["alignment"].color
    return blend(*ends, _checks.real("alignment_force", alignment_force, 0.0, 1.0))


def kinds_over_force(
    forces: Sequence[float],
    examples: ArrayLike,
    censuses: Sequence[Census],
    network: Census,
    chosen: float,
) -> go.Figure:
    """Kinds over the alignment force, what one start became above, the network's census beside.

    Args:
        forces: (A,) increasing values of a.
        examples: (A, N, 2) what one start became at each.
        censuses: (A,) of many starts.
        network: of networks from the same starts.
        chosen: the force to mark.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    forces = [_checks.real("forces", a, 0, 1) for a in _checks.sequence("forces", forces)]
    examples = _checks.ensemble("examples", examples)
    censuses = _checks.sequence("censuses", censuses, len(forces), len(forces))
    for census in censuses:
        _checks.instance("censuses", census, Census)
    _checks.instance("network", network, Census)
    chosen = _checks.real("chosen", chosen, 0, 1)
    left, gap, tall = 52, 6, 250
    side = (WIDTH - 16 - gap * (len(forces) - 1)) / len(forces)
    top = 64 + side + 58
    boxes = [(8 + i * (side + gap), 64, side, side) for i in range(len(forces))]
    boxes += [(left, top, 520, tall), (left + 572, top, 166, tall)]
    figure, panels = sheet(top + tall + 54, boxes)
    *small, curves, beside = panels
    for panel, E, a in zip(small, np.asarray(examples, float), forces, strict=True):
        kind = str(structure.classify(E))
        word = f'<b><span style="color:{STYLES[kind].color}">{kind}</span></b>'
        panel.note(f"a = {a:g}<br>{word}", 0.5, xanchor="center", yshift=6)
        E = centred(E)
        panel.plane(1.15 * np.abs(E).max())
        panel.add(*joined(E, 8))
    share = {"range": [0, 1], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    curves.axes({"range": [-0.02, 1.02], "title": {"text": "alignment force a"}}, share)
    columns = {"tickvals": list(range(4)), "ticktext": list(KINDS), "tickangle": 0}
    beside.axes(columns | {"range": [-0.6, 3.6]}, share | {"ticktext": [""] * 5})
    curves.note(f"<b>Two forces</b>, {censuses[0].total} starts", yshift=8)
    beside.note(f"<b>Networks</b>, {network.total}", yshift=8)
    curves.add(*segments([[chosen, 0]], [[chosen, 1]], theme().muted))
    mark = {"xref": curves.x, "yref": f"{curves.y} domain", "xanchor": "right", "xshift": -5}
    figure.add_annotation(x=chosen, y=0.97, text=f"nearest to the networks: {chosen:g}", **mark)
    for i, kind in enumerate(KINDS):
        curves.add(*_shares(forces, censuses, kind))
        beside.add(_whiskered([i], [network], kind))
        _name(curves, kind, forces, censuses)
    return figure


def _name(panel: Panel, kind: str, x: Sequence[float], censuses: Sequence[Census]) -> None:
    """The kind beside its line, where there is room: by experience, not by rule."""
    i, anchor, shift = {
        "circle": (-2, "right", (-12, 0)),
        "grid": (1, "center", (0, 16)),
        "stripe": (1, "center", (0, -16)),
        "other": (2, "center", (0, 16)),
    }[kind]
    panel.figure.add_annotation(
        **{"x": x[i], "y": censuses[i].share(kind), "xref": panel.x, "yref": panel.y},
        **{"text": kind, "xanchor": anchor, "xshift": shift[0], "yshift": shift[1]},
        font=font(12, STYLES[kind].color),
    )


def _shares(x: Sequence[float], censuses: Sequence[Census], kind: str) -> list[go.Trace]:
    """Share of a kind over x with its Wilson band."""
    style = STYLES[kind]
    low, high = np.array([c.interval(kind) for c in censuses]).T
    area = go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        **{"mode": "none", "fill": "toself", "fillcolor": faded(style.color, 0.15)},
        hoverinfo="skip",
    )
    line = go.Scatter(
        x=list(x),
        y=[c.share(kind) for c in censuses],
        **{"mode": "lines+markers", "name": kind, "cliponaxis": False},
        line={"color": style.color, "dash": style.dash, "width": 2},
        marker={"size": 7, "symbol": style.symbol, "color": style.color},
        hovertemplate=kind + ": %{y:.0%} at a = %{x}<extra></extra>",
    )
    return [area, line]


def _whiskered(x: Sequence[float], censuses: Sequence[Census], kind: str, **marker) -> go.Scatter:
    """Shares of a kind with their Wilson intervals, upright at x."""
    style = STYLES[kind]
    value = np.array([c.share(kind) for c in censuses])
    low, high = np.array([c.interval(kind) for c in censuses]).T
    return go.Scatter(
        x=list(x),
        y=value,
        **{"mode": "markers", "name": kind, "cliponaxis": False},
        marker={"size": 10, "color": style.color, "symbol": style.symbol} | marker,
        error_y=whisker(value, low, high, style.color),
        hovertemplate=kind + ": %{y:.0%}<extra></extra>",
    )


def carry_over(pairs: Mapping[str, tuple[Census, Census]]) -> go.Figure:
    """Two-force runs (open) beside networks (filled), one panel a condition, one column a kind.

    Args:
        pairs: title to the census of two-force runs and that of networks; at most five.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    for both in _checks.mapping("pairs", pairs, 1, 5).values():
        for census in _checks.sequence("pairs", both, 2, 2):
            _checks.instance("pairs", census, Census)
    left, gap, tall, top = 52, 22, 190, 66
    each = (WIDTH - left - 8 - gap * (len(pairs) - 1)) / len(pairs)
    boxes = [(left + i * (each + gap), top, each, tall) for i in range(len(pairs))]
    figure, panels = sheet(top + tall + 34, boxes)
    columns = {"tickvals": list(range(4)), "ticktext": list(KINDS), "tickangle": 0}
    ticks = [0, 0.25, 0.5, 0.75, 1]
    for i, (panel, (title, both)) in enumerate(zip(panels, pairs.items(), strict=True)):
        text = {} if i == 0 else {"ticktext": [""] * 5}
        share = {"range": [0, 1], "tickformat": ".0%", "tickvals": ticks}
        panel.axes(columns | {"range": [-0.6, 3.6]}, share | text)
        off = f"{both[0].mismatch(both[1]):.0%} off"
        panel.note(f"<b>{title}</b><br>{_gray(off)}", yshift=6, align="left")
        for x, kind in enumerate(KINDS):
            rim = {"color": theme().paper, "line": {"width": 2, "color": STYLES[kind].color}}
            panel.add(_whiskered([x - 0.16], both[:1], kind, **rim))
            panel.add(_whiskered([x + 0.16], both[1:], kind))
    return figure


def _gray(text: str) -> str:
    return f'<span style="color:{theme().muted}">{text}</span>'
