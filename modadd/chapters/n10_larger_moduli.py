"""Notebook 10: what carries over to larger moduli, what a step costs, and the figures of both."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd import structure
from modadd.plots.palette import INK, LINE, MUTED, PAPER, STYLES, blend
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.traces import centred, joined, listed, segments
from modadd.training import TrainingConfig, train

SQUARE, HEXAGONAL = 1j, complex(0.5, 3**0.5 / 2)
"""The shapes τ of the square and of the hexagonal lattice."""

# --- galleries ------------------------------------------------------------------------------------


def moduli_gallery(runs: dict[int, np.ndarray]) -> go.Figure:
    """Examples of each modulus: a row of up to four, or two large ones of more than 100 tokens.

    Args:
        runs: by modulus N, final embeddings (S, N, 2), of which the first are shown.
    """
    left, boxes, shown, top = 34, [], [], 30
    for N, E in runs.items():
        columns = 2 if N > 100 else 4
        count, room = min(len(E), columns), (WIDTH - left) / columns
        tall = room - 20
        boxes += [(left + i * room + 6, top, room - 12, tall) for i in range(count)]
        shown += [(N, E[i], tall, i == 0) for i in range(count)]
        top += tall + 44
    figure, panels = sheet(top - 32, boxes)
    for panel, (N, E, tall, first) in zip(panels, shown, strict=True):
        _patch_of(panel, E, tall)
        if first:
            where = {"xanchor": "right", "yanchor": "middle", "xshift": -10, "textangle": -90}
            panel.note(f"<b>N = {N}</b>", 0, 0.5, font=font(14), **where)
    return figure


def _patch_of(panel: Panel, E: np.ndarray, tall: float) -> None:
    """Embeddings (N, 2) in a panel, with their bonds and, above, their kind and score."""
    E = centred(E)
    found = structure.describe(E)
    kind, patch = str(found.kind), found.grid
    panel.plane(1.1 * np.abs(E).max())
    third = third_bonds(E, patch) if kind in ("grid", "stripe") else np.empty((0, 2), int)
    panel.add(*segments(E[third[:, 0]], E[third[:, 1]], LINE))
    size = max(5.0, min(14.0, 0.44 * tall / np.sqrt(len(E))))
    panel.add(*joined(E, size, listed(found.bonds)))
    score = found.circle.score if kind == "circle" else patch.score
    name = f'<b><span style="color:{STYLES[kind].color}">{kind}</span></b>'
    number = "" if kind == "other" else f" {score:.2f}"
    look = {"xanchor": "center", "font": font(12, MUTED)}
    panel.note(name + number, 0.5, yshift=2, **look)


def third_bonds(E: np.ndarray, patch: structure.Grid) -> np.ndarray:
    """Tokens of a patch joined by the short diagonal of its cells, (B, 2); none if that is long.

    >>> i, j = np.divmod(np.arange(16), 4)
    >>> E = np.stack([i + 0.5 * j, 0.75**0.5 * j], -1)  # hexagonal
    >>> third_bonds(E, structure.grid(E)).shape
    (9, 2)
    """
    (u, v), (g, h) = patch.steps, patch.vectors
    sign = -1 if g @ h > 0 else 1
    diagonal, N = g + sign * h, len(E)
    shortest = min(np.linalg.norm(g), np.linalg.norm(h))
    if not np.linalg.norm(diagonal) < 1.35 * shortest:
        return np.empty((0, 2), int)
    a = np.arange(N)
    b = (a + u + sign * v) % N
    near = np.linalg.norm(E[b] - E - diagonal, axis=-1) < 0.3 * shortest
    return np.stack([a, b], -1)[near & patch.joined & patch.joined[b]]


# --- shapes and kinds -----------------------------------------------------------------------------


def lattice_shape(patch: structure.Grid) -> np.ndarray:
    """Shapes τ of lattices, whatever their size and direction: complex (...).

    With the shorter vector of a reduced basis laid along 1, the longer one points to τ; mirror
    images count as equal, so 0 <= Re τ <= 1/2 and |τ| >= 1. The square is i, the hexagonal lattice
    exp(iπ/3), and |τ| is the ratio of the lengths. NaN where there is no patch.

    >>> i, j = np.divmod(np.arange(16), 4)
    >>> lattice_shape(structure.grid(np.stack([2.0 * i, 3.0 * j], -1))).round(6)
    np.complex128(1.5j)
    """
    z = patch.vectors[..., 0] + 1j * patch.vectors[..., 1]
    short = np.abs(z).argmin(-1)[..., None]
    with np.errstate(invalid="ignore"):  # NaN where there is no patch
        tau = np.take_along_axis(z, 1 - short, -1) / np.take_along_axis(z, short, -1)
    return (np.abs(tau.real) + 1j * np.abs(tau.imag))[..., 0][()]


def shapes(E: np.ndarray) -> np.ndarray:
    """Shapes τ of the lattices among embeddings (S, N, 2)."""
    found = structure.describe(E)
    return lattice_shape(found.grid)[np.isin(found.kind, ["grid", "stripe"])]


def lattices(found: dict[int, np.ndarray]) -> go.Figure:
    """Shapes of lattices on their map, and shares of kinds.

    Args:
        found: by modulus N, final embeddings (S, N, 2).
    """
    height = 46 * len(found)
    figure, (chart, shares) = sheet(400, [(60, 50, 250, 290), (430, 50, 340, height)])
    figure.update_layout(barmode="overlay")
    tones = [blend(LINE, INK, t) for t in np.linspace(0, 1, len(found))]
    places = {N: shapes(E) for N, E in found.items()}
    _shape_map(chart, max([8, *(1.1 * tau.imag.max() for tau in places.values() if tau.size)]))
    for (N, tau), tone in zip(places.items(), tones):
        marker = {"size": 9, "color": tone, "line": {"width": 0.8, "color": INK}}
        data = np.stack([np.abs(tau), np.degrees(np.angle(tau))], -1)
        hover = "ratio %{customdata[0]:.2f}, angle %{customdata[1]:.0f}°"
        where = {"x": tau.real, "y": tau.imag, "customdata": data}
        where["hovertemplate"] = f"{hover}<extra>N = {N}</extra>"
        chart.add(go.Scatter(**where, mode="markers", marker=marker, name=f"N = {N}"))
    words = [f'<span style="color:{tone}">●</span> {N}' for N, tone in zip(found, tones)]
    chart.note("<b>Shapes of lattices</b>", yshift=26)
    chart.note("N =   " + "   ".join(words), yshift=8)
    shares.note("<b>Kinds</b>", yshift=8)
    share = {"range": [0, 1], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    rows = {"range": [len(found) - 0.5, -0.5], "visible": False}
    shares.axes(share | {"title": {"text": "share of runs"}}, rows)
    for row, (N, E) in enumerate(found.items()):
        _kind_bar(shares, row, structure.census(E))
        place = {"x": 0, "y": row, "xref": shares.x, "yref": shares.y, "xanchor": "right"}
        figure.add_annotation(
            text=f"<b>N = {N}</b><br>{len(E)} runs", xshift=-10, align="right", **place
        )
    return figure


def _shape_map(panel: Panel, top: float) -> None:
    """The map of lattice shapes up to height `top`: its border, the square, the hexagonal."""
    arc = np.exp(1j * np.linspace(np.pi / 3, np.pi / 2, 40))
    border = np.concatenate([[0.5 + 1j * top], arc, [1j * top]])
    line = {"color": MUTED, "width": 1, "simplify": False}
    panel.add(go.Scatter(x=border.real, y=border.imag, mode="lines", line=line, hoverinfo="skip"))
    heights = {"type": "log", "range": np.log10([0.68, top]), "title": {"text": "height, Im τ"}}
    heights["tickvals"] = [tick for tick in (1, 2, 4, 8, 16, 32, 64) if tick <= top]
    skew = {"range": [-0.06, 0.62], "tickvals": [0, 0.5], "title": {"text": "skew, Re τ"}}
    panel.axes(skew, heights)
    for word, tau in (("square", SQUARE), ("hexagonal", HEXAGONAL)):
        marker = {"size": 18, "symbol": "circle-open", "color": STYLES["grid"].color}
        panel.add(
            go.Scatter(x=[tau.real], y=[tau.imag], mode="markers", marker=marker, hoverinfo="skip")
        )
        place = {"x": tau.real, "y": np.log10(tau.imag), "xref": panel.x, "yref": panel.y}
        look = {"xanchor": "center", "yanchor": "top", "yshift": -10}
        look["font"] = font(11, STYLES["grid"].color)
        panel.figure.add_annotation(text=word, **place, **look)


def _kind_bar(panel: Panel, row: int, found: structure.Census) -> None:
    """Shares of kinds as one bar, with the count in each part."""
    start = 0.0
    for kind in structure.KINDS:
        share, count = found.share(kind), found.count(kind)
        if not count:
            continue
        tone = blend(STYLES[kind].color, PAPER, 0.45)
        panel.add(
            go.Bar(
                x=[share],
                y=[row],
                base=[start],
                orientation="h",
                width=0.52,
                marker={"color": tone, "line": {"width": 0}},
                text=f"{kind} {count}" if share > 0.16 else str(count),
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                constraintext="none",
                textfont=font(11),
                hovertemplate=f"{kind}: {count} of {found.total}<extra></extra>",
            )
        )
        start += share


# --- the superlattice of labels -------------------------------------------------------------------


class Cells(NamedTuple):
    """How compact M lattices are as cells of their superlattice, beside random patches of it."""

    moment: np.ndarray  #: (M,) mean squared distance from the middle, over the area of N tokens
    nearest: np.ndarray  #: (M,) share of tokens nearer to the middle than all their copies
    shape: np.ndarray  #: (M,) complex τ of the superlattice, see `lattice_shape`
    random_moment: np.ndarray  #: (M,) of one random connected patch of the same lattice and steps
    random_nearest: np.ndarray  #: (M,)
    random_shape: np.ndarray  #: (M,) τ of the same lattice with random steps


def cells(E: np.ndarray, seed: int = 0) -> Cells:
    """Lattices among embeddings (S, N, 2), N prime, as cells of their superlattice.

    The label i u + j v (mod N) does not tell a lattice point from another that lies a vector of
    L = {(i, j): i u + j v ≡ 0 mod N} away. So a patch chooses one point of each coset of L, and its
    ideal is the Wigner–Seitz cell of L: the points nearer to the middle than to any of its copies.
    """
    rng, rows = np.random.default_rng(seed), []
    n = E.shape[-2]
    kinds = structure.classify(E)
    for tokens in E[np.isin(kinds, ["grid", "stripe"])].astype(float):
        found = structure.grid(tokens)
        u, v = (int(step) for step in found.steps)
        g = found.vectors @ [1, 1j]
        area = n * abs((g[0].conj() * g[1]).imag)
        other = rng.choice(np.arange(1, (n + 1) // 2), 2, replace=False) * rng.choice([-1, 1], 2)
        drawn = superlattice(int(other[0]), int(other[1]), g, n)
        basis = superlattice(u, v, g, n)
        both = [_compactness(z, basis, area) for z in (tokens @ [1, 1j], _random(u, v, g, n, rng))]
        rows.append([*both[0], basis[1] / basis[0], *both[1], drawn[1] / drawn[0]])
    columns = np.array(rows).reshape(-1, 6).T
    tau, drawn_tau = (np.abs(c.real) + 1j * np.abs(c.imag) for c in columns[2::3])
    moment, nearest, _, other_moment, other_nearest, _ = columns.real
    return Cells(moment, nearest, tau, other_moment, other_nearest, drawn_tau)


def superlattice(u: int, v: int, g: np.ndarray, modulus: int) -> tuple[complex, complex]:
    """Reduced basis of i g₁ + j g₂ with i u + j v ≡ 0 (mod N), the shorter first; N prime."""
    short, long = modulus * g[0], -v * pow(u, -1, modulus) % modulus * g[0] + g[1]
    while True:
        if abs(short) > abs(long):
            short, long = long, short
        times = round((long / short).real)
        if not times:
            return short, long
        long -= times * short


def _compactness(z: np.ndarray, basis: tuple[complex, complex], area: float) -> tuple[float, float]:
    """Second moment over the area, and share of points z (N,) nearest to the middle."""
    z, (a, b) = z - z.mean(), basis
    moves = np.array([s * m for m in (a, b, a + b, a - b) for s in (1, -1)])
    copies = np.abs(z[:, None] + moves) ** 2
    # Points on the border of the cell have a copy as near as themselves.
    nearest = (np.abs(z[:, None]) ** 2 <= copies + 0.02 * abs(a) ** 2).all(-1)
    return (np.abs(z) ** 2).mean() / area, nearest.mean()


def _random(u: int, v: int, g: np.ndarray, modulus: int, rng: np.random.Generator) -> np.ndarray:
    """A connected patch with each label once, grown from one point by random neighbours: (N,)."""
    labels, edge, points = {0}, [(1, 0), (0, 1), (-1, 0), (0, -1)], [(0, 0)]
    while len(points) < modulus:
        i, j = edge.pop(rng.integers(len(edge)))
        if (label := (i * u + j * v) % modulus) not in labels:
            labels.add(label)
            points.append((i, j))
            edge += [(i + 1, j), (i, j + 1), (i - 1, j), (i, j - 1)]
    return np.array(points) @ g


def cell_figure(E: np.ndarray, found: dict[int, Cells]) -> go.Figure:
    """One lattice within its Wigner–Seitz cell; second moments of all, beside random patches.

    Args:
        E: (N, 2) of a lattice, N prime.
        found: by modulus.
    """
    figure, (plane, moments) = sheet(380, [(10, 44, 330, 310), (430, 44, 350, 270)])
    n, patch = len(E), structure.grid(E)
    g = patch.vectors @ [1, 1j]
    a, b = superlattice(*(int(s) for s in patch.steps), g, n)
    z = E.astype(float) @ [1, 1j]
    z -= z.mean()
    around = np.array([i * a + j * b for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j])
    reach = 1.05 * np.abs(around).min() + 0.5 * np.abs(z).max()
    plane.plane(reach)
    plane.note("<b>One lattice</b>, and copies of it by L", yshift=8)
    copies = (z[:, None] + around).ravel()
    copies = copies[np.maximum(np.abs(copies.real), np.abs(copies.imag)) < reach]
    marker = {"size": 6, "color": LINE}
    where = {"x": copies.real, "y": copies.imag, "mode": "markers", "hoverinfo": "skip"}
    plane.add(go.Scatter(**where, marker=marker))
    corners = _corners(a, b)
    line = {"color": STYLES["grid"].color, "width": 1.5}
    x, y = corners.real, corners.imag
    plane.add(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip"))
    plane.add(*joined(np.stack([z.real, z.imag], -1), 13))
    moments.note("<b>Second moment</b> over the area", yshift=8)
    for row, cells in enumerate(found.values()):
        for values, style, drop in (
            (cells.moment, "grid", -0.15),
            (cells.random_moment, "floor", 0.15),
        ):
            look = {"color": STYLES[style].color, "size": 6, "opacity": 0.4}
            hover = "%{x:.3f}<extra></extra>"
            y = np.full(len(values), row + drop)
            moments.add(go.Scatter(x=values, y=y, mode="markers", marker=look, hovertemplate=hover))
    hexagon = 5 / (18 * 3**0.5)
    moments.add(*segments([[hexagon, -0.5]], [[hexagon, len(found) - 0.5]]))
    rows = {"range": [len(found) - 0.5, -0.5], "tickvals": list(range(len(found)))}
    ticks = {"ticktext": [f"N = {N}" for N in found]}
    every = np.concatenate([m for c in found.values() for m in (c.moment, c.random_moment)])
    low, high = np.log10([min(every.min(), hexagon), every.max()])
    steps = {"tickvals": [0.15, 0.2, 0.3, 0.5, 1, 2, 5], "title": {"text": "line: a hexagon"}}
    moments.axes({"type": "log", "range": [low - 0.03, high + 0.05], **steps}, rows | ticks)
    words = [("grid", "trained"), ("floor", "random patches of the same lattice")]
    colored = [f'<span style="color:{STYLES[s].color}">● {word}</span>' for s, word in words]
    moments.note("   ".join(colored), 0, 0, yanchor="top", yshift=-44)
    return figure


def _corners(a: complex, b: complex) -> np.ndarray:
    """The closed border of the Wigner–Seitz cell of a reduced basis: (7,) complex."""
    if (b / a).real < 0:
        b = -b
    # Circumcentres of the triangles around the origin: those of 0, p, q.
    ring = [a, b, b - a, -a, -b, a - b]
    pairs = zip(ring, ring[1:] + ring[:1])
    found = [1j * p * q * (p - q).conjugate() / (2 * (p.conjugate() * q).imag) for p, q in pairs]
    return np.array([*found, found[0]])


# --- what training costs --------------------------------------------------------------------------


class Cost(NamedTuple):
    """What training one seed takes on one core."""

    seconds: float  #: a step
    bytes: float  #: of memory at most, beside Python and the package; NaN where unknown


def training_cost(configs: Sequence[TrainingConfig]) -> list[Cost]:
    """Time of a step, and the memory that 60 recorded ones take, in a fresh process.

    Args:
        configs: small ones first, because memory is never given back. It is known on Linux only.

    >>> training_cost([TrainingConfig()])[0].seconds  # doctest: +SKIP
    2e-05
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return list(pool.map(_cost, configs))


