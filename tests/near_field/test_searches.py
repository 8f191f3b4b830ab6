"""Shares of the time: curves, rates, the search with a proof, alternations, the judge and its limits."""

import importlib
import inspect
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import near_field as nf
from isaclib.foundations.certificate import Certificate
from isaclib.foundations.errors import SolverFailure
from isaclib.near_field import exact, interface, paper, scoring, share
from isaclib.near_field import time_allocation as times
from isaclib.near_field.dual_bound import DualPoint
from isaclib.near_field.reduction import reduce
from isaclib.near_field.time_allocation import ErrorWitness, SinrCurve
from tests.near_field.scenes import tiny

verify = importlib.import_module("isaclib.near_field.verify")  # the package names its function alike


@pytest.fixture(scope="module")
def solved():
    s = tiny()
    return s, nf.optimise_sensing(s)


@pytest.fixture(scope="module")
def alone(solved):
    """One user: closed forms answer."""
    s = solved[0]
    s = s.replace(user_positions_m=s.user_positions_m[:1], reflectivity=s.reflectivity[:1], crlb_limit_m2=1e-9)
    sensing = nf.optimise_sensing(s)
    return s, sensing, nf.solve_exact(s, sensing=sensing)


def test_defaults_are_those_of_the_documentation():
    def default(function, name):
        return inspect.signature(function).parameters[name].default

    for solver in (nf.solve_main, nf.solve_mrt):
        assert [default(solver, name) for name in ("start", "tolerance", "max_iterations", "step")] == [0.5, 1e-3, 20, 1e-2]
    assert default(nf.constraint_margin_share, "step") == 1e-2 and default(SinrCurve, "tolerance") == 1e-5
    assert default(nf.solve_exact, "tolerance") == default(nf.solve_exact_batch, "tolerance") == 1e-5
    assert default(nf.best_time_allocation, "tolerance") == default(share.best_time, "tolerance") == 1e-5
    assert default(share.rate_bound, "tolerance") == 1e-5 and default(nf.power_margin, "tolerance") == 1e-6
    assert default(nf.score, "tolerance") == default(nf.score_beams, "tolerance") == default(nf.score_batch, "tolerance") == 1e-6


# Errors, rates and curves


def test_errors_and_rates_by_their_formulas():
    s = tiny(block_s=0.4, sensing_block_s=0.02, error_slope_per_m=7.0)
    found = nf.relative_error(s, 3e-10, np.array([0.0, 0.75, 1.0]))
    np.testing.assert_allclose(found, [7 * math.sqrt(3e-10 * 0.05), 7 * math.sqrt(3e-10 * 0.2), np.inf])
    assert nf.relative_error(s, math.inf, 0.5) == math.inf
    flat = s.replace(error_slope_per_m=0.0)
    assert nf.relative_error(flat, math.inf, 1.0) == 0 and np.all(nf.relative_error(flat, 1.0, [0.0, 1.0]) == 0)
    np.testing.assert_allclose(nf.rate_bps_hz([0.5, 1.0, 0.0], [3.0, 7.0, np.inf]), [1.0, 3.0, 0.0])
    assert nf.rate_bps_hz(0.0, math.inf) == 0 and nf.rate_bps_hz(0.5, [1.0, 3.0]).tolist() == [0.5, 1.0]
    assert nf.rate_bps_hz([0.25, 0.5], 3.0).tolist() == [0.5, 1.0]
    with pytest.raises(InvalidScenario, match="shape"):
        nf.rate_bps_hz([0.1, 0.2], [1.0, 2.0, 3.0])


def curve_by_hand(radii=None):
    h = np.array([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 1.0], [2.0, 0.0]]])
    return SinrCurve(h, 0.25, error_radii=radii)


def test_the_reach_of_a_curve_is_where_some_user_may_have_no_channel():
    assert curve_by_hand().reach == 1.0
    assert curve_by_hand(np.array([[10.0, 0.0], [1.0, 4.0]])).reach == 0.5
    assert curve_by_hand(np.array([[2.0, 7.0], [0.1, 0.1]])).reach == 2.5
    assert curve_by_hand(np.array([[0.0, 7.0], [0.5, 0.1]])).reach == 20.0
    assert curve_by_hand(np.zeros((2, 2))).reach == math.inf
    unit = np.array([[10.0, 0.0], [1.0, 4.0]])
    np.testing.assert_allclose(curve_by_hand(unit).radii(0.2), 0.2 * unit)
    np.testing.assert_allclose(curve_by_hand(unit).radii(7.0), 0.5 * unit)
    np.testing.assert_allclose(curve_by_hand(np.zeros((2, 2))).radii(7.0), 0.0)


def test_before_anything_is_solved_a_curve_says_what_the_weakest_has_alone():
    curve = curve_by_hand()
    for e in (0.0, 0.3, 0.99):
        weakest = min(5 * (1 - e), 3 * (1 - e)) ** 2 / 0.25 * 2.0
        assert curve.upper(e, 2.0) == pytest.approx(weakest * (1 + 1e-6), rel=1e-9)
    assert curve.upper(1.0, 2.0) == 0 == curve.upper(math.inf, 2.0) and curve.upper(0.5, 0.0) == 0
    uneven = curve_by_hand(np.array([[1.0, 0.0], [0.5, 3.0]]))
    np.testing.assert_allclose(uneven.upper([0.5, 1.5], 1.0), 4 * np.array([(0.75 + 0.5) ** 2, 0.25**2]), rtol=2e-6)


