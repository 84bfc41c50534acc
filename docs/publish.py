"""Publish the notebooks, their widgets and the documentation as pages in site/.

`make site` calls this. The pages need neither a server nor a network. Their text, pictures and
interactive figures come from the committed notebooks. What a widget shows is computed anew, by
those statements of the notebook's source on which it depends, and drawn by the front end as it is.

With the address of the site in SITE_URL, previews of links name their pictures by it; else by a
path within the site, which not every service follows.
"""

import ast
import base64
import contextlib
import hashlib
import html
import io
import json
import os
import pkgutil
import posixpath
import re
import shutil
import struct
import symtable
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import jinja2
import jupytext
import nbformat
import pdoc
from math_core import LatexToMathML
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from plotly.offline import get_plotlyjs
from pygments.formatters import HtmlFormatter

import modadd
from modadd import widgets
from modadd.plots import export
from modadd.widgets import _view as view

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).resolve().parent / "template"
PNG, LIVE = "image/png", "application/vnd.jupyter.widget-view+json"
ICON = "data:image/svg+xml," + (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Ccircle cx='10' cy='10' r='6' fill='%232f7fc1'/%3E"
    "%3Ccircle cx='23' cy='12' r='5' fill='%23d1603d'/%3E"
    "%3Ccircle cx='15' cy='24' r='5' fill='%235b9a4b'/%3E%3C/svg%3E"
)

FRONT = view.script(str(TEMPLATE / "site"))
BASE = os.environ.get("SITE_URL", "").rstrip("/")
BASE += "/" if BASE else ""

templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined
)
templates.globals |= {
    "icon": ICON,
    "base": BASE,
    "front": hashlib.sha256(FRONT.encode()).hexdigest()[:12],
    "version": modadd.__version__,
}


class Figure(NamedTuple):
    """One figure or widget of a notebook: its anchor, picture, and what brings it to life."""

    anchor: str
    image: str  #: file name beside the page, or nothing
    width: int  #: CSS pixels
    height: int
    caption: str
    plot: str  #: plotly's JSON, or nothing
    state: str  #: file beside the page that holds what a widget shows, or nothing


class Notebook(NamedTuple):
    """One notebook as a page."""

    stem: str
    title: str
    claim: str  #: HTML
    body: str  #: HTML
    figures: list[Figure]
    lead: Figure | None  #: the numbered one, of those with a picture
    invitations: dict[str, str]  #: HTML of the cell before each widget, by its anchor
    code: dict[str, list[str]]  #: code cells up to each widget, by its anchor
    mark: str  #: of which source and parameters
    stale: str  #: what is out of step, or nothing


# --- text ----------------------------------------------------------------------------------------


