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
# # 4 · Force formulae
#
# **Claim.** Clustering and alignment are two limits of one explicit force between pairs, which
# follows from the network and predicts, with nothing fitted, how its embeddings begin to move when
# its readout starts at zero.
#
# The paper gives formulae for both tendencies; we could not read them. Those below are **derived
# here** from the network, step by step, and each step is checked by the cell under it.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" follows 64 networks over 200 steps, "quick" 32 over 100
MODULUS = 17
FIRST_SEED = 4000  # seeds that were used for nothing else

# %%
import numpy as np
import torch

from modadd import ModularAddition, TrainingConfig, forces, model, predictions, train
from modadd.chapters import n04_force_formulae as chapter
from modadd.plots import show

# %%
task = ModularAddition(MODULUS)
E = np.random.default_rng(FIRST_SEED).standard_normal((32, MODULUS, 2))  # 32 random embeddings


def error(a, b):
    """Root mean square of the difference, relative to that of b."""
    return f"{np.sqrt(np.square(a - b).mean() / np.square(b).mean()):.0e}"


# %% [markdown]
# ## 1 · The force on a pair
#
# Let $p = (a, b)$ be a pair with label $y_p$, pair sum $x_p = E_a + E_b$ and logits $z(x_p)$. Its
# *residual* $\alpha_p = \mathrm{onehot}(y_p) - \mathrm{softmax}(z(x_p))$ says which logits should
# rise and which should fall. The loss averages over $N^2$ ordered pairs, so the force on a pair is
#
# $$f_p = -\frac{\partial L}{\partial x_p} = \frac{1}{N^2}\, \alpha_p \cdot \nabla z(x_p),
#   \qquad F_a = -\frac{\partial L}{\partial E_a} = \sum_{p \ni a} f_p ,$$
#
# where the sum runs over ordered pairs and counts $(a, a)$ twice. Checked against automatic
# differentiation, on a network with a random readout:

# %%
config = TrainingConfig(modulus=MODULUS, readout_init="standard")
network = config.initial(FIRST_SEED).map(lambda a: torch.tensor(a).double().requires_grad_())
weights = torch.as_tensor(model.pair_weights(task, np.ones(len(task.pairs), bool)))
(gradient,) = torch.autograd.grad(model.loss(network, task, weights), network.embeddings)
closed = model.embedding_forces(network, task, weights).detach()
print("closed form against autograd, relative error", error(closed.numpy(), -gradient.numpy()))

# %% [markdown]
# ## 2 · The logits are a field that the pairs lay down
#
# Gradient descent with learning rate $\eta$ and weight decay $\lambda$ moves the readout by
# $\eta\, h_q \alpha_q^\top / N^2$ for each pair $q$ at each step $s$. Starting from zero, after $t$
# steps it *is* the sum of these deposits, the old ones faded:
#
# $$z_t(x) = \frac{1}{N^2} \sum_{s<t} w_s \sum_q
#   \big\langle h_t(x),\, h_s(x_q(s)) \big\rangle\, \alpha_q(s) + \text{const}, \qquad
#   w_s = \eta (1 - \eta\lambda)^{t-1-s}.$$
#
# Every pair leaves its residual where it stands; how far it is felt is decided by the overlap of the
# hidden features $h$; weight decay is the rate of forgetting. Nothing is approximated yet, so the
# force computed from this field must be that of the network, at any step:

# %%
steps = [1, 2, 5, 10, 20, 50, 100] + [200] * (PROFILE == "full")
seeds = range(FIRST_SEED, FIRST_SEED + (32 if PROFILE == "quick" else 64))
plain = {"modulus": MODULUS, "learning_rate": 1.0, "momentum": 0.0, "steps": max(steps)}
config = TrainingConfig(**plain)
run = train(config, seeds, snapshots=range(max(steps) + 1), keep_parameters=True)
measured = predictions.measured(run, steps)
unrolled = predictions.predicted(run, steps, "field, actual features")
print("field of deposits against network, relative error", error(unrolled, measured))

