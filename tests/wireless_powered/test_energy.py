"""Energy-weighted Fisher information: search against barrier method, bounds, feasibility."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from isaclib import InfeasibleScenario
from isaclib import wireless_powered as wp
from isaclib.wireless_powered.sensing import Lane, Sensing
from tests.wireless_powered import oracles

AGREEMENT = 1e-6  # relative, search against barrier: the conic solver is asked for 1e-11 and may stop earlier
CONIC_GAP, CONIC_RESIDUAL = 1e-5, 1e-6


def draws(seed, count, **parameters):
    return wp.Scenario.random_batch(np.random.default_rng(seed), count, sensing="energy", **parameters)


@pytest.mark.parametrize("limit", [6e-5, np.inf])
def test_search_and_barrier_agree(limit):
    methods = []
    for scenario in draws(50, 10, crb_limit_m2=limit):
        try:
            found = wp.solve_exact(scenario)
        except InfeasibleScenario:
            continue
        barrier = wp.solve_energy(scenario, method="barrier")
        methods.append(found.certificate.method)
        for allocation in (found, barrier):
            assert allocation.certificate.gap <= CONIC_GAP and allocation.certificate.residual <= CONIC_RESIDUAL
            assert allocation.certificate.bound >= allocation.min_throughput_bit * (1 - AGREEMENT)
        assert barrier.min_throughput_bit == pytest.approx(found.min_throughput_bit, rel=AGREEMENT)
    assert methods.count("convex scalar search") >= 5


def test_binding_caps_go_to_the_barrier_and_cost_throughput():
    capped = 0
    for scenario in draws(51, 8, crb_limit_m2=6e-5, max_power_w=0.05):
        try:
            allocation = wp.solve_exact(scenario)
        except InfeasibleScenario:
            continue
        if allocation.certificate.method == "barrier method":
            capped += 1
            loose = wp.solve_exact(scenario.replace(max_power_w=1e3))
            assert allocation.powers_w.max() <= 0.05 * (1 + CONIC_RESIDUAL)
            assert allocation.certificate.gap <= CONIC_GAP
            assert allocation.min_throughput_bit <= loose.min_throughput_bit * (1 + AGREEMENT)
    assert capped >= 2


def test_batch_equals_single():
    batch = draws(52, 8, crb_limit_m2=6e-5)
    together = wp.solve_exact_batch(batch)
    for d, scenario in enumerate(batch):
        if together.feasible[d]:
            alone = wp.solve_exact(scenario)
            assert alone.min_throughput_bit == pytest.approx(together.min_throughput_bit[d], rel=1e-9)
        else:
            with pytest.raises(InfeasibleScenario) as error:
                wp.solve_exact(scenario)
            assert error.value.best_attainable == pytest.approx(together.best_attainable[d], rel=1e-6)
            assert error.value.index == together.worst_target[d]


def test_best_attainable_crb_is_the_edge_of_feasibility():
    for scenario in draws(53, 3):
        best, worst = wp.best_attainable_crb(scenario)
        inside = wp.solve_exact(scenario.replace(crb_limit_m2=best * (1 + 1e-3)))
        assert inside.certificate.residual <= CONIC_RESIDUAL
        with pytest.raises(InfeasibleScenario) as error:
            wp.solve_exact(scenario.replace(crb_limit_m2=best * (1 - 1e-3)))
        assert error.value.index == worst and error.value.best_attainable == pytest.approx(best, rel=1e-6)


def test_degenerate_geometry_is_named():
    scenario = draws(54, 1, users=1, targets=1)[0]
    on_line = scenario.replace(user_positions_m=[[4.0, 3.0]], target_positions_m=[[8.0, 6.0]])
    with pytest.raises(InfeasibleScenario, match="line") as error:
        wp.solve_exact(on_line)
    assert np.isinf(error.value.best_attainable) and error.value.index == 0


def test_verify_accepts_optima_and_rejects_perturbed_ones():
    methods = set()
    for scenario in (draws(51, 8, crb_limit_m2=6e-5, max_power_w=0.05)[i] for i in range(4)):
        try:
            a = wp.solve_exact(scenario)
        except InfeasibleScenario:
            continue
        methods.add(a.certificate.method)
        judged = wp.verify(scenario, a)
        assert judged.status == "optimal"
        assert judged.bound >= a.min_throughput_bit * (1 - CONIC_RESIDUAL)
        for wrong in (
            replace(a, powers_w=a.powers_w * 1.001),
            replace(a, powers_w=a.powers_w * 0.99),
            replace(a, times_s=a.times_s * 0.99, charging_time_s=a.charging_time_s * 0.99),
            replace(a, min_throughput_bit=a.min_throughput_bit * 1.0001),
        ):
            assert wp.verify(scenario, wrong).status != "optimal"
    assert methods == {"barrier method", "convex scalar search"}


@pytest.mark.parametrize(("seed", "margin"), [(seed, margin) for seed in (3, 4, 5, 6) for margin in (1e-6, 1e-9)])
def test_near_the_edge_the_bound_keeps_the_digits_that_its_terms_lose(seed, margin):
    """Its terms are 1 / margin times the throughput: in double precision nothing is left of a relative 1e-6 at 1e-9."""
    scenario = near_the_edge(seed, margin)
    found = wp.solve_exact(scenario)
    assert found.certificate.residual <= 1e-13
    assert found.certificate.status == wp.verify(scenario, found).status == "optimal"


@pytest.mark.parametrize("margin", [1.0, 1e-3, 1e-6, 1e-9, 1e-12])
def test_at_every_distance_from_the_edge_value_and_bound_enclose_the_optimum_in_fifty_digits(margin):
    """The throughput grows with the margin: 4e-17 of the CRB, the error of pi as a double, are 4e-5 of it at 1e-12."""
    scenario = near_the_edge(4, margin, users=3, targets=2)
    truth = float(oracles.energy_optimum_in_digits(scenario))
    found = wp.solve_exact(scenario)
    judged = wp.verify(scenario, found)
    assert found.min_throughput_bit == pytest.approx(truth, rel=1e-8 + 1e-16 / margin)
    for bound in (found.certificate.bound, judged.bound):
        assert truth <= bound <= truth * (1 + 1e-10 + 5e-17 / margin)
    assert found.certificate.status == judged.status == ("optimal" if margin > 1e-11 else "converged")


@pytest.mark.parametrize(("users", "targets"), [(1, 1), (2, 2)])
@pytest.mark.parametrize("cap", [1e-4, 3e-2])
def test_binding_caps_against_fifty_digits(users, targets, cap):
    changes = {"users": users, "targets": targets, "max_power_w": cap, "crb_limit_m2": np.inf}
    scenario = wp.Scenario.random(np.random.default_rng(57), sensing="energy", **changes)
    scenario = scenario.replace(crb_limit_m2=wp.best_attainable_crb(scenario)[0] * 1.2)
    truth = float(oracles.energy_optimum_in_digits(scenario))
    found = wp.solve_energy(scenario, method="barrier")
    assert found.min_throughput_bit == pytest.approx(truth, rel=1e-9)
    for bound in (found.certificate.bound, wp.verify(scenario, found).bound):
        assert truth <= bound <= truth * (1 + 1e-9)
    tighter = scenario.replace(crb_limit_m2=scenario.crb_limit_m2 / 1.2 * (1 - 1e-6))
    assert oracles.energy_optimum_in_digits(tighter) is None


@pytest.mark.parametrize("weak", [1e-6, 1e-12, 1e-18])
def test_a_user_of_next_to_no_snr_costs_the_bound_no_digits(weak):
    """At an SNR of 2e-14 what a second is worth to a user is 1e-14 of the terms that it is the difference of."""
    scenario = near_the_edge(4, np.inf, users=3, targets=2)
    scenario = scenario.replace(gain_bs_user=scenario.gain_bs_user * [1, weak, 1], noise_w=1e-9)
    scenario = scenario.replace(crb_limit_m2=wp.best_attainable_crb(scenario)[0] * (1 + 1e-3))
    truth = float(oracles.energy_optimum_in_digits(scenario))
    found = wp.solve_exact(scenario)
    assert found.certificate.status == "optimal" and found.certificate.method == "barrier method"
    assert truth * (1 - 1e-9) <= found.min_throughput_bit <= truth
    for bound in (found.certificate.bound, wp.verify(scenario, found).bound):
        assert truth <= bound <= truth * (1 + 1e-10)


def test_the_digits_of_pi_count_where_the_crb_hardly_changes_with_the_powers():
    wide = Sensing(Lane(near_the_edge(4, 1e-9)), np.array([1.0]), np.longdouble)
    powers = np.full((1, 6), 1e-2)
    scenario = near_the_edge(4, 1e-9).replace(sensing="power", bs_power_w=1.0)
    in_joule = [x / mpmath.mpf(scenario.bandwidth_hz) for x in oracles.crb(scenario, powers[0])]
    for found, truth in zip(wide.crb(powers)[0], in_joule):
        assert abs(mpmath.mpf(float(found)) + mpmath.mpf(float(found - float(found))) - truth) <= 1e-17 * truth


def test_the_bound_near_the_edge_stands_above_what_slightly_tighter_limits_attain():
    for seed in (3, 4, 5, 6):
        value = 0.0
        for margin in (0.9e-6, 0.99e-6, 0.999e-6, 1e-6):
            found = wp.solve_exact(near_the_edge(seed, margin))
            assert value < found.min_throughput_bit <= found.certificate.bound
            value = found.min_throughput_bit


@pytest.mark.parametrize("seed", range(3, 6))
@pytest.mark.parametrize("margin", [0.0, 1e-14, 1e-12])
def test_at_the_edge_value_and_bound_are_in_order(seed, margin):
    scenario = near_the_edge(seed, margin)
    found = wp.solve_exact(scenario)
    for certificate in (found.certificate, wp.verify(scenario, found)):
        assert certificate.residual <= 1e-12
        assert certificate.value <= certificate.bound * (1 + 1e-9)


def test_a_value_beyond_the_wide_bound_by_rounding_is_no_failure():
    """Found among extreme scenarios: a SolverFailure, for a throughput 2e-4 above what the limit's last digit allows."""
    scenario = wp.Scenario(
        bs_position_m=[0.0, 0.0],
        user_positions_m=[[6.2, -20.0], [6.7, -8.0], [4.2, 6.2], [3.9, -11.0], [-15.0, 11.0], [-13.0, 2.9]],
        target_positions_m=[[20.5, 3.41], [4.59, 2.77]],
        gain_bs_user=[1.3e-09, 2.9e-07, 5.6e-12, 4.2e-09, 5.0e-08, 2.1e-07],
        gain_transmitter_target=[
            [5.44102e-08, 1.27452e-10],
            [4.03211e-08, 5.96821e-10],
            [4.76030e-11, 6.24997e-10],
            [1.49349e-07, 3.60542e-08],
            [3.67130e-07, 2.03482e-10],
            [2.82197e-09, 6.36147e-13],
            [1.84167e-09, 6.95928e-10],
        ],
        bs_power_w=899000.0,
        max_power_w=15222.803307981585,
        time_budget_s=6.7e-05,
        bandwidth_hz=463000.0,
        noise_w=4.4e-15,
        harvest_efficiency=0.0053,
        crb_limit_m2=np.inf,
        sensing="energy",
    )
    scenario = scenario.replace(crb_limit_m2=wp.best_attainable_crb(scenario)[0])
    found = wp.solve_exact(scenario)
    assert found.certificate.residual <= 1e-15
    assert found.min_throughput_bit <= found.certificate.bound <= 1.01 * found.min_throughput_bit