class Text(IPythonRenderer):
    """Markdown whose formulae become MathML and whose links lead to pages of the site."""

    def __init__(self, source: Path) -> None:
        super().__init__(escape=False, anchor_link_text="#")
        self.source = source
        self.mathematics = LatexToMathML()

    def block_math(self, body: str) -> str:
        """A displayed formula; a wide one scrolls by itself."""
        return f'<span class="formula">{self.formula(body, True)}</span>'

    def inline_math(self, body: str) -> str:
        """A formula in the text."""
        return self.formula(body, False)

    def formula(self, body: str, display: bool) -> str:
        """MathML of a formula."""
        text = self.mathematics.convert_with_local_state(body, displaystyle=display)
        # A prime is high and small by itself: as a script it would be both twice.
        prime = r'<mrow>\1<mo lspace="0" rspace="0">′</mo></mrow>'
        return re.sub(r"<msup>((?:(?!<msup>).)*?)<mo>′</mo></msup>", prime, text)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link; what the site does not hold stays plain text."""
        target = address(self.source, url)
        return text if target is None else super().link(text, target, title)


def address(source: Path, url: str) -> str | None:
    """Where a link in a file of the repository leads on the site; None where it has no page."""
    if re.match(r"[a-z]+:|#", url):
        return url
    path, _, fragment = url.partition("#")
    path = (source.parent / path).resolve()
    if not path.is_relative_to(ROOT):
        return None
    name = path.relative_to(ROOT).as_posix()
    page = "index.html" if name == "README.md" else None
    if match := re.fullmatch(r"(notebooks/\d\d_\w+)\.(?:ipynb|py)|(docs/\w+)\.md", name):
        page = f"{match[1] or match[2]}.html"
    elif match := re.fullmatch(r"modadd/([a-z]\w*)\.py", name):
        page = f"api/modadd/{match[1]}.html"
    if page is None or not path.exists():
        return None
    folder = source.parent.relative_to(ROOT).as_posix()
    return posixpath.relpath(page, folder) + (f"#{fragment}" if fragment else "")


def markdown(text: str, source: Path) -> str:
    """HTML of a Markdown text that stands in `source`."""
    text = MarkdownWithMath(renderer=Text(source)).render(text)
    if source.stem == "glossary":  # to whose words the widgets link
        name = lambda m: f'{m[1]} id="{m[2].strip().replace(" ", "-")}">{m[2]}'  # noqa: E731
        text = re.sub(r"(<tr>\s*<td)>([^<,(]+)", name, text)
    return re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', text, flags=re.DOTALL)


def plain(text: str) -> str:
    """Text of HTML without its tags."""
    text = re.sub(r'<a class="anchor-link".*?</a>', "", text)
    return html.unescape(re.sub(r"<[^>]+>", "", text)).strip()


# --- notebooks -----------------------------------------------------------------------------------


def code_of_widgets(source: Path) -> list[list[str]]:
    """Of each cell of a notebook that shows a widget, the code cells up to it."""
    code = [c.source for c in jupytext.read(source).cells if c.cell_type == "code"]
    return [code[: i + 1] for i, cell in enumerate(code) if "widgets." in cell]


def state_of(cells: list[str]) -> dict:
    """What the widget that the last of these code cells shows needs on a page.

    Runs those statements of the cells on which it depends, and no others.
    """
    *before, last = (statement for cell in cells for statement in ast.parse(cell).body)
    shown = last.value
    if getattr(shown.func, "id", "") == "show":
        shown = shown.args[0]
    needed, kept = {n.id for n in ast.walk(shown) if isinstance(n, ast.Name)}, []
    for statement in reversed(before):
        text = ast.unparse(statement)
        table = symtable.symtable(text, "cell", "exec").get_symbols()
        made = {s.get_name() for s in table if s.is_assigned() or s.is_imported()}
        for target in getattr(statement, "targets", []):  # a["b"] = … makes a part of a
            made |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        if made & needed:
            needed |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
            kept.append(text)
    space: dict = {}
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        exec("\n".join(reversed(kept)), space)
        return eval(ast.unparse(shown), space)._page_state()


def write_state(into: Path, name: str, state: dict) -> None:
    """Write what a widget shows as a script, which pages from files may load too."""
    text = f"modadd({json.dumps(name)}, {json.dumps(state, separators=(',', ':'))});\n"
    (into / f"{name}.js").write_text(text, encoding="utf-8")


def write_states(into: Path, code: dict[str, list[str]]) -> None:
    """Compute what all widgets show, and say which are done."""
    for i, (name, cells) in enumerate(code.items(), 1):
        start = time.time()
        write_state(into, name, state_of(cells))
        said = f"[{i}/{len(code)}] {name}, {time.time() - start:.0f} s"
        print(said, file=sys.stderr, flush=True)


def read_figure(output, anchor: str, into: Path) -> Figure:
    """A figure from a cell's output; its picture is written into the folder `into`."""
    caption = re.sub(r"\s*Until the cell is run.*", "", output.data.get("text/plain", ""))
    plot, image, width, height = output.data.get(export.PLOTLY), "", 0, 0
    if PNG in output.data:
        picture, image = base64.b64decode(output.data[PNG]), f"{anchor}.png"
        width, height = struct.unpack(">II", picture[16:24])
        (into / image).write_bytes(picture)
    plot = json.dumps(plot, separators=(",", ":")).replace("</", "<\\/") if plot else ""
    return Figure(anchor, image, width, height, caption, plot, "")


