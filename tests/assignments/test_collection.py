"""Nothing in a folder is passed over in silence: every file is somebody's submission, or is named with the reason."""

import io
import json
import os
import sys
import zipfile

import pytest
from classroom_hand_ins import found, notebook, zipped

from compendium.classroom import files
from compendium.classroom.collection import collect_all
from compendium.classroom.roster import lateness, moment_of
from compendium.runs.errors import ParameterError


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
        ("ann.ipynb/tiny.ipynb", "ann"),
        ("ann.zip/tiny.ipynb", "ann"),
        ("ann-checkpoint.ipynb", "ann"),
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
        ("rosa.ipynb.zip", {"rosaDOTipynb": notebook()}),
        ("rosa.IPYNB.Zip", {"__MACOSX__DOT_rosaDOTipynb": "x", "rosaDOTipynb": notebook()}),
    ],
)
def test_zips_are_opened(folder, path, files):
    folder(path, zipped(**files))
    submissions, _ = found(folder)
    assert list(submissions) == ["rosa"] and submissions["rosa"].notebook is not None


def test_a_zip_of_the_class_is_a_folder(folder, tmp_path):
    (tmp_path / "class.zip").write_bytes(zipped(ann__tinyDOTipynb=notebook(), bob__tinyDOTipynb=notebook("2")))
    assert [each.student for each in collect_all(tmp_path / "class.zip").submissions] == ["ann", "bob"]


def raw_zip(name: bytes, content=None) -> bytes:
    """A zip with a name as macOS writes it: bytes of UTF-8, and no word about it."""
    return zipped(**{"X" * len(name): notebook() if content is None else content}).replace(b"X" * len(name), name)


def test_names_in_zips_of_macos_and_of_old_systems_are_letters(folder, tmp_path):
    (tmp_path / "class.zip").write_bytes(raw_zip("Zoe\u0308/tiny.ipynb".encode()))
    (tmp_path / "roster.csv").write_text("student\nZoë\n", encoding="utf-8")
    (submission,) = collect_all(tmp_path / "class.zip", tmp_path / "roster.csv").submissions
    assert submission.student == "Zoë" and submission.notebook is not None
    if sys.platform == "linux":
        with open(os.fsencode(folder.folder) + b"/Zo\xeb.ipynb", "w") as file:
            file.write(notebook())
        assert list(found(folder)[0]) == ["Zoë"]


@pytest.mark.parametrize("name", ["a" * 300 + "/x.ipynb", "\x1b[2Ja/x.ipynb", "a\nb.ipynb", " .ipynb"])
def test_a_file_can_be_made_of_every_students_name(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr(name, notebook())
    (submission,) = collect_all(tmp_path / "class.zip").submissions
    assert submission.notebook is not None and submission.student.isprintable() and submission.student.strip()
    (tmp_path / f"{submission.student}.ipynb").write_text("")


def test_paths_that_lead_outside_are_named(folder, tmp_path):
    inside = {"../../evil.ipynb": notebook("2"), "..\\evil.ipynb": notebook("3"), "ok.ipynb": notebook("1")}
    with zipfile.ZipFile(folder.folder / "ann.zip", "w") as archive:
        for name, content in inside.items():
            archive.writestr(name, content)
    submissions, passed_over = found(folder)
    assert not submissions["ann"].problem and len(passed_over) == 2
    assert set(passed_over.values()) == {"left over of a path that leads outside"}


def bomb(megabytes: int, name: str = "a.ipynb") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(megabytes << 20))
    return target.getvalue()


@pytest.mark.parametrize("suffix", ["zip", "ipynb"])
def test_zip_bombs_and_zips_in_zips_without_end_are_refused(folder, suffix, monkeypatch):
    monkeypatch.setattr(files, "_NOTEBOOK_MB", 2)
    monkeypatch.setattr(files, "_ZIP_MB", 9)
    folder("ann.zip", bomb(3))
    folder("dan.ipynb", bytes(3 << 20))
    inner = notebook()
    for _ in range(5):
        inner = zipped(**{f"inDOT{suffix}": inner})
    folder("bob.zip", inner)
    folder("cleo.zip", zipped(**{f"n{index}DOTzip": bomb(1, "x.zip") for index in range(12)}))
    submissions, passed_over = found(folder)
    assert "larger than 2 MB" in submissions["ann"].problem and "larger than 2 MB" in submissions["dan"].problem
    assert "a zip in a zip in a zip" in submissions["bob"].problem
    assert "the zip is too large" in submissions["cleo"].problem
    assert all(each.notebook is None for each in submissions.values()) and not passed_over


