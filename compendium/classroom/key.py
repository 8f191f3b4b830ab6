"""The marking key of a variant: what a marker needs for the answers that no test grades, from the instructor's notebook.

Cells tagged ``key`` stand in the instructor's notebook alone. Each prints one line of JSON for one task: the numbers of the
answer by their description, and how near an answer has to come.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat

from .assignment import TEST, Assignment
from .execution import Executed, execute
from .figures import Axes
from .marked import grade_id
from .sandbox import Limits

TOLERANCE = 0.02  # relative, of a number in a written answer
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:[.,]\d+)?(?:\s*(?:[eE]|(?:\\cdot|\\times|·|×|x)\s*10\s*\^?\s*\{?)\s*[-−+]?\d+\}?)?")


@lru_cache(maxsize=64)
def _solved(assignment: Assignment) -> Executed:
    """The instructor's notebook with its answers and key cells, executed; made once, not to be changed."""
    notebook = nbformat.from_dict(assignment.notebook)
    whole = [cell for cell in notebook.cells if not (grade_id(cell) or "").endswith(TEST)]  # tests bind nothing that is needed
    notebook.cells = whole + [nbformat.v4.new_code_cell(source, metadata={"tags": ["key"]}) for source in assignment.keys]
    with TemporaryDirectory(prefix="isac-key-") as temporary:
        return execute(notebook, Path(temporary), Limits(), lambda cell: False)


def solved(assignment: Assignment) -> nbformat.NotebookNode:
    """The instructor's notebook with its answers and key cells, executed; not to be changed."""
    return _solved(assignment).notebook


def figures(assignment: Assignment) -> dict[str, list[Axes]]:
    """By task, what the instructor's figure shows."""
    whole = _solved(assignment)
    return {str(grade_id(whole.notebook.cells[at])): drawn for at, drawn in whole.drawn.items()}


def numbers(assignment: Assignment) -> dict[str, dict[str, list[float]]]:
    """By task, the numbers that its answer must hold, by their description; of several forms of one any will do.

    Raises
    ------
    RuntimeError
        When a key cell fails, or prints something else.
    """
    found: dict[str, dict[str, list[float]]] = {}
    if not assignment.keys:
        return found
    for cell in solved(assignment).cells:
        if "key" not in cell.metadata.get("tags", []):
            continue
        text = "".join(output.get("text", "") for output in cell.outputs)
        try:
            for task, values in json.loads(text).items():
                found.setdefault(task, {}).update({name: _list(value) for name, value in values.items()})
        except (ValueError, AttributeError, TypeError):
            error = next((output.evalue for output in cell.outputs if output.output_type == "error"), text[:200])
            raise RuntimeError(f"a key cell of {assignment.section} printed no numbers: {error}") from None
    return found


def _list(value: Any) -> list[float]:
    return [float(each) for each in (value if isinstance(value, list) else [value])]


def numbers_in(text: str) -> list[float]:
    """Numbers of a written answer: decimal commas, minus signs and powers of ten as people write them; finite ones."""
    result = []
    for found in _NUMBER.finditer(text):
        plain = found[0].replace("−", "-").replace(",", ".").replace("}", "")
        mantissa, *power = re.split(r"\s*(?:[eE]|(?:\\cdot|\\times|·|×|x)\s*10\s*\^?\s*\{?)\s*", plain, maxsplit=1)
        result.append(float(f"{mantissa}e{power[0] if power and power[0] else 0}"))
    return [each for each in result if math.isfinite(each)]


def compared(text: str, wanted: Mapping[str, Sequence[float]], tolerance: float = TOLERANCE) -> str:
    """Which numbers of the key stand in an answer, whatever power of ten their unit makes of them."""
    there = numbers_in(text)
    missing = [
        name for name, any_of in wanted.items() if not any(_near(value, each, tolerance) for value in any_of for each in there)
    ]
    line = f"{len(wanted) - len(missing)} of {len(wanted)} numbers of the key found"
    return line + (f"; not found: {', '.join(missing)}" if missing else "")


def _near(value: float, given: float, tolerance: float) -> bool:
    if value == 0 or given == 0:
        return abs(value - given) <= tolerance
    return any(abs(given * 10.0**power - value) <= tolerance * abs(value) for power in (-6, -3, -2, 0, 2, 3, 6))


def page(assignment: Assignment) -> nbformat.NotebookNode:
    """A notebook of the tasks that a person grades: their text with the rubric, the numbers, the solution and its figure."""
    whole, values = solved(assignment), numbers(assignment)
    cells = [nbformat.v4.new_markdown_cell(f"# Marking key: {assignment.label}\n\n{_parameters(assignment)}")]
    for task in (each for each in assignment.tasks if each.by_hand):
        at = next(index for index, cell in enumerate(whole.cells) if grade_id(cell) == task.name)
        text = next((cell for cell in reversed(whole.cells[:at]) if cell.cell_type == "markdown" and not grade_id(cell)), None)
        cells += [nbformat.v4.new_markdown_cell(text.source)] if text else []
        if task.name in values:
            shown = {name: " or ".join(f"{each:.5g}" for each in any_of) for name, any_of in values[task.name].items()}
            table = "\n".join(f"| {name} | {value} |" for name, value in shown.items())
            text = f"**Numbers** (within {TOLERANCE:.0%})\n\n| | value |\n| --- | --- |\n{table}"
            cells.append(nbformat.v4.new_markdown_cell(text))
        answer = nbformat.from_dict(whole.cells[at])
        answer.source = re.sub(r"^.*(BEGIN|END) SOLUTION.*\n?", "", answer.source, flags=re.MULTILINE).strip()
        answer.source = re.sub(r"SENTINEL-[A-Z-]+-\d+[.:]?\s*", "", answer.source)
        answer.metadata = nbformat.from_dict({})
        cells.append(answer)
    return nbformat.v4.new_notebook(cells=cells)


def _parameters(assignment: Assignment) -> str:
    return "\n".join(f"* `{name} = {value!r}`" for name, value in assignment.values.items())
