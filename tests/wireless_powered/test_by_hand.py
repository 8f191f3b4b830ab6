"""Numbers by hand or in many digits, one for each constant and operator of a formula, no argument at a default."""

import inspect
import math

import mpmath
import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import wireless_powered as wp
from isaclib.foundations.scenario import Batch
from isaclib.wireless_powered import batch, benchmarks, curve, drawing, duality, paper, scoring
from isaclib.wireless_powered.sensing import Lane, Rows, Sensing


def drawn(seed=1, **changes):
    return wp.Scenario.random(np.random.default_rng(seed), **{"users": 4, "targets": 3, "max_power_w": 0.05, **changes})


# --- the model ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fading", ["rayleigh", "exponential", "none"])
def test_a_realization_by_its_formulas(fading):
    given = {"users": 3, "targets": 2, "radius_m": 7.0, "min_distance_m": 2.5, "path_loss_at_1m": 2e-3, "path_loss_exponent": 2.2}
    s = wp.Scenario.random(np.random.default_rng(3), fading=fading, noise_dbm=-63.0, **given)
    rng = np.random.default_rng(3)
    u, z = rng.random(10), rng.rayleigh(1 / math.sqrt(2), size=3 + 2 * 4)
    z = {"rayleigh": z, "exponential": z**2, "none": np.ones(11)}[fading]
    place = lambda area, turn: 7 * math.sqrt(area) * np.array([math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)])  # noqa: E731
    users, targets = [place(u[m], u[3 + m]) for m in range(3)], [place(u[6 + n], u[8 + n]) for n in range(2)]
    np.testing.assert_allclose(s.user_positions_m, users, rtol=1e-13)
    np.testing.assert_allclose(s.target_positions_m, targets, rtol=1e-13)
    loss = lambda d: 2e-3 * max(d, 2.5) ** -2.2  # noqa: E731
    np.testing.assert_allclose(s.gain_bs_user, [z[m] * loss(np.linalg.norm(users[m])) for m in range(3)], rtol=1e-13)
    nodes, rest = [np.zeros(2), *users], z[3:].reshape(4, 2)
    right = [[rest[m, n] * loss(np.linalg.norm(nodes[m] - targets[n])) for n in range(2)] for m in range(4)]
    np.testing.assert_allclose(s.gain_transmitter_target, right, rtol=1e-13)
    assert s.noise_w == pytest.approx(10**-9.3) and not s.bs_position_m.any()
    for wrong in (
        {"radius_m": 2e100},
        {"path_loss_exponent": 101.0},
        {"noise_dbm": 2001.0},
        {"min_distance_m": -1.0},
        {"users": 0},
    ):
        with pytest.raises(InvalidScenario, match=next(iter(wrong))):
            wp.Scenario.random(np.random.default_rng(3), **wrong)
    assert drawing.FARTHEST_M == 1e100


def test_energy_information_and_the_quadratic_by_their_definitions():
    s = drawn(crb_limit_m2=0.02)
    k = 8 * math.pi**2 * 1e12 * s.gain_transmitter_target / (1e-10 * 9e16)
    np.testing.assert_allclose(wp.sensing_coefficients(s), k, rtol=1e-12)
    np.testing.assert_allclose(wp.sensing_coefficients(s.replace(sensing="energy")), 1e6 * k, rtol=1e-12)
    p, g = np.array([0.01, 0.02, 0.03, 0.04]), wp.range_gradients(s)
    spent = np.concatenate([[10.0], p])
    for n in range(3):
        J = sum(spent[m] * k[m, n] * np.outer(g[m, n], g[m, n]) for m in range(5))
        np.testing.assert_allclose(wp.fisher_information(s, p)[n], J, rtol=1e-12)
        assert wp.crb_trace(s, p)[n] == pytest.approx(np.trace(np.linalg.inv(J)), rel=1e-9)
        assert wp.crb_constraint(s, p)[n] == pytest.approx(np.trace(J) - 0.02 * np.linalg.det(J), rel=1e-9)
    assert np.all(wp.crb_constraint(s.replace(crb_limit_m2=np.inf), p) == -np.inf)
    legs = np.linalg.norm(np.vstack([s.bs_position_m, s.user_positions_m])[:, None] - s.target_positions_m, axis=-1)
    np.testing.assert_allclose(wp.round_trip_m(s), legs + legs[0], rtol=1e-13)
    np.testing.assert_allclose(wp.snr(s, p), p * s.gain_bs_user / 1e-10, rtol=1e-13)
    np.testing.assert_allclose(wp.harvested_energy_j(s, 3.0), 0.7 * s.gain_bs_user * 10 * 3, rtol=1e-13)
    np.testing.assert_allclose(
        wp.throughputs(s, [1.0, 2, 3, 4], p), np.arange(1, 5) * 1e6 * np.log2(1 + wp.snr(s, p)), rtol=1e-12
    )


