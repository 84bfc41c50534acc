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
# # 10 · Larger moduli
#
# **Does what grows at $N = 17$ also grow at $N = 113$?** Each column below holds the first two networks of one
# modulus, not chosen. Look at how the tokens lie: in rows and columns, more of them the larger $N$ is.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" trains three times as many networks of each modulus
FIRST_SEED = 10500  # seeds that served no trial

# %%
import numpy as np

from modadd import TrainingConfig, intervals, notebook, structure, train
from modadd.chapters import n10_larger_moduli as chapter
from modadd.plots import show

times, first = notebook.sizes(PROFILE, quick=1, full=3), FIRST_SEED
runs, options = {}, {"snapshots": 2, "keep_parameters": True}
for N, count in {12: 60, 17: 60, 31: 60, 59: 100, 113: 40}.items():
    runs[N] = train(chapter.RECIPES[N], range(first, first + times * count), **options)
    first += times * count
final = {N: run.final for N, run in runs.items()}
built = {N: structure.describe(E) for N, E in final.items()}

# %%
show(
    chapter.moduli_gallery({N: E for N, E in final.items() if N != 17}),
    name="10_larger_moduli",
    caption="Figure 10. Final embeddings of the first networks of four moduli. Lines join tokens that differ by one of "
    "the two steps of their lattice.",
)

# %% [markdown]
# **Guess** before you read on. With 113 tokens on a plane: are circles more frequent or rarer than with 17? And do the
# lattices become *hexagonal*, the densest way of packing discs?
#
# The law of notebook 4 mentions neither a particular $N$ nor that $N$ is prime, so the structures ought to carry over.
# From single runs we expected circles to become rare, and large lattices to be hexagonal.
#
# ## What changes with N
#
# The shape of a lattice, whatever its size and direction, is one complex number. A *reduced basis* is the shortest two
# vectors that span it. Lay the shorter one along 1, and the longer one points to $\tau$. A square lattice has
# $\tau = i$, the hexagonal one $\tau = e^{i\pi/3}$; the higher $\tau$, the more drawn out is the lattice. *Near* a shape
# means closer than 0.25 to its $\tau$.

# %%
shapes = {N: chapter.shapes(found) for N, found in built.items()}
measured = {N: chapter.measure(final[N], built[N], run.accuracy[-1]) for N, run in runs.items()}
show(
    chapter.over_moduli(measured, shapes),
    name="10_lattices",
    caption="Left: what networks of each modulus become, with 95 % intervals. Right: one point for each lattice at its "
    "shape τ, the darker the larger N; every lattice has its place within the border.",
)

# %%
for N, found in measured.items():
    square = int((np.abs(shapes[N] - chapter.SQUARE) < chapter.NEAR).sum())
    print(f"N = {N}, {len(final[N])} networks, {len(shapes[N])} lattices, {square} near square")
    for name, title in chapter.TITLES.items():
        one = getattr(found, name)
        print(f"    {title:32} {one.mean:5.2f}  ({one.low:.2f} to {one.high:.2f})")

# %% [markdown]
# From 17 tokens on circles do become rarer. Lattices of the larger moduli close more of their parallelograms than those of the
# small ones. But of 59 and 113 tokens more networks are of no kind than of 17 or 31, and they know less of the
# table. And the shapes spread over much of the map: here and there one is nearly hexagonal, and most are not.
# It is the *closing* of parallelograms that the forces care about, and every lattice closes them.
#
# ## The lattice that is compact
#
# Perhaps the wrong lattice was asked. Its *points* may lie in any shape; what a network must choose is which of them
# to use. The point $(i, j)$ has the label $iu + jv$, and so has every point that lies a vector of
#
# $$ L = \{(i, j) : i u + j v \equiv 0 \pmod N\} $$
#
# away. Tokens take one point of each label, and a compact choice takes the one nearest to the middle: the
# *Wigner–Seitz cell* of $L$. Is the patch that cell, and is $L$ hexagonal? Random connected patches of the same lattice,
# and random steps, say what chance would give. Two more moduli join, on seeds of their own. *Shortest vector* is the
# median of its squared length over the area of a cell of $L$: 1 if $L$ is square, 1.15 if hexagonal, the most there is.

