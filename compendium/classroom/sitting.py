"""One call of ``isac assignment grade``: what it puts into a folder of results, and what it tells."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from ..runs.errors import ParameterError
from ..runs.folders import alone_in
from . import collection, grading
from .assignment import Assignment, load_assignment
from .files import brief
from .marks import NO_SUBMISSION, Marks, Row, dialect_of, orphans, read_grades, totals, write_totals
from .roster import lateness, moment_of
from .sandbox import NONE, Limits, walls
from .sheets import Dialect

NOTE = "assignment.txt"  # whose marks a folder holds


@dataclass(frozen=True)
class Outcome:
    """What became of one student: a line for the terminal, and what the teacher should hear besides."""

    student: str
    line: str
    problem: str = ""
    messages: list[str] = field(default_factory=list)


class Sitting:
    """Grade submissions of an assignment into a folder."""

    def __init__(
        self,
        root: Path,
        name: str,
        folder: Path,
        limits: Limits,
        variant: int | None,
        due: str | None,
        dialect: Dialect | None = None,
    ) -> None:
        self.root, self.name, self.folder, self.limits, self.variant = root, name, folder, limits, variant
        self.due = moment_of(due) if due else None
        if due and self.due is None:
            raise ParameterError("isac assignment", "--due", f"{due!r} is no time", "write it like 2026-11-20T18:00")
        self.assignment = cache(lambda seed: load_assignment(root, name, seed))
        refuse_another(folder, self.assignment(None))
        self.marks = Marks(folder / "grades.csv", dialect)
        self.notebooks = folder / "notebooks"

    def isolation(self) -> tuple[str]:
        """The first line: whether students' code is behind walls here."""
        if walls() == NONE:
            return (
                "not isolated: students' code can read and change what you can; install bubblewrap, or grade in a container "
                "that is thrown away",
            )
        return (f"isolated by {walls()}: no network, no files of yours",)

    def collect(self, submissions: Path, roster: Path | None, pattern: str | None) -> collection.Collected:
        """What there is to grade."""
        return collection.collect_all(submissions, roster, self.name, pattern)

    def grade(
        self, submissions: Sequence[collection.Submission], again: bool = False, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[Outcome]:
        """Grade one after another; the table holds each result before the next submission is run.

        One sitting at a time: ``waiting`` is called when another one is at work in the folder.
        """
        self.notebooks.mkdir(parents=True, exist_ok=True)
        with alone_in(self.folder, waiting):
            (self.folder / NOTE).write_text(f"{self.name}\n", encoding="utf-8")
            known: dict[str, set[str]] = {}
            for row in self.marks.read():
                known.setdefault(row.student, set()).add(row.task)
            for submission in submissions:
                yield self._grade(submission, known.get(submission.student, set()), again)
            write_totals(self.folder, self.marks.read(), dialect_of(self.marks.path))

    def _grade(self, submission: collection.Submission, known: set[str], again: bool) -> Outcome:
        assignment = self.assignment(submission.variant if self.variant is None else self.variant)
        mark = grading.fingerprint(assignment, submission, self.limits)
        path = self.notebooks / f"{submission.student}.ipynb"
        complete = {task.name for task in assignment.tasks} <= known
        if not again and not submission.problem and complete and _made_from(path) == mark:
            self.marks.tell(submission.student, **self._columns(submission))
            return Outcome(submission.student, f"{submission.student}: as before (the same file)")
        (graded,) = grading.grade(functools.partial(_always, assignment), [submission], limits=self.limits)
        return self._enter(submission, graded, assignment, mark, path)

    def _columns(self, submission: collection.Submission) -> dict[str, Any]:
        """What is known of a student besides the answers."""
        late = "" if submission.problem.startswith(NO_SUBMISSION) else lateness(submission.handed_in, self.due)
        return {"late": late, "id": submission.id, "participant": submission.participant}

    def _enter(self, submission, graded: grading.Graded, assignment: Assignment, mark: str, path: Path) -> Outcome:
        variant = "" if graded.variant is None else str(graded.variant)
        rows = [replace(row, variant=variant, **self._columns(submission)) for row in graded.rows]
        ungraded = bool(graded.problem)
        had = any(row.student == graded.student for row in self.marks.read())
        messages = self.marks.enter(rows, ungraded, [task.name for task in assignment.tasks])
        if ungraded:  # its rows may be those of an earlier hand-in
            self.marks.tell(graded.student, id=submission.id, participant=submission.participant)
        write_totals(self.folder, self.marks.read(), dialect_of(self.marks.path))
        if graded.executed is not None:
            graded.executed.metadata["isac"] = {"assignment": self.name, "variant": graded.variant, "graded": mark}
            partial = path.with_suffix(".partial")
            nbformat.write(graded.executed, partial)
            partial.replace(path)
        kept = "; what it had is kept" if ungraded and had else ""
        remark = f": {graded.remark}" if graded.remark else ""
        state = f"{graded.problem}{kept}" if graded.problem else f"graded{remark}"
        return Outcome(graded.student, f"{graded.student}: {state}", graded.problem, messages)

    def orphans(self) -> list[str]:
        """Students whose marks nobody will see, as lines."""
        names = orphans(self.marks.read(), self.notebooks)
        return [
            f"{brief(name)}: has marks in the table but no graded notebook; is the name of somebody written anew?"
            for name in names
        ]

    def summary(self, students: Sequence[str]) -> list[str]:
        """A table of all students, as lines that nothing wraps."""
        rows = self.marks.read()
        by_student: dict[str, list[Row]] = {}
        for row in rows:
            by_student.setdefault(row.student, []).append(row)
        lines = [("student", "variant", "score", "of", "by hand", "remarks")]
        for student, (points, _, waiting, row) in sorted(totals(rows).items()):
            if student not in students:
                continue
            graded = sum(each.maximum for each in by_student[student] if each.score is not None)
            failed = [each.task for each in by_student[student] if each.score is not None and each.score < each.maximum]
            remark = f"not passed: {', '.join(failed)}" if failed else ""
            lines.append((student, row.variant, f"{points:g}", f"{graded:g}", f"{waiting} open", remark))
        widths = [max(_width(line[column]) for line in lines) for column in range(5)]
        return ["  ".join(_padded(cell, width) for cell, width in zip(line, [*widths, 0])).rstrip() for line in lines]


def refuse_another(folder: Path, assignment: Assignment) -> None:
    """Refuse a folder that holds the marks of another assignment, or a table that cannot be read, before anything is run."""
    note, table = folder / NOTE, folder / "grades.csv"
    said = brief(note.read_text(encoding="utf-8", errors="replace").strip()) if note.exists() else assignment.section
    tasks = {row.task for row in read_grades(table)} if table.exists() else set()
    others = tasks and not tasks & {task.name for task in assignment.tasks}
    if said != assignment.section or others:
        whose = said if said != assignment.section else f"tasks such as {brief(min(tasks))}"
        raise ParameterError(
            folder, assignment.section, f"this folder holds the marks of {whose}", "give each assignment its own"
        )


def _made_from(path: Path) -> str:
    """The fingerprint that a graded notebook carries."""
    try:
        return nbformat.read(path, as_version=4).metadata.get("isac", {}).get("graded", "")
    except Exception:  # a notebook that is not there, or that somebody has broken, is made again
        return ""


def _width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text if not unicodedata.combining(each))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _always(assignment: Assignment, variant: int | None) -> Assignment:
    """The same assignment for whatever variant is asked."""
    return assignment
