"""The figures of the paper, drawn from runs.

Each function returns a plotly figure of the current theme, at most 800 px wide; `show` puts it
under a notebook's cell with its caption, `save` writes its files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import ArrayLike

from modadd import _checks, model, structure
from modadd.diagram import network_diagram
from modadd.export import browser, png, save, show
from modadd.model import Parameters
from modadd.palette import STYLES, blend, theme
from modadd.panels import (
    WIDTH,
    Panel,
    axes_of_labels,
    band,
    bonds,
    clumps,
    curve,
    embeddings,
    font,
    over_steps,
    pair_sums,
    regions,
    segments,
    sheet,
    square_root,
    strip,
)
from modadd.run import SCALARS, Run
from modadd.task import ModularAddition

__all__ = [
    "browser",
    "census_bars",
    "curves",
    "explained",
    "gallery",
    "network_diagram",
    "png",
    "save",
    "show",
    "theme",
    "training_story",
]


def _snapshots(run: Run, seed: int) -> tuple[Run, list[Parameters], list[np.ndarray], float]:
    """One seed's run; at each step its parameters and which pairs are right; the β of the run."""
    one = run.select(seed)
    if one.parameters is None:
        raise ValueError("run must hold all parameters: train it with keep_parameters=True")
    beta, task = one.settings.get("bias_scale", 1.0), ModularAddition(run.modulus)
    every = [one.parameters.map(lambda array, t=t: array[t, 0]) for t in range(len(one.steps))]
    right = [_probabilities(p, task, beta).argmax(-1) == task.labels for p in every]
    return one, every, right, beta


def _probabilities(parameters: Parameters, task: ModularAddition, beta: float) -> np.ndarray:
    tensors = parameters.map(torch.as_tensor)
    return torch.softmax(model.logits(tensors, model.pair_sums(tensors, task), beta), -1).numpy()


def _progress(run: Run, loss: Panel, accuracy: Panel) -> None:
    """Loss and accuracy of a run with one seed."""
    over_steps(loss, run.steps[-1], "Loss", rangemode="tozero", nticks=4)
    over_steps(
        accuracy,
        run.steps[-1],
        "Accuracy",
        range=[-0.03, 1.05],
        tickvals=[0, 0.5, 1],
        tickformat=".0%",
    )
    loss.add(*curve(run.steps, run.loss[:, 0], "training", "loss"))
    accuracy.add(*curve(run.steps, run.accuracy[:, 0], "training", "training pairs"))
    if np.isfinite(run.validation_accuracy).any():
        held_out = run.validation_accuracy[:, 0]
        accuracy.add(*curve(run.steps, held_out, "validation", "validation pairs"))
        for style, value in (("training", run.accuracy[-1, 0]), ("validation", held_out[-1])):
            color = font(11, STYLES[style].color)
            place = {"x": 1.0, "y": (value + 0.03) / 1.08, "xanchor": "right", "yanchor": "top"}
            accuracy.note(style, **place, yshift=-3, font=color)


