# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Phase diagram
#
# **Which structure will a recipe grow?** Two numbers of the recipe are turned here, 32-fold each: the
# size of the initial embeddings and the *bias scale* $\beta$, which multiplies the biases of the hidden
# layer. Each mark below is a network. Look for where the circles are.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" trains 60 networks a cell for 2000 steps, "quick" 16 for 500
FIRST_SEED = 8700  # seeds that served no trial

# %%
import numpy as np

from modadd import TrainingConfig, forecasts, intervals, notebook, structure, widgets
from modadd.chapters import n08_phase_diagram as chapter
from modadd.plots import phase_diagram, show
from modadd.plots.palette import STYLES
from modadd.plots.shares import tables
from modadd.sweep import sweep

count, steps = notebook.sizes(PROFILE, quick=(16, 500), full=(60, 2000))
seeds = range(FIRST_SEED, FIRST_SEED + count)
sizes = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4]  # of the initial embeddings, and of the bias
knobs = {"embedding_scale": np.repeat(sizes, 6), "bias_scale": np.tile(sizes, 6)}
configs = [TrainingConfig(steps=steps, **dict(zip(knobs, pair))) for pair in zip(*knobs.values())]

# %%
recorded = {"snapshots": 24, "keep_parameters": True}
smallest, largest = (sweep(part, seeds, **recorded) for part in (configs[:6], configs[-6:]))
networks = [*smallest, *sweep(configs[6:-6], seeds, snapshots=2), *largest]
kinds = {"networks": forecasts.kinds_of(networks)}
fine = np.array([structure.classify(run.final) for run in networks]).reshape(6, 6, -1)
show(
    phase_diagram(fine, sizes, sizes),
    name="08_phase_diagram",
    caption=f"Figure 8. Kinds of {count} networks in each of 36 cells, the same seeds in all; the "
    "deeper the blue, the more circles. Hover over a cell for its counts.",
)

# %% [markdown]
# Circles fade to the right, with more bias, where the start is not small. And they fade upwards, where
# the start is large and the bias is not.
#
# ## A guess
#
# Notebook 4 found two faces of one law. Where the pair sums are small against the bias scale,
# $|x| \ll \beta$, forces cluster, and clusters make grids. Where $|x| \gg \beta$ they align, and alignment
# makes circles. Fitted to the exact force, the two-term formula of notebook 4 has a weight $w_a$ of
# alignment, which runs from 0 to 1 as $|x| / \beta$ grows. So guess: many circles where $w_a$ is large *at
# the start*.


# %%
starts = [run.embeddings[0] for run in networks]
unit = starts[sizes.index(1) * 6]  # (S, N, 2); the others are multiples of it
weight = {k: [chapter.alignment_weight(2.0**k * E, 1.0) for E in unit] for k in range(-5, 6)}
at_start = np.array([[weight[row - column] for column in range(6)] for row in range(6)])
less_bias = np.broadcast_to(np.linspace(1, 0, 6), (6, 6))
guesses = {"Law at the start": ("weight of alignment", at_start)}
guesses |= {"Bias scale alone": ("0 is β = 4, 1 is β = 1/8", less_bias)}
show(
    chapter.predictors(kinds["networks"].reshape(6, 6, -1), sizes, guesses),
    name="08_predictors",
    caption="One point a cell, with 95 % Wilson intervals. Rank correlations over the cells, with 95 % "
    "intervals from resampling the seeds.",
)

# %% [markdown]
# The guess is worse than no law at all: the bias scale by itself does better. It promises the most circles
# to the largest starts, and there are the fewest.
#
# ## Let the law run
#
# But a law of motion is not a number at one moment. It says where everything moves *next*, and next the
# embeddings have another size, the residuals are others, and the field has grown. So let it run: the field
# simulation of notebook 6, from the same 36 times the same starts, with no network in it and nothing fitted.
# Its features move as the first layer of a network does; it is the *mean-field limit* of the network, where
# infinitely many hidden units stand in for 64 random ones.

# %%
moving = forecasts.laws(configs, starts, seeds)
kinds["law, moving features"] = forecasts.kinds_of(moving)
share = {name: (found == "circle").mean(-1).reshape(6, 6) for name, found in kinds.items()}
show(
    tables(
        {"Networks": share["networks"], "The law, run forward": share["law, moving features"]},
        sizes,
        sizes,
    ),
    name="08_forward",
    caption="Circles in per cent of the runs: measured in networks, and predicted from their starts.",
)

# %% [markdown]
# ## How good is that
#
# A second batch of networks has the same initial embeddings and other random layers. It is the *ceiling*: what
# a second random network attains. (A forecast without chance of its own may do a little better, notebook 6.)
# Below it stand forecasts with less in them. Take features that favour no direction instead of the network's,
# and that never learn, and the field is that of the *pure kernel*, the formula of notebook 4. Let these learn,
# and it is not. The floors are a plane fitted to both knobs, and networks of unrelated starts.

