"""The paper's algorithms against each other and against the structured solver; benchmarks; verification."""

import dataclasses

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure
from isaclib import semi_isac as si

SOLVERS = 1e-5  # two solvers
FRACTIONAL = 1e-6  # Dinkelbach against Charnes-Cooper; primal against dual
FLOORS = 1e-6  # residual of a cone program
# The verification derives its prices from the allocation, which a cone solver places to about the root of its gap.
PRICED = 1e-3
DRAWS = 200


@pytest.fixture(scope="module")
def batch():
    return si.Scenario.random_batch(np.random.default_rng(77), DRAWS)


@pytest.fixture(scope="module")
def exact(batch):
    return {kind: si.solve_exact_batch(batch, objective=kind) for kind in ("sum", "efficiency")}


def test_cone_program_agrees_with_the_structured_solver_on_300_draws(batch, exact):
    harder = si.Scenario.random_batch(np.random.default_rng(78), 100, min_sensing_bps=30e6, min_rate_bps=5e6)
    rows, objective = [*batch, *harder], np.concatenate([exact["sum"].objective, si.solve_exact_batch(harder).objective])
    solved = 0
    for scenario, value in zip(rows, objective, strict=True):
        if np.isnan(value):
            with pytest.raises(InfeasibleScenario):
                si.solve_sum(scenario)
            continue
        allocation = si.solve_sum(scenario)
        assert allocation.objective == pytest.approx(value, rel=SOLVERS)
        assert allocation.certificate.gap <= FRACTIONAL and allocation.certificate.residual <= FLOORS
        solved += 1
    assert solved > 200


def test_dinkelbach_and_charnes_cooper_agree(batch, exact):
    steps = []
    for scenario, value in zip(batch[:50], exact["efficiency"].objective):
        if np.isnan(value):
            continue
        one_shot, looped = (si.solve_efficiency(scenario, method=method) for method in ("charnes_cooper", "dinkelbach"))
        assert looped.objective == pytest.approx(one_shot.objective, rel=FRACTIONAL)
        assert one_shot.objective == pytest.approx(value, rel=FRACTIONAL)
        for allocation in (one_shot, looped):
            assert allocation.certificate.gap <= FRACTIONAL and allocation.certificate.residual <= FLOORS
        steps.append(looped.certificate.iterations)
    assert len(steps) > 30 and max(steps) <= 10


def test_dinkelbach_trace_rises_from_zero(batch, exact):
    scenario = batch[int(np.flatnonzero(exact["sum"].feasible)[0])]
    history = si.solve_efficiency(scenario, method="dinkelbach").history
    assert [step.iteration for step in history] == list(range(len(history))) and history[0].objective == 0
    values = np.array([step.objective for step in history])
    assert np.all(np.diff(values) >= -FRACTIONAL * values[-1]) and all(step.feasible for step in history[1:])
    # The first step maximises the sum, whatever the power.
    at_sum = si.solve_exact(scenario)
    expected = at_sum.rates_bps.sum() / (at_sum.powers_w.sum() + scenario.circuit_power_w)
    assert values[1] == pytest.approx(expected, rel=SOLVERS)


def test_iterations_of_the_cone_loop_and_the_batch_agree(batch, exact):
    at = np.flatnonzero(exact["efficiency"].feasible)[:20]
    loops = [si.solve_efficiency(batch[d], method="dinkelbach").certificate.iterations for d in at]
    assert np.mean(np.abs(np.array(loops) - exact["efficiency"].iterations[at])) <= 1


@pytest.mark.parametrize("carrier_hz", [1e9, 28e9])
def test_extreme_gains_solve(carrier_hz):
    """Antennas of 30 dB and targets of 50 m^2: normalised gains up to 1e9."""
    change = {"carrier_hz": carrier_hz, "antenna_gain_db": 30.0, "target_rcs_m2": 50.0, "clutter_rcs_m2": 5.0}
    rows = si.Scenario.random_batch(np.random.default_rng(5), 20, **change)
    reference = si.solve_exact_batch(rows)
    assert reference.feasible.sum() >= 10
    for scenario, value in zip(rows, reference.objective, strict=True):
        if not np.isnan(value):
            assert si.solve_sum(scenario).objective == pytest.approx(value, rel=SOLVERS)
            assert si.solve_efficiency(scenario).certificate.gap <= FRACTIONAL


