"""What several tests share: embeddings with known structure or none, a Run of given ones, and what
every scrubbing figure must fulfil.
"""

import json

import numpy as np
from axes import outside

from modadd.run import SCALARS, Run

QUIET = {"cache": False, "progress": False}
"""Options of what trains or simulates: each time anew, and without a bar."""

SQUARE = ((1.0, 0.0), (0.0, 1.0))
HEXAGONAL = ((1.0, 0.0), (0.5, 3**0.5 / 2))
"""Vectors of lattices."""


def ring(modulus: int, frequency: int = 1, axes: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """A circle of that frequency, or an ellipse with those axes, (N, 2)."""
    angle = 2 * np.pi * frequency * np.arange(modulus) / modulus
    return np.stack([axes[0] * np.cos(angle), axes[1] * np.sin(angle)], -1)


def lattice(modulus: int, columns: int, vectors=SQUARE, unit: int = 1) -> np.ndarray:
    """Rows of so many tokens, the last perhaps shorter: a = unit · (i + columns · j), (N, 2)."""
    j, i = np.divmod(np.arange(modulus), columns)
    E = np.empty((modulus, 2))
    E[unit * np.arange(modulus) % modulus] = np.stack([i, j], -1) @ np.array(vectors, float)
    return E


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Independent normal points, (*shape, 2)."""
    return np.random.default_rng(seed).standard_normal((*shape, 2))


def turned(angle: float, mirrored: bool) -> np.ndarray:
    """An orthogonal matrix (2, 2)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]]) @ np.diag([1, -1 if mirrored else 1])


def relative(a: np.ndarray, b: np.ndarray) -> float:
    """Size of the difference over that of b."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def a_run(embeddings: np.ndarray, accuracy: np.ndarray | None = None) -> Run:
    """Embeddings (T, S, N, 2) as recorded every ten steps, with accuracy (T, S) or nothing."""
    T, S = embeddings.shape[:2]
    scalars = dict.fromkeys(SCALARS, np.full((T, S), np.nan, np.float32))
    if accuracy is not None:
        scalars["accuracy"] = accuracy
    return Run("network", {}, np.arange(S), 10 * np.arange(T), embeddings, **scalars)


def same_run(a: Run, b: Run) -> None:
    """Assert that two Runs have the same bits."""
    assert (a.source, a.settings) == (b.source, b.settings)
    assert a._arrays().keys() == b._arrays().keys()
    for name, array in a._arrays().items():
        assert array.tobytes() == b._arrays()[name].tobytes(), name
        assert array.dtype == b._arrays()[name].dtype


def words(figure) -> str:
    """All that is written into a figure."""
    return " ".join(note.text for note in figure.layout.annotations)


def check_frames(figure, names: list[str]) -> None:
    """Assert that frames of those names move traces of the figure, and repeat no style."""
    assert [frame.name for frame in figure.frames] == names
    for frame in figure.frames:
        assert frame.data
        for index, moved in zip(frame.traces, frame.data, strict=True):
            assert moved.line.color is None
            assert len(moved.x) == len(figure.data[index].x)


def check_inside(figure) -> None:
    """Assert that every point, error bar and word of a figure lies within its axes."""
    assert outside(json.loads(figure.to_json())) == []
