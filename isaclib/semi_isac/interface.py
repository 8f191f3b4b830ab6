"""What the command line and the benchmark set know of this chapter."""

from typing import Any

from ..foundations.interface import Interface
from ..foundations.scenario import array, choice
from . import Allocation, Scenario, score, solve_efficiency, solve_equal_power, solve_equal_spectrum, solve_exact, solve_sum


def _exact(scenario: Scenario, *, criterion: Any = "sum") -> Allocation:
    return solve_exact(scenario, objective=criterion)


def _paper(scenario: Scenario, *, criterion: Any = "sum") -> Allocation:
    return solve_sum(scenario) if criterion == "sum" else solve_efficiency(scenario)


def _equal_power(scenario: Scenario, *, criterion: Any = "sum") -> Allocation:
    return solve_equal_power(scenario, objective=criterion)


def _equal_spectrum(scenario: Scenario, *, criterion: Any = "sum") -> Allocation:
    return solve_equal_spectrum(scenario, objective=criterion)


INTERFACE = Interface(
    chapter="semi_isac",
    scenario=Scenario,
    allocation={"shares": array("K"), "powers_w": array("K")},
    solvers={"exact": _exact, "paper": _paper, "equal_power": _equal_power, "equal_spectrum": _equal_spectrum},
    score=score,
    options={"criterion": choice("sum", "efficiency", default="sum")},
)
