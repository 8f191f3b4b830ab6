"""Assignments: the instructor's notebook and its variants.

An assignment is the notebook ``notebooks/<section>/assignment.py``. Its cells carry nbgrader's metadata in a short form
(the rest is filled in here):

* an answer cell ``{"grade_id": "x", "solution": true}`` with a region between BEGIN SOLUTION and END SOLUTION,
* its test cell ``{"grade_id": "x-test", "grade": true, "points": 2}``, hidden tests between BEGIN HIDDEN TESTS and END,
* a cell graded by hand ``{"grade_id": "y", "grade": true, "solution": true, "points": 3}``,
* a cell tagged ``key`` prints the numbers of an answer graded by hand, for the marker alone,
* a cell that is given and restored when changed ``{"grade_id": "z", "locked": true}``.

A link ``[title](book:notebooks/x/model)`` leads to a page of the published book.

One given cell is tagged ``parameters`` and holds literals, one per line. A comment ``variant: 4..7`` at the end of a line
is the range from which a variant draws that number: ``2.0..3.0 step 0.25``, for a list one range for every entry or
``0..30 | 60..90`` entry by entry, and ``one of 1, 2, 5`` for a choice.
"""

from __future__ import annotations

import ast
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import yaml

from ..runs.errors import ParameterError

TEST = "-test"
_VARIANT = re.compile(r"[;,]?\s*variant:\s*(?P<rule>.+)$")
_RANGE = re.compile(r"(?P<low>[-+.\deE]+?)\.\.(?P<high>[-+.\deE]+)(?:\s+step\s+(?P<step>[.\deE+-]+))?$")
_PAGE = re.compile(r"\[([^\]]+)\]\(book:([\w/]+)\)")
_CELL_DEFAULTS = {"grade": False, "solution": False, "task": False, "schema_version": 3}
_REGIONS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS")


@dataclass(frozen=True)
class Task:
    """One graded task: ``name`` is the id of its answer cell."""

    name: str
    points: float
    by_hand: bool

    @property
    def graded_cell(self) -> str:
        return self.name if self.by_hand else self.name + TEST


@dataclass(frozen=True, eq=False)
class Assignment:
    """An instructor's notebook with the numbers of one variant (None: the numbers as they stand in the notebook)."""

    root: Path
    section: str
    variant: int | None
    values: dict[str, Any]
    tasks: tuple[Task, ...]
    notebook: nbformat.NotebookNode = field(repr=False)
    keys: tuple[str, ...] = ()  # sources of the cells tagged ``key``, which are the teacher's alone

    @property
    def label(self) -> str:
        return self.section if self.variant is None else f"{self.section}-variant-{self.variant}"

    @property
    def automatic_points(self) -> float:
        return sum(task.points for task in self.tasks if not task.by_hand)


def assignment_names(root: Path) -> list[str]:
    """Sections that have an assignment."""
    return sorted(path.parent.name for path in (root / "notebooks").glob("*/assignment.py"))


def load_assignment(root: Path, section: str, variant: int | None = None) -> Assignment:
    """The instructor's notebook of a section, checked, with the numbers of a variant.

    Raises
    ------
    ParameterError
        For an unknown section and for anything malformed in the notebook.
    """
    import jupytext

    if section not in assignment_names(root):
        raise ParameterError("isac assignment", section, "has no assignment", f"assignments: {', '.join(assignment_names(root))}")
    notebook = jupytext.read(root / "notebooks" / section / "assignment.py")
    where = f"{section}/assignment.py"
    keys = tuple(cell.source for cell in notebook.cells if "key" in cell.metadata.get("tags", []))
    notebook.cells = [cell for cell in notebook.cells if "key" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        _complete(cell)
    tasks = _tasks(notebook, where)
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1 or not cells[0].metadata.get("nbgrader", {}).get("locked"):
        raise ParameterError(where, "parameters", "is not exactly one locked cell", "tag one given cell of literals 'parameters'")
    cells[0].source, values = vary(cells[0].source, variant, where)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    mark = {"assignment": section, "variant": variant}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "isac": mark})
    address = book_address(root)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, address)
        cell["id"] = f"{section.replace('_', '-')[:40]}-{number}"  # equal releases are equal bytes
    return Assignment(root, section, variant, values, tasks, notebook, keys)


def book_address(root: Path) -> str:
    """Where the book is published: ``ISAC_BOOK``, or ``html: baseurl`` of ``_config.yml``; empty when nobody says."""
    configuration = root / "_config.yml"
    said = yaml.safe_load(configuration.read_text(encoding="utf-8")) if configuration.exists() else {}
    return (os.environ.get("ISAC_BOOK") or (said.get("html") or {}).get("baseurl") or "").rstrip("/")


def linked(text: str, address: str) -> str:
    """A text whose links ``[title](book:page)`` lead to the published book, or are titles alone where there is none."""
    return _PAGE.sub(rf"[\1]({address}/\2.html)" if address else r"*\1*", text)


