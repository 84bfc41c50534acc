"""The widgets in a real browser: pages without a kernel, and JupyterLab.

Failures leave a screenshot in build/screenshots/.
"""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from browsing import (
    command,
    jupyterlab,
    notebook_of,
    pixels,
    reading,
    redrawn,
    run_all_cells,
    settled,
    slide,
    view,
)

from modadd import TrainingConfig, train, widgets

# Pages without a kernel or a network


PATIENCE = 120_000  # ms, on a machine that does much else
START = TrainingConfig().initial(3).embeddings


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
    shown = [widgets.scrub(run), widgets.playground(), widgets.particles(START)]
    body = "".join(widget.fragment() for widget in shown)
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<link rel="glossary" href="docs/glossary.html">'
        f'<meta name="viewport" content="width=device-width"><body>{body}</body>'
    )
    return file


@pytest.fixture
def show(open_page, page_file):
    """Open the page of three widgets."""

    def show(width=900, height=1800, **options):
        page = open_page(viewport={"width": width, "height": height}, offline=True, **options)
        page.set_default_timeout(PATIENCE)
        page.goto(page_file.as_uri())
        wait_for_widgets(page, 3)
        return page

    return show


def wait_for_widgets(page, count: int) -> None:
    drawn = "count => document.querySelectorAll('.modadd[data-drawn]').length === count"
    page.wait_for_function(drawn, arg=count)
    settled(page)


