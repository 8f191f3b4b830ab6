"""Whatever operators ask: patterns of weights and floors, extreme networks, edges; against time sharing as a linear program."""

import collections
import dataclasses
import warnings

import numpy as np
import pytest

from isaclib import InfeasibleScenario, SolverFailure
from isaclib import semi_isac as si
from tests.semi_isac import cases
from tests.semi_isac.oracle import optimum

GAP, RESIDUAL = 1e-6, 1e-7  # the chapter's promise
ORACLE = 1e-6  # the linear program stops at 1e-8, HiGHS feasible to 1e-10


def _alone(**changes):
    """One communication user over 1 MHz with an SNR of 7: a capacity of exactly 3 Mbit/s."""
    fields = {
        "radar_gain": [0.0],
        "clutter_gain": [0.0],
        "link_gain": [1e-9],
        "bandwidth_hz": 1e6,
        "noise_psd_w_per_hz": 1e-16,
        "power_budget_w": 0.7,
        "circuit_power_w": 1.0,
        "weights": [1.0],
        "min_sensing_bps": [0.0],
        "min_rate_bps": [1e6],
    }
    return si.Network(**{**fields, **changes})


def test_every_pattern_of_weights_and_floors_is_solved():
    together, count = collections.defaultdict(list), 0
    for name, rows, objective, scheme in cases.patterns(3, seed=4):
        together[objective, scheme] += [(name, row) for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for (objective, scheme), pairs in together.items():
            solved = si.solve_exact_batch([row for _, row in pairs], objective=objective, scheme=scheme)
            assert not [name for (name, _), word in zip(pairs, solved.status) if word == "unproven"]
            optimal = solved.status == "optimal"
            assert np.all(solved.gap[optimal] <= GAP) and np.all(solved.residual[optimal] <= RESIDUAL)
            count += optimal.sum()
    assert count > 600


@pytest.mark.parametrize("scheme", cases.SCHEMES)
def test_optima_against_the_linear_program(scheme):
    chosen = [
        case
        for case in cases.patterns(1, seed=9)
        if case[3] == scheme and not any(word in case[0] for word in ("at the edge", "-80 dBm"))
    ]
    for name, (row,), objective, _ in chosen[::6]:
        solved = si.solve_exact_batch([row], objective=objective, scheme=scheme)
        value, bound = optimum(row, objective, scheme)
        assert value == pytest.approx(solved.objective[0], rel=ORACLE), name
        assert value <= solved.bound[0] * (1 + ORACLE) and solved.objective[0] <= bound * (1 + ORACLE), name


def test_extreme_networks_are_solved_or_refused_with_proof():
    unproven = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for child in np.random.default_rng(12).spawn(20):
            network = cases.extreme(child)
            for objective in ("sum", "efficiency"):
                solved = si.solve_exact_batch([network], objective=objective)
                unproven += solved.status[0] == "unproven"
                if solved.status[0] == "optimal":
                    assert solved.gap[0] <= GAP and solved.residual[0] <= RESIDUAL
                    assert solved.bound[0] >= solved.objective[0] * (1 - 1e-9)
                    best = si.solve_exact(network, objective=objective)
                    assert si.verify(network, best).status == "optimal"
                    assert si.verify(network, dataclasses.replace(best, multipliers=None)).bound >= best.objective * (1 - 1e-9)
                elif solved.status[0] == "infeasible":
                    assert solved.best_attainable[0] < 1 and np.isnan(solved.objective[0])
    assert unproven == 0


def test_sensing_alone_under_rate_floors():
    """The commonest question of all once ended in a failure at a gap of 0.665: user 0 started without band and power."""
    drop = si.Scenario.random(np.random.default_rng(3), weights=(1, 0, 0), min_sensing_bps=0.0, min_rate_bps=2e7)
    best = si.solve_exact(drop)
    assert best.certificate.status == "optimal" and best.certificate.gap <= 1e-9
    assert best.objective == pytest.approx(si.solve_sum(drop).objective, rel=1e-6)
    assert best.objective == pytest.approx(optimum(drop)[0], rel=ORACLE)


def test_floors_at_the_capacity_are_feasible_and_above_it_are_not():
    """A user alone whose floor is its capacity of 3 Mbit/s: feasible, and the optimum; the best factor is one."""
    at = si.solve_exact(_alone(min_rate_bps=[3e6]))
    assert at.objective == pytest.approx(3e6, rel=1e-12) and at.certificate.status == "optimal"
    assert si.solve_exact_batch([_alone(min_rate_bps=[3e6])]).best_attainable[0] == pytest.approx(1, abs=1e-12)
    with pytest.raises(InfeasibleScenario) as caught:
        si.solve_exact(_alone(min_rate_bps=[3e6 * (1 + 1e-6)]))
    assert caught.value.best_attainable == pytest.approx(3e6, rel=1e-9)


def test_infeasible_only_when_the_bound_says_so():
    """A budget of 1e300 W overflows: nothing is claimed, above all not that the floors cannot be met."""
    huge = si.Scenario.random(np.random.default_rng(0)).replace(power_budget_w=1e300)
    with pytest.raises(SolverFailure):
        si.solve_exact(huge)
    assert si.solve_exact_batch([huge]).status.tolist() == ["unproven"]
    for solve in (si.solve_sum, si.solve_efficiency, si.solve_equal_power):
        with pytest.raises(SolverFailure):
            solve(huge)


@pytest.mark.parametrize("ratio", [1e-6, 1e-8, 1e-11])
def test_circuits_that_need_next_to_nothing(ratio):
    """The schema goes down to 1e-11 of the budget; a bound at zero power is then off by rounding / ratio."""
    drops = si.Scenario.random_batch(np.random.default_rng(2), 25)
    for floors in (1.0, 0.0):
        rows = [
            row.replace(
                circuit_power_w=ratio * row.power_budget_w,
                min_sensing_bps=floors * row.min_sensing_bps,
                min_rate_bps=floors * row.min_rate_bps,
            )
            for row in drops
        ]
        solved = si.solve_exact_batch(rows, objective="efficiency")
        assert not np.any(solved.status == "unproven") and np.nanmax(solved.gap) <= GAP
        if ratio < 1e-8:  # HiGHS drops coefficients below 1e-9: the oracle has no say there
            continue
        d = int(np.flatnonzero(solved.feasible)[0])
        assert optimum(rows[d], "efficiency")[0] == pytest.approx(solved.objective[d], rel=ORACLE)


def test_an_objective_of_zero_has_the_optimum_zero():
    """The user with the weight has no gain: whatever is done is worth nothing, and that is proven."""
    network = si.Network.random(np.random.default_rng(0)).replace(
        weights=[1, 0, 0], radar_gain=[0, 1e-9, 1e-9], link_gain=[0, 1e-6, 1e-6], min_sensing_bps=[0, 1e5, 1e5], min_rate_bps=0.0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for best in (si.solve_exact(network), si.solve_sum(network), si.solve_equal_power(network)):
            assert (best.objective, best.certificate.bound, best.certificate.gap) == (0, 0, 0)
            assert best.certificate.status == "optimal" and best.certificate.residual <= RESIDUAL
            assert si.verify(network, best).status == "optimal"
    nobody = _alone(link_gain=[0.0], min_rate_bps=[0.0])
    assert si.solve_efficiency(nobody).objective == si.solve_exact(nobody, objective="efficiency").objective == 0
    assert si.score(nobody, [1.0], [0.5]).gap == 0
    with pytest.raises(InfeasibleScenario):
        si.solve_sum(network.replace(min_sensing_bps=[0, 1e12, 1e5]))


def test_a_row_of_a_batch_is_the_single_solution():
    rows = [cases.ordinary(child) for child in np.random.default_rng(6).spawn(120)]
    for objective in ("sum", "efficiency"):
        together = si.solve_exact_batch(rows, objective=objective)
        assert np.all(np.isin(together.status, ("optimal", "infeasible")))
        for d in range(0, 120, 40):
            alone = si.solve_exact_batch([rows[d]], objective=objective)
            np.testing.assert_array_equal(alone.shares[0], together.shares[d])
            assert alone.status[0] == together.status[d]
