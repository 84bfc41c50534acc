"""Figures of notebook 4: forces of a network, what the laws predict of them, and how well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import _checks, forces, predictions
from modadd.plots.palette import STYLES, Style, faded, theme
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.sliders import animate
from modadd.plots.traces import embeddings, segments
from modadd.run import Run

LAW_STYLES = {
    law: Style(STYLES[color].color, symbol, dash)
    for law, color, symbol, dash in zip(
        predictions.LAWS,
        ("validation", "training", "stripe", "measured"),
        ("diamond", "circle", "square", "cross"),
        ("dash", "solid", "dashdot", "dot"),
        strict=True,
    )
}
"""How the laws of `predictions.LAWS` are drawn."""


def two_faces() -> go.Figure:
    """The force on one pair sum from a like one: along the line between them, and across x."""
    figure, (near, turn) = sheet(330, [(60, 44, 310, 216), (470, 44, 310, 216)])
    flat = {"color": theme().line, "width": 1}
    for panel, top in ((near, 2.5), (turn, 180)):
        panel.add(go.Scatter(x=[0, top], y=[0, 0], mode="lines", line=flat, hoverinfo="skip"))
    r = np.linspace(0, 2.5, 101)
    x = np.stack([-r / 2, np.zeros_like(r)], -1)
    # In the gauge of 0, with (x' − x) added: no net force either, by the two sum rules.
    law = 2 * np.pi * forces.arc_cosine_gradient(x, -x) - np.pi * -x - 2 * x
    _law(near, r, r * (1 - r), "clustering")
    _law(near, r, law[:, 0], None)
    near.axes(
        {"range": [0, 2.5], "title": {"text": "distance r / β"}},
        {"range": [-1.3, 0.5], "nticks": 5},
    )
    phi = np.linspace(0, np.pi, 121)
    other = np.stack([np.cos(phi), np.sin(phi)], -1)
    places = {1: (112, 0.42, "left"), 3: (121, -0.24, "left"), 10: (108, -0.4, "right")}
    for size, (at, height, side) in places.items():
        here = np.array([1.0, 0.0])
        across = 2 * np.pi * forces.arc_cosine_gradient(here, other, 1 / size) - np.pi / 2 * other
        _law(turn, np.degrees(phi), across[:, 1], None, 0.3 + 0.3 * list(places).index(size))
        text = f"|x| = {size} β" if size > 1 else "exact law, |x| = β"
        look = {"xref": turn.x, "yref": turn.y, "xanchor": side, "font": font(12)}
        figure.add_annotation(text=text, x=at, y=height, **look)
    _law(turn, np.degrees(phi), (np.pi / 2 - phi) * np.sin(phi), "alignment")
    turn.axes(
        {"range": [0, 180], "tickvals": [0, 45, 90, 135, 180], "ticksuffix": "°"},
        {"range": [-0.72, 0.95], "nticks": 5},
    )
    turn.axes({"title": {"text": "angle between x and x′, seen from the origin"}})
    near.note("<b>Clustering</b>: pull of x′ on x along their line", yshift=10)
    turn.note("<b>Alignment</b>: pull on x across x, towards x′", yshift=10)
    for panel, words, style, x, y in (
        (near, "clustering", "clustering", 0.36, 0.3),
        (near, "exact law", None, 0.72, 0.5),
        (turn, "alignment", "alignment", 0.34, 0.06),
    ):
        panel.note(words, x, y, font=font(12, STYLES[style].color if style else theme().ink))
    return figure


def _law(panel: Panel, x, y, style: str | None, opacity: float = 1.0) -> None:
    """One curve, in a force's style or, for the exact law, in ink."""
    color, dash = (STYLES[style].color, STYLES[style].dash) if style else (theme().ink, "solid")
    line = {"color": color, "dash": dash, "width": 2.2 if style else 1.6, "simplify": False}
    panel.add(go.Scatter(x=x, y=y, mode="lines", line=line, opacity=opacity, hoverinfo="skip"))


