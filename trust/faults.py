"""Faults: kill -9 at random moments, and processes that share one cache; nothing may be lost.

A training is killed again and again, each time from an empty cache. After every kill all files that
bear a final name must be whole; the next run must complete, give the same bits as one that was
never killed, and repeat no finished seed. The moments are drawn from --seed. POSIX only: it forks,
so that a kill does not cost the start of an interpreter.
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
from pathlib import Path

from modadd import Run, TrainingConfig, train
from modadd.cache import clear_cache

CONFIG, SEEDS = TrainingConfig(7, 24, 1500), range(30)
QUIET = {"keep_parameters": True, "progress": False}


def training() -> str:
    """Train, and return the hash of all bits of the result."""
    arrays = train(CONFIG, SEEDS, **QUIET)._arrays().values()
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def start() -> tuple[int, int]:
    """Fork a process that trains and writes the hash to a pipe: its id, and the pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        os.write(writing, training().encode())
    finally:
        os._exit(0)


def result(process: tuple[int, int]) -> str:
    """Wait for a started process; return what it wrote, nothing if it failed."""
    with os.fdopen(process[1]) as pipe:
        text = pipe.read()
    os.waitpid(process[0], 0)
    return text


def entries(cache: Path, lost: list[str]) -> dict[Path, int]:
    """When each entry of the cache was written; those that are not whole are lost."""
    times = {path: path.stat().st_mtime_ns for path in cache.glob("*/*/*.npz")}
    for path in times:
        try:
            Run.load(path)
        except ValueError as error:
            lost.append(str(error))
    return times


def kill_at_random(kills: int, cache: Path, chance: random.Random) -> dict:
    """Kill trainings, and finish them; what was found, with the files and runs that were lost."""
    found = {"kills": kills, "finished": 0, "repeated": 0, "half-written": 0, "lost": []}
    started = time.perf_counter()
    expected = result(start())
    longest = time.perf_counter() - started
    for _ in range(kills):
        clear_cache()
        process = start()
        time.sleep(chance.uniform(0, longest))
        os.kill(process[0], signal.SIGKILL)
        result(process)
        before = entries(cache, found["lost"])
        found["half-written"] += len(list(cache.glob("*/*/.*")))
        if not expected or result(start()) != expected:
            found["lost"].append("the next run differs, or did not complete")
        after = entries(cache, found["lost"])
        found["finished"] += len(before)
        found["repeated"] += sum(after[path] != before[path] for path in before)
    return found


def share(rounds: int, cache: Path) -> dict:
    """Let four processes at a time train the same seeds into one empty cache."""
    expected, lost = result(start()), []
    for _ in range(rounds):
        clear_cache()
        started = [start() for _ in range(4)]
        lost += ["a result differs" for one in started if result(one) != expected]
        if len(entries(cache, lost)) != len(SEEDS) or list(cache.glob("*/*/.*")):
            lost.append("the cache is not whole")
    return {"rounds": rounds, "lost": lost}


def main() -> int:
    """Run the trials that were asked for and print what they have shown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of a training")
    parser.add_argument("--sharing", type=int, default=20, help="rounds of 4 processes at once")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modadd-faults-") as folder:
        os.environ["MODADD_CACHE"], cache = folder, Path(folder)
        train(CONFIG, 0, cache=False, **QUIET)  # compiled code is loaded before any fork
        killed = kill_at_random(options.kills, cache, random.Random(options.seed))
        print("killed", json.dumps(killed), flush=True)
        shared = share(options.sharing, cache)
        print("shared", json.dumps(shared))
    return 1 if killed["lost"] or shared["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
