import numpy as np
import pytest
import yaml
from scipy.stats import kstest

from isaclib import InvalidScenario
from isaclib import network_localization as nl
from isaclib.foundations.units import SPEED_OF_LIGHT_M_PER_S as C

ROUNDING = 1e-12  # closed forms: a few roundings
DERIVATIVE = 1e-6  # central differences with a step of 1e-3 m on distances of 100 m


def two_stations(**changes):
    fields = {
        "echo_gain": [4.0, 2.0],
        "bistatic_gain": [[0, 0.5], [0.25, 0]],
        "bs_bs_gain": [[0, 1.5], [0.75, 0]],
        "self_interference_gain": [1.0, 0.5],
        "link_gain": [8.0, 6.0],
        "cross_link_gain": [[0, 1.0], [2.0, 0]],
        "ue_echo_gain": [[0.5, 0.25], [0.125, 1.0]],
        "noise_bs_w": 1.0,
        "noise_ue_w": 2.0,
        "max_power_w": 10.0,
        "bandwidth_hz": C,
        "min_comm_sinr": 0.1,
    }
    return nl.Scenario(**{**fields, **changes})


def test_sinrs_of_a_case_by_hand():
    scenario, p = two_stations(), [2.0, 4.0]
    # BS 0: own echo 8; from BS 1: 4 * (0.5 + 1.5) = 8; self-interference 2; noise 1.
    np.testing.assert_allclose(nl.sensing_sinr(scenario, p), [8 / 11, 8 / (2 + 2 + 1)], rtol=ROUNDING)
    np.testing.assert_allclose(nl.sensing_sinr(scenario, p, integrated=False), [8 / 5, 8 / 3.5], rtol=ROUNDING)
    # User 0: 16; from BS 1: 4 * (1 + 0.25) = 5; own echo 1; noise 2.
    np.testing.assert_allclose(nl.comm_sinr(scenario, p), [16 / 8, 24 / (2 * 2.125 + 4 + 2)], rtol=ROUNDING)
    np.testing.assert_allclose(nl.comm_sinr(scenario, p, integrated=False), [16 / 6, 24 / 6], rtol=ROUNDING)


def test_range_accuracy_of_a_case_by_hand():
    scenario = two_stations(processing_gain=2.0)
    # Bandwidth c gives sigma = 1 / (2 sqrt(2 * 2 * sinr)).
    np.testing.assert_allclose(nl.range_std_m(scenario, [2.0, 4.0]), 1 / (4 * np.sqrt([8 / 11, 8 / 5])), rtol=ROUNDING)


def test_zero_power_is_valid_in_the_metrics(scenario):
    silent = [0.0, 1.0, 1.0]
    assert nl.sensing_sinr(scenario, silent)[0] == 0 and nl.comm_sinr(scenario, silent)[0] == 0
    assert np.isinf(nl.range_std_m(scenario, silent)[0])
    assert np.isfinite(nl.position_crb_m2(scenario, silent))
    assert np.isinf(nl.position_crb_m2(scenario, [0.0, 0.0, 1.0]))


@pytest.mark.parametrize("powers", [[1.0], [1.0, -1.0], [np.nan, 1.0], 1.0])
def test_bad_powers_are_named(powers):
    with pytest.raises(InvalidScenario, match="powers_w"):
        nl.sensing_sinr(two_stations(), powers)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("echo_gain", [0.0, 1.0]),
        ("bistatic_gain", [[1.0, 0.5], [0.5, 0.0]]),
        ("bs_bs_gain", [[0.0, -0.5], [0.5, 0.0]]),
        ("self_interference_gain", [1.0, 2.0, 3.0]),
        ("link_gain", [np.inf, 1.0]),
        ("cross_link_gain", [[0.0, 0.5]]),
        ("ue_echo_gain", "strong"),
        ("noise_bs_w", 0.0),
        ("noise_ue_w", np.nan),
        ("max_power_w", -1.0),
        ("bandwidth_hz", 0.0),
        ("min_comm_sinr", -0.1),
        ("processing_gain", 0.0),
        ("bs_positions_m", [[0.0, 0.0], [1.0, 0.0]]),
        ("target_position_m", [0.0, 0.0]),
    ],
)
def test_malformed_fields_are_named(field, value):
    with pytest.raises(InvalidScenario) as error:
        two_stations(**{field: value})
    assert error.value.field == field


