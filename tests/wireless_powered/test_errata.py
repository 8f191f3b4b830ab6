"""One test per erratum of the paper: the mended statement holds and the printed one fails."""

import numpy as np
import pytest
from scipy.stats import kstest

from isaclib import wireless_powered as wp
from isaclib.foundations import channels, units

ROUNDING = 1e-10  # relative


def scene(seed=60, **parameters):
    return wp.Scenario.random(np.random.default_rng(seed), **parameters)


def test_e1_misplaced_bandwidth():
    s = scene(61, users=2, targets=2, crb_limit_m2=np.inf)
    exact = wp.solve_exact(s).min_throughput_bit
    a, c, W, T = s.gain_bs_user / s.noise_w, wp.harvest_rate_w(s), s.bandwidth_hz, s.time_budget_s
    axis = np.geomspace(1e-5, 1, 40)
    powers = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2) * s.max_power_w
    charging = np.linspace(0.02, 0.98, 49)[:, None, None] * T
    times = np.minimum(c * charging / powers, 1.0e9)
    times = times * np.minimum(1.0, (T - charging) / times.sum(axis=-1, keepdims=True))
    rates = np.log2(1 + a * powers)
    printed = np.min(np.log(times) + W * np.log(rates), axis=-1)
    mended = np.min(np.log(times) + np.log(W) + np.log(rates), axis=-1)
    truth = np.min(times * W * rates, axis=-1)
    assert truth.flat[np.argmax(mended)] > 0.8 * exact  # the grid is coarse
    assert truth.flat[np.argmax(printed)] < 0.2 * exact
    assert np.exp(mended).max() == pytest.approx(truth.max(), rel=ROUNDING)


def test_e2_misplaced_root():
    s = scene()
    p = 0.5 * s.max_power_w * np.ones(10)
    J = wp.fisher_information(s, p)
    weights = np.concatenate([[s.bs_power_w], p])[:, None] * wp.sensing_coefficients(s)
    x, y = np.moveaxis(wp.range_gradients(s), -1, 0)
    a, b = np.sqrt(weights) * x, np.sqrt(weights) * y
    assert np.sum(a * a, axis=0) == pytest.approx(J[:, 0, 0], rel=ROUNDING)
    assert np.sum(a * b, axis=0) == pytest.approx(J[:, 0, 1], rel=1e-8, abs=1e-8 * np.abs(J).max())
    pairs = 0.5 * np.einsum("imn,imn->n", (c := a[:, None] * b[None] - a[None] * b[:, None]), c)
    assert pairs == pytest.approx(np.linalg.det(J), rel=1e-6)
    with np.errstate(invalid="ignore"):
        printed = np.sqrt(weights * x)
    assert np.isnan(printed).any()  # X may be negative
    assert not np.allclose(np.nansum(printed**2, axis=0), J[:, 0, 0], rtol=0.01)


def test_e3_information_without_duration():
    s = scene()
    a = wp.solve_exact(s)
    burst = 1e-9
    printed = wp.crb_trace(s, a.powers_w, charging_time_s=burst * a.charging_time_s, times_s=burst * a.times_s)
    assert printed.max() <= s.crb_limit_m2 * (1 + ROUNDING)  # a burst a thousand million times shorter: the same accuracy
    e = s.replace(sensing="energy")
    whole = wp.crb_trace(e, a.powers_w, charging_time_s=a.charging_time_s, times_s=a.times_s)
    short = wp.crb_trace(e, a.powers_w, charging_time_s=burst * a.charging_time_s, times_s=burst * a.times_s)
    assert short == pytest.approx(whole / burst, rel=ROUNDING)
    # One-way gain only: the leg from the target to the BS alone would cost tens of dB.
    legs = np.linalg.norm(s.target_positions_m, axis=1)
    lost_db = -units.linear_to_db(channels.path_gain(np.maximum(legs, 1.0), exponent=2.5, reference_gain=1e-3))
    assert np.median(lost_db) > 40


def test_e4_full_power_does_not_know_the_limit():
    s = scene()
    values = [wp.solve_max_power(s.replace(crb_limit_m2=limit)).min_throughput_bit for limit in (0.05, 0.07, 0.1, 10.0)]
    assert np.ptp(values) == 0
    best = [wp.solve_exact(s.replace(crb_limit_m2=limit)).min_throughput_bit for limit in (0.05, 0.07, 0.1, 10.0)]
    assert np.all(np.diff(best) > 0)
    # A linear program: the "iterative algorithm" is done after its first step.
    history = wp.solve_sca(s, scheme="max_power").history
    assert history[1].objective == pytest.approx(history[-1].objective, rel=1e-6)


