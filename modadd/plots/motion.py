"""Embeddings on the move, as an animated PNG: it plays in a README, without any script."""

from __future__ import annotations

import numpy as np

from modadd import structure
from modadd.plots.palette import LINE, MUTED, PAPER, blend, token_colors
from modadd.plots.png import animated_png
from modadd.plots.traces import centred, listed
from modadd.run import Run

SHADES = 12  # of each colour, from nearly paper to full: antialiased edges, fading trails
TRAIL = 6  # frames that a trail lasts


def motion(run: Run, frames: int = 64, size: int = 360) -> bytes:
    """The seeds of a run side by side: discs with trails, in the end the lines that join them.

    Frames follow at equal distances of the embeddings' way, a little closer at its ends, not at
    equal steps, for most of the way is made in few steps. 16 frames make a second; the last of
    them stays for two.

    Args:
        run: with many snapshots; what lies outside its last embeddings' frame is not seen.
        frames: until the embeddings rest; a dozen more draw the lines.
        size: height and width of each seed's panel, in pixels.
    """
    E = centred(run.embeddings)
    way = np.append(0, np.cumsum(np.sqrt((np.diff(E, axis=0) ** 2).mean((1, 2, 3)))))
    t = np.linspace(0, 1, frames)
    t = way[-1] * (t + t**2 * (3 - 2 * t)) / 2
    after = np.clip(np.searchsorted(way, t), 1, len(way) - 1)
    share = (t - way[after - 1]) / (way[after] - way[after - 1])
    E = E[after - 1] + share[:, None, None, None] * (E[after] - E[after - 1])
    E = np.concatenate([E, np.repeat(E[-1:], 12, 0)])
    strength = np.clip((np.arange(len(E)) - frames + 8) / 12, 0, 1)
    reach = 1.12 * np.abs(E[-1]).max((-1, -2), keepdims=True)
    places = size / 2 * (1 + E * [1, -1] / reach)
    bonds = [listed(joined) for joined in structure.describe(run.final).bonds]
    pictures = [
        np.concatenate(
            [
                _panel(places[max(0, f - TRAIL) : f + 1, s], bonds[s], strength[f], size)
                for s in range(len(bonds))
            ],
            axis=1,
        )
        for f in range(len(E))
    ]
    shades = np.arange(1, SHADES + 1) / SHADES
    full = [blend(LINE, MUTED, 0.4), *token_colors(E.shape[2])]
    colors = [PAPER] + [blend(PAPER, color, share) for color in full for share in shades]
    rgb = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors])
    return animated_png(pictures, rgb, [1 / 16] * (len(E) - 1) + [2.0])


def _panel(places: np.ndarray, bonds: np.ndarray, strength: float, size: int) -> np.ndarray:
    """Indices of one seed's pixels from places (frames, N, 2) in pixels, the present ones last."""
    pixels = np.zeros((size, size), np.uint8)
    for a, b in bonds:
        _line(pixels, places[-1, a], places[-1, b], strength)
    for age in range(len(places) - 1, -1, -1):
        for token, centre in enumerate(places[-1 - age]):
            _disc(pixels, centre, token, age)
    return pixels


def _disc(pixels: np.ndarray, centre: np.ndarray, token: int, age: int) -> None:
    """A token's disc, or the faint one that it left `age` frames ago."""
    radius = 9.0 if age == 0 else 6.0
    window, x, y = _around(pixels, centre - radius - 1, centre + radius + 1)
    cover = np.clip(radius + 0.5 - np.hypot(x - centre[0], y - centre[1]), 0, 1)
    level = np.rint(SHADES * cover * (1 if age == 0 else 0.4 * (1 - age / (TRAIL + 1))))
    # A faint edge leaves what it lies on, but for paper and lines.
    over = (level > 0) & ((window <= SHADES) | (level > SHADES // 2) | (age > 0))
    window[over] = SHADES * (token + 1) + level[over]


def _line(pixels: np.ndarray, start: np.ndarray, end: np.ndarray, strength: float) -> None:
    """A line two pixels wide."""
    window, x, y = _around(pixels, np.minimum(start, end) - 2, np.maximum(start, end) + 2)
    ahead = end - start
    along = ((x - start[0]) * ahead[0] + (y - start[1]) * ahead[1]) / max(ahead @ ahead, 1e-9)
    along = np.clip(along, 0, 1)
    off = np.hypot(x - start[0] - along * ahead[0], y - start[1] - along * ahead[1])
    level = np.rint(SHADES * strength * np.clip(1.5 - off, 0, 1)).astype(np.uint8)
    np.maximum(window, level, out=window)


def _around(pixels: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple:
    """The part of the pixels between two corners (x, y), and its pixels' x and y."""
    (left, top), (right, bottom) = (np.clip(c, 0, len(pixels)).astype(int) for c in (low, high))
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    return pixels[top:bottom, left:right], x, y
