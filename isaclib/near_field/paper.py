r"""The paper's alternating time allocation (Algorithms 1, 2 and 4).

At a given :math:`\eta` the best beams come first (Bi-RBO, Algorithm 1); at given beams and rate R the share is moved to
where the constraints have most room, the *constraint-margin* search of eq. (16),

.. math:: \eta\leftarrow\arg\max_\eta\min_kA_k(\eta),\qquad\gamma(\eta)=2^{R/\eta}-1,\quad\varepsilon_k(\eta)=e(\eta)\|h_k\| .

What had to be mended or fixed, since the text leaves it open:

* the sign of :math:`\sigma^2` in (13) and (15); as printed every rate passes;
* Bi-RBO finds the largest feasible rate as the root of the power margin, not by bisection on feasible / infeasible, and
  never returns beams of an infeasible rate;
* :math:`\lambda_k` is no output of Algorithm 1, so :math:`A_k(\eta)` takes its best value over :math:`\lambda`; only shares
  with :math:`M+\Lambda\succ0` count, without which the Schur complement says nothing;
* the grid of the search holds the present share too, so that no step can lose rate; the paper's argument ("the previous solution
  remains feasible") needs that, and it changes nothing where the present share lies on the grid, as it does from the second
  iteration on;
* line 11 calls Bi-RBO with :math:`\eta^{opt}`, not with the share of the iteration before.
"""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from .adversary import worst_case
from .given_beams import checked_beams
from .margin import power_margin
from .reduction import reduce
from .robust import RobustSinr
from .scenario import Scenario
from .sensing import Sensing
from .time_allocation import Allocation, Setting, SinrCurve, curve_of, rate_bps_hz, relative_error
from .verify import violations

# Step of the one-dimensional search over the share; the paper does not state its own.
_STEP, _LEAST_STEP = 1e-2, 1e-4
_MARGIN_PRECISION = 1e-7
# Shares at which the rate would need an SINR of 2^60 are out of reach.
_MAX_EXPONENT = 60.0


def solve_main(
    scenario: Scenario,
    *,
    start: float = 0.5,
    tolerance: float = 1e-3,
    max_iterations: int = 20,
    sensing: Sensing | None = None,
    curve: SinrCurve | None = None,
    channels: ArrayLike | None = None,
    error_radii: ArrayLike | None = None,
    step: float = _STEP,
) -> Allocation:
    r"""TD-ISAC-Main, Algorithm 2: alternate robust beams and time allocation, then project on :math:`\eta\le\bar\eta`.

    Parameters
    ----------
    scenario : Scenario
    start : float
        :math:`\eta^{(0)}`, in (0, 1).
    tolerance : float
        Relative change of :math:`\eta` that ends the alternation.
    max_iterations : int
    sensing : Sensing, optional
        Solution of (8); it depends neither on the share nor on communication, so one serves many calls.
    curve : SinrCurve, optional
        Solved points to reuse; new ones are added to it.
    channels, error_radii : optional
        Channels (K, M, Nt) of one's own, and radii (K, M) of their error balls, whatever the share; otherwise those of the
        geometry, and radii by the slope.
    step : float
        Grid step of the search (16), from 1e-4 to 1/2.

    Raises
    ------
    InfeasibleScenario
        When the position limit cannot be met.

    Examples
    --------
    >>> import numpy as np
    >>> scenario = Scenario.random(
    ...     np.random.default_rng(3), ap_positions_m=[[30, 70], [10, 20]], user_positions_m=[[20, 30], [40, 45]],
    ...     antennas=7, antenna_spacing_m=0.08, crlb_limit_m2=4e-11, sensing_processing_gain_db=85.0)
    >>> found = solve_main(scenario, start=0.2)
    >>> print([f"{share:.2f}" for share in found.time_history], f"{found.worst_rate_bps_hz:.3f} bit/s/Hz")
    ['0.20', '0.99', '0.98', '0.97', '0.97'] 15.053 bit/s/Hz
    """
    options = {"tolerance": tolerance, "max_iterations": max_iterations, "step": step}
    setting = {"sensing": sensing, "curve": curve, "channels": channels, "error_radii": error_radii}
    return _alternate(scenario, False, start, options, setting)


