"""``isac try``: random sets and corners of a schema, run in forks, reported with a file to run again."""

import re

import pytest
from click.testing import CliRunner
from small_project import edit

from compendium.cli import main as cli
from compendium.runs import plan as runs
from compendium.runs import trial
from compendium.runs.corners import corner_runs


@pytest.fixture
def isac(monkeypatch):
    """Calls the command line on a project."""

    def call(root, *arguments):
        monkeypatch.setenv("ISAC_ROOT", str(root))
        return CliRunner().invoke(cli.main, list(arguments))

    return call


def test_a_trial_finds_what_a_valid_set_breaks_and_writes_it_down(isac, project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "if slope >= 9.99:\n    raise ValueError('too steep')")
    result = isac(project, "try", "demo", "model", "--sets", "2", "--seed", "13")
    assert result.exit_code == 1, result.output
    assert "too steep" in result.output and "again with --set" in result.output
    files = sorted((project / "build" / "tries" / "demo").glob("model-try-13-*.yml"))
    assert [path.name for path in files] == ["model-try-13-1.yml"]
    assert "slope: 10.0" in files[0].read_text() and "too steep" in files[0].read_text()
    assert list((project / "build" / "runs" / "demo").rglob("try-*")) == []
    section = runs.load_section(project, "demo")
    assert section.schema.load(files[0]) == {"slope": 10.0}


def test_a_trial_that_takes_too_long_is_stopped_and_reported(isac, project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "import time; time.sleep(600)")
    result = isac(project, "try", "demo", "model", "--sets", "1", "--limit", "2")
    assert result.exit_code == 1 and "stopped after 2 s, the limit of a run here" in result.output
    assert "again with --set" in result.output and "1 failed" in result.output
    assert not list((project / "build" / "runs" / "demo" / "model").glob("*"))


@pytest.mark.parametrize("jobs", ["1", "2"], ids=["fork", "process"])
def test_a_trial_in_a_fork_runs_the_same_cells_and_fails_in_the_same_place(isac, project, jobs):
    model = project / "notebooks" / "demo" / "model.py"
    edit(model, "assert slope > 0", "print(f'{float(\"nan\")} of it', slope)\nif slope < 9:\n    1 / 0")
    result = isac(project, "try", "demo", "model", "--sets", "2", "--seed", "13", "--jobs", jobs)
    assert result.exit_code == 1
    assert re.search(r"failed: cell \d+ \(In \[\d+\]\) ZeroDivisionError: division by zero", result.output), result.output
    assert "if slope < 9:" in result.output, "the cell is shown"
    assert re.search(r"model \[try-13-1\+\w+\]: shows nan, inf or a warning: \.\.\. nan of it 10.0", result.output)
    assert "2 runs of 2 sets, 1 failed" in result.output


def test_a_trial_tells_where_a_page_shows_a_warning(isac, project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "import numpy as np\nnp.mean([])")
    result = isac(project, "try", "demo", "model", "--sets", "1", "--seed", "13")
    assert result.exit_code == 0, result.output
    [file] = (project / "build" / "tries" / "demo").glob("*.yml")
    assert file.read_text().startswith("# demo/model shows ") and f"tries/demo/{file.name}" in "".join(result.output.split())
    assert "a warning: ..." in result.output and "RuntimeWarning: Mean of empty slice" in " ".join(result.output.split())


def test_a_fork_that_dies_is_reported_and_the_next_goes_on(isac, project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "import os\nif slope < 9:\n    os._exit(3)")
    result = isac(project, "try", "demo", "model", "--sets", "2", "--seed", "13", "--jobs", "1")
    assert result.exit_code == 1 and "2 runs of 2 sets, 1 failed" in result.output, result.output
    assert re.search(r"failed: cell [1-9]\d* the kernel \S+ ended", " ".join(result.output.split())), result.output


