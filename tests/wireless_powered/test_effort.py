"""What the constants that save or end work are for: how many steps, starts and lanes a stated question takes."""

import importlib
import types

import numpy as np
import pytest

from benchmarks.extremes import wireless_powered as extremes
from isaclib import wireless_powered as wp
from isaclib.wireless_powered import attainable, benchmarks, curve, duality, energy, exact, interior, paper
from isaclib.wireless_powered.sensing import Lane, Sensing

judge = importlib.import_module("isaclib.wireless_powered.verify")


def refused(*given, **named):
    raise AssertionError("not asked for")


# --- the barrier method ------------------------------------------------------------------------------------------------------


def followed(monkeypatch, answer):
    """The weights and step limits that the central path is followed with, from slacks (10,); ``answer(tau)``: used, centred."""
    asked = []

    def centre(program, v, slacks, tau, limit):
        asked.append((tau, limit))
        used, centred = answer(tau)
        return v + 1, slacks, used, centred

    monkeypatch.setattr(interior, "_centre", centre)
    found = interior._follow(types.SimpleNamespace(slacks=lambda v: np.ones(10)), np.zeros(1))
    return *zip(*asked), found


def test_the_weight_grows_by_twenty_until_ten_digits_are_reached(monkeypatch):
    weights, limits, (v, _, steps) = followed(monkeypatch, lambda tau: (5, True))
    assert weights == pytest.approx([1.0, *20.0 ** np.arange(1, 9), 10 / 1e-10], rel=1e-12)
    assert limits == (200, *[12] * 9) and v[0] == 10 and steps == 50


def test_the_weight_grows_less_where_the_path_bends_and_more_where_steps_are_few(monkeypatch):
    first = iter([(1, True), (12, False), (6, True), (5, True), (5, True), (5, True)])
    weights, _, _ = followed(monkeypatch, lambda tau: next(first, (5, True)))
    root = 20**0.5  # after a failure; 6 steps leave it, 5 raise it by a half, and to 20 at most
    growth = [root, root, 1.5 * root, 2.25 * root, 3.375 * root, 20.0]
    assert weights[:2] == (1.0, 20.0)
    assert weights[2:8] == pytest.approx(np.cumprod(growth), rel=1e-12)


def test_a_path_that_cannot_be_followed_is_left_where_it_is(monkeypatch):
    weights, _, (v, _, steps) = followed(monkeypatch, lambda tau: (3, tau == 1.0))
    assert weights == pytest.approx([1.0, *20.0**0.5 ** np.arange(5)])  # the next growth would be 20^(1/32) < 1.2
    assert v[0] == 1 and steps == 3 * 6
    assert followed(monkeypatch, lambda tau: (200, False))[0] == (1.0,)


class Bowl:
    """A program whose Newton decrement is the square of ``slope``, with one slack."""

    def __init__(self, slope):
        self.slope = slope

    def barrier(self, v, s):
        return np.array([self.slope, 0.0]), np.eye(2)

    def slacks(self, v):
        return np.exp(self.slope * (1 - v[:1]))  # their logarithm rises by the decrement with a whole step


@pytest.mark.parametrize(("decrement", "steps"), [(0.07, 0), (0.15, 3)])
def test_a_point_is_centred_where_the_decrement_is_a_tenth(decrement, steps):
    v, _, used, centred = interior._centre(Bowl(decrement**0.5), np.array([1.0, 1.0]), np.ones(1), 0.0, 3)
    assert (used, centred) == (steps, steps == 0)
    assert v[0] == pytest.approx(1 - steps * decrement**0.5)


