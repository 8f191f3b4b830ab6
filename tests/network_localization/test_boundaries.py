"""What a cap of 1 W, a square of one entry or an ordinary number hides: each value by its definition, away from all of these."""

import importlib
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
from ends import POSITIVE, assert_ends
from timed import assert_timed

from isaclib import InvalidScenario
from isaclib import network_localization as nl
from isaclib.foundations import conic
from isaclib.foundations.scenario import Batch
from isaclib.network_localization import (
    benchmarks,
    bracket,
    doubled,
    drop,
    eigen,
    layout,
    perron,
    positioning,
    reporting,
    rows,
    users,
)
from isaclib.network_localization.interface import INTERFACE
from isaclib.network_localization.paper import _program

from .test_right_values import UNEQUAL, drops

verify = importlib.import_module("isaclib.network_localization.verify")


def decoupled(cap, **changes):
    """Stations that hear themselves and noise: with p at the cap, 1/(1 + noise/p) each."""
    size = len(cap)
    nothing = np.zeros((size, size))
    fields = {
        "echo_gain": np.ones(size), "bistatic_gain": nothing, "bs_bs_gain": nothing, "self_interference_gain": np.ones(size),
        "link_gain": np.ones(size), "cross_link_gain": nothing, "ue_echo_gain": nothing, "noise_bs_w": 1e-16, "noise_ue_w": 1.0,
        "max_power_w": cap, "bandwidth_hz": 1.0, "min_comm_sinr": 0.0,
    }  # fmt: skip
    return nl.Scenario(**fields | changes)


# --- times -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solve", [nl.solve_exact, nl.solve_dc, nl.uniform_power])
def test_the_seconds_are_those_of_the_call(solve, scenario):
    assert_timed(lambda: solve(scenario))


# --- caps other than 1 W -----------------------------------------------------------------------------------------------------


def test_decoupled_stations_at_caps_of_their_own():
    scenario = decoupled([2.0, 50.0])
    solved = nl.solve_exact_batch([scenario])
    assert solved.status[0] == "optimal" and solved.worst_sensing_sinr[0] == pytest.approx(1.0, rel=1e-12)
    assert solved.bound[0] == pytest.approx(1.0, rel=1e-12) and np.all(solved.powers_w[0] <= scenario.max_power_w)


def test_other_powers_replace_those_without_a_proof():
    """Powers that are no numbers, or a bound of 0, are what rounding may leave: full power is judged then, in watt."""
    exact = importlib.import_module("isaclib.network_localization.exact")
    scenario = decoupled([2.0, 50.0])
    batch = Batch([scenario])
    for powers, bound in ((np.nan, np.nan), (1e-12, 0.0), (np.nan, 1e-3)):
        everything = np.ones((1, 2), dtype=bool)
        found = exact._Found(np.full((1, 2), np.nan), np.array([bound]), np.ones(1, int), everything, np.zeros(1, bool))
        given = np.full((1, 2), powers)
        exact._rescue(batch, nl.system(batch), np.ones(1, bool), found, given)
        assert nl.sensing_sinr(scenario, given[0]).min() == pytest.approx(1.0, rel=1e-12)
        assert found.bound[0] == pytest.approx(1.0, rel=1e-9) and np.all(given[0] <= scenario.max_power_w)


def test_the_least_powers_of_the_users_and_a_little_for_the_others():
    # Nobody disturbs anybody: u = threshold * noise / (gain * cap); a station without a threshold sends 1e-3 of the least.
    scenario = decoupled([2.0, 4.0, 5.0], min_comm_sinr=[0.5, 0.0, 2.0])
    np.testing.assert_allclose(benchmarks._least_powers(nl.system(scenario)), [0.25, 2.5e-4, 0.4], rtol=1e-14)
    scaled = nl.feasible_start(
        scenario.replace(noise_bs_w=1.0, cross_link_gain=1e-3 * (1 - np.eye(3)), max_power_w=2.0, min_comm_sinr=[0.5, 0.0, 0.9])
    )
    assert scaled.max() == 2.0 and np.all(scaled > 0)


