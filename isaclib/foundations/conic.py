"""One door to the cone solvers: the solver is always named, its answer always judged.

``optimal_inaccurate`` is not optimal, and neither is an "optimal" point that breaks the problem's own constraints or lies
beyond its own dual bound; a solver that fails has not shown infeasibility. :func:`solve` returns what the solver proved, with
the duality gap and the residual, and raises :class:`~isaclib.foundations.errors.SolverFailure` for everything else.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import cvxpy as cp
import numpy as np
from cvxpy.reductions.solvers.defines import SOLVER_MAP_CONIC, SOLVER_MAP_QP

from . import checks, used_solvers
from .compiled import compiled
from .errors import InvalidScenario, SolverFailure

_LOG = logging.getLogger(__name__)
# The largest relative violation, and the farthest beyond its bound, that a point may lie and be called optimal.
LARGEST_RESIDUAL, LARGEST_EXCESS = 1e-5, 1e-5
_TINY = 1e-300
_SIGNED = ("nonneg", "nonpos", "PSD", "NSD", "boolean", "integer")  # attributes of variables that are constraints, too
_KNOWN = frozenset((*SOLVER_MAP_CONIC, *SOLVER_MAP_QP))
_KINDS = {cp.OPTIMAL: "optimal", cp.OPTIMAL_INACCURATE: "inaccurate"}


@dataclass(frozen=True)
class Solution:
    """Outcome of a cone program; the variables' values are in the cvxpy problem.

    Attributes
    ----------
    status : {"optimal", "inaccurate", "infeasible", "unbounded"}
        ``inaccurate`` occurs only with ``accept_inaccurate=True``: look at the residual before use.
    value : float
        Primal objective in the problem's own sense and units.
    bound : float
        Dual objective: an upper bound for a maximisation, a lower bound for a minimisation, up to the solver's dual
        residual. nan where there is none: integer programs, and solvers that report no dual (CLARABEL and SCS do, SDPA too,
        HIGHS for linear programs).
    solver : str
    iterations : int
    seconds : float
        Wall time including cvxpy's compilation.
    residual : float
        Largest violation of the problem's own constraints at the variables' values, relative to a constant limit where there
        is one, otherwise to the size of the two sides and of the variables. nan without a point, and for power cones.
    """

    status: Literal["optimal", "inaccurate", "infeasible", "unbounded"]
    value: float
    bound: float
    solver: str
    iterations: int
    seconds: float
    residual: float = math.nan


def solve(
    problem: cp.Problem,
    *,
    solvers: str | Sequence[str] = ("CLARABEL",),
    accept_inaccurate: bool = False,
    **options: Any,
) -> Solution:
    """Solve a disciplined convex program with the first named solver that answers.

    Parameters
    ----------
    problem : cvxpy.Problem
    solvers : str or sequence of str
        cvxpy's names, tried in this order; ``options`` go to the first only (the others run with their defaults).
    accept_inaccurate : bool
        Return an answer of reduced accuracy, or one whose residual is too large, with status ``"inaccurate"`` instead of
        trying the next solver.

    Raises
    ------
    InvalidScenario
        For what is no such program, parameters without a value, or data that are not finite.
    SolverFailure
        When no solver gave an answer that can be trusted; it carries the last solver's name and status, and the residuals.

    Examples
    --------
    >>> x = cp.Variable()
    >>> found = solve(cp.Problem(cp.Maximize(x), [x <= 3]))
    >>> found.status, round(found.value, 6), round(found.bound, 6)
    ('optimal', 3.0, 3.0)
    """
    names = _checked(problem, solvers, accept_inaccurate)
    start = time.perf_counter()
    if not problem.variables():
        return _constant(problem, names[0], start)
    failure: tuple[str, str, dict[str, float]] = ("", "not run", {})
    for position, solver in enumerate(names):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                *primal_dual, iterations = _solve(problem, solver, options if position == 0 else {})
        except cp.error.SolverError as error:
            _LOG.info("%s failed: %s", solver, error)
            failure = (solver, "solver_error", {})
            continue
        except TypeError as error:  # an option that the solver does not know, or of the wrong type
            raise InvalidScenario("options", f"are refused by {solver}: {checks.short(str(error))}") from error
        status, seconds = problem.status, time.perf_counter() - start
        if status in (cp.INFEASIBLE, cp.UNBOUNDED):
            value = float(problem.value) if problem.value is not None else math.nan
            return Solution(cast(Any, status), value, math.nan, solver, iterations, seconds)
        failure = (solver, str(status), {})
        if status in _KINDS and problem.value is not None and math.isfinite(problem.value):
            bound, excess = _dual_bound(problem, *primal_dual)
            residual = _residual(problem)
            wrong = {"residual": residual} if residual > LARGEST_RESIDUAL else {}
            wrong |= {"value beyond its bound by": excess} if excess > LARGEST_EXCESS else {}
            kind: Any = "inaccurate" if wrong else _KINDS[status]
            if kind == "optimal" or accept_inaccurate:
                used_solvers.tell([solver])
                return Solution(kind, float(problem.value), bound, solver, iterations, seconds, residual)
            failure = (solver, str(status), wrong)
        _LOG.info("%s: %s %s", solver, status, failure[2])
    raise SolverFailure(*failure, message="try another solver, or scale the data to unit noise and unit channel norm")


def _checked(problem: Any, solvers: Any, accept_inaccurate: Any) -> tuple[str, ...]:
    checks.instance("problem", problem, cp.Problem)
    checks.flag("accept_inaccurate", accept_inaccurate)
    names = (solvers,) if isinstance(solvers, str) else tuple(solvers) if isinstance(solvers, list | tuple) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidScenario("solvers", f"must name at least one solver, not {checks.short(solvers)}", 'such as ("CLARABEL",)')
    for name in names:
        if name not in _KNOWN:
            raise InvalidScenario("solvers", f"{checks.short(name)} is not a solver of cvxpy", 'such as "CLARABEL"')
    if not problem.is_dcp():
        raise InvalidScenario("problem", "does not follow the rules of disciplined convex programming")
    for parameter in problem.parameters():
        if parameter.value is None:
            raise InvalidScenario("problem", f"has a parameter without a value: {parameter.name()}")
        _finite(parameter)
    for constant in problem.constants():
        _finite(constant)
    return names


def _finite(data) -> None:
    if np.any(np.isnan(data.value.data if hasattr(data.value, "tocsc") else data.value)):
        raise InvalidScenario("problem", f"has data that are not finite: {checks.short(str(data))}")


def _constant(problem: cp.Problem, solver: str, start: float) -> Solution:
    """A problem without variables needs no solver: its value is its bound, or its constraints cannot be met."""
    residual, value = _residual(problem), float(problem.objective.value)
    if residual > LARGEST_RESIDUAL:
        value = -math.inf if isinstance(problem.objective, cp.Maximize) else math.inf
        return Solution("infeasible", value, math.nan, solver, 0, time.perf_counter() - start)
    return Solution("optimal", value, value, solver, 0, time.perf_counter() - start, residual)


def _solve(problem: cp.Problem, solver: str, options: dict) -> tuple[float, float, float, int]:
    """``problem.solve`` that also returns what :func:`_objectives` does, and the solver's steps."""
    form = compiled(problem, options) if solver == cp.CLARABEL else None
    if form is not None and (found := form.solve(problem)) is not None:
        return found
    data, chain, inverse = problem.get_problem_data(solver, solver_opts=options)
    raw = chain.solve_via_data(problem, data, solver_opts=options)
    problem.unpack_results(raw, chain, inverse)
    return *_objectives(problem, solver, raw, data), int(getattr(problem.solver_stats, "num_iters", None) or 0)


