"""The door to the cone solvers: values and bounds by hand, two solvers, and every way to fail."""

import math

import cvxpy as cp
import numpy as np
import pytest

from isaclib import InvalidScenario, SolverFailure
from isaclib.foundations import conic, used_solvers

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


@pytest.mark.parametrize("solver", ["HIGHS", "CLARABEL", "SCS"])
def test_an_optimum_of_zero_has_no_scale_of_its_own(solver):
    """A margin where it crosses zero: value and bound are rounding, and their difference is no excess."""
    gains = np.array([[5.0, 0.4, 0.3], [0.6, 3.0, 0.5], [0.2, 0.7, 4.0]])
    own = np.diag(gains)
    coupling = (gains - np.diag(own)) / own[:, None]
    for cap in (0.7, 1.3, 2.0488, 5.0):
        capped = coupling + np.einsum("j,ik->ijk", 1 / own, np.eye(3)) / cap
        best = 1 / np.abs(np.linalg.eigvals(capped)).max()
        powers, slack = cp.Variable(3), cp.Variable()
        margin = cp.multiply(own, powers) - best * ((gains - np.diag(own)) @ powers + 1)
        problem = cp.Problem(cp.Maximize(slack), [margin / (5 * cap) >= slack, powers >= 0, powers <= cap])
        found = conic.solve(problem, solvers=(solver,))
        assert found.status == "optimal" and abs(found.value) < 1e-4 and abs(found.bound - found.value) < 1e-4


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


def test_a_solver_may_be_named_by_a_word():
    problem, optimum = linear()
    assert conic.solve(problem, solvers="CLARABEL").value == pytest.approx(optimum, abs=ACCURACY["CLARABEL"])
    with pytest.raises(InvalidScenario, match="solvers: 'L' is not a solver"):
        conic.solve(problem, solvers="L")


@pytest.mark.parametrize("sense", [cp.Minimize, cp.Maximize])
def test_a_problem_without_variables_is_its_own_bound(sense):
    found = conic.solve(cp.Problem(sense(cp.Constant(3.0)), [cp.Constant(1.0) <= 2.0]))
    assert (found.status, found.value, found.bound, found.residual) == ("optimal", 3.0, 3.0, 0.0)
    broken = conic.solve(cp.Problem(sense(0), [cp.Constant(3.0) <= 2.0]))
    assert (broken.status, broken.value) == ("infeasible", math.inf if sense is cp.Minimize else -math.inf)


@pytest.mark.parametrize("solver", ["CLARABEL", "HIGHS", "SCS"])
def test_a_quadratic_objective_has_a_value_and_no_invented_bound(solver):
    x = cp.Variable(2)
    found = conic.solve(cp.Problem(cp.Minimize(cp.sum_squares(x - 1)), [x <= 0.5]), solvers=solver)
    assert found.value == pytest.approx(0.5, abs=ACCURACY[solver] * 10)
    assert math.isnan(found.bound) or found.bound == pytest.approx(0.5, abs=ACCURACY[solver] * 10)


def test_an_integer_program_has_no_dual():
    x = cp.Variable(3, integer=True)
    found = conic.solve(cp.Problem(cp.Maximize(x @ [5.0, 4.0, 3.0]), [x @ [2.0, 3.0, 1.0] <= 5, x >= 0, x <= 2]), solvers="HIGHS")
    assert found.status == "optimal" and found.value == pytest.approx(13.0)  # x = (1, 0, 2) -> 11, (2, 0, 1) -> 13
    assert math.isnan(found.bound)


def test_a_point_without_a_value_is_no_answer():
    problem, _ = second_order()
    with pytest.raises(SolverFailure):
        conic.solve(problem, solvers="SCS", max_iters=1, eps_abs=1e-14, eps_rel=1e-14)


def test_an_optimal_point_that_breaks_its_own_constraints_is_not_called_optimal():
    x = cp.Variable(2)
    badly_scaled = cp.Problem(cp.Minimize(cp.norm(x - 1)), [cp.norm(x) <= 1e-10])  # far below the solver's tolerance
    with pytest.raises(SolverFailure, match="residual") as caught:
        conic.solve(badly_scaled)
    assert caught.value.residuals["residual"] > 1
    found = conic.solve(badly_scaled, accept_inaccurate=True)
    assert found.status == "inaccurate" and found.residual > 1
    scaled = conic.solve(cp.Problem(cp.Minimize(cp.norm(x - 2)), [cp.norm(x) <= 1]))
    assert scaled.status == "optimal" and scaled.residual < 1e-6


@pytest.mark.parametrize("make", [linear, second_order, semidefinite, exponential])
def test_the_residual_is_that_of_the_constraints_at_the_variables_values(make):
    problem, _ = make()
    found = conic.solve(problem)
    assert 0 <= found.residual < 1e-7
    for variable in problem.variables():
        variable.value = np.asarray(variable.value) - 1.0 if make is semidefinite else np.asarray(variable.value) + 1.0
    assert conic._residual(problem) > 0.1


def test_residuals_of_cones_and_signs_by_hand():
    x = cp.Variable(3, nonneg=True)
    problem = cp.Problem(cp.Minimize(cp.sum(x)), [cp.SOC(x[0], x[1:]), cp.ExpCone(x[0], x[1], x[2])])
    x.value = np.array([5.0, 3.0, 4.0])
    assert conic._violation(problem.constraints[0], 1.0) == pytest.approx(0.0, abs=1e-15)
    assert conic._violation(problem.constraints[1], 5.0) == pytest.approx((3 * math.exp(5 / 3) - 4) / 5)
    x.project_and_assign(np.array([1.0, 0.0, 0.0]))
    x.save_value(np.array([1.0, -0.5, 0.0]))
    assert conic._residual(problem) >= 0.5


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (cp.Problem(cp.Minimize(cp.sqrt(cp.Variable()))), "does not follow the rules"),
        (cp.Problem(cp.Minimize(cp.Parameter() * cp.Variable())), "parameter without a value"),
        (cp.Problem(cp.Minimize(cp.Variable()), [cp.Variable() >= math.nan]), "data that are not finite"),
    ],
)
def test_what_is_no_convex_program_is_refused(problem, words):
    with pytest.raises(InvalidScenario, match=f"problem: .*{words}"):
        conic.solve(problem)


def test_unknown_options_are_refused_by_name():
    problem, _ = linear()
    with pytest.raises(InvalidScenario, match="options: are refused by CLARABEL"):
        conic.solve(problem, tolerance=1e-9)


def test_hearing_which_solvers_answer_says_nothing_in_the_log_of_an_application(caplog):
    with used_solvers.heard() as outer, used_solvers.heard() as inner:
        conic.solve(linear()[0])
    conic.solve(linear()[0], solvers="HIGHS")
    assert outer == inner == {"CLARABEL"}
    assert caplog.records == []
