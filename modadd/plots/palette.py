"""Colours and type: one cyclic palette for tokens and labels, one table of kinds, four neutrals.

Token a and label a have one colour everywhere. The palette is a closed loop in OKLab (Ottosson
2020) whose lightness turns out of step with its two hue axes: whoever does not see red against
green, or blue against yellow, still sees a loop, not a segment walked twice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio

FONT = '"Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif'

# The colours that are not data. Figures are drawn on white; dark pages turn lightness over by one
# rule of CSS (export.DARK), which leaves hues as they are.
PAPER = "#ffffff"
INK = "#1f2328"  # text, and what must stand out
MUTED = "#656d76"  # axis labels, notes
LINE = "#d5d9de"  # hairlines


class Style(NamedTuple):
    """How one thing is drawn wherever it appears; never told apart by colour alone.

    >>> STYLES["grid"].symbol, STYLES["circle"].symbol
    ('square', 'circle')
    """

    color: str
    symbol: str
    dash: str

    def marker(self, size: float, **look) -> dict:
        """Plotly's marker of `size` px."""
        return {"size": size, "color": self.color, "symbol": self.symbol} | look

    def line(self, width: float = 2) -> dict:
        """Plotly's line, `width` px."""
        return {"color": self.color, "dash": self.dash, "width": width}

    def key(self, words: str) -> str:
        """Words for a legend, after the symbol and in the colour."""
        return colored(f"{SIGNS[self.symbol]} {words}", self.color)


SIGNS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "cross": "✚",
    "triangle-up": "▲",
    "triangle-down": "▼",
    "star": "★",
    "pentagon": "⬟",
    "hexagon": "⬢",
    "x": "✖",
}
"""Symbols, and dashes, as text has them."""
STROKES = {"solid": "━", "dash": "╍", "dot": "┅"}


def colored(words: str, color: str) -> str:
    """Words of an annotation in a colour.

    >>> colored("grid", "#c04a17")
    '<span style="color:#c04a17">grid</span>'
    """
    return f'<span style="color:{color}">{words}</span>'


# Clustering has the colour of what it builds, grids; alignment that of circles.
STYLES = {
    "circle": Style("#2f7fc1", "circle", "solid"),
    "grid": Style("#c04a17", "square", "dash"),
    "stripe": Style("#b08e1c", "diamond", "dashdot"),
    "other": Style("#7d858e", "cross", "dot"),
    "training": Style("#1f7a6c", "circle", "solid"),
    "validation": Style("#b4539c", "diamond", "dash"),
    "measured": Style("#7d858e", "circle", "solid"),
    "floor": Style("#7d858e", "circle", "dot"),
    "network": Style("#1f7a6c", "circle", "solid"),
    "simulation": Style("#7a4fb5", "diamond", "dash"),
    "clustering": Style("#c04a17", "square", "dash"),
    "alignment": Style("#2f7fc1", "triangle-up", "dot"),
}


def token_colors(N: int) -> list[str]:
    """Colours of the tokens (and labels) of Z_N, equally spaced on the loop: that of token a at a.

    >>> token_colors(3)
    ['#a02d6d', '#bfa44c', '#5e80ec']
    """
    t = 2 * np.pi * np.arange(N) / N
    lightness = 0.615 - 0.135 * np.cos(t + 0.43)
    oklab = np.stack([lightness, 0.05 + 0.11 * np.cos(t), -0.027 + 0.16 * np.sin(t)], -1)
    return [_hex(rgb) for rgb in _srgb((oklab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T)]


def blend(color: str, other: str, share: float) -> str:
    """Mix two colours in sRGB; `share` of the other, 0 to 1.

    >>> blend("#000000", "#ff8000", share=0.5)
    '#804000'
    """
    return _hex((1 - share) * _rgb(color) + share * _rgb(other))


def faded(color: str, opacity: float) -> str:
    """A colour that lets what is behind it through; opacity 0 to 1.

    >>> faded("#ff8000", opacity=0.5)
    'rgba(255,128,0,0.5)'
    """
    red, green, blue = (round(255 * float(c)) for c in _rgb(color))
    return f"rgba({red},{green},{blue},{opacity:g})"


def contrast(color: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2).

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    low, high = sorted((_luminance(color), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(color: str) -> str:
    """White or near-black, whichever reads better on a colour.

    >>> text_on("#2f7fc1"), text_on("#ffffff")
    ('#ffffff', '#16181b')
    """
    return max("#ffffff", "#16181b", key=lambda text: contrast(color, text))


_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
_OKLAB_TO_LMS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)


def _srgb(linear: np.ndarray) -> np.ndarray:
    c = np.clip(linear, 0, 1)
    return np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)


def _luminance(color: str) -> float:
    c = _rgb(color)
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _hex(rgb: np.ndarray) -> str:
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in np.clip(rgb, 0, 1))


_AXIS = {
    "showgrid": False,
    "zeroline": False,
    "showline": True,
    "linecolor": LINE,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": LINE,
    "tickfont": {"size": 11, "color": MUTED},
    "title": {"font": {"size": 12, "color": MUTED}, "standoff": 6},
    "gridcolor": blend(LINE, PAPER, 0.4),
    "minorloglabels": "none",
}
_TEXT = {"size": 12, "color": INK}

pio.templates["modadd"] = go.layout.Template(
    layout={
        "font": {"family": FONT, **_TEXT},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": [STYLES[name].color for name in ("circle", "grid", "stripe", "other")],
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "annotationdefaults": {"showarrow": False, "font": _TEXT},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": LINE, "font": {"family": FONT, **_TEXT}},
    }
)
