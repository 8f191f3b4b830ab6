"""Small parts by hand: units, mixtures, rooms, second-order rows, histories, ends of ranges, and how many steps a solve takes."""

import math
import time

import numpy as np
import pytest
from timed import assert_timed

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import ofdm_ranging as ofdm
from isaclib.ofdm_ranging import cuts, estimator, interior_point, paper, pulse
from isaclib.ofdm_ranging.feasibility import examine, problem_of, sidelobe_problem, window_within
from isaclib.ofdm_ranging.least import forget, least_level, remembered
from isaclib.ofdm_ranging.rows import Rows
from isaclib.ofdm_ranging.waterfilling import waterfill_shares
from isaclib.ofdm_ranging.window import dolph_shares, least_sidelobe_level, start_of_level


def scenario_of(seed=0, **changes):
    return ofdm.Scenario.random(np.random.default_rng(seed), **({"carriers": 32} | changes))


def test_five_watts_over_five_times_the_noise_are_the_same_shares():
    one = scenario_of(1)
    five = one.replace(power_budget_w=5.0, noise_psd_w_per_hz=5 * one.noise_psd_w_per_hz)
    crb = 1.1 * float(ofdm.toa_crb_s2(one, ofdm.waterfill(one).powers_w))
    both = {"peak_sidelobe_db": -20.0, "max_toa_crb_s2": crb}
    for solve in (
        ofdm.waterfill,
        ofdm.edges_only,
        ofdm.minimise_sidelobe,
        lambda s: ofdm.mix(s, 0.3, "sidelobe"),
        lambda s: ofdm.mix(s, 0.3, "edges"),
        lambda s: ofdm.solve_exact(s, **both),
        lambda s: ofdm.solve_exact(s, peak_sidelobe_db=-70.0, fallback=True),
        lambda s: ofdm.dynamic_allocation(s, peak_sidelobe_db=-20.0),
        lambda s: ofdm.dynamic_allocation(s, peak_sidelobe_db=-1.0, max_toa_crb_s2=2 * crb),
        lambda s: ofdm.dynamic_allocation(s, max_toa_crb_s2=0.6 * crb),
        lambda s: ofdm.dynamic_allocation(s, peak_sidelobe_db=-60.0),
        lambda s: ofdm.straightforward_rule(s, **both),
        lambda s: ofdm.straightforward_rule(s, max_toa_crb_s2=2 * crb),
        lambda s: ofdm.straightforward_rule(s, peak_sidelobe_db=-60.0),
    ):
        first, second = solve(one), solve(five)
        assert second.powers_w == pytest.approx(5 * first.powers_w, rel=1e-9, abs=1e-12) and second.mode == first.mode
        assert second.capacity_bps == pytest.approx(first.capacity_bps, rel=1e-9)
        assert first.powers_w.sum() == pytest.approx(1.0, rel=1e-9)
        assert second.certificate.value == pytest.approx(first.certificate.value, rel=1e-9)
        assert second.certificate.bound == pytest.approx(first.certificate.bound, rel=1e-7, nan_ok=True)
    powers = np.random.default_rng(2).random(32) / 16
    for metric in (ofdm.capacity_bps, ofdm.toa_crb_s2, ofdm.echo_snr, ofdm.peak_sidelobe_db, ofdm.main_lobe_width_m):
        assert metric(five, 5 * powers) == pytest.approx(metric(one, powers), rel=1e-12)
    first, second = (ofdm.capacity_bound(s, ofdm.Limits(**both), s.power_budget_w * powers) for s in (one, five))
    assert second == pytest.approx(first, rel=1e-9)


