"""The table of marks: what a person entered survives every later run and every spreadsheet."""

import csv

import pytest

from compendium.classroom.marks import NO_SUBMISSION, Marks, Row, found, orphans, read_grades, write_rows, write_totals
from compendium.classroom.sheets import Dialect
from compendium.runs.errors import ParameterError

UNREADABLE = "the notebook cannot be read"


@pytest.fixture
def marks(tmp_path):
    """A table of two students: by tests, by hand, with entries of every kind by hand for ann."""
    table = Marks(tmp_path / "grades.csv")
    for student in ("ann", "bob"):
        rows = [
            found(student, "double", 2.0, 2.0),
            found(student, "line", 1.0, 3.0, "a line"),
            found(student, "why", None, 2.0, "by hand"),
        ]
        table.enter([*rows, found(student, "figure", 0.0, 2.0, "not answered")], False)
    enter(table, "ann", "double", score=0.5)  # an automatic score, corrected
    enter(table, "ann", "line", note="nearly")  # a note without a score
    enter(table, "ann", "why", score=1.5, note="half a reason")
    enter(table, "bob", "why", note="look again")
    return Marks(table.path)


def enter(marks, student, task, **changes):
    rows = [Row(**{**vars(row), **(changes if (row.student, row.task) == (student, task) else {})}) for row in marks.read()]
    write_rows(marks.path, rows)


def state(marks) -> dict:
    return {(row.student, row.task): (row.score, row.note) for row in marks.read()}


def again(student, **changes):
    rows = {"double": found(student, "double", 2.0, 2.0), "line": found(student, "line", 3.0, 3.0)}
    rows |= {"why": found(student, "why", None, 2.0, "by hand"), "figure": found(student, "figure", None, 2.0, "by hand")}
    return list((rows | changes).values())


def test_another_folder_leaves_the_others_as_they_were(marks):
    before = state(marks)
    marks.enter([found("late", "double", 2.0, 2.0)], False)
    after = state(marks)
    assert after.pop(("late", "double")) == (2.0, "") and after == before


def test_entries_by_hand_survive_a_second_grading_and_the_rest_is_new(marks):
    told = marks.enter(again("ann"), False) + marks.enter(again("bob"), False)
    after = state(marks)
    assert after["ann", "double"] == (0.5, "")
    assert after["ann", "line"] == (3.0, "nearly")
    assert after["ann", "why"] == (1.5, "half a reason")
    assert after["bob", "why"] == (None, "look again")
    assert after["bob", "line"] == (3.0, "") and after["bob", "figure"] == (None, "by hand")
    assert told == []


def test_a_correction_that_the_tests_now_contradict_is_told(marks):
    (told,) = marks.enter(again("ann", double=found("ann", "double", 0.0, 2.0, "wrong")), False)
    assert told == "ann, double: kept 0.5, entered by hand; the tests give 0"


def test_a_mark_for_an_answer_that_has_changed_since_is_told(tmp_path):
    marks = Marks(tmp_path / "grades.csv")
    marks.enter([found("ann", "why", None, 2.0, "by hand", answer="a-1")], False)
    enter(marks, "ann", "why", score=2.0)
    (told,) = marks.enter([found("ann", "why", None, 2.0, "by hand", answer="a-2")], False)
    assert "the answer has changed since" in told and state(marks)["ann", "why"][0] == 2.0


@pytest.mark.parametrize("problem, score", [(UNREADABLE, None), (NO_SUBMISSION, 0.0)])
def test_what_cannot_be_graded_this_time_keeps_what_it_had(marks, problem, score):
    before = state(marks)
    for student in ("ann", "bob"):
        marks.enter([found(student, task, score, 2.0, problem) for task in ("double", "line", "why", "figure")], True)
    assert state(marks) == before


