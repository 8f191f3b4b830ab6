"""How many rounds, turns, halvings and evaluations the searches take: few, and none without end."""

import dataclasses
import inspect
import math

import numpy as np
import pytest
from timed import assert_timed

from isaclib import InvalidScenario
from isaclib import ofdm_ranging as ofdm
from isaclib.foundations.errors import SolverFailure
from isaclib.ofdm_ranging import (
    batch,
    benchmarks,
    bounds,
    cuts,
    edge,
    estimator,
    exact,
    feasibility,
    interior_point,
    least,
    paper,
    pulse,
    waterfilling,
)
from isaclib.ofdm_ranging.feasibility import problem_of, window_within
from isaclib.ofdm_ranging.rows import Rows
from isaclib.ofdm_ranging.waterfilling import priced_bound, waterfill_shares
from isaclib.ofdm_ranging.window import dolph_shares, least_sidelobe_level

HALF = math.sqrt(0.5)


def scenario_of(seed=0, **changes):
    return ofdm.Scenario.random(np.random.default_rng(seed), **({"carriers": 16} | changes))


def problem_with(count, *regions, slack=None):
    return cuts.Problem(count, tuple(cuts.Region(*region) for region in regions), slack, 16)


@pytest.fixture
def counted(monkeypatch):
    """Counts the calls of a function of a module or class: ``counted(where, name)`` is the list of their arguments."""

    def count(where, name):
        calls, own = [], getattr(where, name)

        def counting(*given, **options):
            calls.append((given, options))
            return own(*given, **options)

        monkeypatch.setattr(where, name, counting)
        return calls

    return count


# problem, target over the least level, rounds
LEAST = (
    (problem_with(12, (1.5, 4.0, 0.1)), None, 4),
    (problem_with(16, (1.5, 5.0, 0.1)), None, 4),
    (problem_with(33, (1.2, 9.0, 0.1)), None, 4),
    (problem_with(64, (2.0, 20.0, 0.1)), None, 4),
    (problem_with(20, (1.5, 10.0, 0.1), slack=30.0), None, 4),
    (problem_with(21, (1.5, 10.5, 0.1), (0.45, 1.5, HALF)), None, 4),
    (problem_with(21, (1.5, 10.5, 0.1), (0.45, 1.5, HALF), slack=50.0), None, 4),
    (problem_with(15, (0.5, 1.5, HALF), slack=20.0), None, 2),
    (problem_with(33, (1.2, 9.0, 0.1)), 1.3, 2),
    (problem_with(33, (1.2, 9.0, 0.1)), 1 + 1e-9, 4),
    (problem_with(33, (1.2, 9.0, 0.1)), 1 - 1e-9, 4),
    (problem_with(33, (1.2, 9.0, 0.1)), 0.8, 1),
)


@pytest.mark.parametrize("case", range(len(LEAST)))
def test_least_levels_are_known_after_few_rounds(case, counted):
    problem, share, rounds = LEAST[case]
    programs = counted(least._Mirrored, "_solved")
    exact = least._least_level(problem, None)
    assert len(programs) <= 2 + (case == 3)  # then the last basis is solved exactly
    assert 0 <= exact.level - exact.bound <= 5e-8 * exact.level + 9e-16 * problem.carriers
    found = exact if share is None else least._least_level(problem, share * exact.level)
    assert found.rounds <= rounds
    assert share is None or (found.level <= share * exact.level) == (share > 1)


def test_a_least_level_that_nothing_improves_is_given_up(monkeypatch):
    """Bounds of 0 prove nothing: after three rounds without progress the best shares come back."""
    monkeypatch.setattr(least._Mirrored, "bound", lambda *given: 0.0)
    monkeypatch.setattr(least._Mirrored, "moved", lambda *given: None)
    found = least._least_level(problem_with(16, (1.5, 5.0, 0.1)), None)
    assert found.bound == 0.0 and found.level < 0.03 and found.rounds <= 12


