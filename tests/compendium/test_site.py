"""The book of the small project: built, refused when broken, never half published."""

import json
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from small_project import edit

from compendium.audit.browsed import browser_problems
from compendium.audit.static import static_problems
from compendium.browser.chromium import NoBrowser, View, browser
from compendium.browser.server import serve
from compendium.runs import plan as runs
from compendium.runs.contents import toc_pages
from compendium.runs.order import carry_out
from compendium.site import build as site
from compendium.site import pages
from compendium.site.cells import bar
from compendium.site.typography import set_type


def page(html: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((html / f"{name}.html").read_text(), "html.parser")


def test_every_page_of_the_contents_is_there(finished, book):
    pages = toc_pages(finished / "_toc.yml")
    assert "notebooks/demo/what_if_louder" in pages
    assert all((book / f"{name}.html").exists() for name in pages)


def test_a_figure_has_number_description_provenance_and_csv(book):
    text = page(book, "notebooks/demo/results")
    image = text.find("img", class_="isac-figure")
    assert image["alt"] == "A parabola rises from the origin."
    assert text.find("figcaption").get_text().strip().startswith("Fig.")
    link = text.find("a", class_="download")
    assert link["href"].endswith("parabola.csv") and (book / "notebooks/demo" / link["href"]).resolve().exists()
    assert "seed 1" in text.find(class_="isac-provenance").get_text()


def test_the_ledgers_are_generated_from_the_runs(book):
    text = page(book, "book/claims")
    assert "009-C1" in text.get_text() and "height 1" in text.get_text()
    link = text.find("a", href=lambda address: address and "claim-009-c1" in address)
    assert link is not None
    assert "tests/test_demo.py::test_e1_is_a_parabola" in text.get_text()


def test_a_what_if_page_has_its_own_title(book):
    assert page(book, "notebooks/demo/what_if_louder").find("h1").get_text().startswith("A steeper parabola")


def test_a_what_if_begins_with_what_its_run_found(book):
    first = page(book, "notebooks/demo/what_if_louder").select("article section > p")[:2]
    assert "It ends 4 times as high. The rest is as before." in [paragraph.get_text() for paragraph in first]


def test_a_phone_gets_figures_of_its_width_with_panels_below_one_another(book):
    text = page(book, "notebooks/demo/what_if_louder")
    picture = text.select_one("figure picture.isac-panels")
    source, image = picture.source, picture.img
    stacked = (book / "notebooks" / "demo" / source["srcset"]).resolve()
    assert "max-width" in source["media"] and stacked.is_file() and "isac-figure" in image["class"]
    assert int(source["width"]) < int(image["width"]) and int(source["height"]) > int(image["height"])
    single = page(book, "notebooks/demo/results").select_one("figure picture")  # one panel: the same letters on less width
    assert (
        "class" not in single.attrs
        and int(single.source["width"]) < int(single.img["width"])
        and int(single.source["height"]) <= int(single.img["height"])
    )


def test_the_prose_may_show_an_explorer_of_a_base_run(finished, tmp_path):
    site.stage(finished, runs.plan(finished, "quick"), tmp_path / "stage")
    fragment = (tmp_path / "stage" / "generated" / "explorer_demo_heights.md").read_text()
    assert 'id="explorer-heights"' in fragment and 'src="../_static/explorer.js"' in fragment


def test_the_parameter_table_says_where_values_come_from(book):
    rows = page(book, "book/demo").select(".isac-parameters tbody tr")
    cells = {row.code.get_text(): [cell.get_text(" ", strip=True) for cell in row.find_all("td")] for row in rows}
    assert {len(row) for row in cells.values()} == {4}
    assert any("stated: Section I" in row[3] and "Factor of the parabola" in row[0] for row in cells.values())
    assert any("louder" in row[2] for row in cells.values())


def test_no_page_asks_another_host_or_has_a_dead_link(finished, book):
    assert static_problems(book, toc_pages(finished / "_toc.yml")) == []


def test_nothing_changed_nothing_built(finished, book):
    assert not site.build(finished, runs.plan(finished, "quick"), "quick", book)


def test_an_unchecked_book_is_checked_when_that_is_asked(finished, book):
    plan, asked = runs.plan(finished, "quick"), []

    def judge(problems, complete):
        def accept(html, pages):
            asked.append(html)
            return problems, complete

        return accept

    with pytest.raises(site.BuildError, match="too dark"):
        site.build(finished, plan, "quick", book, accept=judge(["too dark"], True))
    for complete in (False, True, True):
        assert not site.build(finished, plan, "quick", book, accept=judge([], complete))
    assert asked == [book] * 3, "once without a browser, once with one, and then it is known"


def test_a_book_elsewhere_is_no_reason_to_leave_the_old_one(finished_copy, tmp_path):
    plan = runs.plan(finished_copy, "quick")
    here, there = tmp_path / "here", tmp_path / "there"
    assert site.build(finished_copy, plan, "quick", here)
    edit(finished_copy / "book" / "demo.md", "# Demo", "# Demonstration")
    assert site.build(finished_copy, plan, "quick", there)
    assert site.build(finished_copy, plan, "quick", here)
    assert page(here, "book/demo").find("h1").get_text().startswith("Demonstration")


def test_a_changed_number_reaches_the_ledger(finished_copy):
    edit(finished_copy / "notebooks" / "demo" / "results.py", "slope * x[-1] ** 2:.3g", "2 * slope * x[-1] ** 2:.3g")
    plan = runs.plan(finished_copy, "quick")
    assert [outcome.state for outcome in carry_out(plan)] == ["current", "done", "done"]
    site.stage(finished_copy, plan, finished_copy / "stage")
    assert "height 2 m" in (finished_copy / "stage" / "generated" / "claims.md").read_text()


def test_a_broken_reference_fails_every_time_and_publishes_nothing(finished_copy):
    plan, target = runs.plan(finished_copy, "quick"), finished_copy / "html"
    target.mkdir()
    (target / "index.html").write_text("the last good book")
    edit(finished_copy / "book" / "demo.md", "# Demo", "# Demo\n\nSee {ref}`nowhere`.")
    for _ in range(2):
        with pytest.raises(site.BuildError, match="nowhere"):
            site.build(finished_copy, plan, "quick", target)
    assert (target / "index.html").read_text() == "the last good book"


def test_a_tree_that_is_not_accepted_is_not_published(finished_copy):
    target = finished_copy / "html"
    with pytest.raises(site.BuildError, match="too dark"):
        site.build(
            finished_copy, runs.plan(finished_copy, "quick"), "quick", target, accept=lambda html, pages: (["too dark"], True)
        )
    assert not target.exists()


def test_the_gallery_shows_every_figure_and_links_to_it(book):
    text = page(book, "book/gallery")
    pictures = [image["src"].rsplit("/", 1)[-1] for image in text.find_all("img", class_="isac-figure")]
    assert sorted(pictures) == ["parabola.webp", "steeper.webp"]
    links = [link["href"] for link in text.find_all("a", class_="sd-stretched-link")]
    assert any("fig-demo-parabola" in link for link in links) and any("what_if_louder" in link for link in links)
    titles = [card.get_text(strip=True) for card in text.find_all(class_="sd-card-title")]
    assert titles == ["Parabola", "A steeper parabola: steeper"], "a what-if's card carries the title of its set"


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        (
            f"One draw. {'The optimum rises with the limit, ' * 2}at last. More.",
            f"One draw. {'The optimum rises with the limit, ' * 2}at last.",
        ),
        (
            "Left: the share of drops that each scheme can serve at every point. Right: the rates. Dotted: the limit.",
            "Left: the share of drops that each scheme can serve at every point. Right: the rates.",
        ),
        (f"{'A long sentence about the one curve ' * 2}here. Another one.", f"{'A long sentence about the one curve ' * 2}here."),
        ("Short.", "Short."),
    ],
)
def test_a_card_of_the_gallery_says_what_is_seen(caption, text):
    run = SimpleNamespace(section="demo", notebook="results", page="results", label="quick", values={})
    entry = {"name": "some_figure", "caption": caption, "alt": "A line.", "paper": ""}
    assert pages.card(run, entry)["text"] == text


