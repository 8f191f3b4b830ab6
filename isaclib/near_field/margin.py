r"""The power margin: the least share of the power limit at which an SINR is kept in the worst case."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import LARGEST_GAP, Certificate, relative_gap
from ..foundations.errors import InvalidScenario, SolverFailure
from .adversary import worst_case
from .cuts import CutResult, margin_by_cuts
from .given_beams import beam_residual
from .reduction import Reduced, checked, lengths_left, reduce
from .sdp import margin_by_sdp, rank_one

_TOLERANCE = 1e-6
_ROUNDING = 1e-9
_LARGEST_SINR, _FAR, _MOST_TIMES = 1e50, 2.0, 1e4
METHODS = {"cuts": "worst-channel cuts", "sdp": "S-procedure semidefinite program"}


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


def unreachable(problem: Reduced) -> np.ndarray:
    r"""Users whose balls hold the channel 0, (K,): no SINR above 0 can be guaranteed to them at any power.

    To all others one can: with :math:`p_k\ne0` the shortest channel in its balls, beams :math:`w_k=p_k` are received with
    :math:`\operatorname{Re}(x^Hp_k)\ge\|p_k\|^2` (the balls are convex), and interference is bounded.
    """
    return np.all(problem.radii >= np.linalg.norm(problem.channels, axis=2) * (1 - _ROUNDING), axis=1)


def power_margin(
    channels: ArrayLike,
    error_radii: ArrayLike,
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

    Examples
    --------
    Two users on antennas of their own, no errors: user k needs the power :math:`\gamma\sigma^2/\|h_k\|^2`.

    >>> found = power_margin([[[2.0, 0.0]], [[0.0, 0.5j]]], [[0.0], [0.0]], sinr=3.0, noise_w=1.0, max_power_w=10.0)
    >>> print(f"{found.margin:.4f} = {(3 / 4 + 3 / 0.25) / 10:.4f}, {found.certificate.status}")
    1.2750 = 1.2750, optimal
    """
    start = time.perf_counter()
    h, radii = checked(channels, error_radii, noise_w)
    sinr = checks.number("sinr", sinr, positive=True)
    if not 1 / _LARGEST_SINR < sinr < _LARGEST_SINR:
        raise InvalidScenario("sinr", f"is {sinr:g}: no program has digits for it", "give one between 1e-50 and 1e50")
    noise_w, max_power_w = float(noise_w), checks.number("max_power_w", max_power_w, positive=True)
    checks.word("method", method, tuple(METHODS))
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    ratio = np.ones(len(h))
    unit_w = _unit_w(h, radii, sinr, noise_w) or max_power_w
    reduced = checks.flag("reduced", reduced)
    problem = reduce(h, radii, noise_w / unit_w, reduced=reduced)
    if np.any(unreachable(problem)):
        found = CutResult(np.inf, np.inf, beams=None, multipliers=None, dual=None, cuts=(), rounds=0)
    elif method == "cuts":
        found = margin_by_cuts(problem, sinr, 1.0, tolerance=tolerance)
    else:
        found, ratio = _by_program(problem, sinr)
        if found.lower * (1 + _TOLERANCE) < found.upper < _FAR * found.lower:
            unit_w *= found.upper  # once more, in a unit in which t is 1
            problem = reduce(h, radii, noise_w / unit_w, reduced=reduced)
            found, ratio = _by_program(problem, sinr)
    bound = found.lower * (unit_w / max_power_w)
    if found.beams is None:
        nothing = np.full(h.shape, np.nan + 0j)
        certificate = Certificate(
            method=METHODS[method],
            value=np.inf,
            bound=bound,
            status="iteration_limit" if found.lower < 1e6 else "converged",
            iterations=found.rounds,
            seconds=time.perf_counter() - start,
            sense="min",
        )
        return Margin(np.inf, nothing, certificate, np.full(radii.shape, np.nan), ratio)
    beams = problem.lift(found.beams) * math.sqrt(unit_w)
    margin = float(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max() / max_power_w)
    multipliers = found.multipliers * unit_w
    closed = relative_gap(margin, bound) <= max(tolerance, _TOLERANCE)
    certificate = Certificate(
        method=METHODS[method],
        value=margin,
        bound=bound,
        residual=beam_residual(h, radii, beams, sinr, noise_w, multipliers),
        status="optimal" if closed and relative_gap(margin, bound) <= LARGEST_GAP else "converged",
        iterations=found.rounds,
        seconds=time.perf_counter() - start,
        sense="min",
    )
    return Margin(margin, beams, certificate, multipliers, ratio)


def _unit_w(h: np.ndarray, radii: np.ndarray, sinr: float, noise_w: float) -> float:
    """A power in whose unit t is about 0.1, whatever the SINR, the noise and the limit: ten times what the weakest user needs
    alone, or, for an SINR above 1, what beams without interference take; 0 where nothing, or no number, is left of a channel.
    """
    left = float(lengths_left(h, radii).sum(axis=1).min())
    if left <= 0:
        return 0.0
    alone = 1 / left / left
    if sinr > 1:
        duals = np.linalg.pinv(h.reshape(len(h), -1).conj()).reshape(*h.shape[1:], len(h))
        alone = min(max(float(np.sum(np.abs(duals) ** 2, axis=(1, 2)).max()), alone), _MOST_TIMES * alone)
    unit = 10 * sinr * noise_w * alone
    return unit if 0 < unit < math.inf else 0.0


def _by_program(problem: Reduced, sinr: float) -> tuple[CutResult, np.ndarray]:
    """Rank-one beams, scaled until the adversary certifies them (the paper's factor rho_k, one for all users)."""
    relaxed = margin_by_sdp(problem, sinr, 1.0)
    stacked, share = rank_one(relaxed.covariances)
    beams = stacked.reshape(problem.channels.shape)
    if not np.isfinite(relaxed.value):
        # That a solver calls the program infeasible proves nothing: what a list of channels proves for all beams does.
        proven = margin_by_cuts(problem, sinr, 1.0).lower
        return CutResult(np.inf, proven, None, None, None, (), relaxed.iterations), share
    found = worst_case(problem.channels, problem.radii, beams[None], sinr)
    least = float(found.value.min())
    if least <= 0:
        raise SolverFailure("SDP", "rank-one beams miss the SINR at any power", {"worst value": least})
    beams = beams / math.sqrt(least)
    upper = float(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max())
    return CutResult(upper, relaxed.bound, beams, found.multipliers[0] / least, None, (), relaxed.iterations), share