def test_positions_are_needed_only_for_positions():
    with pytest.raises(InvalidScenario, match="bs_positions_m"):
        nl.position_crb_m2(two_stations(), [1.0, 1.0])
    with pytest.raises(InvalidScenario, match="target_position_m"):
        nl.position_crb_m2(two_stations(bs_positions_m=np.eye(3)[:2]), [1.0, 1.0])
    on_top = two_stations(bs_positions_m=np.eye(3)[:2], target_position_m=np.eye(3)[0])
    with pytest.raises(InvalidScenario, match="coincides"):
        nl.position_crb_m2(on_top, [1.0, 1.0])


def test_a_batch_gives_what_its_rows_give(rng):
    batch = nl.Scenario.random_batch(rng, 5)
    powers = rng.uniform(0, 1, (5, 3))
    for function in (nl.sensing_sinr, nl.comm_sinr, nl.range_std_m, nl.position_crb_m2, nl.residual):
        together = function(batch, powers)
        apart = [function(batch[d], powers[d]) for d in range(5)]
        np.testing.assert_allclose(together, apart, rtol=ROUNDING)


def test_integration_adds_interference_everywhere(rng):
    for scenario in nl.Scenario.random_batch(rng, 20):
        powers = rng.uniform(0.01, 1, 3)
        assert np.all(nl.sensing_sinr(scenario, powers) < nl.sensing_sinr(scenario, powers, integrated=False))
        assert np.all(nl.comm_sinr(scenario, powers) < nl.comm_sinr(scenario, powers, integrated=False))


def test_scaling_all_powers_up_raises_every_sinr(scenario):
    powers = np.array([0.2, 0.5, 0.1])
    for sinr in (nl.sensing_sinr, nl.comm_sinr):
        assert np.all(sinr(scenario, 1.5 * powers) > sinr(scenario, powers))


def test_the_reading_of_the_own_echo_at_the_user_hardly_matters(rng):
    # Own echo as signal, not interference: under 1 % of a typical drop's users' SINR, under 0.1 % of the typical optimum.
    users, optimum = [], []
    for scenario in nl.Scenario.random_batch(rng, 100):
        without = scenario.replace(ue_echo_gain=scenario.ue_echo_gain * (1 - np.eye(3)))
        users.append(np.max(nl.comm_sinr(without, np.ones(3)) / nl.comm_sinr(scenario, np.ones(3)) - 1))
        if nl.solve_exact_batch([scenario]).feasible[0]:
            change = nl.solve_exact(without).worst_sensing_sinr / nl.solve_exact(scenario).worst_sensing_sinr - 1
            assert change >= -ROUNDING  # less interference never hurts
            optimum.append(change)
    assert np.median(users) < 0.01 and np.median(optimum) < 1e-3


def test_random_batch_equals_random_row_by_row():
    batch = nl.Scenario.random_batch(np.random.default_rng(3), 4)
    for row, child in zip(batch, np.random.default_rng(3).spawn(4)):
        single = nl.Scenario.random(child)
        np.testing.assert_array_equal(row.bs_bs_gain, single.bs_bs_gain)
        np.testing.assert_array_equal(row.cross_link_gain, single.cross_link_gain)
        np.testing.assert_array_equal(row.target_position_m, single.target_position_m)


def test_parameters_do_not_change_the_random_numbers():
    plain = nl.Scenario.random(np.random.default_rng(5))
    other = nl.Scenario.random(np.random.default_rng(5), self_interference_db=-90, rician_k_db=5, bs_bs_exponent=2.0)
    np.testing.assert_array_equal(plain.target_position_m, other.target_position_m)
    np.testing.assert_array_equal(plain.link_gain, other.link_gain)


def test_geometry_and_reciprocity_of_a_drop(rng):
    for scenario in nl.Scenario.random_batch(rng, 30):
        np.testing.assert_allclose(np.linalg.norm(scenario.bs_positions_m[:, :2], axis=1), 100.0)
        distance = np.linalg.norm((scenario.ue_positions_m - scenario.bs_positions_m)[:, :2], axis=1)
        assert np.all(distance <= 100) and np.all(scenario.ue_positions_m[:, 2] == 1.5)
        np.testing.assert_array_equal(scenario.bs_bs_gain, scenario.bs_bs_gain.T)
        np.testing.assert_allclose(scenario.bistatic_gain, scenario.bistatic_gain.T, rtol=ROUNDING)
        # The bistatic echo is the geometric mean of the two monostatic ones.
        own = np.sqrt(np.outer(scenario.echo_gain, scenario.echo_gain))
        np.testing.assert_allclose(scenario.bistatic_gain, own * (1 - np.eye(3)), rtol=ROUNDING)


