"""The paper's comparison schemes, here: the budget in proportion to the gains."""

from __future__ import annotations

from ..foundations import checks
from ..foundations.certificate import Certificate
from .exact import Allocation
from .scenario import Scenario, rate_bps_hz
from .verify import violations


def solve_proportional(scenario: Scenario) -> Allocation:
    """Powers in proportion to the gains, whether that is enough for the echo or not.

    >>> solve_proportional(Scenario(link_gain=3.0, echo_gain=1.0, power_budget_w=4.0, min_echo_snr=0.1)).link_power_w
    3.0
    """
    checks.instance("scenario", scenario, Scenario)
    link = scenario.power_budget_w / (1 + scenario.echo_gain / scenario.link_gain)
    echo = scenario.power_budget_w - link
    residual = max(violations(scenario, link, echo).values())
    return Allocation(link, echo, Certificate(method="proportional", value=rate_bps_hz(scenario, link), residual=residual))