def test_histories_are_in_the_certificates_unit_and_end_at_its_value():
    scenario = scenario_of(2, subcarrier_spacing_hz=2e5)
    began = time.perf_counter()
    found = ofdm.solve_exact(scenario, peak_sidelobe_db=-22.0)
    rule = ofdm.dynamic_allocation(scenario, peak_sidelobe_db=-22.0)
    lasted = time.perf_counter() - began
    for allocation in (found, rule):
        steps, certificate = allocation.history, allocation.certificate
        assert len(steps) == certificate.iterations > 1 and [step.iteration for step in steps] == list(range(len(steps)))
        seconds = [step.seconds for step in steps]
        assert 0 <= seconds[0] and np.all(np.diff(seconds) >= 0) and seconds[-1] <= certificate.seconds < lasted
        flood = ofdm.waterfill(scenario).capacity_bps
        assert all(0.3 * flood < step.objective <= flood * (1 + 1e-3) for step in steps)
    assert found.history[-1].objective == pytest.approx(found.capacity_bps, rel=1e-6) and found.history[-1].feasible
    assert not found.history[0].feasible
    assert any(step.feasible and step.objective == pytest.approx(rule.capacity_bps, rel=1e-3) for step in rule.history)


def test_every_violation_by_hand():
    scenario = scenario_of(3, carriers=16)
    uniform = np.full(16, 1.1 / 16)
    crb, level = float(ofdm.toa_crb_s2(scenario, uniform)), float(ofdm.peak_sidelobe_db(scenario, uniform))
    limits = ofdm.Limits(level - 20 * math.log10(1.25), crb / 1.5, 2.0 * scenario.range_cell_m, 0.5)
    found = limits.violations(scenario, uniform)
    floor = 0.5 * ofdm.waterfill(scenario).capacity_bps
    # a null at 1, then the first sidelobe's side up to 1.5
    shoulder = np.abs(pulse.pulse(uniform / 1.1, np.linspace(1.0, 1.5, 2001))).max()
    assert found == {
        "power_budget_w": pytest.approx(0.1),
        "peak_sidelobe_db": pytest.approx(0.25, rel=1e-9),
        "max_toa_crb_s2": pytest.approx(0.5, rel=1e-9),
        "max_main_lobe_width_m": pytest.approx(shoulder / math.sqrt(0.5) - 1, rel=1e-6),
        "max_capacity_loss": pytest.approx(1 - float(ofdm.capacity_bps(scenario, uniform)) / floor),
    }
    assert limits.residual(scenario, uniform) == pytest.approx(0.5, rel=1e-9)
    assert ofdm.Limits(max_capacity_loss=1.0).violations(scenario, uniform)["max_capacity_loss"] == 0.0
    silent = ofdm.Limits(-3.0, 1.0, 2.0).violations(scenario, np.zeros(16))
    assert silent.pop("power_budget_w") == -1.0 and set(silent.values()) == {math.inf}
    assert math.isnan(ofdm.main_lobe_width_m(scenario, np.zeros(16))) and math.isnan(
        ofdm.peak_sidelobe_db(scenario, np.zeros(16))
    )


@pytest.mark.parametrize("carriers", [3, 4, 8, 33])
def test_the_least_main_lobe_is_that_of_two_tones_where_nothing_is_asked_behind_it(carriers):
    """|cos(pi (N-1) u / N)| of the edge carriers: half power from N/(4(N-1)) to three times that."""
    scenario = scenario_of(4, carriers=carriers, sidelobe_start=0.7)
    closed = 0.5 * carriers / (carriers - 1) * scenario.range_cell_m
    possible, impossible = ofdm.best_main_lobe_width_m(scenario)
    assert impossible <= closed <= possible * (1 + 1e-9) and possible - impossible <= 1e-6 * possible
    with pytest.raises(InfeasibleScenario) as caught:
        ofdm.solve_exact(scenario, max_main_lobe_width_m=0.9 * closed)
    assert closed * (1 - 1e-9) <= caught.value.best_attainable <= closed * (1 + 1.0001e-6)


def test_examine_leaves_room_in_every_limit_and_ignores_a_level_above_the_main_lobe():
    scenario = scenario_of(5)
    edges = float(ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w))
    width = 1.4 * scenario.range_cell_m
    for limits in (
        ofdm.Limits(peak_sidelobe_db=3.0, max_main_lobe_width_m=width),
        ofdm.Limits(max_main_lobe_width_m=width),
        ofdm.Limits(max_main_lobe_width_m=width, max_toa_crb_s2=5 * edges),
        ofdm.Limits(peak_sidelobe_db=-15.0, max_main_lobe_width_m=width, max_toa_crb_s2=5 * edges),
        ofdm.Limits(peak_sidelobe_db=-25.0, max_toa_crb_s2=8 * edges),
    ):
        shares = examine(scenario, limits)
        assert shares.min() >= 0 and shares.sum() == pytest.approx(1, rel=1e-12)
        assert problem_of(scenario, limits).excesses(shares).max() < -1e-4


