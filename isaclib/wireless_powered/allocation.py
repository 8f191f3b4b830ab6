"""What a solver of this chapter returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import Certificate, Step


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
    status : (D,) str
        ``optimal``, ``converged`` (feasible, but value and bound do not meet), ``infeasible``, or ``failed`` (nothing is
        proven: the row is nan). Average only what is optimal, or say so.
    best_attainable : (D,)
        The least worst-target CRB in m^2 that any allocation attains (inf where the geometry is degenerate).
    worst_target : (D,) int
        The target that attains it.
    bound : (D,)
        Certified upper bound on the least throughput.
    gap : (D,)
        Relative distance of value and bound.
    residual : (D,)
        Largest relative violation of a constraint.
    """

    powers_w: np.ndarray
    charging_time_s: np.ndarray
    times_s: np.ndarray
    min_throughput_bit: np.ndarray
    feasible: np.ndarray
    status: np.ndarray
    best_attainable: np.ndarray
    worst_target: np.ndarray
    bound: np.ndarray
    gap: np.ndarray
    residual: np.ndarray

    def __len__(self) -> int:
        return len(self.feasible)
