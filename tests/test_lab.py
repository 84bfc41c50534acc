"""Notebooks with widgets in a real JupyterLab: "Run All" reaches its end, and nothing goes wrong.

The trained runs come from the cache that this session's tests share: nbval ran the same notebooks.
"""

import re
from pathlib import Path

import jupytext
import pytest
from browsing import jupyterlab, run_all_cells

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = re.compile(r"\bwidgets\.(scrub|playground|particles|phases|live)(?:_training)?\(")
# What nbval cannot see is what a browser draws: widgets. Notebooks without any are nbval's alone.
SOURCES = [s for s in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py")) if WIDGET.search(s.read_text())]

STATE = """() => {
    const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
    const cells = content.widgets.filter(cell => cell.model.type === "code")
        .filter(cell => cell.model.sharedModel.getSource().trim());
    const errors = cells.flatMap(cell => cell.model.outputs.toJSON())
        .filter(output => output.output_type === "error").map(output => output.evalue);
    const ran = cells.every(cell => cell.model.executionCount !== null);
    const idle = sessionContext.session.kernel.status === "idle";
    return errors.length || (ran && idle) ? { errors } : null;
}"""


@pytest.fixture(scope="module")
def lab(browser_path, tmp_path_factory):
    notebooks = {f"{source.stem}.ipynb": jupytext.read(source) for source in SOURCES}
    with jupyterlab(tmp_path_factory.mktemp("lab"), notebooks) as address:
        yield address


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_notebook_runs_to_its_end(lab, open_page, source):
    page = open_page(viewport={"width": 1200, "height": 1400})
    page.set_default_timeout(60_000)
    page.goto(lab(f"{source.stem}.ipynb"))
    run_all_cells(page)
    state = page.wait_for_function(STATE, timeout=600_000, polling=200).json_value()
    assert state["errors"] == []
    wanted = WIDGET.findall(source.read_text(encoding="utf-8"))
    page.wait_for_function(
        f"document.querySelectorAll('.modadd[data-drawn]').length === {len(wanted)}"
    )
    kinds = page.locator(".modadd").evaluate_all("found => found.map(e => e.dataset.kind)")
    assert kinds == wanted
