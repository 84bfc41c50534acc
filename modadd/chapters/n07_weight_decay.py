"""Figures of notebook 7: time courses of the conditions, effects, dose curve.

Grey is what nothing keeps alive, green what should keep the residuals alive, violet what is
stopped, or given where it should not help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import _checks, intervals, structure
from modadd.experiment import Condition, check_held_out, checked
from modadd.intervals import Effect
from modadd.plots.palette import STYLES, blend, faded, theme
from modadd.plots.panels import WIDTH, Panel, font, sheet, square_root
from modadd.plots.traces import band, segments, whisker
from modadd.run import Run

ROLE_STYLES = {
    "without": STYLES["floor"],
    "with": STYLES["network"],
    "contrast": STYLES["simulation"],
}
"""How the roles of `experiment.ROLES` are drawn."""


def time_courses(
    columns: Mapping[str, Sequence[Condition]], switch: int | None = None
) -> go.Figure:
    """Residuals, forces, closure and validation accuracy over steps, one column a comparison.

    Lines are medians over seeds, bands hold the middle half of them.

    Args:
        columns: title to its conditions, at most six columns.
        switch: a step marked in the columns whose title contains "switched".

    Raises:
        ValueError: naming the argument that does not fit.
    """
    columns = checked(columns)
    if switch is not None:
        switch = _checks.integer("switch", switch, 0)
    rows = ("Residual, rms", "Force, rms", "Closure", "Validation accuracy")
    left, gap, tall, top = 50, 15, 112, 108
    each = (WIDTH - left - 16 - gap * (len(columns) - 1)) / len(columns)
    boxes = [
        (left + i * (each + gap), top + j * (tall + 34), each, tall)
        for j in range(len(rows))
        for i in range(len(columns))
    ]
    figure, panels = sheet(top + len(rows) * (tall + 34) + 18, boxes)
    for j, name in enumerate(rows):
        row = panels[j * len(columns) : (j + 1) * len(columns)]
        row[0].note(f"<b>{name}</b>", yshift=5)
        for i, (panel, (title, conditions)) in enumerate(zip(row, columns.items(), strict=True)):
            _dress(panel, j, i, conditions[0].run.steps[-1], last=j == len(rows) - 1)
            if switch is not None and "switched" in title:
                panel.figure.add_shape(
                    **{"type": "line", "xref": panel.x, "yref": f"{panel.y} domain"},
                    **{"x0": switch**0.5, "x1": switch**0.5, "y0": 0, "y1": 1},
                    line={"color": theme().muted, "width": 1, "dash": "dot"},
                )
            if j == 0:
                _head(panel, title, conditions)
            for condition in conditions:
                panel.add(*_band(condition, j))
    return figure


def _values(run: Run, row: int) -> np.ndarray:
    """What a row of `time_courses` shows, (T, S); NaN where a logarithm has none."""
    if row == 2:
        return structure.closure(run.embeddings)
    values = (run.residual_rms, run.force_rms, None, run.validation_accuracy)[row]
    return np.where(values > 0, values, np.nan) if row < 2 else values


def _band(condition: Condition, row: int) -> list[go.Trace]:
    area, line = band(condition.run.steps, _values(condition.run, row), "training", condition.name)
    area.fillcolor = faded(ROLE_STYLES[condition.role].color, 0.17)
    line.line = {
        "color": ROLE_STYLES[condition.role].color,
        "dash": ROLE_STYLES[condition.role].dash,
        "width": 2,
    }
    return [area, line]


def _dress(panel: Panel, row: int, column: int, steps: int, last: bool) -> None:
    """Axes of one panel: shared ranges, labels only at the left and at the bottom."""
    ranges = ([-2.9, 0.1], [-4.2, -1.2], [0, 0.4], [0, 0.9])
    ticks = ([1, 0.1, 0.01], [0.01, 0.001, 0.0001], [0, 0.2, 0.4], [0, 0.4, 0.8])
    texts = (["1", "0.1", "0.01"], ["10⁻²", "10⁻³", "10⁻⁴"], ["0", "0.2", "0.4"], None)
    words = texts[row] or ["0%", "40%", "80%"]
    y = {"range": ranges[row], "tickvals": ticks[row], "ticktext": words if column == 0 else []}
    if row < 2:
        y |= {"type": "log"}
    if column:
        y |= {"ticktext": [""] * len(words)}
    marks = [0, steps // 16, steps // 4, steps]
    x = {"range": square_root([0, 1.02 * steps]), "tickvals": square_root(marks), "tickangle": 0}
    words = ["0" if column == 0 else "", *(f"{m:,}" for m in marks[1:])]
    x |= {"ticktext": words if last else [""] * 4}
    panel.axes(x | ({"title": {"text": "step"}} if last else {}), y)


def _head(panel: Panel, title: str, conditions: Sequence[Condition]) -> None:
    panel.note(f"<b>{title}</b>", yshift=76, font=font(13))
    for i, condition in enumerate(conditions):
        text = font(11, blend(ROLE_STYLES[condition.role].color, theme().ink, 0.15))
        sign = {"solid": "━", "dash": "╍", "dot": "┅"}[ROLE_STYLES[condition.role].dash]
        panel.note(f"{sign} {condition.name}", yshift=59 - 15 * i, font=text)


def effect_rows(found: Mapping[str, tuple[str, Sequence[Effect]]]) -> go.Figure:
    """The differences of `experiment.gains`, with their 95 % intervals: one row a condition.

    Args:
        found: name to role and differences.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    for role, differences in _checks.mapping("found", found).values():
        _checks.choice("found", role, tuple(ROLE_STYLES))
        for difference in _checks.sequence("found", differences, 3, 3):
            _checks.instance("found", difference, Effect)
    titles = ("Residual, times", "Closure, more by", "Validation accuracy, more by")
    left, gap, tall = 150, 40, 32 * len(found)
    each = (WIDTH - left - 20 - gap * 2) / 3
    figure, panels = sheet(tall + 84, [(left + i * (each + gap), 44, each, tall) for i in range(3)])
    for i, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        panel.note(f"<b>{title}</b>", yshift=8)
        panel.axes({"nticks": 5}, {"range": [len(found) - 0.5, -0.5], "visible": False})
        panel.add(*segments([[0, -0.5]], [[0, len(found) - 0.5]], theme().muted))
        for y, (name, (role, differences)) in enumerate(found.items()):
            if i == 0:
                look = {
                    "xanchor": "right",
                    "xshift": -14,
                    "font": font(13, ROLE_STYLES[role].color),
                }
                _at(panel, name, y, yanchor="middle", **look)
            panel.add(_whisker(differences[i], y, role, name))
    panels[0].axes({"tickvals": [0, 1, 2], "ticktext": ["× 1", "× 10", "× 100"]})
    panels[0].axes({"range": [-0.1, 2.3]})
    panels[2].axes({"tickformat": ".0%"})
    return figure


