"""Sliders over frames: figures that move without a kernel, on any page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import _checks
from modadd.plots.palette import theme
from modadd.plots.panels import WIDTH, Panel, font


def frames_of(recorded: int, frames: int) -> np.ndarray:
    """Which of the recorded steps become frames: evenly spread ones, the first and the last.

    Args:
        recorded: number of recorded steps, at least 1.
        frames: at most so many, at least 2.

    Returns:
        indices of the recorded steps, increasing.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> frames_of(5, frames=3).tolist()
    [0, 2, 4]
    """
    recorded = _checks.integer("recorded", recorded, 1)
    count = min(_checks.integer("frames", frames, 2), recorded)
    return np.unique(np.rint(np.linspace(0, recorded - 1, count)).astype(int))


def animate(
    panels: Sequence[Panel],
    moving: Callable[[int], Iterable[tuple[int, go.Trace]]],
    names: Sequence[str],
    shown: int = -1,
    bottom: float = 66,
    prefix: str = "step ",
    play: bool = True,
) -> None:
    """Put what moves into the panels, under a slider that works without a kernel.

    Args:
        panels: of one figure, which may hold traces that stay.
        moving: gives the traces of a frame, with the index of each one's panel; the same number of
            traces, in the same order, for every frame.
        names: of the frames, as the slider shows them.
        shown: index of the frame that stands there at first.
        bottom: of the slider, px from the figure's lower edge.
        prefix: words before the name of the frame shown.
        play: add a button that plays the frames.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    panels = [
        _checks.instance("panels", panel, Panel) for panel in _checks.sequence("panels", panels)
    ]
    if not callable(moving):
        raise _checks.refuse("moving", "a function of the frame", moving)
    names = [_checks.instance("names", name, str) for name in _checks.sequence("names", names)]
    shown = _checks.integer("shown", shown, -len(names), len(names) - 1)
    bottom = _checks.real("bottom", bottom, 0, 1e5)
    play = _checks.flag("play", play)
    figure = panels[0].figure
    first, shown = len(figure.data), shown % len(names)
    for index, trace in moving(shown):
        panels[index].add(trace)
    moved = list(range(first, len(figure.data)))
    figure.frames = [
        go.Frame(name=name, data=[_changing(trace) for _, trace in moving(i)], traces=moved)
        for i, name in enumerate(names)
    ]
    height, left = figure.layout.height, 108 if play else 84
    still = {"mode": "immediate", "transition": {"duration": 0}}
    jump = still | {"frame": {"duration": 0, "redraw": True}}
    steps = [{"label": name, "method": "animate", "args": [[name], jump]} for name in names]
    where = {"x": left / WIDTH, "len": (WIDTH - left - 20) / WIDTH, "y": bottom / height}
    value = {"prefix": prefix, "font": font(13), "offset": 6}
    figure.update_layout(
        sliders=[_look() | where | {"active": shown, "currentvalue": value, "steps": steps}]
    )
    if play:
        figure.update_layout(updatemenus=[_play_buttons(still, jump, (bottom - 12) / height)])


def _look() -> dict:
    """What all sliders look like."""
    line, paper = theme().line, theme().paper
    return {
        "pad": {"t": 0, "b": 0},
        "font": font(11, theme().muted),
        "ticklen": 3,
        "tickcolor": line,
        "bgcolor": line,
        "activebgcolor": theme().muted,
        "bordercolor": paper,
    }


def _play_buttons(still: dict, jump: dict, y: float) -> dict:
    """Buttons that play and stop an animation, their upper edge at y."""
    run = still | {"frame": {"duration": 120, "redraw": True}, "fromcurrent": True}
    buttons = [
        {"label": "▶", "method": "animate", "args": [None, run]},
        {"label": "❚❚", "method": "animate", "args": [[None], jump]},
    ]
    look = {"bgcolor": theme().paper, "bordercolor": theme().line, "font": font(12)}
    place = {"x": 0.01, "y": y, "xanchor": "left", "yanchor": "top", "pad": {"t": 0, "r": 0}}
    menu = {"type": "buttons", "direction": "left", "showactive": False, "buttons": buttons}
    return menu | look | place


def _changing(trace: go.Trace) -> go.Trace:
    """What a frame must say of a trace; the rest stays as it was drawn first."""
    kept = {name: trace[name] for name in ("x", "y", "text", "customdata") if name in trace}
    for part in ("marker", "textfont"):
        look = trace[part].to_plotly_json() if part in trace else {}
        kept[part] = {k: v for k, v in look.items() if isinstance(v, list | tuple | np.ndarray)}
    return type(trace)(**{name: value for name, value in kept.items() if value is not None})