def test_a_first_hand_in_takes_the_place_of_none(tmp_path):
    marks = Marks(tmp_path / "grades.csv")
    marks.enter([found("ann", "double", 0.0, 2.0, NO_SUBMISSION)], True)
    marks.enter([found("ann", "double", None, 2.0, UNREADABLE)], True)
    assert state(marks)["ann", "double"] == (None, UNREADABLE)
    marks.enter([found("ann", "double", 2.0, 2.0)], False)
    assert state(marks)["ann", "double"] == (2.0, "")


def test_a_mark_with_which_the_tests_once_agreed_stays_one_by_hand(marks):
    marks.enter([found("eva", "double", 0.0, 2.0, "wrong", answer="a-1")], False)
    enter(marks, "eva", "double", score=2.0, note="a typing error")
    for score, note in ((2.0, "a typing error"), (0.0, "wrong"), (2.0, ""), (None, "look")):
        marks.enter([found("eva", "double", score, 2.0, note, answer="a-1")], False)
        assert state(marks)["eva", "double"] == (2.0, "a typing error")
    enter(marks, "bob", "line", note="nearly")
    for note in ("nearly", "a line"):
        marks.enter([found("bob", "line", 1.0, 3.0, note)], False)
        assert state(marks)["bob", "line"] == (1.0, "nearly")


def test_a_score_that_was_taken_out_stays_out_though_the_tests_once_were_in_doubt(marks):
    enter(marks, "bob", "double", score=None)
    marks.enter([found("bob", "double", None, 2.0, "in doubt")], False)
    marks.enter([found("bob", "double", 2.0, 2.0)], False)
    assert state(marks)["bob", "double"][0] is None


def test_of_two_unreadable_hand_ins_the_second_ones_reason_stands_there(tmp_path):
    marks = Marks(tmp_path / "grades.csv")
    for problem in (UNREADABLE, "several notebooks"):
        marks.enter([found("ann", "double", None, 2.0, problem)], True)
        assert state(marks)["ann", "double"] == (None, problem)
    marks.enter([found("ann", "double", 0.0, 2.0, NO_SUBMISSION)], True)
    assert state(marks)["ann", "double"] == (None, "several notebooks")


def test_a_name_written_in_another_way_is_the_same_student(marks):
    (told,) = marks.enter(again("ANN"), False)
    assert told == "ANN: takes the place of ann in the table"
    assert state(marks)["ANN", "why"] == (1.5, "half a reason") and not [name for name, _ in state(marks) if name == "ann"]


def test_students_with_marks_and_no_notebook_are_named(marks, tmp_path):
    (tmp_path / "bob.ipynb").write_text("{}")
    marks.enter([found("cleo", "double", 0.0, 2.0, NO_SUBMISSION), found("dan", "double", None, 2.0, UNREADABLE)], True)
    assert orphans(marks.read(), tmp_path) == ["ann"]


def test_two_processes_that_write_one_table_have_files_of_their_own(tmp_path, monkeypatch):
    path, written = tmp_path / "grades.csv", []
    monkeypatch.setattr("os.replace", lambda partial, _: written.append(partial.name))
    for number in (1, 2):
        monkeypatch.setattr("os.getpid", lambda number=number: number)
        write_rows(path, [])
    assert len(set(written)) == 2


def test_a_dated_copy_is_kept_before_a_run_changes_the_table(marks):
    content = marks.path.read_bytes()
    marks.enter(again("bob"), False)
    marks.enter([found("late", "double", 2.0, 2.0)], False)
    (copy,) = (marks.path.parent / "earlier").iterdir()
    assert copy.read_bytes() == content and copy.name.startswith("grades-2")
    Marks(marks.path).enter(again("bob"), False)  # nothing changes: no copy
    assert len(list((marks.path.parent / "earlier").iterdir())) == 1


def test_what_is_entered_while_a_run_goes_on_is_kept(marks):
    marks.enter(again("bob"), False)
    enter(marks, "ann", "figure", score=2.0, note="fine")
    marks.enter([found("late", "double", 2.0, 2.0)], False)
    assert state(marks)["ann", "figure"] == (2.0, "fine")


