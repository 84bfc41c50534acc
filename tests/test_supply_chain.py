"""The lock, the licences and constraints.txt name the same packages at the same versions."""

import re
from importlib import metadata
from pathlib import Path

import licences
import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")


def pinned(text):
    return {canonicalize_name(name): version for name, version in licences.pins(text).items()}


def test_the_lock_pins_what_the_constraints_pin_and_leaves_out_torch_alone():
    constraints, lock = pinned(CONSTRAINTS), pinned(LOCK)
    assert constraints.pop("torch").count(".") == 2
    assert lock == constraints


def test_every_locked_file_has_a_hash_and_none_an_address():
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned(LOCK))
    for entry in entries:
        first, *hashes = entry.replace("\\\n", "").split()
        assert hashes, first
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for each in hashes), first
        assert len(set(hashes)) == len(hashes), first
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted", LOCK)


def test_licences_are_listed_for_every_pin():
    rows = re.findall(r"^\| ([\w.-]+) \| (\S+) \| (.+) \|$", PAGE, re.MULTILINE)
    listed = {canonicalize_name(name): version for name, version, _ in rows if name != "package"}
    assert listed == pinned(CONSTRAINTS)
    assert PAGE.startswith(licences.HEAD)


def test_licences_are_those_that_installed_packages_state():
    compared = 0
    for name, version, words in re.findall(r"^\| (\S+) \| (\S+) \| (.+) \|$", PAGE, re.MULTILINE):
        try:
            package = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # of an extra that is not installed here
        if package["Version"].split("+")[0] == version:
            assert licences.licence(package) == words, name
            compared += 1
    assert compared >= 100


def test_no_licence_forbids_use():
    assert not re.search("AGPL|SSPL|Proprietary|UNKNOWN|Commercial", PAGE)


def test_a_version_other_than_the_pinned_one_is_refused():
    with pytest.raises(ValueError, match=r"numpy 0\.1 is pinned but .* is installed"):
        licences.table("numpy==0.1\n")
