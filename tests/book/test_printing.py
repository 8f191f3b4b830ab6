"""The book on paper; the browser that prints it is its own."""

from printed import drawn_per_page
from pypdf import PdfReader
from small_project import ROOT

from compendium.runs.contents import read_contents
from compendium.site import printing


def test_a_chapter_on_paper(html, browser_available, tmp_path):
    if not browser_available:
        return
    parts = printing.choose(read_contents(ROOT / "_toc.yml"), "wireless_powered")
    target = tmp_path / "chapter.pdf"
    printing.print_pdf(html, parts, target)
    printed = PdfReader(target)
    starts = printing.destinations(printed)
    places = [starts[printing.slug(document)] for document in parts[0].documents]
    assert places == sorted(set(places)) and len(printed.pages) > 20
    drawn = drawn_per_page(printed)
    assert min(drawn[2:]) > 3, [
        number for number, count in enumerate(drawn, 1) if count <= 3
    ]  # running head and page number are two
    assert target.stat().st_size < 6_000_000
