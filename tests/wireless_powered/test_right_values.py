"""Right values of the parts behind the certificates: by definition, by differences, and where a solver gives up."""

import math
import warnings

import mpmath
import numpy as np
import pytest
from ends import POSITIVE, assert_ends
from timed import assert_timed

from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure
from isaclib import wireless_powered as wp
from isaclib.wireless_powered import attainable, curve, duality, energy, interior
from isaclib.wireless_powered.interface import INTERFACE
from isaclib.wireless_powered.sensing import Lane, Sensing, octaves_beyond
from isaclib.wireless_powered.verify import _price
from tests.wireless_powered import oracles

DIGITS = 1e-14


def capped(seed=60, margin=1.3, users=3, targets=2, cap=1e-3, **changes):
    s = wp.Scenario.random(
        np.random.default_rng(seed),
        sensing="energy",
        users=users,
        targets=targets,
        max_power_w=cap,
        crb_limit_m2=np.inf,
        **changes,
    )
    return s.replace(crb_limit_m2=wp.best_attainable_crb(s)[0] * margin)


# --- functions of one number ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("L", [1e-12, 1e-6, 1e-3, 0.9e-2, 0.999e-2, 1.001e-2, 0.03, 0.3, 2.0, 40.0])
def test_functions_that_cancel_at_zero_keep_their_digits(L):
    with mpmath.workdps(60):
        m = mpmath.mpf(L)
        x = mpmath.expm1(m)
        load, curvature = float(mpmath.log(x / m)), float((1 + x) * m - x)
        second, snr = float(m - 1 + mpmath.exp(-m)), float(x)
        worth = float(mpmath.log1p(mpmath.mpf(snr)) - mpmath.mpf(snr) / (1 + mpmath.mpf(snr)))
    assert curve.load_curvature(np.array([L]))[0] == pytest.approx(curvature, rel=3 * DIGITS)
    assert curve.log_snr_of_load(np.array([load]))[0] == pytest.approx(L, rel=3 * DIGITS)
    assert duality._second(np.array([L]))[0] == pytest.approx(second, rel=3 * DIGITS)
    assert duality._log_snr_of_second(np.array([second]))[0] == pytest.approx(L, rel=3 * DIGITS)
    assert interior._worth(np.array([snr]))[0] == pytest.approx(worth, rel=3 * DIGITS)
    assert _price(np.array([snr]))[0] == pytest.approx(curvature, rel=1e-13)


def test_only_what_is_far_beyond_the_usual_is_scaled_down():
    for usual in (1.0, 1e-9, 3e5):
        assert [octaves_beyond(usual * 2.0**n, usual) for n in (-60, 0, 40, 41, 100)] == [0, 0, 0, 1, 60]


# --- derivatives ---------------------------------------------------------------------------------------------------------------


def differences(function, at, step):
    """Central differences (..., n) along each entry."""
    moved = []
    for i in range(len(at)):
        h = np.zeros_like(at)
        h[i] = step * at[i]
        moved.append((function(at + h) - function(at - h)) / (2 * h[i]))
    return np.stack(moved, axis=-1)


def test_information_is_one_over_the_crb_and_its_derivatives_are_its_differences():
    s, wide = capped(users=4, targets=3), np.longdouble
    lane = Lane(s)
    sensing = Sensing(lane, lane.bs_power_w, wide)
    at = np.concatenate([[7.0], 1e-3 * np.random.default_rng(61).random(4)]).astype(wide)
    psi, slope, rows, core = sensing.information(at[0], at[1:])
    crb = wp.crb_trace(s, np.full(4, 1e-3), charging_time_s=7.0, times_s=(at[1:] / wide(1e-3)).astype(float))
    np.testing.assert_allclose((1 / psi).astype(float), crb, rtol=1e-13)
    value, _ = sensing.information(at[0], at[1:], derivatives=False)
    np.testing.assert_array_equal(value, psi)
    of = lambda v: sensing.information(v[0], v[1:], derivatives=False)[0]  # noqa: E731
    np.testing.assert_allclose(slope, differences(of, at, wide(1e-5)), rtol=1e-8)
    hessian = np.einsum("nim,nij,njk->nmk", rows, core, rows)
    numeric = differences(lambda v: sensing.information(v[0], v[1:])[1], at, wide(1e-5))
    size = np.sqrt(np.abs(np.einsum("nmm,nkk->nmk", hessian, hessian)))
    assert np.all(np.abs(hessian - numeric) <= 1e-6 * size)
    traces = differences(lambda v: sensing.information(v[0], v[1:], derivatives=False)[1], at, wide(1e-5))
    np.testing.assert_allclose(rows[:, 0] + rows[:, 1], traces, rtol=1e-7)
    worth, more = Sensing(lane, lane.bs_power_w * float(at[0])).worth(at[None, 1:].astype(float), np.array([1]))
    np.testing.assert_allclose(worth[0], float(psi[1]), rtol=1e-12)
    np.testing.assert_allclose(more[0], slope[1, 1:].astype(float), rtol=1e-10)


