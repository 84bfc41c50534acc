"""Sweeps: the runs of `train`, in order, from threads, processes and a Dask cluster."""

import re
from pathlib import Path

import joblib
import pytest
from samples import QUIET, same_run

from modadd import TrainingConfig, train
from modadd import sweep as module
from modadd.run import DivergenceError
from modadd.sweep import sweep

CONFIGS = [TrainingConfig(modulus=7, hidden=8, steps=40, bias_scale=b) for b in (0.0, 1.0)]
CLUSTER = Path(__file__).resolve().parent.parent / "docs" / "cluster.md"


@pytest.fixture
def small_jobs(monkeypatch) -> None:
    """Two seeds a job, so that a few seeds are several jobs."""
    monkeypatch.setattr(module, "JOB_SIZE", 2 * 40 * 28 * 8)


@pytest.mark.parametrize("jobs", [None, 1, 3])
def test_runs_are_those_of_train(jobs, small_jobs):
    seeds = [9, 2, 5, 7, 3]
    options = {"snapshots": 5, "keep_parameters": True, **QUIET}
    runs = sweep(CONFIGS, seeds, jobs=jobs, **options)
    assert len(runs) == len(CONFIGS)
    for run, config in zip(runs, CONFIGS, strict=True):
        same_run(run, train(config, seeds, **options))


def test_each_job_takes_one_thread(monkeypatch, small_jobs):
    asked = []

    def watched(config, seeds, **options):
        asked.append((options["threads"], len(seeds)))
        return train(config, seeds, **options)

    monkeypatch.setattr(module, "train", watched)
    sweep(CONFIGS, range(5), **QUIET)
    assert sorted(asked) == [(1, 1)] * 2 + [(1, 2)] * 4


def test_a_job_is_about_a_second_and_never_empty():
    assert len(module._parts(TrainingConfig(), range(100))[0]) == 10
    assert len(module._parts(TrainingConfig(113, 512, 10_000), range(3))) == 3
    assert module._parts(TrainingConfig(steps=0), range(4)) == [range(4)]


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
            runs = sweep(CONFIGS, range(6), **QUIET)
        done = client.run(lambda dask_worker: len(dask_worker.state.story("memory")))
        assert len(done) == 2
        assert all(done.values()), "a worker had nothing to do"
    for run, config in zip(runs, CONFIGS, strict=True):
        same_run(run, train(config, range(6), **QUIET))


def test_the_documented_cluster_is_this_one():
    code = re.search(r"```python\n(.*?)```", CLUSTER.read_text(encoding="utf-8"), re.DOTALL)[1]
    compile(code, "cluster.md", "exec")
    assert 'joblib.parallel_config("dask")' in code


def test_divergence_names_step_and_seed():
    wild = TrainingConfig(modulus=7, hidden=8, steps=400, learning_rate=1e6)
    with pytest.raises(DivergenceError, match=r"step \d+ of seed 4"):
        sweep([wild], 4, **QUIET)


def test_progress_counts_seeds(monkeypatch):
    bars = []
    original = module.progress_bar

    def watched(*arguments, **options):
        bars.append(original(*arguments, **options))
        return bars[-1]

    monkeypatch.setattr(module, "progress_bar", watched)
    sweep(CONFIGS, range(5), cache=False)
    assert (bars[0].total, bars[0].n) == (10, 10)
