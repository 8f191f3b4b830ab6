"""Whatever a student hands in, everybody has a clear result: tried on the tiny assignment, all students at once."""

import copy
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import nbformat
import pytest
from classroom_project import TINY, answers, cell, filled

from compendium.classroom import assignment as classroom
from compendium.classroom import collection, execution, feedback, grading, graft
from compendium.classroom.course import Course, student_version
from compendium.classroom.kernel import Kernel
from compendium.runs.parameters import ParameterError

SECONDS = 6  # of the cells here none takes more than a moment
STUBBORN = """
def double(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
"""


@cache
def assignment_of(variant):
    return classroom.load_assignment(TINY, "tiny", variant)


def without(notebook, *names):
    other = copy.deepcopy(notebook)
    other.cells = [each for each in other.cells if each.metadata.get("nbgrader", {}).get("grade_id") not in names]
    return other


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return Course(tmp_path_factory.mktemp("course") / "course", assignment_of(None)).generate()


@pytest.fixture(scope="module")
def folder(release, tmp_path_factory):
    """Submissions as they come in: files and folders."""
    target = tmp_path_factory.mktemp("submissions")
    right = answers(assignment_of(None).notebook)
    good = filled(release, right)
    tampered = filled(release, {"double-test": "pass", "line-test": "assert True", "parameters": "count = slope = 0"})
    noisy = "import warnings\n\nprint('x' * 3_000_000)\n\ndef line(x):\n    warnings.warn('hm')\n    return slope * x"
    lively = filled(release, {"double": "def double(x):\n    return twice(x)", "line": noisy})
    lively.cells.insert(0, nbformat.v4.new_code_cell("def twice(x):\n    return x + x"))
    dies = filled(release, {"line": "import os\n\ndef line(x):\n    os._exit(1)"})
    dies.cells.insert(4, copy.deepcopy(cell(good, "double")))
    dies.cells[4]["id"] = "copied"
    students = {
        "good": good,
        "bare": without(good, "double-test", "line-test", "parameters", "why"),
        "tampered": without(tampered, "line"),
        "lively": lively,
        "stubborn": filled(good, {"double": STUBBORN}),
        "dies": dies,
        "other variant": assignment_of(4).notebook,
    }
    for student, notebook in students.items():
        nbformat.write(notebook, target / f"{student}.ipynb")
    (target / "broken.ipynb").write_text('{"cells": [')
    (target / "no notebook.ipynb").write_text("[]")
    for name in ("two", "empty"):
        (target / name).mkdir()
    for name in ("a", "b"):
        nbformat.write(filled(good, {"why": name}), target / "two" / f"{name}.ipynb")
    (target / "roster.csv").write_text("student,variant\ngood,\nabsent,\n")
    return target


@pytest.fixture(scope="module")
def graded(folder, strangers_kernel):
    submissions = collection.collect(folder, folder / "roster.csv")
    if strangers_kernel is not Kernel:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(execution, "Kernel", strangers_kernel)
            return {result.student: result for result in grading.grade(assignment_of, submissions, seconds_per_cell=SECONDS)}
    for variant in (None, 4):
        student_version(assignment_of(variant))  # not while kernels start: nbgrader has an environment of its own

    # The one whose kernel is only waited for is graded beside the others.
    both = [[own for own in submissions if (own.student == "stubborn") == aside] for aside in (True, False)]
    with ThreadPoolExecutor(2) as side_by_side:
        parts = side_by_side.map(lambda some: grading.grade(assignment_of, some, seconds_per_cell=SECONDS), both)
        return {result.student: result for part in parts for result in part}


def rows(graded, student) -> dict[str, tuple]:
    return {row.task: (row.score, row.note) for row in graded[student].rows}


def test_everybody_has_a_result(graded, folder):
    expected = {path.stem for path in folder.iterdir() if path.suffix != ".csv"} | {"absent"}
    assert set(graded) == expected
    assert all([row.task for row in result.rows] == ["double", "line", "why"] for result in graded.values())


@pytest.mark.parametrize("student", ["good", "lively", "bare"])
def test_right_answers_count_in_whatever_shape(graded, student):
    found = rows(graded, student)
    assert found["double"][0] == 2 and found["line"][0] == 3, found


