"""What every scheme of this chapter returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import Certificate, Step


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Transmit powers and what they achieve.

    Attributes
    ----------
    powers_w : (B,)
        Transmit powers.
    worst_sensing_sinr : float
        The objective: the least sensing SINR, eq. (11), linear.
    range_std_m : (B,)
        Standard deviation of each range, eq. (12), metres.
    certificate : Certificate
    history : tuple of Step
        One per iteration of an iterative method, the start as iteration 0; empty for direct methods.
    """

    powers_w: np.ndarray
    worst_sensing_sinr: float
    range_std_m: np.ndarray
    certificate: Certificate
    history: tuple[Step, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AllocationBatch:
    """Exact solutions of D scenarios. Rows of infeasible scenarios are nan; average only rows whose status is ``optimal``.

    Attributes
    ----------
    powers_w : (D, B)
        Transmit powers.
    range_std_m : (D, B)
        Standard deviation of each range, eq. (12), metres.
    worst_sensing_sinr : (D,)
        The objective: the least sensing SINR, eq. (11), linear.
    feasible : (D,) bool
        Whether some allocation meets every user's threshold.
    status : (D,) str
        ``optimal``: value and bound meet and every constraint holds; ``infeasible``; ``converged`` or ``iteration_limit``:
        rounding left no proof, value and bound are what is known.
    best_attainable : (D,)
        The largest SINR that all users can have at once, linear; with unequal thresholds the one of the largest threshold,
        the others in proportion.
    bound : (D,)
        Certified upper bound on the value.
    gap : (D,)
        Relative distance of bound and value.
    residual : (D,)
        Largest relative violation of a constraint.
    iterations : (D,) int
        Steps of the policy iteration.
    """

    powers_w: np.ndarray
    worst_sensing_sinr: np.ndarray
    range_std_m: np.ndarray
    feasible: np.ndarray
    status: np.ndarray
    best_attainable: np.ndarray
    bound: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray
