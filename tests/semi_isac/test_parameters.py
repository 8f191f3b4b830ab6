"""The paper's set in the notebooks is the default of the random scenario, and the ledgers point at tests that exist."""

import ast
from pathlib import Path

import yaml

from isaclib import semi_isac as si

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "semi_isac"


def test_defaults_are_the_paper_set():
    values = yaml.safe_load((FOLDER / "parameters" / "paper.yml").read_text())
    for name, default in si.DEFAULTS.items():
        if name == "reciprocal":
            assert default is False  # as printed; see erratum 002-E6
        elif name == "weights":
            assert [float(weight) for weight in values[name]] == list(default)
        else:
            assert values[name] == default, name


def test_every_erratum_has_its_test():
    root = FOLDER.parents[1]
    entries = yaml.safe_load((FOLDER / "errata.yml").read_text())
    for entry in entries:
        path, name = entry["test"].split("::")
        functions = {node.name for node in ast.walk(ast.parse((root / path).read_text())) if isinstance(node, ast.FunctionDef)}
        assert name in functions
    assert [entry["id"] for entry in entries] == ["002-E2", "002-E3", "002-E5", "002-E6"]
