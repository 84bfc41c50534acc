"""Run files that are damaged or made to harm: refused, or the very same run; nothing in between."""

import io
import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from modadd import Run, TrainingConfig, train
from modadd.cache import cache_size, clear_cache
from modadd.run import RunFileError

TINY = TrainingConfig(modulus=3, hidden=1, steps=2)


@pytest.fixture(scope="module")
def run():
    return train(TINY, 4, snapshots=[0, 2], keep_parameters=True, cache=False, progress=False)


@pytest.fixture
def path(run, tmp_path):
    run.save(tmp_path / "run.npz")
    return tmp_path / "run.npz"


def content(run: Run) -> list:
    arrays = {k: (a.dtype.str, a.shape, a.tobytes()) for k, a in run._arrays().items()}
    return [run.source, run.settings, arrays]


def refused(path: Path, expected: Run) -> bool:
    """Whether loading refuses the file; if not, it must be the expected run, bit for bit."""
    try:
        found = Run.load(path)
    except RunFileError as error:
        assert path.name in str(error)
        return True
    assert content(found) == content(expected)
    return False


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, changes: dict[str, bytes | None]) -> None:
    """Write the file again with some members replaced, added or, by None, left out."""
    found = members(path) | changes
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in found.items():
            if data is not None:
                archive.writestr(name, data)


