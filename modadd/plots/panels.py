"""Panels placed to the pixel: what every figure is laid out with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from modadd.plots.palette import INK, MUTED

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

    def text(self, text: str, x: float, y: float, **properties) -> None:
        """Write text at (x, y), in the coordinates of the data, with `properties` of plotly's."""
        place = {"x": x, "y": y, "xref": self.x, "yref": self.y}
        self.figure.add_annotation(text=text, **place | properties)

    def beside(self, text: str, y: float, **properties) -> None:
        """Write text left of the panel at the height y of the data, with `properties` as above."""
        self.text(text, 0, y, **{"xref": f"{self.x} domain", "xanchor": "right"} | properties)

    def rule(self, x: float | None = None, y: float | None = None, **line) -> None:
        """Draw a dotted line across the panel, at x or at y of the data; `line` as plotly's."""
        across = {"x0": 0, "x1": 1, "xref": f"{self.x} domain", "y0": y, "y1": y, "yref": self.y}
        along = {"x0": x, "x1": x, "xref": self.x, "y0": 0, "y1": 1, "yref": f"{self.y} domain"}
        line = {"color": MUTED, "width": 1, "dash": "dot"} | line
        self.figure.add_shape(type="line", line=line, **(across if x is None else along))

    def tile(self, column: int, row: int, reach: float, **properties) -> None:
        """Draw a rectangle around (column, row), `reach` to each side."""
        place = {"x0": column - reach, "x1": column + reach, "y0": row - reach, "y1": row + reach}
        self.figure.add_shape(type="rect", xref=self.x, yref=self.y, **place, **properties)


def tiles(
    count: int,
    top: float,
    tall: float | None = None,
    across: int | None = None,
    left: float = 8,
    right: float = 8,
    gap: float = 10,
    below: float = 0,
) -> list[tuple[float, float, float, float]]:
    """Boxes for `count` panels, `across` of them in a row, over the width of a sheet; sizes in px.

    They are `gap` apart, and the rows `below`; without a height (`tall`) they are squares.

    >>> tiles(3, 30, across=2)
    [(8.0, 30.0, 387.0, 387.0), (405.0, 30.0, 387.0, 387.0), (8.0, 417.0, 387.0, 387.0)]
    """
    across = across or count
    wide = (WIDTH - left - right - gap * (across - 1)) / across
    tall = tall or wide
    return [
        (left + i % across * (wide + gap), top + i // across * (tall + below), wide, tall)
        for i in range(count)
    ]


def sheet(height: float, boxes: Iterable[Sequence[float]]) -> tuple[go.Figure, list[Panel]]:
    """An empty figure, WIDTH by height px, with one panel a box.

    Boxes are (left, top, width, height), px from the upper left corner.
    """
    none = dict.fromkeys("lrtb", 0)
    figure = go.Figure(
        layout={"template": "modadd", "width": WIDTH, "height": height, "margin": none}
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


def font(size: int, color: str = INK) -> dict:
    """Size in px and colour of a text.

    >>> font(13, "#ff0000")
    {'size': 13, 'color': '#ff0000'}
    """
    return {"size": size, "color": color}


def rows(count: int) -> dict:
    """A hidden vertical axis of so many rows, from above.

    >>> rows(3)
    {'range': [2.5, -0.5], 'visible': False}
    """
    return {"range": [count - 0.5, -0.5], "visible": False}


def cells(words: Sequence[str]) -> dict:
    """An axis of a table of cells with unit distance, which are named by words."""
    axis = {"range": [-0.5, len(words) - 0.5], "tickvals": list(range(len(words)))}
    return axis | {"ticktext": words, "showline": False, "ticks": "", "tickfont": font(12)}


def over_steps(panel: Panel, last: float, title: str, **y) -> None:
    """Dress a panel for scalars over steps 0 to `last`, with a title above it.

    Steps run as a square root, because more happens early. `y`: properties of the y axis.
    """
    nice = 10 ** np.floor(np.log10(max(last, 1)))
    ticks = [t for t in (0, 0.1 * nice, nice) if t < 0.6 * last] + [last]
    places = {
        "tickangle": 0,
        "tickvals": square_root(ticks),
        "ticktext": [f"{t:,.0f}" for t in ticks],
    }
    places |= {"range": square_root([0, 1.02 * last])}
    panel.axes(places | {"title": {"text": "step, on a square-root scale"}}, y)
    panel.note(f"<b>{title}</b>", yshift=8)


def holding(limits: Sequence[float], values: ArrayLike) -> list[float]:
    """Ends of an axis, moved out where finite values lie beyond them.

    >>> holding([0, 1], [0.5, 2.0, np.nan])
    [0.0, 2.05]
    """
    (low, high), slack = limits, 0.05 * (limits[1] - limits[0])
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    return [
        float(low) if least >= low else least - slack,
        float(high) if most <= high else most + slack,
    ]


def square_root(steps: ArrayLike) -> np.ndarray:
    """Where steps (...) stand on the axis of `over_steps`.

    >>> square_root([0, 25, 100]).tolist()
    [0.0, 5.0, 10.0]
    """
    return np.sqrt(np.asarray(steps, dtype=float))
