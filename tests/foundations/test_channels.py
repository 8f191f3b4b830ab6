"""Path gains by hand, fading by its moments."""

import math

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations import channels
from isaclib.foundations.units import SPEED_OF_LIGHT_M_PER_S

DRAWS = 200_000
FIVE_SIGMA = 5 / math.sqrt(DRAWS)  # times the standard deviation of one sample: fails once in two million
ROUNDING = 1e-13


def test_path_gain_by_hand():
    assert channels.path_gain(10.0, exponent=2.0) == pytest.approx(1e-2, rel=ROUNDING)
    assert channels.path_gain(20.0, exponent=3.0, reference_gain=1e-3, reference_distance_m=10.0) == pytest.approx(1.25e-4)
    np.testing.assert_allclose(channels.path_gain([1.0, 2.0], exponent=2.5), [1.0, 2**-2.5], rtol=ROUNDING)


def test_carrier_path_gain_is_friis_at_exponent_two():
    carrier, distance = 1e9, 123.0
    expected = 4.0 * (SPEED_OF_LIGHT_M_PER_S / carrier / (4 * math.pi * distance)) ** 2
    assert channels.carrier_path_gain(distance, carrier, antenna_gain=4.0) == pytest.approx(expected, rel=ROUNDING)
    at_one_metre = channels.carrier_path_gain(1.0, carrier, exponent=3.5)
    assert at_one_metre == pytest.approx(channels.carrier_path_gain(1.0, carrier), rel=ROUNDING)


def test_radar_gain_is_two_friis_legs_over_a_cross_section():
    carrier, out, back, section = 3e9, 50.0, 80.0, 0.7
    wavelength = SPEED_OF_LIGHT_M_PER_S / carrier
    legs = channels.carrier_path_gain(out, carrier) * channels.carrier_path_gain(back, carrier)
    expected = legs * section * 4 * math.pi / wavelength**2
    assert channels.radar_gain(out, back, carrier, section) == pytest.approx(expected, rel=ROUNDING)
    assert channels.radar_gain(out, back, carrier, section) == channels.radar_gain(back, out, carrier, section)
    assert channels.radar_gain([50.0, 60.0], 80.0, carrier, section).shape == (2,)


@pytest.mark.parametrize("exponent", [2.0, 3.0])
def test_radar_exponent_holds_per_leg(exponent):
    near, far = (channels.radar_gain(d, d, 3e9, 1.0, exponent=exponent) for d in (10.0, 20.0))
    assert near / far == pytest.approx(2 ** (2 * exponent), rel=ROUNDING)


@pytest.mark.parametrize(("shape", "expected"), [((), ()), (3, (3,)), ((2, 3), (2, 3)), ([4], (4,))])
def test_fading_shapes(shape, expected):
    rng = np.random.default_rng(0)
    samples = [
        channels.complex_normal(rng, shape),
        channels.rician(rng, shape, k_factor=2.0),
        channels.nakagami_power(rng, shape, m=2.0),
        channels.rayleigh_amplitude(rng, shape),
    ]
    assert [np.shape(sample) for sample in samples] == [expected] * 4


def test_complex_normal_is_circular_with_unit_power():
    samples = channels.complex_normal(np.random.default_rng(1), DRAWS)
    assert np.mean(np.abs(samples) ** 2) == pytest.approx(1.0, abs=FIVE_SIGMA)
    assert abs(np.mean(samples)) < FIVE_SIGMA
    assert abs(np.mean(samples**2)) < math.sqrt(2) * FIVE_SIGMA, "real and imaginary part: uncorrelated, of equal power"


@pytest.mark.parametrize("k_factor", [0.0, 1.0, 10.0])
def test_rician_has_unit_power_and_the_mean_of_its_line_of_sight(k_factor):
    phase = np.exp(0.3j)
    samples = channels.rician(np.random.default_rng(2), DRAWS, k_factor=k_factor, line_of_sight=phase)
    assert np.mean(np.abs(samples) ** 2) == pytest.approx(1.0, abs=FIVE_SIGMA)
    assert np.mean(samples) == pytest.approx(math.sqrt(k_factor / (k_factor + 1)) * phase, abs=FIVE_SIGMA)


