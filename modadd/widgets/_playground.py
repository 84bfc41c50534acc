"""The playground: circles, lattices and noise, before any training."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import traitlets

from modadd.widgets._view import State, View, picture

LIMITS = {"modulus": (3, 41), "frequency": (1, 20), "step": (0, 40), "noise": (0.0, 1.0)}
"""What the fields take."""


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


def playground() -> View:
    """Circles, lattices and noise: what the structures mean before any training.

    Pair sums lie over the label of the nearest one; readings are the share of ordered pairs whose
    nearest other pair sum has their label (coincident ones vote), closure, and the scores of
    `modadd.structure`. All of it is computed in the browser; tokens can be dragged.
    """
    return _Playground(
        initial={
            "shape": "lattice",
            "modulus": 17,
            "frequency": 3,
            "steps": [1, 4],
            "noise": 0.0,
            "limits": LIMITS,
        }
    )


def lattice_patch(N: int, u: int, v: int) -> np.ndarray:
    """Tokens a = i u + j v (mod N) at their shortest (i, j), centred: (N, 2)."""
    i, j = np.mgrid[-N : N + 1, -N : N + 1].reshape(2, -1)
    order = np.hypot(i - 0.013, j - 0.007).argsort(kind="stable")
    first = np.unique((i * u + j * v)[order] % N, return_index=True)[1]
    E = np.stack([i, j], -1)[order][first].astype(float)
    return E - E.mean(0)
