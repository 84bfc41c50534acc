"""Hostile input to figures, measures behind them, widgets and files: refused by name."""

import inspect
import itertools

import numpy as np
import plotly.graph_objects as go
import pytest
from hostile import NEVER, check, defined_in, names

from modadd import (
    TrainingConfig,
    cost,
    experiment,
    interactions,
    intervals,
    lottery,
    plots,
    predictions,
    same_start,
    structure,
    tendencies,
    train,
    widgets,
)
from modadd.chapters import (
    n01_the_model,
    n02_grids_and_circles,
    n03_clustering_and_alignment,
    n04_force_formulae,
    n05_particle_simulation,
    n06_same_start_same_structure,
    n07_weight_decay,
    n08_phase_diagram,
    n09_frequency_lottery,
    n10_larger_moduli,
    n11_optimisers,
)
from modadd.chapters import n03_clustering_and_alignment as _tendencies
from modadd.chapters import n04_force_formulae as _forces
from modadd.chapters import n10_larger_moduli as _moduli
from modadd.plots import export, panels, sliders, traces

CONFIG = TrainingConfig(modulus=5, hidden=8, steps=4, train_share=1.0)
QUICK = {"engine": "torch", "cache": False, "progress": False}  # nothing to compile
RUN = train(CONFIG, [0, 1], snapshots=range(5), keep_parameters=True, **QUICK)
SPLIT = train(TrainingConfig(5, 8, 4, train_share=0.6), [0, 1], **QUICK)
NETWORK = RUN.parameters.map(lambda array: array[-1, 0])
E = np.random.default_rng(0).standard_normal((3, 5, 2))
CENSUS = structure.census(E)
KINDS = ["grid", "circle"]
TABLE = np.full((2, 1, 3), "grid")
CELLS = {"scales": [1.0, 2.0], "bias_scales": [1.0], "kinds": TABLE}
FIGURE, (PANEL,) = panels.sheet(100, [(0, 0, 100, 100)])
COLUMNS = {"decay": [experiment.Condition(role, role, RUN) for role in ("without", "with")]}
EFFECT = intervals.Effect(0.1, 0.0, 0.2)
FORCE = {"measured": E, "predicted": E}
RACE = lottery.race(RUN)._replace(circle=np.ones(2, bool))
AGREEMENT = same_start.Comparison("floor", np.array([0.1, 0.2]), 0.5, (0.4, 0.6))
LINE = {"x": [0, 1], "style": "training", "name": ""}
SEED, STEPS = {"run": RUN, "seed": 0}, {"run": RUN, "steps": [1, 4]}

