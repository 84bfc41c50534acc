"""The pages in docs/: their examples and their notebook run, what they name exists.

The examples with >>> run as doctests of the pages themselves.
"""

import re
from pathlib import Path

import jupytext
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


def test_the_notebook_of_the_architecture_page_runs(monkeypatch, capsys):
    (text,) = [block for block in blocks("architecture.md") if block.startswith("# ---")]
    notebook, names = jupytext.reads(text, fmt="py:percent"), {}
    assert notebook.metadata.jupytext.formats == "ipynb,py:percent"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.metadata.get("tags") for cell in cells] == [["parameters"], None, None]
    monkeypatch.setenv("BROWSER_PATH", "/none")
    for cell in cells:
        exec(cell.source, names)
    caption, path, check = capsys.readouterr().out.splitlines()
    assert (caption, Path(path).name) == ("Six of them.", "14_fewer_tokens.html")
    assert check == "kinds are those of the package: True"
