"""PNG: figures drawn by a headless browser, and any picture in at most 256 colours."""

from __future__ import annotations

import asyncio
import atexit
import os
import struct
import threading
import warnings
import zlib
from functools import cache

import numpy as np


def browser() -> str | None:
    """Path of the Chrome or Chromium that draws PNG, as kaleido finds it; None without one.

    The environment variable BROWSER_PATH names one, and is then the only one tried.

    >>> path = browser()  # None, or for example '/usr/bin/chromium'
    """
    from choreographer.browsers.chromium import Chromium

    path = os.environ.get("BROWSER_PATH") or Chromium.find_browser(skip_local=False)
    return str(path) if path and os.access(path, os.X_OK) else None


def draw(figure: dict) -> bytes | None:
    """A figure's JSON as PNG of twice its size: 3 s for the first of a process, then 0.3 s each.

    None without a browser. One that does not start, or not answer within two minutes, is as good
    as none: a warning says so, once, and it is not asked again.
    """
    path = browser()
    drawer = path and _Browser.on(path)
    if drawer is None or drawer.failed:
        return None
    size = {side: figure["layout"][side] for side in ("width", "height")}
    try:
        return drawer.run(
            lambda kaleido: kaleido.calc_fig(figure, {"format": "png", "scale": 2, **size})
        )
    except Exception as error:  # whatever a foreign program can do wrong
        drawer.failed = True
        what = f"{type(error).__name__} {error}".strip()
        warnings.warn(f"no PNG are drawn: the browser {path} does not ({what})", stacklevel=2)
        return None


class _Browser:
    """One headless browser for all figures of a process, on an event loop of its own."""

    # kaleido's own server waits for ever for a browser that does not start.

    @staticmethod
    @cache
    def on(path: str) -> _Browser:
        return _Browser(path)

    def __init__(self, path: str) -> None:
        self.path, self.kaleido, self.failed = path, None, False
        self.lock = threading.Lock()

    def run(self, action):
        """Await action(kaleido), for two minutes at most."""
        with self.lock:
            if self.kaleido is None:
                self.open()
            return self.wait(action(self.kaleido))

    def open(self) -> None:
        import kaleido

        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        # Without mathjax=False each page would ask the network for MathJax.
        self.kaleido = kaleido.Kaleido(path=self.path, mathjax=False)
        self.wait(self.kaleido.open())
        atexit.register(lambda: self.wait(self.kaleido.close()))

    def wait(self, action):
        async def limited():
            return await asyncio.wait_for(action, 120)

        return asyncio.run_coroutine_threadsafe(limited(), self.loop).result()


def indexed_png(pixels: np.ndarray, colors: np.ndarray) -> bytes:
    """PNG of (Y, X) indices, the first row on top, into colours (C <= 256, 3), each 0 to 255.

    >>> indexed_png(np.eye(2), np.array([[0, 0, 0], [255, 255, 255]]))[1:4]
    b'PNG'
    """
    head = _head(pixels.shape, colors)
    return head + _chunk(b"IDAT", _packed(pixels)) + _chunk(b"IEND", b"")


def animated_png(frames: np.ndarray, colors: np.ndarray, seconds: list[float]) -> bytes:
    """A PNG that plays for ever: frames (F, Y, X) of indices as in `indexed_png`, each so long.

    What cannot play it shows its first frame.
    """
    parts = [_head(frames[0].shape, colors), _chunk(b"acTL", struct.pack(">II", len(frames), 0))]
    number = 0
    for i, (frame, pause) in enumerate(zip(frames, seconds)):
        size, delay = frame.shape[::-1], (round(1000 * pause), 1000)
        control = struct.pack(">IIIIIHHBB", number, *size, 0, 0, *delay, 0, 0)
        parts.append(_chunk(b"fcTL", control))
        if i:
            parts.append(_chunk(b"fdAT", struct.pack(">I", number + 1) + _packed(frame)))
        else:
            parts.append(_chunk(b"IDAT", _packed(frame)))
        number += 2 if i else 1
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _head(shape: tuple[int, int], colors: np.ndarray) -> bytes:
    head = struct.pack(">IIBBBBB", shape[1], shape[0], 8, 3, 0, 0, 0)
    palette = _chunk(b"PLTE", colors.astype(np.uint8).tobytes())
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + palette


def _packed(pixels: np.ndarray) -> bytes:
    rows = np.pad(pixels.astype(np.uint8), ((0, 0), (1, 0)))  # each row begins with "no filter"
    return zlib.compress(rows.tobytes(), 9)


def squeeze(image: bytes, half: bool = False) -> bytes:
    """The same opaque picture in 256 colours, or at half the size.

    The colours of areas are kept; those of antialiased edges become the nearest of 256. A PNG of
    another make than Chromium's (RGBA, rows filtered by "up") is returned as it is.

    >>> image = indexed_png(np.eye(2), np.array([[0, 0, 0], [255, 255, 255]]))
    >>> squeeze(image) == image  # not made by Chromium
    True
    """
    rgb = _pixels(image)
    if rgb is None:
        return image
    rgb = halved(rgb) if half else rgb
    code, pixels, count = np.unique(
        rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32),
        return_inverse=True,
        return_counts=True,
    )
    every = np.stack([code >> 16, code >> 8 & 255, code & 255], -1).astype(float)
    colors, nearest = _fewer(every, count)
    return indexed_png(nearest[pixels].reshape(rgb.shape[:2]), colors)


def halved(rgb: np.ndarray) -> np.ndarray:
    """Colours (Y, X, 3) at half the size: means of four. What is odd loses its last row or column.

    >>> halved(np.arange(18).reshape(3, 2, 3)).tolist()
    [[[5, 6, 7]]]
    """
    Y, X = rgb.shape[0] // 2, rgb.shape[1] // 2
    wide = rgb[: 2 * Y, : 2 * X].astype(np.uint16)
    rows = wide[::2] + wide[1::2]
    return (rows[:, ::2] + rows[:, 1::2] + 2) // 4


def _pixels(image: bytes) -> np.ndarray | None:
    """Colours (Y, X, 3) of a PNG as Chromium makes it; None of another."""
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
        return None
    return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(height, width, 4)[..., :3]


def _fewer(colors: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most 256 of the colours (C, 3), the most frequent among them, and each one's nearest."""
    from scipy.cluster.vq import kmeans2
    from scipy.spatial import KDTree

    frequent = np.argsort(-count, kind="stable")
    kept = colors[frequent[:128]]
    if len(colors) > 128:
        edges = colors[frequent[128:]]
        means, _ = kmeans2(edges, _spread(edges, min(128, len(edges))), minit="matrix")
        kept = np.concatenate([kept, means.round()])
    return kept, KDTree(kept).query(colors)[1]


def _spread(colors: np.ndarray, count: int) -> np.ndarray:
    """Some of the colours, drawn far from one another: k-means++, which scipy has, but slowly."""
    random = np.random.RandomState(0)
    chosen = [colors[random.randint(len(colors))]]
    distance = np.full(len(colors), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, np.square(colors - chosen[-1]).sum(1))
        shares = (distance / distance.sum()).cumsum()
        chosen.append(colors[np.searchsorted(shares, random.uniform())])
    return np.stack(chosen)
