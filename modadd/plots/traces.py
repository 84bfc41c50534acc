"""What goes into panels: functions named after what they draw, which return lists of plotly traces.

`Panel.add` puts them into any panel. Colours come from the current theme (`palette.theme`) at the
moment of the call.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components

from modadd import _checks, model, structure
from modadd._lattice import spacing
from modadd.model import Parameters
from modadd.plots.export import indexed_png
from modadd.plots.palette import STYLES, blend, faded, text_on, theme, token_colors
from modadd.plots.panels import square_root
from modadd.task import ModularAddition


def embeddings(E: np.ndarray, size: float = 15, opacity: float = 1.0) -> list[go.Trace]:
    """Tokens as discs of `size` px at their embeddings E (N, 2), numbered where size allows.

    Args:
        E: (N, 2), of the token a at a.
        size: px.
        opacity: 0 to 1, of the discs on the paper; their numbers stay legible.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    E = _checks.tokens("E", E)
    _checks.real("size", size, 0, 1000, open_low=True)
    opacity = _checks.real("opacity", opacity, 0, 1)
    colors = [blend(color, theme().paper, 1 - opacity) for color in token_colors(len(E))]
    rims = [blend(color, theme().ink, 0.3) for color in colors]  # 3 : 1 against the paper
    return [
        go.Scatter(
            x=E[:, 0],
            y=E[:, 1],
            mode="markers+text" if size >= 11 else "markers",
            cliponaxis=False,
            marker={"size": size, "color": colors, "line": {"width": 0.8, "color": rims}},
            text=[str(a) for a in range(len(E))],
            textfont={
                "size": max(8, round(0.6 * size)),
                "color": [text_on(color) for color in colors],
            },
            hovertemplate="token %{text}<extra></extra>",
        )
    ]


def disc(token: int, point: np.ndarray, N: int, size: float = 22) -> list[go.Trace]:
    """One token or label of Z_N as a numbered disc at a point (2,).

    Args:
        token: 0 to N − 1.
        point: (2,).
        N: number of tokens.
        size: px.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    N = _checks.integer("N", N, 3, _checks.MODULUS)
    token = _checks.integer("token", token, 0, N - 1)
    _checks.array("point", point, (2,))
    (trace,) = embeddings(np.broadcast_to(point, (N, 2)), size)
    marker = trace.marker
    for holder, name in ((trace, "x"), (trace, "y"), (trace, "text"), (marker, "color")):
        holder[name] = [holder[name][token]]
    marker.line.color, trace.textfont.color = (
        [marker.line.color[token]],
        [trace.textfont.color[token]],
    )
    return [trace]


def bonds(E: np.ndarray) -> np.ndarray:
    """Tokens that structure joins in E (N, 2), as `structure.describe` has it: (B, 2) ints.

    >>> angle = 2 * np.pi * np.arange(5) / 5
    >>> bonds(np.stack([np.cos(angle), np.sin(angle)], -1)).tolist()
    [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]
    """
    return listed(structure.describe(E).bonds)


def listed(joined: np.ndarray) -> np.ndarray:
    """Bonds (B, 2) from those of `structure.describe`, (N, 2) with −1 for none."""
    token, place = np.nonzero(joined >= 0)
    return np.stack([token, joined[token, place]], -1)


def joined(E: np.ndarray, size: float = 15, pairs: np.ndarray | None = None) -> list[go.Trace]:
    """Tokens of E (N, 2) as in `embeddings`, `size` px, over the lines of their bonds.

    `pairs` (B, 2) are the bonds where they are known already.
    """
    pairs = bonds(E) if pairs is None else pairs
    return [*segments(E[pairs[:, 0]], E[pairs[:, 1]]), *embeddings(E, size)]


def centred(E: np.ndarray) -> np.ndarray:
    """E (..., N, 2) with the middle of its bounding box at the origin.

    Args:
        E: embeddings.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> centred([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]]).tolist()
    [[-2.0, -1.0], [2.0, -1.0], [-2.0, 1.0]]
    """
    E = _checks.embeddings("E", E)
    return E - (E.max(-2, keepdims=True) + E.min(-2, keepdims=True)) / 2


def whisker(
    value: ArrayLike, low: ArrayLike, high: ArrayLike, color: str, width: float = 1.5
) -> dict:
    """Error bars from low to high (M,) through values (M,), or through one of each.

    Args:
        value: where the marks are.
        low: lower ends.
        high: upper ends.
        color: "#rrggbb".
        width: px.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> bars = whisker(0.5, 0.25, 1.0, "#000000")
    >>> bars["array"], bars["arrayminus"]
    (array([0.5]), array([0.25]))
    """
    value, low, high = (
        np.atleast_1d(_checks.array(name, end))
        for name, end in (("value", value), ("low", low), ("high", high))
    )
    ends = {"array": high - value, "arrayminus": value - low}
    look = {"color": color, "thickness": _checks.real("width", width, 0, 1000), "width": 0}
    return {"type": "data", "symmetric": False} | ends | look


def segments(
    starts: np.ndarray, ends: np.ndarray, color: str | None = None, width: float = 1
) -> list[go.Trace]:
    """Straight lines from starts (B, 2) to ends (B, 2), as one trace.

    Args:
        starts: (B, 2).
        ends: (B, 2).
        color: "#rrggbb"; None: muted.
        width: px.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.array("starts", starts, ("B", 2), finite=False)
    _checks.array("ends", ends, (len(starts), 2), finite=False)
    _checks.real("width", width, 0, 1000)
    starts = np.asarray(starts, dtype=float)
    points = np.stack([starts, ends, np.full_like(starts, np.nan)], 1).reshape(-1, 2)
    line = {"color": color or theme().muted, "width": width}
    return [go.Scatter(x=points[:, 0], y=points[:, 1], mode="lines", line=line, hoverinfo="skip")]


