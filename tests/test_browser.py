"""The widgets in a real browser: their mathematics, pages without a kernel, and JupyterLab.

Failures leave a screenshot in build/screenshots/.
"""

import itertools

import numpy as np
import pytest
from browsing import (
    command,
    jupyterlab,
    notebook_of,
    pixels,
    reading,
    run_all_cells,
    settled,
    slide,
    view,
)

from modadd import ModularAddition, TrainingConfig, structure, train, widgets
from modadd.particles import two_force
from modadd.plots import palette
from modadd.widgets._playground import lattice_patch

# The mathematics of the front end


@pytest.fixture(scope="module")
def front(chromium):
    page = chromium.new_page()
    page.evaluate(
        """async script => {
            const url = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
            window.front = await import(url);
        }""",
        widgets.front_end()[0],
    )
    yield lambda expression, *values: page.evaluate(f"values => {expression}", list(values))
    page.close()


def shapes():
    rng = np.random.default_rng(0)
    a = np.arange(17)
    circle = np.stack([np.cos(2 * np.pi * 5 * a / 17), np.sin(2 * np.pi * 5 * a / 17)], -1)
    for N in (7, 12, 17, 31):
        yield rng.standard_normal((N, 2)) * 3 + 1
    yield circle
    yield circle * [1, 0.1]
    for noise in (0, 0.05, 0.2):
        yield lattice_patch(17, 1, 4) + noise * rng.standard_normal((17, 2))
    yield lattice_patch(16, 3, 4) @ [[1.0, 0.0], [0.5, 0.8]]


def test_measures_are_those_of_structure(front):
    for E in shapes():
        flat, ring = E.ravel().tolist(), structure.circle(E)
        found = front("front.circle(values[0])", flat)
        assert found["score"] == pytest.approx(float(ring.score), abs=1e-9)
        assert found["roundness"] == pytest.approx(float(ring.roundness), abs=1e-9)
        if ring.roundness > 1e-6:  # two frequencies of a perfect lattice share the first place
            assert found["frequency"] == ring.frequency
        assert front("front.closure(values[0])", flat) == pytest.approx(structure.closure(E))
        assert front("front.gridScore(values[0])", flat) == pytest.approx(structure.grid(E).score)


def separable(E: np.ndarray) -> float:
    task = ModularAddition(len(E))
    x = task.pair_sums(E / np.sqrt((E**2).mean()))
    distance = np.linalg.norm(x[:, None] - x, axis=-1)
    np.fill_diagonal(distance, np.inf)
    nearest = distance <= distance.min(-1, keepdims=True) + 1e-9
    votes = (nearest & (task.labels == task.labels[:, None])).sum(-1)
    right = 2 * votes > nearest.sum(-1)
    return (right * task.multiplicity).sum() / len(E) ** 2


def test_separability_is_the_share_of_nearest_neighbours_with_the_same_label(front):
    for E in shapes():
        found = front("front.separability(values[0]).share", E.ravel().tolist())
        assert found == pytest.approx(separable(E), abs=1e-9)


def test_styles_have_the_colours_of_python(front):
    for name, style in front("front.STYLES").items():
        if name != "sum":  # ink
            found = "#" + "".join(f"{v:02x}" for v in style["color"])
            assert found == palette.STYLES[name].color, name


@pytest.mark.parametrize("N", [3, 12, 17])
def test_colours_and_pairs_are_those_of_python(front, N):
    hexes = [
        "#" + "".join(f"{v:02x}" for v in rgb) for rgb in front("front.tokenColors(values[0])", N)
    ]
    assert hexes == palette.token_colors(N)
    table, task = front("front.pairTable(values[0])", N), ModularAddition(N)
    assert list(zip(table["first"], table["second"], strict=True)) == list(map(tuple, task.pairs))
    assert table["label"] == task.labels.tolist()
    assert table["weight"] == task.multiplicity.tolist()


def test_structures_of_the_playground_are_structures(front):
    for N, u, v in [(17, 1, 4), (12, 3, 4), (31, 2, 11)]:
        E = np.reshape(front("front.latticeOf(...values)", N, u, v), (-1, 2))
        assert structure.grid(E).score == 1
        assert structure.procrustes_r2(E, lattice_patch(N, u, v)) == pytest.approx(1)
    assert front("front.latticeOf(12, 2, 4)") is None
    E = np.reshape(front("front.circleOf(17, 3)"), (-1, 2))
    assert structure.circle(E).frequency == 3


