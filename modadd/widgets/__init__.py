"""Widgets: scrub through a run, play with structures, push particles, train live.

Each function returns a widget for the last line of a notebook's cell. In JupyterLab it is alive;
where there is no kernel, a code host or a printed page, its picture stands in its place. All
drawing happens in the browser (`front/`), from frames that are sent once. The page's own colours,
light or dark, are followed; everything can be done from the keyboard.

`replay` trains a network whose weight decay was changed by hand in `live_training`.
"""

from modadd.widgets._live import live_training
from modadd.widgets._particles import particles
from modadd.widgets._phases import phases
from modadd.widgets._playground import playground
from modadd.widgets._scrub import scrub
from modadd.widgets._session import replay

__all__ = ["live_training", "particles", "phases", "playground", "replay", "scrub"]
