"""Right values at the places that a change of one sign, constant or comparison would move: by definition, or in many digits."""

import dataclasses
import importlib
import inspect
import itertools
import math
import time
import types

import mpmath
import numpy as np
import pytest
from ends import POSITIVE, assert_ends
from scipy.optimize import brentq, linprog
from timed import assert_timed

from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure
from isaclib import semi_isac as si
from isaclib.semi_isac import benchmarks, bounds, drop, exact, interior_point, paper, phases, rescue, study
from isaclib.semi_isac.allocation import RESTRICTIONS
from isaclib.semi_isac.bands import Bands, Restriction, slopes_of, worth
from isaclib.semi_isac.cone import cone_program
from isaclib.semi_isac.scenario import Stack

verify, prices = (importlib.import_module(f"isaclib.semi_isac.{name}") for name in ("verify", "prices"))
DROPS = si.Scenario.random_batch(np.random.default_rng(20), 3, min_rate_bps=60e6)
BANDS = Bands.of(DROPS)
NETWORK = si.Network(
    radar_gain=[2.0, 0.5, 3.0],
    clutter_gain=[0.25, 0.0, 1.0],
    link_gain=[1.0, 4.0, 0.0],
    bandwidth_hz=2.0,
    noise_psd_w_per_hz=0.5,
    power_budget_w=4.0,
    circuit_power_w=1.0,
    weights=[0.5, 2.0, 1.0],
    min_sensing_bps=[0.2, 0.0, 0.3],
    min_rate_bps=[0.0, 0.6, 0.0],
)
PLAIN = Bands.of([NETWORK])  # radar 8, 2, 12; clutter 1, 0, 4; link 4, 16, 0; weights 1/4, 1, 1/2


# --- the model ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("radar, clutter, link, x", [(8.0, 1.0, 4.0, 0.3), (1e9, 1e7, 1e9, 1e-3), (1e-6, 0.0, 1e-8, 5.0)])
def test_rates_and_their_slopes_in_thirty_digits(radar, clutter, link, x):
    sensing = lambda y: mpmath.log(1 + radar * y / (1 + clutter * y))  # noqa: E731
    rate = lambda y: mpmath.log(1 + link * y)  # noqa: E731
    with mpmath.workdps(40):
        at = mpmath.mpf(x)
        truth = [[mpmath.diff(f, at, n) if n else f(at) for f in (sensing, rate)] for n in range(3)]
    value, first, bend = slopes_of(*map(np.array, (radar, clutter, link, x)))
    np.testing.assert_allclose(
        [value, first, bend], [[float(s * y) for y in row] for s, row in zip((1, 1, -1), truth)], rtol=1e-12
    )


def test_a_network_without_its_units_by_hand():
    np.testing.assert_allclose([PLAIN.radar[0], PLAIN.clutter[0], PLAIN.link[0]], [[8, 2, 12], [1, 0, 4], [4, 16, 0]])
    np.testing.assert_allclose(PLAIN.weights[0], [0.25, 1, 0.5])
    unit = 2 / math.log(2)
    np.testing.assert_allclose(PLAIN.floors[0], np.array([[0.2, 0], [0, 0.6], [0.3, 0]]) / unit)
    assert (PLAIN.circuit[0], PLAIN.scale[0], PLAIN.power_w[0]) == (0.25, pytest.approx(unit), 4.0)
    np.testing.assert_array_equal(PLAIN.unweighted().weights, 1.0)
    shares, powers = np.array([[0.2, 0.3, 0.5]]), np.array([[0.1, 0.4, 0.5]])
    in_bps = si.user_rates(NETWORK, shares[0], 4 * powers[0])
    np.testing.assert_allclose(PLAIN.rates(shares, powers)[0] * unit, in_bps, rtol=1e-14)
    assert worth(PLAIN, shares, powers, "sum")[0] == pytest.approx(in_bps.sum(axis=1) @ NETWORK.weights / 2 / unit, rel=1e-14)
    assert worth(PLAIN, shares, powers, "efficiency")[0] == pytest.approx(in_bps.sum() / unit / 1.25, rel=1e-14)
    assert si.user_rates(NETWORK, [0.25, 0.25, 0.5], [0.5, 0.5, 1.0])[0, 0] == pytest.approx(
        0.5 * math.log2(1 + 1 / (0.125 + 0.25))
    )


def test_whose_objective_is_zero_and_whose_numbers_are_finite():
    def changed(**more):
        fields = {name: np.array(value) for name, value in PLAIN.__dict__.items()} | more
        return Bands(**fields)

    none = np.zeros((1, 3))
    assert not PLAIN.idle()[0] and changed(radar=none, link=none).idle()[0]
    assert changed(weights=np.array([[0.0, 0.0, 1.0]]), radar=none).idle()[0]
    assert not changed(weights=np.array([[0.0, 0.0, 1.0]])).idle()[0]
    assert not changed(radar=none).idle()[0] and not changed(link=none).idle()[0]
    assert PLAIN.finite()[0] and changed(radar=PLAIN.radar * 0.9e99 / 12).finite()[0]
    for wrong in (
        {"radar": PLAIN.radar * 1.5e100 / 12},
        {"link": PLAIN.link + np.inf},
        {"clutter": np.full((1, 3), 2e100)},
        {"floors": np.full((1, 3, 2), 2e100)},
        {"weights": np.full((1, 3), np.nan)},
        {"circuit": np.array([np.inf])},
        {"scale": np.array([0.0])},
    ):
        assert not changed(**wrong).finite()[0], wrong


# --- bounds ------------------------------------------------------------------------------------------------------------------


def by_definition(bands, x, multipliers, price, shares, powers, free):
    """The tangent bound on the weighted sum less the price of power, user by user."""
    by_share, by_power, paid = [], [], 0.0
    for k in range(bands.weights.shape[1]):
        gains = bands.radar[0, k], bands.clutter[0, k], bands.link[0, k]
        value, first, _ = slopes_of(*gains, x[0, k])
        values = [bands.weights[0, k] + multipliers[0, k, j] for j in range(2)]
        by_share.append(sum(v * (value[j] - x[0, k] * first[j]) for j, v in enumerate(values)))
        by_power.append(sum(v * first[j] for j, v in enumerate(values)) - price)
        paid += sum(multipliers[0, k, j] * bands.floors[0, k, j] for j in range(2))
    bandwidth = max(by_share) if free.shares else sum(b * s for b, s in zip(by_share, shares[0]))
    power = max(0.0, *by_power) if free.powers else sum(b * p for b, p in zip(by_power, powers[0]))
    return bandwidth + power - paid, abs(bandwidth) + abs(power) + paid


@pytest.mark.parametrize("free", [Restriction(True, True), Restriction(True, False), Restriction(False, True)])
@pytest.mark.parametrize("price", [0.0, 0.7, 50.0])
def test_the_bound_on_the_sum_by_its_definition(free, price):
    rng = np.random.default_rng(1)
    shares, powers = rng.dirichlet(np.ones(3), 1), 0.8 * rng.dirichlet(np.ones(3), 1)
    multipliers, x = rng.uniform(0, 3, (1, 3, 2)), rng.uniform(0.1, 3, (1, 3))
    for density in (None, x):
        at = powers / shares if density is None else x
        right, terms = by_definition(PLAIN, at, multipliers, price, shares, powers, free)
        given = {"x": density, "power_price": np.array([price]), "free": free}
        plain = bounds.sum_at(PLAIN, shares, powers, multipliers, **given)[0]
        wide = bounds.sum_at(PLAIN, shares, powers, multipliers, widen=True, **given)[0]
        assert plain == pytest.approx(right, rel=1e-13)
        assert wide - plain == pytest.approx(4 * 2.0**-52 * terms, rel=0.3)
    guarded = bounds.sum_bound(PLAIN, shares, powers, multipliers, power_price=[price], free=free)[0]
    assert guarded == pytest.approx(by_definition(PLAIN, powers / shares, multipliers, price, shares, powers, free)[0], rel=1e-13)