def pair_sums(
    E: np.ndarray,
    right: np.ndarray | None = None,
    size: float = 5,
    held_out: np.ndarray | None = None,
) -> list[go.Trace]:
    """Pair sums of E (N, 2) in the colours of their labels.

    Args:
        E: embeddings.
        right: (P,) bools; pairs that the network gets wrong are drawn larger, with a dark rim.
            None: all alike.
        size: diameter, px.
        held_out: (P,) bools; validation pairs are drawn hollow. None: there are none.
    Returns:
        two traces, "right" and "wrong"; with `held_out` two more, "held out, right" and
        "held out, wrong".

    Raises:
        ValueError: naming the argument that does not fit.
    """
    E = _checks.tokens("E", E)
    task = ModularAddition(len(E))
    none = np.zeros(len(task.pairs), bool)
    right = ~none if right is None else _checks.bools("right", right, len(none), some=False)
    hollow = (
        none if held_out is None else _checks.bools("held_out", held_out, len(none), some=False)
    )
    _checks.real("size", size, 0, 1000)
    colors, x = np.array(token_colors(len(E))), task.pair_sums(E)

    def trace(name: str, chosen: np.ndarray, size: float, rim: dict, inner: bool = False):
        own = colors[task.labels[chosen]].tolist()
        marker = {"size": size, "color": own, "line": rim}
        if inner:
            marker = {"size": size, "color": theme().paper, "line": {"width": 1.6, "color": own}}
        return go.Scatter(
            x=x[chosen, 0],
            y=x[chosen, 1],
            mode="markers",
            name=name,
            marker=marker,
            customdata=np.column_stack([task.pairs, task.labels])[chosen].astype(np.int16),
            hovertemplate="%{customdata[0]} + %{customdata[1]} ≡ %{customdata[2]}"
            f"<extra>{name}</extra>",
        )

    bare, dark = {"width": 0}, {"width": 1, "color": theme().ink}
    traces = [
        trace("right", right & ~hollow, size, bare),
        trace("wrong", ~right & ~hollow, size + 1.5, dark),
    ]
    if hollow.any():
        # A dark ring around the hollow disc: a disc under it.
        wrong = x[hollow & ~right]
        ring = {"size": size + 4.5, "color": theme().ink, "line": bare}
        traces += [
            trace("held out, right", right & hollow, size, bare, inner=True),
            go.Scatter(x=wrong[:, 0], y=wrong[:, 1], mode="markers", marker=ring, hoverinfo="skip"),
            trace("held out, wrong", ~right & hollow, size, bare, inner=True),
        ]
    return traces


