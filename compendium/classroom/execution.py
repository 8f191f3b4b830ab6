"""A whole notebook of a student, cell by cell, so that each misfortune costs its own task and no other.

A cell that goes on for too long is interrupted. When the kernel dies, the cell is replaced by an error and the notebook is run
again without it. A death may come later than its cause (a thread that waits): at the second death all is run once more
with a pause after each cell, and the cell before the pause has to answer for it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from .kernel import NOT_RUN, STOPPED, Kernel, KernelGone, failure
from .sandbox import Limits

_PAUSE = 1.0  # seconds after each cell, once deaths have no clear cause
_MOST_DEATHS = 8
# Its assertion must fail, or else the silence of a test means nothing. It also names what stands in place of Python's own.
_CANARY = """
import builtins as _b
try:
    import numpy as _n
    _sound = not (_n.allclose([0.0], [1.0]) or _n.isclose(0.0, 1.0) or _n.all([True, False]) or _n.array_equal([0], [1]))
    _sound = _sound and not _n.any([False]) and _b.bool(_n.isnan(_b.float("nan"))) and _n.max([0.0, 1.0]) == 1.0
except ImportError:
    _sound = True
if _sound:
    assert 1 == 2, "{word} " + " ".join(_m for _m in _b.sorted(_b.globals()) if _m[0] != "_" and _b.hasattr(_b, _m))
"""
_OURS = {"get_ipython", "open", "exit", "quit"}  # IPython's own


@dataclass
class Executed:
    """An executed notebook: by cell, why a result proves nothing, and the names of Python that it has replaced."""

    notebook: nbformat.NotebookNode
    doubtful: dict[int, str] = field(default_factory=dict)
    shadowed: set[str] = field(default_factory=set)


def execute(
    notebook: nbformat.NotebookNode, folder: Path, limits: Limits, is_test: Callable[[nbformat.NotebookNode], bool]
) -> Executed:
    """Run the code cells of a notebook, whose outputs are written into it, within limits; it always comes back."""
    until = time.monotonic() + limits.total_seconds
    lost: dict[int, KernelGone] = {}
    deaths, pause = 0, 0.0
    for attempt in range(_MOST_DEATHS + len(notebook.cells)):
        result = Executed(notebook)
        at = -1
        try:
            with Kernel(folder / f"{attempt}", limits) as kernel:
                for at, cell in enumerate(notebook.cells):
                    if cell.cell_type == "code":
                        _run(kernel, cell, at, lost, result, until, is_test, pause)
                if deaths and not pause and not kernel.alive(_PAUSE):
                    raise KernelGone("the kernel died after this cell")
            return result
        except KernelGone as gone:
            deaths += gone.name != STOPPED
            if deaths == 2 and not pause:
                pause, lost = _PAUSE, {index: each for index, each in lost.items() if each.name == STOPPED}
                if gone.name == STOPPED:
                    lost[at] = gone
            elif at in lost or deaths > _MOST_DEATHS:
                break
            else:
                lost[at] = gone
    for index, cell in enumerate(notebook.cells):
        if index >= at and cell.cell_type == "code":
            cell.outputs = [failure(NOT_RUN, "the kernel died again and again: not run")]
            result.doubtful[index] = "the kernel died again and again"
    return result


def _run(kernel, cell, at, lost, result, until, is_test, pause) -> None:
    left = until - time.monotonic()
    if at in lost:
        cell.outputs = [failure(lost[at].name, str(lost[at]))]
        return
    if left < 1:
        reason = f"the notebook had used its {kernel.limits.total_seconds:.0f} s before this cell"
        cell.outputs = [failure(NOT_RUN, reason)]
        result.doubtful[at] = reason
        return
    if is_test(cell):
        word = secrets.token_hex(8)
        reply = kernel.ask(_CANARY.replace("{word}", word))
        said = reply.get("evalue", "").split()
        if reply.get("ename") != "AssertionError" or not said or said[0] != word:
            result.doubtful[at] = (
                "assertions or NumPy's comparisons were switched off in this notebook, so its tests prove nothing"
            )
        else:
            result.shadowed |= set(said[1:]) - _OURS
    kernel.run(cell, min(kernel.limits.cell_seconds, left))
    if pause and not kernel.alive(pause):
        raise KernelGone("the kernel died in this cell or in a thread that it started")