def least_power_by_definition(bands, x, multipliers, shares, free):
    alone = 0.0
    for k in range(bands.weights.shape[1]):
        band, need = 1.0 if free.shares else shares[0, k], 0.0
        for j in range(2):
            if bands.floors[0, k, j] > 0:
                snr = math.exp(bands.floors[0, k, j] / band) - 1
                left = bands.radar[0, k] - bands.clutter[0, k] * snr if j == 0 else bands.link[0, k]
                need = max(need, band * snr / left if left > 0 else math.inf)
        alone += need
    best = alone
    for trial in (multipliers, np.where(multipliers > 0, 1 + multipliers, 0)):
        by_share, by_power = [], []
        for k in range(bands.weights.shape[1]):
            value, first, _ = slopes_of(bands.radar[0, k], bands.clutter[0, k], bands.link[0, k], x[0, k])
            by_share.append(sum(trial[0, k, j] * (value[j] - x[0, k] * first[j]) for j in range(2)))
            by_power.append(sum(trial[0, k, j] * first[j] for j in range(2)))
        saved = max(by_share) if free.shares else sum(b * s for b, s in zip(by_share, shares[0]))
        if max(by_power) > 0:
            best = max(best, (float(np.sum(trial * bands.floors)) - saved) / max(by_power))
    return best


@pytest.mark.parametrize("free", [Restriction(True, True), Restriction(True, False), Restriction(False, True)])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_bound_on_the_efficiency_by_its_definition(free, scale):
    """The most of min(fixed + slope P, steepest P) / (P + circuit) over every power that the floors leave, on a fine grid."""
    bands = Bands(**{**PLAIN.__dict__, "floors": PLAIN.floors * scale})
    rng, above = np.random.default_rng(2), 0
    for _ in range(12):
        shares, powers = rng.dirichlet(np.ones(3), 1), rng.uniform(0.1, 1) * rng.dirichlet(np.ones(3), 1)
        multipliers = np.where(bands.floors > 0, rng.uniform(0, 3, (1, 3, 2)), 0) * rng.choice([0, 1, 30])
        x = powers / shares
        least = bounds.least_power(bands, shares, multipliers, x, free)[0]
        assert least == pytest.approx(least_power_by_definition(bands, x, multipliers, shares, free), rel=1e-12)
        equal = bands.unweighted()
        found = bounds.efficiency_at(bands, shares, powers, multipliers, free=free)[0]
        assert bounds.efficiency_at(bands, shares, powers, multipliers, free=free, widen=True)[0] == pytest.approx(
            found, rel=1e-13
        )
        assert bounds.efficiency_bound(bands, shares, powers, multipliers, free=free)[0] == pytest.approx(found, rel=1e-13)
        by_share, by_power = (part[0] for part in bounds.marginal_values(equal, x, multipliers))
        paid = float(np.sum(multipliers * bands.floors))
        fixed = (max(by_share) if free.shares else by_share @ shares[0]) - paid
        if not free.powers:
            assert found == pytest.approx((fixed + by_power @ powers[0]) / (powers.sum() + 0.25), rel=1e-12)
            continue
        grid = np.linspace(min(max(least, 0), 1), 1, 20_001)
        curve = np.minimum(fixed + max(by_power) * grid, 18 * grid) / (grid + 0.25)
        above += found > curve[[0, -1]].max() * (1 + 1e-9)
        assert curve.max() * (1 - 1e-12) <= found <= curve.max() * (1 + 1e-3)
    assert above > 0 or not free.powers or scale > 1


def test_what_widens_the_efficiency_is_what_its_terms_round():
    shares, powers, multipliers = np.full((1, 3), 1 / 3), np.full((1, 3), 1e-17), np.where(PLAIN.floors > 0, 5.0, 0.0)
    x = powers / shares
    plain, wide = (
        bounds.efficiency_at(PLAIN, shares, powers, multipliers, free=Restriction(True, False), widen=w)[0] for w in (False, True)
    )
    equal = PLAIN.unweighted()
    rates = ((1 + multipliers) * equal.slopes(x)[0]).sum(axis=-1).max()
    terms = rates + float(np.sum(multipliers * PLAIN.floors))
    assert (wide - plain) * (powers.sum() + 0.25) == pytest.approx(4 * 2.0**-52 * terms, rel=0.5)


def test_the_least_power_of_one_user_is_its_rate_inverted():
    one = si.Network(
        radar_gain=[3.0], clutter_gain=[1.0], link_gain=[0.0], bandwidth_hz=1.0, noise_psd_w_per_hz=1.0, power_budget_w=1.0,
        circuit_power_w=1.0, weights=[1.0], min_sensing_bps=[1.0], min_rate_bps=[0.0],
    )  # fmt: skip
    bands, nothing, band = Bands.of([one]), np.zeros((1, 1, 2)), np.ones((1, 1))
    assert bounds.least_power(bands, band, nothing, band)[0] == pytest.approx(0.5)  # log2(1 + 3 p / (p + 1)) = 1
    hard = Bands.of([one.replace(min_sensing_bps=[3.0])])
    assert bounds.least_power(hard, band, nothing, band)[0] == np.inf  # beyond log2(1 + 3) no power is enough
    half = np.full((1, 1), 0.5)
    easy = Bands.of([one.replace(min_sensing_bps=[0.5])])
    assert bounds.least_power(easy, half, nothing, half, Restriction(False, True))[0] == pytest.approx(0.25)


def test_the_bound_on_the_margin_by_its_definition():
    rng = np.random.default_rng(3)
    shares, powers, multipliers = rng.dirichlet(np.ones(3), 1), rng.dirichlet(np.ones(3), 1), rng.uniform(0.1, 1, (1, 3, 2))
    none = Bands(**{**PLAIN.__dict__, "weights": np.zeros((1, 3)), "floors": np.zeros((1, 3, 2))})
    for free in (Restriction(), Restriction(True, False), Restriction(False, True)):
        right = by_definition(none, powers / shares, multipliers, 0.0, shares, powers, free)[0] / np.sum(
            multipliers * PLAIN.floors
        )
        assert bounds.margin_at(PLAIN, shares, powers, multipliers, free=free)[0] == pytest.approx(right, rel=1e-13)
        assert bounds.margin_bound(PLAIN, shares, powers, multipliers, free=free)[0] == pytest.approx(right, rel=1e-13)
    assert bounds.margin_at(PLAIN, shares, powers, 0 * multipliers)[0] == np.inf


# --- the interior-point method -----------------------------------------------------------------------------------------------


