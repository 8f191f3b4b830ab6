r"""The robust SINR: the largest that all users keep in the worst case, between beams that keep it and a bound on all beams.

One power margin (:mod:`.margin`) brackets it: with :math:`t^\star(\gamma)` the least share of the power,
:math:`t^\star(\gamma)/\gamma` does not fall (beams of margin t scaled by :math:`\sqrt s<1` reach :math:`s\gamma` at the margin
:math:`st`), so that :math:`t\le1` gives :math:`\gamma\le\gamma^\star\le\gamma/t`. Two roads lead to it, and the better of
both is taken on either side:

* the S-procedure's *semidefinite program* (:mod:`.relaxed`), which needs a handful of evaluations however large errors are. For
  one or two access points it loses nothing but the rank, and the rank nearly never;
* *cuts* (:mod:`.cuts`), which lose nothing: first where the program is large, last where it leaves a gap.

What may stay open is told apart: beams below what the relaxed covariances reach (the rank), or this below what all channels
inside the balls allow (three or more access points: the S-procedure, or the finite list of channels).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import LARGEST_GAP, LARGEST_RESIDUAL, Certificate
from ..foundations.errors import InvalidScenario, SolverFailure
from .dual_bound import DualPoint, sinr_limits
from .given_beams import beam_residual
from .margin import METHODS, unreachable
from .reduction import Reduced, checked, lengths_left, reduce
from .search import RANK_ONE, Bracket, narrow, offer, offer_balanced
from .shared_channel import shared_beams, shared_channels

_ROADS = {"cuts": f"{METHODS['sdp']}s and {METHODS['cuts']}", "sdp": f"{METHODS['sdp']}s"}
_ROUNDING = 1e-9
# Maximum ratio transmission is limited by interference, not by power.
_MATCHED_GUESS = 100.0
# What is claimed less than the search has proven, in turn: beside interference that is many times the noise, the rounding of the
# caller's own units may be worth more noise than the proof leaves.
_CLAIMS = (0.0, 1e-8, 1e-7, 1e-6)
_TINY = 1e-300


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
        Proves the bound.
    evaluations : tuple of (sinr, best, bound)
        The SINRs that were tried, with the bracket after each.
    restricted : float or None
        Upper bound on what the S-procedure can certify with covariances of any rank; None where the program was not needed.
    rank_one_ratio : ndarray (K,)
        Of the last program: largest eigenvalue over trace; ones where the program was not needed.
    reason : {"", "rank", "balls", "digits"}
        What leaves (most of) a gap above 1e-5 and the tolerance: relaxed covariances that are not of rank one, between ``sinr``
        and ``restricted``; the S-procedure and finite lists of channels for three or more access points, from there to the bound;
        or, with covariances of rank one, the digits of the programs, close to the SINR that errors allow at any power.
    """

    sinr: float
    beams: np.ndarray
    certificate: Certificate
    multipliers: np.ndarray
    cuts: tuple[np.ndarray, ...]
    dual: DualPoint | None
    evaluations: tuple[tuple[float, float, float], ...]
    rank_one_ratio: np.ndarray
    restricted: float | None = None
    reason: str = ""


