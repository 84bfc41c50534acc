"""Compiled code is kept under the version of all compiled code, or not at all."""

import numpy as np
import pytest
from numba import njit
from numba.core.dispatcher import Dispatcher

from modadd._compiled import engine, field, force_sums, rules, store, two_forces


def twice(x):
    return 2 * x


def compiled():
    """A function as a process finds it when it starts, called once; whether it was loaded."""
    function = store.kept(njit(twice))
    assert function(2) == 4
    return bool(function.stats.cache_hits)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(store, "_told", [])
    return tmp_path


def test_code_is_loaded_again_by_the_same_version_only(folder, monkeypatch):
    assert not compiled()
    assert compiled()
    before = {path.name for path in folder.rglob("*.nb?")}
    monkeypatch.setattr(store, "VERSION", "f" * 64)
    assert not compiled()
    assert compiled()
    after = {path.name for path in folder.rglob("*.nb?")}
    assert len(before) == len(after) == 2 and not before & after  # nothing is left of the old one


def test_every_byte_of_every_module_makes_a_version(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("y = 1\n")
    found = {store.version_of(tmp_path)}
    (tmp_path / "b.py").write_text("y = 2\n")
    found.add(store.version_of(tmp_path))
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    found.add(store.version_of(tmp_path))
    (tmp_path / "c.py").unlink()
    found.add(store.version_of(tmp_path))
    assert len(found) == 4


def test_all_that_is_kept_is_kept_so():
    for module in (engine, field, force_sums, rules, two_forces):
        found = [f for f in vars(module).values() if isinstance(f, Dispatcher)]
        kept = [f for f in found if type(f._cache).__name__ != "NullCache"]
        assert kept and all(type(f._cache) is store._Cache for f in kept), module


def test_without_a_place_it_is_compiled_each_time_and_said_once(folder, monkeypatch):
    monkeypatch.setattr(store._Files, "_locator_classes", ())
    with pytest.warns(UserWarning, match="compiled code cannot be kept, .* no locator") as told:
        assert not compiled()
        assert not compiled()
    assert len(told) == 1


def test_a_full_disk_costs_no_result(folder, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", full)
    with pytest.warns(UserWarning, match="cannot be kept, .* No space left"):
        assert not compiled()


def test_no_folder_is_named_after_a_home_that_is_not_there(tmp_path, monkeypatch):
    home = "~/.cache/numba"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "_told", [])
    for locator in store._Files._locator_classes:
        monkeypatch.setattr(locator, "get_cache_path", lambda self: home)
    with pytest.warns(UserWarning, match="cannot be kept"):
        assert not compiled()
    assert not list(tmp_path.iterdir())


def test_two_threads_may_ask_for_forces_at_once():
    """In numba's or OpenMP's own pool one of them would end the process, or wait for ever."""
    from concurrent.futures import ThreadPoolExecutor

    from modadd import forces

    E = np.random.default_rng(0).normal(size=(3, 31, 2))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: forces.exact(E), range(6)))
    for one in found:
        np.testing.assert_array_equal(one, found[0])
    assert force_sums._sum_rows.targetoptions.get("parallel") is None
