"""What belongs together stays on one line: a number and its unit, a formula and the mark behind it; and a minus is a minus."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z][\w-]*)([^>]*)>", re.S)
_SKIPPED = {"pre", "code", "script", "style", "svg", "textarea", "title", "mjx-container"}
_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_UNITS = "%|°|dBm|dBi|dB|[kMG]?Hz|[kMG]?bit(?:/s(?:/Hz)?|/J)?|[nµm]?W|[nµm]?s|[nµmk]?m[²³]?|min|GB|MB|kB|px"
_QUANTITY = re.compile(rf"(?<=\d) (?=(?:{_UNITS})(?![\w/]))")
_MINUS = re.compile(r"(?<![\w)\]-])-(?=\d)")
_MARKED = re.compile(r'([(“]?)(<span class="math notranslate nohighlight">(?:(?!</span>).)*</span>)([.,:;!?)”’]+)', re.S)


def set_type(page: str) -> str:
    """The page with its words set; code, formulas and what scripts read are left alone."""
    made, end = [], 0
    inside, depth = "", 0  # the element whose content is left alone, and how often it is open
    for token in _TOKEN.finditer(page):
        text = page[end : token.start()]
        made += [text if inside else _words(text), token[0]]
        end = token.end()
        closing, name, rest = token[1], (token[2] or "").lower(), token[3] or ""
        if inside:
            if name == inside and not rest.endswith("/"):
                depth += -1 if closing else 1
                inside = inside if depth else ""
        elif not closing and name not in _VOID and (name in _SKIPPED or re.search(r'class="math\b', rest)):
            inside, depth = name, 1
    rest = page[end:]
    return _MARKED.sub(r'<span class="isac-kept">\1\2\3</span>', "".join([*made, rest]))


def _words(text: str) -> str:
    if not text or text.isspace():
        return text
    return _MINUS.sub("\N{MINUS SIGN}", _QUANTITY.sub("\N{NO-BREAK SPACE}", text))
