r"""The power margin: the least share of the power limit at which an SINR is kept in the worst case."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import LARGEST_GAP, Certificate, relative_gap
from ..foundations.errors import SolverFailure
from .adversary import worst_case
from .cuts import CutResult, margin_by_cuts
from .given_beams import beam_residual
from .reduction import Reduced, checked, reduce
from .sdp import margin_by_sdp, rank_one

_TOLERANCE = 1e-6
_ROUNDING = 1e-9
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
    noise_w, max_power_w = float(noise_w), checks.number("max_power_w", max_power_w, positive=True)
    checks.word("method", method, tuple(METHODS))
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    problem = reduce(h, radii, noise_w, reduced=checks.flag("reduced", reduced))
    users = len(problem.channels)
    ratio = np.ones(users)
    if np.any(unreachable(problem)):
        found = CutResult(np.inf, np.inf, beams=None, multipliers=None, dual=None, cuts=(), rounds=0)
    elif method == "cuts":
        found = margin_by_cuts(problem, sinr, max_power_w, tolerance=tolerance)
    else:
        relaxed = margin_by_sdp(problem, sinr, max_power_w)
        found, ratio = _from_covariances(problem, relaxed, sinr, max_power_w)
    if found.beams is None:
        nothing = np.full(h.shape, np.nan + 0j)
        certificate = Certificate(
            method=METHODS[method],
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
        method=METHODS[method],
        value=margin,
        bound=found.lower,
        residual=beam_residual(h, radii, beams, sinr, noise_w, multipliers),
        status="optimal" if closed and relative_gap(margin, found.lower) <= LARGEST_GAP else "converged",
        iterations=found.rounds,
        seconds=time.perf_counter() - start,
        sense="min",
    )
    return Margin(margin, beams, certificate, multipliers, ratio)


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