def _objectives(problem: cp.Problem, solver: str, raw: Any, data: dict) -> tuple[float, float, float]:
    """The solver's own primal and dual objective (nan where it has none), and the size of the terms that the latter sums."""
    if problem.is_mixed_integer() or problem.status not in _KINDS:
        return math.nan, math.nan, 0.0
    if solver == cp.CLARABEL and hasattr(raw, "obj_val"):
        return raw.obj_val, raw.obj_val_dual, _size(raw.z, data)
    if solver == cp.SCS and "info" in raw:
        return raw["info"]["pobj"], raw["info"]["dobj"], _size(raw["y"], data)
    if solver == cp.SDPA and "value" in raw:
        multipliers = np.concatenate([np.ravel(raw["eq_dual"]), np.ravel(raw["ineq_dual"])])
        return raw["value"], -float(multipliers @ data["b"]), _size(multipliers, data)
    if solver == cp.HIGHS and "solution" in raw and "c" in data and not _has_bounds(data):
        row_dual = raw["solution"].row_dual
        return float(data["c"] @ raw["solution"].col_value), float(data["b"] @ row_dual), _size(row_dual, data)
    return math.nan, math.nan, 0.0


def _size(multipliers: Any, data: dict) -> float:
    size = float(np.abs(data["b"]) @ np.abs(np.asarray(multipliers)))
    return size if math.isfinite(size) else 0.0


