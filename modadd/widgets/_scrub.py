"""The scrubber: one step cursor for all that a run recorded."""

from __future__ import annotations

import base64

import plotly.graph_objects as go
import traitlets

from modadd import _checks
from modadd.run import Run
from modadd.widgets import _frames
from modadd.widgets._view import View, first_middle_last, picture, state_of

MOST_SEEDS = 8
"""Seeds that the page of a scrubber carries; of more, only the one shown."""


class _Scrub(View):
    kind = traitlets.Unicode("scrub").tag(sync=True)
    seeds = traitlets.List().tag(sync=True)
    tracks = traitlets.List().tag(sync=True)
    caption = "All that was recorded, step by step; its picture: first, middle and last step."

    def __init__(self, runs: list[Run], seed: int) -> None:
        self._runs, self._seed = runs, seed
        self._known: dict[int, list[dict]] = {}
        seeds = [int(s) for s in runs[0].seeds if all(_holds(run, int(s)) for run in runs)]
        super().__init__(seeds=seeds, tracks=self._open(seed))
        self.on_msg(self._receive)

    def _open(self, seed: int) -> list[dict]:
        if seed not in self._known:
            self._known[seed] = [_frames.track(run, _own(run, seed)) for run in self._runs]
        return self._known[seed]

    def _receive(self, _, content: dict, __) -> None:
        seed = content.get("seed") if isinstance(content, dict) else None
        if isinstance(seed, int) and seed in self.seeds:
            self._seed = seed
            self.tracks = self._open(seed)

    def _page_state(self) -> dict:
        """All seeds on one page, so that they can be chosen from; of very many only the present."""
        seeds = self.seeds if len(self.seeds) <= MOST_SEEDS else [self._seed]
        every = {
            seed: [
                track | {"bytes": base64.b64encode(track["bytes"]).decode()}
                for track in self._open(seed)
            ]
            for seed in seeds
        }
        own = {"seeds": seeds, "seed": self._seed, "every": every}
        return {"kind": self.kind, "shared": self.shared} | own

    def picture(self) -> go.Figure:
        states = []
        for run in self._runs:
            one = run.select(_own(run, self._seed))
            for t in first_middle_last(one.embeddings[:, 0]):
                title = f"step {one.steps[t]:,}"
                if len(self._runs) > 1:
                    title = f"{_frames.TITLES.get(run.source, run.source)}, {title}"
                states.append(state_of(title, one, t))
        return picture(states)


def scrub(run: Run, seed: int | None = None, beside: Run | None = None) -> View:
    """One step cursor for all that a run recorded.

    Embeddings, pair sums over the decision regions, loss and accuracy, measures of structure, and
    forces: measured, and modelled by clustering and alignment. Regions, wrong pairs and measured
    forces take a run with all parameters (`train(..., keep_parameters=True)`).

    Args:
        run: of a network or a simulation.
        seed: one of its seeds, shown first; None: the first.
        beside: a second run of the same modulus on the same cursor, with the same seeds or only
            one. Its last step stands beside the last step of `run`, and so on in proportion.

    Raises:
        ValueError: for a seed that is missing, or runs that do not fit each other.
    """
    if not isinstance(run, Run):
        raise ValueError(f"run must be a Run, got {type(run).__name__}")
    runs = [run] if beside is None else [run, beside]
    if beside is not None and (not isinstance(beside, Run) or beside.modulus != run.modulus):
        raise _checks.refuse("beside", f"a Run of modulus {run.modulus}", beside)
    seed = int(run.seeds[0]) if seed is None else _checks.integer("seed", seed, 0)
    run.select(seed)
    if not all(_holds(other, seed) for other in runs):
        raise ValueError(f"beside must hold seed {seed}, or one seed only, got {beside.seeds}")
    return _Scrub(runs, seed)


def _holds(run: Run, seed: int) -> bool:
    return seed in run.seeds or len(run.seeds) == 1


def _own(run: Run, seed: int) -> int:
    """The seed of the run that stands for `seed`."""
    return seed if seed in run.seeds else int(run.seeds[0])
