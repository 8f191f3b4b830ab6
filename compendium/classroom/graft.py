"""A student's answers put into a fresh copy of the release: given cells and tests are as they were handed out.

Answers are looked for where students put them: in their cell, in its parts when it was split, in a cell of their own. What
was mended or is doubtful is said by task.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, field

import nbformat

from .assignment import TEST
from .marked import defined, find_again, grade_id, plain, same

LOOK = "look for the answer in the cell of the student's own beside it"
OWN_CELL = "the answer was found in a cell of the student's own"
JOINED = "the answer cell had been split, its parts were joined"
COPIES = "the answer cell stood there more than once: the last one that was edited counts"
A_GUESS = {OWN_CELL, JOINED, COPIES}  # where a test passes all is well, a failure is for a person to judge
LOST_MARKS = "the notebook had lost the marks of its cells; they were found again by their texts"


class NotThisAssignment(ValueError):
    """A notebook in which nothing of the assignment is."""


@dataclass
class Graft:
    """The notebook to run; by cell what was mended, by task why a person has to look."""

    notebook: nbformat.NotebookNode
    mended: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)


def graft(release: nbformat.NotebookNode, submitted: nbformat.NotebookNode) -> Graft:
    """The release with the student's answers and own cells in it, and what had to be mended or is doubtful."""
    given = {cell.metadata.nbgrader.grade_id: cell for cell in release.cells if "nbgrader" in cell.metadata}
    result = Graft(copy.deepcopy(release))
    cells = [copy.deepcopy(cell) for cell in submitted.cells]
    for cell in cells:
        cell.source = cell.source.replace("\r\n", "\n").replace("\r", "\n")
    if not any(grade_id(cell) in given for cell in cells):
        find_again(release, cells)
        asked = {name for cell in given.values() if cell.metadata.nbgrader.solution for name in defined(cell.source)}
        if not any(grade_id(cell) in given or asked & defined(cell.source) for cell in cells):
            raise NotThisAssignment("holds none of the assignment's cells")
        result.mended[""] = LOST_MARKS
    answers, helpers, changed, seen = _sorted_out(release, cells, given, result)
    _look_elsewhere(given, answers, helpers, changed, seen, result)
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
    """The submission's cells: answers by name; own cells, and given texts that were changed, by the marked cell above them."""
    texts = {cell.source.strip() for cell in release.cells if "nbgrader" not in cell.metadata}
    text_ids = {cell.get("id") for cell in release.cells if "nbgrader" not in cell.metadata} - {None}
    answers: dict[str, nbformat.NotebookNode] = {}
    helpers: dict[str | None, list[nbformat.NotebookNode]] = {}
    changed: dict[str | None, list[nbformat.NotebookNode]] = {}
    seen: set[str] = set()
    last, before = None, None
    for cell in cells:
        name = grade_id(cell)
        if name not in given:
            if plain(cell.source) and plain(cell.source) not in map(plain, texts):
                own = cell.cell_type == "code" or cell.get("id") not in text_ids
                new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
                made = new(cell.source, **({"attachments": cell.attachments} if "attachments" in cell else {}))
                made.metadata["isac"] = {"own": True}
                (helpers if own else changed).setdefault(last, []).append(made)
            before = None
            continue
        original = given[name]
        if original.metadata.nbgrader.solution:
            _take(name, cell, original, answers, before == name, result)
        elif not same(cell.source, original.source) and name not in result.mended:
            result.mended[name] = "had been changed, was restored"
        seen.add(name)
        last = before = name
    return answers, helpers, changed, seen


def _take(name, cell, original, answers, follows, result) -> None:
    """One more cell of an answer: a part of it when the cell was split, or a copy, of which the last edited one counts.

    One that does not define the function that is asked does not count for one that does.
    """
    first = answers.get(name)
    if first is None:
        answers[name] = cell
        return
    edited = not same(cell.source, original.source)
    if follows and edited and not same(first.source, original.source) and not _copies(first, cell):
        first.source = f"{first.source}\n{cell.source}"
        if "attachments" in first or "attachments" in cell:
            first.attachments = {**first.get("attachments", {}), **cell.get("attachments", {})}
        result.mended[name] = JOINED
        return
    result.mended[name] = COPIES
    if not edited:
        return
    if not same(first.source, original.source) and not same(first.source, cell.source):
        result.doubtful[name + TEST] = COPIES
    wanted = defined(original.source)
    if wanted <= defined(cell.source) or not wanted <= defined(first.source):
        answers[name] = cell


def _copies(first: nbformat.NotebookNode, second: nbformat.NotebookNode) -> bool:
    """Whether of two cells with one name each stands alone."""
    if first.cell_type == "code":
        names = defined(first.source)
        return same(first.source, second.source) or (bool(names) and names == defined(second.source))
    return plain(first.source) in plain(second.source) or plain(second.source) in plain(first.source)


def _look_elsewhere(given, answers, helpers, changed, seen, result) -> None:
    """Answers that stand somewhere else, while the given cell was left as it was or has gone."""
    above: str | None = None  # the marked cell above, of those that are there
    for name, original in given.items():
        meta = original.metadata.nbgrader
        answer = answers.get(name)
        untouched = answer is None or same(answer.source, original.source)
        if meta.solution and meta.grade and untouched:
            for place in (above, name):  # a text that the student has changed there may be the answer
                helpers.setdefault(place, []).extend(changed.pop(place, []))
            if helpers[above] or helpers[name]:
                result.doubtful[name] = LOOK
        elif meta.solution and not meta.grade and untouched:
            beside = helpers.get(name, []) + (helpers.get(above, []) if answer is None else [])
            if not _found(name, defined(original.source), answers, helpers, result) and _code(beside):
                result.doubtful[name] = LOOK
        elif meta.solution and not meta.grade and _go_on(answer, helpers.get(name, [])):
            result.mended[name] = result.doubtful[name + TEST] = JOINED
        above = name if name in seen else above


def _code(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code"]


def _found(name: str, wanted: set[str], answers, helpers, result) -> bool:
    """Take the last own cell that defines what is asked, or else the answer of another task that does."""
    own = [(cells, cell) for cells in helpers.values() for cell in _code(cells) if wanted <= defined(cell.source)]
    others = [cell for other, cell in answers.items() if other != name and wanted <= defined(cell.source)]
    if not wanted or not (own or others):
        return False
    if own:
        cells, cell = own[-1]
        cells.remove(cell)
        _go_on(cell, cells)
    answers[name] = copy.deepcopy(cell if own else others[-1])
    result.mended[name] = result.doubtful[name + TEST] = OWN_CELL
    return True


def _go_on(answer: nbformat.NotebookNode, below: list[nbformat.NotebookNode]) -> bool:
    """Join the own cells below to an answer that is Python only with them, or that they go on by their indentation."""
    parts, joined = [answer.source], 0
    for number, cell in enumerate(below, 1):
        indented = cell.source.lstrip("\n")[:1] in (" ", "\t")
        if cell.cell_type != "code" or (_parses("\n".join(parts)) and not indented):
            break
        parts.append(cell.source)
        if _parses("\n".join(parts)):
            answer.source, joined = "\n".join(parts), number
    del below[:joined]
    return joined > 0


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True