def test_quick_and_proven_values_of_the_crb():
    rows = Batch([drawn(seed) for seed in range(5)])
    sensing, rng = Sensing(rows, rows.bs_power_w), np.random.default_rng(4)
    spent = rng.uniform(0.001, 0.05, (2, 5, 4))
    slow, quick = sensing.crb(spent), sensing.quick_crb(spent)
    np.testing.assert_allclose(quick, slow, rtol=1e-11)
    mixed = spent.copy()
    mixed[0, 2] = [1e9, 0.0, 0.0, 0.0]  # one user alone: its determinant cancels, the other rows keep theirs
    np.testing.assert_allclose(sensing.quick_crb(mixed), sensing.crb(mixed), rtol=1e-11)
    for d in range(5):
        np.testing.assert_allclose(slow[1, d], wp.crb_trace(rows[d], spent[1, d]), rtol=1e-15)
    w = (spent[..., :, None] * sensing._k).sum(axis=-2)
    right = (slow * (1 - 2.0**-52 * (24 + 4) * (1 + np.sqrt(w * slow)))).max(axis=-1)
    np.testing.assert_allclose(1 - sensing.least_worst(spent) / slow.max(axis=-1), 1 - right / slow.max(axis=-1), rtol=0.05)
    assert np.all(sensing.least_worst(spent) < slow.max(axis=-1))
    part = sensing.rows(slice(1, 3)).spending(np.array([5.0, 20.0]))
    for d, bs in ((1, 5.0), (2, 20.0)):
        np.testing.assert_allclose(
            part.crb(spent[:, 1:3])[0, d - 1], wp.crb_trace(rows[d].replace(bs_power_w=bs), spent[0, d]), rtol=1e-13
        )
    np.testing.assert_array_equal(Rows(rows, slice(1, 3)).noise_w, rows.noise_w[1:3])
    assert Rows(rows, slice(1, 3)).sensing == "power"
    np.testing.assert_array_equal(sensing.rows(slice(0, 1)).coefficients(), sensing._k[0].T)


def test_directions_within_a_billionth_of_a_milliradian_are_one():
    """Two users on one line with the target, turned by an angle: below 1e-12 nothing is learnt across the line."""
    for angle, regular in ((0.5e-12, False), (4e-12, True)):
        turn = np.array([math.cos(angle), math.sin(angle)])
        s = drawn(users=1, targets=1).replace(user_positions_m=[5 * turn], target_positions_m=[[10.0, 0.0]])
        assert np.isfinite(wp.crb_trace(s, [0.05])[0]) == regular


# --- the curve ---------------------------------------------------------------------------------------------------------------


def snr_of(load):
    """The x > 0 at which x / ln(1 + x) is the load > 1, by bisection of its logarithm."""
    low, high = mpmath.mpf(-100), mpmath.log(load) * 2 + 10
    for _ in range(150):
        middle = (low + high) / 2
        x = mpmath.exp(middle)
        low, high = (middle, high) if x / mpmath.log1p(x) < load else (low, middle)
    return mpmath.exp(low)


