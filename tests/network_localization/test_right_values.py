"""Right values at the places that a change of one sign, constant or comparison would move: by definition or in exact numbers."""

import importlib
import inspect
import math
from fractions import Fraction

import matplotlib.colors
import matplotlib.text
import mpmath
import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import network_localization as nl
from isaclib.foundations import plotting
from isaclib.network_localization import bracket, doubled, eigen, layout, perron, positioning, reporting, rows, users

verify = importlib.import_module("isaclib.network_localization.verify")
UNEQUAL = nl.Scenario(
    echo_gain=[2.0, 3.0],
    bistatic_gain=[[0.0, 0.5], [0.25, 0.0]],
    bs_bs_gain=[[0.0, 1.5], [0.75, 0.0]],
    self_interference_gain=[0.1, 0.3],
    link_gain=[4.0, 5.0],
    cross_link_gain=[[0.0, 0.2], [0.6, 0.0]],
    ue_echo_gain=[[0.05, 0.3], [0.4, 0.01]],
    noise_bs_w=[0.2, 0.7],
    noise_ue_w=[0.3, 0.9],
    max_power_w=[2.0, 10.0],
    bandwidth_hz=[1e6, 2e6],
    min_comm_sinr=[0.5, 0.2],
    processing_gain=10.0,
)


def drops(size, count=1, seed=1, **changes):
    return nl.Scenario.random_batch(
        np.random.default_rng(seed), count, base_stations=size, **{"min_comm_sinr_db": -20.0, **changes}
    )


# --- twice the digits --------------------------------------------------------------------------------------------------------


def exact(pair, at):
    return Fraction(float(pair[0][at])) + Fraction(float(pair[1][at]))


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
def test_arithmetic_with_twice_the_digits_against_fractions(name):
    rng = np.random.default_rng(2)
    a, b = ((x := rng.normal(size=200) * 10.0 ** rng.integers(-8, 9, 200), x * 1e-17 * rng.normal(size=200)) for _ in range(2))
    found = getattr(doubled, name)(a, b)
    for i in range(200):
        left, right = exact(a, i), exact(b, i)
        truth = {"add": left + right, "subtract": left - right, "multiply": left * right}.get(name)
        truth = left / right if truth is None else truth
        size = max(abs(left), abs(right)) if name in ("add", "subtract") else abs(truth)
        assert abs(exact(found, i) - truth) <= Fraction(1, 10**30) * size


def test_sums_and_products_are_exact_with_their_errors():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=100) * 10.0 ** rng.integers(-9, 9, 100), rng.normal(size=100) * 10.0 ** rng.integers(-9, 9, 100)
    for i in range(100):
        assert exact(doubled.two_sum(a, b), i) == Fraction(a[i]) + Fraction(b[i])
        assert exact(doubled.two_product(a, b), i) == Fraction(a[i]) * Fraction(b[i])
    for count in (1, 2, 3, 6, 7):
        numbers = rng.normal(size=(4, count)) * 10.0 ** rng.integers(-6, 6, (4, count))
        high, low = doubled.total(doubled.plain(numbers))
        for i in range(4):
            truth = sum(Fraction(float(x)) for x in numbers[i])
            size = Fraction(float(np.abs(numbers[i]).max()))
            assert abs(exact((high, low), i) - truth) <= Fraction(1, 10**30) * size


@pytest.mark.parametrize("near", [0.3, 1e-3, 1e-9, 1e-13])
def test_the_inverse_near_the_edge_in_fifty_digits(near):
    rng = np.random.default_rng(4)
    C = rng.random((3, 4, 4))
    C *= (1 - near) / np.abs(np.linalg.eigvals(C)).max(axis=-1)[:, None, None]
    (high, low), possible = doubled.inverse(doubled.plain(C))
    assert possible.all()
    with mpmath.workdps(60):
        for lane in range(3):
            truth = (mpmath.eye(4) - mpmath.matrix(C[lane].tolist())) ** -1
            for i in range(4):
                for j in range(4):
                    found = mpmath.mpf(float(high[lane, i, j])) + mpmath.mpf(float(low[lane, i, j]))
                    assert abs(found / truth[i, j] - 1) <= 1e-28 / near
    assert not doubled.inverse(doubled.plain(C * (1 + 2 * near)))[1].any()


# --- the rows ----------------------------------------------------------------------------------------------------------------


