"""Explorers show exactly the numbers they were given, wherever the sliders stand."""

import json
import os

import numpy as np
import pytest
from small_project import ROOT

from compendium.browser.chromium import NoBrowser, browser
from compendium.browser.server import serve
from compendium.notebook import explorers
from compendium.notebook.context import Context
from compendium.notebook.explorers import Bars, Control, Guess, Map, Ranges, Readout, Trace
from compendium.notebook.guesses import Round
from isaclib.foundations import fisher


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


@pytest.mark.parametrize(("label", "figure"), [("paper", "fig-demo-parabola"), ("recovered", "fig-demo-parabola-recovered")])
def test_in_print_a_page_names_a_figure_of_its_own(tmp_path, monkeypatch, label, figure):
    context = Context(section="demo", notebook="results", set_name=label, directory=str(tmp_path))
    monkeypatch.setenv(*context.to_environment().popitem())
    control, readout = Control("Slope", [0.0, 1.0], "1/m"), Readout("Height", [0.0, 1.0], "m")
    explorers.show("small", controls=[control], readouts=[readout], caption="", fallback="parabola")
    assert f"In print, see {{numref}}`{figure}`." in (tmp_path / "explorers" / "small.md").read_text()


def test_moved_by_script_it_shows_the_numbers_of_the_grid(finished, book):
    spec = json.loads((finished / "build/runs/demo/results/quick/explorers/heights.json").read_text())
    try:
        with serve(book) as address, browser() as chromium:
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
    with pytest.raises(ValueError, match="either covariances or ranges"):
        explorers.specification(controls, readouts, [], False, [Map("Place", **places, **(drawn | {"covariances": None}))])
    with pytest.raises(ValueError, match=r"users have shape \(3, 2\)"):
        explorers.specification(controls, readouts, [], False, [Map("Place", **(places | {"users": np.ones((3, 2))}), **drawn)])
    with pytest.raises(ValueError, match="Pulse has shape"):
        explorers.specification(controls, readouts, [], False, [Trace("Pulse", [0.0], "Delay", np.ones(2))])


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page with what a notebook kept, opened from its file as a reader without a server opens it."""
    context = Context(section="demo", notebook="results", set_name="quick", directory=str(tmp_path))
    monkeypatch.setenv(*context.to_environment().popitem())

    def opened(chromium, name):
        fragment = (tmp_path / "explorers" / f"{name}.md").read_text()
        html = fragment.partition("```{raw} html\n")[2].partition("```")[0]
        path = tmp_path / f"{name}.html"
        path.write_text(html.replace("../../_static", (ROOT / "book" / "_static").as_uri()))
        tab = chromium.new_page()
        tab.goto(path.as_uri())
        return tab

    return opened


def browsed():
    try:
        with browser() as chromium:
            yield chromium
    except NoBrowser:
        assert os.environ.get("CI") != "true", "CI must have a browser"


def test_a_dragged_target_has_the_bound_of_the_place_where_it_was_put(page):
    """The page's own formula against isaclib's: two ranges over a relay and one echo, with a height and a distance law."""
    stations, start, height = np.array([[0.0, 0.0], [8.0, -3.0], [-5.0, 6.0]]), np.array([2.0, 5.0]), 1.5
    ends = np.stack([stations, np.broadcast_to(stations[0], stations.shape)], axis=1)
    anchors = np.concatenate([ends, np.full((3, 2, 1), height)], axis=2)
    coefficients, spent = np.array([40.0, 7.0, 9.0]), np.array([0.5, 2.0, 1.0])

    def bound(at):
        rays = np.append(at, 0.0) - anchors
        far = np.linalg.norm(rays, axis=2)
        stood = np.linalg.norm(np.append(start, 0.0) - anchors[:, 0], axis=1)
        fall = (np.maximum(far[:, 0], 3.0) / np.maximum(stood, 3.0)) ** -2.5
        return float(fisher.crb_trace((rays / far[..., None]).sum(axis=1)[:, :2], coefficients * spent * fall))

    ranges = Ranges(anchors[None], coefficients[None, None], spent[None], exponent=2.5, nearest=3.0)
    drawn = Map("Place", stations[None, :1], stations[None, 1:], start[None, None], np.ones((1, 2)), "power", ranges=ranges)
    shown = {"controls": [Control("draw", ["draw 0"])], "readouts": [Readout("value", [1.0])], "pictures": [drawn]}
    explorers.show("place", **shown, caption="c", fallback="f")
    for chromium in browsed():
        tab = page(chromium, "place")
        target = tab.locator(".isac-target")
        note = tab.locator(".isac-note")
        said = float(note.inner_text().rsplit(":", 1)[1].removesuffix(" m."))
        assert said == pytest.approx(np.sqrt(bound(start)), rel=5e-4)
        ellipse = tab.locator(".isac-ellipse")
        before = [float(ellipse.get_attribute(name)) for name in ("rx", "ry")]
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        tab.mouse.down()
        tab.mouse.move(box["x"] - 160, box["y"] - 90, steps=4)
        tab.mouse.up()
        target.press("Shift+ArrowLeft")
        name = target.get_attribute("aria-label")
        shown_at = name.split(" at ")[1].split(" m:")[0].replace("\N{MINUS SIGN}", "-")
        place = np.array([float(part) for part in shown_at.split(", ")])
        assert np.linalg.norm(place - start) > 1
        assert float(name.split("error ")[1].split(" m;")[0]) == pytest.approx(np.sqrt(bound(place)), rel=5e-4)
        assert note.inner_text().startswith("Dragged")
        assert [float(ellipse.get_attribute(name)) for name in ("rx", "ry")] != before
        tab.locator("button").click()
        assert not note.inner_text().startswith("Dragged")


def test_the_game_counts_rates_promises_and_the_gap(page):
    def rates(shares, powers):
        users = [0, 1, 1]
        band, power = 2e7 * np.array(shares)[users], np.array(powers)[users]
        scnr = np.array(one.signal) * power / (np.array(one.clutter) * power + 4e-21 * band)
        return band * np.log2(1 + scnr)

    one = Round("Drop 0", [3e-12, 1e-7, 8e-12], [2e-14, 0.0, 5e-14], [6e6, 2e6, 1e6], [0.25, 0.75], [0.1, 0.4], 1.5e8)
    game = Guess(["a", "b"], [("sensed", 0), ("data", 1), ("echo", 1)], [0.5, 0.25, 0.25], "Sum", 2e7, 4e-21, 0.5, [one, one])
    explorers.guess("split", game, caption="c", fallback="f")
    with pytest.raises(ValueError, match="does not fit"):
        Guess(["a"], game.services, game.weights, "Sum", 1.0, 1.0, 1.0, [one]).described()
    for chromium in browsed():
        tab = page(chromium, "split")
        sliders, verdict = tab.locator("input").all(), tab.locator(".isac-verdict-of-guess")
        for slider, step in zip(sliders, (10, 90, 40, 75), strict=True):
            slider.fill(str(step))
        parts = 10.0 ** (np.array([[10, 90], [40, 75]]) / 40)
        shares, powers = parts / parts.sum(axis=1, keepdims=True)
        own, best = rates(shares, 0.5 * powers), rates(one.shares, one.powers_w)
        told = tab.locator(".isac-wide").get_attribute("aria-label")
        shown = [float(part.split(" Mbit/s")[0].rsplit(" ", 1)[1]) for part in told.removeprefix("Rates: ").split(";")]
        assert shown == pytest.approx(own / 1e6, rel=5e-4)
        assert own[0] < 6e6 and f"sensed gets {shown[0]:.4g} Mbit/s of 6 Mbit/s promised" in verdict.inner_text()
        tab.locator("button").nth(1).click()  # everybody alike
        equal = rates([0.5, 0.5], [0.25, 0.25])
        assert np.all(equal > one.floors_bps)
        tab.locator("button").first.click()  # the optimum
        text = verdict.inner_text()
        value, most = (float(np.dot(game.weights, found)) for found in (equal, best))
        assert f"Sum: {value / 1e6:.4g} Mbit/s" in text and f"optimum: {most / 1e6:.4g} Mbit/s" in text
        assert f"{100 * (1 - value / most):.2g} % below" in text
        tab.locator("button").nth(2).click()
        assert "optimum" not in verdict.inner_text()
