"""Figures of what the force law predicts beyond the paper: phases, the lottery, larger moduli.

Each function returns a plotly figure of the current theme; the few measures that only these
figures need stand beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from modadd import forces, structure
from modadd.palette import STYLES, Style, blend, theme, token_colors
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
from modadd.training import TrainingConfig, train

# --- phases --------------------------------------------------------------------------------------


class Correlation(NamedTuple):
    """A rank correlation with its bootstrap interval."""

    value: float
    low: float
    high: float
    draws: np.ndarray  #: (draws,) its values under resampling of the seeds, to compare predictors


def rank_correlation(
    circles: np.ndarray, predictor: ArrayLike, draws: int = 1000, seed: int = 0
) -> Correlation:
    """Spearman's correlation over cells of the share of circles with a predictor.

    Args:
        circles: (..., S) bools: which seeds became circles in each cell; the same seeds in all.
        predictor: (...) one number a cell.
        draws: resamples of the seeds behind the 95 % interval.
        seed: of the resampling.

    >>> circles = np.arange(4)[:, None] > np.arange(5)
    >>> rank_correlation(circles, [1, 2, 3, 4]).value
    1.0
    """
    circles = np.asarray(circles, float).reshape(-1, np.shape(circles)[-1])
    x = rankdata(np.ravel(predictor))
    chosen = np.random.default_rng(seed).integers(circles.shape[1], size=(draws, circles.shape[1]))
    shares = np.concatenate([circles.mean(-1)[None], circles[:, chosen].mean(-1).T])
    y = rankdata(shares, axis=-1)
    x, y = x - x.mean(), y - y.mean(-1, keepdims=True)
    size = np.sqrt((x**2).sum() * (y**2).sum(-1))
    rho = np.divide(y @ x, size, out=np.zeros(len(y)), where=size > 0)
    low, high = np.quantile(rho[1:], [0.025, 0.975])
    return Correlation(float(rho[0]), float(low), float(high), rho[1:])


def half_learnt(run: Run) -> np.ndarray:
    """Embeddings (S, N, 2) at the first snapshot with half of the final accuracy."""
    first = (run.accuracy >= 0.5 * run.accuracy[-1]).argmax(axis=0)
    return run.embeddings[first, np.arange(len(run.seeds))]


def alignment_weight(E: np.ndarray, bias_scale: float) -> float:
    """Weight w_a of alignment in the two-term formula for embeddings (S, N, 2), at most 1.

    Without bias the exact law is alignment, so the weight is 1.
    """
    return 1.0 if bias_scale == 0 else min(1.0, forces.two_term_fit(E, bias_scale).alignment)


def phase_diagram(
    kinds: np.ndarray,
    scales: Sequence[float],
    bias_scales: Sequence[float],
    predictions: dict[str, np.ndarray],
) -> go.Figure:
    """Kinds over initial scale and bias scale, one mark a run, and lines where w_a is a half.

    Args:
        kinds: (R, C, S) words of structure.KINDS.
        scales: (R,) initial scales, of the rows from below.
        bias_scales: (C,) β, of the columns from the left.
        predictions: by name up to two of (R, C) w_a; the first is drawn dashed, the second solid.
    """
    kinds = np.asarray(kinds)
    R, C, S = kinds.shape
    side = 112
    figure, (panel,) = sheet(44 + side * R + 62, [(84, 44, side * C, side * R)])
    _cell_axes(panel, scales, bias_scales)
    for row in range(R):
        for column in range(C):
            _tile(panel, column, row, kinds[row, column])
    _marks(panel, kinds)
    for (name, weight), dash in zip(predictions.items(), ("9px,6px", "solid")):
        _half_line(panel, np.asarray(weight), name, dash)
    _cell_hover(panel, kinds, scales, bias_scales)
    _keys(panel, list(predictions), S)
    return figure


def _cell_axes(panel: Panel, scales: Sequence[float], bias_scales: Sequence[float]) -> None:
    """Axes of a table of cells with unit distance."""

    def ticks(values: Sequence[float], title: str) -> dict:
        return {
            "range": [-0.5, len(values) - 0.5],
            "tickvals": list(range(len(values))),
            "ticktext": [f"{value:g}" for value in values],
            "title": {"text": title},
            "showline": False,
            "ticks": "",
            "tickfont": font(12),
            "fixedrange": True,
        }

    panel.axes(ticks(bias_scales, "bias scale β"), ticks(scales, "scale of initial embeddings"))


def _tile(panel: Panel, column: int, row: int, kinds: np.ndarray, reach: float = 0.47) -> None:
    """Ground of a cell: the deeper its blue, the more circles."""
    share = float((kinds == "circle").mean())
    panel.figure.add_shape(
        type="rect",
        x0=column - reach,
        x1=column + reach,
        y0=row - reach,
        y1=row + reach,
        xref=panel.x,
        yref=panel.y,
        line={"width": 0},
        fillcolor=blend(theme().paper, STYLES["circle"].color, 0.04 + 0.36 * share),
        layer="below",
    )


def _marks(panel: Panel, kinds: np.ndarray) -> None:
    """One mark a run, sorted by kind, in rows from the top of each cell."""
    R, C, S = kinds.shape
    across = int(np.ceil(np.sqrt(S)))
    order = np.array([structure.KINDS.index(kind) for kind in kinds.ravel()]).reshape(kinds.shape)
    order.sort(axis=-1)
    place = np.arange(S)
    step = 0.8 / across
    x = np.arange(C)[None, :, None] + step * (place % across - (across - 1) / 2)
    y = np.arange(R)[:, None, None] - step * (place // across - (across - 1) / 2)
    for i, kind in enumerate(structure.KINDS):
        chosen = order == i
        size = min(13, 66 / across)
        style = {"color": STYLES[kind].color, "symbol": STYLES[kind].symbol, "size": size}
        where = {
            "x": np.broadcast_to(x, order.shape)[chosen],
            "y": np.broadcast_to(y, order.shape)[chosen],
        }
        panel.add(go.Scatter(**where, mode="markers", marker=style, name=kind, hoverinfo="skip"))


def _half_line(panel: Panel, weight: np.ndarray, name: str, dash: str) -> None:
    """Line along which w_a (R, C) is a half."""
    beyond = np.pad(weight, 1, mode="reflect", reflect_type="odd")
    # Drawn twice, first wide in the colour of the paper, so that it stands off the marks.
    for width, color in ((6, theme().paper), (2.5, theme().ink)):
        panel.add(
            go.Contour(
                z=beyond,
                x=np.arange(-1, weight.shape[1] + 1),
                y=np.arange(-1, weight.shape[0] + 1),
                contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
                line={"width": width, "color": color, "dash": dash, "smoothing": 0.8},
                showscale=False,
                name=name,
                hoverinfo="skip",
            )
        )


def _cell_hover(panel: Panel, kinds: np.ndarray, scales, bias_scales) -> None:
    """An invisible mark over each cell that tells its counts."""
    R, C, S = kinds.shape
    text = [
        f"β = {bias_scales[c]:g}, scale {scales[r]:g}<br>"
        + "<br>".join(f"{kind} {(kinds[r, c] == kind).sum()} of {S}" for kind in structure.KINDS)
        for r in range(R)
        for c in range(C)
    ]
    y, x = np.divmod(np.arange(R * C), C)
    marker = {"size": 104, "symbol": "square", "opacity": 0}
    hover = "%{hovertext}<extra></extra>"
    panel.add(
        go.Scatter(
            x=x, y=y, mode="markers", marker=marker, hovertext=text, hovertemplate=hover, name=""
        )
    )


def _keys(panel: Panel, names: Sequence[str], S: int) -> None:
    """Names of kinds and lines above the cells."""
    symbols = {"circle": "●", "grid": "■", "stripe": "◆", "other": "✚"}
    words = [
        f'<span style="color:{STYLES[kind].color}">{symbols[kind]} <b>{kind}</b></span>'
        for kind in structure.KINDS
    ]
    panel.note("   ".join(words), yshift=10, font=font(13))
    lines = [f"{mark} <b>{name}</b>" for mark, name in zip(("╍╍", "━━"), names)]
    panel.note("     ".join(lines), 1, yshift=10, xanchor="right", font=font(12))


def phase_examples(
    E: np.ndarray,
    kinds: np.ndarray,
    scales: Sequence[float],
    bias_scales: Sequence[float],
    seeds: Sequence[int],
) -> go.Figure:
    """One run of every cell of the phase diagram; a slider takes the next seed in all of them.

    Args:
        E: (R, C, S, N, 2) final embeddings.
        kinds: (R, C, S) their kinds.
        scales, bias_scales: as for `phase_diagram`.
        seeds: (S,).
    """
    E, kinds = np.asarray(E), np.asarray(kinds)
    R, C, S = kinds.shape
    side = 112
    top, bottom = 20, 138
    figure, (panel,) = sheet(top + side * R + bottom, [(84, top, side * C, side * R)])
    _cell_axes(panel, scales, bias_scales)
    for row in range(R):
        for column in range(C):
            _tile(panel, column, row, kinds[row, column])
    for trace in _small(E[:, :, 0], kinds[:, :, 0]):
        panel.add(trace)
    figure.frames = [
        go.Frame(name=str(seeds[s]), data=_moved(_small(E[:, :, s], kinds[:, :, s])))
        for s in range(S)
    ]
    height = figure.layout.height
    figure.update_layout(**_slider([str(s) for s in seeds], "seed ", 0, 74 / height, play=False))
    return figure


def _small(E: np.ndarray, kinds: np.ndarray) -> list[go.Trace]:
    """Embeddings (R, C, N, 2), each small in its cell, with bonds and the name of its kind."""
    R, C, N, _ = E.shape
    E = E - (E.max(-2, keepdims=True) + E.min(-2, keepdims=True)) / 2
    E = 0.36 * E / np.abs(E).max((-2, -1), keepdims=True)
    joined = [[bonds(E[r, c]) for c in range(C)] for r in range(R)]
    centre = np.stack(np.meshgrid(np.arange(C), np.arange(R)), -1).astype(float)
    E = E + centre[:, :, None] - [0, 0.05]
    starts, ends = (
        np.concatenate([E[r, c][joined[r][c][:, i]] for r in range(R) for c in range(C)])
        for i in (0, 1)
    )
    points = E.reshape(-1, 2).astype(np.float32)
    dots = go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        marker={"size": 6, "color": token_colors(N) * (R * C), "line": {"width": 0}},
        text=[str(a) for a in range(N)] * (R * C),
        hovertemplate="token %{text}<extra></extra>",
    )
    names = go.Scatter(
        x=centre[..., 0].ravel() - 0.44,
        y=centre[..., 1].ravel() + 0.41,
        mode="text",
        text=kinds.ravel().tolist(),
        textposition="middle right",
        textfont={"size": 11, "color": [STYLES[kind].color for kind in kinds.ravel()]},
        hoverinfo="skip",
    )
    return [*_single(segments(starts, ends)), dots, names]


def _single(traces: list[go.Scatter]) -> list[go.Scatter]:
    """Traces in single precision: half as large."""
    for trace in traces:
        trace.x, trace.y = (np.asarray(values, np.float32) for values in (trace.x, trace.y))
    return traces


def _moved(traces: Sequence[go.Scatter]) -> list[go.Scatter]:
    """Of small traces only what differs between frames."""
    lines, dots, names = traces
    words = go.Scatter(text=names.text, textfont={"color": names.textfont.color})
    return [*(go.Scatter(x=trace.x, y=trace.y) for trace in (lines, dots)), words]


def _slider(
    names: Sequence[str], prefix: str, active: int, y: float, left: float = 84, play: bool = True
) -> dict:
    """Layout of a slider over frames, `y` from below, and of the button that plays them."""
    still = {"mode": "immediate", "transition": {"duration": 0}}
    jump = still | {"frame": {"duration": 0, "redraw": True}}
    run = still | {"frame": {"duration": 110, "redraw": True}, "fromcurrent": True}
    slider = {
        "active": active,
        "x": left / WIDTH,
        "len": (WIDTH - left - 20) / WIDTH,
        "y": y,
        "pad": {"t": 0, "b": 0},
        "currentvalue": {"prefix": prefix, "font": font(13), "offset": 6},
        "font": font(11, theme().muted),
        "ticklen": 3,
        "tickcolor": theme().line,
        "bgcolor": theme().line,
        "activebgcolor": theme().muted,
        "bordercolor": theme().paper,
        "steps": [{"label": n, "method": "animate", "args": [[n], jump]} for n in names],
    }
    if not play:
        return {"sliders": [slider]}
    buttons = [
        {"label": "▶", "method": "animate", "args": [None, run]},
        {"label": "❚❚", "method": "animate", "args": [[None], jump]},
    ]
    look = {"bgcolor": theme().paper, "bordercolor": theme().line, "font": font(12)}
    place = {"x": 0.01, "y": y - 0.03, "xanchor": "left", "yanchor": "top", "pad": {"t": 0, "r": 0}}
    menu = {"type": "buttons", "direction": "left", "showactive": False, "buttons": buttons}
    return {"sliders": [slider], "updatemenus": [menu | look | place]}


def predictors(
    kinds: np.ndarray, scales: Sequence[float], values: dict[str, tuple[str, np.ndarray]]
) -> go.Figure:
    """Share of circles in each cell over up to three quantities that might predict it.

    Args:
        kinds: (R, C, S).
        scales: (R,) initial scales, told apart by colour.
        values: title=(name of the axis, (R, C)) of each panel.
    """
    circles = np.asarray(kinds) == "circle"
    each = (WIDTH - 50) / len(values)
    boxes = [(50 + i * each, 84, each - 34, 196) for i in range(len(values))]
    figure, panels = sheet(338, boxes)
    shades = [blend(theme().line, theme().ink, t) for t in np.linspace(0, 1, len(scales))]
    words = [f'<span style="color:{c}">●</span> {scale:g}' for c, scale in zip(shades, scales)]
    panels[0].note("scale of initial embeddings   " + "   ".join(words), yshift=52)
    for panel, (title, (axis, x)) in zip(panels, values.items(), strict=True):
        found = rank_correlation(circles, x)
        panel.note(f"<b>{title}</b>", yshift=24)
        words = f"rank correlation {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
        panel.note(words.replace("-", "−"), yshift=8, font=font(12, theme().muted))
        panel.axes(
            {"range": [-0.04, 1.06], "tickvals": [0, 0.5, 1], "title": {"text": axis}},
            {"range": [-0.04, 1.02], "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        )
        for row, scale in enumerate(scales):
            _shares_over(panel, x[row], circles[row], shades[row], f"scale {scale:g}")
    left = {"xanchor": "right", "yanchor": "middle", "textangle": -90, "xshift": -32}
    panels[0].note("circles", 0, 0.5, font=font(12, theme().muted), **left)
    return figure


def _shares_over(panel: Panel, x: np.ndarray, hits: np.ndarray, color: str, name: str) -> None:
    """Share of hits (C, S) over x (C,), with Wilson intervals."""
    share = hits.mean(-1)
    ends = np.array([structure.wilson(int(h.sum()), h.size) for h in hits])
    whisker = {
        "type": "data",
        "symmetric": False,
        "array": ends[:, 1] - share,
        "arrayminus": share - ends[:, 0],
        "thickness": 1,
        "width": 0,
        "color": blend(color, theme().paper, 0.55),
    }
    panel.add(
        go.Scatter(
            x=x,
            y=share,
            mode="markers",
            marker={"size": 8, "color": color, "line": {"width": 0.8, "color": theme().paper}},
            error_y=whisker,
            name=name,
            hovertemplate="%{y:.0%} circles at %{x:.2f}<extra>" + name + "</extra>",
        )
    )


# --- the frequency lottery -----------------------------------------------------------------------


class Race(NamedTuple):
    """Where the frequencies of S embeddings start, and which is strongest at the end."""

    lead: np.ndarray  #: (S,) largest over second largest Fourier power at the start, >= 1
    won: np.ndarray  #: (S,) bool: the strongest frequency of the start is that of the end
    circle: np.ndarray  #: (S,) bool: the end is a circle


def fourier_power(E: np.ndarray) -> np.ndarray:
    """Power of the frequencies 1 to (N − 1) / 2 of embeddings (..., N, 2), for odd N.

    Unnormalised transform, k and N − k together, summed over both coordinates.

    >>> angle = 2 * np.pi * 3 * np.arange(17) / 17
    >>> print(fourier_power(np.stack([np.cos(angle), np.sin(angle)], -1)).argmax() + 1)
    3
    """
    half = np.fft.rfft(E, axis=-2)[..., 1:, :]
    return 2 * np.square(np.abs(half)).sum(-1)


def race(run: Run) -> Race:
    """The race of frequencies in each seed of a run whose first snapshot is step 0."""
    first, last = fourier_power(run.embeddings[0]), fourier_power(run.final)
    order = np.sort(first, axis=-1)
    return Race(
        order[:, -1] / order[:, -2],
        first.argmax(-1) == last.argmax(-1),
        structure.classify(run.final) == "circle",
    )


LEADS = (1.0, 1.15, 1.4, 1.8, np.inf)
"""Bounds of the groups of leads in `lottery`."""


def hit_rates(found: Race) -> list[tuple[float, int, int]]:
    """Of circles, by LEADS: their median lead, how often the strongest won, their number."""
    rates = []
    for low, high in pairwise(LEADS):
        chosen = found.circle & (found.lead >= low) & (found.lead < high)
        if chosen.any():
            rates.append(
                (float(np.median(found.lead[chosen])), found.won[chosen].sum(), chosen.sum())
            )
    return rates


def lottery(races: dict[str, Race], by_lead: dict[str, Race], modulus: int) -> go.Figure:
    """How often the frequency that starts strongest wins, against chance; and over its lead.

    Args:
        races: by name, the rows of the left panel, best eight at most.
        by_lead: by name up to three for the right panel.
        modulus: N, for chance.
    """
    chance = 2 / (modulus - 1)
    height = 40 * len(races)
    figure, (rate, lead) = sheet(height + 128, [(196, 66, 236, height), (500, 66, 280, height)])
    for panel, title in ((rate, "the strongest frequency wins"), (lead, "… over its lead")):
        panel.note(f"<b>{title.capitalize() if panel is rate else title}</b>", yshift=30)
    share = {"range": [0, 1.03], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    title = {"text": "share of runs, with 95% Wilson interval"}
    rate.axes({**share, "title": title}, {"range": [len(races) - 0.5, -0.5], "visible": False})
    rate.note("● circles   ○ all runs", yshift=10, font=font(12, theme().muted))
    for row, (name, found) in enumerate(races.items()):
        _row(rate, row, name, found)
    ticks = {"tickvals": [1, 1.5, 2, 3], "ticktext": ["1", "1.5", "2", "3"]}
    title = {"text": "largest over second largest power at the start"}
    lead.axes({"type": "log", "range": np.log10([0.97, 3.2]), "title": title, **ticks}, share)
    styles = (Style(theme().ink, "circle", "solid"), STYLES["alignment"], STYLES["validation"])
    words = []
    for (name, found), style, nudge in zip(by_lead.items(), styles, (1, 0.985, 1.015)):
        words.append(f'<span style="color:{style.color}">{_SYMBOLS[style.symbol]} {name}</span>')
        x, wins, number = (np.array(column) for column in zip(*hit_rates(found)))
        lead.add(_with_interval(nudge * x, wins, number, name, style))
    lead.note("   ".join(words), yshift=10)
    line = {"color": theme().muted, "width": 1, "dash": "dot"}
    for panel, ends in (
        (
            rate,
            {
                "x0": chance,
                "x1": chance,
                "y0": 0,
                "y1": 1,
                "xref": rate.x,
                "yref": f"{rate.y} domain",
            },
        ),
        (
            lead,
            {
                "x0": 0,
                "x1": 1,
                "y0": chance,
                "y1": chance,
                "xref": f"{lead.x} domain",
                "yref": lead.y,
            },
        ),
    ):
        panel.figure.add_shape(type="line", line=line, **ends)
    lead.note("chance", 1, chance + 0.01, xanchor="right", font=font(11, theme().muted))
    return figure


_SYMBOLS = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆"}


def _row(panel: Panel, row: int, name: str, found: Race) -> None:
    """Hit rate of circles (filled) and of all runs (hollow), named at the left."""
    color = STYLES["circle"].color
    for chosen, symbol, drop in (
        (found.circle, "circle", -0.12),
        (found.lead > 0, "circle-open", 0.2),
    ):
        wins, number = int(found.won[chosen].sum()), int(chosen.sum())
        if not number:
            continue
        low, high = structure.wilson(wins, number)
        value, tone = wins / number, color if symbol == "circle" else theme().muted
        whisker = {"type": "data", "symmetric": False, "thickness": 1.5, "width": 0, "color": tone}
        panel.add(
            go.Scatter(
                x=[value],
                y=[row + drop],
                mode="markers",
                marker={"size": 9, "symbol": symbol, "color": tone},
                error_x=whisker | {"array": [high - value], "arrayminus": [value - low]},
                hovertemplate=f"{wins} of {number}: {value:.0%}<extra>{name}</extra>",
            )
        )
    left = {"x": 0, "y": row, "xref": f"{panel.x} domain", "yref": panel.y, "xanchor": "right"}
    of = f"{int(found.circle.sum())} circles of {found.lead.size}"
    text = f"<b>{name}</b><br>{of}"
    panel.figure.add_annotation(text=text, align="right", xshift=-12, **left)


def _with_interval(x, wins, number, name: str, style: Style) -> go.Scatter:
    """Shares wins / number over x with Wilson intervals."""
    share = wins / number
    ends = np.array([structure.wilson(int(w), int(n)) for w, n in zip(wins, number)])
    whisker = {
        "type": "data",
        "symmetric": False,
        "thickness": 1.5,
        "width": 0,
        "color": style.color,
    }
    return go.Scatter(
        x=x,
        y=share,
        mode="lines+markers",
        line={"color": style.color, "width": 1.5, "dash": style.dash},
        marker={"size": 9, "color": style.color, "symbol": style.symbol},
        error_y=whisker | {"array": ends[:, 1] - share, "arrayminus": share - ends[:, 0]},
        customdata=np.stack([wins, number], -1),
        hovertemplate="%{customdata[0]} of %{customdata[1]}<extra>" + name + "</extra>",
    )


def power_movie(run: Run, seed: int) -> go.Figure:
    """Shares of the Fourier power of one seed over training, under a slider that needs no kernel.

    Args:
        run: whose first snapshot is step 0.
        seed: one of its seeds.
    """
    one = run.select(seed)
    E, steps = one.embeddings[:, 0], one.steps
    share = fourier_power(E)
    share /= share.sum(-1, keepdims=True)
    k, winner = np.arange(1, share.shape[1] + 1), int(share[-1].argmax())
    boxes = [(60, 44, 320, 230), (470, 30, 250, 250), (60, 368, 660, 130)]
    figure, (bars, plane, courses) = sheet(652, boxes)
    colors = [theme().line] * len(k)
    colors[winner] = STYLES["circle"].color
    ticks = {"range": [0, 1.04], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    bars.axes(
        {"tickvals": k.tolist(), "title": {"text": "frequency"}, "range": [0.4, len(k) + 0.6]},
        ticks,
    )
    bars.note("<b>Share of Fourier power</b>; lines: at the start", yshift=8)
    plane.plane(1.12 * np.abs(E).max())
    plane.note("<b>Embeddings</b>", yshift=0)
    over_steps(courses, steps[-1], "Shares over training", **ticks)
    for i in [i for i in range(len(k)) if i != winner] + [winner]:
        line = {
            "color": theme().muted if i != winner else colors[i],
            "width": 1 if i != winner else 2.4,
        }
        hover = "step %{customdata}: %{y:.0%}<extra>frequency " + f"{i + 1}</extra>"
        where = {"x": square_root(steps), "y": share[:, i], "customdata": steps}
        courses.add(go.Scatter(**where, mode="lines", line=line, hovertemplate=hover))
    ends = np.stack([k - 0.36, share[0]], -1), np.stack([k + 0.36, share[0]], -1)

    def moving(t: int) -> list[go.Trace]:
        bar = go.Bar(x=k, y=share[t], marker={"color": colors, "line": {"width": 0}}, width=0.72)
        at = steps[t] ** 0.5
        cursor = segments(np.array([[at, 0]]), np.array([[at, 1.04]]), theme().ink)
        return [bar, *embeddings(E[t], 17), *cursor]

    first = len(figure.data)
    for panel, trace in zip((bars, plane, courses), moving(len(steps) - 1)):
        panel.add(trace)
    moved = list(range(first, len(figure.data)))
    bars.add(*segments(*ends, theme().ink, 1.4))
    figure.frames = [
        go.Frame(name=str(step), data=[_place(trace) for trace in moving(t)], traces=moved)
        for t, step in enumerate(steps)
    ]
    names = [str(step) for step in steps]
    figure.update_layout(**_slider(names, "step ", len(steps) - 1, 86 / 652, left=108))
    return figure


def _place(trace: go.Trace) -> go.Trace:
    """Of a trace only where it is."""
    return type(trace)(x=trace.x, y=trace.y)


# --- larger moduli -------------------------------------------------------------------------------

SQUARE, HEXAGONAL = 1j, complex(0.5, 3**0.5 / 2)
"""The shapes of the square and of the hexagonal lattice, see `lattice_shape`."""


def lattice_shape(patch: structure.Grid) -> np.ndarray:
    """Shape of lattices, whatever their size and direction: one complex number for each (...).

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