def test_widgets_without_a_kernel(show):
    page = show()
    root = view(page, "scrub")
    assert root.locator("output.step").inner_text() == "step 300"  # nothing plays by itself
    for check in (check_scrubbing, check_pointing, check_pinning, check_arrows, check_meanings):
        check(page, root)
    check_keyboard(page, root)
    check_space(page, root)
    check_playground(page)
    check_particles(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(".modadd :is(input, select, button, canvas)")]
            .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length))
            .map(e => e.outerHTML)"""
    )
    assert nameless == []
    slide(root.locator("input.cursor"), 99)
    check_taking_away(page, root)


def check_scrubbing(page, root):
    accuracy = reading(root, "accuracy")
    with redrawn(*(root.locator("canvas").nth(i) for i in range(3))):
        slide(root.locator("input.cursor"), 2)
    assert reading(root, "accuracy") != accuracy
    assert root.locator("output.step").inner_text() != "step 300"
    box = root.locator("figure.curves canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 50)
    page.mouse.down()
    first = root.locator("output.step").inner_text()
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 50)
    page.mouse.up()
    assert root.locator("output.step").inner_text() == "step 300" != first


FIND = """async (canvas, words) => {
    const said = canvas.closest(".modadd").querySelector(".words");
    const box = canvas.getBoundingClientRect();
    for (let i = 1; i < 5000; i++) { // here and there, evenly
        const [x, y] = [0.7549 * i % 1, 0.5698 * i % 1];
        const place = { clientX: box.x + x * box.width, clientY: box.y + y * box.height };
        const at = { ...place, pointerType: "mouse" };
        canvas.dispatchEvent(new PointerEvent("pointermove", at));
        await new Promise(requestAnimationFrame);
        if (new RegExp(words).test(said.innerText)) return [at.clientX, at.clientY];
    }
}"""


def find(page, canvas, words):
    """Move the pointer over a plane until it is at what the words say; returns the place."""
    place = canvas.evaluate(FIND, words)
    assert place, f"nothing here says {words}"
    page.mouse.move(*place)
    settled(page)
    return place


def check_pointing(page, root):
    tokens, sums = (root.locator("canvas").nth(i) for i in range(2))
    page.mouse.move(1, 1)
    settled(page)
    before = pixels(tokens), pixels(sums)
    find(page, tokens, r"^Token \d+ and its 17 pair sums$")
    assert pixels(tokens) != before[0] and pixels(sums) != before[1]
    find(page, sums, r"^Here pair sums are read as \d+$")
    find(page, sums, r"^\d+ \+ \d+ ≡ \d+, read as \d+$")
    page.mouse.move(1, 1)
    settled(page)
    assert (pixels(tokens), pixels(sums)) == before


def check_pinning(page, root):
    tokens, sums = (root.locator("canvas").nth(i) for i in range(2))
    words = root.locator(".words")
    page.mouse.click(*find(page, tokens, "^Token"))
    pinned = words.inner_text()
    page.mouse.move(1, 1)
    settled(page)
    assert words.inner_text() == pinned
    page.keyboard.press("PageDown")
    settled(page)
    token = int(pinned.split()[1])
    assert words.inner_text().startswith(f"Token {(token - 1) % 17} ")
    page.keyboard.press("Escape")
    sums.focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert words.inner_text().startswith("0 + 0 ≡ 0, read as ")
    page.keyboard.press("Escape")


def check_arrows(page, root):
    slide(root.locator("input.cursor"), 3)  # an early step, at which the law holds
    settled(page)
    seen = {pixels(root.locator("canvas").first)}
    for name in ("measured", "clustering", "alignment", "sum"):
        root.get_by_role("checkbox", name=name).check()
        settled(page)
        seen.add(pixels(root.locator("canvas").first))
    assert len(seen) == 5
    assert "R²" in root.locator(".note").first.inner_text()


def check_meanings(page, root):
    term = root.get_by_role("button", name="closure")
    term.focus()
    page.keyboard.press("Enter")
    meaning = root.locator(".meaning")
    assert meaning.inner_text().startswith("closure Share of couples")
    link = meaning.get_by_role("link", name="glossary")
    assert link.get_attribute("href").endswith("docs/glossary.html#closure")
    term.click()
    assert not meaning.is_visible()


def check_keyboard(page, root):
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
    for _ in range(20):
        page.keyboard.press("Tab")
        focus = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.type"
        reached.add(page.evaluate(focus))
    assert "checkbox" in reached
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"


def check_space(page, root):
    slide(root.locator("input.cursor"), 0)
    page.evaluate("document.activeElement.blur()")
    root.locator("canvas").first.hover()
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.modadd output.step').innerText !== 'step 0'")
    page.keyboard.press("Space")
    assert reading(view(page, "particles"), "step") == "0"


def check_playground(page):
    root = view(page, "playground")
    assert reading(root, "reads as") == "grid"
    assert reading(root, "grid") == "1.00"
    canvas = root.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    x, y = find(page, canvas, "^Token")
    page.mouse.down()
    page.mouse.move(x + 40, y + 60, steps=3)
    page.mouse.up()
    settled(page)
    assert float(reading(root, "grid")) < 1
    root.get_by_label("structure").select_option("circle")
    assert reading(root, "reads as") == "circle"
    alike = reading(root, "nearest alike")
    with redrawn(canvas):
        slide(root.locator("input[type=range]"), 0.6)
    assert reading(root, "nearest alike") != alike
    root.get_by_label("structure").select_option("lattice")
    for name, value in [("tokens N", 12), ("step u", 2), ("step v", 4)]:
        root.get_by_label(name).fill(str(value))
        root.get_by_label(name).press("Enter")
        assert root.get_by_label(name).evaluate("e => e === document.activeElement")
    assert "do not reach every token" in root.locator(".note.wrong").inner_text()


PARTICLES_BEYOND = """step =>
    Number(document.querySelector("[data-kind=particles] dd").innerText) > step"""


def check_particles(page):
    root = view(page, "particles")
    canvas = root.locator("canvas").first
    canvas.focus()
    settled(page)
    with redrawn(canvas):
        page.keyboard.press("PageUp")
        page.keyboard.press("ArrowRight")
    assert root.locator(".words").inner_text().startswith("Token 0 ")
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    page.wait_for_function(PARTICLES_BEYOND, arg=100)
    root.get_by_role("button", name="pause").click()
    settled(page)
    healed = float(reading(root, "potential"))
    x, y = find(page, canvas, "^Token")
    page.mouse.down()
    page.mouse.move(x + 50, y + 40, steps=4)
    page.mouse.up()
    settled(page)
    torn = float(reading(root, "potential"))
    assert torn > healed
    root.get_by_role("button", name="play").click()
    potential = root.locator('dl div:has(:text-is("potential")) dd').element_handle()
    page.wait_for_function("([dd, torn]) => Number(dd.innerText) < torn", arg=[potential, torn])


REDRAWN = "before => document.querySelector('.modadd canvas').toDataURL() !== before"


def test_a_narrow_page_for_a_thumb(show):
    page = show(width=375, height=700, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    root = view(page, "scrub")
    paper = lambda: root.evaluate("e => getComputedStyle(e).backgroundColor")  # noqa: E731
    light = paper(), pixels(root.locator("canvas").first)
    assert light[0] == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(REDRAWN, arg=light[1])
    assert paper() != light[0]
    seen = lambda: [root.locator("canvas").nth(i).is_visible() for i in range(3)]  # noqa: E731
    assert seen() == [True, False, False]
    root.get_by_role("button", name="Pair sums").click()
    settled(page)
    assert seen() == [False, True, False]
    blank = "canvas => !canvas.getContext('2d').getImageData(0, 0, 300, 300).data.some(v => v)"
    assert not root.locator("canvas").nth(1).evaluate(blank)
    check_thumb(page)


AT_REST = """async () => {
    for (let before = -1, frames = 0; frames < 10; frames++) {
        if (scrollY !== before) frames = 0;
        before = scrollY;
        await new Promise(requestAnimationFrame);
    }
    return scrollY;
}"""


def check_thumb(page):
    """A thumb scrolls past a canvas, but drags a particle."""
    browser = page.context.new_cdp_session(page)
    canvas = view(page, "particles").locator("canvas").first
    canvas.scroll_into_view_if_needed()
    settled(page)
    box = canvas.bounding_box()

    def swipe(x, y):
        before = page.evaluate(AT_REST)
        for i in range(13):
            points = [{"x": x, "y": y - 10 * i}]
            touch = {"type": "touchMove" if i else "touchStart", "touchPoints": points}
            browser.send("Input.dispatchTouchEvent", touch)
            page.wait_for_timeout(16)
        browser.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return page.evaluate(AT_REST) - before

    assert swipe(box["x"] + 4, box["y"] + box["height"] - 20) > 60
    box = canvas.bounding_box()
    reach, side = 2.6, box["width"]
    start = widgets.particles(START.copy()).initial["start"]
    E = np.reshape(start, (-1, 2)) / np.sqrt(np.mean(np.square(start)))
    x, y = E[np.abs(E).max(-1).argmin()]  # one in the middle
    place = box["x"] + side / 2 * (1 + x / reach), box["y"] + side / 2 * (1 - y / reach)
    with redrawn(canvas):
        assert swipe(*place) < 5


# What can be taken away

SEEN = """async ([type, content]) => {
    const film = type === "video/webm";
    const shown = document.createElement(film ? "video" : "img");
    shown.src = `data:${type};base64,${content}`;
    await new Promise((done, failed) => {
        shown.addEventListener(film ? "loadeddata" : "load", done);
        shown.addEventListener("error", failed);
    });
    if (film) {
        await Object.assign(shown, { muted: true }).play();
        await new Promise((done) => shown.requestVideoFrameCallback(done));
    }
    const [width, height] = [shown.videoWidth ?? shown.width, shown.videoHeight ?? shown.height];
    const g = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
    g.drawImage(shown, 0, 0);
    const { data } = g.getImageData(0, 0, width, height);
    const colors = new Set();
    for (let i = 0; i < data.length; i += 4 * 61) colors.add(data.slice(i, i + 3).join());
    return [width, height, colors.size];
}"""


def check_taking_away(page, root):
    """A picture, a film, and a line for a page of one's own."""
    root.get_by_text("Take away").click()
    canvas = root.locator("canvas").first
    on_screen = pixels(canvas)

    def taken(button, ending, type):
        with page.expect_download() as download:
            root.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == f"modadd-scrub.{ending}"
        content = base64.b64encode(Path(download.value.path()).read_bytes()).decode()
        return page.evaluate(SEEN, [type, content])

    width, height, colors = taken("picture", "png", "image/png")
    shown = root.locator(".panels").bounding_box()
    assert width > 2 * shown["width"] - 40 and height > 2 * shown["height"] and colors > 50
    settled(page)
    assert pixels(canvas) == on_screen
    film = taken("film", "webm", "video/webm")
    assert film[:2] == [width, height] and film[2] > 50
    assert root.locator("output.step").inner_text() == "step 300"  # played to its end
    root.get_by_role("button", name="line for a page").click()
    line = root.locator(".take textarea").input_value()
    address = re.fullmatch(r'<iframe src="(.*?)" .*></iframe>', line)[1]
    assert address.endswith("page.html?only=0")
    page.goto(address.replace("only=0", "only=1"))
    wait_for_widgets(page, 3)
    at = "y => document.elementFromPoint(40, y).closest('.modadd-page').firstChild.dataset.kind"
    page.set_viewport_size({"width": 900, "height": 500})
    assert {page.evaluate(at, y) for y in (5, 250, 450)} == {"playground"}


