import dataclasses

import numpy as np
import pytest

from benchmarks.extremes import network_localization as networks
from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure
from isaclib import network_localization as nl
from isaclib.network_localization.rows import System

from .conftest import varied
from .oracle import least_cap, lp_optimum
from .test_scenario import two_stations

AGREEMENT = 1e-6  # with the linear programs, whose own tolerance is 1e-8 and below
GAP = 1e-9  # the direct method reaches 1e-13 on these scales
RESIDUAL = 1e-10
CLOSED_FORM = 1e-10  # two eigenvalue routines against each other


def by_size(scenarios):
    for size in sorted({len(scenario.echo_gain) for scenario in scenarios}):
        rows = [scenario for scenario in scenarios if len(scenario.echo_gain) == size]
        yield rows, nl.solve_exact_batch(rows)


def test_agrees_with_linear_programs_on_200_scenarios(rng):
    verdicts = []
    for rows, solved in by_size(varied(rng, 200)):
        for d, scenario in enumerate(rows):
            reference = lp_optimum(scenario)
            assert solved.feasible[d] == np.isfinite(reference)
            if solved.feasible[d]:
                assert solved.worst_sensing_sinr[d] == pytest.approx(reference, rel=AGREEMENT)
                assert solved.bound[d] >= reference * (1 - AGREEMENT)
            verdicts.append(bool(solved.feasible[d]))
    assert 40 <= sum(verdicts) <= 160  # both kinds are well represented


def test_certificates_on_200_scenarios(rng):
    certified = 0
    for rows, solved in by_size(varied(rng, 200)):
        for d, scenario in enumerate(rows):
            if not solved.feasible[d]:
                with pytest.raises(InfeasibleScenario) as error:
                    nl.solve_exact(scenario)
                assert error.value.constraint == "min_comm_sinr"
                assert error.value.limit == scenario.min_comm_sinr > error.value.best_attainable > 0
                assert 0 <= error.value.index < len(scenario.echo_gain)
                assert np.isnan(solved.worst_sensing_sinr[d]) and np.all(np.isnan(solved.powers_w[d]))
                continue
            allocation = nl.solve_exact(scenario)
            assert allocation.certificate.status == "optimal"
            assert allocation.certificate.gap <= GAP and allocation.certificate.residual <= RESIDUAL
            checked = nl.verify(scenario, allocation)
            assert checked.status == "optimal" and checked.gap <= GAP and checked.residual <= RESIDUAL
            np.testing.assert_allclose(allocation.powers_w, solved.powers_w[d], rtol=GAP)
            certified += 1
    assert certified >= 40


def test_closed_form_agrees_with_policy_iteration(rng):
    for rows, solved in by_size(varied(rng, 60, sizes=(1, 2, 3, 4))):
        for d, scenario in enumerate(rows):
            closed = nl.perron_frobenius_optimum(scenario)
            assert np.isnan(closed) == (not solved.feasible[d])
            if solved.feasible[d]:
                assert closed == pytest.approx(solved.worst_sensing_sinr[d], rel=CLOSED_FORM)


def test_without_users_the_optimum_is_one_spectral_radius(rng):
    for scenario in nl.Scenario.random_batch(rng, 20):
        free = scenario.replace(min_comm_sinr=0.0)
        rows = nl.system(free)
        radius = [np.max(np.abs(np.linalg.eigvals(rows.F[0] + np.outer(rows.v[0], np.eye(3)[k])))) for k in range(3)]
        allocation = nl.solve_exact(free)
        assert allocation.worst_sensing_sinr == pytest.approx(1 / max(radius), rel=CLOSED_FORM)
        # All sensing SINRs are equal there, and one BS is at the cap.
        np.testing.assert_allclose(nl.sensing_sinr(free, allocation.powers_w), allocation.worst_sensing_sinr, rtol=GAP)


def test_closed_form_refuses_to_enumerate_too_much(rng):
    with pytest.raises(InvalidScenario, match="enumerates"):
        nl.perron_frobenius_optimum(nl.Scenario.random(rng, base_stations=13))


