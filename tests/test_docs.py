"""The pages in docs/: their examples and their notebook run, what they name exists.

The examples with >>> run as doctests of the pages themselves.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))


def blocks(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_names_in_the_docs_exist(page):
    """Every `module` and file that the architecture page and its neighbours name is there."""
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:tests|notebooks|modadd|docs|benchmarks)/[\w./]+\.\w+)`", text):
        assert (ROOT / path).exists(), path


def test_every_module_is_on_the_map():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "modadd").glob("*.py")} - {"__init__", "__main__"}
    modules |= {path.stem for path in (ROOT / "modadd" / "plots").glob("[a-z]*.py")}
    modules |= {path.parent.name for path in (ROOT / "modadd").glob("*/__init__.py")}
    table = [line for line in text.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`(\w+)`", "\n".join(table)))
    assert modules - named == {"_checks"}


def test_the_notebook_of_the_architecture_page_runs(tmp_path):
    (text,) = [block for block in blocks("architecture.md") if block.startswith("# ---")]
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "figures").mkdir()
    shutil.copy(ROOT / "notebooks" / "rebuild.py", tmp_path / "notebooks")
    (tmp_path / "notebooks" / "14_fewer_tokens.py").write_text(text)
    command = [sys.executable, "notebooks/rebuild.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "kinds are those of the package: True" in (
        tmp_path / "build" / "notebooks" / "14_fewer_tokens.ipynb"
    ).read_text(encoding="utf-8")
