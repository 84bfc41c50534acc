"""What all widgets share: their front end, pages without a kernel, pictures that stand for them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import anywidget
import numpy as np
import plotly.graph_objects as go
import traitlets
from IPython import get_ipython

from modadd import _lattice, model, structure
from modadd.model import Parameters
from modadd.plots import palette, traces
from modadd.plots.export import show
from modadd.plots.panels import font, sheet
from modadd.run import Run
from modadd.task import ModularAddition

FRONT = Path(__file__).parent / "front"
_IMPORT = re.compile(r'^import [^;]*"(\.[./\w]*\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (default .*\n)?", re.MULTILINE)


@cache
def script(entry: str) -> str:
    """A file of `front/`, or a path, with all that it imports as one script: each below its needs.

    >>> text = script("mount")
    >>> "function pairSums" in text, "export function pairSums" in text
    (True, False)
    """
    parts: dict[Path, str] = {}

    def take(path: Path, above: tuple[Path, ...]) -> None:
        if path in above:
            names = " -> ".join(p.stem for p in (*above, path))
            raise ValueError(f"front/ must not import in a circle: {names}")
        text = path.read_text(encoding="utf-8")
        for other in _IMPORT.findall(text):
            other = (path.parent / other).resolve()
            if other not in parts:
                take(other, (*above, path))
        text = _IMPORT.sub("", text)
        parts[path] = _EXPORT.sub("", text) if above else text

    take((FRONT / f"{entry}.js").resolve(), ())
    return "\n".join(parts.values())


SHARED = {
    "thresholds": {
        name.lower(): getattr(module, name)
        for module, names in {
            structure: (
                "CIRCLE_SCORE",
                "CIRCLE_ROUNDNESS",
                "GRID_SCORE",
                "STRIPE_ROWS",
                "STRIPE_ASPECT",
                "CLOSURE_TOLERANCE",
            ),
            _lattice: ("STEP_TOLERANCE", "COINCIDENT", "COLLINEAR"),
        }.items()
        for name in names
    },
    "colors": {name: style.color for name, style in palette.STYLES.items()},
}
"""What the front end would otherwise have to repeat."""


class View(anywidget.AnyWidget):
    """What all widgets share: the front end, and a picture for where it cannot run."""

    _esm, _css = script("mount"), (FRONT / "style.css").read_text(encoding="utf-8")
    kind = traitlets.Unicode().tag(sync=True)
    shared = traitlets.Dict(SHARED).tag(sync=True)
    caption: str = ""
    _places: ClassVar[dict[str, tuple[str, list[View]]]] = {}

    def picture(self) -> go.Figure:
        """First, middle and last state, as a figure."""
        raise NotImplementedError

    def fragment(self) -> str:
        """Part of a page that needs neither kernel nor network."""
        state = json.dumps(self._page_state()).replace("</", "<\\/")
        return (
            f'<div class="modadd-page"></div>\n<style>\n{self._css}</style>\n'
            '<script type="module">\n'
            'const place = document.querySelector(".modadd-page:not([data-used])");\n'
            f"place.dataset.used = true;\n{self._esm}\nmount(place, {state});\n</script>\n"
        )

    def _page_state(self) -> dict:
        """What the front end needs on a page without a kernel, for JSON."""
        return {name: getattr(self, name) for name in ("kind", "shared", "initial")}

    def _repr_mimebundle_(self, **options: object) -> tuple[dict, dict]:
        self._take_place()
        return super()._repr_mimebundle_(**options)

    def _take_place(self) -> None:
        """Close the widgets that an earlier execution of the same cell has shown.

        Jupyter keeps every widget, and what it holds, until it is closed.
        """
        kernel = getattr(get_ipython(), "kernel", None)
        request = kernel.get_parent("shell") if kernel is not None else {}
        cell = request.get("metadata", {}).get("cellId")
        if cell is None:
            return
        execution = request["header"]["msg_id"]
        before, shown = self._places.get(cell, ("", []))
        if before != execution:
            for widget in shown:
                if widget is not self:
                    widget.close()
            shown = []
        self._places[cell] = (execution, [*shown, self])

    def _ipython_display_(self) -> None:
        show(self, caption=self.caption)


# --- pictures ------------------------------------------------------------------------------------


def first_middle_last(E: np.ndarray) -> list[int]:
    """Which snapshots of embeddings (T, N, 2) a picture shows: the middle one halfway of their way.

    Most of the way is made in few steps, so that half the steps would be nearly the end.
    """
    way = np.append(0, np.linalg.norm(np.diff(E, axis=0), axis=(1, 2)).cumsum())
    return sorted({0, int(np.searchsorted(way, way[-1] / 2)), len(E) - 1})


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
