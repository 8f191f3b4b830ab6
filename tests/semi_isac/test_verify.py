"""The judge: names every violation, believes no report, holds the proof wherever the solver did; and scores."""

import dataclasses
import math

import numpy as np
import pytest

from isaclib import semi_isac as si
from tests.semi_isac import cases

DROP = si.Scenario.random(np.random.default_rng(0))
BEST = si.solve_exact(DROP)


def _verdict(**changes):
    return si.verify(DROP, dataclasses.replace(BEST, **changes))


def test_every_constraint_has_its_name_and_its_excess():
    found = si.violations(DROP, [0.2, 0.5, 0.4], [0.2, 0.9, 0.4])
    names = {"bandwidth", "power_budget_w", "shares", "powers_w"}
    names |= {f"{floor}[{i}]" for floor in ("min_sensing_bps", "min_rate_bps") for i in range(2)}
    assert set(found) == names
    assert found["bandwidth"] == pytest.approx(0.1) and found["power_budget_w"] == pytest.approx(0.5)
    assert sum(excess > 0 for excess in found.values()) == 2
    # User 2 without a band misses its own floor, by all of it, and nobody else's.
    found = si.violations(DROP, [0.5, 0.5, 0.0], [0.4, 0.4, 0.2])
    assert [name for name, excess in found.items() if excess > 0] == ["min_rate_bps[1]"] and found["min_rate_bps[1]"] == 1
    assert si.violations(DROP, [0.6, 0.6, -0.2], [0.5, 0.5, 0.0])["shares"] == pytest.approx(0.2)
    assert si.violations(DROP, [0.4, 0.3, 0.3], [1.5, -0.5, 0.0])["powers_w"] == pytest.approx(0.5)
    assert set(si.violations(DROP, [np.nan, 0.5, 0.5], [0.2, 0.2, 0.2]).values()) == {math.inf}
    assert si.violations(DROP, BEST.shares, BEST.powers_w, scheme="equal_power")["equal_power"] > 0.3
    assert si.residual(DROP, [0.2, 0.5, 0.4], [0.2, 0.9, 0.4]) == pytest.approx(0.5)


def test_indices_of_a_network_are_its_own():
    network = DROP.network()
    found = si.violations(network, [0.5, 0.5, 0.0], [0.4, 0.4, 0.2])
    assert [name for name, excess in found.items() if excess > 0] == ["min_rate_bps[2]"] and len(found) == 10


@pytest.mark.parametrize(
    "changes",
    [
        {"rates_bps": np.full(4, np.nan)},
        {"rates_bps": BEST.rates_bps[:3]},
        {"rates_bps": BEST.rates_bps[None]},
        {"rates_bps": 1.001 * BEST.rates_bps},
        {"rates_bps": None},
        {"rates_bps": np.ma.masked_array(BEST.rates_bps, [0, 0, 0, 1])},
        {"objective": math.nan},
        {"objective": 1.001 * BEST.objective},
        {"objective": "a lot"},
        {"certificate": dataclasses.replace(BEST.certificate, value=0.5 * BEST.objective, status="converged")},
        {"certificate": None},
        {"shares": BEST.shares[:2]},
        {"shares": np.full(3, np.nan)},
        {"powers_w": np.append(BEST.powers_w, 0.0)},
        {"powers_w": BEST.powers_w + 1j},
    ],
)
def test_a_report_that_is_missing_wrong_or_disagrees_is_a_violation(changes):
    checked = _verdict(**changes)
    assert checked.residual > 5e-4 and checked.status != "optimal"
    # The bound is the scenario's, not the report's: it is kept whatever the allocation looks like.
    assert BEST.objective * (1 - 1e-9) <= checked.bound <= BEST.certificate.bound * (1 + 1e-6)


def test_optimal_wherever_the_solver_says_so():
    """Every pattern of weights and floors, near the edge too, with the solver's multipliers and with fitted ones."""
    seen = fitted = 0
    for name, rows, objective, scheme in list(cases.patterns(1, seed=5))[::3]:
        solve = {"joint": si.solve_exact, "equal_power": si.solve_equal_power, "equal_spectrum": si.solve_equal_spectrum}[scheme]
        best = solve(rows[0], objective=objective)
        assert si.verify(rows[0], best).status == "optimal", name
        checked = si.verify(rows[0], dataclasses.replace(best, multipliers=None))
        assert checked.bound >= best.objective * (1 - 1e-9), name
        seen, fitted = seen + 1, fitted + (checked.status == "optimal")
    assert seen > 50 and fitted == seen


