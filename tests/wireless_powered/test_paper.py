"""The paper's algorithm against the exact optimum, from several starts."""

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import wireless_powered as wp
from isaclib.wireless_powered import paper

AGREEMENT = 1e-6  # relative; promised for SCA against exact. SLSQP's subproblems are solved to 1e-12
STARTS = {"cold": {}, "less power, short charging": {"charging_share": 0.3, "backoffs": (0.3, 0.1, 0.01)}}


@pytest.mark.parametrize("limit", [0.05, 0.5])
def test_sca_reaches_the_exact_optimum_from_several_starts_on_fifty_scenarios(limit):
    batch = wp.Scenario.random_batch(np.random.default_rng(30 if limit < 0.1 else 31), 25, crb_limit_m2=limit)
    exact = wp.solve_exact_batch(batch)
    assert exact.feasible.sum() >= 24
    for d, scenario in enumerate(batch):
        if not exact.feasible[d]:
            continue
        for options in STARTS.values():
            start = wp.feasible_start(scenario, **options)
            sca = wp.solve_sca(scenario, start=start, tolerance=1e-9)
            assert sca.min_throughput_bit == pytest.approx(exact.min_throughput_bit[d], rel=AGREEMENT)
            assert sca.certificate.residual <= 1e-7
            assert np.isnan(sca.certificate.bound) and np.isnan(sca.certificate.gap)


def test_start_is_feasible_and_history_climbs():
    for scenario in wp.Scenario.random_batch(np.random.default_rng(32), 5):
        powers, charging, times = wp.feasible_start(scenario)
        assert wp.residual(scenario, powers, charging, times) <= 1e-12
        sca = wp.solve_sca(scenario)
        objectives = np.array([step.objective for step in sca.history])
        assert [step.iteration for step in sca.history] == list(range(len(sca.history)))
        assert np.all(np.diff(objectives) >= -1e-9 * objectives[1:]) and all(step.feasible for step in sca.history)
        assert sca.certificate.status == "converged"
        assert objectives[-1] == sca.min_throughput_bit


def test_iteration_limit_is_reported():
    scenario = wp.Scenario.random(np.random.default_rng(33))
    sca = wp.solve_sca(scenario, max_iterations=2)
    assert sca.certificate.status == "iteration_limit" and len(sca.history) == 3


def test_schemes_agree_with_their_direct_solutions():
    for scenario in wp.Scenario.random_batch(np.random.default_rng(34), 6):
        for scheme, direct in (("equal_time", wp.solve_equal_time), ("max_power", wp.solve_max_power)):
            iterated, solved = wp.solve_sca(scenario, scheme=scheme, tolerance=1e-9), direct(scenario)
            assert iterated.min_throughput_bit == pytest.approx(solved.min_throughput_bit, rel=AGREEMENT)
            assert solved.certificate.residual <= 1e-7 and solved.certificate.gap <= 1e-6


def test_a_subproblem_whose_solver_gives_up_near_the_start_begins_further_inside():
    scenario = wp.Scenario.random(np.random.default_rng(21).spawn(113)[112])
    iterated, solved = wp.solve_sca(scenario, scheme="max_power"), wp.solve_max_power(scenario)
    assert iterated.certificate.status == "converged" and iterated.certificate.residual <= 1e-7
    assert iterated.min_throughput_bit == pytest.approx(solved.min_throughput_bit, rel=AGREEMENT)


def test_bad_requests_are_named():
    scenario = wp.Scenario.random(np.random.default_rng(35))
    powers, charging, times = wp.feasible_start(scenario)
    with pytest.raises(InvalidScenario, match="start"):
        wp.solve_sca(scenario, start=(powers, charging, 10 * times))
    with pytest.raises(InvalidScenario, match="start"):
        wp.solve_sca(scenario, start=(powers, charging, times), scheme="max_power")
    with pytest.raises(InvalidScenario, match="scheme"):
        wp.solve_sca(scenario, scheme="greedy")
    with pytest.raises(InvalidScenario, match="sensing"):
        wp.solve_sca(scenario.replace(sensing="energy"))
    with pytest.raises(InvalidScenario, match="charging_share"):
        wp.feasible_start(scenario, charging_share=1.0)
    hopeless = scenario.replace(crb_limit_m2=1e-6)
    with pytest.raises(InfeasibleScenario) as error:
        wp.solve_sca(hopeless)
    with pytest.raises(InfeasibleScenario) as exact_error:
        wp.solve_exact(hopeless)
    assert error.value.index == exact_error.value.index
    assert error.value.best_attainable == pytest.approx(exact_error.value.best_attainable, rel=1e-9)


@pytest.mark.parametrize("answers", [0, 2])
def test_where_the_solver_of_a_subproblem_has_no_answer_the_iterate_before_is_the_last(monkeypatch, answers):
    scenario = wp.Scenario.random(np.random.default_rng(1))
    whole = wp.solve_sca(scenario)
    solve, seen = paper._Subproblem.solve, []

    def stalls(self, point):
        seen.append(point)
        return solve(self, point) if len(seen) <= answers else (None, False)

    monkeypatch.setattr(paper._Subproblem, "solve", stalls)
    found = wp.solve_sca(scenario)
    assert (found.certificate.status, found.certificate.iterations) == ("iteration_limit", answers)
    assert "stalled" in found.certificate.method
    assert found.min_throughput_bit == whole.history[answers].objective
    violation = wp.residual(scenario, found.powers_w, found.charging_time_s, found.times_s)
    assert max(found.certificate.residual, violation) <= 1e-6


@pytest.mark.parametrize("scheme", ["proposed", "max_power", "equal_time"])
def test_the_algorithm_ends_at_the_optimum_of_a_hundred_users(scheme):
    # With the times as unknowns a subproblem of 200 users took minutes and found no answer.
    scenario = wp.Scenario.random(np.random.default_rng(1), users=100, targets=3, crb_limit_m2=np.inf)
    solve = {"proposed": wp.solve_exact, "max_power": wp.solve_max_power, "equal_time": wp.solve_equal_time}[scheme]
    assert wp.solve_sca(scenario, scheme=scheme).min_throughput_bit == pytest.approx(solve(scenario).min_throughput_bit, rel=1e-4)
