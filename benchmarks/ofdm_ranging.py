"""Timings of the OFDM-ranging chapter: joint optima at the paper's size."""

from __future__ import annotations

import time

import numpy as np

from isaclib import ofdm_ranging as ofdm
from isaclib.ofdm_ranging import least

REPEATS = 15


def measure() -> list[dict]:
    """Rows with name, value, unit and target: medians over fresh channels, the least-level memory emptied before each."""
    scenarios = ofdm.Scenario.random_batch(np.random.default_rng(0), REPEATS)
    joint, limited, heuristic, verified, floods = [], [], [], [], []
    for scenario in scenarios:
        powers = ofdm.waterfill(scenario).powers_w
        limits = dict(
            peak_sidelobe_db=-20.0,
            max_toa_crb_s2=float(ofdm.toa_crb_s2(scenario, powers)),
            max_main_lobe_width_m=1.3 * scenario.range_cell_m,
        )
        least.forget()
        joint.append(_seconds(lambda s=scenario, w=limits: ofdm.solve_exact(s, **w, fallback=True)))
        limited.append(_seconds(lambda s=scenario: ofdm.solve_sidelobe_limited(s, -25.0)))
        heuristic.append(_seconds(lambda s=scenario: ofdm.dynamic_allocation(s, peak_sidelobe_db=-20.0)))
        best = ofdm.solve_sidelobe_limited(scenario, -25.0)
        verified.append(_seconds(lambda s=scenario, b=best: ofdm.verify(s, b, peak_sidelobe_db=-25.0)))
        floods.append(_seconds(lambda s=scenario: ofdm.waterfill(s)))
    return [
        _row("joint optimum, all limits, N = 128 (median)", joint, 0.15),
        _row("sidelobe-limited optimum at -25 dB, N = 128 (median)", limited, 0.15),
        _row("dynamic allocation, N = 128 (median)", heuristic, None),
        _row("verify from the powers alone, N = 128 (median)", verified, None),
        _row("water-filling, N = 128 (median)", floods, None),
    ]


def _seconds(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _row(name: str, seconds: list[float], target: float | None) -> dict:
    return {"name": name, "value": float(np.median(seconds)), "unit": "s", "target": target}


if __name__ == "__main__":
    for row in measure():
        print(f"{row['name']}: {row['value']:.4f} {row['unit']} (target {row['target']})")
