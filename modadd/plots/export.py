"""Figures and widgets as files and under notebook cells: HTML always, PNG where a browser draws."""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Protocol

import plotly.graph_objects as go

from modadd.plots.palette import FONT, INK, PAPER
from modadd.plots.png import draw, squeeze

PLOTLY = "application/vnd.plotly.v1+json"
PLOTLY_JS = "plotly.min.js"  # 4.8 MB, beside the figures and shared by them
CONFIG = {"displayModeBar": False, "responsive": False}  # its buttons would cover the titles

# Light becomes dark and dark light, hues stay: the same rule as in .jupyter/custom/custom.css.
DARK = "filter: invert(0.93) hue-rotate(180deg);"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 2rem auto; padding: 0 1rem; width: fit-content; max-width: 100%; }}
body {{ box-sizing: border-box; background: light-dark({paper}, #121212); }}
body {{ color: light-dark({ink}, #d9dde1); font: 15px/1.5 {font}; }}
figure {{ margin: 0; }}
figcaption {{ max-width: 44rem; margin: 1rem auto; }}
@media (prefers-color-scheme: dark) {{ .plotly-graph-div {{ {dark} }} }}
</style>
{script}</head>
<body>
<figure>
{content}
{caption}
</figure>
</body>
</html>
"""


class Widget(Protocol):
    """What `save` and `show` ask of a widget: those of `modadd.widgets`."""

    caption: str

    def picture(self) -> go.Figure:
        """First, middle and last state."""

    def fragment(self) -> str | None:
        """Part of a page that needs no kernel; None where the widget takes one."""


def folder() -> Path:
    """Where figures go.

    $MODADD_FIGURES; else figures/ of the repository whose code this is; else, installed, the
    working folder.

    >>> folder().name
    'figures'
    """
    named, repository = os.environ.get("MODADD_FIGURES"), _repository()
    return Path(named) if named else repository / "figures" if repository else Path.cwd()


def _repository() -> Path | None:
    root = Path(__file__).resolve().parents[2]
    return root if (root / "notebooks").is_dir() and (root / "pyproject.toml").exists() else None


def save(
    shown: go.Figure | Widget,
    name: str,
    into: str | os.PathLike | None = None,
    caption: str = "",
) -> list[Path]:
    """Write name.html, and name.png where a browser draws; each appears whole or not at all.

    The page works offline: plotly's own script lies beside it. Equal figures give equal pages. A
    widget's page holds the widget itself, its PNG the first, middle and last state; one that takes
    a kernel has no page.

    Args:
        shown: a figure with width and height, or a widget.
        name: file name without suffix.
        into: folder; None: `folder()`.
        caption: a sentence below, plain text.

    Returns:
        the paths written, besides plotly's script.

    Raises:
        ValueError: if the name is not one of a file, or the caption no text.

    >>> save(go.Figure(), "../figure")
    Traceback (most recent call last):
    ValueError: name must be letters, digits, _ and -, got '../figure'
    """
    into = folder() if into is None else Path(into)
    page, picture = _save_page(shown, name, into, caption), into / f"{name}.png"
    image = draw(_still(shown).to_dict())
    if image is not None:
        write(picture, squeeze(image))
    return [path for path, there in ((page, page), (picture, image)) if there]


def show(shown: go.Figure | Widget, name: str | None = None, caption: str = "") -> None:
    """Display a figure or a widget and a caption under a notebook's cell.

    With a name its page is saved too, but not by a notebook of the repository that is run by hand,
    for an experiment leaves no trace: `make figures`, which sets MODADD_FIGURES, saves the pages of
    all, and draws the PNG in one browser. Outside a kernel caption and paths are printed.

    Args:
        shown: a figure with width and height, or a widget.
        name: file name without suffix.
        caption: a sentence below.

    Raises:
        ValueError: if the name is not one of a file, or the caption no text.
    """
    if not _in_kernel():
        for line in filter(None, [caption, *(save(shown, name, caption=caption) if name else [])]):
            print(line)
        return
    from IPython.display import Markdown, display

    _check_words(name, caption)
    wanted = "MODADD_FIGURES" in os.environ
    page, metadata = None, {}
    if name is not None and (wanted or not _repository()):
        page = _save_page(shown, name, folder(), caption)
    if page is not None:
        metadata["page"] = page.name
    if isinstance(shown, go.Figure):
        bundle = {PLOTLY: json.loads(shown.to_json()) | {"config": CONFIG}}
    else:
        bundle, _ = shown._repr_mimebundle_()
    if wanted:  # what `make figures` draws
        metadata["draw"] = {"figure": json.loads(_still(shown).to_json()), "name": name}
    words = caption or name or "figure"
    # What an export without pictures holds in the figure's place.
    bundle["text/html"] = (
        f'<p role="img" aria-label="{html.escape(words)}">[An interactive figure: it shows in '
        "JupyterLab. <code>make figures</code> leaves notebooks with pictures.]</p>"
    )
    display(bundle | {"text/plain": words}, raw=True, metadata=metadata)
    if caption:
        display(Markdown(f"*{caption}*"))


def show_png(image: bytes, name: str, caption: str) -> None:
    """Display a picture that is drawn already, and a caption; saved when `show` would save a page.

    Args:
        image: the bytes of a PNG.
        name: file name without suffix.
        caption: a sentence below; also what stands for the picture where it cannot be seen.
    """
    from IPython.display import Image, Markdown, display

    if "MODADD_FIGURES" in os.environ or not _repository():
        write(folder() / f"{name}.png", image)
    display(Image(image, alt=caption))
    display(Markdown(f"*{caption}*"))


def _in_kernel() -> bool:
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _check_words(name: str | None, caption: str) -> None:
    if not isinstance(caption, str):
        raise ValueError(f"caption must be text, got {type(caption).__name__}")
    if name is not None and not (isinstance(name, str) and re.fullmatch(r"[\w-]+", name)):
        raise ValueError(f"name must be letters, digits, _ and -, got {name!r}")


def _still(shown: go.Figure | Widget) -> go.Figure:
    return shown if isinstance(shown, go.Figure) else shown.picture()


def _save_page(shown: go.Figure | Widget, name: str, into: Path, caption: str) -> Path | None:
    """Write the page of a figure, or of a widget that has one."""
    _check_words(name, caption)
    into.mkdir(parents=True, exist_ok=True)
    script = ""
    if isinstance(shown, go.Figure):
        import plotly.io as pio

        _share_plotly(into)
        script = f'<script src="{PLOTLY_JS}"></script>\n'
        options = {"auto_play": False, "include_plotlyjs": False, "full_html": False}
        content = pio.to_html(shown, config=CONFIG, div_id=f"figure-{name}", **options)
    else:
        content = shown.fragment()
    if content is None:
        return None
    page = _PAGE.format(
        name=html.escape(name),
        paper=PAPER,
        ink=INK,
        font=FONT,
        dark=DARK,
        script=script,
        content=content,
        caption=f"<figcaption>{html.escape(caption)}</figcaption>" if caption else "",
    )
    write(into / f"{name}.html", page.encode())
    return into / f"{name}.html"


def _share_plotly(into: Path) -> None:
    from plotly.offline import get_plotlyjs

    script = get_plotlyjs().encode()
    if not (into / PLOTLY_JS).exists() or (into / PLOTLY_JS).stat().st_size != len(script):
        write(into / PLOTLY_JS, script)


def write(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
