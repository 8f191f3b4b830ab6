"""Ordinary and extreme networks against an oracle in 60 digits: no raw error, no bound below the optimum, every answer proven."""

import dataclasses
import importlib
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.extremes import network_localization as networks
from isaclib import InfeasibleScenario, SolverFailure
from isaclib import network_localization as nl
from isaclib.network_localization import exact, perron
from isaclib.network_localization.bracket import nearer_rows
from isaclib.network_localization.rows import responses

from .oracle import precise_optimum

GAP, RESIDUAL = 1e-6, 1e-7  # what every exact solution carries
EXACT = 1e-9  # agreement with the oracle where the threshold is not at the edge to rounding
STATIONS = 5  # of the oracle, for the suite's time


def small(make, seed, draws):
    found = (make(child) for child in np.random.default_rng(seed).spawn(20 * draws))
    return [scenario for scenario in found if len(scenario.echo_gain) <= STATIONS][:draws]


@pytest.mark.parametrize(("make", "seed"), [(networks.ordinary, 1), (networks.extreme, 2)])
def test_value_and_bound_against_sixty_digits(make, seed):
    solved = failed = 0
    for scenario in small(make, seed, 40):
        edge = float(nl.max_min_comm_sinr(scenario)[0][0])
        distance = 1 - np.max(scenario.min_comm_sinr) / edge
        best = precise_optimum(scenario)
        try:
            allocation = nl.solve_exact(scenario)
        except InfeasibleScenario:
            assert best is None or abs(distance) <= 1e-12
            continue
        except SolverFailure:
            failed += 1
            continue
        solved += 1
        certificate = allocation.certificate
        assert certificate.status == "optimal" and certificate.gap <= GAP and certificate.residual <= RESIDUAL
        assert nl.verify(scenario, allocation).status == "optimal"
        if best is not None:
            assert certificate.bound >= float(best) * (1 - EXACT)
        if distance > 1e-11:
            assert certificate.value == pytest.approx(float(best), rel=max(EXACT, 1e-18 / distance))
            assert certificate.residual <= 1e-14
    assert solved >= 20
    assert failed == 0


def test_a_sample_of_the_extremes_is_proven_or_refused_by_name():
    found = networks.run(networks.extreme, 60, seed=5)
    assert found["SolverFailure"] <= 1
    assert not [name for name in found if name.startswith("raw")]
    assert found["the judge does not say optimal"] == 0 == found["infeasible, though attainable"]
    assert found["worst gap"] <= GAP and found["worst residual"] <= RESIDUAL
    assert found["worst random powers over bound"] <= 1 + 1e-12


@pytest.mark.parametrize("size", [13, 40, 100])
def test_beyond_twelve_stations_the_iteration_gives_what_eigenvalues_give(size, monkeypatch):
    scenarios = nl.Scenario.random_batch(np.random.default_rng(size), 2, base_stations=size, min_comm_sinr_db=-35.0)
    free = [scenario.replace(min_comm_sinr=0.0) for scenario in scenarios]
    for scenario in [*scenarios, *free][: 4 if size < 100 else 1]:
        allocation = nl.solve_exact(scenario)
        rows = nl.system(scenario)
        if np.max(scenario.min_comm_sinr) == 0:
            radius = [np.max(np.abs(np.linalg.eigvals(rows.F[0] + np.outer(rows.v[0], np.eye(size)[k])))) for k in range(size)]
            assert allocation.worst_sensing_sinr == pytest.approx(1 / max(radius), rel=1e-10)
        sensing = np.isclose(nl.sensing_sinr(scenario, allocation.powers_w), allocation.worst_sensing_sinr, rtol=1e-9)
        assert nl.row_bound(rows, sensing[None])[0] == pytest.approx(allocation.worst_sensing_sinr, rel=1e-9)
        assert allocation.certificate.gap <= 1e-10 and allocation.certificate.residual <= 1e-14
    from isaclib.network_localization import users

    iterated = nl.max_min_comm_sinr(scenarios[0])
    monkeypatch.setattr(users, "BY_EIGENVALUES", 1000)
    by_eigenvalues = nl.max_min_comm_sinr(scenarios[0])
    assert iterated[0] == pytest.approx(by_eigenvalues[0], rel=1e-10) and iterated[1] == by_eigenvalues[1]


