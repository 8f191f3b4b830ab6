"""The sums, rows, rooms and series inside the searches, by formulas of their own."""

import dataclasses
import importlib
import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import linprog

from isaclib import InfeasibleScenario
from isaclib import ofdm_ranging as ofdm
from isaclib.foundations.errors import SolverFailure
from isaclib.ofdm_ranging import bounds, cuts, estimator, exact, feasibility, interior_point, pulse
from isaclib.ofdm_ranging.edge import _Edge, _Point, beside_the_least_level
from isaclib.ofdm_ranging.feasibility import Refusal, hopeless, problem_of
from isaclib.ofdm_ranging.interface import INTERFACE
from isaclib.ofdm_ranging.least import LeastLevel, _Mirrored, _Rows, _Vertex, _Way, forget
from isaclib.ofdm_ranging.rows import Rows
from isaclib.ofdm_ranging.waterfilling import priced_bound
from isaclib.ofdm_ranging.window import dolph_shares, least_sidelobe_level, start_of_level

PHASES = 4.5e-16  # rounding of a phase per carrier
HALF = math.sqrt(0.5)


def scenario_of(seed=0, **changes):
    return ofdm.Scenario.random(np.random.default_rng(seed), **({"carriers": 16} | changes))


def problem_with(count, *regions, slack=None):
    return cuts.Problem(count, tuple(cuts.Region(*region) for region in regions), slack, 16)


def centred(count):
    return np.arange(count) - 0.5 * (count - 1)


def phases_of(count, delays):
    return np.exp(2j * math.pi / count * np.outer(delays, centred(count)))


# The least level's program


