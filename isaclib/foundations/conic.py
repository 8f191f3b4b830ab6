"""One door to the cone solvers: the solver is always named, its answer always judged.

``optimal_inaccurate`` is not optimal until the caller's own residuals say so; a solver that fails has not shown
infeasibility. :func:`solve` returns what the solver proved, with the duality gap, and raises
:class:`~isaclib.foundations.errors.SolverFailure` for everything else.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cvxpy as cp
import numpy as np

from .errors import SolverFailure

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Solution:
    """Outcome of a cone program; the variables' values are in the cvxpy problem.

    Attributes
    ----------
    status : {"optimal", "inaccurate", "infeasible", "unbounded"}
        ``inaccurate`` occurs only with ``accept_inaccurate=True``: recompute the residuals before use.
    value : float
        Primal objective in the problem's own sense and units.
    bound : float
        Dual objective: an upper bound for a maximisation, a lower bound for a minimisation, up to the solver's dual
        residual (nan where the solver reports no dual; CLARABEL, SCS, SDPA and, for linear programs, HIGHS do).
    solver : str
    iterations : int
    seconds : float
        Wall time including cvxpy's compilation.
    """

    status: Literal["optimal", "inaccurate", "infeasible", "unbounded"]
    value: float
    bound: float
    solver: str
    iterations: int
    seconds: float


def solve(
    problem: cp.Problem,
    *,
    solvers: Sequence[str] = ("CLARABEL",),
    accept_inaccurate: bool = False,
    **options,
) -> Solution:
    """Solve a disciplined convex program with the first named solver that answers.

    Parameters
    ----------
    problem : cvxpy.Problem
    solvers : sequence of str
        cvxpy's names, tried in this order; ``options`` go to the first only (the others run with their defaults).
    accept_inaccurate : bool
        Return reduced-accuracy answers with status ``"inaccurate"`` instead of trying the next solver.

    Raises
    ------
    SolverFailure
        When no solver gave an answer; it carries the last solver's name and status.
    """
    start = time.perf_counter()
    last = ("", "not run")
    for position, solver in enumerate(solvers):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                primal_dual = _solve(problem, solver, options if position == 0 else {})
        except cp.error.SolverError as error:
            _LOG.info("%s failed: %s", solver, error)
            last = (solver, "solver_error")
            continue
        status = problem.status
        seconds = time.perf_counter() - start
        stats = problem.solver_stats
        iterations = int(getattr(stats, "num_iters", None) or 0)
        if status == cp.OPTIMAL or (status == cp.OPTIMAL_INACCURATE and accept_inaccurate):
            _LOG.debug("solved by %s", solver, extra={"solver": solver})
            kind = "optimal" if status == cp.OPTIMAL else "inaccurate"
            return Solution(kind, float(problem.value), _dual_bound(problem, *primal_dual), solver, iterations, seconds)
        if status in (cp.INFEASIBLE, cp.UNBOUNDED):
            value = float(problem.value) if problem.value is not None else math.nan
            return Solution(status, value, math.nan, solver, iterations, seconds)
        _LOG.info("%s: %s", solver, status)
        last = (solver, str(status))
    raise SolverFailure(*last, message="try another solver, or scale the data to unit noise and unit channel norm")


def _solve(problem: cp.Problem, solver: str, options: dict) -> tuple[float, float]:
    """``problem.solve`` that also returns the solver's own primal and dual objective (nan where it has none)."""
    data, chain, inverse = problem.get_problem_data(solver, solver_opts=options)
    raw = chain.solve_via_data(problem, data, solver_opts=options)
    problem.unpack_results(raw, chain, inverse)
    if solver == cp.CLARABEL:
        return raw.obj_val, raw.obj_val_dual
    if solver == cp.SCS:
        return raw["info"]["pobj"], raw["info"]["dobj"]
    if solver == cp.SDPA and "value" in raw:
        multipliers = np.concatenate([np.ravel(raw["eq_dual"]), np.ravel(raw["ineq_dual"])])
        return raw["value"], -float(multipliers @ data["b"])
    if solver == cp.HIGHS and "solution" in raw and not _has_bounds(data):
        return float(data["c"] @ raw["solution"].col_value), float(data["b"] @ raw["solution"].row_dual)
    return math.nan, math.nan


def _has_bounds(data: dict) -> bool:
    """Whether variables carry bounds of their own, whose multipliers are not among those of the rows."""
    return any(data.get(key) is not None and np.any(np.isfinite(data[key])) for key in ("lower_bounds", "upper_bounds"))


def _dual_bound(problem: cp.Problem, primal: float, dual: float) -> float:
    """Dual objective in the problem's own sense; a gap of the wrong sign (rounding) is taken with the right one."""
    # Internally cvxpy minimises and drops constants; both vanish in the difference.
    gap = abs(float(primal) - float(dual))
    return float(problem.value) + (gap if isinstance(problem.objective, cp.Maximize) else -gap)