def two_terms(ratios: np.ndarray, fits: Sequence[forces.TwoTermFit]) -> go.Figure:
    """How well clustering plus alignment give the exact law, and with which weights.

    Args:
        ratios: (R,) rms |x| / β.
        fits: as many fits.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    ratios = _checks.array("ratios", ratios, ("R",))
    for fit in (fits := _checks.sequence("fits", fits, len(ratios), len(ratios))):
        _checks.instance("fits", fit, forces.TwoTermFit)
    figure, (share, weight) = sheet(330, [(60, 44, 330, 216), (484, 44, 286, 216)])
    best = np.array([fit.r2 for fit in fits])
    for panel in (share, weight):
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if ratios[0] <= t * 1.01]
        panel.axes(
            {
                "type": "log",
                "tickvals": ticks,
                "ticktext": [f"{t:g}" for t in ticks],
                "range": np.log10([ratios[0], ratios[-1]]),
                "title": {"text": "size of the pair sums over the bias, rms |x| / β"},
            }
        )
    share.axes(y={"range": [0.6, 1.05], "tickvals": [0.6, 0.7, 0.8, 0.9, 1.0]})
    weight.axes(y={"range": [-0.06, 1.12], "nticks": 6})
    share.note("<b>Share of the exact force explained (R²)</b>", yshift=10)
    weight.note("<b>Weights of the two terms</b>", yshift=10)
    ink = Style(theme().ink, "circle", "solid")
    for panel, style, values, name in (
        (share, STYLES["clustering"], [fit.r2_clustering for fit in fits], "clustering alone"),
        (share, STYLES["alignment"], [fit.r2_alignment for fit in fits], "alignment alone"),
        (share, ink, best, "both"),
        (weight, STYLES["clustering"], [fit.clustering for fit in fits], "clustering"),
        (weight, STYLES["alignment"], [fit.alignment for fit in fits], "alignment"),
    ):
        line = {"color": style.color, "dash": style.dash, "width": 2, "simplify": False}
        hover = "%{x:.2f}: %{y:.3f}<extra>" + name + "</extra>"
        panel.add(go.Scatter(x=ratios, y=values, mode="lines", line=line, hovertemplate=hover))
    worst = int(best.argmin())
    share.add(
        go.Scatter(
            x=ratios[[worst]],
            y=best[[worst]],
            marker={"size": 8, "color": theme().paper, "line": {"color": ink.color, "width": 1.6}},
            hoverinfo="skip",
        )
    )
    text = f"both together: at least {best[worst]:.3f}"
    place = {"x": np.log10(ratios[worst]), "y": best[worst], "xref": share.x, "yref": share.y}
    figure.add_annotation(text=text, **place, yshift=22)
    for panel, x, y, style in (
        (share, 0.985, 0.05, "clustering"),
        (share, 0.015, 0.05, "alignment"),
        (weight, 0.03, 0.52, "clustering"),
        (weight, 0.97, 0.52, "alignment"),
    ):
        side, alone = "left" if x < 0.5 else "right", " alone" * (panel is share)
        panel.note(style + alone, x, y, xanchor=side, font=font(12, STYLES[style].color))
    return figure


def arrows(
    starts: np.ndarray, vectors: np.ndarray, color: str, width: float = 1.6
) -> list[go.Trace]:
    """Arrows from starts (B, 2) along vectors (B, 2): shafts and heads, two traces.

    Args:
        starts: (B, 2).
        vectors: (B, 2).
        color: "#rrggbb".
        width: px.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.array("starts", starts, ("B", 2))
    _checks.array("vectors", vectors, (len(starts), 2))
    _checks.real("width", width, 0, 1000)
    ends = starts + vectors
    turn = np.degrees(np.arctan2(vectors[:, 0], vectors[:, 1]))
    head = {"symbol": "triangle-up", "size": 6.5, "angle": turn.round(1), "color": color}
    shafts = segments(starts, ends, color, width)
    where = {"x": ends[:, 0].astype(np.float32), "y": ends[:, 1].astype(np.float32)}
    shafts[0].update(x=np.float32(shafts[0].x), y=np.float32(shafts[0].y), cliponaxis=False)
    look = {"mode": "markers", "marker": head, "hoverinfo": "skip", "cliponaxis": False}
    return [*shafts, go.Scatter(**where, **look)]


