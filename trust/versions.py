"""The oldest or the newest packages that pyproject.toml allows: a notebook and some tests.

Installs them into a fresh environment, from the registry that pip is set to: by "oldest", each
lower bound of pyproject.toml; by "newest", the latest release of each. Takes minutes and up to 8 GB
of disk, as PyTorch may come with CUDA. Works on a copy of the project: figures/ stays as it is.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("run", "forces", "plots", "widgets", "notebooks")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", "build", "site", "figures")


def lower_bounds() -> dict[str, str]:
    """The lower bound of each package that the project or its tests ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    return dict(re.fullmatch(r"([\w-]+).*>=([\d.]+)", line).groups() for line in wanted)


def check(which: str, python: str, folder: Path) -> int:
    """Install, print what is installed, run the first notebook and the tests; count failures."""
    project, bounds = folder / "project", lower_bounds()
    shutil.copytree(ROOT, project, ignore=LEFT_OUT)
    (project / "figures").mkdir()
    pins = [f"{name}=={bound}" for name, bound in bounds.items()] if which == "oldest" else []
    (folder / "pins.txt").write_text("\n".join(pins))
    own, cache = folder / "env" / "bin" / "python", folder / "cache"
    environment = os.environ | {"MODADD_CACHE": str(cache)}
    environment = {k: v for k, v in environment.items() if k != "PYTHONPATH"}

    def run(*command: str | Path, **options) -> subprocess.CompletedProcess:
        return subprocess.run(command, cwd=project, env=environment, **options)

    run(python, "-m", "venv", own.parent.parent, check=True)
    install = [own, "-m", "pip", "install", "--no-compile", "--progress-bar=off"]
    run(*install, "--constraint", folder / "pins.txt", "--editable", ".[test]", check=True)
    listed = run(own, "-m", "pip", "list", "--format=freeze", capture_output=True, text=True)
    found = [line for line in listed.stdout.split() if line.split("==")[0] in bounds]
    print(f"{which}, {python}:", *found, flush=True)
    tests = [f"tests/test_{name}.py" for name in TESTS]
    # What a release warns of must not stop the tests; whether it works is asked here.
    pytest = [own, "-m", "pytest", "-q", "-n0", "-W", "default", "--disable-warnings", *tests]
    notebook = [own, "notebooks/rebuild.py", "--only", "01"]
    return sum(run(*command).returncode != 0 for command in (notebook, pytest))


def main() -> int:
    """Check what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=["oldest", "newest"])
    parser.add_argument("--python", default=sys.executable, help="for example python3.12")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modadd-versions-") as folder:
        return check(options.which, options.python, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