def _cost(config: TrainingConfig) -> Cost:
    """Memory with 60 snapshots first; then time, without what recording and a start take."""
    before = _idle_memory()
    _memory("VmRSS", reset=True)
    _time_of(replace(config, steps=59), 60)
    memory = _memory("VmHWM") - before
    # The more steps, the smaller they are: about a tenth of a second.
    steps = 60 + int(3e7 / (len(config.task.pairs) * config.hidden))
    whole, start = (
        min(_time_of(replace(config, steps=count), 2) for _ in range(3)) for count in (steps, 0)
    )
    return Cost(max(whole - start, 1e-9) / steps, memory)


def _time_of(config: TrainingConfig, snapshots: int) -> float:
    """Seconds of training one seed on one thread."""
    start = perf_counter()
    train(config, 0, threads=1, snapshots=snapshots, cache=False, progress=False)
    return perf_counter() - start


@cache
def _idle_memory() -> float:
    """Bytes of this process before its first configuration, but after what is done once."""
    _time_of(TrainingConfig(3, 4, 2), 2)
    return _memory("VmRSS")


def _memory(what: str, reset: bool = False) -> float:
    """Bytes of this process now (VmRSS) or at most (VmHWM) since the last reset; else NaN."""
    process = Path("/proc/self")
    try:
        if reset:
            (process / "clear_refs").write_text("5")
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return float("nan")
    return 1024 * next(float(line.split()[1]) for line in lines if line.startswith(what))