def test_what_rounding_took_from_the_users_rows_is_known_lane_by_lane():
    drops = nl.Scenario.random_batch(np.random.default_rng(4), 3, base_stations=4)
    lanes = np.array([2, 0])
    (C, C_low), (u, u_low) = nl.system(drops)[lanes].users_pairs()
    for lane, d in enumerate(lanes):
        scenario = drops[int(d)]
        gains = [
            [Fraction(a) + Fraction(b) for a, b in zip(*rows)] for rows in zip(scenario.cross_link_gain, scenario.ue_echo_gain)
        ]
        for j, own in enumerate(scenario.link_gain):
            asked = Fraction(scenario.min_comm_sinr) / Fraction(own)
            exact = [asked * gain for gain in gains[j]] + [asked * Fraction(scenario.noise_ue_w) / Fraction(scenario.max_power_w)]
            found = zip([*C[lane, j], u[lane, j]], [*C_low[lane, j], u_low[lane, j]])
            for right, (high, low) in zip(exact, found):
                assert abs(Fraction(high) + Fraction(low) - right) <= right * Fraction(1, 10**30)


def test_a_set_that_comes_back_ends_the_search(monkeypatch):
    # Only rounding can bring one back. Here every step switches the first station, so that the sets have a period of two.
    scenario, steps = nl.Scenario.random(np.random.default_rng(7), base_stations=4, min_comm_sinr_db=-20.0), []
    switch = np.array([[True, False, False, False]])

    def improve(rows, sensing, last):
        steps.append(sensing.copy())
        return np.ones(1), np.ones((1, 4)), switch

    monkeypatch.setattr(exact, "_improve", improve)
    solved = nl.solve_exact_batch([scenario])
    assert len(steps) == 10  # the set kept after the eighth step is there again after the tenth
    assert np.array_equal(steps[-1], steps[-3]) and not np.array_equal(steps[-1], steps[-2])
    assert solved.status[0] == "optimal"  # by the bracket, from full power


def test_a_threshold_at_the_edge_of_a_hundred_stations_takes_a_few_steps():
    # Its policy iteration ran in circles, 200 steps with twice the digits each: 12 s.
    child = np.random.default_rng(90210).spawn(1805)[1804]
    solved = nl.solve_exact_batch([networks.extreme(child)])
    assert solved.status[0] == "optimal" and solved.iterations[0] <= 20


def test_decoupled_stations_are_served_by_hand():
    # Echo 1, self-interference 1, nothing between the two, hardly any noise: both at full power reach 1.
    scenario = nl.Scenario(
        echo_gain=[1.0, 1.0],
        bistatic_gain=np.zeros((2, 2)),
        bs_bs_gain=np.zeros((2, 2)),
        self_interference_gain=[1.0, 1.0],
        link_gain=[1.0, 1.0],
        cross_link_gain=np.zeros((2, 2)),
        ue_echo_gain=np.zeros((2, 2)),
        noise_bs_w=1e-16,
        noise_ue_w=1.0,
        max_power_w=1.0,
        bandwidth_hz=1.0,
        min_comm_sinr=0.0,
    )
    solved = nl.solve_exact_batch([scenario])
    assert solved.status[0] == "optimal" and solved.worst_sensing_sinr[0] == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(solved.powers_w[0], [1.0, 1.0], rtol=1e-9)


@pytest.mark.parametrize(("direct", "expected"), [((0.0, 4.0), 0.25), ((4.0, 0.0), 0.25)])
def test_the_cap_of_a_reducible_network_is_the_one_of_its_heaviest_part(direct, expected):
    # F = diag(0, 4), v = 1e-3: the station without interference needs 2.5e-4 of its cap, the other one is full.
    scenario = nl.Scenario(
        echo_gain=[1.0, 1.0],
        bistatic_gain=np.zeros((2, 2)),
        bs_bs_gain=np.zeros((2, 2)),
        self_interference_gain=direct,
        link_gain=[1.0, 1.0],
        cross_link_gain=np.zeros((2, 2)),
        ue_echo_gain=np.zeros((2, 2)),
        noise_bs_w=1e-3,
        noise_ue_w=1.0,
        max_power_w=1.0,
        bandwidth_hz=1.0,
        min_comm_sinr=0.0,
    )
    allocation = nl.solve_exact(scenario)
    reached = 1 / (max(direct) + 1e-3)
    assert allocation.worst_sensing_sinr == pytest.approx(reached, rel=1e-12)
    assert np.argmax(allocation.powers_w) == np.argmax(direct)
    assert min(allocation.powers_w) == pytest.approx(reached * 1e-3, rel=1e-9)


