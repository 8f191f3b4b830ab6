"""What students handed in: every file is somebody's submission, or is passed over with a reason that is told.

A submission is ``<student>.ipynb``, ``<student>/<any name>.ipynb`` or the same in a zip, under the names that Moodle, Canvas and
Blackboard give them.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import nbformat

from ..runs.errors import ParameterError
from .files import Allowance, bare, brief, files, leftover, split, unzipped
from .graft import grade_id
from .marks import NO_SUBMISSION
from .roster import Entry, Roster, folded, key, read_roster
from .sheets import decode

_ARCHIVES = (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_NAMES = (
    re.compile(r"(?P<student>.+?)_(?P<id>\d+)_assignsubmission_\w+?(_.*)?$"),  # Moodle
    re.compile(r"(?P<student>[^_]+)(?P<late>_late)?_(?P<id>\d+)_\d+_.+$", re.I),  # Canvas
    re.compile(r".+_(?P<student>[^_]+)_attempt_(?P<time>\d{4}(-\d\d){5})(_.*)?$"),  # Blackboard
)
_LONGEST_NAME = 150  # bytes
_NAMED = 5  # of many paths
_COPY = re.compile(r"( ?\(\d+\)| - (Kopie|Copy)( ?\(\d+\))?|[-_ ]copy\d*|-checkpoint)$", re.I)


@dataclass(frozen=True)
class Submission:
    """A student's notebook, or why there is none."""

    student: str
    notebook: nbformat.NotebookNode | None = None
    problem: str = ""
    variant: int | None = None
    remark: str = ""
    id: str = ""
    handed_in: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Collected:
    """All submissions, and the files that are none, with the reason."""

    submissions: list[Submission]
    passed_over: list[tuple[str, str]]


