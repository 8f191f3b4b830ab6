"""The command line: what it prints and how it exits."""

import re

import numpy as np
import pytest
from click.testing import CliRunner
from small_project import edit

from compendium.cli import book as book_cli
from compendium.cli import console, pdf
from compendium.cli import main as cli
from compendium.runs import plan as runs
from isaclib import command_line, wireless_powered


@pytest.fixture
def isac(monkeypatch):
    """Calls the command line on a project."""

    def call(root, *arguments):
        for module in (cli, book_cli, pdf):
            monkeypatch.setattr(module, "project_root", lambda: root)
        return CliRunner().invoke(cli.main, list(arguments))

    return call


def test_list(isac, finished):
    result = isac(finished, "list")
    assert result.exit_code == 0
    assert "demo" in result.output and "quick, paper, louder" in result.output


def test_run_says_where_the_results_are(isac, finished):
    result = isac(finished, "run", "demo", "results")
    assert result.exit_code == 0, result.output
    assert "build/runs/demo/results/quick/notebook.ipynb" in result.output.replace("\n", "")


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["run", "dmo"], "sections: demo"),
        (["run", "demo", "resluts"], "notebooks: model, results, what_if"),
        (["run", "demo", "--set", "quik"], "did you mean quick"),
        (["run", "demo", "--set", "nowhere/own.yml"], "does not exist"),
        (["run", "demo", "-p", "slope"], "not name=value"),
        (["run", "demo", "-p", "slope=1000"], "out of range"),
        (["run", "demo", "-p", "points=nan"], "not a finite number"),
        (["run", "demo", "-p", "levels=[]"], "is a list without an entry"),
        (["run", "demo", "-p", "points=2020-13-45"], "looks like a date"),
        (["run", "demo", "-p", "slope=1", "-p", "slope=2"], "given twice"),
        (["run", "demo", "-p", "title=Mine"], "it belongs to what_if"),
        (["run", "demo", "--set", "./"], "cannot be read"),
        (["run", "demo", "what_if"], "sets: louder"),
        (["book", "--output", "."], "holds something else"),
        (["run", "demo", "model", "--set", "louder"], "goes with the notebook what_if"),
        (["check", "."], "holds no built book"),
        (["pdf"], "holds no built book"),
        (["launch-tree", "tree"], "not made from the present sources: demo/model"),
        (["run", "demo", "--jobs", "0"], "0 is not in the range"),
    ],
)
def test_bad_input_exits_2_and_names_the_remedy(isac, project, arguments, says):
    result = isac(project, *arguments)
    assert result.exit_code == cli.BAD_INPUT, result.output
    assert says in result.output


@pytest.mark.parametrize("name", ["n" * 240, "two\nlines"])
def test_a_set_whose_name_names_no_folder_is_refused(isac, project, name):
    own = project / f"{name}.yml"
    own.write_text("slope: 2.5\n")
    result = isac(project, "run", "demo", "model", "--set", str(own))
    assert result.exit_code == cli.BAD_INPUT and "is no name for a folder" in result.output, result.output


@pytest.mark.parametrize("name", [".", "a b", "-p", "it's [so]"])
def test_a_set_may_have_any_other_name(isac, project, name):
    own = project / f"{name}.yml"
    own.write_text("slope: 2.5\n")
    result = isac(project, "run", "demo", "model", "--set", str(own))
    assert result.exit_code == 0, result.output
    assert [path.name.partition("+")[0] for path in (project / "build" / "runs" / "demo" / "model").iterdir()] == [name]


def test_a_failing_run_exits_1_and_names_the_cell(isac, project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "assert slope < 0, 'wrong sign'")
    result = isac(project, "run", "demo", "model")
    assert result.exit_code == 1
    assert "cell 4" in result.output and "wrong sign" in result.output


def test_own_values_come_from_a_file_or_the_command_line(isac, project):
    own = project / "own.yml"
    own.write_text("slope: 2.5\ntitle: Mine\n")
    result = isac(project, "run", "demo", "model", "--set", str(own))
    assert result.exit_code == 0, result.output
    assert "taken from the set 'quick': points" in result.output
    assert "not used by model: title" in result.output
    assert len(list((project / "build" / "runs" / "demo" / "model").glob("own+*"))) == 1


def test_a_what_if_of_your_own_makes_the_run_that_it_is_compared_with(isac, project):
    own = project / "own.yml"
    own.write_text("slope: 2.5\n")
    result = isac(project, "run", "demo", "what_if", "--set", str(own))
    assert result.exit_code == 0, result.output
    assert (project / "build" / "runs" / "demo" / "results" / "paper" / "run.json").exists()
    assert len(list((project / "build" / "runs" / "demo" / "what_if").glob("own+*"))) == 1


def test_claims_exits_1_when_a_verdict_differs(isac, finished_copy):
    result = isac(finished_copy, "claims", "--set", "quick")
    assert result.exit_code == 0 and "009-C1" in result.output
    edit(finished_copy / "notebooks" / "demo" / "claims.yml", "expected: reproduced", "expected: contradicted")
    result = isac(finished_copy, "claims", "--set", "quick")
    assert result.exit_code == 1 and "1 differ" in result.output


