"""The progress bar that all long calls share."""

from __future__ import annotations

from collections.abc import Iterable

from tqdm.auto import tqdm


def progress_bar(title: str, total: int, shown: bool, seeds: Iterable | None = None) -> tqdm:
    """A bar over `total` seeds, shown where it takes longer than a second.

    It moves once a second. A notebook's kernel drops messages that nobody reads, and a tool that
    reads them only after a cell has ended, as nbval does, would miss that end after a few minutes
    of bars that move ten times as often.
    """
    pace = {"delay": 1, "mininterval": 1}
    return tqdm(seeds, desc=title, total=total, unit="seed", disable=not shown, **pace)