def test_a_window_within_the_limits_is_half_the_level_or_what_other_limits_leave():
    scenario = scenario_of(6, carriers=40, sidelobe_start=5.0)
    alone = problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-40.0))
    assert alone.excesses(window_within(scenario, alone)) == pytest.approx([-0.5], rel=1e-6)
    for level in (0.9, 0.5, 1e-3, 1e-8, 1e-200):
        start = start_of_level(40, level)
        assert 0 < start < 20 and least_sidelobe_level(40, start) == pytest.approx(level, rel=1e-9)
    first = start_of_level(40, 0.01)
    for later in (1.0003, 1.02, 1.2):  # the CRB that a window has between -40 dB and the scenario's own start
        crb = float(ofdm.toa_crb_s2(scenario, dolph_shares(40, first * later)))
        problem = problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-40.0, max_toa_crb_s2=crb))
        assert problem.excesses(window_within(scenario, problem)).max() <= 1e-12
    crb = float(ofdm.toa_crb_s2(scenario, dolph_shares(40, 0.99 * first)))
    assert window_within(scenario, problem_of(scenario, ofdm.Limits(peak_sidelobe_db=-40.0, max_toa_crb_s2=crb))) is None
    least = 20 * math.log10(least_sidelobe_level(40, 5.0))
    assert window_within(scenario, problem_of(scenario, ofdm.Limits(peak_sidelobe_db=least - 1e-3))) is None
    assert window_within(scenario, problem_of(scenario, ofdm.Limits(peak_sidelobe_db=least + 1e-3))) is not None


def test_mixtures_and_rooms_by_hand():
    x, reference = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    mixed = cuts.mended(x, reference, np.array([1.0, -0.3, 0.2]), np.array([-1.0, 0.0, -0.6]))
    assert mixed == pytest.approx([0.75, 0.25])
    assert cuts.mended(x, reference, np.array([1.0]), np.array([0.0])) is reference
    assert cuts.mended(x, None, np.array([1.0]), None) is None
    assert cuts._rooms(None) == (1e-10,)
    assert cuts._rooms(np.array([-0.5, -1e-3])) == pytest.approx((1e-10, 1e-13, -1e-8, -1e-6))
    assert cuts._rooms(np.array([-0.5, -5e-10])) == pytest.approx((5e-11, 5e-14, -1e-8, -1e-6))
    assert cuts._rooms(np.array([-0.5, 0.0])) == pytest.approx((-1e-10, -1e-13, -1e-8, -1e-6))
    first = cuts.first_delays(cuts.Region(1.5, 8.0, 0.1))
    assert first[0] == 1.5 and first[-1] == 8.0 and np.diff(first) == pytest.approx(0.5)
    assert cuts.first_delays(cuts.Region(1.5, 1.5, 0.1)).tolist() == [1.5]
    assert cuts.first_delays(cuts.Region(1.5, 1.8, 0.1)).tolist() == [1.5, 1.8]


def test_second_order_rows_foresee_where_a_peak_moves():
    rng = np.random.default_rng(7)
    x = rng.dirichlet(np.full(24, 5.0))
    u, _ = pulse.peaks(x, 1.5, 11.0, 32, above=0.4)
    inside = (u > 1.6) & (u < 10.9)
    u = u[inside]
    rows = cuts._curvature_rows(x, u, 24)
    assert u.size > 3 and np.abs(rows @ x).max() < 1e-12 and (np.abs(rows).max(axis=1) > 0).all()
    assert not cuts._curvature_rows(x, u + 0.1, 24).any()
    direction = rng.normal(size=24)
    direction -= direction.mean()
    errors = []
    for size in (2e-5, 1e-5):
        moved = x + size * direction
        true = np.abs(pulse.pulse(moved, pulse.refine(moved, u, 1 / 16))) ** 2
        fixed = np.abs(pulse.pulse(moved, u)) ** 2
        errors.append(np.abs(true - fixed - (rows @ moved) ** 2))
        assert (errors[-1] < 0.05 * (true - fixed)).sum() >= u.size - 1
    assert np.all(errors[1] < 0.2 * errors[0] + 1e-17)  # third order


