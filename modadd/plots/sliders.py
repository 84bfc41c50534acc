"""Sliders over frames: figures that move without a kernel, on any page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd.plots.palette import LINE, MUTED, PAPER
from modadd.plots.panels import WIDTH, Panel, font


def frames_of(recorded: int, frames: int) -> np.ndarray:
    """Which of the recorded steps become frames: at most so many, the first and the last.

    >>> frames_of(5, frames=3).tolist()
    [0, 2, 4]
    """
    count = min(frames, recorded)
    return np.unique(np.rint(np.linspace(0, recorded - 1, count)).astype(int))


def animate(
    panels: Sequence[Panel],
    moving: Callable[[int], Iterable[tuple[int, go.Trace]]],
    names: Sequence[str],
    shown: int = -1,
    bottom: float = 66,
    prefix: str = "step ",
) -> None:
    """Put what moves into the panels of a figure, under a slider that works without a kernel.

    Args:
        panels: of one figure, which may hold traces that stay.
        moving: gives the traces of a frame, with the index of each one's panel; the same number of
            traces, in the same order, for every frame.
        names: of the frames, as the slider shows them.
        shown: index of the frame that stands there at first.
        bottom: of the slider, px from the figure's lower edge.
        prefix: words before the name of the frame shown.
    """
    figure = panels[0].figure
    first, shown = len(figure.data), shown % len(names)
    for index, trace in moving(shown):
        panels[index].add(trace)
    moved = list(range(first, len(figure.data)))
    figure.frames = [
        go.Frame(name=name, data=[_changing(trace) for _, trace in moving(i)], traces=moved)
        for i, name in enumerate(names)
    ]
    height, left = figure.layout.height, 108
    still = {"mode": "immediate", "transition": {"duration": 0}}
    jump = still | {"frame": {"duration": 0, "redraw": True}}
    slider = {
        "active": shown,
        "currentvalue": {"prefix": prefix, "font": font(13), "offset": 6},
        "steps": [{"label": name, "method": "animate", "args": [[name], jump]} for name in names],
        "x": left / WIDTH,
        "len": (WIDTH - left - 20) / WIDTH,
        "y": bottom / height,
        "pad": {"t": 0, "b": 0},
        "font": font(11, MUTED),
        "ticklen": 3,
        "tickcolor": LINE,
        "bgcolor": LINE,
        "activebgcolor": MUTED,
        "bordercolor": PAPER,
    }
    run = still | {"frame": {"duration": 120, "redraw": True}, "fromcurrent": True}
    buttons = {
        "type": "buttons",
        "direction": "left",
        "showactive": False,
        "buttons": [
            {"label": "▶", "method": "animate", "args": [None, run]},
            {"label": "❚❚", "method": "animate", "args": [[None], jump]},
        ],
        "x": 0.01,
        "y": (bottom - 12) / height,
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"t": 0, "r": 0},
        "bgcolor": PAPER,
        "bordercolor": LINE,
        "font": font(12),
    }
    figure.update_layout(sliders=[slider], updatemenus=[buttons])


def _changing(trace: go.Trace) -> go.Trace:
    """What a frame must say of a trace; the rest stays as it was drawn first."""
    kept = {name: trace[name] for name in ("x", "y", "text", "customdata") if name in trace}
    for part in ("marker", "textfont"):
        look = trace[part].to_plotly_json() if part in trace else {}
        kept[part] = {k: v for k, v in look.items() if isinstance(v, list | tuple | np.ndarray)}
    return type(trace)(**{name: value for name, value in kept.items() if value is not None})
