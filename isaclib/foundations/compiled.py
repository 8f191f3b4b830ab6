"""A cone program with parameters, from their values to Clarabel's arrays and back without building anything again.

cvxpy compiles such a program once, too, but then spends some milliseconds of every solve on sparse matrices that differ in their
entries only, and on its way back through the reductions. Here the entries are one product with the vector of the parameters, and
every entry of a variable or multiplier is known by its place in the solver's vectors. Arrays, options and solver are the same,
and so is the answer to the last bit.
"""

from __future__ import annotations

import warnings
import weakref
from types import SimpleNamespace
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy import settings
from cvxpy.reductions.solution import Solution
from cvxpy.reductions.solvers.conic_solvers.clarabel_conif import CLARABEL, dims_to_solver_cones
from scipy import sparse

_STATUS = {"Solved": settings.OPTIMAL, "AlmostSolved": settings.OPTIMAL_INACCURATE}
_known: weakref.WeakKeyDictionary[cp.Problem, dict[tuple, Any]] = weakref.WeakKeyDictionary()


class _Unsupported(Exception):
    """This program goes cvxpy's way."""


def compiled(problem: cp.Problem, options: dict) -> Compiled | None:
    """The compiled form, from the second solve on with the same options; None where there is none."""
    if not problem.parameters():
        return None
    forms, key = _known.setdefault(problem, {}), tuple(sorted(options.items()))
    if key not in forms:  # most programs are solved once
        forms[key] = False
    elif forms[key] is False:
        try:
            forms[key] = Compiled(problem, options) if problem.is_dpp() else None
        except (_Unsupported, AttributeError, KeyError, TypeError, ValueError):
            forms[key] = None  # another version of cvxpy, or a program of another kind
    return forms[key] or None


class Compiled:
    """One program, with the places of its data and of its answers."""

    def __init__(self, problem: cp.Problem, options: dict) -> None:
        data, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts=options)
        program = data[settings.PARAM_PROB]
        if program.P is not None or {p.id for p in program.parameters} != {p.id for p in problem.parameters()}:
            raise _Unsupported
        self._parameters = [(program.id_to_param[key], column) for key, column in program.param_id_to_col.items() if key >= 0]
        self._length = program.total_param_size + 1
        self._objective, self._entries = program.q.tocsr(), program.reduced_A.reduced_mat
        indices, indptr, (rows, columns) = program.reduced_A.problem_data_index
        self._last = indptr[-2]  # the last column holds the right sides
        self._right, self._rows = indices[self._last :], rows
        self._matrix = sparse.csc_array((np.zeros(self._last), indices[: self._last], indptr[:-1]), shape=(rows, columns - 1))
        self._quadratic = sparse.csc_array((columns - 1, columns - 1))
        self._cones, self._options = dims_to_solver_cones(data["dims"]), options
        self._maximise = isinstance(problem.objective, cp.Maximize)
        self._check(data)
        self._places(problem, chain, inverse, columns - 1)

    def _arrays(self) -> tuple[np.ndarray, float, np.ndarray]:
        """Objective, its constant, and the right sides; the matrix is overwritten."""
        vector = np.ones(self._length)
        for parameter, column in self._parameters:
            vector[column : column + parameter.size] = np.asarray(parameter.value).ravel(order="F")
        entries, right = self._entries @ vector, np.zeros(self._rows)
        objective = self._objective @ vector
        np.negative(entries[: self._last], out=self._matrix.data)
        right[self._right] = entries[self._last :]
        return objective[:-1], float(objective[-1]), right

    def _check(self, data: dict) -> None:
        """The same arrays as cvxpy's, for the parameters at hand."""
        objective, _, right = self._arrays()
        same = np.array_equal(objective, data[settings.C]) and np.array_equal(right, data[settings.B])
        if not (same and np.array_equal(self._matrix.toarray(), data[settings.A].toarray())):
            raise _Unsupported

    def _places(self, problem: cp.Problem, chain, inverse, columns: int) -> None:
        """Where in the solver's vectors each variable and multiplier stands: what comes back of vectors that count."""
        x, z = np.arange(1.0, columns + 1), np.arange(1.0, self._rows + 1)
        raw = SimpleNamespace(status="Solved", solve_time=0.0, iterations=0, obj_val=0.0, x=x, z=z)
        found = chain.invert(raw, inverse)
        ids = {constraint.id for constraint in problem.constraints}
        self._primal = {key: _place(value, columns) for key, value in found.primal_vars.items()}
        self._dual = {key: _place(value, self._rows) for key, value in found.dual_vars.items() if key in ids}
        if not {variable.id for variable in problem.variables()} <= self._primal.keys():
            raise _Unsupported

    def solve(self, problem: cp.Problem) -> tuple[float, float, float, int] | None:
        """Primal and dual objective of the solver, the size of the terms of the latter, and iterations; None without a point.

        Values and multipliers are put into the problem.
        """
        import clarabel

        objective, offset, right = self._arrays()
        options = CLARABEL.parse_solver_opts(False, self._options)
        raw = clarabel.DefaultSolver(self._quadratic, objective, self._matrix, right, self._cones, options).solve()
        status = _STATUS.get(str(raw.status))
        if status is None:
            return None
        x, z = np.asarray(raw.x), np.asarray(raw.z)
        value = raw.obj_val + offset
        primal, dual = ({key: place(v) for key, place in places.items()} for places, v in ((self._primal, x), (self._dual, z)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.unpack(Solution(status, -value if self._maximise else value, primal, dual, {}))
        return raw.obj_val, raw.obj_val_dual, float(np.abs(right) @ np.abs(z)), int(raw.iterations)


def _place(value: Any, length: int):
    """The function from a solver's vector to what it returned for the vector 1, 2, 3, ..."""
    shape = np.shape(value)
    counted = np.asarray(value, dtype=float)
    index = np.abs(counted).astype(int) - 1
    sign = np.sign(counted)
    if not (np.array_equal(sign * (index + 1.0), counted) and np.all((index >= 0) & (index < length))):
        raise _Unsupported
    if (sign > 0).all():
        return (lambda vector: vector[index]) if shape else lambda vector: np.asarray(vector[int(index)])
    return lambda vector: sign * vector[index]
