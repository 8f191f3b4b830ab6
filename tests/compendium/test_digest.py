"""A run's digest is its import closure: what it imports makes it due, what it does not leaves it alone."""

import shutil
from pathlib import Path

import pytest
from small_project import ROOT

from compendium.runs import digest
from compendium.runs import plan as runs

NOTEBOOK = "from isaclib import wireless_powered as wp\nfrom compendium.notebook import figures\n%matplotlib inline\n"


@pytest.fixture
def copies(monkeypatch, tmp_path) -> dict[str, Path]:
    """Copies of both packages that a test may edit."""
    ignored = shutil.ignore_patterns("__pycache__")
    homes = {name: Path(shutil.copytree(home, tmp_path / name, ignore=ignored)) for name, home in digest.HOMES.items()}
    monkeypatch.setattr(digest, "HOMES", homes)
    return homes


def test_a_closure_holds_packages_lazy_imports_and_the_executing_process():
    found = digest.closure(NOTEBOOK)
    assert {"isaclib", "isaclib.wireless_powered", "isaclib.wireless_powered.exact", "isaclib.foundations.certificate"} <= found
    assert {"compendium.notebook.figures", "compendium.notebook.context", digest.CHILD} <= found
    assert not any(name.startswith(("isaclib.near_field", "compendium.site", "compendium.cli")) for name in found)
    assert "isaclib.foundations.conic" in digest.closure("def late():\n    from isaclib.foundations import conic\n")
    assert "isaclib.near_field" in digest.closure("import importlib\nimportlib.import_module('isaclib.near_field')\n")


@pytest.mark.parametrize(
    "source", ["from isaclib import *", "import importlib\nimportlib.import_module(name)", "__import__(name)"]
)
def test_what_cannot_be_resolved_counts_as_everything(source):
    found = digest.closure(source)
    assert {"isaclib.near_field.exact", "isaclib.semi_isac.exact", "compendium.site.printing"} <= found


@pytest.mark.parametrize(
    ("module", "due"),
    [
        ("compendium/site/printing.py", False),
        ("compendium/cli/main.py", False),
        ("compendium/notebook/figures.py", True),
        ("compendium/runs/child.py", True),
        ("isaclib/wireless_powered/exact.py", True),
        ("isaclib/near_field/exact.py", False),
        ("isaclib/foundations/units.py", True),
    ],
)
def test_an_edit_makes_due_what_imports_it(copies, module, due):
    before = digest.modules_of(NOTEBOOK)
    home, _, path = module.partition("/")
    with (copies[home] / path).open("a") as file:
        file.write("# changed\n")
    after = digest.modules_of(NOTEBOOK)
    assert (before != after) == due
    assert digest.changes({"modules": before}, {"modules": after}) == ([module[:-3].replace("/", ".")] if due else [])


def test_an_edit_of_a_chapter_makes_only_its_runs_and_the_synthesis_due(copies):
    before = {run: run.digest() for run in runs.plan(ROOT, "paper")}
    with (copies["isaclib"] / "semi_isac" / "exact.py").open("a") as file:
        file.write("# changed\n")
    changed = {run.section for run, old in before.items() if run.digest() != old}
    assert changed == {"semi_isac", "compendium"}
    with (copies["compendium"] / "site" / "printing.py").open("a") as file:
        file.write("# changed\n")
    assert {run.section for run, old in before.items() if run.digest() != old} == changed


def test_changes_name_values_and_parts():
    old = {"values": {"draws": 3, "seed": 1}, "notebook": "a", "lock": "x"}
    new = {"values": {"draws": 4, "seed": 1}, "notebook": "b", "lock": "x"}
    assert digest.changes(old, new) == ["notebook", "value draws"]
