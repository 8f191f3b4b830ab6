r"""The paper's algorithms: the convex program (9), Dinkelbach's method (Algorithm 1), and its one-shot replacement.

**Charnes-Cooper.** All rates are homogeneous of degree one, so that with :math:`s = 1/(\sum p + P_c)` and the scaled
variables :math:`s\beta, s p` the efficiency problem (13) is *one* program of the form of :mod:`~isaclib.semi_isac.cone`: no
loop is needed.

Bounds are those of :mod:`~isaclib.semi_isac.bounds`, proven by multipliers without trust in the solver.
"""

from __future__ import annotations

import time
from typing import Literal

import numpy as np

from ..foundations import checks
from ..foundations.certificate import Step
from ..foundations.errors import SolverFailure
from ..foundations.scenario import Batch
from .allocation import OPTIMAL_RESIDUAL, Allocation, Criterion
from .bands import Bands, Restriction, worth
from .cone import Answer, ConeProgram, cone_program
from .exact import infeasible, solve_one, solve_rows
from .phases import maximise_at_price, phase_one
from .scenario import Network, Scenario, Stack, system
from .verify import build, objective_value, residuals, tightest_bound

_FLOOR_TOLERANCE = 1e-6  # an answer of reduced accuracy is taken only if its floors hold to this
_FREE = Restriction()
_CLOSE = 1e-7  # a gap that need not be closed further
METHODS: tuple[str, ...] = ("charnes_cooper", "dinkelbach")


def _answer(program: ConeProgram, scenario, bands: Bands, price: float = 0.0) -> Answer:
    """An answer that keeps the floors; raises for an infeasible one that phase I confirms, and for any other."""
    answer = program.solve(bands, price)
    if answer.infeasible:
        if solve_rows(Batch([scenario]), "sum", "joint").status[0] != "infeasible":
            raise SolverFailure(answer.solution.solver, "infeasible", message="but that is not so: rescale the gains")
        raise infeasible(scenario)
    violation = _residual(scenario, answer)
    if not violation <= _FLOOR_TOLERANCE:
        raise SolverFailure(answer.solution.solver, answer.solution.status, {"residual": violation})
    return answer


def _priced(program: ConeProgram, scenario, bands: Bands, price: float, tolerance: float) -> Answer:
    """Algorithm 1's convex program: by the cone solver, or by the structured one where its answer keeps the floors roughly only,
    or would end the algorithm and is worth less.

    A watt that matters may be a millionth of the budget (circuits that need little): the cone program counts in budgets.
    """
    answer, failure, kept = None, None, False
    try:
        answer = _answer(program, scenario, bands, price)
        kept, (total, excess) = _residual(scenario, answer) <= OPTIMAL_RESIDUAL, _excess(bands, answer, price)
        if kept and excess > tolerance * total:
            return answer
    except SolverFailure as error:
        failure = error
    inside = phase_one(bands, _FREE)
    if inside.factor[0] >= 1:
        shares, powers, multipliers, _ = maximise_at_price(bands, inside, _FREE, price)
        finer = Answer(None, shares[0], powers[0], multipliers)
        sound = _residual(scenario, finer) <= (OPTIMAL_RESIDUAL if failure is None else _FLOOR_TOLERANCE)
        if sound and not (kept and _excess(bands, finer, price)[1] <= excess):
            return finer
    if failure is not None:
        raise failure
    return answer


def _excess(bands: Bands, answer: Answer, price: float) -> tuple[float, float]:
    """Sum of the rates, and by how much it exceeds what the power costs: F(q)."""
    total = float(worth(bands, answer.shares[None], answer.powers[None], "sum")[0])
    return total, total - price * (float(answer.powers.sum()) + float(bands.circuit[0]))


def _residual(scenario, answer: Answer) -> float:
    powers_w = answer.powers[None] * scenario.power_budget_w
    return float(residuals(Stack.of([scenario]), answer.shares[None], powers_w)[0])


def _scaled(scenario, criterion: Criterion) -> tuple[Bands, float]:
    """The network without units, and the unit of its objective."""
    bands = Bands.scaled(Stack.of([scenario]))
    with np.errstate(all="ignore"):
        unit = float(bands.scale[0] * scenario.weights.max() if criterion == "sum" else bands.scale[0] / bands.power_w[0])
    if not (bands.finite()[0] and np.isfinite(unit)):
        raise SolverFailure("cone program", "not run", message="the gains, floors or weights are beyond double precision")
    return bands if criterion == "sum" else bands.unweighted(), unit


def _bound(
    scenario, bands: Bands, unit: float, answer: Answer, criterion: Criterion, known: float | None
) -> tuple[float, np.ndarray]:
    """A bound proven by the cone solver's multipliers or, where these are too coarse, by those of the structured solver.

    Nothing is sought where one is ``known``.
    """
    if known is not None:
        return known, answer.multipliers[0]
    pair = answer.shares[None], answer.powers[None]
    found, multipliers = tightest_bound(bands, *pair, criterion, "joint", (answer.multipliers,), search=False)
    if float(worth(bands, *pair, criterion)[0]) * (1 + _CLOSE) >= found:
        return found * unit, multipliers[0]
    finer = solve_rows(Batch([scenario]), criterion, "joint")
    if finer.bound[0] < found * unit:
        return float(finer.bound[0]), finer.multipliers[0]
    return found * unit, multipliers[0]


