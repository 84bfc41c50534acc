"""What a widget's front end needs to know about a run, packed into bytes once.

A *track* is one seed of a run: a header that JSON can carry, and the frames of all its snapshots.
`front/tracks.js` unpacks it in `addFrames`; the two change together.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import ArrayLike

from modadd import model, structure
from modadd.model import Parameters
from modadd.run import Run
from modadd.task import ModularAddition

RESOLUTION = 80
"""Nodes a side of the decision regions."""
MARGIN = 1.15
"""Half a side of the plane of embeddings, over the largest coordinate."""
TITLES = {"network": "Network", "two_force": "Two-force particles", "field": "Field particles"}


def track(run: Run, seed: int) -> dict:
    """One seed of a run as a track.

    Args:
        run: any run; with parameters it shows decision regions, errors and measured forces.
        seed: one of its seeds.

    Returns:
        JSON-compatible header, with the deflated frames under "bytes".
    """
    one = run.select(seed)
    task = ModularAddition(run.modulus)
    training = ~one.held_out(int(seed))
    reach = MARGIN * float(np.abs(one.embeddings).max()) or 1.0
    values = _values(one, reach)
    arrays = _arrays(one, task, training, reach)
    arrays = {"values": np.stack(list(values.values()), -1).astype(np.float32)} | arrays
    layout = [[name, array.dtype.name, list(array.shape[1:])] for name, array in arrays.items()]
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    return {
        "title": TITLES.get(run.source, run.source),
        "source": run.source,
        "modulus": run.modulus,
        "bias_scale": run.settings.get("bias_scale", 1.0),
        "seed": int(seed),
        "steps": one.steps.tolist(),
        "held_out": np.flatnonzero(~training).tolist(),
        "kinds": list(structure.KINDS),
        "values": list(values),
        "layout": layout,
        "bytes": zlib.compress(content, 6),
    }


def _values(one: Run, reach: float) -> dict[str, ArrayLike]:
    """The numbers of each frame, (T,), of a run with one seed."""
    E = one.embeddings[:, 0]
    kinds, ring, patch, _ = structure.describe(E)
    return {
        "loss": one.loss[:, 0],
        "accuracy": one.accuracy[:, 0],
        "validation": one.validation_accuracy[:, 0],
        "force": one.force_rms[:, 0],
        "residual": one.residual_rms[:, 0],
        "circle": ring.score,
        "frequency": ring.frequency,
        "grid": patch.score,
        "closure": structure.closure(E),
        "reach": np.full(len(E), reach),
        "kind": [structure.KINDS.index(kind) for kind in kinds],
    }


def _arrays(one: Run, task: ModularAddition, training: np.ndarray, reach: float) -> dict:
    """All arrays (T, ...) of a run with one seed: float32 first, so that they stay aligned."""
    arrays = {"embeddings": one.embeddings[:, 0]}
    if one.parameters is not None:
        arrays["measured"] = _measured(one, task, training)
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    return arrays | _predictions(one, task, reach)


def _predictions(one: Run, task: ModularAddition, reach: float) -> dict:
    """Predicted labels of all pairs, and over the plane of pair sums |x| <= 2 reach; uint8."""
    if one.parameters is None or task.modulus > 256:
        return {}
    beta = one.settings.get("bias_scale", 1.0)
    parameters = one.parameters.map(lambda array: array[:, 0])
    predicted = model.predicted_labels(parameters, task, beta)
    middle = 2 * reach * ((np.arange(RESOLUTION) + 0.5) * 2 / RESOLUTION - 1)
    every = (Parameters(*arrays) for arrays in zip(*parameters, strict=True))
    regions = [model.regions(p, middle, -middle, beta) for p in every]  # first row on top
    return {"predicted": predicted.astype(np.uint8), "regions": np.array(regions, np.uint8)}


def _measured(one: Run, task: ModularAddition, training: np.ndarray) -> np.ndarray:
    """−∂L/∂E at every snapshot of a network with one seed, (T, N, 2) float64."""
    return model.embedding_forces(
        one.parameters.map(lambda array: array[:, 0]),
        task,
        model.pair_weights(task, training),
        bias_scale=one.settings.get("bias_scale", 1.0),
        label_smoothing=one.settings.get("label_smoothing", 0.0),
    )