def test_a_case_by_hand():
    # No interference but noise, cap 10, echoes 4 and 2: BS 1 is the bottleneck at 20; BS 0 needs 5 W for the same SINR.
    scenario = two_stations(
        bistatic_gain=np.zeros((2, 2)), bs_bs_gain=np.zeros((2, 2)), self_interference_gain=0.0, min_comm_sinr=0.0
    )
    allocation = nl.solve_exact(scenario)
    assert allocation.worst_sensing_sinr == pytest.approx(20.0, rel=GAP)
    np.testing.assert_allclose(allocation.powers_w, [5.0, 10.0], rtol=GAP)


def test_self_interference_alone_by_hand():
    # p alpha / (p s + 1): the worst one at the cap is 2 * 10 / (5 + 1) = 10/3; BS 0 then needs p with 4 p = 10/3 (p + 1).
    scenario = two_stations(bistatic_gain=np.zeros((2, 2)), bs_bs_gain=np.zeros((2, 2)), min_comm_sinr=0.0)
    allocation = nl.solve_exact(scenario)
    assert allocation.worst_sensing_sinr == pytest.approx(10 / 3, rel=GAP)
    np.testing.assert_allclose(allocation.powers_w, [5.0, 10.0], rtol=GAP)


def test_some_station_is_at_its_cap_at_every_optimum(rng):
    for _, solved in by_size(varied(rng, 100)):
        top = np.max(solved.powers_w[solved.feasible], axis=1)
        caps = np.array([row.max_power_w for row, fine in zip(_, solved.feasible) if fine])
        np.testing.assert_allclose(top, caps, rtol=RESIDUAL)


def test_powers_are_the_least_among_all_optima(rng):
    # Lowering any single power breaks the target or a threshold; the linear program at t* needs the full cap.
    for scenario in nl.Scenario.random_batch(rng, 20):
        allocation = nl.solve_exact(scenario)
        for i in range(3):
            lower = allocation.powers_w * np.where(np.arange(3) == i, 1 - 1e-4, 1.0)
            worse = np.min(nl.sensing_sinr(scenario, lower)) < allocation.worst_sensing_sinr * (1 - 1e-9)
            assert worse or nl.residual(scenario, lower) > 1e-9
        assert least_cap(scenario, allocation.worst_sensing_sinr * (1 - AGREEMENT)) <= 1
        assert least_cap(scenario, allocation.worst_sensing_sinr * (1 + AGREEMENT)) > 1


def test_verify_fails_on_perturbed_allocations(rng):
    for scenario in nl.Scenario.random_batch(rng, 10):
        allocation = nl.solve_exact(scenario)
        assert nl.verify(scenario, allocation).status == "optimal"
        for i in range(3):
            for factor in (0.99, 1.01):
                powers = allocation.powers_w * np.where(np.arange(3) == i, factor, 1.0)
                moved = dataclasses.replace(
                    allocation,
                    powers_w=powers,
                    worst_sensing_sinr=float(np.min(nl.sensing_sinr(scenario, powers))),
                    range_std_m=nl.range_std_m(scenario, powers),
                )
                checked = nl.verify(scenario, moved)
                still_best = np.min(nl.sensing_sinr(scenario, powers)) >= allocation.worst_sensing_sinr * (1 - AGREEMENT)
                assert checked.status == "converged" or (still_best and nl.residual(scenario, powers) <= RESIDUAL)
        for wrong in (
            {"powers_w": allocation.powers_w * 1.01},
            {"powers_w": allocation.powers_w * 0.99},
            {"powers_w": -allocation.powers_w},
            {"powers_w": np.zeros(3)},
            {"worst_sensing_sinr": allocation.worst_sensing_sinr * 1.001},
            {"range_std_m": allocation.range_std_m * 0.999},
        ):
            assert nl.verify(scenario, dataclasses.replace(allocation, **wrong)).status == "converged"


def test_the_bound_of_verify_holds_for_any_allocation(rng):
    for scenario in nl.Scenario.random_batch(rng, 20):
        best = nl.solve_exact(scenario).worst_sensing_sinr
        powers = rng.uniform(0.05, 1.0, 3) * scenario.max_power_w
        uniform = nl.uniform_power(scenario)
        moved = dataclasses.replace(
            uniform,
            powers_w=powers,
            worst_sensing_sinr=float(np.min(nl.sensing_sinr(scenario, powers))),
            range_std_m=nl.range_std_m(scenario, powers),
        )
        assert nl.verify(scenario, moved).bound >= best * (1 - GAP)


