"""The two-force simulation, live in the browser."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import traitlets

from modadd import _checks
from modadd.particles import two_force
from modadd.widgets._view import State, View, picture


class _Particles(View):
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
        shown = zip(run.steps, run.embeddings[:, 0], strict=True)
        return picture([State(f"step {step:,}", E) for step, E in shown])


def particles(
    start: np.ndarray | None = None,
    *,
    modulus: int = 17,
    seed: int = 0,
    alignment_force: float = 0.5,
    step_size: float = 0.3,
    momentum: float = 0.9,
    reach: float = 0.6,
) -> View:
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
