"""The exact optimum: certificates, brute force, derivative of G, batch, invariances, infeasibility."""

from dataclasses import replace

import numpy as np
import pytest

from isaclib import InfeasibleScenario
from isaclib import wireless_powered as wp
from isaclib.foundations.scenario import Batch
from isaclib.wireless_powered.curve import Curve, load_curvature, log_snr_of_load

GAP, RESIDUAL = 1e-6, 1e-7  # what the project promises of every certificate
ROUNDING = 1e-10  # relative; the search stops at 1e-11
LIMITS_M2 = (0.02, 0.05, 0.3, np.inf)


def draws(seed, count, **parameters):
    return wp.Scenario.random_batch(np.random.default_rng(seed), count, **parameters)


def test_certificates_on_two_hundred_scenarios():
    checked = 0
    for limit in LIMITS_M2:
        result = wp.solve_exact_batch(draws(10, 50, crb_limit_m2=limit))
        assert np.all(result.gap[result.feasible] <= GAP)
        assert np.all(result.residual[result.feasible] <= RESIDUAL)
        assert np.all(np.isnan(result.min_throughput_bit[~result.feasible]))
        checked += len(result)
    assert checked == 200


def test_each_single_solution_carries_its_certificate():
    for scenario in draws(11, 20):
        try:
            allocation = wp.solve_exact(scenario)
        except InfeasibleScenario as error:
            assert error.best_attainable > scenario.crb_limit_m2
            continue
        certificate = allocation.certificate
        assert certificate.status == "optimal" and certificate.gap <= GAP and certificate.residual <= RESIDUAL
        assert certificate.bound >= certificate.value * (1 - ROUNDING)
        assert allocation.history == ()
        own = wp.throughputs(scenario, allocation.times_s, allocation.powers_w)
        assert own == pytest.approx(np.full(10, allocation.min_throughput_bit), rel=ROUNDING)  # all users are equal


def edge_of_the_attainable(seed, margin):
    """A scenario of odd sizes: SNRs over many decades, and a CRB limit just above what full power attains."""
    rng = np.random.default_rng(seed)
    scenario = wp.Scenario.random(
        rng,
        users=int(rng.choice([1, 3, 10])),
        targets=int(rng.choice([1, 5])),
        max_power_w=10 ** rng.uniform(-9, 3),
        bs_power_w=10 ** rng.uniform(-6, 6),
        noise_dbm=rng.uniform(-150, 50),
        harvest_efficiency=10 ** rng.uniform(-4, 0),
        crb_limit_m2=np.inf,
    )
    full = wp.crb_trace(scenario, np.full(len(scenario.gain_bs_user), scenario.max_power_w)).max()
    return scenario.replace(crb_limit_m2=full * margin)


def test_no_bound_lies_below_its_value_however_odd_the_scenario():
    for seed in range(100):
        scenario = edge_of_the_attainable(seed, margin=(1 + 1e-12, 1 + 1e-6, 1.1, 1000.0)[seed % 4])
        certificate = wp.solve_exact(scenario).certificate
        assert certificate.status == "optimal" and certificate.bound >= certificate.value


def test_the_judge_follows_the_optimum_to_snrs_of_rounding_size():
    accepted = 0
    for seed in range(100):
        scenario = edge_of_the_attainable(seed, margin=(1.1, 1000.0)[seed % 2])
        judged = wp.verify(scenario, wp.solve_exact(scenario))
        assert judged.status == "optimal" and judged.bound >= judged.value * (1 - ROUNDING)
        accepted += scenario.gain_bs_user.min() * scenario.max_power_w / scenario.noise_w < 1e-6
    assert accepted > 10


@pytest.mark.parametrize("limit", [0.05, 0.5, np.inf])
def test_brute_force_over_charging_share_and_powers_finds_nothing_better(limit):
    rng = np.random.default_rng(12)
    best_ratio = []
    for scenario in draws(13, 4, users=2, targets=2, crb_limit_m2=limit):
        try:
            exact = wp.solve_exact(scenario)
        except InfeasibleScenario:
            continue
        # For given powers the best times are known by hand, so a grid over the two powers covers (P1).
        axis = np.unique(np.concatenate([np.geomspace(1e-6, 1, 250), [1.0]])) * scenario.max_power_w
        near = exact.powers_w * np.exp(0.02 * rng.standard_normal((4000, 2)))
        grid = np.vstack([np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2), np.minimum(near, scenario.max_power_w)])
        rate = np.log2(1 + grid * scenario.gain_bs_user / scenario.noise_w)
        charging = np.max(grid / rate / wp.harvest_rate_w(scenario), axis=1)
        value = scenario.bandwidth_hz * scenario.time_budget_s / (np.sum(1 / rate, axis=1) + charging)
        # F_n <= 0 of eq. (19) for the whole grid at once.
        f = wp.crb_polynomial(scenario)
        pairs = 0.5 * np.einsum("gi,ijn,gj->gn", grid, f.beta, grid) + scenario.bs_power_w * grid @ f.phi
        allowed = np.all(grid @ f.alpha + f.mu <= limit * pairs, axis=1)
        best = value[allowed].max()
        assert best <= exact.min_throughput_bit * (1 + ROUNDING)
        best_ratio.append(best / exact.min_throughput_bit)
    assert len(best_ratio) >= 2 and min(best_ratio) > 0.9  # and the grid comes close, so it did search the right place


