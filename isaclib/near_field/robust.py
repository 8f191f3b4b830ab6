r"""Robust beamforming at a fixed time allocation: power margin, robust SINR, worst case of given beams.

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

from ..foundations.certificate import Certificate, relative_gap
from ..foundations.errors import InvalidScenario, SolverFailure
from .adversary import worst_case, worst_channels
from .cuts import CutResult, margin_by_cuts
from .reduction import Reduced, checked, reduce
from .sdp import margin_by_sdp

_TOLERANCE = 1e-6
_MAX_EVALUATIONS = 40
# Far from the root only the direction counts.
_COARSE, _FAR = 1e-2, 8.0
# A proven lower bound this large is reported as an infinite margin.
_HOPELESS = 1e6
_WORST_STEPS = 30
_SLACKS = 10.0 ** np.arange(-10, 0)


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
    evaluations : tuple of (sinr, upper, lower)
        The margins that were computed.
    """

    sinr: float
    beams: np.ndarray
    certificate: Certificate
    multipliers: np.ndarray
    cuts: tuple[np.ndarray, ...]
    evaluations: tuple[tuple[float, float, float], ...]


def _check_limits(sinr: float, max_power_w: float) -> None:
    for name, value in (("sinr", sinr), ("max_power_w", max_power_w)):
        if not (np.isfinite(value) and value > 0):
            raise InvalidScenario(name, f"must be positive and finite, but is {value}")


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
    if method not in ("cuts", "sdp"):
        raise InvalidScenario("method", f"{method!r} is not known", "use 'cuts' or 'sdp'")
    problem = reduce(channels, error_radii, noise_w, reduced=reduced)
    users = len(problem.channels)
    ratio = np.ones(users)
    if method == "cuts":
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
            status="iteration_limit" if found.lower < 1e6 else "optimal",
            iterations=found.rounds,
            seconds=time.perf_counter() - start,
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
        status="optimal" if closed else "converged",
        iterations=found.rounds,
        seconds=time.perf_counter() - start,
    )
    return Margin(margin, beams, certificate, multipliers, ratio)


_METHODS = {"cuts": "worst-channel cuts", "sdp": "S-procedure semidefinite program"}


