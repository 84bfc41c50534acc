"""Run: the snapshots of an ensemble over steps; its file; what ends a run early.

A run file is an npz archive without pickle: a JSON header and the arrays of the Run.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

import numpy as np

from modadd import _checks
from modadd.model import Parameters
from modadd.task import ModularAddition

SCALARS = ("loss", "accuracy", "validation_accuracy", "force_rms", "residual_rms")

FORMAT = 1
"""Version of the run file; raised when the meaning of its content changes."""
VERSION = metadata.version("modadd")
"""Of the package; looked up once, as that takes as long as writing a small file."""


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What an ensemble of S seeds did at T recorded steps; made by hand, lists and tensors do too.

    `force_rms` is √(mean over tokens of |F_a|²) with F = −∂L/∂E, without weight decay;
    `residual_rms` is √(mean over ordered training pairs of |α_p|²). What a source does not have
    (a validation accuracy without validation pairs, say) is NaN.
    """

    source: str
    """What made the run: "network", "two_force" or "field"."""
    settings: dict
    """All settings, as JSON holds them; for a network those of its TrainingConfig."""
    seeds: np.ndarray
    """(S,) int64, distinct"""
    steps: np.ndarray
    """(T,) int64, increasing"""
    embeddings: np.ndarray
    """(T, S, N, 2) float32"""
    loss: np.ndarray
    """(T, S) float32, in nats (the potential, for a simulation without a loss)"""
    accuracy: np.ndarray
    """(T, S) float32 share of the ordered training pairs"""
    validation_accuracy: np.ndarray
    """(T, S) float32 share of the ordered validation pairs"""
    force_rms: np.ndarray
    """(T, S) float32"""
    residual_rms: np.ndarray
    """(T, S) float32"""
    parameters: Parameters | None = None
    """All parameters with leading axes (T, S), where they were asked for."""

    def __post_init__(self) -> None:
        """Convert what was given by hand, and refuse what does not belong together."""
        if not isinstance(self.source, str):
            raise _checks.refuse("source", "a word", self.source)
        seeds = np.array(_checks.seeds("seeds", self.seeds), np.int64)
        steps = _checks.numeric("steps", self.steps, ("T",), "iu").astype(np.int64)
        if (np.diff(steps, prepend=-1) <= 0).any():
            raise ValueError("steps must increase, from 0 or later")
        lead = (len(steps), len(seeds))
        embeddings = _float32("embeddings", self.embeddings, (*lead, "N", 2))
        n = embeddings.shape[2]
        if n < 3:
            raise ValueError(f"embeddings must be of at least 3 tokens, got {n}")
        found = {"settings": _settings(self.settings), "seeds": seeds, "steps": steps}
        found["embeddings"] = embeddings
        found |= {name: _float32(name, getattr(self, name), lead) for name in SCALARS}
        if self.parameters is not None:
            given = _checks.instance("parameters", self.parameters, Parameters)
            h = _float32("parameters.b1", given.b1, (*lead, "H")).shape[2]
            fields = zip(given._fields, given, ((n, 2), (2, h), (h,), (h, n), (n,)))
            found["parameters"] = Parameters(
                *(_float32(f"parameters.{name}", a, (*lead, *shape)) for name, a, shape in fields)
            )
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        at = f" from step {self.steps[0]} to {self.steps[-1]}" if len(self.steps) else ""
        parameters = ", all parameters" if self.parameters else ""
        return (
            f"<Run of {self.source}: N = {self.modulus}, {len(self)} seeds, "
            f"{len(self.steps)} snapshots{at}{parameters}>"
        )

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def modulus(self) -> int:
        """N, the number of tokens."""
        return self.embeddings.shape[-2]

    @property
    def final(self) -> np.ndarray:
        """Embeddings at the last step, (S, N, 2)."""
        return self.embeddings[-1]

    def nearest(self, step: float) -> int:
        """Index of the recorded step nearest to `step`."""
        return int(np.abs(self.steps - step).argmin())

    def select(self, seeds: int | Iterable[int]) -> Run:
        """The same run with only the given seeds, one or several, in the given order."""
        position = {int(seed): i for i, seed in enumerate(self.seeds)}
        chosen = _checks.seeds("seeds", seeds)
        missing = [seed for seed in chosen if seed not in position]
        if missing:
            raise ValueError(f"seeds must be among those of the run, got {missing[0]}")
        index = [position[seed] for seed in chosen]
        return self._map(lambda array: array[:, index], seeds=self.seeds[index])

    def held_out(self, seed: int) -> np.ndarray:
        """Validation pairs of one seed, (P,) bools in the order of `ModularAddition.pairs`."""
        share = self.settings.get("train_share", 1.0)
        return ~ModularAddition(self.modulus).training_pairs(share, seed)

    def table(self) -> dict[str, np.ndarray]:
        """What was measured, a row for each seed and snapshot: columns (S T,) by name.

        `pandas.DataFrame(run.table())` makes a data frame of it.
        """
        seeds, steps = np.repeat(self.seeds, len(self.steps)), np.tile(self.steps, len(self))
        return {"seed": seeds, "step": steps} | {k: getattr(self, k).T.ravel() for k in SCALARS}

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write `table` to the file `path`, as comma-separated values under a line of names."""
        columns = self.table()
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([list(columns), *zip(*columns.values())])

    def _arrays(self) -> dict[str, np.ndarray]:
        """All arrays, by the names that they have in a file."""
        held = {name: getattr(self, name) for name in ("seeds", "steps", "embeddings", *SCALARS)}
        named = self.parameters._asdict() if self.parameters else {}
        return held | {f"parameters.{name}": array for name, array in named.items()}

    @staticmethod
    def _of(source: str, settings: dict, arrays: dict[str, np.ndarray]) -> Run:
        """The Run that has these arrays, by the names that they have in a file."""
        own = {name: array for name, array in arrays.items() if "." not in name}
        others = {k.removeprefix("parameters."): arrays[k] for k in arrays.keys() - own.keys()}
        return Run(source, settings, **own, parameters=Parameters(**others) if others else None)

    def _map(self, change: Callable[[np.ndarray], np.ndarray], **others) -> Run:
        """The run with every array of axes (T, S, ...) changed alike, and other ones replaced."""
        arrays = self._arrays()
        changed = {name: change(array) for name, array in arrays.items() if array.ndim > 1}
        return Run._of(self.source, self.settings, arrays | changed | others)

    def save(self, path: str | os.PathLike) -> None:
        """Write a run file to `path`; it appears whole or not at all."""
        path, arrays = Path(path), self._arrays()
        header = {
            "format": FORMAT,
            "modadd": VERSION,
            "numpy": np.__version__,
            "source": self.source,
            "settings": self.settings,
            "arrays": sorted(arrays),
        }
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with open(partial, "xb") as file:
                np.savez(file, header=text, **arrays)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    @staticmethod
    def load(path: str | os.PathLike) -> Run:
        """Read the run file at `path`; nothing in it is executed.

        Raises:
            RunFileError: if the file is damaged, is no run file, or has another format version.
            FileNotFoundError: if there is none.
        """
        with open(path, "rb") as file:
            try:
                return _read(file)
            # A parser fed with garbage raises what it likes: struct.error, MemoryError, ...
            except Exception as error:
                raise RunFileError(f"{path} is damaged or is no run file: {error}") from error


class RunFileError(ValueError):
    """A run file that is damaged, foreign, or of another version."""


def _read(file: BinaryIO) -> Run:
    """The Run in a file; any exception if the file holds anything else."""
    with zipfile.ZipFile(file) as archive:
        members = archive.namelist()
        contents = {name.removesuffix(".npy"): archive.read(name) for name in members}  # and CRC
    arrays = {name: _array(content) for name, content in contents.items()}
    header = json.loads(arrays.pop("header").tobytes())
    if header["format"] != FORMAT:
        raise ValueError(f"it has format {header['format']}; this version reads format {FORMAT}")
    # The header's list has a checksum, the archive's directory has none.
    if sorted(arrays) != header["arrays"] or len(members) != len(arrays) + 1:
        raise ValueError("its members are not those of its header")
    run = Run._of(header["source"], header["settings"], arrays)
    held = run._arrays()
    if any((a.dtype, a.shape) != (held[k].dtype, held[k].shape) for k, a in arrays.items()):
        raise ValueError("its arrays are of other types than those of a Run")
    return run


def _array(content: bytes) -> np.ndarray:
    """The array in an npy file of version 1, which `numpy.savez` writes."""
    if content[:8] != b"\x93NUMPY\1\0":
        raise ValueError("it holds something else than arrays")
    start = 10 + int.from_bytes(content[8:10], "little")
    shape, by_columns, kind = _npy_header(content[8:start])
    numbers = np.frombuffer(content, kind, offset=start).copy()
    return numbers.reshape(shape, order="F" if by_columns else "C")


@lru_cache(maxsize=256)
def _npy_header(text: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type; remembered, as the entries of an ensemble have equal ones."""
    return np.lib.format.read_array_header_1_0(io.BytesIO(text))