@pytest.mark.parametrize("count", [7, 8])
@pytest.mark.parametrize("slack", [None, 3.0])
def test_the_bound_of_a_vertex_is_its_least_sum_over_the_carriers(count, slack):
    rng = np.random.default_rng(count)
    mirrored = _Mirrored(problem_with(count, (1.5, 0.5 * count, 0.1), (0.4, 1.5, 0.7), slack=slack))
    n, reach = centred(count)[count // 2 :], 0.5 * (count - 1)
    rows = _Rows(rng.uniform(0.4, 3, 5), np.array([1.0, -1, 1, -1, 1]), np.array([0, 1, 0, 1, 0]))
    zeta, price = rng.exponential(size=5), 0.3
    sums = sum(z * s * np.cos(2 * math.pi * n * u / count) for z, s, u in zip(zeta, rows.signs, rows.delays, strict=True))
    sums = sums - 0.7 * (zeta[1] + zeta[3]) + (0.0 if slack is None else price * (reach**2 - n**2 - slack))
    weight = zeta[0] + zeta[2] + zeta[4]
    vertex = _Vertex(np.ones(n.size), 0.0, rows, zeta, price)
    assert mirrored.bound(vertex) == pytest.approx(sums.min() / weight, rel=1e-12)
    assert mirrored.bound(dataclasses.replace(vertex, multipliers=zeta * [0, 1, 0, 1, 0])) == 0.0


def test_of_rows_that_cancel_nothing_is_left_but_the_rounding_of_their_phases():
    mirrored = _Mirrored(problem_with(9, (1.5, 4.5, 0.1), (0.4, 1.5, 0.0)))
    zeta = np.array([1.0, 1.0, 2.0, 2.0])
    for owners, weight in (([0, 0, 0, 0], 6.0), ([0, 0, 1, 1], 2.0)):
        rows = _Rows(np.full(4, 2.2), np.array([1.0, -1.0, 1.0, -1.0]), np.array(owners))
        bound = mirrored.bound(_Vertex(np.ones(5), 0.0, rows, zeta, 0.0))
        assert bound == pytest.approx(-9 * PHASES * 6.0 / weight, rel=1e-12, abs=0)


def exchanged(mirrored, times):
    """The vertex after so many exchanges of rows."""
    vertex = mirrored.solved(mirrored.first_rows(), 1.0)
    for _ in range(times):
        rows = vertex.rows.joined(mirrored.at_peaks(mirrored.unfolded(vertex.z), vertex.level))
        vertex = mirrored.solved(rows, vertex.level)
    return vertex


MOVED = (
    problem_with(20, (1.5, 6.0, 0.1)),
    problem_with(21, (1.5, 6.0, 0.1)),
    problem_with(20, (1.5, 10.0, 0.1), slack=30.0),
    problem_with(20, (1.5, 10.0, 0.1), (0.5, 1.5, HALF)),
    problem_with(15, (1.5, 7.5, 0.1), (0.5, 1.5, HALF), slack=24.0),
)


@pytest.mark.parametrize("case", range(len(MOVED)))
def test_a_basis_moved_to_the_peaks_solves_the_program_with_these_rows(case):
    problem = MOVED[case]
    mirrored = _Mirrored(problem)
    vertex = exchanged(mirrored, 4)
    peaks = mirrored.at_peaks(mirrored.unfolded(vertex.z), vertex.level)
    moved = mirrored.moved(vertex, peaks)
    first = moved.rows.owners == 0
    # its rows hold with equality, those of other limits with their room, and its multipliers balance on every carrier in use
    limits = np.where(first, moved.level, np.append(0.0, [r.level for r in problem.regions[1:]])[moved.rows.owners] * (1 - 1e-10))
    assert mirrored.forms(moved.rows) @ moved.z == pytest.approx(limits, rel=1e-11)
    assert moved.z.sum() == pytest.approx(1, rel=1e-13) and moved.z.min() >= 0
    assert moved.multipliers[first].sum() == pytest.approx(1, rel=1e-12) and moved.multipliers.min() >= 0
    n, reach = mirrored.upper, 0.5 * (problem.carriers - 1)
    priced = moved.multipliers @ mirrored.forms(moved.rows) + moved.price * (reach**2 - n**2)
    assert priced[moved.z > 0] == pytest.approx(np.full((moved.z > 0).sum(), priced.min()), rel=1e-9)
    if problem.slack is None:
        assert moved.price == 0.0
    else:
        assert moved.price > 0 and (reach**2 - n**2) @ moved.z == pytest.approx(problem.slack * (1 - 1e-10), rel=1e-13)
    again = mirrored._solved(moved.rows, moved.level, mirrored.ways[0])
    assert again.level == pytest.approx(moved.level, rel=1e-9) and again.z == pytest.approx(moved.z, abs=1e-8)
    # a unit of a level costs 1, of whatever size the unit is
    assert moved.level * again.multipliers == pytest.approx(moved.multipliers, rel=1e-6, abs=1e-9)
    assert moved.level * again.price == pytest.approx(moved.price, rel=1e-6)
    assert mirrored.moved(dataclasses.replace(vertex, multipliers=0 * vertex.multipliers), peaks) is None
    largest = vertex.multipliers == vertex.multipliers.max()
    assert mirrored.moved(dataclasses.replace(vertex, multipliers=np.where(largest, 0.0, vertex.multipliers)), peaks) is None


@pytest.mark.parametrize("kept", [None, 0.3])
def test_the_program_is_the_one_that_is_written_down(kept):
    """Least t, or with t kept the least share of the other limits, in plain coordinates."""
    count, slack, level = 12, 20.0, 0.6
    problem = problem_with(count, (1.5, 6.0, 0.1), (0.6, 1.5, level), slack=slack)
    mirrored = _Mirrored(problem)
    rows = mirrored.first_rows()
    vertex = mirrored._solved(rows, 0.2, _Way(kept, 1e-3))
    n, reach = centred(count)[6:], 5.5
    first = (rows.owners == 0)[:, None]
    forms = rows.signs[:, None] * np.cos(2 * math.pi / count * np.outer(rows.delays, n))
    matrix = np.vstack([np.hstack([forms, -1.0 * first, -level * ~first]), np.append(reach**2 - n**2, [0.0, -slack])])
    costs, most = np.zeros(8), 1 - 1e-3
    bounds_of = [(0, None)] * 6 + ([(0, None), (most, most)] if kept is None else [(kept, kept), (None, most)])
    costs[-2 if kept is None else -1] = 1.0
    found = linprog(
        costs,
        A_ub=matrix,
        b_ub=np.zeros(len(matrix)),
        A_eq=[[*[1.0] * 6, 0.0, 0.0]],
        b_eq=[1.0],
        bounds=bounds_of,
        method="highs",
    )
    assert vertex.level == pytest.approx(found.x[-2], rel=1e-8)
    used = max((forms[rows.owners == 1] @ vertex.z).max() / level, (reach**2 - n**2) @ vertex.z / slack)
    assert used == pytest.approx(found.x[-1], rel=1e-7) and (kept is None or vertex.level == kept)
    assert (forms[rows.owners == 0] @ vertex.z).max() <= vertex.level * (1 + 1e-8)


@pytest.mark.parametrize("count", [9, 10])
def test_rows_stand_at_the_peaks_that_come_near_their_level_and_on_the_first_grid(count):
    problem = problem_with(count, (1.5, 0.5 * count, 0.1), (0.4, 1.5, HALF))
    mirrored = _Mirrored(problem)
    z = np.random.default_rng(1).dirichlet(np.ones((count + 1) // 2))
    x = mirrored.unfolded(3 * z)
    assert x.sum() == pytest.approx(1, rel=1e-14) and np.array_equal(x, x[::-1])
    first = mirrored.first_rows()
    assert mirrored.forms(first) @ z == pytest.approx(first.signs * (phases_of(count, first.delays) @ x).real, abs=1e-14)
    steps = [math.ceil((0.5 * count - 1.5) / 0.5) + 1, 4]  # half a cell apart at most, both ends
    assert [(first.owners == k).sum() for k in (0, 1)] == [2 * steps[0], 2 * steps[1]]
    assert first.signs.sum() == 0 and {*first.delays[first.owners == 1]} == set(np.linspace(0.4, 1.5, 4))
    level = float(pulse.peak_level(x, 1.5, 0.5 * count, 64))
    rows = mirrored.at_peaks(x, level)
    for owner, region in enumerate(problem.regions):
        u, levels = pulse.peaks(x, region.start, region.stop, 16)
        near = u[levels >= 0.5 * (region.level if owner else level)]
        assert rows.delays[rows.owners == owner].tolist() == near.tolist()
    assert rows.signs.tolist() == np.sign((phases_of(count, rows.delays) @ x).real).tolist()
    assert (mirrored.forms(rows) @ z >= 0.5 * level * (1 - 1e-12)).all()


# What can be met


def test_the_least_crb_itself_is_accepted_everywhere_and_less_is_refused_everywhere():
    scenario = scenario_of(3, carriers=9, sidelobe_start=0.7)
    edges = ofdm.edges_only(scenario)
    least = edges.certificate.value
    assert ofdm.Limits(max_toa_crb_s2=least).moment_slack(scenario) == 0.0
    closed = 0.5 * 9 / 8 * scenario.range_cell_m  # the two tones' width
    for limit in (least, least * (1 - 1e-13)):
        found = ofdm.solve_exact(scenario, max_toa_crb_s2=limit)
        assert found.mode == "isac" and found.powers_w == pytest.approx(edges.powers_w, abs=1e-6)
        assert ofdm.solve_exact_batch([scenario], max_toa_crb_s2=limit).status.tolist() == ["optimal"]
        assert ofdm.verify(scenario, found, max_toa_crb_s2=limit).status == "optimal"
        assert ofdm.score(scenario, edges.powers_w, max_toa_crb_s2=limit).feasible
        assert ofdm.dynamic_allocation(scenario, max_toa_crb_s2=limit).powers_w == pytest.approx(edges.powers_w, rel=1e-9)
        possible, impossible = ofdm.best_main_lobe_width_m(scenario, max_toa_crb_s2=limit)
        assert impossible <= closed * (1 + 1e-9) and possible == pytest.approx(closed, rel=2e-6)
    less = least * (1 - 1e-9)
    for call in (
        lambda: ofdm.solve_exact(scenario, max_toa_crb_s2=less),
        lambda: ofdm.best_main_lobe_width_m(scenario, max_toa_crb_s2=less),
    ):
        with pytest.raises(
            InfeasibleScenario, match=f"max_toa_crb_s2: .*proven: nothing attains less than {least:.9g}"
        ) as caught:
            call()
        assert caught.value.limit == less and caught.value.best_attainable == least
    refused = ofdm.solve_exact_batch([scenario], max_toa_crb_s2=less)
    assert refused.constraint == ("max_toa_crb_s2",) and refused.best_attainable.tolist() == [least]
    fallback = ofdm.solve_exact(scenario, max_toa_crb_s2=less, fallback=True).certificate
    assert fallback.method == "water-filling; max_toa_crb_s2 cannot be met" and fallback.sense == "min"
    assert fallback.value == fallback.bound == least and fallback.status == "optimal"
    assert ofdm.dynamic_allocation(scenario, max_toa_crb_s2=least * (1 - 1e-8)).mode == "communication"


def test_what_is_hopeless_is_known_before_any_search_and_from_answers_given():
    scenario, least = scenario_of(), float(ofdm.edges_only(scenario_of()).certificate.value)
    forget()
    closed, near = 20 * math.log10(least_sidelobe_level(16, 1.5)), scenario.replace(sidelobe_stop=5.0)
    assert hopeless(scenario, ofdm.Limits(max_toa_crb_s2=least * (1 - 1e-9)))
    assert not hopeless(scenario, ofdm.Limits(max_toa_crb_s2=least))
    assert hopeless(scenario, ofdm.Limits(peak_sidelobe_db=closed - 1e-6))
    assert not hopeless(scenario, ofdm.Limits(peak_sidelobe_db=closed + 1e-6))
    narrow = ofdm.Limits(max_main_lobe_width_m=0.4 * scenario.range_cell_m)
    deep = ofdm.Limits(peak_sidelobe_db=-60.0)
    joint = dataclasses.replace(narrow, peak_sidelobe_db=-3.0)
    for asked, limits in ((near, deep), (scenario, narrow)):
        assert not hopeless(asked, limits)
        assert isinstance(feasibility.examine(asked, limits), Refusal) and hopeless(asked, limits)
    assert hopeless(scenario, joint) and not hopeless(near, ofdm.Limits(peak_sidelobe_db=-3.0))
    forget()
    assert not hopeless(near, deep) and not hopeless(scenario, joint)
    up_to_rounding = LeastLevel(None, 0.1 * (1 + 0.5e-9), 0.1 * (1 + 0.4e-9), 1)
    assert not feasibility._excluded(up_to_rounding, 0.1) and feasibility._excluded(up_to_rounding, 0.1 * (1 - 1e-9))


def test_a_level_limit_is_met_excluded_or_undecided():
    def met(level, bound, limit):
        return feasibility._met(LeastLevel(None, level, bound, 1), limit, "peak_sidelobe_db")

    assert met(0.2, 0.1, 0.2) and met(0.2 * (1 + 0.9e-9), 0.1, 0.2)
    assert not met(0.2, 0.1 * (1 + 2e-12), 0.1)
    assert met(1e-9 + 3e-16, 1e-9, 1e-9) and met(1e-11 * (1 + 0.9e-6), 1e-11, 1e-11)  # by rounding, up to 1e-6 of a deep limit
    for level, bound, limit in (
        (0.2, 0.1, 0.15),
        (0.2 * (1 + 1.1e-9), 0.1, 0.2),
        (0.2, 0.1 * (1 + 0.5e-12), 0.1),
        (1e-9 + 5.5e-16, 1e-9, 1e-9),
        (1e-11 * (1 + 1.1e-6), 1e-11, 1e-11),
    ):
        with pytest.raises(SolverFailure, match="peak_sidelobe_db is at the edge") as caught:
            met(level, bound, limit)
        for number in (limit, level, bound):
            assert f"{number:.3g}"[:4] in str(caught.value)


def test_shares_inside_are_moved_by_half_of_the_room():
    least, narrow = LeastLevel(np.array([1.0, 0, 0]), 0.1, 0.1, 1), LeastLevel(np.array([0, 1.0, 0]), 0.5, 0.5, 1)
    edges = np.array([0, 0, 1.0])
    moment = 0.5 * 0.05 * (HALF - 0.5) / (1 - HALF)  # the lobe's level may rise by what its own shares leave
    for given, expected in (
        ((None, None), [1, 0, 0]),
        ((None, edges), [0.95, 0, 0.05]),
        ((narrow, None), [0.95, 0.05, 0]),
        ((narrow, edges), [0.95 - moment, 0.05, moment]),
        ((dataclasses.replace(narrow, level=0.1), edges), [0.9, 0.05, 0.05]),
    ):
        assert feasibility._inside(least, 0.3, *given) == pytest.approx(expected, abs=1e-15)
    assert feasibility._inside(least, 0.05, narrow, edges) == pytest.approx([1, 0, 0], abs=1e-15)


def test_the_limits_in_normalised_form():
    scenario, least = scenario_of(), float(ofdm.edges_only(scenario_of()).certificate.value)
    cell, reach = scenario.range_cell_m, 7.5
    assert problem_of(scenario, ofdm.Limits(peak_sidelobe_db=0.0)) == cuts.Problem(16, (), None, 16)
    assert problem_of(scenario.replace(oversampling=4), ofdm.Limits()).oversampling == 16
    assert problem_of(scenario.replace(oversampling=40), ofdm.Limits()).oversampling == 40
    assert problem_of(scenario, ofdm.Limits(max_toa_crb_s2=least)).slack == pytest.approx(1e-13 * reach**2, rel=1e-12)
    slack = problem_of(scenario, ofdm.Limits(max_toa_crb_s2=4 * least)).slack
    assert slack == pytest.approx(0.75 * reach**2, rel=1e-12)
    both = ofdm.Limits(peak_sidelobe_db=-20.0, max_main_lobe_width_m=1.2 * cell)
    lobe = cuts.Region(pytest.approx(0.6, rel=1e-12), 1.5, HALF)
    assert problem_of(scenario, both).regions == (cuts.Region(1.5, 8.0, pytest.approx(0.1)), lobe)
    assert feasibility.sidelobe_problem(scenario, both).regions[1:] == (lobe,)
    assert problem_of(scenario, ofdm.Limits(max_main_lobe_width_m=99 * cell)).regions == (cuts.Region(1.5, 1.5, HALF),)
    for level_db, level in ((-6100.0, 1e-300), (6100.0, 1e300), (-5999.0, 10**-299.95), (5999.0, 10**299.95)):
        assert ofdm.Limits(peak_sidelobe_db=level_db).sidelobe_level() == pytest.approx(level, rel=1e-9)


# Cuts


def test_multipliers_add_up_to_rewards_and_a_charge_that_counts_the_rounding_of_phases():
    count, x = 24, np.random.default_rng(7).dirichlet(np.full(24, 5.0))
    u = pulse.peaks(x, 1.5, 11.0, 64, above=0.2)[0]
    inside = u[(u > 1.7) & (u < 10.8)]
    first, second, last = inside[0], inside[1], inside[-1]
    # one peak beside its place, one too far from it, one whose place lies beyond the region's end
    peaks = np.array([first + 0.01, second + 1.5 / 16, last - 0.03])
    moved = np.array([first, second + 0.5 / 16, last - 0.02])
    pools = [np.array([1.6, 2.5]), np.array([0.7])]
    multipliers = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0])
    n, slack = centred(count), 12.0
    for level in (0.3, 1e-13):
        problem = problem_with(count, (1.5, last - 0.02, level), (0.5, 1.5, HALF), slack=slack)
        for followed in (True, False):
            reward, charge = cuts.multiplier_sums(problem, x, (pools, [peaks, np.empty(0)]), multipliers, followed)
            delays = np.concatenate([pools[0], moved if followed else peaks, pools[1]])
            phases, limits = phases_of(count, delays), np.array([level] * 5 + [HALF])
            z = 2 * multipliers[:6] * (phases @ x) / limits**2
            mean = n @ x
            expected = (z.conj() @ phases).real + 17 * (11.5**2 - n**2 + 2 * mean * n) / slack
            tolerance = 1e-6 if followed else 1e-12  # the place of a peak is known to a root of rounding
            assert reward == pytest.approx(expected, rel=tolerance, abs=tolerance * np.abs(expected).max())
            moment = 17 * (1 + mean**2 / slack)
            assert charge == pytest.approx(np.abs(z) @ (limits + count * PHASES) + moment, rel=tolerance)
            assert np.abs(z[:5]).sum() * count * PHASES > (0.05 if level < 0.1 else 0.0) * charge


def test_a_warm_start_gives_the_cuts_multipliers_to_the_nearest_peaks():
    problem = problem_with(8, (1.5, 4.0, 0.2), (0.5, 1.5, HALF), slack=5.0)
    x = np.full(8, 1 / 8)
    state = cuts.Rounds(problem, x)
    before = ([np.array([1.6, 3.0]), np.array([0.5, 1.4])], [np.array([2.1]), np.array([0.9])])
    state.pools, state.peaks = [np.array([2.0, 3.0, 3.5]), np.array([0.6])], [np.array([2.0, 3.1]), np.empty(0)]
    path = tuple(
        interior_point.Iterate(np.full(15, gap), np.concatenate([np.full(8, gap), gap * np.arange(1.0, 8.0)]), -gap, gap)
        for gap in (1.0, 1e-3, 1e-5, 1e-9)
    )
    rows = state.rows(x)
    assert state._warm(rows, before) is None
    state.last = interior_point.Point(x, np.zeros(7), True, 4, path)
    for overshoot, gap in ((-0.05, 1e-3), (1e-4, 1e-5), (1e-7, 1e-5), (0.2, 1.0), (90.0, 1.0)):
        state.overshoot = overshoot
        warm = state._warm(rows, before)
        assert (warm.gap, warm.price) == (gap, -gap) and warm.w.tolist() == [gap] * 15
        # 1.6 and 2.1 are nearest to the peak at 2.0, 3.0 to that at 3.1; the other region has no peak now
        assert warm.v == pytest.approx(gap * np.array([*[1] * 8, 0, 0, 0, 1 + 3, 2, 0, 7]), rel=1e-14)


def test_limits_at_hand_are_those_of_the_pools_and_peaks_with_their_room():
    problem = problem_with(16, (1.5, 8.0, 0.03), (0.5, 1.5, HALF), slack=5.0)
    x = dolph_shares(16, 1.4)
    state = cuts.Rounds(problem, x)
    state.exchange(x)
    sizes = [pool.size + peak.size for pool, peak in zip(state.pools, state.peaks, strict=True)]
    for curved in (True, False):
        rows = state.rows(x, curved, 1e-3)
        assert rows.delays.tolist() == np.concatenate([state.pools[0], state.peaks[0], state.pools[1], state.peaks[1]]).tolist()
        limits = np.repeat([0.03, HALF], sizes) * (1 - 1e-3)
        assert rows.per_square == pytest.approx(2 / limits**2, rel=1e-12) and rows.slack == pytest.approx(5 * (1 - 1e-3))
        assert state.used == (state.pools, state.peaks) and rows.total == sum(sizes) + 1
        levels = np.abs(phases_of(16, rows.delays) @ x) ** 2 / limits**2 - 1
        at = rows.slopes(x)
        assert rows.values(x, at)[:-1] == pytest.approx(levels, abs=1e-12)  # curved rows vanish at x
        assert rows.values(x, at)[-1] == pytest.approx(cuts.moment_loss(x) / (5 * (1 - 1e-3)) - 1, abs=1e-12)
        assert (rows.where.size > 0) == curved
    peaks = np.concatenate([np.arange(state.pools[0].size, sizes[0]), sizes[0] + np.arange(state.pools[1].size, sizes[1])])
    assert set(state.rows(x).where) <= set(peaks)


def test_loosened_limits_are_raised_by_what_exceeds_them():
    problem = problem_with(8, (1.5, 4.0, 0.2), (0.5, 1.5, 0.7), slack=5.0)
    raised = problem.loosened(np.array([1e-3, -0.5, 0.1]))
    assert [region.level for region in raised.regions] == pytest.approx([0.2 * (1 + 1e-3 * (1 + 1e-6)), 0.7], rel=1e-14)
    assert raised.slack == pytest.approx(5 * (1 + 0.1 * (1 + 1e-6)), rel=1e-14)
    assert dataclasses.replace(problem, slack=None).loosened(np.array([0.0, -1.0])) == dataclasses.replace(problem, slack=None)
    x = dolph_shares(8, 1.4)
    levels = [float(pulse.peak_level(x, region.start, region.stop, 64)) / region.level - 1 for region in problem.regions]
    assert problem.excesses(x) == pytest.approx([*levels, cuts.moment_loss(x) / 5 - 1], rel=1e-9)
    assert dataclasses.replace(problem, slack=0.0).excesses(x)[-1] == pytest.approx(cuts.moment_loss(x) / 1e-300, rel=1e-9)


# Bounds


def test_bonuses_are_those_of_the_limits_that_hold_with_equality():
    count, x = 12, dolph_shares(12, 1.5)
    level = float(pulse.peak_level(x, 1.5, 6.0, 64))
    n, mean, loss = centred(12), float(centred(12) @ x), cuts.moment_loss(x)
    problem = problem_with(12, (1.5, 6.0, level * (1 + 5e-5)), slack=loss * (1 + 5e-5))
    u, levels = pulse.peaks(x, 1.5, 6.0, 32, above=0.7)
    u = u[levels >= 0.999 * level]
    assert bounds._bonuses(problem, x, 1e-5, False).shape == (0, count)
    for beside, delays in ((False, u), (True, np.unique(np.clip(np.add.outer([-1e-3, -1e-4, 0, 1e-4, 1e-3], u), 1.5, 6.0)))):
        found = bounds._bonuses(problem, x, 1e-4, beside)
        phases = phases_of(count, delays)
        y = phases @ x
        expected = 12 * PHASES + problem.regions[0].level - ((y / np.abs(y)).conj()[:, None] * phases).real
        assert found[:-1] == pytest.approx(expected, abs=1e-7)
        moment = 1 + mean**2 / problem.slack - (5.5**2 - n**2 + 2 * mean * n) / problem.slack
        assert found[-1] == pytest.approx(moment, rel=1e-12)
    silent = problem_with(2, (1.0, 1.0, 0.0))
    assert bounds._bonuses(silent, np.array([0.5 + 1e-9, 0.5 - 1e-9]), 1e-4, False) == pytest.approx(
        np.array([[2 * PHASES - 1, 2 * PHASES + 1]]), abs=1e-15
    )


@pytest.mark.parametrize("count", [2, 3, 9])
def test_the_bound_of_the_edges_is_the_best_of_their_multipliers(count):
    gains, reach = np.random.default_rng(count).exponential(size=count) * 4, 0.5 * (count - 1)
    n = centred(count)
    marginal = gains[[0, -1]] / (1 + 0.5 * gains[[0, -1]])
    apart = marginal[1] - marginal[0]
    for slack in (1e-6, 1e-10):
        found = bounds._edges_bound(problem_with(count, slack=slack), gains)
        # stationary halves cost price + apart^2 slack / (16 price reach^2); other carriers are priced out from a least price on
        outer = 2 * reach - 1 if count > 2 else 1.0
        least = (gains.max() - marginal.min()) * slack / outer
        price = max(abs(apart) * math.sqrt(slack) / (4 * reach), least)
        mean = apart * slack / (4 * price * reach)
        bonus = price * (1 + mean**2 / slack - (reach**2 - n**2 + 2 * mean * n) / slack)
        assert found == pytest.approx(priced_bound(gains, bonus), rel=1e-12)
        halves = float(np.log1p(0.5 * gains[[0, -1]]).sum())
        assert halves <= found <= halves + price + apart**2 * slack / (16 * price * reach**2) + 1e-12
    assert bounds._edges_bound(problem_with(count), gains) == math.inf


def test_the_linear_bound_is_that_of_the_best_prices_to_first_order():
    scenario = scenario_of(4, carriers=8, mean_snr_db=-30.0)
    found = ofdm.solve_exact(scenario, peak_sidelobe_db=-16.0)
    problem = problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-16.0))
    bound = bounds._linear_bound(problem, scenario.carrier_snr, found.powers_w)
    worth = float(np.log1p(scenario.carrier_snr * found.powers_w).sum())
    assert worth <= bound <= worth * (1 + 2e-6)
    free = problem_with(8)
    assert bounds._linear_bound(free, scenario.carrier_snr, found.powers_w) == priced_bound(scenario.carrier_snr, np.zeros(8))