UP, DOWN = np.arange(99), -np.arange(99)
# bounds and levels of the rounds, target, rounds until the search ends
SCRIPTS = {
    "nothing changes": (0.1, 0.2, None, 4),
    "the bound rises": (0.1 * (1 + 2e-9 * UP), 0.2, None, 40),
    "it hardly rises": (0.1 * (1 + 0.3e-9 * UP), 0.2, None, 4),
    "the level falls": (0.1, 0.2 * (1 + 2e-9 * DOWN), None, 40),
    "it hardly falls": (0.1, 0.2 * (1 + 0.3e-9 * DOWN), None, 4),
    "both rest, then the level falls once": (0.1, np.array([0.2, 0.2, 0.2, *[0.19] * 9]), None, 7),
    "both rest, then the bound rises once": (np.array([0.1, 0.1, 0.1, *[0.11] * 9]), 0.2, None, 7),
    "near": (0.2 * (1 - 4.9e-8), 0.2, None, 1),
    "not yet near": (0.2 * (1 - 5.2e-8), 0.2, None, 4),
    "near by rounding": (1e-7 - 1.9e-14, 1e-7, None, 1),
    "not near by rounding": (1e-7 - 2.1e-14, 1e-7, None, 4),
    "below the target": (0.1, 0.2, 0.3, 1),
    "at the target": (0.1, 0.2, 0.2, 1),
    "above the target": (0.1, 0.2, 0.1 * (1 - 6e-8), 1),
    "hardly above the target": (0.1, 0.2, 0.1 * (1 - 4e-8), 4),
    "on both sides of the target": (0.1, 0.2, 0.15, 4),
    "near, but on both sides": (0.2 * (1 - 4e-8 + 2e-12 * UP), 0.2, 0.2 * (1 - 2e-8), 40),
    "near, on both sides, and nothing changes": (0.2 * (1 - 4e-8 + 0.3e-12 * UP), 0.2, 0.2 * (1 - 2e-8), 4),
    "other limits held up to rounding": (0.1, 0.2, None, 4, 0.9e-9),
    "other limits broken": (0.1, 0.2, None, 4, 1.1e-9),
    "other limits broken, above the target": (0.1, 0.2, 0.05, 1, 1.1e-9),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_search_for_a_least_level_ends_when_it_knows_enough_or_nothing_changes(script, monkeypatch):
    proven, reached, target, rounds, *excess = SCRIPTS[script]
    proven, reached = (iter(np.broadcast_to(each, 99 if np.ndim(each) == 0 else len(each))) for each in (proven, reached))
    problem = problem_with(16, (1.5, 5.0, 0.1))
    mirrored = least._Mirrored(problem)
    vertex = mirrored.solved(mirrored.first_rows(), 1.0)
    monkeypatch.setattr(least._Mirrored, "bound", lambda *given: float(next(proven)))
    monkeypatch.setattr(least._Mirrored, "solved", lambda *given: vertex)
    monkeypatch.setattr(least._Mirrored, "moved", lambda *given: None)
    monkeypatch.setattr(least, "_level", lambda *given: float(next(reached)))
    monkeypatch.setattr(cuts.Problem, "excesses", lambda *given: np.array(excess))
    found = least._least_level(problem, target)
    assert found.rounds == rounds
    if excess and excess[0] > 1e-9:
        assert found.shares is None and found.level == math.inf and found.bound == 0.1
    else:
        assert found.shares == pytest.approx(mirrored.unfolded(vertex.z)) and 0 < found.bound <= found.level < 1


def test_a_search_that_always_makes_progress_ends(monkeypatch):
    rises, excesses = iter(range(1, 99)), iter(3.0 ** -np.arange(99))
    monkeypatch.setattr(least._Mirrored, "bound", lambda *given: 1e-6 * next(rises))
    monkeypatch.setattr(least._Mirrored, "moved", lambda *given: None)
    assert least._least_level(problem_with(16, (1.5, 5.0, 0.1)), None).rounds == 40

    def exchange(state, x):
        state.step += 1
        return np.array([next(excesses)])

    x, path = np.full(16, 1 / 16), (interior_point.Iterate(np.ones(99), np.ones(99), 0.0, 1.0),)
    point = interior_point.Point(x, np.zeros(99), True, 1, path)
    monkeypatch.setattr(cuts.Rounds, "exchange", exchange)
    monkeypatch.setattr(cuts.Rounds, "solve", lambda *given: point)
    found = cuts.maximise_utility(problem_with(16, (1.5, 8.0, 0.1)), np.ones(16), start=x)
    assert found.rounds == 40 and not found.found


def test_the_memory_forgets_what_was_asked_first(monkeypatch):
    monkeypatch.setattr(least, "_MOST", 2)
    least.forget()
    problems = [problem_with(count, (1.5, 0.5 * count, 0.1)) for count in (8, 9, 10)]
    first = [least.least_level(problem) for problem in problems]
    assert [least.remembered(problem) for problem in problems] == [None, *first[1:]]
    assert least.least_level(problems[2]) is first[2] and not first[2].shares.flags.writeable
    least.forget()


def test_windows_and_widths_take_the_halvings_that_they_need(counted):
    scenario = scenario_of(6, carriers=40, sidelobe_start=5.0)
    windows = counted(feasibility, "dolph_shares")
    window_within(scenario, problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-40.0)))
    assert len(windows) == 1
    crb = float(ofdm.toa_crb_s2(scenario, dolph_shares(40, feasibility.start_of_level(40, 0.01) * 1.02)))
    windows.clear()
    window_within(scenario, problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-40.0, max_toa_crb_s2=crb)))
    assert len(windows) <= 38
    windows.clear()
    crb, least = float(ofdm.edges_only(scenario).certificate.value), 20 * math.log10(least_sidelobe_level(40, 5.0))
    none = problem_of(scenario, ofdm.Limits(peak_sidelobe_db=least - 1.0, max_toa_crb_s2=1.01 * crb))
    assert window_within(scenario, none) is None and len(windows) == 1
    small = scenario_of(0, sidelobe_start=0.7)
    levels = counted(feasibility, "least_level")
    widest, closed = 1.4, 0.5 * 16 / 15
    for tolerance in (1.0, 0.1, 1e-3, 1e-6):
        levels.clear()
        possible, impossible = ofdm.best_main_lobe_width_m(small, tolerance=tolerance)
        assert possible - impossible <= tolerance * possible
        halvings = max(0, math.ceil(math.log2((widest - closed) / (tolerance * closed))))
        assert len(levels) <= 1 + halvings and (tolerance < 1 or len(levels) == 1)
    assert levels[0][0][0].regions[0] == cuts.Region(pytest.approx(0.7), 0.7, HALF)


# Rounds of cuts


def failing(asked):
    def minimise(rows, gains, start, *, tolerance, weight, max_iterations, warm):
        asked.append((rows.where.size > 0, warm is not None, max_iterations, start))
        return interior_point.Point(start, np.zeros(rows.total), False, 0, ())

    return minimise


