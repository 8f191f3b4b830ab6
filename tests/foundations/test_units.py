"""Unit conversions: anchors known by heart, round trips, and zero."""

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations import units

ROUNDING = 1e-14  # a logarithm and a power, each good to a few units in the last place
LEVELS = np.array([-120.0, -3.0, 0.0, 10.0, 46.0])


@pytest.mark.parametrize(
    ("convert", "given", "expected"),
    [
        (units.db_to_linear, 30.0, 1000.0),
        (units.db_to_linear, -10.0, 0.1),
        (units.linear_to_db, 100.0, 20.0),
        (units.amplitude_to_db, 10.0, 20.0),
        (units.db_to_amplitude, 20.0, 10.0),
        (units.dbm_to_w, 30.0, 1.0),
        (units.dbm_to_w, 0.0, 1e-3),
        (units.w_to_dbm, 2.0, 33.010299956639813),
        (units.wavelength_m, 299_792_458.0, 1.0),
    ],
)
def test_anchors(convert, given, expected):
    assert convert(given) == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (units.db_to_linear, units.linear_to_db),
        (units.db_to_amplitude, units.amplitude_to_db),
        (units.dbm_to_w, units.w_to_dbm),
    ],
)
def test_round_trips_and_shapes(there, back):
    np.testing.assert_allclose(back(there(LEVELS)), LEVELS, rtol=ROUNDING, atol=1e-12)
    np.testing.assert_array_equal(there(LEVELS), [there(level) for level in LEVELS])
    assert np.ndim(there(3.0)) == 0 and np.ndim(back(3.0)) == 0
    assert there([[1.0, 2.0]]).shape == (1, 2)


def test_zero_power_is_minus_infinity_without_a_warning(recwarn):
    assert units.linear_to_db(0.0) == units.amplitude_to_db(0.0) == units.w_to_dbm(0.0) == -np.inf
    assert not recwarn.list


def test_an_amplitude_counts_twice_in_decibel():
    np.testing.assert_allclose(units.amplitude_to_db(3.7), units.linear_to_db(3.7**2), rtol=ROUNDING)


def test_thermal_noise():
    assert 10 * np.log10(units.thermal_noise_psd_w_per_hz() * 1e3) == pytest.approx(-173.975, abs=1e-3)
    assert units.thermal_noise_psd_w_per_hz(290.0, 10.0) == pytest.approx(10 * units.thermal_noise_psd_w_per_hz(290.0))
    np.testing.assert_allclose(
        units.thermal_noise_psd_w_per_hz([145.0, 290.0]), units.thermal_noise_psd_w_per_hz() * np.array([0.5, 1.0])
    )


def test_what_is_no_ratio_or_too_large_is_refused(recwarn):
    for convert in (units.linear_to_db, units.amplitude_to_db, units.w_to_dbm):
        for wrong in (-1.0, np.nan, [1.0, -2.0]):
            with pytest.raises(InvalidScenario):
                convert(wrong)
        assert convert(np.inf) == np.inf
    with pytest.raises(InvalidScenario, match="value_db: is too large"):
        units.db_to_linear(4000.0)
    assert units.db_to_linear(-np.inf) == 0.0
    assert units.w_to_dbm(1e307) == pytest.approx(3100.0)
    with pytest.raises(InvalidScenario, match="carrier_hz: must be positive"):
        units.wavelength_m(0.0)
    assert not recwarn.list
