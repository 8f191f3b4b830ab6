"""Malformed calls: every public callable of the chapter, every argument, everything that does not belong there."""

import dataclasses
import functools

import numpy as np
import pytest
from guarded import assert_guarded, public_functions

from isaclib import InvalidScenario
from isaclib import near_field as nf
from isaclib.foundations.certificate import Certificate
from tests.near_field.scenes import small

# Results and records are made by the library; what takes them checks them.
RECORDS = {"Allocation", "AllocationBatch", "BestTime", "ErrorWitness", "Margin", "RobustSinr", "Sensing", "Witness"}
POINTS = {"points_m": ["None", "one entry more, axis 0", "one entry less, axis 0", "negative", "negative entry"]}
ANY_SIZE = ["one entry more, axis 0", "one entry less, axis 0"]


@functools.cache
def scenario():
    return small(antennas=5, sensing_processing_gain_db=87.0)


@functools.cache
def alone():
    """One user: closed forms answer, and little is left to be solved when the guards have passed."""
    s = scenario()
    return s.replace(user_positions_m=s.user_positions_m[:1], reflectivity=s.reflectivity[:1], crlb_limit_m2=1e-9)


@functools.cache
def good_alone():
    s = alone()
    sensing = nf.optimise_sensing(s)
    found = nf.solve_exact(s, sensing=sensing)
    h = nf.channels(s)
    return {
        "scenario": s,
        "sensing": sensing,
        "channels": h,
        "error_radii": 1e-3 * np.linalg.norm(h, axis=2),
        "beams": 0.5 * found.beams,
        "covariances": found.covariances,
        "time_allocation": 0.4,
    }


@functools.cache
def good():
    """Small, cheap arguments by name."""
    s = scenario()
    psi = np.tile(np.eye(5) * s.sensing_power_w / 5, (2, 1, 1)).astype(complex)
    h = nf.channels(s)
    e = 1e-3 * np.linalg.norm(h, axis=2)
    sensing = nf.optimise_sensing(s)
    curve = nf.curve_of(s)
    point = curve.solve(1e-3, 1.0)
    allocation = nf.solve_exact(s, sensing=sensing)
    return {
        "scenario": s,
        "covariances": psi,
        "channels": h,
        "error_radii": e,
        "beams": point.beams,
        "multipliers": point.multipliers,
        "sensing": sensing,
        "curve": curve,
        "point": point,
        "allocation": allocation,
        "noise_w": 1e-10,
        "max_power_w": 1.0,
        "points_m": s.user_positions_m + 1.0,
        "rng": np.random.default_rng(1),
        "crlb_bar_m2": sensing.crlb_bar_m2,
        "time_allocation": 0.4,
        "covariance": nf.echo_covariance(s, psi),
        "witness": sensing.witness,
    }


def pick(*names, **more):
    return {name: good()[name] for name in names} | more


def pick_alone(*names, **more):
    return {name: good_alone()[name] for name in names} | more


