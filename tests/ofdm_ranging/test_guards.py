"""Every argument of every public function refuses, by name, what does not belong there."""

import functools

import guarded
import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import ofdm_ranging as ofdm

N = 12
SCENARIO = ofdm.Scenario.random(np.random.default_rng(0), carriers=N)
BATCH = ofdm.Scenario.random_batch(np.random.default_rng(1), 2, carriers=N)
FLAT = np.full(N, 1 / N)
LIMITS = dict(
    peak_sidelobe_db=-9.0,
    max_toa_crb_s2=1.1 * float(ofdm.toa_crb_s2(SCENARIO, FLAT)),
    max_main_lobe_width_m=1.5 * SCENARIO.range_cell_m,
    max_capacity_loss=0.9,
)
OPTIONAL = {name: ["None", "inf"] for name in LIMITS} | {"max_capacity_loss": ["None"]}
ASKED = {**OPTIONAL, "peak_sidelobe_db": ["None", "inf", "negative"]}


def metric(**more):
    return {"scenario": SCENARIO, "powers_w": FLAT, **more}, {"powers_w": ["row"]}


def monte_carlo(**more):
    optional = {"search": ["None"]} if "search" in more else {}
    return {"scenario": SCENARIO, "powers_w": FLAT, "rng": np.random.default_rng(0), "trials": 3, **more}, optional


RANDOM = dict(
    rng=np.random.default_rng(0),
    carriers=N,
    subcarrier_spacing_hz=1e6,
    mean_snr_db=0.0,
    taps=8,
    tap_decay=2.0,
    power_budget_w=1.0,
    echo_gain_db=-20.0,
    symbols=64,
    sidelobe_start=1.5,
    sidelobe_stop=5.0,
    oversampling=16,
)
FREE = {"mean_snr_db": ["negative"], "echo_gain_db": ["negative"], "sidelobe_stop": ["None"]}

CASES = {
    "Limits": (LIMITS, ASKED),
    "Scenario": (
        dict(
            channel_gain=FLAT,
            subcarrier_spacing_hz=1e6,
            noise_psd_w_per_hz=1e-9,
            power_budget_w=1.0,
            echo_gain=0.1,
            symbols=4,
            sidelobe_start=1.5,
            sidelobe_stop=5.0,
            oversampling=16,
        ),
        {"sidelobe_stop": ["None"], "channel_gain": ["one entry more", "one entry less"]},
    ),
    "best_main_lobe_width_m": (
        {"scenario": SCENARIO, "max_toa_crb_s2": LIMITS["max_toa_crb_s2"], "tolerance": 0.1},
        {"max_toa_crb_s2": ["None", "inf"]},
    ),
    "capacity_bound": ({"scenario": SCENARIO, "limits": ofdm.Limits(**LIMITS), "powers_w": FLAT}, {}),
    "capacity_bps": metric(),
    "data_floor_db": ({"scenario": SCENARIO, "powers_w": FLAT}, {}),
    "delay_errors_s": monte_carlo(search=4.0),
    "delay_rmse_s": monte_carlo(search=4.0),
    "delay_to_range_m": (
        {"delay_s": np.array([1e-6, 2e-6])},
        {
            "delay_s": [
                *("one number", "empty", "one axis more", "one axis less", "row", "column", "one entry more"),
                *("one entry less", "negative", "negative entry", "empty list"),
                *("inf", "-inf", "inf entry", "-inf entry"),
            ]
        },
    ),
    "dynamic_allocation": ({"scenario": SCENARIO, **LIMITS, "improve_accuracy": False, "carriers_per_side": 1}, ASKED),
    "echo_snr": metric(),
    "edges_only": ({"scenario": SCENARIO, "carriers_per_side": 1}, {}),
    "main_lobe_width_m": metric(crossing="first"),
    "minimise_sidelobe": ({"scenario": SCENARIO}, {}),
    "mix": ({"scenario": SCENARIO, "weight": 0.5, "toward": "edges", "carriers_per_side": 1}, {}),
    "peak_sidelobe_db": metric(),
    "pulse_compression": (
        {"scenario": SCENARIO, "powers_w": FLAT, "delays": np.array([0.0, 0.5])},
        {
            "powers_w": ["row"],
            "delays": ["negative", "negative entry", "one entry more", "one entry less", "empty", "empty list"],
        },
    ),
    "random_data_sidelobes_db": monte_carlo(),
    "score": ({"scenario": SCENARIO, "powers_w": FLAT, **LIMITS, "tolerance": 1e-6}, ASKED),
    "score_batch": ({"scenarios": BATCH, "powers_w": np.stack([FLAT, FLAT]), **LIMITS, "tolerance": 1e-6}, ASKED),
    "second_moment_hz2": metric(centred=True),
    "solve_exact": ({"scenario": SCENARIO, **LIMITS, "fallback": False}, ASKED),
    "solve_exact_batch": ({"scenarios": BATCH, **LIMITS}, ASKED),
    "solve_sidelobe_limited": ({"scenario": SCENARIO, "peak_sidelobe_db": -9.0}, {"peak_sidelobe_db": ["inf", "negative"]}),
    "straightforward_rule": ({"scenario": SCENARIO, **LIMITS}, ASKED),
    "toa_crb_s2": metric(centred=True),
    "verify": ({"scenario": SCENARIO, "allocation": ofdm.waterfill(SCENARIO), **LIMITS}, ASKED),
    "waterfill": ({"scenario": SCENARIO}, {}),
    "waterfill_powers": (
        {"gains": np.array([1.0, 0.5, 0.1]), "budget": 2.0},
        {"gains": ["row", "column", "one entry more", "one entry less", "one axis more"]},
    ),
    "weak_target_detection": monte_carlo(weak_db=-3.0, separation=4.0),
}
CASES["weak_target_detection"] = (CASES["weak_target_detection"][0], {"weak_db": ["negative"]})


@functools.wraps(ofdm.solve_exact_batch)
def powers_of_batch(*arguments, **limits):
    """Without ``best_attainable``, which is nan for rows that are feasible."""
    return ofdm.solve_exact_batch(*arguments, **limits).powers_w


def test_every_public_function_has_a_case():
    assert set(CASES) == set(guarded.public_functions(ofdm)) - {"Allocation", "AllocationBatch"}


@pytest.mark.parametrize("name", sorted(CASES))
def test_malformed_arguments_are_named(name):
    good, allowed = CASES[name]
    function = powers_of_batch if name == "solve_exact_batch" else getattr(ofdm, name)
    assert guarded.assert_guarded(function, good, allowed=allowed) >= 13


def test_random_scenarios_refuse_malformed_parameters():
    guarded.assert_guarded(ofdm.Scenario.random, RANDOM, allowed=FREE)
    guarded.assert_guarded(ofdm.Scenario.random_batch, {"rng": np.random.default_rng(0), "draws": 2})


def test_zero_power_has_no_echo_and_no_fitted_bound():
    silent = np.zeros(N)
    rng = np.random.default_rng(0)
    for call in (
        lambda: ofdm.delay_errors_s(SCENARIO, silent, rng, 3, search=2.0),
        lambda: ofdm.random_data_sidelobes_db(SCENARIO, silent, rng, 3),
        lambda: ofdm.data_floor_db(SCENARIO, silent),
        lambda: ofdm.weak_target_detection(SCENARIO, silent, rng, 3, weak_db=-3.0, separation=4.0),
        lambda: ofdm.capacity_bound(SCENARIO, ofdm.Limits(), silent),
    ):
        with pytest.raises(InvalidScenario) as caught:
            call()
        assert caught.value.field == "powers_w"