# Training in the page


LIVE_BEYOND = """step => {
    const shown = document.querySelector("[data-kind=live] output.step").innerText;
    return Number(shown.replace(/\\D/g, "")) > step;
}"""
ADDRESS = """async () => {
    while (!/beside/.test(location.hash)) await new Promise(requestAnimationFrame);
    return location.hash;
}"""


def wait_for_step(page, step) -> None:
    page.wait_for_function(LIVE_BEYOND, arg=step - 1)


def wait_for_note(page, pattern) -> None:
    note = "document.querySelector('[data-kind=live] .bar .note').innerText"
    page.wait_for_function(f"/{pattern}/.test({note})")


def pause(root) -> None:
    root.get_by_role("button", name="pause").click()
    root.get_by_role("button", name="go on", exact=True).wait_for()


def last_step(root) -> int:
    return int(root.locator("output.step").inner_text().split()[-1].replace(",", ""))


def code_of(root) -> dict:
    """What the code that a view prints makes."""
    root.get_by_role("button", name="code for this state").click()
    code = root.get_by_label("code that reproduces")
    code.wait_for()
    names = {}
    exec(code.input_value(), names)
    return names


@pytest.fixture
def train_at(open_page, tmp_path):
    """Open the page that trains under an address."""
    file = tmp_path / "train.html"
    body = widgets.live_training(TrainingConfig(hidden=24)).fragment()
    file.write_text(f'<!doctype html><meta charset="utf-8"><body>{body}</body>')

    def train_at(fragment):
        page = open_page(viewport={"width": 900, "height": 1000}, offline=True)
        page.set_default_timeout(PATIENCE)
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector(".modadd[data-drawn]")
        return page, view(page, "live")

    return train_at


