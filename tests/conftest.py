"""What all tests share: a cache and a figures folder, the settings of hypothesis, a browser."""

import os
import tempfile

import hypothesis
import pytest

# No deadline: the first call of a compiled function compiles it. The same examples at each run,
# as everything here is reproducible: what fails, fails again.
hypothesis.settings.register_profile("modadd", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("modadd")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the user's cache and the committed figures out of it, for notebooks' kernels too.

    One empty cache for all workers of a run: no stale result can hide an error, and what one test
    or notebook has trained, the others may load.
    """
    if hasattr(config, "workerinput"):  # an xdist worker inherits these from the main process
        return
    scratch = tempfile.TemporaryDirectory(prefix="modadd-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(scratch.cleanup)
    for variable, folder in [("MODADD_CACHE", "cache"), ("MODADD_FIGURES", "figures")]:
        os.environ[variable] = os.path.join(scratch.name, folder)
        os.mkdir(os.environ[variable])


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Path of Chrome or Chromium. Without one: skip, but fail where CI is set."""
    from modadd import export  # here, so that collecting tests need not wait for it

    path = export.browser()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chrome or Chromium found")
    return path