CALLS = {
    n01_the_model.training_story: SEED | {"steps": [0, 4]},
    plots.gallery: {"E": E, "columns": 6, "titles": None},
    n02_grids_and_circles.explained: {"E_grid": E[0], "E_circle": E[1]},
    n01_the_model.network_diagram: {"parameters": NETWORK, "pair": (0, 1), "bias_scale": 1.0},
    sliders.animate: {
        "panels": [PANEL],
        "moving": lambda frame: [],
        "names": ["0", "1"],
        "shown": -1,
        "bottom": 66,
        "prefix": "step ",
        "play": True,
    },
    panels.sheet: {"height": 100, "boxes": [(0, 0, 100, 100)]},
    panels.font: {"size": 12, "color": None},
    traces.embeddings: {"E": E[0], "size": 15, "opacity": 1.0},
    traces.disc: {"token": 0, "point": (0, 0), "N": 5, "size": 22},
    traces.bonds: {"E": E[0]},
    traces.pair_sums: {
        "E": E[0],
        "right": np.ones(15, bool),
        "size": 5,
        "held_out": None,
    },
    traces.regions: {"parameters": NETWORK, "reach": 1.0, "bias_scale": 1.0, "resolution": 8},
    traces.joined: {"E": E[0], "size": 15},
    traces.centred: {"E": E},
    traces.whisker: {
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "color": "#000000",
        "width": 1.5,
    },
    sliders.frames_of: {"recorded": 3, "frames": 2},
    traces.curve: LINE | {"y": [0, 1]},
    traces.band: LINE | {"ys": np.ones((2, 3))},
    panels.square_root: {"steps": [0, 1]},
    traces.clumps: {"E": E[0]},
    traces.axes_of_labels: {"E": E[0], "lines": (0, 3)},
    traces.strip: {"values": [0.1, 0.2], "y": 0.0, "kind": "grid"},
    n07_weight_decay.time_courses: {"columns": COLUMNS, "switch": 2},
    n07_weight_decay.effect_rows: {"found": {"a": ("with", [EFFECT] * 3)}},
    n07_weight_decay.dose_curve: {"runs": {0.0: SPLIT, 1e-3: SPLIT, 1e-2: SPLIT}},
    n11_optimisers.recipes: {"finals": {"a": E}, "default": E, "levels": {"b": [0.1, 0.2]}},
    n11_optimisers.one_start: {"ends": {"a": E[0]}, "default": "a", "columns": 5},
    tendencies.distances: {"E": E},
    tendencies.angles: {"E": E},
    tendencies.nematic_order: {"E": E},
    _tendencies.density: {"values": [0.1], "top": 1.0, "width": 0.1, "weights": [1.0]},
    n03_clustering_and_alignment.tendencies: {
        "run": RUN,
        "seeds": [0, 1],
        "steps": [0, 4],
        "kinds": KINDS,
    },
    n03_clustering_and_alignment.tendencies_scrub: {"run": RUN, "seeds": [0, 1], "frames": 2},
    predictions.agreement: FORCE,
    predictions.pooled_r2: FORCE,
    predictions.measured: STEPS,
    predictions.predicted: STEPS | {"law": "label charges"},
    n04_force_formulae.two_faces: {},
    n04_force_formulae.two_terms: {
        "ratios": [1.0],
        "fits": [interactions.TwoTermFit(0.9, 0.1, 1.0, 0.9, 0.1)],
    },
    _forces.arrows: {"starts": E[0], "vectors": E[0], "color": "#000000", "width": 1.6},
    n04_force_formulae.force_balance: {
        "E": E[0],
        "force": E[0],
        "parts": {"clustering": E[0], "alignment": E[0], "sum": E[0]},
        "courses": {"Direction": {"label charges": np.ones((2, 3))}},
        "steps": [1, 4],
    },
    n04_force_formulae.forces_scrub: SEED | {"steps": [1, 4], "laws": ["label charges"]},
    lottery.fourier_power: {"E": E},
    lottery.race: {"run": RUN},
    lottery.hit_rates: {"found": RACE},
    n09_frequency_lottery.lottery: {"races": {"a": RACE}, "by_lead": {"a": RACE}, "modulus": 5},
    n09_frequency_lottery.power_movie: SEED,
    n10_larger_moduli.moduli_gallery: {"runs": {5: E}},
    _moduli.third_bonds: {"E": E[0], "patch": structure.grid(E[0])},
    n10_larger_moduli.lattices: {"found": {5: E}},
    n10_larger_moduli.cost_over_moduli: {
        "moduli": [5, 7],
        "costs": [cost.Cost(1.0, 1.0)] * 2,
        "hidden": 8,
    },
    n05_particle_simulation.force_color: {"alignment_force": 0.5},
    n06_same_start_same_structure.starts: {"rows": {"a": E}, "colors": ["#000000"], "loose": ["a"]},
    same_start.coarse_kinds: {"E": E},
    same_start.compare: {"role": "floor", "pairs": [(E, E)]},
    same_start.same_frequency: {"pairs": [(E, E)]},
    n06_same_start_same_structure.comparison_rows: {"rows": {"a": AGREEMENT}},
    n05_particle_simulation.kinds_over_force: {
        "forces": [0.0, 0.5, 1.0],
        "examples": E,
        "censuses": [CENSUS] * 3,
        "network": CENSUS,
        "chosen": 0.5,
    },
    n05_particle_simulation.carry_over: {"pairs": {"a": (CENSUS, CENSUS)}},
    predictions.half_learnt: {"run": RUN},
    plots.phase_diagram: CELLS | {"predictions": {"a": [[0.1], [0.9]]}},
    plots.phase_examples: CELLS | {"E": np.stack([E[:1], E[1:2]])},
    n08_phase_diagram.predictors: {k: CELLS[k] for k in ("kinds", "scales")}
    | {"values": {"a": ("x", [[0.1], [0.9]])}},
    widgets.scrub: SEED | {"beside": None, "caption": None},
    widgets.playground: {
        "shape": "circle",
        "modulus": 17,
        "frequency": 3,
        "steps": (1, 4),
        "noise": 0.0,
    },
    widgets.particles: {
        "start": None,
        "modulus": 17,
        "seed": 0,
        "alignment_force": 0.5,
        "step_size": 0.3,
        "momentum": 0.9,
        "reach": 0.6,
    },
    widgets.phases: CELLS | {"E": np.stack([E[None], E[None]]), "seeds": [0, 1, 2]},
    widgets.live_training: {"config": CONFIG, "seed": 0, "speed": 100},
    widgets.to_html: {"widget": widgets.playground()},
}
"""A valid call of every public function that draws, and of the measures that stand beside them."""

SPARED = {"name", "title", "prefix", "color", "caption", "y", "moving"}
"""What plotly looks after, words and colours; and a function, known only once it is called."""

ELSEWHERE = {
    # More names than a table can hold, files and processes: in tests of their own.
    n02_grids_and_circles.census_bars,
    panels.over_steps,
    traces.segments,
    plots.side_by_side,
    plots.save,
    plots.show,
    experiment.checked,
    experiment.check_held_out,
    experiment.gains,
    cost.training_cost,
    tendencies.mean_squared_distances,
    widgets.front_end,
    widgets.replay,
}

