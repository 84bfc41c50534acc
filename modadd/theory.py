"""The circle, solved: its radius, its loss, and the weight decay it survives, without training.

On a circle of N tokens (N odd) and radius R the pair sums of one label lie on one axis through the
origin, at the distances R d_t with d_t = 2 |cos(πt/N)|, t = 0 … N − 1, each once. Hidden units
without bias in opposite pairs ±n answer them with |n·x|. By symmetry there is one such axis n for
every label, perpendicular to that label's axis (so it stands midway between the axes of two others,
because N is odd), and all axes share one profile v of outgoing weights. The logit of the label k
steps away from the right one is then

    z_k = R d_t Σ_m |sin(πm/N)| v_{k−m}.

Weight decay λ on everything adds λ/2 times the squared norms. A pair ±n with incoming length ρ and
outgoing weights v/ρ costs λ (ρ² + |v|²/ρ²), at best 2λ |v|, where ρ² = |v|. With u = R v, the only
combination that the logits know, the rest is λ (N R²/2 + 2N |u|/R), at best R³ = s with s = 2 |u|:

    U = C(s) + (3/2) N λ s^(2/3),      C(s) = least cross-entropy of all u with 2 |u| = s.

C is convex: one ridge-regularised fit of N numbers for each s. U is stationary where

    λ = s^(1/3) |C′(s)| / N,

which is the whole curve of circles, and its largest λ is where they end. Embeddings, incoming and
outgoing weights have one and the same squared norm there, N R².

Derived here, not quoted from the paper. It is the wide limit: every H >= 2N can represent it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy

from modadd import _checks
from modadd.model import Parameters
from modadd.task import ModularAddition

LARGEST_MODULUS = 199


class Circle(NamedTuple):
    """The best circle of frequency 1 at one weight decay."""

    modulus: int
    weight_decay: float
    radius: float
    """R, of the embeddings"""
    loss: float
    """regularised: cross-entropy + λ/2 times all squared parameters, in nats"""
    cross_entropy: float
    """in nats"""
    profile: np.ndarray
    """(N,) v: what |n·x|, n of length 1, adds to the label k axes from the one it is normal to"""
    positions: np.ndarray
    """(N,) angles of the axes n of the hidden units, in [0, π[; that of label m at m"""

    @property
    def squared_norm(self) -> float:
        """N R²: the sum of squares of the embeddings, of W1 and of W2, each."""
        return self.modulus * self.radius**2


class Limits(NamedTuple):
    """How much weight decay the circle of one modulus survives."""

    ends: float
    """λ_c: largest decay at which there is a circle"""
    pays: float
    """largest decay at which its regularised loss is below ln N, that of knowing nothing"""
    radius: float
    """R at `ends`: the circle is lost at a finite size"""


class Branch(NamedTuple):
    """All circles of one modulus, stable ones and unstable, in the order of their radius."""

    weight_decay: np.ndarray
    """(200,) λ"""
    radius: np.ndarray
    """(200,)"""
    loss: np.ndarray
    """(200,) regularised"""
    cross_entropy: np.ndarray
    """(200,)"""
    stable: np.ndarray
    """(200,) bools: a minimum of the regularised loss, not the pass between it and nothing"""


def circle(modulus: int, weight_decay: float) -> Circle:
    """The best circle of N tokens at one weight decay, in milliseconds and without training.

    Args:
        modulus: N, odd, 5 to 199.
        weight_decay: λ on all parameters, from 1e-6 to below `critical_decay(modulus).ends`.

    >>> found = circle(17, 0.003)
    >>> print(f"radius {found.radius:.3f}, regularised loss {found.loss:.3f}")
    radius 2.788, regularised loss 0.929
    """
    modulus = _odd(modulus)
    end = _end(modulus)
    decay = _checks.real("weight_decay", weight_decay, 1e-6)
    if decay >= end.decay:
        raise ValueError(
            f"weight_decay must be below {end.decay:.5g}, where circles of {modulus} tokens end,"
            f" got {decay:g}"
        )
    fit, high = _Fits(modulus, end.u), np.log(end.ridge)
    low = high - 2
    while fit(np.exp(low)).decay > decay:
        low -= 2
    root = scipy.optimize.brentq(
        lambda x: np.log(fit(np.exp(x)).decay / decay), low, high, xtol=1e-12
    )
    return _circle(fit(np.exp(root)), modulus)


def critical_decay(modulus: int) -> Limits:
    """The weight decay at which the circle of N tokens ends, and that at which it ceases to pay.

    Args:
        modulus: N, odd, 5 to 199.

    >>> found = critical_decay(17)
    >>> print(f"ends at {found.ends:.4f}, pays up to {found.pays:.4f}")
    ends at 0.0302, pays up to 0.0259
    """
    modulus = _odd(modulus)
    end = _end(modulus)
    fit, high = _Fits(modulus, end.u), np.log(end.ridge)
    root = scipy.optimize.brentq(lambda x: fit(np.exp(x)).loss - np.log(modulus), high - 3, high)
    return Limits(end.decay, fit(np.exp(root)).decay, end.radius)


def branch(modulus: int) -> Branch:
    """All circles of N tokens (odd, 5 to 199): as R grows, λ rises to its end and falls again.

    >>> found = branch(17)
    >>> bool(np.isclose(found.weight_decay.max(), critical_decay(17).ends, rtol=1e-3))
    True
    """
    modulus = _odd(modulus)
    end = _end(modulus)
    ridges = end.ridge * np.geomspace(300, 3e-4, 200)
    found = _Fits(modulus, end.u)
    columns = zip(*((f.decay, f.radius, f.loss, f.cross_entropy) for f in map(found, ridges)))
    return Branch(*map(np.array, columns), stable=ridges < end.ridge)


def network(found: Circle, hidden: int, frequency: int = 1) -> Parameters:
    """The network that the theory speaks of: one pair of hidden units an axis, the others zero.

    Args:
        found: from `circle`.
        hidden: H, at least 2N.
        frequency: k of the circle, without a factor in common with N.

    Returns:
        float64 arrays of shapes (N, 2), (2, H), (H,), (H, N), (N,), for any bias scale.

    >>> network(circle(5, 0.01), 10).map(np.shape).w2
    (10, 5)
    """
    _checks.instance("found", found, Circle)
    n = found.modulus
    hidden = _checks.integer("hidden", hidden, 2 * n, _checks.HIDDEN)
    k = _checks.integer("frequency", frequency, 1, n - 1)
    if np.gcd(k, n) > 1:
        raise _checks.refuse("frequency", f"without a factor in common with {n}", frequency)
    tokens = np.arange(n)
    angles = 2 * np.pi * k * tokens / n
    # Balance: |w1|² of each unit is |v|, which is R²/2.
    incoming = found.radius / np.sqrt(2)
    axes = incoming * np.stack([np.cos(found.positions), np.sin(found.positions)])
    outgoing = found.profile[(k * tokens - tokens[:, None]) % n] / incoming
    rest = hidden - 2 * n
    return Parameters(
        embeddings=found.radius * np.stack([np.cos(angles), np.sin(angles)], -1),
        w1=np.pad(np.concatenate([axes, -axes], 1), ((0, 0), (0, rest))),
        b1=np.zeros(hidden),
        w2=np.pad(np.concatenate([outgoing, outgoing]), ((0, rest), (0, 0))),
        b2=np.zeros(n),
    )


def certificate(found: Circle, bias_scale: float = 1.0) -> float:
    """How much more than λ the best conceivable hidden unit would earn: 1 if none does.

    With the embeddings held, the wide hidden layer is a convex problem in the measure of its units.
    A layer is its global optimum exactly if no unit (n, b) with |n|² + b² = 1 has a gradient

        |Σ_p α_p ReLU(n·x_p + βb)| / N²

    above λ; the units in use have λ itself. This is the largest over a mesh of units, over λ.

    Args:
        found: from `circle`.
        bias_scale: β, at least 0.

    >>> print(f"{certificate(circle(17, 0.01)):.6f}")
    1.000000
    """
    n = _checks.instance("found", found, Circle).modulus
    bias_scale = _checks.real("bias_scale", bias_scale, 0, _checks.LARGEST)
    task, tokens = ModularAddition(n), network(found, 2 * n)
    first, second = task.pairs.T
    x = tokens.embeddings[first] + tokens.embeddings[second]
    z = np.maximum(x @ tokens.w1, 0) @ tokens.w2
    alpha = -np.exp(z - z.max(1, keepdims=True))
    alpha /= -alpha.sum(1, keepdims=True)
    alpha[np.arange(len(z)), task.labels] += 1
    alpha *= task.multiplicity[:, None] / n**2
    # Rotations and reflections of the circle carry every direction into this sector.
    angle = np.linspace(0, np.pi / n, 25)
    largest = 0.0
    for tilt in np.linspace(-np.pi / 2, np.pi / 2, 49):
        direction = np.cos(tilt) * np.stack([np.cos(angle), np.sin(angle)])
        active = np.maximum(x @ direction + bias_scale * np.sin(tilt), 0)
        largest = max(largest, np.linalg.norm(alpha.T @ active, axis=0).max())
    return float(largest / found.weight_decay)


def _odd(modulus: object) -> int:
    modulus = _checks.integer("modulus", modulus, 5, LARGEST_MODULUS)
    if modulus % 2 == 0:
        raise _checks.refuse("modulus", "odd: else labels are of two kinds", modulus)
    return modulus


# --- the ridge-regularised fit -------------------------------------------------------------------


class _Fit(NamedTuple):
    """The least cross-entropy at one size s, found as that at one ridge μ = −dC/d(|u|²/2)."""

    ridge: float
    u: np.ndarray  # (M,) R v of the labels 0 … (N − 1)/2 steps away, those with a mirror times √2
    cross_entropy: float
    decay: float
    radius: float
    loss: float


class _Fits:
    """argmin C(u) + μ|u|²/2 by Newton's method, for one μ after the other, from the last one on.

    u and the logits are mirror symmetric, so half of the labels, M = (N + 1)/2, stand for all.
    """

    def __init__(self, modulus: int, u: np.ndarray | None = None) -> None:
        k = np.arange((modulus + 1) // 2)
        self.modulus, self.u = modulus, np.zeros(len(k)) if u is None else u
        self.copies = np.where(k == 0, 1.0, 2.0)
        self.distance = 2 * np.cos(np.pi * k / modulus)
        # Logits over R d_t, less that of the right label, are answers @ u.
        near, far = (np.abs(np.sin(np.pi * (k[:, None] + s * k) / modulus)) for s in (-1, 1))
        answers = (near + far) / 2 * np.sqrt(self.copies)
        self.answers = answers - answers[0]

    def __call__(self, ridge: float) -> _Fit:
        weights, d, answers = self.copies / self.modulus, self.distance, self.answers
        u = self.u
        value, shares = self._value(u, ridge)
        for _ in range(100):
            gradient = answers.T @ ((weights * d) @ shares) + ridge * u
            means = shares @ answers
            curvature = answers.T * (weights * d**2 @ shares) @ answers
            curvature -= means.T * (weights * d**2) @ means
            step = -np.linalg.solve(curvature + ridge * np.eye(len(u)), gradient)
            gain, length = -gradient @ step, 1.0
            if gain < 1e-20 * ridge * max(1.0, u @ u):
                break
            while True:
                new, new_shares = self._value(u + length * step, ridge)
                if new <= value - 1e-4 * length * gain + 1e-14:
                    break
                length /= 2
            u, value, shares = u + length * step, new, new_shares
        self.u = u
        squared = u @ u
        entropy, size = value - ridge / 2 * squared, 2 * np.sqrt(squared)
        # C′(s) = −μ|u|/2, so λ = s^(1/3) μ |u| / 2N.
        decay = size ** (4 / 3) * ridge / (4 * self.modulus)
        loss = entropy + 1.5 * self.modulus * decay * size ** (2 / 3)
        return _Fit(ridge, u, entropy, decay, size ** (1 / 3), loss)

    def _value(self, u: np.ndarray, ridge: float) -> tuple[float, np.ndarray]:
        """C(u) + μ|u|²/2, and the probability of each label, its mirror's too: (distances, M)."""
        z = self.distance[:, None] * (self.answers @ u)
        top = z.max(1, keepdims=True)
        shares = self.copies * np.exp(z - top)
        total = shares.sum(1, keepdims=True)
        entropy = self.copies / self.modulus @ (np.log(total) + top)[:, 0]
        return entropy + ridge / 2 * (u @ u), shares / total


@lru_cache
def _end(modulus: int) -> _Fit:
    """The fit at the end of the branch, where λ is largest."""
    fit = _Fits(modulus)
    bounds = np.log(modulus * np.array([0.05, 1.0]))
    found = scipy.optimize.minimize_scalar(
        lambda x: -fit(np.exp(x)).decay, bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    return fit(np.exp(found.x))


def _circle(fit: _Fit, modulus: int) -> Circle:
    k = np.arange(modulus)
    half = np.minimum(k, modulus - k)
    profile = (fit.u / np.where(np.arange(len(fit.u)) == 0, 1, np.sqrt(2)))[half] / fit.radius
    # The label m lies on the axis at the angle πm/N; its unit is perpendicular to it.
    positions = (np.pi * k / modulus + np.pi / 2) % np.pi
    return Circle(modulus, fit.decay, fit.radius, fit.loss, fit.cross_entropy, profile, positions)
