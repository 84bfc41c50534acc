"""Rebuild the figures: run every notebook from its .py source and list what it wrote.

`make figures` calls this. Each notebooks/NN_name.py becomes a fresh notebook, is executed in a
kernel of its own, is kept under build/notebooks/ and leaves its figures in figures/.
`make notebooks` adds --renew, which also replaces the committed .ipynb by the executed ones.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, FIGURES, BUILD = ROOT / "notebooks", ROOT / "figures", ROOT / "build"
PROFILES = ("quick", "full")
MAX_BYTES = 1_500_000  # of a committed .ipynb: larger ones load slowly and swell the repository


class Refusal(ValueError):
    """What was asked for cannot be done; the message says why and what could."""


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


def execute(source: Path, profile: str, label: str) -> Path:
    """Run one notebook in the notebooks folder; return the executed copy's path."""
    import papermill  # takes a second: after the arguments have been checked

    build = BUILD / "notebooks"
    build.mkdir(parents=True, exist_ok=True)
    fresh, executed = build / f"{source.stem}.in.ipynb", build / f"{source.stem}.ipynb"
    nbformat.write(jupytext.read(source), fresh)
    papermill.execute_notebook(
        fresh,
        executed,
        parameters={"PROFILE": profile},
        cwd=NOTEBOOKS,
        kernel_name="python3",
        progress_bar={"desc": label, "bar_format": "{desc}: cell {n_fmt}/{total_fmt}, {elapsed}"},
        extra_arguments=[
            "--IPKernelApp.log_level=ERROR"
        ],  # else each kernel warns that it uses TCP
        coalesce_streams=True,
        store_widget_state=False,  # each plotly widget's state would add 5 MB of script
    )
    return executed


def report_failure(source: Path, error) -> None:
    """Say which cell failed, and show the end of its traceback."""
    cells = [c.source for c in jupytext.read(source).cells]
    number = f"cell {cells.index(error.source) + 1} of {len(cells)}"
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
    print(f"\n{source.name} failed in {number}:", file=sys.stderr)
    print("\n".join(f"    {line}" for line in error.source.splitlines()), file=sys.stderr)
    print("\n".join(trace[-15:]), file=sys.stderr)
    print(f"What ran: build/notebooks/{source.stem}.ipynb", file=sys.stderr)


def times() -> dict[Path, int]:
    """When each figure was last written."""
    files = [*FIGURES.glob("*.png"), *FIGURES.glob("*.html")]
    return {f: f.stat().st_mtime_ns for f in sorted(files)}


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


def report(figures: list[dict], seconds: float, browser: str | None) -> None:
    """Print the table, write it to build/figures.json, and say if pictures are missing."""
    (BUILD / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    width = max([len(f["figure"]) for f in figures] + [6])
    print(f"\n{'figure':{width}}  {'file':{width + 13}}  {'size':>8}  seconds  sha256")
    for f in figures:
        line = f"{f['figure']:{width}}  {f['file']:{width + 13}}  {f['bytes'] / 1e3:5.0f} kB"
        print(f"{line}  {f['seconds']:7.1f}  {f['sha256'][:12]}")
    print(f"{len(figures)} file(s) in {seconds:.0f} s; whole sha256 in build/figures.json")
    if browser is None:
        print(
            "\nNo Chrome or Chromium was found, and drawing PNG files takes one: the interactive\n"
            "HTML figures are new, figures/*.png were left as they are. To have them redrawn,\n"
            "install Chrome or Chromium, or name one in BROWSER_PATH, and run this again."
        )


def renew(source: Path, executed: Path) -> None:
    """Replace the committed .ipynb by the source with the executed copy's outputs.

    Starting from the source leaves out whatever papermill and the kernel noted on their way
    (injected parameters, timings, widget states), so that equal results give equal files.
    """
    notebook = jupytext.read(source)
    ran = nbformat.read(executed, as_version=4).cells
    ran = [c for c in ran if "injected-parameters" not in c.metadata.get("tags", [])]
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
    """Run the chosen notebooks; stop at the first that fails."""
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
    except Refusal as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def rebuild(sources: list[Path], profile: str, renew_committed: bool) -> int:
    """Execute `sources` in turn and report; returns the exit status."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from modadd.plots import export

    browser = export.browser()
    if renew_committed and browser is None:
        raise Refusal("No Chrome or Chromium was found: the notebooks would have no pictures")
    os.environ["MODADD_FIGURES"] = str(FIGURES)  # for the kernels: beside these notebooks
    figures, start = [], time.time()
    for number, source in enumerate(sources, 1):
        before, started = times(), time.time()
        try:
            executed = execute(source, profile, f"[{number}/{len(sources)}] {source.stem}")
        except PapermillExecutionError as error:
            report_failure(source, error)
            return 1
        except DeadKernelError:
            print(f"\n{source.name}: its kernel died; was there memory enough?", file=sys.stderr)
            return 1
        written = [f for f, when in times().items() if when != before.get(f)]
        if not written:
            print(f"{source.name} wrote no figure", file=sys.stderr)
            return 1
        figures += [record(f, source, profile, started) for f in written]
        if renew_committed:
            renew(source, executed)
    report(figures, time.time() - start, browser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