def test_e5_constraints_are_convex_not_affine():
    rng = np.random.default_rng(62)
    u, v, t0 = rng.normal(size=(2, 200, 3)), rng.normal(size=(2, 200, 3)), 1 + 8 * rng.random((2, 200))
    middle = 0.5 * t0.sum(axis=0)

    def frame(t, log_times):
        return t + np.exp(log_times).sum(axis=-1)

    def energy(t, log_times, log_powers):
        return log_times[..., 0] + log_powers[..., 0] - np.log(t)

    chord_frame = 0.5 * (frame(t0[0], u[0]) + frame(t0[1], u[1])) - frame(middle, u.mean(axis=0))
    chord_energy = 0.5 * (energy(t0[0], u[0], v[0]) + energy(t0[1], u[1], v[1])) - energy(middle, u.mean(axis=0), v.mean(axis=0))
    for chord in (chord_frame, chord_energy):
        assert np.all(chord >= -1e-12)  # convex
        assert chord.max() > 0.1  # affine would be 0


def test_e6_rayleigh_is_an_amplitude_law():
    rng = np.random.default_rng(63)
    power = np.abs(channels.complex_normal(rng, 4000)) ** 2
    printed = channels.rayleigh_amplitude(rng, 4000)
    assert kstest(power, "expon").pvalue > 1e-3
    assert kstest(printed, "expon").pvalue < 1e-12
    assert kstest(printed**2, "expon").pvalue > 1e-3
    batch = wp.Scenario.random_batch(np.random.default_rng(64), 100)
    physical = wp.Scenario.random_batch(np.random.default_rng(64), 100, fading="exponential")
    plain = wp.Scenario.random_batch(np.random.default_rng(64), 100, fading="none")
    z, squared = (b.gain_bs_user / plain.gain_bs_user for b in (batch, physical))
    assert squared == pytest.approx(z**2, rel=ROUNDING)


def test_noise_of_the_paper_is_far_above_thermal_which_is_a_choice():
    thermal = units.w_to_dbm(units.thermal_noise_psd_w_per_hz() * 1e6)
    assert thermal == pytest.approx(-114.0, abs=0.1)
    assert -70.0 - thermal == pytest.approx(44.0, abs=0.1)


def test_log_rate_is_concave_as_the_paper_says_because_ln_lies_below_its_tangent():
    v = np.linspace(-25, 25, 2001)
    x = np.exp(v)
    L = np.log1p(x)
    second = x * (L - x) / ((1 + x) ** 2 * L**2)
    assert np.all(second <= 0)
    numeric = np.diff(np.log(L), 2) / (v[1] - v[0]) ** 2
    assert numeric[500:1500] == pytest.approx(second[1:-1][500:1500], abs=1e-4)
    rate = np.diff(L, 2)  # without the logarithm the rate is convex in v
    assert np.all(rate[500:1500] > 0)


def test_e10_the_crb_constraint_is_convex_in_the_powers():
    rng = np.random.default_rng(65)
    s = scene(66, users=4, targets=3, crb_limit_m2=0.3)
    p = s.max_power_w * rng.random((2, 1200, 4)) ** 3
    cone = np.empty((2, 1200), dtype=bool)
    feasible = np.empty_like(cone)
    for i in range(2):
        for j in range(1200):
            feasible[i, j] = np.all(wp.crb_trace(s, p[i, j]) <= s.crb_limit_m2)
            J = wp.fisher_information(s, p[i, j])
            A, B, C = J[:, 0, 0], J[:, 1, 1], J[:, 0, 1]
            side = np.sqrt((A - B) ** 2 + 4 * C**2 + 4 / s.crb_limit_m2**2)
            cone[i, j] = np.all(side <= A + B - 2 / s.crb_limit_m2)
    assert np.array_equal(feasible, cone)  # one second-order cone per target
    both = feasible.all(axis=0)
    assert both.sum() > 100 and (~feasible).sum() > 100
    share = rng.random((1200, 1))
    straight, bent = share * p[0] + (1 - share) * p[1], p[0] ** share * p[1] ** (1 - share)
    inside = [np.all(wp.crb_trace(s, q) <= s.crb_limit_m2 * (1 + ROUNDING)) for q in straight[both]]
    assert all(inside)
    # In v = ln p the set is not convex: the printed statement is about what the change of variables did.
    assert not all(np.all(wp.crb_trace(s, q) <= s.crb_limit_m2) for q in bent[both])


def test_e11_two_bandwidths_under_one_symbol():
    W = 1e6
    f = np.linspace(-W / 2, W / 2, 20001)
    rms = np.sqrt(np.mean(f**2))  # of a flat spectrum as wide as Shannon's formula assumes
    assert rms == pytest.approx(W / np.sqrt(12), rel=1e-3)
    s = scene()
    k = wp.sensing_coefficients(s)
    mended = k * (rms / W) ** 2
    assert k / mended == pytest.approx(np.full(k.shape, 12.0), rel=1e-3)  # printed: 10.8 dB too much information
