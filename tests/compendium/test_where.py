"""Which checkout the command works on: where it is called, what the variable names, and that it says so."""

import os
import shutil
import subprocess
import sys

import pytest
from small_project import ROOT

from compendium.cli import main as cli
from compendium.notebook import context


def test_the_nearest_folder_above_is_taken(project, monkeypatch):
    monkeypatch.chdir(project / "notebooks" / "demo")
    assert context.project_root() == project
    assert cli.where_it_works(project / "notebooks" / "demo") == []


def test_the_variable_comes_first_and_is_said(project, monkeypatch):
    monkeypatch.setenv("ISAC_ROOT", str(project))
    monkeypatch.chdir(ROOT)
    assert context.project_root() == project
    assert cli.where_it_works(ROOT) == [f"works on {project}"]


def test_elsewhere_the_package_s_own_checkout_is_taken_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert context.project_root() == ROOT
    assert cli.where_it_works(tmp_path) == [f"works on {ROOT}"]


def test_a_variable_that_names_no_checkout_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ISAC_ROOT", str(tmp_path))
    with pytest.raises(context.NoCheckout, match=r"ISAC_ROOT names .*, which is no checkout"):
        context.project_root()
    assert cli.where_it_works(tmp_path) == []


def test_a_copy_with_a_library_of_its_own_says_whose_library_counts(project, monkeypatch):
    (project / "isaclib").mkdir()
    monkeypatch.chdir(project)
    (note,) = cli.where_it_works(project)
    assert note.startswith(f"runs the notebooks of {project} with the library of {ROOT}")


def test_the_command_in_a_copy_lists_the_copy(project):
    shutil.move(project / "notebooks" / "demo", project / "notebooks" / "trial")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "compendium.cli.main"]
    done = subprocess.run([*command, "list"], cwd=project / "book", env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "trial" in done.stdout and "wireless_powered" not in done.stdout and done.stderr == ""
    refused = subprocess.run(
        [*command, "list"], cwd=project, env={**environment, "ISAC_ROOT": "/"}, capture_output=True, text=True
    )
    assert refused.returncode == 2 and "isac: ISAC_ROOT names /, which is no checkout" in refused.stdout
