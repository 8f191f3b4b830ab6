"""What is done for readers: the last hand on pages, axe, weights, scripts."""

import re
import socket
import struct
import urllib.request

import pytest
from bare_pages import SVG, write
from small_project import ROOT

from compendium.audit.accessibility import Auditor
from compendium.audit.static import MOST_BYTES, static_problems
from compendium.browser.chromium import VIEWS, View, reader
from compendium.browser.server import serve
from compendium.site import polish
from compendium.site.claims_figure import LOOKS
from isaclib.foundations import plotting

# ---------------------------------------------------------------- the last hand


def test_images_say_their_size_and_wait(tmp_path):
    (tmp_path / "a.svg").write_text(SVG)
    path = write(tmp_path, "p.html", '<img src="a.svg" alt="a > b"><img src="gone.svg" alt="x">')
    polish.polish(tmp_path)
    text = path.read_text()
    assert '<img loading="lazy" width="120" height="60" src="a.svg"' in text
    assert '<img src="gone.svg"' in text
    polish.polish(tmp_path)
    assert path.read_text() == text


def test_an_identity_is_given_once(tmp_path):
    path = write(tmp_path, "p.html", '<section id="twice">1</section><section class="x" id="twice">2</section><p id="once">3</p>')
    polish.polish(tmp_path)
    assert path.read_text().count('id="twice"') == 1
    assert '<section class="x">2' in path.read_text() and 'id="once"' in path.read_text()


def test_a_reference_is_an_item_of_its_list(tmp_path):
    path = write(tmp_path, "p.html", '<div role="list"><div class="citation" role="doc-biblioentry">Boyd</div></div>')
    polish.polish(tmp_path)
    assert '<div role="list"><div class="citation" role="listitem">' in path.read_text()


def test_the_name_of_the_book_is_a_landmark(tmp_path):
    logo = '<div class="sidebar-primary-item">\n <a class="navbar-brand logo" href="#">Book</a></div>'
    path = write(tmp_path, "p.html", logo + '<div class="sidebar-primary-item"><nav></nav></div>')
    for _ in range(2):
        polish.polish(tmp_path)
        assert path.read_text().count('class="sidebar-primary-item" role="navigation"') == 1


def test_the_search_over_a_page_is_a_landmark(tmp_path):
    path = write(tmp_path, "p.html", '<div class="search-button__search-container"><form></form></div>')
    for _ in range(2):
        polish.polish(tmp_path)
        assert path.read_text().count('<div role="search" class="search-button__search-container">') == 1


def test_what_folds_is_named(tmp_path):
    arrow = '<details><summary><span class="toctree-toggle"></span></summary></details>'
    arrow += f'<a class="current reference internal" href="#">Radar</a>{arrow}'
    path = write(tmp_path, "p.html", f'<summary aria-label="Toggle hidden content"><span>Show code</span></summary>{arrow}')
    polish.polish(tmp_path)
    text = path.read_text()
    assert (
        "<summary><span>Show code" in text and text.count('aria-label="Pages of this chapter"><span class="toctree-toggle"') == 1
    )
    assert text.count('aria-label="Pages of: Radar"><span class="toctree-toggle"') == 1


# ---------------------------------------------------------------- checks


def found(folder) -> str:
    return " ".join(str(problem) for problem in static_problems(folder))


def test_a_heavy_page_is_found(tmp_path):
    (tmp_path / "a.svg").write_text(SVG + " " * MOST_BYTES)
    write(tmp_path, "p.html", '<h1>T</h1><img src="a.svg" alt="large" loading="lazy" width="1" height="1">')
    assert "weighs 1.5 MB" in found(tmp_path)
    (tmp_path / "a.svg").write_text(SVG)
    assert found(tmp_path) == ""


def test_headings_in_disorder_and_images_without_size_are_found(tmp_path):
    (tmp_path / "a.svg").write_text(SVG)
    write(tmp_path, "p.html", '<h1>T</h1><h3>deep</h3><h1>again</h1><img src="a.svg" alt="a curve">')
    text = found(tmp_path)
    for part in ("2 titles", "'deep' goes from level 1 to 3", "does not say its size"):
        assert part in text


def test_axe_finds_ink_and_names_and_looks_at_an_ink_once(tmp_path, chromium):
    write(
        tmp_path,
        "p.html",
        '<p style="color:#999;background:#fff">pale</p><p style="color:#999;background:#fff">pale again</p>'
        '<a href="p.html"></a><p style="color:#000">plain</p>',
    )
    if chromium is None:
        return
    with serve(tmp_path) as address, reader(chromium, VIEWS[0]) as page:

        def findings(auditor, **options):
            page.goto(f"{address}/p.html")
            auditor.look(page)
            return auditor.findings(page, **options)

        auditor = Auditor()
        first = findings(auditor)
        assert [text.split(":")[0] for text in first] == ["color-contrast", "link-name"]
        assert "2.8" in first[0]
        assert [text.split(":")[0] for text in findings(auditor)] == ["link-name"]  # the ink was reported
        assert findings(Auditor(), structure="") == first[:1]