def test_a_point_of_the_curve_in_forty_digits():
    s = drawn()
    whole = curve.Curve(Lane(s))
    for z in (whole.z_low[0], 0.5 * (whole.z_low[0] + whole.z_all_capped()[0]), whole.z_all_capped()[0] + 1):
        point = whole.at(np.array([z]))
        with mpmath.workdps(40):
            a = [mpmath.mpf(float(h)) / mpmath.mpf(s.noise_w) for h in s.gain_bs_user]
            c = [mpmath.mpf(float(e)) * mpmath.mpf(float(h)) * s.bs_power_w for e, h in zip(s.harvest_efficiency, s.gain_bs_user)]
            k = [x * y for x, y in zip(a, c)]
            low = mpmath.log(2) / min(k)
            at = low * (1 + mpmath.exp(mpmath.mpf(float(z))))
            total, slope, powers = at, mpmath.mpf(1), []
            for m in range(4):
                load = at * k[m] / mpmath.log(2)
                free = snr_of(load) if load > 1 + mpmath.mpf(10) ** -30 else mpmath.mpf(0)
                cap = a[m] * mpmath.mpf(s.max_power_w)
                x = min(free, cap)
                slope -= k[m] / ((1 + x) * mpmath.log1p(x) - x) if free < cap else 0
                total += mpmath.log(2) / mpmath.log1p(x)
                powers.append(float(x / a[m]))
        np.testing.assert_allclose(point.powers_w[0], powers, rtol=1e-10)
        assert point.s[0] == pytest.approx(float(at), rel=1e-13) and point.total[0] == pytest.approx(float(total), rel=1e-10)
        assert point.beyond[0] == pytest.approx(float(at - low), rel=1e-12)
        assert point.slope[0] == pytest.approx(float(slope), rel=1e-8, abs=1e-9)
        np.testing.assert_allclose(point.rates[0], np.log2(1 + wp.snr(s, point.powers_w[0])), rtol=1e-12)


def test_the_ends_of_the_search():
    s = drawn()
    whole, free = curve.Curve(Lane(s)), curve.Curve(Lane(s), capped=False)
    assert whole.at(whole.z_low).slope[0] < 0 and free.at(free.z_low).slope[0] < 0
    assert np.all(whole.at(whole.z_all_capped()).powers_w == s.max_power_w)
    assert np.any(whole.at(whole.z_all_capped() - 1e-6).powers_w < s.max_power_w)
    assert np.all(np.isinf(free.max_power)) and np.all(whole.max_power == s.max_power_w)


def test_tangents_that_cross_between_two_points():
    def point(beyond, total, slope):
        one = np.array([float(beyond)])
        return curve.Point(one, one, one[None], one[None], np.array([float(total)]), 1 - np.array([float(slope)]))

    # x^2 on [1, 2] about 1.7: falling by 1.4 at 1, rising by 0.6 at 2; values .49 and .09; the tangents cross at 1.5.
    assert curve.tangent_bound(point(1, 0.49, -1.4), point(2, 0.09, 0.6))[0] == pytest.approx(0.49 - 1.4 * 0.5)
    assert curve.tangent_bound(point(1, 0.49, 0.2), point(2, 0.99, 0.9))[0] == pytest.approx(0.49)
    assert curve.tangent_bound(point(1, 0.49, -1.4), point(2, 0.0, -1.0))[0] <= 0.0


# --- allocations and their certificates --------------------------------------------------------------------------------------


