"""What the tests in a real browser share: JupyterLab on loopback, and hands for its widgets."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat

SCREENSHOTS = Path(__file__).resolve().parent.parent / "build" / "screenshots"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += [f"--disable-{what}" for what in ("background-networking", "component-update", "sync")]
TOKEN = "modadd-tests"
# anywidget gives a widget two seconds to load, too short where the tests keep all cores busy.
PATIENCE = """
const timeout = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (ms) => timeout(Math.max(ms, 60000));
"""
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # draw every cell
}


# Widgets on a page


def pixels(canvas) -> str:
    return canvas.evaluate("canvas => canvas.toDataURL()")


def settled(page) -> None:
    """Wait until what was scheduled is drawn."""
    page.evaluate("() => new Promise(done => setTimeout(() => requestAnimationFrame(done), 60))")


@contextmanager
def redrawn(*canvases):
    """What is done inside changes what each canvas shows."""
    before = [pixels(canvas) for canvas in canvases]
    yield
    settled(canvases[0].page)
    assert all(pixels(c) != b for c, b in zip(canvases, before, strict=True))


def slide(slider, value) -> None:
    slider.evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})) }", value
    )


def view(page, kind):
    return page.locator(f'.modadd[data-kind="{kind}"]')


def reading(root, name) -> str:
    return root.locator(f'dl div:has(:text-is("{name}")) dd').first.inner_text()


# JupyterLab


def notebook_of(cells: list[str]):
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


@contextmanager
def jupyterlab(folder: Path, notebooks: dict, **environment: str):
    """A JupyterLab on loopback that lives in `folder`.

    Gives a function that starts the kernel of one of the notebooks, ends those of the others, and
    returns its address.
    """
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    (settings / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    (folder / "work").mkdir()
    for name, notebook in notebooks.items():
        nbformat.write(notebook, folder / "work" / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    environment = os.environ | environment
    environment |= {f"JUPYTER_{k}_DIR": str(folder / v) for k, v in names.items()}
    environment |= {"IPYTHONDIR": str(folder / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += ["--LabApp.expose_app_in_browser=True"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder / 'work'}"]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )

    def ask(what: str, **request):
        url = f"http://127.0.0.1:{port}/api{what}?token={TOKEN}"
        with urllib.request.urlopen(urllib.request.Request(url, **request), timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def address(name: str) -> str:
        for session in ask("/sessions"):
            ask(f"/sessions/{session['id']}", method="DELETE")
        session = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        ask("/sessions", data=json.dumps(session).encode())
        return f"http://127.0.0.1:{port}/doc/tree/{name}?token={TOKEN}"

    try:
        for _ in range(300):
            try:
                ask("")
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def command(page, name, **arguments):
    """Let JupyterLab carry out one of its commands, as its menus do."""
    # Not awaited: running all cells ends only with the last of them.
    page.evaluate(
        "([name, arguments]) => { window.jupyterapp.commands.execute(name, arguments) }",
        [name, arguments],
    )


def run_all_cells(page):
    """Run the notebook, as soon as it has its kernel: before, JupyterLab would ask for one."""
    page.wait_for_function(
        """() => {
            const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
            return context?.isReady && context.session?.kernel?.connectionStatus === "connected";
        }"""
    )
    command(page, "notebook:run-all-cells")