def near_the_edge(seed, margin, users=6, targets=3):
    """A CRB limit that is hardly above the best attainable CRB, where the throughput grows from next to nothing."""
    changes = {"users": users, "targets": targets, "max_power_w": 1e-2, "noise_dbm": -90.0, "crb_limit_m2": np.inf}
    scenario = wp.Scenario.random(np.random.default_rng(seed), sensing="energy", **changes)
    return scenario.replace(crb_limit_m2=wp.best_attainable_crb(scenario)[0] * (1 + margin))


def one_user_optimum(scenario):
    """Of one user without a cap and one target, in 50 digits: charging for what the limit asks, or for the best of the rest."""
    mp = mpmath.mp.clone()
    mp.dps = 50
    x = {name: np.ravel(value).tolist() for name, value in vars(scenario).items() if name != "sensing"}
    (W,), (P,), (T,), (noise,) = x["bandwidth_hz"], x["bs_power_w"], x["time_budget_s"], x["noise_w"]
    target, *nodes = (mp.mpc(*x[name]) for name in ("target_positions_m", "bs_position_m", "user_positions_m"))
    away = [(target - node) / abs(target - node) for node in nodes]
    g, rate = (2 * away[0], away[0] + away[1]), mp.mpf(x["harvest_efficiency"][0]) * x["gain_bs_user"][0] * P
    unit = 8 * (mp.pi * W / mp.mpf("3e8")) ** 2 * W / noise
    bs, user = (unit * h * spent for h, spent in zip(x["gain_transmitter_target"], (P, rate)))
    crb = (bs * abs(g[0]) ** 2 + user * abs(g[1]) ** 2) / (bs * user * mp.im(mp.conj(g[0]) * g[1]) ** 2)  # of a second

    def bits(charging):
        rest = T - charging
        return W * rest * mp.log1p(x["gain_bs_user"][0] / mp.mpf(noise) * rate * charging / rest) / mp.log(2)

    low, high = mp.mpf(T) * 1e-25, T * (1 - mp.mpf("1e-15"))
    for _ in range(150):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if bits(left) < bits(right) else (low, right)
    return bits(max(low, crb / x["crb_limit_m2"][0]))


