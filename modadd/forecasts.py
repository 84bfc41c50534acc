"""What the law grows when it is run forward, held against what networks grow, over many recipes.

Kinds are (C, S): of C recipes and S starts, the same starts in all. They are coarse, that is,
stripes count as grids: "circle", "grid" or "other".
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from modadd import intervals, particles, structure
from modadd._progress import progress_bar
from modadd.intervals import Effect
from modadd.run import Run
from modadd.training import TrainingConfig, train


def twins(
    configs: Sequence[TrainingConfig], starts: Sequence[np.ndarray], seeds: Sequence[int]
) -> list[Run]:
    """Second networks of each recipe: starts (S, N, 2) as given, layers of these seeds."""
    given = {"snapshots": 2, "progress": False}
    return _each(
        "other layers",
        list(zip(configs, starts, strict=True)),
        lambda one: train(one[0], seeds, initial_embeddings=one[1], **given),
    )


def laws(
    configs: Sequence[TrainingConfig],
    starts: Sequence[np.ndarray],
    seeds: Sequence[int],
    features: str = "moving",
    **options,
) -> list[Run]:
    """Run the law forward under each recipe from its starts (S, N, 2), as `particles.field` does.

    Where a whole range of recipes is run, some fields are too steep for steps of that length; they
    count like all others, so `particles.field`'s warning is passed over.
    """
    given = {"features": features, "seeds": seeds, "snapshots": 2, "progress": False} | options
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the loss of", RuntimeWarning)
        return _each(
            f"law, {features}",
            list(zip(configs, starts, strict=True)),
            lambda one: particles.field(one[1], one[0], **given),
        )


def _each(title: str, items: Sequence, run: Callable[..., Run]) -> list[Run]:
    """Runs of all items, behind one bar."""
    return [run(item) for item in progress_bar(title, len(items), True, items, "recipe")]


def kinds_of(runs: Sequence[Run]) -> np.ndarray:
    """Coarse kinds (C, S) at the end of C runs of S seeds each."""
    return np.array([structure.coarse_kinds(run.final) for run in runs])


class Agreement(NamedTuple):
    """How predicted kinds agree with those of networks."""

    pearson: Effect  #: of the shares of one kind, over the recipes
    behind: Effect  #: that of the ceiling less this one, on the same draws
    rms: float  #: root mean square difference of the shares
    excess: Effect  #: mean difference of the shares, positive where too many are predicted
    same_kind: Effect  #: share of starts that end as the same kind, whichever it is


def agreements(
    networks: np.ndarray, others: Mapping[str, np.ndarray], ceiling: str, kind: str = "circle"
) -> dict[str, Agreement]:
    """Agreement of each of the others (C, S) with networks (C, S).

    Intervals resample the starts, the same in all recipes. Few starts lower every correlation,
    and resampling lowers it once more: compare with the ceiling, not with 1.

    Args:
        networks: kinds that were measured.
        others: name to kinds that were predicted.
        ceiling: which of the others is a second batch of networks.
        kind: whose shares are compared.

    >>> kinds = np.array([["circle", "grid"], ["grid", "grid"], ["circle", "circle"]])
    >>> found = agreements(kinds, {"again": kinds, "never": np.full((3, 2), "grid")}, "again")
    >>> found["again"].pearson.mean, found["never"].excess.mean
    (1.0, -0.5)
    """
    measured = intervals.resample(networks == kind)
    best = intervals.pearson(measured, intervals.resample(others[ceiling] == kind))
    found = {}
    for name, kinds in others.items():
        predicted = intervals.resample(kinds == kind)
        pearson = intervals.pearson(measured, predicted)
        found[name] = Agreement(
            intervals.of_draws(pearson),
            intervals.of_draws(best - pearson),
            float(np.sqrt(np.square(predicted - measured)[0].mean())),
            intervals.of_draws((predicted - measured).mean(1)),
            same_kind(networks, kinds),
        )
    return found


def same_kind(networks: np.ndarray, kinds: np.ndarray) -> Effect:
    """Share of recipes in which a start ends as the same kind in both (C, S), over the starts."""
    return intervals.of_draws(intervals.resample((kinds == networks).mean(0)))


def fitted(networks: np.ndarray, knobs: ArrayLike, kind: str = "circle") -> Effect:
    """Pearson of the shares of a kind with the plane over knobs (C, K) that fits them best.

    The plane is fitted to each draw anew, K + 1 parameters in sample: what a forecast that fits
    nothing should beat.
    """
    shares = intervals.resample(networks == kind)
    design = np.column_stack([np.ones(len(networks)), knobs])
    return intervals.of_draws(
        intervals.pearson(shares, shares @ np.linalg.pinv(design).T @ design.T)
    )


def steep(runs: Sequence[Run]) -> int:
    """In how many of the runs a loss ends far above that of a guess, ln N."""
    return sum(bool((run.loss[-1] > 2 * np.log(run.modulus)).any()) for run in runs)
