"""The part of the audit that needs a browser: every page of the table of contents in headless Chromium.

No console error, no request off this machine, every formula typeset, no sideways scrolling, every image loaded, no serious
finding of axe; no numbered formula wider than a desktop page, none that is cut without an edge to be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from joblib import Parallel, delayed

from ..browser.chromium import READY, VIEWS, View, browser, reader
from ..browser.server import serve
from .accessibility import Auditor
from .static import Problem

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
    for (const frame of document.querySelectorAll('main div.math')) {
        if (frame.offsetParent === null || frame.scrollWidth <= frame.clientWidth + 1) continue;
        const style = getComputedStyle(frame);
        const text = frame.textContent.trim().slice(0, 60);
        if (!['auto', 'scroll'].includes(style.overflowX) || !style.backgroundImage.includes('gradient'))
            found.push(`a formula is cut unseen: ${text}`);
        else if (innerWidth >= 1000 && frame.querySelector('.eqno')) found.push(`a numbered formula does not fit: ${text}`);
    }
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
