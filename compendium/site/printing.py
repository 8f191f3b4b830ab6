"""The built book, or one chapter of it, as a PDF.

The pages are laid one after the other into a single document with a title page and a table of contents; links between pages
become links inside the document. Headless Chromium prints it twice: the first printing tells on which page a chapter starts.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence
from html import escape, unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

from isaclib import __version__

from ..browser.chromium import PATIENCE_MS, READY, browser
from ..browser.server import serve
from ..runs.contents import Part
from ..runs.errors import ParameterError

_PRINTED = "print.html"
_TEXT_WIDTH_PX = 657  # A4 less the margins of the print style: 174 mm
_WHOLE_LINES = 24  # a listing of at most so many lines stays on one page; a longer one breaks where it has an empty line
_FEWEST_LINES = 6  # between two places where a listing may break

# Formulas that are wider than the paper shrink; pictures and folded code are there before the printer looks.
_FIT = """() => {
    for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
        const frame = formula.parentElement;
        const ink = formula.querySelector('mjx-math')?.getBoundingClientRect().width ?? 0;
        const number = frame.querySelector('.eqno')?.offsetWidth ?? 0;
        const share = (frame.clientWidth - number) / ink;
        if (frame.clientWidth && share < 1) formula.style.fontSize = `${Math.max(45, Math.floor(100 * share) - 2)}%`;
    }
}"""
_NUMBER = """(pages) => {
    for (const place of document.querySelectorAll('.isac-print-page')) place.textContent = pages[place.dataset.target] ?? '';
}"""


def choose(parts: Sequence[Part], chapter: str | None) -> list[Part]:
    """All chapters, or the one with this name.

    Raises
    ------
    ParameterError
        When there is no chapter of this name.
    """
    if chapter is None:
        return list(parts)
    for part in parts:
        if chapter == part.name:
            return [part]
    raise ParameterError("isac pdf", chapter, "is not a chapter", f"chapters: {', '.join(part.name for part in parts)}")


# ---------------------------------------------------------------- one document


def slug(document: str) -> str:
    """The anchor of a page inside the printed document."""
    return re.sub(r"[^\w-]", "-", document)


def assemble(html: Path, parts: Sequence[Part]) -> str:
    """The HTML document that is printed: title page, contents, then every page as an article."""
    wanted = {document for part in parts for document in part.documents}
    first = BeautifulSoup((html / f"{parts[0].documents[0]}.html").read_text(encoding="utf-8"), "html.parser")
    base = posixpath.dirname(parts[0].documents[0])
    articles, titles = [], {}
    for document in (document for part in parts for document in part.documents):
        soup = BeautifulSoup((html / f"{document}.html").read_text(encoding="utf-8"), "html.parser")
        article = soup.select_one("article")
        if article is None:
            raise ParameterError("isac pdf", document, "has no article", "run 'make book' again")
        titles[document] = escape(_title(article))
        _localise(article, document, wanted)
        articles.append(f'<article class="bd-article" id="{slug(document)}">{article.decode_contents()}</article>')
    book = escape(" ".join((first.title.get_text() if first.title else "").split("—")[-1].split()))
    heading = book if len(parts) > 1 else titles[parts[0].documents[0]]
    below = f"<p>A chapter of <em>{book}</em></p>" if len(parts) == 1 else ""
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en" data-theme="light" data-mode="light">\n<head>\n<meta charset="utf-8">',
            f"<title>{heading}</title>",
            *_head(first, base),
            f"<style>{_running_heads(titles)}</style>",
            '</head>\n<body class="isac-print">',
            f'<header class="isac-print-title"><p class="isac-print-name">{heading}</p>{below}',
            f"<p>isaclib {__version__}</p></header>",
            '<nav class="isac-print-contents" aria-label="Contents"><p>Contents</p>',
            *_contents(parts, titles),
            '</nav>\n<div class="bd-content">',
            *articles,
            "</div></body></html>",
        ]
    )


def _title(article: Tag) -> str:
    heading = article.find("h1")
    if heading is None:
        return ""
    for mark in heading.select(".headerlink"):
        mark.decompose()
    return heading.get_text().strip()


def _localise(article: Tag, document: str, wanted: set[str]) -> None:
    """Addresses as seen from the root of the site; links to printed pages lead inside the document, others are plain words."""
    own, folder = slug(document), posixpath.dirname(document)
    for tag in article.find_all(id=True):
        tag["id"] = f"{own}--{tag['id']}"
    for picture in article.find_all("img", src=True):
        if not urlsplit(str(picture["src"])).scheme:
            picture["src"] = posixpath.normpath(posixpath.join(folder, str(picture["src"])))
        picture["loading"] = "eager"
    for unwanted in article.select("script:not([type^='math']), .isac-explorer, .isac-guess, .headerlink, .toctree-wrapper"):
        unwanted.decompose()
    for word in article.select("table code .pre, table code:not(:has(*))"):
        word.replace_with(BeautifulSoup(str(word).replace("_", "_<wbr>"), "html.parser"))
    for listing in article.select(".highlight pre"):
        pieces = "".join(f'<span class="isac-print-piece">{piece}</span>' for piece in break_listing(listing.decode_contents()))
        listing.replace_with(BeautifulSoup(f"<pre>{pieces}</pre>", "html.parser"))  # a parser keeps spaces in a pre only
    for words in article.find_all("p"):
        if words.get_text().rstrip().endswith(":"):
            words["class"] = " ".join([*words.get_attribute_list("class"), "isac-print-lead"])
    for link in article.find_all("a", href=True):
        parts = urlsplit(str(link["href"]))
        if parts.scheme:
            continue
        target = posixpath.normpath(posixpath.join(folder, unquote(parts.path))) if parts.path else f"{document}.html"
        target = target.removesuffix(".html")
        if target in wanted:
            link["href"] = f"#{slug(target)}--{parts.fragment}" if parts.fragment else f"#{slug(target)}"
        else:
            del link["href"]


def break_listing(html: str) -> list[str]:
    """The pieces of a coloured listing that stay whole on paper.

    Every line of Pygments closes the marks that it opens, so that a listing can be cut between any two lines.
    """
    lines = html.splitlines(keepends=True)
    if len(lines) <= _WHOLE_LINES:
        return [html]
    pieces: list[list[str]] = [[]]
    for place, line in enumerate(lines):
        pieces[-1].append(line)
        long_enough = min(len(pieces[-1]), len(lines) - place - 1) >= _FEWEST_LINES
        if long_enough and (not line.strip() or len(pieces[-1]) >= _WHOLE_LINES):
            pieces.append([])
    return ["".join(piece) for piece in pieces]


def _head(page: BeautifulSoup, base: str) -> Iterator[str]:
    """Style sheets and the formula setter of a page of the site."""
    for sheet in page.select('head link[rel="stylesheet"]'):
        yield f'<link rel="stylesheet" href="{posixpath.normpath(posixpath.join(base, str(sheet["href"])))}">'
    for script in page.find_all("script"):
        source = str(script.get("src", ""))
        if "mathjax" in source:
            yield f'<script src="{posixpath.normpath(posixpath.join(base, source))}" defer></script>'
        elif not source and "window.MathJax" in script.get_text():
            yield str(script)


def _contents(parts: Sequence[Part], titles: dict[str, str]) -> Iterator[str]:
    for caption, group in itertools.groupby(parts, key=lambda part: part.caption):
        yield f"<p>{caption}</p><ul>" if caption and len(parts) > 1 else "<ul>"
        for part in group:
            for document in part.documents:
                level = "isac-print-chapter" if document == part.documents[0] else "isac-print-section"
                anchor = slug(document)
                yield (
                    f'<li class="{level}"><a href="#{anchor}"><span>{titles[document]}</span>'
                    f'<span class="isac-print-page" data-target="{anchor}"></span></a></li>'
                )
        yield "</ul>"


def _running_heads(titles: dict[str, str]) -> str:
    """Every page of the paper says in its head which page of the book it belongs to."""
    rules = []
    for number, (document, title) in enumerate(titles.items()):
        words = unescape(title).replace("\\", "").replace('"', "'").replace("<", "\\3c ")
        rules.append(f'@page part{number} {{ @top-left {{ content: "{words}"; }} }} #{slug(document)} {{ page: part{number}; }}')
    return "\n".join(rules)


# ---------------------------------------------------------------- printing


def print_pdf(html: Path, parts: Sequence[Part], target: Path) -> None:
    """Print these chapters of a built book.

    Raises
    ------
    NoBrowser
        When there is no Chromium or no driver.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    text = assemble(html, parts)
    with serve(html) as address, browser() as chromium:
        page = chromium.new_page(viewport={"width": _TEXT_WIDTH_PX, "height": 900}, color_scheme="light")
        page.set_default_timeout(PATIENCE_MS)
        page.route(f"{address}/{_PRINTED}", lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8"))
        page.emulate_media(media="print")
        page.goto(f"{address}/{_PRINTED}", wait_until="load")
        page.evaluate(READY)
        page.evaluate(_FIT)
        draft = page.pdf(prefer_css_page_size=True, print_background=True)
        page.evaluate(_NUMBER, destinations(PdfReader(BytesIO(draft))))
        page.pdf(path=target, prefer_css_page_size=True, print_background=True, tagged=True, outline=True)


def destinations(document: PdfReader) -> dict[str, int]:
    """Page number (from 1) of every anchor that a link of the document leads to."""
    places = document.named_destinations.items()
    numbers = {name.removeprefix("/"): document.get_destination_page_number(place) for name, place in places}
    return {name: number + 1 for name, number in numbers.items() if number is not None}
