# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Phase diagram
#
# **Claim.** The bias tips the balance between circles and grids, as the force law predicts, provided the
# law is asked when the structure forms and not before training starts.
#
# Notebook 4 found two faces of one law. Where the pair sums are small against the bias scale,
# $|x| \ll \beta$, forces cluster, and clusters make grids. Where $|x| \gg \beta$, they align, and
# alignment makes circles. So the law predicts more circles as $|x| / \beta$ grows. Two numbers of
# the recipe ought to turn that knob: the bias scale $\beta$ and the size of the initial embeddings.
# Here both are varied, 32-fold each.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" trains 100 networks a cell, "quick" 16
FIRST_SEED = 8500  # seeds that were used for nothing else

# %%
import numpy as np

from modadd import TrainingConfig, interactions, intervals, plots, predictions, structure, widgets
from modadd.plots import show
from modadd.sweep import sweep

seeds = range(FIRST_SEED, FIRST_SEED + (16 if PROFILE == "quick" else 100))
sizes = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4]  # of the initial embeddings, and of the bias
configs = [
    TrainingConfig(embedding_scale=scale, bias_scale=beta, steps=2000)
    for scale in sizes
    for beta in sizes
]
runs = sweep(configs, seeds, snapshots=40)
kinds = np.array([structure.classify(run.final) for run in runs]).reshape(6, 6, -1)

# %% [markdown]
# ## The measurement, and the prediction over it
#
# Each cell holds one mark for each network, and the same seeds in every cell. The lines are the
# law's. Fitted to the exact force, the two-term formula of notebook 4 has a weight $w_a$ of
# alignment, which runs from 0 to 1 as $|x| / \beta$ grows. Each line joins the places where
# $w_a = \tfrac12$: alignment to its left, clustering to its right. The *dashed* line asks the law
# at the initial embeddings; it follows the diagonal, along which $|x| / \beta$ is the same. The
# *solid* line asks it at each network's first snapshot with half of its final accuracy.


# %%
def weight_of_alignment(embeddings):
    found = [
        interactions.alignment_weight(embeddings(r), c.bias_scale) for r, c in zip(runs, configs)
    ]
    return np.array(found).reshape(6, 6)


start = weight_of_alignment(lambda run: run.embeddings[0])
half = weight_of_alignment(predictions.half_learnt)

# %%
show(
    plots.phase_diagram(
        kinds, sizes, sizes, {"half alignment at the start": start, "when half learnt": half}
    ),
    name="08_phase_diagram",
    caption=f"Figure 8. Kinds of {len(seeds)} networks in each of 36 cells; the deeper the blue, "
    "the more circles. Lines: where the law gives alignment half of its full weight, at the initial "
    "embeddings (dashed) and when half of the accuracy is learnt (solid). Hover over a cell for its "
    "counts.",
)

# %% [markdown]
# Circles fade from left to right, across the solid line, where the start is not small; in the two
# lowest rows they hardly do. They do *not* follow the diagonal. From
# below to above, at one $\beta$, the law at the start predicts more circles, and there are fewer.
#
# ## Look at the runs
#
# Point at a cell, or go through them with the arrow keys, to see runs of its recipe. The picture
# that stands here where no widget runs shows one seed in all 36 cells: the same initial embeddings,
# up to their size, and the same layers.

# %%
final = np.stack([run.final for run in runs]).reshape(6, 6, len(seeds), -1, 2)
show(
    widgets.phases(final, kinds, sizes, sizes, seeds),
    name="08_examples",
    caption="Final embeddings, each scaled to fill its place. Neighbouring cells often hold the same "
    "structure, until it flips.",
)

# %% [markdown]
# ## What predicts circles
#
# Three quantities, each one number a cell, against the share of circles there. The first two are
# the law's weight of alignment, at the start and when half learnt. The third is how much of its
# start a network keeps: $R^2$ between initial and final embeddings, whatever their rotation,
# reflection and size, taken over the networks that did *not* become circles, so that it is not the
# share of circles in disguise.

