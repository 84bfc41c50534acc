"""Figures of notebooks 5 and 6: particles beside networks, and how well they agree.

Networks are green, simulations without a network violet, floors grey. A two-force run has a colour
between that of clustering and that of alignment, as its alignment force says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import _checks, structure
from modadd.effects import Effect
from modadd.palette import STYLES, blend, theme
from modadd.panels import (
    WIDTH,
    Panel,
    bonds,
    embeddings,
    font,
    over_steps,
    segments,
    sheet,
    square_root,
)
from modadd.run import Run
from modadd.sliders import animate
from modadd.structure import KINDS, Census

ROLES = {
    "floor": ("#7d858e", "circle", "dot"),
    "network": ("#1f7a6c", "circle", "solid"),
    "simulation": ("#7a4fb5", "diamond", "dash"),
}
"""Colour, symbol and dash of what is compared."""


def force_color(alignment_force: float) -> str:
    """Colour of a two-force run: from that of clustering at 0 to that of alignment at 1.

    Args:
        alignment_force: a in [0, 1].

    Raises:
        ValueError: if it is outside its range.

    >>> force_color(0.0)
    '#c04a17'
    """
    ends = STYLES["clustering"].color, STYLES["alignment"].color
    return blend(*ends, _checks.real("alignment_force", alignment_force, 0.0, 1.0))


# --- the same start, side by side -----------------------------------------------------------------


class Course(NamedTuple):
    """One of the runs that `race` shows together."""

    run: Run
    """with one seed"""
    values: ArrayLike
    """(T,) a scalar over its steps, or None"""
    color: str
    dash: str = "solid"


def race(courses: Mapping[str, Course], title: str, frames: int = 36, **y) -> go.Figure:
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
    count = min(_checks.integer("frames", frames, 2), len(steps))
    chosen = np.unique(np.rint(np.linspace(0, len(steps) - 1, count)).astype(int))
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


def starts(
    rows: Mapping[str, ArrayLike], colors: Sequence[str], loose: Sequence[str] = ()
) -> go.Figure:
    """Final embeddings that grew from the same starts: one row a system, one column a start.

    Each start has one scale for all systems, no rotation and no reflection. From the second row
    on, the number is the Procrustes R² with the first; rows named in `loose` get no bonds.

    Args:
        rows: name to embeddings (S, N, 2), S at most 8.
        colors: one for each row, of its name.
        loose: names of rows whose embeddings are no result, say the start itself.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.mapping("rows", rows)
    colors = _checks.sequence("colors", colors, len(rows), len(rows))
    for color in colors:
        _checks.instance("colors", color, str)
    loose = [
        _checks.choice("loose", name, tuple(rows)) for name in _checks.sequence("loose", loose, 0)
    ]
    every = [_checks.ensemble("rows", E) for E in rows.values()]
    if len({E.shape for E in every}) > 1:
        raise ValueError("rows must hold embeddings of one shape, got several")
    every = [E - E.mean(1, keepdims=True) for E in every]
    left, columns = 34, len(every[0])
    side, tall = (WIDTH - left - 4) / columns, 18
    boxes = [
        (left + i * side, 8 + j * (side + tall), side, side)
        for j in range(len(every))
        for i in range(columns)
    ]
    figure, panels = sheet(8 + len(every) * (side + tall) + 4, boxes)
    reach = [1.2 * max(np.abs(E[i]).max() for E in every) for i in range(columns)]
    for j, (name, E, color) in enumerate(zip(rows, every, colors, strict=True)):
        place = {"x": 0, "y": 0.5, "xshift": -6, "xanchor": "right", "yanchor": "middle"}
        panels[j * columns].note(f"<b>{name}</b>", **place, textangle=-90, font=font(12, color))
        agreement = structure.procrustes_r2(E, every[0])
        for i, panel in enumerate(panels[j * columns : (j + 1) * columns]):
            panel.plane(reach[i])
            joined = bonds(E[i])[: 0 if name in loose else None]
            panel.add(*segments(E[i][joined[:, 0]], E[i][joined[:, 1]]), *embeddings(E[i], 7))
            if j:
                text = f"{agreement[i]:.2f}"
                under = {"xanchor": "center", "yanchor": "top", "yshift": 2}
                panel.note(text, 0.5, 0, **under, font=font(11, theme().muted))
    return figure


