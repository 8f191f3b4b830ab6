"""One CRB for everybody, ends of ranges, extreme units, and rows that must not hurt their neighbours."""

import time
from dataclasses import replace

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import wireless_powered as wp
from isaclib.foundations import fisher
from isaclib.wireless_powered.sensing import Lane, Sensing


def full_power(scenario):
    return np.full(len(scenario.gain_bs_user), scenario.max_power_w)


@pytest.mark.parametrize(("users", "targets"), [(1, 1), (1, 4), (7, 1), (10, 10), (30, 5)])
def test_the_crb_does_not_depend_on_the_batch_to_the_last_bit(users, targets):
    batch = wp.Scenario.random_batch(np.random.default_rng(130), 40, users=users, targets=targets)
    powers = np.random.default_rng(131).random((40, users))
    together = Sensing(batch, batch.bs_power_w).crb(powers)
    two = Sensing(batch, batch.bs_power_w).crb(np.stack([powers, powers]))
    for d, scenario in enumerate(batch):
        alone = wp.crb_trace(scenario, powers[d])
        assert np.array_equal(together[d], alone) and np.array_equal(two[1, d], alone)
        weights = wp.sensing_weights(scenario, powers[d])
        pairs = fisher.crb_trace(wp.range_gradients(scenario).swapaxes(0, 1), weights.T)
        assert alone == pytest.approx(pairs, rel=1e-10)
        proven = Sensing(Lane(scenario), np.array([scenario.bs_power_w])).least_worst(powers[d][None])[0]
        assert alone.max() * (1 - 1e-9) < proven < alone.max()


def test_a_limit_from_any_public_function_is_accepted_by_every_solver():
    for scenario in wp.Scenario.random_batch(np.random.default_rng(132), 15):
        best = float(wp.crb_trace(scenario, full_power(scenario)).max())
        edge, below = scenario.replace(crb_limit_m2=best), scenario.replace(crb_limit_m2=np.nextafter(best, 0))
        for solve in (wp.solve_exact, wp.solve_equal_time, wp.solve_max_power):
            certificate = solve(edge).certificate
            assert certificate.status == "optimal" and certificate.residual <= 1e-12
            with pytest.raises(InfeasibleScenario) as error:
                solve(below)
            assert error.value.best_attainable == best
        assert wp.residual(edge, *wp.feasible_start(edge)) == 0.0
        with pytest.raises(InfeasibleScenario):
            wp.feasible_start(below)
        for solve in (wp.solve_exact_batch, wp.solve_equal_time_batch, wp.solve_max_power_batch):
            rows = solve([edge, below])
            assert rows.status.tolist() == ["optimal", "infeasible"] and np.all(rows.best_attainable == best)
            assert np.isfinite(rows.bound[0]) and np.isnan(rows.bound[1])


def test_rows_of_a_batch_carry_the_single_certificates():
    batch = wp.Scenario.random_batch(np.random.default_rng(133), 5, crb_limit_m2=1.0)
    for many, one in ((wp.solve_exact_batch, wp.solve_exact), (wp.solve_equal_time_batch, wp.solve_equal_time)):
        rows = many(batch)
        for d, scenario in enumerate(batch):
            certificate = one(scenario).certificate
            assert rows.status[d] == certificate.status
            assert rows.bound[d] == pytest.approx(certificate.bound, rel=1e-10) and rows.bound[d] >= rows.min_throughput_bit[d]


@pytest.mark.parametrize("gain", [1e-9, 1e-12, 1e-13])
def test_equal_time_with_a_signal_far_below_the_noise(gain):
    scenario = wp.Scenario.random(np.random.default_rng(134), users=2, targets=1, crb_limit_m2=np.inf, max_power_w=1e9)
    scenario = scenario.replace(gain_bs_user=gain * np.array([1.0, 3.0]))
    allocation = wp.solve_equal_time(scenario)
    k = (scenario.gain_bs_user / scenario.noise_w * wp.harvest_rate_w(scenario)).min()
    ratios = np.geomspace(1e-3, 1e3, 4001) * np.sqrt(2 / k)
    grid = scenario.bandwidth_hz * scenario.time_budget_s * np.log1p(k * ratios) / np.log(2) / (2 + ratios)
    assert grid.max() <= allocation.min_throughput_bit * (1 + 1e-9)
    assert allocation.min_throughput_bit <= grid.max() * (1 + 1e-4)
    assert allocation.charging_time_s / allocation.times_s[0] == pytest.approx(wp.equal_time_ratio(scenario), rel=1e-4)


