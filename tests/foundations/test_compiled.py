"""Programs with parameters, compiled: the same answers as from cvxpy's own way, to the last bit."""

import cvxpy as cp
import numpy as np
import pytest

from isaclib.foundations import conic
from isaclib.foundations.compiled import compiled

OPTIONS = {"tol_gap_rel": 1e-9}


def second_order(sense):
    a, level, size = cp.Parameter((2, 3)), cp.Parameter(nonneg=True), cp.Parameter(2)
    x, t = cp.Variable(3, nonneg=True), cp.Variable()
    constraints = [cp.norm(a @ x - size) <= t, cp.sum(x) == level, cp.square(x[0]) / 4 <= t]
    objective = cp.Minimize(t - 2 + level) if sense == "min" else cp.Maximize(7 - t)
    return cp.Problem(objective, constraints), (a, level, size)


def exponential():
    a, level, size = cp.Parameter((2, 3), nonneg=True), cp.Parameter(nonneg=True), cp.Parameter(2)
    x = cp.Variable((3, 1))
    constraints = [cp.sum(x) <= level, x >= 0, a @ x[:, 0] <= 1 + size]
    return cp.Problem(cp.Maximize(cp.sum(cp.log(1 + x))), constraints), (a, level, size)


def given(parameters, rng):
    for parameter in parameters:
        parameter.value = rng.uniform(0.5, 1.5, parameter.shape) if parameter.shape else float(rng.uniform(0.5, 1.5))


@pytest.mark.parametrize("make", [lambda: second_order("min"), lambda: second_order("max"), exponential])
def test_every_solve_is_that_of_a_fresh_program_to_the_last_bit(make):
    problem, parameters = make()
    for seed in range(5):
        fresh, own = make()
        given(parameters, np.random.default_rng(seed))
        given(own, np.random.default_rng(seed))
        one, other = (conic.solve(program, **OPTIONS) for program in (problem, fresh))
        names = ("status", "value", "bound", "iterations", "residual")
        assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
        for ours, theirs in zip(problem.variables(), fresh.variables(), strict=True):
            np.testing.assert_array_equal(ours.value, theirs.value)
            assert ours.value.shape == ours.shape
        for ours, theirs in zip(problem.constraints, fresh.constraints, strict=True):
            np.testing.assert_array_equal(ours.dual_value, theirs.dual_value)
    assert compiled(problem, OPTIONS) is not None


def test_infeasible_data_are_said_to_be_so_after_others_were_solved():
    x, least = cp.Variable(), cp.Parameter()
    problem = cp.Problem(cp.Minimize(x), [x >= least, x <= 1])
    found = []
    for least.value in (0.0, 0.5, 2.0, 0.25):
        found.append(conic.solve(problem))
    assert [solution.status for solution in found] == ["optimal", "optimal", "infeasible", "optimal"]
    assert found[-1].value == pytest.approx(0.25, abs=1e-7)


def test_what_is_no_affine_function_of_its_parameters_goes_the_long_way():
    x, a, b = cp.Variable(), cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
    problem = cp.Problem(cp.Minimize(x), [x >= a * b])
    for a.value, b.value in ((1.0, 2.0), (3.0, 2.0), (3.0, 5.0)):
        assert conic.solve(problem).value == pytest.approx(a.value * b.value, rel=1e-6)
    assert compiled(problem, {}) is None


def test_an_objective_with_a_quadratic_form_goes_the_long_way():
    x, a = cp.Variable(2), cp.Parameter(2)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - a)), [x <= 1])
    for a.value in ([3.0, 0.0], [2.0, 1.0], [1.0, 2.0]):
        assert conic.solve(problem).value == pytest.approx(float(np.sum(np.maximum(np.array(a.value) - 1, 0) ** 2)), abs=1e-6)