def test_own_cells_are_kept_and_changed_texts_are_not(release):
    own = copy.deepcopy(release)
    given = [each.cell_type == "markdown" and "nbgrader" not in each.metadata for each in own.cells]
    text = given.index(True)
    own.cells[text].source += " I changed this."
    own.cells.insert(text + 1, nbformat.v4.new_markdown_cell("My derivation."))
    own.cells.insert(text + 2, nbformat.v4.new_code_cell("mine = 1"))
    made = graft.graft(release, own)
    sources = [each.source for each in made.notebook.cells]
    assert sources.count("My derivation.") == sources.count("mine = 1") == 1 and not made.mended
    assert release.cells[text].source in sources and own.cells[text].source not in sources


def test_a_cell_that_is_no_python_is_named_without_the_file_of_the_kernel():
    broken = nbformat.v4.new_code_cell("def f(")
    broken.outputs = [nbformat.v4.new_output("error", ename="SyntaxError", evalue="'(' was never closed (4019597577.py, line 1)")]
    assert grading._failure(broken) == "SyntaxError: '(' was never closed (line 1)"


def test_an_answer_for_a_person_waits_for_one(graded):
    assert rows(graded, "good")["why"] == (None, grading.BY_HAND)
    assert graded["good"].open == 1 and graded["good"].score == 5


def test_deleted_cells_come_back(graded):
    found = rows(graded, "bare")
    assert "test cell had been deleted, was restored" in found["double"][1]
    assert found["why"][0] == 0
    assert found["why"][1].startswith(f"{grading.NOT_ANSWERED}; answer cell had been deleted, was restored")
    assert rows(graded, "tampered")["line"][0] == 0
    assert "answer cell had been deleted, was restored" in rows(graded, "tampered")["line"][1]


def test_tampered_cells_are_restored(graded):
    found = rows(graded, "tampered")
    restored = "had been changed, was restored"
    assert found["double"] == (0, f"{grading.NOT_ANSWERED}; test cell {restored}; given cell parameters {restored}")
    assert "parameters" not in rows(graded, "bare")["double"][1]  # there it has cost nothing


def test_of_two_copies_the_edited_one_counts(graded):
    assert rows(graded, "dies")["double"][0] == 2
    assert "more than once" in rows(graded, "dies")["double"][1]


@pytest.mark.parametrize(
    "student, task, other, says", [("stubborn", "double", "line", "stopped after 6 s"), ("dies", "line", "double", "kernel died")]
)
def test_a_cell_that_does_not_end_costs_its_task_only(graded, student, task, other, says):
    found = rows(graded, student)
    assert found[task][0] == 0 and says in found[task][1]
    assert found[other][0] > 0


def test_the_graded_notebook_shows_what_the_student_wrote(graded):
    executed = graded["stubborn"].executed
    assert cell(executed, "double").source == STUBBORN
    assert "-1.5" in cell(executed, "double-test").source  # with the hidden tests, so that the failure can be understood


def test_whatever_goes_wrong_after_the_run_the_others_do_not_wait(monkeypatch):
    monkeypatch.setattr(grading, "execute", lambda notebook, *rest: execution.Executed(notebook))
    monkeypatch.setattr(grading, "_with_key", lambda *_: 1 / 0)
    own = collection.Submission("ann", assignment_of(None).notebook)
    (result,) = grading.grade(assignment_of, [own])
    assert result.problem == "could not be graded: ZeroDivisionError: division by zero" and result.open == 3


def test_what_metadata_say_of_a_variant_is_cut_and_cleaned(monkeypatch):
    monkeypatch.setattr(grading, "execute", lambda notebook, *rest: execution.Executed(notebook))
    own = collection.Submission("ann", copy.deepcopy(assignment_of(None).notebook))
    own.notebook.metadata.isac.variant = "\x1b[2J\n" + "x" * 200_000
    (result,) = grading.grade(assignment_of, [own])
    assert "made for variant _[2J_xx" in result.remark and len(result.remark) < 400 and result.remark.isprintable()