# %% [markdown]
# ## 3 · Many features make a kernel
#
# For many features with Gaussian weights of variance $\sigma^2$ the overlap tends to
# $H\sigma^2 k(x, x')$ with the arc-cosine kernel of order 1 (Cho & Saul 2009), taken on the *lifted*
# points $\tilde x = (x, \beta)$ of length $\tilde n$, with $\theta$ the angle between them. The network's
# own weights are drawn from a *box*: each evenly between two bounds. How much that matters is measured
# below.
#
# $$k(x, x') = \frac{\tilde n \tilde n'}{2\pi} \big(\sin\theta + (\pi - \theta)\cos\theta\big), \qquad
#   \nabla_{\!x} k = \frac{1}{2\pi} \Big[ \frac{\tilde n'}{\tilde n} \sin\theta\; x
#   + (\pi - \theta)\, x' \Big].$$

# %%
rng = np.random.default_rng(FIRST_SEED)
x, y = torch.tensor(rng.standard_normal((2, 1000, 2)), requires_grad=True)
dot, size = (x * y).sum(-1) + 1, ((x**2).sum(-1) + 1) * ((y**2).sum(-1) + 1)
angle = torch.arccos(dot / size.sqrt())
k = size.sqrt() * (angle.sin() + (torch.pi - angle) * angle.cos()) / (2 * torch.pi)
(slope,) = torch.autograd.grad(k.sum(), x)
x, y = x.detach().numpy(), y.detach().numpy()
print("gradient against autograd", error(forces.arc_cosine_gradient(x, y), slope.numpy()))
w = rng.standard_normal((3, 200_000))
hx, hy = (np.maximum(v[:8] @ w[:2] + w[2], 0) for v in (x, y))
print("kernel against 200,000 features", error((hx * hy).mean(-1), forces.arc_cosine(x[:8], y[:8])))

# %% [markdown]
# ## 4 · Charges
#
# Put together, pair $q$ pulls pair $p$ with a force proportional to $c_{pq}\,\nabla k(x_p, x_q)$, and
# the sign and size of the pull are a product of residuals, the *charge*
# $c_{pq} = \alpha_p \cdot \alpha_q$. Early on softmax is uniform. Then
#
# $$c_{pq} = [\,y_p = y_q\,] - \tfrac{1}{N}:$$
#
# like labels carry the charge $1 - 1/N$, unlike labels $-1/N$. Over all pairs two *sum rules* hold,
# for the reason that notebook 3 gave (each label owns every token twice):
#
# $$\sum_q c_{pq} = 0, \qquad \sum_q c_{pq}\, x_q = 0 .$$

# %%
at_start = run.parameters.map(lambda a: torch.as_tensor(a[0, 0]).double())
alpha = model.residuals(at_start, task).numpy()
print("charges of a network at step 0, error", error(alpha @ alpha.T, forces.label_charges(task)))
charge, moment = (np.abs(rule).max() for rule in forces.sum_rules(E))
print(f"sum rules: |Σ c| <= {charge:.0e}, |Σ c x| <= {moment:.0e}")

# %% [markdown]
# ## 5 · The exact law and its gauge
#
# By the second rule a term proportional to $x_q$ adds up to nothing. So $\pi - \theta$ may become
# $\theta_0 - \theta$ with any $\theta_0$: like the zero of a potential, $\theta_0$ is a choice, a
# *gauge*. The exact law is
#
# $$f_{pq} \propto \frac{c_{pq}}{2\pi} \Big[ \frac{\tilde n_q}{\tilde n_p} \sin\theta\; x_p
#   + (\theta_0 - \theta)\, x_q \Big].$$
#
# With pairs held out the rules fail, the gauge is lost, and the term it moved about, the force of a
# linear kernel, is anything but small:

# %%
reference = forces.exact(E, gauge=np.pi)
for name, gauge in (("0", 0.0), ("π/2", np.pi / 2)):
    print(
        f"gauge {name} against gauge π, relative error",
        error(forces.exact(E, gauge=gauge), reference),
    )
