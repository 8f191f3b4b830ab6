"""The model's formulas: hand cases, finite differences, invariances, and the scenario's guards."""

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import wireless_powered as wp

ROUNDING = 1e-12  # relative; a few hundred operations in double precision
DIFFERENCE = 1e-6  # relative error of a central difference with step 1e-5


def scene(**changes):
    """One user at (3, 0), one target at (0, 4), BS at the origin: distances 3, 4, 5."""
    fields = {
        "bs_position_m": [0.0, 0.0],
        "user_positions_m": [[3.0, 0.0]],
        "target_positions_m": [[0.0, 4.0]],
        "gain_bs_user": [1e-4],
        "gain_transmitter_target": [[2e-5], [1e-5]],
        "bs_power_w": 10.0,
        "max_power_w": 2.0,
        "time_budget_s": 10.0,
        "bandwidth_hz": 1e6,
        "noise_w": 1e-10,
        "harvest_efficiency": 0.7,
        "crb_limit_m2": 0.05,
    }
    return wp.Scenario(**(fields | changes))


def test_formulas_by_hand():
    s = scene()
    assert wp.harvested_energy_j(s, 5.0) == pytest.approx([0.7 * 1e-4 * 10 * 5], rel=ROUNDING)
    assert wp.round_trip_m(s)[:, 0] == pytest.approx([8.0, 9.0], rel=ROUNDING)
    # From the target, the user lies along (3, -4)/5 and the BS along (0, -1).
    assert wp.range_gradients(s)[:, 0] == pytest.approx(np.array([[0.0, 2.0], [-0.6, 1.8]]), abs=ROUNDING)
    k = 8 * np.pi**2 * 1e12 * np.array([2e-5, 1e-5]) / (1e-10 * 9e16)
    assert wp.sensing_coefficients(s)[:, 0] == pytest.approx(k, rel=ROUNDING)
    p = 0.5
    expected = 10 * k[0] * np.array([[0, 0], [0, 4]]) + p * k[1] * np.array([[0.36, -1.08], [-1.08, 3.24]])
    assert wp.fisher_information(s, [p])[0] == pytest.approx(expected, rel=ROUNDING)
    assert wp.crb_trace(s, [p])[0] == pytest.approx(np.trace(np.linalg.inv(expected)), rel=1e-10)
    assert wp.snr(s, [p]) == pytest.approx([5e5], rel=ROUNDING)
    assert wp.throughputs(s, [2.0], [p]) == pytest.approx([2e6 * np.log2(1 + 5e5)], rel=ROUNDING)


def test_range_gradient_is_the_derivative_of_the_round_trip():
    s = wp.Scenario.random(np.random.default_rng(1), users=4, targets=3)
    step = 1e-5
    for axis in (0, 1):
        shift = np.zeros((3, 2))
        shift[:, axis] = step
        ahead = wp.round_trip_m(s.replace(target_positions_m=s.target_positions_m + shift))
        behind = wp.round_trip_m(s.replace(target_positions_m=s.target_positions_m - shift))
        assert wp.range_gradients(s)[..., axis] == pytest.approx((ahead - behind) / (2 * step), abs=DIFFERENCE)


def test_fisher_information_is_the_curvature_of_the_log_likelihood():
    s = wp.Scenario.random(np.random.default_rng(2), users=3, targets=1)
    weights = wp.sensing_weights(s, [0.3, 0.2, 0.1])[:, 0]
    truth = wp.round_trip_m(s)[:, 0]

    def loss(q):
        return 0.5 * np.sum(weights * (wp.round_trip_m(s.replace(target_positions_m=[q]))[:, 0] - truth) ** 2)

    q0, h = s.target_positions_m[0], 1e-4
    hessian = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            ei, ej = h * np.eye(2)[i], h * np.eye(2)[j]
            hessian[i, j] = (loss(q0 + ei + ej) - loss(q0 + ei - ej) - loss(q0 - ei + ej) + loss(q0 - ei - ej)) / (4 * h * h)
    # Noise-free data: the loss's Hessian at the truth is exactly J, up to O(h^2).
    assert wp.fisher_information(s, [0.3, 0.2, 0.1])[0] == pytest.approx(hessian, rel=1e-5, abs=1e-5 * np.abs(hessian).max())


def test_crb_constraint_has_the_sign_of_the_limit():
    rng = np.random.default_rng(3)
    for _ in range(20):
        s = wp.Scenario.random(rng, users=5, targets=4, crb_limit_m2=0.02)
        p = s.max_power_w * rng.random(5)
        crb, slack = wp.crb_trace(s, p), wp.crb_constraint(s, p)
        determinant = np.linalg.det(wp.fisher_information(s, p))
        assert np.array_equal(slack <= 0, crb <= s.crb_limit_m2)
        assert slack == pytest.approx((crb - s.crb_limit_m2) * determinant, rel=1e-6)


