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

from dataclasses import dataclass, replace

import numpy as np

from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from .dual_bound import DualPoint, sinr_limits
from .reduction import reduce
from .robust import RobustSinr, robust_sinr
from .scenario import Scenario, channels
from .sensing import Sensing, largest_time_allocation, optimise_sensing

_FIRST_NODES, _FIRST_SHARE = 33, 0.8
_MAX_ROUNDS, _HALVINGS = 60, 25
_NEAREST = 3
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


def relative_error(scenario: Scenario, crlb_bar_m2: float, time_allocation):
    r"""Relative channel error :math:`e(\eta)` of eqs. (2) and (4); ``crlb_bar_m2`` is the bound of one sensing block."""
    eta = np.asarray(time_allocation, dtype=float)
    with np.errstate(divide="ignore"):
        crlb = crlb_bar_m2 * scenario.sensing_block_s / ((1 - eta) * scenario.block_s)
    return (scenario.error_slope_per_m * np.sqrt(crlb))[()]


def rate_bps_hz(time_allocation, sinr):
    r"""Rate :math:`\eta\log_2(1+\gamma)`."""
    return np.asarray(time_allocation) * np.log2(1 + np.asarray(sinr))[()]


class SinrCurve:
    r"""The function :math:`\gamma^\star(e)` of one set of channels, solved where asked and bounded everywhere.

    Parameters
    ----------
    channels : array (K, M, Nt), complex
    noise_w : float
    matched : bool
        Beams of maximum ratio transmission only.
    tolerance : float
        Relative gap of each solved point. A rate is a logarithm: 3e-5 in the SINR is less than 3e-6 in a rate of 12 bit.
    """

    def __init__(self, channels, noise_w: float, *, matched: bool = False, tolerance: float = 3e-5) -> None:
        self.channels = np.array(channels, dtype=complex)
        self.norms = np.linalg.norm(self.channels, axis=2)
        self.noise_w, self.matched, self.tolerance = noise_w, matched, tolerance
        self._points: list[tuple[float, float, RobustSinr]] = []
        self._witnesses: list[ErrorWitness] = []

    @property
    def witnesses(self) -> tuple[ErrorWitness, ...]:
        return tuple(self._witnesses)

    @property
    def points(self) -> tuple[tuple[float, float, float, float], ...]:
        """Solved points: relative error, power limit (W), SINR, upper bound on it; by error."""
        rows = [(e, power, point.sinr, point.certificate.bound) for e, power, point in self._points]
        return tuple(sorted(rows))

    def add(self, witness: ErrorWitness) -> None:
        """Take a dual point from elsewhere (any dual point of these channels bounds the curve)."""
        self._witnesses.append(witness)

    def solve(self, error: float, power_w: float) -> RobustSinr:
        """Robust SINR at one relative error and power limit per AP, started from the nearest solved point."""
        # From an error of 1 on every ball holds the channel 0; more (or infinitely much) changes nothing.
        error = min(error, 1.0)
        for e, power, point in self._points:
            if abs(e - error) <= _SAME * error and power == power_w:
                return point
        start = None
        served = [item for item in self._points if item[2].sinr > 0]
        if served and error > 0:
            e, power, start = min(served, key=lambda item: abs(_log(item[0]) - _log(error)) + abs(_log(item[1] / power_w)))
            start = replace(start, sinr=float(self.upper(error, power_w)))
        point = robust_sinr(
            self.channels,
            error * self.norms,
            self.noise_w,
            power_w,
            tolerance=self.tolerance,
            start=start,
            matched=self.matched,
        )
        self._points.append((error, power_w, point))
        if point.dual is not None:
            self._witnesses.append(ErrorWitness(error, point.dual))
        return point

    def upper(self, errors, power_w: float):
        """Upper bound on the robust SINR at the given errors, from the nearest witnesses (inf without any).

        From an error of 1 on every ball holds the channel 0, and nothing can be guaranteed.
        """
        e = np.atleast_1d(np.asarray(errors, dtype=float))
        result = np.full(e.shape, np.inf)
        logs = np.array([_log(witness.relative_error) for witness in self._witnesses])
        order = np.argsort(np.abs(_log(e)[:, None] - logs), axis=1)[:, :_NEAREST]
        for index, witness in enumerate(self._witnesses):
            chosen = np.any(order == index, axis=1) & (e < 1)
            if np.any(chosen):
                problem = reduce(self.channels, witness.relative_error * self.norms, self.noise_w)
                problem = problem.matched() if self.matched else problem
                # Without errors, the listed channels are the estimates themselves: inside every ball.
                factors = e[chosen] / witness.relative_error if witness.relative_error > 0 else np.zeros(np.sum(chosen))
                limits = sinr_limits(problem, witness.dual, power_w, factors)
                result[chosen] = np.minimum(result[chosen], limits)
        result[e >= 1] = 0.0
        return result[0] if np.ndim(errors) == 0 else result


def _log(value):
    return np.log(np.maximum(value, 1e-12))


