"""Speed of training, side by side in one run: what a user would write instead, and this engine.

Contenders, all on the reference problem's recipe (full batch, momentum, weight decay):

    plain loop      an ordinary torch.nn.Module and torch.optim.SGD, one seed at a time
    torch vmap      torch.func.vmap over an ensemble
    JAX vmap+jit    the same in JAX (needs the extra: pip install modadd[bench])
    compiled        modadd.train

The unit is seed-steps per second. The last column is the share of the machine's single-precision
peak, taken as the best rate of a large matrix product in the same run, that the floating-point
operations of the step amount to. Contenders take turns, round after round, and each reports its
best round, so that a busy moment of the machine hits all alike.

    python benchmarks/bench_training.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from modadd import ModularAddition, TrainingConfig, model, train

RATE, MOMENTUM, DECAY = 0.3, 0.9, 3e-3


class Network(nn.Module):
    """The network as a user would write it."""

    def __init__(self, modulus: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(modulus, 2)
        self.first = nn.Linear(2, hidden)
        self.readout = nn.Linear(hidden, modulus)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Logits of pairs (P, 2)."""
        return self.readout(torch.relu(self.first(self.embedding(pairs).sum(1))))


def plain_loop(modulus: int, hidden: int, seeds: int, steps: int) -> None:
    """One seed at a time, over all N² ordered pairs' unordered representatives."""
    task = ModularAddition(modulus)
    pairs, labels = torch.as_tensor(task.pairs), torch.as_tensor(task.labels)
    weights = torch.tensor(model.pair_weights(task, np.ones(len(labels), bool))).float()
    for seed in range(seeds):
        torch.manual_seed(seed)
        network = Network(modulus, hidden)
        optimiser = torch.optim.SGD(
            network.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY
        )
        for _ in range(steps):
            optimiser.zero_grad()
            losses = nn.functional.cross_entropy(network(pairs), labels, reduction="none")
            (weights * losses).sum().backward()
            optimiser.step()


def stacked(modulus: int, hidden: int, seeds: int) -> list[np.ndarray]:
    """Initial parameters of an ensemble, each (S, ...)."""
    task = ModularAddition(modulus)
    drawn = [model.initialise(task, hidden, seed) for seed in range(seeds)]
    return [np.stack(arrays) for arrays in zip(*drawn, strict=True)]


def torch_vmap(modulus: int, hidden: int, seeds: int, steps: int) -> None:
    """An ensemble through torch.func."""
    task = ModularAddition(modulus)
    weights = torch.tensor(model.pair_weights(task, np.ones(len(task.labels), bool))).float()

    def loss(*parameters):
        return model.loss(model.Parameters(*parameters), task, weights)

    gradient = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1, 2, 3, 4)))
    parameters = [torch.tensor(a) for a in stacked(modulus, hidden, seeds)]
    buffers = [torch.zeros_like(a) for a in parameters]
    for _ in range(steps):
        for a, g, m in zip(parameters, gradient(*parameters), buffers, strict=True):
            m.mul_(MOMENTUM).add_(g).add_(a, alpha=DECAY)
            a.sub_(m, alpha=RATE)


def make_jax(modulus: int, hidden: int, seeds: int, steps: int) -> Callable[[], None] | None:
    """The same in JAX, compiled once outside the timing; None where JAX is not installed."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    task = ModularAddition(modulus)
    first, second = task.pairs.T
    weights = model.pair_weights(task, np.ones(len(task.labels), bool)).astype(np.float32)

    def loss(parameters):
        e, w1, b1, w2, b2 = parameters
        z = jax.nn.relu((e[first] + e[second]) @ w1 + b1) @ w2 + b2
        log_p = jax.nn.log_softmax(z)
        return -(weights * log_p[jnp.arange(len(weights)), task.labels]).sum()

    gradient = jax.vmap(jax.grad(loss))

    def step(_, state):
        parameters, buffers = state
        buffers = jax.tree.map(
            lambda a, g, m: MOMENTUM * m + g + DECAY * a, parameters, gradient(parameters), buffers
        )
        return jax.tree.map(lambda a, m: a - RATE * m, parameters, buffers), buffers

    run = jax.jit(lambda state: jax.lax.fori_loop(0, steps, step, state))
    parameters = [jnp.array(a) for a in stacked(modulus, hidden, seeds)]
    state = (parameters, [jnp.zeros_like(a) for a in parameters])
    jax.block_until_ready(run(state))
    return lambda: jax.block_until_ready(run(state))


def compiled(modulus: int, hidden: int, seeds: int, steps: int) -> None:
    """This package, through the public call."""
    config = TrainingConfig(modulus=modulus, hidden=hidden, steps=steps)
    train(config, range(seeds), snapshots=2, cache=False, progress=False)


def best_times(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Best wall time of each contender; they take turns."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def operations(modulus: int, hidden: int) -> int:
    """Floating-point operations of one step: the matrix products, forward and backward."""
    pairs = modulus * (modulus + 1) // 2
    return pairs * (3 * 2 * 2 * hidden + 3 * 2 * hidden * modulus)


def compare(modulus: int, hidden: int, seeds: int, work: dict[str, int], rounds: int) -> None:
    """Print one table; `work` gives the steps (for the plain loop, of one seed) per contender."""
    size = 2048
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    b = torch.tensor(a)
    calls = {
        "plain loop": lambda: plain_loop(modulus, hidden, 1, work["plain loop"]),
        "torch vmap": lambda: torch_vmap(modulus, hidden, seeds, work["torch vmap"]),
        "JAX vmap+jit": make_jax(modulus, hidden, seeds, work["JAX vmap+jit"]),
        "compiled": lambda: compiled(modulus, hidden, seeds, work["compiled"]),
        "sgemm": lambda: b @ b,
    }
    calls = {name: call for name, call in calls.items() if call is not None}
    times = best_times(calls, rounds)
    peak = 2 * size**3 / times.pop("sgemm")
    speed = {
        name: work[name] * (1 if name == "plain loop" else seeds) / seconds
        for name, seconds in times.items()
    }
    print(
        f"\nN = {modulus}, H = {hidden}, {seeds} seeds; sgemm peak {peak / 1e9:.0f} GFLOP/s",
        flush=True,
    )
    print(f"{'':14}{'seed-steps/s':>14}{'× plain loop':>14}{'× JAX':>8}{'of peak':>9}")
    for name, value in speed.items():
        jax_ratio = (
            f"{value / speed['JAX vmap+jit']:8.2f}" if "JAX vmap+jit" in speed else "       –"
        )
        share = value * operations(modulus, hidden) / peak
        print(f"{name:14}{value:14,.0f}{value / speed['plain loop']:14.1f}{jax_ratio}{share:9.0%}")


def main() -> None:
    """Compare over ensemble sizes and moduli."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="one ensemble size, fewer steps")
    quick = parser.parse_args().quick
    print(
        f"{os.cpu_count()} cores, torch {torch.__version__} with {torch.get_num_threads()} threads"
    )
    compiled(5, 4, 1, 1)  # compile, or load the compilation
    names = ("plain loop", "torch vmap", "JAX vmap+jit", "compiled")

    def steps(*counts):
        return dict(zip(names, counts, strict=True))

    for seeds in (32,) if quick else (1, 8, 32, 128):
        batch = max(50, 400 // seeds)
        compare(17, 64, seeds, steps(300, batch, batch, 1000), 3)
    if not quick:
        compare(31, 128, 16, steps(60, 10, 10, 200), 3)
        compare(59, 256, 8, steps(20, 5, 5, 40), 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\npeak memory of this process, all contenders together: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