def test_trials_repeat_obey_the_schema_and_reach_the_ends(project):
    edit(
        project / "notebooks" / "demo" / "parameters" / "schema.yml",
        "_section:\n",
        "_section:\n  relations:\n    - that: points >= len(levels)\n      says: more points\n",
    )
    section = runs.load_section(project, "demo")
    found = trial.trial_runs(project, section, section.notebooks, 60, 1)
    assert found == trial.trial_runs(project, section, section.notebooks, 60, 1)
    assert found[:30] == trial.trial_runs(project, section, section.notebooks, 10, 1)
    values = [run.values for run in found if run.notebook == "results"]
    assert {entry["slope"] for entry in values} >= {0.1, 1.0, 10.0}
    assert max(entry["points"] for entry in values) == 5 and min(entry["points"] for entry in values) == 3
    assert all(entry["points"] >= len(entry["levels"]) for entry in values)
    assert {entry["kind"] for entry in values} == {"plain", "fancy"}
    assert {run.baseline for run in found} == {"quick"}


def test_trials_draw_corners(project):
    schema = project / "notebooks" / "demo" / "parameters" / "schema.yml"
    edit(schema, "range: [-100, 100]", "range: [-100, 100]\n  length: [1, 9]")
    edit(schema, "range: [0.1, 10]", "range: [0, 1.0e+9]")
    section = runs.load_section(project, "demo")
    found = trial.trial_runs(project, section, ["results", "what_if"], 60, 0)
    values = [run.values for run in found if run.notebook == "results"]
    slopes, levels = [entry["slope"] for entry in values], [entry["levels"] for entry in values]
    assert {len(entry) for entry in levels} >= {1, 6} and max(map(len, levels)) > 6
    assert any(len(entry) > 1 and len(set(entry)) == 1 for entry in levels)
    assert any(entry == sorted(entry)[::-1] != sorted(entry) for entry in levels), "none falls"
    assert {0.0, 1e9} <= set(slopes) and any(0 < value < 1e-2 for value in slopes) and any(1e6 < value < 1e9 for value in slopes)
    ends = [entry for entry in values if entry["slope"] in (0.0, 1e9) and {*entry["levels"]} <= {-100.0, 100.0}]
    assert len(ends) >= 5
    assert {"", "Half"} <= {run.values["title"][:4] for run in found if run.notebook == "what_if"}


def test_a_step_never_falls_below_that_of_quick_and_is_coarsest_where_the_system_is_large(project):
    schema = project / "notebooks" / "demo" / "parameters" / "schema.yml"
    slope = "slope:\n  type: number\n"
    edit(schema, slope, f"{slope}  size: falling\n")
    edit(schema, "  size: true\n", "")  # points is no work, but the size of a system
    section = runs.load_section(project, "demo")
    values = [run.values for run in trial.trial_runs(project, section, ["results"], 60, 0)]
    quick = trial.basis(section, "results")
    assert all(entry["slope"] >= quick["slope"] for entry in values) and len({entry["slope"] for entry in values}) > 3
    large = [entry for entry in values if entry["points"] > quick["points"]]
    assert large and all(entry["slope"] == section.schema.parameters["slope"].range[1] for entry in large)


def changed(run, quick):
    return {name for name, value in run.values.items() if value != quick[name]}


def test_a_relation_that_hardly_any_draw_obeys_is_obeyed(project):
    names = "slope", "points", "levels"
    quick = runs.load_section(project, "demo").schema.load_named("quick")
    relation = (
        " and ".join(f"{name} == {quick[name]!r}" for name in names) + " or levels == [0.0] or points == 50"
    )  # the default, and paper
    text = f"_section:\n  relations:\n    - that: '{relation}'\n      says: those of quick\n"
    edit(project / "notebooks" / "demo" / "parameters" / "schema.yml", "_section:\n", text)
    section = runs.load_section(project, "demo")
    drawn = [run.values for run in trial.trial_runs(project, section, ["results"], 60, 1)]
    assert all(
        [values[name] for name in names] == [quick[name] for name in names] or values["levels"] == [0.0] for values in drawn
    )