def test_curves_start_from_the_nearest_point_and_keep_what_was_solved(monkeypatch):
    curve, calls = curve_by_hand(), []
    monkeypatch.setattr(SinrCurve, "upper", lambda *given: 77.0)

    def answer(channels, radii, noise, power, **more):
        calls.append((radii[0, 0], power, more))
        return SimpleNamespace(
            sinr=0.0 if power == 9.0 else float(len(calls)), dual=None, certificate=SimpleNamespace(bound=5.0), reason="rank"
        )

    def replaced(point, **changes):
        return (point.sinr, changes["sinr"])

    monkeypatch.setattr(times, "robust_sinr", answer)
    monkeypatch.setattr(times, "replace", replaced)
    first = curve.solve(0.1, 1.0)
    assert calls[0][0] == pytest.approx(0.5) and calls[0][2]["start"] is None and calls[0][2]["tolerance"] == 1e-5
    assert curve.solve(0.1 * (1 + 0.9e-12), 1.0) is first and curve.solve(0.1 * (1 + 1.1e-12), 1.0) is not first
    curve.solve(0.1, 8.0)
    assert calls[-1][2]["start"] == (1.0, 77.0)
    curve.solve(0.5, 8.0)  # three is as far in power as it is near in error
    assert calls[-1][2]["start"] == (3.0, 77.0)
    curve.solve(0.4, 2.0)  # |log 4| + |log 2| from the first, |log 1.25| + |log 4| from the last
    assert calls[-1][2]["start"] == (4.0, 77.0)
    curve.solve(0.0, 2.0)
    assert calls[-1][2]["start"] is None and calls[-1][0] == 0
    curve.solve(0.3, 9.0)
    curve.solve(0.3, 8.9)
    assert calls[-1][2]["start"][0] == 4.0  # those that keep nothing start nothing
    curve.solve(math.inf, 1.0)
    assert calls[-1][0] == pytest.approx(5.0)  # the reach
    assert curve.points[0][0] == 0.0 and len(curve.points) == len(calls)
    free = curve_by_hand(np.zeros((2, 2)))
    free.solve(math.inf, 1.0)
    assert free.points[0][0] == 1.0


def test_witnesses_bound_the_curve_at_other_errors_and_powers(monkeypatch):
    """One user: the dual point of its shortest channel is that of (|h| - e)^2 P / noise at every error and power."""
    curve = SinrCurve([[[1.0, 1.0]]], noise_w=0.02)
    curve.solve(0.5, 3.0)
    asked, own = [], times.sinr_limits
    monkeypatch.setattr(times, "sinr_limits", lambda p, d, w, f: asked.append(f) or own(p, d, w, f))
    exact_ones = 2 * np.array([1.0, 0.6, 0.1]) ** 2 * 7 / 0.02
    np.testing.assert_allclose(curve.upper([0.0, 0.4, 0.9], 7.0), exact_ones, rtol=2e-6)
    np.testing.assert_allclose(asked[0], [0.0, 0.8, 1.8])
    asked.clear()
    assert curve.upper([0.3, 1.0, 2.0], 7.0)[1:].tolist() == [0, 0] and len(asked[0]) == 1
    assert curve.witnesses[0].relative_error == 0.5
    for e in (0.1, 0.2, 0.7):
        curve.solve(e, 3.0)
    asked.clear()
    curve.upper(0.11, 3.0)
    grid = curve.upper([[0.05, 0.11, 0.3], [0.45, 0.9, 1.0]], 3.0)
    np.testing.assert_allclose(grid.ravel(), [float(curve.upper(e, 3.0)) for e in (0.05, 0.11, 0.3, 0.45, 0.9, 1.0)], rtol=1e-12)
    del asked[3:]
    assert sorted(round(float(f[0]), 6) for f in asked) == [round(0.11 / e, 6) for e in (0.5, 0.2, 0.1)]  # the three nearest


def test_witnesses_from_elsewhere_must_belong():
    curve = SinrCurve([[[1.0, 1.0]]], noise_w=0.02)
    problem = reduce(curve.channels, 0.5 * curve.unit_radii, 0.02)
    inside = DualPoint(1.0, np.ones(1), np.ones(1), np.zeros(1), 0.5 * problem.stacked)
    curve.add(ErrorWitness(0.5, inside))
    assert len(curve.witnesses) == 1
    with pytest.raises(InvalidScenario, match="outside"):
        curve.add(ErrorWitness(0.4, inside))
    exact_point = SinrCurve([[[1.0, 1.0]]], noise_w=0.02)
    exact_point.add(ErrorWitness(0.0, replace(inside, channels=problem.stacked)))
    assert exact_point.upper(0.3, 1.0) == pytest.approx(2 * 0.49 / 0.02, rel=1e-5)
    np.testing.assert_allclose(times._log(np.array([1.0, 0.0, 1e-13])), [0, math.log(1e-12), math.log(1e-12)])


@pytest.mark.parametrize(("off", "ok"), [(0.9e-6, True), (1.1e-6, False)])
def test_given_sensing_must_be_that_of_the_scenario(solved, off, ok):
    s, sensing = solved
    cases = [replace(sensing, crlb_bar_m2=sensing.crlb_bar_m2 / (1 + sign * off)) for sign in (1, -1)]
    louder = sensing.covariances * (1 + off)
    cases.append(replace(sensing, covariances=louder, crlb_bar_m2=sensing.crlb_bar_m2 / (1 + off)))
    for given in cases:
        if ok:
            assert times._of_scenario(s, given) is given
        else:
            with pytest.raises(InvalidScenario, match="sensing"):
                times._of_scenario(s, given)


