"""Rebuild the figures twice, each time from an empty cache, and compare the files byte for byte.

A figure's page holds all its data, so equal pages mean equal data. Works on a copy of the
notebooks: figures/ stays as it is.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rebuild(project: Path, only: str, profile: str) -> dict[str, str]:
    """Rebuild with an empty cache into an empty folder; return the hash of each figure."""
    shutil.rmtree(project / "figures", ignore_errors=True)
    (project / "figures").mkdir()
    with tempfile.TemporaryDirectory(prefix="modadd-cache-") as cache:
        subprocess.run(
            [sys.executable, "notebooks/rebuild.py", "--only", only, "--profile", profile],
            cwd=project,
            env=os.environ | {"MODADD_CACHE": cache, "MODADD_FIGURES": str(project / "figures")},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    files = sorted((project / "figures").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> int:
    """Rebuild twice and list what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="one notebook's number or name")
    parser.add_argument("--profile", default="quick", help="quick or full")
    options = parser.parse_args()
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="modadd-twice-") as folder:
        project = Path(folder)
        (project / "notebooks").mkdir()
        for source in (ROOT / "notebooks").glob("*.py"):
            shutil.copy(source, project / "notebooks")
        first, second = (rebuild(project, options.only, options.profile) for _ in range(2))
    differing = [name for name in first | second if first.get(name) != second.get(name)]
    for name in differing:
        print(f"differs: {name}")
    equal = len(first) - len(differing)
    print(f"{len(first)} files, {equal} equal; {time.time() - started:.0f} s")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
