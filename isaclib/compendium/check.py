"""``isac check``: the published tree as a reader's browser sees it.

Two parts. The static part reads every page: links and anchors lead somewhere, images have a description and a size,
headings are in order, nothing is heavy or loaded from another host. The browser part opens every page of the table of
contents in headless Chromium: no console error, no request off this machine, every formula typeset, no sideways scrolling,
every image loaded, no serious finding of axe.
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from joblib import Parallel, delayed

from .accessibility import Auditor
from .polish import built_pages


class NoBrowser(RuntimeError):
    """No Chromium, or no driver for it, on this machine."""


@dataclass(frozen=True)
class Problem:
    """Something wrong on a page."""

    page: str
    what: str

    def __str__(self) -> str:
        return f"{self.page}: {self.what}"


@dataclass(frozen=True)
class View:
    """A reader's screen."""

    width: int
    theme: str

    def __str__(self) -> str:
        return f"{self.width} px, {self.theme}"


PATIENCE_MS = 600_000  # a busy machine is no fault of a page
MOST_BYTES = 1_500_000  # of a page with its pictures
VIEWS = tuple(View(width, theme) for width in (1300, 400) for theme in ("light", "dark"))


# ---------------------------------------------------------------- static part


def static_problems(html: Path, pages: Iterable[str] = ()) -> list[Problem]:
    """Broken links and anchors, images without description, resources of other hosts, missing pages."""
    problems = [
        Problem(page, "is in the table of contents but not in the site") for page in pages if not (html / f"{page}.html").exists()
    ]

    @functools.cache
    def soup(path: Path) -> BeautifulSoup:
        return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    @functools.cache
    def anchors(path: Path) -> frozenset[str]:
        tags = soup(path).find_all(lambda tag: tag.has_attr("id") or (tag.name == "a" and tag.has_attr("name")))
        return frozenset(tag.get("id") or tag.get("name") for tag in tags)

    for path in built_pages(html):
        name = path.relative_to(html).as_posix()
        weight = page_weight(path, soup(path))
        if weight > MOST_BYTES:
            problems.append(Problem(name, f"weighs {weight / 1e6:.1f} MB with its figures (at most {MOST_BYTES / 1e6:.1f})"))
        problems += [Problem(name, what) for what in _heading_problems(soup(path))]
        for image in soup(path).find_all("img"):
            if not (image.get("loading") == "lazy" and image.get("width") and image.get("height")):
                problems.append(Problem(name, f"image {image.get('src', '')} does not say its size or is not lazy"))
            if not image.get("alt", "").strip() and image.get("aria-hidden") != "true" and not _decorative(image):
                problems.append(Problem(name, f"image {image.get('src', '')} has no alternative text"))
        for tag, attribute in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src")):
            for element in soup(path).find_all(tag, attrs={attribute: True}):
                problem = _link_problem(html, path, element[attribute], tag, anchors)
                if problem:
                    problems.append(Problem(name, problem))
    return problems


def page_weight(path: Path, soup: BeautifulSoup) -> int:
    """Bytes of a page and of its pictures, without what all pages share (style, scripts, fonts)."""
    sources = [urlsplit(image.get("src", "")) for image in soup.find_all("img")]
    pictures = {(path.parent / unquote(source.path)).resolve() for source in sources if not source.scheme}
    return path.stat().st_size + sum(picture.stat().st_size for picture in pictures if picture.is_file())


def _heading_problems(soup: BeautifulSoup) -> Iterator[str]:
    """One title, and no level left out on the way down."""
    headings = [
        (int(tag.name[1]), tag.get_text(" ", strip=True)) for tag in soup.select(", ".join(f"article h{n}" for n in range(1, 7)))
    ]
    titles = sum(level == 1 for level, _ in headings)
    if headings and titles != 1:
        yield f"has {titles} titles of level 1"
    for (above, _), (level, text) in itertools.pairwise(headings):
        if level > above + 1:
            yield f"heading {text!r} goes from level {above} to {level}"
    if soup.html is not None and not soup.html.get("lang"):
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


# ---------------------------------------------------------------- browser part


def find_chromium() -> str:
    """Path of the system's Chromium (the variable CHROMIUM, else the usual names).

    Raises
    ------
    NoBrowser
        When there is none.
    """
    named = os.environ.get("CHROMIUM")
    for candidate in filter(None, [named, "chromium", "chromium-browser", "google-chrome"]):
        path = shutil.which(candidate)
        if path:
            return path
    raise NoBrowser("no Chromium on this machine: install it, or name it in the variable CHROMIUM")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments) -> None:
        """Requests are not news."""