def _one_program(scenario, criterion: Criterion, method: str, rescue: bool, known: float | None) -> Allocation:
    """The optimum of a criterion that is one cone program; the structured solver's where the program proves nothing better."""
    start = time.perf_counter()
    bands, unit = _scaled(scenario, criterion)
    if bands.idle()[0]:  # worth nothing whatever is done: a relative gap of a cone solver says nothing there
        return solve_one(scenario, objective=criterion, scheme="joint", method=method)
    found, failure = None, None
    try:
        answer = _answer(cone_program(scenario.users, fractional=criterion == "efficiency"), scenario, bands)
        bound, multipliers = _bound(scenario, bands, unit, answer, criterion, known)
        found = build(
            scenario,
            answer.shares,
            answer.powers * scenario.power_budget_w,
            criterion=criterion,
            scheme="joint",
            method=method,
            bound=bound,
            iterations=answer.solution.iterations,
            seconds=time.perf_counter() - start,
            multipliers=multipliers,
        )
    except SolverFailure as error:
        failure = error
    if found is not None and (found.certificate.status == "optimal" or not rescue):
        return found
    if not rescue:
        raise failure
    try:
        return solve_one(scenario, objective=criterion, scheme="joint", method=f"structured interior point (after: {method})")
    except SolverFailure:
        if failure is not None:
            raise failure from None
        return found


def solve_sum(scenario: Scenario | Network, *, rescue: bool = True, bound: float | None = None) -> Allocation:
    r"""Problem (9), :math:`\max \sum_k w_k R_k` under floors and budgets, as one exponential-cone program.

    Parameters
    ----------
    scenario : Scenario or Network
    rescue : bool
        Where the cone solver proves no optimum, the structured solver answers (``certificate.method`` says so); False gives
        what a general solver makes of the paper's program, or its SolverFailure.
    bound : float, optional
        A certified upper bound on the optimum in bit/s where one is known, such as
        :func:`~isaclib.semi_isac.solve_exact_batch`'s: then none is sought, which takes longer than the program itself.

    Raises
    ------
    InvalidScenario, InfeasibleScenario, SolverFailure

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> round(si.solve_sum(drop).objective / 1e6, 2)
    1019.11
    """
    scenario, rescue = system("scenario", scenario), checks.flag("rescue", rescue)
    return _one_program(scenario, "sum", "exponential cone program", rescue, _known(bound))


def solve_efficiency(
    scenario: Scenario | Network,
    *,
    method: Literal["charnes_cooper", "dinkelbach"] = "charnes_cooper",
    tolerance: float = 1e-9,
    max_iterations: int = 30,
    rescue: bool = True,
    bound: float | None = None,
) -> Allocation:
    r"""Problem (13), :math:`\max \sum R / (\sum p + P_c)` under floors and budgets.

    Parameters
    ----------
    scenario : Scenario or Network
    method : {"charnes_cooper", "dinkelbach"}
        One convex program, or Algorithm 1: :math:`q \leftarrow 0`, solve :math:`F(q) = \max \sum R - q(\sum p + P_c)`, set
        :math:`q` to the efficiency reached, until :math:`F(q) \le \varepsilon`. The convergence is superlinear (the paper
        quotes the linear rate of a more general method), and ``history`` holds its trace.
    tolerance : float
        :math:`\varepsilon` relative to the sum of rates.
    max_iterations : int
        Of Algorithm 1; its status is ``iteration_limit`` where it stopped there without a proof.
    rescue, bound
        As in :func:`solve_sum` (here in bit/J).

    Raises
    ------
    InvalidScenario, InfeasibleScenario, SolverFailure

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0), power_budget_dbm=40.0)
    >>> loop = si.solve_efficiency(drop, method="dinkelbach")
    >>> round(loop.objective / 1e6, 1), loop.certificate.iterations, round(float(loop.powers_w.sum()), 2)
    (2273.7, 6, 0.12)
    """
    scenario, method = system("scenario", scenario), checks.word("method", method, METHODS)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    max_iterations, rescue = checks.count("max_iterations", max_iterations), checks.flag("rescue", rescue)
    if method == "charnes_cooper":
        return _one_program(scenario, "efficiency", "Charnes-Cooper cone program", rescue, _known(bound))
    return _dinkelbach(scenario, tolerance, max_iterations, rescue, _known(bound))


def _known(bound: float | None) -> float | None:
    return None if bound is None else checks.number("bound", bound, minimum=0)


def _dinkelbach(scenario, tolerance: float, max_iterations: int, rescue: bool, known: float | None) -> Allocation:
    start, method = time.perf_counter(), "Dinkelbach (Algorithm 1)"
    bands, unit = _scaled(scenario, "efficiency")
    if bands.idle()[0]:
        return solve_one(scenario, objective="efficiency", scheme="joint", method=method)
    program, stack = cone_program(scenario.users), Stack.of([scenario])
    q, history = 0.0, [Step(0, 0.0, False, 0.0)]
    best: Answer | None = None
    stopped = False
    for iteration in range(1, max_iterations + 1):
        answer = _priced(program, scenario, bands, q, tolerance) if rescue else _answer(program, scenario, bands, q)
        powers_w = answer.powers * scenario.power_budget_w
        table = stack.rates(answer.shares[None], powers_w[None])[0]
        reached = objective_value(scenario, table, powers_w, "efficiency")
        total, excess = _excess(bands, answer, q)
        if best is None or reached / unit >= q:
            best, q = answer, max(q, reached / unit)
        history.append(Step(iteration, reached, _residual(scenario, answer) <= _FLOOR_TOLERANCE, time.perf_counter() - start))
        if stopped := excess <= tolerance * total:
            break
    bound, multipliers = _bound(scenario, bands, unit, best, "efficiency", known)
    return build(
        scenario,
        best.shares,
        best.powers * scenario.power_budget_w,
        criterion="efficiency",
        scheme="joint",
        method=method,
        bound=bound,
        iterations=len(history) - 1,
        seconds=time.perf_counter() - start,
        history=history,
        multipliers=multipliers,
        stopped=stopped,
    )
