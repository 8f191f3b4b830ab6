"""Solutions of assignments stay out of everything that is published."""

import gzip
import io
import json
import zipfile
import zlib

import pytest
from classroom_project import SENTINEL, leaks
from small_project import ROOT

from compendium.classroom import assignment as classroom
from compendium.runs import plan as runs
from compendium.site import launch_tree as publishing

PLANTED = b"# SENTINEL-DEMO-HIDDEN-1: the answer"


def in_archives(content: bytes) -> bytes:
    """A zip file in a zip file."""
    for name in ("inner.csv", "outer.zip"):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        content = file.getvalue()
    return content


def indexed(html, word: str) -> set[str]:
    """Pages that the search knows under a word; its index holds words alone, no text."""
    index = json.loads((html / "searchindex.js").read_text().partition("(")[2].rpartition(")")[0])
    found = [index[table].get(word, []) for table in ("terms", "titleterms")]
    return {index["docnames"][page] for pages in found for page in (pages if isinstance(pages, list) else [pages])}


def test_every_assignment_has_sentinels_to_look_for():
    for section in classroom.assignment_names(ROOT):
        assert len(SENTINEL.findall((ROOT / "notebooks" / section / "assignment.py").read_bytes())) >= 6, section


@pytest.mark.parametrize(
    "content",
    [PLANTED, in_archives(PLANTED), gzip.compress(PLANTED), b"# Sphinx inventory version 2\n#\n#\n#\n" + zlib.compress(PLANTED)],
    ids=["plain", "archive in an archive", "gzip", "inventory"],
)
def test_a_solution_is_found_wherever_it_hides(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert len(leaks([path])) == 1
    path.write_bytes(b"# SENTINEL-<SECTION>-1")
    assert leaks([path]) == []


def test_no_solution_can_be_found_by_the_search(html):
    assert "book/instructors" in indexed(html, "rubric")
    assert indexed(html, "sentinel") <= {"book/instructors"}  # which says what a sentinel is


def test_no_solution_is_in_the_built_book(html):
    published = [path for path in html.rglob("*") if path.is_file()]
    assert any(path.name == "searchindex.js" for path in published) and any("_sources" in path.parts for path in published)
    assert any(path.name == "isac_numbers.zip" for path in published)
    assert leaks(published) == []
    assert [str(path) for path in published if path.stem == "assignment"] == []


def test_no_solution_is_in_the_folder_behind_the_launch_buttons(html, tmp_path):
    """``html``: its runs are the ones that are copied."""
    files = publishing.launch_tree(ROOT, runs.plan(ROOT, "quick"), tmp_path / "tree")
    assert {path.parent.name for path in files if path.suffix == ".ipynb"} >= set(classroom.assignment_names(ROOT))
    assert [str(path) for path in files if path.stem == "assignment" or SENTINEL.search(path.read_bytes())] == []
