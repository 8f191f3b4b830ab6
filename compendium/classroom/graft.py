"""A student's answers put into a fresh copy of the release: given cells and tests are as they were handed out.

Answers are looked for where students put them: in their cell, in its parts when it was split, in a cell of their own. What
was mended or is doubtful is said by task.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

import nbformat

from .assignment import TEST

LOOK = "look for the answer in the cell of the student's own beside it"
OWN_CELL = "the answer was found in a cell of the student's own"
LOST_MARKS = "the notebook had lost the marks of its cells; they were found again by their texts"


@dataclass
class Graft:
    """The notebook to run; by cell what was mended, by task why a person has to look."""

    notebook: nbformat.NotebookNode
    mended: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)


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


def graft(release: nbformat.NotebookNode, submitted: nbformat.NotebookNode) -> Graft:
    """The release with the student's answers and own cells in it, and what had to be mended or is doubtful."""
    given = {cell.metadata.nbgrader.grade_id: cell for cell in release.cells if "nbgrader" in cell.metadata}
    result = Graft(copy.deepcopy(release))
    cells = [copy.deepcopy(cell) for cell in submitted.cells]
    for cell in cells:
        cell.source = cell.source.replace("\r\n", "\n").replace("\r", "\n")
    if not any(grade_id(cell) in given for cell in cells):
        _find_again(release, cells)
        result.mended[""] = LOST_MARKS
    answers, helpers, seen = _sorted_out(release, cells, given, result)
    _look_elsewhere(given, answers, helpers, result)
    put = [cell for cell in helpers.get(None, [])]
    for cell in result.notebook.cells:
        name = grade_id(cell)
        if name is not None and name not in seen:
            result.mended[name] = "had been deleted, was restored"
        if name in answers:
            cell.source = answers[name].source
            if "attachments" in answers[name] and cell.cell_type == "markdown":
                cell.attachments = answers[name].attachments
        put.append(cell)
        put += helpers.get(name, []) if name is not None else []
    for number, cell in enumerate(put):
        cell["id"] = f"cell-{number}"
    result.notebook.cells = put
    return result


def _sorted_out(release, cells, given, result):
    """The submission's cells: answers by name, own cells by the marked cell above them, names of the cells that are there."""
    texts = {cell.source.strip() for cell in release.cells if "nbgrader" not in cell.metadata}
    text_ids = {cell.get("id") for cell in release.cells if "nbgrader" not in cell.metadata} - {None}
    answers: dict[str, nbformat.NotebookNode] = {}
    helpers: dict[str | None, list[nbformat.NotebookNode]] = {}
    seen: set[str] = set()
    last, before = None, None
    for cell in cells:
        name = grade_id(cell)
        if name not in given:
            own = plain(cell.source) and plain(cell.source) not in map(plain, texts)
            if own and (cell.cell_type == "code" or cell.get("id") not in text_ids):  # else a given text that was changed
                new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
                made = new(cell.source, **({"attachments": cell.attachments} if "attachments" in cell else {}))
                made.metadata["isac"] = {"own": True}
                helpers.setdefault(last, []).append(made)
            before = None
            continue
        original = given[name]
        if original.metadata.nbgrader.solution:
            _take(name, cell, original, answers, before == name, result)
        elif not same(cell.source, original.source) and name not in result.mended:
            result.mended[name] = "had been changed, was restored"
        seen.add(name)
        last = before = name
    return answers, helpers, seen


def _take(name, cell, original, answers, follows, result) -> None:
    """One more cell of an answer: a part of it when the cell was split, a copy otherwise, of which the last edited one counts."""
    first = answers.get(name)
    if first is None:
        answers[name] = cell
        return
    edited = not same(cell.source, original.source)
    if follows and edited and not same(first.source, original.source) and not _copies(first, cell):
        first.source = f"{first.source}\n{cell.source}"
        result.mended[name] = "the answer cell had been split, its parts were joined"
        return
    result.mended[name] = "the answer cell stood there more than once: the last one that was edited counts"
    if edited:
        answers[name] = cell


def _copies(first: nbformat.NotebookNode, second: nbformat.NotebookNode) -> bool:
    """Whether of two cells with one name each stands alone."""
    if first.cell_type == "code":
        names = defined(first.source)
        return same(first.source, second.source) or (bool(names) and names == defined(second.source))
    return plain(first.source) in plain(second.source) or plain(second.source) in plain(first.source)


def defined(source: str) -> set[str]:
    """Functions that a source defines at its top level; none when it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _look_elsewhere(given, answers, helpers, result) -> None:
    """Answers that stand in a cell of the student's own, while the given one was left as it was."""
    for name, original in given.items():
        meta = original.metadata.nbgrader
        if not meta.solution:
            continue
        answer = answers.get(name)
        untouched = answer is None or same(answer.source, original.source)
        below = helpers.get(name, [])
        if meta.grade:
            if untouched and below:
                result.doubtful[name] = LOOK
            continue
        if answer is not None and not untouched and below and _parses(f"{answer.source}\n{below[0].source}", answer.source):
            answer.source = f"{answer.source}\n{below.pop(0).source}"
            result.mended[name] = "the answer cell had been split, its parts were joined"
        wanted = defined(original.source)
        if not untouched or not wanted:
            continue
        found = [
            (cells, cell)
            for cells in helpers.values()
            for cell in cells
            if cell.cell_type == "code" and wanted <= defined(cell.source)
        ]
        if found:
            cells, cell = found[-1]
            cells.remove(cell)
            answers[name] = cell
            result.mended[name] = OWN_CELL
            result.doubtful[name + TEST] = OWN_CELL  # a failure is for a person to judge


def _parses(joined: str, alone: str) -> bool:
    """Whether a source is Python only together with what follows it."""

    def good(source: str) -> bool:
        try:
            ast.parse(source)
        except (SyntaxError, ValueError):
            return False
        return True

    return not good(alone) and good(joined)


def _find_again(release: nbformat.NotebookNode, cells: list[nbformat.NotebookNode]) -> None:
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
