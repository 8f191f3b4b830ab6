"""Monte-Carlo experiments against what theory says of them."""

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import ofdm_ranging as ofdm

TRIALS = 1500
SPREAD = 0.08  # four standard errors of an RMSE from 1500 Gaussian errors: 4 / sqrt(2 * 1500)


@pytest.fixture(scope="module")
def scenario():
    return ofdm.Scenario.random(np.random.default_rng(0), carriers=32, mean_snr_db=5.0, symbols=200, echo_gain_db=0.0)


def test_at_high_snr_the_estimate_meets_the_bound(scenario):
    for powers in (ofdm.waterfill(scenario).powers_w, ofdm.minimise_sidelobe(scenario).powers_w):
        errors = ofdm.delay_errors_s(scenario, powers, np.random.default_rng(1), TRIALS)
        bound = np.sqrt(ofdm.toa_crb_s2(scenario, powers))
        assert np.sqrt(np.mean(errors**2)) == pytest.approx(bound, rel=SPREAD)
        assert abs(errors.mean()) < 4 * bound / np.sqrt(TRIALS)


def test_edges_only_pays_for_its_ambiguity(scenario):
    noisy = scenario.replace(symbols=2)
    edges, flat = ofdm.edges_only(noisy).powers_w, np.full(32, 1 / 32)
    assert ofdm.toa_crb_s2(noisy, edges) < 0.4 * ofdm.toa_crb_s2(noisy, flat)
    rmse = [ofdm.delay_rmse_s(noisy, powers, np.random.default_rng(2), 400) for powers in (edges, flat)]
    assert rmse[0] > 10 * rmse[1]


def test_errors_depend_on_the_generator_alone(scenario):
    powers = ofdm.waterfill(scenario).powers_w
    first, second = (ofdm.delay_errors_s(scenario, powers, np.random.default_rng(3), 20) for _ in range(2))
    assert np.array_equal(first, second) and first.shape == (20,)


def test_noise_alone_spreads_over_the_search_window(scenario):
    silent = scenario.replace(echo_gain=1e-12)
    errors = ofdm.delay_errors_s(silent, np.full(32, 1 / 32), np.random.default_rng(4), TRIALS, search=8.0)
    assert np.sqrt(np.mean(errors**2)) * silent.bandwidth_hz == pytest.approx(8 / np.sqrt(3), rel=SPREAD)
    with pytest.raises(InvalidScenario):
        ofdm.delay_errors_s(silent, np.full(32, 1 / 32), np.random.default_rng(4), 5, search=40.0)


def test_sidelobes_of_random_data_approach_the_expectation(scenario):
    powers = ofdm.minimise_sidelobe(scenario).powers_w
    rng = np.random.default_rng(5)
    medians = [
        np.median(ofdm.random_data_sidelobes_db(scenario.replace(symbols=s), powers, rng, 60)) for s in (1, 10, 100, 100_000)
    ]
    assert np.all(np.diff(medians) < -3)
    assert medians[-1] == pytest.approx(float(ofdm.peak_sidelobe_db(scenario, powers)), abs=0.3)


def test_mean_square_floor_at_a_null_of_the_expectation(scenario):
    """Uniform power is zero at integer delays: what is left there is the data's floor."""
    one = scenario.replace(symbols=3)
    powers = np.full(32, 1 / 32)
    rng = np.random.default_rng(6)
    weights = powers * rng.gamma(3, 1 / 3, size=(4000, 32))
    level = np.mean(np.abs(np.fft.ifft(weights, axis=1)[:, 5] * 32) ** 2)
    assert 10 * np.log10(level) == pytest.approx(ofdm.data_floor_db(one, powers), abs=0.3)  # 4000 exponential samples: 0.07 dB


def test_a_weak_target_is_seen_with_low_sidelobes_only(scenario):
    clear = scenario.replace(symbols=60_000)
    settings = dict(weak_db=-22.0, separation=3.4)
    flat, low = np.full(32, 1 / 32), ofdm.minimise_sidelobe(clear).powers_w
    seen = [ofdm.weak_target_detection(clear, p, np.random.default_rng(7), 200, **settings) for p in (flat, low)]
    assert seen[1] > 0.95 > seen[0] + 0.5
    with pytest.raises(InvalidScenario):
        ofdm.weak_target_detection(clear, flat, np.random.default_rng(7), 5, weak_db=-20.0, separation=1.0)


def test_with_few_carriers_the_whole_unambiguous_range_is_searched():
    for carriers in (4, 5, 8, 31):
        scenario, powers = (
            ofdm.Scenario.random(np.random.default_rng(carriers), carriers=carriers),
            np.full(carriers, 1 / carriers),
        )
        own, asked = (
            ofdm.delay_errors_s(scenario, powers, np.random.default_rng(1), 7, **given)
            for given in ({}, {"search": carriers / 2})
        )
        assert np.array_equal(own, asked) and np.all(np.abs(own) * scenario.bandwidth_hz <= carriers)
