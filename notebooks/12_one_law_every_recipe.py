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
# # 12 · One law, every recipe
#
# **Does one law say what every recipe grows?** Notebook 8 ran the law forward over two knobs. A recipe has
# more: the modulus, the width, weight decay, rate and momentum, how many of the pairs are shown, smoothed
# labels. Each point below is one recipe: how many of its networks became circles, against how many the
# law grows from the same starts, with no network and nothing fitted. Look whether they lie on the line.

# %% tags=["parameters"]
PROFILE = "quick"  # "full": 64 starts a recipe, not 14, and 400 starts, not 200, for the last part
FIRST_SEED = 12500  # seeds that served no trial

# %%
from modadd import forecasts, intervals, notebook
from modadd.chapters import n12_one_law_every_recipe as chapter
from modadd.plots import show

count, many, steps = notebook.sizes(PROFILE, quick=(14, 200, 700), full=(64, 400, 2000))
recipes = chapter.recipes(steps)
runs = chapter.grown(recipes, range(FIRST_SEED, FIRST_SEED + count))
measured, kinds, found = chapter.compared(runs)
show(
    chapter.over_all(recipes, measured, kinds, found),
    name="12_one_law_every_recipe",
    caption=f"Figure 12. {len(recipes)} recipes, {count} starts each: share of circles (above) and of lattices "
    "(below), predicted over measured, with both 95 % Wilson intervals. r is Pearson's correlation, with "
    "95 % intervals from resampling the starts, which lowers r, so that r may lie above. Hover for the recipe.",
)

# %% [markdown]
# The recipes turn one knob at a time around the default one ($N = 17$, 64 hidden units, $\beta = 1$, initial scale 1,
# rate 0.3 with momentum 0.9, decay 0.003, all pairs), and then all knobs at once, drawn at random before anything
# was run.
#
# Three forecasts stand beside the networks. The *mean-field law*: the field simulation whose features move, the
# network with its randomness taken out. *Another network*: the same initial embeddings, other layers. It is the
# yardstick. (Where pairs are held out, it holds out others.) And the *pure kernel*: a field of features that
# favour no direction and never learn, the formula of notebook 4.

# %%
columns = "Pearson (95 %)              behind the yardstick        rms   excess   same kind"
for kind, rows in found.items():
    print(f"{kind:18} {columns}")
    for name, one in rows.items():
        numbers = f"{one.pearson}    {one.behind}    {one.rms:.3f}  {one.excess.mean:+.3f}"
        print(f"{name:18} {numbers}   {one.same_kind.mean:.2f}")

# %% [markdown]
# The mean-field law predicts the recipes as well as a second batch of networks does: what is left over is the
# chance of the measured networks' layers. Each correlation is that of shares over few starts, which lowers it,
# and resampling lowers it once more; *behind the yardstick* is what counts, on the same draws.
#
# ## Knob by knob

# %%
axes = {"bias scale": "bias_scale", "initial scale": "embedding_scale", "modulus": "modulus"}
axes |= {"width": "hidden", "weight decay": "weight_decay", "training pairs": "train_share"}
axes |= {"label smoothing": "label_smoothing"}
show(
    chapter.knob_by_knob(recipes, measured, kinds["Mean-field law"], axes),
    name="12_knobs",
    caption="Share of circles over the values of one knob at a time, measured and by the mean-field law, with "
    "95 % Wilson intervals. The default recipe is in each panel.",
)

# %% [markdown]
# ## Where the pure kernel leaves the line
#
# It grows too many circles, nearly everywhere. Notebook 8 found a reason at large starts, where features that
# learn do so in place of the embeddings. (Let the features of the kernel learn, and its diagram there is as
# good as any.) If that is so here, too, the kernel ought to be worst for *narrow* layers: the field of $H$
# units grows $H$ times as fast as one of them learns, so that a unit of a narrow layer has learnt more by the
# time that the pairs are fitted. The recipes at which the kernel is farthest off, and its excess over the
# width:

# %%
import numpy as np

off = {
    name: (k == "circle").mean(-1) - (measured == "circle").mean(-1) for name, k in kinds.items()
}
for i in np.argsort(-np.abs(off["Pure kernel"]))[:6]:
    errors = ", ".join(f"{name.lower()} {one[i]:+.2f}" for name, one in off.items())
    print(chapter.words(recipes[i]), errors, sep="\n    ")
steep = forecasts.steep(runs["Pure kernel"])
print("recipes whose steps are too long for the kernel's field:", steep)
widths = {r.config.hidden: i for i, r in enumerate(recipes) if r.knob in ("width", "default")}
excess = ", ".join(f"H = {H}: {off['Pure kernel'][widths[H]]:+.2f}" for H in sorted(widths))
print(f"excess of circles by the pure kernel, {excess}")