@contextmanager
def serve(html: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(html)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def browser():
    """A headless Chromium driven by Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("the browser driver is not installed: pip install 'isaclib[test]'") from None
    path = find_chromium()
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=quiet)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def reader(chromium, view: View):
    """An empty page of a browser window as this reader has set it up."""
    context = chromium.new_context(viewport={"width": view.width, "height": 900}, color_scheme=view.theme)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(f"localStorage.setItem('mode', '{view.theme}'); localStorage.setItem('theme', '{view.theme}');")
    try:
        yield context.new_page()
    finally:
        context.close()


READY = """async () => {
    if (document.querySelector('.math')) {
        for (let i = 0; i < 100 && !window.MathJax?.startup?.promise; i++) await new Promise(go => setTimeout(go, 50));
        await window.MathJax?.startup?.promise;
    }
    document.querySelectorAll('img[loading=lazy]').forEach(image => image.loading = 'eager');
    const shown = [...document.images].filter(image => image.offsetParent !== null);
    await Promise.all(shown.map(image => image.complete ? 0 : new Promise(go => { image.onload = image.onerror = go; })));
}"""
_FINDINGS = """() => {
    const found = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth + 1) {
        const wide = [...document.querySelectorAll('main *')]
            .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1 && e.offsetParent !== null)
            .map(e => `${e.tagName.toLowerCase()}#${e.id}.${e.getAttribute('class') ?? ''}`);
        found.push(`scrolls sideways (${root.scrollWidth} px in ${root.clientWidth}): ${wide.slice(0, 3).join(', ')}`);
    }
    const bare = [...document.querySelectorAll('.math')].filter(e => !e.querySelector('mjx-container'));
    if (bare.length) found.push(`${bare.length} formulas are not typeset, e.g. ${bare[0].textContent.trim().slice(0, 60)}`);
    const errors = [...document.querySelectorAll('mjx-merror')];
    if (errors.length) found.push(`${errors.length} formulas have errors, e.g. ${errors[0].textContent.slice(0, 60)}`);
    for (const image of document.images)
        if (image.offsetParent !== null && image.naturalWidth === 0)
            found.push(`image ${image.getAttribute('src')} did not load`);
    const dollars = [...document.querySelectorAll('main p, main li, main td, main figcaption')]
        .filter(e => !e.querySelector('code, pre') && /\\$[^$]*\\\\[a-zA-Z]+[^$]*\\$/.test(e.textContent) && !e.closest('pre'));
    if (dollars.length) found.push(`raw TeX in the text: ${dollars[0].textContent.trim().slice(0, 60)}`);
    return found;
}"""


def browser_problems(
    html: Path,
    pages: Sequence[str],
    views: Sequence[View] = VIEWS,
    *,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Problem]:
    """What a browser complains about on each page in each view; up to ``jobs`` widths at a time.

    Raises
    ------
    NoBrowser
        When there is no Chromium or no driver.
    """
    groups: dict[int, list[View]] = {}
    for view in views:
        groups.setdefault(view.width, []).append(view)
    problems: list[Problem] = []
    with serve(html) as address:
        work = Parallel(n_jobs=min(jobs, len(groups)), return_as="generator")
        found = work(delayed(_problems_at_a_width)(address, pages, same) for same in groups.values())
        for same, these in zip(groups.values(), found):
            problems += these
            for view in same:
                progress(f"{len(pages)} pages at {view}")
    return problems


def _problems_at_a_width(address: str, pages: Sequence[str], views: Sequence[View]) -> list[Problem]:
    """The structure is looked at once: it does not depend on the colours."""
    problems: list[Problem] = []
    with browser() as chromium:
        for number, view in enumerate(views):
            auditor = Auditor(structure=number == 0)
            with reader(chromium, view) as page:
                current: list[str] = []

                def note_request(request, seen=current) -> None:
                    if not request.url.startswith((address, "data:", "blob:")):
                        seen.append(f"asks {request.url}")

                page.on(
                    "console",
                    lambda message, seen=current: seen.append(f"console: {message.text}") if message.type == "error" else None,
                )
                page.on("pageerror", lambda error, seen=current: seen.append(f"script error: {error}"))
                page.on("request", note_request)
                for name in pages:
                    current.clear()
                    page.goto(f"{address}/{name}.html", wait_until="load")
                    page.evaluate(READY)
                    theme = page.evaluate("document.documentElement.dataset.theme")
                    if theme != view.theme:
                        current.append(f"the theme is {theme}")
                    found = [*page.evaluate(_FINDINGS), *auditor.findings(page)]
                    problems += [Problem(f"{name} ({view})", what) for what in [*current, *found]]
    return problems