@dataclass
class _Pile:
    """What one student handed in."""

    student: str
    files: list[tuple[str, bytes]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    id: str = ""
    handed_in: str = ""


def collect(folder: Path, roster: Path | None = None, section: str | None = None, pattern: str | None = None) -> list[Submission]:
    """The submissions of ``collect_all``."""
    return collect_all(folder, roster, section, pattern).submissions


def collect_all(folder: Path, roster: Path | None = None, section: str | None = None, pattern: str | None = None) -> Collected:
    """Read a folder, or a zip, of submissions.

    Parameters
    ----------
    folder : Path
    roster : Path, optional
        A CSV file with a column ``student``, and if there are ``id``, ``variant`` and ``handed in``. Students of the roster
        without a file appear as missing; a file of somebody else is graded as well.
    section : str, optional
        The assignment: a notebook that says it is another's has a problem.
    pattern : str, optional
        A regular expression for names of files and folders, with a group ``student``, and if wanted ``id`` and ``time``.
    """
    known = read_roster(roster) if roster else Roster(())
    names = _patterns(pattern)
    passed_over: list[tuple[str, str]] = []
    piles: dict[str, _Pile] = {}
    for top, path, content in files(folder, passed_over):
        if roster and (folder / path).resolve() == roster.resolve():
            continue
        _file(top, path, content, names, known, piles, passed_over)
    found = {key: _choose(pile, section, passed_over) for key, pile in piles.items()}
    by_student = {}
    for submission in found.values():
        entry = known.entry(submission.student, submission.id) or Entry(submission.student)
        variant = submission.variant if entry.variant is None else entry.variant
        handed_in = entry.handed_in or submission.handed_in
        merged = replace(submission, variant=variant, handed_in=handed_in, id=entry.id or submission.id)
        by_student[submission.student] = merged
    for entry in known.entries:
        missing = Submission(entry.student, None, NO_SUBMISSION, entry.variant, "", entry.id)
        by_student.setdefault(entry.student, missing)
    if not by_student:
        told = "".join(f"; {name}: {reason}" for name, reason in passed_over[:5])
        raise ParameterError(
            "isac assignment", str(folder), f"holds no submission{told}", "put <student>.ipynb files or folders there"
        )
    return Collected([by_student[student] for student in sorted(by_student)], passed_over)


def _patterns(pattern: str | None) -> tuple[re.Pattern[str], ...]:
    if pattern is None:
        return _NAMES
    try:
        own = re.compile(pattern)
    except re.error as error:
        raise ParameterError("isac assignment", pattern, f"is no regular expression ({error})", "mend it") from None
    if "student" not in own.groupindex:
        raise ParameterError("isac assignment", pattern, "has no group 'student'", "write (?P<student>...) in it")
    return (own, *_NAMES)


# ---------------------------------------------------------------- piles


def _file(top, path, content, names, known, piles, passed_over) -> None:
    """One file: to its student's pile, or passed over."""
    left, nested = leftover(path), "/" in path
    if left:
        passed_over.append((path, f"left over {left}"))
        if nested and not leftover(top) and ".." not in PurePosixPath(path).parts:
            _pile(*_who(bare(top), names)[:2], known, piles)  # whose folder holds nothing else has handed in something
        return
    name = PurePosixPath(path).name
    stem, kind = split(name)
    student, platform_id, time = _who(bare(top) if nested else stem, names)
    pile = _pile(student, platform_id, known, piles)
    pile.handed_in = pile.handed_in or time
    if isinstance(content, str):
        pile.problems.append((path, f"{name} {content}"))
    elif kind in (".zip", ".ipynb") and content[:2] == b"PK":
        try:
            for inner, each in unzipped(content, defaultdict(Allowance), allowance=Allowance()):
                _file(
                    pile.student,
                    f"{pile.student}/{inner}" if not nested else f"{top}/{inner}",
                    each,
                    names,
                    known,
                    piles,
                    passed_over,
                )
        except (ValueError, RuntimeError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
            pile.problems.append((path, f"{name} cannot be opened ({error})"))
    elif kind == ".ipynb":
        pile.files.append((path, content))
    elif name == "timestamp.txt":
        pile.handed_in = decode(content).strip()[:100]
    elif kind == ".zip" or PurePosixPath(name).suffix.lower() in _ARCHIVES:
        pile.problems.append((path, f"{name} is an archive that cannot be opened"))
    elif nested:
        if not path.endswith("/"):
            passed_over.append((path, "no notebook"))
    else:
        passed_over.append((path, "no notebook"))
        if known.entry(student, platform_id):
            pile.problems.append((path, f"handed in {name}, which is no notebook"))
        elif not pile.files and not pile.problems:
            piles.pop(key(pile.student), None)


def _who(name: str, names) -> tuple[str, str, str]:
    """Student, id and time of handing in, from a name of a file or folder."""
    name = folded(name)
    for pattern in names:
        match = pattern.match(name)
        if match:
            groups = match.groupdict()
            time = groups.get("time") or ("late" if groups.get("late") else "")
            return groups["student"].strip(), groups.get("id") or "", time
    return name, "", ""


def _pile(student: str, platform_id: str, known: Roster, piles: dict[str, _Pile]) -> _Pile:
    entry = known.entry(student, platform_id)
    if entry is None:
        student = _COPY.sub("", student) or student
        entry = known.entry(student, platform_id)
    student = entry.student if entry else _short(student)
    pile = piles.setdefault(key(student), _Pile(student))
    pile.id = pile.id or platform_id
    return pile


def _short(student: str) -> str:
    """A name of which a file can be made."""
    whole = student.encode()
    if len(whole) <= _LONGEST_NAME:
        return student or "without a name"
    return f"{whole[:_LONGEST_NAME].decode(errors='ignore')}-{hashlib.sha256(whole).hexdigest()[:8]}"


# ---------------------------------------------------------------- notebooks


def _choose(pile: _Pile, section: str | None, passed_over: list) -> Submission:
    """The one notebook of a student that counts."""
    read = [(path, _read(pile.student, content, section)) for path, content in pile.files]
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
        paths = ", ".join(path for path, _ in read[:_NAMED]) + (f" and {len(read) - _NAMED} more" if len(read) > _NAMED else "")
        submission = Submission(pile.student, problem=f"several notebooks ({paths}): keep the one that counts")
    else:
        why = "; ".join(list(dict.fromkeys(why for _, why in pile.problems))[:_NAMED]) or "the folder holds no notebook"
        submission = Submission(pile.student, problem=why, digest=hashlib.sha256(why.encode()).hexdigest())
    return replace(submission, id=pile.id, handed_in=pile.handed_in)


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