def test_sections_carry_the_title_of_their_page(finished_copy):
    assert pages.section_titles(finished_copy, ["demo", "no_page"]) == {"demo": "Demo", "no_page": "No page"}
    edit(finished_copy / "book" / "demo.md", "# Demo", "# Parabolas: a demonstration")
    stage = finished_copy / "stage"
    site.stage(finished_copy, runs.plan(finished_copy, "quick"), stage)
    text = {path.stem: path.read_text() for path in (stage / "generated").glob("*.md")}
    for page in ("claims", "errata", "gallery"):
        assert "## Parabolas: a demonstration\n" in text[page], page
    assert "| Parabolas | {doc}`results" in text["runs"], "tables leave the subtitle out"
    assert "Parabolas" in (stage / "figures" / "compendium" / "claims.svg").read_text()


def test_the_page_of_the_runs_says_where_the_time_goes(finished, book):
    (table,) = [table for table in page(book, "book/claims").find_all("table") if "wall clock (s)" in table.get_text()]
    cells = [[cell.get_text(strip=True) for cell in line.find_all("td")] for line in table.select("tbody tr")]
    rows = {name: seconds for name, *seconds in cells}
    records = [run.record() for run in runs.plan(finished, "quick")]
    assert float(rows["runs: Demo"][1]) == round(sum(record["processor_seconds"] for record in records))
    longest, together = max(record["seconds"] for record in records), sum(record["seconds"] for record in records)
    assert round(longest) <= float(rows["all runs, side by side"][0]) <= round(together)
    assert not {"pages (Sphinx)", "checks of the pages"} & rows.keys()  # over only when the pages exist: printed, not patched
    seconds = site.last_seconds(finished, "quick")
    assert seconds["sphinx"] > 0 and seconds["check"] is None


