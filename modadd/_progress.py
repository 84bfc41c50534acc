"""The progress bar that all long calls share."""

from __future__ import annotations

from collections.abc import Iterable

from tqdm.auto import tqdm


def progress_bar(
    title: str, total: int, shown: bool, seeds: Iterable | None = None, unit: str = "seed"
) -> tqdm:
    """A bar over `total` seeds, or other units, shown where it takes longer than a second.

    It moves once a second. A notebook's kernel drops messages that nobody reads, and a tool that
    reads them only after a cell has ended, as nbval does, would miss that end after a few minutes
    of bars that move ten times as often. For the same reason many short calls share one bar: a bar
    that is never shown sends a dozen messages, too.
    """
    pace = {"delay": 1, "mininterval": 1}
    return tqdm(seeds, desc=title, total=total, unit=unit, disable=not shown, **pace)