def test_slope_of_g_is_its_derivative_and_g_is_convex():
    curve = Curve(draws(14, 6))
    high = curve.z_all_capped()
    z = curve.z_low + np.linspace(0.02, 0.98, 400)[:, None] * (high - curve.z_low)
    points = [curve.at(row) for row in z]
    s, total, slope = (np.array([getattr(point, name) for point in points]) for name in ("s", "total", "slope"))
    assert np.all(np.diff(slope, axis=0) >= -1e-9 * np.abs(slope[:-1]))
    chord = np.diff(total, axis=0) / np.diff(s, axis=0)
    tiny = 1e-8 * (1 + np.abs(slope[:-1]))
    assert np.all((slope[:-1] <= chord + tiny) & (chord <= slope[1:] + tiny))  # the mean slope lies between the end slopes
    step = 1e-5
    ahead, behind = curve.at(z[100] + step), curve.at(z[100] - step)
    assert slope[100] == pytest.approx((ahead.total - behind.total) / (ahead.s - behind.s), rel=1e-5)


def test_load_equation_is_solved_over_forty_decades():
    w = np.geomspace(1e-12, 40, 500)
    L = log_snr_of_load(w)
    y_minus_1 = np.expm1(w)
    # (e^L - 1)/L - 1 without cancellation: the Taylor series where L is small.
    small = L / 2 * (1 + L / 3 * (1 + L / 4 * (1 + L / 5 * (1 + L / 6))))
    found = np.where(L < 1e-2, small, np.expm1(L) / L - 1)
    assert found == pytest.approx(y_minus_1, rel=1e-11)
    x = np.expm1(L)
    direct = (1 + x) * L - x
    assert load_curvature(L)[L > 0.5] == pytest.approx(direct[L > 0.5], rel=1e-12)
    assert load_curvature(L)[L < 1e-3] == pytest.approx(L[L < 1e-3] ** 2 / 2, rel=1e-3)


def test_batch_equals_single_and_does_not_depend_on_its_neighbours():
    batch = draws(15, 12)
    together = wp.solve_exact_batch(batch)
    backwards = wp.solve_exact_batch(Batch(list(batch)[::-1]))
    for d, scenario in enumerate(batch):
        if not together.feasible[d]:
            with pytest.raises(InfeasibleScenario):
                wp.solve_exact(scenario)
            continue
        alone = wp.solve_exact(scenario)
        assert alone.min_throughput_bit == pytest.approx(together.min_throughput_bit[d], rel=ROUNDING)
        assert alone.powers_w == pytest.approx(together.powers_w[d], rel=1e-8)
        assert backwards.min_throughput_bit[-1 - d] == pytest.approx(together.min_throughput_bit[d], rel=ROUNDING)


def test_permutation_of_users_permutes_the_solution():
    scenario = wp.Scenario.random(np.random.default_rng(16))
    order = np.random.default_rng(0).permutation(10)
    rows = np.concatenate([[0], 1 + order])
    permuted = scenario.replace(
        user_positions_m=scenario.user_positions_m[order],
        gain_bs_user=scenario.gain_bs_user[order],
        gain_transmitter_target=scenario.gain_transmitter_target[rows],
    )
    a, b = wp.solve_exact(scenario), wp.solve_exact(permuted)
    assert b.min_throughput_bit == pytest.approx(a.min_throughput_bit, rel=ROUNDING)
    assert b.powers_w == pytest.approx(a.powers_w[order], rel=1e-8)


def test_units_scale_out():
    s = wp.Scenario.random(np.random.default_rng(17))
    base = wp.solve_exact(s)
    # Milliwatt instead of watt: all powers and the noise by 1000.
    milli = wp.solve_exact(s.replace(bs_power_w=1e3 * s.bs_power_w, max_power_w=1e3 * s.max_power_w, noise_w=1e3 * s.noise_w))
    assert milli.powers_w == pytest.approx(1e3 * base.powers_w, rel=1e-8)
    assert milli.min_throughput_bit == pytest.approx(base.min_throughput_bit, rel=ROUNDING)
    longer = wp.solve_exact(s.replace(time_budget_s=3 * s.time_budget_s))
    assert longer.min_throughput_bit == pytest.approx(3 * base.min_throughput_bit, rel=ROUNDING)


def test_monotone_in_limit_and_in_charging_power():
    s = wp.Scenario.random(np.random.default_rng(18))
    limits = [wp.solve_exact(s.replace(crb_limit_m2=limit)).min_throughput_bit for limit in (0.04, 0.06, 0.2, 1.0, np.inf)]
    assert np.all(np.diff(limits) >= -ROUNDING * np.array(limits[1:]))
    powers = [wp.solve_exact(s.replace(bs_power_w=power)).min_throughput_bit for power in (8.0, 10.0, 15.0, 30.0)]
    assert np.all(np.diff(powers) > 0)


