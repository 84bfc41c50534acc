"""Nothing asks the network: a notebook's code runs, and its browser draws, without one."""

import os
import subprocess
import sys
from pathlib import Path

import jupytext

SOURCE = Path(__file__).resolve().parent.parent / "notebooks" / "01_the_model.py"

# Every way out of this process, but for loopback; what it starts has none where the system allows.
GUARD = """
import socket

real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}


def guarded(name):
    def call(self, *arguments):
        address = arguments[-1]
        inside = self.family not in (socket.AF_INET, socket.AF_INET6)
        if not inside and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"the network was asked for {address}")
        return real[name](self, *arguments)

    return call


for name in real:
    setattr(socket.socket, name, guarded(name))


def refuse(host, *arguments, **options):
    raise AssertionError(f"the network was asked for {host}")


socket.getaddrinfo = socket.gethostbyname = refuse
for outside in (lambda: socket.create_connection(("192.0.2.1", 80)),
                lambda: socket.socket().connect(("192.0.2.1", 80))):
    try:
        outside()
    except AssertionError:
        continue
    raise SystemExit("the guard lets through")
"""


def without_network() -> list[str]:
    """The command before a command that shuts off its network; none where that is not allowed."""
    shut_off = ["unshare", "--net", "--map-root-user"]
    try:
        done = subprocess.run([*shut_off, "true"], capture_output=True, timeout=60)
    except OSError:
        return []
    return [] if done.returncode else shut_off


def test_a_notebook_and_its_browser_need_no_network(browser_path, tmp_path):
    cells = [cell.source for cell in jupytext.read(SOURCE).cells if cell.cell_type == "code"]
    last = next(i for i, cell in enumerate(cells) if 'name="01_the_model"' in cell)
    program = "\n".join([GUARD, *cells[: last + 1]])
    done = subprocess.run(
        [*without_network(), sys.executable, "-c", program],
        cwd=SOURCE.parent,
        env=os.environ | {"MODADD_FIGURES": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "01_the_model.html").stat().st_size > 10_000
    assert (tmp_path / "01_the_model.png").read_bytes().startswith(b"\x89PNG")
