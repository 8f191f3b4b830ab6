"""What belongs to this chapter, checked at the public edge; inner loops work on what has passed here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..foundations import checks
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch
from .scenario import Scenario, per_bs

ROUNDED_ZERO = 1e-6  # of the cap: what a solver may leave of a power of 0 on the wrong side; the judges report it


def one(scenario: Any) -> Scenario:
    """A single scenario of this chapter."""
    return checks.instance("scenario", scenario, Scenario, "a batch is for the functions that say so" if _many(scenario) else "")


def batch(scenarios: Any, name: str = "scenarios") -> Batch:
    """Scenarios of this chapter and of equal size."""
    rows = Batch.of(scenarios)
    if not isinstance(rows[0], Scenario):
        raise InvalidScenario(name, f"must hold scenarios of network_localization, not {checks.short(type(rows[0]))}")
    return rows


def one_or_batch(scenario: Any, name: str = "scenario") -> Scenario | Batch:
    """A single scenario or a batch (a plain list is refused: it has no fields)."""
    if isinstance(scenario, Batch):
        return batch(scenario, name)
    return checks.instance(name, scenario, Scenario, "Batch(scenarios) makes a batch of a list" if _many(scenario) else "")


def powers(scenario: Scenario | Batch, powers_w: Any, *, rounded: bool = False, name: str = "powers_w") -> np.ndarray:
    """Powers (..., B) for a scenario, (D, B) for a batch: finite and at least 0 (``rounded``: or negative by a rounding)."""
    size = scenario.echo_gain.shape[-1]
    shape = (len(scenario), size) if isinstance(scenario, Batch) else ("...", size)
    return _at_least_zero(scenario, checks.array(name, powers_w, shape), rounded, name)


def vector(scenario: Scenario, powers_w: Any, *, rounded: bool = False, name: str = "powers_w") -> np.ndarray:
    """Powers (B,) of one allocation."""
    found = checks.array(name, powers_w, ("B",), sizes={"B": len(scenario.echo_gain)})
    return _at_least_zero(scenario, found, rounded, name)


def _at_least_zero(scenario, found: np.ndarray, rounded: bool, name: str) -> np.ndarray:
    least = -ROUNDED_ZERO * per_bs(scenario, "max_power_w") if rounded else 0.0
    if np.any(bad := found < least):
        where = checks.first(bad)
        raise InvalidScenario(name, f"must be at least 0, but is {found[where]:g} at entry {where}")
    return found


def _many(value: Any) -> bool:
    return isinstance(value, Batch | list | tuple)
