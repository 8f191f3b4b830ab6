"""Edges of feasibility, deep levels, peaks at the ends of a region, threads: against oracles of the tests' own."""

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from benchmarks.extremes import ofdm_ranging as extremes
from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import ofdm_ranging as ofdm
from isaclib.ofdm_ranging import cuts, pulse
from isaclib.ofdm_ranging.least import _Mirrored, _Vertex, least_level
from isaclib.ofdm_ranging.window import dolph_shares, least_sidelobe_level

ROOT = Path(__file__).resolve().parents[2]


def paper_scenario(seed=0, **changes):
    return ofdm.Scenario.random(np.random.default_rng(seed), **changes)


def test_random_requests_agree_with_the_cone_program():
    words = [extremes.compare(*extremes.random_request(rng, largest=20)) for rng in np.random.default_rng(10).spawn(30)]
    assert not [word for word in words if word.startswith(("WRONG", "failed"))]
    assert words.count("optimal") > 8 and words.count("refused") > 2


def test_requests_with_a_witness_are_never_refused():
    words = [extremes.at_the_edge(*extremes.witnessed_request(rng, largest=40)) for rng in np.random.default_rng(11).spawn(40)]
    assert not [word for word in words if word.startswith(("WRONG", "failed"))]
    assert words.count("optimal") >= 36


def test_deep_levels_agree_with_dolph():
    words = [extremes.deep(rng) for rng in np.random.default_rng(12).spawn(10)]
    assert not [word for word in words if word.startswith(("WRONG", "failed"))]


def test_late_sidelobes_are_met_by_windows_that_are_broad_enough():
    words = [extremes.late(rng, largest=80, deepest=-120.0) for rng in np.random.default_rng(15).spawn(30)]
    assert not [word for word in words if word.startswith(("WRONG", "failed"))]
    assert words.count("optimal") + words.count("no witness") >= 29


@pytest.mark.parametrize("seed", [0, 1])
def test_a_limit_far_above_the_least_level_is_solved(seed):
    """-65.5 dB of possible -495: from the window of least sidelobes, powers down to 1e-25 of the budget, no step led anywhere."""
    scenario = paper_scenario(seed, carriers=318, mean_snr_db=46.0, tap_decay=0.077, sidelobe_start=18.33)
    found = ofdm.solve_exact(scenario, peak_sidelobe_db=-65.5447)
    assert found.certificate.status == "optimal" and found.certificate.residual <= 1e-9
    broad = dolph_shares(318, extremes.start_of_level(318, 10 ** (-65.5447 / 20)))
    assert found.capacity_bps > float(ofdm.capacity_bps(scenario, broad * scenario.power_budget_w))


@pytest.mark.parametrize("draw", [23, 59, 86])
def test_late_sidelobes_at_deep_levels_are_solved(draw):
    """-120 to -130 dB: cuts that were dropped too early, factors that rounding broke off, multipliers begun too large."""
    rng = np.random.default_rng(3).spawn(draw + 1)[draw]
    assert extremes.late(rng, largest=1024, deepest=-130.0) == "optimal"


def test_what_no_search_improves_is_the_window_that_meets_the_limits_with_a_bound(monkeypatch):
    """An allocation with its proven bound, no exception."""
    scenario = paper_scenario(0, carriers=60, mean_snr_db=40.0, sidelobe_start=6.0)
    monkeypatch.setattr(cuts.Rounds, "solve", lambda *given: None)
    found = ofdm.solve_exact(scenario, peak_sidelobe_db=-60.0)
    assert found.mode == "isac" and found.certificate.residual == 0.0 and found.certificate.status == "converged"
    assert found.certificate.bound == pytest.approx(ofdm.waterfill(scenario).capacity_bps, rel=1e-9)
    broad = dolph_shares(60, extremes.start_of_level(60, 0.5e-3))  # half of the limit
    assert found.powers_w == pytest.approx(broad * scenario.power_budget_w, rel=1e-9)


