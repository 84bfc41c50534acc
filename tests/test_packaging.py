"""The lists of packages agree, and the commands that the README promises exist."""

import importlib.metadata
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {"torch": "pytorch", "kaleido": "python-kaleido"}  # where conda-forge's differ
TARGETS = {"help", "figures", "notebooks", "test", "lab", "site", "bench", "clean", "clean-cache"}


def test_environment_asks_for_what_pyproject_asks_for():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"]
    assert pip == {"pip": ["-e ."]}
    wanted = {"python": PROJECT["requires-python"], "pip": ""}
    for text in PROJECT["dependencies"]:
        requirement = Requirement(text)
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        wanted[name] = str(requirement.specifier)
    listed = [Requirement(text) for text in conda]
    assert {r.name: str(r.specifier) for r in listed} == wanted
    assert len(listed) == len(wanted)


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
    return {canonicalize_name(n): v for n, v in (line.split("==") for line in lines)}


def test_constraints_pin_every_dependency_to_an_allowed_version():
    pinned = pins()
    for text in [*PROJECT["dependencies"], *(t for extra in EXTRAS.values() for t in extra)]:
        requirement = Requirement(text)
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, text
    assert pinned["torch"] == "2.13.0"


@pytest.mark.skipif(not os.environ.get("CI"), reason="a developer may try other versions")
def test_the_pins_are_what_the_tests_run_with():
    for text in [*PROJECT["dependencies"], *EXTRAS["test"]]:
        name = canonicalize_name(Requirement(text).name)
        assert importlib.metadata.version(name).split("+")[0] == pins()[name]


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"] == importlib.metadata.version("modadd")
    assert citation["license"] == PROJECT["license"] == "MIT"


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    # The tests themselves may run under make: what it hands down to its children is not for these.
    env = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    options = {"capture_output": True, "text": True, "timeout": 60}
    return subprocess.run(["make", *arguments], cwd=cwd, env=env, **options)


def test_make_help_lists_every_target():
    listed = dict(line.split(maxsplit=1) for line in make("help").stdout.splitlines()[1:])
    makefile = (ROOT / "Makefile").read_text()
    assert set(listed) == set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE)) == TARGETS


def test_too_old_a_python_is_told_before_anything_is_installed(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.9 || exit 1\n')
    old.chmod(0o755)
    for name in ["Makefile", "pyproject.toml", "constraints.txt"]:
        (tmp_path / name).write_text((ROOT / name).read_text())
    done = make("figures", f"PYTHON={old}", cwd=tmp_path)
    assert done.returncode != 0
    assert "modadd needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.9" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_what_the_readme_says():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert lines[-1] == "make test"
    assert "set -eo pipefail" in lines
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make test" in readme
    assert "make figures" in readme


def test_no_file_names_the_machine_it_was_made_on():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    if listed.returncode:
        pytest.skip("not a git checkout")
    folders = "|".join(["home", "Users", "root", "work", "tmp/ipykernel"])
    machine = re.compile(rf"(?<![\w.:/])/({folders})[/_]\w+|[A-Z]:\\Users")
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".npz", ".woff2"}:
            found = machine.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{name}: {found}"
            assert str(ROOT) not in path.read_text(encoding="utf-8"), name
