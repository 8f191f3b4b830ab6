"""A caption's Markdown as HTML that stands alone: emphasis, code, links as words, formulas as drawings."""

from __future__ import annotations

import re
from functools import cache
from html import escape

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

_PIECE = re.compile(
    r"(?P<code>`+(?!`).+?`+)"
    r"|(?<!\\)\$(?P<formula>[^$]+?)\$"
    r"|\{(?P<role>[\w:]+)\}`(?P<target>[^`]+)`"
    r"|\*\*(?P<strong>.+?)\*\*"
    r"|(?<!\w)\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*(?!\w)"
    r"|\[(?P<words>[^\]]+)\]\((?P<address>[^)\s]+)\)",
    re.S,
)
_MEANT = ((r"\\(?:text|operatorname)\b", r"\\mathrm"), (r"\\[dt]frac\b", r"\\frac"), (r"\\(?:bm|boldsymbol)\b", r"\\mathbf"))
_COMMANDS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C", Outline.CLOSEPOLY: "Z"}
_SIZE = 100.0


def html(text: str) -> str:
    """Markdown of one paragraph as HTML. A reference to a place in the book becomes its words."""
    text = re.sub(r"<br\s*/?>", " ", text.strip())
    made, end = [], 0
    for found in _PIECE.finditer(text):
        made.append(_escaped(text[end : found.start()]))
        made.append(_piece(found))
        end = found.end()
    return "".join([*made, _escaped(text[end:])])


def plain(text: str) -> str:
    """The same without any mark-up, for the title of a window."""
    return re.sub(r"\{[\w:]+\}|[`$*\\]", "", text).strip()


def _escaped(text: str) -> str:
    return escape(re.sub(r"\\([$*_|])", r"\1", text)).replace("~", "\N{NO-BREAK SPACE}")


def _piece(found: re.Match) -> str:
    kind = found.lastgroup
    if kind == "code":
        return f"<code>{escape(found['code'].strip('`'))}</code>"
    if kind == "formula":
        return formula(found["formula"])
    if kind == "target":
        named = re.fullmatch(r"(.*?)\s*<[^>]*>", found["target"], re.S)
        target = found["target"].rpartition("/")[2].replace("_", " ")
        return _escaped(named[1] if named else "(equation in the book)" if found["role"] == "eq" else target)
    if kind == "address":
        return _escaped(found["words"])
    tag = "strong" if kind == "strong" else "em"
    return f"<{tag}>{html(found[kind])}</{tag}>"


@cache
def formula(tex: str) -> str:
    """An inline formula as a drawing in the colour of the text; as code where it is more than the drawer understands."""
    meant = tex
    for pattern, replacement in _MEANT:
        meant = re.sub(pattern, replacement, meant)
    try:
        path = TextPath((0, 0), f"${meant}$", size=_SIZE, prop=FontProperties(family="DejaVu Sans"))
    except ValueError:
        return f"<code>{escape(tex)}</code>"
    if not len(path.vertices):
        return ""
    low, high = path.vertices.min(axis=0), path.vertices.max(axis=0)
    width, height = np.maximum(high - low, 1.0) + 4.0
    steps = []
    for points, code in path.iter_segments():
        pairs = zip(points[::2], points[1::2])
        steps.append(_COMMANDS[code] + ("" if code == Outline.CLOSEPOLY else " ".join(f"{x:.1f} {-y:.1f}" for x, y in pairs)))
    box = f"{low[0] - 2:.1f} {-high[1] - 2:.1f} {width:.1f} {height:.1f}"
    size = f"width:{width / _SIZE:.3f}em;height:{height / _SIZE:.3f}em;vertical-align:{(low[1] - 2) / _SIZE:.3f}em"
    return (
        f'<svg class="formula" role="img" aria-label="{escape(tex)}" viewBox="{box}" style="{size}">'
        f'<path d="{"".join(steps)}"/></svg>'
    )