def _at(panel: Panel, text: str, y: float, **look) -> None:
    """Write text at the left edge of a panel, at the height y of its axis."""
    place = {"x": 0, "xref": f"{panel.x} domain", "y": y, "yref": panel.y}
    panel.figure.add_annotation(text=text, **place, **look)


def _whisker(effect: Effect, y: float, role: str, name: str) -> go.Trace:
    """A mean and its interval along the row at y."""
    return go.Scatter(
        x=[effect.mean],
        y=[y],
        mode="markers",
        marker={"size": 9, "color": ROLE_STYLES[role].color, "symbol": ROLE_STYLES[role].symbol},
        error_x=whisker(*effect, ROLE_STYLES[role].color, 2),
        hovertemplate=f"{name}: {effect}<extra></extra>",
    )


def dose_curve(runs: Mapping[float, Run]) -> go.Figure:
    """What a decay rate does in the end: means over seeds with their 95 % t intervals.

    Args:
        runs: decay rate to its run, the rate 0 among them.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    if not isinstance(runs, Mapping) or 0 not in runs or len(runs) < 3:
        raise _checks.refuse("runs", "a dict of at least three rates, 0 among them", runs)
    for rate, run in runs.items():
        _checks.real("runs", rate, 0)
        _checks.instance("runs", run, Run)
        check_held_out("runs", run)
    rates = np.array(sorted(runs))
    last = {rate: runs[rate] for rate in rates}
    x = np.log10(np.where(rates > 0, rates, rates[1] / 4))
    closure = [structure.closure(run.final) for run in last.values()]
    curves = (
        (
            "Accuracy",
            "validation",
            [r.validation_accuracy[-1] for r in last.values()],
            "validation",
        ),
        ("Accuracy", "training", [r.accuracy[-1] for r in last.values()], "training"),
        ("Closure", "other", closure, ""),
        ("Residual, rms", "other", [r.residual_rms[-1] for r in last.values()], ""),
    )
    titles = ("Accuracy", "Closure", "Residual, rms")
    figure, panels = sheet(268, [(52 + 254 * i, 40, 214, 168) for i in range(3)])
    uniform = np.sqrt(1 - 1 / runs[0.0].modulus)
    for panel, title in zip(panels, titles, strict=True):
        panel.note(f"<b>{title}</b>", yshift=8)
        ticks = {"tickvals": [x[0], -3, -2], "ticktext": ["0", "10⁻³", "10⁻²"], "tickangle": 0}
        panel.axes(
            ticks | {"title": {"text": "weight decay λ"}},
            {"rangemode": "tozero", "nticks": 5},
        )
    panels[0].axes(None, {"range": [0, 1.04], "tickformat": ".0%", "nticks": 4})
    panels[2].axes(None, {"range": [0, 1.04]})
    level = np.array([[x[0] - 0.1, uniform], [x[-1] + 0.1, uniform]])
    panels[2].add(*segments(level[:1], level[1:]))
    look = {"xanchor": "left", "yanchor": "top", "xshift": 4, "font": font(11, theme().muted)}
    _at(panels[2], "uniform guess", uniform, **look)
    for title, style, values, name in curves:
        panel = panels[titles.index(title)]
        panel.add(*_dose(x, [intervals.mean(v) for v in values], STYLES[style], name))
        if name:
            below = {"yanchor": "top", "xanchor": "left", "xshift": 6, "yshift": -10}
            place = {"x": x[2], "y": float(values[2].mean()), "xref": panel.x, "yref": panel.y}
            panel.figure.add_annotation(
                text=name, font=font(12, STYLES[style].color), **place, **below
            )
    return figure


def _dose(x: np.ndarray, found: Sequence[Effect], style, name: str) -> list[go.Trace]:
    """A line through means, dashed from the rate 0 to the next, with whiskers."""
    means, lows, highs = np.array(found).T
    color = style.color if name else ROLE_STYLES["with"].color
    line = {"color": color, "width": 2}
    marks = {"size": 7, "color": color, "symbol": style.symbol if name else "circle"}
    return [
        go.Scatter(
            x=x[:2], y=means[:2], mode="lines", line=line | {"dash": "dot"}, hoverinfo="skip"
        ),
        go.Scatter(
            x=x[1:], y=means[1:], mode="lines", line=line, hoverinfo="skip", cliponaxis=False
        ),
        go.Scatter(
            x=x,
            y=means,
            mode="markers",
            marker=marks,
            error_y=whisker(means, lows, highs, color),
            customdata=np.where(x > x[0], 10**x, 0),
            hovertemplate="λ = %{customdata:.1g}: %{y:.3f}<extra>" + name + "</extra>",
            cliponaxis=False,
        ),
    ]