def test_the_rows_by_their_definition():
    found = nl.system(UNEQUAL)
    cap, threshold = np.array([2.0, 10.0]), np.array([0.5, 0.2])
    for i in range(2):
        for j in range(2):
            heard = UNEQUAL.self_interference_gain[i] if i == j else UNEQUAL.bistatic_gain[i, j] + UNEQUAL.bs_bs_gain[i, j]
            assert found.F[0, i, j] == pytest.approx(heard * cap[j] / (UNEQUAL.echo_gain[i] * cap[i]), rel=1e-15)
            heard = UNEQUAL.cross_link_gain[i, j] + UNEQUAL.ue_echo_gain[i, j]
            assert found.C[0, i, j] == pytest.approx(threshold[i] * heard * cap[j] / (UNEQUAL.link_gain[i] * cap[i]), rel=1e-15)
        assert found.v[0, i] == pytest.approx(UNEQUAL.noise_bs_w[i] / (UNEQUAL.echo_gain[i] * cap[i]), rel=1e-15)
        assert found.u[0, i] == pytest.approx(threshold[i] * UNEQUAL.noise_ue_w[i] / (UNEQUAL.link_gain[i] * cap[i]), rel=1e-15)
    q = np.array([[0.3, 0.8]])
    sinr, served = nl.sensing_sinr(UNEQUAL, q[0] * cap), nl.comm_sinr(UNEQUAL, q[0] * cap)
    np.testing.assert_allclose(q / found.sensing_rows(q), [sinr], rtol=1e-14)
    np.testing.assert_allclose(q / found.comm_rows(q), [served / threshold], rtol=1e-14)
    C, u, largest = rows.users_rows(UNEQUAL)
    np.testing.assert_allclose(C[0] * 0.5, found.C[0], rtol=1e-14)
    np.testing.assert_allclose(u[0] * 0.5, found.u[0], rtol=1e-14)
    assert largest.tolist() == [0.5]
    none = rows.users_rows(UNEQUAL.replace(min_comm_sinr=0.0))
    np.testing.assert_allclose(none[0][0], found.C[0] / threshold[:, None], rtol=1e-14)
    assert none[2].tolist() == [0.0]


def test_ratios_whose_terms_leave_the_range_of_floats():
    off = np.array([[0.0, 1.0], [1.0, 0.0]])
    s = UNEQUAL.replace(
        echo_gain=[2e200, 3e199], bistatic_gain=0.5e200 * off, bs_bs_gain=1e199 * off, self_interference_gain=[1e198, 3e200],
        link_gain=[4e200, 5e180], cross_link_gain=0.2e200 * off, ue_echo_gain=np.full((2, 2), 1e190), noise_bs_w=[1e300, 1e-300],
        noise_ue_w=[1e299, 1e-300], max_power_w=[1e160, 1e160],
    )  # fmt: skip
    for p in ([3e150, 2e149], [3e150, 0.0], [2e120, 7e110]):
        P = [Fraction(x) for x in p]
        noise = [[Fraction(float(x)) for x in values] for values in (s.noise_bs_w, s.noise_ue_w)]
        for i in range(2):
            j = 1 - i
            F = lambda x: Fraction(float(x))  # noqa: E731
            heard = P[j] * (F(s.bistatic_gain[i, j]) + F(s.bs_bs_gain[i, j])) + P[i] * F(s.self_interference_gain[i])
            right = P[i] * F(s.echo_gain[i]) / (heard + noise[0][i])
            assert nl.sensing_sinr(s, p)[i] == pytest.approx(float(right), rel=1e-13)
            heard = P[j] * (F(s.cross_link_gain[i, j]) + F(s.ue_echo_gain[i, j])) + P[i] * F(s.ue_echo_gain[i, i])
            assert nl.comm_sinr(s, p)[i] == pytest.approx(float(P[i] * F(s.link_gain[i]) / (heard + noise[1][i])), rel=1e-13)


def test_relaxed_thresholds_are_lower_by_a_power_of_two():
    found = nl.system(UNEQUAL)
    lower = found.relaxed()
    np.testing.assert_array_equal([lower.F, lower.v[..., None] + 0 * lower.F], [found.F, found.v[..., None] + 0 * found.F])
    for name in ("C", "u"):
        np.testing.assert_allclose(1 - getattr(lower, name) / getattr(found, name), 2.0**-36, rtol=1e-4)
    (C, C_low), _ = lower.users_pairs()
    (own, own_low), _ = found.users_pairs()
    for i in range(2):
        for j in range(2):
            right = (Fraction(own[0, i, j]) + Fraction(own_low[0, i, j])) * (1 - Fraction(1, 2**36))
            assert abs(Fraction(C[0, i, j]) + Fraction(C_low[0, i, j]) - right) <= right * Fraction(1, 10**29)