def test_the_moments_price_is_its_tangent():
    rng = np.random.default_rng(8)
    x, other = rng.dirichlet(np.ones(15), size=2)
    n = np.arange(15) - 7.0
    loss = 49 - float((n**2) @ x - (n @ x) ** 2)
    assert cuts.moment_loss(x) == pytest.approx(loss, rel=1e-12)
    price, constant = cuts.moment_price(x, 20.0)
    assert price @ x - constant == pytest.approx(loss / 20 - 1, rel=1e-12)
    assert price @ other - constant <= cuts.moment_loss(other) / 20 - 1
    step = 1e-6 * (other - x)
    assert price @ step == pytest.approx((cuts.moment_loss(x + step) - loss) / 20, rel=1e-4)


def test_two_searches_for_one_optimum_are_the_better_shares_and_the_lower_bound():
    gains = np.array([1.0, 3.0])
    low = cuts.Outcome(np.array([1.0, 0.0]), 2.0, True, False, 0.0, 1, ())
    high = cuts.Outcome(np.array([0.0, 1.0]), 3.0, True, False, 0.0, 2, ())
    lost = cuts.Outcome(np.array([0.0, 1.0]), 1.5, False, False, 0.0, 3, ())
    for pair, rounds, bound in (((low, high), 2, 2.0), ((high, low), 2, 2.0), ((low, lost), 1, 1.5), ((lost, low), 1, 1.5)):
        chosen = cuts.better(gains, *pair)
        assert chosen.rounds == rounds and chosen.bound == bound and chosen.found


# limits (a CRB in units of water-filling's), rounds and Newton steps: a tenth more than they take
STEPS = (
    ({"peak_sidelobe_db": -12.0}, 3, 11),
    ({"peak_sidelobe_db": -20.0}, 4, 22),
    ({"peak_sidelobe_db": -28.0}, 5, 44),
    ({"peak_sidelobe_db": -33.0}, 4, 30),
    ({"peak_sidelobe_db": -18.0, "max_toa_crb_s2": 1.0}, 4, 21),
    ({"max_toa_crb_s2": 0.6}, 3, 11),
    ({"peak_sidelobe_db": -14.0, "max_main_lobe_width_m": 2.2}, 4, 21),
)


def test_steps_of_typical_solves_stay_few(monkeypatch):
    """Curved cuts, warm starts and the corrector: what they save is here, and a change that loses it shows."""
    spent = []
    minimise = cuts.minimise

    def counted(*given, **options):
        point = minimise(*given, **options)
        spent.append(point.iterations)
        return point

    monkeypatch.setattr(cuts, "minimise", counted)
    scenario = scenario_of(0, carriers=64)
    crb = float(ofdm.toa_crb_s2(scenario, ofdm.waterfill(scenario).powers_w))
    for limits, rounds, steps in STEPS:
        spent.clear()
        scaled = {name: value * (crb if name == "max_toa_crb_s2" else 1.0) for name, value in limits.items()}
        found = ofdm.solve_exact(scenario, **scaled)
        assert found.certificate.status == "optimal"
        assert found.certificate.iterations <= rounds and sum(spent) <= steps


