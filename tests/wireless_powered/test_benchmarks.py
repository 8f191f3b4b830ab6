"""The comparison schemes: closed forms, grids, order."""

import numpy as np
import pytest
from scipy.optimize import linprog

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import wireless_powered as wp

ROUNDING = 1e-9  # the search in ln rho stops at 1e-11


def test_equal_time_meets_lamberts_closed_form():
    for scenario in wp.Scenario.random_batch(np.random.default_rng(40), 10, crb_limit_m2=np.inf):
        allocation = wp.solve_equal_time(scenario)
        ratio = wp.equal_time_ratio(scenario)
        weakest = np.argmin(scenario.gain_bs_user)
        assert ratio < scenario.max_power_w / wp.harvest_rate_w(scenario)[weakest]  # the closed form ignores the cap
        assert np.ptp(allocation.times_s) == 0
        x = wp.snr(scenario, wp.harvest_rate_w(scenario) * ratio)[weakest]
        closed = scenario.bandwidth_hz * scenario.time_budget_s * np.log2(1 + x) / (10 + ratio)
        assert allocation.min_throughput_bit == pytest.approx(closed, rel=ROUNDING)


@pytest.mark.parametrize("limit", [0.1, np.inf])
def test_equal_time_beats_a_grid_with_different_efficiencies(limit):
    rng = np.random.default_rng(41)
    scenario = wp.Scenario.random(rng, crb_limit_m2=limit).replace(harvest_efficiency=0.1 + 0.8 * rng.random(10))
    allocation = wp.solve_equal_time(scenario)
    best = 0.0
    for ratio in np.geomspace(1e-2, 1e6, 3000):
        powers = np.minimum(scenario.max_power_w, wp.harvest_rate_w(scenario) * ratio)
        if wp.crb_trace(scenario, powers).max() <= limit:
            times = np.full(10, scenario.time_budget_s / (10 + ratio))
            best = max(best, wp.throughputs(scenario, times, powers).min())
    assert best <= allocation.min_throughput_bit * (1 + ROUNDING)
    assert best >= 0.97 * allocation.min_throughput_bit  # neighbours of the grid are 0.6 % apart in the ratio
    if limit == np.inf:  # the user with the least k decides, whatever the efficiencies
        ratio = wp.equal_time_ratio(scenario)
        assert allocation.charging_time_s / allocation.times_s[0] == pytest.approx(ratio, rel=1e-5)  # a flat maximum


def test_max_power_is_the_optimum_of_its_linear_program():
    scenario = wp.Scenario.random(np.random.default_rng(42), users=5)
    allocation = wp.solve_max_power(scenario)
    bits = wp.throughputs(scenario, np.ones(5), np.full(5, scenario.max_power_w)) / scenario.bandwidth_hz
    # Variables R/W, t_0, t: maximise R with t_m r_m >= R/W, t_m P <= c_m t_0, total time <= T.
    rate = np.hstack([np.ones((5, 1)), np.zeros((5, 1)), -np.diag(bits)])
    energy = np.hstack([np.zeros((5, 1)), -wp.harvest_rate_w(scenario)[:, None], scenario.max_power_w * np.eye(5)])
    frame = np.concatenate([[0.0, 1.0], np.ones(5)])
    limits = np.concatenate([np.zeros(10), [scenario.time_budget_s]])
    solved = linprog(-np.eye(7)[0], np.vstack([rate, energy, frame]), limits, method="highs")
    assert allocation.min_throughput_bit == pytest.approx(-solved.fun * scenario.bandwidth_hz, rel=1e-7)


def test_no_scheme_beats_the_exact_optimum():
    batch = wp.Scenario.random_batch(np.random.default_rng(43), 60)
    exact, equal, full = wp.solve_exact_batch(batch), wp.solve_equal_time_batch(batch), wp.solve_max_power_batch(batch)
    assert np.array_equal(exact.feasible, equal.feasible) and np.array_equal(exact.feasible, full.feasible)
    ok = exact.feasible
    assert np.all(exact.min_throughput_bit[ok] >= equal.min_throughput_bit[ok] * (1 - ROUNDING))
    assert np.all(exact.min_throughput_bit[ok] > full.min_throughput_bit[ok])
    assert np.nanmax([equal.gap, full.gap]) <= 1e-6 and np.nanmax([equal.residual, full.residual]) <= 1e-7


def test_one_user_makes_equal_time_the_proposed_scheme():
    scenario = wp.Scenario.random(np.random.default_rng(44), users=1, targets=2, crb_limit_m2=0.5)
    exact = wp.solve_exact(scenario.replace(crb_limit_m2=np.inf))
    equal = wp.solve_equal_time(scenario.replace(crb_limit_m2=np.inf))
    assert equal.min_throughput_bit == pytest.approx(exact.min_throughput_bit, rel=ROUNDING)


def test_infeasible_and_energy_scenarios_are_refused():
    scenario = wp.Scenario.random(np.random.default_rng(45))
    for solve in (wp.solve_equal_time, wp.solve_max_power):
        with pytest.raises(InfeasibleScenario):
            solve(scenario.replace(crb_limit_m2=1e-6))
        with pytest.raises(InvalidScenario, match="sensing"):
            solve(scenario.replace(sensing="energy"))
