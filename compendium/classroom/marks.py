"""The table of marks, ``grades.csv``: merged, never overwritten.

``score`` and ``note`` count and belong to the teacher; ``automatic`` and ``remark`` are what the machine last found. Where the
two differ, a person has made an entry (a score that was taken out is one, too), and no later run touches it: when the machine
comes to find the same, ``automatic`` and ``remark`` stay what they were. Columns that a teacher has added stay.
"""

from __future__ import annotations

import shutil
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..runs.errors import ParameterError
from .roster import folded, key
from .sheets import Dialect, number, read_sheet, text, write_sheet

COLUMNS = ("student", "task", "score", "max", "note", "automatic", "remark", "answer", "variant", "late", "id", "participant")
MOODLE = ("Identifier", "Full name", "ID number", "Grade", "Maximum grade", "Last modified (grade)", "Feedback comments")
_FIELDS = tuple("maximum" if name == "max" else name for name in COLUMNS)
BY_HAND = "to be graded by hand"
NO_SUBMISSION = "no submission"
_LONGEST_NOTE = 1000  # characters


@dataclass(frozen=True)
class Row:
    """One line of the table; ``score`` is None while the answer is open."""

    student: str
    task: str
    score: float | None
    maximum: float
    note: str = ""
    automatic: float | None = None
    remark: str = ""
    answer: str = ""
    variant: str = ""
    late: str = ""
    id: str = ""
    participant: str = ""  # Moodle's number of a student in this assignment
    more: Mapping[str, str] = field(default_factory=dict)  # what stands in columns of the teacher's own

    @property
    def score_by_hand(self) -> bool:
        return self.score != self.automatic

    @property
    def note_by_hand(self) -> bool:
        return self.note != self.remark


def found(student: str, task: str, score: float | None, maximum: float, note: str = "", **columns: Any) -> Row:
    """A row as the machine finds it; control characters, and notes without end, would make the table unreadable."""
    note = note if len(note) <= _LONGEST_NOTE else f"{note[:_LONGEST_NOTE]} ..."
    note = "".join("?" if unicodedata.category(each) in ("Cc", "Cs") and each != "\n" else each for each in note)
    return Row(student, task, score, maximum, note, score, note, **columns)


def told(row: Row) -> str:
    """What the student reads beside a score: the note, but for the machine's hint to the marker."""
    return "" if row.note.startswith(BY_HAND) else row.note


def merge(old: Row | None, new: Row, ungraded: bool) -> tuple[Row, str]:
    """What stands in the table after a run, and what the teacher should hear about it.

    ``ungraded``: nothing was graded this time (no submission, or one that cannot be read), so what there is stays.
    """
    if old is None:
        return new, ""
    if ungraded:
        open_ = not old.answer and old.score is None and new.score is None  # unreadable then and now
        empty = (old.remark.startswith(NO_SUBMISSION) or open_) and not old.score_by_hand and not old.note_by_hand
        return (replace(new, more=old.more) if empty else old), ""
    changed = bool(old.answer) and bool(new.answer) and old.answer != new.answer
    row = replace(
        new, id=new.id or old.id, late=new.late or old.late, participant=new.participant or old.participant, more=old.more
    )
    told = []
    if old.score_by_hand:
        agreed = new.automatic == old.score
        row = replace(row, score=old.score, note=old.note, maximum=max(new.maximum, old.score or 0.0))
        row = replace(row, automatic=old.automatic if agreed else new.automatic)
        kept = "kept open, as entered by hand" if old.score is None else f"kept {old.score:g}, entered by hand"
        if changed:
            told.append(f"{kept}, though the answer has changed since: look again")
        elif new.automatic is not None and new.automatic not in (old.score, old.automatic):
            told.append(f"{kept}; the tests give {new.automatic:g}")
    elif old.note_by_hand:
        row = replace(row, note=old.note, remark=old.remark if new.remark == old.note else new.remark)
    return row, "; ".join(told)


class Marks:
    """The table in a file: read anew before each change, so that what a person enters meanwhile is kept, too."""

    def __init__(self, path: Path, dialect: Dialect | None = None) -> None:
        self.path, self.dialect = path, dialect or Dialect()
        self.copied = not path.exists()  # a table that this very run has begun needs no copy

    def read(self) -> list[Row]:
        """All rows; none when there is no table yet."""
        return read_grades(self.path) if self.path.exists() else []

    def enter(self, rows: Sequence[Row], ungraded: bool, tasks: Sequence[str] = ()) -> list[str]:
        """Merge one student's rows into the table; what the teacher should hear."""
        dialect = dialect_of(self.path, self.dialect)
        table = {(row.student, row.task): row for row in self.read()}
        before = dict(table)
        table, messages = _renamed(table, rows[0].student if rows else "")
        for new in rows:
            table[new.student, new.task], message = merge(table.get((new.student, new.task)), new, ungraded)
            messages += [f"{new.student}, {new.task}: {message}"] if message else []
        if table != before:
            self._copy()
            place = {task: index for index, task in enumerate(tasks or [row.task for row in rows])}
            order = sorted(table.values(), key=lambda row: (row.student, place.get(row.task, len(place))))
            write_rows(self.path, order, dialect)
        return messages

    def tell(self, student: str, **columns: str) -> None:
        """Put what is known of a student now, and is not empty, into the student's rows."""
        known: dict[str, Any] = {name: value for name, value in columns.items() if value}
        before = self.read()
        rows = [replace(row, **known) if row.student == student else row for row in before]
        if rows != before:
            self._copy()
            write_rows(self.path, rows, dialect_of(self.path))

    def _copy(self) -> None:
        """Keep a dated copy of the table, once for each run that changes it."""
        if self.copied:
            return
        folder = self.path.parent / "earlier"
        folder.mkdir(exist_ok=True)
        stem, count = f"{self.path.stem}-{time.strftime('%Y%m%d-%H%M%S')}", 0
        while (target := folder / f"{stem}{f'-{count}' if count else ''}.csv").exists():
            count += 1
        shutil.copy2(self.path, target)
        self.copied = True


