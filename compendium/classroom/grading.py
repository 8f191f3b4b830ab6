"""Grading a folder of submissions: every student gets a clear result, and no submission stops the others.

A submission is not run as it came. The release is taken again, and the student's answers (and helper cells) are put into
it: whatever happened to the given cells and tests, they are as they were handed out.
"""

from __future__ import annotations

import copy
import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from ..runs.errors import ParameterError
from .assignment import Assignment, Task
from .collection import Submission
from .course import DIED, SECONDS_PER_CELL, STOPPED, Course, GradingFailed, score

COLUMNS = ("student", "task", "score", "max", "note")
BY_HAND = "to be graded by hand"
NOT_ANSWERED = "not answered"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CELL_FILE = re.compile(r"\(\d+\.py, (line \d+)\)")  # the kernel's name for a cell, which tells a student nothing


@dataclass(frozen=True)
class Row:
    """One line of the grades; ``score`` is None until a person has graded the answer."""

    student: str
    task: str
    score: float | None
    maximum: float
    note: str = ""


@dataclass(frozen=True)
class Graded:
    """What became of one submission; ``executed`` is the notebook with the outputs of the grading run."""

    student: str
    rows: tuple[Row, ...]
    executed: nbformat.NotebookNode | None
    problem: str = ""
    variant: int | None = None

    @property
    def score(self) -> float:
        return sum(row.score for row in self.rows if row.score is not None)

    @property
    def open(self) -> int:
        """Answers that wait for a person."""
        return sum(row.score is None for row in self.rows)


# ---------------------------------------------------------------- submissions


# ---------------------------------------------------------------- putting answers into the release


def graft(release: nbformat.NotebookNode, submitted: nbformat.NotebookNode) -> tuple[nbformat.NotebookNode, dict[str, str]]:
    """The release with the student's answers and own cells in it, and what had to be mended, by cell."""
    given = {cell.metadata.nbgrader.grade_id: cell for cell in release.cells if "nbgrader" in cell.metadata}
    plain = {cell.source.strip() for cell in release.cells if "nbgrader" not in cell.metadata}
    texts = {cell.get("id") for cell in release.cells if "nbgrader" not in cell.metadata} - {None}
    answers: dict[str, nbformat.NotebookNode] = {}
    helpers: dict[str | None, list[nbformat.NotebookNode]] = {}
    mended: dict[str, str] = {}
    seen, last = set(), None
    for cell in submitted.cells:
        name = _grade_id(cell)
        if name not in given:
            own = cell.source.strip() and cell.source.strip() not in plain
            if own and cell.cell_type == "code":
                helpers.setdefault(last, []).append(nbformat.v4.new_code_cell(cell.source))
            elif own and cell.cell_type == "markdown" and cell.get("id") not in texts:  # not a given text that was changed
                helpers.setdefault(last, []).append(nbformat.v4.new_markdown_cell(cell.source))
            continue
        original = given[name]
        if original.metadata.nbgrader.solution:
            if name in answers:
                mended[name] = "the answer cell stood there more than once: the last one that was edited counts"
            if name not in answers or cell.source != original.source:
                answers[name] = cell
        elif cell.source.strip() != original.source.strip() and name not in mended:
            mended[name] = "had been changed, was restored"
        seen.add(name)
        last = name
    cells = [*helpers.get(None, [])]
    for original in release.cells:
        cell = copy.deepcopy(original)
        name = _grade_id(cell)
        if name is not None and name not in seen:
            mended[name] = "had been deleted, was restored"
        if name in answers:
            cell.source = answers[name].source
        cells.append(cell)
        cells += helpers.get(name, []) if name is not None else []
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    whole = copy.deepcopy(release)
    whole.cells = cells
    return whole, mended


def _grade_id(cell: nbformat.NotebookNode) -> str | None:
    meta = cell.metadata.get("nbgrader")
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return name if isinstance(name, str) else None


# ---------------------------------------------------------------- grading


def grade(
    assignment_of: Callable[[int | None], Assignment],
    submissions: Sequence[Submission],
    *,
    variant: int | None = None,
    seconds_per_cell: int = SECONDS_PER_CELL,
    progress: Callable[[Graded], None] = lambda graded: None,
) -> list[Graded]:
    """Grade submissions in a temporary course outside the checkout.

    Parameters
    ----------
    assignment_of : callable
        The assignment for a variant.
    submissions : sequence of Submission
    variant : int, optional
        Grade everybody against this variant; else each against the one that the roster or the notebook names.
    seconds_per_cell : int
        A cell that takes longer is stopped and counts as an error.
    progress : callable
        Called with each result.
    """
    results = []
    with TemporaryDirectory(prefix="isac-grading-") as temporary:
        courses: dict[int | None, tuple[Course, nbformat.NotebookNode]] = {}
        for number, submission in enumerate(submissions):
            wanted = submission.variant if variant is None else variant
            if wanted not in courses:
                course = Course(Path(temporary) / f"course-{len(courses)}", assignment_of(wanted), seconds_per_cell)
                courses[wanted] = (course, course.generate())
            results.append(_grade_one(*courses[wanted], submission, f"s{number:04d}"))
            progress(results[-1])
    return results