def test_foreign_multipliers_prove_nothing_false():
    rng = np.random.default_rng(3)
    for scale in (1e-3, 1.0, 1e3, 1e12):
        checked = _verdict(multipliers=rng.exponential(size=(3, 2)) * scale)
        assert checked.bound >= BEST.objective * (1 - 1e-9) and checked.status == "optimal"
    for junk in (np.full((3, 2), np.nan), np.full((3, 2), -1.0), np.ones(3), "many"):
        assert _verdict(multipliers=junk).status == "optimal"


def test_an_empty_band_does_not_hide_the_optimum():
    """No floor and no weight: user 2 gets nothing at all, exactly; still optimal, whatever its density would be."""
    drop = DROP.replace(weights=[0, 1, 0], min_sensing_bps=[0, 1e6], min_rate_bps=[1e6, 0])
    best = si.solve_exact(drop)
    shares, powers = np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0])
    rates = si.rates(drop, shares, powers)
    value = si.weighted_sum_bps(drop, rates)
    assert value == pytest.approx(best.objective, rel=1e-8)
    certificate = dataclasses.replace(best.certificate, value=value, bound=math.nan, status="converged")
    bare = dataclasses.replace(
        best, shares=shares, powers_w=powers, rates_bps=rates, objective=value, certificate=certificate, multipliers=None
    )
    assert si.verify(drop, bare).status == "optimal"


def test_random_allocations_are_held_against_the_joint_problem():
    drawn = si.random_allocation(DROP, np.random.default_rng(0))
    checked = si.verify(DROP, drawn)
    assert checked.bound >= BEST.objective * (1 - 1e-9) and checked.status == "converged" and checked.residual == 0


def test_score_by_hand():
    """One user alone: the capacity is 3 Mbit/s with the whole budget of 0.7 W, 2 Mbit/s with 0.3 W."""
    one = si.Network(
        radar_gain=[0.0],
        clutter_gain=[0.0],
        link_gain=[1e-9],
        bandwidth_hz=1e6,
        noise_psd_w_per_hz=1e-16,
        power_budget_w=0.7,
        circuit_power_w=0.3,
        weights=[2.0],
        min_sensing_bps=[0.0],
        min_rate_bps=[1e6],
    )
    found = si.score(one, [1.0], [0.3])
    assert found.feasible and found.value == pytest.approx(4e6) and found.optimum == pytest.approx(6e6, rel=1e-9)
    assert found.gap == pytest.approx(1 / 3, rel=1e-8) and "33.3 % below" in str(found) and found.unit == "bit/s"
    assert si.score(one, [1.0], [0.3], criterion="efficiency").value == pytest.approx(2e6 / 0.6)
    beyond = si.score(one, [1.0], [1.4])
    assert not beyond.feasible and math.isnan(beyond.gap) and beyond.violations["power_budget_w"] == pytest.approx(1)
    assert si.score(one, [1.0], [1.4], tolerance=1.0).feasible
    idle = si.score(one, [1.0], [0.0])
    assert idle.value == 0 and idle.violations["min_rate_bps[0]"] == 1
    refused = si.score(one.replace(min_rate_bps=[4e6]), [1.0], [0.7])
    assert refused.certificate is None and math.isnan(refused.optimum) and "infeasible" in str(refused)


def test_scores_of_a_batch_are_the_scores_of_its_rows():
    drops = si.Scenario.random_batch(np.random.default_rng(4), 3)
    shares = np.array([[0.2, 0.5, 0.3], [0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    powers = np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3], [0.5, 0.5, 0.5]])
    table = si.score_batch(drops, shares, powers)
    for d, row in enumerate(drops):
        alone = si.score(row, shares[d], powers[d])
        assert table.value[d] == alone.value and table.feasible[d] == alone.feasible
        assert {name: column[d] for name, column in table.violations.items()} == dict(alone.violations)
    assert table.feasible.tolist()[1:] == [False, False]


def test_what_is_not_proven_is_not_averaged():
    """A row that proves nothing is left out of both averages, and counted."""
    drops = [si.Scenario.random(child) for child in np.random.default_rng(7).spawn(4)]
    point = si.compare([*drops, drops[0].replace(power_budget_w=1e300)], np.random.default_rng(1), max_tries=200)
    assert point.status["joint"].tolist()[-1] == "unproven" and math.isnan(point.value["joint"][-1])
    result = si.sweep([point])
    assert result.unproven["joint"].tolist() == [1] and point.unproven()["equal_power"] == 1
    assert result.own["joint"].count == 4 - point.infeasible()["joint"]
    assert np.isfinite(result.own["joint"].mean).all()
