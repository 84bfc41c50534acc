"""What another processor's rounding does: the same networks, compiled as if for older ones.

Trains an ensemble for the processor at hand, and again in processes whose code is compiled for
another one (a name that LLVM knows), and prints how far apart embeddings and kinds are.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from modadd import Run, TrainingConfig, structure, train
from modadd._compiled import engine

OTHERS = ("haswell", "generic")  # fused and 256 bits wide; neither
STEPS = (1, 10, 100, 300, 1000, 2500)


def trained(seeds: int) -> Run:
    """The default recipe, from no cache."""
    return train(TrainingConfig(), range(seeds), snapshots=STEPS, cache=False, progress=False)


def compiled_code() -> str:
    """What the training loop that this process has compiled is made of."""
    code = "".join(engine.advance.inspect_asm().values())
    bits = next(b for b, name in ((512, "zmm"), (256, "ymm"), (128, "xmm")) if f"%{name}" in code)
    return f"vectors of {bits} bits, {'' if 'vfmadd' in code else 'no '}fused multiply-add"


def compiled_for(cpu: str, seeds: int, folder: Path) -> Run:
    """The same in a process that compiles everything for that processor."""
    file = folder / f"{cpu}.npz"
    subprocess.run(
        [sys.executable, Path(__file__), "--seeds", str(seeds), "--into", str(file)],
        env=os.environ
        | {
            "NUMBA_CPU_NAME": cpu,
            "NUMBA_CPU_FEATURES": "",  # else numba adds those of the processor at hand
            "NUMBA_CACHE_DIR": str(folder / cpu),
        },
        check=True,
    )
    return Run.load(file)


def compare(here: Run, there: Run) -> None:
    """Print the largest difference of a coordinate, by step, and what became of it."""
    apart = np.abs(here.embeddings - there.embeddings).max((2, 3))  # (T, S)
    for step, of_each in zip(here.steps, apart, strict=True):
        print(f"  step {step:5}: median {np.median(of_each):7.1g}, largest {of_each.max():7.1g}")
    alike = structure.procrustes_r2(here.final, there.final) > 0.99
    kinds = [structure.classify(run.final) for run in (here, there)]
    print(f"  same shape (R² > 0.99): {alike.sum()} of {len(alike)}")
    print(f"  same kind: {(kinds[0] == kinds[1]).sum()} of {len(alike)}")
    for kind in structure.KINDS:
        print(f"  {kind}s: {' and '.join(str((found == kind).sum()) for found in kinds)}")
    print(f"  accuracy: {here.accuracy[-1].mean():.4f} and {there.accuracy[-1].mean():.4f}")


def main() -> int:
    """Compare the processor at hand with the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="number of networks")
    parser.add_argument("--into", help=argparse.SUPPRESS)
    options = parser.parse_args()
    here = trained(options.seeds)
    if options.into:
        here.save(options.into)
        print(f"  its code: {compiled_code()}", flush=True)
        return 0
    with tempfile.TemporaryDirectory(prefix="modadd-processors-") as folder:
        for cpu in OTHERS:
            print(f"{options.seeds} networks, processor at hand and {cpu}:", flush=True)
            compare(here, compiled_for(cpu, options.seeds, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
