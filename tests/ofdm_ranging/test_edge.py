"""Sidelobe limits beside Dolph's level: Chebyshev's multipliers, the law of the square root, the interior point beside it."""

import dataclasses
import math

import numpy as np
import pytest

from benchmarks.extremes import ofdm_ranging as extremes
from isaclib import ofdm_ranging as ofdm
from isaclib.ofdm_ranging import cuts, interior_point, pulse
from isaclib.ofdm_ranging.edge import _nodes, beside_the_least_level
from isaclib.ofdm_ranging.feasibility import problem_of
from isaclib.ofdm_ranging.rows import Rows
from isaclib.ofdm_ranging.waterfilling import waterfill_shares
from isaclib.ofdm_ranging.window import dolph_shares, least_sidelobe_level, start_of_level

SECOND_SOLVER = 1e-6  # relative: what the interior point leaves open so close to the edge


def scenario_of(seed, carriers, start):
    return ofdm.Scenario.random(np.random.default_rng(seed), carriers=carriers, sidelobe_start=start)


def edge_problem(scenario, delta, **others):
    level = least_sidelobe_level(scenario.carriers, scenario.sidelobe_start) * (1 + delta)
    return problem_of(scenario, ofdm.Limits(peak_sidelobe_db=20 * math.log10(level), **others))


def utility(scenario, shares):
    return float(np.log1p(scenario.carrier_snr * shares).sum())


