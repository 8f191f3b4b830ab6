"""A whole notebook of a student, cell by cell, so that each misfortune costs its own task and no other.

A cell that goes on for too long is interrupted. When the kernel dies, the cell is replaced by an error and the notebook is run
again without it. A death may come later than its cause (a thread that waits): at the second death all is run once more
with a pause after each cell, and the cell before the pause has to answer for it.
"""

from __future__ import annotations

import ast
import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from .figures import Axes
from .kernel import NOT_RUN, STOPPED, Kernel, KernelGone
from .outputs import failure
from .sandbox import Limits

_PAUSE = 1.0  # seconds after each cell, once deaths have no clear cause
_MOST_DEATHS = 8
# Its assertion must fail, or else the silence of a test means nothing. It names functions that a notebook has replaced (of NumPy,
# of the library, of Python itself), then what stands in place of Python's own in this notebook, and how many threads there are.
_CANARY = """
import builtins as _b, sys as _s, threading as _t
_w = _b.getattr(_s.modules.get("numpy"), "__dict__", {}), _b.getattr(_s.modules.get("numpy.linalg"), "__dict__", {})
_i = [_b.vars(_m) for _n, _m in _b.sorted(_s.modules.items()) if _n.startswith("isaclib")]
_r = [_n for _d in _w for _n, _f in _d.items()
      if _b.callable(_f) and not _b.str(_b.getattr(_f, "__module__", "numpy")).startswith(("numpy", "builtins"))]
_r += [_n for _d in (_b.vars(_b), *_i) for _n, _f in _d.items()
       if _b.getattr(_f, "__module__", "") == "__main__" and _n[0] != "_"]
assert 1 == 2, "{word} " + (_b.str(_t.active_count()) + " " + ",".join(_r) + " "
                            + " ".join(_m for _m in _b.sorted(_b.globals()) if _m[0] != "_" and _b.hasattr(_b, _m)))
"""
THREADS = "threads that an earlier cell had started were still running"
EARLIER = "the kernel died before this test began"
SWITCHED_OFF = "assertions were switched off in this notebook, so its tests prove nothing"
_OURS = {"get_ipython", "open", "exit", "quit"}  # IPython's own


@dataclass
class Executed:
    """An executed notebook: by cell why a result proves nothing, and what was drawn; the names of Python that it replaces."""

    notebook: nbformat.NotebookNode
    doubtful: dict[int, str] = field(default_factory=dict)
    shadowed: set[str] = field(default_factory=set)
    drawn: dict[int, list[Axes]] = field(default_factory=dict)


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
        if lost[at].doubt:
            result.doubtful[at] = lost[at].doubt
        return
    if left < 1:
        reason = f"the notebook had used its {kernel.limits.total_seconds:.0f} s before this cell"
        cell.outputs = [failure(NOT_RUN, reason)]
        result.doubtful[at] = reason
        return
    test = is_test(cell)
    busy = EARLIER if test else ""
    try:
        threads = _try_assertions(kernel, at, result) if test else 0
        busy = THREADS if threads > kernel.threads else ""
        good = kernel.run(cell, min(kernel.limits.cell_seconds, left))
        if test and good:
            _try_again(kernel, cell.source, at, result)
    except KernelGone as gone:
        gone.doubt = busy
        raise
    if cell.metadata.get("nbgrader", {}).get("grade") and not test:
        result.drawn[at] = kernel.drawn()
    if busy and any(output.get("ename") in (STOPPED, "MemoryError") for output in cell.outputs):
        result.doubtful[at] = busy
    if pause and not kernel.alive(pause):
        raise KernelGone("the kernel died in this cell or in a thread that it started")


def _try_assertions(kernel: Kernel, at: int, result: Executed) -> int:
    """Before a test: see that assertions can fail and that functions are who they are; the number of threads that run."""
    word = secrets.token_hex(8)
    reply = kernel.ask(_CANARY.replace("{word}", word))
    said = str(reply.get("evalue", "")).split(" ")
    if reply.get("ename") != "AssertionError" or said[0] != word or len(said) < 3:
        result.doubtful[at] = SWITCHED_OFF
        return 0
    if said[2]:
        result.doubtful[at] = f"the notebook has replaced {said[2].replace(',', ', ')}, so its tests prove nothing"
    result.shadowed |= set(filter(None, said[3:])) - _OURS
    return int(said[1])


def _try_again(kernel: Kernel, source: str, at: int, result: Executed) -> None:
    """After a test that passed: the assertions at its end together, turned round, must fail."""
    asserted = _last_assertions(ast.parse(source).body)
    if asserted:
        word = secrets.token_hex(8)
        whole = " and ".join(f"({ast.unparse(each)})" for each in asserted)
        if kernel.ask(f'assert not ({whole}), "{word}"').get("status") == "ok":
            result.doubtful[at] = SWITCHED_OFF


def _last_assertions(body: list[ast.stmt]) -> list[ast.expr]:
    """What a test asserts at its end, or at the end of the loop that ends it: nothing has changed since."""
    last = list(itertools.takewhile(lambda node: isinstance(node, ast.Assert), reversed(body)))
    if not last and body and isinstance(body[-1], (ast.For, ast.With)) and body[-1].body:
        return _last_assertions(body[-1].body)
    return [node.test for node in last if isinstance(node, ast.Assert)]