def test_launch_buttons_appear_only_where_a_repository_is_named(finished_copy, book, monkeypatch):
    name = "notebooks/demo/results"
    assert not page(book, name).find(class_="dropdown-launch-buttons")
    edit(finished_copy / "_config.yml", 'url: ""', "url: https://github.com/someone/isac")
    target = finished_copy / "html"
    site.build(finished_copy, runs.plan(finished_copy, "quick"), "quick", target)
    (link,) = page(target, name).select(".dropdown-launch-buttons a")
    assert link["href"].endswith("/v2/gh/someone/isac/launch?urlpath=lab/tree/notebooks/demo/results.ipynb")
    assert not page(target, "book/demo").find(class_="dropdown-launch-buttons")
    monkeypatch.setenv("ISAC_REPOSITORY", "https://github.com/other/fork")
    assert yaml.safe_load(site.configuration("title: x"))["repository"]["url"] == "https://github.com/other/fork"


def test_the_archive_holds_every_number(finished, book):
    (path,) = book.glob("_downloads/*/isac_numbers.zip")
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        assert {"demo/results/parabola.csv", "demo/what_if_louder/steeper.csv", "claims.json"} <= set(names)
        assert json.loads(packed.read("demo/model/parameters.json")) == {"slope": 1.0}
        assert json.loads(packed.read("claims.json"))[0]["found"]["verdict"] == "reproduced"


def test_the_ledger_is_filtered_by_paper_and_verdict(book):
    try:
        with serve(book) as address, browser() as chromium:
            tab = chromium.new_page()
            tab.goto(f"{address}/book/claims.html")
            paper, verdict = tab.locator(".isac-filters select").all()
            assert verdict.locator("option").all_inner_texts() == ["all", "reproduced"]
            table = tab.locator("table", has_text="009-C1")
            assert table.is_visible() and tab.get_by_role("status").inner_text() == "1 claims"
            paper.select_option("Demo")
            verdict.evaluate("select => { select.add(new Option('contradicted')); }")
            verdict.select_option("contradicted")
            assert not table.is_visible() and tab.get_by_role("status").inner_text() == "0 claims"
    except NoBrowser:
        assert os.environ.get("CI") != "true", "CI must have a browser"


