"""What all widgets share: their front end, pages without a kernel, pictures that stand for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import anywidget
import numpy as np
import plotly.graph_objects as go
import traitlets

from modadd import model
from modadd.model import Parameters
from modadd.plots import traces
from modadd.plots.export import show
from modadd.plots.panels import font, sheet
from modadd.run import Run
from modadd.task import ModularAddition

FRONT = Path(__file__).parent / "front"
SCRIPTS = ("measures", "drawing", "controls", "tracks", "scrub", "playground", "particles")
SCRIPTS += ("phases", "live", "mount")
"""Parts of the front end, in the order in which they are joined into one ES module."""


@cache
def front_end() -> tuple[str, str]:
    """The ES module and the stylesheet of all widgets.

    >>> script, style = front_end()
    >>> "function" in script, "modadd" in style
    (True, True)
    """
    script = "\n".join((FRONT / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return script, (FRONT / "style.css").read_text(encoding="utf-8")


class View(anywidget.AnyWidget):
    """What all widgets share: the front end, and a picture for where it cannot run."""

    _esm, _css = front_end()
    kind = traitlets.Unicode().tag(sync=True)
    caption: str = ""

    def picture(self) -> go.Figure:
        """First, middle and last state, as a figure."""
        raise NotImplementedError

    def fragment(self) -> str | None:
        """Part of a page that needs neither kernel nor network; None where it takes a kernel."""
        script, style = front_end()
        state = json.dumps(self._page_state()).replace("</", "<\\/")
        return (
            f'<div class="modadd-page"></div>\n<style>\n{style}</style>\n<script type="module">\n'
            f'const place = document.querySelector(".modadd-page:not([data-used])");\n'
            f"place.dataset.used = true;\n{script}\nmount(place, {state});\n</script>\n"
        )

    def _page_state(self) -> dict:
        """What the front end needs on a page without a kernel, for JSON."""
        return {name: getattr(self, name) for name in ("kind", "initial")}

    def _ipython_display_(self) -> None:
        show(self, caption=self.caption)


def to_html(widget: View) -> str:
    """A widget as a fragment of a page that needs no kernel and no network.

    A scrubber of up to eight seeds takes all of them along, one of more only the seed shown.

    Args:
        widget: from any function of `modadd.widgets` but `live_training`.

    Raises:
        ValueError: for live training, which takes a kernel.

    >>> from modadd.widgets import playground
    >>> to_html(playground()).startswith("<div")
    True
    """
    found = widget.fragment() if isinstance(widget, View) else None
    if found is None:
        raise ValueError(f"widget must work without a kernel, got {type(widget).__name__}")
    return found


# --- pictures ------------------------------------------------------------------------------------


def first_middle_last(count: int) -> list[int]:
    """Indices of the snapshots that a picture shows, of `count`."""
    return sorted({0, (count - 1) // 2, count - 1})


class State(NamedTuple):
    """What one column of a picture shows."""

    title: str
    E: np.ndarray
    """(N, 2)"""
    parameters: Parameters | None = None
    """of one seed; they give it decision regions and wrong pairs"""
    bias_scale: float = 1.0
    held_out: np.ndarray | None = None
    """(P,) bools, the validation pairs"""


def state_of(title: str, run: Run, t: int) -> State:
    """Snapshot t of a run with one seed."""
    parameters = run.parameters and run.parameters.map(lambda array: array[t, 0])
    beta = run.settings.get("bias_scale", 1.0)
    return State(title, run.embeddings[t, 0], parameters, beta, run.held_out(int(run.seeds[0])))


def picture(states: Sequence[State], common: bool = True) -> go.Figure:
    """Embeddings above pair sums, a column a state, three a row; on one scale if `common`."""
    side, gap, top = 236, 30, 34
    block = 2 * side + 14 + top
    rows = -(-len(states) // 3)
    boxes = [
        (16 + i % 3 * (side + gap), i // 3 * (block + 10) + top + j * (side + 14), side, side)
        for i in range(len(states))
        for j in range(2)
    ]
    figure, found = sheet(rows * (block + 10) + 6, boxes)
    largest = max(np.abs(state.E).max() for state in states)
    for i, state in enumerate(states):
        upper, lower = found[2 * i : 2 * i + 2]
        reach = 1.1 * (largest if common else np.abs(state.E).max())
        upper.plane(reach)
        lower.plane(2 * reach)
        upper.add(*traces.embeddings(state.E, 15))
        upper.note(state.title, 0.5, yshift=8, xanchor="center", font=font(13))
        right = None
        if state.parameters is not None:
            task, beta = ModularAddition(len(state.E)), state.bias_scale
            right = model.predicted_labels(state.parameters, task, beta) == task.labels
            lower.add(*traces.regions(state.parameters, 2 * reach, beta))
        lower.add(*traces.pair_sums(state.E, right, 5, state.held_out))
    return figure
