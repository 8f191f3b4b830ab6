"""How far a run is, and how long it will take, as far as earlier runs tell."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .plan import Run


def expected_seconds(run: Run) -> float | None:
    """Seconds of the last run with these very values, or else of this notebook with the set that they are taken from."""
    record = run.record()
    name = run.label.partition("+")[0]
    for label in (name, f"{name}+quick", run.baseline, "quick"):
        if record is None:
            path = run.directory.parent / label / "run.json"
            record = json.loads(path.read_text()) if path.exists() else None
    return record["seconds"] if record else None


def expected_in_all(runs: Iterable[Run], jobs: int) -> float | None:
    """Seconds until all are done, side by side; None where an estimate is missing."""
    seconds = [expected_seconds(run) for run in runs]
    if not seconds or None in seconds:
        return None
    return max(sum(seconds) / max(1, jobs), *seconds)


def in_words(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
