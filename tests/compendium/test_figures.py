"""A figure without unit, caption or description is refused; what is kept can be drawn again from its numbers."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from compendium.notebook import figures, hidden, narrow
from compendium.notebook.context import Context
from compendium.site.polish import image_size
from isaclib.foundations import plotting

TEXT = {"caption": "A curve that rises with distance.", "alt": "A rising curve over the distance."}


@pytest.fixture
def running(tmp_path, monkeypatch):
    context = Context(section="demo", notebook="results", set_name="paper", directory=str(tmp_path), seed=4, compares=["results"])
    for name, value in context.to_environment().items():
        monkeypatch.setenv(name, value)
    return tmp_path / "figures"


def curve(xlabel="Distance (m)", ylabel="Rate (Mbit/s)"):
    figure, axes = plotting.subplots()
    plotting.line(axes, [0.0, 1.0], [0.0, 2.0], "exact", label="exact")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure


def test_figure_numbers_and_provenance_are_kept(running):
    figures.show(curve(), "rising", data={"x_m": [0.0, 1.0], "rate": [0.1, 2.0]}, paper="Fig. 3", **TEXT)
    assert pd.read_csv(running / "rising.csv").rate.tolist() == [0.1, 2.0]
    svg = (running / "rising.svg").read_text()
    assert svg.startswith("<?xml") and "<text" not in svg  # outlines: the page needs no font
    entry = json.loads((running / "rising.json").read_text())
    assert entry["seed"] == 4 and entry["set"] == "paper"
    text = figures.myst(entry)
    assert ":name: fig-demo-rising" in text and "(Fig. 3 of the paper.)" in text
    assert "{download}`Numbers (CSV) </figures/demo/results/rising.csv>`" in text
    assert "isac run demo results --set paper" in text
    other, what_if = entry | {"page": "results_loud"}, entry | {"page": "what_if_loud", "notebook": "what_if"}
    assert ":name: fig-demo-rising-loud" in figures.myst(other) and ":name:" not in figures.myst(what_if)


NOTHING = [np.nan, np.nan]


def fill(axes, kind):
    if kind == "band":
        plotting.line(axes, [0.0, 1.0], NOTHING, "exact", low=np.array(NOTHING), high=np.array(NOTHING))
        axes.axhline(1.0)
    elif kind == "bars":
        axes.bar([0, 1], NOTHING)
    elif kind == "map":
        axes.pcolormesh(np.ma.masked_invalid(np.full((2, 2), np.nan)), vmin=0, vmax=1)
    elif kind == "points":
        axes.scatter(NOTHING, NOTHING)
    elif kind == "log":
        plotting.line(axes, [1.0, 2.0], NOTHING, "exact")
        axes.set(xscale="log", yscale="log")


@pytest.mark.parametrize("kind", ["band", "bars", "map", "points", "log"])
def test_a_figure_without_any_value_says_so_in_its_place(running, kind):
    figure, axes = plotting.subplots()
    fill(axes, kind)
    axes.set(xlabel="Distance (m)", ylabel="Rate (Mbit/s)")
    figures.show(figure, "empty", data={"rate": NOTHING}, **TEXT)
    assert [text.get_text() for text in axes.texts] == ["no value with\nthese parameters"]
    assert json.loads((running / "empty.json").read_text())["caption"].endswith("no draw of this run gives a value.")


def test_only_the_empty_panel_of_several_says_so(running):
    figure, panels = plotting.subplots(1, 5)
    plotting.line(panels[0], [0.0, 1.0], [0.0, np.nan], "exact")
    panels[1].bar([0, 1], [0.0, 2.0])
    panels[2].pcolormesh(np.array([[0.0, np.nan]]))
    panels[3].scatter([1.0], [2.0])
    fill(panels[4], "band")
    for axes in panels:
        axes.set(xlabel="Distance (m)", ylabel="Rate (Mbit/s)")
    figures.show(figure, "mixed", data={"rate": [1.0]}, **TEXT)
    assert [len(axes.texts) for axes in panels] == [0, 0, 0, 0, 1]
    assert "Where a panel is empty" in json.loads((running / "mixed.json").read_text())["caption"]


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in "ab":
        plotting.save_svg(curve(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("label", ["Distance", "", "Distance in m", "Distance ()"])
def test_an_axis_without_unit_is_refused(running, label):
    with pytest.raises(ValueError, match="x label"):
        figures.show(curve(xlabel=label), "rising", data={"x": [1]}, **TEXT)
    assert not running.exists()


@pytest.mark.parametrize("label", ["Gain (dB)", "Ratio (1)", "Energy (J (per slot))", "Area (m$^2$)"])
def test_units_are_recognised(label):
    assert plotting.unlabelled_axes(curve(xlabel=label)) == []


def test_shared_and_categorical_axes_need_no_second_label():
    figure, axes = plotting.subplots(2, 1, sharex=True)
    for one in axes:
        one.plot([0, 1], [0, 1])
        one.set_ylabel("Power (W)")
    axes[1].set_xlabel("Time (s)")
    assert plotting.unlabelled_axes(figure) == []
    figure, axes = plotting.subplots()
    axes.bar(["exact", "paper"], [1, 2])
    axes.set_ylabel("Power (W)")
    assert plotting.unlabelled_axes(figure) == []


@pytest.mark.parametrize("argument", ["caption", "alt"])
def test_missing_words_are_refused(running, argument):
    with pytest.raises(ValueError, match=argument):
        figures.show(curve(), "rising", data={"x": [1]}, **{**TEXT, argument: " "})


def test_names_are_checked_and_unique(running):
    with pytest.raises(ValueError, match="lower case"):
        figures.show(curve(), "Rising Curve", data={"x": [1]}, **TEXT)
    figures.show(curve(), "rising", data={"x": [1]}, **TEXT)
    with pytest.raises(ValueError, match="used before"):
        figures.show(curve(), "rising", data={"x": [1]}, **TEXT)


def test_columns_of_unequal_length_are_padded(running):
    figures.show(curve(), "rising", data={"x": [1.0, 2.0], "optimum": 5.0}, **TEXT)
    table = pd.read_csv(running / "rising.csv")
    assert table.optimum[0] == 5.0 and np.isnan(table.optimum[1])


def test_cone_solvers_are_noted(running):
    import cvxpy as cp

    from isaclib.foundations import conic

    x = cp.Variable()
    conic.solve(cp.Problem(cp.Minimize(x), [x >= 1]))
    figures.show(curve(), "first", data={"x": [1]}, **TEXT)
    figures.show(curve(), "second", data={"x": [1]}, **TEXT)
    assert json.loads((running / "first.json").read_text())["solver"] == "Clarabel"
    assert json.loads((running / "second.json").read_text())["solver"] == "no cone solver"


def test_roles_and_series_differ_in_more_than_colour():
    looks = [plotting.role(name) for name in ("exact", "paper", "benchmark_1", "benchmark_2", "benchmark_3", "reference")]
    assert len({(str(look["linestyle"]), look["marker"]) for look in looks}) == len(looks)
    series = [plotting.style(index) for index in range(12)]
    assert len({(str(look["linestyle"]), look["marker"]) for look in series}) == 12
    with pytest.raises(ValueError, match="is not a known choice"):
        plotting.role("best")


def contrast(colour: str) -> float:
    """Contrast with white after the accessibility guidelines' relative luminance."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def test_colours_are_dark_enough_for_text():
    assert min(contrast(colour) for colour in (*plotting.COLOURS, plotting.INK)) >= 4.5