def test_small_and_extreme_scenarios():
    for users, targets in ((1, 1), (1, 3), (3, 1), (40, 30)):
        s = wp.Scenario.random(np.random.default_rng(19), users=users, targets=targets, crb_limit_m2=np.inf)
        assert wp.solve_exact(s).certificate.gap <= GAP
    weak = wp.Scenario.random(np.random.default_rng(20), crb_limit_m2=np.inf)
    for weakest in (1e-6, 1e-3):
        far = weak.replace(gain_bs_user=weak.gain_bs_user * np.geomspace(weakest, 1, 10))
        a = wp.solve_exact(far)
        assert a.certificate.gap <= GAP and a.certificate.residual <= RESIDUAL
    assert wp.verify(far, a).status == "optimal"  # at 1e-6 Lambert's form, not the solver, is out of digits


def test_the_limit_at_exactly_full_power_is_feasible_and_just_below_is_not():
    s = wp.Scenario.random(np.random.default_rng(21))
    best = float(wp.crb_trace(s, np.full(10, s.max_power_w)).max())
    at_edge = wp.solve_exact(s.replace(crb_limit_m2=best * (1 + 1e-9)))
    assert at_edge.powers_w == pytest.approx(np.full(10, s.max_power_w), rel=1e-3)
    with pytest.raises(InfeasibleScenario) as error:
        wp.solve_exact(s.replace(crb_limit_m2=best * (1 - 1e-9)))
    assert error.value.constraint == "crb_limit_m2"
    assert error.value.index == int(np.argmax(wp.crb_trace(s, np.full(10, s.max_power_w))))
    assert error.value.best_attainable == pytest.approx(best, rel=1e-9)
    assert error.value.limit == best * (1 - 1e-9)


def test_degenerate_geometry_is_named_and_needs_no_limit_to_be_harmless():
    s = wp.Scenario.random(np.random.default_rng(22), users=2, targets=2)
    angle = 0.3
    line = np.array([np.cos(angle), np.sin(angle)])
    on_line = s.replace(user_positions_m=np.outer([4.0, -6.0], line), target_positions_m=np.array([[1.0, 5.0], 7.0 * line]))
    with pytest.raises(InfeasibleScenario, match="line") as error:
        wp.solve_exact(on_line.replace(crb_limit_m2=1e6))
    assert np.isinf(error.value.best_attainable) and error.value.index == 1
    batch = wp.solve_exact_batch([on_line, s])
    assert not batch.feasible[0] and np.isinf(batch.best_attainable[0]) and np.isnan(batch.powers_w[0]).all()
    assert wp.solve_exact(on_line.replace(crb_limit_m2=np.inf)).certificate.status == "optimal"
    # A target in line with the BS is harmless as soon as one user stands off that line.
    helped = on_line.replace(user_positions_m=np.array([4.0 * line, [2.0, -3.0]]), crb_limit_m2=1e3)
    assert wp.solve_exact(helped).certificate.status == "optimal"


def test_without_the_bs_signal_the_pair_sum_is_used():
    for scenario in draws(23, 5, crb_limit_m2=0.2):
        gains = scenario.gain_transmitter_target.copy()
        gains[0] = 0.0
        deaf = scenario.replace(gain_transmitter_target=gains)
        allocation = wp.solve_exact(deaf)
        assert wp.verify(deaf, allocation).status == "optimal"
        assert allocation.min_throughput_bit <= wp.solve_exact(scenario).min_throughput_bit * (1 + ROUNDING)


@pytest.mark.parametrize("limit", [0.05, 0.5, np.inf])
def test_verify_accepts_optima_and_rejects_perturbed_ones(limit):
    accepted = 0
    for scenario in draws(24, 5, crb_limit_m2=limit):
        try:
            a = wp.solve_exact(scenario)
        except InfeasibleScenario:
            continue
        judged = wp.verify(scenario, a)
        assert judged.status == "optimal" and judged.bound == pytest.approx(a.certificate.bound, rel=1e-9)
        accepted += 1
        wrong = [
            replace(a, powers_w=a.powers_w * 1.001),  # breaks energy causality
            replace(a, powers_w=a.powers_w * 0.999),  # wastes energy, and misses a binding CRB limit
            replace(a, times_s=a.times_s * 1.001),  # overspends the frame
            replace(a, charging_time_s=a.charging_time_s * 0.999),
            replace(a, times_s=a.times_s * 0.999, charging_time_s=a.charging_time_s * 0.999),  # feasible, but not optimal
            replace(a, min_throughput_bit=a.min_throughput_bit * 1.00001),  # reports what it does not have
            replace(a, powers_w=-a.powers_w),
            replace(a, powers_w=np.full_like(a.powers_w, np.nan)),
        ]
        for perturbed in wrong:
            assert wp.verify(scenario, perturbed).status != "optimal"
    assert accepted >= 4
