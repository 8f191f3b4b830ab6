"""Answers are found where students put them; line ends and lost marks change nothing."""

import copy

import nbformat
import pytest
from classroom_project import TINY, answers, cell, filled

from compendium.classroom.assignment import load_assignment
from compendium.classroom.course import student_version
from compendium.classroom.graft import COPIES, JOINED, LOOK, LOST_MARKS, OWN_CELL, NotThisAssignment, graft
from compendium.classroom.marked import same


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


def own(source):
    return nbformat.v4.new_code_cell(source)


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("where", ["above the cell", "above the question", "in the question"])
def test_whatever_a_student_wrote_around_an_untouched_written_answer_waits_for_a_person(release, good, where, gone):
    at = place(good, "why")
    good.cells[at].source = cell(release, "why").source
    if where == "in the question":
        good.cells[at - 1].source += "\n\nBecause of the sum."
    else:
        good.cells.insert(at if where == "above the cell" else at - 1, nbformat.v4.new_markdown_cell("Because of the sum."))
    if gone:
        del good.cells[place(good, "why")]
    made = graft(release, good)
    assert made.doubtful == {"why": LOOK}
    (kept,) = [each for each in made.notebook.cells if "Because of the sum." in each.source]
    assert kept.metadata.isac.own and release.cells[at - 1].source in [each.source for each in made.notebook.cells]


def test_an_own_cell_elsewhere_does_not_make_an_untouched_written_answer_doubtful(release, good):
    cell(good, "why").source = cell(release, "why").source
    good.cells.insert(place(good, "line"), own("scratch = 1"))
    good.cells[0].source += " A remark."
    assert graft(release, good).doubtful == {}


@pytest.mark.parametrize("into", ["own", "double"])
def test_all_functions_in_one_cell_answer_all_their_tasks(release, good, into):
    both = cell(good, "double").source + "\n\n" + cell(good, "line").source
    for name in ("double", "line"):
        cell(good, name).source = cell(release, name).source
    if into == "own":
        good.cells.append(own(both))
    else:
        cell(good, "double").source = both
    made = graft(release, good)
    assert cell(made.notebook, "double").source == cell(made.notebook, "line").source == both
    assert made.doubtful["line-test"] == OWN_CELL


def test_an_answer_goes_on_in_cells_that_begin_indented(release, good):
    at = place(good, "line")
    good.cells[at].source = "def line(x):\n    y = slope * x"
    good.cells[at + 1 : at + 1] = [own("    y = 1 * y"), own("    return y"), own("line(3)")]
    made = graft(release, good)
    assert cell(made.notebook, "line").source == "def line(x):\n    y = slope * x\n    y = 1 * y\n    return y"
    assert made.mended["line"] == made.doubtful["line-test"] == JOINED
    assert "line(3)" in [each.source for each in made.notebook.cells]


@pytest.mark.parametrize("copied", ["print(line(3))", "line = None"])
def test_of_copies_the_last_that_defines_what_is_asked_counts(release, good, copied):
    right = cell(good, "line").source
    late = copy.deepcopy(cell(good, "line"))
    late.source = copied
    good.cells.append(late)
    made = graft(release, good)
    assert cell(made.notebook, "line").source == right and made.mended["line"] == made.doubtful["line-test"] == COPIES
    late.source = "def line(x):\n    return 2"
    assert cell(graft(release, good).notebook, "line").source == late.source


def test_an_own_code_cell_below_an_untouched_answer_waits_for_a_person(release, good):
    cell(good, "line").source = cell(release, "line").source
    good.cells.insert(place(good, "line") + 1, own("def lime(x):\n    return slope * x"))
    assert graft(release, good).doubtful == {"line": LOOK}


@pytest.mark.parametrize("sources", [[], ["x = 1", "print(x)"]])
def test_a_notebook_without_anything_of_the_assignment_is_none_of_it(release, sources):
    with pytest.raises(NotThisAssignment, match="holds none of the assignment's cells"):
        graft(release, nbformat.v4.new_notebook(cells=[own(source) for source in sources]))
    assert graft(release, nbformat.v4.new_notebook(cells=[own("def line(x):\n    return x")])).notebook


def test_a_split_written_answer_keeps_the_pictures_of_its_parts(release, good):
    at = place(good, "why")
    lower = copy.deepcopy(good.cells[at])
    good.cells[at].source, lower.source = "First.", "Second."
    good.cells[at]["attachments"] = {"a.png": {"image/png": "aGFsbG8="}}
    lower["attachments"] = {"b.png": {"image/png": "aGFsbG8="}}
    good.cells.insert(at + 1, lower)
    made = cell(graft(release, good).notebook, "why")
    assert made.source == "First.\nSecond." and set(made.attachments) == {"a.png", "b.png"}