def test_rates_keep_their_digits_where_the_snr_is_tiny():
    scenario = wp.Scenario.random(np.random.default_rng(0), users=2, noise_dbm=90.0, crb_limit_m2=np.inf)
    certificate = wp.solve_max_power(scenario).certificate
    assert certificate.status == "optimal" and certificate.gap <= 1e-14
    x = wp.snr(scenario, full_power(scenario))
    assert x.max() < 1e-9
    exact = scenario.bandwidth_hz * (x - x**2 / 2) / np.log(2)
    assert wp.throughputs(scenario, np.ones(2), full_power(scenario)) == pytest.approx(exact, rel=1e-14)


def test_sca_ends_at_the_optimum_in_extreme_units_or_does_not_say_converged():
    for rng in np.random.default_rng(135).spawn(12):
        scenario = wp.Scenario.random(
            rng,
            users=3,
            targets=2,
            bs_power_w=10 ** rng.uniform(-6, 5),
            max_power_w=10 ** rng.uniform(-6, 5),
            noise_dbm=10 * rng.uniform(-15, 3),
            crb_limit_m2=np.inf,
        )
        sca = wp.solve_sca(scenario, tolerance=1e-9)
        if sca.certificate.status == "converged":
            assert sca.min_throughput_bit == pytest.approx(wp.solve_exact(scenario).min_throughput_bit, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"noise_w": 1e-200}, "noise_w"),
        ({"bandwidth_hz": 1e200}, "bandwidth_hz"),
        ({"max_power_w": 1e300}, "max_power_w"),
        ({"max_power_w": 1e-300}, "max_power_w"),
        ({"gain_bs_user": [1e-160, 1e-5]}, "gain_bs_user"),
        ({"time_budget_s": 1e300}, "time_budget_s"),
        ({"user_positions_m": [[1e200, 0.0], [1.0, 2.0]]}, "user_positions_m"),
    ],
)
def test_units_that_overflow_are_refused_by_the_field_that_does_it(changes, field):
    scenario = wp.Scenario.random(np.random.default_rng(136), users=2, targets=2)
    with pytest.raises(InvalidScenario) as error:
        scenario.replace(**changes)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("meaning", "exponents", "others"),
    [
        ("a user that sends what it harvests", {"gain_bs_user": 2, "bs_power_w": 1, "noise_w": -1}, {}),
        ("a user at full power", {"max_power_w": 1, "noise_w": -1}, {"bs_power_w": 1e-60}),
        ("the energy that a user harvests", {"time_budget_s": 1}, {}),
        ("the bandwidth times the time budget", {"time_budget_s": 1}, {"bs_power_w": 1e-60}),
        ("base station's echo", {"bandwidth_hz": 2, "gain_transmitter_target": 1, "noise_w": -1}, {"gain_bs_user": [1e-40] * 2}),
        (
            "a user's echo",
            {"bandwidth_hz": 2, "gain_transmitter_target": 1, "noise_w": -1},
            {"gain_bs_user": [1e-40] * 2, "bs_power_w": 1e-60},
        ),
    ],
)
def test_a_product_of_fields_may_have_140_decades(meaning, exponents, others):
    # All fields are 1 but for one that takes the product to 1e139, which is allowed, and to 1e141.
    unit = wp.Scenario(
        bs_position_m=[0, 0],
        user_positions_m=[[1, 0], [0, 1]],
        target_positions_m=[[1, 1]],
        **{"gain_transmitter_target": np.ones((3, 1)), "harvest_efficiency": 1.0, "noise_w": 1, "crb_limit_m2": np.inf},
        **{"gain_bs_user": [1, 1], "bs_power_w": 1, "max_power_w": 1, "time_budget_s": 1, "bandwidth_hz": 1, **others},
    )
    for field, power in exponents.items():

        def at(decades, field=field, power=power):
            return unit.replace(**{field: np.asarray(getattr(unit, field)) * 10 ** (decades / power)})

        assert np.all(np.isfinite(getattr(at(139), field)))
        with pytest.raises(InvalidScenario, match=meaning) as error:
            at(141)
        assert error.value.field == field


