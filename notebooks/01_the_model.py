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
# **Claim.** A network that gives each token just two numbers learns $a + b \bmod 17$, and while it
# learns, its embeddings leave their random places and arrange themselves.
#
# Everything below is computed while this notebook runs. Change a number in the next cell, choose
# *Run → Run All Cells*, and the figures follow. Widgets, such as the one further down, come to life
# when their cell is run; before that, a picture stands in their place. A
# [glossary](../docs/glossary.md) explains the words.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" trains 500 networks for the check at the end, "quick" 100
MODULUS = 17
SEED = 19

# %%
import numpy as np

from modadd import TrainingConfig, intervals, structure, train, widgets
from modadd.chapters import n01_the_model as chapter
from modadd.plots import show

config = TrainingConfig(modulus=MODULUS)
run = train(config, SEED, snapshots=120, keep_parameters=True)

# %% [markdown]
# ## The task
#
# There are $N = 17$ tokens, $0$ to $16$. The input is a *pair* of tokens $(a, b)$, the *label* is
# $(a + b) \bmod N$. Nothing tells the network that tokens are numbers: it sees 17 names and a table.
#
# ## The network
#
# Each token $a$ owns an *embedding* $E_a$, a point of the plane. A pair enters the network only
# through its *pair sum*
#
# $$x = E_a + E_b .$$
#
# In a transformer, attention mixes the embeddings of a sequence; with constant attention weights,
# all that is left of the mixing is this sum. One hidden layer of $H = 64$ units and a readout follow:
#
# $$h = \mathrm{ReLU}(W_1^\top x + \beta\, b_1), \qquad z = W_2^\top h + b_2, \qquad
#   p = \mathrm{softmax}(z).$$
#
# The *bias scale* $\beta$ is 1 in the standard network; later notebooks vary it. The loss is the
# cross-entropy of $p$ against the label, averaged over all $N^2$ ordered pairs, and training is
# plain full-batch gradient descent with momentum 0.9, learning rate 0.3 and weight decay 0.003. The
# *readout* $W_2, b_2$ starts at zero, so that at first every label is equally likely.
#
# The picture shows the trained network at work on one pair, with its actual activations.

# %%
last, pair = run.parameters.map(lambda array: array[-1, 0]), (3 % MODULUS, 9 % MODULUS)
show(
    chapter.network_diagram(last, pair),
    caption=f"The trained network reads the pair {pair}: two points of the plane, their sum, "
    "the 64 hidden units (larger: more active) and the probability of each label.",
)

# %% [markdown]
# ## Training
#
# Below, the same network at five moments. **Top:** the 17 embeddings. **Middle:** the plane of pair
# sums, coloured by the label that the network predicts at each point; the dots are the 153 pair
# sums in the colour of their true label, and those on the wrong ground wear a dark ring.
# **Bottom:** loss and accuracy.
#
# Two things happen at once. The readout paints regions of labels onto the plane, and the embeddings
# move so that pair sums with one label fall into one region. The painter and the painted move each
# other: notebook 3 looks at how, and notebook 4 turns it into forces.

# %%
moments = [0, 60, 120, 300, config.steps]
lattice = "a lattice (right), on which pair sums with the same label fall on top of each other"
ends = {"grid": lattice, "stripe": lattice, "circle": "a circle (right)", "other": "place (right)"}
show(
    chapter.training_story(run, SEED, moments),
    name="01_the_model",
    caption=f"Figure 1. Seed {SEED} learns addition modulo {MODULUS}. From a random start "
    f"(left) the embeddings settle into {ends[structure.classify(run.final)[0]]}.",
)

# %% [markdown]
# ## Scrub through it
#
# Drag the slider, or press play. Choose another seed: from another start another structure grows. Switch
# on *measured* to see how hard each embedding is pulled. In the first seed the pull is strongest while the
# loss falls; others keep jolting afterwards. What the other switches and readings mean, notebooks 2 to 4
# explain.

# %%
several = train(config, sorted({SEED, 20, 22, 25}), snapshots=120, keep_parameters=True)

# %%
show(
    widgets.scrub(several, SEED),
    name="01_scrub",
    caption="The same run, step by step: early steps are close together, late ones far apart. Until "
    "the cell is run, a picture stands here: first, middle and last snapshot.",
)

# %% [markdown]
# ## Check
#
# The numbers behind the claim, on networks with other seeds. Because the readout starts at zero, the
# loss must start at exactly $\ln N$.

# %%
others = train(config, range(5000, 5100 if PROFILE == "quick" else 5500), snapshots=20)

# %%
# NBVAL_CHECK_OUTPUT
accuracy = others.accuracy[-1]
good, _ = intervals.wilson(int((accuracy > 0.9).sum()), len(accuracy))
moved = structure.procrustes_r2(others.embeddings[0], others.final)
print(f"loss before training is ln N:      {abs(run.loss[0, 0] - np.log(MODULUS)) < 1e-6}")
print(f"accuracy before training, times N: {MODULUS * others.accuracy[0].mean():.2f}")
print(f"mean accuracy after training:      {accuracy.mean():.2f}")
print(f"above 90 % accuracy:               over {100 * good // 10 * 10:.0f} % of networks")
print(f"R² between start and end:          {moved.mean():.1f}")

# %% [markdown]
# The last line compares the shape of the final embeddings with that of the initial ones, whatever
# the rotation, reflection and scale: the start leaves its mark, and about half of the shape is new.
#
# ## What is the paper's, what is ours
#
# The simplified transformer, its two-dimensional embeddings and the task are the paper's
# ([arXiv 2408.09414](https://arxiv.org/abs/2408.09414)). Its authors' demonstration fixes $N = 17$
# and $H = 64$ as we do. The recipe of training and the zero-initialised readout are choices made
# here; notebook 2 shows that they give the paper's structures. The paper is said, in a public review,
# to train with Adam: notebook 11 asks what that changes.
#
# ## Limits
#
# All pairs are trained on here, so accuracy says how well the table fits, not how well it
# generalises; notebook 7 holds pairs out. A network may get stuck short of perfect accuracy: two
# dimensions are narrow. And one run is an anecdote. The next notebook looks at hundreds.
#
# **Next:** [2 · Grids and circles](02_grids_and_circles.ipynb)