OUTSIDE = {
    "seed": [-1, 1.5, True, "0"],
    "seeds": [[], [0], [0, 0], [0, 1, 2, 3], [-1, 0], 0, None],
    "steps": [[-1], ["a"], [None], None],
    "recorded": [0, 2.5, True, None],
    "frames": [1, 2.5, True, None],
    "columns": [0, 1.5, True, None, {}, {"a": []}, {"a": [None]}, {1: []}],
    "E": [None, E[0, :2], E[..., :1], E[0].T, [[[]]], E[0].astype(str)],
    "run": [None, CONFIG, "run"],
    "config": [CONFIG.modulus, "config", TrainingConfig],
    "parameters": [None, tuple(NETWORK), NETWORK._replace(b1=np.ones(3))],
    "kinds": [[], ["grid", "square"], np.full((2, 1, 3), "square"), [["grid"]] * 2],
    "scales": [[], [1.0], [1.0, -1.0], ["a", "b"], None],
    "bias_scales": [[], [1.0, 2.0], [-1.0], ["a"], None],
    "law": ["gravity", None],
    "laws": [["gravity"], [], None],
    "pair": [(0,), (0, 5), (0, 1.0), None],
    "modulus": [2, 5000, 5.0, True, None],
    "role": ["", None],
    "default": ["b", E[0], None],
    "pairs": [[], [(E,)], [(E, E[:2])], {"a": ()}, {"a": (CENSUS,)}, None],
    "rows": [{}, {"a": None}, {1: E}, None],
    "values": [None, 0.1, {}, {"a": [[0.1]]}],
    "noise": [-0.1, 1.1, None],
    "shape": ["square", None],
    "resolution": [1, 10**6, 2.5, None],
    "reach": [0.0, -1.0, None],
    "opacity": [-0.1, 1.1, None],
    "alignment_force": [-0.1, 1.1, None],
    "height": [0, 1e9, None],
    "widget": [None, FIGURE],
}
"""What does not fit the calls above, by the names of arguments."""


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(export, "browser", lambda: None)


def test_every_public_function_is_in_the_table():
    public = defined_in(cost, experiment, lottery, predictions, same_start, tendencies)
    public |= defined_in(panels, traces, sliders)
    for package in (plots, widgets):
        offered = (getattr(package, name) for name in package.__all__)
        public |= {value for value in offered if inspect.isfunction(value)}
    assert public - ELSEWHERE <= set(CALLS)
    for function, arguments in CALLS.items():
        assert names(function) == set(arguments), function


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_what_does_not_fit_is_refused_by_name(function):
    arguments = CALLS[function]
    assert not isinstance(check(function, arguments), ValueError)
    for argument in arguments.keys() - SPARED:
        for value in itertools.chain(NEVER.values(), OUTSIDE.get(argument, ())):
            found = check(function, arguments | {argument: value})
            assert isinstance(found, ValueError), (argument, value)


@pytest.mark.parametrize(
    "call",
    [
        lambda value: n02_grids_and_circles.census_bars(value),
        lambda value: n02_grids_and_circles.census_bars(KINDS, accuracy=value),
        lambda value: panels.over_steps(value, 1, ""),
        lambda value: panels.over_steps(PANEL, value, ""),
        lambda value: traces.segments(E[0], E[0], width=value),
        lambda value: plots.side_by_side(value, ""),
        lambda value: plots.side_by_side({"a": value}, ""),
        lambda value: experiment.gains(value),
        lambda value: experiment.gains({"a": [value]}),
        lambda value: cost.training_cost(value),
        lambda value: cost.training_cost([value]),
        lambda value: widgets.replay(value, 0, [(0, 0.1)]),
        lambda value: widgets.replay(CONFIG, value, [(0, 0.1)]),
        lambda value: widgets.replay(CONFIG, 0, value),
        lambda value: widgets.replay(CONFIG, 0, [(0, value)]),
    ],
)
def test_what_the_table_cannot_hold_is_refused_by_name(call):
    for value in NEVER.values():
        with pytest.raises(ValueError, match=r"^\w+ must"):
            call(value)


@pytest.mark.parametrize("name", ["", "..", "a/b", "/a", "a\0b", "a.b", "a b\n", "a\n"])
def test_names_of_files_stay_in_their_folder(name, tmp_path):
    with pytest.raises(ValueError, match="^name must"):
        export.save(FIGURE, name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", NEVER.values(), ids=NEVER)
def test_what_is_no_figure_is_not_saved(value, tmp_path):
    with pytest.raises(ValueError, match=r"^(shown|name|into|caption) must"):
        export.save(value, "figure", tmp_path)
    with pytest.raises(ValueError, match="^name must"):
        export.save(go.Figure(FIGURE), value, tmp_path)
    assert not list(tmp_path.iterdir())
