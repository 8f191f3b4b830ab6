"""Feedback: fits a phone, runs nothing that a student wrote, and calls a sum provisional while answers are open."""

import html
import re
import time

import nbformat
import pytest

from compendium.browser.chromium import find_chromium
from compendium.classroom import feedback
from compendium.classroom.grading import BY_HAND
from compendium.classroom.harmless import harmless
from compendium.classroom.marks import found

FORGE = "document.title='FORGED';document.querySelectorAll('td').forEach(e=>e.textContent='4 / 4')"
HOSTILE = f'<script>{FORGE}</script><img src=x onerror="{FORGE}"><table><tr><td onclick="{FORGE}">cell</td></tr></table>'


def hostile() -> nbformat.NotebookNode:
    new = nbformat.v4
    mark = {"grade_id": "why", "grade": True, "solution": True, "points": 2}
    code = new.new_code_cell("show()", metadata={"nbgrader": {"grade_id": "line-test", "grade": True, "solution": False}})
    for data in (
        {"text/html": HOSTILE, "text/plain": "plain"},
        {"text/html": f'<svg onload="{FORGE}"></svg>', "text/plain": "plain"},
        {"application/javascript": FORGE},
        {"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'><script>{FORGE}</script></svg>"},
        {"image/png": f'"><script>{FORGE}</script>'},
        {"text/latex": HOSTILE},
        {"text/markdown": HOSTILE},
    ):
        code.outputs.append(new.new_output("display_data", data))
    code.outputs.append(new.new_output("stream", text=HOSTILE))
    text = f"$a<b$ and `<code>` {HOSTILE} [link](javascript:alert(1)) ![p](attachment:p.png)"
    written = new.new_markdown_cell(text, metadata={"nbgrader": mark}, attachments={"p.png": {"image/png": "aGFsbG8="}})
    own = new.new_markdown_cell(HOSTILE, metadata={"isac": {"own": True}})
    return new.new_notebook(cells=[code, own, written, new.new_markdown_cell("A formula $x<y$ of ours, <b>bold</b>.")])


ROWS = [found("eve", "line", 1.0, 3.0, "a line"), found("eve", "why", None, 2.0, BY_HAND)]


@pytest.fixture(scope="module")
def page():
    return feedback.page("Tiny", "eve", hostile(), ROWS)


def test_what_a_student_wrote_is_text(page):
    own = page[: page.index("window.MathJax")] + page[page.rindex("</script>") :]
    assert len(re.findall(r"<script", own)) == 1 and 'onerror="' not in re.sub(r"&lt;.*?&gt;", "", own)
    assert not re.search(r"<[^>]*\bon(error|load|click)\s*=", own)
    assert 'href="javascript:' not in own and "data:image/png;base64,aGFsbG8=" in own
    assert "<b>bold</b>" in own  # what the book wrote stays as it is


def test_a_policy_stands_before_everything_else_and_knows_the_two_scripts(page):
    head = page[: page.index("<title>")]
    assert head.index("Content-Security-Policy") < head.index("viewport")
    assert len(re.findall("sha256-", head)) == 2 and "default-src 'none'" in head and "script-src 'unsafe" not in head


def written(*sources) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell(source, metadata={"isac": {"own": True}}) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize("unit", ["\\begin{a}", "["])
def test_a_text_without_end_is_shown_as_it_stands_and_takes_no_time(unit):
    source = "*early* " + unit * (200_000 // len(unit)) + "<b>*late*</b>"
    start = time.process_time()
    shown = feedback.page("Tiny", "eve", written(source), ROWS)
    assert time.process_time() - start < 30  # some seconds; read as Markdown it would be minutes
    assert "<em>early</em>" in shown and "<b>*late*</b></pre>" in html.unescape(shown) and "<b>*late" not in shown


def test_many_long_texts_are_read_as_markdown_up_to_a_limit():
    sources = [each.source for each in harmless(written(*["x" * 20_001] * 9)).cells]
    assert [source.index("<pre>") for source in sources] == [20_002] * 5 + [2] * 4
    assert all(re.sub(r"\s|</?pre>", "", source) == "x" * 20_001 for source in sources)


def test_a_picture_in_a_text_does_not_count_for_its_length():
    data = "data:image/png;base64," + "aGFsbG8h" * 9000
    (made,) = harmless(written(f"![p]({data}) and more")).cells
    assert made.source == f"![p]({data}) and more"


def test_a_graded_notebook_that_somebody_has_broken_costs_its_own_page_and_no_other(tmp_path):
    told = []
    for student, text in (("ann", "{ broken"), ("eve", nbformat.writes(written("fine")))):
        (tmp_path / f"{student}.ipynb").write_text(text)
    pages = feedback.write(tmp_path / "out", "Tiny", {"ann": ROWS, "eve": ROWS}, tmp_path, told.append)
    assert [page.name for page in pages] == ["ann.html", "eve.html"] and "fine" in pages[1].read_text()
    assert "provisional: 1 open" in pages[0].read_text()
    assert len(told) == 1 and told[0].startswith("ann: the page is without the notebook") and "NotJSONError" in told[0]


def test_open_answers_are_called_open_and_the_sum_provisional(page):
    assert "(Score: 1 / 5, provisional: 1 open)" in page
    assert "<td>open / 2</td>" in page and "Open, of 2.0" in page and "Score: 1.0 / 3.0" in page
    assert "provisional" not in feedback.page("Tiny", "eve", hostile(), ROWS[:1])
    assert "provisional: 1 open" in feedback.empty_page("Tiny", "eve", ROWS)


def test_a_phone_shows_the_page_in_its_own_width_and_nothing_ran(page, tmp_path, browser_available):
    if not browser_available:
        return
    from playwright.sync_api import sync_playwright

    (tmp_path / "eve.html").write_text(page, encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
        tab = context.new_page()
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((tmp_path / "eve.html").as_uri())
        tab.wait_for_selector("mjx-container")
        assert tab.evaluate("innerWidth") == 390
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        # However long the name of a task is, its score stands beside it or below, and in the table it is not cut into letters.
        tab.evaluate("document.querySelectorAll('.panel-heading code').forEach(e => e.textContent = 'the-slope-of-a-line-test')")
        hidden = "[...document.querySelectorAll('.panel-heading')].filter(e => e.scrollHeight > e.clientHeight + 1).length"
        assert tab.locator(".panel-heading code").count() > 0 and tab.evaluate(hidden) == 0
        tab.evaluate("document.querySelector('td a').textContent = 'determinant'")
        box = tab.locator("td a").first.bounding_box()
        assert 24 <= box["height"] < 40 and tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert tab.title() == "Tiny: eve" and "4 / 4" not in tab.inner_text("table")
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        tab.screenshot(path=str(tmp_path / "phone.png"))
        browser.close()