def test_a_network_trains_in_the_page(train_at):
    page, root = train_at("#seed=2&step=40&decay=0:0,60:0.003&train_share=0.8")
    wait_for_step(page, 40)
    root.get_by_role("button", name="go on", exact=True).click()
    wait_for_step(page, 120)
    pause(root)
    check_address(page, root, train_at)
    check_going_back(page, root)
    check_beside(page, root)


def check_address(page, root, train_at):
    """It names the state, and brings it back."""
    shown = last_step(root)
    page.wait_for_function("step => location.hash.includes(`step=${step}&`)", arg=shown)
    address = page.url
    found = re.search(r"#seed=2&step=(\d+)&decay=0:0,(\d+):0.003&train_share=0.8$", address)
    assert int(found[1]) == shown and 60 <= int(found[2]) <= shown
    readings = {name: reading(root, name) for name in ("loss", "validation", "grid", "reads as")}
    page, root = train_at("#" + address.partition("#")[2])
    wait_for_step(page, shown)
    settled(page)
    assert {name: reading(root, name) for name in readings} == readings
    assert page.url == address


def check_going_back(page, root):
    root.locator("input.cursor").focus()
    page.keyboard.press("Home")
    for _ in range(9):  # an early one, before float32 and float64 part
        page.keyboard.press("ArrowRight")
    settled(page)
    shown, loss = last_step(root), reading(root, "loss")
    root.get_by_role("button", name="go on from here").click()
    wait_for_note(page, "^Back at step")
    settled(page)
    assert (last_step(root), reading(root, "loss")) == (shown, loss)
    root.get_by_role("button", name="step", exact=True).click()
    wait_for_step(page, shown + 1)
    assert last_step(root) == shown + 1
    run = code_of(root)["run"]
    assert run.steps[-1] == shown + 1
    assert float(run.loss[-1, 0]) == pytest.approx(float(reading(root, "loss")), rel=0.03)


