"""``isac pdf``: the built book, or one chapter of it, on paper."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..browser.chromium import NoBrowser
from ..notebook.context import project_root
from ..runs.contents import read_contents
from ..runs.errors import ParameterError
from .console import CONSOLE, built_book, short


@click.command()
@click.argument("chapter", required=False)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it [default: _build/isac.pdf].")
@click.option(
    "--tree", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The built book [default: _build/html]."
)
def pdf(chapter: str | None, out: Path | None, tree: Path | None) -> None:
    """Print the built book, or one CHAPTER of it, as a PDF (needs Chromium; no LaTeX).

    A chapter is named as its page: wireless_powered, foundations, claims ...
    """
    from pypdf import PdfReader

    from ..site.printing import choose, print_pdf

    root = project_root()
    html = built_book(root, tree, "isac pdf")
    parts = choose(read_contents(root / "_toc.yml"), chapter)
    missing = [name for part in parts for name in part.documents if not (html / f"{name}.html").exists()]
    if missing:
        raise ParameterError("isac pdf", missing[0], "is not in the built book", "run 'make book' again")
    target = out or root / "_build" / f"{chapter or 'isac'}.pdf"
    try:
        print_pdf(html, parts, target)
    except NoBrowser as error:
        CONSOLE.print(f"isac: {error}", markup=False, style="bold red")
        sys.exit(1)
    pages = len(PdfReader(target).pages)
    CONSOLE.print(f"{short(target)}: {pages} pages, {target.stat().st_size / 1e6:.1f} MB", markup=False)