def test_a_table_that_is_interrupted_stays_whole(marks, monkeypatch):
    before = marks.path.read_bytes()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        marks.enter(again("bob"), False)
    assert marks.path.read_bytes() == before


def test_a_table_of_five_columns_is_taken_as_entered_by_hand(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text("student,task,score,max,note\nann,double,1,2,mine\n")
    marks = Marks(path)
    marks.enter([found("ann", "double", 2.0, 2.0)], False)
    assert state(marks)["ann", "double"] == (1.0, "mine")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_make_of_it_is_read_and_written_back_alike(tmp_path, encoding, delimiter):
    path = tmp_path / "grades.csv"
    mark = "1,5" if delimiter == ";" else "1.5"
    lines = [["Student", " Task", "SCORE", "max", "note"], ["Zoë Müller", "why", mark, "2", "schön"], ["", "", "", "", ""]]
    path.write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))
    marks = Marks(path)
    assert state(marks) == {("Zoë Müller", "why"): (1.5, "schön")}
    marks.enter([found("ann", "why", 0.5, 2.0)], False)
    assert state(Marks(path)) == {("Zoë Müller", "why"): (1.5, "schön"), ("ann", "why"): (0.5, "")}
    text = path.read_text(encoding="utf-8-sig")
    assert path.read_bytes()[:3] == b"\xef\xbb\xbf"  # by which Excel knows UTF-8
    assert delimiter.join(["ann", "why", "0,5" if delimiter == ";" else "0.5"]) in text


