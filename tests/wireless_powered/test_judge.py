"""The judge: violations by hand, reports that are wrong, proven optima in every family; scores of deliberately bad heuristics."""

from dataclasses import replace

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import wireless_powered as wp
from isaclib.wireless_powered.duality import Cuts, evaluate
from isaclib.wireless_powered.sensing import Lane, Sensing

ROUNDING = 1e-12


def scene(**changes):
    fields = {
        "bs_position_m": [0.0, 0.0],
        "user_positions_m": [[3.0, 0.0], [0.0, 3.0]],
        "target_positions_m": [[0.0, 4.0], [5.0, 1.0]],
        "gain_bs_user": [1e-4, 2e-4],
        "gain_transmitter_target": [[2e-5, 1e-5], [1e-5, 3e-5], [2e-5, 1e-5]],
        "bs_power_w": 10.0,
        "max_power_w": 2.0,
        "time_budget_s": 10.0,
        "bandwidth_hz": 1e6,
        "noise_w": 1e-10,
        "harvest_efficiency": 0.7,
        "crb_limit_m2": 0.5,
    }
    return wp.Scenario(**(fields | changes))


def test_each_violation_by_hand():
    s = scene()
    powers, charging, times = np.array([2.5, 0.5]), 8.0, np.array([1e-3, 2.5])
    found = wp.violations(s, powers, charging, times)
    assert list(found) == ["time_budget_s", "harvested_energy_j", "max_power_w", "crb_limit_m2"]
    assert found["time_budget_s"] == pytest.approx((8.0 + 2.501) / 10.0 - 1, rel=1e-9)
    # User 1 spends 1.25 J; it harvested 0.7 * 2e-4 * 10 W * 8 s.
    assert found["harvested_energy_j"] == pytest.approx(1.25 / (0.7 * 2e-4 * 10 * 8) - 1, rel=1e-9)
    assert found["max_power_w"] == pytest.approx(0.25, rel=1e-9)
    assert found["crb_limit_m2"] == 0.0
    tight = wp.violations(s.replace(crb_limit_m2=1e-9), powers, charging, times)
    assert tight["crb_limit_m2"] == pytest.approx(wp.crb_trace(s, powers).max() / 1e-9 - 1, rel=1e-9)
    assert wp.residual(s, powers, charging, times) == max(found.values())


def test_idle_users_violate_nothing_and_carry_nothing():
    s = scene()
    idle = wp.violations(s, [0.0, 0.0], 0.0, [0.0, 0.0])
    assert idle["harvested_energy_j"] == idle["time_budget_s"] == idle["max_power_w"] == 0.0
    assert idle["crb_limit_m2"] == np.inf  # the BS alone sees one direction
    assert wp.violations(s, [1.0, 0.0], 0.0, [1.0, 0.0])["harvested_energy_j"] == np.inf
    s = s.replace(crb_limit_m2=1e6)
    scored = wp.score(s, [0.02, 0.0], 9.0, [0.1, 0.0])
    assert scored.value == 0.0 and scored.feasible and scored.gap == 1.0
    judged = wp.verify(s, wp.Allocation(np.array([0.02, 0.0]), 9.0, np.array([0.1, 0.0]), 0.0, None))
    assert judged.value == 0.0 and judged.status == "converged" and judged.bound > 0


@pytest.mark.parametrize("sensing", ["power", "energy"])
def test_a_report_that_is_nan_too_long_or_wrong_is_a_violation(sensing):
    s = scene(sensing=sensing)
    a = wp.solve_exact(s)
    assert wp.verify(s, a).status == "optimal"
    for wrong in (
        replace(a, min_throughput_bit=float("nan")),
        replace(a, min_throughput_bit=float("inf")),
        replace(a, min_throughput_bit=None),
        replace(a, min_throughput_bit=a.min_throughput_bit * (1 + 1e-5)),
        replace(a, times_s=a.times_s[:1]),
        replace(a, times_s=float(a.times_s[0])),
        replace(a, powers_w=np.append(a.powers_w, 0.1)),
        replace(a, powers_w=a.powers_w[None]),
        replace(a, powers_w=np.where(np.arange(2) == 1, np.nan, a.powers_w)),
        replace(a, powers_w=np.where(np.arange(2) == 1, -1.0, a.powers_w)),
        replace(a, charging_time_s=None),
        replace(a, charging_time_s=float("nan")),
        replace(a, charging_time_s=-a.charging_time_s),
    ):
        judged = wp.verify(s, wrong)
        assert judged.status == "converged" and judged.residual > 1e-6
        assert judged.bound == pytest.approx(a.min_throughput_bit, rel=1e-6) or sensing == "energy"