def conditions(solver, state, target):
    """The perturbed optimality conditions at a state, one array: 0 at the point that the step aims at."""
    slopes = interior_point._Slopes(solver, state.y)
    worths = solver.weights + state.lam
    movable = solver.movable[:, None, None]
    gain = np.stack([(worths * slopes.by_share).sum(axis=0), (worths * slopes.by_power).sum(axis=0) - solver.price])
    found = [
        (gain - state.prices[:, None] + state.z) * movable,
        np.where(solver.floored, state.y[0] * slopes.value - solver.floors * state.t - state.slack, 0),
        np.where(solver.floored, state.lam * state.slack - target, 0),
        (state.z * state.y - target) * movable,
        (state.prices * (1 - state.y.sum(axis=1)) - target) * solver.movable[:, None],
    ]
    if solver.margin:
        found.append((state.lam * solver.floors).sum(axis=(0, 1)) - 1)
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in found])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what the method does within errstate
@pytest.mark.parametrize("free", [Restriction(True, True), Restriction(True, False), Restriction(False, True)])
@pytest.mark.parametrize("margin", [False, True])
def test_a_step_is_newtons_step_towards_the_optimality_conditions(free, margin):
    rng, lanes, centring = np.random.default_rng(4), len(DROPS), np.array([0.1, 0.4, 0.8])
    solver = interior_point._Solver.of(BANDS, free, margin, np.zeros(3) if margin else np.array([0.0, 0.2, 1.0]))
    y = np.stack([0.9 * rng.dirichlet(np.ones(3), lanes), 0.8 * rng.dirichlet(np.ones(3), lanes)]).transpose(0, 2, 1)
    state = solver._start(y, rng.uniform(0.5, 1.5, lanes), interior_point._Slopes(solver, y))
    noise = lambda part: part * np.exp(0.5 * rng.normal(size=part.shape))  # noqa: E731
    for part in (state.slack, state.lam, state.prices, state.z):
        part[:] = noise(part)
    slopes = interior_point._Slopes(solver, y)
    step, longest = solver._newton(state, slopes, centring)
    budget = np.where(solver.movable[:, None], 1 - y.sum(axis=1), 0)
    products = [np.where(solver.floored, state.lam * state.slack, 0).sum(axis=(0, 1)), (state.z * y).sum(axis=(0, 1))]
    target = centring * (sum(products) + (state.prices * budget).sum(axis=0)) / solver.count
    before = conditions(solver, state, target)
    for h in (1e-5, -1e-5):
        change = conditions(solver, interior_point._State(state.values + h * step.values), target) - before
        scale = np.abs(before).max(axis=0) + 1
        np.testing.assert_allclose((change / h + before) / scale, 0, atol=3e-3)
    if not margin:
        np.testing.assert_array_equal(step.t, 0)
    # ``longest`` is where the first of the positive quantities ends.
    for length, positive in ((longest * (1 - 1e-9), True), (longest * (1 + 1e-6), False)):
        end = interior_point._State(state.values + length * step.values)
        left = [np.where(solver.floored, part, 1).min(axis=(0, 1)) for part in (end.slack, end.lam)]
        left += [np.where(solver.movable[:, None], part, 1).min(axis=0) for part in (end.prices, 1 - end.y.sum(axis=1))]
        left += [np.where(solver.movable[:, None, None], end.z, 1).min(axis=(0, 1)), end.y.min(axis=(0, 1))]
        assert np.array_equal(np.min(left, axis=0) > 0, np.full(lanes, positive))


@pytest.mark.parametrize("margin", [False, True])
def test_users_that_are_eliminated_take_the_step_of_the_dense_system(monkeypatch, margin):
    """Nine users, three of whom stay in the dense system, against all nine in it; the second lane has them in reverse."""
    nine = {}
    for name, value in BANDS.__dict__.items():
        users = value.reshape(1, 9, *value.shape[2:]) if value.ndim > 1 else value[:1]
        nine[name] = np.concatenate([users, users[:, ::-1] if value.ndim > 1 else users])
    nine = Bands(**nine)
    solver = interior_point._Solver.of(nine, Restriction(), margin, np.zeros(2))
    y = 0.9 * np.random.default_rng(1).dirichlet(np.ones(9), (2, 2)).transpose(0, 2, 1)
    slopes = interior_point._Slopes(solver, y)
    state, centring = solver._start(y, np.ones(2), slopes), np.array([0.1, 0.5])
    found, longest = solver._newton(state, slopes, centring)
    monkeypatch.setattr(interior_point, "_KEPT", 9)
    dense, most = solver._newton(state, slopes, centring)
    np.testing.assert_allclose(found.values, dense.values, rtol=1e-9, atol=1e-11 * np.abs(dense.values).max())
    np.testing.assert_allclose(longest, most, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what the method does within errstate
@pytest.mark.parametrize("free", [Restriction(True, True), Restriction(True, False), Restriction(False, True)])
def test_what_a_lane_certifies_is_the_bound_of_its_multipliers(free):
    rng = np.random.default_rng(5)
    shares, powers = rng.dirichlet(np.ones(3), 3), rng.dirichlet(np.ones(3), 3)
    multipliers, price = np.where(BANDS.floors > 0, rng.uniform(0, 1, (3, 3, 2)), 0), np.array([0.0, 0.3, 2.0])
    y = np.stack([shares, powers]).transpose(0, 2, 1)
    for margin in (False, True):
        solver = interior_point._Solver.of(BANDS, free, margin, 0 * price if margin else price)
        slopes = interior_point._Slopes(solver, y)
        state = solver._start(y, np.array([0.5, 1.0, 3.0]), slopes)
        state.lam[:] = multipliers.transpose(2, 1, 0)
        gap, violation, factor = solver._certify(state, slopes)
        reached = exact.reached(BANDS, shares, powers)
        if margin:
            bound = bounds.margin_at(BANDS, shares, powers, multipliers, free=free)
            np.testing.assert_allclose(gap, bound / reached - 1, rtol=1e-9)
            np.testing.assert_allclose(factor, reached, rtol=1e-12)
            np.testing.assert_array_equal(violation, 0)
        else:
            bound = bounds.sum_at(BANDS, shares, powers, multipliers, power_price=price, free=free)
            total, spent = worth(BANDS, shares, powers, "sum"), price * powers.sum(axis=1)
            np.testing.assert_allclose(gap, (bound - total + spent) / (total + spent), rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(violation, np.maximum(1 - reached / [0.5, 1.0, 3.0], 0), atol=1e-12)
            np.testing.assert_array_equal(factor, [0.5, 1.0, 3.0])


def test_the_start_puts_the_same_product_everywhere():
    """Every multiplier times its slack, price times its budget, is 1 / (the number of them)."""
    y = np.full((2, 3, 3), 0.3)
    for free, count in ((Restriction(), 4 + 8), (Restriction(True, False), 4 + 4), (Restriction(False, True), 4 + 4)):
        solver = interior_point._Solver.of(BANDS, free, False, np.zeros(3))
        np.testing.assert_array_equal(solver.count, count)
        state = solver._start(y, np.ones(3), interior_point._Slopes(solver, y))
        np.testing.assert_allclose((state.lam * state.slack)[solver.floored], 1 / count)
        np.testing.assert_allclose((state.z * y)[solver.movable], 1 / count)
        np.testing.assert_allclose(state.prices[solver.movable] * 0.1, 1 / count)
        assert not state.lam[~solver.floored].any() and not state.z[~solver.movable].any()
        rates = y[0] * interior_point._Slopes(solver, y).value
        np.testing.assert_allclose(
            state.slack, np.where(solver.floored, np.maximum(rates - solver.floors, 0.1 * solver.floors), 1)
        )


def test_a_start_below_its_floors_has_a_tenth_of_them_as_slack():
    y = np.full((2, 3, 3), 0.3)
    solver = interior_point._Solver.of(BANDS, Restriction(), True, np.zeros(3))
    state = solver._start(y, np.full(3, 1e3), interior_point._Slopes(solver, y))
    np.testing.assert_allclose(state.slack[solver.floored], 100 * solver.floors[solver.floored], rtol=1e-12)


def test_systems_that_break_down_harm_no_other():
    good, singular = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])
    right = np.array([[3.0, 4.0], [2.0, 2.0]])
    np.testing.assert_allclose(interior_point._solve(np.array([good, good]), right)[0], [1.0, 1.0])
    found = interior_point._solve(np.array([good, singular]), right)
    np.testing.assert_allclose(found, [[1.0, 1.0], [1.0, 1.0]])  # the least-norm answer
    for broken in (good * np.nan, good * np.inf):
        found = interior_point._solve(np.array([broken, good]), right)
        assert np.isnan(found[0]).all() and np.allclose(found[1], [0.8, 0.4])
    found = interior_point._solve(np.array([good, good]), np.array([[np.nan, 1.0], [3.0, 4.0]]))
    assert np.isnan(found[0]).all() and np.allclose(found[1], [1.0, 1.0])