def test_every_row_choice_bounds_the_optimum(rng):
    for scenario in nl.Scenario.random_batch(rng, 20):
        best = nl.solve_exact(scenario).worst_sensing_sinr
        choice = rng.random((1, 3)) < 0.5
        assert nl.row_bound(nl.system(scenario), choice)[0] >= best * (1 - GAP)


def test_best_attainable_is_the_edge_of_feasibility(rng):
    for scenario in nl.Scenario.random_batch(rng, 20):
        best = float(nl.max_min_comm_sinr(scenario)[0][0])
        inside, outside = (scenario.replace(min_comm_sinr=best * factor) for factor in (1 - 1e-7, 1 + 1e-7))
        allocation = nl.solve_exact(inside)
        assert allocation.certificate.gap <= 1e-6 and allocation.certificate.residual <= 1e-7
        with pytest.raises(InfeasibleScenario) as error:
            nl.solve_exact(outside)
        assert error.value.best_attainable == pytest.approx(best, rel=GAP)
        assert np.isnan(nl.perron_frobenius_optimum(outside))


def test_without_thresholds_all_users_count_alike_at_the_edge(scenario):
    free, equal = (nl.max_min_comm_sinr(scenario.replace(min_comm_sinr=level)) for level in (0.0, 0.7))
    assert free[0][0] == pytest.approx(equal[0][0], rel=1e-12) and free[1] == equal[1]


def test_a_threshold_exactly_at_the_edge_is_served(rng):
    for scenario in nl.Scenario.random_batch(rng, 20):
        edge = scenario.replace(min_comm_sinr=float(nl.max_min_comm_sinr(scenario)[0][0]))
        solved = nl.solve_exact_batch([edge])
        assert solved.feasible[0] and solved.residual[0] <= 1e-7 and solved.powers_w[0].max() <= edge.max_power_w
        assert solved.iterations[0] < 20


@pytest.mark.parametrize("seed", [78, 79])
def test_the_largest_sinr_is_a_threshold_that_is_accepted_in_any_proportions(seed):
    """Rounding of the proportions made one in thirty infeasible by a few 1e-16; the judge proves what the solver proves."""
    for child in np.random.default_rng(seed).spawn(60):
        size = int(child.choice([2, 3, 5, 12, 20]))
        base = nl.Scenario.random(child, base_stations=size)
        base = base.replace(min_comm_sinr=10 ** child.uniform(-4, 1, size))
        edge = float(nl.max_min_comm_sinr(base)[0][0])
        scenario = base.replace(min_comm_sinr=base.min_comm_sinr * (edge / np.max(base.min_comm_sinr)))
        best = nl.solve_exact(scenario)
        assert best.certificate.residual <= 2e-11 and nl.residual(scenario, nl.feasible_start(scenario)) <= 1e-7
        assert nl.verify(scenario, best).status == "optimal"


@pytest.mark.parametrize(("seed", "number", "residual"), [(78, 133, 1e-12), (78, 283, 1.5e-11), (777001, 228, 1.5e-11)])
def test_the_judge_proves_stations_at_the_very_edge(seed, number, residual):
    # The first: their value exceeded the bound by the rounding that the edge amplifies, and the bound was thrown away.
    # The others: the bound of their thresholds is 16 % and a hundred times off, that of thresholds lower by 1.5e-11 meets it.
    scenario = networks.extreme(np.random.default_rng(seed).spawn(number + 1)[number])
    found = nl.verify(scenario, nl.solve_exact(scenario))
    assert found.status == "optimal" and found.residual <= residual


def test_the_bracket_of_a_hundred_stations_closes_in_a_few_steps(monkeypatch):
    """Noda's iteration converges quadratically; steps and powers of the matrix alone took twice as many."""
    scenario = nl.Scenario.random(np.random.default_rng(3), base_stations=100, min_comm_sinr_db=-60.0)
    asked, original = [], System.sensing_rows
    monkeypatch.setattr(System, "sensing_rows", lambda rows, q: asked.append(1) or original(rows, q))
    best = nl.solve_exact(scenario)
    assert best.certificate.gap <= 1e-12 and len(asked) <= 20
    assert best.certificate.bound == pytest.approx(1 / np.max(np.abs(np.linalg.eigvals(_full(scenario)))), rel=1e-11)


