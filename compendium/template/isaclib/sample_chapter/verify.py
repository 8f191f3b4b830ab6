"""The judge of anybody's powers: no solver in ``violations`` and ``verify``; ``score`` holds them against the optimum."""

from __future__ import annotations

from ..foundations import checks
from ..foundations.certificate import Certificate, relative_gap
from ..foundations.score import Score, judge
from .exact import Allocation, rate_bound_bps_hz, solve_exact
from .scenario import Scenario, echo_snr, rate_bps_hz

OPTIMAL_GAP, FEASIBILITY_TOLERANCE = 1e-6, 1e-7


def violations(scenario: Scenario, link_power_w: float, echo_power_w: float) -> dict[str, float]:
    """Every constraint by name with its excess relative to its limit.

    >>> violations(Scenario(link_gain=3.0, echo_gain=1.0, power_budget_w=2.0, min_echo_snr=1.0), 1.5, 1.0)
    {'power_budget_w': 0.25, 'min_echo_snr': 0.0}
    """
    reached = echo_snr(scenario, echo_power_w)
    rate_bps_hz(scenario, link_power_w)  # refuses what is no power
    missing = 1 - reached / scenario.min_echo_snr if scenario.min_echo_snr > 0 else 0.0
    return {
        "power_budget_w": max(0.0, (link_power_w + echo_power_w) / scenario.power_budget_w - 1),
        "min_echo_snr": max(0.0, missing),
    }


def verify(scenario: Scenario, allocation: Allocation) -> Certificate:
    """Judge an allocation by its powers alone; what it says of itself is ignored.

    >>> scenario = Scenario(link_gain=3.0, echo_gain=1.0, power_budget_w=2.0, min_echo_snr=1.0)
    >>> verify(scenario, solve_exact(scenario)).status
    'optimal'
    """
    checks.instance("scenario", scenario, Scenario)
    checks.instance("allocation", allocation, Allocation, "score takes plain numbers")
    value, bound = rate_bps_hz(scenario, allocation.link_power_w), rate_bound_bps_hz(scenario)
    residual = max(violations(scenario, allocation.link_power_w, allocation.echo_power_w).values())
    good = relative_gap(value, bound) <= OPTIMAL_GAP and residual <= FEASIBILITY_TOLERANCE
    status = "optimal" if good else "converged"
    return Certificate(method="recomputed from the powers", value=value, bound=bound, residual=residual, status=status)


def score(scenario: Scenario, link_power_w: float, echo_power_w: float) -> Score:
    """The powers against the certified optimum of the same scenario.

    >>> print(score(Scenario(link_gain=3.0, echo_gain=1.0, power_budget_w=2.0, min_echo_snr=1.0), 0.5, 1.0).gap > 0.3)
    True
    """
    found = violations(scenario, link_power_w, echo_power_w)
    return judge(rate_bps_hz(scenario, link_power_w), found, lambda: solve_exact(scenario).certificate, unit="bit/s/Hz")
