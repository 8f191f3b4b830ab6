"""Timings of the near-field chapter: a power margin by cuts and by a semidefinite program, and what the antennas cost."""

from __future__ import annotations

import time

import numpy as np

from isaclib import near_field as nf

SINR, RELATIVE_ERROR, NOISE_W, POWER_W = 1e5, 1e-3, 1e-10, 1.0
REPEATS = 3


def _problem(antennas: int) -> tuple[np.ndarray, np.ndarray]:
    # The aperture stays: more antennas lie closer together.
    scenario = nf.Scenario.random(np.random.default_rng(1), antennas=antennas, antenna_spacing_m=0.53 / (antennas - 1))
    channels = nf.channels(scenario)
    return channels, RELATIVE_ERROR * np.linalg.norm(channels, axis=2)


def _timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def measure() -> list[dict]:
    """Seconds per margin at the paper's size, their agreement, and the ratio of 201 to 21 antennas (rounds differ, too)."""
    few, many = _problem(21), _problem(201)

    def by_cuts(problem):
        return nf.power_margin(*problem, SINR, NOISE_W, POWER_W, tolerance=1e-5)

    by_cuts(few)
    runs = [(_timed(lambda: by_cuts(few)), _timed(lambda: by_cuts(many))) for _ in range(REPEATS)]
    cuts_s, cuts = min((run[0] for run in runs), key=lambda run: run[0])
    many_s, large = min((run[1] for run in runs), key=lambda run: run[0])
    sdp_s, sdp = _timed(lambda: nf.power_margin(*few, SINR, NOISE_W, POWER_W, method="sdp"))
    curve_s, best = _timed(lambda: nf.robust_sinr(*few, NOISE_W, POWER_W))
    per_round = (many_s / large.certificate.iterations) / (cuts_s / cuts.certificate.iterations)
    return [
        {"name": "margin by cuts, 21 antennas", "value": cuts_s, "unit": "s", "target": "<= 1 (goal 0.3)"},
        {"name": "gap of its bounds", "value": cuts.certificate.gap, "unit": "1", "target": "<= 1e-5"},
        {"name": "margin by S-procedure program", "value": sdp_s, "unit": "s", "target": "<= 4"},
        {"name": "cuts against program", "value": abs(sdp.margin / cuts.margin - 1), "unit": "1", "target": "<= 1e-4"},
        {
            "name": "largest residual of both",
            "value": max(cuts.certificate.residual, sdp.certificate.residual),
            "unit": "1",
            "target": "<= 1e-6",
        },
        {"name": "201 against 21 antennas", "value": many_s / cuts_s, "unit": "times", "target": "<= 1.5"},
        {"name": "201 against 21 antennas, per round", "value": per_round, "unit": "times", "target": "<= 1.5"},
        {"name": "robust SINR, 21 antennas", "value": curve_s, "unit": "s", "target": ""},
        {"name": "gap of the robust SINR", "value": best.certificate.gap, "unit": "1", "target": "<= 1e-5"},
    ]