@pytest.mark.parametrize("size", [2, 4, 7])
def test_how_users_answer_what_others_send(size):
    rng = np.random.default_rng(5)
    some = nl.system(drops(size, 6))
    for _ in range(4):
        sensing = rng.random((6, size)) < 0.5
        held = rows.responses(some, sensing)
        for lane in range(6):
            D = np.diag(~sensing[lane]).astype(float)
            K = np.linalg.inv(np.eye(size) - D @ some.C[lane])
            assert held.possible[lane] == (K.min() >= -1e-12 and np.all(K @ D @ some.u[lane] <= 1))
            if held.possible[lane]:
                np.testing.assert_allclose(held.K[lane], K, rtol=1e-9, atol=1e-15)
                np.testing.assert_allclose(held.fixed[lane], K @ D @ some.u[lane], rtol=1e-9, atol=1e-15)
                np.testing.assert_allclose(held.spare[lane], 1 - held.fixed[lane], rtol=1e-12)
                assert held.error[lane] == pytest.approx(4 * 2.0**-52 * size * K.max(), rel=1e-6)
        np.testing.assert_allclose(held.answer(np.ones((6, size))), held.K.sum(axis=-1), rtol=1e-12)
    everybody = rows.responses(some, np.ones((6, size), dtype=bool))
    assert everybody.alone and np.all(everybody.spare == 1) and np.all(everybody.error == 4 * 2.0**-52 * size)


def test_users_near_their_edge_are_answered_with_all_digits():
    """A threshold 1e-10 below what both users can have: 1 - C is nearly singular, the room under the caps is 1e-10."""
    edge = float(nl.max_min_comm_sinr(UNEQUAL)[0][0])
    near = UNEQUAL.replace(min_comm_sinr=np.array([1.0, 0.4]) * edge * (1 - 1e-10))
    some = nl.system(near)
    held = rows.responses(some, np.array([[False, False]]))
    with mpmath.workdps(50):
        m = lambda x: mpmath.mpf(float(x))  # noqa: E731
        C, u = mpmath.zeros(2), mpmath.zeros(2, 1)
        for i in range(2):
            own = m(near.link_gain[i]) * m(near.max_power_w[i])
            for j in range(2):
                heard = m(near.cross_link_gain[i, j]) + m(near.ue_echo_gain[i, j])
                C[i, j] = m(near.min_comm_sinr[i]) * heard * m(near.max_power_w[j]) / own
            u[i] = m(near.min_comm_sinr[i]) * m(near.noise_ue_w[i]) / own
        fixed = (mpmath.eye(2) - C) ** -1 * u
        assert held.possible[0] and held.error[0] == 0
        for i in range(2):
            assert abs(m(held.spare[0, i]) / (1 - fixed[i]) - 1) <= 1e-9
    assert not rows.responses(
        nl.system(near.replace(min_comm_sinr=np.array([1.0, 0.4]) * edge * 1.001)), np.zeros((1, 2), bool)
    ).possible[0]


