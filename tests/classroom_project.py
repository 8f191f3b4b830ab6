"""The tiny project of the classroom's tests, how to fill in a release like a student, and how to find a solution that leaked."""

import copy
import gzip
import io
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from small_project import ROOT

TINY = ROOT / "tests" / "data" / "classroom"
SENTINEL = re.compile(rb"SENTINEL-[A-Z-]+-\d")


def copy_tiny(target: Path) -> Path:
    """A copy of the tiny project with what a release needs from the checkout."""
    shutil.copytree(TINY, target)
    shutil.copytree(ROOT / "isaclib", target / "isaclib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.lock"):
        shutil.copy(ROOT / name, target)
    return target


def cell(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The cell with this grade_id."""
    (found,) = [each for each in notebook.cells if each.metadata.get("nbgrader", {}).get("grade_id") == name]
    return found


def filled(release: nbformat.NotebookNode, answers: dict[str, str]) -> nbformat.NotebookNode:
    """A copy of a release with these sources written into its cells."""
    notebook = copy.deepcopy(release)
    for name, source in answers.items():
        cell(notebook, name).source = source
    return notebook


def answers(instructor: nbformat.NotebookNode) -> dict[str, str]:
    """The instructor's answer cells."""
    return {
        each.metadata.nbgrader.grade_id: each.source
        for each in instructor.cells
        if each.metadata.get("nbgrader", {}).get("solution")
    }


def leaks(paths: Iterable[Path]) -> list[str]:
    """Where a sentinel stands: files, and members of archives in archives, whatever they are called."""
    return [name for path in paths for name, content in _unpacked(str(path), path.read_bytes()) if SENTINEL.search(content)]


def _unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from _unpacked(f"{name}/{member}", archive.read(member))
    elif content.startswith(b"\x1f\x8b"):
        yield from _unpacked(f"{name} unzipped", gzip.decompress(content))
    elif content.startswith(b"# Sphinx inventory version 2"):
        yield f"{name} inflated", zlib.decompress(content.split(b"\n", 4)[4])
