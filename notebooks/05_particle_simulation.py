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
# # 5 · Two forces suffice
#
# **Claim.** Particles that only *cluster* and *align*, with no network behind them, build the same
# kinds of structures; turning one knob from clustering to alignment turns grids into circles.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" tests on 500 starts, "quick" on 100
TUNING_SEED = 6000  # starts on which one number is fitted ...
TEST_SEED = 5500  # ... and others on which it is tested

# %%
import numpy as np

from modadd import ModularAddition, TrainingConfig, particles, plots, structure, train, widgets
from modadd.chapters import n05_particle_simulation as chapter
from modadd.model import initialise
from modadd.plots import show

count = 100 if PROFILE == "quick" else 500
tuning, test = range(TUNING_SEED, TUNING_SEED + 100), range(TEST_SEED, TEST_SEED + count)


def start(seeds, modulus=17):
    return np.stack([initialise(ModularAddition(modulus), 64, s).embeddings for s in seeds])


def two_force(a, seeds=tuning, modulus=17):
    return particles.two_force(start(seeds, modulus), a, seeds=seeds, snapshots=2, cache=True)


# %% [markdown]
# ## The simulation
#
# Each token is a particle at $E_a$ in the plane. Pairs of pair sums $x_p = E_a + E_b$ act on each
# other with the charges of notebook 4, $c_{pq} = [y_p = y_q] - 1/N$, and the particles descend
#
# $$V = -\frac{1}{2N^2} \sum_{p,q} c_{pq} \Big[ (1 - a)\, e^{-|x_p - x_q|^2 / 2s^2}
#   + a\, \frac{(x_p \cdot x_q)^2}{(|x_p|^2 + s^2)(|x_q|^2 + s^2)} \Big].$$
#
# The first term is **clustering**: sums with one label attract within the reach $s$. The second is
# **alignment**: far from the origin it is $\cos^2$ of the angle between two sums, so that those with
# one label turn onto a common axis, whatever its sign; $s$ keeps it smooth near the origin. The
# *alignment force* $a$ goes from 0, clustering alone, to 1, alignment alone. Positions are scaled back to unit rms after
# each step, so only their shape evolves.
#
# ## The knob
#
# A sweep of $a$ over many starts, beside networks that grew from the same starts with the recipe of
# notebook 1. One number is fitted: the force at which the proportions of the four kinds are nearest
# to those of the networks. Nearest is meant by the total variation distance, the share of runs one
# would have to relabel to make the two censuses equal.

