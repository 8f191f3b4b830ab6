"""The last hand on built pages: what Sphinx's writers and the theme leave open for readers who wait or use a keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from ..browser.server import built_pages
from .typography import set_type

_IMAGE = re.compile(r"<img\b[^>]*>")
_SOURCE = re.compile(r'\bsrc="([^":]+)"')
_IDENTITY = re.compile(r'(<[a-zA-Z][\w-]*\b[^<>]*?)\s+id="([^"]*)"')
_SUMMARY = re.compile(r'(<summary)\s+aria-label="Toggle hidden content"')
_BRANCH = re.compile(r'<summary>(?=<span class="toctree-toggle")')
_ENTRY = r'(<a class="[^"]*reference internal" href="[^"]*">([^<"]*)</a>\s*<details[^>]*>)'
_NAMED_BRANCH = re.compile(_ENTRY + r'<summary>(?=<span class="toctree-toggle")')
_LOGO = re.compile(r'<div class="sidebar-primary-item">(?=\s*<a class="navbar-brand)')
_SVG_SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)(pt|px)?"[^>]*?\bheight="([\d.]+)')
_NO_MODE = 'localStorage.getItem("mode") || ""'
_SEARCH = '<div class="search-button__search-container">'
_CODE = re.compile(r'(?<=<span class="pre">)[^<]*_[^<]*(?=</span>)')
_PX_PER_PT = 4 / 3


def polish(html: Path) -> None:
    """Mend every page of a built book.

    * Images say their size, so that nothing jumps when they arrive, and are loaded when they come near the screen.
    * An identity is given once: exercises, proofs and the search page repeat theirs.
    * What folds is named by its own words ("Show code cell source"), not by the same label everywhere; the arrows of
      the table of contents, which have no words, get a name. A reference is an item of the list it stands in, and the
      name of the book over the table of contents is a landmark as the rest of the page is, and so is the search over a page.
    * Words are set (:mod:`.typography`), and a long name in a narrow column breaks behind an underscore.
    * Who comes for the first time has no colour mode: the theme complains of that in the console.
    """
    for path in built_pages(html):
        text = path.read_text(encoding="utf-8")
        better = _unique_identities(_sized_images(text, path.parent))
        better = _NAMED_BRANCH.sub(r'\1<summary aria-label="Pages of: \2">', _SUMMARY.sub(r"\1", better))
        better = _BRANCH.sub('<summary aria-label="Pages of this chapter">', better)
        better = better.replace('role="doc-biblioentry"', 'role="listitem"')
        better = set_type(better.replace("By The isaclib", "By the isaclib"))
        better = better.replace(_NO_MODE, _NO_MODE.replace('""', '"auto"'))
        better = _CODE.sub(lambda name: re.sub(r"(?<=\w)_(?=\w)", "_<wbr>", name[0]), better)
        better = _LOGO.sub('<div class="sidebar-primary-item" role="navigation" aria-label="Title page">', better)
        better = better.replace(_SEARCH, _SEARCH.replace("<div", '<div role="search"'))
        if better != text:
            path.write_text(better, encoding="utf-8")


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height in CSS pixels; None for an SVG that does not say."""
    if path.suffix != ".svg":
        with Image.open(path) as picture:
            return picture.size
    found = _SVG_SIZE.search(path.read_text(encoding="utf-8"))
    if not found:
        return None
    unit = _PX_PER_PT if found[2] == "pt" else 1.0
    return round(float(found[1]) * unit), round(float(found[3]) * unit)


def _sized_images(text: str, folder: Path) -> str:
    def mended(match: re.Match) -> str:
        tag = match[0]
        source = _SOURCE.search(tag)
        path = folder / unquote(source[1]) if source else None
        if path is None or not path.is_file() or " loading=" in tag:
            return tag
        size = image_size(path.resolve())
        measures = f' width="{size[0]}" height="{size[1]}"' if size else ""
        return tag.replace("<img", f'<img loading="lazy"{measures}', 1)

    return _IMAGE.sub(mended, text)


def _unique_identities(text: str) -> str:
    seen: set[str] = set()

    def once(match: re.Match) -> str:
        if match[2] in seen:
            return match[1]
        seen.add(match[2])
        return match[0]

    return _IDENTITY.sub(once, text)