def test_rows_have_a_status_and_a_bound():
    base = nl.Scenario.random(np.random.default_rng(3))
    edge = float(nl.max_min_comm_sinr(base)[0][0])
    rows = [base, base.replace(min_comm_sinr=2 * edge), base.replace(max_power_w=5e-324, min_comm_sinr=0.0)]
    solved = nl.solve_exact_batch(rows)
    assert list(solved.status[:2]) == ["optimal", "infeasible"] and solved.status[2] in ("converged", "iteration_limit")
    assert solved.bound.shape == solved.status.shape == (3,)
    assert solved.bound[0] == nl.solve_exact(base).certificate.bound and np.isnan(solved.bound[1])
    with pytest.raises(SolverFailure):
        nl.solve_exact(rows[2])
    assert {field.name for field in dataclasses.fields(solved)} >= {"feasible", "best_attainable", "gap", "residual"}


@pytest.mark.parametrize(("seed", "number"), [(777001, 47), (777001, 99)])
def test_the_judge_says_optimal_wherever_the_solver_did_with_dozens_of_stations(seed, number):
    """Row 47 was judged 9e-6 below its bound: rounding of the users' rows had made a power of 2e-14 too large by that part."""
    scenario = networks.extreme(np.random.default_rng(seed).spawn(number + 1)[number])
    assert len(scenario.echo_gain) > 12
    allocation = nl.solve_exact(scenario)
    judged = nl.verify(scenario, allocation)
    assert allocation.certificate.status == judged.status == "optimal" and judged.gap <= 1e-9
    rows, q = nl.system(scenario), (allocation.powers_w / scenario.max_power_w)[None]
    needed = np.maximum(allocation.worst_sensing_sinr * rows.sensing_rows(q), rows.comm_rows(q))
    np.testing.assert_allclose(q / needed, 1, rtol=1e-9)  # the least powers: nobody sends more than one of its rows asks for


def test_stations_that_keep_their_sensing_row_answer_nothing():
    """K is the identity in their rows, to the last bit, however large its other entries are."""
    scenario = networks.extreme(np.random.default_rng(777001).spawn(48)[47])
    rows, powers = nl.system(scenario), nl.solve_exact(scenario).powers_w
    sensing = nearer_rows(rows, powers[None] / scenario.max_power_w, 1e-9)
    answered = responses(rows, sensing)
    assert answered.possible[0] and 30 < np.count_nonzero(sensing) < 40
    np.testing.assert_array_equal(answered.K[0][sensing[0]], np.eye(40)[sensing[0]])
    np.testing.assert_array_equal(answered.fixed[sensing], 0)


@pytest.mark.parametrize("size", [5, 14])
def test_the_bound_of_one_cap_is_no_less_than_that_of_all_and_the_least_of_them_is_it(size):
    scenario = nl.Scenario.random(np.random.default_rng(3), base_stations=size, min_comm_sinr_db=-25.0)
    rows = nl.system(scenario)
    sensing = np.arange(size)[None] > 0
    single = [perron.bound(rows, sensing, np.array([cap]))[0] for cap in range(size)]
    assert min(single) == nl.row_bound(rows, sensing)[0] < max(single)


def test_where_the_iteration_does_not_close_the_eigenvalue_of_the_full_cap_does(monkeypatch):
    judge = importlib.import_module("isaclib.network_localization.verify")
    scenario = nl.Scenario.random(np.random.default_rng(3), base_stations=14, min_comm_sinr_db=-25.0)
    best = nl.solve_exact(scenario)
    monkeypatch.setattr(judge, "_by_iteration", lambda rows, q: np.full(len(q), np.inf))
    judged = nl.verify(scenario, best)
    assert judged.status == "optimal" and judged.gap <= 1e-9


@pytest.mark.filterwarnings("error")
def test_sinrs_at_the_ends_of_the_range_of_doubles_are_known_or_refused():
    """A common factor of the echoes is one of the SINRs: 1e-200 was answered with 2.5e-151, 1e300 with an infinite optimum."""
    scenario = nl.Scenario.random(np.random.default_rng(7))
    usual = nl.perron_frobenius_optimum(scenario) / scenario.echo_gain[0]
    for exponent in (-140, 0, 200):
        extreme = scenario.replace(echo_gain=scenario.echo_gain * 10.0**exponent)
        assert nl.perron_frobenius_optimum(extreme) / extreme.echo_gain[0] == pytest.approx(usual, rel=1e-12)
    with pytest.raises(SolverFailure):
        nl.perron_frobenius_optimum(scenario.replace(echo_gain=scenario.echo_gain * 1e-200))
    infinite = scenario.replace(echo_gain=np.full(3, 1e300))
    with pytest.raises(SolverFailure):
        nl.solve_exact(infinite)
    assert nl.solve_exact_batch([scenario, infinite]).status.tolist() == ["optimal", "converged"]
    assert nl.verify(infinite, nl.uniform_power(infinite)).status == "converged"
