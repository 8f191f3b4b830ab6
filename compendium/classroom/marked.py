"""Marked cells of a notebook: by what two are the same, and how marks that were lost are found again."""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Iterator

import nbformat


def same(first: str, second: str) -> bool:
    """Whether two texts differ in line ends and blanks at ends of lines at most."""
    return plain(first) == plain(second)


def plain(text: str) -> str:
    """A text without what editors change by themselves."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()


def grade_id(cell: nbformat.NotebookNode) -> str | None:
    """The id of a marked cell."""
    meta = cell.metadata.get("nbgrader")
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return name if isinstance(name, str) else None


def defined(source: str) -> set[str]:
    """Functions that a source defines at its top level; none when it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def find_again(release: nbformat.NotebookNode, cells: list[nbformat.NotebookNode]) -> None:
    """Give marked cells their marks back: by id, by equal text, by the function that they define, by their place."""
    free = {id(cell): cell for cell in cells}

    def mark(original, cell) -> bool:
        if cell is not None:
            cell.metadata["nbgrader"] = copy.deepcopy(original.metadata.nbgrader)
            free.pop(id(cell))
        return cell is not None

    marked = [cell for cell in release.cells if "nbgrader" in cell.metadata]
    for find in (_by_id, _by_text, _by_function):
        found = {grade_id(cell) for cell in cells}
        for original in marked:
            if grade_id(original) not in found:
                mark(original, next(find(original, free.values()), None))
    for original in marked:
        if grade_id(original) not in {grade_id(cell) for cell in cells}:
            mark(original, _by_place(release, original, cells))


def _by_id(original, cells) -> Iterator[nbformat.NotebookNode]:
    return (cell for cell in cells if cell.get("id") == original.get("id") is not None)


def _by_text(original, cells) -> Iterator[nbformat.NotebookNode]:
    return (cell for cell in cells if same(cell.source, original.source))


def _by_function(original, cells) -> Iterator[nbformat.NotebookNode]:
    names = defined(original.source) if original.metadata.nbgrader.solution else set()
    return (cell for cell in cells if names and names <= defined(textwrap.dedent(cell.source)))


def _by_place(release, original, cells) -> nbformat.NotebookNode | None:
    """The only unknown cell between the given text above an answer and what is given below it."""
    if not original.metadata.nbgrader.solution:
        return None
    at = next(index for index, cell in enumerate(release.cells) if cell is original)
    places = [
        [index for index, cell in enumerate(cells) if same(cell.source, near.source)]
        for near in release.cells[at - 1 : at + 2 : 2]
    ]
    if not places or not places[0]:
        return None
    start = places[0][0] + 1
    stop = places[1][0] if len(places) > 1 and places[1] else len(cells) if at + 1 == len(release.cells) else start + 1
    between = [cell for cell in cells[start:stop] if grade_id(cell) is None and plain(cell.source)]
    return between[0] if len(between) == 1 else None
