"""Grading submissions: every student gets a clear result, and no submission touches another one.

A submission is not run as it came. The release is taken again, and the student's answers (and helper cells) are put into
it: whatever happened to the given cells and tests, they are as they were handed out. What could not be graded is open, not
zero.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from ..runs import digest
from . import figures, key
from .assignment import Assignment, Task
from .collection import Submission
from .course import student_version
from .execution import execute
from .figures import Axes
from .files import brief
from .graft import A_GUESS, LOST_MARKS, NotThisAssignment, graft
from .kernel import DIED, NOT_RUN, STOPPED
from .key import compared, numbers
from .marked import grade_id, plain, same
from .marks import BY_HAND, NO_SUBMISSION, Row, found
from .sandbox import Limits

NOT_ANSWERED = "not answered"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CELL_FILE = re.compile(r"\(\d+\.py, (line \d+)\)")  # the kernel's name for a cell, which tells a student nothing
_TEACHERS = re.compile(r"^\s*#.*\b(SENTINEL-|(BEGIN|END) (HIDDEN TESTS|SOLUTION)).*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Graded:
    """What became of one submission; ``executed`` is the notebook with the outputs of the grading run."""

    student: str
    rows: tuple[Row, ...]
    executed: nbformat.NotebookNode | None
    problem: str = ""
    variant: int | None = None
    remark: str = ""

    @property
    def score(self) -> float:
        return sum(row.score for row in self.rows if row.score is not None)

    @property
    def open(self) -> int:
        """Answers that wait for a person."""
        return sum(row.score is None for row in self.rows)


def grade(
    assignment_of: Callable[[int | None], Assignment],
    submissions: Sequence[Submission],
    *,
    variant: int | None = None,
    seconds_per_cell: float = Limits.cell_seconds,
    limits: Limits | None = None,
    progress: Callable[[Graded], None] = lambda graded: None,
) -> list[Graded]:
    """Grade submissions, each with a kernel of its own within walls.

    Parameters
    ----------
    assignment_of : callable
        The assignment for a variant.
    submissions : sequence of Submission
    variant : int, optional
        Grade everybody against this variant; else each against the one that the roster or the notebook names.
    seconds_per_cell : float
        A cell that takes longer is stopped and counts as an error.
    limits : Limits, optional
        All limits, in place of ``seconds_per_cell``.
    progress : callable
        Called with each result.
    """

    @cache
    def prepared(wanted: int | None) -> tuple[Assignment, nbformat.NotebookNode]:
        assignment = assignment_of(wanted)
        return assignment, student_version(assignment)

    results = []
    for submission in submissions:
        wanted = submission.variant if variant is None else variant
        result = _grade_one(*prepared(wanted), submission, limits or Limits(cell_seconds=seconds_per_cell))
        results.append(result)
        progress(result)
    return results


def fingerprint(assignment: Assignment, submission: Submission, limits: Limits) -> str:
    """What a result depends on: the files of the student, the assignment and its variant, the library, the limits."""
    parts = (submission.digest, nbformat.writes(assignment.notebook), str(limits), str(assignment.variant))
    return digest.digest_of({"parts": parts, "library": digest.library()})


def _grade_one(assignment: Assignment, release: nbformat.NotebookNode, submission: Submission, limits: Limits) -> Graded:
    problem = submission.problem
    if not problem:
        try:
            return _run(assignment, release, submission, limits)
        except NotThisAssignment as error:
            problem = str(error)
        except Exception as error:  # of this machine, or of a notebook such as nobody has seen: the others do not wait for it
            problem = f"could not be graded: {type(error).__name__}: {brief(error)}"
    zero = 0.0 if problem.startswith(NO_SUBMISSION) else None
    rows = tuple(found(submission.student, task.name, zero, task.points, problem) for task in assignment.tasks)
    return Graded(submission.student, rows, None, problem, assignment.variant)


def _run(assignment: Assignment, release: nbformat.NotebookNode, submission: Submission, limits: Limits) -> Graded:
    student, variant = submission.student, assignment.variant
    grafted = graft(release, submission.notebook)
    _put_tests(assignment, grafted.notebook)
    with TemporaryDirectory(prefix="isac-grading-") as temporary:
        executed = execute(grafted.notebook, Path(temporary), limits, _is_test)
    _tidy(executed.notebook)
    remarks = dict(grafted.mended)
    common = [submission.remark] if submission.remark and submission.remark not in LOST_MARKS else []
    common += [remarks.pop("")] if "" in remarks else []
    named = submission.notebook.metadata.get("isac", {})
    if isinstance(named, dict) and named.get("variant") != variant:
        common.append(f"notebook was made for variant {brief(named.get('variant'))}, graded as variant {variant}")
    if executed.shadowed:
        names = brief(", ".join(sorted(executed.shadowed)))
        common.append(f"the notebook puts something else in the place of Python's own {names}")
    remarks[""] = "; ".join(common)
    numbered = {grade_id(cell): index for index, cell in enumerate(executed.notebook.cells) if grade_id(cell)}
    doubtful = grafted.doubtful | {
        name: executed.doubtful[index] for name, index in numbered.items() if index in executed.doubtful
    }
    cells = {name: executed.notebook.cells[index] for name, index in numbered.items()}
    originals = {grade_id(cell): cell for cell in release.cells}
    rows = tuple(_row(student, task, cells, originals[task.name], remarks, doubtful) for task in assignment.tasks)
    places = {index: name for name, index in numbered.items()}
    drawn = {places[index]: axes for index, axes in executed.drawn.items()}
    rows = tuple(_with_key(row, cells[row.task], drawn.get(row.task), assignment) for row in rows)
    return Graded(student, rows, executed.notebook, "", variant, remarks[""])


def _is_test(cell: nbformat.NotebookNode) -> bool:
    meta = cell.metadata.get("nbgrader", {})
    return bool(meta.get("grade")) and not meta.get("solution")


def _put_tests(assignment: Assignment, notebook: nbformat.NotebookNode) -> None:
    """Whole tests in place of what the students see of them, without the marks that are the teacher's."""
    whole = {grade_id(cell): cell.source for cell in assignment.notebook.cells if _is_test(cell)}
    for cell in notebook.cells:
        if _is_test(cell):
            cell.source = _TEACHERS.sub("", whole[grade_id(cell)]).rstrip()


