r"""The optimum when the Fisher information weights *energy*, :math:`p_m t_m W`, which the printed model leaves out.

With :math:`E_m = p_m t_m` the problem is jointly convex in times and energies:

.. math::
    \max_{t, E, R}\ R \quad\text{s.t.}\quad t_m W \log_2(1 + a_m E_m / t_m) \ge R,\quad E_m \le c_m t_0,\quad
    E_m \le P_{\max} t_m,\quad \sum_{m=0}^M t_m \le T,\quad
    (A_n - 1/\eta)(B_n - 1/\eta) \ge C_n^2 + 1/\eta^2,

where A, B, C are linear in :math:`(t_0, E)` and the last line, a rotated second-order cone, is
:math:`\operatorname{tr} J_n^{-1} \le \eta`: multiply out and divide by :math:`A_n B_n - C_n^2`. Two routes lead to the optimum.

*Search.* Without the caps every joule is spent, :math:`E_m = c_m t_0`, and the CRB limit reads
:math:`t_0 \ge t_{0,\min} = \max_n \operatorname{tr} \tilde J_n^{-1}/\eta` (:math:`\tilde J` at one second of charging). On the
curve :math:`p(s)`, :math:`t_0 = s T/G(s)` increases with s, so the sign change of :mod:`.exact` returns with another
predicate. If its powers respect the caps it solves the full problem, and its bracket certifies it.

*Barrier.* Otherwise an interior-point method (:mod:`.interior`) goes to the optimum, the allocation is evaluated as it stands,
and its multipliers give the bound by weak duality (:mod:`.duality`). Near the least attainable CRB, where the throughput changes
up to 1e12 times as fast as the limit, it goes there once more in extended precision.

The least attainable CRB (:mod:`.attainable`) decides feasibility.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import numpy as np

from ..foundations import checks
from ..foundations.certificate import Certificate, Status, relative_gap
from ..foundations.errors import InvalidScenario, SolverFailure
from ..foundations.scenario import Batch
from . import interior
from .allocation import Allocation, AllocationBatch
from .attainable import Best, least_crb, problem_of
from .batch import OPTIMAL_GAP, OPTIMAL_RESIDUAL, allocations, infeasible, row
from .curve import Curve, locate, settle, tangent_bound
from .duality import beyond, dual_bound
from .scenario import Scenario, throughputs
from .sensing import Lane, Sensing
from .verify import residual

_LN2 = float(np.log(2.0))
_LOG = logging.getLogger(__name__)
_CAP_SLACK = 1e-12  # rounding of a power at its cap
_TIGHT = 1e-9  # a larger gap makes a second set of multipliers worth the trouble
_NO_ROOM = 8e-13  # a limit that is as good as the least attainable CRB leaves no choice
_ROUNDING = 1e-12  # of a CRB at its limit
_BLEND = 0.3  # of the room at the best CRB, kept by the start of the barrier method


def solve_energy(scenario: Scenario, *, method: str = "auto") -> Allocation:
    """Global optimum for ``sensing="energy"``: by search where no cap binds, else by the barrier method.

    ``method="barrier"`` forces the latter, for cross-checks. Errors as in :func:`~.exact.solve_exact`. At the least
    attainable CRB, and up to about 1e-10 above it, the throughput hangs on the last digits of the limit: what extended precision
    does not prove is ``converged``, with the bound that is proven.

    >>> scenario = Scenario.random(np.random.default_rng(1), sensing="energy", max_power_w=0.05, crb_limit_m2=1e-4)
    >>> allocation = solve_energy(scenario)
    >>> round(allocation.min_throughput_bit, 1), round(float(allocation.powers_w.max()), 4), allocation.certificate.status
    (2011746.8, 0.05, 'optimal')
    """
    start = time.perf_counter()
    _energy_sensing(scenario)
    checks.word("method", method, ("auto", "barrier"))
    searched, iterations, capped = _search(Lane(scenario))
    if method == "auto" and searched.feasible[0] and not capped[0]:
        _tighten(scenario, searched, 0)
        return row(searched, 0, "convex scalar search", iterations, time.perf_counter() - start)
    return _barrier(scenario, float(searched.bound[0]), start)


def solve_energy_batch(batch: Batch) -> AllocationBatch:
    """Rows by search, those with a binding cap one by one through the barrier method; infeasible rows are nan."""
    result, _, capped = _search(batch)
    names = ("powers_w", "charging_time_s", "times_s", "min_throughput_bit", "bound", "gap", "residual")
    best = least_crb(batch)
    result.best_attainable[:], result.worst_target[:] = best.crb, best.worst
    for d in np.flatnonzero((result.status == "converged") & ~capped):
        _tighten(batch[int(d)], result, int(d))
    for d in np.flatnonzero(result.feasible & capped):
        scenario = batch[int(d)]
        fields: dict = dict.fromkeys(names, np.nan)
        status = "infeasible"
        if best.crb[d] <= scenario.crb_limit_m2:
            try:
                one = _barrier(scenario, float(result.bound[d]), time.perf_counter(), best.row(d))
            except SolverFailure as failure:
                _LOG.warning("row %d: %s", d, failure)
                status = "failed"
            else:
                status = one.certificate.status
                fields = {name: getattr(one if hasattr(one, name) else one.certificate, name) for name in names}
        result.feasible[d], result.status[d] = status != "infeasible", status
        for name, value in fields.items():
            getattr(result, name)[d] = value
    return result


def _tighten(scenario: Scenario, found: AllocationBatch, d: int) -> None:
    """Where all directions nearly agree, the CRB's rounding keeps the bound of the search wide: put that of the multipliers."""
    if found.status[d] != "converged":
        return
    point = found.powers_w[d], float(found.charging_time_s[d]), found.times_s[d]
    value, bound = float(found.min_throughput_bit[d]), dual_bound(scenario, *point)
    if value > bound:
        bound = dual_bound(scenario, *point, slack=beyond(scenario, *point))
    if value <= bound < found.bound[d]:
        found.bound[d], found.gap[d] = bound, relative_gap(value, bound)
        if found.gap[d] <= OPTIMAL_GAP and found.residual[d] <= OPTIMAL_RESIDUAL:
            found.status[d] = "optimal"