def training_story(run: Run, seed: int, steps: Sequence[int]) -> go.Figure:
    """One seed at chosen steps: embeddings; pair sums over decision regions; loss and accuracy.

    Args:
        run: with all parameters.
        seed: one of its seeds.
        steps: 1 to 6 steps; the nearest recorded ones are shown.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.instance("run", run, Run)
    seed = _checks.integer("seed", seed, 0, _checks.SEED)
    steps = [_checks.real("steps", step, 0) for step in _checks.sequence("steps", steps, 1, 6)]
    one, every, right, beta = _snapshots(run, seed)
    chosen = [one.nearest(step) for step in steps]
    left, gap = 30, 10
    side = min(200, (WIDTH - left - 6 - gap * (len(chosen) - 1)) / len(chosen))
    rows = [46, 46 + side + 16]
    top = rows[1] + side + 56
    boxes = [(left + i * (side + gap), row, side, side) for row in rows for i in range(len(chosen))]
    boxes += [(left + 14, top, 340, 110), (left + 418, top, 340, 110)]
    figure, panels = sheet(top + 110 + 46, boxes)
    E = one.embeddings[chosen, 0]
    reach = 1.12 * np.abs(E).max(), 1.06 * np.abs(2 * E).max()
    for i, t in enumerate(chosen):
        upper, lower = panels[i], panels[len(chosen) + i]
        upper.plane(reach[0])
        upper.add(*embeddings(E[i], 14))
        upper.note(f"step {one.steps[t]:,}", 0.5, yshift=18, xanchor="center", font=font(13))
        share = f"{one.accuracy[t, 0]:.0%} right"
        upper.note(share, 0.5, yshift=3, xanchor="center", font=font(11, theme().muted))
        lower.plane(reach[1])
        lower.add(*regions(every[t], reach[1], beta), *pair_sums(E[i], right[t], 4.5))
    for panel, title in ((panels[0], "Embeddings"), (panels[len(chosen)], "Pair sums, regions")):
        place = {"x": 0, "y": 0.5, "xshift": -9, "xanchor": "right", "yanchor": "middle"}
        panel.note(title, **place, textangle=-90)
    _progress(one, *panels[-2:])
    for panel, values in zip(panels[-2:], (one.loss, one.accuracy), strict=True):
        rim = {"color": theme().paper, "line": {"width": 1.6, "color": STYLES["training"].color}}
        where = {"x": square_root(one.steps[chosen]), "y": values[chosen, 0]}
        panel.add(
            go.Scatter(
                **where,
                mode="markers",
                marker=rim | {"size": 8},
                cliponaxis=False,
                hoverinfo="skip",
            )
        )
    return figure


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
    E = _centred(E)
    E /= np.abs(E).max((-2, -1), keepdims=True)
    kinds, (ring, patch) = structure.classify(E), (structure.circle(E), structure.grid(E))
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
        joined = bonds(E[s])
        panel.add(*segments(E[s][joined[:, 0]], E[s][joined[:, 1]]), *embeddings(E[s], 14))
        kind = f'<b><span style="color:{STYLES[kinds[s]].color}">{kinds[s]}</span></b>'
        title = f"{score[s]:.2f}" if titles is None else titles[s]
        if titles is None and kinds[s] == "other":
            nearest = max((ring.score[s], "circle"), (patch.score[s], "grid"))
            title = f"({nearest[1]} {nearest[0]:.2f})"
        look = {"xanchor": "center", "font": font(12, theme().muted)}
        panel.note(f"{kind} {title}", 0.5, **look)
    return figure


def _centred(E: np.ndarray) -> np.ndarray:
    """Put the middle of the bounding box of E (..., N, 2) at the origin."""
    return E - (E.max(-2, keepdims=True) + E.min(-2, keepdims=True)) / 2


def explained(E_grid: np.ndarray, E_circle: np.ndarray) -> go.Figure:
    """Why a grid and a circle can tell labels apart: embeddings (N, 2) beside their pair sums.

    Args:
        E_grid: embeddings of a grid.
        E_circle: embeddings of a circle.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    E_grid, E_circle = _checks.tokens("E_grid", E_grid), _checks.tokens("E_circle", E_circle)
    side, rows = 340, (50, 458)
    figure, panels = sheet(824, [(x, y, side, side) for y in rows for x in (24, 436)])
    for E, i, kind in ((_centred(E_grid), 0, "grid"), (E_circle - E_circle.mean(0), 2, "circle")):
        before, after = panels[i : i + 2]
        joined, reach = bonds(E), 1.1 * np.abs(E).max()
        before.plane(reach)
        before.add(*segments(E[joined[:, 0]], E[joined[:, 1]]), *embeddings(E, 20))
        before.note(f"<b>Embeddings on a {kind}</b>", yshift=16, font=font(14))
        after.plane(2.04 * reach)
        after.add(*(clumps(E) if kind == "grid" else axes_of_labels(E)))
        text = {"grid": "each lattice point has one label", "circle": "each label lies on one line"}
        after.note(f"<b>Pair sums</b>: {text[kind]}", yshift=16, font=font(14))
    return figure