@pytest.mark.parametrize("alignment", [0.0, 0.5, 1.0])
def test_particles_step_as_in_python(front, alignment):
    E0 = np.random.default_rng(1).standard_normal((17, 2)).astype(np.float32)
    settings = {"step_size": 0.3, "momentum": 0.9, "reach": 0.6}
    run = two_force(E0, alignment, 3, snapshots=[0, 1, 2, 3], **settings)
    options = {"alignment": alignment, "reach": 0.6, "stepSize": 0.3, "momentum": 0.9}
    found = front(
        """(() => {
            const E = front.toUnitRms(Float64Array.from(values[0])), speed = new Float64Array(34);
            const path = [[...E]], potential = [front.twoForces(E, values[1]).potential];
            for (let i = 0; i < 3; i++) {
                front.twoForceStep(E, speed, values[1]);
                path.push([...E]);
                potential.push(front.twoForces(E, values[1]).potential);
            }
            return { path, potential };
        })()""",
        E0.ravel().tolist(),
        options,
    )
    path = np.reshape(found["path"], (4, 17, 2))
    np.testing.assert_allclose(path[:2], run.embeddings[:2, 0], atol=1e-6)
    np.testing.assert_allclose(path, run.embeddings[:, 0], atol=1e-5)
    np.testing.assert_allclose(found["potential"], run.loss[:, 0], rtol=1e-5)


# Pages without a kernel or a network


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    run = train(
        TrainingConfig(steps=300),
        3,
        snapshots=12,
        keep_parameters=True,
        cache=False,
        progress=False,
    )
    shown = [widgets.scrub(run), widgets.playground(), widgets.particles(run.embeddings[0, 0])]
    body = "".join(map(widgets.to_html, shown))
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(f'<!doctype html><html lang="en"><meta charset="utf-8"><body>{body}</body>')
    return file


@pytest.fixture
def page(open_page, page_file):
    page = open_page(viewport={"width": 900, "height": 1800}, offline=True)
    page.goto(page_file.as_uri())
    page.wait_for_function("document.querySelectorAll('.modadd[data-drawn]').length === 3")
    settled(page)
    return page


def test_scrubbing_without_a_kernel_moves_everything(page):
    root = view(page, "scrub")
    canvases = [root.locator("canvas").nth(i) for i in range(3)]
    before, accuracy = [pixels(c) for c in canvases], reading(root, "accuracy")
    slide(root.locator("input.cursor"), 2)
    settled(page)
    assert all(pixels(c) != b for c, b in zip(canvases, before, strict=True))
    assert reading(root, "accuracy") != accuracy
    assert root.locator("output.step").inner_text() != "step 300"


def test_dragging_on_the_curves_moves_the_cursor(page):
    root = view(page, "scrub")
    box = root.locator("figure.curves canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 50)
    page.mouse.down()
    first = root.locator("output.step").inner_text()
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 50)
    page.mouse.up()
    assert root.locator("output.step").inner_text() == "step 300" != first


def test_arrows_are_switched_one_by_one(page):
    root = view(page, "scrub")
    slide(root.locator("input.cursor"), 3)  # an early step, at which the law holds
    settled(page)
    seen = {pixels(root.locator("canvas").first)}
    for name in ("measured", "clustering", "alignment", "sum"):
        root.get_by_role("checkbox", name=name).check()
        settled(page)
        seen.add(pixels(root.locator("canvas").first))
    assert len(seen) == 5
    assert "R²" in root.locator(".note").inner_text()


def test_keyboard_alone_scrubs_plays_and_switches(page):
    root = view(page, "scrub")
    root.locator("input.cursor").focus()
    step = root.locator("output.step")
    for key, expected in [("End", 300), ("Home", 0), ("ArrowRight", None), ("ArrowLeft", 0)]:
        page.keyboard.press(key)
        if expected is not None:
            assert step.inner_text() == f"step {expected}"
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.modadd output.step').innerText !== 'step 0'")
    page.keyboard.press("Space")
    assert root.get_by_role("button", name="play").is_visible()
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        focus = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.type"
        reached.add(page.evaluate(focus))
    assert "checkbox" in reached
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"


def test_playground_tells_structures_apart(page):
    root = view(page, "playground")
    assert reading(root, "reads as") == "lattice"
    assert reading(root, "grid") == "1.00"
    root.get_by_label("structure").select_option("circle")
    assert reading(root, "reads as") == "circle"
    alike = reading(root, "nearest alike")
    before = pixels(root.locator("canvas").first)
    slide(root.locator("input[type=range]"), 0.6)
    settled(page)
    assert pixels(root.locator("canvas").first) != before
    assert reading(root, "nearest alike") != alike
    root.get_by_label("structure").select_option("lattice")
    for name, value in [("tokens N", 12), ("step u", 2), ("step v", 4)]:
        root.get_by_label(name).fill(str(value))
        root.get_by_label(name).press("Enter")
        assert root.get_by_label(name).evaluate("e => e === document.activeElement")
    assert "do not reach every token" in root.locator(".note").inner_text()


