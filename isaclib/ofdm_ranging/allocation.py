"""What a request asks for (:class:`Limits`) and what it gets (:class:`Allocation`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks, units
from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from . import pulse as pulses
from .scenario import Scenario, capacity_bps, checked_powers, toa_crb_s2
from .waterfilling import best_capacity_bps

_VERIFY_OVERSAMPLING = 64
_MOST_DB = 6000.0  # amplitudes beyond leave the range of floating-point numbers; nothing attains them
_KINDS: dict[str, dict] = {
    "peak_sidelobe_db": {"infinite": True},
    "max_toa_crb_s2": {"positive": True, "infinite": True},
    "max_main_lobe_width_m": {"positive": True, "infinite": True},
    "max_capacity_loss": {"minimum": 0.0, "maximum": 1.0},
}


@dataclass(frozen=True)
class Allocation:
    """Powers of the carriers and what they are worth.

    Attributes
    ----------
    powers_w : (N,)
    mode : {"isac", "communication"}
        ``"communication"``: the sensing limits were given up and the powers are water-filling's.
    capacity_bps : float
    certificate : Certificate
        On the objective that the method states; see its docstring.
    history : tuple of Step
    """

    powers_w: np.ndarray
    mode: Literal["isac", "communication"]
    capacity_bps: float
    certificate: Certificate
    history: tuple[Step, ...] = ()


@dataclass(frozen=True)
class AllocationBatch:
    """Allocations of D scenarios; rows without a solution are nan.

    Attributes
    ----------
    powers_w : (D, N)
    capacity_bps : (D,)
    feasible : (D,) bool
        Whether the row holds an allocation that meets every limit.
    best_attainable : (D,)
        Where infeasible: the best value of what cannot be met, in its own unit (nan elsewhere).
    gap : (D,)
        Relative distance of capacity and bound.
    residual : (D,)
        Largest relative violation of a limit.
    status : (D,) of str
        The certificates' "optimal" or "converged"; "infeasible" (proven), or "failed" (neither solved nor proven infeasible).
    bound : (D,)
        Certified upper bound on the capacity in bit/s.
    constraint : tuple of str
        Names what cannot be met ("" elsewhere).
    """

    powers_w: np.ndarray
    capacity_bps: np.ndarray
    feasible: np.ndarray
    best_attainable: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    status: np.ndarray
    bound: np.ndarray
    constraint: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    r"""The limits of problem (9); None, or an infinite level, bound or width (which powers may have), switches one off.

    Attributes
    ----------
    peak_sidelobe_db : float
        Upper limit on :func:`~isaclib.ofdm_ranging.peak_sidelobe_db`.
    max_toa_crb_s2 : float
        Upper limit on :func:`~isaclib.ofdm_ranging.toa_crb_s2` (centred form).
    max_main_lobe_width_m : float
        The output must be at or below half power at every delay from half this width on up to where the sidelobes begin. This
        set is convex, implies that the first 3-dB crossing comes within the width, and grows with the width. By the meaning
        of ``sidelobe_start`` the main lobe ends there at the latest: a wider limit asks the same as twice that delay.
    max_capacity_loss : float
        Upper limit on :math:`1 - C/C_{\mathrm{WF}}`, in [0, 1].

    Examples
    --------
    >>> Limits(peak_sidelobe_db=-20.0).sidelobe_level()
    0.1
    >>> Limits(max_toa_crb_s2=math.inf) == Limits()
    True
    """

    peak_sidelobe_db: float | None = None
    max_toa_crb_s2: float | None = None
    max_main_lobe_width_m: float | None = None
    max_capacity_loss: float | None = None

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if value is not None:
                found = checks.number(name, value, **kind)
                object.__setattr__(
                    self, name, None if found == math.inf else checks.number(name, found, **kind | {"infinite": False})
                )

    def sidelobe_level(self) -> float:
        """Amplitude limit relative to the main lobe, infinite without a limit."""
        if self.peak_sidelobe_db is None:
            return math.inf
        return float(units.db_to_amplitude(min(max(self.peak_sidelobe_db, -_MOST_DB), _MOST_DB)))

    def main_lobe_region(self, scenario: Scenario) -> tuple[float, float] | None:
        """Delays in 1/bandwidth that must be at or below half power."""
        if self.max_main_lobe_width_m is None:
            return None
        return min(0.5 * self.max_main_lobe_width_m / scenario.range_cell_m, scenario.sidelobe_start), scenario.sidelobe_start

    def moment_slack(self, scenario: Scenario) -> float | None:
        r"""How far the centred second moment may lie below the edges' :math:`R^2 = ((N-1)/2)^2`, in carriers^2; None without a
        CRB limit, negative where the limit is below the least CRB.
        """
        if self.max_toa_crb_s2 is None:
            return None
        return (0.5 * (scenario.carriers - 1)) ** 2 * (1 - least_crb_s2(scenario) / self.max_toa_crb_s2)

    def violations(self, scenario: Scenario, powers_w: ArrayLike, *, oversampling: int | None = None) -> dict[str, float]:
        """Violation of each limit relative to that limit, at full power budget accounting; <= 0 where it holds.

        Levels and bounds that need power are infinite for zero power.
        """
        powers = checked_powers(scenario, powers_w)
        if powers.ndim != 1:
            raise InvalidScenario("powers_w", f"has shape {powers.shape}", f"expected ({scenario.carriers},)")
        grid = scenario.oversampling if oversampling is None else checks.count("oversampling", oversampling, minimum=4)
        with np.errstate(over="ignore"):  # far too much is infinitely too much
            found = {"power_budget_w": float(powers.sum() / scenario.power_budget_w - 1)}
        silent = not powers.max() > 0

        def level(start, stop):
            return math.inf if silent else float(pulses.peak_level(powers, start, stop, grid))

        if self.peak_sidelobe_db is not None:
            found["peak_sidelobe_db"] = level(scenario.sidelobe_start, scenario.sidelobe_end) / self.sidelobe_level() - 1
        if self.max_toa_crb_s2 is not None:
            with np.errstate(over="ignore"):
                crb = toa_crb_s2(scenario, powers) / self.max_toa_crb_s2
            found["max_toa_crb_s2"] = math.inf if silent else float(crb - 1)
        if (region := self.main_lobe_region(scenario)) is not None:
            found["max_main_lobe_width_m"] = level(*region) / pulses.HALF_POWER - 1
        if self.max_capacity_loss is not None:
            floor = (1 - self.max_capacity_loss) * best_capacity_bps(scenario)
            found["max_capacity_loss"] = float(1 - capacity_bps(scenario, powers) / floor) if floor > 0 else 0.0
        return found

    def residual(self, scenario: Scenario, powers_w: ArrayLike) -> float:
        """Largest relative violation (0: all limits hold), peaks searched on a 64-fold grid and refined."""
        return max(0.0, *self.violations(scenario, powers_w, oversampling=_VERIFY_OVERSAMPLING).values())


def least_crb_s2(scenario: Scenario) -> float:
    r"""CRB of the two edge carriers with half the budget each, the least of all allocations.

    The centred second moment is at most the moment about the middle of the band, and that at most :math:`((N-1)/2)^2`.
    """
    edges = np.zeros(scenario.carriers)
    edges[[0, -1]] = 0.5 * scenario.power_budget_w
    return float(toa_crb_s2(scenario, edges))