def test_a_missing_base_run_says_how_to_make_it(running):
    with pytest.raises(ValueError, match="'model' is not declared"):
        figures.baseline("model", "nothing")
    with pytest.raises(FileNotFoundError, match="isac run demo results --set paper"):
        figures.baseline("results", "nothing")


def test_panels_are_stacked_for_a_phone_and_keep_their_labels(running):
    figure, panels = plotting.subplots(2, 2, width=7.4, sharex=True, sharey="row")
    for row, column in np.ndindex(2, 2):
        plotting.line(panels[row, column], [0.0, 1.0], [row, column], "exact", label="exact")
    panels[0, 0].set(ylabel="Rate (Mbit/s)")
    panels[1, 0].set(ylabel="Loss (%)", xlabel="Distance (m)")
    panels[1, 1].set(xlabel="Distance (m)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figures.show(figure, "panels", data={"x_m": [0.0, 1.0]}, **TEXT)
    wide, tall = (image_size(running / path) for path in ("panels.svg", "narrow/panels.stacked.svg"))
    assert wide[0] > 600 > tall[0] and tall[1] > 1.5 * wide[1]
    assert [panel.get_ylabel() for panel in panels.flat] == ["Rate (Mbit/s)"] * 2 + ["Loss (%)"] * 2
    assert all(panel.get_xlabel() == "Distance (m)" for panel in panels.flat)
    assert all(tick.get_visible() for panel in panels.flat for tick in panel.get_xticklabels() + panel.get_yticklabels())
    places = [panel.get_position() for panel in panels.flat]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(places))


@pytest.mark.parametrize("drawing", [False, True])
def test_a_single_panel_is_drawn_anew_for_a_phone_with_letters_of_the_same_size(running, drawing):
    figure, axes = plotting.subplots()
    plotting.line(axes, [0.0, 1.0], [0.0, 1.0], "exact", label="exact")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set(xlabel="Distance (m)", ylabel="Distance (m)", aspect="equal" if drawing else "auto")
    letters = axes.xaxis.label.get_fontsize()
    figures.show(figure, "single", data={"x_m": [0.0]}, **TEXT)
    wide, narrowed = (image_size(running / path) for path in ("single.svg", "narrow/single.svg"))
    assert 1.3 * narrowed[0] < wide[0] and axes.xaxis.label.get_fontsize() == letters
    assert narrowed[1] < wide[1] if drawing else narrowed[1] >= wide[1]
    (key,) = figure.legends  # the key beside the panel stands above it
    assert axes.get_legend() is None and key.get_window_extent().y0 >= axes.bbox.y1 - 1
    assert not narrow.fit(plotting.subplots(width=4.4)[0])


