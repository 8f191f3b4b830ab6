"""Optima, bounds and judgements against independent oracles, for ordinary and extreme scenarios."""

import numpy as np
import pytest

from isaclib import InfeasibleScenario
from isaclib import wireless_powered as wp
from tests.wireless_powered import oracles

VALUE = 1e-9  # relative; the search stops at 1e-11 of s
BELOW = 1e-14  # by so much a bound may fall below the optimum in floating point
EXTREME = 8


def extreme(rng):
    """Gains over twelve decades, nanowatt to megawatt, kilohertz to terahertz; the limit at or near the edge."""
    users, targets = int(rng.choice([1, 2, 5])), int(rng.choice([1, 3]))
    scenario = wp.Scenario.random(
        rng,
        users=users,
        targets=targets,
        bs_power_w=10 ** rng.uniform(-9, 6),
        max_power_w=10 ** rng.uniform(-9, 6),
        bandwidth_hz=10 ** rng.uniform(3, 12),
        noise_dbm=10 * rng.uniform(-20, 3),
        harvest_efficiency=10 ** rng.uniform(-4, 0),
        crb_limit_m2=np.inf,
    )
    scenario = scenario.replace(
        gain_bs_user=scenario.gain_bs_user * 10 ** rng.uniform(-12, 0, users),
        gain_transmitter_target=scenario.gain_transmitter_target * 10 ** rng.uniform(-12, 0, (users + 1, targets)),
    )
    full = wp.crb_trace(scenario, np.full(users, scenario.max_power_w)).max()
    return scenario.replace(crb_limit_m2=full * rng.choice([1 + 1e-9, 1 + 1e-6, 1.1, 30.0, np.inf]))


def held(scenario):
    allocation, best = wp.solve_exact(scenario), oracles.optimum(scenario)
    certificate = allocation.certificate
    assert certificate.bound >= float(best) * (1 - BELOW)
    if certificate.status == "optimal":
        assert float(abs(allocation.min_throughput_bit / best - 1)) <= max(VALUE, certificate.gap)
    judged = wp.verify(scenario, allocation)
    assert judged.bound >= float(best) * (1 - BELOW)
    assert judged.status == certificate.status
    return certificate.status


@pytest.mark.parametrize("seed", range(2))
def test_ordinary_scenarios_against_fifty_digits(seed):
    scenario = wp.Scenario.random(np.random.default_rng(100 + seed), users=4, targets=2, crb_limit_m2=(0.2, np.inf)[seed % 2])
    if oracles.optimum(scenario) is None:
        with pytest.raises(InfeasibleScenario):
            wp.solve_exact(scenario)
    else:
        assert held(scenario) == "optimal"


def test_extreme_scenarios_against_fifty_digits():
    statuses = [held(extreme(rng)) for rng in np.random.default_rng(101).spawn(EXTREME)]
    assert statuses.count("optimal") >= EXTREME - 1


def saturated(margin=1 + 1e-9):
    """One user, whose power hardly changes the CRB: a limit next to the one at full power is met from a fiftieth of it on."""
    scenario = wp.Scenario(
        bs_position_m=[0.0, 0.0],
        user_positions_m=[[4.0, 1.0]],
        target_positions_m=[[3.0, 2.0]],
        gain_bs_user=[1e-4],
        gain_transmitter_target=[[1e-3 / 2.15e6], [1e-3]],
        bs_power_w=10.0,
        max_power_w=2.0,
        time_budget_s=10.0,
        bandwidth_hz=1e6,
        noise_w=1e-10,
        harvest_efficiency=0.7,
        crb_limit_m2=np.inf,
    )
    return scenario.replace(crb_limit_m2=float(wp.crb_trace(scenario, [2.0])[0]) * margin)


@pytest.mark.parametrize("margin", [1 + 1e-9, 1 + 1e-8, 1 + 1e-6])
def test_the_bound_holds_where_the_crb_hardly_changes_with_the_powers(margin):
    scenario = saturated(margin)
    assert held(scenario) == "optimal"
    equal = wp.solve_equal_time(scenario).certificate  # one user: the same problem
    assert equal.bound >= float(oracles.optimum(scenario)) * (1 - BELOW)
    batch = wp.solve_exact_batch([scenario, scenario.replace(crb_limit_m2=np.inf)])
    assert batch.bound[0] >= float(oracles.optimum(scenario)) * (1 - BELOW) and batch.status[0] == "optimal"


def test_crb_against_fifty_digits_with_directions_that_nearly_agree():
    rng = np.random.default_rng(102)
    for spread in (1.0, 1e-3, 1e-6):
        scenario = wp.Scenario.random(rng, users=4, targets=3)
        gains = scenario.gain_transmitter_target.copy()
        gains[0] = 0.0
        users = np.array([4.0, 3.0]) + spread * rng.standard_normal((4, 2))
        scenario = scenario.replace(gain_transmitter_target=gains, user_positions_m=users)
        powers = rng.random(4)
        truth = [float(x) for x in oracles.crb(scenario, powers.tolist())]
        found = wp.crb_trace(scenario, powers)
        # Rounded directions cost so much: |dJ| <= 2 e sum w, and the least eigenvalue of J is at least 1 / tr J^{-1}.
        condition = np.sqrt(wp.sensing_weights(scenario, powers).sum(axis=0) * found)
        assert np.all(np.abs(found / truth - 1) <= 3e-15 * condition)


@pytest.mark.parametrize("cap", [1e-3, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_energy_sensing_against_a_cone_program(seed, cap):
    free = wp.Scenario.random(np.random.default_rng(110 + seed), users=4, targets=3, sensing="energy", max_power_w=cap)
    best, _ = wp.best_attainable_crb(free)
    for margin in (1.01, 2.0, np.inf):
        scenario = free.replace(crb_limit_m2=best * margin)
        found, truth = wp.solve_exact(scenario), oracles.energy_optimum(scenario)
        assert truth is not None and found.min_throughput_bit == pytest.approx(truth, rel=1e-5)
        assert found.certificate.status == "optimal" and found.certificate.bound >= truth * (1 - 1e-5)
        assert wp.verify(scenario, found).status == "optimal"
