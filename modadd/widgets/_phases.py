"""The phase diagram whose cells show their runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import traitlets

from modadd import _checks, structure
from modadd.plots import phase_examples, traces
from modadd.training import TrainingConfig
from modadd.widgets._live import RECIPE
from modadd.widgets._view import View

SHOWN = 9
"""Runs of a cell that `phases` can show: three rows of three."""


class _Phases(View):
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
    config: TrainingConfig | None = None,
) -> View:
    """A phase diagram in which pointing at a cell, or the arrow keys, show runs of its recipe.

    A click keeps a cell. With a config, a click on one of its runs trains that run again, in the
    browser and in float64, and opens it step by step. It begins with the same numbers; now and then
    it ends as another kind, as any two trainings may that differ in a last digit.

    Args:
        E: (R, C, S, N, 2) final embeddings.
        kinds: (R, C, S) words of structure.KINDS.
        scales: (R,) initial scales, of the rows from below.
        bias_scales: (C,) β, of the columns from the left.
        seeds: (S,).
        config: the recipe of all cells, but for the two scales.

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

    def run(one: np.ndarray, joined: np.ndarray) -> dict:
        bonds = traces.listed(joined).tolist()
        return {"E": one.ravel().astype(np.float32).tolist(), "bonds": bonds}

    if config is not None:
        _checks.instance("config", config, TrainingConfig)
        if config.modulus != E.shape[-2]:
            raise ValueError(f"config must be of modulus {E.shape[-2]}, got {config.modulus}")
    shown = E[:, :, :SHOWN]
    table = zip(shown, structure.describe(shown).bonds)
    number = {kind: i for i, kind in enumerate(structure.KINDS)}
    initial = {
        "scales": list(scales),
        "bias_scales": list(bias_scales),
        "seeds": [int(seed) for seed in seeds[:SHOWN]],
        "names": list(structure.KINDS),
        "kinds": [[[number[kind] for kind in cell] for cell in row] for row in kinds],
        "recipe": config and {name: getattr(config, name) for name in RECIPE},
        "steps": config and config.steps,
        "cells": [[[run(*one) for one in zip(*cell)] for cell in zip(*row)] for row in table],
    }
    return _Phases(initial, phase_examples(E[:, :, 0], kinds, scales, bias_scales))
