r"""The joint optimum of problem (9), with a certificate that NumPy can recompute.

.. math:: \max_{p \ge 0} \; C(p) \quad\text{s.t.}\quad \mathbf 1^{\mathsf T}p \le P,\;
    |f(u)^{\mathsf H} p| \le \rho\, \mathbf 1^{\mathsf T}p \;(u_0 \le u \le u_1),\;
    |f(u)^{\mathsf H} p| \le \tfrac{1}{\sqrt2} \mathbf 1^{\mathsf T}p \;(\tfrac w2 \le u \le u_0),\;
    \mathrm{CRB}(p) \le \varepsilon,\; C(p) \ge (1 - \epsilon_C) C_{\mathrm{WF}} .

It is convex, contrary to what the paper says of it. All ratios are homogeneous in p and the rest grows with p, so the
whole budget is used; with :math:`\mathbf 1^{\mathsf T}p = P` every limit is a convex quadratic. The capacity limit needs
no constraint: solve without it, then compare. Infinitely many delays are met by cuts at the peaks that violate them
(:mod:`isaclib.ofdm_ranging.cuts`).
"""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np

from ..foundations import checks
from ..foundations.certificate import Certificate, Step, relative_gap
from ..foundations.errors import SolverFailure
from . import cuts
from .allocation import Allocation, Limits
from .bounds import fitted_bound
from .edge import beside_the_least_level
from .feasibility import AMPLE, HOLDS, Refusal, examine, hopeless, problem_of, sidelobe_problem, window_within
from .least import least_level
from .scenario import Scenario, capacity_bps
from .waterfilling import best_capacity_bps, priced_bound, waterfill_shares

FEASIBILITY_TOLERANCE = 1e-7  # relative; the margin at which two solutions of the same limit are told apart
OPTIMAL_GAP = 1e-6
ROUNDING = 1e-12  # relative excess of a limit that is none
_NEAR, _EASED_ROUNDS = 1e-5, 16  # relative gap at which the limits are not raised; rounds per rise
_EXCHANGED = "linear program with rows exchanged at the peaks"
_RISES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 0.0)  # relative, of the limits where a search under them does not reach the optimum


