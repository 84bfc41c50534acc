"""The same seed, the same bits: in any ensemble, on any number of threads, in any process.

Starts new processes, each of which trains and simulates the same few seeds among others, in
another order and on another number of threads, and compares the bits of each seed's Run. Every
fifth process compiles everything anew; the others load what was compiled before.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from modadd import Run, TrainingConfig, train
from modadd.particles import field, two_force

SEEDS = (3, 7, 19)
RECIPES = {
    "gradient_descent": TrainingConfig(steps=600, train_share=0.8),
    "adam": TrainingConfig(steps=300, optimiser="adam", learning_rate=0.01),
    "N = 31, H = 128": TrainingConfig(31, 128, 60),
}


def digests(name: str, run: Run) -> dict[str, str]:
    """A hash of all bits of each of the SEEDS."""
    arrays = {seed: run.select(seed)._arrays().values() for seed in SEEDS}
    return {
        f"{name}, seed {seed}": hashlib.sha256(b"".join(a.tobytes() for a in of_one)).hexdigest()
        for seed, of_one in arrays.items()
    }


def compute(chance: random.Random) -> dict[str, str]:
    """Everything once, in an ensemble and on a number of threads left to chance."""
    others = chance.sample(range(20, 1000), chance.randint(0, 9))
    seeds = chance.sample([*SEEDS, *others], len(SEEDS) + len(others))
    options = {"threads": chance.randint(1, 8), "cache": False, "progress": False}
    found = {}
    for name, config in RECIPES.items():
        found |= digests(name, train(config, seeds, keep_parameters=True, **options))
    starts = np.stack([TrainingConfig().initial(seed).embeddings for seed in seeds])
    found |= digests("two_force", two_force(starts, steps=200, seeds=seeds, **options))
    return found | digests(
        "field", field(starts, TrainingConfig(steps=200), seeds=seeds, **options)
    )


def main() -> int:
    """Compare so many processes with this one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="number of processes")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(compute(random.Random(options.one))))
        return 0
    expected, differing = compute(random.Random(-1)), 0
    for repeat in range(options.repeats):
        with tempfile.TemporaryDirectory(prefix="modadd-numba-") as empty:
            anew = {"NUMBA_CACHE_DIR": empty} if repeat % 5 == 4 else {}
            command = [sys.executable, Path(__file__), "--one", str(repeat)]
            done = subprocess.run(
                command, env=os.environ | anew, stdout=subprocess.PIPE, check=True
            )
        found = json.loads(done.stdout)
        differing += sum(found[name] != digest for name, digest in expected.items())
        print(f"{repeat + 1}/{options.repeats}: {differing} differ", file=sys.stderr)
    compared = options.repeats * len(expected)
    print(f"{compared} runs in {options.repeats} processes: {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
