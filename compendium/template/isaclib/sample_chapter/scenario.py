"""Scenario and metrics: replace them by the paper's model, one function per formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations import checks
from ..foundations.scenario import ScenarioBase, number


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(ScenarioBase):
    """A link and an echo that share a power budget.

    Attributes
    ----------
    link_gain : float
        Gain over noise of the link, 1/W.
    echo_gain : float
        Gain over noise of the echo, 1/W.
    power_budget_w : float
    min_echo_snr : float
        Least SNR of the echo, linear.
    """

    link_gain: float = number(positive=True)
    echo_gain: float = number(positive=True)
    power_budget_w: float = number(positive=True)
    min_echo_snr: float = number(minimum=0.0)

    @classmethod
    def random(cls, rng: np.random.Generator, *, power_budget_w: float = 1.0, min_echo_snr: float = 2.0) -> Scenario:
        """The set ``paper``: exponential link gains of mean 10, echo gains of mean 10."""
        checks.generator("rng", rng)
        link, echo = 10.0 * rng.exponential(size=2)
        return cls(link_gain=link, echo_gain=echo, power_budget_w=power_budget_w, min_echo_snr=min_echo_snr)


def rate_bps_hz(scenario: Scenario, link_power_w: float) -> float:
    r"""Rate :math:`\log_2(1 + g p)` of the link in bit/s/Hz, eq. (1) of the paper.

    >>> rate_bps_hz(Scenario(link_gain=3.0, echo_gain=1.0, power_budget_w=2.0, min_echo_snr=1.0), 1.0)
    2.0
    """
    checks.instance("scenario", scenario, Scenario)
    return float(np.log1p(scenario.link_gain * checks.number("link_power_w", link_power_w, minimum=0)) / np.log(2.0))


def echo_snr(scenario: Scenario, echo_power_w: float) -> float:
    """SNR of the echo, eq. (2) of the paper.

    >>> echo_snr(Scenario(link_gain=3.0, echo_gain=4.0, power_budget_w=2.0, min_echo_snr=1.0), 0.5)
    2.0
    """
    checks.instance("scenario", scenario, Scenario)
    return scenario.echo_gain * checks.number("echo_power_w", echo_power_w, minimum=0)
