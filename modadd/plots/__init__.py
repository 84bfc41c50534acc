"""The figures of the paper, drawn from runs.

Each function returns a plotly figure of the current theme (`palette.theme`), at most 800 px wide;
`show` puts it under a notebook's cell with its caption, `save` writes its files. There is one file
of figures for each notebook. They are put together from `panels`, `traces` and `sliders`.
"""

from modadd.plots._decay import dose_curve, effect_rows, time_courses
from modadd.plots._forces import force_balance, forces_scrub, two_faces, two_terms
from modadd.plots._kinds import census_bars, explained, gallery
from modadd.plots._lottery import lottery, power_movie
from modadd.plots._model import network_diagram, training_story
from modadd.plots._moduli import cost_over_moduli, lattices, moduli_gallery
from modadd.plots._optimisers import one_start, recipes
from modadd.plots._particles import Course, carry_over, force_color, kinds_over_force, side_by_side
from modadd.plots._phases import phase_diagram, phase_examples, predictors
from modadd.plots._same_start import comparison_rows, starts
from modadd.plots._tendencies import tendencies, tendencies_scrub
from modadd.plots.export import save, show

__all__ = [
    "Course",
    "carry_over",
    "census_bars",
    "comparison_rows",
    "cost_over_moduli",
    "dose_curve",
    "effect_rows",
    "explained",
    "force_balance",
    "force_color",
    "forces_scrub",
    "gallery",
    "kinds_over_force",
    "lattices",
    "lottery",
    "moduli_gallery",
    "network_diagram",
    "one_start",
    "phase_diagram",
    "phase_examples",
    "power_movie",
    "predictors",
    "recipes",
    "save",
    "show",
    "side_by_side",
    "starts",
    "tendencies",
    "tendencies_scrub",
    "time_courses",
    "training_story",
    "two_faces",
    "two_terms",
]
