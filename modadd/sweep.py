"""Many configurations: jobs for joblib, finished seeds from the cache, one progress bar.

A sweep cuts its configurations into jobs of about a second, each a few seeds of one configuration
trained on one thread, and joblib runs them: on the threads of this process, because the compiled
loops release Python's lock, or on whatever backend surrounds the call, such as a Dask cluster
(docs/cluster.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import joblib
import numpy as np

from modadd import _checks
from modadd._progress import progress_bar
from modadd.cache import Ensemble
from modadd.run import Interrupted, Run
from modadd.training import TrainingConfig, snapshot_steps, train

JOB_SIZE = 2.5e8
"""Steps x pairs x hidden units of one job: about a second of one core."""


def sweep(
    configs: Iterable[TrainingConfig],
    seeds: int | Iterable[int],
    *,
    snapshots: int | Iterable[int] = 60,
    keep_parameters: bool = False,
    jobs: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> list[Run]:
    """Train the same seeds under every configuration.

    Runs are those of `train`, bit for bit, however the jobs are cut and wherever they run on like
    machines. Called again after an interruption, a sweep continues: each seed that was finished
    comes from the cache. On a cluster that takes a cache folder which all machines share.

    Args:
        configs: the recipes, at least one.
        seeds: distinct integers >= 0, the same for every recipe.
        snapshots, keep_parameters, cache: as for `train`.
        jobs: how many at a time; None: one per core, or what the surrounding
            `joblib.parallel_config` says. Each uses one thread, so none compete.
        progress: show a progress bar, over the seeds of all configurations.

    Returns:
        one Run for each configuration, in their order, with the seeds in their order.

    Raises:
        Interrupted: on Ctrl-C, within a second; it holds the finished jobs. The workers of a Dask
            cluster finish the jobs they are at.

    >>> low, high = sweep([TrainingConfig(5, 8, 20, bias_scale=b) for b in (0, 1)], [3, 4])
    >>> low.settings["bias_scale"], high.seeds.tolist(), high.embeddings.shape
    (0.0, [3, 4], (21, 2, 5, 2))
    """
    configs = _checks.sequence("configs", configs)
    for config in configs:
        _checks.instance("configs", config, TrainingConfig)
    seeds = _checks.seeds("seeds", seeds)
    if jobs is not None:
        jobs = _checks.integer("jobs", jobs, 1, _checks.THREADS)
    _checks.options(None, keep_parameters=keep_parameters, cache=cache, progress=progress)
    if not _checks.is_single(snapshots):
        snapshots = _checks.sequence("snapshots", snapshots)  # an iterator would serve one recipe
    for config in configs:
        snapshot_steps(config.steps, snapshots)
    stop = np.zeros(1, np.uint8)
    options = {"snapshots": snapshots, "keep_parameters": keep_parameters, "cache": cache}
    calls = [
        joblib.delayed(_job)(i, config, part, options | {"stop": stop})
        for i, config in enumerate(configs)
        for part in _parts(config, seeds)
    ]
    _, surrounding = joblib.parallel.get_active_backend()
    parallel = joblib.Parallel(
        n_jobs=jobs or surrounding or -1,
        prefer="threads",
        return_as="generator_unordered",
        batch_size=1,
    )
    ensembles = [Ensemble(seeds) for _ in configs]
    total = len(configs) * len(seeds)
    try:
        with progress_bar("sweep", total, progress) as bar:
            for i, run in parallel(calls):
                ensembles[i].add(run)
                bar.update(len(run.seeds))
    except KeyboardInterrupt:
        finished = [run for ensemble in ensembles for run in ensemble.finished]
        raise Interrupted(finished, [], total) from None
    finally:
        stop[0] = 1  # for the jobs of this process that are still under way
    return [ensemble.run for ensemble in ensembles]


def _job(i: int, config: TrainingConfig, seeds: Sequence[int], options: dict) -> tuple[int, Run]:
    """Train a few seeds on one thread: what one worker does at a time."""
    return i, train(config, seeds, threads=1, progress=False, **options)


def _parts(config: TrainingConfig, seeds: Sequence[int]) -> list[Sequence[int]]:
    """Seeds in runs that take about a second each."""
    work = max(1, config.steps) * len(config.task.pairs) * config.hidden
    size = max(1, int(JOB_SIZE / work))
    return [seeds[i : i + size] for i in range(0, len(seeds), size)]