def test_how_fast_positive_quantities_fall():
    step, value = np.array([[-1.0, 2.0], [-3.0, 1.0]]), np.array([[2.0, 1.0], [4.0, 1.0]])
    np.testing.assert_allclose(interior_point._decrease(step, value), [0.75, 0.0])
    np.testing.assert_allclose(interior_point._decrease(step, np.array([[0.0, 1.0], [4.0, 1.0]])), [0.75, 0.0])


def test_a_second_run_counts_only_where_it_is_better():
    def point(gap, violation, mark):
        n = len(gap)
        arrays = (np.full((n, 2), mark), np.full((n, 2), mark), np.full(n, mark), np.full((n, 2, 2), mark))
        return interior_point.Point(*arrays, np.array(gap), np.array(violation))

    first = point([1e-3, 1e-9, np.nan, -1e-4], [0.0, 0.0, 0.0, 1e-4], 1.0)
    assert first.iterations.tolist() == [0] * 4
    better = interior_point.improve(first, np.array([0, 2, 3]), point([1e-5, 1e-5, 1.5e-4], [0.0, 0.0, 1e-4], 2.0))
    assert better.tolist() == [True, True, False]
    assert first.factor.tolist() == [2.0, 1.0, 2.0, 1.0] and first.shares[:, 0].tolist() == [2.0, 1.0, 2.0, 1.0]
    assert first.gap[:3].tolist() == [1e-5, 1e-9, 1e-5]


def test_ordinary_drops_take_few_steps():
    rows = si.Scenario.random_batch(np.random.default_rng(6), 60, min_sensing_bps=0.0, min_rate_bps=1e6)
    for objective, median, most in (("sum", 14, 20), ("efficiency", 5, 6)):
        solved = si.solve_exact_batch(rows, objective=objective)
        assert np.all(solved.status == "optimal")
        assert np.median(solved.iterations) <= median and solved.iterations.max() <= most and solved.iterations.min() >= 2


# --- phase I, starts, prices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("free", [Restriction(True, True), Restriction(True, False), Restriction(False, True)])
def test_a_start_is_strictly_inside_every_constraint(free):
    inside = exact.phase_one(BANDS, free)
    np.testing.assert_allclose(inside.factor, inside.bound, rtol=1e-8)
    np.testing.assert_allclose([inside.shares.sum(axis=1), inside.powers.sum(axis=1)], 1.0, rtol=1e-12)
    for mix in (0.4, 0.05, 0.0):
        shares, powers = inside.start(free, mix)
        part = mix * (1 - 1 / inside.factor)
        shrink = 0.5 * (1 + 1 / np.maximum((1 - part) * inside.factor, 1))
        for is_free, own, found in ((free.shares, inside.shares, shares), (free.powers, inside.powers, powers)):
            right = ((1 - part)[:, None] * own + part[:, None] / 3) * (shrink[:, None] if is_free else 1.0)
            np.testing.assert_allclose(found, right, rtol=1e-13)
        if free == Restriction():
            assert np.all(exact.reached(BANDS, shares, powers) > 1)


def test_without_floors_nothing_is_asked_of_phase_one():
    inside = exact.phase_one(Bands(**{**PLAIN.__dict__, "floors": 0 * PLAIN.floors}), Restriction())
    assert inside.factor[0] == inside.bound[0] == np.inf and np.all(inside.shares == 1 / 3) and np.all(inside.powers == 1 / 3)
    shares, powers = inside.start(Restriction(), 0.4)
    np.testing.assert_allclose([shares[0], powers[0]], 0.3)  # nine tenths of the even allocation
    assert exact.reached(Bands(**{**PLAIN.__dict__, "floors": 0 * PLAIN.floors}), shares, powers)[0] == np.inf


def test_the_worst_floor_counts():
    shares, powers = np.full((1, 3), 1 / 3), np.full((1, 3), 1 / 3)
    rates = PLAIN.rates(shares, powers)[0]
    right = min(rates[0, 0] / PLAIN.floors[0, 0, 0], rates[1, 1] / PLAIN.floors[0, 1, 1], rates[2, 0] / PLAIN.floors[0, 2, 0])
    assert exact.reached(PLAIN, shares, powers)[0] == pytest.approx(right, rel=1e-14)


def test_steep_multipliers_pay_the_value_and_up_to_a_hundred_million_times_as_much():
    inside = exact.phase_one(PLAIN, Restriction())
    found = rescue.steep(PLAIN, inside)
    paid = np.sum(inside.multipliers * PLAIN.floors)
    value = worth(PLAIN, inside.shares, inside.powers, "sum")[0]
    assert len(found) == 9
    for power, multipliers in enumerate(found):
        scale = value / paid * 10.0**power
        right = np.maximum(scale * inside.multipliers - PLAIN.weights[..., None], 0)
        np.testing.assert_allclose(multipliers, np.where(PLAIN.floors > 0, right, 0), rtol=1e-12)
    nothing = phases.Interior(inside.shares, inside.powers, inside.factor, inside.bound, 0 * inside.multipliers)
    assert rescue.steep(PLAIN, nothing) == []


@pytest.mark.parametrize("criterion", ["sum", "efficiency"])
def test_fitted_multipliers_meet_the_optimality_conditions(criterion):
    for drop_ in DROPS:
        best = si.solve_exact(drop_, objective=criterion)
        bands = Bands.of([drop_]) if criterion == "sum" else Bands.of([drop_]).unweighted()
        shares, powers = best.shares[None], best.powers_w[None] / drop_.power_budget_w
        q = 0.0 if criterion == "sum" else float(worth(bands, shares, powers, "efficiency")[0])
        multipliers, bandwidth, power = prices.fitted_multipliers(bands, shares, powers, power_price=q, free=Restriction())
        by_share, by_power = (part[0] for part in bounds.marginal_values(bands, powers / shares, multipliers))
        np.testing.assert_allclose(by_share, bandwidth, rtol=1e-4)
        np.testing.assert_allclose(by_power, power, rtol=1e-4)
        slack = bands.rates(shares, powers)[0] / np.where(bands.floors[0] > 0, bands.floors[0], 1) - 1
        assert np.all(multipliers[0][slack > 1e-3] <= 1e-4 * max(multipliers.max(), 1e-9) + 1e-7)
        assert power >= q
    with_nan = np.full((1, 3), np.nan)
    nothing, a, b = prices.fitted_multipliers(PLAIN, with_nan, with_nan, power_price=0.5, free=Restriction())
    assert not nothing.any() and (a, b) == (0.0, 0.5)


