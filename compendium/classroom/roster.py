"""Who is expected: the roster, and how a name on a file meets a name in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..runs.errors import ParameterError
from .sheets import read_sheet, text

_STUDENT = ("student", "name", "full name", "fullname")
_PARTS = (("first name", "firstname", "given name", "vorname"), ("last name", "lastname", "surname", "family name", "nachname"))
_ID = ("id", "id number", "email", "email address", "username", "user name", "login")
_PARTICIPANT = ("participant", "identifier")  # Moodle's number of a student in one assignment
_NUMBER = re.compile(r"(?:\D*\s)?(\d+)")  # as the worksheet has it: Participant 4711
_TIME = ("handed in", "submitted", "timestamp")


@dataclass(frozen=True)
class Entry:
    """A student of the roster."""

    student: str
    id: str = ""
    variant: int | None = None
    handed_in: str = ""
    participant: str = ""


@dataclass(frozen=True)
class Roster:
    """All students that are expected."""

    entries: tuple[Entry, ...]

    def entry(self, name: str, platform_id: str = "", participant: str = "") -> Entry | None:
        """The student with this name, in any order and writing, or with this id; none when name and number disagree."""
        numbered = self._only(lambda each: bool(participant) and each.participant == participant)
        named = (
            self._only(lambda each: key(each.student) == key(name))
            or self._only(lambda each: bool(each.id) and each.id.casefold() in (platform_id.casefold(), key(name)))
            or self._only(lambda each: _words(each.student) == _words(name))
        )
        if named and participant and named.participant not in ("", participant):
            return None
        return named or numbered if numbered in (None, named) or named is None else None

    def _only(self, match: Callable[[Entry], bool]) -> Entry | None:
        found = [each for each in self.entries if match(each)]
        return found[0] if len(found) == 1 else None


def folded(name: str) -> str:
    """A name in one Unicode form, with single blanks."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def key(name: str) -> str:
    """By what two names are the same."""
    return folded(name).casefold()


def _words(name: str) -> list[str]:
    return sorted(word for word in re.split(r"[\s_.,]+", key(name)) if word)


def read_roster(path: Path) -> Roster:
    """Read a roster: columns student (or first name and last name), and if there are id, variant, handed in."""
    sheet = read_sheet(path)
    columns = [name for name in _STUDENT if name in sheet.headings][:1]
    parts = [next((name for name in part if name in sheet.headings), "") for part in _PARTS]
    if not columns or (columns == ["name"] and parts[0]):  # beside a first name it is the last one
        columns = [parts[0], parts[1] or "".join(columns)]
    if not all(columns):
        sheet.require(path, ("student",))
    ids = [name for name in _ID if name in sheet.headings]
    times = [name for name in _TIME if name in sheet.headings]
    entries: dict[str, Entry] = {}
    for line, values in sheet.lines:
        student = folded(" ".join(text(values.get(name)) for name in columns))
        if not student:
            continue
        if set(student) & set("/\\"):
            raise ParameterError(path, f"line {line}", f"the roster cannot be read: {student!r} holds a slash", "mend the name")
        if key(student) in entries:
            raise ParameterError(path, f"line {line}", f"repeats {student}", "give each student a name of their own")
        variant = values.get("variant", "").strip()
        if variant and not (variant.isdecimal() and len(variant) < 19):
            raise ParameterError(path, f"line {line}", f"the roster cannot be read: variant {variant!r}", "write a number >= 0")
        identity = next((text(values[name]).strip() for name in ids if values.get(name, "").strip()), "")
        handed_in = next((values[name].strip() for name in times if values.get(name, "").strip()), "")
        said = [text(values.get(name)).strip() for name in _PARTICIPANT]
        participant = next((found[1] for each in said if (found := _NUMBER.fullmatch(each))), "")
        if identity.startswith("Participant "):
            identity, participant = "", participant or identity.removeprefix("Participant ")
        identity = identity or next((each for each in said if each and not _NUMBER.fullmatch(each)), "")
        entries[key(student)] = Entry(student, identity, int(variant) if variant else None, handed_in, participant)
    return Roster(tuple(entries.values()))


def lateness(handed_in: str, due: datetime | None) -> str:
    """How late, in words: empty without a deadline, ``unknown`` when nobody says when it was handed in."""
    if due is None:
        return "yes (the platform says so)" if handed_in == "late" else ""
    if handed_in == "late":
        return "yes"
    moment = moment_of(handed_in)
    if moment is None:
        return "unknown"
    if (moment.tzinfo is None) != (due.tzinfo is None):
        try:
            moment, due = (each if each.tzinfo else each.astimezone() for each in (moment, due))
        except (ValueError, OverflowError, OSError):  # a year that no clock knows
            return "unknown"
    minutes = -(-(moment - due).total_seconds() // 60)
    if minutes <= 0:
        return "no"
    days, minutes = divmod(int(minutes), 1440)
    hours, minutes = divmod(minutes, 60)
    return " ".join(f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count)


def moment_of(words: str) -> datetime | None:
    """A time as platforms, nbgrader and people write it."""
    words = words.strip().removesuffix(" UTC") + ("+00:00" if words.strip().endswith(" UTC") else "")
    for form in ("%Y-%m-%d-%H-%M-%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"):
        try:
            return datetime.strptime(words, form)
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", words).replace(" +", "+"))
    except ValueError:
        return None
