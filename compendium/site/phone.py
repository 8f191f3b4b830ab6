"""Figures on a phone: where the page is narrow, the browser takes the file drawn for it (readable letters, panels stacked)."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from ..browser.server import built_pages
from ..notebook.narrow import FOLDER, STACKED
from .polish import image_size

NARROW = "screen and (max-width: 40rem)"
_IMAGE = re.compile(r'<img\b[^>]*?\bsrc="([^":]*/)?_images/([^"/]+\.svg)"[^>]*>')


def offer_stacked(html: Path, source: Path) -> int:
    """Give every figure of the built pages its narrow companion, if ``source/figures/*/*/narrow`` has one; how many.

    Sphinx names images as it likes: a figure is known by its content.
    """
    companions = {
        _digest(path.parent.parent / f"{path.name.partition('.')[0]}.svg"): path
        for path in source.glob(f"figures/*/*/{FOLDER}/*.svg")
    }
    found: dict[str, tuple[int, int, str]] = {}
    for image in sorted((html / "_images").glob("*.svg")):
        if companion := companions.get(_digest(image)):
            shutil.copy(companion, image.with_name(f"{FOLDER}-{image.name}"))
            kind = ' class="isac-panels"' if companion.name.endswith(STACKED) else ""  # the caption says what stands where
            found[image.name] = *(image_size(companion) or (1, 1)), kind
    for page in built_pages(html) if found else ():
        text = page.read_text(encoding="utf-8")

        def beside(match: re.Match) -> str:
            if match[2] not in found:
                return match[0]
            width, height, kind = found[match[2]]
            file = f"{match[1] or ''}_images/{FOLDER}-{match[2]}"
            return (
                f'<picture{kind}><source media="{NARROW}" srcset="{file}" width="{width}" height="{height}">{match[0]}</picture>'
            )

        better = _IMAGE.sub(beside, text)
        if better != text:
            page.write_text(better, encoding="utf-8")
    return len(found)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
