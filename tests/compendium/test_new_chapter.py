"""A new chapter from the template: it is in every list, its sets pass its schema, its tests pass, its style is the project's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from small_project import ROOT

from compendium.cli import chapter as cli
from compendium.runs import plan as runs
from compendium.runs.contents import section_names, toc_pages
from compendium.runs.errors import ParameterError
from compendium.site import ledgers, new_chapter

NAME = "harvest_link"
FOR_ALL = ("layering", "cells", "doctests", "ledgers", "wheel")  # tests of the project that go through all chapters


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """What of the project the command reads and changes, and the science that the chapter stands on."""
    folder = tmp_path_factory.mktemp("new") / "project"
    ignore = shutil.ignore_patterns("__pycache__", "near_field", "semi_isac", "ofdm_ranging", "network_localization")
    shutil.copytree(ROOT / "isaclib", folder / "isaclib", ignore=ignore)
    for path in [
        *ROOT.glob("notebooks/*/*.yml"),
        ROOT / "_toc.yml",
        *(ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")),
        ROOT / "tests" / "data" / "papers.yml",
        *(ROOT / "tests" / f"{name}.py" for name in ("small_project", "chapters", "cells")),
        *(ROOT / "tests" / "project" / f"test_{name}.py" for name in FOR_ALL),
    ]:
        (folder / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.relative_to(ROOT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "project_root", lambda: folder)
        result = CliRunner().invoke(cli.new_chapter, [NAME, "--title", "Harvested link"])
    assert result.exit_code == 0 and "required: tests/harvest_link" in result.output and "next: isac run" in result.output
    return folder


def test_it_stands_in_the_contents_and_its_pages_exist(root):
    pages = [page for page in toc_pages(root / "_toc.yml") if NAME in page]
    assert pages == [
        f"book/{NAME}",
        *(f"notebooks/{NAME}/{page}" for page in ("model", "results", "what_if_more_power")),
        f"book/api/{NAME}",
    ]
    assert all((root / f"{page}.md").exists() for page in (pages[0], pages[-1]))
    assert section_names(root) == [NAME] and "Harvested link" in (root / f"{pages[0]}.md").read_text()


def test_its_contracts_and_its_paper_are_listed(root):
    text = (root / "pyproject.toml").read_text()
    assert f"near_field | {NAME}" in text and f'"isaclib.{NAME}"]' in text
    papers = yaml.safe_load((root / "tests" / "data" / "papers.yml").read_text())
    (claim,) = ledgers.load_claims(root / "notebooks" / NAME)
    (erratum,) = ledgers.load_errata(root / "notebooks" / NAME, root)
    assert set(papers[NAME]["claims"]) == {claim.id} and set(papers[NAME]["errata"]) == {erratum.id}
    others = {key for name, paper in papers.items() if name != NAME for key in (*paper["claims"], *paper["errata"])}
    assert claim.id[:3] not in {key[:3] for key in others}


def test_schema_sets_and_defaults_agree(root):
    section = runs.load_section(root, NAME)
    assert section.notebooks == ("model", "results", "what_if") and section.schema.what_ifs() == ["more_power"]


def pytest_on(root: Path, *words: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLIPCOVER")}  # coverage is this suite's
    environment = {**kept, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_its_tests_pass_and_those_for_all_chapters(root):
    pytest_on(root, f"tests/{NAME}")
    said = pytest_on(root, "-rA", "-k", NAME, *(f"tests/project/test_{name}.py" for name in FOR_ALL))
    assert {name for name in FOR_ALL if f"test_{name}.py::" in said} == {*FOR_ALL}
    page = (root / "book" / "api" / f"{NAME}.md").read_text()
    for path in (root / "isaclib" / NAME).glob("[!_]*.py"):
        assert f".. automodule:: isaclib.{NAME}.{path.stem}\n" in page


def test_its_style_is_the_project_s(root):
    ruff = Path(sys.executable).with_name("ruff")
    # What counts as an import of our own depends on the folders of the whole checkout, which are not here.
    for words in (["check", "--no-cache", "--ignore", "I001"], ["format", "--check", "--no-cache"]):
        files = [str(path) for folder in ("isaclib", "tests", "notebooks") for path in (root / folder / NAME).glob("*.py")]
        done = subprocess.run([ruff, *words, *files], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    left = [path for path in root.rglob("*") if path.is_file() and NAME in str(path) and b"sample" in path.read_bytes().lower()]
    assert [path for path in left if path.suffix != ".pyc"] == []


@pytest.mark.parametrize(
    "name",
    ["Link", "2d", "class", "a-b", "true", "null", "on", "wireless_powered", NAME, "project", "data", "cells", "instances"],
)
def test_a_name_that_cannot_be_is_refused(root, name):
    with pytest.raises(ParameterError, match=r"is no name of a package|is taken"):
        new_chapter.make(root, name, "Title")


@pytest.mark.parametrize("title", ["", " ", 'A """ in it', "a \\N", "two\nlines"])
def test_a_title_that_would_break_a_docstring_is_refused(root, title):
    with pytest.raises(ParameterError, match="is no title"):
        new_chapter.make(root, "another", title)
    assert not (root / "isaclib" / "another").exists()