def regions(
    parameters: Parameters, reach: float, bias_scale: float = 1.0, resolution: int = 300
) -> list[go.Trace]:
    """Decision regions over |x|, |y| <= reach: at each point the pale colour of the label chosen.

    Args:
        parameters: of one seed.
        reach: half the side of the square, > 0.
        bias_scale: β.
        resolution: px a side.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.instance("parameters", parameters, Parameters)
    reach = _checks.real("reach", reach, 0, 1e30, open_low=True)
    resolution = _checks.integer("resolution", resolution, 2, 4096)
    step = 2 * reach / resolution
    middle = -reach + step * (np.arange(resolution) + 0.5)
    labels = model.regions(parameters, middle, middle, bias_scale)
    pale = [blend(c, theme().paper, 0.62) for c in token_colors(parameters.b2.shape[-1])]
    picture = indexed_png(labels, np.array([list(bytes.fromhex(color[1:])) for color in pale]))
    source = "data:image/png;base64," + base64.b64encode(picture).decode()
    return [go.Image(source=source, x0=middle[0], y0=middle[0], dx=step, dy=step, hoverinfo="skip")]


def curve(x: ArrayLike, y: ArrayLike, style: str = "training", name: str = "") -> list[go.Trace]:
    """One scalar over steps, (T,) each, in one of palette.STYLES.

    Args:
        x: (T,) steps.
        y: (T,) values.
        style: one of palette.STYLES.
        name: what the curve is of.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.array("x", x, ("T",))
    _checks.array("y", y, (len(x),), finite=False)
    _checks.choice("style", style, tuple(STYLES))
    line = {"color": STYLES[style].color, "dash": STYLES[style].dash, "width": 2}
    hover = "step %{customdata}: %{y:.3g}<extra>" + name + "</extra>"
    where = {"x": square_root(x), "y": np.asarray(y), "customdata": np.asarray(x)}
    return [go.Scatter(**where, mode="lines", line=line, name=name, hovertemplate=hover)]


def band(x: ArrayLike, ys: np.ndarray, style: str = "training", name: str = "") -> list[go.Trace]:
    """Median over seeds of ys (T, S), and a band that holds the middle half of the seeds.

    Args:
        x: (T,) steps.
        ys: (T, S) values.
        style: one of palette.STYLES.
        name: what the curve is of.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.array("x", x, ("T",))
    _checks.array("ys", ys, (len(x), "S"), finite=False)
    _checks.choice("style", style, tuple(STYLES))
    there = np.isfinite(ys).any(axis=1)
    if not there.any():
        return [go.Scatter(x=[None], y=[None]), *curve([], [], style, name)]
    x, ys = np.asarray(x)[there], np.asarray(ys)[there]
    low, median, high = np.nanquantile(ys, [0.25, 0.5, 0.75], axis=1)
    round_trip = np.concatenate([square_root(x), square_root(x)[::-1]])
    area = go.Scatter(
        x=round_trip,
        y=np.concatenate([high, low[::-1]]),
        mode="none",
        fill="toself",
        fillcolor=faded(STYLES[style].color, 0.18),
        hoverinfo="skip",
        name=f"{name}, middle half",
    )
    return [area, *curve(x, median, style, name)]


def clumps(E: np.ndarray) -> list[go.Trace]:
    """Pair sums of E (N, 2), those of one label that coincide as one disc with the label on it.

    The disc's area grows with the number of ordered pairs.

    Args:
        E: embeddings.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    E = _checks.tokens("E", E)
    task = ModularAddition(len(E))
    x, reach = task.pair_sums(E), structure.CLOSURE_TOLERANCE * _spacing(E)
    together = np.linalg.norm(x[:, None] - x, axis=-1) <= reach
    together &= task.labels[:, None] == task.labels
    _, member = connected_components(together)
    weight = np.bincount(member, task.multiplicity)
    centre = np.stack([np.bincount(member, task.multiplicity * c) / weight for c in x.T], -1)
    label = np.zeros(len(weight), int)
    label[member] = task.labels
    colors = np.array(token_colors(len(E)))[label].tolist()
    return [
        go.Scatter(
            x=centre[:, 0],
            y=centre[:, 1],
            mode="markers+text",
            marker={
                "size": 11 + 3 * np.sqrt(weight),
                "color": colors,
                "opacity": 1,
                "line": {"width": 0},
            },
            cliponaxis=False,
            text=[str(y) for y in label],
            textfont={"size": 10, "color": [text_on(color) for color in colors]},
            customdata=weight,
            hovertemplate="label %{text}: %{customdata} ordered pairs<extra></extra>",
        )
    ]


