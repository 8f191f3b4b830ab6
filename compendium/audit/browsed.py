"""The part of the audit that needs a browser: every page of the table of contents in headless Chromium.

A page is loaded once at each width, in light at one and in dark at the other, and then turned to the other colours by its own
button, as a reader does it. No console error, no request off this machine, every formula typeset, no sideways scrolling, every
image loaded, no serious finding of axe; no formula wider than a desktop page, none that is cut without an edge to be
seen; captions in a stroke and a contrast that carry them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path

from joblib import Parallel, delayed

from ..browser.chromium import READY, VIEWS, View, browser, reader
from ..browser.server import serve
from .accessibility import Auditor, Structure
from .static import Problem

CAPTION_CONTRAST = 7  # what WCAG calls enhanced, at the weight of the text: thinner strokes look paler than their colour is

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
    // A formula scrolls in a box of its own, and shows that it does. On a desktop page it is broken into lines; only those
    // of the reference, whose sources are docstrings, may scroll there.
    const reference = document.querySelector('main dl.py') !== null;
    for (const box of document.querySelectorAll('main mjx-container[display=true]')) {
        if (box.offsetParent === null || box.scrollWidth <= box.clientWidth + 2) continue;
        const text = box.textContent.trim().slice(0, 60);
        if (!getComputedStyle(box).backgroundImage.includes('gradient')) found.push(`a formula is cut unseen: ${text}`);
        if (innerWidth >= 1000 && !reference) found.push(`a formula does not fit: ${text}`);
    }
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => channels(colour).slice(0, 3)
        .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = e => !e ? 'rgb(255, 255, 255)' : (channels(getComputedStyle(e).backgroundColor)[3] ?? 1) === 1
        ? getComputedStyle(e).backgroundColor : ground(e.parentElement);
    for (const caption of document.querySelectorAll('main :is(.caption-text, .isac-explorer-caption)')) {
        const style = getComputedStyle(caption);
        const [dark, bright] = [light(style.color), light(ground(caption))].sort((a, b) => a - b);
        const contrast = (bright + 0.05) / (dark + 0.05);
        if (contrast >= LEAST && Number(style.fontWeight) >= 400 && Number(style.opacity) === 1) continue;
        const text = caption.textContent.trim().slice(0, 60);
        found.push(`a caption is pale (${contrast.toFixed(1)} : 1, weight ${style.fontWeight}): ${text}`);
        break;
    }
    const dollars = [...document.querySelectorAll('main p, main li, main td, main figcaption')]
        .filter(e => !e.querySelector('code, pre') && /\\$[^$]*\\\\[a-zA-Z]+[^$]*\\$/.test(e.textContent) && !e.closest('pre'));
    if (dollars.length) found.push(`raw TeX in the text: ${dollars[0].textContent.trim().slice(0, 60)}`);
    return found;
}""".replace("LEAST", str(CAPTION_CONTRAST))

# A press of the page's own button goes on to the next of light, dark and the system's colours; without one nothing happens.
# No fading from one to the other: a colour on its way is nobody's choice.
_TURN = """theme => {
    const root = document.documentElement, button = document.querySelector('.theme-switch-button');
    const still = document.getElementById('isac-still') ?? Object.assign(document.createElement('style'), { id: 'isac-still' });
    still.textContent = '* { transition: none !important }';
    document.head.append(still);
    for (let i = 0; i < 3 && button && root.dataset.theme !== theme; i++) button.click();
    return root.dataset.theme;
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
        found = work(
            delayed(_problems_at_a_width)(address, pages, same, structure)
            for same, structure in zip(groups.values(), chain(["whole"], repeat("around")))
        )
        for same, these in zip(groups.values(), found):
            problems += these
            for view in same:
                progress(f"{len(pages)} pages at {view}")
    return problems


def _problems_at_a_width(address: str, pages: Sequence[str], views: Sequence[View], structure: Structure) -> list[Problem]:
    """Every page is loaded in the first view; its structure is looked at once, since it does not depend on the colours."""
    problems: list[Problem] = []
    with browser() as chromium, reader(chromium, views[0]) as page:
        auditor = Auditor()
        current: list[str] = []

        def note_request(request) -> None:
            if not request.url.startswith((address, "data:", "blob:")):
                current.append(f"asks {request.url}")

        page.on("console", lambda message: current.append(f"console: {message.text}") if message.type == "error" else None)
        page.on("pageerror", lambda error: current.append(f"script error: {error}"))
        page.on("request", note_request)
        for name in pages:
            current.clear()
            page.goto(f"{address}/{name}.html", wait_until="load")
            found: dict[View, list[str]] = {}
            for view in views:
                theme = page.evaluate(_TURN, view.theme)
                page.evaluate(READY)
                found[view] = [*([] if theme == view.theme else [f"the theme is {theme}"]), *page.evaluate(_FINDINGS)]
                auditor.look(page)
            for view in reversed(views):  # the audit takes the page to pieces
                page.evaluate(_TURN, view.theme)
                found[view] += auditor.findings(page, structure if view == views[0] else "")
            found[views[0]][:0] = current
            problems += [Problem(f"{name} ({view})", what) for view in views for what in found[view]]
    return problems