def robust_sinr(
    channels: ArrayLike,
    error_radii: ArrayLike,
    noise_w: float,
    max_power_w: float,
    *,
    method: str = "cuts",
    tolerance: float = 5e-6,
    start: RobustSinr | None = None,
    matched: bool = False,
    hopeless: float = 0.0,
) -> RobustSinr:
    r"""Largest SINR that beams within the power keep for every error in the balls,

    .. math:: \gamma^\star=\max_w\min_k\min_{\|\Delta_m\|\le\varepsilon_{k,m}}
        \frac{|(h_k+\Delta)^Hw_k|^2}{\sum_{j\ne k}|(h_k+\Delta)^Hw_j|^2+\sigma^2}
        \quad\text{s.t.}\quad\sum_k\|w_{k,m}\|^2\le P\;\;\forall m .

    Parameters
    ----------
    channels : array (K, M, Nt), complex
        Estimated channels :math:`h_{k,m}`, amplitude ratios.
    error_radii : array (K, M)
        :math:`\varepsilon_{k,m}`, in the unit of the channels.
    noise_w, max_power_w : float
        Noise power and power limit P of each access point (0: no SINR).
    method : {"cuts", "sdp"}
        Both roads, whatever closes the gap; or, as in the paper's bisection, semidefinite programs alone.
    tolerance : float
        Relative gap between the SINR and its bound at which the work ends.
    start : RobustSinr, optional
        Of a neighbouring problem with the same channels: its cuts and its SINR.
    matched : bool
        Restrict the beams to maximum ratio transmission, problem (24) with real amplitudes.
    hopeless : float
        Up to this bound better beams are of no interest: the gap may stay wider then.

    Returns
    -------
    RobustSinr
        ``optimal`` where the gap is at most 1e-5, else ``converged`` with a ``reason``. Where some user's balls hold the channel
        0 at every AP, no positive SINR can be guaranteed (and everywhere else one can): the answer is then 0, optimal, with
        beams of 0 and multipliers that are nan.

    Raises
    ------
    InvalidScenario, SolverFailure

    Examples
    --------
    Two users, two access points with two antennas, errors of 5 per cent; for one user there is a closed form,
    :math:`P/\sigma^2\,\bigl(\sum_m\|h_m\|-\varepsilon_m\bigr)^2`:

    >>> import numpy as np
    >>> h = np.array([[[1, 0.2j], [0.5, 0.1]], [[0.1, 1j], [0.3j, 0.6]]])
    >>> radii = 0.05 * np.linalg.norm(h, axis=2)
    >>> found = robust_sinr(h, radii, noise_w=0.01, max_power_w=1.0)
    >>> print(f"{found.sinr:.3f} {found.certificate.status}")
    87.967 optimal
    >>> alone = robust_sinr(h[:1], radii[:1], 0.01, 1.0)
    >>> print(f"{alone.sinr:.4f} = {100 * np.sum(0.95 * np.linalg.norm(h[0], axis=1)) ** 2:.4f}")
    211.1850 = 211.1850
    """
    begin = time.perf_counter()
    h, radii = checked(channels, error_radii, noise_w)
    power = checks.number("max_power_w", max_power_w, minimum=0)
    noise = checks.number("noise_w", noise_w, positive=True)
    checks.word("method", method, tuple(METHODS))
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    matched = checks.flag("matched", matched)
    hopeless = checks.number("hopeless", hopeless, minimum=0, infinite=True)
    if start is not None:
        checks.instance("start", start, RobustSinr)
        if start.beams.shape != h.shape:
            raise InvalidScenario("start", f"is for channels {start.beams.shape}, not {h.shape}")
    if power == 0:
        return _zero_sinr(h.shape, "no power", begin)
    unit_noise = _unit_noise(h, noise, power)
    problem = reduce(h, radii, unit_noise)
    if np.any(unreachable(problem)):
        return _zero_sinr(h.shape, "channel 0 inside the balls", begin)
    if matched:
        problem = problem.matched()
    bracket = Bracket(problem, tolerance, hopeless)
    cuts: tuple[np.ndarray, ...] | None = None
    if len(h) == 1:
        name = "closed form for one user"
        _one_user(bracket)
    else:
        name = f"root of the power margin, {_ROADS[method]}"
        guess = start.sinr if start is not None and 0 < start.sinr < math.inf else _first_guess(problem)
        cuts = None if start is None else start.cuts or None
        offer(bracket, _sure_beams(problem))
        if problem.frames is None:
            beams, kept = shared_beams(problem)
            if kept > bracket.best:
                offer(bracket, beams)
        for dual in shared_channels(problem):
            bracket.limit(float(sinr_limits(problem, dual, 1.0, np.ones(1))[0]) * (1 + _ROUNDING), dual)
        if not bracket.closed:
            cuts = narrow(bracket, guess, cuts, by_programs_alone=method == "sdp")
        if not (bracket.closed or np.any(radii > 0)):
            offer_balanced(bracket)
        # Where users that cannot be told apart leave the programs no digits, what the weakest one has alone is still a bound.
        left = lengths_left(problem.channels, problem.radii).sum(axis=1)
        weakest = int(np.argmin(left))
        bracket.limit(float(left[weakest]) ** 2 * (1 + _ROUNDING), _dual_alone(problem, weakest))
    if bracket.best <= 0 or bracket.beams is None or bracket.multipliers is None:
        raise SolverFailure(method, "no robust beams found", message="some positive SINR can be guaranteed, but none was proven")
    return _answer(bracket, h, radii, noise, power, name, cuts or (), begin)


def _answer(
    bracket: Bracket, h: np.ndarray, radii: np.ndarray, noise: float, power: float, name: str, cuts, begin: float
) -> RobustSinr:
    lifted = bracket.problem.lift(bracket.beams) * math.sqrt(power)
    spent = float(np.sum(np.abs(lifted) ** 2, axis=(0, 2)).max() / power)
    multipliers = bracket.multipliers * power
    for slack in _CLAIMS:
        sinr = bracket.best * (1 - slack)
        residual = max(beam_residual(h, radii, lifted, sinr, noise, multipliers), spent - 1, 0.0)
        if residual <= LARGEST_RESIDUAL:
            break
    residual = residual if residual > 1e-12 else 0.0
    gap = bracket.bound / sinr - 1
    optimal = gap <= LARGEST_GAP and residual <= LARGEST_RESIDUAL
    by_rank = h.shape[1] <= 2 or bracket.restricted / sinr > bracket.bound / bracket.restricted
    open_between = ("rank" if np.min(bracket.ratio) < RANK_ONE else "digits") if by_rank else "balls"
    reason = "" if gap <= max(LARGEST_GAP, bracket.tolerance) else open_between
    restricted = bracket.restricted if math.isfinite(bracket.restricted) else None
    certificate = Certificate(
        method=name,
        value=sinr,
        bound=bracket.bound,
        residual=residual,
        status="optimal" if optimal else "converged",
        iterations=len(bracket.tried),
        seconds=time.perf_counter() - begin,
    )
    dual = bracket.dual
    if dual is not None:
        # Back to the unit noise and the power of the caller.
        dual = replace(dual, channels=dual.channels / math.sqrt(power), weights=dual.weights * power, total=dual.total * power)
    return RobustSinr(
        sinr,
        lifted,
        certificate,
        multipliers,
        cuts,
        dual,
        tuple(bracket.tried),
        bracket.ratio,
        restricted,
        reason,
    )