# --- agreement ------------------------------------------------------------------------------------


class Agreement(NamedTuple):
    """One row of `agreement_rows`."""

    role: str
    """one of ROLES"""
    r2: np.ndarray
    """(S,) Procrustes R², one a start"""
    same_kind: float
    """share of comparisons in which both are circles, both lattices, or both neither"""
    same_kind_interval: tuple[float, float]


def coarse_kinds(E: ArrayLike) -> np.ndarray:
    """The kind of each embedding (..., N, 2), with stripes counted as grids.

    Args:
        E: embeddings (..., N, 2).

    Returns:
        Array of str (...).

    Raises:
        ValueError: E is not (..., N >= 3, 2) or not finite.

    >>> angle = 2 * np.pi * np.arange(17) / 17
    >>> str(coarse_kinds(np.stack([np.cos(angle), np.sin(angle)], -1)))
    'circle'
    """
    kinds = structure.classify(E)
    return np.where(kinds == "stripe", "grid", kinds)


def bootstrap_mean(values: ArrayLike, draws: int = 4000, seed: int = 0) -> Effect:
    """Mean of values (S,) with the 95 % percentile interval of the bootstrap over them.

    Args:
        values: (S,) finite numbers, S >= 2.
        draws: resamples, 1 to 1,000,000.
        seed: integer >= 0, of the resampling.

    Returns:
        Effect, in the unit of the values.

    Raises:
        ValueError: if an argument is outside its range.

    >>> bootstrap_mean([0.5] * 10)
    Effect(mean=0.5, low=0.5, high=0.5)
    """
    draws = _checks.integer("draws", draws, 1, 10**6)
    seed = _checks.integer("seed", seed, 0)
    values = _checks.array("values", values, ("S",), limit=1e100)
    if len(values) < 2:
        raise ValueError(f"values must be at least 2 finite numbers, got {len(values)}")
    chosen = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[chosen].mean(1), [0.025, 0.975])
    return Effect(float(values.mean()), float(low), float(high))


