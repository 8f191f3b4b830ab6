"""Accessibility of a page that is open in the browser: axe's rules of WCAG 2, level A and AA.

The rules on structure (names, roles, keyboard access, languages) look at the whole page. Contrast depends only on the ink,
its size and the ground below it; a book has a few dozen such pairs and tens of thousands of words, so that axe measures
some words of each pair and remembers the pairs that it has seen.
"""

from __future__ import annotations

import functools
import importlib.resources
from typing import Literal

GRAVE = ("serious", "critical")
Structure = Literal["whole", "around", ""]

# The glyphs of a formula: hidden from readers of speech, who are given the formula as MathML; their ink is the text's.
_PARTS = "mjx-math"

_STRIP = """(parts) => {
    // No glyphs, and of what is spoken for them the text: thousands of elements that no rule asks for, and axe looks at
    // every element whatever it is asked.
    document.querySelectorAll(parts).forEach(glyphs => glyphs.replaceChildren());
    document.querySelectorAll('mjx-assistive-mml math').forEach(spoken => { spoken.textContent = spoken.textContent; });
}"""

_PLAIN = """(kept) => {
    // Plain words for coloured tokens of code and of signatures, but for those that are still to be measured.
    for (const code of document.querySelectorAll('main pre:not(:has(a, button)), main .sig-param:not(:has(a))'))
        if (!kept.some(word => code.contains(word))) code.textContent = code.textContent;
}"""

_INKS = """(parts) => {
    const grounds = new Map();
    const ground = (element) => {
        if (!element) return 'page';
        if (!grounds.has(element)) {
            const style = getComputedStyle(element);
            const plain = style.opacity === '1' && style.filter === 'none' && style.backgroundImage === 'none';
            const own = `${style.backgroundColor} ${style.opacity} ${style.filter} ${style.backgroundImage}`;
            const none = plain && style.backgroundColor === 'rgba(0, 0, 0, 0)';
            const opaque = plain && style.backgroundColor.startsWith('rgb(');
            grounds.set(element, none ? ground(element.parentElement)
                : opaque ? style.backgroundColor : `${own} over ${ground(element.parentElement)}`);
        }
        return grounds.get(element);
    };
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);  // axe does not judge single characters
    const inks = new Map();
    for (let word = words.nextNode(); word; word = words.nextNode()) {
        const element = word.parentElement;
        const silent = `${parts}, mjx-assistive-mml, script, style, noscript, template, svg`;
        if (word.data.trim().length < 2 || element.closest(silent)) continue;
        const place = element.getBoundingClientRect();
        if (place.width < 2 || place.height < 2 || place.right <= 0 || place.left >= innerWidth) continue;
        const style = getComputedStyle(element);
        if (style.visibility !== 'visible') continue;
        const ink = [style.color, style.fontSize, style.fontWeight, style.opacity, ground(element)].join(' ');
        inks.set(ink, [...(inks.get(ink) ?? []), element]);
    }
    return inks;
}"""

# Some words of every ink that was not seen before, kept under the page's present colours.
_CHOOSE = """([parts, known]) => {
    const inks = (INKS)(parts);
    const fresh = [...inks.keys()].filter(ink => !known.includes(ink));
    const words = fresh.flatMap(ink => inks.get(ink).slice(0, 2));
    window.isacWords = { ...window.isacWords, [document.documentElement.dataset.theme]: words };
    return fresh;
}""".replace("INKS", _INKS)

# The rules on structure whose answer hangs on where things stand; the others say the same of a text at every width.
_LAID_OUT = ["scrollable-region-focusable", "aria-hidden-focus", "link-in-text-block", "nested-interactive"]

_RUN = (
    """async ([structure, parts]) => {
    const options = { resultTypes: ['violations'], preload: false, iframes: false };
    const contrast = { ...options, runOnly: { type: 'rule', values: ['color-contrast'] } };
    const found = [];
    (STRIP)(parts);
    (PLAIN)(Object.values(window.isacWords).flat());
    const include = window.isacWords[document.documentElement.dataset.theme].filter(word => word.isConnected);
    if (include.length) found.push(...(await axe.run({ include }, contrast)).violations);
    if (structure) {
        (PLAIN)([]);  // no rule on structure asks for them
        const rules = { 'color-contrast': { enabled: false } };
        const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
        const around = structure === 'around' ? { exclude: [['main']] } : document;
        found.push(...(await axe.run(around, { ...options, runOnly, rules })).violations);
        const laidOut = { ...options, runOnly: { type: 'rule', values: LAID_OUT } };
        if (structure === 'around') found.push(...(await axe.run('main', laidOut)).violations);
    }
    return found.map(({ id, impact, help, nodes }) => ({ id, impact, help, count: nodes.length,
        target: nodes[0].target.join(' '),
        message: [...nodes[0].any, ...nodes[0].all, ...nodes[0].none][0]?.message ?? '' }));
}""".replace("PLAIN", _PLAIN)
    .replace("STRIP", _STRIP)
    .replace("LAID_OUT", str(_LAID_OUT))
)


@functools.cache
def _axe() -> str:
    return importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


class Auditor:
    """Asks axe about one page after the other, all at one width."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def look(self, page) -> None:
        """Choose the words to measure in the present colours; in all colours before the findings in any."""
        self.seen |= set(page.evaluate(_CHOOSE, [_PARTS, sorted(self.seen)]))

    def findings(self, page, structure: Structure = "whole") -> list[str]:
        """Serious and critical findings on the page that was looked at.

        By the rules on structure too: on the ``whole`` page, ``around`` its text (and there by those that hang on the layout),
        or not at all. Changes the page: look at it for the last time before.
        """
        if not page.evaluate("'axe' in window"):
            page.evaluate(_axe())
        found_by_axe = page.evaluate(_RUN, [structure, _PARTS])
        return [
            f"{found['id']}: {found['help']} ({found['count']}, e.g. {found['target']}: {found['message']})"
            for found in found_by_axe
            if found["impact"] in GRAVE
        ]
