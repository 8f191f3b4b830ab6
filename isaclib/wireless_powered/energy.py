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

*Cones.* Otherwise the program above goes to a conic solver, scaled by the energies and times of full charging; the dual
value is the bound.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache

import cvxpy as cp
import numpy as np

from ..foundations import checks, conic
from ..foundations.certificate import Certificate, relative_gap
from ..foundations.errors import InvalidScenario, SolverFailure
from ..foundations.scenario import Batch
from .allocation import Allocation, AllocationBatch
from .batch import allocations, infeasible, row
from .curve import Curve, locate, tangent_bound
from .scenario import Scenario, harvest_rate_w, throughputs
from .sensing import Lane, Sensing
from .verify import residual

_LOG = logging.getLogger(__name__)
_CAP_SLACK = 1e-12  # rounding of a power at its cap
_CONIC_RESIDUAL = 1e-6
# Asked of the conic solver. Where it stops short of that, the residual and gap computed here decide.
_TIGHT = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
_LOOSE = {"tol_gap_abs": 1e-7, "tol_gap_rel": 1e-7, "tol_feas": 1e-7}
_CONIC_GAP = 1e-5


def solve_energy(scenario: Scenario, *, method: str = "auto") -> Allocation:
    """Global optimum for ``sensing="energy"``: by search where no cap binds, else by cones.

    ``method="cones"`` forces the conic program, for cross-checks. Errors as in :func:`~.exact.solve_exact`; and
    ``SolverFailure`` when the conic solver's answer does not stand the residual test.

    >>> scenario = Scenario.random(np.random.default_rng(1), sensing="energy", max_power_w=0.05, crb_limit_m2=1e-4)
    >>> allocation = solve_energy(scenario)
    >>> round(allocation.min_throughput_bit, 1), round(float(allocation.powers_w.max()), 4), allocation.certificate.status
    (2011746.8, 0.05, 'optimal')
    """
    start = time.perf_counter()
    _energy_sensing(scenario)
    checks.word("method", method, ("auto", "cones"))
    if method == "auto":
        result, iterations, capped = _search(Lane(scenario))
        if result.feasible[0] and not capped[0]:
            return row(result, 0, "convex scalar search", iterations, time.perf_counter() - start)
    best, worst = best_attainable_crb(scenario)
    if not best <= scenario.crb_limit_m2:
        raise infeasible(scenario, best, worst)
    return _solve_cones(scenario, start)


def solve_energy_batch(batch: Batch) -> AllocationBatch:
    """Rows by search, those with a binding cap one by one through the conic program; infeasible rows are nan."""
    result, _, capped = _search(batch)
    for d, scenario in enumerate(batch):
        best, worst = best_attainable_crb(scenario)
        result.best_attainable[d], result.worst_target[d] = best, worst
        if not result.feasible[d] or not capped[d]:
            continue
        fields: dict = dict.fromkeys(("powers_w", "charging_time_s", "times_s", "min_throughput_bit", "bound", "gap", "residual"))
        status = "infeasible"
        if best <= scenario.crb_limit_m2:
            try:
                one = _solve_cones(scenario, time.perf_counter())
            except SolverFailure as failure:
                _LOG.warning("row %d: %s", d, failure)
                status = "failed"
            else:
                status = one.certificate.status
                fields = {name: getattr(one, name, None) for name in fields}
                fields |= {name: getattr(one.certificate, name) for name in ("bound", "gap", "residual")}
        result.feasible[d], result.status[d] = best <= scenario.crb_limit_m2, status
        for name, value in fields.items():
            getattr(result, name)[d] = np.nan if value is None else value
    return result


def _energy_sensing(scenario: Scenario) -> None:
    checks.instance("scenario", scenario, Scenario)
    if scenario.sensing != "energy":
        raise InvalidScenario("scenario", 'this is made for sensing="energy"', "solve_exact takes both kinds")


