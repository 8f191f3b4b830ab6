"""The judge and the score: what is wrong with an allocation is a violation, and plain powers are compared with the optimum."""

import dataclasses

import numpy as np
import pytest

from isaclib import InvalidScenario, SolverFailure
from isaclib import network_localization as nl

from .conftest import varied
from .oracle import lp_optimum


@pytest.fixture
def best(scenario):
    return nl.solve_exact(scenario)


@pytest.mark.parametrize(
    "report",
    [
        {"worst_sensing_sinr": np.nan},
        {"worst_sensing_sinr": None},
        {"worst_sensing_sinr": "best"},
        {"worst_sensing_sinr": np.ones(3)},
        {"worst_sensing_sinr": np.inf},
        {"range_std_m": np.full(3, np.nan)},
        {"range_std_m": np.ones(1)},
        {"range_std_m": np.ones((1, 3))},
        {"range_std_m": None},
        {"powers_w": np.full(3, np.nan)},
        {"powers_w": np.ones(2)},
        {"powers_w": np.full(3, np.inf)},
        {"powers_w": "full"},
    ],
)
def test_a_report_that_is_none_is_a_violation(scenario, best, report):
    judged = nl.verify(scenario, dataclasses.replace(best, **report))
    assert judged.status == "converged" and judged.residual == np.inf


def test_disagreement_is_the_residual(scenario, best):
    for factor in (0.9, 1.1):
        wrong = dataclasses.replace(best, worst_sensing_sinr=best.worst_sensing_sinr * factor)
        assert nl.verify(scenario, wrong).residual == pytest.approx(0.1)
        stds = best.range_std_m * np.array([1.0, factor, 1.0])
        assert nl.verify(scenario, dataclasses.replace(best, range_std_m=stds)).residual == pytest.approx(0.1)


def test_a_range_that_is_infinite_agrees_with_a_report_that_says_so(scenario):
    silent = nl.uniform_power(scenario, power_w=0.0)
    judged = nl.verify(scenario, silent)
    assert np.all(np.isinf(silent.range_std_m)) and judged.value == 0 and judged.residual == pytest.approx(1.0)


def test_violations_by_hand(scenario):
    found = nl.violations(scenario, [1.5, 0.0, -1e-7])
    assert found["max_power_w"] == pytest.approx(0.5) and found["powers_w"] == pytest.approx(1e-7)
    assert found["min_comm_sinr"] == 1.0  # users 1 and 2 hear nothing
    assert nl.violations(scenario.replace(min_comm_sinr=0.0), [0.0, 0.0, 0.0]) == dict.fromkeys(found, 0.0)
    with pytest.raises(InvalidScenario, match="powers_w: must be at least 0"):
        nl.violations(scenario, [1.0, 1.0, -1e-3])


def test_the_judge_says_optimal_wherever_the_solver_does(rng):
    judged = 0
    for scenario in varied(rng, 150, sizes=(1, 2, 3, 5, 7)):
        edge = float(nl.max_min_comm_sinr(scenario)[0][0])
        for distance in (1e-3, 1e-6, 1e-9, 1e-11):
            near = scenario.replace(min_comm_sinr=edge * (1 - distance))
            allocation = nl.solve_exact(near)
            certificate = nl.verify(near, allocation)
            assert certificate.status == "optimal", (distance, certificate)
            judged += 1
    assert judged == 600


def test_the_bound_of_any_powers_is_one(rng):
    for scenario in varied(rng, 60):
        best = lp_optimum(scenario)
        if not np.isfinite(best):
            continue
        for _ in range(3):
            powers = rng.uniform(0, 1, len(scenario.echo_gain)) ** 3 * scenario.max_power_w
            allocation = dataclasses.replace(nl.uniform_power(scenario), powers_w=powers)
            assert nl.verify(scenario, allocation).bound >= best * (1 - 1e-6)


def test_score_against_linear_programs(rng):
    kinds = set()
    for scenario in varied(rng, 40, sizes=(2, 3, 5)):
        full = np.full(len(scenario.echo_gain), scenario.max_power_w)
        scored, reference = nl.score(scenario, full), lp_optimum(scenario)
        if np.isnan(reference):
            assert scored.certificate is None and np.isnan(scored.gap) and not scored.feasible
            assert "infeasible" in str(scored)
            kinds.add("no optimum")
            continue
        value = float(np.min(nl.sensing_sinr(scenario, full)))
        assert scored.value == value and scored.optimum == pytest.approx(reference, rel=1e-6)
        if scored.feasible:
            assert scored.gap == pytest.approx(1 - value / reference, abs=1e-6) and scored.gap >= 0
            kinds.add("feasible")
        else:
            assert np.isnan(scored.gap) and scored.violations["min_comm_sinr"] > 1e-6
            kinds.add("breaks a threshold")
    assert kinds == {"no optimum", "feasible", "breaks a threshold"}


def test_scores_of_bad_heuristics_by_hand(scenario, best):
    assert nl.score(scenario, best.powers_w).gap == pytest.approx(0.0, abs=1e-12)
    half = nl.score(scenario.replace(min_comm_sinr=0.0), np.full(3, 0.5))
    assert half.feasible and 0 < half.gap < 1
    over = nl.score(scenario, 2 * best.powers_w)
    assert not over.feasible and over.violations["max_power_w"] == pytest.approx(1.0) and np.isnan(over.gap)
    silent = nl.score(scenario.replace(min_comm_sinr=0.0), np.zeros(3))
    assert silent.feasible and silent.gap == 1.0
    below = nl.score(scenario, best.powers_w - np.array([0, 0, best.powers_w[2] + 5e-7]), tolerance=1e-3)
    assert below.violations["powers_w"] == pytest.approx(5e-7)
    slightly = best.powers_w * np.array([1, 1 + 1e-4, 1])
    assert not nl.score(scenario, slightly).feasible and nl.score(scenario, slightly, tolerance=1e-3).feasible


def test_a_batch_of_scores_is_its_rows(rng):
    batch = nl.Scenario.random_batch(rng, 8, min_comm_sinr_db=4.0)
    powers = rng.uniform(0.2, 1.0, (8, 3))
    together = nl.score_batch(batch, powers)
    assert len(together) == 8
    for d, scenario in enumerate(batch):
        alone = nl.score(scenario, powers[d])
        for name in ("value", "optimum", "gap", "feasible"):
            np.testing.assert_array_equal(getattr(together, name)[d], getattr(alone, name))
        assert dict(alone.violations) == {name: over[d] for name, over in together.violations.items()}


def test_one_unproven_row_does_not_lose_the_batch(scenario):
    beyond = scenario.replace(max_power_w=5e-324, min_comm_sinr=0.0)
    with pytest.raises(SolverFailure):
        nl.score(beyond, np.zeros(3))
    scored = nl.score_batch([scenario, beyond], np.zeros((2, 3)))
    assert scored.rows[0].certificate.status == "optimal" and scored.rows[1].certificate.status != "optimal"


def test_nothing_here_loads_matplotlib():
    import subprocess
    import sys

    script = (
        "import sys, numpy as np\n"
        "sys.modules['matplotlib'] = sys.modules['seaborn'] = None\n"
        "from isaclib import network_localization as nl\n"
        "scenario = nl.Scenario.random(np.random.default_rng(7))\n"
        "assert nl.solve_exact(scenario).certificate.status == 'optimal'\n"
        "assert nl.solve_dc(scenario).certificate.status == 'converged'\n"
        "assert 'draw_deployment' in dir(nl)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
