"""The built site, page by page, in its files; a browser looks at the pages of the published book (``isac book``)."""

import re

import yaml
from small_project import ROOT

from compendium.audit.static import soup, static_problems
from compendium.runs import plan as runs
from compendium.site.ledgers import claim_rows
from compendium.site.pages import figure_entries, section_titles


def test_every_page_of_the_contents_is_built(html, pages):
    assert pages and all((html / f"{page}.html").exists() for page in pages)


def test_every_notebook_and_set_has_its_page(pages):
    wanted = {f"notebooks/{run.section}/{run.page}" for run in runs.plan(ROOT, "quick")}
    assert wanted == {page for page in pages if page.startswith("notebooks/")}


def test_links_anchors_descriptions_and_hosts(html, pages):
    assert [str(problem) for problem in static_problems(html, pages)] == []


def test_every_figure_offers_its_numbers(html):
    bare = []
    for page in html.glob("notebooks/*/*.html"):
        images = [image for image in soup(page).find_all("img", class_="isac-figure")]
        links = [link for link in soup(page).find_all("a", class_="download") if link["href"].endswith(".csv")]
        if len(images) != len(links):
            bare.append(f"{page.name}: {len(images)} figures, {len(links)} CSV links")
    assert bare == []


def test_every_claim_on_file_was_measured(html):
    rows = claim_rows(ROOT, runs.plan(ROOT, "quick"))
    assert [row.claim.id for row in rows if row.found is None] == []


def test_every_row_of_the_ledger_leads_to_the_cell_that_measured_it(html):
    claims = html / "book" / "claims.html"
    rows = {row.claim.id: row for row in claim_rows(ROOT, runs.plan(ROOT, "quick"))}
    lines = soup(claims).select("main table tbody tr")
    assert sorted(line.td.get_text(strip=True) for line in lines) == sorted(rows)
    for line in lines:
        identifier = line.td.get_text(strip=True)
        page, _, anchor = line.td.a["href"].partition("#")
        target = (claims.parent / page).resolve()
        box = soup(target).find(id=anchor)
        assert "isac-claim" in box["class"], identifier
        assert box.get_text(" ", strip=True).startswith(f"Claim {identifier}: {rows[identifier].found['verdict']}")
        judged = line.find_all("td")[-1].get_text("|", strip=True).split("|")
        assert rows[identifier].found["set"] in judged and len(judged) <= 1 + len(rows[identifier].others), identifier


def test_ledgers_gallery_and_runs_name_the_chapters_as_their_pages_do(html):
    papers = yaml.safe_load((ROOT / "tests" / "data" / "papers.yml").read_text())
    for section, title in section_titles(ROOT, papers).items():
        own = soup(html / "book" / f"{section}.html").h1.find(string=True, recursive=False)
        assert own.strip() == title
        for page in ("claims", "errata", "gallery"):
            headings = [
                heading.find(string=True, recursive=False) for heading in soup(html / "book" / f"{page}.html").find_all("h2")
            ]
            assert title in headings, page


def test_no_two_cards_of_the_gallery_share_a_name(html):
    for part in soup(html / "book" / "gallery.html").select("main section section"):
        names = [card.get_text(strip=True) for card in part.select(".sd-card-title")]
        assert len(names) == len(set(names)) > 0, sorted(name for name in names if names.count(name) > 1)


def test_every_figure_of_the_papers_is_in_the_book(html):
    """``html``: its runs left the figures."""
    papers = yaml.safe_load((ROOT / "tests" / "data" / "papers.yml").read_text())
    found = {section: set() for section in papers}
    for run in runs.plan(ROOT, "quick"):
        if run.section in papers and run.notebook != "what_if":
            named = (re.sub(r"[()]", "", entry["paper"]) for entry in figure_entries(run))
            found[run.section] |= {figure for figure in named if figure}
    assert found == {section: set(paper["figures"]) for section, paper in papers.items()}


def test_no_launch_button_without_a_repository(html):
    assert [page.name for page in html.glob("notebooks/*/*.html") if soup(page).find(class_="dropdown-launch-buttons")] == []