def test_a_singular_lane_gives_nan_and_harms_no_other():
    matrices = np.array([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    found = rows.solve(matrices, np.array([[1.0, 2.0], [1.0, 2.0], [4.0, 6.0]]))
    np.testing.assert_array_equal(found[[0, 2]], [[1.0, 2.0], [2.0, 3.0]])
    assert np.isnan(found[1]).all()
    assert rows.solve(np.eye(2), np.eye(2) * 3).tolist() == [[3.0, 0.0], [0.0, 3.0]]


# --- bounds ------------------------------------------------------------------------------------------------------------------


def closed_form(system, lane, sensing, cap):
    """t of the module's text for one set and one cap, with dense matrices."""
    size = len(sensing)
    S, D = np.diag(sensing).astype(float), np.diag(~sensing).astype(float)
    K = np.linalg.inv(np.eye(size) - D @ system.C[lane])
    fixed = K @ D @ system.u[lane]
    column = system.F[lane] @ fixed + system.v[lane]
    matrix = S @ (system.F[lane] @ K + np.outer(column, K[cap]) / (1 - fixed[cap]))
    return 1 / np.abs(np.linalg.eigvals(matrix)).max()


@pytest.mark.parametrize("size", [3, 5])
def test_the_closed_form_by_its_definition(size):
    rng = np.random.default_rng(6)
    some = nl.system(drops(size, 4))
    for _ in range(5):
        sensing = rng.random((4, size)) < 0.6
        sensing[:, rng.integers(size)] = True
        held, bounds = rows.responses(some, sensing), nl.row_bound(some, sensing)
        t, q = perron.row_optimum(some, sensing)
        for lane in np.flatnonzero(held.possible):
            every = [closed_form(some, lane, sensing[lane], cap) for cap in range(size)]
            assert bounds[lane] == pytest.approx(min(every), rel=1e-9) and t[lane] == pytest.approx(min(every), rel=1e-9)
            for cap in range(size):
                one = perron.bound(some[[lane]], sensing[[lane]], np.array([cap]))[0]
                assert one == pytest.approx(every[cap], rel=1e-9)
            asked = np.where(sensing, t[:, None] * some.sensing_rows(q), some.comm_rows(q))[lane]
            np.testing.assert_allclose(q[lane], asked, rtol=1e-8)
            assert q[lane].max() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("size", [3, 8, 14])
def test_the_iteration_encloses_what_it_ends_at(size):
    rng = np.random.default_rng(7)
    some = nl.system(drops(size, 3))
    sensing = np.ones((3, size), dtype=bool)
    sensing[1, 0] = False
    for start in (None, rng.uniform(0.1, 1, (3, size))):
        t, q, closed = bracket.iterate(some, sensing, start)
        assert closed.all()
        np.testing.assert_allclose(t, nl.row_bound(some, sensing), rtol=1e-10)
        ratio = np.where(sensing, q / some.sensing_rows(q), np.inf)
        np.testing.assert_allclose(ratio.min(axis=1), t, rtol=1e-11)
        np.testing.assert_allclose(q.max(axis=1), 1.0, rtol=1e-10)
    # Any powers at all: the largest ratio over S bounds the optimum, the least is reached.
    held = rows.responses(some, sensing)
    push = np.where(sensing, rng.uniform(0.1, 1, (3, size)), 0.0)
    filled = bracket._filled(held, push)
    np.testing.assert_allclose(filled.max(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        (filled - held.fixed) / held.answer(push),
        np.max((filled - held.fixed) / held.answer(push), axis=1)[:, None] * np.ones(size),
        rtol=1e-9,
    )


def test_a_jump_is_many_steps():
    some = nl.system(drops(4, 1))
    sensing = np.ones((1, 4), dtype=bool)
    held, w = rows.responses(some, sensing), np.array([[1.0, 0.1, 0.3, 0.01]])
    cap = int(np.argmin(held.spare[0] / w[0]))
    matrix = some.F[0] + np.outer(some.v[0], np.eye(4)[cap])
    for attempt, power in ((0, 1), (1, 2), (3, 8)):
        steps = w[0].copy()
        for _ in range(32 * power):
            steps = matrix @ steps / np.max(matrix @ steps)
        found = bracket._many_steps(matrix[None], w, attempt)[0]
        np.testing.assert_allclose(found / found.max(), steps / steps.max(), rtol=1e-10)
    late = bracket._jump(some, held, sensing, w, bracket._NODA + 1)[0]
    np.testing.assert_allclose(late / late.max(), steps / steps.max(), rtol=1e-10)


def test_a_jump_ends_at_the_perron_vector_and_keeps_the_users_out():
    some = nl.system(drops(6, 1))
    for sensing in (np.ones((1, 6), dtype=bool), np.arange(6)[None] % 3 > 0):
        held = rows.responses(some, sensing)
        w = np.where(sensing, some.sensing_rows(np.ones((1, 6))), 0.0)
        for attempt in range(3):
            with np.errstate(all="ignore"):
                w = bracket._jump(some, held, sensing, w, attempt)
        push = held.answer(w)[0]
        cap = int(np.argmin(held.spare[0] / push))
        matrix = np.diag(sensing[0] * 1.0) @ (
            some.F[0] @ held.K[0] + np.outer(some.F[0] @ held.fixed[0] + some.v[0], held.K[0, cap]) / held.spare[0, cap]
        )
        radius = np.max(np.abs(np.linalg.eigvals(matrix)))
        np.testing.assert_allclose(matrix @ w[0], radius * w[0], rtol=1e-11)
        assert np.array_equal(w[0] > 0, sensing[0])


def test_where_a_jump_does_not_keep_the_signs_the_power_takes_over():
    # Nobody hears anybody: the Perron vector is that of one station, and the others' entries are nothing but rounding.
    matrix, w = np.diag([1.0, 0.5])[None], np.array([[1.0, 1.0]])
    with np.errstate(all="ignore"):
        assert np.all(np.isnan(bracket._noda(matrix, w)))


def test_which_row_is_nearer():
    some, q = nl.system(UNEQUAL), np.array([[0.3, 0.8]])
    ask, users_ask = some.sensing_rows(q)[0], some.comm_rows(q)[0]
    ratio = np.min(q[0] / ask) * ask / q[0]
    right = ratio >= users_ask / q[0]
    np.testing.assert_array_equal(bracket.nearer_rows(some, q, 0.0)[0], right)
    tie = 1 - ratio[~right | (ratio < 1)].min()
    assert bracket.nearer_rows(some, q, tie + 1e-9).all()


@pytest.mark.parametrize("seed", range(4))
def test_bounds_at_any_powers_hold_and_the_finer_one_counts(seed):
    some, rng = nl.system(drops(4, 8, seed)), np.random.default_rng(seed)
    solved = nl.solve_exact_batch(drops(4, 8, seed))
    q = rng.uniform(0.05, 1, (8, 4))
    found = verify.bounds_at(some, q)
    single = [verify._by_iteration(some, q), verify._by_eigenvalues(some, q)]
    known = solved.feasible
    assert np.all(found[known] >= solved.worst_sensing_sinr[known] * (1 - 1e-12))
    np.testing.assert_allclose(found, np.minimum(*single), rtol=1e-12)


def test_violations_by_hand_and_what_is_proven():
    found = verify.violations(UNEQUAL, [2.5, 4.0])
    served = nl.comm_sinr(UNEQUAL, [2.5, 4.0]) / [0.5, 0.2]
    assert found["max_power_w"] == pytest.approx(0.25) and found["powers_w"] == 0.0
    assert found["min_comm_sinr"] == pytest.approx(max(0.0, 1 - served.min()))
    below = verify.violations(UNEQUAL, [-1e-6, 10.0])
    assert below["powers_w"] == pytest.approx(5e-7) and below["min_comm_sinr"] == 1.0 and below["max_power_w"] == 0.0
    table = reporting.proven(
        np.array([1.0, 1.0, 1.0, 1.0]), np.array([1 + 9e-7, 1 + 2e-6, 1.0, 1.0]), np.array([0, 0, 9e-8, 2e-7])
    )
    assert table.tolist() == [True, False, True, False]
    wrong = reporting.beyond(np.array([1.0, 1.0, 1.0]), np.array([1 - 2e-9, 1 - 0.5e-9, 0.9]), np.array([0.0, 0.0, 1e-9]))
    assert wrong.tolist() == [True, False, False]
    value, violation = reporting.judged(drops(3, 2), np.array([[1.0, 1.0, 1.0], [np.nan, 1.0, 1.0]]))
    assert value[0] == nl.sensing_sinr(drops(3, 2)[0], np.ones(3)).min() and violation[1] == np.inf


# --- users -------------------------------------------------------------------------------------------------------------------


def test_what_all_users_can_have_at_once_by_its_definition():
    C, u, _ = rows.users_rows(UNEQUAL)
    radius = [np.abs(np.linalg.eigvals(C[0] + np.outer(u[0], np.eye(2)[k]))).max() for k in range(2)]
    best, index = nl.max_min_comm_sinr(UNEQUAL)
    assert best[0] == pytest.approx(1 / max(radius), rel=1e-12) and index[0] == np.argmax(radius)
    some = nl.system(UNEQUAL.replace(min_comm_sinr=np.array([1.0, 0.4]) * best[0]))
    q = users.users_optimum(some)[0]
    np.testing.assert_allclose(nl.comm_sinr(UNEQUAL, q * [2.0, 10.0]) / [1.0, 0.4], best[0], rtol=1e-10)
    assert q.max() == 1.0 and np.argmax(q) == index[0]
    error = users.infeasible(UNEQUAL.replace(min_comm_sinr=np.array([2.0, 0.8]) * best[0]))
    assert error.index == index[0]
    assert error.limit == pytest.approx(best[0] * [2.0, 0.8][index[0]]) and error.best_attainable == pytest.approx(
        error.limit / 2
    )


def test_perron_vectors_and_radii():
    rng = np.random.default_rng(8)
    matrices = rng.random((5, 4, 4))
    radius, vectors = eigen.radii(matrices), eigen.perron_vector(matrices)
    np.testing.assert_allclose((matrices @ vectors[..., None])[..., 0], radius[:, None] * vectors, rtol=1e-12)
    matrices[2, 0, 0] = np.nan
    broken = eigen.radii(matrices)
    assert np.isnan(broken[2]) and np.array_equal(broken[[0, 1, 3, 4]], radius[[0, 1, 3, 4]])


# --- ranges, positions -------------------------------------------------------------------------------------------------------


def test_the_range_law_and_its_units():
    sigma = 299_792_458.0 / (2 * np.array([1e6, 2e6]) * np.sqrt(2 * 10.0 * nl.sensing_sinr(UNEQUAL, [1.0, 2.0])))
    np.testing.assert_allclose(nl.range_std_m(UNEQUAL, [1.0, 2.0]), sigma, rtol=1e-14)
    sinr = np.array([[0.5, 2.0], [8.0, 32.0]])
    for width, gain in ((1e6, 4.0), ([1e6, 2e6], [4.0, 1.0]), (np.full((2, 2), 1e6), 4.0)):
        right = 299_792_458.0 / (2 * np.asarray(width) * np.sqrt(2 * np.asarray(gain) * sinr))
        np.testing.assert_allclose(nl.range_std_from_sinr_m(sinr, width, gain), right, rtol=1e-14)
    assert nl.range_std_from_sinr_m(0.0, 1e6) == np.inf


@pytest.mark.parametrize("size", [3, 5])
def test_positions_are_the_least_squares_solution(size):
    from scipy.optimize import least_squares

    scenario = nl.Scenario.random(np.random.default_rng(9), base_stations=size)
    rng, bs, target = np.random.default_rng(10), scenario.bs_positions_m, scenario.target_position_m
    truth, stds = np.linalg.norm(target - bs, axis=1), rng.uniform(0.5, 5, size)
    ranges = truth + stds * rng.standard_normal((6, size))
    found = nl.estimate_positions(scenario, ranges, stds)
    for row, position in zip(ranges, found):
        error = lambda q, row=row: (row - np.linalg.norm(np.append(q, target[2]) - bs, axis=1)) / stds  # noqa: E731
        best = least_squares(error, target[:2], xtol=1e-15, ftol=1e-15, gtol=1e-15)
        assert np.sum(error(position) ** 2) == pytest.approx(2 * best.cost, rel=1e-9)
        np.testing.assert_allclose(position, best.x, atol=1e-5)
    near = nl.estimate_positions(scenario, truth, stds, start_m=target[:2] + 1.0)
    np.testing.assert_allclose(near, target[:2], atol=1e-6)


def test_a_start_from_differences_of_squares_is_exact_for_exact_ranges():
    scenario = nl.Scenario.random(np.random.default_rng(9), base_stations=4)
    bs, target = scenario.bs_positions_m, scenario.target_position_m
    ranges = np.linalg.norm(target - bs, axis=1)[None]
    np.testing.assert_allclose(positioning._linear_start(bs, target[2], ranges)[0], target[:2], atol=1e-9)
    line = bs * np.array([1.0, 0.0, 1.0])
    assert positioning._linear_start(line, target[2], ranges) is None


def test_the_cost_and_its_slope_by_differences():
    rng = np.random.default_rng(11)
    bs, q, ranges, weights = (
        rng.normal(size=(4, 3)) * 50,
        rng.normal(size=(1, 2)) * 20,
        rng.uniform(20, 90, (1, 4)),
        rng.random(4),
    )
    cost, normal, gradient = positioning._linearise(q, 7.0, bs, ranges, weights)
    distance = np.linalg.norm(np.append(q[0], 7.0) - bs, axis=1)
    assert cost[0] == pytest.approx(np.sum(weights * (ranges[0] - distance) ** 2))
    for i, h in enumerate(np.eye(2) * 1e-5):
        up, down = (positioning._linearise(q + s * h, 7.0, bs, ranges, weights)[0][0] for s in (1, -1))
        assert gradient[0, i] == pytest.approx(-(up - down) / 2e-5 / 2, rel=1e-6)
    slopes = (np.append(q[0], 7.0) - bs)[:, :2] / distance[:, None]
    np.testing.assert_allclose(normal[0], slopes.T @ np.diag(weights) @ slopes, rtol=1e-12)


def test_simulated_errors_are_those_of_their_ranges():
    scenario = nl.Scenario.random(np.random.default_rng(7), processing_gain_db=46.6)
    bs, target, stds = scenario.bs_positions_m, scenario.target_position_m, nl.range_std_m(scenario, np.ones(3))
    noise = np.random.default_rng(12).standard_normal((5, 3))
    ranges = np.linalg.norm(target - bs, axis=1) + noise * stds
    right = np.linalg.norm(nl.estimate_positions(scenario, ranges, stds) - target[:2], axis=1)
    np.testing.assert_allclose(
        nl.simulate_position_errors_m(scenario, np.ones(3), np.random.default_rng(12), 5), right, rtol=1e-9
    )
    with pytest.raises(InvalidScenario, match="fewer than two ranges"):
        nl.estimate_positions(scenario, ranges, [1.0, np.inf, np.inf])


# --- drops, layouts, drawings ------------------------------------------------------------------------------------------------


def test_a_drop_by_its_formulas():
    given = {
        "base_stations": 3, "side_m": 80.0, "coverage_radius_m": 60.0, "bs_height_m": 12.0, "device_height_m": 2.0,
        "carrier_hz": 2.1e9, "subcarrier_spacing_hz": 15e3, "subcarriers": 100, "cross_section_dbsm": 3.0, "max_power_dbm": 20.0,
        "self_interference_db": -90.0, "min_comm_sinr_db": 1.0, "rician_k_db": 4.0, "comm_exponent": 2.7, "bs_bs_exponent": 2.3,
        "sensing_exponent": 2.1, "noise_figure_db": 5.0, "processing_gain_db": 13.0,
    }  # fmt: skip
    found, rng = nl.Scenario.random(np.random.default_rng(13), **given), np.random.default_rng(13)
    rhombus, u, normal = rng.integers(3), rng.random(8), rng.standard_normal((2, 3, 3, 2))
    corner = lambda k: 80 * np.array([math.cos(2 * math.pi * k / 3), math.sin(2 * math.pi * k / 3)])  # noqa: E731
    target = np.append(u[0] * corner(rhombus) + u[1] * corner(rhombus + 1), 2.0)
    bs = np.array([[*corner(k), 12.0] for k in range(3)])
    ue = np.array(
        [
            [*(bs[k, :2] + 60 * math.sqrt(u[2 + k]) * np.array([math.cos(a := 2 * math.pi * u[5 + k]), math.sin(a)])), 2.0]
            for k in range(3)
        ]
    )
    np.testing.assert_allclose(found.bs_positions_m, bs, atol=1e-9)
    np.testing.assert_allclose(found.ue_positions_m, ue, rtol=1e-12)
    np.testing.assert_allclose(found.target_position_m, target, rtol=1e-12)
    wave, K = 299_792_458.0 / 2.1e9, 10**0.4
    fading = np.abs(math.sqrt(K / (K + 1)) + (normal[..., 0] + 1j * normal[..., 1]) / math.sqrt(2 * (K + 1))) ** 2
    away = lambda a, b: np.linalg.norm(a - b)  # noqa: E731
    path = lambda d, nu: (wave / 4 / math.pi) ** 2 / d**nu  # noqa: E731
    radar = lambda a, b: wave**2 * 10**0.3 / (4 * math.pi) ** 3 / (a * b) ** 2.1  # noqa: E731
    leg, user_leg = [away(b, target) for b in bs], [away(x, target) for x in ue]
    for i in range(3):
        assert found.echo_gain[i] == pytest.approx(radar(leg[i], leg[i]), rel=1e-12)
        assert found.link_gain[i] == pytest.approx(fading[0, i, i] * path(away(ue[i], bs[i]), 2.7), rel=1e-12)
        for j in range(3):
            assert found.ue_echo_gain[i, j] == pytest.approx(radar(leg[j], user_leg[i]), rel=1e-12)
            if i != j:
                low, high = min(i, j), max(i, j)
                assert found.bistatic_gain[i, j] == pytest.approx(radar(leg[j], leg[i]), rel=1e-12)
                assert found.bs_bs_gain[i, j] == pytest.approx(fading[1, low, high] * path(away(bs[i], bs[j]), 2.3), rel=1e-12)
                assert found.cross_link_gain[i, j] == pytest.approx(fading[0, i, j] * path(away(ue[i], bs[j]), 2.7), rel=1e-12)
    assert (found.max_power_w, found.bandwidth_hz) == pytest.approx((0.1, 1.5e6))
    assert (found.min_comm_sinr, found.processing_gain) == pytest.approx((10**0.1, 10**1.3))
    np.testing.assert_allclose(found.self_interference_gain, 1e-9)
    assert found.noise_bs_w == found.noise_ue_w == pytest.approx(1.380649e-23 * 290 * 10**0.5 * 1.5e6, rel=1e-12)


def test_where_stations_stand():
    cells = layout.bs_layout_m(7, 10.0, "cells")
    np.testing.assert_allclose(np.linalg.norm(cells, axis=1), [0, *[10 * math.sqrt(3)] * 6], atol=1e-12)
    np.testing.assert_allclose(np.degrees(np.arctan2(*cells[1:3].T[::-1])), [30, 90])
    np.testing.assert_allclose(layout.bs_layout_m(4, 10.0), [[10, 0], [0, 10], [-10, 0], [0, -10]], atol=1e-12)
    with pytest.raises(InvalidScenario, match="use 1 to 7"):
        layout.bs_layout_m(8, 10.0, "cells")
    for rhombus in range(3):
        corner = lambda k: 2 * np.array([math.cos(2 * math.pi * k / 3), math.sin(2 * math.pi * k / 3)])  # noqa: E731
        point = layout.in_hexagon(np.array([rhombus]), np.array([[0.25, 0.5]]), 2.0)[0]
        np.testing.assert_allclose(point, 0.25 * corner(rhombus) + 0.5 * corner(rhombus + 1), atol=1e-14)


def test_a_drawing_in_all_its_parts():
    scenario = nl.Scenario.random(np.random.default_rng(7))
    _, ax = plotting.subplots()
    nl.draw_deployment(ax, scenario, side_m=100.0, coverage_radius_m=40.0, signals=True)
    bs, ue, target = scenario.bs_positions_m[:, :2], scenario.ue_positions_m[:, :2], scenario.target_position_m[:2]
    drawn = [one for one in ax.lines if len(one.get_xdata())]
    places = [*[place for pair in zip(bs, ue) for place in pair], target]
    assert [one.get_marker() for one in drawn] == ["^", "o"] * 3 + ["*"]
    assert [one.get_markersize() for one in drawn] == [9, 6] * 3 + [13]
    np.testing.assert_allclose([one.get_xydata()[0] for one in drawn], places)
    reach = np.abs(bs).max() + 40
    assert ax.get_xlim() == pytest.approx((-reach, reach)) and ax.get_ylim() == pytest.approx((-reach, reach))
    circles = [one for one in ax.patches if hasattr(one, "radius")]
    assert [(one.radius, one.get_linewidth()) for one in circles] == [(40.0, 0.9)] * 3
    words = {text.get_text(): text for text in ax.texts}
    assert set(words) == {*(f"{what} {i}" for what in ("BS", "UE") for i in (1, 2, 3)), "target"}
    offsets = [words[name].xyann for name in ("BS 1", "UE 2", "target")]
    assert offsets == [(7, 7), (7, -10), (-9, -6)] and words["BS 2"].xy == pytest.approx(bs[1])
    arrows = [one for one in ax.patches if hasattr(one, "get_arrowstyle")]
    ends = [(bs[0], target), (bs[1], target), (bs[1], bs[0]), (bs[0], ue[0])]
    for arrow, (start, end), bend in zip(arrows, ends, (0.0, 0.0, 0.25, 0.0), strict=True):
        np.testing.assert_allclose(arrow._posA_posB, [start, end])
        assert (arrow.get_linewidth(), arrow.shrinkA, arrow.shrinkB, arrow.get_mutation_scale()) == (1.5, 7, 7, 11)
        assert arrow.get_connectionstyle().rad == bend
    colours = [plotting.COLOURS[0], plotting.COLOURS[5], plotting.COLOURS[3], plotting.INK]
    assert [matplotlib.colors.to_hex(arrow.get_edgecolor()).upper() for arrow in arrows] == [colour.upper() for colour in colours]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["own echo", "bistatic echo", "direct BS-BS signal", "user's link"]


def test_what_is_meant_where_nothing_is_said():
    for function, defaults in (
        (nl.solve_dc, {"start": None, "tolerance": 1e-4, "max_iterations": 100, "slack_start": 1.0}),
        (nl.uniform_power, {"power_w": None}),
        (nl.score, {"tolerance": 1e-6, "optimum": None}),
        (nl.score_batch, {"tolerance": 1e-6}),
        (nl.range_std_from_sinr_m, {"processing_gain": 1.0}),
        (nl.sensing_sinr, {"integrated": True}),
        (nl.comm_sinr, {"integrated": True}),
    ):
        found = inspect.signature(function).parameters
        assert {name: found[name].default for name in defaults} == defaults
