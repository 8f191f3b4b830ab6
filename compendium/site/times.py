"""Where the time of a build from nothing goes, stage by stage.

Runs say themselves when they were at work and how much processor time they took, so a table can be made from runs of
several builds. What is known only after the pages exist (Sphinx, the checks) is filled into the built page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..runs.plan import Run

UNKNOWN = "not recorded"
LATER = ("sphinx", "check", "sum")


@dataclass(frozen=True)
class Stage:
    """A stage of a build: its wall-clock and processor time in seconds (None: not known)."""

    name: str
    wall: float | None
    processor: float | None = None


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals: the time during which at least one of them was running."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def runs_stage(name: str, runs: Sequence[Run]) -> Stage:
    """Runs as one stage: the time during which any of them was at work, and the sum of their processor seconds."""
    records = [record for run in runs if (record := run.record()) and "started" in record]
    if not records:
        return Stage(name, None)
    wall = covered((record["started"], record["finished"]) for record in records)
    return Stage(name, wall, sum(record["processor_seconds"] for record in records))


def environment_stage(prefix: Path | None = None) -> Stage:
    """The environment, as the Makefile timed it when it made it."""
    parts = sorted((prefix or Path(sys.prefix)).glob("seconds-*"))
    return Stage("environment (packages, isaclib)", sum(float(part.read_text()) for part in parts) if parts else None)


def stages(runs: Sequence[Run], titles: Mapping[str, str]) -> list[Stage]:
    """Environment, then the runs chapter by chapter, then all runs."""
    sections = list(dict.fromkeys(run.section for run in runs))
    own = [runs_stage(f"runs: {titles[section]}", [run for run in runs if run.section == section]) for section in sections]
    return [environment_stage(), *own, runs_stage("all runs, side by side", runs)]


def table_rows(found: Sequence[Stage]) -> list[list[str]]:
    """The stages as cells; Sphinx, the checks and the sum as marks that :func:`fill` replaces."""
    rows = [[stage.name, _seconds(stage.wall), _seconds(stage.processor, "")] for stage in found]
    later = {"sphinx": "pages (Sphinx)", "check": "checks of the pages", "sum": "**sum**"}
    return [*rows, *([later[mark], f"¤{mark}¤", ""] for mark in LATER)]


def complete(found: Sequence[Stage], sphinx: float, check: float | None) -> dict[str, float | None]:
    """What the marks stand for. The sum counts environment, all runs, Sphinx and the checks."""
    known = [found[0].wall, found[-1].wall, sphinx, check]
    return {"sphinx": sphinx, "check": check, "sum": sum(seconds for seconds in known if seconds is not None)}


def fill(html: Path, values: Mapping[str, float | None]) -> None:
    """Replace the marks in the built pages by the seconds of this very build."""
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if f"¤{LATER[0]}¤" in text:
            page.write_text(filled(text, values), encoding="utf-8")


def filled(text: str, values: Mapping[str, float | None]) -> str:
    """A text with its marks replaced."""
    for mark in LATER:
        text = text.replace(f"¤{mark}¤", _seconds(values[mark], "left out"))
    return text


def _seconds(value: float | None, unknown: str = UNKNOWN) -> str:
    return unknown if value is None else f"{value:.0f}"