# %%
for i, N in enumerate((19, 23)):
    group = range(FIRST_SEED + 1000 + 200 * i, FIRST_SEED + 1000 + 200 * i + 60 * times)
    final[N] = train(TrainingConfig(N, steps=1000), group, snapshots=2).final
    built[N] = structure.describe(final[N])
compact = {N: chapter.cells(final[N], built[N]) for N in (17, 19, 23, 31, 59, 113)}
one = final[59][built[59].kind == "grid"][0]

# %%
show(
    chapter.cell_figure(one, compact),
    name="10_cells",
    caption="Left: a lattice of 59 tokens, its copies by L (grey), and the Wigner–Seitz cell around its "
    "middle. Right: mean squared distance of the tokens from their middle, over the area they stand for.",
)
for N, c in compact.items():
    own, drawn = (np.median(1 / tau.imag) for tau in (c.shape, c.random_shape))
    print(
        f"N = {N:3}: {len(c.moment):3} lattices; tokens in the cell {c.nearest.mean():.0%}", end=" "
    )
    print(f"(random patches {c.random_nearest.mean():.0%});", end=" ")
    print(f"shortest vector of L {own:.2f} (random steps {drawn:.2f})")

# %% [markdown]
# ## A tour over the plane
#
# How can networks of this size be trained within seconds? Notebook 1 showed that the network cuts the plane of pair sums
# into regions. Here is why. A hidden unit is on on one side of a straight line, where $w \cdot x + b > 0$, and off on the
# other. The lines of all units cut the plane into pieces, and inside a piece nothing bends: the logits are
# $z = A x + c$. So a decision region is made of straight-edged pieces.
#
# Training uses this. It visits the pair sums in an order, a *tour*, in which few units switch between neighbours. It
# carries $A$ and $c$ along and adds or takes away one unit's part at each switch, in place of multiplying all units
# anew for each pair.

# %%
chosen = int((built[17].kind == "grid").argmax())
show(
    chapter.tour_figure(runs[17].parameters.map(lambda array: array[-1, chosen])),
    name="10_tour",
    caption="A trained network of N = 17: decision regions, the line of each hidden unit (thin), pair sums, and the tour "
    "through them (thick). Right: the framed part. Each small dot is a switch.",
)
for N, run in runs.items():
    tour = chapter.tour_through(run.parameters.map(lambda array: array[-1, 0]))
    rows = tour.on[np.argsort(tour.order)]
    print(
        f"N = {N:3}, {tour.on.shape[1]:3} units: {chapter.switches(tour.on):.1f} switches a pair",
        end=", ",
    )
    print(f"{chapter.switches(rows):.1f} if pairs are visited row by row")

# %% [markdown]
# ## Check
#
# The lines were fixed after trials on other seeds (12200 to 12212), before networks of these sizes were drawn.
# All but those about cells and about shortest vectors are about 95 % intervals, and each could be false. *Predicted*
# are the two expectations from above, and an accuracy over 80 %, which networks of 59 tokens miss. Single large networks
# end elsewhere where rounding differs, so 59 and 113 are counted together.

# %%
near = np.concatenate([np.abs(shapes[N] - chapter.HEXAGONAL) < chapter.NEAR for N in (59, 113)])
hexagonal = intervals.wilson(int(near.sum()), len(near))
right, chance = (
    np.concatenate(
        [np.abs(getattr(c, n) - chapter.HEXAGONAL) < chapter.NEAR for c in compact.values()]
    )
    for n in ("shape", "random_shape")
)
near_l, near_chance = (intervals.wilson(int(x.sum()), len(x)) for x in (right, chance))
steps = built[17].grid.steps[chapter.lattices(built[17].kind)].tolist()
favoured = [v * pow(u, -1, 17) % 17 in (5, 7, 10, 12) for u, v in steps]
class_5 = intervals.wilson(sum(favoured), len(favoured))
in_cell = [
    np.mean(c.nearest > c.random_nearest) > 0.5 and c.nearest.mean() > 0.8 for c in compact.values()
]