# %%
others = range(FIRST_SEED + 10**6, FIRST_SEED + 10**6 + count)
kinds["other layers"] = forecasts.kinds_of(forecasts.twins(configs, starts, others))
for name, pace in (("law, pure kernel", 0.0), ("law, kernel that learns", 1.0)):
    runs = forecasts.laws(configs, starts, seeds, "isotropic", pace=pace)
    kinds[name] = forecasts.kinds_of(runs)
measured = kinds["networks"]
table = measured.reshape(6, 6, -1) == "circle"
unrelated = forecasts.same_kind(measured, np.roll(measured, 1, axis=-1))
found = forecasts.agreements(
    measured, {k: v for k, v in kinds.items() if k != "networks"}, "other layers"
)

# %%
compared = ["law, moving features", "other layers", "law, pure kernel"]
compared += ["law, kernel that learns"]
show(
    chapter.on_the_diagonal(
        measured, {name: kinds[name] for name in compared}, found, sizes, sizes
    ),
    name="08_diagonal",
    caption="Share of circles, predicted over measured, one point a cell with both 95 % Wilson intervals. "
    "On the line the two are the same. Second panel: one batch of networks predicted by another.",
)

# %%
print(f"{'':24} Pearson (95 %)             behind the ceiling          rms   excess  same kind")
for name, one in found.items():
    numbers = f"{one.pearson}    {one.behind}    {one.rms:.2f}   {one.excess.mean:+.2f}"
    print(f"{name:24} {numbers}    {one.same_kind.mean:.2f}")
logarithms = np.log2(np.stack(list(knobs.values()), -1))
print(f"{'plane, fitted':24} {forecasts.fitted(measured, logarithms)}")
print(f"{'unrelated networks':24} same kind {unrelated.mean:.2f}")

# %% [markdown]
# Few networks a cell make every correlation smaller, that of the ceiling too, and resampling lowers it once
# more. So the second column counts: how far each forecast is behind the ceiling on the same draws.
#
# ## What both knobs do

# %%
named = {name: found.reshape(6, 6, -1) for name, found in kinds.items()}
turned = {name: chapter.knobs(found) for name, found in named.items()}
looks = dict.fromkeys(named, STYLES["simulation"])
looks |= {"networks": STYLES["network"], "other layers": STYLES["network"]}
show(
    chapter.effects(turned, looks),
    name="08_effects",
    caption="What the largest start, and the most bias, change in the share of circles: means over the "
    "seeds of the differences between the outermost rows, or columns, with 95 % intervals. The pale "
    "line is the networks' mean.",
)

# %% [markdown]
# Where features learn, both knobs work as in networks, whichever features they are at the start. Where they do
# not, there are too many circles, and the start has less effect.
#
# ## Why must features move?
#
# Take the learning away from the network's own features, so that they stay *fixed* as they start. Then the law goes
# wrong in two corners: too many circles at the largest start, and too few at the smallest one with much bias. What do
# the networks' first layers do there? By the time that half of the accuracy is learnt: how much of their start have
# the embeddings kept, how far have the hidden units turned, and how much of a unit is its bias?

# %%
rows = {
    "smallest start": [chapter.progress(run) for run in smallest],
    "largest start": [chapter.progress(run) for run in largest],
}
show(
    chapter.first_layer(sizes, rows),
    name="08_first_layer",
    caption="Networks when half of their final accuracy is learnt, means over seeds with 95 % intervals. Hidden "
    "units count by the size of what they contribute.",
)

# %% [markdown]
# **Large starts.** The units turn about twice as far as at small ones, and the embeddings keep much of their start.
# One of the two must move to fit the pairs, and beside large embeddings the first layer is the quicker. A circle
# needs every token to travel. If that is the reason, slowing the first layer down must bring circles back.
#
# **Small starts.** While embeddings are small, a unit that answers to them grows in their direction and sheds
# its bias (right panel). What counts is then a smaller $\beta$, which makes circles. If that is the reason, a
# first layer that stays as it is must have fewer circles; and fixed features that are given only the bias that
# networks have left must have them, too.
#
# One experiment for both: features that learn at the rate of everything else, at a quarter of it, and not at all.
# The corner of small starts gets seeds of its own, three times as many.


# %%
def paced(configs, starts, seeds):
    """Which starts become circles, (C, S), by the pace of the first layer."""
    given = configs, starts, seeds
    runs = {0.0: forecasts.laws(*given, "fixed"), 0.25: forecasts.laws(*given, pace=0.25)}
    runs[1.0] = forecasts.laws(*given)
    return {pace: forecasts.kinds_of(found) == "circle" for pace, found in runs.items()}


# %%
more = range(FIRST_SEED + 1000, FIRST_SEED + 1000 + 3 * count)
corner = sweep(configs[4:6], more, snapshots=2)
begun = [run.embeddings[0] for run in corner]
small, large = paced(configs[4:6], begun, more), paced(configs[-6:], starts[-6:], seeds)
small["networks"], large["networks"] = forecasts.kinds_of(corner) == "circle", table[5]
for name in small:
    title = name if name == "networks" else f"first layer at {name:.0%}"
    print(f"{title:19} circles, smallest start and β ≥ 2: {small[name].mean():.0%}", end=", ")
    print(f"largest start: {large[name].mean():.0%}")