def test_weights_of_very_different_size_are_not_taken_for_a_degenerate_geometry():
    scenario = wp.Scenario.random(np.random.default_rng(137), users=2, targets=1, crb_limit_m2=np.inf)
    gains = scenario.gain_transmitter_target * np.array([[1.0], [1e-30], [1e-30]])
    scenario = scenario.replace(gain_transmitter_target=gains)
    best = float(wp.crb_trace(scenario, full_power(scenario)).max())
    assert 1e20 < best < np.inf
    assert wp.solve_exact(scenario.replace(crb_limit_m2=best * 2)).certificate.status == "optimal"


def test_a_clustered_row_does_not_slow_its_batch():
    users = targets = 60
    rows = []
    for scenario in wp.Scenario.random_batch(np.random.default_rng(138), 32, users=users, targets=targets, crb_limit_m2=1e3):
        gains = scenario.gain_transmitter_target.copy()
        gains[0] = 0.0
        rows.append(scenario.replace(gain_transmitter_target=gains))
    cluster = np.array([5.0, 5.0]) + 1e-3 * np.random.default_rng(0).random((users, 2))

    def seconds(scenarios):
        best = np.inf
        for _ in range(3):
            start = time.process_time()
            wp.solve_exact_batch(scenarios)
            best = min(best, time.process_time() - start)
        return best

    apart = seconds(rows)
    assert seconds([rows[0].replace(user_positions_m=cluster, crb_limit_m2=1e12), *rows[1:]]) < 6 * apart  # it was 70 times


def test_starts_stay_within_the_cap():
    scenario = wp.Scenario.random(np.random.default_rng(139))
    for backoffs in ((-1.0,), (1.0,), (0.5, np.nan)):
        with pytest.raises(InvalidScenario, match="backoffs"):
            wp.feasible_start(scenario, backoffs=backoffs)
    assert wp.feasible_start(scenario, backoffs=(0.25,))[0].max() <= scenario.max_power_w


