"""Notebooks with a widget in a real JupyterLab: "Run All" reaches its end, and each widget is drawn.

The others show nothing that nbval does not run. The trained runs come from the cache that this
session's tests share.
"""

import re
from pathlib import Path

import jupytext
import pytest
from browsing import jupyterlab, run_all_cells

WIDGET = re.compile(r"\bwidgets\.(scrub|playground|particles|phases|live)(?:_training)?\(")
NOTEBOOKS = (Path(__file__).resolve().parent.parent / "notebooks").glob("[0-9][0-9]_*.py")
SOURCES = sorted(path for path in NOTEBOOKS if WIDGET.search(path.read_text(encoding="utf-8")))

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
    # Without a browser the notebooks draw no PNG: what is shown here is what Lab itself draws.
    with jupyterlab(tmp_path_factory.mktemp("lab"), notebooks, BROWSER_PATH="/none") as address:
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
