r"""Robust beamforming at a fixed time allocation: power margin and robust SINR.

The channel of user k from AP m is :math:`h_{k,m}+\Delta_{k,m}` with :math:`\|\Delta_{k,m}\|\le\varepsilon_{k,m}`. The power
margin of an SINR :math:`\gamma` is

.. math:: t^\star(\gamma)=\min_w\; t\quad\text{s.t.}\quad
    \frac{|(h_k+\Delta)^Hw_k|^2}{\sum_{j\ne k}|(h_k+\Delta)^Hw_j|^2+\sigma^2}\ge\gamma\;\;\forall\Delta,k,\qquad
    \sum_k\|w_{k,m}\|^2\le tP\;\;\forall m,

so that :math:`\gamma` can be reached with the power P exactly if :math:`t^\star\le1`. Beams of margin t scaled by
:math:`\sqrt s<1` reach :math:`s\gamma` at the margin :math:`st`, hence :math:`t^\star(\gamma)/\gamma` is non-decreasing, and
one margin brackets the best SINR: :math:`t\le1` gives :math:`\gamma\le\gamma^\star\le\gamma/t`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import LARGEST_GAP, Certificate, relative_gap
from ..foundations.errors import InvalidScenario, SolverFailure
from .adversary import worst_case
from .cuts import CutResult, margin_by_cuts
from .dual_bound import DualPoint, sinr_limits
from .given_beams import beam_residual, certify
from .reduction import Reduced, checked, reduce
from .root import COARSE, margin_precision, next_sinr, slope
from .sdp import margin_by_sdp, rank_one

_TOLERANCE = 1e-6
# Rounds of cuts after which the semidefinite program is asked for worst channels.
_ROUNDS_ALONE = 4
_MAX_EVALUATIONS = 40
# Far from the root only the direction counts: a margin proven this large says where to go on.
_FAR = 1.1
# Steps below this part of the tolerance lead nowhere.
_STANDSTILL = 0.1
_SHARPER, _SHARPEST = 0.3, 0.05
_CLOSE = 2e-2
_ROUNDING = 1e-9
# A proven lower bound this large is reported as an infinite margin.
_HOPELESS = 1e6
# Maximum ratio transmission is limited by interference, not by power.
_MATCHED_GUESS = 100.0


@dataclass(frozen=True, eq=False)
class Margin:
    """Least share t of the power limit at which an SINR is reached in the worst case.

    Attributes
    ----------
    margin : float
        Margin of ``beams``; inf when no power suffices.
    beams : ndarray (K, M, Nt), complex
        In sqrt(W); nan where ``margin`` is infinite.
    certificate : Certificate
        ``bound`` is a lower bound on the margin: over all beams for ``method="cuts"``, over the S-procedure's
        restriction for ``method="sdp"``. ``residual``: worst relative violation of SINR and power on unscaled data.
    multipliers : ndarray (K, M)
        The :math:`\\lambda` in W that prove the beams robust (noise in W, channels unscaled).
    rank_one_ratio : ndarray (K,)
        Largest eigenvalue over trace of the relaxed covariances (ones for ``method="cuts"``).
    """

    margin: float
    beams: np.ndarray
    certificate: Certificate
    multipliers: np.ndarray
    rank_one_ratio: np.ndarray


@dataclass(frozen=True, eq=False)
class RobustSinr:
    """Largest common SINR that all users keep in the worst case.

    Attributes
    ----------
    sinr : float
        Certified for ``beams``.
    beams : ndarray (K, M, Nt), complex
        Within the power limit.
    certificate : Certificate
        ``value`` = sinr, ``bound`` >= the best SINR of any beams.
    multipliers : ndarray (K, M)
    cuts : tuple
        Errors over radii, to start a neighbouring problem from.
    dual : DualPoint or None
        Proves the bound (``method="cuts"``).
    evaluations : tuple of (sinr, upper, lower)
        The margins that were computed.
    """

    sinr: float
    beams: np.ndarray
    certificate: Certificate
    multipliers: np.ndarray
    cuts: tuple[np.ndarray, ...]
    dual: DualPoint | None
    evaluations: tuple[tuple[float, float, float], ...]


def _check_limits(sinr: float, max_power_w: float) -> None:
    for name, value in (("sinr", sinr), ("max_power_w", max_power_w)):
        if not (np.isfinite(value) and value > 0):
            raise InvalidScenario(name, f"must be positive and finite, but is {value}")


def _check_method(method: str) -> None:
    if method not in ("cuts", "sdp"):
        raise InvalidScenario("method", f"{method!r} is not known", "use 'cuts' or 'sdp'")


def _unreachable(problem: Reduced) -> np.ndarray:
    r"""Users whose balls hold the channel 0, (K,): no SINR above 0 can be guaranteed to them at any power.

    To all others one can: with :math:`p_k\ne0` the shortest channel in its balls, beams :math:`w_k=p_k` are received with
    :math:`\operatorname{Re}(x^Hp_k)\ge\|p_k\|^2` (the balls are convex), and interference is bounded.
    """
    return np.all(problem.radii >= np.linalg.norm(problem.channels, axis=2) * (1 - _ROUNDING), axis=1)


def power_margin(
    channels,
    error_radii,
    sinr: float,
    noise_w: float,
    max_power_w: float,
    *,
    method: str = "cuts",
    reduced: bool = True,
    tolerance: float = _TOLERANCE,
) -> Margin:
    r"""Least t such that beams with :math:`\sum_k\|w_{k,m}\|^2\le tP` keep the SINR in the worst case.

    Parameters
    ----------
    channels : array (K, M, Nt), complex
    error_radii : array (K, M)
    sinr, noise_w, max_power_w : float
    method : {"cuts", "sdp"}
        Worst-channel cuts (:mod:`.cuts`) or the S-procedure's semidefinite program (:mod:`.sdp`).
    reduced : bool
        Work in the spans of the channels (no loss, :mod:`.reduction`). False is for checks at small Nt.
    tolerance : float
        Relative gap of the cuts' bounds.

    Raises
    ------
    InvalidScenario, SolverFailure
    """
    start = time.perf_counter()
    _check_limits(sinr, max_power_w)
    _check_method(method)
    problem = reduce(channels, error_radii, noise_w, reduced=reduced)
    users = len(problem.channels)
    ratio = np.ones(users)
    if np.any(_unreachable(problem)):
        found = CutResult(np.inf, np.inf, beams=None, multipliers=None, dual=None, cuts=(), rounds=0)
    elif method == "cuts":
        found = margin_by_cuts(problem, sinr, max_power_w, tolerance=tolerance)
    else:
        relaxed = margin_by_sdp(problem, sinr, max_power_w)
        found, ratio = _from_covariances(problem, relaxed, sinr, max_power_w)
    h, radii = checked(channels, error_radii, noise_w)
    if found.beams is None:
        nothing = np.full(h.shape, np.nan + 0j)
        certificate = Certificate(
            method=_METHODS[method],
            value=np.inf,
            bound=found.lower,
            status="iteration_limit" if found.lower < 1e6 else "converged",
            iterations=found.rounds,
            seconds=time.perf_counter() - start,
            sense="min",
        )
        return Margin(np.inf, nothing, certificate, np.full(radii.shape, np.nan), ratio)
    beams = problem.lift(found.beams)
    margin = float(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max() / max_power_w)
    multipliers = found.multipliers
    closed = relative_gap(margin, found.lower) <= max(tolerance, _TOLERANCE)
    certificate = Certificate(
        method=_METHODS[method],
        value=margin,
        bound=found.lower,
        residual=beam_residual(h, radii, beams, sinr, noise_w, multipliers),
        status="optimal" if closed and relative_gap(margin, found.lower) <= LARGEST_GAP else "converged",
        iterations=found.rounds,
        seconds=time.perf_counter() - start,
        sense="min",
    )
    return Margin(margin, beams, certificate, multipliers, ratio)


_METHODS = {"cuts": "worst-channel cuts", "sdp": "S-procedure semidefinite program"}


def _from_covariances(problem: Reduced, relaxed, sinr: float, power: float) -> tuple[CutResult, np.ndarray]:
    """Rank-one beams, scaled until the adversary certifies them (the paper's factor rho_k, one for all users)."""
    stacked, share = rank_one(relaxed.covariances)
    beams = stacked.reshape(problem.channels.shape)
    if not np.isfinite(relaxed.value):
        return CutResult(np.inf, np.inf, None, None, None, (), relaxed.iterations), share
    found = worst_case(problem.channels, problem.radii, beams[None], sinr)
    least = float(found.value.min())
    if least <= 0:
        raise SolverFailure("SDP", "rank-one beams miss the SINR at any power", {"worst value": least})
    beams = beams / math.sqrt(least)
    upper = float(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max() / power)
    return CutResult(upper, relaxed.bound, beams, found.multipliers[0] / least, None, (), relaxed.iterations), share


def robust_sinr(
    channels,
    error_radii,
    noise_w: float,
    max_power_w: float,
    *,
    method: str = "cuts",
    tolerance: float = 5e-6,
    start: RobustSinr | None = None,
    matched: bool = False,
) -> RobustSinr:
    r"""Largest SINR with :math:`t^\star(\gamma)\le1`, from a few power margins.

    Each margin by cuts leaves a dual point, and the SINR beyond which that point proves :math:`t^\star>1` is tried next where
    it is near; elsewhere a safeguarded secant of :math:`\gamma/t-\gamma`. The cuts serve from one to the next, and where
    they are slow, the semidefinite program names worst channels (:mod:`.seeds`); what bounds the SINR is the list alone.

    Parameters
    ----------
    channels, error_radii, noise_w, max_power_w
        As in :func:`power_margin`.
    method : {"cuts", "sdp"}
        With ``"sdp"`` every evaluation is a semidefinite program, as in the paper's bisection.
    tolerance : float
        Relative gap between the SINR and its bound.
    start : RobustSinr, optional
        Of a neighbouring problem with the same channels: its cuts and its SINR.
    matched : bool
        Restrict the beams to maximum ratio transmission, problem (24) with real amplitudes.

    Returns
    -------
    RobustSinr
        Where some user's balls hold the channel 0 at every AP, no positive SINR can be guaranteed (and everywhere else one
        can): the answer is then 0, optimal, with beams of 0 and multipliers that are nan. Otherwise
        ``certificate.gap`` is at most ``tolerance``; else the status is ``converged``: with three or more APs and large
        errors, the S-procedure that proves the beams and the finite lists that bound them may leave a gap.

    Raises
    ------
    InvalidScenario, SolverFailure
    """
    begin = time.perf_counter()
    _check_limits(1.0, max_power_w)
    _check_method(method)
    problem = reduce(channels, error_radii, noise_w)
    if np.any(_unreachable(problem)):
        return _zero_sinr(np.shape(channels), method, begin)
    if matched:
        problem = problem.matched()
    h, radii = checked(channels, error_radii, noise_w)
    cuts = None if start is None else start.cuts or None
    guess = start.sinr if start is not None and 0 < start.sinr < np.inf else _first_guess(problem, max_power_w)
    best, bound, beams, multipliers, dual = 0.0, np.inf, None, None, None
    history: list[tuple[float, float, float]] = []
    gamma, precision, sharper, alone = guess, COARSE, 1.0, _ROUNDS_ALONE
    while len(history) < _MAX_EVALUATIONS:
        if method == "cuts":
            found = margin_by_cuts(problem, gamma, max_power_w, tolerance=precision, cuts=cuts, enough=_FAR, help_after=alone)
            # Where cuts alone were too slow once, they will be so again.
            cuts, alone = found.cuts, 0 if found.helped else alone
        else:
            found, _ = _from_covariances(problem, margin_by_sdp(problem, gamma, max_power_w), gamma, max_power_w)
        history.append((gamma, found.upper, found.lower))
        if found.beams is None and beams is None:
            beams = _sure_beams(problem, max_power_w)
            values, multipliers = certify(problem.channels, problem.radii, beams)
            best = float(np.min(values)) * (1 - _ROUNDING)
        # t / gamma does not fall, so a margin of at least L at gamma excludes what lies above gamma / L; the dual point of
        # the cuts says more.
        limit = gamma / min(found.lower, 1.0) if found.lower > 0 else np.inf
        if found.dual is not None:
            limit = min(limit, float(sinr_limits(problem, found.dual, max_power_w, np.ones(1))[0]))
        if limit < bound:
            bound, dual = limit, found.dual
        if found.beams is not None and gamma / max(found.upper, 1.0) > best:
            excess = max(found.upper, 1.0)
            # Scaling beams down by s and the SINR with them leaves M + Lambda no smaller: the same multipliers prove it.
            best, beams, multipliers = gamma / excess, found.beams / math.sqrt(excess), found.multipliers
            if tolerance < bound / best - 1 < _CLOSE * slope(history):
                # Scaled beams reach more than the scaled SINR.
                sinr = float(np.min(certify(problem.channels, problem.radii, beams)[0])) * (1 - _ROUNDING)
                proof = worst_case(problem.channels, problem.radii, beams[None], max(sinr, best))
                if np.min(proof.value) >= 1:
                    best, multipliers = max(sinr, best), proof.multipliers[0]
        if best > 0 and bound / best - 1 <= tolerance:
            break
        following = next_sinr(history, best, bound)
        if abs(following / gamma - 1) < _STANDSTILL * tolerance:
            # The same SINR again: only a closer look at its margin can help, until that does not, either.
            sharper *= _SHARPER
            if sharper < _SHARPEST:
                break
        distance = math.log(bound / best) if best > 0 and np.isfinite(bound) else 1.0
        gamma, precision = following, sharper * margin_precision(distance, tolerance, slope(history))
    status = "optimal" if best > 0 and bound / best - 1 <= min(tolerance, LARGEST_GAP) else "converged"
    if best <= 0:
        raise SolverFailure(method, "no robust beams found", message="some positive SINR can be guaranteed, but none was proven")
    lifted = problem.lift(beams)
    spent = float(np.sum(np.abs(lifted) ** 2, axis=(0, 2)).max() / max_power_w)
    residual = max(beam_residual(h, radii, lifted, best, noise_w, multipliers), spent - 1, 0.0)
    certificate = Certificate(
        method=f"root of the power margin, {_METHODS[method]}",
        value=best,
        bound=bound,
        residual=residual,
        status=status,
        iterations=len(history),
        seconds=time.perf_counter() - begin,
    )
    return RobustSinr(best, lifted, certificate, multipliers, cuts or (), dual, tuple(history))


def _sure_beams(problem: Reduced, power: float) -> np.ndarray:
    """Each user's shortest channel in its balls as its beam, all scaled to the power limit: a positive SINR for all."""
    lengths = np.maximum(np.linalg.norm(problem.channels, axis=2), 1e-300)
    beams = problem.channels * np.maximum(1 - problem.radii / lengths, 0)[..., None]
    beams = beams / np.linalg.norm(beams, axis=(1, 2), keepdims=True)
    return beams * math.sqrt(power / np.sum(np.abs(beams) ** 2, axis=(0, 2)).max())


def _zero_sinr(shape: tuple[int, ...], method: str, begin: float) -> RobustSinr:
    certificate = Certificate(
        method=f"channel 0 inside the balls, {_METHODS[method]}",
        value=0.0,
        bound=0.0,
        status="optimal",
        seconds=time.perf_counter() - begin,
    )
    return RobustSinr(0.0, np.zeros(shape, dtype=complex), certificate, np.full(shape[:2], np.nan), (), None, ())


def _first_guess(problem: Reduced, power: float) -> float:
    """Half of what zero forcing reaches without errors, or what errors alone allow, whichever is less."""
    duals = np.linalg.pinv(problem.stacked.conj())
    spent = np.sum(np.abs(duals.reshape(*problem.channels.shape[1:], -1)) ** 2, axis=(1, 2)).max()
    relative = np.max(problem.radii / np.maximum(np.linalg.norm(problem.channels, axis=2), 1e-300))
    by_errors = np.inf if relative == 0 else 0.3 / relative**2
    if problem.frames is not None:
        return _MATCHED_GUESS
    return float(min(0.5 * power / max(spent, 1e-300), max(by_errors, 1e-2)))