def test_a_round_tries_warm_cuts_then_cold_ones_then_plain_ones(monkeypatch):
    asked, window, even = [], dolph_shares(16, 1.5), np.full(16, 1 / 16)
    monkeypatch.setattr(cuts, "minimise", failing(asked))
    gains, x = scenario_of().carrier_snr, np.random.default_rng(0).dirichlet(np.full(16, 9.0))
    for level, reference, starts in (
        (0.2, None, [0.9 * x + 0.1 * even]),
        (0.2, window, [0.9 * x + 0.1 * even]),
        (0.029, None, [0.9 * x + 0.1 * even]),
        (0.029, window, [window, even]),
    ):
        asked.clear()
        state = cuts.Rounds(problem_with(16, (1.5, 8.0, level)), x)
        assert state.solve(gains, reference, 1e-10, 1e-3, 1.0) is None
        assert [each[:3] for each in asked] == [(False, False, 60)] * len(starts)
        assert np.array([each[3] for each in asked]) == pytest.approx(np.array(starts), rel=1e-14)
        asked.clear()
        state.exchange(x)
        rows = state.rows(x)
        iterate = interior_point.Iterate(np.ones(16 + rows.total), np.ones(16 + rows.total), 0.0, 1.0)
        state.last = interior_point.Point(x, np.ones(rows.total), True, 1, (iterate,))
        assert state.solve(gains, reference, 1e-10, 1e-3, 1.0) is None
        assert [each[:3] for each in asked] == [(True, True, 25), (True, False, 60), (False, False, 60)]
        base = window if level < 0.03 and reference is not None else even
        assert np.array([each[3] for each in asked]) == pytest.approx(np.array([0.9 * x + 0.1 * base] * 3), rel=1e-14)


def test_a_search_without_progress_is_given_up_room_by_room(monkeypatch):
    gains, x, rooms = scenario_of().carrier_snr, np.random.default_rng(0).dirichlet(np.full(16, 9.0)), []

    def same(rows, gains, start, **options):
        rooms.append(1 - math.sqrt(2 / rows.per_square[0]) / 0.25)
        iterate = interior_point.Iterate(np.ones(16 + rows.total), np.ones(16 + rows.total), 0.0, 1.0)
        return interior_point.Point(x, np.zeros(rows.total), True, 1, (iterate,))

    monkeypatch.setattr(cuts, "minimise", same)
    problem = problem_with(16, (1.5, 8.0, 0.25))
    flood, alone = priced_bound(gains, np.zeros(16)), cuts.maximise_utility(problem, gains, start=x)
    assert (alone.rounds, alone.found, alone.converged) == (4, False, False)
    assert alone.bound == pytest.approx(flood, rel=1e-12) and len(rooms) == 5
    window = dolph_shares(16, 1.5)
    rooms.clear()
    held = cuts.maximise_utility(problem, gains, start=x, reference=window)
    assert (held.rounds, held.found, held.converged) == (16, True, False) and len(rooms) == 20
    assert np.array(rooms[::5]) == pytest.approx([1e-10, 1e-13, -1e-8, -1e-6], abs=1e-15)
    mixed = cuts.mended(x, window, problem.excesses(x), problem.excesses(window))
    worth = [float(np.log1p(gains * each).sum()) for each in (window, mixed)]
    assert held.shares == pytest.approx([window, mixed][int(np.argmax(worth))], rel=1e-9)
    assert held.overshoot == pytest.approx(problem.excesses(x)[0], rel=1e-12) and held.overshoot > 0
    assert [step[:2] for step in held.history] == [held.history[0][:2]] * 16
    assert cuts.maximise_utility(problem, gains, start=x, reference=window, max_rounds=2).rounds == 2


# the bound above the utility (relative) and the overshoot of the rounds, rounds until the search ends, whether it is converged
CUT_SCRIPTS = {
    "near": (2.9e-8, 0.0, 1, True),
    "not near": (3.1e-8, 0.0, 4, False),
    "near enough after a while": (4e-7 + 2e-8 * DOWN, 0.0, 7, True),
    "not near enough after a while": (6.5e-7 + 2e-8 * DOWN, 0.0, 9, True),
    "the bound hardly falls": (1e-3 + 0.2e-9 * DOWN, 0.0, 4, False),
    "the overshoot falls": (2.9e-8, np.array([1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 0.0]), 6, True),
    "the overshoot hardly falls": (2.9e-8, np.array([1e-2, 0.6e-2, 0.58e-2, 0.56e-2, 0.54e-2, 0.0]), 4, False),
    "the overshoot rests and falls": (2.9e-8, np.array([1e-2, 0.9e-2, 0.8e-2, 0.3e-2, 0.2e-2, 0.19e-2, 0.18e-2]), 7, False),
    "the overshoot ends": (2.9e-8, np.array([1e-2, 2e-2, 2e-2, -1e-3]), 4, True),
}


@pytest.mark.parametrize("script", CUT_SCRIPTS)
def test_rounds_of_cuts_end_when_the_bound_is_near_or_nothing_changes(script, monkeypatch):
    gaps, overshoots, rounds, converged = CUT_SCRIPTS[script]
    gaps, overshoots = (iter(np.broadcast_to(each, 99 if np.ndim(each) == 0 else len(each))) for each in (gaps, overshoots))
    gains, x = scenario_of().carrier_snr, np.random.default_rng(0).dirichlet(np.full(16, 9.0))
    worth, left = float(np.log1p(gains * x).sum()), []

    def exchange(state, shares):
        state.step += 1
        left.append(float(next(overshoots)))
        return np.array(left[-1:])

    monkeypatch.setattr(cuts.Rounds, "solve", lambda *given: interior_point.Point(2 * x, np.zeros(3), True, 1, ()))
    monkeypatch.setattr(cuts.Rounds, "exchange", exchange)
    monkeypatch.setattr(cuts, "utility_bound", lambda *given: worth * (1 + float(next(gaps))))
    start = np.full(16, 1 / 16)
    found = cuts.maximise_utility(problem_with(16, (1.5, 8.0, 0.1)), gains, start=start)
    assert (found.rounds, found.converged, found.overshoot) == (rounds, converged, left[-1])
    assert found.found == (min(left) <= 0) and found.shares == pytest.approx(x if found.found else start, rel=1e-14)
    assert [step[:2] for step in found.history] == [(pytest.approx(worth, rel=1e-14), over) for over in left]


