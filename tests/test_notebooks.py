"""The committed notebooks, and the script that rebuilds them.

That each cell runs and each Check cell prints what it did is nbval's part: pytest collects
notebooks/*.ipynb by itself. Here is what nbval would pass over in silence.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import jupytext
import jupytext.cli
import nbformat
import numpy as np
import pytest
import rebuild

from modadd.plots import png

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
PNG = "image/png"
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


# The committed notebooks


@pytest.fixture(params=SOURCES, ids=lambda source: source.stem)
def source(request) -> Path:
    return request.param


@cache
def read(path: Path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def committed(source):
    return read(source.with_suffix(".ipynb"))


def code_cells(notebook) -> list:
    return [c for c in notebook.cells if c.cell_type == "code" and c.source]


def test_every_notebook_has_its_pair():
    assert SOURCES
    assert [s.stem for s in SOURCES] == [n.stem for n in sorted(NOTEBOOKS.glob("*.ipynb"))]
    numbers = [s.stem[:2] for s in SOURCES]
    assert len(set(numbers)) == len(numbers)


def test_source_says_how_to_open_and_run_it(source):
    notebook = jupytext.read(source)
    assert notebook.metadata.jupytext.formats == "ipynb,py:percent"
    assert notebook.metadata.kernelspec.name == "python3"
    assert "PROFILE" in rebuild.parameters(notebook)
    paired = jupytext.reads(jupytext.writes(notebook, fmt="ipynb"), fmt="ipynb")
    assert jupytext.writes(paired, fmt="py:percent") == source.read_text()


def test_syncing_what_nobody_edited_changes_nothing(tmp_path):
    source = SOURCES[0]
    pair = tmp_path / source.name, tmp_path / f"{source.stem}.ipynb"
    shutil.copy(source, pair[0])
    pair[1].write_text(jupytext.writes(jupytext.read(source), fmt="ipynb") + "\n")
    before = [path.read_bytes() for path in pair]
    for older, newer in (pair, pair[::-1]):  # after a clone, times are in any order
        os.utime(older, (1, 1))
        os.utime(newer)
        jupytext.cli.jupytext(["--quiet", "--sync", str(pair[0])])
        assert [path.read_bytes() for path in pair] == before


def test_committed_notebook_is_its_source_run_without_error(source, committed):
    def cells(notebook):
        return [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in notebook.cells]

    assert cells(committed) == cells(jupytext.read(source)), "run `make notebooks`"
    cells = code_cells(committed)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    for output in (o for c in cells for o in c.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text


def test_committed_notebook_has_a_checked_cell(committed):
    checked = [c for c in code_cells(committed) if "# NBVAL_CHECK_OUTPUT" in c.source]
    assert checked
    assert all(c.outputs for c in checked)
    # On a slow machine what takes long shows a bar, and the outputs would differ.
    long = re.compile(r"\b(train|train_with|networks|twins|laws|field|two_force)\(")
    assert not [c.source for c in checked if long.search(c.source)]


def test_committed_notebook_shows_pictures_without_a_kernel(committed):
    shown = [output.get("data", {}) for c in code_cells(committed) for output in c.outputs]
    assert any(PNG in bundle for bundle in shown)
    assert all(PNG in bundle for bundle in shown if PLOTLY in bundle)
    assert not any(WIDGET in bundle for bundle in shown)


def test_committed_notebook_is_small_and_keeps_no_traces(source, committed):
    assert source.with_suffix(".ipynb").stat().st_size <= rebuild.MAX_BYTES
    assert not {"widgets", "papermill"} & set(committed.metadata)
    assert all(set(c.metadata) <= {"tags", "slideshow"} for c in committed.cells)
    assert [c.id for c in committed.cells] == [
        f"{source.stem}-{i:02d}" for i in range(1, len(committed.cells) + 1)
    ]


def test_other_parameters_run_to_the_end(monkeypatch):
    """trust/parameters.py tries more of them, and more notebooks, in kernels."""
    monkeypatch.setenv("BROWSER_PATH", "/none")
    notebook = jupytext.read(NOTEBOOKS / "03_clustering_and_alignment.py")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    names = {}
    exec(code.replace("MODULUS = 17", "MODULUS = 5"), names)
    assert names["MODULUS"] == 5


# The script that rebuilds them

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tiny notebook

"""
PARAMETERS = """\
# %% tags=["parameters"]
PROFILE = "quick"

"""
FIGURE = """\
# %%
import base64
from pathlib import Path

from IPython.display import Image
from ipywidgets import IntSlider
from tqdm.auto import tqdm

png = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2DLxXgAAAABJRU5ErkJggg=="
)
for _ in tqdm(range(2)):
    print(PROFILE)
Path("../figures/01_tiny.png").write_bytes(png)
Path("../figures/01_tiny.html").write_text(f"<p>{PROFILE}</p>")
display(IntSlider())
Image(png)
"""


