"""Time allocation: the curve and its bound, the paper's algorithms against the global optimum, certificates."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from timed import assert_timed

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib.near_field import Scenario, channels, optimise_sensing
from isaclib.near_field.benchmarks import solve_error_ignorant
from isaclib.near_field.dual_bound import sinr_limits
from isaclib.near_field.exact import solve_exact, solve_exact_batch
from isaclib.near_field.given_beams import adversarial_sinr
from isaclib.near_field.margin import power_margin
from isaclib.near_field.paper import constraint_margins, rank_one_ratios, solve_main, solve_mrt
from isaclib.near_field.reduction import reduce
from isaclib.near_field.robust import robust_sinr
from isaclib.near_field.share import _likely
from isaclib.near_field.time_allocation import SinrCurve, curve_of, rate_bps_hz, relative_error
from isaclib.near_field.verify import verify
from tests.near_field.scenes import small

# Bounds of the exact solution are closed to 1e-5 in the rate; certificates are recomputed to rounding.
RATE, RESIDUAL = 2e-5, 1e-6
# A share found on a grid of step 1e-2 and beams solved to 3e-5 may miss the best rate by no more than its grid.
ORDER = 1e-4
# Points of the curve that only have to be ordered; the rates are logarithms of them.
COARSE = 1e-3


@pytest.fixture(scope="module")
def solved():
    scenario = small()
    sensing = optimise_sensing(scenario)
    curve = curve_of(scenario)
    return scenario, sensing, curve, solve_exact(scenario, sensing=sensing, curve=curve)


def test_exact_is_closed_and_verified_from_its_arrays(solved):
    scenario, _, _, exact = solved
    assert exact.certificate.gap < RATE and exact.certificate.status == "optimal"
    again = verify(scenario, exact)
    assert again.residual < RESIDUAL
    assert again.bound >= exact.worst_rate_bps_hz
    assert again.gap < 2 * RATE


@pytest.mark.parametrize(
    "change",
    [
        lambda a: {"beams": a.beams * 1.001},
        lambda a: {"beams": a.beams * 0.999},
        lambda a: {"worst_rate_bps_hz": a.worst_rate_bps_hz * 1.001},
        lambda a: {"covariances": a.covariances * 1.001},
        lambda a: {"covariances": a.covariances * 0.98},
        lambda a: {"multipliers": a.multipliers * 1.5},
    ],
)
def test_perturbed_allocations_fail_verification(solved, change):
    scenario, _, _, exact = solved
    assert verify(scenario, replace(exact, **change(exact))).residual > 10 * RESIDUAL


def test_no_share_beats_the_exact_one(solved):
    scenario, sensing, curve, exact = solved
    for eta in np.linspace(0.1, 0.999, 7) * solved[3].time_allocation:
        point = curve.solve(float(relative_error(scenario, sensing.crlb_bar_m2, eta)), scenario.comm_power_w)
        assert rate_bps_hz(eta, point.sinr) <= exact.certificate.bound


def test_shares_that_promise_no_more_than_solved_ones_are_hoped_to_keep_as_much_of_it():
    etas, promised = np.array([0.1, 0.2, 0.4, 0.6, 0.8]), np.array([5.0, 9.0, 10.0, 9.0, 12.0])
    # Solved at 0.2 and 0.4, where 6 of 9 and 5 of 10 were reached; only the last share promises more than both.
    likely = _likely(etas, promised, {0.4: 5.0, 0.2: 6.0}, 1e-5)
    assert likely == pytest.approx([5 * 6 / 9, 0, 0, 4.5, 12])


def test_without_a_position_limit_the_share_stops_where_the_rate_is_best():
    # The largest share is then 1, where no time is left to look and every channel is in the balls.
    scenario = small()
    sensing = optimise_sensing(scenario)
    free = solve_exact(scenario.replace(crlb_limit_m2=np.inf), sensing=sensing)
    wide = solve_exact(scenario.replace(crlb_limit_m2=1e-7), sensing=sensing)
    assert 0 < free.time_allocation < 1 and free.certificate.gap < RATE
    assert free.worst_rate_bps_hz == pytest.approx(wide.worst_rate_bps_hz, rel=RATE)
    curve = curve_of(scenario)
    curve.solve(1e-3, scenario.comm_power_w)
    assert np.all(curve.upper([1.0, 2.0, np.inf], scenario.comm_power_w) == 0)


def test_one_dual_point_bounds_the_curve_at_other_errors_and_powers():
    scenario = small()
    h = channels(scenario)
    norms = np.linalg.norm(h, axis=2)
    for matched in (False, True):
        base = robust_sinr(h, 1e-3 * norms, scenario.noise_w, 1.0, matched=matched)
        problem = reduce(h, 1e-3 * norms, scenario.noise_w)
        problem = problem.matched() if matched else problem
        for factor, power in ((1.01, 1.0),) if matched else ((1.01, 1.0), (1.5, 1.0), (1.0, 2.0)):
            there = robust_sinr(h, factor * 1e-3 * norms, scenario.noise_w, power, matched=matched, start=base)
            limit = sinr_limits(problem, base.dual, power, np.array([factor]))[0]
            assert limit >= there.sinr * (1 - 1e-9)
            # First-order tightness: a step of 1 per cent may cost 1e-4 only.
            assert factor != 1.01 or limit <= there.sinr * (1 + 1e-4)


def test_schemes_are_ordered(solved):
    scenario, sensing, curve, exact = solved
    main = solve_main(scenario, sensing=sensing, curve=curve)
    mrt = solve_mrt(scenario, sensing=sensing)
    ignorant = solve_error_ignorant(scenario, sensing=sensing)
    for scheme in (main, mrt, ignorant):
        assert scheme.worst_rate_bps_hz <= exact.certificate.bound
        assert verify(scenario, scheme).residual < RESIDUAL
        proven = 2.0 ** (scheme.worst_rate_bps_hz / scheme.time_allocation) - 1
        radii = relative_error(scenario, sensing.crlb_bar_m2, scheme.time_allocation) * np.linalg.norm(channels(scenario), axis=2)
        attained = adversarial_sinr(channels(scenario), radii, scheme.beams, scenario.noise_w)
        assert np.min(attained) >= proven * (1 - 1e-9)
    assert mrt.worst_rate_bps_hz < main.worst_rate_bps_hz
    # Main adjusts its beams to the errors at the share it ends with; with that share, ignorance cannot do better.
    if main.time_allocation == ignorant.time_allocation:
        assert ignorant.worst_rate_bps_hz <= main.worst_rate_bps_hz * (1 + ORDER)


@pytest.mark.parametrize("seed", range(20))
def test_schemes_are_ordered_on_random_geometries(seed):
    """Exact >= Main >= EI after post-processing, exact >= MRT, and no certified rate above the attained one."""
    rng = np.random.default_rng(seed)
    users, aps = 1 + seed % 3, 1 + seed // 3 % 3
    base = Scenario.random(
        rng,
        ap_positions_m=rng.uniform(0, 70, (aps, 2)),
        user_positions_m=rng.uniform(10, 60, (users, 2)),
        antennas=7,
        antenna_spacing_m=0.08,
        crlb_limit_m2=np.inf,
    )
    sensing = optimise_sensing(base)
    # The limit admits the share 1/2, where the relative channel error is 1e-3 as in the paper's working point.
    limit = 2 * sensing.crlb_bar_m2 * base.sensing_block_s / base.block_s
    scenario = base.replace(crlb_limit_m2=limit, error_slope_per_m=1e-3 / np.sqrt(limit))
    h = channels(scenario)
    curve, unaware = (SinrCurve(h, scenario.noise_w, tolerance=COARSE) for _ in range(2))
    matched = SinrCurve(h, scenario.noise_w, tolerance=COARSE, matched=True)
    exact = solve_exact(scenario, sensing=sensing, curve=curve, tolerance=COARSE)
    main = solve_main(scenario, sensing=sensing, curve=curve, step=0.1)
    mrt = solve_mrt(scenario, sensing=sensing, curve=matched, step=0.1)
    ignorant = solve_error_ignorant(scenario, sensing=sensing, curve=unaware)
    assert main.time_allocation == pytest.approx(ignorant.time_allocation) == pytest.approx(0.5)
    assert exact.certificate.gap <= 2 * COARSE
    for scheme in (main, mrt, ignorant):
        assert scheme.worst_rate_bps_hz <= exact.certificate.bound
        radii = relative_error(scenario, sensing.crlb_bar_m2, scheme.time_allocation) * np.linalg.norm(h, axis=2)
        attained = np.min(adversarial_sinr(h, radii, scheme.beams, scenario.noise_w))
        assert scheme.worst_rate_bps_hz <= rate_bps_hz(scheme.time_allocation, attained) * (1 + 1e-9)
    assert ignorant.worst_rate_bps_hz <= main.worst_rate_bps_hz * (1 + COARSE)
    if users == 1:
        # Nobody to disturb: the worst error points against each beam, and matched beams are the best.
        assert mrt.worst_rate_bps_hz == pytest.approx(main.worst_rate_bps_hz, rel=COARSE)
    else:
        assert mrt.worst_rate_bps_hz < main.worst_rate_bps_hz


def test_ten_starts_end_at_one_point(solved):
    scenario, sensing, curve, exact = solved
    found = [solve_main(scenario, start=start, sensing=sensing, curve=curve, step=0.05) for start in np.arange(0.05, 1, 0.1)]
    assert len({a.time_history[0] for a in found}) == 10
    assert all(a.certificate.status == "converged" for a in found)
    assert np.ptp([a.time_allocation for a in found]) < ORDER
    assert np.ptp([a.worst_rate_bps_hz for a in found]) < ORDER * exact.worst_rate_bps_hz


def test_alternation_does_not_lose_rate_on_its_way(solved):
    scenario, sensing, curve, _ = solved
    for start in (0.1, 0.9):
        main = solve_main(scenario, start=start, sensing=sensing, curve=curve)
        rates = [step.objective for step in main.history[:-1]]
        assert all(b >= a * (1 - ORDER) for a, b in itertools.pairwise(rates))
        assert main.time_history[0] == start
        assert main.certificate.status == "converged"


def test_constraint_margin_is_zero_at_the_share_of_the_beams(solved):
    scenario, sensing, curve, _ = solved
    point = curve.solve(float(relative_error(scenario, sensing.crlb_bar_m2, 0.5)), scenario.comm_power_w)
    margins = constraint_margins(scenario, sensing.crlb_bar_m2, point.beams, float(rate_bps_hz(0.5, point.sinr)), [0.5, 0.2])
    assert np.min(margins[0]) == pytest.approx(0, abs=1e-3)
    assert np.min(margins[1]) < 0
    assert np.all(np.isinf(constraint_margins(scenario, sensing.crlb_bar_m2, point.beams, 10.0, [1e-6])))


def test_relaxed_covariances_are_of_rank_one(solved):
    scenario, sensing, _, exact = solved
    sinr = 2.0 ** (exact.worst_rate_bps_hz / exact.time_allocation) - 1
    assert np.all(rank_one_ratios(scenario, sensing.crlb_bar_m2, exact.time_allocation, sinr) > 1 - 1e-4)


def test_without_errors_the_ignorant_beams_are_the_best():
    scenario = small(error_slope_per_m=0.0)
    sensing = optimise_sensing(scenario)
    exact, ignorant = solve_exact(scenario, sensing=sensing), solve_error_ignorant(scenario, sensing=sensing)
    assert ignorant.worst_rate_bps_hz == pytest.approx(exact.worst_rate_bps_hz, rel=ORDER)
    assert exact.time_allocation == pytest.approx(ignorant.time_allocation, rel=ORDER)


def test_mrt_reduced_equals_full():
    scenario = small(antennas=5)
    h = channels(scenario)
    radii = 1e-3 * np.linalg.norm(h, axis=2)
    short = robust_sinr(h, radii, scenario.noise_w, 1.0, matched=True)
    directions = h / np.linalg.norm(h, axis=2, keepdims=True)
    share = np.einsum("kmn,kmn->km", directions.conj(), short.beams)
    assert np.allclose(share[..., None] * directions, short.beams)
    assert np.allclose(share.imag, 0, atol=1e-9 * np.abs(share).max())
    assert power_margin(h, radii, short.sinr, scenario.noise_w, 1.0).margin < 1


def test_batch_equals_single_solves_and_marks_the_infeasible(solved):
    feasible, hopeless = small(), small(crlb_limit_m2=1e-16)
    batch = solve_exact_batch([feasible, hopeless])
    assert list(batch.feasible) == [True, False]
    assert batch.worst_rate_bps_hz[0] == pytest.approx(solved[3].worst_rate_bps_hz, rel=RATE)
    assert np.isnan(batch.worst_rate_bps_hz[1]) and batch.best_attainable[1] > 1e-16
    with pytest.raises(InfeasibleScenario) as error:
        solve_main(hopeless)
    assert error.value.constraint == "crlb_limit_m2"


def test_starts_outside_the_unit_interval_and_wrong_curves_are_named(solved):
    scenario, sensing, curve, _ = solved
    with pytest.raises(InvalidScenario, match="start"):
        solve_main(scenario, start=1.0, sensing=sensing)
    with pytest.raises(InvalidScenario, match="curve"):
        solve_mrt(scenario, sensing=sensing, curve=curve)


def test_no_share_has_a_rate_where_every_channel_is_in_its_ball():
    scenario = small()
    sensing = optimise_sensing(scenario)
    first = float(relative_error(scenario, sensing.crlb_bar_m2, 0.0))
    hopeless = scenario.replace(error_slope_per_m=1.5 * scenario.error_slope_per_m / first)
    for solver in (solve_exact, solve_main, solve_mrt, solve_error_ignorant):
        found = solver(hopeless, sensing=sensing)
        assert found.worst_rate_bps_hz == 0
        assert verify(hopeless, found).residual < RESIDUAL
    assert solve_exact(hopeless, sensing=sensing).certificate.bound == 0


def test_a_start_without_any_rate_stays_and_is_projected():
    scenario = small()
    sensing = optimise_sensing(scenario)
    # At the share 0.98 the relative error is 1: nothing can be guaranteed there.
    slope = scenario.error_slope_per_m / float(relative_error(scenario, sensing.crlb_bar_m2, 0.98))
    limit = 2 * sensing.crlb_bar_m2 * scenario.sensing_block_s / scenario.block_s
    blind = scenario.replace(error_slope_per_m=slope, crlb_limit_m2=limit)
    curve = SinrCurve(channels(scenario), scenario.noise_w, tolerance=0.3)
    found = solve_main(blind, start=0.99, sensing=sensing, curve=curve)
    assert found.history[0].objective == 0
    assert found.time_history == (0.99, 0.99) and found.time_allocation == pytest.approx(0.5)
    assert found.worst_rate_bps_hz > 0 and verify(blind, found).residual < RESIDUAL


def test_the_seconds_are_those_of_the_call():
    scenario = small()
    sensing = assert_timed(lambda: optimise_sensing(scenario))
    for solve in (solve_exact, solve_main, solve_mrt, solve_error_ignorant):
        found = assert_timed(lambda solve=solve: solve(scenario, sensing=sensing))
        assert_timed(lambda found=found: verify(scenario, found))
    h = channels(scenario)
    for solve in (robust_sinr, lambda *given: power_margin(*given[:2], 1.0, *given[2:])):
        assert_timed(lambda solve=solve: solve(h, np.full(h.shape[:2], 1e-9), scenario.noise_w, scenario.comm_power_w))


def test_users_that_share_a_channel_share_it_at_smaller_errors_too():
    """The channel that two balls hold lies inside them: it stays where it is, and one point of the curve bounds all shares."""
    h = np.ones((2, 2, 3)) * np.array([1.0, 1.02])[:, None, None] + 0.01j * np.arange(12).reshape(2, 2, 3) / 12
    curve = SinrCurve(h, 1e-8)
    at = curve.solve(0.6, 1.0)
    assert at.certificate.status == "optimal" and at.sinr == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_allclose(curve.upper(np.array([0.1, 0.3, 0.59, 0.6, 0.9]), 1.0), 1.0, rtol=1e-3)
    for error in (0.1, 0.3, 0.9):
        assert curve.upper(error, 1.0) >= robust_sinr(h, error * np.linalg.norm(h, axis=2), 1e-8, 1.0).sinr * (1 - 1e-9)