FAMILIES = [
    {"max_power_w": 1e-3, "crb_limit_m2": 1e-3},
    {"max_power_w": 1e-4, "crb_limit_m2": 1e-2},
    {"max_power_w": 1e-2, "crb_limit_m2": np.inf},
    {"max_power_w": 0.01, "crb_limit_m2": 3e-3, "users": 3},
    {"max_power_w": 1e-3, "crb_limit_m2": 1e-3, "users": 1, "targets": 1},
]


@pytest.mark.parametrize("family", FAMILIES)
def test_energy_optima_with_binding_caps_are_accepted_and_their_neighbours_are_not(family):
    accepted = 0
    for rng in np.random.default_rng(120).spawn(4):
        s = wp.Scenario.random(rng, sensing="energy", **family)
        try:
            a = wp.solve_exact(s)
        except InfeasibleScenario:
            continue
        judged = wp.verify(s, a)
        assert a.certificate.status == judged.status == "optimal" and judged.gap <= 1e-6
        accepted += 1
        for wrong in (
            replace(a, powers_w=a.powers_w * 1.0001),
            replace(a, times_s=a.times_s * 1.0001),
            replace(a, charging_time_s=a.charging_time_s * 1.0001),
            replace(a, times_s=a.times_s * 0.999, charging_time_s=a.charging_time_s * 0.999),
        ):
            value = wp.throughputs(s, wrong.times_s, wrong.powers_w).min()
            assert wp.verify(s, replace(wrong, min_throughput_bit=value)).status == "converged"
    assert accepted >= 1


@pytest.mark.parametrize("margin", [1 + 1e-3, 1.01, 1.5])
def test_energy_optima_next_to_the_edge_are_accepted(margin):
    for rng in np.random.default_rng(121).spawn(4):
        s = wp.Scenario.random(rng, sensing="energy", max_power_w=1e-2, users=5, targets=4)
        s = s.replace(crb_limit_m2=wp.best_attainable_crb(s)[0] * margin)
        a = wp.solve_exact(s)
        assert a.certificate.status == "optimal" == wp.verify(s, a).status


def test_right_at_the_edge_a_feasible_allocation_is_returned_with_what_is_proven():
    for rng in np.random.default_rng(122).spawn(4):
        s = wp.Scenario.random(rng, sensing="energy", max_power_w=1e-2, users=5, targets=4)
        best, target = wp.best_attainable_crb(s)
        a = wp.solve_exact(s.replace(crb_limit_m2=best))
        assert a.certificate.residual <= ROUNDING and a.certificate.bound >= a.min_throughput_bit
        with pytest.raises(InfeasibleScenario) as error:
            wp.solve_exact(s.replace(crb_limit_m2=best * (1 - 1e-9)))
        assert error.value.best_attainable == best and error.value.index == target


def test_any_multipliers_bound_the_optimum():
    rng = np.random.default_rng(123)
    for child in rng.spawn(3):
        s = wp.Scenario.random(child, sensing="energy", max_power_w=1e-2, users=4, targets=3)
        s = s.replace(crb_limit_m2=wp.best_attainable_crb(s)[0] * 1.3)
        a = wp.solve_exact(s)
        for _ in range(10):
            times = a.times_s * np.exp(rng.normal(0, 1, 4))
            cuts = Cuts(s, a.powers_w * np.exp(rng.normal(0, 1, 4)), a.charging_time_s, times)
            bits = a.min_throughput_bit / s.bandwidth_hz
            bound = evaluate(s, cuts, rng.dirichlet(np.ones(4)), bits * rng.exponential(1.0, 3))
            assert bound >= a.min_throughput_bit * (1 - ROUNDING)


