"""The opening pages of the chapters follow one template, so that a reader of one knows where to look in the next."""

import re

import pytest
from small_project import ROOT

CHAPTERS = sorted(path.parent.name for path in (ROOT / "notebooks").glob("*/what_if.py"))
TEMPLATE = ["The question", "The answer in three sentences", "Try it", "The system", "The notebooks", "Parameter sets"]
TEMPLATE.append("Exercises")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_opening_has_every_part_in_the_same_order(chapter):
    text = (ROOT / "book" / f"{chapter}.md").read_text()
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert [heading for heading in headings if heading in TEMPLATE] == TEMPLATE
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert "**" in parts["The question"] and "?**" in parts["The question"], "the question itself is in bold"
    answer = parts["The answer in three sentences"]
    assert len(re.findall(r"(?<![A-Z])[.!?](?:\s|$)", re.sub(r"```.*", "", answer, flags=re.S))) == 3
    assert answer.count("```{image}") == parts["The system"].count("```{image}") == 1
    assert "```{figure}" not in text, "a picture has one number, in the notebook that makes it"
    assert f"generated/explorer_{chapter}_" in parts["Try it"] and f"generated/parameters_{chapter}.md" in parts["Parameter sets"]
    assert "In code:\n\n```python" in parts["The notebooks"]


def test_a_formula_of_another_page_says_which_page():
    sources = [*(ROOT / "book").glob("*.md"), *ROOT.glob("notebooks/*/*.py")]
    pages = {path: path.read_text() for path in sources}
    home = {label: path for path, text in pages.items() for label in re.findall(r":label: ([a-z]{2}-[\w-]+)$", text, re.M)}
    bare = [
        f"{path.relative_to(ROOT)}: {found[1]}"
        for path, text in pages.items()
        for found in re.finditer(r"\{eq\}`([\w-]+)`(?! of \{doc\}`/([\w/]+)`)", text)
        if home.get(found[1], path) != path
    ]
    assert not bare and len(home) > 20
