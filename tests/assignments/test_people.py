"""Whose a hand-in is: nobody's grade is given to another one, and no two people become one."""

import csv
import time

import pytest
from classroom_hand_ins import found, notebook, zipped

from compendium.classroom.collection import collect_all
from compendium.classroom.marks import Marks, write_totals
from compendium.classroom.marks import found as made
from compendium.classroom.roster import lateness, moment_of
from compendium.runs.errors import ParameterError

MOODLE = "{}_assignsubmission_file_/tiny.ipynb"


def test_a_students_number_of_the_university_is_no_participant_number(folder, tmp_path):
    for name in ("Jane Doe_4711", "Bob Roe_4712"):
        folder(MOODLE.format(name))
    roster = "First name,Last name,ID number,Email address\nJane,Doe,4712,j@x.org\n"
    for lines in (roster, roster + "Bob,Roe,4711,b@x.org\n"):
        submissions, _ = found(folder, lines)
        assert {name: each.participant for name, each in submissions.items()} == {"Jane Doe": "4711", "Bob Roe": "4712"}
        assert submissions["Jane Doe"].id == "4712"
    rows = [made(name, "line", 1.0, 1.0, id=each.id, participant=each.participant) for name, each in submissions.items()]
    marks = Marks(tmp_path / "grades.csv")
    marks.enter(rows, False)
    write_totals(tmp_path, marks.read())
    lines = csv.DictReader((tmp_path / "moodle.csv").open(encoding="utf-8-sig"))
    given = {line["Full name"]: (line["Identifier"], line["ID number"]) for line in lines}
    assert given == {"Jane Doe": ("Participant 4711", "4712"), "Bob Roe": ("Participant 4712", "4711")}


@pytest.mark.parametrize("heading, value", [("identifier", "Participant 4711"), ("Participant", "4711")])
def test_a_roster_may_give_the_participant_number(folder, heading, value):
    folder(MOODLE.format("Participant_4711"))
    folder(MOODLE.format("Participant_4712"))
    submissions, _ = found(folder, f"student,ID number,{heading}\nJane Doe,7,{value}\n")
    assert set(submissions) == {"Jane Doe", "Participant"} and submissions["Jane Doe"].participant == "4711"
    assert submissions["Jane Doe"].id == "7" and submissions["Jane Doe"].notebook is not None


def test_a_name_and_a_number_that_disagree_are_nobody_of_the_roster(folder):
    folder(MOODLE.format("Bob Roe_4712"))
    submissions, _ = found(folder, "student,participant\nJane Doe,4712\nBob Roe,4713\n")
    assert "may be Bob Roe" in submissions["Jane Doe"].problem and submissions["Bob Roe"].participant == "4712"


@pytest.mark.parametrize("name", ["Participant", "Jane Doe"])
@pytest.mark.parametrize("second", [notebook("2"), notebook("1"), "{ broken"])
def test_people_of_one_name_are_told_apart_by_the_platforms_numbers(folder, name, second):
    folder(MOODLE.format(f"{name}_11"), notebook("1"))
    folder(MOODLE.format(f"{name}_12"), second)
    submissions, _ = found(folder)
    assert [(each, submissions[each].participant) for each in submissions] == [(f"{name} (11)", "11"), (f"{name} (12)", "12")]
    assert submissions[f"{name} (11)"].notebook is not None
    assert bool(submissions[f"{name} (12)"].problem) == (second == "{ broken")


def test_a_roster_that_cannot_tell_them_apart_gives_no_zero_and_one_that_can_does(folder):
    for number in (11, 12):
        folder(MOODLE.format(f"Doe Jane_{number}"), notebook(str(number)))
    submissions, _ = found(folder, "student\nJane Doe\n")
    assert set(submissions) == {"Jane Doe", "Jane Doe (11)", "Jane Doe (12)"}
    assert "may be Jane Doe (11) or Jane Doe (12): give the roster a column participant" in submissions["Jane Doe"].problem
    submissions, _ = found(folder, "student,participant\nJane Doe A,11\nJane Doe B,12\n")
    assert set(submissions) == {"Jane Doe A", "Jane Doe B"} and submissions["Jane Doe A"].notebook is not None


@pytest.mark.parametrize(
    "first, second",
    [
        ("hw_1_2_anna.ipynb", "hw_1_2_bob.ipynb"),
        ("A1_a_smith_attempt_2026-11-20-18-00-00_x.ipynb", "A1_b_smith_attempt_2026-11-20-18-00-00_x.ipynb"),
        ("group (1).ipynb", "group (2).ipynb"),
        ("group (1)/x.ipynb", "group (2)/x.ipynb"),
    ],
)
@pytest.mark.parametrize("content", [notebook("1"), "{ broken", b"PK\x03\x04 broken"])
def test_one_file_never_counts_for_another_because_of_a_guess(folder, first, second, content):
    folder(first, notebook("1"))
    folder(second, content)
    submissions, _ = found(folder)
    (submission,) = submissions.values()
    assert submission.notebook is None and "--pattern or --roster" in submission.problem
    assert first in submission.problem and second in submission.problem