@pytest.mark.parametrize("program", ["reach", "limited", "free"])
def test_gradient_and_hessian_of_the_barrier_are_its_differences(program):
    s, wide = capped(), np.longdouble
    problem = attainable.problem_of(Lane(s), wide(s.crb_limit_m2) * wide(s.time_budget_s), wide)
    of = interior._Reach(problem) if program == "reach" else interior._Throughput(problem, program == "limited")
    best = attainable.least_crb(Lane(s))
    t0, e = wide(best.charging_s[0] / s.time_budget_s), best.harvesting_s[0].astype(wide) / s.time_budget_s
    t0, e = t0 * wide(0.97), e * wide(0.93) + t0 * wide(0.02)
    v = of.start() if program == "reach" else of.start(t0, e)
    v = np.asarray(v, wide)
    slacks = of.slacks(v)
    assert slacks.min() > 0
    gradient, hessian = of.barrier(v, slacks)
    logarithms = lambda u: -np.log(of.slacks(u)).sum()  # noqa: E731
    np.testing.assert_allclose(gradient, differences(logarithms, v, wide(1e-6)), rtol=1e-7)
    numeric = differences(lambda u: of.barrier(u, of.slacks(u))[0], v, wide(1e-6))
    size = np.sqrt(np.outer(np.diag(hessian), np.diag(hessian)))
    assert np.all(np.abs(hessian - numeric) <= 1e-6 * size)
    outside = v.copy()
    outside[1] = -1
    assert of.slacks(outside).min() < 0


def test_newtons_direction_in_both_precisions_and_where_there_is_none():
    rng = np.random.default_rng(62)
    root = rng.normal(size=(7, 7)) * 10.0 ** rng.uniform(-6, 6, 7)
    matrix, right = root.T @ root, rng.normal(size=7)
    for dtype, digits in ((float, 1e-5), (np.longdouble, 1e-8)):
        step = interior._solve(matrix.astype(dtype), right.astype(dtype))
        with mpmath.workdps(60):
            truth = mpmath.lu_solve(mpmath.matrix(matrix.tolist()), mpmath.matrix(right.tolist()))
        np.testing.assert_allclose(step.astype(float), [float(x) for x in truth], rtol=digits)
    for dtype in (float, np.longdouble):
        assert interior._solve(np.array([[1.0, 2.0], [2.0, 1.0]], dtype), np.ones(2, dtype)) is None  # indefinite
        assert interior._solve(np.array([[1.0, np.nan], [np.nan, 1.0]], dtype), np.ones(2, dtype)) is None
        assert interior._solve(np.eye(2, dtype=dtype), np.array([np.nan, 1.0], dtype)) is None
        with warnings.catch_warnings():  # a diagonal that cancelled beside an entry that did not, as found among extreme networks
            warnings.simplefilter("error")
            assert interior._solve(np.array([[0.0, 1e160], [1e160, 1.0]], dtype), np.ones(2, dtype)) is None
        flat = np.ones((2, 2), dtype)  # singular: a ridge makes it definite
        np.testing.assert_allclose((flat @ interior._solve(flat, np.ones(2, dtype))).astype(float), 1.0, rtol=1e-6)


