"""Every public function x every argument x everything that does not belong there: refused by name, none of it answered."""

import numpy as np
import pytest
from guarded import assert_guarded, public_functions

from isaclib import semi_isac as si

RECORDS = {"Allocation", "AllocationBatch", "Bands", "Comparison", "Frontier", "Prices", "Sweep"}  # made by the library only
DROP = si.Scenario.random(np.random.default_rng(0))
DROPS = si.Scenario.random_batch(np.random.default_rng(0), 3)
EVEN, POWERS = np.full(3, 1 / 3), np.full(3, 0.2)
BEST = si.solve_exact(DROP)
POINT = si.compare(DROPS, np.random.default_rng(1), max_tries=50)
BOUND = {
    "bands": si.Bands.of(DROPS),
    "shares": np.full((3, 3), 0.3),
    "powers": np.full((3, 3), 0.2),
    "multipliers": np.full((3, 3, 2), 0.1),
    "free": si.Restriction(),
}
FIELDS = {
    "radar_gain": np.array([1e-9, 2e-9]),
    "clutter_gain": np.array([1e-11, 0.0]),
    "link_gain": np.array([1e-6, 2e-6]),
    "bandwidth_hz": 1e6,
    "noise_psd_w_per_hz": 1e-15,
    "power_budget_w": 2.0,
    "circuit_power_w": 1.0,
    "weights": np.array([0.2, 0.3, 0.5]),
    "min_sensing_bps": np.array([1e4, 1e4]),
    "min_rate_bps": np.array([1e5, 1e5]),
}
WIDE = {name: np.append(value, value[0]) if np.ndim(value) and name != "weights" else value for name, value in FIELDS.items()}
ANY = ["nan entry", "inf entry", "-inf entry", "negative", "negative entry"]  # of an allocation that is to be judged
SOLVED = {"scenario": DROP, "objective": "sum"}
CASES = {
    "Network": (si.Network, WIDE),
    "Restriction": (si.Restriction, {"shares": True, "powers": False}),
    "Scenario": (si.Scenario, FIELDS),
    "compare": (si.compare, {"scenarios": DROPS, "rng": np.random.default_rng(1), "objective": "sum", "max_tries": 200}),
    "efficiency_bit_per_j": (si.efficiency_bit_per_j, {"scenario": DROP, "rates_bps": np.full(4, 1e6), "powers_w": POWERS}),
    "efficiency_bound": (si.efficiency_bound, BOUND),
    "frontier": (si.frontier, {"scenario": DROP, "prices_bit_per_j": np.array([0.0, 1e8, 1e9])}),
    "margin_bound": (si.margin_bound, BOUND),
    "prices": (si.prices, {"scenario": DROP, "allocation": BEST}),
    "random_allocation": (si.random_allocation, {"scenario": DROP, "rng": np.random.default_rng(0), "max_tries": 50}),
    "rates": (si.rates, {"scenario": DROP, "shares": EVEN, "powers_w": POWERS}),
    "residual": (si.residual, {"scenario": DROP, "shares": EVEN, "powers_w": POWERS, "scheme": "joint"}),
    "score": (si.score, {"scenario": DROP, "shares": EVEN, "powers_w": POWERS, "criterion": "sum", "tolerance": 1e-6}),
    "score_batch": (
        si.score_batch,
        {
            "scenarios": DROPS,
            "shares": np.full((3, 3), 0.3),
            "powers_w": np.full((3, 3), 0.2),
            "criterion": "sum",
            "tolerance": 1e-6,
        },
    ),
    "solve_efficiency": (
        si.solve_efficiency,
        {"scenario": DROP, "method": "dinkelbach", "tolerance": 1e-9, "max_iterations": 30, "rescue": True, "bound": 1e12},
    ),
    "solve_equal_power": (si.solve_equal_power, SOLVED),
    "solve_equal_spectrum": (si.solve_equal_spectrum, SOLVED),
    "solve_exact": (si.solve_exact, SOLVED),
    "solve_exact_batch": (si.solve_exact_batch, {"scenarios": DROPS, "objective": "sum", "scheme": "joint"}),
    "solve_sum": (si.solve_sum, {"scenario": DROP, "rescue": True, "bound": 1e12}),
    "sum_bound": (si.sum_bound, {**BOUND, "power_price": 0.1}),
    "sweep": (si.sweep, {"points": [POINT, POINT]}),
    "user_rates": (si.user_rates, {"network": DROP.network(), "shares": EVEN, "powers_w": POWERS}),
    "verify": (si.verify, {"scenario": DROP, "allocation": BEST}),
    "violations": (si.violations, {"scenario": DROP, "shares": EVEN, "powers_w": POWERS, "scheme": "joint"}),
    "weighted_sum_bps": (si.weighted_sum_bps, {"scenario": DROP, "rates_bps": np.full(4, 1e6)}),
}
# What the docstrings allow: any array may be judged; one floor for all; a network where a scenario is.
ALLOWED = {name: {"shares": ANY, "powers_w": ANY} for name in ("residual", "violations")}
ALLOWED |= {
    name: {floor: ["one number", "one axis less"] for floor in ("min_sensing_bps", "min_rate_bps")}
    for name in ("Network", "Scenario")
}
ALLOWED |= {name: {"bound": ["None"]} for name in ("solve_sum", "solve_efficiency")}
ALLOWED["frontier"] = {"prices_bit_per_j": ["one entry more", "one entry less"]}
ALLOWED["user_rates"] = {"network": ["of semi_isac"]}
RANDOM = {
    name: np.asarray(value, dtype=float) if isinstance(value, tuple) else value
    for name, value in {**si.DEFAULTS, "rng": np.random.default_rng(0)}.items()
}
FREE = {"min_sensing_bps": ["two"], "min_rate_bps": ["two"]}  # one floor for each, (2,)
FREE |= {name: ["negative"] for name in ("antenna_gain_db", "power_budget_dbm", "circuit_power_dbm")}