@pytest.mark.parametrize("slack_start", [0.25, 1.0, 4.0])
def test_the_first_iterate_solves_the_papers_program_in_its_units(slack_start):
    cap, first = np.array([2.0, 10.0]), np.array([1.5, 9.0])
    found = nl.solve_dc(UNEQUAL, start=first, max_iterations=1, slack_start=slack_start)
    gains = UNEQUAL.bistatic_gain + UNEQUAL.bs_bs_gain + np.diag(UNEQUAL.self_interference_gain)
    heard = gains @ first + UNEQUAL.noise_bs_w
    t_unit, slack_unit = np.min(UNEQUAL.echo_gain * first / heard), heard / slack_start
    p, t, slack = cp.Variable(2), cp.Variable(), cp.Variable(2)
    last = 1 - slack_start
    tangent = (cp.square(t + slack) - 2 * last * (t - slack) + last**2) / 4
    users = UNEQUAL.cross_link_gain + UNEQUAL.ue_echo_gain
    rows_ = [
        gains @ p + UNEQUAL.noise_bs_w <= cp.multiply(slack_unit, slack),
        cp.multiply(UNEQUAL.echo_gain / (t_unit * slack_unit), p) >= tangent,
        cp.multiply(UNEQUAL.link_gain, p) >= cp.multiply(UNEQUAL.min_comm_sinr, users @ p + UNEQUAL.noise_ue_w),
        p >= 0,
        p <= cap,
    ]
    cp.Problem(cp.Maximize(t), rows_).solve(solver="CLARABEL")
    reached = float(_program(2).t.value)  # several powers may reach it
    assert reached == pytest.approx(float(t.value), rel=1e-6)
    assert found.history[1].objective == found.worst_sensing_sinr >= reached * t_unit * (1 - 1e-7)


@pytest.mark.filterwarnings("error")
def test_the_program_multiplies_matrices_as_such():
    """CVXPY takes ``*`` for a product of matrices, too, with a warning."""
    assert _program.__wrapped__(2).problem.is_dcp(dpp=True)


def test_powers_that_the_solver_leaves_beyond_their_limits_are_put_on_them(scenario, monkeypatch):
    solve = conic.solve

    def rounding(*args, **options):
        answer = solve(*args, **options)
        _program(3).q.save_value(np.array([-1e-9, 1 + 1e-9, 0.5]))
        return answer

    monkeypatch.setattr(conic, "solve", rounding)
    found = nl.solve_dc(scenario.replace(max_power_w=2.0, min_comm_sinr=0.0), max_iterations=1)
    assert found.powers_w.tolist() == [0.0, 2.0, 1.0]


# --- numbers at the ends -----------------------------------------------------------------------------------------------------


def test_a_row_that_asks_for_nothing_asks_for_nothing_at_any_scale():
    # Own gain times cap underflows to 0, and the ratio of the caps overflows: 0/0 and 0 times infinity are no requests.
    tiny = decoupled([1e-200, 1e200], link_gain=[1e-200, 1.0], echo_gain=[1e-90, 1.0])
    found = nl.system(tiny)
    assert np.all(found.C == 0) and np.all(found.u == 0)
    np.testing.assert_array_equal(found.F[0], np.diag([1e90, 1.0]))
    asked = nl.system(tiny.replace(min_comm_sinr=[1.0, 0.0]))
    assert asked.u[0].tolist() == [1e150, 0.0]


def test_what_leaves_the_range_of_doubles_has_no_rounding_error():
    beyond = decoupled([1e200, 1e200], link_gain=[1e200, 1.0], cross_link_gain=[[0.0, 1e150], [0.1, 0.0]], min_comm_sinr=0.3)
    (C, C_low), (_, u_low) = nl.system(beyond).users_pairs()
    assert np.all(C_low[0, 0] == 0) and u_low[0, 0] == 0
    quotient = Fraction(0.3) * Fraction(0.1)
    assert abs(Fraction(C[0, 1, 0]) + Fraction(C_low[0, 1, 0]) - quotient) <= quotient * Fraction(1, 10**30)


def test_products_too_small_for_their_digits_have_no_rounding_error_either():
    # Own gain times cap is 1e-320, known to four digits: the quotients it would give differ from the right ones to both sides.
    size = 6
    rng = np.random.default_rng(1)
    small = decoupled(
        np.full(size, 1.1e-120),
        link_gain=rng.uniform(1, 9, size) * 1e-200,
        cross_link_gain=rng.uniform(1, 9, (size, size)) * 1e-200 * (1 - np.eye(size)),
        min_comm_sinr=0.01,
    )
    (C, C_low), _ = nl.system(small).users_pairs()
    np.testing.assert_allclose(C[0], 0.01 * small.cross_link_gain / small.link_gain[:, None], rtol=1e-15)
    assert np.all(np.abs(C_low) <= 1e-12 * C)


