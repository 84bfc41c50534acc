"""Notebook 10: what carries over to larger moduli; and the tour of training over the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd import intervals, structure
from modadd._compiled import engine
from modadd._compiled.tour import TOUR
from modadd.model import Parameters
from modadd.plots.palette import INK, LINE, MUTED, PAPER, STYLES, blend, colored
from modadd.plots.panels import Panel, font, sheet, tiles
from modadd.plots.shares import wilsons
from modadd.plots.traces import (
    centred,
    joined,
    line,
    listed,
    marks,
    pair_sums,
    regions,
    segments,
    whisker,
)
from modadd.structure import Structure
from modadd.training import TrainingConfig, prepare

SQUARE, HEXAGONAL = 1j, complex(0.5, 3**0.5 / 2)
"""The shapes τ of the square and of the hexagonal lattice."""
NEAR = 0.25
"""How far from such a shape τ still counts as near it."""

RECIPES = {
    12: TrainingConfig(12, steps=1000),
    17: TrainingConfig(17, steps=1000),
    31: TrainingConfig(31, 128, 1200, learning_rate=0.3, weight_decay=1.5e-3),
    59: TrainingConfig(59, 128, 700, learning_rate=0.5, weight_decay=5e-4),
    113: TrainingConfig(113, 128, 900, learning_rate=1.0, weight_decay=2e-4),
}
"""Recipes by modulus."""


def moduli_gallery(finals: Mapping[int, np.ndarray]) -> go.Figure:
    """The first two networks of each modulus: N to final embeddings (S, N, 2), one column each."""
    columns = len(finals)
    boxes = tiles(2 * columns, 42, None, columns, left=6, right=6, gap=12, below=26)
    _, top, side, _ = boxes[-1]
    figure, panels = sheet(top + side + 26, boxes)
    for i, (N, E) in enumerate(finals.items()):
        found = structure.describe(E[:2])
        panels[i].note(f"<b>N = {N}</b>", 0.5, xanchor="center", yshift=18, font=font(14))
        for panel, one, kind, bonds in zip(panels[i::columns], centred(E), found.kind, found.bonds):
            panel.plane(1.12 * np.abs(one).max())
            panel.add(*joined(one, max(5.0, min(14.0, 0.44 * side / np.sqrt(N))), listed(bonds)))
            look = {"xanchor": "center", "font": font(12, STYLES[kind].color)}
            panel.note(f"<b>{kind}</b>", 0.5, yshift=1, **look)
    return figure


# --- what changes with N --------------------------------------------------------------------------


def lattices(kinds: np.ndarray) -> np.ndarray:
    """Which of kinds (S,) are lattices, bools."""
    return np.isin(kinds, ["grid", "stripe"])


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


def shapes(found: Structure) -> np.ndarray:
    """Shapes τ of the lattices among S embeddings, as described."""
    return lattice_shape(found.grid)[lattices(found.kind)]


class Measured(NamedTuple):
    """What S networks of one modulus became, each as a mean or share and its 95 % interval."""

    circles: intervals.Effect
    lattices: intervals.Effect
    hexagonal: intervals.Effect  #: of the lattices, those near the hexagonal shape
    closure: intervals.Effect  #: of the lattices
    accuracy: intervals.Effect


def measure(E: np.ndarray, found: Structure, accuracy: np.ndarray) -> Measured:
    """Measure final embeddings (S, N, 2), as described, and accuracies (S,); S of at least two."""
    lattice, near = lattices(found.kind), np.abs(shapes(found) - HEXAGONAL) < NEAR
    shares = (
        intervals.Effect(*wilsons(hits)) if hits.size else intervals.Effect(np.nan, 0.0, 1.0)
        for hits in (found.kind == "circle", lattice, near)
    )
    closed = structure.closure(E[lattice])
    closure = intervals.mean(closed) if len(closed) > 1 else intervals.Effect(*[np.nan] * 3)
    return Measured(*shares, closure, intervals.mean(accuracy))


TITLES = {
    "circles": "Circles",
    "lattices": "Lattices",
    "hexagonal": "Near hexagonal, of the lattices",
    "closure": "Closure of the lattices",
    "accuracy": "Accuracy",
}


def over_moduli(found: Mapping[int, Measured], taus: Mapping[int, np.ndarray]) -> go.Figure:
    """What was measured over N, with 95 % intervals; and the map of the shapes of lattices.

    For each N what its networks became, and shapes τ (L,) of its lattices.
    """
    boxes = [(52 + i % 2 * 250, 34 + i // 2 * 150, 200, 84) for i in range(5)]
    figure, (*panels, chart) = sheet(470, [*boxes, (560, 50, 222, 350)])
    n = np.array(list(found))
    for i, (panel, (name, title)) in enumerate(zip(panels, TITLES.items())):
        values = np.array([getattr(one, name) for one in found.values()]).T
        style = STYLES[("circle", "grid", "grid", "grid", "network")[i]]
        look = {"line": {"color": style.color, "width": 1.5}}
        look["error_y"] = whisker(*values, style.color)
        panel.add(marks(n, values[0], style.marker(8), "N = %{x}: %{y:.2f}", **look))
        panel.note(f"<b>{title}</b>", yshift=6)
        top = 0.6 if name == "closure" else 1.04
        ticks = {"tickvals": [0, 0.25, 0.5]} if name == "closure" else {"tickvals": [0, 0.5, 1]}
        form = {} if name == "closure" else {"tickformat": ".0%"}
        x = {"type": "log", "tickvals": n, "ticktext": [str(k) for k in n], "title": {"text": "N"}}
        panel.axes(x, {"range": [-0.03 * top, top], **ticks, **form})
    _shape_map(chart, taus)
    return figure


def _shape_map(panel: Panel, taus: Mapping[int, np.ndarray]) -> None:
    """One point a lattice at its shape τ, within the border of all shapes; N by darkness."""
    top = max([8, *(1.1 * tau.imag.max() for tau in taus.values() if tau.size)])
    arc = np.exp(1j * np.linspace(np.pi / 3, np.pi / 2, 40))
    border = np.concatenate([[0.5 + 1j * top], arc, [1j * top]])
    panel.add(line(border.real, border.imag, MUTED, 1).update(line_simplify=False))
    tones = [blend(LINE, INK, t) for t in np.linspace(0, 1, len(taus))]
    for (N, tau), tone in zip(taus.items(), tones):
        marker = {"size": 6, "color": tone, "line": {"width": 0.6, "color": INK}}
        hover = "ratio %{customdata[0]:.2f}, angle %{customdata[1]:.0f}°"
        shape = np.stack([np.abs(tau), np.degrees(np.angle(tau))], -1)
        panel.add(marks(tau.real, tau.imag, marker, hover, f"N = {N}", customdata=shape))
    for word, tau in (("square", SQUARE), ("hexagonal", HEXAGONAL)):
        marker = {"size": 18, "symbol": "circle-open", "color": INK}
        panel.add(marks([tau.real], [tau.imag], marker))
        look = {"xanchor": "center", "yanchor": "top", "yshift": -10, "font": font(11)}
        panel.text(word, tau.real, np.log10(tau.imag), **look)
    words = [f"{colored('●', tone)} {N}" for N, tone in zip(taus, tones)]
    panel.note("<b>Shapes of lattices</b>", yshift=24)
    panel.note("N =  " + "  ".join(words), yshift=6, font=font(11))
    heights = {"type": "log", "range": np.log10([0.66, top]), "title": {"text": "height, Im τ"}}
    heights["tickvals"] = [tick for tick in (1, 2, 4, 8, 16, 32, 64) if tick <= top]
    panel.axes(
        {"range": [-0.08, 0.66], "tickvals": [0, 0.5], "title": {"text": "skew, Re τ"}}, heights
    )


# --- the superlattice of labels -------------------------------------------------------------------


class Cells(NamedTuple):
    """How compact M lattices are as cells of their superlattice, beside random patches of it."""

    moment: np.ndarray  #: (M,) mean squared distance from the middle, over the area of N tokens
    nearest: np.ndarray  #: (M,) share of tokens nearer to the middle than all their copies
    shape: np.ndarray  #: (M,) complex τ of the superlattice, see `lattice_shape`
    random_moment: np.ndarray  #: (M,) of one random connected patch of the same lattice and steps
    random_nearest: np.ndarray  #: (M,)
    random_shape: np.ndarray  #: (M,) τ of the same lattice with random steps


def cells(E: np.ndarray, found: Structure) -> Cells:
    """Lattices among embeddings (S, N, 2), as described, N prime, as cells of their superlattice.

    The label i u + j v (mod N) does not tell a lattice point from another that lies a vector of
    L = {(i, j): i u + j v ≡ 0 mod N} away. So a patch chooses one point of each coset of L, and its
    ideal is the Wigner–Seitz cell of L: the points nearer to the middle than to any of its copies.
    """
    rng, rows, n = np.random.default_rng(0), [], E.shape[-2]
    chosen = lattices(found.kind)
    steps, vectors = found.grid.steps[chosen].tolist(), found.grid.vectors[chosen]
    for tokens, (u, v), g in zip(E[chosen].astype(float), steps, vectors @ [1, 1j]):
        area = n * abs((g[0].conj() * g[1]).imag)
        other = rng.choice(np.arange(1, (n + 1) // 2), 2, replace=False) * rng.choice([-1, 1], 2)
        basis, drawn = superlattice(u, v, g, n), superlattice(*other.tolist(), g, n)
        own = _compactness(tokens @ [1, 1j], basis, area)
        chance = _compactness(_random(u, v, g, n, rng), basis, area)
        rows.append([*own, basis[1] / basis[0], *chance, drawn[1] / drawn[0]])
    columns = np.array(rows, complex).reshape(-1, 6).T
    columns = np.abs(columns.real) + 1j * np.abs(columns.imag)
    return Cells(*(column if i in (2, 5) else column.real for i, column in enumerate(columns)))


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


def cell_figure(E: np.ndarray, found: Mapping[int, Cells]) -> go.Figure:
    """A lattice E (N, 2) in its Wigner–Seitz cell; second moments of all, beside random patches."""
    figure, (plane, moments) = sheet(380, [(10, 44, 330, 310), (430, 44, 350, 250)])
    patch = structure.grid(E)
    a, b = superlattice(*(int(s) for s in patch.steps), patch.vectors @ [1, 1j], len(E))
    z = E.astype(float) @ [1, 1j]
    z -= z.mean()
    around = np.array([i * a + j * b for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j])
    reach = 1.05 * np.abs(around).min() + 0.5 * np.abs(z).max()
    plane.plane(reach)
    plane.note("<b>One lattice</b>, and copies of it by L", yshift=8)
    copies = (z[:, None] + around).ravel()
    copies = copies[np.maximum(np.abs(copies.real), np.abs(copies.imag)) < reach]
    plane.add(marks(copies.real, copies.imag, {"size": 6, "color": LINE}))
    corners = _corners(a, b)
    ends = np.stack([corners.real, corners.imag], -1)
    plane.add(*segments(ends[:-1], ends[1:], STYLES["grid"].color, 1.5))
    plane.add(*joined(np.stack([z.real, z.imag], -1), 13))
    words = []
    for style, name, field, shift in (
        (STYLES["grid"], "trained", "moment", -0.12),
        (STYLES["floor"], "random patches of the same lattice", "random_moment", 0.12),
    ):
        low, middle, high = (
            [np.quantile(getattr(one, field), q) for one in found.values()]
            for q in (0.25, 0.5, 0.75)
        )
        y, bars = np.arange(len(found)) + shift, whisker(middle, low, high, style.color, 3)
        hover = "median %{x:.3f}"
        moments.add(marks(middle, y, style.marker(9), hover, name, error_x=bars))
        words.append(style.key(name))
    moments.note("<b>Second moment</b> over the area: median and middle half", yshift=8)
    moments.note("   ".join(words), 0, 0, yanchor="top", yshift=-44)
    hexagon = 5 / (18 * 3**0.5)
    moments.add(*segments([[hexagon, -0.5]], [[hexagon, len(found) - 0.5]]))
    names = {"tickvals": list(range(len(found))), "ticktext": [f"N = {N}" for N in found]}
    moments.axes(
        {"rangemode": "tozero", "nticks": 6, "title": {"text": "line: a hexagon"}},
        {"range": [len(found) - 0.5, -0.5], **names},
    )
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


# --- the tour -------------------------------------------------------------------------------------


class Tour(NamedTuple):
    """The order in which training visits the pairs of one network."""

    order: np.ndarray
    """(P,) ints, pairs as `ModularAddition.pairs` numbers them."""
    on: np.ndarray
    """(P, H) bools: the hidden units that are on at each pair of the tour."""


def tour_through(parameters: Parameters) -> Tour:
    """The tour that training would plan for these parameters of one seed.

    >>> tour = tour_through(TrainingConfig(5, hidden=8).initial(0))
    >>> sorted(tour.order.tolist()) == list(range(15)), tour.on.shape
    (True, (15, 8))
    """
    E, w1, b1, *_ = (np.asarray(array, dtype=float) for array in parameters)
    config = TrainingConfig(len(E), len(b1), steps=0)
    theta, recipe, pairs = prepare(config, config.task, 0, parameters._asdict())
    state, stop, none = engine.begin(theta, pairs), np.zeros(1, np.uint8), np.zeros(1, np.int64)
    flat, scalars = np.empty((1, theta.size), np.float32), np.empty((1, 5), np.float32)
    engine.trace(theta, state, recipe, pairs, 0, none, stop, flat, scalars)
    order = state[:, theta.size + TOUR :].ravel()[: len(config.task.pairs)].astype(int)
    on = config.task.pair_sums(E)[order] @ w1 + b1 > 0
    return Tour(order, on)


def switches(on: np.ndarray) -> float:
    """How many units switch from one pair to the next, on average; on (P, H) in their order."""
    return float((on[1:] != on[:-1]).sum(1).mean())


def tour_figure(parameters: Parameters) -> go.Figure:
    """The lines of the hidden units over the plane of pair sums, and the tour through the regions.

    Left, all of it: pair sums in the colours of their labels, over the decision regions. Right, the
    middle, with a dot wherever the tour crosses a line, that is where a unit switches.
    """
    parameters = Parameters(*(np.asarray(array, dtype=np.float32) for array in parameters))
    E, tour = parameters.embeddings.astype(float), tour_through(parameters)
    x = TrainingConfig(len(E)).task.pair_sums(E)
    near = np.quantile(np.abs(x).max(1), 0.3)
    figure, (whole, middle) = sheet(470, [(0, 0, 470, 470), (490, 0, 310, 310)])
    for panel, reach, size in ((whole, 1.06 * np.abs(x).max(), 7), (middle, near, 11)):
        panel.add(*regions(parameters, reach, 1.0), *_lines(parameters, reach))
        legs = _within(x[tour.order[:-1]], x[tour.order[1:]], reach)
        panel.add(*segments(*legs, PAPER, 4), *segments(*legs, INK, 1.8))
        if panel is middle:
            panel.add(_crossings(x[tour.order], parameters, reach))
        panel.add(*pair_sums(E, (np.abs(x) <= reach).all(1), size)[:1])
        panel.plane(reach)
    box = near * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    whole.add(*segments(box, np.roll(box, -1, axis=0), INK, 1.2))
    return figure


def _lines(parameters: Parameters, reach: float) -> list[go.Trace]:
    """Where u·x + βb = 0, for each hidden unit (u, b)."""
    (u, v), c = parameters.w1.astype(float), parameters.b1.astype(float)
    size = np.hypot(u, v)
    foot = -c / size**2 * np.stack([u, v])
    along = 3 * reach * np.stack([-v, u]) / size
    lines = _within((foot - along).T, (foot + along).T, reach)
    return segments(*lines, blend(INK, PAPER, 0.35), 0.6)


def _within(starts: np.ndarray, ends: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The parts of segments, from (B, 2) to (B, 2), that lie in the square |x|, |y| ≤ reach."""
    ahead = ends - starts
    sides = np.stack([-reach - starts, reach - starts]) / np.where(ahead == 0, 1e-12, ahead)
    enter = np.clip(sides.min(0).max(-1), 0, 1)[:, None]
    leave = np.clip(sides.max(0).min(-1), 0, 1)[:, None]
    kept = (enter < leave)[:, 0]
    return (starts + enter * ahead)[kept], (starts + leave * ahead)[kept]


def _crossings(points: np.ndarray, parameters: Parameters, reach: float) -> go.Scatter:
    """Points at which the tour crosses a line, with |x|, |y| ≤ reach."""
    height = points @ parameters.w1 + parameters.b1
    leg, unit = np.nonzero((height[1:] > 0) != (height[:-1] > 0))
    before, after = height[leg, unit], height[leg + 1, unit]
    share = (before / (before - after))[:, None]
    at = points[leg] + share * (points[leg + 1] - points[leg])
    seen = (np.abs(at) <= reach).all(1)
    at, unit = at[seen], unit[seen]
    marker = {"size": 4.5, "color": PAPER, "line": {"width": 1.2, "color": INK}}
    return marks(*at.T, marker, "hidden unit %{customdata} switches", customdata=unit)