def test_all_isac_network_agrees_with_the_cone_program():
    rows = [si.Network.random(child, min_sensing_bps=1e5, min_rate_bps=5e6) for child in np.random.default_rng(3).spawn(20)]
    reference = si.solve_exact_batch(rows)
    assert reference.feasible.sum() >= 5 and reference.rates_bps.shape == (20, 3, 2)
    for network, value in zip(rows, reference.objective, strict=True):
        if not np.isnan(value):
            assert si.solve_sum(network).objective == pytest.approx(value, rel=SOLVERS)


def test_a_semi_isac_scenario_is_its_network():
    scenario = si.Scenario.random(np.random.default_rng(0))
    assert si.solve_exact(scenario.network()).objective == pytest.approx(si.solve_exact(scenario).objective, rel=FRACTIONAL)


def test_benchmarks_keep_to_their_rule_and_never_beat_the_optimum(batch):
    for objective in ("sum", "efficiency"):
        joint = si.solve_exact_batch(batch, objective=objective)
        for scheme in ("equal_power", "equal_spectrum"):
            solved = si.solve_exact_batch(batch, objective=objective, scheme=scheme)
            assert not np.any(solved.feasible & ~joint.feasible)
            at = solved.feasible
            assert np.all(solved.objective[at] <= joint.bound[at])
            fixed = solved.powers_w[at] if scheme == "equal_power" else solved.shares[at]
            np.testing.assert_allclose(fixed, 1 / 3, rtol=FRACTIONAL)  # the budget is 1 W


def test_benchmarks_against_a_line_search():
    """With two of the three shares (powers) on a fine grid, nothing beats the restricted optimum."""
    scenario = si.Scenario.random(np.random.default_rng(0))
    bands = si.Bands.of([scenario])
    grid = np.linspace(0.002, 0.996, 400)
    a, b = (axis.ravel() for axis in np.meshgrid(grid, grid))
    mix = np.stack([a, b, 1 - a - b], axis=1)[a + b < 0.999]
    even = np.full_like(mix, 1 / 3)
    for solve, arguments in ((si.solve_equal_power, (mix, even)), (si.solve_equal_spectrum, (even, mix))):
        rates = bands.rates(*arguments) * bands.scale[0]
        keep = np.all(rates >= bands.floors * bands.scale[0], axis=(1, 2))
        best = rates[keep].sum(axis=(1, 2)).max() / 3
        value = solve(scenario).objective
        assert best <= value * (1 + 1e-9) and best >= 0.98 * value


def test_random_allocation_meets_the_floors_and_has_no_bound():
    scenario = si.Scenario.random(np.random.default_rng(0))
    drawn = [si.random_allocation(scenario, np.random.default_rng(seed)) for seed in range(30)]
    best = si.solve_exact(scenario)
    for allocation in drawn:
        assert allocation.certificate.residual <= 1e-12 and np.isnan(allocation.certificate.gap)
        assert allocation.powers_w.sum() == pytest.approx(scenario.power_budget_w)
        assert allocation.objective <= best.certificate.bound
    again = si.random_allocation(scenario, np.random.default_rng(0))
    assert np.array_equal(again.shares, drawn[0].shares)
    assert not np.array_equal(drawn[0].shares, drawn[1].shares)


def test_random_allocation_gives_up_with_a_named_error():
    scenario = si.Scenario.random(np.random.default_rng(0), min_rate_bps=1e11)
    with pytest.raises(InfeasibleScenario) as caught:
        si.random_allocation(scenario, np.random.default_rng(0), max_tries=300)
    assert caught.value.constraint == "max_tries" and 0 < caught.value.best_attainable < 1
    with pytest.raises(InvalidScenario, match="max_tries"):
        si.random_allocation(scenario, np.random.default_rng(0), max_tries=0)


@pytest.mark.parametrize("objective", ["sum", "efficiency"])
@pytest.mark.parametrize("solve", [si.solve_exact, si.solve_equal_power, si.solve_equal_spectrum])
def test_verify_confirms_optima(solve, objective, batch, exact):
    for d in np.flatnonzero(exact["sum"].feasible)[:8]:
        try:
            allocation = solve(batch[d], objective=objective)
        except InfeasibleScenario:
            continue
        checked = si.verify(batch[d], allocation)
        assert checked.status == "optimal" and checked.gap <= FRACTIONAL
        assert checked.value == pytest.approx(allocation.certificate.value, rel=1e-12)
        assert checked.bound >= allocation.objective * (1 - 1e-12)


