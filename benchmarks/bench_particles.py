"""Speed of the particle simulations beside straightforward torch-autograd versions of the same.

The torch versions write the law down as one reads it, for a batch of starts, and let autograd
find the forces. For `two_force` that is the sum over all couples of pair sums. For `field` it is a
mesh of 48 × 48 nodes over [−9, 9]², into which the exact kernel deposits and from which bicubic
interpolation reads. The unit is start-steps per second; contenders take turns and each reports its
best round.

    python benchmarks/bench_particles.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from modadd import ModularAddition, TrainingConfig, particles

QUIET = {"snapshots": 2, "cache": False, "progress": False}


def two_force_torch(E: torch.Tensor, steps: int, a: float = 0.5, s: float = 0.5) -> torch.Tensor:
    """Gradient descent on the two-force potential, starts (S, N, 2) in one batch."""
    n = E.shape[1]
    token = torch.arange(n)
    label = (token[:, None] + token).remainder(n).ravel()
    charge = (label[:, None] == label).float() - 1 / n
    for _ in range(steps):
        E = (E / E.square().mean((1, 2), keepdim=True).sqrt()).detach().requires_grad_()
        P = E / E.square().mean((1, 2), keepdim=True).sqrt()
        x = (P[:, :, None] + P[:, None]).reshape(len(E), -1, 2)
        near = torch.exp(-torch.cdist(x, x).square() / (2 * s**2))
        size = x.square().sum(-1) + 0.3**2
        cos2 = (x @ x.mT).square() / (size[:, :, None] * size[:, None])
        V = -0.5 * (charge * ((1 - a) * near + a * cos2)).sum((1, 2)) / n**4
        (gradient,) = torch.autograd.grad(V.sum(), E)
        E = E - 0.1 * gradient
    return E


def kernel_torch(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The lifted arc-cosine kernel with β = 1 between (..., M, 2) and (..., P, 2)."""
    lift = (
        torch.nn.functional.pad(x, (0, 1), value=1.0),
        torch.nn.functional.pad(y, (0, 1), value=1.0),
    )
    norms = lift[0].norm(dim=-1)[..., :, None] * lift[1].norm(dim=-1)[..., None, :]
    c = (lift[0] @ lift[1].mT / norms).clamp(-1, 1)
    return norms * ((1 - c**2).sqrt() + (torch.pi - c.acos()) * c) / (2 * torch.pi)


def field_torch(E: torch.Tensor, steps: int, rate: float = 0.3, decay: float = 3e-3):
    """The field on a mesh, starts (S, N, 2) in one batch; plain descent, which costs the same."""
    starts, n, _ = E.shape
    task = ModularAddition(n)
    first, second = torch.as_tensor(task.pairs).T
    weight = torch.as_tensor(task.multiplicity / n**2).float()[:, None]
    target = torch.nn.functional.one_hot(torch.as_tensor(task.labels), n).float()
    side = torch.linspace(-9, 9, 48)
    mesh = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
    Z = torch.zeros(starts, n, 48, 48)
    for _ in range(steps):
        E = E.detach().requires_grad_()
        x = E[:, first] + E[:, second]
        z = torch.nn.functional.grid_sample(
            Z, x[:, None] / 9, mode="bicubic", align_corners=True, padding_mode="border"
        )[:, :, 0].mT
        loss = -(weight * target * z.log_softmax(-1)).sum()
        (gradient,) = torch.autograd.grad(loss, E)
        alpha = weight * (target - z.detach().softmax(-1))
        deposit = (1 + 64 / 6 * kernel_torch(mesh, x.detach())) @ alpha
        Z = (1 - rate * decay) * Z + rate * deposit.mT.reshape(Z.shape)
        E = E - rate * (gradient + decay * E)
    return E


def best(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Best wall time of each call; they take turns."""
    times = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name] = min(times[name], time.perf_counter() - start)
    return times


def main() -> None:
    """Compare over N."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="N = 17 only")
    moduli = (17,) if parser.parse_args().quick else (12, 17, 31, 59)
    starts = 8
    print(f"{os.cpu_count()} cores, {starts} starts, start-steps per second")
    print(f"{'N':>4}  {'simulation':22}{'this package':>14}{'torch autograd':>16}{'ratio':>8}")
    for n in moduli:
        E = np.random.default_rng(n).standard_normal((starts, n, 2))
        batch = torch.tensor(E, dtype=torch.float32)
        ours, theirs = max(20, 60000 // n**2), max(2, 6000 // n**2)
        contenders = {
            "two_force": (
                lambda k, E=E: particles.two_force(E, steps=k, **QUIET),
                lambda k, batch=batch: two_force_torch(batch, k),
            ),
            "field": (
                lambda k, E=E: particles.field(E, TrainingConfig(len(E[0]), steps=k), **QUIET),
                lambda k, batch=batch: field_torch(batch, k),
            ),
            "field, moving features": (
                lambda k, E=E: particles.field(
                    E, TrainingConfig(len(E[0]), steps=k), features="moving", **QUIET
                ),
                None,
            ),
        }
        for name, (fast, slow) in contenders.items():
            fast(2)  # compile, or load the compilation
            calls = {"ours": partial(fast, ours)}
            if slow is not None:
                calls["torch"] = partial(slow, theirs)
            times = best(calls, 3)
            speed = starts * ours / times["ours"]
            line = f"{n:>4}  {name:22}{speed:14,.0f}"
            if slow is not None:
                other = starts * theirs / times["torch"]
                line += f"{other:16,.0f}{speed / other:8.0f}"
            print(line)


if __name__ == "__main__":
    main()
