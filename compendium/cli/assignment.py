"""``isac assignment``: hand out, grade, and give feedback."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import click
from rich.table import Table

from ..notebook.context import project_root
from ..runs.errors import ParameterError
from .console import CONSOLE


class _Group(click.Group):
    """A file that cannot be read or written is named in one line."""

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = str(error.filename or "a file")
            raise ParameterError(
                "isac assignment", where, f"{error.strerror or error}", "give another place, or mend it"
            ) from None


@click.group(cls=_Group)
def assignment() -> None:
    """Assignments of the book's sections: release, grade, key, feedback (needs the extra 'classroom').

    \b
    isac assignment list
    isac assignment release foundations --variant 7     an archive for the students
    isac assignment grade foundations submissions/      grades.csv, and a table on the terminal
    isac assignment key foundations --variant 7         figure, numbers and rubric, for whoever marks by hand
    isac assignment feedback foundations                a page per student, after the grading by hand

    Each submission runs within walls of its own, where bubblewrap or Linux namespaces are to be had; 'grade' says so first.
    """
    if importlib.util.find_spec("nbgrader") is None:
        raise ParameterError("isac assignment", "nbgrader", "is not installed", "install the extra 'classroom'")


_FOLDER = click.Path(path_type=Path, file_okay=False)
_SEEDS = click.IntRange(0, 10**18 - 1)  # what a roster and a notebook can name
_VARIANT = click.option("--variant", type=_SEEDS, metavar="SEED", help="Draw the numbers anew from this seed.")


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
@click.option("--out", type=_FOLDER, help="Folder for the results [default: build/assignments/graded/NAME].")
@click.option(
    "--roster", type=click.Path(path_type=Path), help="CSV with a column student (and id, participant, variant, handed in)."
)
@click.option("--variant", type=_SEEDS, metavar="SEED", help="Grade everybody against this variant.")
@click.option("--pattern", metavar="REGEX", help="How files are named, with (?P<student>...), (?P<id>...), (?P<time>...).")
@click.option("--due", metavar="TIME", help="When it was due, 2026-11-20T18:00: fills the column 'late', nothing else.")
@click.option("--seconds", type=click.IntRange(1), default=30, show_default=True, help="Time limit of a cell.")
@click.option("--total", type=click.IntRange(1), default=300, show_default=True, help="Time limit of a submission, in seconds.")
@click.option("--memory", type=click.IntRange(200), default=3000, show_default=True, help="Memory of a submission, in MB.")
@click.option("--semicolons", is_flag=True, help="Begin a table with semicolons and decimal commas, for such a spreadsheet.")
@click.option("--again", is_flag=True, help="Run the unchanged submissions, too.")
def grade(name: str, submissions: Path, out: Path | None, roster: Path | None, again: bool, **options) -> None:
    """Grade a folder (or zip) of SUBMISSIONS: <student>.ipynb, or <student>/<any name>.ipynb.

    Results: grades.csv, totals.csv, moodle.csv and the graded notebooks. Answers graded by hand have an empty score in
    grades.csv: fill it in (and the note, which the student reads), then call 'feedback'.

    Marks are merged into the table: what you entered stays, whatever folder is graded later, and a copy of the table is kept in
    'earlier' before a run changes it. The table is written after each student; after an interrupt the same command goes on.

    Without --variant each notebook is graded against the variant that the roster or the notebook itself names.

    Exit code 1: a submission is missing or could not be read; the others are graded.
    """
    from ..classroom.sandbox import Limits
    from ..classroom.sheets import Dialect
    from ..classroom.sitting import Sitting

    limits = Limits(options["seconds"], options["total"], options["memory"])
    target = (out or _default(project_root(), "graded", name)).resolve()
    dialect = Dialect(";" if options["semicolons"] else ",")
    sitting = Sitting(project_root(), name, target, limits, options["variant"], options["due"], dialect)
    start = time.perf_counter()
    say = lambda text, **style: CONSOLE.print(text, markup=False, **style)  # noqa: E731
    say(*sitting.isolation())
    collected = sitting.collect(submissions, roster, options["pattern"])
    for path, reason in collected.passed_over:
        say(f"passed over: {path}: {reason}")
    results = []
    waiting = lambda: say("another 'grade' is at work in this folder: waiting for it", style="yellow")  # noqa: E731
    for number, outcome in enumerate(sitting.grade(collected.submissions, again, waiting), 1):
        results.append(outcome)
        say(f"{f'[{number}/{len(collected.submissions)}]':>8} {outcome.line}")
        for message in outcome.messages:
            say(f"         {message}", style="yellow")
    for line in sitting.summary([outcome.student for outcome in results]):
        say(line)
    for line in sitting.orphans():
        say(line, style="yellow")
    say(f"{len(results)} submissions in {time.perf_counter() - start:.0f} s: {_shown(target / 'grades.csv')}")
    sys.exit(1 if any(outcome.problem for outcome in results) else 0)


@assignment.command()
@click.argument("name")
@click.argument("graded", type=click.Path(path_type=Path), required=False)
@click.option("--out", type=_FOLDER, help="Folder for the pages [default: GRADED/feedback].")
def feedback(name: str, graded: Path | None, out: Path | None) -> None:
    """Write one page per student from a folder GRADED of 'grade' [default: build/assignments/graded/NAME].

    Scores and notes are read from grades.csv, so enter the grades by hand there first.
    """
    from ..classroom import assignment as classroom
    from ..classroom import feedback, marks
    from ..classroom.sitting import refuse_another

    root = project_root()
    loaded = classroom.load_assignment(root, name)
    source = graded or _default(root, "graded", name)
    if not (source / "grades.csv").exists():
        raise ParameterError("isac assignment", str(source), "holds no grades.csv", "run 'isac assignment grade' first")
    refuse_another(source, loaded)
    rows = marks.read_grades(source / "grades.csv")
    by_student: dict[str, list[marks.Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, []).append(row)
    marks.write_totals(source, rows, marks.dialect_of(source / "grades.csv"))
    title = f"{name.replace('_', ' ').capitalize()} assignment"
    tell = lambda line: CONSOLE.print(line, markup=False, style="yellow")  # noqa: E731
    pages = feedback.write((out or source / "feedback").resolve(), title, by_student, source / "notebooks", tell)
    waiting = sum(row.score is None for row in rows)
    if waiting:
        CONSOLE.print(f"{waiting} answers have not been graded by hand yet; their pages say so", style="yellow")
    CONSOLE.print(f"{len(pages)} pages: {_shown(pages[0].parent)}" if pages else "grades.csv is empty", markup=False)


@assignment.command()
@click.argument("name")
@_VARIANT
@click.option("--out", type=_FOLDER, help="Folder for the page [default: build/assignments/keys].")
def key(name: str, variant: int | None, out: Path | None) -> None:
    """Write the marking key of a variant: the figure, the numbers and the rubric of what is graded by hand.

    It holds solutions: it is for whoever marks, not for students.
    """
    from ..classroom import assignment as classroom
    from ..classroom import feedback
    from ..classroom import key as key_

    chosen = classroom.load_assignment(project_root(), name, variant)
    for task, numbers in key_.numbers(chosen).items():
        for what, forms in numbers.items():
            CONSOLE.print(f"{task}: {what}: {' or '.join(f'{each:.5g}' for each in forms)}", markup=False)
    target = (out or _default(project_root(), "keys")).resolve()
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{chosen.label}.html"
    path.write_text(feedback.page("Marking key", chosen.label, key_.page(chosen), []), encoding="utf-8")
    CONSOLE.print(_shown(path), markup=False)
