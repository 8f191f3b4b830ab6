"""``isac new-chapter``: a chapter that builds and passes the tests, to be filled with a paper."""

from __future__ import annotations

import click

from ..notebook.context import project_root
from .console import CONSOLE, short


@click.command("new-chapter")
@click.argument("name")
@click.option("--title", help="Title of its pages [default: the name as words].")
def new_chapter(name: str, title: str | None) -> None:
    """Make the files of a chapter NAME from a small working one, and enter it in the lists.

    What stands in it runs and is tested: a link and an echo that share a power budget. Replace it file by file; 'isac run NAME',
    the tests in tests/NAME and 'isac book --set quick' keep passing on the way.
    """
    from ..site import new_chapter as chapters

    title = title or name.replace("_", " ").capitalize()
    root = project_root()
    for path in chapters.make(root, name, title):
        CONSOLE.print(f"    {short(path)}", markup=False)
    for kind, text in chapters.NOTES:
        CONSOLE.print(f"{kind}: {text.format(name=name)}", markup=False)
    CONSOLE.print(f"next: isac run {name}, then python -m pytest tests/{name} tests/project/test_ledgers.py", markup=False)
