"""The built site, opened from files by a browser that has no network."""

import re
import runpy
import shutil
from pathlib import Path

import jupytext
import nbformat
import publish
import pytest
import traitlets.config
import yaml
from browsing import pixels, reading, redrawn, settled, slide, view
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parent.parent
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
MAX_BYTES = 15_000_000  # thirteen notebooks with their figures and widgets; plotly alone is 4.7 MB
SCENES = ("guess", "picture", "why", "tendencies", "without", "decay")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    into = tmp_path_factory.mktemp("site") / "site"
    publish.publish(into)
    return into


def pages(site) -> dict[str, str]:
    """HTML of all pages, by their names."""
    found = sorted(site.rglob("*.html"))
    return {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in found}


# What was built


def test_all_there_is_has_a_small_page(site):
    built = set(pages(site))
    assert {f"notebooks/{stem}.html" for stem in STEMS} <= built
    assert {f"docs/{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} <= built
    modules = {path.relative_to(ROOT) for path in (ROOT / "modadd").glob("[a-z]*.py")}
    assert {f"api/{path.with_suffix('.html')}" for path in modules} <= built
    assert {"api/modadd/plots.html", "api/modadd/widgets.html"} <= built
    assert {"index.html", "explore.html", "train.html", "api/modadd.html"} <= built
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MAX_BYTES


def test_every_page_says_what_it_is(site):
    """To a search engine, and to where its link is sent."""
    for name, text in pages(site).items():
        found = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', text))
        assert found["og:description"].strip() and found["description"].strip(), name
        assert found["og:title"] and re.search("<title>.+?</title>", text), name
        assert (site / name).parent.joinpath(found["og:image"]).is_file(), name
        if name.startswith("notebooks/"):
            assert re.search(r"notebook [0-9a-f]{12} PROFILE", found["generator"]), name


def test_every_link_leads_to_something(site):
    every = pages(site)
    for name, text in every.items():
        text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        for link in re.findall(r'<(?:a|link|script|img)\b[^>]*? (?:href|src)="([^"]*)"', text):
            if re.match(r"(https|data):", link):
                continue
            path, _, anchor = link.partition("#")
            target = (site / name).parent / path if path else site / name
            assert target.is_file(), f"{name} links to {link}"
            if anchor and not name.startswith("api/"):
                there = every[target.resolve().relative_to(site.resolve()).as_posix()]
                assert f'id="{anchor}"' in there, f"{name} links to {link}"


def test_neighbours_lead_through_all_notebooks(site):
    for i, stem in enumerate(STEMS):
        text = (site / "notebooks" / f"{stem}.html").read_text("utf-8")
        found = dict(re.findall(r'<a rel="(prev|next)" href="(\w+)\.html"', text))
        near = {"prev": STEMS[i - 1] if i else None, "next": [*STEMS, None][i + 1]}
        assert found == {way: other for way, other in near.items() if other}


def test_notebooks_have_words_for_pictures_and_nothing_left_of_tex(site):
    for path in (site / "notebooks").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
        for alt in re.findall(r'<img [^>]*alt="([^"]*)"', "".join(figures)):
            assert len(alt) > 40, path.name
        text = re.sub(r"<script.*?</script>|<details.*?</details>", "", text, flags=re.DOTALL)
        assert ".ipynb" not in text, path.name
        assert "$" not in text, path.name
        assert "mathcolor" not in text, path.name  # how the converter marks what it cannot read


def test_links_of_the_repository_become_links_of_the_site():
    source = ROOT / "docs" / "cluster.md"
    for url, expected in {
        "https://example.org/x": "https://example.org/x",
        "#part": "#part",
        "../README.md": "../index.html",
        "../notebooks/01_the_model.ipynb#check": "../notebooks/01_the_model.html#check",
        "../notebooks/01_the_model.py": "../notebooks/01_the_model.html",
        "../modadd/structure.py": "../api/modadd/structure.html",
        "../modadd/_compiled/engine.py": None,
        "../Makefile": None,
        "missing.md": None,
    }.items():
        assert publish.address(source, url) == expected, url


def test_text_becomes_text_with_mathml():
    text = publish.markdown("# T\n\nFor $x'$:\n\n$$\\sum_a E_a$$", ROOT / "docs" / "cluster.md")
    assert text.count("<math") == 2
    assert "$" not in text
    assert "<msup>" not in text  # a prime is no script


def test_a_widget_takes_only_what_it_depends_on():
    cells = [
        "PROFILE = 'quick'\nraise RuntimeError",
        "from modadd import widgets\nsizes = [0.5, 1]\nfor size in sizes: raise RuntimeError",
        "table = {}\ntable['chosen'] = sizes\nother = [widgets for size in table]",
        "chosen = table['chosen'][1]\nshow(widgets.live_training(seed=chosen), name='x')",
    ]
    state = publish.state_of(cells)
    assert (state["kind"], state["initial"]["seed"]) == ("live", 1)


def test_a_notebook_without_pictures_or_out_of_step_says_so(tmp_path):
    source = Path(shutil.copy(ROOT / "notebooks" / f"{STEMS[1]}.py", tmp_path))
    path, cells = source.with_suffix(".ipynb"), jupytext.read(source).cells

    def read(*cells):
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return publish.read_notebook(path, tmp_path)

    found = read(*cells)
    assert found.stale == "it has no pictures" and found.lead is None and not found.figures
    data = {"application/vnd.plotly.v1+json": {"data": []}, "text/plain": "What it shows."}
    shown = next(cell for cell in cells if "show(" in cell.source)
    shown.outputs = [nbformat.v4.new_output("display_data", data)]
    body = read(*cells).body
    assert "<p>This figure has no picture" in body and "What it shows." in body
    injected = nbformat.v4.new_code_cell("MODULUS = 12", metadata={"tags": ["injected-parameters"]})
    assert read(*cells, injected).stale == "it was run with other parameters"
    source.write_text(source.read_text() + "\n# %%\n1\n")
    assert read(*cells).stale == f"{source.name} has changed since it was run"


def test_an_export_has_no_hole_where_a_widget_was():
    """With what docs/widgets.md says; `show` sends the rest."""
    guide = (ROOT / "docs" / "widgets.md").read_text(encoding="utf-8")
    order = re.findall(r"NbConvertBase.display_data_priority=(\S+)", guide)
    live = {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}, "text/plain": "Words."}
    kept = [live | {"text/html": "<p>A stand-in</p>"}, live | {"image/png": "iVBORw0KGgo="}]
    alt = {"image/png": {"alt": "What the picture shows."}}
    outputs = [nbformat.v4.new_output("display_data", data, metadata=alt) for data in kept]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])
    config = traitlets.config.Config({"NbConvertBase": {"display_data_priority": order}})
    exporter = HTMLExporter(template_name="classic", config=config)
    text = exporter.from_notebook_node(notebook)[0]
    assert "<p>A stand-in</p>" in text and 'alt="What the picture shows."' in text
    assert "vnd.jupyter.widget-view+json" not in text.partition("<body")[2]