def test_settings_refuse_what_is_not_theirs(solved):
    s, sensing = solved[0].replace(crlb_limit_m2=1e-9), solved[1]
    curve = nf.curve_of(s)
    h, unit = nf.channels(s), np.linalg.norm(nf.channels(s), axis=2)
    assert times.Setting(s, sensing, curve).curve is curve
    for off, ok in ((0.9e-9, True), (2e-9, False)):
        near = [SinrCurve(h * (1 + off), s.noise_w, error_radii=unit), SinrCurve(h, s.noise_w, error_radii=unit * (1 + off))]
        for other in near:
            if ok:
                assert times.Setting(s, sensing, other).curve is other
            else:
                with pytest.raises(InvalidScenario, match="curve"):
                    times.Setting(s, sensing, other)
    wrong = [tiny(antennas=4), s.replace(user_positions_m=s.user_positions_m[:1], reflectivity=s.reflectivity[:1])]
    for other in wrong:
        with pytest.raises(InvalidScenario, match="curve"):
            times.Setting(s, sensing, nf.curve_of(other))
    with pytest.raises(InvalidScenario, match="sensing"):
        times.Setting(wrong[0], sensing)
    with pytest.raises(InvalidScenario, match="other kind"):
        times.Setting(s, sensing, nf.curve_of(s, matched=True))
    setting = times.Setting(s, sensing)
    assert setting.largest == nf.largest_time_allocation(s, sensing) and not setting.fixed
    assert setting.error(0.5) == nf.relative_error(s, sensing.crlb_bar_m2, 0.5)
    assert setting.error(0.5, 1e-9) == nf.relative_error(s, 1e-9, 0.5)
    assert setting.least == pytest.approx(nf.sensing_bound(s, sensing.witness)) and setting.least <= sensing.crlb_bar_m2
    fixed = times.Setting(s, sensing, error_radii=0.1 * unit)
    assert fixed.fixed and fixed.error(0.7) == 1.0 and fixed.error(np.zeros(3)).tolist() == [1, 1, 1]


# The search over the share


class Curve:
    """Where ``upper`` is ``slack`` times what is solved: a curve of gamma(e) in closed form."""

    def __init__(self, gamma, slack=1.0, reach=math.inf):
        self.gamma, self.slack, self.reach, self.asked = gamma, slack, reach, []

    def upper(self, errors, power):
        self.asked.append(np.atleast_1d(errors))
        return self.slack * self.gamma(np.atleast_1d(errors))


def setting_of(curve, *, largest=0.9, least=1.0, bar=1.0, fixed=False, power=1.0, reason=""):
    """Errors sqrt(bound / (1 - eta)); the curve is that of the error; what each solution was told not to look for."""
    solves, hopes = [], []

    def error(eta, bound=None):
        with np.errstate(divide="ignore"):
            return np.sqrt((bar if bound is None else bound) / (1 - np.asarray(eta, dtype=float)))[()]

    def beams(eta, *, hopeless):
        solves.append(eta)
        hopes.append(hopeless)
        return SimpleNamespace(sinr=float(curve.gamma(np.array([error(eta)]))[0]), reason=reason)

    scenario = tiny(comm_power_w=power, block_s=1.0, sensing_block_s=1e-3, crlb_limit_m2=least * 1e-3 / (1 - largest))
    return SimpleNamespace(
        **{"scenario": scenario, "curve": curve, "largest": largest, "least": least, "fixed": fixed},
        **{"error": error, "beams": beams, "solves": solves, "hopes": hopes},
    )


def falling(errors):
    return 1e4 * np.maximum(1 - errors / 4, 0) ** 2


def best_of(gamma, largest, bar=1.0):
    etas = np.linspace(0, largest, 200_001)[1:]
    rates = etas * np.log2(1 + gamma(np.sqrt(bar / (1 - etas))))
    return etas[np.argmax(rates)], rates.max()


@pytest.mark.parametrize("largest", [0.5, 0.9, 0.99])
def test_the_best_share_of_a_known_curve(largest):
    setting = setting_of(Curve(falling, reach=4.0), largest=largest)
    found = share.best_time(setting)
    eta, rate = best_of(falling, largest)
    assert setting.solves[0] == min(largest, 0.8) and found.solved == len(set(setting.solves)) <= 14
    assert found.rate_bps_hz <= rate * (1 + 1e-9) <= found.bound_bps_hz * (1 + 1e-6)
    assert found.bound_bps_hz <= found.rate_bps_hz * (1 + 1.6e-5)
    assert found.time_allocation == pytest.approx(eta, abs=0.01)
    assert found.rate_bps_hz == share.rate_of(found.time_allocation, falling(setting.error(found.time_allocation)))


def test_a_wider_tolerance_is_less_work_and_a_wider_bound():
    fine, coarse = (share.best_time(setting_of(Curve(falling, reach=4.0)), tolerance=t) for t in (1e-5, 1e-2))
    assert coarse.solved <= fine.solved and coarse.bound_bps_hz > fine.bound_bps_hz
    assert fine.bound_bps_hz <= fine.rate_bps_hz * (1 + 1.6e-5) and coarse.bound_bps_hz <= coarse.rate_bps_hz * (1 + 1.6e-2)