def test_shares_of_nearly_the_same_limits_save_rounds():
    scenario = scenario_of(0, carriers=48)
    gains, problem = scenario.carrier_snr, problem_with(48, (1.5, 24.0, 0.08))
    flood = waterfill_shares(gains)
    first = cuts.maximise_utility(problem, gains, start=flood)
    near = cuts.maximise_utility(problem.loosened(np.array([1e-4])), gains, start=flood, near=first.shares)
    assert first.converged and near.converged and near.rounds <= 3 <= first.rounds <= 5


def test_programs_are_solved_ever_more_accurately(counted):
    scenario = scenario_of(0, carriers=48)
    gains, problem = scenario.carrier_snr, problem_with(48, (1.5, 24.0, 0.05))
    flood = waterfill_shares(gains)
    most = float(np.log1p(gains * flood).sum())
    asked = counted(cuts.Rounds, "solve")
    found = cuts.maximise_utility(problem, gains, start=flood)
    worth = [step[0] for step in found.history]
    # relative to the utility of the round before
    final = [1e-8 * each / most for each in worth[1:-1]]
    assert [given[4] for given, _ in asked] == pytest.approx([1e-3, 1e-5, *final], rel=1e-12)
    assert {given[3] for given, _ in asked} == {1e-10} and {given[5] for given, _ in asked} == {1 / most}
    asked.clear()
    cuts.maximise_utility(problem, gains, start=flood, near=found.shares, max_rounds=1)
    assert asked[0][0][4] == pytest.approx(1e-8 * worth[-1] / most, rel=1e-6) and len(asked) == 1
    loose = dolph_shares(48, 2.2)
    for reference, first in ((loose, flood), (dolph_shares(48, 1.5), None)):
        room = -problem.excesses(reference)[0]
        level = problem.regions[0].level * (1 - room) * (1 + (1.1e-3 if first is flood else 0.9e-3))
        asked.clear()
        states = counted(cuts.Rounds, "__init__")
        cuts.maximise_utility(problem_with(48, (1.5, 24.0, level)), gains, start=flood, reference=reference, max_rounds=1)
        assert states[0][0][2] is (flood if first is flood else reference)


# The fitted bound


def test_multipliers_are_fitted_until_the_bound_is_tight(counted):
    scenario = scenario_of(10, carriers=32)
    problem = problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-18.0))
    shares = ofdm.solve_exact(scenario, peak_sidelobe_db=-18.0).powers_w
    fits, linear = counted(bounds, "_fitted_bound"), counted(bounds, "_linear_bound")
    gains = scenario.carrier_snr
    worth = float(np.log1p(gains * shares).sum())
    assert 0 <= bounds.fitted_bound(problem, gains, shares) / worth - 1 <= 1e-6
    assert min(bounds._fitted_bound(problem, gains, shares, active, False) for active in (1e-6, 1e-5)) <= worth * (1 + 1e-6)
    fits.clear()
    linear.clear()
    free = dataclasses.replace(problem, regions=())
    flood = waterfill_shares(gains)
    assert bounds.fitted_bound(free, gains, flood) == pytest.approx(float(np.log1p(gains * flood).sum()), rel=1e-12)
    assert len(fits) == 1 and not linear
    uneven = bounds.fitted_bound(free, gains, np.eye(32)[3])
    assert uneven == pytest.approx(priced_bound(gains, np.zeros(32)), rel=1e-12)
    assert [call[0][3:] for call in fits[1:]] == [(a, e) for a in (1e-6, 1e-5, 1e-4, 1e-3) for e in (False, True)]
    assert len(linear) == 1


def test_where_multipliers_are_tight_no_others_are_asked_for(monkeypatch, counted):
    gains, shares = np.array([1.0, 2.0]), np.array([0.5, 0.5])
    problem, worth = problem_with(2), float(np.log1p([0.5, 1.0]).sum())
    beside = counted(bounds, "beside_the_least_level")
    monkeypatch.setattr(bounds, "_fitted_bound", lambda *given: math.inf)
    for name, other in (("_linear_bound", "_edges_bound"), ("_edges_bound", "_linear_bound")):
        monkeypatch.setattr(bounds, other, lambda *given: math.inf)
        for above, asked in ((0.9e-8, 0), (1.1e-8, 1)):
            beside.clear()
            monkeypatch.setattr(bounds, name, lambda *given, above=above: worth * (1 + above))
            assert bounds.fitted_bound(problem, gains, shares) == worth * (1 + above)
            assert len(beside) == asked