def rank_one(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal parts sqrt(lambda) v of covariances (K, n, n), and their share of the trace (K,)."""
    values, vectors = np.linalg.eigh(covariances)
    share = values[:, -1] / np.maximum(values.sum(axis=1), 1e-300)
    return vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1], 0))[:, None], share


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


def certified_values(channels, error_radii, beams, sinr, noise_w: float, multipliers) -> np.ndarray:
    r"""Weak-duality bound :math:`(A_k+\sigma^2)/\sigma^2` on unscaled data, (K,): -inf where :math:`M+\Lambda\not\succ0`.

    At least 1 proves that user k keeps the SINR for every error in its balls.
    """
    h, radii = checked(channels, error_radii, noise_w)
    users = len(h)
    w = np.asarray(beams, dtype=complex)
    result = np.full(users, -np.inf)
    for k in range(users):
        lam = np.asarray(multipliers, dtype=float)[k]
        if np.any(lam <= 0):
            continue
        scale = np.where(np.arange(users) == k, 1 / math.sqrt(float(np.broadcast_to(sinr, (users,))[k])), 1.0)
        U = w * scale[:, None, None]
        f = np.einsum("jmn,mn->j", U.conj(), h[k])
        S = np.einsum("imn,jmn,m->ij", U.conj(), U, 1 / lam) + np.diag(np.where(np.arange(users) == k, 1.0, -1.0))
        values, vectors = np.linalg.eigh(S)
        if np.sum(values > 0) == 1 and np.all(values != 0):
            result[k] = (np.sum(np.abs(vectors.conj().T @ f) ** 2 / values) - lam @ radii[k] ** 2) / noise_w
    return result


def beam_residual(channels, error_radii, beams, sinr, noise_w: float, multipliers) -> float:
    """Largest relative shortfall of the certified worst case below the noise power; 0 when the SINR is proven."""
    return float(max(0.0, 1 - np.min(certified_values(channels, error_radii, beams, sinr, noise_w, multipliers))))


def robust_sinr(
    channels,
    error_radii,
    noise_w: float,
    max_power_w: float,
    *,
    method: str = "cuts",
    tolerance: float = 5e-6,
    start: RobustSinr | None = None,
) -> RobustSinr:
    r"""Largest SINR with :math:`t^\star(\gamma)\le1`: a safeguarded secant of log t against log gamma.

    The cuts of each evaluation serve the next one; ``start`` hands over those of a neighbouring problem. With
    ``method="sdp"`` every evaluation is a semidefinite program, as in the paper's bisection, and the bound is the
    S-procedure's.

    Returns
    -------
    RobustSinr
        ``certificate.gap`` is at most ``tolerance``; else the status is ``converged``: with three or more APs and large
        errors, the S-procedure that proves the beams and the finite lists that bound them may leave a gap.
    """
    begin = time.perf_counter()
    _check_limits(1.0, max_power_w)
    problem = reduce(channels, error_radii, noise_w)
    h, radii = checked(channels, error_radii, noise_w)
    cuts = None if start is None else start.cuts
    guess = _first_guess(problem, max_power_w) if start is None else start.sinr
    low, high = None, None  # (log gamma, log t) on either side
    best, bound, beams, multipliers = 0.0, np.inf, None, None
    history: list[tuple[float, float, float]] = []
    log_gamma, precision = math.log(guess), _COARSE
    for _ in range(_MAX_EVALUATIONS):
        gamma = math.exp(log_gamma)
        if method == "cuts":
            found = margin_by_cuts(problem, gamma, max_power_w, tolerance=precision, cuts=cuts, enough=_FAR)
            cuts = found.cuts
        else:
            found, _ = _from_covariances(problem, margin_by_sdp(problem, gamma, max_power_w), gamma, max_power_w)
        history.append((gamma, found.upper, found.lower))
        bound = min(bound, gamma / min(found.lower, 1.0) if found.lower > 0 else np.inf)
        if found.beams is not None:
            reached = gamma / max(found.upper, 1.0)
            if reached > best:
                best, beams = reached, found.beams / math.sqrt(max(found.upper, 1.0))
                multipliers = found.multipliers / max(found.upper, 1.0)
        if best > 0 and bound / best - 1 <= tolerance:
            break
        middle = min(found.upper, found.lower * 1e3) if found.lower > 0 else found.upper
        middle = math.sqrt(found.lower * found.upper) if np.isfinite(found.upper) and found.lower > 0 else max(middle, _FAR)
        point = (log_gamma, math.log(middle) if np.isfinite(found.upper) else np.inf)
        if point[1] > 0:
            high = point
        else:
            low = point
        following, precision = _next(low, high, history, tolerance)
        if abs(following - log_gamma) < 0.1 * tolerance:
            break
        log_gamma = following
    status = "optimal" if best > 0 and bound / best - 1 <= tolerance else "converged"
    if beams is None:
        raise SolverFailure("cuts", "no robust beams found", message="the error radii leave no positive SINR")
    lifted = problem.lift(beams)
    spent = float(np.sum(np.abs(lifted) ** 2, axis=(0, 2)).max() / max_power_w)
    residual = max(beam_residual(h, radii, lifted, best, noise_w, multipliers), spent - 1, 0.0)
    certificate = Certificate(
        method=f"secant on the power margin, {_METHODS[method]}",
        value=best,
        bound=bound,
        residual=residual,
        status=status,
        iterations=len(history),
        seconds=time.perf_counter() - begin,
    )
    return RobustSinr(best, lifted, certificate, multipliers, cuts or (), tuple(history))


def _first_guess(problem: Reduced, power: float) -> float:
    """Half of what zero forcing reaches without errors, or what errors alone allow, whichever is less."""
    duals = np.linalg.pinv(problem.stacked.conj())
    spent = np.sum(np.abs(duals.reshape(*problem.channels.shape[1:], -1)) ** 2, axis=(1, 2)).max()
    relative = np.max(problem.radii / np.maximum(np.linalg.norm(problem.channels, axis=2), 1e-300))
    by_errors = np.inf if relative == 0 else 0.3 / relative**2
    return float(min(0.5 * power / max(spent, 1e-300), max(by_errors, 1e-2)))


def _next(low, high, history, tolerance: float) -> tuple[float, float]:
    """Next abscissa (inside the bracket) and the precision that its margin deserves."""
    if low is None:
        drop = 1.0 if not np.isfinite(high[1]) else max(high[1], 0.3)
        return high[0] - drop, _COARSE
    if high is None:
        return low[0] + max(-low[1] / 1.2, 0.5 * tolerance), _precision(-low[1], tolerance)
    width = high[0] - low[0]
    if not np.isfinite(high[1]):
        # The slope is at least 1: the root is at most -log t away.
        return low[0] + min(0.5 * width, -low[1] / 1.5), _precision(min(-low[1], width), tolerance)
    finite = [(math.log(g), 0.5 * math.log(u * v)) for g, u, v in history if np.isfinite(u) and v > 0]
    finite.sort(key=lambda item: abs(item[1]))
    (xa, ya), (xb, yb) = finite[0], finite[1]
    slope = (ya - yb) / (xa - xb) if xa != xb else 1.5
    if not 1.0 <= slope <= 20:
        slope = 1.5
    target = xa - ya / slope
    if not low[0] < target < high[0]:
        target = low[0] + 0.5 * width
    return target, _precision(abs(ya), tolerance)


def _precision(distance: float, tolerance: float) -> float:
    return float(np.clip(0.02 * distance**2 if distance < 0.1 else _COARSE * distance, 0.3 * tolerance, _COARSE))


def worst_sinr(channels, error_radii, beams, noise_w: float) -> np.ndarray:
    r"""Certified lower bound on each user's worst-case SINR under given beams, (K,) (0 where nothing can be certified).

    This is the paper's "worst-case post-processing" of the error-ignorant beams: the largest SINR at which some
    :math:`\lambda` satisfies (13). Found from above by :func:`adversarial_sinr`, then certified just below it.
    """
    h, radii = checked(channels, error_radii, noise_w)
    scale = math.sqrt(noise_w)
    w = np.asarray(beams, dtype=complex)[None]
    above = adversarial_sinr(h, radii, beams, noise_w)
    result = np.zeros(len(h))
    usable = above > 0
    target = np.where(usable, above, 1.0)
    for slack in _SLACKS:
        trial = target * (1 - slack)
        ok = worst_case(h / scale, radii / scale, w, trial).value[0] >= 1
        result = np.where(usable & (result == 0) & ok, trial, result)
        if np.all((result > 0) | ~usable):
            return result
    low, high = np.zeros(len(h)), target * (1 - _SLACKS[-1])
    missing = usable & (result == 0)
    for _ in range(_WORST_STEPS):
        middle = np.maximum(0.5 * (low + high), 1e-12 * target)
        ok = worst_case(h / scale, radii / scale, w, middle).value[0] >= 1
        low, high = np.where(ok, middle, low), np.where(ok, high, middle)
    return np.where(missing, low, result)


def adversarial_sinr(channels, error_radii, beams, noise_w: float) -> np.ndarray:
    r"""Upper bound on each user's worst-case SINR, (K,): the SINR at a channel inside the balls, made bad by ascent.

    Dinkelbach's iteration: at the current SINR :math:`\gamma` the adversary minimises
    :math:`|g^Hw_k|^2/\gamma-\sum_{j\ne k}|g^Hw_j|^2` (:func:`.adversary.worst_channels`); the SINR at the channel found is
    the next, smaller :math:`\gamma`.
    """
    h, radii = checked(channels, error_radii, noise_w)
    w = np.asarray(beams, dtype=complex)
    if w.shape != h.shape or not np.all(np.isfinite(w)):
        raise InvalidScenario("beams", f"must be finite with shape {h.shape}, not {w.shape}")
    scale = math.sqrt(noise_w)
    h, radii = h / scale, radii / scale
    sinr = channel_sinr(h[:, None], w, 1.0)[:, 0]
    for _ in range(_WORST_STEPS):
        positive = np.maximum(sinr, 1e-12)
        found = worst_case(h, radii, w[None], positive)
        faced, _ = worst_channels(h, radii, w[None], positive, found)
        new = np.minimum(sinr, channel_sinr(faced[0], w, 1.0).min(axis=1))
        if np.all(new >= sinr * (1 - 1e-12)):
            break
        sinr = new
    return sinr


def channel_sinr(faced: np.ndarray, beams: np.ndarray, noise_w: float) -> np.ndarray:
    """SINR of user k at each of its channels (K, P, M, Nt): (K, P)."""
    powers = np.abs(np.einsum("kpmn,jmn->kpj", faced.conj(), beams)) ** 2
    users = np.arange(len(faced))
    own = powers[users, :, users]
    return own / (powers.sum(axis=2) - own + noise_w)