def test_executed_notebooks_replace_strays(finished_copy):
    folder = finished_copy / "notebooks" / "demo"
    (folder / "what_if_gone.ipynb").write_text("{}")
    site.publish_notebooks(finished_copy, runs.plan(finished_copy, "quick"))
    assert sorted(path.name for path in folder.glob("*.ipynb")) == ["model.ipynb", "results.ipynb", "what_if_louder.ipynb"]


def test_the_book_notebook_hides_defaults_and_pictures(finished):
    run = next(run for run in runs.plan(finished, "quick") if run.notebook == "results")
    notebook = site.book_notebook(run)
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells if cell.cell_type == "code"]
    assert not any("parameters" in one for one in tags) and any("hide-input" in one for one in tags)
    bars = [cell.metadata.mystnb.code_prompt_show for cell in notebook.cells if "mystnb" in cell.metadata]
    assert any("set-up" in bar for bar in bars) and all(bar.startswith("Show the code: ") for bar in bars)
    assert "image/svg+xml" not in json.dumps(notebook)
    assert nbformat.validate(notebook) is None


@pytest.mark.parametrize(
    ("source", "page", "words"),
    [
        ("one_realization(3)", "::::{figure} a.svg\n", "the figure"),
        ("two(3)", "::::{figure} a.svg\n::::\n::::{figure} b.svg\n:class: isac-claim x", "the figures and the claim"),
        ("both(fig, ax)", "| a | b |\n| --- | --- |\n| 1 | 2 |\n", "the table"),
        ("explorers.show(1)", '<div class="isac-explorer" id="a">\n{.isac-explorer-caption}\n', "the explorer"),
        ("_ = claims.record('009-C1')", "", "the claim"),
        ("holds = 1\n_, other = 2, 3", "", "the computation"),
        ("answers.answer('so')", "", "the answer at the top of this page"),
    ],
)  # fmt: skip
def test_the_bar_of_a_folded_cell_says_what_stands_below_it(source, page, words):
    output = nbformat.v4.new_output("display_data", data={"text/markdown": page})
    assert bar(source, ["hide-input"], [output]) == words


def test_the_box_of_a_claim_begins_with_what_the_paper_says(book):
    box = page(book, "notebooks/demo/results").find(class_="isac-claim").get_text(" ", strip=True)
    said, ours = box.index("The paper (Fig. 1): “the end is one metre high”"), box.index("Ours:")
    assert box.index("Claim 009-C1") < said < ours < box.index("Criterion:")


def test_the_static_check_finds_what_is_wrong(tmp_path):
    (tmp_path / "index.html").write_text(
        '<a href="gone.html">x</a><a href="#nothing">x</a><img src="a.svg"><script src="https://cdn.example/x.js"></script>'
    )
    found = " ".join(str(problem) for problem in static_problems(tmp_path, ["index", "missing"]))
    for part in ("gone.html", "#nothing", "no alternative text", "another host", "missing"):
        assert part in found


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_browser_check_finds_what_is_wrong(tmp_path, jobs):
    (tmp_path / "index.html").write_text(
        '<html data-theme="light"><body><main><p style="width: 3000px">wide</p><span class="math">x^2</span>'
        "<script>console.error('broken')</script><script>window.MathJax = {startup: {promise: Promise.resolve()}}</script>"
        '<div class="math" style="width: 200px; overflow: hidden"><p style="width: 900px">E = mc</p></div>'
        '<p style="background: #fff"><span class="caption-text" style="color: #555; font-weight: 400">7.5 to 1</span>'
        '<span class="caption-text" style="color: #666; font-weight: 400">5.7 to 1</span></p>'
        '<div class="math"><mjx-container display="true" style="display: block; width: 90px; overflow: auto">'
        '<mjx-math style="display: block; width: 200px">F = ma</mjx-math></mjx-container></div>'
        '<img src="none.svg" alt="none"></main></body></html>'
    )
    views, told = [View(400, "light"), View(1300, "light")], []
    try:
        problems = browser_problems(tmp_path, ["index"], views, jobs=jobs, progress=told.append)
    except NoBrowser:
        assert os.environ.get("CI") != "true", "CI must have a browser"
        return
    assert told == ["1 pages at 400 px, light", "1 pages at 1300 px, light"]
    for view in views:
        found = " ".join(problem.what for problem in problems if problem.page == f"index ({view})")
        for part in ("scrolls sideways", "not typeset", "broken", "none.svg did not load", "a formula is cut unseen: E = mc"):
            assert part in found
        assert ("a formula does not fit: F = ma" in found) == (view.width == 1300)
        assert "a caption is pale (5.7 : 1, weight 400): 5.7 to 1" in found and "7.5 to 1" not in found