# --- the dual bound ------------------------------------------------------------------------------------------------------------


def by_definition(scenario, cuts, weights, prices):
    """min over lambda of the dual function, in thirty digits, by bisection on the common price of a second."""
    m = mpmath.mpf
    a = [m(float(g)) / m(scenario.noise_w) for g in scenario.gain_bs_user]
    c = [m(float(z)) * m(float(g)) * m(scenario.bs_power_w) for z, g in zip(scenario.harvest_efficiency, scenario.gain_bs_user)]
    cap, horizon = m(scenario.max_power_w), m(scenario.time_budget_s)
    weights, prices = [m(float(w)) for w in weights], [m(float(p)) for p in prices]
    shift = [sum(p * m(float(b)) for p, b in zip(prices, row)) for row in cuts.energy]
    base = sum(p * m(float(b)) for p, b in zip(prices, cuts.charging))

    def worth(i, d):
        p = cap if d <= 0 else min(max(weights[i] / (mpmath.log(2) * d) - 1 / a[i], 0), cap)
        return weights[i] * mpmath.log1p(a[i] * p) / mpmath.log(2) - d * p

    def least(i, mu):
        """The least price of the user's energy with which a second is worth at most mu to it."""
        low, high = m(0), weights[i] * a[i] / mpmath.log(2) + shift[i]
        if worth(i, -shift[i]) <= mu:
            return low
        for _ in range(64):
            middle = (low + high) / 2
            low, high = (low, middle) if worth(i, middle - shift[i]) <= mu else (middle, high)
        return high

    charging = lambda mu: base + sum(least(i, mu) * c[i] for i in range(len(a)))  # noqa: E731
    low, high = m(0), base + sum(w * mpmath.log1p(x * cap) for w, x in zip(weights, a)) * 10 + 1
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (low, middle) if charging(middle) <= middle else (middle, high)
    level = sum(p * m(float(x)) for p, x in zip(prices, cuts.level))
    return float(m(scenario.bandwidth_hz) * (horizon * high - level) / sum(weights))


@pytest.mark.parametrize("dtype", [float, np.longdouble])
def test_the_bound_of_any_multipliers_is_the_dual_function_by_its_definition(dtype):
    rng = np.random.default_rng(63)
    with mpmath.workdps(30):
        for child in rng.spawn(2):
            s = capped(int(child.integers(100)), users=2, targets=2)
            a = wp.solve_exact(s)
            cuts = duality.Cuts(s, a.powers_w, a.charging_time_s, a.times_s, dtype)
            weights, prices = child.dirichlet(np.ones(2)), a.min_throughput_bit / s.bandwidth_hz * child.exponential(0.3, 2)
            truth, found = by_definition(s, cuts, weights, prices), duality.evaluate(s, cuts, weights, prices)
            assert truth * (1 - 1e-15) <= found <= truth * (1 + 1e-10)
    assert duality.evaluate(s, cuts, np.zeros(2), prices) == math.inf
    assert duality.evaluate(s, cuts, -weights, prices) == math.inf
    assert duality.dual_bound(s, np.zeros(2), a.charging_time_s, a.times_s) == math.inf


def test_cuts_hold_for_every_allocation_that_keeps_the_limit():
    """b_0 t_0 + b E is at least the level at any allocation within the limit, and equal to the CRB's share of it at its own."""
    s = capped(users=4, targets=3, margin=3.0)
    a, rng = wp.solve_exact(s), np.random.default_rng(64)
    cuts = duality.Cuts(s, a.powers_w, a.charging_time_s, a.times_s)
    np.testing.assert_allclose(cuts.charging * a.charging_time_s + (a.powers_w * a.times_s) @ cuts.energy, 1.0, rtol=1e-12)
    crb = wp.crb_trace(s, a.powers_w, charging_time_s=a.charging_time_s, times_s=a.times_s)
    np.testing.assert_allclose(cuts.level, crb / s.crb_limit_m2, rtol=1e-12)
    tight = duality.Cuts(s, a.powers_w, a.charging_time_s, a.times_s, slack=0.5)
    np.testing.assert_allclose(tight.level, cuts.level / 1.5, rtol=1e-15)
    kept = 0
    for _ in range(200):
        charging, spent = a.charging_time_s * np.exp(rng.normal(0, 1)), a.powers_w * a.times_s * np.exp(rng.normal(0, 1, 4))
        if wp.crb_trace(s, np.ones(4), charging_time_s=charging, times_s=spent).max() <= s.crb_limit_m2:
            kept += 1
            assert np.all(cuts.charging * charging + spent @ cuts.energy >= cuts.level * (1 - 1e-12))
    assert kept >= 20


