import dataclasses

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure
from isaclib import network_localization as nl
from isaclib.foundations import conic
from isaclib.network_localization.paper import _program

from .conftest import varied

ABOVE = 1e-7  # how far the cone solver's tolerances may lift a heuristic value over the certified optimum
WITHIN = 1e-3  # "reaches the optimum" in the chapter


@pytest.fixture(scope="module")
def solved():
    rows = [row for row in varied(np.random.default_rng(11), 80, sizes=(2, 3, 5)) if nl.solve_exact_batch([row]).feasible[0]]
    return [(row, nl.solve_exact(row), nl.solve_dc(row)) for row in rows]


def test_never_exceeds_the_certified_optimum(solved):
    assert len(solved) >= 30
    for scenario, exact, dc in solved:
        assert dc.worst_sensing_sinr <= exact.certificate.bound * (1 + ABOVE)
        assert dc.certificate.residual <= ABOVE
        assert np.isnan(dc.certificate.bound) and np.isnan(dc.certificate.gap)
        assert nl.verify(scenario, dc).bound >= exact.worst_sensing_sinr * (1 - ABOVE)


def test_reaches_the_optimum_on_nearly_all_drops_when_balanced(solved):
    ratio = np.array([dc.worst_sensing_sinr / exact.worst_sensing_sinr for _, exact, dc in solved])
    assert np.mean(ratio >= 1 - WITHIN) >= 0.9


def test_values_never_fall_and_iterates_stay_feasible(solved):
    for _, _, dc in solved:
        values = np.array([step.objective for step in dc.history])
        assert dc.history[0].iteration == 0 and len(values) == dc.certificate.iterations + 1
        assert np.all(values[1:] >= values[:-1] * (1 - 1e-6))
        assert all(step.feasible for step in dc.history)
        assert dc.history[-1].objective == dc.worst_sensing_sinr


def test_starts_from_full_power_where_the_users_allow_it(rng):
    kinds = set()
    for scenario in varied(rng, 40, sizes=(3,)):
        full = np.full(3, scenario.max_power_w)
        try:
            start = nl.feasible_start(scenario)
        except InfeasibleScenario as error:
            assert error.constraint == "min_comm_sinr" and error.best_attainable < error.limit
            with pytest.raises(InfeasibleScenario):
                nl.solve_dc(scenario)
            kinds.add("none")
            continue
        allowed = nl.residual(scenario, full) == 0
        assert np.array_equal(start, full) == allowed
        assert nl.residual(scenario, start) <= ABOVE and start.max() == pytest.approx(scenario.max_power_w)
        kinds.add("full" if allowed else "least power, scaled")
    assert kinds == {"none", "full", "least power, scaled"}


def test_the_iteration_count_depends_on_the_unit_of_the_slack(rng):
    rows = [row for row in nl.Scenario.random_batch(rng, 10) if nl.solve_exact_batch([row]).feasible[0]]

    def iterations(slack_start):
        return np.mean([nl.solve_dc(row, slack_start=slack_start).certificate.iterations for row in rows])

    assert iterations(1e-2) > 2 * iterations(1.0)
    assert iterations(1e2) > 2 * iterations(1.0)


def test_the_split_is_the_papers_tangent(rng):
    # Eq. (15) with beta measured in units of root**2 equals the expanded form that is given to the solver.
    t, b, last_t, last_b, root = rng.uniform(0.5, 2, 5)
    x, y, x0, y0 = t / root, b * root, last_t / root, last_b * root
    printed = ((x + y) ** 2 - 2 * (x0 - y0) * (x - y) + (x0 - y0) ** 2) / 4
    expanded = last_t * b + last_b * t - last_t * last_b + (x + y - x0 - y0) ** 2 / 4
    assert printed == pytest.approx(expanded, rel=1e-12)
    assert printed >= t * b


def test_the_program_is_compiled_once_per_size_and_disciplined(scenario):
    program = _program(3)
    assert program is _program(3)
    assert program.problem.is_dcp(dpp=True)


def test_a_loose_threshold_stops_early(scenario):
    loose, tight = nl.solve_dc(scenario, tolerance=0.5), nl.solve_dc(scenario, tolerance=1e-6)
    assert loose.certificate.iterations < tight.certificate.iterations
    assert loose.worst_sensing_sinr <= tight.worst_sensing_sinr
    limited = nl.solve_dc(scenario, max_iterations=1)
    assert limited.certificate.status == "iteration_limit" and limited.certificate.iterations == 1


