"""The tiny project of the classroom's tests, and how to fill in a release like a student."""

import copy
import shutil
from pathlib import Path

import nbformat
from small_project import ROOT

TINY = ROOT / "tests" / "data" / "classroom"


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
