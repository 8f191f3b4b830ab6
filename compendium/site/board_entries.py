"""What stands on the board: families of benchmark instances as they lie on file, and entries with their descriptions."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from isaclib import instances

from ..runs.flat_yaml import read_value
from ..runs.numbers import read_number

DESCRIPTION = "description.yml"
_BESIDE = (".py", ".m", ".md", ".txt")  # an entry may hold its method, too
_TEXTS = ("title", "by", "about", "machine")
_FIELDS = (*_TEXTS, "seconds")


class BoardError(ValueError):
    """An entry cannot be shown as what it says it is; the message names its file."""


@dataclass(frozen=True)
class Entry:
    """An algorithm on the board; without a folder it is one of the chapter's own."""

    name: str
    title: str
    by: str = ""
    about: str = ""
    machine: str = ""
    seconds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class FamilySet:
    """A family's instances with their optima and baselines, as they lie on file."""

    chapter: str
    name: str
    about: str
    options: Mapping[str, Any]
    folder: Path
    rows: Mapping[str, Mapping[str, Any]]
    times: Mapping[str, Mapping[str, float]]
    seed: int = instances.SEED


def families(folder: Path, chapter: str) -> list[FamilySet]:
    """The families of a chapter's set."""

    def read(path: Path) -> Any:
        return json.loads(path.read_text())

    found, manifest = [], read(folder / chapter / instances.MANIFEST)
    for name, own in manifest["families"].items():
        where = folder / chapter / name
        kept = read(where / instances.BASELINES), read(where / instances.TIMES)
        found.append(FamilySet(chapter, name, own["about"], own["options"], where, *kept, own.get("seed", manifest["seed"])))
    return found


def entries(folder: Path, sets: Sequence[FamilySet]) -> list[Entry]:
    """What lies under ``board/``, each with a description that says what it must and nothing else."""
    known = {family.chapter: [one.name for one in sets if one.chapter == family.chapter] for family in sets}
    found = [_entry(path, known) for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    taken = Counter([entry.title for entry in found] + [own.title for chapter in known for own in schemes(chapter)])
    return [replace(entry, title=f"{entry.title} ({entry.name})") if taken[entry.title] > 1 else entry for entry in found]


def schemes(chapter: str) -> list[Entry]:
    """The chapter's own algorithms."""
    methods = [name for name in instances.interface(chapter).solvers if name != "exact"]
    return [Entry(name, "the paper's algorithm" if name == "paper" else name.replace("_", " ")) for name in methods]


def _number(written: Any) -> float | None:
    """The number that a description holds as text, as a set file would."""
    try:
        return read_number(written) if isinstance(written, str) else None
    except ValueError:
        return None


def _entry(path: Path, known: Mapping[str, Sequence[str]]) -> Entry:
    description = path / DESCRIPTION
    if not description.exists():
        raise BoardError(f"{path}: has no {DESCRIPTION}")
    try:
        given = read_value(description.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise BoardError(f"{description}: is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(given, dict) or not {"title", "by", "about"} <= set(given) <= set(_FIELDS):
        raise BoardError(f"{description}: must hold title, by, about, and may hold seconds and machine, nothing else")
    for name in _TEXTS:
        if name in given and (not isinstance(given[name], str) or not given[name].strip() or _number(given[name]) is not None):
            raise BoardError(f"{description}: {name} must be a text")
    seconds, written = {}, given.get("seconds", {})
    for chapter, own in written.items() if isinstance(written, dict) else [("", None)]:
        numbers = [_number(value) for value in own.values()] if isinstance(own, dict) else [None]
        if not all(n is not None and 0 <= n < math.inf for n in numbers) or not set(own) <= set(known.get(chapter, ())):
            raise BoardError(f"{description}: seconds must be numbers by chapter and family, as in semi_isac: {{paper: 0.1}}")
        seconds[chapter] = dict(zip(own, numbers, strict=True))
    for child in sorted(path.iterdir()):
        if not child.is_dir():
            if child.name != DESCRIPTION and child.suffix not in _BESIDE:
                raise BoardError(f"{child}: stands where no file of an entry belongs")
        elif child.name not in known:
            raise BoardError(f"{child}: is no chapter ({', '.join(known)})")
        else:
            for family in child.iterdir():
                if family.name != instances.MANIFEST and (family.name not in known[child.name] or not family.is_dir()):
                    raise BoardError(f"{family}: is no family of {child.name} ({', '.join(known[child.name])})")
    texts = {name: " ".join(given.get(name, "").split()) for name in _TEXTS}
    return Entry(name=path.name, seconds=seconds, folder=path, **texts)
