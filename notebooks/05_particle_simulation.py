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
# **Drop the network and keep only the forces: does anything grow?** Here each token is a particle, and pair sums pull at
# each other; there is no network. Press play and let them settle. Then turn the *alignment force* up to 1, and watch.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" takes 500 starts of each sort, "quick" 64 and 100
TUNING_SEED = 6000  # starts on which one number is fitted ...
TEST_SEED = 5500  # ... and others on which it is tested; at least 500 from the former

# %%
import numpy as np

from modadd import TrainingConfig, notebook, particles, structure, train, widgets
from modadd.chapters import n05_particle_simulation as chapter
from modadd.plots import Course, show, side_by_side

few, many, steps = notebook.sizes(PROFILE, quick=(64, 100, 1000), full=(500, 500, 2500))
tuning, test = range(TUNING_SEED, TUNING_SEED + few), range(TEST_SEED, TEST_SEED + many)
show(
    widgets.particles(chapter.starts([9])[0], alignment_force=0.5),
    name="05_particles",
    caption="Particles under two forces. Any of them can be dragged away. Before the cell is run, a picture stands "
    "here: after 0, 20 and 800 steps.",
)

# %% [markdown]
# **Guess.** Notebook 4 found two forces: *clustering*, like labels come together, and *alignment*, like labels turn onto
# one axis. Which of them makes lattices, and which makes circles? And if you turn the knob back to a half, does the
# circle become a lattice again?
#
# ## The knob
#
# A sweep over the alignment force $a$, from clustering alone (0) to alignment alone (1), beside networks that grew from the
# same starts.

# %%
options = {"steps": 300, "snapshots": 2, "cache": True}  # by then all but a few stand still


def two_force(a, seeds=tuning, modulus=17):
    return particles.two_force(chapter.starts(seeds, modulus), a, seeds=seeds, **options).final


recipe = {"steps": steps}
grown = train(TrainingConfig(**recipe), tuning, snapshots=2).final
network = structure.census(grown)
forces = [0, 0.3, 0.5, 0.6, 0.7, 0.8, 1]
swept = np.stack([two_force(a) for a in forces])
kinds = structure.classify(swept)
censuses = [structure.census(row) for row in kinds]
best = forces[int(np.argmin([census.mismatch(network) for census in censuses]))]

# %%
example = chapter.example(swept, kinds)
show(
    chapter.kinds_over_force(forces, swept[:, example], censuses, network, best),
    name="05_particle_simulation",
    caption="Figure 5. Top: what one start becomes, the clearest of those that pass through all three "
    f"kinds. Bottom: kinds of {few} starts over the alignment force, with 95 % Wilson bands, and of "
    "networks from the same starts.",
)

# %% [markdown]
# Clustering alone builds lattices and never a circle. Alignment alone builds circles nearly always.
# In between, lattices first stretch into stripes, and then circles take over. So a network that builds
# both is one in which both forces count.
#
# One number is fitted here: the force at which the shares of the four kinds come nearest to the networks'.
# (How far apart two censuses are: the share of runs that one would have to rename to make them equal.)

# %%
seed = tuning[example]
recorded = {"seeds": [seed], "snapshots": 60, "steps": 300}
runs = {
    a: particles.two_force(chapter.starts([seed]), a, **recorded) for a in (0.0, 0.5, best, 1.0)
}
dashes = ["solid", "dash", "dot", "solid"]
courses = {
    f"a = {a:g}": Course(
        run, structure.circle(run.embeddings[:, 0]).score, chapter.force_color(a), dash
    )
    for (a, run), dash in zip(runs.items(), dashes)
}

# %%
show(
    side_by_side(courses, "Circle score: share of the spread in one frequency"),
    name="05_side_by_side",
    caption="The start of Figure 5 under four alignment forces, in the same axes. Press play.",
)

# %%
rings = swept[-1][kinds[-1] == "circle"]  # grown at a = 1
back = structure.classify(particles.two_force(rings, 0.5, steps=300, snapshots=2).final)
print(f"of {len(rings)} circles grown at a = 1, {(back == 'circle').sum()} stay circles at a = 0.5")

