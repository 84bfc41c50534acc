"""Kills, a full disk, a read-only cache, forks, processes side by side: nothing is lost or spoilt.

trust/faults.py kills a hundred times and more; here it does so a few times.
"""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modadd import Run, TrainingConfig, forces, train

SCRIPT = Path(__file__).resolve().parent.parent / "trust" / "faults.py"
CONFIG = TrainingConfig(modulus=7, hidden=8, steps=40)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_kills_lose_nothing_and_finished_work_is_not_repeated():
    command = [sys.executable, SCRIPT, "--kills", "2", "--sharing", "1", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    killed, shared = (json.loads(line.split(" ", 1)[1]) for line in done.stdout.splitlines())
    assert (killed["kills"], killed["repeated"], killed["lost"]) == (2, 0, [])
    assert killed["finished"] > 0
    assert shared == {"rounds": 1, "lost": []}


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A disk of 128 kB that holds the cache; returns a function that makes it read-only."""

    def mount(*options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", tmp_path]
        try:
            return subprocess.run(command, capture_output=True).returncode == 0
        except OSError:
            return False

    if not mount("size=128k"):
        pytest.skip("mounting a small disk takes root")
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path / "cache"))
    yield lambda: mount("remount", "ro")
    subprocess.run(["umount", tmp_path], check=True)


def same(run: Run, seeds) -> None:
    alone = train(CONFIG, seeds, keep_parameters=True, cache=False, progress=False)
    np.testing.assert_array_equal(run.embeddings, alone.embeddings)
    np.testing.assert_array_equal(run.parameters.w2, alone.parameters.w2)


def test_a_full_disk_is_told_of_and_costs_no_result(small_disk, tmp_path):
    seeds = range(12)
    with pytest.warns(UserWarning, match="cannot be written: .*No space left"):
        same(train(CONFIG, seeds, keep_parameters=True, progress=False), seeds)
    kept = list(tmp_path.glob("cache/*/*/*"))
    assert 0 < len(kept) < len(seeds)
    assert all(Run.load(path).seeds == int(path.stem) for path in kept)
    assert not list(tmp_path.glob("cache/*/*/.*"))


def test_a_read_only_cache_is_read_told_of_and_costs_no_result(small_disk, tmp_path):
    train(CONFIG, [0, 1], keep_parameters=True, progress=False)
    damaged = next(tmp_path.glob("cache/*/*/1.npz"))
    damaged.write_bytes(b"PK")
    assert small_disk()
    with pytest.warns(UserWarning) as warned:
        same(train(CONFIG, range(3), keep_parameters=True, progress=False), range(3))
    said = [str(warning.message) for warning in warned]
    assert len(said) == 2
    assert "1 damaged entry" in said[0]
    assert "cannot be written: [Errno 30] Read-only file system" in said[1]
    assert damaged.read_bytes() == b"PK"


def simulated_laws(seed: int) -> float:
    E = np.random.default_rng(seed).standard_normal((20, 31, 2))
    return forces.exact(E).sum()


def trained(seed: int) -> float:
    return train(CONFIG, [seed, seed + 9], cache=False, progress=False).final.sum()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("work", [simulated_laws, trained])
def test_forked_workers_do_what_their_parent_did_before(work):
    here = [float(work(seed)) for seed in range(4)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        there = pool.map_async(work, range(4)).get(timeout=300)
    np.testing.assert_allclose([float(found) for found in there], here, rtol=1e-6)
