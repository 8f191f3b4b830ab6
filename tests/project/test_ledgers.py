"""The ledgers against the list of all figures, claims and errata of the papers: nothing missing, nothing unheard of."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from small_project import ROOT

PAPERS = yaml.safe_load((ROOT / "tests" / "data" / "papers.yml").read_text())


def on_file(section: str, name: str) -> set[str]:
    return {entry["id"] for entry in yaml.safe_load((ROOT / "notebooks" / section / name).read_text()) or []}


def figures_named(path: Path) -> set[str]:
    """The paper's figures that a notebook names: strings that are nothing but "Fig. 3" or "Fig. 3(a)"."""
    strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    numbers = (re.fullmatch(r"Fig\. (\d+)\(?([a-z]?)\)?", text) for text in strings if isinstance(text, str))
    return {f"Fig. {number[1]}{number[2]}" for number in numbers if number}


def test_the_list_covers_every_section_with_a_paper():
    with_claims = {path.parent.name for path in ROOT.glob("notebooks/*/claims.yml") if on_file(path.parent.name, "claims.yml")}
    assert with_claims == set(PAPERS)


@pytest.mark.parametrize("section", PAPERS)
def test_every_claim_is_on_file_and_every_claim_on_file_is_of_the_paper(section):
    assert on_file(section, "claims.yml") == set(PAPERS[section]["claims"])


@pytest.mark.parametrize("section", PAPERS)
def test_every_erratum_is_on_file_and_every_erratum_on_file_is_known(section):
    listed, ours, left_out = (PAPERS[section].get(part, {}) for part in ("errata", "ours", "left_out"))
    assert on_file(section, "errata.yml") == {*listed, *ours}
    assert not set(left_out) & {*listed, *ours}
    assert all(len(reason) > 20 for reason in (*left_out.values(), *ours.values()))


@pytest.mark.parametrize("section", PAPERS)
def test_identifiers_are_numbered_without_holes(section):
    """A number that nobody accounts for would be an entry that was lost."""
    paper = PAPERS[section]
    for part, letter in (
        (paper["claims"], "C"),
        ({**paper["errata"], **paper.get("ours", {}), **paper.get("left_out", {})}, "E"),
    ):
        numbers = {int(re.fullmatch(rf"\d{{3}}-{letter}(\d+)[a-z]?", identifier)[1]) for identifier in part}
        assert numbers == set(range(1, max(numbers) + 1))


@pytest.mark.parametrize("section", PAPERS)
def test_every_figure_is_rebuilt_and_every_figure_named_is_of_the_paper(section):
    base = [path for path in (ROOT / "notebooks" / section).glob("*.py") if path.stem not in ("what_if", "assignment")]
    assert set().union(*map(figures_named, base)) == set(PAPERS[section]["figures"])
    assert figures_named(ROOT / "notebooks" / section / "what_if.py") <= set(PAPERS[section]["figures"])


def test_the_second_look_tells_what_became_of_every_erratum_that_is_no_longer_listed():
    told, full = ((ROOT / "book" / page).read_text() for page in ("second_look.md", "errata.md"))
    struck = {identifier for paper in PAPERS.values() for identifier in paper.get("left_out", {})}
    assert all(identifier in full for identifier in struck)
    assert all(f"| {identifier} |" in told for identifier in struck - {"000-E8"})  # which was never listed
    listed = {identifier.lower() for section in PAPERS for identifier in on_file(section, "errata.yml")}
    assert set(re.findall(r"<erratum-(\w+-\w+)>", told)) <= listed
