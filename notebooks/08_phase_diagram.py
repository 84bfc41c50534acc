# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Phase diagram
#
# **Claim.** The bias tips the balance between circles and grids in the direction that the force law
# predicts. Large initial embeddings tip it too, but against the law, whenever the law is asked.
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

from modadd import TrainingConfig, intervals, plots, structure, widgets
from modadd.chapters import n08_phase_diagram as chapter
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
    """Of each seed by itself, (6, 6, S)."""
    found = [
        [chapter.alignment_weight(E, c.bias_scale) for E in embeddings(r)]
        for r, c in zip(runs, configs)
    ]
    return np.array(found).reshape(kinds.shape)


start = weight_of_alignment(lambda run: run.embeddings[0])
half = weight_of_alignment(chapter.half_learnt)
lines = {"half alignment at the start": start.mean(-1), "when half learnt": half.mean(-1)}

# %%
show(
    plots.phase_diagram(kinds, sizes, sizes, lines),
    name="08_phase_diagram",
    caption=f"Figure 8. Kinds of {len(seeds)} networks in each of 36 cells; the deeper the blue, "
    "the more circles. Lines: where the law gives alignment half of its full weight, at the initial "
    "embeddings (dashed) and when half of the accuracy is learnt (solid). Hover over a cell for its "
    "counts.",
)

# %% [markdown]
# Circles fade from left to right, where the start is not small; in the two lowest rows they hardly do.
# They do *not* follow the diagonal. The law at the start predicts more circles the higher a cell stands in
# its column. In the lower half of the diagram there is little of that, and in the two highest rows there
# are fewer circles, not more.

# %% [markdown]
# ## Look at the runs
#
# The phase diagram again, as a table of the share of circles over bias scale and initial scale. Point at a
# cell, or go from cell to cell with the arrow keys, to see runs of its recipe.

# %%
final = np.stack([run.final for run in runs]).reshape(6, 6, len(seeds), -1, 2)
show(
    widgets.phases(final, kinds, sizes, sizes, seeds),
    name="08_examples",
    caption="Final embeddings, each scaled to fill its place. Until the cell is run, a picture stands "
    "here: one seed in all 36 cells, with the same layers and the same initial embeddings up to their "
    "size. Neighbouring cells often hold the same structure, until it flips.",
)

# %% [markdown]
# ## What predicts circles
#
# Four quantities, each one number a cell, against the share of circles there. The first two are the law's
# weight of alignment, at the start and when half learnt. The third is the baseline that a law must beat
# to be of use: the bias scale alone. The fourth is how much of its start a network keeps: $R^2$ between
# initial and final embeddings, whatever their rotation, reflection and size, taken over the networks that
# did *not* become circles, so that it is not the share of circles in disguise.

# %%
circles = kinds == "circle"
kept = np.array([structure.procrustes_r2(r.embeddings[0], r.final) for r in runs])
kept = np.where(circles, np.nan, kept.reshape(kinds.shape))
less_bias = np.broadcast_to(np.linspace(1, 0, 6), (6, 6))
predictors = {
    "Law at the start": ("weight of alignment", start),
    "Law when half learnt": ("weight of alignment", half),
    "Bias scale alone": ("0 is β = 4, 1 is β = 1/8", less_bias),
    "What is kept of the start": ("R² of start and end", kept),
}
show(
    chapter.predictors(kinds, sizes, predictors),
    name="08_predictors",
    caption="One point a cell, with 95 % Wilson intervals. Rank correlations over the cells, with 95 % "
    "intervals from resampling the seeds, which are the same in all cells.",
)

# %% [markdown]
# Why does the law at the start fail? Embeddings change size before they find their shape. Small ones
# grow and large ones shrink until the pair sums have a size that the recipe sets, and the structure forms
# there; the next cell prints it. Asked then, the law correlates with circles over the whole diagram.
#
# But it does so through the bias, which is part of it, and no better than the bias by itself. Within a
# column, at one $\beta$, networks that start larger still stand farther out when half learnt, so the law still
# promises them more circles, and there are fewer. So the law has the direction of $\beta$ right and the
# direction of the initial scale wrong, at both times.
#
# What goes with the vertical direction is memory. Larger initial embeddings keep more of their start, as
# the fourth panel shows. That fits a simple reading, a circle needs every token to move to its place while
# a grid can grow where neighbours happen to lie well, but it is a correlation, and the force law has no
# part in it.


