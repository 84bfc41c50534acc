"""The built site, opened from files by a browser that has no network."""

import importlib.util
import re
from pathlib import Path

import pytest
from browsing import pixels, reading, settled, slide, view

ROOT = Path(__file__).resolve().parent.parent
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
MAX_BYTES = 15_500_000  # thirteen notebooks with their figures and widgets; plotly alone is 4.7 MB

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
    page.wait_for_function(
        """() => {
            const places = [...document.querySelectorAll(".modadd-page")];
            return places.length && places.every(e => e.querySelector(".modadd[data-drawn]"));
        }"""
    )
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
    page.keyboard.press("End")
    last = figures.last.locator(".js-plotly-plot")
    last.wait_for()
    assert figures.last.locator("img").count() == 0
    assert last.get_attribute("aria-label") == figures.last.locator("figcaption").inner_text()
    page.evaluate("document.querySelector('.slider-container').scrollIntoView()")
    frame = "document.querySelector('.js-plotly-plot:has(.slider-container)')"
    before = page.evaluate(f"JSON.stringify({frame}._fullLayout.sliders[0].active)")
    page.evaluate(
        f"Plotly.animate({frame}, [{frame}._transitionData._frames[0].name],"
        " {mode: 'immediate', frame: {duration: 0}, transition: {duration: 0}})"
    )
    page.wait_for_timeout(300)
    assert page.evaluate(f"JSON.stringify({frame}._fullLayout.sliders[0].active)") != before


def test_frames_of_a_figure_can_be_chosen_by_keyboard(visit):
    page = visit("notebooks/03_clustering_and_alignment.html")
    page.keyboard.press("End")
    slider = page.locator("label.frames input").first
    slider.wait_for()
    shown = """input => {
        const plot = input.closest("label").previousElementSibling;
        return JSON.stringify([plot._fullLayout.sliders[0].active, ...plot.data.map(t => t.x)]);
    }"""
    last = int(slider.get_attribute("max"))
    slider.focus()
    seen = []
    for key, frame in (("Home", 0), ("End", last), ("ArrowLeft", last - 1)):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
        now = slider.evaluate(shown)
        assert now.startswith(f"[{frame},"), key
        seen.append((now, slider.get_attribute("aria-valuetext")))
    assert all(len(set(those)) == 3 for those in zip(*seen, strict=True))


def test_scrubber_scrubs_and_changes_the_seed(visit):
    page = visit("index.html")
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