# Beside Dolph's level


def edge_of(count, start, delta, slack=None):
    level = least_sidelobe_level(count, start)
    problem = problem_with(count, (start, 0.5 * count, level * (1 + delta)), slack=slack)
    gains = scenario_of(count, carriers=count).carrier_snr
    return _Edge(problem, gains, level, dolph_shares(count, start))


@pytest.mark.parametrize(("count", "slack"), [(8, None), (9, None), (8, 9.0), (9, 12.0)])
def test_shares_and_multipliers_beside_the_window_by_their_formulas(count, slack):
    start, delta = 1.2, 1e-3
    edge = edge_of(count, start, delta, slack)
    steps = np.arange((count - 1) // 2 + 1)
    inner = np.cos(math.pi * start / count) * np.cos(math.pi * steps / (count - 1))
    u, signs = count / math.pi * np.arccos(inner), (-1.0) ** steps
    phases, n, least = phases_of(count, u), centred(count), edge.least
    assert phases @ edge.window == pytest.approx(signs * least, abs=1e-14)
    assert edge.delta == pytest.approx(delta, rel=1e-9)
    assert edge.delta - edge.rise == pytest.approx(min(0.01 * delta, 1e-13 + 4e-16 / least), rel=1e-2)
    rng = np.random.default_rng(1)
    slope = rng.exponential(size=count)
    rho, eta = edge._fitted(slope)
    balanced = (signs * rho) @ phases.real + eta @ phases.imag
    assert balanced == pytest.approx(slope - slope @ edge.window, abs=1e-11)
    scale = edge._scale(rho, eta)
    z = scale * edge.nodes.weights + rho + 1j * eta
    lost, size = edge._lost(scale, rho, eta)
    assert size == pytest.approx(np.abs(z), rel=1e-12) and lost == pytest.approx(1 - z.real / np.abs(z), abs=1e-12)
    assert least * edge.nodes.weights @ lost == pytest.approx(edge.rise / (1 + edge.rise), rel=1e-9)
    shares = edge._shares(scale, rho, eta)
    assert shares.sum() == pytest.approx(1, rel=1e-14)
    assert phases @ shares == pytest.approx(
        least * (1 + edge.rise) * signs * z.real / np.abs(z) + 1j * least * (1 + edge.rise) * eta / np.abs(z), abs=1e-10
    )
    for price, centroid in ((0.0, 0.0), (0.7, 0.2)) if slack else ((0.0, 0.0),):
        point = _Point(edge.window, scale, rho, eta, price, centroid)
        bonus = scale * delta + least * (1 + delta) * (np.abs(z) - scale * edge.nodes.weights).sum() - balanced
        if slack:
            bonus = bonus + price * (1 + (centroid**2 - 0.25 * (count - 1) ** 2 + n**2 - 2 * centroid * n) / slack)
        assert edge.bound(point) == pytest.approx(priced_bound(edge.gains, bonus), rel=1e-9)


def test_the_window_alone_is_used_where_levels_can_be_told_apart():
    edge, none = edge_of(16, 1.5, 0.0), np.zeros(8)
    assert edge.rise == 1e-13
    steep = edge.bound(_Point(edge.window, 1e9, none, none, 0.0, 0.0)) - priced_bound(edge.gains, np.zeros(16))
    assert steep == pytest.approx(1e9 * (edge.delta + 1e-14), rel=1e-6)  # what rounding of the closed form can make of it
    for level, known in ((0.9e-10, False), (1.1e-10, True)):
        problem = problem_with(24, (start_of_level(24, level), 12.0, level * (1 + 5e-4)))
        assert (beside_the_least_level(problem, np.ones(24)) is not None) == known
    level = least_sidelobe_level(16, 1.5)
    beside = beside_the_least_level(problem_with(16, (1.5, 8.0, level)), scenario_of().carrier_snr)
    assert beside.shares == pytest.approx(dolph_shares(16, 1.5), abs=1e-6) and beside.converged and beside.rounds == 1


@pytest.mark.parametrize(("count", "slack"), [(10, None), (11, None), (10, 14.0), (11, 17.0)])
def test_shares_and_multipliers_settle_where_both_belong_together(count, slack):
    edge = edge_of(count, 1.2, 1e-5, slack)
    for price in (0.0,) if slack is None else (0.0, 1e-3, 0.1):
        point = edge.at(price)
        slope = edge.gains / (1 + edge.gains * point.x)
        if price:
            slope = slope - price * (0.25 * (count - 1) ** 2 - centred(count) ** 2 + 2 * point.centroid * centred(count)) / slack
            assert point.centroid == pytest.approx(centred(count) @ point.x, abs=1e-7)
        rho, eta = edge._fitted(slope)
        assert rho == pytest.approx(point.rho, abs=1e-9) and eta == pytest.approx(point.eta, abs=1e-9)
        assert edge._shares(edge._scale(rho, eta), rho, eta) == pytest.approx(point.x, abs=1e-11)
        assert float(np.log1p(edge.gains * point.x).sum()) <= edge.bound(point) * (1 + 1e-12) or price


# The interior point


def newton_of(rng, apart=False):
    rows = Rows(12, rng.uniform(1.5, 6, 4), rng.uniform(0.2, 0.5, 4), np.empty((0, 12)), np.empty(0, dtype=int), 20.0)
    z = rng.dirichlet(np.full(12, 3.0))
    at = rows.slopes(z)
    w, v = np.concatenate([z, rng.uniform(0.1, 1, 5)]), rng.uniform(0.1, 2, 17)
    curvature = rng.uniform(1, 3, 12)
    newton = interior_point._Newton(rows, at, curvature, w, v, apart)
    weights = v[12:] / w[12:]
    matrix = rows.newton(at, v[12:], weights) + np.diag(curvature + v[:12] / w[:12])
    return newton, matrix


@pytest.mark.parametrize("apart", [False, True])
def test_newtons_step_is_the_solution_of_the_bordered_system(apart):
    rng = np.random.default_rng(11)
    newton, matrix = newton_of(rng, apart)
    right, balance = rng.normal(size=12), 0.3
    bordered = np.block([[matrix, np.ones((12, 1))], [np.ones((1, 12)), np.zeros((1, 1))]])
    *expected, price = np.linalg.solve(bordered, np.append(right, -balance))
    assert newton.product(right, newton.rows.slopes(right)) == pytest.approx(matrix @ right, rel=1e-11)
    for refinements in (0, 6):
        x, found, along = newton.solve(right, balance, refinements)
        assert x == pytest.approx(expected, abs=1e-11) and found == pytest.approx(price, rel=1e-10)
        assert along.forms == pytest.approx(newton.rows.slopes(x).forms, abs=1e-12)
    slope, residual, target = rng.normal(size=12), rng.normal(size=5), rng.uniform(0.1, 1, 17)
    d_w, d_v, _, _ = newton.step(slope, target, balance, residual, 6)
    assert newton.w * d_v + newton.v * d_w == pytest.approx(target - newton.w * newton.v, abs=1e-10)
    forward = newton.rows.forward(newton.at, d_w[:12], newton.rows.slopes(d_w[:12]))
    assert forward + d_w[12:] == pytest.approx(-residual, abs=1e-10) and d_w[:12].sum() == pytest.approx(-balance, abs=1e-11)


def program_of(level):
    none = np.empty((0, 6)), np.empty(0, dtype=int)
    rows = Rows(6, np.array([1.5, 2.5]), np.array([level, 0.4]), *none, 3.0)
    return rows, np.array([1.0, 4.0, 2.0, 0.5, 3.0, 1.0]), np.array([0.0, 0.3, 0.2, 0.2, 0.2, 0.1])


def test_a_search_begins_with_room_and_with_multipliers_that_a_deep_level_shrinks(monkeypatch):
    seen, own = [], interior_point.Iterate
    monkeypatch.setattr(interior_point, "Iterate", lambda *given: seen.append(given) or own(*given))
    known = own(np.full(9, 0.2), np.array([*[0.1] * 6, 1e-9, 0.5, 2.0]), 0.6, 9e-4)
    for level in (0.3, 2e-4):
        rows, gains, start = program_of(level)
        for warm, z in ((None, np.maximum(start, 1e-12)), (known, np.full(6, 0.2))):
            seen.clear()
            interior_point.minimise(rows, gains, start, tolerance=1e-6, weight=0.7, max_iterations=1, warm=warm)
            h = np.abs(phases_of(6, [1.5, 2.5]) @ z) ** 2 / np.array([level, 0.4]) ** 2
            h = np.append(h, cuts.moment_loss(z) / 3) - 1
            if warm is None:
                w = np.concatenate([z, np.maximum(-h, 0.1)])
                v = 0.1 / w * np.array([*[1.0] * 6, min(1.0, level / 1e-3), 1.0, 1.0])
            else:
                w = np.concatenate([z, np.maximum(-h, 1e-4 / np.maximum(known.v[6:], 1e-2))])
                v = np.maximum(known.v, 1e-4 / w)
            ((found_w, found_v, price, gap),) = seen
            assert found_w == pytest.approx(w, rel=1e-9, abs=1e-14) and found_v == pytest.approx(v, rel=1e-9)
            assert price == (0.0 if warm is None else 0.6) and gap == pytest.approx(w @ v, rel=1e-9)


def newton_step(old, hessian, jacobian, slope, balance, target, residual):
    """Changes of w = (z, s), of v = (reduced costs, multipliers) and of the price, from one dense system."""
    count, (z, s) = len(residual), (old.w[:6], old.w[6:])
    zero, eye, ones = np.zeros, np.eye, np.ones
    system = np.block(
        [
            [hessian, zero((6, count)), -eye(6), jacobian.T, ones((6, 1))],
            [jacobian, eye(count), zero((count, 6)), zero((count, count)), zero((count, 1))],
            [ones((1, 6)), zero((1, count)), zero((1, 6)), zero((1, count)), zero((1, 1))],
            [np.diag(old.v[:6]), zero((6, count)), np.diag(z), zero((6, count)), zero((6, 1))],
            [zero((count, 6)), np.diag(old.v[6:]), zero((count, 6)), np.diag(s), zero((count, 1))],
        ]
    )
    stationarity = slope + jacobian.T @ old.v[6:] - old.v[:6]
    found = np.linalg.solve(system, np.concatenate([-stationarity, -residual, [-balance], target - old.w * old.v]))
    return np.split(found, [6 + count, 12 + 2 * count])


def farthest(values, change):
    """How far a step may go until a value is 0."""
    return min((-values[change < 0] / change[change < 0]), default=math.inf)


def test_an_iteration_is_mehrotras_predictor_and_corrector_with_the_exact_squares():
    """The next points of the path from dense systems of equations."""
    rows, gains, start = program_of(0.3)
    tolerance, weight, n = 1e-6, 0.7, centred(6)
    path = interior_point.minimise(rows, gains, start + 0.05, tolerance=tolerance, weight=weight).path
    phases = phases_of(6, [1.5, 2.5]) / np.array([[0.3], [0.4]])
    curvatures = [2 * (row.conj()[:, None] * row).real for row in phases] + [2 * np.outer(n, n) / 3]
    linear = np.vstack([np.zeros((2, 6)), (2.5**2 - n**2) / 3])

    def squares(z):
        return np.array([0.5 * z @ curvature @ z for curvature in curvatures])

    for old, new in pairwise(path[:5]):
        z = old.w[:6]
        hessian = sum(m * c for m, c in zip(old.v[6:], curvatures, strict=True))
        hessian = hessian + np.diag(weight * (gains / (1 + gains * z)) ** 2)
        jacobian = np.array([curvature @ z for curvature in curvatures]) + linear
        primal = squares(z) + linear @ z - 1 + old.w[6:]
        system = (old, hessian, jacobian, old.price - weight * gains / (1 + gains * z), z.sum() - 1)
        a_w, a_v, _ = newton_step(*system, np.zeros(9), primal)
        p, d = min(1.0, farthest(old.w, a_w)), min(1.0, farthest(old.v, a_v))
        predicted = (old.w + p * a_w) @ (old.v + d * a_v)
        target = max(old.gap * min(1.0, predicted / old.gap) ** 3, 0.1 * tolerance) / 9
        d_w, d_v, d_price = newton_step(*system, target - p * d * a_w * a_v, primal + p**2 * squares(a_w[:6]))
        p, d = min(1.0, 0.995 * farthest(old.w, d_w)), min(1.0, 0.995 * farthest(old.v, d_v))
        w, v = old.w + p * d_w, old.v + d * d_v
        inside = 1 - squares(w[:6]) - linear @ w[:6]
        w[6:] = np.where(inside > 0.5 * w[6:], inside, w[6:])
        assert new.w == pytest.approx(w, rel=1e-6, abs=1e-9) and new.v == pytest.approx(v, rel=1e-6, abs=1e-9)
        assert new.price == pytest.approx(old.price + d * d_price[0], rel=1e-7)


def test_refinements_are_conjugate_gradients_that_stop_when_the_residual_is_small():
    """Behind a factor that knows the diagonal alone: as many products as it takes, the best residual kept."""
    rng = np.random.default_rng(12)
    newton, matrix = newton_of(rng)
    newton.approximate = lambda right: right / np.diagonal(matrix)
    newton.along = newton.approximate(np.ones(12))
    newton.share = newton.along.sum()
    right = rng.normal(size=12)
    right[3] = 1e-9
    products, own = [], newton.product
    newton.product = lambda d, along: products.append(1) or own(d, along)
    missed = []
    for most in (1, 2, 4, 6, 60):
        products.clear()
        x, price, _ = newton.solve(right, 0.3, most)
        left = np.abs(right - price - matrix @ x).max() / np.abs(right).max()
        assert len(products) <= most + 1 and x.sum() == pytest.approx(-0.3, abs=1e-12)
        assert newton.missed >= left * 0.5 - 1e-14
        missed.append(newton.missed)
    assert np.all(np.diff(missed) <= 0) and missed[-1] <= 1e-10 < missed[-2] and len(products) <= 16


# Outputs and their peaks


def test_the_search_grid_has_every_multiple_inside_and_delays_ever_closer_to_the_ends():
    for start, stop in ((2.0, 6.0), (2.03, 5.97), (1.0, 1.01)):
        grid = pulse._grid(20, start, stop, 16)
        ends = pulse._end_delays(20, start, stop, 16)
        multiples = [k / 16 for k in range(400) if start < k / 16 < stop]
        assert grid.delays == pytest.approx(np.sort(np.concatenate([ends, multiples])), abs=1e-15)
        assert [k / 16 for k in range(400)][grid.inner] == multiples
        assert grid.end_phases == pytest.approx(phases_of(20, ends), abs=1e-12)
    # 0.29 points per grid step of the end's delay, 0.16 of it far
    near, far = 2 + 0.32 * (np.arange(11) / 10) ** 2, 6 - 0.96 * (np.arange(29) / 28) ** 2
    assert pulse._end_delays(20, 2.0, 6.0, 16) == pytest.approx(np.concatenate([near, far]), rel=1e-14)
    narrow = 0.5 + 0.05 * (np.arange(6) / 5) ** 2  # half of the region at most, the points of a whole cell at least
    assert pulse._end_delays(20, 0.5, 0.6, 16) == pytest.approx(np.concatenate([narrow, 0.6 - (narrow - 0.5)]), rel=1e-14)
    assert pulse._end_delays(20, 2.0, 10.0, 16) == pytest.approx(np.append(near, 10.0))


def test_peaks_below_a_share_of_the_highest_level_are_left_out():
    weights = np.random.default_rng(4).exponential(size=40)
    u, levels = pulse.peaks(weights, 1.5, 18.0, 16)
    order = np.sort(levels[1:-1])
    assert len(order) > 8 and order[-1] > levels[[0, -1]].max()
    for low, high in pairwise(order[:-1]):
        share = 0.5 * (low + high) / order[-1]
        found, kept = pulse.peaks(weights, 1.5, 18.0, 16, above=share)
        wanted = levels >= share * order[-1]
        wanted[[0, -1]] = True
        if high / low > 1.02:  # a grid step knows a level to a share of that
            assert found == pytest.approx(u[wanted], abs=1e-9) and kept == pytest.approx(levels[wanted], rel=1e-12)


def test_sizes_are_powers_of_two_and_levels_on_a_grid_are_relative():
    assert pulse.scaled([[3.0, 6.0], [0.0, 0.0], [1e-310, 1.0]]).tolist() == [[0.375, 0.75], [0.0, 0.0], [0.5e-310, 0.5]]
    weights = np.random.default_rng(4).exponential(size=(2, 10))
    u, levels = pulse.grid_levels(np.vstack([weights, np.zeros(10)]), 4)
    assert u == pytest.approx(np.arange(21) / 4) and np.isnan(levels[2]).all()
    assert levels[:2] == pytest.approx(np.abs(weights @ phases_of(10, u).T) / weights.sum(axis=1)[:, None], rel=1e-9, abs=1e-12)


def test_widths_of_two_tones_up_to_the_first_and_the_last_crossing():
    """|cos(pi (N-1) u / N)|: half power at a quarter, above it from three to five quarters, and so on."""
    tones = np.zeros((3, 64))
    tones[0, [0, -1]], tones[2, 10] = 0.5, 1.0
    cell = 64 / 63
    assert pulse.half_power_width(tones, 16) == pytest.approx([0.5 * cell, math.nan, math.inf], rel=1e-9, nan_ok=True)
    for last, crossing in ((0.5, 0.25), (0.7, 0.25), (1.0, 1.25), (1.5, 1.25), (2.0, 2.25)):
        assert pulse.half_power_width(tones[0], 16, last_before=last) == pytest.approx(2 * crossing * cell, rel=1e-9)
    assert pulse.half_power_width(tones[2], 16, last_before=1.0) == math.inf


def test_delays_that_are_refined_climb_no_farther_than_their_reach():
    weights = np.random.default_rng(4).exponential(size=40)
    u, levels = pulse.peaks(weights, 1.5, 18.0, 32, above=0.2)
    top = u[1 + int(np.argmax(levels[1:-1]))]
    for away in (0.2, -0.2):
        assert pulse.refine(weights, np.array([top + away]), 0.05) == pytest.approx([top + away - math.copysign(0.05, away)])
        assert pulse.refine(weights, np.array([top + 0.1 * away]), 0.05) == pytest.approx([top], abs=1e-8)
    # two tones in counterphase have their minimum at half a cell: from beside it, uphill on either side
    tones = np.array([0.5, 0.0, 0.0, 0.5])
    for start, end in ((0.68, 0.58), (0.65, 0.55), (2 / 3 + 0.01, 2 / 3 + 0.11)):
        assert pulse.refine(tones, np.array([start]), 0.1) == pytest.approx([end if start < 2 / 3 else start + 0.1])


def test_a_level_is_that_of_the_finest_grid_asked_for_whatever_the_scale(monkeypatch):
    weights, grids, own = np.random.default_rng(2).exponential(size=(2, 3, 12)), [], pulse.peaks
    monkeypatch.setattr(pulse, "peaks", lambda *given, **more: grids.append(given[3]) or own(*given, **more))
    weights[1, 2] = 0.0
    levels = pulse.peak_level(7 * weights, 1.5, 6.0, 4)
    assert grids == [32] * 5 and math.isnan(levels[1, 2]) and levels.shape == (2, 3)
    loud = weights.reshape(6, 12)[:5]
    dense = np.abs(pulse.pulse(loud, np.linspace(1.5, 6, 20_001))).max(axis=-1) / loud.sum(axis=-1)
    assert levels.ravel()[:5] == pytest.approx(dense, rel=1e-6)
    pulse.peak_level(weights[0, 0], 1.5, 6.0, 64)
    assert grids[5:] == [64]


@pytest.mark.parametrize("reach", [1 / 64, 1 / 16, 0.5])
def test_a_series_has_as_many_terms_as_its_rest_needs(reach):
    terms = next(k for k in range(1, 99) if (math.pi * reach) ** k / math.factorial(k) <= 1e-17)
    nearby = pulse._Nearby(np.ones(6), np.array([0.4, 1.0]), reach)
    assert nearby.series.shape == (3, terms, 2)


# The echo


def test_matched_filters_are_echoes_and_noise_of_their_energies():
    scenario = scenario_of(5, carriers=6, symbols=3, power_budget_w=7.0)
    powers, delays = np.arange(6.0), np.array([[0.2, 1.5], [-0.4, 2.0]])
    amplitudes = np.array([[1.0, 0.5j], [1.0, -0.3]])
    z = estimator._filtered(scenario, powers, np.random.default_rng(3), 2, delays, amplitudes)
    rng = np.random.default_rng(3)
    energy = rng.gamma(3, 1.0, size=(2, 6))
    noise = estimator.channels.complex_normal(rng, (2, 6))
    echo = np.einsum("tk,tkn->tn", amplitudes, np.exp(-2j * math.pi / 6 * delays[..., None] * centred(6)))
    level = scenario.noise_psd_w_per_hz * scenario.subcarrier_spacing_hz
    direct = math.sqrt(scenario.echo_gain) * powers * energy * echo + np.sqrt(powers * energy * level) * noise
    ratio = z[:, 1:] / direct[:, 1:]
    assert ratio == pytest.approx(np.repeat(ratio[:, :1], 5, axis=1), rel=1e-12)
    assert ratio.imag == pytest.approx(np.zeros((2, 5)), abs=1e-12) and np.all(ratio.real > 0) and not z[:, 0].any()
    many = estimator._filtered(scenario, powers, np.random.default_rng(3), 40, np.full((40, 1), 0.3), np.ones((40, 1)))
    highest = np.abs(many).max(axis=1)
    assert highest.min() >= 0.5 and highest.max() < 1


@pytest.mark.parametrize(("weak_db", "separation", "start"), [(-9.0, 2.2, 1.5), (-12.0, 5.0, 1.0), (-12.0, 13.5, 1.5)])
def test_the_weak_target_counts_within_a_cell_outside_the_strong_ones_guard(weak_db, separation, start):
    scenario, powers = scenario_of(6, symbols=40, sidelobe_start=start), np.arange(1.0, 17.0) / 136
    found = ofdm.weak_target_detection(scenario, powers, np.random.default_rng(2), 200, weak_db=weak_db, separation=separation)
    rng = np.random.default_rng(2)
    strong = rng.uniform(-0.5, 0.5, size=200)
    weak = 10 ** (weak_db / 20) * np.exp(2j * math.pi * rng.uniform(size=200))
    delays, amplitudes = np.stack([strong, strong + separation], axis=1), np.stack([np.ones(200), weak], axis=1)
    z = estimator._filtered(scenario, powers, rng, 200, delays, amplitudes)
    grid = np.arange(-128, 128) / 16
    levels = np.abs(z @ phases_of(16, grid).T)
    hits = 0
    for row, level in enumerate(levels):
        apart = np.abs(grid - grid[level.argmax()])
        outside = np.minimum(apart, 16 - apart) >= start + 0.15
        best = grid[np.where(outside, level, -1).argmax()]
        apart = abs(best - delays[row, 1]) % 16
        hits += min(apart, 16 - apart) <= 1.0
    assert found == hits / 200 and 0.1 < found < 1


def test_delay_errors_come_in_chunks_and_are_those_of_the_highest_point_in_the_search():
    scenario, powers = scenario_of(7, symbols=8, mean_snr_db=-5.0), np.full(16, 1 / 16)
    errors = ofdm.delay_errors_s(scenario, powers, np.random.default_rng(4), 60, search=3.0) * scenario.bandwidth_hz
    rng = np.random.default_rng(4)
    delays = rng.uniform(-0.5, 0.5, size=60)
    z = estimator._filtered(scenario, powers, rng, 60, delays[:, None], np.ones((60, 1)))
    fine = np.arange(-3 * 512, 3 * 512 + 1) / 512
    best = fine[np.abs(z @ phases_of(16, fine).T).argmax(axis=1)]
    assert np.abs(errors - (best - delays)).max() < 1 / 256 + 1 / 16 * (np.abs(best) > 2.95).any()


# What is said of an answer


def test_the_capacity_limit_is_met_excluded_or_undecided():
    scenario = scenario_of(8)
    full = ofdm.waterfill(scenario).capacity_bps
    limits = ofdm.Limits(max_capacity_loss=0.2)
    assert exact._lost(scenario, ofdm.Limits(), 0.0, 0.0) is None
    assert exact._lost(scenario, limits, 0.8 * full * (1 - 0.9e-7), 0.0) is None
    refused = exact._lost(scenario, limits, 0.7 * full, 0.75 * full)
    assert (refused.constraint, refused.limit) == ("max_capacity_loss", 0.2)
    assert (refused.best_attainable, refused.bound) == (pytest.approx(0.3), pytest.approx(0.25))
    for value, bound in ((0.8 * (1 - 1.1e-7), 0.81), (0.7, 0.8 * (1 + 1e-12))):
        with pytest.raises(SolverFailure, match="max_capacity_loss"):
            exact._lost(scenario, limits, value * full, bound * full)


def test_an_answer_is_optimal_up_to_the_stated_gap_and_residual(monkeypatch):
    judge = importlib.import_module("isaclib.ofdm_ranging.verify")
    scenario, limits = scenario_of(9), {"peak_sidelobe_db": -15.0}
    found = ofdm.solve_exact(scenario, **limits)
    for gap, louder, status in (
        (0.9e-6, 0.0, "optimal"),
        (1.1e-6, 0.0, "converged"),
        (0.0, 0.9e-7, "optimal"),
        (0.0, 1.2e-7, "converged"),
    ):
        powers = found.powers_w * (1 + louder)
        bound = float(ofdm.capacity_bps(scenario, powers)) * (1 + gap)
        monkeypatch.setattr(judge, "capacity_bound", lambda *given, bound=bound: bound)
        assert ofdm.verify(scenario, dataclasses.replace(found, powers_w=powers), **limits).status == status
    silent = ofdm.verify(scenario, dataclasses.replace(found, powers_w=np.zeros(16)))
    assert silent.value == 0 and silent.bound == pytest.approx(ofdm.waterfill(scenario).capacity_bps, rel=1e-12)


def test_statuses_and_methods_follow_gaps_and_residuals(monkeypatch):
    scenario, limits = scenario_of(9), {"peak_sidelobe_db": -15.0}
    best = ofdm.solve_exact(scenario, **limits)
    nats = best.certificate.value * math.log(2) / scenario.subcarrier_spacing_hz
    for gap, louder, status in (
        (0.9e-6, 0.0, "optimal"),
        (1.2e-6, 0.0, "converged"),
        (0.5e-6, 0.9e-7, "optimal"),
        (0.5e-6, 1.2e-7, "converged"),
    ):
        history = ((0.5 * nats, 1.1e-9, 0.1), (nats, 0.9e-9, 0.2))
        outcome = cuts.Outcome(best.powers_w * (1 + louder), nats * (1 + gap), True, True, 0.0, 2, history, "by hand")
        monkeypatch.setattr(exact, "_searched", lambda *given, outcome=outcome: outcome)
        found = ofdm.solve_exact(scenario, **limits)
        assert (found.certificate.status, found.certificate.method, found.certificate.iterations) == (status, "by hand", 2)
        assert found.certificate.bound == pytest.approx(best.certificate.value * (1 + gap), rel=1e-12)
        assert [step.feasible for step in found.history] == [False, True] and [step.seconds for step in found.history] == [
            0.1,
            0.2,
        ]
        assert found.history[0].objective == pytest.approx(0.5 * best.certificate.value, rel=1e-12)
    for bound, status in ((-10 * (1 + 0.9e-6), "optimal"), (-10 * (1 + 1.2e-6), "converged")):
        monkeypatch.setattr(exact, "solved", lambda *given, bound=bound: Refusal("peak_sidelobe_db", -15.0, -10.0, bound))
        certificate = ofdm.solve_exact(scenario, **limits, fallback=True).certificate
        assert (certificate.status, certificate.value, certificate.bound) == (status, -10.0, bound)
    flat = np.full(16, 1 / 16)
    for gap, rounds, status, method in (
        (0.9e-6, 0, "optimal", "Dolph's window"),
        (1.2e-6, 3, "converged", "linear program with rows exchanged at the peaks"),
    ):
        least = LeastLevel(flat, 0.1, 0.1 * (1 - gap), rounds)
        monkeypatch.setattr(exact, "least_level", lambda *given, least=least: least)
        certificate = ofdm.minimise_sidelobe(scenario).certificate
        assert (certificate.status, certificate.method, certificate.iterations) == (status, method, rounds)
        assert (certificate.value, certificate.bound, certificate.residual) == (0.1, 0.1 * (1 - gap), 0.0)
    monkeypatch.setattr(exact, "least_level", lambda *given: LeastLevel(None, math.inf, 0.0, 40))
    with pytest.raises(SolverFailure, match="linear program"):
        ofdm.minimise_sidelobe(scenario)


def test_multipliers_that_are_not_found_prove_nothing(monkeypatch):
    scenario = scenario_of(4)
    problem, shares = problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-16.0)), np.full(16, 1 / 16)

    def unsettled(*given, **more):
        raise RuntimeError

    monkeypatch.setattr(bounds, "nnls", unsettled)
    assert bounds._fitted_bound(problem, scenario.carrier_snr, shares, 1e-3, False) == math.inf
    monkeypatch.setattr(bounds, "linprog", lambda *given, **more: type("Nothing", (), {"x": None}))
    assert bounds._linear_bound(problem, scenario.carrier_snr, shares) == math.inf
    flood = priced_bound(scenario.carrier_snr, np.zeros(16))
    assert bounds.fitted_bound(problem, scenario.carrier_snr, shares) == flood


