"""What the command line and the benchmark set know of this chapter."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..foundations.interface import Family, Interface
from ..foundations.scenario import array, choice
from . import (
    Allocation,
    Network,
    Scenario,
    score,
    solve_efficiency,
    solve_equal_power,
    solve_equal_spectrum,
    solve_exact,
    solve_sum,
)
from .allocation import Scheme
from .benchmarks import EQUAL_POWER, EQUAL_SPECTRUM
from .exact import EXACT, solve_each

_CELLS = 8  # of the large family


def _exact(scenario: Scenario | Network, *, criterion: Any = "sum") -> Allocation:
    return solve_exact(scenario, objective=criterion)


def _paper(scenario: Scenario | Network, *, criterion: Any = "sum") -> Allocation:
    return (solve_sum if criterion == "sum" else solve_efficiency)(scenario, rescue=False)  # as the paper solves it


def _equal_power(scenario: Scenario | Network, *, criterion: Any = "sum") -> Allocation:
    return solve_equal_power(scenario, objective=criterion)


def _equal_spectrum(scenario: Scenario | Network, *, criterion: Any = "sum") -> Allocation:
    return solve_equal_spectrum(scenario, objective=criterion)


def _each(scheme: Scheme, method: str) -> Callable[..., list]:
    """A method of the structured solver for a whole batch."""
    return lambda batch, *, criterion="sum": solve_each(batch, criterion, scheme, method)


_EFFICIENCY = {"criterion": "efficiency"}


def _tight(rng: np.random.Generator) -> Scenario:
    scenario = Scenario.random(rng)
    reached = solve_equal_spectrum(scenario).rates_bps  # sensing of user 0, link and sensing of user 1, link of user 2
    return scenario.replace(min_sensing_bps=0.99 * reached[[0, 2]], min_rate_bps=0.99 * reached[[1, 3]])


def _large(rng: np.random.Generator) -> Network:
    cells = [Scenario.random(rng).network() for _ in range(_CELLS)]
    users = ("radar_gain", "clutter_gain", "link_gain", "min_sensing_bps", "min_rate_bps", "weights")
    shared = ("bandwidth_hz", "power_budget_w", "circuit_power_w")
    values = {name: np.concatenate([getattr(cell, name) for cell in cells]) for name in users}
    values |= {name: sum(getattr(cell, name) for cell in cells) for name in shared}
    return cells[0].replace(**values | {"weights": values["weights"] / _CELLS})


def _hard(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, radius_m=100.0, nakagami_m=0.5, min_sensing_bps=10.0, min_rate_bps=1e6)


INTERFACE = Interface(
    chapter="semi_isac",
    scenario=Scenario,
    others=(Network,),
    allocation={"shares": array("K"), "powers_w": array("K")},
    solvers={"exact": _exact, "paper": _paper, "equal_power": _equal_power, "equal_spectrum": _equal_spectrum},
    together={
        "exact": _each("joint", EXACT),
        "equal_power": _each("equal_power", EQUAL_POWER),
        "equal_spectrum": _each("equal_spectrum", EQUAL_SPECTRUM),
    },
    score=score,
    options={"criterion": choice("sum", "efficiency", default="sum")},
    families={
        "paper": Family(about="the paper's scenario", draw=Scenario.random),
        "tight": Family(about="floors at 99 % of the rates of the best equal shares", draw=_tight),
        "large": Family(about="24 users: eight of the paper's drops put their bands and powers together", draw=_large),
        "hard": Family(about="deep fading, users up to 100 m away: rates over many decades in one cone program", draw=_hard),
        "efficiency": Family(about="the paper's scenario, energy efficiency", draw=Scenario.random, options=_EFFICIENCY),
    },
)
