"""What belongs together stays on one line: a number and its unit, a formula and the mark behind it; a minus is a minus, but
nothing has none, and a power of ten is one.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z][\w-]*)([^>]*)>", re.S)
_SKIPPED = {"pre", "code", "script", "style", "svg", "textarea", "title", "mjx-container"}
_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_UNITS = "%|°|dBm|dBi|dB|[kMG]?Hz|[kMG]?bit(?:/s(?:/Hz)?|/J)?|[nµm]?W|[nµm]?s|[nµmk]?m[²³]?|min|GB|MB|kB|px"
_QUANTITY = re.compile(rf"(?<=[\d\u2070-\u2079\u00b9\u00b2\u00b3]) (?=(?:{_UNITS})(?![\w/]))")
_POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?)0*(\d+)(?![\w-])")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MINUS = re.compile(r"(?<![\w)\]-])-(?=\d)")
_NOTHING = re.compile(r"(?<![\w)\]])" "\N{MINUS SIGN}" r"(?=0(?:\.0+)?(?![\d.]*\d))")
_SQUARE = re.compile(r"(?<=[\d\u2070-\u2079\u00b9\u00b2\u00b3] m)\^2\b")
_ALT = re.compile(r'(?<= alt=")[^"]*')
_MARKED = re.compile(r'([(“]?)(<span class="math notranslate nohighlight">(?:(?!</span>).)*</span>)([.,:;!?)”’]+)', re.S)


def set_type(page: str) -> str:
    """The page with its words set; code, formulas and what scripts read are left alone."""
    made, end = [], 0
    inside, depth = "", 0  # the element whose content is left alone, and how often it is open
    for token in _TOKEN.finditer(page):
        text = page[end : token.start()]
        closing, name, rest = token[1], (token[2] or "").lower(), token[3] or ""
        shown = _ALT.sub(lambda alt: _words(alt[0]), token[0]) if name == "img" else token[0]  # read aloud
        made += [text if inside else _words(text), shown]
        end = token.end()
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
    text = _QUANTITY.sub("\N{NO-BREAK SPACE}", _SQUARE.sub("²", _POWER.sub(_power, text)))
    return _NOTHING.sub("", _MINUS.sub("\N{MINUS SIGN}", text))


def _power(number: re.Match) -> str:
    """``2.5e-07`` as 2.5 · 10⁻⁷, ``1e-11`` as 10⁻¹¹, and ``0.0e+00`` as 0."""
    mantissa, sign, exponent = number.groups()
    if not float(mantissa):
        return "0"
    raised = "10" + (sign.replace("+", "") + exponent).translate(_RAISED)
    return raised if mantissa == "1" else f"{mantissa}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}{raised}"
