"""Every public callable of the chapter, every argument, everything that does not belong there: refused by name."""

import inspect

import matplotlib
import numpy as np
import pytest
from guarded import assert_guarded, public_functions

from isaclib import InvalidScenario
from isaclib import network_localization as nl
from isaclib.foundations.scenario import Batch

matplotlib.use("Agg")

SCENARIO = nl.Scenario.random(np.random.default_rng(7))
BATCH = nl.Scenario.random_batch(np.random.default_rng(7), 2)
POWERS = np.array([0.5, 1.0, 0.25])
ROWS = nl.system(SCENARIO)
EACH = {"noise_bs_w", "noise_ue_w", "max_power_w", "bandwidth_hz", "min_comm_sinr"}
# A batch in the place of a scenario is what these formulas take; with powers for one scenario it is refused by their shape.
EITHER = ["batch"]
LEADING = ["row", "one axis more"]


def axes():
    from isaclib.foundations import plotting

    return plotting.subplots()[1]


def fields(scenario):
    return {name: getattr(scenario, name) for name in inspect.signature(nl.Scenario).parameters}


def random_parameters():
    parameters = inspect.signature(nl.Scenario.random).parameters
    return {"rng": np.random.default_rng(1)} | {name: given.default for name, given in parameters.items() if name != "rng"}


ALLOCATION = nl.solve_exact(SCENARIO)
RANGES = np.linalg.norm(SCENARIO.target_position_m - SCENARIO.bs_positions_m, axis=1)
CASES = {
    "bs_layout_m": ({"base_stations": 3, "side_m": 100.0, "layout": "vertices"}, {}),
    "comm_interference_gain": ({"scenario": SCENARIO, "integrated": True}, {"scenario": EITHER}),
    "comm_sinr": ({"scenario": SCENARIO, "powers_w": POWERS, "integrated": True}, {"powers_w": LEADING}),
    "draw_deployment": (
        {"axes": axes(), "scenario": SCENARIO, "side_m": 100.0, "coverage_radius_m": 100.0, "signals": True},
        {},
    ),
    "estimate_positions": (
        {"scenario": SCENARIO, "ranges_m": RANGES, "stds_m": np.ones(3), "start_m": np.ones(2)},
        {"ranges_m": LEADING, "stds_m": ["inf entry"], "start_m": ["None", "negative", "negative entry"]},
    ),
    "feasible_start": ({"scenario": SCENARIO}, {}),
    "max_min_comm_sinr": ({"scenario": SCENARIO}, {"scenario": EITHER}),
    "perron_frobenius_optimum": ({"scenario": SCENARIO}, {}),
    "position_crb_m2": ({"scenario": SCENARIO, "powers_w": POWERS}, {"powers_w": LEADING}),
    "range_gradients": ({"scenario": SCENARIO}, {"scenario": EITHER}),
    "range_std_from_sinr_m": (
        {"sinr": np.ones(3), "bandwidth_hz": 1e8, "processing_gain": np.ones(3)},
        {
            "sinr": ["one axis more", "row", "column", "one number", "one axis less", "empty", "empty list", "one entry less"],
            "bandwidth_hz": [],
            "processing_gain": ["one number", "one axis less"],
        },
    ),
    "range_std_m": ({"scenario": SCENARIO, "powers_w": POWERS}, {"powers_w": LEADING}),
    "residual": ({"scenario": SCENARIO, "powers_w": POWERS}, {"powers_w": LEADING}),
    "row_bound": ({"rows": ROWS, "sensing": np.array([[True, True, False]])}, {}),
    "score": ({"scenario": SCENARIO, "powers_w": POWERS, "tolerance": 1e-6}, {}),
    "score_batch": ({"scenarios": BATCH, "powers_w": np.ones((2, 3)), "tolerance": 1e-6}, {}),
    "sensing_interference_gain": ({"scenario": SCENARIO, "integrated": True}, {"scenario": EITHER}),
    "sensing_sinr": ({"scenario": SCENARIO, "powers_w": POWERS, "integrated": True}, {"powers_w": LEADING}),
    "simulate_position_errors_m": (
        {"scenario": SCENARIO, "powers_w": POWERS, "rng": np.random.default_rng(1), "trials": 3},
        {},
    ),
    "solve_dc": (
        {"scenario": SCENARIO, "start": POWERS, "tolerance": 1e-2, "max_iterations": 3, "slack_start": 1.0},
        {"start": ["None"]},
    ),
    "solve_exact": ({"scenario": SCENARIO}, {}),
    "solve_exact_batch": ({"scenarios": BATCH}, {}),
    "system": ({"scenario": SCENARIO}, {"scenario": EITHER}),
    "uniform_hexagon": ({"rng": np.random.default_rng(1), "side_m": 100.0}, {}),
    "uniform_power": ({"scenario": SCENARIO, "power_w": 0.5}, {"power_w": ["None"]}),
    "verify": ({"scenario": SCENARIO, "allocation": ALLOCATION}, {}),
    "violations": ({"scenario": SCENARIO, "powers_w": POWERS}, {"powers_w": LEADING}),
}


