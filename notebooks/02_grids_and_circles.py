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
# # 2 · Grids and circles
#
# **Claim.** Trained embeddings are not just any arrangement that works: nearly all of them are
# either *grids*, some of them so long and narrow that we call them *stripes*, or *circles*.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" trains 2000 networks, "quick" 200
MODULUS = 17
FIRST_SEED = 1000  # seeds that were used for nothing else

# %%
import numpy as np

from modadd import TrainingConfig, plots, structure, train, widgets
from modadd.chapters import n02_grids_and_circles as chapter
from modadd.plots import show

count = 200 if PROFILE == "quick" else 2000
config = TrainingConfig(modulus=MODULUS)
run = train(config, range(FIRST_SEED, FIRST_SEED + count), snapshots=[0, config.steps])
kinds = structure.classify(run.final)

# %% [markdown]
# ## What the networks build
#
# Twenty-four of the networks, taken in the order of their seeds, eight of each kind. Lines join
# tokens that differ by the steps of the structure: look for the lattice and for the ring.

# %%
chosen = np.concatenate(
    [np.flatnonzero(kinds == kind)[:8] for kind in ("grid", "stripe", "circle")]
)
show(
    plots.gallery(run.final[chosen]),
    name="02_gallery",
    caption="Final embeddings of the first eight grids, stripes and circles among the seeds. "
    "The number is the share of tokens on the lattice or, for a circle, of Fourier power in its "
    "frequency.",
)

# %% [markdown]
# ## Why a grid works
#
# On a grid the embedding is affine in two integer coordinates: $E_a = E_0 + i\,g_1 + j\,g_2$ for
# $a \equiv i u + j v \pmod N$. Then the pair sum of $a$ and $b$ sits at $2E_0 + (i + i')\,g_1 +
# (j + j')\,g_2$, again a point of a lattice, and its label $(i + i')u + (j + j')v$ depends on that
# point alone. *Every point of the lattice of pair sums carries one label.* A label has several
# points, and the readout must fence each of them in.
#
# ## Why a circle works
#
# On a circle of frequency $k$ the tokens sit at the angles $2\pi k a / N$. By the addition theorem
# the pair sum is
#
# $$x_{ab} = 2R \cos\!\Big(\tfrac{\pi k (a - b)}{N}\Big)\; \hat e\Big(\tfrac{\pi k (a + b)}{N}\Big),$$
#
# where $\hat e(\varphi)$ is the unit vector at the angle $\varphi$. *All pairs with one label lie on
# one line through the origin*, on both of its sides, because the cosine takes both signs. The
# readout must cut the plane into wedges, two for each label.

# %%
accuracy, patch = run.accuracy[-1], structure.grid(run.final)
ring = structure.circle(run.final)
cleanest_grid = np.where(kinds == "grid", accuracy * patch.score, 0).argmax()
cleanest_circle = np.where(kinds == "circle", ring.score * ring.roundness, 0).argmax()
show(
    chapter.explained(run.final[cleanest_grid], run.final[cleanest_circle]),
    name="02_explained",
    caption="A clean grid and a clean circle of the ensemble. Left: embeddings. Right: pair sums "
    "in the colour of their label. On the grid a point of the lattice carries one label, written "
    "on it; on the circle a label is a line through the origin.",
)

# %% [markdown]
# ## Play with them
#
# Build grids and circles by hand. *Nearest alike* is the share of ordered pairs whose nearest other
# pair sum has their own label: high on a lattice, whose labels own places, and low on a circle, whose
# labels own lines, so that a readout must cut wedges. Raise the noise and watch the lattice lose
# first what lies at its border; change the steps for other lattices; set $N = 12$ and try the circle
# of frequency 2, which cannot work, because tokens 0 and 6 fall on one point.

# %%
show(
    widgets.playground(),
    name="02_playground",
    caption="A structure, and its pair sums; the ground has the label of the nearest pair sum. Until "
    "the cell is run, a picture stands here: a circle, a lattice, and the lattice with noise.",
)

# %% [markdown]
# ## How often
#
# How often does each kind occur? The census classifies every network by two measures with fixed
# thresholds, in this order:
#
# * **circle**: more than 90 % of the Fourier power of the embeddings in one frequency, and not
#   flattened to a line;
# * **stripe**: a lattice of at most three long rows holds more than 75 % of the tokens;
# * **grid**: any other lattice that holds more than 75 % of the tokens;
# * **other**: none of these.

# %%
census = structure.census(kinds)
print(census)
show(
    chapter.census_bars(kinds, accuracy=run.accuracy[-1], closure=structure.closure(run.final)),
    name="02_grids_and_circles",
    caption=f"Figure 2. Census of {count} networks with 95 % Wilson intervals, and accuracy and "
    "closure of each network by kind. Closure is the share of pair sums with a common label that "
    "coincide.",
)

# %% [markdown]
# Circles fit the table almost perfectly and close nothing: their pair sums share lines, not points.
# Most grids close a quarter or more of their same-label pair sums and pay with accuracy at the border,
# where the patch ends and a few lattice points are squeezed between others.
#
# ## Check

# %%
# NBVAL_CHECK_OUTPUT
lattice = np.isin(kinds, ["grid", "stripe"])
low, high = census.interval("grid", "stripe", "circle")
print(f"grids, stripes or circles: over {100 * low // 10 * 10:.0f} % of networks (95 % interval)")
print(f"lattices outnumber circles: {census.interval('circle')[1] < 0.5 < census.lattices / count}")
for kind, members in (("circle", kinds == "circle"), ("grid or stripe", lattice)):
    mean_accuracy, mean_closure = (
        accuracy[members].mean(),
        structure.closure(run.final[members]).mean(),
    )
    print(f"{kind:15} mean accuracy {mean_accuracy:.2f}, mean closure {mean_closure:.1f}")
print(f"closure before training {structure.closure(run.embeddings[0]).mean():.2f}")

# %% [markdown]
# ## What is the paper's, what is ours
#
# That embeddings organise into grids and circles is the paper's observation. The measures, their
# thresholds and the census are ours.
#
# ## Limits
#
# The proportions belong to the recipe. Notebook 8 shows how the bias scale and the size of the
# initial embeddings shift them from nearly all circles to none; the recipe is ours, and where Adam stands,
# which the paper is said to use, is the question of notebook 11. That *nearly all* networks are of some kind
# holds for prime $N$; for $N = 12$ many are not (notebook 10). The classes are those of
# `modadd.structure`: a network that fell apart into two half-lattices counts as *other*.
#
# **Next:** [3 · Clustering and alignment](03_clustering_and_alignment.ipynb), what pulls the
# embeddings into these shapes.