# --- stacks of matrices ------------------------------------------------------------------------------------------------------


def test_a_matrix_without_eigenvalues_harms_no_other():
    good = np.array([[2.0, 1.0], [1.0, 2.0]])
    stack = np.array([[good, 3 * good, good], [good, np.full((2, 2), np.nan), 2 * good]])
    np.testing.assert_allclose(eigen.radii(stack), [[3, 9, 3], [3, np.nan, 6]], rtol=1e-14)
    skewed = np.array([[0.0, 4.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # roots 2, -2 and 1; the vector of 2 is (2, 1, 0)
    found = eigen.perron_vector(np.array([skewed, np.full((3, 3), np.nan)]))
    assert found[0, 0] / found[0, 1] == pytest.approx(2.0) and found[0, 2] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 5), (3, 2, 4)])
def test_sums_over_the_last_axis_whatever_the_others_are(shape):
    numbers = np.random.default_rng(3).normal(size=shape)
    high, low = doubled.total(doubled.plain(numbers))
    np.testing.assert_allclose(high, numbers.sum(axis=-1), rtol=1e-13)
    assert low.shape == shape[:-1]


@pytest.mark.parametrize("drops_", [1, 2, 5])
def test_a_batch_is_solved_as_its_rows_whatever_its_shape(drops_):
    """As many drops as stations, fewer, or more: axes do not change places."""
    for size in (2, 5, 14):
        batch = drops(size, drops_, seed=size)
        together = nl.solve_exact_batch(batch)
        powers = np.random.default_rng(size).uniform(0.1, 1.0, (drops_, size)) * 10
        batch_10 = nl.Scenario.random_batch(np.random.default_rng(size), drops_, base_stations=size, max_power_dbm=40.0)
        scored = nl.score_batch(batch_10, powers)
        for d, one in enumerate(batch):
            alone = nl.solve_exact_batch([one])
            for name in ("worst_sensing_sinr", "bound", "best_attainable", "range_std_m", "powers_w"):
                np.testing.assert_allclose(getattr(together, name)[d], getattr(alone, name)[0], rtol=1e-9)
            assert together.status[d] == alone.status[0]
            single = nl.score(batch_10[d], powers[d])
            assert scored.value[d] == pytest.approx(single.value, rel=1e-12)
        q = powers / 10
        each = [verify.bounds_at(nl.system(one), q[d : d + 1])[0] for d, one in enumerate(batch)]
        np.testing.assert_allclose(verify.bounds_at(nl.system(batch), q), each, rtol=1e-9)


def test_one_row_of_a_batch_that_is_no_number_is_judged_alone():
    batch = drops(2, 3)
    powers = np.array([[1.0, 1.0], [np.nan, 1.0], [0.5, 1.0]])
    value, violation = reporting.judged(batch, powers)
    assert value.tolist() == [nl.sensing_sinr(batch[0], powers[0]).min(), 0.0, nl.sensing_sinr(batch[2], powers[2]).min()]
    assert np.isfinite(violation).tolist() == [True, False, True]


def test_a_row_whose_powers_are_no_numbers_knows_no_range():
    powers = np.array([[1.0, 1.0], [np.nan, 1.0]])
    known, bound = np.array([True, True]), np.array([1.0, 2.0])
    found = reporting.collect(drops(2, 2), powers, bound, known, bound, np.array([1, 2]), ~known)
    assert np.isfinite(found.range_std_m).tolist() == [[True, True], [False, True]] and found.range_std_m[1, 0] == np.inf
    assert found.status[1] == "converged" and found.residual[1] == np.inf and found.bound.tolist() == [1.0, 2.0]


def test_many_steps_of_a_row_that_gives_nothing_are_no_steps():
    # A matrix without a way back turns every vector to 0, which is no direction.
    stuck = np.array([[[0.0, 1.0], [0.0, 0.0]], [[2.0, 0.0], [1.0, 1.0]]])
    with np.errstate(all="ignore"):
        found = bracket._many_steps(stuck, np.array([[1.0, 3.0], [1.0, 3.0]]), 1)
    assert found[0].tolist() == [1.0, 3.0]
    np.testing.assert_allclose(found[1] / found[1].max(), [1.0, 1.0], rtol=1e-12)


