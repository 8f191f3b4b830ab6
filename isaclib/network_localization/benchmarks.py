r"""Schemes without optimisation: the same power at every base station, and the point from which the paper's algorithm starts."""

from __future__ import annotations

import time

import numpy as np

from ..foundations.errors import InfeasibleScenario, InvalidScenario
from . import perron
from .allocation import RESIDUAL_TOLERANCE, Allocation, build, residual
from .scenario import Scenario


def uniform_power(scenario: Scenario, *, power_w: float | None = None) -> Allocation:
    """The same power at every BS (default: the cap): the paper's initial condition (IC).

    It need not satisfy the users' thresholds: read ``certificate.residual``, which is then positive. Nothing is raised
    for that. As a heuristic it carries no bound.
    """
    start = time.perf_counter()
    level = scenario.max_power_w if power_w is None else float(power_w)
    if not 0 <= level <= scenario.max_power_w:
        raise InvalidScenario("power_w", f"must lie in [0, {scenario.max_power_w:g}], but is {level:g}")
    powers = np.full(len(scenario.echo_gain), level)
    return build(scenario, powers, "uniform power", seconds=time.perf_counter() - start)


def feasible_start(scenario: Scenario) -> np.ndarray:
    r"""Powers (B,) in W at which the paper's algorithm starts: the cap everywhere, where the users allow that.

    Otherwise the least powers that give every user its threshold, :math:`(I - C)^{-1}u`, scaled up until one BS reaches the
    cap: scaling up raises every SINR.

    Raises
    ------
    InfeasibleScenario
        With constraint ``"min_comm_sinr"``, as :func:`~.exact.solve_exact`.
    """
    powers = np.full(len(scenario.echo_gain), scenario.max_power_w)
    if residual(scenario, powers) <= 0:
        return powers
    best, index = perron.max_min_comm_sinr(scenario)
    rows = perron.system(scenario)
    q = perron.least_powers(rows, np.zeros(1), np.zeros_like(rows.u, dtype=bool))[0]
    scaled = q / np.max(q) * scenario.max_power_w
    if best[0] < scenario.min_comm_sinr or not residual(scenario, scaled) <= RESIDUAL_TOLERANCE:
        raise InfeasibleScenario(
            "min_comm_sinr",
            index=int(index[0]),
            limit=scenario.min_comm_sinr,
            best_attainable=float(best[0]),
            message="no powers within the cap give every user this SINR",
        )
    return scaled
