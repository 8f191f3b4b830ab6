"""``isac assignment``: hand out, grade, and give feedback."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import click
import nbformat
from rich.markup import escape
from rich.table import Table

from ..notebook.context import project_root
from ..runs.errors import ParameterError
from .console import CONSOLE


@click.group()
def assignment() -> None:
    """Assignments of the book's sections: release, grade, feedback (needs the extra 'classroom').

    \b
    isac assignment list
    isac assignment release foundations --variant 7     an archive for the students
    isac assignment grade foundations submissions/      grades.csv, and a table on the terminal
    isac assignment feedback foundations                a page per student, after the grading by hand

    Grading runs the students' code with your rights: do it in a throw-away container without network.
    """
    if importlib.util.find_spec("nbgrader") is None:
        raise ParameterError("isac assignment", "nbgrader", "is not installed", "install the extra 'classroom'")


_FOLDER = click.Path(path_type=Path, file_okay=False)
_VARIANT = click.option("--variant", type=click.IntRange(0), metavar="SEED", help="Draw the numbers anew from this seed.")


def _default(root: Path, *parts: str) -> Path:
    return root.joinpath("build", "assignments", *parts)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@assignment.command("list")
def list_() -> None:
    """Sections with an assignment, their tasks and points."""
    from ..classroom.assignment import assignment_names, load_assignment

    table = Table("section", "tasks", "points by tests", "points by hand", box=None, pad_edge=False)
    for name in assignment_names(project_root()):
        loaded = load_assignment(project_root(), name)
        by_hand = sum(task.points for task in loaded.tasks if task.by_hand)
        table.add_row(name, str(len(loaded.tasks)), f"{loaded.automatic_points:g}", f"{by_hand:g}")
    CONSOLE.print(table)


@assignment.command()
@click.argument("name")
@_VARIANT
@click.option("--out", type=_FOLDER, help="Folder for the archive [default: build/assignments].")
@click.option("--check/--no-check", default=True, show_default=True, help="First see that the instructor's answers pass.")
def release(name: str, variant: int | None, out: Path | None, check: bool) -> None:
    """Write the archive that students receive: notebook, library, pinned packages, steps; no solutions."""
    from ..classroom import assignment as classroom
    from ..classroom import collection, grading
    from ..classroom import release as release_

    root = project_root()
    chosen = classroom.load_assignment(root, name, variant)
    if check:
        own = collection.Submission("instructor", chosen.notebook, variant=variant)
        (result,) = grading.grade(lambda _: chosen, [own])
        if result.score < chosen.automatic_points:
            for row in result.rows:
                if row.score is not None and row.score < row.maximum:
                    CONSOLE.print(f"{row.task}: {row.note}", markup=False, style="red")
            CONSOLE.print("the instructor's answers do not pass: nothing was released", style="bold red")
            sys.exit(1)
    archive = release_.release(chosen, (out or _default(root)).resolve())
    size = archive.stat().st_size / 1e6
    CONSOLE.print(f"{chosen.label}: {len(chosen.tasks)} tasks, {size:.1f} MB: {_shown(archive)}", markup=False)


@assignment.command()
@click.argument("name")
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=_FOLDER,
    help="Folder for the results [default: build/assignments/graded/NAME].",
)
@click.option("--roster", type=click.Path(path_type=Path), help="CSV with a column student (and variant): tells who is missing.")
@click.option("--variant", type=click.IntRange(0), metavar="SEED", help="Grade everybody against this variant.")
@click.option("--seconds", type=click.IntRange(1), default=30, show_default=True, help="Time limit of a cell.")
def grade(name: str, submissions: Path, out: Path | None, roster: Path | None, variant: int | None, seconds: int) -> None:
    """Grade a folder of SUBMISSIONS: <student>.ipynb, or <student>/<any name>.ipynb.

    Results: grades.csv and the graded notebooks. Answers graded by hand have an empty score there: fill it in (and the
    note, which the student reads), then call 'feedback'. Grading again keeps what you entered.

    Without --variant each notebook is graded against the variant that the roster or the notebook itself names.

    Exit code 1: a submission is missing or could not be read; the others are graded.
    """
    from ..classroom import assignment as classroom
    from ..classroom import collection, grading

    root = project_root()
    classroom.load_assignment(root, name)
    collected = collection.collect(submissions, roster)
    target = (out or _default(root, "graded", name)).resolve()
    notebooks = target / "notebooks"
    notebooks.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    done = 0

    def report(graded: grading.Graded) -> None:
        nonlocal done
        done += 1
        CONSOLE.print(f"{f'[{done}/{len(collected)}]':>8} {graded.student}: {graded.problem or 'graded'}", markup=False)
        path = notebooks / f"{graded.student}.ipynb"
        path.unlink(missing_ok=True)
        if graded.executed is not None:
            nbformat.write(graded.executed, path)

    results = grading.grade(
        lambda seed: classroom.load_assignment(root, name, seed),
        collected,
        variant=variant,
        seconds_per_cell=seconds,
        progress=report,
    )
    grading.write_grades(target / "grades.csv", results)
    table = Table("student", "variant", "score", "of", "by hand", "remarks", box=None, pad_edge=False)
    for graded in results:
        of = sum(row.maximum for row in graded.rows if row.score is not None)
        failed = [row.task for row in graded.rows if row.score is not None and row.score < row.maximum]
        remarks = graded.problem or (f"not passed: {', '.join(failed)}" if failed else "")
        seed = "" if graded.variant is None else str(graded.variant)
        table.add_row(escape(graded.student), seed, f"{graded.score:g}", f"{of:g}", f"{graded.open} open", escape(remarks))
    CONSOLE.print(table)
    seconds_taken = time.perf_counter() - start
    CONSOLE.print(f"{len(results)} submissions in {seconds_taken:.0f} s: {_shown(target / 'grades.csv')}", markup=False)
    sys.exit(1 if any(graded.problem for graded in results) else 0)


@assignment.command()
@click.argument("name")
@click.argument("graded", type=click.Path(path_type=Path), required=False)
@click.option("--out", type=_FOLDER, help="Folder for the pages [default: GRADED/feedback].")
def feedback(name: str, graded: Path | None, out: Path | None) -> None:
    """Write one page per student from a folder GRADED of 'grade' [default: build/assignments/graded/NAME].

    Scores and notes are read from grades.csv, so enter the grades by hand there first.
    """
    from ..classroom import assignment as classroom
    from ..classroom import feedback, grading

    root = project_root()
    classroom.load_assignment(root, name)
    source = graded or _default(root, "graded", name)
    if not (source / "grades.csv").exists():
        raise ParameterError("isac assignment", str(source), "holds no grades.csv", "run 'isac assignment grade' first")
    rows = grading.read_grades(source / "grades.csv")
    by_student: dict[str, list[grading.Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, []).append(row)
    title = f"{name.replace('_', ' ').capitalize()} assignment"
    pages = feedback.write((out or source / "feedback").resolve(), title, by_student, source / "notebooks")
    waiting = sum(row.score is None for row in rows)
    if waiting:
        CONSOLE.print(f"{waiting} answers have not been graded by hand yet; their pages say so", style="yellow")
    CONSOLE.print(f"{len(pages)} pages: {_shown(pages[0].parent)}" if pages else "grades.csv is empty", markup=False)
