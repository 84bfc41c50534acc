"""Publish the notebooks, their widgets and the documentation as pages in site/.

`make site` calls this. The pages need neither a server nor a network. Their text, pictures and
interactive figures come from the committed notebooks. The widgets come from the pages that
`make figures` leaves in figures/; notebooks whose widgets are missing there are run first.
"""

import base64
import html
import importlib.util
import json
import pkgutil
import posixpath
import re
import shutil
import struct
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import jinja2
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

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).resolve().parent / "template"
PNG = "image/png"
ICON = "data:image/svg+xml," + (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Ccircle cx='10' cy='10' r='6' fill='%232f7fc1'/%3E"
    "%3Ccircle cx='23' cy='12' r='5' fill='%23d1603d'/%3E"
    "%3Ccircle cx='15' cy='24' r='5' fill='%235b9a4b'/%3E%3C/svg%3E"
)

templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined
)


class Figure(NamedTuple):
    """One figure or widget of a notebook: its anchor, picture, and what brings it to life."""

    anchor: str
    image: str  #: file name beside the page
    width: int  #: CSS pixels
    height: int
    caption: str
    plot: str  #: plotly's JSON, or nothing
    widget: str  #: fragment of a page, or nothing


class Notebook(NamedTuple):
    """One notebook as a page."""

    stem: str
    title: str
    claim: str  #: HTML
    body: str  #: HTML
    figures: list[Figure]
    lead: Figure  #: the numbered one
    invitations: dict[str, str]  #: HTML of the cell before each widget, by its anchor


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


def widgets_of(path: Path) -> list[str]:
    """Names of the pages in figures/ that hold a notebook's widgets."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [o for c in cells if c.cell_type == "code" for o in c.outputs]
    outputs = [o for o in outputs if "page" in o.get("metadata", {})]
    return [o.metadata.page for o in outputs if export.PLOTLY not in o.data]


def fragment(page: str) -> str:
    """The widget in a page of figures/; nothing where there is none."""
    path = export.folder() / page
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r'<div class="modadd-page">.*</script>', text, re.DOTALL)
    return found[0] if found else ""


def run_where_widgets_are_missing(paths: list[Path]) -> None:
    """Run the notebooks whose widgets are not in figures/, for instance in a fresh clone."""
    missing = [p for p in paths if not all(map(fragment, widgets_of(p)))]
    spec = importlib.util.spec_from_file_location("rebuild", ROOT / "notebooks" / "rebuild.py")
    rebuild = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rebuild)
    for i, path in enumerate(missing, 1):
        label = f"[{i}/{len(missing)}] {path.stem} is run for its widget"
        rebuild.execute(path.with_suffix(".py"), "quick", label)
        if not all(map(fragment, widgets_of(path))):
            raise SystemExit(f"{path.stem} wrote another widget than its .ipynb shows")


def read_figure(output, caption: str, anchor: str, into: Path) -> Figure:
    """A figure from a cell's output; its picture is written into the folder `into`."""
    image = base64.b64decode(output.data[PNG])
    width, height = struct.unpack(">II", image[16:24])
    (into / f"{anchor}.png").write_bytes(image)
    plot, page = output.data.get(export.PLOTLY), output.get("metadata", {}).get("page")
    return Figure(
        anchor=anchor,
        image=f"{anchor}.png",
        width=width,
        height=height,
        caption=caption,
        plot=json.dumps(plot, separators=(",", ":")).replace("</", "<\\/") if plot else "",
        widget=fragment(page) if page and not plot else "",
    )


def take_figures(notebook, stem: str, into: Path) -> list[tuple[int, Figure]]:
    """Replace each picture and its caption by the HTML of a figure; (number of cell, figure)."""
    figures = []
    template = templates.get_template("figure.html.j2")
    for number, cell in enumerate(notebook.cells):
        outputs, caption = [], None
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PNG in data:
                page = output.get("metadata", {}).get("page", f"{stem}_{len(figures) + 1}.html")
                caption = data.get("text/plain", "")
                shown = re.sub(r"\s*Until the cell is run.*", "", caption)  # here it is alive
                figure = read_figure(output, shown, page.removesuffix(".html"), into)
                figures.append((number, figure))
                text = template.render(figure=figure)
                output = nbformat.v4.new_output("display_data", {"text/html": text})
            elif data.get("text/markdown") == f"*{caption}*":
                continue
            outputs.append(output)
        if "outputs" in cell:
            cell.outputs = outputs
    return figures


