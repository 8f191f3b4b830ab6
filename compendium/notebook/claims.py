"""Claims: what a notebook found about a sentence of the paper, recorded for the ledger.

A verdict is computed from booleans that the notebook computed from data. It is never typed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from . import context as _context
from .display import display_with_myst

VERDICTS = ("reproduced", "trend reproduced", "not reproducible as printed", "contradicted", "not checkable")
_ID = re.compile(r"\d{3}-C\d+")


class LedgerError(ValueError):
    """A ledger file or a recorded claim is malformed."""


def verdict(*, reproduced: bool, trend: bool = False, reproducible: bool = True, checkable: bool = True) -> str:
    """The one rule by which findings become a verdict."""
    if not checkable:
        return "not checkable"
    if not reproducible:
        return "not reproducible as printed"
    if reproduced:
        return "reproduced"
    return "trend reproduced" if trend else "contradicted"


def record(
    claim: str,
    *,
    ours: str,
    tolerance: str,
    reproduced: bool,
    trend: bool = False,
    reproducible: bool = True,
    checkable: bool = True,
) -> None:
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
    checkable : bool
        False when the text gives nothing to hold the sentence against, or this run has nothing to judge it by (no feasible
        draw, say).
    """
    if not _ID.fullmatch(claim):
        raise LedgerError(f"claim {claim!r}: an identifier looks like 000-C1")
    found = verdict(reproduced=bool(reproduced), trend=bool(trend), reproducible=bool(reproducible), checkable=bool(checkable))
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