def _energy_sensing(scenario: Scenario) -> None:
    checks.instance("scenario", scenario, Scenario)
    if scenario.sensing != "energy":
        raise InvalidScenario("scenario", 'this is made for sensing="energy"', "solve_exact takes both kinds")


def _search(batch: Batch | Lane) -> tuple[AllocationBatch, int, np.ndarray]:
    """The optimum without the caps, and which rows break a cap."""
    curve = Curve(batch, capped=False)
    sensing = Sensing(batch, batch.bs_power_w)  # per second of charging
    per_second = sensing.crb(curve.harvest)
    limited, horizon = np.isfinite(batch.crb_limit_m2), batch.time_budget_s
    limit = np.where(limited, batch.crb_limit_m2, 1.0)

    def room(crb):
        """ln((T - t) / t) with the charging time t that the limit asks for: inf without one, -inf for a frame too short."""
        t = np.where(limited, crb / limit, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(t < horizon, np.log(horizon - t) - np.log(t), -np.inf)

    def shortfall(point, room):
        """ln of the slots over what is left for them, (T - t) s / t."""
        return np.log(_LN2 * (1 / point.log_snr).sum(axis=-1) / point.s) - room

    most = room(per_second.max(axis=1))
    feasible = most > -np.inf
    enough = np.where(feasible, most, np.inf)
    proven = np.where(feasible, room(sensing.least_worst(curve.harvest)), np.inf)

    def excess(point):
        return np.maximum(np.log(point.pull), shortfall(point, enough))

    high = np.maximum(curve.z_low + 1, 0.0)
    while np.any(outside := excess(curve.at(high)) > 0):
        high = np.where(outside, high + 2, high)
    bracket, left, right = locate(curve, excess, high)
    left, _ = settle(curve, np.atleast_1d(bracket.low), left, lambda point: shortfall(point, proven) > 0, np.inf)
    bound = batch.bandwidth_hz * (batch.time_budget_s / tangent_bound(left, right))
    frame = batch.time_budget_s / right.total
    times, throughput, charging = frame[:, None] / right.rates, batch.bandwidth_hz * frame, right.s * frame
    best = per_second / batch.time_budget_s[:, None]
    powers = right.powers_w
    crb = sensing.crb(powers * times / charging[:, None]) / charging[:, None]
    result = allocations(batch, curve.harvest, crb, powers, charging, times, throughput, feasible, best, bound)
    capped = (right.powers_w > batch.max_power_w[:, None] * (1 + _CAP_SLACK)).any(axis=1)
    return result, bracket.iterations, capped


def best_attainable_crb(scenario: Scenario) -> tuple[float, int]:
    r"""Least worst-target CRB in m^2 of any allocation, and its target, for ``sensing="energy"`` (inf: degenerate geometry).

    An allocation attains it to the last digit, so that it is accepted as a limit.

    >>> best, target = best_attainable_crb(Scenario.random(np.random.default_rng(1), sensing="energy"))
    >>> f"{best:.4e}", target
    ('2.9362e-05', 5)
    """
    _energy_sensing(scenario)
    best = least_crb(Lane(scenario))
    return float(best.crb[0]), int(best.worst[0])


def _barrier(scenario: Scenario, uncapped: float, start: float, frame: Best | None = None) -> Allocation:
    """The optimum where caps bind; ``frame`` is that of the least CRB, if it is known."""
    users, limit, horizon = len(scenario.gain_bs_user), scenario.crb_limit_m2, scenario.time_budget_s
    limited, only = bool(np.isfinite(limit)), None
    problem = problem_of(Lane(scenario), limit * horizon if limited else 1.0)
    t0 = 0.5 / (1 + problem.q.sum())
    e = np.full(users, 0.5 * t0)
    if limited:
        frame = least_crb(Lane(scenario)) if frame is None else frame
        best, best_t0, best_e = float(frame.crb[0]), float(frame.charging_s[0]) / horizon, frame.harvesting_s[0] / horizon
        if not best <= limit:
            raise infeasible(scenario, best, int(frame.worst[0]))
        if limit <= best * (1 + _NO_ROOM):
            powers = np.full(users, scenario.max_power_w)
            only = _judged(scenario, powers, float(frame.charging_s[0]), frame.times_s[0], uncapped, 0, start)
            if only.certificate.status == "optimal":
                return only
            limit = best * (1 + _NO_ROOM)
            problem = problem_of(Lane(scenario), limit * horizon)
        room, share = limit / best - 1, 0.5
        while True:
            mixed = best_t0 + share * (t0 - best_t0), best_e + share * (e - best_e)
            if problem.psi(*mixed)[0].min() >= 1 + _BLEND * room:
                break
            share *= 0.5
        t0, e = mixed
    found, failure = None, None
    for dtype in (float, np.longdouble):
        numbers = problem if dtype is float else problem_of(Lane(scenario), dtype(limit) * dtype(horizon), dtype)
        try:
            here = _followed(scenario, numbers, t0, e, limited, uncapped, start)
        except SolverFailure as error:
            failure = error
            continue
        if found is None or here.certificate.gap < found.certificate.gap:
            found = here
        if found.certificate.status == "optimal" or not limited:
            break
    if found is None:
        raise failure
    return found if only is None or found.certificate.status == "optimal" else _at_the_edge(scenario, only, found)


def _at_the_edge(scenario: Scenario, only: Allocation, looser: Allocation) -> Allocation:
    """The frame of the least CRB, with the bound that the optimum of a looser limit knows for this one."""
    slack = beyond(scenario, only.powers_w, only.charging_time_s, only.times_s)  # what the frame itself has rounded
    bound = dual_bound(scenario, looser.powers_w, looser.charging_time_s, looser.times_s, slack=slack)
    value = only.certificate.value
    if not value <= bound < only.certificate.bound:
        return only
    status: Status = "optimal" if relative_gap(value, bound) <= OPTIMAL_GAP else "converged"
    return replace(only, certificate=replace(only.certificate, bound=bound, status=status))


def _followed(scenario: Scenario, problem: interior.Problem, t0, e, limited: bool, uncapped: float, start: float) -> Allocation:
    """The barrier method from shares with room, in the precision of the problem's numbers."""
    horizon = problem.k.dtype.type(scenario.time_budget_s)
    t0, e, t, weights, prices, steps = interior.throughput(problem, t0, e, limited)
    unit = horizon / (t0 + t.sum())  # more of everything: what the barrier left of the frame
    charging, times = float(t0 * unit), (t * unit).astype(float)
    powers = np.minimum((e * problem.harvest / t).astype(float), scenario.max_power_w)
    hints = ((weights, prices * horizon / np.log(problem.k.dtype.type(2))),)
    return _judged(scenario, powers, charging, times, uncapped, steps, start, hints)


def _judged(scenario, powers, charging, times, bound, steps, start, hints=()) -> Allocation:
    """The allocation with the least of the bounds at hand."""
    value = float(throughputs(scenario, times, powers).min())
    violation = residual(scenario, powers, charging, times)
    if relative_gap(value, bound) > _TIGHT:
        bound = min(bound, dual_bound(scenario, powers, charging, times, hints))
        if value > bound and violation <= _ROUNDING:
            bound = dual_bound(scenario, powers, charging, times, hints, beyond(scenario, powers, charging, times))
    if violation > OPTIMAL_RESIDUAL:
        raise SolverFailure("barrier method", "infeasible answer", {"violation": violation})
    certificate = Certificate(
        method="barrier method",
        value=value,
        bound=bound,
        residual=violation,
        status="optimal" if relative_gap(value, bound) <= OPTIMAL_GAP else "converged",
        iterations=steps,
        seconds=time.perf_counter() - start,
    )
    return Allocation(powers, charging, times, value, certificate)
