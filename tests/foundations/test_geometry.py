"""Positions and directions: by hand, by finite differences, and under rotation."""

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations import geometry

STEP = 1e-6  # metres; central differences of a range of some metres are then good to about 1e-10
DIFFERENCE = 1e-8
ROUNDING = 1e-13


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_disk_stays_inside_and_is_uniform_by_area():
    points = geometry.uniform_disk(np.random.default_rng(0), 20_000, 10.0, minimum_radius_m=4.0, center_m=(3.0, -2.0))
    radius = np.linalg.norm(points - [3.0, -2.0], axis=1)
    assert points.shape == (20_000, 2)
    assert radius.min() >= 4.0 and radius.max() <= 10.0
    five_sigma = 5 * 0.5 / np.sqrt(20_000)
    assert np.mean(radius**2 <= (4.0**2 + 10.0**2) / 2) == pytest.approx(0.5, abs=five_sigma)
    assert np.mean(points[:, 1] > -2.0) == pytest.approx(0.5, abs=five_sigma)


@pytest.mark.parametrize(("minimum", "radius"), [(5.0, 5.0), (-1.0, 5.0), (0.0, 0.0)])
def test_disk_refuses_an_empty_annulus(minimum, radius):
    with pytest.raises(InvalidScenario, match="minimum_radius_m: must lie in"):
        geometry.uniform_disk(np.random.default_rng(0), 3, radius, minimum_radius_m=minimum)


def test_distances_by_hand():
    np.testing.assert_array_equal(geometry.distances_m([[0, 0], [3, 0]], [[3, 4], [0, 0], [3, 0]]), [[5, 0, 3], [4, 3, 0]])
    assert geometry.distances_m(np.zeros((2, 3)), np.ones((4, 3))).shape == (2, 4)


def test_unit_vectors_point_from_the_first_to_the_second():
    np.testing.assert_allclose(geometry.unit_vectors([[0, 0]], [[3, 4], [0, -2]]), [[[0.6, 0.8], [0, -1]]], rtol=ROUNDING)


def test_coinciding_points_are_refused_by_number():
    with pytest.raises(InvalidScenario, match="points 1 and 0 coincide"):
        geometry.unit_vectors([[0, 0], [1, 1]], [[1, 1]])


def test_bistatic_gradient_is_the_derivative_of_the_bistatic_range():
    rng = np.random.default_rng(1)
    transmitters, receiver, targets = rng.normal(size=(4, 2)), rng.normal(size=2), 5 * rng.normal(size=(3, 2))

    def ranges(moved):
        return geometry.distances_m(transmitters, moved) + geometry.distances_m(receiver[None], moved)

    numeric = np.stack([(ranges(targets + step) - ranges(targets - step)) / (2 * STEP) for step in STEP * np.eye(2)], axis=-1)
    np.testing.assert_allclose(geometry.bistatic_range_gradients(transmitters, receiver, targets), numeric, atol=DIFFERENCE)


def test_bistatic_gradients_turn_with_the_scene():
    rng = np.random.default_rng(2)
    transmitters, receiver, targets = rng.normal(size=(4, 2)), rng.normal(size=2), rng.normal(size=(3, 2))
    turn = rotation(0.7)
    turned = geometry.bistatic_range_gradients(transmitters @ turn.T, turn @ receiver, targets @ turn.T)
    still = geometry.bistatic_range_gradients(transmitters, receiver, targets)
    np.testing.assert_allclose(turned, still @ turn.T, atol=ROUNDING)


def test_bistatic_gradient_has_length_two_monostatic_and_zero_on_the_baseline():
    rng = np.random.default_rng(3)
    for _ in range(200):
        transmitter, receiver = 10 * rng.normal(size=(2, 2))
        between = transmitter + rng.uniform(0.1, 0.9) * (receiver - transmitter)
        np.testing.assert_array_equal(geometry.bistatic_range_gradients([transmitter], receiver, [between]), 0.0)
        monostatic = geometry.bistatic_range_gradients([receiver], receiver, [between])
        assert np.linalg.norm(monostatic) == pytest.approx(2.0, rel=ROUNDING)


def test_hexagon():
    vertices = geometry.hexagon(3.0, center_m=(1.0, 2.0))
    np.testing.assert_allclose(np.linalg.norm(vertices - np.roll(vertices, 1, axis=0), axis=1), 3.0, rtol=ROUNDING)
    np.testing.assert_allclose(vertices.mean(axis=0), [1.0, 2.0], rtol=ROUNDING)
    np.testing.assert_allclose(vertices[0], [4.0, 2.0], rtol=ROUNDING)
    edges = np.roll(vertices, -1, axis=0) - vertices
    turns = edges[:, 0] * np.roll(edges[:, 1], -1) - edges[:, 1] * np.roll(edges[:, 0], -1)
    assert np.all(turns > 0), "counter-clockwise"


def test_directions_and_distances_at_the_ends_of_the_range(recwarn):
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        geometry.unit_vectors([[0, 0]], [[1e200, 1e200], [1e-200, 1e-200]]), [[[half, half]] * 2], rtol=ROUNDING
    )
    found = geometry.distances_m([[0, 0]], [[3e200, 4e200], [3e-200, 4e-200], [3, 4]])
    np.testing.assert_allclose(found, [[5e200, 5e-200, 5]], rtol=ROUNDING)
    with pytest.raises(InvalidScenario, match="from_m: lies so far away"):
        geometry.distances_m([[-1e308, 0]], [[1e308, 0]])
    assert not recwarn.list


def test_a_point_in_the_plane_and_one_in_space_are_refused():
    with pytest.raises(InvalidScenario, match=r"to_m: has shape \(1, 3\)"):
        geometry.distances_m([[0, 0]], [[1, 1, 1]])
    with pytest.raises(InvalidScenario, match=r"from_m: has shape \(2,\)"):
        geometry.unit_vectors([0, 0], [[1, 1]])
    assert geometry.bistatic_range_gradients([[0, 0, 0]], [0, 0, 1], [[1, 1, 1]]).shape == (1, 1, 3)
