"""Other parameters: notebooks that have a MODULUS run to their end with others, by papermill.

Each cell must run; what the Check cells then find is for the reader to see. The files go into a
folder that is deleted: figures/ stays as it is.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import papermill

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
MODULI = (5, 7, 12, 13, 16, 19, 23)


def run(source: Path, folder: Path, **parameters: object) -> str:
    """Execute a notebook with other parameters; return what went wrong, or nothing."""
    notebook = folder / f"{source.stem}.ipynb"
    jupytext.write(jupytext.read(source), notebook)
    try:
        papermill.execute_notebook(
            notebook, None, parameters, progress_bar=False, cwd=str(NOTEBOOKS)
        )
    except papermill.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return ""


def main() -> int:
    """Run what was asked for and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="numbers of notebooks, such as 01,04")
    parser.add_argument("--moduli", default=",".join(map(str, MODULI)), help="such as 5,12")
    parser.add_argument("--profile", default="quick", help="quick or full")
    options = parser.parse_args()
    sources = [s for s in sorted(NOTEBOOKS.glob("[0-9]*.py")) if "\nMODULUS = " in s.read_text()]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="modadd-parameters-") as folder:
        os.environ["MODADD_FIGURES"] = folder
        for source in (s for s in sources if not options.only or s.stem[:2] in options.only):
            for modulus in map(int, options.moduli.split(",")):
                start = time.time()
                said = run(source, Path(folder), MODULUS=modulus, PROFILE=options.profile)
                failed += bool(said) and "MODULUS must be" not in said  # refused in one line
                words = f"{source.stem}, {options.profile}, N = {modulus}: {said or 'ran'}"
                print(f"{words}, {time.time() - start:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
