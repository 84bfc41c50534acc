"""Figures and widgets as files and under notebook cells: HTML always, PNG where a browser is."""

from __future__ import annotations

import asyncio
import atexit
import base64
import html
import json
import os
import re
import struct
import tempfile
import threading
import zlib
from functools import cache
from pathlib import Path
from typing import Protocol

import kaleido
import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from choreographer.browsers.chromium import Chromium
from IPython.display import Markdown, display
from plotly.offline import get_plotlyjs
from scipy.cluster.vq import kmeans2
from scipy.spatial import KDTree

from modadd import _checks
from modadd.plots.palette import FONT, THEMES

PLOTLY = "application/vnd.plotly.v1+json"
PLOTLY_JS = "plotly.min.js"  # 4.8 MB, beside the figures and shared by them

# Pixels of a picture under a cell for one of the figure: JupyterLab shows the picture at its own
# size until the pointer reaches it, and a larger one would not fit beside the list of files.
SCALE = 1.0

CONFIG = {"displayModeBar": False, "responsive": False}  # its buttons would cover the titles

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 2rem auto; padding: 0 1rem; width: fit-content; max-width: 100%; }}
body {{ box-sizing: border-box; {colors} }}
p {{ max-width: 44rem; margin: 1rem auto; font: 15px/1.5 {font}; }}
</style>
{script}</head>
<body>
{content}
{caption}
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


def browser() -> str | None:
    """Path of the Chrome or Chromium that draws PNG, as kaleido finds it; None without one.

    The environment variable BROWSER_PATH names one, and is then the only one tried.

    >>> path = browser()  # None, or for example '/usr/bin/chromium'
    """
    path = os.environ.get("BROWSER_PATH") or Chromium.find_browser(skip_local=False)
    return str(path) if path and os.access(path, os.X_OK) else None


def png(figure: go.Figure, scale: float = 2.0) -> bytes:
    """A figure as PNG of 256 colours: about 3 s for the first of a process, then 0.3 s each.

    Raises:
        RuntimeError: without a browser, or where it does not answer within two minutes.

    Args:
        figure: with width and height.
        scale: px of the picture over those of the figure.

    >>> png(go.Figure(layout={"width": 80, "height": 60}))[1:4]  # doctest: +SKIP
    b'PNG'
    """
    path = browser()
    if path is None:
        raise RuntimeError("drawing PNG takes Chrome or Chromium; BROWSER_PATH may name one")
    size = {"width": figure.layout.width, "height": figure.layout.height}
    options = {"format": "png", "scale": scale, **size}
    try:
        image = _Browser.on(path).run(lambda k: k.calc_fig(figure.to_dict(), options))
    except TimeoutError:
        _Browser.on.cache_clear()  # the next figure may have better luck with another one
        raise RuntimeError(f"the browser {path} did not answer") from None
    return squeeze(image)


