"""Damaged files: every bit of a small run file flipped, every byte inverted, cut at every length.

Each file must be refused, or load as the very same run. Takes two minutes on one quiet core.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from modadd import Run, TrainingConfig, train
from modadd.run import SCALARS, RunFileError

FLIPS = [1, 2, 4, 8, 16, 32, 64, 128, 255]


def content(run: Run) -> list:
    """All that a Run holds, comparable."""
    arrays = [run.seeds, run.steps, run.embeddings, *(getattr(run, name) for name in SCALARS)]
    arrays += run.parameters or ()
    held = [(array.dtype.str, array.shape, array.tobytes()) for array in arrays]
    return [run.source, run.settings, held]


def tell(path: Path, data: bytes, expected: list) -> str:
    """What becomes of a file with these bytes."""
    path.write_bytes(data)
    try:
        return "the same run" if content(Run.load(path)) == expected else "ANOTHER RUN"
    except RunFileError:
        return "refused"


def main() -> int:
    """Try all, and count."""
    options = {"keep_parameters": True, "cache": False, "progress": False}
    run = train(TrainingConfig(3, 1, 2), 4, snapshots=[0, 2], **options)
    expected, found = content(run), Counter()
    with tempfile.TemporaryDirectory(prefix="modadd-damage-") as folder:
        path = Path(folder) / "run.npz"
        run.save(path)
        whole = path.read_bytes()
        for i, byte in enumerate(whole):
            for flip in FLIPS:
                data = whole[:i] + bytes([byte ^ flip]) + whole[i + 1 :]
                found["changed, " + tell(path, data, expected)] += 1
            found["cut, " + tell(path, whole[:i], expected)] += 1
    print(f"{len(whole)} bytes:", *(f"{count} {what}" for what, count in sorted(found.items())))
    return 1 if any("ANOTHER" in what for what in found) else 0


if __name__ == "__main__":
    sys.exit(main())