def read_notebook(path: Path, into: Path) -> Notebook:
    """A committed notebook as a page; its pictures are written into the folder `into`."""
    notebook = nbformat.read(path, as_version=4)
    figures = take_figures(notebook, path.stem, into)
    invitations = {
        figure.anchor: next(
            markdown("## " + cell.source.rpartition("## ")[2], path)
            for cell in reversed(notebook.cells[:number])
            if cell.cell_type == "markdown"
        )
        for number, figure in figures
        if figure.widget
    }
    exporter = HTMLExporter(template_file=str(TEMPLATE / "cells.html.j2"))
    exporter.register_filter("markdown2html", lambda text: markdown(text, path))
    body, _ = exporter.from_notebook_node(notebook)
    title, claim = re.search(r"<h1.*?>(.*?)</h1>\s*<p>(.*?)</p>", body, re.DOTALL).groups()
    claim = claim.replace("<strong>Claim.</strong>", "").strip()
    shown = [figure for _, figure in figures]
    lead = next((f for f in shown if f.caption.startswith("Figure ")), shown[0])
    return Notebook(path.stem, plain(title), claim, body, shown, lead, invitations)


# --- the site ------------------------------------------------------------------------------------


def write_page(into: Path, name: str, template: str, **content) -> None:
    """Render a template as the page `name`; links in it are relative, for file:// as well."""
    (into / name).parent.mkdir(parents=True, exist_ok=True)
    text = templates.get_template(template).render(
        root="../" * name.count("/"), icon=ICON, here=name, **content
    )
    (into / name).write_text(text, encoding="utf-8")


def write_assets(into: Path) -> None:
    """The stylesheet with the colours of code, the script, the font of formulae, plotly."""
    assets = into / "assets"
    assets.mkdir(parents=True)
    for name in ("site.js", "math.woff2", "math-license.txt"):
        shutil.copy(TEMPLATE / name, assets)
    light, dark = (HtmlFormatter(style=s).get_style_defs(".highlight") for s in ("xcode", "nord"))
    colors = f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    colors = re.sub(r"background(-color)?: #\w+;?", "", colors)
    (assets / "style.css").write_text((TEMPLATE / "style.css").read_text() + colors)
    (assets / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")


def write_api(into: Path) -> list[str]:
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
    with warnings.catch_warnings():  # of named tuples whose fields' types it shows as they stand
        warnings.filterwarnings("ignore", "Error parsing type annotation")
        warnings.filterwarnings("ignore", "The module specification")  # packages bring modules
        pdoc.pdoc("modadd", *names, r"!modadd\.(plots|chapters)\.", output_directory=into / "api")
    (into / "api" / "index.html").unlink()  # it only leads on to modadd.html
    return names


def publish(into: Path) -> None:
    """Build the whole site in the folder `into`, which is emptied first."""
    shutil.rmtree(into, ignore_errors=True)
    write_assets(into)
    paths = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    run_where_widgets_are_missing(paths)
    (into / "notebooks").mkdir()
    notebooks = [read_notebook(path, into / "notebooks") for path in paths]
    for i, notebook in enumerate(notebooks):
        around = {"before": notebooks[i - 1] if i else None, "after": None, "notebook": notebook}
        around["after"] = notebooks[i + 1] if i + 1 < len(notebooks) else None
        write_page(into, f"notebooks/{notebook.stem}.html", "notebook.html.j2", **around)
    documents = []
    for path in sorted((ROOT / "docs").glob("*.md")):
        body = markdown(path.read_text(encoding="utf-8"), path)
        title = plain(re.search(r"<h1.*?>(.*?)</h1>", body, re.DOTALL)[1])
        documents.append((path.stem, title))
        write_page(into, f"docs/{path.stem}.html", "document.html.j2", title=title, body=body)
    write_page(into, "explore.html", "explore.html.j2", notebooks=notebooks)
    write_page(into, "train.html", "train.html.j2", widget=widgets.live_training().fragment())
    modules = write_api(into)
    everything = {"notebooks": notebooks, "documents": documents, "modules": modules}
    write_page(into, "index.html", "index.html.j2", **everything)


def main() -> int:
    """Build the site and say how large it is."""
    start, part, site = time.time(), ROOT / "build" / "site", ROOT / "site"
    publish(part)
    shutil.rmtree(site, ignore_errors=True)
    part.rename(site)  # never half a site
    files = [p for p in site.rglob("*") if p.is_file()]
    size = sum(p.stat().st_size for p in files) / 1e6
    print(
        f"{len(files)} files, {size:.1f} MB, in {time.time() - start:.0f} s: open site/index.html"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