def _has_bounds(data: dict) -> bool:
    """Whether variables carry bounds of their own, whose multipliers are not among those of the rows."""
    return any(data.get(key) is not None and np.any(np.isfinite(data[key])) for key in ("lower_bounds", "upper_bounds"))


def _dual_bound(problem: cp.Problem, primal: float, dual: float, size: float) -> tuple[float, float]:
    """Dual objective in the problem's own sense, and by how much (relative to it and to its terms) the value lies beyond it.

    A gap of the wrong sign is taken with the right one, so that the bound is never better than the value; the excess says
    whether that was rounding.
    """
    # Internally cvxpy minimises and drops constants; both vanish in the difference.
    gap = float(primal) - float(dual)
    bound = float(problem.value) + (abs(gap) if isinstance(problem.objective, cp.Maximize) else -abs(gap))
    return bound, max(0.0, -gap) / max(abs(primal), abs(dual), abs(problem.value), size, _TINY) if math.isfinite(gap) else 0.0


def _residual(problem: cp.Problem) -> float:
    """The largest relative violation at the variables' values."""
    values = [variable.value for variable in problem.variables()]
    if any(value is None or not np.all(np.isfinite(value)) for value in values):
        return math.inf
    size = max(map(_largest, values), default=0.0)
    with np.errstate(all="ignore"):
        found = [_violation(constraint, size) for constraint in problem.constraints]
        for variable, value in zip(problem.variables(), values):
            if any(variable.attributes.get(name) for name in _SIGNED):
                found.append(_largest(variable.project(value) - value) / max(size, _TINY))
    return float(np.max(found, initial=0.0))  # nan where one of them is


def _violation(constraint, size: float) -> float:
    """Violation relative to a constant limit that is not 0, otherwise to the larger of both sides and of the variables."""
    kind = type(constraint).__name__
    sides = [np.asarray(side.value) for side in constraint.args]
    reach: Any = max(size, *map(_largest, sides))
    if kind in ("Inequality", "Equality"):
        excess = sides[0] - sides[1]
        excess = np.maximum(excess, 0.0) if kind == "Inequality" else np.abs(excess)
        for side, given in zip(sides, constraint.args):
            if given.is_constant():
                reach = np.where(side != 0, np.abs(side), reach)
    elif kind == "ExpCone":  # y exp(x / y) <= z
        x, y, z = sides
        curve = np.where(y > 0, y * np.exp(x / np.where(y > 0, y, 1.0)), np.where(x <= 0, 0.0, np.inf))
        excess = np.maximum(np.maximum(curve - z, -y), 0.0)
    elif kind in ("PSD", "SOC", "NonPos", "NonNeg", "Zero"):
        excess = np.maximum(np.asarray(constraint.residual), 0.0)
    else:
        return math.nan
    return _largest(excess / np.maximum(reach, _TINY))


def _largest(values) -> float:
    return float(np.max(np.abs(values), initial=0.0))