def test_limits_are_raised_by_less_and_less_until_the_bound_is_near(monkeypatch):
    gains, window, asked = scenario_of().carrier_snr, dolph_shares(16, 1.5), []
    peak, found = float(pulse.peak_level(window, 1.5, 8.0, 32)), float(np.log1p(scenario_of().carrier_snr * window).sum())

    def loose(above, gains, *, start, reference, near, max_rounds):
        asked.append((above.regions[0].level, near, max_rounds))
        return cuts.Outcome(window, 1.2 * found, True, False, 0.0, 2, ())

    monkeypatch.setattr(exact.cuts, "maximise_utility", loose)
    best = cuts.Outcome(window, 1.1 * found, True, False, 0.0, 3, ())
    rises = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 0.0]
    for room, fitted, raised, converged in (
        (2e-3, math.inf, [], False),
        (5e-4, math.inf, rises, False),
        (0.0, math.inf, rises[:-1], False),
        (5e-4, found * (1 + 1.1e-5), rises, False),
        (5e-4, found * (1 + 0.9e-5), [], False),
        (5e-4, found * (1 + 0.9e-6), [], True),
    ):
        asked.clear()
        monkeypatch.setattr(exact, "fitted_bound", lambda *given, fitted=fitted: fitted)
        problem = problem_with(16, (1.5, 8.0, peak * (1 + room)), slack=2 * cuts.moment_loss(window))
        outcome = exact._eased(problem, gains, best, window)
        assert [level / problem.regions[0].level - 1 for level, _, _ in asked] == pytest.approx(raised, rel=1e-5, abs=1e-15)
        assert all(near is (window if k else None) and most == 16 for k, (_, near, most) in enumerate(asked))
        assert outcome.bound == pytest.approx(min(1.1 * found, fitted)) and outcome.rounds == 3 + 2 * len(raised)
        assert outcome.converged == converged and outcome.shares is window


def outcome_of(shares, bound, *, found=True, converged=False):
    return cuts.Outcome(shares, bound, found, converged, 0.0, 1, ())


def test_an_optimum_is_sought_where_it_may_be_and_again_from_shares_that_meet_the_limits(monkeypatch):
    scenario, limits = scenario_of(), ofdm.Limits(peak_sidelobe_db=-15.0)
    problem, flood = problem_of(scenario, limits), waterfill_shares(scenario.carrier_snr)
    level, ample, asked = problem.regions[0].level, dolph_shares(16, 1.5), []
    narrow = dolph_shares(16, feasibility.start_of_level(16, level * 0.995))  # half a percent of room
    loud = dolph_shares(16, feasibility.start_of_level(16, level * 1.001))
    good, poor = (outcome_of(narrow, 5.0, converged=value) for value in (True, False))
    refusal = feasibility.Refusal("peak_sidelobe_db", -15.0, -10.0, -11.0)

    def sought(hopeless, window, beside, reference, *outcomes):
        left = iter(outcomes)
        asked.clear()

        def maximise(problem, gains, *, start, reference):
            assert start is flood
            asked.append((problem.regions[0].level, reference))
            return next(left)

        monkeypatch.setattr(exact, "hopeless", lambda *given: hopeless)
        monkeypatch.setattr(exact, "window_within", lambda *given: window)
        monkeypatch.setattr(exact, "beside_the_least_level", lambda *given: beside)
        monkeypatch.setattr(exact, "examine", lambda *given: reference)
        monkeypatch.setattr(exact.cuts, "maximise_utility", maximise)
        return exact._sought(scenario, limits, flood)

    assert sought(False, None, good, refusal, good) is good and asked == [(level, None)]
    assert sought(False, narrow, good, refusal) is good and not asked
    assert sought(False, narrow, poor, refusal, good) is good and asked == [(level, narrow)]
    assert sought(False, ample, None, refusal, poor) is poor and asked == [(level, ample)]
    assert sought(False, narrow, None, refusal, poor) is refusal and len(asked) == 1
    again = outcome_of(ample, 4.0)
    better = sought(False, narrow, None, ample, poor, again)
    assert asked == [(level, narrow), (level, ample)] and better.bound == 4.0
    assert sought(True, ample, good, refusal) is refusal and not asked
    assert sought(True, ample, good, ample, again) is again and asked == [(level, ample)]
    assert sought(True, ample, good, loud, again) is again and asked[0][1] is loud
    assert asked[0][0] / level == pytest.approx(1 + problem.excesses(loud)[0] * (1 + 1e-6), rel=1e-12) and asked[0][0] > level


def test_limits_are_raised_only_where_an_answer_was_found_and_is_not_proven(monkeypatch):
    scenario, limits = scenario_of(), ofdm.Limits(peak_sidelobe_db=-15.0)
    problem, flood = problem_of(scenario, limits), waterfill_shares(scenario.carrier_snr)
    level, ample, eased = problem.regions[0].level, dolph_shares(16, 1.5), []
    narrow = dolph_shares(16, feasibility.start_of_level(16, level * 0.995))
    loud = dolph_shares(16, feasibility.start_of_level(16, level * 1.001))
    monkeypatch.setattr(exact, "_eased", lambda *given: eased.append(given) or "eased")

    def searched(outcome, window, reference):
        eased.clear()
        monkeypatch.setattr(exact, "_sought", lambda *given: outcome)
        monkeypatch.setattr(exact, "window_within", lambda *given: window)
        monkeypatch.setattr(exact, "examine", lambda *given: reference)
        return exact._searched(scenario, limits, flood)

    refusal = feasibility.Refusal("peak_sidelobe_db", -15.0, -10.0, -11.0)
    for done in (refusal, outcome_of(ample, 5.0, converged=True), outcome_of(ample, 5.0, found=False)):
        assert searched(done, ample, ample) is done and not eased
    open_one, over = outcome_of(narrow, 5.0), outcome_of(loud, 5.0)
    assert searched(open_one, None, refusal) is open_one and not eased
    for window, reference, taken in ((None, narrow, narrow), (narrow, ample, ample), (ample, narrow, ample)):
        assert searched(open_one, window, reference) == "eased"
        assert eased[0][0] == problem and eased[0][2] is open_one and eased[0][3] is taken
    assert searched(over, ample, refusal) == "eased"
    assert eased[0][0].regions[0].level == pytest.approx(float(pulse.peak_level(loud, 1.5, 8.0, 64)), rel=1e-7)


