"""Run files and the cache."""

import json
import shutil
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import modadd.cache
import modadd.run
from modadd import Run, TrainingConfig, train
from modadd.__main__ import main
from modadd.cache import cache_folder, cache_size, cached, clear_cache
from modadd.run import RunFileError, join

CONFIG = TrainingConfig(modulus=5, hidden=6, steps=20, train_share=0.7)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def run():
    return train(CONFIG, [2, 0, 7], keep_parameters=True, cache=False, progress=False)


def arrays(run):
    named = {name: getattr(run, name) for name in modadd.run._ARRAYS}
    return named | (run.parameters._asdict() if run.parameters else {})


def assert_same(a, b):
    assert (a.source, a.settings) == (b.source, b.settings)
    assert arrays(a).keys() == arrays(b).keys()
    for name, array in arrays(a).items():
        assert array.tobytes() == arrays(b)[name].tobytes(), name
        assert array.dtype == arrays(b)[name].dtype


def test_saved_runs_come_back_bit_for_bit(run, tmp_path):
    run.save(tmp_path / "run.npz")
    assert_same(Run.load(tmp_path / "run.npz"), run)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert TrainingConfig(**Run.load(tmp_path / "run.npz").settings) == CONFIG


def test_select_and_join_are_inverse(run):
    assert_same(join([run.select(seed) for seed in (2, 0, 7)]), run)
    assert run.select([7, 2]).seeds.tolist() == [7, 2]
    with pytest.raises(ValueError, match="seeds must be among those of the run, got 4"):
        run.select(4)
    with pytest.raises(ValueError, match="runs must hold at least 1"):
        join([])
    other = train(CONFIG, [1], snapshots=3, cache=False, progress=False)
    with pytest.raises(ValueError, match="share their steps"):
        join([run, other])
    with pytest.raises(ValueError, match="seeds must be distinct"):
        join([run, run.select(0)])
    with pytest.raises(ValueError, match="share source and settings"):
        join([run, replace(run, source="field", seeds=run.seeds + 9)])
    with pytest.raises(ValueError, match="all have parameters, or none"):
        join([run, replace(run, parameters=None, seeds=run.seeds + 9)])


def test_a_computation_must_not_leave_seeds_out(run):
    with pytest.raises(ValueError, match="seed 7 is missing"):
        cached(None, [2, 0, 7], lambda missing, keep: keep(run.select([2, 0])))


def test_no_seed_is_held_twice():
    config = TrainingConfig(17, 4, 60)
    train(config, 0, cache=False, progress=False)
    tracemalloc.start()
    whole = train(config, range(800), cache=False, progress=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.3 * (whole.embeddings.nbytes + 5 * whole.loss.nbytes)


def test_nearest_step(run):
    assert run.steps[run.nearest(0)] == 0
    assert run.steps[run.nearest(1e9)] == 20


def rewrite(path, **changes):
    """Write a run file again with some members replaced (or, by None, removed)."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files} | changes
    np.savez(path, **{name: array for name, array in members.items() if array is not None})


def header(path, **changes):
    with np.load(path) as archive:
        content = json.loads(archive["header"].tobytes()) | changes
    return np.frombuffer(json.dumps(content).encode(), np.uint8)


def test_another_format_version_is_refused(run, tmp_path):
    path = tmp_path / "run.npz"
    run.save(path)
    rewrite(path, header=header(path, format=99))
    with pytest.raises(RunFileError, match="has format 99; this version reads format 1"):
        Run.load(path)


@pytest.mark.parametrize("member", ["header", "embeddings", "loss", "parameters.w1"])
def test_missing_members_are_refused(run, tmp_path, member):
    path = tmp_path / "run.npz"
    run.save(path)
    rewrite(path, **{member: None})
    with pytest.raises(RunFileError, match="run.npz is damaged"):
        Run.load(path)


def test_arrays_that_do_not_belong_together_are_refused(run, tmp_path):
    path = tmp_path / "run.npz"
    run.save(path)
    rewrite(path, loss=run.loss[:-1])
    with pytest.raises(RunFileError, match="loss must have shape"):
        Run.load(path)


def test_foreign_files_are_refused(tmp_path):
    text, foreign = tmp_path / "a.npz", tmp_path / "b.npz"
    text.write_text("no archive")
    np.savez(foreign, x=np.arange(3))
    for path in (text, foreign, tmp_path):
        with pytest.raises(RunFileError):
            Run.load(path)
    with pytest.raises(FileNotFoundError):
        Run.load(tmp_path / "none.npz")


def test_pickles_are_never_read(run, tmp_path):
    path = tmp_path / "run.npz"
    run.save(path)
    rewrite(path, loss=np.array([print], dtype=object))
    with pytest.raises(RunFileError, match="pickle"):
        Run.load(path)


def test_a_cut_or_altered_file_is_refused(run, tmp_path):
    path = tmp_path / "run.npz"
    run.save(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole), len(whole) // 10):
        path.write_bytes(whole[:cut])
        with pytest.raises(RunFileError):
            Run.load(path)
    at = whole.index(run.embeddings.tobytes()[:64]) + 7
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(RunFileError, match="CRC"):
        Run.load(path)


def test_cache_returns_what_was_computed_and_computes_only_what_is_missing(cache, monkeypatch):
    first = train(CONFIG, [0, 1], progress=False)
    assert cache_size() > 0 and cache_folder() == cache
    trained = []
    real = modadd.training.record
    monkeypatch.setattr(modadd.training, "record", lambda *a: (trained.append(a[2]), real(*a))[1])
    both = train(CONFIG, [5, 1, 0], progress=False)
    assert trained == [5]
    assert_same(both.select([0, 1]), first)
    train(CONFIG, [0], snapshots=3, progress=False)
    assert trained == [5, 0]  # other snapshots are another entry


def test_the_cache_depends_on_the_code(cache, monkeypatch):
    train(CONFIG, [0], progress=False)
    monkeypatch.setattr(modadd.cache, "code_version", lambda: "another")
    train(CONFIG, [0], progress=False)
    assert len(list(cache.glob("*/*.npz"))) == 2


def test_clearing_leaves_what_is_being_written_and_survives_what_vanishes(cache, monkeypatch):
    train(CONFIG, range(3), progress=False)
    folder = next(cache.glob("*/"))
    (folder / ".9.npz.1a2b").write_bytes(b"PK")
    real = modadd.cache._cache_files

    def vanishing():
        yield folder / "77.npz"  # another process was faster
        yield from real()

    monkeypatch.setattr(modadd.cache, "_cache_files", vanishing)
    assert cache_size() > 0 and clear_cache() > 0
    assert [path.name for path in folder.iterdir()] == [".9.npz.1a2b"]


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


def test_clearing_frees_what_the_size_says_and_spares_other_files(cache):
    train(CONFIG, [0, 1, 2], progress=False)
    (cache / "notes.txt").write_text("mine")
    size = cache_size()
    assert clear_cache() == size > 0
    assert cache_size() == 0
    assert [path.name for path in cache.iterdir()] == ["notes.txt"]


def test_the_command_reports_and_clears_the_cache(cache, capsys):
    train(CONFIG, [0], progress=False)
    main([])
    assert f"{cache_size() / 1e6:.1f} MB in {cache}" in capsys.readouterr().out
    main(["--clear-cache"])
    assert "freed" in capsys.readouterr().out
    assert cache_size() == 0
