"""Notebook 5: what two forces build, beside networks from the same starts.

A two-force run has a colour between that of clustering and that of alignment, as its alignment
force says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from modadd import TrainingConfig, forces, structure
from modadd.plots.palette import MUTED, PAPER, STYLES, blend, colored
from modadd.plots.panels import Panel, font, sheet, tiles
from modadd.plots.traces import area, centred, joined, listed, marks, segments, whisker
from modadd.structure import KINDS, Census

SHARES = {"range": [-0.03, 1], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
COLUMNS = {"tickvals": list(range(4)), "ticktext": list(KINDS), "range": [-0.6, 3.6]}
COLUMNS["tickangle"] = 0


def force_color(alignment_force: float) -> str:
    """Colour of a two-force run: from that of clustering at 0 to that of alignment at 1.

    >>> force_color(0.0)
    '#c04a17'
    """
    return blend(STYLES["clustering"].color, STYLES["alignment"].color, alignment_force)


def thin(E: np.ndarray) -> np.ndarray:
    """Which of E (S, N, 2) have collapsed onto a line: more than three times as long as wide."""
    long, wide = np.linalg.svd(E - E.mean(1, keepdims=True), compute_uv=False).T
    return wide < 0.3 * long


def starts(seeds: Iterable[int], modulus: int = 17) -> np.ndarray:
    """Initial embeddings (S, N, 2) of the networks of these seeds."""
    config = TrainingConfig(modulus)
    return np.stack([config.initial(seed).embeddings for seed in seeds])


def example(swept: np.ndarray, kinds: np.ndarray) -> int:
    """The start that shows most clearly what the knob does.

    It begins as a grid and passes through all kinds but "other", as far as there is such a one.
    What starts become at increasing alignment forces is (A, S, N, 2), and of kinds (A, S).
    """
    passed = sum((kinds == kind).any(0) for kind in KINDS[:3]) + (kinds[0] == "grid")
    clarity = np.maximum(structure.circle(swept).score, structure.grid(swept).score).min(0)
    return int((passed + clarity).argmax())


def distances_of_batches(kinds: np.ndarray, size: int, draws: int = 4000) -> np.ndarray:
    """How far apart two censuses of `size` runs are, drawn from the shares among kinds: (draws,).

    >>> distances_of_batches(np.array(["circle"] * 8), size=4, draws=3).tolist()
    [0.0, 0.0, 0.0]
    """
    shares = (kinds[:, None] == np.array(KINDS)).mean(0)
    first, second = np.random.default_rng(0).multinomial(size, shares, (2, draws)) / size
    return 0.5 * np.abs(first - second).sum(-1)


def at_constant_size(E: np.ndarray, bias_scale: float, steps: int = 200) -> np.ndarray:
    """Where E (S, N, 2) ends under the exact law with label charges, always scaled back to rms 1.

    Steps have one length whatever the force, with momentum, and become shorter towards the end.
    """

    def scaled(E: np.ndarray) -> np.ndarray:
        return E / np.sqrt(np.square(E).mean((-2, -1), keepdims=True))

    E, velocity = scaled(E.astype(float)), 0.0
    for step in range(steps):
        velocity = 0.9 * velocity + scaled(forces.exact(E, bias_scale))
        E = scaled(E + 0.01 * (1 - step / steps) * velocity)
    return E


def ends(rows: Mapping[str, np.ndarray]) -> go.Figure:
    """What the first start became, and how many of (S, N, 2) are on a line; one panel a name."""
    boxes = tiles(len(rows), 54)
    figure, panels = sheet(54 + boxes[0][2] + 8, boxes)
    for panel, (name, E) in zip(panels, rows.items(), strict=True):
        one = centred(E[0])
        panel.plane(1.2 * np.abs(one).max())
        panel.add(*joined(one, 11))
        words = colored(f"{thin(E).sum()} of {len(E)} on a line", MUTED)
        panel.note(f"<b>{name}</b><br>{words}", 0.5, xanchor="center", yshift=6)
    return figure


def kinds_over_force(
    alignment_forces: Sequence[float],
    examples: np.ndarray,
    censuses: Sequence[Census],
    network: Census,
    chosen: float,
) -> go.Figure:
    """Kinds over the alignment force, what one start became above, the network's census beside.

    Args:
        alignment_forces: (A,) increasing values of a.
        examples: (A, N, 2) what one start became at each.
        censuses: (A,) of many starts.
        network: of networks from the same starts.
        chosen: the force to mark.
    """
    boxes = tiles(len(alignment_forces), 64, gap=6)
    top = 64 + boxes[0][2] + 58
    figure, panels = sheet(top + 304, [*boxes, (52, top, 520, 250), (624, top, 166, 250)])
    *small, curves, beside = panels
    found = structure.describe(examples)
    for i, (panel, E) in enumerate(zip(small, centred(examples), strict=True)):
        word = f"<b>{colored(found.kind[i], STYLES[found.kind[i]].color)}</b>"
        panel.note(f"a = {alignment_forces[i]:g}<br>{word}", 0.5, xanchor="center", yshift=6)
        panel.plane(1.15 * np.abs(E).max())
        panel.add(*joined(E, 8, listed(found.bonds[i])))
    curves.axes({"range": [-0.02, 1.02], "title": {"text": "alignment force a"}}, SHARES)
    beside.axes(COLUMNS, SHARES | {"ticktext": [""] * 5})
    curves.note(f"<b>Two forces</b>, {censuses[0].total} starts", yshift=8)
    beside.note(f"<b>Networks</b>, {network.total}", yshift=8)
    curves.add(*segments([[chosen, 0]], [[chosen, 1]]))
    place = {"yref": f"{curves.y} domain", "xanchor": "right", "xshift": -5}
    curves.text(f"nearest to the networks: {chosen:g}", chosen, 0.97, **place)
    for i, kind in enumerate(KINDS):
        curves.add(*_shares(alignment_forces, censuses, kind))
        beside.add(_whiskered(i, network, kind))
        _name(curves, kind, alignment_forces, censuses)
    return figure


def _name(panel: Panel, kind: str, x: Sequence[float], censuses: Sequence[Census]) -> None:
    """The kind beside its line, where there is room: by experience, not by rule."""
    last = len(x) - 1
    i, anchor, across, up = {
        "circle": (max(last - 1, 0), "right", -12, 0),
        "grid": (min(1, last), "center", 0, 16),
        "stripe": (min(1, last), "center", 0, -16),
        "other": (min(2, last), "center", 0, 16),
    }[kind]
    place = {"xanchor": anchor, "xshift": across, "yshift": up}
    panel.text(kind, x[i], censuses[i].share(kind), **place, font=font(12, STYLES[kind].color))


def _shares(x: Sequence[float], censuses: Sequence[Census], kind: str) -> list[go.Trace]:
    """Share of a kind over x with its Wilson band."""
    style = STYLES[kind]
    low, high = np.array([census.interval(kind) for census in censuses]).T
    share = [census.share(kind) for census in censuses]
    hover = kind + ": %{y:.0%} at a = %{x}"
    look = {"line": style.line(), "name": kind, "cliponaxis": False}
    curve = marks(list(x), share, style.marker(7), hover, **look)
    return [*area(x, low, high, style.color, 0.15), curve]


def _whiskered(x: float, census: Census, kind: str, hollow: bool = False) -> go.Scatter:
    """Share of a kind with its Wilson interval, upright at x."""
    style, share = STYLES[kind], census.share(kind)
    look = {"color": PAPER, "line": {"width": 2, "color": style.color}} if hollow else {}
    bars = whisker(share, *census.interval(kind), style.color)
    more = {"error_y": bars, "name": kind, "cliponaxis": False}
    return marks([x], [share], style.marker(10, **look), kind + ": %{y:.0%}", **more)


def carry_over(pairs: Mapping[str, tuple[Census, Census]]) -> go.Figure:
    """Two-force runs (open) beside networks (filled), one column a kind.

    One panel a title, which has the census of two-force runs, and that of networks.
    """
    figure, panels = sheet(290, tiles(len(pairs), 66, 190, left=52, gap=22))
    for panel, (title, (simulated, network)) in zip(panels, pairs.items(), strict=True):
        panel.axes(COLUMNS, SHARES | ({} if panel is panels[0] else {"ticktext": [""] * 5}))
        off = colored(f"{simulated.mismatch(network):.0%} apart", MUTED)
        panel.note(f"<b>{title}</b><br>{off}", yshift=6, align="left")
        for x, kind in enumerate(KINDS):
            panel.add(_whiskered(x - 0.16, simulated, kind, hollow=True))
            panel.add(_whiskered(x + 0.16, network, kind))
    return figure