def test_residuals_and_states_of_a_batch_by_hand():
    rows = Batch([drawn(seed, crb_limit_m2=limit) for seed, limit in ((1, 0.5), (2, np.inf), (3, 0.5), (4, 0.5))])
    harvest, ones = np.full((4, 4), 2.0), np.ones(4)
    powers, times, charging = np.full((4, 4), 0.05), np.full((4, 4), 1.0), np.full(4, 6.0)
    crb = np.full((4, 3), 0.4)
    crb[1] = 9.0
    bound = np.array([1.0, 1 + 9e-7, 1 + 2e-6, 1.0])
    feasible = np.array([True, True, True, False])
    found = batch.allocations(rows, harvest, crb, powers, charging, times, ones, feasible, crb, bound)
    assert found.status.tolist() == ["optimal", "optimal", "converged", "infeasible"]
    assert found.residual[:3].tolist() == [0.0] * 3 and np.isnan(found.residual[3]) and np.isnan(found.powers_w[3]).all()
    assert found.gap[1] == pytest.approx(9e-7, rel=1e-6) and found.best_attainable.tolist() == [0.4, 9.0, 0.4, 0.4]
    cases = (
        ({"times": times * 1.5}, 0.2),  # 12 s of 10 s
        ({"powers": powers * 1.1}, 0.1),
        ({"harvest": harvest / 400, "powers": powers}, 0.05 / (2.0 / 400 * 6) - 1),
        ({"crb": np.full((4, 3), 0.6)}, 0.2),
    )
    for changes, excess in cases:
        given = {"harvest": harvest, "crb": crb, "powers": powers, "charging": charging, "times": times} | changes
        over = batch.allocations(rows, *given.values(), ones, feasible, crb, bound)
        assert over.residual[0] == pytest.approx(excess, rel=1e-9) and over.status[0] == "converged"
    slightly = batch.allocations(rows, harvest, crb, powers * (1 + 2e-7), charging, times, ones, feasible, crb, bound)
    within = batch.allocations(rows, harvest, crb, powers * (1 + 0.9e-7), charging, times, ones, feasible, crb, bound)
    assert slightly.status[0] == "converged" and within.status[0] == "optimal"
    one = batch.row(found, 1, "by hand", 7, 0.5)
    assert (one.certificate.method, one.certificate.iterations, one.certificate.seconds, one.min_throughput_bit) == (
        "by hand",
        7,
        0.5,
        1.0,
    )
    assert len(batch.stack([found, found])) == 8
    error = batch.infeasible(rows[0], 0.7, 2)
    assert (error.index, error.limit, error.best_attainable) == (2, 0.5, 0.7) and "full power" in str(error)
    assert "one line" in str(batch.infeasible(rows[0], math.inf, 2))


# --- the paper's algorithm ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", wp.SCHEMES if hasattr(wp, "SCHEMES") else paper.SCHEMES)
@pytest.mark.parametrize("limit", [2.0, np.inf])
def test_the_convex_subproblem_and_its_slopes(scheme, limit, monkeypatch):
    s = drawn(crb_limit_m2=limit)
    start = wp.feasible_start(s, equal_times=scheme == "equal_time", backoffs=(0.0,) if scheme == "max_power" else (0.1, 0.0))
    problem, seen = paper._Subproblem(s, scheme), {}

    def spy(function, z, *, jac, constraints, bounds, **options):
        seen.update(function=function, z=z, jac=jac, fun=constraints[0]["fun"], slope=constraints[0]["jac"], bounds=bounds)
        return real(function, z, jac=jac, constraints=constraints, bounds=bounds, **options)

    real = paper.minimize
    monkeypatch.setattr(paper, "minimize", spy)
    z = problem.pack(*start)
    packed = problem.unpack(z)
    for found, given in zip(packed[:2], start):
        np.testing.assert_allclose(found, given, rtol=1e-13)
    if scheme == "equal_time":
        np.testing.assert_allclose(packed[2], start[2], rtol=1e-13)
    else:  # as short as the least throughput allows
        assert np.all(packed[2] <= start[2] * (1 + 1e-12))
        least = wp.throughputs(s, start[2], start[0]).min()
        np.testing.assert_allclose(wp.throughputs(s, packed[2], start[0]), least, rtol=1e-12)
    assert z[0] == pytest.approx(math.log(wp.throughputs(s, start[2], start[0]).min() / s.bandwidth_hz), rel=1e-12)
    problem.solve(z)
    shift = np.random.default_rng(5).normal(0, 0.1, len(z))
    at = z + shift
    slope, h = seen["slope"](at), 1e-6
    for i in range(len(z)):
        step = np.zeros(len(z))
        step[i] = h
        np.testing.assert_allclose((seen["fun"](at + step) - seen["fun"](at - step)) / (2 * h), slope[:, i], rtol=1e-5, atol=1e-7)
    powers, charging, times = problem.unpack(at)
    found = seen["fun"](at)
    rates = np.log(times * np.log2(1 + wp.snr(s, powers))) - at[0]
    assert found[0] == pytest.approx(math.log((s.time_budget_s - charging) / times.sum()), rel=1e-9)
    np.testing.assert_allclose(found[1:5], np.log(wp.harvested_energy_j(s, charging) / (powers * times)), rtol=1e-9, atol=1e-12)
    rows = 9 if scheme == "equal_time" else 5
    np.testing.assert_allclose(found[5:rows] if rows == 9 else np.zeros(4), rates, rtol=1e-9, atol=1e-12)
    assert len(found) == rows + (3 if np.isfinite(limit) else 0)
    if np.isfinite(limit):
        # The tangent lies on the safe side of eq. (19), and on it at the last point; both in units of eta det J there.
        det = lambda p: np.linalg.det(wp.fisher_information(s, p))  # noqa: E731
        level = limit * det(start[0])
        np.testing.assert_allclose(seen["fun"](z)[rows:], -wp.crb_constraint(s, start[0]) / level, rtol=1e-7)
        assert np.all(found[rows:] <= -wp.crb_constraint(s, powers) / level + 1e-12)
    low, high = zip(*seen["bounds"][-4:])
    assert set(high) == {math.log(s.max_power_w)} and set(low) == {math.log(s.max_power_w) if scheme == "max_power" else None}
    assert seen["function"](at) == -at[0] and seen["jac"](at).tolist() == [-1.0] + [0.0] * (len(z) - 1)