def test_the_least_width_lies_between_what_is_attained_and_what_is_excluded(monkeypatch):
    """A least level that falls through half power at a width of 0.9, with a bound that knows it to a given share."""
    scenario, asked = scenario_of(), []
    cell = scenario.range_cell_m

    def searched(known, tolerance, shift=0.0):
        def least_level(problem, target):
            assert target == HALF
            width = 2 * problem.regions[0].start
            asked.append(width)
            level = HALF * (1 + 0.9 - width + shift)
            return LeastLevel(None, level, level * (1 - known), 1)

        asked.clear()
        monkeypatch.setattr(feasibility, "least_level", least_level)
        return tuple(width / cell for width in ofdm.best_main_lobe_width_m(scenario, tolerance=tolerance))

    possible, impossible = searched(0.0, 1e-4)
    assert impossible < 0.9 <= possible and possible - impossible <= 1e-4 * possible
    assert asked[0] == pytest.approx(3.0) and len(asked) <= 17 and min(asked) > 0.5 * 16 / 15
    possible, impossible = searched(0.05, 1e-4)  # between 0.85 and 0.9 neither is known
    assert 0.9 <= possible < 2 and impossible <= 0.85 + 0.01 and len(asked) < 10
    assert not 0.9 <= asked[-1] and asked[-1] > impossible
    assert searched(0.0, 1e-4, 5.0) == (math.inf, math.inf) and len(asked) == 1
    lost = searched(0.9, 1e-4, 5.0)
    assert lost == (math.inf, pytest.approx(0.5 * 16 / 15 * (1 - 1e-9), rel=1e-13))


