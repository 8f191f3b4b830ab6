"""What students handed in, and who they are."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from ..runs.errors import ParameterError


@dataclass(frozen=True)
class Submission:
    """A student's notebook, or why there is none."""

    student: str
    notebook: nbformat.NotebookNode | None = None
    problem: str = ""
    variant: int | None = None


def collect(folder: Path, roster: Path | None = None) -> list[Submission]:
    """Read a folder of submissions: ``<student>.ipynb``, or ``<student>/<any name>.ipynb``.

    Parameters
    ----------
    folder : Path
    roster : Path, optional
        A CSV file with a column ``student`` and, if students have variants of their own, a column ``variant``. Students of
        the roster without a file appear as missing; a file of somebody else is graded as well.
    """
    if not folder.is_dir():
        raise ParameterError("isac assignment", str(folder), "is not a folder", "give the folder that holds the submissions")
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            notebooks = [each for each in sorted(path.rglob("*.ipynb")) if ".ipynb_checkpoints" not in each.parts]
            found[path.name] = _from_folder(path.name, notebooks)
        elif path.suffix == ".ipynb":
            found[path.stem] = _read(path.stem, path)
    expected = _read_roster(roster) if roster else {}
    for student, variant in expected.items():
        submission = found.get(student, Submission(student, problem="no submission"))
        found[student] = replace(submission, variant=submission.variant if variant is None else variant)
    if not found:
        raise ParameterError("isac assignment", str(folder), "holds no submission", "put <student>.ipynb files or folders there")
    return [found[student] for student in sorted(found)]


def _from_folder(student: str, notebooks: Sequence[Path]) -> Submission:
    if not notebooks:
        return Submission(student, problem="no submission: the folder holds no notebook")
    if len(notebooks) > 1:
        names = ", ".join(path.name for path in notebooks)
        return Submission(student, problem=f"several notebooks ({names}): keep the one that counts")
    return _read(student, notebooks[0])


def _read(student: str, path: Path) -> Submission:
    try:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if not isinstance(cell.source, str):
                raise ValueError("a cell without text")
            cell.metadata.get("nbgrader")
        mark = notebook.metadata.get("isac", {})
        variant = mark.get("variant") if isinstance(mark, dict) else None
    except Exception as error:  # whatever a broken file provokes, the other students' grades do not wait for it
        return Submission(student, problem=f"the notebook cannot be read ({type(error).__name__})")
    valid = isinstance(variant, int) and not isinstance(variant, bool) and variant >= 0
    return Submission(student, notebook, variant=variant if valid else None)


def _read_roster(path: Path) -> dict[str, int | None]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        students = {row["student"].strip(): int(row["variant"]) if row.get("variant") else None for row in rows if row["student"]}
        if any(set(student) & set("/\\") for student in students):
            raise ValueError("a name holds a slash")
        return students
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise ParameterError(
            path, "roster", f"cannot be read ({error})", "give a CSV file with a column student (and variant)"
        ) from None