def test_a_pattern_or_a_roster_tells_them_apart(folder):
    folder("hw_1_2_anna.ipynb", notebook("1"))
    folder("hw_1_2_bob.ipynb", notebook("1"))
    submissions, _ = found(folder, pattern=r"hw_1_2_(?P<student>.+)")
    assert [bool(each.notebook) for each in submissions.values()] == [True, True] and list(submissions) == ["anna", "bob"]


def test_the_same_download_twice_is_one(folder):
    folder("ann.ipynb", notebook("1"))
    folder("ann (1).ipynb", notebook("1"))
    submissions, passed_over = found(folder)
    assert list(submissions) == ["ann"] and submissions["ann"].notebook is not None and "the same as" in str(passed_over)


def test_a_zip_that_was_downloaded_again_and_again_is_one_students(folder):
    folder("Anna (1) (1).zip", zipped(tinyDOTipynb=notebook()))
    submissions, _ = found(folder)
    assert list(submissions) == ["Anna"] and submissions["Anna"].notebook is not None


def test_one_more_level_of_folders_is_no_student(folder, tmp_path):
    for path in ("submissions/anna.ipynb", "submissions/bob/x.ipynb", "submissions/Cleo Roe_12_assignsubmission_file_/x.ipynb"):
        folder(path)
    assert list(found(folder)[0]) == ["Cleo Roe", "anna", "bob"]
    (tmp_path / "class.zip").write_bytes(zipped(in__annaDOTipynb=notebook("1"), in__bobDOTipynb=notebook("2")))
    assert [each.student for each in collect_all(tmp_path / "class.zip").submissions] == ["anna", "bob"]


def test_the_folder_of_a_student_of_the_roster_or_the_platform_is_theirs(folder):
    for path in ("ann/a.ipynb", "ann/b.ipynb"):
        folder(path)
    submissions, _ = found(folder, "student\nann\n")
    assert list(submissions) == ["ann"] and "several notebooks" in submissions["ann"].problem


@pytest.mark.parametrize(
    "path, inside, late",
    [
        ("doejane_LATE_123_4567_tiny.zip", "", "yes"),
        ("Jane Doe_11_assignsubmission_file_/work.zip", "", "unknown"),
        ("ann.zip", "", "unknown"),
        ("ann.ipynb", "work__", "unknown"),
    ],
)
def test_a_timestamp_in_a_students_own_zip_is_not_believed(folder, tmp_path, path, inside, late):
    content = zipped(**{f"{inside}tinyDOTipynb": notebook(), f"{inside}timestampDOTtxt": "2026-11-19 10:00:00"})
    folder(path, content)
    due = moment_of("2026-11-20T18:00")
    (tmp_path / "class.zip").write_bytes(zipped(**{path.replace("/", "__"): content}))
    for submissions in (found(folder)[0].values(), collect_all(tmp_path / "class.zip").submissions):
        assert [lateness(each.handed_in, due) for each in submissions] == [late]


@pytest.mark.parametrize("zone, words", [("Pacific/Kiritimati", "0001-01-01T00:00:00"), ("UTC", "0001-01-01T00:00:00")])
def test_a_year_that_no_clock_knows_is_unknown(zone, words, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert lateness(words, moment_of("2026-11-20T18:00+00:00")) in ("unknown", "no")
    assert lateness(f"{words}+00:00", moment_of("2026-11-20T18:00")) == "no"
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("headings", ["Name;Vorname", "Vorname;Name"])
def test_a_name_beside_a_first_name_is_the_last_one(folder, headings):
    folder(MOODLE.format("Jane Doe_11"))
    names = {"Name": "Doe", "Vorname": "Jane"}
    submissions, _ = found(folder, f"{headings}\n{';'.join(names[each] for each in headings.split(';'))}\n")
    assert list(submissions) == ["Jane Doe"] and submissions["Jane Doe"].notebook is not None


def test_a_roster_whose_names_hold_a_comma_is_refused_by_name(folder):
    folder("ann.ipynb")
    with pytest.raises(ParameterError, match=r"roster.csv: line 2: has 2 cells below 1 headings; put a cell"):
        found(folder, "student\nDoe, Jane\n")


def test_odd_input_is_refused_in_a_line(folder, tmp_path):
    folder("ann.ipynb")
    assert list(found(folder, pattern="(?P<student>x)?.*")[0]) == ["ann"]
    with pytest.raises(ParameterError, match="variant"):
        found(folder, f"student,variant\nann,{'9' * 5000}\n")
    whole = zipped(é=notebook()).replace("é".encode(), b"\xe9\xe9")
    (tmp_path / "class.zip").write_bytes(whole)
    with pytest.raises(ParameterError, match="cannot be opened"):
        collect_all(tmp_path / "class.zip")