def moduli_gallery(runs: dict[int, np.ndarray]) -> go.Figure:
    """Examples of each modulus: a row of up to four, or two large ones of more than 100 tokens.

    Args:
        runs: by modulus N, final embeddings (S, N, 2), of which the first are shown.
    """
    left, boxes, shown, top = 34, [], [], 30
    for N, E in runs.items():
        count = min(len(E), 2 if N > 100 else 4)
        room = (WIDTH - left) / (2 if N > 100 else 4)
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
    E = E - (E.max(0) + E.min(0)) / 2
    kind, patch = str(structure.classify(E)), structure.grid(E)
    panel.plane(1.1 * np.abs(E).max())
    joined = bonds(E)
    third = third_bonds(E, patch) if kind in ("grid", "stripe") else joined[:0]
    panel.add(*segments(E[third[:, 0]], E[third[:, 1]], theme().line))
    size = max(5.0, min(14.0, 0.44 * tall / np.sqrt(len(E))))
    panel.add(*segments(E[joined[:, 0]], E[joined[:, 1]]), *embeddings(E, size))
    score = structure.circle(E).score if kind == "circle" else patch.score
    name = f'<b><span style="color:{STYLES[kind].color}">{kind}</span></b>'
    number = "" if kind == "other" else f" {score:.2f}"
    look = {"xanchor": "center", "font": font(12, theme().muted)}
    panel.note(name + number, 0.5, yshift=2, **look)