def npy(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def declared(shape: tuple | str, descr: str = "<f4", data: bytes = b"") -> bytes:
    """An npy file that declares a shape, whatever data follow."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


def header(path: Path, **changes) -> bytes:
    found = json.loads(np.load(io.BytesIO(members(path)["header.npy"])).tobytes())
    text = json.dumps({k: v for k, v in (found | changes).items() if v is not ...})
    return npy(np.frombuffer(text.encode(), np.uint8))


def test_a_byte_flipped_is_refused_or_harmless(run, path):
    """Every third byte of the file, in all bits or in one."""
    whole, counting, refusals = path.read_bytes(), set(), set()
    for array in run._arrays().values():
        start = whole.index(array.tobytes())
        counting |= set(range(start, start + array.nbytes))
    tried = range(0, len(whole), 3)
    for i in tried:
        flipped = whole[i] ^ (0xFF, 1 << i % 8)[i % 2]
        path.write_bytes(whole[:i] + bytes([flipped]) + whole[i + 1 :])
        if refused(path, run):
            refusals.add(i)
    # Only fields of the zip that nobody reads are harmless.
    assert counting & set(tried) <= refusals
    assert len(refusals) > 0.5 * len(tried)


def test_each_cut_is_refused(path, run):
    whole = path.read_bytes()
    for length in [*range(0, len(whole), len(whole) // 50), *range(len(whole) - 25, len(whole))]:
        path.write_bytes(whole[:length])
        assert refused(path, run), length


def test_what_is_put_before_or_behind_is_refused_or_harmless(path, run):
    whole = path.read_bytes()
    for junk in (b"\0", b"PK\5\6", b"junk" * 1000, whole):
        for changed in (junk + whole, whole + junk):
            path.write_bytes(changed)
            refused(path, run)


@pytest.mark.parametrize("field", ["format", "source", "settings", "arrays"])
def test_edited_headers_are_refused(path, field):
    for value in (99, None, [1, 2], ...):
        rewrite(path, {"header.npy": header(path, **{field: value})})
        with pytest.raises(RunFileError):
            Run.load(path)


WRONG = {
    "seeds": [[-1], [], [4, 5], [4.0], 4],
    "steps": [[2, 0], [1, 1], [-1, 2], [0, 1, 2]],
    "embeddings": [
        np.zeros((2, 1, 3, 2)),
        np.zeros((2, 1, 2, 2), "f4"),
        np.zeros((2, 1, 3, 2), ">f4"),
        np.zeros((2, 3, 2), "f4"),
        np.zeros((2, 0, 3, 2), "f4"),
    ],
    "loss": [np.zeros((1, 2), "f4"), np.zeros((2, 1), "i4"), np.zeros((2, 1), "f4,f4")],
    "parameters.w1": [np.zeros((2, 1, 2, 5), "f4"), np.zeros((2, 1), "f4"), np.zeros((2, 1, 2, 1))],
    "parameters.b1": [np.zeros((), "f4")],
}
TEXTS = [b"", b"[]", b"7", b"{", b'"\xff"', b"[" * 100_000]
HUGE = [((2**40, 2**40), "<f4"), ((-(2**20), -(2**20)), "<f4"), ((1,), "|V1099511627776")]
MEMBERS = {name: [npy(np.asarray(array)) for array in arrays] for name, arrays in WRONG.items()}
MEMBERS["loss"] += [declared(*more_than_there_is) for more_than_there_is in HUGE]
MEMBERS["header"] = [None, *(npy(np.frombuffer(text, np.uint8)) for text in TEXTS)]
MEMBERS["accuracy"] = [None]
"""Members of another type or shape than a Run's, a None for those that are missing."""


@pytest.mark.parametrize("name", MEMBERS)
def test_members_that_no_run_has_are_refused(path, name):
    whole = path.read_bytes()
    for data in MEMBERS[name]:
        rewrite(path, {f"{name}.npy": data})
        with pytest.raises(RunFileError):
            Run.load(path)
        path.write_bytes(whole)


class Trap:
    """Would make a folder if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_is_executed(path, tmp_path):
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung))
    objects = npy(np.array([Trap(sprung)], object), allow_pickle=True)
    expressions = declared("(2, 1), __import__('os').mkdir('sprung')")
    for evil in (trap, objects, expressions, declared((2, 1), "|O", trap)):
        for name in ("loss.npy", "header.npy", "evil.npy", "../evil.npy", "/evil.npy", "loss.pkl"):
            whole = path.read_bytes()
            rewrite(path, {name: evil})
            with pytest.raises(RunFileError):
                Run.load(path)
            path.write_bytes(whole)
    path.write_bytes(trap)
    with pytest.raises(RunFileError):
        Run.load(path)
    assert list(tmp_path.iterdir()) == [path] and not Path("sprung").exists()


def test_two_members_of_one_name_are_refused(path):
    for name in ("loss.npy", "loss"):
        whole = path.read_bytes()
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile minds a name that comes twice
            archive.writestr(name, members(path)["loss.npy"])
        with pytest.raises(RunFileError, match="members are not those of its header"):
            Run.load(path)
        path.write_bytes(whole)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def again(seeds=4):
    return train(TINY, seeds, snapshots=[0, 2], keep_parameters=True, progress=False)


def test_damaged_entries_are_computed_again(cache, run):
    first = again([4, 5, 6])
    entries = sorted(cache.glob("*/*/*.npz"))
    entries[0].write_bytes(b"PK")
    entries[1].write_bytes(entries[2].read_bytes())  # whole, and another's
    with pytest.warns(UserWarning, match="2 damaged entries in the cache, .*4.npz is damaged"):
        assert content(again([4, 5, 6])) == content(first)
    assert content(Run.load(entries[0])) == content(run)
    entries[0].write_bytes(entries[1].read_bytes())
    with pytest.warns(UserWarning, match="1 damaged entry .* another run than its place says"):
        again([4, 5, 6])
    assert content(again()) == content(run)  # without a warning


def test_nothing_outside_the_cache_is_touched(cache, tmp_path):
    again()
    folder = next(cache.glob("*/*/"))
    outside = tmp_path / "outside"
    (outside / "0".zfill(24)).mkdir(parents=True)
    (outside / "4.npz").write_bytes(b"mine")
    (outside / "0".zfill(24) / "4.npz").write_bytes(b"mine")
    (cache / ("1" * 24)).symlink_to(outside)
    (folder.parent / ("2" * 24)).symlink_to(outside)
    (cache / "mine").mkdir()
    (cache / "mine" / "4.npz").write_bytes(b"mine")
    (folder / "5.npz").symlink_to(outside / "4.npz")
    (folder / ".6.npz.1a2b").write_bytes(b"PK")
    with pytest.warns(UserWarning, match="1 damaged entry"):
        again([4, 5])
    assert cache_size() == clear_cache() > 0
    assert cache_size() == 0
    left = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in left} == {"4.npz"}
    assert all((tmp_path / path).read_bytes() == b"mine" for path in left) and len(left) == 3
