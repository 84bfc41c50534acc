"""Faults: kill -9 at random moments, and processes that share one cache; nothing may be lost.

Training and sweeps are killed again and again, each time from an empty cache. After every kill all
files that bear a final name must be whole; the next run must complete, give the same bits as one
that was never killed, and repeat no finished seed. The moments are drawn from --seed. POSIX only:
it forks, so that a kill does not cost the start of an interpreter.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modadd import Run, TrainingConfig, train
from modadd.cache import clear_cache
from modadd.sweep import sweep

QUIET = {"keep_parameters": True, "progress": False}
CONFIGS = [TrainingConfig(7, 24, 1500, bias_scale=scale) for scale in (0.5, 1.0)]
SEEDS = range(30)


@dataclass
class Found:
    """What the trials of one kind have shown."""

    kills: int = 0
    finished: int = 0
    """Seeds that the killed runs had finished."""
    repeated: int = 0
    """Of these, trained again."""
    unfinished: int = 0
    """Files that a kill had left half-written, under a name that nothing reads."""
    lost: list[str] = field(default_factory=list)
    """Files that were not whole under their final name, and runs that did not complete."""


def digest(run: Run) -> str:
    """Hash of all bits of a Run."""
    return hashlib.sha256(b"".join(a.tobytes() for a in run._arrays().values())).hexdigest()


def training() -> str:
    """Train, and return the hash of the result."""
    return digest(train(CONFIGS[0], SEEDS, **QUIET))


def sweeping() -> str:
    """Sweep, and return the hash of the results."""
    return " ".join(map(digest, sweep(CONFIGS, SEEDS, **QUIET)))


def start(work: Callable[[], str]) -> tuple[int, int]:
    """Fork a process that does the work and writes its result to a pipe: its id, and the pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        os.write(writing, work().encode())
    finally:
        os._exit(0)


def result(process: tuple[int, int]) -> str:
    """Wait for a started process; return what it wrote, nothing if it failed."""
    with os.fdopen(process[1]) as pipe:
        text = pipe.read()
    os.waitpid(process[0], 0)
    return text


def entries(cache: Path, found: Found) -> dict[Path, int]:
    """When each entry of the cache was written; all of them must be whole."""
    times = {path: path.stat().st_mtime_ns for path in cache.glob("*/*/*.npz")}
    for path in times:
        try:
            Run.load(path)
        except ValueError as error:
            found.lost.append(str(error))
    return times


def kill_at_random(work: Callable[[], str], kills: int, cache: Path, chance: random.Random):
    """Kill a work that runs in this process's likeness."""
    found, started = Found(), time.perf_counter()
    expected = result(start(work))
    if not expected:
        raise SystemExit("the work fails even if nobody kills it")
    longest = time.perf_counter() - started
    for _ in range(kills):
        clear_cache()
        process = start(work)
        time.sleep(chance.uniform(0, longest))
        os.kill(process[0], signal.SIGKILL)
        result(process)
        found.kills += 1
        before = entries(cache, found)
        found.unfinished += len(list(cache.glob("*/*/.*")))
        if result(start(work)) != expected:
            found.lost.append("the next run differs, or did not complete")
        after = entries(cache, found)
        found.finished += len(before)
        found.repeated += sum(after[path] != before[path] for path in before)
    return found


def share(rounds: int, processes: int, cache: Path) -> list[str]:
    """Let several processes train the same seeds into one empty cache at once."""
    expected, found = result(start(training)), Found()
    for _ in range(rounds):
        clear_cache()
        started = [start(training) for _ in range(processes)]
        found.lost += ["a result differs" for one in started if result(one) != expected]
        if len(entries(cache, found)) != len(SEEDS) or list(cache.glob("*/*/.*")):
            found.lost.append("the cache is not whole")
    return found.lost


def main() -> int:
    """Run the trials that were asked for and print what they have shown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--training", type=int, default=100, help="kills of a training")
    parser.add_argument("--sweep", type=int, default=50, help="kills of a sweep")
    parser.add_argument("--sharing", type=int, default=20, help="rounds of 4 processes at once")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    options = parser.parse_args()
    lost = []
    with tempfile.TemporaryDirectory(prefix="modadd-faults-") as folder:
        os.environ["MODADD_CACHE"], chance = folder, random.Random(options.seed)
        cache = Path(folder)
        train(CONFIGS[0], 0, cache=False, **QUIET)  # compiled code is loaded before any fork
        for name, work in (("training", training), ("sweep", sweeping)):
            if kills := getattr(options, name):
                found = kill_at_random(work, kills, cache, chance)
                print(name, json.dumps(vars(found)), flush=True)
                lost += found.lost
        if options.sharing:
            spoilt = share(options.sharing, 4, cache)
            print("sharing", json.dumps({"rounds": options.sharing, "lost": spoilt}), flush=True)
            lost += spoilt
    print("nothing was lost" if not lost else f"{len(lost)} LOST: {lost[0]}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