def test_a_row_on_which_the_solver_gives_up_is_failed_and_the_others_are_kept(monkeypatch):
    scenarios, own = [scenario_of(seed) for seed in range(3)], batch.solved

    def solved(scenario, limits):
        if scenario is rows[1]:
            raise SolverFailure("interior point", "undecided")
        return own(scenario, limits)

    rows = list(batch.checked_batch(scenarios))
    monkeypatch.setattr(batch, "solved", solved)
    monkeypatch.setattr(batch, "checked_batch", lambda given: rows)
    found = ofdm.solve_exact_batch(scenarios, peak_sidelobe_db=-12.0)
    assert found.status.tolist() == ["optimal", "failed", "optimal"] and found.constraint == ("", "", "")
    assert found.feasible.tolist() == [True, False, True] and np.isnan(found.powers_w[1]).all()
    assert found.powers_w[2] == pytest.approx(ofdm.solve_exact(scenarios[2], peak_sidelobe_db=-12.0).powers_w)
    assert np.isnan([found.gap[1], found.bound[1], found.residual[1], *found.best_attainable]).all()


@pytest.mark.parametrize("snr", [1e-6, 1.0, 1e3])
def test_the_best_price_takes_few_steps(snr, monkeypatch):
    rng = np.random.default_rng(3)
    for bonus in (np.zeros(24), rng.normal(size=24), 1e4 * rng.normal(size=24)):
        gains = snr * rng.exponential(size=24)
        whole = priced_bound(gains, bonus)
        prices = bonus.max() + np.geomspace(1e-9, 24, 400_001)[:, None]
        above = np.maximum(gains / np.maximum(prices[::50] - bonus, 1e-300) - 1, 0.0)
        assert whole <= (prices[::50, 0] + (np.log1p(above) - above / (1 + above)).sum(axis=1)).min() * (1 + 1e-12) + 1e-15
        monkeypatch.setattr(waterfilling, "_BISECTIONS", 16)
        assert priced_bound(gains, bonus) == pytest.approx(whole, rel=1e-12)
        monkeypatch.undo()


# Beside Dolph's level


def test_shares_beside_the_window_settle_in_few_turns(counted):
    shares, scales = counted(edge._Edge, "_shares"), counted(edge._Edge, "_scale")
    for count, slack, turns in ((10, None, 4), (11, None, 4), (10, 14.0, 4)):
        level = least_sidelobe_level(count, 1.2)
        problem = problem_with(count, (1.2, 0.5 * count, level * (1 + 1e-6)), slack=slack)
        gains = scenario_of(count, carriers=count).carrier_snr
        beside = edge._Edge(problem, gains, level, dolph_shares(count, 1.2))
        shares.clear()
        scales.clear()
        beside.at(0.0 if slack is None else 0.01)
        assert len(shares) <= turns and len(scales) <= (turns if slack is None else 5 * turns)


def test_the_price_of_a_crb_limit_is_found_in_few_halvings(counted):
    scenario = scenario_of(24, carriers=24, sidelobe_start=1.3)
    level, gains = least_sidelobe_level(24, 1.3), scenario.carrier_snr
    window = dolph_shares(24, 1.3)
    alone = problem_with(24, (1.3, 12.0, level * (1 + 1e-5)))
    free = edge.beside_the_least_level(alone, gains).shares
    tried = counted(edge._Edge, "at")
    slack = 0.5 * (cuts.moment_loss(window) + cuts.moment_loss(free))
    priced = edge.beside_the_least_level(dataclasses.replace(alone, slack=slack), gains)
    assert priced.converged and priced.bound / float(np.log1p(gains * priced.shares).sum()) - 1 <= 1e-7
    assert len(tried) <= 15
    tried.clear()
    assert edge.beside_the_least_level(dataclasses.replace(alone, slack=2 * slack), gains).shares == pytest.approx(free)
    assert len(tried) == 1
    assert edge.beside_the_least_level(problem_with(24, (1.3, 11.99, level)), gains) is None
    assert edge.beside_the_least_level(problem_with(24, (1.3, 12.0, level * (1 + 1.1e-3))), gains) is None
    assert edge.beside_the_least_level(problem_with(24, (1.3, 12.0, level * (1 + 0.9e-3))), gains) is not None
    assert not tried[1:2] or tried[-1][0][1] == 0.0


def test_shares_below_zero_are_no_answer(monkeypatch):
    window, level = dolph_shares(16, 1.5), least_sidelobe_level(16, 1.5)
    below = window + 0.1 * np.eye(16)[8] - 0.1 * np.eye(16)[0]
    monkeypatch.setattr(edge._Edge, "at", lambda *given: edge._Point(below, 0.0, None, None, 0.0, 0.0))
    monkeypatch.setattr(edge._Edge, "bound", lambda *given: 9.0)
    found = edge.beside_the_least_level(problem_with(16, (1.5, 8.0, level * (1 + 1e-5))), 9.0 * np.eye(16)[8])
    assert found.shares == pytest.approx(window, rel=1e-14) and not found.converged and found.bound == 9.0


def test_an_answer_beside_the_window_has_its_seconds():
    scenario = scenario_of(3, carriers=20, sidelobe_start=1.2)
    level_db = 20 * math.log10(least_sidelobe_level(20, 1.2) * (1 + 1e-6))
    found = assert_timed(lambda: ofdm.solve_exact(scenario, peak_sidelobe_db=level_db))
    assert found.certificate.method == edge.METHOD and len(found.history) == found.certificate.iterations == 1
    assert found.history[0].objective == pytest.approx(found.capacity_bps, rel=1e-9) and found.history[0].feasible


# Programs, peaks, weights