def test_around_the_text_axe_asks_every_rule_and_in_it_those_of_the_layout(tmp_path, chromium):
    long = "<p>words</p>" * 99
    text = f'<main><img src="data:," width="9" height="9"><div style="height:90px;overflow:auto">{long}</div></main>'
    page = f'<html lang="en"><title>A page</title><nav><a href="p.html"></a></nav>{text}</html>'
    (tmp_path / "p.html").write_text(f"<!doctype html>{page}")
    if chromium is None:
        return
    with serve(tmp_path) as address, reader(chromium, VIEWS[2]) as page:
        found = {}
        for structure in ("whole", "around"):
            page.goto(f"{address}/p.html")
            auditor = Auditor()
            auditor.look(page)
            found[structure] = [text.split(":")[0] for text in auditor.findings(page, structure)]
        assert found == {
            "whole": ["image-alt", "link-name", "scrollable-region-focusable"],
            "around": ["link-name", "scrollable-region-focusable"],
        }


def test_axe_sees_ink_in_code_and_under_a_veil(tmp_path, chromium):
    write(
        tmp_path,
        "p.html",
        '<pre style="background:#eee"><span style="color:#000">x = </span><span style="color:#aaa">1000</span></pre>'
        '<div style="opacity:0.3"><p style="color:#000">veiled</p></div>'
        "<p><mjx-math>glyph</mjx-math>"
        "<mjx-assistive-mml><math><mtext style='color:#eee'>spoken</mtext></math></mjx-assistive-mml></p>",
    )
    if chromium is None:
        return
    with serve(tmp_path) as address, reader(chromium, VIEWS[0]) as page:
        page.goto(f"{address}/p.html")
        auditor = Auditor()
        auditor.look(page)
        (text,) = auditor.findings(page, structure="")
        assert text.startswith("color-contrast") and "(2," in text


# ---------------------------------------------------------------- what the scripts of the pages do

STATIC = ROOT / "book" / "_static"
ERRATA = "".join(
    f'<section><h2>{paper}<a>#</a></h2><section><span id="erratum-{number}"></span><h3>{number}</h3>{text}</section></section>'
    for paper, number, text in (("One", "000-e1", "a minus sign"), ("Two", "001-e1", "a missing square"))
)
TABLE = "<table><thead><tr><th>name</th><th>value</th></tr></thead><tbody><tr><td>kappa</td><td>{}</td></tr></tbody></table>"


def test_a_verdict_has_one_colour_in_the_figure_and_on_the_pages():
    style = (STATIC / "isac.css").read_text()
    for verdict, (colour, _) in LOOKS.items():
        (found,) = re.findall(rf"\.admonition\.isac-{verdict.replace(' ', '-')} {{\s*border-color: (#\w+);", style)
        assert found.upper() == plotting.COLOURS[colour].upper(), verdict


def with_scripts(*names):
    read = {name: (STATIC / name).read_text() for name in names}
    return "".join(
        f"<style>{text}</style>" if name.endswith("css") else f"<script>{text}</script>" for name, text in read.items()
    )


def test_errata_are_found_by_paper_and_by_their_words(tmp_path, chromium):
    if chromium is None:
        return
    write(tmp_path, "p.html", ERRATA, with_scripts("isac.css", "ledger.js"))
    with serve(tmp_path) as address, reader(chromium, VIEWS[0]) as page:
        page.goto(f"{address}/p.html")
        shown = page.locator("h3:visible")
        assert shown.all_inner_texts() == ["000-e1", "001-e1"]
        page.get_by_label("Words in it").fill("square Missing")
        assert shown.all_inner_texts() == ["001-e1"] and page.get_by_role("status").inner_text() == "1 erratum"
        page.get_by_label("Words in it").fill("")
        page.get_by_label("Paper").select_option("One")
        assert shown.all_inner_texts() == ["000-e1"]


@pytest.mark.parametrize("width, stacked", [(1300, False), (400, True)])
def test_a_table_that_a_phone_would_cut_becomes_cards(tmp_path, chromium, width, stacked):
    if chromium is None:
        return
    frames = "".join(f'<div class="pst-scrollable-table-container">{TABLE.format(value)}</div>' for value in ("wide" * 200, "1"))
    write(tmp_path, "p.html", f'<div class="bd-article">{frames}</div>', with_scripts("isac.css", "reader.js"))
    with serve(tmp_path) as address, reader(chromium, View(width, "light")) as page:
        page.goto(f"{address}/p.html")
        page.wait_for_function("document.readyState === 'complete'")
        assert page.locator("table.isac-stacked").count() == int(stacked), "only the table that does not fit"
        fits = page.evaluate("[...document.querySelectorAll('.bd-article > div')].map(e => e.scrollWidth <= e.clientWidth + 1)")
        assert fits == [stacked, True]
        head = page.evaluate("getComputedStyle(document.querySelectorAll('td')[1], '::before').content")
        assert head.replace('" "', "") == ('"value: "' if stacked else "none")


def test_a_browser_that_leaves_early_is_no_news(tmp_path, capfd):
    (tmp_path / "large.html").write_bytes(b"x" * 10**7)
    with serve(tmp_path) as address:
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as early:
            early.sendall(b"GET /large.html HTTP/1.0\r\n\r\n")
            early.recv(100)
            early.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # without a farewell
        with urllib.request.urlopen(f"{address}/large.html") as answer:
            assert len(answer.read()) == 10**7
    assert capfd.readouterr().err == ""
