"""What a request asks for (:class:`Limits`) and what it gets (:class:`Allocation`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..foundations import units
from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from . import pulse as pulses
from .scenario import Scenario, capacity_bps, checked_powers, second_moment_hz2, toa_crb_s2
from .waterfilling import best_capacity_bps

_VERIFY_OVERSAMPLING = 64


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
    """Allocations of D scenarios; rows without a solution are NaN and ``feasible`` is False there.

    ``constraint`` names what cannot be met ("" where feasible) and ``best_attainable`` the best value of it, in its own unit.
    """

    powers_w: np.ndarray
    capacity_bps: np.ndarray
    feasible: np.ndarray
    best_attainable: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    constraint: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    r"""The limits of problem (9); None switches one off.

    Attributes
    ----------
    peak_sidelobe_db : float
        Upper limit on :func:`~isaclib.ofdm_ranging.peak_sidelobe_db`.
    max_toa_crb_s2 : float
        Upper limit on :func:`~isaclib.ofdm_ranging.toa_crb_s2` (centred form).
    max_main_lobe_width_m : float
        The output must be at or below half power at every delay from half this width on up to where the sidelobes begin
        (or at that one delay, if it lies beyond). This set is convex and implies that the first 3-dB crossing comes
        within the width.
    max_capacity_loss : float
        Upper limit on :math:`1 - C/C_{\mathrm{WF}}`, in [0, 1].
    """

    peak_sidelobe_db: float | None = None
    max_toa_crb_s2: float | None = None
    max_main_lobe_width_m: float | None = None
    max_capacity_loss: float | None = None

    def __post_init__(self) -> None:
        for name in ("peak_sidelobe_db", "max_toa_crb_s2", "max_main_lobe_width_m", "max_capacity_loss"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, (bool, str)) or np.ndim(value) != 0 or not math.isfinite(value):
                raise InvalidScenario(name, f"must be one finite number or None, not {value!r}")
            if name in ("max_toa_crb_s2", "max_main_lobe_width_m") and value <= 0:
                raise InvalidScenario(name, f"must be positive, but is {value:g}")
        if self.max_capacity_loss is not None and not 0 <= self.max_capacity_loss <= 1:
            raise InvalidScenario("max_capacity_loss", f"is {self.max_capacity_loss:g}", "a share between 0 and 1")

    def sidelobe_level(self) -> float:
        """Amplitude limit relative to the main lobe, infinite without a limit."""
        return math.inf if self.peak_sidelobe_db is None else float(units.db_to_amplitude(self.peak_sidelobe_db))

    def main_lobe_region(self, scenario: Scenario) -> tuple[float, float] | None:
        """Delays in 1/bandwidth that must be at or below half power."""
        if self.max_main_lobe_width_m is None:
            return None
        start = 0.5 * self.max_main_lobe_width_m / scenario.range_cell_m
        start = min(start, 0.5 * scenario.carriers)
        return start, max(start, min(scenario.sidelobe_start, 0.5 * scenario.carriers))

    def least_moment(self, scenario: Scenario) -> float:
        """Least mean square bandwidth over carrier spacing squared that meets the CRB limit (0 without one)."""
        if self.max_toa_crb_s2 is None:
            return 0.0
        unit = np.zeros(scenario.carriers)
        unit[[0, -1]] = 0.5 * scenario.power_budget_w
        reference = toa_crb_s2(scenario, unit) * second_moment_hz2(scenario, unit)
        return float(reference / self.max_toa_crb_s2 / scenario.subcarrier_spacing_hz**2)

    def violations(self, scenario: Scenario, powers_w, *, oversampling: int | None = None) -> dict[str, float]:
        """Violation of each limit relative to that limit, at full power budget accounting; <= 0 where it holds.

        Levels and bounds that need power are infinite for zero power.
        """
        powers = checked_powers(scenario, powers_w)
        grid = scenario.oversampling if oversampling is None else oversampling
        found = {"power_budget_w": float(powers.sum() / scenario.power_budget_w - 1)}
        silent = not powers.sum() > 0

        def level(start, stop):
            return math.inf if silent else float(pulses.peak_level(powers, start, stop, grid))

        if self.peak_sidelobe_db is not None:
            found["peak_sidelobe_db"] = level(scenario.sidelobe_start, scenario.sidelobe_end) / self.sidelobe_level() - 1
        if self.max_toa_crb_s2 is not None:
            found["max_toa_crb_s2"] = float(toa_crb_s2(scenario, powers) / self.max_toa_crb_s2 - 1) if not silent else math.inf
        if (region := self.main_lobe_region(scenario)) is not None:
            found["max_main_lobe_width_m"] = level(*region) / pulses.HALF_POWER - 1
        if self.max_capacity_loss is not None:
            floor = (1 - self.max_capacity_loss) * best_capacity_bps(scenario)
            found["max_capacity_loss"] = float(1 - capacity_bps(scenario, powers) / floor) if floor > 0 else 0.0
        return found

    def residual(self, scenario: Scenario, powers_w) -> float:
        """Largest relative violation (0: all limits hold), peaks searched on a 64-fold grid and refined."""
        return max(0.0, *self.violations(scenario, powers_w, oversampling=_VERIFY_OVERSAMPLING).values())
