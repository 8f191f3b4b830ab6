"""The built site, page by page."""

import pytest
from small_project import ROOT

from isaclib.compendium import check, runs
from isaclib.compendium.pages import claim_rows


def test_every_page_of_the_contents_is_built(html, pages):
    assert pages and all((html / f"{page}.html").exists() for page in pages)


def test_every_notebook_and_set_has_its_page(pages):
    wanted = {f"notebooks/{run.section}/{run.page}" for run in runs.plan(ROOT, "quick")}
    assert wanted == {page for page in pages if page.startswith("notebooks/")}


def test_links_anchors_descriptions_and_hosts(html, pages):
    assert [str(problem) for problem in check.static_problems(html, pages)] == []


@pytest.mark.parametrize("view", check.VIEWS, ids=str)
def test_pages_in_the_browser(html, pages, view, browser_available):
    if browser_available:
        assert [str(problem) for problem in check.browser_problems(html, pages, [view])] == []


def test_every_figure_offers_its_numbers(html):
    from bs4 import BeautifulSoup

    bare = []
    for page in html.glob("notebooks/*/*.html"):
        text = BeautifulSoup(page.read_text(), "html.parser")
        images = [image for image in text.find_all("img", class_="isac-figure")]
        links = [link for link in text.find_all("a", class_="download") if link["href"].endswith(".csv")]
        if len(images) != len(links):
            bare.append(f"{page.name}: {len(images)} figures, {len(links)} CSV links")
    assert bare == []


def test_every_claim_on_file_was_measured_and_agrees_on_its_identity():
    rows = claim_rows(ROOT, runs.plan(ROOT, "quick"))
    assert [row.claim.id for row in rows if row.found is None] == []