def test_particles_run_drag_and_heal(page):
    root = view(page, "particles")
    canvas = root.locator("canvas").first
    root.get_by_role("button", name="play").click()
    page.wait_for_function(
        "Number(document.querySelector('[data-kind=particles] dd').innerText) > 100"
    )
    root.get_by_role("button", name="pause").click()
    settled(page)
    healed = float(reading(root, "potential"))
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 10, steps=4)
    page.mouse.up()
    settled(page)
    torn = float(reading(root, "potential"))
    assert torn > healed
    root.get_by_role("button", name="play").click()
    step = int(reading(root, "step"))
    page.wait_for_function(
        f"Number(document.querySelector('[data-kind=particles] dd').innerText) > {step + 60}"
    )
    assert float(reading(root, "potential")) < torn


def test_particles_move_by_keyboard(page):
    root = view(page, "particles")
    canvas = root.locator("canvas").first
    canvas.focus()
    settled(page)
    before = pixels(canvas)
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    settled(page)
    assert pixels(canvas) != before
    assert root.get_by_label("token", exact=True).input_value() == "1"
    page.keyboard.press("Space")
    page.wait_for_function(
        "Number(document.querySelector('[data-kind=particles] dd').innerText) > 2"
    )


def test_a_token_typed_after_a_drag_is_the_one_chosen(page):
    root = view(page, "particles")
    canvas, token = root.locator("canvas").first, root.get_by_label("token", exact=True)
    box = canvas.bounding_box()
    for x, y in itertools.product((0.3, 0.5, 0.7), repeat=2):  # the nearest one is dragged
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if token.input_value() != "0":
            break
    dragged = token.input_value()
    assert dragged != "0"
    token.fill("0")
    token.press("Enter")
    canvas.focus()
    page.keyboard.press("PageUp")  # the one after it
    assert token.input_value() == "1" != dragged


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_pages_wrap_and_follow_the_scheme(open_page, page_file, scheme):
    page = open_page(viewport={"width": 375, "height": 800}, color_scheme=scheme)
    page.goto(page_file.as_uri())
    page.wait_for_function("document.querySelectorAll('.modadd[data-drawn]').length === 3")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    paper = view(page, "scrub").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_reduced_motion_begins_slow_and_nothing_plays_by_itself(open_page, page_file):
    page = open_page(reduced_motion="reduce")
    page.goto(page_file.as_uri())
    page.wait_for_function("document.querySelectorAll('.modadd[data-drawn]').length === 3")
    assert view(page, "scrub").get_by_label("speed").input_value() == "5"
    page.wait_for_timeout(300)
    assert view(page, "scrub").locator("output.step").inner_text() == "step 300"
    assert reading(view(page, "particles"), "step") == "0"