def test_shares_and_sums_of_logarithms():
    for psi in (-800.0, -40.0, -1.0, -0.99, 0.0, 0.3, 40.0):
        with mpmath.workdps(40):
            truth = float(1 / (1 + mpmath.exp(-mpmath.mpf(psi))))
        assert paper._share(psi) == pytest.approx(truth, rel=1e-14)
    assert paper._log_sum(np.log([1.0, 2.0, 5.0])) == pytest.approx(math.log(8.0)) and paper._log_sum(
        np.array([900.0, 900.0])
    ) == pytest.approx(900 + math.log(2))


def test_starts_by_hand():
    s = drawn(crb_limit_m2=np.inf)
    powers, charging, times = wp.feasible_start(s, charging_share=0.25, backoffs=(0.1,))
    assert charging == 2.5 and np.all(powers == pytest.approx(0.045))
    free = wp.harvested_energy_j(s, 2.5) / powers
    np.testing.assert_allclose(times, free * min(1, 7.5 / free.sum()), rtol=1e-13)
    equal = wp.feasible_start(s, charging_share=0.25, backoffs=(0.1,), equal_times=True)[2]
    np.testing.assert_allclose(equal, np.full(4, free.min() * min(1, 7.5 / (4 * free.min()))), rtol=1e-13)
    crowded = s.replace(bs_power_w=1e9)
    assert wp.feasible_start(crowded)[2].sum() == pytest.approx(1.0) and wp.feasible_start(crowded)[0][0] == pytest.approx(
        0.05 * 0.999
    )
    full = float(wp.crb_trace(s, np.full(4, 0.05)).max())
    at_full = wp.feasible_start(s.replace(crb_limit_m2=full), backoffs=(0.5, 1e-3))
    assert np.all(at_full[0] == 0.05)
    with pytest.raises(InfeasibleScenario) as caught:
        wp.feasible_start(s.replace(crb_limit_m2=full * 0.9))
    assert caught.value.best_attainable == full and caught.value.index == np.argmax(wp.crb_trace(s, np.full(4, 0.05)))
    for wrong in ({"charging_share": 0.0}, {"charging_share": 1.0}, {"backoffs": (1.0,)}):
        with pytest.raises(InvalidScenario, match=next(iter(wrong))):
            wp.feasible_start(s, **wrong)


def test_what_an_iteration_records():
    s = drawn(crb_limit_m2=2.0)
    found = wp.solve_sca(s)
    assert [step.iteration for step in found.history] == list(range(len(found.history))) and all(
        step.feasible for step in found.history
    )
    assert found.certificate.iterations == len(found.history) - 1 and found.min_throughput_bit == found.history[-1].objective
    grown = np.diff(np.log([step.objective for step in found.history]))
    assert np.all(grown[:-1] >= 1e-5) and grown[-1] < 1e-5
    early = wp.solve_sca(s, tolerance=float(grown[0]) * 1.01)
    assert early.certificate.iterations == 1 and early.certificate.status == "converged"
    assert wp.solve_sca(s, max_iterations=1, tolerance=0.0).certificate.status == "iteration_limit"
    assert np.isnan(found.certificate.bound) and found.certificate.method == "SCA"
    assert wp.solve_sca(s, scheme="equal_time").certificate.method == "SCA, equal time"


