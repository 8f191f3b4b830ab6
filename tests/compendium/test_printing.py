"""The book on paper; the browser that prints it is its own."""

import re

import pytest
from bare_pages import SVG, write
from printed import drawn_per_page
from pypdf import PdfReader

from compendium.cli import pdf
from compendium.runs.contents import read_contents
from compendium.runs.parameters import ParameterError
from compendium.site import printing


@pytest.fixture
def small_site(tmp_path):
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / "a.svg").write_text(SVG)
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "s.css").write_text("@page { size: A4; margin: 20mm } article { break-before: page }")
    head = '<title>{} — Small book</title><link rel="stylesheet" href="{}_static/s.css">'
    write(tmp_path, "book/one.html", '<h1>One<a class="headerlink" href="#x">#</a></h1>', head.format("One", "../"))
    write(
        tmp_path,
        "book/two.html",
        '<h1>Two</h1><p id="here">See <a href="../n/three.html#there">there</a>, <a href="#here">here</a>, '
        '<a href="https://example.org/">far</a> and <a href="gone.html">elsewhere</a>.</p><img src="../_images/a.svg" alt="a">',
        head.format("Two", "../"),
    )
    write(tmp_path, "n/three.html", '<h1>Three</h1><p id="there">There.</p>', head.format("Three", "../"))
    (tmp_path / "_toc.yml").write_text(
        "root: book/one\nparts:\n  - caption: All\n    chapters:\n      - file: book/two\n        sections: [{file: n/three}]\n"
    )
    return tmp_path


def test_the_contents_are_read_and_a_chapter_chosen(small_site):
    parts = read_contents(small_site / "_toc.yml")
    assert [(part.name, part.caption, len(part.documents)) for part in parts] == [("one", "", 1), ("two", "All", 2)]
    assert printing.choose(parts, "two") == [parts[1]]
    with pytest.raises(ParameterError, match="chapters: one, two"):
        printing.choose(parts, "four")


def test_links_lead_inside_the_printed_document(small_site):
    parts = read_contents(small_site / "_toc.yml")
    text = printing.assemble(small_site, parts)
    assert 'href="#n-three--there"' in text and 'id="n-three--there"' in text
    assert 'href="#book-two--here"' in text and 'href="https://example.org/"' in text
    assert "gone.html" not in text and "elsewhere" in text
    assert 'src="_images/a.svg"' in text and 'href="_static/s.css"' in text
    assert text.count("Small book") == 2 and "headerlink" not in text
    identities = re.findall(r'\bid="([^"]*)"', text)
    assert len(identities) == len(set(identities))
    alone = printing.assemble(small_site, parts[1:])
    assert "A chapter of <em>Small book</em>" in alone and "One" not in alone


def test_a_long_listing_breaks_at_an_empty_line_and_keeps_its_indentation(small_site):
    short = [f"    line {number}\n" for number in range(24)]
    long = [*short[:10], "\n", *short, *short]
    assert printing.break_listing("".join(short)) == ["".join(short)]
    pieces = printing.break_listing("".join(long))
    assert "".join(pieces) == "".join(long) and pieces[0] == "".join(long[:11])
    assert min(piece.count("\n") for piece in pieces) >= 6 and max(piece.count("\n") for piece in pieces) <= 24 + 6
    path = small_site / "book" / "two.html"
    path.write_text(path.read_text().replace("</p>", f'</p><div class="highlight"><pre>{"".join(long)}</pre></div>'))
    text = printing.assemble(small_site, read_contents(small_site / "_toc.yml"))
    assert text.count('<span class="isac-print-piece">') == len(pieces) and text.count("    line 9\n") == 3


def test_the_pdf_has_every_page_and_tells_where_it_starts(small_site, browser_available):
    target = small_site / "out" / "small.pdf"
    if not browser_available:
        return
    printing.print_pdf(small_site, read_contents(small_site / "_toc.yml"), target)
    printed = PdfReader(target)
    starts = printing.destinations(printed)
    places = [starts[name] for name in ("book-one", "book-two", "n-three")]
    assert places == sorted(set(places)) and places[-1] == len(printed.pages)
    assert starts["n-three--there"] == places[-1]
    assert min(drawn_per_page(printed)) > 0


def test_the_command_refuses_what_it_cannot_print(small_site, monkeypatch):
    monkeypatch.setattr(pdf, "project_root", lambda: small_site)
    (small_site / "index.html").write_text("")
    (small_site / "n" / "three.html").unlink()
    for arguments, says in ((["four"], "chapters: one, two"), (["two"], "n/three: is not in the built book")):
        with pytest.raises(ParameterError, match=says):
            pdf.pdf.main([*arguments, "--tree", str(small_site)], standalone_mode=False)