def test_who_holds_next_to_nothing_has_no_condition_of_its_own():
    shares, powers = np.array([[0.5, 0.5, 1e-9, 0.0]]), np.array([[0.5, 1e-9, 0.5e-9, 0.5]])
    assert prices.held(shares, powers, Restriction())[0].tolist() == [True, True, False, False]
    assert prices.held(shares, powers, Restriction(True, False))[0].tolist() == [True, True, False, False]
    assert prices.held(shares, powers, Restriction(False, True))[0].tolist() == [True, False, False, False]
    near = np.array([[1.0, 2e-8, 0.5e-8]])
    assert prices.held(near, np.array([[1.0, 0, 0]]), Restriction())[0].tolist() == [True, True, False]


def test_prices_of_networks_in_their_units():
    """One link alone: R = B log2(1 + g P / (N B)), whose derivatives are the prices."""
    one = si.Network(
        radar_gain=[0.0], clutter_gain=[0.0], link_gain=[1e-9], bandwidth_hz=1e6, noise_psd_w_per_hz=1e-16, power_budget_w=0.7,
        circuit_power_w=0.3, weights=[2.0], min_sensing_bps=[0.0], min_rate_bps=[0.0],
    )  # fmt: skip
    snr = 7.0
    per_hz = math.log2(1 + snr) - snr / (1 + snr) / math.log(2)
    per_w = 1e6 * snr / 0.7 / (1 + snr) / math.log(2)
    found = si.prices(one, si.solve_exact(one))
    assert found.bandwidth_per_hz == pytest.approx(2 * per_hz, rel=1e-6) and found.power_per_w == pytest.approx(
        2 * per_w, rel=1e-6
    )
    (of_rows,) = si.solve_exact_batch([one]).prices
    assert (of_rows.bandwidth_per_hz, of_rows.power_per_w) == pytest.approx((2 * per_hz, 2 * per_w), rel=1e-6)
    tight = one.replace(circuit_power_w=100.0)  # so that the whole budget is spent
    best = si.solve_exact(tight, objective="efficiency")
    found, (of_rows,) = si.prices(tight, best), si.solve_exact_batch([tight], objective="efficiency").prices
    for each in (found, of_rows):
        assert each.bandwidth_per_hz == pytest.approx(per_hz / 100.7, rel=1e-6)
        assert each.power_per_w == pytest.approx((per_w - 3e6 / 100.7) / 100.7, rel=1e-5)


# --- the cone program --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", list(RESTRICTIONS))
@pytest.mark.parametrize("fractional", [False, True])
def test_the_cone_program_solves_the_same_problem(scheme, fractional):
    free = RESTRICTIONS[scheme]
    program = cone_program(3, fractional=fractional, free=free)
    objective = "efficiency" if fractional else "sum"
    for drop_ in (*DROPS[:2], si.Scenario.random(np.random.default_rng(20), circuit_power_dbm=10.0, min_rate_bps=1e6)):
        bands = Bands.of([drop_]) if not fractional else Bands.of([drop_]).unweighted()
        answer, solved = program.solve(bands), si.solve_exact_batch([drop_], objective=objective, scheme=scheme)
        unit = bands.scale[0] * (drop_.weights.max() if not fractional else 1 / drop_.power_budget_w)
        assert worth(bands, answer.shares[None], answer.powers[None], objective)[0] * unit == pytest.approx(
            solved.objective[0], rel=1e-6
        )
        if not free.powers:
            np.testing.assert_allclose(answer.powers, 1 / 3, rtol=1e-7)
        if not free.shares:
            np.testing.assert_allclose(answer.shares, 1 / 3, rtol=1e-7)
        find = bounds.efficiency_at if fractional else bounds.sum_at
        bound = find(bands, np.maximum(answer.shares, 1e-12)[None], answer.powers[None], answer.multipliers, free=free)[0]
        assert bound * unit == pytest.approx(solved.objective[0], rel=1e-4)  # its duals are multipliers of the floors
        assert not answer.multipliers[bands.floors == 0].any()
    assert program.solve(Bands(**{**bands.__dict__, "floors": bands.floors * 1e3})).infeasible


def test_a_price_of_power_in_the_cone_program():
    program = cone_program(3)
    for share in (0.3, 0.8):
        bands = Bands.of(DROPS[:1])
        inside = exact.phase_one(bands, Restriction())
        full = exact.maximise_at_price(bands, inside, Restriction())
        price = share * float(bands.gradients(full[0], full[1])[1].sum(axis=-1)[0].max()) * 30
        x, y, multipliers, _ = exact.maximise_at_price(bands, inside, Restriction(), price)
        answer = program.solve(bands, price)
        value = lambda a, b, bands=bands, price=price: worth(bands, a, b, "sum")[0] - price * b.sum()  # noqa: E731
        assert y.sum() < 0.9
        assert value(answer.shares[None], answer.powers[None]) == pytest.approx(value(x, y), rel=1e-6)
        assert bounds.sum_at(bands, x, y, multipliers, power_price=price)[0] == pytest.approx(value(x, y), rel=1e-6)


# --- the judge ---------------------------------------------------------------------------------------------------------------


def test_violations_of_a_network_by_hand():
    shares, powers = np.array([0.5, 0.6, -0.02]), np.array([2.0, -0.4, 3.2])
    found = si.violations(NETWORK, shares, powers, scheme="equal_power")
    rates = si.user_rates(NETWORK, [0.5, 0.6, 0.0], [2.0, 0.0, 3.2])
    assert found["bandwidth"] == pytest.approx(0.08) and found["power_budget_w"] == pytest.approx(0.2)
    assert found["shares"] == pytest.approx(0.02) and found["powers_w"] == pytest.approx(0.1)
    assert found["equal_power"] == pytest.approx(0.8 - 1 / 3) and "equal_spectrum" not in found
    assert found["min_sensing_bps[0]"] == max(0.0, 1 - rates[0, 0] / 0.2) == 0.0
    assert found["min_sensing_bps[2]"] == 1.0 == found["min_rate_bps[1]"]
    assert [found[f"{name}[{k}]"] for name, k in (("min_sensing_bps", 1), ("min_rate_bps", 0), ("min_rate_bps", 2))] == [0.0] * 3
    spectrum = si.violations(NETWORK, [0.2, 0.4, 0.4], [1.0, 1.0, 1.0], scheme="equal_spectrum")
    assert spectrum["equal_spectrum"] == pytest.approx(1 / 3 - 0.2) and "equal_power" not in spectrum
    assert set(si.violations(NETWORK, [0.2, 0.4, 0.4], [1.0, 1.0, 1.0])) == set(found) - {"equal_power"}
    lost = si.violations(NETWORK, [np.nan, 0.5, 0.5], [1.0, 1.0, 1.0])
    assert set(lost.values()) == {np.inf}
    assert set(si.violations(NETWORK, [0.1, 0.5, 0.4], [1.0, np.inf, 1.0]).values()) == {np.inf}
    assert si.residual(NETWORK, shares, powers) == 1.0
    stack = Stack.of([NETWORK, NETWORK])
    both = verify.residuals(stack, np.array([[np.nan, 0.5, 0.5], [0.2, 0.4, 0.41]]), np.ones((2, 3)))
    assert both[0] == np.inf and both[1] == pytest.approx(0.01)


