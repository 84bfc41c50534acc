"""Notebook 1: the network at work on one pair, and one seed over training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import model
from modadd.model import Parameters
from modadd.plots.palette import INK, LINE, MUTED, PAPER, STYLES, blend, token_colors
from modadd.plots.panels import WIDTH, Panel, font, over_steps, sheet, square_root
from modadd.plots.traces import (
    bonds,
    curve,
    embeddings,
    joined,
    marks,
    pair_sums,
    regions,
    segments,
)
from modadd.run import Run
from modadd.task import ModularAddition

# --- the network at work on one pair -------------------------------------------------------------

# Everything is placed in px on one panel, y downwards like the page.
HEIGHT, TOP, BOTTOM = 424, 70, 360
MIDDLE, REACH = (150, 215), 122  # of the plane of embeddings
HIDDEN, OUTPUT, BAR = 412, 600, 132  # left edges, and the length of a bar of probability 1


def network_diagram(parameters: Parameters, pair: tuple[int, int]) -> go.Figure:
    """One pair's way through the network, whose parameters are those of one seed with β = 1.

    Left, its two embeddings and their sum x, which has the colour and number of the right label.
    Middle, the hidden units, sorted by the direction of their weights and as large as they are
    active; lines from x show what reaches them. Right, the probability of each label; lines show
    what each unit adds to the logit of the right label, in grey what it takes away.
    """
    E, w1, b1, w2, b2 = (np.asarray(array, dtype=float) for array in parameters)
    (a, b), N = pair, len(E)
    x, y = E[a] + E[b], (a + b) % N
    h = np.maximum(x @ w1 + b1, 0)
    z = h @ w2 + b2
    p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()

    figure, (panel,) = sheet(HEIGHT, [(0, 0, WIDTH, HEIGHT)])
    bare = {"visible": False, "fixedrange": True}
    panel.axes({"range": [0, WIDTH], **bare}, {"range": [HEIGHT, 0], **bare})
    scale = REACH / max(np.abs(E).max(), np.abs(x).max()) * np.array([1, -1])
    order = np.argsort(np.argsort(-np.arctan2(w1[1], w1[0])))
    unit = np.stack([HIDDEN + 8.0 * (order % 2), np.linspace(TOP, BOTTOM, len(h))[order]], -1)
    label = np.stack([np.full(N, OUTPUT), np.linspace(TOP, BOTTOM, N)], -1)

    _fan(panel, MIDDLE + scale * x, unit, h, MUTED)
    _fan(panel, label[y] - [9, 0], unit, np.maximum(-h * w2[:, y], 0), MUTED)
    _fan(panel, label[y] - [9, 0], unit, np.maximum(h * w2[:, y], 0), token_colors(N)[y])
    _plane(panel, MIDDLE + scale * E, MIDDLE + scale * x, pair)
    _units(panel, unit, h)
    _bars(panel, label, p, y)
    _words(panel, 22, "Two embeddings, one pair sum", f"x = E<sub>{a}</sub> + E<sub>{b}</sub>")
    units = "h = ReLU(W<sub>1</sub><sup>T</sup> x + b<sub>1</sub>)"
    _words(panel, HIDDEN - 36, f"{len(h)} hidden units", units)
    logits = "p = softmax(W<sub>2</sub><sup>T</sup> h + b<sub>2</sub>)"
    _words(panel, OUTPUT - 8, f"{a} + {b} ≡ {y} (mod {N})", logits)
    return figure


def _fan(panel: Panel, point: np.ndarray, units: np.ndarray, size: np.ndarray, color: str) -> None:
    """Lines between a point and the units, in four strengths of size (H,) >= 0."""
    level = np.ceil(4 * size / max(size.max(), 1e-12))
    for strength in range(1, 5):
        ends = units[level == strength]
        shade = blend(color, PAPER, 0.9 - 0.2 * strength)
        panel.add(*segments(np.tile(point, (len(ends), 1)), ends, shade, 0.3 + 0.3 * strength))


def _plane(panel: Panel, E: np.ndarray, x: np.ndarray, pair: tuple[int, int]) -> None:
    """All embeddings, pale; those of the pair with the parallelogram that makes their sum."""
    origin, corners = np.array(MIDDLE), E[list(pair)]
    panel.add(*embeddings(E, 14, opacity=0.28))
    panel.add(*segments(np.stack([origin, origin]), corners, INK, 1.2))
    panel.add(*segments(corners, np.stack([x, x]), MUTED, 1))
    cross = np.array([[4, 0], [0, 4]])
    panel.add(*segments(origin - cross, origin + cross, INK, 1.2))
    panel.add(*embeddings(E, 22, tokens=pair[:1]), *embeddings(E, 22, tokens=pair[1:]))
    panel.add(*embeddings(np.broadcast_to(x, E.shape), 22, tokens=[sum(pair) % len(E)]))
    panel.text("<b>x</b>", x[0] - 4, x[1] - 21, xanchor="left", font=font(13))


def _units(panel: Panel, places: np.ndarray, h: np.ndarray) -> None:
    """Hidden units (H, 2): dark discs where active, their area as h (H,); else a small pale dot."""
    marker = {
        "size": np.where(h > 0, 3.5 + 7.5 * np.sqrt(h / max(h.max(), 1e-12)), 3.5),
        "color": [INK if on else LINE for on in h > 0],
        "opacity": 1,
        "line": {"width": 0.8, "color": PAPER},
    }
    hover = "activation %{customdata:.2f}"
    panel.add(marks(*places.T, marker, hover, customdata=h, name="hidden"))


def _bars(panel: Panel, places: np.ndarray, p: np.ndarray, right: int) -> None:
    """Probabilities p (N,) beside their labels; that of the right one as a number."""
    pitch = (BOTTOM - TOP) / (len(p) - 1)
    panel.add(
        go.Bar(
            orientation="h",
            base=OUTPUT + 13,
            width=0.5 * pitch,
            x=BAR * p,
            y=places[:, 1],
            marker={"color": token_colors(len(p)), "line": {"width": 0}},
            customdata=p,
            name="p",
            hovertemplate="p = %{customdata:.3f}<extra></extra>",
        )
    )
    panel.add(*embeddings(places, min(15, 0.85 * pitch)))
    end = OUTPUT + 18 + BAR * p[right]
    panel.text(f"<b>{p[right]:.0%}</b>", end, places[right, 1], xanchor="left", font=font(12))


def _words(panel: Panel, left: float, title: str, formula: str) -> None:
    panel.text(f"<b>{title}</b>", left, 24, xanchor="left", font=font(13))
    panel.text(formula, left, HEIGHT - 26, xanchor="left", font=font(12, MUTED))


# --- one seed over training ----------------------------------------------------------------------


def training_story(run: Run, seed: int, steps: Sequence[int]) -> go.Figure:
    """One seed at chosen steps: embeddings; pair sums over decision regions; loss and accuracy.

    Lines join the neighbours of the final structure, in all panels. Validation pairs are hollow.
    The run holds all parameters; of up to six steps the nearest recorded ones are shown.
    """
    one = run.select(seed)
    chosen = [one.nearest(step) for step in steps]
    left, gap = 30, 10
    side = min(200, (WIDTH - left - 6 - gap * (len(chosen) - 1)) / len(chosen))
    rows = [46, 46 + side + 16]
    top = rows[1] + side + 56
    boxes = [(left + i * (side + gap), row, side, side) for row in rows for i in range(len(chosen))]
    boxes += [(left + 14, top, 330, 110), (left + 418, top, 330, 110)]
    figure, panels = sheet(top + 110 + 46, boxes)
    above, below, courses = panels[: len(chosen)], panels[len(chosen) : -2], panels[-2:]
    largest, joins = np.abs(one.embeddings[chosen]).max(), bonds(one.final[0])
    for t, panel, lower in zip(chosen, above, below, strict=True):
        panel.plane(1.12 * largest)
        panel.add(*joined(one.embeddings[t, 0], 14, joins))
        panel.note(f"step {one.steps[t]:,}", 0.5, yshift=18, xanchor="center", font=font(13))
        share = f"{one.accuracy[t, 0]:.0%} right"
        panel.note(share, 0.5, yshift=3, xanchor="center", font=font(11, MUTED))
        _sums_over_regions(lower, one, t, float(1.06 * (2 * largest)))
    for panel, title in ((above[0], "Tokens"), (below[0], "Pair sums")):
        place = {"x": 0, "y": 0.5, "xshift": -9, "xanchor": "right", "yanchor": "middle"}
        panel.note(title, **place, textangle=-90)
    share = {"range": [-0.03, 1.05], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    over_steps(courses[0], one.steps[-1], "Loss", rangemode="tozero", nticks=4)
    over_steps(courses[1], one.steps[-1], "Accuracy", **share)
    style = STYLES["training"]
    rim = {"color": PAPER, "line": {"width": 1.6, "color": style.color}, "size": 8}
    for panel, values, name in zip(courses, (one.loss, one.accuracy), ("loss", "training pairs")):
        panel.add(*curve(one.steps, values[:, 0], style, name))
        panel.add(marks(square_root(one.steps[chosen]), values[chosen, 0], rim, cliponaxis=False))
    return figure


def _sums_over_regions(panel: Panel, one: Run, t: int, reach: float) -> None:
    """Snapshot t of a run of one seed: its pair sums, those that it gets wrong with a dark rim."""
    beta, task = one.settings.get("bias_scale", 1.0), ModularAddition(one.modulus)
    parameters = one.parameters.map(lambda array: array[t, 0])
    right = model.predicted_labels(parameters, task, beta) == task.labels
    panel.plane(reach)
    panel.add(*regions(parameters, reach, beta))
    panel.add(*pair_sums(one.embeddings[t, 0], right, 4.5, one.held_out(int(one.seeds[0]))))


# --- many seeds ----------------------------------------------------------------------------------


def nearest_alike(E: np.ndarray) -> np.ndarray:
    """Share of pair sums of E (S, N, 2) whose nearest other pair sum has their label: (S,).

    >>> row = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.1], [3.0, 0.2], [4.0, 0.3]])
    >>> nearest_alike(row[None]).round(2)
    array([0.73])
    """
    task = ModularAddition(E.shape[-2])
    found = []
    for x in task.pair_sums(E.astype(float)):
        apart = np.linalg.norm(x[:, None] - x, axis=-1)
        np.fill_diagonal(apart, np.inf)
        found.append((task.labels[apart.argmin(1)] == task.labels).mean())
    return np.array(found)
