"""One call of ``grade`` after another into one folder: what is known anew comes in, nothing of another assignment."""

import csv
import os
import threading

import nbformat
import pytest
from classroom_project import TINY, copy_tiny
from small_project import edit

from compendium.classroom import execution, grading
from compendium.classroom.assignment import load_assignment
from compendium.classroom.marks import read_grades, write_rows
from compendium.classroom.sandbox import Limits
from compendium.classroom.sitting import NOTE, Sitting, refuse_another
from compendium.runs.errors import ParameterError
from compendium.runs.folders import alone_in


@pytest.fixture
def sit(tmp_path, monkeypatch, folder):
    """Two students; called with a roster and what else is given, it grades them, and every test passes."""
    monkeypatch.setattr(grading, "execute", lambda notebook, *rest: execution.Executed(notebook))
    for student in ("ann", "bob"):
        folder(f"{student}.ipynb", nbformat.writes(load_assignment(TINY, "tiny").notebook))

    def call(roster="", due=None, root=TINY, name="tiny", **options):
        path = tmp_path / "roster.csv"
        path.write_text(roster)
        sitting = Sitting(root, name, tmp_path / "out", Limits(), None, due)
        collected = sitting.collect(folder.folder, path if roster else None, None)
        return [outcome.line for outcome in sitting.grade(collected.submissions, **options)]

    return call


def lines(path, heading="student") -> dict:
    return {line[heading]: line for line in csv.DictReader(path.open(encoding="utf-8-sig"))}


def test_another_assignment_is_refused_a_folder_with_marks(sit, tmp_path):
    root = copy_tiny(tmp_path / "project")
    (root / "notebooks" / "other").mkdir()
    other = root / "notebooks" / "other" / "assignment.py"
    other.write_text((root / "notebooks" / "tiny" / "assignment.py").read_text())
    sit()
    before = (tmp_path / "out" / "grades.csv").read_bytes()
    with pytest.raises(ParameterError, match="other: this folder holds the marks of tiny; give each assignment its own"):
        sit(root=root, name="other")
    (tmp_path / "out" / NOTE).unlink()  # as it was made by an earlier version
    edit(other, '"why"', '"because"')
    edit(other, '"double', '"treble')
    edit(other, '"line', '"curve')
    with pytest.raises(ParameterError, match="holds the marks of tasks such as double"):
        refuse_another(tmp_path / "out", load_assignment(root, "other"))
    assert (tmp_path / "out" / "grades.csv").read_bytes() == before


def test_what_a_roster_or_a_deadline_says_anew_comes_into_the_table_without_a_run(sit, tmp_path):
    sit()
    roster = "student,participant,id,handed in\nann,4711,a1,2026-11-20 19:00\nbob,4712,b1,2026-11-20 17:00\n"
    assert sit(roster, "2026-11-20 18:00") == [f"{name}: as before (the same file)" for name in ("ann", "bob")]
    assert {(row.student, row.late, row.id) for row in read_grades(tmp_path / "out" / "grades.csv")} == {
        ("ann", "1 h", "a1"), ("bob", "no", "b1")
    }  # fmt: skip
    assert lines(tmp_path / "out" / "moodle.csv", "Full name")["ann"]["Identifier"] == "Participant 4711"
    assert lines(tmp_path / "out" / "totals.csv")["ann"]["late"] == "1 h"


def test_a_roster_is_heard_for_those_who_have_handed_in_nothing_this_time_too(sit, folder, tmp_path):
    sit()
    (folder.folder / "ann.ipynb").unlink()
    sit("student,id\nann,a1\n")
    assert {row.id for row in read_grades(tmp_path / "out" / "grades.csv") if row.student == "ann"} == {"a1"}


def test_marks_that_were_entered_come_into_the_totals_and_a_line_that_is_gone_is_written_again(sit, tmp_path):
    sit()
    table = tmp_path / "out" / "grades.csv"
    rows = [type(row)(**{**vars(row), **({"score": 2.0} if row.task == "why" else {})}) for row in read_grades(table)]
    write_rows(table, [row for row in rows if (row.student, row.task) != ("bob", "line")])
    assert sit() == ["ann: as before (the same file)", "bob: graded"]
    assert {name: line["score"] for name, line in lines(tmp_path / "out" / "totals.csv").items()} == {"ann": "7", "bob": "7"}


def test_a_name_that_a_spreadsheet_has_changed_is_told(sit, tmp_path):
    sit()
    edit(tmp_path / "out" / "grades.csv", "ann,", "?nn,")
    sit()
    (told,) = Sitting(TINY, "tiny", tmp_path / "out", Limits(), None, None).orphans()
    assert told.startswith("?nn: has marks in the table but no graded notebook")


def test_two_sittings_do_not_write_at_the_same_time(sit, tmp_path):
    (tmp_path / "out").mkdir()
    waits, done = threading.Event(), []
    with alone_in(tmp_path / "out"):
        other = threading.Thread(target=lambda: done.extend(sit(waiting=waits.set)))
        other.start()
        assert waits.wait(60) and not done and os.listdir(tmp_path / "out") == ["notebooks"]
    other.join(60)
    assert done == ["ann: graded", "bob: graded"] and len(read_grades(tmp_path / "out" / "grades.csv")) == 6