def a_project(folder: Path, **notebooks: str) -> Path:
    """A project around a copy of the script: notebooks by their names, what follows the header."""
    (folder / "figures").mkdir()
    (folder / "figures" / "00_older.png").write_bytes(b"not rebuilt")
    (folder / "notebooks").mkdir()
    shutil.copy(NOTEBOOKS / "rebuild.py", folder / "notebooks")
    for name, text in notebooks.items():
        (folder / "notebooks" / f"{name}.py").write_text(HEADER + text)
    return folder


def run(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "notebooks/rebuild.py", *arguments]
    options = {"capture_output": True, "text": True, "timeout": 600}
    return subprocess.run(command, cwd=project, env=os.environ | environment, **options)


SHOWN = """\
# %%
import plotly.graph_objects as go

from modadd import plots

print(PROFILE)
figure = go.Figure(layout={"width": 80, "height": 60})
plots.show(figure, "02_shown", caption="A figure.")

# %%
plots.show(figure)

"""
LIVE = """\
# %%
from modadd import widgets

plots.show(widgets.playground(), "02_live")
"""


@pytest.fixture(scope="module")
def renewed(browser_path, tmp_path_factory) -> tuple[Path, str]:
    """A project after its committed notebooks were renewed, and what was printed."""
    notebooks = {"01_tiny": PARAMETERS + FIGURE, "02_shown": PARAMETERS + SHOWN + LIVE}
    root = a_project(tmp_path_factory.mktemp("renewed"), **notebooks)
    done = run(root, "--renew")
    assert done.returncode == 0, done.stderr
    assert "[1/2] 01_tiny: " in done.stderr
    return root, done.stdout


def test_figures_are_listed(renewed):
    root, said = renewed
    figures = json.loads((root / "build/figures.json").read_text())
    names = [f"{name}.{kind}" for name in ("02_live", "02_shown") for kind in ("html", "png")]
    names = ["01_tiny.html", "01_tiny.png", *names]
    assert [f["file"] for f in figures] == [f"figures/{name}" for name in names]
    for figure in figures:
        assert re.search(rf"{figure['file']} .* {figure['sha256'][:12]}", said)
    written = sorted(path.name for path in (root / "figures").iterdir())
    assert written == ["00_older.png", *names, "plotly.min.js"]


def test_renewing_leaves_only_what_lasts(renewed):
    root, _ = renewed
    text = (root / "notebooks/01_tiny.ipynb").read_text()
    assert str(root) not in text
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert [c.get("execution_count") for c in notebook.cells] == [None, 1, 2]
    assert [c.id for c in notebook.cells] == [f"01_tiny-0{i}" for i in (1, 2, 3)]
    words, picture = notebook.cells[2].outputs  # neither progress bar nor slider
    assert words.text == "quick\nquick\n"
    assert PNG in picture.data


def test_pictures_are_drawn_once_and_put_where_they_belong(renewed):
    root, _ = renewed
    cells = code_cells(nbformat.read(root / "build/notebooks/02_shown.ipynb", as_version=4))
    named, bare, live = (next(o for o in c.outputs if "data" in o) for c in cells[2:])
    assert named.metadata == {"page": "02_shown.html", PNG: {"alt": "A figure."}}
    assert bare.metadata == {PNG: {"alt": "figure"}}
    for output in (named, bare, live):
        assert "text/html" not in output.data
    assert base64.b64decode(named.data[PNG])[16:24] == b"\0\0\0P\0\0\0<"
    assert (root / "figures/02_shown.png").read_bytes()[16:24] == b"\0\0\0\xa0\0\0\0x"
    assert [PNG in output.data for output in rebuild.tidy([live], 1, "")] == [True]


def test_without_a_picture_its_stand_in_stays(monkeypatch, tmp_path):
    data, wanted = {"text/html": "<svg/>", "text/plain": "A figure."}, {"name": "a", "figure": {}}
    shown = nbformat.v4.new_output("display_data", data, metadata={"draw": wanted})
    cell = nbformat.v4.new_code_cell("show(figure)", outputs=[shown])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "01_shown.ipynb")
    monkeypatch.setattr(png, "draw", lambda figure: None)  # without a browser that starts
    rebuild.draw(tmp_path / "01_shown.ipynb")
    ((kept,),) = (c.outputs for c in nbformat.read(tmp_path / "01_shown.ipynb", 4).cells)
    assert (kept.data, kept.metadata) == (data, {})