def test_a_small_program_whose_answer_is_known():
    """Two mirrored pairs under one level limit: the limit's linear form holds with equality, or water-filling is the answer."""
    gains = np.array([1.0, 4.0, 4.0, 1.0])
    form = np.cos(2 * np.pi / 4 * 1.5 * (np.arange(4) - 1.5))
    for level in (0.2, 0.6):
        rows = Rows(4, np.array([1.5]), np.array([level]), np.empty((0, 4)), np.empty(0, dtype=int), None)
        point = interior_point.minimise(rows, gains, np.full(4, 0.25), tolerance=1e-10)
        inner = np.linspace(0, 0.5, 2_000_001)  # the inner pair's share each
        reached = (0.5 - inner) * (form[0] + form[3]) + inner * (form[1] + form[2])
        worth = 2 * np.log1p(0.5 - inner) + 2 * np.log1p(4 * inner)
        best = inner[np.argmax(np.where(np.abs(reached) <= level, worth, -np.inf))]
        assert point.converged and point.iterations <= 14 and point.multipliers.min() >= 0
        assert point.z == pytest.approx([0.5 - best, best, best, 0.5 - best], abs=1e-6)
    assert interior_point._step(np.array([1.0, 2.0]), np.array([-2.0, 1.0]), 0.995) == 0.4975
    assert interior_point._step(np.array([1.0, 2.0]), np.array([2.0, -1.0]), 0.995) == 1.0
    assert interior_point._step(np.array([1.0, 2.0]), np.array([2.0, 1.0]), 0.995) == 1.0


def test_the_least_level_under_a_target_stops_on_the_right_side():
    scenario = scenario_of(11, carriers=20)
    edges = float(ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w))
    problem = sidelobe_problem(scenario, ofdm.Limits(max_toa_crb_s2=1.5 * edges))
    exact = least_level(problem)
    assert exact.level / exact.bound - 1 < 1e-7 and exact.level < 1
    for factor in (0.9, 0.99, 1.01, 1.1):
        sided = least_level(problem, factor * exact.level)
        assert (sided.level <= factor * exact.level) == (factor > 1) and (sided.bound > factor * exact.level) == (factor < 1)
        assert sided.bound <= exact.level * (1 + 1e-9) and sided.level >= exact.bound * (1 - 1e-9)
        assert sided.rounds <= exact.rounds
    assert least_level(problem) is exact and remembered(problem) is exact
    forget()
    assert remembered(problem) is None


def test_the_golden_section_search_finds_a_narrow_interval_in_few_evaluations():
    for centre in (0.05, 0.3, 0.62, 0.97):
        asked = []

        def violation(weight, centre=centre, asked=asked):
            asked.append(weight)
            return abs(weight - centre) - 1e-3

        inside = paper._golden(violation)
        assert abs(inside - centre) <= 1e-3 + 1e-9 and len(asked) <= 16 and min(asked) >= 0 and max(asked) <= 1
        assert paper.smallest_weight(violation) == pytest.approx(centre - 1e-3, abs=1e-6)
        assert paper.largest_weight(violation, inside) == pytest.approx(centre + 1e-3, abs=1e-6)
    assert paper.smallest_weight(lambda weight: 1.0 + weight) is None


def test_profiles_of_matched_filters_are_their_transforms():
    rng = np.random.default_rng(9)
    for count in (6, 7):
        z = rng.normal(size=(2, count)) + 1j * rng.normal(size=(2, count))
        for search in (2.0, count / 2):
            grid, squares = estimator._profile(z, 4, search)
            assert np.diff(grid) == pytest.approx(0.25) and abs(grid[0]) <= search and grid[-1] <= search
            assert grid.size == (17 if search == 2.0 else 4 * count)
            direct = np.abs(np.einsum("tn,kn->tk", z, pulse.steering(grid, count))) ** 2
            assert squares / squares.max() == pytest.approx(direct / direct.max(), abs=1e-12)


def test_weak_targets_at_the_ends_of_their_ranges():
    scenario = scenario_of(0, carriers=16, symbols=1000)
    powers = np.full(16, 1 / 16)

    def seen(weak_db, separation, trials=5):
        return ofdm.weak_target_detection(
            scenario, powers, np.random.default_rng(1), trials, weak_db=weak_db, separation=separation
        )

    for weak_db in (0.5, 1e-9, -3001.0, math.nan):
        with pytest.raises(InvalidScenario, match="weak_db"):
            seen(weak_db, 4.0)
    for separation in (2.0, 14.0, -4.0):
        with pytest.raises(InvalidScenario, match="separation"):
            seen(-3.0, separation)
    assert seen(0.0, 7.0, 40) > 0.4 and 0 <= seen(-3.0, 2.0001) <= 1 and 0 <= seen(-3.0, 13.9999) <= 1
    many = ofdm.delay_errors_s(scenario, powers, np.random.default_rng(1), 2 * estimator._CHUNK + 3, search=4.0)
    assert many.shape == (2 * estimator._CHUNK + 3,) and np.isfinite(many).all()