@pytest.mark.parametrize("size", [2, 16])
def test_the_bound_of_the_iteration_is_above_the_exact_value_by_the_rounding_it_allows_for(size):
    # Noise alone, in powers of two: the station with 1/2 is full at t = 2, exactly.
    v = np.full((1, size), 0.25)
    v[0, 1] = 0.5
    some = rows.System.of_sensing(np.zeros((1, size, size)), v)
    t, q, closed = bracket.iterate(some, np.ones((1, size), dtype=bool))
    assert closed[0] and q[0].tolist() == (2 * v[0]).tolist()
    assert t[0] == pytest.approx(2 * (1 + 4 * size * 2.0**-52), rel=2.0**-52, abs=0)
    assert nl.row_bound(some, np.ones((1, size), dtype=bool))[0] == pytest.approx(2.0, rel=1e-14)


def test_the_rounding_allowed_for_is_that_of_the_least_room():
    # The second station's user takes 3/4 of its cap: what rounds there is four times as much of the room that is left.
    nothing, half = np.zeros((1, 2, 2)), np.array([[0.5, 0.5]])
    some = rows.System(nothing, half, nothing, np.array([[0.0, 0.75]]), lambda at: (nothing[at], half[at] * 0), np.arange(1))
    t, q, closed = bracket.iterate(some, np.array([[True, False]]))
    assert closed[0] and q[0].tolist() == [1.0, 0.75]
    assert t[0] == pytest.approx(2 * (1 + 4 * 2 * 2.0**-52 / 0.25), rel=2.0**-52, abs=0)


def test_a_row_that_asks_for_nothing_stays_so_where_its_user_takes_the_whole_cap():
    # q_2 = 7/8 q_2 + 1/8 is the cap, and no room is left: K/0. The first station reaches q_1 / (0.1 q_1 + 0.2 q_2 + 0.05).
    F, C = np.array([[[0.1, 0.2], [0.3, 0.1]]]), np.array([[[0.0, 0.0], [0.0, 0.875]]])
    v, u = np.array([[0.05, 0.05]]), np.array([[0.0, 0.125]])
    some = rows.System(F, v, C, u, lambda at: (0 * C[at], 0 * u[at]), np.arange(1))
    assert rows.responses(some, np.array([[True, False]])).spare[0].tolist() == [1.0, np.finfo(float).tiny]
    assert nl.row_bound(some, np.array([[True, False]]))[0] == pytest.approx(1 / 0.35, rel=1e-12)


@pytest.mark.parametrize("wrong", [[1.0, 1e-12, 1e-12], [1.0, -1.0, 1.0], [np.nan, np.nan, np.nan], [np.inf, 1.0, 1.0]])
def test_least_powers_that_rounding_spoils_are_not_a_start(monkeypatch, wrong):
    scenario = nl.Scenario.random(np.random.default_rng(7), max_power_dbm=33.0)
    edge = float(nl.max_min_comm_sinr(scenario)[0][0])
    scenario = scenario.replace(min_comm_sinr=0.999 * edge)
    monkeypatch.setattr(benchmarks, "_least_powers", lambda rows: np.array(wrong))
    start = nl.feasible_start(scenario)
    assert nl.residual(scenario, start) <= 1e-7 and start.max() == scenario.max_power_w


def test_one_lane_whose_signs_are_lost_costs_the_others_nothing():
    alone, coupled = np.diag([1.0, 0.5, 0.25]), np.random.default_rng(3).random((3, 3))
    with np.errstate(all="ignore"):
        found = bracket._noda(np.array([coupled, alone]), np.ones((2, 3)))
    np.testing.assert_allclose(coupled @ found[0] / found[0], np.abs(np.linalg.eigvals(coupled)).max(), rtol=1e-12)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize(("served", "most"), [(False, {"times": 9, "solve": 4}), (True, {"times": 10, "solve": 4})])
def test_a_bracket_of_forty_stations_takes_so_many_products_and_solutions(monkeypatch, served, most):
    some = nl.system(nl.Scenario.random(np.random.default_rng(3), base_stations=40, min_comm_sinr_db=-25.0))
    counts = dict.fromkeys(("times", "solve"), 0)
    for name, original in (("times", bracket.times), ("solve", bracket.solve)):

        def counted(*given, name=name, original=original):
            counts[name] += 1
            return original(*given)

        monkeypatch.setattr(bracket, name, counted)
    sensing = (np.arange(40) % 5 > 0)[None] if served else np.ones((1, 40), dtype=bool)
    assert bracket.iterate(some, sensing)[2][0]
    assert all(counts[name] <= most[name] for name in most)


