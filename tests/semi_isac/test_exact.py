"""The structured solver: certificates, a case by hand, invariances, infeasibility, prices."""

import functools
import math

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import semi_isac as si
from isaclib.semi_isac import margin_bound

CERTIFIED = 1e-6  # the chapter's promise for exact solutions
ROUNDED = 1e-7  # residuals, relative
AGREE = 1e-8  # two solves of the same problem, each with a gap below 1e-9
EXTREME = {"antenna_gain_db": 30.0, "target_rcs_m2": 50.0, "clutter_rcs_m2": 5.0}
SETS = {
    "paper": {},
    "high_sensing": {"min_sensing_bps": 30e6, "min_rate_bps": 5e6},
    "mmwave": {"carrier_hz": 28e9, "antenna_gain_db": 30.0, "target_rcs_m2": 1.0, "clutter_rcs_m2": 0.05},
    "extreme": EXTREME,
    "no_clutter": {"clutters": 0},
    "no_floors": {"min_sensing_bps": 0.0, "min_rate_bps": 0.0},
    "priorities": {"weights": (0.05, 0.9, 0.05)},
}


@functools.cache
def _batch(name):
    return si.Scenario.random_batch(np.random.default_rng(21), 200, **SETS[name])


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("objective", ["sum", "efficiency"])
@pytest.mark.parametrize("scheme", ["joint", "equal_power", "equal_spectrum"])
def test_certificates_on_200_scenarios(name, objective, scheme):
    batch = _batch(name) if scheme == "joint" else _batch(name)[:80]
    solved = si.solve_exact_batch(batch, objective=objective, scheme=scheme)
    assert solved.feasible.sum() > 25
    assert np.nanmax(solved.gap) <= CERTIFIED and np.nanmax(solved.residual) <= ROUNDED
    # Every refusal is proven: the certified bound on the margin is below one.
    assert np.all(solved.best_attainable[~solved.feasible] < 1) and np.all(np.isnan(solved.objective[~solved.feasible]))


def test_one_user_alone_by_hand():
    """One communication user: all the band, all the power."""
    scenario = si.Network(
        radar_gain=[0.0],
        clutter_gain=[0.0],
        link_gain=[1e-9],
        bandwidth_hz=1e6,
        noise_psd_w_per_hz=1e-16,
        power_budget_w=0.7,
        circuit_power_w=1.0,
        weights=[1.0],
        min_sensing_bps=[0.0],
        min_rate_bps=[1e6],
    )
    solved = si.solve_exact(scenario)
    capacity = 1e6 * math.log2(1 + 7.0)
    assert solved.objective == pytest.approx(capacity, rel=AGREE)
    prices = si.prices(scenario, solved)
    assert prices.power_per_w == pytest.approx(1e6 / math.log(2) * 10 / 8, rel=1e-5)
    assert prices.bandwidth_per_hz == pytest.approx(3 - 7 / 8 / math.log(2), rel=1e-5)


def test_two_equal_links_share_equally_or_time_share():
    """Two communication users with one gain: any split with equal power density is optimal; the value is a single user's."""
    base = si.Network(
        radar_gain=[0.0, 0.0],
        clutter_gain=[0.0, 0.0],
        link_gain=[1e-9, 1e-9],
        bandwidth_hz=1e6,
        noise_psd_w_per_hz=1e-16,
        power_budget_w=1.5,
        circuit_power_w=1.0,
        weights=[1.0, 1.0],
        min_sensing_bps=[0.0, 0.0],
        min_rate_bps=[1e6, 1e6],
    )
    solved = si.solve_exact(base)
    assert solved.objective == pytest.approx(4e6, rel=AGREE)
    np.testing.assert_allclose(solved.powers_w / solved.shares, 1.5, rtol=1e-4)


def test_no_point_of_a_dense_search_beats_the_bound():
    """Brute force: 200 000 random allocations never exceed the certified bound and come close to it."""
    rng = np.random.default_rng(1)
    scenario = si.Scenario.random(np.random.default_rng(0))
    bands = si.Bands.of([scenario])
    shares, powers = rng.dirichlet(np.ones(3), 200_000), rng.dirichlet(np.ones(3), 200_000)
    rates = bands.rates(shares, powers) * bands.scale[0]
    keep = np.all(rates >= bands.floors * bands.scale[0], axis=(1, 2))
    sums = rates[keep].sum(axis=(1, 2)) / 3
    solved = si.solve_exact(scenario)
    assert keep.sum() > 1000
    assert sums.max() <= solved.certificate.bound
    assert sums.max() >= 0.9 * solved.objective


