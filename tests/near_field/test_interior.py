"""The structured interior-point method: its linear algebra, a general solver's answer, and the channels its dual names."""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest

from isaclib.foundations.channels import complex_normal
from isaclib.near_field import Scenario, channels, relaxed
from isaclib.near_field.decomposition import columns_of, errors_of
from isaclib.near_field.dual_bound import dual_residual
from isaclib.near_field.given_beams import certify
from isaclib.near_field.hermitian import hermitian
from isaclib.near_field.interior import Program, _Blocks, solve
from isaclib.near_field.margin import power_margin
from isaclib.near_field.reduction import reduce
from isaclib.near_field.relaxed import tightened, two_sided
from isaclib.near_field.sdp import _dual_bound, balanced_roots, margin_by_conic, margin_by_sdp, rank_one

# Both solvers stop at relative gaps of about 1e-7 and 1e-6.
SAME = 5e-6
NOISE, POWER = 1e-10, 1.0


def small(seed=0, users=3, aps=2, relative=0.02, matched=False):
    rng = np.random.default_rng(seed)
    h = (rng.standard_normal((users, aps, 4)) + 1j * rng.standard_normal((users, aps, 4))) / np.sqrt(2)
    problem = reduce(h, relative * np.linalg.norm(h, axis=2), 0.1)
    return problem.matched() if matched else problem


def paper(relative, seed=1):
    h = channels(Scenario.random(np.random.default_rng(seed)))
    return reduce(h, relative * np.linalg.norm(h, axis=2), NOISE)


def random_blocks(program, rng):
    def positive(count, size):
        a = rng.standard_normal((count, size, size)) + 1j * rng.standard_normal((count, size, size))
        return a @ a.conj().swapaxes(1, 2) + np.eye(size)

    users, size = program.users, program.corners.shape[1]
    return _Blocks(positive(users, program.inner), positive(users, size), rng.uniform(1, 2, users * program.aps + program.aps))


