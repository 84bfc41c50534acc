"""Load: 10,000 networks in one call, and large ones: memory, speed over time, the cache's files.

Each case trains in a process of its own with an empty cache, and then loads what it has trained.
All times are processor time, which other work on the machine changes least. The full length takes
many minutes of it; `--steps 250` makes both cases ten times shorter.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CASES = {
    "N = 17, H = 64": {"modulus": 17, "hidden": 64, "steps": 2500, "seeds": 10_000},
    "N = 113, H = 512": {"modulus": 113, "hidden": 512, "steps": 500, "seeds": 20},
}


def peak() -> int:
    """Largest memory of this process until now, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(case: dict) -> dict:
    """Train one case into the cache that the environment names, then load it from there."""
    from modadd import Run, TrainingConfig, train
    from modadd.cache import cache_size

    saved, save = [], Run.save

    def timed(run: Run, path: Path) -> None:
        save(run, path)
        saved.append(time.process_time())

    Run.save = timed
    config = TrainingConfig(case["modulus"], case["hidden"], case["steps"])
    train(TrainingConfig(case["modulus"], case["hidden"], 1), range(2), cache=False)
    before, start = peak(), time.process_time()
    run = train(config, range(case["seeds"]))
    seconds, after = time.process_time() - start, peak()
    tenth = len(saved) // 10
    start = time.process_time()
    again = train(config, range(case["seeds"]))
    return {
        "seconds": seconds,
        "run": run.embeddings.nbytes + 5 * run.loss.nbytes,
        "memory": after - before,
        "whole": after,
        "first": tenth / (saved[tenth] - saved[0]),
        "last": tenth / (saved[-1] - saved[-1 - tenth]),
        "files": len(saved),
        "cache": cache_size(),
        "loading": time.process_time() - start,
        "same": again.embeddings.tobytes() == run.embeddings.tobytes(),
    }


def main() -> None:
    """Measure each case in its own process and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--steps", type=int, help="steps of the first case (2500); the second in proportion"
    )
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(json.loads(options.case))))
        return
    for name, case in CASES.items():
        if options.steps:
            case = case | {"steps": max(1, case["steps"] * options.steps // 2500)}
        with tempfile.TemporaryDirectory(prefix="modadd-load-") as cache:
            done = subprocess.run(
                [sys.executable, Path(__file__), "--case", json.dumps(case)],
                env=os.environ | {"MODADD_CACHE": cache},
                stdout=subprocess.PIPE,
                check=True,
            )
        found = json.loads(done.stdout)
        assert found["same"], "what was loaded is not what was trained"
        print(f"{name}: {case['seeds']} networks of {case['steps']} steps")
        print(f"  {found['seconds']:.0f} s; seeds a second, first and last tenth: ", end="")
        print(f"{found['first']:.2f}, {found['last']:.2f}")
        print(f"  memory {found['memory'] / 1e6:.0f} MB for a Run of {found['run'] / 1e6:.0f} MB")
        print(f"  {found['whole'] / 1e6:.0f} MB with Python, PyTorch and all else")
        print(f"  {found['files']} files, {found['cache'] / 1e6:.0f} MB, ", end="")
        print(f"loaded again in {found['loading']:.1f} s", flush=True)


if __name__ == "__main__":
    main()
