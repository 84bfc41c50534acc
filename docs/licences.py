"""Write docs/licences.md: the licence of every package that constraints.txt pins.

The licences are those that the installed packages state about themselves. Run after constraints.txt
has changed, in an environment with all extras:

    .venv/bin/python docs/licences.py
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Licences of the packages that modadd needs

Written by `docs/licences.py` from what the installed packages state about themselves; a test keeps
it in step with `constraints.txt`. None of these packages is part of this repository, besides
plotly's script (MIT), which `make figures` writes beside the figures.

| package | version | licence |
|---|---|---|
"""


def pins(text: str) -> dict[str, str]:
    """Name to version of the pins in constraints.txt or requirements.lock."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def licence(package: metadata.PackageMetadata) -> str:
    """What a package says of its licence: an SPDX expression, its own words, or a classifier."""
    if expression := package.get("License-Expression"):
        return expression
    words = (package.get("License") or "").strip().partition("\n")[0]  # or its whole text
    if words and words != "UNKNOWN" and not words.startswith("Copyright"):
        return words
    classifiers = package.get_all("Classifier") or []
    named = [c.split(" :: ")[-1] for c in classifiers if c.startswith("License :: ")]
    if not named:
        raise ValueError(f"{package['Name']} states no licence")
    return ", ".join(named)


def table(constraints: str) -> str:
    """The page for these constraints; every package must be installed at its pinned version."""
    rows = []
    for name, version in pins(constraints).items():
        installed = metadata.version(name).split("+")[0]
        if installed != version:
            raise ValueError(f"{name} {version} is pinned but {installed} is installed")
        rows.append(f"| {name} | {version} | {licence(metadata.metadata(name))} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (ROOT / "docs" / "licences.md").write_text(table(constraints), encoding="utf-8")