@pytest.mark.parametrize("carriers", [16, 17, 33, 64, 128])
def test_dolph_is_positive_and_attains_the_closed_form_for_any_start(carriers):
    for start in np.append(np.geomspace(0.2, 5.0, 12), 0.45 * carriers):
        shares, level = dolph_shares(carriers, start), least_sidelobe_level(carriers, start)
        assert level == pytest.approx(extremes.dolph_level(carriers, start), rel=1e-9)
        assert shares.min() >= 0 and shares.sum() == pytest.approx(1, rel=1e-12)
        if level > 1e-8:
            found = ofdm.minimise_sidelobe(paper_scenario(carriers=carriers, sidelobe_start=start)).certificate
            assert found.bound == level and found.value == pytest.approx(level, rel=1e-7) and found.status == "optimal"


def test_a_deep_request_is_met_and_nothing_asked_before_changes_that():
    """-71 dB of possible -75.3 was refused with 'best attainable -66.9', or not, depending on earlier calls."""
    scenario = paper_scenario(3, sidelobe_start=3.0)
    fresh = ofdm.solve_exact(scenario, peak_sidelobe_db=-71.0)
    ofdm.dynamic_allocation(scenario, peak_sidelobe_db=-71.0)
    ofdm.minimise_sidelobe(scenario)
    again = ofdm.solve_exact(scenario, peak_sidelobe_db=-71.0)
    assert fresh.certificate.status == "optimal" and np.array_equal(fresh.powers_w, again.powers_w)
    assert fresh.capacity_bps == pytest.approx(1.81132e8, rel=1e-5)
    from scipy.signal.windows import chebwin

    witness = chebwin(128, 75.0) / chebwin(128, 75.0).sum()
    assert ofdm.score(scenario, witness, peak_sidelobe_db=-71.0).gap > 0.01
    assert 20 * math.log10(ofdm.minimise_sidelobe(paper_scenario(carriers=32, sidelobe_start=4.0)).certificate.value) == (
        pytest.approx(-102.546, abs=1e-3)
    )


def test_the_order_of_questions_does_not_matter():
    asked = [(-20.0, 1.0), (-28.0, None), (-12.0, 0.8), (-45.0, None), (-16.0, 0.6)]
    scenario = paper_scenario(5, carriers=32)
    flood = float(ofdm.toa_crb_s2(scenario, ofdm.waterfill(scenario).powers_w))

    def answers(order):
        found = {}
        for level, crb in order:
            limits = dict(peak_sidelobe_db=level, max_toa_crb_s2=None if crb is None else crb * flood)
            allocation = ofdm.solve_exact(scenario, **limits, fallback=True)
            found[level, crb] = (*allocation.powers_w, allocation.certificate.value, allocation.certificate.bound)
        return found

    first = answers(asked)
    assert answers(asked) == first == answers(asked[::-1])


def test_a_peak_beside_the_start_of_the_region_is_seen():
    gains = "0.0612 0.2090 0.3135 0.2795 0.2175 0.3214 0.6281 0.9462 1.0456 0.8926 0.6607 0.5198 0.4619 0.3634 0.1840 0.0408"
    scenario = ofdm.Scenario(
        channel_gain=[float(gain) for gain in gains.split()],
        subcarrier_spacing_hz=1e6,
        noise_psd_w_per_hz=9.095e-10,
        power_budget_w=1.0,
        echo_gain=0.01,
        symbols=64,
        sidelobe_start=1.5001,
    )
    limits = dict(peak_sidelobe_db=-18.943, max_toa_crb_s2=1.035e-18)
    found = ofdm.solve_exact(scenario, **limits)
    assert found.certificate.status == "optimal" and found.certificate.residual <= 1e-9
    powers = found.powers_w
    dense = np.abs(pulse.pulse(powers, np.linspace(1.5001, 8.0, 200_001))).max()
    assert dense <= 10 ** (-18.943 / 20) * (1 + 1e-7)
    assert 20 * math.log10(dense) <= ofdm.peak_sidelobe_db(scenario, powers) + 1e-9