def _full(scenario) -> np.ndarray:
    """The matrix of the sensing rows with the cap that the optimum fills; no user is asked for at that threshold."""
    rows = nl.system(scenario)
    cap = int(np.argmax(nl.solve_exact(scenario).powers_w))
    return rows.F[0] + rows.v[0][:, None] * np.eye(100)[cap]


def test_batch_of_mixed_feasibility_never_raises(rng):
    rows = [scenario.replace(min_comm_sinr=level) for scenario, level in zip(nl.Scenario.random_batch(rng, 6), [0, 100] * 3)]
    solved = nl.solve_exact_batch(rows)
    assert list(solved.feasible) == [True, False] * 3
    assert np.all(np.isfinite(solved.best_attainable))
    for field in ("powers_w", "range_std_m", "worst_sensing_sinr", "bound", "gap", "residual"):
        numbers = getattr(solved, field)
        assert np.all(np.isnan(numbers[~solved.feasible])) and np.all(np.isfinite(numbers[solved.feasible]))
        assert not numbers.flags.writeable


def test_all_infeasible_batch(scenario):
    solved = nl.solve_exact_batch([scenario.replace(min_comm_sinr=1e6)] * 2)
    assert not solved.feasible.any()


def test_permuting_the_stations_permutes_the_powers(rng):
    scenario = nl.Scenario.random(rng, base_stations=5, min_comm_sinr_db=-10)
    order = rng.permutation(5)
    vectors = {name: getattr(scenario, name)[order] for name in ("echo_gain", "self_interference_gain", "link_gain")}
    grid = np.ix_(order, order)
    names = ("bistatic_gain", "bs_bs_gain", "cross_link_gain", "ue_echo_gain")
    matrices = {name: getattr(scenario, name)[grid] for name in names}
    moved = scenario.replace(**vectors, **matrices, bs_positions_m=None, ue_positions_m=None)
    first, second = nl.solve_exact(scenario), nl.solve_exact(moved)
    np.testing.assert_allclose(second.powers_w, first.powers_w[order], rtol=1e-8)


def test_units_do_not_matter(scenario):
    # Milliwatts instead of watts for every power: same SINR, powers in milliwatts.
    milli = scenario.replace(
        noise_bs_w=scenario.noise_bs_w * 1e3, noise_ue_w=scenario.noise_ue_w * 1e3, max_power_w=scenario.max_power_w * 1e3
    )
    first, second = nl.solve_exact(scenario), nl.solve_exact(milli)
    assert second.worst_sensing_sinr == pytest.approx(first.worst_sensing_sinr, rel=GAP)
    np.testing.assert_allclose(second.powers_w, 1e3 * first.powers_w, rtol=1e-8)


def test_monotone_in_cap_noise_interference_and_threshold(rng):
    for scenario in nl.Scenario.random_batch(rng, 10):
        best = nl.solve_exact(scenario).worst_sensing_sinr
        better = {
            "max_power_w": 2 * scenario.max_power_w,
            "noise_bs_w": scenario.noise_bs_w / 2,
            "bs_bs_gain": scenario.bs_bs_gain / 2,
            "self_interference_gain": scenario.self_interference_gain / 2,
            "min_comm_sinr": scenario.min_comm_sinr / 2,
        }
        for field, value in better.items():
            assert nl.solve_exact(scenario.replace(**{field: value})).worst_sensing_sinr >= best * (1 - GAP)


def test_a_vector_of_thresholds_is_a_scaled_link(scenario):
    # Thresholds 0.1, 0.2, 0.3: the scalar 0.1 with the links divided by 1, 2, 3.
    thresholds = np.array([0.1, 0.2, 0.3])
    scaled = scenario.replace(min_comm_sinr=0.1, link_gain=scenario.link_gain * 0.1 / thresholds)
    powers = nl.solve_exact(scaled).powers_w
    assert np.all(nl.comm_sinr(scenario, powers) >= thresholds * (1 - RESIDUAL))