def _grade_one(course: Course, release: nbformat.NotebookNode, submission: Submission, alias: str) -> Graded:
    tasks, variant = course.assignment.tasks, course.assignment.variant
    problem, executed = submission.problem, None
    if not problem:
        notebook, mended = graft(release, submission.notebook)
        try:
            executed = course.autograde(alias, notebook)
        except GradingFailed as error:
            problem = f"could not be graded: {error}"
    if problem:
        rows = tuple(Row(submission.student, task.name, 0.0, task.points, problem) for task in tasks)
        return Graded(submission.student, rows, None, problem, variant)
    remarks = dict(mended)
    named = submission.notebook.metadata.get("isac", {})
    if isinstance(named, dict) and named.get("variant") != variant:
        remarks[""] = f"notebook was made for variant {named.get('variant')}, graded as variant {variant}"
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in executed.cells if "nbgrader" in cell.metadata}
    rows = tuple(_row(submission.student, task, cells, remarks) for task in tasks)
    return Graded(submission.student, rows, executed, "", variant)


def _row(student: str, task: Task, cells: Mapping[str, nbformat.NotebookNode], remarks: Mapping[str, str]) -> Row:
    points = score(cells[task.graded_cell])
    if task.by_hand:
        notes = [BY_HAND if points is None else NOT_ANSWERED]
    else:
        failure = _failure(cells[task.graded_cell])
        answer = _failure(cells[task.name])
        if not failure:
            notes = []
        elif failure.startswith("NotImplementedError") or (not answer and "YOUR CODE HERE" in cells[task.name].source):
            notes = [NOT_ANSWERED]
        else:
            notes = [f"answer cell: {answer}"] if answer else [failure]
    if task.name in remarks:
        notes.append(remarks[task.name] if "answer cell" in remarks[task.name] else f"answer cell {remarks[task.name]}")
    if not task.by_hand and task.graded_cell in remarks:
        notes.append(f"test cell {remarks[task.graded_cell]}")
    if points != task.points:
        given = [name for name in remarks if name not in cells or not _is_task_cell(cells[name])]
        notes += [remarks[name] if name == "" else f"given cell {name} {remarks[name]}" for name in given]
    return Row(student, task.name, points, task.points, "; ".join(notes))


def _is_task_cell(cell: nbformat.NotebookNode) -> bool:
    return cell.metadata.nbgrader.grade or cell.metadata.nbgrader.solution


def _failure(cell: nbformat.NotebookNode) -> str:
    """The error of a cell in one line; empty when it ran well."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            lines = _ANSI.sub("", output.evalue).strip().splitlines()
            text = _CELL_FILE.sub(r"(\1)", lines[0])[:160] if lines else ""
            return text if output.ename in (STOPPED, DIED) else f"{output.ename}: {text}" if text else output.ename
    return ""


# ---------------------------------------------------------------- the table of grades


def write_grades(path: Path, results: Sequence[Graded]) -> None:
    """Write ``grades.csv``; a score that a person had entered there is kept."""
    entered = {(row.student, row.task): row for row in read_grades(path)} if path.exists() else {}
    lines = []
    for graded in results:
        for row in graded.rows:
            old = entered.get((row.student, row.task))
            lines.append(old if row.score is None and old is not None and old.score is not None else row)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in lines:
            given = "" if row.score is None else f"{row.score:g}"
            writer.writerow([_cell(row.student), row.task, given, f"{row.maximum:g}", _cell(row.note)])
    os.replace(partial, path)


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def read_grades(path: Path) -> list[Row]:
    """Read ``grades.csv``, with the scores and notes that a person may have entered."""
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, line in enumerate(csv.DictReader(file), 2):
                student = line["student"].removeprefix("'") if line["student"][:1] == "'" else line["student"]
                given, maximum = line["score"].strip(), float(line["max"])
                points = float(given) if given else None
                if points is not None and not 0 <= points <= maximum:
                    raise ParameterError(path, f"line {number}", f"score {given} is not in 0..{maximum:g}", "mend the score")
                rows.append(Row(student, line["task"], points, maximum, line["note"].removeprefix("'")))
    except (OSError, UnicodeDecodeError, KeyError, AttributeError) as error:
        raise ParameterError(path, "grades", f"cannot be read ({error})", f"keep the columns {', '.join(COLUMNS)}") from None
    except ValueError as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(path, f"line {number}", "holds a score that is no number", "mend the score") from None
    return rows