def test_a_bound_needs_multipliers_at_the_peaks_themselves():
    """The fitted bound at an optimum is the optimum, whichever limits hold with equality."""
    scenario = scenario_of(10)
    crb = float(ofdm.toa_crb_s2(scenario, ofdm.waterfill(scenario).powers_w))
    for limits in (
        {"peak_sidelobe_db": -18.0},
        {"max_toa_crb_s2": 0.7 * crb},
        {"peak_sidelobe_db": -16.0, "max_toa_crb_s2": 1.2 * crb},
    ):
        best = ofdm.solve_exact(scenario, **limits)
        assert ofdm.verify(scenario, best, **limits).gap < 2e-7
        loose = ofdm.capacity_bound(scenario, ofdm.Limits(**limits), waterfill_shares(scenario.carrier_snr))
        assert best.capacity_bps <= loose <= ofdm.waterfill(scenario).capacity_bps * (1 + 1e-9)


def test_ends_of_ranges_belong_to_them_and_nothing_beyond():
    scenario = scenario_of(12, carriers=8)
    uniform, rng = np.full(8, 1 / 8), np.random.default_rng(0)
    edges = float(ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w))
    for name, call, inside, outside in (
        ("oversampling", lambda v: ofdm.Limits(-3.0).violations(scenario, uniform, oversampling=v), (4, 64), (3, 0, 4.5)),
        ("oversampling", lambda v: scenario.replace(oversampling=v), (4,), (3,)),
        ("carriers_per_side", lambda v: ofdm.edges_only(scenario, carriers_per_side=v), (1, 4), (0, 5)),
        ("carriers_per_side", lambda v: ofdm.mix(scenario, 0.5, carriers_per_side=v), (1, 4), (0, 5)),
        (
            "carriers_per_side",
            lambda v: ofdm.dynamic_allocation(scenario, peak_sidelobe_db=-1.0, carriers_per_side=v),
            (1, 4),
            (0, 5),
        ),
        ("weight", lambda v: ofdm.mix(scenario, v), (0.0, 1.0), (-1e-12, 1 + 1e-12)),
        ("search", lambda v: ofdm.delay_errors_s(scenario, uniform, rng, 3, search=v), (1.0, 4.0), (0.999, 4.001)),
        ("tolerance", lambda v: ofdm.best_main_lobe_width_m(scenario, tolerance=v), (1.0, 0.5), (1.001, 0.99e-9)),
        ("carriers", lambda v: ofdm.Scenario.random(rng, carriers=v, sidelobe_start=0.5), (2, 3), (1, 0)),
        ("mean_snr_db", lambda v: ofdm.Scenario.random(rng, carriers=8, mean_snr_db=v), (-2999.0, 2900.0), (-3001.0, 3001.0)),
        ("echo_gain_db", lambda v: ofdm.Scenario.random(rng, carriers=8, echo_gain_db=v), (-2999.0, 2999.0), (-3001.0, 3001.0)),
        ("sidelobe_start", lambda v: scenario.replace(sidelobe_start=v), (3.999,), (4.0, 4.1)),
        ("sidelobe_stop", lambda v: scenario.replace(sidelobe_stop=v), (1.5, 4.0), (1.499, 4.001)),
        ("max_capacity_loss", lambda v: ofdm.Limits(max_capacity_loss=v), (0.0, 1.0), (-1e-12, 1 + 1e-12)),
        (
            "subcarrier_spacing_hz",
            lambda v: scenario.replace(subcarrier_spacing_hz=v, noise_psd_w_per_hz=1 / v),
            (1.01e-140, 0.99e140),
            (0.99e-140, 1.01e140),
        ),
    ):
        for value in inside:
            call(value)
        for value in outside:
            with pytest.raises(InvalidScenario) as caught:
                call(value)
            assert caught.value.field == name
    with pytest.raises(InfeasibleScenario):  # the CRB is looked at after the tolerance, the least of which is allowed
        ofdm.best_main_lobe_width_m(scenario, max_toa_crb_s2=0.5 * edges, tolerance=1e-9)
    whole, stopped = (ofdm.solve_exact(scenario.replace(sidelobe_stop=stop), peak_sidelobe_db=-14.0) for stop in (None, 4.0))
    assert stopped.powers_w == pytest.approx(whole.powers_w, rel=1e-5)