def check_beside(page, root):
    """Particles, then a field, grow beside the network from the same start."""
    beside = root.get_by_label("beside it")
    beside.select_option("particles")
    sections = root.locator("section")
    page.wait_for_function("document.querySelectorAll('section').length === 2")
    assert "without a network" in sections.nth(1).locator("h4").inner_text()
    tokens = sections.nth(1).locator("canvas").first
    settled(page)
    shown = last_step(root)
    with redrawn(tokens):
        root.locator("input.cursor").press("Home")
    root.locator("input.cursor").press("End")
    beside.select_option("field")
    page.wait_for_function("/Field/.test(document.querySelectorAll('h4')[1]?.innerText)")
    settled(page)
    assert last_step(root) == shown  # on the same clock
    losses = root.locator("dl div:has(:text-is('loss')) dd")
    assert losses.count() == 2 and all(0 < float(text) < 3 for text in losses.all_inner_texts())
    root.get_by_role("button", name="step", exact=True).click()
    wait_for_step(page, shown + 1)
    assert "beside=field" in page.evaluate(ADDRESS)
    beside.select_option("")
    page.wait_for_function("document.querySelectorAll('section').length === 1")


# JupyterLab

CELLS = [
    "from modadd import TrainingConfig, particles, structure, train, widgets\n"
    "from modadd.plots import show\n"
    "config = TrainingConfig(modulus=7, hidden=16, steps=300, train_share=0.9)\n"
    "options = {'snapshots': 12, 'progress': False}\n"
    "run = train(config, [3, 4], keep_parameters=True, **options)\n"
    "beside = particles.two_force(run.embeddings[0], steps=100, seeds=[3, 4], **options)",
    "show(widgets.scrub(run, beside=beside), 'scrub', 'Shown as in the notebooks.')",
    "live = widgets.live_training(config, 3)\nlive",
    "widgets.playground()",
    "widgets.particles(run.embeddings[0, 0])",
    "E = run.final[None, None]\nwidgets.phases(E, structure.classify(E), [1], [1], [3, 4], config)",
]


@pytest.fixture
def lab(browser_path, tmp_path):
    with jupyterlab(tmp_path, {"widgets.ipynb": notebook_of(CELLS)}) as address:
        yield address("widgets.ipynb")


def test_all_widgets_in_jupyterlab(lab, open_page):
    page = open_page(viewport={"width": 1200, "height": 3200})
    page.set_default_timeout(3 * PATIENCE)  # the kernel may have to compile first
    page.goto(lab)
    run_all_cells(page)
    wait_for_widgets(page, 5)
    assert page.locator('[data-mime-type*="error"], [data-mime-type*="stderr"]').count() == 0
    check_scrubber(page)
    check_live_training(page)
    check_themes(page)


def check_scrubber(page):
    root = view(page, "scrub")
    accuracy = reading(root, "accuracy")
    slider = root.locator("input.cursor").bounding_box()
    middle = slider["y"] + slider["height"] / 2
    with redrawn(*(root.locator("canvas").nth(i) for i in range(6))):
        page.mouse.move(slider["x"] + slider["width"] - 8, middle)
        page.mouse.down()
        page.mouse.move(slider["x"] + 0.2 * slider["width"], middle, steps=5)
        page.mouse.up()
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
    with redrawn(root.locator("canvas").first):
        root.get_by_role("combobox", name="seed").select_option("4")
        root.locator("h4 small", has_text="seed 4").first.wait_for()