@pytest.mark.parametrize("apart", [1e-6, 1e-9, 1e-10])
def test_the_bound_where_all_directions_nearly_agree(apart):
    for scenario in draws(141, 8, users=1, targets=1, crb_limit_m2=np.inf):
        scenario = scenario.replace(user_positions_m=scenario.user_positions_m * apart)
        scenario = scenario.replace(crb_limit_m2=1.5 * wp.best_attainable_crb(scenario)[0])
        found, optimum = wp.solve_exact(scenario), one_user_optimum(scenario)
        assert found.certificate.gap <= CONIC_GAP and found.min_throughput_bit == pytest.approx(float(optimum), rel=CONIC_GAP)
        bounds = found.certificate.bound, wp.solve_exact_batch([scenario]).bound[0], wp.verify(scenario, found).bound
        assert bounds[0] == bounds[1] and min(bounds) >= optimum * (1 - 1e-15)


@pytest.mark.parametrize("apart", [1e-9, 1e-10])
def test_capped_users_in_nearly_one_direction(apart):
    for scenario in draws(142, 5, users=3, targets=2, crb_limit_m2=np.inf, max_power_w=1e-4):
        scenario = scenario.replace(user_positions_m=scenario.user_positions_m * apart)
        scenario = scenario.replace(crb_limit_m2=1.5 * wp.best_attainable_crb(scenario)[0])
        found = wp.solve_exact(scenario)
        assert found.certificate.method == "barrier method" and found.certificate.gap <= CONIC_GAP
        assert wp.verify(scenario, found).status == "optimal"


