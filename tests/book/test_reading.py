"""Reading the built site: search, keyboard, what moves while a page arrives, and what a browser would print."""

import re
from contextlib import closing
from urllib.parse import quote

import chapters
import pytest

from compendium.audit.static import soup
from compendium.browser.chromium import READY, View, reader

LAYOUT_SHIFT = 0.1  # what browsers call good; formulas that are set after the text take a little
_SHIFT = """() => new Promise(done => {
    let sum = 0;
    const observer = new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value; });
    observer.observe({ type: 'layout-shift', buffered: true });
    const frame = () => new Promise(requestAnimationFrame);
    document.fonts.ready.then(frame).then(frame).then(() => {
        for (const entry of observer.takeRecords()) sum += entry.value;
        done(sum);
    });
})"""


_BETWEEN = ("book/preface", "genindex", "book/api/semi_isac", "notebooks/compendium/synthesis")
_WORDS = [("crb_trace", "book/api/foundations"), ("water-filling", "book/glossary")]
_WORDS += [("Cramer", "book/glossary"), ("Cramér", "book/glossary"), ("kappa", "book/notation")]  # accents, Greek by name
_WORDS += [(word, page) for word in ("Cramer", "Cramér") for page in ("book/api/foundations", "notebooks/foundations/convexity")]
_WORDS += [
    (word, "book/notation") for word in ("λ", "Δ", "τ", "P_max", "Pmax", "σ_RCS", "δ̂", "Δf", "ρ")
]  # symbols as they are seen
_WORDS += [
    ("max_power_w", "book/api/wireless_powered"),
    ("µm", "notebooks/near_field/results"),
    ("μm", "notebooks/near_field/results"),
]  # and names stay whole


@pytest.mark.parametrize("word, page", _WORDS)
def test_the_search_finds_symbols_and_words(address, chromium, word, page):
    if chromium is None:
        return
    with closing(chromium.new_page()) as tab:
        tab.goto(f"{address}/search.html?q={quote(word)}")
        found = tab.locator(f'#search-results li a[href*="{page.rsplit("/", 1)[-1]}.html"]')
        found.first.wait_for()
        assert found.count() >= 1


@pytest.mark.parametrize("word", ["constructor", "toString", "hasOwnProperty", "é", "_", "λ_", "(", "ς"])
def test_the_search_survives_any_word(address, chromium, word):
    if chromium is None:
        return
    broken = []
    with closing(chromium.new_page()) as tab:
        tab.on("pageerror", lambda error: broken.append(str(error)))
        tab.goto(f"{address}/search.html?q={quote(word)}")
        tab.locator("p.search-summary").filter(has_text=re.compile(r"\w")).wait_for()
        assert broken == []


def test_every_page_leads_on(html, pages):
    for before, name, after in zip([None, *pages], pages, [*pages[1:], None]):
        for neighbour, side in ((before, "left-prev"), (after, "right-next")):
            link = soup(html / f"{name}.html").select_one(f"a.{side}")
            assert (link is None) == (neighbour is None), f"{name}: {side}"
            if link:
                assert ((html / name).parent / link["href"]).resolve() == (html / f"{neighbour}.html").resolve()


def test_formulas_are_no_stops_of_the_keyboard_and_wide_things_are(address, chromium):
    if chromium is None:
        return
    with reader(chromium, View(400, "light")) as tab:
        tab.goto(f"{address}/book/notation.html")
        tab.evaluate(READY)
        assert tab.locator("mjx-container").count() > 20
        assert tab.locator('main span.math mjx-container[tabindex="0"], main span.math[tabindex="0"]').count() == 0
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
        tab.goto(f"{address}/book/api/foundations.html")
        tab.evaluate(READY)
        tab.locator('main mjx-container[display="true"][tabindex="0"]').first.wait_for(state="attached")


@pytest.mark.parametrize("width", [1300, 400])
def test_parameters_and_claims_are_as_wide_as_the_page(address, chromium, width):
    if chromium is None:
        return
    with reader(chromium, View(width, "light")) as tab:
        for page in (*chapters.NAMES, "claims"):
            tab.goto(f"{address}/book/{page}.html")
            tab.evaluate(READY)
            spare = tab.evaluate(
                "[...document.querySelectorAll('.isac-cards table')].map(t => t.parentElement.clientWidth - t.scrollWidth)"
            )
            assert spare and min(spare) >= 0, page


def test_a_tap_shows_a_figure_at_its_own_size_on_a_phone(address, chromium):
    if chromium is None:
        return
    with reader(chromium, View(400, "dark")) as tab:
        tab.goto(f"{address}/notebooks/wireless_powered/results.html")
        tab.evaluate(READY)
        figure, dialog = tab.locator("main figure .isac-enlarge").first, tab.locator("dialog.isac-large")
        own = figure.locator("img").evaluate("image => image.naturalWidth")  # of the stacked companion, where there is one
        assert figure.bounding_box()["width"] <= 400 < own
        figure.click()
        dialog.wait_for()
        assert dialog.locator("img").bounding_box()["width"] == own
        assert tab.evaluate("document.documentElement.scrollWidth <= 400")
        tab.keyboard.press("Escape")
        dialog.wait_for(state="hidden")