# %% [markdown]
# ## The two forces
#
# Pair sums $x_p = E_a + E_b$ act on each other with the charges of notebook 4 as they are at the start,
# $c_{pq} = [y_p = y_q] - 1/N$, and the particles go downhill on
#
# $$V = -\frac{1}{2N^2} \sum_{p,q} c_{pq} \Big[ (1 - a)\, e^{-|x_p - x_q|^2 / 2s^2}
#   + a\, \frac{(x_p \cdot x_q)^2}{(|x_p|^2 + s^2)(|x_q|^2 + s^2)} \Big].$$
#
# The first term is **clustering**: sums with one label attract within the reach $s = 0.6$. The second is
# **alignment**: far from the origin it is $\cos^2$ of the angle between two sums, so that those with
# one label turn onto a common axis, whatever its sign; $s$ keeps it smooth near the origin. Positions are scaled back to
# unit rms after each step, so only their shape evolves.
#
# ## Does the fitted number carry over?
#
# A fit to four shares is not worth much unless it survives at least new starts. The force is kept, and everything else is
# new: unseen starts; another modulus; networks without bias, where by notebook 4 there is only alignment.


# %%
def networks(seeds=test, **changes):
    return structure.classify(train(TrainingConfig(**recipe, **changes), seeds, snapshots=2).final)


# %%
unseen, twelve = (structure.census(two_force(best, test, n)) for n in (17, 12))
fresh = networks()
pairs = {
    "unseen starts": (unseen, structure.census(fresh)),
    "N = 12": (twelve, structure.census(networks(modulus=12))),
    "no bias, β = 0": (unseen, structure.census(networks(bias_scale=0.0))),
}
show(
    chapter.carry_over(pairs),
    name="05_carry_over",
    caption=f"Two forces at a = {best:g} (open) beside networks (filled), {many} runs each, with "
    "95 % Wilson intervals. How far the two censuses are apart stands above.",
)

# %%
batches = chapter.distances_of_batches(np.concatenate([structure.classify(grown), fresh]), many)
off = {name: simulated.mismatch(found) for name, (simulated, found) in pairs.items()}
fitted = min(census.mismatch(network) for census in censuses)
print(
    f"two batches of {many} networks: {batches.mean():.0%} apart, in 95 % of draws below ", end=""
)
print(f"{np.quantile(batches, 0.95):.0%}")
print(f"on the starts of the fit:     {fitted:.0%} apart")
for name, far in off.items():
    print(f"{name:18}            {far:.0%} apart")
without = pairs["no bias, β = 0"][1]
nearest = forces[int(np.argmin([census.mismatch(without) for census in censuses]))]
print(f"nearest to networks without bias: a = {nearest:g}")

# %% [markdown]
# On **unseen starts** it does about as well, or as badly, as on those of the fit. All structures grow, as in
# networks. But the two censuses lie farther apart than two batches of networks do; there are too many *others*,
# and many of these are collapsed onto a line (below). To $N = 12$ it does **not** carry over, nor to networks
# **without bias**, which want a larger force, as the law says: $\beta$ is the length that decides between its
# two faces.
#
# ## Why a lattice, and not a line?
#
# Two things keep the particles here from what the exact law would do: the forces are *bounded*, they do not grow with
# distance; and notebook 4 says that charges do not stay as they are, since the field *saturates*: what is learnt no longer
# pulls. Does it take one of them to make a lattice? Take both away, and give them back one at a time:

# %%
some = chapter.starts(test[:16])
plain = TrainingConfig(steps=steps)
constant = TrainingConfig(steps=200)  # later it is beyond all numbers
lines = {
    f"exact law, β = {beta:g}": chapter.at_constant_size(some, beta) for beta in (0.1, 10.0)
} | {
    "field that never saturates": particles.field(
        some, constant, label_charges=True, snapshots=2
    ).final,
    "field that saturates": particles.field(some, plain, snapshots=2).final,
    "bounded forces, a = 0": particles.two_force(some, 0.0, **options).final,
    f"bounded forces, a = {best:g}": particles.two_force(some, best, **options).final,
}

# %%
for name, E in lines.items():
    found = structure.census(E)
    print(f"{name:27} on a line {chapter.thin(E).sum():2} of {len(E)}", end="")
    print(f"   lattices {found.lattices:2}   circles {found.count('circle'):2}")

# %%
show(
    chapter.ends({name: lines[name] for name in list(lines)[1:5]}),
    name="05_lines",
    caption="One start under the exact law with charges that stay as they are, at constant size; in the field simulation of "
    "notebook 6 with such charges, and with those that shrink as pairs are learnt; and under bounded forces.",
)