def test_a_bracket_that_does_not_close_ends_with_a_power_of_two_to_the_eighteenth(monkeypatch):
    attempts = []
    monkeypatch.setattr(bracket, "_noda", lambda matrix, w: attempts.append("Noda") or np.full_like(w, np.nan))
    monkeypatch.setattr(bracket, "_many_steps", lambda matrix, ask, attempt: attempts.append(attempt) or ask)
    slow = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])[None]  # steps go round for ever
    some = rows.System.of_sensing(slow, np.full((1, 3), 1e-9))
    start, asked = np.array([[1.0, 0.5, 0.25]]), []
    products = rows.System.sensing_rows
    monkeypatch.setattr(rows.System, "sensing_rows", lambda some, q: asked.append(1) or products(some, q))
    assert not bracket.iterate(some, np.ones((1, 3), dtype=bool), start)[2][0]
    assert len(asked) == 1 + 27  # the start, then a step before each jump and one at last
    assert attempts == ["Noda", 1, "Noda", 2, "Noda", 3, "Noda", 4, *range(5, 14)] and 32 * 2 ** attempts[-1] == 2**18


@pytest.mark.parametrize(("user", "twice"), [(1 - 1 / 0.7e4, False), (1 - 1 / 1.5e4, True)])
def test_digits_are_doubled_where_the_inverse_is_large(user, twice):
    nothing = np.zeros((1, 1))
    some = rows.System(nothing[None], nothing, np.array([[[user]]]), nothing, lambda at: (nothing[None], nothing), np.arange(1))
    held = rows.responses(some, np.array([[False]]))
    assert held.possible[0] and held.error[0] == pytest.approx(0 if twice else 4 * 2.0**-52 / (1 - user))
    assert held.K[0, 0, 0] == pytest.approx(1 / (1 - user), rel=1e-15 if twice else 1e-11)


@pytest.mark.parametrize(("room", "twice"), [(2.5e-4, False), (1.2e-4, True)])
def test_digits_are_doubled_where_hardly_any_room_is_left(room, twice):
    nothing = np.zeros((1, 2, 2))
    some = rows.System(
        nothing, nothing[0], nothing, np.array([[0.0, 1 - room]]), lambda at: (nothing[at], nothing[0, at]), np.arange(1)
    )
    held = rows.responses(some, np.array([[True, False]]))
    assert held.spare[0, 1] == pytest.approx(room, rel=1e-11)
    assert held.error[0] == pytest.approx(0 if twice else 4 * 2 * 2.0**-52)


# --- positions ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e6])
def test_an_estimate_in_other_units_is_the_same_place(scenario, scale):
    other = scenario.replace(**{name: getattr(scenario, name) * scale for name in ("bs_positions_m", "target_position_m")})
    ranges = np.linalg.norm(scenario.target_position_m - scenario.bs_positions_m, axis=1) + [0.1, -0.1, 0.0]
    right = nl.estimate_positions(scenario, ranges, np.ones(3))
    for start in ([0.0, 0.0], [30.0, -50.0]):
        found = nl.estimate_positions(other, ranges * scale, np.ones(3), start_m=np.multiply(start, scale))
        np.testing.assert_allclose(found / scale, right, rtol=1e-7)


def test_a_target_seen_from_far_above_is_found_from_beside_it(scenario):
    """All directions are nearly vertical: the damping is relative to what the ranges say about the plane."""
    higher = scenario.replace(bs_positions_m=scenario.bs_positions_m + [0.0, 0.0, 1e6])
    target = scenario.target_position_m
    ranges = np.linalg.norm(target - higher.bs_positions_m, axis=1)
    found = nl.estimate_positions(higher, ranges, np.ones(3), start_m=[10.0, -20.0])
    np.testing.assert_allclose(found, target[:2], atol=1e-3)


def test_more_trials_than_fit_are_refused_before_one_is_drawn(scenario):
    class Idle(np.random.Generator):
        standard_normal = None

    with pytest.raises(InvalidScenario, match=r"^trials: must be at most 1e\+08"):
        nl.simulate_position_errors_m(scenario, np.ones(3), Idle(np.random.PCG64(1)), 10**8 + 1)


