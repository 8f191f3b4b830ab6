"""The board: every entry's allocations judged anew against the certified optima of the benchmark set, family by family.

The paper's algorithm and comparison schemes are entries without files; ``board/<name>/`` holds those of everybody else, a
``description.yml`` and allocations as ``<chapter>/<family>/<instance>.json`` (or ``.npz``, ``.mat``). With the manifest of the
instances that were solved beside them (``<chapter>/manifest.json``), allocations for other instances are known as such.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isaclib import instances
from isaclib.foundations import files, formats
from isaclib.foundations.errors import InvalidScenario, SolverFailure
from isaclib.foundations.score import excess_of

from .board_entries import Entry, FamilySet, entries, families, schemes
from .board_figure import profiles
from .optima import STAMP

_COLUMNS = ("chapter", "family", "entry", "instance", "state", "gap", "reason")
_TIE = 1e-7  # gaps nearer than this are the certificates' own


@dataclass(frozen=True)
class Outcome:
    """What one instance says of an entry: a gap, or why there is none."""

    state: str  # feasible, violated, failed, refused, missing
    gap: float = math.nan
    reason: str = ""


def outcomes(entry: Entry, family: FamilySet) -> dict[str, Outcome] | None:
    """What every instance of a family says of an entry; None for an entry that does not take part."""
    if entry.folder is None:
        return {stem: _of_baseline(row[entry.name]) for stem, row in family.rows.items()}
    allocations = entry.folder / family.chapter / family.name
    if not allocations.is_dir():
        return None
    solved, problem = _solved(entry.folder / family.chapter / instances.MANIFEST, family)
    if problem:
        return {stem: Outcome("refused", reason=problem) for stem in family.rows}
    strangers = sorted(path.name for path in allocations.glob("[!.]*") if path.stem not in family.rows)
    named = f"{len(strangers)} files have the name of no instance, e.g. {strangers[0]}" if strangers else ""
    found = {}
    for stem, row in family.rows.items():
        own = hashlib.sha256((family.folder / f"{stem}.json").read_bytes()).hexdigest()
        if solved.get(f"{stem}.json", own) != own:
            found[stem] = Outcome("refused", reason=f"solves another instance than that of seed {family.seed}, by its manifest")
        else:
            found[stem] = _judged(family, stem, row, allocations, named)
    return found


def _solved(manifest: Path, family: FamilySet) -> tuple[dict[str, str], str]:
    """The digests of the instances that an entry says it has solved, by file, and what is wrong with what it says."""
    if not manifest.exists():
        return {}, ""
    try:
        return dict(json.loads(manifest.read_text(encoding="utf-8"))["families"].get(family.name, {}).get("sha256", {})), ""
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}, f"{manifest.name} is no manifest of instances"


def _of_baseline(row: Mapping[str, Any]) -> Outcome:
    if "failed" in row:
        return Outcome("failed", reason=row["failed"])
    return Outcome("feasible", float(row["gap"])) if row["feasible"] else _violated(row["violations"])


def _violated(violations: Mapping[str, Any]) -> Outcome:
    name, excess = max(((name, float(excess)) for name, excess in violations.items()), key=lambda item: item[1])
    return Outcome("violated", reason=excess_of(name, excess))


def _judged(family: FamilySet, stem: str, row: Mapping[str, Any], allocations: Path, strangers: str) -> Outcome:
    found = [path for path in allocations.iterdir() if path.stem == stem and path.suffix.lower() in formats.SUFFIXES]
    if not found:
        return Outcome("missing", reason=strangers)
    interface = instances.interface(family.chapter)
    try:
        if len(found) > 1:
            raise InvalidScenario("path", f"there are {len(found)} allocations named {stem}")
        scenario = interface.load(family.folder / f"{stem}.json")
        given = files.load_allocation(found[0], interface.allocation, chapter=family.chapter)
        score = interface.judge(scenario, given, optimum=instances.optimum(row), **family.options)
    except (InvalidScenario, SolverFailure) as error:
        return Outcome("refused", reason=" ".join(str(error).replace(f"{allocations}/", "").split()))
    return Outcome("feasible", score.gap) if score.feasible else _violated(score.violations)


# ---------------------------------------------------------------- the page


def board(root: Path, folder: Path, source: Path, titles: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the page; beside them its figures, all outcomes as a table, and the instances as one archive."""
    sets = {chapter: families(folder, chapter) for chapter in instances.CHAPTERS}
    entered = entries(root / "board", [family for own in sets.values() for family in own])
    chapters, table = [], []
    for chapter, own in sets.items():
        found = {family.name: _results([*schemes(chapter), *entered], family) for family in own}
        picture = source / "figures" / "board" / f"{chapter}.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        gaps = {name: {entry.title: _reached(seen) for entry, seen in results} for name, results in found.items()}
        profiles(gaps, picture)
        title = titles.get(chapter, chapter.replace("_", " "))
        panels = f"{len(own)} panel{'s' if len(own) > 1 else ''}, one for each family of instances"
        listed = [_family(one, found[one.name]) for one in own]
        chapters.append({"name": chapter, "title": title, "panels": panels, "families": listed})
        for name, results in found.items():
            table += [(chapter, name, entry.name, stem, *_cells(one)) for entry, seen in results for stem, one in seen.items()]
    (source / "generated").mkdir(parents=True, exist_ok=True)
    with (source / "generated" / "isac_board.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *table])
    archive(folder, source / "generated" / "isac_instances.zip")
    about = [
        {"title": _escaped(entry.title), "by": _escaped(entry.by), "about": entry.about, "name": entry.name} for entry in entered
    ]
    return {"chapters": chapters, "entries": about, "count": sum(len(family.rows) for own in sets.values() for family in own)}


def _results(listed: Sequence[Entry], family: FamilySet) -> list[tuple[Entry, dict[str, Outcome]]]:
    seen = ((entry, outcomes(entry, family)) for entry in listed)
    return [(entry, found) for entry, found in seen if found is not None]


def _reached(seen: Mapping[str, Outcome]) -> np.ndarray:
    """Gaps of all instances, infinite where there is none."""
    return np.array([one.gap if one.state == "feasible" else math.inf for one in seen.values()])


def _cells(one: Outcome) -> tuple[str, str, str]:
    return one.state, "" if math.isnan(one.gap) else f"{one.gap:.6g}", one.reason


def _family(family: FamilySet, results: Sequence[tuple[Entry, dict[str, Outcome]]]) -> dict[str, Any]:
    whole = [(float(np.mean(_reached(seen))), entry, seen) for entry, seen in results]
    ordered = sorted(whole, key=lambda item: (item[0], -sum(math.isfinite(gap) for gap in _reached(item[2]))))
    best = [mean for mean, _, _ in ordered if math.isfinite(mean)]
    rows = []
    for mean, entry, seen in ordered:
        rank = 1 + sum(other < mean - _TIE for other in best) if math.isfinite(mean) else ""
        rows.append({"rank": rank, "entry": _escaped(entry.title), **_summary(seen), "seconds": _seconds(entry, family)})
    known = max(row["exact"]["gap"] for row in family.rows.values())
    return {"name": family.name, "about": family.about, "count": len(family.rows), "known": f"{known:.0e}", "rows": rows}


def _summary(seen: Mapping[str, Outcome]) -> dict[str, Any]:
    gaps = _reached(seen)
    gaps = gaps[np.isfinite(gaps)]
    spread = [_percent(float(number)) for number in np.quantile(gaps, (0.5, 0.9, 1.0))] if len(gaps) else ["", "", ""]
    wrong = []
    for state, words in (("violated", "break a limit"), ("failed", "failed"), ("refused", "refused"), ("missing", "missing")):
        of_this = [one.reason for one in seen.values() if one.state == state]
        if of_this:
            wrong.append(f"{len(of_this)} {words}" + (f", e.g. {_quoted(of_this[0])}" if of_this[0] else ""))
    return {
        **dict(zip(("median", "ninety", "worst"), spread, strict=True)),
        "feasible": f"{len(gaps)} of {len(seen)}",
        "wrong": "; ".join(wrong),
    }


def _percent(gap: float) -> str:
    return "0 %" if abs(gap) <= _TIE else f"{100 * gap:.{2 if gap < 0.1 else 3}g} %"


def _escaped(text: str) -> str:
    """A text whose signs are no markup."""
    return re.sub(r"([\\`*_{}\[\]<>|$#])", r"\\\1", text)


def _quoted(text: str) -> str:
    """A message as code in a cell of a table; a long one ends with a word."""
    text = text.replace("`", "'").replace("|", "/")
    return f"`{text if len(text) <= 90 else text[:88].rpartition(' ')[0].rstrip(' ,;:') + ' ...'}`"


def _seconds(entry: Entry, family: FamilySet) -> str:
    """An author's own seconds, or the median of this set's making."""
    if entry.folder is not None:
        said = entry.seconds.get(family.chapter, {}).get(family.name)
        return "" if said is None else f"{said:.2g} (its author's{', ' + entry.machine if entry.machine else ''})"
    taken = [row[entry.name] for row in family.times.values() if entry.name in row]
    return f"{np.median(taken):.2g} (here)" if taken else ""


def archive(folder: Path, path: Path) -> None:
    """All instances with their optima and baselines in one file. Equal content, equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(folder.glob("*/**/*.json")):
            name = file.relative_to(folder)
            if not name.parts[0].startswith(".") and name.name != STAMP:
                entry = zipfile.ZipInfo(f"isac_instances/{name.as_posix()}", date_time=(2000, 1, 1, 0, 0, 0))
                packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
