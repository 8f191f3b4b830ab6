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
from scipy.optimize import nnls

from ..foundations import units
from ..foundations.certificate import Certificate, Step, relative_gap
from ..foundations.errors import InfeasibleScenario, SolverFailure
from ..foundations.scenario import Batch
from . import cuts
from . import pulse as pulses
from .allocation import Allocation, AllocationBatch, Limits
from .scenario import Scenario, capacity_bps, toa_crb_s2
from .waterfilling import priced_bound, waterfill_powers

FEASIBILITY_TOLERANCE = 1e-7  # relative; the margin at which two solutions of the same limit are told apart
OPTIMAL_GAP = 1e-6
_ACTIVE = (1e-6, 1e-5, 1e-4, 1e-3)  # how close to equality (relative, or a share) a limit may carry a multiplier; all are tried


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
        "communication"; its certificate then speaks of the limit that fails: ``value`` is the best attainable value and
        ``bound`` a certified bound on it, beyond the limit (for the sidelobe level both are amplitude ratios).

    Raises
    ------
    InvalidScenario
        A limit is not a number in its range.
    InfeasibleScenario
        No allocation meets the limits: the certified test for "communication only". With several limits, the one named
        cannot be met together with those before it (order: CRB, main-lobe width, sidelobe level, capacity loss).
    SolverFailure
        The solver stopped early; says nothing about feasibility.
    """
    began = time.perf_counter()
    limits = Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss)
    try:
        return _solve(scenario, limits, began)
    except InfeasibleScenario as failure:
        if not fallback:
            raise
        powers = waterfill_powers(scenario.carrier_snr, 1.0) * scenario.power_budget_w
        certificate = Certificate(
            method=f"water-filling; {failure.constraint} cannot be met",
            value=failure.best_attainable,
            bound=failure.certified_bound,
            status="optimal" if relative_gap(failure.best_attainable, failure.certified_bound) <= OPTIMAL_GAP else "converged",
            seconds=time.perf_counter() - began,
            sense="min",
        )
        return Allocation(powers, "communication", float(capacity_bps(scenario, powers)), certificate)


def _solve(scenario: Scenario, limits: Limits, began: float) -> Allocation:
    shares = waterfill_powers(scenario.carrier_snr, 1.0)
    unit = scenario.subcarrier_spacing_hz / math.log(2)
    nats = priced_bound(scenario.carrier_snr, np.zeros(scenario.carriers))
    history: tuple[Step, ...] = ()
    rounds = 0
    unlimited = dataclasses.replace(limits, max_capacity_loss=None)
    if unlimited.residual(scenario, shares * scenario.power_budget_w) > 1e-12:
        problem = problem_of(scenario, limits)
        _check_moment(scenario, limits)
        if limits.peak_sidelobe_db is not None and cuts.remembered_level(_sidelobe_problem(scenario, limits)):
            _check_feasible(scenario, limits)  # known from another channel with the same limits
        outcome = cuts.maximise_utility(problem, scenario.carrier_snr, start=shares)
        if not outcome.converged:
            reference = _check_feasible(scenario, limits)
            outcome = cuts.maximise_utility(problem, scenario.carrier_snr, start=reference, max_rounds=40)
            if not outcome.converged:
                raise SolverFailure("interior point with cuts", "iteration_limit", {"overshoot": outcome.overshoot})
        shares, rounds = outcome.shares, outcome.rounds
        nats = outcome.bound
        history = tuple(
            Step(k, unit * value, over <= FEASIBILITY_TOLERANCE, s) for k, (value, over, s) in enumerate(outcome.history)
        )
    powers = shares * scenario.power_budget_w
    value = float(capacity_bps(scenario, powers))
    bound = unit * nats
    _check_capacity(scenario, limits, value, bound)
    residual = limits.residual(scenario, powers)
    good = relative_gap(value, bound) <= OPTIMAL_GAP and residual <= FEASIBILITY_TOLERANCE
    certificate = Certificate(
        method="interior point with cuts at violated delays" if rounds else "water-filling meets every limit",
        value=value,
        bound=bound,
        residual=residual,
        status="optimal" if good else "converged",
        iterations=rounds,
        seconds=time.perf_counter() - began,
    )
    return Allocation(powers, "isac", value, certificate, history)


def problem_of(scenario: Scenario, limits: Limits) -> cuts.Problem:
    """The limits in normalised form: shares of the budget, delays in 1/bandwidth."""
    regions = []
    if limits.sidelobe_level() < 1:
        regions.append(cuts.Region(scenario.sidelobe_start, scenario.sidelobe_end, limits.sidelobe_level()))
    if (lobe := limits.main_lobe_region(scenario)) is not None:
        regions.append(cuts.Region(*lobe, pulses.HALF_POWER))
    return cuts.Problem(scenario.carriers, tuple(regions), limits.least_moment(scenario), scenario.oversampling)


def solve_sidelobe_limited(scenario: Scenario, peak_sidelobe_db: float) -> Allocation:
    """Largest capacity under a sidelobe limit alone: the allocation of the paper's reference [2]. Errors as in
    :func:`solve_exact`.
    """
    return solve_exact(scenario, peak_sidelobe_db=peak_sidelobe_db)


def minimise_sidelobe(scenario: Scenario) -> Allocation:
    r"""Least peak sidelobe level, :math:`\min_{p\ge0} \max_{u_0\le u\le u_1} |y(u)|/y(0)`, without any other limit.

    The answer does not depend on the channel, but it does on where the sidelobes are said to begin: without
    ``sidelobe_start`` the problem has no meaningful solution. Certificate: value and bound are amplitude ratios.
    """
    began = time.perf_counter()
    least = cuts.least_level(_sidelobe_problem(scenario, Limits()))
    powers = least.shares * scenario.power_budget_w
    certificate = Certificate(
        method="interior point with cuts at the highest sidelobes",
        value=least.level,
        bound=least.bound,
        residual=max(0.0, float(powers.sum() / scenario.power_budget_w - 1)),
        status="optimal" if relative_gap(least.level, least.bound) <= OPTIMAL_GAP else "converged",
        iterations=least.rounds,
        seconds=time.perf_counter() - began,
        sense="min",
    )
    return Allocation(powers, "isac", float(capacity_bps(scenario, powers)), certificate)


def _sidelobe_problem(scenario: Scenario, limits: Limits) -> cuts.Problem:
    """Sidelobe region first (to be lowered), the other limits as they are."""
    others = problem_of(scenario, dataclasses.replace(limits, peak_sidelobe_db=None))
    region = cuts.Region(scenario.sidelobe_start, scenario.sidelobe_end, 0.1)
    return dataclasses.replace(others, regions=(region, *others.regions))


class _Infeasible(InfeasibleScenario):
    """Carries the certified bound on the best attainable value as well."""

    def __init__(self, constraint: str, limit: float, best: float, bound: float, message: str = "") -> None:
        self.certified_bound = bound
        super().__init__(constraint, limit=limit, best_attainable=best, message=message)

    def __reduce__(self):
        return type(self), (self.constraint, self.limit, self.best_attainable, self.certified_bound, self.message)


def _check_moment(scenario: Scenario, limits: Limits) -> None:
    """The two edge carriers have the largest centred second moment of all allocations."""
    best = (0.5 * (scenario.carriers - 1)) ** 2
    if limits.least_moment(scenario) > best * (1 - FEASIBILITY_TOLERANCE):
        edges = np.zeros(scenario.carriers)
        edges[[0, -1]] = 0.5 * scenario.power_budget_w
        attainable = float(toa_crb_s2(scenario, edges))
        closed_form = limits.max_toa_crb_s2 * limits.least_moment(scenario) / best
        raise _Infeasible("max_toa_crb_s2", limits.max_toa_crb_s2, attainable, closed_form, "all power at the two band edges")


def _check_feasible(scenario: Scenario, limits: Limits) -> np.ndarray:
    """Shares that meet every limit with room, or InfeasibleScenario; called after the CRB was found attainable alone."""
    lobe = problem_of(scenario, dataclasses.replace(limits, peak_sidelobe_db=None))
    least = None
    if lobe.regions:
        least = cuts.least_level(lobe)
        if least.level > pulses.HALF_POWER:
            width, excluded = best_main_lobe_width_m(scenario, max_toa_crb_s2=limits.max_toa_crb_s2)
            raise _Infeasible("max_main_lobe_width_m", limits.max_main_lobe_width_m, width, excluded)
    if limits.peak_sidelobe_db is not None:
        least = cuts.least_level(_sidelobe_problem(scenario, limits))
        if least.level > limits.sidelobe_level() * (1 - FEASIBILITY_TOLERANCE):
            best = float(units.amplitude_to_db(least.level))
            raise _Infeasible("peak_sidelobe_db", limits.peak_sidelobe_db, best, float(units.amplitude_to_db(least.bound)))
    return waterfill_powers(scenario.carrier_snr, 1.0) if least is None else least.shares


def best_main_lobe_width_m(
    scenario: Scenario, *, max_toa_crb_s2: float | None = None, tolerance: float = 1e-6
) -> tuple[float, float]:
    """Least main-lobe limit that can be met (with an optional CRB limit) and the largest one proven impossible, in metres."""
    count = scenario.carriers
    impossible, possible = 0.5 * count / (count - 1) * (1 - 1e-9), 2.0 * scenario.sidelobe_start
    while possible - impossible > tolerance * possible:
        width = 0.5 * (possible + impossible)
        limits = Limits(max_main_lobe_width_m=width * scenario.range_cell_m, max_toa_crb_s2=max_toa_crb_s2)
        least = cuts.least_level(problem_of(scenario, limits))
        if least.level <= pulses.HALF_POWER:
            possible = width
        elif least.bound > pulses.HALF_POWER:
            impossible = width
        else:
            break
    return possible * scenario.range_cell_m, impossible * scenario.range_cell_m


def _check_capacity(scenario: Scenario, limits: Limits, value: float, bound: float) -> None:
    if limits.max_capacity_loss is None:
        return
    full = float(capacity_bps(scenario, waterfill_powers(scenario.carrier_snr, 1.0) * scenario.power_budget_w))
    if value < (1 - limits.max_capacity_loss) * full * (1 - FEASIBILITY_TOLERANCE):
        raise _Infeasible("max_capacity_loss", limits.max_capacity_loss, 1 - value / full, 1 - bound / full)


def capacity_bound(scenario: Scenario, limits: Limits, powers_w) -> float:
    r"""Upper bound on the capacity under ``limits`` in bit/s, from multipliers fitted to the given powers.

    For any :math:`z_k \in \mathbb C`, delays :math:`u_k`, centre :math:`\mu` and :math:`\beta \ge 0`, all allowed shares
    x satisfy

    .. math:: \sum_k |z_k| r_k - \operatorname{Re}(z_k^* y(u_k)) + \beta\Bigl(\sum_n (n - \mu)^2 x_n - \kappa\Bigr) \ge 0,

    so adding it to the utility and maximising over :math:`x \ge 0,\ \mathbf 1^{\mathsf T}x \le 1` (priced water-filling,
    closed form) bounds the optimum. The multipliers are a non-negative least-squares fit of the stationarity conditions
    at ``powers_w``: good powers give a tight bound, bad powers a loose one, and every bound is valid.
    """
    shares = np.asarray(powers_w, dtype=float) / np.sum(powers_w)
    gains = scenario.carrier_snr
    problem = problem_of(scenario, limits)
    nats = min(_fitted_bound(problem, gains, shares, active) for active in _ACTIVE)
    return scenario.subcarrier_spacing_hz / math.log(2) * nats


def _fitted_bound(problem: cuts.Problem, gains: np.ndarray, shares: np.ndarray, active: float) -> float:
    """The bound in nats with multipliers on the limits that hold with equality up to ``active`` (relative)."""
    carriers = pulses.centred_carriers(problem.carriers)
    columns, offset = [np.empty((0, problem.carriers))], []
    for region in problem.regions:
        u, levels = pulses.peaks(shares, region.start, region.stop, problem.oversampling, above=0.7)
        u = u[levels >= region.level * (1 - active)]
        if u.size:
            phases = pulses.pulse(shares, u)
            directions = phases / np.abs(phases)
            columns.append(region.level - (directions.conj()[:, None] * pulses.steering(u, problem.carriers)).real)
            offset.extend([0.0] * u.size)
    moment = (carriers - shares @ carriers) ** 2
    if problem.least_moment > 0 and shares @ moment <= problem.least_moment * (1 + active):
        columns.append(moment[None] / problem.least_moment)
        offset.append(1.0)
    bonuses = np.concatenate(columns)
    empty = np.flatnonzero(shares <= active)
    slack = np.zeros((problem.carriers, empty.size))
    slack[empty, np.arange(empty.size)] = -1.0
    marginal = gains / (1 + gains * shares)
    # marginal_n = price - sum of bonuses_n - reduced cost_n, all multipliers >= 0
    matrix = np.hstack([-bonuses.T, np.ones((problem.carriers, 1)), slack])
    weight = np.sqrt(np.maximum(shares, 1e-3 / problem.carriers)) / marginal.max()
    weighted = weight[:, None] * matrix
    scale = np.linalg.norm(weighted, axis=0)
    fit, _ = nnls(weighted / scale, weight * marginal, maxiter=20 * matrix.shape[1])
    multipliers = (fit / scale)[: len(bonuses)]
    return priced_bound(gains, multipliers @ bonuses) - float(multipliers @ np.array(offset))


def verify(
    scenario: Scenario,
    allocation: Allocation,
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
) -> Certificate:
    """Judge an allocation from its powers alone: recomputed value, bound (:func:`capacity_bound`) and residual.

    Returns
    -------
    Certificate
        ``status`` is "optimal" only where gap <= 1e-6 and residual <= 1e-7; whatever the allocation says of itself is ignored.
    """
    began = time.perf_counter()
    limits = Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss)
    value = float(capacity_bps(scenario, allocation.powers_w))
    bound = capacity_bound(scenario, limits, allocation.powers_w)
    residual = limits.residual(scenario, allocation.powers_w)
    good = relative_gap(value, bound) <= OPTIMAL_GAP and residual <= FEASIBILITY_TOLERANCE
    return Certificate(
        method="recomputed from the powers",
        value=value,
        bound=bound,
        residual=residual,
        status="optimal" if good else "converged",
        seconds=time.perf_counter() - began,
    )


def solve_exact_batch(scenarios, **limits) -> AllocationBatch:
    """:func:`solve_exact` for a batch (or a sequence of scenarios of equal shapes); never raises for infeasibility."""
    batch = Batch.of(scenarios)
    draws, carriers = len(batch), batch[0].carriers
    powers = np.full((draws, carriers), np.nan)
    capacity, best, gap, residual = (np.full(draws, np.nan) for _ in range(4))
    feasible = np.zeros(draws, dtype=bool)
    names = [""] * draws
    for row, scenario in enumerate(batch):
        try:
            allocation = solve_exact(scenario, **limits)
        except InfeasibleScenario as failure:
            names[row], best[row] = failure.constraint, failure.best_attainable
            continue
        powers[row], capacity[row], feasible[row] = allocation.powers_w, allocation.capacity_bps, True
        gap[row], residual[row] = allocation.certificate.gap, allocation.certificate.residual
    return AllocationBatch(powers, capacity, feasible, best, gap, residual, tuple(names))