def _search(batch: Batch | Lane) -> tuple[AllocationBatch, int, np.ndarray]:
    """The optimum without the caps, and which rows break a cap."""
    curve = Curve(batch, capped=False)
    sensing = Sensing(batch, batch.bs_power_w)  # per second of charging
    per_second = sensing.crb(curve.harvest)
    least_charging = per_second.max(axis=1) / batch.crb_limit_m2
    feasible = least_charging < batch.time_budget_s
    with np.errstate(divide="ignore"):
        log_share = np.where(feasible, np.log(least_charging / batch.time_budget_s), -np.inf)

    def excess(point):
        return np.maximum(np.log(point.pull), log_share + np.log(point.total / point.s))

    high = np.maximum(curve.z_low + 1, 0.0)
    while np.any(outside := excess(curve.at(high)) > 0):
        high = np.where(outside, high + 2, high)
    bracket, left, right = locate(curve, excess, high)
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
    r"""Least worst-target CRB of any allocation, and its target, for ``sensing="energy"``.

    The CRB scales with one over the frame, so it is the limit :math:`\eta` at which the shortest frame that meets
    :math:`\eta` is T: a second-order cone program in the shares of time and energy.

    >>> best, target = best_attainable_crb(Scenario.random(np.random.default_rng(1), sensing="energy"))
    >>> f"{best:.4e}", target
    ('2.9362e-05', 5)
    """
    _energy_sensing(scenario)
    sensing, per_second = _per_second(scenario)
    worst = int(np.argmax(per_second))
    if not np.isfinite(per_second[worst]):
        return float("inf"), worst
    problem, variables, parameters = _shortest_frame(*_sizes(scenario))
    harvest, reference = harvest_rate_w(scenario), float(per_second[worst])
    parameters["cap_time"].value = harvest / scenario.max_power_w
    _set_cones(parameters, sensing, harvest, 1.0, reference)
    # Every joule spent is one allocation of all; the program's answer is another. Both are evaluated as they are, so that
    # a solver that stops early cannot report more than can be had.
    candidates = [(1.0, np.ones(len(harvest)))]
    try:
        conic.solve(problem, accept_inaccurate=True)
        charging = float(variables["charging"].value)
        candidates.append((charging, np.clip(np.asarray(variables["energy"].value), 0.0, charging)))
    except SolverFailure as failure:
        _LOG.info("shortest frame: %s", failure)
    best = float("inf")
    for charging, energy in candidates:
        crb = sensing.crb((harvest * energy / charging)[None])[0] / charging
        frame = charging + (harvest / scenario.max_power_w) @ energy
        if (attained := float(crb.max() * frame / scenario.time_budget_s)) < best:
            best, worst = attained, int(np.argmax(crb))
    return best, worst


def _sizes(scenario: Scenario) -> tuple[int, int]:
    return scenario.gain_transmitter_target.shape[0] - 1, scenario.gain_transmitter_target.shape[1]


def _per_second(scenario: Scenario) -> tuple[Sensing, np.ndarray]:
    """CRBs (N,) after one second of charging whose every joule is spent."""
    batch = Lane(scenario)
    sensing = Sensing(batch, batch.bs_power_w)
    return sensing, sensing.crb(harvest_rate_w(scenario)[None])[0]


def _set_cones(parameters, sensing: Sensing, harvest: np.ndarray, frame_s: float, limit: float) -> None:
    """A, B, C for a frame of full charging, each divided by its size there so that every cone is of order one."""
    base, (a, b, c) = sensing.forms(0)
    a, b, c = (np.column_stack([first, form * harvest]) * frame_s for first, form in ((base, a), (0 * base, b), (0 * base, c)))
    size_a, size_b = a.sum(axis=1), b.sum(axis=1)
    size_c = np.sqrt(size_a * size_b)
    for name, form, size in (("a", a, size_a), ("b", b, size_b), ("c", c, size_c)):
        parameters[name].value = form / size[:, None]
        parameters[f"limit_{name}"].value = 1 / (limit * size)


def _crb_cones(charging, energy, parameters) -> list[cp.Constraint]:
    spent = cp.hstack([charging, energy])
    a, b = (parameters[name] @ spent - parameters[f"limit_{name}"] for name in "ab")
    return [cp.SOC(a + b, cp.vstack([a - b, 2 * parameters["c"] @ spent, 2 * parameters["limit_c"]]), axis=0)]


def _parameters(users: int, targets: int) -> dict[str, cp.Parameter]:
    parameters = {name: cp.Parameter((targets, users + 1)) for name in "abc"}
    parameters |= {f"limit_{name}": cp.Parameter(targets, nonneg=True) for name in "abc"}
    return parameters | {"cap_time": cp.Parameter(users, nonneg=True)}