def census_bars(kinds: ArrayLike, **measures: np.ndarray) -> go.Figure:
    """Share of each kind with its Wilson interval; beside it measures, one point an embedding.

    Args:
        kinds: (S,) words of structure.KINDS.
        **measures: title=(S,) values, say accuracy=run.accuracy[-1].

    Raises:
        ValueError: naming the argument that does not fit.
    """
    kinds = _checks.words("kinds", kinds, ("S",), structure.KINDS)
    measures = {
        title: _checks.array(title, values, (len(kinds),), finite=False)
        for title, values in measures.items()
    }
    found = structure.census(kinds)
    left, top, height = 76, 44, 44 * len(structure.KINDS)
    share = 330 if measures else WIDTH - left - 30
    each = (WIDTH - left - share - 14) / max(1, len(measures)) - 40
    boxes = [(left, top, share, height)]
    boxes += [
        (left + share + 40 + i * (each + 40), top, each, height) for i in range(len(measures))
    ]
    figure, panels = sheet(height + 96, boxes)
    rows = {"range": [len(structure.KINDS) - 0.5, -0.5], "visible": False}
    _shares(panels[0], found)
    for panel in panels:
        panel.axes(y=rows)
    for panel, (title, values) in zip(panels[1:], measures.items(), strict=True):
        panel.axes({"nticks": 4})
        panel.note(f"<b>{title.capitalize().replace('_', ' ')}</b>", yshift=12)
        for y, kind in enumerate(structure.KINDS):
            panel.add(*strip(values[kinds == kind], y, kind))
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
        pale = blend(style.color, theme().paper, 0.7)
        whisker = {"type": "data", "symmetric": False, "thickness": 1.5, "width": 0}
        ends = {"array": [high - value], "arrayminus": [value - low], "color": style.color}
        hover = f"{kind}: {value:.1%} ({low:.1%} to {high:.1%})<extra></extra>"
        bar = {"x": [value], "y": [y], "orientation": "h", "width": 0.5, "hoverinfo": "skip"}
        panel.add(go.Bar(**bar, marker={"color": pale, "line": {"width": 0}}))
        panel.add(
            go.Scatter(
                x=[value],
                y=[y],
                mode="markers",
                name=kind,
                marker={"size": 10, "color": style.color, "symbol": style.symbol},
                error_x=whisker | ends,
                hovertemplate=hover,
            )
        )
        place = {"y": y, "xref": panel.x, "yref": panel.y}
        count = f"<b>{value:.0%}</b>  {found.count(kind)} of {found.total}"
        panel.figure.add_annotation(x=high, xanchor="left", xshift=8, text=count, **place)
        name = {"text": f"<b>{kind}</b>", "font": font(13, style.color)}
        panel.figure.add_annotation(x=0, xanchor="right", xshift=-10, **name, **place)


def curves(run: Run, *scalars: str, seed: int | None = None, log: bool = False) -> go.Figure:
    """Scalars over steps side by side: of one seed, or median and middle half of all seeds.

    Args:
        run: any.
        *scalars: names of its (T, S) fields, say "loss", "accuracy", "force_rms"; 1 to 3.
        seed: one of the run's; None: all.
        log: logarithmic y axes.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.instance("run", run, Run)
    for name in _checks.sequence("scalars", scalars, 1, 3):
        _checks.choice("scalars", name, SCALARS)
    if seed is not None:
        seed = _checks.integer("seed", seed, 0, _checks.SEED)
    log = _checks.flag("log", log)
    styles = {"validation_accuracy": "validation", "force_rms": "measured"}
    one = run if seed is None else run.select(seed)
    each = (WIDTH - 14) / len(scalars)
    figure, panels = sheet(270, [(60 + i * each, 44, each - 74, 170) for i in range(len(scalars))])
    for panel, name in zip(panels, scalars, strict=True):
        title, style = name.replace("_", " ").capitalize(), styles.get(name, "training")
        over_steps(
            panel,
            one.steps[-1],
            title,
            nticks=5,
            **({"type": "log"} if log else {"rangemode": "tozero"}),
        )
        values = getattr(one, name)
        if seed is None:
            panel.add(*band(one.steps, values, style, title))
        else:
            panel.add(*curve(one.steps, values[:, 0], style, title))
    return figure
