"""Whose a file is: by its name, or that of its folder, each student has a pile.

A submission is ``<student>.ipynb``, ``<student>/<any name>.ipynb`` or the same in a zip, under the names that Moodle, Canvas and
Blackboard give them. Numbers of a platform tell people of one name apart.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ..runs.errors import ParameterError
from .files import Allowance, bare, leftover, split, unzipped
from .roster import Entry, Roster, folded, key
from .sheets import decode

_ARCHIVES = (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_MOODLE = re.compile(r"(?P<student>.+?)_(?P<participant>\d+)_assignsubmission_\w+?(_.*)?$")
_GUESSED = (  # names that people give, too
    re.compile(r"(?P<student>[^_]+)(?P<late>_late)?_(?P<id>\d+)_\d+_.+$", re.I),  # Canvas
    re.compile(r".+_(?P<student>[^_]+)_attempt_(?P<time>\d{4}(-\d\d){5})(_.*)?$"),  # Blackboard
)
_LONGEST_NAME = 150  # bytes
_COPY = re.compile(r"( ?\(\d+\)| - (Kopie|Copy)( ?\(\d+\))?|[-_ ]copy\d*|-checkpoint)+$", re.I)


@dataclass(frozen=True)
class Who:
    """Whom a name of a file or folder names; ``sure`` when a platform has written it, or the teacher's pattern reads it."""

    student: str
    id: str = ""
    participant: str = ""  # Moodle's number of a student in one assignment
    time: str = ""
    sure: bool = False