def test_energy_information_counts_time_and_bandwidth():
    s = wp.Scenario.random(np.random.default_rng(4), users=3, targets=2)
    e = s.replace(sensing="energy")
    p, t0, t = np.array([0.1, 0.2, 0.3]), 6.0, np.array([1.0, 0.5, 0.25])
    one_slot = wp.fisher_information(s.replace(bs_power_w=s.bs_power_w * t0), p * t) * s.bandwidth_hz
    assert wp.fisher_information(e, p, charging_time_s=t0, times_s=t) == pytest.approx(one_slot, rel=ROUNDING)
    with pytest.raises(InvalidScenario) as error:
        wp.crb_trace(e, p, charging_time_s=t0)
    assert error.value.field == "times_s"


def test_zero_powers_are_valid_inputs_of_every_metric():
    s = wp.Scenario.random(np.random.default_rng(5), users=3, targets=2)
    zero = np.zeros(3)
    assert np.all(wp.throughputs(s, zero, zero) == 0)
    assert np.all(np.isinf(wp.crb_trace(s, zero)))  # one direction only: the geometry is degenerate
    assert np.all(wp.crb_constraint(s, zero) > 0)


def test_rotation_and_translation_of_the_scene_change_nothing():
    s = wp.Scenario.random(np.random.default_rng(6), users=4, targets=3)
    angle, shift = 0.7, np.array([3.0, -5.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = s.replace(
        bs_position_m=s.bs_position_m @ turn.T + shift,
        user_positions_m=s.user_positions_m @ turn.T + shift,
        target_positions_m=s.target_positions_m @ turn.T + shift,
    )
    p = np.array([0.1, 0.5, 1.0, 2.0])
    assert wp.crb_trace(moved, p) == pytest.approx(wp.crb_trace(s, p), rel=1e-10)


def test_more_power_never_hurts_localization():
    rng = np.random.default_rng(7)
    for _ in range(20):
        s = wp.Scenario.random(rng, users=4, targets=3)
        p = rng.random(4)
        more = p + rng.random(4) * (rng.random(4) < 0.5)
        assert np.all(wp.crb_trace(s, more) <= wp.crb_trace(s, p) * (1 + ROUNDING))


def test_random_batch_equals_random_of_spawned_children():
    batch = wp.Scenario.random_batch(np.random.default_rng(8), 5)
    children = np.random.default_rng(8).spawn(5)
    for one, child in zip(batch, children):
        alone = wp.Scenario.random(child)
        assert np.array_equal(one.gain_transmitter_target, alone.gain_transmitter_target)
        assert np.array_equal(one.user_positions_m, alone.user_positions_m)


def test_random_positions_and_fading_follow_their_laws():
    batch = wp.Scenario.random_batch(np.random.default_rng(9), 400)
    radius = np.linalg.norm(batch.user_positions_m, axis=-1)
    assert radius.max() <= 10.0
    # Uniform by area: E r^2 = R^2/2, with 4,000 points to a few percent.
    assert np.mean(radius**2) == pytest.approx(50.0, rel=0.05)
    z = batch.gain_bs_user / (1e-3 * np.maximum(radius, 1.0) ** -2.5)
    assert np.mean(z**2) == pytest.approx(1.0, rel=0.1)
    assert np.mean(z) == pytest.approx(np.sqrt(np.pi) / 2, rel=0.05)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bs_position_m", [0.0, 0.0, 0.0]),
        ("bs_position_m", [np.nan, 0.0]),
        ("user_positions_m", [3.0, 0.0]),
        ("target_positions_m", [[0.0, 4.0, 1.0]]),
        ("target_positions_m", [[0.0, 0.0]]),
        ("target_positions_m", [[3.0, 0.0]]),
        ("gain_bs_user", [0.0]),
        ("gain_bs_user", [1e-4, 1e-4]),
        ("gain_bs_user", ["strong"]),
        ("gain_transmitter_target", [[2e-5]]),
        ("gain_transmitter_target", [[2e-5], [-1e-5]]),
        ("bs_power_w", 0.0),
        ("max_power_w", -2.0),
        ("time_budget_s", float("inf")),
        ("bandwidth_hz", "1 MHz"),
        ("noise_w", 0.0),
        ("harvest_efficiency", 1.5),
        ("harvest_efficiency", [0.5, 0.5]),
        ("crb_limit_m2", 0.0),
        ("crb_limit_m2", float("nan")),
        ("sensing", "time"),
    ],
)
def test_each_malformed_field_is_named(field, value):
    with pytest.raises(InvalidScenario) as error:
        scene(**{field: value})
    assert error.value.field == field


def test_malformed_arguments_are_named():
    s = scene()
    with pytest.raises(InvalidScenario, match="powers_w"):
        wp.crb_trace(s, [1.0, 2.0])
    with pytest.raises(InvalidScenario, match="times_s"):
        wp.throughputs(s, [-1.0], [1.0])
    with pytest.raises(InvalidScenario, match="fading"):
        wp.Scenario.random(np.random.default_rng(0), fading="rice")


@pytest.mark.parametrize("many", [1e12, 1e15, 1e308])
@pytest.mark.parametrize("name", ["users", "targets", "draws"])
def test_more_than_fits_into_a_memory_is_refused_by_name(name, many):
    with pytest.raises(InvalidScenario, match=f"{name}: must be at most"):
        if name == "draws":
            wp.Scenario.random_batch(np.random.default_rng(1), many)
        else:
            wp.Scenario.random(np.random.default_rng(1), **{name: many})