def check_live_training(page):
    root = view(page, "live")
    root.get_by_role("button", name="start").click()
    wait_for_note(page, "steps a second")
    decay = root.get_by_label("weight decay", exact=True)
    for text in ("0", "0,01"):  # a comma, as much of the world writes it
        before = last_step(root)
        decay.fill(text)
        decay.press("Enter")
        wait_for_step(page, before + 200)  # it has long taken effect
    pause(root)
    end = last_step(root)
    root.get_by_role("button", name="step", exact=True).click()
    wait_for_step(page, end + 1)
    assert last_step(root) == end + 1
    root.locator("input.cursor").focus()
    page.keyboard.press("Home")
    assert last_step(root) == 0
    page.keyboard.press("End")
    names = code_of(root)
    assert names["run"].steps[-1] == end + 1
    # Both changes took effect while the training ran, each at a step of its own.
    assert [decay for _, decay in names["decays"]] == [0.003, 0.0, 0.01]
    changes = [step for step, _ in names["decays"]]
    assert changes == sorted(set(changes)) and changes[-1] < end
    root.locator("input.cursor").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    shown = last_step(root)
    assert shown < end
    root.get_by_role("button", name="go on from here").click()
    wait_for_note(page, "^Back at step")
    page.keyboard.press("End")
    assert last_step(root) == shown
    root.get_by_role("button", name="reset").click()
    page.wait_for_function("document.querySelector('[data-kind=live] input.cursor').max === '0'")
    assert last_step(root) == 0


def check_themes(page):
    root = view(page, "scrub")
    light = pixels(root.locator("canvas").first)
    command(page, "apputils:change-theme", theme="JupyterLab Dark")
    page.wait_for_function(REDRAWN, arg=light)
    paper = root.evaluate("e => getComputedStyle(e).backgroundColor")
    assert paper != "rgb(255, 255, 255)"


# The phase diagram


def test_phases_show_the_runs_of_the_cell_pointed_at(open_page, tmp_path):
    E = np.random.default_rng(0).standard_normal((2, 3, 4, 7, 2))
    kinds = np.full((2, 3, 4), "grid", dtype="<U6")
    kinds[1, 2, :3] = "circle"
    config = TrainingConfig(7, hidden=16, steps=60)
    widget = widgets.phases(E, kinds, [0.5, 1], [0, 1, 2], range(4), config)
    file = tmp_path / "phases.html"
    file.write_text(f'<!doctype html><meta charset="utf-8"><body>{widget.fragment()}</body>')
    page = open_page(viewport={"width": 375, "height": 800})
    page.goto(file.as_uri())
    root = view(page, "phases")
    table, runs = (root.locator("canvas").nth(i) for i in range(2))
    title = root.locator("figcaption[role=status]")
    assert "β = 1, initial scale 1" in title.inner_text()
    with redrawn(runs):
        table.focus()
        page.keyboard.press("ArrowRight")
    assert "β = 2, initial scale 1: the first 4 of 4 runs" in title.inner_text()
    assert (reading(root, "circle"), reading(root, "grid")) == ("3 of 4", "1 of 4")
    box = table.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] - 50)  # the lower left cell
    settled(page)
    assert "β = 0, initial scale 0.5" in title.inner_text()
    page.mouse.down()
    page.mouse.up()  # keeps it
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 20)
    settled(page)
    assert "β = 0, initial scale 0.5" in title.inner_text()
    runs.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    opened = view(page, "scrub")
    opened.locator("output.step").wait_for()
    assert last_step(opened) == 60
    here = train(
        TrainingConfig(7, hidden=16, steps=60, embedding_scale=0.5, bias_scale=0),
        1,
        cache=False,
        progress=False,
    )
    settled(page)
    assert float(reading(opened, "loss")) == pytest.approx(float(here.loss[-1, 0]), rel=0.02)
    width = runs.bounding_box()["width"]
    runs.click(position={"x": width / 6, "y": width / 2})  # the fourth, in the second row
    settled(page)
    assert opened.count() == 1 and opened.locator("h4 small").inner_text() == "seed 3, N = 7"
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
