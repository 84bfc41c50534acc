"""Notebook 7: conditions on the same seeds, what each gains over its control, and their figures.

Dotted and grey is what nothing keeps alive, solid what should keep the residuals alive, dashed
what is stopped, or given where it should not help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from modadd import intervals, structure
from modadd.intervals import Effect
from modadd.plots.palette import INK, MUTED, PAPER, STROKES, STYLES, Style, blend
from modadd.plots.panels import Panel, font, sheet, square_root, tiles
from modadd.plots.shares import effect_sheet, mean
from modadd.plots.traces import band, line, marks, segments, whisker
from modadd.run import Run

ROLES = {
    "without": STYLES["floor"],
    "with": Style(INK, "circle", "solid"),
    "contrast": Style(blend(INK, PAPER, 0.3), "diamond", "dash"),
}
"""What a condition is for (the control, what should show the effect, what should not), drawn so."""


class Condition(NamedTuple):
    """A recipe under which an ensemble ran, and what it is for."""

    name: str
    role: str  #: one of ROLES
    run: Run


class Comparison(NamedTuple):
    """Conditions that ran on the same seeds."""

    title: str
    conditions: Sequence[Condition]  #: the control first
    switch: int | None = None  #: the step at which some of them change, if any does


class Gain(NamedTuple):
    """A condition less its control at the last step, paired over seeds."""

    role: str
    residual: Effect  #: in log₁₀ of the rms
    closure: Effect
    validation: Effect  #: accuracy on the pairs held out


def gains(comparisons: Sequence[Comparison], confidence: float = 0.95) -> dict[str, Gain]:
    """Each condition but the controls, by name, against the control of its comparison."""
    found = {}
    for _, (control, *others), _ in comparisons:
        for condition in others:
            pairs = zip(_measures(condition.run), _measures(control.run), strict=True)
            effects = (intervals.paired(*p, confidence=confidence) for p in pairs)
            found[condition.name] = Gain(condition.role, *effects)
    return found


def _measures(run: Run) -> tuple[np.ndarray, ...]:
    """What `Gain` compares, (S,) each, at the last step."""
    residual = np.log10(run.residual_rms[-1])
    return residual, structure.closure(run.final), run.validation_accuracy[-1]


class Finished(NamedTuple):
    """What an ensemble has built: shares of S seeds, and closure where closure means something."""

    circles: float
    lattices: float
    kind: np.ndarray  #: (S,) bools: a circle or a lattice, not one of no kind
    closure: np.ndarray  #: (L,) of the lattices among them; a circle closes nothing


def finished(E: np.ndarray) -> Finished:
    """What networks with embeddings (S, N, 2) have built."""
    kinds = structure.classify(E)
    lattice = np.isin(kinds, ["grid", "stripe"])
    closure = structure.closure(E[lattice])
    return Finished((kinds == "circle").mean(), lattice.mean(), kinds != "other", closure)


# --- time courses ---------------------------------------------------------------------------------

_ROWS = ("Residual, rms", "Force, rms", "Closure", "Validation accuracy")
_LOGARITHMIC = (True, True, False, False)


def time_courses(comparisons: Sequence[Comparison]) -> go.Figure:
    """Residuals, forces, closure and validation accuracy over steps, one column a comparison.

    Lines are medians over seeds, bands hold the middle half of them. Each row has one axis, which
    holds all of its bands.
    """
    columns, sides = len(comparisons), {"left": 50, "right": 16, "gap": 15, "below": 34}
    boxes = tiles(len(_ROWS) * columns, 108, 112, columns, **sides)
    figure, panels = sheet(boxes[-1][1] + 112 + 52, boxes)
    for j, name in enumerate(_ROWS):
        row = panels[j * columns : (j + 1) * columns]
        row[0].note(f"<b>{name}</b>", yshift=5)
        drawn = [[t for c in found.conditions for t in _band(c, j)] for found in comparisons]
        shared = _shared_axis(j, np.concatenate([t.y for traces in drawn for t in traces]))
        for i, (panel, found) in enumerate(zip(row, comparisons, strict=True)):
            blank = {"ticktext": [""] * len(shared["tickvals"])} if i else {}
            last = found.conditions[0].run.steps[-1]
            panel.axes(_steps_axis(last, i == 0, j == len(_ROWS) - 1), shared | blank)
            if found.switch is not None:
                panel.rule(found.switch**0.5)
            if j == 0:
                _head(panel, found)
            panel.add(*drawn[i])
    return figure


def _band(condition: Condition, row: int) -> list[go.Trace]:
    """Median and middle half of what a row shows of a condition."""
    run, style = condition.run, ROLES[condition.role]
    if row == 2:
        values = structure.closure(run.embeddings)
    else:
        values = (run.residual_rms, run.force_rms, None, run.validation_accuracy)[row]
    if _LOGARITHMIC[row]:
        values = np.where(values > 0, values, np.nan)
    return band(run.steps, values, style, condition.name, opacity=0.12)


def _shared_axis(row: int, values: np.ndarray) -> dict:
    """The axis of a row that holds all values (M,)."""
    values = values[np.isfinite(values)]
    if _LOGARITHMIC[row]:
        ends = np.log10([values.min(), values.max()])
        low, high = ends + 0.04 * (ends[1] - ends[0]) * np.array([-1, 1])
        decades = np.arange(np.ceil(low), np.floor(high) + 1).astype(int)
        words = {0: "1", -1: "0.1", -2: "0.01"} if row == 0 else {}
        names = [words.get(d, f"10{str(d).translate(_RAISED)}") for d in decades]
        ticks = {"tickvals": (10.0**decades).tolist(), "ticktext": names}
        return {"type": "log", "range": [low, high], **ticks}
    reach = 1.04 * values.max()
    ticks = [tick for tick in (0, 0.2, 0.4, 0.8) if tick <= max(reach, 0.2)]
    names = [f"{t:.0%}" if row == 3 else f"{t:g}" for t in ticks]
    return {"range": [0, max(reach, 0.2)], "tickvals": ticks, "ticktext": names}


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _steps_axis(steps: int, first: bool, last: bool) -> dict:
    """The axis of steps, named in the last row; 0 is written in the first column alone."""
    marks = [0, steps // 4, steps]
    axis = {"range": square_root([0, 1.02 * steps]), "tickvals": square_root(marks), "tickangle": 0}
    if not last:
        return axis | {"ticktext": [""] * len(marks)}
    words = ["0" if first else "", *(f"{mark:,}" for mark in marks[1:])]
    return axis | {"ticktext": words, "title": {"text": "step (√ axis)"}}


def _head(panel: Panel, comparison: Comparison) -> None:
    panel.note(f"<b>{comparison.title}</b>", yshift=76, font=font(13))
    for i, condition in enumerate(comparison.conditions):
        style = ROLES[condition.role]
        text = font(11, blend(style.color, INK, 0.15))
        panel.note(f"{STROKES[style.dash]} {condition.name}", yshift=59 - 15 * i, font=text)


# --- effects and doses ----------------------------------------------------------------------------


def effect_rows(found: Mapping[str, Gain]) -> go.Figure:
    """What `gains` found, with 95 % intervals: one row a condition."""
    titles = ("Residual: ratio", "Closure: gain", "Validation accuracy: gain")
    styles = {name: ROLES[gain.role] for name, gain in found.items()}
    figure, panels = effect_sheet(titles, styles, left=150)
    for i, panel in enumerate(panels, 1):
        panel.axes({"nticks": 5})
        panel.add(*segments([[0, -0.5]], [[0, len(found) - 0.5]], MUTED))
        for y, (name, gain) in enumerate(found.items()):
            panel.add(mean(gain[i], y, styles[name], name))
    reach = max(2.3, 1.04 * max(gain.residual.high for gain in found.values()))
    low = min(-0.1, 1.04 * min(gain.residual.low for gain in found.values()))
    panels[0].axes({"tickvals": [0, 1, 2], "ticktext": ["× 1", "× 10", "× 100"]})
    panels[0].axes({"range": [low, reach]})
    panels[2].axes({"tickformat": ".0%"})
    return figure


def dose_curve(runs: Mapping[float, Run], limit: float) -> go.Figure:
    """What a decay rate does in the end: means over seeds with their 95 % t intervals.

    Args:
        runs: decay rate to its run, 0 and two more at least.
        limit: λc, the largest decay that a circle survives, drawn as a line.
    """
    rates = np.array(sorted(runs))
    ends = [runs[rate] for rate in rates]
    x = np.log10(np.where(rates > 0, rates, rates[1] / 4))
    figure, (accuracy, closure, residual) = sheet(
        268, [(52 + 254 * i, 40, 214, 168) for i in range(3)]
    )
    titles = {"Accuracy": accuracy, "Closure": closure, "Residual, rms": residual}
    ticks = {"tickvals": [x[0], -3, -2], "ticktext": ["0", "10⁻³", "10⁻²"], "tickangle": 0}
    for title, panel in titles.items():
        panel.note(f"<b>{title}</b>", yshift=8)
        ends_of_x = {"range": [x[0] - 0.15, max(x[-1], np.log10(limit)) + 0.1]}
        title = {"title": {"text": "weight decay λ"}}
        panel.axes(ticks | title | ends_of_x, {"rangemode": "tozero", "nticks": 5})
        panel.rule(np.log10(limit), color=STYLES["circle"].color, width=1.5)
    look = {"yref": f"{closure.y} domain", "xanchor": "right", "yanchor": "top", "xshift": -4}
    closure.text("λ<sub>c</sub>", np.log10(limit), 1, **look, font=font(12, STYLES["circle"].color))
    accuracy.axes(None, {"range": [0, 1.04], "tickformat": ".0%", "nticks": 4})
    uniform = np.sqrt(1 - 1 / ends[0].modulus)
    residual.add(*segments([[x[0] - 0.1, uniform]], [[x[-1] + 0.1, uniform]]))
    look = {"xanchor": "left", "yanchor": "top", "xshift": 4, "font": font(11, MUTED)}
    residual.beside("uniform guess", uniform, **look)
    for name, values in (
        ("validation", [run.validation_accuracy[-1] for run in ends]),
        ("training", [run.accuracy[-1] for run in ends]),
    ):
        accuracy.add(*_dose(x, values, STYLES[name], name))
        below = {"yanchor": "top", "xanchor": "left", "xshift": 6, "yshift": -10}
        look = font(12, STYLES[name].color)
        accuracy.text(name, x[2], float(values[2].mean()), **below, font=look)
    plain = Style(ROLES["with"].color, "circle", "solid")
    closure.add(*_dose(x, [structure.closure(run.final) for run in ends], plain))
    residual.add(*_dose(x, [run.residual_rms[-1] for run in ends], plain))
    return figure


def _dose(x: np.ndarray, values: list[np.ndarray], style: Style, name: str = "") -> list[go.Trace]:
    """A line through means of values (S,), dotted from the rate 0 to the next, with whiskers."""
    means, lows, highs = np.array([intervals.mean(v) for v in values]).T
    look = {"error_y": whisker(means, lows, highs, style.color), "cliponaxis": False}
    look["customdata"] = np.where(x > x[0], 10**x, 0)
    return [
        line(x[:2], means[:2], style.color, dash="dot"),
        line(x[1:], means[1:], style.color, cliponaxis=False),
        marks(x, means, style.marker(7), "λ = %{customdata:.1g}: %{y:.3f}", name, **look),
    ]
