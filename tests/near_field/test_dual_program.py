"""The best weights of a list of channels: the map and its normal equations by definition, the answer by a second solver."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from scipy import linalg

from isaclib.foundations.errors import SolverFailure
from isaclib.near_field import dual_program
from isaclib.near_field.dual_bound import best_dual_point, dual_residual, sinr_limits
from isaclib.near_field.dual_program import DualProgram, largest_factor
from isaclib.near_field.reduction import Reduced
from tests.near_field.scenes import dual_matrix, normal, point_of, problem_of


@pytest.mark.parametrize("matched", [False, True])
def test_the_map_its_transpose_and_the_normal_equations(matched):
    rng, sinr = np.random.default_rng(11), 0.7
    problem = problem_of(users=2)
    problem = problem.matched() if matched else problem
    point = point_of(problem, rng, weights=(1e-4, 2e-4))
    program = DualProgram(point.channels, point.owners, sinr, problem)
    unknowns = np.concatenate([point.weights, [0.6, 0.4]])
    bases, real = problem.beam_bases(sinr)
    F = program.matrices(unknowns)
    for k in range(2):
        expected = (
            bases[k].conj().T @ dual_matrix(unknowns[4:], 3, point.owners, unknowns[:4], point.channels, k, sinr) @ bases[k]
        )
        np.testing.assert_allclose(F[k], expected.real if real else expected, atol=1e-12)
    root = normal(rng, *F.shape)
    root = root.real if real else root
    X, inverse = root @ root.conj().swapaxes(1, 2), np.linalg.inv(F)
    assert program.adjoint(X) @ unknowns == pytest.approx(np.vdot(X, F).real, rel=1e-10)
    columns = []
    for unit in np.eye(6):
        moved = X @ program.matrices(unit) @ inverse
        columns.append(program.adjoint((moved + moved.conj().swapaxes(1, 2)) / 2))
    matrix = program.normal(X, inverse)
    np.testing.assert_allclose(matrix, np.transpose(columns), rtol=1e-9, atol=1e-9 * np.abs(matrix).max())
    lower = program.factor(unknowns)
    np.testing.assert_allclose(lower @ lower.conj().swapaxes(1, 2), F, atol=1e-12)
    near = program.around(unknowns, lower)
    np.testing.assert_allclose(near.matrices(np.ones(6)), np.tile(np.eye(F.shape[1]), (2, 1, 1)), atol=1e-12)
    shift = rng.uniform(0.5, 1.5, 6)
    np.testing.assert_allclose(
        lower @ near.matrices(shift) @ lower.conj().swapaxes(1, 2), program.matrices(shift * unknowns), atol=1e-12
    )
    for i in (0, 5):
        for edge in (0.0, -1.0):
            outside = unknowns.copy()
            outside[i] = edge
            assert program.factor(outside) is None
    assert program.factor(np.concatenate([1e3 * point.weights, [0.6, 0.4]])) is None
    with np.errstate(invalid="ignore"):
        assert program.factor(np.concatenate([point.weights, [np.inf, 0.4]])) is None


def test_weights_are_brought_inside():
    problem = Reduced(np.ones((1, 1, 1)) + 0j, np.zeros((1, 1)), np.ones((1, 1, 1)))
    program = DualProgram(problem.stacked, np.array([0]), 2.0, problem)
    for outside in (0.5, 1 + 0.9e-11, 1 + 1e-8, 1 + 1e-5):
        given = np.array([2.0 * outside, 1.0])
        found = dual_program.brought_inside(program, given)
        assert found[1] == 1.0 and given[0] == 2.0 * outside
        assert min(outside, 1 - 11 * (outside - 1)) - 1e-10 <= found[0] / 2 < min(outside + 1e-10, 1.0)
    assert dual_program.brought_inside(program, np.array([3.0, 1.0]))[0] == 0.0


def test_the_largest_factor_is_found_from_below():
    rng, sinr = np.random.default_rng(12), 0.7
    problem = problem_of(users=2)
    point = point_of(problem, rng)
    program = DualProgram(point.channels, point.owners, sinr, problem)
    for scale in (1e-4, 1.0, 1e5):
        unknowns = np.concatenate([scale * point.weights, point.prices])
        Q = np.diag(np.repeat(point.prices, 3))
        largest = min(
            1 / linalg.eigh(Q - dual_matrix(point.prices, 3, point.owners, unknowns[:6], point.channels, k, sinr), Q)[0][-1]
            for k in range(2)
        )
        found = largest_factor(program, unknowns)
        assert largest / 1.0011 <= found <= largest


class Wall:
    """A program whose weights may be multiplied by up to ``wall``."""

    count = 1

    def __init__(self, wall):
        self.wall, self.asked = wall, 0

    def factor(self, unknowns):
        self.asked += 1
        return True if unknowns[0] < self.wall else None


@pytest.mark.parametrize("wall", [1e-200, 0.03, 1.0, 1.5, 7e12, 1e99])
def test_brackets_of_the_largest_factor(wall):
    found = largest_factor(Wall(wall), np.array([1.0, 1.0]))
    assert wall / 1.0011 <= found <= wall


def test_a_largest_factor_without_end_ends():
    free, none = Wall(np.inf), Wall(0.0)
    assert 1e99 <= largest_factor(free, np.ones(2)) <= 1e101 and free.asked < 120
    assert largest_factor(none, np.ones(2)) < 1e-298 and none.asked < 320


@pytest.fixture
def steps(monkeypatch):
    """Products over the total, whenever a step begins, or what the covariances lack, of which 1e-6 counts like 2e-8."""
    taken, own = [], dual_program._Step.factor

    def counted(step):
        total = step.gain @ step.u
        taken.append(max(step.products / total, 2e-2 * step.short(total)))
        return own(step)

    monkeypatch.setattr(dual_program._Step, "factor", counted)
    return taken


def test_the_best_weights_of_orthogonal_channels_are_known(steps):
    """One access point and orthogonal channels: the users need the sum of gamma over their squared lengths."""
    problem = Reduced(np.diag([2.0, 0.5, 1.0])[:, None, :].astype(complex), np.zeros((3, 1)), np.eye(3)[None])
    need = 3.0 * (1 / 4 + 4 + 1)
    found = best_dual_point(problem.stacked, range(3), 3.0, problem, np.array([1.0, 1e-12, 5.0]), np.array([2.0]))
    assert need * (1 - 3e-8) <= found.total <= need and found.total == pytest.approx(found.weights.sum())
    np.testing.assert_allclose(found.weights, 3.0 / np.array([4, 0.25, 1]), rtol=1e-5)
    assert found.prices == pytest.approx([1.0]) and dual_residual(problem, 3.0, found) <= 0
    assert len(steps) < 25 and steps[-2] > 2e-8
    taken = len(steps)
    early = best_dual_point(problem.stacked, range(3), 3.0, problem, np.ones(3), np.array([2.0]), enough=0.5 * need)
    assert 0.5 * need <= early.total < need * (1 - 1e-6) and len(steps) - taken < taken


@pytest.mark.parametrize(("matched", "seed"), [(False, 0), (False, 1), (True, 2)])
def test_a_second_solver_finds_the_same_weights(matched, seed):
    rng, sinr = np.random.default_rng(seed), 0.7
    problem = problem_of(seed, users=2)
    problem = problem.matched() if matched else problem
    point = point_of(problem, rng, each=4)
    y, q = cp.Variable(8, nonneg=True), cp.Variable(2, nonneg=True)
    constraints, (bases, real) = [cp.sum(q) == 1], problem.beam_bases(sinr)
    for k in range(2):
        F = cp.diag(cp.hstack([q[0]] * 3 + [q[1]] * 3))
        for i, (owner, x) in enumerate(zip(point.owners, point.channels)):
            F = F + (-1 / sinr if owner == k else 1.0) * y[i] * np.outer(x, x.conj())
        seen = bases[k].conj().T @ F @ bases[k]
        constraints.append((cp.real(seen) if real else seen) >> 0)
    expected = cp.Problem(cp.Maximize(cp.sum(y)), constraints).solve(solver=cp.CLARABEL)
    # From the random weights of the point, and from one weight alone.
    for guess in (point.weights, np.eye(8)[3]):
        found = best_dual_point(point.channels, point.owners, sinr, problem, guess, point.prices)
        assert found.total == pytest.approx(expected, rel=1e-6) and found.prices.sum() == pytest.approx(1.0, rel=1e-12)
        assert matched or dual_residual(problem, sinr, found) <= 0


def test_covariances_without_digits_end_the_steps_with_the_best_so_far(monkeypatch):
    problem = problem_of(users=2)
    point = point_of(problem, np.random.default_rng(14), each=4)
    totals = []
    for most in range(6):
        monkeypatch.setattr(dual_program, "_MOST_STEPS", most)
        totals.append(best_dual_point(point.channels, point.owners, 0.7, problem, point.weights, point.prices).total)
    assert np.all(np.diff(totals) >= -1e-12) and totals[5] > 1.02 * totals[0]
    monkeypatch.undo()
    calls, own = [], dual_program.factored

    def lost(matrix):
        calls.append(0)
        return own(matrix) if len(calls) < 3 else None

    monkeypatch.setattr(dual_program, "factored", lost)
    found = best_dual_point(point.channels, point.owners, 0.7, problem, point.weights, point.prices)
    assert len(calls) == 3 and found.total == pytest.approx(totals[3]) and dual_residual(problem, 0.7, found) <= 0


def test_prices_go_where_the_power_is_short():
    """Two access points, users on antennas of their own: all the price is that of the one which spends more."""
    h = np.zeros((2, 2, 2), dtype=complex)
    h[0, 0, 0], h[1, 1, 1] = 1.0, 0.5
    problem = Reduced(h, np.zeros((2, 2)), np.tile(np.eye(2), (2, 1, 1)))
    found = best_dual_point(problem.stacked, range(2), 2.0, problem, np.ones(2), np.ones(2))
    assert found.prices == pytest.approx([0.0, 1.0], abs=1e-6) and found.total == pytest.approx(8.0, rel=1e-6)
    assert found.prices.sum() == pytest.approx(1.0, rel=1e-12) and dual_residual(problem, 2.0, found) <= 0


def test_a_dual_without_start_is_a_failure_by_name(monkeypatch):
    problem = problem_of(users=2)
    tried = []
    monkeypatch.setattr(dual_program, "largest_factor", lambda *given: 1.0)
    monkeypatch.setattr(DualProgram, "factor", lambda *given: tried.append(given[1].copy()))
    with pytest.raises(SolverFailure, match="decades"):
        best_dual_point(problem.stacked, range(2), 2.0, problem, np.array([0.0, 3.0]), np.array([5.0, 0.0]))
    np.testing.assert_allclose(np.array(tried)[:, 1], 0.8 * 0.5 ** np.arange(60))
    # Weights and prices of nothing are raised: to 1e-8 and 1e-6 of the largest.
    np.testing.assert_allclose(tried[0], [0.8e-8, 0.8, 1 / (1 + 1e-6), 1e-6 / (1 + 1e-6)])


def test_a_channel_that_the_guess_thinks_nothing_of_gets_its_weight():
    """One user: all the weight belongs to the shortest channel, sinr / (sum of its lengths)^2, whatever the guess."""
    h = np.array([[[1.0], [2.0], [3.0]]]) + 0j
    problem = Reduced(h, 1e-3 * np.abs(h[..., 0]), np.ones((3, 1, 1)))
    listed = [h.ravel(), (1 - 1e-4) * h.ravel()]
    found = best_dual_point(listed, [0, 0], 5.0, problem, np.array([1.0, 1e-9]), np.array([1.0, 2.0, 3.0]))
    assert found.total == pytest.approx(5 / (6 * (1 - 1e-4)) ** 2, rel=1e-6)


def test_totals_without_end_end():
    """Two users on one antenna: no power holds an SINR above 1, and the weights may grow for ever."""
    h = np.array([[[1.0]], [[2.0]]]) + 0j
    problem = Reduced(h, np.array([[0.1], [0.2]]), np.ones((1, 1, 1)))
    listed = [x * h[k].ravel() for k in range(2) for x in (0.92, 1.0)]
    with np.errstate(all="raise", under="ignore"):
        found = best_dual_point(listed, [0, 0, 1, 1], 80.0, problem, np.array([1.0, 1e-6, 1e-3, 1e-8]), np.ones(1))
    assert found.total > 1e9 and np.all(np.isfinite(found.weights)) and dual_residual(problem, 80.0, found) <= 0


def test_weights_of_nothing_bound_nothing():
    problem = problem_of()
    nothing = replace(point_of(problem, np.random.default_rng(1)), weights=np.zeros(6), total=0.0)
    with np.errstate(all="raise"):
        assert np.all(np.isinf(sinr_limits(problem, nothing, 1.0, np.array([0.5, 1.0]))))