def test_families_are_the_layouts_that_they_say():
    stated = {
        "paper": (-14.0, {}),
        "tight": (-30.0, {}),
        "large": (-14.0, {"carriers": 256}),
        "hard": (-20.0, {"tap_decay": 20.0, "taps": 32, "mean_snr_db": -10.0}),
    }
    assert set(INTERFACE.families) == set(stated)
    for name, (level, fields) in stated.items():
        family = INTERFACE.families[name]
        assert family.options == {"peak_sidelobe_db": level}
        assert f"{-level:g} dB down" in family.about
        drawn = family.draw(np.random.default_rng(5))
        assert np.array_equal(drawn.channel_gain, ofdm.Scenario.random(np.random.default_rng(5), **fields).channel_gain)


def test_the_benchmark_and_the_first_step_of_the_rule_are_one_solve():
    scenario, solvers = scenario_of(1), INTERFACE.solvers
    first = solvers["exact"](scenario, peak_sidelobe_db=-14.0, max_toa_crb_s2=None)
    assert solvers["exact"](scenario, peak_sidelobe_db=-14.0) is first
    assert np.array_equal(solvers["straightforward"](scenario, peak_sidelobe_db=-14.0).powers_w, first.powers_w)
    both = solvers["exact"](scenario, peak_sidelobe_db=-14.0, max_capacity_loss=0.9)
    assert both is not first and both.capacity_bps == first.capacity_bps
    assert solvers["straightforward"](scenario, peak_sidelobe_db=-60.0).mode == "communication"
    assert solvers["straightforward"](scenario).powers_w == pytest.approx(ofdm.waterfill(scenario).powers_w)