def test_the_start_of_an_estimate_knows_how_high_each_station_is(scenario):
    higher = scenario.bs_positions_m + np.array([[0.0, 0.0, 5.0], [0.0, 0.0, 20.0], [0.0, 0.0, 60.0]])
    target = scenario.target_position_m
    ranges = np.linalg.norm(target - higher, axis=1)
    np.testing.assert_allclose(positioning._linear_start(higher, target[2], ranges[None])[0], target[:2], rtol=1e-12)


def test_stations_at_the_height_of_the_target_coincide_with_it_nowhere():
    flat = nl.Scenario.random_batch(np.random.default_rng(1), 3, base_stations=4, bs_height_m=1.5)
    together = nl.position_crb_m2(flat, np.ones((3, 4)))
    assert together.tolist() == pytest.approx([float(nl.position_crb_m2(one, np.ones(4))) for one in flat], rel=1e-12)
    np.testing.assert_allclose(np.linalg.norm(nl.range_gradients(flat), axis=-1), 1.0, rtol=1e-14)
    on_top = flat[1].replace(target_position_m=flat[1].bs_positions_m[2])
    with pytest.raises(InvalidScenario, match="coincides"):
        nl.range_gradients(Batch([flat[0], on_top, flat[2]]))


@pytest.mark.parametrize("count", range(1, 8))
def test_as_many_cells_as_are_asked_for(count):
    places = layout.bs_layout_m(count, 2.0, "cells")
    assert places.shape == (count, 2) and np.all(places[0] == 0)
    turn = np.pi / 6 + np.pi / 3 * np.arange(count - 1)
    np.testing.assert_allclose(places[1:], np.sqrt(12) * np.column_stack([np.cos(turn), np.sin(turn)]), atol=1e-14)


# --- limits of the arguments -------------------------------------------------------------------------------------------------