def test_reports_may_differ_by_a_billionth():
    best = si.solve_exact(DROPS[0])
    table = Stack.of([DROPS[0]]).rates(best.shares[None], best.powers_w[None])[0]
    reported = {"allocation": best, "table": table, "value": best.objective}
    assert verify._disagreement(DROPS[0], **reported) == 0.0
    for part, right in ((0.5e-9, 0.0), (1.5e-9, 1.5e-9), (-2e-3, 2e-3)):
        changed = si.Allocation(**{**best.__dict__, "objective": best.objective * (1 + part)})
        assert verify._disagreement(DROPS[0], changed, table, best.objective) == pytest.approx(right, rel=1e-5)
    rates = best.rates_bps.copy()
    rates[2] += 1e-3 * rates.max()
    changed = si.Allocation(**{**best.__dict__, "rates_bps": rates})
    assert verify._disagreement(DROPS[0], changed, table, best.objective) == pytest.approx(1e-3, rel=1e-9)
    assert si.verify(DROPS[0], changed).residual == pytest.approx(1e-3, rel=1e-6)


def test_values_in_the_units_of_the_network():
    rates, powers = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([1.0, 0.5, 0.25])
    assert verify.objective_value(NETWORK, rates, powers, "sum") == 0.5 * 3 + 2 * 7 + 11
    assert verify.objective_value(NETWORK, rates, powers, "efficiency") == 21 / 2.75
    assert si.weighted_sum_bps(NETWORK, rates) == 26.5 and si.efficiency_bit_per_j(NETWORK, rates, powers) == 21 / 2.75
    assert verify.proven(1.0, 1 + 9e-7, 9e-8) is True
    assert not verify.proven(1.0, 1 + 2e-6, 0.0) and not verify.proven(1.0, 1.0, 2e-7)
    for criterion, unit in (("sum", 1.0), ("efficiency", 1.0)):
        judged = si.verify(NETWORK, si.solve_exact(NETWORK, objective=criterion))
        assert judged.status == "optimal" and judged.bound == pytest.approx(judged.value * unit, rel=1e-6)


def test_a_price_that_is_off_is_moved_until_the_bound_meets_the_value():
    """Multipliers of the floors alone: the common price of power is found by the search, decades away from where it starts."""
    for scheme in ("joint", "equal_spectrum"):
        solved = si.solve_exact_batch(DROPS, scheme=scheme)
        for d in range(len(DROPS)):
            bands = BANDS.take(slice(d, d + 1))
            uneven = np.array([[0.2, 0.3, 0.5]]) if scheme == "joint" else np.full((1, 3), 1 / 3)
            hint = (solved.multipliers[d][None],)
            found, _ = verify.tightest_bound(bands, uneven, 1e-3 * uneven, "sum", scheme, hint)
            coarse, _ = verify.tightest_bound(bands, uneven, 1e-3 * uneven, "sum", scheme, hint, search=False)
            unit = bands.scale[0] * DROPS[d].weights.max()
            optimum = solved.objective[d] / unit
            assert optimum * (1 - 1e-9) <= found <= coarse
            assert found <= optimum * (1 + 1e-4)


# --- drops -------------------------------------------------------------------------------------------------------------------


def test_an_annulus_may_be_thin_and_not_empty():
    si.Scenario.random(np.random.default_rng(0), min_distance_m=39.999)
    for least in (40.0, 41.0, -1.0):
        with pytest.raises(InvalidScenario, match="min_distance_m"):
            si.Scenario.random(np.random.default_rng(0), min_distance_m=least)


@pytest.mark.parametrize(
    "changes", [{}, {"clutters": 1, "reciprocal": True, "antenna_gain_db": 7.0, "min_distance_m": 5.0}, {"clutters": 0}]
)
def test_a_drop_by_its_formulas(changes):
    g = {**drop.DEFAULTS, **changes}
    rng = np.random.default_rng(7)
    wavelength, m = 299792458.0 / g["carrier_hz"], g["nakagami_m"]
    uniform, fading = rng.random((3, 2)), rng.gamma(m, 1 / m, (3, 3))
    clutter, antenna = np.zeros(3), 10 ** (g["antenna_gain_db"] / 10)

    def distance(u):
        return math.sqrt(g["min_distance_m"] ** 2 + u * (g["radius_m"] ** 2 - g["min_distance_m"] ** 2))

    def echo(d, area):
        return antenna * wavelength**2 * area / (4 * math.pi) ** 3 / d ** g["radar_exponent"]

    for _ in range(g["clutters"]):
        d, faded = distance(rng.random(2)[0]), rng.gamma(m, 1 / m, (3, 2))
        clutter += echo(d, g["clutter_rcs_m2"]) * faded[:, 0] * faded[:, 0 if g["reciprocal"] else 1]
    d = [distance(u) for u in uniform[:, 0]]
    radar = [echo(d[k], g["target_rcs_m2"]) * fading[k, 1] * fading[k, 1 if g["reciprocal"] else 2] for k in range(3)]
    link = [antenna * (wavelength / 4 / math.pi) ** 2 / d[k] ** g["link_exponent"] * fading[k, 0] for k in range(3)]
    found = si.Network.random(np.random.default_rng(7), **changes)
    for name, right in (("radar_gain", radar), ("clutter_gain", clutter), ("link_gain", link)):
        np.testing.assert_allclose(getattr(found, name), right, rtol=1e-12)
    semi = si.Scenario.random(np.random.default_rng(7), **changes)
    np.testing.assert_allclose(semi.link_gain, link[1:], rtol=1e-12)
    np.testing.assert_allclose(semi.radar_gain, radar[:2], rtol=1e-12)
    assert semi.noise_psd_w_per_hz == pytest.approx(1.380649e-23 * 290, rel=1e-12)
    assert (semi.bandwidth_hz, semi.power_budget_w, semi.circuit_power_w) == pytest.approx((100e6, 1.0, 1.0))


# --- random allocations, comparisons -----------------------------------------------------------------------------------------


def test_candidates_come_in_blocks_of_growing_size():
    assert list(benchmarks._blocks(1000)) == [8, 64, 256, 256, 256, 160]
    assert list(benchmarks._blocks(8)) == [8] and list(benchmarks._blocks(9)) == [8, 1] and list(benchmarks._blocks(3)) == [3]