def cases():
    s = "scenario"
    link = ("channels", "error_radii", "noise_w")
    # Radii of any size are balls; channels of any value are channels; beams too.
    values = ["negative", "negative entry", "bool entries", "complex entries"]
    free = {"channels": values, "beams": values}
    yield (
        "Scenario",
        dataclasses.asdict(scenario()),
        {
            "ap_positions_m": ["negative", "negative entry"],
            "array_angles_rad": ["negative", "negative entry"],
            "user_positions_m": ["negative", "negative entry"],
            "reflectivity": values,
            "crlb_limit_m2": ["inf"],
            "sensing_processing_gain_db": ["negative"],
        },
    )
    for name in ("centre_distances_m", "channels", "path_amplitudes", "path_gains", "steering_derivatives", "steering_vectors"):
        yield name, pick(s, "points_m"), POINTS
    yield "plane_wave_vectors", pick(s, "points_m"), POINTS
    for name in ("antenna_positions_m", "echo_gains"):
        yield name, pick(s), {}
    yield "echo_matrix", pick(s, far_field=False), {}
    yield "with_access_points", pick(s, access_points=[1, 0]), {"access_points": [*ANY_SIZE]}
    for name in ("fisher_information", "position_information", "natural_witness"):
        yield name, pick(s, "covariances"), {}
    yield "crlb_m2", pick(s, "covariances", "time_allocation"), {}
    yield "time_allocation_limit", pick(s, "crlb_bar_m2"), {"crlb_bar_m2": ["inf"]}
    yield "error_radii", pick(s, crlb_m2=1e-11), {"crlb_m2": ["inf"]}
    yield "optimise_sensing", pick(s, reduced=True, fallback=False), {}
    yield "sensing_bound", pick(s, "witness"), {}
    for name in ("verify_sensing", "largest_time_allocation"):
        yield name, pick(s, "sensing"), {}
    yield "calibrated_gain_db", pick(s, "sensing", "time_allocation"), {}
    yield "echo_covariance", pick(s, "covariances", far_field=False), {}
    yield "simulate_echoes", pick(s, "covariances", "rng", snapshots=3, far_field=False), {}
    for name in ("signal_subspace", "noise_projector"):
        yield name, pick(s, "covariance", signal_dimension=4), {"signal_dimension": ["None"], "covariance": values}
    music = {"snapshots": ["None"], "signal_dimension": ["None"]}
    grid = {"grid_m": [*ANY_SIZE, "negative", "negative entry"]}
    yield (
        "music_spectrum",
        pick(s, "covariances", "rng", grid_m=good()["points_m"], snapshots=3, far_field=False, signal_dimension=4),
        music | grid,
    )
    yield (
        "peaks",
        {"spectrum": np.arange(12.0).reshape(3, 4), "count": 2},
        {"spectrum": [*ANY_SIZE, "one entry more", "one entry less", "negative", "negative entry", "bool entries"]},
    )
    near = scenario().user_positions_m + 1e-4
    yield "locate_music", pick(s, "covariances", "rng", start_m=near, snapshots=50), music | {"start_m": "*"}
    yield "locate_likelihood", pick(s, "covariances", "rng", start_m=near, blocks=5), {"start_m": ["negative", "negative entry"]}
    # Any number of antennas will do where nothing else has them.
    antennas = {"channels": [*values, "one entry more, axis 2", "one entry less, axis 2"]}
    yield "power_margin", pick(*link, "max_power_w", sinr=100.0, method="cuts", reduced=True, tolerance=1e-3), antennas
    yield (
        "robust_sinr",
        pick(*link, "max_power_w", start=good()["point"], method="cuts", tolerance=1e-2, matched=False),
        free | {"start": ["None"]},
    )
    for name in ("adversarial_sinr", "worst_sinr", "certified_sinr"):
        yield name, pick(*link, "beams"), free
    for name in ("certified_values", "beam_residual"):
        yield (
            name,
            pick(*link, "beams", "multipliers", sinr=10.0),
            free
            | {
                "multipliers": ["nan entry", "negative", "negative entry", "bool entries"],
                "sinr": ["two"],
            },
        )
    yield "rank_one", {"covariances": good()["covariances"]}, {"covariances": [*ANY_SIZE, "negative", "negative entry"]}
    yield "rank_one_ratios", pick(s, "crlb_bar_m2", "time_allocation", sinr=100.0), {}
    yield "SinrCurve", pick(*link, matched=False, tolerance=1e-3), antennas | {"error_radii": ["None"]}
    yield (
        "curve_of",
        pick(s, "channels", "error_radii", matched=False),
        free | {"channels": [*values, "None"], "error_radii": ["None"]},
    )
    shares = {"time_allocation": ["list", "nested list", "two"], "crlb_bar_m2": ["inf"]}
    yield "relative_error", pick(s, "crlb_bar_m2", time_allocation=0.4), shares
    yield (
        "rate_bps_hz",
        {"time_allocation": 0.4, "sinr": 3.0},
        {
            "time_allocation": ["list", "nested list", "two"],
            "sinr": ["inf", "list", "nested list", "two"],
        },
    )
    yield "best_time_allocation", pick(s, "sensing", "curve", tolerance=1e-2), {"sensing": ["None"], "curve": ["None"]}
    own = {"channels": [*values, "None"], "error_radii": ["None"], "sensing": ["None"], "curve": ["None"]}
    for name, more in (
        ("solve_exact", {"tolerance": 1e-2}),
        ("solve_main", {"start": 0.5, "tolerance": 1e-1, "max_iterations": 1, "step": 0.25}),
        ("solve_mrt", {"start": 0.5, "tolerance": 1e-1, "max_iterations": 1, "step": 0.25}),
        ("solve_error_ignorant", {}),
    ):
        yield name, pick_alone(s, "sensing", "channels", "error_radii", **more), own
    yield "solve_exact_batch", {"scenarios": [alone()], "tolerance": 1e-2}, {}
    margins = pick(s, "crlb_bar_m2", "beams", "channels", "error_radii", rate_bps_hz=1.0, etas=np.array([0.2, 0.4]))
    yield (
        "constraint_margins",
        margins,
        free
        | {
            "channels": [*values, "None"],
            "error_radii": ["None"],
            "etas": [*ANY_SIZE, "one number", "one axis less", "bool entries"],
        },
    )
    yield "constraint_margin_share", pick(s, "sensing", "point", eta=0.4, step=0.25), {}
    yield "residual", pick(s, "allocation"), {}
    yield "verify", pick(s, "allocation"), {}
    yield "score", pick_alone(s, "beams", "covariances", "time_allocation", tolerance=1e3), {"beams": "*"}
    batch = {name: good_alone()[name][None] for name in ("beams", "covariances")}
    batch |= {"scenarios": [alone()], "time_allocation": np.array([0.4]), "tolerance": 1e3}
    yield "score_batch", batch, {"beams": "*"}
    yield "score_beams", pick_alone("channels", "error_radii", "beams", noise_w=1e-10, max_power_w=1e3, tolerance=1e-6), free


