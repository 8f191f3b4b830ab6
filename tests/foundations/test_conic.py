"""The door to the cone solvers: values and bounds by hand, two solvers, and every way to fail."""

import math

import cvxpy as cp
import numpy as np
import pytest

from isaclib import SolverFailure
from isaclib.foundations import conic

ACCURACY = {"CLARABEL": 1e-7, "SCS": 2e-4, "HIGHS": 1e-9, "SDPA": 1e-5}  # of their default settings, on data of size one


def linear():
    x = cp.Variable(2)
    return cp.Problem(cp.Maximize(x[0] + 2 * x[1] + 10), [x <= np.array([1, 2]), cp.sum(x) <= 2.5, x >= 0]), 14.5


def second_order():
    x = cp.Variable(2)
    return cp.Problem(cp.Minimize(cp.norm(x - np.array([3.0, 4.0])) - 7), [cp.norm(x) <= 2]), -4.0


def semidefinite():
    x = cp.Variable((2, 2), symmetric=True)
    return cp.Problem(cp.Minimize(cp.trace(x) + 3), [x >> np.array([[2.0, 1.0], [1.0, 2.0]]), x[0, 0] == 2.5]), 7.5


def exponential():
    x = cp.Variable(3)  # water-filling over equal channels: 3 log(1 + 2/3)
    return cp.Problem(cp.Maximize(cp.sum(cp.log(1 + x))), [cp.sum(x) <= 2, x >= 0]), 3 * math.log(5 / 3)


@pytest.mark.parametrize(
    ("make", "solver"),
    [
        (linear, "CLARABEL"),
        (linear, "SCS"),
        (linear, "HIGHS"),
        (second_order, "CLARABEL"),
        (second_order, "SCS"),
        (semidefinite, "CLARABEL"),
        (semidefinite, "SCS"),
        (semidefinite, "SDPA"),
        (exponential, "CLARABEL"),
        (exponential, "SCS"),
    ],
)
def test_value_and_dual_bound_enclose_the_known_optimum(make, solver):
    problem, optimum = make()
    solution = conic.solve(problem, solvers=(solver,))
    accuracy = ACCURACY[solver]
    assert (solution.status, solution.solver) == ("optimal", solver)
    assert solution.value == pytest.approx(optimum, abs=accuracy)
    assert solution.bound == pytest.approx(optimum, abs=accuracy)
    side = 1 if isinstance(problem.objective, cp.Maximize) else -1
    assert side * (solution.bound - solution.value) >= 0
    assert solution.seconds > 0


@pytest.mark.parametrize("make", [linear, exponential])
def test_the_bound_is_a_number_of_its_own_when_the_solver_stops_early(make):
    problem, optimum = make()
    solution = conic.solve(problem, tol_gap_abs=1e-2, tol_gap_rel=1e-2)
    low, high = sorted((solution.value, solution.bound))
    assert low < optimum < high
    assert 1e-9 < high - low < 0.2


def test_maximum_and_minimum_of_the_same_program_mirror_each_other():
    up, optimum = exponential()
    down = cp.Problem(cp.Minimize(-up.objective.args[0]), up.constraints)
    first, second = conic.solve(up), conic.solve(down)
    assert first.bound >= optimum - ACCURACY["CLARABEL"] and second.bound <= -optimum + ACCURACY["CLARABEL"]
    assert second.value == pytest.approx(-first.value, abs=ACCURACY["CLARABEL"])


def test_bounds_of_a_linear_program_with_bounded_variables_are_not_invented():
    x = cp.Variable(2, bounds=[0, 1])
    solution = conic.solve(cp.Problem(cp.Maximize(cp.sum(x))), solvers=("HIGHS",))
    assert solution.value == pytest.approx(2.0)
    assert math.isnan(solution.bound) or solution.bound == pytest.approx(2.0)


def test_parameters_can_be_changed_between_solves():
    limit, x = cp.Parameter(nonneg=True), cp.Variable()
    problem = cp.Problem(cp.Maximize(x), [x <= limit])
    for value in (1.0, 3.0):
        limit.value = value
        solution = conic.solve(problem)
        assert solution.value == pytest.approx(value, abs=ACCURACY["CLARABEL"])
        assert solution.bound == pytest.approx(value, abs=ACCURACY["CLARABEL"])


def test_infeasible_and_unbounded_are_answers():
    x = cp.Variable()
    for sense, value in ((cp.Minimize, math.inf), (cp.Maximize, -math.inf)):
        solution = conic.solve(cp.Problem(sense(x), [x >= 1, x <= 0]))
        assert (solution.status, solution.value) == ("infeasible", value)
        assert math.isnan(solution.bound)
    solution = conic.solve(cp.Problem(cp.Maximize(x), [x >= 1]))
    assert (solution.status, solution.value) == ("unbounded", math.inf)


def test_a_solver_that_stops_early_is_a_failure_and_no_infeasibility():
    problem, _ = second_order()
    with pytest.raises(SolverFailure, match="CLARABEL stopped with status") as caught:
        conic.solve(problem, max_iter=1)
    assert caught.value.solver == "CLARABEL"
    assert "limit" in caught.value.status or "error" in caught.value.status


def test_a_solver_that_is_not_there_or_not_made_for_the_cone_is_a_failure():
    problem, _ = semidefinite()
    for solver in ("MOSEK", "HIGHS"):
        with pytest.raises(SolverFailure, match=solver):
            conic.solve(problem, solvers=(solver,))


def test_the_next_solver_is_tried_with_its_own_defaults():
    problem, optimum = second_order()
    solution = conic.solve(problem, solvers=("CLARABEL", "SCS"), max_iter=1)
    assert solution.solver == "SCS"
    assert solution.value == pytest.approx(optimum, abs=ACCURACY["SCS"])


def test_reduced_accuracy_is_refused_unless_asked_for():
    problem, optimum = second_order()
    loose = {"max_iters": 10, "eps_abs": 1e-12, "eps_rel": 1e-12}
    with pytest.raises(SolverFailure, match="inaccurate"):
        conic.solve(problem, solvers=("SCS",), **loose)
    solution = conic.solve(problem, solvers=("SCS",), accept_inaccurate=True, **loose)
    assert solution.status == "inaccurate"
    assert solution.value == pytest.approx(optimum, abs=1.0)