def test_every_public_callable_has_a_case():
    assert set(CASES) == set(public_functions(si)) - RECORDS


@pytest.mark.parametrize("name", CASES)
def test_malformed_calls_are_refused_by_name(name):
    function, good = CASES[name]
    assert assert_guarded(function, good, allowed=ALLOWED.get(name)) >= 15


@pytest.mark.parametrize("kind", [si.Scenario, si.Network])
def test_malformed_parameters_of_the_random_scenario(kind):
    allowed = FREE if kind is si.Scenario else {name: ["negative"] for name in FREE if name.endswith(("db", "dbm"))}
    calls = assert_guarded(kind.random, RANDOM, allowed=allowed, aliases={"temperature_k": ["noise_psd_w_per_hz"]})
    assert calls > 300


def test_malformed_batches():
    assert assert_guarded(si.Scenario.random_batch, {"rng": np.random.default_rng(0), "draws": 2}) > 30
    assert assert_guarded(si.Bands.of, {"scenarios": DROPS}) > 15


def test_objects_that_look_right_but_are_not():
    """Silent nonsense of before: flat rates of a network of four users, comparisons of different drops, a foreign criterion."""
    import dataclasses

    four = si.Network(**{name: np.append(v, v[-1]) if np.ndim(v) else v for name, v in WIDE.items()})
    with pytest.raises(ValueError, match="rates_bps"):
        si.weighted_sum_bps(four, [1.0, 2.0, 3.0, 4.0])
    assert si.weighted_sum_bps(four.replace(weights=[1, 2, 3, 4]), np.ones((4, 2))) == 20
    with pytest.raises(ValueError, match="points"):
        si.sweep([POINT, si.compare(DROPS[:2], np.random.default_rng(1), max_tries=5)])
    for change in ({"criterion": "mine"}, {"scheme": "mine"}, {"criterion": ["sum"]}):
        with pytest.raises(ValueError, match="allocation"):
            si.verify(DROP, dataclasses.replace(BEST, **change))
    with pytest.raises(ValueError, match="allocation"):
        si.prices(DROP, dataclasses.replace(BEST, shares=np.full(2, 0.5)))
    with pytest.raises(ValueError, match="scenarios"):
        si.solve_exact_batch([DROP, DROP.network()])