@pytest.mark.parametrize("page", ["book/gallery", "book/wireless_powered", "notebooks/semi_isac/results"])
def test_nothing_jumps_while_a_page_arrives(address, chromium, page):
    if chromium is None:
        return
    with closing(chromium.new_page(viewport={"width": 1300, "height": 900})) as tab:
        tab.goto(f"{address}/{page}.html", wait_until="load")
        tab.evaluate("async () => { await window.MathJax?.startup?.promise; }")  # not READY, which would fetch the lazy images
        assert tab.evaluate(_SHIFT) <= LAYOUT_SHIFT


def test_who_comes_for_the_first_time_has_a_clean_console(address, chromium):
    if chromium is None:
        return
    with closing(chromium.new_page()) as tab:  # nothing is remembered of earlier visits
        told = []
        tab.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
        tab.goto(f"{address}/book/glossary.html")
        tab.wait_for_load_state("networkidle")
        assert told == []


_CUT = "[...document.querySelectorAll('main pre')].filter(pre => pre.scrollWidth > pre.clientWidth + 2).length"
_TORN = """selector => [...document.querySelectorAll(selector)].flatMap(cell => {
    const torn = [], words = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange();
    for (let text; text = words.nextNode();)
        for (const word of text.data.matchAll(/[\\p{L}\\p{N}.]{2,}/gu)) {
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
            if (lines.size > 1) torn.push(word[0]);
        }
    return torn;
})"""


@pytest.mark.parametrize("width", [1300, 1000, 650])
def test_no_word_of_the_runs_and_of_the_board_is_torn(address, chromium, width):
    if chromium is None:
        return
    with reader(chromium, View(width, "light")) as tab:
        for page in ("runs", "board"):
            tab.goto(f"{address}/book/{page}.html")
            tab.evaluate(READY)
            assert tab.evaluate(_TORN, "main table :is(td, th)") == [], page


@pytest.mark.parametrize("width", [1300, 400])
def test_no_code_is_cut_on_a_screen(address, chromium, width):
    if chromium is None:
        return
    with reader(chromium, View(width, "light")) as tab:
        for page in ("book/foundations", "book/guide_score", "book/api/near_field", "notebooks/semi_isac/results"):
            tab.goto(f"{address}/{page}.html")
            tab.evaluate("document.querySelectorAll('details').forEach(folded => folded.open = true)")
            assert tab.evaluate(_CUT) == 0, page


def test_no_code_is_cut_where_the_browser_prints(address, chromium):
    if chromium is None:
        return
    with reader(chromium, View(658, "light")) as tab:  # A4 within its margins
        tab.emulate_media(media="print")
        for page in ("book/guide_score", "book/guide_matlab", "notebooks/near_field/model"):
            tab.goto(f"{address}/{page}.html")
            tab.evaluate(READY)
            assert tab.evaluate(_CUT) == 0, page


def test_no_page_moves_sideways_between_the_widths_of_the_audit(address, chromium):
    if chromium is None:
        return
    with reader(chromium, View(1199, "light")) as tab:
        for page in (*_BETWEEN, *(f"notebooks/{name}/model" for name in chapters.NAMES)):
            for width in (1199, 1000, 768, 650, 360):
                tab.set_viewport_size({"width": width, "height": 900})
                if width in (1199, 360):  # as it is loaded, and after a turn of the screen
                    tab.goto(f"{address}/{page}.html")
                    tab.evaluate(READY)
                assert tab.evaluate("document.documentElement.scrollWidth") <= width, (page, width)


@pytest.mark.parametrize("page", ["notebooks/ofdm_ranging/results", "notebooks/semi_isac/results"])
def test_who_follows_a_link_on_a_phone_is_shown_its_place(address, chromium, page):
    """Formulas are set and tables become cards after the browser has gone there."""
    if chromium is None:
        return
    with reader(chromium, View(400, "light")) as tab:
        tab.goto(f"{address}/{page}.html")
        claim = tab.locator("[id^='claim-']").last.get_attribute("id")
        explorer = tab.locator(".isac-explorer").get_attribute("id")
        for place, state in ((claim, ""), (explorer, ""), (explorer, "=1-1-1-1" if "semi" in page else "=1-1")):
            tab.goto("about:blank")
            tab.goto(f"{address}/{page}.html#{place}{state}")
            tab.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }")
            tab.wait_for_timeout(300)
            top = tab.evaluate("place => document.getElementById(place).getBoundingClientRect().top", place)
            assert 0 <= top < 300, (place, state)