# --- the two comparison schemes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [1e-9, 0.9e-3, 1.1e-3, 0.5, 1.0, 30.0])
def test_the_best_ratio_of_equal_times_in_forty_digits(load):
    s = drawn(users=2, targets=1)
    k = (s.gain_bs_user * wp.harvest_rate_w(s) / s.noise_w).min()
    s = s.replace(noise_w=s.noise_w * k * 2 / load)
    k = load / 2
    with mpmath.workdps(40):
        u = mpmath.findroot(
            lambda x: mpmath.exp(x) * (x - 1) + 1 - 2 * mpmath.mpf(k), mpmath.sqrt(4 * mpmath.mpf(k)) if load < 1 else 1.5
        )
        truth = float(mpmath.expm1(u) / mpmath.mpf(k))
    assert wp.equal_time_ratio(s) == pytest.approx(truth, rel=1e-9)


def test_both_schemes_against_their_formulas():
    s = drawn(crb_limit_m2=np.inf)
    c, r = wp.harvest_rate_w(s), np.log2(1 + wp.snr(s, np.full(4, 0.05)))
    full = wp.solve_max_power(s)
    assert full.min_throughput_bit == pytest.approx(1e6 * 10 / (np.sum(1 / r) + np.max(0.05 / (r * c))), rel=1e-12)
    assert full.charging_time_s + full.times_s.sum() == pytest.approx(10.0) and np.all(full.powers_w == 0.05)
    np.testing.assert_allclose(wp.throughputs(s, full.times_s, full.powers_w), full.min_throughput_bit, rtol=1e-12)
    ratio = np.exp(np.linspace(-3, 14, 400_001))
    rate = np.log2(1 + wp.snr(s, np.full(4, 1.0))[:, None] * np.minimum(c[:, None] * ratio, 0.05)).min(axis=0)
    equal = wp.solve_equal_time(s)
    assert equal.min_throughput_bit == pytest.approx((1e7 * rate / (4 + ratio)).max(), rel=1e-8)
    assert np.ptp(equal.times_s) == 0 and equal.charging_time_s + equal.times_s.sum() == pytest.approx(10.0)
    tight = s.replace(crb_limit_m2=float(wp.crb_trace(s, np.full(4, 0.05)).max()) * 1.01)
    some = ratio[::500]
    allowed = [wp.crb_trace(s, np.minimum(c * x, 0.05)).max() <= tight.crb_limit_m2 for x in some]
    least = some[int(np.argmax(allowed))]
    held = wp.solve_equal_time(tight)
    assert held.charging_time_s / held.times_s[0] == pytest.approx(max(least, equal.charging_time_s / equal.times_s[0]), rel=0.03)
    rows = [s, tight, s.replace(crb_limit_m2=tight.crb_limit_m2 / 1.02)]
    assert wp.solve_equal_time_batch(rows).status.tolist() == ["optimal", "optimal", "infeasible"]
    assert wp.solve_max_power_batch(rows).feasible.tolist() == [True, True, False] and benchmarks._TOLERANCE == 1e-11


# --- the dual bound ----------------------------------------------------------------------------------------------------------


def energy(seed=60, margin=1.3, cap=1e-3, users=3, targets=2):
    s = drawn(seed, users=users, targets=targets, sensing="energy", max_power_w=cap, crb_limit_m2=np.inf)
    return s.replace(crb_limit_m2=wp.best_attainable_crb(s)[0] * margin)


