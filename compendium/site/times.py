"""Where the time of a build from nothing goes, stage by stage.

Runs say themselves when they were at work and how much processor time they took, so a table can be made from runs of
several builds. What is known only after the pages exist (Sphinx, the checks) is printed when the build ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..runs.plan import Run


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


def later_stages(found: Sequence[Stage], sphinx: float, check: float | None) -> list[Stage]:
    """What is known only when the pages exist. The sum counts environment, all runs, Sphinx and the checks."""
    known = [found[0].wall, found[-1].wall, sphinx, check]
    total = sum(seconds for seconds in known if seconds is not None)
    return [Stage("pages (Sphinx)", sphinx), Stage("checks of the pages", check), Stage("sum", total)]


def cells(stage: Stage) -> list[str]:
    """A stage as a row of a table."""
    return [stage.name, _seconds(stage.wall), "" if stage.processor is None else _seconds(stage.processor)]


def _seconds(value: float | None) -> str:
    return "not recorded" if value is None else f"{value:.0f}"
