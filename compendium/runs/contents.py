"""The table of contents ``_toc.yml``, read in one place: its chapters, its pages, the order of the sections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Part:
    """A chapter of the table of contents: the heading it stands under, and its pages."""

    caption: str
    documents: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.documents[0].removeprefix("book/")


def read_contents(toc: Path) -> list[Part]:
    """The chapters of a table of contents, in order; the root page is the first."""
    contents = yaml.safe_load(toc.read_text())
    parts = [Part("", (contents["root"],))]
    groups = contents.get("parts") or [{"chapters": contents.get("chapters", [])}]
    for group in groups:
        for chapter in group.get("chapters", []):
            sections = tuple(section["file"] for section in chapter.get("sections", []))
            parts.append(Part(group.get("caption", ""), (chapter["file"], *sections)))
    return parts


def toc_pages(toc: Path) -> list[str]:
    """All documents that a table of contents names, in its order."""
    return [document for part in read_contents(toc) for document in part.documents]


def section_names(root: Path) -> list[str]:
    """Sections (folders of ``notebooks/`` with parameters) in the order of the book's chapters, others after them."""
    names = sorted(path.parent.parent.name for path in (root / "notebooks").glob("*/parameters/schema.yml"))
    toc = root / "_toc.yml"
    pages = toc_pages(toc) if toc.exists() else []
    first = {
        name: next((i for i, page in enumerate(pages) if page.startswith(f"notebooks/{name}/")), len(pages)) for name in names
    }
    return sorted(names, key=first.__getitem__)
