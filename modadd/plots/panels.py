"""Panels placed to the pixel: what every figure is laid out with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd import _checks
from modadd.plots.palette import theme

WIDTH = 800  # of a whole figure, px: fits a notebook, a README and a phone held sideways


@dataclass(frozen=True)
class Panel:
    """One pair of axes of a sheet."""

    figure: go.Figure
    x: str  #: plotly's name of the x axis: "x", "x2", ...
    y: str

    def add(self, *traces: go.Trace) -> None:
        """Draw traces in this panel."""
        for trace in traces:
            self.figure.add_trace(trace.update(xaxis=self.x, yaxis=self.y))

    def axes(self, x: dict | None = None, y: dict | None = None) -> None:
        """Set plotly properties of the two axes: of `x`, and of `y`."""
        for name, properties in ((self.x, x), (self.y, y)):
            self.figure.update_layout({f"{name[0]}axis{name[1:]}": properties or {}})

    def plane(self, reach: float) -> None:
        """Show the square |x|, |y| <= reach of a plane whose coordinates carry no unit."""
        bare = {"range": [-reach, reach], "visible": False, "fixedrange": True}
        self.axes(bare, {**bare, "scaleanchor": self.x})

    def note(self, text: str, x: float = 0.0, y: float = 1.0, **properties) -> None:
        """Write text at (x, y), in shares of the panel, with `properties` of plotly's."""
        anchors = {"xanchor": "left", "yanchor": "bottom"} | properties
        domain = {"xref": f"{self.x} domain", "yref": f"{self.y} domain"}
        self.figure.add_annotation(text=text, x=x, y=y, **domain, **anchors)


def sheet(height: float, boxes: Iterable[Sequence[float]]) -> tuple[go.Figure, list[Panel]]:
    """An empty figure of the current theme, with one panel a box.

    Args:
        height: px; the width is WIDTH.
        boxes: (left, top, width, height) of each panel, px from the upper left corner.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.real("height", height, 1, 1e5)
    boxes = [_checks.array("boxes", box, (4,)) for box in _checks.sequence("boxes", boxes, 0)]
    none = dict.fromkeys("lrtb", 0)
    figure = go.Figure(
        layout={"template": theme().template, "width": WIDTH, "height": height, "margin": none}
    )
    panels = []
    for i, (left, top, width, tall) in enumerate(boxes):
        panel = Panel(figure, *(f"{axis}{i + 1 if i else ''}" for axis in "xy"))
        panel.axes(
            {"domain": [left / WIDTH, (left + width) / WIDTH], "anchor": panel.y},
            {"domain": [1 - (top + tall) / height, 1 - top / height], "anchor": panel.x},
        )
        panels.append(panel)
    return figure, panels


def font(size: int, color: str | None = None) -> dict:
    """Size in px and colour of a text; None: ink.

    Args:
        size: px.
        color: "#rrggbb"; None: ink.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> font(13, "#ff0000")
    {'size': 13, 'color': '#ff0000'}
    """
    _checks.real("size", size, 1, 1000)
    return {"size": size, "color": color or theme().ink}


def over_steps(panel: Panel, last: float, title: str, **y) -> None:
    """Dress a panel for scalars over steps 0 to `last`.

    Steps run as a square root, because more happens early. `title` goes above; further arguments
    are properties of the y axis.

    Args:
        panel: to be dressed.
        last: step.
        title: words above it.
        **y: properties of the y axis.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _checks.instance("panel", panel, Panel)
    last = _checks.real("last", last, 0)
    nice = 10 ** np.floor(np.log10(max(last, 1)))
    ticks = [t for t in (0, 0.1 * nice, nice) if t < 0.6 * last] + [last]
    places = {
        "tickangle": 0,
        "tickvals": square_root(ticks),
        "ticktext": [f"{t:,.0f}" for t in ticks],
    }
    panel.axes({**places, "range": square_root([0, 1.02 * last]), "title": {"text": "step"}}, y)
    panel.note(f"<b>{title}</b>", yshift=8)


def square_root(steps: ArrayLike) -> np.ndarray:
    """Where steps stand on the axis of `over_steps`.

    Args:
        steps: (...) numbers of at least 0.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> square_root([0, 25, 100]).tolist()
    [0.0, 5.0, 10.0]
    """
    steps = _checks.array("steps", steps)
    if (steps < 0).any():
        raise _checks.refuse("steps", "at least 0", float(steps.min()))
    return np.sqrt(np.asarray(steps, dtype=float))