def _renamed(table: dict[tuple[str, str], Row], student: str) -> tuple[dict[tuple[str, str], Row], list[str]]:
    """The table in which a student whose name is written in another way has the name of now, and that it is so."""
    names = {name for name, _ in table if key(name) == key(student)}
    if student in names or len(names) != 1:
        return table, []
    (before,) = names
    rows = [replace(row, student=student) if row.student == before else row for row in table.values()]
    return {(row.student, row.task): row for row in rows}, [f"{student}: takes the place of {before} in the table"]


def orphans(rows: Sequence[Row], notebooks: Path) -> list[str]:
    """Students who have marks but no graded notebook: somebody may have changed their names."""
    marked = [row for row in rows if row.score_by_hand or (row.score is not None and not row.remark.startswith(NO_SUBMISSION))]
    return [name for name in dict.fromkeys(row.student for row in marked) if not (notebooks / f"{name}.ipynb").exists()]


def dialect_of(path: Path, new: Dialect | None = None) -> Dialect:
    """How a table is written, so that it is written in the same way again; ``new`` is for one that does not exist yet."""
    return read_sheet(path).dialect if path.exists() else new or Dialect()


def write_rows(path: Path, rows: Iterable[Row], dialect: Dialect | None = None) -> None:
    """Write the table at once or not at all."""
    rows = list(rows)
    own = list(dict.fromkeys(name for row in rows for name in row.more))
    lines = [[*(getattr(row, name) for name in _FIELDS), *(row.more.get(name, "") for name in own)] for row in rows]
    write_sheet(path, (*COLUMNS, *own), lines, dialect or Dialect())


def read_grades(path: Path) -> list[Row]:
    """Read ``grades.csv`` as a spreadsheet may have left it, with the scores and notes that a person entered."""
    sheet = read_sheet(path)
    sheet.require(path, COLUMNS[:5])
    rows: dict[tuple[str, str], Row] = {}
    others = {name: written for name, written in zip(sheet.headings, sheet.written) if name and name not in COLUMNS}
    for line, values in sheet.lines:
        get = lambda name, values=values: text(values.get(name, ""))  # noqa: E731
        student = folded(get("student"))
        task = get("task").strip()
        if not student and not task:
            continue
        maximum = number(path, line, "max", get("max"))
        score = number(path, line, "score", get("score"))
        if maximum is None:
            raise ParameterError(path, f"line {line}", "has no max", "mend the line")
        if score is not None and not 0 <= score <= maximum:
            raise ParameterError(path, f"line {line}", f"score {get('score')} is not in 0..{maximum:g}", "mend the score")
        if (student, task) in rows:
            raise ParameterError(path, f"line {line}", f"repeats {student}, {task}", "keep one of the two lines")
        automatic = number(path, line, "automatic", get("automatic"))
        rest = {name: get(name) for name in COLUMNS[6:]}
        own = {written: text(values.get(name, "")) for name, written in others.items()}
        rows[student, task] = Row(student, task, score, maximum, get("note"), automatic, **rest, more=own)
    return list(rows.values())


# ---------------------------------------------------------------- totals


def totals(rows: Iterable[Row]) -> dict[str, tuple[float, float, int, Row]]:
    """By student: points, of how many, how many answers are open, and one of the rows."""
    result: dict[str, tuple[float, float, int, Row]] = {}
    for row in rows:
        points, of, waiting, _ = result.get(row.student, (0.0, 0.0, 0, row))
        result[row.student] = (points + (row.score or 0.0), of + row.maximum, waiting + (row.score is None), row)
    return result


def write_totals(folder: Path, rows: Sequence[Row], dialect: Dialect | None = None) -> None:
    """``totals.csv``, a line for each student, and ``moodle.csv``, which Moodle's offline grading sheet takes.

    Moodle asks for the columns Identifier, Grade and Last modified (grade), comma-separated, whatever the table's dialect. A
    student with open answers has no grade there: a provisional sum is not uploaded by mistake.
    """
    dialect = dialect or Dialect()
    lines, upload = [], []
    for student, (points, of, waiting, row) in sorted(totals(rows).items()):
        state = f"provisional: {waiting} open" if waiting else "complete"
        lines.append([student, row.id, row.variant, points, of, waiting, state, row.late])
        participant = f"Participant {row.participant}" if row.participant.isdigit() else ""
        notes = "; ".join(f"{each.task}: {each.note}" for each in rows if each.student == student and told(each))
        grade = ["", of, "", ""] if waiting else [points, of, "", notes]
        upload.append([participant, student, row.id, *grade])
    write_sheet(folder / "totals.csv", ("student", "id", "variant", "score", "of", "open", "state", "late"), lines, dialect)
    write_sheet(folder / "moodle.csv", MOODLE, upload, Dialect())