def _float32(name: str, value: object, shape: tuple) -> np.ndarray:
    """Numbers of that shape as float32, without a copy where they are that."""
    found = _checks.numeric(name, value, shape)
    with np.errstate(over="ignore"):
        return found.astype(np.float32, copy=False)


def _settings(value: object) -> dict:
    """Settings as they come back from a file: numpy's numbers and arrays as those of Python."""
    try:
        found = json.loads(json.dumps(value, default=lambda other: other.tolist()))
    except (AttributeError, TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _checks.refuse("settings", "a dict of what JSON can hold", value)
    return found


def join(runs: Sequence[Run]) -> Run:
    """Put runs of the same settings and steps side by side along the seeds, in their order.

    >>> from modadd import TrainingConfig, train
    >>> run = train(TrainingConfig(modulus=5, hidden=8, steps=9), seeds=[3, 4], progress=False)
    >>> join([run.select(4), run.select(3)])
    <Run of network: N = 5, 2 seeds, 10 snapshots from step 0 to 9>
    """
    every = [run._arrays() for run in runs]
    beside = {
        name: np.concatenate([arrays[name] for arrays in every], axis=int(array.ndim > 1))
        for name, array in every[0].items()
        if name != "steps"
    }
    return Run._of(runs[0].source, runs[0].settings, every[0] | beside)


# --- what ends a run early -----------------------------------------------------------------------


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button of a notebook; holds what was recorded until then.

    In a notebook or a console, `sys.last_value` is the exception that was shown last, and
    `sys.last_value.run` what it holds. `finished` are the seeds that were done, with all snapshots,
    a Run for each configuration that had any; `under_way` those that were not, each with the
    snapshots that it had reached, at least one; `total` is how many were asked for.
    """

    def __init__(self, finished: Sequence[Run], under_way: Sequence[Run], total: int) -> None:
        self.finished = list(finished)
        self.under_way = [run for run in under_way if len(run.steps)]
        self.total = total
        done, begun = (sum(map(len, runs)) for runs in (finished, self.under_way))
        text = f"stopped with {done} of {total} seeds finished"
        if begun:
            last = min(run.steps[-1] for run in self.under_way)
            text += f" and {begun} under way, recorded up to step {last}"
        if len(self.finished) > 1:
            text += "; sys.last_value.finished holds a Run for each configuration"
        elif done or begun:
            text += "; sys.last_value.run holds them" + " (.finished the finished)" * bool(done)
        super().__init__(text)

    def __reduce__(self):
        return type(self), (self.finished, self.under_way, self.total)

    @property
    def run(self) -> Run | None:
        """All seeds done or under way, up to the last snapshot that all of them had reached.

        None if there was none.
        """
        if len(self.finished) > 1:
            raise ValueError("a sweep has one Run for each configuration: see finished")
        runs = self.finished + self.under_way
        count = min((len(run.steps) for run in runs), default=0)
        cut = [run._map(lambda array: array[:count], steps=run.steps[:count]) for run in runs]
        return join(cut) if cut else None


class DivergenceError(ArithmeticError):
    """The loss or the parameters of a seed stopped being finite."""


def check_finite(seed: int, steps: np.ndarray, scalars: np.ndarray, bad: int = -1) -> None:
    """Report divergence, also where the loss is still finite but the force overflows float32.

    `scalars` (t, 5) is what was recorded of the seed at the first t `steps`; `bad` is the step at
    which a loop found a parameter that is not finite, or -1.

    Raises:
        DivergenceError: naming the first step that is not finite.
    """
    held = np.delete(scalars, SCALARS.index("validation_accuracy"), axis=-1)
    wrong = ~np.isfinite(held).all(-1)
    if wrong.any() or bad >= 0:
        step = int(steps[wrong.argmax()]) if wrong.any() else bad
        raise DivergenceError(
            f"the loss stopped being finite at step {step} of seed {seed}; "
            "a smaller learning_rate usually helps"
        )
