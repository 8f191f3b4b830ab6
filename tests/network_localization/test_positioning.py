import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import network_localization as nl

EXACT = 1e-6  # metres; noise-free ranges, steps end at 1e-9 of the network's size
TRIALS = 4000
SAMPLING = 0.06  # four standard errors of an RMSE from 4000 trials are 4 %; the rest is curvature


def test_exact_ranges_give_the_exact_position(rng):
    for scenario in nl.Scenario.random_batch(rng, 30):
        ranges = np.linalg.norm(scenario.target_position_m - scenario.bs_positions_m, axis=1)
        found = nl.estimate_positions(scenario, ranges, rng.uniform(0.1, 1, 3))
        np.testing.assert_allclose(found, scenario.target_position_m[:2], atol=EXACT)


def test_error_meets_the_bound_when_ranges_are_good(rng):
    # The bound is asymptotic: drops whose ranges are worse than a metre have left the regime in which it must be met.
    drops = [(row, np.full(3, row.max_power_w)) for row in nl.Scenario.random_batch(rng, 8, processing_gain_db=60.0)]
    good = [(row, powers) for row, powers in drops if nl.position_crb_m2(row, powers) < 1.0]
    assert len(good) >= 5
    for scenario, powers in good:
        errors = nl.simulate_position_errors_m(scenario, powers, rng, TRIALS)
        bound = np.sqrt(nl.position_crb_m2(scenario, powers))
        assert np.sqrt(np.mean(errors**2)) == pytest.approx(bound, rel=SAMPLING)


def test_one_very_good_range_does_not_trap_the_estimate(rng):
    # A station close to the target outweighs the others by far; descent from the middle can end on the wrong side of its circle.
    for scenario in nl.Scenario.random_batch(rng, 40):
        ranges = np.linalg.norm(scenario.target_position_m - scenario.bs_positions_m, axis=1)
        stds = np.where(np.arange(3) == np.argmin(ranges), 1e-3, 1.0)
        found = nl.estimate_positions(scenario, ranges, stds)
        np.testing.assert_allclose(found, scenario.target_position_m[:2], atol=1e-3)


def test_a_silent_station_is_left_out(rng):
    scenario = nl.Scenario.random(rng, base_stations=4, processing_gain_db=80.0)
    powers = scenario.max_power_w * np.array([1.0, 1.0, 1.0, 0.0])
    errors = nl.simulate_position_errors_m(scenario, powers, rng, TRIALS)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(np.sqrt(nl.position_crb_m2(scenario, powers)), rel=SAMPLING)


def test_errors_larger_than_the_ranges_make_them_negative(rng):
    for gain_db in (-60.0, -200.0, -320.0):  # ranges off by kilometres, and by more than a billion of them
        scenario = nl.Scenario.random(rng, processing_gain_db=gain_db)
        powers = np.full(3, scenario.max_power_w)
        errors = nl.simulate_position_errors_m(scenario, powers, rng, 50)
        std = nl.range_std_m(scenario, powers)
        assert np.all(np.isfinite(errors)) and errors.max() > std.min() > 1000


def test_stations_that_stand_in_one_direction_are_no_singular_matrix():
    # Seen from 1e16 m away the stations are one point, and the normal matrix has one direction only.
    rng = np.random.default_rng(0)
    for scenario in nl.Scenario.random_batch(rng, 20, side_m=1.2, processing_gain_db=-320.0):
        errors = nl.simulate_position_errors_m(scenario, np.full(3, scenario.max_power_w), rng, 30)
        assert np.all(np.isfinite(errors))


def test_ranges_from_right_above_have_no_direction():
    # The mean of the stations lies right below them: no gradient there, and nothing better to find from it.
    scenario = nl.Scenario.random(np.random.default_rng(0), base_stations=2)
    above = scenario.bs_positions_m * [0.0, 0.0, 1.0]
    found = nl.estimate_positions(scenario.replace(bs_positions_m=above), [30.0, 30.0], np.ones(2), start_m=[-1e-3, -1e-3])
    assert np.all(np.isfinite(found))