def test_equal_times_where_the_growth_of_the_throughput_is_rounding():
    # k is of the order of 1e-35: around the best rho all of 1e14 to 1e18 have the same throughput to the last digit.
    law = {"users": 1, "targets": 1, "radius_m": 1000.0, "path_loss_exponent": 6.0, "harvest_efficiency": 1e-6}
    law |= {"bs_power_w": 1e-3, "max_power_w": 1e3, "noise_dbm": -70.0, "bandwidth_hz": 1.0, "time_budget_s": 1e-6}
    batch = wp.Scenario.random_batch(np.random.default_rng(4294967295), 24, **law, crb_limit_m2=np.inf)
    found = wp.solve_equal_time_batch(batch)
    assert np.all(found.status == "optimal")
    one_user = wp.solve_exact_batch(batch)  # the same problem
    assert np.allclose(found.min_throughput_bit, one_user.min_throughput_bit, rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_where_idle_users_have_no_weight_there_is_no_bound_and_no_division_by_zero():
    weak = wp.Scenario.random(np.random.default_rng(3), users=2, targets=2, sensing="energy", max_power_w=1e-9)
    scenario = weak.replace(crb_limit_m2=1.5 * wp.best_attainable_crb(weak)[0])
    found = wp.solve_exact(scenario)
    statuses = found.certificate.status, wp.verify(scenario, found).status, wp.solve_exact_batch([scenario]).status[0]
    assert set(statuses) == {"optimal"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("nearest", [0.0, 5e-324, 1e-300])
def test_a_draw_without_a_least_distance_is_that_of_a_small_one(nearest):
    draws = (wp.Scenario.random(np.random.default_rng(1), min_distance_m=least) for least in (nearest, 1e-9))
    assert np.array_equal(*(scenario.gain_transmitter_target for scenario in draws))
    with pytest.raises(InvalidScenario, match="gain_bs_user"):  # users in the BS to rounding
        wp.Scenario.random(np.random.default_rng(1), min_distance_m=nearest, radius_m=1e-300)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sensing", ["power", "energy"])
@pytest.mark.parametrize("huge", [1e155, 1e200, 1e308])
def test_allocations_beyond_all_limits_are_judged(sensing, huge):
    scenario = wp.Scenario.random(np.random.default_rng(3), users=3, targets=2, sensing=sensing)
    best = wp.solve_exact(scenario)
    many, one = np.full(3, huge), np.ones(3)
    for powers, charging, times in ((many, 1.0, one), (one, 1.0, many), (one, huge, one), (many, 1.0, many), (many, huge, many)):
        found = wp.violations(scenario, powers, charging, times)
        assert found["crb_limit_m2"] == 0.0 and max(found.values()) >= huge / 20
        crb = wp.crb_trace(scenario, powers, charging_time_s=charging, times_s=times)
        assert np.all(crb <= wp.crb_trace(scenario, one, charging_time_s=1.0, times_s=one))
        scored = wp.score(scenario, powers, charging, times, optimum=best.certificate)
        assert not scored.feasible and scored.value > 0
        judged = wp.verify(scenario, replace(best, powers_w=powers, charging_time_s=charging, times_s=times))
        assert judged.status == "converged" and judged.residual >= huge / 20
    charged = wp.violations(scenario, one, huge, one * huge)
    assert charged["harvested_energy_j"] == pytest.approx(wp.violations(scenario, one, 1.0, one)["harvested_energy_j"], rel=1e-9)
    assert np.all(wp.throughputs(scenario, [0.0, 1.0, 1.0], [huge, 0.0, 1.0])[:2] == 0)
    logs = np.log2(huge) + np.log2(scenario.gain_bs_user / scenario.noise_w)
    assert wp.throughputs(scenario, one, many) == pytest.approx(scenario.bandwidth_hz * logs, rel=1e-12)


@pytest.mark.filterwarnings("error")
def test_powers_and_shares_at_the_ends_of_the_range_of_doubles():
    scenario = wp.Scenario.random(np.random.default_rng(3), users=3, targets=2)
    crb = wp.crb_trace(scenario, [1e300] * 3)
    assert wp.crb_trace(scenario, [1e308] * 3) == pytest.approx(crb * 1e-8, rel=1e-9)
    for huge in (1e100, 1e155, 1e308):
        assert np.all(wp.crb_constraint(scenario, [huge] * 3) < 0)
    for far in (wp.sensing_weights, wp.fisher_information):
        with pytest.raises(InvalidScenario, match="powers_w"):
            far(scenario, [1e308] * 3)
    for share in (5e-324, 1e-320):
        with pytest.raises(InvalidScenario, match="charging_share"):
            wp.feasible_start(scenario, charging_share=share)
    assert np.all(wp.feasible_start(scenario, charging_share=1e-300)[2] > 0)


@pytest.mark.filterwarnings("error")
def test_sca_at_the_very_limit_is_silent():
    """SLSQP tries powers of which the exponential leaves nothing: the logarithm of their rate was warned of."""
    for seed, parameters in ((17, {}), (2, {"users": 3, "targets": 1, "max_power_w": 1e-3})):
        scenario = wp.Scenario.random(np.random.default_rng(seed), crb_limit_m2=1e-30, **parameters)
        with pytest.raises(InfeasibleScenario) as refused:
            wp.solve_exact(scenario)
        edge = scenario.replace(crb_limit_m2=refused.value.best_attainable)
        assert wp.solve_sca(edge).min_throughput_bit == pytest.approx(wp.solve_exact(edge).min_throughput_bit, rel=1e-7)
