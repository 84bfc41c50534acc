"""One seed a thread: what training and the simulations share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

import numpy as np

from modadd._progress import progress_bar
from modadd.run import Interrupted, Run


def cores() -> int:
    """Processors that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return allowed or 1


def share_out(work: Callable[[int, int], None], operations: int) -> None:
    """Call work(i, n) for i = 0 to n − 1 in n threads, one where there are few operations.

    The threads are this call's own. A pool that a whole process shares, such as OpenMP's, can be
    entered by one thread at a time, and not at all after a fork.
    """
    count = cores() if operations > 2**20 else 1
    if count == 1:
        return work(0, 1)
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, i, count) for i in range(count)]:
            done.result()


def run_in_threads(
    work: Callable[[int, np.ndarray], Run],
    seeds: Sequence[int],
    keep: Callable[[Run], None],
    threads: int | None,
    progress: bool,
    title: str,
    stop: np.ndarray | None = None,
) -> None:
    """Call work(seed, stop) for every seed and hand each Run to `keep` as it is done.

    `work` must return what it has within a step once stop[0] is set; a failing seed sets it, and
    so does Ctrl-C. What was kept until then stays kept; what is unfinished is never kept.

    Args:
        work: computes the Run of one seed.
        seeds: what it is called with.
        keep: called with each Run, in the order in which they are done.
        threads: how many at a time; None: one per core.
        progress: show a progress bar where it takes longer than a second.
        title: of that bar.
        stop: (1,) uint8 by which another thread ends all work once it sets it.

    Raises:
        Interrupted: on Ctrl-C, or when another thread sets stop[0]; holds the seeds under way.
    """
    threads = threads or cores()
    flag = np.zeros(1, np.uint8)
    pool, waiting, pending = ThreadPoolExecutor(threads), iter(seeds), set()
    try:
        with progress_bar(title, len(seeds), progress) as bar:
            while True:
                # A few seeds ahead of the threads: none idles, and finished runs do not pile up.
                ahead = islice(waiting, 2 * threads - len(pending))
                pending |= {pool.submit(work, seed, flag) for seed in ahead}
                if not pending:
                    return
                # Without a timeout Windows would let no Ctrl-C through.
                done = wait(pending, 0.5 if stop is None else 0.05, FIRST_COMPLETED).done
                if stop is not None and stop[0]:
                    raise KeyboardInterrupt
                for future in done:
                    keep(future.result())
                    pending.remove(future)
                    bar.update()
    except KeyboardInterrupt:
        flag[0] = 1
        raise Interrupted([], _under_way(pool, pending), len(seeds)) from None
    except BaseException:
        flag[0] = 1
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _under_way(pool: ThreadPoolExecutor, pending: set[Future]) -> list[Run]:
    """What the threads have recorded when they were told to stop; waits for at most a second.

    Only a thread that is compiling takes longer; it is left to itself, and ends afterwards.
    """
    pool.shutdown(wait=False, cancel_futures=True)
    begun = {future for future in pending if not future.cancelled()}
    done = [future for future in wait(begun, 0.8).done if future.exception() is None]
    return sorted((future.result() for future in done), key=lambda run: run.seeds[0])
