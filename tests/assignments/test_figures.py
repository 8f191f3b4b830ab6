"""Curves of a figure are found again in whatever units they are drawn, and wrong ones are not."""

import nbformat
import numpy as np
import pytest

from compendium.classroom import figures
from compendium.classroom.execution import execute
from compendium.classroom.sandbox import Limits

AT = np.geomspace(1e-3, 1e3, 200)
CURVE = (AT, np.log2(1 + AT))


@pytest.mark.parametrize(
    "line, found",
    [
        (CURVE, True),
        ((AT * 1e3, CURVE[1]), True),  # milliwatts
        ((AT, CURVE[1] / 1e6), True),  # megabit
        ((AT[::7], CURVE[1][::7] * 1.01), True),
        ((AT[::-1], CURVE[1][::-1]), True),
        ((AT[60:], CURVE[1][60:]), True),
        ((AT[150:], CURVE[1][150:]), False),  # a quarter of it
        ((AT, CURVE[1] * 1.1), False),
        ((AT, np.log(1 + AT)), False),
        ((AT, np.log2(1 + 2 * AT)), False),
        ((AT[:3], CURVE[1][:3]), False),
        ((AT, np.full(200, np.nan)), False),
        ((np.zeros(200), np.zeros(200)), False),
    ],
)
def test_a_curve_is_found_in_whatever_units(line, found):
    assert figures.same_curve(line, CURVE, "log") == found


def test_angles_may_be_in_degrees_or_radians():
    angle = np.linspace(2, 178, 100)
    curve = angle, 1 / np.sin(np.deg2rad(angle))
    assert figures.same_curve((np.deg2rad(angle), curve[1]), curve)
    assert not figures.same_curve((angle, 1 / np.cos(np.deg2rad(angle))), curve)


def axes(*lines, x="Power (W)", y="Rate (bit/s)"):
    return (x, y, "log", list(lines))


def test_what_is_missing_is_named():
    mark = np.array([1.0, 1.0]), np.array([0.0, 1.0])
    key = [axes(CURVE, (AT, 2 * CURVE[1]), mark)]
    assert figures.compared([axes(CURVE, mark)], key) == "1 of 2 curves of the key found"
    assert figures.compared([axes((AT, 2 * CURVE[1])), axes(CURVE)], key) == "2 of 2 curves of the key found"
    assert figures.compared([axes(CURVE, x="", y=" ")], key).endswith("no label at x and y")
    assert figures.compared([], key) == "no figure with lines found"


@pytest.mark.parametrize("told", ["", "{", "[[1, 2]]", "[[1, 2, 3, 4]]", '[["x", "y", "log", [["a", "b"]]]]', "null", "[[]]"])
def test_whatever_a_kernel_tells_is_read_or_dropped(told):
    assert figures.read(told) == []


def test_the_lines_of_a_cell_are_seen_before_its_figure_is_closed(tmp_path):
    mark = {"nbgrader": {"grade": True, "solution": True}}
    draw = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3, 4, 5], [1, 4, 9, 16, 25])\nplt.xlabel('a')"
    cells = [nbformat.v4.new_code_cell(source, metadata=mark) for source in (draw, "1", "raise ValueError")]
    result = execute(nbformat.v4.new_notebook(cells=cells), tmp_path / "run", Limits(), lambda cell: False)
    ((x_label, y_label, scale, ((x, y),)),) = result.drawn[0]
    assert (x_label, y_label, scale) == ("a", "", "linear") and y.tolist() == [1, 4, 9, 16, 25] == (x**2).tolist()
    assert result.drawn[1] == result.drawn[2] == [] and "image/png" in str(result.notebook.cells[0].outputs)