def test_slopes_of_the_cuts_against_sixty_digits():
    mp = mpmath.mp.clone()
    mp.dps = 60
    for seed, scenario in enumerate(draws(143, 20, users=3, targets=2)):
        scenario = scenario.replace(user_positions_m=scenario.user_positions_m * 10.0 ** -(seed % 12))
        sensing = Sensing(Lane(scenario), np.array([scenario.bs_power_w]))
        spent = np.random.default_rng(seed).random(3)
        _, slope, rows, _ = sensing.information(1.0, spent)
        A, B, C = np.einsum("njm,m->jn", rows, np.array([1.0, *spent]))
        k = sensing.coefficients()
        for n, target in enumerate(scenario.target_positions_m.tolist()):
            a, b, c = (mp.mpf(float(part[n] / (A[n] + B[n]))) for part in (A, B, C))
            legs = [mp.mpc(*target) - mp.mpc(*node) for node in [scenario.bs_position_m, *scenario.user_positions_m.tolist()]]
            for m, leg in enumerate(legs[1:]):
                turned = leg / abs(leg) * mp.conj(legs[0]) / abs(legs[0])
                x, y = 1 + turned.real, turned.imag if abs(turned.imag) > 1e-12 else 0
                exact = (b * x - c * y) ** 2 + (a * y - c * x) ** 2
                error = 8 * np.finfo(float).eps
                assert abs(slope[n, m + 1] / k[n, m] - exact) <= 2 * error * mp.sqrt(exact) + error**2
