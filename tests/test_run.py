"""Run files and the cache."""

import csv
import os
import re
import shutil
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from samples import same_run

import modadd.cache
import modadd.run
from modadd import Run, TrainingConfig, train
from modadd.__main__ import main
from modadd.cache import cache_folder, cache_size
from modadd.run import RunFileError, join

CONFIG = TrainingConfig(modulus=5, hidden=6, steps=20, train_share=0.7)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def run():
    return train(CONFIG, [2, 0, 7], keep_parameters=True, cache=False, progress=False)


def test_saved_runs_come_back_bit_for_bit(run, tmp_path):
    run.save(tmp_path / "run.npz")
    same_run(Run.load(tmp_path / "run.npz"), run)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert TrainingConfig(**Run.load(tmp_path / "run.npz").settings) == CONFIG


def test_select_and_join_are_inverse(run):
    same_run(join([run.select(seed) for seed in (2, 0, 7)]), run)
    assert run.select([7, 2]).seeds.tolist() == [7, 2]
    with pytest.raises(ValueError, match="seeds must be among those of the run, got 4"):
        run.select(4)
    with pytest.raises(ValueError, match="seeds must be distinct"):
        join([run, run.select(0)])


def made_by_hand(run, convert):
    arrays = {k: convert(a) for k, a in run._arrays().items() if not k.startswith("parameters")}
    others = {"source": run.source, "settings": run.settings}
    return others | {"parameters": run.parameters.map(convert)} | arrays


def test_a_run_made_of_lists_or_tensors_is_the_run_of_arrays(run):
    for convert in (np.ndarray.tolist, torch.tensor, lambda a: a.astype(a.dtype.newbyteorder())):
        same_run(Run(**made_by_hand(run, convert)), run)


def test_settings_are_those_that_a_file_gives_back(run, tmp_path):
    settings = {"rate": np.float32(0.5), "on": (1, 2), "many": np.arange(2), "sub": {3: None}}
    made = Run(**made_by_hand(run, np.copy) | {"settings": settings})
    assert made.settings == {"rate": 0.5, "on": [1, 2], "many": [0, 1], "sub": {"3": None}}
    made.save(tmp_path / "run.npz")
    same_run(Run.load(tmp_path / "run.npz"), made)


def test_parameters_of_other_shapes_are_refused(run):
    for name in run.parameters._fields:
        wrong = run.parameters._replace(**{name: getattr(run.parameters, name)[..., :-1, :]})
        with pytest.raises(ValueError, match=r"^parameters\.\w+ must have shape"):
            replace(run, parameters=wrong)


def test_a_run_says_in_one_line_what_it_is(run):
    said = "<Run of network: N = 5, 3 seeds, 21 snapshots from step 0 to 20, all parameters>"
    assert repr(run) == said
    assert len(run) == 3
    assert re.fullmatch(r"\d+\.\d+\.\d+", modadd.__version__)


def test_a_table_has_a_row_for_each_seed_and_snapshot(run, tmp_path):
    table = run.table()
    assert {len(column) for column in table.values()} == {3 * 21}
    row = (table["seed"] == 7) & (table["step"] == 4)
    assert table["force_rms"][row] == run.select(7).force_rms[run.nearest(4)]
    run.to_csv(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    assert names == ["seed", "step", *modadd.run.SCALARS] == list(table)
    for name, values in zip(names, zip(*rows), strict=True):
        np.testing.assert_array_equal(np.array(values, table[name].dtype), table[name])


def test_no_seed_is_held_twice():
    config = TrainingConfig(17, 4, 60)
    train(config, 0, cache=False, progress=False)
    tracemalloc.start()
    whole = train(config, range(300), cache=False, progress=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.3 * (whole.embeddings.nbytes + 5 * whole.loss.nbytes)


def test_another_format_version_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(modadd.run, "FORMAT", 99)
    run.save(tmp_path / "run.npz")
    monkeypatch.undo()
    with pytest.raises(RunFileError, match="it has format 99; this version reads format 1"):
        Run.load(tmp_path / "run.npz")


def test_cache_returns_what_was_computed_and_computes_only_what_is_missing(cache, monkeypatch):
    first = train(CONFIG, [0, 1], progress=False)
    assert cache_size() > 0 and cache_folder() == cache
    trained = []
    real = modadd.training.record
    monkeypatch.setattr(modadd.training, "record", lambda *a: (trained.append(a[2]), real(*a))[1])
    both = train(CONFIG, [5, 1, 0], progress=False)
    assert trained == [5]
    same_run(both.select([0, 1]), first)
    train(CONFIG, [0], snapshots=3, progress=False)
    assert trained == [5, 0]  # other snapshots are another entry


def test_entries_of_code_that_nobody_uses_any_more_are_deleted(cache, monkeypatch):
    modadd.cache._tidy.cache_clear()
    train(CONFIG, [0], progress=False)
    (old,) = cache.glob("*/")
    monkeypatch.setattr(modadd.cache, "code_version", lambda: "b" * 64)
    modadd.cache._tidy.cache_clear()
    train(CONFIG, [0], progress=False)
    assert old.exists()  # another installation may be using it
    os.utime(old, (0, 0))
    modadd.cache._tidy.cache_clear()
    train(CONFIG, [0], progress=False)
    assert not old.exists() and len(list(cache.glob("*/*/0.npz"))) == 1
    (used,) = cache.glob("*/")
    os.utime(used, (0, 0))  # no new entry since long, but these are asked for
    modadd.cache._tidy.cache_clear()
    train(CONFIG, [0], progress=False)
    assert len(list(cache.glob("*/*/0.npz"))) == 1


def test_a_cache_that_is_cleared_meanwhile_costs_one_entry_at_most(cache, monkeypatch):
    saved, save = [], Run.save

    def interfering(run, path):
        saved.append(path)
        if len(saved) == 2:
            shutil.rmtree(path.parent)
        save(run, path)

    monkeypatch.setattr(Run, "save", interfering)
    train(CONFIG, range(5), threads=1, progress=False)  # a warning would fail the test
    assert [path.exists() for path in saved] == [False, False, True, True, True]


def test_given_embeddings_are_part_of_the_key(cache):
    start = np.random.default_rng(0).normal(size=(2, 5, 2))
    a = train(CONFIG, [0, 1], initial_embeddings=start, progress=False)
    b = train(CONFIG, [0, 1], initial_embeddings=start[::-1], progress=False)
    np.testing.assert_array_equal(a.embeddings[0], b.embeddings[0][::-1])


def test_a_cache_that_cannot_be_written_warns_and_returns_the_result(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("MODADD_CACHE", str(blocked))
    with pytest.warns(UserWarning, match="cannot be written"):
        run = train(CONFIG, [0, 1], progress=False)
    assert run.seeds.tolist() == [0, 1]


def test_the_command_reports_and_clears_the_cache(cache, capsys):
    train(CONFIG, [0], progress=False)
    main([])
    assert f"{cache_size() / 1e6:.1f} MB in {cache}" in capsys.readouterr().out
    main(["--clear-cache"])
    assert "freed" in capsys.readouterr().out
    assert cache_size() == 0
