"""The model: formulas by hand, random scenarios, malformed fields."""

import math

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import semi_isac as si

FIELDS = {
    "radar_gain": [1e-9, 2e-9],
    "clutter_gain": [1e-11, 0.0],
    "link_gain": [1e-6, 2e-6],
    "bandwidth_hz": 1e6,
    "noise_psd_w_per_hz": 1e-15,
    "power_budget_w": 2.0,
    "circuit_power_w": 1.0,
    "weights": [0.2, 0.3, 0.5],
    "min_sensing_bps": 1e4,
    "min_rate_bps": 1e5,
}
ROUNDING = 1e-12  # closed forms evaluated twice in float64


def test_rates_by_hand():
    scenario = si.Scenario(**FIELDS)
    # User 0: band 0.25 MHz, noise 2.5e-10 W, echo 1e-9 W, clutter 1e-11 W; user 1: 0.5 MHz, 5e-10 W; user 2: 0.25 MHz.
    expected = [
        0.25e6 * math.log2(1 + 1e-9 / (1e-11 + 2.5e-10)),
        0.5e6 * math.log2(1 + 0.5e-6 / 5e-10),
        0.5e6 * math.log2(1 + 1e-9 / 5e-10),
        0.25e6 * math.log2(1 + 1e-6 / 2.5e-10),
    ]
    found = si.rates(scenario, [0.25, 0.5, 0.25], [1.0, 0.5, 0.5])
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)
    assert si.weighted_sum_bps(scenario, found) == pytest.approx(
        0.2 * expected[0] + 0.3 * (expected[1] + expected[2]) + 0.5 * expected[3], rel=ROUNDING
    )
    assert si.efficiency_bit_per_j(scenario, found, [1.0, 0.5, 0.5]) == pytest.approx(sum(expected) / 3, rel=ROUNDING)


def test_no_power_or_no_band_gives_no_rate():
    scenario = si.Scenario(**FIELDS)
    assert np.array_equal(si.rates(scenario, [0.5, 0.5, 0], [0, 1, 1]) > 0, [False, True, True, False])


def test_rates_are_homogeneous_and_concave():
    rng = np.random.default_rng(3)
    scenario = si.Scenario(**FIELDS)
    for _ in range(50):
        one, two = (rng.dirichlet(np.ones(3), size=2) for _ in range(2))
        at_one, at_two = si.rates(scenario, *one), si.rates(scenario, *two)
        np.testing.assert_allclose(si.rates(scenario, *(0.3 * one)), 0.3 * at_one, rtol=1e-10)
        middle = si.rates(scenario, *(0.5 * (one + two)))
        assert np.all(middle >= 0.5 * (at_one + at_two) * (1 - ROUNDING))


def test_gradients_match_finite_differences():
    bands = si.Bands.of([si.Scenario.random(np.random.default_rng(5))])
    shares, powers = np.array([[0.3, 0.5, 0.2]]), np.array([[0.6, 0.1, 0.3]])
    by_share, by_power = bands.gradients(shares, powers)
    step = 1e-6  # central differences: error of the order step^2 = 1e-12 relative to third derivatives of order one
    numeric = (bands.rates(shares + step, powers) - bands.rates(shares - step, powers)) / (2 * step)
    np.testing.assert_allclose(by_share, numeric, rtol=1e-6, atol=1e-9)
    numeric = (bands.rates(shares, powers + step) - bands.rates(shares, powers - step)) / (2 * step)
    np.testing.assert_allclose(by_power, numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("radar_gain", [1e-9]),
        ("radar_gain", [1e-9, -1e-9]),
        ("radar_gain", [1e-9, 0.0]),
        ("clutter_gain", [1e-9, np.nan]),
        ("link_gain", [[1e-6, 1e-6]]),
        ("bandwidth_hz", 0.0),
        ("noise_psd_w_per_hz", np.inf),
        ("power_budget_w", -1.0),
        ("circuit_power_w", 0.0),
        ("weights", [0, 0, 0]),
        ("weights", [1, 1]),
        ("min_sensing_bps", -1.0),
        ("min_rate_bps", [1.0, 2.0, 3.0]),
        ("min_rate_bps", "fast"),
    ],
)
def test_malformed_fields_are_named(field, value):
    with pytest.raises(InvalidScenario) as caught:
        si.Scenario(**{**FIELDS, field: value})
    assert caught.value.field == field