# %%
kept = np.array([structure.procrustes_r2(r.embeddings[0], r.final) for r in runs])
circles = kinds == "circle"
counted = ~circles | circles.all(-1, keepdims=True)  # a cell of circles alone counts them all
kept = np.average(kept.reshape(kinds.shape), axis=-1, weights=counted)
weight = "weight of alignment"
predictors = {
    "Law at the start": (weight, start),
    "Law when half learnt": (weight, half),
    "What is kept of the start": ("R² of start and end", kept),
}
show(
    plots.predictors(kinds, sizes, predictors),
    name="08_predictors",
    caption="One point a cell, with 95 % Wilson intervals. Rank correlations over the 36 cells, "
    "with 95 % bootstrap intervals over seeds.",
)

# %% [markdown]
# Why the law fails at the start and works later: embeddings change size before they find their
# shape. Small ones grow and large ones shrink until the pair sums have a size that the recipe sets,
# and the structure forms there. The next cell prints that size. So $|x| / \beta$ at the decisive
# time is a matter of $\beta$.
#
# What remains is the vertical direction. At one $\beta$, larger initial embeddings give fewer
# circles. They also keep more of their start, as the third panel shows. That fits a simple reading,
# a circle needs every token to move to its place while a grid can grow where neighbours happen to
# lie well, but it is a correlation, and the force law has no part in it.


# %%
def typical_sum(E):
    """Root mean square of the pair sums."""
    return np.sqrt(np.square(E[..., :, None, :] + E[..., None, :, :]).sum(-1).mean())


for name, row in (("smallest", runs[:6]), ("largest", runs[-6:])):
    before = np.mean([typical_sum(r.embeddings[0]) for r in row])
    later = np.mean([typical_sum(predictions.half_learnt(r)) for r in row])
    print(f"{name} start: |x| = {before:.2f}, when half learnt {later:.2f}")

# %%
by_bias = [structure.census(kinds[:, column]) for column in range(6)]
by_scale = [structure.census(kinds[row]) for row in range(6)]
for name, censuses in (("bias scale", by_bias), ("initial scale", by_scale)):
    for size, census in zip(sizes, censuses):
        low, high = census.interval("circle")
        print(f"{name} {size:5g}: circles {census.share('circle'):4.0%} ({low:.0%} to {high:.0%})")

# %% [markdown]
# ## Check
#
# Each line is a statement about intervals, and could be false.

# %%
# NBVAL_CHECK_OUTPUT
early, late = (intervals.rank_correlation(circles, w) for w in (start, half))
gain = np.quantile(late.draws - early.draws, 0.025)
memory = intervals.rank_correlation(circles, kept)
fewest, most = by_bias[-1].interval("circle"), by_bias[0].interval("circle")
print(f"less bias, more circles:                       {most[0] > fewest[1]}")
print(f"more than 40 % of runs with the least bias:    {most[0] > 0.4}")
print(f"law at the start predicts circles:             {early.low > 0}")
print(f"law when half learnt predicts them:            {late.low > 0}")
print(f"... and better than at the start:              {gain > 0}")
small, large = by_scale[0].interval("circle"), by_scale[-1].interval("circle")
print(f"larger initial embeddings, more circles:       {large[0] > small[1]}")
print(f"larger initial embeddings, fewer circles:      {small[0] > large[1]}")
print(f"where more is kept of the start, fewer circles: {memory.high < 0}")

# %% [markdown]
# So of the two predictions one holds and one fails. *Less bias, more circles* holds. *Larger
# initial embeddings, more circles* fails, and the opposite is true: the law was asked too early.
#
# ## What is the paper's, what is ours
#
# The paper's introduction and abstract name clustering and alignment and do not, as far as we could
# read them, draw a phase diagram. The law, the prediction and the measurement are ours. That the
# law should be asked when the structure forms was decided on other seeds (6000 to 6015), after the
# prediction at the start had failed there; the seeds shown here were trained once, afterwards.
#
# ## Limits
#
# *When half learnt* uses the run itself, so the solid line is no forecast from the recipe: it says
# that the law at that moment and the outcome agree. All cells share learning rate, weight decay and
# 2000 steps, and in the corners that does not always suffice: many of the *other* there are
# unfinished: arcs, broken rings, fragments of a lattice.
#
# **Next:** [9 · The frequency lottery](09_frequency_lottery.ipynb)
