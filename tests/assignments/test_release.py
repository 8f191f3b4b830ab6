"""Instructor's notebooks are checked, variants draw their numbers, and the archive holds what a student needs and no more."""

import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from classroom_project import TINY, cell, copy_tiny, leaks
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from small_project import ROOT, edit

import isaclib
from compendium.classroom import assignment as classroom
from compendium.classroom import lock
from compendium.classroom import release as released
from compendium.classroom.course import Course
from compendium.runs.parameters import ParameterError

WHEEL = f"isaclib-{isaclib.__version__}-py3-none-any.whl"


@pytest.fixture
def tiny(tmp_path):
    return copy_tiny(tmp_path / "tiny")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive of the tiny assignment in variant 5, opened."""
    root = copy_tiny(tmp_path_factory.mktemp("release") / "tiny")
    before = {path for path in root.rglob("*") if "__pycache__" not in path.parts}
    path = released.release(classroom.load_assignment(root, "tiny", 5), root.parent / "out")
    assert {path for path in root.rglob("*") if "__pycache__" not in path.parts} == before  # the checkout stays as it was
    return zipfile.ZipFile(path)


def test_the_archive_holds_notebook_lock_library_and_steps(archive):
    names = {name.partition("/")[2] for name in archive.namelist()}
    assert {name.partition("/")[0] for name in archive.namelist()} == {"tiny-variant-5"}
    assert names == {"tiny.ipynb", "README.md", "requirements.lock", WHEEL}
    steps = archive.read("tiny-variant-5/README.md").decode()
    assert "--require-hashes -r requirements.lock" in steps and WHEEL in steps
    assert "| `why` | 2 | by hand |" in steps and "Together 7 points: 5 by tests, 2 by hand" in steps
    lock = archive.read("tiny-variant-5/requirements.lock").decode().splitlines()
    packages = [line for line in lock if line and not line.startswith((" ", "#", "-"))]
    assert f"installs at most {len(packages)} packages" in steps


def test_the_lock_of_the_archive_is_a_part_of_ours_that_is_complete(archive):
    ours = (ROOT / "requirements.lock").read_text()
    part = archive.read("tiny-variant-5/requirements.lock").decode()
    entries = re.findall(r"^([a-z0-9-]+)(?:\[\S+\])?==.*?(?=^\S|\Z)", part, re.MULTILINE | re.DOTALL)
    blocks = re.split(r"^(?=[a-z0-9])", part, flags=re.MULTILINE)[1:]
    assert all(block.rstrip() in ours and "--hash=sha256:" in block for block in blocks)
    assert len(entries) < 0.5 * len(re.findall(r"^[a-z0-9-]+(?:\[\S+\])?==", ours, re.MULTILINE))
    assert {"jupyterlab", "ipykernel"} <= set(entries)
    assert not {"sphinx", "nbgrader", "playwright", "pytest", "jupyter-book", "cvxpy", "pandas", "highspy"} & set(entries)
    for name in entries:  # whatever the installed packages ask for here is there, too
        try:
            asked = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of another platform
            continue
        for each in map(Requirement, asked):
            if each.marker is None or each.marker.evaluate({"extra": ""}):
                assert canonicalize_name(each.name) in entries, f"{name} requires {each.name}"


def test_a_lock_holds_what_the_notebook_imports_through_the_library_too():
    cells = ["from isaclib.foundations import montecarlo", "%time\nx = 1", "import os, matplotlib.pyplot"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    assert {"numpy", "scipy", "matplotlib"} <= lock.third_party(ROOT, notebook)
    notebook.cells[0].source = "def f():\n    from isaclib import near_field"
    assert {"cvxpy", "numpy"} <= lock.third_party(ROOT, notebook)
    notebook.cells[0].source = "import nothing_of_ours"
    with pytest.raises(RuntimeError, match="lacks nothing-of-ours"):
        lock.students_lock(ROOT, notebook)


def test_what_the_notebooks_import_is_there_with_the_packages_of_their_lock_alone():
    """The import statements of each assignment run where every other package is refused; equal locks share a run."""
    runs: dict[frozenset[str], set[str]] = {}
    for section in classroom.assignment_names(ROOT):
        notebook = classroom.load_assignment(ROOT, section).notebook
        allowed = {re.split(r"\[|==", line)[0] for line in lock.students_lock(ROOT, notebook).splitlines() if "==" in line}
        assert {"numpy", "matplotlib", "jupyterlab"} <= allowed
        source = "\n".join(each.source for each in notebook.cells if each.cell_type == "code")
        wanted = {line for line in source.splitlines() if re.match(r"(import|from) ", line)}
        assert wanted
        runs.setdefault(frozenset(allowed), set()).update(wanted)
    names = metadata.packages_distributions().items()
    for allowed, wanted in runs.items():
        refused = [name for name, owners in names if not {canonicalize_name(owner) for owner in owners} & {*allowed, "isaclib"}]
        refuse = f"import sys\nsys.modules.update(dict.fromkeys({sorted(set(refused) - {'isaclib', 'compendium'})!r}))\n"
        command = [sys.executable, "-c", refuse + "\n".join(sorted(wanted))]
        subprocess.run(command, check=True, cwd=ROOT, timeout=120)


def test_nothing_in_the_archive_leaks_a_solution(archive, tmp_path):
    assert leaks([Path(archive.filename)]) == []
    archive.extractall(tmp_path)
    (wheel,) = tmp_path.rglob("*.whl")
    names = [*archive.namelist(), *zipfile.ZipFile(wheel).namelist()]
    assert len(names) > 20 and not [name for name in names if name.endswith("assignment.py")]


def test_the_notebook_of_the_archive_is_the_student_version(archive):
    notebook = nbformat.reads(archive.read("tiny-variant-5/tiny.ipynb").decode(), as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.isac == {"assignment": "tiny", "variant": 5}
    assert "raise NotImplementedError()" in cell(notebook, "double").source
    assert "YOUR ANSWER HERE" in cell(notebook, "why").source
    assert "twice the count" in cell(notebook, "double-test").source and "-1.5" not in cell(notebook, "double-test").source
    values = classroom.load_assignment(TINY, "tiny", 5).values
    assert f"count = {values['count']}  # how many" in cell(notebook, "parameters").source


def test_links_lead_to_the_published_book_or_are_titles(monkeypatch):
    text = "The pages [A page](book:notebooks/tiny/model) and *that*."
    assert classroom.linked(text, "") == "The pages *A page* and *that*."
    assert "[A page](https://x.org/b/notebooks/tiny/model.html)" in classroom.linked(text, "https://x.org/b")
    monkeypatch.setenv("ISAC_BOOK", "https://x.org/b/")
    assert classroom.book_address(TINY) == "https://x.org/b"
    released_ = classroom.load_assignment(ROOT, "semi_isac")
    assert "(https://x.org/b/notebooks/semi_isac/model.html)" in released_.notebook.cells[0].source
    assert "https://x.org/b/" in released._readme(released_, WHEEL)


@pytest.mark.parametrize("section", classroom.assignment_names(ROOT))
def test_every_link_of_an_assignment_is_a_page_of_the_book(section):
    source = (ROOT / "notebooks" / section / "assignment.py").read_text(encoding="utf-8")
    pages = re.findall(r"\(book:([\w/]+)\)", re.sub(r"\s*\n# ?", " ", source))
    titles = dict(re.findall(r"\[([^\]]+)\]\(book:([\w/]+)\)", re.sub(r"\s*\n# ?", " ", source)))
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert len(pages) == len(titles) >= 2 and all(f"file: {page}\n" in contents for page in pages)
    for title, page in titles.items():
        assert f"# # {title}\n" in (ROOT / f"{page}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("section", classroom.assignment_names(ROOT))
def test_every_hard_task_has_a_folded_hint(section):
    for text in (each.source for each in classroom.load_assignment(ROOT, section).notebook.cells):
        task = re.match(r"## Task (\d): .*\(4 points\)", text)
        if task:
            assert f"<details><summary>A hint for task {task[1]}, which is a hard one</summary>\n\n" in text
        assert text.count("<details>") == text.count("\n\n</details>")


def test_equal_releases_are_equal_bytes(archive, tiny, tmp_path):
    again = released.release(classroom.load_assignment(tiny, "tiny", 5), tmp_path / "b")
    assert again.read_bytes() == Path(archive.filename).read_bytes()


def test_without_a_variant_the_numbers_stand_as_written():
    chosen = classroom.load_assignment(TINY, "tiny")
    assert chosen.values == {"count": 3, "slope": 0.5, "levels": [1.0, 20.0], "order": 2}
    assert chosen.label == "tiny" and chosen.automatic_points == 5


def test_variants_stay_in_their_ranges_and_can_be_repeated():
    drawn = [classroom.load_assignment(TINY, "tiny", seed).values for seed in range(40)]
    assert {values["count"] for values in drawn} == set(range(2, 10))
    assert {values["slope"] for values in drawn} == {0.25, 0.5, 0.75, 1.0, 1.25, 1.5}
    assert {values["order"] for values in drawn} == {2, 4, 8}
    assert all(0 <= low <= 2 and 10 <= high <= 30 for low, high in (values["levels"] for values in drawn))
    assert classroom.load_assignment(TINY, "tiny", 7).values == drawn[7]


def test_a_new_parameter_leaves_the_others_as_they_were():
    source = "a = 1  # variant: 0..9"
    alone = classroom.vary(source, 3)[1]["a"]
    assert classroom.vary("b = 2  # variant: 0..9\n" + source, 3)[1]["a"] == alone


@pytest.mark.parametrize(
    "source, says",
    [
        ("a = 1  # variant: 2..5", "outside its range"),
        ("a = [1, 2]  # variant: 0..5 | 0..5 | 0..5", "3 ranges"),
        ("a = 1  # variant: one of 2, 3", "not among its choices"),
        ("a = 1  # variant: some number", "low..high"),
        ("a = b", "literal"),
        ("a = [\n    1,\n]", "on one line"),
    ],
)
def test_a_rule_that_cannot_be_right_is_refused(source, says):
    with pytest.raises(ParameterError, match=says):
        classroom.vary(source, 1)


@pytest.mark.parametrize(
    "old, new, says",
    [
        ('{"grade_id": "line-test", "grade": true, "points": 3}', '{"grade_id": "line-test", "grade": true}', "no points"),
        ('{"grade_id": "line-test"', '{"grade_id": "lines-test"', "tests no answer cell"),
        ('"grade_id": "why"', '"grade_id": "line"', "an id of its own"),
        ('nbgrader={"grade_id": "line-test", "grade": true, "points": 3}', "", "an answer that nothing grades"),
        (' nbgrader={"grade_id": "double-test", "grade": true, "points": 2}', "", "hidden region but no nbgrader metadata"),
        ('tags=["parameters"] ', "", "exactly one locked cell"),
        ("    ### BEGIN SOLUTION\n    # SENTINEL-TINY-2\n", "", "no solution region"),
    ],
)
def test_a_malformed_notebook_is_refused(tiny, old, new, says):
    edit(tiny / "notebooks" / "tiny" / "assignment.py", old, new)
    with pytest.raises(ParameterError, match=says):
        classroom.load_assignment(tiny, "tiny")


def test_an_unknown_section_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match="assignments: tiny"):
        classroom.load_assignment(TINY, "tinny")


def test_an_unfinished_solution_region_is_not_released(tiny, tmp_path):
    from compendium.classroom.course import GradingFailed

    edit(tiny / "notebooks" / "tiny" / "assignment.py", "    return slope * x\n    ### END SOLUTION", "    return slope * x")
    with pytest.raises(GradingFailed, match="no end solution"):
        Course(tmp_path / "course", classroom.load_assignment(tiny, "tiny")).generate()
