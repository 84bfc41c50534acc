"""The rules of the house, a line each: who may import whom, where arguments are checked."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "modadd"
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
CHAPTERS = sorted(path.stem for path in (PACKAGE / "chapters").glob("n*.py"))
IDEAS = sorted(path for path in PACKAGE.glob("*.py"))
COMPILED = sorted((PACKAGE / "_compiled").glob("*.py"))
PLOTS = sorted((PACKAGE / "plots").glob("*.py"))
DOORS = {"task", "training", "run", "structure", "forces", "particles", "sweep"}
DOORS |= {"theory", "notebook"}


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports, wherever in it: {"modadd.plots.export", ...}."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                below = PACKAGE.parent.joinpath(*node.module.split("."), name.name)
                there = below.with_suffix(".py").exists() or (below / "__init__.py").exists()
                found.add(f"{node.module}.{name.name}" if there else node.module)
    return {name for name in found if name.split(".")[0] == "modadd"}


def test_every_notebook_has_a_chapter_of_its_name():
    assert [f"n{notebook}" for notebook in NOTEBOOKS] == CHAPTERS


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_imports_its_own_chapter_and_the_ideas(notebook):
    names = imported(ROOT / "notebooks" / f"{notebook}.py")
    chapters = {name for name in names if name.startswith("modadd.chapters")}
    assert chapters <= {f"modadd.chapters.n{notebook}"}
    assert not {name for name in names if "._" in name}, "a notebook needs nothing private"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_imports_ideas_and_plots_and_no_other_chapter(chapter):
    names = imported(PACKAGE / "chapters" / f"{chapter}.py")
    assert not {name for name in names if name.startswith("modadd.chapters")}
    assert "modadd._checks" not in names


@pytest.mark.parametrize("path", IDEAS + COMPILED, ids=lambda path: path.stem)
def test_an_idea_imports_neither_chapters_nor_figures(path):
    above = ("modadd.chapters", "modadd.plots", "modadd.widgets")
    assert not {name for name in imported(path) if name.startswith(above)}


@pytest.mark.parametrize("path", PLOTS, ids=lambda path: path.stem)
def test_plots_import_no_chapter_and_no_widget(path):
    above = ("modadd.chapters", "modadd.widgets")
    assert not {name for name in imported(path) if name.startswith(above)}


def test_arguments_are_checked_at_the_doors_alone():
    checking = {p for p in PACKAGE.rglob("*.py") if "modadd._checks" in imported(p)}
    inside = {p for p in checking if p.parent.name != "widgets" and p.stem not in DOORS}
    assert not inside


def test_what_takes_long_to_load_is_loaded_where_it_is_used():
    program = (
        "import sys, modadd\n"
        "modadd.train(modadd.TrainingConfig(5, 8, 9), 0, cache=False, progress=False)\n"
        "def loaded(*names): return set(names) & set(sys.modules)\n"
        "slow = ('torch', 'joblib', 'pandas')\n"
        "slow += ('scipy.stats', 'scipy.special', 'scipy.sparse', 'scipy.optimize')\n"
        "assert not (found := loaded(*slow, 'plotly')), found\n"
        "from modadd import forces, intervals, particles, predictions, theory, widgets\n"
        "assert not (found := loaded(*slow)), found\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
