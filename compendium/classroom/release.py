"""The archive that a student receives: notebook without solutions, the library, pinned packages, the steps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from .assignment import Assignment, book_address
from .course import student_version
from .lock import students_lock

_DATE = (2020, 1, 1, 0, 0, 0)  # of every file in an archive, so that equal releases are equal bytes


def release(assignment: Assignment, folder: Path) -> Path:
    """Write the archive of an assignment: notebook without solutions, pinned packages, the library, the steps.

    Returns
    -------
    Path
        ``folder/<section>[-variant-<seed>].zip``.
    """
    with TemporaryDirectory(prefix="isac-release-") as temporary:
        notebook = nbformat.writes(student_version(assignment))
        wheel = build_wheel(assignment.root, Path(temporary) / "wheel")
        files = {
            f"{assignment.section}.ipynb": notebook.encode(),
            "README.md": _readme(assignment, wheel.name).encode(),
            "requirements.lock": students_lock(assignment.root, assignment.notebook).encode(),
            wheel.name: wheel.read_bytes(),
        }
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{assignment.label}.zip"
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{assignment.label}/{name}", _DATE)
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content, zipfile.ZIP_DEFLATED)
    os.replace(partial, archive)
    return archive


def build_wheel(root: Path, folder: Path) -> Path:
    """A wheel of ``isaclib`` from the sources at ``root``; needs no network and leaves nothing in the checkout."""
    folder.mkdir(parents=True)
    copy = folder / "source"
    shutil.copytree(root / "isaclib", copy / "isaclib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, copy)
    command = [sys.executable, "-c", f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1577836800"}
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, env=environment, check=False)
    if result.returncode:
        raise RuntimeError(f"the wheel of isaclib was not built:\n{result.stderr[-1500:]}")
    return next(folder.glob("*.whl"))


def _readme(assignment: Assignment, wheel: str) -> str:
    points = "\n".join(
        f"| `{task.name}` | {task.points:g} | {'by hand' if task.by_hand else 'by tests'} |" for task in assignment.tasks
    )
    variant = "" if assignment.variant is None else f", variant {assignment.variant}"
    title = assignment.section.replace("_", " ")
    by_tests = assignment.automatic_points
    total = sum(task.points for task in assignment.tasks)
    address = book_address(assignment.root)
    where = f"at {address}/" if address else "whose address\nyou have from your teacher"
    packages = sum("==" in line for line in students_lock(assignment.root, assignment.notebook).splitlines())
    return f"""# Assignment: {title}{variant}

You need Python 3.11 or newer, half a GB of disk and a connection for the installation. No git and no account is needed. What to
read before stands in the first cell of the notebook; these are pages of the book *Resource allocation for ISAC*, {where}.

## Set up (once)

Linux and macOS, in this folder:

```
python3 -m venv .venv
.venv/bin/python -m pip install --require-hashes -r requirements.lock
.venv/bin/python -m pip install --no-deps {wheel}
```

Windows: write `py -3 -m venv .venv` and then `.venv\\Scripts\\python` in place of `.venv/bin/python`. On Debian and Ubuntu the
first command may ask you to install the package `python3-venv`. The second one installs at most {packages} packages,
in one or two minutes: what this notebook imports, and JupyterLab. (The chapters of the library that call a solver need more.)

## Work

```
.venv/bin/python -m jupyter lab {assignment.section}.ipynb
```

1. Write your answers where the notebook says `YOUR CODE HERE` (delete the line `raise NotImplementedError()`) or
   `YOUR ANSWER HERE`. Cells of your own are welcome, for helpers, computations and notes; keep them above the cell that uses
   them. The answers themselves (functions, the figure, the text) belong into the given cells, the ones that say so: what stands
   in a cell of your own is not found by the tests.
2. Run the test cell below each answer. A test cell that stays silent has passed; some checks run only when your work is
   graded, so a silent cell is a good sign but no promise.
3. Do not change, copy or delete the given cells: they are put back before grading.
4. Before you hand in: *Kernel, Restart Kernel and Run All Cells*. A cell may take a few seconds, not minutes.
5. Hand in the notebook `{assignment.section}.ipynb` alone.

## Points

| task | points | graded |
| --- | --- | --- |
{points}

Together {total:g} points: {by_tests:g} by tests, {total - by_tests:g} by hand.

"Show" and "prove" in a task are for you: only code, the figure and the written answer are graded, but the reasons help
with all three.
"""