def solve_exact(
    scenario: Scenario,
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
    fallback: bool = False,
) -> Allocation:
    """Largest capacity under all limits given (see :class:`Limits`; None: no such limit).

    Returns
    -------
    Allocation
        Certificate: value and bound are capacities in bit/s; the bound is the Lagrangian of the multipliers found,
        evaluated in closed form. With ``fallback=True`` an infeasible request returns water-filling with mode
        "communication"; its certificate then speaks of the limit that fails, in that limit's unit: ``value`` is the best
        attainable value and ``bound`` the certified bound on it that excludes the limit.

    Raises
    ------
    InvalidScenario
        A limit is not a number in its range.
    InfeasibleScenario
        A certified bound excludes the limits: the test for "communication only". With several limits, the one named
        cannot be met together with those before it (order: CRB, main-lobe width, sidelobe level, capacity loss).
        ``best_attainable`` of a main-lobe limit is infinite where no such limit can be met beside the CRB's.
    SolverFailure
        Neither an allocation nor a proof was found; says nothing about feasibility.

    Examples
    --------
    >>> import numpy as np
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> allocation = solve_exact(scenario, peak_sidelobe_db=-20.0)
    >>> round(allocation.capacity_bps / 1e6, 3), allocation.certificate.status
    (7.356, 'optimal')
    >>> solve_exact(scenario, peak_sidelobe_db=-40.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    isaclib.foundations.errors.InfeasibleScenario: peak_sidelobe_db: the limit is -40, the best attainable value is ...
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    checks.flag("fallback", fallback)
    result = solved(scenario, Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss))
    if isinstance(result, Allocation):
        return result
    if not fallback:
        raise result.error()
    powers = waterfill_shares(scenario.carrier_snr) * scenario.power_budget_w
    certificate = Certificate(
        method=f"water-filling; {result.constraint} cannot be met",
        value=result.best_attainable,
        bound=result.bound,
        status="optimal" if relative_gap(result.best_attainable, result.bound) <= OPTIMAL_GAP else "converged",
        seconds=time.perf_counter() - began,
        sense="min",
    )
    return Allocation(powers, "communication", float(capacity_bps(scenario, powers)), certificate)


def solved(scenario: Scenario, limits: Limits) -> Allocation | Refusal:
    """:func:`solve_exact` for checked arguments, a proven refusal returned instead of raised."""
    began = time.perf_counter()
    shares = waterfill_shares(scenario.carrier_snr)
    unit = scenario.subcarrier_spacing_hz / math.log(2)
    nats = priced_bound(scenario.carrier_snr, 0.0 * shares)
    history: tuple[Step, ...] = ()
    rounds, method = 0, "water-filling meets every limit"
    unlimited = dataclasses.replace(limits, max_capacity_loss=None)
    if unlimited.residual(scenario, shares * scenario.power_budget_w) > ROUNDING:
        outcome = _searched(scenario, limits, shares)
        if isinstance(outcome, Refusal):
            return outcome
        shares, rounds, method, nats = outcome.shares, outcome.rounds, outcome.method, min(nats, outcome.bound)
        history = tuple(Step(k, unit * value, over <= HOLDS, s) for k, (value, over, s) in enumerate(outcome.history))
    powers = shares * scenario.power_budget_w
    value = float(capacity_bps(scenario, powers))
    bound = unit * nats
    refusal = _lost(scenario, limits, value, bound)
    if refusal is not None:
        return refusal
    residual = limits.residual(scenario, powers)
    good = relative_gap(value, bound) <= OPTIMAL_GAP and residual <= FEASIBILITY_TOLERANCE
    certificate = Certificate(
        method=method,
        value=value,
        bound=bound,
        residual=residual,
        status="optimal" if good else "converged",
        iterations=rounds,
        seconds=time.perf_counter() - began,
    )
    return Allocation(powers, "isac", value, certificate, history)


def _searched(scenario: Scenario, limits: Limits, start) -> cuts.Outcome | Refusal:
    """The joint optimum, where no search reaches it with the best bound and mixture that higher limits give."""
    outcome = _sought(scenario, limits, start)
    if isinstance(outcome, Refusal) or outcome.converged or not outcome.found:
        return outcome
    problem = problem_of(scenario, limits)
    reference = window_within(scenario, problem)
    if reference is None or problem.excesses(reference).max() > -AMPLE:
        reference = examine(scenario, limits)
    if isinstance(reference, Refusal):
        return outcome
    over = np.maximum(problem.excesses(reference), problem.excesses(outcome.shares))
    return _eased(problem.loosened(over), scenario.carrier_snr, outcome, reference)


def _eased(problem: cuts.Problem, gains: np.ndarray, best: cuts.Outcome, reference: np.ndarray) -> cuts.Outcome:
    r"""The best of an outcome and what the optima under slightly higher limits, each the next one's start, are worth under the
    limits as they are.

    The optimum is a concave function of the level, as steep as a square root next to the least one. A higher level's shares,
    mixed with the reference, lie on a chord of it, and the multipliers fitted to them are a tangent: both near.
    """
    margins, near = np.minimum(problem.excesses(reference), 0.0), None
    found = float(np.log1p(gains * best.shares).sum())
    best = dataclasses.replace(best, bound=min(best.bound, fitted_bound(problem, gains, best.shares)))
    rises = () if margins.max() < -cuts.TIGHT else _RISES if margins.max() < 0 else _RISES[:-1]
    for rise in rises:
        if best.bound - found <= _NEAR * found:
            break
        above = problem.loosened(np.full(margins.size, rise))
        loose = cuts.maximise_utility(above, gains, start=best.shares, reference=reference, near=near, max_rounds=_EASED_ROUNDS)
        near = loose.shares
        mixed = cuts.mended(near, reference, problem.excesses(near), margins)
        worth = float(np.log1p(gains * mixed).sum())
        bound = min(best.bound, loose.bound, fitted_bound(problem, gains, near))
        if worth > found:
            best, found = dataclasses.replace(best, shares=mixed), worth
        best = dataclasses.replace(best, bound=bound, rounds=best.rounds + loose.rounds)
    return dataclasses.replace(best, converged=best.bound - found <= OPTIMAL_GAP * found)


def _sought(scenario: Scenario, limits: Limits, start) -> cuts.Outcome | Refusal:
    """The joint optimum; where it is not reached at once, whether there is one, and again from shares that meet the limits."""
    problem = problem_of(scenario, limits)
    gains = scenario.carrier_snr
    outcome = None
    if not hopeless(scenario, limits):
        known = window_within(scenario, problem)
        beside = beside_the_least_level(problem, gains) if known is not None else None
        if beside is not None and beside.converged:
            return beside
        outcome = cuts.maximise_utility(problem, gains, start=start, reference=known)
        if outcome.converged or (known is not None and problem.excesses(known).max(initial=-1.0) <= -AMPLE):
            return outcome
    reference = examine(scenario, limits)
    if isinstance(reference, Refusal):
        return reference
    over = problem.excesses(reference)
    if over.max(initial=-1.0) > 0:
        # By rounding. Multipliers at the edge can make that worth more than the gap, so the bound allows for it, too.
        return cuts.maximise_utility(problem.loosened(over), gains, start=start, reference=reference)
    again = cuts.maximise_utility(problem, gains, start=start, reference=reference)
    return again if outcome is None else cuts.better(gains, again, outcome)


def _lost(scenario: Scenario, limits: Limits, value: float, bound: float) -> Refusal | None:
    """Whether the capacity limit excludes the optimum, by its bound."""
    if limits.max_capacity_loss is None:
        return None
    full = best_capacity_bps(scenario)
    floor = (1 - limits.max_capacity_loss) * full
    if value >= floor * (1 - FEASIBILITY_TOLERANCE):
        return None
    if bound < floor:
        return Refusal("max_capacity_loss", limits.max_capacity_loss, 1 - value / full, 1 - bound / full)
    raise SolverFailure(
        "interior point with cuts", "undecided", {"needed": floor, "attained": value, "proven": bound}, "max_capacity_loss"
    )


def solve_sidelobe_limited(scenario: Scenario, peak_sidelobe_db: float) -> Allocation:
    """Largest capacity under a sidelobe limit alone: the allocation of the paper's reference [2]. Errors as in
    :func:`solve_exact`.

    >>> import numpy as np
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(solve_sidelobe_limited(scenario, -25.0).capacity_bps / 1e6, 3)
    7.055
    """
    checks.number("peak_sidelobe_db", peak_sidelobe_db, infinite=True)
    return solve_exact(scenario, peak_sidelobe_db=peak_sidelobe_db)


def minimise_sidelobe(scenario: Scenario) -> Allocation:
    r"""Least peak sidelobe level, :math:`\min_{p\ge0} \max_{u_0\le u\le u_1} |y(u)|/y(0)`, without any other limit.

    The answer does not depend on the channel, but it does on where the sidelobes are said to begin: without
    ``sidelobe_start`` the problem has no meaningful solution. Where all delays from there on are sidelobes it is Dolph's
    window in closed form (:mod:`isaclib.ofdm_ranging.window`). Certificate: value and bound are amplitude ratios; below about
    -180 dB the powers' own rounding keeps the value from the bound.

    >>> import numpy as np
    >>> scenario = Scenario.random(np.random.default_rng(0))
    >>> round(20 * math.log10(minimise_sidelobe(scenario).certificate.value), 4)
    -34.6008
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    least = least_level(sidelobe_problem(scenario, Limits()))
    if least.shares is None:
        raise SolverFailure(_EXCHANGED, "iteration_limit")
    powers = least.shares * scenario.power_budget_w
    certificate = Certificate(
        method=_EXCHANGED if least.rounds else "Dolph's window",
        value=least.level,
        bound=least.bound,
        residual=max(0.0, float(powers.sum() / scenario.power_budget_w - 1)),
        status="optimal" if relative_gap(least.level, least.bound) <= OPTIMAL_GAP else "converged",
        iterations=least.rounds,
        seconds=time.perf_counter() - began,
        sense="min",
    )
    return Allocation(powers, "isac", float(capacity_bps(scenario, powers)), certificate)