def test_bounds_that_stay_loose_end_the_search(monkeypatch):
    setting = setting_of(Curve(falling, slack=2.0, reach=4.0))
    found = share.best_time(setting)
    rate = best_of(lambda e: 2 * falling(e), 0.9)[1]
    assert found.solved == 14 and found.bound_bps_hz == pytest.approx(rate, rel=1e-3)
    monkeypatch.setattr(share, "_MOST_SOLVED", 1)
    rounds = len(setting.curve.asked)
    assert share.best_time(setting).solved == 1 and len(setting.curve.asked) - rounds <= 60


def test_a_share_need_not_be_solved_beyond_what_the_best_one_has():
    setting = setting_of(Curve(falling, reach=4.0))
    share.best_time(setting)
    assert setting.hopes[0] == 0 and len(setting.hopes) > 2
    best = 0.0
    for eta, hope in zip(setting.solves, setting.hopes):
        assert share.rate_of(eta, hope) == pytest.approx(best, rel=1e-9)
        best = max(best, share.rate_of(eta, falling(setting.error(eta))))


def test_what_leaves_the_bound_of_the_shares_open():
    closed = share.best_time(setting_of(Curve(falling, reach=4.0), reason="rank"), tolerance=1e-6)
    assert closed.reason == "" and closed.bound_bps_hz <= closed.rate_bps_hz * (1 + 1e-5)
    loose = share.best_time(setting_of(Curve(falling, slack=2.0, reach=4.0), reason="rank"))
    assert loose.reason == "rank" and loose.bound_bps_hz > 1.01 * loose.rate_bps_hz
    assert share.best_time(setting_of(Curve(falling, reach=4.0), reason=""), tolerance=1e-2).reason == "shares"


def test_shares_without_any_rate():
    assert share.best_time(setting_of(Curve(falling), power=0.0)) == share.BestTime(0.8, 0.0, 0.0, 0)
    for reach in (1.0, 0.9):
        assert share.best_time(setting_of(Curve(falling, reach=reach))) == share.BestTime(0.8, 0.0, 0.0, 0)
    fixed = setting_of(Curve(falling, reach=4.0), fixed=True, power=0.0)
    assert share.best_time(fixed).time_allocation == 0.9
    # Where four fifths of the time leave no channel, the search begins half-way to the share that leaves none.
    near = setting_of(Curve(lambda e: 1e4 * np.maximum(1.5 - e, 0), reach=1.5))
    share.best_time(near)
    assert near.solves[0] == pytest.approx(0.5 * (1 - 1 / 1.5**2))
    # Covariances that leave none at all, but a bound that does not exclude one: the first share stays.
    gap = setting_of(Curve(lambda e: 0.0 * e, reach=1.5), bar=4.0)
    share.best_time(gap)
    assert gap.solves[0] == 0.8


def test_the_bound_is_that_of_the_least_error_and_the_largest_share():
    """A proven position bound of half: errors and the end of the shares are those of it."""
    setting = setting_of(Curve(falling, reach=4.0), bar=1.0, least=0.5, largest=0.9)
    setting.largest = 0.8  # of the covariances; the bound leaves 0.9
    found = share.best_time(setting)
    rate = best_of(falling, 0.9, bar=0.5)[1]
    assert found.bound_bps_hz == pytest.approx(rate, rel=1e-4) and max(setting.solves) <= 0.8
    assert found.rate_bps_hz == pytest.approx(best_of(falling, 0.8)[1], rel=1e-5)
    over = setting_of(Curve(falling, reach=4.0), largest=0.9)
    over.scenario = over.scenario.replace(crlb_limit_m2=math.inf)
    share.best_time(over)
    assert max(np.max(e[np.isfinite(e)]) for e in over.curve.asked) > np.sqrt(1 / (1 - 0.96))


def test_what_shares_are_hoped_to_reach():
    etas, promised, asked = np.array([0.1, 0.4, 0.5, 0.8]), np.array([5.0, 8.0, 9.0, 10.0]), {0.4: 4.0, 0.8: 9.0}
    # 0.1 is nearest to 0.4, which kept half; 0.5 as well.
    np.testing.assert_allclose(share._likely(etas, promised, asked, 1e-2), [2.5, 0, 4.5, 0])
    higher = np.array([5.0, 8.0, 10.0 * (1 + 0.26e-2), 10.0])
    np.testing.assert_allclose(share._likely(etas, higher, asked, 1e-2), [2.5, 0, higher[2], 0])
    lower = np.array([5.0, 8.0, 10.0 * (1 + 0.24e-2), 10.0])
    np.testing.assert_allclose(share._likely(etas, lower, asked, 1e-2), [2.5, 0, lower[2] / 2, 0])
    assert share._likely(etas, 0 * promised, {0.4: 0.0}, 1e-2).tolist() == [0, 0, 0, 0]


def test_bounds_on_the_rate_from_a_curve():
    curve = Curve(falling)

    def errors(etas):
        return np.sqrt(1 / (1 - etas))

    for ceiling in (0.3, 0.9):
        truth = best_of(falling, ceiling)[1]
        bound = share.rate_bound(errors, curve, 1.0, ceiling, truth)
        assert truth * (1 - 1e-9) <= bound <= truth * (1 + 1.01e-5)
        # Towards a target below what a share promises nothing need be halved; above it, all is at once below.
        first = len(curve.asked)
        loose = share.rate_bound(errors, curve, 1.0, ceiling, 3 * truth)
        nodes = np.linspace(0, ceiling, 33)
        cells = nodes[1:] * np.log2(1 + falling(errors(nodes[:-1])))
        assert loose == pytest.approx(cells.max()) and len(curve.asked) == first + 1
        low = share.rate_bound(errors, curve, 1.0, ceiling, 0.5 * truth)
        assert truth <= low <= cells.max()
    curve.asked.clear()
    share.rate_bound(errors, curve, 1.0, 0.9, best_of(falling, 0.9)[1], tolerance=0.0)
    assert 20 <= len(curve.asked) <= 26