# %%
config = TrainingConfig()
grown = train(config, tuning, snapshots=[0, config.steps]).final
network = structure.census(grown)
forces = [0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
swept = np.stack([two_force(a).final for a in forces])
kinds = structure.classify(swept)
censuses = [structure.census(row) for row in kinds]
best = forces[int(np.argmin([census.mismatch(network) for census in censuses]))]

# %%
passes = [(kinds == kind).any(0) for kind in structure.KINDS[:3]]
clarity = np.maximum(structure.circle(swept).score, structure.grid(swept).score).min(0)
example = int(np.where(np.all(passes, 0) & (kinds[0] == "grid"), clarity, 0).argmax())
show(
    chapter.kinds_over_force(forces, swept[:, example], censuses, network, best),
    name="05_particle_simulation",
    caption="Figure 5. Top: what one start becomes, the clearest of those that pass through all three "
    f"kinds. Bottom: kinds of {len(tuning)} starts over the alignment force, with 95 % Wilson bands, and of "
    "networks from the same starts.",
)

# %% [markdown]
# Clustering alone builds lattices and never a circle. Alignment alone builds circles nearly always.
# In between lattices first stretch into stripes, and then circles take over. So a network that builds
# both kinds is one in which both forces count.
#
# ## One start, four settings
#
# Press play. All four begin at the same random positions, those of the example above.

# %%
seed = tuning[example]
options = {"seeds": [seed], "snapshots": 80}
runs = {a: particles.two_force(start([seed]), a, **options) for a in (0.0, 0.5, best, 1.0)}
dashes = ["solid", "dash", "dot", "solid"]
courses = {
    f"a = {a:g}": plots.Course(
        run, structure.circle(run.embeddings[:, 0]).score, chapter.force_color(a), dash
    )
    for (a, run), dash in zip(runs.items(), dashes, strict=True)
}

# %%
show(
    plots.side_by_side(courses, "Share of Fourier power in one frequency"),
    name="05_side_by_side",
    caption="One start under four alignment forces, from clustering alone (left) to alignment alone "
    "(right), in the same axes. Below, the circle score over the steps.",
)

# %% [markdown]
# ## Turn the knob yourself
#
# Particles, live: seed 0 of the widget is the start of the figures here, its other seeds are random.
# Press play, let the particles settle, and drag one away: it finds its place again, or the others make
# it another. Then move the alignment force while they run: near 1 a grid becomes a circle. Does the
# circle stay when the force goes back to a half?

# %%
show(
    widgets.particles(start([seed])[0], alignment_force=best),
    name="05_particles",
    caption="Particles under both forces, from the start above. Until the cell is run, a picture "
    "stands here: after 0, 100 and 800 steps.",
)

# %% [markdown]
# That can be counted, over all starts that made a circle under alignment alone:

# %%
rings = swept[-1][kinds[-1] == "circle"]  # grown at a = 1
back = structure.classify(particles.two_force(rings, 0.5, snapshots=2, progress=False).final)
print(f"of {len(rings)} circles grown at a = 1, {(back == 'circle').sum()} stay circles at a = 0.5")

# %% [markdown]
# ## What grows
#
# The first starts at the fitted force, failures included, sorted by kind.

# %%
show(
    plots.gallery(swept[forces.index(best)][:18]),
    name="05_gallery",
    caption=f"The first eighteen starts at a = {best:g}, sorted by kind. The number is the share of "
    "tokens on the lattice or, for a circle, of Fourier power in its frequency.",
)

# %% [markdown]
# ## Does the fitted number carry over?
#
# The force was fitted to networks of one recipe. Now it is kept, and everything else is new: unseen
# starts; the same starts with networks of another bias scale $\beta$; another modulus. A fit to four
# proportions is not worth much unless it survives at least the first.


# %%
def networks(modulus=17, bias_scale=1.0):
    recipe = TrainingConfig(modulus=modulus, bias_scale=bias_scale)
    return structure.census(train(recipe, test, snapshots=[0, recipe.steps]).final)


unseen, twelve = (structure.census(two_force(best, test, n).final) for n in (17, 12))
pairs = {
    "unseen starts": (unseen, networks()),
    "N = 12": (twelve, networks(12)),
    "no bias, β = 0": (unseen, networks(bias_scale=0.0)),
    "large bias, β = 4": (unseen, networks(bias_scale=4.0)),
}

# %%
show(
    chapter.carry_over(pairs),
    name="05_carry_over",
    caption=f"Two forces at a = {best:g} (open) beside networks (filled), {count} runs each, with "
    "95 % Wilson intervals. The distance of the two censuses stands above.",
)

# %% [markdown]
# To **unseen starts** it carries over in part. All three structures grow, lattices more often than
# circles, as among the networks. But the two censuses lie farther apart than on the starts of the fit,
# and farther than two batches of networks (the next cell gives the distances): there are too many
# *others*. Many of these are tokens collapsed onto one line, which the last numbers of this notebook count,
# for simulations and networks. Neither force punishes that: on a line the alignment term is flat.
#
# It does **not** carry over to $N = 12$, where networks build far fewer circles than the simulation.
# Nor can it carry over to every **bias scale**: by notebook 4, $\beta$ is the length that decides
# between the two faces of the law, so each $\beta$ must have its own $a$. The *nearest force* of a census
# of networks is the one whose simulations, on the starts of the fit, come closest to it. Without bias it
# is larger, as the law says, and the fitted one is far off. With a large bias it is a little smaller, by a step that samples of this size cannot resolve, and the fitted one does about as
# well as at $\beta = 1$.

# %%
for name, (simulated, found) in pairs.items():
    far = f"{name:18} {simulated.mismatch(found):.0%} apart"
    near = forces[int(np.argmin([census.mismatch(found) for census in censuses]))]
    print(far if name == "N = 12" else f"{far}; nearest force {near:g}")
print(
    f"on the starts of the fit the censuses are {min(c.mismatch(network) for c in censuses):.0%} apart"
)
print(
    f"two batches of networks of the first recipe are {network.mismatch(pairs['unseen starts'][1]):.0%} apart"
)

# %% [markdown]
# ## What the two forces keep and drop of the exact law
#
# | | exact law (notebook 4) | two forces |
# |---|---|---|
# | charges | residuals, which shrink as pairs are fitted | constant, $[y_p = y_q] - 1/N$ |
# | clustering | like labels attract when near and *repel* when far, without bound | like labels attract within a reach, nothing beyond |
# | alignment | torque and stretch grow with the length of the sums | both level off for sums longer than $s$ |
# | balance of the two | set by $\lvert x\rvert$ against $\beta$, different for each pair and moment | one number $a$ |
# | memory | the field remembers where pairs have been | none |
# | size | grows until decay balances it | fixed |
#
# What is kept, the charges and the two tendencies, is enough for the kinds. It is not enough for the
# structure that a given start will take. That needs the field, which is the next notebook.
#
# ## Check

# %%
# NBVAL_CHECK_OUTPUT
clustering, alignment = censuses[0], censuses[-1]
print("clustering alone: circles under 10 %:", clustering.interval("circle")[1] < 0.1)
print("clustering alone: over half lattices:", clustering.interval("grid", "stripe")[0] > 0.5)
print("alignment alone: over 80 % circles:", alignment.interval("circle")[0] > 0.8)
circles = [census.share("circle") for census in censuses]
print("circles never get fewer as a grows, by more than 5 %:", np.diff(circles).min() > -0.05)
print("fitted force:", best)

# %%
# NBVAL_CHECK_OUTPUT
off = {name: one.mismatch(other) for name, (one, other) in pairs.items()}
ours, theirs = pairs["unseen starts"]
batches = network.mismatch(theirs)
print("unseen starts: farther off than networks among themselves:", off["unseen starts"] > batches)
print("... with more others:", ours.interval("other")[0] > theirs.interval("other")[1])
print("... nearer than with no bias:", off["unseen starts"] < off["no bias, β = 0"])
ours, theirs = pairs["N = 12"]
print("N = 12: too many circles:", ours.interval("circle")[0] > theirs.interval("circle")[1])

# %% [markdown]
# The numbers themselves, and how many of those that are of no kind have collapsed onto a line:

# %%
rows = {f"a = {a:g}": census for a, census in zip(forces, censuses, strict=True)}
for name, census in (rows | {"network": network}).items():
    shares = "".join(f"{kind:>9} {census.share(kind):4.0%}" for kind in structure.KINDS)
    print(f"{name:7}{shares}")


# %%
for name, E in ((f"at a = {best:g}", swept[forces.index(best)]), ("among networks", grown)):
    others = E[structure.classify(E) == "other"]
    print(f"others {name}: {len(others)}, on a line {chapter.thin(others).sum()}")

# %% [markdown]
# ## What is the paper's, what is ours
#
# That an equivalent particle simulation grows the same structures, by which we understand the same
# kinds, is the paper's claim, and its authors' demonstration has a knob for the alignment force. The two potentials
# above are ours, as bounded counterparts of the law derived in notebook 4; they are not quoted from
# the paper. The fit and the tests of it are ours.
#
# ## Limits
#
# * One number was fitted, on a grid of nine values, and the reach $s = 0.6$ is a second choice.
# * "Two forces suffice" holds for the kinds that appear. The proportions fit one recipe, in part.
# * Collapsed lines are presumably an artefact of the bounded forces; an unbounded version was not tried.
#
# **Next:** [6 · Same start, same structure](06_same_start_same_structure.ipynb)
