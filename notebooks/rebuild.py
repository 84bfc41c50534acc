"""Rebuild the figures: run every notebook from its .py source and list what it wrote.

`make figures` calls this. Each notebooks/NN_name.py becomes a fresh notebook, is executed in a
kernel of its own, is kept under build/notebooks/ and leaves its figures in figures/. The kernels
write the pages; the PNG, for files and notebooks, are drawn here, in one browser for all.
`make notebooks` adds --renew, which also replaces the committed .ipynb by the executed ones.
"""

import argparse
import ast
import base64
import hashlib
import json
import logging
import os
import re
import sys
import threading
import time
import warnings
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from importlib import metadata
from operator import itemgetter
from pathlib import Path

import jupytext
import nbformat
import psutil

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, FIGURES, BUILD = ROOT / "notebooks", ROOT / "figures", ROOT / "build"
PROFILES = ("quick", "full")
AT_ONCE = 2  # notebooks: each leaves cores idle while it imports, prints and draws
EARLY = ("05", "10", "12")  # two take longest; 05 compiles what 06 would compile beside it
MAX_BYTES = 1_500_000  # of a committed .ipynb: larger ones load slowly and swell the repository


class Refusal(ValueError):
    """What was asked for cannot be done; the message says why and what could."""


class Failure(Exception):
    """A notebook did not do what it should; it has been said."""


def choose(only: str, profile: str) -> list[Path]:
    """Find the notebooks to run, refusing bad names before any of them starts.

    `only` is empty for all, or a notebook's number or name.
    """
    if profile not in PROFILES:
        raise Refusal(f"PROFILE={profile}: choose one of {', '.join(PROFILES)}")
    every = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
    sources = [s for s in every if only in ("", s.stem, s.stem[:2])]
    if not sources:
        raise Refusal(f"ONLY={only}: choose one of {', '.join(s.stem for s in every)}")
    for source in sources:
        if "PROFILE" not in parameters(jupytext.read(source)):
            # papermill would only warn, and run the notebook's default size under the wrong name
            raise Refusal(f"{source.name}: its cell tagged 'parameters' does not set PROFILE")
    return sources


