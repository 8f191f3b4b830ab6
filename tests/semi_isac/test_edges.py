"""At the edges: floors beside the clutter's limit, next to nothing as share or power, circuits that need nothing."""

import dataclasses
import itertools
import math
import warnings

import mpmath
import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure
from isaclib import semi_isac as si


def alone(**changes):
    """One user over 1 Hz with 1 W of noise and a budget of 1 W."""
    one = {"bandwidth_hz": 1.0, "noise_psd_w_per_hz": 1.0, "power_budget_w": 1.0, "circuit_power_w": 1.0}
    gains = {"radar_gain": [0.0], "clutter_gain": [0.0], "link_gain": [0.0]}
    return si.Network(**{**one, **gains, "weights": [1.0], "min_sensing_bps": [0.0], "min_rate_bps": [0.0], **changes})


def sensed(radar, clutter, circuit, floor=0.0):
    return alone(radar_gain=[radar], clutter_gain=[clutter], circuit_power_w=circuit, min_sensing_bps=[floor])


def most_efficient(one):
    """The optimum of one sensed user in 60 digits: at the power of its floor, or where the efficiency is flat above it."""
    with mpmath.workdps(60):
        given = one.radar_gain[0], one.clutter_gain[0], one.min_sensing_bps[0], one.circuit_power_w
        radar, clutter, floor, circuit = map(mpmath.mpf, map(float, given))
        need = 2**floor - 1
        least, rate = need / (radar - clutter * need), lambda p: mpmath.log(1 + radar * p / (clutter * p + 1), 2)
        rising = lambda p: radar * (p + circuit) / ((1 + clutter * p) * (1 + (radar + clutter) * p) * mpmath.log(2)) > rate(p)  # noqa: E731
        low, high = mpmath.mpf(-200), mpmath.mpf(0)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if rising(mpmath.exp(middle)) else (low, middle)
        power = min(max(mpmath.exp(low), least), 1)
        return rate(power) / (power + circuit)


# --- floors beside the clutter's limit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "circuit, floor", [(1e-4, 4.273562733774389), (0.00010255432976732008, 4.273562733774389), (1.0255e-4, 4.273562776082661)]
)
def test_no_bound_on_the_efficiency_is_below_the_optimum_beside_the_limit_of_the_clutter(circuit, floor):
    """Floors 1e-8 and less below what the clutter allows: what is left of the power that they need was rounding."""
    one = sensed(6440523704.497528, 351161557.4509002, circuit, floor)
    truth, solved = most_efficient(one), si.solve_exact_batch([one], objective="efficiency")
    assert truth <= solved.bound[0] <= truth * (1 + 2e-6)
    assert (solved.status[0] == "optimal") == (solved.gap[0] <= 1e-6)
    if solved.status[0] == "optimal":
        best = si.solve_exact(one, objective="efficiency")
        checked = si.verify(one, best)
        assert checked.status == "optimal" and checked.bound >= truth
    else:
        with pytest.raises(SolverFailure, match="unproven"):
            si.solve_exact(one, objective="efficiency")


def test_floors_beyond_reach_by_rounding_are_held_against_what_is_reached():
    """1e-13 above the capacity, which is accepted: the bound of the scenario itself lies far below, if it means anything."""
    rng, optimal = np.random.default_rng(5), 0
    for _ in range(12):
        radar = 10 ** rng.uniform(6, 11)
        one = sensed(radar, radar * 10 ** rng.uniform(-4, 0), 10 ** rng.uniform(-8, 0))
        one = one.replace(min_sensing_bps=si.user_rates(one, [1.0], [1.0])[:, 0] * (1 + 1e-13))
        solved = si.solve_exact_batch([one], objective="efficiency")
        try:
            best = si.solve_exact(one, objective="efficiency")
        except SolverFailure:
            assert solved.status[0] == "unproven"
            continue
        assert solved.status[0] == si.verify(one, best).status == "optimal"
        optimal += 1
    assert optimal >= 8


