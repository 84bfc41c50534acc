"""Figures of notebook 1: the network at work on one pair, and one seed over training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import _checks, model
from modadd.model import Parameters
from modadd.plots.palette import STYLES, blend, theme, token_colors
from modadd.plots.panels import WIDTH, Panel, font, over_steps, sheet, square_root
from modadd.plots.traces import curve, disc, embeddings, pair_sums, regions, segments
from modadd.run import Run
from modadd.task import ModularAddition

# Everything is placed in px on one panel, y downwards like the page.
HEIGHT, TOP, BOTTOM = 424, 70, 360


MIDDLE, REACH = (150, 215), 122  # of the plane of embeddings


HIDDEN, OUTPUT, BAR = 412, 600, 132  # left edges, and the length of a bar of probability 1


def network_diagram(
    parameters: Parameters, pair: tuple[int, int] = (3, 9), bias_scale: float = 1.0
) -> go.Figure:
    """One pair's way through the network.

    Left, its two embeddings and their sum x, which has the colour and number of the right label.
    Middle, the hidden units, sorted by the direction of their weights and as large as they are
    active; lines from x show what reaches them. Right, the probability of each label; lines show
    what each unit adds to the logit of the right label, in grey what it takes away.

    Args:
        parameters: of one seed, numpy or torch.
        pair: tokens a and b.
        bias_scale: β.
    Raises:
        ValueError: if a token is not in 0 to N - 1.
    """
    _checks.instance("parameters", parameters, Parameters)
    bias_scale = _checks.real("bias_scale", bias_scale, 0, 1e30)
    pair = _checks.sequence("pair", pair, 2, 2)
    E, w1, b1, w2, b2 = (_checks.array("parameters", array) for array in parameters)
    if (E.ndim, w1.shape, w2.shape) != (2, (2, len(b1)), (len(b1), len(E))):
        raise ValueError("parameters must be those of one seed")
    a, b = (_checks.integer("pair", token, 0, len(E) - 1) for token in pair)
    x, y = E[a] + E[b], (a + b) % len(E)
    h = np.maximum(x @ w1 + bias_scale * b1, 0)
    z = h @ w2 + b2
    p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()

    figure, (panel,) = sheet(HEIGHT, [(0, 0, WIDTH, HEIGHT)])
    bare = {"visible": False, "fixedrange": True}
    panel.axes({"range": [0, WIDTH], **bare}, {"range": [HEIGHT, 0], **bare})
    scale = REACH / max(np.abs(E).max(), np.abs(x).max()) * np.array([1, -1])
    order = np.argsort(np.argsort(-np.arctan2(w1[1], w1[0])))
    unit = np.stack([HIDDEN + 8.0 * (order % 2), _rows(len(h))[order]], -1)
    label = np.stack([np.full(len(E), OUTPUT), _rows(len(E))], -1)

    _fan(panel, MIDDLE + scale * x, unit, h, theme().muted)
    _fan(panel, label[y] - [9, 0], unit, np.maximum(-h * w2[:, y], 0), theme().muted)
    _fan(panel, label[y] - [9, 0], unit, np.maximum(h * w2[:, y], 0), token_colors(len(E))[y])
    _plane(panel, MIDDLE + scale * E, MIDDLE + scale * x, np.array(MIDDLE), (a, b))
    _units(panel, unit, h)
    _bars(panel, label, p, y)
    equation = f"{a} + {b} ≡ {y} (mod {len(E)})"
    _words(panel, 22, "Two embeddings, one pair sum", f"x = E<sub>{a}</sub> + E<sub>{b}</sub>")
    units = "h = ReLU(W<sub>1</sub><sup>T</sup> x + β b<sub>1</sub>)"
    _words(panel, HIDDEN - 36, f"{len(h)} hidden units", units)
    _words(panel, OUTPUT - 8, equation, "p = softmax(W<sub>2</sub><sup>T</sup> h + b<sub>2</sub>)")
    return figure


def _rows(count: int) -> np.ndarray:
    return np.linspace(TOP, BOTTOM, count) if count > 1 else np.array([(TOP + BOTTOM) / 2])


def _fan(panel: Panel, point: np.ndarray, units: np.ndarray, size: np.ndarray, color: str) -> None:
    """Lines between a point and the units, in four strengths of size (H,) >= 0."""
    level = np.ceil(4 * size / max(size.max(), 1e-12))
    for strength in range(1, 5):
        ends = units[level == strength]
        shade = blend(color, theme().paper, 0.9 - 0.2 * strength)
        panel.add(*segments(np.tile(point, (len(ends), 1)), ends, shade, 0.3 + 0.3 * strength))


def _plane(panel: Panel, E: np.ndarray, x: np.ndarray, origin: np.ndarray, pair) -> None:
    """All embeddings, pale; those of the pair with the parallelogram that makes their sum."""
    corners = E[list(pair)]
    panel.add(*embeddings(E, 14, opacity=0.28))
    panel.add(*segments(np.stack([origin, origin]), corners, theme().ink, 1.2))
    panel.add(*segments(corners, np.stack([x, x]), theme().muted, 1))
    cross = np.array([[4, 0], [0, 4]])
    panel.add(*segments(origin - cross, origin + cross, theme().ink, 1.2))
    for token, place in ((pair[0], E[pair[0]]), (pair[1], E[pair[1]]), (sum(pair) % len(E), x)):
        panel.add(*disc(token, place, len(E), 22))
    _text(panel, "<b>x</b>", (x[0] - 4, x[1] - 21), size=13)


def _units(panel: Panel, places: np.ndarray, h: np.ndarray) -> None:
    """Hidden units (H, 2): dark discs where active, their area as h (H,); else a small pale dot."""
    size = np.where(h > 0, 3.5 + 7.5 * np.sqrt(h / max(h.max(), 1e-12)), 3.5)
    marker = {
        "size": size,
        "color": [theme().ink if on else theme().line for on in h > 0],
        "opacity": 1,
        "line": {"width": 0.8, "color": theme().paper},
    }
    where = {"x": places[:, 0], "y": places[:, 1], "customdata": h}
    hover = "activation %{customdata:.2f}<extra></extra>"
    look = {"mode": "markers", "marker": marker, "name": "hidden", "hovertemplate": hover}
    panel.add(go.Scatter(**where, **look))


def _bars(panel: Panel, places: np.ndarray, p: np.ndarray, right: int) -> None:
    """Probabilities p (N,) beside their labels; that of the right one as a number."""
    pitch = (BOTTOM - TOP) / (len(p) - 1)
    bar = {"orientation": "h", "base": places[0, 0] + 13, "width": 0.5 * pitch, "name": "p"}
    color = {"color": token_colors(len(p)), "line": {"width": 0}}
    hover = "p = %{customdata:.3f}<extra></extra>"
    panel.add(
        go.Bar(**bar, x=BAR * p, y=places[:, 1], marker=color, customdata=p, hovertemplate=hover)
    )
    panel.add(*embeddings(places, min(15, 0.85 * pitch)))
    _text(panel, f"<b>{p[right]:.0%}</b>", places[right] + [18 + BAR * p[right], 0])


def _words(panel: Panel, left: float, title: str, formula: str) -> None:
    _text(panel, f"<b>{title}</b>", (left, 24), size=13)
    _text(panel, formula, (left, HEIGHT - 26), color=theme().muted)


def _text(panel: Panel, text: str, place, size: int = 12, color: str | None = None) -> None:
    where = {"x": place[0], "y": place[1], "xref": panel.x, "yref": panel.y, "xanchor": "left"}
    panel.figure.add_annotation(text=text, **where, font=font(size, color))


def training_story(run: Run, seed: int, steps: Sequence[int]) -> go.Figure:
    """One seed at chosen steps: embeddings; pair sums over decision regions; loss and accuracy.

    Validation pairs are hollow.

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
        lower.add(*regions(every[t], reach[1], beta))
        lower.add(*pair_sums(E[i], right[t], 4.5, one.held_out(seed)))
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


def _snapshots(run: Run, seed: int) -> tuple[Run, list[Parameters], list[np.ndarray], float]:
    """One seed's run; at each step its parameters and which pairs are right; the β of the run."""
    one = run.select(seed)
    if one.parameters is None:
        raise ValueError("run must hold all parameters: train it with keep_parameters=True")
    beta, task = one.settings.get("bias_scale", 1.0), ModularAddition(run.modulus)
    every = [one.parameters.map(lambda array, t=t: array[t, 0]) for t in range(len(one.steps))]
    right = [model.predicted_labels(p, task, beta) == task.labels for p in every]
    return one, every, right, beta


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
