"""What students handed in: every file is somebody's submission, or is passed over with a reason that is told."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import nbformat

from ..runs.errors import ParameterError
from .files import bare, brief, files, leftover, split
from .marked import grade_id
from .marks import NO_SUBMISSION
from .piles import Pile, Piles, patterns, read_name
from .roster import Entry, Roster, key, read_roster
from .sheets import decode

_NAMED = 5  # of many paths


@dataclass(frozen=True)
class Submission:
    """A student's notebook, or why there is none."""

    student: str
    notebook: nbformat.NotebookNode | None = None
    problem: str = ""
    variant: int | None = None
    remark: str = ""
    id: str = ""
    participant: str = ""
    handed_in: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Collected:
    """All submissions, and the files that are none, with the reason."""

    submissions: list[Submission]
    passed_over: list[tuple[str, str]]


def collect(folder: Path, roster: Path | None = None, section: str | None = None, pattern: str | None = None) -> list[Submission]:
    """The submissions of ``collect_all``."""
    return collect_all(folder, roster, section, pattern).submissions


def collect_all(folder: Path, roster: Path | None = None, section: str | None = None, pattern: str | None = None) -> Collected:
    """Read a folder, or a zip, of submissions.

    Parameters
    ----------
    folder : Path
    roster : Path, optional
        A CSV file with a column ``student``, and if there are ``id``, ``participant``, ``variant`` and ``handed in``. Students
        of the roster without a file appear as missing; a file of somebody else is graded as well.
    section : str, optional
        The assignment: a notebook that says it is another's has a problem.
    pattern : str, optional
        A regular expression for names of files and folders, with a group ``student``, and if wanted ``id``, ``participant``
        and ``time``.
    """
    known = read_roster(roster) if roster else Roster(())
    passed_over: list[tuple[str, str]] = []
    piles = Piles(known, patterns(pattern), passed_over)
    found = [each for each in files(folder, passed_over) if not roster or (folder / each[1]).resolve() != roster.resolve()]
    for top, path, content in _below(found, piles):
        piles.file(top, path, content)
    by_student: dict[str, Submission] = {}
    namesakes: dict[str, list[str]] = {}
    for pile in piles.people():
        entry = pile.entry or Entry(pile.student)
        chosen = _choose(pile, section, passed_over)
        variant = chosen.variant if entry.variant is None else entry.variant
        participant = pile.who.participant or entry.participant
        handed_in = entry.handed_in or pile.handed_in
        by_student[pile.student] = replace(
            chosen, variant=variant, handed_in=handed_in, id=entry.id or pile.who.id, participant=participant
        )
        if pile.entry is None:
            for sign in (key(pile.who.student), pile.who.participant):
                namesakes.setdefault(sign, []).append(pile.student)
    for entry in known.entries:
        several = namesakes.get(key(entry.student), []) + namesakes.get(entry.participant or key(entry.student), [])
        told = f"may be {' or '.join(dict.fromkeys(several))}: give the roster a column participant that says which"
        why = told if several else NO_SUBMISSION
        missing = Submission(entry.student, None, why, entry.variant, "", entry.id, entry.participant)
        by_student.setdefault(entry.student, missing)
    if not by_student:
        told = "".join(f"; {name}: {reason}" for name, reason in passed_over[:5])
        raise ParameterError(
            "isac assignment", str(folder), f"holds no submission{told}", "put <student>.ipynb files or folders there"
        )
    return Collected([by_student[student] for student in sorted(by_student)], passed_over)


def _below(found: list[tuple[str, str, bytes | str]], piles: Piles) -> list[tuple[str, str, bytes | str]]:
    """The files, without a folder that holds those of the whole class: the only one, which is nobody's, with several of them."""
    whole = {top for top, path, _ in found if not leftover(path)}
    below = {PurePosixPath(path).parts[1] for _, path, _ in found if path.count("/") and _counts(path)}
    (only,) = whole if len(whole) == 1 else ("",)
    who = read_name(bare(only), piles.names)
    if not only or len(below) < 2 or who.sure or piles.known.entry(who.student, who.id) or split(only)[1] in (".zip", ".ipynb"):
        return found
    lower = [(path.partition("/")[2], content) if top == only else (path, content) for top, path, content in found]
    return [(PurePosixPath(path).parts[0], path, content) for path, content in lower if path]


