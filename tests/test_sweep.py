"""Sweeps: the runs of `train`, in order, from threads, processes and a Dask cluster."""

import re
from pathlib import Path

import joblib
import numpy as np
import pytest

from modadd import TrainingConfig, train
from modadd import sweep as module
from modadd.run import SCALARS, DivergenceError
from modadd.sweep import sweep

CONFIGS = [TrainingConfig(modulus=7, hidden=8, steps=40, bias_scale=b) for b in (0.0, 1.0)]
CLUSTER = Path(__file__).resolve().parent.parent / "docs" / "cluster.md"


def same(left, right) -> None:
    assert left.settings == right.settings
    np.testing.assert_array_equal(left.seeds, right.seeds)
    for name in ("steps", "embeddings", *SCALARS):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def small_jobs(monkeypatch) -> None:
    """Two seeds a job, so that a few seeds are several jobs."""
    monkeypatch.setattr(module, "JOB_SIZE", 2 * 40 * 28 * 8)


@pytest.mark.parametrize("jobs", [None, 1, 3])
def test_runs_are_those_of_train(jobs, small_jobs):
    seeds = [9, 2, 5, 7, 3]
    options = {"snapshots": 5, "keep_parameters": True, "cache": False, "progress": False}
    runs = sweep(CONFIGS, seeds, jobs=jobs, **options)
    assert len(runs) == len(CONFIGS)
    for run, config in zip(runs, CONFIGS, strict=True):
        alone = train(config, seeds, **options)
        same(run, alone)
        np.testing.assert_array_equal(run.parameters.w1, alone.parameters.w1)


def test_configurations_may_differ_in_everything():
    configs = [TrainingConfig(5, 4, 10), TrainingConfig(7, 8, 30, optimiser="adam")]
    runs = sweep(configs, 3, snapshots=range(0, 9, 3), cache=False, progress=False)
    assert [run.embeddings.shape for run in runs] == [(3, 1, 5, 2), (3, 1, 7, 2)]


def test_each_job_takes_one_thread(monkeypatch, small_jobs):
    asked = []

    def watched(config, seeds, **options):
        asked.append((options["threads"], len(seeds)))
        return train(config, seeds, **options)

    monkeypatch.setattr(module, "train", watched)
    sweep(CONFIGS, range(5), cache=False, progress=False)
    assert sorted(asked) == [(1, 1)] * 2 + [(1, 2)] * 4


def test_a_job_is_about_a_second_and_never_empty():
    assert len(module._parts(TrainingConfig(), range(100))[0]) == 10
    assert len(module._parts(TrainingConfig(113, 512, 10_000), range(3))) == 3
    assert module._parts(TrainingConfig(steps=0), range(4)) == [range(4)]


def test_it_continues_after_an_interruption(cache, monkeypatch, small_jobs):
    calls = []

    def interrupted(config, seeds, **options):
        calls.append(seeds)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return train(config, seeds, **options)

    monkeypatch.setattr(module, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(CONFIGS, range(6), jobs=1, progress=False)
    files = {path: path.stat().st_mtime_ns for path in cache.glob("*/*/*.npz")}
    assert len(files) == 6
    assert not list(cache.glob("*/*/.*"))
    monkeypatch.setattr(module, "train", train)
    runs = sweep(CONFIGS, range(6), jobs=1, progress=False)
    assert all(path.stat().st_mtime_ns == when for path, when in files.items())
    for run, config in zip(runs, CONFIGS, strict=True):
        same(run, train(config, range(6), cache=False, progress=False))


def test_processes_give_the_same_runs(small_jobs):
    with joblib.parallel_config("loky", n_jobs=2):
        runs = sweep(CONFIGS, range(4), cache=False, progress=False)
    for run, config in zip(runs, CONFIGS, strict=True):
        same(run, train(config, range(4), cache=False, progress=False))
    joblib.externals.loky.get_reusable_executor().shutdown()


@pytest.mark.filterwarnings("default")  # dask's own
def test_a_dask_cluster_gives_the_same_runs(small_jobs):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        with joblib.parallel_config("dask"):
            runs = sweep(CONFIGS, range(6), cache=False, progress=False)
        done = client.run(lambda dask_worker: len(dask_worker.state.story("memory")))
        assert len(done) == 2
        assert all(done.values()), "a worker had nothing to do"
    for run, config in zip(runs, CONFIGS, strict=True):
        same(run, train(config, range(6), cache=False, progress=False))


def test_the_documented_cluster_is_this_one():
    code = re.search(r"```python\n(.*?)```", CLUSTER.read_text(encoding="utf-8"), re.DOTALL)[1]
    compile(code, "cluster.md", "exec")
    assert 'joblib.parallel_config("dask")' in code


def test_divergence_names_step_and_seed():
    wild = TrainingConfig(modulus=7, hidden=8, steps=400, learning_rate=1e6)
    with pytest.raises(DivergenceError, match=r"step \d+ of seed 4"):
        sweep([wild], 4, cache=False, progress=False)


def test_progress_counts_seeds(monkeypatch):
    bars = []
    original = module.progress_bar

    def watched(*arguments, **options):
        bars.append(original(*arguments, **options))
        return bars[-1]

    monkeypatch.setattr(module, "progress_bar", watched)
    sweep(CONFIGS, range(5), cache=False)
    assert (bars[0].total, bars[0].n) == (10, 10)