def test_no_row_is_optimal_whose_value_lies_beyond_its_bound():
    rng, optimal = np.random.default_rng(6), 0
    for off in (1e-8, 1e-9, 1e-12):
        rows = []
        for _ in range(20):
            radar, ratio = 10 ** rng.uniform(9, 12), 10 ** rng.uniform(-2, 0)
            rows.append(sensed(radar, radar * ratio, 10 ** rng.uniform(-8, 0), np.log2(1 + 1 / ratio) * (1 - off)))
        solved = si.solve_exact_batch(rows, objective="efficiency")
        proven = solved.status == "optimal"
        optimal += proven.sum()
        assert np.all(solved.objective[proven] <= solved.bound[proven] * (1 + 1e-9))
        for d in np.flatnonzero(solved.status != "infeasible"):
            assert most_efficient(rows[d]) <= solved.bound[d]
    assert optimal >= 20


# --- next to nothing, and far too much ---------------------------------------------------------------------------------------


def test_a_share_of_next_to_nothing_carries_next_to_nothing():
    """The noise of such a band is too little for a float: its rate was infinite, and feasible."""
    drop = si.Scenario.random(np.random.default_rng(0))
    found = si.score(drop, [0.3, 0.7 - 1e-9, 1e-310], [0.3, 0.4, 0.3])
    assert not found.feasible and np.isfinite(found.value) and found.violations["min_rate_bps[1]"] == 1
    for shares, powers in itertools.product((0.0, 5e-324, 1e-310, 1e-100, 0.3, 1e308), repeat=2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = si.user_rates(drop, [shares] * 3, [powers] * 3)
            assert np.isfinite(table).all() and np.all(table >= 0) and (shares >= 1e-100 or table.max() <= 1e-290)
            assert np.isfinite(si.rates(drop, [shares] * 3, [powers] * 3)).all()
            si.score(drop, [shares] * 3, [powers] * 3)
            si.violations(drop, [shares] * 3, [-powers] * 3)
    exact = [mpmath.log(1 + drop.link_gain[1] * mpmath.mpf(0.3) / (drop.noise_psd_w_per_hz * mpmath.mpf(1e-292)), 2) * 1e-292]
    assert si.user_rates(drop, [0.5, 0.5, 1e-300], [0.3, 0.3, 0.3])[2, 1] == pytest.approx(float(exact[0]), rel=1e-12)


def test_whatever_is_reported_is_judged_in_silence():
    """Shares of zero once took hundreds of warnings, from places where nothing is wrong."""
    drop = si.Scenario.random(np.random.default_rng(0))
    huge, even = drop.replace(power_budget_w=1e300), np.full((1, 3), 1 / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for objective in ("sum", "efficiency"):
            best = si.solve_exact(drop, objective=objective)
            assert si.verify(huge, best).bound == np.inf  # beyond double precision nothing is claimed
            for value, parts in itertools.product((0.0, 5e-324, 1e-320, 1e308), ("shares", "powers_w", "shares powers_w")):
                names = parts.split()
                changed = dataclasses.replace(best, **{name: np.full(3, value) for name in names})
                checked = si.verify(drop, changed)
                assert checked.status == "converged" and checked.bound >= best.objective * (1 - 1e-9)
                if value:
                    si.prices(drop, changed)
            report = {"rates_bps": np.full(4, 1e308), "objective": 1e308, "multipliers": np.full((3, 2), 1e308)}
            assert si.verify(drop, dataclasses.replace(best, **report)).residual > 1e200
        bands = si.Bands.of([drop])
        assert not si.Bands.of([huge]).finite()[0]
        for size, bound in itertools.product((1e300, 1e308), (si.sum_bound, si.efficiency_bound, si.margin_bound)):
            assert bound(bands, even, even, np.full((1, 3, 2), size))[0] >= bound(bands, even, even, np.ones((1, 3, 2)))[0] / 2
        far = si.Bands.of([drop.replace(min_sensing_bps=1e12, min_rate_bps=1e12)])
        assert si.margin_bound(far, even, even, np.full((1, 3, 2), 1e308))[0] == np.inf  # 0, of floors that cost infinity
        assert si.efficiency_bit_per_j(drop, np.full(4, 1e307), np.full(3, 1e308)) == 0


def test_weights_whose_worth_overflows_prove_nothing():
    drop = si.Scenario.random(np.random.default_rng(0), weights=[1e308] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert si.solve_exact_batch([drop]).status.tolist() == ["unproven"]
        for solve in (si.solve_exact, si.solve_sum, si.solve_equal_power):
            with pytest.raises(SolverFailure):
                solve(drop)
        assert si.verify(drop, si.random_allocation(drop, np.random.default_rng(0))).status == "converged"
        assert si.solve_exact(drop, objective="efficiency").certificate.status == "optimal"  # knows no weights


def test_a_rescue_in_vain_is_silent():
    """Three users, two of them next to deaf, a floor 1e-9 from the capacity: the bound's rounding is 1.7e-6 of the value."""
    network = si.Network(
        radar_gain=[0, 2.1243106745574865e-19, 2.3325706194320535e-15],
        clutter_gain=[3.55e-24, 1.359558524656749e-20, 0],
        link_gain=[0, 1.4700030472515573e-18, 0],
        bandwidth_hz=2004.1099660465948,
        noise_psd_w_per_hz=4.286639648831068e-22,
        power_budget_w=2.144596573389521,
        circuit_power_w=2.288,
        weights=[0.9646969872568616, 0.7525046995401022, 0],
        min_sensing_bps=[0, 0, 25066.963237562883 * (1 - 1e-9)],
        min_rate_bps=0.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solved = si.solve_exact_batch([network])
        assert solved.feasible[0] and solved.gap[0] < 2e-6 and solved.bound[0] > solved.objective[0]


def test_numbers_beyond_reason_are_refused_by_name():
    drop, even = si.Scenario.random(np.random.default_rng(0)), np.full((1, 3), 1 / 3)
    for name, value in (("radius_m", 1e200), ("clutters", 1e308), ("clutters", 10**7), ("radar_exponent", 1e200)):
        with pytest.raises(InvalidScenario, match=name):
            si.Scenario.random(np.random.default_rng(1), **{name: value})
    with pytest.raises(InvalidScenario, match="draws"):
        si.Scenario.random_batch(np.random.default_rng(1), 1e308)
    with pytest.raises(InvalidScenario, match="power_price"):
        si.sum_bound(si.Bands.of([drop]), even, even, np.ones((1, 3, 2)), power_price=[[1, 2], [3]])


# --- circuits that need nothing, prices and limits of the frontier -----------------------------------------------------------


@pytest.mark.parametrize("circuit_power_w", [1e-6, 1e-12])
def test_algorithm_one_ends_at_the_optimum_where_circuits_need_nothing(circuit_power_w):
    """The cone program counts in budgets: it once ended 0.04 to 37 % low, said to have converged, where nothing held it."""
    for seed in (0, 2):
        drop = si.Scenario.random(np.random.default_rng(seed), min_sensing_bps=0.0, min_rate_bps=0.0)
        drop = drop.replace(circuit_power_w=circuit_power_w)
        loop = si.solve_efficiency(drop, method="dinkelbach")
        assert loop.certificate.status == "optimal" and loop.certificate.gap <= 1e-6
        assert loop.objective == pytest.approx(si.solve_exact(drop, objective="efficiency").objective, rel=1e-8)


def test_the_frontier_takes_the_limits_that_every_solver_takes():
    one = alone(link_gain=[7.0])
    capacity = si.user_rates(one, [1.0], [1.0])[0, 1]
    for part in (1 - 1e-12, 1.0, 1 + 5e-13):
        curve = si.frontier(one.replace(min_rate_bps=[capacity * part]), [0.0, 1.0, 20.0])
        assert curve.status.tolist() == ["optimal"] * 3
        np.testing.assert_allclose([curve.rate_bps, curve.power_w, curve.bound], [[3] * 3, [1] * 3, [3, 2, -17]], rtol=1e-9)
    with pytest.raises(InfeasibleScenario):
        si.frontier(one.replace(min_rate_bps=[capacity * (1 + 1e-9)]), [0.0, 1.0])
    for seed in (1, 2):  # three users, floors at the most that can be had
        drop = si.Scenario.random(np.random.default_rng(seed))
        factor = si.solve_exact_batch([drop]).best_attainable[0]
        edge = drop.replace(min_sensing_bps=factor * drop.min_sensing_bps, min_rate_bps=factor * drop.min_rate_bps)
        curve = si.frontier(edge, [0.0, 1e9])
        assert curve.status.tolist() == ["optimal"] * 2 and curve.power_w == pytest.approx(1)
        assert curve.rate_bps[0] == pytest.approx(3 * si.solve_exact(edge).objective, rel=1e-6)


def test_no_watt_pays_above_the_steepest_slope():
    """7 / ln 2 = 10.099 bit/J for the first watt: nothing is sent at a higher price, if no floor asks for it."""
    one = alone(link_gain=[7.0])
    curve = si.frontier(one, [10.0, 10.2, 20.0])
    assert curve.status.tolist() == ["optimal"] * 3 and curve.power_w[0] == pytest.approx(1 / (10 * math.log(2)) - 1 / 7)
    assert not np.any([curve.power_w[1:], curve.rate_bps[1:], curve.bound[1:]])
    assert si.frontier(one.replace(min_rate_bps=[1.0]), [20.0]).power_w[0] == pytest.approx(1 / 7)
    assert si.frontier(alone(), [0.0]).status.tolist() == ["optimal"]  # nobody has a gain


SOLVERS = {"joint": si.solve_exact, "equal_power": si.solve_equal_power, "equal_spectrum": si.solve_equal_spectrum}


@pytest.mark.parametrize("scheme", SOLVERS)
@pytest.mark.parametrize("raised", [("min_rate_bps",), ("min_sensing_bps",), ("min_rate_bps", "min_sensing_bps")])
def test_floors_at_the_best_that_can_be_had_are_solved_and_judged(scheme, raised):
    """What the error says can be had is had, to 1e-12: of 60 drops none was solved by :func:`solve_exact`."""
    solve = SOLVERS[scheme]
    for seed in range(3):
        drop = si.Scenario.random(np.random.default_rng(seed), min_rate_bps=0.0, min_sensing_bps=0.0)
        floors = {"min_rate_bps": np.full(2, 2e10), "min_sensing_bps": np.full(2, 5e9)}
        with pytest.raises(InfeasibleScenario) as refused:
            solve(drop.replace(**{name: floors[name] for name in raised}))
        part = refused.value.best_attainable / refused.value.limit
        for below in (0.0, 1e-13, 1e-11):
            edge = drop.replace(**{name: floors[name] * part * (1 - below) for name in raised})
            for criterion in ("sum", "efficiency"):
                best = solve(edge, objective=criterion)
                assert best.certificate.status == si.verify(edge, best).status == "optimal"
                assert best.certificate.residual <= 1e-12
        beyond = drop.replace(**{name: floors[name] * part * (1 + 1e-11) for name in raised})
        with pytest.raises(InfeasibleScenario) as refused:
            solve(beyond)
        assert refused.value.best_attainable / refused.value.limit == pytest.approx(1 - 1e-11, abs=1e-12)


def test_the_frontier_names_the_floor_that_every_solver_names():
    drop = si.Scenario.random(np.random.default_rng(0), min_rate_bps=1e10)
    with pytest.raises(InfeasibleScenario) as refused:
        si.solve_exact(drop)
    with pytest.raises(InfeasibleScenario) as by_frontier:
        si.frontier(drop, [0.0, 1e9])
    for name in ("constraint", "index", "limit", "best_attainable"):
        assert getattr(by_frontier.value, name) == getattr(refused.value, name)
    assert refused.value.constraint == "min_rate_bps"
