"""Nothing in a folder is passed over in silence: every file is somebody's submission, or is named with the reason."""

import io
import json
import zipfile

import nbformat
import pytest

from compendium.classroom.collection import collect_all
from compendium.classroom.roster import lateness, moment_of
from compendium.runs.errors import ParameterError


def notebook(text="1", section="tiny", variant=None) -> str:
    cell = nbformat.v4.new_code_cell(text, metadata={"nbgrader": {"grade_id": "double", "solution": True}})
    cell["id"] = "one"
    made = nbformat.v4.new_notebook(cells=[cell], metadata={"isac": {"assignment": section, "variant": variant}})
    return nbformat.writes(made)


def zipped(**files) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/", 1).replace("DOT", "."), content)
    return target.getvalue()


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "in"
    target.mkdir()

    def put(path, content=None):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        content = notebook(path) if content is None else content
        (target / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    put.folder = target
    return put


def found(folder, roster=None, tmp=None, **options):
    path = None
    if roster is not None:
        path = folder.folder.parent / "roster.csv"
        path.write_bytes(roster if isinstance(roster, bytes) else roster.encode())
    collected = collect_all(folder.folder, path, "tiny", **options)
    return {each.student: each for each in collected.submissions}, dict(collected.passed_over)


@pytest.mark.parametrize(
    "path, student",
    [
        ("ann.ipynb", "ann"),
        ("UPPER.IPYNB", "UPPER"),
        ("ann.ipynb.ipynb", "ann"),
        ("ann.ipynb.txt", "ann"),
        ("ann.ipynb.json", "ann"),
        ("ann (2).ipynb", "ann"),
        ("ann - Kopie.ipynb", "ann"),
        ("ann/deep/er/My Own.Ipynb", "ann"),
        ("Doe Jane_123456_assignsubmission_file_/tiny.ipynb", "Doe Jane"),
        ("Doe Jane_123456_assignsubmission_file/tiny.ipynb", "Doe Jane"),
        ("Doe Jane_123456_assignsubmission_file_tiny.ipynb", "Doe Jane"),
        ("doejane_123_4567_tiny-1.ipynb", "doejane"),
        ("doejane_LATE_123_4567_tiny.ipynb", "doejane"),
        ("Tiny_jd42_attempt_2026-11-20-18-00-00_tiny.ipynb", "jd42"),
    ],
)
def test_a_notebook_is_found_under_the_names_that_platforms_and_people_give(folder, path, student):
    folder(path)
    submissions, passed_over = found(folder)
    assert list(submissions) == [student] and not passed_over
    assert submissions[student].notebook is not None and not submissions[student].problem


@pytest.mark.parametrize(
    "path, files",
    [
        ("rosa.zip", {"tinyDOTipynb": notebook()}),
        ("rosa/hand-in.zip", {"work__tinyDOTipynb": notebook()}),
        ("rosa/hand-in.ZIP", {"innerDOTzip": zipped(tinyDOTipynb=notebook())}),
        ("rosa.ipynb", {"tinyDOTipynb": notebook()}),
    ],
)
def test_zips_are_opened(folder, path, files):
    folder(path, zipped(**files))
    submissions, _ = found(folder)
    assert list(submissions) == ["rosa"] and submissions["rosa"].notebook is not None


def test_a_zip_of_the_class_is_a_folder(folder, tmp_path):
    (tmp_path / "class.zip").write_bytes(zipped(ann__tinyDOTipynb=notebook(), bob__tinyDOTipynb=notebook("2")))
    assert [each.student for each in collect_all(tmp_path / "class.zip").submissions] == ["ann", "bob"]


def test_leftovers_and_other_files_are_named(folder):
    folder("ann.ipynb")
    for path in ("._ann.ipynb", ".DS_Store", "notes.pdf", "ann/data.csv", "__MACOSX/._x.ipynb", "ann/.ipynb_checkpoints/x.ipynb"):
        folder(path, b"x")
    submissions, passed_over = found(folder)
    assert list(submissions) == ["ann"]
    assert set(passed_over) == {
        "._ann.ipynb", ".DS_Store", "notes.pdf", "ann/data.csv", "__MACOSX/", "ann/.ipynb_checkpoints/x.ipynb"
    }  # fmt: skip
    assert passed_over["notes.pdf"] == "no notebook" and "macOS" in passed_over["__MACOSX/"]


@pytest.mark.parametrize(
    "paths, says",
    [
        ({"ann.ipynb": "1", "ann (1).ipynb": "2"}, "several notebooks"),
        ({"ann.ipynb": "1", "ann/tiny.ipynb": "2"}, "several notebooks"),
        ({"ann.ipynb": "1", "Ann.ipynb": "2"}, "several notebooks"),
    ],
)
def test_two_hand_ins_of_one_student_are_named(folder, paths, says):
    for path, text in paths.items():
        folder(path, notebook(text))
    submissions, _ = found(folder)
    (submission,) = submissions.values()
    assert says in submission.problem and all(path in submission.problem for path in paths)


def test_of_two_equal_hand_ins_one_counts_and_a_broken_one_does_not_stand_in_the_way(folder):
    folder("ann.ipynb", notebook("1"))
    folder("ann/copy.ipynb", notebook("1"))
    folder("bob/good.ipynb", notebook("1"))
    folder("bob/broken.ipynb", "{")
    folder("bob/other.ipynb", notebook("1", "semi_isac"))
    submissions, passed_over = found(folder)
    assert not submissions["ann"].problem and not submissions["bob"].problem
    assert "the same as" in str(passed_over) and "cannot be read" in passed_over["bob/broken.ipynb"]
    assert "notebook of the assignment semi_isac" in passed_over["bob/other.ipynb"]


@pytest.mark.parametrize(
    "path, content, says",
    [
        ("ann.ipynb", notebook(section="semi_isac"), "this is the notebook of the assignment semi_isac"),
        ("ann.ipynb", "", "cannot be read"),
        ("ann.ipynb", "<html>log in first</html>", "cannot be read"),
        ("ann.ipynb", json.dumps({"cells": [{"cell_type": "strange"}], "nbformat": 4, "nbformat_minor": 5}), "cannot be read"),
        ("ann.zip", b"PK\x03\x04 broken", "cannot be opened"),
        ("ann.zip", zipped(readmeDOTtxt="x"), "holds no notebook"),
        ("ann.7z", b"7z", "archive that cannot be opened"),
        ("ann/solution.pdf", b"%PDF", "holds no notebook"),
    ],
)
def test_what_is_no_notebook_of_the_assignment_is_a_submission_with_a_reason(folder, path, content, says):
    folder(path, content)
    submissions, _ = found(folder)
    assert says in submissions["ann"].problem and submissions["ann"].notebook is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(folder, encoding):
    text = json.dumps(json.loads(notebook("'über'")), ensure_ascii=False)
    folder("ann.ipynb", text.encode(encoding))
    submission = found(folder)[0]["ann"]
    assert submission.notebook.cells[0].source == "'über'"
    assert ("UTF-8" in submission.remark) == (encoding in ("utf-16", "cp1252"))


@pytest.mark.parametrize(
    "path, heading, name, id_",
    [
        ("Doe Jane_123456_assignsubmission_file_/a.ipynb", "student", "Jane Doe", ""),
        ("Zoe\u0308 A\u030angstro\u0308m/a.ipynb", "Student", "Zoë Ångström", ""),
        ("zoë ångström.ipynb", "Name", "Zoë Ångström", ""),
        ("Doe_Jane.ipynb", "Full name", "Jane Doe", ""),
        ("jd42.ipynb", "student", "Jane Doe", "jd42"),
        ("Somebody_4711_assignsubmission_file_/a.ipynb", "student", "Jane Doe", "Participant 4711"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_names_meet_the_roster(folder, path, heading, name, id_, delimiter):
    folder(path)
    submissions, _ = found(folder, f"{heading}{delimiter}id{delimiter}Variant\n{name}{delimiter}{id_}{delimiter}3\n")
    assert list(submissions) == [name]
    assert submissions[name].notebook is not None and submissions[name].variant == 3


def test_a_student_without_a_file_is_missing_and_one_with_another_file_has_handed_in(folder):
    folder("cleo.ipynb")
    folder("bob.pdf", b"%PDF")
    submissions, _ = found(folder, "student\nann\nbob\n")
    assert submissions["ann"].problem == "no submission"
    assert submissions["bob"].problem == "handed in bob.pdf, which is no notebook"
    assert submissions["cleo"].problem == ""


@pytest.mark.parametrize("roster", ["student\nann\nAnn\n", "student,variant\nann,-1\n", "student\na/b\n", "pupil\nann\n"])
def test_a_doubtful_roster_is_refused(folder, roster):
    folder("ann.ipynb")
    with pytest.raises(ParameterError):
        found(folder, roster)


def test_a_pattern_of_ones_own(folder):
    folder("ex1-ann-v2.ipynb")
    assert list(found(folder, pattern=r"ex\d-(?P<student>\w+)-v\d")[0]) == ["ann"]
    for pattern in ("(", "no group"):
        with pytest.raises(ParameterError):
            found(folder, pattern=pattern)


def test_lateness_comes_from_the_platform_the_roster_or_nbgrader_and_never_from_a_file(folder):
    folder("ann/a.ipynb")
    folder("ann/timestamp.txt", "2026-11-20 19:30:00.123456 UTC")
    folder("bob.ipynb")
    folder("cleo.ipynb")
    folder("doejane_LATE_123_4567_tiny.ipynb")
    submissions, _ = found(folder, "student,handed in\nbob,20.11.2026 17:59\n")
    due = moment_of("2026-11-20T18:00+00:00")
    late = {student: lateness(each.handed_in, due) for student, each in submissions.items()}
    assert late == {"ann": "1 h 31 min", "bob": "no", "cleo": "unknown", "doejane": "yes"}
    assert lateness("2026-11-23 20:05", moment_of("2026-11-20 18:00")) == "3 d 2 h 5 min"
