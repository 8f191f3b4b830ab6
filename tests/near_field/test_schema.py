"""What the schema refuses before a kernel starts is what the library would refuse in it."""

from pathlib import Path

import numpy as np
import pytest

from compendium.runs.errors import ParameterError
from compendium.runs.schema_files import load_schema
from isaclib import InvalidScenario
from isaclib import near_field as nf

SCHEMA = load_schema(Path(__file__).resolve().parents[2] / "notebooks" / "near_field")

STANDING = {
    "on a centre": {"antennas": 20, "user_x_m": [10.0, 2.0], "user_y_m": [20.0, 2.0]},
    "on an antenna": {
        "array_orientation": "x_axis",
        "antennas": 21,
        "antenna_spacing_m": 0.5,
        "user_x_m": [55.0, 2.0],
        "user_y_m": [30.0, 2.0],
    },
}


@pytest.mark.parametrize("case", STANDING)
def test_a_user_on_an_array(case):
    values = SCHEMA.load_named("quick") | STANDING[case]
    with pytest.raises(ParameterError, match="move the user") as refusal:
        SCHEMA.relate(values, "own")
    assert len(str(refusal.value)) < 500  # a line or two, not the whole relation
    aps = np.column_stack([values["ap_x_m"], values["ap_y_m"]])
    users = np.column_stack([values["user_x_m"], values["user_y_m"]])
    fields = {name: values[name] for name in ("antennas", "antenna_spacing_m")}
    axis = {"array_angles_rad": np.zeros(len(aps))} if case == "on an antenna" else {}
    with pytest.raises(InvalidScenario, match="move the user"):
        nf.Scenario.random(np.random.default_rng(0), ap_positions_m=aps, user_positions_m=users, **fields, **axis)
    beside = values | {"user_x_m": [values["user_x_m"][0] + 0.01, 2.0]}
    assert SCHEMA.relate(beside, "own") == beside


@pytest.mark.parametrize(("x", "size", "stands"), [(0.0, 4, True), (1.5, 4, True), (1.5, 5, False), (2.0, 5, True)])
def test_a_user_of_the_third_figure_on_its_array(x, size, stands):
    values = SCHEMA.load_named("quick") | {"antenna_spacing_m": 1.0, "error_antennas": [size]}
    values |= {"error_user_x_m": [x, 3.0], "error_user_y_m": [0.0, 3.0]}
    if stands:
        with pytest.raises(ParameterError, match=r"move the user of Fig. 3"):
            SCHEMA.relate(values, "own")
    else:
        assert SCHEMA.relate(values, "own") == values


def test_a_share_that_leaves_no_time_to_look_is_refused_where_snapshots_are_counted():
    values = SCHEMA.load_named("quick") | {"block_s": 0.1, "sensing_block_s": 0.0033, "time_allocation": 0.99}
    with pytest.raises(ParameterError, match="leave time to look"):
        SCHEMA.relate(values, "own")
    assert SCHEMA.relate(values | {"time_allocation": 0.97}, "own")
    del values["spectrum_draws"]
    assert SCHEMA.relate(values, "own") == values