def test_two_stations_need_a_start_on_the_right_side(rng):
    scenario = nl.Scenario.random(rng, base_stations=2)
    ranges = np.linalg.norm(scenario.target_position_m - scenario.bs_positions_m, axis=1)
    right = nl.estimate_positions(scenario, ranges, np.ones(2), start_m=scenario.target_position_m[:2] + 5)
    np.testing.assert_allclose(right, scenario.target_position_m[:2], atol=1e-4)
    mirrored = nl.estimate_positions(scenario, ranges, np.ones(2), start_m=scenario.target_position_m[:2] * [1, -1])
    np.testing.assert_allclose(mirrored, scenario.target_position_m[:2] * [1, -1], atol=1e-4)


def test_shapes_and_errors_are_named(rng, scenario):
    ranges = np.full((2, 5, 3), 100.0)
    assert nl.estimate_positions(scenario, ranges, np.ones(3)).shape == (2, 5, 2)
    with pytest.raises(InvalidScenario, match="ranges_m"):
        nl.estimate_positions(scenario, np.ones(2), np.ones(3))
    with pytest.raises(InvalidScenario, match="two or more"):
        nl.estimate_positions(scenario, np.ones(3), [1.0, np.inf, np.inf])
    with pytest.raises(InvalidScenario, match="target_position_m"):
        nl.simulate_position_errors_m(scenario.replace(target_position_m=None), np.ones(3), rng, 1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e97, 1e-100, 1e-172, 1e-300])
def test_directions_and_bound_do_not_depend_on_the_size_of_the_network(scenario, scale):
    positions = {name: getattr(scenario, name) * scale for name in ("bs_positions_m", "target_position_m")}
    scaled = scenario.replace(**positions)
    assert nl.range_gradients(scaled) == pytest.approx(nl.range_gradients(scenario), rel=1e-12)
    assert nl.position_crb_m2(scaled, np.ones(3)) == pytest.approx(nl.position_crb_m2(scenario, np.ones(3)), rel=1e-12)
    assert np.all(np.isfinite(nl.simulate_position_errors_m(scaled, np.ones(3), np.random.default_rng(1), 3)))
    for name in (*positions, "ue_positions_m"):
        with pytest.raises(InvalidScenario, match=f"{name}: must be at"):
            scenario.replace(**{name: getattr(scenario, name) * 1e200})


@pytest.mark.filterwarnings("error")
def test_starts_and_ranges_far_beyond_the_network(scenario):
    truth = scenario.target_position_m
    ranges = np.linalg.norm(truth - scenario.bs_positions_m, axis=1)
    for start in ([1e12, 0.0], [1e50, -1e100]):
        assert nl.estimate_positions(scenario, ranges, np.ones(3), start_m=start) == pytest.approx(truth[:2], abs=1e-6)
    with pytest.raises(InvalidScenario, match="start_m"):
        nl.estimate_positions(scenario, ranges, np.ones(3), start_m=[1e160, 0.0])
    errors = [nl.simulate_position_errors_m(scenario, [p, 1.0, 1.0], np.random.default_rng(1), 3) for p in (0.0, 1e-300, 1e-320)]
    assert np.array_equal(errors[0], errors[1]) and np.array_equal(errors[0], errors[2])
    assert np.all(np.isfinite(nl.simulate_position_errors_m(scenario, np.full(3, 1e-170), np.random.default_rng(1), 3)))


@pytest.mark.filterwarnings("error")
def test_range_accuracy_of_numbers_whose_products_leave_the_range_of_doubles():
    half = 299_792_458.0 / 2
    assert nl.range_std_from_sinr_m(1e-300, 1e308, 1e-20) == pytest.approx(half / np.sqrt(2) * 1e-148, rel=1e-12)
    assert nl.range_std_from_sinr_m(5e299, 1e-300, 1e300) == pytest.approx(half, rel=1e-12)
    assert nl.range_std_from_sinr_m([0.0, 0.5], 1e-320).tolist() == [np.inf, np.inf]
    for changes in ({"bandwidth_hz": 1e-320}, {"bandwidth_hz": 1e308, "processing_gain": 1e300}):
        scenario = nl.Scenario.random(np.random.default_rng(7)).replace(**changes)
        assert nl.solve_exact(scenario).certificate.status == "optimal"