@pytest.mark.parametrize(("x", "side"), [(0.95, "left"), (0.05, "right"), (0.5, "center")])
@pytest.mark.parametrize("way", ["text", "annotate", "offset"])
def test_words_in_a_panel_are_whole_on_a_phone(way, x, side):
    figure, axes = plotting.subplots()
    axes.plot([0.0, 1.0], [0.0, 1.0])
    axes.set_xlim(0, 1)
    if way == "text":
        words = axes.text(x, 0.5, "a rather long remark", ha=side)
    else:
        coordinates = {"textcoords": "offset points", "xytext": (0, 5)} if way == "offset" else {"xytext": (x, 0.5)}
        words = axes.annotate("a rather long remark", (x, 0.5), ha=side, **coordinates)
    assert narrow.fit(figure)
    figure.draw_without_rendering()
    box = words.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    middle = axes.transData.transform((0.5, 0.5))[0]
    assert (abs(box.x0 + box.width / 2 - middle) < 1) == (side == "center")  # what is whole stays where it was


@pytest.mark.parametrize("level", [0.5, 0.05])
def test_a_key_that_lies_on_a_curve_stands_above_it_on_a_phone(level):
    figure, axes = plotting.subplots()
    axes.plot(np.linspace(0, 1, 50), np.full(50, level), label="exact")
    axes.set_ylim(0, 1)
    axes.legend(loc="lower left")
    assert narrow.fit(figure)
    figure.draw_without_rendering()
    moved = axes.get_legend() is None
    assert moved == (level == 0.05)
    key = figure.legends[0] if moved else axes.get_legend()
    assert (key.get_window_extent().y0 >= axes.bbox.y1 - 1) == moved


@pytest.mark.parametrize("of_figure", [False, True])
@pytest.mark.parametrize(
    ("shift", "solid", "words"),
    [(0.0, True, "main run (under “this set”)"), (0.1, True, "main run"), (0.0, False, "main run")],
)
def test_the_key_says_which_curve_lies_under_another(of_figure, shift, solid, words):
    figure, axes = plotting.subplots()
    axes.plot([0.0, 1.0, 2.0], [1.0, 3.0 + shift, 5.0], "--", linewidth=0.8, label="main run")
    plotting.line(axes, [0.0, 2.0], [1.0, 5.0], "exact", label="this set", linestyle="-" if solid else ":")
    axes.plot([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], ":", label="elsewhere")
    key = figure.legend(*axes.get_legend_handles_labels()) if of_figure else axes.legend()
    hidden.say_what_is_hidden(figure)
    assert [text.get_text() for text in key.get_texts()] == [words, "this set", "elsewhere"]


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_key_and_labels_for_a_phone_are_no_wider_than_it(side):
    figure, panels = plotting.subplots(1, 2, width=7.4)
    words = [f"a scheme with a long name {number}" for number in range(5)]
    for word in words:
        plotting.line(panels[0], [0.0, 1.0], [0.0, 1.0], "exact", label=word)
    panels[0].set(ylabel="Worst standard deviation of a range, full power over exact (1)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc=f"outside {side} center", ncols=5, title="schemes")
    assert narrow.fit(figure)
    figure.draw_without_rendering()
    (key,) = figure.legends
    box, label = key.get_window_extent(), panels[0].yaxis.label
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width and [text.get_text() for text in key.get_texts()] == words
    assert key.get_title().get_text() == "schemes" and (box.y0 > figure.bbox.height / 2) == (side == "upper")
    assert "\n" in label.get_text() and label.get_window_extent().height <= panels[0].bbox.height * 1.05
    assert not any(box.overlaps(panel.get_tightbbox()) for panel in panels)


def test_pictures_whose_colours_are_values_say_so(running):
    figure, axes = plotting.subplots(1, 2)
    axes[0].pcolormesh(np.arange(4.0).reshape(2, 2))
    for panel in axes:
        panel.set(xlabel="Distance (m)", ylabel="Distance (m)")
    figures.show(figure, "coloured", data={"x_m": [0.0]}, **TEXT)
    figures.show(curve(), "plain", data={"x_m": [0.0]}, **TEXT)
    entries = [json.loads((running / f"{name}.json").read_text()) for name in ("coloured", "plain")]
    assert [" isac-map" in figures.myst(entry) for entry in entries] == [True, False]