def test_what_an_allocation_overspends_loosens_the_limit_by_as_much():
    s = capped(margin=2.0)
    a = wp.solve_exact(s)
    crb = wp.crb_trace(s, a.powers_w, charging_time_s=a.charging_time_s, times_s=a.times_s).max() / s.crb_limit_m2
    assert float(duality.beyond(s, a.powers_w, a.charging_time_s, a.times_s)) == pytest.approx(max(crb - 1, 0), abs=1e-13)
    twice = float(duality.beyond(s, a.powers_w, 2 * a.charging_time_s, 2 * a.times_s))
    assert twice == pytest.approx(2 * max(1, crb / 2) - 1, rel=1e-9)
    spent = float(duality.beyond(s, 3 * a.powers_w, a.charging_time_s, a.times_s))
    harvest = (3 * a.powers_w * a.times_s / wp.harvested_energy_j(s, a.charging_time_s)).max()
    assert spent == pytest.approx(max(1, harvest) - 1, rel=1e-9)


# --- where a solver gives up ---------------------------------------------------------------------------------------------------


def test_multipliers_that_were_not_found_still_bound(monkeypatch):
    def gives_up(*_, **__):
        raise RuntimeError("Maximum number of iterations reached")

    s = capped()
    a = wp.solve_exact(s)
    monkeypatch.setattr(duality, "nnls", gives_up)
    cuts = duality.Cuts(s, a.powers_w, a.charging_time_s, a.times_s)
    weights, prices = duality.multipliers(s, cuts, a.powers_w, a.charging_time_s, a.times_s)
    np.testing.assert_array_equal(weights, np.full(3, 1 / 3))
    np.testing.assert_array_equal(prices, 0.0)
    bound = duality.dual_bound(s, a.powers_w, a.charging_time_s, a.times_s)
    assert float(oracles.energy_optimum_in_digits(s)) <= bound < math.inf


def test_a_row_whose_solver_gives_up_is_called_failed_and_harms_no_other(monkeypatch, caplog):
    rows = [capped(seed) for seed in (60, 65, 66)]
    rows[2] = rows[2].replace(crb_limit_m2=rows[2].crb_limit_m2 / 1.31)  # beyond what any allocation attains
    before, after = wp.solve_exact_batch(rows), energy._barrier
    assert before.status.tolist() == ["optimal", "optimal", "infeasible"]
    np.testing.assert_array_equal(before.feasible, [True, True, False])
    for d in (0, 1):
        alone = wp.solve_exact(rows[d])
        assert alone.certificate.method == "barrier method"
        assert before.min_throughput_bit[d] == pytest.approx(alone.min_throughput_bit, rel=1e-9)
        assert before.bound[d] == pytest.approx(alone.certificate.bound, rel=1e-9)
    for name in ("min_throughput_bit", "bound", "gap", "residual", "charging_time_s", "times_s", "powers_w"):
        assert np.isnan(getattr(before, name)[2]).all()
    assert before.best_attainable[2] == pytest.approx(rows[2].crb_limit_m2 * 1.31 / 1.3, rel=1e-12)

    def barrier(scenario, *more):
        if scenario.crb_limit_m2 == rows[0].crb_limit_m2:
            raise SolverFailure("barrier method", "infeasible answer", {})
        return after(scenario, *more)

    monkeypatch.setattr(energy, "_barrier", barrier)
    found = wp.solve_exact_batch(rows)
    assert found.status.tolist() == ["failed", "optimal", "infeasible"] and "row 0" in caplog.text
    assert np.isnan(found.min_throughput_bit[0]) and np.isnan(found.bound[0])
    assert found.min_throughput_bit[1] == before.min_throughput_bit[1]


