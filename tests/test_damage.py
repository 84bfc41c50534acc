"""Run files that are damaged or made to harm: refused, or the very same run; nothing in between."""

import io
import json
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import modadd.run
from modadd import Run, TrainingConfig, train
from modadd.cache import cache_size, clear_cache
from modadd.run import RunFileError

TINY = TrainingConfig(modulus=3, hidden=1, steps=2)
QUIET = {"cache": False, "progress": False}
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def run():
    return train(TINY, 4, snapshots=[0, 2], keep_parameters=True, **QUIET)


@pytest.fixture
def path(run, tmp_path):
    run.save(tmp_path / "run.npz")
    return tmp_path / "run.npz"


def content(run: Run) -> list:
    arrays = [run.seeds, run.steps, run.embeddings]
    arrays += [getattr(run, name) for name in modadd.run.SCALARS] + list(run.parameters or ())
    return [run.source, run.settings, *((a.dtype.str, a.shape, a.tobytes()) for a in arrays)]


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


def rewrite(path: Path, changes: dict[str, bytes | None], how: int = zipfile.ZIP_STORED) -> None:
    """Write the file again with some members replaced, added or, by None, left out."""
    found = members(path) | changes
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in found.items():
            if data is not None:
                archive.writestr(name, data)


def npy(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def declared(shape: tuple, descr: str = "<f4", data: bytes = b"") -> bytes:
    """An npy file that declares a shape, whatever data follow."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


def header(path: Path, **changes) -> bytes:
    found = json.loads(np.load(io.BytesIO(members(path)["header.npy"])).tobytes())
    text = json.dumps({k: v for k, v in (found | changes).items() if v is not ...})
    return npy(np.frombuffer(text.encode(), np.uint8))


def test_each_byte_flipped_is_refused_or_harmless(run, path):
    whole = path.read_bytes()
    refusals = 0
    for i, byte in enumerate(whole):  # trust/damage.py flips every bit
        path.write_bytes(whole[:i] + bytes([byte ^ (0xFF, 1 << i % 8)[i % 2]]) + whole[i + 1 :])
        refusals += refused(path, run)
    assert refusals > 0.5 * len(whole)  # only fields of the zip that nobody reads are harmless


def test_each_byte_of_the_arrays_counts(run, path):
    whole = path.read_bytes()
    for array in (run.seeds, run.steps, run.embeddings, run.loss, run.parameters.w1):
        start = whole.index(array.tobytes())
        for i in range(start, start + array.nbytes):
            path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
            with pytest.raises(RunFileError, match="CRC"):
                Run.load(path)


def test_each_cut_is_refused(path, run):
    whole = path.read_bytes()
    for length in [*range(0, len(whole), len(whole) // 100), *range(len(whole) - 50, len(whole))]:
        path.write_bytes(whole[:length])
        assert refused(path, run), length


def test_what_is_put_before_or_behind_is_refused_or_harmless(path, run):
    whole = path.read_bytes()
    for junk in (b"\0", b"PK\5\6", b"junk" * 1000, whole):
        for changed in (junk + whole, whole + junk):
            path.write_bytes(changed)
            refused(path, run)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 99},
        {"format": None},
        {"format": ...},
        {"source": 3},
        {"source": ...},
        {"settings": [1, 2]},
        {"settings": ...},
    ],
)
def test_edited_headers_are_refused(path, changes):
    rewrite(path, {"header.npy": header(path, **changes)})
    with pytest.raises(RunFileError):
        Run.load(path)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"7", b"{", b'"\xff"', b"[" * 100_000, b"1" * 100_000, b'{"a": NaN}']
)
def test_headers_that_are_none_are_refused(path, text):
    rewrite(path, {"header.npy": npy(np.frombuffer(text, np.uint8))})
    with pytest.raises(RunFileError):
        Run.load(path)


WRONG = {
    "seeds": [
        np.array([-1]),
        np.array([], np.int64),
        np.array([4, 5]),
        np.array([4.0]),
        np.int64(4),
    ],
    "steps": [np.array([2, 0]), np.array([1, 1]), np.array([-1, 2]), np.array([0, 1, 2])],
    "embeddings": [
        np.zeros((2, 1, 3, 2)),
        np.zeros((2, 1, 2, 2), "f4"),
        np.zeros((2, 1, 3, 2), ">f4"),
        np.zeros((2, 3, 2), "f4"),
        np.zeros((2, 0, 3, 2), "f4"),
    ],
    "loss": [np.zeros((1, 2), "f4"), np.zeros((2, 1), "i4"), np.zeros((2, 1), "f4,f4")],
    "parameters.w1": [np.zeros((2, 1, 2, 5), "f4"), np.zeros((2, 1), "f4")],
    "parameters.b1": [np.zeros((), "f4"), None],
    "accuracy": [None],
    "header": [None],
}


@pytest.mark.parametrize(("name", "array"), [(k, a) for k, v in WRONG.items() for a in v])
def test_arrays_of_another_type_or_shape_are_refused(path, name, array):
    rewrite(path, {f"{name}.npy": None if array is None else npy(np.asarray(array))})
    with pytest.raises(RunFileError):
        Run.load(path)


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
        for name in ("loss.npy", "header.npy", "evil.npy", "loss.pkl"):
            whole = path.read_bytes()
            rewrite(path, {name: evil})
            with pytest.raises(RunFileError):
                Run.load(path)
            path.write_bytes(whole)
    path.write_bytes(trap)
    with pytest.raises(RunFileError):
        Run.load(path)
    assert not sprung.exists()


@pytest.mark.parametrize(
    "name", ["../evil.npy", "/evil.npy", "a/loss.npy", "C:\\evil.npy", "loss.npy/", "a\0b.npy"]
)
def test_paths_in_names_lead_nowhere(path, name):
    before = sorted(path.parent.rglob("*"))
    rewrite(path, {name: b"evil"})
    with pytest.raises(RunFileError):
        Run.load(path)
    assert sorted(path.parent.rglob("*")) == before


def test_two_members_of_one_name_are_refused(path):
    for name in ("loss.npy", "loss"):
        whole = path.read_bytes()
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile minds a name that comes twice
            archive.writestr(name, members(path)["loss.npy"])
        with pytest.raises(RunFileError, match="members are not those of its header"):
            Run.load(path)
        path.write_bytes(whole)


def compressed(path: Path) -> None:
    zeros = declared((2**24,), data=bytes(2**26))
    rewrite(path, {"loss.npy": zeros}, zipfile.ZIP_DEFLATED)


def declares_terabytes(path: Path) -> None:
    rewrite(path, {"loss.npy": declared((2**20, 2**20))})


def declares_more_than_counts(path: Path) -> None:
    rewrite(path, {"loss.npy": declared((2**40, 2**40))})


def declares_negative(path: Path) -> None:
    rewrite(path, {"loss.npy": declared((-(2**20), -(2**20)))})


def declares_large_items(path: Path) -> None:
    rewrite(path, {"loss.npy": declared((1,), "|V1099511627776")})


def directory_declares_terabytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    while (at := data.find(b"PK\1\2", at)) >= 0:
        struct.pack_into("<II", data, at + 20, 0xFFFFFFF0, 0xFFFFFFF0)
        at += 4
    path.write_bytes(data)


def overlaps(path: Path) -> None:
    """A directory of many entries that all mean the same megabytes."""
    rewrite(path, {f"{i}.npy": bytes(8 * MEGABYTE * (i == 0)) for i in range(100)})
    with zipfile.ZipFile(path) as archive:
        first, size = archive.getinfo("0.npy"), 8 * MEGABYTE
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    while (at := data.find(b"PK\1\2", at)) >= 0:
        struct.pack_into("<II", data, at + 20, size, size)
        struct.pack_into("<I", data, at + 42, first.header_offset)
        at += 4
    path.write_bytes(data)


def swollen_directory(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(30_000):
            archive.writestr(f"{i}.npy", b"")


def swollen_header(path: Path) -> None:
    rewrite(path, {"header.npy": npy(np.full(20 * MEGABYTE, ord("["), np.uint8))})


def long_npy_header(path: Path) -> None:
    file = io.BytesIO()
    shape = {"descr": [("a" * 9, "<f4")] * 1000, "fortran_order": False, "shape": (2, 1)}
    np.lib.format.write_array_header_1_0(file, shape)
    rewrite(path, {"loss.npy": file.getvalue() + bytes(8 * 1000)})


BOMBS = [
    compressed,
    declares_terabytes,
    declares_more_than_counts,
    declares_negative,
    declares_large_items,
    directory_declares_terabytes,
    overlaps,
    swollen_directory,
    swollen_header,
    long_npy_header,
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_in_little_memory(path, bomb):
    bomb(path)
    tracemalloc.start()
    with pytest.raises(RunFileError):
        Run.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MEGABYTE


def test_a_whole_file_takes_its_own_size_in_memory(tmp_path):
    whole = train(TrainingConfig(steps=60), range(64), keep_parameters=True, **QUIET)
    whole.save(tmp_path / "run.npz")
    size = (tmp_path / "run.npz").stat().st_size
    assert size > 15 * MEGABYTE
    tracemalloc.start()
    Run.load(tmp_path / "run.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size + 2 * MEGABYTE


def test_what_is_no_regular_file_is_refused_at_once(path):
    pipe, folder = path.with_name("pipe.npz"), path.with_name("folder.npz")
    os.mkfifo(pipe)
    folder.mkdir()
    for other in (pipe, folder, Path("/dev/zero")):
        with pytest.raises(RunFileError, match="no regular file"):
            Run.load(other)


def test_only_what_can_be_loaded_is_saved(run, tmp_path):
    wide = replace(run, loss=run.loss.astype(np.float64))
    with pytest.raises(ValueError, match="loss must be float32 to be saved, got float64"):
        wide.save(tmp_path / "wide.npz")
    assert not list(tmp_path.iterdir())


# The cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MODADD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def again(seeds=4):
    return train(TINY, seeds, snapshots=[0, 2], keep_parameters=True, progress=False)


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(b"PK"), declares_terabytes])
def test_a_damaged_entry_is_set_aside_and_computed_again(cache, run, damage):
    again()
    (entry,) = cache.glob("*/*.npz")
    damage(entry)
    harmed = entry.read_bytes()
    with pytest.warns(UserWarning, match=r"1 damaged entry .* it is now 4\.npz\.damaged"):
        assert content(again()) == content(run)
    assert entry.with_name("4.npz.damaged").read_bytes() == harmed
    assert content(Run.load(entry)) == content(run)
    assert content(again()) == content(run)  # without a warning


def test_an_entry_in_another_place_is_not_believed(cache):
    first = again([4, 5])
    entries = sorted(cache.glob("*/*.npz"))
    entries[0].write_bytes(entries[1].read_bytes())
    with pytest.warns(UserWarning, match="holds another run than its place says"):
        assert content(again([4, 5])) == content(first)


def test_few_damaged_entries_are_kept(cache):
    seeds = range(modadd.cache.KEEP_DAMAGED + 5)
    again(seeds)
    for entry in cache.glob("*/*.npz"):
        entry.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="15 damaged entries, of which the first"):
        again(seeds)
    assert len(list(cache.glob("*/*.damaged"))) == modadd.cache.KEEP_DAMAGED
    assert len(list(cache.glob("*/*.npz"))) == len(seeds)


def test_nothing_outside_the_cache_is_touched(cache, tmp_path):
    again()
    folder = next(cache.glob("*/"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "4.npz").write_bytes(b"mine")
    (cache / ("0" * 24)).symlink_to(outside)
    (cache / "mine").mkdir()
    (cache / "mine" / "4.npz").write_bytes(b"mine")
    (folder / "5.npz").symlink_to(outside / "4.npz")
    (folder / "notes.npz").write_bytes(b"mine")
    with pytest.warns(UserWarning, match=r"it is now 5\.npz\.damaged"):
        again([4, 5])
    assert cache_size() == clear_cache()
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    mine = ["outside/4.npz", "cache/mine/4.npz", f"cache/{folder.name}/notes.npz"]
    assert set(mine) <= set(left)
    assert all((tmp_path / path).read_bytes() == b"mine" for path in mine)
    assert not list(folder.glob("[45].npz*"))


def test_unfinished_files_are_deleted_when_old(cache):
    again()
    folder = next(cache.glob("*/"))
    old, new = folder / ".7.npz.1a2b", folder / ".8.npz.3c4d"
    for path in (old, new):
        path.write_bytes(b"PK")
    os.utime(old, (0, 0))
    again([4, 5])
    assert not old.exists() and new.exists()
    clear_cache()
    assert list(folder.iterdir()) == [new]  # its writer may still be at it
    os.utime(new, (0, 0))
    clear_cache()
    assert not folder.exists()