def test_equal_figures_are_drawn_once(browser_path, monkeypatch, tmp_path):
    asked = []
    image = png.indexed_png(np.eye(2), np.array([[0, 0, 0], [255, 255, 255]]))
    monkeypatch.setattr(rebuild, "BUILD", tmp_path)
    monkeypatch.setattr(png, "draw", lambda figure: asked.append(figure) or image)
    figures = [{"data": [1]}, {"data": [2]}]
    assert [rebuild.drawn(figure) for figure in figures * 2] == [(image, image)] * 4
    assert asked == figures


def test_rebuild_stops_at_a_failing_cell(tmp_path):
    failing = "# %%\ndef risky():\n    raise OverflowError('too ' + PROFILE)\n\n\nrisky()\n"
    slow = "# %%\nimport time\n\ntime.sleep(300)\n"
    cells = {"01_failing": failing, "02_slow": slow, "03_tiny": FIGURE}
    root = a_project(tmp_path, **{name: PARAMETERS + cell for name, cell in cells.items()})
    done = run(root, "--profile", "full")
    assert done.returncode == 1
    assert "01_failing.py failed in cell 3 of 3" in done.stderr
    assert "OverflowError: too full" in done.stderr
    assert "died" not in done.stderr
    assert "03_tiny" not in done.stdout + done.stderr
    assert "\x1b" not in done.stderr
    assert not list((root / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "7"], "ONLY=7: choose one of 01_tiny, 02_bare"),
        (["--only", "01_tin"], "ONLY=01_tin: choose one of 01_tiny, 02_bare"),
        (["--only", "01", "--profile", "huge"], "PROFILE=huge: choose one of quick, full"),
        (["--only", "01", "--profile", "full", "--renew"], "PROFILE=full: committed notebooks"),
        (["--only", "02"], "02_bare.py: its cell tagged 'parameters' does not set PROFILE"),
        ([], "02_bare.py: its cell tagged 'parameters' does not set PROFILE"),
    ],
)
def test_rebuild_refuses_before_any_work(tmp_path, monkeypatch, capsys, arguments, message):
    root = a_project(tmp_path, **{"01_tiny": PARAMETERS, "02_bare": ""})
    monkeypatch.setattr(rebuild, "NOTEBOOKS", root / "notebooks")
    monkeypatch.setattr(sys, "argv", ["rebuild.py", *arguments])
    monkeypatch.setattr(rebuild, "execute", lambda *_: pytest.fail("a notebook was started"))
    assert rebuild.main() == 2
    assert message in capsys.readouterr().err


def test_rebuild_chooses_by_number_or_name(tmp_path, monkeypatch):
    root = a_project(tmp_path, **{"01_tiny": PARAMETERS, "02_other": PARAMETERS})
    monkeypatch.setattr(rebuild, "NOTEBOOKS", root / "notebooks")
    for name in ("01", "01_tiny"):
        assert rebuild.choose(name, "quick") == [root / "notebooks/01_tiny.py"]


def test_pages_without_new_pictures_are_told_of(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(rebuild, "BUILD", tmp_path)
    figure = {
        "bytes": 1,
        "seconds": 1,
        "sha256": "0",
        "figure": "01_a",
        "file": "figures/01_a.html",
    }
    picture = figure | {"file": "figures/01_a.png"}
    rebuild.report([figure, picture], 1.0)
    assert "Without a picture" not in capsys.readouterr().out
    rebuild.report([figure, picture, figure | {"figure": "02_b", "file": "figures/02_b.html"}], 1.0)
    assert "Without a picture: 02_b. Their HTML is new" in capsys.readouterr().out


def test_notebooks_are_not_renewed_without_a_browser(monkeypatch):
    monkeypatch.setattr(png, "browser", lambda: None)
    with pytest.raises(rebuild.Refusal, match="No Chrome or Chromium"):
        rebuild.rebuild(SOURCES, "quick", renew_committed=True)


def test_of_a_widget_stays_its_picture_and_where_its_page_is():
    view = nbformat.v4.new_output("display_data", {WIDGET: {}, "text/plain": "VBox()"})
    picture = nbformat.v4.new_output("display_data", {PNG: "..."})
    where = 1, "01_tiny.py, cell 3"
    with pytest.raises(rebuild.Refusal, match="cell 3 shows a widget"):
        rebuild.tidy([view], *where)
    assert rebuild.tidy([view, picture], *where) == [picture]
    data = {PNG: "...", "text/plain": "Its caption."}
    page = {"page": "01_scrub.html"}
    shown = nbformat.v4.new_output("display_data", {WIDGET: {}} | data, metadata=page)
    (kept,) = rebuild.tidy([shown], *where)
    assert (kept.data, kept.metadata) == (data, page)
