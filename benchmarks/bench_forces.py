"""Force laws against a straightforward torch-autograd version of the same potential.

    OMP_NUM_THREADS=2 python benchmarks/bench_forces.py

Torch builds the potential −½ Σ m_p m_q c_pq k(x_p, x_q) over unordered pairs as P × P matrices,
with the angle from acos of a clamped cosine, and differentiates it. Both sides compute in float64
with the same number of threads; the figures are the best of several calls within a second.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable

import numba
import numpy as np
import torch

from modadd import forces
from modadd.task import ModularAddition

MODULI = (12, 17, 31, 59, 113)
# P × P float64 matrices allowed for at the peak of autograd, generously; to skip what cannot fit.
TORCH_MATRICES = 24


def by_autograd(embeddings: np.ndarray, task: ModularAddition, beta: float) -> np.ndarray:
    """What a user would write: potential, then gradient."""
    at = torch.tensor(embeddings, requires_grad=True)
    first, second = torch.as_tensor(task.pairs).T
    x = at[first] + at[second]
    lifted = torch.cat([x, torch.full_like(x[:, :1], beta)], dim=-1)
    norm = lifted.norm(dim=-1)
    norms = norm[:, None] * norm
    cosine = (lifted @ lifted.T / norms).clamp(-1 + 1e-12, 1 - 1e-12)
    theta = torch.acos(cosine)
    kernel = norms * (torch.sin(theta) + (math.pi - theta) * cosine) / (2 * math.pi)
    labels, orderings = torch.as_tensor(task.labels), torch.as_tensor(task.multiplicity)
    charges = (labels[:, None] == labels).to(kernel) - 1 / task.modulus
    (charges * orderings[:, None] * orderings * kernel).sum().mul(0.5).backward()
    return at.grad.numpy()


def best_of(call: Callable[[], object], budget: float = 1.0) -> float:
    """Seconds of the fastest call within a budget of seconds, the first included."""
    times: list[float] = []
    while not times or (sum(times) < budget and len(times) < 50):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def fits(pairs: int) -> bool:
    """Whether torch's matrices fit in two thirds of the free memory."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return TORCH_MATRICES * 8 * pairs**2 < free * 2 / 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=numba.get_num_threads())
    threads = parser.parse_args().threads
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    forces.exact(np.eye(3, 2))  # compile before the clock starts
    print(f"Seconds a call, float64, {threads} thread(s); N^ is the exponent since the row above.")
    names = ("exact", "residual charges", "clustering", "torch autograd")
    columns = "".join(f"{name:>18} {'N^':>5}" for name in names)
    print(f"{'N':>4} {'pairs':>6}{columns} {'torch/exact':>12} {'difference':>11}")
    before: dict[str, float] = {}
    modulus_before = 0
    for modulus in MODULI:
        task, rng = ModularAddition(modulus), np.random.default_rng(0)
        embeddings = rng.standard_normal((modulus, 2))
        residuals = rng.standard_normal((len(task.pairs), modulus))
        calls = {
            "exact": lambda e=embeddings: forces.exact(e),
            "residual charges": lambda e=embeddings, r=residuals: forces.field_law(
                e, r, e[None], r[None], [1.0]
            ),
            "clustering": lambda e=embeddings: forces.clustering(e),
        }
        if fits(len(task.pairs)):
            calls["torch autograd"] = lambda e=embeddings, t=task: by_autograd(e, t, 1.0)
        seconds = {name: best_of(call) for name, call in calls.items()}
        line = f"{modulus:>4} {len(task.pairs):>6}"
        for name in names:
            power = "-"
            if name in before and name in seconds:
                growth = math.log(seconds[name] / before[name])
                power = f"{growth / math.log(modulus / modulus_before):.1f}"
            shown = f"{seconds[name]:.3g}" if name in seconds else "no memory"
            line += f"{shown:>18} {power:>5}"
        if "torch autograd" in seconds:
            line += f" {seconds['torch autograd'] / seconds['exact']:>12.1f}"
        if modulus <= 59:  # one call more, cheap here
            reference = forces.exact(embeddings)
            error = np.abs(by_autograd(embeddings, task, 1.0) - reference).max()
            line += f" {error / np.abs(reference).max():>11.0e}"
        print(line, flush=True)
        before, modulus_before = seconds, modulus


if __name__ == "__main__":
    main()
