"""A class with every kind of hand-in, graded in two sittings with marks by hand between, interrupted once.

By hand, with 40 students on the tiny assignment: ``python tests/classroom_class.py 40`` (some minutes); the suite takes a few.
"""

import io
import sys
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from classroom_project import TINY, answers, filled

from compendium.classroom.assignment import load_assignment
from compendium.classroom.collection import collect_all
from compendium.classroom.course import student_version
from compendium.classroom.marks import Row, read_grades, write_rows
from compendium.classroom.sandbox import Limits
from compendium.classroom.sitting import Sitting

LIMITS = Limits(cell_seconds=5, total_seconds=60)
WIPE = "import shutil\nfor p in ('.', '..', '../..', '../../..'): shutil.rmtree(p, ignore_errors=True)"
# Own cell before the answers, changes of the answers, how the file is handed in; expected scores of double and line.
KINDS = [
    ("", {}, "{0}.ipynb", (2, 3)),
    (WIPE, {}, "{0}/tiny.ipynb", (2, 3)),
    ("", {"line": "def line(x):\n    return x"}, "{0}.ipynb.ipynb", (2, 0)),
    ("exit()", {}, "{0}_12{1}_assignsubmission_file_/tiny.ipynb", (2, 3)),
    ("", {}, "{0}.zip", (2, 3)),
    ("", {"double": "def double(x):\n    while True: pass"}, "{0}.IPYNB", (0, 3)),
    ("import os\nos._exit(1)", {}, "{0}.ipynb", (2, 3)),
    ("", None, "{0}.ipynb", (None, None)),
    ("print('x' * 30_000_000)", {}, "{0}/deep/er.ipynb", (2, 3)),
    ("x = bytearray(10**10)", {}, "{0} (1).ipynb", (2, 3)),
]


def hand_in(folder: Path, count: int) -> dict[str, tuple]:
    """A folder of submissions, and the scores that are right."""
    assignment = load_assignment(TINY, "tiny")
    release, right = student_version(assignment), answers(assignment.notebook)
    expected = {}
    for number in range(count):
        cell, changes, path, scores = KINDS[number % len(KINDS)]
        student = f"student {chr(97 + number // 26)}{chr(97 + number % 26)}"
        notebook = filled(release, right | (changes or {}))
        notebook.cells[:0] = [nbformat.v4.new_code_cell(cell)] if cell else []
        content = nbformat.writes(notebook).encode() if changes is not None else b"{ broken"
        target = folder / path.format(student, number)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr("tiny.ipynb", content)
            content = packed.getvalue()
        target.write_bytes(content)
        expected[student] = scores
    return expected


def scores(path: Path) -> dict[str, tuple]:
    rows = {(row.student, row.task): row.score for row in read_grades(path)}
    return {student: (rows[student, "double"], rows[student, "line"]) for student, _ in rows}


def sitting(out: Path) -> Sitting:
    return Sitting(TINY, "tiny", out, LIMITS, None, None)


def two_sittings(work: Path, count: int, tell=lambda line: None) -> None:
    """Grade, interrupt, go on, mark by hand, grade a second folder: nothing is lost and every score is as expected."""
    first, second, out = work / "first", work / "second", work / "out"
    first.mkdir()
    expected = hand_in(first, count)
    submissions = collect_all(first, None, "tiny").submissions
    assert [each.student for each in submissions] == sorted(expected)
    interrupted = sitting(out).grade(submissions)
    for _ in range(count // 2):
        tell(next(interrupted).line)
    interrupted.close()  # as an interrupt leaves it: between two students
    assert len(scores(out / "grades.csv")) == count // 2
    lines = [outcome.line for outcome in sitting(out).grade(submissions)]
    readable = [each for each in submissions[: count // 2] if not each.problem]
    assert sum("as before" in line for line in lines) == len(readable)
    assert scores(out / "grades.csv") == expected
    rows = [_marked(row) for row in read_grades(out / "grades.csv")]
    write_rows(out / "grades.csv", rows)
    second.mkdir()
    (second / "student aa.ipynb").write_text("{")  # cannot be read this time
    late = filled(student_version(load_assignment(TINY, "tiny")), answers(load_assignment(TINY, "tiny").notebook))
    nbformat.write(late, second / "late.ipynb")
    told = [outcome.line for outcome in sitting(out).grade(collect_all(second, None, "tiny").submissions)]
    assert "what it had is kept" in told[1] and told[0] == "late: graded"
    kept = {(row.student, row.task): (row.score, row.note) for row in read_grades(out / "grades.csv")}
    assert {key: (row.score, row.note) for row in rows for key in [(row.student, row.task)]}.items() <= kept.items()
    assert len(kept) == 3 * (count + 1) and len(list((out / "earlier").iterdir())) >= 1


def _marked(row: Row) -> Row:
    """A mark by hand for each written answer, and one automatic score corrected."""
    changes = {"score": 1.5, "note": "half a reason"} if row.task == "why" else {}
    changes |= {"score": 1.0} if (row.student, row.task) == ("student aa", "double") else {}
    return Row(**{**vars(row), **changes})


if __name__ == "__main__":
    start = time.perf_counter()
    with TemporaryDirectory() as temporary:
        two_sittings(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else 40, print)
    print(f"nothing lost, nothing silent, every score as expected; {time.perf_counter() - start:.0f} s")
