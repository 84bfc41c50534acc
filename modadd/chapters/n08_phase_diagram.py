"""Notebook 8: kinds over bias scale and initial scale, and what predicts circles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from modadd.forces import two_term_fit
from modadd.intervals import rank_correlation, wilson
from modadd.plots.palette import INK, LINE, MUTED, PAPER, blend
from modadd.plots.panels import WIDTH, Panel, font, sheet
from modadd.plots.traces import whisker
from modadd.run import Run


def half_learnt(run: Run) -> np.ndarray:
    """Embeddings (S, N, 2) of networks at the first snapshot with half of the final accuracy."""
    first = (run.accuracy >= 0.5 * run.accuracy[-1]).argmax(axis=0)
    return run.embeddings[first, np.arange(len(run.seeds))]


def alignment_weight(E: np.ndarray, bias_scale: float) -> float:
    """Weight w_a of alignment in the two-term formula for E (..., N, 2), at most 1.

    Without bias the exact law is alignment, so the weight is 1.

    >>> E = np.random.default_rng(0).standard_normal((8, 17, 2))
    >>> alignment_weight(E, 0.1) > alignment_weight(E, 10.0)
    True
    """
    return 1.0 if bias_scale == 0 else min(1.0, two_term_fit(E, bias_scale).alignment)


def predictors(
    kinds: np.ndarray, scales: Sequence[float], values: dict[str, tuple[str, np.ndarray]]
) -> go.Figure:
    """Share of circles in each cell over up to four quantities that might predict it.

    Args:
        kinds: (R, C, S).
        scales: (R,) initial scales, told apart by colour.
        values: title=(name of the axis, numbers from 0 to 1) of each panel; (R, C) or (R, C, S)
            numbers, as `intervals.rank_correlation` takes them.
    """
    circles = np.asarray(kinds) == "circle"
    columns = 2 if len(values) == 4 else len(values)
    each, tall = (WIDTH - 50) / columns, 290
    places = [divmod(i, columns) for i in range(len(values))]
    boxes = [(50 + c * each, 84 + r * tall, each - 40, 180) for r, c in places]
    figure, panels = sheet(36 + tall * (places[-1][0] + 1), boxes)
    shades = [blend(LINE, INK, t) for t in np.linspace(0, 1, len(scales))]
    words = [f'<span style="color:{c}">●</span> {scale:g}' for c, scale in zip(shades, scales)]
    panels[0].note("scale of initial embeddings   " + "   ".join(words), yshift=52)
    left = {"xanchor": "right", "yanchor": "middle", "textangle": -90, "xshift": -32}
    for panel, (_, column), (title, (axis, x)) in zip(panels, places, values.items(), strict=True):
        found = rank_correlation(circles, x)
        panel.note(f"<b>{title}</b>", yshift=24)
        words = f"rank correlation {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
        panel.note(words.replace("-", "−"), yshift=8, font=font(12, MUTED))
        panel.axes(
            {"range": [-0.04, 1.06], "tickvals": [0, 0.5, 1], "title": {"text": axis}},
            {"range": [-0.04, 1.02], "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        )
        if column == 0:
            panel.note("circles", 0, 0.5, font=font(12, MUTED), **left)
        middle = x if x.ndim == 2 else np.nanmean(x, axis=-1)
        for row, scale in enumerate(scales):
            _shares_over(panel, middle[row], circles[row], shades[row], f"scale {scale:g}")
    return figure


def _shares_over(panel: Panel, x: np.ndarray, hits: np.ndarray, color: str, name: str) -> None:
    """Share of hits (C, S) over x (C,), with Wilson intervals."""
    share = hits.mean(-1)
    ends = np.array([wilson(int(h.sum()), h.size) for h in hits])
    panel.add(
        go.Scatter(
            x=x,
            y=share,
            mode="markers",
            marker={"size": 8, "color": color, "line": {"width": 0.8, "color": PAPER}},
            error_y=whisker(share, *ends.T, blend(color, PAPER, 0.55), 1),
            name=name,
            hovertemplate="%{y:.0%} circles at %{x:.2f}<extra>" + name + "</extra>",
        )
    )