def test_what_a_cut_rounds_by_its_definition():
    s = energy(users=4)
    a = wp.solve_exact(s)
    cuts = duality.Cuts(s, a.powers_w, a.charging_time_s, a.times_s)
    lane = Lane(s)
    sensing = Sensing(lane, lane.bs_power_w * a.charging_time_s)
    x, y, k = sensing._x[0], sensing._y[0], sensing._k[0]
    J = [wp.fisher_information(s, a.powers_w, charging_time_s=a.charging_time_s, times_s=a.times_s)[n] for n in range(2)]
    for n in range(2):
        inverse = np.linalg.inv(J[n])
        Y = inverse / np.trace(inverse)
        psi = 1 / np.trace(inverse)
        g = wp.range_gradients(s)[:, n]
        K = wp.sensing_coefficients(s)[:, n]
        for m in range(4):
            assert cuts.energy[m, n] == pytest.approx(K[m + 1] * np.sum((Y @ g[m + 1]) ** 2) / psi, rel=1e-7)
            last = 8 * np.finfo(float).eps
            assert cuts.rounded[m, n] == pytest.approx(K[m + 1] * (2 * np.linalg.norm(Y @ g[m + 1]) + last) / psi, rel=1e-6)
        assert cuts.charging[n] == pytest.approx(s.bs_power_w * K[0] * np.sum((Y @ g[0]) ** 2) / psi, rel=1e-7)
        assert k[0, n] == pytest.approx(K[1]) and np.hypot(x[0, n], y[0, n]) == pytest.approx(np.linalg.norm(g[1]), rel=1e-9)
    none = duality.Cuts(s.replace(crb_limit_m2=np.inf), a.powers_w, a.charging_time_s, a.times_s)
    assert none.level.size == 0 == none.energy.size


@pytest.mark.parametrize("balanced", [False, True])
def test_multipliers_of_an_optimum_meet_its_conditions(balanced):
    """sum w = 1; what a second is worth is the same to all who send; each price is what its watt is worth, or its cut's."""
    s = energy()
    a = wp.solve_exact(s)
    cuts = duality.Cuts(s, a.powers_w, a.charging_time_s, a.times_s)
    w, prices = duality.multipliers(s, cuts, a.powers_w, a.charging_time_s, a.times_s, balanced=balanced)
    assert w.sum() == pytest.approx(1.0, abs=1e-6) and np.all(w >= 0) and np.all(prices >= 0)
    bound = duality.evaluate(s, cuts, w, prices)
    assert a.min_throughput_bit * (1 - 1e-12) <= bound <= a.min_throughput_bit * (1 + 1e-6)
    worse = [duality.evaluate(s, cuts, w * x, prices * y) for x, y in ((np.array([1, 2, 1]), 1), (1, 1.5), (1, 0.5))]
    assert min(worse) > bound
    scaled = duality.evaluate(s, cuts, 7 * w, 7 * prices)
    assert scaled == pytest.approx(bound, rel=1e-12)  # the bound is homogeneous of degree 0 in its multipliers


def test_scores_by_hand():
    s = drawn(crb_limit_m2=np.inf)
    best = wp.solve_exact(s)
    powers, times = best.powers_w, best.times_s * 0.9
    scored = wp.score(s, powers, best.charging_time_s, times)
    assert scored.feasible and scored.gap == pytest.approx(0.1, rel=1e-6) and scored.unit == "bit"
    below = wp.score(s, powers - np.array([0, 0, 0, powers[3] + 4e-8]), best.charging_time_s, times)
    assert below.violations["powers_w"] == pytest.approx(8e-7) and below.value == 0.0
    late = wp.score(s, powers, best.charging_time_s, times - np.array([times[0] + 5e-6, 0, 0, 0]))
    assert late.violations["times_s"] == pytest.approx(5e-7)
    assert scoring.score(s, powers, -1e-6, times).violations["charging_time_s"] == pytest.approx(1e-7)


def test_what_is_meant_where_nothing_is_said():
    for function, defaults in (
        (wp.solve_sca, {"start": None, "tolerance": 1e-5, "max_iterations": 100, "scheme": "proposed"}),
        (wp.feasible_start, {"charging_share": 0.9, "backoffs": (1e-3, 1e-6, 0.0), "equal_times": False}),
        (wp.score, {"tolerance": 1e-6, "optimum": None}),
        (wp.score_batch, {"tolerance": 1e-6}),
    ):
        found = inspect.signature(function).parameters
        assert {name: found[name].default for name in defaults} == defaults
