"""The page of one's own run: everything in one file, and whose numbers they are."""

import re
import webbrowser

import pytest
from click.testing import CliRunner

from compendium.cli import main as cli
from compendium.runs import plan as runs
from compendium.runs.order import carry_out
from compendium.site import inline, own_run


@pytest.fixture(scope="module")
def pages(finished):
    section = runs.load_section(finished, "demo")
    written = {run.notebook: own_run.write(run, section) for run in runs.plan(finished, "quick")}
    found = {notebook: path.read_text() for notebook, path in written.items()}
    for path in written.values():
        path.unlink()  # others look at the same runs
    return found


def test_it_holds_figures_captions_numbers_and_claims(pages):
    text = pages["results"]
    assert "<h1>Results</h1>" in text and "The run of the set <code>quick</code>" in text
    assert 'alt="A parabola rises from the origin."' in text and text.count('src="data:image/svg+xml;base64,') == 1
    assert 'download="parabola.csv"' in text and "(Fig. 1 of the paper.) A parabola with slope <svg" in text
    assert "009-C1: reproduced." in text and "“the end is one metre high”" in text
    assert ">level (dB)<" in text and "What differs from the set of the book" in text and ">points<" in text
    assert "<h1>A steeper parabola</h1>" in pages["what_if"] and "What changes when the slope is four?" in pages["what_if"]


def test_nothing_is_fetched(pages):
    for text in pages.values():
        assert not re.search(r"""(?:src|href)=["'](?!data:|#)|url\(|@import|<script""", text)


def test_a_run_with_own_values_says_so(project):
    section = runs.load_section(project, "demo")
    values = {**section.schema.load_named("quick"), "slope": 2.0}
    run = runs.custom_run(project, section, "results", values, "mine <i>& yours", "quick")
    (outcome,) = carry_out([run])
    assert outcome.ok
    text = own_run.write(run, section).read_text()
    assert "<strong>A run of your own</strong>" in text and "those of this set, not the book's" in text
    assert "<i>" not in text and text.count("mine &lt;i&gt;&amp; yours") == 3, "title, what it is, and the run's name"
    assert "009-C1, with your values: contradicted." in text and "The book, with the paper's values: reproduced." in text
    assert re.search(r"<code>slope</code>.*?<td>2.m</td><td>1.m</td>", text, re.S)


def test_the_command_writes_and_opens_it(finished_copy, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(cli, "project_root", lambda: finished_copy)
    for option in ("--html", "--open"):
        result = CliRunner().invoke(cli.main, ["run", "demo", "results", option])
        assert result.exit_code == 0 and "page.html" in result.output, result.output
    page = finished_copy / "build" / "runs" / "demo" / "results" / "quick" / "page.html"
    assert opened == [page.as_uri()] and page.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a *b* **c** `d<e`", "a <em>b</em> <strong>c</strong> <code>d&lt;e</code>"),
        ("see {ref}`words <label>` and {eq}`demo-parabola`", "see words and (equation in the book)"),
        ("{doc}`/notebooks/a/what_if` 3 \\* 4 < 5", "what if 3 * 4 &lt; 5"),
        ("[the page](https://example.org/) 5*3*2", "the page 5*3*2"),
    ],
)
def test_markdown_becomes_plain_html(text, expected):
    assert inline.html(text) == expected


def test_a_formula_is_drawn_and_what_cannot_be_drawn_is_shown_as_written():
    drawn = inline.html("limit $10^{-3}$ m$^2$ at $P_{\\text{max}}$")
    assert drawn.count("<svg") == 3 and 'aria-label="10^{-3}"' in drawn and "$" not in drawn
    assert inline.html("$\\begin{matrix}$") == "<code>\\begin{matrix}</code>"
