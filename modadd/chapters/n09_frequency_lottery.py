"""Notebook 9: which frequency of the start becomes that of the circle, and its figures."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd import forces, structure
from modadd.intervals import wilson
from modadd.plots.palette import INK, LINE, MUTED, PAPER, STYLES, Style, blend
from modadd.plots.panels import Panel, font, over_steps, rows, sheet, square_root
from modadd.plots.sliders import animate
from modadd.plots.traces import embeddings, line, marks, segments, whisker
from modadd.run import Run
from modadd.task import ModularAddition

LEADS = (1.0, 1.15, 1.4, 1.8, np.inf)
"""Bounds of the groups of leads in `hit_rates`."""


class Race(NamedTuple):
    """Where the frequencies of S embeddings start, and which is strongest at the end."""

    lead: np.ndarray  #: (S,) largest over second largest Fourier power at the start, >= 1
    won: np.ndarray  #: (S,) bool: the strongest frequency of the start is that of the end
    circle: np.ndarray  #: (S,) bool: the end is a circle


class HitRate(NamedTuple):
    """How often the strongest frequency won, among circles whose leads are alike."""

    lead: float  #: their median
    wins: int
    circles: int


def toy_force(E: np.ndarray) -> np.ndarray:
    """Force of the toy kernel (x·y)² on embeddings (..., N, 2): Σ_q c_pq 2 (x_p·x_q) x_q.

    Under label charges, frequencies decouple exactly (derived here). With the unnormalised
    transform Ê_k = Σ_a E_a exp(−2πi k a / N) of either coordinate,

        F̂_k = 8 |Ê_k|² Ê_k for k ≠ 0        F̂_0 = 0        |Ê_k|² summed over both coordinates

    >>> E = np.random.default_rng(0).standard_normal((7, 2))
    >>> transform = np.fft.fft(E, axis=0)
    >>> power = (abs(transform) ** 2).sum(axis=1, keepdims=True)
    >>> power[0] = 0
    >>> np.allclose(np.fft.fft(toy_force(E), axis=0), 8 * power * transform)
    True
    """
    task = ModularAddition(E.shape[-2])
    x, ordered = task.pair_sums(E), task.multiplicity
    pull = forces.label_charges(task) * ordered * (x @ x.mT)  # from ordered pairs q
    return task.scatter(2 * ordered[:, None] * (pull @ x))


def fourier_power(E: np.ndarray) -> np.ndarray:
    """Power (..., (N − 1) / 2) of the frequencies of embeddings (..., N, 2), for odd N >= 5.

    Unnormalised transform, k and N − k together, summed over both coordinates.

    >>> angle = 2 * np.pi * 3 * np.arange(17) / 17
    >>> print(fourier_power(np.stack([np.cos(angle), np.sin(angle)], -1)).argmax() + 1)
    3
    """
    half = np.fft.rfft(np.asarray(E, float), axis=-2)[..., 1:, :]
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


def hit_rates(found: Race) -> list[HitRate]:
    """One for each group of LEADS in which there are circles.

    >>> found = Race(np.array([1.1, 1.1, 2.5]), np.array([True, False, True]), np.ones(3, bool))
    >>> [(rate.lead, rate.wins, rate.circles) for rate in hit_rates(found)]
    [(1.1, 1, 2), (2.5, 1, 1)]
    """
    rates = []
    for low, high in pairwise(LEADS):
        chosen = found.circle & (found.lead >= low) & (found.lead < high)
        if chosen.any():
            median = float(np.median(found.lead[chosen]))
            rates.append(HitRate(median, int(found.won[chosen].sum()), int(chosen.sum())))
    return rates


def interval(found: Race, chosen: np.ndarray | bool = True) -> tuple[float, float]:
    """Wilson interval of how often the strongest won the chosen circles; (0, 1) without any."""
    won = found.won[found.circle & chosen]
    return wilson(int(won.sum()), won.size) if won.size else (0.0, 1.0)


def told(found: Race) -> str:
    """How often the strongest won the circles, in words.

    >>> told(Race(np.ones(4), np.array([True, True, True, False]), np.ones(4, bool)))
    '3 of 4 circles: 75% (30% to 95%)'
    >>> told(Race(np.ones(4), np.ones(4, bool), np.zeros(4, bool)))
    'no circles'
    """
    if not found.circle.any():
        return "no circles"
    won, (low, high) = found.won[found.circle], interval(found)
    return f"{won.sum()} of {won.size} circles: {won.mean():.0%} ({low:.0%} to {high:.0%})"


# --- figures --------------------------------------------------------------------------------------


def lottery(races: dict[str, Race], by_lead: dict[str, Race], modulus: int) -> go.Figure:
    """How often the frequency that starts strongest wins, against chance; and over its lead.

    Races have names: those of the rows at the left, and up to three by their lead.
    """
    chance = 2 / (modulus - 1)
    height = 40 * len(races)
    figure, (rate, lead) = sheet(height + 128, [(196, 66, 236, height), (500, 66, 280, height)])
    rate.note("<b>The strongest frequency wins</b>", yshift=30)
    lead.note("<b>… over its lead</b>", yshift=30)
    share = {"range": [0, 1.03], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    title = {"text": "share of runs, with 95% Wilson interval"}
    rate.axes({**share, "title": title}, rows(len(races)))
    rate.note("● circles   ○ all runs", yshift=10, font=font(12, MUTED))
    for row, (name, found) in enumerate(races.items()):
        _row(rate, row, name, found)
    rates = {name: hit_rates(found) for name, found in by_lead.items()}
    largest = max((r.lead for found in rates.values() for r in found), default=1.0)
    ticks = {"tickvals": [1, 1.5, 2, 3], "ticktext": ["1", "1.5", "2", "3"]}
    ticks |= {"type": "log", "range": np.log10([0.97, max(3.2, 1.05 * largest)])}
    lead.axes(ticks | {"title": {"text": "largest over second largest power at the start"}}, share)
    network = STYLES["network"]
    bare = Style(blend(network.color, PAPER, 0.4), "triangle-up", "dot")
    styles = (network, bare, STYLES["simulation"])
    words = []
    for (name, found), style, nudge in zip(rates.items(), styles, (1, 0.985, 1.015)):
        words.append(style.key(name))
        if found:
            lead.add(_with_interval(found, nudge, name, style))
    lead.note("   ".join(words), yshift=10)
    rate.rule(x=chance)
    lead.rule(y=chance)
    lead.note("chance", 1, chance + 0.01, xanchor="right", font=font(11, MUTED))
    return figure


def _row(panel: Panel, row: int, name: str, found: Race) -> None:
    """Hit rate of circles (filled) and of all runs (hollow), named at the left."""
    blue, everyone = STYLES["circle"].color, np.ones(len(found.won), bool)
    for chosen, symbol, color, drop in (
        (found.circle, "circle", blue, -0.12),
        (everyone, "circle-open", MUTED, 0.2),
    ):
        wins, number = int(found.won[chosen].sum()), int(chosen.sum())
        if not number:
            continue
        value = wins / number
        marker = {"size": 9, "symbol": symbol, "color": color}
        bars = whisker(value, *wilson(wins, number), color)
        hover = f"{wins} of {number}: {value:.0%}"
        panel.add(marks([value], [row + drop], marker, hover, name, error_x=bars))
    of = f"{int(found.circle.sum())} circles of {found.lead.size}"
    panel.beside(f"<b>{name}</b><br>{of}", row, align="right", xshift=-12)


def _with_interval(rates: list[HitRate], nudge: float, name: str, style: Style) -> go.Scatter:
    """Shares of wins over the lead, moved by a factor so that intervals stand side by side."""
    share = np.array([rate.wins / rate.circles for rate in rates])
    ends = np.array([wilson(rate.wins, rate.circles) for rate in rates])
    look = {"line": style.line(1.5), "error_y": whisker(share, *ends.T, style.color)}
    look["customdata"] = [[rate.wins, rate.circles] for rate in rates]
    x, hover = [nudge * rate.lead for rate in rates], "%{customdata[0]} of %{customdata[1]}"
    return marks(x, share, style.marker(9), hover, name, **look)


def power_movie(run: Run, seed: int) -> go.Figure:
    """Shares of one seed's Fourier power from step 0 on, under a slider that needs no kernel."""
    one = run.select(seed)
    E, steps = one.embeddings[:, 0], one.steps
    share = fourier_power(E)
    share /= share.sum(-1, keepdims=True)
    k, winner = np.arange(1, share.shape[1] + 1), int(share[-1].argmax())
    boxes = [(60, 34, 320, 170), (500, 22, 210, 210), (60, 286, 660, 90)]
    figure, (bars, plane, courses) = sheet(524, boxes)
    colors = [LINE] * len(k)
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
        color, width = (colors[i], 2.4) if i == winner else (MUTED, 1)
        told = {"hover": "step %{customdata}: %{y:.0%}", "extra": f"frequency {i + 1}"}
        course = line(square_root(steps), share[:, i], color, width, customdata=steps, **told)
        courses.add(course)
    ends = np.stack([k - 0.36, share[0]], -1), np.stack([k + 0.36, share[0]], -1)

    def moving(t: int) -> list[tuple[int, go.Trace]]:
        bar = go.Bar(x=k, y=share[t], marker={"color": colors, "line": {"width": 0}}, width=0.72)
        at = steps[t] ** 0.5
        cursor = segments(np.array([[at, 0]]), np.array([[at, 1.04]]), INK)
        return list(enumerate([bar, *embeddings(E[t], 17), *cursor]))

    animate((bars, plane, courses), moving, [str(step) for step in steps], bottom=86)
    bars.add(*segments(*ends, INK, 1.4))
    return figure