def test_malformed_arguments_are_named():
    scenario = si.Scenario(**FIELDS)
    with pytest.raises(InvalidScenario, match="shares"):
        si.rates(scenario, [0.5, 0.5], [1, 1, 1])
    with pytest.raises(InvalidScenario, match="powers_w"):
        si.rates(scenario, [0.5, 0.5, 0], [1, -1, 1])
    with pytest.raises(InvalidScenario, match="colour"):
        si.Scenario.random(np.random.default_rng(0), colour="blue")
    with pytest.raises(InvalidScenario, match="clutters"):
        si.Scenario.random(np.random.default_rng(0), clutters=1.5)
    with pytest.raises(InvalidScenario, match="min_rate_bps"):
        scenario.network().replace(min_rate_bps=[1.0, 1.0, 1.0])


def test_random_batch_equals_random_of_the_children():
    batch = si.Scenario.random_batch(np.random.default_rng(11), 3)
    for row, child in zip(batch, np.random.default_rng(11).spawn(3), strict=True):
        again = si.Scenario.random(child)
        assert np.array_equal(row.radar_gain, again.radar_gain) and np.array_equal(row.link_gain, again.link_gain)
        assert np.array_equal(row.clutter_gain, again.clutter_gain)


def test_parameters_change_the_gains_but_not_the_drop():
    few, many, strong = (
        si.Scenario.random(np.random.default_rng(2), **change)
        for change in ({"clutters": 2}, {"clutters": 5}, {"target_rcs_m2": 10.0, "antenna_gain_db": 10.0})
    )
    assert np.array_equal(few.link_gain, many.link_gain) and np.all(many.clutter_gain > few.clutter_gain)
    reference = si.Scenario.random(np.random.default_rng(2))
    np.testing.assert_allclose(strong.radar_gain, 100 * reference.radar_gain, rtol=ROUNDING)
    np.testing.assert_allclose(strong.clutter_gain, 10 * reference.clutter_gain, rtol=ROUNDING)


def test_network_of_all_isac_users_is_the_same_drop():
    scenario, network = (kind.random(np.random.default_rng(8)) for kind in (si.Scenario, si.Network))
    assert np.array_equal(network.radar_gain[:2], scenario.radar_gain)
    assert np.array_equal(network.link_gain[1:], scenario.link_gain)
    assert network.radar_gain[2] > 0 and network.link_gain[0] > 0 and np.all(network.min_rate_bps > 0)


def test_path_losses_by_hand():
    """One user at every distance: the mean over fading of the gains divided by the path loss is one."""
    rng = np.random.default_rng(4)
    wavelength = 299_792_458.0 / 1e9
    links, radars = [], []
    for child in rng.spawn(1000):
        scenario = si.Scenario.random(child, radius_m=10.001, min_distance_m=9.999)
        links.append(scenario.link_gain / ((wavelength / (4 * math.pi)) ** 2 * 10**-2.5))
        radars.append(scenario.radar_gain / (1.0 * wavelength**2 / ((4 * math.pi) ** 3 * 10**4)))
    # Gamma(3, 1/3) has variance 1/3, the product of two (4/3)^2 - 1 = 0.78: four standard errors of 2000 samples.
    assert np.mean(links) == pytest.approx(1, abs=4 * math.sqrt(1 / 3 / 2000))
    assert np.mean(radars) == pytest.approx(1, abs=4 * math.sqrt(0.78 / 2000))