def test_the_first_candidate_that_meets_the_floors_is_taken():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        found = si.random_allocation(DROPS[0], np.random.default_rng(seed), max_tries=500)
        tries = 0
        for block in (8, 64, 256):
            draws = rng.dirichlet(np.ones(3), size=(block, 2))
            meets = [bool(exact.reached(BANDS.take(slice(0, 1)), x[None], y[None])[0] >= 1) for x, y in draws]
            if any(meets):
                tries += meets.index(True) + 1
                break
            tries += block
        assert found.certificate.iterations == tries
        np.testing.assert_allclose(found.shares, draws[meets.index(True), 0])
        np.testing.assert_allclose(found.powers_w, draws[meets.index(True), 1] * DROPS[0].power_budget_w)
    most = 0.999 * si.solve_exact_batch(DROPS).best_attainable[0]  # possible, but not by chance
    hopeless = DROPS[0].replace(min_sensing_bps=DROPS[0].min_sensing_bps * most, min_rate_bps=DROPS[0].min_rate_bps * most)
    with pytest.raises(InfeasibleScenario) as caught:
        si.random_allocation(hopeless, np.random.default_rng(1), max_tries=70)
    rng = np.random.default_rng(1)
    draws = np.concatenate([rng.dirichlet(np.ones(3), size=(n, 2)) for n in (8, 62)])
    margins = [exact.reached(Bands.of([hopeless]), x[None], y[None])[0] for x, y in draws]
    assert caught.value.best_attainable == pytest.approx(max(margins), rel=1e-12) and caught.value.limit == 1.0


def test_rows_that_are_solved_together_share_the_time():
    from isaclib.semi_isac.interface import INTERFACE

    begin = time.perf_counter()
    found = INTERFACE.solve_each([DROPS[0]] * 4)
    assert 0 < sum(seconds for _, seconds in found) <= time.perf_counter() - begin
    assert {allocation.objective for allocation, _ in found} == {si.solve_exact(DROPS[0]).objective}


def test_the_seconds_are_those_of_the_call():
    from isaclib.semi_isac.interface import INTERFACE

    for criterion in ("sum", "efficiency"):
        for solve in INTERFACE.solvers.values():
            found = assert_timed(lambda solve=solve, criterion=criterion: solve(DROPS[0], criterion=criterion))
            assert_timed(lambda found=found: si.verify(DROPS[0], found))
    assert_timed(lambda: si.solve_efficiency(DROPS[0], method="dinkelbach"))


def test_parameters_of_a_drop_end_where_they_are_said_to():
    limits = {
        "radius_m": (None, 1e100), "carrier_hz": (POSITIVE, 1e100), "target_rcs_m2": (POSITIVE, 1e100),
        "link_exponent": (POSITIVE, 1e100), "radar_exponent": (POSITIVE, 1e100), "antenna_gain_db": (-1e3, 1e3),
        "power_budget_dbm": (-1e3, 1e3), "circuit_power_dbm": (-1e3, 1e3), "temperature_k": (POSITIVE, None),
        "min_distance_m": (0.0, 40.0 * (1 - 1e-12)), "clutter_rcs_m2": (0.0, None), "nakagami_m": (0.5, None),
    }  # fmt: skip
    with np.errstate(all="ignore"):
        assert_ends(lambda **given: si.Scenario.random(np.random.default_rng(1), **given), limits)
    assert si.Scenario.random(np.random.default_rng(1), clutters=0).clutter_gain.tolist() == [0.0, 0.0]


def comparison(values):
    names = ("joint", "equal_power", "equal_spectrum", "random")
    status = {n: np.where(np.isnan(v), "not found" if n == "random" else "infeasible", "optimal") for n, v in zip(names, values)}
    empty = {n: np.zeros((3, 3)) for n in names}
    return study.Comparison(dict(zip(names, map(np.array, values))), empty, empty, status, {})


def test_averages_of_a_sweep_by_hand():
    nan = np.nan
    first = comparison([[4.0, 8.0, 6.0], [2.0, nan, 4.0], [3.0, 3.0, 3.0], [1.0, 1.0, 1.0]])
    second = comparison([[5.0, 9.0, 7.0], [3.0, nan, 5.0], [nan, 2.0, 2.0], [1.0, 1.0, nan]])
    found = si.sweep([first, second])
    assert found.common["joint"].count == 0
    found = si.sweep([first])
    assert found.common["joint"].mean.tolist() == [5.0] and found.common["joint"].count == 2
    assert found.own["joint"].mean.tolist() == [6.0] and found.own["equal_power"].mean.tolist() == [3.0]
    assert [found.own[s].count for s in si.SCHEMES] == [3, 2, 3, 3] and found.own["joint"].total == 3
    both = si.sweep([first, second])
    assert both.infeasible["equal_power"].tolist() == [1, 1] and both.infeasible["random"].tolist() == [0, 1]
    assert both.own["equal_spectrum"].mean.tolist() == [3.0, 2.0] and both.own["equal_spectrum"].count == 2
    assert both.unproven["joint"].tolist() == [0, 0]


def test_the_frontier_by_its_definition():
    drop_ = DROPS[0].replace(power_budget_w=2.0)
    full = si.solve_exact(drop_.replace(weights=[1, 1, 1]))
    q = np.array([0.0, 0.5, 5.0]) * full.rates_bps.sum() / drop_.power_budget_w
    found = si.frontier(drop_, q)
    assert found.status.tolist() == ["optimal"] * 3 and np.all(np.diff(found.power_w) < 0)
    assert found.rate_bps[0] == pytest.approx(full.rates_bps.sum(), rel=1e-6)
    np.testing.assert_allclose(found.bound, found.rate_bps - q * found.power_w, atol=1e-6 * found.rate_bps[0])
    for price, power, rate in zip(q, found.power_w, found.rate_bps):
        budget = si.solve_exact(drop_.replace(weights=[1, 1, 1], power_budget_w=power))
        assert budget.rates_bps.sum() == pytest.approx(rate, rel=1e-6) and price >= 0
    beyond = drop_.replace(min_rate_bps=drop_.min_rate_bps * 1.1 * si.solve_exact_batch([drop_]).best_attainable[0] + 0)
    beyond = beyond.replace(min_sensing_bps=drop_.min_sensing_bps * 1.1 * si.solve_exact_batch([drop_]).best_attainable[0])
    with pytest.raises(InfeasibleScenario) as caught:
        si.frontier(beyond, q)
    assert caught.value.best_attainable / caught.value.limit == pytest.approx(1 / 1.1, rel=1e-6)
    with pytest.raises(SolverFailure, match="beyond double precision"):
        si.frontier(drop_.replace(power_budget_w=1e300), q)


# --- the paper's algorithm ---------------------------------------------------------------------------------------------------


def test_every_step_of_algorithm_one_is_the_efficiency_of_its_program():
    drop_ = si.Scenario.random(np.random.default_rng(8), power_budget_dbm=40.0)
    loop = si.solve_efficiency(drop_, method="dinkelbach")
    assert [step.iteration for step in loop.history] == list(range(len(loop.history)))
    assert (
        loop.history[0].objective == 0.0 and not loop.history[0].feasible and loop.certificate.iterations == len(loop.history) - 1
    )
    bands = Bands.of([drop_]).unweighted()
    inside, q = exact.phase_one(bands, Restriction()), 0.0
    for step in loop.history[1:]:
        x, y, _, _ = exact.maximise_at_price(bands, inside, Restriction(), q)
        q = float(worth(bands, x, y, "efficiency")[0])
        assert step.objective == pytest.approx(q * bands.scale[0] / bands.power_w[0], rel=1e-5) and step.feasible
    assert loop.objective == pytest.approx(si.solve_exact(drop_, objective="efficiency").objective, rel=1e-7)
    short = si.solve_efficiency(drop_, method="dinkelbach", max_iterations=1, rescue=False, bound=2 * loop.objective)
    assert short.certificate.status == "iteration_limit" and short.certificate.iterations == 1
    assert short.objective == pytest.approx(loop.history[1].objective, rel=1e-9)
    rough = si.solve_efficiency(drop_, method="dinkelbach", tolerance=0.5, bound=2 * loop.objective)
    assert rough.certificate.status == "converged" and 1 < rough.certificate.iterations < loop.certificate.iterations