kept = task.training_pairs(0.8, FIRST_SEED)
linear, whole = forces.linear(E, training=kept), forces.exact(E, gauge=np.pi, training=kept)
share = np.sqrt(np.square(linear).mean() / np.square(whole).mean())
print(f"80 % of the pairs: rms of the linear force is {share:.2f} of the whole")
print(f"all pairs: linear force at most {np.abs(forces.linear(E)).max():.0e}")

# %% [markdown]
# ## 6 · Two faces of one law
#
# **Near.** Where pair sums are small against the bias, $|x| \ll \beta$, lifted points are nearly
# parallel, $\theta \approx r/\beta$ with $r = |x_q - x_p|$. As $\sin\theta + (\pi - \theta)\cos\theta \approx
# \pi\cos\theta + \theta^3/3$, the kernel is there $\tfrac12\, \tilde x_p \cdot \tilde x_q$, which the sum rules
# cancel, and $\tilde n_p \tilde n_q\, \theta^3 / 6\pi \approx r^3 / 6\pi\beta$:
#
# $$\textbf{clustering}\qquad f_{pq} \propto \frac{c_{pq}}{2\pi}
#   \Big(\theta_0 - \frac{r}{\beta}\Big)(x_q - x_p) .$$
#
# In a gauge with $\theta_0 > 0$, like sums nearer than $\theta_0\beta$ attract and farther ones repel.
# The force of a single pair depends on the gauge, though; the sum over all pairs does not. It goes downhill on
# $-\tfrac12 \sum c_{pq}\, r^3 / 6\pi\beta$, which rewards large $r^3$ within labels, while by the identity
# of notebook 3 the mean of $r^2$ within labels cannot change. Both together leave one way: some
# distances must shrink to nothing so that others can grow. Hence clumps that keep apart.
#
# **Far.** Where $|x| \gg \beta$ the bias drops out and $\theta$ is the plain angle in the plane. Across
# $x_p$ there remains a torque, with the gauge $\pi/2$
#
# $$\textbf{alignment}\qquad f^{\perp}_{pq} \propto \frac{c_{pq}}{2\pi}
#   \Big(\frac{\pi}{2} - \theta\Big)\,|x_q|\sin\theta .$$
#
# It turns like sums towards each other below $90°$ and *away* from each other above, until they are
# opposite: onto one axis. Along $x_p$ the same law stretches.

# %%
show(
    chapter.two_faces(),
    name="04_two_faces",
    caption="Force on one pair sum x from a like one x′ (times 2π). Left: both at the same distance "
    "from the origin, on opposite sides; β = 1, in the gauge θ₀ = 1. Right: |x| = |x′|, "
    "in units of |x|, gauge π/2; alignment is the limit of small β.",
)
for scale in (0.01, 0.1, 10, 100):
    law = forces.exact(scale * E)
    near, far = (error(F(scale * E), law) for F in (forces.clustering, forces.alignment))
    print(f"|x| / β about {2 * scale:5g}: clustering off by {near}, alignment by {far}")

# %% [markdown]
# ## 7 · Both terms together
#
# In between, a weighted sum of the two does nearly everything:
# $F \approx w_c\,F_{\text{clustering}} + w_a\,F_{\text{alignment}}$, with two weights that move from one
# to the other as $|x| / \beta$ grows. Here they are fitted on random embeddings of all sizes.

# %%
rms = np.sqrt(np.square(task.pair_sums(E)).sum(-1).mean())
ratios = np.geomspace(0.1, 20, 25)
fits = [forces.two_term_fit(E * ratio / rms) for ratio in ratios]
show(
    chapter.two_terms(ratios, fits),
    name="04_two_terms",
    caption="The exact law on random embeddings, fitted by clustering, by alignment, and by both, and "
    "the weights of the fit by both.",
)

