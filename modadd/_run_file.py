"""Run files: an npz archive of stored members, one of them a JSON header; no pickle.

Writing is all or nothing. Reading takes nothing for granted: whatever a file says of itself is
held against its length before room is made for it, and nothing in it is executed.
"""

from __future__ import annotations

import io
import json
import math
import os
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

FORMAT = 1
"""Version of the run file; raised when the meaning of its content changes."""

LARGEST_HEADER = 2**20
"""Bytes that the JSON header may take."""

LARGEST_READ = 2**20
"""Bytes taken from a file at once; its directory, which zipfile reads whole, must fit in."""


class RunFileError(ValueError):
    """A run file that is damaged, foreign, or of another version."""


def write(path: str | os.PathLike, header: dict, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a run file; it appears whole or not at all.

    Raises:
        OSError: where it cannot be written.
    """
    path = Path(path)
    header = {"format": FORMAT, "arrays": sorted(arrays)} | header
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(partial, "xb") as file:
            np.savez(file, header=text, **arrays)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read(
    path: str | os.PathLike, types: Mapping[str, np.dtype]
) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays of a run file; memory stays below its size and some megabytes.

    Args:
        path: of the file.
        types: the arrays that there may be, and of which type each is.

    Raises:
        RunFileError: if the file is damaged, is no run file, or has another format version.
        OSError: if it cannot be opened; FileNotFoundError if there is none.
    """
    if Path(path).exists() and not Path(path).is_file():  # opening a pipe would wait for ever
        raise RunFileError(f"{path} is damaged or is no run file: it is no regular file")
    with _Reader(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _members(archive, os.fstat(file.fileno()).st_size, types)
        except MemoryError:
            raise
        except _OtherVersion as error:
            raise RunFileError(f"{path} {error}") from error
        # A parser fed with garbage raises what it likes: struct.error, NotImplementedError, ...
        except Exception as error:
            raise RunFileError(f"{path} is damaged or is no run file: {error}") from error


class _OtherVersion(ValueError):
    """A run file of another format version, which may well be whole."""


class _Reader(io.FileIO):
    """A file that is read in small pieces or not at all."""

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; a negative size means as many as may be."""
        if size > LARGEST_READ:
            raise ValueError(f"{size} bytes would have to be read at once")
        return super().read(size if size >= 0 else LARGEST_READ)


def _members(
    archive: zipfile.ZipFile, size: int, types: Mapping[str, np.dtype]
) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays of an archive of so many bytes."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than the file")
    by_name = {member.filename.removesuffix(".npy"): member for member in members}
    if by_name["header"].file_size > LARGEST_HEADER:
        raise ValueError(f"its header takes {by_name['header'].file_size} bytes")
    header = json.loads(_array(archive, by_name.pop("header"), np.dtype(np.uint8)).tobytes())
    if header["format"] != FORMAT:
        raise _OtherVersion(f"has format {header['format']}; this version reads format {FORMAT}")
    # The header's list has a checksum, the archive's directory has none.
    if sorted(by_name) != header["arrays"] or len(by_name) + 1 < len(members):
        raise ValueError("its members are not those of its header")
    if not set(by_name) <= set(types):
        raise ValueError("it has members that are no part of a run")
    return header, {name: _array(archive, by_name[name], types[name]) for name in by_name}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, kind: np.dtype) -> np.ndarray:
    """One array of the given type, if its shape has as many bytes as there are."""
    name, stored = member.filename, zipfile.ZIP_STORED
    if member.compress_type != stored or member.compress_size != member.file_size:
        raise ValueError(f"{name} is compressed")
    with archive.open(member) as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another npy version")
        shape, columns_first, found = npy.read_array_header_1_0(file)
        if found != kind:
            raise ValueError(f"{name} must hold {kind}, got {found}")
        length = member.file_size - file.tell()
        if min(shape, default=1) < 0 or math.prod(shape) * kind.itemsize != length:
            raise ValueError(f"{name} has {length} bytes, not those of its shape {shape}")
        array = np.empty(math.prod(shape), kind)
        data = array.view(np.uint8).data
        for at in range(0, length, LARGEST_READ):  # the last of them checks the checksum
            data[at : at + LARGEST_READ] = file.read(LARGEST_READ)
    return array.reshape(shape[::-1]).T if columns_first else array.reshape(shape)
