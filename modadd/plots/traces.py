"""What goes into panels: functions named after what they draw, which return lists of plotly traces.

`Panel.add` puts them into any panel.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import model, structure
from modadd.model import Parameters
from modadd.plots.palette import INK, MUTED, PAPER, Style, blend, faded, text_on, token_colors
from modadd.plots.panels import square_root
from modadd.plots.png import indexed_png
from modadd.task import ModularAddition


def embeddings(
    E: np.ndarray, size: float = 15, opacity: float = 1.0, tokens: Sequence[int] | None = None
) -> list[go.Trace]:
    """Tokens as discs of `size` px at their embeddings E (N, 2), numbered where size allows.

    The opacity is that of the discs on the paper; their numbers stay legible. `tokens` are those
    that are drawn; None: all.
    """
    shown = range(len(E)) if tokens is None else tokens
    every = token_colors(len(E))
    colors = [blend(every[token], PAPER, 1 - opacity) for token in shown]
    rims = [blend(color, INK, 0.3) for color in colors]  # 3 : 1 against the paper
    return [
        go.Scatter(
            x=E[shown, 0],
            y=E[shown, 1],
            mode="markers+text" if size >= 11 else "markers",
            cliponaxis=False,
            marker={"size": size, "color": colors, "line": {"width": 0.8, "color": rims}},
            text=[str(token) for token in shown],
            textfont={
                "size": max(8, round(0.6 * size)),
                "color": [text_on(color) for color in colors],
            },
            hovertemplate="token %{text}<extra></extra>",
        )
    ]


def bonds(E: np.ndarray) -> np.ndarray:
    """Tokens that structure joins in E (N, 2), as `structure.describe` has it: (B, 2) ints.

    >>> angle = 2 * np.pi * np.arange(5) / 5
    >>> bonds(np.stack([np.cos(angle), np.sin(angle)], -1)).tolist()
    [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]
    """
    return listed(structure.describe(E).bonds)


def listed(joined: np.ndarray) -> np.ndarray:
    """Bonds (B, 2) from those of `structure.describe`, (N, 2) with −1 for none."""
    place, token = np.nonzero(joined.T >= 0)
    return np.stack([token, joined[token, place]], -1)


def joined(E: np.ndarray, size: float = 15, pairs: np.ndarray | None = None) -> list[go.Trace]:
    """Tokens of E (N, 2) as in `embeddings`, `size` px, over the lines of their bonds.

    `pairs` (B, 2) are the bonds where they are known already.
    """
    pairs = bonds(E) if pairs is None else pairs
    return [*segments(E[pairs[:, 0]], E[pairs[:, 1]]), *embeddings(E, size)]


def centred(E: ArrayLike) -> np.ndarray:
    """E (..., N, 2) with the middle of its bounding box at the origin.

    >>> centred([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]]).tolist()
    [[-2.0, -1.0], [2.0, -1.0], [-2.0, 1.0]]
    """
    E = np.asarray(E, dtype=float)
    return E - (E.max(-2, keepdims=True) + E.min(-2, keepdims=True)) / 2


def whisker(
    value: ArrayLike, low: ArrayLike, high: ArrayLike, color: str, width: float = 1.5
) -> dict:
    """Error bars from low to high (M,) through values (M,), or through one of each.

    >>> bars = whisker(0.5, 0.25, 1.0, "#000000")
    >>> bars["array"], bars["arrayminus"]
    (array([0.5]), array([0.25]))
    """
    value, low, high = (np.atleast_1d(np.asarray(end, dtype=float)) for end in (value, low, high))
    ends = {"array": high - value, "arrayminus": value - low}
    look = {"color": color, "thickness": width, "width": 0}
    return {"type": "data", "symmetric": False} | ends | look


def marks(
    x: ArrayLike, y: ArrayLike, marker: dict, hover: str = "", extra: str = "", **look
) -> go.Scatter:
    """Marks at x and y (M,), joined where `look` has a line; pointing at one shows hover and extra.

    `marker` and `look` are as plotly has them.
    """
    mode = "lines+markers" if "line" in look else "markers"
    return go.Scatter(x=x, y=y, mode=mode, marker=marker, **_hover(hover, extra) | look)


def line(
    x: ArrayLike,
    y: ArrayLike,
    color: str,
    width: float = 2,
    dash: str = "solid",
    hover: str = "",
    extra: str = "",
    **look,
) -> go.Scatter:
    """A line through x and y (M,), `width` px wide; otherwise as `marks`."""
    style = {"color": color, "width": width, "dash": dash}
    return go.Scatter(x=x, y=y, mode="lines", line=style, **_hover(hover, extra) | look)


def _hover(hover: str, extra: str) -> dict:
    return {"hovertemplate": f"{hover}<extra>{extra}</extra>"} if hover else {"hoverinfo": "skip"}


def segments(
    starts: ArrayLike, ends: ArrayLike, color: str = MUTED, width: float = 1
) -> list[go.Trace]:
    """Straight lines from starts (B, 2) to ends (B, 2), as one trace."""
    starts = np.asarray(starts, dtype=float)
    points = np.stack([starts, ends, np.full_like(starts, np.nan)], 1).reshape(-1, 2)
    return [line(*points.T, color, width)]


def pair_sums(
    E: np.ndarray,
    right: np.ndarray | None = None,
    size: float = 5,
    held_out: np.ndarray | None = None,
) -> list[go.Trace]:
    """Pair sums of E (N, 2) in the colours of their labels.

    Those not `right` (P,) are larger, with a dark rim; those `held_out` (P,), the validation pairs,
    are hollow. Two traces, "right" and "wrong"; with `held_out` also "held out, right" and "held
    out, wrong".
    """
    task = ModularAddition(len(E))
    none = np.zeros(len(task.pairs), bool)
    right = ~none if right is None else right
    hollow = none if held_out is None else held_out
    colors, x = np.array(token_colors(len(E))), task.pair_sums(E)

    def trace(name: str, chosen: np.ndarray, size: float, rim: dict, inner: bool = False):
        own = colors[task.labels[chosen]].tolist()
        marker = {"size": size, "color": own, "line": rim}
        if inner:
            marker = {"size": size, "color": PAPER, "line": {"width": 1.6, "color": own}}
        data = np.column_stack([task.pairs, task.labels])[chosen].astype(np.int16)
        hover = "%{customdata[0]} + %{customdata[1]} ≡ %{customdata[2]}"
        return marks(*x[chosen].T, marker, hover, name, name=name, customdata=data)

    bare, dark = {"width": 0}, {"width": 1, "color": INK}
    traces = [
        trace("right", right & ~hollow, size, bare),
        trace("wrong", ~right & ~hollow, size + 1.5, dark),
    ]
    if hollow.any():
        # A dark ring around the hollow disc: a disc under it.
        ring = {"size": size + 4.5, "color": INK, "line": bare}
        traces += [
            trace("held out, right", right & hollow, size, bare, inner=True),
            marks(*x[hollow & ~right].T, ring),
            trace("held out, wrong", ~right & hollow, size, bare, inner=True),
        ]
    return traces


def regions(
    parameters: Parameters, reach: float, bias_scale: float = 1.0, resolution: int = 300
) -> list[go.Trace]:
    """Decision regions of one seed over |x|, |y| <= reach: the pale colour of the label chosen.

    The resolution is in pixels a side.
    """
    step = 2 * reach / resolution
    middle = -reach + step * (np.arange(resolution) + 0.5)
    labels = model.regions(parameters, middle, middle, bias_scale)
    pale = [blend(c, PAPER, 0.62) for c in token_colors(parameters.b2.shape[-1])]
    picture = indexed_png(labels, np.array([list(bytes.fromhex(color[1:])) for color in pale]))
    source = "data:image/png;base64," + base64.b64encode(picture).decode()
    return [go.Image(source=source, x0=middle[0], y0=middle[0], dx=step, dy=step, hoverinfo="skip")]


def curve(
    x: ArrayLike, y: ArrayLike, style: Style, name: str, digits: str = ".3g"
) -> list[go.Trace]:
    """One scalar over steps, (T,) each."""
    hover, steps = f"step %{{customdata}}: %{{y:{digits}}}", np.asarray(x)
    look = {"dash": style.dash, "customdata": steps, "name": name}
    return [line(square_root(steps), y, style.color, hover=hover, extra=name, **look)]


def band(
    x: ArrayLike, ys: np.ndarray, style: Style, name: str, opacity: float = 0.18
) -> list[go.Trace]:
    """Over steps (T,) the median of ys (T, S), and a band that holds the middle half of the seeds.

    Steps at which no seed has a value are left out.
    """
    there = np.isfinite(ys).any(axis=1)
    if not there.any():
        return [go.Scatter(x=[None], y=[None]), *curve([], [], style, name)]
    x, ys = np.asarray(x)[there], np.asarray(ys)[there]
    low, median, high = np.nanquantile(ys, [0.25, 0.5, 0.75], axis=1)
    shade = area(square_root(x), low, high, style.color, opacity)
    return [*shade, *curve(x, median, style, name)]


def area(
    x: ArrayLike, low: ArrayLike, high: ArrayLike, color: str, opacity: float
) -> list[go.Trace]:
    """What lies between two curves over x, (T,) each."""
    return [
        go.Scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            mode="none",
            fill="toself",
            fillcolor=faded(color, opacity),
            hoverinfo="skip",
        )
    ]