# %%
shed = [chapter.with_bias(c, chapter.bias_left(r)) for c, r in zip(configs[4:6], smallest[4:])]
shed = forecasts.kinds_of(forecasts.laws(shed, begun, more, "fixed")) == "circle"
print(f"fixed features, smallest start and β ≥ 2, with the bias left: {shed.mean():.0%}")

# %% [markdown]
# So the first layer explains both corners. At large starts it learns in place of the embeddings; at small ones
# it sheds the bias. There it is enough that it learns at all: a quarter of the pace takes no circle away. (In
# trials with a dozen starts neither statement about small starts was told apart from chance; hence the larger
# number.) What remains open is the pure kernel: it grows too many circles, but whether it is behind the ceiling
# in the *order* of the cells, this many starts do not tell. Notebook 12 does, over more recipes.
#
# ## Look at the runs
#
# The networks' diagram as a table. Point at a cell, or go from cell to cell with the arrow keys.

# %%
final = np.stack([run.final for run in networks]).reshape(6, 6, count, -1, 2)
show(
    widgets.phases(final, fine, sizes, sizes, seeds, configs[0]),
    name="08_examples",
    caption="Final embeddings, each scaled to fill its place. Until the cell is run, a picture stands "
    "here: one seed in all 36 cells, with the same layers and the same initial embeddings up to their "
    "size. Neighbouring cells often hold the same structure, until it flips.",
)

# %% [markdown]
# ## Check
#
# The lines were fixed after trials on other seeds (12000 to 12047; that about small starts, 12400 to 12423). Each is
# about 95 % intervals and could be false.

# %%
# NBVAL_CHECK_OUTPUT
law, _, pure, learns = found.values()
ours, forward, *_ = turned.values()
early, alone = (intervals.rank_correlation(table, x) for x in (at_start, less_bias))
worse = np.quantile(early.draws - alone.draws, 0.975) < 0
fewer = max(ours.bias.high, forward.bias.high) < 0
print("the guess is worse than the bias alone:          ", worse)
print("larger starts, fewer circles in networks:        ", ours.scale.high < 0)
print("... by the law run forward, too:                 ", forward.scale.high < 0)
print("more bias, fewer circles; by the law, too:       ", fewer)
print("the law is less than 0.1 behind other layers:    ", law.behind.high < 0.1)
print("it names the kind better than unrelated networks:", law.same_kind.low > unrelated.high)

# %%
stiff = forecasts.kinds_of(forecasts.laws(configs[:6], starts[:6], seeds, "fixed")) == "circle"

# %%
# NBVAL_CHECK_OUTPUT
moved, tight = kinds["law, moving features"].reshape(6, 6, -1) == "circle", large[0.0]
by_start = [row.mean(0) for row in (moved[5], moved[0], tight, stiff)]
less = intervals.paired(by_start[0] - by_start[1], by_start[2] - by_start[3])
back, slow = (intervals.paired(tight.mean(0), large[p].mean(0)) for p in (1.0, 0.25))
come, soon = (intervals.paired(small[p].mean(0), small[0.0].mean(0)) for p in (1.0, 0.25))
by_bias = intervals.paired(shed.mean(0), small[0.0].mean(0))
print("the pure kernel grows too many circles:          ", pure.excess.low > 0)
print("... and is behind the ceiling:                   ", pure.behind.low > 0)
print("... but not once it learns, by 0.1:              ", learns.behind.high < 0.1)
print("fixed features lose effect of the start:         ", less.high < 0)
print("large starts: fewer circles as features learn:   ", back.low > 0)
print("... at a quarter of the rate, too:               ", slow.low > 0)
print("small starts, β ≥ 2: more as features learn:     ", come.low > 0)
print("... at a quarter of the rate, too:               ", soon.low > 0)
print("... more with the bias that is left (predicted): ", by_bias.low > 0)

# %% [markdown]
# ## What is the paper's, what is ours
#
# That pairwise forces account for the structures is the paper's thesis, and this is a test of it that
# could have failed. The law, the diagram, the forecasts and both explanations are ours.
#
# ## Limits
#
# The law with moving features is the network with its randomness taken out, not a theory of fewer words than the
# network: it says which structures come from the forces and the start alone. What is left over, between one
# network and another, is chance of the layers. In the corners many runs are of no kind: arcs, broken
# rings, fragments of a lattice. At $\beta = 4$ steps of 0.3 are too long for fixed features, whose loss there
# ends above that of a guess in some runs. Within one row or column only sixteen seeds speak (quick profile). In trials
# on other seeds nearly all networks had at step 500 the kind that they have at 1500, and the law agreed with them as well.
#
# **Next:** [9 · The frequency lottery](09_frequency_lottery.ipynb)
