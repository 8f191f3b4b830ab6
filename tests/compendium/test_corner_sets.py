"""Sets at the corners of the real chapters: their pages show no warning and claim nothing that the set does not show."""

import json
import re
import shutil

import pytest
import yaml
from small_project import ROOT

from compendium.runs import plan, trial
from compendium.runs.order import carry_out

ONE_POWER = {"users": 1, "targets": 1, "draws": 4, "crb_limit_m2": 1e6, "crb_limits_m2": [1e6], "bs_powers_w": [10.0]}
SMALL_WORK = {"draws": 5, "frontier_points": 5, "cone_checks": 1, "max_tries": 1}
NO_COMMON_DROP = {"min_sensing_bps": 1e9, "min_rate_bps": 1e9, "floor_factors": [1, 100], "pair_sensing_bps": [1e12, 0]}
TWICE_THE_SAME = {
    "weights": [0, 0, 1],
    "min_sensing_bps": 1,
    "min_rate_bps": 1,
    "pair_sensing_bps": [0, 0],
    "pair_rate_bps": [0, 0],
}
LOOSE = {"carriers": 8, "taps": 1, "sweep_limits_db": [0], "second_limits_db": [0], "surface_limits_db": [0], "toa_search": 4}
ONE_PLACE = {"anchor_x_m": [0, 0, 0], "anchor_y_m": [0, 0, 0], "target_x_m": 1, "target_y_m": 0, "noise_std_m": [1.0]}
ONE_POINT = {"ap_x_m": [30], "ap_y_m": [70], "user_x_m": [20], "user_y_m": [30], "antennas": 5}
ONE_PLACE_TWICE = {"user_x_m": [20, 20], "user_y_m": [30, 30], "full_antennas": [3], "array_sizes": [5], "comm_sweep_dbm": [30]}
ALONG_THE_ARRAY = {"ap_x_m": [0], "ap_y_m": [0], "user_x_m": [10], "user_y_m": [0], "array_orientation": "x_axis", "antennas": 5}
PARTLY_ALONG = {**ALONG_THE_ARRAY, "ap_x_m": [0, 5, 60], "ap_y_m": [30, 30, 60], "user_x_m": [20, 25], "user_y_m": [30, 40]}
FEW_DRAWS = {"direction_draws": 100, "spectrum_draws": 1, "localization_draws": 2, "reflectivity_draws": 1, "grid_step_m": 10.0}
ONE_USER_FAR_TOO_WEAK = {
    **{
        "seed": 3250878779,
        "draws": 4,
        "users": 1,
        "targets": 24,
        "radius_m": 24.5827,
        "min_distance_m": 0.0,
        "noise_dbm": -200.0,
    },
    **{"path_loss_at_1m": 1e-8, "path_loss_exponent": 3.18995, "bandwidth_hz": 87970.3, "harvest_efficiency": 0.0112738},
    **{"time_budget_s": 1e6, "bs_power_w": 1e4, "max_power_w": 0.00010322, "crb_limits_m2": [1e-12], "bs_powers_w": [0.001]},
}
NEXT_TO_NO_SNR = {
    **{"seed": 7, "draws": 4, "users": 10, "targets": 10, "radius_m": 10.0, "min_distance_m": 0.0, "fading": "none"},
    **{"noise_dbm": 50.0, "path_loss_at_1m": 1e-8, "path_loss_exponent": 2.21575, "bandwidth_hz": 1e6, "harvest_efficiency": 1.0},
    **{"time_budget_s": 1e6, "bs_power_w": 1e4, "max_power_w": 4.46706e-06, "crb_limit_m2": 1e6},
}
SEEN_FROM_ONE_DIRECTION = {
    **{"seed": 4294967295, "draws": 4, "users": 1, "targets": 200, "radius_m": 10.0, "min_distance_m": 0.0, "fading": "rayleigh"},
    **{"noise_dbm": -200.0, "path_loss_at_1m": 1e-8, "path_loss_exponent": 6.0, "bandwidth_hz": 1e10, "harvest_efficiency": 1e-6},
    **{"time_budget_s": 1e-6, "bs_power_w": 1e4, "max_power_w": 1e3, "crb_limit_m2": 1e6},
}
CORNERS = {  # section, notebook, values; what the page says, and what it does not say
    "one user, one power": (
        *("wireless_powered", "results", {**ONE_POWER, "fading": "none", "min_distance_m": 10.0, "radius_m": 2.0}),
        *(
            ["takes all powers from one curve", "all schemes grow on every draw: one power only"],
            ["From 10 to 10 W", "raises all powers"],
        ),
    ),
    "a target of which nothing is known": (
        *("wireless_powered", "results", ONE_USER_FAR_TOO_WEAK),
        *(["000-C2: not checkable", "The page goes on with all CRB limits"], ["Warning"]),
    ),
    "an SNR that steps are lost in": (
        *("wireless_powered", "model", NEXT_TO_NO_SNR),
        *(["by the cap 10 of 10 users"], ["Warning"]),
    ),
    "a target that is seen from one direction, to rounding": (
        *("wireless_powered", "model", SEEN_FROM_ONE_DIRECTION),
        *(["at the limit 0 of 200 targets"], ["Warning"]),
    ),
    "no drop meets all floors": (
        *("semi_isac", "results", {**SMALL_WORK, **NO_COMMON_DROP, "pair_rate_bps": [0, 1e12]}),
        *(
            ["no drop is feasible throughout", "Median price over 0 drops"],
            ["the order on common drops is", "The dearest promise"],
        ),
    ),
    "one pair of floors twice, of zero": (
        *("semi_isac", "results", {**SMALL_WORK, **TWICE_THE_SAME, "floor_factors": [1e-4, 1e-3]}),
        *(
            ["002-C12: not checkable", "has no priority here", "sensing-only user is on its floor in 100 %"],
            ["Not confirmed", "so near that"],
        ),
    ),
    "limits that bind nowhere": (
        *("ofdm_ranging", "results", LOOSE),
        *(["003-C8: not checkable", "Power in 8 parts of the band"], ["The loss grows as the limit tightens"]),
    ),
    "anchors at one place": (
        *("foundations", "fisher_information", ONE_PLACE),
        *(
            ["All anchors stand at one place", "maximum likelihood without a value"],
            ["only biased estimates", "jump to the mirror image"],
        ),
    ),
    "limits beyond those of the main run": (
        *("ofdm_ranging", "what_if", {**LOOSE, "weak_target_db": 0, "sweep_draws": 2}),
        *(["(the main run's limits do not reach there)", "A target 0 dB below"], ["-0 dB"]),
    ),
    "two users at one place": (
        *("near_field", "beamforming", {**ONE_POINT, **ONE_PLACE_TWICE}),
        *(["No power reaches this SINR"], ["pdINF", "Not confirmed"]),
    ),
    "no covariance identifies the position": (
        *("near_field", "beamforming", {**ALONG_THE_ARRAY, "full_antennas": [3], "array_sizes": [5], "comm_sweep_dbm": [30]}),
        *(
            [
                "no share of the time meets a position limit",
                "004-C6: not checkable",
                "No alternation to show: no covariance identifies all positions",
                "best beams, certified from",
                "Nothing to explore",
            ],
            ["Not confirmed", "Warning", "The page goes on"],
        ),
    ),
    "positions that two access points do not identify, and all three do": (
        *("near_field", "results", {**PARTLY_ALONG, **FEW_DRAWS}),
        *(
            [
                "An infinite root means that not all positions are identified",
                "one of them is worse by factors from",
                "to ∞; two are worse",
                "At 6 of 6 points not all positions are identified",
            ],
            ["Not confirmed", "Warning", "No covariance identifies"],
        ),
    ),
    "one access point, one user": (
        *("near_field", "model", ONE_POINT),
        *(["where not even all of it locates the users well enough"], ["crude", "| 1e-11 | -"]),
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Of all corners at once: the runs share their imports."""
    root, made, runs = tmp_path_factory.mktemp("corners"), {}, []
    for number, (corner, (name, notebook, values, *_)) in enumerate(CORNERS.items()):
        shutil.copytree(ROOT / "notebooks" / name, root / "notebooks" / name, dirs_exist_ok=True)
        section = plan.load_section(root, name)
        own = section.schema.check(yaml.safe_load(json.dumps(values)), corner)
        made[corner] = plan.custom_run(
            root, section, notebook, {**trial.basis(section, notebook), **own}, f"corner-{number}", "quick"
        )
        runs += [*made[corner].needs, made[corner]]
    ended = {outcome.run.directory: outcome for outcome in carry_out(runs, jobs=1)}
    return {corner: ended[run.directory] for corner, run in made.items()}


@pytest.mark.parametrize("corner", CORNERS)
def test_a_page_at_a_corner_says_what_its_set_shows(corner, outcomes):
    *_, says, hides = CORNERS[corner]
    outcome = outcomes[corner]
    assert outcome.ok, outcome.failure
    run = outcome.run
    assert trial.without_number(run.directory) == []
    cells = json.loads((run.directory / "notebook.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = " ".join("".join(each.get("text") or each.get("data", {}).get("text/markdown", "")) for each in outputs)
    text = " ".join(re.sub(r"\s+|\*\*", " ", shown + json.dumps(outputs)).split())
    assert [phrase for phrase in says if phrase not in text] == []
    assert [phrase for phrase in hides if phrase in text] == []
