"""What several tests share: embeddings with known structure or none, a Run of given ones, and what
every scrubbing figure must fulfil.
"""

import json

import numpy as np
from axes import outside

from modadd.run import SCALARS, Run


def ring(modulus: int, frequency: int = 1) -> np.ndarray:
    """A circle of that frequency, (N, 2)."""
    angle = 2 * np.pi * frequency * np.arange(modulus) / modulus
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Independent normal points, (*shape, 2)."""
    return np.random.default_rng(seed).standard_normal((*shape, 2))


def a_run(embeddings: np.ndarray, accuracy: np.ndarray | None = None) -> Run:
    """Embeddings (T, S, N, 2) as recorded every ten steps, with accuracy (T, S) or nothing."""
    T, S = embeddings.shape[:2]
    scalars = dict.fromkeys(SCALARS, np.full((T, S), np.nan, np.float32))
    if accuracy is not None:
        scalars["accuracy"] = accuracy
    return Run("network", {}, np.arange(S), 10 * np.arange(T), embeddings, **scalars)


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
