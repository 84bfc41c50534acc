"""Speed of training, side by side in one run: what a user would write instead, and this engine.

Contenders, all on the reference problem's recipe (full batch, momentum, weight decay):

    plain loop      an ordinary torch.nn.Module and torch.optim.SGD, one seed at a time
    JAX             vmap, jit and a loop in JAX, a process of one thread on each core: faster than
                    its own threads (needs the extra: pip install modadd[bench])
    earlier         modadd.train of another checkout, where --against names one
    modadd          modadd.train

The unit is seed-steps per second. Contenders take turns, round after round, and ratios are those of
one round, so that a busy moment of the machine hits all alike; their median and range are printed.

Below each table stands what a step takes: multiply-adds (an operation other than that, or an
exponential's, counts as one) of the dense products that define it, and of the tour through the
regions of the plane that is taken instead, with the switches a pair that it needed; and how near
this comes to the most multiply-adds that the cores can do, measured in the same run.

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
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numba import njit
from torch import nn

from modadd import ModularAddition, TrainingConfig, model, train

if "--serve" not in sys.argv:  # another checkout may lack them
    from modadd._compiled import engine
    from modadd._compiled.simd import LANES
    from modadd._compiled.vectors import load, nought1, plus, store, times_plus
    from modadd.training import prepare

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
        if line == "stop\n":  # it had no share in the last problem
            continue
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


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Wall time of each contender in each round; they take turns."""
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: np.array(found) for name, found in times.items()}


@njit(nogil=True)
def multiply_add(out: np.ndarray, rounds: int) -> None:
    """12 vectors of LANES multiply-adds a round, none of which waits for another."""
    a, b, c = load(nought1(), out, 0), load(nought1(), out, 16), load(nought1(), out, 32)
    d, e, f = load(nought1(), out, 48), load(nought1(), out, 64), load(nought1(), out, 80)
    g, h, i = load(nought1(), out, 96), load(nought1(), out, 112), load(nought1(), out, 128)
    j, k, m = load(nought1(), out, 144), load(nought1(), out, 160), load(nought1(), out, 176)
    x, y = out[192], load(nought1(), out, 192)
    for _ in range(rounds):
        a, b, c = times_plus(x, a, y), times_plus(x, b, y), times_plus(x, c, y)
        d, e, f = times_plus(x, d, y), times_plus(x, e, y), times_plus(x, f, y)
        g, h, i = times_plus(x, g, y), times_plus(x, h, y), times_plus(x, i, y)
        j, k, m = times_plus(x, j, y), times_plus(x, k, y), times_plus(x, m, y)
    abc, def_, ghi = plus(a, plus(b, c)), plus(d, plus(e, f)), plus(g, plus(h, i))
    store(out, 0, plus(plus(abc, def_), plus(ghi, plus(j, plus(k, m)))))


def limit(cores: int, rounds: int = 10**7) -> float:
    """Multiply-adds a second on all cores at once."""
    outs = [np.linspace(0.1, 0.5, 13 * LANES, dtype=np.float32) for _ in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        times = in_turns({"all": lambda: list(pool.map(multiply_add, outs, [rounds] * cores))}, 4)
    return cores * rounds * 12 * LANES / times["all"].min()


def multiply_adds(modulus: int, hidden: int, steps: int) -> tuple[float, float, float]:
    """Of one step: those of the dense products, and of the tour; and its switches a pair."""
    config = TrainingConfig(modulus, hidden, steps)
    theta, recipe, pairs = prepare(config, config.task, 0, None)
    state, stop = engine.begin(theta, pairs), np.zeros(1, np.uint8)
    flat, scalars = np.empty((1, theta.size), np.float32), np.empty((1, 5), np.float32)
    engine.trace(theta, state, recipe, pairs, 0, np.array([steps]), stop, flat, scalars)
    count, row = len(config.task.pairs), -(-(modulus - 1) // LANES) * LANES
    switches = state[0, theta.size + 2] / count
    dense = count * 3 * hidden * (2 + modulus)
    # A switch: A, c and three running sums. A pair: logits, exponentials of some 16 operations,
    # three running sums, the force, a mask. A unit: both layers' gradients from its three sums.
    tour = count * (6 * row * switches + (2 + 16 + 4 + 2) * row + 2 * hidden) + 7 * row * hidden
    return dense, tour, switches


def compare(
    modulus: int, hidden: int, seeds: int, work: dict[str, int], served: dict[str, Served]
) -> None:
    """Print one table; `work` gives the steps (for the plain loop, of one seed) per contender."""
    calls = {"plain loop": lambda: plain_loop(modulus, hidden, 1, work["plain loop"])}
    for name, processes in served.items():
        calls[name] = processes.prepare(modulus, hidden, seeds, work[name])
    times = in_turns(calls, 5)
    for processes in served.values():
        processes.finish()
    speed = {
        name: work[name] * (1 if name == "plain loop" else seeds) / seconds
        for name, seconds in times.items()
    }
    print(f"\nN = {modulus}, H = {hidden}, {seeds} seeds", flush=True)
    for name, each in speed.items():
        ratio = np.sort(speed["modadd"] / each)
        more = f"modadd × {np.median(ratio):.1f} [{ratio[0]:.1f}, {ratio[-1]:.1f}]"
        print(
            f"{name:12}{np.median(each):12,.0f} seed-steps/s   {more if name != 'modadd' else ''}"
        )
    dense, tour, switches = multiply_adds(modulus, hidden, work["modadd"])
    most, fastest = limit(len(os.sched_getaffinity(0))), np.median(speed["modadd"])
    print(
        f"multiply-adds a step: {dense / 1e6:.2f} million dense, {tour / 1e6:.2f} along the tour "
        f"({switches:.1f} switches a pair): {fastest * tour / most:.0%} of {most / 1e9:.0f} "
        f"billion a second; the dense ones at this speed would be {fastest * dense / most:.0%}"
    )


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
        return dict(zip(("plain loop", "JAX", "earlier", "modadd"), counts))

    for seeds in (8,) if given.quick else (1, 8, 128):
        batch = max(100, 20000 // seeds)
        compare(17, 64, seeds, steps(300, batch // 5, batch, 2 * batch), served)
    if not given.quick:
        compare(31, 128, 8, steps(60, 200, 600, 2000), served)
        compare(59, 256, 8, steps(20, 40, 100, 500), served)
        compare(113, 512, 8, steps(4, 4, 8, 80), served)


if __name__ == "__main__":
    main()