@pytest.mark.parametrize("matched", [False, True])
def test_adjoint_and_normal_equations_are_those_of_the_linear_map(matched):
    rng = np.random.default_rng(0)
    program = Program(small(matched=matched), 5.0)
    y, dual, inverse = rng.standard_normal(program.count), random_blocks(program, rng), random_blocks(program, rng)
    image = program.blocks(y, 0.0)
    assert image.inner(dual) == pytest.approx(y @ program.adjoint(dual), rel=1e-10)
    moved = dual.times(image).times(inverse)
    expected = program.adjoint(_Blocks(hermitian(moved.Z), hermitian(moved.T), moved.s))
    normal = program.normal(dual, inverse)
    assert np.allclose(normal @ y, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    assert np.allclose(normal, normal.T, rtol=0, atol=1e-12 * np.abs(normal).max())


@pytest.mark.parametrize(("users", "aps"), [(1, 1), (2, 2), (3, 2), (2, 3)])
def test_structured_solver_agrees_with_a_general_one(users, aps):
    problem = small(seed=users + aps, users=users, aps=aps)
    ours, general = margin_by_sdp(problem, 5.0, 1.0), margin_by_conic(problem, 5.0, 1.0)
    assert ours.point is not None and general.point is None
    assert ours.value == pytest.approx(general.value, rel=SAME)
    for found in (ours, general):
        assert found.value * (1 - SAME) <= found.bound <= found.value * (1 + SAME)


def test_paper_size_converges_for_small_and_large_errors():
    for relative, sinr in ((1e-3, 1e5), (1.18e-3, 3e5), (2.5e-3, 1.1e5), (4e-3, 5e4)):
        found = margin_by_sdp(paper(relative), sinr, POWER)
        assert found.point is not None and found.iterations <= 20
        assert found.bound == pytest.approx(found.value, rel=3e-5)
        assert np.all(rank_one(found.covariances)[1] > 0.99)


def test_an_impossible_sinr_is_answered_like_any_other():
    problem = small(relative=0.3)
    found = solve(Program(problem, 1e4))
    assert found.converged and found.power == np.inf
    ours, general = margin_by_sdp(problem, 1e4, 1.0), margin_by_conic(problem, 1e4, 1.0)
    assert ours.value == general.value == np.inf and ours.bound > 1e6


@pytest.mark.parametrize(("relative", "sinr", "moved"), [(1e-3, 3.4e5, 4e-3), (3e-3, 8e4, 0.05), (1e-2, 9e3, 0.02)])
def test_from_a_point_on_the_way_a_neighbouring_program_has_the_same_answer_sooner(relative, sinr, moved):
    problem = paper(relative)
    before, program = solve(Program(problem, sinr * np.exp(moved))), Program(problem, sinr)
    anew = solve(program)
    begin = before.near(abs(np.log(before.power / anew.power)))
    again = solve(program, begin=begin)
    assert again.converged and again.power == pytest.approx(anew.power, rel=1e-6)
    assert again.iterations <= 0.7 * anew.iterations
    assert [item for item in before.path if item[1] is begin][0][0] > 0.3 * abs(np.log(before.power / anew.power))


def test_a_program_far_from_the_power_that_is_sought_is_solved_for_the_direction_alone():
    problem = paper(1e-3)
    closely, roughly = solve(Program(problem, 2e5)), solve(Program(problem, 2e5), sought=1.0)
    assert roughly.iterations < 0.7 * closely.iterations
    # A hundredth of the distance in logs, and no more than is allowed.
    distance = abs(np.log(roughly.power))
    assert 1e-6 < abs(np.log(roughly.power / closely.power)) < 0.01 * distance
    bounded = solve(Program(problem, 2e5), sought=1.0, coarsest=1e-5)
    assert abs(np.log(bounded.power / closely.power)) < 1e-5
    assert solve(Program(problem, 2e5), sought=closely.power).iterations == closely.iterations  # it is there


@pytest.mark.parametrize("aps", [1, 2])
def test_for_one_or_two_access_points_the_mixture_of_channels_is_the_dual_matrix(aps):
    problem = small(seed=4, users=2, aps=aps, relative=0.1)
    found = solve(Program(problem, 3.0))
    for Z in found.dual:
        root = np.linalg.cholesky(Z + 1e-14 * np.trace(Z).real * np.eye(len(Z)))
        errors, weights = errors_of(columns_of(root, aps), aps)
        points = np.concatenate([errors.reshape(len(errors), -1), np.ones((len(errors), 1))], axis=1)
        assert np.all(np.linalg.norm(errors, axis=2) <= 1 + 1e-12)
        assert np.allclose(np.einsum("i,ij,ik->jk", weights, points, points.conj()), Z, rtol=0, atol=1e-6 * np.abs(Z).max())


@pytest.mark.parametrize("relative", [1e-3, 4e-3])
def test_one_program_bounds_from_both_sides(relative):
    problem = paper(relative)
    found = two_sided(problem, 4e4, POWER)
    bound, dual = tightened(problem, found, POWER)
    assert 0 < found.best <= found.restricted <= found.bound and found.best <= bound
    assert dual.total > 0 and dual_residual(problem, 4e4, dual, factor=0.0) <= 0
    again = two_sided(problem, found.following, POWER)
    assert tightened(problem, again, POWER)[0] / again.best - 1 < 0.1 * (bound / found.best - 1)


def test_a_program_after_another_begins_on_its_way_and_anew_where_that_stalls(monkeypatch):
    problem, asked, stalls = paper(1e-3), [], []

    def recorded(program, accuracy, **more):
        asked.append((accuracy, more))
        return replace(solve(program, accuracy, **more), converged=not (stalls and "begin" in more))

    monkeypatch.setattr(relaxed, "solve", recorded)
    first = two_sided(problem, 2e5, 1.0, 1e-4, closely=False)
    second = two_sided(problem, first.following, 1.0, 1e-4, after=first, closely=False)
    assert asked[0] == (pytest.approx(3e-7), {"sought": 1.0}) and asked[1][0] == asked[0][0]
    before = first.behind[1]
    begin = before.near(abs(np.log(before.power)))
    assert begin is not None and asked[1][1]["begin"] is begin and asked[1][1]["sought"] == 1.0
    assert asked[1][1]["coarsest"] == pytest.approx(np.log(first.following / 2e5) ** 2)
    assert second.behind[1].iterations < before.iterations and second.best > first.best
    stalls.append(True)
    again = two_sided(problem, first.following, 1.0, 1e-4, after=first, closely=False)
    anew = {"sought": 1.0, "coarsest": asked[1][1]["coarsest"]}
    assert [more for _, more in asked[2:]] == [{**anew, "begin": begin}, anew]
    assert not again.lost and again.best == pytest.approx(second.best, rel=1e-3)
    # One that lost its digits, however it began, tells the next not to begin anew.
    asked.clear()
    lost = two_sided(problem, first.following, 1.0, 1e-4, after=replace(first, lost=True), closely=False)
    assert [set(more) for _, more in asked] == [{"sought", "coarsest", "begin"}] and lost.lost
    # Which is the accuracy between 1e-7 and 1e-5 that is 3e-3 of the tolerance.
    for tolerance, accuracy in ((1e-9, 1e-7), (1e-2, 1e-5)):
        two_sided(problem, 2e5, 1.0, tolerance)
        assert asked[-1] == (pytest.approx(accuracy), {})


def test_prices_of_almost_nothing_are_raised_to_parts_of_the_largest():
    raised = relaxed._raised(np.array([2.0, 0.0, 1e-6]))
    expected = [[2.0, 0.0, 1e-6], [2.0, 2e-7, 1e-6], [2.0, 2e-5, 2e-5], [2.0, 2e-3, 2e-3]]
    assert np.allclose(raised, expected, rtol=1e-12, atol=0)
    assert np.array_equal(relaxed._raised(np.array([1.0, 0.5])), [[1.0, 0.5]])


def test_beams_that_keep_far_less_than_others_are_not_certified(monkeypatch):
    problem, asked = small(), []
    monkeypatch.setattr("isaclib.near_field.relaxed.certify", lambda *given, least: asked.append(given) or certify(*given))
    alone = two_sided(problem, 0.5, 1.0)
    for least in (0.0, 0.5 * alone.best, alone.best, 1.3 * alone.best):
        assert two_sided(problem, 0.5, 1.0, least=least).best == alone.best
    assert len(asked) == 5 and two_sided(problem, 0.5, 1.0, least=1.5 * alone.best).best == 0 and len(asked) == 5


def test_beams_of_maximum_ratio_are_bounded_alike():
    found = two_sided(small().matched(), 0.5, 1.0)
    assert 0 < found.best <= found.bound * (1 + 1e-9)


@pytest.fixture(scope="module")
def spare():
    """Two users who cost one of two access points a millionth of what they cost the other, and an SINR that takes all power."""
    scenario = Scenario.random(
        np.random.default_rng(1),
        ap_positions_m=[[30, 70], [10, 20]],
        user_positions_m=[[20, 30], [40, 45]],
        antennas=5,
        antenna_spacing_m=0.08,
    )
    h = channels(scenario)
    return h, 0.011795295672428055 * np.linalg.norm(h, axis=2), scenario.noise_w, 20552.29998104802


def test_what_a_dual_point_proves_keeps_its_digits_where_an_access_point_has_power_to_spare(spare):
    # The least eigenvalues by 50 digits: eigenvalues in the metric of the prices alone were wrong by a part in a million here.
    h, radii, noise, sinr = spare
    problem = reduce(h, radii, noise)
    program = Program(problem, sinr)
    found = solve(program)
    assert found.prices.min() < 1e-5 * found.prices.max()
    roots = balanced_roots(found.dual, problem)
    bound = _dual_bound(problem, sinr, program.bases, program.frames, found.dual, found.prices)
    with mp.workdps(50):
        halves = [mp.matrix((frame @ root).tolist()) for frame, root in zip(program.frames, roots)]
        Y = [half * half.H for half in halves]
        root = mp.diag([1 / mp.sqrt(price) for price in np.repeat(found.prices, problem.channels.shape[2]).tolist()])
        forms = [Y[k] / sinr - sum((Y[j] for j in range(2) if j != k), mp.zeros(4)) for k in range(2)]
        largest = max(max(mp.eigh(root * form * root, eigvals_only=True)) for form in forms)
        truth = float(sum(np.sum(np.abs(root[-1]) ** 2) for root in roots) / largest / mp.mpf(found.prices.sum()))
    assert truth * (1 - 1e-11) <= bound <= truth * (1 + 1e-14)


def test_both_roads_meet_where_an_access_point_has_power_to_spare(spare):
    h, radii, noise, sinr = spare
    by_cuts = power_margin(h, radii, sinr, noise, POWER)
    for part in (1.0, 0.9):
        by_sdp = power_margin(h, radii, part * sinr, noise, POWER, method="sdp")
        assert by_sdp.certificate.status == "optimal" and by_sdp.certificate.bound <= by_sdp.margin
        if part == 1:
            assert by_sdp.certificate.bound <= by_cuts.margin and by_cuts.certificate.bound <= by_sdp.margin


def test_covariances_leave_their_bases_hermitian_to_the_last_bit():
    rng = np.random.default_rng(3)
    alike = complex_normal(rng, (1, 2, 4)) * (1 + 1e-7 * complex_normal(rng, (4, 2, 4)))
    program = Program(reduce(alike, np.zeros((4, 2)), 1e-3), 2.0)
    root = complex_normal(rng, (4, program.inner, program.inner))
    lifted = program.lift(root @ root.conj().swapaxes(1, 2))
    np.testing.assert_array_equal(lifted, lifted.conj().swapaxes(1, 2))
    outer = program.bases @ root
    np.testing.assert_allclose(lifted, outer @ outer.conj().swapaxes(1, 2), rtol=1e-6, atol=1e-9 * np.abs(lifted).max())
