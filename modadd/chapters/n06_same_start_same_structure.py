"""Notebook 6: how alike the structures are that grew from the same starts.

Networks are green, simulations without a network violet, floors grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd import structure
from modadd.intervals import Effect, bootstrap_mean
from modadd.plots.gallery import Course
from modadd.plots.palette import INK, MUTED, STYLES
from modadd.plots.panels import Panel, font, rows, sheet, tiles
from modadd.plots.traces import embeddings, joined, marks, whisker
from modadd.run import Run

GREEN, VIOLET = STYLES["network"].color, STYLES["simulation"].color

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]
"""Embeddings (S, N, 2), and others of the same starts to compare them with."""


def courses(one: Run, other: Run, limit: Run) -> dict[str, Course]:
    """Two networks and a simulation of one start, with their agreement with the first."""

    def agreement(run: Run) -> np.ndarray:
        return structure.procrustes_r2(run.embeddings[:, 0], one.embeddings[:, 0])

    return {
        "network": Course(one, None, GREEN),
        "other network": Course(other, agreement(other), GREEN),
        "simulation": Course(limit, agreement(limit), VIOLET, "dash"),
    }


class Comparison(NamedTuple):
    """How alike embeddings and others of the same starts are."""

    role: str  #: "floor", for comparison; "network", two networks; "simulation", with networks
    r2: np.ndarray  #: (S,) Procrustes R², one a start
    same_kind: Effect  #: share in which both are circles, both lattices, or both neither


def compare(role: str, pairs: Pairs) -> Comparison:
    """Agreement in one or several pairs.

    R² and agreement on the coarse kind are averaged over the pairs of a start first, so that a
    start counts once; the interval is a bootstrap over starts.

    >>> A = np.random.default_rng(0).standard_normal((4, 7, 2))
    >>> compare("network", [(A, 2 * A)]).same_kind.mean
    1.0
    """
    r2 = np.mean([structure.procrustes_r2(A, B) for A, B in pairs], axis=0)
    alike = [structure.coarse_kinds(A) == structure.coarse_kinds(B) for A, B in pairs]
    kind = np.mean(alike, axis=0)
    return Comparison(role, r2, bootstrap_mean(kind))


class Frequencies(NamedTuple):
    """In how many comparisons of each start both are circles, and in how many of one frequency."""

    both: np.ndarray  #: (S,)
    equal: np.ndarray  #: (S,)

    @property
    def starts(self) -> int:
        """Starts with a comparison of circles."""
        return int((self.both > 0).sum())

    @property
    def agreeing(self) -> int:
        """Those of them whose comparisons of circles all agree."""
        return int(((self.both > 0) & (self.equal == self.both)).sum())


def same_frequency(pairs: Pairs) -> Frequencies:
    """How often circles of one start have one frequency.

    >>> A = np.stack([np.cos(np.arange(7) * 4 * np.pi / 7), np.sin(np.arange(7) * 4 * np.pi / 7)])
    >>> same_frequency([(A.T[None], 2 * A.T[None])])
    Frequencies(both=array([1]), equal=array([1]))
    """
    equal, both = [], []
    for A, B in pairs:
        rings = (structure.classify(A) == "circle") & (structure.classify(B) == "circle")
        both.append(rings)
        equal.append(rings & (structure.circle(A).frequency == structure.circle(B).frequency))
    return Frequencies(np.sum(both, axis=0), np.sum(equal, axis=0))


def starts(rows: Mapping[str, tuple[str, np.ndarray]], columns: int) -> go.Figure:
    """What grew from the first starts: one row a system, one column a start.

    Each start has one scale for all systems, no rotation and no reflection. From the second row
    on, the number is the Procrustes R² with the first. Rows of the role "floor", which are no
    result, get no bonds.

    Args:
        rows: name to role, as in `Comparison`, and embeddings (S, N, 2).
        columns: number of starts shown.
    """
    every = [np.asarray(E[:columns], dtype=float) for _, E in rows.values()]
    every = [E - E.mean(1, keepdims=True) for E in every]
    boxes = tiles(len(every) * columns, 8, across=columns, left=34, right=4, gap=0, below=18)
    _, top, side, _ = boxes[-1]
    figure, panels = sheet(top + side + 22, boxes)
    reach = [1.2 * max(np.abs(E[i]).max() for E in every) for i in range(columns)]
    for j, ((name, (role, _)), E) in enumerate(zip(rows.items(), every, strict=True)):
        color, draw = STYLES[role].color, embeddings if role == "floor" else joined
        place = {"x": 0, "y": 0.5, "xshift": -6, "xanchor": "right", "yanchor": "middle"}
        panels[j * columns].note(f"<b>{name}</b>", **place, textangle=-90, font=font(12, color))
        agreement = structure.procrustes_r2(E, every[0])
        for i, panel in enumerate(panels[j * columns : (j + 1) * columns]):
            panel.plane(reach[i])
            panel.add(*draw(E[i], 7))
            if j:
                under = {"xanchor": "center", "yanchor": "top", "yshift": 2}
                panel.note(f"{agreement[i]:.2f}", 0.5, 0, **under, font=font(11, MUTED))
    return figure


def comparison_rows(found: Mapping[str, Comparison]) -> go.Figure:
    """R² as one point a start with mean and bootstrap interval; beside it agreement on the kind.

    Rows are drawn from top to bottom.
    """
    height, vertical = 46 * len(found), rows(len(found))
    boxes = [(206, 46, 370, height), (630, 46, 150, height)]
    figure, (same, kinds) = sheet(46 + height + 54, boxes)
    ticks = {"range": [-0.02, 1.03], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    same.axes(ticks | {"title": {"text": "Procrustes R²"}}, vertical)
    share = {"range": [0, 1.03], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}
    kinds.axes(share | {"title": {"text": "share of comparisons"}}, vertical)
    same.note("<b>Same structure</b>", yshift=10)
    kinds.note("<b>Same kind</b>", yshift=10)
    for y, (name, row) in enumerate(found.items()):
        color, symbol, _ = STYLES[row.role]
        word = {"xanchor": "right", "xshift": -12, "align": "right"}
        same.text(name, -0.02, y, **word, font=font(12, color))
        _cloud(same, row.r2, y, color, symbol)
        mean = bootstrap_mean(row.r2)
        # A mark of its own below the points, its value under it.
        _interval(same, mean, y + 0.22, INK, "line-ns", f"{mean.mean:.2f}")
        _interval(kinds, row.same_kind, y, color, symbol, f"{row.same_kind.mean:.0%}")
    return figure


def _cloud(panel: Panel, values: np.ndarray, y: float, color: str, symbol: str) -> None:
    """One point a value, spread upwards where many values are alike."""
    bins = np.clip((values * 40).astype(int), 0, 39)
    rank = np.array([(bins[:i] == b).sum() for i, b in enumerate(bins)])
    full = np.bincount(bins, minlength=40)[bins]
    marker = {"size": 5.5, "color": color, "symbol": symbol, "opacity": 0.5}
    panel.add(marks(values, y + 0.02 - 0.5 * rank / np.maximum(full, 12), marker, "R² %{x:.3f}"))


def _interval(panel: Panel, found: Effect, y: float, color: str, symbol: str, text: str) -> None:
    """Mean and interval as a mark with a whisker, its value beside it."""
    mark = {"size": 9, "color": color, "symbol": symbol, "line": {"width": 2, "color": color}}
    hover = f"mean {found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"
    look = {"error_x": whisker(*found, color, 2), "cliponaxis": False}
    panel.add(marks([found.mean], [y], mark, hover, **look))
    if found.high < 0.86:
        place = {"x": found.high, "xanchor": "left", "xshift": 7}
    else:
        place = {"x": found.low, "xanchor": "right", "xshift": -7}
    panel.text(f"<b>{text}</b>", y=y, yanchor="middle", **place)