def test_a_page_is_turned_to_its_other_colours_and_looked_at_there(tmp_path, browser_available):
    (tmp_path / "index.html").write_text(
        '<html lang="en" data-theme="light"><title>p</title><link rel="icon" href="data:,">'
        "<style>p { color: #000; background: #fff } "
        "[data-theme=dark] p, [data-theme=dark] pre b { color: #333; background: #111 } "
        "[data-theme=light] i { width: 3000px; display: block }</style>"
        '<body><main><p>ink</p><pre><b>code</b></pre><i>wide</i><button class="theme-switch-button" onclick="'
        "document.documentElement.dataset.theme = {light: 'dark', dark: 'system', system: 'light'}"
        '[document.documentElement.dataset.theme]">turn</button></main></body></html>'
    )
    if not browser_available:
        return
    found = [str(problem) for problem in browser_problems(tmp_path, ["index"], [View(1300, "light"), View(1300, "dark")])]
    assert [text.partition(": ")[2].split()[0] for text in found] == ["scrolls", "color-contrast:"], found
    assert "(2, e.g. p:" in found[1], "the words in the code are measured too"
    assert [text.partition(": ")[0] for text in found] == ["index (1300 px, light)", "index (1300 px, dark)"]


def test_words_are_set_and_code_is_not():
    page = (
        "<p>At -110 dB, 95 % of 1,000 draws (10 m), 000-C1, 10-20, x-3, 4 more.</p><pre>a = -1 m</pre><code>3 dB</code>"
        '<p>So <span class="math notranslate nohighlight">\\(x = -1 m\\)</span>. Then ('
        '<span class="math notranslate nohighlight">\\(y\\)</span>), <div class="math"><div>-2 m</div>-2 s</div>2 s.</p>'
    )
    made = set_type(page).replace("\N{NO-BREAK SPACE}", "~")
    assert "<p>At −110~dB, 95~% of 1,000 draws (10~m), 000-C1, 10-20, x-3, 4 more.</p>" in made
    assert set_type("<p>1e-11 m^2, 0.1 m^2, x m^2</p>") == "<p>10⁻¹¹ m², 0.1 m², x m^2</p>".replace(" m²", "\N{NO-BREAK SPACE}m²")
    assert set_type("<p>-0.00 or -0, \N{MINUS SIGN}0.0.</p>") == "<p>0.00 or 0, 0.0.</p>"
    assert set_type("<p>-0.007, -0.5, 10\N{MINUS SIGN}0</p>") == "<p>-0.007, -0.5, 10-0</p>".replace("-", "\N{MINUS SIGN}")
    powers = set_type("<p>1e-11 m², -2.5e-07, 3e+05 W, 0.0e+00, 004-e13, 1e5x, v1e5 <code>1e-3</code></p>").replace(
        "\N{NO-BREAK SPACE}", "~"
    )
    assert powers == "<p>10⁻¹¹~m², −2.5~·~10⁻⁷, 3~·~10⁵~W, 0, 004-e13, 1e5x, v1e5 <code>1e-3</code></p>"
    read = set_type('<img alt="from 1e-06 to 2 m" src="a-1 m.svg">').replace("\N{NO-BREAK SPACE}", "~")
    assert read == '<img alt="from 10⁻⁶ to 2~m" src="a-1 m.svg">'
    assert "<pre>a = -1 m</pre><code>3 dB</code>" in made and "<div>-2 m</div>-2 s</div>2~s." in made
    assert '<span class="isac-kept"><span class="math notranslate nohighlight">\\(x = -1 m\\)</span>.</span> Then' in made
    assert '<span class="isac-kept">(<span class="math notranslate nohighlight">\\(y\\)</span>),</span>' in made