def third_bonds(E: np.ndarray, patch: structure.Grid) -> np.ndarray:
    """Tokens of a patch joined by the short diagonal of its cells, (B, 2); none if that is long."""
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


def lattices(found: dict[int, np.ndarray]) -> go.Figure:
    """Shapes of lattices on their map, and shares of kinds, by modulus.

    Args:
        found: by modulus N, final embeddings (S, N, 2).
    """
    height = 46 * len(found)
    figure, (chart, shares) = sheet(400, [(60, 50, 250, 290), (430, 50, 340, height)])
    figure.update_layout(barmode="overlay")
    tones = [blend(theme().line, theme().ink, t) for t in np.linspace(0, 1, len(found))]
    _shape_map(chart)
    for (N, E), tone in zip(found.items(), tones):
        tau = lattice_shape(structure.grid(E[np.isin(structure.classify(E), ["grid", "stripe"])]))
        marker = {"size": 9, "color": tone, "line": {"width": 0.8, "color": theme().ink}}
        hover = (
            "ratio %{customdata[0]:.2f}, angle %{customdata[1]:.0f}°<extra>N = " + f"{N}</extra>"
        )
        data = np.stack([np.abs(tau), np.degrees(np.angle(tau))], -1)
        where = {"x": tau.real, "y": tau.imag, "customdata": data, "hovertemplate": hover}
        chart.add(go.Scatter(**where, mode="markers", marker=marker, name=f"N = {N}"))
    words = [f'<span style="color:{tone}">●</span> {N}' for N, tone in zip(found, tones)]
    chart.note("<b>Shapes of lattices</b>", yshift=26)
    chart.note("N =   " + "   ".join(words), yshift=8)
    shares.note("<b>Kinds</b>", yshift=8)
    shares.axes(
        {
            "range": [0, 1],
            "tickvals": [0, 0.5, 1],
            "tickformat": ".0%",
            "title": {"text": "share of runs"},
        },
        {"range": [len(found) - 0.5, -0.5], "visible": False},
    )
    for row, (N, E) in enumerate(found.items()):
        _kind_bar(shares, row, structure.census(E))
        place = {"x": 0, "y": row, "xref": shares.x, "yref": shares.y, "xanchor": "right"}
        figure.add_annotation(
            text=f"<b>N = {N}</b><br>{len(E)} runs", xshift=-10, align="right", **place
        )
    return figure