@pytest.mark.parametrize("self_interference_db", [-200.0, -20.0])
@pytest.mark.parametrize("power_dbm", [-60.0, 90.0])
@pytest.mark.parametrize("exponent", [2.0, 6.0])
def test_extreme_gain_ratios_are_certified(rng, self_interference_db, power_dbm, exponent):
    scenarios = nl.Scenario.random_batch(
        rng,
        20,
        self_interference_db=self_interference_db,
        max_power_dbm=power_dbm,
        bs_bs_exponent=exponent,
        min_comm_sinr_db=-30.0,
    )
    solved = nl.solve_exact_batch(scenarios)
    if power_dbm > 0:
        assert solved.feasible.all()
    assert np.all(solved.gap[solved.feasible] <= GAP) and np.all(solved.residual[solved.feasible] <= 1e-7)


def test_zero_interference_matrices_are_served(scenario):
    empty = np.zeros((3, 3))
    quiet = scenario.replace(bistatic_gain=empty, bs_bs_gain=empty, cross_link_gain=empty, ue_echo_gain=empty)
    allocation = nl.solve_exact(quiet)
    alone = quiet.echo_gain * quiet.max_power_w
    expected = np.min(alone / (quiet.self_interference_gain * quiet.max_power_w + quiet.noise_bs_w))
    assert allocation.worst_sensing_sinr == pytest.approx(expected, rel=GAP)


def test_a_station_that_hears_nobody_beside_one_in_its_own_echo_by_hand():
    none = np.zeros((2, 2))
    scenario = two_stations(
        bistatic_gain=none, bs_bs_gain=none, self_interference_gain=[0.0, 0.5], noise_bs_w=1e-24, min_comm_sinr=0.0
    )
    allocation = nl.solve_exact(scenario)
    # BS 1 stays below echo over self-interference, and BS 0 needs next to nothing for as much.
    assert allocation.worst_sensing_sinr == pytest.approx(4.0, rel=GAP)
    np.testing.assert_allclose(allocation.powers_w, [4.0 * 1e-24 / 4.0, 10.0], rtol=GAP)
    assert nl.verify(scenario, allocation).status == "optimal"


def test_without_noise_the_station_that_the_users_fill_is_found_by_hand():
    none = np.zeros((2, 2))
    scenario = two_stations(
        echo_gain=[1.0, 1.0],
        bistatic_gain=[[0, 0.1], [10.0, 0]],
        bs_bs_gain=none,
        self_interference_gain=[0.0, 0.0],
        cross_link_gain=none,
        ue_echo_gain=none,
        link_gain=[1.0, 1e6],
        noise_bs_w=1e-25,
        noise_ue_w=1.0,
        min_comm_sinr=9.99,
    )
    allocation = nl.solve_exact(scenario)
    # User 0 needs 9.99 W of BS 0; without users BS 0 would send a tenth of BS 1. Now BS 1 takes the cap, 10/(10 * 9.99).
    np.testing.assert_allclose(allocation.powers_w, [9.99, 10.0], rtol=GAP)
    assert allocation.worst_sensing_sinr == pytest.approx(10 / 99.9, rel=GAP)
    assert nl.verify(scenario, allocation).status == "optimal"


def test_at_the_very_edge_nothing_unproven_is_called_optimal():
    proven = 0
    for seed in range(60):
        scenario = nl.Scenario.random(np.random.default_rng(seed), base_stations=2 + seed % 4, max_power_dbm=90.0)
        edge = float(nl.max_min_comm_sinr(scenario)[0][0])
        scenario = scenario.replace(min_comm_sinr=edge * (1 - (0, 1e-13, 1e-12, 1e-10)[seed % 4]))
        try:
            allocation = nl.solve_exact(scenario)
        except SolverFailure as failure:
            assert "threshold at the edge" in str(failure)
            continue
        certificate = allocation.certificate
        assert certificate.gap <= GAP and certificate.residual <= 1e-7
        judged = nl.verify(scenario, allocation)
        assert judged.bound >= judged.value * (1 - GAP)
        proven += 1
    assert proven > 30