def test_the_peak_level_is_the_maximum_of_the_polynomial_for_any_region():
    """Random powers, windows of Dolph's for other starts (their peaks crowd at the start), random ends of the region."""
    rng = np.random.default_rng(13)
    for _ in range(150):
        count = int(rng.integers(3, 48))
        start = rng.uniform(0.2, 0.45 * count)
        x = dolph_shares(count, min(start, 4.0)) if rng.random() < 0.4 else rng.random(count) ** rng.choice([1, 4])
        start = start + rng.choice([0.0, 1e-4, 0.03]) * rng.random()
        stop = rng.uniform(start, 0.5 * count) if rng.random() < 0.5 else 0.5 * count
        found = pulse.peak_level(x, start, stop, int(rng.choice([4, 16])))
        near = start + (stop - start) * np.linspace(0, 1, 1500) ** 2
        u = np.concatenate([np.linspace(start, stop, 4000), near])
        dense = np.abs(pulse.pulse(x, u)).max() / x.sum()
        assert dense <= found * (1 + 1e-12) + 1e-15
        assert found <= np.abs(pulse.pulse(x, np.linspace(start, stop, 4001))).max() / x.sum() * (1 + 1e-2)


def test_two_carriers_by_hand():
    """Both limits ask a(1 - a) >= k of the shares (a, 1 - a): the water-filling share is clipped to an interval."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        start = rng.uniform(0.3, 0.9)
        scenario = paper_scenario(seed, carriers=2, sidelobe_start=start, mean_snr_db=rng.uniform(-10, 10))
        level = rng.uniform(math.cos(math.pi * start / 2) + 0.01, 0.99)
        product = (1 - level**2) / (4 * math.sin(math.pi * start / 2) ** 2)
        width = math.sqrt(max(0.25 - product, 0.0))
        flood = ofdm.waterfill(scenario).powers_w[0]
        share = min(max(flood, 0.5 - width), 0.5 + width)
        expected = float(ofdm.capacity_bps(scenario, [share, 1 - share]))
        found = ofdm.solve_exact(scenario, peak_sidelobe_db=20 * math.log10(level))
        assert found.capacity_bps == pytest.approx(expected, rel=1e-7)
        least = float(ofdm.toa_crb_s2(scenario, [0.5, 0.5]))
        accurate = ofdm.solve_exact(scenario, max_toa_crb_s2=0.25 / product * least)
        assert accurate.capacity_bps == pytest.approx(expected, rel=1e-7)


def test_three_carriers_by_hand():
    """A mirrored channel: y = 1 - 2b (1 - cos phi) for shares (b, 1 - 2b, b), so the level bounds b from both sides."""
    for outer, level in ((0.2, 0.5), (3.0, 0.3), (1.0, 0.2), (0.05, 0.25)):
        scenario = ofdm.Scenario(
            channel_gain=[outer, 1.0, outer],
            subcarrier_spacing_hz=1.0,
            noise_psd_w_per_hz=0.3,
            power_budget_w=1.0,
            sidelobe_start=1.0,
        )
        low, high = (1 - level) / (2 * (1 - math.cos(2 * math.pi / 3))), (1 + level) / 4
        share = min(max(ofdm.waterfill(scenario).powers_w[0], low), high)
        found = ofdm.solve_exact(scenario, peak_sidelobe_db=20 * math.log10(level))
        assert found.powers_w == pytest.approx([share, 1 - 2 * share, share], abs=1e-5)
        assert found.capacity_bps == pytest.approx(float(ofdm.capacity_bps(scenario, [share, 1 - 2 * share, share])), rel=1e-8)


def test_what_the_library_returned_is_accepted_as_a_limit():
    scenario = paper_scenario(1, carriers=64)
    least = ofdm.minimise_sidelobe(scenario)
    level = float(ofdm.peak_sidelobe_db(scenario, least.powers_w))
    at_least = ofdm.solve_exact(scenario, peak_sidelobe_db=level)
    assert at_least.certificate.residual <= 1e-9 and at_least.certificate.gap < 1e-5
    edges = ofdm.edges_only(scenario)
    crb = float(ofdm.toa_crb_s2(scenario, edges.powers_w))
    for factor in (1.0, 1 + 1e-9, 1 + 1e-6, 1 + 1e-5, 1 + 1e-4):
        found = ofdm.solve_exact(scenario, max_toa_crb_s2=crb * factor)
        assert found.certificate.status == "optimal" and found.certificate.residual <= 1e-12
        assert found.capacity_bps >= edges.capacity_bps * (1 - 1e-12)
    with pytest.raises(InfeasibleScenario) as caught:
        ofdm.solve_exact(scenario, max_toa_crb_s2=crb * (1 - 1e-9))
    assert caught.value.best_attainable == pytest.approx(crb, rel=1e-12)


def test_a_limit_just_below_the_least_level_is_refused_by_its_bound():
    scenario = paper_scenario(2, carriers=48)
    closed = 20 * math.log10(extremes.dolph_level(48, 1.5))
    fallback = ofdm.solve_exact(scenario, peak_sidelobe_db=closed - 1e-8, fallback=True)
    assert fallback.mode == "communication" and closed - 1e-8 < fallback.certificate.bound <= fallback.certificate.value
    assert ofdm.solve_exact(scenario, peak_sidelobe_db=closed + 1e-8).mode == "isac"


def test_best_attainable_of_joint_requests_is_attained_and_bounded():
    """Values and proven bounds of the least level beside CRB and width limits meet; an independent cone program agrees."""
    refused = 0
    for rng in np.random.default_rng(14).spawn(25):
        scenario = ofdm.Scenario.random(rng, carriers=int(rng.choice([12, 20])), mean_snr_db=rng.uniform(-5, 20))
        edges = float(ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w))
        others = dict(
            max_toa_crb_s2=edges * rng.uniform(1.1, 3.0), max_main_lobe_width_m=rng.uniform(0.6, 2) * scenario.range_cell_m
        )
        fallback = ofdm.solve_exact(scenario, **others, peak_sidelobe_db=-40.0, fallback=True)
        if "peak_sidelobe_db" not in fallback.certificate.method:
            continue
        refused += 1
        value, bound = fallback.certificate.value, fallback.certificate.bound
        assert math.isfinite(value) and 0 <= value - bound < 1e-5
        assert ofdm.solve_exact(scenario, **others, peak_sidelobe_db=value + 1e-4).mode == "isac"
        assert extremes.cone_optimum(scenario, {**others, "peak_sidelobe_db": bound - 0.05}, inner=False) == -math.inf
    assert refused >= 10


def test_a_possible_width_can_be_asked_for_and_an_impossible_crb_is_named():
    scenario = paper_scenario(0, carriers=48)
    possible, impossible = ofdm.best_main_lobe_width_m(scenario, tolerance=1e-5)
    assert ofdm.solve_exact(scenario, max_main_lobe_width_m=possible).certificate.residual <= 1e-9
    with pytest.raises(InfeasibleScenario):
        ofdm.solve_exact(scenario, max_main_lobe_width_m=impossible)
    for limits in ({}, {"max_main_lobe_width_m": 5.0}, {"peak_sidelobe_db": -60.0}, {"max_capacity_loss": 0.0}):
        with pytest.raises(InfeasibleScenario) as caught:
            ofdm.solve_exact(scenario, max_toa_crb_s2=1e-30, **limits)
        assert caught.value.constraint == "max_toa_crb_s2"
    with pytest.raises(InfeasibleScenario):
        ofdm.best_main_lobe_width_m(scenario, max_toa_crb_s2=1e-30)


def test_no_width_can_be_met_beside_a_crb_that_forces_the_edges_at_a_bad_start():
    """The edges alone give |y(1)| = cos(pi (N-1)/N), near 1: with the sidelobes from there on, no main lobe ends in time."""
    scenario = paper_scenario(0, carriers=16, sidelobe_start=1.0)
    crb = 1.0001 * float(ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w))
    assert ofdm.best_main_lobe_width_m(scenario, max_toa_crb_s2=crb) == (math.inf, math.inf)
    with pytest.raises(InfeasibleScenario) as caught:
        ofdm.solve_exact(scenario, max_toa_crb_s2=crb, max_main_lobe_width_m=3.0)
    assert caught.value.constraint == "max_main_lobe_width_m" and caught.value.best_attainable == math.inf


def test_looser_limits_never_cost_capacity():
    comb = ofdm.Scenario.random(np.random.default_rng(4), carriers=16)
    comb = comb.replace(channel_gain=comb.channel_gain * (np.arange(16) % 2 == 0))
    for scenario in (comb, paper_scenario(4, carriers=24)):
        crb = float(ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w))
        cells = scenario.range_cell_m
        for name, loosening in (
            ("max_main_lobe_width_m", [cells * width for width in (0.8, 1.2, 2, 2.99, 3, 3.01, 4, 8, 30, 1e3, 1e6)]),
            ("peak_sidelobe_db", [-20, -10, -3, -1, 0, 1, 300, 1e5]),
            ("max_toa_crb_s2", [crb * factor for factor in (1.5, 3, 10, 100, 1e6)]),
        ):
            found = [ofdm.solve_exact(scenario, **{name: value}).capacity_bps for value in loosening]
            assert np.all(np.diff(found) >= -1e-9 * np.array(found[1:])), name
            assert found[-1] <= ofdm.waterfill(scenario).capacity_bps * (1 + 1e-12)


def test_levels_that_nothing_attains_are_infeasible_whatever_their_size():
    for level in (-7000.0, -1e300):
        with pytest.raises(InfeasibleScenario):
            ofdm.solve_exact(paper_scenario(carriers=16), peak_sidelobe_db=level)
    assert ofdm.solve_exact(paper_scenario(carriers=16), peak_sidelobe_db=1e300).certificate.status == "optimal"


@pytest.mark.parametrize("snr_db", [-250.0, -100.0, -60.0, 100.0, 280.0])
def test_any_snr_is_solved_and_verified(snr_db):
    scenario = paper_scenario(7, carriers=24, mean_snr_db=snr_db)
    for limits in (
        {},
        {"peak_sidelobe_db": -15.0},
        {"peak_sidelobe_db": -20.0, "max_main_lobe_width_m": 1.4 * scenario.range_cell_m},
    ):
        found = ofdm.solve_exact(scenario, **limits)
        assert found.certificate.status == "optimal"
        assert ofdm.verify(scenario, found, **limits).status == "optimal"
    best = int(np.argmax(scenario.channel_gain))
    if snr_db <= -100:  # capacity is linear: one carrier takes all
        assert ofdm.waterfill(scenario).powers_w[best] == pytest.approx(1.0, rel=1e-12)


def test_snr_beyond_floating_point_is_refused():
    fields = dict(channel_gain=np.ones(4), subcarrier_spacing_hz=1e-200, noise_psd_w_per_hz=1e-200, power_budget_w=1.0)
    for changes in ({}, {"power_budget_w": 1e-300, "noise_psd_w_per_hz": 1e300, "subcarrier_spacing_hz": 1e6}):
        with pytest.raises(InvalidScenario):
            ofdm.Scenario(**(fields | changes))


def test_a_start_near_the_end_of_all_delays_has_a_positive_bound():
    certificate = ofdm.minimise_sidelobe(paper_scenario(carriers=8, sidelobe_start=2.5)).certificate
    assert 0 < certificate.bound <= certificate.value * (1 + 1e-9)
    tight = ofdm.minimise_sidelobe(paper_scenario(carriers=16, sidelobe_start=7.9)).certificate
    assert tight.bound > 0 and tight.status == "converged"  # -594 dB: the rounding of the powers shows


def test_a_weak_target_far_behind_counts_where_it_is_and_delays_repeat():
    scenario = paper_scenario(0, carriers=32, symbols=60_000, echo_gain_db=0.0)
    low = ofdm.minimise_sidelobe(scenario).powers_w
    for separation in (3.0, 15.0, 16.0, 17.0, 25.0, 29.5):
        seen = ofdm.weak_target_detection(scenario, low, np.random.default_rng(7), 60, weak_db=-15.0, separation=separation)
        assert seen > 0.95, separation
    for separation in (1.9, 30.5, 40.0, math.nan):
        with pytest.raises(InvalidScenario) as caught:
            ofdm.weak_target_detection(scenario, low, np.random.default_rng(7), 5, weak_db=-15.0, separation=separation)
        assert caught.value.field == "separation"


@pytest.mark.parametrize("seed", [49, 77, 116, 215, 288, 290])
def test_far_below_the_noise_the_judge_proves_what_the_solver_does(seed):
    """There the problem is nearly linear: empty carriers count as much as others, and so do delays beside the peaks."""
    rng = np.random.default_rng([77, seed])
    scenario = ofdm.Scenario.random(
        rng,
        carriers=int(rng.choice([8, 16, 31, 64])),
        mean_snr_db=float(rng.choice([-80, -60, -40, -20])),
        taps=int(rng.choice([1, 2, 8])),
        tap_decay=float(rng.choice([0.1, 2, 20])),
        sidelobe_start=float(rng.choice([1.0, 1.5, rng.uniform(1, 3)])),
    )
    limits = {"peak_sidelobe_db": float(-rng.uniform(3, 30))}
    found = ofdm.solve_exact(scenario, **limits)
    judged = ofdm.verify(scenario, found, **limits)
    assert found.certificate.status == judged.status == "optimal"
    assert judged.bound >= found.certificate.value * (1 - 1e-12) and found.certificate.bound >= found.certificate.value * (
        1 - 1e-12
    )


_THREADS = """
import time, numpy as np
from isaclib import ofdm_ranging as ofdm
scenario = ofdm.Scenario.random(np.random.default_rng(0))
crb = float(ofdm.toa_crb_s2(scenario, ofdm.waterfill(scenario).powers_w))
ofdm.solve_exact(scenario, peak_sidelobe_db=-10.0)
everything, own = time.process_time(), time.thread_time()
found = ofdm.solve_exact(scenario, peak_sidelobe_db=-25.0)
joint = ofdm.solve_exact(scenario, peak_sidelobe_db=-20.0, max_toa_crb_s2=1.2 * crb, max_main_lobe_width_m=1.5)
stopped = ofdm.minimise_sidelobe(scenario.replace(sidelobe_stop=20.0))
checked = ofdm.verify(scenario, found, peak_sidelobe_db=-25.0)
everything, own = time.process_time() - everything, time.thread_time() - own
print(found.capacity_bps.hex(), joint.capacity_bps.hex(), stopped.certificate.value.hex(), checked.bound.hex(), everything / own)
"""


def test_one_thread_or_two_the_answer_is_the_same_and_no_other_thread_works():
    answers = []
    for threads in ("1", "2"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        run = subprocess.run(
            [sys.executable, "-c", _THREADS], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        answers.append(run.stdout.split())
    assert answers[0][:4] == answers[1][:4]
    assert float(answers[1][4]) < 1.05  # processor time of all threads over that of the calling one


@pytest.mark.parametrize(("carriers", "start", "stop", "level_db"), [(24, 2.5918, 2.8375, -140.43), (32, 2.724, 2.96, -147.24)])
def test_narrow_regions_far_down_are_proven_and_deeper_limits_refused(carriers, start, stop, level_db):
    """The bound was 0, and a limit below the least level a SolverFailure."""
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=carriers, sidelobe_start=start, sidelobe_stop=stop)
    certificate = ofdm.minimise_sidelobe(scenario).certificate
    assert certificate.status == "optimal" and 20 * math.log10(certificate.value) == pytest.approx(level_db, abs=0.1)
    with pytest.raises(InfeasibleScenario):
        ofdm.solve_exact(scenario, peak_sidelobe_db=level_db - 3.0)


def test_any_multipliers_bound_the_level_of_any_shares():
    """Under limits that these shares just meet: a second region, and the moment limit."""
    rng = np.random.default_rng(16)
    for _ in range(40):
        count, share = int(rng.integers(2, 12)), rng.uniform(0.1, 0.2)
        start, x = share * count, rng.dirichlet(np.full(count, 0.5))
        region, lobe = cuts.Region(start, rng.uniform(start, 0.5 * count), 0.1), cuts.Region(0.5 * start, start, 0.0)
        level, other = (float(pulse.peak_level(x, each.start, each.stop, 32)) for each in (region, lobe))
        problem = cuts.Problem(count, (region, dataclasses.replace(lobe, level=other)), cuts.moment_loss(x) or 1e-9, 32)
        mirrored = _Mirrored(problem)
        rows = mirrored.first_rows()
        for _ in range(20):
            multipliers = rng.exponential(size=rows.delays.size) * (rng.uniform(size=rows.delays.size) < 0.3)
            vertex = _Vertex(x, 0.0, rows, multipliers, rng.exponential() * rng.integers(2))
            assert mirrored.bound(vertex) <= level * (1 + 1e-9)


@pytest.mark.parametrize(
    ("carriers", "start", "stop", "lobe"),
    [
        (64, 8.0, 32.0, 0.45),
        (128, 8.0, 64.0, 0.45),
        (55, 5.0886, 9.526, None),
        (50, 4.9937, 8.9722, None),
        (45, 4.652, 17.658, None),
    ],
)
def test_deep_levels_are_proven_beside_a_main_lobe_and_in_regions_that_end(carriers, start, stop, lobe):
    """The search in squares of levels left gaps of 5 times and bounds of 0. A program on a grid of delays has a lower optimum, by
    what lies between its points.
    """
    regions = [cuts.Region(start, stop, 0.1)] + ([] if lobe is None else [cuts.Region(lobe, start, math.sqrt(0.5))])
    found = least_level(cuts.Problem(carriers, tuple(regions), None, 16))
    assert 0 <= found.level - found.bound <= 1e-7 * found.level + 1e-15 * carriers and found.level < 1e-3
    assert found.level == pytest.approx(float(pulse.peak_level(found.shares, start, stop, 64)), rel=1e-9)
    assert lobe is None or float(pulse.peak_level(found.shares, lobe, start, 64)) <= math.sqrt(0.5)
    n = np.arange(carriers) - 0.5 * (carriers - 1)
    low, beside = (
        np.cos(2 * np.pi / carriers * np.outer(np.arange(u, v, 1 / (16 if lobe else 200)), n))
        for u, v in ((start, stop), (lobe or start, start))
    )
    scaled = np.column_stack([low / found.level, -np.ones(len(low))])
    other = np.column_stack([beside / math.sqrt(0.5), np.zeros(len(beside))])
    matrix = np.vstack([scaled, scaled * [*[-1.0] * carriers, 1.0], other, -other])
    right = np.concatenate([np.zeros(2 * len(low)), np.ones(2 * len(beside))])
    answer = linprog(
        np.eye(carriers + 1)[-1], A_ub=matrix, b_ub=right, A_eq=[[*[1.0] * carriers, 0.0]], b_eq=[1.0], method="highs-ipm"
    )
    assert 0.97 <= answer.fun <= 1 + 1e-6


def test_levels_below_what_rounding_sees_are_given_up_at_once():
    """512 carriers, sidelobes from 64/B on beside a main lobe of 0.75 range cells: 85 seconds of cuts to -181 dB."""
    lobe = cuts.Region(0.375, 64.0, math.sqrt(0.5))
    problem = cuts.Problem(512, (cuts.Region(64.0, 256.0, 0.1), lobe), None, 16)
    found = least_level(problem)
    assert found.bound < 1e-80 and found.level <= 4e-9 and found.rounds <= 4
    assert dataclasses.replace(problem, regions=(lobe,)).excesses(found.shares).max() <= 0
