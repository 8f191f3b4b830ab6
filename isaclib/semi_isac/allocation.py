"""What the solvers return: allocations, batches of them, and the prices at which they are optimal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..foundations.certificate import Certificate, Step
from .bands import Restriction

Criterion = Literal["sum", "efficiency"]
Scheme = Literal["joint", "equal_power", "equal_spectrum", "random"]
CRITERIA: tuple[str, ...] = ("sum", "efficiency")
RESTRICTIONS = {
    "joint": Restriction(),
    "equal_power": Restriction(powers=False),
    "equal_spectrum": Restriction(shares=False),
}
ROW_STATUSES: tuple[str, ...] = ("optimal", "infeasible", "unproven")
OPTIMAL_GAP = 1e-6  # a gap below it is called optimal; the structured solver reaches 1e-9, cone programs 1e-7
OPTIMAL_RESIDUAL = 1e-7


@dataclass(frozen=True)
class Allocation:
    """Shares and powers of one network.

    Attributes
    ----------
    shares : (3,), or (K,) for a ``Network``
        Shares of the bandwidth.
    powers_w : (3,) or (K,)
        Transmit powers.
    rates_bps : (4,)
        Sensing of user 0, communication of user 1, sensing of user 1, communication of user 2; (K, 2) for a ``Network``.
    objective : float
        Weighted sum of rates in bit/s, or energy efficiency in bit/J: see ``criterion``.
    certificate : Certificate
        Its bound is the bound of the scheme's own problem: equal powers are certified among equal powers.
    history : tuple of Step
        Iterations of Dinkelbach's method; empty for direct methods.
    criterion : {"sum", "efficiency"}
    scheme : {"joint", "equal_power", "equal_spectrum", "random"}
    multipliers : (K, 2) or None
        Of the floors, without units: what the bound was proven with, and what :func:`~isaclib.semi_isac.verify` tries first.
        Any multipliers prove a bound, so that it takes them on nobody's word.
    """

    shares: np.ndarray
    powers_w: np.ndarray
    rates_bps: np.ndarray
    objective: float
    certificate: Certificate
    history: tuple[Step, ...] = field(default=())
    criterion: Criterion = "sum"
    scheme: Scheme = "joint"
    multipliers: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Prices:
    """What one more unit of a resource, or one less of a floor, adds to the objective (bit/s or bit/J, as optimised).

    Attributes
    ----------
    bandwidth_per_hz : float
        Derivative of the optimum with respect to the bandwidth.
    power_per_w : float
        Derivative of the optimum with respect to the power budget.
    min_sensing : (2,)
        Gain per bit/s by which the sensing floor of user 0, of user 1 is lowered ((K,) for a ``Network``).
    min_rate : (2,)
        The same for the communication floors of users 1 and 2.
    """

    bandwidth_per_hz: float
    power_per_w: float
    min_sensing: np.ndarray
    min_rate: np.ndarray


@dataclass(frozen=True)
class AllocationBatch:
    """Allocations of D networks; infeasible rows are nan.

    Attributes
    ----------
    shares : (D, K)
        Shares of the bandwidth.
    powers_w : (D, K)
        Transmit powers.
    rates_bps : (D, 4), or (D, K, 2) for networks
    objective : (D,)
    feasible : (D,) bool
        Whether the row holds an allocation that meets every constraint.
    status : (D,) of str
        ``optimal``: the gap is at most 1e-6; ``infeasible``: proven, ``best_attainable`` is below 1; ``unproven``: neither.
        An unproven row may still hold an allocation and a bound; whoever averages says how many such rows were left out.
    best_attainable : (D,)
        Largest factor by which all floors together can be multiplied, as reached; for infeasible rows a certified upper
        bound on it, below 1; infinite where there is no floor.
    gap : (D,)
        Certified relative gap.
    residual : (D,)
        Largest relative violation of a constraint.
    bound : (D,)
        Certified upper bound on the objective.
    iterations : (D,) int
        Steps of the outer method: interior-point steps, or Dinkelbach's for the efficiency.
    trace : (S, D)
        Objective after each of Dinkelbach's steps (its last value once stopped); S = 0 for the sum.
    prices : tuple of Prices or None
        One per network for the joint scheme (None unless optimal); empty for the restricted schemes.
    multipliers : (D, K, 2)
        Of the floors, without units.
    """

    shares: np.ndarray
    powers_w: np.ndarray
    rates_bps: np.ndarray
    objective: np.ndarray
    feasible: np.ndarray
    status: np.ndarray
    best_attainable: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    bound: np.ndarray
    iterations: np.ndarray
    trace: np.ndarray
    prices: tuple[Prices | None, ...]
    multipliers: np.ndarray = field(repr=False)
