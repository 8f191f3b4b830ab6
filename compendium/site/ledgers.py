"""Ledgers on file: the claims and errata of a section, and the claims beside what the runs recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ..notebook.claims import VERDICTS, LedgerError
from ..runs.parameters import BASE_SETS
from ..runs.plan import Run
from ..runs.seeds import Share, share


@dataclass(frozen=True)
class Claim:
    """One row of a section's ``claims.yml``.

    ``alone`` says why other seeds are not asked, ``first`` and ``why`` what a first reading said and why it was judged again.
    """

    id: str
    section: str
    quote: str
    figure: str
    paper: str
    expected: str
    notebook: str
    alone: str = ""
    first: str = ""
    why: str = ""


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
        if bool(claim.first) != bool(claim.why) or claim.first not in ("", "not listed", *VERDICTS):
            raise LedgerError(f"{folder.name}/claims.yml: {claim.id}: first needs an earlier verdict or 'not listed', and a why")
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
    """A claim on file beside what the runs recorded (None: no run recorded it), and what other base sets and other seeds say."""

    claim: Claim
    found: dict | None
    others: Mapping[str, dict] = field(default_factory=dict)
    seeds: Share | None = None

    @property
    def agrees(self) -> bool:
        return self.found is not None and self.found["verdict"] == self.claim.expected

    @property
    def turns(self) -> bool:
        """Reproduced with its own seed, at the small size too, and not with another one: then it is not reproduced."""
        reproduced = self.found is not None and self.found["verdict"] == "reproduced"
        return reproduced and self.seeds is not None and self.seeds.small == "reproduced" and self.seeds.same < self.seeds.others

    @property
    def problem(self) -> str:
        """What is wrong with the verdict, in words; empty for a sound one."""
        if not self.agrees:
            return f"{self.found['verdict'] if self.found else 'not measured'}; on file: {self.claim.expected}"
        return f"reproduced, but on {self.seeds.says} other seeds only" if self.turns and self.seeds else ""


def ledger(claims: list[Claim], recorded: list[dict]) -> list[Row]:
    """Join the claims on file with the recorded ones.

    Raises
    ------
    LedgerError
        When a run recorded a claim that is not on file, or two runs recorded the same.
    """
    by_set: dict[str, dict[str, dict]] = {"": {}}
    known = {claim.id for claim in claims}
    for entry in recorded:
        if entry["id"] not in known:
            raise LedgerError(f"claim {entry['id']} was recorded by {entry['page']} but is in no claims.yml")
        name = entry["set"].partition("+")[0]
        by_id = by_set.setdefault("" if name in BASE_SETS else name, {})
        if entry["id"] in by_id:
            raise LedgerError(f"claim {entry['id']} was recorded by {by_id[entry['id']]['page']} and by {entry['page']}")
        by_id[entry["id"]] = entry
    main = by_set.pop("")
    return [
        Row(claim, main.get(claim.id), {name: found[claim.id] for name, found in by_set.items() if claim.id in found})
        for claim in claims
    ]


def claim_rows(root: Path, runs: Sequence[Run]) -> list[Row]:
    """The claims on file of all sections among ``runs``, each beside what its run recorded."""
    recorded = []
    for run in runs:
        found = run.directory / "claims.json"
        if found.exists() and run.notebook != "what_if":
            recorded += json.loads(found.read_text())
    on_file = [
        claim for section in dict.fromkeys(run.section for run in runs) for claim in load_claims(root / "notebooks" / section)
    ]
    rows = ledger(on_file, recorded)
    judged = {run.section for run in runs if run.label == "paper"}  # other seeds are held against verdicts at paper scale
    return [
        replace(row, seeds=share(root, row.claim.section, row.claim.id, row.found["verdict"]))
        if row.found and row.claim.section in judged
        else row
        for row in rows
    ]
