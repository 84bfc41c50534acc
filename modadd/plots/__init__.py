"""What the figures of two chapters share; `show` puts one under a notebook's cell."""

from modadd.plots.export import save, show
from modadd.plots.gallery import Course, gallery, side_by_side
from modadd.plots.phases import phase_diagram, phase_examples

__all__ = [
    "Course",
    "gallery",
    "phase_diagram",
    "phase_examples",
    "save",
    "show",
    "side_by_side",
]
