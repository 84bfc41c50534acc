"""What training costs: time of a step and memory of a seed, measured on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from modadd import _checks
from modadd.training import TrainingConfig, train


class Cost(NamedTuple):
    """What training one seed takes on one core."""

    seconds: float  #: a step
    bytes: float  #: of memory at most, beside Python and the package; NaN where unknown


def training_cost(configs: Sequence[TrainingConfig]) -> list[Cost]:
    """Time a step, and the memory that 60 recorded ones take, in a fresh process.

    Args:
        configs: small ones first, because memory is never given back. It is known on Linux only.

    Returns:
        Cost of each.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> training_cost([TrainingConfig()])[0].seconds  # doctest: +SKIP
    2e-05
    """
    configs = _checks.sequence("configs", configs)
    for config in configs:
        _checks.instance("configs", config, TrainingConfig)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return list(pool.map(_cost, configs))


def _cost(config: TrainingConfig) -> Cost:
    """Seconds a step, the best of three, and the growth of this process's peak memory."""
    config = replace(config, steps=59)
    options = {"threads": 1, "snapshots": range(60), "cache": False, "progress": False}
    before, times = _idle_memory(), []
    _memory("VmRSS", reset=True)
    for _ in range(3):
        start = perf_counter()
        train(config, 0, **options)
        times.append((perf_counter() - start) / 60)
    return Cost(min(times), _memory("VmHWM") - before)


@cache
def _idle_memory() -> float:
    """Bytes of this process before its first configuration, but after what is done once."""
    train(TrainingConfig(3, 4, 2), 0, threads=1, cache=False, progress=False)
    return _memory("VmRSS")


def _memory(what: str, reset: bool = False) -> float:
    """Bytes of this process now (VmRSS) or at most (VmHWM) since the last reset; else NaN."""
    process = Path("/proc/self")
    try:
        if reset:
            (process / "clear_refs").write_text("5")
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return float("nan")
    return 1024 * next(float(line.split()[1]) for line in lines if line.startswith(what))