def force_balance(
    E: np.ndarray,
    force: np.ndarray,
    parts: dict[str, np.ndarray],
    courses: dict,
    steps: Sequence[int],
) -> go.Figure:
    """Forces on one network's embeddings, measured beside modelled; agreement over steps below.

    Args:
        E: (N, 2) embeddings.
        force: (N, 2) −∂L/∂E, measured.
        parts: "clustering", "alignment" and "sum" as (N, 2), in the unit of `force`.
        courses: title of a panel -> law -> (T, S) agreement, for two or three panels.
        steps: (T,) steps of the courses.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    E = _checks.tokens("E", E)
    force = _checks.array("force", force, E.shape)
    for values in _checks.mapping("parts", parts).values():
        _checks.array("parts", values, E.shape)
    _checks.mapping("courses", courses, 1, 3)
    steps = [_checks.real("steps", step, 0) for step in _checks.sequence("steps", steps)]
    side, gap, top = 188, 12, 62
    boxes = [(6 + i * (side + gap), top, side, side) for i in range(4)]
    below, wide = top + side + 96, (WIDTH - 44 * 3 - 14) / 3
    boxes += [(44 + i * (wide + 46), below, wide, 170) for i in range(len(courses))]
    figure, panels = sheet(below + 170 + 50, boxes)
    shown = {"measured": force, **parts}
    longest = np.linalg.norm(np.stack(list(shown.values())), axis=-1).max()
    scale = 0.5 * np.abs(E - E.mean(0)).max() / longest
    ends = np.concatenate([E, *(E + scale * values for values in shown.values())])
    middle = (ends.max(0) + ends.min(0)) / 2
    reach = 1.04 * np.abs(ends - middle).max()
    titles = ("Measured", "Clustering", "Alignment", "Clustering + alignment")
    for panel, (name, values), title in zip(panels, shown.items(), titles, strict=False):
        color = STYLES[name].color if name in STYLES else theme().ink
        panel.plane(reach)
        panel.add(*embeddings(E - middle, 12, 0.45), *arrows(E - middle, scale * values, color))
        center = {"x": 0.5, "xanchor": "center"}
        panel.note(f"<b>{title}</b>", yshift=22, **center, font=font(13, color))
        text = "−∂L/∂E of the network"
        if name != "measured":
            found = predictions.agreement(force[None], values[None])
            text = f"direction {found.cosine[0]:.2f}"
            text += f", size {found.coefficient[0]:.2f}" if name == "sum" else ""
        panel.note(text, yshift=6, **center, font=font(11, theme().muted))
    for panel, (title, laws) in zip(panels[4:], courses.items(), strict=True):
        _courses(panel, title, laws, steps)
    _legend(panels[4])
    return figure


def _courses(panel: Panel, title: str, laws: dict[str, np.ndarray], steps: Sequence[int]) -> None:
    """Median and middle half over seeds of an agreement, one curve a law."""
    ticks = [1, 2, 5, 10, 20, 50, 100, 200]
    panel.axes(
        {
            "type": "log",
            "tickvals": ticks,
            "ticktext": [str(t) for t in ticks],
            "range": np.log10([0.93, 1.07 * max(steps)]),
            "title": {"text": "step"},
        },
        {"range": [-0.05, 1.25] if "Size" in title else [-0.32, 1.06], "tickvals": [0, 0.5, 1]},
    )
    panel.note(f"<b>{title}</b>", yshift=10)
    for law, values in laws.items():
        style = LAW_STYLES[law]
        low, median, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=1)
        panel.add(
            go.Scatter(
                x=[*steps, *steps[::-1]],
                y=np.concatenate([high, low[::-1]]),
                mode="none",
                fill="toself",
                fillcolor=faded(style.color, 0.16),
                hoverinfo="skip",
            ),
            go.Scatter(
                x=list(steps),
                y=median,
                mode="lines+markers",
                line={"color": style.color, "dash": style.dash, "width": 1.8},
                marker={"size": 5, "symbol": style.symbol, "color": style.color},
                hovertemplate="step %{x}: %{y:.2f}<extra>" + law + "</extra>",
            ),
        )


def _legend(panel: Panel) -> None:
    """The four laws in their colours, in one line above the panels."""
    left = 0
    for law, style in LAW_STYLES.items():
        mark = {"circle": "●", "diamond": "◆", "square": "■", "cross": "✚"}[style.symbol]
        panel.note(f"{mark} {law}", 0, yshift=42, xshift=left, font=font(12, style.color))
        left += 50 + 6 * len(law)


def forces_scrub(run: Run, seed: int, steps: Sequence[int], laws: Sequence[str]) -> go.Figure:
    """One seed's measured force and that of some laws, as arrows under one slider.

    Each panel is scaled to equal rms arrows, so that it shows directions; its words say how the
    sizes compare.

    Args:
        run: as for `predicted`.
        seed: one of its seeds.
        steps: the recorded steps to show.
        laws: two of LAW_STYLES.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.instance("run", run, Run)
    seed = _checks.integer("seed", seed, 0, _checks.SEED)
    steps = [_checks.integer("steps", step, 1) for step in _checks.sequence("steps", steps)]
    laws = [_checks.choice("laws", law, predictions.LAWS) for law in _checks.sequence("laws", laws)]
    side, one = 252, run.select(seed)
    figure, panels = sheet(
        424, [(8 + i * (side + 14), 48, side, side) for i in range(1 + len(laws))]
    )
    steps = list(steps)
    found_at = {"Measured": predictions.measured(one, steps)}
    found_at |= {law: predictions.predicted(one, steps, law) for law in laws}
    reach = 1.2 * np.abs(one.embeddings[[one.nearest(step) for step in steps]]).max()
    for panel, name in zip(panels, found_at, strict=True):
        color = STYLES["measured"].color if name == "Measured" else LAW_STYLES[name].color
        panel.plane(reach)
        panel.note(f"<b>{name[0].upper() + name[1:]}</b>", 0.5, yshift=8, xanchor="center")
        panel.figure.layout.annotations[-1].font.color = color

    def moving(frame: int) -> list[tuple[int, go.Trace]]:
        E, force = one.embeddings[one.nearest(steps[frame]), 0], found_at["Measured"][frame]
        traces = []
        for i, (name, every) in enumerate(found_at.items()):
            values = every[frame]
            found = predictions.agreement(force, values)
            words = f"direction {found.cosine[0]:.2f}, size {found.coefficient[0]:.2f}"
            words = f"rms {np.sqrt((force**2).sum(-1).mean()):.1e}" if i == 0 else words
            color = STYLES["measured"].color if i == 0 else LAW_STYLES[name].color
            scaled = 0.16 * reach * values[0] / np.sqrt((values**2).sum(-1).mean())
            note = {"x": [0], "y": [0.95 * reach], "text": [words], "mode": "text"}
            look = {"textfont": font(12, theme().muted), "hoverinfo": "skip"}
            drawn = [*embeddings(E, 13, 0.45), *arrows(E, scaled, color)]
            traces += [(i, trace) for trace in (*drawn, go.Scatter(**note, **look))]
        return traces

    animate(panels, moving, [str(step) for step in steps], len(steps) // 2)
    return figure
