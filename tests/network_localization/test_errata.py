"""One test per entry of the chapter's errata.yml: what is printed fails, what is mended holds."""

import numpy as np

from isaclib import network_localization as nl
from isaclib.foundations.units import db_to_linear


def feasible_drops(rng, draws, **parameters):
    batch = nl.Scenario.random_batch(rng, draws, **parameters)
    solved = nl.solve_exact_batch(batch)
    return [(row, solved.powers_w[d]) for d, row in enumerate(batch) if solved.feasible[d]]


def test_e1_lowering_all_powers_is_never_optimal(rng):
    for level in (-140.0, -110.0, -80.0):
        for scenario, powers in feasible_drops(rng, 20, self_interference_db=level):
            assert np.isclose(powers.max(), scenario.max_power_w, rtol=1e-12)
            lowered = 0.8 * powers
            assert np.all(nl.sensing_sinr(scenario, lowered) < nl.sensing_sinr(scenario, powers))
            assert np.all(nl.comm_sinr(scenario, lowered) < nl.comm_sinr(scenario, powers))


def test_e2_the_problem_is_quasi_concave_though_not_concave(rng):
    curved = 0
    for scenario in nl.Scenario.random_batch(rng, 40):
        p, q = rng.uniform(0.01, 1, (2, 3)) * scenario.max_power_w
        worst = [np.min(nl.sensing_sinr(scenario, powers)) for powers in (p, q, (p + q) / 2)]
        # Superlevel sets are convex: the middle of two allocations is as good as the worse of them.
        assert worst[2] >= min(worst[:2]) * (1 - 1e-12)
        curved += worst[2] < (worst[0] + worst[1]) / 2
    assert curved > 0  # not concave: some middle lies below the chord


def test_e3_the_mean_can_get_worse_while_the_worst_improves(rng):
    worse_mean = 0
    for scenario, powers in feasible_drops(rng, 60, self_interference_db=-100.0, min_comm_sinr_db=-20.0):
        ours, full = nl.range_std_m(scenario, powers), nl.uniform_power(scenario).range_std_m
        assert ours.max() <= full.max() * (1 + 1e-9)
        worse_mean += ours.mean() > full.mean()
    assert worse_mean > 10


def test_e4_less_interference_decreases_the_range_error(scenario):
    powers = np.full(3, scenario.max_power_w)
    quieter = scenario.replace(bs_bs_gain=scenario.bs_bs_gain / 10)
    assert np.all(nl.range_std_m(quieter, powers) < nl.range_std_m(scenario, powers))


def test_e5_an_absolute_level_would_leave_no_floor(scenario):
    silent = scenario.replace(
        bs_bs_gain=np.zeros((3, 3)), bistatic_gain=np.zeros((3, 3)), self_interference_gain=db_to_linear(-80.0)
    )
    low, high = np.full(3, 0.5), np.full(3, 1.0)
    # As a gain on the own power, it sets a floor that no power can lift.
    np.testing.assert_allclose(nl.sensing_sinr(silent, high), nl.sensing_sinr(silent, low), rtol=1e-3)
    assert np.all(nl.sensing_sinr(silent, high) < silent.echo_gain / silent.self_interference_gain)
    # As an absolute level in dBm it would be more noise: twice the power, twice the SINR.
    absolute = silent.replace(self_interference_gain=0.0, noise_bs_w=silent.noise_bs_w + 1e-3 * db_to_linear(-80.0))
    np.testing.assert_allclose(nl.sensing_sinr(absolute, high), 2 * nl.sensing_sinr(absolute, low), rtol=1e-12)


def test_e6_the_printed_accuracy_exceeds_the_search_window(rng):
    window_m = 200.0  # diameter of the sensing hexagon: no range can be off by more
    stds = np.array([nl.range_std_m(row, powers) for row, powers in feasible_drops(rng, 60, self_interference_db=-80.0)])
    assert np.mean(stds.max(axis=1) > window_m) > 0.5
    # With coherent processing over one slot the formula is used where it holds: a processed SINR above 1 on most drops.
    gain = 3276 * 14
    drops = feasible_drops(rng, 60, processing_gain_db=10 * np.log10(gain))
    processed = np.array([gain * np.min(nl.sensing_sinr(row, powers)) for row, powers in drops])
    assert np.mean(processed > 10) > 0.9
    assert np.mean([nl.range_std_m(row, powers).max() < 1 for row, powers in drops]) > 0.8


def test_e6_processing_that_lifts_the_own_waveform_too_leaves_a_floor(rng):
    # G on all that is independent of the own waveform, and on the residue of it as on the echo: no gain lifts that ratio.
    for scenario, powers in feasible_drops(rng, 20):
        own = powers * scenario.self_interference_gain
        echo = powers * scenario.echo_gain
        rest = echo / nl.sensing_sinr(scenario, powers) - own
        for gain in (1.0, 1e3, 1e9):
            assert np.all(gain * echo / (rest + gain * own) <= scenario.echo_gain / scenario.self_interference_gain)
        assert np.all(1e9 * nl.sensing_sinr(scenario, powers) > 1e3 * scenario.echo_gain / scenario.self_interference_gain)


def test_remark_cancelling_known_signals_would_gain_much(rng):
    gain = []
    for scenario, powers in feasible_drops(rng, 40):
        known = scenario.replace(bs_bs_gain=np.zeros((3, 3)))
        gain.append(nl.solve_exact(known).worst_sensing_sinr / np.min(nl.sensing_sinr(scenario, powers)))
    assert min(gain) >= 1 and np.median(gain) > 4


def test_remark_the_powers_depend_on_the_position_that_is_sought(rng):
    # The same stations and users, the target elsewhere in the hexagon: the echoes follow from the radar equation.
    kept = []
    for scenario in nl.Scenario.random_batch(rng, 40, min_comm_sinr_db=-20.0):
        there = np.append(nl.uniform_hexagon(rng, 100.0), 1.5)
        old, new = (np.linalg.norm(scenario.bs_positions_m - point, axis=1) for point in (scenario.target_position_m, there))
        leg = (old / new) ** 2
        moved = scenario.replace(
            echo_gain=scenario.echo_gain * leg**2,
            bistatic_gain=scenario.bistatic_gain * np.outer(leg, leg),
            target_position_m=there,
        )
        powers = nl.solve_exact(scenario).powers_w
        kept.append(np.min(nl.sensing_sinr(moved, powers)) / nl.solve_exact(moved).worst_sensing_sinr)
    assert np.median(kept) < 0.5 and max(kept) <= 1 + 1e-9


def test_e9_no_user_interferes(rng):
    for scenario, powers in feasible_drops(rng, 10):
        others = {"link_gain": scenario.link_gain.copy()}
        others |= {name: getattr(scenario, name).copy() for name in ("cross_link_gain", "ue_echo_gain")}
        for gain in others.values():
            gain[1:] *= 100  # whatever belongs to users 1 and 2 (rows are receivers)
        changed = scenario.replace(**others)
        assert np.array_equal(nl.sensing_sinr(changed, powers), nl.sensing_sinr(scenario, powers))
        assert nl.comm_sinr(changed, powers)[0] == nl.comm_sinr(scenario, powers)[0]
        alone = np.where(np.arange(3) == 0, powers, 0.0)  # the other stations silent: these are the interference
        assert nl.comm_sinr(scenario, alone)[0] > nl.comm_sinr(scenario, powers)[0]
        assert nl.sensing_sinr(scenario, alone)[0] > nl.sensing_sinr(scenario, powers)[0]
