r"""The judge: residuals by constraint and, where witnesses prove one, the bound of the whole scenario; no solver inside."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import LARGEST_GAP, LARGEST_RESIDUAL, Certificate, relative_gap
from ..foundations.errors import InvalidScenario
from .given_beams import certified_values
from .information import crlb_m2, time_allocation_limit
from .scenario import Scenario
from .sensing import sensing_bound
from .share import rate_bound
from .time_allocation import Allocation, curve_of, relative_error

_TOLERANCE = 1e-5


def violations(scenario: Scenario, beams, covariances, time_allocation: float) -> dict[str, float]:
    """Relative excess over every limit, by name (0: it holds; inf: over a limit of 0)."""
    crlb = crlb_m2(scenario, covariances, time_allocation)
    power = float(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max())
    sensing = float(np.trace(np.asarray(covariances), axis1=1, axis2=2).real.max())
    return {
        "comm_power_w": _excess(power, scenario.comm_power_w),
        "sensing_power_w": _excess(sensing, scenario.sensing_power_w),
        "crlb_limit_m2": _excess(crlb, scenario.crlb_limit_m2),
    }


def _excess(used: float, limit: float) -> float:
    if used <= limit:
        return 0.0
    return used / limit - 1 if limit > 0 else math.inf


def radii_at(scenario: Scenario, covariances, time_allocation: float, curve) -> np.ndarray:
    """Radii (K, M) of the error balls for given covariances and share, eq. (4)."""
    crlb_bar = crlb_m2(scenario, covariances, 0.0) * scenario.block_s / scenario.sensing_block_s
    if not math.isfinite(crlb_bar):
        return curve.radii(math.inf if scenario.error_slope_per_m > 0 else 0.0)
    return curve.radii(float(relative_error(scenario, crlb_bar, time_allocation)))


def residual(
    scenario: Scenario, allocation: Allocation, *, channels: ArrayLike | None = None, error_radii: ArrayLike | None = None
) -> float:
    r"""Largest relative violation of an allocation: communication power, sensing power, position limit (the bound recomputed from
    the covariances) and, for each user, the claimed worst-case rate as far as the multipliers prove it.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> alone = scenario.replace(user_positions_m=scenario.user_positions_m[:1], reflectivity=scenario.reflectivity[:1])
    >>> nf.residual(alone, nf.solve_mrt(alone)) < 1e-6
    True
    """
    given = _checked(scenario, allocation)
    curve = curve_of(scenario, channels=channels, error_radii=error_radii)
    shortfall = 0.0
    if given.rate > 0:
        radii = curve.unit_radii
        if error_radii is None:
            radii = radii_at(scenario, given.covariances, given.eta, curve)
        shortfall = math.inf
        if given.eta > 0 and given.rate / given.eta < 1000:
            sinr = math.expm1(given.rate / given.eta * math.log(2))
            proven = certified_values(curve.channels, radii, given.beams, sinr, scenario.noise_w, given.multipliers)
            shortfall = 1 - float(np.min(proven))
    return max(0.0, shortfall, *violations(scenario, given.beams, given.covariances, given.eta).values())


def verify(
    scenario: Scenario, allocation: Allocation, *, channels: ArrayLike | None = None, error_radii: ArrayLike | None = None
) -> Certificate:
    r"""Recompute an allocation's residual and, for an exact one, the bound of the scenario from its arrays alone.

    The bound is that of the *scenario*: the allocation's witnesses bound the rate at any error, and its sensing witness bounds
    the error that any covariances leave. It is 0 without power, or where even the least error may leave a user without channel;
    else, without the two (other schemes), it is nan: what an allocation is worth against the
    optimum says :func:`.scoring.score`.

    Parameters
    ----------
    scenario : Scenario
    allocation : Allocation
    channels, error_radii : optional
        Those for which it was made, where they are not the geometry's.

    Raises
    ------
    InvalidScenario
        Naming the allocation's field that has another shape, a nan, or is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from isaclib.near_field import solve_mrt
    >>> scenario = Scenario.random(np.random.default_rng(1))
    >>> found = solve_mrt(scenario, step=0.05)
    >>> print(f"{verify(scenario, found).residual:.2f} {verify(scenario.replace(comm_power_w=0.5), found).residual:.2f}")
    0.00 1.00
    """
    begin = time.perf_counter()
    violation = residual(scenario, allocation, channels=channels, error_radii=error_radii)
    value, bound = float(allocation.worst_rate_bps_hz), math.nan
    if scenario.comm_power_w == 0:
        bound = 0.0
    elif allocation.sensing_witness is not None:
        curve = curve_of(scenario, channels=channels, error_radii=error_radii)
        least = sensing_bound(scenario, allocation.sensing_witness)

        def errors(etas: np.ndarray) -> np.ndarray:
            return np.ones(np.shape(etas)) if error_radii is not None else relative_error(scenario, least, etas)

        if errors(np.zeros(1))[0] >= curve.reach:  # some user's channel may be 0 however long is sensed
            bound = 0.0
        elif allocation.witnesses:
            for witness in allocation.witnesses:
                curve.add(witness)
            largest = min(max(time_allocation_limit(scenario, least), 0.0), 1.0)
            bound = rate_bound(errors, curve, scenario.comm_power_w, largest, value, tolerance=_TOLERANCE)
    optimal = violation <= LARGEST_RESIDUAL and relative_gap(value, bound) <= LARGEST_GAP and value <= bound * (1 + 1e-9)
    return Certificate(
        method="recomputed",
        value=value,
        bound=bound,
        residual=float(violation) if violation > 1e-12 or not value > bound else 2e-12,
        status="optimal" if optimal else "converged",
        seconds=time.perf_counter() - begin,
    )


def _checked(scenario: Scenario, allocation: Allocation) -> SimpleNamespace:
    checks.instance("scenario", scenario, Scenario)
    checks.instance("allocation", allocation, Allocation)
    users, aps, antennas = len(scenario.user_positions_m), len(scenario.ap_positions_m), scenario.antennas
    rate = checks.number("worst_rate_bps_hz", allocation.worst_rate_bps_hz, minimum=0)
    multipliers = None
    if rate > 0:
        if allocation.multipliers is None:
            raise InvalidScenario("multipliers", "are missing: a positive rate needs its proof", "certified_sinr finds them")
        multipliers = checks.array("multipliers", allocation.multipliers, (users, aps))
    return SimpleNamespace(
        beams=checks.array("beams", allocation.beams, (users, aps, antennas), dtype=complex),
        covariances=checks.array("covariances", allocation.covariances, (aps, antennas, antennas), dtype=complex),
        eta=checks.number("time_allocation", allocation.time_allocation, minimum=0, maximum=1),
        rate=rate,
        multipliers=multipliers,
    )