def test_scores_of_five_bad_heuristics():
    s = wp.Scenario.random(np.random.default_rng(124), crb_limit_m2=0.5)
    best, users = wp.solve_exact(s), len(s.gain_bs_user)
    full = wp.solve_max_power(s)
    value = wp.score(s, full.powers_w, full.charging_time_s, full.times_s)
    assert value.feasible and value.gap == pytest.approx(1 - full.min_throughput_bit / best.min_throughput_bit, rel=1e-9)
    half = wp.score(s, best.powers_w, best.charging_time_s / 2, best.times_s / 2)
    assert half.gap == pytest.approx(0.5, rel=1e-9) and half.violations["crb_limit_m2"] <= 1e-9
    greedy = wp.score(s, best.powers_w, best.charging_time_s, 2 * best.times_s)
    assert not greedy.feasible and np.isnan(greedy.gap) and greedy.value > greedy.optimum
    assert greedy.violations["harvested_energy_j"] == pytest.approx(1.0, rel=1e-6)
    weak = wp.score(s, np.full(users, 1e-6), 5.0, np.full(users, 0.1))
    assert not weak.feasible and weak.violations["crb_limit_m2"] > 0 and "crb_limit_m2" in str(weak)
    nothing = wp.score(s.replace(crb_limit_m2=1e-9), full.powers_w, full.charging_time_s, full.times_s)
    assert np.isnan(nothing.optimum) and not nothing.feasible and "infeasible" in str(nothing)
    loose = wp.score(s, best.powers_w, best.charging_time_s, best.times_s * (1 + 1e-4), tolerance=1e-3)
    assert loose.feasible and loose.gap < 0


def test_score_batch_is_score_row_by_row():
    batch = wp.Scenario.random_batch(np.random.default_rng(125), 6, crb_limit_m2=np.inf)
    equal = wp.solve_equal_time_batch(batch)
    together = wp.score_batch(batch, equal.powers_w, equal.charging_time_s, equal.times_s)
    for d, s in enumerate(batch):
        alone = wp.score(s, equal.powers_w[d], equal.charging_time_s[d], equal.times_s[d])
        assert together.gap[d] == alone.gap and together.value[d] == alone.value
    with pytest.raises(InvalidScenario, match="powers_w"):
        wp.score_batch(batch, equal.powers_w[:5], equal.charging_time_s, equal.times_s)


@pytest.mark.parametrize("seed", [1497, 1812, 2199])
def test_a_limit_that_full_power_just_meets_is_judged_not_refused(seed):
    """The rounding of the CRB (1e-13) moves the throughput by some 1e-9 there: the value lay beyond the judge's bound."""
    s = wp.Scenario.random(np.random.default_rng(seed), users=3, targets=2, noise_dbm=-60.0, crb_limit_m2=np.inf)
    s = s.replace(crb_limit_m2=float(wp.crb_trace(s, np.full(3, s.max_power_w)).max()))
    assert wp.verify(s, wp.solve_exact(s)).status == "optimal"


def test_no_slope_cancels_to_less_than_nothing():
    """One user holds nearly all the information of a target: more of its energy adds a difference of equal numbers."""
    negative = 0
    for rng in np.random.default_rng(126).spawn(20):
        s = wp.Scenario.random(rng, sensing="energy", users=3, targets=1, crb_limit_m2=1.0)
        s = s.replace(gain_transmitter_target=s.gain_transmitter_target * np.array([[1.0], [1e14], [1.0], [1.0]]))
        powers, times = np.array([1.0, 0.5, 0.2]), np.array([0.1, 0.2, 0.3])
        cuts, lane = Cuts(s, powers, 9.0, times), Lane(s)
        rows = Sensing(lane, lane.bs_power_w).information(9.0, powers * times)[2][0]
        a, b, c = rows @ np.array([9.0, *powers * times]) / (rows[:2] @ np.array([9.0, *powers * times])).sum()
        negative += int((np.array([b * b + c * c, a * a + c * c, -2 * c]) @ rows < 0).any())
        assert (cuts.energy >= 0).all() and (cuts.charging >= 0).all()
        assert np.isfinite(cuts.rounded).all() and (cuts.rounded > 0).all()
        assert np.isfinite(evaluate(s, cuts, np.full(3, 1 / 3), np.ones(1)))
    assert negative >= 1