# Alternations


def test_margins_of_one_user_have_a_closed_form(alone):
    """A = |h w|^2 (1 - e)^2 / gamma - 1 for beams along the channel, gamma = 2^(R / eta) - 1."""
    s, sensing, _ = alone
    h = nf.channels(s)
    beams = h / np.linalg.norm(h, axis=2, keepdims=True)
    reach, rate, etas = np.sum(np.linalg.norm(h, axis=2)), 3.0, np.array([0.0, 0.049, 0.3, 0.9, 0.99999999999, 1.0])
    found = nf.constraint_margins(s, sensing.crlb_bar_m2, beams, rate, etas)
    errors = nf.relative_error(s, sensing.crlb_bar_m2, etas)
    assert found[0, 0] == found[1, 0] == found[-1, 0] == -np.inf  # no time, an SINR beyond 2^60, no look
    for i in (2, 3):
        gamma = 2 ** (rate / etas[i]) - 1
        value = reach**2 * (1 - errors[i]) ** 2 / s.noise_w / gamma
        assert found[i, 0] == pytest.approx(value - 1, rel=1e-5)
    assert np.isfinite(nf.constraint_margins(s, sensing.crlb_bar_m2, beams, rate, [0.0501])[0, 0])
    own = nf.constraint_margins(s, sensing.crlb_bar_m2, beams, rate, [0.3], error_radii=0.25 * np.linalg.norm(h, axis=2))
    assert own[0, 0] == pytest.approx(reach**2 * 0.75**2 / s.noise_w / 1023 - 1, rel=1e-5)
    nothing = nf.constraint_margins(s, sensing.crlb_bar_m2, beams, 0.0, [0.0, 0.5, 1.0])
    assert nothing[0, 0] == -np.inf and np.all(nothing[1:] == np.inf)
    assert nf.constraint_margins(s, sensing.crlb_bar_m2, beams, 3.0, 0.5).shape == (1, 1)
    with pytest.raises(InvalidScenario, match="etas"):
        nf.constraint_margins(s, sensing.crlb_bar_m2, beams, 3.0, [[0.5]])


def test_the_share_of_most_margin_is_that_of_the_grid(alone, monkeypatch):
    s, sensing, _ = alone
    setting = times.Setting(s, sensing)
    point, grids = setting.beams(0.6), []

    def margins(curve, beams, rate, etas, errors):
        grids.append((rate, etas, errors))
        return np.stack([-np.abs(etas - 0.31), 5 + etas], axis=1)

    monkeypatch.setattr(paper, "_margins", margins)
    assert paper._margin_share(setting, point, 0.6, 0.25) == 0.25
    rate, etas, errors = grids[0]
    np.testing.assert_allclose(etas, [0.25, 0.5, 0.75, 0.6])
    np.testing.assert_allclose(errors, setting.error(etas))
    assert rate == pytest.approx(0.6 * math.log2(1 + point.sinr))
    assert paper._margin_share(setting, point, 0.6, 0.25) == 0.25 and len(grids) == 1  # asked before
    assert paper._margin_share(setting, point, 0.3, 0.25) == 0.3 and len(grids) == 2
    np.testing.assert_allclose(paper._margin_share(setting, point, 0.6, 0.3), 0.3)
    np.testing.assert_allclose(grids[-1][1], [0.3, 0.6, 0.9, 0.6])
    assert paper._margin_share(setting, SimpleNamespace(sinr=0), 0.123, 0.25) == 0.123
    for bad in (0.9e-4, 0.51):
        with pytest.raises(InvalidScenario, match="step"):
            nf.constraint_margin_share(s, sensing, point, 0.5, step=bad)
        with pytest.raises(InvalidScenario, match="step"):
            nf.solve_main(s, sensing=sensing, step=bad)
    for bad in (0.0, 1.1):
        with pytest.raises(InvalidScenario, match="eta"):
            nf.constraint_margin_share(s, sensing, point, bad)
    assert nf.constraint_margin_share(s, sensing, point, 1.0, step=0.5) == 0.5


@pytest.mark.parametrize(
    ("moves", "rounds", "status"), [([0.2, 0.5, 0.5004], 3, "converged"), ([0.5006, 0.6, 0.7], 4, "iteration_limit")]
)
def test_alternations_end_where_the_share_rests(alone, moves, rounds, status, monkeypatch):
    s, sensing, _ = alone
    shares = iter([*moves, 0.99])
    monkeypatch.setattr(paper, "_margin_share", lambda *given: next(shares))
    found = nf.solve_mrt(s, sensing=sensing, start=0.5, max_iterations=4)
    assert found.certificate.status == status and found.certificate.iterations == rounds
    assert found.time_history == tuple([0.5, *moves, 0.99][: rounds + 1]) and len(found.history) == rounds + 1
    assert [step.iteration for step in found.history] == list(range(rounds + 1))
    largest = nf.largest_time_allocation(s, sensing)
    assert found.time_allocation == min(found.time_history[-1], largest) and found.history[-1].feasible
    assert found.worst_rate_bps_hz == found.certificate.value == found.history[-1].objective
    assert found.rank_one_ratio.tolist() == [1.0] and found.certificate.residual <= 1e-6
    for bad in (0.0, 1.0):
        with pytest.raises(InvalidScenario, match="start"):
            nf.solve_mrt(s, sensing=sensing, start=bad)
    monkeypatch.undo()
    once = nf.solve_mrt(s, sensing=sensing, start=0.9999999, max_iterations=1, step=0.5)
    assert largest < 0.9999999 and not once.history[0].feasible and once.history[-1].feasible