# %%
def share(moduli, *kinds):
    """Wilson interval of the share of kinds among all networks of some moduli."""
    return structure.census(np.concatenate([built[N].kind for N in moduli])).interval(*kinds)


large, lattice = (59, 113), ("grid", "stripe")
closures = [structure.closure(final[N][chapter.lattices(built[N].kind)]) for N in large]
closed = intervals.mean(np.concatenate(closures))

# %%
# NBVAL_CHECK_OUTPUT
most = [share(moduli, *lattice)[0] > 0.5 for moduli in ((17, 31), large)]
fewer = share(large, "circle")[1] < share((17,), "circle")[0]
good = [measured[N].accuracy.low > 0.8 for N in (12, 17, 31, 59)]
print("lattices in most networks, small and large:", all(most))
print("over 80 % right, N = 12 to 59 (predicted):  ", all(good))
print("large: fewer circles than at 17 (predicted):", fewer)
print("... most lattices hexagonal (predicted):    ", hexagonal[0] > 0.5)
print("... most are not:                           ", hexagonal[1] < 0.5)
print("... lattices close more than those of 17:   ", closed.low > measured[17].closure.high)
print("over 80 % of tokens in the cell, and more than by chance, each N:", all(in_cell))
print("L is near hexagonal more often than for random steps:", near_l[0] > near_chance[1])
longer = [
    np.median(1 / c.shape.imag) > np.median(1 / c.random_shape.imag) for c in compact.values()
]
print("its shortest vector is longer than for random steps, each N:", all(longer))

# %%
intervals_of = {
    "N = 59 and 113, near hexagonal, of the lattices": hexagonal,
    "N = 17 to 113, near hexagonal, of their L": near_l,
    "N = 17 to 113, near hexagonal, of L of random steps": near_chance,
    "N = 17, lattices with v/u = ±5 or ±7 (random steps: 29%)": class_5,
}
for name, (low, high) in intervals_of.items():
    print(f"{name}: {low:.0%} to {high:.0%}")

# %% [markdown]
# The patch is nearly the Wigner–Seitz cell of $L$: the *patch* is compact. $L$ itself is rounder than that of random
# steps: its shortest vector is nearly as long as in a square, and some steps are favoured. But near hexagonal it
# mostly is not. Why, and whether decay selects it, is not shown here.
#
# ## Settings
#
# More tokens share a loss that is a mean over $N^2$ pairs, so each is pushed less: from 59 tokens on the
# learning rate is larger. From 31 on the decay is smaller, so that the embeddings may grow, and there are twice
# the hidden units. The number of steps is enough for the structure to stand, not for the last percent of
# accuracy. All else is the default recipe. In trials with twice the rate at $N = 113$ networks overshot and
# little formed; by Adam lattices formed in a third of the steps, but that is another recipe (notebook 11).

# %%
for N, config in chapter.RECIPES.items():
    rest = f"learning rate {config.learning_rate:g}, decay {config.weight_decay:g}"
    print(f"N = {N:3}: {config.hidden} hidden units, {config.steps} steps, {rest}")

# %% [markdown]
# ## What is the paper's, what is ours
#
# The authors' demonstration fixes $N = 17$. The measurements at other moduli, the map of shapes, the cells and the tour
# are ours. Settings were found by hand on other seeds, with an eye to time.
#
# ## Limits
#
# For $N = 12$ many networks count as *other*. They close parallelograms, mostly fewer than grids do: patches of a
# lattice that are smaller than our limit for a grid, and perhaps lattices spanned by
# three steps, such as 2, 3 and 6, which a composite $N$ allows and our measure does not follow.
#
# Of 59 and 113 tokens many networks end as no kind: parts of two lattices, or bent rows. In earlier runs of the same
# seeds layers of twice the width did not make them fewer, nor, for 59 tokens, nearly half as many steps again. What
# would, is not known here. Moduli differ in their recipe, too: what changes with $N$ is what changes under these recipes.
#
# **Next:** [11 · Optimisers](11_optimisers.ipynb)