def cost_over_moduli(moduli: Sequence[int], costs: Sequence[Cost], hidden: int) -> go.Figure:
    """Time of a step and memory over the modulus, beside the power law that the products suggest.

    Args:
        moduli: (C,) increasing.
        costs: (C,) of them, at one hidden width.
        hidden: that width.
    """
    figure, panels = sheet(290, [(70, 44, 310, 186), (476, 44, 300, 186)])
    N, pairs = np.array(moduli), np.array(moduli) * (np.array(moduli) + 1) / 2
    seconds = np.array([1e3 * cost.seconds for cost in costs])
    megabytes = np.array([cost.bytes / 1e6 for cost in costs])
    style = STYLES["training"]
    for panel, y, shape, title, law in (
        (panels[0], seconds, pairs * N, "Time of one step, ms", "∝ N³"),
        (panels[1], megabytes, N, "Memory of one seed with 60 snapshots, MB", "∝ N"),
    ):
        there = y > 0
        if not there.any():
            panel.note("not known on this machine", 0.5, 0.5, xanchor="center")
            continue
        guide = y[there][-1] * shape / shape[there][-1]
        drawn = np.log10([*y[there], *guide])
        panel.axes(
            {
                "type": "log",
                "tickvals": N.tolist(),
                "ticktext": [str(n) for n in N],
                "range": np.log10([N[0] * 0.85, N[-1] * 1.2]),
                "title": {"text": "N"},
            },
            {"type": "log", "dtick": 1, "range": [drawn.min() - 0.3, drawn.max() + 0.3]},
        )
        panel.note(f"<b>{title}</b>", yshift=8)
        line = {"color": MUTED, "width": 1, "dash": "dot"}
        panel.add(go.Scatter(x=N, y=guide, mode="lines", line=line, hoverinfo="skip"))
        words = f'<span style="color:{MUTED}">┈ {law}</span>'
        panel.note(words, 1, 0.04, xanchor="right")
        hover = "N = %{x}: %{y:.3g}<extra>" + f"H = {hidden}</extra>"
        marker = {"size": 9, "color": style.color, "symbol": style.symbol}
        line = {"color": style.color, "width": 2}
        where = {"x": N[there], "y": y[there], "hovertemplate": hover}
        panel.add(go.Scatter(**where, mode="lines+markers", marker=marker, line=line))
    return figure