def test_echo_follows_the_radar_equation_by_hand():
    scenario = nl.Scenario.random(np.random.default_rng(1), cross_section_dbsm=0.0)
    distance = np.linalg.norm(scenario.target_position_m - scenario.bs_positions_m, axis=1)
    expected = (C / 3.5e9) ** 2 / ((4 * np.pi) ** 3 * distance**4)
    np.testing.assert_allclose(scenario.echo_gain, expected, rtol=ROUNDING)


def test_targets_are_uniform_in_the_hexagon(rng):
    points = np.array([nl.uniform_hexagon(rng, 1.0) for _ in range(3000)])
    x, y = np.abs(points).T
    assert np.all(y <= np.sqrt(3) / 2) and np.all(np.sqrt(3) * x + y <= np.sqrt(3) + ROUNDING)
    # |y| of a uniform point has density proportional to the width 2 - 2|y|/sqrt(3).
    height = np.sqrt(3) / 2
    test = kstest(y, lambda h: (2 * h - h**2 / np.sqrt(3)) / (2 * height - height**2 / np.sqrt(3)))
    assert test.pvalue > 1e-3


def test_layouts():
    cells = nl.bs_layout_m(7, 100.0, "cells")
    np.testing.assert_allclose(np.linalg.norm(cells[1:], axis=1), 100 * np.sqrt(3))
    np.testing.assert_array_equal(cells[0], 0)
    with pytest.raises(InvalidScenario, match="layout"):
        nl.bs_layout_m(3, 100.0, "ring")
    for count, layout in ((0, "vertices"), (8, "cells")):
        with pytest.raises(InvalidScenario, match="base_stations"):
            nl.bs_layout_m(count, 100.0, layout)


def test_position_bound_of_a_case_by_hand():
    # Two BSs at right angles at the target's height: tr J^-1 = sigma_0^2 + sigma_1^2.
    scenario = two_stations(bs_positions_m=[[10.0, 0, 0], [0, 20.0, 0]], target_position_m=[0.0, 0, 0])
    stds = nl.range_std_m(scenario, [1.0, 2.0])
    assert nl.position_crb_m2(scenario, [1.0, 2.0]) == pytest.approx(np.sum(stds**2), rel=ROUNDING)


def test_range_gradients_by_finite_differences(scenario):
    step = 1e-3
    for axis in range(2):
        shift = step * np.eye(3)[axis]
        ahead, behind = (
            np.linalg.norm(scenario.target_position_m + sign * shift - scenario.bs_positions_m, axis=1) for sign in (1, -1)
        )
        np.testing.assert_allclose(nl.range_gradients(scenario)[:, axis], (ahead - behind) / (2 * step), atol=DERIVATIVE)


def test_defaults_are_the_paper_set(chapter_parameters):
    import inspect

    signature = inspect.signature(nl.Scenario.random)
    defaults = {name: parameter.default for name, parameter in signature.parameters.items() if name != "rng"}
    shared = {name: value for name, value in chapter_parameters("paper").items() if name in defaults}
    assert len(shared) >= 15
    assert shared == {name: defaults[name] for name in shared}


@pytest.fixture
def chapter_parameters():
    from pathlib import Path

    folder = Path(__file__).parents[2] / "notebooks" / "network_localization" / "parameters"
    return lambda name: yaml.safe_load((folder / f"{name}.yml").read_text())


@pytest.mark.parametrize("many", [1e12, 1e15, 1e308])
def test_more_than_fits_into_a_memory_is_refused_by_name(scenario, many):
    for name, call in (
        ("base_stations", lambda: nl.bs_layout_m(many, 100.0)),
        ("base_stations", lambda: nl.Scenario.random(np.random.default_rng(1), base_stations=many)),
        ("trials", lambda: nl.simulate_position_errors_m(scenario, np.ones(3), np.random.default_rng(1), many)),
    ):
        with pytest.raises(InvalidScenario, match=f"{name}: must be at most"):
            call()
