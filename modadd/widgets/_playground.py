"""The playground: circles, lattices and noise, before any training."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import traitlets

from modadd import _checks
from modadd.widgets._view import State, View, picture


class _Playground(View):
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
        patch = lattice_patch(N, *chosen["steps"])
        noisy = patch + 0.25 * np.random.default_rng(0).standard_normal(patch.shape)
        shapes = {
            f"circle, k = {chosen['frequency']}": np.stack([np.cos(angle), np.sin(angle)], -1),
            "lattice, u, v = {}, {}".format(*chosen["steps"]): patch,
            "the same with noise": noisy,
        }
        return picture([State(title, E) for title, E in shapes.items()], common=False)


def playground(
    shape: str = "lattice",
    modulus: int = 17,
    frequency: int = 3,
    steps: tuple[int, int] = (1, 4),
    noise: float = 0.0,
) -> View:
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


def lattice_patch(N: int, u: int, v: int) -> np.ndarray:
    """Tokens a = i u + j v (mod N) at their shortest (i, j), centred: (N, 2)."""
    i, j = np.mgrid[-N : N + 1, -N : N + 1].reshape(2, -1)
    order = np.hypot(i - 0.013, j - 0.007).argsort(kind="stable")
    first = np.unique((i * u + j * v)[order] % N, return_index=True)[1]
    E = np.stack([i, j], -1)[order][first].astype(float)
    return E - E.mean(0)
