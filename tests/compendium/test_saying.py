"""What several notebooks say alike: parameters that a function takes, curves with their columns, tables with formats."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from compendium.notebook import claims, figures, tables, words
from compendium.notebook.answers import answer, found_in
from compendium.notebook.context import Context
from compendium.notebook.curves import Curves, legend_above
from compendium.notebook.draws import on_draws
from compendium.notebook.given import taken_by
from compendium.notebook.heat_maps import heat_map
from isaclib.foundations import montecarlo, plotting, units


@pytest.fixture
def run(tmp_path, monkeypatch):
    context = Context(section="demo", notebook="results", set_name="quick", directory=str(tmp_path))
    monkeypatch.setenv(*context.to_environment().popitem())
    monkeypatch.setattr(claims, "_aside", "")
    return tmp_path


def test_a_function_gets_the_parameters_that_it_takes_and_no_others():
    def draw(rng, *, taps=8, noise_w=1.0, max_power_w=1.0, user_positions_m=(), ap_positions_m=()): ...

    values = {"rng": 3, "taps": 2, "other": 1, "noise_dbm": -70.0, "max_power_w": 2.0, "max_power_dbm": 0.0}
    values |= {"user_x_m": [1.0, 2.0], "user_y_m": [3.0, 4.0], "ap_x_m": [0.0]}
    found = taken_by(draw, values)
    assert set(found) == {"taps", "noise_w", "max_power_w", "user_positions_m"}
    assert found["noise_w"] == units.dbm_to_w(-70.0) and found["max_power_w"] == 2.0, "what is given as it is taken comes first"
    assert found["user_positions_m"].tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert taken_by({"taps": 0, "seed": 0}, values) == {"taps": 2}


def test_curves_leave_what_was_drawn():
    figure, axes = plotting.subplots()
    curves = Curves("x_m", np.array([1.0, 2.0]), count=[3, 4])
    average = montecarlo.average(np.array([[1e6, 2e6], [3e6, 5e6], [2e6, 2e6]]))
    drawn = curves.draw(axes, "mean_mbps", average, "exact", unit=1e6, label="mean", band="of")
    curves.draw(axes, "whole", np.array([1, 2]), 0)
    assert list(curves.columns) == ["x_m", "count", "mean_mbps", "of_low", "of_high", "whole"]
    assert np.array_equal(drawn.get_ydata(), average.mean / 1e6) and np.array_equal(curves.columns["of_low"], average.low / 1e6)
    assert curves.columns["whole"].dtype == int, "whole numbers stay whole in the file"
    assert len(axes.collections) == 1, "the band is drawn"
    legend_above(figure, axes, 2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean"]


def test_a_level_is_a_line_and_a_column_and_the_curves_show_themselves(run):
    figure, axes = plotting.subplots()
    curves = Curves("limit_m2", [0.1, 0.2, 0.4])
    curves.level(axes, "optimum_bit", 3.0, "exact", label="optimum")
    axes.set(xlabel="Limit (m$^2$)", ylabel="Bits (bit)")
    told = "long enough for a reader to know"
    curves.show(figure, "flat", caption=told, alt=told)
    kept = pd.read_csv(run / "figures" / "flat.csv")
    assert kept.to_dict("list") == {"limit_m2": [0.1, 0.2, 0.4], "optimum_bit": [3.0] * 3}
    assert axes.lines[0].get_ydata().tolist() == [3.0] * 3 and axes.lines[0].get_marker() == ""


def test_a_function_on_every_draw_does_not_hang_on_their_number():
    def first(rng):
        return rng.random()

    assert on_draws(first, [7, 2], 2) == on_draws(first, [7, 2], 5)[:2] != on_draws(first, 7, 2)


def test_labels_of_a_heat_map_with_many_columns_stand_apart():
    columns = [-5.0, -8.0, -10.0, -15.0, -20.0, -25.0, -30.0, -33.0]
    figure, panels = plotting.subplots(1, 2, height=3.9, sharey=True)
    for axes in panels:
        mesh = heat_map(axes, np.ones((2, 8)), columns, [0.5, 1.0], low=0, high=1)
    figure.colorbar(mesh, ax=panels).set_label("Capacity (Mbit/s)")
    figure.draw_without_rendering()
    for axes in panels:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert all(right.x0 - left.x1 > 5 for left, right in itertools.pairwise(boxes))


def test_a_heat_map_writes_its_numbers_and_leaves_cells_empty():
    _, axes = plotting.subplots()
    mesh = heat_map(axes, [[1.0, np.nan], [3.0, 4.4]], [-8.0, -12.0], [0.5, 1.0], low=1, high=5)
    assert [text.get_text() for text in axes.texts] == ["1", "3", "4"]
    assert [text.get_color() for text in axes.texts] == ["white", "white", "black"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["\N{MINUS SIGN}8", "\N{MINUS SIGN}12"]
    assert np.ma.count_masked(mesh.get_array()) == 1


def test_numbers_of_a_table_have_their_formats(capsys):
    rows = [{"name": "a", "gap": 1.234e-7, "count": 3}, {"name": "b", "gap": np.float64(2e-8), "count": 12}]
    tables.table(rows, formats={"gap": ".1e"}, caption="c")
    shown = capsys.readouterr().out
    assert "| a | 1.2e-07 | 3 |" in shown and "| b | 2.0e-08 | 12 |" in shown
    tables.table({"value": [0.123456, 2.0]}, formats=".2f")
    tables.table(pd.DataFrame({"value": [0.123456]}), precision=3)
    shown = capsys.readouterr().out
    assert "| 0.12 |" in shown and "| 2.00 |" in shown and "| 0.123 |" in shown
    tables.facts({"length (m)": 2.5, "name": "a", "none": float("nan")}, caption="c")
    shown = capsys.readouterr().out
    assert "| quantity | value |" in shown and "| length (m) | 2.5 |" in shown and "| none | – |" in shown


def test_floors_that_nobody_can_meet_are_lowered_and_nothing_is_judged(run):
    possible = SimpleNamespace(feasible=np.array([False, True]), best_attainable=np.array([0.5, 2.0]))
    assert claims.within_reach(possible, rate=4.0) == {"rate": 4.0}
    claims.record("009-C1", ours="1", tolerance="1", reproduced=True)
    hopeless = SimpleNamespace(feasible=np.array([False, False]), best_attainable=np.array([0.5, 0.25]))
    assert claims.within_reach(hopeless, rate=4.0, sensing=8.0) == {"rate": 1.0, "sensing": 2.0}
    claims.record("009-C2", ours="1", tolerance="1", reproduced=True)
    verdicts = [entry["verdict"] for entry in json.loads((run / "claims.json").read_text())]
    assert verdicts == ["reproduced", "not checkable"]


def test_what_has_no_number_is_said_with_a_dash(run, capsys):
    claims.record("009-C1", ours="a gain of nan % over inf m", tolerance="1", reproduced=True)
    entry = json.loads((run / "claims.json").read_text())[0]
    assert entry["ours"] == "a gain of – % over ∞ m (A dash stands where these values give no number.)"
    assert entry["verdict"] == "not checkable"
    answer("It gains nan %.")
    assert found_in(run).startswith("It gains – %. (A dash")
    tables.table({"value": [np.nan, 2.0], "text": [f"{np.nan:.2f}", "Anna"], "limit": [np.inf, 1.0]}, formats={"value": ".1f"})
    assert "| – | – | ∞ |" in capsys.readouterr().out
    assert words.said("a banana, `nan`, 3 %") == "a banana, `nan`, 3 %"


def test_in_a_run_of_ones_own_the_description_is_read_off_the_figure(run, monkeypatch):
    def shown(set_name):
        context = Context(section="demo", notebook="results", set_name=set_name, directory=str(run))
        monkeypatch.setenv(*context.to_environment().popitem())
        figure, axes = plotting.subplots(1, 2)
        axes[0].plot([1.0, 2.0, 3.0], [4.0, np.nan, 8.0], label="optimum")
        axes[0].plot([1.0, 2.0], [np.nan, np.nan], label="SCA")
        axes[0].set(xlabel="Limit (m$^2$)", ylabel="Rate (bit/s)")
        axes[1].bar([0, 1], [1.0, 2.0])
        axes[1].set(xlabel="User (1)", ylabel="Power (W)")
        name = f"rates_{len(set_name)}"
        figures.show(
            figure, name, data={"x": [1]}, caption="The rate over the limit, nan.", alt="A curve that rises to the right."
        )
        return json.loads((run / "figures" / f"{name}.json").read_text())

    assert shown("quick")["alt"] == "A curve that rises to the right."
    own = shown("quick+0123")
    assert own["alt"] == (
        "Panel 1, Rate (bit/s) over Limit (m²): optimum from 4 at 1 to 8 at 3; SCA without a value. "
        "Panel 2, Power (W) over User (1): 2 bars."
    )
    assert "over the limit, –. (A dash" in own["caption"]


def test_an_entry_of_the_legend_stands_for_the_curves_of_its_colour():
    figure, axes = plotting.subplots()
    for height, dash in ((1.0, "-"), (2.0, "--")):
        axes.plot([0.0, 1.0], [0.0, height], dash, color="C1")
    axes.plot([], [], color="C1", label="optimum")
    axes.plot([], [], color="C2", label="SCA")
    axes.set(xlabel="Limit (m)", ylabel="Rate (1)")
    assert words.described(figure) == (
        "Rate (1) over Limit (m): optimum from 0 at 0 to 1 at 1, from 0 at 0 to 2 at 1; SCA without a value."
    )


def test_points_without_a_name_are_counted():
    figure, axes = plotting.subplots()
    for place in (1.0, 2.0, 3.0):
        axes.plot([place], [place], "o")
    axes.plot([0.0, 1.0], [0.0, 1.0])
    axes.axhline(0.5)
    angle = np.linspace(0, 2 * np.pi, 50)
    for radius in (1.0, 2.0):
        axes.plot(radius * np.cos(angle), np.sin(angle))
    axes.set(xlabel="East (m)", ylabel="North (m)")
    told = "a curve from 0 at 0 to 1 at 1; a level; 2 closed curves; 3 points"
    assert words.described(figure) == f"North (m) over East (m): {told}."


def test_an_ellipse_without_numbers_is_a_curve_without_a_value(recwarn):
    figure, axes = plotting.subplots()
    axes.plot(np.full(50, np.nan), np.full(50, np.nan))
    axes.set(xlabel="East (m)", ylabel="North (m)")
    assert words.described(figure) == "North (m) over East (m): a curve without a value." and not recwarn


def test_an_answer_is_kept_for_the_top_of_its_page(run):
    assert found_in(run) == ""
    answer("It is   so.\nAnd no more.")
    assert found_in(run) == "It is so. And no more."
