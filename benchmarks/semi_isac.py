"""Timings of the semi-ISaC chapter: the structured solver against one cone program per draw."""

from __future__ import annotations

import time

import numpy as np

from isaclib import semi_isac as si

DRAWS = 300


def _seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure() -> list[dict]:
    """Draws per second of both solvers on the same draws, and the largest certified gap."""
    batch = si.Scenario.random_batch(np.random.default_rng(0), DRAWS)
    solved = si.solve_exact_batch(batch)
    solvable = [batch[d] for d in np.flatnonzero(solved.feasible)[:50]]
    si.solve_sum(solvable[0])  # compiles the cone program
    structured = min(_seconds(lambda: si.solve_exact_batch(batch)) for _ in range(3))
    efficiency = _seconds(lambda: si.solve_exact_batch(batch, objective="efficiency"))
    cones = _seconds(lambda: [si.solve_sum(scenario) for scenario in solvable])
    return [
        {"name": "structured solver, sum", "value": DRAWS / structured, "unit": "draws/s", "target": ">= 100"},
        {"name": "structured solver, efficiency", "value": DRAWS / efficiency, "unit": "draws/s", "target": ">= 100"},
        {"name": "cone program, sum", "value": len(solvable) / cones, "unit": "draws/s", "target": ""},
        {
            "name": "structured over cone",
            "value": (DRAWS / structured) / (len(solvable) / cones),
            "unit": "times",
            "target": ">= 3",
        },
        {"name": "largest certified gap", "value": float(np.nanmax(solved.gap)), "unit": "1", "target": "<= 1e-6"},
    ]