def _shape_map(panel: Panel, top: float = 8) -> None:
    """The map of lattice shapes: its border, and the places of the square and the hexagonal."""
    arc = np.exp(1j * np.linspace(np.pi / 3, np.pi / 2, 40))
    border = np.concatenate([[0.5 + 1j * top], arc, [1j * top]])
    line = {"color": theme().muted, "width": 1, "simplify": False}
    panel.add(go.Scatter(x=border.real, y=border.imag, mode="lines", line=line, hoverinfo="skip"))
    panel.axes(
        {"range": [-0.06, 0.62], "tickvals": [0, 0.5], "title": {"text": "skew, Re τ"}},
        {
            "type": "log",
            "range": np.log10([0.68, top]),
            "tickvals": [1, 2, 4, 8],
            "title": {"text": "height, Im τ"},
        },
    )
    for word, tau in (("square", SQUARE), ("hexagonal", HEXAGONAL)):
        marker = {"size": 18, "symbol": "circle-open", "color": STYLES["grid"].color}
        panel.add(
            go.Scatter(x=[tau.real], y=[tau.imag], mode="markers", marker=marker, hoverinfo="skip")
        )
        place = {
            "x": tau.real,
            "y": np.log10(tau.imag),
            "xref": panel.x,
            "yref": panel.y,
            "yanchor": "top",
        }
        look = {"xanchor": "center", "yshift": -10, "font": font(11, STYLES["grid"].color)}
        panel.figure.add_annotation(text=word, **place, **look)


