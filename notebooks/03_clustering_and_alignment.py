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
# # 3 · Clustering and alignment
#
# **Claim.** Two tendencies of pairs with the same label build the structures: in networks that end
# as grids their sums *cluster*, in networks that end as circles they *align*.
#
# This notebook only looks; the next one explains.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" follows 1000 networks, "quick" 100
MODULUS = 17
FIRST_SEED = 3000  # seeds that were used for nothing else

# %%
import numpy as np

from modadd import TrainingConfig, structure, train
from modadd.chapters import n03_clustering_and_alignment as chapter
from modadd.plots import show

count = 100 if PROFILE == "quick" else 1000
run = train(TrainingConfig(modulus=MODULUS), range(FIRST_SEED, FIRST_SEED + count))
kinds = structure.classify(run.final)
ring, closure = structure.circle(run.final), structure.closure(run.final)
grid_seed = run.seeds[np.where(kinds == "grid", run.accuracy[-1] * closure, 0).argmax()]
circle_seed = run.seeds[np.where(kinds == "circle", ring.score * ring.roundness, 0).argmax()]

# %% [markdown]
# ## Two ways to look at two pairs
#
# Take two pairs with one label, say $3 + 9$ and $5 + 7$. Their pair sums $x_p$ and $x_q$ are two
# points of the plane, and two questions can be asked of them: how *far* apart are they, and at what
# *angle* do they stand, seen from the origin?
#
# Drag the slider. On the left are all pair sums of a network that ends as a grid (top) and of one
# that ends as a circle (bottom); those with label 0 are ringed. Beside them are the distributions of
# all distances and of all angles within labels, and dotted the same for all pair sums, whatever their
# label. At the start the two all but coincide: labels mean nothing yet.

# %%
show(
    chapter.tendencies_scrub(run, (grid_seed, circle_seed), frames=30),
    name="03_scrub",
    caption="Pair sums, and their distances and angles within labels, while two networks train. "
    "Heights are square roots of densities, so that peaks and plains fit into one picture. Angles "
    "count by the squared lengths of both sums.",
)

# %% [markdown]
# ## Clustering
#
# In the grid the distances split: one part falls to zero, the others *grow* beyond what they were,
# and between them a gap opens. The sums with one label gather in a few clumps, far from each other.
#
# Why do they not all come together? They cannot, by an identity. Let $\langle\cdot\rangle$ be a
# mean over couples $(p, q)$ of ordered pairs. For *any* embeddings,
#
# $$\big\langle |x_p - x_q|^2 \big\rangle_{\text{same label}} =
#   \big\langle |x_p - x_q|^2 \big\rangle_{\text{all}} .$$
#
# *Proof.* The ordered pairs with label $y$ are $(a, y - a)$ for $a = 0, \dots, N - 1$: every token is
# once the first and once the second. So $\sum x_p$ over them is $2 \sum_a E_a$ for each label, and the
# variance of label means, the only thing that could tell the two averages apart, is zero. $\square$
#
# Training can only change the *shape* of the distribution. If some same-label sums coincide, others
# must move apart: this is clustering. Here are both sides of the identity, at all steps of all
# networks, and the same thing for *distinct unordered* pairs, which is what the pictures show. The
# identity counts each pair with itself and with its twin $(b, a)$, at distance zero; without them the
# mean within labels is larger by a factor of about $1 + 2/N$.

# %%
squares = chapter.mean_squared_distances(run.embeddings)
deviation = np.abs(squares.same_label / squares.all_pairs - 1).max()
print(f"same label over all, ordered pairs: 1 within {deviation:.0e}")
last = chapter.distances(run.final)
distinct = np.square(last.same_label).mean(-1) / np.square(last.everything).mean(-1)
print(
    f"distinct pairs: {distinct.min():.2f} to {distinct.max():.2f}; 1 + 2/N = {1 + 2 / MODULUS:.2f}"
)