def curve_of(scenario: Scenario, *, matched: bool = False) -> SinrCurve:
    """An empty curve of a scenario's channels."""
    return SinrCurve(channels(scenario), scenario.noise_w, matched=matched)


def prepare(
    scenario: Scenario, sensing: Sensing | None, curve: SinrCurve | None, *, matched: bool = False
) -> tuple[Sensing, float, SinrCurve]:
    """What every scheme starts from: the optimal sensing, the largest admissible share and a curve, where not given."""
    sensing = optimise_sensing(scenario) if sensing is None else sensing
    curve = curve_of(scenario, matched=matched) if curve is None else curve
    if curve.matched != matched:
        raise InvalidScenario("curve", "is that of the other kind of beams", f"make it with matched={matched}")
    return sensing, largest_time_allocation(scenario, sensing), curve


@dataclass(frozen=True)
class BestTime:
    """The global maximum over the time allocation, between a value and a bound."""

    time_allocation: float
    rate_bps_hz: float
    bound_bps_hz: float
    solved: int


def best_time_allocation(
    scenario: Scenario, crlb_bar_m2: float, largest: float, curve: SinrCurve, *, tolerance: float = 1e-5
) -> BestTime:
    r"""Maximise :math:`R(\eta)` over :math:`0<\eta\le` ``largest`` with a proof.

    The curve is solved where its upper envelope promises most, until nothing more is promised. Between two nodes
    :math:`a<b` the rate is at most :math:`b\log_2(1+\bar\gamma(e(a)))`, because :math:`\gamma^\star` falls with e; cells
    that still exceed the best rate are halved.
    """
    power = scenario.comm_power_w

    def solve(eta: float) -> float:
        return float(rate_bps_hz(eta, curve.solve(float(relative_error(scenario, crlb_bar_m2, eta)), power).sinr))

    def envelope(etas: np.ndarray) -> np.ndarray:
        return curve.upper(relative_error(scenario, crlb_bar_m2, etas), power)

    # Where the errors are small the curve is quickly solved, and its dual point bounds the rest well enough to go on.
    best_eta = min(largest, _FIRST_SHARE)
    reach = float(relative_error(scenario, crlb_bar_m2, 0.0))
    if reach >= 1:
        # Even all the time spent on looking leaves every channel in the balls: no share has a rate.
        return BestTime(best_eta, 0.0, 0.0, 0)
    if float(relative_error(scenario, crlb_bar_m2, best_eta)) >= 1:
        # Half-way (in time) to the share from which on nothing can be guaranteed.
        best_eta = 0.5 * (1 - reach**2)
    best = solve(best_eta)
    nodes = np.unique(np.append(np.linspace(0, largest, _FIRST_NODES), best_eta))
    limits = envelope(nodes)
    solved = 1
    for _ in range(_MAX_ROUNDS):
        promised = rate_bps_hz(nodes, limits)
        top = int(np.argmax(promised))
        if promised[top] > best * (1 + tolerance / 2):
            rate = solve(float(nodes[top]))
            solved += 1
            if rate > best:
                best_eta, best = float(nodes[top]), rate
            limits = np.minimum(limits, envelope(nodes))
            continue
        cells = rate_bps_hz(nodes[1:], limits[:-1])
        open_cells = cells > best * (1 + tolerance)
        if not np.any(open_cells):
            break
        middle = 0.5 * (nodes[:-1] + nodes[1:])[open_cells]
        where = np.searchsorted(nodes, middle)
        nodes, limits = np.insert(nodes, where, middle), np.insert(limits, where, envelope(middle))
    bound = float(np.max(rate_bps_hz(nodes[1:], limits[:-1])))
    return BestTime(best_eta, best, max(bound, best), solved)


def rate_bound(scenario: Scenario, crlb_bar_m2: float, largest: float, witnesses, target: float, *, tolerance=1e-5) -> float:
    """Upper bound on the rate over all time allocations from witnesses alone; cells above ``target`` are halved."""
    curve = curve_of(scenario)
    for witness in witnesses:
        curve.add(witness)
    nodes = np.linspace(0, largest, _FIRST_NODES)
    limits = curve.upper(relative_error(scenario, crlb_bar_m2, nodes), scenario.comm_power_w)
    ceiling = target * (1 + tolerance)
    for _ in range(_HALVINGS):
        # A cell whose own ends promise more than the target cannot be closed by halving it.
        promised = rate_bps_hz(nodes, limits)
        cells = rate_bps_hz(nodes[1:], limits[:-1])
        open_cells = (cells > ceiling) & (np.maximum(promised[1:], promised[:-1]) <= ceiling)
        middle = 0.5 * (nodes[:-1] + nodes[1:])[open_cells]
        if not len(middle):
            break
        fresh = curve.upper(relative_error(scenario, crlb_bar_m2, middle), scenario.comm_power_w)
        where = np.searchsorted(nodes, middle)
        nodes, limits = np.insert(nodes, where, middle), np.insert(limits, where, fresh)
    return float(np.max(rate_bps_hz(nodes[1:], limits[:-1])))
