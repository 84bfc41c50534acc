"""Many embeddings at a glance, and runs from one start side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd import structure
from modadd.plots.palette import MUTED, STROKES, STYLES, Style, colored
from modadd.plots.panels import font, over_steps, sheet, tiles
from modadd.plots.sliders import animate, frames_of
from modadd.plots.traces import centred, curve, embeddings, joined, listed, segments
from modadd.run import Run

COLUMNS = 6


def gallery(E: np.ndarray) -> go.Figure:
    """Embeddings (S, N, 2), sorted by kind and score, each scaled to fill its panel."""
    E = centred(E)
    E /= np.abs(E).max((-2, -1), keepdims=True)
    kinds, ring, patch, joins = structure.describe(E)
    score = np.where(kinds == "circle", ring.score, patch.score)
    order = np.lexsort([-score, [structure.KINDS.index(kind) for kind in kinds]])
    boxes = tiles(len(E), 34, across=COLUMNS, left=10, right=10, gap=0, below=40)
    _, top, side, _ = boxes[-1]
    figure, panels = sheet(top + side + 6, boxes)
    for panel, s in zip(panels, order, strict=True):
        panel.plane(1.3)
        panel.add(*joined(E[s], 14, listed(joins[s])))
        number = f"{score[s]:.2f}"
        if kinds[s] == "other":
            nearest, name = max((ring.score[s], "circle"), (patch.score[s], "grid"))
            number = f"({name} {nearest:.2f})"
        kind = f"<b>{colored(kinds[s], STYLES[kinds[s]].color)}</b>"
        panel.note(f"{kind} {number}", 0.5, xanchor="center", font=font(12, MUTED))
    return figure


class Course(NamedTuple):
    """One of the runs that `side_by_side` shows together."""

    run: Run  #: with one seed
    values: np.ndarray | None  #: (T,) a number from 0 to 1 over its steps
    color: str
    dash: str = "solid"


def side_by_side(courses: Mapping[str, Course], title: str, frames: int = 36) -> go.Figure:
    """Runs from one start under one slider that needs no kernel: client-side frames.

    All embeddings are drawn in the same axes, without any alignment, about their mean.

    Args:
        courses: name to run, 2 to 4 of them, recorded at the same steps.
        title: what their values are, over the lower panel.
        frames: at most so many recorded steps, the last among them.
    """
    runs = [course.run for course in courses.values()]
    steps = runs[0].steps
    chosen = frames_of(len(steps), frames)
    boxes = tiles(len(runs), 52, gap=12)
    below = 52 + boxes[0][2] + 40
    figure, panels = sheet(below + 118 + 148, [*boxes, (58, below, 560, 118)])
    paths = [run.embeddings[:, 0] - run.embeddings[:, 0].mean(1, keepdims=True) for run in runs]
    reach = 1.12 * max(np.abs(path).max() for path in paths)
    for panel, (name, course) in zip(panels, courses.items(), strict=False):
        panel.plane(reach)
        panel.note(f"<b>{name}</b>", 0.5, xanchor="center", yshift=12, font=font(13, course.color))
    lower, span = panels[-1], (0, 1.05)
    over_steps(lower, steps[-1], title, range=span, tickvals=[0, 0.5, 1])
    for i, (name, (_, values, color, dash)) in enumerate(courses.items()):
        if values is not None:
            lower.add(*curve(steps, values, Style(color, "circle", dash), name, ".3f"))
            place = {"xanchor": "left", "yanchor": "top", "xshift": 14, "yshift": -20 * i + 4}
            lower.note(f"{STROKES[dash]} {name}", 1, 1, **place, font=font(12, color))

    def moving(frame: int) -> list[tuple[int, go.Trace]]:
        t = chosen[frame]
        at = steps[t] ** 0.5
        cursor = segments([[at, span[0]]], [[at, span[1]]])
        return list(enumerate([embeddings(path[t], 16)[0] for path in paths] + cursor))

    animate(panels, moving, [str(step) for step in steps[chosen]])
    return figure
