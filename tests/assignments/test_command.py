"""``isac assignment``: the whole way from the release to the feedback, exit codes, and refusals that name a remedy."""

import zipfile

import nbformat
import pytest
from classroom_project import answers, copy_tiny, filled
from click.testing import CliRunner
from small_project import edit

from compendium.classroom import assignment as classroom
from compendium.classroom import key
from compendium.cli import assignment as assignment_cli
from compendium.cli import main as cli


@pytest.fixture
def tiny(tmp_path):
    return copy_tiny(tmp_path / "tiny")


@pytest.fixture
def isac(monkeypatch, tiny):
    def call(*arguments):
        monkeypatch.setattr(assignment_cli, "project_root", lambda: tiny)
        return CliRunner().invoke(cli.main, ["assignment", *map(str, arguments)])

    return call


def test_from_the_release_to_the_feedback(isac, tiny, tmp_path):
    result = isac("release", "tiny", "--variant", 2)
    assert result.exit_code == 0, result.output
    archive = tiny / "build" / "assignments" / "tiny-variant-2.zip"
    assert "3 tasks" in result.output and archive.exists()
    release = nbformat.reads(zipfile.ZipFile(archive).read("tiny-variant-2/tiny.ipynb").decode(), as_version=4)

    submissions = tmp_path / "submissions"
    submissions.mkdir()
    right = answers(classroom.load_assignment(tiny, "tiny", 2).notebook)
    nbformat.write(filled(release, right | {"line": "def line(x):\n    return x"}), submissions / "ann [a].ipynb")
    result = isac("grade", "tiny", submissions)
    assert result.exit_code == 0, result.output
    assert "ann [a]" in result.output and "not passed: line" in result.output and "1 open" in result.output
    grades = tiny / "build" / "assignments" / "graded" / "tiny" / "grades.csv"
    assert "ann [a],double,2,2,,2,,a-" in grades.read_text()
    assert "ann [a],line,0,3,AssertionError: a line,0,AssertionError: a line,a-" in grades.read_text()

    edit(grades, "why,,2,to be graded by hand", "why,1,2,which x?")
    result = isac("feedback", "tiny")
    assert result.exit_code == 0 and "1 pages" in result.output and "by hand" not in result.output
    page = (grades.parent / "feedback" / "ann [a].html").read_text()
    assert "AssertionError: a line" in page and "which x?" in page and "3 / 7" in page


def test_a_missing_student_exits_1_and_the_list_names_the_assignment(isac, tmp_path):
    assert "tiny" in isac("list").output
    (tmp_path / "roster.csv").write_text("student\nann\n")
    (tmp_path / "submissions").mkdir()
    result = isac("grade", "tiny", tmp_path / "submissions", "--roster", tmp_path / "roster.csv", "--out", tmp_path / "out")
    assert result.exit_code == 1 and "ann: no submission" in result.output
    assert "ann,double,0,2,no submission" in (tmp_path / "out" / "grades.csv").read_text()
    assert "open; their pages" not in isac("feedback", "tiny", tmp_path / "out").output
    assert "no submission" in (tmp_path / "out" / "feedback" / "ann.html").read_text()


def test_the_marking_key_holds_the_numbers_and_is_not_released(isac, tiny):
    source = tiny / "notebooks" / "tiny" / "assignment.py"
    cell = (
        '# %% tags=["key"]\n# SENTINEL-TINY-KEY-3\nimport json\nprint(json.dumps({"why": {"slope": slope, "x (1)": [2, 3]}}))\n'
    )
    source.write_text(source.read_text() + "\n" + cell)
    result = isac("key", "tiny", "--variant", 2)
    assert result.exit_code == 0, result.output
    slope = classroom.load_assignment(tiny, "tiny", 2).values["slope"]
    assert f"why: slope: {slope:g}" in result.output and "why: x (1): 2 or 3" in result.output
    page = (tiny / "build" / "assignments" / "keys" / "tiny-variant-2.html").read_text()
    assert "Rubric" in page and "because $2x = x + x$" in page and "2 or 3" in page and "SENTINEL" not in page
    assert "KEY" not in nbformat.writes(classroom.load_assignment(tiny, "tiny", 2).notebook)


def test_numbers_of_a_written_answer_are_compared_with_the_key():
    wanted = {"a": [0.1234], "b (m^2, or its root in m)": [4.0, 2.0], "c": [-31.5], "d": [9000.0], "missing": [7.7]}
    text = "We find 12,35 cm and 1.99 m; the level is −31.4 dB, the rate 9.0 \\cdot 10^{3} bit, task 7."
    assert key.compared(text, wanted) == "4 of 5 numbers of the key found; not found: missing"


def test_numbers_that_no_computer_holds_are_no_numbers_of_an_answer():
    assert key.numbers_in(f"1e999, 2e{'9' * 5000}, {'9' * 5000}, 3·10^{{400}}, and 1,5e3") == [1500.0]


def test_an_assignment_that_does_not_pass_its_own_tests_is_not_released(isac, tiny):
    edit(tiny / "notebooks" / "tiny" / "assignment.py", "return slope * x", "return slope + x")
    result = isac("release", "tiny")
    assert result.exit_code == 1 and "line: AssertionError: a line" in result.output
    assert not (tiny / "build").exists()


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("release", "tinny"), "assignments: tiny"),
        (("grade", "tiny", "nowhere"), "is not a folder"),
        (("feedback", "tiny", "nowhere"), "run 'isac assignment grade' first"),
        (("release", "tiny", "--variant", "-1"), "-1"),
        (("release", "tiny", "--variant", str(10**18)), "range"),  # no roster and no grader could name it
    ],
)
def test_bad_input_exits_2_and_names_the_remedy(isac, arguments, says):
    result = isac(*arguments)
    assert result.exit_code == cli.BAD_INPUT, result.output
    assert says in result.output


@pytest.mark.parametrize("what, where", [("grade", "out"), ("grade", "out/notebooks"), ("feedback", "out/feedback")])
def test_a_place_where_nothing_can_be_written_is_named_in_a_line(isac, tmp_path, what, where):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ann.ipynb").write_text("{ broken")
    out = tmp_path / "out"
    if what == "feedback":
        assert isac("grade", "tiny", tmp_path / "in", "--out", out).exit_code == 1
    (tmp_path / where).parent.mkdir(exist_ok=True)
    (tmp_path / where).write_text("a file")
    if where == "out":  # click itself refuses a file as a folder
        out = out / "below"
    result = isac(what, "tiny", out) if what == "feedback" else isac(what, "tiny", tmp_path / "in", "--out", out)
    assert result.exit_code == cli.BAD_INPUT, result.output
    assert f"isac assignment: {tmp_path / where}" in result.output.replace("\n", "")


def test_without_nbgrader_the_command_says_what_to_install(isac, monkeypatch):
    monkeypatch.setattr(assignment_cli.importlib.util, "find_spec", lambda name: None)
    result = isac("list")
    assert result.exit_code == cli.BAD_INPUT and "install the extra 'classroom'" in result.output