def solve_mrt(
    scenario: Scenario,
    *,
    start: float = 0.5,
    tolerance: float = 1e-3,
    max_iterations: int = 20,
    sensing: Sensing | None = None,
    curve: SinrCurve | None = None,
    channels: ArrayLike | None = None,
    error_radii: ArrayLike | None = None,
    step: float = _STEP,
) -> Allocation:
    r"""TD-ISAC-MRT, Algorithm 4: as :func:`solve_main` with :math:`w_{k,m}=\sqrt{P_{k,m}}\,h_{k,m}/\|h_{k,m}\|`.

    Takes the options of :func:`solve_main`; ``curve`` must be one with ``matched=True``.

    Examples
    --------
    >>> import numpy as np
    >>> found = solve_mrt(Scenario.random(np.random.default_rng(1)), step=0.05)
    >>> print(f"{found.worst_rate_bps_hz:.4f} bit/s/Hz at {found.time_allocation:.4f}")
    8.6451 bit/s/Hz at 0.7470
    """
    options = {"tolerance": tolerance, "max_iterations": max_iterations, "step": step}
    setting = {"sensing": sensing, "curve": curve, "channels": channels, "error_radii": error_radii}
    return _alternate(scenario, True, start, options, setting)


def _alternate(scenario: Scenario, matched: bool, start: float, options: dict, given: dict) -> Allocation:
    begin = time.perf_counter()
    start = checks.number("start", start)
    if not 0 < start < 1:
        raise InvalidScenario("start", f"must lie strictly between 0 and 1, but is {start}")
    tolerance = checks.number("tolerance", options["tolerance"], minimum=0)
    max_iterations = checks.count("max_iterations", options["max_iterations"])
    step = checks.number("step", options["step"], minimum=_LEAST_STEP, maximum=0.5)
    # Bi-RBO is the program of the S-procedure; of matched beams its covariances are far from rank one, and cuts find better ones.
    setting = Setting(scenario, matched=matched, method="cuts" if matched else "sdp", **given)
    largest = setting.largest
    eta, etas, history = start, [start], []
    converged = False
    for iteration in range(1, max_iterations + 1):
        point = setting.beams(eta)
        rate = float(rate_bps_hz(eta, point.sinr))
        history.append(Step(iteration - 1, rate, eta <= largest, time.perf_counter() - begin))
        moved = _margin_share(setting, point, eta, step)
        etas.append(moved)
        converged = abs(moved - eta) <= tolerance * eta
        eta = moved
        if converged:
            break
    final = min(eta, largest)
    point = setting.beams(final)
    rate = float(rate_bps_hz(final, point.sinr))
    excess = violations(scenario, point.beams, setting.sensing.covariances, final)
    history.append(Step(len(history), rate, True, time.perf_counter() - begin))
    certificate = Certificate(
        method="alternating optimisation" + (", maximum ratio transmission" if matched else ""),
        value=rate,
        residual=max(point.certificate.residual, *excess.values()),
        status="converged" if converged else "iteration_limit",
        iterations=len(etas) - 1,
        seconds=time.perf_counter() - begin,
    )
    return Allocation(
        beams=point.beams,
        covariances=setting.sensing.covariances,
        time_allocation=final,
        worst_rate_bps_hz=rate,
        rank_one_ratio=np.ones(len(point.beams)),
        certificate=certificate,
        history=tuple(history),
        multipliers=point.multipliers,
        time_history=tuple(etas),
    )


def constraint_margins(
    scenario: Scenario,
    crlb_bar_m2: float,
    beams: ArrayLike,
    rate_bps_hz: float,
    etas: ArrayLike,
    *,
    channels: ArrayLike | None = None,
    error_radii: ArrayLike | None = None,
) -> np.ndarray:
    r""":math:`A_k(\eta)/\sigma^2` of eq. (15), best over :math:`\lambda`, at several shares: (E, K); -inf out of reach.

    Zero or more: the beams keep the rate ``rate_bps_hz`` in the worst case at that share.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> alone = scenario.replace(user_positions_m=scenario.user_positions_m[:1], reflectivity=scenario.reflectivity[:1])
    >>> found, sensing = nf.solve_mrt(alone), nf.optimise_sensing(alone)
    >>> rate, share = 0.9 * found.worst_rate_bps_hz, found.time_allocation
    >>> bool(nf.constraint_margins(alone, sensing.crlb_bar_m2, found.beams, rate, [share])[0, 0] > 0)
    True
    """
    curve = curve_of(scenario, channels=channels, error_radii=error_radii)
    crlb_bar = checks.number("crlb_bar_m2", crlb_bar_m2, minimum=0)
    w = checked_beams(beams, curve.channels, curve.noise_w)
    rate = checks.number("rate_bps_hz", rate_bps_hz, minimum=0)
    shares = np.atleast_1d(checks.array("etas", etas, ("...",), minimum=0, maximum=1))
    if shares.ndim != 1:
        raise InvalidScenario("etas", f"has shape {shares.shape}", "expected (E,)")
    errors = np.ones(shares.shape) if error_radii is not None else relative_error(scenario, crlb_bar, shares)
    return _margins(curve, w, rate, shares, errors)