def test_verify_confirms_cone_programs(batch, exact):
    for d in np.flatnonzero(exact["sum"].feasible)[:15]:
        for allocation in (si.solve_sum(batch[d]), si.solve_efficiency(batch[d])):
            assert si.verify(batch[d], allocation).gap <= PRICED


@pytest.mark.parametrize("criterion", ["sum", "efficiency"])
def test_verify_fails_on_perturbed_allocations(criterion):
    scenario = si.Scenario.random(np.random.default_rng(0))
    best = si.solve_exact(scenario, objective=criterion)

    def verdict(**changes):
        return si.verify(scenario, dataclasses.replace(best, **changes))

    winner, loser = int(np.argmax(best.shares)), int(np.argmin(best.shares))
    moved = np.array(best.shares)
    moved[winner] -= 0.05
    moved[loser] += 0.05
    assert verdict(shares=moved).status != "optimal"  # within the budget, but not the best
    assert verdict(shares=1.01 * best.shares).residual > 0.009  # more band than there is
    assert verdict(powers_w=1.01 * best.powers_w * scenario.power_budget_w / best.powers_w.sum()).residual > 0.009
    assert verdict(powers_w=0.9 * best.powers_w).status != "optimal"
    swapped = verdict(powers_w=np.roll(best.powers_w, 1))
    assert swapped.status != "optimal"
    assert verdict(shares=np.array([-0.1, 0.6, 0.5])).residual >= 0.1
    assert verdict(shares=np.full(3, np.nan)).residual == np.inf


def test_a_wrong_infeasible_from_a_solver_is_not_believed(monkeypatch):
    from isaclib.foundations import conic

    scenario = si.Scenario.random(np.random.default_rng(0))
    lie = conic.Solution("infeasible", -np.inf, np.nan, "CLARABEL", 1, 0.0)
    monkeypatch.setattr(conic, "solve", lambda *_args, **_options: lie)
    found = si.solve_sum(scenario)  # the structured solver answers instead, and says so
    assert found.certificate.status == "optimal" and "structured" in found.certificate.method
    assert found.objective == pytest.approx(si.solve_exact(scenario).objective, rel=1e-9)
    with pytest.raises(SolverFailure, match="that is not so"):
        si.solve_sum(scenario, rescue=False)


@pytest.mark.parametrize("method", ["charnes_cooper", "dinkelbach"])
@pytest.mark.parametrize("circuit_power_w", [1e-12, 1e-6, 1e-4, 1e4, 1e8, 1e14])
def test_any_circuit_power_is_answered_by_both_methods(method, circuit_power_w):
    """Circuits that need a millionth of the budget, or a million budgets: the optimum of the structured solver."""
    for seed in (1, 3):  # the second stopped short of its floors, the first nowhere at all
        drop = si.Scenario.random(np.random.default_rng(seed)).replace(circuit_power_w=circuit_power_w)
        found = si.solve_efficiency(drop, method=method)
        assert found.certificate.status == "optimal"
        assert found.objective == pytest.approx(si.solve_exact(drop, objective="efficiency").objective, rel=1e-6)


def test_a_known_bound_is_taken_and_no_other_sought():
    drop = si.Scenario.random(np.random.default_rng(0))
    for solve, objective, method in (
        (si.solve_sum, "sum", {}),
        (si.solve_efficiency, "efficiency", {}),
        (si.solve_efficiency, "efficiency", {"method": "dinkelbach"}),
    ):
        best, own = si.solve_exact(drop, objective=objective), solve(drop, **method)
        found = solve(drop, bound=best.certificate.bound, **method)
        assert found.certificate.bound == best.certificate.bound and found.objective == own.objective
        assert found.certificate.status == own.certificate.status == "optimal"
        loose = solve(drop, bound=2 * best.certificate.bound, rescue=False, **method)
        assert loose.certificate.status == "converged" and loose.certificate.gap == pytest.approx(1, rel=1e-5)