def test_a_decrement_below_zero_is_no_more_than_rounding():
    class Wrong(Bowl):
        def barrier(self, v, s):
            return np.array([self.slope, 0.0]), np.diag([-1.0, 1.0])

    for decrement, centred in ((0.07, True), (0.15, False)):
        wrong = Wrong(decrement**0.5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(interior, "_solve", lambda hessian, right: right / np.diag(hessian))
            assert interior._centre(wrong, np.ones(2), np.ones(1), 0.0, 3)[2:] == (0, centred)


def test_a_step_is_shortened_until_it_stays_inside_and_gains_a_tenth_of_what_it_promises():
    v, step, tried = np.array([0.0, 1.0]), np.array([1.0, 0.0]), []

    def program(slack):
        tried.clear()
        return types.SimpleNamespace(slacks=lambda at: tried.append(at[0]) or np.array([slack(at[0])]))

    inside = interior._line(program(lambda t: np.exp(t) if t < 0.3 else -1.0), v, step, np.ones(1), 0.0, 1.0)
    assert tried == pytest.approx([1.0, 0.6, 0.36, 0.216]) and inside[0].tolist() == [tried[-1], 1.0]
    for gain, taken in ((0.11, True), (0.09, False)):  # of the promise, at every length
        found = interior._line(program(lambda t, gain=gain: np.exp(gain * t)), v, step, np.ones(1), 0.0, 1.0)
        assert (found is not None) == taken and len(tried) == (1 if taken else 60)


def test_the_least_ridge_that_makes_a_matrix_definite_is_taken(monkeypatch):
    ridges, factor = [], interior.cho_factor
    monkeypatch.setattr(
        interior, "cho_factor", lambda matrix, **named: ridges.append(matrix[0, 0] - 1) or factor(matrix, **named)
    )
    almost = np.array([[1.0, 1 + 5e-9], [1 + 5e-9, 1.0]])  # its least eigenvalue is -5e-9
    assert interior._solve(almost, np.ones(2)) is not None
    assert ridges == pytest.approx([0.0, 1e-14, 1e-11, 1e-8], abs=3e-16)


# --- searches ----------------------------------------------------------------------------------------------------------------


def test_brackets_are_as_narrow_as_they_are_said_to_be(monkeypatch):
    batch, widths = wp.Scenario.random_batch(np.random.default_rng(3), 40), []
    for module, name, solve in (
        (curve, "sign_change", wp.solve_exact_batch),
        (benchmarks, "sign_change", wp.solve_equal_time_batch),
    ):
        original = getattr(module, name)

        def spied(*given, original=original, **named):
            found = original(*given, **named)
            widths.append(np.max(found.high - found.low))
            return found

        monkeypatch.setattr(module, name, spied)
        solve(batch)
    assert len(widths) == 2 and np.all(np.array(widths) <= 1.01e-11)


def test_lanes_are_solved_two_hundred_and_fifty_six_at_a_time(monkeypatch):
    sizes, solve = [], exact._solve_chunk
    monkeypatch.setattr(exact, "_solve_chunk", lambda rows: sizes.append(len(rows.bs_power_w)) or solve(rows))
    batch = wp.Scenario.random_batch(np.random.default_rng(3), 257, users=1, targets=1)
    assert len(wp.solve_exact_batch(batch).status) == 257 and sizes == [256, 1]


def test_choices_that_never_settle_are_left_to_the_barrier_method_after_twenty(monkeypatch):
    scenario = wp.Scenario.random(np.random.default_rng(1), sensing="energy", users=2, targets=1)
    asked, worth = [], Sensing.worth

    def restless(sensing, spent, target):
        asked.append(1)
        return worth(sensing, spent, target)[0], np.where([[True, len(asked) % 2 == 0]], np.inf, 0.0)

    monkeypatch.setattr(Sensing, "worth", restless)
    right = interior.reach(attainable.problem_of(Lane(scenario), 1.0))
    followed = []
    monkeypatch.setattr(interior, "reach", lambda problem: followed.append(1) or right)
    assert np.isfinite(attainable.least_crb(Lane(scenario)).crb[0])
    assert len(asked) == 20 and len(followed) == 1


@pytest.mark.parametrize(("more", "apart"), [(0.7e-12, False), (1.5e-12, True)])
def test_a_power_is_at_its_cap_to_twelve_digits(more, apart):
    scenario = wp.Scenario.random(np.random.default_rng(1), sensing="energy", crb_limit_m2=np.inf)
    free = energy._search(Lane(scenario.replace(max_power_w=1e9)))[0]
    assert energy._search(Lane(scenario.replace(max_power_w=free.powers_w.max() / (1 + more))))[2].tolist() == [apart]


class Seen(Exception):
    """What a function was called with, instead of its answer."""


def see(*given, **named):
    raise Seen(*given)


@pytest.fixture
def capped():
    free = wp.Scenario.random(np.random.default_rng(60), sensing="energy", users=3, targets=2, max_power_w=1e-3)
    return free.replace(crb_limit_m2=1.3 * wp.best_attainable_crb(free)[0])


@pytest.mark.parametrize(("room", "only"), [(6e-13, True), (1.2e-12, False)])
def test_a_limit_at_the_least_crb_leaves_one_allocation_to_judge(monkeypatch, capped, room, only):
    best = wp.best_attainable_crb(capped)[0]
    monkeypatch.setattr(energy, "_judged", see)
    with pytest.raises(Seen) as seen:
        energy._barrier(capped.replace(crb_limit_m2=best * (1 + room)), np.inf, 0.0)
    assert (seen.value.args[5] == 0) == only  # steps


def test_the_barrier_method_starts_with_a_third_of_the_room_at_the_least_crb(monkeypatch, capped):
    monkeypatch.setattr(energy, "_followed", see)
    with pytest.raises(Seen) as seen:
        energy._barrier(capped, np.inf, 0.0)
    _, problem, t0, e, *_ = seen.value.args
    frame = attainable.least_crb(Lane(capped))
    best_t0, best_e = frame.charging_s[0] / capped.time_budget_s, frame.harvesting_s[0] / capped.time_budget_s
    middle = 0.5 / (1 + problem.q.sum())  # of the frame; everybody with half of what is harvested then
    share = (t0 - best_t0) / (middle - best_t0)
    assert share < 1 and np.log2(share) == pytest.approx(round(np.log2(share)), abs=1e-9)
    np.testing.assert_allclose(e, best_e + share * (0.5 * middle - best_e), rtol=1e-9)
    least = [
        problem.psi(best_t0 + part * (middle - best_t0), best_e + part * (0.5 * middle - best_e))[0].min()
        for part in (share, 2 * share)
    ]
    assert least[0] >= 1 + 0.3 * 0.3 and (share == 0.5 or least[1] < 1 + 0.3 * 0.3)


@pytest.mark.parametrize(("gap", "asked"), [(0.7e-9, 0), (1.5e-9, 1)])
def test_a_bound_that_is_tight_needs_no_second_set_of_multipliers(monkeypatch, capped, gap, asked):
    best, calls = wp.solve_exact(capped), []
    point = best.powers_w, best.charging_time_s, best.times_s
    value = wp.throughputs(capped, best.times_s, best.powers_w).min()
    monkeypatch.setattr(energy, "dual_bound", lambda *given: calls.append(1) or float(value))
    energy._judged(capped, *point, value * (1 + gap), 1, 0.0)
    assert len(calls) == asked
    calls.clear()
    monkeypatch.setattr(duality, "multipliers", lambda *given, **named: calls.append(named) or (np.ones(3), np.zeros(2)))
    monkeypatch.setattr(duality, "evaluate", lambda *given: value * (1 + gap))
    duality.dual_bound(capped, *point)
    assert [named["balanced"] for named in calls] == ([False] if not asked else [False, True, False, True])


def test_multipliers_of_more_digits_are_refined_four_times(monkeypatch, capped):
    best, calls, solve = wp.solve_exact(capped), [], np.linalg.lstsq
    monkeypatch.setattr(np.linalg, "lstsq", lambda *given, **named: calls.append(1) or solve(*given, **named))
    point = best.powers_w, best.charging_time_s, best.times_s
    for dtype, refined in ((float, 0), (np.longdouble, 4)):
        calls.clear()
        duality.multipliers(capped, duality.Cuts(capped, *point, dtype), *point)
        assert len(calls) == refined


# --- the paper's algorithm ---------------------------------------------------------------------------------------------------


def test_a_subproblem_that_is_not_solved_is_tried_from_further_inside_and_then_less_exactly(monkeypatch):
    scenario = wp.Scenario.random(np.random.default_rng(1))
    problem, tried = paper._Subproblem(scenario, "proposed"), []

    def stalls(function, start, *, options, **named):
        tried.append((start, options["ftol"], options["maxiter"]))
        return types.SimpleNamespace(x=start, success=False)

    monkeypatch.setattr(paper, "minimize", stalls)
    z = problem.pack(*wp.feasible_start(scenario))
    best, solved = problem.solve(z)
    assert best is z and not solved  # feasible, and no worse than itself
    expected = [(0.0, 1e-12), (1e-3, 1e-12), (1e-3, 1e-9), (0.1, 1e-12), (0.1, 1e-9)]
    for (start, tolerance, most), (nudge, right) in zip(tried, expected, strict=True):
        np.testing.assert_allclose(z[0] - start[0], 2 * nudge, atol=1e-12)
        np.testing.assert_array_equal(start[1:], z[1:])
        assert tolerance == pytest.approx(right) and most == 500


@pytest.mark.parametrize(("worse", "taken"), [(0.7e-7, True), (1.5e-7, False)])
def test_an_answer_may_be_worse_than_the_last_by_rounding_only(monkeypatch, worse, taken):
    scenario = wp.Scenario.random(np.random.default_rng(1))
    problem = paper._Subproblem(scenario, "proposed")
    inside = np.array([worse, *np.zeros(1 + len(scenario.gain_bs_user))])
    monkeypatch.setattr(paper, "minimize", lambda function, start, **named: types.SimpleNamespace(x=start - inside, success=True))
    z = problem.pack(*wp.feasible_start(scenario))
    assert (problem.solve(z)[0] is not None) == taken


# --- the judge ---------------------------------------------------------------------------------------------------------------


def test_a_value_above_its_bound_is_judged_with_ever_more_rounding_of_the_crb(monkeypatch):
    scenario = wp.Scenario.random(np.random.default_rng(1))
    best, slacks = wp.solve_exact(scenario), []

    def bound(given, point, value, slack=0.0):
        slacks.append(slack)
        return value * (1 - 1e-12), 1, "verification"

    monkeypatch.setattr(judge, "_bound", bound)
    assert wp.verify(scenario, best).value == best.min_throughput_bit
    own = wp.residual(scenario, best.powers_w, best.charging_time_s, best.times_s)
    assert slacks == pytest.approx([0.0, *(own + units * 2.0**-52 for units in (0, 1, 8, 64, 512))], rel=1e-12, abs=0)


def test_a_limit_that_hardly_changes_with_the_powers_is_judged_as_it_is_solved():
    """The CRB at full power as the limit: the solver's powers exceed it by 1e-13, and twice that is worth 6e-6 of the value."""
    scenario = extremes.extreme(np.random.default_rng(0).spawn(1002)[1001])
    scenario = scenario.replace(crb_limit_m2=extremes.edge(scenario))
    best = wp.solve_exact(scenario)
    judged = wp.verify(scenario, best)
    assert best.certificate.status == judged.status == "optimal" and best.certificate.residual < 2e-13
    assert judged.value <= judged.bound and judged.gap < 1e-7


def test_a_bound_that_is_tight_is_not_computed_with_more_digits(monkeypatch):
    scenario, asked = wp.Scenario.random(np.random.default_rng(1)), []

    def curve_bound(given, dtype=float):
        asked.append(dtype)
        return 1.0, 1

    monkeypatch.setattr(judge, "_curve_bound", curve_bound)
    for gap, digits in ((0.7e-8, [float]), (1.5e-8, [float, np.longdouble])):
        asked.clear()
        judge._bound(scenario, None, 1 / (1 + gap))
        assert asked == digits