def test_what_is_no_regular_file_or_needs_a_password_is_named(folder):
    locked = bytearray(zipped(tinyDOTipynb=notebook()))
    locked[6] |= 1
    locked[bytes(locked).find(b"PK\x01\x02") + 8] |= 1
    folder("ann.zip", bytes(locked))
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as archive:
        member = zipfile.ZipInfo("tiny.ipynb")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    folder("bob.zip", link.getvalue())
    folder("cleo/good.ipynb")
    folder("cleo/other.7z", b"7z")
    (folder.folder / "link.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(folder.folder / "fifo.ipynb")
    os.mkfifo(folder.folder / "cleo" / "fifo.ipynb")
    submissions, passed_over = found(folder)
    assert "it needs a password" in submissions["ann"].problem and "cannot be read" in submissions["bob"].problem
    assert not submissions["cleo"].problem and "archive that cannot be opened" in passed_over["cleo/other.7z"]
    assert (
        passed_over["fifo.ipynb"] == passed_over["cleo/fifo.ipynb"] == "no regular file" and "link" in passed_over["link.ipynb"]
    )


def test_half_letters_in_a_notebook_can_be_written(folder):
    folder("ann.ipynb", notebook("'X'").replace("X", "\\ud800"))
    source = found(folder)[0]["ann"].notebook.cells[0].source
    assert source.encode() == b"'?'"


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
        ("ann.ipynb", json.dumps({"cells": {}, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}), "cannot be read"),
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


def test_many_notebooks_are_named_by_a_few(folder):
    folder("ann.zip", zipped(**{f"a{number}DOTipynb": notebook(str(number)) for number in range(300)}))
    problem = found(folder)[0]["ann"].problem
    assert "several notebooks" in problem and "and 295 more" in problem and len(problem) < 300


def test_what_metadata_say_is_cut_and_steers_no_terminal(folder):
    folder("ann.ipynb", notebook(section="\x1b[2J\nHALF" + "x" * 200_000).replace("HALF", "\\ud800"))
    folder("bob.ipynb", notebook(variant=10**4200))
    submissions, _ = found(folder)
    problem = submissions["ann"].problem
    assert problem.startswith("this is the notebook of the assignment _[2J_?x") and len(problem) < 300 and problem.isprintable()
    assert submissions["bob"].variant is None and not submissions["bob"].problem


def test_what_nbformat_thinks_of_a_notebook_is_not_printed_among_the_marks(folder, caplog, recwarn):
    twice = json.loads(notebook())
    folder("ann.ipynb", json.dumps(twice | {"cells": 2 * twice["cells"]}))
    folder("bob.ipynb", json.dumps(twice | {"metadata": None}))
    submissions, _ = found(folder)
    assert len(submissions["ann"].notebook.cells) == 2 and "cannot be read" in submissions["bob"].problem
    assert not caplog.records and not recwarn.list


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


@pytest.mark.parametrize("path", ["ann/.tiny.ipynb.icloud", "ann/.DS_Store", "ann/__MACOSX/x.ipynb", "ann/.venv/lib/x.ipynb"])
def test_a_folder_of_leftovers_has_handed_in_something(folder, path):
    """Its answers are open, not zero as those of a student who handed in nothing."""
    folder(path, "x")
    submissions, passed_over = found(folder, "student\nann\n")
    assert submissions["ann"].problem == "the folder holds no notebook" and path in passed_over


@pytest.mark.parametrize("path", ["ann.ipynb.crdownload", "ann.ipynb.part", "ann.ipynb.html", "ann.tar.gz", "ann.ipynb.7z"])
def test_a_file_that_is_no_notebook_is_its_students(folder, path):
    folder(path, b"x")
    submissions, _ = found(folder, "student\nann\n")
    assert list(submissions) == ["ann"] and path in submissions["ann"].problem


@pytest.mark.parametrize(
    "headings", ["First name,Last name,ID number", "Vorname;Nachname;ID", "Surname,id,Given name", "last name;email;first name"]
)
def test_a_roster_may_have_first_and_last_names(folder, headings):
    folder("Doe Jane_123_assignsubmission_file_/a.ipynb")
    cells = {"first name": "Jane", "vorname": "Jane", "given name": "Jane", "email": "123"}
    cells |= {"last name": "Doe", "nachname": "Doe", "surname": "Doe", "id": "123", "id number": "123"}
    delimiter = ";" if ";" in headings else ","
    line = delimiter.join(cells[name.lower()] for name in headings.split(delimiter))
    submissions, _ = found(folder, f"{headings}\n{line}\n")
    assert list(submissions) == ["Jane Doe"] and submissions["Jane Doe"].id == "123" and not submissions["Jane Doe"].problem


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
