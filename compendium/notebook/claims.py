"""Claims: what a notebook found about a sentence of the paper, recorded for the ledger.

A verdict is computed from booleans that the notebook computed from data. It is never typed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from isaclib.foundations import checks

from . import context as _context
from . import words
from .display import display_with_myst

VERDICTS = ("reproduced", "trend reproduced", "not reproducible as printed", "contradicted", "not checkable")
_ID = re.compile(r"\d{3}-C\d+")
_NOTHING = re.compile(r"\bnan\b")
_aside = ""  # why this run judges no claim any more


class LedgerError(ValueError):
    """A ledger file or a recorded claim is malformed."""


def verdict(*, reproduced: bool, trend: bool = False, reproducible: bool = True, checkable: bool = True) -> str:
    """The one rule by which findings become a verdict: of True and False, and of nothing that merely counts as one (nan does)."""
    found = {"reproduced": reproduced, "trend": trend, "reproducible": reproducible, "checkable": checkable}
    reproduced, trend, reproducible, checkable = (checks.flag(name, value) for name, value in found.items())
    if not checkable:
        return "not checkable"
    if not reproducible:
        return "not reproducible as printed"
    if reproduced:
        return "reproduced"
    return "trend reproduced" if trend else "contradicted"


def set_aside(reason: str) -> None:
    """Say why the values of this run leave nothing to judge, and judge no claim from here on.

    For a notebook that goes on with other values than those it was given, so that its figures still show something.
    """
    global _aside
    _aside = checks.instance("reason", reason, str).strip()
    text = f"**{_aside}** No claim is judged here."
    display_with_myst({"text/markdown": text, "text/plain": text}, f":::{{admonition}} {_aside}\nNo claim is judged here.\n:::\n")


def within_reach(asked: Any, **floors: float) -> dict[str, float]:
    """Floors that some drop can meet: those given, or all of them smaller by one factor, and then no claim is judged.

    ``asked`` is the batch solved with the floors given: ``feasible`` and ``best_attainable`` (the factor by which a drop's floors
    could grow), (D,).
    """
    if not all(isinstance(getattr(asked, name, None), np.ndarray) for name in ("feasible", "best_attainable")):
        raise checks.InvalidScenario("asked", f"must be a solved batch, not {checks.short(asked)}")
    floors = {name: checks.number(name, floor, minimum=0) for name, floor in floors.items()}
    if asked.feasible.any():
        return floors
    easier = 0.5 * float(asked.best_attainable.max())
    set_aside(
        f"No drop of this set can meet its floors: the easiest meets {2 * easier:.3g} of them. "
        f"The page goes on with floors {easier:.3g} times as large."
    )
    return {name: easier * floor for name, floor in floors.items()}


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

    A quantity that was not measured (``nan`` in ``ours``) judges nothing: the claim is then not checkable.

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
    for name, text in (("claim", claim), ("ours", ours), ("tolerance", tolerance)):
        checks.instance(name, text, str)
    checkable = checks.flag("checkable", checkable)
    if not _ID.fullmatch(claim):
        raise LedgerError(f"claim {claim!r}: an identifier looks like 000-C1")
    if _aside:
        ours = f"{_aside} There: {ours}"
    judged = checkable and not _aside and not _NOTHING.search(ours)
    ours = words.said(ours)
    found = verdict(reproduced=reproduced, trend=trend, reproducible=reproducible, checkable=judged)
    run = _context.current()
    entry = {"id": claim, "ours": ours, "tolerance": tolerance, "verdict": found, "set": run.set_name, "page": run.page}
    if run.directory:
        path = Path(run.directory) / "claims.json"
        entries = json.loads(path.read_text()) if path.exists() else []
        if any(other["id"] == claim for other in entries):
            raise LedgerError(f"claim {claim} is recorded twice in this notebook")
        path.write_text(json.dumps([*entries, entry], indent=1, ensure_ascii=False))
    plain = f"**{claim}: {found}.** {ours} (criterion: {tolerance})"
    target = "" if run.page != run.notebook else f"(claim-{claim.lower()})=\n"
    myst = (
        f":::{{admonition}} Claim {claim}: {found}\n:class: isac-claim isac-{found.replace(' ', '-')}\n{ours}\n\n"
        f"*Criterion:* {tolerance}\n:::\n"
    )
    display_with_myst({"text/markdown": plain, "text/plain": plain}, f"{target}{myst}")
