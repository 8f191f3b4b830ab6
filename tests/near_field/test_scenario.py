"""Geometry, channels and validation of the near-field scenario."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from isaclib import InvalidScenario
from isaclib import near_field as nf

ROUNDING = 1e-9  # phases of thousands of radians lose this much in double precision


def paper(seed=1, **changes):
    return nf.Scenario.random(np.random.default_rng(seed), **changes)


def test_antenna_positions_by_hand_odd_and_even():
    odd = paper(antennas=3, array_angles_rad=[0.0, np.pi / 2, 0.0], antenna_spacing_m=0.5)
    assert nf.antenna_positions_m(odd)[0] == pytest.approx(np.array([[29.5, 70], [30, 70], [30.5, 70]]))
    assert nf.antenna_positions_m(odd)[1] == pytest.approx(np.array([[10, 19.5], [10, 20], [10, 20.5]]))
    even = odd.replace(antennas=2)
    assert nf.antenna_positions_m(even)[0] == pytest.approx(np.array([[29.75, 70], [30.25, 70]]))


def test_broadside_points_to_the_centre_of_the_area():
    s = paper()
    axis = np.stack([np.cos(s.array_angles_rad), np.sin(s.array_angles_rad)], axis=-1)
    assert np.sum(axis * (np.array([35.0, 35.0]) - s.ap_positions_m), axis=-1) == pytest.approx(0, abs=1e-12)


def test_channel_is_the_spherical_wave_of_each_antenna():
    s = paper()
    k = 2 * np.pi / s.wavelength_m
    for user, ap, n in [(0, 0, 0), (3, 1, 20), (2, 2, 7)]:
        r = np.linalg.norm(s.user_positions_m[user] - nf.antenna_positions_m(s)[ap, n])
        r0 = np.linalg.norm(s.user_positions_m[user] - s.ap_positions_m[ap])
        expected = np.sqrt(s.wavelength_m / (4 * np.pi)) / r0 * np.exp(-1j * k * r)
        assert nf.channels(s)[user, ap, n] == pytest.approx(expected, rel=ROUNDING)


def test_physical_gain_is_free_space():
    s = paper(path_gain="physical")
    assert 20 * np.log10(nf.path_amplitudes(s)[1, 1]) == pytest.approx(-89.3, abs=0.05)  # 25 m at 28 GHz
    assert 20 * np.log10(nf.path_amplitudes(paper())[1, 1]) == pytest.approx(-58.7, abs=0.05)


def test_paper_geometry():
    s = paper()
    assert s.rayleigh_distance_m == pytest.approx(52.5, abs=0.1)
    distances = nf.centre_distances_m(s)
    assert (distances.min(), distances.max()) == pytest.approx((11.18, 47.17), abs=0.01)
    assert distances.max() < s.rayleigh_distance_m
    assert nf.channels(s).shape == (4, 3, 21)


def test_only_the_reflectivity_is_random():
    a, b = paper(1), paper(2)
    assert np.all(nf.channels(a) == nf.channels(b))
    assert not np.any(a.reflectivity == b.reflectivity)


def test_batch_equals_the_draws_row_by_row():
    batch = nf.Scenario.random_batch(np.random.default_rng(3), 4)
    for row, child in zip(batch, np.random.default_rng(3).spawn(4)):
        assert np.array_equal(row.reflectivity, nf.Scenario.random(child).reflectivity)


def test_access_points_can_be_chosen_and_reordered():
    s = paper()
    swapped = nf.with_access_points(s, [2, 0, 1])
    assert np.array_equal(nf.echo_gains(swapped), nf.echo_gains(s)[:, [2, 0, 1]][:, :, [2, 0, 1]])
    assert nf.with_access_points(s, [0], antennas=63).antennas == 63


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"antennas": 0}, "antennas"),
        ({"antennas": 2.5}, "antennas"),
        ({"antenna_spacing_m": 0.0}, "antenna_spacing_m"),
        ({"noise_w": 0.0}, "noise_w"),
        ({"sensing_power_w": -1.0}, "sensing_power_w"),
        ({"sensing_block_s": 1.0}, "sensing_block_s"),
        ({"crlb_limit_m2": np.nan}, "crlb_limit_m2"),
        ({"path_gain": "free"}, "path_gain"),
        ({"reflectivity": np.ones((4, 3, 2))}, "reflectivity"),
        ({"user_positions_m": [[30.0, 70.0], [1, 1], [2, 2], [3, 3]]}, "user_positions_m"),
        ({"array_angles_rad": [0.0, np.inf, 0.0]}, "array_angles_rad"),
    ],
)
def test_malformed_fields_are_named(changes, field):
    with pytest.raises(InvalidScenario) as caught:
        paper().replace(**changes)
    assert caught.value.field == field


def test_error_radii_follow_equation_4():
    s = paper()
    radii = nf.error_radii(s, 4e-12)
    assert radii == pytest.approx(373 * 2e-6 * np.linalg.norm(nf.channels(s), axis=-1))


def test_defaults_are_the_paper_set():
    folder = Path(__file__).parents[2] / "notebooks" / "near_field" / "parameters"
    values = yaml.safe_load((folder / "paper.yml").read_text())
    s = nf.Scenario.random(np.random.default_rng(values["seed"]))
    assert values["seed"] == nf.CALIBRATION_SEED
    assert values["array_orientation"] == "centre"
    assert s.ap_positions_m.T.tolist() == [values["ap_x_m"], values["ap_y_m"]]
    assert s.user_positions_m.T.tolist() == [values["user_x_m"], values["user_y_m"]]
    for name in ("antennas", "antenna_spacing_m", "carrier_hz", "path_gain", "block_s", "sensing_block_s", "crlb_limit_m2"):
        assert getattr(s, name) == values[name]
    assert s.error_slope_per_m == values["error_slope_per_m"]
    assert s.sensing_processing_gain_db == values["sensing_processing_gain_db"]
    for name in ("noise", "comm_power", "sensing_power"):
        assert getattr(s, f"{name}_w") == pytest.approx(1e-3 * 10 ** (values[f"{name}_dbm"] / 10))
