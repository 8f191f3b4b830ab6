"""The interior point's parts against direct computation: steering, series about a peak, Newton's matrix, factors, warm starts."""

import math

import numpy as np
import pytest

from isaclib import ofdm_ranging as ofdm
from isaclib.ofdm_ranging import cuts, interior_point, pulse
from isaclib.ofdm_ranging.feasibility import problem_of
from isaclib.ofdm_ranging.rows import Rows
from isaclib.ofdm_ranging.waterfilling import waterfill_shares


@pytest.mark.parametrize("count", [2, 15, 16, 17, 128, 200])
def test_steering_is_the_exponential_of_every_carriers_phase(count):
    delays = np.random.default_rng(count).uniform(0, count / 2, 7)
    direct = np.exp(2j * math.pi / count * np.outer(delays, np.arange(count) - (count - 1) / 2))
    assert np.abs(pulse.steering(delays, count) - direct).max() < 1e-15 * count
    assert pulse.steering(delays[:0], count).shape == (0, count)


@pytest.mark.parametrize("reach", [1 / 64, 1 / 16, 1 / 8])
def test_the_series_about_a_delay_is_the_output_and_its_derivatives(reach):
    rng = np.random.default_rng(3)
    weights, delays = rng.exponential(size=40), rng.uniform(0, 20, 9)
    nearby = pulse._Nearby(weights, delays, reach)
    for offset in (np.zeros(9), np.full(9, reach), rng.uniform(-reach, reach, 9)):
        power, slope, curvature = nearby(offset)
        step = 1e-4
        at = [np.abs(pulse.pulse(weights, delays + offset + shift)) ** 2 for shift in (-step, 0.0, step)]
        scale = weights.sum() ** 2
        assert np.abs(power - at[1]).max() < 1e-14 * scale
        assert np.abs(slope - (at[2] - at[0]) / (2 * step)).max() < 1e-6 * scale
        assert np.abs(curvature - (at[2] - 2 * at[1] + at[0]) / step**2).max() < 1e-6 * scale


def test_a_delay_beside_a_peak_is_moved_onto_it():
    weights = np.random.default_rng(4).exponential(size=40)
    u, levels = pulse.peaks(weights, 1.5, 18.0, 32, above=0.2)
    inside = (u > 1.6) & (u < 17.9)
    for shift in (-0.03, 0.03):
        moved = pulse.refine(weights, u[inside] + shift, 1 / 16)
        assert moved == pytest.approx(u[inside], abs=1e-7)
        assert np.abs(pulse.pulse(weights, moved)) / weights.sum() == pytest.approx(levels[inside], rel=1e-12)


def _rows(rng, slack: float | None) -> Rows:
    delays, scales = rng.uniform(1.5, 8, 6), rng.uniform(0.1, 1, 6)
    where = np.array([1, 4])
    return Rows(16, delays, scales, rng.normal(size=(2, 16)), where, slack)


@pytest.mark.parametrize("slack", [None, 20.0])
def test_newtons_matrix_is_the_hessian_of_the_limits_and_the_squares_of_their_gradients(slack):
    rng = np.random.default_rng(5)
    rows = _rows(rng, slack)
    z = rng.exponential(size=rows.size)
    multipliers, weights = rng.exponential(size=(2, rows.total))

    def jacobian(z):
        at = rows.slopes(z)
        return np.array([rows.backward(at, unit) for unit in np.eye(rows.total)])

    at, step = rows.slopes(z), 1e-5
    own = jacobian(z)
    numeric = np.array(
        [(rows.values(z + d, rows.slopes(z + d)) - rows.values(z - d, rows.slopes(z - d))) for d in step * np.eye(rows.size)]
    )
    assert own == pytest.approx(numeric.T / (2 * step), rel=1e-6, abs=1e-6)
    curvature = np.array([(jacobian(z + d) - jacobian(z - d)).T @ multipliers / (2 * step) for d in step * np.eye(rows.size)])
    expected = curvature + own.T @ (weights[:, None] * own)
    matrix = rows.newton(at, multipliers, weights)
    assert np.abs(matrix - expected).max() < 1e-8 * np.abs(expected).max()
    d = rng.normal(size=rows.size)
    along = rows.slopes(d)
    assert rows.forward(at, d, along) == pytest.approx(own @ d, rel=1e-10)
    assert rows.turned(at, weights * rows.forward(at, d, along), along, multipliers) == pytest.approx(expected @ d, rel=1e-6)


def test_a_warm_start_ends_at_the_same_point_in_fewer_steps():
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=64)
    gains = scenario.carrier_snr
    state = cuts.Rounds(problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-22.0)), waterfill_shares(gains))
    weight = 1.0 / float(np.log1p(gains * state.x).sum())
    for tolerance in (1e-3, 1e-5):
        point = state.solve(gains, None, cuts.ROOM, tolerance, weight)
        state.exchange(point.z / point.z.sum())
    before = state.used
    rows = state.rows(state.x)
    arguments = (rows, gains, 0.9 * state.x + 0.1 / 64)
    cold = interior_point.minimise(*arguments, tolerance=1e-8, weight=weight)
    warm = interior_point.minimise(*arguments, tolerance=1e-8, weight=weight, warm=state._warm(rows, before))
    assert cold.converged and warm.converged and warm.iterations < cold.iterations
    assert warm.z == pytest.approx(cold.z, abs=1e-6)
    assert np.log1p(gains * warm.z).sum() == pytest.approx(np.log1p(gains * cold.z).sum(), rel=1e-7)


@pytest.mark.parametrize("slack", [None, 20.0])
def test_gradients_are_the_jacobians_rows(slack):
    rng = np.random.default_rng(6)
    rows = _rows(rng, slack)
    at = rows.slopes(rng.exponential(size=rows.size))
    gradients = rows.gradients(at)
    for weights in np.eye(rows.total):
        assert weights @ gradients == pytest.approx(rows.backward(at, weights), abs=1e-12)


def test_heavy_limits_kept_apart_leave_the_rest_its_digits():
    """Against the bordered system; the matrix with the weights in it has no digit left."""
    rng = np.random.default_rng(7)
    half, gradients, right = rng.normal(size=(12, 12)), rng.normal(size=(4, 12)), rng.normal(size=12)
    rest, weights = half @ half.T + np.eye(12), np.array([1e14, 3e15, 1e16, 1e17])
    bordered = np.block([[rest, gradients.T], [gradients, -np.diag(1 / weights)]])
    expected = np.linalg.solve(bordered, np.append(right, np.zeros(4)))[:12]
    solve = interior_point._eliminated(lambda b: np.linalg.solve(rest, b), gradients, weights)
    assert solve(right) == pytest.approx(expected, abs=1e-10)
    mixed = np.linalg.solve(rest + gradients.T @ (weights[:, None] * gradients), right)
    assert np.abs(mixed - expected).max() > 1e-4