@pytest.mark.parametrize("start", [[1e-6, 1, 1], [1e-10, 1, 1e-4], [5e-324] * 3])
def test_a_start_many_decades_below_the_caps_leads_to_the_optimum(start):
    for seed in range(4):
        scenario = nl.Scenario.random(np.random.default_rng(seed))
        found = nl.solve_dc(scenario, start=start)
        assert found.certificate.status == "converged"
        assert found.worst_sensing_sinr == pytest.approx(nl.solve_exact(scenario).worst_sensing_sinr, rel=1e-4)


def test_from_a_start_that_does_not_serve_the_users_a_fall_is_no_convergence():
    scenario = nl.Scenario.random(np.random.default_rng(4), min_comm_sinr_db=3.0)
    start = nl.solve_exact(scenario.replace(min_comm_sinr=0.0)).powers_w
    assert nl.residual(scenario, start) > 0.1
    found, best = nl.solve_dc(scenario, start=start), nl.solve_exact(scenario).worst_sensing_sinr
    assert found.history[1].objective < found.history[0].objective
    assert found.certificate.status == "converged" and found.worst_sensing_sinr == pytest.approx(best, rel=1e-3)
    with pytest.raises(InfeasibleScenario):
        nl.solve_dc(scenario.replace(min_comm_sinr=1e3), start=start)


def test_where_the_solver_stops_the_last_iterate_is_the_answer(scenario, monkeypatch):
    solve, calls = conic.solve, iter([True, True, False, False])

    def stopping(*args, **options):
        if next(calls):
            return solve(*args, **options)
        raise SolverFailure("CLARABEL", "solver_error")

    monkeypatch.setattr(conic, "solve", stopping)
    found = nl.solve_dc(scenario)
    assert found.certificate.status == "iteration_limit" and found.certificate.method.endswith("Clarabel stalled")
    assert found.worst_sensing_sinr == found.history[2].objective and len(found.history) == 3
    with pytest.raises(SolverFailure):
        nl.solve_dc(scenario, start=[1e-9] * 3)


def test_malformed_arguments_are_named(scenario):
    with pytest.raises(InvalidScenario, match="slack_start"):
        nl.solve_dc(scenario, slack_start=0.0)
    with pytest.raises(InvalidScenario, match="start"):
        nl.solve_dc(scenario, start=[0.0, 1.0, 1.0])
    with pytest.raises(InvalidScenario, match="start: has shape"):
        nl.solve_dc(scenario, start=[1.0, 1.0])
    with pytest.raises(InvalidScenario, match="start: must respect the caps, but exceeds them by 1"):
        nl.solve_dc(scenario, start=[1.0, 2.0, 1.0])
    for bad in (np.nan, -1.0):
        with pytest.raises(InvalidScenario, match="tolerance"):
            nl.solve_dc(scenario, tolerance=bad)
    for bad in (2.5, 0):
        with pytest.raises(InvalidScenario, match="max_iterations"):
            nl.solve_dc(scenario, max_iterations=bad)


def test_uniform_power_is_full_power_and_carries_no_bound(scenario):
    full = nl.uniform_power(scenario)
    np.testing.assert_array_equal(full.powers_w, scenario.max_power_w)
    assert np.isnan(full.certificate.gap) and full.certificate.residual == nl.residual(scenario, full.powers_w)
    strict = nl.uniform_power(scenario.replace(min_comm_sinr=1e3))
    assert strict.certificate.residual > 0.5
    half = nl.uniform_power(scenario, power_w=scenario.max_power_w / 2)
    assert half.worst_sensing_sinr < full.worst_sensing_sinr
    assert nl.uniform_power(scenario, power_w=0.0).worst_sensing_sinr == 0
    for level in (-1.0, 2 * scenario.max_power_w):
        with pytest.raises(InvalidScenario, match="power_w"):
            nl.uniform_power(scenario, power_w=level)


def test_verify_does_not_call_a_heuristic_optimal(rng):
    for scenario in nl.Scenario.random_batch(rng, 20):
        allocation = nl.uniform_power(scenario)
        assert nl.verify(scenario, allocation).status == "converged"
        claimed = dataclasses.replace(
            allocation, certificate=dataclasses.replace(allocation.certificate, bound=allocation.worst_sensing_sinr)
        )
        assert nl.verify(scenario, claimed).status == "converged"
