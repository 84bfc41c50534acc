"""Latency of the widgets in a real JupyterLab on loopback, in a headless browser that draws on CPU.

Scrubbing: from an input event on the slider until the browser reports the frame after the drawing
one, and the time spent drawing; on the reference run (N = 17, 200 snapshots, regions 80 × 80), at
a new random step each time. Live training (N = 17, H = 64) without a limit, by the kernel and in a
worker of the page, alone and with the field of moving features beside it: steps and drawn frames in
a second, after its first steps, which are drawn one by one.

TensorFlow.js trains the same network on its processor backend, and draws nothing. It takes 290 MB,
too much for a dependency; without it that line is left out:

    npm install --no-save @tensorflow/tfjs@4.22.0
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from modadd import TrainingConfig, train, widgets
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


TENSORFLOW = """async ({ start, first, second, label, weight, seconds, steps }) => {
    await tf.setBackend("cpu");
    const [E, W1, b1, W2, b2] = start.map(a => tf.variable(tf.tensor(a)));
    const [a, b] = [tf.tensor1d(first, "int32"), tf.tensor1d(second, "int32")];
    const y = tf.cast(tf.oneHot(tf.tensor1d(label, "int32"), 17), "float32");
    const w = tf.tensor1d(weight);
    const entropy = () => {
        const x = tf.add(tf.gather(E, a), tf.gather(E, b));
        const z = tf.add(tf.matMul(tf.relu(tf.add(tf.matMul(x, W1), b1)), W2), b2);
        return tf.neg(tf.sum(tf.mul(w, tf.sum(tf.mul(y, tf.logSoftmax(z)), 1))));
    };
    const squares = () => [E, W1, b1, W2, b2].map(v => tf.sum(tf.square(v))).reduce(tf.add);
    const optimiser = tf.train.momentum(0.3, 0.9);
    const step = () => optimiser.minimize(() => tf.add(entropy(), tf.mul(0.0015, squares())));
    for (let i = 0; i < steps; i++) step();
    const [loss] = await entropy().data();
    const before = performance.now();
    let done = 0;
    while (performance.now() - before < 1000 * seconds) {
        step();
        done++;
    }
    return [loss, (1000 * done) / (performance.now() - before)];
}"""
TF = Path(__file__).resolve().parent.parent / "node_modules/@tensorflow/tfjs/dist/tf.min.js"


def tensorflow(browser) -> float | None:
    """Steps of the same training in a second by TensorFlow.js; None where it is not installed."""
    if not TF.exists():
        return None
    config = TrainingConfig(steps=50)
    task = config.task
    given = {
        "start": [array.tolist() for array in config.initial(0)],
        "first": task.pairs[:, 0].tolist(),
        "second": task.pairs[:, 1].tolist(),
        "label": task.labels.tolist(),
        "weight": (task.multiplicity / task.multiplicity.sum()).tolist(),
        "seconds": 5,
        "steps": config.steps,
    }
    page = browser.new_page()
    page.add_script_tag(path=TF)
    loss, rate = page.evaluate(TENSORFLOW, given)
    page.close()
    expected = float(train(config, 0, cache=False, progress=False).loss[-1, 0])
    if not abs(loss / expected - 1) < 1e-3:
        raise SystemExit(f"TensorFlow.js trained something else: {loss}, not {expected}")
    return rate


def in_page(browser, folder: Path, beside: str = "") -> tuple[float, float]:
    """Steps and drawn frames in a second of the same training in a worker, on a page."""
    file = folder / "page.html"
    body = widgets.live_training().fragment()
    file.write_text(f'<!doctype html><meta charset="utf-8"><body>{body}</body>', encoding="utf-8")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_selector(".modadd[data-drawn]")
    page.get_by_label("beside it").select_option(beside)
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
                ("in the page, field beside", in_page(browser, Path(folder), "field")),
            ):
                print(f"| live training {where}: steps a second | {found[0]:,.0f} | |")
                print(f"| live training {where}: drawn frames a second | {found[1]:.0f} | |")
            rate = tensorflow(browser)
            words = f"{rate:,.0f}" if rate else "left out: not installed"
            print(f"| the same by TensorFlow.js, undrawn: steps a second | {words} | |")
        browser.close()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{os.cpu_count()} processors; load of the last 1, 5, 15 minutes: {load}")


if __name__ == "__main__":
    main()
