"""Timings of the network-localization chapter, on one core: exact drops per second, and what Algorithm 1 takes beside it."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from isaclib import network_localization as nl

_DRAWS = 2000
_HEURISTIC_DRAWS = 20
_REPEATS = 5


def measure() -> list[dict]:
    """Rows with ``name``, ``value``, ``unit`` and ``target`` (text; empty: reported only)."""
    rows = []
    for stations, layout, target in ((3, "vertices", "at least 2000"), (7, "cells", "")):
        batch = nl.Scenario.random_batch(np.random.default_rng(1), _DRAWS, base_stations=stations, layout=layout)
        seconds = median(_seconds(nl.solve_exact_batch, batch) for _ in range(_REPEATS))
        rows.append(_row(f"exact batch, {stations} base stations", _DRAWS / seconds, "drops/s", target))
        if stations == 3:
            per_drop = seconds / _DRAWS
            feasible = nl.solve_exact_batch(batch).feasible
            some = [batch[int(d)] for d in np.flatnonzero(feasible)[:_HEURISTIC_DRAWS]]
            nl.solve_dc(some[0])  # compiles the program
            heuristic = median(_seconds(nl.solve_dc, scenario) for scenario in some)
            single = median(_seconds(nl.solve_exact, scenario) for scenario in some)
    rows.append(_row("exact, one drop", 1e3 * single, "ms", ""))
    rows.append(_row("Algorithm 1, one drop", 1e3 * heuristic, "ms", ""))
    rows.append(_row("Algorithm 1 over exact, one drop", heuristic / single, "1", ""))
    rows.append(_row("Algorithm 1 over exact batch, per drop", heuristic / per_drop, "1", ""))
    return rows


def _row(name: str, value: float, unit: str, target: str) -> dict:
    return {"name": name, "value": float(value), "unit": unit, "target": target}


def _seconds(function, argument) -> float:
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start