def _counts(path: str) -> bool:
    return not leftover(path) and split(PurePosixPath(path).name)[1] in (".zip", ".ipynb")


# ---------------------------------------------------------------- notebooks


def _choose(pile: Pile, section: str | None, passed_over: list) -> Submission:
    """The one notebook of a student that counts."""
    read = [(path, _read(pile.student, content, section)) for path, content in pile.files]
    if len(pile.names) > 1 and (
        pile.problems or key(pile.student) not in pile.names or len({each.digest for _, each in read}) > 1
    ):
        several = f"several notebooks ({_listed([path for path, _ in [*read, *pile.problems]])})"
        remedy = "keep the one that counts, or if they are of several people tell them apart by --pattern or --roster"
        return Submission(pile.student, problem=f"{several} under names that may be one: {remedy}")
    good = [(path, each) for path, each in read if not each.problem]
    if good and len(read) > len(good):
        passed_over += [(path, f"{each.problem}; {good[0][0]} counts") for path, each in read if each.problem]
        read = good
    if read:
        passed_over += [problem for problem in pile.problems if problem[0] not in dict(passed_over)]
    distinct = {each.digest: (path, each) for path, each in reversed(read)}
    if len(read) > len(distinct) and len(distinct) == 1:
        passed_over += [(path, f"the same as {read[0][0]}") for path, _ in read[1:]]
    if len(distinct) == 1:
        submission = read[0][1]
    elif distinct:
        paths = _listed([path for path, _ in read])
        submission = Submission(pile.student, problem=f"several notebooks ({paths}): keep the one that counts")
    else:
        why = "; ".join(list(dict.fromkeys(why for _, why in pile.problems))[:_NAMED]) or "the folder holds no notebook"
        submission = Submission(pile.student, problem=why, digest=hashlib.sha256(why.encode()).hexdigest())
    return submission


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:_NAMED]) + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")


@contextmanager
def _quietly() -> Iterator[None]:
    """Whoever grades learns what is wrong with a notebook from its line, not from nbformat's warnings among all lines."""
    log = logging.getLogger("traitlets")
    before, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


@_quietly()
def _read(student: str, content: bytes, section: str | None) -> Submission:
    digest = hashlib.sha256(content).hexdigest()
    try:
        text = decode(content)
        notebook = nbformat.reads(text, as_version=4)
        if not isinstance(notebook.cells, list):
            raise ValueError("no list of cells")
        for cell in notebook.cells:
            if not isinstance(cell.source, str) or cell.cell_type not in ("code", "markdown", "raw"):
                raise ValueError("a cell without text")
            cell.metadata.get("nbgrader")
        whole = nbformat.writes(notebook).encode("utf-8", "replace").decode()  # half a pair of UTF-16 is no letter
        notebook = notebook if whole == nbformat.writes(notebook) else nbformat.reads(whole, as_version=4)
        mark = notebook.metadata.get("isac", {})
        mark = mark if isinstance(mark, dict) else {}
    except Exception as error:  # whatever a broken file provokes, the other students' grades do not wait for it
        return Submission(student, problem=f"the notebook cannot be read ({type(error).__name__})", digest=digest)
    named = mark.get("assignment")
    if section and named is not None and named != section:
        return Submission(student, problem=f"this is the notebook of the assignment {brief(named)}", digest=digest)
    remark = "" if _is_utf8(content) else "the file was not in UTF-8: letters with accents may be wrong"
    if not any(grade_id(cell) for cell in notebook.cells):
        remark = "; ".join(filter(None, [remark, "the notebook had lost the marks of its cells"]))
    variant = mark.get("variant")
    valid = isinstance(variant, int) and not isinstance(variant, bool) and 0 <= variant < 1 << 63
    return Submission(student, notebook, "", variant if valid else None, remark, digest=digest)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
