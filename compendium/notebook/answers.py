"""The answer of a what-if: computed at its end, read at its top."""

from __future__ import annotations

from pathlib import Path

from isaclib.foundations import checks

from . import context as _context
from . import words
from .display import display_with_myst

FILE = "answer.md"


def answer(text: str) -> None:
    """Say in about two sentences what came out.

    The page puts it where its first cell says ``{answer}``; in a notebook it stands where it is said.
    """
    text = words.said(" ".join(checks.instance("text", text, str).split()))
    run = _context.current()
    if run.directory:
        (Path(run.directory) / FILE).write_text(text)
    display_with_myst({"text/markdown": f"**Answer.** {text}", "text/plain": text}, "")


def found_in(directory: Path) -> str:
    """The answer of a run; nothing where it gave none."""
    path = directory / FILE
    return path.read_text() if path.exists() else ""