# %% [markdown]
# So narrow layers are a part of it. They are not all: where a wide layer or a large modulus stands above, the kernel
# grows too many circles for a reason that is not found here.
#
# ## One start, told before it is trained
#
# The sharpest test asks for no shares. Take one start. Five networks are trained from it that share no layer.
# What will they become? The answers, from knowing nothing to asking other networks: the *majority kind*, for
# every start; *five numbers of the start* (its size, how round it is, its strongest frequency and the lead of
# it, its closure) by logistic regression on other starts; *another network* from the same start; the *law*; and
# the majority of four other networks. Beside how often the kind is right stands the *AUC*: of a network that
# became a circle and one that did not, how often the answer rates the circle likelier (a coin: 0.5).

# %%
begun = range(FIRST_SEED + 1000, FIRST_SEED + 1000 + many)
starts, five, by_law, by_kernel = chapter.one_start_each(steps, begun)
read = chapter.answers(starts, five, by_law, by_kernel)
show(
    chapter.readings(read),
    name="12_one_start",
    caption=f"{many} starts, five networks each: how often an answer given before training is right, with 95 % "
    "intervals over the starts. Right: the frequency of a circle, or the steps of a lattice, must be right, too.",
)
for name, one in read.items():
    print(f"{name:26} kind {one.kind}  detail {one.detail}  circle or not: AUC {one.circle:.3f}")
grew = chapter.kind(five)
agree = (grew == grew[0]).all(0)
hits = (chapter.kind(by_law) == grew[0])[agree]
print(f"all five networks agree at {agree.mean():.0%} of the starts; ", end="")
print(f"there the law is right in {hits.mean():.1%}")

# %% [markdown]
# One simulation names the kind about as often right as the majority of four other networks; they rank the
# circles better. Where five networks agree among themselves the law hardly errs; where they do not, the start
# has not decided.
#
# ## Check
#
# The recipes, and these lines, were fixed after trials on other seeds (12000 to 12319). Some of the starts
# serve other recipes in notebooks 11 and 13. Each line could be false.

# %%
# NBVAL_CHECK_OUTPUT
law, other, pure = (found["circle"][name] for name in kinds)
near, near_too = (found[kind]["Mean-field law"].behind.high < 0.05 for kind in found)
few, as_well = law.excess.high < 0.05, law.same_kind.mean >= other.same_kind.mean
print("circles: the mean-field law is less than 0.05 behind another network:", near)
print("... lattices, too:                                                   ", near_too)
print("the pure kernel is behind another network:                           ", pure.behind.low > 0)
print("... and grows too many circles:                                      ", pure.excess.low > 0)
print("the mean-field law does not:                                         ", few)
print("it names the kind of a start at least as well as another network:    ", as_well)

# %%
# NBVAL_CHECK_OUTPUT
majority, five_numbers, _, another, law, _ = (reading.kind for reading in read.values())
certain, _ = intervals.wilson(int(hits.sum()), hits.size)
print("before training, the law beats the majority kind: ", law.low > majority.high)
print("... and five numbers of the start:                ", law.low > five_numbers.high)
print("at least as good as another network:              ", law.mean >= another.mean)
print("where all networks agree, right in over 90 %:     ", certain > 0.9)

# %% [markdown]
# And two goals that were set beforehand, which this many starts may meet or miss: a correlation of 0.95
# by the mean-field law, and of 0.90 by the pure kernel.

# %%
for name, goal in (("Mean-field law", 0.95), ("Pure kernel", 0.90)):
    r = found["circle"][name].pearson.mean
    print(f"{name}: r = {r:.3f}, goal {goal}: {'met' if r >= goal else 'missed'}")

# %% [markdown]
# ## What is the paper's, what is ours
#
# That pairwise forces fully account for the structures is the paper's boldest sentence. Here it is tested over
# recipes that its authors did not have in mind. The law, the recipes and the test are ours.
#
# ## Limits
#
# The mean-field law knows all that a network knows but for the chance of its layers. That it predicts recipes
# says that this chance averages out over starts (of a single start it often decides), and that nothing but
# start and forces is needed; it is no shorter theory. The shorter one, the pure kernel, grows too many circles,
# and orders the recipes less well than a second network does. All recipes start from a readout of zero and move
# by gradient descent; Adam is the matter of notebook 11.
#
# **Next:** [13 · The circle, solved](13_the_circle_solved.ipynb)
