"""Answers are found where students put them; line ends and lost marks change nothing."""

import copy

import nbformat
import pytest
from classroom_project import TINY, answers, cell, filled

from compendium.classroom.assignment import load_assignment
from compendium.classroom.course import student_version
from compendium.classroom.graft import LOOK, LOST_MARKS, OWN_CELL, graft, same


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(TINY, "tiny")


@pytest.fixture(scope="module")
def release(assignment):
    return student_version(assignment)


@pytest.fixture
def good(release, assignment):
    return filled(release, answers(assignment.notebook))


def place(notebook, name) -> int:
    return next(at for at, each in enumerate(notebook.cells) if each.metadata.get("nbgrader", {}).get("grade_id") == name)


def test_line_ends_alone_change_nothing(release, good):
    for each in good.cells:
        each.source = each.source.replace("\n", " \r\n")
    made = graft(release, good)
    assert made.mended == {} and "\r" not in cell(made.notebook, "line").source


def test_an_answer_in_a_cell_of_ones_own_is_put_into_its_place(release, good):
    own = cell(good, "line").source
    cell(good, "line").source = cell(release, "line").source
    good.cells.append(nbformat.v4.new_code_cell(own))
    made = graft(release, good)
    assert cell(made.notebook, "line").source == own and made.mended["line"] == OWN_CELL
    assert [each.source for each in made.notebook.cells].count(own) == 1


def test_a_written_answer_below_the_given_cell_waits_for_a_person(release, good):
    cell(good, "why").source = cell(release, "why").source
    good.cells.insert(place(good, "why") + 1, nbformat.v4.new_markdown_cell("Because."))
    assert graft(release, good).doubtful == {"why": LOOK}
    del good.cells[place(good, "why") + 1]
    assert graft(release, good).doubtful == {}


@pytest.mark.parametrize("marked", [True, False])
def test_an_answer_cell_that_was_split_is_joined(release, good, marked):
    at = place(good, "line")
    lower = copy.deepcopy(good.cells[at]) if marked else nbformat.v4.new_code_cell("")
    good.cells[at].source, lower.source = "def line(x):\n    y = slope * x", "    return y"
    if not marked:
        good.cells[at].source = "def line(x):"
    good.cells.insert(at + 1, lower)
    made = graft(release, good)
    assert same(cell(made.notebook, "line").source, good.cells[at].source + "\n    return y")
    assert "split" in made.mended["line"]


def test_cells_that_lost_their_marks_are_found_again(release, good):
    bare = copy.deepcopy(good)
    for number, each in enumerate(bare.cells):
        each.metadata.pop("nbgrader", None)
        each["id"] = f"new-{number}"
    made = graft(release, bare)
    assert made.mended.pop("") == LOST_MARKS and made.mended == {}
    for name in ("double", "line", "why"):
        assert cell(made.notebook, name).source == cell(good, name).source


def test_pictures_in_a_written_answer_are_kept(release, good):
    cell(good, "why")["attachments"] = {"a.png": {"image/png": "aGFsbG8="}}
    assert cell(graft(release, good).notebook, "why").attachments["a.png"]["image/png"] == "aGFsbG8="