# %% [markdown]
# With charges that stay as they are and forces without bound, nearly everything ends on a line, whatever the
# bias. *Either* saturation *or* bounded forces are enough to make lattices and circles instead. So "clustering
# makes grids" needs a supplement. In networks it is clustering *that stops where pairs are learnt*; in this
# simulation, clustering with a reach. The lines among the *others* above are what is left of this pull: a line
# is at rest under alignment.
#
# ## What the two forces keep and drop of the exact law
#
# | | exact law (notebook 4) | two forces |
# |---|---|---|
# | charges | residuals, which shrink as pairs are learnt | constant, $[y_p = y_q] - 1/N$ |
# | clustering | like labels attract when near and *repel* when far, without bound | like labels attract within a reach, nothing beyond |
# | alignment | torque and stretch grow with the length of the sums | both level off for sums longer than $s$ |
# | balance of the two | set by $\lvert x\rvert$ against $\beta$, different for each pair and moment | one number $a$ |
# | memory | the field remembers where pairs have been | none |
# | size | grows until decay balances it | fixed |
#
# What is kept is enough for the kinds. It is not enough for the structure that a given start will take. That needs the
# field, which is the next notebook.
#
# ## Check

# %%
# NBVAL_CHECK_OUTPUT
clustering, alignment = censuses[0], censuses[-1]
print("clustering alone: circles under 10 %:", clustering.interval("circle")[1] < 0.1)
print("clustering alone: lattices over 50 %:", clustering.interval("grid", "stripe")[0] > 0.5)
print("alignment alone: circles over 80 %:  ", alignment.interval("circle")[0] > 0.8)
circles = [census.share("circle") for census in censuses]
print("circles never get fewer as a grows, by more than 5 %:", np.diff(circles).min() > -0.05)
ours, theirs = pairs["unseen starts"]
print(
    "unseen starts: farther off than batches of networks: ",
    off["unseen starts"] > np.quantile(batches, 0.95),
)
print("... with more others:", ours.interval("other")[0] > theirs.interval("other")[1])
print("... nearer than with no bias:", off["unseen starts"] < off["no bias, β = 0"])
ours, theirs = pairs["N = 12"]
print("N = 12: too many circles:", ours.interval("circle")[0] > theirs.interval("circle")[1])

# %%
# NBVAL_CHECK_OUTPUT
thin = {name: chapter.thin(E).mean() for name, E in lines.items()}
unbounded = [name for name in lines if "exact" in name or "never" in name]
print(
    "constant charges, no bound: over 90 % on a line:", min(thin[name] for name in unbounded) > 0.9
)
for name in ("field that saturates", "bounded forces, a = 0"):
    found = structure.census(lines[name])
    print(f"{name}: more lattices than lines:", found.lattices > 2 * thin[name] * len(some))

# %% [markdown]
# The numbers themselves, and how many of those that are of no kind have collapsed onto a line:

# %%
rows = {f"a = {a:g}": census for a, census in zip(forces, censuses)} | {"network": network}
for name, census in rows.items():
    shares = "".join(f"{kind:>9} {census.share(kind):4.0%}" for kind in structure.KINDS)
    print(f"{name:7}{shares}")
for name, E in ((f"at a = {best:g}", swept[forces.index(best)]), ("among networks", grown)):
    others = E[structure.classify(E) == "other"]
    print(f"others {name}: {len(others)}, on a line {chapter.thin(others).sum()}")

# %% [markdown]
# ## What is the paper's, what is ours
#
# That an equivalent particle simulation grows the same structures, by which we understand the same
# kinds, is the paper's claim, and its authors' demonstration has a knob for the alignment force. The two potentials
# above are ours, as bounded counterparts of the law derived in notebook 4; they are not quoted from
# the paper. The fit, the tests of it and the experiment on lines are ours.
#
# ## Limits
#
# * One number was fitted, on a grid of seven values, and the reach $s = 0.6$ is a second choice.
# * "Two forces suffice" holds for the kinds that appear. The shares fit one recipe, in part.
# * That saturation is enough to make lattices is shown in the field simulation, where embeddings also grow and the field has
#   a memory; constant charges with the same growth and memory end on lines.
#
# **Next:** [6 · Same start, same structure](06_same_start_same_structure.ipynb)