def test_units_do_not_matter():
    scenario = si.Scenario.random(np.random.default_rng(0))
    reference = si.solve_exact(scenario).objective
    scaled = scenario.replace(
        power_budget_w=1e3 * scenario.power_budget_w,
        **{name: 1e-3 * getattr(scenario, name) for name in ("radar_gain", "clutter_gain", "link_gain")},
    )
    assert si.solve_exact(scaled).objective == pytest.approx(reference, rel=AGREE)
    wider = scenario.replace(
        bandwidth_hz=10 * scenario.bandwidth_hz,
        noise_psd_w_per_hz=scenario.noise_psd_w_per_hz / 10,
        min_sensing_bps=10 * scenario.min_sensing_bps,
        min_rate_bps=10 * scenario.min_rate_bps,
    )
    assert si.solve_exact(wider).objective == pytest.approx(10 * reference, rel=AGREE)


def test_permuting_users_permutes_the_allocation():
    network = si.Network.random(np.random.default_rng(0), min_sensing_bps=1e5, min_rate_bps=1e6)
    order = np.array([2, 0, 1])
    names = ("radar_gain", "clutter_gain", "link_gain", "weights", "min_sensing_bps", "min_rate_bps")
    turned = network.replace(**{name: getattr(network, name)[order] for name in names})
    one, two = si.solve_exact(network), si.solve_exact(turned)
    assert two.objective == pytest.approx(one.objective, rel=AGREE)
    np.testing.assert_allclose(two.shares, one.shares[order], atol=1e-5)


@pytest.mark.parametrize("objective", ["sum", "efficiency"])
def test_monotone_in_power_cross_section_and_floors(objective):
    batch = [si.Scenario.random(child) for child in np.random.default_rng(6).spawn(40)]
    base = si.solve_exact_batch(batch, objective=objective).objective
    easier = {
        "power": [row.replace(power_budget_w=2 * row.power_budget_w) for row in batch],
        "echo": [row.replace(radar_gain=2 * row.radar_gain) for row in batch],
        "floors": [row.replace(min_sensing_bps=0.5 * row.min_sensing_bps) for row in batch],
    }
    for rows in easier.values():
        better = si.solve_exact_batch(rows, objective=objective)
        known = np.isfinite(base)
        assert np.all(better.feasible[known]) and np.all(better.objective[known] >= base[known] * (1 - AGREE))


def test_efficiency_is_never_below_that_of_the_sum_optimum_and_saves_power():
    batch = si.Scenario.random_batch(np.random.default_rng(9), 40, power_budget_dbm=40.0)
    total, efficient = (si.solve_exact_batch(batch, objective=kind) for kind in ("sum", "efficiency"))
    at = total.feasible
    of_sum = total.rates_bps[at].sum(axis=1) / (total.powers_w[at].sum(axis=1) + 1.0)
    assert np.all(efficient.objective[at] >= of_sum * (1 - AGREE))
    assert np.median(efficient.powers_w[at].sum(axis=1)) < 0.5 * 10.0


def test_infeasible_scenarios_raise_with_their_certificate():
    scenario = si.Scenario.random(np.random.default_rng(0), min_sensing_bps=5e9)
    with pytest.raises(InfeasibleScenario) as caught:
        si.solve_exact(scenario)
    error = caught.value
    assert error.constraint == "min_sensing_bps" and error.limit == 5e9 and error.best_attainable < 5e9
    # Scaling all floors by the margin makes the network just feasible; a little less, and the solver agrees.
    margin = error.best_attainable / error.limit
    floors = {"min_sensing_bps": 0.999 * margin * 5e9, "min_rate_bps": 0.999 * margin * scenario.min_rate_bps}
    assert si.solve_exact(scenario.replace(**floors)).certificate.status == "optimal"
    with pytest.raises(InfeasibleScenario):
        si.solve_exact(scenario.replace(**{name: 1.002 * value for name, value in floors.items()}))


def test_margin_bound_holds_for_any_multipliers():
    """Weak duality: random multipliers never claim a margin below the true one."""
    rng = np.random.default_rng(17)
    scenario = si.Scenario.random(np.random.default_rng(0))
    margin = si.solve_exact_batch([scenario]).best_attainable[0]
    bands = si.Bands.of([scenario])
    for _ in range(200):
        shares, powers = rng.dirichlet(np.ones(3), 2)[:, None, :]
        multipliers = rng.exponential(size=(1, 3, 2)) * (bands.floors > 0)
        assert margin_bound(bands, shares, powers, multipliers)[0] >= margin * (1 - AGREE)


