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
# **Can one tell where each token will be pushed, without asking the network?** On the left the pushes of one network,
# measured by backpropagation. In the middle (*label charges*) they are computed from the places of the tokens alone, with
# nothing fitted; on the right (*field*) from what pairs have left behind. Pull the slider and compare the directions.

# %% tags=["parameters"]
PROFILE = "quick"  # "full" follows 64 networks over 200 steps, "quick" 16 over 100
MODULUS = 17  # 5 to 31
FIRST_SEED = 4000  # seeds that served no trial

# %%
from modadd import ModularAddition, TrainingConfig, forces, notebook, predictions, train
from modadd.chapters import n04_force_formulae as chapter
from modadd.plots import show

notebook.within(5, 31, MODULUS=MODULUS)
count, last = notebook.sizes(PROFILE, quick=(16, 100), full=(64, 200))
seeds, laws = range(FIRST_SEED, FIRST_SEED + count), list(predictions.LAWS)
plain = {"modulus": MODULUS, "learning_rate": 1.0, "momentum": 0.0, "steps": last}
recorded = {"snapshots": range(last + 1), "keep_parameters": True}
run = train(TrainingConfig(**plain), seeds, **recorded)
show(
    chapter.forces_scrub(run, FIRST_SEED, chapter.FRAMES, laws[:2]),
    name="04_scrub",
    caption="Arrows of equal mean length: they show directions. Above them, the cosine between computed and ",
    # "measured force over all tokens (1 is the same direction), and measured size over computed (1 is right).",
)

# %% [markdown]
# ## Every pair leaves its residual where it stands
#
# That is the whole idea. The readout of the network begins empty. At each step, every pair $q$ adds something
# to it: its *residual* $\alpha_q$, a vector with a number for each label that says what is still wrong there,
# up at the right label and down at the others. It is laid down at the place $x_q$ of the pair sum. The
# network's output anywhere is nothing but the sum of these deposits. A deposit there is felt here in so far as
# the same hidden units answer at both places; weight decay lets old ones fade.
#
# So pairs act on each other. A pair $p$ is pushed to where the deposits say what it needs to hear. A pair with the same
# label has left just that, and one with another label the opposite. Put into symbols, the force of $q$ on $p$ is
#
# $$f_{pq} \;\propto\; c_{pq}\, \nabla k(x_p, x_q), \qquad c_{pq} = \alpha_p \cdot \alpha_q ,$$
#
# where the *charge* $c_{pq}$ says whether they want the same, and the *kernel* $k(x, x')$ how much of a deposit at $x'$
# is felt at $x$. At the start all labels are equally likely: like labels have the charge $1 - 1/N$, unlike ones $-1/N$.
#
# **Guess.** Like labels attract, then. At all distances? And what becomes of two pair sums with one label that stand
# on opposite sides of the origin?
#
# ## Two faces of one force

# %%
show(
    chapter.two_faces(),
    name="04_two_faces",
    caption="Force on one pair sum x from a like one x′ (times 2π). Left: both at the same distance "
    "from the origin, on opposite sides; β = 1, in the gauge θ₀ = 1 (section 5). Right: |x| = |x′|, "
    "in units of |x|, gauge π/2; alignment is the limit of small β.",
)

# %% [markdown]
# There is one length in the problem: the *bias scale* $\beta$, the factor of the hidden layer's bias, 1 in the standard
# network. Pair sums are short or long beside it.
#
# **Clustering** (left), where pair sums are short, $|x| \ll \beta$. Near like sums attract, far ones *repel*:
#
# $$f_{pq} \propto \frac{c_{pq}}{2\pi} \Big(\theta_0 - \frac{r}{\beta}\Big)(x_q - x_p), \qquad r = |x_q - x_p| .$$
#
# Where attraction ends depends on a choice ($\theta_0$, section 5) that changes no sum over all pairs. What
# does not depend on it: the force as a whole raises the mean of $r^3$ within labels, while that of $r^2$, over
# that of all pairs, is fixed (notebook 3). So distances grow unequal: some shrink to nothing, and others grow.
#
# **Alignment** (right), where pair sums are long, $|x| \gg \beta$. The force turns $x_p$ towards like sums that stand at less
# than $90°$, and *away* from those at more, until they are opposite: onto one axis. Across $x_p$ it is
#
# $$f^{\perp}_{pq} \propto \frac{c_{pq}}{2\pi} \Big(\frac{\pi}{2} - \theta\Big)\,|x_q|\sin\theta ,$$
#
# with the angle $\theta$ between the two; along $x_p$ the same law stretches.

# %%
import numpy as np