LIMITS = {
    "side_m": (POSITIVE, 1e9), "coverage_radius_m": (POSITIVE, 1e9), "bs_height_m": (0.0, 1e9), "device_height_m": (0.0, 1e9),
    "carrier_hz": (POSITIVE, 1e18), "subcarrier_spacing_hz": (POSITIVE, 1e18), "cross_section_dbsm": (-1e3, 1e3),
    "max_power_dbm": (-1e3, 1e3), "self_interference_db": (-1e3, 1e3), "min_comm_sinr_db": (-1e3, 1e3),
    "rician_k_db": (-1e3, 1e3), "noise_figure_db": (0.0, 1e3), "processing_gain_db": (-1e3, 1e3),
    "comm_exponent": (0.0, 20.0), "bs_bs_exponent": (0.0, 20.0), "sensing_exponent": (0.0, 20.0),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_parameters_of_a_drop_end_where_they_are_said_to(name):
    assert set(LIMITS) == set(drop._RANGES)
    assert_ends(lambda **given: nl.Scenario.random(np.random.default_rng(1), **given), {name: LIMITS[name]})


def test_counts_end_where_they_are_said_to(scenario):
    assert layout.bs_layout_m(10**4, 1.0).shape == (10**4, 2)
    for name, call in (
        ("base_stations", lambda: layout.bs_layout_m(10**4 + 1, 1.0)),
        ("slack_start", lambda: nl.solve_dc(scenario, slack_start=0.99e-9)),
        ("slack_start", lambda: nl.solve_dc(scenario, slack_start=1.01e9)),
        ("ranges_m", lambda: nl.estimate_positions(scenario, [1.01e9, 1.0, 1.0], np.ones(3))),
        ("start_m", lambda: nl.estimate_positions(scenario, np.ones(3), np.ones(3), start_m=[1.01e100, 0.0])),
        ("powers_w", lambda: nl.violations(scenario, [-1.01e-6, 1.0, 1.0])),
        ("powers_w", lambda: nl.sensing_sinr(scenario, [-1e-300, 1.0, 1.0])),
    ):
        with pytest.raises(InvalidScenario, match=name):
            call()
    for name in ("bs_positions_m", "ue_positions_m", "target_position_m"):
        for end in (-1e100, 1e100):
            moved = np.full_like(getattr(scenario, name), end)
            assert np.all(getattr(scenario.replace(**{name: moved}), name) == end)
            with pytest.raises(InvalidScenario, match=name):
                scenario.replace(**{name: 1.01 * moved})
    at_the_end = nl.estimate_positions(scenario, [1e9] * 3, np.ones(3), start_m=[1e100, -1e100])
    assert np.all(np.isfinite(at_the_end))
    for slack_start in (1e-9, 1e9):
        assert nl.solve_dc(scenario, slack_start=slack_start, max_iterations=1).certificate.residual <= 1e-7
    assert nl.violations(scenario, [-1e-6, 1.0, 1.0])["powers_w"] == pytest.approx(1e-6)


# --- the families of the benchmark set ---------------------------------------------------------------------------------------


def test_the_families_are_what_they_are_said_to_be():
    families = {name: family.draw(np.random.default_rng(3)) for name, family in INTERFACE.families.items()}
    usual = nl.Scenario.random(np.random.default_rng(3))
    assert families["paper"].link_gain.tolist() == families["tight"].link_gain.tolist() == usual.link_gain.tolist()
    assert families["tight"].min_comm_sinr == pytest.approx(0.98 * nl.max_min_comm_sinr(usual)[0][0], rel=1e-14)
    large, hard = families["large"], families["hard"]
    assert len(large.echo_gain) == len(hard.echo_gain) == 12
    assert (large.min_comm_sinr, hard.min_comm_sinr) == pytest.approx((10**-1.5, 1e-3))
    assert large.self_interference_gain == pytest.approx(np.full(12, 1e-11))
    assert hard.self_interference_gain == pytest.approx(np.full(12, 10**-5.5))


# --- how the searches end ----------------------------------------------------------------------------------------------------


def test_steps_are_counted_from_one(scenario):
    assert nl.solve_exact(scenario.replace(min_comm_sinr=0.0)).certificate.iterations == 1
    # One switch: the second station's sensing row asks for 0.1, its user for 0.5.
    one = decoupled([1.0, 1.0], noise_bs_w=[1.0, 0.05], self_interference_gain=0.0, min_comm_sinr=[0.0, 0.5])
    found = nl.solve_exact(one)
    assert found.certificate.iterations == 2 and found.worst_sensing_sinr == pytest.approx(1.0)
    np.testing.assert_allclose(found.powers_w, [1.0, 0.5], rtol=1e-12)


@pytest.mark.parametrize("sensing", [[True, True], [True, False]])
def test_where_both_rows_ask_the_same_none_is_switched(sensing):
    exact = importlib.import_module("isaclib.network_localization.exact")
    tied = decoupled([1.0, 1.0], noise_bs_w=[1.0, 0.5], self_interference_gain=0.0, min_comm_sinr=[0.0, 0.5])
    t, q, switch = exact._improve(nl.system(tied), np.array([sensing]), np.full((1, 2), np.nan))
    assert t[0] == pytest.approx(1.0, rel=1e-15) and q[0] == pytest.approx([1.0, 0.5], rel=1e-15) and not switch.any()
    assert nl.solve_exact(tied).certificate.iterations == 1


def refused(*given, **named):
    raise AssertionError("not asked for")


@pytest.mark.parametrize(("size", "unused"), [(12, "iterate"), (13, "radii"), (13, "perron_vector")])
def test_eigenvalues_up_to_twelve_stations_products_beyond(monkeypatch, size, unused):
    exact = importlib.import_module("isaclib.network_localization.exact")
    scenario = drops(size, seed=3, min_comm_sinr_db=-30.0)[0]
    for module in (exact, users, perron):
        if hasattr(module, unused):
            monkeypatch.setattr(module, unused, refused)
    assert nl.solve_exact_batch([scenario]).status[0] == "optimal"
    edge = nl.max_min_comm_sinr(scenario)[0][0]
    q = users.users_optimum(nl.system(scenario.replace(min_comm_sinr=edge)))[0]
    assert nl.comm_sinr(scenario, q).min() == pytest.approx(edge, rel=1e-10)


def test_an_optimum_is_judged_by_products_alone(monkeypatch):
    scenario = nl.Scenario.random(np.random.default_rng(7))
    best = nl.solve_exact(scenario)
    monkeypatch.setattr(verify, "_by_eigenvalues", refused)
    assert nl.verify(scenario, best).status == "optimal"
    with pytest.raises(AssertionError, match="not asked for"):
        nl.verify(scenario, nl.uniform_power(scenario))


@pytest.mark.parametrize("size", [12, 13])
def test_every_cap_is_tried_up_to_twelve_stations_the_full_one_beyond(monkeypatch, size):
    caps, bound = [], perron.bound
    monkeypatch.setattr(perron, "bound", lambda some, sensing, cap: caps.append(cap) or bound(some, sensing, cap))
    q = np.full((1, size), 0.5)
    q[0, 3] = 1.0
    found = verify._by_eigenvalues(nl.system(drops(size, seed=3)), q)
    assert np.isfinite(found[0]) and (caps[0] is None if size == 12 else caps[0].tolist() == [3])


def test_a_bound_of_zero_beside_powers_that_serve_the_users_says_nothing(monkeypatch):
    monkeypatch.setattr(perron, "bound", lambda some, sensing, cap: np.array([0.0, 3.0 if sensing.all() else 0.0]))
    q = np.array([[0.3, 0.8], [1.0, 0.5]])
    some = nl.system(Batch([UNEQUAL.replace(min_comm_sinr=[20.0, 20.0])] * 2))  # users' rows are the nearer ones
    assert verify._by_eigenvalues(some, q).tolist() == [np.inf, 3.0]


@pytest.mark.parametrize(("more", "switched"), [(0.5e-12, False), (1.5e-12, True)])
@pytest.mark.parametrize("on", ["sensing", "user"])
def test_a_row_that_asks_for_more_than_rounding_is_switched_to(on, more, switched):
    exact = importlib.import_module("isaclib.network_localization.exact")
    noise = 0.5 / (1 + more) if on == "sensing" else 0.5 * (1 + more)
    tied = decoupled([1.0, 1.0], noise_bs_w=[1.0, noise], self_interference_gain=0.0, min_comm_sinr=[0.0, 0.5])
    held = np.array([[True, on == "sensing"]])
    assert exact._improve(nl.system(tied), held, np.full((1, 2), np.nan))[2].tolist() == [[False, switched]]


def test_one_station_is_at_its_cap_to_the_last_bit():
    exact = importlib.import_module("isaclib.network_localization.exact")
    powers = exact._within_caps(np.array([[0.3, 0.15], [3.0, 0.75]]), np.array([[7.0, 2.0]]))
    np.testing.assert_array_equal(powers, [[7.0, 1.0], [7.0, 0.5]])


def test_a_search_through_ever_new_sets_ends_after_two_hundred_steps(monkeypatch):
    exact = importlib.import_module("isaclib.network_localization.exact")
    scenario = nl.Scenario.random(np.random.default_rng(7), base_stations=10, min_comm_sinr_db=-20.0)

    def improve(rows, sensing, last):  # the next binary number
        number = int("".join("10"[int(one)] for one in sensing[0]), 2)
        switch = np.array([[bool((number ^ (number + 1)) >> place & 1) for place in range(9, -1, -1)]])
        return np.ones(1), np.ones((1, 10)), switch

    monkeypatch.setattr(exact, "_improve", improve)
    rows_ = nl.system(scenario)
    found = exact._policy_iteration(rows_, np.ones(1, dtype=bool))
    assert found.steps.tolist() == [200] and found.exhausted.tolist() == [True]


@pytest.mark.parametrize("size", [2, 16])
def test_a_threshold_beyond_what_can_be_had_by_more_than_rounding_is_refused(size):
    # Nobody hears anybody: at the cap every user has an SINR of 1.
    for beyond, served in ((0.5e-13, True), (1.5e-13, False)):
        scenario = decoupled(np.ones(size), min_comm_sinr=1 + beyond * size)
        assert nl.solve_exact_batch([scenario]).feasible[0] == served


def test_from_its_own_end_the_papers_algorithm_goes_nowhere(scenario):
    end = nl.solve_exact(scenario)
    found = nl.solve_dc(scenario, start=end.powers_w)
    assert found.certificate.iterations == 1 and found.certificate.status == "converged"
    assert found.worst_sensing_sinr == pytest.approx(end.worst_sensing_sinr, rel=1e-6)


def test_twelve_stations_are_enumerated_still():
    scenario = nl.Scenario.random(np.random.default_rng(5), base_stations=12, min_comm_sinr_db=-25.0)
    assert nl.perron_frobenius_optimum(scenario) == pytest.approx(nl.solve_exact(scenario).worst_sensing_sinr, rel=1e-9)