def _kind_bar(panel: Panel, row: int, found: structure.Census) -> None:
    """Shares of kinds as one bar, with the count in each part."""
    start = 0.0
    for kind in structure.KINDS:
        share, count = found.share(kind), found.count(kind)
        if not count:
            continue
        panel.add(
            go.Bar(
                x=[share],
                y=[row],
                base=[start],
                orientation="h",
                width=0.52,
                marker={
                    "color": blend(STYLES[kind].color, theme().paper, 0.45),
                    "line": {"width": 0},
                },
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


class Cost(NamedTuple):
    """What training one seed takes on one core."""

    seconds: float  #: a step
    bytes: float  #: of memory at most, beside Python and the package; NaN where unknown


def training_cost(configs: Sequence[TrainingConfig]) -> list[Cost]:
    """Time a step, and the memory that 60 recorded ones take, in a fresh process.

    Args:
        configs: small ones first, because memory is never given back. It is known on Linux only.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return list(pool.map(_cost, configs))


def _cost(config: TrainingConfig) -> Cost:
    """Seconds a step, the best of three, and the growth of this process's peak memory."""
    config = replace(config, steps=59)
    options = {"threads": 1, "snapshots": range(60), "cache": False, "progress": False}
    before, times = _idle_memory(), []
    _memory("VmRSS", reset=True)
    for _ in range(3):
        start = perf_counter()
        train(config, 0, **options)
        times.append((perf_counter() - start) / 60)
    return Cost(min(times), _memory("VmHWM") - before)


@cache
def _idle_memory() -> float:
    """Bytes of this process before its first configuration, but after what is done once."""
    train(TrainingConfig(3, 4, 2), 0, threads=1, cache=False, progress=False)
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
    """Time a step and memory over the modulus, beside the power law that the products suggest.

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
        low, high = np.log10(y[there].min()) - 0.5, np.log10(y[there].max()) + 0.4
        ticks = {"tickvals": N.tolist(), "ticktext": [str(n) for n in N]}
        panel.axes(
            {
                "type": "log",
                **ticks,
                "range": np.log10([N[0] * 0.85, N[-1] * 1.2]),
                "title": {"text": "N"},
            },
            {"type": "log", "dtick": 1, "range": [low, high]},
        )
        panel.note(f"<b>{title}</b>", yshift=8)
        guide = y[-1] * shape / shape[-1]
        line = {"color": theme().muted, "width": 1, "dash": "dot"}
        panel.add(go.Scatter(x=N, y=guide, mode="lines", line=line, hoverinfo="skip"))
        words = f'<span style="color:{theme().muted}">┈ {law}</span>'
        panel.note(words, 1, 0.04, xanchor="right")
        hover = "N = %{x}: %{y:.3g}<extra>" + f"H = {hidden}</extra>"
        marker = {"size": 9, "color": style.color, "symbol": style.symbol}
        line = {"color": style.color, "width": 2}
        where = {"x": N[there], "y": y[there], "hovertemplate": hover}
        panel.add(go.Scatter(**where, mode="lines+markers", marker=marker, line=line))
    return figure
