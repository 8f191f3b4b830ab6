"""Solutions of assignments stay out of everything that is published."""

import re

from small_project import ROOT

from isaclib.compendium import classroom, publishing, runs

SENTINEL = re.compile(rb"SENTINEL-[A-Z-]+-\d")


def test_every_assignment_has_sentinels_to_look_for():
    for section in classroom.assignment_names(ROOT):
        assert len(SENTINEL.findall((ROOT / "notebooks" / section / "assignment.py").read_bytes())) >= 6, section


def test_no_solution_is_in_the_built_book(html):
    published = [path for path in html.rglob("*") if path.is_file()]
    assert any(path.name == "searchindex.js" for path in published) and any("_sources" in path.parts for path in published)
    assert [str(path) for path in published if SENTINEL.search(path.read_bytes())] == []
    assert [str(path) for path in published if path.stem == "assignment"] == []


def test_no_solution_is_in_the_folder_behind_the_launch_buttons(html, tmp_path):
    """``html``: its runs are the ones that are copied."""
    files = publishing.launch_tree(ROOT, runs.plan(ROOT, "quick"), tmp_path / "tree")
    assert {path.parent.name for path in files if path.suffix == ".ipynb"} >= set(classroom.assignment_names(ROOT))
    assert [str(path) for path in files if path.stem == "assignment" or SENTINEL.search(path.read_bytes())] == []