class _Browser:
    """One headless browser for all figures of a process, on an event loop of its own."""

    @staticmethod
    @cache
    def on(path: str) -> _Browser:
        return _Browser(path)

    def __init__(self, path: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        # Without mathjax=False each page would ask the network for MathJax.
        self.kaleido = kaleido.Kaleido(path=path, mathjax=False)
        try:
            self.run(lambda k: k.open())
        except Exception as error:
            self.stop()
            raise RuntimeError(f"the browser {path} did not start: {error}") from error
        atexit.register(self.close)

    def serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def close(self) -> None:
        self.run(lambda k: k.close())
        self.stop()

    def run(self, action):
        """Await action(kaleido), for two minutes at most."""

        async def limited():
            return await asyncio.wait_for(action(self.kaleido), 120)

        return asyncio.run_coroutine_threadsafe(limited(), self.loop).result()


def indexed_png(pixels: np.ndarray, colors: np.ndarray) -> bytes:
    """PNG of (Y, X) indices, the first row on top, into colours (C <= 256, 3), each 0 to 255.

    Args:
        pixels: (Y, X) indices into the colours, the first row on top.
        colors: (C, 3), each 0 to 255; C at most 256.

    Raises:
        ValueError: if a shape is another, or an index is not one of the colours.

    >>> indexed_png([[0, 1], [1, 0]], [[0, 0, 0], [255, 255, 255]])[1:4]
    b'PNG'
    """
    pixels = _checks.array("pixels", pixels, ("Y", "X"))
    colors = _checks.array("colors", colors, ("C", 3))
    if len(colors) > 256 or pixels.min(initial=0) < 0 or pixels.max(initial=0) >= len(colors):
        raise ValueError(f"pixels must be indices of at most 256 colours, here of {len(colors)}")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = np.pad(pixels.astype(np.uint8), ((0, 0), (1, 0)))  # each row begins with "no filter"
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 3, 0, 0, 0)
    parts = [(b"IHDR", head), (b"PLTE", colors.astype(np.uint8).tobytes())]
    parts += [(b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def squeeze(image: bytes) -> bytes:
    """The same opaque picture in 256 colours, a quarter of the size.

    The colours of areas are kept; those of antialiased edges become the nearest of 256. A PNG of
    another make than Chromium's (RGBA, rows filtered by "up") is returned as it is.

    Args:
        image: PNG.

    Raises:
        ValueError: if it is no PNG.

    >>> image = indexed_png([[0, 1]], [[0, 0, 0], [255, 255, 255]])
    >>> squeeze(image) == image  # not made by Chromium
    True
    """
    if not isinstance(image, bytes) or not image.startswith(b"\x89PNG"):
        raise _checks.refuse("image", "a PNG", image)
    data, at, header = b"", 8, b""
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        body = image[at + 8 : at + 8 + length]
        if image[at + 4 : at + 8] == b"IHDR":
            header = body
        elif image[at + 4 : at + 8] == b"IDAT":
            data += body
        at += 12 + length
    width, height, *kind = struct.unpack(">IIBBBBB", header)
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, -1)
    if kind != [8, 6, 0, 0, 0] or (rows[:, 0] != 2).any():
        return image
    rgba = np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(-1, 4).astype(np.uint32)
    code, pixels, count = np.unique(
        rgba[:, :3] @ np.array([65536, 256, 1], np.uint32), return_inverse=True, return_counts=True
    )
    every = np.stack([code >> 16, code >> 8 & 255, code & 255], -1).astype(float)
    frequent = np.argsort(-count, kind="stable")
    colors = every[frequent[:128]]
    if len(every) > 128:
        edges = every[frequent[128:]]
        means, _ = kmeans2(edges, min(128, len(edges)), minit="++", seed=0)
        colors = np.concatenate([colors, means.round()])
    nearest = KDTree(colors).query(every)[1]
    return indexed_png(nearest[pixels].reshape(height, width), colors)


def folder() -> Path:
    """Where figures go: $MODADD_FIGURES, or figures/ beside the package.

    >>> folder().name
    'figures'
    """
    default = Path(__file__).resolve().parents[2] / "figures"
    return Path(os.environ.get("MODADD_FIGURES") or default)


def save(
    shown: go.Figure | Widget,
    name: str,
    into: str | os.PathLike | None = None,
    caption: str = "",
) -> list[Path]:
    """Write name.html, and name.png where there is a browser; each appears whole or not at all.

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
        ValueError: if the name is not one of a file.

    >>> save(go.Figure(), "../figure")
    Traceback (most recent call last):
    ValueError: name must be letters, digits, _ and -, got '../figure'
    """
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        raise _checks.refuse("name", "letters, digits, _ and -", name)
    _check_shown(shown, caption)
    into = folder() if into is None else Path(into)
    into.mkdir(parents=True, exist_ok=True)
    if isinstance(shown, go.Figure):
        _share_plotly(into)
    page = _page(shown, name, caption)
    files = {} if page is None else {into / f"{name}.html": page}
    if browser() is not None:
        files[into / f"{name}.png"] = png(_still(shown))
    for path, content in files.items():
        _write(path, content)
    return list(files)


def show(shown: go.Figure | Widget, name: str | None = None, caption: str = "") -> None:
    """Display a figure or a widget and a caption under a notebook's cell; save it if it has a name.

    The output carries the interactive form and, where there is a browser, a PNG for readers
    without a kernel. Its metadata name the page that was saved: there `make site` finds widgets.

    Args:
        shown: a figure with width and height, or a widget.
        name: file name without suffix, to save it under; None: do not.
        caption: a sentence below.

    Raises:
        ValueError: naming the argument that does not fit.
    """
    _check_shown(shown, caption)
    files = [] if name is None else save(shown, name, caption=caption)
    if isinstance(shown, go.Figure):
        bundle = {PLOTLY: json.loads(shown.to_json()) | {"config": CONFIG}}
    else:
        bundle, _ = shown._repr_mimebundle_()
    if browser() is not None:
        bundle["image/png"] = base64.b64encode(png(_still(shown), SCALE)).decode()
    pages = [file.name for file in files if file.suffix == ".html"]
    metadata = {"page": pages[0]} if pages else {}
    display(bundle | {"text/plain": caption or name or "figure"}, raw=True, metadata=metadata)
    if caption:
        display(Markdown(f"*{caption}*"))


def _check_shown(shown: object, caption: object) -> None:
    if not isinstance(shown, go.Figure) and not hasattr(shown, "picture"):
        raise _checks.refuse("shown", "a figure or a widget", shown)
    _checks.instance("caption", caption, str)


def _share_plotly(into: Path) -> None:
    script = get_plotlyjs().encode()
    if not (into / PLOTLY_JS).exists() or (into / PLOTLY_JS).stat().st_size != len(script):
        _write(into / PLOTLY_JS, script)


def _still(shown: go.Figure | Widget) -> go.Figure:
    return shown if isinstance(shown, go.Figure) else shown.picture()


def _page(shown: go.Figure | Widget, name: str, caption: str) -> bytes | None:
    if isinstance(shown, go.Figure):
        layout = shown.layout.template.layout
        colors = f"background: {layout.paper_bgcolor}; color: {layout.font.color};"
        script = f'<script src="{PLOTLY_JS}"></script>\n'
        options = {"auto_play": False, "include_plotlyjs": False, "full_html": False}
        content = pio.to_html(shown, config=CONFIG, div_id=f"figure-{name}", **options)
    else:
        papers = ", ".join(theme.paper for theme in THEMES.values())
        colors, script = f"background: light-dark({papers});", ""
        content = shown.fragment()
    if content is None:
        return None
    return _PAGE.format(
        name=html.escape(name),
        colors=colors,
        font=FONT,
        script=script,
        content=content,
        caption=f"<p>{html.escape(caption)}</p>" if caption else "",
    ).encode()


def _write(path: Path, content: bytes) -> None:
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