def test_a_step_of_exactly_the_tolerance_ends(alone, monkeypatch):
    s, sensing, _ = alone
    shares = iter([0.625, 0.7, 0.8, 0.9])
    monkeypatch.setattr(paper, "_margin_share", lambda *given: next(shares))
    found = nf.solve_mrt(s, sensing=sensing, start=0.5, tolerance=0.25)
    assert found.certificate.iterations == 1 and found.certificate.status == "converged"


# The exact allocation, its judges and records


def test_a_point_that_was_left_open_is_no_point_of_the_curve(monkeypatch):
    curve, told = curve_by_hand(), []

    def answer(*given, hopeless, **more):
        told.append(hopeless)
        return SimpleNamespace(sinr=1.0, dual=None, certificate=SimpleNamespace(bound=5.0), reason=reasons.pop(0))

    monkeypatch.setattr(times, "robust_sinr", answer)
    reasons = ["rank", "rank", "", "rank"]
    for hopeless, points in ((5.1, 0), (4.9, 1)):
        curve.solve(0.1, 1.0, hopeless=hopeless)
        assert len(curve.points) == points and told[-1] == hopeless
    monkeypatch.setattr(times, "replace", lambda point, **changes: point)
    monkeypatch.setattr(SinrCurve, "upper", lambda *given: 77.0)
    curve.solve(0.2, 1.0, hopeless=6.0)
    curve.solve(0.3, 1.0)
    assert len(curve.points) == 3 and told[-1] == 0.0


def test_allocations_say_what_is_left(alone, monkeypatch):
    s, sensing, found = alone
    point = times.Setting(s, sensing).beams(found.time_allocation)
    c = found.certificate
    assert c.status == "optimal" and found.reason == "" and c.iterations >= 1 and c.gap <= 1e-5
    best = share.BestTime(found.time_allocation, found.worst_rate_bps_hz, found.worst_rate_bps_hz * (1 + 2e-5), 5)
    monkeypatch.setattr(exact, "best_time", lambda *given, **more: best)
    monkeypatch.setattr(times.Setting, "beams", lambda *given: replace(point, reason="rank"))
    open_one = nf.solve_exact(s, sensing=sensing)
    assert open_one.certificate.status == "converged" and open_one.reason == "rank" and open_one.certificate.iterations == 5
    best = replace(best, reason="shares")
    assert nf.solve_exact(s, sensing=sensing).reason == "rank"
    monkeypatch.setattr(times.Setting, "beams", lambda *given: point)
    assert nf.solve_exact(s, sensing=sensing).reason == "shares"
    best = replace(best, bound_bps_hz=best.rate_bps_hz)
    assert nf.solve_exact(s, sensing=sensing).reason == ""
    bad = replace(point, certificate=replace(point.certificate, status="converged", residual=0.1))
    monkeypatch.setattr(times.Setting, "beams", lambda *given: bad)
    assert nf.solve_exact(s, sensing=sensing).certificate.status == "converged"
    monkeypatch.setattr(times.Setting, "beams", lambda *given: replace(point, beams=2 * point.beams))
    assert nf.solve_exact(s, sensing=sensing).certificate.residual == pytest.approx(3.0, rel=1e-6)


def test_batches_mark_what_fails(alone, monkeypatch):
    s, sensing, found = alone
    own = exact.solve_exact

    def solve(scenario, **more):
        if scenario.noise_w == 7e-10:
            raise SolverFailure("s", "lost", message="nothing")
        return own(scenario, **more)

    monkeypatch.setattr(exact, "solve_exact", solve)
    batch = nf.solve_exact_batch([s.replace(noise_w=7e-10), s, s.replace(crlb_limit_m2=1e-20)])
    assert list(batch.status) == ["failed", "optimal", "infeasible"] and batch.feasible.tolist() == [False, True, False]
    assert batch.messages[0].startswith("row 0") and batch.messages[1] == "" and "crlb" in batch.messages[2]
    whole = sensing.crlb_bar_m2 * s.sensing_block_s / s.block_s
    assert batch.best_attainable[1] == pytest.approx(whole) and batch.best_attainable[2] == pytest.approx(whole)
    for name in ("beams", "covariances", "time_allocation", "worst_rate_bps_hz", "gap", "residual", "bound", "rank_one_ratio"):
        values = getattr(batch, name)
        assert np.all(np.isnan(values[[0, 2]])) and np.all(np.isfinite(values[1]))
    assert batch.worst_rate_bps_hz[1] == pytest.approx(found.worst_rate_bps_hz) and batch.bound[1] >= batch.worst_rate_bps_hz[1]


def test_excesses_over_every_limit(solved):
    s, _ = solved
    beams = np.zeros((2, 2, 3), dtype=complex)
    beams[0, 1, 0], beams[1, 1, 2], beams[0, 0, 1] = 1.0, 1j, 1.2
    psi = np.array([np.eye(3), 2 * np.eye(3)]) * s.sensing_power_w / 4
    found = verify.violations(s, beams, psi, 0.5)
    crlb = nf.crlb_m2(s, psi, 0.5)
    assert found == pytest.approx(
        {"comm_power_w": 1.0, "sensing_power_w": 0.5, "crlb_limit_m2": max(crlb / s.crlb_limit_m2 - 1, 0)}
    )
    tight = verify.violations(s.replace(crlb_limit_m2=crlb / 3), 0.5 * beams, 0.5 * psi, 0.5)
    assert tight == pytest.approx({"comm_power_w": 0.0, "sensing_power_w": 0.0, "crlb_limit_m2": 5.0})
    assert verify._excess(0.0, 0.0) == 0 and verify._excess(1.0, 0.0) == math.inf and verify._excess(2.0, 2.0) == 0


