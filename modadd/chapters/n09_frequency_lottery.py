"""Figures of notebook 9: the frequency that wins is the one that starts strongest."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modadd import _checks
from modadd.intervals import wilson
from modadd.lottery import Race, fourier_power, hit_rates
from modadd.plots.palette import STYLES, Style, theme
from modadd.plots.panels import Panel, font, over_steps, sheet, square_root
from modadd.plots.sliders import animate
from modadd.plots.traces import embeddings, segments, whisker
from modadd.run import Run


def lottery(races: dict[str, Race], by_lead: dict[str, Race], modulus: int) -> go.Figure:
    """How often the frequency that starts strongest wins, against chance; and over its lead.

    Args:
        races: by name, the rows of the left panel, best eight at most.
        by_lead: by name up to three for the right panel.
        modulus: N, for chance.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    for found in _checks.mapping("races", races, 1, 8).values():
        _checks.instance("races", found, Race)
    for found in _checks.mapping("by_lead", by_lead, 1, 3).values():
        if not _checks.instance("by_lead", found, Race).circle.any():
            raise ValueError("by_lead must hold circles, got none in one of them")
    modulus = _checks.integer("modulus", modulus, 3, _checks.MODULUS)
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
        low, high = wilson(wins, number)
        value, tone = wins / number, color if symbol == "circle" else theme().muted
        panel.add(
            go.Scatter(
                x=[value],
                y=[row + drop],
                mode="markers",
                marker={"size": 9, "symbol": symbol, "color": tone},
                error_x=whisker(value, low, high, tone),
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
    ends = np.array([wilson(int(w), int(n)) for w, n in zip(wins, number)])
    return go.Scatter(
        x=x,
        y=share,
        mode="lines+markers",
        line={"color": style.color, "width": 1.5, "dash": style.dash},
        marker={"size": 9, "color": style.color, "symbol": style.symbol},
        error_y=whisker(share, *ends.T, style.color),
        customdata=np.stack([wins, number], -1),
        hovertemplate="%{customdata[0]} of %{customdata[1]}<extra>" + name + "</extra>",
    )


def power_movie(run: Run, seed: int) -> go.Figure:
    """Shares of the Fourier power of one seed over training, under a slider that needs no kernel.

    Args:
        run: whose first snapshot is step 0.
        seed: one of its seeds.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.instance("run", run, Run)
    seed = _checks.integer("seed", seed, 0, _checks.SEED)
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

    def moving(t: int) -> list[tuple[int, go.Trace]]:
        bar = go.Bar(x=k, y=share[t], marker={"color": colors, "line": {"width": 0}}, width=0.72)
        at = steps[t] ** 0.5
        cursor = segments(np.array([[at, 0]]), np.array([[at, 1.04]]), theme().ink)
        return list(enumerate([bar, *embeddings(E[t], 17), *cursor]))

    animate((bars, plane, courses), moving, [str(step) for step in steps], bottom=86)
    bars.add(*segments(*ends, theme().ink, 1.4))
    return figure
