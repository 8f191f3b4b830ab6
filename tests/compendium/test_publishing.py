"""The folder behind launch buttons: every executed notebook, its environment, and nothing for instructors."""

import json

import nbformat
import pytest
from small_project import edit

from compendium.runs import plan as runs
from compendium.site import launch_tree as publishing


@pytest.fixture
def tree(finished, tmp_path):
    files = publishing.launch_tree(finished, runs.plan(finished, "quick"), tmp_path / "tree")
    return tmp_path / "tree", [str(path.relative_to(tmp_path / "tree")) for path in files]


def test_every_notebook_of_the_book_is_there_with_its_results(tree):
    folder, files = tree
    notebooks = [name for name in files if name.endswith(".ipynb")]
    assert notebooks == [f"notebooks/demo/{name}.ipynb" for name in ("model", "results", "what_if_louder")]
    results = nbformat.read(folder / notebooks[1], as_version=4)
    assert any("image/svg+xml" in json.dumps(cell.get("outputs", [])) for cell in results.cells)
    what_if = nbformat.read(folder / notebooks[2], as_version=4)
    assert what_if.cells[0].source.startswith("# A steeper parabola")


def test_a_what_if_finds_the_numbers_it_compares_itself_with(tree):
    assert "build/runs/demo/results/quick/figures/parabola.csv" in tree[1]


def test_the_environment_is_the_lock(finished_copy, tmp_path):
    publishing.launch_tree(finished_copy, runs.plan(finished_copy, "quick"), tmp_path / "tree")
    binder = tmp_path / "tree" / ".binder"
    assert (binder / "requirements.txt").read_text() == (finished_copy / "requirements.lock").read_text()
    assert (binder / "postBuild").stat().st_mode & 0o100
    assert (tmp_path / "tree" / "compendium" / "notebook" / "figures.py").exists()


def test_instructors_notebooks_stay_behind(finished_copy, tmp_path):
    folder = finished_copy / "notebooks" / "demo"
    (folder / "assignment.py").write_text("# %%\nsecret = 'SENTINEL-DEMO-1'\n")
    (folder / "assignment.ipynb").write_text("{}")
    files = publishing.launch_tree(finished_copy, runs.plan(finished_copy, "quick"), tmp_path / "tree")
    assert [path for path in files if path.stem == "assignment" or b"SENTINEL-DEMO-1" in path.read_bytes()] == []


def test_an_earlier_tree_is_replaced_and_a_strange_folder_is_not(finished, tree, tmp_path):
    plan, (folder, _) = runs.plan(finished, "quick"), tree
    (folder / "stray.ipynb").write_text("{}")
    publishing.launch_tree(finished, plan, folder)
    assert not (folder / "stray.ipynb").exists()
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.tex").write_text("x")
    with pytest.raises(publishing.LaunchTreeError, match="something else"):
        publishing.launch_tree(finished, plan, strange)
    assert (strange / "thesis.tex").exists()


def test_a_run_of_older_sources_is_named(finished_copy, tmp_path):
    edit(finished_copy / "notebooks" / "demo" / "model.py", "slope * 2", "slope * 3")
    with pytest.raises(publishing.LaunchTreeError, match=r"present sources: demo/model \[quick\]"):
        publishing.launch_tree(finished_copy, runs.plan(finished_copy, "quick"), tmp_path / "tree")


def test_a_missing_run_is_named(project, tmp_path):
    with pytest.raises(publishing.LaunchTreeError, match=r"demo/model \[quick\]"):
        publishing.launch_tree(project, runs.plan(project, "quick"), tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