def test_radii_at_a_share(solved):
    s, sensing = solved
    curve, norms = nf.curve_of(s), np.linalg.norm(nf.channels(s), axis=2)
    found = verify.radii_at(s, sensing.covariances, 0.75, curve)
    crlb = nf.crlb_m2(s, sensing.covariances, 0.75)
    np.testing.assert_allclose(found, s.error_slope_per_m * math.sqrt(crlb) * norms, rtol=1e-9)
    np.testing.assert_allclose(verify.radii_at(s, 0 * sensing.covariances, 0.75, curve), norms)
    for slope in (0.0, 0.5):
        blind = verify.radii_at(s.replace(error_slope_per_m=slope), 0 * sensing.covariances, 0.75, curve)
        np.testing.assert_allclose(blind, norms * (slope > 0))


def test_residuals_are_what_the_proof_lacks(alone):
    s, _, found = alone
    assert nf.residual(s, found) <= 1e-7
    gamma = math.expm1(found.worst_rate_bps_hz / found.time_allocation * math.log(2))
    claimed = found.time_allocation * math.log2(1 + 2 * gamma)
    assert nf.residual(s, replace(found, worst_rate_bps_hz=claimed)) == pytest.approx(0.5, rel=0.1)
    for part, lost in ((999.0, False), (1001.0, True)):
        high = replace(found, worst_rate_bps_hz=part * found.time_allocation)
        assert (nf.residual(s, high) == math.inf) == lost
    none = replace(found, worst_rate_bps_hz=0.0, multipliers=None)
    assert nf.residual(s, none) <= 1e-9
    assert nf.residual(s, replace(found, time_allocation=0.0)) == math.inf
    assert nf.residual(s, replace(found, beams=2 * found.beams)) == pytest.approx(3.0, rel=1e-6)
    fixed = nf.residual(s, found, error_radii=0 * np.ones((1, 2)))
    assert fixed <= 1e-9


def test_verdicts_rest_on_bound_value_and_residual(alone, monkeypatch):
    s, _, found = alone
    good = nf.verify(s, found)
    assert good.status == "optimal" and good.value == found.worst_rate_bps_hz and good.value <= good.bound * (1 + 1e-9)
    assert good.bound == pytest.approx(found.certificate.bound, rel=1e-4)
    assert math.isnan(nf.verify(s, replace(found, witnesses=())).bound)
    assert math.isnan(nf.verify(s, replace(found, sensing_witness=None)).bound)
    assert nf.verify(s, replace(found, sensing_witness=None)).status == "converged"
    rate = found.worst_rate_bps_hz
    for bound, violation, status in (
        (rate * (1 + 0.9e-5), 0.0, "optimal"),
        (rate * (1 + 1.1e-5), 0.0, "converged"),
        (rate, 0.9e-6, "optimal"),
        (rate, 1.1e-6, "converged"),
        (rate * (1 - 0.9e-9), 0.0, "optimal"),
        (rate * (1 - 1.1e-9), 0.0, "converged"),
    ):
        monkeypatch.setattr(verify, "rate_bound", lambda *given, b=bound, **more: b)
        monkeypatch.setattr(verify, "residual", lambda *given, v=violation, **more: v)
        assert nf.verify(s, found).status == status
        # A value above its bound is not without any violation.
        assert nf.verify(s, found).residual == (2e-12 if rate > bound else violation)


def test_scores_are_the_worst_rate_and_its_gap(alone):
    s, _, found = alone
    optimum = found.certificate
    whole = nf.score(s, found.beams, found.covariances, found.time_allocation, optimum=optimum)
    assert (
        whole.feasible
        and whole.value == pytest.approx(found.worst_rate_bps_hz, rel=1e-6)
        and whole.gap == pytest.approx(0, abs=1e-5)
    )
    half = nf.score(s, 0.5 * found.beams, found.covariances, found.time_allocation, optimum=optimum)
    gamma = math.expm1(found.worst_rate_bps_hz / found.time_allocation * math.log(2))
    assert half.value == pytest.approx(found.time_allocation * math.log2(1 + gamma / 4), rel=1e-6)
    with pytest.raises(InvalidScenario, match="time_allocation"):
        nf.score(s, found.beams, found.covariances, 1.1, optimum=optimum)
    with pytest.raises(InvalidScenario, match="time_allocation"):
        nf.score_batch([s], found.beams[None], found.covariances[None], [1.1])
    fixed = nf.score(
        s, found.beams, found.covariances, 0.5, optimum=optimum, error_radii=0.5 * np.linalg.norm(nf.channels(s), axis=2)
    )
    reach = np.sum(np.linalg.norm(nf.channels(s), axis=2))
    assert fixed.value == pytest.approx(0.5 * math.log2(1 + (0.5 * reach) ** 2 / s.noise_w), rel=1e-6)


