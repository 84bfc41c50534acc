"""Notebook 2: what the networks build, why it works, and how often."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from scipy.sparse.csgraph import connected_components

from modadd import intervals, structure
from modadd._lattice import spacing
from modadd.plots.palette import INK, PAPER, STYLES, blend, text_on, token_colors
from modadd.plots.panels import Panel, font, rows, sheet, tiles
from modadd.plots.traces import centred, joined, marks, pair_sums, segments, whisker
from modadd.run import Run
from modadd.task import ModularAddition

# --- why it works --------------------------------------------------------------------------------


def cleanest(run: Run, kind: str) -> Run:
    """The one seed that is nearest to a clean "circle", or to a "grid" of many neighbours."""
    found = structure.describe(run.final)
    clean = found.circle.score * found.circle.roundness
    if kind == "grid":
        clean = found.grid.score + (found.bonds >= 0).mean((1, 2))
    return run.select(run.seeds[(clean + 2 * (found.kind == kind)).argmax()])


def explained(E_grid: np.ndarray, E_circle: np.ndarray) -> go.Figure:
    """Why a grid and a circle can tell labels apart: embeddings (N, 2) beside their pair sums."""
    figure, panels = sheet(824, [(x, y, 340, 340) for y in (50, 458) for x in (24, 436)])
    E_grid, E_circle = centred(E_grid), E_circle - E_circle.mean(0)
    at_a_point, on_a_line = "each lattice point has one label", "each label lies on one line"
    for (before, after), kind, E, sums, words in (
        (panels[:2], "grid", E_grid, clumps(E_grid), at_a_point),
        (panels[2:], "circle", E_circle, axes_of_labels(E_circle), on_a_line),
    ):
        reach = 1.1 * np.abs(E).max()
        before.plane(reach)
        before.add(*joined(E, 20))
        near = "on" if structure.classify(E) == kind else "nearest to"
        before.note(f"<b>Tokens {near} a {kind}</b>", yshift=16, font=font(14))
        after.plane(2.04 * reach)
        after.add(*sums)
        after.note(f"<b>Pair sums</b>: {words}", yshift=16, font=font(14))
    return figure


def clumps(E: np.ndarray) -> list[go.Trace]:
    """Pair sums of E (N, 2), those of one label that coincide as one disc with the label on it.

    The disc's area grows with the number of ordered pairs.
    """
    task, apart = ModularAddition(len(E)), E - E.mean(0)
    rms = np.sqrt((apart**2).sum(-1).mean())
    neighbours = float(rms * spacing((apart[:, 0] + 1j * apart[:, 1])[None] / rms)[0])
    x, reach = task.pair_sums(E), structure.CLOSURE_TOLERANCE * neighbours
    together = np.linalg.norm(x[:, None] - x, axis=-1) <= reach
    together &= task.labels[:, None] == task.labels
    _, member = connected_components(together)
    weight = np.bincount(member, task.multiplicity)
    centre = np.stack([np.bincount(member, task.multiplicity * c) / weight for c in x.T], -1)
    label = np.zeros(len(weight), int)
    label[member] = task.labels
    colors = np.array(token_colors(len(E)))[label].tolist()
    size = 11 + 3 * np.sqrt(weight)
    return [
        go.Scatter(
            x=centre[:, 0],
            y=centre[:, 1],
            mode="markers+text",
            marker={"size": size, "color": colors, "opacity": 1, "line": {"width": 0}},
            cliponaxis=False,
            text=[str(y) for y in label],
            textfont={"size": 10, "color": [text_on(color) for color in colors]},
            customdata=weight,
            hovertemplate="label %{text}: %{customdata} ordered pairs<extra></extra>",
        )
    ]


def axes_of_labels(E: np.ndarray) -> list[go.Trace]:
    """Pair sums of a circle E (N, 2); through those of labels 0, 3 and 8 their line, numbered."""
    task = ModularAddition(len(E))
    x, colors = task.pair_sums(E), token_colors(len(E))
    reach, lines, numbers = 1.06 * np.linalg.norm(x, axis=-1).max(), [], []
    for y in [y for y in (0, 3, 8) if y < len(E)]:
        axis = np.linalg.svd(x[task.labels == y])[2][:1]
        lines += segments(-reach * axis, reach * axis, colors[y], 1.6)
        ends = np.concatenate([-axis, axis]) * reach
        numbers.append(
            go.Scatter(
                x=ends[:, 0],
                y=ends[:, 1],
                text=[str(y)] * 2,
                textfont={"size": 12, "color": text_on(colors[y])},
                mode="markers+text",
                marker={"size": 18, "color": colors[y]},
                cliponaxis=False,
                hoverinfo="skip",
            )
        )
    return [*lines, *pair_sums(E, size=7), *numbers]


# --- how often -----------------------------------------------------------------------------------


def below(some: np.ndarray, others: np.ndarray) -> str:
    """Whether the mean of some values is below that of others, 95 % intervals apart.

    >>> below(np.array([0.0, 0.1]), np.array([2.0, 2.1])), below(np.array([]), np.array([1.0]))
    ('True', 'too few to tell')
    """
    if min(len(some), len(others)) < 2:
        return "too few to tell"
    return str(bool(intervals.mean(some).high < intervals.mean(others).low))


def census_bars(kinds: np.ndarray, **measures: np.ndarray) -> go.Figure:
    """Share of each of kinds (S,) with its Wilson interval; beside it measures, a point a network.

    Measures are given by title: accuracy=run.accuracy[-1], (S,).
    """
    height = 44 * len(structure.KINDS)
    beside = tiles(len(measures), 44, height, left=446, right=14, gap=40)
    figure, panels = sheet(height + 96, [(76, 44, 330, height), *beside])
    _shares(panels[0], structure.census(kinds))
    for panel in panels:
        panel.axes(y=rows(len(structure.KINDS)))
    for panel, (title, values) in zip(panels[1:], measures.items(), strict=True):
        panel.axes({"nticks": 4})
        panel.note(f"<b>{title.capitalize()}</b>", yshift=12)
        for y, kind in enumerate(structure.KINDS):
            panel.add(*_strip(values[kinds == kind], y, kind))
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
        pale = {"color": blend(style.color, PAPER, 0.7), "line": {"width": 0}}
        bar = {"orientation": "h", "width": 0.5, "marker": pale, "hoverinfo": "skip"}
        panel.add(go.Bar(x=[value], y=[y], **bar))
        hover = f"{kind}: {value:.1%} ({low:.1%} to {high:.1%})"
        look = {"name": kind, "error_x": whisker(value, low, high, style.color)}
        panel.add(marks([value], [y], style.marker(10), hover, **look))
        count = f"<b>{value:.0%}</b>  {found.count(kind)} of {found.total}"
        panel.text(count, high, y, xanchor="left", xshift=8)
        name = {"xanchor": "right", "xshift": -10, "font": font(13, style.color)}
        panel.text(f"<b>{kind}</b>", 0, y, **name)


def _strip(values: np.ndarray, y: float, kind: str) -> list[go.Trace]:
    """Values (S,) as points along the row at y, spread evenly across it, and their median."""
    spread = y + 0.36 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)
    marker = STYLES[kind].marker(6, opacity=0.55)
    points = marks(values.astype(float), spread, marker, "%{x:.3f}", kind, name=kind)
    rise = np.array([0, 0.3])
    middle = np.array([[np.median(values), y]]) if len(values) else np.empty((0, 2))
    return [points, *segments(middle - rise, middle + rise, INK, 2)]
