"""The same bits in another process, another ensemble, on another number of threads.

trust/repeats.py compares twenty processes; here it is one.
"""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "trust" / "repeats.py"


def test_another_process_gives_the_same_bits():
    command = [sys.executable, SCRIPT, "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout == "15 runs in 1 processes: 0 differ\n", done.stdout + done.stderr
    assert done.returncode == 0
