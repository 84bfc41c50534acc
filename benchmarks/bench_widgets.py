"""Latency of the widgets in a real JupyterLab on loopback, in a headless browser that draws on CPU.

Scrubbing: from an input event on the slider until the browser reports the frame after the drawing
one, and the time spent drawing; on the reference run (N = 17, 200 snapshots, regions 80 × 80), at
a new random step each time. Live training (N = 17, H = 64) without a limit, by the kernel
and in a worker of the page: steps and drawn frames in a second, after its first steps, which are
drawn one by one.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from modadd import widgets
from modadd.plots import png

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from browsing import ARGUMENTS, jupyterlab, notebook_of, run_all_cells

CELLS = [
    "from modadd import TrainingConfig, train, widgets\n"
    "run = train(TrainingConfig(), 3, snapshots=range(0, 2500, 12)[:200], keep_parameters=True,"
    " progress=False)",
    "widgets.scrub(run)",
    "widgets.live_training()",
]

SCRUB = """async ({ count, arrows }) => {
    const root = document.querySelector("[data-kind=scrub]"), found = { painted: [], drawing: [] };
    const slider = root.querySelector("input.cursor");
    const frame = () => new Promise(requestAnimationFrame);
    root.querySelectorAll("[type=checkbox]").forEach(box => box.checked === arrows || box.click());
    for (let i = 0; i < count; i++) {
        await new Promise(done => setTimeout(done, 30 * Math.random()));
        slider.value = Math.floor(200 * Math.random());
        const start = performance.now();
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        await frame(); // draws in this one; the next begins when it has been handed on
        await frame();
        found.painted.push(performance.now() - start);
        found.drawing.push(Number(root.dataset.ms));
    }
    return found;
}"""

LIVE = """async (seconds) => {
    const root = document.querySelector("[data-kind=live]");
    const now = () => [Number(root.querySelector("output.step").innerText.replace(/\\D/g, "")),
        Number(root.dataset.drawn), performance.now()];
    const wait = (ms) => new Promise(done => setTimeout(done, ms));
    const rate = [...root.querySelectorAll("select")].find(each => /no limit/.test(each.innerText));
    rate.selectedIndex = rate.options.length - 1;
    rate.dispatchEvent(new Event("change"));
    const start = [...root.querySelectorAll("button")].find(each => each.innerText === "start");
    start.click();
    await wait(6000);
    const before = now();
    await wait(1000 * seconds);
    const after = now();
    start.click();
    const passed = (after[2] - before[2]) / 1000;
    return [(after[0] - before[0]) / passed, (after[1] - before[1]) / passed];
}"""


def in_page(browser, folder: Path) -> tuple[float, float]:
    """Steps and drawn frames in a second of the same training in a worker, on a page."""
    file = folder / "page.html"
    body = widgets.live_training().fragment()
    file.write_text(f'<!doctype html><meta charset="utf-8"><body>{body}</body>', encoding="utf-8")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_selector(".modadd[data-drawn]")
    found = page.evaluate(LIVE, 5)
    page.close()
    return found


def main() -> None:
    """Measure and print the table."""
    path = png.browser()
    if path is None:
        print("left out: no Chrome or Chromium found")
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        notebooks = {"widgets.ipynb": notebook_of(CELLS)}
        with jupyterlab(Path(folder), notebooks) as address:
            page = browser.new_page(viewport={"width": 1200, "height": 1800})
            page.set_default_timeout(120_000)
            page.goto(address("widgets.ipynb"))
            run_all_cells(page)
            page.wait_for_function("document.querySelectorAll('.modadd[data-drawn]').length === 2")
            page.wait_for_timeout(1000)
            print("| | median | 95 % |\n|---|---:|---:|")
            for name, arrows in (("", False), (", four force arrows", True)):
                found = page.evaluate(SCRUB, {"count": 200, "arrows": arrows})
                for what, title in (("painted", "input to painted"), ("drawing", "drawing alone")):
                    median, high = np.quantile(found[what], [0.5, 0.95])
                    print(f"| scrubbing{name}: {title}, ms | {median:.1f} | {high:.1f} |")
            for where, found in (
                ("by the kernel", page.evaluate(LIVE, 5)),
                ("in the page", in_page(browser, Path(folder))),
            ):
                print(f"| live training {where}: steps a second | {found[0]:,.0f} | |")
                print(f"| live training {where}: drawn frames a second | {found[1]:.0f} | |")
        browser.close()


if __name__ == "__main__":
    main()
