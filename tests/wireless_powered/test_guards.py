"""Every public function refuses, by name, whatever does not belong into each of its arguments."""

import dataclasses

import numpy as np
import pytest
from guarded import assert_guarded, public_functions

from isaclib import wireless_powered as wp

POWER = wp.Scenario.random(np.random.default_rng(1), users=3, targets=2, crb_limit_m2=0.5)
ENERGY = POWER.replace(sensing="energy", crb_limit_m2=1e-3)
OPTIMUM = wp.solve_exact(POWER)
POINT = {"powers_w": OPTIMUM.powers_w, "charging_time_s": OPTIMUM.charging_time_s, "times_s": OPTIMUM.times_s}
BATCH = [POWER, POWER.replace(crb_limit_m2=0.7)]
COLUMNS = {"powers_w": np.tile(OPTIMUM.powers_w, (2, 1)), "charging_time_s": np.full(2, OPTIMUM.charging_time_s)}
COLUMNS |= {"times_s": np.tile(OPTIMUM.times_s, (2, 1))}
RANDOM = {
    "rng": np.random.default_rng(0),
    "users": 3,
    "targets": 2,
    "radius_m": 10.0,
    "min_distance_m": 1.0,
    "path_loss_at_1m": 1e-3,
    "path_loss_exponent": 2.5,
    "fading": "rayleigh",
    "bs_power_w": 10.0,
    "max_power_w": 2.0,
    "time_budget_s": 10.0,
    "bandwidth_hz": 1e6,
    "noise_dbm": -70.0,
    "harvest_efficiency": 0.7,
    "crb_limit_m2": 0.05,
    "sensing": "power",
}
FIELDS = {field.name: getattr(POWER, field.name) for field in dataclasses.fields(wp.Scenario) if field.init}
OF_A_SCENARIO = ("harvest_rate_w", "range_gradients", "round_trip_m", "sensing_coefficients", "equal_time_ratio")
OF_POWERS = ("crb_constraint", "snr")
WITH_TIMES = ("crb_trace", "fisher_information", "sensing_weights")
SINGLE = ("crb_polynomial", "solve_exact", "solve_equal_time", "solve_max_power")
MANY = ("solve_exact_batch", "solve_equal_time_batch", "solve_max_power_batch")
# Function -> good arguments, and what the contract allows beyond their form.
CASES = {
    "Scenario": (
        FIELDS,
        {"harvest_efficiency": ["one number", "one axis less"], "crb_limit_m2": ["inf"]}
        | {f"{name}_m": ["negative", "negative entry"] for name in ("bs_position", "user_positions", "target_positions")},
    ),
    "best_attainable_crb": ({"scenario": ENERGY}, {}),
    "feasible_start": (
        {"scenario": POWER, "charging_share": 0.9, "backoffs": (1e-3, 0.0), "equal_times": False},
        {"backoffs": ["one entry more", "one entry less"]},
    ),
    "harvested_energy_j": ({"scenario": POWER, "charging_time_s": 9.0}, {}),
    "residual": ({"scenario": POWER, **POINT}, {}),
    "score": ({"scenario": POWER, **POINT, "tolerance": 1e-6}, {}),
    "score_batch": ({"scenarios": BATCH, **COLUMNS, "tolerance": 1e-6}, {}),
    "solve_energy": ({"scenario": ENERGY, "method": "auto"}, {}),
    "solve_sca": (
        {
            "scenario": POWER,
            "tolerance": 1e-5,
            "max_iterations": 5,
            "scheme": "proposed",
        },
        {},
    ),
    "throughputs": ({"scenario": POWER, "times_s": OPTIMUM.times_s, "powers_w": OPTIMUM.powers_w}, {}),
    "verify": ({"scenario": POWER, "allocation": OPTIMUM}, {}),
    "violations": ({"scenario": POWER, **POINT}, {}),
    **{name: ({"scenario": POWER}, {}) for name in OF_A_SCENARIO + SINGLE},
    **{name: ({"scenario": POWER, "powers_w": OPTIMUM.powers_w}, {}) for name in OF_POWERS},
    **{name: ({"scenario": ENERGY, **POINT}, {}) for name in WITH_TIMES},
    **{name: ({"scenarios": BATCH}, {}) for name in MANY},
}
PLAIN_RESULTS = {"Allocation", "AllocationBatch", "CrbPolynomial"}


def test_no_public_function_is_left_out():
    assert set(CASES) == set(public_functions(wp)) - PLAIN_RESULTS


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_argument_is_guarded(name):
    good, allowed = CASES[name]
    assert assert_guarded(getattr(wp, name), good, allowed=allowed) > 10


def test_random_scenarios_are_guarded():
    calls = assert_guarded(
        wp.Scenario.random,
        RANDOM,
        allowed={"crb_limit_m2": ["inf"], "noise_dbm": ["negative"]},
    )
    assert calls > 200


def test_each_part_of_a_start_is_guarded():
    powers, charging, times = wp.feasible_start(POWER)

    def solve(powers_w, charging_time_s, times_s):
        return wp.solve_sca(POWER, start=(powers_w, charging_time_s, times_s), max_iterations=1)

    good = {"powers_w": powers, "charging_time_s": charging, "times_s": times}
    assert assert_guarded(solve, good, aliases={name: ["start"] for name in good}) > 80
    bad = {"word": "cold", "number": 3.0, "two": (powers, charging), "array": powers, "allocation": OPTIMUM, "flag": True}
    assert assert_guarded(lambda start: wp.solve_sca(POWER, start=start, max_iterations=1), {"start": None}, bad=bad) == len(bad)


@pytest.mark.parametrize("name", WITH_TIMES)
def test_times_are_looked_at_even_where_they_have_no_effect(name):
    assert_guarded(getattr(wp, name), {"scenario": POWER, **POINT}, allowed={"charging_time_s": ["None"], "times_s": ["None"]})


def test_wrong_kind_of_sensing_is_named():
    for name in ("solve_sca", "feasible_start", "solve_equal_time", "solve_max_power", "crb_polynomial"):
        with pytest.raises(ValueError, match="sensing"):
            getattr(wp, name)(ENERGY)
    for name in ("best_attainable_crb", "solve_energy"):
        with pytest.raises(ValueError, match="sensing"):
            getattr(wp, name)(POWER)
    for name in ("solve_equal_time_batch", "solve_max_power_batch"):
        with pytest.raises(ValueError, match="sensing"):
            getattr(wp, name)([ENERGY])