def test_the_cases_are_all_there_is():
    classes = {"Allocation", "AllocationBatch", "Scenario"}
    assert set(CASES) == set(public_functions(nl)) - classes


@pytest.mark.parametrize("name", CASES)
def test_malformed_calls_are_refused_by_name(name):
    good, allowed = CASES[name]
    aliases = {"scenario": ["powers_w"]} if {"scenario", "powers_w"} <= set(good) else {}
    assert assert_guarded(getattr(nl, name), good, allowed=allowed, aliases=aliases) >= 15


def test_powers_of_a_batch_are_one_row_each():
    for function in (nl.sensing_sinr, nl.comm_sinr, nl.range_std_m, nl.position_crb_m2, nl.residual, nl.violations):
        good = {"scenario": BATCH, "powers_w": np.ones((2, 3))}
        assert_guarded(function, good, arguments=["powers_w"])
        with pytest.raises(InvalidScenario, match="scenario"):
            function([SCENARIO], np.ones((1, 3)))


def test_fields_of_a_scenario():
    good = fields(SCENARIO)
    positions = ("bs_positions_m", "ue_positions_m", "target_position_m")
    signed = {name: ["None", "negative", "negative entry"] for name in positions}
    assert_guarded(nl.Scenario, good, allowed=signed | {"self_interference_gain": ["one number", "one axis less"]})
    each = good | {name: np.full(3, getattr(SCENARIO, name)) for name in EACH}
    assert_guarded(nl.Scenario, each, arguments=sorted(EACH), allowed={name: ["one number", "one axis less"] for name in EACH})


def test_parameters_of_a_drop():
    signed = {name: ["negative"] for name in random_parameters() if name.endswith(("_db", "_dbm", "_dbsm"))}
    assert_guarded(nl.Scenario.random, random_parameters(), allowed=signed)


def test_a_batch_of_another_chapter_is_refused():
    from isaclib import semi_isac

    strangers = Batch([semi_isac.Scenario.random(np.random.default_rng(1))])
    for function in (nl.system, nl.max_min_comm_sinr, nl.range_gradients):
        with pytest.raises(InvalidScenario, match="scenario: must hold scenarios of network_localization"):
            function(strangers)
    with pytest.raises(InvalidScenario, match="scenarios: must hold"):
        nl.solve_exact_batch(strangers)


def test_positions_that_are_missing_are_named():
    for name in ("bs_positions_m", "ue_positions_m", "target_position_m"):
        with pytest.raises(InvalidScenario, match=name):
            nl.draw_deployment(axes(), SCENARIO.replace(**{name: None}), side_m=1.0, coverage_radius_m=1.0)


def test_a_single_station_is_drawn_too():
    alone = nl.Scenario.random(np.random.default_rng(1), base_stations=1)
    nl.draw_deployment(axes(), alone, side_m=100.0, coverage_radius_m=100.0, signals=True)


def test_powers_beyond_the_largest_double_do_not_become_nan():
    for sinr in (nl.sensing_sinr, nl.comm_sinr):
        at_the_limit = sinr(SCENARIO.replace(noise_bs_w=1e-30, noise_ue_w=1e-30), np.ones(3))
        np.testing.assert_allclose(sinr(SCENARIO, np.full(3, 1e308)), at_the_limit, rtol=1e-9)
        large = SCENARIO.replace(echo_gain=SCENARIO.echo_gain * 1e300, link_gain=SCENARIO.link_gain * 1e300)
        assert np.all(sinr(large, np.full(3, 1e308)) > 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"link_gain": [5e-324, 1.0, 1.0]},
        {"max_power_w": 5e-324},
        {"cross_link_gain": 1e200 * (1 - np.eye(3)), "link_gain": np.full(3, 1e-200)},
        {"noise_bs_w": 1e300, "echo_gain": np.full(3, 1e-300)},
        {"max_power_w": [1e-300, 1.0, 1e300]},
    ],
)
def test_numbers_at_the_end_of_the_range_give_no_raw_error(changes):
    from isaclib import InfeasibleScenario, SolverFailure

    scenario = SCENARIO.replace(**changes)
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        solved = nl.solve_exact_batch([scenario, SCENARIO.replace(**changes, min_comm_sinr=0.0)])
        assert set(solved.status) <= {"optimal", "infeasible", "converged", "iteration_limit"}
        for call in (nl.solve_exact, nl.perron_frobenius_optimum, nl.feasible_start):
            try:
                call(scenario)
            except (InfeasibleScenario, SolverFailure):
                continue