# %% [markdown]
# ## Alignment
#
# In the circle hardly any two sums coincide. Instead their angles go to $0°$ and to $180°$: the sums
# with one label fall on one line through the origin, on both of its sides. Physicists call this
# order *nematic*: rods that lie along one axis, heads and tails mixed. Its measure is
#
# $$S = \frac{\sum |x_p|^2 |x_q|^2 \cos 2\Delta\varphi_{pq}}{\sum |x_p|^2 |x_q|^2},$$
#
# over couples of distinct pairs; 1 if all lie on one axis, 0 on the average if the axes are independent. The
# weights keep sums near the origin, whose angle means little, from counting. A long thin embedding raises
# $S$ for couples of *any* label, so we take the difference between $S$ within labels and $S$ over all. It can
# pass 1 a little, as all couples together may be *less* aligned than chance, and start a little below 0, as
# pairs with one label have no token in common.
#
# ## The population
#
# Figure 3 puts both tendencies beside each other, for the two networks above and for the whole
# ensemble: the share of same-label couples that coincide (*closure*), the order of shared axes, and
# the identity.

# %%
show(
    chapter.tendencies(run, (grid_seed, circle_seed), (0, 35, 60, 100, 2500), kinds),
    name="03_clustering_and_alignment",
    caption=f"Figure 3. Top and middle: distances and angles between pair sums with one label "
    f"(filled) and between all pair sums (dotted), at five steps of seeds {grid_seed} and "
    f"{circle_seed}; heights are square roots of densities. The triangle marks the rms distance "
    f"within labels: it stays in place. Bottom: {count} networks by the kind they end as, median and "
    "middle half: share of same-label sums that coincide; nematic order within labels minus that of "
    "all sums; and the ratio of mean squares, 1 by an identity.",
)

# %% [markdown]
# The kinds part early, within the first few hundred of 2500 steps, and for good: circles do not
# close, and lattices do not share axes. What decides which of the two wins is the
# subject of notebooks 6 and 8.

# %%
# When does each kind reach half of its final value?
order = chapter.nematic_order(run.embeddings)
excess = order.same_label - order.everything
for kind, course in (("grid", structure.closure(run.embeddings)), ("circle", excess)):
    median = np.median(course[:, kinds == kind], axis=1)
    half = run.steps[(median > median[-1] / 2).argmax()]
    print(f"{kind:7} half of the way by step {half}, {median[-1]:.2f} at the end")

# %% [markdown]
# ## Check

# %%
lattice, end = np.isin(kinds, ("grid", "stripe")), excess[-1]
apart = (last.same_label > 1).mean(-1)[lattice]
before = (chapter.distances(run.embeddings[0]).same_label > 1).mean(-1)[lattice]

# %%
# NBVAL_CHECK_OUTPUT
print(f"mean squares agree at every step of every network: {deviation < 1e-5}")
print(f"distinct pairs: within labels larger by a factor of {distinct.mean():.1f}")
print(f"median closure of lattices, 0.25 to 0.4: {0.25 < np.median(closure[lattice]) < 0.4}")
print(
    f"closure below 0.03 in most circles:      {np.mean(closure[kinds == 'circle'] < 0.03) > 0.75}"
)
print(f"shared axes of circles, median: {np.median(end[kinds == 'circle']):.1f}")
print(f"shared axes of lattices, median, within 0.15 of 0: {abs(np.median(end[lattice])) < 0.15}")
print(f"in lattices more sums move apart than before: {np.median(apart) > np.median(before)}")

# %% [markdown]
# ## What is the paper's, what is ours
#
# Clustering and alignment, as tendencies of pairs of embeddings that explain grids and circles, are
# the paper's idea and its words ([arXiv 2408.09414](https://arxiv.org/abs/2408.09414)). The
# identity, its proof and the two measures are ours.
#
# ## Limits
#
# All pairs are trained on. With pairs held out the labels own unequal numbers of training pairs, and
# among these the identity no longer holds. Closure asks sums to coincide within about a third of
# the distance between neighbouring tokens, so it sees clumps, not how tight they are. And what is
# shown here is *that* sums cluster and align, not why.
#
# **Next:** [4 · Force formulae](04_force_formulae.ipynb)
