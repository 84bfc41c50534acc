"""Conditions that run on the same seeds, and what each gains over its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from modadd import _checks, intervals, structure
from modadd.intervals import Effect
from modadd.run import Run

ROLES = ("without", "with", "contrast")
"""What a condition is for: the control, what should show the effect, and what should not."""


class Condition(NamedTuple):
    """A recipe under which an ensemble ran, and what it is for."""

    name: str
    role: str
    """one of ROLES"""
    run: Run


def gains(columns: Mapping[str, Sequence[Condition]]) -> dict[str, tuple[str, list[Effect]]]:
    """Each condition against the first of its column, at the last step, over the same seeds.

    Args:
        columns: title to its conditions, the control first.

    Returns:
        name to its role and the paired differences in log₁₀ residual, closure and validation
        accuracy.

    Raises:
        ValueError: naming the argument that does not fit.

    >>> from modadd import TrainingConfig, train
    >>> config = TrainingConfig(modulus=5, hidden=8, steps=50, train_share=0.6)
    >>> run = train(config, range(4), progress=False)
    >>> gains({"decay": [Condition("a", "without", run), Condition("b", "with", run)]})["b"][0]
    'with'
    """
    columns = checked(columns)
    found = {}
    for condition in (condition for conditions in columns.values() for condition in conditions):
        check_held_out("columns", condition.run)
    for control, *others in columns.values():
        for condition in others:
            pairs = [
                (
                    np.log10(c.run.residual_rms[-1]),
                    structure.closure(c.run.final),
                    c.run.validation_accuracy[-1],
                )
                for c in (condition, control)
            ]
            differences = [intervals.paired(*two) for two in zip(*pairs, strict=True)]
            found[condition.name] = (condition.role, differences)
    return found


def checked(columns: Mapping[str, Sequence[Condition]]) -> dict[str, list[Condition]]:
    """Check the comparisons of an experiment.

    Args:
        columns: title to its conditions, the control first; at most six.

    Returns:
        the same as a dict of lists.

    Raises:
        ValueError: naming what does not fit.

    >>> checked({"a comparison": []})
    Traceback (most recent call last):
    ValueError: columns must hold at least 1, got none
    """
    found = {}
    for title, conditions in _checks.mapping("columns", columns, 1, 6).items():
        found[title] = conditions = _checks.sequence("columns", conditions)
        for condition in found[title]:
            _checks.instance("columns", condition, Condition)
            _checks.choice("columns", condition.role, ROLES)
            _checks.instance("columns", condition.run, Run)
            if not np.array_equal(condition.run.seeds, conditions[0].run.seeds):
                raise ValueError(f"columns must hold runs of the same seeds, got others in {title}")
    names = [condition.name for _, *others in found.values() for condition in others]
    if len(set(names)) < len(names):
        raise ValueError(f"columns must name each condition but the controls once, got {names}")
    return found


def check_held_out(name: str, run: Run) -> None:
    """Check that a run has a validation accuracy.

    Args:
        name: of the argument that holds it, for the message.
        run: to be checked.

    Raises:
        ValueError: if it was trained on all pairs.

    >>> from modadd import TrainingConfig, train
    >>> check_held_out("run", train(TrainingConfig(5, 8, 9), 0, progress=False))
    Traceback (most recent call last):
    ValueError: run must be trained on a share of the pairs, got one trained on all
    """
    if not np.isfinite(run.validation_accuracy[-1]).all():
        raise ValueError(f"{name} must be trained on a share of the pairs, got one trained on all")
