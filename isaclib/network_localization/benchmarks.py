r"""Schemes without optimisation: the same power at every base station, and the point from which the paper's algorithm starts."""

from __future__ import annotations

import time

import numpy as np

from ..foundations import checks
from ..foundations.errors import SolverFailure
from . import guards
from .allocation import Allocation
from .reporting import build
from .rows import System, solve, system
from .scenario import Scenario, per_bs
from .users import attainable, infeasible, users_optimum
from .verify import RESIDUAL_TOLERANCE, residual

_LITTLE = 1e-3  # of the least power that noise alone asks for


def uniform_power(scenario: Scenario, *, power_w: float | None = None) -> Allocation:
    """The same power at every BS (default: each at its cap): the paper's initial condition (IC), as we read it.

    It need not satisfy the users' thresholds: read ``certificate.residual``, which is then positive. Nothing is raised
    for that. As a heuristic it carries no bound.

    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> round(uniform_power(scenario).worst_sensing_sinr, 6)
    0.000103
    """
    start = time.perf_counter()
    scenario = guards.one(scenario)
    cap = per_bs(scenario, "max_power_w")
    level = cap if power_w is None else checks.number("power_w", power_w, minimum=0, maximum=float(np.min(cap)))
    powers = np.broadcast_to(level, scenario.echo_gain.shape)
    return build(scenario, powers, "uniform power", seconds=time.perf_counter() - start)


def feasible_start(scenario: Scenario) -> np.ndarray:
    r"""Powers (B,) in W at which the paper's algorithm starts: the cap everywhere, where the users allow that.

    Otherwise the least powers that give every user its threshold, :math:`(I - C)^{-1}u`, scaled up until one BS reaches its
    cap: scaling up raises every SINR.

    Raises
    ------
    InfeasibleScenario
        With constraint ``"min_comm_sinr"``, as :func:`~.exact.solve_exact`.
    SolverFailure
        Where rounding leaves no such powers, for thresholds within about 1e-9 of what can be had.

    Examples
    --------
    >>> feasible_start(Scenario.random(np.random.default_rng(7)))
    array([1., 1., 1.])
    """
    scenario = guards.one(scenario)
    cap = np.broadcast_to(per_bs(scenario, "max_power_w"), scenario.echo_gain.shape).copy()
    if residual(scenario, cap) <= 0:
        return cap
    if not attainable(scenario)[-1][0]:
        raise infeasible(scenario)
    rows = system(scenario)
    for q in (_least_powers(rows), users_optimum(rows)[0]):
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = q / np.max(q) * cap
        if np.all(scaled > 0) and np.all(np.isfinite(scaled)) and residual(scenario, scaled) <= RESIDUAL_TOLERANCE:
            return scaled
    raise SolverFailure("least powers of the users", "no start", message="the thresholds are at the edge of what can be had")


def _least_powers(rows: System) -> np.ndarray:
    """The least powers (B,), in units of the caps, that serve all users; a BS whose user asks for nothing sends a little."""
    C, u = rows.C[0], rows.u[0]
    little = _LITTLE * np.min(u, where=u > 0, initial=1.0)
    return solve(np.eye(len(u)) - C, np.where(u > 0, u, little))
