r"""The certified optimum.

.. math:: \max_{p, q \ge 0} \log_2(1 + g p) \quad\text{subject to}\quad h q \ge \gamma, \quad p + q \le P

The rate grows with :math:`p`, and :math:`p \le P - \gamma/h` on every feasible point: the bound is the rate there, written with
the sum of both powers so that it does not repeat the value's own arithmetic.
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
    most = scenario.echo_gain * scenario.power_budget_w
    if scenario.min_echo_snr > most:
        raise InfeasibleScenario("min_echo_snr", limit=scenario.min_echo_snr, best_attainable=most)
    echo = scenario.min_echo_snr / scenario.echo_gain
    link = scenario.power_budget_w - echo
    certificate = Certificate(
        method="closed form",
        value=rate_bps_hz(scenario, link),
        bound=math.log2((1 + scenario.link_gain * scenario.power_budget_w) - scenario.link_gain * echo),
        status="optimal",
        seconds=time.perf_counter() - start,
    )
    return Allocation(link, echo, certificate)
