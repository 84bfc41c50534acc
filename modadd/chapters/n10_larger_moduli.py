"""Figures of notebook 10: what carries over to larger moduli, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import _checks, structure
from modadd.cost import Cost
from modadd.plots.palette import STYLES, blend, theme
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.traces import centred, joined, segments


def moduli_gallery(runs: dict[int, np.ndarray]) -> go.Figure:
    """Examples of each modulus: a row of up to four, or two large ones of more than 100 tokens.

    Args:
        runs: by modulus N, final embeddings (S, N, 2), of which the first are shown.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    runs = _by_modulus("runs", runs)
    left, boxes, shown, top = 34, [], [], 30
    for N, E in runs.items():
        count = min(len(E), 2 if N > 100 else 4)
        room = (WIDTH - left) / (2 if N > 100 else 4)
        tall = room - 20
        boxes += [(left + i * room + 6, top, room - 12, tall) for i in range(count)]
        shown += [(N, E[i], tall, i == 0) for i in range(count)]
        top += tall + 44
    figure, panels = sheet(top - 32, boxes)
    for panel, (N, E, tall, first) in zip(panels, shown, strict=True):
        _patch_of(panel, E, tall)
        if first:
            where = {"xanchor": "right", "yanchor": "middle", "xshift": -10, "textangle": -90}
            panel.note(f"<b>N = {N}</b>", 0, 0.5, font=font(14), **where)
    return figure


def _by_modulus(name: str, value: object) -> dict[int, np.ndarray]:
    """Return embeddings by modulus, or raise ValueError naming what does not fit."""
    if not isinstance(value, Mapping) or not value:
        raise _checks.refuse(name, "a dict of modulus to embeddings", value)
    found = {}
    for N, E in value.items():
        found[N] = _checks.ensemble(name, E)
        if found[N].shape[1] != _checks.integer(name, N, 3):
            shape = found[N].shape
            raise ValueError(f"{name} must hold embeddings of {N} tokens under {N}, got {shape}")
    return found


def _patch_of(panel: Panel, E: np.ndarray, tall: float) -> None:
    """Embeddings (N, 2) in a panel, with their bonds and, above, their kind and score."""
    E = centred(E)
    kind, patch = str(structure.classify(E)), structure.grid(E)
    panel.plane(1.1 * np.abs(E).max())
    third = third_bonds(E, patch) if kind in ("grid", "stripe") else np.empty((0, 2), int)
    panel.add(*segments(E[third[:, 0]], E[third[:, 1]], theme().line))
    size = max(5.0, min(14.0, 0.44 * tall / np.sqrt(len(E))))
    panel.add(*joined(E, size))
    score = structure.circle(E).score if kind == "circle" else patch.score
    name = f'<b><span style="color:{STYLES[kind].color}">{kind}</span></b>'
    number = "" if kind == "other" else f" {score:.2f}"
    look = {"xanchor": "center", "font": font(12, theme().muted)}
    panel.note(name + number, 0.5, yshift=2, **look)


def third_bonds(E: np.ndarray, patch: structure.Grid) -> np.ndarray:
    """Tokens of a patch joined by the short diagonal of its cells, (B, 2); none if that is long.

    Args:
        E: embeddings (N, 2).
        patch: of them, from `structure.grid`.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> i, j = np.divmod(np.arange(16), 4)
    >>> E = np.stack([i + 0.5 * j, 0.75**0.5 * j], -1)  # hexagonal
    >>> third_bonds(E, structure.grid(E)).shape
    (9, 2)
    """
    E = _checks.tokens("E", E)
    _checks.instance("patch", patch, structure.Grid)
    (u, v), (g, h) = patch.steps, patch.vectors
    sign = -1 if g @ h > 0 else 1
    diagonal, N = g + sign * h, len(E)
    shortest = min(np.linalg.norm(g), np.linalg.norm(h))
    if not np.linalg.norm(diagonal) < 1.35 * shortest:
        return np.empty((0, 2), int)
    a = np.arange(N)
    b = (a + u + sign * v) % N
    near = np.linalg.norm(E[b] - E - diagonal, axis=-1) < 0.3 * shortest
    return np.stack([a, b], -1)[near & patch.joined & patch.joined[b]]


def lattices(found: dict[int, np.ndarray]) -> go.Figure:
    """Shapes of lattices on their map, and shares of kinds, by modulus.

    Args:
        found: by modulus N, final embeddings (S, N, 2).

    Raises:
        ValueError: naming the argument that does not fit.
    """
    found = _by_modulus("found", found)
    height = 46 * len(found)
    figure, (chart, shares) = sheet(400, [(60, 50, 250, 290), (430, 50, 340, height)])
    figure.update_layout(barmode="overlay")
    tones = [blend(theme().line, theme().ink, t) for t in np.linspace(0, 1, len(found))]
    _shape_map(chart)
    for (N, E), tone in zip(found.items(), tones):
        tau = structure.lattice_shape(
            structure.grid(E[np.isin(structure.classify(E), ["grid", "stripe"])])
        )
        marker = {"size": 9, "color": tone, "line": {"width": 0.8, "color": theme().ink}}
        hover = (
            "ratio %{customdata[0]:.2f}, angle %{customdata[1]:.0f}°<extra>N = " + f"{N}</extra>"
        )
        data = np.stack([np.abs(tau), np.degrees(np.angle(tau))], -1)
        where = {"x": tau.real, "y": tau.imag, "customdata": data, "hovertemplate": hover}
        chart.add(go.Scatter(**where, mode="markers", marker=marker, name=f"N = {N}"))
    words = [f'<span style="color:{tone}">●</span> {N}' for N, tone in zip(found, tones)]
    chart.note("<b>Shapes of lattices</b>", yshift=26)
    chart.note("N =   " + "   ".join(words), yshift=8)
    shares.note("<b>Kinds</b>", yshift=8)
    shares.axes(
        {
            "range": [0, 1],
            "tickvals": [0, 0.5, 1],
            "tickformat": ".0%",
            "title": {"text": "share of runs"},
        },
        {"range": [len(found) - 0.5, -0.5], "visible": False},
    )
    for row, (N, E) in enumerate(found.items()):
        _kind_bar(shares, row, structure.census(E))
        place = {"x": 0, "y": row, "xref": shares.x, "yref": shares.y, "xanchor": "right"}
        figure.add_annotation(
            text=f"<b>N = {N}</b><br>{len(E)} runs", xshift=-10, align="right", **place
        )
    return figure


