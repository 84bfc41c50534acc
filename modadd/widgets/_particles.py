"""The two-force simulation, live in the browser."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import traitlets

from modadd import _checks
from modadd.particles import two_force
from modadd.widgets._view import State, View, picture

LIMITS = {
    "modulus": (3, 31),
    "seed": (0, 999_999),
    "alignment_force": (0.0, 1.0),
    "step_size": (0.01, 1.0),
    "momentum": (0.0, 0.98),
}
"""What the fields take."""


class _Particles(View):
    kind = traitlets.Unicode("particles").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    caption = (
        "Particles under clustering and alignment, from a random start. In the widget the forces "
        "can be changed while they act, and a particle can be dragged away."
    )

    def picture(self) -> go.Figure:
        chosen = self.initial
        shape = (chosen["modulus"], 2)
        start = np.random.default_rng([chosen["seed"], 0]).standard_normal(shape)
        if chosen["start"] is not None:
            start = np.reshape(chosen["start"], shape)
        names = ("alignment_force", "step_size", "momentum", "reach")
        settings = {name: chosen[name] for name in names}
        run = two_force(start, steps=800, snapshots=[0, 20, 800], **settings, progress=False)
        shown = zip(run.steps, run.embeddings[:, 0], strict=True)
        return picture([State(f"step {step:,}", E) for step, E in shown])


def particles(start: np.ndarray | None = None, *, alignment_force: float = 0.5) -> View:
    """The two-force simulation of `modadd.particles.two_force`, live: drag a particle and watch.

    It runs in the browser, in float64. Seed 3 there begins from the embeddings of the network of
    seed 3; to begin elsewhere, give a start.

    Args:
        start: (N, 2) initial positions, 3 <= N <= 31; None: those of seed 0, N = 17.
        alignment_force: as for `two_force`; like all else it can be changed while they move.

    Raises:
        ValueError: for an argument out of range.
    """
    modulus = 17
    if start is not None:
        start = _checks.embeddings("start", start)
        if start.ndim != 2 or not start.any():
            raise ValueError(f"start must have shape (N, 2) and not be 0, got {start.shape}")
        modulus, start = len(start), start.ravel().tolist()
    return _Particles(
        initial={
            "start": start,
            "modulus": _checks.integer("start", modulus, *LIMITS["modulus"]),
            "alignment_force": _checks.real(
                "alignment_force", alignment_force, *LIMITS["alignment_force"]
            ),
            "seed": 0,
            "step_size": 0.3,
            "momentum": 0.9,
            "reach": 0.6,
            "limits": LIMITS,
        }
    )
