"""Caps, thresholds, bandwidths and noise of each station: a number for all, or one per station."""

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import network_localization as nl

from .oracle import lp_optimum
from .test_scenario import two_stations

FIELDS = ("max_power_w", "min_comm_sinr", "bandwidth_hz", "noise_bs_w", "noise_ue_w")
AGREEMENT = 1e-6


def spread(scenario):
    """The same scenario with one number per station."""
    size = len(scenario.echo_gain)
    return scenario.replace(**{name: np.full(size, getattr(scenario, name)) for name in FIELDS})


def unequal(rng, draws, size=3):
    for scenario in nl.Scenario.random_batch(rng, draws, base_stations=size, min_comm_sinr_db=-12.0):
        changes = {name: getattr(scenario, name) * 10 ** rng.uniform(-1, 1, size) for name in FIELDS}
        yield scenario.replace(**changes)


def test_equal_numbers_give_the_number_to_the_bit(rng):
    batch = nl.Scenario.random_batch(rng, 60, min_comm_sinr_db=0.0)
    each = [spread(scenario) for scenario in batch]
    one, other = nl.solve_exact_batch(batch), nl.solve_exact_batch(each)
    for name in one.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    powers = rng.uniform(0, 1.2, (60, 3))
    for function in (nl.sensing_sinr, nl.comm_sinr, nl.range_std_m, nl.position_crb_m2, nl.residual):
        np.testing.assert_array_equal(function(batch, powers), function(type(batch)(each), powers))
    for d in np.flatnonzero(one.feasible)[:3]:
        for method in (nl.solve_exact, nl.solve_dc, nl.uniform_power):
            first, second = method(batch[int(d)]), method(each[int(d)])
            np.testing.assert_array_equal(first.powers_w, second.powers_w)
            assert first.certificate.residual == second.certificate.residual
        np.testing.assert_array_equal(nl.feasible_start(batch[int(d)]), nl.feasible_start(each[int(d)]))
    d = int(np.flatnonzero(~one.feasible)[0])
    errors = []
    for scenario in (batch[d], each[d]):
        with pytest.raises(InfeasibleScenario) as error:
            nl.solve_exact(scenario)
        errors.append((error.value.index, error.value.limit, error.value.best_attainable))
    assert errors[0] == errors[1]


def test_a_number_stays_a_number(scenario):
    assert isinstance(scenario.max_power_w, float)
    assert spread(scenario).max_power_w.shape == (3,)
    with pytest.raises(InvalidScenario, match="noise_bs_w: differs in shape"):
        nl.solve_exact_batch([scenario, spread(scenario)])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_unequal_numbers_against_linear_programs(rng, size):
    verdicts = []
    for scenario in unequal(rng, 25, size):
        reference = lp_optimum(scenario)
        solved = nl.solve_exact_batch([scenario])
        assert solved.feasible[0] == np.isfinite(reference)
        verdicts.append(bool(solved.feasible[0]))
        if not solved.feasible[0]:
            continue
        assert solved.status[0] == "optimal"
        assert solved.worst_sensing_sinr[0] == pytest.approx(reference, rel=AGREEMENT)
        allocation = nl.solve_exact(scenario)
        assert nl.verify(scenario, allocation).status == "optimal"
        assert np.max(allocation.powers_w / scenario.max_power_w) == pytest.approx(1.0, rel=1e-12)
        assert nl.perron_frobenius_optimum(scenario) == pytest.approx(reference, rel=AGREEMENT)
    assert sum(verdicts) >= 10


def test_sinrs_of_a_case_by_hand():
    scenario = two_stations(noise_bs_w=[1.0, 3.0], noise_ue_w=[2.0, 5.0], bandwidth_hz=[299_792_458.0, 2 * 299_792_458.0])
    p = [2.0, 4.0]
    np.testing.assert_allclose(nl.sensing_sinr(scenario, p), [8 / 11, 8 / (2 + 2 + 3)])
    np.testing.assert_allclose(nl.comm_sinr(scenario, p), [16 / 8, 24 / (2 * 2.125 + 4 + 5)])
    std = [1 / (2 * np.sqrt(2 * 8 / 11)), 1 / (4 * np.sqrt(2 * 8 / 7))]
    np.testing.assert_allclose(nl.range_std_m(scenario, p), std)


