"""The widgets' JavaScript, in Node: mathematics against Python, controls, types, style.

Where there is no Node these are skipped, but fail where CI is set. Types and style are checked
where `npm ci` has installed what that takes; .ci/run does.
"""

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import reference
import torch

from modadd import ModularAddition, TrainingConfig, _lattice, forces, model, structure, train
from modadd._compiled import engine
from modadd.model import Parameters
from modadd.particles import NODES, _even_cube, _wide_limit, two_force
from modadd.plots import palette
from modadd.training import prepare
from modadd.widgets import _frames, _live, _view
from modadd.widgets._playground import lattice_patch

ROOT = Path(__file__).resolve().parent.parent


def lacking(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is not there")


@pytest.fixture(scope="module")
def node() -> str:
    """Path of Node."""
    return shutil.which("node") or lacking("Node")


def test_mathematics_and_controls_in_node(node, tmp_path):
    (tmp_path / "reference.json").write_text(json.dumps(compared()))
    environment = os.environ | {"MODADD_REFERENCE": str(tmp_path / "reference.json")}
    tests = sorted(map(str, (ROOT / "tests" / "front").glob("*.test.js")))
    done = subprocess.run(
        [node, "--test", *tests], env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# skipped 0" in done.stdout


@pytest.mark.parametrize(
    "check", [["tsc", "--project", "."], ["biome", "ci"]], ids=["types", "style"]
)
def test_types_and_style(node, check):
    tool = ROOT / "node_modules" / ".bin" / check[0]
    if not tool.exists():
        lacking(f"node_modules/ (`npm ci`) with {check[0]}")
    done = subprocess.run([tool, *check[1:]], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("entry", "offers"), [("mount", "default,mount"), ("worker", "")])
def test_files_are_joined_to_one_script_that_needs_no_other(node, tmp_path, entry, offers):
    script = tmp_path / "joined.mjs"
    script.write_text(_view.script(entry), encoding="utf-8")
    code = (
        "globalThis.addEventListener = () => {};"
        f"const front = await import({str(script)!r}); console.log(Object.keys(front).join())"
    )
    arguments = [node, "--input-type=module", "--eval", code]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == offers


def test_files_that_import_in_a_circle_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nexport const a = 1;\n')
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\nexport const b = 1;\n')
    monkeypatch.setattr(_view, "FRONT", tmp_path)
    with pytest.raises(ValueError, match="circle: a -> b -> a"):
        _view.script.__wrapped__("a")


def test_every_file_of_the_front_end_is_used():
    names = {path.stem for path in _view.FRONT.glob("*.js")}
    text = _view.script("mount") + _view.script("worker")
    unused = [n for n in names if (_view.FRONT / f"{n}.js").read_text().split("\n")[0] not in text]
    assert not unused


def test_what_is_exported_is_used():
    folders = (_view.FRONT, ROOT / "docs" / "template", ROOT / "tests" / "front")
    texts = {path: path.read_text("utf-8") for folder in folders for path in folder.glob("*.js")}
    exported = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
    for path in _view.FRONT.glob("*.js"):
        others = "".join(text for other, text in texts.items() if other != path)
        unused = [n for n in exported.findall(texts[path]) if not re.search(rf"\b{n}\b", others)]
        assert not unused, path.name


def test_what_readings_mean_stands_in_the_glossary():
    text = (_view.FRONT / "meanings.js").read_text(encoding="utf-8")
    words = re.findall(r'word: "([^"]+)"', text)
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    known = {word.strip() for word in re.findall(r"^\| ([^|,(]+)", glossary, re.MULTILINE)}
    assert len(words) > 8
    assert not set(words) - known


# --- what Python computes for the tests in Node


def compared() -> dict:
    """All that tests/front compares with."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small products gain nothing by more, and lose much under load
    try:
        return _compared()
    finally:
        torch.set_num_threads(threads)


def _compared() -> dict:
    thresholds, structures = described()
    return {
        "thresholds": thresholds,
        "structures": structures,
        "pairs": [pairs(ModularAddition(N)) for N in (3, 4, 12, 17, 31)],
        "separability": [
            {"E": E.ravel().tolist(), "expected": separable(E)} for E in shapes() if len(E) < 20
        ],
        "colors": {N: palette.token_colors(N) for N in range(3, 42)},
        "text_on": {color: palette.text_on(color) for color in palette.token_colors(31)},
        "random": [random_numbers(seed) for seed in [*range(120), 2**31, 2**40 + 17]],
        "two_force": [two_force_path(alignment) for alignment in (0.0, 0.5, 1.0)],
        "nodes": _even_cube(NODES)[: NODES // 2].ravel().tolist(),
        "field": [trained(moving=True, **changed) for changed in RECIPES[3:9]],
        "track": packed_track(),
        "laws": [modelled(N, beta, share) for N, beta, share in LAWS],
        "training": [trained(**changed) for changed in RECIPES],
    }


LAWS = ((5, 1.0, 1.0), (7, 0.3, 0.7), (17, 1.0, 1.0), (12, 0.0, 0.9))


def modelled(N: int, beta: float, share: float) -> dict:
    """The laws on random embeddings."""
    E = np.random.default_rng(N).standard_normal((N, 2))
    training = ModularAddition(N).training_pairs(share, 0)
    laws = {"exact": forces.exact(E, beta, 0.0, training=training)}
    laws["alignment"] = forces.exact(E, 0.0, 0.0, training=training)
    laws["clustering"] = np.zeros_like(E)
    if beta > 0:
        laws["clustering"] = forces.clustering(E, beta, training=training)
    laws = {name: force.ravel().tolist() for name, force in laws.items()}
    return {"E": E.ravel().tolist(), "beta": beta, "training": training.tolist()} | laws


RECIPES = (
    {},
    {"weight_decay": 0.0, "seed": 4},
    {"momentum": 0.0, "learning_rate": 1.0, "train_share": 0.8},
    {"bias_scale": 0.0, "label_smoothing": 0.2},
    {"bias_scale": 2.5, "readout_init": "standard", "embedding_scale": 0.4},
    {"optimiser": "adam", "learning_rate": 0.01},
    {"optimiser": "adamw", "learning_rate": 0.01, "weight_decay": 0.5, "train_share": 0.7},
    {"optimiser": "adam", "learning_rate": 0.01, "label_smoothing": 0.1, "modulus": 12},
    {"weight_decay": 0.01, "decay_from": 7, "decay_until": 30},
    {"modulus": 3, "hidden": 1},
    {"modulus": 17, "hidden": 64},
    {"modulus": 31, "hidden": 256, "readout_init": "standard", "train_share": 0.9},
)
"""Recipes whose training is followed step by step."""


def trained(seed: int = 3, moving: bool = False, **changed) -> dict:
    """The first 50 steps by autograd on the reference model, in float64.

    Of the network, or of the field with `moving` features.
    """
    config = TrainingConfig(**{"modulus": 7, "hidden": 33, "steps": 50} | changed)
    start, paces = None, (1, 1, 1, 1, 1)
    if moving:
        start, paces = field_start(config, seed)
    states = reference.train(config, seed, start=start, paces=paces)
    last, task = states.map(lambda array: array[-1]), config.task
    training = task.training_pairs(config.train_share, seed)
    options = {"bias_scale": config.bias_scale, "label_smoothing": config.label_smoothing}
    found = reference.measure(config, seed, last)
    force = model.embedding_forces(last, task, model.pair_weights(task, training), **options)
    middle = 6 * ((np.arange(40) + 0.5) / 20 - 1)
    ground = model.regions(last, middle, -middle, config.bias_scale)
    decays = [(0, config.weight_decay)]
    if config.decay_until is not None:
        decays = [(0, 0.0), (config.decay_from, config.weight_decay), (config.decay_until, 0.0)]
    return {
        "seed": seed,
        "recipe": {name: getattr(config, name) for name in _live.RECIPE},
        "decays": decays,
        "training": np.flatnonzero(training).tolist(),
        "path": {
            step: np.concatenate([array[step].ravel() for array in states]).tolist()
            for step in (0, 1, 2, 10, 50)
        },
        "last": {
            "loss": found["loss"],
            "accuracy": found["accuracy"],
            "validation": None if training.all() else found["validation_accuracy"],
            "residual": found["residual_rms"],
            "measured": force.ravel().tolist(),
            "predicted": model.predicted_labels(last, task, config.bias_scale).tolist(),
            "regions": ground.ravel().tolist(),
        },
    }


def field_start(config: TrainingConfig, seed: int) -> tuple[Parameters, list[float]]:
    """Parameters with which the field begins, and the pace of each of their arrays.

    What `field` computes from them is near for some steps: it computes in float32.
    """
    _, recipe, _ = prepare(config, config.task, seed, None)
    E = config.initial(seed).embeddings
    theta, wide = _wide_limit(E, recipe, _even_cube(NODES), 1.0)
    pace = wide.rates / recipe.rates
    exact = np.where(np.isclose(pace, 1), 1, np.sqrt(config.hidden / NODES))
    np.testing.assert_allclose(pace, exact, rtol=1e-6)
    start = Parameters(*engine.unpack(theta, config.modulus, NODES))
    return start, exact[[0, 1, 1, 2, 3]].tolist()


def shapes() -> list[np.ndarray]:
    """Noise, circles, ellipses, lattices and stripes, clean and noisy, of several sizes."""
    rng = np.random.default_rng(0)
    found = [3 * rng.standard_normal((N, 2)) + 1 for N in (3, 5, 7, 12, 17, 31) for _ in range(3)]
    for N, k in ((5, 1), (12, 5), (12, 4), (17, 3), (31, 7)):
        angle = 2 * np.pi * k * np.arange(N) / N
        ring = np.stack([np.cos(angle), np.sin(angle)], -1)
        for noise in (0, 0.1, 0.3, 0.6):
            found.append(ring + noise * rng.standard_normal((N, 2)))
            found.append(found[-1] * [1, 0.15])
    for N, u, v in ((17, 1, 4), (17, 1, 6), (16, 3, 4), (12, 3, 4), (31, 2, 11), (17, 1, 9)):
        for skew in (np.eye(2), np.array([[1.0, 0.0], [0.5, 0.8]])):
            patch = lattice_patch(N, u, v) @ skew
            found += [patch + s * rng.standard_normal((N, 2)) for s in (0, 0.05, 0.12, 0.2)]
    for N, rows in ((17, 2), (17, 3), (23, 3), (13, 1)):
        a = np.arange(N)
        stripe = np.stack([a // rows, 2.5 * (a % rows)], -1).astype(float)
        found += [stripe + s * rng.standard_normal((N, 2)) for s in (0, 0.03, 0.1)]
    start = rng.standard_normal((12, 17, 2))
    grown = [two_force(start, force, 300, snapshots=[300]).final for force in (0.0, 0.5, 1.0)]
    return found + [E.astype(float) for E in np.concatenate(grown)]


ALTERED = (
    {},
    {"CIRCLE_SCORE": 0.6, "CIRCLE_ROUNDNESS": 0.5, "GRID_SCORE": 0.5},
    {"GRID_SCORE": 0.9, "STRIPE_ROWS": 4, "STRIPE_ASPECT": 1.0, "CLOSURE_TOLERANCE": 0.2},
    {"STEP_TOLERANCE": 0.2, "COLLINEAR": 0.4, "COINCIDENT": 1e-3},
)
"""Thresholds other than those of Python, to be obeyed as well."""


def described() -> tuple[list[dict], list[dict]]:
    """Thresholds, and what Python reads off every shape by them."""
    thresholds, found, given = [], [], shapes()
    for number, altered in enumerate(ALTERED):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in altered.items():
                patch.setattr(structure if hasattr(structure, name) else _lattice, name, value)
            thresholds.append(
                _view.SHARED["thresholds"] | {k.lower(): v for k, v in altered.items()}
            )
            for E in given:
                kind, ring, lattice, _ = structure.describe(E)
                expected = {
                    "circle": float(ring.score),
                    "frequency": int(ring.frequency),
                    "roundness": float(ring.roundness),
                    "grid": float(lattice.score),
                    "steps": np.ravel(lattice.steps).tolist(),
                    "rows": int(lattice.rows),
                    "columns": int(lattice.columns),
                    "closure": float(structure.closure(E)),
                    "kind": str(kind),
                }
                case = {"E": E.ravel().tolist(), "thresholds": number, "expected": expected}
                found.append(case)
    return thresholds, found


def pairs(task: ModularAddition) -> dict:
    named = {"labels": task.labels, "multiplicity": task.multiplicity, "pairs": task.pairs}
    return {"N": task.modulus} | {name: array.tolist() for name, array in named.items()}


def separable(E: np.ndarray) -> float:
    task = ModularAddition(len(E))
    E = E - E.mean(0)
    x = task.pair_sums(E / np.sqrt((E**2).sum(-1).mean()))
    distance = np.linalg.norm(x[:, None] - x, axis=-1)
    np.fill_diagonal(distance, np.inf)
    nearest = distance <= distance.min(-1, keepdims=True) + 1e-9
    votes = (nearest & (task.labels == task.labels[:, None])).sum(-1)
    right = 2 * votes > nearest.sum(-1)
    return float((right * task.multiplicity).sum() / len(E) ** 2)


def random_numbers(seed: int) -> dict:
    normal, order, uniform = (np.random.default_rng([seed, stream]) for stream in range(3))
    return {
        "seed": seed,
        "normal": normal.standard_normal((150, 2)).astype(np.float32).ravel().tolist(),
        "uniform": uniform.uniform(-0.7, 0.7, 60).tolist(),
        "order": order.permutation(153 + seed % 7).tolist(),
    }


def two_force_path(alignment: float) -> dict:
    start = np.random.default_rng(1).standard_normal((17, 2)).astype(np.float32)
    settings = {"step_size": 0.3, "momentum": 0.9, "reach": 0.6}
    run = two_force(start, alignment, 3, snapshots=[0, 1, 2, 3], **settings)
    options = {"alignment": alignment, "stepSize": 0.3, "momentum": 0.9, "reach": 0.6}
    return {
        "start": start.ravel().tolist(),
        "options": options,
        "path": run.embeddings[:, 0].reshape(4, -1).tolist(),
        "potential": run.loss[:, 0].tolist(),
    }


def packed_track() -> dict:
    config = TrainingConfig(modulus=7, hidden=16, steps=60, train_share=0.8)
    run = train(config, 3, snapshots=8, keep_parameters=True, cache=False, progress=False)
    header = _frames.track(run, 3)
    predicted = model.predicted_labels(run.parameters, config.task)
    expected = {
        "steps": run.steps.tolist(),
        "embeddings": run.embeddings[:, 0].reshape(len(run.steps), -1).tolist(),
        "predicted": predicted[:, 0].tolist(),
        "accuracy": run.accuracy[:, 0].tolist(),
    }
    content = base64.b64encode(header.pop("bytes")).decode()
    return {"header": header, "content": content, "expected": expected}