@lru_cache(maxsize=8)
def _shortest_frame(users: int, targets: int):
    charging, energy = cp.Variable(nonneg=True), cp.Variable(users, nonneg=True)
    parameters = _parameters(users, targets)
    constraints = [energy <= charging, *_crb_cones(charging, energy, parameters)]
    problem = cp.Problem(cp.Minimize(charging + parameters["cap_time"] @ energy), constraints)
    return problem, {"charging": charging, "energy": energy}, parameters


@lru_cache(maxsize=8)
def _cone_program(users: int, targets: int, sensing: bool):
    """Shares of the frame, and energies relative to full charging; the objective is R over ``unit``."""
    charging, energy = cp.Variable(nonneg=True), cp.Variable(users, nonneg=True)
    times, objective = cp.Variable(users, nonneg=True), cp.Variable()
    parameters = _parameters(users, targets)
    for name in ("gain", "shrink", "log_shrink"):
        parameters[name] = cp.Parameter(users, nonneg=True)
    parameters["unit"] = cp.Parameter(nonneg=True)
    # t ln(1 + x) = t ln(g) - t ln(t g / (t + x t)): dividing by g, a guess of 1 + x, brings both arguments to one size.
    received = cp.multiply(parameters["shrink"], times) + cp.multiply(parameters["gain"], energy)
    constraints = [
        cp.multiply(parameters["log_shrink"], times) - cp.rel_entr(times, received) >= objective * parameters["unit"],
        energy <= charging,
        cp.multiply(parameters["cap_time"], energy) <= times,
        charging + cp.sum(times) <= 1,
    ]
    if sensing:
        constraints += _crb_cones(charging, energy, parameters)
    problem = cp.Problem(cp.Maximize(objective), constraints)
    return problem, {"charging": charging, "energy": energy, "times": times}, parameters


def _solve_cones(scenario: Scenario, start: float) -> Allocation:
    harvest = harvest_rate_w(scenario)
    limited = bool(np.isfinite(scenario.crb_limit_m2))
    problem, variables, parameters = _cone_program(*_sizes(scenario), limited)
    parameters["cap_time"].value = harvest / scenario.max_power_w
    if limited:
        _set_cones(parameters, _per_second(scenario)[0], harvest, scenario.time_budget_s, scenario.crb_limit_m2)
    # The optimum without caps is the yardstick of the objective and of every user's 1 + x.
    searched = _search(Lane(scenario.replace(crb_limit_m2=np.inf)))[0]
    uncapped = searched.bound[0]
    guess = 1 + scenario.gain_bs_user / scenario.noise_w * searched.powers_w[0]
    parameters["gain"].value = scenario.gain_bs_user / scenario.noise_w * harvest / guess
    parameters["shrink"].value, parameters["log_shrink"].value = 1 / guess, np.log(guess)
    unit = uncapped / (scenario.bandwidth_hz * scenario.time_budget_s) * np.log(2)
    parameters["unit"].value = unit
    failure = SolverFailure("CLARABEL", "inaccurate", message="no answer stood the test of residual and gap")
    for options in (_TIGHT, {}, _LOOSE):
        try:
            solution = conic.solve(problem, accept_inaccurate=True, **options)
        except SolverFailure as error:
            failure = error
            continue
        if solution.status not in ("optimal", "inaccurate"):
            continue
        times = np.maximum(np.asarray(variables["times"].value), 0.0) * scenario.time_budget_s
        charging = float(variables["charging"].value) * scenario.time_budget_s
        energy = np.clip(np.asarray(variables["energy"].value), 0.0, None) * harvest * scenario.time_budget_s
        powers = np.minimum(energy / times, scenario.max_power_w)
        value = float(throughputs(scenario, times, powers).min())
        violation = residual(scenario, powers, charging, times)
        bound = solution.bound * uncapped
        if violation <= _CONIC_RESIDUAL and relative_gap(value, bound) <= _CONIC_GAP:
            certificate = Certificate(
                method="conic program",
                value=value,
                bound=bound,
                residual=violation,
                status="optimal",
                iterations=solution.iterations,
                seconds=time.perf_counter() - start,
            )
            return Allocation(powers, charging, times, value, certificate)
    raise failure
