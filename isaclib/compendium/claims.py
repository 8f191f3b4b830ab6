"""Claims and errata: recorded by notebooks, held against the ledgers on file, turned into pages.

A verdict is computed from booleans that the notebook computed from data. It is never typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from . import context as _context
from .figures import display_with_myst

VERDICTS = ("reproduced", "trend reproduced", "not reproducible as printed", "contradicted")
_ID = re.compile(r"\d{3}-C\d+")


class LedgerError(ValueError):
    """A ledger file or a recorded claim is malformed."""


def verdict(*, reproduced: bool, trend: bool = False, reproducible: bool = True) -> str:
    """The one rule by which findings become a verdict."""
    if not reproducible:
        return "not reproducible as printed"
    if reproduced:
        return "reproduced"
    return "trend reproduced" if trend else "contradicted"


def record(claim: str, *, ours: str, tolerance: str, reproduced: bool, trend: bool = False, reproducible: bool = True) -> None:
    """Record what a notebook found about one of the paper's claims, and show it.

    Parameters
    ----------
    claim : str
        Identifier in the section's ``claims.yml``, e.g. ``"000-C1"``.
    ours : str
        What was measured, in words and numbers.
    tolerance : str
        The criterion that decided.
    reproduced : bool
        The claim holds as stated, within the tolerance.
    trend : bool
        It does not hold as stated, but its direction does.
    reproducible : bool
        False when the paper as printed cannot be evaluated at all.
    """
    if not _ID.fullmatch(claim):
        raise LedgerError(f"claim {claim!r}: an identifier looks like 000-C1")
    found = verdict(reproduced=bool(reproduced), trend=bool(trend), reproducible=bool(reproducible))
    run = _context.current()
    entry = {"id": claim, "ours": ours, "tolerance": tolerance, "verdict": found, "set": run.set_name, "page": run.page}
    if run.directory:
        path = Path(run.directory) / "claims.json"
        entries = json.loads(path.read_text()) if path.exists() else []
        if any(other["id"] == claim for other in entries):
            raise LedgerError(f"claim {claim} is recorded twice in this notebook")
        path.write_text(json.dumps([*entries, entry], indent=1, ensure_ascii=False))
    plain = f"**{claim}: {found}.** {ours} (criterion: {tolerance})"
    target = "" if run.notebook == "what_if" else f"(claim-{claim.lower()})=\n"
    myst = (
        f":::{{admonition}} Claim {claim}: {found}\n:class: isac-claim isac-{found.replace(' ', '-')}\n{ours}\n\n"
        f"*Criterion:* {tolerance}\n:::\n"
    )
    display_with_myst({"text/markdown": plain, "text/plain": plain}, f"{target}{myst}")


def table(frame: pd.DataFrame, *, caption: str = "", precision: int = 4) -> None:
    """Show a small table; in the book it scrolls by itself on a narrow screen."""
    text = markdown_table(
        [[_cell(value, precision) for value in row] for row in frame.itertuples(index=False)], list(frame.columns)
    )
    data = {"text/markdown": text, "text/plain": frame.to_string(index=False)}
    display_with_myst(data, f"{text}\n\n*{caption}*\n" if caption else text)


def markdown_table(rows: list[list[str]], header: list[str]) -> str:
    """A pipe table; cell contents are escaped."""

    def line(cells) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(header), "|" + " --- |" * len(header), *(line(row) for row in rows)])


def _cell(value: Any, precision: int) -> str:
    return f"{value:.{precision}g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- ledgers on file


@dataclass(frozen=True)
class Claim:
    """One row of a section's ``claims.yml``."""

    id: str
    section: str
    quote: str
    figure: str
    paper: str
    expected: str
    notebook: str


@dataclass(frozen=True)
class Erratum:
    """One row of a section's ``errata.yml``."""

    id: str
    section: str
    where: str
    printed: str
    mended: str
    consequence: str
    test: str
    note: str = ""


def load_claims(folder: Path) -> list[Claim]:
    """Claims of one section (a folder of ``notebooks/``), checked."""
    claims = [_build(Claim, folder / "claims.yml", folder.name, entry) for entry in _read_list(folder / "claims.yml")]
    for claim in claims:
        if claim.expected not in VERDICTS:
            raise LedgerError(
                f"{folder.name}/claims.yml: {claim.id}: expected {claim.expected!r} is none of {', '.join(VERDICTS)}"
            )
    _unique(folder / "claims.yml", claims)
    return claims


def load_errata(folder: Path, root: Path) -> list[Erratum]:
    """Errata of one section, each with a test that exists."""
    errata = [_build(Erratum, folder / "errata.yml", folder.name, entry) for entry in _read_list(folder / "errata.yml")]
    _unique(folder / "errata.yml", errata)
    for erratum in errata:
        file, _, test = erratum.test.partition("::")
        path = root / file
        if (
            not test
            or not path.exists()
            or not re.search(rf"^\s*def {re.escape(test.split('::')[-1])}\(", path.read_text(), re.M)
        ):
            raise LedgerError(f"{folder.name}/errata.yml: {erratum.id}: the test {erratum.test!r} does not exist")
    return errata


def _read_list(path: Path) -> list[dict]:
    if not path.exists():
        return []
    content = yaml.safe_load(path.read_text())
    if content is None:
        return []
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise LedgerError(f"{path.parent.name}/{path.name}: must be a list of entries")
    return content


def _build(kind: type, path: Path, section: str, entry: Mapping[str, Any]):
    try:
        return kind(section=section, **{key: str(value).strip() for key, value in entry.items()})
    except TypeError as error:
        raise LedgerError(f"{path.parent.name}/{path.name}: entry {entry.get('id', '?')}: {error}") from None


def _unique(path: Path, entries: list) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise LedgerError(f"{path.parent.name}/{path.name}: {entry.id} occurs twice")
        seen.add(entry.id)


@dataclass(frozen=True)
class Row:
    """A claim on file beside what the runs recorded (None: no run recorded it)."""

    claim: Claim
    found: dict | None

    @property
    def agrees(self) -> bool:
        return self.found is not None and self.found["verdict"] == self.claim.expected


def ledger(claims: list[Claim], recorded: list[dict]) -> list[Row]:
    """Join the claims on file with the recorded ones.

    Raises
    ------
    LedgerError
        When a run recorded a claim that is not on file, or two runs recorded the same.
    """
    by_id: dict[str, dict] = {}
    known = {claim.id for claim in claims}
    for entry in recorded:
        if entry["id"] not in known:
            raise LedgerError(f"claim {entry['id']} was recorded by {entry['page']} but is in no claims.yml")
        if entry["id"] in by_id:
            raise LedgerError(f"claim {entry['id']} was recorded by {by_id[entry['id']]['page']} and by {entry['page']}")
        by_id[entry["id"]] = entry
    return [Row(claim, by_id.get(claim.id)) for claim in claims]
