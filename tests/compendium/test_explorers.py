"""Explorers show exactly the numbers they were given, wherever the sliders stand."""

import json
import os

import numpy as np
import pytest

from compendium.browser.chromium import NoBrowser, browser
from compendium.browser.server import serve
from compendium.notebook import explorers
from compendium.notebook.context import Context
from compendium.notebook.explorers import Bars, Control, Map, Readout, Trace
from compendium.runs import plan as runs
from compendium.site import build as site


def test_the_grid_is_flat_rounded_and_null_where_infeasible():
    spec = explorers.specification(
        [Control("x", [1.0, 2.0], "m"), Control("kind", ["a", "b"])],
        [Readout("value", [[1 / 3, 2.0], [np.nan, np.inf]])],
        [Bars("share", ["p", "q", "r"], np.arange(12.0).reshape(2, 2, 3))],
        log=False,
    )
    assert spec["readouts"][0]["values"] == [0.333333, 2.0, None, None]
    assert spec["controls"][1]["values"] == ["a", "b"]
    assert spec["bars"][0]["values"] == list(range(12))


def test_shapes_must_fit_the_controls():
    with pytest.raises(ValueError, match=r"value has shape \(3,\)"):
        explorers.specification([Control("x", [1.0, 2.0])], [Readout("value", [1, 2, 3])], [], log=False)
    with pytest.raises(ValueError, match="at least one"):
        explorers.specification([], [Readout("value", 1.0)], [], log=False)


def test_a_page_does_not_grow_without_bound():
    big = np.random.default_rng(0).random((400, 400))
    controls = [Control("x", np.arange(400.0)), Control("y", np.arange(400.0))]
    with pytest.raises(ValueError, match="coarser grid"):
        explorers.show("big", controls=controls, readouts=[Readout("v", big)], caption="c", fallback="f")


@pytest.mark.parametrize(("label", "points"), [("quick+0a1b2c3d", 200_000), ("quick", 0)])
def test_what_cannot_be_explored_is_said_in_words(tmp_path, monkeypatch, capsys, label, points):
    context = Context(section="demo", notebook="results", set_name=label, directory=str(tmp_path))
    monkeypatch.setenv(*context.to_environment().popitem())
    values = np.linspace(0, 1, points)
    control = explorers.Control("Slope", values, "1/m")
    explorers.show(
        "large", controls=[control], readouts=[explorers.Readout("Height", values, "m")], caption="", fallback="parabola"
    )
    assert ("would hold" if points else "Nothing to explore") in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_moved_by_script_it_shows_the_numbers_of_the_grid(finished, tmp_path):
    plan = runs.plan(finished, "quick")
    target = tmp_path / "html"
    site.build(finished, plan, "quick", target)
    spec = json.loads((finished / "build/runs/demo/results/quick/explorers/heights.json").read_text())
    try:
        with serve(target) as address, browser() as chromium:
            tab = chromium.new_page()
            tab.goto(f"{address}/notebooks/demo/results.html")
            slope, end = tab.locator(".isac-explorer input").all()
            for i, s in enumerate(spec["controls"][0]["values"]):
                for j, e in enumerate(spec["controls"][1]["values"]):
                    slope.fill(str(i))
                    end.fill(str(j))
                    shown = tab.locator(".isac-readouts dd").inner_text()
                    expected = "infeasible" if (i, j) == (3, 2) else f"{s * e**2:g} m²"
                    assert shown == expected
            assert end.get_attribute("aria-valuetext") == "3 m"
            assert tab.locator(".isac-pictures svg").count() == 2
    except NoBrowser:
        assert os.environ.get("CI") != "true", "CI must have a browser"


def test_maps_and_traces_hold_what_they_were_given():
    controls = [Control("x", [1.0, 2.0]), Control("draw", ["draw 0", "draw 1"])]
    readouts = [Readout("value", np.ones((2, 2)))]
    trace = Trace("Pulse", [0.0, 1.0, 2.0], "Delay", np.arange(12.0).reshape(2, 2, 3), "dB", limit=0)
    places = {"stations": np.zeros((2, 1, 2)), "users": np.ones((2, 3, 2)), "targets": np.full((2, 2, 2), 5.0)}
    drawn = {"covariances": np.ones((2, 2, 2, 3)), "loads": np.full((2, 2, 3), np.nan), "loads_label": "power"}
    spec = explorers.specification(controls, readouts, [], False, [trace, Map("Place", **places, **drawn)])
    first, second = spec["pictures"]
    assert (first["kind"], first["values"], first["limit"]) == ("trace", list(range(12)), 0)
    assert second["targets"][1] == [[5.0, 5.0], [5.0, 5.0]] and len(second["covariances"]) == 24
    assert second["loads"] == [None] * 12
    with pytest.raises(ValueError, match=r"users have shape \(3, 2\)"):
        explorers.specification(controls, readouts, [], False, [Map("Place", **(places | {"users": np.ones((3, 2))}), **drawn)])
    with pytest.raises(ValueError, match="Pulse has shape"):
        explorers.specification(controls, readouts, [], False, [Trace("Pulse", [0.0], "Delay", np.ones(2))])
