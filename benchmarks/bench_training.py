"""Speed of training, side by side in one run: what a user would write instead, and this engine.

Contenders, all on the reference problem's recipe (full batch, momentum, weight decay):

    plain loop      an ordinary torch.nn.Module and torch.optim.SGD, one seed at a time
    torch vmap      torch.func.vmap over an ensemble
    JAX             vmap, jit and a loop in JAX, a process of one thread on each core: faster than its
                    own threads (needs the extra: pip install modadd[bench])
    earlier         modadd.train of another checkout, where --against names one
    modadd          modadd.train

The unit is seed-steps per second. Contenders take turns, round after round, and each reports its
best round, so that a busy moment of the machine hits all alike.

    python benchmarks/bench_training.py [--quick] [--against PATH]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
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


def make_jax(modulus: int, hidden: int, seeds: int, steps: int) -> Callable[[], object]:
    """The same in JAX, compiled once outside the timing."""
    import jax
    import jax.numpy as jnp

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


def make_train(modulus: int, hidden: int, seeds: int, steps: int) -> Callable[[], object]:
    """This package, or that of another checkout, through the public call."""
    config = TrainingConfig(modulus=modulus, hidden=hidden, steps=steps)
    quiet = {"snapshots": 2, "cache": False, "progress": False}
    train(config, range(seeds), **quiet)
    return lambda: train(config, range(seeds), **quiet)


MAKERS = {"jax": make_jax, "train": make_train}


def serve(kind: str, core: int | None) -> None:
    """In a process of its own: prepare what a line asks for, and run it whenever told to."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    while line := sys.stdin.readline():
        call = MAKERS[kind](*json.loads(line))
        print("ready", flush=True)
        while sys.stdin.readline() == "go\n":
            call()
            print("done", flush=True)


class Served:
    """A contender in processes of its own, on each of the given cores one; (None,): on all."""

    def __init__(self, kind: str, cores: tuple = (None,), **environment: str) -> None:
        self.processes = []
        for core in cores:
            command = [sys.executable, __file__, "--serve", kind]
            command += [] if core is None else ["--core", str(core)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            process = subprocess.Popen(command, env=os.environ | environment, **pipes)
            self.processes.append(process)

    def say(self, words: list[str], answer: str) -> None:
        """Tell each process its line, and wait until all have answered."""
        for process, line in zip(self.processes, words):
            process.stdin.write(line + "\n")
            process.stdin.flush()
        for process, _ in zip(self.processes, words):
            if process.stdout.readline() != answer + "\n":
                raise RuntimeError(f"{process.args} ended")

    def prepare(self, modulus: int, hidden: int, seeds: int, steps: int) -> Callable[[], object]:
        """Compile outside the timing; returns the call to be timed."""
        count = min(len(self.processes), seeds)
        share = [seeds // count + (i < seeds % count) for i in range(count)]
        self.say([json.dumps([modulus, hidden, each, steps]) for each in share], "ready")
        return lambda: self.say(["go"] * count, "done")

    def finish(self) -> None:
        """Make the processes ready for another problem."""
        for process in self.processes:
            process.stdin.write("stop\n")
            process.stdin.flush()


def best_times(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Best wall time of each contender; they take turns."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def compare(
    modulus: int, hidden: int, seeds: int, work: dict[str, int], served: dict[str, Served]
) -> None:
    """Print one table; `work` gives the steps (for the plain loop, of one seed) per contender."""
    problem = (modulus, hidden, seeds)
    calls = {
        "plain loop": lambda: plain_loop(modulus, hidden, 1, work["plain loop"]),
        "torch vmap": lambda: torch_vmap(modulus, hidden, seeds, work["torch vmap"]),
    }
    for name, processes in served.items():
        calls[name] = processes.prepare(*problem, work[name])
    times = best_times(calls, 5)
    for processes in served.values():
        processes.finish()
    speed = {
        name: work[name] * (1 if name == "plain loop" else seeds) / seconds
        for name, seconds in times.items()
    }
    print(f"\nN = {modulus}, H = {hidden}, {seeds} seeds", flush=True)
    for name, value in speed.items():
        print(f"{name:12}{value:12,.0f} seed-steps/s   modadd × {speed['modadd'] / value:.1f}")


def main() -> None:
    """Compare over ensemble sizes and moduli."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="one ensemble size")
    parser.add_argument("--against", help="root of another checkout to compare with")
    parser.add_argument("--serve", choices=MAKERS, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.core)
        return
    cores = tuple(sorted(os.sched_getaffinity(0)))
    print(f"{len(cores)} cores, torch {torch.__version__} with {torch.get_num_threads()} threads")
    one = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
    served = {"JAX": Served("jax", cores, **one)}
    if given.against:
        served["earlier"] = Served("train", PYTHONPATH=given.against)
    served["modadd"] = Served("train")

    def steps(*counts):
        return dict(zip(("plain loop", "torch vmap", "JAX", "earlier", "modadd"), counts))

    for seeds in (8,) if given.quick else (1, 8, 128):
        batch = max(100, 4000 // seeds)
        compare(17, 64, seeds, steps(300, batch // 10, batch, 4 * batch, 4 * batch), served)
    if not given.quick:
        compare(31, 128, 8, steps(60, 10, 200, 400, 800), served)
        compare(59, 256, 8, steps(20, 5, 40, 60, 200), served)
        compare(113, 512, 8, steps(4, 2, 4, 6, 40), served)


if __name__ == "__main__":
    main()