task = ModularAddition(MODULUS)
E = np.random.default_rng(FIRST_SEED).standard_normal((32, MODULUS, 2))  # 32 random embeddings
error = chapter.error  # root mean square of the difference, relative to the second
for scale in (0.01, 0.1, 10, 100):
    law = forces.exact(scale * E)
    near, far = (error(F(scale * E), law) for F in (forces.clustering, forces.alignment))
    print(f"|x| / β about {2 * scale:5g}: clustering off by {near}, alignment by {far}")

# %% [markdown]
# ## Both together
#
# In between, a weighted sum of the two does nearly everything: $F \approx w_c\,F_{\text{clustering}} +
# w_a\,F_{\text{alignment}}$, with weights that move from one to the other as $|x| / \beta$ grows. The curves are for random
# places of the tokens. It holds for trained ones too, where all is order:

# %%
rms = np.sqrt(np.square(task.pair_sums(E)).sum(-1).mean())
ratios = np.geomspace(0.1, 20, 25)
fits = [forces.two_term_fit(E[:16] * ratio / rms) for ratio in ratios]
trained = train(TrainingConfig(modulus=MODULUS), seeds, snapshots=2).final
on_trained = np.array([forces.two_term_fit(one).r2 for one in trained])
print(f"trained embeddings, R² of the two terms: median {np.median(on_trained):.3f}, ", end="")
print(f"lowest of {count} networks {on_trained.min():.3f}")
show(
    chapter.two_terms(ratios, fits),
    name="04_two_terms",
    caption="The exact law on random embeddings, fitted by clustering, by alignment, and by both, and "
    "the weights of the fit by both.",
)

# %% [markdown]
# ## Against real networks
#
# The law must predict $-\partial L/\partial E$ of networks that train: width 64, plain gradient descent with learning
# rate 1 and weight decay 0.003. No number is fitted, not even the size. Four predictions, each with one idealisation less
# than the one before it:
#
# | prediction | residuals | features |
# |---|---|---|
# | label charges | as at the start, when nothing had moved | infinitely many |
# | field, ideal features | real ones, with memory | infinitely many |
# | field, initial features | real ones, with memory | the 64 that the network began with |
# | field, actual features | real ones, with memory | the 64 as they were at each step |
#
# The last is the network itself, unrolled (section 2): it must be exact, and is drawn as a ruler for the others.

