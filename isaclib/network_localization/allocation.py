r"""What every scheme of this chapter returns, and the check that trusts none of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import Certificate, Status, Step, relative_gap
from . import perron
from .scenario import Scenario, comm_sinr, range_std_m, sensing_sinr

OPTIMALITY_TOLERANCE = 1e-6  # gap of a certified optimum; the direct method reaches about 1e-13
RESIDUAL_TOLERANCE = 1e-7  # relative violation that rounding may leave


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
    """Exact solutions of D scenarios; rows of infeasible scenarios are nan.

    Attributes
    ----------
    powers_w : (D, B)
        Transmit powers.
    range_std_m : (D, B)
        Standard deviation of each range, eq. (12), metres.
    worst_sensing_sinr : (D,)
        The objective: the least sensing SINR, eq. (11), linear.
    bound : (D,)
        Certified upper bound on the value.
    gap : (D,)
        Relative distance of bound and value.
    residual : (D,)
        Largest relative violation of a constraint.
    feasible : (D,) bool
        Whether some allocation meets every user's threshold.
    best_attainable : (D,)
        The largest SINR that all users can have at once, linear.
    iterations : (D,) int
        Steps of the policy iteration.
    """

    powers_w: np.ndarray
    worst_sensing_sinr: np.ndarray
    range_std_m: np.ndarray
    feasible: np.ndarray
    best_attainable: np.ndarray
    bound: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray


def residual(scenario, powers_w) -> np.ndarray:
    """Largest violation of cap and thresholds relative to the limit, (...,); 0 where every constraint holds."""
    over = np.max(np.asarray(powers_w), axis=-1) / scenario.max_power_w - 1
    threshold = np.asarray(scenario.min_comm_sinr, dtype=float)
    least = np.min(comm_sinr(scenario, powers_w), axis=-1)
    short = np.where(threshold > 0, 1 - least / np.where(threshold > 0, threshold, 1.0), 0.0)
    return np.maximum(np.maximum(over, short), 0.0)


def build(
    scenario: Scenario,
    powers_w: np.ndarray,
    method: str,
    *,
    bound: float = math.nan,
    status: Status = "converged",
    iterations: int = 0,
    seconds: float = 0.0,
    history: tuple[Step, ...] = (),
) -> Allocation:
    """An :class:`Allocation` whose every number is recomputed from the powers."""
    powers = np.array(powers_w, dtype=float)
    value = float(np.min(sensing_sinr(scenario, powers)))
    certificate = Certificate(
        method=method,
        value=value,
        bound=bound,
        residual=float(residual(scenario, powers)),
        status=status,
        iterations=iterations,
        seconds=seconds,
    )
    accuracy = range_std_m(scenario, powers)
    for result in (powers, accuracy):
        result.setflags(write=False)
    return Allocation(powers_w=powers, worst_sensing_sinr=value, range_std_m=accuracy, certificate=certificate, history=history)


def verify(scenario: Scenario, allocation: Allocation) -> Certificate:
    r"""Recompute residual, value and bound of an allocation in NumPy, without the solver that made it.

    The bound is the Perron-Frobenius closed form :func:`~isaclib.network_localization.perron.row_bound` for the rows
    that look binding at the allocation; it is valid whatever the allocation is, and meets the value only at an optimum.

    Returns
    -------
    Certificate
        ``residual`` also holds the relative error of the reported ``worst_sensing_sinr`` and ``range_std_m``.
        ``status`` is ``optimal`` when residual <= 1e-7 and gap <= 1e-6; ``converged`` means that the allocation is
        *not* shown to be optimal, or breaks a constraint (look at the residual).
    """
    powers = np.asarray(allocation.powers_w, dtype=float)
    negative = float(max(0.0, -powers.min() / scenario.max_power_w))
    usable = np.maximum(powers, 0.0)
    value = float(np.min(sensing_sinr(scenario, usable)))
    accuracy = range_std_m(scenario, usable)
    with np.errstate(invalid="ignore"):
        wrong_std = np.abs(allocation.range_std_m / accuracy - 1)
    wrong_value = relative_gap(value, allocation.worst_sensing_sinr)
    violation = max(negative, float(residual(scenario, usable)), wrong_value, float(np.max(np.nan_to_num(wrong_std, nan=0.0))))
    bound = perron.bound_at(scenario, usable)
    if bound == 0 and value > 0 and violation <= RESIDUAL_TOLERANCE:
        bound = math.inf  # "the thresholds cannot be met" beside powers that meet them: only rounding says so, nothing is known
    proven = violation <= RESIDUAL_TOLERANCE and relative_gap(value, bound) <= OPTIMALITY_TOLERANCE
    return Certificate(
        method="recomputed, Perron-Frobenius bound",
        value=value,
        bound=bound,
        residual=violation,
        status="optimal" if proven else "converged",
    )