def _shape_map(panel: Panel, top: float = 8) -> None:
    """The map of lattice shapes: its border, and the places of the square and the hexagonal."""
    arc = np.exp(1j * np.linspace(np.pi / 3, np.pi / 2, 40))
    border = np.concatenate([[0.5 + 1j * top], arc, [1j * top]])
    line = {"color": theme().muted, "width": 1, "simplify": False}
    panel.add(go.Scatter(x=border.real, y=border.imag, mode="lines", line=line, hoverinfo="skip"))
    panel.axes(
        {"range": [-0.06, 0.62], "tickvals": [0, 0.5], "title": {"text": "skew, Re τ"}},
        {
            "type": "log",
            "range": np.log10([0.68, top]),
            "tickvals": [1, 2, 4, 8],
            "title": {"text": "height, Im τ"},
        },
    )
    for word, tau in (("square", structure.SQUARE), ("hexagonal", structure.HEXAGONAL)):
        marker = {"size": 18, "symbol": "circle-open", "color": STYLES["grid"].color}
        panel.add(
            go.Scatter(x=[tau.real], y=[tau.imag], mode="markers", marker=marker, hoverinfo="skip")
        )
        place = {
            "x": tau.real,
            "y": np.log10(tau.imag),
            "xref": panel.x,
            "yref": panel.y,
            "yanchor": "top",
        }
        look = {"xanchor": "center", "yshift": -10, "font": font(11, STYLES["grid"].color)}
        panel.figure.add_annotation(text=word, **place, **look)


def _kind_bar(panel: Panel, row: int, found: structure.Census) -> None:
    """Shares of kinds as one bar, with the count in each part."""
    start = 0.0
    for kind in structure.KINDS:
        share, count = found.share(kind), found.count(kind)
        if not count:
            continue
        panel.add(
            go.Bar(
                x=[share],
                y=[row],
                base=[start],
                orientation="h",
                width=0.52,
                marker={
                    "color": blend(STYLES[kind].color, theme().paper, 0.45),
                    "line": {"width": 0},
                },
                text=f"{kind} {count}" if share > 0.16 else str(count),
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                constraintext="none",
                textfont=font(11),
                hovertemplate=f"{kind}: {count} of {found.total}<extra></extra>",
            )
        )
        start += share


def cost_over_moduli(moduli: Sequence[int], costs: Sequence[Cost], hidden: int) -> go.Figure:
    """Time a step and memory over the modulus, beside the power law that the products suggest.

    Args:
        moduli: (C,) increasing.
        costs: (C,) of them, at one hidden width.
        hidden: that width.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    moduli = [_checks.integer("moduli", N, 3) for N in _checks.sequence("moduli", moduli)]
    costs = _checks.sequence("costs", costs, len(moduli), len(moduli))
    for cost in costs:
        _checks.instance("costs", cost, Cost)
    hidden = _checks.integer("hidden", hidden, 1, _checks.HIDDEN)
    figure, panels = sheet(290, [(70, 44, 310, 186), (476, 44, 300, 186)])
    N, pairs = np.array(moduli), np.array(moduli) * (np.array(moduli) + 1) / 2
    seconds = np.array([1e3 * cost.seconds for cost in costs])
    megabytes = np.array([cost.bytes / 1e6 for cost in costs])
    style = STYLES["training"]
    for panel, y, shape, title, law in (
        (panels[0], seconds, pairs * N, "Time of one step, ms", "∝ N³"),
        (panels[1], megabytes, N, "Memory of one seed with 60 snapshots, MB", "∝ N"),
    ):
        there = y > 0
        if not there.any():
            panel.note("not known on this machine", 0.5, 0.5, xanchor="center")
            continue
        low, high = np.log10(y[there].min()) - 0.5, np.log10(y[there].max()) + 0.4
        ticks = {"tickvals": N.tolist(), "ticktext": [str(n) for n in N]}
        panel.axes(
            {
                "type": "log",
                **ticks,
                "range": np.log10([N[0] * 0.85, N[-1] * 1.2]),
                "title": {"text": "N"},
            },
            {"type": "log", "dtick": 1, "range": [low, high]},
        )
        panel.note(f"<b>{title}</b>", yshift=8)
        guide = y[-1] * shape / shape[-1]
        line = {"color": theme().muted, "width": 1, "dash": "dot"}
        panel.add(go.Scatter(x=N, y=guide, mode="lines", line=line, hoverinfo="skip"))
        words = f'<span style="color:{theme().muted}">┈ {law}</span>'
        panel.note(words, 1, 0.04, xanchor="right")
        hover = "N = %{x}: %{y:.3g}<extra>" + f"H = {hidden}</extra>"
        marker = {"size": 9, "color": style.color, "symbol": style.symbol}
        line = {"color": style.color, "width": 2}
        where = {"x": N[there], "y": y[there], "hovertemplate": hover}
        panel.add(go.Scatter(**where, mode="lines+markers", marker=marker, line=line))
    return figure
