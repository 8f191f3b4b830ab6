"""The house style: schemes that can be told apart, units that are demanded, files that do not change by themselves."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from isaclib.foundations import plotting

ROLES = ("exact", "paper", "benchmark_1", "benchmark_2", "benchmark_3", "reference")


def luminance(colour):
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("colour", [plotting.INK, *plotting.COLOURS])
def test_every_colour_is_legible_on_white(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5  # the contrast that WCAG AA asks of text


def test_schemes_differ_without_their_colour():
    looks = {(str(plotting.role(name)["linestyle"]), plotting.role(name)["marker"]) for name in ROLES}
    assert len(looks) == len(ROLES)
    series = {(plotting.style(i)["color"], str(plotting.style(i)["linestyle"]), plotting.style(i)["marker"]) for i in range(18)}
    assert len(series) == 18


def test_a_role_cannot_be_changed_by_its_user():
    plotting.role("exact")["color"] = "red"
    assert plotting.role("exact")["color"] == plotting.INK
    with pytest.raises(ValueError, match=r"name: 'best' is not a known choice .use one of 'exact', 'paper'"):
        plotting.role("best")


def test_legends_and_later_lines_keep_the_house_style():
    _, ax = plotting.subplots()
    (later,) = ax.plot([0, 1], [0, 1], label="later")
    legend = ax.legend()
    assert not legend.get_frame_on(), "a white box would shine on a dark page"
    assert later.get_linewidth() == pytest.approx(1.7)
    assert legend.get_texts()[0].get_color() == plotting.INK


def test_line_draws_band_and_markers():
    _, ax = plotting.subplots()
    few = plotting.line(ax, np.arange(5), np.arange(5), "paper", label="paper", low=np.zeros(5), high=np.full(5, 6))
    many = plotting.line(ax, np.arange(50), np.arange(50), 1)
    assert few.get_marker() == "o" and many.get_marker() == ""
    assert few.get_label() == "paper"
    assert len(ax.collections) == 1
    assert plotting.line(ax, [0, 1], [0, 1], "exact", linewidth=1.0).get_linewidth() == 1.0


@pytest.mark.parametrize(
    ("label", "complaints"), [("Range (m)", 0), ("Gain (W/m$^2$)", 0), ("Ratio (1)", 0), ("Range", 1), ("", 1)]
)
def test_axes_without_a_unit_are_found(label, complaints):
    figure, ax = plotting.subplots()
    ax.plot([0, 1], [0, 1])
    ax.set(xlabel=label, ylabel="Rate (bit/s)")
    problems = plotting.unlabelled_axes(figure)
    assert len(problems) == complaints
    assert all("x label" in problem for problem in problems)


def test_shared_and_named_axes_need_no_label_of_their_own():
    figure, axes = plotting.subplots(2, 1, sharex=True)
    for ax in axes:
        ax.plot([0, 1], [0, 1])
        ax.set_ylabel("Rate (bit/s)")
    axes[1].set_xlabel("Range (m)")
    assert plotting.unlabelled_axes(figure) == []
    figure, ax = plotting.subplots()
    ax.bar(["a", "b"], [1, 2])
    ax.set_ylabel("Rate (bit/s)")
    figure.canvas.draw()
    assert plotting.unlabelled_axes(figure) == []


def test_a_file_has_the_same_bytes_each_time(tmp_path):
    for name in ("first.svg", "second.svg"):
        figure, ax = plotting.subplots(1, 2, width=5.0)
        plotting.line(ax[0], [0, 1], [0, 1], "exact")
        plotting.save_svg(figure, tmp_path / name)
    first = (tmp_path / "first.svg").read_bytes()
    assert first == (tmp_path / "second.svg").read_bytes()
    assert b"<svg" in first and b"dc:date" not in first


def test_a_preview_of_a_figure_that_is_laid_out_cuts_no_label():
    """At 75 points per inch letters are rounded to whole pixels: a legend that fits got longer than its room."""
    for more in range(4, 8):
        figure, axes = plotting.subplots(1, 1)
        plotting.line(axes, [20.0, 40.0], [1e-5, 1.0], 0, label="likelihood, isotropic" + "i" * more)
        axes.set(xlabel="Power (dBm)", ylabel="Error (m)", yscale="log")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        plotting.save_svg(figure, io.BytesIO())
        figure.set_layout_engine("none")
        plotting.save_preview(figure, small := io.BytesIO())
        ink = np.asarray(Image.open(small).convert("RGBA"))[..., 3]
        assert ink.shape[1] == 480 and not np.any(ink[:, [0, -1]] > 64) and not np.any(ink[[0, -1]] > 64)