def test_only_the_edges_have_the_least_crb():
    scenario = scenario_of(13, carriers=9)
    edges = ofdm.edges_only(scenario)
    limits = ofdm.Limits(max_toa_crb_s2=float(ofdm.toa_crb_s2(scenario, edges.powers_w)))
    assert examine(scenario, limits) == pytest.approx(edges.powers_w, abs=1e-15)
    assert ofdm.solve_exact(scenario, max_toa_crb_s2=limits.max_toa_crb_s2).powers_w == pytest.approx(edges.powers_w, abs=1e-5)


def test_a_delay_estimate_is_where_the_slope_of_the_output_ends():
    rng = np.random.default_rng(14)
    z = rng.exponential(size=(6, 20)) * np.exp(2j * np.pi * rng.random((6, 20)))
    grid, squares = estimator._profile(z, 16, 9.0)
    start = grid[np.argmax(squares, axis=1)]
    found = estimator._refined(z, start, 1 / 16)
    value = np.abs((z * pulse.steering(found, 20)).sum(axis=1))
    for shift in (-1e-4, 1e-4):
        assert np.all(np.abs((z * pulse.steering(found + shift, 20)).sum(axis=1)) < value)
    dense = start[:, None] + np.linspace(-1 / 16, 1 / 16, 4001)
    best = [np.abs((row * pulse.steering(u, 20)).sum(axis=1)).max() for row, u in zip(z, dense, strict=True)]
    assert value == pytest.approx(best, rel=1e-8) and np.all(value >= np.array(best) * (1 - 1e-13))


def test_cuts_are_exchanged_for_the_peaks_and_kept_near_the_limit_or_all_of_them():
    x = dolph_shares(30, 1.2)
    region = cuts.Region(1.5, 15.0, 1.2 * float(pulse.peak_level(x, 1.5, 15.0, 16)))
    for patience, share in ((6, 0.5), (0, 0.0)):
        state = cuts.Rounds(cuts.Problem(30, (region,), None, 16), x, patience)
        first = state.pools[0]
        excess = state.exchange(x)
        assert excess == pytest.approx([1 / 1.2 - 1], rel=1e-9) and state.overshoot == excess[0] and state.step == 1
        assert state.pools[0].tolist() == first[np.abs(pulse.pulse(x, first)) > share * region.level].tolist()
        found = np.abs(pulse.pulse(x, state.peaks[0])) / region.level
        assert found.size >= 10 and found.min() > 0.7
        before = state.pools[0].size
        state.exchange(x)
        state.exchange(x)
        assert state.pools[0].size >= before + found.size - 2  # peaks of earlier rounds have become plain cuts


def test_the_seconds_are_those_of_the_call():
    scenario, limits = ofdm.Scenario.random(np.random.default_rng(1)), {"peak_sidelobe_db": -14.0}
    for solve in (ofdm.solve_exact, ofdm.dynamic_allocation, ofdm.straightforward_rule):
        found = assert_timed(lambda solve=solve: solve(scenario, **limits))
        assert_timed(lambda found=found: ofdm.verify(scenario, found, **limits))
    for solve in (ofdm.waterfill, ofdm.edges_only, ofdm.minimise_sidelobe):
        assert_timed(lambda solve=solve: solve(scenario))
    assert_timed(lambda: ofdm.solve_sidelobe_limited(scenario, -14.0))
    assert_timed(lambda: ofdm.mix(scenario, 0.5))
    for given_up in (
        lambda: ofdm.solve_exact(scenario, peak_sidelobe_db=-60.0, fallback=True),
        lambda: ofdm.dynamic_allocation(scenario, peak_sidelobe_db=-60.0),
        lambda: ofdm.straightforward_rule(scenario, peak_sidelobe_db=-60.0),
    ):
        assert assert_timed(given_up).mode == "communication"
