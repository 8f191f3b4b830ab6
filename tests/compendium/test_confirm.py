"""A check that fails: an error on a set of the book, words in a run of one's own, in functions and in workers too."""

import json

import pytest
from click.testing import CliRunner
from small_project import edit

from compendium.cli import main as cli
from compendium.notebook import confirm
from compendium.notebook.context import Context
from compendium.runs import plan as runs
from compendium.runs.order import carry_out


@pytest.mark.parametrize(
    ("label", "own"), [("quick", False), ("paper", False), ("louder+quick", False), ("quick+1a2b", True), ("try-0-1+1a2b", True)]
)
def test_whose_values_a_run_has(label, own):
    assert Context(section="demo", notebook="model", set_name=label).own is own


@pytest.fixture
def doubtful(project):
    code = (
        "def checked(value):\n    assert value < 0, 'never'\n    return value\n\n\nchecked(slope)\nassert slope < 1.5, 'steep'\n"
    )
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0\n", f"assert slope > 0\n{code}")
    return project


def test_on_a_set_of_the_book_a_failing_check_fails_the_run(doubtful):
    (outcome,) = carry_out([run for run in runs.plan(doubtful, "quick") if run.notebook == "model"])
    assert outcome.state == "failed" and outcome.failure["error"] == "AssertionError: never"


def test_with_ones_own_values_the_notebook_says_so_and_goes_on(doubtful, monkeypatch):
    monkeypatch.setattr(cli, "project_root", lambda: doubtful)
    result = CliRunner().invoke(cli.main, ["run", "demo", "model", "-p", "slope=2"])
    assert result.exit_code == 0, result.output
    assert result.output.count("not confirmed with these values") == 2 and "slope < 1.5" in result.output
    (directory,) = (doubtful / "build" / "runs" / "demo" / "model").glob("quick+*")
    assert confirm.found_in(directory) == ["value < 0", "slope < 1.5"]
    cells = json.loads((directory / "notebook.ipynb").read_text())["cells"]
    shown = [
        output["data"]["text/markdown"]
        for cell in cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output["data"]
    ]
    assert ["".join(text) for text in shown][0] == "**Not confirmed with these values:** `value < 0`"


def test_a_trial_lists_checks_that_were_not_confirmed(doubtful, monkeypatch):
    monkeypatch.setenv("ISAC_ROOT", str(doubtful))
    result = CliRunner().invoke(cli.main, ["try", "demo", "model", "--sets", "1", "--seed", "2"])
    assert result.exit_code == 0 and "0 failed, 1 with checks not confirmed" in result.output
    (found,) = (doubtful / "build" / "tries" / "demo").glob("*.yml")
    assert "did not confirm value < 0" in found.read_text()