def test_columns_of_the_teachers_own_stay(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text("student,Seminar,task,score,max,note,Why\nann,=1+1,why,1,2,mine,late train\n bob ,B,why,,2,,\n")
    marks = Marks(path)
    marks.enter([found("ann", "why", None, 2.0), found("ann", "line", 3.0, 3.0), found("bob", "why", None, 2.0)], False)
    marks.enter([found("bob", "why", None, 2.0, NO_SUBMISSION)], True)
    with path.open(encoding="utf-8-sig") as file:
        lines = {(line["student"], line["task"]): line for line in csv.DictReader(file)}
    seminars = {("ann", "why"): "'=1+1", ("ann", "line"): "", ("bob", "why"): "B"}
    assert {key: line["Seminar"] for key, line in lines.items()} == seminars
    assert lines["ann", "why"]["Why"] == "late train" and lines["ann", "why"]["score"] == "1"


def test_a_score_that_was_taken_out_stays_out(marks):
    """A teacher who wants to look again makes an automatic score open; the tests do not close it."""
    enter(marks, "bob", "double", score=None, note="ask bob")
    assert marks.enter(again("bob"), False) == [] and state(marks)["bob", "double"] == (None, "ask bob")
    (told,) = marks.enter(again("bob", double=found("bob", "double", 0.0, 2.0, "wrong")), False)
    assert told == "bob, double: kept open, as entered by hand; the tests give 0"
    marks.enter([found("bob", "double", None, 2.0, UNREADABLE)], True)
    assert state(marks)["bob", "double"] == (None, "ask bob")


def test_names_in_two_unicode_forms_are_one_student(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text("student,task,score,max,note\nZoe\u0308,why,1,2,mine\n")
    marks = Marks(path)
    marks.enter([found("Zo\u00eb", "why", None, 2.0)], False)
    assert state(marks) == {("Zo\u00eb", "why"): (1.0, "mine")}


@pytest.mark.parametrize(
    "text, says",
    [
        ("student,task,points,max,note\nann,why,1,2,\n", "which of them is the score"),
        ("student,task,score,max,note\nann,why,3,2,\n", "not in 0..2"),
        ("student,task,score,max,note\nann,why,many,2,\n", "line 2.*no number"),
        ("student,task,score,max,note\nann,why,nan,2,\n", "no number"),
        ("student,task,score,max,note\nann,why,1,2,\nann,why,2,2,\n", "line 3.*repeats ann, why"),
        ("student,task,score,max,note\nann,why,1,5,2,\n", "line 2: has 6 cells below 5 headings; put a cell that holds ','"),
        ('student,task,score,max,note\nann,why,1,2,"mine\nbob,why,1,2,\ncleo,why,1,2,\n', "line 2: cannot be read"),
        ("student,task,score,max,note,Score\nann,why,1,2,,2\n", "score: is the heading of two columns"),
        ("student,task,score,max,note,\nann,why,1,2,,late train\n", "line 2: 'late train' stands below no heading"),
        ("student,task,score,max,note\nann,why,1_0,20,\n", "line 2.*'1_0' is no number"),
        ("", "headings: none"),
        ("PK\x03\x04", "is no CSV file"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused_by_name(tmp_path, text, says):
    path = tmp_path / "grades.csv"
    path.write_text(text)
    with pytest.raises(ParameterError, match=says):
        read_grades(path)


def test_no_spreadsheet_takes_a_name_for_a_formula(tmp_path):
    rows = [found("=cmd()", "why", 1.0, 2.0, "-1 for the unit"), found("'t Hooft", "why", 1.0, 2.0, "'so'")]
    write_rows(tmp_path / "grades.csv", rows)
    assert "\n'=cmd(),why,1,2,'-1 for" in (tmp_path / "grades.csv").read_text(encoding="utf-8-sig")
    assert read_grades(tmp_path / "grades.csv") == rows


def test_totals_and_the_upload_call_a_sum_with_open_answers_provisional(marks, tmp_path):
    marks.enter([found("eva", "double", 1.5, 2.0, id="jd42", participant="4711")], False)
    write_totals(tmp_path, marks.read(), Dialect(";"))
    lines = list(csv.DictReader((tmp_path / "totals.csv").open(encoding="utf-8-sig"), delimiter=";"))
    by = {line["student"]: line for line in lines}
    assert (by["ann"]["score"], by["ann"]["of"], by["ann"]["state"]) == ("3", "9", "complete")
    assert (by["bob"]["score"], by["bob"]["open"], by["bob"]["state"]) == ("3", "1", "provisional: 1 open")
    upload = {line["Full name"]: line for line in csv.DictReader((tmp_path / "moodle.csv").open(encoding="utf-8-sig"))}
    assert (
        upload["eva"]["Identifier"] == "Participant 4711"
        and upload["eva"]["ID number"] == "jd42"
        and upload["eva"]["Grade"] == "1.5"
    )
    assert upload["bob"]["Grade"] == upload["bob"]["Feedback comments"] == ""
    # Without these three headings Moodle refuses the sheet (assign/feedback/offline/importgradeslib.php).
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(upload["eva"])


def test_a_note_with_control_characters_or_half_letters_leaves_the_table_readable(tmp_path):
    marks = Marks(tmp_path / "grades.csv")
    marks.enter([found("ann", "line", 0.0, 3.0, "ValueError: a\0b\ud800\x1b[2J\xa0c")], False)
    assert [row.note for row in marks.read()] == ["ValueError: a?b??[2J\xa0c"]
    assert not marks.enter([found("ann", "line", 0.0, 3.0, "ValueError: a\0b")], False)


def test_a_note_without_end_leaves_the_table_readable(tmp_path):
    marks = Marks(tmp_path / "grades.csv")
    marks.enter([found("ann", "line", 0.0, 3.0, "x" * 200_000)], False)
    assert [len(row.note) < 1100 for row in marks.read()] == [True]
    enter(marks, "ann", "line", note="y" * 200_000)  # as a table of an earlier version, or a person, may hold it
    assert marks.read()[0].note == "y" * 200_000


def test_a_new_table_can_have_semicolons_and_keeps_them(tmp_path):
    marks = Marks(tmp_path / "grades.csv", Dialect(";"))
    marks.enter([found("ann", "line", 1.5, 3.0)], False)
    assert "ann;line;1,5;3;" in marks.path.read_text(encoding="utf-8-sig")
    Marks(marks.path).enter([found("bob", "line", 2.5, 3.0)], False)
    assert "bob;line;2,5;3;" in marks.path.read_text(encoding="utf-8-sig")
