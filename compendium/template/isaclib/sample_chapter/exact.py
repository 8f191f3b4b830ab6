r"""The certified optimum.

.. math:: \max_{p, q \ge 0} \log_2(1 + g p) \quad\text{subject to}\quad h q \ge \gamma, \quad p + q \le P

The rate grows with :math:`p`, and :math:`p \le P - \gamma/h` on every feasible point: the bound is the rate there, computed
from the scenario alone, the value from the powers.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ..foundations import checks
from ..foundations.certificate import Certificate
from ..foundations.errors import InfeasibleScenario
from .scenario import Scenario, rate_bps_hz


@dataclass(frozen=True)
class Allocation:
    """Powers of link and echo, and what they are worth.

    Attributes
    ----------
    link_power_w : float
    echo_power_w : float
    certificate : Certificate
    """

    link_power_w: float
    echo_power_w: float
    certificate: Certificate


def rate_bound_bps_hz(scenario: Scenario) -> float:
    """No allocation has a larger rate; nan where none gives the echo its SNR.

    >>> rate_bound_bps_hz(Scenario(link_gain=3.0, echo_gain=1.0, power_budget_w=2.0, min_echo_snr=1.0))
    2.0
    """
    checks.instance("scenario", scenario, Scenario)
    spare = scenario.link_gain * (scenario.power_budget_w - scenario.min_echo_snr / scenario.echo_gain)
    return math.log2(1 + spare) if spare >= 0 else math.nan


def solve_exact(scenario: Scenario) -> Allocation:
    """The largest rate that leaves the echo its SNR.

    Raises
    ------
    InfeasibleScenario
        When the whole budget does not give the echo its SNR.

    >>> found = solve_exact(Scenario(link_gain=3.0, echo_gain=1.0, power_budget_w=2.0, min_echo_snr=1.0))
    >>> found.link_power_w, found.certificate.value, found.certificate.status
    (1.0, 2.0, 'optimal')
    """
    checks.instance("scenario", scenario, Scenario)
    start = time.perf_counter()
    echo = scenario.min_echo_snr / scenario.echo_gain
    if echo > scenario.power_budget_w:
        most = scenario.echo_gain * scenario.power_budget_w
        raise InfeasibleScenario("min_echo_snr", limit=scenario.min_echo_snr, best_attainable=most)
    link = scenario.power_budget_w - echo
    certificate = Certificate(
        method="closed form",
        value=rate_bps_hz(scenario, link),
        bound=rate_bound_bps_hz(scenario),
        status="optimal",
        seconds=time.perf_counter() - start,
    )
    return Allocation(link, echo, certificate)
