"""The built site, opened from files by a browser that has no network."""

import importlib.util
import re
import shutil
from pathlib import Path

import nbformat
import pytest
import traitlets.config
import yaml
from browsing import pixels, reading, settled, slide, view

ROOT = Path(__file__).resolve().parent.parent
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
MAX_BYTES = 15_000_000  # thirteen notebooks with their figures and widgets; plotly alone is 4.7 MB
SCENES = ("guess", "picture", "why", "tendencies", "without", "decay")

LINKS = """() => [...document.querySelectorAll("a[href], link[href], script[src], img[src]")]
    .map(e => e.getAttribute("href") ?? e.getAttribute("src"))"""
BROKEN_IMAGES = """async () => {
    const all = [...document.images];
    all.forEach(image => { image.loading = "eager"; });
    await Promise.all(all.map(image => image.decode().catch(() => {})));
    return all.filter(image => !image.naturalWidth).map(image => image.src);
}"""


def publisher():
    """docs/publish.py as a module."""
    spec = importlib.util.spec_from_file_location("publish", ROOT / "docs" / "publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    into = tmp_path_factory.mktemp("site") / "site"
    publisher().publish(into)
    return into


@pytest.fixture
def visit(site, open_page):
    """Open a page of the site; a request for anything but a file fails the test."""
    foreign = []

    def visit(name, **options):
        page = open_page(offline=True, **{"viewport": {"width": 1000, "height": 1200}} | options)
        page.on("request", lambda r: foreign.append(r.url) if is_foreign(r.url) else None)
        page.goto((site / name).as_uri())
        page.wait_for_load_state("load")
        return page

    yield visit
    assert not foreign


def is_foreign(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def wait_for_widgets(page) -> None:
    """They are loaded once they come near."""
    places = page.locator(".modadd-page")
    assert places.count()
    for i in range(places.count()):
        places.nth(i).scroll_into_view_if_needed()
        places.nth(i).locator(".modadd[data-drawn]").wait_for()
    page.evaluate("scrollTo(0, 0)")
    settled(page)


def pages(site) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


# What was built


def test_all_there_is_has_a_page(site):
    built = set(pages(site))
    assert {f"notebooks/{stem}.html" for stem in STEMS} <= built
    assert {f"docs/{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} <= built
    modules = {path.relative_to(ROOT) for path in (ROOT / "modadd").glob("[a-z]*.py")}
    assert {f"api/{path.with_suffix('.html')}" for path in modules} <= built
    assert {"api/modadd/plots.html", "api/modadd/widgets.html"} <= built
    assert {"index.html", "explore.html", "train.html", "api/modadd.html"} <= built


def test_site_is_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MAX_BYTES


def test_every_page_says_what_it_is(site):
    """To a search engine, and to where its link is sent."""
    for name in pages(site):
        text = (site / name).read_text(encoding="utf-8")
        found = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', text))
        assert found["og:description"].strip() and found["description"].strip(), name
        assert found["og:title"], name
        assert (site / name).parent.joinpath(found["og:image"]).is_file(), name
    assert found["generator"] and re.search(r"notebook [0-9a-f]{12} PROFILE", text_of(site))


def text_of(site) -> str:
    return (site / "notebooks" / f"{STEMS[0]}.html").read_text(encoding="utf-8")


def test_every_picture_has_a_text_in_its_place(site):
    for path in (site / "notebooks").glob("*.html"):
        figures = re.findall(r"<figure.*?</figure>", path.read_text(encoding="utf-8"), re.DOTALL)
        for alt in re.findall(r'<img [^>]*alt="([^"]*)"', "".join(figures)):
            assert len(alt) > 40, path.name


def test_nothing_is_left_of_notebooks_and_tex(site):
    for path in (site / "notebooks").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"<script.*?</script>|<details.*?</details>", "", text, flags=re.DOTALL)
        assert ".ipynb" not in text, path.name
        assert "$" not in text, path.name
        assert "mathcolor" not in text, path.name  # how the converter marks what it cannot read


def test_links_of_the_repository_become_links_of_the_site(tmp_path):
    publish = publisher()
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
    publish = publisher()
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
    name, state, _ = publisher().state_of("a", cells)
    assert (name, state["kind"], state["initial"]["seed"]) == ("a", "live", 1)


@pytest.fixture
def notebook(tmp_path):
    """A notebook, as a copy that a test may change: its path, and a function that reads it."""
    source = ROOT / "notebooks" / f"{STEMS[1]}.py"
    shutil.copy(source, tmp_path)
    cells = publisher().jupytext.read(source).cells
    path = tmp_path / f"{STEMS[1]}.ipynb"
    into = tmp_path / "site"
    into.mkdir()

    def read(cells=cells):
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return publisher().read_notebook(path, into)

    return path, cells, read


def test_a_notebook_without_pictures_is_a_page_too(notebook):
    found = notebook[2]()
    assert found.stale == "it has no pictures" and found.lead is None and not found.figures


def test_a_figure_without_a_picture_has_a_stand_in(notebook):
    _, cells, read = notebook
    place = next(c for c in cells if "show(" in c.source)
    data = {"application/vnd.plotly.v1+json": {"data": []}, "text/plain": "What it shows."}
    place.outputs = [nbformat.v4.new_output("display_data", data)]
    found = read()
    assert "<p>This figure has no picture" in found.body and "What it shows." in found.body


def test_what_is_out_of_step_is_named(notebook):
    path, cells, read = notebook
    injected = nbformat.v4.new_code_cell("MODULUS = 12", metadata={"tags": ["injected-parameters"]})
    assert read([*cells, injected]).stale == "it was run with other parameters"
    path.with_suffix(".py").write_text(path.with_suffix(".py").read_text() + "\n# %%\n1\n")
    assert read().stale == f"{path.stem}.py has changed since it was run"


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
    exporter = publisher().HTMLExporter(template_name="classic", config=config)
    text = exporter.from_notebook_node(notebook)[0]
    assert "<p>A stand-in</p>" in text and 'alt="What the picture shows."' in text
    assert "vnd.jupyter.widget-view+json" not in text.partition("<body")[2]


def test_previews_name_their_pictures_by_the_address_of_the_site(monkeypatch, tmp_path):
    monkeypatch.setenv("SITE_URL", "https://example.org/modadd")
    publish = publisher()
    cover = publish.Figure("a", "a.png", 1, 1, "Words.", "", "")
    content = {"title": "T", "body": "", "opening": "O", "cover": cover}
    publish.write_page(tmp_path, "docs/x.html", "document.html.j2", **content)
    text = (tmp_path / "docs" / "x.html").read_text(encoding="utf-8")
    assert 'content="https://example.org/modadd/notebooks/a.png"' in text


def test_workflow_calls_what_is_there():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    called = [target for s in steps for target in re.findall(r"make (\S+)", s.get("run", ""))]
    assert called == ["site"]
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in called)
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", s["uses"]) for s in steps if "uses" in s)
    (kept,) = [s["with"]["path"] for s in steps if "upload" in s.get("uses", "")]
    assert kept == "site"
    named = {name for s in steps for name in s.get("env", {})}
    assert named == {"SITE_URL"} and '"SITE_URL"' in (ROOT / "docs" / "publish.py").read_text()
    (python,) = [s["with"]["python-version"] for s in steps if "python" in s.get("uses", "")]
    assert f">={python}" in (ROOT / "pyproject.toml").read_text()


# In the browser


def test_every_page_is_whole(site, visit):
    page = visit("index.html")
    for name in pages(site):
        page.goto((site / name).as_uri())
        assert page.title(), name
        assert page.evaluate(BROKEN_IMAGES) == [], name
        for link in page.evaluate(LINKS):
            check_link(site, name, link)


def check_link(site, name: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    if re.match(r"(https|data):", link):
        return
    target = (site / name).parent / path if path else site / name
    assert target.is_file(), f"{name} links to {link}"
    if anchor and not name.startswith("api/"):
        text = target.read_text(encoding="utf-8")
        assert re.search(rf'id="{re.escape(anchor)}"', text), f"{name} links to {link}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_pages_fit_and_follow_the_scheme(site, visit, scheme):
    page = visit("index.html", viewport={"width": 375, "height": 800}, color_scheme=scheme)
    for name in pages(site):
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, name
        paper = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light"), name


def test_figures_come_to_life_where_they_are_read(visit):
    page = visit("notebooks/03_clustering_and_alignment.html")
    figures = page.locator("figure:not(.widget)")
    figures.last.scroll_into_view_if_needed()
    last = figures.last.locator(".js-plotly-plot")
    last.wait_for()
    assert figures.last.locator("img").count() == 0
    assert last.get_attribute("aria-label") == figures.last.locator("figcaption").inner_text()


DRAWN = """input => {
    const plot = input.closest(".js-plotly-plot");
    return JSON.stringify(plot.data.map(trace => [trace.x, trace.y]));
}"""


def test_frames_of_a_figure_have_one_slider_which_takes_keys(visit):
    page = visit("notebooks/03_clustering_and_alignment.html")
    page.locator(".sheet:has(script)").first.scroll_into_view_if_needed()
    bar = page.locator(".frames").first
    slider = bar.locator("input")
    slider.wait_for()
    assert page.locator(".slider-container, .updatemenu-container").count() == 0
    last = int(slider.get_attribute("max"))
    slider.focus()
    seen = []
    for key, frame in (("Home", 0), ("End", last), ("ArrowLeft", last - 1)):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
        assert slider.input_value() == str(frame)
        seen.append((slider.evaluate(DRAWN), bar.locator("output").inner_text()))
    assert all(len(set(those)) == 3 for those in zip(*seen, strict=True))
    before = slider.evaluate(DRAWN)
    bar.locator("button").click()  # from here it plays to the end, and slider and words follow
    page.wait_for_function(
        "last => document.querySelector('.frames input').value === last", arg=str(last)
    )
    page.wait_for_timeout(300)
    assert slider.evaluate(DRAWN) == seen[1][0] != before
    assert bar.locator("output").inner_text() == seen[1][1]


def test_scrubber_scrubs_and_changes_the_seed(visit):
    page = visit("notebooks/01_the_model.html")
    wait_for_widgets(page)
    root = view(page, "scrub")
    canvases = [root.locator("canvas").nth(i) for i in range(3)]
    before, accuracy = [pixels(c) for c in canvases], reading(root, "accuracy")
    slide(root.locator("input.cursor"), 3)
    settled(page)
    assert all(pixels(c) != b for c, b in zip(canvases, before, strict=True))
    assert reading(root, "accuracy") != accuracy
    root.get_by_role("combobox", name="seed").select_option("20")
    page.wait_for_function(
        "document.querySelector('.modadd h4 small').innerText.startsWith('seed 20')"
    )
    root.locator("input.cursor").focus()
    page.keyboard.press("End")
    settled(page)
    assert reading(root, "reads as") == "circle"


def test_playground_and_particles_react(visit):
    page = visit("explore.html")
    wait_for_widgets(page)
    root = view(page, "playground")
    root.get_by_label("structure").select_option("circle")
    assert reading(root, "reads as") == "circle"
    root = view(page, "particles")
    root.locator("canvas").first.focus()
    page.keyboard.press("Space")
    page.wait_for_function(
        "Number(document.querySelector('[data-kind=particles] dd').innerText) > 20"
    )
    page.keyboard.press("Space")
    potential = reading(root, "potential")
    page.keyboard.press("PageDown")  # choose a particle
    for _ in range(8):
        page.keyboard.press("Shift+ArrowRight")
    settled(page)
    assert reading(root, "potential") != potential


def test_a_network_trains_in_the_page(visit):
    page = visit("train.html")
    wait_for_widgets(page)
    root = view(page, "live")
    root.get_by_role("button", name="a circle").click()
    page.wait_for_function(
        "/step [\\d,]{3,}/.test(document.querySelector('output.step').innerText)"
    )
    assert "seed=20" in page.url  # at once, not only when it is paused
    root.get_by_role("button", name="pause").click()
    step = "document.querySelector('output.step').innerText.replace(/\\D/g, '')"
    page.wait_for_function(f"location.hash.includes(`&step=${{{step}}}&`)")


def test_keyboard_reaches_everything_and_shows_where_it_is(visit):
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


def test_neighbours_lead_through_all_notebooks(visit):
    page = visit(f"notebooks/{STEMS[0]}.html")
    for stem in STEMS[1:]:
        page.locator("a[rel=next]").click()
        page.wait_for_url(f"**/{stem}.html")
    assert page.locator("a[rel=next]").count() == 0
    page.locator("a[rel=prev]").click()
    page.wait_for_url(f"**/{STEMS[-2]}.html")


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
    before = pixels(canvas)
    place.page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before",
        arg=[canvas.element_handle(), before],
    )


def says(place, pattern: str) -> str:
    """Wait for what a scene says."""
    place.page.wait_for_function(
        "([words, pattern]) => new RegExp(pattern).test(words.innerText)",
        arg=[place.locator("[role=status]").first.element_handle(), pattern],
    )
    return place.locator("[role=status]").first.inner_text()


def test_the_story_moves_when_it_is_opened_and_tells_what_was_drawn(visit):
    page = visit("index.html")
    place = scene(page, "guess")
    moves(place)
    insight = page.locator("section:has([data-scene=guess]) .insight")
    page.wait_for_function("e => getComputedStyle(e).opacity === '0'", arg=insight.element_handle())
    place.get_by_role("button", name="a grid").click()
    assert "a grid" in says(place, "It drew")
    place.get_by_role("button", name="another start").click()
    says(place, "trains")
    says(place, "It drew")
    page.wait_for_function("e => getComputedStyle(e).opacity === '1'", arg=insight.element_handle())


def test_scenes_live_while_they_are_in_view(visit):
    page = visit("index.html")
    for name in SCENES[1:5]:
        moves(scene(page, name))
    place = scene(page, "without")
    page.wait_for_function(
        "place => !place.querySelector('[aria-label=pause]')", arg=place.element_handle()
    )
    titles = place.locator("figcaption").all_inner_texts()
    assert titles == ["Network: a grid", "Two forces: a grid"]
    out = page.locator("[data-scene=tendencies] button[aria-label=play]")
    assert out.count() == 1  # it rests, out of view


def test_the_two_tendencies_build_what_is_said_of_them(visit):
    page = visit("index.html")
    place = scene(page, "tendencies")
    for name, built in (("clustering alone", "a grid"), ("alignment alone", "a circle")):
        place.get_by_role("button", name=name).click()
        place.locator("[aria-label=play]").wait_for(timeout=60_000)  # it has come to rest
        assert says(place, "So far") == f"So far: {built}."


def test_decay_wakes_the_force(visit):
    page = visit("index.html")
    place = scene(page, "decay")

    def force() -> tuple[float, int]:
        text = says(place, r"Force [\d.e-]+\. Right")
        found = re.search(r"Force ([\d.e-]+)\. Right: 100 % .* (\d+) % of the others", text)
        assert found, text
        return float(found[1]), int(found[2])

    still, few = force()
    place.get_by_role("button", name="weight decay: off").click()
    says(place, r"Force 0\.0[1-9]")
    assert place.get_by_role("button", name="weight decay: on").is_visible()
    text = says(place, "Force")
    assert still < 1e-3 < float(re.search(r"Force ([\d.e-]+)\. ", text)[1])
    page.wait_for_function(
        "([words, few]) => Number(words.innerText.match(/(\\d+) % of the others/)[1]) > few",
        arg=[place.locator("[role=status]").first.element_handle(), few],
    )


def test_where_motion_is_not_wanted_nothing_moves_by_itself(visit):
    page = visit("index.html", reduced_motion="reduce")
    for name in SCENES:
        place = scene(page, name)
        settled(page)
        assert place.locator("[aria-label=pause]").count() == 0, name
    place = scene(page, "picture")
    page.wait_for_function("document.querySelector('[data-scene=picture] .cursor').max === '60'")
    assert place.locator("output.step").inner_text() == "step 2,500"


def test_the_story_takes_the_keyboard(visit):
    page = visit("index.html", reduced_motion="reduce")
    place = scene(page, "picture")
    page.wait_for_function("document.querySelector('[data-scene=picture] .cursor').max === '60'")
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