def test_corners_move_one_parameter_to_each_end_and_lists_out_of_order(project):
    section = runs.load_section(project, "demo")
    found, refused = corner_runs(project, section, ["results"])
    quick = trial.basis(section, "results")
    assert not refused and all(len(changed(run, quick)) == 1 for run in found)
    values = {name: [run.values[name] for run in found if changed(run, quick) == {name}] for name in quick}
    assert values["slope"] == [0.1, 10.0] and values["kind"] == ["fancy"] and values["seed"] == [0, 1000000]
    assert values["points"] == [3], "no more work than quick"
    ends = [[-100.0] * 3 + [100.0] * 3, [-100.0, 100.0], [100.0, -100.0]]
    assert values["levels"] == [[-100.0], [100.0], [0.0], [0.0, 0.0], [10.0, 0.0], *ends]


def test_a_corner_that_a_relation_refuses_takes_along_what_it_is_tied_to(project):
    schema = project / "notebooks" / "demo" / "parameters" / "schema.yml"
    relation = "    - that: points >= len(levels) + 2\n      says: more points\n"
    edit(schema, "_section:\n", f"_section:\n  relations:\n{relation}")
    section = runs.load_section(project, "demo")
    found, refused = corner_runs(project, section, ["results"])
    assert [text.partition(":")[0] for text in refused] == ["points low", "levels both"]
    assert all(text.endswith("; more points") for text in refused)
    tied = [run for run in found if "-tied" in run.label]
    assert [(run.values["points"], run.values["levels"]) for run in tied] == [(3, [-100.0])]


def test_some_corners_of_each_notebook_are_chosen_by_the_seed(project):
    section = runs.load_section(project, "demo")
    found, _ = corner_runs(project, section, section.notebooks)
    few, more = trial.some(found, 2, 5), trial.some(found, 4, 5)
    assert {*few} < {*more} < {*found} and few != trial.some(found, 2, 6)
    assert [sum(run.notebook == name for run in few) for name in section.notebooks] == [2, 2, 2]
    assert trial.some(found, 1000, 5) == found


def test_corners_are_run_and_counted(isac, project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "if slope >= 9.99:\n    raise ValueError('too steep')")
    result = isac(project, "try", "demo", "model", "--corners")
    assert result.exit_code == 1 and "too steep" in result.output, result.output
    assert "model-try-slope-high.yml" in result.output
    assert "2 runs of 2 corners, 0 refused before a run, 1 failed, 0 with checks not confirmed" in result.output


def test_a_figure_that_cannot_be_drawn_fails_a_trial(isac, project):
    source = project / "notebooks" / "demo" / "results.py"
    edit(source, "axes.set(", "axes.text(0.5, 0.5, '$\\\\nonsense{$')\naxes.set(")
    result = isac(project, "try", "demo", "results", "--sets", "1", "--seed", "13")
    assert result.exit_code == 1 and "nonsense" in result.output, result.output


def test_a_larger_system_is_tried_with_the_least_work(project):
    schema = project / "notebooks" / "demo" / "parameters" / "schema.yml"
    edit(
        schema, "type: number\n  unit: m\n  range: [0.1, 10]", "type: integer\n  unit: m\n  range: [1, 1000]"
    )  # slope: one in quick
    section = runs.load_section(project, "demo")
    values = [run.values for run in trial.trial_runs(project, section, ["results"], 60, 0)]
    larger = [entry for entry in values if entry["slope"] > 1]
    assert len(larger) > 10 and {entry["points"] for entry in larger} == {3}
    assert {entry["points"] for entry in values if entry["slope"] == 1} > {3, 5}
    (high,) = [run.values for run in corner_runs(project, section, ["results"])[0] if run.label.startswith("try-slope-high")]
    assert (high["slope"], high["points"]) == (1000, 3)


@pytest.mark.parametrize("limit", ["nan", "inf", "0"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(isac, project, limit):
    result = isac(project, "try", "demo", "model", "--limit", limit)
    assert result.exit_code == 2 and "Invalid value for '--limit'" in result.output