def _tidy(notebook: nbformat.NotebookNode) -> None:
    """A warning of a test is no error of it."""
    for cell in filter(_is_test, notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.name = "stdout"


def _row(
    student: str,
    task: Task,
    cells: Mapping[str, nbformat.NotebookNode],
    original: nbformat.NotebookNode,
    remarks: Mapping[str, str],
    doubtful: Mapping[str, str],
) -> Row:
    answer = cells[task.name]
    untouched = same(answer.source, original.source)
    failure = "" if task.by_hand else _failure(cells[task.graded_cell])
    doubt = doubtful.get(task.name) or doubtful.get(task.graded_cell, "")
    if task.by_hand:
        points = 0.0 if untouched and not doubt else None
        notes = [NOT_ANSWERED if points == 0 else BY_HAND]
    else:
        points = 0.0 if failure else task.points
        own = _failure(answer)
        if not failure:
            notes = []
        elif failure.startswith("NotImplementedError") or (not own and "YOUR CODE HERE" in answer.source):
            notes = [NOT_ANSWERED]
        else:
            notes = [f"answer cell: {own}"] if own else [failure]
        if doubt and (failure or doubt not in A_GUESS):
            points = None
    if doubt and points is None:
        notes.append(doubt)
    if task.name in remarks:
        notes.append(remarks[task.name] if "answer" in remarks[task.name] else f"answer cell {remarks[task.name]}")
    if not task.by_hand and task.graded_cell in remarks:
        notes.append(f"test cell {remarks[task.graded_cell]}")
    if points != task.points:
        given = [name for name in remarks if name and (name not in cells or not _is_task_cell(cells[name]))]
        notes += [f"given cell {name} {remarks[name]}" for name in given]
        notes += [remarks[""]] if remarks.get("") else []
    mark = f"a-{zlib.crc32(plain(answer.source).encode()):08x}"
    return found(student, task.name, points, task.points, "; ".join(dict.fromkeys(notes)), answer=mark)


def _with_key(row: Row, answer: nbformat.NotebookNode, drawn: list[Axes] | None, assignment: Assignment) -> Row:
    """A hint for the marker: which numbers of the key stand in a written answer, which of its curves in a figure."""
    if not row.note.startswith(BY_HAND):
        return row
    if answer.cell_type == "markdown":
        wanted = numbers(assignment).get(row.task)
        hint = compared(answer.source, wanted) if wanted else ""
    else:
        curves = key.figures(assignment).get(row.task) if drawn is not None else None
        hint = figures.compared(drawn, curves) if curves else ""
    note = f"{row.note}; {hint}" if hint else row.note
    return replace(row, note=note, remark=note)


def _is_task_cell(cell: nbformat.NotebookNode) -> bool:
    return cell.metadata.nbgrader.grade or cell.metadata.nbgrader.solution


def _failure(cell: nbformat.NotebookNode) -> str:
    """The error of a cell in one line; empty when it ran well."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            lines = _ANSI.sub("", output.evalue).strip().splitlines()
            text = _CELL_FILE.sub(r"(\1)", lines[0])[:160] if lines else ""
            return text if output.ename in (STOPPED, DIED, NOT_RUN) else f"{output.ename}: {text}" if text else output.ename
    return ""