def take_figures(notebook, stem: str, into: Path, living: int) -> list[tuple[int, Figure]]:
    """Replace each figure and its caption by the HTML of a figure; (number of cell, figure).

    Widgets come to life, as many as there are to be made.
    """
    figures = []
    template = templates.get_template("figure.html.j2")
    for number, cell in enumerate(notebook.cells):
        outputs, caption = [], None
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.keys() & {PNG, LIVE, export.PLOTLY}:
                page = output.get("metadata", {}).get("page", f"{stem}_{len(figures) + 1}.html")
                figure = read_figure(output, page.removesuffix(".html"), into)
                caption = data.get("text/plain", "")
                if living and "widgets." in cell.source and not figure.plot:
                    figure, living = figure._replace(state=f"{figure.anchor}.js"), living - 1
                figures.append((number, figure))
                text = template.render(figure=figure)
                output = nbformat.v4.new_output("display_data", {"text/html": text})
            elif data.get("text/markdown") == f"*{caption}*":
                continue
            outputs.append(output)
        if "outputs" in cell:
            cell.outputs = outputs
    return figures


def compare(notebook, path: Path) -> tuple[str, str]:
    """A mark of a notebook's source and parameters, and what is out of step with its .py."""
    source, tags = path.with_suffix(".py"), [c.metadata.get("tags", []) for c in notebook.cells]
    given = [c.source for c, t in zip(notebook.cells, tags) if "parameters" in t]
    mark = hashlib.sha256(source.read_bytes()).hexdigest()[:12] + " " + " ".join(given).strip()
    stale = ""
    if any("injected-parameters" in t for t in tags):
        stale = "it was run with other parameters"
    elif [c.source for c in notebook.cells] != [c.source for c in jupytext.read(source).cells]:
        stale = f"{source.name} has changed since it was run"
    elif not any(PNG in o.get("data", {}) for c in notebook.cells for o in c.get("outputs", [])):
        stale = "it has no pictures"
    return mark, stale


def read_notebook(path: Path, into: Path) -> Notebook:
    """A committed notebook as a page; its pictures are written into the folder `into`."""
    notebook = nbformat.read(path, as_version=4)
    mark, stale = compare(notebook, path)
    code = code_of_widgets(path.with_suffix(".py"))
    figures = take_figures(notebook, path.stem, into, len(code))
    invitations = {
        figure.anchor: next(
            markdown("## " + cell.source.rpartition("## ")[2], path)
            for cell in reversed(notebook.cells[:number])
            if cell.cell_type == "markdown"
        )
        for number, figure in figures
        if figure.state
    }
    exporter = HTMLExporter(template_file=str(TEMPLATE / "cells.html.j2"))
    exporter.register_filter("markdown2html", lambda text: markdown(text, path))
    body, _ = exporter.from_notebook_node(notebook)
    title, claim = re.search(r"<h1.*?>(.*?)</h1>\s*<p>(.*?)</p>", body, re.DOTALL).groups()
    claim = claim.replace("<strong>Claim.</strong>", "").strip()
    shown = [figure for _, figure in figures]
    pictures = [figure for figure in shown if figure.image]
    numbered = [figure for figure in pictures if figure.caption.startswith("Figure ")]
    lead = next(iter(numbered + pictures), None)
    states = dict(zip([figure.anchor for figure in shown if figure.state], code))
    texts = (plain(title), claim, body)
    return Notebook(path.stem, *texts, shown, lead, invitations, states, mark, stale)


# --- the site ------------------------------------------------------------------------------------


def write_page(into: Path, name: str, template: str, **content) -> None:
    """Render a template as the page `name`; links in it are relative, for file:// as well."""
    (into / name).parent.mkdir(parents=True, exist_ok=True)
    root = "../" * name.count("/")
    text = templates.get_template(template).render(here=name, root=root, **content)
    (into / name).write_text(text, encoding="utf-8")


