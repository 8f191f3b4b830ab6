"""The kinds of cell: set-up and show are folded by a tag that stands in the notebook, what a reader must understand is open."""

import re

import pytest
from small_project import ROOT

NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").glob("*/*.py") if path.stem != "assignment")
SHOWS = re.compile(r"^\s*((figures|explorers)\.show|claims\.record|tables\.table)\(", re.M)
IMPORTS = re.compile(r"^(from|import) ", re.M)


def code_cells(path):
    """Head and source of every code cell."""
    parts = re.split(r"(?m)^(# %%.*)$", path.read_text())
    return [(head, body) for head, body in zip(parts[1::2], parts[2::2]) if "[markdown]" not in head]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_set_up_and_show_are_folded(path):
    for head, body in code_cells(path):
        if '"parameters"' not in head and (SHOWS.search(body) or IMPORTS.search(body)):
            assert '"hide-input"' in head, body.strip()[:200]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_open_cells_draw_nothing(path):
    for head, body in code_cells(path):
        if '"hide-input"' not in head and '"parameters"' not in head:
            assert "plotting.subplots(" not in body, body.strip()[:200]