def parameters(notebook: nbformat.NotebookNode) -> set[str]:
    """Names that the notebook's cells tagged `parameters` assign."""
    cells = [c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    nodes = ast.walk(ast.parse("\n".join(cells)))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


STOPPED = threading.Event()


def execute(source: Path, profile: str, label: str) -> Path:
    """Run one notebook; return the executed copy's path, written when a cell fails, too."""
    import papermill  # takes a second: after the arguments have been checked

    executed, started = BUILD / "notebooks" / f"{source.stem}.ipynb", time.time()
    executed.parent.mkdir(parents=True, exist_ok=True)
    bar = {"desc": label, "bar_format": "{desc}: cell {n_fmt}/{total_fmt}", "leave": False}
    try:
        papermill.execute_notebook(
            jupytext.read(source),
            executed,
            parameters={"PROFILE": profile},
            kernel_name="python3",
            request_save_on_cell_execute=False,  # but once, at the end
            progress_bar=bar if sys.stderr.isatty() else False,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # else it tells of TCP
            coalesce_streams=True,
            store_widget_state=False,  # each plotly widget's state would add 5 MB of script
        )
    finally:
        print(f"{label}: {time.time() - started:.0f} s", file=sys.stderr, flush=True)
    return executed


def draw(executed: Path) -> None:
    """Give the figures of an executed notebook their pictures, and save those that have names."""
    from modadd.plots import export

    notebook = nbformat.read(executed, as_version=4)
    for output in (o for cell in notebook.cells for o in cell.get("outputs", [])):
        wanted = output.get("metadata", {}).pop("draw", None)
        pictures = wanted and drawn(wanted["figure"])
        if not pictures:
            continue
        whole, half = pictures
        if wanted["name"] is not None:
            export.write(FIGURES / f"{wanted['name']}.png", whole)
        output.data["image/png"] = base64.b64encode(half).decode()
        output.metadata["image/png"] = {"alt": output.data["text/plain"]}
        del output.data["text/html"]  # what stood for the picture
    nbformat.write(notebook, executed)


def drawn(figure: dict) -> tuple[bytes, bytes] | None:
    """PNG of a figure, and at half its size; from build/ if the same was drawn alike before."""
    from modadd.plots import export, png

    browser = png.browser()
    if browser is None:
        return None
    means = [metadata.version("plotly"), metadata.version("kaleido"), browser]
    means += [os.stat(browser).st_mtime_ns, Path(png.__file__).read_text(encoding="utf-8")]
    key = hashlib.sha256(json.dumps([figure, means], sort_keys=True).encode()).hexdigest()
    kept = [BUILD / "pictures" / f"{key[:24]}{size}.png" for size in ("", "-half")]
    if not all(path.exists() for path in kept):
        image = png.draw(figure)
        if image is None:
            return None
        kept[0].parent.mkdir(parents=True, exist_ok=True)
        for path, half in zip(kept, (False, True)):
            export.write(path, png.squeeze(image, half))
    return tuple(path.read_bytes() for path in kept)


def without_papermills(cells: list) -> list:
    """Cells of an executed notebook without those that papermill has put among them."""
    own = {"injected-parameters", "papermill-error-cell-tag"}
    return [cell for cell in cells if not own & set(cell.metadata.get("tags", []))]


def report_failure(source: Path) -> None:
    """Say which cell failed, and show the end of its traceback."""
    executed = BUILD / "notebooks" / f"{source.stem}.ipynb"
    ran = without_papermills(nbformat.read(executed, as_version=4).cells)
    for number, cell in enumerate(ran, 1):
        for error in (o for o in cell.get("outputs", []) if o.output_type == "error"):
            trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
            print(f"\n{source.name} failed in cell {number} of {len(ran)}:", file=sys.stderr)
            print("\n".join(f"    {line}" for line in cell.source.splitlines()), file=sys.stderr)
            print("\n".join(trace[-15:]), file=sys.stderr)
    print(f"What ran: build/notebooks/{source.stem}.ipynb", file=sys.stderr)


def times(source: Path) -> dict[Path, int]:
    """When each figure of a notebook was last written; their names begin with its number."""
    files = sorted(FIGURES.glob(f"{source.stem[:2]}_*"))
    return {f: f.stat().st_mtime_ns for f in files if f.suffix in (".html", ".png")}


def record(path: Path, source: Path, profile: str, started: float) -> dict:
    """Describe one figure; `seconds` is from the notebook's start until the file stood."""
    return {
        "figure": path.stem,
        "file": path.relative_to(ROOT).as_posix(),
        "bytes": path.stat().st_size,
        "seconds": round(max(0.0, path.stat().st_mtime - started), 1),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "notebook": source.stem,
        "profile": profile,
    }


def report(figures: list[dict], seconds: float) -> None:
    """Print the table, write it to build/figures.json, and say which pictures are missing."""
    (BUILD / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    width = max([len(f["figure"]) for f in figures] + [6])
    print(f"\n{'figure':{width}}  {'file':{width + 13}}  {'size':>8}  seconds  sha256")
    for f in figures:
        line = f"{f['figure']:{width}}  {f['file']:{width + 13}}  {f['bytes'] / 1e3:5.0f} kB"
        print(f"{line}  {f['seconds']:7.1f}  {f['sha256'][:12]}")
    print(f"{len(figures)} file(s) in {seconds:.0f} s; whole sha256 in build/figures.json")
    written = {(f["figure"], Path(f["file"]).suffix) for f in figures}
    bare = [name for name, suffix in sorted(written) if (name, ".png") not in written]
    if bare:
        print(
            f"\nWithout a picture: {', '.join(bare)}. Their HTML is new, their PNG is as it was.\n"
            "Drawing PNG takes Chrome or Chromium: install one, or name one in BROWSER_PATH, and\n"
            "run this again."
        )


def renew(source: Path, executed: Path) -> None:
    """Replace the committed .ipynb by the source with the executed copy's outputs.

    Starting from the source leaves out whatever papermill and the kernel noted on their way
    (injected parameters, timings, widget states), so that equal results give equal files.
    """
    notebook = jupytext.read(source)
    ran = without_papermills(nbformat.read(executed, as_version=4).cells)
    if [c.source for c in ran] != [c.source for c in notebook.cells]:
        raise Refusal(f"{source.name} was changed while it ran: run it again")
    notebook.metadata["language_info"] = {"name": "python"}
    count = 0
    for index, (cell, done) in enumerate(zip(notebook.cells, ran, strict=True)):
        cell.id = f"{source.stem}-{index + 1:02d}"  # a random one would differ at each run
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note on blank lines of the .py
        if cell.cell_type == "code" and cell.source:
            count += 1
            cell.execution_count = count
            cell.outputs = tidy(done.outputs, count, f"{source.name}, cell {index + 1}")
    text = jupytext.writes(notebook, fmt="ipynb") + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise Refusal(f"{source.stem}.ipynb: {len(text.encode())} bytes, {MAX_BYTES} allowed")
    part = executed.with_suffix(".part")  # written beside and renamed: never half a notebook
    part.write_text(text, encoding="utf-8")
    part.replace(source.with_suffix(".ipynb"))


def tidy(outputs: list, count: int, where: str) -> list:
    """Keep what a code host can show: of a widget its picture, of a progress bar nothing."""
    kept = []
    widget = "application/vnd.jupyter.widget-view+json"
    for output in outputs:
        data = output.get("data", {})
        if re.search(r"\d+%\|.*\| *\d+/\d+", output.get("text", data.get("text/plain", ""))):
            continue
        if widget in data and not any("image/png" in o.get("data", {}) for o in outputs):
            raise Refusal(f"{where} shows a widget: add a picture, for readers without a kernel")
        if widget in data and "image/png" not in data:
            continue
        if widget in data:
            output.data = {k: data[k] for k in ("image/png", "text/plain") if k in data}
        if output.output_type == "execute_result":
            output.execution_count = count
        kept.append(output)
    return kept


def main() -> int:
    """Run the chosen notebooks; start no other once one has failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="one notebook's number or name")
    parser.add_argument("--profile", default="quick", help=" or ".join(PROFILES))
    parser.add_argument("--renew", action="store_true", help="renew the committed .ipynb too")
    options = parser.parse_args()
    try:
        sources = choose(options.only, options.profile)
        if options.renew and options.profile != "quick":
            raise Refusal(f"PROFILE={options.profile}: committed notebooks are the quick ones")
        return rebuild(sources, options.profile, options.renew)
    except Failure:
        return 1
    except Refusal as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def rebuild(sources: list[Path], profile: str, renew_committed: bool) -> int:
    """Execute `sources`, some at once, and report; returns the exit status."""
    from modadd.plots import png

    if renew_committed and png.browser() is None:
        raise Refusal("No Chrome or Chromium was found: the notebooks would have no pictures")
    os.environ["MODADD_FIGURES"] = str(FIGURES)  # for the kernels: beside these notebooks
    # Idle threads of OpenMP would spin where two notebooks share the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what goes wrong is said here
    os.chdir(NOTEBOOKS)  # papermill's own way there is not made for two notebooks at a time
    warnings.formatwarning = lambda message, *_: f"{message}\n"
    start, pool = time.time(), ThreadPoolExecutor(AT_ONCE)
    labels = [f"[{i}/{len(sources)}] {source.stem}" for i, source in enumerate(sources, 1)]
    ordered = sorted(zip(sources, labels), key=lambda each: each[0].stem[:2] not in EARLY)
    running = [pool.submit(make, *each, profile) for each in ordered]
    try:
        wait(running, return_when=FIRST_EXCEPTION)
    finally:
        STOPPED.set()  # after an interrupt or a failure others may be running
        pool.shutdown(wait=False, cancel_futures=True)
        if not all(future.done() for future in running):
            for child in psutil.Process().children():
                if "ipykernel_launcher" in child.cmdline():
                    child.kill()
    for failed in [f for f in running if f.done() and not f.cancelled() and f.exception()]:
        raise failed.exception()
    figures = sorted((f for future in running for f in future.result()), key=itemgetter("file"))
    if renew_committed:
        for source in sources:
            renew(source, BUILD / "notebooks" / f"{source.stem}.ipynb")
    report(figures, time.time() - start)
    return 0


def make(source: Path, label: str, profile: str) -> list[dict]:
    """Execute a notebook and draw its figures; returns what it wrote."""
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError

    before, started = times(source), time.time()
    try:
        if STOPPED.is_set():
            raise Failure
        draw(execute(source, profile, label))
        written = [f for f, when in times(source).items() if when != before.get(f)]
        if not written:
            print(f"{source.name} wrote no figure", file=sys.stderr)
            raise Failure
        return [record(f, source, profile, started) for f in written]
    except PapermillExecutionError:
        report_failure(source)
        raise Failure from None
    except DeadKernelError:
        if not STOPPED.is_set():
            print(f"\n{source.name}: its kernel died; was there memory enough?", file=sys.stderr)
        raise Failure from None
    finally:
        if sys.exception() is not None:
            STOPPED.set()  # before this thread takes the next notebook


if __name__ == "__main__":
    sys.exit(main())
