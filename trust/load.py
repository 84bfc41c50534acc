"""Load: 10,000 networks in one call, and large ones: memory, speed over time, the cache's files.

Each case trains in a process of its own with an empty cache, and then loads what it has trained.
All times are processor time, which other work on the machine changes least. The full length takes
many minutes of it; `--steps 250` makes both cases ten times shorter.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

from modadd import Run, TrainingConfig, train
from modadd.cache import cache_size

CASES = [(17, 64, 2500, 10_000), (113, 512, 500, 20)]
"""N, H, steps, seeds"""


def peak() -> int:
    """Largest memory of this process until now, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(modulus: int, hidden: int, steps: int, seeds: int) -> None:
    """Train one case into an empty cache, load it from there, and print what that took."""
    saved, save = [], Run.save

    def timed(run: Run, path: Path) -> None:
        save(run, path)
        saved.append(time.process_time())

    config = TrainingConfig(modulus, hidden, steps)
    train(TrainingConfig(modulus, hidden, 1), range(2), cache=False)
    with tempfile.TemporaryDirectory(prefix="modadd-load-") as cache:
        os.environ["MODADD_CACHE"], Run.save = cache, timed
        before, start = peak(), time.process_time()
        run = train(config, range(seeds))
        seconds, after, start = time.process_time() - start, peak(), time.process_time()
        same = train(config, range(seeds)).embeddings.tobytes() == run.embeddings.tobytes()
        loading, size = time.process_time() - start, cache_size()
    assert same, "what was loaded is not what was trained"
    tenth = len(saved) // 10
    first, last = saved[tenth] - saved[0], saved[-1] - saved[-1 - tenth]
    held = run.embeddings.nbytes + 5 * run.loss.nbytes
    print(f"N = {modulus}, H = {hidden}: {seeds} networks of {steps} steps")
    print(f"  {seconds:.0f} s; seeds a second, first and last tenth: ", end="")
    print(f"{tenth / first:.2f}, {tenth / last:.2f}")
    print(f"  memory {(after - before) / 1e6:.0f} MB for a Run of {held / 1e6:.0f} MB")
    print(f"  {after / 1e6:.0f} MB with Python and all else")
    print(f"  {len(saved)} files, {size / 1e6:.0f} MB, loaded again in {loading:.1f} s", flush=True)


def main() -> None:
    """Measure each case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2500, help="of the first case")
    options = parser.parse_args()
    for modulus, hidden, steps, seeds in CASES:
        case = modulus, hidden, max(1, steps * options.steps // 2500), seeds
        process = multiprocessing.get_context("spawn").Process(target=measure, args=case)
        process.start()
        process.join()


if __name__ == "__main__":
    main()