CASES = {name: (arguments, allowed) for name, arguments, allowed in cases()}


def test_nothing_public_is_left_out():
    assert set(CASES) | RECORDS == set(public_functions(nf))


@pytest.mark.parametrize("name", CASES)
def test_every_argument_is_guarded(name):
    arguments, allowed = CASES[name]
    allowed = {argument: labels for argument, labels in allowed.items() if argument in arguments}
    assert assert_guarded(getattr(nf, name), arguments, allowed=allowed) > 0


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("beams", {"beams": np.full((2, 2, 5), np.nan + 0j)}),
        ("beams", {"beams": np.ones((2, 2))}),
        ("covariances", {"covariances": None}),
        ("time_allocation", {"time_allocation": np.nan}),
        ("time_allocation", {"time_allocation": 1.5}),
        ("worst_rate_bps_hz", {"worst_rate_bps_hz": np.nan}),
        ("worst_rate_bps_hz", {"worst_rate_bps_hz": -1.0}),
        ("multipliers", {"multipliers": None}),
        ("multipliers", {"multipliers": np.ones(2)}),
    ],
)
def test_verify_names_the_field_of_the_allocation(field, change):
    with pytest.raises(ValueError, match=field):
        nf.verify(scenario(), dataclasses.replace(good()["allocation"], **change))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_all_or_nothing_fails_verification(share):
    found = nf.verify(scenario(), dataclasses.replace(good()["allocation"], time_allocation=share))
    assert isinstance(found, Certificate) and found.residual == np.inf


def test_one_user_out_of_reach_settles_the_margin_without_a_round():
    h = np.array([[[2.0, 0.0]], [[0.0, 1.0j]]])
    found = nf.power_margin(h, [[0.1], [1.0]], 1.0, 0.01, 1.0)
    assert found.margin == found.certificate.bound == np.inf and found.certificate.iterations == 0
    assert nf.power_margin(h, [[0.1], [0.9]], 1.0, 0.01, 1.0).margin < np.inf


def test_shares_above_one_have_no_margins():
    scenario = small()
    beams = np.ones((2, 2, 7)) + 0j
    for etas in ([0.5, 1.0 + 1e-9], [2.0]):
        with pytest.raises(InvalidScenario, match="etas"):
            nf.constraint_margins(scenario, 1e-10, beams, 1.0, etas)