def test_everything_has_a_name(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(".modadd :is(input, select, button, canvas)")]
            .filter(e => !(e.getAttribute("aria-label") || e.innerText || e.labels?.length))
            .map(e => e.outerHTML)"""
    )
    assert nameless == []


# JupyterLab

CELLS = [
    "from modadd import TrainingConfig, particles, train, widgets\n"
    "config = TrainingConfig(steps=300, train_share=0.9)\n"
    "run = train(config, [3, 4], snapshots=12, keep_parameters=True, progress=False)\n"
    "start = run.embeddings[0]\n"
    "beside = particles.two_force(start, steps=100, seeds=[3, 4], snapshots=8, progress=False)",
    "widgets.scrub(run, beside=beside)",
    "live = widgets.live_training(config, 3)\nlive",
    "widgets.playground()",
    "widgets.particles(start[0])",
]


@pytest.fixture(scope="module")
def lab(browser_path, tmp_path_factory):
    notebooks = {"widgets.ipynb": notebook_of(CELLS)}
    with jupyterlab(tmp_path_factory.mktemp("lab"), notebooks) as address:
        yield address("widgets.ipynb")


def last_step(root) -> int:
    return int(root.locator("output.step").inner_text().split()[-1].replace(",", ""))


def test_all_widgets_in_jupyterlab(lab, open_page):
    page = open_page(viewport={"width": 1200, "height": 3200})
    page.set_default_timeout(60_000)
    page.goto(lab)
    run_all_cells(page)
    page.wait_for_function("document.querySelectorAll('.modadd[data-drawn]').length === 4")
    assert (
        page.locator('[data-mime-type*="stderr"], .jp-RenderedText[data-mime-type*=error]').count()
        == 0
    )
    check_scrubber(page)
    check_live_training(page)
    check_themes(page)


def check_scrubber(page):
    root = view(page, "scrub")
    canvases = [root.locator("canvas").nth(i) for i in range(6)]
    before, accuracy = [pixels(c) for c in canvases], reading(root, "accuracy")
    slider = root.locator("input.cursor").bounding_box()
    page.mouse.move(slider["x"] + slider["width"] - 8, slider["y"] + slider["height"] / 2)
    page.mouse.down()
    page.mouse.move(
        slider["x"] + 0.2 * slider["width"], slider["y"] + slider["height"] / 2, steps=5
    )
    page.mouse.up()
    settled(page)
    assert all(pixels(c) != b for c, b in zip(canvases, before, strict=True))
    assert reading(root, "accuracy") != accuracy
    # Keys that mean something to the notebook in command mode must reach the widget alone.
    cells = page.locator(".jp-Cell").count()
    step = last_step(root)
    for key in ("ArrowRight", "ArrowDown", "b", "x"):
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells
    assert last_step(root) == step
    noise = view(page, "playground").locator("input[type=range]")
    noise.focus()
    page.keyboard.press("ArrowRight")
    assert noise.input_value() == "0.02"
    before = pixels(canvases[0])
    root.get_by_role("combobox", name="seed").select_option("4")
    page.wait_for_function(
        "document.querySelector('.modadd h4 small').innerText.startsWith('seed 4')"
    )
    settled(page)
    assert pixels(canvases[0].page.locator(".modadd canvas").first) != before


def check_live_training(page):
    root = view(page, "live")
    root.get_by_role("button", name="start").click()
    page.wait_for_function(
        "document.querySelectorAll('[data-kind=live] .note')[0].innerText !== ''"
    )
    decay = root.get_by_label("weight decay")
    decay.fill("0")
    decay.press("Enter")
    page.wait_for_timeout(300)
    decay.fill("0,01")  # as much of the world writes it
    decay.press("Enter")
    page.wait_for_timeout(300)
    root.get_by_role("button", name="pause").click()
    root.get_by_role("button", name="go on").wait_for()
    end = last_step(root)
    root.get_by_role("button", name="step", exact=True).click()
    page.wait_for_function(
        f"Number(document.querySelector('[data-kind=live] output.step').innerText"
        f".replace(/\\D/g, '')) === {end + 1}"
    )
    root.locator("input.cursor").focus()
    page.keyboard.press("Home")
    assert last_step(root) == 0
    root.get_by_role("button", name="code for this state").click()
    code = root.locator("textarea")
    code.wait_for()
    names = {}
    exec(code.input_value(), names)
    assert names["run"].steps[-1] == end + 1
    # Both changes took effect while the training ran, each at a step of its own.
    assert [decay for _, decay in names["decays"]] == [0.003, 0.0, 0.01]
    changes = [step for step, _ in names["decays"]]
    assert changes == sorted(set(changes)) and changes[-1] < end
    page.keyboard.press("Escape")
    root.get_by_role("button", name="reset").click()
    page.wait_for_function("document.querySelector('[data-kind=live] input.cursor').max === '0'")
    assert last_step(root) == 0


def check_themes(page):
    root = view(page, "scrub")
    light = pixels(root.locator("canvas").first)
    command(page, "apputils:change-theme", theme="JupyterLab Dark")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    for _ in itertools.repeat(None, 40):
        page.wait_for_timeout(100)
        if pixels(root.locator("canvas").first) != light:
            break
    paper = root.evaluate("e => getComputedStyle(e).backgroundColor")
    assert paper != "rgb(255, 255, 255)"
    assert pixels(root.locator("canvas").first) != light


# The phase diagram


def test_phases_show_the_runs_of_the_cell_pointed_at(open_page, tmp_path):
    E = np.random.default_rng(0).standard_normal((2, 3, 4, 7, 2))
    kinds = np.full((2, 3, 4), "grid", dtype="<U6")
    kinds[1, 2, :3] = "circle"
    widget = widgets.phases(E, kinds, [0.5, 1], [0, 1, 2], range(4))
    file = tmp_path / "phases.html"
    file.write_text(f'<!doctype html><meta charset="utf-8"><body>{widgets.to_html(widget)}</body>')
    page = open_page(viewport={"width": 375, "height": 800})
    page.goto(file.as_uri())
    root = view(page, "phases")
    table, runs = (root.locator("canvas").nth(i) for i in range(2))
    assert "β = 1, initial scale 1" in root.get_by_role("status").inner_text()
    before = pixels(runs)
    table.focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert (
        "β = 2, initial scale 1: the first 4 of 4 runs" in root.get_by_role("status").inner_text()
    )
    assert (reading(root, "circle"), reading(root, "grid")) == ("3 of 4", "1 of 4")
    assert pixels(runs) != before
    box = table.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] - 50)  # the lower left cell
    settled(page)
    assert "β = 0, initial scale 0.5" in root.get_by_role("status").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
