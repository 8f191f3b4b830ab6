"""A student's notebook as something to look at: nothing in it runs, fetches, or passes for a part of the page."""

from __future__ import annotations

import base64
import binascii
import re

import bleach
import nbformat

_PICTURES = ("image/png", "image/jpeg", "image/gif")
_TABLE = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "b", "i", "em", "strong", "p", "br", "sub", "sup"}
_ACTIVE = re.compile(r"<(script|style|iframe|object|svg|math|template)\b.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_APART = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$)", re.DOTALL)  # code and formulas of a text
_INLINE = re.compile(r"\(data:(image/(?:png|jpeg|gif));base64,([A-Za-z0-9+/=]+)\)")
_ATTACHED = re.compile(r"!\[([^\]]*)\]\(attachment:([^)\s]+)\)")
_MOST, _MOST_OF_ALL = 20_000, 100_000  # characters of a text, and of all, that are read as Markdown, which may take their square


def harmless(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Make a notebook harmless, in place, and return it."""
    left = _MOST_OF_ALL
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for output in cell.get("outputs", []):
                if "data" in output:
                    output.metadata = nbformat.from_dict({})
                    output.data = nbformat.from_dict(_shown(output.data))
        elif cell.metadata.get("isac", {}).get("own") or cell.metadata.get("nbgrader", {}).get("solution"):
            most = min(_MOST, left)
            left -= min(most, len(cell.source))
            cell.source = _text(cell.source, dict(cell.get("attachments") or {}), most)
        cell.pop("attachments", None)
    return notebook


def _shown(data: dict) -> dict:
    """The one form of an output that is shown: a picture, a table, or its text."""
    for kind in _PICTURES:
        if kind in data and _base64(data[kind]):
            return {kind: data[kind], "text/plain": ""}
    if isinstance(data.get("image/svg+xml"), str):  # as a picture its scripts do not run
        content = base64.b64encode(data["image/svg+xml"].encode()).decode()
        return {"text/html": f'<img alt="figure" src="data:image/svg+xml;base64,{content}">'}
    page = data.get("text/html")
    if isinstance(page, str) and "<table" in page:
        return {"text/html": bleach.clean(_ACTIVE.sub("", page), tags=_TABLE, attributes=["colspan", "rowspan"], strip=True)}
    text = data.get("text/plain")
    return {"text/plain": text if isinstance(text, str) else f"[an output of the kind {', '.join(sorted(map(str, data)))}]"}


def _text(source: str, attachments: dict, most: int) -> str:
    """Markdown whose tags are shown as they were written, with attached pictures in it; the end of a long one as it stands."""

    def attach(found: re.Match[str]) -> str:
        name = f"picture-{len(attachments)}"
        attachments[name] = {found[1]: found[2]}
        return f"(attachment:{name})"

    source = _INLINE.sub(attach, source)
    rest = re.sub(
        r"[^\w\s]", lambda found: f"&#{ord(found[0])};", source[most:]
    )  # nothing that a pattern of Markdown begins with
    parts = _APART.split(source[:most])
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", parts[index])
        parts[index] = re.sub(r"(\]\()\s*(?=(javascript|data|vbscript):)", r"\1#", parts[index], flags=re.IGNORECASE)
        parts[index] = _ATTACHED.sub(lambda found: _picture(found, attachments), parts[index])
    return "".join(parts) + (f"\n\n<pre>{rest}</pre>\n" if rest else "")


def _picture(found: re.Match[str], attachments: dict) -> str:
    for kind, content in (attachments.get(found[2]) or {}).items():
        if kind in _PICTURES and _base64(content):
            return f"![{found[1]}](data:{kind};base64,{''.join(content.split())})"
    return f"[picture {found[2]}]"


def _base64(content: object) -> bool:
    try:
        return isinstance(content, str) and bool(base64.b64decode("".join(content.split()), validate=True))
    except (binascii.Error, ValueError):
        return False
