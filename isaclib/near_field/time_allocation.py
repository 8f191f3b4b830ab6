r"""The robust SINR as a curve over the relative channel error, and what the time allocation makes of it.

Sensing time, sensing power and the position limit reach the communication side through one number only, the relative
error :math:`e=\alpha_e\sqrt{\mathrm{CRLB}}` of eq. (4): :math:`\varepsilon_{k,m}=e\,\|h_{k,m}\|`. The best SINR
:math:`\gamma^\star(e)` under a power limit falls with e, so that

.. math:: R(\eta)=\eta\log_2\bigl(1+\gamma^\star(e(\eta))\bigr),\qquad
    e(\eta)=\alpha_e\sqrt{\frac{\tau_s\,\overline{\mathrm{CRLB}}}{(1-\eta)T}},\qquad 0<\eta\le\bar\eta

is a function of one variable, and one table of solved points serves every figure. Each solved point leaves a dual point
that bounds :math:`\gamma^\star` at *all* errors and powers, to first order tight where it was found
(:func:`.dual_bound.sinr_limits`): a few of them certify the global maximum over :math:`\eta`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from .dual_bound import DualPoint, checked_dual, sinr_limits
from .information import block_bound_m2, checked_covariances
from .margin import METHODS
from .reduction import Reduced, checked, lengths_left, reduce
from .robust import RobustSinr, robust_sinr
from .scenario import Scenario
from .scenario import channels as channels_of
from .sensing import Sensing, Witness, largest_time_allocation, optimise_sensing, power_residual, sensing_bound

_NEAREST = 3
# Two position bounds this close (relative) are one, and a sensing power exceeded by less is not.
_AGREE = 1e-6
# Beyond this error no channel is left outside its ball, unless the ball has no radius.
_LARGEST_ERROR = 1e200
# Two errors this close are one: shares that differ by rounding.
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class ErrorWitness:
    """A dual point with the relative error at which it was found."""

    relative_error: float
    dual: DualPoint


@dataclass(frozen=True, eq=False)
class Allocation:
    r"""Beams, sensing covariances and time allocation of a scheme.

    Attributes
    ----------
    beams : ndarray (K, M, Nt), complex
        In sqrt(W).
    covariances : ndarray (M, Nt, Nt), complex
        Sensing covariances (W).
    time_allocation : float
        Communication share :math:`\eta`.
    worst_rate_bps_hz : float
        Least rate of a user under the worst channel errors, :math:`\eta\log_2(1+\gamma)`, with :math:`\gamma` certified.
        The paper's eq. (5) multiplies by the block length T as well, which is no rate.
    rank_one_ratio : ndarray (K,)
        Largest eigenvalue over trace of the relaxed covariances; ones where beams were sought directly.
    certificate : Certificate
    history : tuple of Step
        Objective: worst rate at the start of each iteration.
    multipliers : ndarray (K, M)
        Of the S-procedure, proving the worst rate.
    time_history : tuple of float
        The shares :math:`\eta` that an alternating scheme went through.
    witnesses : tuple of ErrorWitness
        Prove the bound of the exact solution; empty for the other schemes.
    sensing_witness : Witness or None
        Proves the least position bound of any covariance, on which that bound rests.
    reason : {"", "rank", "balls", "digits", "shares"}
        What leaves a gap in the robust SINR (:class:`.robust.RobustSinr`) at the share found or, where none is left there, at the
        one that promises most; "shares": between those that were solved (at most 14).
    """

    beams: np.ndarray
    covariances: np.ndarray
    time_allocation: float
    worst_rate_bps_hz: float
    rank_one_ratio: np.ndarray
    certificate: Certificate
    history: tuple[Step, ...]
    multipliers: np.ndarray
    time_history: tuple[float, ...] = ()
    witnesses: tuple[ErrorWitness, ...] = ()
    sensing_witness: Witness | None = None
    reason: str = ""


def relative_error(scenario: Scenario, crlb_bar_m2: float, time_allocation: ArrayLike) -> np.ndarray | float:
    r"""Relative channel error :math:`e(\eta)` of eqs. (2) and (4); ``crlb_bar_m2`` is the bound of one sensing block.

    Parameters
    ----------
    crlb_bar_m2 : float
        Infinite where the positions are not identified, and so is the error (0 where the slope is 0).
    time_allocation : float or array
        Shares in [0, 1]. At 1 nothing is sensed: the error is infinite (0 where the slope is 0).

    Examples
    --------
    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> relaxed, tight = nf.relative_error(scenario, 1e-10, np.array([0.2, 0.8]))
    >>> round(float(tight / relaxed), 6)  # a quarter of the sensing time: twice the error
    2.0
    """
    checks.instance("scenario", scenario, Scenario)
    crlb_bar = checks.number("crlb_bar_m2", crlb_bar_m2, minimum=0, infinite=True)
    eta = checks.array("time_allocation", time_allocation, ("...",), minimum=0, maximum=1)
    return _relative_error(scenario, crlb_bar, eta)[()]


def _relative_error(scenario: Scenario, crlb_bar_m2: float, eta: np.ndarray) -> np.ndarray:
    if scenario.error_slope_per_m == 0:
        return np.zeros(np.shape(eta))
    with np.errstate(divide="ignore", over="ignore"):
        crlb = crlb_bar_m2 * scenario.sensing_block_s / ((1 - np.asarray(eta)) * scenario.block_s)
        return scenario.error_slope_per_m * np.sqrt(crlb)


def rate_bps_hz(time_allocation: ArrayLike, sinr: ArrayLike) -> np.ndarray | float:
    r"""Rate :math:`\eta\log_2(1+\gamma)`, elementwise; a share in [0, 1], an SINR that may be infinite (an open bound).

    >>> print(f"{rate_bps_hz(0.5, 3.0):g} {rate_bps_hz(1.0, 1e-30):.6g}")
    1 1.4427e-30
    """
    eta = checks.array("time_allocation", time_allocation, ("...",), minimum=0, maximum=1)
    gamma = checks.array("sinr", sinr, ("...",), minimum=0, infinite=True)
    if eta.ndim and gamma.ndim and eta.shape != gamma.shape:
        raise InvalidScenario(
            "sinr", f"has shape {gamma.shape}, the time_allocation {eta.shape}", "give equal shapes or one number"
        )
    return rate_of(eta, gamma)[()]


def rate_of(eta, sinr):
    """:func:`rate_bps_hz` of checked values."""
    # log1p keeps the digits of an SINR far below 1; at the share 0 an open bound says 0 all the same.
    with np.errstate(invalid="ignore"):
        return np.where(np.asarray(eta) > 0, np.asarray(eta) * np.log1p(sinr), 0.0) / math.log(2)


class SinrCurve:
    r"""The function :math:`\gamma^\star(e)` of one set of channels, solved where asked and bounded everywhere.

    Parameters
    ----------
    channels : array (K, M, Nt), complex
    noise_w : float
    error_radii : array (K, M), optional
        Radii of the error balls at e = 1; the lengths of the channels (eq. (4)) where not given.
    matched : bool
        Beams of maximum ratio transmission only.
    method : {"cuts", "sdp"}
        As in :func:`.robust.robust_sinr`. "sdp" is the paper's Bi-RBO: the best that the S-procedure certifies, without the work
        for a bound on all beams; for large errors several times faster.
    tolerance : float
        Relative gap at which the work on a point ends. A rate is a logarithm: 1e-5 in the SINR is less than 1e-6 in a rate of
        12 bit.

    Examples
    --------
    Half the error, twice the SINR of one user (and a bound between the points that were solved):

    >>> curve = SinrCurve([[[1.0, 1.0]]], noise_w=0.02)
    >>> print(f"{curve.solve(0.5, 1.0).sinr:.3f} {curve.upper(0.4, 1.0):.3f}")
    25.000 36.000
    """

    def __init__(
        self,
        channels,
        noise_w: float,
        *,
        error_radii=None,
        matched: bool = False,
        method: str = "cuts",
        tolerance: float = 1e-5,
    ) -> None:
        h = checks.array("channels", channels, ("K", "M", "Nt"), dtype=complex)
        self.channels, _ = checked(h, np.zeros(h.shape[:2]), noise_w)
        norms = np.linalg.norm(h, axis=2)
        unit = norms if error_radii is None else checked(h, error_radii, noise_w)[1]
        self.unit_radii, self.noise_w = unit, float(noise_w)
        self.matched = checks.flag("matched", matched)
        checks.word("method", method, tuple(METHODS))
        self.method = method
        self.tolerance = checks.number("tolerance", tolerance, minimum=0)
        with np.errstate(divide="ignore"):
            # From this error on, some user's balls hold the channel 0 at every AP, and nothing can be guaranteed.
            reach = np.where(norms > 0, np.where(unit > 0, norms / np.where(unit > 0, unit, 1.0), np.inf), 0.0)
        self.reach = float(reach.max(axis=1).min())
        self._points: list[tuple[float, float, RobustSinr]] = []
        self._witnesses: list[ErrorWitness] = []
        # What the alternating schemes asked before of points of this curve: many starts end on the same shares.
        self.moves: dict[tuple, tuple[RobustSinr, float]] = {}

    @property
    def witnesses(self) -> tuple[ErrorWitness, ...]:
        return tuple(self._witnesses)

    @property
    def points(self) -> tuple[tuple[float, float, float, float], ...]:
        """Solved points: relative error, power limit (W), SINR, upper bound on it; by error."""
        rows = [(e, power, point.sinr, point.certificate.bound) for e, power, point in self._points]
        return tuple(sorted(rows))

    def add(self, witness: ErrorWitness) -> None:
        """Take a dual point from elsewhere: any whose channels lie in their balls bounds the curve."""
        checks.instance("witness", witness, ErrorWitness)
        error = checks.number("witness", witness.relative_error, minimum=0)
        problem = self._problem(error * self.unit_radii, self.noise_w)
        self._witnesses.append(ErrorWitness(error, checked_dual(problem, witness.dual)))

    def _problem(self, radii: np.ndarray, noise_w: float) -> Reduced:
        problem = reduce(self.channels, radii, noise_w)
        return problem.matched() if self.matched else problem

    def radii(self, error: float) -> np.ndarray:
        """Radii (K, M) at a relative error; beyond the reach of the curve more error changes nothing."""
        return min(error, self.reach if math.isfinite(self.reach) else error) * self.unit_radii

    def solve(self, error: float, power_w: float, *, hopeless: float = 0.0) -> RobustSinr:
        """Robust SINR at one relative error and power limit per AP, started from the nearest solved point; where its bound is at
        most ``hopeless`` it may be left with a gap, and only the bound is kept.
        """
        error = min(checks.number("error", error, minimum=0, infinite=True), self.reach)
        power_w = checks.number("power_w", power_w, minimum=0)
        if not math.isfinite(error):
            error = 1.0  # all radii are 0: every error is the same
        for e, power, point in self._points:
            if abs(e - error) <= _SAME * error and power == power_w:
                return point
        start = None
        served = [item for item in self._points if item[2].sinr > 0]
        if served and error > 0 and power_w > 0:
            e, power, start = min(served, key=lambda item: abs(_log(item[0]) - _log(error)) + abs(_log(item[1] / power_w)))
            start = replace(start, sinr=float(self.upper(error, power_w)))
        point = robust_sinr(
            self.channels,
            self.radii(error),
            self.noise_w,
            power_w,
            method=self.method,
            tolerance=self.tolerance,
            start=start,
            matched=self.matched,
            hopeless=hopeless,
        )
        if not (point.reason and point.certificate.bound <= hopeless):
            self._points.append((error, power_w, point))
        if point.dual is not None:
            self.add(ErrorWitness(error, point.dual))
        return point

    def upper(self, errors: ArrayLike, power_w: float) -> np.ndarray:
        r"""Upper bound on the robust SINR at the given errors, from the nearest witnesses.

        No user's SINR is more than :math:`P(\sum_m(\|h_m\|-e\,\varepsilon_m)_+)^2/\sigma^2`, what it has alone with all the
        power. From an error on at which every ball of some user holds the channel 0, nothing can be guaranteed.
        """
        e = np.atleast_1d(checks.array("errors", errors, ("...",), minimum=0, infinite=True))
        power_w = checks.number("power_w", power_w, minimum=0)
        finite = np.minimum(e, _LARGEST_ERROR)[..., None, None]
        left = lengths_left(self.channels, finite * self.unit_radii).sum(axis=-1)
        result = power_w / self.noise_w * np.min(left, axis=-1) ** 2 * (1 + _AGREE)
        logs = np.array([_log(witness.relative_error) for witness in self._witnesses])
        order = np.argsort(np.abs(_log(e)[..., None] - logs), axis=-1)[..., :_NEAREST]
        for index, witness in enumerate(self._witnesses):
            chosen = np.any(order == index, axis=-1) & (e < self.reach) & (result > 0)
            if np.any(chosen):
                # Unit power: the channels of the witness are in unit noise.
                dual = witness.dual
                dual = replace(dual, channels=dual.channels * math.sqrt(power_w), weights=dual.weights / power_w)
                problem = self._problem(witness.relative_error * self.unit_radii, self.noise_w / power_w)
                # Without errors, the listed channels are the estimates themselves: inside every ball.
                factors = e[chosen] / witness.relative_error if witness.relative_error > 0 else np.zeros(np.sum(chosen))
                limits = sinr_limits(problem, dual, 1.0, factors)
                result[chosen] = np.minimum(result[chosen], limits)
        result[e >= self.reach] = 0.0
        return result[0] if np.ndim(errors) == 0 else result


def _log(value):
    return np.log(np.maximum(value, 1e-12))


def curve_of(
    scenario: Scenario,
    *,
    channels: ArrayLike | None = None,
    error_radii: ArrayLike | None = None,
    matched: bool = False,
    method: str = "cuts",
) -> SinrCurve:
    """An empty curve of a scenario's channels, or of channels of one's own.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> alone = scenario.replace(user_positions_m=scenario.user_positions_m[:1], reflectivity=scenario.reflectivity[:1])
    >>> curve = nf.curve_of(alone)
    >>> round(float(curve.upper(0.1, 1.0) / curve.upper(0.0, 1.0)), 4)  # nothing is solved yet: what the user has alone
    0.81
    """
    checks.instance("scenario", scenario, Scenario)
    geometry = channels_of(scenario)
    h = geometry if channels is None else checks.array("channels", channels, geometry.shape, dtype=complex)
    return SinrCurve(h, scenario.noise_w, error_radii=error_radii, matched=matched, method=method)


def _of_scenario(scenario: Scenario, sensing: Sensing) -> Sensing:
    """A given solution of (8), if its covariances are admissible in this scenario and have the position bound that it states."""
    found = block_bound_m2(scenario, checked_covariances(scenario, sensing.covariances))
    stated = checks.number("sensing", sensing.crlb_bar_m2, positive=True, infinite=True)
    if found != stated and not abs(found / stated - 1) <= _AGREE:
        problem = f"states a position bound of {stated:.6g} m^2 per block, where it is {found:.6g}"
        raise InvalidScenario("sensing", problem, "it is that of another scenario: optimise_sensing(scenario)")
    if power_residual(scenario, sensing.covariances) > _AGREE:
        raise InvalidScenario("sensing", "radiates more than sensing_power_w", "scale the covariances")
    return sensing


class Setting:
    r"""What every scheme starts from: sensing, the largest admissible share, a curve, and the error at a share.

    ``least`` is the least position bound per block that is proven for any covariance of this scenario.

    With ``error_radii`` of one's own the balls do not depend on the share; otherwise they follow eq. (4).
    """

    def __init__(
        self,
        scenario: Scenario,
        sensing: Sensing | None = None,
        curve: SinrCurve | None = None,
        *,
        channels=None,
        error_radii=None,
        matched: bool = False,
        method: str = "cuts",
    ) -> None:
        self.scenario = checks.instance("scenario", scenario, Scenario)
        shape = (len(scenario.user_positions_m), len(scenario.ap_positions_m), scenario.antennas)
        if sensing is not None and checks.instance("sensing", sensing, Sensing).covariances.shape != (*shape[1:], shape[2]):
            raise InvalidScenario("sensing", f"is for arrays of shape {sensing.covariances.shape[:2]}, not {shape[1:]}")
        if curve is not None and checks.instance("curve", curve, SinrCurve).channels.shape != shape:
            raise InvalidScenario("curve", f"is for channels of shape {curve.channels.shape}, not {shape}")
        if curve is not None and curve.matched != matched:
            raise InvalidScenario("curve", "is that of the other kind of beams", f"make it with matched={matched}")
        self.fixed = error_radii is not None
        if curve is None:
            curve = curve_of(scenario, channels=channels, error_radii=error_radii, matched=matched, method=method)
        else:
            own = curve_of(scenario, channels=channels, error_radii=error_radii, matched=matched)
            same = own.noise_w == curve.noise_w and np.allclose(own.channels, curve.channels, rtol=1e-9, atol=0)
            if not (same and np.allclose(own.unit_radii, curve.unit_radii, rtol=1e-9, atol=0)):
                raise InvalidScenario("curve", "is that of other channels, noise or error radii", "make it with curve_of")
        self.curve = curve
        self.sensing = optimise_sensing(scenario) if sensing is None else _of_scenario(scenario, sensing)
        self.largest = largest_time_allocation(scenario, self.sensing)

    @cached_property
    def least(self) -> float:
        # Of covariances for another power the bound that was found there would prove nothing here; their witness does.
        return min(sensing_bound(self.scenario, self.sensing.witness), self.sensing.crlb_bar_m2)

    def error(self, eta, crlb_bar_m2: float | None = None):
        """Relative error at a share (1 for radii of one's own), for the sensing of this setting or another bound."""
        if self.fixed:
            return np.ones(np.shape(eta))[()]
        return _relative_error(self.scenario, self.sensing.crlb_bar_m2 if crlb_bar_m2 is None else crlb_bar_m2, eta)[()]

    def beams(self, eta: float, *, hopeless: float = 0.0) -> RobustSinr:
        """Best beams at a share; ``hopeless`` as in :meth:`SinrCurve.solve`."""
        return self.curve.solve(float(self.error(eta)), self.scenario.comm_power_w, hopeless=hopeless)