def test_a_batch_mixes_feasible_and_infeasible_rows():
    good = si.Scenario.random(np.random.default_rng(0))
    solved = si.solve_exact_batch([good, good.replace(min_rate_bps=1e11), good])
    assert solved.feasible.tolist() == [True, False, True]
    assert np.all(np.isnan(solved.shares[1])) and solved.prices[1] is None
    assert solved.objective[0] == pytest.approx(si.solve_exact(good).objective, rel=AGREE)
    everything_fails = si.solve_exact_batch([good.replace(min_rate_bps=1e11)] * 2, objective="efficiency")
    assert not everything_fails.feasible.any() and np.all(np.isnan(everything_fails.rates_bps))


def test_unknown_words_are_refused():
    scenario = si.Scenario.random(np.random.default_rng(0))
    with pytest.raises(InvalidScenario, match="objective"):
        si.solve_exact_batch([scenario], objective="profit")
    with pytest.raises(InvalidScenario, match="scheme"):
        si.solve_exact_batch([scenario], scheme="none")
    with pytest.raises(InvalidScenario, match="method"):
        si.solve_efficiency(scenario, method="bisection")


@pytest.mark.parametrize("objective", ["sum", "efficiency"])
def test_prices_against_finite_differences(objective):
    # Relative step 1e-4: the optimum is smooth where the active set stays, so that central differences err by about 1e-8
    # relative to second derivatives of order one, while values are accurate to 1e-10.
    step, close = 1e-4, 1e-3
    rows = [si.Scenario.random(child) for child in np.random.default_rng(31).spawn(10)]
    feasible = si.solve_exact_batch(rows).feasible
    checked = 0
    for scenario in (row for row, ok in zip(rows, feasible, strict=True) if ok):
        solved = si.solve_exact(scenario, objective=objective)
        found, quick = si.prices(scenario, solved), si.solve_exact_batch([scenario], objective=objective).prices[0]
        places = [("bandwidth_hz", None), ("power_budget_w", None)]
        places += [(name, user) for name in ("min_sensing_bps", "min_rate_bps") for user in range(2)]
        moved, widths = [], []
        for name, index in places:
            value = np.asarray(getattr(scenario, name), dtype=float)
            change = np.zeros_like(value)
            change[... if index is None else index] = step * (value if index is None else value[index])
            moved += [scenario.replace(**{name: value + sign * change}) for sign in (1, -1)]
            widths.append(2 * change.max())
        ends = si.solve_exact_batch(moved, objective=objective).objective.reshape(-1, 2)
        slopes = dict(zip(places, (ends[:, 0] - ends[:, 1]) / np.array(widths), strict=True))

        scale = solved.objective
        for price in (found, quick):
            assert price.bandwidth_per_hz == pytest.approx(slopes["bandwidth_hz", None], rel=close)
            assert price.power_per_w == pytest.approx(slopes["power_budget_w", None], rel=close, abs=close * scale)
            for user in range(2):
                small = close * scale / 20e6
                assert price.min_sensing[user] == pytest.approx(-slopes["min_sensing_bps", user], rel=close, abs=small)
                assert price.min_rate[user] == pytest.approx(-slopes["min_rate_bps", user], rel=close, abs=small)
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize("objective", ["sum", "efficiency"])
@pytest.mark.parametrize("weights", [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.3, 0.3, 0.4]])
def test_prices_of_floors_next_to_nothing_are_those_of_small_ones(objective, weights):
    # Floors of 30 kbit/s take a few millionths of the budgets: the prices of all smaller ones are the same to about 1e-4.
    for scenario in map(si.Scenario.random, np.random.default_rng(3).spawn(3)):

        def both(factor, scenario=scenario):
            asked = scenario.replace(weights=weights, min_sensing_bps=5e4 * factor, min_rate_bps=3e4 * factor)
            alone = si.prices(asked, si.solve_exact(asked, objective=objective))
            in_batch = si.solve_exact_batch([asked], objective=objective).prices[0]
            return [np.concatenate([each.min_sensing, each.min_rate]) for each in (alone, in_batch)]

        expected = both(1.0)[0]
        assert expected.max() > 0
        for factor in (1e-10, 1e-7, 3e-5):
            for found in both(factor):
                np.testing.assert_allclose(found, expected, rtol=0, atol=3e-3 * expected.max(), err_msg=str(factor))


def test_prices_belong_to_joint_optima():
    scenario = si.Scenario.random(np.random.default_rng(0))
    with pytest.raises(InvalidScenario, match="equal_power"):
        si.prices(scenario, si.solve_equal_power(scenario))