def _margins(curve: SinrCurve, beams: np.ndarray, rate: float, etas: np.ndarray, errors: np.ndarray) -> np.ndarray:
    result = np.full((len(etas), len(beams)), -np.inf)
    usable = (etas > 0) & (errors < curve.reach) & (rate < _MAX_EXPONENT * etas)
    if rate == 0:
        usable &= False
        result[etas > 0] = np.inf  # nothing is asked for
    if not np.any(usable):
        return result
    problem = reduce(curve.channels, curve.unit_radii, curve.noise_w)
    sinr = np.expm1(rate / etas[usable] * math.log(2))
    radii = errors[usable, None, None] * problem.radii
    reduced = np.repeat(problem.project(beams)[None], np.sum(usable), axis=0)
    found = worst_case(problem.channels, radii, reduced, sinr[:, None], precision=_MARGIN_PRECISION)
    result[usable] = found.value - 1
    return result


def constraint_margin_share(scenario: Scenario, sensing: Sensing, point: RobustSinr, eta: float, *, step: float = _STEP) -> float:
    r"""The share of eq. (16): best of a grid over (0, 1) and of the present share, for the present beams and rate.

    A rate of 0 constrains no share: the present one then stays.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> alone = scenario.replace(user_positions_m=scenario.user_positions_m[:1], reflectivity=scenario.reflectivity[:1])
    >>> sensing = nf.optimise_sensing(alone)
    >>> radii = nf.relative_error(alone, sensing.crlb_bar_m2, 0.9) * np.linalg.norm(nf.channels(alone), axis=2)
    >>> point = nf.robust_sinr(nf.channels(alone), radii, alone.noise_w, alone.comm_power_w)
    >>> 0 < nf.constraint_margin_share(alone, sensing, point, 0.9) < 1
    True
    """
    eta = checks.number("eta", eta, positive=True, maximum=1)
    step = checks.number("step", step, minimum=_LEAST_STEP, maximum=0.5)
    setting = Setting(scenario, checks.instance("sensing", sensing, Sensing))
    if checks.instance("point", point, RobustSinr).beams.shape != setting.curve.channels.shape:
        raise InvalidScenario("point", f"has beams of shape {point.beams.shape}, not {setting.curve.channels.shape}")
    return _margin_share(setting, point, eta, step)


def _margin_share(setting: Setting, point: RobustSinr, eta: float, step: float) -> float:
    if point.sinr == 0:
        return eta
    key = id(point), eta, step, float(setting.error(0.0))
    known = setting.curve.moves.get(key)
    if known is not None:
        return known[1]
    grid = step * np.arange(1, math.ceil(1 / step) + 1)
    etas = np.append(grid[grid < 1 - 1e-9], eta)
    rate = float(rate_bps_hz(eta, point.sinr))
    margins = _margins(setting.curve, point.beams, rate, etas, setting.error(etas)).min(axis=1)
    found = float(etas[int(np.argmax(margins))])
    setting.curve.moves[key] = point, found
    return found


def rank_one_ratios(scenario: Scenario, crlb_bar_m2: float, time_allocation: float, sinr: float) -> np.ndarray:
    r"""How close the relaxed covariances of (14) are to rank one at a share and an SINR: largest eigenvalue over trace, (K,).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> alone = scenario.replace(user_positions_m=scenario.user_positions_m[:1], reflectivity=scenario.reflectivity[:1])
    >>> sensing = nf.optimise_sensing(alone)
    >>> nf.rank_one_ratios(alone, sensing.crlb_bar_m2, 0.9, 1e3).round(3).tolist()
    [1.0]
    """
    share = checks.number("time_allocation", time_allocation, minimum=0, maximum=1)
    crlb_bar = checks.number("crlb_bar_m2", crlb_bar_m2, minimum=0)
    curve = curve_of(scenario)
    radii = curve.radii(float(relative_error(scenario, crlb_bar, share)))
    margin = power_margin(curve.channels, radii, sinr, scenario.noise_w, scenario.comm_power_w, method="sdp")
    return margin.rank_one_ratio