# %%
def typical_sum(E):
    """Root mean square of the pair sums."""
    return np.sqrt(np.square(E[..., :, None, :] + E[..., None, :, :]).sum(-1).mean())


for name, row in (("smallest", runs[:6]), ("largest", runs[-6:])):
    before = np.mean([typical_sum(r.embeddings[0]) for r in row])
    later = np.mean([typical_sum(chapter.half_learnt(r)) for r in row])
    print(f"{name} start: |x| = {before:.2f}, when half learnt {later:.2f}")
within = [intervals.rank_correlation(circles[:, c], half[:, c]).value for c in range(6)]
print("law when half learnt, within each column of β:", " ".join(f"{rho:+.2f}" for rho in within))

# %% [markdown]
# The same seeds run in all cells, so a seed, not a run, is what counts as one: shares of each seed over a
# row or a column, their means with Student's $t$ intervals, and differences paired over seeds.

# %%
by_bias, by_scale = circles.mean(0), circles.mean(1)  # (6, S) share of circles of each seed
for name, shares in (("bias scale", by_bias), ("initial scale", by_scale)):
    for size, share in zip(sizes, shares):
        mean, low, high = intervals.mean(share)
        print(f"{name:13} {size:5g}: circles {mean:4.0%} ({low:.0%} to {high:.0%})")
less = intervals.paired(by_bias[0], by_bias[-1])
larger = intervals.paired(by_scale[-1], by_scale[0])
print("least minus most bias:       ", less)
print("largest minus smallest start:", larger)
half_made = (kinds == "other") & (structure.circle(final).score > 0.5)
begun = (circles | half_made).mean(1)  # also those of no kind that have half of a circle's power
print("... half-made circles counted:", intervals.paired(begun[-1], begun[0]))

# %% [markdown]
# ## Check
#
# Each line is a statement about 95 % intervals, but for the last but one, a mean of six correlations; each
# could be false.

# %%
# NBVAL_CHECK_OUTPUT
early, late, alone = (intervals.rank_correlation(circles, x) for x in (start, half, less_bias))
memory = intervals.rank_correlation(circles, kept)
print(f"less bias, more circles:                        {less.low > 0}")
print(f"larger initial embeddings, more circles:        {larger.low > 0}")
print(f"larger initial embeddings, fewer circles:       {larger.high < 0}")
print(f"law at the start predicts circles:              {early.low > 0}")
print(f"law when half learnt predicts them:             {late.low > 0}")
print(
    f"... better than at the start:                   {np.quantile(late.draws - early.draws, 0.025) > 0}"
)
print(
    f"... better than the bias scale alone:           {np.quantile(late.draws - alone.draws, 0.025) > 0}"
)
print(f"... at one bias scale, on the average:          {np.mean(within) > 0}")
print(f"where more is kept of the start, fewer circles: {memory.high < 0}")

# %% [markdown]
# So of the two predictions one holds and one fails. *Less bias, more circles* holds. *Larger initial
# embeddings, more circles* fails, and the opposite is true, also where the law is asked when the structure
# forms.
#
# ## What is the paper's, what is ours
#
# The paper's introduction and abstract name clustering and alignment and do not, as far as we could
# read them, draw a phase diagram. The law, the prediction and the measurement are ours. To ask the
# law when the structure forms was an idea on other seeds (6000 to 6015), after the prediction at the start
# had failed there. That this does not beat the bias alone was noticed on the seeds shown here.
#
# ## Limits
#
# *When half learnt* uses the run itself, so the solid line is no forecast from the recipe. All cells
# share learning rate, weight decay and 2000 steps, and in the corners many runs are of no kind: arcs,
# broken rings, fragments of a lattice. They stay so: in a trial, five times as many steps left the shares
# of circles in the highest rows as they are.
#
# **Next:** [9 · The frequency lottery](09_frequency_lottery.ipynb)