def test_scores_of_beams_by_hand():
    h = np.array([[[2.0, 0.0], [0.0, 1.0]]])
    radii, beams = np.array([[0.5, 0.0]]), np.array([[[1.0, 0.0], [0.0, 1.5]]])
    found = nf.score_beams(h, radii, beams, 0.5, 2.25)
    # 1.5 + 1.5 of at most (1.5 + 1) 1.5: squares over the noise.
    assert found.value == pytest.approx(9 / 0.5, rel=1e-6) and found.optimum == pytest.approx(2.5**2 * 2.25 / 0.5, rel=1e-6)
    assert found.gap == pytest.approx(1 - 9 / (2.5**2 * 2.25), rel=1e-6) and found.feasible
    two = np.array([[[2.0, 0.0]], [[0.0, 1.0]]]), np.zeros((2, 1)), np.array([[[1.0, 0.0]], [[0.0, 1.5j]]])
    both = nf.score_beams(*two, 0.5, 1.0)
    assert both.value == pytest.approx(2.25 / 0.5, rel=1e-6) and both.violations["max_power_w"] == pytest.approx(2.25)
    over = nf.score_beams(h, radii, beams, 0.5, 1.5)
    assert over.violations["max_power_w"] == pytest.approx(0.5) and not over.feasible
    assert scoring.score_beams(h, radii, beams, 0.5, 2.25 / (1 + 0.9e-6)).feasible
    assert not scoring.score_beams(h, radii, beams, 0.5, 2.25 / (1 + 1.1e-6)).feasible


# The benchmark set


def test_families_of_the_benchmark_set(solved):
    rng = np.random.default_rng(5)
    families = interface.INTERFACE.families
    draws = {name: family.draw(rng) for name, family in families.items()}
    assert {name: (len(s.ap_positions_m), len(s.user_positions_m), s.antennas) for name, s in draws.items()} == {
        "paper": (2, 2, 21),
        "tight": (2, 2, 21),
        "large": (3, 2, 41),
        "hard": (2, 2, 21),
    }
    assert all(family.count == 10 for family in families.values()) and draws["hard"].error_slope_per_m == 2000
    paper_ones = nf.Scenario.random(np.random.default_rng(0))
    np.testing.assert_array_equal(draws["paper"].user_positions_m, paper_ones.user_positions_m[[0, 2]])
    np.testing.assert_array_equal(draws["paper"].ap_positions_m, paper_ones.ap_positions_m[:2])
    tight = draws["tight"]
    whole = interface._sensing(tight).crlb_bar_m2
    assert nf.time_allocation_limit(tight, whole) == pytest.approx(0.1)


def test_factors_of_covariances_of_low_rank():
    rng = np.random.default_rng(6)
    a = rng.standard_normal((2, 6, 3)) + 1j * rng.standard_normal((2, 6, 3))
    psi = a @ a.conj().swapaxes(1, 2)
    found = interface._factored({"covariances": psi, "beams": 1})
    F = found["covariance_factors"]
    assert F.shape == (2, 6, 3) and found["beams"] == 1 and "covariances" not in found
    np.testing.assert_allclose(F @ F.conj().swapaxes(1, 2), psi, atol=1e-9)
    uneven = np.stack([np.diag([1.0, 1.0, 0, 0]), np.diag([3.0, 0, 0, 0])])
    assert interface._factored({"covariances": uneven})["covariance_factors"].shape == (2, 4, 2)
    for part, rank in ((0.9e-14, 1), (2e-14, 2)):
        thin = np.diag([1.0, part, 0.0, 0.0])[None]
        assert interface._factored({"covariances": thin})["covariance_factors"].shape == (1, 4, rank)
    assert interface._factored({"covariances": np.zeros((1, 4, 4))})["covariance_factors"].shape == (1, 4, 1)
    wide = {"covariances": np.diag([1.0, 1, 1, 0])[None]}
    assert interface._factored(wide) is wide


def test_scores_by_factors_are_those_of_covariances(alone, monkeypatch):
    s, _, found = alone
    seen = []
    monkeypatch.setattr(interface, "score", lambda *given, **more: seen.append(given))
    F = np.arange(12.0).reshape(2, 3, 2) * (1 + 1j)
    interface._score(s, found.beams, covariance_factors=F, time_allocation=0.5)
    np.testing.assert_allclose(seen[0][2], F @ F.conj().swapaxes(1, 2))
    interface._score(s, found.beams, F, 0.5)
    assert seen[1][2] is F and seen[1][3] == 0.5
    for given, word in (({}, "missing"), ({"covariances": F, "covariance_factors": F}, "twice")):
        with pytest.raises(InvalidScenario, match=word):
            interface._score(s, found.beams, time_allocation=0.5, **given)


def test_ignorant_beams_are_judged_at_the_largest_share(alone):
    s, sensing, _ = alone
    ignorant = nf.solve_error_ignorant(s, sensing=sensing)
    largest = nf.largest_time_allocation(s, sensing)
    norms = np.linalg.norm(nf.channels(s), axis=2)
    error = s.error_slope_per_m * math.sqrt(nf.crlb_m2(s, sensing.covariances, largest))
    sinr = (np.sum(norms) * max(1 - error, 0)) ** 2 / s.noise_w
    assert ignorant.time_allocation == largest
    assert ignorant.worst_rate_bps_hz == pytest.approx(largest * math.log2(1 + sinr), rel=1e-6)
    assert ignorant.rank_one_ratio.tolist() == [1.0] and isinstance(ignorant.certificate, Certificate)
    assert ignorant.certificate.residual <= 1e-6 and ignorant.certificate.value == ignorant.worst_rate_bps_hz
