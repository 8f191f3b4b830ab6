"""The paper's algorithm, here: half of the budget for each."""

from __future__ import annotations

from ..foundations import checks
from ..foundations.certificate import Certificate
from .exact import Allocation
from .scenario import Scenario, rate_bps_hz
from .verify import violations


def solve_equal_split(scenario: Scenario) -> Allocation:
    """Half of the budget for the link and half for the echo, whether that is enough or not: a heuristic has no bound.

    >>> solve_equal_split(Scenario(link_gain=6.0, echo_gain=1.0, power_budget_w=1.0, min_echo_snr=0.1)).certificate.value
    2.0
    """
    checks.instance("scenario", scenario, Scenario)
    half = 0.5 * scenario.power_budget_w
    residual = max(violations(scenario, half, half).values())
    return Allocation(half, half, Certificate(method="equal split", value=rate_bps_hz(scenario, half), residual=residual))