@pytest.mark.parametrize("carriers", [2, 3, 4, 5, 16, 33, 64])
def test_chebyshevs_multipliers_prove_dolphs_level(carriers):
    start = min(1.5, 0.4 * carriers)
    nodes, level = _nodes(carriers, start), least_sidelobe_level(carriers, start)
    assert nodes.weights.min() > 0 and nodes.weights.sum() == pytest.approx(1 / level, rel=1e-11)
    samples = np.random.default_rng(0).dirichlet(np.ones(carriers), size=20)
    folded = (samples + samples[:, ::-1])[:, carriers // 2 :]
    folded[:, : carriers % 2] /= 2
    assert folded @ nodes.cosines @ (nodes.signs * nodes.weights) == pytest.approx(np.ones(20), rel=1e-10)


@pytest.mark.parametrize(("carriers", "start"), [(16, 1.5), (25, 0.75), (54, 0.83), (33, 2.2)])
def test_the_interior_point_finds_the_same_where_it_can_follow(carriers, start):
    scenario = scenario_of(carriers, carriers, start)
    gains = scenario.carrier_snr
    for delta in (1e-6, 3e-7):
        problem = edge_problem(scenario, delta)
        beside = beside_the_least_level(problem, gains)
        window = dolph_shares(carriers, start)
        other = cuts.maximise_utility(problem, gains, start=waterfill_shares(gains), reference=window)
        found = utility(scenario, beside.shares)
        assert beside.converged and other.found
        assert found == pytest.approx(utility(scenario, other.shares), rel=SECOND_SOLVER)
        assert max(found, utility(scenario, other.shares)) <= min(beside.bound, other.bound) * (1 + 1e-12)
        assert problem.excesses(beside.shares).max() <= 1e-12 and beside.shares.min() >= 0


def test_what_a_higher_level_is_worth_grows_as_its_square_root():
    scenario = scenario_of(3, 40, 1.2)
    floor = utility(scenario, dolph_shares(40, 1.2))
    worth = []
    for delta in (1e-11, 1e-9, 1e-7):
        outcome = beside_the_least_level(edge_problem(scenario, delta), scenario.carrier_snr)
        assert outcome.converged and outcome.bound / utility(scenario, outcome.shares) - 1 < 1e-8
        worth.append(utility(scenario, outcome.shares) - floor)
    assert np.array(worth[1:]) / worth[:-1] == pytest.approx([10, 10], rel=0.03)


@pytest.mark.parametrize("carriers", [24, 31])
def test_a_crb_limit_that_binds_as_well_is_priced(carriers):
    scenario = scenario_of(carriers, carriers, 1.3)
    gains, delta = scenario.carrier_snr, 1e-5
    free = beside_the_least_level(edge_problem(scenario, delta), gains).shares
    crbs = [float(ofdm.toa_crb_s2(scenario, shares * scenario.power_budget_w)) for shares in (dolph_shares(carriers, 1.3), free)]
    assert crbs[0] < crbs[1]
    problem = edge_problem(scenario, delta, max_toa_crb_s2=0.5 * sum(crbs))
    assert problem.excesses(free)[-1] > 0
    outcome = beside_the_least_level(problem, gains)
    other = cuts.maximise_utility(problem, gains, start=waterfill_shares(gains), reference=dolph_shares(carriers, 1.3))
    found = utility(scenario, outcome.shares)
    assert outcome.converged and problem.excesses(outcome.shares).max() <= 1e-12
    assert found == pytest.approx(utility(scenario, other.shares), rel=5e-7)
    assert utility(scenario, other.shares) <= outcome.bound < utility(scenario, free)


def test_a_mirrored_channel_has_no_odd_part_and_other_problems_are_left_alone():
    scenario = scenario_of(0, 20, 1.5)
    mirrored = scenario.replace(channel_gain=scenario.channel_gain + scenario.channel_gain[::-1])
    outcome = beside_the_least_level(edge_problem(mirrored, 1e-6), mirrored.carrier_snr)
    assert outcome.shares == pytest.approx(dolph_shares(20, 1.5), rel=1e-4)
    assert utility(mirrored, outcome.shares) <= outcome.bound and outcome.converged
    assert beside_the_least_level(edge_problem(scenario, 0.1), scenario.carrier_snr) is None
    assert beside_the_least_level(problem_of(scenario, ofdm.Limits()), scenario.carrier_snr) is None
    near = scenario.replace(sidelobe_stop=6.0)
    assert beside_the_least_level(edge_problem(near, 0.0), near.carrier_snr) is None


@pytest.mark.parametrize(
    ("seed", "draw"),
    [(61, 423), (61, 0), (61, 61), (4243, 34), (4243, 243), (4243, 294), (4243, 362), (4243, 498), (977, 427), (61, 187)],
)
def test_requests_that_stayed_converged_or_failed_are_optimal(seed, draw):
    """Draws of the requests with a witness: gaps to 0.12, values beyond their bounds by 1e-7 to 3e-6."""
    rng = np.random.default_rng(seed).spawn(draw + 1)[draw]
    assert extremes.at_the_edge(*extremes.witnessed_request(rng)) == "optimal"


def test_a_crb_limit_that_only_another_window_meets_is_left_to_the_interior_point():
    scenario = scenario_of(1, 24, 1.3)
    broader = dolph_shares(24, start_of_level(24, least_sidelobe_level(24, 1.3) * (1 + 4e-4)))
    crb = float(ofdm.toa_crb_s2(scenario, broader)) * (1 + 1e-7)
    assert crb < float(ofdm.toa_crb_s2(scenario, dolph_shares(24, 1.3)))
    problem = edge_problem(scenario, 5e-4, max_toa_crb_s2=crb)
    assert beside_the_least_level(problem, scenario.carrier_snr) is None
    level_db = 20 * math.log10(problem.regions[0].level)
    found = ofdm.solve_exact(scenario, peak_sidelobe_db=level_db, max_toa_crb_s2=crb)
    assert found.certificate.residual <= 1e-9 and found.certificate.status == "optimal"
    assert found.capacity_bps > float(ofdm.capacity_bps(scenario, broader))


def test_widths_next_to_the_least_are_optimal():
    """The room of 1e-10 below the limits cost 5e-6 of the capacity at multipliers of 1e5, and 40 rounds looked for it."""
    scenario = scenario_of(0, 128, 1.5)
    possible, _ = ofdm.best_main_lobe_width_m(scenario)
    for further in (0.0, 3e-6):
        certificate = ofdm.solve_exact(scenario, max_main_lobe_width_m=possible * (1 + further)).certificate
        assert certificate.status == "optimal" and certificate.gap < 1e-7 and certificate.residual <= 1e-12
        assert certificate.iterations <= 13


def test_delays_of_cuts_stay_in_their_region():
    """Rounded to nine digits they left it: by 1e-10, which multipliers of 1e4 made a bound too low by 3e-6."""
    for start in (1.8789816851163905, 1.5000000004, 2.0000000006):
        window = dolph_shares(16, 2.2)
        region = cuts.Region(start, 8.0, float(pulse.peak_level(window, start, 8.0, 16)))
        state = cuts.Rounds(cuts.Problem(16, (region,), None, 16), window)
        for _ in range(4):
            state.exchange(window)
        assert state.pools[0].size and state.pools[0].min() >= start and state.pools[0].max() <= 8.0


def test_the_bound_allows_for_the_rounding_of_its_phases():
    """Steep multipliers meet in sums that cancel: the allowance covers what rounding leaves of them."""
    window = dolph_shares(48, 1.5)
    problem = cuts.Problem(48, (cuts.Region(1.5, 24.0, 0.05),), None, 16)
    state = cuts.Rounds(problem, window)
    multipliers = np.full(state.used[0][0].size, 1e9)
    _, charge = cuts.multiplier_sums(problem, window, state.used, multipliers, False)
    z = 2e9 * pulse.pulse(window, state.used[0][0]) / 0.05**2
    assert charge - 0.05 * np.abs(z).sum() == pytest.approx(48 * 4.5e-16 * np.abs(z).sum(), rel=0.1)


def test_an_infeasible_program_is_given_up_before_the_last_iteration():
    """Its multipliers grow without end: three carriers cannot be at 0.01 of the main lobe a fifth of a cell away."""
    rows = Rows(3, np.array([0.2]), np.array([0.01]), np.empty((0, 3)), np.empty(0, dtype=int), None)
    point = interior_point.minimise(rows, np.ones(3), np.full(3, 1 / 3), tolerance=1e-8, max_iterations=100)
    assert not point.converged and point.iterations < 40


def near_the_least_level(scenario, *above_db):
    """Certificates under the least level that was found, in dB, and so much above it."""
    least = float(ofdm.peak_sidelobe_db(scenario, ofdm.minimise_sidelobe(scenario).powers_w))
    return [ofdm.solve_exact(scenario, peak_sidelobe_db=least + above).certificate for above in above_db]


def test_room_above_the_least_level_of_a_region_that_ends_is_used():
    """Up to 1e-4 dB the least level's own shares came back, 57.68 Mbit/s with a gap of 31 %: the matrix of steep multipliers had
    lost all digits, and from shares of 1e-12 the first program led nowhere.
    """
    scenario = ofdm.Scenario.random(np.random.default_rng(1), sidelobe_stop=30.0)
    near, far = near_the_least_level(scenario, 1e-4, 1e-3)
    assert near.value > 68.89e6 and near.gap < 5e-6 and near.residual <= 1e-12
    assert far.status == "optimal" and near.value < far.value


def test_capacity_grows_from_the_least_level_on_and_its_gap_is_small():
    scenario = ofdm.Scenario.random(np.random.default_rng(3), carriers=64, sidelobe_stop=16.0)
    found = near_the_least_level(scenario, 0.0, 1e-6, 1e-5)
    assert np.all(np.diff([certificate.value for certificate in found]) > 0)
    assert found[0].gap < 1e-3 and all(certificate.status == "optimal" for certificate in found[1:])


def test_the_whole_region_far_below_the_noise_is_solved_beside_dolphs_level():
    scenario = ofdm.Scenario.random(np.random.default_rng(39), carriers=64, mean_snr_db=-30.0, sidelobe_start=0.3)
    scenario = scenario.replace(channel_gain=scenario.channel_gain * (np.arange(64) % 2))
    assert near_the_least_level(scenario, 1e-6)[0].status == "optimal"


def test_the_judge_allows_for_the_rounding_that_the_solver_allowed_for():
    """At the least CRB a carrier inside has 1e-13 of the budget, by rounding: the value lay beyond the bound, a SolverFailure."""
    scenario = ofdm.Scenario(
        channel_gain=np.eye(6)[1],
        subcarrier_spacing_hz=1e6,
        noise_psd_w_per_hz=1.1e-10,
        power_budget_w=1.0,
        echo_gain=0.01,
        symbols=64,
        sidelobe_start=0.3,
    )
    limits = dict(max_toa_crb_s2=ofdm.edges_only(scenario).certificate.value, max_main_lobe_width_m=10 * scenario.range_cell_m)
    solved = ofdm.solve_exact(scenario, **limits)
    judged = ofdm.verify(scenario, solved, **limits)
    assert judged.bound >= judged.value >= 0 and judged.residual <= 1e-12
    rounded = np.array([0.5, 8e-14, 1e-14, 1e-14, 2e-14, 0.5])
    value = float(ofdm.capacity_bps(scenario, rounded))
    certificate = dataclasses.replace(solved.certificate, value=value, bound=value)
    solved = dataclasses.replace(solved, powers_w=rounded, capacity_bps=value, certificate=certificate)
    judged = ofdm.verify(scenario, solved, **limits)
    assert judged.bound >= judged.value > 0 and judged.residual <= 1e-12


@pytest.mark.parametrize(("carriers", "start"), [(2, 0.7), (3, 0.9), (4, 0.3), (8, 1.5), (33, 0.7)])
def test_at_the_least_crb_and_the_least_level_the_judge_proves_what_the_solver_does(carriers, start):
    """Fitted multipliers left gaps of 10 to 3000 %; two carriers with a level between them were a column of zeros to the fit."""
    scenario = ofdm.Scenario.random(np.random.default_rng(carriers), carriers=carriers, mean_snr_db=10.0, sidelobe_start=start)
    level = float(ofdm.peak_sidelobe_db(scenario, ofdm.minimise_sidelobe(scenario).powers_w))
    for limits in ({"max_toa_crb_s2": ofdm.edges_only(scenario).certificate.value}, {"peak_sidelobe_db": level}):
        found = ofdm.solve_exact(scenario, **limits)
        judged = ofdm.verify(scenario, found, **limits)
        assert found.certificate.status == judged.status == "optimal"
        assert judged.bound >= found.certificate.value * (1 - 1e-12)


@pytest.mark.parametrize(("carriers", "crb"), [(8, None), (33, 1.5), (64, None)])
def test_the_least_width_is_known_as_well_as_asked(carriers, crb):
    """The least level stops at 5e-8, and with a target inside that gap the bisection stopped as well: at 2e-9 to 3e-8."""
    scenario = scenario_of(0, carriers, 1.5)
    limit = None if crb is None else crb * ofdm.edges_only(scenario).certificate.value
    possible, impossible = ofdm.best_main_lobe_width_m(scenario, max_toa_crb_s2=limit, tolerance=1e-9)
    assert 0 < possible - impossible <= 1e-9 * possible


def test_the_fitted_bound_counts_the_rounding_of_its_phases():
    """Two carriers at the level of their halves: multipliers so steep that rounding put the bound up to 14 % too low."""
    for seed in range(20):
        scenario = ofdm.Scenario.random(np.random.default_rng(seed), carriers=2, mean_snr_db=30.0, sidelobe_start=0.5)
        level = float(ofdm.peak_sidelobe_db(scenario, ofdm.minimise_sidelobe(scenario).powers_w))
        found = ofdm.solve_exact(scenario, peak_sidelobe_db=level)
        assert ofdm.verify(scenario, found, peak_sidelobe_db=level).bound >= found.capacity_bps * (1 - 1e-12)