# %%
steps = [1, 2, 5, 10, 20, 50, 100] + [200] * (last == 200)
measured = predictions.measured(run, steps)
predicted = {law: predictions.predicted(run, steps, law) for law in laws}
found = {law: predictions.agreement(measured, F) for law, F in predicted.items()}
other = train(TrainingConfig(**plain, readout_init="standard"), seeds[: count // 2], **recorded)
measured_other = predictions.measured(other, steps)
found_other = {
    law: predictions.agreement(measured_other, predictions.predicted(other, steps, law))
    for law in laws[:2]
}

# %%
first = run.embeddings[1, 0].astype(float)
fit = forces.two_term_fit(first)
unit = forces.prefactor(task, run.settings["hidden"], memory=1.0)
parts = {
    "clustering": unit * fit.clustering * forces.clustering(first),
    "alignment": unit * fit.alignment * forces.alignment(first),
}
parts["sum"] = parts["clustering"] + parts["alignment"]
show(
    chapter.force_balance(first, measured[0, 0], parts, found, found_other, steps),
    name="04_force_formulae",
    caption=f"Figure 4. Top: the force on each token of seed {FIRST_SEED} after one step, measured, and predicted from "
    f"the places alone, on one scale. Bottom: agreement over steps for {count} networks, median and middle half; readout "
    "starting at zero (left, middle) and from random weights (right; half as many). Steps on a logarithmic scale.",
)

# %% [markdown]
# **What holds.** After one step the places alone tell the direction of the force on most tokens (the Check
# counts those within 60°) and roughly its size. The factor is below 1, because a step of learning rate 1 is not
# small; with a hundredth of it, it comes close to 1 (below).
#
# **What fades first** is the size of the label-charge law. It supposes that all pairs stay as wrong as they were, while in
# truth each deposit answers the ones before: the field *saturates*, and soon the law promises many times the force that is
# there. With real residuals and memory the size stays near what is measured: here the field law takes over.
#
# **What fades next** is the direction, that of the field law too. Not for want of the right residuals: with the
# network's own 64 initial features the prediction is all but perfect for tens of steps. So until then the ideal
# kernel errs only in that 64 features are not infinitely many. Later the initial features fail too, because the
# first layer learns.
#
# **With a standard start** the random initial readout exerts a force of its own that no law of pairs can know. It dominates
# the first steps and is then outgrown.
#
# ## The derivation
#
# The paper gives formulae for both tendencies; only its abstract, introduction and demonstration were at hand. Those above
# are **derived here** from the network, in five steps; the cell under each checks it.
#
# ### 1 · The force on a pair
#
# Let $p = (a, b)$ have the label $y_p$, pair sum $x_p = E_a + E_b$ and logits $z(x_p)$, and let its residual be
# $\alpha_p = \mathrm{onehot}(y_p) - \mathrm{softmax}(z(x_p))$. The loss averages over $N^2$ ordered pairs, so
#
# $$f_p = -\frac{\partial L}{\partial x_p} = \frac{1}{N^2}\, \alpha_p \cdot \nabla z(x_p),
#   \qquad F_a = -\frac{\partial L}{\partial E_a} = \sum_{p \ni a} f_p ,$$
#
# where the sum runs over ordered pairs and counts $(a, a)$ twice. Against automatic differentiation, on a network with a
# random readout:

# %%
import torch

from modadd import model

config = TrainingConfig(modulus=MODULUS, readout_init="standard")
network = config.initial(FIRST_SEED).map(lambda a: torch.tensor(a).double().requires_grad_())
weights = torch.as_tensor(model.pair_weights(task, np.ones(len(task.pairs), bool)))
(gradient,) = torch.autograd.grad(model.loss(network, task, weights), network.embeddings)
closed = model.embedding_forces(network, task, weights).detach()
print("closed form against autograd, relative error", error(closed.numpy(), -gradient.numpy()))

# %% [markdown]
# ### 2 · The logits are a field of deposits
#
# Gradient descent with learning rate $\eta$ and weight decay $\lambda$ moves the readout by
# $\eta\, h_q \alpha_q^\top / N^2$ for each pair $q$ at each step $s$. Starting from zero, after $t$
# steps it *is* the sum of these deposits, the old ones faded:
#
# $$z_t(x) = \frac{1}{N^2} \sum_{s<t} w_s \sum_q
#   \big\langle h_t(x),\, h_s(x_q(s)) \big\rangle\, \alpha_q(s) + \text{const}, \qquad
#   w_s = \eta (1 - \eta\lambda)^{t-1-s}.$$
#
# How far a deposit is felt is decided by the overlap of the hidden features $h$; weight decay is the rate of forgetting.
# Nothing is approximated yet, so the force of this field must be that of the network, at any step:

# %%
print("deposits against network, relative error", error(predicted[laws[3]], measured))

# %% [markdown]
# ### 3 · Many features make a kernel
#
# For many features with Gaussian weights of variance $\sigma^2$ the overlap tends to
# $H\sigma^2 k(x, x')$ with the arc-cosine kernel of order 1 (Cho & Saul 2009), taken on the *lifted*
# points $\tilde x = (x, \beta)$ of length $\tilde n$, with $\theta$ the angle between them:
#
# $$k(x, x') = \frac{\tilde n \tilde n'}{2\pi} \big(\sin\theta + (\pi - \theta)\cos\theta\big), \qquad
#   \nabla_{\!x} k = \frac{1}{2\pi} \Big[ \frac{\tilde n'}{\tilde n} \sin\theta\; x
#   + (\pi - \theta)\, x' \Big].$$
#
# With this, $f_{pq} = H\sigma^2 N^{-4} \sum_s w_s \; c_{pq} \nabla k$, where $\sigma^2 = 1/6$: the absolute size of the law.

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
# ### 4 · Charges, and two sum rules
#
# While softmax is uniform, $c_{pq} = [\,y_p = y_q\,] - 1/N$. Over all pairs, as each label owns every token twice
# (notebook 3),
#
# $$\sum_q c_{pq} = 0, \qquad \sum_q c_{pq}\, x_q = 0 .$$

# %%
at_start = run.parameters.map(lambda a: torch.as_tensor(a[0, 0]).double())
alpha = model.residuals(at_start, task).numpy()
print("charges of a network at step 0, error", error(alpha @ alpha.T, forces.label_charges(task)))
charge, moment = (np.abs(rule).max() for rule in forces.sum_rules(E))
print(f"sum rules: |Σ c| <= {charge:.0e}, |Σ c x| <= {moment:.0e}")

# %% [markdown]
# ### 5 · The exact law, its gauge and its limits
#
# By the second rule a term proportional to $x_q$ adds up to nothing. So $\pi - \theta$ may become
# $\theta_0 - \theta$ with any $\theta_0$: like the zero of a potential, $\theta_0$ is a choice, a
# *gauge*. The exact law is
#
# $$f_{pq} \propto \frac{c_{pq}}{2\pi} \Big[ \frac{\tilde n_q}{\tilde n_p} \sin\theta\; x_p
#   + (\theta_0 - \theta)\, x_q \Big].$$
#
# Where $|x| \ll \beta$, lifted points are nearly parallel, $\theta \approx r/\beta$, and as $\sin\theta + (\pi - \theta)\cos\theta
# \approx \pi\cos\theta + \theta^3/3$ the kernel is $\tfrac12\, \tilde x_p \cdot \tilde x_q$, which the sum rules cancel, plus
# $r^3 / 6\pi\beta$: clustering. Where $|x| \gg \beta$ the bias drops out and $\theta$ is the plain angle: alignment.
#
# With pairs held out the rules fail, the gauge is lost, and the term it moved about, the force of a
# linear kernel, is anything but small:

# %%
reference = forces.exact(E, gauge=np.pi)
for name, gauge in (("0", 0.0), ("π/2", np.pi / 2)):
    print(f"gauge {name} against gauge π, error", error(forces.exact(E, gauge=gauge), reference))
kept = task.training_pairs(0.8, FIRST_SEED)
linear, whole = forces.linear(E, training=kept), forces.exact(E, gauge=np.pi, training=kept)
share = np.sqrt(np.square(linear).mean() / np.square(whole).mean())
print(f"80 % of the pairs: rms of the linear force is {share:.2f} of the whole")
print(f"all pairs: linear force at most {np.abs(forces.linear(E)).max():.0e}")

# %% [markdown]
# ### How much is the kernel to blame?
#
# In the force of the second step two idealisations can be told apart: finite width, and the distribution of the
# weights. The network draws them evenly between two bounds, from a *box*, which unlike a Gaussian prefers some
# directions. More width does not cure that. Wider layers need smaller steps: the field grows with $H$, so the
# rate must shrink like $64 / H$.

# %%
wide = {}
for hidden, rate in ((64, 1.0), (64, 0.01), (256, 1.0), (256, 0.25), (1024, 0.01 / 16)):
    one = TrainingConfig(**plain | {"steps": 2, "learning_rate": rate}, hidden=hidden)
    short = train(one, seeds[:16], snapshots=[0, 1, 2], keep_parameters=True)
    F, law = predictions.measured(short, [2]), predictions.predicted(short, [2], "label charges")
    size = np.median(predictions.agreement(F, law).coefficient)
    wide[hidden, rate] = predictions.pooled_r2(F, law), size
    print(f"width {hidden:4}, rate {rate:g}: R² {wide[hidden, rate][0]:.2f}, factor {size:.2f}")

# %% [markdown]
# ## Check

# %%
# NBVAL_CHECK_OUTPUT
label, field, own, _ = (found[law] for law in laws)
r2 = predictions.pooled_r2(measured[0], predicted[laws[0]][0])
late = steps.index(50)
sizes = [np.median(a.coefficient[late]) for a in (label, field)]
print(
    f"two terms, random tokens: R² at least {min(fit.r2 for fit in fits):.2f}, |x| / β from 0.1 to 20"
)
print(f"two terms, trained tokens: R² above 0.95 in every network: {on_trained.min() > 0.95}")
print(f"label charges after one step: R² above 0.8: {r2 > 0.8}")
print(f"... at a small rate, size right within 0.1: {abs(wide[64, 0.01][1] - 1) < 0.1}")
print(f"a wide layer is not Gaussian: R² below 0.99: {wide[1024, 0.01 / 16][0] < 0.99}")
print(f"width 256 fails at rate 1, not at 64 / H: {wide[256, 1.0][0] < 0.5 < wide[256, 0.25][0]}")

# %%
# NBVAL_CHECK_OUTPUT
from modadd import intervals

print(f"size at step 50: charges below 0.3, field above 0.6: {sizes[0] < 0.3 and sizes[1] > 0.6}")
lasting = [np.median(a.cosine[late]) > 0.7 for a in (label, field)]
print(f"direction at step 50 above 0.7, charges and field: {all(lasting)}")
better = intervals.paired(own.cosine[late], field.cosine[late])
print(f"initial features beat ideal ones at step 50: {better.low > 0}")
F, law = measured[0], predicted[laws[0]][0]
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
# ([arXiv 2408.09414](https://arxiv.org/abs/2408.09414)). Its abstract, introduction and
# demonstration were at hand, its formulae were not. The derivation, the law, its gauge, the split into these two terms
# and all comparisons are ours and need not agree with the paper's. The kernel is that of Cho and Saul.
#
# ## Limits
#
# The law of label charges is one of the beginning. By step 100 it has lost the size of the force and
# begins to lose the direction, and the field law keeps only the size; the networks are then still far
# from having learnt (the cell above says how far). How much of the final structure is decided by then
# is the question of notebook 6. The field here is fed with the residuals of the *network*, so that
# errors of the kernel pile up; a simulation that computes its own residuals can correct itself.
#
# **Next:** [5 · Two forces suffice](05_particle_simulation.ipynb): drop the network, keep the forces.
