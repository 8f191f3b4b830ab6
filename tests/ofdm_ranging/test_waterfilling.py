"""Water-filling: by hand, against its optimality conditions, against a cone program; the priced bound."""

import math

import cvxpy as cp
import numpy as np
import pytest

from isaclib import ofdm_ranging as ofdm
from isaclib.foundations import conic
from isaclib.ofdm_ranging.waterfilling import priced_bound, waterfill_powers

ROUNDING = 1e-12
CONE = 1e-8  # relative: what an interior-point cone solver reaches at tolerance 1e-11


def test_two_carriers_by_hand():
    # floors 1 and 3, budget 1: the level 2 stays below 3; budget 4: (4 + 1 + 3) / 2 = 4
    assert waterfill_powers([1.0, 1 / 3], 1.0) == pytest.approx([1.0, 0.0], abs=ROUNDING)
    assert waterfill_powers([1.0, 1 / 3], 4.0) == pytest.approx([3.0, 1.0], abs=1e-11)


def test_rows_equal_single_calls_and_dead_carriers_get_nothing():
    gains = np.random.default_rng(0).exponential(size=(5, 3, 20))
    gains[..., 4] = 0.0
    budget = np.random.default_rng(1).random((5, 3)) * 10
    together = waterfill_powers(gains, budget)
    assert np.all(together[..., 4] == 0) and np.allclose(together.sum(-1), budget, rtol=ROUNDING)
    assert together[2, 1] == pytest.approx(waterfill_powers(gains[2, 1], budget[2, 1]), rel=ROUNDING)
    assert waterfill_powers(np.zeros(4), 2.0) == pytest.approx([0.5] * 4)


def test_marginal_rates_are_equal_where_power_flows_and_smaller_elsewhere():
    for seed in range(20):
        gains = np.random.default_rng(seed).exponential(size=64) * 10 ** (seed / 5 - 2)
        powers = waterfill_powers(gains, 1.0)
        marginal = gains / (1 + gains * powers)
        price = marginal[powers > 0].max()
        assert marginal[powers > 0] == pytest.approx(price, rel=1e-9)
        assert np.all(marginal[powers == 0] <= price * (1 + 1e-9))


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
def test_equals_the_cone_program(snr_db):
    scenario = ofdm.Scenario.random(np.random.default_rng(5), carriers=32, mean_snr_db=snr_db)
    x = cp.Variable(32, nonneg=True)
    problem = cp.Problem(cp.Maximize(cp.sum(cp.log1p(cp.multiply(scenario.carrier_snr, x)))), [cp.sum(x) <= 1])
    nats = conic.solve(problem, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11).value
    allocation = ofdm.waterfill(scenario)
    assert allocation.capacity_bps == pytest.approx(nats * scenario.subcarrier_spacing_hz / math.log(2), rel=CONE)
    assert allocation.certificate.gap < ROUNDING and allocation.certificate.status == "optimal"


def test_priced_bound_is_the_weighted_optimum():
    rng = np.random.default_rng(3)
    gains, bonus = rng.exponential(size=24) * 5, rng.normal(size=24)
    x = cp.Variable(24, nonneg=True)
    problem = cp.Problem(cp.Maximize(cp.sum(cp.log1p(cp.multiply(gains, x))) + bonus @ x), [cp.sum(x) <= 1])
    assert priced_bound(gains, bonus) == pytest.approx(conic.solve(problem).value, rel=1e-6)
    for sample in rng.dirichlet(np.ones(24), size=200):
        assert np.log1p(gains * sample).sum() + bonus @ sample <= priced_bound(gains, bonus)
    assert priced_bound(gains, np.full(24, -100.0)) == 0.0


@pytest.mark.parametrize("snr", [1.0, 1e-4, 1e-8, 1e-14])
def test_priced_bound_keeps_its_digits_below_the_noise(snr):
    """All power on the better of two carriers, as far below the noise as may be: ln(1 + g)."""
    gains = snr * np.array([1.0, 0.4])
    assert priced_bound(gains, np.zeros(2)) == pytest.approx(np.log1p(snr), rel=1e-13)
    alike = priced_bound(np.full(64, snr), np.zeros(64))
    assert alike == pytest.approx(64 * np.log1p(snr / 64), rel=1e-13)


@pytest.mark.parametrize("budget", [1e60, 1e150, 1e250])
def test_the_bound_of_any_snr_is_tight(budget):
    """Two hundred halvings from a price of 1e60 did not come down to one near the number of carriers: 14 % off, or more."""
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=16).replace(power_budget_w=budget)
    assert ofdm.waterfill(scenario).certificate.gap < 1e-12
    found = ofdm.solve_exact(scenario, peak_sidelobe_db=-20.0)
    assert found.certificate.status == "optimal" and ofdm.verify(scenario, found, peak_sidelobe_db=-20.0).status == "optimal"