@dataclass
class Pile:
    """What one student handed in; ``names``: under which names that only a guess makes one."""

    student: str
    who: Who
    entry: Entry | None
    files: list[tuple[str, bytes]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    handed_in: str = ""

    @property
    def number(self) -> str:
        """What tells this student from others of the same name."""
        return self.who.participant or self.who.id

    @property
    def settled(self) -> bool:
        """Whether the roster holds this number."""
        return self.entry is not None and self.number in (self.entry.participant, self.entry.id)

    def add(self, other: Pile) -> None:
        """Take what another pile of the same student holds."""
        self.files += other.files
        self.problems += other.problems
        self.names |= other.names
        self.handed_in = self.handed_in or other.handed_in
        self.who = self.who if self.number else other.who
        self.entry = self.entry or other.entry


def patterns(pattern: str | None) -> tuple[re.Pattern[str], ...]:
    """How names are read: first by the teacher's pattern, which must name a group ``student``."""
    if pattern is None:
        return (_MOODLE, *_GUESSED)
    try:
        own = re.compile(pattern)
    except re.error as error:
        raise ParameterError("isac assignment", pattern, f"is no regular expression ({error})", "mend it") from None
    if "student" not in own.groupindex:
        raise ParameterError("isac assignment", pattern, "has no group 'student'", "write (?P<student>...) in it")
    return (own, _MOODLE, *_GUESSED)


class Piles:
    """Every file comes to a student's pile, or is passed over with a reason."""

    def __init__(self, known: Roster, names: Sequence[re.Pattern[str]], passed_over: list[tuple[str, str]]) -> None:
        self.known, self.names, self.passed_over = known, names, passed_over
        self._piles: dict[tuple[str, str], Pile] = {}

    def file(self, top: str, path: str, content: bytes | str, pile: Pile | None = None) -> None:
        """One file; ``pile``: that of the student in whose zip it is."""
        left, nested = leftover(path), "/" in path
        if left:
            self.passed_over.append((path, f"left over {left}"))
            if pile is None and nested and not leftover(top) and ".." not in PurePosixPath(path).parts:
                self._pile(bare(top))  # whose folder holds nothing else has handed in something
            return
        name = PurePosixPath(path).name
        stem, kind = split(name)
        said = bare(top) if nested else stem
        pile = pile or self._pile(said)
        if isinstance(content, str):
            self._problem(pile, said, path, f"{name} {content}")
        elif kind in (".zip", ".ipynb") and content[:2] == b"PK":
            try:
                for inner, each in unzipped(content, defaultdict(Allowance), allowance=Allowance()):
                    self.file(top, f"{path}/{inner}", each, pile)
            except (ValueError, RuntimeError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
                self._problem(pile, said, path, f"{name} cannot be opened ({error})")
        elif kind == ".ipynb":
            pile.files.append((path, content))
            pile.names.add(self._name(pile, said))
        elif name == "timestamp.txt":
            self._timestamp(pile, path, content)
        elif kind == ".zip" or PurePosixPath(name).suffix.lower() in _ARCHIVES:
            self._problem(pile, said, path, f"{name} is an archive that cannot be opened")
        elif nested:
            if not path.endswith("/"):
                self.passed_over.append((path, "no notebook"))
        else:
            self.passed_over.append((path, "no notebook"))
            if pile.entry:
                self._problem(pile, said, path, f"handed in {name}, which is no notebook")
            elif not pile.files and not pile.problems:
                self._piles.pop((key(pile.student), pile.number), None)

    def people(self) -> list[Pile]:
        """The piles; people of one name whose numbers differ are told apart by them."""
        by_name: dict[str, list[Pile]] = {}
        for pile in self._piles.values():
            by_name.setdefault(key(pile.student), []).append(pile)
        result = []
        for first, *others in by_name.values():
            if len({pile.number for pile in (first, *others)} - {""}) < 2:
                for other in others:
                    first.add(other)
                result.append(first)
                continue
            for pile in (first, *others):
                if pile.number and not pile.settled:
                    pile.who, pile.entry = replace(pile.who, student=pile.student), None
                    pile.student = _short(f"{pile.student} ({pile.number})")
                result.append(pile)
        return result

    def _pile(self, name: str) -> Pile:
        who = read_name(name, self.names)
        entry = self.known.entry(who.student, who.id, who.participant)
        if entry is None:
            who = replace(who, student=_COPY.sub("", who.student) or who.student)
            entry = self.known.entry(who.student, who.id, who.participant)
        student = entry.student if entry else _short(who.student)
        pile = self._piles.setdefault((key(student), who.participant or who.id), Pile(student, who, entry))
        pile.handed_in = pile.handed_in or who.time
        return pile

    def _name(self, pile: Pile, said: str) -> str:
        """Under which name something came; the student's where it is no guess that it is theirs."""
        return key(pile.student) if pile.entry or read_name(said, self.names).sure else key(said)

    def _problem(self, pile: Pile, said: str, path: str, why: str) -> None:
        pile.problems.append((path, why))
        pile.names.add(self._name(pile, said))

    def _timestamp(self, pile: Pile, path: str, content: bytes) -> None:
        """nbgrader's word; not what a student may have put into a zip or uploaded, nor where the platform says something."""
        zipped = any(split(part)[1] in (".zip", ".ipynb") for part in PurePosixPath(path).parts[:-1])
        if zipped or pile.number or pile.who.time:
            self.passed_over.append((path, "the student may have written it"))
        else:
            pile.handed_in = decode(content).strip()[:100]


def read_name(name: str, names: Sequence[re.Pattern[str]]) -> Who:
    """Whom a name of a file or folder names."""
    name = folded(name)
    for pattern in names:
        match = pattern.match(name)
        groups = match.groupdict() if match else {}
        if student := (groups.get("student") or "").strip():
            time = groups.get("time") or ("late" if groups.get("late") else "")
            return Who(student, groups.get("id") or "", groups.get("participant") or "", time, pattern not in _GUESSED)
    return Who(name)


def _short(student: str) -> str:
    """A name of which a file can be made."""
    whole = student.encode()
    if len(whole) <= _LONGEST_NAME:
        return student or "without a name"
    return f"{whole[:_LONGEST_NAME].decode(errors='ignore')}-{hashlib.sha256(whole).hexdigest()[:8]}"