def axes_of_labels(E: np.ndarray, lines: Sequence[int] | None = None) -> list[go.Trace]:
    """Pair sums of a circle E (N, 2); through those of a few labels their line, and its number.

    Args:
        E: embeddings.
        lines: labels whose line is drawn, 0 to N − 1; None: those of 0, 3 and 8 that there are.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    E = _checks.tokens("E", E)
    if lines is None:
        lines = [y for y in (0, 3, 8) if y < len(E)]
    lines = [_checks.integer("lines", y, 0, len(E) - 1) for y in _checks.sequence("lines", lines)]
    task = ModularAddition(len(E))
    x, colors = task.pair_sums(E), token_colors(len(E))
    reach, traces = 1.12 * np.linalg.norm(x, axis=-1).max(), []
    for y in lines:
        axis = np.linalg.svd(x[task.labels == y])[2][:1]
        traces += segments(-reach * axis, reach * axis, colors[y], 1.6)
        ends = np.concatenate([-axis, axis]) * reach
        marker = {"size": 18, "color": colors[y]}
        font = {"size": 12, "color": text_on(colors[y])}
        where = {"x": ends[:, 0], "y": ends[:, 1], "text": [str(y)] * 2, "textfont": font}
        traces.append(
            go.Scatter(
                **where, mode="markers+text", marker=marker, cliponaxis=False, hoverinfo="skip"
            )
        )
    return [*traces[::2], *pair_sums(E, size=7), *traces[1::2]]


def strip(values: np.ndarray, y: float, kind: str) -> list[go.Trace]:
    """Values (S,) as points along the row at y, spread evenly across it, and their median.

    Args:
        values: (S,).
        y: of the row.
        kind: one of structure.KINDS.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    values = _checks.array("values", values, ("S",), finite=False)
    _checks.choice("kind", kind, structure.KINDS)
    spread = y + 0.36 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)
    marker = {
        "size": 6,
        "color": STYLES[kind].color,
        "symbol": STYLES[kind].symbol,
        "opacity": 0.55,
    }
    hover = "%{x:.3f}<extra>" + kind + "</extra>"
    points = go.Scatter(
        x=values, y=spread, mode="markers", marker=marker, name=kind, hovertemplate=hover
    )
    rise = np.array([0, 0.3])
    middle = np.array([[np.median(values), y]]) if len(values) else np.empty((0, 2))
    return [points, *segments(middle - rise, middle + rise, theme().ink, 2)]


def _spacing(E: np.ndarray) -> float:
    """Median distance of a token to its nearest neighbour, as `structure` measures it."""
    centred = E - E.mean(0)
    rms = np.sqrt((centred**2).sum(-1).mean())
    return float(rms * spacing((centred[:, 0] + 1j * centred[:, 1])[None] / rms)[0])