def test_programs_take_few_steps_and_an_infeasible_one_is_given_up():
    gains, none = np.array([1.0, 4.0, 2.0, 0.5, 3.0, 1.0]), (np.empty((0, 6)), np.empty(0, dtype=int))
    for delays, scales, slack, tolerance, steps in (
        ([1.5], [0.3], None, 1e-6, 5),
        ([1.5], [0.3], None, 1e-10, 7),
        ([1.5, 2.0, 3.0], [0.1, 0.2, 0.1], None, 1e-8, 7),
        ([], [], 2.0, 1e-8, 6),
        ([1.5, 3.0], [0.3, 0.2], 3.0, 1e-8, 6),
    ):
        rows = Rows(6, np.array(delays), np.array(scales), *none, slack)
        point = interior_point.minimise(rows, gains, np.full(6, 1 / 6), tolerance=tolerance)
        assert point.converged and point.iterations <= steps and len(point.path) == point.iterations + 1
        assert rows.values(point.z, rows.slopes(point.z)).max() <= 0.01 * tolerance
        assert point.z.sum() == pytest.approx(1, abs=0.01 * tolerance)
        last = point.path[-1]
        left = last.price - gains / (1 + gains * point.z) + rows.backward(rows.slopes(point.z), point.multipliers) - last.v[:6]
        assert np.abs(left).max() <= 10 * tolerance and 0 < last.gap <= tolerance
    rows = Rows(6, np.array([0.2]), np.array([0.01]), *none, None)
    lost = interior_point.minimise(rows, gains, np.full(6, 1 / 6), tolerance=1e-8)
    assert not lost.converged and lost.iterations <= 7
    cut_off = interior_point.minimise(rows, gains, np.full(6, 1 / 6), tolerance=1e-8, max_iterations=3)
    assert not cut_off.converged and cut_off.iterations == 3


def test_an_optimum_of_other_gains_is_no_answer():
    """It keeps the limits and has no gap left; the one carrier that became better says that it is not stationary."""
    rows = Rows(6, np.array([1.5]), np.array([0.3]), np.empty((0, 6)), np.empty(0, dtype=int), None)
    gains, start = np.array([1.0, 4.0, 2.0, 0.5, 3.0, 1.0]), np.full(6, 1 / 6)
    known = interior_point.minimise(rows, gains, start, tolerance=1e-10).path[-1]
    for better in (gains, gains * [1, 1, 2, 1, 1, 1]):
        cold = interior_point.minimise(rows, better, start, tolerance=1e-6)
        warm = interior_point.minimise(rows, better, start, tolerance=1e-6, warm=known)
        assert warm.converged and warm.z == pytest.approx(cold.z, abs=1e-4)
        assert (warm.iterations == 0) == (better is gains)


def test_a_peak_is_found_in_few_evaluations(counted):
    weights = np.random.default_rng(4).exponential(size=40)
    asked = counted(pulse._Nearby, "__call__")
    u, levels = pulse.peaks(weights, 1.5, 18.0, 16)
    assert len(asked) <= 4
    dense = np.linspace(1.5, 18, 33_001)
    values = np.abs(pulse.pulse(weights, dense)) / weights.sum()
    tops = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    assert u[1:-1] == pytest.approx(dense[tops], abs=3e-4) and levels[1:-1] == pytest.approx(values[tops], abs=1e-5)
    assert (u[0], u[-1]) == (1.5, 18.0) and levels[[0, -1]] == pytest.approx(values[[0, -1]], rel=1e-9)
    asked.clear()
    pulse.refine(weights, u[1:-1] + 1e-3, 1 / 16)
    assert len(asked) <= 3


def test_weights_take_few_evaluations_and_a_hopeless_search_ends():
    asked = []

    def shifted(least_one):
        return lambda weight: asked.append(weight) or (weight - 0.3) ** 2 + least_one

    assert paper.smallest_weight(shifted(1.0)) is None and len(asked) == 63
    asked.clear()
    assert paper.smallest_weight(shifted(-0.01)) == pytest.approx(0.2, abs=1e-7) and len(asked) <= 14
    asked.clear()
    assert paper.largest_weight(shifted(-0.01), 0.3) == pytest.approx(0.4, abs=1e-7) and len(asked) <= 13
    asked.clear()
    assert paper.largest_weight(shifted(-1.0), 0.3) == 1.0 and asked == [1.0]


def test_peaks_are_sought_on_the_grids_that_are_stated(counted):
    scenario, powers = scenario_of(), np.full(16, 1 / 16)
    limits = ofdm.Limits(peak_sidelobe_db=-10.0, max_main_lobe_width_m=1.2 * scenario.range_cell_m)
    problem = problem_of(scenario, limits)
    asked = counted(pulse, "peaks")

    def grids(call):
        asked.clear()
        call()
        return [given[3] for given, _ in asked]

    assert grids(lambda: limits.residual(scenario, powers)) == [64, 64]
    assert grids(lambda: limits.violations(scenario, powers)) == [32, 32]
    assert grids(lambda: limits.violations(scenario.replace(oversampling=40), powers)) == [40, 40]
    assert grids(lambda: limits.violations(scenario, powers, oversampling=50)) == [50, 50]
    assert grids(lambda: problem.excesses(powers)) == [32, 32]
    assert grids(lambda: bounds._bonuses(problem, powers, 1e-6, False)) == [32, 32]
    assert grids(lambda: bounds._bonuses(dataclasses.replace(problem, oversampling=50), powers, 1e-6, False)) == [50, 50]
    assert grids(lambda: cuts.Rounds(problem, powers).exchange(powers)) == [16, 16]
    judged = ofdm.solve_exact(scenario, peak_sidelobe_db=-10.0).certificate
    assert grids(lambda: ofdm.score(scenario, powers, peak_sidelobe_db=-10.0, optimum=judged)) == [64]
    assert grids(lambda: ofdm.peak_sidelobe_db(scenario.replace(oversampling=4), powers)) == [32]