def _pairs(pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return checked pairs of embeddings (S, N, 2), or raise ValueError naming them."""
    found = []
    for pair in _checks.sequence("pairs", pairs):
        A, B = (_checks.ensemble("pairs", E) for E in _checks.sequence("pairs", pair, 2, 2))
        if A.shape != B.shape:
            raise ValueError(f"pairs must be of one shape, got {A.shape} and {B.shape}")
        found.append((A, B))
    return found


def compare(role: str, pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> Agreement:
    """Agreement of embeddings (S, N, 2) with others of the same starts, in one or several pairs.

    R² and agreement on the coarse kind are averaged over the pairs of a start first, so that a
    start counts once; the interval is a bootstrap over starts.

    Args:
        role: one of ROLES.
        pairs: of embeddings (S, N, 2), S >= 2, and others of the same starts.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> A = np.random.default_rng(0).standard_normal((4, 7, 2))
    >>> compare("network", [(A, 2 * A)]).same_kind
    1.0
    """
    _checks.choice("role", role, tuple(ROLES))
    pairs = _pairs(pairs)
    r2 = np.mean([structure.procrustes_r2(A, B) for A, B in pairs], axis=0)
    kind = np.mean([coarse_kinds(A) == coarse_kinds(B) for A, B in pairs], axis=0)
    share = bootstrap_mean(kind)
    return Agreement(role, r2, share.mean, (share.low, share.high))


def same_frequency(pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> tuple[int, int]:
    """In how many comparisons are both circles of one frequency, and in how many both circles.

    Args:
        pairs: of embeddings (S, N, 2) and others of the same starts.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> A = np.stack([np.cos(np.arange(7) * 4 * np.pi / 7), np.sin(np.arange(7) * 4 * np.pi / 7)])
    >>> same_frequency([([A.T], [2 * A.T])])
    (1, 1)
    """
    pairs = _pairs(pairs)
    equal = both = 0
    for A, B in pairs:
        rings = (structure.classify(A) == "circle") & (structure.classify(B) == "circle")
        alike = structure.circle(A).frequency == structure.circle(B).frequency
        equal, both = equal + int((rings & alike).sum()), both + int(rings.sum())
    return equal, both


def agreement_rows(rows: Mapping[str, Agreement]) -> go.Figure:
    """R² as one point a start with mean and bootstrap interval; beside it agreement on the kind.

    Args:
        rows: name to agreement, drawn from top to bottom.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    for row in _checks.mapping("rows", rows).values():
        _checks.instance("rows", row, Agreement)
        _checks.choice("role", row.role, tuple(ROLES))
    left, top, each = 206, 46, 46
    height = each * len(rows)
    figure, panels = sheet(
        top + height + 54, [(left, top, 370, height), (left + 424, top, 150, height)]
    )
    vertical = {"range": [len(rows) - 0.5, -0.5], "visible": False}
    ticks = {"range": [-0.02, 1.03], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    panels[0].axes(ticks | {"title": {"text": "Procrustes R²"}}, vertical)
    share = {"range": [0, 1.03], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}
    panels[1].axes(share | {"title": {"text": "share of comparisons"}}, vertical)
    panels[0].note("<b>Same structure</b>", yshift=10)
    panels[1].note("<b>Same kind</b>", yshift=10)
    for y, (name, row) in enumerate(rows.items()):
        color, symbol, _ = ROLES[row.role]
        word = {"xanchor": "right", "xshift": -12, "align": "right"}
        place = {"x": -0.02, "y": y, "xref": panels[0].x, "yref": panels[0].y}
        figure.add_annotation(text=name, font=font(12, color), **word, **place)
        _cloud(panels[0], row.r2, y, color, symbol)
        mean = bootstrap_mean(row.r2)
        _interval(panels[0], mean, y, theme().ink, "line-ns", f"{mean.mean:.2f}")
        kind = Effect(row.same_kind, *row.same_kind_interval)
        _interval(panels[1], kind, y, color, symbol, f"{row.same_kind:.0%}")
    return figure


def _cloud(panel: Panel, values: np.ndarray, y: float, color: str, symbol: str) -> None:
    """One point a value, spread upwards where many values are alike."""
    bins = np.clip((np.asarray(values) * 40).astype(int), 0, 39)
    rank = np.array([(bins[:i] == b).sum() for i, b in enumerate(bins)])
    full = np.bincount(bins, minlength=40)[bins]
    rise = 0.5 * rank / np.maximum(full, 12)
    marker = {"size": 5.5, "color": color, "symbol": symbol, "opacity": 0.5}
    hover = "R² %{x:.3f}<extra></extra>"
    panel.add(
        go.Scatter(x=values, y=y + 0.02 - rise, mode="markers", marker=marker, hovertemplate=hover)
    )


def _interval(panel: Panel, found: Effect, y: float, color: str, symbol: str, text: str) -> None:
    """Mean and interval as a mark with a whisker below the points, its value under it."""
    y = y + 0.22 if symbol == "line-ns" else y
    ends = {"array": [found.high - found.mean], "arrayminus": [found.mean - found.low]}
    whisker = {"type": "data", "symmetric": False, "thickness": 2, "width": 0, "color": color}
    marker = {"size": 9, "color": color, "symbol": symbol, "line": {"width": 2, "color": color}}
    hover = f"mean {found.mean:.3f} ({found.low:.3f} to {found.high:.3f})<extra></extra>"
    where = {"x": [found.mean], "y": [y], "mode": "markers", "cliponaxis": False}
    panel.add(go.Scatter(**where, marker=marker, error_x=whisker | ends, hovertemplate=hover))
    place = {"xref": panel.x, "yref": panel.y, "y": y, "yanchor": "middle"}
    right = found.high < 0.86
    place |= {"x": found.high if right else found.low, "xanchor": "left" if right else "right"}
    panel.figure.add_annotation(text=f"<b>{text}</b>", xshift=7 if right else -7, **place)


# --- the alignment force --------------------------------------------------------------------------


def mismatch(one: Census, other: Census) -> float:
    """Total variation distance of two censuses: the share of runs to relabel to make them equal.

    Args:
        one: a census.
        other: the one to compare.

    Returns:
        distance, 0 to 1.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> mismatch(structure.census(["grid", "circle"]), structure.census(["grid", "other"]))
    0.5
    """
    for name, census in (("one", one), ("other", other)):
        _checks.instance(name, census, Census)
    return 0.5 * sum(abs(one.share(kind) - other.share(kind)) for kind in KINDS)


def knob(
    forces: Sequence[float],
    examples: ArrayLike,
    censuses: Sequence[Census],
    network: Census,
    chosen: float,
) -> go.Figure:
    """Kinds over the alignment force, what one start became above, the network's census beside.

    Args:
        forces: (A,) increasing values of a.
        examples: (A, N, 2) what one start became at each.
        censuses: (A,) of many starts.
        network: of networks from the same starts.
        chosen: the force to mark.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    forces = [_checks.real("forces", a, 0, 1) for a in _checks.sequence("forces", forces)]
    examples = _checks.ensemble("examples", examples)
    censuses = _checks.sequence("censuses", censuses, len(forces), len(forces))
    for census in censuses:
        _checks.instance("censuses", census, Census)
    _checks.instance("network", network, Census)
    chosen = _checks.real("chosen", chosen, 0, 1)
    left, gap, tall = 52, 6, 250
    side = (WIDTH - 16 - gap * (len(forces) - 1)) / len(forces)
    top = 64 + side + 58
    boxes = [(8 + i * (side + gap), 64, side, side) for i in range(len(forces))]
    boxes += [(left, top, 520, tall), (left + 572, top, 166, tall)]
    figure, panels = sheet(top + tall + 54, boxes)
    *small, curves, beside = panels
    for panel, E, a in zip(small, np.asarray(examples, float), forces, strict=True):
        kind = str(structure.classify(E))
        word = f'<b><span style="color:{STYLES[kind].color}">{kind}</span></b>'
        panel.note(f"a = {a:g}<br>{word}", 0.5, xanchor="center", yshift=6)
        E = E - (E.max(0) + E.min(0)) / 2
        panel.plane(1.15 * np.abs(E).max())
        joined = bonds(E)
        panel.add(*segments(E[joined[:, 0]], E[joined[:, 1]]), *embeddings(E, 8))
    share = {"range": [0, 1], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    curves.axes({"range": [-0.02, 1.02], "title": {"text": "alignment force a"}}, share)
    columns = {"tickvals": list(range(4)), "ticktext": list(KINDS), "tickangle": 0}
    beside.axes(columns | {"range": [-0.6, 3.6]}, share | {"ticktext": [""] * 5})
    curves.note(f"<b>Two forces</b>, {censuses[0].total} starts", yshift=8)
    beside.note(f"<b>Networks</b>, {network.total}", yshift=8)
    curves.add(*segments([[chosen, 0]], [[chosen, 1]], theme().muted))
    mark = {"xref": curves.x, "yref": f"{curves.y} domain", "xanchor": "right", "xshift": -5}
    figure.add_annotation(x=chosen, y=0.97, text=f"nearest to the networks: {chosen:g}", **mark)
    for i, kind in enumerate(KINDS):
        curves.add(*_shares(forces, censuses, kind))
        beside.add(_whiskered([i], [network], kind))
        _name(curves, kind, forces, censuses)
    return figure


def _name(panel: Panel, kind: str, x: Sequence[float], censuses: Sequence[Census]) -> None:
    """The kind beside its line, where there is room: by experience, not by rule."""
    i, anchor, shift = {
        "circle": (-2, "right", (-12, 0)),
        "grid": (1, "center", (0, 16)),
        "stripe": (1, "center", (0, -16)),
        "other": (2, "center", (0, 16)),
    }[kind]
    panel.figure.add_annotation(
        **{"x": x[i], "y": censuses[i].share(kind), "xref": panel.x, "yref": panel.y},
        **{"text": kind, "xanchor": anchor, "xshift": shift[0], "yshift": shift[1]},
        font=font(12, STYLES[kind].color),
    )


def _shares(x: Sequence[float], censuses: Sequence[Census], kind: str) -> list[go.Trace]:
    """Share of a kind over x with its Wilson band."""
    style = STYLES[kind]
    low, high = np.array([c.interval(kind) for c in censuses]).T
    red, green, blue = bytes.fromhex(style.color[1:])
    area = go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        **{"mode": "none", "fill": "toself", "fillcolor": f"rgba({red},{green},{blue},0.15)"},
        hoverinfo="skip",
    )
    line = go.Scatter(
        x=list(x),
        y=[c.share(kind) for c in censuses],
        **{"mode": "lines+markers", "name": kind, "cliponaxis": False},
        line={"color": style.color, "dash": style.dash, "width": 2},
        marker={"size": 7, "symbol": style.symbol, "color": style.color},
        hovertemplate=kind + ": %{y:.0%} at a = %{x}<extra></extra>",
    )
    return [area, line]


def _whiskered(x: Sequence[float], censuses: Sequence[Census], kind: str, **marker) -> go.Scatter:
    """Shares of a kind with their Wilson intervals, upright at x."""
    style = STYLES[kind]
    value = np.array([c.share(kind) for c in censuses])
    low, high = np.array([c.interval(kind) for c in censuses]).T
    ends = {"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low}
    return go.Scatter(
        x=list(x),
        y=value,
        **{"mode": "markers", "name": kind, "cliponaxis": False},
        marker={"size": 10, "color": style.color, "symbol": style.symbol} | marker,
        error_y=ends | {"color": style.color, "thickness": 1.5, "width": 0},
        hovertemplate=kind + ": %{y:.0%}<extra></extra>",
    )


def carry_over(pairs: Mapping[str, tuple[Census, Census]]) -> go.Figure:
    """Two-force runs (open) beside networks (filled), one panel a condition, one column a kind.

    Args:
        pairs: title to the census of two-force runs and that of networks; at most five.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    for both in _checks.mapping("pairs", pairs, 1, 5).values():
        for census in _checks.sequence("pairs", both, 2, 2):
            _checks.instance("pairs", census, Census)
    left, gap, tall, top = 52, 22, 190, 66
    each = (WIDTH - left - 8 - gap * (len(pairs) - 1)) / len(pairs)
    boxes = [(left + i * (each + gap), top, each, tall) for i in range(len(pairs))]
    figure, panels = sheet(top + tall + 34, boxes)
    columns = {"tickvals": list(range(4)), "ticktext": list(KINDS), "tickangle": 0}
    ticks = [0, 0.25, 0.5, 0.75, 1]
    for i, (panel, (title, both)) in enumerate(zip(panels, pairs.items(), strict=True)):
        text = {} if i == 0 else {"ticktext": [""] * 5}
        share = {"range": [0, 1], "tickformat": ".0%", "tickvals": ticks}
        panel.axes(columns | {"range": [-0.6, 3.6]}, share | text)
        off = f"{mismatch(*both):.0%} off"
        panel.note(f"<b>{title}</b><br>{_gray(off)}", yshift=6, align="left")
        for x, kind in enumerate(KINDS):
            rim = {"color": theme().paper, "line": {"width": 2, "color": STYLES[kind].color}}
            panel.add(_whiskered([x - 0.16], both[:1], kind, **rim))
            panel.add(_whiskered([x + 0.16], both[1:], kind))
    return figure


def _gray(text: str) -> str:
    return f'<span style="color:{theme().muted}">{text}</span>'