def test_an_answer_that_breaks_a_limit_is_a_failure(monkeypatch):
    s = capped()
    a = wp.solve_exact(s)
    with pytest.raises(SolverFailure, match="infeasible answer"):
        energy._judged(s, a.powers_w * 1.001, a.charging_time_s, a.times_s, math.inf, 0, 0.0)
    monkeypatch.setattr(
        energy, "_followed", lambda *_: energy._judged(s, a.powers_w * 2, a.charging_time_s, a.times_s, 1.0, 0, 0.0)
    )
    with pytest.raises(SolverFailure):
        wp.solve_exact(s)


def test_at_the_edge_a_looser_limit_bounds_the_only_allocation():
    """At the least CRB itself one allocation is left: its value lies below the optimum of any looser limit."""
    s = capped(4, margin=1.0, cap=1e-2, noise_dbm=-90.0)
    found = wp.solve_exact(s)
    looser = wp.solve_exact(s.replace(crb_limit_m2=s.crb_limit_m2 * (1 + 1e-11)))
    assert found.certificate.residual <= 1e-15
    assert found.min_throughput_bit <= found.certificate.bound <= looser.certificate.bound
    with pytest.raises(InfeasibleScenario):
        wp.solve_exact(s.replace(crb_limit_m2=s.crb_limit_m2 * (1 - 1e-12)))


# --- times, families -----------------------------------------------------------------------------------------------------------


def test_the_seconds_are_those_of_the_call():
    powers = wp.Scenario.random(np.random.default_rng(1))
    for solve in INTERFACE.solvers.values():
        found = assert_timed(lambda solve=solve: solve(powers))
        assert_timed(lambda found=found: wp.verify(powers, found))
    for energies, method in ((capped(), "barrier method"), (capped(cap=10.0), "convex scalar search")):
        assert assert_timed(lambda energies=energies: wp.solve_exact(energies)).certificate.method == method


def test_the_families_are_what_they_are_said_to_be():
    families = {name: family.draw(np.random.default_rng(3)) for name, family in INTERFACE.families.items()}
    usual = wp.Scenario.random(np.random.default_rng(3))
    assert families["paper"].gain_bs_user.tolist() == families["tight"].gain_bs_user.tolist() == usual.gain_bs_user.tolist()
    full = wp.crb_trace(usual, np.full(len(usual.gain_bs_user), usual.max_power_w)).max()
    assert families["tight"].crb_limit_m2 == pytest.approx(1.02 * full, rel=1e-14)
    assert families["large"].gain_transmitter_target.shape == (21, 20)
    hard = families["hard"]
    far = wp.Scenario.random(np.random.default_rng(3), radius_m=30.0, path_loss_exponent=3.0, max_power_w=1000.0, noise_dbm=-90.0)
    assert hard.gain_bs_user.tolist() == far.gain_bs_user.tolist() and (hard.max_power_w, hard.noise_w) == (1000.0, far.noise_w)
    assert hard.crb_limit_m2 == pytest.approx(1000 * wp.crb_trace(far, np.full(10, 1000.0)).max(), rel=1e-14)


def test_parameters_of_a_draw_end_where_they_are_said_to():
    limits = {
        "radius_m": (POSITIVE, 1e100), "min_distance_m": (0.0, 1e100), "path_loss_at_1m": (POSITIVE, None),
        "path_loss_exponent": (0.0, 100.0), "noise_dbm": (-2000.0, 2000.0),
    }  # fmt: skip
    assert_ends(lambda **given: wp.Scenario.random(np.random.default_rng(1), **given), limits)
    usual = wp.Scenario.random(np.random.default_rng(1))
    for name in ("bs_position_m", "user_positions_m", "target_positions_m"):
        at = getattr(usual, name)
        with pytest.raises(InvalidScenario, match=f"^{name}: must be at"):
            usual.replace(**{name: np.where(np.arange(at.size).reshape(at.shape) == 1, -1.01e100, at)})