def test_rounding_of_a_limit_is_told_apart_from_a_limit_that_is_missed():
    scenario = scenario_of(3)
    flood = ofdm.waterfill(scenario)
    crb = float(ofdm.toa_crb_s2(scenario, flood.powers_w))
    for share, kept in ((0.9e-12, True), (1.5e-12, False)):
        method = ofdm.solve_exact(scenario, max_toa_crb_s2=crb * (1 - share)).certificate.method
        assert (method == "water-filling meets every limit") == kept
    for share, kept in ((0.9e-9, True), (1.1e-9, False)):
        straight = ofdm.straightforward_rule(scenario, max_toa_crb_s2=crb * (1 - share))
        rule = ofdm.dynamic_allocation(scenario, max_toa_crb_s2=crb * (1 - share))
        assert (straight.mode == "isac") == kept and straight.certificate.method == (
            "straightforward rule" if kept else "straightforward rule: communication only"
        )
        assert (rule.history == ()) == kept and rule.mode == "isac" and rule.certificate.iterations == len(rule.history)
    lost = ofdm.dynamic_allocation(scenario, peak_sidelobe_db=-60.0, max_toa_crb_s2=2 * crb)
    assert lost.mode == "communication" and lost.certificate.method == "dynamic allocation: communication only"
    assert lost.certificate.iterations == len(lost.history) > 0 and lost.certificate.residual == 0.0
    for value, weight in ((0.9e-9, 1.0), (1.1e-9, None)):
        assert paper.largest_weight(lambda a, value=value: value if a == 1 else 0.0, 0.5) == (
            weight or pytest.approx(1, abs=1e-7)
        )
        found = paper.smallest_weight(lambda a, value=value: value if a else 1.0)
        assert (found is None) == (weight is None)


def test_a_closed_form_is_optimal_up_to_rounding():
    scenario, powers = scenario_of(), np.full(16, (1 + 5e-7) / 16)
    for sense in (1, -1):
        for gap, status in ((0.0, "optimal"), (0.9e-9, "optimal"), (1.2e-9, "converged")):
            given = ("by hand", scenario, powers, 1.0, 1 + sense * gap, 0.0, "max" if sense > 0 else "min")
            certificate = benchmarks._certificate(*given)
            assert certificate.status == status and certificate.residual == pytest.approx(5e-7)
    assert benchmarks._certificate("by hand", scenario, powers / 1.2, 1.0, 1.0, 0.0).residual == 0.0
    two = ofdm.edges_only(scenario, carriers_per_side=2)
    assert two.powers_w[[0, 1, -2, -1]] == pytest.approx(np.full(4, 0.25)) and two.powers_w.sum() == pytest.approx(1)
    assert two.certificate.status == "converged" and two.certificate.bound < two.certificate.value


def test_trials_come_in_the_same_chunks_however_many_there_are():
    scenario, powers = scenario_of(carriers=4), np.full(4, 0.25)
    short, long = (ofdm.delay_errors_s(scenario, powers, np.random.default_rng(1), trials) for trials in (512, 600))
    assert np.array_equal(short, long[:512]) and long.shape == (600,)
    assert estimator._trials(10**9) == 10**9
    with pytest.raises(InvalidScenario, match="trials"):
        estimator._trials(10**9 + 1)


def test_defaults_are_those_that_are_stated():
    def default(function, name):
        return inspect.signature(function).parameters[name].default

    assert default(ofdm.best_main_lobe_width_m, "tolerance") == 1e-6
    for function in (ofdm.edges_only, ofdm.mix, ofdm.dynamic_allocation, benchmarks.mixing_ends):
        assert default(function, "carriers_per_side") == 1
    assert default(cuts.maximise_utility, "max_rounds") == 40 and default(pulse.peaks, "above") == 0.0
    assert (default(interior_point.minimise, "weight"), default(interior_point.minimise, "max_iterations")) == (1.0, 60)
    plain = ofdm.Scenario(channel_gain=np.ones(4), subcarrier_spacing_hz=1.0, noise_psd_w_per_hz=1.0, power_budget_w=1.0)
    assert (plain.echo_gain, plain.symbols, plain.sidelobe_start, plain.oversampling) == (1.0, 1, 1.5, 16)
    assert plain.sidelobe_stop is None and plain.sidelobe_end == 2.0
    noisy, powers = scenario_of(carriers=64, echo_gain_db=-60.0), np.full(64, 1 / 64)
    own, asked, wider = (
        ofdm.delay_errors_s(noisy, powers, np.random.default_rng(1), 9, **given)
        for given in ({}, {"search": 16.0}, {"search": 32.0})
    )
    assert np.array_equal(own, asked) and not np.array_equal(own, wider)


def test_the_seconds_of_a_first_step_that_is_known_count():
    scenario = scenario_of(carriers=24)
    limited = ofdm.solve_sidelobe_limited(scenario, -14.0)
    slow = dataclasses.replace(limited, certificate=dataclasses.replace(limited.certificate, seconds=100.0))
    for level, loss, mode in ((-14.0, None, "isac"), (-14.0, 1e-6, "communication")):
        rule = ofdm.straightforward_rule(scenario, peak_sidelobe_db=level, max_capacity_loss=loss, sidelobe_limited=slow)
        assert rule.mode == mode and 100 <= rule.certificate.seconds < 110
    known = ofdm.straightforward_rule(scenario, peak_sidelobe_db=-14.0, sidelobe_limited=limited)
    assert np.array_equal(known.powers_w, limited.powers_w)
    assert known.certificate.seconds < limited.certificate.seconds + 10
