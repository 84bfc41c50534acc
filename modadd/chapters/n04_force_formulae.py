"""Notebook 4: forces of a network, what the laws predict of them, and how well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import forces, predictions
from modadd.plots.palette import INK, LINE, MUTED, PAPER, SIGNS, STYLES, Style, blend
from modadd.plots.panels import Panel, font, holding, sheet, tiles
from modadd.plots.sliders import animate
from modadd.plots.traces import area, embeddings, marks, segments
from modadd.predictions import Agreement
from modadd.run import Run

_FIELD = STYLES["simulation"].color
LAW_STYLES = {
    "label charges": Style(INK, "diamond", "dash"),
    "field, ideal features": Style(_FIELD, "circle", "solid"),
    "field, initial features": Style(blend(_FIELD, PAPER, 0.4), "square", "dashdot"),
    "field, actual features": Style(STYLES["measured"].color, "cross", "dot"),
}
"""How the laws of `predictions.LAWS` are drawn."""

EXACT = Style(INK, "circle", "solid")
FRAMES = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 55, 75, 100)
"""Steps of the figure with a slider."""


def error(a: np.ndarray, b: np.ndarray) -> str:
    """Root mean square of the difference, relative to that of b.

    >>> error(np.array([1.0, 1.01]), np.array([1.0, 1.0]))
    '7e-03'
    """
    return f"{np.sqrt(np.square(a - b).mean() / np.square(b).mean()):.0e}"


# --- two faces of one law, and both together -----------------------------------------------------


def two_faces() -> go.Figure:
    """The force on one pair sum from a like one: along the line between them, and across x."""
    figure, (near, turn) = sheet(330, [(60, 44, 310, 216), (470, 44, 300, 216)])
    _clustering_face(near)
    _alignment_face(turn)
    return figure


def _clustering_face(panel: Panel) -> None:
    """Pull along the line between two pair sums on opposite sides of the origin, with β = 1."""
    r = np.linspace(0, 1.75, 101)
    x = np.stack([-r / 2, np.zeros_like(r)], -1)
    # In the gauge of 0, with (x' − x) added: no net force either, by the two sum rules.
    law = 2 * np.pi * forces.arc_cosine_gradient(x, -x) - np.pi * -x - 2 * x
    panel.add(*segments([[0, 0]], [[r[-1], 0]], LINE))
    _law(panel, r, r * (1 - r), STYLES["clustering"])
    _law(panel, r, law[:, 0], EXACT)
    panel.axes(
        {"range": [0, r[-1]], "title": {"text": "distance r / β"}},
        {"range": [-1.35, 0.5], "nticks": 5},
    )
    panel.note("<b>Clustering</b>: pull of x′ on x along their line", yshift=10)
    panel.note("clustering", 0.52, 0.3, font=font(12, STYLES["clustering"].color))
    panel.note("exact law", 0.82, 0.62, font=font(12))


def _alignment_face(panel: Panel) -> None:
    """Pull across x from another pair sum of the same length, over the angle between them."""
    phi = np.linspace(0, np.pi, 121)
    here = np.array([1.0, 0.0])
    other = np.stack([np.cos(phi), np.sin(phi)], -1)
    panel.add(*segments([[0, 0]], [[180, 0]], LINE))
    for size, words, x, y, side, opacity in (
        (1, "exact law, |x| = β", 112, 0.42, "left", 0.3),
        (3, "|x| = 3 β", 121, -0.24, "left", 0.6),
        (10, "|x| = 10 β", 108, -0.4, "right", 0.9),
    ):
        across = 2 * np.pi * forces.arc_cosine_gradient(here, other, 1 / size) - np.pi / 2 * other
        _law(panel, np.degrees(phi), across[:, 1], EXACT, opacity)
        panel.text(words, x, y, xanchor=side, font=font(12))
    _law(panel, np.degrees(phi), (np.pi / 2 - phi) * np.sin(phi), STYLES["alignment"])
    degrees = {"range": [0, 180], "tickvals": [0, 45, 90, 135, 180]}
    degrees["ticktext"] = [f"{angle}°" for angle in degrees["tickvals"]]
    title = {"text": "angle between x and x′, seen from the origin"}
    panel.axes(degrees | {"title": title}, {"range": [-0.72, 0.95], "nticks": 5})
    panel.note("<b>Alignment</b>: pull on x across x, towards x′", yshift=10)
    panel.note("alignment", 0.34, 0.06, font=font(12, STYLES["alignment"].color))


def _law(panel: Panel, x: np.ndarray, y: np.ndarray, style: Style, opacity: float = 1.0) -> None:
    """One curve; the exact law is thinner than its limits."""
    line = style.line(1.6 if style is EXACT else 2.2) | {"simplify": False}
    panel.add(go.Scatter(x=x, y=y, mode="lines", line=line, opacity=opacity, hoverinfo="skip"))


def two_terms(ratios: np.ndarray, fits: Sequence[forces.TwoTermFit]) -> go.Figure:
    """How well clustering plus alignment give the exact law, and with which weights.

    One fit for each of the ratios rms |x| / β, which increase.
    """
    figure, (share, weight) = sheet(330, [(60, 44, 330, 216), (484, 44, 286, 216)])
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if ratios[0] <= t * 1.01]
    x_axis = {"type": "log", "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}
    x_axis["range"] = np.log10([ratios[0], ratios[-1]])
    x_axis["title"] = {"text": "size of the pair sums over the bias, rms |x| / β"}
    share.axes(x_axis, {"range": [0.6, 1.05], "tickvals": [0.6, 0.7, 0.8, 0.9, 1.0]})
    weight.axes(x_axis, {"range": [-0.06, 1.12], "nticks": 6})
    share.note("<b>Share of the exact force explained (R²)</b>", yshift=10)
    weight.note("<b>Weights of the two terms</b>", yshift=10)
    best = np.array([fit.r2 for fit in fits])
    for panel, style, values, name in (
        (share, STYLES["clustering"], [fit.r2_clustering for fit in fits], "clustering alone"),
        (share, STYLES["alignment"], [fit.r2_alignment for fit in fits], "alignment alone"),
        (share, EXACT, best, "both"),
        (weight, STYLES["clustering"], [fit.clustering for fit in fits], "clustering"),
        (weight, STYLES["alignment"], [fit.alignment for fit in fits], "alignment"),
    ):
        line = style.line() | {"simplify": False}
        hover = "%{x:.2f}: %{y:.3f}<extra>" + name + "</extra>"
        panel.add(go.Scatter(x=ratios, y=values, mode="lines", line=line, hovertemplate=hover))
    worst = int(best.argmin())
    ring = {"size": 8, "color": PAPER, "line": {"color": INK, "width": 1.6}}
    share.add(go.Scatter(x=ratios[[worst]], y=best[[worst]], marker=ring, hoverinfo="skip"))
    words = f"both together: at least {best[worst]:.3f}"
    share.text(words, np.log10(ratios[worst]), best[worst], yshift=22)
    for panel, words, style, x, y, side in (
        (share, "clustering alone", "clustering", 0.985, 0.05, "right"),
        (share, "alignment alone", "alignment", 0.015, 0.05, "left"),
        (weight, "clustering", "clustering", 0.03, 0.52, "left"),
        (weight, "alignment", "alignment", 0.97, 0.52, "right"),
    ):
        panel.note(words, x, y, xanchor=side, font=font(12, STYLES[style].color))
    return figure


# --- against real networks -----------------------------------------------------------------------


def arrows(starts: np.ndarray, vectors: np.ndarray, color: str) -> list[go.Trace]:
    """Arrows from starts (B, 2) along vectors (B, 2): shafts and heads, two traces."""
    ends = starts + vectors
    turn = np.degrees(np.arctan2(vectors[:, 0], vectors[:, 1]))
    head = {"symbol": "triangle-up", "size": 6.5, "angle": turn.round(1), "color": color}
    (shafts,) = segments(starts, ends, color, 1.6)
    shafts.update(x=np.float32(shafts.x), y=np.float32(shafts.y), cliponaxis=False)
    return [shafts, marks(*ends.T.astype(np.float32), head, cliponaxis=False)]


def force_balance(
    E: np.ndarray,
    force: np.ndarray,
    parts: Mapping[str, np.ndarray],
    found: Mapping[str, Agreement],
    found_random: Mapping[str, Agreement],
    steps: Sequence[int],
) -> go.Figure:
    """Forces on one network's embeddings, measured beside modelled; agreement over steps below.

    Args:
        E: (N, 2) embeddings.
        force: (N, 2) −∂L/∂E, measured.
        parts: "clustering", "alignment" and "sum" as (N, 2), in the unit of `force`.
        found: law -> its agreement (T, S) with networks whose readout starts at zero.
        found_random: the same, with a readout that starts at random.
        steps: (T,) steps of the agreements.
    """
    boxes = tiles(4, 62, left=6, right=6, gap=12)
    boxes += tiles(3, 346, 170, left=44, right=10, gap=46)
    figure, panels = sheet(566, boxes)
    _arrow_panels(panels[:4], E, force, parts)
    directions = {law: agreement.cosine for law, agreement in found.items()}
    sizes = {law: agreement.coefficient for law, agreement in found.items()}
    random = {law: agreement.cosine for law, agreement in found_random.items()}
    limits = _limits([*directions.values(), *random.values()])
    _courses(panels[4], "Direction (cosine)", directions, steps, limits)
    _courses(panels[5], "Size (coefficient)", sizes, steps, _limits(sizes.values()))
    _courses(panels[6], "Direction, standard start", random, steps, limits)
    _legend(panels[4])
    return figure


def _arrow_panels(
    panels: Sequence[Panel], E: np.ndarray, force: np.ndarray, parts: Mapping[str, np.ndarray]
) -> None:
    """Four forces on the same embeddings, on one scale, and how each agrees with the first."""
    every = [force, parts["clustering"], parts["alignment"], parts["sum"]]
    longest = np.linalg.norm(np.stack(every), axis=-1).max()
    scale = 0.5 * np.abs(E - E.mean(0)).max() / longest
    ends = np.concatenate([E, *(E + scale * values for values in every)])
    middle = (ends.max(0) + ends.min(0)) / 2
    reach = 1.04 * np.abs(ends - middle).max()
    titles = ("Measured", "Clustering", "Alignment", "Clustering + alignment")
    colors = [*(STYLES[name].color for name in ("measured", "clustering", "alignment")), INK]
    agreed = [predictions.agreement(force[None], values[None]) for values in every[1:]]
    words = [f"direction {found.cosine[0]:.2f}" for found in agreed]
    words = ["−∂L/∂E of the network", *words]
    words[-1] += f", size {agreed[-1].coefficient[0]:.2f}"
    for panel, values, title, word, color in zip(panels, every, titles, words, colors, strict=True):
        panel.plane(reach)
        panel.add(*embeddings(E - middle, 12, 0.45), *arrows(E - middle, scale * values, color))
        panel.note(f"<b>{title}</b>", 0.5, yshift=22, xanchor="center", font=font(13, color))
        panel.note(word, 0.5, yshift=6, xanchor="center", font=font(11, MUTED))


def _limits(values: Iterable[np.ndarray]) -> list[float]:
    """Ends of an axis for the middle halves of values (T, S), with 0 and 1 in it."""
    return holding([-0.05, 1.06], [np.nanquantile(each, [0.25, 0.75], axis=1) for each in values])


def _courses(
    panel: Panel,
    title: str,
    laws: Mapping[str, np.ndarray],
    steps: Sequence[int],
    limits: Sequence[float],
) -> None:
    """Median and middle half over seeds of an agreement (T, S), one curve a law."""
    ticks = [1, 2, 5, 10, 20, 50, 100, 200]
    x_axis = {"type": "log", "tickvals": ticks, "ticktext": [str(t) for t in ticks]}
    x_axis |= {"range": np.log10([0.93, 1.07 * max(steps)]), "title": {"text": "step"}}
    panel.axes(x_axis, {"range": limits, "tickvals": [0, 0.5, 1]})
    panel.note(f"<b>{title}</b>", yshift=10)
    for law, values in laws.items():
        style = LAW_STYLES[law]
        low, median, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=1)
        panel.add(*area(steps, low, high, style.color, 0.16))
        hover, line = "step %{x}: %{y:.2f}", style.line(1.8)
        panel.add(marks(list(steps), median, style.marker(5), hover, law, line=line))


def _legend(panel: Panel) -> None:
    """The four laws in their colours, in one line above the panels."""
    left = 0
    for law, style in LAW_STYLES.items():
        words = f"{SIGNS[style.symbol]} {law}"
        panel.note(words, 0, yshift=42, xshift=left, font=font(12, style.color))
        left += 50 + 6 * len(law)


def forces_scrub(run: Run, seed: int, steps: Sequence[int], laws: Sequence[str]) -> go.Figure:
    """One seed's measured force and that of two laws, as arrows under one slider.

    Each panel is scaled to equal rms arrows, so that it shows directions; its words say how the
    sizes compare. The run is recorded as `predictions.predicted` asks for.
    """
    side, one = 252, run.select(seed)
    figure, panels = sheet(424, [(8 + i * (side + 14), 48, side, side) for i in range(3)])
    force = predictions.measured(one, steps)
    every = [force, *(predictions.predicted(one, steps, law) for law in laws)]
    colors = [STYLES["measured"].color, *(LAW_STYLES[law].color for law in laws)]
    reach = 1.2 * np.abs(one.embeddings[[one.nearest(step) for step in steps]]).max()
    for panel, name, color in zip(panels, ["measured", *laws], colors, strict=True):
        panel.plane(reach)
        title = f"<b>{name[0].upper() + name[1:]}</b>"
        panel.note(title, 0.5, yshift=8, xanchor="center", font=font(12, color))

    def moving(frame: int) -> list[tuple[int, go.Trace]]:
        E, traces = one.embeddings[one.nearest(steps[frame]), 0], []
        for i, (values, color) in enumerate(zip(every, colors, strict=True)):
            size = np.sqrt((values[frame] ** 2).sum(-1).mean())
            words = f"rms {size:.1e}"
            if i > 0:
                found = predictions.agreement(force[frame], values[frame])
                words = f"direction {found.cosine[0]:.2f}, size {found.coefficient[0]:.2f}"
            look = {"text": [words], "textfont": font(12, MUTED), "hoverinfo": "skip"}
            note = go.Scatter(x=[0], y=[0.95 * reach], mode="text", **look)
            drawn = arrows(E, 0.16 * reach * values[frame, 0] / size, color)
            traces += [(i, trace) for trace in (*embeddings(E, 13, 0.45), *drawn, note)]
        return traces

    animate(panels, moving, [str(step) for step in steps], shown=0)
    return figure