def test_a_cone_program_that_calls_a_network_infeasible_is_believed_only_where_the_margin_says_so():
    answer = types.SimpleNamespace(infeasible=True, solution=types.SimpleNamespace(solver="CLARABEL"))
    program = types.SimpleNamespace(solve=lambda bands, price: answer)
    with pytest.raises(SolverFailure, match="but that is not so"):
        paper._answer(program, NETWORK, PLAIN)
    with pytest.raises(InfeasibleScenario):
        paper._answer(program, NETWORK.replace(min_rate_bps=[0.0, 60.0, 0.0]), PLAIN)


def test_who_answered_is_said():
    for drop_ in DROPS[:2]:
        assert si.solve_sum(drop_).certificate.method == "exponential cone program"
        assert si.solve_efficiency(drop_).certificate.method == "Charnes-Cooper cone program"
        assert si.solve_efficiency(drop_, method="dinkelbach").certificate.method == "Dinkelbach (Algorithm 1)"
        assert si.solve_exact(drop_).certificate.method == "structured interior point"
        assert si.solve_equal_power(drop_).certificate.method == "equal powers, optimal shares"
        for found in (si.solve_sum(drop_), si.solve_efficiency(drop_), si.solve_efficiency(drop_, method="dinkelbach")):
            assert found.certificate.status == "optimal" and found.certificate.iterations >= 2 and found.certificate.seconds > 0
    plain = si.solve_efficiency(DROPS[0], rescue=False)
    assert plain.certificate.method == "Charnes-Cooper cone program" and plain.criterion == "efficiency"


def test_the_paper_is_held_to_time_sharing_as_a_linear_program():
    """Over a grid of power densities the best shares are a linear program: a lower bound on the optimum, close to it."""
    drop_ = DROPS[1]
    best = si.solve_sum(drop_)
    densities = np.geomspace(1e-3, 1e3, 400)
    bands = Bands.of([drop_])
    columns = [(k, x) for k, x in itertools.product(range(3), densities)]
    table = [slopes_of(bands.radar[0], bands.clutter[0], bands.link[0], x)[0] for x in densities]
    rates = np.array([[table[i][j][k] for j in range(2)] for k, i in itertools.product(range(3), range(len(densities)))])
    owner = np.array([k for k, _ in columns])
    above = [np.ones(len(columns)), np.array([x for _, x in columns])]
    below, right = [], []
    for k, j in zip(*np.nonzero(bands.floors[0] > 0)):
        below.append(-np.where(owner == k, rates[:, j], 0))
        right.append(-bands.floors[0, k, j])
    gain = bands.weights[0, owner] * rates.sum(axis=1)
    found = linprog(-gain, A_ub=np.array([*above, *below]), b_ub=[1, 1, *right], method="highs")
    unit = bands.scale[0] * drop_.weights.max()
    assert -found.fun * unit <= best.objective * (1 + 1e-9) and -found.fun * unit == pytest.approx(best.objective, rel=1e-3)


def test_a_bound_that_is_known_stands_in_the_certificate_and_the_finer_of_two_else():
    drop_ = DROPS[2]
    solved = si.solve_exact(drop_)
    known = si.solve_sum(drop_, bound=solved.certificate.bound)
    assert known.certificate.bound == solved.certificate.bound
    bands, unit = paper._scaled(drop_, "sum")
    assert unit == bands.scale[0] * drop_.weights.max()
    assert paper._scaled(drop_, "efficiency")[1] == bands.scale[0] / bands.power_w[0]
    answer = paper._answer(cone_program(3), drop_, bands)
    assert worth(bands, answer.shares[None], answer.powers[None], "sum")[0] * unit == pytest.approx(solved.objective, rel=1e-7)
    bound, _ = paper._bound(drop_, bands, unit, answer, "sum", None)
    assert solved.objective <= bound * (1 + 1e-9) and bound == pytest.approx(solved.objective, rel=1e-6)


def test_what_is_meant_where_nothing_is_said():
    for function, defaults in (
        (
            si.solve_efficiency,
            {"method": "charnes_cooper", "tolerance": 1e-9, "max_iterations": 30, "rescue": True, "bound": None},
        ),
        (si.solve_sum, {"rescue": True, "bound": None}),
        (si.random_allocation, {"max_tries": 10_000}),
        (si.compare, {"objective": "sum", "max_tries": 10_000}),
        (si.score, {"criterion": "sum", "tolerance": 1e-6, "optimum": None}),
        (interior_point.optimise, {"margin": False, "power_price": 0.0, "tolerance": 1e-10, "max_iterations": 100}),
    ):
        found = inspect.signature(function).parameters
        assert {name: found[name].default for name in defaults} == defaults


@pytest.mark.parametrize("signal", [1e-31, 1e-12, 1e-5, 4.9e-3, 0.011, 30.0])
@pytest.mark.parametrize("clutter", [0.0, 1e-20, 1e-4, 4.9e-3, 2.0])
def test_what_a_unit_of_bandwidth_is_worth_keeps_its_digits(signal, clutter):
    bands = Bands.of([NETWORK]).take(np.array([0]))
    ones = np.ones_like(bands.radar)
    few = dataclasses.replace(bands, radar=signal * ones, clutter=clutter * ones, link=signal * ones)
    by_share = few.tangents(ones)[0][0, 0]
    with mpmath.workdps(80):
        s, m = mpmath.mpf(signal), mpmath.mpf(clutter)
        sensing = mpmath.log1p(s / (1 + m)) - s / ((1 + m) * (1 + s + m))
        expected = [float(sensing), float(mpmath.log1p(s) - s / (1 + s))]
    assert by_share == pytest.approx(expected, rel=3e-14 if signal + clutter < 1e-2 else 1e-12, abs=0)


def test_floors_that_cost_half_the_power_for_next_to_nothing_leave_the_optimum_proven():
    # The first floor takes half of the power, whatever its band, the third next to nothing; the second user has the rest:
    # B log2(1 + g p / (N B)) over p and 150 kW is largest where its derivative is 0.
    network = si.Network(
        radar_gain=[3e-51, 2e-15, 0.0],
        clutter_gain=np.zeros(3),
        link_gain=[0.0, 0.0, 1e-15],
        bandwidth_hz=1e4,
        noise_psd_w_per_hz=1.4e-19,
        power_budget_w=1e5,
        circuit_power_w=1e5,
        weights=np.ones(3),
        min_sensing_bps=np.array([5e4 * 3e-51 / 1.4e-19 / math.log(2), 0.0, 0.0]),
        min_rate_bps=np.array([0.0, 0.0, 1e-27]),
    )
    gain = 2e-15 / 1.4e-15
    power = brentq(lambda p: gain * (p + 1.5e5) - (1 + gain * p) * math.log1p(gain * p), 1.0, 5e4, xtol=1e-9)
    found = si.solve_exact(network, objective="efficiency")
    assert found.certificate.status == "optimal" and found.certificate.gap < 1e-8
    assert found.objective == pytest.approx(1e4 * math.log2(1 + gain * power) / (power + 1.5e5), rel=1e-8)
    assert si.verify(network, found).status == "optimal"