def test_a_notebook_of_something_else_is_open_and_says_so():
    own = collection.Submission("ann", nbformat.v4.new_notebook())
    (result,) = grading.grade(assignment_of, [own])
    assert result.problem == "holds none of the assignment's cells" and result.open == 3


@pytest.mark.parametrize("passes", [True, False])
def test_where_an_answer_was_guessed_a_test_that_fails_is_open_and_one_that_passes_counts(monkeypatch, passes):
    def execute(notebook, *_):
        error = nbformat.v4.new_output("error", ename="AssertionError", evalue="a line")
        cell(notebook, "line-test").outputs = [] if passes else [error]
        return execution.Executed(notebook)

    monkeypatch.setattr(grading, "execute", execute)
    notebook = copy.deepcopy(assignment_of(None).notebook)
    late = copy.deepcopy(cell(notebook, "line"))
    late.source = "print(line(3))"
    notebook.cells.append(late)
    (result,) = grading.grade(assignment_of, [collection.Submission("ann", notebook)])
    assert {row.task: row.score for row in result.rows}["line"] == (3 if passes else None)


def test_a_flood_of_output_is_cut(graded):
    assert len(nbformat.writes(graded["lively"].executed)) < 1_000_000


@pytest.mark.parametrize(
    "student, says",
    [
        ("broken", "cannot be read"),
        ("no notebook", "cannot be read"),
        ("two", "several notebooks"),
        ("empty", "holds no notebook"),
        ("absent", "no submission"),
    ],
)
def test_what_cannot_be_graded_says_why(graded, student, says):
    assert says in graded[student].problem
    expected = 0 if student == "absent" else None  # what could not be graded is open, not zero
    assert all(row.score == expected and says in row.note for row in graded[student].rows)


def test_a_folder_of_a_student_may_name_the_notebook_freely(release, tmp_path):
    (tmp_path / "ann" / ".ipynb_checkpoints").mkdir(parents=True)
    for path in ("ann/my own name.ipynb", "ann/.ipynb_checkpoints/my own name-checkpoint.ipynb", ".hidden.ipynb", "readme.txt"):
        (tmp_path / path).write_text(nbformat.writes(release))
    (found,) = collection.collect(tmp_path)
    assert (found.student, found.problem) == ("ann", "") and len(found.notebook.cells) == len(release.cells)


def test_each_notebook_is_graded_against_its_own_variant(graded):
    assert graded["other variant"].variant == 4 and graded["other variant"].score == 5


def test_everybody_can_be_held_to_one_variant():
    own = collection.Submission("other", filled(assignment_of(4).notebook, {"double": "", "line": "line = ("}), variant=4)
    (result,) = grading.grade(assignment_of, [own], variant=6, seconds_per_cell=SECONDS)
    assert result.variant == 6
    assert all("was made for variant 4, graded as variant 6" in row.note for row in result.rows)


@pytest.mark.parametrize("text, says", [("who\nann\n", "no column student"), ("student,variant\nann,x\n", "cannot be read")])
def test_a_roster_that_cannot_be_read_is_refused(tmp_path, text, says):
    (tmp_path / "ann.ipynb").write_text("{}")
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(ParameterError, match=says):
        collection.collect(tmp_path, tmp_path / "roster.csv")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="holds no submission"):
        collection.collect(tmp_path)


def test_feedback_is_one_page_that_asks_for_nothing(graded):
    page = feedback.page("Tiny", "good <one>", graded["good"].executed, graded["good"].rows)
    own = page[: page.index("window.MathJax")] + page[page.rindex("</script>") :]  # without the script of MathJax
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:|url\(\s*[\"']?https?:|@import", own)
    assert len(re.findall(r"</script", page)) == 2  # nothing in MathJax ends its script early
    assert "window.MathJax" in page and "good &lt;one&gt;" in page and "(Score: 5 / 7, provisional: 1 open)" in page
    assert "has not been graded yet" in page and "$2x = x + x$" in page


def test_feedback_without_a_notebook_says_why(graded, tmp_path):
    paths = feedback.write(tmp_path, "Tiny", {"absent": graded["absent"].rows}, tmp_path)
    assert [path.name for path in paths] == ["absent.html"]
    assert "no submission" in paths[0].read_text() and "Score: 0 / 7" in paths[0].read_text()