# %% [markdown]
# ## 8 · Against real networks
#
# Now the law must predict $-\partial L/\partial E$ of networks that train: width 64, plain gradient
# descent with learning rate 1 and weight decay 0.003. No number is fitted: with $M = N^2$ pairs, the
# absolute factor is $H\sigma^2 M^{-2} \sum_s w_s$, where $\sigma^2 = 1/6$ and $w_s$ are the weights of
# section 2. Four predictions, each with one idealisation less than the one before it:
#
# | prediction | residuals | features |
# |---|---|---|
# | label charges | as if softmax were uniform, nothing had moved | infinitely many |
# | field, ideal features | real ones, with memory | infinitely many |
# | field, initial features | real ones, with memory | the 64 that the network began with |
# | field, actual features | real ones, with memory | the 64 as they were at each step |
#
# The last is the network itself (section 2). The agreement has two sides. *Direction* is
# the cosine between predicted and measured force, over all tokens of a network; its square is the
# $R^2$ that one free coefficient would give. *Size* is that coefficient; 1 is right.

# %%
laws = list(predictions.LAWS)
predicted = {law: predictions.predicted(run, steps, law) for law in laws[:3]}
predicted[laws[3]] = unrolled
found = {law: predictions.agreement(measured, F) for law, F in predicted.items()}

# %% [markdown]
# The same with a readout that starts from random weights:

# %%
random = TrainingConfig(**plain, readout_init="standard")
other = train(random, seeds, snapshots=range(max(steps) + 1), keep_parameters=True)
measured_other = predictions.measured(other, steps)
found_other = {
    law: predictions.agreement(measured_other, predictions.predicted(other, steps, law))
    for law in laws[:2]
}

# %%
first = run.embeddings[1, 0].astype(float)
fit = forces.two_term_fit(first)
unit = forces.prefactor(task, config.hidden, memory=config.learning_rate)
parts = {
    "clustering": unit * fit.clustering * forces.clustering(first),
    "alignment": unit * fit.alignment * forces.alignment(first),
}
parts["sum"] = parts["clustering"] + parts["alignment"]

# %%
show(
    chapter.force_balance(first, measured[0, 0], parts, found, found_other, steps),
    name="04_force_formulae",
    caption=f"Figure 4. Top: the force on each embedding of seed {FIRST_SEED} after one step, measured, "
    "and predicted from the positions alone; all four on one scale, nothing fitted to the network. "
    f"Bottom: agreement over steps for {len(seeds)} networks, median and middle half; readout "
    "starting at zero (left, middle) and from random weights (right).",
)

# %% [markdown]
# **What holds.** After one step the positions alone tell the direction of the force on most embeddings
# (the Check counts those within 60°) and, roughly, its size (the middle panel). In the median the size is
# a little low, because a step of learning rate 1 is not small: the residuals have already moved. With a
# hundredth of it the coefficient comes close to 1 (below). Most pair sums are here longer than $\beta$, where
# alignment alone has most of the direction, as the words above the panels say: clustering corrects it.
#
# **What fades first** is the size of the label-charge law. It supposes that residuals stay as they
# were, all alike, while in truth each deposit answers the ones before: the field saturates, and soon
# the law promises many times the force that is there. With real residuals and memory the size stays
# near what is measured: here **the field law takes over**.
#
# **What fades next** is the direction. There the field law is better than the charges by little at
# first, and in the end it is worse. The other two curves say why; it is not for want of the right
# residuals. With the network's own 64 initial features the prediction is all but perfect for tens of
# steps: until then, all that the ideal kernel misses is that 64 features drawn from a box are not
# infinitely many Gaussian ones. Later the initial features fail too, because the first layer learns.
#
# **With a standard start** the random initial readout exerts a force of its own that no law of pairs
# can know. It dominates the first steps and is then outgrown; the field law, which leaves it out,
# suffers longer.
#
# ## See it move
#
# Arrows of equal mean length, so that they show directions; the words above them compare sizes.

# %%
frames = [1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 55, 75, 100]
show(
    chapter.forces_scrub(run, FIRST_SEED, frames, laws[:2]),
    name="04_scrub",
    caption=f"Force on the embeddings of seed {FIRST_SEED} over steps: measured, by label charges, and "
    "by the field of real residuals.",
)