def _one_user(bracket: Bracket) -> None:
    r"""All power towards the user: :math:`\gamma^\star=(\sum_m(\|h_m\|-\varepsilon_m)_+)^2` for unit power and noise.

    No beams receive more on the channel :math:`h_m(1-\varepsilon_m/\|h_m\|)_+`, which lies in the balls; with
    :math:`\lambda_m=(\varepsilon_m\sum_m(\|h_m\|-\varepsilon_m)_+)^{-1}` the S-procedure proves that these receive no less.
    """
    problem = bracket.problem
    lengths, radii = np.linalg.norm(problem.channels[0], axis=1), problem.radii[0]
    left = lengths_left(problem.channels[0], radii)
    reach = float(np.sum(left))
    served = left > 0
    beams = np.where(served, 1 / np.maximum(lengths, _TINY), 0.0)[:, None] * problem.channels[0]
    # A radius of 0 has an infinite multiplier: a smaller one proves as much up to rounding.
    least = np.maximum(radii, 1e-12 * reach)
    multipliers = np.where(served, 1 / (least * reach), 1e-12 / least**2)
    bracket.bound = reach**2
    bracket.offer(reach**2 * (1 - 10 * _ROUNDING), beams[None], multipliers[None])
    bracket.dual = _dual_alone(problem, 0)


def _dual_alone(problem: Reduced, user: int) -> DualPoint:
    """Proves that a user has no more than all the power gives it alone, on its shortest channel."""
    left = lengths_left(problem.channels[user], problem.radii[user])
    prices = np.maximum(left, 1e-9 * left.max())
    channel = _shortest(problem)[user].reshape(1, -1)
    return DualPoint(1.0, prices / prices.sum(), np.array([1.0]), np.array([user]), channel)


def _shortest(problem: Reduced) -> np.ndarray:
    """Each user's shortest channel in its balls, (K, M, r)."""
    lengths = np.maximum(np.linalg.norm(problem.channels, axis=2), _TINY)
    return problem.channels * np.maximum(1 - problem.radii / lengths, 0)[..., None]


def _sure_beams(problem: Reduced) -> np.ndarray:
    """Each user's shortest channel in its balls as its beam, all scaled to the power limit: a positive SINR for all."""
    beams = _shortest(problem)
    beams = beams / np.maximum(np.linalg.norm(beams, axis=(1, 2), keepdims=True), _TINY)
    return beams / math.sqrt(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max())


def _zero_sinr(shape: tuple[int, ...], why: str, begin: float) -> RobustSinr:
    certificate = Certificate(method=why, value=0.0, bound=0.0, status="optimal", seconds=time.perf_counter() - begin)
    return RobustSinr(
        0.0, np.zeros(shape, dtype=complex), certificate, np.full(shape[:2], np.nan), (), None, (), np.ones(shape[0])
    )


def _unit_noise(h: np.ndarray, noise: float, power: float) -> float:
    """Noise over power, where all ratios of the problem are numbers that can be squared."""
    with np.errstate(over="ignore", under="ignore"):
        snr = np.max(np.linalg.norm(h, axis=(1, 2))) * (math.sqrt(power) / math.sqrt(noise))
    if not 1e-50 < snr < 1e50:
        raise InvalidScenario("noise_w", f"makes an SNR of about 1e{2 * math.log10(max(snr, _TINY)):.0f}", "check the units")
    return noise / power


def _first_guess(problem: Reduced) -> float:
    """Half of what zero forcing reaches without errors, or what errors alone allow, whichever is less."""
    if problem.frames is not None:
        return _MATCHED_GUESS
    duals = np.linalg.pinv(problem.stacked.conj())
    spent = np.sum(np.abs(duals.reshape(*problem.channels.shape[1:], -1)) ** 2, axis=(1, 2)).max()
    relative = np.max(np.linalg.norm(problem.radii, axis=1) / np.linalg.norm(problem.stacked, axis=1))
    by_errors = np.inf if relative < 1e-100 else 0.3 / relative**2
    return float(min(0.5 / max(spent, _TINY), max(by_errors, 1e-2)))
