"""Timings of the wireless-powered chapter; ratios are taken within one run."""

from __future__ import annotations

import time

import numpy as np

from isaclib import wireless_powered as wp

_REPEATS = 5


def _best(function, repeats: int = _REPEATS) -> float:
    """Least processor time of several runs in seconds: what other programs on the machine disturb least."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measure() -> list[dict]:
    """Rows with name, value, unit and target (the least acceptable value)."""
    batch = wp.Scenario.random_batch(np.random.default_rng(0), 1024)
    some = [scenario for scenario, ok in zip(batch[:64], wp.solve_exact_batch(batch[:64]).feasible) if ok]
    throughput = len(batch) / _best(lambda: wp.solve_exact_batch(batch))
    # One after the other for each scenario, so that a busy spell of the machine hits both.
    times = np.array([(_best(lambda s=s: wp.solve_sca(s), 2), _best(lambda s=s: wp.solve_exact(s), 20)) for s in some])
    sca, single = times.T
    rows = [
        ("exact optimum, batch", throughput, "draws/s", 3000),
        ("time of the SCA over time of the exact optimum in a batch", float(sca.mean() * throughput), "1", 50),
        ("time of the SCA over time of one exact optimum, median", float(np.median(sca / single)), "1", 50),
        ("SCA, one scenario", 1e3 * float(np.median(sca)), "ms", ""),
        ("exact optimum, one scenario", 1e3 * float(np.median(single)), "ms", ""),
    ]
    return [dict(zip(("name", "value", "unit", "target"), row)) for row in rows]