def test_a_book_with_a_failing_notebook_publishes_nothing_and_finishes_the_rest(isac, project):
    published = project / "build" / "test-site" / "index.html"
    published.parent.mkdir(parents=True)
    published.write_text("the last good book")
    edit(project / "notebooks" / "demo" / "results.py", "x = np.linspace(0, 1, points)", "x = 1 / 0")
    result = isac(project, "book", "--set", "quick", "--no-check")
    assert result.exit_code == 1
    assert "nothing was published" in result.output and "ZeroDivisionError" in result.output and "cell 5" in result.output
    assert published.read_text() == "the last good book"
    assert [run.is_current() for run in runs.plan(project, "quick")] == [True, False, False]


def test_a_book_says_where_its_time_went_and_is_left_alone_when_nothing_changed(isac, finished_copy):
    first = isac(finished_copy, "book", "--set", "quick", "--no-check")
    assert first.exit_code == 0, first.output
    for stage in ("environment", "runs: Demo", "all runs", "pages (Sphinx)", "checks of the pages", "sum"):
        assert stage in first.output
    assert "¤" not in first.output
    again = isac(finished_copy, "book", "--set", "quick", "--no-check")
    assert again.exit_code == 0 and "the book is unchanged" in again.output and "3 of 3 runs are current" in again.output
    result = isac(finished_copy, "launch-tree", str(finished_copy / "tree"), "--set", "quick")
    assert result.exit_code == 0 and "3 notebooks" in result.output


def test_help_teaches(isac, finished):
    for arguments in (["--help"], ["run", "--help"], ["book", "--help"], ["check", "--help"], ["launch-tree", "--help"]):
        result = isac(finished, *arguments)
        assert result.exit_code == 0 and len(result.output.splitlines()) > 5


def test_the_name_of_the_command_stands_once_before_a_message(isac, project):
    for arguments in (["run", "dmo"], ["run", "demo", "what"], ["run", "demo", "-p", "slope=1000"], ["try", "demo", "x"]):
        output = isac(project, *arguments).output
        assert output.startswith("isac") and "isac: isac" not in output


def test_a_log_tells_beforehand_and_meanwhile_how_long_it_takes(isac, finished_copy, monkeypatch):
    monkeypatch.setattr(console, "SILENCE_S", 0.5)
    edit(finished_copy / "notebooks" / "demo" / "model.py", "slope * 2", "import time; time.sleep(1.5); slope * 2")
    result = isac(finished_copy, "run", "demo", "model")
    assert result.exit_code == 0, result.output
    assert "this takes about" in result.output and "going by earlier runs" in result.output
    assert "working  demo/model [quick]  cell" in result.output and " of about " in result.output


def test_why_a_run_is_due_is_said(isac, finished_copy):
    edit(finished_copy / "notebooks" / "demo" / "parameters" / "quick.yml", "seed: 1", "seed: 2")
    (finished_copy / "_toc.yml").unlink()  # the book fails later, this is about its runs
    with pytest.raises(FileNotFoundError):
        result = isac(finished_copy, "book", "--set", "quick", "--no-check")
        assert "due      demo/results [quick]: value seed" in result.output
        raise result.exception


def test_solve_score_and_instances_are_those_of_the_library(isac, tmp_path, capfd):
    """Handed on with every option, error and exit code; only the name in front is that of the command that was called."""
    scenario, allocation = str(tmp_path / "s.json"), str(tmp_path / "a.json")
    wireless_powered.Scenario.random(np.random.default_rng(0)).save(scenario)

    def both(*words):
        result = isac(tmp_path, *words)
        code = command_line.main(list(words))
        said = capfd.readouterr()
        return result, code, said.out + said.err

    for words, code in (
        (("solve", "wireless_powered", scenario, "--method", "equal_time", "-o", allocation), 0),
        (("score", "wireless_powered", scenario, allocation, "--json", "--tolerance", "1e-7"), 0),
        (("instances", "wireless_powered", "--family", "tight", "--count", "1", "-o", str(tmp_path)), 0),
        (("solve", "wireless_powered", "none.json"), 2),
        (("score", "wireless_powered", scenario), 2),
        (("solve", "wireless_powered", scenario, "--magic"), 2),
        (("solve", "--help"), 0),
        (("instances", "wireless_powered", "-h"), 0),
    ):
        result, expected, said = both(*words)
        assert result.exit_code == expected == code, (words, result.output)
        assert _words(result.output) == _words(said.replace("isaclib", "isac")), words
    assert "--family {paper,tight,large,hard}" in isac(tmp_path, "instances", "wireless_powered", "--help").output
    for i in range(2):
        wireless_powered.Scenario.random(np.random.default_rng(0), crb_limit_m2=1e-9 if i else 0.05).save(tmp_path / "s.json")
        assert isac(tmp_path, "solve", "wireless_powered", scenario).exit_code == i
    listed = isac(tmp_path, "--help").output
    assert all(f"\n  {name} " in listed for name in ("solve", "score", "instances"))


def _words(text: str) -> str:
    return " ".join(re.sub(r"[0-9.]+ s\b", "", text).split())
