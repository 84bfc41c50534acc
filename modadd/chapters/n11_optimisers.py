"""Notebook 11: Adam over two knobs; what each recipe builds, and what one start becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from scipy.linalg import orthogonal_procrustes

from modadd import intervals, structure
from modadd.plots.palette import INK, LINE, MUTED, STYLES, colored
from modadd.plots.panels import Panel, font, rows, sheet, tiles
from modadd.plots.shares import tables
from modadd.plots.traces import joined, marks, segments
from modadd.training import TrainingConfig

_ROW = 34  # px


def adam(size: float = 1.0, beta: float = 1.0, **changes) -> TrainingConfig:
    """Adam from embeddings of a size and a random readout, at a bias scale."""
    given = {"optimiser": "adam", "learning_rate": 0.01, "weight_decay": 1e-3}
    given |= {"readout_init": "standard", "steps": 600, **changes}
    return TrainingConfig(embedding_scale=size, bias_scale=beta, **given)


def both_kinds(kinds: np.ndarray, least: float = 0.15) -> np.ndarray:
    """Which recipes grow at least so many circles and lattices, (C,) bools of coarse kinds (C, S).

    >>> both_kinds(np.array([["circle", "grid"], ["grid", "grid"]])).tolist()
    [True, False]
    """
    return np.all([(kinds == kind).mean(-1) >= least for kind in ("circle", "grid")], axis=0)


def map_of_kinds(
    kinds: np.ndarray, sizes: Sequence[float], bias_scales: Sequence[float]
) -> go.Figure:
    """Circles and lattices of coarse kinds (R × C, S) over two knobs, cells with both framed."""
    shape = len(sizes), len(bias_scales)
    named = {"Circles": "circle", "Lattices": "grid"}
    shares = {title: (kinds == kind).mean(-1).reshape(shape) for title, kind in named.items()}
    framed = both_kinds(kinds).reshape(shape)
    return tables(shares, sizes, bias_scales, list(named.values()), framed)


def recipes(
    finals: Mapping[str, np.ndarray], default: np.ndarray, levels: Mapping[str, np.ndarray]
) -> go.Figure:
    """Census of each recipe with 95 % Wilson intervals, and agreement with the default recipe.

    Final embeddings (S, N, 2), by name and of the default recipe, have their seeds in one order.
    Levels are R² (S,) by name, whose means are drawn as lines for comparison.
    """
    tall = _ROW * len(finals)
    boxes = [(124 + 96 * i, 62, 82, tall) for i in range(4)]
    figure, panels = sheet(62 + tall + 56, [*boxes, (528, 62, 256, tall)])
    for panel, kind in zip(panels, structure.KINDS):
        share = {"range": [-0.04, 1.04], "tickvals": [0, 0.5, 1], "title": {"text": "share"}}
        panel.axes(share | {"tickangle": 0}, rows(len(finals)))
        panel.note(f"<b>{kind}</b>", yshift=6, font=font(13, STYLES[kind].color))
    panels[4].axes({"range": [-0.02, 1.02], "title": {"text": "Procrustes R²"}}, rows(len(finals)))
    panels[4].note("<b>Same start, same structure?</b>", yshift=30, font=font(13))
    for name, values in levels.items():
        mean = float(np.mean(values))
        panels[4].add(*segments([[mean, -0.5]], [[mean, len(finals) - 0.5]], LINE, 1.5))
        look = {"xanchor": "center", "yanchor": "bottom", "font": font(11, MUTED)}
        panels[4].text(name, mean, 1, yref=f"{panels[4].y} domain", yshift=2, **look)
    for y, (name, E) in enumerate(finals.items()):
        _row(panels, y, name, structure.census(E), structure.procrustes_r2(E, default))
    return figure


def _row(panels: list[Panel], y: int, name: str, found: structure.Census, r2: ArrayLike) -> None:
    panels[0].beside(name, y, xshift=-10, font=font(12))
    for panel, kind in zip(panels, structure.KINDS):
        low, high = found.interval(kind)
        share, style = found.share(kind), STYLES[kind]
        panel.add(*segments([[low, y]], [[high, y]], style.color, 2))
        hover = f"{name}, {kind}: {share:.0%} ({low:.0%} to {high:.0%})"
        panel.add(marks([share], [y], style.marker(8), hover, cliponaxis=False))
    spread = y + 0.5 * ((np.arange(len(r2)) * 0.618) % 1 - 0.5)
    marker = {"size": 4, "color": STYLES["training"].color, "opacity": 0.4}
    panels[4].add(marks(r2, spread, marker, name + ": %{x:.2f}", cliponaxis=False))
    mean = intervals.mean(r2) if len(r2) > 1 else None
    if mean and mean.high > mean.low:
        panels[4].add(*segments([[mean.low, y]], [[mean.high, y]], INK, 2))
        look = {"size": 9, "color": INK, "symbol": "line-ns-open", "line": {"width": 2}}
        panels[4].add(marks([mean.mean], [y], look, f"{name}, mean: {mean}", cliponaxis=False))


def one_start(ends: Mapping[str, np.ndarray], default: str) -> go.Figure:
    """Embeddings (N, 2) that recipes reach from one start, turned onto those of the default one."""
    boxes = tiles(len(ends), 40, across=5, left=10, right=10, gap=0, below=48)
    _, top, side, _ = boxes[-1]
    figure, panels = sheet(top + side + 14, boxes)
    target = _unit(ends[default])
    for panel, (name, E) in zip(panels, ends.items()):
        turned = _unit(E) @ orthogonal_procrustes(_unit(E), target)[0]
        panel.plane(1.22 * np.abs(turned).max())
        panel.add(*joined(turned, 15))
        kind, r2 = structure.classify(E), structure.procrustes_r2(E, ends[default])
        word = f"<b>{colored(str(kind), STYLES[str(kind)].color)}</b>"
        panel.note(f"<b>{name}</b>", 0.5, xanchor="center", yshift=17)
        note = word if name == default else f"{word} R² {r2:.2f}"
        panel.note(note, 0.5, xanchor="center", yshift=1, font=font(11, MUTED))
    return figure


def _unit(E: np.ndarray) -> np.ndarray:
    """Centred and of unit rms."""
    E = E - E.mean(0)
    return E / np.sqrt((E**2).mean())