def test_previews_name_their_pictures_by_the_address_of_the_site(monkeypatch, tmp_path):
    monkeypatch.setenv("SITE_URL", "https://example.org/modadd")
    cover = publish.Figure("a", "a.png", 1, 1, "Words.", "", "")
    content = {"title": "T", "body": "", "opening": "O", "cover": cover}
    write_page = runpy.run_path(publish.__file__)["write_page"]
    write_page(tmp_path, "docs/x.html", "document.html.j2", **content)
    text = (tmp_path / "docs" / "x.html").read_text(encoding="utf-8")
    assert 'content="https://example.org/modadd/notebooks/a.png"' in text


def test_workflow_builds_the_site_with_its_address_and_keeps_it():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    (built,) = [step for step in steps if "run" in step]
    assert built["run"] == "make site" and built["env"].keys() == {"SITE_URL"}
    assert "\nsite:" in (ROOT / "Makefile").read_text()
    given = {
        step["uses"].partition("@")[0]: step.get("with", {}) for step in steps if step != built
    }
    assert given["actions/upload-pages-artifact"] == {"path": "site"}
    python = given["actions/setup-python"]["python-version"]
    assert f">={python}" in (ROOT / "pyproject.toml").read_text()


# In the browser

CLOCK = """{
    window.haste = 1;
    const now = performance.now.bind(performance);
    const [frame, interval] = [requestAnimationFrame, setInterval];
    performance.now = () => haste * now();
    window.requestAnimationFrame = (turn) => frame((at) => turn(haste * at));
    window.setInterval = (turn, ms) => interval(turn, ms / haste);
}"""
HURRY = "window.haste = 10"  # what is animated from now on takes a tenth of its time


@pytest.fixture
def visit(site, open_page):
    """Open a page of the site; a request for anything but a file fails the test."""
    foreign = []

    def visit(name, **options):
        page = open_page(offline=True, **{"viewport": {"width": 1000, "height": 1200}} | options)
        page.add_init_script(CLOCK)
        page.on("request", lambda r: foreign.append(r.url) if is_foreign(r.url) else None)
        page.goto((site / name).as_uri())
        return page

    yield visit
    assert not foreign


