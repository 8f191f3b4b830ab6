"""What the command line and the benchmark set know of this chapter."""

from contextlib import suppress
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from ..foundations.errors import InfeasibleScenario
from ..foundations.interface import Family, Interface
from ..foundations.scenario import array, number
from . import (
    Allocation,
    Scenario,
    dynamic_allocation,
    edges_only,
    minimise_sidelobe,
    score,
    solve_exact,
    straightforward_rule,
    waterfill,
)


def _down(level_db: float) -> dict[str, float]:
    return {"peak_sidelobe_db": -float(level_db)}


def _large(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, carriers=256)


def _hard(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, tap_decay=20.0, taps=32, mean_snr_db=-10.0)


@lru_cache(maxsize=2)
def _limited(scenario: Scenario, peak_sidelobe_db: float) -> Allocation:
    """The optimum under a sidelobe limit alone: the benchmark's, and the first step of the straightforward rule."""
    return solve_exact(scenario, peak_sidelobe_db=peak_sidelobe_db)


@wraps(solve_exact)
def _exact(scenario: Scenario, **limits: Any) -> Allocation:
    if {name for name, limit in limits.items() if limit is not None} == {"peak_sidelobe_db"}:
        return _limited(scenario, limits["peak_sidelobe_db"])
    return solve_exact(scenario, **limits)


@wraps(straightforward_rule)
def _straightforward(scenario: Scenario, **limits: Any) -> Allocation:
    known = None
    if limits.get("peak_sidelobe_db") is not None:
        with suppress(InfeasibleScenario):
            known = _limited(scenario, limits["peak_sidelobe_db"])
    return straightforward_rule(scenario, **limits, sidelobe_limited=known)


INTERFACE = Interface(
    chapter="ofdm_ranging",
    scenario=Scenario,
    allocation={"powers_w": array("N")},
    solvers={
        "exact": _exact,
        "paper": dynamic_allocation,
        "straightforward": _straightforward,
        "waterfilling": waterfill,
        "edges": edges_only,
        "least_sidelobe": minimise_sidelobe,
    },
    score=score,
    options={
        "peak_sidelobe_db": number(optional=True, maximum=0),
        "max_toa_crb_s2": number(optional=True, positive=True),
        "max_main_lobe_width_m": number(optional=True, positive=True),
        "max_capacity_loss": number(optional=True, minimum=0),
    },
    families={
        "paper": Family(about="the paper's symbol, sidelobes 14 dB down", draw=Scenario.random, options=_down(14)),
        "tight": Family(about="sidelobes 30 dB down", draw=Scenario.random, options=_down(30)),
        "large": Family(about="256 carriers, sidelobes 14 dB down", draw=_large, options=_down(14)),
        "hard": Family(about="long echoes at low SNR, sidelobes 20 dB down", draw=_hard, options=_down(20)),
    },
)
