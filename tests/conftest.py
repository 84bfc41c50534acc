"""What all tests share: a cache and a figures folder, the settings of hypothesis, a browser."""

import os
import random
import tempfile

import hypothesis
import pytest
from browsing import ARGUMENTS, PATIENCE, SCREENSHOTS

# Two workers, and the processes that they start, share the cores: threads of OpenMP that have
# nothing to do must sleep, not spin. Before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# No deadline: the first call of a compiled function compiles it. MODADD_EXAMPLES says how many
# examples each property gets.
quiet = [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
common = {"deadline": None, "database": None, "suppress_health_check": quiet}
common["max_examples"] = int(os.environ.get("MODADD_EXAMPLES", 20))
hypothesis.settings.register_profile("same", derandomize=True, **common)
hypothesis.settings.register_profile("new", print_blob=True, **common)


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads its seed, and xdist its options
def pytest_configure(config: pytest.Config) -> None:
    """Keep the user's cache and the committed figures out of it, for notebooks' kernels too.

    One empty cache for all workers of a run: no stale result can hide an error, and what one test
    or notebook has trained, the others may load.

    Properties get the same examples at each run, but in CI, where each run draws new ones by a seed
    that it prints: `--hypothesis-seed` draws them again.
    """
    if os.environ.get("CI") and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = random.randrange(2**32)
    drawn = config.option.hypothesis_seed is not None
    hypothesis.settings.load_profile("new" if drawn else "same")
    if hasattr(config, "workerinput"):  # an xdist worker inherits these from the main process
        return
    scratch = tempfile.TemporaryDirectory(prefix="modadd-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(scratch.cleanup)
    for variable, folder in [("MODADD_CACHE", "cache"), ("MODADD_FIGURES", "figures")]:
        os.environ[variable] = os.path.join(scratch.name, folder)
        os.mkdir(os.environ[variable])


def pytest_report_header(config: pytest.Config) -> str:
    """How to draw the same examples again."""
    seed = config.option.hypothesis_seed
    return (
        "properties: the same examples as ever"
        if seed is None
        else (f"properties: new examples, again by --hypothesis-seed={seed}")
    )


FIRST = ["05_", "10_", "12_", "0", "1"]  # 06 takes what 05 compiles, and comes after it
FIRST += ["test_browser", "test_site", "test_widgets"]
FIRST += ["test_notebooks", "test_particles", "test_training", "test_theory"]
"""The longest, so that no worker is left with one of them when the other is done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notebooks first: what they train, the site and others take from the cache."""

    def place(item: pytest.Item) -> int:
        begins = map(item.path.name.startswith, FIRST)
        return next((i for i, found in enumerate(begins) if found), len(FIRST))

    items.sort(key=place)


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """What reaches a notebook whose figures go to tmp_path: (content, metadata) of each output."""
    shown = []
    monkeypatch.setenv("MODADD_FIGURES", str(tmp_path))
    monkeypatch.setattr("modadd.plots.export._in_kernel", lambda: True)
    keep = lambda content, metadata=None, **_: shown.append((content, metadata))  # noqa: E731
    monkeypatch.setattr("IPython.display.display", keep)
    return shown


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Path of Chrome or Chromium. Without one: skip, but fail where CI is set."""
    from modadd.plots import png  # here, so that collecting tests need not wait for it

    path = png.browser()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chrome or Chromium found")
    return path


@pytest.fixture(scope="module")
def chromium(browser_path):
    """A headless browser, for the tests of one file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, request):
    """Open a page; a test fails if any of its pages had an error, and then keeps pictures."""
    pages, errors = [], []

    def open_page(**options):
        page = chromium.new_context(**options).new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        pages.append(page)
        return page

    failed = request.session.testsfailed
    yield open_page
    if errors or request.session.testsfailed > failed:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for i, page in enumerate(pages):
            page.screenshot(path=SCREENSHOTS / f"{request.node.name}-{i}.png")
    for page in pages:
        page.context.close()
    assert not errors