def _complete(cell: nbformat.NotebookNode) -> None:
    short = cell.metadata.get("nbgrader")
    if short is None:
        return
    given = {**_CELL_DEFAULTS, **short}
    given.setdefault("locked", not given["solution"])
    given["cell_type"] = cell.cell_type
    cell.metadata["nbgrader"] = nbformat.from_dict(given)


def _tasks(notebook: nbformat.NotebookNode, where: str) -> tuple[Task, ...]:
    marked = {}
    for number, cell in enumerate(notebook.cells, 1):
        meta = cell.metadata.get("nbgrader")
        if meta is None:
            if any(region in cell.source for region in _REGIONS):
                raise ParameterError(where, f"cell {number}", "has a hidden region but no nbgrader metadata", "add it")
            continue
        name = meta.get("grade_id")
        if not name or name in marked:
            raise ParameterError(where, f"cell {number}", f"has the grade_id {name!r}", "give each marked cell an id of its own")
        if meta["solution"] and cell.source.count("BEGIN SOLUTION") == 0:
            raise ParameterError(where, name, "has no solution region", "put the answer between BEGIN and END SOLUTION")
        if meta["grade"] and not meta.get("points", 0) > 0:
            raise ParameterError(where, name, "is graded but has no points", "add points")
        marked[name] = meta
    tasks = []
    for name, meta in marked.items():
        if meta["grade"] and meta["solution"]:
            tasks.append(Task(name, float(meta["points"]), by_hand=True))
        elif meta["grade"]:
            answer = name.removesuffix(TEST)
            if not name.endswith(TEST) or not marked.get(answer, {}).get("solution"):
                raise ParameterError(where, name, "tests no answer cell", f"name it like its answer cell with {TEST} at the end")
            tasks.append(Task(answer, float(meta["points"]), by_hand=False))
    untested = [name for name, meta in marked.items() if meta["solution"] and name not in {task.name for task in tasks}]
    if untested:
        raise ParameterError(where, untested[0], "is an answer that nothing grades", f"add a test cell {untested[0]}{TEST}")
    return tuple(tasks)


# ---------------------------------------------------------------- variants


def vary(source: str, variant: int | None, where: str = "parameters") -> tuple[str, dict[str, Any]]:
    """The parameters cell with the numbers of a variant, without its rules, and the values it holds.

    Each number has a stream of its own (the seed and its name): adding one parameter leaves the others as they were.
    """
    lines, values = [], {}
    for line in source.splitlines():
        code, mark, comment = line.partition("#")
        if not code.strip():
            lines.append(line)
            continue
        name, value = _literal(code, where)
        found = _VARIANT.search(comment)
        if found:
            rng = np.random.default_rng([variant or 0, zlib.crc32(name.encode())])
            drawn = _draw(found["rule"].strip(), value, rng, where, name)
            value = value if variant is None else drawn
            comment = comment[: found.start()].rstrip()
        values[name] = value
        lines.append(f"{name} = {value!r}" + (f"  #{comment}" if mark and comment.strip() else ""))
    return "\n".join(lines), values


def _literal(code: str, where: str) -> tuple[str, Any]:
    try:
        statement: Any
        (statement,) = ast.parse(code.strip()).body
        (target,) = statement.targets
        return target.id, ast.literal_eval(statement.value)
    except (SyntaxError, ValueError, AttributeError):
        raise ParameterError(where, code.strip(), "is not 'name = literal' on one line", "keep literals only") from None


def _draw(rule: str, value: Any, rng: np.random.Generator, where: str, name: str) -> Any:
    if isinstance(value, list):
        rules = [part.strip() for part in rule.split("|")]
        rules = rules * len(value) if len(rules) == 1 else rules
        if len(rules) != len(value):
            raise ParameterError(where, name, f"has {len(value)} entries but {len(rules)} ranges", "give one range, or one each")
        return [_draw(part, entry, rng, where, name) for part, entry in zip(rules, value)]
    if rule.startswith("one of "):
        choices = [ast.literal_eval(part.strip()) for part in rule.removeprefix("one of ").split(",")]
        if value not in choices:
            raise ParameterError(where, name, f"{value!r} is not among its choices", "add it")
        return choices[rng.integers(len(choices))]
    found = _RANGE.match(rule)
    if found is None:
        raise ParameterError(where, name, f"has the rule {rule!r}", "write variant: low..high, with or without step, or one of")
    low, high = float(found["low"]), float(found["high"])
    if not low <= value <= high:
        raise ParameterError(where, name, f"{value!r} lies outside its range {low:g}..{high:g}", "widen the range")
    if isinstance(value, int):
        return int(rng.integers(int(low), int(high) + 1))
    if found["step"]:
        step = float(found["step"])
        return float(f"{low + step * rng.integers(int((high - low) / step + 1.5)):.12g}")
    return float(np.clip(float(f"{rng.uniform(low, high):.3g}"), low, high))