def test_violations_are_relative_to_each_station_by_hand():
    scenario = two_stations(max_power_w=[1.0, 4.0], min_comm_sinr=[4.0, 24 / 10.25])
    # User 0 has 2 of 4, user 1 exactly what it asks for; BS 0 is at twice its cap, BS 1 at its own.
    found = nl.violations(scenario, [2.0, 4.0])
    assert found == {"max_power_w": 1.0, "min_comm_sinr": pytest.approx(0.5), "powers_w": 0.0}
    relaxed = scenario.replace(max_power_w=[4.0, 4.0], min_comm_sinr=[0.0, 24 / 10.25])
    assert nl.residual(relaxed, [2.0, 4.0]) == pytest.approx(0.0, abs=1e-15)


def test_the_edge_keeps_the_thresholds_in_proportion(rng):
    for scenario in unequal(rng, 10):
        best, index = nl.max_min_comm_sinr(scenario)
        threshold = scenario.min_comm_sinr
        inside, outside = (scenario.replace(min_comm_sinr=threshold * best[0] / max(threshold) * f) for f in (1 - 1e-7, 1 + 1e-7))
        assert nl.solve_exact(inside).certificate.status == "optimal"
        with pytest.raises(InfeasibleScenario) as error:
            nl.solve_exact(outside)
        assert error.value.index == index[0]
        assert error.value.limit == outside.min_comm_sinr[index[0]]
        assert error.value.best_attainable == pytest.approx(error.value.limit / (1 + 1e-7), rel=1e-9)


def test_a_user_without_a_threshold_asks_for_nothing(rng):
    for scenario in unequal(rng, 10):
        some = scenario.replace(min_comm_sinr=scenario.min_comm_sinr * np.array([0.0, 1.0, 1.0]))
        reference = lp_optimum(some)
        if np.isfinite(reference):
            assert nl.solve_exact(some).worst_sensing_sinr == pytest.approx(reference, rel=AGREEMENT)
            start = nl.feasible_start(some)
            assert np.all(start > 0) and nl.residual(some, start) <= 1e-7


def test_each_at_its_own_cap_is_full_power(rng):
    scenario = next(unequal(rng, 1))
    np.testing.assert_array_equal(nl.uniform_power(scenario).powers_w, scenario.max_power_w)
    with pytest.raises(InvalidScenario, match="power_w: must be at most"):
        nl.uniform_power(scenario, power_w=float(np.max(scenario.max_power_w)))
    for dc in (nl.solve_dc(row) for row in unequal(rng, 3) if np.isfinite(lp_optimum(row))):
        assert dc.certificate.residual <= 1e-7


def test_the_worst_range_with_unequal_bandwidths_is_a_scaled_echo(rng):
    # (P1) asks for the least B_i^2 gamma_i: the echoes times (B_i / B)^2, as the scenario's docstring says.
    for scenario in unequal(rng, 10):
        scaled = scenario.replace(echo_gain=scenario.echo_gain * (scenario.bandwidth_hz / 1e8) ** 2)
        if not nl.solve_exact_batch([scaled]).feasible[0]:
            continue
        worst = np.max(nl.range_std_m(scenario, nl.solve_exact(scaled).powers_w))
        assert worst <= np.max(nl.solve_exact(scenario).range_std_m) * (1 + 1e-12)
        tried = rng.uniform(0, 1, (2000, 3)) ** 2 * scenario.max_power_w
        tried = tried[nl.residual(scenario, tried) == 0]
        if len(tried):
            assert np.min(np.max(nl.range_std_m(scenario, tried), axis=1)) >= worst * (1 - 1e-12)