# %% [markdown]
# ## How much is the kernel to blame?
#
# Two idealisations can be told apart on the very first step, with a small learning rate (smaller for
# the wider layer, whose field grows faster): finite width, and the distribution of the weights. The
# network draws them from a uniform distribution, a box, which unlike the Gaussian of the kernel
# prefers some directions. More width does not cure that.

# %%
for hidden in (64, 4096):
    gentle = TrainingConfig(**plain | {"steps": 1, "learning_rate": 0.64 / hidden}, hidden=hidden)
    short = train(gentle, seeds[:16], snapshots=[0, 1], keep_parameters=True)
    F, law = predictions.measured(short, [1]), predictions.predicted(short, [1], "label charges")
    size = np.median(predictions.agreement(F, law).coefficient)
    print(f"width {hidden:4}: R² {predictions.pooled_r2(F, law):.2f}, coefficient {size:.2f}")
    if hidden == 64:
        gentle_size = size
wide_r2 = predictions.pooled_r2(F, law)

# %% [markdown]
# ## Check

# %%
# NBVAL_CHECK_OUTPUT
fits.sort(key=lambda fit: fit.r2)
label, field, own, actual = (found[law] for law in laws)
r2 = predictions.pooled_r2(measured[0], predicted["label charges"][0])
late = steps.index(50)
sizes = [np.median(a.coefficient[late]) for a in (label, field)]
print(f"two terms: R² at least {fits[0].r2:.3f} for |x| / β from 0.1 to 20")
print(f"label charges after one step: R² between 0.8 and 0.95: {0.8 < r2 < 0.95}")
print(f"coefficient at a small learning rate within 0.1 of 1: {abs(gentle_size - 1) < 0.1}")
print(f"wide layer, still not Gaussian: R² between 0.9 and 0.99: {0.9 < wide_r2 < 0.99}")
print(f"size at step 50: charges below 0.3, field above 0.6: {sizes[0] < 0.3 and sizes[1] > 0.6}")

# %%
# NBVAL_CHECK_OUTPUT
better = np.median(own.cosine - field.cosine, 1)[late]
lasting = [np.median(a.cosine[late]) > 0.7 for a in (label, field)]
print(f"directions at step 50 above 0.7, for charges and for the field: {all(lasting)}")
print(f"initial features beat ideal ones at step 50: {better > 0}")
print(f"actual features exact: {np.abs(actual.r2 - 1).max() < 1e-3}")
F, law = measured[0], predicted["label charges"][0]
cosine = (F * law).sum(-1) / np.linalg.norm(F, axis=-1) / np.linalg.norm(law, axis=-1)
within = 100 * (cosine > 0.5).mean() // 10 * 10
print(f"after one step, forces predicted within 60°: {within:.0f} % or more")

# %%
accuracy = run.accuracy[[run.nearest(step) for step in steps]].mean(1)
print("accuracy", ", ".join(f"{a:.0%} at step {step}" for a, step in zip(accuracy, steps)))

# %% [markdown]
# ## What is the paper's, what is ours
#
# That two forces between pairs of embeddings, clustering and alignment, drive the dynamics, and that
# they have explicit formulae, is the paper's claim
# ([arXiv 2408.09414](https://arxiv.org/abs/2408.09414)). We could read its abstract, introduction and
# demonstration, not its formulae. The derivation, the law, its gauge, the split into these two terms
# and all comparisons are ours and need not agree with the paper's. The kernel is that of Cho and Saul.
#
# ## Limits
#
# The law of label charges is one of the beginning. By step 100 it has lost the size of the force and
# begins to lose the direction, and the field law keeps only the size; the networks are then still far
# from having learnt (the cell above says how far). How much of the final structure is decided by then
# is the question of notebook 6. The field here is fed with the residuals of the *network*, so that
# errors of the kernel pile up; a simulation that computes its own residuals can correct itself. The two
# terms are shown to suffice on random embeddings, not on a finished grid.
#
# **Next:** [5 · Two forces suffice](05_particle_simulation.ipynb): drop the network, keep the forces.
