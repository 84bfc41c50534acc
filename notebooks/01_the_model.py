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
# # 1 · The model
#
# **How does a network come to add, when numbers are only names to it?** The one below learns to add on a
# clock with $N$ hours: $a + b \bmod N$. Each number, a *token*, is a point of the plane. Points start at random
# places, and training moves them. Press play and watch the points on the left: what becomes of the cloud?

# %% tags=["parameters"]
PROFILE = "quick"  # "full" trains 500 networks for the check at the end, "quick" 100
MODULUS = 17  # hours of the clock, 5 to 31
SEED = 19

# %%
from modadd import TrainingConfig, intervals, notebook, structure, train, widgets
from modadd.chapters import n01_the_model as chapter
from modadd.plots import show

notebook.within(5, 31, MODULUS=MODULUS)
count = notebook.sizes(PROFILE, quick=100, full=500)
config = TrainingConfig(modulus=MODULUS)
run = train(config, sorted({SEED, 20, 22, 25}), snapshots=120, keep_parameters=True)
show(
    widgets.scrub(run, SEED),
    name="01_scrub",
    caption="Left, the tokens. Right, a dot for each pair of them, on the ground of the network's answers; "
    "a dark ring marks a mistake. Before the cell is run, a picture stands here.",
)

# %% [markdown]
# ## What you see
#
# The network is asked for $a + b$, but it never sees $a$ and $b$. It sees the sum of their two points,
# $x = E_a + E_b$, the *pair sum*. So all that it can go by is one place in the plane, on the right. There is
# a dot for each pair, in the colour of the right answer, its *label*. The ground shows what the network
# answers at each place.
#
# **Guess.** $0 + 4$ and $1 + 3$ have the same label, and nothing tells the network so. Why do their dots end
# near each other, or at least on one line through the middle? Choose other seeds above, which start with other
# random points. Is it always so?

# %%
for seed, kind in zip(run.seeds, structure.classify(run.final), strict=True):
    print(f"seed {seed}: {kind:6}  {run.select(seed).accuracy[-1, 0]:.0%} of the answers right")

# %% [markdown]
# ## Why equal labels gather
#
# Two things move at once. The network *paints*: where a dot lies, it lays down the colour of the dot's label.
# And the points *move*, so that dots come onto ground of their own colour. Two dots with one label that lie
# close together paint the same ground, and both gain from it. Two dots with different labels that lie close
# together spoil each other's ground. So equal labels draw together, and unequal ones part. Far out, what is
# painted spreads along directions, so that there it is enough for equal labels to share a line.
#
# But no dot can go where it likes. Each token is in $N$ pairs, and to move it moves $N$ dots. Only when all
# tokens find places that suit all pairs does this come to rest, and that is why patterns appear: lattices (long
# ones are called stripes) and circles. Notebook 2 explains them; notebook 4 turns painting into forces.

# %%
kind = structure.classify(run.select(SEED).final)[0]
show(
    chapter.training_story(run, SEED, [0, 60, 120, 300, config.steps]),
    name="01_the_model",
    caption=f"Figure 1. Seed {SEED} learns addition modulo {MODULUS}. Lines join tokens that are neighbours "
    f"in the end: follow them from the left. Below, the pair sums. Kind of structure at the end: {kind}.",
)

# %% [markdown]
# ## The network
#
# These are all its parts. The point $E_a$ is called the *embedding* of token $a$. In a transformer, attention
# mixes the embeddings of a sequence; with constant attention all that is left of the mixing is the sum
# $x = E_a + E_b$. One hidden layer of $H = 64$ units and a *readout* follow:
#
# $$h = \mathrm{ReLU}(W_1^\top x + b_1), \qquad z = W_2^\top h + b_2, \qquad p = \mathrm{softmax}(z).$$
#
# The loss is the cross-entropy of $p$ against the label, averaged over all $N^2$ ordered pairs. Training is
# gradient descent on all pairs at once, with momentum 0.9, learning rate 0.3 and weight decay 0.003. The
# readout $W_2, b_2$ starts at zero, so that at first every label is equally likely.

# %%
trained, pair = run.select(SEED).parameters.map(lambda a: a[-1, 0]), (3 % MODULUS, 9 % MODULUS)
show(
    chapter.network_diagram(trained, pair),
    caption=f"The trained network reads the pair {pair}: two points of the plane, their sum, "
    "the hidden units (larger: more active) and the probability of each label.",
)

# %% [markdown]
# ## Check
#
# One run is an anecdote. Here are networks with other seeds. A pair sum is *nearest alike* when the pair sum
# nearest to it has its label; by chance at most one in $N$ is.

# %%
others = train(config, range(5000, 5000 + count), snapshots=2)

# %%
# NBVAL_CHECK_OUTPUT
accuracy = others.accuracy[-1]
good, _ = intervals.wilson(int((accuracy > 0.9).sum()), count)
before, after = (chapter.nearest_alike(E).mean() for E in others.embeddings)
moved = structure.procrustes_r2(others.embeddings[0], others.final)
print(f"mean accuracy after training:          {accuracy.mean():.2f}")
print(f"above 90 % accuracy:                   over {100 * good // 10 * 10:.0f} % of networks")
print(f"pair sums nearest alike, before:       {before:.2f}")
print(f"pair sums nearest alike, after:        {after:.1f}")
print(f"R² between start and end:              {moved.mean():.1f}")

# %% [markdown]
# The last line compares the shape of the final embeddings with that of the initial ones, whatever
# the rotation, reflection and scale ($R^2$): the start leaves its mark.
#
# ## What is the paper's, what is ours
#
# The simplified transformer, its two-dimensional embeddings and the task are the paper's
# ([arXiv 2408.09414](https://arxiv.org/abs/2408.09414)); its authors' demonstration has $N = 17$
# and $H = 64$, too. The recipe of training and the readout that starts at zero are choices made
# here; notebook 2 shows that they give the paper's structures. The paper is said, in a public review,
# to train with Adam: notebook 11 asks what that changes.
#
# ## Limits
#
# All pairs are trained on here, so accuracy says how well the table fits, not how well it
# generalises; notebook 7 holds pairs out. A network may get stuck short of perfect accuracy: two
# dimensions are narrow.
#
# All is computed while the notebook runs: change a parameter and choose *Run → Run All Cells*. The text, here and in the
# next notebooks, tells what the parameters do that stand there at first; with others the Check may say otherwise. The
# [glossary](../docs/glossary.md) explains the words.
#
# **Next:** [2 · Grids and circles](02_grids_and_circles.ipynb)
