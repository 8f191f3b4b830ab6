"""The static part of the audit: what a built book's files say without a browser.

Links and anchors lead somewhere, images have a description and a size, headings are in order, nothing is heavy or loaded
from another host.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from ..browser.server import built_pages

MOST_BYTES = 1_500_000  # of a page with its pictures


@dataclass(frozen=True)
class Problem:
    """Something wrong on a page."""

    page: str
    what: str

    def __str__(self) -> str:
        return f"{self.page}: {self.what}"


def soup(path: Path) -> BeautifulSoup:
    """A page as a tree, which is not to be changed; as long as its file is the same it is read once in a process."""
    status = path.stat()
    return _soup(path, status.st_mtime_ns, status.st_size)


@functools.cache
def _soup(path: Path, modified: int, size: int) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def static_problems(html: Path, pages: Iterable[str] = ()) -> list[Problem]:
    """Broken links and anchors, images without description, resources of other hosts, missing pages."""
    problems = [
        Problem(page, "is in the table of contents but not in the site") for page in pages if not (html / f"{page}.html").exists()
    ]

    @functools.cache
    def anchors(path: Path) -> frozenset[str]:
        tags = soup(path).find_all(lambda tag: tag.has_attr("id") or (tag.name == "a" and tag.has_attr("name")))
        return frozenset(str(tag.get("id") or tag.get("name")) for tag in tags)

    for path in built_pages(html):
        name = path.relative_to(html).as_posix()
        weight = page_weight(path, soup(path))
        if weight > MOST_BYTES:
            problems.append(Problem(name, f"weighs {weight / 1e6:.1f} MB with its figures (at most {MOST_BYTES / 1e6:.1f})"))
        problems += [Problem(name, what) for what in _heading_problems(soup(path))]
        for image in soup(path).find_all("img"):
            if not (image.get("loading") == "lazy" and image.get("width") and image.get("height")):
                problems.append(Problem(name, f"image {image.get('src', '')} does not say its size or is not lazy"))
            if not str(image.get("alt", "")).strip() and image.get("aria-hidden") != "true" and not _decorative(image):
                problems.append(Problem(name, f"image {image.get('src', '')} has no alternative text"))
        for tag, attribute in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src")):
            for element in soup(path).find_all(tag, attrs={attribute: True}):
                problem = _link_problem(html, path, str(element[attribute]), tag, anchors)
                if problem:
                    problems.append(Problem(name, problem))
    return problems


def page_weight(path: Path, page: BeautifulSoup) -> int:
    """Bytes of a page and of its pictures, without what all pages share (style, scripts, fonts)."""
    sources = [urlsplit(str(image.get("src", ""))) for image in page.find_all("img")]
    pictures = {(path.parent / unquote(source.path)).resolve() for source in sources if not source.scheme}
    return path.stat().st_size + sum(picture.stat().st_size for picture in pictures if picture.is_file())


def _heading_problems(page: BeautifulSoup) -> Iterator[str]:
    """One title, and no level left out on the way down."""
    headings = [
        (int(tag.name[1]), tag.get_text(" ", strip=True)) for tag in page.select(", ".join(f"article h{n}" for n in range(1, 7)))
    ]
    titles = sum(level == 1 for level, _ in headings)
    if headings and titles != 1:
        yield f"has {titles} titles of level 1"
    for (above, _), (level, text) in itertools.pairwise(headings):
        if level > above + 1:
            yield f"heading {text!r} goes from level {above} to {level}"
    if page.html is not None and not page.html.get("lang"):
        yield "does not say its language"


def _decorative(image) -> bool:
    return image.get("role") == "presentation" or (
        image.has_attr("alt") and image.get("alt") == "" and image.has_attr("aria-hidden")
    )


def _link_problem(html: Path, page: Path, address: str, tag: str, anchors: Callable) -> str:
    parts = urlsplit(address)
    if parts.scheme in ("mailto", "data", "javascript"):
        return ""
    if parts.scheme in ("http", "https") or address.startswith("//"):
        return "" if tag == "a" else f"loads {address} from another host"
    target = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
    if target.is_dir():
        target = target / "index.html"
    if not target.exists():
        return f"link to {address}, which does not exist"
    fragment = unquote(parts.fragment)
    if tag == "a" and fragment and target.suffix == ".html" and fragment not in anchors(target):
        return f"link to {address}: the page has no anchor #{fragment}"
    return ""