def is_foreign(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def fits(page) -> bool:
    """Whether a page has room on a narrow screen."""
    page.set_viewport_size({"width": 375, "height": 800})
    return page.evaluate("document.documentElement.scrollWidth") <= 375


PAPER = "getComputedStyle(document.body).backgroundColor"
BROKEN_IMAGES = """async () => {
    const all = [...document.images];
    all.forEach(image => { image.loading = "eager"; });
    await Promise.all(all.map(image => image.decode().catch(() => {})));
    return all.filter(image => !image.naturalWidth).map(image => image.src);
}"""


def test_without_scripts_every_page_is_whole_fits_a_narrow_screen_and_follows_the_scheme(
    site, visit
):
    page = visit("index.html", java_script_enabled=False)
    for name in pages(site):
        page.emulate_media(color_scheme="light")
        page.goto((site / name).as_uri())
        assert page.evaluate(BROKEN_IMAGES) == [], name
        assert fits(page), name
        assert page.evaluate(PAPER) == "rgb(255, 255, 255)", name
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(PAPER) != "rgb(255, 255, 255)", name


DRAWN = """input => {
    const plot = input.closest(".js-plotly-plot");
    return JSON.stringify(plot.data.map(trace => [trace.x, trace.y]));
}"""
CHANGED = f"([input, before]) => ({DRAWN})(input) !== before"


def test_figures_come_to_life_where_they_are_read_and_their_slider_takes_keys(visit):
    page = visit("notebooks/03_clustering_and_alignment.html")
    last = page.locator("figure:not(.widget)").last
    last.scroll_into_view_if_needed()
    plot = last.locator(".js-plotly-plot")
    plot.wait_for()
    assert plot.get_attribute("aria-label") == last.locator("figcaption").inner_text()
    page.wait_for_function("e => !e.querySelector('img')", arg=last.element_handle())
    page.locator(".sheet:has(script)").first.scroll_into_view_if_needed()
    page.evaluate(HURRY)
    bar = page.locator(".frames").first
    slider = bar.locator("input")
    slider.wait_for()
    assert page.locator(".slider-container, .updatemenu-container").count() == 0
    end = int(slider.get_attribute("max"))
    slider.focus()
    seen, drawn = [], slider.evaluate(DRAWN)
    for key, frame in (("Home", 0), ("End", end), ("ArrowLeft", end - 1)):
        page.keyboard.press(key)
        page.wait_for_function(CHANGED, arg=[slider.element_handle(), drawn])
        drawn = slider.evaluate(DRAWN)
        assert slider.input_value() == str(frame)
        seen.append((drawn, bar.locator("output").inner_text()))
    assert all(len(set(those)) == 3 for those in zip(*seen, strict=True))
    bar.locator("button").click()  # from here it plays to the end, and slider and words follow
    page.wait_for_function(
        f"([input, last]) => input.value === '{end}' && ({DRAWN})(input) === last",
        arg=[slider.element_handle(), seen[1][0]],
    )
    assert bar.locator("output").inner_text() == seen[1][1]
    assert fits(page)


def wait_for_widgets(page) -> list[str]:
    """They are loaded once they come near; returns their kinds."""
    places = page.locator(".modadd-page")
    for place in places.all():
        place.scroll_into_view_if_needed()
        place.locator(".modadd[data-drawn]").wait_for()
    return places.locator(".modadd").evaluate_all("all => all.map(e => e.dataset.kind)")


def test_every_widget_of_the_notebooks_can_be_explored(visit):
    page = visit("explore.html")
    shown = "".join((ROOT / "notebooks" / f"{stem}.py").read_text("utf-8") for stem in STEMS)
    kinds = re.findall(r"\bwidgets\.([a-z]+)(?:_training)?\(", shown)
    assert wait_for_widgets(page) == kinds and len(set(kinds)) == 5
    root = view(page, "playground")
    root.get_by_label("structure").select_option("circle")
    assert reading(root, "reads as") == "circle"
    assert fits(page)


def test_a_notebook_takes_the_keyboard_and_its_scrubber_changes_the_seed(visit):
    page = visit("notebooks/01_the_model.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator("a.skip").bounding_box()["x"] >= 0
    page.locator("#code").focus()
    page.keyboard.press("Enter")
    assert page.locator("details.code:not([open])").count() == 0
    page.keyboard.press("Enter")
    assert page.locator("details.code[open]").count() == 0
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert wait_for_widgets(page) == ["scrub"]
    root = view(page, "scrub")
    accuracy = reading(root, "accuracy")
    with redrawn(root.locator("canvas").first):
        slide(root.locator("input.cursor"), 3)
    assert reading(root, "accuracy") != accuracy
    root.get_by_role("combobox", name="seed").select_option("20")
    root.locator("h4 small", has_text="seed 20").wait_for()
    root.locator("input.cursor").press("End")
    settled(page)
    assert reading(root, "reads as") == "circle"


def test_a_network_trains_in_the_page(visit):
    page = visit("train.html")
    assert wait_for_widgets(page) == ["live"]
    root = view(page, "live")
    root.get_by_role("button", name="a circle").click()
    step = "document.querySelector('output.step').innerText.replace(/\\D/g, '')"
    page.wait_for_function(f"Number({step}) > 100")
    assert "seed=20" in page.url  # at once, not only when it is paused
    root.get_by_role("button", name="pause").click()
    page.wait_for_function(f"location.hash.includes(`&step=${{{step}}}&`)")
    assert fits(page)


# The story


def scene(page, name: str):
    """A scene of the story, in view and drawn."""
    place = page.locator(f"[data-scene={name}]")
    place.evaluate("place => place.closest('section').scrollIntoView()")
    place.locator(".modadd[data-drawn]").wait_for()
    return place


def moves(place) -> None:
    """Wait until what is drawn has changed."""
    canvas = place.locator("canvas").first
    place.page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before",
        arg=[canvas.element_handle(), pixels(canvas)],
    )


def says(place, pattern: str) -> str:
    """Wait for what a scene says."""
    words = place.locator("[role=status]").first
    place.page.wait_for_function(
        "([words, pattern]) => new RegExp(pattern).test(words.innerText)",
        arg=[words.element_handle(), pattern],
    )
    return words.inner_text()


def test_the_story_moves_and_tells_what_was_drawn(visit):
    page = visit("index.html")
    place = scene(page, "guess")
    moves(place)
    insight = page.locator("section:has([data-scene=guess]) .insight").element_handle()
    page.wait_for_function("e => getComputedStyle(e).opacity === '0'", arg=insight)
    page.evaluate(HURRY)
    place.get_by_role("button", name="a grid").click()
    assert "a grid" in says(place, "It drew")
    place.get_by_role("button", name="another start").click()
    says(place, "trains")
    says(place, "It drew")
    page.wait_for_function("e => getComputedStyle(e).opacity === '1'", arg=insight)
    scene(page, "picture").get_by_text("step 2,500").wait_for()  # it has played to its end
    moves(scene(page, "why"))
    place = scene(page, "without")
    for title in ("Network: a grid", "Two forces: a grid"):
        place.get_by_text(title).wait_for()


def test_the_two_tendencies_build_what_is_said_of_them_and_rest_out_of_view(visit):
    page = visit("index.html")
    place = scene(page, "tendencies")
    moves(place)
    scene(page, "guess")
    place.locator("[aria-label=play]").wait_for(state="attached")
    moves(scene(page, "tendencies"))  # it goes on
    page.evaluate(HURRY)
    for name, built in (("clustering alone", "a grid"), ("alignment alone", "a circle")):
        place.get_by_role("button", name=name).click()
        place.locator("[aria-label=play]").wait_for()  # it has come to rest
        assert says(place, "So far") == f"So far: {built}."


def test_decay_wakes_the_force(visit):
    page = visit("index.html")
    place = scene(page, "decay")
    text = says(place, r"Force [\d.e-]+\. Right")
    found = re.search(r"Force ([\d.e-]+)\. Right: 100 % .* (\d+) % of the others", text)
    assert float(found[1]) < 1e-3, text
    place.get_by_role("button", name="weight decay: off").click()
    says(place, r"Force 0\.0[1-9]")
    assert place.get_by_role("button", name="weight decay: on").is_visible()
    page.wait_for_function(
        "([words, few]) => Number(words.innerText.match(/(\\d+) % of the others/)[1]) > few",
        arg=[place.locator("[role=status]").first.element_handle(), int(found[2])],
    )


def test_where_motion_is_not_wanted_nothing_moves_but_by_the_keyboard(visit):
    page = visit("index.html", reduced_motion="reduce")
    for name in SCENES:
        place = scene(page, name)
        settled(page)
        assert place.locator("[aria-label=pause]").count() == 0, name
    place = scene(page, "picture")
    page.wait_for_function("document.querySelector('[data-scene=picture] .cursor').max === '60'")
    assert place.locator("output.step").inner_text() == "step 2,500"
    place.locator(".cursor").focus()
    page.keyboard.press("Home")
    assert place.locator("output.step").inner_text() == "step 0"
    place = scene(page, "why")
    place.locator("canvas").last.focus()
    first = says(place, "read as")
    page.keyboard.press("PageDown")
    page.wait_for_function(
        "([words, first]) => words.innerText !== first",
        arg=[place.locator(".words").element_handle(), first],
    )
