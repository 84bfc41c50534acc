"""Many embeddings at a glance, and runs from one start side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import _checks, structure
from modadd.plots.palette import STYLES, theme
from modadd.plots.panels import WIDTH, Panel, font, over_steps, sheet, square_root
from modadd.plots.sliders import animate, frames_of
from modadd.plots.traces import centred, embeddings, joined, listed, segments
from modadd.run import Run


def gallery(E: np.ndarray, columns: int = 6, titles: Sequence[str] | None = None) -> go.Figure:
    """Small multiples of embeddings, sorted by kind and score, each scaled to fill its panel.

    Args:
        E: (S, N, 2).
        columns: panels a row.
        titles: (S,) words above each panel; None: its kind and score.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    columns = _checks.integer("columns", columns, 1, 20)
    E = _checks.ensemble("E", E)
    if titles is not None:
        titles = _checks.sequence("titles", titles, len(E), len(E))
    E = centred(E)
    E /= np.abs(E).max((-2, -1), keepdims=True)
    kinds, ring, patch, joins = structure.describe(E)
    score = np.where(kinds == "circle", ring.score, patch.score)
    order = np.lexsort([-score, [structure.KINDS.index(kind) for kind in kinds]])
    side, gap, rows = (WIDTH - 20) / columns, 40, -(-len(E) // columns)
    boxes = [
        (10 + i % columns * side, 34 + i // columns * (side + gap), side, side)
        for i in range(len(E))
    ]
    figure, panels = sheet(rows * (side + gap), boxes)
    for panel, s in zip(panels, order, strict=True):
        panel.plane(1.3)
        panel.add(*joined(E[s], 14, listed(joins[s])))
        kind = f'<b><span style="color:{STYLES[kinds[s]].color}">{kinds[s]}</span></b>'
        title = f"{score[s]:.2f}" if titles is None else titles[s]
        if titles is None and kinds[s] == "other":
            nearest = max((ring.score[s], "circle"), (patch.score[s], "grid"))
            title = f"({nearest[1]} {nearest[0]:.2f})"
        look = {"xanchor": "center", "font": font(12, theme().muted)}
        panel.note(f"{kind} {title}", 0.5, **look)
    return figure


class Course(NamedTuple):
    """One of the runs that `side_by_side` shows together."""

    run: Run
    """with one seed"""
    values: ArrayLike
    """(T,) a scalar over its steps, or None"""
    color: str
    dash: str = "solid"


def side_by_side(courses: Mapping[str, Course], title: str, frames: int = 36, **y) -> go.Figure:
    """Runs from one start under one slider that needs no kernel: client-side frames.

    All embeddings are drawn in the same axes, without any alignment, about their mean.

    Args:
        courses: name to run, 2 to 4 of them, recorded at the same steps.
        title: what their values are, over the lower panel.
        frames: at most so many recorded steps, the last among them.
        **y: properties of the y axis of the lower panel.

    Raises:
        ValueError: if the runs have other than one seed each, or differ in their steps.
    """
    _checks.mapping("courses", courses, 1, 4)
    for course in courses.values():
        _checks.instance("courses", course, Course)
        _checks.instance("courses", course.run, Run)
    runs = [course.run for course in courses.values()]
    steps = runs[0].steps
    for run in runs:
        if len(run.seeds) != 1 or not np.array_equal(run.steps, steps):
            raise ValueError("courses must hold runs of one seed each, recorded at the same steps")
    chosen = frames_of(len(steps), frames)
    gap, top, tall = 12, 52, 118
    side = (WIDTH - 16 - gap * (len(runs) - 1)) / len(runs)
    boxes = [(8 + i * (side + gap), top, side, side) for i in range(len(runs))]
    figure, panels = sheet(top + side + tall + 188, [*boxes, (58, top + side + 40, 560, tall)])
    paths = [run.embeddings[:, 0] - run.embeddings[:, 0].mean(1, keepdims=True) for run in runs]
    reach = 1.12 * max(np.abs(path).max() for path in paths)
    for panel, (name, course) in zip(panels, courses.items(), strict=False):
        panel.plane(reach)
        panel.note(f"<b>{name}</b>", 0.5, xanchor="center", yshift=12, font=font(13, course.color))
    below = panels[-1]
    over_steps(below, steps[-1], title, **y)
    _lines(below, steps, courses)
    span = _range([course.values for course in courses.values()], y)

    def moving(frame: int) -> list[tuple[int, go.Trace]]:
        t = chosen[frame]
        at = steps[t] ** 0.5
        cursor = segments(np.array([[at, span[0]]]), np.array([[at, span[1]]]))
        return list(enumerate([embeddings(path[t], 16)[0] for path in paths] + cursor))

    animate(panels, moving, [str(step) for step in steps[chosen]])
    return figure


def _lines(panel: Panel, steps: np.ndarray, courses: Mapping[str, Course]) -> None:
    """Values of the courses over steps, and their names in a column to the right."""
    for i, (name, course) in enumerate(courses.items()):
        if course.values is None:
            continue
        line = {"color": course.color, "dash": course.dash, "width": 2}
        hover = "step %{customdata}: %{y:.3f}<extra>" + name + "</extra>"
        panel.add(
            go.Scatter(
                **{"x": square_root(steps), "y": np.asarray(course.values), "mode": "lines"},
                **{"line": line, "name": name, "customdata": steps, "hovertemplate": hover},
            )
        )
        sign = {"solid": "━", "dash": "╍", "dot": "┅"}[course.dash]
        place = {"xanchor": "left", "yanchor": "top", "xshift": 14, "yshift": -20 * i + 4}
        panel.note(f"{sign} {name}", 1, 1, **place, font=font(12, course.color))


def _range(values: Sequence, y: Mapping) -> tuple[float, float]:
    """What a cursor must span."""
    if "range" in y:
        return tuple(y["range"])
    every = np.concatenate([np.asarray(v, float) for v in values if v is not None])
    return min(0.0, float(every.min())), float(every.max())
