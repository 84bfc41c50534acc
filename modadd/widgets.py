"""Widgets: scrub through a run, play with structures, push particles, train live.

Each function returns a widget for the last line of a notebook's cell. In JupyterLab it is alive;
where there is no kernel, a code host or a printed page, its picture stands in its place. All
drawing happens in the browser, from frames that are sent once. The page's own colours, light or
dark, are followed; everything can be done from the keyboard.

`replay` trains a network whose weight decay was changed by hand in `live_training`.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

import anywidget
import numpy as np
import plotly.graph_objects as go
import torch
import traitlets

from modadd import _checks, _frames, model, panels, phase_plots, structure
from modadd._live import Session, replay
from modadd.export import show
from modadd.particles import two_force
from modadd.run import Run
from modadd.task import ModularAddition
from modadd.training import DivergenceError, TrainingConfig

__all__ = ["live_training", "particles", "phases", "playground", "replay", "scrub", "to_html"]

_HERE = Path(__file__).parent
FRAMES_A_SECOND = 20
"""How often live training is drawn."""
MOST_STATES = 1200
"""States that live training keeps; of more, every second one is forgotten."""
MOST_SEEDS = 8
"""Seeds that the page of a scrubber carries; of more, only the one shown."""


@cache
def front_end() -> tuple[str, str]:
    """The ES module and the stylesheet of all widgets.

    >>> script, style = front_end()
    >>> "function" in script, "modadd" in style
    (True, True)
    """
    scripts = ("widgets_measures.js", "widgets_drawing.js", "widgets_phases.js", "widgets.js")
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in scripts)
    return script, (_HERE / "widgets.css").read_text(encoding="utf-8")


class _View(anywidget.AnyWidget):
    """What all widgets share: the front end, and a picture for where it cannot run."""

    _esm, _css = front_end()
    kind = traitlets.Unicode().tag(sync=True)
    caption: str = ""

    def picture(self) -> go.Figure:
        """First, middle and last state, as a figure."""
        raise NotImplementedError

    def fragment(self) -> str | None:
        """Part of a page that needs neither kernel nor network; None where it takes a kernel."""
        return to_html(self)

    def _page_state(self) -> dict:
        """What the front end needs on a page without a kernel, for JSON."""
        return {name: getattr(self, name) for name in ("kind", "initial")}

    def _ipython_display_(self) -> None:
        show(self, caption=self.caption)


def to_html(widget: _View) -> str:
    """A widget as a fragment of a page that needs no kernel and no network.

    A scrubber of up to eight seeds takes all of them along, one of more only the seed shown.

    Args:
        widget: from `scrub`, `playground` or `particles`.

    Raises:
        ValueError: for live training, which takes a kernel.

    >>> to_html(playground()).startswith("<div")
    True
    """
    if not isinstance(widget, _View) or widget.kind == "live":
        raise ValueError(f"widget must work without a kernel, got {type(widget).__name__}")
    script, style = front_end()
    text = json.dumps(widget._page_state()).replace("</", "<\\/")
    return (
        f'<div class="modadd-page"></div>\n<style>\n{style}</style>\n<script type="module">\n'
        f'const place = document.querySelector(".modadd-page:not([data-used])");\n'
        f"place.dataset.used = true;\n{script}\nmount(place, {text});\n</script>\n"
    )


# --- the scrubber --------------------------------------------------------------------------------


class _Scrub(_View):
    kind = traitlets.Unicode("scrub").tag(sync=True)
    seeds = traitlets.List().tag(sync=True)
    tracks = traitlets.List().tag(sync=True)

    def __init__(self, runs: list[Run], seed: int, caption: str) -> None:
        self._runs, self._seed, self.caption = runs, seed, caption
        self._known: dict[int, list[dict]] = {}
        seeds = [int(s) for s in runs[0].seeds if all(_holds(run, int(s)) for run in runs)]
        super().__init__(seeds=seeds, tracks=self._open(seed))
        self.on_msg(self._receive)

    def _open(self, seed: int) -> list[dict]:
        if seed not in self._known:
            self._known[seed] = [_frames.track(run, _own(run, seed)) for run in self._runs]
        return self._known[seed]

    def _receive(self, _, content: dict, __) -> None:
        if content.get("type") == "seed" and content.get("seed") in self.seeds:
            self._seed = content["seed"]
            self.tracks = self._open(self._seed)

    def _page_state(self) -> dict:
        """All seeds on one page, so that they can be chosen from; of very many only the present."""
        seeds = self.seeds if len(self.seeds) <= MOST_SEEDS else [self._seed]
        every = {
            seed: [
                track | {"bytes": base64.b64encode(track["bytes"]).decode()}
                for track in self._open(seed)
            ]
            for seed in seeds
        }
        return {"kind": self.kind, "seeds": seeds, "seed": self._seed, "every": every}

    def picture(self) -> go.Figure:
        columns = []
        for run in self._runs:
            one, task = run.select(_own(run, self._seed)), ModularAddition(run.modulus)
            for t in _first_middle_last(len(one.steps)):
                title = f"step {one.steps[t]:,}"
                if len(self._runs) > 1:
                    title = f"{_frames.TITLES.get(run.source, run.source)}, {title}"
                here = one.parameters and one.parameters.map(lambda array, t=t: array[t, 0])
                columns.append(_column(title, one.embeddings[t, 0], here, task, one.settings))
        return _picture(columns)


def scrub(
    run: Run, seed: int | None = None, beside: Run | None = None, caption: str | None = None
) -> _View:
    """One step cursor for all that a run recorded.

    Embeddings, pair sums over the decision regions, loss and accuracy, measures of structure, and
    forces: measured, and modelled by clustering and alignment. Regions, wrong pairs and measured
    forces take a run with all parameters (`train(..., keep_parameters=True)`).

    Args:
        run: of a network or a simulation.
        seed: one of its seeds, shown first; None: the first.
        beside: a second run of the same modulus on the same cursor, with the same seeds or only
            one. Its last step stands beside the last step of `run`, and so on in proportion.
        caption: a sentence below the widget, and below the picture that stands for it where it
            cannot run.

    Raises:
        ValueError: for a seed that is missing, or runs that do not fit each other.
    """
    if not isinstance(run, Run):
        raise ValueError(f"run must be a Run, got {type(run).__name__}")
    runs = [run] if beside is None else [run, beside]
    if beside is not None and (not isinstance(beside, Run) or beside.modulus != run.modulus):
        raise _checks.refuse("beside", f"a Run of modulus {run.modulus}", beside)
    seed = int(run.seeds[0]) if seed is None else _checks.integer("seed", seed, 0)
    run.select(seed)
    if not all(_holds(other, seed) for other in runs):
        raise ValueError(f"beside must hold seed {seed}, or one seed only, got {beside.seeds}")
    if caption is None:
        caption = "All that was recorded, step by step; its picture: first, middle and last step."
    return _Scrub(runs, seed, caption)


def _holds(run: Run, seed: int) -> bool:
    return seed in run.seeds or len(run.seeds) == 1


def _own(run: Run, seed: int) -> int:
    """The seed of the run that stands for `seed`."""
    return seed if seed in run.seeds else int(run.seeds[0])


# --- the playground and the particles ------------------------------------------------------------


class _Playground(_View):
    kind = traitlets.Unicode("playground").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    caption = (
        "What the structures mean: a circle, a lattice, and the lattice with noise. In the widget "
        "frequency, steps and noise can be chosen."
    )

    def picture(self) -> go.Figure:
        chosen = self.initial
        N, tokens = chosen["modulus"], np.arange(chosen["modulus"])
        angle = 2 * np.pi * chosen["frequency"] * tokens / N
        patch = _lattice_patch(N, *chosen["steps"])
        noisy = patch + 0.25 * np.random.default_rng(0).standard_normal(patch.shape)
        task = ModularAddition(N)
        shapes = {
            f"circle, k = {chosen['frequency']}": np.stack([np.cos(angle), np.sin(angle)], -1),
            "lattice, u, v = {}, {}".format(*chosen["steps"]): patch,
            "the same with noise": noisy,
        }
        columns = [_column(t, E / np.abs(E).max(), None, task, {}) for t, E in shapes.items()]
        return _picture(columns, common=False)


def playground(
    shape: str = "lattice",
    modulus: int = 17,
    frequency: int = 3,
    steps: tuple[int, int] = (1, 4),
    noise: float = 0.0,
) -> _View:
    """Circles, lattices and noise: what the structures mean before any training.

    Pair sums lie over the label of the nearest one; readings are the share of ordered pairs whose
    nearest other pair sum has their label (coincident ones vote), closure, and the scores of
    `modadd.structure`. All of it is computed in the browser.

    Args:
        shape: "circle", "lattice" or "noise".
        modulus: N, 3 to 41.
        frequency: k of the circle, 1 to 20.
        steps: u and v of the lattice; together they must reach every token.
        noise: 0 to 1, in units of the spacing between neighbours.

    Raises:
        ValueError: for an argument out of range.
    """
    initial = {
        "shape": _checks.choice("shape", shape, ("circle", "lattice", "noise")),
        "modulus": _checks.integer("modulus", modulus, 3, 41),
        "frequency": _checks.integer("frequency", frequency, 1, 20),
        "steps": [
            _checks.integer("steps", step, 0, 40) for step in _checks.sequence("steps", steps, 2, 2)
        ],
        "noise": _checks.real("noise", noise, 0.0, 1.0),
    }
    if np.gcd.reduce([*initial["steps"], initial["modulus"]]) != 1:
        raise ValueError(f"steps must be two that reach every token of Z_{modulus}, got {steps}")
    return _Playground(initial=initial)


def _lattice_patch(N: int, u: int, v: int) -> np.ndarray:
    """Tokens a = i u + j v (mod N) at their shortest (i, j), centred: (N, 2)."""
    i, j = np.mgrid[-N : N + 1, -N : N + 1].reshape(2, -1)
    order = np.hypot(i - 0.013, j - 0.007).argsort(kind="stable")
    first = np.unique((i * u + j * v)[order] % N, return_index=True)[1]
    E = np.stack([i, j], -1)[order][first].astype(float)
    return E - E.mean(0)


class _Particles(_View):
    kind = traitlets.Unicode("particles").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    caption = (
        "Particles under clustering and alignment, from a random start. In the widget the forces "
        "can be changed while they act, and a particle can be dragged away."
    )

    def picture(self) -> go.Figure:
        chosen = self.initial
        start = chosen["start"]
        if start is None:
            shape = (chosen["modulus"], 2)
            start = np.random.default_rng([chosen["seed"], 0]).standard_normal(shape)
        names = ("alignment_force", "step_size", "momentum", "reach")
        settings = {name: chosen[name] for name in names}
        run = two_force(start, steps=800, snapshots=[0, 100, 800], **settings, progress=False)
        task = ModularAddition(run.modulus)
        shown = zip(run.steps, run.embeddings[:, 0], strict=True)
        columns = [_column(f"step {step:,}", E, None, task, {}) for step, E in shown]
        return _picture(columns)


def particles(
    start: np.ndarray | None = None,
    *,
    modulus: int = 17,
    seed: int = 0,
    alignment_force: float = 0.5,
    step_size: float = 0.3,
    momentum: float = 0.9,
    reach: float = 0.6,
) -> _View:
    """The two-force simulation of `modadd.particles.two_force`, live: drag a particle and watch.

    It runs in the browser, in float64. Its random starts are its own: seed 3 here is not the
    seed 3 of a network. To begin where a network did, give its initial embeddings as `start`.

    Args:
        start: (N, 2) initial positions, 3 <= N <= 31; None: random ones.
        modulus: N, 3 to 31, of random starts.
        seed: of the random start.
        alignment_force, step_size, momentum, reach: as for `two_force`; step_size from 0.01 to
            1, momentum up to 0.98.

    Raises:
        ValueError: for an argument out of range.
    """
    if start is not None:
        start = _checks.embeddings("start", start)
        if start.ndim != 2 or not start.any():
            raise ValueError(f"start must have shape (N, 2) and not be 0, got {start.shape}")
        modulus, start = len(start), start.tolist()
    return _Particles(
        initial={
            "start": start,
            "modulus": _checks.integer("modulus", modulus, 3, 31),
            "seed": _checks.integer("seed", seed, 0, 999_999),
            "alignment_force": _checks.real("alignment_force", alignment_force, 0.0, 1.0),
            "step_size": _checks.real("step_size", step_size, 0.01, 1.0),
            "momentum": _checks.real("momentum", momentum, 0.0, 0.98),
            "reach": _checks.real("reach", reach, 0.0, open_low=True),
        }
    )


# --- the phase diagram ---------------------------------------------------------------------------

SHOWN = 9
"""Runs of a cell that `phases` can show: three rows of three."""


class _Phases(_View):
    kind = traitlets.Unicode("phases").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    caption = "Final embeddings of one seed in every cell. In the widget: more runs of each cell."

    def __init__(self, initial: dict, still: go.Figure) -> None:
        self._still = still
        super().__init__(initial=initial)

    def picture(self) -> go.Figure:
        return self._still


def phases(
    E: np.ndarray,
    kinds: np.ndarray,
    scales: Sequence[float],
    bias_scales: Sequence[float],
    seeds: Sequence[int],
) -> _View:
    """A phase diagram in which pointing at a cell, or the arrow keys, show runs of its recipe.

    Args:
        E: (R, C, S, N, 2) final embeddings.
        kinds: (R, C, S) words of structure.KINDS.
        scales: (R,) initial scales, of the rows from below.
        bias_scales: (C,) β, of the columns from the left.
        seeds: (S,).

    Raises:
        ValueError: if a shape does not fit the others.
    """
    scales = [_checks.real("scales", scale, 0) for scale in _checks.sequence("scales", scales)]
    bias_scales = _checks.sequence("bias_scales", bias_scales)
    bias_scales = [_checks.real("bias_scales", beta, 0) for beta in bias_scales]
    seeds = _checks.seeds("seeds", _checks.sequence("seeds", seeds))
    shape = (len(scales), len(bias_scales), len(seeds))
    kinds = _checks.words("kinds", kinds, shape, structure.KINDS)
    E = _checks.embeddings("E", E)
    if E.shape[:-2] != shape:
        raise ValueError(f"E must lead with {shape}, got {E.shape}")

    def run(one: np.ndarray) -> dict:
        return {"E": one.ravel().astype(np.float32).tolist(), "bonds": panels.bonds(one).tolist()}

    number = {kind: i for i, kind in enumerate(structure.KINDS)}
    initial = {
        "scales": list(scales),
        "bias_scales": list(bias_scales),
        "seeds": [int(seed) for seed in seeds[:SHOWN]],
        "names": list(structure.KINDS),
        "kinds": [[[number[kind] for kind in cell] for cell in row] for row in kinds],
        "cells": [[[run(one) for one in cell[:SHOWN]] for cell in row] for row in E],
    }
    return _Phases(initial, phase_plots.phase_examples(E[:, :, 0], kinds, scales, bias_scales))


# --- live training -------------------------------------------------------------------------------


class _Live(_View):
    kind = traitlets.Unicode("live").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    caption = (
        "Training begins, goes on and ends here; in the widget it runs live, and its weight decay "
        "can be changed while it runs."
    )
    FIELDS: ClassVar = (
        "learning_rate",
        "train_share",
        "modulus",
        "hidden",
        "bias_scale",
        "label_smoothing",
        "optimiser",
    )

    def __init__(self, session: Session, speed: int) -> None:
        self.session = session
        self._speed, self._reach, self._rate = speed, 0.0, 0.0
        self._lock, self._go = threading.RLock(), threading.Event()
        self._thread: threading.Thread | None = None
        names = (*self.FIELDS, "weight_decay")
        initial = {name: getattr(session.config, name) for name in names}
        initial |= {"seed": session.seed, "speed": speed}
        super().__init__(initial=initial)
        self.on_msg(self._receive)

    @property
    def run(self) -> Run:
        """Everything kept so far, with all parameters."""
        with self._lock:
            return self.session.run()

    @property
    def running(self) -> bool:
        """Whether training goes on at this moment."""
        return self._go.is_set()

    def close(self) -> None:
        """Stop training and take the widget away."""
        self._go.clear()
        super().close()

    # --- what the front end asks for

    def _receive(self, _, content: dict, __) -> None:
        kind, wrong = content.pop("type", None), ""
        if kind not in ("hello", "start", "pause", "step", "reset", "decay", "speed", "code"):
            return
        try:
            getattr(self, f"_on_{kind}")(**content)
        except (ValueError, DivergenceError) as error:
            wrong = str(error)
        self._tell(wrong)

    def _on_hello(self) -> None:
        with self._lock:
            self._send_frames(0)

    def _on_start(self) -> None:
        if not self.running:
            self._go.set()
            self._thread = threading.Thread(target=self._train, daemon=True)
            self._thread.start()

    def _on_pause(self) -> None:
        self._go.clear()
        if self._thread is not None:
            self._thread.join(5)

    def _on_step(self) -> None:
        self._on_pause()
        self._advance(1)

    def _on_decay(self, value: float) -> None:
        with self._lock:
            self.session.weight_decay = value

    def _on_speed(self, value: float) -> None:
        self._speed = _checks.real("speed", value, 1, 1e6)

    def _on_reset(self, settings: dict) -> None:
        again = self.running
        self._on_pause()
        chosen = {name: settings[name] for name in self.FIELDS if name in settings}
        for name in ("modulus", "hidden"):
            chosen[name] = round(chosen.get(name, getattr(self.session.config, name)))
        decay = self.session.weight_decay
        config = TrainingConfig(**chosen, weight_decay=decay)
        seed = round(settings.get("seed", self.session.seed))
        self.session, self._reach = Session(config, seed, MOST_STATES), 0.0
        self._send_frames(0)
        if again:
            self._on_start()

    def _on_code(self) -> None:
        with self._lock:
            self.send({"type": "code", "text": self.session.code()})

    # --- what it is told

    def _train(self) -> None:
        """Train and draw until paused; runs in a thread of its own."""
        wrong, told, began, first = "", 0.0, time.perf_counter(), self.session.step
        while self._go.is_set():
            start = time.perf_counter()
            try:
                # Dense at first, when most happens; then as fast as was asked for.
                with self._lock:
                    most = max(1, round(self._speed / FRAMES_A_SECOND))
                    self._advance(min(most, 1 + self.session.step // 8))
            except DivergenceError as error:
                wrong = str(error)
                self._go.clear()
            now = time.perf_counter()
            if now - told > 0.5 and not wrong:
                self._rate = (self.session.step - first) / max(now - began, 1e-9)
                told, began, first = now, now, self.session.step
                self._tell()
            time.sleep(max(0.0, start + 1 / FRAMES_A_SECOND - now))
        self._tell(wrong)

    def _advance(self, steps: int) -> None:
        with self._lock:
            self.session.advance(steps)
            self._send_frames(-1)

    def _send_frames(self, first: int) -> None:
        """Send the states from index `first` on; 0 begins anew."""
        run = self.session.run(first)
        largest = _frames.MARGIN * float(np.abs(run.embeddings).max())
        if largest > self._reach:  # with room to grow, so that the view does not creep
            self._reach = largest * (1.25 if first else 1.05)
        header = _frames.track(run, self.session.seed, compress=False, reach=self._reach)
        content = header.pop("bytes")
        self.send({"type": "frames", "header": header, "fresh": first == 0}, [content])

    def _tell(self, wrong: str = "") -> None:
        text = f"{self._rate:,.0f} steps a second" if self.running and self._rate else ""
        self.send(
            {
                "type": "status",
                "running": self.running,
                "text": wrong or text,
                "wrong": bool(wrong),
                "weight_decay": self.session.weight_decay,
            }
        )

    def fragment(self) -> None:
        """No page: training takes a kernel."""

    def picture(self) -> go.Figure:
        session, columns = Session(self.session.config, self.session.seed), []
        for step in (0, 150, 1500):
            session.advance(step - session.step)
            one, task = session.run(-1), session.config.task
            here = one.parameters.map(lambda array: array[0, 0])
            columns.append(_column(f"step {step:,}", here.embeddings, here, task, one.settings))
        return _picture(columns)


def live_training(config: TrainingConfig | None = None, seed: int = 0, speed: int = 4000) -> _View:
    """Train a network while watching, and change its weight decay while it trains.

    Everything drawn is kept: paused, the widget is a scrubber. `widget.run` gives it as a Run; a
    button prints the code that reproduces the present state, bit for bit.

    Args:
        config: the recipe to begin with; None: the default. It must have one decay throughout.
        seed: integer >= 0.
        speed: at most so many steps a second, 1 to 1e6.

    Raises:
        ValueError: for an argument out of range.
    """
    config = TrainingConfig() if config is None else config
    _checks.instance("config", config, TrainingConfig)
    speed = int(_checks.real("speed", speed, 1, 1e6))
    return _Live(Session(config, seed, MOST_STATES), speed)


# --- pictures ------------------------------------------------------------------------------------


def _first_middle_last(count: int) -> list[int]:
    return sorted({0, (count - 1) // 2, count - 1})


def _column(title, E, parameters, task, settings) -> dict:
    """What one column of a picture shows; parameters give it regions and wrong pairs."""
    return {
        "title": title,
        "E": np.asarray(E),
        "parameters": parameters,
        "beta": settings.get("bias_scale", 1.0),
        "right": None if parameters is None else _right(parameters, task, settings),
    }


def _right(parameters, task: ModularAddition, settings: dict) -> np.ndarray:
    """Which pairs the parameters of one seed get right, (P,) bools."""
    tensors = parameters.map(torch.as_tensor)
    beta = settings.get("bias_scale", 1.0)
    z = model.logits(tensors, model.pair_sums(tensors, task), beta)
    return z.argmax(-1).numpy() == task.labels


def _picture(columns: list[dict], common: bool = True) -> go.Figure:
    """Embeddings above pair sums, a column a state, three a row."""
    side, gap, top = 236, 30, 34
    block = 2 * side + 14 + top
    rows = -(-len(columns) // 3)
    boxes = [
        (16 + i % 3 * (side + gap), i // 3 * (block + 10) + top + j * (side + 14), side, side)
        for i in range(len(columns))
        for j in range(2)
    ]
    height = rows * (block + 10) + 6
    figure, found = panels.sheet(height, boxes)
    largest = max(np.abs(column["E"]).max() for column in columns)
    for i, column in enumerate(columns):
        upper, lower = found[2 * i : 2 * i + 2]
        reach = 1.1 * (largest if common else np.abs(column["E"]).max())
        upper.plane(reach)
        lower.plane(2 * reach)
        upper.add(*panels.embeddings(column["E"], 15))
        upper.note(column["title"], 0.5, yshift=8, xanchor="center", font=panels.font(13))
        if column["parameters"] is not None:
            lower.add(*panels.regions(column["parameters"], 2 * reach, column["beta"]))
        lower.add(*panels.pair_sums(column["E"], column["right"], 5))
    return figure