def write_assets(into: Path) -> None:
    """The stylesheet with the colours of code, the script, the font of formulae, plotly."""
    assets = into / "assets"
    assets.mkdir(parents=True)
    for name in ("math.woff2", "math-license.txt"):
        shutil.copy(TEMPLATE / name, assets)
    light, dark = (HtmlFormatter(style=s).get_style_defs(".highlight") for s in ("xcode", "nord"))
    colors = f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    colors = re.sub(r"background(-color)?: #\w+;?", "", colors)
    own = (TEMPLATE / "style.css").read_text(encoding="utf-8")
    (assets / "style.css").write_text(own + colors + view.View._css, encoding="utf-8")
    (assets / "site.js").write_text(f"(() => {{\n{FRONT}}})();\n", encoding="utf-8")
    (assets / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")


def write_api(into: Path, cover: Figure | None) -> list[str]:
    """Documentation of the ideas, and of what figures and widgets offer; returns their names."""
    found = [module.name for module in pkgutil.iter_modules(modadd.__path__, "modadd.")]
    names = [name for name in found if "._" not in name and name != "modadd.chapters"]
    pdoc.render.configure(
        docformat="google",
        show_source=False,
        search=False,  # its index would be a tenth of the site
        favicon=ICON,
        template_directory=TEMPLATE / "api",
    )
    pdoc.render.env.globals |= {"cover": cover, "base": BASE}
    with warnings.catch_warnings():  # of named tuples whose fields' types it shows as they stand
        warnings.filterwarnings("ignore", "Error parsing type annotation")
        warnings.filterwarnings("ignore", "The module specification")  # packages bring modules
        pdoc.pdoc("modadd", *names, r"!modadd\.(plots|chapters)\.", output_directory=into / "api")
    (into / "api" / "index.html").unlink()  # it only leads on to modadd.html
    return names


def first_paragraph(body: str) -> str:
    """Text of the first paragraph of some HTML."""
    return plain(re.search(r"<p>(.*?)</p>", body, re.DOTALL)[1])


def publish(into: Path) -> list[str]:
    """Build the whole site in the folder `into`, emptied first; returns what of it is stale."""
    shutil.rmtree(into, ignore_errors=True)
    write_assets(into)
    (into / "notebooks").mkdir()
    paths = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    notebooks = [read_notebook(path, into / "notebooks") for path in paths]
    write_states(into / "notebooks", {k: v for n in notebooks for k, v in n.code.items()})
    write_state(into, "train", widgets.live_training()._page_state())
    cover = next((n.lead for n in notebooks if n.lead), None)
    for before, notebook, after in zip([None, *notebooks], notebooks, [*notebooks[1:], None]):
        own = {"opening": plain(notebook.claim), "cover": notebook.lead or cover}
        own |= {"before": before, "notebook": notebook, "after": after}
        write_page(into, f"notebooks/{notebook.stem}.html", "notebook.html.j2", **own)
    documents = []
    for path in sorted((ROOT / "docs").glob("*.md")):
        body = markdown(path.read_text(encoding="utf-8"), path)
        title = plain(re.search(r"<h1.*?>(.*?)</h1>", body, re.DOTALL)[1])
        documents.append((path.stem, title))
        own = {"title": title, "body": body, "opening": first_paragraph(body), "cover": cover}
        write_page(into, f"docs/{path.stem}.html", "document.html.j2", **own)
    every = {"notebooks": notebooks, "documents": documents, "cover": cover}
    every["modules"] = write_api(into, cover)
    for name in ("explore", "train", "index"):
        write_page(into, f"{name}.html", f"{name}.html.j2", **every)
    return [f"{n.stem}: {n.stale}; make notebooks ONLY={n.stem[:2]}" for n in notebooks if n.stale]


def main() -> int:
    """Build the site, say how large it is, and which of its pages are out of step."""
    start, part, site = time.time(), ROOT / "build" / "site", ROOT / "site"
    stale = publish(part)
    shutil.rmtree(site, ignore_errors=True)
    part.rename(site)  # never half a site
    files = [p for p in site.rglob("*") if p.is_file()]
    size = sum(p.stat().st_size for p in files) / 1e6
    print(
        f"{len(files)} files, {size:.1f} MB, in {time.time() - start:.0f} s: open site/index.html"
    )
    for line in stale:
        print(f"stale: {line}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