def test_rician_limits():
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(channels.rician(rng, 3, k_factor=math.inf, line_of_sight=1j), [1j, 1j, 1j])
    same = [np.random.default_rng(4) for _ in range(2)]
    rayleigh = channels.complex_normal(same[0], 5)
    np.testing.assert_array_equal(channels.rician(same[1], 5, k_factor=0.0), rayleigh)


@pytest.mark.parametrize("m", [0.5, 1.0, 4.0])
def test_nakagami_power_has_unit_mean_and_variance_one_over_m(m):
    samples = channels.nakagami_power(np.random.default_rng(5), DRAWS, m=m)
    assert np.mean(samples) == pytest.approx(1.0, abs=FIVE_SIGMA / math.sqrt(m))
    kurtosis_term = math.sqrt((2 + 6 / m) / m**2)  # standard deviation of (x - 1)^2 for a Gamma(m, 1/m)
    assert np.var(samples) == pytest.approx(1 / m, abs=FIVE_SIGMA * kurtosis_term)


def test_rayleigh_amplitude_has_unit_power():
    samples = channels.rayleigh_amplitude(np.random.default_rng(6), DRAWS)
    assert np.mean(samples**2) == pytest.approx(1.0, abs=FIVE_SIGMA)
    assert np.mean(samples) == pytest.approx(math.sqrt(math.pi) / 2, abs=FIVE_SIGMA)


@pytest.mark.parametrize(
    ("draw", "field"),
    [
        (lambda rng: channels.rician(rng, 2, k_factor=-1.0), "k_factor"),
        (lambda rng: channels.rician(rng, 2, k_factor=math.nan), "k_factor"),
        (lambda rng: channels.nakagami_power(rng, 2, m=0.4), "m"),
    ],
)
def test_impossible_fading_is_refused_by_name(draw, field):
    with pytest.raises(InvalidScenario) as caught:
        draw(np.random.default_rng(0))
    assert caught.value.field == field


def test_fading_at_the_ends_of_its_parameters():
    rng = np.random.default_rng(7)
    assert channels.nakagami_power(rng, m=math.inf) == 1.0
    np.testing.assert_array_equal(channels.nakagami_power(rng, 3, m=math.inf), np.ones(3))
    np.testing.assert_array_equal(channels.rician(rng, k_factor=math.inf, line_of_sight=[1, 1j]), [1, 1j])
    np.testing.assert_array_equal(channels.rician(rng, (3, 2), k_factor=math.inf, line_of_sight=[1, 1j]), [[1, 1j]] * 3)
    assert abs(channels.rician(rng, k_factor=1e300)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: channels.path_gain(-3.0, exponent=2.0), "distance_m"),
        (lambda: channels.path_gain(0.0, exponent=2.0), "distance_m"),
        (lambda: channels.path_gain(3.0, exponent=-2.0), "exponent"),
        (lambda: channels.path_gain(1e-200, exponent=3.0), "distance_m"),
        (lambda: channels.radar_gain([1.0, 2.0], [1.0, 2.0, 3.0], 1e9, 1.0), "receiver_distance_m"),
        (lambda: channels.radar_gain(1.0, 1.0, 1e9, -1.0), "radar_cross_section_m2"),
        (lambda: channels.rician(np.random.default_rng(0), 2, k_factor=1.0, line_of_sight=2.0), "line_of_sight"),
        (lambda: channels.rician(np.random.default_rng(0), 2, k_factor=1.0, line_of_sight=[1, 1, 1]), "line_of_sight"),
    ],
)
def test_what_has_no_gain_is_refused(call, field):
    with pytest.raises(InvalidScenario) as caught:
        call()
    assert caught.value.field == field
