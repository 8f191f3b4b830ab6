"""Comparisons on common draws, both averages, and the frontier."""

import numpy as np
import pytest

from isaclib import InfeasibleScenario
from isaclib import semi_isac as si

DRAWS = 60
AGREE = 1e-6


@pytest.fixture(scope="module")
def points():
    batch = si.Scenario.random_batch(np.random.default_rng(7), DRAWS)
    return [
        si.compare(batch.replace(min_sensing_bps=floor, min_rate_bps=4 * floor), np.random.default_rng(1), max_tries=2000)
        for floor in (2e6, 15e6)
    ]


def test_no_scheme_beats_the_joint_optimum_on_any_drop(points):
    for point in points:
        for scheme in si.SCHEMES[1:]:
            known = np.isfinite(point.value[scheme])
            assert known.sum() > 10
            assert np.all(point.value[scheme][known] <= point.value["joint"][known] * (1 + AGREE))


def test_common_average_falls_with_the_floors_and_counts_drops(points):
    result = si.sweep(points)
    for scheme in ("joint", "equal_power", "equal_spectrum"):
        assert result.common[scheme].mean[1] <= result.common[scheme].mean[0] * (1 + AGREE)
        assert result.infeasible[scheme][1] >= result.infeasible[scheme][0]
        assert result.common[scheme].count <= DRAWS - result.infeasible[scheme].max()
    assert points[0].infeasible()["joint"] == result.infeasible["joint"][0]
    kept = np.all([np.isfinite(p.value[s]) for p in points for s in si.SCHEMES], axis=0)
    assert result.common["random"].count == kept.sum()
    assert result.common["random"].mean[0] == pytest.approx(points[0].value["random"][kept].mean())


def test_equal_generators_give_equal_candidates():
    batch = si.Scenario.random_batch(np.random.default_rng(7), 5)
    one, two = (si.compare(batch, np.random.default_rng(1), objective=kind) for kind in ("sum", "efficiency"))
    np.testing.assert_array_equal(one.shares["random"], two.shares["random"])


def test_the_random_scheme_is_random_allocation_of_each_child():
    drops = si.Scenario.random_batch(np.random.default_rng(7), 12)
    hard = np.linspace(0.1, 1.05, 12) * si.solve_exact_batch(drops).best_attainable
    batch = [
        drop.replace(min_sensing_bps=drop.min_sensing_bps * factor, min_rate_bps=drop.min_rate_bps * factor)
        for drop, factor in zip(drops, hard)
    ]
    points = [si.compare(batch, np.random.default_rng(1), objective=kind, max_tries=400) for kind in ("sum", "efficiency")]
    late = 0
    for d, child in enumerate(np.random.default_rng(1).spawn(12)):
        if points[0].status["joint"][d] == "infeasible":
            assert points[0].status["random"][d] == "not found"
            continue
        try:
            one = si.random_allocation(batch[d], child, max_tries=400)
        except InfeasibleScenario:
            assert points[0].status["random"][d] == "not found" and np.isnan(points[0].value["random"][d])
            continue
        late += one.certificate.iterations > 8  # beyond the first block
        for point in points:
            np.testing.assert_array_equal(point.shares["random"][d], one.shares)
            np.testing.assert_array_equal(point.rates_bps["random"][d], one.rates_bps)
        assert points[0].value["random"][d] == one.rates_bps.sum()
        assert points[1].value["random"][d] == one.rates_bps.sum() / (one.powers_w.sum() + batch[d].circuit_power_w)
    assert late > 0 and {*points[0].status["random"]} == {"found", "not found"}


def test_frontier_is_the_optimum_at_each_power_budget():
    scenario = si.Scenario.random(np.random.default_rng(0), power_budget_dbm=40.0)
    best = si.solve_exact(scenario, objective="efficiency")
    curve = si.frontier(scenario, best.objective * np.array([0.05, 0.5, 1.0, 2.0]))
    assert np.all(np.diff(curve.power_w) < 0) and np.all(np.diff(curve.rate_bps) < 0)
    assert curve.rate_bps[2] / (curve.power_w[2] + scenario.circuit_power_w) == pytest.approx(best.objective, rel=AGREE)
    for power, rate in zip(curve.power_w, curve.rate_bps, strict=True):
        budget = si.solve_exact(scenario.replace(power_budget_w=power, weights=[1, 1, 1]))
        assert budget.objective == pytest.approx(rate, rel=AGREE)


def test_frontier_of_an_infeasible_network_raises():
    with pytest.raises(InfeasibleScenario):
        si.frontier(si.Scenario.random(np.random.default_rng(0), min_rate_bps=1e11), [1e8])
