r"""What a solver of this chapter returns, and the residual of a returned allocation on unscaled data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import Certificate, Step
from .scenario import Scenario, crb_trace, harvested_energy_j, throughputs


@dataclass(frozen=True)
class Allocation:
    """A point of problem (P1).

    Attributes
    ----------
    powers_w : (M,)
        Transmit powers of the users.
    charging_time_s : float
        Time of the wireless power transfer.
    times_s : (M,)
        Transmission times of the users.
    min_throughput_bit : float
        Least of the users' throughputs.
    certificate : Certificate
    history : tuple of Step
        The iterations, the start as number 0; empty for direct methods.
    """

    powers_w: np.ndarray
    charging_time_s: float
    times_s: np.ndarray
    min_throughput_bit: float
    certificate: Certificate
    history: tuple[Step, ...] = ()


@dataclass(frozen=True)
class AllocationBatch:
    """The fields of D allocations; rows of infeasible scenarios are nan.

    Attributes
    ----------
    powers_w : (D, M)
        Transmit powers of the users.
    times_s : (D, M)
        Transmission times of the users.
    charging_time_s : (D,)
        Time of the wireless power transfer.
    min_throughput_bit : (D,)
        Least of the users' throughputs.
    feasible : (D,) bool
    best_attainable : (D,)
        The least worst-target CRB in m^2 that any allocation attains (inf where the geometry is degenerate).
    worst_target : (D,) int
        The target that attains it.
    gap : (D,)
        Certified relative gap.
    residual : (D,)
        Largest relative violation of a constraint.
    """

    powers_w: np.ndarray
    charging_time_s: np.ndarray
    times_s: np.ndarray
    min_throughput_bit: np.ndarray
    feasible: np.ndarray
    best_attainable: np.ndarray
    worst_target: np.ndarray
    gap: np.ndarray
    residual: np.ndarray

    def __len__(self) -> int:
        return len(self.feasible)


def residual(scenario: Scenario, powers_w, charging_time_s: float, times_s, *, crb: np.ndarray | None = None) -> float:
    r"""Largest violation of (26b)-(26f), each relative to its limit; 0 where every constraint holds.

    ``crb`` overrides the recomputed :math:`\operatorname{tr} J_n^{-1}`. Zero powers or times are no violation.
    """
    powers, times = np.asarray(powers_w, dtype=float), np.asarray(times_s, dtype=float)
    if not (np.all(np.isfinite(powers)) and np.all(np.isfinite(times)) and np.isfinite(charging_time_s)):
        return float("inf")
    floor = min(
        powers.min() / scenario.max_power_w, times.min() / scenario.time_budget_s, charging_time_s / scenario.time_budget_s
    )
    if floor < 0:  # negative durations or powers have no throughput and no CRB
        return float(-floor)
    if crb is None:
        crb = crb_trace(scenario, powers, charging_time_s=charging_time_s, times_s=times)
    energy = harvested_energy_j(scenario, charging_time_s)
    spent = powers * times
    over = [
        (charging_time_s + times.sum()) / scenario.time_budget_s - 1,
        np.max(powers) / scenario.max_power_w - 1,
        np.max((spent - energy) / np.where(energy > 0, energy, np.finfo(float).tiny)),
        np.max(crb) / scenario.crb_limit_m2 - 1 if np.isfinite(scenario.crb_limit_m2) else 0.0,
    ]
    return float(max(0.0, *over))


def min_throughput_bit(scenario: Scenario, times_s, powers_w) -> float:
    """Objective (26a) of an allocation."""
    return float(np.min(throughputs(scenario, times_s, powers_w)))
